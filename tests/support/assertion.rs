//! Client assertions (RFC 7523 §2.2; OpenID Connect Core §9) as a client makes and presents them.

use http::Method;
use serde_json::{Value, json};
use stepgate::{ports::random::SystemRandom, protocol::client_auth::JWT_BEARER, secret::opaque_token};

use super::{
    app::TestApp,
    dpop::{ProofKey, TOKEN},
    http::{Client, Response},
};

impl TestApp {
    /// The claims of an assertion that is right in every respect: five minutes, a fresh `jti`.
    pub(crate) fn assertion_claims(&self, client: &str, audience: impl Into<Value>) -> Value {
        let now = self.app.now().unix_timestamp();
        json!({
            "iss": client,
            "sub": client,
            "aud": audience.into(),
            "iat": now,
            "exp": now + 300,
            "jti": opaque_token(&SystemRandom).expose(),
        })
    }

    /// A token request of a machine that authenticates by assertion.
    pub(crate) async fn token_by_assertion(&self, assertion: &str) -> Response {
        let form = [("grant_type", "client_credentials"), ("scope", "api")];
        // FAPI 2.0 clients owe it, others are free to send it.
        let proof = ProofKey::new().for_token(self);
        present_proving(&self.client(), TOKEN, (assertion, &proof), &form).await
    }
}

/// Claims with some replaced; `null` takes one out.
pub(crate) fn changed(mut claims: Value, changes: &Value) -> Value {
    let members = claims.as_object_mut().unwrap();
    for (name, value) in changes.as_object().unwrap() {
        if value.is_null() {
            members.shift_remove(name);
        } else {
            members.insert(name.clone(), value.clone());
        }
    }
    claims
}

/// Posts a form together with a client assertion.
pub(crate) async fn present(client: &Client, path: &str, assertion: &str, form: &[(&str, &str)]) -> Response {
    let credentials = [("client_assertion_type", JWT_BEARER), ("client_assertion", assertion)];
    client.request(Method::POST, path).form(&[form, &credentials].concat()).send().await
}

/// The same with a DPoP proof.
pub(crate) async fn present_proving(
    client: &Client,
    path: &str,
    (assertion, proof): (&str, &str),
    form: &[(&str, &str)],
) -> Response {
    let credentials = [("client_assertion_type", JWT_BEARER), ("client_assertion", assertion)];
    let request = client.request(Method::POST, path).header("dpop", proof);
    request.form(&[form, &credentials].concat()).send().await
}
