//! Logout as a real browser does it: the frame of session management, and the frames of a front-channel logout.

use serde_json::{Value, json};
use thirtyfour::WebDriver;
use url::Url;

use super::{
    RP, at, complaints, journey::id_token, other_site, page, param, path, register, sign_in, until, value,
};
use crate::support::{Test, TestApp, peer::Peer};

pub(crate) fn trials() -> Vec<Test> {
    trials![browser:
        oidc_l4_the_frame_says_unchanged_and_after_logout_changed,
        sec_l08_the_frame_tells_another_origin_that_all_has_changed,
        oidc_l5_frames_are_loaded_and_the_page_moves_on,
        oidc_l5_a_client_that_never_answers_holds_nobody_up,
    ]
}

/// A client page that frames the address after `#`, asks it what `ask` is told, and notes every answer.
async fn asking() -> Peer {
    Peer::start(|_| {
        page(
            "<h1>Client</h1><script>
            window.heard = [];
            addEventListener('message', function (event) { heard.push([event.origin, event.data]); });
            window.frameIt = function (src) {
                var frame = document.createElement('iframe');
                frame.onload = function () { window.loaded = true; };
                frame.src = src;
                document.body.appendChild(frame);
            };
            window.ask = function (message) { frames[0].postMessage(message, '*'); };
            </script>",
        )
    })
    .await
}

/// Loads the frame in a client page and asks it; the answer with the origin it comes from.
async fn ask(driver: &WebDriver, client: &Url, frame: &str, message: &Value) -> (String, String) {
    driver.goto(client.as_str()).await.unwrap();
    value(driver, &format!("frameIt({})", json!(frame))).await;
    until(driver, "window.loaded").await;
    value(driver, &format!("ask({message})")).await;
    until(driver, "heard.length > 0").await;
    let heard = value(driver, "heard[0]").await;
    (heard[0].as_str().unwrap().to_owned(), heard[1].as_str().unwrap().to_owned())
}

/// Signs Alice in for a client at a peer; `session_state` and the code of the answer.
async fn signed_in(app: &TestApp, driver: &WebDriver, callback: &Url) -> (String, String) {
    driver.goto(app.authorize_url(RP, &[("redirect_uri", callback.as_str())])).await.unwrap();
    sign_in(driver).await;
    at(driver, callback).await;
    (param(driver, "session_state").await.unwrap(), param(driver, "code").await.unwrap())
}

async fn frame(app: &TestApp) -> String {
    let document = app.client().get("/oauth2/default/.well-known/openid-configuration").await.json();
    document["check_session_iframe"].as_str().unwrap().to_owned()
}

/// Session Management §3.2: a client on another origin asks; the answer changes with the logout.
async fn oidc_l4_the_frame_says_unchanged_and_after_logout_changed(app: TestApp, driver: WebDriver) {
    let client = asking().await;
    let callback = client.url("/callback");
    register(&app, &[&callback], json!({})).await;
    let (state, code) = signed_in(&app, &driver, &callback).await;
    let hint = id_token(&app, &callback, &code).await;
    let frame = frame(&app).await;
    let home = client.url("/");
    let question = json!(format!("{RP} {state}"));
    assert_eq!(ask(&driver, &home, &frame, &question).await, (app.issuer.clone(), "unchanged".to_owned()));
    assert_eq!(ask(&driver, &home, &frame, &json!(format!("other {state}"))).await.1, "changed");
    for malformed in [json!("nonsense"), json!(""), json!(format!("{RP} x.y")), json!({"a": 1}), json!(RP)] {
        assert_eq!(ask(&driver, &home, &frame, &malformed).await.1, "error", "{malformed}");
    }
    assert_eq!(complaints(&driver).await, [""; 0]);
    driver.goto(app.url(&format!("/oauth2/default/v1/logout?id_token_hint={hint}"))).await.unwrap();
    until(&driver, "document.getElementById('signed-out-page')").await;
    assert_eq!(ask(&driver, &home, &frame, &question).await.1, "changed");
    // Somebody else signs in: still not the session that the client knows.
    signed_in(&app, &driver, &callback).await;
    assert_eq!(ask(&driver, &home, &frame, &question).await.1, "changed");
}

