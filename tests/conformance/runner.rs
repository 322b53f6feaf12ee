//! `conformance/run` against a suite that plays a script.

use std::path::Path;
use std::process::{Command, Stdio};

use http::Method;
use serde_json::Value;
use tempfile::TempDir;

use super::suite::{Course, Scripted, Stage, entry};
use crate::support::Test;
use crate::support::process::command;

pub(super) fn trials() -> Vec<Test> {
    trials![python:
        passed_and_reviewed_modules_make_a_good_run,
        a_failed_module_is_told_with_its_conditions,
        a_warning_that_is_not_explained_is_a_failure,
        a_warning_is_explained_only_when_each_of_its_conditions_is,
        a_skip_is_explained_by_the_table,
        keys_are_rotated_before_the_module_that_waits_for_it_is_started,
        keys_that_cannot_be_rotated_fail_the_module,
        pages_without_browser_steps_are_visited,
        a_screenshot_that_nobody_takes_is_a_blank_image,
        an_interrupted_module_has_failed,
        a_module_that_does_not_end_is_ended,
        a_module_that_cannot_be_created_has_failed,
        only_the_named_modules_run,
        a_run_without_modules_is_no_good_run,
        results_are_exported,
        the_suite_is_told_variant_and_browser_steps,
        every_plan_has_a_configuration,
        static_clients_are_those_of_the_seed,
        a_suite_that_does_not_answer_is_no_verdict,
        the_table_of_explanations_is_well_formed,
    ]
}

/// What a run printed, how it ended, and what the suite saw.
struct Run {
    code: Option<i32>,
    out: String,
    err: String,
    stage: Stage,
    folder: TempDir,
}

impl Run {
    /// Runs a plan whose modules follow the script.
    fn of(script: Vec<Scripted>, more: &[&str]) -> Self {
        Self::explained(script, more, "")
    }

    /// The same with rows for the table of explanations.
    fn explained(script: Vec<Scripted>, more: &[&str], rows: &str) -> Self {
        let runtime =
            tokio::runtime::Builder::new_multi_thread().worker_threads(1).enable_all().build().unwrap();
        let folder = TempDir::new().unwrap();
        let table = folder.path().join("explained.md");
        let head = "| module | result | condition | reason |\n|---|---|---|---|\n";
        std::fs::write(&table, format!("{head}{rows}")).unwrap();
        let stage = runtime.block_on(Stage::set(folder.path(), script));
        let (suite, provider) = (stage.suite.url("/"), stage.provider.url("/"));
        let mut command = runner();
        command.args(["--suite", suite.as_str(), "--op", provider.as_str(), "--patience", "0"]);
        command.arg("--explained").arg(&table).args(more).current_dir(folder.path());
        let output = command.output().unwrap();
        let text = |bytes| String::from_utf8(bytes).unwrap();
        Self { code: output.status.code(), out: text(output.stdout), err: text(output.stderr), stage, folder }
    }

    #[track_caller]
    fn printed(&self, text: &str) {
        assert!(self.out.contains(text), "`{text}` is not in\n{}\n{}", self.out, self.err);
    }

    /// The targets of what the suite was asked, by method.
    fn asked(&self, method: &Method) -> Vec<String> {
        let received = self.stage.suite.received();
        received
            .into_iter()
            .filter(|request| request.method == *method)
            .map(|request| request.target)
            .collect()
    }
}

fn runner() -> Command {
    let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("conformance/run");
    let mut command = command(Path::new("/usr/bin/env"), None);
    command.arg("python3").arg(script).stdin(Stdio::null()).env_remove("CONFORMANCE_SUITE_TOKEN");
    command.env("CONFORMANCE_REGISTRATION_TOKEN", "a-token-of-the-run");
    command
        .env("CONFORMANCE_PASSWORD", "Correct-horse-7")
        .env("CONFORMANCE_CLIENT_SECRET", "a-secret-of-the-run");
    command
}

fn ends(result: &'static str) -> Course {
    Course::Ends(result, Vec::new())
}

/// A module that warns of this, and of more.
fn warning(more: &[Value]) -> Course {
    let mut entries = vec![
        entry("SUCCESS", "CheckStatus", "the status is 200", &[]),
        entry("WARNING", "EnsureExpiresIn", "expires_in is missing", &["RFC6749-5.1"]),
    ];
    entries.extend_from_slice(more);
    Course::Ends("WARNING", entries)
}

