//! The ways back of somebody who forgot the password or is locked out, and the links of mails. Looking at a link changes
//! nothing, since mail scanners do that too (security rule S5); a click does.

use std::sync::Arc;

use http::StatusCode;
use poem::{Body, Request, Response, handler, web::Data};

use super::{
    answer::{fault_page, flow_error},
    authorize::{no_visit, own_form},
    signin::flow_in,
    transaction::{Place, html, problem, stage, start, took, visitor},
    visit::Visit,
};
use crate::{
    app::App,
    authn::{
        service::{
            AuthnError, recovery,
            recovery::{Begin, Way as Sent},
        },
        state::{PhoneChannel, RecoveryKind},
    },
    factor::{FactorError, service as factors},
    id::base62,
    message::Medium,
    protocol::params::Params,
    syslog::Caller,
    user::recovery::{RecoveryError, begin::is_open},
    web::{
        layout::FlowForm,
        recovery::{Channel, Recovered, Recovering, confirm_link, done, sent, start as start_page},
        step::StepError,
    },
};

/// How the names of transactions begin that belong to no authorization request.
pub(super) const ALONE: &str = "rcv";
/// What forms of the first page are bound to.
const STEP: &str = "recovery";
/// What forms of the page of a link are bound to.
const LINK: &str = "link";

/// Shows the page for a forgotten password.
#[handler]
pub(crate) async fn get_forgot(
    request: &Request,
    app: Data<&Arc<App>>,
    caller: Data<&Arc<Caller>>,
) -> Response {
    begin(request, (&app, &caller), Recovering::Password).await
}

/// Shows the page for a lock.
#[handler]
pub(crate) async fn get_unlock(
    request: &Request,
    app: Data<&Arc<App>>,
    caller: Data<&Arc<Caller>>,
) -> Response {
    begin(request, (&app, &caller), Recovering::Lock).await
}

/// Begins the recovery of a password.
#[handler]
pub(crate) async fn post_forgot(
    request: &Request,
    body: Body,
    app: Data<&Arc<App>>,
    caller: Data<&Arc<Caller>>,
) -> Response {
    recover(request, body, (&app, &caller), Recovering::Password).await
}

/// Begins to unlock.
#[handler]
pub(crate) async fn post_unlock(
    request: &Request,
    body: Body,
    app: Data<&Arc<App>>,
    caller: Data<&Arc<Caller>>,
) -> Response {
    recover(request, body, (&app, &caller), Recovering::Lock).await
}

async fn begin(request: &Request, (app, caller): (&App, &Caller), recovering: Recovering) -> Response {
    let visit = match Visit::begin(app, caller, request.headers()).await {
        Ok(visit) => visit,
        Err(fault) => return no_visit(app, caller, &fault),
    };
    let place = match flow_in(request) {
        Some(flow) => Place::load(&visit, Some(&flow)).await,
        None => Ok(Place::Alone(fresh(app))),
    };
    match place {
        Ok(place) => first(visit, place, recovering, (StatusCode::OK, None, None)).await,
        Err(error) => flow_error(visit, error),
    }
}

/// A name for pages that belong to no authorization request.
fn fresh(app: &App) -> String {
    format!("{ALONE}{}", base62(app.random.as_ref(), 22))
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
    stage.form = visit.form(path(recovering), place.name(), STEP);
    let markup = start_page(&stage, recovering, typed, &channels);
    html(visit, &place, status, markup)
}

async fn recover(
    request: &Request,
    body: Body,
    (app, caller): (&App, &Caller),
    recovering: Recovering,
) -> Response {
    let (visit, params) = match own_form(request, body, (app, caller), STEP).await {
        Ok(sent) => sent,
        Err(answer) => return answer,
    };
    let place = match Place::load(&visit, params.one("flow_id")).await {
        Ok(place) => place,
        Err(error) => return flow_error(visit, error),
    };
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
    let begun =
        recovery::start(app, &visitor(&visit), login, (kind_of(recovering), way), start(&visit, &place))
            .await;
    match begun {
        Ok(Begin::Sent(reply)) => took(visit, place, reply).await,
        Ok(Begin::Mailed | Begin::Token(_)) => {
            let stage = stage(&visit, &place, None, Vec::new());
            html(visit, &place, StatusCode::OK, sent(&stage))
        }
        Err(AuthnError::Recovery(RecoveryError::NotAllowed)) => {
            let refused = (StatusCode::FORBIDDEN, Some(login), Some(not_allowed()));
            first(visit, place, recovering, refused).await
        }
        Err(error) => match problem(error) {
            Ok((status, error)) => first(visit, place, recovering, (status, Some(login), Some(error))).await,
            Err(AuthnError::Fault(fault)) => fault_page(visit, &fault),
            Err(_) => flow_error(visit, crate::authorize::flow::FlowError::Unknown),
        },
    }
}

