//! Accessibility of every page: structure, names, language, tab order, and room on a small screen.

use serde_json::json;
use thirtyfour::{Key, WebDriver};

use super::{RP, click, playground::development, register, relying_party, sign_in, until, value};
use crate::support::{Test, TestApp};

pub(crate) fn trials() -> Vec<Test> {
    trials![browser: every_page_can_be_read_aloud_and_walked_by_tab]
}

/// WCAG 2.4.6, 3.3.2, 3.1.1, 2.4.3 and 1.4.10, for each page in turn.
async fn every_page_can_be_read_aloud_and_walked_by_tab(app: TestApp, driver: WebDriver) {
    let app = development(app).await;
    let peer = relying_party().await;
    let callback = peer.url("/callback");
    register(&app, &[&callback], json!({"consent_method": "REQUIRED"})).await;
    let authorize = |more: &[(&str, &str)]| {
        let mut params =
            vec![("redirect_uri", callback.as_str()), ("scope", "openid profile car:drive car:paint")];
        params.extend(more);
        app.authorize_url(RP, &params)
    };

    for (url, id) in [
        (app.url("/"), "home-page"),
        (app.url("/playground"), "playground-page"),
        (app.authorize_url("nobody", &[]), "error-page"),
        (authorize(&[("redirect_uri", "https://elsewhere.example/")]), "error-page"),
        (authorize(&[]), "login-page"),
    ] {
        driver.goto(&url).await.unwrap();
        assert_accessible(&driver, id).await;
    }
    sign_in(&driver).await;
    assert_accessible(&driver, "consent-page").await;
    click(&driver, "#consent-accept").await;
    driver.goto(authorize(&[("prompt", "select_account")])).await.unwrap();
    assert_accessible(&driver, "accounts-page").await;
    driver.goto(authorize(&[("prompt", "login")])).await.unwrap();
    assert_accessible(&driver, "login-page").await;
    driver.goto(app.url("/oauth2/default/v1/logout")).await.unwrap();
    assert_accessible(&driver, "logout-page").await;
    click(&driver, "#logout-confirm").await;
    assert_accessible(&driver, "signed-out-page").await;
}

pub(super) async fn assert_accessible(driver: &WebDriver, id: &str) {
    until(driver, &format!("document.getElementById('{id}') && document.readyState === 'complete'")).await;
    assert_eq!(value(driver, "document.querySelectorAll('h1').length").await, 1, "{id}: one h1");
    assert_eq!(value(driver, "document.querySelectorAll('main').length").await, 1, "{id}: one main");
    assert_eq!(value(driver, "document.documentElement.lang").await, "en", "{id}: language");
    assert_ne!(value(driver, "document.title").await, "", "{id}: title");
    let nameless = value(
        driver,
        "[...document.querySelectorAll('input:not([type=hidden]), select, textarea, button, a[href]')]
            .filter((e) => !(e.labels?.length || e.getAttribute('aria-label') || e.textContent.trim()))
            .map((e) => e.outerHTML)",
    )
    .await;
    assert_eq!(nameless, json!([]), "{id}: every control has a name");
    let levels = value(
        driver,
        "[...document.querySelectorAll('h1, h2, h3, h4')].map((h) => Number(h.tagName[1]))
            .filter((level, index, all) => index > 0 && level > all[index - 1] + 1)",
    )
    .await;
    assert_eq!(levels, json!([]), "{id}: no heading level is skipped");
    assert_tab_order(driver, id).await;
    driver.set_window_rect(0, 0, 500, 800).await.unwrap();
    let overflow = value(driver, "document.documentElement.scrollWidth > innerWidth").await;
    driver.set_window_rect(0, 0, 1280, 800).await.unwrap();
    assert_eq!(overflow, false, "{id}: nothing sticks out on a small screen");
}

/// Tab reaches every control once, in the order of the document.
async fn assert_tab_order(driver: &WebDriver, id: &str) {
    let expected = value(
        driver,
        "(() => {
            document.activeElement.blur();
            getSelection().removeAllRanges();
            const all = [...document.querySelectorAll('a[href], button, input, select, textarea, summary, [tabindex=\"0\"]')];
            window.controls = all.filter((e) => !e.disabled && e.type !== 'hidden' && e.checkVisibility());
            return controls.length;
        })()",
    )
    .await;
    let mut reached = Vec::new();
    for _ in 0..expected.as_u64().unwrap() {
        driver.action_chain().send_keys(char::from(Key::Tab)).perform().await.unwrap();
        reached.push(value(driver, "controls.indexOf(document.activeElement)").await);
    }
    let wanted: Vec<_> = (0..expected.as_u64().unwrap()).map(|index| json!(index)).collect();
    assert_eq!(reached, wanted, "{id}: tab order");
}
