//! The `claims` parameter: OpenID Connect Core §5.5.

use serde_json::{Value, json};
use stepgate::{
    id::{AuthorizationServerId, ClaimId},
    model::{
        Status,
        authorization_server::{Claim, ClaimType, ClaimValue},
    },
    store,
};

use crate::support::{
    Test, TestApp,
    fixtures::{self, ALICE, ASKING, BOB, REDIRECT_URI, SECRET, WEB},
    http::Browser,
    op::{answer, claims, sign_in_on},
};

pub(crate) fn trials() -> Vec<Test> {
    trials![
        storage: oidc_a12_what_is_asked_for_is_kept_with_the_grant;
        sqlite:
            oidc_a12_malformed_requests_are_refused,
            oidc_a12_a_claim_with_a_value_is_returned_with_that_value_only,
            oidc_a12_without_openid_it_is_not_followed,
            oidc_a12_metadata_says_that_it_is_read,
            oidc_a12_the_consent_page_names_claims_in_words,
            oidc_a12_the_subject_asked_for_or_nobody,
            oidc_a12_the_subject_is_not_contradicted,
            oidc_a11_an_essential_acr_that_is_out_of_reach_is_unmet,
            oidc_a11_an_essential_acr_that_is_reached_is_returned,
            oidc_a11_a_voluntary_acr_is_answered_with_the_truth,
            oidc_u5_a_userinfo_claim_needs_no_scope_and_stays_out_of_the_id_token,
            oidc_i4_a_claim_asked_for_is_in_the_id_token_and_no_other_is,
            oidc_i1_the_time_of_the_sign_in_is_told,
    ]
}

/// Tokens of a request with `claims`, for Alice.
async fn tokens(app: &TestApp, scope: &str, request: &Value) -> Value {
    let request = request.to_string();
    let more = [("scope", scope), ("claims", request.as_str())];
    let code = app.code_in(&mut Browser::new(), "default", WEB, &more, ALICE).await;
    let response = app.redeem(WEB, &code).await;
    assert_eq!(response.status, 200, "{}", response.text());
    response.json()
}

fn id_token(tokens: &Value) -> Value {
    claims(tokens["id_token"].as_str().unwrap())
}

async fn userinfo(app: &TestApp, tokens: &Value) -> Value {
    let response = app.userinfo(tokens["access_token"].as_str().unwrap()).await;
    assert_eq!(response.status, 200, "{}", response.text());
    response.json()
}

/// Where a browser ends that sends a request with `claims`.
async fn error(app: &TestApp, browser: &mut Browser, more: &[(&str, &str)]) -> Option<String> {
    browser.open(&app.authorize_url(WEB, more)).await;
    answer(browser).remove("error")
}

/// Core §5.5: both members, every form of a request, unknown names; §12.2: what was asked for once holds on refresh.
async fn oidc_a12_what_is_asked_for_is_kept_with_the_grant(app: TestApp) {
    let request = json!({
        "userinfo": {"given_name": {"essential": true}, "nickname": null, "unheard_of": {"essential": true}},
        "id_token": {"email": null, "picture": {"essential": false}, "x": null},
        "other": {"a": 1},
    });
    let first = tokens(&app, "openid offline_access", &request).await;
    let refreshed = app.refresh(WEB, first["refresh_token"].as_str().unwrap()).await.json();
    for tokens in [&first, &refreshed] {
        let id_token = id_token(tokens);
        assert_eq!(id_token["email"], ALICE);
        assert_eq!(id_token["picture"], "https://people.example.com/alice.png");
        assert!(id_token.get("given_name").is_none() && id_token.get("x").is_none(), "{id_token}");
        let mut userinfo = userinfo(&app, tokens).await;
        userinfo.as_object_mut().unwrap().remove("sub");
        assert_eq!(userinfo, json!({"given_name": "Alice", "nickname": "Al"}));
    }
}

