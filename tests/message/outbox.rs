//! The outbox page of a development server.

use http::Method;
use stepgate::jobs::deliver::deliver_due;
use thirtyfour::WebDriver;

use super::{CODE, PHONE, code, post, to_call, to_mail, to_sms};
use crate::support::{Test, TestApp, app::Change, fixtures::ALICE, http::Browser};

pub(crate) fn trials() -> Vec<Test> {
    trials![
        sqlite:
            every_message_is_shown_with_its_code_the_newest_first,
            a_production_server_shows_nothing,
            other_sites_cannot_read_the_outbox;
        browser: the_outbox_follows_what_is_sent;
    ]
}

fn development() -> Change {
    Change { settings: Some(|settings| settings.dev = true), no_couriers: true, ..Change::default() }
}

async fn every_message_is_shown_with_its_code_the_newest_first(app: TestApp) {
    let app = app.restart(development()).await;
    let mut browser = Browser::new();
    let empty = browser.open(&app.url("/outbox")).await;
    assert_eq!(empty.status, 200);
    assert!(empty.body_contains("outbox-page") && empty.body_contains("Nothing was sent yet"));
    for to in [to_mail(), to_sms(), to_call()] {
        post(&app, to, code()).await;
        deliver_due(&app.app).await.unwrap();
        app.clock.advance(1);
    }
    let page = browser.open(&app.url("/outbox")).await;
    let words = page.words();
    assert_eq!(words.matches(CODE).count(), 3 + 2 + 1, "{words}");
    assert!(words.find("Call").unwrap() < words.find("Mail").unwrap(), "{words}");
    assert!(words.contains(ALICE) && words.contains(PHONE), "{words}");
    let json = app.client().get("/outbox.json").await;
    assert_eq!(json.header("access-control-allow-origin"), None);
    let json = json.json();
    let messages = json["messages"].as_array().unwrap();
    assert_eq!(
        messages.iter().map(|m| m["channel"].as_str().unwrap()).collect::<Vec<_>>(),
        ["call", "sms", "email"]
    );
    assert!(messages.iter().all(|message| message["code"] == CODE));
    let id = messages[2]["id"].as_str().unwrap();
    let mail = app.client().get(&format!("/outbox/{id}")).await;
    assert!(
        mail.text().contains(CODE) && mail.header("content-security-policy").unwrap().contains("sandbox")
    );
    assert_eq!(app.client().get("/outbox/msg-unknown").await.status, 404);
    let home = browser.open(&app.url("/")).await;
    assert!(home.body_contains("href=\"/outbox\""));
}

/// The page shows codes: outside of `dev` there is none, and nothing is kept for it.
async fn a_production_server_shows_nothing(app: TestApp) {
    post(&app, to_sms(), code()).await;
    deliver_due(&app.app).await.unwrap();
    assert!(app.app.dev_outbox.all().is_empty());
    for path in ["/outbox", "/outbox.json", "/outbox/msg1"] {
        assert_eq!(app.client().get(path).await.status, 404, "{path}");
    }
}

async fn other_sites_cannot_read_the_outbox(app: TestApp) {
    let app = app.restart(development()).await;
    post(&app, to_sms(), code()).await;
    deliver_due(&app.app).await.unwrap();
    for (name, value) in [("origin", "https://evil.example"), ("sec-fetch-site", "cross-site")] {
        let answer = app.client().request(Method::GET, "/outbox.json").header(name, value).send().await;
        assert_eq!(answer.status, 404, "{name}");
        assert!(!answer.text().contains(CODE));
    }
    let page = app.client().get("/outbox").await;
    assert!(page.header("content-security-policy").unwrap().contains("frame-ancestors 'none'"));
    assert_eq!(page.header("cache-control"), Some("no-store"));
}

/// With JavaScript a new message appears by itself, on top.
async fn the_outbox_follows_what_is_sent(app: TestApp, driver: WebDriver) {
    let app = app.restart(development()).await;
    driver.goto(app.url("/outbox")).await.unwrap();
    for (to, count) in [(to_sms(), 1), (to_mail(), 2), (to_call(), 3)] {
        post(&app, to, code()).await;
        deliver_due(&app.app).await.unwrap();
        crate::browser::until(&driver, &format!("document.querySelectorAll('article').length === {count}"))
            .await;
    }
    let first = "document.querySelector('article .verb').textContent === 'Call'";
    crate::browser::until(&driver, first).await;
    assert_eq!(crate::browser::complaints(&driver).await, Vec::<String>::new());
}
