//! Pushed authorization requests (RFC 9126) as a client makes them and a browser opens them.

use http::Method;
use keys::SigningKey;
use url::Url;

use super::{
    app::TestApp,
    assertion::present,
    fixtures::SECRET,
    http::Response,
    op::{authorization_request, base},
};

impl TestApp {
    /// Pushes an authorization request to the `default` server, authenticated by `client_secret_basic`; `more` as for
    /// [`Self::authorize_url`].
    pub(crate) async fn push(&self, client: &str, more: &[(&str, &str)]) -> Response {
        self.push_at("default", client, more).await
    }

    /// Pushes an authorization request to an authorization server.
    pub(crate) async fn push_at(&self, server: &str, client: &str, more: &[(&str, &str)]) -> Response {
        let request =
            self.client().request(Method::POST, &format!("{}/v1/par", base(server))).basic(client, SECRET);
        request.form(&authorization_request(client, more)).send().await
    }

    /// Pushes an authorization request to the `default` server, authenticated by `private_key_jwt`.
    pub(crate) async fn push_by_assertion(
        &self,
        client: &str,
        key: &SigningKey,
        more: &[(&str, &str)],
    ) -> Response {
        let claims = self.assertion_claims(client, self.url("/oauth2/default"));
        let assertion = key.sign_jwt(None, &claims).unwrap();
        let form = authorization_request(client, more);
        present(&self.client(), "/oauth2/default/v1/par", &assertion, &form).await
    }

    /// The name of a request that was taken.
    pub(crate) async fn pushed(&self, client: &str, more: &[(&str, &str)]) -> String {
        request_uri(&self.push(client, more).await)
    }

    /// Where a browser opens a pushed request of the `default` server.
    pub(crate) fn pushed_url(&self, client: &str, request_uri: &str) -> String {
        let mut url = Url::parse(&self.url("/oauth2/default/v1/authorize")).unwrap();
        url.query_pairs_mut().append_pair("client_id", client).append_pair("request_uri", request_uri);
        url.into()
    }
}

/// The name that an answer gives to a request.
#[track_caller]
pub(crate) fn request_uri(pushed: &Response) -> String {
    assert_eq!(pushed.status, 201, "{}", pushed.text());
    pushed.json()["request_uri"].as_str().unwrap().to_owned()
}
