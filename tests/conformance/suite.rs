//! A suite that plays a script: the HTTP API of the real one, and modules whose course is known.

use std::collections::{HashMap, HashSet};
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex};

use http::{Method, Response};
use serde_json::{Value, json};
use url::Url;

use crate::support::peer::{Peer, Received};

/// What a module does.
#[derive(Clone)]
pub(super) enum Course {
    /// Ends at once with a result and these entries of its log.
    Ends(&'static str, Vec<Value>),
    /// Waits in CONFIGURED until it is started.
    WaitsForStart,
    /// Waits until this path of the provider was visited.
    WaitsForVisit(&'static str),
    /// Waits for a screenshot.
    WaitsForImage,
    /// Is interrupted.
    Breaks,
    /// Never ends by itself.
    Hangs,
    /// Cannot be created.
    IsRefused,
}

/// A module and its course.
pub(super) type Scripted = (&'static str, Course);

/// An entry of a log.
pub(super) fn entry(result: &str, source: &str, message: &str, requirements: &[&str]) -> Value {
    json!({ "result": result, "src": source, "msg": message, "requirements": requirements })
}

/// What happened to a module: `started`, `visited`, `image` or `ended`.
type Events = Mutex<HashMap<String, HashSet<&'static str>>>;

/// The suite and a provider that publishes a second key once a file exists.
pub(super) struct Stage {
    pub(super) suite: Peer,
    pub(super) provider: Peer,
    pub(super) rotated: PathBuf,
}

impl Stage {
    /// Starts both; the modules belong to whatever plan is created.
    pub(super) async fn set(folder: &Path, script: Vec<Scripted>) -> Self {
        let rotated = folder.join("rotated");
        let provider = provider(rotated.clone()).await;
        let events = Events::default();
        let script = Arc::new(script);
        let origin = provider.url("/");
        let suite = Peer::start(move |request| answer(&script, &events, &origin, request)).await;
        Self { suite, provider, rotated }
    }
}

async fn provider(rotated: PathBuf) -> Peer {
    Peer::start(move |request| {
        let host = request.headers["host"].to_str().unwrap();
        match request.target.as_str() {
            "/.well-known/openid-configuration" => found(&json!({
                "issuer": format!("http://{host}"),
                "authorization_endpoint": format!("http://{host}/oauth2/v1/authorize"),
                "end_session_endpoint": format!("http://{host}/oauth2/v1/logout"),
                "jwks_uri": format!("http://{host}/oauth2/v1/keys"),
            })),
            "/oauth2/v1/keys" => {
                let mut keys = vec![json!({ "kid": "old" })];
                keys.extend(rotated.exists().then(|| json!({ "kid": "new" })));
                found(&json!({ "keys": keys }))
            }
            // A page that refuses is a page all the same.
            _ => status(400),
        }
    })
    .await
}

fn answer(script: &[Scripted], events: &Events, provider: &Url, request: &Received) -> Response<String> {
    let url = Url::parse("http://suite").unwrap().join(&request.target).unwrap();
    let path: Vec<&str> = url.path_segments().unwrap().collect();
    let query: HashMap<String, String> = url.query_pairs().into_owned().collect();
    let mut events = events.lock().unwrap();
    let mut note = |test: &str, event| {
        events.entry(test.to_owned()).or_default().insert(event);
        found(&json!({}))
    };
    match (request.method.clone(), path.as_slice()) {
        (Method::POST, ["api", "plan"]) => {
            let modules: Vec<Value> =
                script.iter().map(|(name, _)| json!({ "testModule": name, "variant": {} })).collect();
            created(&json!({ "id": "plan-1", "modules": modules }))
        }
        (Method::POST, ["api", "runner"]) => match course(script, &query["test"]) {
            Course::IsRefused => status(500),
            _ => created(&json!({ "id": query["test"] })),
        },
        (Method::POST, ["api", "runner", "browser", test, "visit"]) => {
            assert!(query["url"].starts_with(provider.as_str()), "{}", query["url"]);
            note(test, "visited")
        }
        (Method::POST, ["api", "runner", test]) => note(test, "started"),
        (Method::DELETE, ["api", "runner", test]) => note(test, "ended"),
        (Method::POST, ["api", "log", test, "images", "placeholder-1"]) => {
            assert!(request.body.starts_with("data:image/png;base64,"), "{}", request.body);
            note(test, "image")
        }
        // None of the states in time.
        (Method::GET, ["api", "runner", _, "wait-state"]) => status(408),
        (Method::GET, ["api", "runner", "browser", test]) => {
            let urls = match course(script, test) {
                Course::WaitsForVisit(path) => vec![provider.join(path).unwrap().to_string()],
                _ => Vec::new(),
            };
            found(&json!({ "urls": urls }))
        }
        (Method::GET, ["api", "info", test]) => {
            let happened = events.get(*test).cloned().unwrap_or_default();
            found(&info(&course(script, test), &happened))
        }
        (Method::GET, ["api", "log", test]) => found(&log(&course(script, test)).into()),
        (Method::GET, ["api", "plan", kind @ ("export" | "exporthtml"), "plan-1"]) => {
            Response::new(format!("archive of {kind}"))
        }
        _ => status(404),
    }
}

fn course(script: &[Scripted], module: &str) -> Course {
    script.iter().find(|(name, _)| *name == module).unwrap().1.clone()
}

fn info(course: &Course, happened: &HashSet<&'static str>) -> Value {
    let (awaited, waiting, result) = match course {
        Course::Ends(result, _) => return json!({ "status": "FINISHED", "result": result }),
        Course::Breaks => return json!({ "status": "INTERRUPTED", "result": "UNKNOWN" }),
        Course::WaitsForStart => ("started", "CONFIGURED", "PASSED"),
        Course::WaitsForVisit(_) => ("visited", "WAITING", "PASSED"),
        Course::WaitsForImage => ("image", "WAITING", "REVIEW"),
        Course::Hangs | Course::IsRefused => ("ended", "RUNNING", "FAILED"),
    };
    if happened.contains(awaited) {
        json!({ "status": "FINISHED", "result": result })
    } else {
        json!({ "status": waiting, "result": null })
    }
}

fn log(course: &Course) -> Vec<Value> {
    match course {
        Course::Ends(_, entries) => entries.clone(),
        Course::WaitsForImage => {
            vec![json!({ "src": "Expect", "msg": "show the page", "upload": "placeholder-1" })]
        }
        Course::Breaks => vec![entry("INTERRUPTED", "BrowserControl", "no such element", &[])],
        Course::WaitsForStart | Course::WaitsForVisit(_) | Course::Hangs | Course::IsRefused => Vec::new(),
    }
}

fn found(body: &Value) -> Response<String> {
    Response::builder().header("content-type", "application/json").body(body.to_string()).unwrap()
}

fn created(body: &Value) -> Response<String> {
    let mut response = found(body);
    *response.status_mut() = http::StatusCode::CREATED;
    response
}

fn status(code: u16) -> Response<String> {
    Response::builder().status(code).body("{}".to_owned()).unwrap()
}
