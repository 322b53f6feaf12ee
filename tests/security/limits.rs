//! X6: too much of everything, sent to every address there is. Each refuses in its own format, at once, and nothing is
//! left behind.

use std::time::{Duration, Instant};

use http::{HeaderMap, HeaderName, HeaderValue, Method};
use serde_json::Value;
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::TcpStream,
};
use url::Url;

use super::traces;
use crate::{
    openapi::{Access, access, content, operations},
    support::{
        Test, TestApp,
        fixtures::{REDIRECT_URI, SECRET, WEB},
        http::Response,
        registration::restricted,
    },
};

pub(crate) fn trials() -> Vec<Test> {
    trials![sqlite: sec_x06_every_address_refuses_too_much_in_its_own_format_at_once]
}

/// How long a refusal may take on a busy machine.
const AT_ONCE: Duration = Duration::from_secs(3);

/// How an address says no.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Surface {
    /// By an access level of the OpenAPI document.
    Api(Access),
    /// By a page.
    Page,
}

/// An address and how it may be spoken to.
#[derive(Clone, Debug)]
struct Address {
    method: Method,
    path: String,
    surface: Surface,
    /// Whether its document takes a JSON body from an administrator.
    takes_json: bool,
}

/// What is too much.
struct Flood {
    what: &'static str,
    media_type: &'static str,
    body: Vec<u8>,
}

impl Flood {
    fn new(what: &'static str, media_type: &'static str, body: impl Into<Vec<u8>>) -> Self {
        Self { what, media_type, body: body.into() }
    }
}

const FORM: &str = "application/x-www-form-urlencoded";
const JSON: &str = "application/json";

/// Every operation of the OpenAPI document, and every page that is mounted.
fn addresses() -> Vec<Address> {
    let mut addresses: Vec<Address> = operations()
        .iter()
        .map(|operation| Address {
            method: operation.method.clone(),
            path: operation.path.clone(),
            surface: Surface::Api(access(operation)),
            takes_json: !operation.described["requestBody"]["content"][JSON].is_null(),
        })
        .collect();
    let router = include_str!("../../src/router/mod.rs");
    let mounted = router.split("pub fn internal").next().unwrap().split(".at(\"").skip(1);
    for path in mounted.map(|rest| rest.split('"').next().unwrap()).filter(|path| *path != "/v1/keys") {
        let path = path
            .replace(":authorization_server_id", "default")
            .replace(":client_id", WEB)
            .replace(":message_id", "unheard-of")
            .replace(":file_name", "unheard-of.css");
        assert!(!path.contains(':'), "this test does not know a value for {path}");
        for method in [Method::GET, Method::POST] {
            let surface = Surface::Page;
            addresses.push(Address { method, path: path.clone(), surface, takes_json: false });
        }
    }
    assert!(addresses.len() >= 60, "{}", addresses.len());
    addresses
}

/// Bodies: too large, too many, too deep.
fn floods() -> Vec<Flood> {
    let scopes = |count: usize| format!("grant_type=client_credentials&scope={}", vec!["s"; count].join("+"));
    let parameters = |count: usize| (0..count).map(|n| format!("p{n}=x")).collect::<Vec<_>>().join("&");
    let nested = |levels: usize| format!("{{\"a\":{}{}}}", "[".repeat(levels), "]".repeat(levels));
    vec![
        Flood::new("10 MiB of a form", FORM, vec![b'x'; 10 << 20]),
        Flood::new("10 MiB of JSON", JSON, vec![b' '; 10 << 20]),
        Flood::new("100 000 scopes", FORM, scopes(100_000)),
        Flood::new("as many scopes as fit into a form", FORM, scopes(30_000)),
        Flood::new("100 000 parameters", FORM, parameters(100_000)),
        Flood::new("as many parameters as fit into a form", FORM, parameters(8_000)),
        Flood::new("JSON of 100 000 levels", JSON, nested(100_000)),
        Flood::new("JSON of 30 000 levels", JSON, nested(30_000)),
        Flood::new("JSON of 17 levels", JSON, nested(17)),
        Flood::new(
            "a parameter with JSON of 30 000 levels",
            FORM,
            format!("grant_type=x&claims={}", nested(30_000)),
        ),
    ]
}

