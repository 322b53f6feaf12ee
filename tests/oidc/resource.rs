//! Resource indicators: RFC 8707.

use serde_json::{Value, json};
use stepgate::model::authorization_server::AccessTokenProfile;

use crate::{
    security::assert_refused,
    support::{
        Test, TestApp,
        fixtures::{self, ALICE, MACHINE, WEB},
        http::Browser,
        op::{answer, claims, code_form},
    },
};

pub(crate) fn trials() -> Vec<Test> {
    trials![
        storage: a_grant_is_for_the_resources_asked_for;
        sqlite:
            a_token_is_for_a_part_of_what_was_granted,
            a_machine_names_its_resource,
            both_shapes_of_tokens_name_their_resources,
            sec_d10_a_resource_that_is_no_longer_served_is_not_granted,
            the_audience_of_the_server_is_a_resource,
            sec_k08_unknown_and_malformed_resources_are_refused,
            sec_k08_no_more_than_was_granted,
            sec_k08_a_refused_resource_spends_nothing,
            sec_k01_a_token_for_another_resource_does_not_open_userinfo,
            a_token_for_another_resource_is_introspected,
    ]
}

const AUDIENCE: &str = "api://default";
const ONE: &str = "https://one.example.com/api";
const TWO: &str = "https://two.example.com/";

async fn set_up(app: &TestApp) {
    let resources = vec![ONE.to_owned(), TWO.to_owned()];
    fixtures::settings(&app.app, "default", |settings| settings.resources = resources).await;
}

/// Where the browser ends that asks for these resources.
async fn authorize(app: &TestApp, resources: &[&str]) -> std::collections::BTreeMap<String, String> {
    let mut url = url::Url::parse(&app.authorize_url(WEB, &[("scope", "openid offline_access")])).unwrap();
    url.query_pairs_mut().extend_pairs(resources.iter().map(|resource| ("resource", resource)));
    let mut browser = Browser::new();
    let page = browser.open(url.as_str()).await;
    if page.body_contains("login-page") {
        crate::support::op::sign_in_on(&mut browser, &page, ALICE, fixtures::PASSWORD).await;
    }
    answer(&browser)
}

async fn redeem(app: &TestApp, code: &str, resources: &[&str]) -> crate::support::http::Response {
    let mut form = code_form(code).to_vec();
    form.extend(resources.iter().map(|&resource| ("resource", resource)));
    app.token(WEB, &form).await
}

/// Tokens of a grant for these resources.
async fn granted(app: &TestApp, resources: &[&str]) -> Value {
    let answer = authorize(app, resources).await;
    let response = redeem(app, answer.get("code").unwrap_or_else(|| panic!("{answer:?}")), &[]).await;
    assert_eq!(response.status, 200, "{}", response.text());
    response.json()
}

async fn refresh(app: &TestApp, tokens: &Value, resources: &[&str]) -> crate::support::http::Response {
    let mut form =
        vec![("grant_type", "refresh_token"), ("refresh_token", tokens["refresh_token"].as_str().unwrap())];
    form.extend(resources.iter().map(|&resource| ("resource", resource)));
    app.token(WEB, &form).await
}

fn audience(tokens: &Value) -> Value {
    claims(tokens["access_token"].as_str().unwrap())["aud"].clone()
}

/// RFC 8707 §2, §2.2; RFC 7519 §4.1.3: `aud` names the resources, one as a text and several as a list.
async fn a_grant_is_for_the_resources_asked_for(app: TestApp) {
    set_up(&app).await;
    assert_eq!(audience(&granted(&app, &[]).await), AUDIENCE);
    assert_eq!(audience(&granted(&app, &[ONE]).await), ONE);
    let both = granted(&app, &[TWO, ONE, TWO]).await;
    assert_eq!(audience(&both), json!([TWO, ONE]));
    // Without `resource`, a refresh is for all that was granted.
    assert_eq!(audience(&refresh(&app, &both, &[]).await.json()), json!([TWO, ONE]));
}

/// RFC 8707 §2.2: the access token is for the part asked for; the grant stays what it is.
async fn a_token_is_for_a_part_of_what_was_granted(app: TestApp) {
    set_up(&app).await;
    let answer = authorize(&app, &[ONE, TWO]).await;
    let tokens = redeem(&app, &answer["code"], &[TWO]).await.json();
    assert_eq!(audience(&tokens), TWO);
    let tokens = refresh(&app, &tokens, &[ONE]).await.json();
    assert_eq!(audience(&tokens), ONE);
    assert_eq!(audience(&refresh(&app, &tokens, &[TWO, ONE]).await.json()), json!([TWO, ONE]));
}

/// RFC 8707 §2.2 for a grant without an authorization request.
async fn a_machine_names_its_resource(app: TestApp) {
    set_up(&app).await;
    let ask = async |resources: &[&str]| {
        let mut form = vec![("grant_type", "client_credentials"), ("scope", "car:drive")];
        form.extend(resources.iter().map(|&resource| ("resource", resource)));
        app.token(MACHINE, &form).await
    };
    assert_eq!(audience(&ask(&[]).await.json()), AUDIENCE);
    assert_eq!(audience(&ask(&[ONE]).await.json()), ONE);
    assert_eq!(audience(&ask(&[ONE, AUDIENCE]).await.json()), json!([ONE, AUDIENCE]));
    assert_refused(&ask(&["https://three.example.com"]).await, 400, "invalid_target");
}

