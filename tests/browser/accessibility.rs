//! Accessibility of every page: structure, names, language, what errors refer to, tab order and where it is, contrast in both
//! colour schemes, and room on a small screen.

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
    until(&driver, "location.pathname === '/callback' && document.readyState === 'complete'").await;
    driver.goto(authorize(&[("prompt", "select_account")])).await.unwrap();
    assert_accessible(&driver, "accounts-page").await;
    driver.goto(authorize(&[("prompt", "login")])).await.unwrap();
    assert_accessible(&driver, "login-page").await;
    driver.goto(app.url("/oauth2/default/v1/logout")).await.unwrap();
    assert_accessible(&driver, "logout-page").await;
    click(&driver, "#logout-confirm").await;
    assert_accessible(&driver, "signed-out-page").await;
}

/// Holds the page against the rules that a script can check.
pub(super) async fn assert_accessible(driver: &WebDriver, id: &str) {
    until(driver, &format!("document.getElementById('{id}') && document.readyState === 'complete'")).await;
    assert_eq!(value(driver, "document.querySelectorAll('h1').length").await, 1, "{id}: one h1");
    assert_eq!(value(driver, "document.querySelectorAll('main').length").await, 1, "{id}: one main");
    assert_eq!(value(driver, "document.documentElement.lang").await, "en", "{id}: language");
    assert_ne!(value(driver, "document.title").await, "", "{id}: title");
    for (rule, violations) in RULES {
        assert_eq!(value(driver, violations).await, json!([]), "{id}: {rule}");
    }
    assert_tab_order(driver, id).await;
    assert_contrast(driver, id).await;
    let phone = json!({"width": 360, "height": 740, "deviceScaleFactor": 2, "mobile": true});
    driver.cdp().send_raw("Emulation.setDeviceMetricsOverride", phone).await.unwrap();
    until(driver, "innerHeight > innerWidth").await;
    let overflow = value(driver, "document.documentElement.scrollWidth").await;
    driver.cdp().send_raw("Emulation.clearDeviceMetricsOverride", json!({})).await.unwrap();
    assert_eq!(overflow, 360, "{id}: nothing sticks out on a small screen");
}

/// What must be empty: a rule, and an expression for what breaks it.
const RULES: [(&str, &str); 6] = [
    // WCAG 4.1.2.
    (
        "every control has a name",
        "[...document.querySelectorAll('input:not([type=hidden], [aria-hidden=true]), select, textarea, button, a[href]')]
            .filter((e) => !(e.labels?.length || e.getAttribute('aria-label') || e.textContent.trim()))
            .map((e) => e.outerHTML)",
    ),
    // WCAG 1.3.1.
    (
        "no heading level is skipped",
        "[...document.querySelectorAll('h1, h2, h3, h4')].map((h) => Number(h.tagName[1]))
            .filter((level, index, all) => index > 0 && level > all[index - 1] + 1)",
    ),
    (
        "every id is there once",
        "[...document.querySelectorAll('[id]')].map((e) => e.id).filter((id, index, all) => all.indexOf(id) !== index)",
    ),
    (
        "what a field refers to is there",
        "[...document.querySelectorAll('[aria-describedby], [aria-labelledby]')]
            .flatMap((e) => [e.getAttribute('aria-describedby'), e.getAttribute('aria-labelledby')])
            .flatMap((ids) => (ids ?? '').split(' ')).filter((id) => id && !document.getElementById(id))",
    ),
    // WCAG 3.3.1.
    (
        "a wrong field refers to the alert that says why",
        "[...document.querySelectorAll('[aria-invalid=true]')]
            .filter((e) => !(e.getAttribute('aria-describedby') ?? '').split(' ')
                .some((id) => document.getElementById(id)?.getAttribute('role') === 'alert'))
            .map((e) => e.outerHTML)",
    ),
    // WCAG 2.5.8; a box is as large as its label, or has a row to itself (the exception for spacing).
    (
        "every target is large enough",
        "[...document.querySelectorAll('button, a.button, input:not([type=hidden], [aria-hidden=true]), select, summary')]
            .filter((e) => e.checkVisibility())
            .map((e) => (['checkbox', 'radio'].includes(e.type) ? e.labels[0].closest('li') ?? e.labels[0] : e))
            .filter((e) => e.getBoundingClientRect().height < 24 || e.getBoundingClientRect().width < 24)
            .map((e) => e.outerHTML)",
    ),
];