/// Queries: as much as a request line can have, and more.
fn queries() -> [(&'static str, String); 4] {
    let nested = |levels: usize| format!("{}{}", "%5B".repeat(levels), "%5D".repeat(levels));
    [
        ("many scopes", format!("scope={}", vec!["s"; 7_000].join("+"))),
        ("many parameters", (0..2_000).map(|n| format!("p{n}=x")).collect::<Vec<_>>().join("&")),
        ("deep JSON", format!("claims={}", nested(2_000))),
        ("a line that is too long", format!("scope={}", vec!["s"; 100_000].join("+"))),
    ]
}

/// Sends a request of which the rest may not be wanted, and reads the answer whether or not all of it was taken.
async fn send(
    app: &TestApp,
    address: &Address,
    authorization: &str,
    query: &str,
    flood: Option<&Flood>,
) -> Response {
    let url = Url::parse(&app.url(&address.path)).unwrap();
    let port = url.port().unwrap();
    let (mut from, mut to) = TcpStream::connect(format!("127.0.0.1:{port}")).await.unwrap().into_split();
    let target = if query.is_empty() { address.path.clone() } else { format!("{}?{query}", address.path) };
    let mut head = format!(
        "{} {target} HTTP/1.1\r\nhost: localhost:{port}\r\norigin: {}\r\nauthorization: {authorization}\r\nconnection: close\r\n",
        address.method, app.issuer
    );
    let body = flood.map(|flood| flood.body.clone()).unwrap_or_default();
    if let Some(flood) = flood {
        head.push_str(&format!("content-type: {}\r\ncontent-length: {}\r\n", flood.media_type, body.len()));
    }
    head.push_str("\r\n");
    let sending = tokio::spawn(async move {
        let _ = to.write_all(head.as_bytes()).await;
        let _ = to.write_all(&body).await;
        to
    });
    let mut answer = Vec::new();
    let mut buffer = vec![0; 64 * 1024];
    let mut response = None;
    while response.is_none() {
        match tokio::time::timeout(AT_ONCE, from.read(&mut buffer)).await.expect("an answer in time") {
            Ok(0) | Err(_) => break,
            Ok(length) => answer.extend_from_slice(&buffer[..length]),
        }
        response = complete(&url, &answer);
    }
    sending.abort();
    response.unwrap_or_else(|| panic!("{address:?}: {}", String::from_utf8_lossy(&answer)))
}

/// The answer, once head and body are there.
fn complete(url: &Url, answer: &[u8]) -> Option<Response> {
    let end = answer.windows(4).position(|window| window == b"\r\n\r\n")?;
    let head = std::str::from_utf8(&answer[..end]).unwrap();
    let mut lines = head.split("\r\n");
    let status = lines.next()?.split(' ').nth(1)?.parse().unwrap();
    let headers: HeaderMap = lines
        .map(|line| line.split_once(':').unwrap())
        .map(|(name, value)| {
            (name.parse::<HeaderName>().unwrap(), HeaderValue::from_str(value.trim()).unwrap())
        })
        .collect();
    let length = headers.get("content-length").map_or(0, |length| length.to_str().unwrap().parse().unwrap());
    let body = answer[end + 4..].to_vec();
    assert!(!headers.contains_key("transfer-encoding"), "{head}");
    (body.len() >= length).then(|| Response { url: url.clone(), status, headers, body })
}

/// Whether the request was refused, in the words of its surface.
fn is_refused(address: &Address, response: &Response) -> bool {
    let document: Value = serde_json::from_slice(&response.body).unwrap_or_default();
    let is_type = |wanted: &str| response.header("content-type") == Some(wanted);
    let refused = (400..500).contains(&response.status);
    match address.surface {
        Surface::Api(Access::Client) => {
            refused
                && document["error"].is_string()
                && is_type("application/json;charset=UTF-8")
                && response.header("cache-control") == Some("no-store")
        }
        Surface::Api(Access::Bearer) => {
            // Universal Logout is Okta's: beyond RFC 6750 it answers in Okta's envelope.
            let okta = address.path.ends_with("/global-token-revocation");
            let member = if okta { "errorCode" } else { "error" };
            refused && (document[member].is_string() || response.headers.contains_key("www-authenticate"))
        }
        Surface::Api(Access::Session | Access::Transaction | Access::Public | Access::Administrator) => {
            refused && document["errorCode"].is_string()
        }
        Surface::Page => {
            // RFC 6749 §4.1.2.1: what is wrong with an authorization request is told to the client.
            let told = response.location().is_some_and(|location| {
                location.as_str().starts_with(REDIRECT_URI)
                    && location.query_pairs().any(|(name, _)| name == "error")
            });
            let page = is_type("text/html; charset=utf-8") && response.body_contains("<h1");
            // An image or script that is not there has no words.
            let nothing = address.path.starts_with("/assets/") && response.body.is_empty();
            told || (refused && (page || nothing))
        }
    }
}

/// Whether an address takes no part of the request into account: then it may answer as it does to an empty one.
async fn takes_no_notice(app: &TestApp, address: &Address, authorization: &str, response: &Response) -> bool {
    let empty = Flood::new("nothing", FORM, "");
    let usual = send(app, address, authorization, "", Some(&empty)).await;
    let same = |name: &str| response.header(name) == usual.header(name);
    response.status == usual.status
        && same("content-type")
        && same("location")
        && response.body.len() == usual.body.len()
}

/// RFC 9110 §15.5.14, RFC 6585 §5; CVE-2026-4634: the table of all addresses against the table of all floods.
async fn sec_x06_every_address_refuses_too_much_in_its_own_format_at_once(app: TestApp) {
    let app = restricted(app).await;
    let administrator = app.administrator(&["okta.clients.register", "okta.clients.manage"]).await;
    let basic = {
        use base64::{Engine, engine::general_purpose::STANDARD};
        format!("Basic {}", STANDARD.encode(format!("{WEB}:{SECRET}")))
    };
    let database = sea_orm::Database::connect(app.database_url()).await.unwrap();
    let before = (traces(&app).await, content(&database).await);
    let mut complaints = Vec::new();
    for address in addresses() {
        let authorization = match address.surface {
            Surface::Api(Access::Client) => basic.clone(),
            Surface::Api(Access::Bearer) if address.takes_json => format!("Bearer {administrator}"),
            Surface::Api(_) | Surface::Page => "Bearer an-invented-token".to_owned(),
        };
        let floods = floods().into_iter().map(|flood| (flood.what, String::new(), Some(flood)));
        // For whom it is, where that is asked first.
        let whose = if address.path.ends_with("/v1/authorize") { "client_id=web&" } else { "" };
        let queries = queries().into_iter().map(|(what, query)| (what, format!("{whose}{query}"), None));
        for (what, query, flood) in floods.chain(queries) {
            let began = Instant::now();
            let response = send(&app, &address, &authorization, &query, flood.as_ref()).await;
            let took = began.elapsed();
            let size = flood.as_ref().map_or(0, |flood| flood.body.len());
            let fine = if query.len() > 16 * 1024 {
                // Refused before it is known for whom it is.
                matches!(response.status, 414 | 431)
            } else if size > 64 * 1024 {
                response.status == 413 && is_refused(&address, &response)
            } else {
                is_refused(&address, &response)
                    || (response.status < 400
                        && takes_no_notice(&app, &address, &authorization, &response).await)
            };
            if !fine || took > AT_ONCE {
                let Address { method, path, .. } = &address;
                let told: String = String::from_utf8_lossy(&response.body).chars().take(300).collect();
                complaints.push(format!("{what} to {method} {path}: {took:?} {} {told}", response.status));
            }
        }
    }
    assert!(complaints.is_empty(), "{}", complaints.join("\n"));
    assert_eq!((traces(&app).await, content(&database).await), before);
}
