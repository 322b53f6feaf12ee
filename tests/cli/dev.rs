//! `stepgate dev`.

use std::{net::TcpListener, process::Command};

use http::Method;

use super::{DevServer, KEY, Place, block_on, mode, printed};
use crate::support::{
    Test,
    http::{Browser, Client},
    op::answer,
    process::find,
};

pub(super) fn trials() -> Vec<Test> {
    trials![plain:
        the_last_line_is_for_scripts_and_the_server_answers,
        keys_and_credentials_are_private_and_survive_a_restart,
        the_printed_curl_command_gets_a_token,
        a_password_that_was_changed_is_shown_nowhere,
        a_page_of_the_single_page_client_signs_in_without_leaving_it,
        a_command_without_an_installation_names_the_folder_of_dev,
        a_taken_port_is_named_and_nothing_is_made,
        data_in_memory_leaves_nothing_behind,
        production_commands_refuse_the_development_database,
        a_production_database_is_refused,
        other_hosts_are_misdirected_and_loopback_addresses_redirected,
        secrets_are_not_taken_from_arguments,
    ]
}

fn the_last_line_is_for_scripts_and_the_server_answers() {
    let place = Place::new();
    let dev = place.dev(&[]);
    let out = dev.running.out();
    let last = out.lines().last().unwrap().strip_prefix("STEPGATE_READY ").unwrap();
    assert_eq!(serde_json::from_str::<serde_json::Value>(last).unwrap(), dev.ready);
    let port = dev.ready["port"].as_u64().unwrap();
    assert_ne!(port, 0);
    assert_eq!(dev.issuer, format!("http://localhost:{port}"));
    assert_eq!(dev.ready["pid"].as_u64(), Some(u64::from(dev.running.child.id())));
    for issuer in ["", "/oauth2/default"] {
        assert!(out.lines().any(|line| line.ends_with(&format!("{}{issuer}", dev.issuer))), "{out}");
    }
    assert!(out.contains(&format!("{}/playground", dev.issuer)), "{out}");
    block_on(async {
        let metadata = dev.client().get("/.well-known/openid-configuration").await;
        assert_eq!((metadata.status, metadata.json()["issuer"].as_str()), (200, Some(dev.issuer.as_str())));
        // Browsers try ::1 first.
        for address in [format!("http://127.0.0.1:{port}"), format!("http://[::1]:{port}")] {
            if TcpListener::bind("[::1]:0").is_err() && address.contains("::1") {
                continue;
            }
            let client = Client::new(&address);
            let host = format!("localhost:{port}");
            assert_eq!(client.request(Method::GET, "/").header("host", &host).send().await.status, 200);
        }
        let home = dev.client().get("/").await;
        for what in [dev.issuer.as_str(), "/playground", "openid-configuration", dev.ready("spa_client_id")] {
            assert!(home.body_contains(what), "{what}: {}", home.text());
        }
        let mut browser = Browser::new();
        let user = (dev.ready("login"), printed(&out, "password"));
        let tokens = dev.tokens(&mut browser, dev.ready("spa_client_id"), user).await;
        assert!(tokens.is_some(), "{}", browser.url());
    });
}

fn keys_and_credentials_are_private_and_survive_a_restart() {
    let place = Place::new();
    let dev = place.dev(&[]);
    for file in ["master.key", "dev-credentials", "."] {
        let wanted = if file == "." { 0o700 } else { 0o600 };
        assert_eq!(mode(&place.path("data").join(file)), wanted, "{file}");
    }
    let first = dev.running.out();
    let keys = block_on(async { dev.client().get("/oauth2/v1/keys").await.json() });
    let add = ["user", "--data", "data", "add", "ann@example.com", "--password-stdin"];
    place.run_with(&add, "Correct-horse-7\n").succeeded();
    dev.running.stop();

    let again = place.dev(&[]);
    let second = again.running.out();
    let credentials = [
        "Demo user",
        "password",
        "Administrator",
        "API token",
        "Web client",
        "secret",
        "SPA client",
        "Service client",
    ];
    for name in credentials {
        assert_eq!(printed(&first, name), printed(&second, name), "{name}");
    }
    assert_eq!(block_on(async { again.client().get("/oauth2/v1/keys").await.json() }), keys);
    let users = place.run(&["user", "--data", "data", "list"]).succeeded();
    assert!(users.contains("ann@example.com") && users.contains(again.ready("login")), "{users}");
    assert_eq!(users.lines().count(), 4, "{users}");
    block_on(async {
        let user = (again.ready("login"), printed(&first, "password"));
        let tokens = again.tokens(&mut Browser::new(), again.ready("spa_client_id"), user).await;
        assert!(tokens.is_some());
    });
}

