//! Logs and metrics: where they go and what they are called. Labels never name a user or a client.

use std::{
    collections::HashMap,
    io::{self, Write},
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};

use arc_swap::ArcSwap;
use http::Method;
use metrics::{Counter, Gauge, Histogram};
use metrics_exporter_prometheus::{Matcher, PrometheusBuilder, PrometheusHandle};
use tokio_util::sync::CancellationToken;
use tracing_subscriber::{EnvFilter, fmt::MakeWriter, layer::SubscriberExt, util::SubscriberInitExt};

/// Requests answered, by `route`, `method` and `status`.
pub const HTTP_REQUESTS_TOTAL: &str = "http_requests_total";
/// Time from the request's head to the response's head, by `route`.
pub const HTTP_REQUEST_DURATION_SECONDS: &str = "http_request_duration_seconds";
/// Token responses, by `grant`.
pub const TOKENS_ISSUED_TOTAL: &str = "tokens_issued_total";
/// Sign-ins, by `outcome`.
pub const LOGINS_TOTAL: &str = "logins_total";
/// Passwords that wait to be hashed.
pub const ARGON2_QUEUE_DEPTH: &str = "argon2_queue_depth";
/// How long a password waited to be hashed.
pub const ARGON2_WAIT_SECONDS: &str = "argon2_wait_seconds";
/// Units per commit of the writer.
pub const WRITER_BATCH_SIZE: &str = "writer_batch_size";
/// Time of one database call.
pub const DATABASE_LATENCY_SECONDS: &str = "database_latency_seconds";
/// Time of one call to the shared cache.
pub const CACHE_LATENCY_SECONDS: &str = "cache_latency_seconds";
/// Age of the active signing key.
pub const SIGNING_KEY_AGE_SECONDS: &str = "signing_key_age_seconds";
/// Messages that wait to be delivered.
pub const OUTBOX_DEPTH: &str = "outbox_depth";
/// Requests refused because a budget was spent, by `bucket`.
pub const RATE_LIMIT_REFUSALS_TOTAL: &str = "rate_limit_refusals_total";

/// Why telemetry could not be set up.
#[derive(Debug, thiserror::Error)]
pub enum TelemetryError {
    /// The filter of the settings does not parse.
    #[error("logs.filter: {0}")]
    Filter(String),
    /// This process already has a subscriber or recorder.
    #[error("telemetry was already set up: {0}")]
    AlreadyInstalled(String),
    /// The exporter refused its settings.
    #[error("metrics exporter: {0}")]
    Exporter(String),
}

/// The shape of log lines.
#[derive(Clone, Copy, PartialEq, Eq, Debug, serde::Serialize, serde::Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum LogFormat {
    /// One readable line per event, for a terminal.
    Pretty,
    /// One JSON object per line, for a collector.
    Json,
}

/// Sends log events to standard error, one line each; control characters in values come out escaped, so
/// that no value can forge a line or drive a terminal.
///
/// # Errors
///
/// The filter does not parse, or a subscriber is already installed.
pub fn install_logs(format: LogFormat, filter: &str) -> Result<(), TelemetryError> {
    let filter = EnvFilter::try_new(filter).map_err(|error| TelemetryError::Filter(error.to_string()))?;
    let registry = tracing_subscriber::registry().with(filter);
    let layer = tracing_subscriber::fmt::layer().with_ansi(false).with_writer(Escaped(io::stderr));
    let outcome = match format {
        LogFormat::Pretty => registry.with(layer.compact().with_target(false)).try_init(),
        LogFormat::Json => {
            registry.with(layer.json().flatten_event(true).with_current_span(false)).try_init()
        }
    };
    outcome.map_err(|error| TelemetryError::AlreadyInstalled(error.to_string()))
}

/// Makes writers that escape control characters.
struct Escaped<M>(M);

impl<'a, M: MakeWriter<'a>> MakeWriter<'a> for Escaped<M> {
    type Writer = EscapedWriter<M::Writer>;

    fn make_writer(&'a self) -> Self::Writer {
        EscapedWriter(self.0.make_writer())
    }
}

/// The subscriber hands over one whole event per call, newline included.
struct EscapedWriter<W>(W);

