//! The token endpoint and what it hands out (RFC 6749 §4.1.3, §4.4, §5, §6; OpenID Connect Core §2, §3.1.3; RFC 9068).

use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD};
use http::Method;
use keys::{Algorithm, Limits, MacAlgorithm, MacKey, SigningKey, VerifyingKey};
use serde_json::{Map, Value, json};
use stepgate::{
    id::{AuthorizationServerId, ScopeId},
    model::authorization_server::{AccessTokenProfile, Scope, ScopeConsent},
    protocol::client_metadata::ClientMetadata,
    store,
};

use crate::support::{
    Test, TestApp,
    assertion::{present, present_proving},
    dpop::ProofKey,
    fixtures::{
        self, ALICE, ASKING, MACHINE, OKTA, OTHER, REDIRECT_URI, SECRET, SERVICE, SPA, WEB, WEB_JWT, WEB_POST,
    },
    http::{Browser, Response, ok},
    op::{answer, base, claims, code_form},
    par::request_uri,
};

pub(crate) fn trials() -> Vec<Test> {
    trials![storage:
        oidc_e3_a_replayed_code_kills_its_tokens_even_later,
        oidc_e6_a_refreshed_id_token_speaks_of_the_same_sign_in;
    sqlite:
        oidc_e1_every_method_of_authentication_gets_tokens,
        oidc_e1_failed_authentication_is_401_and_everything_else_400,
        oidc_e2_a_client_assertion_needs_key_subject_and_time,
        oidc_e3_a_code_is_for_its_client_redirect_uri_and_verifier,
        oidc_e3_a_code_lives_a_minute,
        oidc_e3_guessing_verifiers_burns_the_code,
        oidc_e4_a_verifier_without_a_challenge_is_a_downgrade,
        oidc_e5_the_response_says_what_was_granted,
        oidc_e6_refreshing_needs_the_client_that_was_granted,
        oidc_e7_refreshing_outlives_the_clients_own_key_change,
        oidc_e8_refresh_tokens_of_confidential_fapi2_clients_do_not_rotate,
        oidc_i1_the_id_token_says_who_where_and_when,
        oidc_i1_the_id_token_is_signed_as_registered,
        oidc_i4_scopes_bring_no_claims_into_an_id_token_beside_an_access_token,
        oidc_i5_the_id_token_names_the_session,
        oidc_i6_unsigned_id_tokens_do_not_exist,
        access_tokens_have_oktas_shape,
        access_tokens_have_the_shape_of_rfc_9068,
        a_machine_gets_the_default_scopes_when_it_asks_for_none,
        a_machine_gets_no_scope_that_needs_consent,
        a_machine_acts_for_itself,
        unknown_scopes_are_ignored_for_users_unless_the_client_is_held_to_okta,
        offline_access_needs_a_client_that_refreshes,
        requests_that_cannot_be_read_are_refused,
    ]
}

const TOKEN: &str = "/oauth2/default/v1/token";
const MACHINE_GRANT: [(&str, &str); 2] = [("grant_type", "client_credentials"), ("scope", "api")];

#[track_caller]
fn assert_error(response: &Response, status: u16, error: &str) {
    assert_eq!(
        (response.status, response.json()["error"].as_str()),
        (status, Some(error)),
        "{}",
        response.text()
    );
    assert!(response.json()["error_description"].is_string());
    assert_eq!(response.header("cache-control"), Some("no-store"));
    assert!(response.header("content-type").unwrap().starts_with("application/json"));
}

#[track_caller]
fn text<'a>(json: &'a Value, name: &str) -> &'a str {
    json[name].as_str().unwrap_or_else(|| panic!("no `{name}` in {json}"))
}

fn header(token: &str) -> Value {
    serde_json::from_slice(&URL_SAFE_NO_PAD.decode(token.split('.').next().unwrap()).unwrap()).unwrap()
}

/// The claims of a token whose signature is by the published key that it names.
async fn verified(app: &TestApp, server: &str, token: &str, algorithm: Algorithm) -> Map<String, Value> {
    let keys = app.client().get(&format!("{}/v1/keys", base(server))).await.json();
    let parsed = keys::parse(token, &Limits::default()).unwrap();
    let key =
        keys["keys"].as_array().unwrap().iter().find(|key| key["kid"] == *parsed.header().kid().unwrap());
    let key = VerifyingKey::from_jwk(key.expect("the key is published"), algorithm).unwrap();
    key.verify(&parsed).unwrap().into_map()
}

/// A form with one value replaced; `-` takes the field out.
fn with<'a>(form: &[(&'a str, &'a str)], name: &str, value: &'a str) -> Vec<(&'a str, &'a str)> {
    form.iter()
        .filter(|(known, _)| *known != name || value != "-")
        .map(|&(known, old)| (known, if known == name { value } else { old }))
        .collect()
}