fn passed_and_reviewed_modules_make_a_good_run() {
    let run = Run::of(vec![("oidcc-server", ends("PASSED")), ("oidcc-max-age-1", ends("REVIEW"))], &[]);
    assert_eq!(run.code, Some(0), "{}{}", run.out, run.err);
    run.printed("PASSED   oidcc-server\n");
    run.printed("REVIEW   oidcc-max-age-1\n");
    run.printed("config: 1 passed, 1 review, 0 explained, 0 failed");
}

fn a_failed_module_is_told_with_its_conditions() {
    let entries = vec![
        entry("SUCCESS", "CheckStatus", "the status is 200", &[]),
        entry("FAILURE", "ValidateNonce", "nonce\n is another", &["OIDCC-2", "OIDCC-3.1.3.7-11"]),
    ];
    let run = Run::of(vec![("oidcc-server", Course::Ends("FAILED", entries))], &[]);
    assert_eq!(run.code, Some(1), "{}{}", run.out, run.err);
    run.printed("FAILED   oidcc-server\n         FAILURE ValidateNonce: nonce is another (OIDCC-2, OIDCC-3.1.3.7-11)\n");
    assert!(!run.out.contains("CheckStatus"), "{}", run.out);
    run.printed("0 passed, 0 review, 0 explained, 1 failed");
}

fn a_warning_that_is_not_explained_is_a_failure() {
    // The row is for another condition.
    let rows = "| `oidcc-*` | WARNING | `EnsureScope` | it is meant to be |\n";
    let run = Run::explained(vec![("oidcc-server", warning(&[]))], &[], rows);
    assert_eq!(run.code, Some(1), "{}{}", run.out, run.err);
    run.printed("WARNING EnsureExpiresIn: expires_in is missing (RFC6749-5.1)");
    run.printed("explained: no, so it counts as a failure");
}

fn a_warning_is_explained_only_when_each_of_its_conditions_is() {
    let rows = "| `oidcc-*` | WARNING | `EnsureExpiresIn` | it is meant to be |\n";
    let run = Run::explained(vec![("oidcc-server", warning(&[]))], &[], rows);
    assert_eq!(run.code, Some(0), "{}{}", run.out, run.err);
    run.printed("explained: it is meant to be");
    run.printed("0 passed, 0 review, 1 explained, 0 failed");

    let another = entry("WARNING", "EnsureScope", "scope is missing", &[]);
    let run = Run::explained(vec![("oidcc-server", warning(&[another]))], &[], rows);
    assert_eq!(run.code, Some(1), "{}{}", run.out, run.err);
}

fn a_skip_is_explained_by_the_table() {
    let script = || vec![("oidcc-idtoken-unsigned", ends("SKIPPED"))];
    let run = Run::of(script(), &[]);
    assert_eq!(run.code, Some(1), "{}{}", run.out, run.err);
    let rows = "| `oidcc-idtoken-unsigned` | SKIPPED | – | `none` is not supported |\n";
    let run = Run::explained(script(), &[], rows);
    assert_eq!(run.code, Some(0), "{}{}", run.out, run.err);
    // A skip explains no failure.
    let run = Run::explained(vec![("oidcc-idtoken-unsigned", ends("FAILED"))], &[], rows);
    assert_eq!(run.code, Some(1), "{}{}", run.out, run.err);
}

fn keys_are_rotated_before_the_module_that_waits_for_it_is_started() {
    let script =
        vec![("oidcc-server-rotate-keys", Course::WaitsForStart), ("oidcc-other", Course::WaitsForStart)];
    // The runner works in the folder in which the provider looks for the file.
    let run = Run::of(script, &["--rotate-command", "touch rotated"]);
    assert_eq!(run.code, Some(0), "{}{}", run.out, run.err);
    assert!(run.stage.rotated.exists());
    let started = run.asked(&Method::POST);
    for module in ["oidcc-server-rotate-keys", "oidcc-other"] {
        let starts = started.iter().filter(|target| **target == format!("/api/runner/{module}")).count();
        assert_eq!(starts, 1, "{started:?}");
    }
}

fn keys_that_cannot_be_rotated_fail_the_module() {
    let script = || vec![("oidcc-server-rotate-keys", Course::WaitsForStart)];
    let run = Run::of(script(), &[]);
    assert_eq!(run.code, Some(1), "{}{}", run.out, run.err);
    run.printed("give --rotate-command");
    let run = Run::of(script(), &["--rotate-command", "false"]);
    assert_eq!(run.code, Some(1), "{}{}", run.out, run.err);
    run.printed("our signing keys were not rotated");
    assert!(!run.asked(&Method::POST).contains(&"/api/runner/oidcc-server-rotate-keys".to_owned()));
}

