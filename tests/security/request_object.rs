//! F7–F9 and B7: request objects (RFC 9101 §10; FAPI 2.0 Message Signing §5.3.1).

use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD};
use keys::{Algorithm, SigningKey};
use serde_json::{Value, json};
use stepgate::ports::fetch::Fetched;

use super::{assert_page, assert_refused, traces};
use crate::support::{
    Test, TestApp,
    fixtures::{self, ALICE, REDIRECT_URI, SECRET, WEB},
    http::Browser,
    op::{CHALLENGE, VERIFIER, answer},
};

pub(crate) fn trials() -> Vec<Test> {
    trials![sqlite:
        sec_f07_an_object_that_proves_nothing_is_refused,
        sec_f07_nothing_outside_counts_where_requests_are_signed,
        sec_f08_an_encrypted_object_is_no_way_around_the_signature,
        sec_f09_no_address_is_fetched_that_was_not_registered,
        sec_f09_an_address_is_not_fetched_for_every_request,
        sec_f03_an_object_names_no_other,
        sec_b07_the_signed_challenge_wins_and_is_not_merged
    ]
}

const CLIENT: &str = "signing";

async fn register(app: &TestApp, key: &SigningKey, more: &Value) {
    let mut metadata = json!({
        "redirect_uris": [REDIRECT_URI],
        "grant_types": ["authorization_code"],
        "jwks": {"keys": [key.public_jwk()]},
    });
    metadata.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
    fixtures::client(&app.app, CLIENT, metadata, Some(SECRET)).await;
}

fn key() -> SigningKey {
    SigningKey::generate(Algorithm::Es256).unwrap()
}

async fn signed_in(app: &TestApp) -> Browser {
    let mut browser = Browser::new();
    app.code_in(&mut browser, "default", WEB, &[], ALICE).await;
    browser
}

fn unsigned(header: &Value, claims: &Value, signature: &str) -> String {
    let encode = |value: &Value| URL_SAFE_NO_PAD.encode(value.to_string());
    format!("{}.{}.{signature}", encode(header), encode(claims))
}

/// F7: RFC 9101 §6, RFC 8725 §3.
async fn sec_f07_an_object_that_proves_nothing_is_refused(app: TestApp) {
    let key = key();
    register(&app, &key, &json!({})).await;
    let mut browser = signed_in(&app).await;
    let now = app.app.now().unix_timestamp();
    let right = app.request_object(CLIENT, &json!({}));
    let good = app.signed_request(CLIENT, &key, &json!({}));
    let (signed, signature) = good.rsplit_once('.').unwrap();
    let (header, _) = signed.split_once('.').unwrap();
    let altered = app.request_object(CLIENT, &json!({"scope": "openid profile"}));
    let altered = URL_SAFE_NO_PAD.encode(altered.to_string());
    let mut bad: Vec<String> = vec![
        unsigned(&json!({"alg": "none"}), &right, ""),
        unsigned(&json!({"alg": "none"}), &right, signature),
        unsigned(&json!({"alg": "HS256"}), &right, signature),
        unsigned(&json!({"alg": "ES256", "crit": ["x"]}), &right, signature),
        unsigned(&json!({"alg": "ES256", "jwk": key.public_jwk()}), &right, signature),
        format!("{signed}."),
        format!("{header}.{altered}.{signature}"),
        format!("{signed}.{}", URL_SAFE_NO_PAD.encode([0; 64])),
        app.signed_request(CLIENT, &SigningKey::generate(Algorithm::Es256).unwrap(), &json!({})),
        right.to_string(),
        // A claim twice: which one counts would be a matter of taste.
        {
            let twice = right.to_string().replacen('{', "{\"scope\":\"openid profile\",", 1);
            format!("{header}.{}.{signature}", URL_SAFE_NO_PAD.encode(twice))
        },
    ];
    for more in [
        json!({"exp": now - 1}),
        json!({"exp": now + 3700}),
        json!({"exp": "soon"}),
        json!({"nbf": now + 120}),
        json!({"iat": now + 120}),
        json!({"aud": null}),
        json!({"aud": app.issuer}),
        json!({"aud": format!("{}/", app.url("/oauth2/default"))}),
        json!({"aud": []}),
        json!({"iss": WEB}),
        json!({"iss": 7}),
        json!({"client_id": WEB}),
        json!({"sub": CLIENT}),
        json!({"state": "s".repeat(2049)}),
        json!({"state": "a\u{0}b"}),
    ] {
        bad.push(app.signed_request(CLIENT, &key, &more));
    }
    // Other JWTs that the client signs, and that we do.
    let assertion = app.assertion_claims(CLIENT, app.url("/oauth2/default"));
    bad.push(key.sign_jwt(None, &assertion).unwrap());
    bad.extend(["dpop+jwt", "at+jwt", "logout+jwt"].map(|typ| key.sign_jwt(Some(typ), &right).unwrap()));
    bad.push(app.tokens(WEB, "openid", ALICE).await["id_token"].as_str().unwrap().to_owned());
    let before = traces(&app).await;
    for object in bad {
        browser.open(&app.authorize_url(CLIENT, &[("request", &object)])).await;
        let refused = answer(&browser);
        assert_eq!(refused.get("error").map(String::as_str), Some("invalid_request_object"), "{object}");
        assert_eq!(refused["state"], "a-state");
    }
    assert_eq!(traces(&app).await, before);
    browser.open(&app.authorize_url(CLIENT, &[("request", &good)])).await;
    assert!(answer(&browser).contains_key("code"), "{}", browser.url());
}