/// RFC 6749 §2.3.1, OpenID Connect Core §9: secret in the header or in the body, assertion by secret or by key, none.
async fn oidc_e1_every_method_of_authentication_gets_tokens(app: TestApp) {
    let http = app.client();
    ok(&app.token(WEB, &MACHINE_GRANT).await);
    let post = [&MACHINE_GRANT[..], &[("client_id", WEB_POST), ("client_secret", SECRET)]].concat();
    ok(&http.post_form(TOKEN, &post).await);
    let issuer = app.url("/oauth2/default");
    let mac = MacKey::new(MacAlgorithm::Hs256, SECRET.as_bytes()).unwrap();
    let claims = app.assertion_claims(WEB_JWT, issuer.as_str());
    ok(&present(&http, TOKEN, &mac.sign_jwt(None, &claims).unwrap(), &MACHINE_GRANT).await);
    for algorithm in [Algorithm::Rs256, Algorithm::Ps256, Algorithm::Es256, Algorithm::EdDsa] {
        let key = SigningKey::generate(algorithm).unwrap();
        let metadata = json!({
            "application_type": "service",
            "token_endpoint_auth_method": "private_key_jwt",
            "token_endpoint_auth_signing_alg": algorithm.as_str(),
            "jwks": {"keys": [key.public_jwk()]},
        });
        fixtures::client(&app.app, "by-key", metadata, None).await;
        let claims = app.assertion_claims("by-key", issuer.as_str());
        ok(&present(&http, TOKEN, &key.sign_jwt(None, &claims).unwrap(), &MACHINE_GRANT).await);
    }
    let code = app.code(SPA, "openid", ALICE).await;
    ok(&http.post_form(TOKEN, &[&code_form(&code)[..], &[("client_id", SPA)]].concat()).await);
}

/// RFC 6749 §5.2: `invalid_client` is 401 and challenges where the header was used; all other errors are exactly 400.
async fn oidc_e1_failed_authentication_is_401_and_everything_else_400(app: TestApp) {
    let http = app.client();
    let wrong = http.request(Method::POST, TOKEN).basic(WEB, "wrong").form(&MACHINE_GRANT).send().await;
    assert_error(&wrong, 401, "invalid_client");
    assert!(wrong.header("www-authenticate").unwrap().starts_with("Basic realm="));
    let form = [&MACHINE_GRANT[..], &[("client_id", WEB_POST), ("client_secret", "wrong")]].concat();
    let wrong = http.post_form(TOKEN, &form).await;
    assert_error(&wrong, 401, "invalid_client");
    assert_eq!(wrong.header("www-authenticate"), None);
    assert_error(&http.post_form(TOKEN, &MACHINE_GRANT).await, 401, "invalid_client");
    for (form, error) in [
        (vec![("grant_type", "nonsense")], "unsupported_grant_type"),
        (vec![("scope", "api")], "invalid_request"),
        (vec![("grant_type", "authorization_code")], "invalid_request"),
        (vec![("grant_type", "authorization_code"), ("code", "unknown")], "invalid_grant"),
        (vec![("grant_type", "refresh_token")], "invalid_request"),
        (vec![("grant_type", "refresh_token"), ("refresh_token", "unknown")], "invalid_grant"),
        (vec![("grant_type", "client_credentials"), ("scope", "no-such-scope")], "invalid_scope"),
        (vec![("grant_type", "client_credentials"), ("scope", "\u{e9}")], "invalid_scope"),
    ] {
        assert_error(&app.token(WEB, &form).await, 400, error);
    }
    assert_error(
        &app.token(MACHINE, &[("grant_type", "refresh_token"), ("refresh_token", "x")]).await,
        400,
        "unauthorized_client",
    );
}

/// RFC 7523 §3, OpenID Connect Core §9: signed by a key of the client, about the client, not expired, used once.
async fn oidc_e2_a_client_assertion_needs_key_subject_and_time(app: TestApp) {
    let key = SigningKey::generate(Algorithm::Es256).unwrap();
    let metadata = json!({
        "application_type": "service",
        "token_endpoint_auth_method": "private_key_jwt",
        "jwks": {"keys": [key.public_jwk()]},
    });
    fixtures::client(&app.app, "by-key", metadata, None).await;
    let now = app.app.now().unix_timestamp();
    let issuer = app.url("/oauth2/default");
    let asserted = async |change: &dyn Fn(&mut Map<String, Value>)| {
        let mut claims = app.assertion_claims("by-key", issuer.as_str());
        change(claims.as_object_mut().unwrap());
        app.token_by_assertion(&key.sign_jwt(None, &claims).unwrap()).await
    };
    ok(&asserted(&|_| {}).await);
    ok(&asserted(&|claims| drop(claims.insert("aud".to_owned(), json!([app.url(TOKEN)])))).await);
    ok(&asserted(&|claims| drop(claims.insert("iat".to_owned(), json!(now + 10)))).await);
    ok(&asserted(&|claims| drop(claims.insert("nbf".to_owned(), json!(now + 10)))).await);
    for (name, value) in [
        ("sub", Value::Null),
        ("exp", Value::Null),
        ("aud", Value::Null),
        ("sub", json!(WEB)),
        ("iss", json!(WEB)),
        ("exp", json!(now - 300)),
        ("iat", json!(now + 120)),
        ("nbf", json!(now + 120)),
        ("aud", json!("https://elsewhere.example.com")),
        ("jti", Value::Null),
    ] {
        let change = |claims: &mut Map<String, Value>| {
            claims.shift_remove(name);
            if !value.is_null() {
                claims.insert(name.to_owned(), value.clone());
            }
        };
        assert_error(&asserted(&change).await, 401, "invalid_client");
    }
    let stranger = SigningKey::generate(Algorithm::Es256).unwrap();
    let claims = app.assertion_claims("by-key", issuer.as_str());
    assert_error(
        &app.token_by_assertion(&stranger.sign_jwt(None, &claims).unwrap()).await,
        401,
        "invalid_client",
    );
    let assertion = key.sign_jwt(None, &claims).unwrap();
    ok(&app.token_by_assertion(&assertion).await);
    assert_error(&app.token_by_assertion(&assertion).await, 401, "invalid_client");
}