/// Core §5.5, §3.1.2.6: what is not JSON or has another shape is `invalid_request`.
async fn oidc_a12_malformed_requests_are_refused(app: TestApp) {
    let mut browser = Browser::new();
    for request in [
        "x",
        "[]",
        "{",
        "{\"userinfo\":[]}",
        "{\"id_token\":{\"name\":true}}",
        "{\"id_token\":{\"acr\":{\"essential\":1}}}",
        "{\"id_token\":{\"acr\":{\"values\":\"a\"}}}",
        "{\"id_token\":{\"sub\":{\"value\":7}}}",
        "{\"a\":[[[[[[[[[]]]]]]]]]}",
    ] {
        let error = error(&app, &mut browser, &[("claims", request)]).await;
        assert_eq!(error.as_deref(), Some("invalid_request"), "{request}");
    }
    let many: Vec<String> = (0..101).map(|i| format!("\"c{i}\":null")).collect();
    let many = format!("{{\"userinfo\":{{{}}}}}", many.join(","));
    assert_eq!(error(&app, &mut browser, &[("claims", &many)]).await.as_deref(), Some("invalid_request"));
}

/// Core §5.5.1: "that the Claim be returned with a particular value". Another value is not disclosed for it.
async fn oidc_a12_a_claim_with_a_value_is_returned_with_that_value_only(app: TestApp) {
    let asked = |name: &str| json!({"id_token": {"given_name": {"values": ["Bob", name]}}});
    assert_eq!(id_token(&tokens(&app, "openid", &asked("Alice")).await)["given_name"], "Alice");
    assert!(id_token(&tokens(&app, "openid", &asked("Carol")).await).get("given_name").is_none());
}

/// Core §5.5 is a parameter of OpenID Connect: without `openid` there is neither ID token nor userinfo.
async fn oidc_a12_without_openid_it_is_not_followed(app: TestApp) {
    let tokens = tokens(&app, "car:drive", &json!({"userinfo": {"name": null}})).await;
    assert!(tokens.get("id_token").is_none());
    assert_eq!(app.userinfo(tokens["access_token"].as_str().unwrap()).await.status, 403);
}

/// Discovery §3.
async fn oidc_a12_metadata_says_that_it_is_read(app: TestApp) {
    let metadata = app.client().get("/oauth2/default/.well-known/openid-configuration").await.json();
    assert_eq!(metadata["claims_parameter_supported"], true);
}

/// Core §3.1.2.4: the user agrees to what is told. What a scope brings is told by the scope; what is asked for one by
/// one (§5.5) is named beside it, unless nobody here has it.
async fn oidc_a12_the_consent_page_names_claims_in_words(app: TestApp) {
    let random = app.app.random.as_ref();
    let custom = |name: &str, claim_type| Claim {
        id: ClaimId::generate(random),
        name: name.to_owned(),
        claim_type,
        value: ClaimValue::Attribute("department".to_owned()),
        always_include: false,
        scopes: vec![],
        status: Status::Active,
    };
    let tx = app.app.db.begin_write().await.unwrap();
    for claim in [custom("department", ClaimType::Identity), custom("resource_plan", ClaimType::Resource)] {
        let server = AuthorizationServerId::new("default");
        store::server::upsert_claim(&tx, &server, &claim).await.unwrap();
    }
    tx.commit().await.unwrap();
    app.app.forget_configuration();
    let request = json!({
        "userinfo": {"birthdate": {"essential": true}, "phone_number": null, "phone_number_verified": null, "gone": null},
        "id_token": {"birthdate": null, "acr": null, "department": null, "resource_plan": null, "zoneinfo": null},
    })
    .to_string();
    let more = [("scope", "openid phone"), ("claims", request.as_str())];
    let mut browser = Browser::new();
    let page = app.sign_in(&mut browser, &app.authorize_url(ASKING, &more), ALICE).await;
    let words = page.words();
    assert!(page.body_contains("consent-form"), "{words}");
    for told in ["And this about you", "Your date of birth", "Your time zone", "department"] {
        assert_eq!(words.matches(told).count(), 1, "{told}: {words}");
    }
    // The scope says it already; nobody has it; it is about the sign-in; it is for access tokens.
    for untold in ["Whether your phone number", "gone", "acr", "resource_plan", "birthdate"] {
        assert!(!words.contains(untold), "{untold}: {words}");
    }
    browser.submit(&page.form("consent-form").press("accept")).await;
    let tokens = app.redeem(ASKING, &answer(&browser)["code"]).await.json();
    assert_eq!(userinfo(&app, &tokens).await["birthdate"], "1990-04-01");
    // Without such claims there is no such list.
    let url = app.authorize_url(ASKING, &[("scope", "openid phone"), ("prompt", "consent")]);
    let page = browser.open(&url).await;
    assert!(page.body_contains("consent-form") && !page.body_contains("consent-claims"), "{}", page.words());
}

