//! Registration and execution: a [`Test`] becomes one `libtest-mimic` trial per backend.

use std::any::Any;
use std::cell::RefCell;
use std::panic::AssertUnwindSafe;
use std::pin::Pin;
use std::process::ExitCode;
use std::sync::Arc;
use std::time::Duration;

use futures_util::FutureExt;
use libtest_mimic::{Arguments, Completion, Failed, Trial};
use thirtyfour::WebDriver;

use super::app::TestApp;
use super::browser::{Scripts, Session};
use super::services::{Needs, Services, Unavailable};

/// Lists the tests of a module: `trials![storage: a, b; sqlite: c; browser: d; plain: e]`.
///
/// The word before the colon is the constructor of [`Test`]; the name is the function's path.
macro_rules! trials {
    ($($kind:ident: $($test:ident),+ $(,)?);+ $(;)?) => {
        vec![$($($crate::support::Test::$kind(concat!(module_path!(), "::", stringify!($test)), $test)),+),+]
    };
}

/// A combination of stores that the application runs on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Backend {
    /// SQLite, caches in memory.
    Sqlite,
    /// PostgreSQL, caches in memory.
    Postgres,
    /// PostgreSQL, caches and counters in Redis.
    PostgresRedis,
}

impl Backend {
    /// All of them: what a storage test runs on.
    const ALL: [Self; 3] = [Self::Sqlite, Self::Postgres, Self::PostgresRedis];

    /// The first segment of a trial's name.
    const fn name(self) -> &'static str {
        match self {
            Self::Sqlite => "sqlite",
            Self::Postgres => "postgres",
            Self::PostgresRedis => "postgres_redis",
        }
    }
}

/// A test and the trials it asks for.
pub(crate) struct Test {
    path: &'static str,
    body: Body,
}

type Run = Pin<Box<dyn Future<Output = ()>>>;