/// §3.2: the hash is over the origin that asks, so another one learns nothing from a state it got hold of.
async fn sec_l08_the_frame_tells_another_origin_that_all_has_changed(app: TestApp, driver: WebDriver) {
    let client = asking().await;
    let callback = client.url("/callback");
    register(&app, &[&callback], json!({})).await;
    let (state, _) = signed_in(&app, &driver, &callback).await;
    let elsewhere = asking().await.url("/");
    for place in [elsewhere, other_site(&client.url("/"))] {
        let question = json!(format!("{RP} {state}"));
        assert_eq!(ask(&driver, &place, &frame(&app).await, &question).await.1, "changed", "{place}");
    }
}

/// Front-Channel Logout §3: the client is loaded with `iss` and `sid`, then the browser returns by itself.
async fn oidc_l5_frames_are_loaded_and_the_page_moves_on(app: TestApp, driver: WebDriver) {
    let client = asking().await;
    let (callback, goodbye) = (client.url("/callback"), client.url("/goodbye"));
    let more = json!({
        "frontchannel_logout_uri": client.url("/out?x=1"),
        "post_logout_redirect_uris": [goodbye.as_str()],
    });
    register(&app, &[&callback], more).await;
    let (_, code) = signed_in(&app, &driver, &callback).await;
    let hint = id_token(&app, &callback, &code).await;
    complaints(&driver).await;
    driver.goto(log_out(&app, &hint, &goodbye)).await.unwrap();
    at(&driver, &goodbye).await;
    let received = client.received();
    let out = received.iter().find(|received| path(received) == "/out").expect("the frame was loaded");
    let url = client.url(&out.target);
    let query: Vec<(String, String)> = url.query_pairs().into_owned().collect();
    let names: Vec<&str> = query.iter().map(|(name, _)| name.as_str()).collect();
    assert_eq!(names, ["x", "iss", "sid"]);
    assert_eq!(query[1].1, app.url("/oauth2/default"));
    assert_eq!(query[2].1, crate::support::op::claims(&hint)["sid"]);
    assert!(out.headers.get("referer").is_none(), "{:?}", out.headers);
    let log = complaints(&driver).await;
    assert!(!log.iter().any(|entry| entry.contains("Content Security Policy")), "{log:?}");
}

fn log_out(app: &TestApp, hint: &str, goodbye: &Url) -> String {
    let mut url = Url::parse(&app.url("/oauth2/default/v1/logout")).unwrap();
    url.query_pairs_mut()
        .append_pair("id_token_hint", hint)
        .append_pair("post_logout_redirect_uri", goodbye.as_str());
    url.into()
}

/// §3: "the OP … may wait for a limited time".
async fn oidc_l5_a_client_that_never_answers_holds_nobody_up(app: TestApp, driver: WebDriver) {
    let client = asking().await;
    // Connections are taken and never answered.
    let silent = tokio::net::TcpListener::bind(("127.0.0.1", 0)).await.unwrap();
    let port = silent.local_addr().unwrap().port();
    let there = Url::parse(&format!("http://localhost:{port}/")).unwrap();
    let (callback, goodbye) = (client.url("/callback"), client.url("/goodbye"));
    let more = json!({
        "frontchannel_logout_uri": there.join("out").unwrap(),
        "post_logout_redirect_uris": [goodbye.as_str()],
    });
    register(&app, &[&callback, &there.join("callback").unwrap()], more).await;
    let (_, code) = signed_in(&app, &driver, &callback).await;
    let hint = id_token(&app, &callback, &code).await;
    let url = log_out(&app, &hint, &goodbye);
    let script = format!("void setTimeout(function () {{ location.href = {}; }}, 0)", json!(url));
    value(&driver, &script).await;
    at(&driver, &goodbye).await;
    let asked = tokio::time::timeout(std::time::Duration::from_secs(5), silent.accept()).await;
    assert!(asked.is_ok_and(|asked| asked.is_ok()), "the frame was not loaded");
}