fn pages_without_browser_steps_are_visited() {
    let run = Run::of(vec![("oidcc-server", Course::WaitsForVisit("/oauth2/v1/authorize?client_id=a"))], &[]);
    assert_eq!(run.code, Some(0), "{}{}", run.out, run.err);
    let visited = run.stage.provider.received();
    assert!(visited.iter().any(|request| request.target == "/oauth2/v1/authorize?client_id=a"));
}

fn a_screenshot_that_nobody_takes_is_a_blank_image() {
    let run = Run::of(vec![("oidcc-ensure-registered-redirect-uri", Course::WaitsForImage)], &[]);
    assert_eq!(run.code, Some(0), "{}{}", run.out, run.err);
    run.printed("placeholder-1: a blank image, to be replaced by a screenshot");
    run.printed("0 passed, 1 review");
}

fn an_interrupted_module_has_failed() {
    let run = Run::of(vec![("oidcc-server", Course::Breaks), ("oidcc-userinfo-get", ends("PASSED"))], &[]);
    assert_eq!(run.code, Some(1), "{}{}", run.out, run.err);
    run.printed("INTERRUPTED BrowserControl: no such element");
    run.printed("note: it was interrupted");
    run.printed("1 passed, 0 review, 0 explained, 1 failed");
}

fn a_module_that_does_not_end_is_ended() {
    let run = Run::of(vec![("oidcc-server", Course::Hangs)], &["--time-limit", "1"]);
    assert_eq!(run.code, Some(1), "{}{}", run.out, run.err);
    run.printed("no end after 1 s: it is RUNNING");
    assert_eq!(run.asked(&Method::DELETE), ["/api/runner/oidcc-server"]);
}

fn a_module_that_cannot_be_created_has_failed() {
    let run = Run::of(vec![("oidcc-server", Course::IsRefused), ("oidcc-userinfo-get", ends("PASSED"))], &[]);
    assert_eq!(run.code, Some(1), "{}{}", run.out, run.err);
    run.printed("note: it could not be created");
    run.printed("1 passed, 0 review, 0 explained, 1 failed");
}

fn only_the_named_modules_run() {
    let script = vec![("oidcc-server", ends("FAILED")), ("oidcc-scope-email", ends("PASSED"))];
    let run = Run::of(script, &["--module", "oidcc-scope-*"]);
    assert_eq!(run.code, Some(0), "{}{}", run.out, run.err);
    assert!(!run.out.contains("oidcc-server"), "{}", run.out);
}

fn a_run_without_modules_is_no_good_run() {
    let run = Run::of(vec![("oidcc-server", ends("PASSED"))], &["--module", "oidcc-misspelt"]);
    assert_eq!(run.code, Some(1), "{}{}", run.out, run.err);
}

fn results_are_exported() {
    let run = Run::of(vec![("oidcc-server", ends("PASSED"))], &["--export", "kept", "--plan", "basic"]);
    assert_eq!(run.code, Some(0), "{}{}", run.out, run.err);
    let kept = |name| std::fs::read_to_string(run.folder.path().join("kept/basic").join(name)).unwrap();
    assert_eq!(kept("results.zip"), "archive of export");
    assert_eq!(kept("results-html.zip"), "archive of exporthtml");
}