/// RFC 6749 §4.1.3, §5.2; RFC 7636 §4.6: `invalid_grant`, and the code stays good for whom it is meant.
async fn oidc_e3_a_code_is_for_its_client_redirect_uri_and_verifier(app: TestApp) {
    let code = app.code(WEB, "openid", ALICE).await;
    let form = code_form(&code);
    assert_error(&app.token(OTHER, &form).await, 400, "invalid_grant");
    assert_error(&app.token_at("org", WEB, &form).await, 400, "invalid_grant");
    for uri in ["https://app.example.com/callback/", "https://app.example.com/other", "-"] {
        assert_error(&app.token(WEB, &with(&form, "redirect_uri", uri)).await, 400, "invalid_grant");
    }
    assert_error(&app.token(WEB, &with(&form, "code_verifier", "-")).await, 400, "invalid_grant");
    let wrong = "E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw-cM";
    for verifier in [wrong, "too-short"] {
        assert_error(&app.token(WEB, &with(&form, "code_verifier", verifier)).await, 400, "invalid_grant");
    }
    assert_error(&app.token(WEB, &with(&form, "code", "unknown")).await, 400, "invalid_grant");
    ok(&app.token(WEB, &form).await);
    assert_error(&app.token(WEB, &form).await, 400, "invalid_grant");
}

/// Sixty seconds by default (RFC 9700 recommends a short life).
async fn oidc_e3_a_code_lives_a_minute(app: TestApp) {
    let (early, late) = (app.code(WEB, "openid", ALICE).await, app.code(WEB, "openid", ALICE).await);
    app.clock.advance(45);
    ok(&app.redeem(WEB, &early).await);
    app.clock.advance(16);
    assert_error(&app.redeem(WEB, &late).await, 400, "invalid_grant");
}

/// RFC 7636 §7.1 counts on a verifier that cannot be guessed; three tries are enough.
async fn oidc_e3_guessing_verifiers_burns_the_code(app: TestApp) {
    let code = app.code(WEB, "openid", ALICE).await;
    for guess in ["a", "b", "c"] {
        let guess = guess.repeat(43);
        assert_error(
            &app.token(WEB, &with(&code_form(&code), "code_verifier", &guess)).await,
            400,
            "invalid_grant",
        );
    }
    assert_error(&app.redeem(WEB, &code).await, 400, "invalid_grant");
    assert!(app.logged("app.oauth2.as.token.grant", Some("code_verifier_guessed")).await);
}

/// RFC 6749 §4.1.2: what a replayed code bought is revoked, also when the replay comes half a minute later.
async fn oidc_e3_a_replayed_code_kills_its_tokens_even_later(app: TestApp) {
    let code = app.code(WEB, "openid offline_access", ALICE).await;
    let tokens = ok(&app.redeem(WEB, &code).await);
    assert_eq!(app.userinfo(text(&tokens, "access_token")).await.status, 200);
    app.clock.advance(30);
    assert_error(&app.redeem(WEB, &code).await, 400, "invalid_grant");
    let userinfo = app.userinfo(text(&tokens, "access_token")).await;
    assert_eq!(userinfo.status, 401);
    assert!(userinfo.header("www-authenticate").unwrap().contains("invalid_token"));
    assert_error(&app.refresh(WEB, text(&tokens, "refresh_token")).await, 400, "invalid_grant");
    // Long after the code would have expired, it is still a replay.
    let code = app.code(WEB, "openid", ALICE).await;
    let tokens = ok(&app.redeem(WEB, &code).await);
    app.clock.advance(600);
    assert_error(&app.redeem(WEB, &code).await, 400, "invalid_grant");
    assert_eq!(app.userinfo(text(&tokens, "access_token")).await.status, 401);
}

