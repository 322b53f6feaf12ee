//! The outermost layer: which host was asked for, who is asking, how much they have asked, in what form errors are told,
//! and the headers that every answer carries.

use std::{net::IpAddr, sync::Arc, time::Instant};

use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD};
use http::{HeaderMap, HeaderName, HeaderValue, Method, StatusCode, Version, header};
use poem::{
    Endpoint, Request, Response, Result,
    error::{MethodNotAllowedError, NotFoundError, ResponseError},
    middleware::PanicHandler,
};
use time::OffsetDateTime;

use super::{
    allow::Allowed,
    cors,
    surface::{Format, Surface},
};
use crate::{
    api::error::{
        oauth::{OAuthFailure, json_response},
        okta::{Envelope, rate_limit_headers},
    },
    app::App,
    cache::{Count, Counter},
    id::request_id,
    limit::rate::{Bucket, address},
    protocol::error::{ErrorCode, OAuthError},
    server::{BodyError, ClientIp},
    syslog::{Caller, record_throttled},
    telemetry::Metrics,
    web::{
        error::{ErrorPage, error},
        headers,
        headers::Hsts,
    },
};

/// Marks the answer of a request whose handler panicked; it is rendered like any other fault of ours.
#[derive(Clone, Copy, Debug)]
pub(super) struct Panicked;

impl PanicHandler for Panicked {
    type Response = Response;

    fn get_response(&self, _: Box<dyn std::any::Any + Send + 'static>) -> Response {
        let mut response: Response = StatusCode::INTERNAL_SERVER_ERROR.into();
        response.extensions_mut().insert(Self);
        response
    }
}

const REQUEST_ID: HeaderName = HeaderName::from_static("x-okta-request-id");
/// The longest user agent that is kept.
const MAX_USER_AGENT: usize = 512;
/// What limitless surfaces say in Okta's headers.
const UNLIMITED: u32 = 60_000_000;

/// The outermost layer.
pub(super) struct Edge<E> {
    app: Arc<App>,
    metrics: Option<Arc<Metrics>>,
    inner: E,
    allowed: Allowed,
    authority: String,
    hsts: Hsts,
}

impl<E> Edge<E> {
    pub(super) fn new(app: Arc<App>, metrics: Option<Arc<Metrics>>, (inner, allowed): (E, Allowed)) -> Self {
        let authority = app.settings.authority().to_owned();
        let hsts =
            url::Url::parse(&app.settings.issuer).map_or(Hsts::Off, |issuer| Hsts::for_issuer(&issuer));
        Self { app, metrics, inner, allowed, authority, hsts }
    }
}

impl<E: Endpoint<Output = Response>> Endpoint for Edge<E> {
    type Output = Response;

    async fn call(&self, request: Request) -> Result<Response> {
        let started = Instant::now();
        let surface = Surface::of(request.uri().path());
        let method = request.method().clone();
        let response = self.answer(request, surface).await;
        if let Some(metrics) = &self.metrics {
            metrics.request(surface.route, &method, response.status().as_u16(), started.elapsed());
        }
        Ok(response)
    }
}

