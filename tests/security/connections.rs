//! Hosts and budgets at the door. The time limits of connections are tested over real sockets where they are
//! implemented, in `src/server/tests.rs` (`sec_x08_…`).

use std::time::Duration;

use http::Method;
use stepgate::limit::rate::{Bucket, Rate};

use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::TcpStream,
};

use crate::support::{
    Test, TestApp,
    app::Change,
    fixtures::{ALICE, PASSWORD, WEB},
    http::{Browser, Client},
    op::{answer, error_code, sign_in_on},
};

pub(crate) fn trials() -> Vec<Test> {
    trials![storage: pending_requests_of_an_address_are_capped;
    sqlite:
        other_hosts_are_misdirected,
        a_request_is_about_one_host,
        a_method_that_is_not_understood_is_told_the_others,
        in_development_a_loopback_address_is_taken_to_the_issuer,
        in_production_a_loopback_address_is_misdirected;
    ]
}

/// Each request that waits for its user is a row: so many per address, then 429, until they are done or expire. Requests
/// that need nobody are not concerned.
async fn pending_requests_of_an_address_are_capped(app: TestApp) {
    let cap = Rate { limit: 3, window: Duration::from_secs(900) };
    let app = app.restart(Change { rates: vec![(Bucket::AuthorizePending, cap)], ..Change::default() }).await;
    let mut first = Browser::new();
    let page = first.open(&app.authorize_url(WEB, &[])).await;
    for _ in 0..2 {
        assert!(Browser::new().open(&app.authorize_url(WEB, &[])).await.body_contains("login-page"));
    }
    let full = Browser::new().open(&app.authorize_url(WEB, &[])).await;
    assert_eq!((full.status, error_code(&full)), (429, "too_many_requests"));
    assert!(full.header("retry-after").is_some());
    let query = app.authorize_url(WEB, &[]).split_once('?').unwrap().1.to_owned();
    let posted = app.client().request(Method::POST, "/oauth2/default/v1/authorize");
    let posted = posted.body("application/x-www-form-urlencoded", query).send().await;
    assert_eq!((posted.status, error_code(&posted)), (429, "too_many_requests"));
    // One is done, so one more may wait; the session needs no row.
    sign_in_on(&mut first, &page, ALICE, PASSWORD).await;
    assert!(answer(&first).contains_key("code"));
    assert!(Browser::new().open(&app.authorize_url(WEB, &[])).await.body_contains("login-page"));
    first.open(&app.authorize_url(WEB, &[])).await;
    assert!(answer(&first).contains_key("code"));
    assert_eq!(Browser::new().open(&app.authorize_url(WEB, &[])).await.status, 429);
    app.clock.advance(15 * 60 + 1);
    assert!(Browser::new().open(&app.authorize_url(WEB, &[])).await.body_contains("login-page"));
}

/// RFC 9110 §15.5.20: links, cookies and tokens are about one host. A forged `Host` must not get into any of them.
async fn other_hosts_are_misdirected(app: TestApp) {
    let port = app.app.settings.port();
    for host in [
        "evil.example".to_owned(),
        format!("evil.example:{port}"),
        "localhost".to_owned(),
        format!("localhost:{}", port ^ 1),
        format!("localhost.evil.example:{port}"),
        format!("localhost:{port}.evil.example"),
        format!("user@localhost:{port}"),
    ] {
        for path in
            ["/.well-known/openid-configuration", "/oauth2/default/v1/authorize?client_id=web", "/signin"]
        {
            let refused = app.client().request(Method::GET, path).header("host", &host).send().await;
            assert_eq!(refused.status, 421, "{host}");
            assert!(!refused.body_contains("evil"), "{}", refused.text());
            assert!(!refused.headers.contains_key("location") && !refused.headers.contains_key("set-cookie"));
            assert_eq!(refused.header("x-content-type-options"), Some("nosniff"));
        }
    }
    let same =
        app.client().request(Method::GET, "/oauth2/v1/keys").header("host", &format!("LOCALHOST:{port}"));
    assert_eq!(same.send().await.status, 200, "host names know no case");
    // Other headers that name a host are not looked at.
    let forwarded = app
        .client()
        .request(Method::GET, "/.well-known/openid-configuration")
        .header("x-forwarded-host", "evil.example")
        .header("x-forwarded-proto", "https")
        .header("forwarded", "host=evil.example;proto=https")
        .send()
        .await;
    assert_eq!(forwarded.json()["issuer"], app.issuer);
    assert!(!forwarded.body_contains("evil"));
}

