//! The harness itself: that tests stand on what they think they stand on.

use http::{Method, Response};
use sea_orm::{ConnectionTrait, Database, DbBackend};
use serde_json::json;
use thirtyfour::WebDriver;

use crate::support::certificate::Authority;
use crate::support::http::{Browser, Client, Tls};
use crate::support::peer::{Peer, Received};
use crate::support::{Backend, Test, TestApp, browser, html};

pub(crate) fn trials() -> Vec<Test> {
    trials![
        storage: each_test_has_its_own_database, nothing_of_another_test_is_in_the_database;
        browser: a_page_opens_and_an_authenticator_is_plugged_in;
        sqlite:
            the_client_sends_what_it_is_told,
            the_client_trusts_only_the_given_authority,
            the_browser_keeps_cookies_and_submits_forms,
            the_browser_stops_where_a_redirect_leaves_the_origin;
        plain: forms_links_and_words_are_read;
    ]
}

async fn each_test_has_its_own_database(app: TestApp) {
    leave_a_trace(&app).await;
}

async fn nothing_of_another_test_is_in_the_database(app: TestApp) {
    leave_a_trace(&app).await;
}

/// Fails where the trace of another test is found.
async fn leave_a_trace(app: &TestApp) {
    let database = Database::connect(app.database_url()).await.unwrap();
    let expected = if app.backend == Backend::Sqlite { DbBackend::Sqlite } else { DbBackend::Postgres };
    assert_eq!(database.get_database_backend(), expected);
    database.execute_unprepared("CREATE TABLE trace (id INTEGER PRIMARY KEY)").await.unwrap();
    assert_eq!(app.redis_url.is_some(), app.backend == Backend::PostgresRedis);
    if let Some(url) = &app.redis_url {
        let client = redis::Client::open(url.as_str()).unwrap();
        let mut connection = client.get_multiplexed_async_connection().await.unwrap();
        let count: u32 = redis::cmd("INCR").arg("trace").query_async(&mut connection).await.unwrap();
        assert_eq!(count, 1);
    }
}

async fn a_page_opens_and_an_authenticator_is_plugged_in(_app: TestApp, driver: WebDriver) {
    let peer = Peer::start(|_| Response::new("<title>Welcome</title><h1>Hello</h1>".to_owned())).await;
    driver.goto(peer.url("/").as_str()).await.unwrap();
    assert_eq!(driver.title().await.unwrap(), "Welcome");
    assert!(!browser::plug_in_authenticator(&driver).await.is_empty());
    driver.goto("about:blank").await.unwrap();
}

async fn the_client_sends_what_it_is_told(_app: TestApp) {
    let peer = Peer::start(|_| {
        Response::builder().header("x-once", "yes").body("{\"ok\":true}".to_owned()).unwrap()
    });
    let peer = peer.await;
    let client = Client::new(peer.url("/").as_str());

    let answer = client.post_form("/token?x=1", &[("scope", "a b"), ("scope", "c")]).await;
    client.post_json("/json", &json!({ "a": 1 })).await;
    client.request(Method::DELETE, "/me").basic("id", "secret").header("dpop", "proof").send().await;
    client.request(Method::GET, "/me").bearer("token").send().await;

    assert_eq!(
        (answer.status, answer.header("x-once"), answer.json()),
        (200, Some("yes"), json!({ "ok": true }))
    );
    let received = peer.received();
    assert_eq!((received[0].target.as_str(), received[0].body.as_str()), ("/token?x=1", "scope=a+b&scope=c"));
    assert_eq!(
        (sent(&received[1], "content-type"), received[1].body.as_str()),
        ("application/json", "{\"a\":1}")
    );
    assert_eq!(received[2].method, Method::DELETE);
    assert_eq!(
        (sent(&received[2], "authorization"), sent(&received[2], "dpop")),
        ("Basic aWQ6c2VjcmV0", "proof")
    );
    assert_eq!(sent(&received[3], "authorization"), "Bearer token");
}

async fn the_client_trusts_only_the_given_authority(_app: TestApp) {
    let authority = Authority::new();
    let peer = Peer::start_with_tls(|_| Response::default(), authority.issue("localhost").server()).await;
    let trusting = |authority: &Authority, identity| Tls { authority: Some(authority.pem()), identity };

    let identity = authority.issue("client").identity();
    let client = Client::with_tls(peer.url("/").as_str(), &trusting(&authority, Some(identity)));
    assert_eq!(client.get("/").await.status, 200);
    let mut browser = Browser::with_tls(&trusting(&authority, None));
    assert_eq!(browser.open(peer.url("/page").as_str()).await.status, 200);

    let stranger = Client::with_tls(peer.url("/").as_str(), &trusting(&Authority::new(), None));
    assert!(stranger.request(Method::GET, "/").try_send().await.is_err());
    assert_eq!(peer.received().len(), 2);
}