/// RFC 9700 §2.1.1, §4.8: a verifier where there was no challenge means that somebody took the challenge out.
async fn oidc_e4_a_verifier_without_a_challenge_is_a_downgrade(app: TestApp) {
    let without = [("code_challenge", "-"), ("code_challenge_method", "-")];
    let code = app.code_in(&mut Browser::new(), "default", WEB, &without, ALICE).await;
    assert_error(&app.redeem(WEB, &code).await, 400, "invalid_grant");
    let code = app.code_in(&mut Browser::new(), "default", WEB, &without, ALICE).await;
    ok(&app.token(WEB, &with(&code_form(&code), "code_verifier", "-")).await);
}

/// RFC 6749 §5.1: token, type, lifetime in seconds, the scope.
async fn oidc_e5_the_response_says_what_was_granted(app: TestApp) {
    let code = app.code(WEB, "openid offline_access no-such-scope", ALICE).await;
    let response = app.redeem(WEB, &code).await;
    let tokens = ok(&response);
    assert_eq!(response.header("cache-control"), Some("no-store"));
    assert_eq!(response.header("pragma"), Some("no-cache"));
    assert_eq!(tokens["token_type"], "Bearer");
    assert_eq!(tokens["expires_in"], 3600);
    assert_eq!(tokens["scope"], "openid offline_access");
    let access_token = claims(text(&tokens, "access_token"));
    assert_eq!(
        access_token["exp"].as_i64().unwrap() - access_token["iat"].as_i64().unwrap(),
        tokens["expires_in"].as_i64().unwrap()
    );
    let refresh_token = text(&tokens, "refresh_token");
    assert_eq!(URL_SAFE_NO_PAD.decode(refresh_token).unwrap().len(), 32);
    assert!(tokens.get("state").is_none());
    // Without `openid` there is no ID token, without `offline_access` no refresh token.
    let tokens = app.tokens(WEB, "car:drive", ALICE).await;
    assert!(tokens.get("id_token").is_none() && tokens.get("refresh_token").is_none(), "{tokens}");
    assert!(app.logged("app.oauth2.as.token.grant", None).await);
}

/// RFC 6749 §6: the client authenticates, and it is the one that was granted.
async fn oidc_e6_refreshing_needs_the_client_that_was_granted(app: TestApp) {
    let tokens = app.tokens(WEB, "openid profile offline_access", ALICE).await;
    let form = [("grant_type", "refresh_token"), ("refresh_token", text(&tokens, "refresh_token"))];
    let anonymous = app.client().post_form(TOKEN, &[&form[..], &[("client_id", WEB)]].concat()).await;
    assert_error(&anonymous, 401, "invalid_client");
    assert_error(&app.token(OTHER, &form).await, 400, "invalid_grant");
    let narrow = ok(&app.token(WEB, &[&form[..], &[("scope", "openid")]].concat()).await);
    assert_eq!(narrow["scope"], "openid");
    assert_ne!(narrow["access_token"], tokens["access_token"]);
    let wide = [("grant_type", "refresh_token"), ("refresh_token", text(&narrow, "refresh_token"))];
    let wide = [&wide[..], &[("scope", "openid email")]].concat();
    assert_error(&app.token(WEB, &wide).await, 400, "invalid_scope");
}

/// OpenID Connect Core §12.2: same issuer, subject, audience and authentication; a new `iat`, no `nonce`.
async fn oidc_e6_a_refreshed_id_token_speaks_of_the_same_sign_in(app: TestApp) {
    let tokens = app.tokens(WEB, "openid offline_access", ALICE).await;
    app.clock.advance(1800);
    let refreshed = ok(&app.refresh(WEB, text(&tokens, "refresh_token")).await);
    let (before, after) = (claims(text(&tokens, "id_token")), claims(text(&refreshed, "id_token")));
    for name in ["iss", "sub", "aud", "auth_time", "acr", "amr", "sid"] {
        assert_eq!(before[name], after[name], "{name}");
        assert!(!after[name].is_null(), "{name}");
    }
    assert!(after["iat"].as_i64().unwrap() >= before["iat"].as_i64().unwrap() + 1800);
    assert_ne!(before["jti"], after["jti"]);
    assert!(after.get("nonce").is_none());
    assert_eq!(before["nonce"], "a-nonce");
}

