//! `response_mode=okta_post_message`: a popup, a hidden frame, and whom the message reaches.

use serde_json::{Value, json};
use thirtyfour::{WebDriver, WindowHandle};
use url::Url;

use super::{RP, at, click, other_site, page, register, sign_in, until, value};
use crate::support::{Test, TestApp, peer::Peer};

pub(crate) fn trials() -> Vec<Test> {
    trials![browser:
        a_popup_answers_its_opener,
        sec_l08_a_popup_answers_no_other_origin,
        a_hidden_frame_renews_in_silence,
        sec_l08_a_frame_answers_no_other_origin,
        a_frame_on_another_site_learns_that_login_is_required,
        sec_l08_no_page_that_asks_anything_can_be_framed,
    ]
}

/// A client page that opens or frames the address after `#` and notes every message.
async fn listener() -> Peer {
    Peer::start(|_| {
        page(
            "<h1>Client</h1><button id=open>Open</button><button id=frame>Frame</button><script>
            window.heard = [];
            addEventListener('message', (event) => heard.push({ origin: event.origin, data: event.data }));
            const target = () => decodeURIComponent(location.hash.slice(1));
            document.getElementById('open').onclick = () => { window.popup = window.open(target()); };
            document.getElementById('frame').onclick = () => {
                const frame = document.createElement('iframe');
                frame.onload = () => { window.loaded = true; };
                frame.src = target();
                document.body.append(frame);
            };
            </script>",
        )
    })
    .await
}

async fn open(driver: &WebDriver, client: &Url, target: &str) {
    let target: String = form_urlencoded::byte_serialize(target.as_bytes()).collect();
    driver.goto("about:blank").await.unwrap();
    driver.goto(format!("{client}#{target}")).await.unwrap();
}

fn request(app: &TestApp, redirect_uri: &Url, more: &[(&str, &str)]) -> String {
    let mut params = vec![("redirect_uri", redirect_uri.as_str()), ("response_mode", "okta_post_message")];
    params.extend(more);
    app.authorize_url(RP, &params)
}

/// Opens the popup and goes there.
async fn enter_popup(driver: &WebDriver) -> WindowHandle {
    let opener = driver.window().await.unwrap();
    click(driver, "#open").await;
    let windows = driver.windows().await.unwrap();
    let popup = windows.into_iter().find(|window| *window != opener).expect("a popup");
    driver.switch_to_window(popup).await.unwrap();
    opener
}

/// The messages that a page has heard, once one of its own has come around.
async fn heard(driver: &WebDriver) -> Vec<Value> {
    value(driver, "void postMessage('the last', '*')").await;
    until(driver, "heard.some((message) => message.data === 'the last')").await;
    let heard = value(driver, "heard").await;
    let all = heard.as_array().unwrap().iter();
    all.filter(|message| message["data"] != "the last").cloned().collect()
}

fn assert_answer(app: &TestApp, heard: &[Value]) {
    let [message] = heard else { panic!("{heard:?}") };
    assert_eq!(message["origin"], app.issuer);
    assert_eq!(message["data"]["state"], "a-state");
    assert!(message["data"]["code"].is_string(), "{message}");
    assert_eq!(message["data"]["iss"], app.url("/oauth2/default"));
}

/// The opener of the client's origin gets the code, from our origin.
async fn a_popup_answers_its_opener(app: TestApp, driver: WebDriver) {
    let client = listener().await;
    let callback = client.url("/callback");
    register(&app, &[&callback], json!({})).await;
    open(&driver, &client.url("/"), &request(&app, &callback, &[])).await;
    let opener = enter_popup(&driver).await;
    sign_in(&driver).await;
    until(&driver, "document.getElementById('post-message-page')").await;
    driver.switch_to_window(opener).await.unwrap();
    until(&driver, "heard.length > 0").await;
    assert_answer(&app, &heard(&driver).await);
}