/// RFC 9112 §3.2: exactly one `Host`; §3.2.2: a target with a host of its own counts, whatever the header says.
async fn a_request_is_about_one_host(app: TestApp) {
    let authority = app.issuer.strip_prefix("http://").unwrap();
    let path = "/oauth2/v1/keys";
    for (target, hosts, status) in [
        (path.to_owned(), vec![authority], 200),
        (path.to_owned(), vec![], 400),
        (path.to_owned(), vec![authority, authority], 400),
        (path.to_owned(), vec![authority, "evil.example"], 400),
        (format!("http://evil.example{path}"), vec![authority], 421),
        (format!("http://{authority}{path}"), vec!["evil.example"], 200),
        (format!("http://{authority}{path}"), vec![authority], 200),
    ] {
        let hosts_sent: String = hosts.iter().map(|host| format!("host: {host}\r\n")).collect();
        let request = format!("GET {target} HTTP/1.1\r\n{hosts_sent}connection: close\r\n\r\n");
        let address = format!("127.0.0.1:{}", app.app.settings.port());
        let mut stream = TcpStream::connect(address).await.unwrap();
        stream.write_all(request.as_bytes()).await.unwrap();
        let mut answer = String::new();
        stream.read_to_string(&mut answer).await.unwrap();
        let line = answer.lines().next().unwrap_or_default();
        assert!(line.starts_with(&format!("HTTP/1.1 {status}")), "{target} {hosts:?}: {line}");
    }
}

/// RFC 9110 §15.5.6: 405 comes with `Allow`.
async fn a_method_that_is_not_understood_is_told_the_others(app: TestApp) {
    for (method, path, allow) in [
        (Method::GET, "/oauth2/v1/token", "POST"),
        (Method::GET, "/oauth2/default/v1/token", "POST"),
        (Method::PUT, "/oauth2/default/v1/authorize", "GET, HEAD, POST"),
        (Method::DELETE, "/oauth2/v1/keys", "GET, HEAD"),
        (Method::GET, "/logout", "POST"),
        (Method::POST, "/assets/style.css", "GET, HEAD"),
        (Method::GET, "/api/v1/authn", "POST"),
        (Method::PATCH, "/api/v1/users/someone", "DELETE, GET, HEAD, POST, PUT"),
    ] {
        let refused = app.client().request(method.clone(), path).send().await;
        assert_eq!((refused.status, refused.header("allow")), (405, Some(allow)), "{method} {path}");
    }
}

/// A developer who types 127.0.0.1 would lose the cookies on the way back: GET goes to the issuer's host.
async fn in_development_a_loopback_address_is_taken_to_the_issuer(app: TestApp) {
    let app =
        app.restart(Change { settings: Some(|settings| settings.dev = true), ..Change::default() }).await;
    let client = Client::new(&format!("http://127.0.0.1:{}", app.app.settings.port()));
    let moved = client.get("/oauth2/default/v1/authorize?client_id=web&state=a%20b").await;
    assert_eq!(moved.status, 302);
    let expected = app.url("/oauth2/default/v1/authorize?client_id=web&state=a%20b");
    assert_eq!(moved.header("location"), Some(expected.as_str()));
    assert_eq!(client.post_form("/oauth2/default/v1/token", &[]).await.status, 421, "a form is not moved");
    let foreign = client.request(Method::GET, "/").header("host", "evil.example").send().await;
    assert_eq!(foreign.status, 421);
}

/// Outside of development there is one name.
async fn in_production_a_loopback_address_is_misdirected(app: TestApp) {
    let client = Client::new(&format!("http://127.0.0.1:{}", app.app.settings.port()));
    let refused = client.get("/.well-known/openid-configuration").await;
    assert_eq!((refused.status, refused.header("location")), (421, None));
}
