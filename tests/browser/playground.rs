//! The playground of a development server, run by the browser it is made for.

use serde_json::json;
use stepgate::id::ClientId;
use thirtyfour::{By, WebDriver};

use super::{click, complaints, fill, sign_in, until, value};
use crate::support::{Test, TestApp, app::Change, fixtures};

pub(crate) fn trials() -> Vec<Test> {
    trials![browser:
        the_playground_shows_every_step,
        the_playground_works_with_the_org_issuer,
        a_production_server_has_no_playground,
    ]
}

/// A development server with the playground's client.
pub(super) async fn development(app: TestApp) -> TestApp {
    let change = Change {
        settings: Some(|settings| {
            settings.dev = true;
            settings.playground_client = Some(ClientId::new("playground"));
        }),
        ..Change::default()
    };
    let app = app.restart(change).await;
    let here = app.url("/playground");
    let metadata = json!({
        "application_type": "browser",
        "redirect_uris": [here],
        "post_logout_redirect_uris": [here],
        "grant_types": ["authorization_code", "refresh_token"],
        "response_types": ["code"],
        "token_endpoint_auth_method": "none",
        "refresh_token": {"rotation_type": "ROTATE", "leeway": 30},
    });
    fixtures::client(&app.app, "playground", metadata, None).await;
    app
}

/// Presses a button and waits for the entry it adds to the timeline.
async fn act(driver: &WebDriver, button: &str, title: &str) {
    until(driver, &format!("!document.getElementById('{button}').disabled")).await;
    click(driver, "#act-clear").await;
    click(driver, &format!("#{button}")).await;
    until(
        driver,
        &format!(
            "[...document.querySelectorAll('.step summary')].some((s) => s.innerText.includes('{title}'))"
        ),
    )
    .await;
}

/// The text of the latest step.
async fn latest(driver: &WebDriver) -> String {
    value(driver, "document.querySelector('.step').textContent").await.as_str().unwrap().to_owned()
}

async fn assert_checked(driver: &WebDriver) {
    until(driver, "document.querySelectorAll('#tokens .box').length === 3").await;
    until(driver, "document.querySelector('#tokens .checks')").await;
    assert_eq!(value(driver, "document.querySelectorAll('.checks .bad').length").await, 0);
    let tokens = driver.find(By::Id("tokens")).await.unwrap().text().await.unwrap();
    assert!(tokens.contains("signature (RS256)"), "{tokens}");
    assert!(tokens.contains("at_hash matches the access token"), "{tokens}");
    assert!(
        value(driver, "document.querySelectorAll('#tokens .checks .ok').length").await.as_i64() >= Some(8)
    );
    assert_eq!(value(driver, "document.getElementById('problem').hidden").await, true);
}

async fn sign_in_at_playground(driver: &WebDriver) {
    click(driver, "#act-authorize").await;
    sign_in(driver).await;
    until(driver, "document.getElementById('playground-page')").await;
    assert_checked(driver).await;
}

/// Login, verification in the page, userinfo, refresh, introspection, silent renewal, revocation, logout; the console
/// has nothing to say (CSP and Trusted Types included).
async fn the_playground_shows_every_step(app: TestApp, driver: WebDriver) {
    let app = development(app).await;
    driver.goto(app.url("/")).await.unwrap();
    driver.find(By::LinkText("Open the playground")).await.unwrap().click().await.unwrap();
    until(&driver, "document.getElementById('playground-page')").await;
    sign_in_at_playground(&driver).await;

    act(&driver, "act-userinfo", "UserInfo request").await;
    let userinfo = latest(&driver).await;
    assert!(userinfo.contains("Alice") && userinfo.contains("passed: sub is the ID token's"), "{userinfo}");
    act(&driver, "act-refresh", "refresh_token").await;
    assert_checked(&driver).await;
    act(&driver, "act-introspect", "Introspection").await;
    assert!(latest(&driver).await.contains("activetrue"), "{}", latest(&driver).await);
    act(&driver, "act-renew", "authorization_code").await;
    assert_checked(&driver).await;
    assert_eq!(complaints(&driver).await, [""; 0]);

    act(&driver, "act-revoke", "Revocation").await;
    act(&driver, "act-userinfo", "UserInfo request").await;
    assert!(latest(&driver).await.contains("invalid_token"), "{}", latest(&driver).await);
    // A refused request is logged by the browser itself, and nothing else is.
    let logged = complaints(&driver).await;
    assert!(logged.iter().all(|message| message.contains("status of 401")), "{logged:?}");

    click(&driver, "#act-logout").await;
    until(&driver, "document.querySelector('.step')?.textContent.includes('Logout response')").await;
    assert_eq!(value(&driver, "document.querySelectorAll('#tokens .box').length").await, 0);
    act(&driver, "act-renew", "postMessage").await;
    assert!(latest(&driver).await.contains("login_required"), "{}", latest(&driver).await);
    assert_eq!(complaints(&driver).await, [""; 0]);
}

/// The org issuer, with other parameters than the default ones.
async fn the_playground_works_with_the_org_issuer(app: TestApp, driver: WebDriver) {
    let app = development(app).await;
    driver.goto(app.url("/playground")).await.unwrap();
    until(&driver, "document.getElementById('issuer')?.options.length === 2").await;
    click(&driver, "#issuer option:nth-child(2)").await;
    click(&driver, "#prompt option[value=login]").await;
    click(&driver, "#response_mode option[value=fragment]").await;
    fill(&driver, "#login_hint", fixtures::ALICE).await;
    click(&driver, "#act-authorize").await;
    until(&driver, "document.getElementById('login-page')").await;
    assert_eq!(value(&driver, "document.getElementById('identifier').value").await, fixtures::ALICE);
    sign_in(&driver).await;
    until(&driver, "document.getElementById('playground-page')").await;
    assert_checked(&driver).await;
    act(&driver, "act-userinfo", "UserInfo request").await;
    assert!(latest(&driver).await.contains("passed: sub is the ID token's"), "{}", latest(&driver).await);
    assert_eq!(complaints(&driver).await, [""; 0]);
}

/// Pages for development exist on development servers only.
async fn a_production_server_has_no_playground(app: TestApp, driver: WebDriver) {
    for path in ["/playground", "/"] {
        driver.goto(app.url(path)).await.unwrap();
        until(&driver, "document.getElementById('error-page')").await;
        assert_eq!(driver.find(By::Id("error-code")).await.unwrap().text().await.unwrap(), "not_found");
    }
}
