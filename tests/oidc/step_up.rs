//! Step-up asked for by a resource server, which userinfo is one of: RFC 9470.

use serde_json::{Value, json};
use stepgate::model::authorization_server::UserinfoSettings;

use crate::support::{
    Test, TestApp,
    assurance::TWO_FACTORS,
    fixtures::{self, ALICE, WEB},
    http::{Browser, Response},
    op::{claims, sign_in_on},
};

pub(crate) fn trials() -> Vec<Test> {
    trials![
        sqlite:
            sec_t08_a_sign_in_that_is_too_old_is_challenged_and_renewed,
            sec_t08_an_authentication_that_is_too_weak_is_challenged,
            sec_t08_a_refresh_does_not_renew_the_sign_in,
            sec_t08_the_challenge_for_a_second_factor_is_answered,
            by_default_nothing_is_asked,
    ]
}

async fn ask_for(app: &TestApp, acr_values: &[&str], max_age: Option<u32>) {
    let acr_values = acr_values.iter().map(|&acr| acr.to_owned()).collect();
    let wanted = UserinfoSettings { acr_values, max_age };
    fixtures::settings(&app.app, "default", |settings| settings.userinfo = wanted).await;
}

async fn userinfo(app: &TestApp, tokens: &Value) -> Response {
    app.userinfo(tokens["access_token"].as_str().unwrap()).await
}

