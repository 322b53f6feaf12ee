//! What the browser gets: the next page, or the authorization response in the mode that was asked for.

use http::{HeaderValue, Method, StatusCode, header};
use poem::Response;

use super::visit::{Visit, card, set_headers};
use crate::{
    authorize::{dispatch::Step, flow::FlowError, issue::AuthorizationResponse, jarm::signed},
    fault::Fault,
    model::client::Client,
    protocol::{
        redirect_uri::{append_fragment, append_query, origin_of},
        response_mode::ResponseMode,
    },
    syslog::{Event, EventType, record_repeated},
    web::{
        error::{DeveloperPanel, ErrorPage, error},
        headers, response,
    },
};

/// Goes where the dispatcher says.
pub(crate) async fn step(visit: Visit<'_>, step: Result<Step, FlowError>, method: &Method) -> Response {
    match step {
        Ok(Step::Respond(response)) => deliver(visit, *response, method).await,
        Ok(Step::SignIn(flow)) => visit.redirect(&format!("/signin?flow={flow}")),
        // Proved on the sign-in page, until there is one for it.
        Ok(Step::Factor(flow)) => visit.redirect(&format!("/signin/factor?flow={flow}")),
        Ok(Step::ChooseAccount(flow)) => visit.redirect(&format!("/accounts?flow={flow}")),
        Ok(Step::Consent(flow)) => visit.redirect(&format!("/consent?flow={flow}")),
        Ok(Step::ConfirmDevice(flow)) => visit.redirect(&format!("/activate/confirm?flow={flow}")),
        Ok(Step::DeviceDecided(verdict)) => super::device::decided(visit, &verdict),
        Err(error) => flow_error(visit, error),
    }
}

/// Delivers an authorization response.
pub(crate) async fn deliver(visit: Visit<'_>, answer: AuthorizationResponse, method: &Method) -> Response {
    match signed(visit.app, answer).await {
        Ok(answer) => delivered(visit, &answer, method),
        Err(fault) => fault_page(visit, &fault),
    }
}

fn delivered(visit: Visit<'_>, answer: &AuthorizationResponse, method: &Method) -> Response {
    let destination = &answer.destination;
    let params: Vec<(&str, &str)> =
        answer.params.iter().map(|(name, value)| (*name, value.as_str())).collect();
    let origin = target(&destination.redirect_uri);
    let hsts = visit.hsts();
    match destination.response_mode {
        // `jwt` stands for one of the other two from the moment that the response type is known.
        ResponseMode::Query | ResponseMode::QueryJwt | ResponseMode::Jwt => {
            carry(visit, &append_query(&destination.redirect_uri, &params), method)
        }
        ResponseMode::Fragment | ResponseMode::FragmentJwt => {
            carry(visit, &append_fragment(&destination.redirect_uri, &params), method)
        }
        ResponseMode::FormPost | ResponseMode::FormPostJwt => {
            let markup = response::form_post(&destination.redirect_uri, &params, &visit.nonce);
            let headers = headers::form_post_response(&visit.nonce, &origin, hsts);
            visit.html(StatusCode::OK, headers, markup)
        }
        ResponseMode::OktaPostMessage => {
            let markup = response::okta_post_message(&origin, &params, &visit.nonce);
            let headers = headers::post_message_response(&visit.nonce, &origin, hsts);
            visit.html(StatusCode::OK, headers, markup)
        }
    }
}

/// The origin of a redirect URI, or the scheme of an installed application's.
pub(super) fn target(redirect_uri: &str) -> String {
    origin_of(redirect_uri).unwrap_or_else(|| {
        redirect_uri.split_once(':').map(|(scheme, _)| format!("{scheme}:")).unwrap_or_default()
    })
}

/// A redirect that leads away from our pages and may carry an answer: 302 after GET, 303 after a form (RFC 9700 §4.12).
pub(super) fn carry(visit: Visit<'_>, location: &str, method: &Method) -> Response {
    let status = if *method == Method::GET { StatusCode::FOUND } else { StatusCode::SEE_OTHER };
    let mut response: Response = status.into();
    if let Ok(location) = HeaderValue::from_str(location) {
        response.headers_mut().insert(header::LOCATION, location);
    }
    set_headers(&mut response, headers::redirect_with_response(visit.hsts()));
    visit.finish(response)
}

/// An error page: what happened, a machine code, and the id that the log knows.
pub(crate) fn failure_page(
    visit: Visit<'_>,
    (status, code, text): (StatusCode, &str, &str),
    client: Option<&Client>,
    developer: Option<DeveloperPanel>,
) -> Response {
    tracing::info!(error.code = code, error.id = %visit.caller.request_id, "an error page was shown");
    let page = ErrorPage {
        code: code.to_owned(),
        text: text.to_owned(),
        error_id: Some(visit.caller.request_id.clone()),
        client: client.map(card),
        developer: developer.filter(|_| visit.app.settings.dev),
    };
    let headers = headers::error(&visit.nonce, visit.hsts());
    visit.html(status, headers, error(&page))
}

/// The page for a flow that cannot go on.
pub(super) fn flow_error(visit: Visit<'_>, error: FlowError) -> Response {
    match error {
        FlowError::Unknown => failure_page(
            visit,
            (
                StatusCode::BAD_REQUEST,
                "expired_flow",
                "This sign-in is over or has taken too long. Go back to the application and start again.",
            ),
            None,
            None,
        ),
        FlowError::ForeignBrowser => failure_page(
            visit,
            (
                StatusCode::BAD_REQUEST,
                "foreign_flow",
                "This sign-in was started in another browser. Go back to the application and start again.",
            ),
            None,
            None,
        ),
        FlowError::TooMany => failure_page(
            visit,
            (
                StatusCode::TOO_MANY_REQUESTS,
                "too_many_requests",
                "Too many sign-ins from your network are waiting. Try again in a few minutes.",
            ),
            None,
            None,
        ),
        FlowError::Fault(fault) => fault_page(visit, &fault),
    }
}

/// The page for our own fault.
pub(super) fn fault_page(visit: Visit<'_>, fault: &Fault) -> Response {
    tracing::error!(fault = %fault, error.id = %visit.caller.request_id, "a page failed");
    let (status, text) = match fault {
        Fault::Overloaded(_) => {
            (StatusCode::SERVICE_UNAVAILABLE, "The server is busy at the moment. Please try again.")
        }
        Fault::Database(_) | Fault::Conflict(_) | Fault::Crypto(_) | Fault::Stored(_) | Fault::Io(_) => {
            (StatusCode::INTERNAL_SERVER_ERROR, "Something went wrong on our side. Please try again.")
        }
    };
    failure_page(visit, (status, "server_error", text), None, None)
}

/// A form that is not ours, is too old, or was sent from another site.
pub(super) async fn csrf_rejected(visit: Visit<'_>) -> Response {
    let event = Event::failure(EventType::CsrfRejected, "csrf");
    if let Err(fault) = record_repeated(visit.app, "csrf", event, visit.caller).await {
        return fault_page(visit, &fault);
    }
    failure_page(
        visit,
        (
            StatusCode::FORBIDDEN,
            "csrf_rejected",
            "This form was not sent from a page of ours, or the page was open for too long. Go back and try again.",
        ),
        None,
        None,
    )
}
