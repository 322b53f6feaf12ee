//! The authorization code flow, end to end.

use crate::support::{
    Test, TestApp,
    fixtures::{ALICE, OTHER, WEB},
    http::Browser,
    op::{answer, claims},
};

pub(crate) fn trials() -> Vec<Test> {
    trials![storage:
        a_user_signs_in_and_the_client_gets_verifiable_tokens,
        a_second_client_gets_a_code_without_another_sign_in,
        sec_c01_code_redeemed_twice_revokes_the_family,
    ]
}

async fn a_user_signs_in_and_the_client_gets_verifiable_tokens(app: TestApp) {
    let mut browser = Browser::new();
    let page =
        browser.open(&app.authorize_url(WEB, &[("scope", "openid profile email offline_access")])).await;
    assert!(page.body_contains("login-page"), "{}", page.text());
    app.sign_in(&mut browser, &app.authorize_url(WEB, &[("scope", "openid profile offline_access")]), ALICE)
        .await;
    let answer = answer(&browser);
    assert_eq!(answer["state"], "a-state");
    assert_eq!(answer["iss"], app.url("/oauth2/default"));
    let response = app.redeem(WEB, &answer["code"]).await;
    assert_eq!(response.status, 200, "{}", response.text());
    assert_eq!(response.header("cache-control"), Some("no-store"));
    let tokens = response.json();
    assert_eq!(tokens["token_type"], "Bearer");
    let id_token = claims(tokens["id_token"].as_str().unwrap());
    assert_eq!(id_token["nonce"], "a-nonce");
    assert_eq!(id_token["aud"], WEB);
    assert_eq!(id_token["amr"], serde_json::json!(["pwd"]));
    assert_eq!(id_token["acr"], "urn:okta:loa:1fa:pwd");
    let access_token = tokens["access_token"].as_str().unwrap();
    assert_eq!(claims(access_token)["sub"], ALICE);
    let userinfo = app.userinfo(access_token).await;
    assert_eq!(userinfo.json()["sub"], id_token["sub"]);
    assert_eq!(userinfo.json()["given_name"], "Alice");
    assert_eq!(app.introspect(access_token).await["active"], true);
    let refreshed = app.refresh(WEB, tokens["refresh_token"].as_str().unwrap()).await;
    assert_eq!(refreshed.status, 200, "{}", refreshed.text());
    assert_ne!(refreshed.json()["refresh_token"], tokens["refresh_token"]);
}

async fn a_second_client_gets_a_code_without_another_sign_in(app: TestApp) {
    let mut browser = Browser::new();
    app.code_in(&mut browser, "default", WEB, &[], ALICE).await;
    browser.open(&app.authorize_url(OTHER, &[("prompt", "none")])).await;
    assert!(answer(&browser).contains_key("code"), "{}", browser.url());
}

/// RFC 6749 §4.1.2: a code used twice is denied and everything it bought is revoked.
async fn sec_c01_code_redeemed_twice_revokes_the_family(app: TestApp) {
    let code = app.code(WEB, "openid offline_access", ALICE).await;
    let tokens = app.redeem(WEB, &code).await.json();
    let again = app.redeem(WEB, &code).await;
    assert_eq!((again.status, again.json()["error"].as_str()), (400, Some("invalid_grant")));
    assert_eq!(app.introspect(tokens["access_token"].as_str().unwrap()).await["active"], false);
    let refreshed = app.refresh(WEB, tokens["refresh_token"].as_str().unwrap()).await;
    assert_eq!(refreshed.json()["error"], "invalid_grant");
    assert!(app.logged("app.oauth2.as.token.detect_reuse", Some("code_replayed")).await);
}
