//! The sign-in page.

use std::sync::Arc;

use http::{HeaderValue, Method, StatusCode, header};
use poem::{Body, Request, Response, handler, web::Data};

use super::{
    answer::{fault_page, flow_error, target},
    authorize::{no_visit, own_form},
    leaving::step_for,
    transaction::{Place, start, took, visitor},
    visit::{Visit, card_of},
};
use crate::{
    app::App,
    authn::service::{
        AuthnError,
        primary::{self, Credentials},
    },
    authorize::{
        checks::ValidRequest,
        dispatch::{Journey, deny},
        flow::{Ending, Flow, FlowError},
    },
    cache::servers::ServerState,
    id::{FlowId, UserId},
    limit::rate::retry_after,
    message::Medium,
    model::{client::Client, recovery::RecoveryKind, session::Session},
    protocol::{
        error::{ErrorCode, OAuthError},
        params::Params,
        prompt::Prompt,
    },
    secret::Secret,
    store::unit::{Outcome, Unit},
    syslog::Caller,
    user::recovery::begin as recovery,
    web::{
        headers,
        signin::{ACTION_CANCEL, Cancel, DemoUser, SignInError, SignInPage, SignInReason, sign_in},
    },
};

/// What forms of this page are bound to.
const STEP: &str = "signin";
/// The longest identifier that is looked at.
const MAX_IDENTIFIER: usize = 320;

/// A pending request with the server and client it is for.
pub(super) struct Waiting {
    pub(super) flow: Flow,
    pub(super) server: Arc<ServerState>,
    pub(super) client: Arc<Client>,
}

impl Waiting {
    /// Loads what a page is about.
    ///
    /// # Errors
    /// The flow is over or another browser's; the client or server is gone.
    pub(super) async fn load(visit: &Visit<'_>, id: Option<&str>) -> Result<Self, FlowError> {
        let id = FlowId::new(id.ok_or(FlowError::Unknown)?);
        let flow = Flow::load(visit.app, &id, Some(&visit.binding)).await?;
        let request = &flow.pending.request;
        let server = visit.app.server(request.server_id.as_str()).await?.ok_or(FlowError::Unknown)?;
        let client = visit
            .app
            .clients
            .find(&visit.app.db, &request.client_id)
            .await?
            .filter(|client| client.is_active())
            .ok_or(FlowError::Unknown)?;
        Ok(Self { flow, server, client })
    }

    /// Whether the journey ends in a decision about a device.
    pub(super) fn is_about_a_device(&self) -> bool {
        matches!(self.flow.pending.ending, Ending::Device(_))
    }

    /// Saves the progress; lost when another tab was faster.
    ///
    /// # Errors
    /// The flow is over, or a fault.
    pub(super) async fn save(&mut self, app: &App) -> Result<(), FlowError> {
        let unit = Unit::new().claim(self.flow.save()?);
        match app.db.writer().commit(unit).await.map_err(FlowError::Fault)? {
            Outcome::Won => {
                self.flow.version += 1;
                Ok(())
            }
            Outcome::Lost(_) => Err(FlowError::Unknown),
        }
    }
}

/// The parameter that names the flow in links.
pub(super) fn flow_in(request: &Request) -> Option<String> {
    let params = Params::parse_query(request.uri().query().unwrap_or_default()).ok()?;
    params.one("flow").map(ToOwned::to_owned)
}

/// Shows the page.
#[handler]
pub(crate) async fn get(request: &Request, app: Data<&Arc<App>>, caller: Data<&Arc<Caller>>) -> Response {
    let visit = match Visit::begin(&app, &caller, request.headers()).await {
        Ok(visit) => visit,
        Err(fault) => return no_visit(&app, &caller, &fault),
    };
    match Waiting::load(&visit, flow_in(request).as_deref()).await {
        Ok(waiting) => page(visit, &waiting, None, (StatusCode::OK, None)).await,
        Err(error) => flow_error(visit, error),
    }
}