/// Tab reaches every control once, in the order of the document, and shows where it is (WCAG 2.4.3, 2.4.7).
async fn assert_tab_order(driver: &WebDriver, id: &str) {
    let expected = value(
        driver,
        "(() => {
            document.activeElement.blur();
            getSelection().removeAllRanges();
            const all = [...document.querySelectorAll('a[href], button, input, select, textarea, summary, [tabindex=\"0\"]')];
            // Of a group of radio buttons Tab reaches the one that is chosen.
            const skipped = (e) => e.disabled || e.type === 'hidden' || e.tabIndex < 0 || e.type === 'radio' && !e.checked;
            window.controls = all.filter((e) => !skipped(e) && e.checkVisibility());
            return controls.length;
        })()",
    )
    .await;
    let mut reached = Vec::new();
    for _ in 0..expected.as_u64().unwrap() {
        driver.action_chain().send_keys(char::from(Key::Tab)).perform().await.unwrap();
        reached.push(value(driver, "controls.indexOf(document.activeElement)").await);
        let ring = value(driver, "getComputedStyle(document.activeElement).outlineStyle").await;
        assert_ne!(ring, "none", "{id}: focus is seen");
    }
    let wanted: Vec<_> = (0..expected.as_u64().unwrap()).map(|index| json!(index)).collect();
    assert_eq!(reached, wanted, "{id}: tab order");
}

/// WCAG 1.4.3: 4.5 to 1, and 3 to 1 for large text, in the light and the dark colour scheme.
async fn assert_contrast(driver: &WebDriver, id: &str) {
    for scheme in ["dark", "light"] {
        let features = json!({"features": [{"name": "prefers-color-scheme", "value": scheme}]});
        driver.cdp().send_raw("Emulation.setEmulatedMedia", features).await.unwrap();
        until(driver, &format!("matchMedia('(prefers-color-scheme: {scheme})').matches")).await;
        assert_eq!(value(driver, FAINT).await, json!([]), "{id}: contrast ({scheme})");
    }
}

/// The texts, and the placeholders, that do not stand out from what is behind them.
const FAINT: &str = "(() => {
    // What fades in or out is looked at where it ends.
    document.getAnimations().forEach((animation) => animation.finish());
    const parse = (color) => color.match(/[\\d.]+/g).map(Number);
    const over = (top, under) => [0, 1, 2].map((i) => top[i] * (top[3] ?? 1) + under[i] * (1 - (top[3] ?? 1)));
    const ground = (e) => e ? over(parse(getComputedStyle(e).backgroundColor), ground(e.parentElement)) : [255, 255, 255];
    const light = (color) => color.map((c) => c / 255)
        .map((c) => c <= 0.04045 ? c / 12.92 : ((c + 0.055) / 1.055) ** 2.4)
        .reduce((sum, c, i) => sum + c * [0.2126, 0.7152, 0.0722][i], 0);
    const contrast = (one, other) => {
        const [dark, bright] = [light(one), light(other)].sort((a, b) => a - b);
        return (bright + 0.05) / (dark + 0.05);
    };
    const faint = (e, style) => {
        const color = parse(style.color);
        const back = ground(e);
        const large = parseFloat(style.fontSize) >= 24 || parseFloat(style.fontSize) >= 18.66 && style.fontWeight >= 700;
        const seen = over([color[0], color[1], color[2], (color[3] ?? 1) * style.opacity], back);
        return contrast(seen, back) < (large ? 3 : 4.5);
    };
    const found = [];
    const texts = document.createTreeWalker(document.body, NodeFilter.SHOW_TEXT);
    while (texts.nextNode()) {
        const e = texts.currentNode.parentElement;
        const shown = texts.currentNode.data.trim() && e.checkVisibility() && !e.closest('script, noscript, option, datalist, :disabled');
        if (shown && faint(e, getComputedStyle(e))) found.push(texts.currentNode.data.trim());
    }
    for (const e of document.querySelectorAll('[placeholder]')) {
        if (faint(e, getComputedStyle(e, '::placeholder'))) found.push(e.placeholder);
    }
    return found;
})()";
