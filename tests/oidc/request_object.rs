//! Request objects (RFC 9101; OpenID Connect Core §6), by the ids of the conformance checklist: J1–J4, V1, V2.

use keys::{Algorithm, MacAlgorithm, MacKey, SigningKey};
use serde_json::{Value, json};
use stepgate::ports::fetch::{FetchError, Fetched};

use crate::{
    security::{assert_page, assert_refused},
    support::{
        Test, TestApp,
        fixtures::{self, ALICE, REDIRECT_URI, SECRET},
        http::Browser,
        op::{answer, claims},
        par::request_uri,
    },
};

pub(crate) fn trials() -> Vec<Test> {
    trials![sqlite:
        oidc_j1_errors_go_to_the_registered_uri_outside,
        oidc_j2_what_is_inside_wins_and_the_rest_is_taken_from_outside,
        oidc_j2_client_and_response_type_are_the_same_inside_and_outside,
        oidc_j2_members_are_json,
        oidc_j2_an_object_may_be_signed_with_the_secret,
        oidc_j2_an_object_can_be_pushed,
        oidc_j3_an_object_is_fetched_from_a_registered_address,
        oidc_j3_keys_are_fetched_too,
        oidc_j4_only_the_registered_algorithm_signs,
        oidc_v1_a_fapi2_client_uses_strong_algorithms_only,
        oidc_v2_the_object_of_a_fapi2_client_says_everything
    ]
}

const CLIENT: &str = "signing";
const OTHER_URI: &str = "https://app.example.com/other";

/// A client that signs its requests, with two redirect URIs.
async fn register(app: &TestApp, key: &SigningKey, more: &Value) {
    let mut metadata = json!({
        "redirect_uris": [REDIRECT_URI, OTHER_URI],
        "grant_types": ["authorization_code"],
        "jwks": {"keys": [key.public_jwk()]},
    });
    metadata.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
    fixtures::client(&app.app, CLIENT, metadata, Some(SECRET)).await;
}

async fn signed_in(app: &TestApp) -> Browser {
    let mut browser = Browser::new();
    app.code_in(&mut browser, "default", fixtures::WEB, &[], ALICE).await;
    browser
}

fn key() -> SigningKey {
    SigningKey::generate(Algorithm::Es256).unwrap()
}

/// J1: never silently ignored; told to the client at the address outside if that is registered (Core §6).
async fn oidc_j1_errors_go_to_the_registered_uri_outside(app: TestApp) {
    register(&app, &key(), &json!({})).await;
    let mut browser = signed_in(&app).await;
    for (name, value, error) in [
        ("request", "eyJhbGciOiJub25lIn0.e30.", "invalid_request_object"),
        ("request", "x", "invalid_request_object"),
        ("request_uri", "https://app.example.com/request.jwt#x", "invalid_request_uri"),
        ("registration", "{}", "registration_not_supported"),
    ] {
        browser.open(&app.authorize_url(CLIENT, &[(name, value)])).await;
        let refused = answer(&browser);
        assert_eq!((refused["error"].as_str(), refused["state"].as_str()), (error, "a-state"), "{name}");
        let elsewhere = [(name, value), ("redirect_uri", "https://evil.example/")];
        let page = browser.open(&app.authorize_url(CLIENT, &elsewhere)).await;
        assert_page(&page, if name == "registration" { "invalid_redirect_uri" } else { error });
    }
    // A wrong address outside harms nothing where the right one is inside, and a wrong one inside is a page.
    let key = key();
    register(&app, &key, &json!({})).await;
    let good = app.signed_request(CLIENT, &key, &json!({}));
    let more = [("request", good.as_str()), ("redirect_uri", "https://evil.example/")];
    browser.open(&app.authorize_url(CLIENT, &more)).await;
    assert!(answer(&browser).contains_key("code"), "{}", browser.url());
    let bad = app.signed_request(CLIENT, &key, &json!({"redirect_uri": "https://evil.example/"}));
    assert_page(
        &browser.open(&app.authorize_url(CLIENT, &[("request", &bad)])).await,
        "invalid_redirect_uri",
    );
}