fn the_printed_curl_command_gets_a_token() {
    let place = Place::new();
    let dev = place.dev(&[]);
    let out = dev.running.out();
    let command: Vec<&str> = out
        .lines()
        .skip_while(|line| !line.trim().starts_with("curl "))
        .take_while(|line| !line.is_empty())
        .collect();
    let command = command.join("\n");
    let token: serde_json::Value = if find("curl", &[]).is_some() {
        let output =
            Command::new("sh").args(["-c", &format!("{command} --silent --noproxy '*'")]).output().unwrap();
        serde_json::from_slice(&output.stdout).unwrap_or_else(|error| panic!("{error}: {output:?}"))
    } else {
        let credentials = command.split('\'').nth(1).unwrap().split_once(':').unwrap();
        let url = command.split_whitespace().last().unwrap();
        let fields: Vec<(&str, &str)> = command
            .split("-d ")
            .skip(1)
            .filter_map(|rest| rest.split_whitespace().next()?.split_once('='))
            .collect();
        block_on(async {
            let request = Client::new(url).request(Method::POST, url).basic(credentials.0, credentials.1);
            request.form(&fields).send().await.json()
        })
    };
    assert_eq!(token["token_type"], "Bearer", "{command}\n{token}");
}

fn a_password_that_was_changed_is_shown_nowhere() {
    let place = Place::new();
    let dev = place.dev(&[]);
    let password = printed(&dev.running.out(), "password").to_owned();
    let shown = |dev: &DevServer| block_on(async { dev.client().get("/").await.body_contains(&password) });
    assert!(shown(&dev));
    let login = dev.ready("login").to_owned();
    let set = ["user", "--data", "data", "set-password", &login, "--password-stdin"];
    place.run_with(&set, "Correct-horse-7\n").succeeded();
    assert!(!shown(&dev));
    dev.running.stop();
    let again = place.dev(&[]);
    assert!(!shown(&again) && !again.running.out().contains(&password));
    assert!(again.running.out().contains("changed by you"));
}

/// Okta's embedded sign-in: a page of a trusted origin gets a session token, which its client's next authorization request
/// exchanges.
fn a_page_of_the_single_page_client_signs_in_without_leaving_it() {
    let place = Place::new();
    let dev = place.dev(&[]);
    let password = printed(&dev.running.out(), "password").to_owned();
    block_on(async {
        const ORIGIN: &str = "http://localhost:3000";
        for path in ["/api/v1/authn", "/api/v1/sessions/me"] {
            let preflight = dev.client().request(Method::OPTIONS, path).header("origin", ORIGIN);
            let preflight = preflight.header("access-control-request-method", "POST");
            let answer = preflight.header("access-control-request-headers", "content-type").send().await;
            assert_eq!(answer.header("access-control-allow-origin"), Some(ORIGIN), "{path}");
        }
        let body = serde_json::json!({"username": dev.ready("login"), "password": password});
        let request = dev.client().request(Method::POST, "/api/v1/authn").header("origin", ORIGIN);
        let done = request.json(&body).send().await;
        let token =
            done.json()["sessionToken"].as_str().unwrap_or_else(|| panic!("{}", done.text())).to_owned();
        let mut browser = Browser::new();
        let url = dev.authorize_url(dev.ready("spa_client_id"), "none");
        browser.open(&format!("{url}&sessionToken={token}")).await;
        assert!(answer(&browser).contains_key("code"), "{}", browser.url());
    });
}

fn a_command_without_an_installation_names_the_folder_of_dev() {
    let place = Place::new();
    let error = place.run(&["api-token", "list"]).failed(2);
    assert!(error.contains("--data") && error.contains("stepgate dev"), "{error}");
}

fn a_taken_port_is_named_and_nothing_is_made() {
    let place = Place::new();
    let holder = TcpListener::bind("127.0.0.1:0").unwrap();
    let port = holder.local_addr().unwrap().port().to_string();
    let error = place.run(&["dev", "--port", &port]).failed(1);
    assert!(error.contains(&port) && error.contains("--port"), "{error}");
    assert!(!place.path("data").exists());
}