impl<W: Write> Write for EscapedWriter<W> {
    fn write(&mut self, event: &[u8]) -> io::Result<usize> {
        let line = event.strip_suffix(b"\n").unwrap_or(event);
        if line.iter().any(u8::is_ascii_control) {
            let mut escaped = Vec::with_capacity(event.len() + 16);
            for &byte in line {
                if byte.is_ascii_control() {
                    write!(escaped, "\\x{byte:02x}")?;
                } else {
                    escaped.push(byte);
                }
            }
            escaped.push(b'\n');
            self.0.write_all(&escaped)?;
        } else {
            self.0.write_all(event)?;
        }
        Ok(event.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        self.0.flush()
    }
}

/// The metrics of this process, with handles for what is recorded on every request.
pub struct Metrics {
    exporter: PrometheusHandle,
    requests: ArcSwap<HashMap<String, Arc<Route>>>,
    adding: Mutex<()>,
    /// Passwords that wait to be hashed.
    pub argon2_queue_depth: Gauge,
    /// How long a password waited to be hashed, in seconds.
    pub argon2_wait: Histogram,
    /// Units per commit of the writer.
    pub writer_batch_size: Histogram,
    /// Time of one database call, in seconds.
    pub database_latency: Histogram,
    /// Age of the active signing key, in seconds.
    pub signing_key_age: Gauge,
    /// Messages that wait to be delivered.
    pub outbox_depth: Gauge,
}

/// The handles of one route.
struct Route {
    pattern: String,
    duration: Histogram,
    answers: ArcSwap<Vec<(Method, u16, Counter)>>,
}

/// Routes beyond this many share one label: a label must not grow with what callers send.
const MAX_ROUTES: usize = 512;
const OTHER: &str = "other";

impl Metrics {
    /// Installs the process-wide recorder. Call it before anything that records; run [`Self::upkeep`] beside it.
    ///
    /// # Errors
    ///
    /// A recorder is already installed, or the exporter refuses its buckets.
    pub fn install() -> Result<Self, TelemetryError> {
        let exporter_error =
            |error: metrics_exporter_prometheus::BuildError| TelemetryError::Exporter(error.to_string());
        let recorder = PrometheusBuilder::new()
            .set_buckets_for_metric(Matcher::Suffix("_seconds".to_owned()), &SECONDS)
            .map_err(exporter_error)?
            .set_buckets_for_metric(
                Matcher::Full(WRITER_BATCH_SIZE.to_owned()),
                &[1.0, 2.0, 4.0, 8.0, 16.0, 32.0, 64.0],
            )
            .map_err(exporter_error)?
            .build_recorder();
        let exporter = recorder.handle();
        metrics::set_global_recorder(recorder)
            .map_err(|error| TelemetryError::AlreadyInstalled(error.to_string()))?;
        Ok(Self::over(exporter))
    }

    /// Handles from the recorder in scope.
    fn over(exporter: PrometheusHandle) -> Self {
        metrics::describe_counter!(HTTP_REQUESTS_TOTAL, "Requests answered");
        metrics::describe_histogram!(HTTP_REQUEST_DURATION_SECONDS, "Time to answer a request");
        metrics::describe_counter!(TOKENS_ISSUED_TOTAL, "Token responses");
        metrics::describe_counter!(LOGINS_TOTAL, "Sign-ins");
        metrics::describe_gauge!(ARGON2_QUEUE_DEPTH, "Passwords waiting to be hashed");
        metrics::describe_histogram!(ARGON2_WAIT_SECONDS, "Time a password waited to be hashed");
        metrics::describe_histogram!(WRITER_BATCH_SIZE, "Units per commit");
        metrics::describe_histogram!(DATABASE_LATENCY_SECONDS, "Time of a database call");
        metrics::describe_histogram!(CACHE_LATENCY_SECONDS, "Time of a call to the shared cache");
        metrics::describe_gauge!(SIGNING_KEY_AGE_SECONDS, "Age of the active signing key");
        metrics::describe_gauge!(OUTBOX_DEPTH, "Messages waiting to be delivered");
        metrics::describe_counter!(RATE_LIMIT_REFUSALS_TOTAL, "Requests refused by a rate limit");
        // Shown from the start, also where no shared cache is configured.
        let _ = metrics::histogram!(CACHE_LATENCY_SECONDS);
        Self {
            exporter,
            requests: ArcSwap::default(),
            adding: Mutex::default(),
            argon2_queue_depth: metrics::gauge!(ARGON2_QUEUE_DEPTH),
            argon2_wait: metrics::histogram!(ARGON2_WAIT_SECONDS),
            writer_batch_size: metrics::histogram!(WRITER_BATCH_SIZE),
            database_latency: metrics::histogram!(DATABASE_LATENCY_SECONDS),
            signing_key_age: metrics::gauge!(SIGNING_KEY_AGE_SECONDS),
            outbox_depth: metrics::gauge!(OUTBOX_DEPTH),
        }
    }

