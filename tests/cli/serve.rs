//! `stepgate serve`, `migrate` and `healthcheck`.

use std::{
    io::{Read, Write},
    net::TcpStream,
};

use base64::{Engine, engine::general_purpose::STANDARD};
use http::Method;

use super::{ISSUER, KEY, OTHER_KEY, PATIENCE, Place, block_on, printed};
use crate::support::{Test, op::CHALLENGE, process::free_port};

pub(super) fn trials() -> Vec<Test> {
    trials![plain:
        printed_settings_mask_secrets,
        an_unknown_key_aborts_and_is_named,
        files_that_others_can_read_abort,
        a_wrong_or_missing_master_key_aborts,
        plain_http_needs_loopback_a_socket_or_declared_proxies,
        the_issuer_is_a_bare_https_origin,
        a_request_in_flight_is_answered_before_the_end,
        health_and_metrics_are_on_the_internal_listener_only,
        a_health_check_tells_by_its_exit_code,
        the_schema_is_checked_and_brought_up_to_date,
        the_first_administrator_comes_from_the_command_line,
    ]
}

fn printed_settings_mask_secrets() {
    let place = Place::new();
    place.settings("database.url = \"postgres://app:hunter2@db.example/stepgate\"");
    let file = std::fs::read_to_string(place.path("stepgate.toml")).unwrap();
    let pointer = file.lines().find(|line| line.starts_with("keys.master_key")).unwrap();
    place.write("stepgate.toml", 0o600, &file.replace(pointer, &format!("keys.master_key = \"{KEY}\"")));
    place.set("STEPGATE_REDIS__URL", "redis://:hunter3@cache.example");
    let out = place.run(&["serve", "--print-config"]).succeeded();
    for secret in [KEY, "hunter2", "hunter3"] {
        assert!(!out.contains(secret), "{out}");
    }
    for shown in [ISSUER, "db.example", "app", "cache.example", "trusted_proxies", "rotate_after"] {
        assert!(out.contains(shown), "{shown}: {out}");
    }
}

fn an_unknown_key_aborts_and_is_named() {
    let place = Place::new();
    place.settings("[sessions]\nidel = \"1h\"");
    let error = place.run(&["serve"]).failed(2);
    assert!(error.contains("`sessions.idel`") && error.contains("stepgate.toml"), "{error}");
    place.settings("");
    place.set("STEPGATE_SESSIONS__IDEL", "1h");
    let error = place.run(&["serve"]).failed(2);
    assert!(error.contains("STEPGATE_SESSIONS__IDEL"), "{error}");
    assert!(!place.path("state/stepgate.db").exists());
}

fn files_that_others_can_read_abort() {
    let place = Place::new();
    place.settings("");
    place.write("master.key", 0o644, KEY);
    let error = place.run(&["serve"]).failed(2);
    assert!(error.contains("master.key") && error.contains("0644"), "{error}");
    // A configuration file that holds a secret itself.
    place.settings("database.url = \"postgres://app:hunter2@db.example/stepgate\"");
    let text = std::fs::read_to_string(place.path("stepgate.toml")).unwrap();
    place.write("stepgate.toml", 0o640, &text);
    let error = place.run(&["serve"]).failed(2);
    assert!(error.contains("stepgate.toml") && error.contains("database.url"), "{error}");
    assert!(!error.contains("hunter2"), "{error}");
    place.write("stepgate.toml", 0o600, &text);
    place.run(&["serve", "--print-config"]).succeeded();
}

fn a_wrong_or_missing_master_key_aborts() {
    let place = Place::new();
    place.settings("");
    place.run(&["migrate"]).succeeded();
    let keys = place.run(&["keys", "list"]).succeeded();
    assert!(keys.contains("default") && keys.contains("active"), "{keys}");
    place.write("master.key", 0o600, OTHER_KEY);
    for command in [&["serve"][..], &["keys", "list"], &["user", "list"]] {
        let error = place.run(command).failed(1);
        assert!(error.contains("master key") && !error.contains(OTHER_KEY), "{command:?}: {error}");
    }
    std::fs::remove_file(place.path("master.key")).unwrap();
    let error = place.run(&["serve"]).failed(2);
    assert!(error.contains("keys.master_key"), "{error}");
    place.write("master.key", 0o600, KEY);
    assert_eq!(place.run(&["keys", "list"]).succeeded(), keys);
}

fn plain_http_needs_loopback_a_socket_or_declared_proxies() {
    let place = Place::new();
    place.settings("");
    let port = free_port();
    let try_with = |listen: &str, proxies: &str| {
        place.set("STEPGATE_LISTEN__ADDRESSES", &format!("[\"{listen}\"]"));
        place.set("STEPGATE_LISTEN__TRUSTED_PROXIES", proxies);
        place.run(&["serve", "--print-config"])
    };
    for open in [format!("0.0.0.0:{port}"), format!("[::]:{port}"), format!("192.0.2.1:{port}")] {
        let error = try_with(&open, "[]").failed(2);
        assert!(error.contains("listen.addresses") && error.contains("trusted_proxies"), "{error}");
    }
    try_with(&format!("0.0.0.0:{port}"), "[\"10.0.0.0/8\"]").succeeded();
    try_with(&format!("unix:{}", place.path("socket").display()), "[]").succeeded();
    try_with(&format!("[::1]:{port}"), "[]").succeeded();
}

