//! The sign-in page.

use http::{HeaderValue, StatusCode, header};
use poem::{Response, handler};

use super::{
    answer::{fault_page, flow_error},
    form::{Form, Link},
    home::demo_users,
    transaction::{assertion, start, took, visitor},
    visit::Visit,
    waiting::{Place, Waiting},
};
use crate::{
    authn::service::{
        AuthnError,
        primary::{self, Credentials},
    },
    authorize::{checks::ValidRequest, flow::FlowError},
    factor::service,
    id::UserId,
    limit::rate::retry_after,
    message::Medium,
    model::{policy::PrimaryFactor, recovery::RecoveryKind, session::Session},
    protocol::{params::Params, prompt::Prompt},
    secret::Secret,
    user::recovery::begin as recovery,
    web::{
        factor::webauthn::{Begins, Ceremonial, Ceremony},
        signin::{ACTION_CANCEL, ACTION_PASSKEY, Cancel, SignInError, SignInPage, SignInReason, sign_in},
    },
};

/// The longest identifier that is looked at.
const MAX_IDENTIFIER: usize = 320;

/// Shows the page.
#[handler]
pub(crate) async fn get(Link(visit, waiting): Link<'_, Waiting>) -> Response {
    page(visit, &waiting, None, (StatusCode::OK, None)).await
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
    let demo_users = match demo_users(visit.app).await {
        Ok(users) => users,
        Err(fault) => return fault_page(visit, &fault),
    };
    let request = &waiting.flow.pending.request;
    let login_of = |user: &UserId| {
        let accounts = visit.accounts.accounts();
        accounts.iter().find(|account| account.user_id == user.as_str()).map(|account| account.login.clone())
    };
    let chosen = waiting.flow.pending.progress.chosen.as_ref();
    let again = user_again(request, visit.session.as_ref(), chosen);
    let is_open =
        |kind| Medium::ALL.into_iter().any(|medium| recovery::is_open(visit.app, &policies, kind, medium));
    let view = SignInPage {
        client: Some(waiting.card()),
        form: visit.form("/signin", waiting.flow.id.as_str()),
        reason: if again.is_some() { SignInReason::Reauthenticate } else { SignInReason::NoSession },
        identifier: typed
            .map(ToOwned::to_owned)
            .or_else(|| chosen.and_then(login_of))
            .or_else(|| request.login_hint.clone())
            .or_else(|| again.and_then(login_of)),
        error,
        accounts_href: (!visit.accounts.accounts().is_empty()).then(|| waiting.at("/accounts")),
        forgot_href: is_open(RecoveryKind::Password).then(|| waiting.at("/signin/forgot-password")),
        unlock_href: is_open(RecoveryKind::Unlock).then(|| waiting.at("/signin/unlock-account")),
        cancel: Cancel::ToClient,
        demo_users,
        passkey: policies
            .any_sign_on(|action| action.primary_factor == PrimaryFactor::PasswordIdpAnyFactor)
            .then(|| passkey(&visit))
            .flatten(),
    };
    waiting.page(visit, status, sign_in(&view))
}

/// How this browser may sign in by a passkey alone.
fn passkey(visit: &Visit<'_>) -> Option<Ceremonial> {
    let options = service::sign_in_options(visit.app, &visit.binding)?;
    let nonce = visit.nonce.clone();
    let (ceremony, action, begins) = (Ceremony::Conditional, ACTION_PASSKEY, Begins::ByButton);
    Some(Ceremonial { ceremony, options, action, begins, nonce })
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
pub(crate) async fn post(Form(visit, waiting, params): Form<'_, Waiting>) -> Response {
    if params.one("action") == Some(ACTION_CANCEL) {
        return waiting.cancel(visit).await;
    }
    if params.one("action") == Some(ACTION_PASSKEY) {
        return by_passkey(visit, waiting, &params).await;
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
    let begun = primary::with_password(visit.app, &visitor(&visit), credentials, start(&visit, &place)).await;
    match (begun, place) {
        (Ok(reply), place) => took(visit, place, reply).await,
        (Err(error), Place::Flow(waiting)) => refused(visit, &waiting, &identifier, error).await,
        (Err(_), Place::Alone(_)) => flow_error(visit, FlowError::Unknown),
    }
}

async fn by_passkey(visit: Visit<'_>, waiting: Waiting, params: &Params) -> Response {
    let Some(given) = assertion(params) else {
        return page(visit, &waiting, None, (StatusCode::BAD_REQUEST, Some(SignInError::Incomplete))).await;
    };
    let place = Place::Flow(Box::new(waiting));
    let begun = primary::with_passkey(visit.app, &visitor(&visit), given, start(&visit, &place)).await;
    match (begun, place) {
        (Ok(reply), place) => took(visit, place, reply).await,
        (Err(error), Place::Flow(waiting)) => refused(visit, &waiting, "", error).await,
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