/// RFC 9470 §3: 401, the error, and what to ask for.
#[track_caller]
fn assert_challenged(response: &Response, with: &[&str]) {
    assert_eq!(response.status, 401);
    let challenge = response.header("www-authenticate").unwrap();
    assert!(
        challenge.starts_with("Bearer ") && challenge.contains(r#"error="insufficient_user_authentication""#)
    );
    for member in ["acr_values=", "max_age="] {
        let wanted = with.iter().find(|wanted| wanted.starts_with(member));
        assert_eq!(challenge.contains(member), wanted.is_some(), "{challenge}");
        assert!(wanted.is_none_or(|wanted| challenge.contains(wanted)), "{challenge}");
    }
    assert!(response.text().is_empty());
}

/// RFC 9470 §3–5: the challenge's `max_age` at the authorization endpoint gives a token that shows the new `auth_time`; the
/// token from before still shows the old one, and still does not do.
async fn sec_t08_a_sign_in_that_is_too_old_is_challenged_and_renewed(app: TestApp) {
    ask_for(&app, &[], Some(300)).await;
    let mut browser = Browser::new();
    let code = app.code_in(&mut browser, "default", WEB, &[], ALICE).await;
    let old = app.redeem(WEB, &code).await.json();
    assert_eq!(userinfo(&app, &old).await.status, 200);
    app.clock.advance(301);
    assert_challenged(&userinfo(&app, &old).await, &[r#"max_age="300""#]);
    // A new token from the same session is no younger.
    let code = app.code_in(&mut browser, "default", WEB, &[], ALICE).await;
    let same = app.redeem(WEB, &code).await.json();
    assert_challenged(&userinfo(&app, &same).await, &[r#"max_age="300""#]);
    let page = browser.open(&app.authorize_url(WEB, &[("max_age", "300")])).await;
    sign_in_on(&mut browser, &page, ALICE, fixtures::PASSWORD).await;
    let code = crate::support::op::answer(&browser)["code"].clone();
    let new = app.redeem(WEB, &code).await.json();
    assert_eq!(userinfo(&app, &new).await.status, 200);
    let auth_time =
        |tokens: &Value| claims(tokens["access_token"].as_str().unwrap())["auth_time"].as_i64().unwrap();
    assert!(auth_time(&new) >= auth_time(&old) + 301);
    assert_challenged(&userinfo(&app, &old).await, &[r#"max_age="300""#]);
    let told = app.introspect(old["access_token"].as_str().unwrap()).await;
    assert_eq!(told["auth_time"].as_i64(), Some(auth_time(&old)));
}

/// RFC 9470 §3: `acr_values` of the challenge; what was reached is judged, not what was reported.
async fn sec_t08_an_authentication_that_is_too_weak_is_challenged(app: TestApp) {
    let tokens = app.tokens(WEB, "openid", ALICE).await;
    ask_for(&app, &["phr", "urn:okta:loa:2fa:any"], Some(3600)).await;
    let members = [r#"acr_values="phr urn:okta:loa:2fa:any""#, r#"max_age="3600""#];
    assert_challenged(&userinfo(&app, &tokens).await, &members);
    for acr_values in [&["urn:okta:loa:1fa:any"][..], &["phr", "urn:okta:loa:1fa:pwd"]] {
        ask_for(&app, acr_values, None).await;
        assert_eq!(userinfo(&app, &tokens).await.status, 200, "{acr_values:?}");
    }
    // A token that is worth nothing is told so, whatever else is missing.
    ask_for(&app, &["phr"], None).await;
    app.clock.advance(3601);
    let response = userinfo(&app, &tokens).await;
    assert!(response.header("www-authenticate").unwrap().contains(r#"error="invalid_token""#));
}

/// RFC 9470 §3–6: the client takes the challenge to the authorization endpoint, the user proves what is missing, and the new
/// access token does; the one from before says what it said, and still does not do.
async fn sec_t08_the_challenge_for_a_second_factor_is_answered(app: TestApp) {
    ask_for(&app, &[TWO_FACTORS], None).await;
    let mut browser = Browser::new();
    let code = app.code_in(&mut browser, "default", WEB, &[], ALICE).await;
    let old = app.redeem(WEB, &code).await.json();
    assert_challenged(&userinfo(&app, &old).await, &[r#"acr_values="urn:okta:loa:2fa:any""#]);
    app.clock.advance(100);
    let page = browser.open(&app.authorize_url(WEB, &[("acr_values", TWO_FACTORS)])).await;
    assert!(page.url.path().starts_with("/signin"), "{}", page.url);
    app.step_up_by(&mut browser, "otp").await;
    browser.open(&app.authorize_url(WEB, &[("acr_values", TWO_FACTORS)])).await;
    let code = crate::support::op::answer(&browser)["code"].clone();
    let new = app.redeem(WEB, &code).await.json();
    assert_eq!(userinfo(&app, &new).await.status, 200);
    assert_challenged(&userinfo(&app, &old).await, &[r#"acr_values="urn:okta:loa:2fa:any""#]);
    for (tokens, acr, amr) in
        [(&new, TWO_FACTORS, json!(["pwd", "otp", "mfa"])), (&old, "urn:okta:loa:1fa:pwd", json!(["pwd"]))]
    {
        for token in ["access_token", "id_token"] {
            let claims = claims(tokens[token].as_str().unwrap());
            assert_eq!(claims["acr"], acr, "{token}");
            assert!(claims.get("amr").is_none_or(|told| *told == amr), "{claims}");
        }
        assert_eq!(app.introspect(tokens["access_token"].as_str().unwrap()).await["acr"], acr);
    }
    let auth_time =
        |tokens: &Value| claims(tokens["id_token"].as_str().unwrap())["auth_time"].as_i64().unwrap();
    assert!(auth_time(&new) >= auth_time(&old) + 100);
}

/// RFC 9470 §6.1, Core §12.2: `auth_time` is that of the sign-in, however young the token.
async fn sec_t08_a_refresh_does_not_renew_the_sign_in(app: TestApp) {
    ask_for(&app, &[], Some(300)).await;
    let tokens = app.tokens(WEB, "openid offline_access", ALICE).await;
    app.clock.advance(301);
    let refreshed = app.refresh(WEB, tokens["refresh_token"].as_str().unwrap()).await.json();
    assert_challenged(&userinfo(&app, &refreshed).await, &[r#"max_age="300""#]);
}

/// Off unless it is set up.
async fn by_default_nothing_is_asked(app: TestApp) {
    let tokens = app.tokens(WEB, "openid offline_access", ALICE).await;
    app.clock.advance(24 * 3600);
    let refreshed = app.refresh(WEB, tokens["refresh_token"].as_str().unwrap()).await.json();
    let response = userinfo(&app, &refreshed).await;
    assert_eq!((response.status, response.json()["sub"].is_string()), (200, true));
    assert_eq!(json!(null), response.json()["name"]);
}
