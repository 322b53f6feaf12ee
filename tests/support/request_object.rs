//! Request objects (RFC 9101; OpenID Connect Core §6) as a client makes them.

use http::Method;
use keys::SigningKey;
use serde_json::{Value, json};
use url::Url;

use super::{app::TestApp, assertion::present, fixtures::SECRET, http::Response, op::authorization_request};

impl TestApp {
    /// The claims of a request object for the `default` server that is right in every respect; `more` replaces or adds
    /// members, and takes one out where it is `null`.
    pub(crate) fn request_object(&self, client: &str, more: &Value) -> Value {
        let now = self.app.now().unix_timestamp();
        let mut claims = json!({
            "iss": client,
            "aud": self.url("/oauth2/default"),
            "iat": now,
            "nbf": now,
            "exp": now + 300,
        });
        let members = claims.as_object_mut().unwrap();
        let request = authorization_request(client, &[]);
        members.extend(request.into_iter().map(|(name, value)| (name.to_owned(), json!(value))));
        members.extend(more.as_object().unwrap().clone());
        members.retain(|_, value| !value.is_null());
        claims
    }

    /// A signed one.
    pub(crate) fn signed_request(&self, client: &str, key: &SigningKey, more: &Value) -> String {
        key.sign_jwt(Some("oauth-authz-req+jwt"), &self.request_object(client, more)).unwrap()
    }

    /// The URL of a request at the `default` server with exactly these parameters.
    pub(crate) fn bare_url(&self, params: &[(&str, &str)]) -> String {
        let mut url = Url::parse(&self.url("/oauth2/default/v1/authorize")).unwrap();
        url.query_pairs_mut().extend_pairs(params);
        url.into()
    }

    /// Pushes exactly these parameters, authenticated by `private_key_jwt` if there is a key.
    pub(crate) async fn push_bare(
        &self,
        client: &str,
        key: Option<&SigningKey>,
        form: &[(&str, &str)],
    ) -> Response {
        const PAR: &str = "/oauth2/default/v1/par";
        match key {
            Some(key) => {
                let claims = self.assertion_claims(client, self.url("/oauth2/default"));
                present(&self.client(), PAR, &key.sign_jwt(None, &claims).unwrap(), form).await
            }
            None => self.client().request(Method::POST, PAR).basic(client, SECRET).form(form).send().await,
        }
    }
}
