//! ID tokens and userinfo encrypted to the client: OpenID Connect Core §2, §5.3.2, §10.2; RFC 7516.

use josekit::{
    jwe::{self, ECDH_ES, JweHeader, RSA_OAEP_256},
    jwk::{Jwk, alg::ec::EcCurve},
};
use serde_json::{Map, Value, json};
use stepgate::{
    ports::fetch::FetchError,
    protocol::{client_metadata::ClientMetadata, grant_type::GrantType},
};

use crate::{
    security::assert_refused,
    support::{
        Test, TestApp,
        fixtures::{self, ALICE, REDIRECT_URI, SECRET},
        http::Browser,
        op::{answer, claims},
    },
};

pub(crate) fn trials() -> Vec<Test> {
    trials![
        sqlite:
            an_id_token_is_signed_and_then_encrypted,
            userinfo_is_encrypted_signed_or_not,
            a_refreshed_id_token_is_encrypted_too,
            the_key_is_fetched_from_the_jwks_uri,
            without_a_usable_key_nothing_is_issued,
            a_refused_encryption_spends_nothing,
            an_encrypted_id_token_is_opened_by_its_client_alone,
            metadata_names_the_algorithms;
        plain: alg_and_enc_are_registered_together;
    ]
}

/// The two kinds of keys that are encrypted to.
#[derive(Clone, Copy, Debug)]
enum Kind {
    Rsa,
    Ec,
}

impl Kind {
    fn alg(self) -> &'static str {
        match self {
            Self::Rsa => "RSA-OAEP-256",
            Self::Ec => "ECDH-ES",
        }
    }

    fn generate(self) -> Jwk {
        match self {
            Self::Rsa => Jwk::generate_rsa_key(2048).unwrap(),
            Self::Ec => Jwk::generate_ec_key(EcCurve::P256).unwrap(),
        }
    }

    fn decrypt(self, key: &Jwk, token: &str) -> (String, JweHeader) {
        let (plaintext, header) = match self {
            Self::Rsa => {
                jwe::deserialize_compact(token, &RSA_OAEP_256.decrypter_from_jwk(key).unwrap()).unwrap()
            }
            Self::Ec => jwe::deserialize_compact(token, &ECDH_ES.decrypter_from_jwk(key).unwrap()).unwrap(),
        };
        assert_eq!(header.algorithm(), Some(self.alg()));
        assert_eq!(header.claim("zip"), None);
        (String::from_utf8(plaintext).unwrap(), header)
    }
}

fn public(key: &Jwk, more: Value) -> Value {
    let mut public: Map<String, Value> = key.to_public_key().unwrap().as_ref().clone();
    public.extend(more.as_object().unwrap().clone());
    public.into()
}

async fn client(app: &TestApp, more: Value) {
    let mut metadata = json!({
        "redirect_uris": [REDIRECT_URI],
        "grant_types": ["authorization_code", "refresh_token"],
        "response_types": ["code"],
        "refresh_token": {"rotation_type": "ROTATE", "leeway": 0},
    });
    metadata.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
    fixtures::client(&app.app, "sealed", metadata, Some(SECRET)).await;
}

/// Core §2, §10.2; RFC 7519 §5.2: nested, `cty` `JWT`, by the key with the `kid` that the header names.
async fn an_id_token_is_signed_and_then_encrypted(app: TestApp) {
    for kind in [Kind::Rsa, Kind::Ec] {
        for enc in ["A128GCM", "A256GCM"] {
            let key = kind.generate();
            let signing = public(&Kind::Ec.generate(), json!({"kid": "s", "use": "sig"}));
            let keys = [signing, public(&key, json!({"kid": "e", "use": "enc"}))];
            client(
                &app,
                json!({
                    "jwks": {"keys": keys},
                    "id_token_encrypted_response_alg": kind.alg(),
                    "id_token_encrypted_response_enc": enc,
                }),
            )
            .await;
            let tokens = app.tokens("sealed", "openid", ALICE).await;
            let (inner, header) = kind.decrypt(&key, tokens["id_token"].as_str().unwrap());
            assert_eq!(header.content_encryption(), Some(enc));
            assert_eq!((header.content_type(), header.key_id()), (Some("JWT"), Some("e")));
            let told = claims(&inner);
            assert_eq!((&told["aud"], &told["nonce"]), (&json!("sealed"), &json!("a-nonce")));
            assert!(told.get("at_hash").is_some());
            let server = app.app.server("default").await.unwrap().unwrap();
            assert!(stepgate::token::id::verify_hint(&server, &inner).is_some(), "it is signed by us");
        }
    }
}