fn the_issuer_is_a_bare_https_origin() {
    let place = Place::new();
    place.settings("");
    for bad in [
        "http://id.example.com",
        "https://id.example.com/",
        "https://id.example.com/a",
        "https://id.example.com?a",
    ] {
        place.set("STEPGATE_ISSUER", bad);
        let error = place.run(&["serve"]).failed(2);
        assert!(error.contains("issuer"), "{bad}: {error}");
    }
}

fn a_request_in_flight_is_answered_before_the_end() {
    let place = Place::new();
    let mut server = place.serve("");
    let id = ["client", "add", "--name", "S", "--type", "service", "--id", "svc"];
    let secret = printed(&place.run(&id).succeeded(), "client_secret").to_owned();
    let credentials = STANDARD.encode(format!("svc:{secret}"));
    let body = "grant_type=client_credentials&scope=api";
    let mut stream = TcpStream::connect(("127.0.0.1", server.ports.public)).unwrap();
    stream.set_read_timeout(Some(PATIENCE)).unwrap();
    let head = format!(
        "POST /oauth2/default/v1/token HTTP/1.1\r\nHost: id.example.com\r\nExpect: 100-continue\r\n\
         Authorization: Basic {credentials}\r\n\
         Content-Type: application/x-www-form-urlencoded\r\nContent-Length: {}\r\n\r\n",
        body.len()
    );
    stream.write_all(head.as_bytes()).unwrap();
    // RFC 9110 §10.1.1: the server has begun and waits for the body.
    let mut interim = [0; 25];
    stream.read_exact(&mut interim).unwrap();
    assert_eq!(interim, *b"HTTP/1.1 100 Continue\r\n\r\n");

    server.running.signal("TERM");
    server.running.wait_for(|_, err| err.contains("stopping").then_some(()));
    block_on(async {
        // Orchestrators send nothing more here, while the process still lives.
        assert_eq!(server.internal("/health/ready").await.status, 503);
        assert_eq!(server.internal("/health/live").await.status, 200);
    });
    stream.write_all(body.as_bytes()).unwrap();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).unwrap();
    assert!(answer.starts_with("HTTP/1.1 200 ") && answer.contains("access_token"), "{answer}");
    assert_eq!(server.running.exit_code(), Some(0), "{}", server.running.err());
    assert!(TcpStream::connect(("127.0.0.1", server.ports.public)).is_err());
}

fn health_and_metrics_are_on_the_internal_listener_only() {
    let place = Place::new();
    let server = place.serve("[limits.rates]\nclient_authentication_failure = \"1/1m\"");
    let id = ["client", "add", "--name", "S", "--type", "service", "--id", "svc"];
    let secret = printed(&place.run(&id).succeeded(), "client_secret").to_owned();
    let app = ["client", "add", "--name", "A", "--type", "browser", "--id", "app", "--redirect-uri"];
    place.run(&[&app[..], &["https://app.example.com/callback"]].concat()).succeeded();
    block_on(async {
        for path in ["/health/live", "/health/ready", "/health/startup", "/metrics"] {
            assert_eq!(server.internal(path).await.status, 200, "{path}");
            assert_eq!(server.get(path).await.status, 404, "{path}");
        }
        for path in ["/oauth2/v1/keys", "/.well-known/openid-configuration", "/"] {
            assert_eq!(server.internal(path).await.status, 404, "{path}");
        }
        assert_eq!(server.token(("svc", &secret), "api").await.status, 200);
        for _ in 0..3 {
            server.token(("svc", "wrong-wrong-wrong"), "api").await;
        }
        assert_eq!(server.token(("svc", "wrong-wrong-wrong"), "api").await.status, 429);
        assert_eq!(sign_in_with_a_wrong_password(&server).await, 400);
        let metrics = server.internal("/metrics").await;
        for name in [
            "http_requests_total{",
            "http_request_duration_seconds_bucket{",
            "route=\"token\",method=\"POST\",status=\"200\"",
            "tokens_issued_total{grant=\"client_credentials\"} 1",
            "logins_total{outcome=\"",
            "argon2_queue_depth",
            "argon2_wait_seconds",
            "writer_batch_size",
            "database_latency_seconds",
            "cache_latency_seconds",
            "signing_key_age_seconds",
            "outbox_depth",
            "rate_limit_refusals_total{bucket=\"client_authentication_failure\"}",
        ] {
            assert!(metrics.body_contains(name), "{name}: {}", metrics.text());
        }
        // Labels never name a client or a user.
        assert!(!metrics.body_contains("svc") && !metrics.body_contains("nobody@"), "{}", metrics.text());
    });
}

