//! C6 and D8 over the account page: what is ended there is over for applications, too.

use crate::{
    support::{
        Test, TestApp,
        fixtures::{ALICE, ASKING, PASSWORD, WEB},
        http::Browser,
        op::{answer, sign_in_on},
    },
    web::account::open,
};

use super::assert_refused;

pub(crate) fn trials() -> Vec<Test> {
    trials![
        storage: sec_c06_a_consent_that_is_withdrawn_ends_the_code;
        sqlite:
            sec_c06_signing_out_elsewhere_ends_the_code,
            sec_d08_a_consent_that_is_withdrawn_ends_refresh_tokens,
            sec_d08_a_new_password_ends_refresh_tokens,
    ]
}

const NEW: &str = "Wholly-New-Horse-7";

async fn consented(app: &TestApp, browser: &mut Browser) -> String {
    let asks = app.authorize_url(ASKING, &[("scope", "openid offline_access car:drive")]);
    let page = browser.open(&asks).await;
    let page = sign_in_on(browser, &page, ALICE, PASSWORD).await;
    browser.submit(&page.form("consent-form").press("accept")).await;
    answer(browser).remove("code").unwrap_or_else(|| panic!("no code: {}", browser.url()))
}

async fn withdraw(app: &TestApp, browser: &mut Browser) {
    let page = browser.open(&app.url("/account")).await;
    let page = browser.submit(&page.form("apps-form").press(ASKING)).await;
    assert!(page.body_contains("can no longer use your account"), "{}", page.words());
}

/// A code is a promise that stands only while the consent does.
async fn sec_c06_a_consent_that_is_withdrawn_ends_the_code(app: TestApp) {
    let mut browser = Browser::new();
    let code = consented(&app, &mut browser).await;
    let bystander = app.code(WEB, "openid", ALICE).await;
    withdraw(&app, &mut browser).await;
    assert_refused(&app.redeem(ASKING, &code).await, 400, "invalid_grant");
    assert_eq!(app.redeem(WEB, &bystander).await.status, 200, "another client's code is left alone");
}

/// D8: the family of refresh tokens ends with the consent, and what it made is not alive anywhere.
async fn sec_d08_a_consent_that_is_withdrawn_ends_refresh_tokens(app: TestApp) {
    let mut browser = Browser::new();
    let code = consented(&app, &mut browser).await;
    let tokens = app.redeem(ASKING, &code).await.json();
    let refreshed = app.refresh(ASKING, tokens["refresh_token"].as_str().unwrap()).await.json();
    withdraw(&app, &mut browser).await;
    for tokens in [&tokens, &refreshed] {
        let refresh_token = tokens["refresh_token"].as_str().unwrap();
        assert_refused(&app.refresh(ASKING, refresh_token).await, 400, "invalid_grant");
        let access_token = tokens["access_token"].as_str().unwrap();
        assert_eq!(app.introspect(access_token).await["active"], false);
        assert_eq!(app.userinfo(access_token).await.status, 401);
    }
}

/// A code that was won on another device dies with its session, also one that promises offline access.
async fn sec_c06_signing_out_elsewhere_ends_the_code(app: TestApp) {
    let (mut here, mut there) = (Browser::new(), Browser::new());
    open(&app, &mut here, "/account").await;
    for button in ["one", "others"] {
        let more = [("scope", "openid offline_access")];
        let code = app.code_in(&mut there, "default", WEB, &more, ALICE).await;
        let own = app.code_in(&mut here, "default", WEB, &more, ALICE).await;
        let form = here.open(&app.url("/account")).await.form("devices-form");
        let session = app.session(&mut there).await.unwrap().id;
        here.open(&app.url("/account")).await;
        here.submit(&form.press(if button == "one" { session.as_str() } else { "others" })).await;
        assert_refused(&app.redeem(WEB, &code).await, 400, "invalid_grant");
        assert_eq!(app.redeem(WEB, &own).await.status, 200, "{button}");
        there = Browser::new();
    }
}

/// D8, S8: what was granted under the old password ends with it, unless its user says otherwise.
async fn sec_d08_a_new_password_ends_refresh_tokens(app: TestApp) {
    let mut tokens = app.tokens(WEB, "openid offline_access", ALICE).await;
    let mut browser = Browser::new();
    for (old, new, ends) in [(PASSWORD, NEW, false), (NEW, "Another-New-Horse-8", true)] {
        let page = open(&app, &mut browser, "/account/password").await;
        let mut form = page.form("step-form").fill("oldPassword", old).fill("newPassword", new);
        assert_eq!(form.field("revokeSessions"), Some("true"), "the default");
        if !ends {
            form.fields.retain(|(name, _)| name != "revokeSessions");
        }
        let done = browser.submit(&form.fill("repeatPassword", new).press("change_password")).await;
        assert!(done.body_contains("Your password was changed"), "{}", done.words());
        let refreshed = app.refresh(WEB, tokens["refresh_token"].as_str().unwrap()).await;
        assert_eq!(refreshed.status, if ends { 400 } else { 200 }, "{}", refreshed.text());
        tokens = refreshed.json();
    }
}
