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
        the_playground_reads_hybrid_and_implicit_responses,
        the_playground_pushes_its_request_and_binds_its_tokens,
        the_playground_signs_a_device_in,
        a_production_server_has_no_playground,
    ]
}

/// A development server with the playground's client.
pub(super) async fn development(app: TestApp) -> TestApp {
    let change = Change {
        settings: Some(|settings| {
            settings.dev = true;
            settings.playground_client = Some(ClientId::new("playground"));
            settings.playground_device_client = Some(ClientId::new("playground-device"));
        }),
        ..Change::default()
    };
    let app = app.restart(change).await;
    let here = app.url("/playground");
    let metadata = json!({
        "application_type": "browser",
        "redirect_uris": [here],
        "post_logout_redirect_uris": [here],
        "grant_types": ["authorization_code", "implicit", "refresh_token"],
        "response_types": ["code", "id_token", "id_token token", "code id_token", "code token", "code id_token token"],
        "token_endpoint_auth_method": "none",
        "refresh_token": {"rotation_type": "ROTATE", "leeway": 30},
    });
    fixtures::client(&app.app, "playground", metadata, None).await;
    let device = json!({
        "application_type": "native",
        "redirect_uris": ["http://127.0.0.1/callback"],
        "grant_types": ["authorization_code", "refresh_token", "urn:ietf:params:oauth:grant-type:device_code"],
        "token_endpoint_auth_method": "none",
    });
    fixtures::client(&app.app, "playground-device", device, None).await;
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

/// Opens the playground and chooses a response type.
async fn choose_response_type(driver: &WebDriver, app: &TestApp, response_type: &str) {
    driver.goto(app.url("/playground")).await.unwrap();
    until(driver, "!document.getElementById('act-device').disabled").await;
    click(driver, "#act-forget:enabled, #act-clear:enabled, h1").await;
    click(driver, &format!("#response_type option[value='{response_type}']")).await;
}

/// OpenID Connect Core §3.2, §3.3: what came through the browser is checked against the code and the access token.
async fn the_playground_reads_hybrid_and_implicit_responses(app: TestApp, driver: WebDriver) {
    let app = development(app).await;
    choose_response_type(&driver, &app, "code id_token token").await;
    sign_in_at_playground(&driver).await;
    let timeline = value(&driver, "document.getElementById('timeline').textContent").await;
    assert!(timeline.as_str().unwrap().contains("passed: c_hash matches the code"), "{timeline}");

    choose_response_type(&driver, &app, "id_token").await;
    click(&driver, "#act-authorize").await;
    until(&driver, "document.querySelectorAll('#tokens .box').length === 1").await;
    until(&driver, "document.querySelector('#tokens .checks')").await;
    assert_eq!(value(&driver, "document.querySelectorAll('.checks .bad').length").await, 0);
    assert_eq!(complaints(&driver).await, [""; 0]);
}

/// RFC 9126, RFC 9449: the request goes ahead of the browser, and the tokens are good for its key only.
async fn the_playground_pushes_its_request_and_binds_its_tokens(app: TestApp, driver: WebDriver) {
    let app = development(app).await;
    choose_response_type(&driver, &app, "code").await;
    click(&driver, "#par").await;
    click(&driver, "#dpop").await;
    sign_in_at_playground(&driver).await;
    let claims = value(&driver, "document.getElementById('tokens').textContent").await;
    assert!(claims.as_str().unwrap().contains("\"jkt\""), "{claims}");
    let timeline = value(&driver, "document.getElementById('timeline').textContent").await;
    assert!(timeline.as_str().unwrap().contains("request_uri"), "{timeline}");
    act(&driver, "act-userinfo", "UserInfo request").await;
    let userinfo = latest(&driver).await;
    assert!(userinfo.contains("passed: sub is the ID token's"), "{userinfo}");
    act(&driver, "act-refresh", "refresh_token").await;
    assert_checked(&driver).await;
    assert_eq!(complaints(&driver).await, [""; 0]);
}

/// RFC 8628: the page plays the device, and a second tab approves.
async fn the_playground_signs_a_device_in(app: TestApp, driver: WebDriver) {
    let app = development(app).await;
    choose_response_type(&driver, &app, "code").await;
    sign_in_at_playground(&driver).await;
    click(&driver, "#act-forget").await;
    click(&driver, "#act-device").await;
    until(&driver, "!document.getElementById('device').hidden").await;
    let playground = driver.window().await.unwrap();
    click(&driver, "#device-link").await;
    let windows = driver.windows().await.unwrap();
    let approval = windows.into_iter().find(|window| *window != playground).expect("a second tab");
    driver.switch_to_window(approval).await.unwrap();
    until(&driver, "document.getElementById('device-approve') || document.getElementById('device-submit')")
        .await;
    if value(&driver, "!!document.getElementById('device-submit')").await == true {
        click(&driver, "#device-submit").await;
    }
    until(&driver, "document.getElementById('device-approve')").await;
    click(&driver, "#device-approve").await;
    until(&driver, "document.getElementById('device-done-page')").await;
    driver.close_window().await.unwrap();
    driver.switch_to_window(playground).await.unwrap();
    until(&driver, "document.querySelectorAll('#tokens .box').length === 3").await;
    assert_eq!(value(&driver, "document.querySelectorAll('.checks .bad').length").await, 0);
    assert_eq!(value(&driver, "document.getElementById('device').hidden").await, true);
}

/// Pages for development exist on development servers only.
async fn a_production_server_has_no_playground(app: TestApp, driver: WebDriver) {
    for path in ["/playground", "/"] {
        driver.goto(app.url(path)).await.unwrap();
        until(&driver, "document.getElementById('error-page')").await;
        assert_eq!(driver.find(By::Id("error-code")).await.unwrap().text().await.unwrap(), "not_found");
    }
}