/// Core §5.5.1, §3.1.2.2: `sub` with a value is answered for that user or not at all.
async fn oidc_a12_the_subject_asked_for_or_nobody(app: TestApp) {
    let subject = async |login| id_token(&app.tokens(WEB, "openid", login).await)["sub"].clone();
    let (alice, bob) = (subject(ALICE).await, subject(BOB).await);
    for place in ["id_token", "userinfo"] {
        let request = |subject: &Value| json!({place: {"sub": {"value": subject}}}).to_string();
        let (for_alice, for_bob) = (request(&alice), request(&bob));
        let mut browser = Browser::new();
        app.sign_in(&mut browser, &app.authorize_url(WEB, &[]), ALICE).await;
        // Her session answers for her, silently; for Bob it does not.
        assert_eq!(error(&app, &mut browser, &[("claims", &for_alice), ("prompt", "none")]).await, None);
        assert!(answer(&browser).contains_key("code"));
        let silent = error(&app, &mut browser, &[("claims", &for_bob), ("prompt", "none")]).await;
        assert_eq!(silent.as_deref(), Some("login_required"), "{place}");
        // Somebody is asked to sign in; it must be him.
        let page = browser.open(&app.authorize_url(WEB, &[("claims", &for_bob)])).await;
        assert!(page.body_contains("login-page"), "{}", page.words());
        sign_in_on(&mut browser, &page, ALICE, fixtures::PASSWORD).await;
        assert_eq!(answer(&browser).get("error").map(String::as_str), Some("login_required"));
        let page = browser.open(&app.authorize_url(WEB, &[("claims", &for_bob)])).await;
        sign_in_on(&mut browser, &page, BOB, fixtures::PASSWORD).await;
        let code = answer(&browser)["code"].clone();
        assert_eq!(id_token(&app.redeem(WEB, &code).await.json())["sub"], bob);
    }
}

/// A request that names two users cannot be answered for either.
async fn oidc_a12_the_subject_is_not_contradicted(app: TestApp) {
    let tokens = app.tokens(WEB, "openid", ALICE).await;
    let hint = tokens["id_token"].as_str().unwrap();
    let alice = id_token(&tokens)["sub"].clone();
    let mut browser = Browser::new();
    app.sign_in(&mut browser, &app.authorize_url(WEB, &[]), ALICE).await;
    let other = json!({"id_token": {"sub": {"value": "00uSomebodyElse"}}}).to_string();
    let same = json!({"id_token": {"sub": {"value": alice}}}).to_string();
    let two = json!({"id_token": {"sub": {"value": alice}}, "userinfo": {"sub": {"value": "x"}}}).to_string();
    for (request, refused) in [(&other, true), (&same, false), (&two, true)] {
        let error = error(&app, &mut browser, &[("claims", request), ("id_token_hint", hint)]).await;
        assert_eq!(error.as_deref(), refused.then_some("invalid_request"), "{request}");
    }
}

/// Core §5.5.1.1: an essential `acr` that cannot be reached is a failed authentication; Unmet Authentication
/// Requirements §2 names the error. Nobody is asked for a password first for what nobody can reach, nor whoever is known to
/// have no such authenticator.
async fn oidc_a11_an_essential_acr_that_is_out_of_reach_is_unmet(app: TestApp) {
    let mut stranger = Browser::new();
    for acr in [
        json!({"essential": true, "value": "gold"}),
        json!({"essential": true, "values": ["gold", "unknown", 1]}),
    ] {
        is_unmet(&app, &mut stranger, acr).await;
    }
    let mut alice = Browser::new();
    app.sign_in(&mut alice, &app.authorize_url(WEB, &[]), ALICE).await;
    is_unmet(&app, &mut alice, json!({"essential": true, "value": "phrh"})).await;
    app.seed("mfa_enroll_policies: [{name: All, factors: {google_otp: OPTIONAL}, rules: [{name: All}]}]\n")
        .await;
    is_unmet(&app, &mut alice, json!({"essential": true, "values": ["phr", "gold"]})).await;
}