/// J2: Core §6.1.
async fn oidc_j2_what_is_inside_wins_and_the_rest_is_taken_from_outside(app: TestApp) {
    let key = key();
    register(&app, &key, &json!({})).await;
    let mut browser = signed_in(&app).await;
    let inside = json!({
        "state": "inner-state", "nonce": "inner-nonce", "redirect_uri": OTHER_URI, "scope": "openid profile",
        "code_challenge": null, "code_challenge_method": null,
    });
    let object = app.signed_request(CLIENT, &key, &inside);
    let outside = [("request", object.as_str()), ("scope", "openid email"), ("max_age", "1000")];
    browser.open(&app.authorize_url(CLIENT, &outside)).await;
    assert!(browser.url().as_str().starts_with(OTHER_URI), "{}", browser.url());
    let got = answer(&browser);
    assert_eq!(got["state"], "inner-state");
    let form = [
        ("grant_type", "authorization_code"),
        ("code", got["code"].as_str()),
        ("redirect_uri", OTHER_URI),
        ("code_verifier", crate::support::op::VERIFIER),
    ];
    let tokens = app.token(CLIENT, &form).await.json();
    assert_eq!(tokens["scope"], "openid profile", "{tokens}");
    assert_eq!(claims(tokens["id_token"].as_str().unwrap())["nonce"], "inner-nonce");
    // Only inside: what is not outside is used as well.
    let object = app.signed_request(CLIENT, &key, &json!({"prompt": "none", "state": "only-inside"}));
    let bare = [("client_id", CLIENT), ("request", object.as_str())];
    Browser::new().open(&app.bare_url(&bare)).await;
    let mut nobody = Browser::new();
    nobody.open(&app.bare_url(&bare)).await;
    let refused = answer(&nobody);
    assert_eq!((refused["error"].as_str(), refused["state"].as_str()), ("login_required", "only-inside"));
}

/// J2: RFC 9101 §4, §5; Core §6.1.
async fn oidc_j2_client_and_response_type_are_the_same_inside_and_outside(app: TestApp) {
    let key = key();
    register(
        &app,
        &key,
        &json!({"grant_types": ["authorization_code", "implicit"], "response_types": ["code", "code id_token"]}),
    )
    .await;
    let mut browser = signed_in(&app).await;
    for (inside, error) in [
        (json!({"client_id": "web"}), Some("invalid_request_object")),
        (json!({"response_type": "code id_token"}), Some("invalid_request_object")),
        (json!({"request_uri": "https://app.example.com/r"}), Some("invalid_request_object")),
        (json!({"request": "x"}), Some("invalid_request_object")),
        (json!({"client_id": null}), None),
        (json!({"response_type": null}), None),
        (json!({}), None),
    ] {
        let object = app.signed_request(CLIENT, &key, &inside);
        browser.open(&app.authorize_url(CLIENT, &[("request", &object)])).await;
        assert_eq!(answer(&browser).get("error").map(String::as_str), error, "{inside}");
    }
    // The order of words is no difference.
    let object = app.signed_request(CLIENT, &key, &json!({"response_type": "id_token code"}));
    let more = [("request", object.as_str()), ("response_type", "code id_token")];
    browser.open(&app.authorize_url(CLIENT, &more)).await;
    assert!(browser.url().fragment().unwrap().contains("id_token="), "{}", browser.url());
}

/// J2: numbers are numbers and objects are objects; a member twice is nothing (RFC 8725 §2.4).
async fn oidc_j2_members_are_json(app: TestApp) {
    let key = key();
    register(&app, &key, &json!({})).await;
    let mut browser = signed_in(&app).await;
    app.clock.advance(100);
    let object = app.signed_request(CLIENT, &key, &json!({"max_age": 10, "prompt": "none"}));
    browser.open(&app.authorize_url(CLIENT, &[("request", &object)])).await;
    assert_eq!(answer(&browser)["error"], "login_required", "max_age as a number counts");
    let object =
        app.signed_request(CLIENT, &key, &json!({"max_age": 1000, "claims": {"userinfo": {"x": null}}}));
    browser.open(&app.authorize_url(CLIENT, &[("request", &object)])).await;
    assert!(answer(&browser).contains_key("code"), "{}", browser.url());
}

