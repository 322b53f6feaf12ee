//! The ways back of somebody who forgot the password or is locked out, and the links of mails. Looking at a link changes
//! nothing, since mail scanners do that too (security rule S5); a click does.

use http::StatusCode;
use poem::{Request, Response, handler};

use super::{
    answer::{fault_page, flow_error},
    form::{About, Form, query},
    transaction::{problem, stage, start, took, visitor},
    visit::Visit,
    waiting::Place,
};
use crate::{
    authn::{
        service::{
            AuthnError, recovery,
            recovery::{Begin, Way as Sent},
        },
        state::{PhoneChannel, RecoveryKind},
    },
    authorize::flow::FlowError,
    factor::{FactorError, service as factors},
    message::Medium,
    user::recovery::{RecoveryError, begin::is_open},
    web::{
        account::PATH,
        recovery::{Channel, Recovered, Recovering, confirm_link, done, sent, start as start_page},
        step::StepError,
    },
};

/// Shows the page for a forgotten password, or for a lock.
#[handler]
pub(crate) async fn get(visit: Visit<'_>, request: &Request) -> Response {
    let place = match query(request).one("flow") {
        Some(flow) => Place::load(&visit, Some(flow)).await,
        None => Ok(Place::alone(visit.app)),
    };
    match place {
        Ok(place) => first(visit, place, recovering(request), (StatusCode::OK, None, None)).await,
        Err(error) => flow_error(visit, error),
    }
}

/// What a page is for.
fn recovering(request: &Request) -> Recovering {
    if request.uri().path() == path(Recovering::Lock) { Recovering::Lock } else { Recovering::Password }
}

fn path(recovering: Recovering) -> &'static str {
    match recovering {
        Recovering::Password => "/signin/forgot-password",
        Recovering::Lock => "/signin/unlock-account",
    }
}

fn kind_of(recovering: Recovering) -> RecoveryKind {
    match recovering {
        Recovering::Password => RecoveryKind::Password,
        Recovering::Lock => RecoveryKind::Unlock,
    }
}

fn not_allowed() -> StepError {
    StepError::Invalid("Your organisation does not allow this. Ask your administrator.".to_owned())
}

async fn first(
    visit: Visit<'_>,
    place: Place,
    recovering: Recovering,
    (status, typed, error): (StatusCode, Option<&str>, Option<StepError>),
) -> Response {
    let policies = match visit.app.policies.load(&visit.app.db).await {
        Ok(policies) => policies,
        Err(fault) => return fault_page(visit, &fault),
    };
    // A way is shown when it is open to somebody: whose it is not learns that from nobody.
    let ways = [(Medium::Email, Channel::Email), (Medium::Sms, Channel::Sms), (Medium::Call, Channel::Call)];
    let channels: Vec<Channel> = ways
        .into_iter()
        .filter(|(medium, channel)| {
            let suits = *channel != Channel::Call || recovering == Recovering::Password;
            suits && is_open(visit.app, &policies, kind_of(recovering), *medium)
        })
        .map(|(_, channel)| channel)
        .collect();
    let (status, error) = match (channels.is_empty(), error) {
        (true, None) => (StatusCode::FORBIDDEN, Some(not_allowed())),
        (_, error) => (status, error),
    };
    let mut stage = stage(&visit, &place, error, Vec::new());
    stage.form = visit.form(path(recovering), place.name());
    stage.beginning = place.beginning();
    place.page(visit, status, start_page(&stage, recovering, typed, &channels))
}