async fn is_unmet(app: &TestApp, browser: &mut Browser, acr: Value) {
    let request = json!({"id_token": {"acr": acr}}).to_string();
    for more in [vec![("claims", request.as_str())], vec![("claims", request.as_str()), ("prompt", "none")]] {
        let error = error(app, browser, &more).await;
        assert_eq!(error.as_deref(), Some("unmet_authentication_requirements"), "{request}");
    }
}

/// Core §5.5.1.1: one of the values, as it was asked for.
async fn oidc_a11_an_essential_acr_that_is_reached_is_returned(app: TestApp) {
    for (acr, reported) in [
        (json!({"essential": true, "value": "urn:okta:loa:1fa:any"}), "urn:okta:loa:1fa:any"),
        (json!({"essential": true, "values": ["phr", "urn:okta:loa:1fa:any"]}), "urn:okta:loa:1fa:any"),
        (json!({"essential": true}), "urn:okta:loa:1fa:pwd"),
    ] {
        let tokens = tokens(&app, "openid", &json!({"id_token": {"acr": acr}})).await;
        assert_eq!(id_token(&tokens)["acr"], reported, "{acr}");
    }
}

/// Core §5.5.1.1: a voluntary request never fails, and nothing unearned is reported for it.
async fn oidc_a11_a_voluntary_acr_is_answered_with_the_truth(app: TestApp) {
    for (acr, reported) in [
        (json!(null), "urn:okta:loa:1fa:pwd"),
        (json!({"values": ["phr", "urn:okta:loa:2fa:any"]}), "urn:okta:loa:1fa:pwd"),
        (json!({"value": "urn:okta:loa:1fa:any"}), "urn:okta:loa:1fa:any"),
    ] {
        let tokens = tokens(&app, "openid", &json!({"id_token": {"acr": acr}})).await;
        assert_eq!(id_token(&tokens)["acr"], reported, "{acr}");
    }
}

/// Core §5.5: with the scope `openid` alone.
async fn oidc_u5_a_userinfo_claim_needs_no_scope_and_stays_out_of_the_id_token(app: TestApp) {
    let tokens = tokens(&app, "openid", &json!({"userinfo": {"name": {"essential": true}}})).await;
    assert!(id_token(&tokens).get("name").is_none());
    let userinfo = userinfo(&app, &tokens).await;
    assert_eq!(userinfo["name"], "Alice Adams");
    assert_eq!(userinfo.as_object().unwrap().len(), 2, "{userinfo}");
}

/// Core §5.4: beside an access token the claims of scopes are at userinfo; §5.5: what is asked for is in the ID token.
async fn oidc_i4_a_claim_asked_for_is_in_the_id_token_and_no_other_is(app: TestApp) {
    let request = json!({"id_token": {"name": {"essential": true}, "email": null}});
    let id_token = id_token(&tokens(&app, "openid profile email phone", &request).await);
    assert_eq!((&id_token["name"], &id_token["email"]), (&json!("Alice Adams"), &json!(ALICE)));
    for absent in ["given_name", "email_verified", "phone_number", "nickname"] {
        assert!(id_token.get(absent).is_none(), "{absent}");
    }
}

/// Core §2: `auth_time` when it is essential or `require_auth_time` is registered.
async fn oidc_i1_the_time_of_the_sign_in_is_told(app: TestApp) {
    let now = app.app.now().unix_timestamp();
    let asked = json!({"id_token": {"auth_time": {"essential": true}}});
    let auth_time = |tokens: &Value| id_token(tokens)["auth_time"].as_i64().unwrap();
    assert!((now - 5..=now + 60).contains(&auth_time(&tokens(&app, "openid", &asked).await)));
    let metadata = json!({
        "redirect_uris": [REDIRECT_URI],
        "grant_types": ["authorization_code"],
        "response_types": ["code"],
        "require_auth_time": true,
    });
    let client = fixtures::client(&app.app, "punctual", metadata, Some(SECRET)).await;
    assert!(client.metadata.require_auth_time);
    assert!((now - 5..=now + 60).contains(&auth_time(&app.tokens("punctual", "openid", ALICE).await)));
}
