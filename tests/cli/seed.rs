//! `stepgate apply` and `stepgate dev --seed`.

use std::{collections::BTreeMap, path::Path};

use sea_orm::{ConnectionTrait, Database, DbBackend, Statement};

use super::{Place, block_on};
use crate::support::{Test, authenticator::maker, http::Browser};

pub(super) fn trials() -> Vec<Test> {
    trials![plain:
        the_documented_example_is_applied_and_again_changes_nothing,
        what_a_file_does_not_name_is_left_alone,
        passwords_and_secrets_are_set_at_creation_or_by_force,
        a_refused_file_names_file_line_and_key_and_changes_nothing,
        a_seed_replaces_the_demo_data,
    ]
}

/// Every row of every table that configuration is in, as SQL literals.
type Dump = BTreeMap<String, Vec<String>>;

fn dump(file: &Path) -> Dump {
    let url = format!("sqlite://{}?mode=ro", file.display());
    block_on(async {
        let database = Database::connect(url).await.unwrap();
        let texts = async |sql: String| {
            let rows = database.query_all_raw(Statement::from_string(DbBackend::Sqlite, sql)).await.unwrap();
            rows.iter().map(|row| row.try_get_by_index::<String>(0).unwrap()).collect::<Vec<_>>()
        };
        let mut dump = Dump::new();
        let tables = "SELECT name FROM sqlite_master WHERE type = 'table' AND name NOT LIKE 'sqlite%'";
        for table in texts(tables.to_owned()).await {
            // That a file was applied is written down, and tells other nodes to look.
            if table == "log_event" || table == "installation" {
                continue;
            }
            let columns = texts(format!("SELECT name FROM pragma_table_info('{table}')")).await;
            let columns: Vec<String> = columns.iter().map(|column| format!("quote(\"{column}\")")).collect();
            let rows = format!("SELECT {} FROM \"{table}\" ORDER BY 1", columns.join(" || ' ' || "));
            let rows = texts(rows).await;
            dump.insert(table, rows);
        }
        database.close().await.unwrap();
        dump
    })
}

/// An installation without users and clients, and the variables that the example needs.
fn installation() -> Place {
    let place = Place::new();
    place.settings("");
    place.set("ALICE_PASSWORD", "Correct-horse-7");
    place.set("WEB_APP_SECRET", "a-secret-of-more-than-thirty-two-bytes");
    place.set("API_TOKEN", "an-API-token-of-more-than-thirty-two-bytes");
    place.run(&["migrate"]).succeeded();
    place.run(&["keys", "list"]).succeeded();
    place
}

const EXAMPLE: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/seed/complete.yaml");

fn the_documented_example_is_applied_and_again_changes_nothing() {
    let place = installation();
    let out = place.run(&["apply", EXAMPLE]).succeeded();
    assert!(
        out.contains(
            "2 groups, 3 users, 5 clients, 2 authorization servers, 1 trusted origins, 1 network zones, 5 policies, \
             2 factor profiles, 1 YubiKeys, 1 API tokens"
        ),
        "{out}"
    );
    let users = place.run(&["user", "list"]).succeeded();
    let status = |login: &str, status: &str| {
        users.lines().any(|line| line.starts_with(login) && line.contains(status))
    };
    assert!(
        status("alice@", "ACTIVE") && status("bob@", "ACTIVE") && status("carol@", "SUSPENDED"),
        "{users}"
    );
    let clients = place.run(&["client", "list"]).succeeded();
    for client in ["web-app", "single-page-app", "service"] {
        assert!(clients.lines().any(|line| line.starts_with(client)), "{clients}");
    }
    let keys = place.run(&["keys", "list", "--server", "orders"]).succeeded();
    assert!(keys.contains("ES256") && keys.contains("RS256"), "{keys}");

    let database = place.path("state/stepgate.db");
    let first = dump(&database);
    for table in [
        "user",
        "group_member",
        "client",
        "client_secret",
        "claim",
        "access_policy_rule",
        "trusted_origin",
        "zone",
        "policy",
        "policy_rule",
        "policy_mapping",
        "factor_profile",
    ] {
        assert!(!first[table].is_empty(), "{table}");
    }
    let settings = &first["authorization_server"];
    assert!(settings.iter().any(|row| row.contains("\"dpop_nonce_required\":true")), "{settings:?}");
    place.run(&["apply", EXAMPLE]).succeeded();
    let second = dump(&database);
    for (table, rows) in &first {
        assert_eq!(&second[table], rows, "{table}");
    }
}