/// The message names the exact target origin: an opener elsewhere hears nothing.
async fn sec_l08_a_popup_answers_no_other_origin(app: TestApp, driver: WebDriver) {
    let client = listener().await;
    let callback = client.url("/callback");
    register(&app, &[&callback], json!({})).await;
    open(&driver, &other_site(&client.url("/")), &request(&app, &callback, &[])).await;
    let opener = enter_popup(&driver).await;
    sign_in(&driver).await;
    until(&driver, "document.getElementById('post-message-page') && document.readyState === 'complete'")
        .await;
    driver.switch_to_window(opener).await.unwrap();
    assert_eq!(heard(&driver).await, [json!(null); 0]);
}

async fn signed_in_client(app: &TestApp, driver: &WebDriver) -> (Peer, Url) {
    let client = listener().await;
    let callback = client.url("/callback");
    register(app, &[&callback, &other_site(&callback)], json!({})).await;
    driver.goto(app.authorize_url(RP, &[("redirect_uri", callback.as_str())])).await.unwrap();
    sign_in(driver).await;
    at(driver, &callback).await;
    (client, callback)
}

/// OpenID Connect Core §3.1.2.1, `prompt=none`: a client on the same site renews in a frame.
async fn a_hidden_frame_renews_in_silence(app: TestApp, driver: WebDriver) {
    let (client, callback) = signed_in_client(&app, &driver).await;
    open(&driver, &client.url("/"), &request(&app, &callback, &[("prompt", "none")])).await;
    click(&driver, "#frame").await;
    until(&driver, "heard.length > 0").await;
    assert_answer(&app, &heard(&driver).await);
}

/// The answer may be framed by the client's origin only, and is addressed to it only.
async fn sec_l08_a_frame_answers_no_other_origin(app: TestApp, driver: WebDriver) {
    let (client, callback) = signed_in_client(&app, &driver).await;
    let elsewhere = other_site(&client.url("/"));
    open(&driver, &elsewhere, &request(&app, &callback, &[("prompt", "none")])).await;
    click(&driver, "#frame").await;
    until(&driver, "window.loaded").await;
    assert_eq!(heard(&driver).await, [json!(null); 0]);
    let log = driver.browser_log().await.unwrap();
    assert!(log.iter().any(|entry| entry.message.contains("frame-ancestors")), "{log:?}");
}

/// Core §3.1.2.6: the session cookie does not go into frames of another site, and the client is told.
async fn a_frame_on_another_site_learns_that_login_is_required(app: TestApp, driver: WebDriver) {
    let (client, callback) = signed_in_client(&app, &driver).await;
    let callback = other_site(&callback);
    open(&driver, &other_site(&client.url("/")), &request(&app, &callback, &[("prompt", "none")])).await;
    click(&driver, "#frame").await;
    until(&driver, "heard.length > 0").await;
    let heard = heard(&driver).await;
    assert_eq!(heard[0]["data"]["error"], "login_required", "{heard:?}");
    assert_eq!(heard[0]["data"]["state"], "a-state");
}

/// RFC 9700 §4.16: pages that ask for anything are never shown in a frame, not even to the client.
async fn sec_l08_no_page_that_asks_anything_can_be_framed(app: TestApp, driver: WebDriver) {
    let client = listener().await;
    let callback = client.url("/callback");
    register(&app, &[&callback], json!({})).await;
    driver.browser_log().await.unwrap();
    open(&driver, &client.url("/"), &request(&app, &callback, &[])).await;
    click(&driver, "#frame").await;
    until(&driver, "window.loaded").await;
    assert_eq!(heard(&driver).await, [json!(null); 0]);
    let log = driver.browser_log().await.unwrap();
    let refused = |entry: &thirtyfour::BrowserLogEntry| {
        entry.message.contains("frame-ancestors") || entry.message.contains("X-Frame-Options")
    };
    assert!(log.iter().any(refused), "{log:?}");
}
