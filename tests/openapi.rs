//! The OpenAPI document, and that everything in it refuses strangers in the right format and changes nothing.

use std::collections::BTreeMap;

use http::Method;
use sea_orm::{ConnectionTrait, DatabaseConnection, Statement};
use serde_json::{Value, json};

use crate::support::{Test, TestApp, http::Response};

pub(crate) fn trials() -> Vec<Test> {
    trials![
        plain: the_document, every_operation_is_described;
        sqlite:
            every_operation_without_credentials_refuses_and_changes_nothing,
            every_operation_with_invented_credentials_refuses_and_changes_nothing,
            every_operation_of_administrators_refuses_a_token_that_only_reads,
            every_form_endpoint_refuses_other_bodies,
            every_path_refuses_unknown_methods_in_its_format,
            unknown_paths_are_told_in_the_format_of_their_surface,
    ]
}

fn document() -> Value {
    serde_json::from_str(&stepgate::api::openapi()).unwrap()
}

/// What is served is changed knowingly.
fn the_document() {
    insta::assert_json_snapshot!("openapi", document(), { ".info.version" => "[version]" });
}

/// A summary that cites its section, an id of its own, an answer for the good case.
fn every_operation_is_described() {
    let operations = operations();
    assert!(operations.len() >= 19, "{}", operations.len());
    let mut ids: Vec<String> = Vec::new();
    for operation in &operations {
        let Operation { method, path, described } = operation;
        assert!(!described["summary"].as_str().unwrap_or_default().is_empty(), "{method} {path}");
        let answers = described["responses"].as_object().unwrap();
        assert!(answers.keys().any(|status| status.starts_with('2')), "{method} {path}");
        ids.push(described["operationId"].as_str().unwrap().to_owned());
    }
    let count = ids.len();
    ids.sort_unstable();
    ids.dedup();
    assert_eq!(ids.len(), count, "an operation id is used twice");
}

/// An operation of the document.
pub(crate) struct Operation {
    /// The method.
    pub(crate) method: Method,
    /// The path, with values for its parameters.
    pub(crate) path: String,
    /// How the document describes it.
    pub(crate) described: Value,
}

/// Every operation of the document.
pub(crate) fn operations() -> Vec<Operation> {
    let document = document();
    let mut operations = Vec::new();
    for (path, methods) in document["paths"].as_object().unwrap() {
        for (method, described) in methods.as_object().unwrap() {
            let method = method.to_ascii_uppercase().parse().unwrap();
            let path = path
                .replace("{authorization_server_id}", "default")
                .replace("{client_id}", "web")
                .replace("{user_id}", "00u00000000000000000")
                .replace("{factor_id}", "ost1")
                .replace("{transaction_id}", "mst1")
                .replace("{factor_type}", "sms")
                .replace("{token_id}", "ykk00000000000000000")
                .replace("{token}", "invented")
                .replace("{id}", "00u00000000000000000");
            assert!(!path.contains('{'), "this test does not know a value for {path}");
            operations.push(Operation { method, path, described: described.clone() });
        }
    }
    operations
}

/// Who may call an operation.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Access {
    /// Anybody: documents.
    Public,
    /// A client that authenticates (RFC 6749 §2.3).
    Client,
    /// The holder of an access token (RFC 6750).
    Bearer,
    /// A browser with a session cookie, or whoever holds a session token (Okta).
    Session,
    /// Whoever holds the state token of a transaction, the credentials that begin one, or the token in a link (Okta).
    Transaction,
    /// A program with an API token, or a machine with one of Okta's scopes.
    Administrator,
}

/// A new operation has to be put somewhere, or these tests fail.
pub(crate) fn access(operation: &Operation) -> Access {
    let path = operation.path.as_str();
    let name = path.rsplit('/').next().unwrap();
    match (&operation.method, name) {
        (&Method::GET, _) if path.contains("/.well-known/") => Access::Public,
        (&Method::GET, "keys") => Access::Public,
        (&Method::POST, _) if path == "/api/v1/authn" || path.starts_with("/api/v1/authn/") => {
            Access::Transaction
        }
        (&Method::POST, "token" | "introspect" | "revoke" | "par") => Access::Client,
        (&Method::POST, "authorize") if path.ends_with("/device/authorize") => Access::Client,
        (&Method::GET | &Method::POST, "userinfo") => Access::Bearer,
        (_, _) if path.starts_with("/oauth2/v1/clients") => Access::Bearer,
        (&Method::POST, "global-token-revocation") => Access::Bearer,
        _ if path == "/api/v1/sessions" || path.starts_with("/api/v1/sessions/me") => Access::Session,
        _ if path.starts_with("/api/v1/users/me/") => Access::Session,
        (&Method::GET, _) if path.contains("/qr/") => Access::Transaction,
        // What a device signed is its credential.
        (&Method::POST, _) if path.starts_with("/api/v1/authenticator/") => Access::Transaction,
        (&Method::GET, "questions") if path.ends_with("/factors/questions") => Access::Public,
        _ if path.starts_with("/api/v1/") => Access::Administrator,
        (method, _) => panic!("who may call {method} {path}?"),
    }
}

