//! A real browser at the real pages: what headers, cookies and scripts really do (Chromium under WebDriver).

mod accessibility;
mod account;
mod device;
mod enrolment;
mod factors;
mod journey;
mod logout;
mod passkey;
mod playground;
mod post_message;
mod push;
mod recovery;
mod remember;
mod security_key;
mod sign_in;
mod single_page;
mod step_pages;
mod step_up;
mod without_script;
mod yubikey;

use std::time::Duration;

use http::Response;
use serde_json::{Value, json};
use thirtyfour::{By, WebDriver};
use url::Url;

use crate::support::{
    Test, TestApp,
    fixtures::{self, ALICE, PASSWORD},
    peer::{Peer, Received},
};

pub(crate) fn trials() -> Vec<Test> {
    [
        accessibility::trials(),
        account::trials(),
        device::trials(),
        enrolment::trials(),
        factors::trials(),
        logout::trials(),
        passkey::trials(),
        playground::trials(),
        post_message::trials(),
        push::trials(),
        recovery::trials(),
        remember::trials(),
        security_key::trials(),
        sign_in::trials(),
        single_page::trials(),
        step_pages::trials(),
        step_up::trials(),
        without_script::trials(),
        yubikey::trials(),
    ]
    .into_iter()
    .flatten()
    .collect()
}

/// The client that stands at a peer.
const RP: &str = "rp";

/// A relying party that says which address was asked for.
async fn relying_party() -> Peer {
    Peer::start(|received| page(&format!("<h1>Relying party</h1><p id=target>{}</p>", path(received)))).await
}

/// Registers the public client [`RP`] with these redirect URIs.
async fn register(app: &TestApp, redirect_uris: &[&Url], more: Value) {
    let mut metadata = json!({
        "application_type": "browser",
        "redirect_uris": redirect_uris.iter().map(|uri| uri.as_str()).collect::<Vec<_>>(),
        "grant_types": ["authorization_code", "refresh_token"],
        "response_types": ["code"],
        "token_endpoint_auth_method": "none",
    });
    metadata.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
    fixtures::client(&app.app, RP, metadata, None).await;
}

/// The same server under its other name: another site for browsers.
fn other_site(url: &Url) -> Url {
    let mut other = url.clone();
    other.set_host(Some("127.0.0.1")).unwrap();
    other
}

fn path(received: &Received) -> &str {
    received.target.split('?').next().unwrap_or_default()
}

/// An HTML page.
fn page(body: &str) -> Response<String> {
    Response::builder()
        .header("content-type", "text/html; charset=utf-8")
        .body(format!("<!doctype html><html lang=en><title>Peer</title>{body}"))
        .unwrap()
}

/// Waits until an expression of the page's script holds; the page may be on its way.
#[track_caller]
pub(crate) fn until<'a>(driver: &'a WebDriver, expression: &str) -> impl Future<Output = ()> + use<'a> {
    let script = format!("return !!({expression})");
    let place = std::panic::Location::caller();
    async move {
        for _ in 0..TRIES {
            let found = driver.execute(script.as_str(), Vec::new()).await;
            if found.is_ok_and(|found| found.json() == true) {
                return;
            }
            tokio::time::sleep(PAUSE).await;
        }
        let words = value(driver, "document.body.innerText").await;
        let url = driver.current_url().await.unwrap();
        let log = driver.browser_log().await.unwrap();
        panic!("{place}: never true: {script}\nat {url}\nwith {words}\nlogged {log:?}");
    }
}

/// The value of an expression.
async fn value(driver: &WebDriver, expression: &str) -> Value {
    driver.execute(format!("return {expression}"), Vec::new()).await.unwrap().json().clone()
}

async fn at(driver: &WebDriver, prefix: &Url) {
    until(driver, &format!("location.href.startsWith({})", json!(prefix.as_str()))).await;
}

async fn click(driver: &WebDriver, css: &str) {
    driver.find(By::Css(css)).await.unwrap().click().await.unwrap();
}

async fn fill(driver: &WebDriver, css: &str, text: &str) {
    let field = driver.find(By::Css(css)).await.unwrap();
    field.clear().await.unwrap();
    field.send_keys(text).await.unwrap();
}

/// Signs Alice in on the page that is open.
async fn sign_in(driver: &WebDriver) {
    sign_in_with(driver, PASSWORD).await;
}

/// Gives a password of Alice on the page that is open.
async fn sign_in_with(driver: &WebDriver, password: &str) {
    until(driver, "document.getElementById('login-page')").await;
    fill(driver, "#identifier", ALICE).await;
    fill(driver, "#password", password).await;
    click(driver, "#login-submit").await;
}

/// A parameter in the address of the page.
async fn param(driver: &WebDriver, name: &str) -> Option<String> {
    let url = driver.current_url().await.unwrap();
    url.query_pairs().find(|(key, _)| key == name).map(|(_, value)| value.into_owned())
}

/// What the console has to complain about since it was last asked.
pub(crate) async fn complaints(driver: &WebDriver) -> Vec<String> {
    let log = driver.browser_log().await.unwrap();
    log.into_iter().filter(|entry| entry.level == "SEVERE").map(|entry| entry.message).collect()
}

const TRIES: u32 = 300;
const PAUSE: Duration = Duration::from_millis(50);
