//! DPoP proofs (RFC 9449 §4.2) as a client makes and presents them.

use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD};
use http::Method;
use rcgen::{KeyPair, SigningKey as _};
use serde_json::{Value, json};
use stepgate::{
    ports::random::SystemRandom,
    secret::{TokenHash, opaque_token},
};

use super::{
    app::TestApp,
    fixtures::{NATIVE, SECRET, SPA},
    http::{Client, Response},
};

/// The path of the token endpoint of the `default` server.
pub(crate) const TOKEN: &str = "/oauth2/default/v1/token";
/// The path of its userinfo endpoint.
pub(crate) const USERINFO: &str = "/oauth2/default/v1/userinfo";

/// A key that signs proofs (ES256).
pub(crate) struct ProofKey(KeyPair);

impl ProofKey {
    /// A new key.
    pub(crate) fn new() -> Self {
        Self(KeyPair::generate().unwrap())
    }

    /// The public key.
    pub(crate) fn jwk(&self) -> Value {
        let (x, y) = self.0.public_key_raw()[1..].split_at(32);
        json!({"kty": "EC", "crv": "P-256", "x": encode(x), "y": encode(y)})
    }

    /// Its thumbprint (RFC 7638).
    pub(crate) fn jkt(&self) -> String {
        keys::thumbprint(&self.jwk()).unwrap()
    }

    /// The header of a proof that is right in every respect.
    pub(crate) fn header(&self) -> Value {
        json!({"typ": "dpop+jwt", "alg": "ES256", "jwk": self.jwk()})
    }

    /// Signs any header and claims.
    pub(crate) fn sign(&self, header: &Value, claims: &Value) -> String {
        let input = format!("{}.{}", encode(header.to_string()), encode(claims.to_string()));
        let signature = fixed(&self.0.sign(input.as_bytes()).unwrap());
        format!("{input}.{}", encode(signature))
    }

    /// A proof that is right in every respect, with a fresh `jti`.
    pub(crate) fn proof(&self, app: &TestApp, method: &str, path: &str) -> String {
        self.sign(&self.header(), &proof_claims(app, method, path))
    }

    /// The same with further or other claims.
    pub(crate) fn proof_with(&self, app: &TestApp, method: &str, path: &str, claims: &Value) -> String {
        let mut all = proof_claims(app, method, path);
        all.as_object_mut().unwrap().extend(claims.as_object().unwrap().clone());
        self.sign(&self.header(), &all)
    }

    /// A proof for a token request.
    pub(crate) fn for_token(&self, app: &TestApp) -> String {
        self.proof(app, "POST", TOKEN)
    }

    /// A proof for a userinfo request with this access token.
    pub(crate) fn for_userinfo(&self, app: &TestApp, access_token: &str) -> String {
        self.proof_with(app, "GET", USERINFO, &json!({"ath": TokenHash::of(access_token).encoded()}))
    }
}

/// The claims of a proof that is right in every respect.
pub(crate) fn proof_claims(app: &TestApp, method: &str, path: &str) -> Value {
    json!({
        "jti": opaque_token(&SystemRandom).expose(),
        "htm": method,
        "htu": app.url(path),
        "iat": app.app.now().unix_timestamp(),
    })
}

/// Posts a form with `DPoP` headers, as a client of the fixtures authenticates: public ones name themselves.
pub(crate) async fn prove(
    client: &Client,
    (id, host): (&str, &str),
    proofs: &[&str],
    form: &[(&str, &str)],
) -> Response {
    let mut request = client.request(Method::POST, TOKEN).header("host", host);
    for proof in proofs {
        request = request.header("dpop", proof);
    }
    if [SPA, NATIVE].contains(&id) {
        return request.form(&[form, &[("client_id", id)]].concat()).send().await;
    }
    request.basic(id, SECRET).form(form).send().await
}

impl TestApp {
    /// A token request at the `default` server with `DPoP` headers.
    pub(crate) async fn token_proving(&self, id: &str, proofs: &[&str], form: &[(&str, &str)]) -> Response {
        prove(&self.client(), (id, self.app.settings.authority()), proofs, form).await
    }

    /// A userinfo request at the `default` server with `DPoP` headers.
    pub(crate) async fn userinfo_proving(&self, scheme: &str, token: &str, proofs: &[&str]) -> Response {
        let request = self.client().request(Method::GET, USERINFO);
        let mut request = request.header("authorization", &format!("{scheme} {token}"));
        for proof in proofs {
            request = request.header("dpop", proof);
        }
        request.send().await
    }
}

fn encode(bytes: impl AsRef<[u8]>) -> String {
    URL_SAFE_NO_PAD.encode(bytes)
}

/// RFC 7518 §3.4: two numbers of 32 bytes, not the ASN.1 that TLS uses.
fn fixed(der: &[u8]) -> Vec<u8> {
    let mut rest = &der[2..];
    let mut signature = Vec::new();
    for _ in 0..2 {
        let (number, after) = rest[2..].split_at(usize::from(rest[1]));
        let significant = &number[number.len().saturating_sub(32)..];
        signature.extend(std::iter::repeat_n(0, 32 - significant.len()));
        signature.extend_from_slice(significant);
        rest = after;
    }
    signature
}