/// Signs in by hand: the browser of the tests would not send a `Secure` cookie over the proxy's side of the connection.
async fn sign_in_with_a_wrong_password(server: &super::Server) -> u16 {
    let mut cookies = Vec::new();
    let mut path = format!(
        "/oauth2/default/v1/authorize?client_id=app&response_type=code&scope=openid&state=s&redirect_uri={}\
         &code_challenge_method=S256&code_challenge={CHALLENGE}",
        "https://app.example.com/callback",
    );
    let page = loop {
        let response = server.request(Method::GET, &path).header("cookie", &cookies.join("; ")).send().await;
        let set = response.headers.get_all("set-cookie").iter();
        cookies.extend(set.map(|value| value.to_str().unwrap().split(';').next().unwrap().to_owned()));
        let Some(location) = response.location() else { break response };
        path = location[url::Position::BeforePath..].to_owned();
    };
    let form = page
        .form("login-form")
        .fill("identifier", "nobody@example.com")
        .fill("password", "wrong")
        .press("sign_in");
    let fields: Vec<(&str, &str)> =
        form.fields.iter().map(|(name, value)| (name.as_str(), value.as_str())).collect();
    let request = server.request(Method::POST, &form.action).header("cookie", &cookies.join("; "));
    request.header("origin", ISSUER).header("sec-fetch-site", "same-origin").form(&fields).send().await.status
}

fn a_health_check_tells_by_its_exit_code() {
    let place = Place::new();
    let ports = place.settings("");
    let error = place.run(&["healthcheck"]).failed(1);
    assert!(error.contains("not ready"), "{error}");
    let server = place.serve("");
    assert_ne!(server.ports.internal, ports.internal);
    place.run(&["healthcheck"]).succeeded();
    let url = format!("http://127.0.0.1:{}", server.ports.internal);
    place.run(&["healthcheck", &url]).succeeded();
    place.run(&["healthcheck", &format!("{url}/health/live")]).succeeded();
    // What answers is not ready: a page that is not there, a port where nobody listens.
    place.run(&["healthcheck", &format!("{url}/nowhere")]).failed(1);
    place.run(&["healthcheck", &format!("http://127.0.0.1:{}", free_port())]).failed(1);
    place.run(&["healthcheck", "https://127.0.0.1:1"]).failed(2);
    server.running.stop();
    place.run(&["healthcheck"]).failed(1);
}

fn the_schema_is_checked_and_brought_up_to_date() {
    let place = Place::new();
    place.settings("");
    let error = place.run(&["migrate", "--check"]).failed(1);
    assert!(error.contains("stepgate migrate"), "{error}");
    for command in [&["serve", "--no-migrate"][..], &["user", "list"], &["apply", "stepgate.toml"]] {
        let error = place.run(command).failed(1);
        assert!(error.contains("stepgate migrate"), "{command:?}: {error}");
    }
    let out = place.run(&["migrate"]).succeeded();
    assert!(out.contains("applied m20"), "{out}");
    place.run(&["migrate", "--check"]).succeeded();
    assert!(place.run(&["migrate"]).succeeded().contains("up to date"));
}

fn the_first_administrator_comes_from_the_command_line() {
    let place = Place::new();
    place.settings("");
    place.run(&["migrate"]).succeeded();
    assert_eq!(place.run(&["user", "list"]).succeeded().lines().count(), 1, "no default user");
    let add = ["user", "add", "root@example.com", "--admin", "--password-stdin"];
    let error = place.run_with(&add, "short\n").failed(2);
    assert!(error.contains("password") && !error.contains("short\n"), "{error}");
    place.run_with(&add, "Correct-horse-7\n").succeeded();
    let error = place.run_with(&add, "Correct-horse-7\n").failed(2);
    assert!(error.contains("taken"), "{error}");
    place.write("password", 0o600, "Correct-horse-8\n");
    place.set("ADA_PASSWORD", "Correct-horse-9");
    place.run(&["user", "add", "bob@example.com", "--password", "{file:password}"]).succeeded();
    place.run(&["user", "add", "ada@example.com", "--password", "{env:ADA_PASSWORD}"]).succeeded();
    // Without a terminal there is nobody to ask.
    place.run(&["user", "add", "eve@example.com"]).failed(2);
    let users = place.run(&["user", "list"]).succeeded();
    let line = |login: &str| users.lines().find(|line| line.starts_with(login)).unwrap().to_owned();
    assert!(line("root@").contains("ACTIVE") && line("root@").contains("yes"), "{users}");
    assert!(line("bob@").contains("no") && line("ada@").contains("ACTIVE"), "{users}");
    assert_eq!(users.lines().count(), 4, "{users}");
}
