//! The sign-in page.

use http::{HeaderValue, StatusCode, header};
use poem::{Response, handler};

use super::{
    account,
    answer::{fault_page, flow_error},
    form::{Form, Link},
    home::demo_users,
    transaction::{assertion, start, took, visitor},
    visit::Visit,
    waiting::Place,
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
pub(crate) async fn get(Link(visit, place): Link<'_, Place>) -> Response {
    page(visit, &place, None, (StatusCode::OK, None)).await
}

async fn page(
    visit: Visit<'_>,
    place: &Place,
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
    let Some(asked) = asked(&visit, place) else { return flow_error(visit, FlowError::Unknown) };
    let is_open =
        |kind| Medium::ALL.into_iter().any(|medium| recovery::is_open(visit.app, &policies, kind, medium));
    let view = SignInPage {
        client: place.card(),
        form: visit.form("/signin", place.name()),
        reason: asked.reason,
        identifier: typed.map(ToOwned::to_owned).or(asked.identifier),
        error,
        accounts_href: asked.accounts_href,
        forgot_href: is_open(RecoveryKind::Password).then(|| place.at("/signin/forgot-password")),
        unlock_href: is_open(RecoveryKind::Unlock).then(|| place.at("/signin/unlock-account")),
        cancel: asked.cancel,
        demo_users,
        passkey: policies
            .any_sign_on(|action| action.primary_factor == PrimaryFactor::PasswordIdpAnyFactor)
            .then(|| passkey(&visit))
            .flatten(),
    };
    let markup = sign_in(&view);
    // A page with passkeys asks for another challenge before its own dies.
    if view.passkey.is_some() && status == StatusCode::OK {
        return place.live_page(visit, markup);
    }
    place.page(visit, status, markup)
}

/// What a sign-in is for, as the page tells it.
struct Asked {
    reason: SignInReason,
    identifier: Option<String>,
    accounts_href: Option<String>,
    cancel: Cancel,
}

fn asked(visit: &Visit<'_>, place: &Place) -> Option<Asked> {
    let login_of = |user: &UserId| {
        let accounts = visit.accounts.accounts();
        accounts.iter().find(|account| account.user_id == user.as_str()).map(|account| account.login.clone())
    };
    let reason = |again: Option<&UserId>| match again {
        Some(_) => SignInReason::Reauthenticate,
        None => SignInReason::NoSession,
    };
    match place {
        Place::Flow(waiting) => {
            let request = &waiting.flow.pending.request;
            let chosen = waiting.flow.pending.progress.chosen.as_ref();
            let again = user_again(request, visit.session.as_ref(), chosen);
            Some(Asked {
                reason: reason(again),
                identifier: chosen
                    .and_then(login_of)
                    .or_else(|| request.login_hint.clone())
                    .or_else(|| again.and_then(login_of)),
                accounts_href: (!visit.accounts.accounts().is_empty()).then(|| waiting.at("/accounts")),
                cancel: Cancel::ToClient,
            })
        }
        Place::Account(_) => {
            let again = visit.session.as_ref().map(|session| &session.user_id);
            Some(Asked {
                reason: reason(again),
                identifier: again.and_then(login_of),
                accounts_href: None,
                cancel: if again.is_some() { Cancel::ToClient } else { Cancel::Unavailable },
            })
        }
        Place::Alone(_) => None,
    }
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
pub(crate) async fn post(Form(visit, place, params): Form<'_, Place>) -> Response {
    if params.one("action") == Some(ACTION_CANCEL) {
        return match place {
            Place::Flow(waiting) => waiting.cancel(visit).await,
            Place::Account(_) => account::given_up(visit),
            Place::Alone(_) => flow_error(visit, FlowError::Unknown),
        };
    }
    if matches!(place, Place::Alone(_)) {
        return flow_error(visit, FlowError::Unknown);
    }
    if params.one("action") == Some(ACTION_PASSKEY) {
        return by_passkey(visit, place, &params).await;
    }
    let identifier = params.one("identifier").unwrap_or_default().trim().to_owned();
    let Some(password) = params.one("password").filter(|_| !identifier.is_empty()) else {
        // An empty password is not an attempt, so it costs nothing and tells nothing.
        let incomplete = (StatusCode::BAD_REQUEST, Some(SignInError::Incomplete));
        return page(visit, &place, Some(&identifier), incomplete).await;
    };
    if identifier.len() > MAX_IDENTIFIER {
        return page(visit, &place, None, (StatusCode::BAD_REQUEST, Some(SignInError::Credentials))).await;
    }
    let password = Secret::new(password.to_owned());
    let credentials = Credentials { login: &identifier, password: &password };
    let begun = primary::with_password(visit.app, &visitor(&visit), credentials, start(&visit, &place)).await;
    match begun {
        Ok(reply) => took(visit, place, reply).await,
        Err(error) => refused(visit, &place, (&identifier, SignInError::Credentials), error).await,
    }
}

async fn by_passkey(visit: Visit<'_>, place: Place, params: &Params) -> Response {
    let Some(given) = assertion(params) else {
        return page(visit, &place, None, (StatusCode::BAD_REQUEST, Some(SignInError::Passkey))).await;
    };
    match primary::with_passkey(visit.app, &visitor(&visit), given, start(&visit, &place)).await {
        Ok(reply) => took(visit, place, reply).await,
        Err(error) => refused(visit, &place, ("", SignInError::Passkey), error).await,
    }
}

async fn refused(
    visit: Visit<'_>,
    place: &Place,
    (identifier, wrong): (&str, SignInError),
    error: AuthnError,
) -> Response {
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
        | AuthnError::Recovery(_) => (StatusCode::BAD_REQUEST, wrong, None),
    };
    let mut response = page(visit, place, Some(identifier), (status, Some(error))).await;
    if let Some(seconds) = wait {
        response.headers_mut().insert(header::RETRY_AFTER, HeaderValue::from(seconds));
    }
    response
}