/// OpenID Connect Core §10.1: a refresh token is bound to the client, not to the key it signed with at the time.
async fn oidc_e7_refreshing_outlives_the_clients_own_key_change(app: TestApp) {
    const JWKS_URI: &str = "https://app.example.com/jwks.json";
    let (old, new) =
        (SigningKey::generate(Algorithm::Es256).unwrap(), SigningKey::generate(Algorithm::Es256).unwrap());
    let publish = |key: &SigningKey| {
        app.fetch.put(JWKS_URI, json!({"keys": [key.public_jwk()]}).to_string());
    };
    let metadata = json!({
        "redirect_uris": [REDIRECT_URI],
        "grant_types": ["authorization_code", "refresh_token"],
        "token_endpoint_auth_method": "private_key_jwt",
        "jwks_uri": JWKS_URI,
        "consent_method": "REQUIRED",
    });
    fixtures::client(&app.app, "rotating", metadata, None).await;
    publish(&old);
    let scope = [("scope", "openid offline_access"), ("prompt", "consent")];
    let mut browser = Browser::new();
    let url = app.authorize_url("rotating", &scope);
    let page = app.sign_in(&mut browser, &url, ALICE).await;
    browser.submit(&page.form("consent-form").press("Allow")).await;
    let ask = async |key: &SigningKey, form: &[(&str, &str)]| {
        let claims = app.assertion_claims("rotating", app.url("/oauth2/default"));
        ok(&present(&app.client(), TOKEN, &key.sign_jwt(None, &claims).unwrap(), form).await)
    };
    let tokens = ask(&old, &code_form(&answer(&browser)["code"])).await;
    publish(&new);
    app.clock.advance(61);
    let form = [("grant_type", "refresh_token"), ("refresh_token", text(&tokens, "refresh_token"))];
    assert_ne!(ask(&new, &form).await["access_token"], tokens["access_token"]);
}

/// FAPI 2.0 Security Profile §5.3.2.1: rotation is not used where the client authenticates.
async fn oidc_e8_refresh_tokens_of_confidential_fapi2_clients_do_not_rotate(app: TestApp) {
    let key = SigningKey::generate(Algorithm::Es256).unwrap();
    let metadata = json!({
        "profile": "fapi2",
        "redirect_uris": [REDIRECT_URI],
        "grant_types": ["authorization_code", "refresh_token"],
        "token_endpoint_auth_method": "private_key_jwt",
        "id_token_signed_response_alg": "ES256",
        "jwks": {"keys": [key.public_jwk()]},
    });
    let mut rotating = metadata.clone();
    rotating["refresh_token"] = json!({"rotation_type": "ROTATE", "leeway": 30});
    let rotating: ClientMetadata = serde_json::from_value(rotating).unwrap();
    assert_eq!(rotating.with_defaults().validate().unwrap_err().member, "refresh_token");
    fixtures::client(&app.app, "fapi", metadata, None).await;
    let ask = async |form: &[(&str, &str)]| {
        let claims = app.assertion_claims("fapi", app.url("/oauth2/default"));
        let assertion = key.sign_jwt(None, &claims).unwrap();
        let proof = ProofKey::new().for_token(&app);
        ok(&present_proving(&app.client(), TOKEN, (&assertion, &proof), form).await)
    };
    let scope = [("scope", "openid offline_access")];
    let pushed = request_uri(&app.push_by_assertion("fapi", &key, &scope).await);
    let mut browser = Browser::new();
    app.sign_in(&mut browser, &app.pushed_url("fapi", &pushed), ALICE).await;
    let code = answer(&browser)["code"].clone();
    let tokens = ask(&code_form(&code)).await;
    let form = [("grant_type", "refresh_token"), ("refresh_token", text(&tokens, "refresh_token"))];
    for _ in 0..3 {
        app.clock.advance(120);
        assert_eq!(ask(&form).await["refresh_token"], tokens["refresh_token"]);
    }
}

/// OpenID Connect Core §2, §3.1.3.6, §3.1.3.7.
async fn oidc_i1_the_id_token_says_who_where_and_when(app: TestApp) {
    for (server, issuer) in [("default", app.url("/oauth2/default")), ("org", app.issuer.clone())] {
        let mut browser = Browser::new();
        let code = app.code_in(&mut browser, server, WEB, &[("nonce", "n-0S6_WzA2Mj")], ALICE).await;
        let tokens = ok(&app.token_at(server, WEB, &code_form(&code)).await);
        let id_token = verified(&app, server, text(&tokens, "id_token"), Algorithm::Rs256).await;
        let now = app.app.now().unix_timestamp();
        assert_eq!(id_token["iss"], issuer);
        assert_eq!(id_token["aud"], WEB);
        assert_eq!(id_token["nonce"], "n-0S6_WzA2Mj");
        let sub = id_token["sub"].as_str().unwrap();
        assert!(sub.starts_with("00u") && sub.len() <= 255 && sub.is_ascii());
        let number = |name: &str| id_token[name].as_i64().unwrap();
        assert!((now - 60..=now).contains(&number("iat")), "{id_token:?}");
        assert_eq!(number("exp"), number("iat") + 3600);
        assert!((now - 60..=number("iat")).contains(&number("auth_time")), "{id_token:?}");
        assert!(!id_token["acr"].as_str().unwrap().is_empty());
        let expected = Algorithm::Rs256.left_half_hash(text(&tokens, "access_token").as_bytes());
        assert_eq!(id_token["at_hash"], expected);
        // No nonce was asked for, none is made up.
        let code = app.code_in(&mut browser, server, WEB, &[("nonce", "-")], ALICE).await;
        let tokens = ok(&app.token_at(server, WEB, &code_form(&code)).await);
        assert!(claims(text(&tokens, "id_token")).get("nonce").is_none());
    }
}