/// Every field that the form has, each with something in it.
fn filled_in(operation: &Operation) -> Vec<(String, String)> {
    let reference =
        &operation.described["requestBody"]["content"]["application/x-www-form-urlencoded"]["schema"]["$ref"];
    let Some(name) = reference.as_str().and_then(|reference| reference.rsplit('/').next()) else {
        return Vec::new();
    };
    let document = document();
    let properties = document["components"]["schemas"][name]["properties"].as_object().unwrap();
    properties
        .keys()
        // Credentials are what the test is about.
        .filter(|name| !name.starts_with("client_"))
        .map(|name| match name.as_str() {
            "grant_type" => (name.clone(), "client_credentials".to_owned()),
            _ => (name.clone(), "x".to_owned()),
        })
        .collect()
}

/// All rows but those of the system log, where refusals are recorded.
pub(crate) async fn content(database: &DatabaseConnection) -> BTreeMap<String, Vec<String>> {
    let backend = database.get_database_backend();
    let query = |sql: String| database.query_all_raw(Statement::from_string(backend, sql));
    let tables =
        query("SELECT name FROM sqlite_master WHERE type = 'table' AND name NOT LIKE 'sqlite_%'".to_owned());
    let mut content = BTreeMap::new();
    for table in tables.await.unwrap() {
        let table: String = table.try_get("", "name").unwrap();
        if table == "log_event" {
            continue;
        }
        let columns = query(format!("SELECT name FROM pragma_table_info('{table}')")).await.unwrap();
        let columns: Vec<String> = columns
            .iter()
            .map(|row| format!("quote(\"{}\")", row.try_get::<String>("", "name").unwrap()))
            .collect();
        let rows =
            query(format!("SELECT {} AS content FROM \"{table}\" ORDER BY 1", columns.join(" || ',' || ")));
        let rows = rows.await.unwrap();
        let rows = rows.iter().map(|row| row.try_get::<String>("", "content").unwrap()).collect();
        content.insert(table, rows);
    }
    assert!(content.len() > 20);
    content
}

fn assert_refused(operation: &Operation, access: Access, response: &Response) {
    let what = format!("{} {}: {}", operation.method, operation.path, response.text());
    let challenge = response.header("www-authenticate");
    match access {
        Access::Public => {
            assert_eq!(response.status, 200, "{what}");
            let okta = operation.path.starts_with("/api/v1/");
            let media_type = if okta { "application/json;charset=UTF-8" } else { "application/json" };
            assert_eq!(response.header("content-type"), Some(media_type), "{what}");
        }
        Access::Client => {
            assert_eq!(response.status, 401, "{what}");
            assert_eq!(response.json()["error"], "invalid_client", "{what}");
            assert_eq!(response.header("content-type"), Some("application/json;charset=UTF-8"), "{what}");
            assert_eq!(response.header("cache-control"), Some("no-store"), "{what}");
        }
        Access::Administrator => {
            assert_eq!((response.status, &response.json()["errorCode"]), (401, &json!("E0000011")), "{what}");
            assert_eq!(response.header("cache-control"), Some("no-store"), "{what}");
        }
        Access::Session | Access::Transaction => {
            assert!([400, 401, 403, 404].contains(&response.status), "{what}");
            assert!(response.json()["errorCode"].is_string(), "{what}");
            assert_eq!(response.header("cache-control"), Some("no-store"), "{what}");
        }
        Access::Bearer => {
            assert_eq!((response.status, response.body.len()), (401, 0), "{what}");
            assert!(challenge.unwrap().starts_with("Bearer "), "{what}");
            assert_eq!(response.header("cache-control"), Some("no-store"), "{what}");
        }
    }
}

/// RFC 6749 §5.2, RFC 6750 §3: refused in the words of the surface, before anything is looked at or done.
async fn every_operation_without_credentials_refuses_and_changes_nothing(app: TestApp) {
    let database = sea_orm::Database::connect(app.database_url()).await.unwrap();
    let before = content(&database).await;
    for operation in operations() {
        let access = access(&operation);
        let form = filled_in(&operation);
        let form: Vec<(&str, &str)> =
            form.iter().map(|(name, value)| (name.as_str(), value.as_str())).collect();
        let request = app.client().request(operation.method.clone(), &operation.path);
        let request = if operation.method == Method::POST { request.form(&form) } else { request };
        let response = request.send().await;
        assert_refused(&operation, access, &response);
        if access == Access::Bearer {
            // RFC 6750 §3.1: no error code where no token was sent.
            assert!(!response.header("www-authenticate").unwrap().contains("error"));
        }
    }
    assert_eq!(content(&database).await, before);
}