async fn page(
    visit: Visit<'_>,
    waiting: &Waiting,
    typed: Option<&str>,
    (status, error): (StatusCode, Option<SignInError>),
) -> Response {
    let policies = match visit.app.policies.load(&visit.app.db).await {
        Ok(policies) => policies,
        Err(fault) => return fault_page(visit, &fault),
    };
    let request = &waiting.flow.pending.request;
    let here = |path: &str| format!("{path}?flow={}", waiting.flow.id);
    let login_of = |user: &UserId| {
        let accounts = visit.accounts.accounts();
        accounts.iter().find(|account| account.user_id == user.as_str()).map(|account| account.login.clone())
    };
    let chosen = waiting.flow.pending.progress.chosen.as_ref();
    let again = user_again(request, visit.session.as_ref(), chosen);
    let is_open =
        |kind| Medium::ALL.into_iter().any(|medium| recovery::is_open(visit.app, &policies, kind, medium));
    let view = SignInPage {
        client: Some(card_of(&waiting.client, request)),
        form: visit.form("/signin", waiting.flow.id.as_str(), STEP),
        reason: if again.is_some() { SignInReason::Reauthenticate } else { SignInReason::NoSession },
        identifier: typed
            .map(ToOwned::to_owned)
            .or_else(|| chosen.and_then(login_of))
            .or_else(|| request.login_hint.clone())
            .or_else(|| again.and_then(login_of)),
        error,
        accounts_href: (!visit.accounts.accounts().is_empty())
            .then(|| format!("/accounts?flow={}", waiting.flow.id)),
        forgot_href: is_open(RecoveryKind::Password).then(|| here("/signin/forgot-password")),
        unlock_href: is_open(RecoveryKind::Unlock).then(|| here("/signin/unlock-account")),
        cancel: Cancel::ToClient,
        demo_users: visit
            .app
            .settings
            .demo
            .iter()
            .map(|demo| DemoUser { login: demo.login.clone(), password: demo.password.expose().clone() })
            .collect(),
    };
    let headers = headers::page(&visit.nonce, Some(&target(&request.destination.redirect_uri)), visit.hsts());
    visit.html(status, headers, sign_in(&view))
}

/// The user of a live session who is asked to sign in again, not somebody else (Core §3.1.2.1: `prompt=login`, `max_age`).
fn user_again<'a>(
    request: &ValidRequest,
    session: Option<&'a Session>,
    chosen: Option<&UserId>,
) -> Option<&'a UserId> {
    let user = &session?.user_id;
    let asked = request.prompts().contains(Prompt::Login) || request.max_age.is_some();
    let meant = |other: Option<&UserId>| other.is_none_or(|other| other == user);
    (asked && meant(chosen) && meant(request.hinted_user.as_ref())).then_some(user)
}

/// Signs in, or goes back to the client.
#[handler]
pub(crate) async fn post(
    request: &Request,
    body: Body,
    app: Data<&Arc<App>>,
    caller: Data<&Arc<Caller>>,
) -> Response {
    let (visit, params) = match own_form(request, body, (&app, &caller), STEP).await {
        Ok(sent) => sent,
        Err(answer) => return answer,
    };
    let waiting = match Waiting::load(&visit, params.one("flow_id")).await {
        Ok(waiting) => waiting,
        Err(error) => return flow_error(visit, error),
    };
    if params.one("action") == Some(ACTION_CANCEL) {
        let error = OAuthError::new(ErrorCode::AccessDenied, "The user cancelled the sign-in.");
        let next = deny(&app, &Journey::Frozen(&waiting.flow), &error, &caller).await;
        return step_for(visit, &waiting.client, next, &Method::POST).await;
    }
    let identifier = params.one("identifier").unwrap_or_default().trim().to_owned();
    let Some(password) = params.one("password").filter(|_| !identifier.is_empty()) else {
        // An empty password is not an attempt, so it costs nothing and tells nothing.
        return page(
            visit,
            &waiting,
            Some(&identifier),
            (StatusCode::BAD_REQUEST, Some(SignInError::Incomplete)),
        )
        .await;
    };
    if identifier.len() > MAX_IDENTIFIER {
        return page(visit, &waiting, None, (StatusCode::BAD_REQUEST, Some(SignInError::Credentials))).await;
    }
    let place = Place::Flow(Box::new(waiting));
    let password = Secret::new(password.to_owned());
    let credentials = Credentials { login: &identifier, password: &password };
    let begun = primary::with_password(&app, &visitor(&visit), credentials, start(&visit, &place)).await;
    match (begun, place) {
        (Ok(reply), place) => took(visit, place, reply).await,
        (Err(error), Place::Flow(waiting)) => refused(visit, &waiting, &identifier, error).await,
        (Err(_), Place::Alone(_)) => flow_error(visit, FlowError::Unknown),
    }
}

async fn refused(visit: Visit<'_>, waiting: &Waiting, identifier: &str, error: AuthnError) -> Response {
    let now = visit.app.now();
    let (status, error, wait) = match error {
        AuthnError::Throttled(count) => {
            (StatusCode::TOO_MANY_REQUESTS, SignInError::TooManyAttempts, Some(retry_after(&count, now)))
        }
        AuthnError::Busy => (StatusCode::TOO_MANY_REQUESTS, SignInError::Busy, Some(2)),
        AuthnError::Fault(fault) => return fault_page(visit, &fault),
        // What was right of it is not told.
        AuthnError::Refused
        | AuthnError::Unreachable
        | AuthnError::Locked
        | AuthnError::Token
        | AuthnError::NotAllowed
        | AuthnError::Factor(_)
        | AuthnError::Password(_)
        | AuthnError::Recovery(_) => (StatusCode::BAD_REQUEST, SignInError::Credentials, None),
    };
    let mut response = page(visit, waiting, Some(identifier), (status, Some(error))).await;
    if let Some(seconds) = wait {
        response.headers_mut().insert(header::RETRY_AFTER, HeaderValue::from(seconds));
    }
    response
}
