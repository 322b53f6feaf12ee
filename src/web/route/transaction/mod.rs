//! The pages of a sign-in after the first: they show where the transaction stands and take its next step. What is offered
//! and what is refused is the transaction's own business; nothing here decides anything.

mod act;
mod device;
mod problem;
mod show;

use http::{Method, StatusCode};
use poem::{Response, handler};

use self::{
    act::act,
    show::{backup_code, set_up, show, show_again},
};
pub(super) use self::{
    act::{assertion, attestation, profile},
    device::{enrolling, enrolment_state, told},
    problem::problem,
    show::{asking, detail, seed, stage},
};
use super::{
    account,
    answer::{fault_page, flow_error},
    form::{Form, Link},
    recovery, step,
    visit::Visit,
    waiting::{Place, Waiting},
};
use crate::{
    app::App,
    authn::{
        rules::Options,
        service::{
            AuthnError, Face, Gain, Pending, Reply, Start, Success, Visitor, factors, navigation, primary,
            push as pushing,
        },
        state::{RecoveryKind, State},
    },
    authorize::{
        dispatch::Step,
        flow::FlowError,
        step_up::{StepUpError, requirement},
    },
    fault::Fault,
    id::SessionId,
    model::{factor::FactorKind, push::PushResult, session::VerifiedFactor},
    protocol::{
        error::{ErrorCode, OAuthError},
        params::Params,
    },
    session::sso::Opened,
    web::{
        cookie::RememberedAccount,
        factor::{choose::ACTION_BACKUP_CODE, verify::ACTION_VERIFY_BACKUP_CODE},
        recovery::Recovered,
        step::{StepError, Way},
    },
};

/// The visitor of a page, as transactions know visitors.
pub(super) fn visitor<'a>(visit: &'a Visit<'_>) -> Visitor<'a> {
    Visitor { caller: visit.caller, device: Some(&visit.binding), face: Face::Page(visit.session.as_ref()) }
}

/// What a transaction of pages begins with.
pub(super) fn start(visit: &Visit<'_>, place: &Place) -> Start {
    let options = Options { multi_optional_factor_enroll: false, warn_before_password_expired: true };
    let application = place.card().map(|card| card.name);
    Start { options, application, token: Some(visit.state_token(place.name())), ..Start::default() }
}

/// Begins to raise the session of this browser: just what is missing is asked for (RFC 9470 §5).
#[handler]
pub(crate) async fn step_up(Link(visit, waiting): Link<'_, Waiting>) -> Response {
    // Whoever types the address does not get round what is due before.
    match waiting.due(&visit).await {
        Ok(Step::Factor(_)) => {}
        due => return step(visit, due, &Method::GET).await,
    }
    let (session, user) = match (visit.session.clone(), visit.user().await) {
        (Some(session), Ok(Some(user))) => (session, user),
        (_, Ok(_)) => return visit.redirect(&waiting.at("/signin")),
        (_, Err(fault)) => return fault_page(visit, &fault),
    };
    let pending = &waiting.flow.pending;
    let of = (&*waiting.server, &*waiting.client);
    let asked = (&pending.request, &pending.progress);
    let requirement = match requirement(visit.app, of, asked, (&session, &user), visit.caller).await {
        Ok(requirement) => requirement,
        Err(StepUpError::Denied(error)) => return waiting.deny(visit, &error, &Method::GET).await,
        Err(StepUpError::Fault(fault)) => return fault_page(visit, &fault),
    };
    let place = Place::Flow(Box::new(waiting));
    let start = Start { requirement, ..start(&visit, &place) };
    let reply = primary::with_session(visit.app, &visitor(&visit), &session, start).await;
    match (reply, place) {
        (Ok(reply), place) => took(visit, place, reply).await,
        (Err(AuthnError::Fault(fault)), _) => fault_page(visit, &fault),
        (Err(_), Place::Flow(waiting)) => {
            let error = OAuthError::new(
                ErrorCode::UnmetAuthenticationRequirements,
                "The user cannot prove what is asked for.",
            );
            waiting.deny(visit, &error, &Method::GET).await
        }
        (Err(_), Place::Alone(_) | Place::Account(_)) => flow_error(visit, FlowError::Unknown),
    }
}

