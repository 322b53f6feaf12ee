//! A sign-in as a person does it, from a client at a site of its own to what its ID token says.

use serde_json::{Value, json};
use thirtyfour::{By, WebDriver};
use url::Url;

use super::{RP, at, click, complaints, fill, param, register, relying_party, sign_in_with, until, value};
use crate::support::{
    TestApp,
    fixtures::PASSWORD,
    op::{VERIFIER, claims},
    peer::Peer,
};

/// A public client, [`RP`], and where it takes its answers.
pub(super) struct Client<'a> {
    app: &'a TestApp,
    callback: Url,
    _peer: Peer,
}

impl<'a> Client<'a> {
    /// Registers the client of an application under test.
    pub(super) async fn of(app: &'a TestApp) -> Self {
        let peer = relying_party().await;
        let callback = peer.url("/callback");
        register(app, &[&callback], json!({})).await;
        Self { app, callback, _peer: peer }
    }

    /// Sends a browser with an authorization request.
    pub(super) async fn ask(&self, driver: &WebDriver, more: &[(&str, &str)]) {
        let mut params = vec![("redirect_uri", self.callback.as_str())];
        params.extend(more);
        driver.goto(self.app.authorize_url(RP, &params)).await.unwrap();
    }

    /// The same, and Alice gives her password.
    pub(super) async fn begin(&self, driver: &WebDriver, more: &[(&str, &str)]) {
        self.ask(driver, more).await;
        sign_in_with(driver, PASSWORD).await;
    }

    /// `acr` and `amr` of the ID token that the browser comes back for.
    #[track_caller]
    pub(super) fn earned(&self, driver: &WebDriver) -> impl Future<Output = Value> {
        let back = at(driver, &self.callback);
        async move {
            back.await;
            let code = param(driver, "code").await;
            let code = code.unwrap_or_else(|| panic!("no code"));
            let claims = claims(&id_token(self.app, &self.callback, &code).await);
            // The next answer is another page.
            driver.goto("about:blank").await.unwrap();
            json!({"acr": claims["acr"], "amr": claims["amr"]})
        }
    }

    /// The error that the browser comes back with.
    #[track_caller]
    pub(super) fn refused(&self, driver: &WebDriver) -> impl Future<Output = String> {
        let back = at(driver, &self.callback);
        async move {
            back.await;
            let error = param(driver, "error").await.expect("an error");
            driver.goto("about:blank").await.unwrap();
            error
        }
    }
}

/// The ID token that a code of [`RP`] buys.
pub(super) async fn id_token(app: &TestApp, callback: &Url, code: &str) -> String {
    let form = [
        ("grant_type", "authorization_code"),
        ("client_id", RP),
        ("code", code),
        ("redirect_uri", callback.as_str()),
        ("code_verifier", VERIFIER),
    ];
    let answer = app.client().post_form("/oauth2/default/v1/token", &form).await;
    answer.json()["id_token"].as_str().unwrap_or_else(|| panic!("{}", answer.text())).to_owned()
}

/// Waits for a page.
#[track_caller]
pub(super) fn shows(driver: &WebDriver, id: &str) -> impl Future<Output = ()> {
    until(driver, &format!("document.getElementById('{id}') && document.readyState === 'complete'"))
}

/// Waits for a page that says what was wrong: in an alert, which the fields in question refer to.
#[track_caller]
pub(super) fn told(driver: &WebDriver, text: &str) -> impl Future<Output = ()> {
    let text = json!(text);
    until(driver, &format!("document.querySelector('[role=alert]')?.innerText.includes({text})"))
}

/// Presses the main button of a step.
pub(super) async fn go_on(driver: &WebDriver) {
    click(driver, "#step-submit").await;
}

/// Gives a code on the page that is open.
pub(super) async fn give_code(driver: &WebDriver, code: &str) {
    until(driver, "document.getElementById('pass-code')").await;
    fill(driver, "#pass-code", code).await;
    go_on(driver).await;
}

/// The names of what can be chosen, in order.
pub(super) async fn choices(driver: &WebDriver) -> Value {
    until(driver, "document.querySelector('.choice')").await;
    value(
        driver,
        "[...document.querySelectorAll('.choice .text > span:first-child')].map((e) => e.innerText)",
    )
    .await
}

/// Chooses by name.
pub(super) async fn choose(driver: &WebDriver, name: &str) {
    until(driver, "document.querySelector('button.choice')").await;
    let path = format!("//button[contains(@class, 'choice')][.//span[contains(text(), '{name}')]]");
    driver.find(By::XPath(path)).await.unwrap().click().await.unwrap();
}

/// Opens an address in another tab of the same browser, does something there, and returns.
pub(super) async fn in_another_tab<T>(driver: &WebDriver, url: &str, act: impl AsyncFnOnce() -> T) -> T {
    let here = driver.window().await.unwrap();
    let there = driver.new_tab().await.unwrap();
    driver.switch_to_window(there).await.unwrap();
    driver.goto(url).await.unwrap();
    let outcome = act().await;
    driver.close_window().await.unwrap();
    driver.switch_to_window(here).await.unwrap();
    outcome
}

/// The console complains of nothing but the refusals that a test provokes.
#[track_caller]
pub(super) fn quiet(driver: &WebDriver) -> impl Future<Output = ()> {
    let place = std::panic::Location::caller();
    async move {
        let complaints = complaints(driver).await;
        let refusal =
            |text: &String| ["status of 400", "status of 429"].iter().any(|known| text.contains(known));
        assert!(complaints.iter().all(refusal), "{place}: {complaints:?}");
    }
}

/// Keeps what a page looks like on a phone and on a desk, where somebody wants to look at it.
pub(super) async fn shot(driver: &WebDriver, name: &str) {
    let Ok(folder) = std::env::var("STEPGATE_TEST_SHOTS") else { return };
    for (size, width, height, mobile) in [("phone", 390, 844, true), ("desk", 1280, 900, false)] {
        for scheme in ["light", "dark"] {
            let features = json!({"features": [{"name": "prefers-color-scheme", "value": scheme}]});
            driver.cdp().send_raw("Emulation.setEmulatedMedia", features).await.unwrap();
            let metrics = json!({"width": width, "height": height, "deviceScaleFactor": 1, "mobile": mobile});
            driver.cdp().send_raw("Emulation.setDeviceMetricsOverride", metrics).await.unwrap();
            value(driver, "document.getAnimations().forEach((animation) => animation.finish())").await;
            let whole = json!({"format": "png", "captureBeyondViewport": true});
            let taken = driver.cdp().send_raw("Page.captureScreenshot", whole).await.unwrap();
            let png = base64::Engine::decode(
                &base64::engine::general_purpose::STANDARD,
                taken["data"].as_str().unwrap(),
            );
            let path = std::path::Path::new(&folder).join(format!("{name}-{size}-{scheme}.png"));
            std::fs::write(path, png.unwrap()).unwrap();
        }
    }
    driver.cdp().send_raw("Emulation.clearDeviceMetricsOverride", json!({})).await.unwrap();
    driver.cdp().send_raw("Emulation.setEmulatedMedia", json!({"features": []})).await.unwrap();
}