/// F7: RFC 9101 §6.3, §10.5: a client that signs its requests is not asked anything by whoever writes an address.
async fn sec_f07_nothing_outside_counts_where_requests_are_signed(app: TestApp) {
    let key = key();
    register(&app, &key, &json!({"require_signed_request_object": true})).await;
    let mut browser = signed_in(&app).await;
    browser.open(&app.authorize_url(CLIENT, &[])).await;
    assert_eq!(answer(&browser)["error"], "invalid_request", "unsigned");
    assert_refused(&app.push(CLIENT, &[]).await, 400, "invalid_request");
    let object = app.signed_request(CLIENT, &key, &json!({"state": null, "nonce": null}));
    let more = [
        ("request", object.as_str()),
        ("state", "outer-state"),
        ("nonce", "outer-nonce"),
        ("scope", "openid email"),
        ("prompt", "login"),
    ];
    browser.open(&app.authorize_url(CLIENT, &more)).await;
    let got = answer(&browser);
    assert_eq!(got.keys().collect::<Vec<_>>(), ["code", "iss", "session_state"], "{}", browser.url());
    let tokens = app.redeem(CLIENT, &got["code"]).await.json();
    assert_eq!(tokens["scope"], "openid");
    let id_token = crate::support::op::claims(tokens["id_token"].as_str().unwrap());
    assert_eq!(id_token.get("nonce"), None);
}

/// F8: CVE-2026-9793: five parts are a JWE, whatever they would decrypt to.
async fn sec_f08_an_encrypted_object_is_no_way_around_the_signature(app: TestApp) {
    let key = key();
    register(&app, &key, &json!({})).await;
    let mut browser = signed_in(&app).await;
    let claims = app.request_object(CLIENT, &json!({})).to_string();
    let encode = |text: &str| URL_SAFE_NO_PAD.encode(text);
    for header in [r#"{"alg":"dir","enc":"A256GCM"}"#, r#"{"alg":"RSA-OAEP","enc":"A256GCM","zip":"DEF"}"#] {
        let jwe = format!("{}..{}.{}.{}", encode(header), encode("iv"), encode(&claims), encode("tag"));
        browser.open(&app.authorize_url(CLIENT, &[("request", &jwe)])).await;
        assert_eq!(answer(&browser)["error"], "invalid_request_object");
        assert_refused(&app.push(CLIENT, &[("request", &jwe)]).await, 400, "invalid_request_object");
    }
    let metadata = app.client().get("/oauth2/default/.well-known/openid-configuration").await.json();
    assert!(metadata.get("request_object_encryption_alg_values_supported").is_none());
}

/// F9: the exact address that was registered, fragment included (CVE-2020-10770, CVE-2026-4366).
async fn sec_f09_no_address_is_fetched_that_was_not_registered(app: TestApp) {
    let key = key();
    let registered = "https://app.example.com/request.jwt#hash";
    register(&app, &key, &json!({"request_uris": [registered]})).await;
    let mut browser = signed_in(&app).await;
    let object = app.signed_request(CLIENT, &key, &json!({}));
    let serve = |url: &str| {
        let content_type = Some("application/jwt".to_owned());
        app.fetch.answer(url, Ok(Fetched { status: 200, content_type, body: object.clone().into_bytes() }));
    };
    for uri in [
        "https://app.example.com/request.jwt",
        "https://app.example.com/request.jwt#other",
        "https://app.example.com/request.jwt?x#hash",
        "https://app.example.com/Request.jwt#hash",
        "HTTPS://app.example.com/request.jwt#hash",
        "https://app.example.com:443/request.jwt#hash",
        "https://app.example.com/./request.jwt#hash",
        "http://app.example.com/request.jwt#hash",
        "http://169.254.169.254/latest/meta-data",
        "https://localhost/request.jwt",
        "file:///etc/passwd",
        "data:application/jwt,x",
        "urn:example:x",
    ] {
        serve(uri.split('#').next().unwrap());
        browser.open(&app.authorize_url(CLIENT, &[("request_uri", uri)])).await;
        assert_eq!(answer(&browser)["error"], "invalid_request_uri", "{uri}");
        let evil = [("request_uri", uri), ("redirect_uri", "https://evil.example/")];
        assert_page(&browser.open(&app.authorize_url(CLIENT, &evil)).await, "invalid_request_uri");
    }
    browser.open(&app.authorize_url(WEB, &[("request_uri", registered)])).await;
    assert_eq!(answer(&browser)["error"], "invalid_request_uri", "another client's");
    serve("https://app.example.com/request.jwt");
    browser.open(&app.authorize_url(CLIENT, &[("request_uri", registered)])).await;
    assert!(answer(&browser).contains_key("code"), "{}", browser.url());
    for uri in ["http://app.example.com/r", "https://u@app.example.com/r", "file:///r", "x"] {
        let metadata = json!({"redirect_uris": [REDIRECT_URI], "request_uris": [uri]});
        let metadata: stepgate::protocol::client_metadata::ClientMetadata =
            serde_json::from_value(metadata).unwrap();
        assert_eq!(metadata.with_defaults().validate().unwrap_err().member, "request_uris", "{uri}");
    }
}