/// J2: HMAC with a secret that is kept for it (Core §10.1).
async fn oidc_j2_an_object_may_be_signed_with_the_secret(app: TestApp) {
    let mut browser = signed_in(&app).await;
    for (secret, good) in [(SECRET, true), ("another-secret-of-more-than-thirty-two-characters", false)] {
        for algorithm in [MacAlgorithm::Hs256, MacAlgorithm::Hs384, MacAlgorithm::Hs512] {
            let Ok(mac) = MacKey::new(algorithm, secret.as_bytes()) else { continue };
            let object = mac.sign_jwt(None, &app.request_object(fixtures::WEB_JWT, &json!({}))).unwrap();
            browser.open(&app.authorize_url(fixtures::WEB_JWT, &[("request", &object)])).await;
            let expected = (!good).then_some("invalid_request_object");
            assert_eq!(answer(&browser).get("error").map(String::as_str), expected, "{algorithm:?}");
        }
    }
    // The secret of a client that authenticates by it in clear is kept as a digest: it signs nothing.
    let mac = MacKey::new(MacAlgorithm::Hs256, SECRET.as_bytes()).unwrap();
    let object = mac.sign_jwt(None, &app.request_object(fixtures::WEB, &json!({}))).unwrap();
    browser.open(&app.authorize_url(fixtures::WEB, &[("request", &object)])).await;
    assert_eq!(answer(&browser)["error"], "invalid_request_object");
}

/// J2, Q2: a signed request can be pushed; only what is signed counts then (RFC 9126 §3).
async fn oidc_j2_an_object_can_be_pushed(app: TestApp) {
    let key = key();
    register(&app, &key, &json!({})).await;
    let mut browser = signed_in(&app).await;
    let object = app.signed_request(CLIENT, &key, &json!({"state": null}));
    let form = [
        ("client_id", CLIENT),
        ("request", object.as_str()),
        ("state", "outside"),
        ("scope", "openid email"),
    ];
    let name = request_uri(&app.push_bare(CLIENT, None, &form).await);
    browser.open(&app.pushed_url(CLIENT, &name)).await;
    let got = answer(&browser);
    assert!(!got.contains_key("state"), "{got:?}");
    assert_eq!(app.redeem(CLIENT, &got["code"]).await.json()["scope"], "openid");
    for inside in [
        json!({"request_uri": "urn:ietf:params:oauth:request_uri:x"}),
        json!({"aud": "https://evil.example"}),
        json!({"client_id": "web"}),
    ] {
        let object = app.signed_request(CLIENT, &key, &inside);
        let refused = app.push_bare(CLIENT, None, &[("request", &object)]).await;
        assert_refused(&refused, 400, "invalid_request_object");
    }
    let object = app.signed_request(CLIENT, &key, &json!({"redirect_uri": "https://evil.example/"}));
    assert_refused(&app.push_bare(CLIENT, None, &[("request", &object)]).await, 400, "invalid_request");
    assert_refused(&app.push_bare(CLIENT, None, &[("request", "x")]).await, 400, "invalid_request_object");
}

const REQUEST_URI: &str = "https://app.example.com/request.jwt#a-hash";

fn serve(app: &TestApp, status: u16, content_type: &str, body: &str) {
    let fetched =
        Fetched { status, content_type: Some(content_type.to_owned()), body: body.as_bytes().to_vec() };
    app.fetch.answer("https://app.example.com/request.jwt", Ok(fetched));
}