async fn every_operation_with_invented_credentials_refuses_and_changes_nothing(app: TestApp) {
    let database = sea_orm::Database::connect(app.database_url()).await.unwrap();
    let before = content(&database).await;
    for operation in operations() {
        let access = access(&operation);
        let form = filled_in(&operation);
        let form: Vec<(&str, &str)> =
            form.iter().map(|(name, value)| (name.as_str(), value.as_str())).collect();
        let request = app.client().request(operation.method.clone(), &operation.path);
        let request = match access {
            Access::Public
            | Access::Bearer
            | Access::Session
            | Access::Transaction
            | Access::Administrator => request.bearer("an-invented-token"),
            Access::Client => request.basic("nobody", "an-invented-secret-that-is-long-enough"),
        };
        let request = if operation.method == Method::POST { request.form(&form) } else { request };
        assert_refused(&operation, access, &request.send().await);
    }
    assert_eq!(content(&database).await, before);
}

/// Security rule Y1: a token that reads changes nothing, and one that manages is needed for everything that is no GET.
async fn every_operation_of_administrators_refuses_a_token_that_only_reads(app: TestApp) {
    let token = app.api_token(stepgate::model::api_token::Access::Read).await;
    let database = sea_orm::Database::connect(app.database_url()).await.unwrap();
    // That it was used is written down, once a minute.
    app.read("/api/v1/users", &token).await;
    let before = content(&database).await;
    for operation in operations() {
        if access(&operation) != Access::Administrator || operation.method == Method::GET {
            continue;
        }
        // Whoever holds a token may end it.
        if operation.path == "/api/v1/api-tokens/current" {
            continue;
        }
        let request = app.ssws(operation.method.clone(), &operation.path, &token);
        let response = request.json(&json!({})).send().await;
        let what = format!("{} {}: {}", operation.method, operation.path, response.text());
        assert_eq!((response.status, &response.json()["errorCode"]), (403, &json!("E0000006")), "{what}");
    }
    assert_eq!(content(&database).await, before);
}

/// RFC 6749 appendix B: what is not a form is refused as such, in OAuth's words.
async fn every_form_endpoint_refuses_other_bodies(app: TestApp) {
    for operation in operations() {
        if access(&operation) != Access::Client {
            continue;
        }
        let request = || app.client().request(operation.method.clone(), &operation.path);
        for (what, request) in [
            ("JSON", request().json(&json!({"grant_type": "client_credentials"}))),
            ("text", request().body("text/plain", "grant_type=client_credentials")),
            ("no type", request()),
            ("no UTF-8", request().body("application/x-www-form-urlencoded", b"token=%ff".to_vec())),
            ("a name twice", request().form(&[("token", "a"), ("token", "b")])),
        ] {
            let response = request.send().await;
            let path = &operation.path;
            assert_eq!(
                (response.status, &response.json()["error"]),
                (400, &json!("invalid_request")),
                "{what} {path}"
            );
            assert_eq!(response.header("cache-control"), Some("no-store"), "{what} {path}");
        }
    }
}

async fn every_path_refuses_unknown_methods_in_its_format(app: TestApp) {
    let mut served: BTreeMap<String, Vec<Method>> = BTreeMap::new();
    for operation in operations() {
        served.entry(operation.path).or_default().push(operation.method);
    }
    for (path, methods) in served {
        for method in [Method::GET, Method::POST, Method::PUT, Method::DELETE, Method::PATCH] {
            if methods.contains(&method) {
                continue;
            }
            let response = app.client().request(method.clone(), &path).send().await;
            assert_eq!(response.status, 405, "{method} {path}");
            assert_eq!(response.json()["errorCode"], "E0000022", "{method} {path}");
        }
    }
}

async fn unknown_paths_are_told_in_the_format_of_their_surface(app: TestApp) {
    for path in
        ["/oauth2/v1/nothing", "/oauth2/default/v1/nothing", "/api/v1/nothing", "/.well-known/nothing"]
    {
        let response = app.client().get(path).await;
        assert_eq!((response.status, &response.json()["errorCode"]), (404, &json!("E0000008")), "{path}");
    }
    for path in ["/nothing", "/oauth2", "/v1", "/signin/nothing"] {
        let response = app.client().get(path).await;
        assert_eq!(response.status, 404, "{path}");
        assert_eq!(response.header("content-type"), Some("text/html; charset=utf-8"), "{path}");
        assert!(response.body_contains("error-page"), "{path}");
    }
}
