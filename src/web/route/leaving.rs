//! When a user is not sent on without being asked: an error for a client that registered itself, while nobody is signed
//! in (RFC 9700 §4.11.2).

use http::{Method, StatusCode};
use poem::Response;

use super::{
    answer::{deliver, fault_page, step, target},
    visit::{Visit, card_for},
};
use crate::{
    authorize::{dispatch::Step, flow::FlowError, issue::AuthorizationResponse, jarm::signed},
    model::client::Client,
    protocol::{
        error::ErrorCode,
        locale::LanguageTag,
        redirect_uri::{append_fragment, append_query},
        response_mode::ResponseMode,
    },
    web::{
        headers,
        leaving::{LeavingPage, LeavingReason, Way, leaving},
    },
};

/// What `prompt=none` answers, which a frame without a screen waits for (OpenID Connect Core §3.1.2.6).
const SILENT: [ErrorCode; 4] = [
    ErrorCode::LoginRequired,
    ErrorCode::ConsentRequired,
    ErrorCode::InteractionRequired,
    ErrorCode::AccountSelectionRequired,
];

/// Goes where the dispatcher says, for this client.
pub(crate) async fn step_for(
    visit: Visit<'_>,
    client: &Client,
    next: Result<Step, FlowError>,
    method: &Method,
) -> Response {
    match next {
        Ok(Step::Respond(response)) => deliver_to(visit, client, *response, method).await,
        Ok(
            Step::SignIn(_)
            | Step::Factor(_)
            | Step::ChooseAccount(_)
            | Step::Consent(_)
            | Step::ConfirmDevice(_)
            | Step::DeviceDecided(_),
        )
        | Err(_) => step(visit, next, method).await,
    }
}

/// Delivers an authorization response, or asks the user first.
pub(crate) async fn deliver_to(
    visit: Visit<'_>,
    client: &Client,
    answer: AuthorizationResponse,
    method: &Method,
) -> Response {
    let error = answer.params.iter().find(|(name, _)| *name == "error").map(|(_, code)| code.clone());
    let silent = |code: &str| SILENT.iter().any(|known| known.as_str() == code);
    let Some(code) = error.filter(|code| !silent(code)) else { return deliver(visit, answer, method).await };
    if visit.session.is_some() || client.is_vouched_for() {
        return deliver(visit, answer, method).await;
    }
    // It goes to the window that opened this one, and this one goes nowhere.
    if answer.destination.response_mode == ResponseMode::OktaPostMessage {
        return deliver(visit, answer, method).await;
    }
    let answer = match signed(visit.app, answer).await {
        Ok(answer) => answer,
        Err(fault) => return fault_page(visit, &fault),
    };
    let destination = &answer.destination;
    let params: Vec<(&str, &str)> =
        answer.params.iter().map(|(name, value)| (*name, value.as_str())).collect();
    let way = match destination.response_mode {
        ResponseMode::Query | ResponseMode::QueryJwt | ResponseMode::Jwt => {
            Way::Link(append_query(&destination.redirect_uri, &params))
        }
        ResponseMode::Fragment | ResponseMode::FragmentJwt | ResponseMode::OktaPostMessage => {
            Way::Link(append_fragment(&destination.redirect_uri, &params))
        }
        ResponseMode::FormPost | ResponseMode::FormPostJwt => Way::Form {
            action: destination.redirect_uri.clone(),
            fields: params.iter().map(|&(name, value)| (name.to_owned(), value.to_owned())).collect(),
        },
    };
    let reason = LeavingReason::Error(code);
    page(visit, client, (&destination.redirect_uri, way), reason)
}

/// The page that asks before a user leaves for an address of the client.
pub(super) fn page(
    visit: Visit<'_>,
    client: &Client,
    (address, way): (&str, Way),
    reason: LeavingReason,
) -> Response {
    let host = url::Url::parse(address).ok().and_then(|url| url.host_str().map(ToOwned::to_owned));
    let headers = match &way {
        Way::Link(_) => headers::error(&visit.nonce, visit.hsts()),
        Way::Form { .. } => headers::page(&visit.nonce, Some(&target(address)), visit.hsts()),
    };
    let no_preference: &[LanguageTag] = &[];
    let view = LeavingPage {
        client: card_for(client, no_preference),
        host: host.unwrap_or_else(|| target(address)),
        reason,
        way,
    };
    let status = match view.reason {
        LeavingReason::Error(_) => StatusCode::BAD_REQUEST,
        LeavingReason::Login => StatusCode::OK,
    };
    visit.html(status, headers, leaving(&view))
}