/// Registration §2: `id_token_signed_response_alg`; the access token's key is the server's own affair.
async fn oidc_i1_the_id_token_is_signed_as_registered(app: TestApp) {
    for algorithm in [Algorithm::Es256, Algorithm::Rs256] {
        let metadata = json!({
            "redirect_uris": [REDIRECT_URI],
            "id_token_signed_response_alg": algorithm.as_str(),
        });
        fixtures::client(&app.app, "signed", metadata, Some(SECRET)).await;
        let tokens = app.tokens("signed", "openid", ALICE).await;
        let id_token = text(&tokens, "id_token");
        assert_eq!(header(id_token)["alg"], algorithm.as_str());
        let verified_claims = verified(&app, "default", id_token, algorithm).await;
        let expected = algorithm.left_half_hash(text(&tokens, "access_token").as_bytes());
        assert_eq!(verified_claims["at_hash"], expected);
        assert_eq!(header(text(&tokens, "access_token"))["alg"], "RS256");
        verified(&app, "default", text(&tokens, "access_token"), Algorithm::Rs256).await;
    }
}

/// OpenID Connect Core §5.4: with an access token the claims of scopes are at userinfo. Okta's org server keeps a few
/// for clients that are held to its habits.
async fn oidc_i4_scopes_bring_no_claims_into_an_id_token_beside_an_access_token(app: TestApp) {
    const PROTOCOL: [&str; 12] =
        ["iss", "sub", "aud", "iat", "exp", "jti", "auth_time", "amr", "acr", "sid", "nonce", "at_hash"];
    let scope = "openid profile email address phone";
    let tokens = app.tokens(WEB, scope, ALICE).await;
    let id_token = claims(text(&tokens, "id_token"));
    let mut names: Vec<&str> = id_token.as_object().unwrap().keys().map(String::as_str).collect();
    let mut expected = PROTOCOL.to_vec();
    names.sort_unstable();
    expected.sort_unstable();
    assert_eq!(names, expected);
    let userinfo = app.userinfo(text(&tokens, "access_token")).await.json();
    for name in ["name", "email", "address", "phone_number"] {
        assert!(!userinfo[name].is_null(), "{name}");
    }
    // Core §5.3.2: only `openid` brings only `sub`.
    let tokens = app.tokens(WEB, "openid", ALICE).await;
    let userinfo = app.userinfo(text(&tokens, "access_token")).await;
    assert_eq!(userinfo.json(), json!({"sub": claims(text(&tokens, "id_token"))["sub"]}));
    // Okta's thin set.
    let code = app.code_in(&mut Browser::new(), "org", OKTA, &[("scope", scope)], ALICE).await;
    let id_token = claims(text(&ok(&app.token_at("org", OKTA, &code_form(&code)).await), "id_token"));
    assert_eq!(id_token["name"], "Alice Adams");
    assert_eq!(id_token["preferred_username"], ALICE);
    assert_eq!(id_token["email"], ALICE);
    assert_eq!((&id_token["ver"], id_token["idp"].is_string()), (&json!(1), true));
    assert!(id_token.get("given_name").is_none() && id_token.get("address").is_none());
    let tokens = app.tokens(OKTA, scope, ALICE).await;
    assert!(claims(text(&tokens, "id_token")).get("name").is_none(), "the custom server has no thin set");
}

/// Front-Channel Logout §3, Back-Channel Logout §2.1: one `sid` for all clients of a session, another for another.
async fn oidc_i5_the_id_token_names_the_session(app: TestApp) {
    let mut browser = Browser::new();
    let sid = async |browser: &mut Browser, client| {
        let code = app.code_in(browser, "default", client, &[], ALICE).await;
        claims(text(&ok(&app.redeem(client, &code).await), "id_token"))["sid"].as_str().unwrap().to_owned()
    };
    let first = sid(&mut browser, WEB).await;
    assert_eq!(sid(&mut browser, OTHER).await, first);
    assert_ne!(sid(&mut Browser::new(), WEB).await, first);
}

/// OpenID Connect Core §3.1.3.7, RFC 8725 §3.2: `none` is neither offered nor registered.
async fn oidc_i6_unsigned_id_tokens_do_not_exist(app: TestApp) {
    let discovery = app.client().get("/oauth2/default/.well-known/openid-configuration").await.json();
    let offered = discovery["id_token_signing_alg_values_supported"].as_array().unwrap();
    assert!(offered.contains(&json!("RS256")) && offered.contains(&json!("ES256")));
    for member in [
        "id_token_signing_alg_values_supported",
        "token_endpoint_auth_signing_alg_values_supported",
        "request_object_signing_alg_values_supported",
    ] {
        assert!(!discovery[member].to_string().to_lowercase().contains("\"none\""), "{member}");
    }
    for alg in ["none", "HS256"] {
        let metadata = json!({"redirect_uris": [REDIRECT_URI], "id_token_signed_response_alg": alg});
        let metadata: ClientMetadata = serde_json::from_value(metadata).unwrap();
        let refused = metadata.with_defaults().validate().unwrap_err();
        assert_eq!(refused.member, "id_token_signed_response_alg");
    }
}