/// F9: whoever can write an address cannot make us knock at a client's door as often as they like.
async fn sec_f09_an_address_is_not_fetched_for_every_request(app: TestApp) {
    let key = key();
    let uri = "https://app.example.com/request.jwt";
    register(&app, &key, &json!({"request_uris": [uri]})).await;
    let mut browser = signed_in(&app).await;
    let serve = |state: &str| {
        let body = app.signed_request(CLIENT, &key, &json!({"state": state})).into_bytes();
        let content_type = Some("application/jwt".to_owned());
        app.fetch.answer(uri, Ok(Fetched { status: 200, content_type, body }));
    };
    browser.open(&app.authorize_url(CLIENT, &[("request_uri", uri)])).await;
    assert_eq!(answer(&browser)["error"], "invalid_request_uri");
    serve("first");
    browser.open(&app.authorize_url(CLIENT, &[("request_uri", uri)])).await;
    assert_eq!(answer(&browser)["error"], "invalid_request_uri", "a failure is remembered");
    app.clock.advance(21);
    browser.open(&app.authorize_url(CLIENT, &[("request_uri", uri)])).await;
    assert_eq!(answer(&browser)["state"], "first");
    serve("second");
    browser.open(&app.authorize_url(CLIENT, &[("request_uri", uri)])).await;
    assert_eq!(answer(&browser)["state"], "first", "what was fetched is kept");
    app.clock.advance(61);
    browser.open(&app.authorize_url(CLIENT, &[("request_uri", uri)])).await;
    assert_eq!(answer(&browser)["state"], "second");
}

/// F3: RFC 9101 §4.
async fn sec_f03_an_object_names_no_other(app: TestApp) {
    let key = key();
    register(&app, &key, &json!({})).await;
    let name = app.pushed(CLIENT, &[]).await;
    for more in [json!({"request_uri": name}), json!({"request": "x"})] {
        let object = app.signed_request(CLIENT, &key, &more);
        let refused = app.push_bare(CLIENT, None, &[("request", &object)]).await;
        assert_refused(&refused, 400, "invalid_request_object");
    }
}

/// B7: the challenge and its method come from one place.
async fn sec_b07_the_signed_challenge_wins_and_is_not_merged(app: TestApp) {
    let key = key();
    register(&app, &key, &json!({})).await;
    let mut browser = signed_in(&app).await;
    let object = app.signed_request(CLIENT, &key, &json!({}));
    let other = "x".repeat(43);
    let outside = [("request", object.as_str()), ("code_challenge", other.as_str())];
    browser.open(&app.authorize_url(CLIENT, &outside)).await;
    let code = answer(&browser)["code"].clone();
    assert_eq!(app.redeem(CLIENT, &code).await.status, 200, "the one inside");
    // A method outside does not complete a challenge inside.
    let object = app.signed_request(CLIENT, &key, &json!({"code_challenge_method": null}));
    browser.open(&app.authorize_url(CLIENT, &[("request", &object)])).await;
    assert_eq!(answer(&browser)["error"], "invalid_request");
    // Where only the object counts, a challenge outside is none.
    let object =
        app.signed_request(CLIENT, &key, &json!({"code_challenge": null, "code_challenge_method": null}));
    let form = [
        ("client_id", CLIENT),
        ("request", object.as_str()),
        ("code_challenge", CHALLENGE),
        ("code_challenge_method", "S256"),
    ];
    let pushed = crate::support::par::request_uri(&app.push_bare(CLIENT, None, &form).await);
    browser.open(&app.pushed_url(CLIENT, &pushed)).await;
    let code = answer(&browser)["code"].clone();
    let form = [("grant_type", "authorization_code"), ("code", &code), ("redirect_uri", REDIRECT_URI)];
    let verifier = [("code_verifier", VERIFIER)];
    assert_refused(&app.token(CLIENT, &[&form[..], &verifier[..]].concat()).await, 400, "invalid_grant");
}