fn what_a_file_does_not_name_is_left_alone() {
    let place = installation();
    place.run(&["apply", EXAMPLE]).succeeded();
    place.run_with(&["user", "add", "zoe@example.com", "--password-stdin"], "Correct-horse-7").succeeded();
    let add = ["client", "add", "--name", "Z", "--type", "service", "--id", "zed"];
    place.run(&add).succeeded();
    let database = place.path("state/stepgate.db");
    let before = dump(&database);
    place.write("one.yaml", 0o600, "users:\n  - login: bob@example.com\n    profile: {nickName: bobby}\ngroups:\n  - {name: Support, description: Helpers}\n");
    place.run(&["apply", "one.yaml"]).succeeded();
    let after = dump(&database);
    for (table, rows) in &before {
        let changed: Vec<&String> = after[table].iter().filter(|row| !rows.contains(row)).collect();
        assert_eq!(after[table].len(), rows.len(), "{table}");
        if table == "user" {
            assert_eq!(changed.len(), 1);
            // An attribute that is not named stays, as do password and groups.
            let unnamed = ["bobby", "bob@example.com", "\"firstName\":\"Bob\"", "$argon2id$"];
            assert!(unnamed.iter().all(|text| changed[0].contains(text)), "{changed:?}");
        } else if table == "group" {
            assert!(matches!(changed[..], [row] if row.contains("Helpers")), "{changed:?}");
        } else {
            assert!(changed.is_empty(), "{table}: {changed:?}");
        }
    }
}

fn passwords_and_secrets_are_set_at_creation_or_by_force() {
    let place = installation();
    place.run(&["apply", EXAMPLE]).succeeded();
    let database = place.path("state/stepgate.db");
    let before = dump(&database);
    place.set("ALICE_PASSWORD", "Battery-staple-9");
    place.set("WEB_APP_SECRET", "another-secret-of-more-than-32-bytes");
    place.run(&["apply", EXAMPLE]).succeeded();
    assert_eq!(dump(&database), before);

    let login = "alice@example.com";
    let user = |dump: &Dump| dump["user"].iter().find(|row| row.contains(login)).unwrap().clone();
    let seed = |force: &str| {
        let text = format!(
            "users:\n  - {{login: {login}, password: {{env: ALICE_PASSWORD}}{force}}}\nclients:\n  - {{client_id: one, \
             client_name: One, application_type: service, client_secret: {{env: WEB_APP_SECRET}}{force}}}\n"
        );
        place.write("seed.yaml", 0o600, &text);
        place.run(&["apply", "seed.yaml"]).succeeded();
        dump(&database)
    };
    let unforced = seed("");
    assert_eq!(user(&unforced), user(&before));
    place.set("WEB_APP_SECRET", "a-third-secret-of-more-than-32-bytes");
    assert_eq!(seed("")["client_secret"], unforced["client_secret"]);
    let forced = seed(", force: true");
    assert_ne!(user(&forced), user(&before));
    assert_ne!(forced["client_secret"], unforced["client_secret"]);
    assert_eq!(forced["client_secret"].len(), unforced["client_secret"].len());
    // For the whole file.
    place.write(
        "all.yaml",
        0o600,
        &format!("force: true\nusers:\n  - {{login: {login}, password: Third-horse-11}}\n"),
    );
    place.run(&["apply", "all.yaml"]).succeeded();
    assert_ne!(user(&dump(&database)), user(&forced));
}