/// Okta: `ver jti iss aud sub(login) cid uid scp[]`, header `alg kid`.
async fn access_tokens_have_oktas_shape(app: TestApp) {
    let tokens = app.tokens(WEB, "openid profile car:drive", ALICE).await;
    let token = text(&tokens, "access_token");
    let token_header = header(token);
    assert_eq!(token_header.as_object().unwrap().keys().collect::<Vec<_>>(), ["alg", "kid"]);
    let token = verified(&app, "default", token, Algorithm::Rs256).await;
    assert_eq!(token["ver"], 1);
    assert_eq!(token["iss"], app.url("/oauth2/default"));
    assert_eq!(token["aud"], "api://default");
    assert_eq!(token["sub"], ALICE);
    assert_eq!(token["cid"], WEB);
    assert_eq!(token["uid"], claims(text(&tokens, "id_token"))["sub"]);
    assert_eq!(token["scp"], json!(["openid", "profile", "car:drive"]));
    assert!(token["jti"].as_str().unwrap().starts_with("AT."));
    assert!(token["auth_time"].is_i64());
    for absent in ["scope", "client_id", "nonce", "nbf", "name", "email"] {
        assert!(token.get(absent).is_none(), "{absent}");
    }
}

/// RFC 9068 §2: `typ` `at+jwt`, `client_id`, `scope`, `sub` as everywhere else.
async fn access_tokens_have_the_shape_of_rfc_9068(app: TestApp) {
    let tx = app.app.db.begin_write().await.unwrap();
    let id = AuthorizationServerId::new("default");
    let mut server = store::server::find_in(&tx, &id).await.unwrap().unwrap().server;
    server.access_token_profile = AccessTokenProfile::Rfc9068;
    store::server::update(&tx, &server).await.unwrap();
    tx.commit().await.unwrap();
    app.app.forget_configuration();
    let tokens = app.tokens(WEB, "openid profile", ALICE).await;
    let token = text(&tokens, "access_token");
    assert_eq!(header(token)["typ"], "at+jwt");
    let token = verified(&app, "default", token, Algorithm::Rs256).await;
    let id_token = claims(text(&tokens, "id_token"));
    assert_eq!(token["sub"], id_token["sub"]);
    assert_eq!(token["client_id"], WEB);
    assert_eq!(token["scope"], "openid profile");
    assert_eq!(token["aud"], "api://default");
    for name in ["auth_time", "acr", "amr"] {
        assert_eq!(token[name], id_token[name], "{name}");
    }
    for absent in ["ver", "cid", "uid", "scp"] {
        assert!(token.get(absent).is_none(), "{absent}");
    }
    // Our own endpoints read this shape, too.
    let userinfo = app.userinfo(text(&tokens, "access_token")).await;
    assert_eq!(userinfo.json()["given_name"], "Alice");
    let introspected = app.introspect(text(&tokens, "access_token")).await;
    assert_eq!((&introspected["active"], &introspected["scope"]), (&json!(true), &json!("openid profile")));
    let token = ok(&app.token(SERVICE, &MACHINE_GRANT).await);
    let token = claims(text(&token, "access_token"));
    assert_eq!((&token["sub"], &token["client_id"]), (&json!(SERVICE), &json!(SERVICE)));
}

async fn put_scope(app: &TestApp, name: &str, consent: ScopeConsent, default: bool) {
    let scope = Scope {
        id: ScopeId::generate(app.app.random.as_ref()),
        name: name.to_owned(),
        display_name: None,
        description: None,
        consent,
        optional: false,
        default,
        published: true,
        system: false,
        sensitive: false,
    };
    let tx = app.app.db.begin_write().await.unwrap();
    store::server::upsert_scope(&tx, &AuthorizationServerId::new("default"), &scope).await.unwrap();
    tx.commit().await.unwrap();
    app.app.forget_configuration();
}

/// RFC 6749 §3.3: a scope that is omitted is a documented default, or an error where there is none.
async fn a_machine_gets_the_default_scopes_when_it_asks_for_none(app: TestApp) {
    let form = [("grant_type", "client_credentials")];
    assert_eq!(ok(&app.token(SERVICE, &form).await)["scope"], "api");
    // A default that needs consent is left out: nobody can be asked.
    put_scope(&app, "zoo:feed", ScopeConsent::Required, true).await;
    assert_eq!(ok(&app.token(SERVICE, &form).await)["scope"], "api");
    put_scope(&app, "api", ScopeConsent::Implicit, false).await;
    assert_error(&app.token(SERVICE, &form).await, 400, "invalid_scope");
    assert_error(&app.token_at("org", SERVICE, &form).await, 400, "invalid_scope");
    assert_eq!(ok(&app.token(SERVICE, &MACHINE_GRANT).await)["scope"], "api");
}