/// J3: registered as a whole, fragment included; fetched as a JWT (Core §6.2; RFC 9101 §5.2).
async fn oidc_j3_an_object_is_fetched_from_a_registered_address(app: TestApp) {
    let key = SigningKey::generate(Algorithm::Rs256).unwrap();
    register(&app, &key, &json!({"request_uris": [REQUEST_URI]})).await;
    let mut browser = signed_in(&app).await;
    let object = app.signed_request(CLIENT, &key, &json!({"state": "fetched"}));
    for (content_type, good) in [
        ("application/jwt", true),
        ("application/oauth-authz-req+jwt; charset=utf-8", true),
        ("text/html", false),
        ("application/json", false),
    ] {
        serve(&app, 200, content_type, &object);
        // What was fetched is kept for a minute.
        app.clock.advance(61);
        browser.open(&app.authorize_url(CLIENT, &[("request_uri", REQUEST_URI)])).await;
        let got = answer(&browser);
        assert_eq!(got["state"], if good { "fetched" } else { "a-state" }, "{content_type} {got:?}");
        assert_eq!(got.get("error").map(String::as_str), (!good).then_some("invalid_request_uri"));
    }
    app.clock.advance(61);
    serve(&app, 404, "application/jwt", &object);
    browser.open(&app.authorize_url(CLIENT, &[("request_uri", REQUEST_URI)])).await;
    assert_eq!(answer(&browser)["error"], "invalid_request_uri");
    app.clock.advance(61);
    app.fetch.answer("https://app.example.com/request.jwt", Err(FetchError::TooLarge));
    browser.open(&app.authorize_url(CLIENT, &[("request_uri", REQUEST_URI)])).await;
    assert_eq!(answer(&browser)["error"], "invalid_request_uri");
    app.clock.advance(61);
    serve(&app, 200, "application/jwt", "x");
    browser.open(&app.authorize_url(CLIENT, &[("request_uri", REQUEST_URI)])).await;
    assert_eq!(answer(&browser)["error"], "invalid_request_object");
    let both = [("request_uri", REQUEST_URI), ("request", object.as_str())];
    browser.open(&app.authorize_url(CLIENT, &both)).await;
    assert_eq!(answer(&browser)["error"], "invalid_request");
}

/// J3, K4: the keys of the client may be behind its `jwks_uri`.
async fn oidc_j3_keys_are_fetched_too(app: TestApp) {
    let key = key();
    let uri = "https://app.example.com/jwks.json";
    register(&app, &key, &json!({"jwks": null, "jwks_uri": uri})).await;
    app.fetch.put(uri, json!({"keys": [key.public_jwk()]}).to_string());
    let mut browser = signed_in(&app).await;
    let object = app.signed_request(CLIENT, &key, &json!({}));
    browser.open(&app.authorize_url(CLIENT, &[("request", &object)])).await;
    assert!(answer(&browser).contains_key("code"), "{}", browser.url());
}

/// J4: Registration §2.
async fn oidc_j4_only_the_registered_algorithm_signs(app: TestApp) {
    let [rsa, ec] = [Algorithm::Rs256, Algorithm::Es256].map(|alg| SigningKey::generate(alg).unwrap());
    let jwks = json!({"keys": [rsa.public_jwk(), ec.public_jwk()]});
    register(&app, &ec, &json!({"jwks": jwks, "request_object_signing_alg": "ES256"})).await;
    let mut browser = signed_in(&app).await;
    for (object, good) in [
        (app.signed_request(CLIENT, &ec, &json!({})), true),
        (app.signed_request(CLIENT, &rsa, &json!({})), false),
        ("eyJhbGciOiJub25lIn0.e30.".to_owned(), false),
    ] {
        browser.open(&app.authorize_url(CLIENT, &[("request", &object)])).await;
        let expected = (!good).then_some("invalid_request_object");
        assert_eq!(answer(&browser).get("error").map(String::as_str), expected);
    }
}

async fn fapi2(app: &TestApp, key: &SigningKey) {
    let more = json!({
        "profile": "fapi2",
        "redirect_uris": [REDIRECT_URI],
        "token_endpoint_auth_method": "private_key_jwt",
        "require_signed_request_object": true,
    });
    register(app, key, &more).await;
}