/// RFC 9068 §3.
async fn both_shapes_of_tokens_name_their_resources(app: TestApp) {
    set_up(&app).await;
    let tx = app.app.db.begin_write().await.unwrap();
    let id = stepgate::id::AuthorizationServerId::new("default");
    let mut server = stepgate::store::server::find_in(&tx, &id).await.unwrap().unwrap().server;
    server.access_token_profile = AccessTokenProfile::Rfc9068;
    stepgate::store::server::update(&tx, &server).await.unwrap();
    tx.commit().await.unwrap();
    app.app.forget_configuration();
    assert_eq!(audience(&granted(&app, &[ONE, TWO]).await), json!([ONE, TWO]));
}

/// What an administrator takes away is gone, also for grants that were made before.
async fn sec_d10_a_resource_that_is_no_longer_served_is_not_granted(app: TestApp) {
    set_up(&app).await;
    let (both, one) = (granted(&app, &[ONE, TWO]).await, granted(&app, &[ONE]).await);
    fixtures::settings(&app.app, "default", |settings| settings.resources = vec![TWO.to_owned()]).await;
    assert_eq!(app.introspect(both["access_token"].as_str().unwrap()).await, json!({"active": false}));
    assert_eq!(audience(&refresh(&app, &both, &[]).await.json()), TWO);
    assert_refused(&refresh(&app, &one, &[]).await, 400, "invalid_target");
}

/// The default, said aloud.
async fn the_audience_of_the_server_is_a_resource(app: TestApp) {
    let tokens = granted(&app, &[AUDIENCE]).await;
    assert_eq!(audience(&tokens), AUDIENCE);
    assert_eq!(audience(&refresh(&app, &tokens, &[AUDIENCE]).await.json()), AUDIENCE);
    assert_eq!(app.userinfo(tokens["access_token"].as_str().unwrap()).await.status, 200);
}

/// RFC 8707 §2: `invalid_target` for what is unknown, malformed, relative or has a fragment; compared byte for byte.
async fn sec_k08_unknown_and_malformed_resources_are_refused(app: TestApp) {
    set_up(&app).await;
    let code = authorize(&app, &[ONE]).await["code"].clone();
    for resource in [
        "https://three.example.com/",
        "https://one.example.com/api#fragment",
        "https://one.example.com/api/",
        "https://one.example.com/API",
        "https://two.example.com",
        "/api",
        "api",
        " ",
        "%",
        "https://one.example.com/api https://two.example.com/",
    ] {
        let answer = authorize(&app, &[resource]).await;
        assert_eq!(answer.get("error").map(String::as_str), Some("invalid_target"), "{resource}");
        // One that is known does not excuse another that is not.
        let answer = authorize(&app, &[ONE, resource]).await;
        assert_eq!(answer.get("error").map(String::as_str), Some("invalid_target"), "{resource}");
        assert_refused(&redeem(&app, &code, &[resource]).await, 400, "invalid_target");
    }
    assert_eq!(redeem(&app, &code, &[ONE]).await.status, 200);
}

/// RFC 8707 §2.2: neither at the first token nor on refresh is there more than what was granted.
async fn sec_k08_no_more_than_was_granted(app: TestApp) {
    set_up(&app).await;
    for (first, more) in [(&[ONE][..], TWO), (&[ONE][..], AUDIENCE), (&[][..], ONE)] {
        let answer = authorize(&app, first).await;
        assert_refused(&redeem(&app, &answer["code"], &[more]).await, 400, "invalid_target");
        let tokens = granted(&app, first).await;
        assert_refused(&refresh(&app, &tokens, &[more]).await, 400, "invalid_target");
    }
}

/// Nothing changes on refusal: the code and the refresh token can still be used.
async fn sec_k08_a_refused_resource_spends_nothing(app: TestApp) {
    set_up(&app).await;
    let code = authorize(&app, &[ONE]).await["code"].clone();
    assert_refused(&redeem(&app, &code, &[TWO]).await, 400, "invalid_target");
    let tokens = redeem(&app, &code, &[]).await;
    assert_eq!(tokens.status, 200, "{}", tokens.text());
    let tokens = tokens.json();
    assert_refused(&refresh(&app, &tokens, &[TWO]).await, 400, "invalid_target");
    assert_eq!(refresh(&app, &tokens, &[ONE]).await.status, 200);
    assert!(app.logged("app.oauth2.as.token.grant", Some("invalid_target")).await, "{:?}", app.log().await);
}

/// RFC 8707 §2, RFC 9068 §4: userinfo is the server's own resource; a token for another one does not open it.
async fn sec_k01_a_token_for_another_resource_does_not_open_userinfo(app: TestApp) {
    set_up(&app).await;
    for (resources, status) in [(&[ONE][..], 401), (&[ONE, TWO], 401), (&[ONE, AUDIENCE], 200)] {
        let tokens = granted(&app, resources).await;
        let response = app.userinfo(tokens["access_token"].as_str().unwrap()).await;
        assert_eq!(response.status, status, "{resources:?}");
    }
}

/// RFC 7662 §2.2: the resource servers of the other resources ask about their tokens here.
async fn a_token_for_another_resource_is_introspected(app: TestApp) {
    set_up(&app).await;
    let tokens = granted(&app, &[ONE, TWO]).await;
    let told = app.introspect(tokens["access_token"].as_str().unwrap()).await;
    assert_eq!((&told["active"], &told["aud"]), (&json!(true), &json!([ONE, TWO])));
}