    /// Records one answered request. `route` is the router's pattern, never the path that was asked for.
    pub fn request(&self, route: &str, method: &Method, status: u16, elapsed: Duration) {
        let routes = self.requests.load();
        let added;
        let route = match routes.get(route) {
            Some(route) => route,
            None => {
                added = self.add_route(route);
                &added
            }
        };
        route.duration.record(elapsed);
        let answers = route.answers.load();
        match answers.iter().find(|(known, code, _)| *code == status && known == method) {
            Some((_, _, counter)) => counter.increment(1),
            None => self.add_answer(route, method, status).increment(1),
        }
    }

    /// All metrics in Prometheus' text format.
    pub fn render(&self) -> String {
        self.exporter.render()
    }

    /// Folds recorded samples every few seconds until `stop`; without it they pile up between renderings.
    pub async fn upkeep(&self, stop: CancellationToken) {
        let mut interval = tokio::time::interval(Duration::from_secs(5));
        while stop.run_until_cancelled(interval.tick()).await.is_some() {
            self.exporter.run_upkeep();
        }
    }

    fn add_route(&self, pattern: &str) -> Arc<Route> {
        let _adding = self.adding.lock().unwrap_or_else(PoisonError::into_inner);
        let routes = self.requests.load_full();
        let pattern = if routes.len() >= MAX_ROUTES { OTHER } else { pattern };
        if let Some(route) = routes.get(pattern) {
            return Arc::clone(route);
        }
        let route = Arc::new(Route {
            pattern: pattern.to_owned(),
            duration: metrics::histogram!(HTTP_REQUEST_DURATION_SECONDS, "route" => pattern.to_owned()),
            answers: ArcSwap::default(),
        });
        let mut grown = HashMap::clone(&routes);
        grown.insert(pattern.to_owned(), Arc::clone(&route));
        self.requests.store(Arc::new(grown));
        route
    }

    fn add_answer(&self, route: &Route, method: &Method, status: u16) -> Counter {
        let _adding = self.adding.lock().unwrap_or_else(PoisonError::into_inner);
        // Methods are whatever a caller writes: only the registered ones become labels.
        let name = known_method(method).unwrap_or(OTHER);
        let counter = metrics::counter!(
            HTTP_REQUESTS_TOTAL, "route" => route.pattern.clone(), "method" => name, "status" => status.to_string()
        );
        if name != OTHER {
            let mut answers = Vec::clone(&route.answers.load());
            if !answers.iter().any(|(known, code, _)| *code == status && known == method) {
                answers.push((method.clone(), status, counter.clone()));
                route.answers.store(Arc::new(answers));
            }
        }
        counter
    }
}

fn known_method(method: &Method) -> Option<&'static str> {
    ["GET", "POST", "PUT", "DELETE", "HEAD", "OPTIONS", "PATCH"]
        .into_iter()
        .find(|name| *name == method.as_str())
}

const SECONDS: [f64; 12] = [0.000_25, 0.000_5, 0.001, 0.002_5, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 1.0, 5.0];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn requests_are_counted_by_route_method_and_status() {
        let recorder = PrometheusBuilder::new().build_recorder();
        let rendered = metrics::with_local_recorder(&recorder, || {
            let metrics = Metrics::over(recorder.handle());
            for status in [200, 200, 400] {
                metrics.request("/oauth2/v1/token", &Method::POST, status, Duration::from_millis(1));
            }
            metrics.request("/", &Method::from_bytes(b"BREW").unwrap(), 405, Duration::ZERO);
            for route in 0..1000 {
                metrics.request(&format!("/{route}"), &Method::GET, 404, Duration::ZERO);
            }
            metrics::counter!(TOKENS_ISSUED_TOTAL, "grant" => "authorization_code").increment(1);
            metrics.render()
        });
        assert!(
            rendered
                .contains(r#"http_requests_total{route="/oauth2/v1/token",method="POST",status="200"} 2"#),
            "{rendered}"
        );
        assert!(rendered.contains(r#"http_requests_total{route="/",method="other",status="405"} 1"#));
        assert!(rendered.contains(r#"http_requests_total{route="other",method="GET",status="404"}"#));
        assert!(rendered.contains(r#"tokens_issued_total{grant="authorization_code"} 1"#));
        assert!(!rendered.contains(r#"route="/999""#));
    }

    #[test]
    fn control_characters_in_an_event_are_escaped() {
        let mut out = Vec::new();
        EscapedWriter(&mut out).write_all(b"a\nforged \x1b[31mline\n").unwrap();
        assert_eq!(out, b"a\\x0aforged \\x1b[31mline\n");
    }
}