fn a_refused_file_names_file_line_and_key_and_changes_nothing() {
    let place = installation();
    place.run(&["apply", EXAMPLE]).succeeded();
    let database = place.path("state/stepgate.db");
    let before = dump(&database);
    const EVE: &str = "users:\n  - login: eve@example.com\n    password: Correct-horse-7\n";
    let policy = |webauthn: &str| {
        format!(
            "mfa_enroll_policies:\n  - name: P\n    factors: {{}}\n    webauthn: {webauthn}\n    rules: [{{name: All}}]\n"
        )
    };
    let no_uuid = policy("{allowed_aaguids: [ee8828797-21c-4913-9775-3dfcce97072a]}");
    let unasked = policy(&format!("{{attestation_roots: [\"{}\"]}}", maker().0.replace('\n', "\\n")));
    for (rest, place_of_error, about) in [
        (no_uuid.as_str(), "bad.yaml:7: mfa_enroll_policies[0].webauthn.allowed_aaguids[0]: ", "UUID"),
        (unasked.as_str(), "bad.yaml:7: mfa_enroll_policies[0].webauthn", "attestation: direct"),
        ("    pasword: x\n", "bad.yaml:4: users[0].pasword: ", "unknown key"),
        ("usres: []\n", "bad.yaml:4: usres: ", "unknown key"),
        ("    groups: [Engineering, Nowhere]\n", "bad.yaml:4: users[0].groups[1]: ", "\"Nowhere\""),
        ("    password_hash: {env: NOT_SET}\n", "bad.yaml:4: users.password_hash: ", "NOT_SET"),
        ("    profile: {zipCode: {file: nowhere}}\n", "bad.yaml:4: users.profile.zipCode: ", "nowhere"),
        (
            "clients:\n  - client_id: a\n    client_name: A\n    application_type: service\n    client_secret: aaaaaaaaaaaaaaaaaaaaaa\n    assignment:\n      users: [ghost@example.com]\n",
            "bad.yaml:10: clients[0].assignment.users[0]: ",
            "ghost@example.com",
        ),
        (
            "clients:\n  - client_id: a\n    client_name: A\n    application_type: service\n",
            "bad.yaml:5: clients[0]",
            "client_secret",
        ),
        (
            "authorization_servers:\n  - id: default\n    policies:\n      - name: P\n        clients: [ghost]\n",
            "bad.yaml:8: authorization_servers[0].policies[0].clients[0]: ",
            "ghost",
        ),
        (
            "authorization_servers:\n  - id: default\n    claims:\n      - {name: c, type: RESOURCE, static: 1, scopes: [ghost]}\n",
            "bad.yaml:7: authorization_servers[0].claims[0].scopes[0]: ",
            "ghost",
        ),
        ("authorization_servers:\n  - id: new\n", "bad.yaml:5: authorization_servers[0]", "audience"),
    ] {
        place.write("bad.yaml", 0o600, &format!("{EVE}{rest}"));
        let error = place.run(&["apply", "bad.yaml"]).failed(1);
        assert!(error.contains(place_of_error) && error.contains(about), "{rest}\n{error}");
        // `eve` comes first in the file and is fine.
        assert_eq!(dump(&database), before, "{rest}");
    }
    let users = place.run(&["user", "list"]).succeeded();
    assert!(!users.contains("eve@example.com"), "{users}");
    place.write("bad.yaml", 0o600, EVE);
    place.run(&["apply", "bad.yaml"]).succeeded();
    assert!(place.run(&["user", "list"]).succeeded().contains("eve@example.com"));
}

fn a_seed_replaces_the_demo_data() {
    let place = Place::new();
    place.set("ALICE_PASSWORD", "Correct-horse-7");
    place.set("WEB_APP_SECRET", "a-secret-of-more-than-thirty-two-bytes");
    place.set("API_TOKEN", "an-API-token-of-more-than-thirty-two-bytes");
    let dev = place.dev(&["--seed", EXAMPLE]);
    assert!(dev.ready["login"].is_null() && dev.ready["web_client_id"].is_null(), "{}", dev.ready);
    assert!(!place.path("data/dev-credentials").exists());
    let users = place.run(&["user", "--data", "data", "list"]).succeeded();
    assert!(users.contains("alice@example.com") && !users.contains("demo@example.com"), "{users}");
    let clients = place.run(&["client", "--data", "data", "list"]).succeeded();
    assert!(!clients.contains("Demo"), "{clients}");
    block_on(async {
        let alice = ("alice@example.com", "Correct-horse-7");
        let tokens = dev.tokens(&mut Browser::new(), "single-page-app", alice).await;
        assert!(tokens.is_some_and(|tokens| tokens["id_token"].is_string()));
    });
    dev.running.stop();
    // The seeded data stays without the option, too.
    let again = place.dev(&[]);
    assert!(again.ready["login"].is_null(), "{}", again.ready);
}