/// The parameter with the token of a link.
fn token_in(request: &Request) -> Option<String> {
    let params = Params::parse_query(request.uri().query().unwrap_or_default()).ok()?;
    params.one("token").map(ToOwned::to_owned)
}

/// Shows the page of a link that leads back to a password, out of a lock, or into a new account.
#[handler]
pub(crate) async fn get_link(
    request: &Request,
    app: Data<&Arc<App>>,
    caller: Data<&Arc<Caller>>,
) -> Response {
    let visit = match Visit::begin(&app, &caller, request.headers()).await {
        Ok(visit) => visit,
        Err(fault) => return no_visit(&app, &caller, &fault),
    };
    ask(visit, request.uri().path(), token_in(request))
}

fn ask(visit: Visit<'_>, path: &str, token: Option<String>) -> Response {
    let place = Place::Alone(fresh(visit.app));
    let Some(token) = token else { return ended(visit, &place, Recovered::LinkOver) };
    let form = FlowForm { action: path.to_owned(), ..visit.form(path, place.name(), LINK) };
    let mut stage = stage(&visit, &place, None, Vec::new());
    stage.form = form;
    let markup = confirm_link(&stage, path, &token);
    html(visit, &place, StatusCode::OK, markup)
}

/// Goes on with a link.
#[handler]
pub(crate) async fn post_link(
    request: &Request,
    body: Body,
    app: Data<&Arc<App>>,
    caller: Data<&Arc<Caller>>,
) -> Response {
    let (visit, params) = match own_form(request, body, (&app, &caller), LINK).await {
        Ok(sent) => sent,
        Err(answer) => return answer,
    };
    let place = match Place::load(&visit, params.one("flow_id")).await {
        Ok(place) => place,
        Err(error) => return flow_error(visit, error),
    };
    let token = params.one("token").unwrap_or_default();
    let begun = recovery::with_token(&app, &visitor(&visit), token, start(&visit, &place)).await;
    match begun {
        Ok(reply) => took(visit, place, reply).await,
        Err(AuthnError::Fault(fault) | AuthnError::Recovery(RecoveryError::Fault(fault))) => {
            fault_page(visit, &fault)
        }
        Err(_) => ended(visit, &place, Recovered::LinkOver),
    }
}

/// Shows the page of the link in a mail that verifies a factor.
#[handler]
pub(crate) async fn get_mail(
    request: &Request,
    app: Data<&Arc<App>>,
    caller: Data<&Arc<Caller>>,
) -> Response {
    let visit = match Visit::begin(&app, &caller, request.headers()).await {
        Ok(visit) => visit,
        Err(fault) => return no_visit(&app, &caller, &fault),
    };
    ask(visit, factors::LINK, token_in(request))
}

/// Confirms a sign-in by the link in a mail.
#[handler]
pub(crate) async fn post_mail(
    request: &Request,
    body: Body,
    app: Data<&Arc<App>>,
    caller: Data<&Arc<Caller>>,
) -> Response {
    let (visit, params) = match own_form(request, body, (&app, &caller), LINK).await {
        Ok(sent) => sent,
        Err(answer) => return answer,
    };
    let place = Place::Alone(fresh(&app));
    match factors::confirm_link(&app, params.one("token").unwrap_or_default(), &caller).await {
        Ok(_) => ended(visit, &place, Recovered::LinkConfirmed),
        Err(FactorError::Fault(fault)) => fault_page(visit, &fault),
        Err(_) => ended(visit, &place, Recovered::LinkOver),
    }
}

/// The last page.
pub(super) fn ended(visit: Visit<'_>, place: &Place, recovered: Recovered) -> Response {
    let stage = stage(&visit, place, None, Vec::new());
    let beginning = place.beginning();
    let next = match (place, recovered) {
        (Place::Flow(_), Recovered::LockedOut) => Some((beginning.as_str(), "Back")),
        (Place::Flow(_), _) => Some((beginning.as_str(), "Sign in")),
        (Place::Alone(_), _) => None,
    };
    let status = if recovered == Recovered::LinkOver { StatusCode::BAD_REQUEST } else { StatusCode::OK };
    let markup = done(&stage, recovered, next);
    html(visit, place, status, markup)
}