/// V1: FAPI 2.0 Security Profile §5.3.2, §5.4.1.
async fn oidc_v1_a_fapi2_client_uses_strong_algorithms_only(app: TestApp) {
    let [rsa, ps] = [Algorithm::Rs256, Algorithm::Ps256].map(|alg| SigningKey::generate(alg).unwrap());
    let jwks = json!({"jwks": {"keys": [rsa.public_jwk(), ps.public_jwk()]}, "profile": "fapi2",
        "token_endpoint_auth_method": "private_key_jwt"});
    register(&app, &ps, &jwks).await;
    let push = async |key: &SigningKey, more: Value| {
        let object = app.signed_request(CLIENT, key, &more);
        app.push_bare(CLIENT, Some(&ps), &[("client_id", CLIENT), ("request", &object)]).await
    };
    assert_eq!(push(&ps, json!({})).await.status, 201);
    assert_refused(&push(&rsa, json!({})).await, 400, "invalid_request_object");
    assert_refused(&push(&ps, json!({"response_type": "code id_token"})).await, 400, "unauthorized_client");
    assert_refused(&push(&ps, json!({"code_challenge": null})).await, 400, "invalid_request");
    let long = "s".repeat(1000);
    let name = request_uri(&push(&ps, json!({"state": long, "nonce": long})).await);
    let mut browser = signed_in(&app).await;
    browser.open(&app.pushed_url(CLIENT, &name)).await;
    assert_eq!(answer(&browser)["state"], long);
    browser.open(&app.authorize_url(CLIENT, &[])).await;
    assert_eq!(answer(&browser)["error"], "invalid_request");
}

/// V2: FAPI 2.0 Message Signing §5.3.1: nothing that is not signed, by this client, for us, now.
async fn oidc_v2_the_object_of_a_fapi2_client_says_everything(app: TestApp) {
    let key = key();
    fapi2(&app, &key).await;
    let issuer = app.url("/oauth2/default");
    let now = app.app.now().unix_timestamp();
    let push = async |object: &str| {
        app.push_bare(CLIENT, Some(&key), &[("client_id", CLIENT), ("request", object)]).await
    };
    for (more, good) in [
        (json!({}), true),
        (json!({"aud": [issuer, "https://other.example"]}), true),
        (json!({"nbf": now + 8}), true),
        (json!({"nbf": now - 3500, "exp": now + 60}), true),
        (json!({"nbf": now - 3700, "exp": now - 200}), false),
        (json!({"nbf": now - 3700, "exp": now + 60}), false),
        (json!({"nbf": now + 120}), false),
        (json!({"nbf": null}), false),
        (json!({"exp": null}), false),
        (json!({"exp": now - 1}), false),
        (json!({"exp": now + 3700}), false),
        (json!({"aud": null}), false),
        (json!({"aud": format!("{issuer}/v1/par")}), false),
        (json!({"aud": ["https://other.example"]}), false),
        (json!({"iss": null}), false),
        (json!({"iss": "web"}), false),
        (json!({"client_id": null}), false),
        (json!({"sub": CLIENT}), false),
    ] {
        let pushed = push(&app.signed_request(CLIENT, &key, &more)).await;
        if good {
            assert_eq!(pushed.status, 201, "{more}: {}", pushed.text());
        } else {
            assert_refused(&pushed, 400, "invalid_request_object");
        }
    }
    for (typ, good) in
        [(Some("oauth-authz-req+jwt"), true), (None, true), (Some("JWT"), false), (Some("at+jwt"), false)]
    {
        let object = key.sign_jwt(typ, &app.request_object(CLIENT, &json!({}))).unwrap();
        assert_eq!(push(&object).await.status, if good { 201 } else { 400 }, "{typ:?}");
    }
    let object = app.signed_request(CLIENT, &key, &json!({"redirect_uri": null}));
    let outside = [("client_id", CLIENT), ("request", object.as_str()), ("redirect_uri", REDIRECT_URI)];
    assert_refused(&app.push_bare(CLIENT, Some(&key), &outside).await, 400, "invalid_request");
    // Nothing is signed at all.
    assert_refused(&app.push_by_assertion(CLIENT, &key, &[]).await, 400, "invalid_request");
    let stranger = SigningKey::generate(Algorithm::Es256).unwrap();
    let forged = push(&app.signed_request(CLIENT, &stranger, &json!({}))).await;
    assert_refused(&forged, 400, "invalid_request_object");
}