fn the_suite_is_told_variant_and_browser_steps() {
    let script = vec![("oidcc-server", ends("PASSED"))];
    let run = Run::of(script, &["--plan", "dynamic", "--variant", "response_type=code id_token"]);
    assert_eq!(run.code, Some(0), "{}{}", run.out, run.err);
    let received = run.stage.suite.received();
    let plan = received.iter().find(|request| request.target.starts_with("/api/plan?")).unwrap();
    let url = run.stage.suite.url(&plan.target);
    let query: std::collections::HashMap<_, _> = url.query_pairs().into_owned().collect();
    assert_eq!(query["planName"], "oidcc-dynamic-certification-test-plan");
    assert_eq!(query["variant"], r#"{"response_type": "code id_token"}"#);
    let told: Value = serde_json::from_str(&plan.body).unwrap();
    let provider = run.stage.provider.url("/");
    assert_eq!(told["server"]["discoveryUrl"], format!("{provider}.well-known/openid-configuration"));
    assert_eq!(told["browser"][0]["match"], format!("{provider}oauth2/v1/authorize*"));
    let error_page = &told["override"]["oidcc-ensure-registered-redirect-uri"]["browser"][0]["tasks"][0];
    assert_eq!(error_page["commands"][0][2], "error-code");
    assert!(told.get("alias").is_none(), "clients that are registered need none");
    assert_eq!(told["client"]["initial_access_token"], "a-token-of-the-run");
    assert_eq!(told["client2"]["initial_access_token"], "a-token-of-the-run");
}

/// The element ids in the browser steps are those that the pages promise.
fn every_plan_has_a_configuration() {
    let ids = [
        "identifier",
        "password",
        "login-submit",
        "login-page",
        "consent-accept",
        "error-code",
        "logout-page",
        "logout-confirm",
        "signed-out-page",
        // The suite's own.
        "submission_complete",
    ];
    let promised =
        std::fs::read_to_string(Path::new(env!("CARGO_MANIFEST_DIR")).join("src/web/mod.rs")).unwrap();
    for id in &ids[..ids.len() - 1] {
        assert!(promised.contains(&format!("\"{id}\"")), "{id}");
    }
    for plan in [
        "config",
        "basic",
        "implicit",
        "hybrid",
        "formpost-basic",
        "formpost-implicit",
        "formpost-hybrid",
        "dynamic",
        "3rdparty-init-login",
        "rp-initiated-logout",
        "session-management",
        "frontchannel-logout",
        "backchannel-logout",
    ] {
        let run = Run::of(Vec::new(), &["--plan", plan, "--print-configuration"]);
        assert_eq!(run.code, Some(0), "{plan}: {}{}", run.out, run.err);
        let told: Value = serde_json::from_str(&run.out).unwrap();
        for id in elements(&told) {
            assert!(ids.contains(&id.as_str()), "{plan}: {id}");
        }
    }
}

/// The targets of all commands that look for an element by its id.
fn elements(value: &Value) -> Vec<String> {
    match value {
        Value::Array(items) => match items.as_slice() {
            [Value::String(_), Value::String(by), Value::String(target), ..] if by == "id" => {
                vec![target.clone()]
            }
            items => items.iter().flat_map(elements).collect(),
        },
        Value::Object(members) => members.values().flat_map(elements).collect(),
        _ => Vec::new(),
    }
}

fn static_clients_are_those_of_the_seed() {
    let variant = ["--variant", "client_registration=static_client", "--print-configuration"];
    let run = Run::of(Vec::new(), &[&["--plan", "basic"], &variant[..]].concat());
    assert_eq!(run.code, Some(0), "{}{}", run.out, run.err);
    let told: Value = serde_json::from_str(&run.out).unwrap();
    assert_eq!(told["alias"], "stepgate");
    let seed =
        std::fs::read_to_string(Path::new(env!("CARGO_MANIFEST_DIR")).join("conformance/seed.yaml")).unwrap();
    for member in ["client", "client2", "client_secret_post"] {
        let id = told[member]["client_id"].as_str().unwrap();
        assert!(seed.contains(&format!("client_id: {id}\n")), "{id}");
        assert_eq!(told[member]["client_secret"], "a-secret-of-the-run");
    }
    let run = Run::of(Vec::new(), &[&["--plan", "hybrid"], &variant[..]].concat());
    assert_eq!(run.code, Some(2), "{}{}", run.out, run.err);
}

fn a_suite_that_does_not_answer_is_no_verdict() {
    let mut command = runner();
    // The discard port: nobody answers.
    command.args(["--suite", "http://127.0.0.1:9", "--op", "http://127.0.0.1:9"]);
    let output = command.output().unwrap();
    assert_eq!(output.status.code(), Some(2));
    assert!(String::from_utf8_lossy(&output.stderr).contains("127.0.0.1:9"));
}

fn the_table_of_explanations_is_well_formed() {
    let table = Path::new(env!("CARGO_MANIFEST_DIR")).join("conformance/plans/explained.md");
    let table = table.to_str().unwrap();
    let run = Run::of(vec![("oidcc-idtoken-unsigned", ends("SKIPPED"))], &["--explained", table]);
    assert_eq!(run.code, Some(0), "{}{}", run.out, run.err);
    let run = Run::explained(Vec::new(), &[], "| `oidcc-server` | WARNING | – | too broad |\n");
    assert_eq!(run.code, Some(2), "{}{}", run.out, run.err);
    assert!(run.err.contains("explained.md:3"), "{}", run.err);
}