async fn the_browser_keeps_cookies_and_submits_forms(_app: TestApp) {
    let peer = Peer::start(|request| match (request.method.as_str(), request.target.as_str()) {
        ("GET", "/") => redirect(302, "/signin", "sid=1; Path=/; HttpOnly; SameSite=Lax"),
        ("GET", "/signin") => page(concat!(
            r#"<form id=signin method=post action="/signin?step=1"><input type=hidden name=csrf value="a&amp;b">"#,
            r#"<input name=username><input type=checkbox name=remember value=yes>"#,
            r#"<button name=do value=go>Sign in</button></form>"#,
        )),
        ("POST", "/signin?step=1") => redirect(303, "/home", "sid=2; Path=/"),
        ("GET", "/home" | "/home?bye") => page("<a href='/out?all=1'>Sign out</a>"),
        _ => redirect(303, "/home?bye", "sid=; Path=/; Max-Age=0"),
    });
    let peer = peer.await;
    let mut browser = Browser::new();

    let signin = browser.open(peer.url("/").as_str()).await;
    assert_eq!(browser.url().path(), "/signin");
    assert_eq!(browser.cookie("sid").unwrap().attribute("samesite"), Some("Lax"));
    let form = signin.form("signin").fill("username", "ann").choose("remember", "yes").press("Sign in");
    assert_eq!(form.field("csrf"), Some("a&b"));
    let home = browser.submit(&form.smuggle("extra", "1")).await;
    assert_eq!(browser.cookie("sid").unwrap().value, "2");
    browser.follow(&home, "Sign out").await;

    assert_eq!(browser.url().as_str(), peer.url("/home?bye").as_str());
    assert!(browser.cookie("sid").is_none());
    let post = peer.received().into_iter().find(|request| request.method == Method::POST).unwrap();
    assert_eq!(post.body, "csrf=a%26b&username=ann&remember=yes&do=go&extra=1");
    assert_eq!(sent(&post, "origin"), peer.url("/").origin().ascii_serialization());
    assert_eq!((sent(&post, "cookie"), sent(&post, "sec-fetch-site")), ("sid=1", "same-origin"));

    browser.plant("sid", "stolen");
    browser.send_always("accept-language", "de");
    browser.open("/home").await;
    let last = peer.received().pop().unwrap();
    assert_eq!((sent(&last, "cookie"), sent(&last, "accept-language")), ("sid=stolen", "de"));
    browser.forget("sid");
    assert!(browser.cookie("sid").is_none());
}

async fn the_browser_stops_where_a_redirect_leaves_the_origin(_app: TestApp) {
    let peer = Peer::start(|request| match request.target.as_str() {
        "/near" => redirect(302, "/far", "a=b"),
        _ => redirect(303, "https://client.example/cb?code=1", "a=b"),
    });
    let peer = peer.await;

    let mut browser = Browser::new();
    let stopped = browser.open(peer.url("/near").as_str()).await;
    assert_eq!((stopped.status, browser.url().as_str()), (303, "https://client.example/cb?code=1"));

    let mut browser = Browser::new().stay();
    let stopped = browser.open(peer.url("/near").as_str()).await;
    assert_eq!((stopped.status, browser.url().path()), (302, "/far"));
}

fn forms_links_and_words_are_read() {
    let page = concat!(
        "<!doctype html><title>T &amp; U</title><style>a > b {}</style><script>if (a<b) '<form>'</script>",
        "<!-- <form id=ghost> --><form name=f action='/x?a=1&amp;b=2' METHOD=\"Post\">",
        "<select name=s><option value=1>One<option value=2 selected>Two</select>",
        "<textarea name=t>\nline &lt;1&gt;</textarea><input name=off disabled>",
        "<input type=radio name=r value=1 checked><input type=radio name=r value=2>",
        "<input type=submit value=Save><button formaction=/delete>Delete</button></form>",
        "<a href=\"/p?q=&#x27;&#39;\">Go <b>on</b></a>",
    );
    let forms = html::forms(page);
    assert_eq!(forms.len(), 1);
    assert_eq!((forms[0].action.as_str(), forms[0].method.as_str()), ("/x?a=1&b=2", "POST"));
    let fields = [("s", "2"), ("t", "line <1>"), ("r", "1")];
    assert_eq!(forms[0].fields, fields.map(|(name, value)| (name.to_owned(), value.to_owned())));
    let form = forms[0].clone().choose("r", "2").choose("s", "1").press("Delete");
    assert_eq!((form.field("r"), form.field("s"), form.action.as_str()), (Some("2"), Some("1"), "/delete"));
    assert_eq!(html::links(page), [("Go on".to_owned(), "/p?q=''".to_owned())]);
    assert_eq!(html::text(page), "T & U One Two line <1> Delete Go on");
}

fn page(html: &str) -> Response<String> {
    Response::builder().header("content-type", "text/html").body(html.to_owned()).unwrap()
}

fn redirect(status: u16, location: &str, cookie: &str) -> Response<String> {
    let builder = Response::builder().status(status).header("location", location);
    builder.header("set-cookie", cookie).body(String::new()).unwrap()
}

fn sent<'a>(request: &'a Received, header: &str) -> &'a str {
    request.headers.get(header).map_or("", |value| value.to_str().unwrap())
}