/// Core §5.3.2: signed and encrypted, nested; encrypted alone, the claims are inside.
async fn userinfo_is_encrypted_signed_or_not(app: TestApp) {
    let key = Kind::Ec.generate();
    for signed in [None, Some("ES256")] {
        client(
            &app,
            json!({
                "jwks": {"keys": [public(&key, json!({}))]},
                "userinfo_signed_response_alg": signed,
                "userinfo_encrypted_response_alg": "ECDH-ES",
                "userinfo_encrypted_response_enc": "A256GCM",
            }),
        )
        .await;
        let tokens = app.tokens("sealed", "openid email", ALICE).await;
        // Only what was asked for is encrypted.
        let sub = claims(tokens["id_token"].as_str().unwrap())["sub"].clone();
        let response = app.userinfo(tokens["access_token"].as_str().unwrap()).await;
        assert_eq!(response.header("content-type"), Some("application/jwt"));
        let (inner, header) = Kind::Ec.decrypt(&key, response.text());
        let told: Value = match signed {
            Some(_) => {
                assert_eq!(header.content_type(), Some("JWT"));
                let told = claims(&inner);
                assert_eq!(told["aud"], "sealed");
                told
            }
            None => {
                assert_eq!(header.content_type(), None);
                serde_json::from_str(&inner).unwrap()
            }
        };
        assert_eq!((&told["sub"], &told["email"]), (&sub, &json!(ALICE)));
    }
}

/// Core §12.2.
async fn a_refreshed_id_token_is_encrypted_too(app: TestApp) {
    let key = Kind::Ec.generate();
    client(&app, id_token_to(&json!([public(&key, json!({}))]))).await;
    let tokens = app.tokens("sealed", "openid offline_access", ALICE).await;
    let refreshed = app.refresh("sealed", tokens["refresh_token"].as_str().unwrap()).await.json();
    let (first, _) = Kind::Ec.decrypt(&key, tokens["id_token"].as_str().unwrap());
    let (second, _) = Kind::Ec.decrypt(&key, refreshed["id_token"].as_str().unwrap());
    assert_eq!(claims(&first)["sub"], claims(&second)["sub"]);
}

fn id_token_to(keys: &Value) -> Value {
    json!({
        "jwks": {"keys": keys},
        "id_token_encrypted_response_alg": "ECDH-ES",
        "id_token_encrypted_response_enc": "A128GCM",
    })
}

/// Core §10.2, §10.2.1: the key in use is the one that the client publishes.
async fn the_key_is_fetched_from_the_jwks_uri(app: TestApp) {
    let (key, uri) = (Kind::Rsa.generate(), "https://app.example.com/keys.json");
    let set = json!({"keys": [public(&key, json!({"use": "enc", "kid": "now"}))]});
    app.fetch.put(uri, set.to_string());
    client(
        &app,
        json!({
            "jwks_uri": uri,
            "id_token_encrypted_response_alg": "RSA-OAEP-256",
            "id_token_encrypted_response_enc": "A128GCM",
        }),
    )
    .await;
    let tokens = app.tokens("sealed", "openid", ALICE).await;
    let (_, header) = Kind::Rsa.decrypt(&key, tokens["id_token"].as_str().unwrap());
    assert_eq!(header.key_id(), Some("now"));
    // Rotated: seen once the set is read again.
    let next = Kind::Rsa.generate();
    let set = json!({"keys": [public(&next, json!({"use": "enc", "kid": "next"}))]});
    app.fetch.put(uri, set.to_string());
    app.clock.advance(3601);
    let tokens = app.tokens("sealed", "openid", ALICE).await;
    let (_, header) = Kind::Rsa.decrypt(&next, tokens["id_token"].as_str().unwrap());
    assert_eq!(header.key_id(), Some("next"));
}

/// A client that asked for encryption gets nothing in clear: not for lack of a key, nor of its key set.
async fn without_a_usable_key_nothing_is_issued(app: TestApp) {
    let ec = Kind::Ec.generate();
    let fetch_fails = json!({
        "jwks_uri": "https://app.example.com/gone.json",
        "id_token_encrypted_response_alg": "ECDH-ES",
        "id_token_encrypted_response_enc": "A128GCM",
    });
    app.fetch.answer("https://app.example.com/gone.json", Err(FetchError::Timeout));
    for metadata in [
        id_token_to(&json!([public(&ec, json!({"use": "sig"}))])),
        id_token_to(&json!([public(&ec, json!({"alg": "ES256"}))])),
        id_token_to(&json!([public(&ec, json!({"y": "AAAA"}))])),
        id_token_to(&json!([public(&Kind::Rsa.generate(), json!({}))])),
        fetch_fails,
    ] {
        client(&app, metadata.clone()).await;
        let code = app.code("sealed", "openid", ALICE).await;
        let response = app.redeem("sealed", &code).await;
        assert_refused(&response, 400, "invalid_request");
        assert!(response.json()["error_description"].as_str().unwrap().contains("encrypt"), "{metadata}");
    }
    // Userinfo likewise.
    client(
        &app,
        json!({
            "jwks": {"keys": [public(&ec, json!({"use": "sig"}))]},
            "userinfo_encrypted_response_alg": "ECDH-ES",
            "userinfo_encrypted_response_enc": "A128GCM",
        }),
    )
    .await;
    let tokens = app.tokens("sealed", "openid email", ALICE).await;
    let response = app.userinfo(tokens["access_token"].as_str().unwrap()).await;
    assert_eq!(response.status, 400);
    assert!(response.header("www-authenticate").unwrap().contains("encrypt"));
    assert!(!response.body_contains(ALICE));
}