enum Body {
    Plain(fn()),
    Python(fn()),
    App(&'static [Backend], Arc<dyn Fn(TestApp) -> Run + Send + Sync>),
    Browsers(Windows, Journey),
}

/// What is done in browsers.
type Journey = Arc<dyn Fn(TestApp, Vec<WebDriver>) -> Run + Send + Sync>;

/// How many browsers, and whether they run scripts.
type Windows = (usize, Scripts);

impl Test {
    /// Runs on every backend.
    pub(crate) fn storage<F, R>(path: &'static str, test: F) -> Self
    where
        F: Fn(TestApp) -> R + Send + Sync + 'static,
        R: Future<Output = ()> + 'static,
    {
        Self { path, body: Body::App(&Backend::ALL, Arc::new(move |app| Box::pin(test(app)))) }
    }

    /// Runs on SQLite alone: the edge, the pages, whatever depends on timing.
    pub(crate) fn sqlite<F, R>(path: &'static str, test: F) -> Self
    where
        F: Fn(TestApp) -> R + Send + Sync + 'static,
        R: Future<Output = ()> + 'static,
    {
        Self { path, body: Body::App(&[Backend::Sqlite], Arc::new(move |app| Box::pin(test(app)))) }
    }

    /// Runs on SQLite with a session of a real browser, which ends with the test.
    pub(crate) fn browser<F, R>(path: &'static str, test: F) -> Self
    where
        F: Fn(TestApp, WebDriver) -> R + Send + Sync + 'static,
        R: Future<Output = ()> + 'static,
    {
        Self::in_browsers(path, Scripts::Run, move |app, [driver]| test(app, driver))
    }

    /// The same with JavaScript turned off.
    pub(crate) fn scriptless<F, R>(path: &'static str, test: F) -> Self
    where
        F: Fn(TestApp, WebDriver) -> R + Send + Sync + 'static,
        R: Future<Output = ()> + 'static,
    {
        Self::in_browsers(path, Scripts::Blocked, move |app, [driver]| test(app, driver))
    }

    /// Runs on SQLite with two browsers that share nothing.
    pub(crate) fn browsers<F, R>(path: &'static str, test: F) -> Self
    where
        F: Fn(TestApp, [WebDriver; 2]) -> R + Send + Sync + 'static,
        R: Future<Output = ()> + 'static,
    {
        Self::in_browsers(path, Scripts::Run, test)
    }

    fn in_browsers<F, R, const COUNT: usize>(path: &'static str, scripts: Scripts, test: F) -> Self
    where
        F: Fn(TestApp, [WebDriver; COUNT]) -> R + Send + Sync + 'static,
        R: Future<Output = ()> + 'static,
    {
        let journey = move |app, drivers: Vec<WebDriver>| -> Run {
            Box::pin(test(app, drivers.try_into().expect("as many as were asked for")))
        };
        Self { path, body: Body::Browsers((COUNT, scripts), Arc::new(journey)) }
    }

    /// Needs no application.
    pub(crate) fn plain(path: &'static str, test: fn()) -> Self {
        Self { path, body: Body::Plain(test) }
    }

    /// Runs a script of this repository in Python.
    pub(crate) fn python(path: &'static str, test: fn()) -> Self {
        Self { path, body: Body::Python(test) }
    }

    fn cases(self) -> Vec<Case> {
        let path = self.path.split_once("::").map_or(self.path, |(_, path)| path);
        let case = |prefix: &str, needs, body| Case { name: format!("{prefix}::{path}"), needs, body };
        match self.body {
            Body::Plain(test) => vec![case("plain", Needs::default(), CaseBody::Plain(test))],
            Body::Python(test) => {
                let needs = Needs { python: true, ..Needs::default() };
                vec![case("python", needs, CaseBody::Plain(test))]
            }
            Body::Browsers(windows, test) => {
                let needs = Needs { browser: true, ..Needs::default() };
                vec![case("browser", needs, CaseBody::Browsers(windows, test))]
            }
            Body::App(backends, test) => backends
                .iter()
                .map(|&backend| {
                    let needs = Needs {
                        postgres: backend != Backend::Sqlite,
                        redis: backend == Backend::PostgresRedis,
                        ..Needs::default()
                    };
                    case(backend.name(), needs, CaseBody::App(backend, Arc::clone(&test)))
                })
                .collect(),
        }
    }
}

/// Runs what the command line selects; starts only the services that the selection needs.
pub(crate) fn run(tests: Vec<Test>) -> ExitCode {
    let arguments = Arguments::from_args();
    // One provider for every TLS client and server of this process.
    rustls::crypto::ring::default_provider().install_default().expect("the first and only installation");
    record_panics();

    let cases: Vec<Case> = tests.into_iter().flat_map(Test::cases).collect();
    let needs = cases
        .iter()
        .filter(|case| !arguments.list && !arguments.is_filtered_out(&Trial::test(&case.name, || Ok(()))))
        .fold(Needs::default(), |sum, case| sum.and(case.needs));

    // The services live on this thread's stack frame: they end after the last trial, and a child
    // that asks to die with its parent dies with the thread that started it.
    let services = Arc::new(Services::start(needs));
    let trials = cases.into_iter().map(|case| case.trial(Arc::clone(&services))).collect();
    libtest_mimic::run(&arguments, trials).exit_code()
}

struct Case {
    name: String,
    needs: Needs,
    body: CaseBody,
}

enum CaseBody {
    Plain(fn()),
    App(Backend, Arc<dyn Fn(TestApp) -> Run + Send + Sync>),
    Browsers(Windows, Journey),
}

impl Case {
    fn trial(self, services: Arc<Services>) -> Trial {
        let Self { name, needs, body } = self;
        Trial::ignorable_test(name, move || {
            match services.ready(needs) {
                Ok(()) => {}
                Err(Unavailable::Missing(reason)) => return Ok(Completion::ignored_with(reason)),
                Err(Unavailable::Broken(reason)) => return Err(Failed::from(reason)),
            }
            match body {
                CaseBody::Plain(test) => std::panic::catch_unwind(test).map_err(failed)?,
                CaseBody::App(backend, test) => {
                    block_on(async { test(TestApp::new(&services, backend).await).await })?;
                }
                CaseBody::Browsers((count, scripts), test) => block_on(async {
                    let app = TestApp::new(&services, Backend::Sqlite).await;
                    let mut sessions = Vec::new();
                    for _ in 0..count {
                        sessions.push(services.browser().open(scripts).await);
                    }
                    let drivers = sessions.iter().map(Session::driver).collect();
                    let outcome = AssertUnwindSafe(test(app, drivers)).catch_unwind().await;
                    for session in sessions {
                        session.close().await;
                    }
                    if let Err(panic) = outcome {
                        std::panic::resume_unwind(panic);
                    }
                })?,
            }
            Ok(Completion::Completed)
        })
    }
}

/// Runs a test on a runtime of its own: what it leaves behind (pools, tasks, listeners) ends with
/// it, and a task that spins cannot starve another test. Two workers let races be real.
fn block_on(test: impl Future<Output = ()>) -> Result<(), Failed> {
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build()?;
    // On the heap: the futures of whole tests are large.
    let test = Box::pin(AssertUnwindSafe(test).catch_unwind());
    let outcome = runtime.block_on(async { tokio::time::timeout(TIME_LIMIT, test).await });
    runtime.shutdown_background();
    match outcome {
        Ok(outcome) => outcome.map_err(failed),
        Err(_) => Err(Failed::from(format!("no end after {TIME_LIMIT:?}"))),
    }
}

/// How long a test may take before it counts as hung.
const TIME_LIMIT: Duration = Duration::from_secs(180);

thread_local! {
    /// The last panic of this thread, with its place.
    static PANIC: RefCell<Option<String>> = const { RefCell::new(None) };
}

/// Keeps the panics of trials for the list of failures; all others are printed as they happen.
fn record_panics() {
    let print = std::panic::take_hook();
    std::panic::set_hook(Box::new(move |panic| {
        // The threads of the trial pool carry no name; those of a runtime do.
        if matches!(std::thread::current().name(), None | Some("main")) {
            PANIC.set(Some(panic.to_string()));
        } else {
            print(panic);
        }
    }));
}

fn failed(panic: Box<dyn Any + Send>) -> Failed {
    let text = panic
        .downcast::<String>()
        .map(|text| *text)
        .or_else(|panic| panic.downcast::<&str>().map(|text| (*text).to_owned()))
        .unwrap_or_else(|_| "panicked".to_owned());
    Failed::from(PANIC.take().unwrap_or(text))
}