fn data_in_memory_leaves_nothing_behind() {
    let place = Place::new();
    let folders = || std::fs::read_dir(place.path("tmp")).unwrap().count();
    let dev = place.dev(&["--data", ":memory:"]);
    assert_eq!(folders(), 1);
    dev.running.stop();
    assert_eq!(folders(), 0);
    assert!(!place.path("data").exists() && !place.path(":memory:").exists());
    // A start that fails cleans up, too.
    place.write("bad.yaml", 0o600, "userz: []\n");
    place.run(&["dev", "--port", "0", "--data", ":memory:", "--seed", "bad.yaml"]).failed(1);
    assert_eq!(folders(), 0);
}

fn production_commands_refuse_the_development_database() {
    let place = Place::new();
    place.dev(&[]).running.stop();
    place.settings("");
    // All is as `serve` wants it, but for the marker in the database.
    place.set("STEPGATE_DATA", place.path("data").to_str().unwrap());
    place.set("STEPGATE_KEYS__MASTER_KEY__FILE", place.path("data/master.key").to_str().unwrap());
    place.write("seed.yaml", 0o600, "users: [{login: eve@example.com}]\n");
    let commands: [&[&str]; 5] =
        [&["serve"], &["migrate"], &["migrate", "--check"], &["apply", "seed.yaml"], &["user", "list"]];
    for command in commands {
        let error = place.run(command).failed(1);
        assert!(error.contains("stepgate dev"), "{command:?}: {error}");
    }
    let users = place.run(&["user", "--data", "data", "list"]).succeeded();
    assert!(!users.contains("eve@example.com"), "{users}");
}

fn a_production_database_is_refused() {
    let place = Place::new();
    place.settings("");
    place.run(&["migrate"]).succeeded();
    place.run(&["keys", "list"]).succeeded();
    place.write("state/master.key", 0o600, KEY);
    let error = place.run(&["dev", "--port", "0", "--data", "state"]).failed(1);
    assert!(error.contains("production"), "{error}");
}

fn other_hosts_are_misdirected_and_loopback_addresses_redirected() {
    let place = Place::new();
    let dev = place.dev(&[]);
    let port = dev.ready["port"].as_u64().unwrap();
    block_on(async {
        // RFC 9110 §15.5.20.
        for host in ["evil.example", "localhost", "localhost.evil.example"] {
            let request = dev.client().request(Method::GET, "/").header("host", host).send().await;
            assert_eq!(request.status, 421, "{host}");
        }
        let elsewhere = Client::new(&format!("http://127.0.0.1:{port}")).get("/playground?a=b").await;
        assert_eq!(elsewhere.status, 302);
        assert_eq!(elsewhere.header("location"), Some(format!("{}/playground?a=b", dev.issuer).as_str()));
        // A form is not repeated at another address.
        let client = Client::new(&format!("http://127.0.0.1:{port}"));
        assert_eq!(client.post_form("/oauth2/default/v1/token", &[]).await.status, 421);
    });
}

fn secrets_are_not_taken_from_arguments() {
    let place = Place::new();
    place.settings("");
    place.run(&["migrate"]).succeeded();
    const SECRET: &str = "Hunter2-Hunter2-Hunter2-Hunter2-Hunter2";
    let add = ["client", "add", "--name", "X", "--type", "service", "--id", "svc"];
    place.run(&add).succeeded();
    let commands: [&[&str]; 6] = [
        &["user", "add", "eve@example.com", "--password", SECRET],
        &["user", "add", "eve@example.com", SECRET],
        &["user", "set-password", "eve@example.com", "--password", SECRET],
        &["client", "add", "--name", "Y", "--type", "service", "--id", "eve", "--secret", SECRET],
        &["client", "rotate-secret", "svc", "--secret", SECRET],
        &["dev", "--port", "0", "--password", SECRET],
    ];
    for command in commands {
        let outcome = place.run(command);
        assert_ne!(outcome.code, Some(0), "{command:?}");
        // The positional one is reported by the parser: it has no name that says it is a secret.
        if command.contains(&"--secret") || command.contains(&"--password") && command[0] != "dev" {
            assert!(
                !outcome.err.contains(SECRET) && !outcome.out.contains(SECRET),
                "{command:?}: {outcome:?}"
            );
            assert!(outcome.err.contains("{env:NAME}"), "{command:?}: {outcome:?}");
        }
    }
    let users = place.run(&["user", "list"]).succeeded();
    assert!(!users.contains("eve@example.com"), "{users}");
    let clients = place.run(&["client", "list"]).succeeded();
    assert!(!clients.contains("eve"), "{clients}");
}