impl<E: Endpoint<Output = Response>> Edge<E> {
    async fn answer(&self, mut request: Request, surface: Surface) -> Response {
        if let Some(refused) = no_single_host(&request) {
            return refused;
        }
        if let Some(elsewhere) = self.wrong_host(&request, surface) {
            return elsewhere;
        }
        let now = self.app.now();
        let caller = Arc::new(self.caller(&request, now));
        let origin = cors::origin(&request);
        let count = self.count(surface, caller.ip, now).await;
        let mut response = if cors::is_preflight(&request) {
            cors::preflight(&self.app, surface, origin.as_ref()).await
        } else if count.exceeded {
            self.note_throttled(surface, &caller).await;
            self.throttled(surface, &count, &caller)
        } else {
            request.set_data(Arc::clone(&caller));
            let target = request.uri().clone();
            let mut response = match self.inner.call(request).await {
                Ok(response) if response.extensions().get::<Panicked>().is_some() => {
                    let error = poem::Error::from_status(StatusCode::INTERNAL_SERVER_ERROR);
                    self.render(error, surface, &caller)
                }
                Ok(response) => response,
                Err(error) if error.downcast_ref::<MethodNotAllowedError>().is_some() => {
                    let mut response = self.render(error, surface, &caller);
                    if let Some(allow) = self.allowed.header(target.path()) {
                        response.headers_mut().insert(header::ALLOW, allow);
                    }
                    response
                }
                Err(error) => self.render(error, surface, &caller),
            };
            cors::apply(&self.app, surface, origin.as_ref(), &mut response).await;
            response
        };
        let headers = response.headers_mut();
        if let Ok(id) = HeaderValue::from_str(&caller.request_id) {
            headers.insert(REQUEST_ID, id);
        }
        if !headers.contains_key("x-rate-limit-limit") {
            rate_limit_headers(headers, &count);
        }
        headers.insert(header::X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff"));
        if let Some(hsts) = self.hsts.value() {
            headers.insert(header::STRICT_TRANSPORT_SECURITY, HeaderValue::from_static(hsts));
        }
        if response.status() == StatusCode::TOO_MANY_REQUESTS {
            say_when(response.headers_mut(), now);
        }
        response
    }

    /// Issuer, cookies and redirects are all about one host: others are refused, except that a developer who typed
    /// 127.0.0.1 is taken to it.
    fn wrong_host(&self, request: &Request, surface: Surface) -> Option<Response> {
        let in_header = request.headers().get(header::HOST).and_then(|host| host.to_str().ok());
        let in_target = request.uri().authority().map(http::uri::Authority::as_str);
        let host = if request.version() < Version::HTTP_2 {
            // RFC 9112 §3.2.2: where the target names a host, the header is ignored.
            in_target.or(in_header)
        } else {
            in_header.or(in_target)
        };
        let host = host.unwrap_or_default();
        let default_port = if self.app.settings.is_https() { ":443" } else { ":80" };
        let bare = host.strip_suffix(default_port).unwrap_or(host);
        if host.eq_ignore_ascii_case(&self.authority) || bare.eq_ignore_ascii_case(&self.authority) {
            return None;
        }
        // RFC 8705 §5: the endpoints of clients have a second host, pages have not.
        let alias = self.app.settings.client_certificates.authority();
        if surface.format == Format::OAuth
            && alias.is_some_and(|alias| host.eq_ignore_ascii_case(alias) || bare.eq_ignore_ascii_case(alias))
        {
            return None;
        }
        let name = host.rsplit_once(':').map_or(host, |(name, _)| name);
        let loopback = matches!(name, "127.0.0.1" | "[::1]");
        if self.app.settings.dev && loopback && *request.method() == Method::GET {
            let path = request.uri().path_and_query().map_or("/", |path| path.as_str());
            let location = format!("{}{path}", self.app.settings.issuer);
            return Some(
                Response::builder().status(StatusCode::FOUND).header(header::LOCATION, location).finish(),
            );
        }
        Some(
            Response::builder()
                .status(StatusCode::MISDIRECTED_REQUEST)
                .header(header::X_CONTENT_TYPE_OPTIONS, "nosniff")
                .content_type("text/plain; charset=utf-8")
                .body(format!("This server answers for {} only.\n", self.authority)),
        )
    }

    fn caller(&self, request: &Request, now: OffsetDateTime) -> Caller {
        let user_agent = request.headers().get(header::USER_AGENT).and_then(|agent| agent.to_str().ok());
        Caller {
            request_id: request_id(self.app.random.as_ref(), now),
            ip: request.data::<ClientIp>().map(|ClientIp(ip)| *ip),
            user_agent: user_agent.map(|agent| agent.chars().take(MAX_USER_AGENT).collect()),
            actor: None,
        }
    }

    async fn count(&self, surface: Surface, ip: Option<IpAddr>, now: OffsetDateTime) -> Count {
        let unlimited = Count {
            limit: UNLIMITED,
            remaining: UNLIMITED,
            reset_at_unix: now.unix_timestamp() + 60,
            exceeded: false,
        };
        if surface.bucket == Bucket::Documents {
            return unlimited;
        }
        match (self.app.rates.of(surface.bucket), ip) {
            (Some(rate), Some(ip)) => {
                let key = surface.bucket.key(&[&address(ip)]);
                self.app.floods.hit(&key, rate.limit, rate.window, now).await
            }
            _ => unlimited,
        }
    }

    async fn note_throttled(&self, surface: Surface, caller: &Caller) {
        if let Err(fault) = record_throttled(&self.app, surface.bucket, caller).await {
            tracing::error!(fault = %fault, "a refusal could not be logged");
        }
    }

    fn throttled(&self, surface: Surface, count: &Count, caller: &Caller) -> Response {
        match surface.format {
            Format::OAuth => OAuthFailure::throttled(*count).as_response(),
            Format::Okta => Envelope::rate_limit().respond(),
            Format::Page => self.page(
                StatusCode::TOO_MANY_REQUESTS,
                (
                    "too_many_requests",
                    "Too many requests came from your network. Wait a moment, then try again.",
                ),
                caller,
            ),
        }
    }

    /// Errors that arise before or outside of a handler, in the format of the surface.
    fn render(&self, error: poem::Error, surface: Surface, caller: &Caller) -> Response {
        if error.is_from_response() {
            return error.into_response();
        }
        if let Some(failure) = error.downcast_ref::<OAuthFailure>() {
            return failure.as_response();
        }
        let mut status = error.status();
        let close = error.downcast_ref::<BodyError>().is_some();
        let mut response = if error.downcast_ref::<NotFoundError>().is_some() {
            match surface.format {
                Format::OAuth | Format::Okta => Envelope::unknown_path().respond(),
                Format::Page => self.page(StatusCode::NOT_FOUND, ("not_found", NO_PAGE), caller),
            }
        } else if error.downcast_ref::<MethodNotAllowedError>().is_some() {
            match surface.format {
                Format::OAuth | Format::Okta => Envelope::unknown_method().respond(),
                Format::Page => self.page(
                    StatusCode::METHOD_NOT_ALLOWED,
                    ("method_not_allowed", "This address does not understand that kind of request."),
                    caller,
                ),
            }
        } else {
            if status.is_server_error() {
                tracing::error!(error = %error, error.id = %caller.request_id, "a request failed");
            } else if status == StatusCode::OK {
                status = StatusCode::BAD_REQUEST;
            }
            let text = if status.is_server_error() {
                "Something went wrong on our side."
            } else {
                "The request cannot be read."
            };
            match surface.format {
                Format::OAuth => {
                    // RFC 6749 §5.2: a request whose body is no form, or that has none, is malformed like any other.
                    if status == StatusCode::UNSUPPORTED_MEDIA_TYPE && !close {
                        status = StatusCode::BAD_REQUEST;
                    }
                    let code = if status.is_server_error() {
                        ErrorCode::ServerError
                    } else {
                        ErrorCode::InvalidRequest
                    };
                    let error = OAuthError::new(code, text);
                    json_response(status, &error)
                }
                Format::Okta if status.is_server_error() => Envelope::internal().respond(),
                Format::Okta => Envelope::invalid(status, "the request cannot be read").respond(),
                Format::Page => self.page(status, ("invalid_request", text), caller),
            }
        };
        if close {
            // The rest of the body is never read.
            response.headers_mut().insert(header::CONNECTION, HeaderValue::from_static("close"));
        }
        response
    }

    fn page(&self, status: StatusCode, (code, text): (&str, &str), caller: &Caller) -> Response {
        let mut nonce = [0_u8; 16];
        self.app.random.fill(&mut nonce);
        let nonce = URL_SAFE_NO_PAD.encode(nonce);
        let page = ErrorPage {
            code: code.to_owned(),
            text: text.to_owned(),
            error_id: Some(caller.request_id.clone()),
            client: None,
            developer: None,
        };
        let mut response = Response::builder()
            .status(status)
            .header(header::CONTENT_TYPE, "text/html; charset=utf-8")
            .body(error(&page).into_string());
        for (name, value) in headers::error(&nonce, self.hsts) {
            if let Ok(value) = HeaderValue::from_str(&value) {
                response.headers_mut().insert(name, value);
            }
        }
        response
    }
}

/// RFC 9112 §3.2: a request with several `Host` headers, or over HTTP/1.1 with none, is answered 400. In HTTP/2 the target may
/// stand for it (RFC 9113 §8.3.1).
fn no_single_host(request: &Request) -> Option<Response> {
    let hosts = request.headers().get_all(header::HOST).iter().count();
    let missing = hosts == 0 && request.version() == Version::HTTP_11;
    (missing || hosts > 1).then(|| {
        Response::builder()
            .status(StatusCode::BAD_REQUEST)
            .header(header::X_CONTENT_TYPE_OPTIONS, "nosniff")
            .content_type("text/plain; charset=utf-8")
            .body("A request has exactly one Host header.\n")
    })
}

/// RFC 6585 §4: 429 says when to try again, unless the handler did.
fn say_when(headers: &mut HeaderMap, now: OffsetDateTime) {
    let reset = headers.get("x-rate-limit-reset").and_then(|reset| reset.to_str().ok());
    let seconds = reset.and_then(|reset| reset.parse::<i64>().ok()).map_or(1, |at| at - now.unix_timestamp());
    headers.entry(header::RETRY_AFTER).or_insert_with(|| HeaderValue::from(seconds.max(1)));
}

const NO_PAGE: &str =
    "There is no page at this address. To sign in, go back to the application you came from.";