/// Okta: `REQUIRED` needs a dialog that a machine does not have; `FLEXIBLE` is granted silently.
async fn a_machine_gets_no_scope_that_needs_consent(app: TestApp) {
    for scope in ["car:sell", "car:drive car:sell"] {
        let form = [("grant_type", "client_credentials"), ("scope", scope)];
        assert_error(&app.token(SERVICE, &form).await, 400, "consent_required");
    }
    let form = [("grant_type", "client_credentials"), ("scope", "car:drive")];
    assert_eq!(ok(&app.token(SERVICE, &form).await)["scope"], "car:drive");
}

/// RFC 6749 §4.4.3: no user, no refresh token, no ID token.
async fn a_machine_acts_for_itself(app: TestApp) {
    let tokens = ok(&app.token(SERVICE, &MACHINE_GRANT).await);
    let mut names: Vec<&String> = tokens.as_object().unwrap().keys().collect();
    names.sort_unstable();
    assert_eq!(names, ["access_token", "expires_in", "scope", "token_type"]);
    let token = verified(&app, "default", text(&tokens, "access_token"), Algorithm::Rs256).await;
    assert_eq!((&token["sub"], &token["cid"]), (&json!(SERVICE), &json!(SERVICE)));
    for absent in ["uid", "auth_time", "acr", "amr"] {
        assert!(token.get(absent).is_none(), "{absent}");
    }
    let introspected = app.introspect(text(&tokens, "access_token")).await;
    assert_eq!((&introspected["active"], &introspected["client_id"]), (&json!(true), &json!(SERVICE)));
    assert!(introspected.get("username").is_none());
    // There is nobody to tell about.
    let userinfo = app.userinfo(text(&tokens, "access_token")).await;
    assert_eq!(userinfo.status, 403);
    assert!(userinfo.header("www-authenticate").unwrap().contains("insufficient_scope"));
}

/// `okta_compat` refuses the whole request, everybody else gets what exists and is told what that is.
async fn unknown_scopes_are_ignored_for_users_unless_the_client_is_held_to_okta(app: TestApp) {
    assert_eq!(app.tokens(WEB, "openid no-such-scope", ALICE).await["scope"], "openid");
    let mut browser = Browser::new();
    browser.open(&app.authorize_url(OKTA, &[("scope", "openid no-such-scope")])).await;
    assert_eq!(answer(&browser)["error"], "invalid_scope");
    let mut browser = Browser::new();
    browser.open(&app.authorize_url(WEB, &[("scope", "no-such-scope")])).await;
    assert_eq!(answer(&browser)["error"], "invalid_scope");
}

/// OpenID Connect Core §11: given with consent, stored or not needed, to clients that have the grant type.
async fn offline_access_needs_a_client_that_refreshes(app: TestApp) {
    let metadata = json!({"redirect_uris": [REDIRECT_URI], "grant_types": ["authorization_code"]});
    fixtures::client(&app.app, "online", metadata, Some(SECRET)).await;
    let tokens = app.tokens("online", "openid offline_access", ALICE).await;
    assert_eq!(tokens["scope"], "openid");
    assert!(tokens.get("refresh_token").is_none());
    // A client that asks its users gets it after the dialog.
    let mut browser = Browser::new();
    let url = app.authorize_url(ASKING, &[("scope", "openid offline_access")]);
    let page = app.sign_in(&mut browser, &url, ALICE).await;
    assert!(page.body_contains("consent"), "{}", page.words());
}

/// RFC 6749 §3.1, §3.2: parameters are sent once, in a form, by POST.
async fn requests_that_cannot_be_read_are_refused(app: TestApp) {
    let http = app.client();
    for (form, error) in [
        (vec![("grant_type", "client_credentials"), ("grant_type", "client_credentials")], "invalid_request"),
        (vec![("grant_type", "client_credentials"), ("scope", "api"), ("scope", "api")], "invalid_request"),
        (vec![("grant_type", "")], "invalid_request"),
    ] {
        assert_error(&app.token(SERVICE, &form).await, 400, error);
    }
    let json = http.request(Method::POST, TOKEN).basic(SERVICE, SECRET).json(&json!({"grant_type": "x"}));
    let json = json.send().await;
    assert!(matches!(json.status, 400 | 415), "{} {}", json.status, json.text());
    // RFC 6749 §3.2: never by GET, never in the query.
    let get = http.request(Method::GET, &format!("{TOKEN}?grant_type=client_credentials&scope=api"));
    assert_eq!(get.basic(SERVICE, SECRET).send().await.status, 405);
    let query = http
        .request(Method::POST, &format!("{TOKEN}?grant_type=client_credentials&scope=api"))
        .basic(SERVICE, SECRET)
        .form(&[])
        .send()
        .await;
    assert_error(&query, 400, "invalid_request");
    // Unknown parameters are ignored.
    ok(&app.token(SERVICE, &[&MACHINE_GRANT[..], &[("something", "else")]].concat()).await);
}