/// Begins to recover a password, or to unlock.
#[handler]
pub(crate) async fn post(Form(visit, place, params): Form<'_, Place>, request: &Request) -> Response {
    let recovering = recovering(request);
    let login = params.one("identifier").unwrap_or_default().trim();
    if login.is_empty() {
        let incomplete = (StatusCode::BAD_REQUEST, None, Some(StepError::Incomplete));
        return first(visit, place, recovering, incomplete).await;
    }
    let way = match params.one("factorType") {
        Some("SMS") => Sent::Phone(PhoneChannel::Sms),
        Some("CALL") => Sent::Phone(PhoneChannel::Call),
        _ => Sent::Email,
    };
    let begin = start(&visit, &place);
    match recovery::start(visit.app, &visitor(&visit), login, (kind_of(recovering), way), begin).await {
        Ok(Begin::Sent(reply)) => took(visit, place, reply).await,
        Ok(Begin::Mailed | Begin::Token(_)) => {
            let mut stage = stage(&visit, &place, None, Vec::new());
            stage.beginning = place.beginning();
            let again = place.at(path(recovering));
            place.page(visit, StatusCode::OK, sent(&stage, &again))
        }
        Err(AuthnError::Recovery(RecoveryError::NotAllowed)) => {
            let refused = (StatusCode::FORBIDDEN, Some(login), Some(not_allowed()));
            first(visit, place, recovering, refused).await
        }
        Err(error) => match problem(error) {
            Ok((status, error)) => first(visit, place, recovering, (status, Some(login), Some(error))).await,
            Err(AuthnError::Fault(fault)) => fault_page(visit, &fault),
            Err(_) => flow_error(visit, FlowError::Unknown),
        },
    }
}

/// Shows the page of a link: one that leads back to a password, out of a lock or into a new account, or that verifies a
/// factor.
#[handler]
pub(crate) fn get_link(visit: Visit<'_>, request: &Request) -> Response {
    let place = Place::alone(visit.app);
    let query = query(request);
    let path = request.uri().path();
    let Some(token) = query.one("token") else { return link_over(visit, &place, path) };
    let mut stage = stage(&visit, &place, None, Vec::new());
    stage.form = visit.form(path, place.name());
    place.page(visit, StatusCode::OK, confirm_link(&stage, path, token))
}

/// Goes on with a link.
#[handler]
pub(crate) async fn post_link(Form(visit, place, params): Form<'_, Place>, request: &Request) -> Response {
    let token = params.one("token").unwrap_or_default();
    match recovery::with_token(visit.app, &visitor(&visit), token, start(&visit, &place)).await {
        Ok(reply) => took(visit, place, reply).await,
        Err(AuthnError::Fault(fault) | AuthnError::Recovery(RecoveryError::Fault(fault))) => {
            fault_page(visit, &fault)
        }
        Err(_) => link_over(visit, &place, request.uri().path()),
    }
}

/// The page of a link that leads nowhere, with the way to another one.
fn link_over(visit: Visit<'_>, place: &Place, link: &str) -> Response {
    let start = match link {
        "/welcome" => return ended(visit, place, Recovered::InvitationOver),
        "/signin/unlock" => path(Recovering::Lock),
        // A mail that confirms a sign-in is asked for where that goes on.
        "/signin/verify/email" => return ended(visit, place, Recovered::LinkOver),
        _ => path(Recovering::Password),
    };
    let stage = stage(&visit, place, None, Vec::new());
    let next = Some((start, "Ask for a new link"));
    place.page(visit, StatusCode::BAD_REQUEST, done(&stage, Recovered::LinkOver, next))
}

/// Confirms a sign-in by the link in a mail.
#[handler]
pub(crate) async fn post_mail(Form(visit, (), params): Form<'_, ()>) -> Response {
    let place = Place::alone(visit.app);
    let token = params.one("token").unwrap_or_default();
    match factors::confirm_link(visit.app, token, visit.caller).await {
        Ok(_) => ended(visit, &place, Recovered::LinkConfirmed),
        Err(FactorError::Fault(fault)) => fault_page(visit, &fault),
        Err(_) => ended(visit, &place, Recovered::LinkOver),
    }
}

/// The last page.
pub(super) fn ended(visit: Visit<'_>, place: &Place, recovered: Recovered) -> Response {
    let stage = stage(&visit, place, None, Vec::new());
    let beginning = place.beginning();
    let label = if recovered == Recovered::LockedOut { "Back to sign in" } else { "Sign in" };
    let next = beginning.as_deref().map(|href| (href, label));
    // Without an application that waits there is the own account, and the start page, where there is one.
    let next = next.or_else(|| (recovered == Recovered::SignedIn).then_some((PATH, "Your account")));
    let next = next.or_else(|| visit.app.settings.dev.then_some(("/", "Start page")));
    let over = matches!(recovered, Recovered::LinkOver | Recovered::InvitationOver);
    let status = if over { StatusCode::BAD_REQUEST } else { StatusCode::OK };
    place.page(visit, status, done(&stage, recovered, next))
}