/// Shows where the transaction stands.
#[handler]
pub(crate) async fn get(Link(visit, place): Link<'_, Place>) -> Response {
    let token = visit.state_token(place.name());
    match pushing::poll(visit.app, &visitor(&visit), token.expose()).await {
        Ok(Reply::Pending(mut pending)) => match shown(&visit, &mut pending).await {
            Ok(()) => show(visit, place, &pending, (StatusCode::OK, None)),
            Err(fault) => fault_page(visit, &fault),
        },
        Ok(reply) => took(visit, place, reply).await,
        // It went through, and no application waits for it.
        Err(AuthnError::Token) if matches!(place, Place::Alone(_)) && visit.session.is_some() => {
            recovery::ended(visit, &place, Recovered::SignedIn)
        }
        Err(error) => stopped(visit, place, error),
    }
}

/// What another device that a page waits for has done.
#[handler]
pub(crate) async fn push(Link(visit, place): Link<'_, Place>) -> Response {
    let token = visit.state_token(place.name());
    let state = match navigation::look(visit.app, &visitor(&visit), token.expose()).await {
        Ok(Reply::Pending(pending)) => push_state(visit.app, &pending),
        Ok(Reply::Success(_) | Reply::LockedOut) | Err(_) => None,
    };
    told(&visit, state)
}

/// What another device that is waited for has done.
fn push_state(app: &App, pending: &Pending) -> Option<PushResult> {
    match &pending.transaction.position.state {
        State::MfaChallenge { kind: FactorKind::Push, .. } => {
            pending.facts.push.as_ref().map(|asked| asked.result(app.now()))
        }
        State::MfaEnrollActivate { factor, kind: FactorKind::Push } => {
            pending.facts.factor(factor).map(|factor| enrolment_state(app, factor))
        }
        _ => None,
    }
}

/// Takes a step.
#[handler]
pub(crate) async fn post(Form(visit, place, params): Form<'_, Place>) -> Response {
    let token = visit.state_token(place.name());
    // What the form is about is asked of the transaction, not of the form.
    let mut pending = match navigation::look(visit.app, &visitor(&visit), token.expose()).await {
        Ok(Reply::Pending(pending)) => pending,
        Ok(reply) => return took(visit, place, reply).await,
        Err(error) => return stopped(visit, place, error),
    };
    if params.one("action") == Some(Way::Cancel.action()) {
        return cancel(visit, place, token.expose()).await;
    }
    if params.one("action") == Some(Way::Choices.action()) {
        return show(visit, place, &pending, (StatusCode::OK, None));
    }
    if params.one("newPassword") != params.one("repeatPassword") {
        return show(visit, place, &pending, (StatusCode::BAD_REQUEST, Some(StepError::Mismatch)));
    }
    if let Some(kind) = asks_first(&params) {
        return set_up(visit, place, &pending, (kind, None, None));
    }
    if params.one("action") == Some(ACTION_BACKUP_CODE) {
        return backup_code(visit, place, &pending, (StatusCode::OK, None));
    }
    let asked_for_link = params.one("action") == Some(Way::LinkOpened.action());
    match act(visit.app, &visitor(&visit), token.expose(), (&pending, &params)).await {
        Ok(Reply::Pending(still))
            if asked_for_link && matches!(still.transaction.position.state, State::MfaChallenge { .. }) =>
        {
            show_again(visit, place, &still, (StatusCode::OK, StepError::NotOpened), &params)
        }
        Ok(reply) => took(visit, place, reply).await,
        Err(error) => match shown(&visit, &mut pending).await {
            Ok(()) => again(visit, place, &pending, (&params, error)),
            Err(fault) => fault_page(visit, &fault),
        },
    }
}

/// Adds what the page of this step shows beside it.
async fn shown(visit: &Visit<'_>, pending: &mut Pending) -> Result<(), Fault> {
    factors::show_again(visit.app, visit.caller, pending).await
}

/// A kind of factor of which something must be said before it is enrolled.
pub(super) fn asks_first(params: &Params) -> Option<FactorKind> {
    let kind = params.one("kind").and_then(FactorKind::from_key)?;
    let says = params.one("action").is_some();
    let asks = matches!(
        kind,
        FactorKind::Question | FactorKind::Sms | FactorKind::Call | FactorKind::Email | FactorKind::Yubikey
    );
    (asks && !says).then_some(kind)
}