/// Nothing changes on refusal: with a key, the same code is good.
async fn a_refused_encryption_spends_nothing(app: TestApp) {
    let key = Kind::Ec.generate();
    client(&app, id_token_to(&json!([public(&key, json!({"use": "sig"}))]))).await;
    let code = app.code("sealed", "openid", ALICE).await;
    assert_refused(&app.redeem("sealed", &code).await, 400, "invalid_request");
    client(&app, id_token_to(&json!([public(&key, json!({"use": "enc"}))]))).await;
    assert_eq!(app.redeem("sealed", &code).await.status, 200);
}

/// What we cannot read ourselves is no token of ours to anybody; what is inside is.
async fn an_encrypted_id_token_is_opened_by_its_client_alone(app: TestApp) {
    let key = Kind::Ec.generate();
    client(&app, id_token_to(&json!([public(&key, json!({}))]))).await;
    let tokens = app.tokens("sealed", "openid", ALICE).await;
    let token = tokens["id_token"].as_str().unwrap();
    assert_eq!(app.introspect(token).await, json!({"active": false}));
    let mut browser = Browser::new();
    browser.open(&app.authorize_url("sealed", &[("id_token_hint", token)])).await;
    assert_eq!(answer(&browser)["error"], "invalid_request");
    let (inner, _) = Kind::Ec.decrypt(&key, token);
    assert_eq!(app.introspect(&inner).await["active"], true);
    app.sign_in(&mut browser, &app.authorize_url("sealed", &[("id_token_hint", &inner)]), ALICE).await;
    assert!(answer(&browser).contains_key("code"));
}

/// Discovery §3.
async fn metadata_names_the_algorithms(app: TestApp) {
    let metadata = app.client().get("/oauth2/default/.well-known/openid-configuration").await.json();
    for what in ["id_token", "userinfo"] {
        let algorithms = &metadata[format!("{what}_encryption_alg_values_supported")];
        assert_eq!(*algorithms, json!(["RSA-OAEP-256", "ECDH-ES"]));
        assert_eq!(
            metadata[format!("{what}_encryption_enc_values_supported")],
            json!(["A128GCM", "A256GCM"])
        );
    }
}

/// Registration §2: `enc` needs `alg`; its default, A128CBC-HS256, is not supported, so `alg` needs `enc`.
fn alg_and_enc_are_registered_together() {
    let key = public(&Kind::Ec.generate(), json!({}));
    for what in ["id_token", "userinfo"] {
        let (alg, enc) = (format!("{what}_encrypted_response_alg"), format!("{what}_encrypted_response_enc"));
        let check = |members: Value| {
            let mut metadata = json!({"redirect_uris": [REDIRECT_URI], "jwks": {"keys": [key]}});
            metadata.as_object_mut().unwrap().extend(members.as_object().unwrap().clone());
            let metadata: ClientMetadata = serde_json::from_value(metadata).unwrap();
            let metadata = metadata.with_defaults();
            assert!(metadata.allows_grant_type(GrantType::AuthorizationCode));
            metadata.validate().map_err(|error| error.member.to_owned())
        };
        assert_eq!(check(json!({&alg: "ECDH-ES", &enc: "A256GCM"})), Ok(()));
        assert_eq!(check(json!({&alg: "ECDH-ES"})), Err(enc.clone()));
        assert_eq!(check(json!({&enc: "A256GCM"})), Err(enc.clone()));
        assert_eq!(check(json!({&alg: "ECDH-ES", &enc: "A128CBC-HS256"})), Err(enc.clone()));
        for weak in ["RSA1_5", "RSA-OAEP", "dir", "PBES2-HS256+A128KW", "none"] {
            assert_eq!(check(json!({&alg: weak, &enc: "A256GCM"})), Err(alg.clone()), "{weak}");
        }
        assert_eq!(check(json!({&alg: "ECDH-ES", &enc: "A256GCM", "jwks": null})), Err(alg.clone()));
    }
}