/// Goes where a step led.
pub(super) async fn took(visit: Visit<'_>, place: Place, reply: Reply) -> Response {
    match reply {
        // A page of its own, which can be loaded anew without sending the password or code again.
        Reply::Pending(_) => visit.redirect(&format!("/signin/step?flow={}", place.name())),
        Reply::LockedOut => recovery::ended(visit, &place, Recovered::LockedOut),
        Reply::Success(success) => {
            let Success { user, proven, gain, raised, .. } = *success;
            match gain {
                Gain::Session(opened) => {
                    let account = RememberedAccount {
                        user_id: user.id.to_string(),
                        display_name: user.profile.display_name(&user.login),
                        login: user.login,
                    };
                    entered(visit, place, (account, *opened), (&proven, raised.as_ref())).await
                }
                Gain::Recovered(RecoveryKind::Unlock) => recovery::ended(visit, &place, Recovered::Unlocked),
                Gain::Recovered(RecoveryKind::Password) => {
                    recovery::ended(visit, &place, Recovered::Password)
                }
                Gain::Recovered(RecoveryKind::AccountActivation) => {
                    recovery::ended(visit, &place, Recovered::Activated)
                }
                // Pages are given sessions.
                Gain::SessionToken(_) => flow_error(visit, FlowError::Unknown),
            }
        }
    }
}

/// Goes on with the session that was won.
async fn entered(
    mut visit: Visit<'_>,
    place: Place,
    (account, opened): (RememberedAccount, Opened),
    (proven, raised): (&[VerifiedFactor], Option<&SessionId>),
) -> Response {
    let user_id = opened.session.user_id.clone();
    visit.accounts.remember(account);
    visit.save_accounts();
    let before: Vec<_> = visit.session.iter().flat_map(|session| session.factors.clone()).collect();
    let fresh: Vec<_> = proven.iter().filter(|proof| !before.contains(proof)).cloned().collect();
    // A factor, or a code in place of one, is no answer to `prompt=login` (Core §3.1.2.1; security rule T4), but for a
    // passkey that a sign-in began with.
    let again = raised.is_none() || fresh.iter().any(|proof| !proof.is_beside_password());
    visit.open_session(opened.session, opened.cookie.expose());
    let mut waiting = match place {
        Place::Flow(waiting) => *waiting,
        // A page of its own, which can be loaded anew.
        Place::Alone(name) => return visit.redirect(&format!("/signin/step?flow={name}")),
        Place::Account(errand) => return visit.redirect(&errand.path()),
    };
    let progress = &mut waiting.flow.pending.progress;
    if again {
        progress.signed_in(&user_id, &fresh);
    } else {
        progress.stepped_up(&user_id, &fresh);
    }
    if let Err(error) = waiting.save(visit.app).await {
        return flow_error(visit, error);
    }
    waiting.go_on(visit).await
}

async fn cancel(visit: Visit<'_>, place: Place, token: &str) -> Response {
    let cancelled = navigation::cancel(visit.app, &visitor(&visit), token).await;
    if let Err(AuthnError::Fault(fault)) = cancelled {
        return fault_page(visit, &fault);
    }
    match &place {
        Place::Flow(waiting) => waiting.cancel(visit).await,
        Place::Alone(_) => recovery::ended(visit, &place, Recovered::Cancelled),
        Place::Account(_) => account::given_up(visit),
    }
}

/// A transaction that is over, or never was, begins anew.
fn stopped(visit: Visit<'_>, place: Place, error: AuthnError) -> Response {
    match (error, place) {
        (AuthnError::Fault(fault), _) => fault_page(visit, &fault),
        (AuthnError::Locked, place) => recovery::ended(visit, &place, Recovered::LockedOut),
        (_, Place::Flow(waiting)) => visit.redirect(&waiting.at("/signin")),
        (_, Place::Alone(_)) => flow_error(visit, FlowError::Unknown),
        // Whatever is still missing is asked for there.
        (_, Place::Account(errand)) => visit.redirect(&errand.path()),
    }
}

/// Shows the step again, and what was wrong.
fn again(
    visit: Visit<'_>,
    place: Place,
    before: &Pending,
    (params, error): (&Params, AuthnError),
) -> Response {
    let (status, problem) = match problem(error) {
        Ok(problem) => problem,
        Err(error) => return stopped(visit, place, error),
    };
    if params.one("action") == Some(ACTION_VERIFY_BACKUP_CODE) {
        return backup_code(visit, place, before, (status, Some(problem)));
    }
    let kind = params.one("kind").and_then(FactorKind::from_key);
    if let (Some(kind), State::MfaEnroll) = (kind, &before.transaction.position.state) {
        let typed = params.one("phoneNumber").or(params.one("question"));
        return set_up(visit, place, before, (kind, typed, Some((status, problem))));
    }
    show_again(visit, place, before, (status, problem), params)
}
