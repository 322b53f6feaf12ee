//! The pages of a sign-in after the first: they show where the transaction stands and take its next step. What is offered
//! and what is refused is the transaction's own business; nothing here decides anything.

use std::sync::Arc;

use http::{Method, StatusCode};
use poem::{Body, Request, Response, handler, web::Data};
use serde_json::{Map, Value};

use super::{
    answer::{fault_page, flow_error, target},
    authorize::{no_visit, own_form},
    leaving::step_for,
    recovery,
    signin::{Waiting, flow_in},
    step,
    visit::{Visit, card_of},
};
use crate::{
    app::App,
    authn::{
        action::Action,
        rules::{Options, Standing},
        service::{
            AuthnError, Face, Gain, Pending, Reply, Start, Success, Visitor, credentials, factors,
            factors::Given, navigation, primary, recovery as recoveries,
        },
        state::{PhoneChannel, RecoveryKind, State},
        transaction::Remember,
    },
    authorize::{
        dispatch::{Journey, deny, dispatch},
        flow::FlowError,
        step_up::{StepUpError, requirement},
    },
    factor::{Activation, FactorError, UpdatePhone, question::QUESTIONS},
    id::FactorId,
    model::{
        factor::{Factor, FactorKind, masked_email, masked_phone},
        policy::Requirement,
        session::VerifiedFactor,
        user::User,
    },
    protocol::{
        error::{ErrorCode, OAuthError},
        params::Params,
    },
    secret::Secret,
    session::sso::Opened,
    store,
    syslog::Caller,
    user::{
        password::{PasswordError, RevokeSessions},
        password_policy,
        recovery::RecoveryError,
    },
    web::{
        cookie::RememberedAccount,
        factor::{
            activate::{self as activating, Activate, Seed},
            choose::{ACTION_BACKUP_CODE, BackupCodes, Choice, choose},
            enroll::{self as enrolling, Done, Offer},
            verify::{self as verifying, Prove, Remember as RememberBox},
        },
        headers,
        layout::Person,
        password::{ACTION_CHANGE, ACTION_RESET, PasswordReason, password},
        recovery as recovery_pages,
        step::{Stage, StepError, Way},
    },
};

/// What forms of these pages are bound to.
pub(super) const STEP: &str = "signin step";

/// What a transaction of pages belongs to.
pub(super) enum Place {
    /// A pending authorization request.
    Flow(Box<Waiting>),
    /// Nothing but the link of a mail, under a name that its pages share.
    Alone(String),
}

impl Place {
    /// The place that a form or link names. What is no flow of this browser has no transaction either.
    pub(super) async fn load(visit: &Visit<'_>, name: Option<&str>) -> Result<Self, FlowError> {
        match name.filter(|name| name.starts_with(recovery::ALONE)) {
            Some(name) => Ok(Self::Alone(name.to_owned())),
            None => Ok(Self::Flow(Box::new(Waiting::load(visit, name).await?))),
        }
    }

    /// The name that forms and state tokens are bound to.
    pub(super) fn name(&self) -> &str {
        match self {
            Self::Flow(waiting) => waiting.flow.id.as_str(),
            Self::Alone(name) => name,
        }
    }

    /// Where its sign-in begins, if it is one.
    pub(super) fn beginning(&self) -> String {
        match self {
            Self::Flow(waiting) => format!("/signin?flow={}", waiting.flow.id),
            Self::Alone(_) => "/".to_owned(),
        }
    }
}

/// The visitor of a page, as transactions know visitors.
pub(super) fn visitor<'a>(visit: &'a Visit<'_>) -> Visitor<'a> {
    Visitor { caller: visit.caller, device: Some(&visit.binding), face: Face::Page(visit.session.as_ref()) }
}

/// What a transaction of pages begins with.
pub(super) fn start(visit: &Visit<'_>, place: &Place) -> Start {
    let options = Options { multi_optional_factor_enroll: false, warn_before_password_expired: true };
    Start { options, token: Some(visit.state_token(place.name())), ..Start::default() }
}

/// Begins to raise the session of this browser: just what is missing is asked for (RFC 9470 §5).
#[handler]
pub(crate) async fn step_up(request: &Request, app: Data<&Arc<App>>, caller: Data<&Arc<Caller>>) -> Response {
    let visit = match Visit::begin(&app, &caller, request.headers()).await {
        Ok(visit) => visit,
        Err(fault) => return no_visit(&app, &caller, &fault),
    };
    let waiting = match Waiting::load(&visit, flow_in(request).as_deref()).await {
        Ok(waiting) => waiting,
        Err(error) => return flow_error(visit, error),
    };
    let Some(session) = visit.session.clone() else {
        return visit.redirect(&format!("/signin?flow={}", waiting.flow.id));
    };
    let user = match store::user::find_holder(&app.db, &session.user_id).await {
        Ok(Some(user)) => user,
        Ok(None) => return visit.redirect(&format!("/signin?flow={}", waiting.flow.id)),
        Err(fault) => return fault_page(visit, &fault),
    };
    let pending = &waiting.flow.pending;
    let of = (&*waiting.server, &*waiting.client);
    let asked = (&pending.request, &pending.progress);
    let requirement = match requirement(&app, of, asked, (&session, &user), &caller).await {
        Ok(requirement) => requirement,
        Err(StepUpError::Denied(error)) => return denied(visit, &waiting, &error).await,
        Err(StepUpError::Fault(fault)) => return fault_page(visit, &fault),
    };
    let place = Place::Flow(Box::new(waiting));
    let start = Start { requirement, ..start(&visit, &place) };
    let reply = primary::with_session(&app, &visitor(&visit), &session, start).await;
    match reply {
        Ok(Reply::Pending(pending)) => show(visit, place, &pending, (StatusCode::OK, None)),
        Ok(reply) => took(visit, place, reply).await,
        Err(AuthnError::Fault(fault)) => fault_page(visit, &fault),
        Err(_) => {
            let error = OAuthError::new(
                ErrorCode::UnmetAuthenticationRequirements,
                "The user cannot prove what is asked for.",
            );
            match place {
                Place::Flow(waiting) => denied(visit, &waiting, &error).await,
                Place::Alone(_) => flow_error(visit, FlowError::Unknown),
            }
        }
    }
}

async fn denied(visit: Visit<'_>, waiting: &Waiting, error: &OAuthError) -> Response {
    let next = deny(visit.app, &Journey::Frozen(&waiting.flow), error, visit.caller).await;
    step_for(visit, &waiting.client, next, &Method::GET).await
}

/// Shows where the transaction stands.
#[handler]
pub(crate) async fn get(request: &Request, app: Data<&Arc<App>>, caller: Data<&Arc<Caller>>) -> Response {
    let visit = match Visit::begin(&app, &caller, request.headers()).await {
        Ok(visit) => visit,
        Err(fault) => return no_visit(&app, &caller, &fault),
    };
    let place = match Place::load(&visit, flow_in(request).as_deref()).await {
        Ok(place) => place,
        Err(error) => return flow_error(visit, error),
    };
    let token = visit.state_token(place.name());
    match navigation::look(&app, &visitor(&visit), token.expose()).await {
        Ok(reply) => took(visit, place, reply).await,
        Err(error) => stopped(visit, place, error),
    }
}

/// Takes a step.
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
    let place = match Place::load(&visit, params.one("flow_id")).await {
        Ok(place) => place,
        Err(error) => return flow_error(visit, error),
    };
    let token = visit.state_token(place.name());
    // What the form is about is asked of the transaction, not of the form.
    let pending = match navigation::look(&app, &visitor(&visit), token.expose()).await {
        Ok(Reply::Pending(pending)) => pending,
        Ok(reply) => return took(visit, place, reply).await,
        Err(error) => return stopped(visit, place, error),
    };
    if params.one("action") == Some(Way::Cancel.action()) {
        return cancel(visit, place, token.expose()).await;
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
    match act(&app, &visitor(&visit), token.expose(), (&pending, &params)).await {
        Ok(reply) => took(visit, place, reply).await,
        Err(error) => again(visit, place, &pending, (&params, error)),
    }
}

/// A kind of factor of which something must be said before it is enrolled.
fn asks_first(params: &Params) -> Option<FactorKind> {
    let kind = params.one("kind").and_then(FactorKind::from_key)?;
    let says = params.one("action").is_some();
    let asks = matches!(kind, FactorKind::Question | FactorKind::Sms | FactorKind::Call | FactorKind::Email);
    (asks && !says).then_some(kind)
}

/// Takes the step that a form asks for.
async fn act(
    app: &App,
    visitor: &Visitor<'_>,
    token: &str,
    (pending, params): (&Pending, &Params),
) -> Result<Reply, AuthnError> {
    let state = &pending.transaction.position.state;
    let text = |name: &str| Secret::new(params.one(name).unwrap_or_default().to_owned());
    let remember = if params.one("rememberDevice").is_some() { Remember::Yes } else { Remember::No };
    if let Some(factor) = params.one("factor") {
        return factors::verify(app, visitor, token, (&FactorId::new(factor), Given::Nothing), remember)
            .await;
    }
    match (params.one("action"), state) {
        (None, State::MfaEnroll) | (Some(enrolling::ACTION_ENROLL), _) => {
            let kind = params.one("kind").and_then(FactorKind::from_key).ok_or(AuthnError::NotAllowed)?;
            factors::enroll(app, visitor, token, (kind, profile(kind, params)), UpdatePhone::Keep).await
        }
        (Some("previous"), _) => navigation::previous(app, visitor, token).await,
        (Some("skip"), _) => navigation::skip(app, visitor, token).await,
        (Some("resend"), State::MfaChallenge { factor, .. }) => {
            factors::resend(app, visitor, token, factor).await
        }
        (Some("resend"), State::MfaEnrollActivate { factor, .. }) => {
            factors::resend_activation(app, visitor, token, factor).await
        }
        (Some("resend"), State::RecoveryChallenge { channel, .. }) => {
            recoveries::resend(app, visitor, token, *channel).await
        }
        (Some(verifying::ACTION_VERIFY), State::RecoveryChallenge { channel, .. }) => {
            recoveries::verify(app, visitor, token, (*channel, &text("passCode"))).await
        }
        (Some(verifying::ACTION_SEND | "link_opened"), _) => {
            let factor = only_factor(pending).ok_or(AuthnError::NotAllowed)?;
            factors::verify(app, visitor, token, (&factor.id, Given::Nothing), remember).await
        }
        (Some(verifying::ACTION_VERIFY), _) => {
            let factor = only_factor(pending).ok_or(AuthnError::NotAllowed)?;
            let given = match factor.kind {
                FactorKind::Question => Given::Answer(text("answer")),
                FactorKind::Sms
                | FactorKind::Call
                | FactorKind::Email
                | FactorKind::TotpOkta
                | FactorKind::TotpGoogle
                | FactorKind::HotpCustom => Given::PassCode(text("passCode")),
            };
            factors::verify(app, visitor, token, (&factor.id, given), remember).await
        }
        (Some(verifying::ACTION_VERIFY_BACKUP_CODE), _) => {
            factors::use_backup_code(app, visitor, token, &text("code")).await
        }
        (Some(activating::ACTION_ACTIVATE), State::MfaEnrollActivate { factor, .. }) => {
            factors::activate(app, visitor, token, (factor, text("passCode"))).await
        }
        (Some(ACTION_CHANGE), _) => {
            let (old, new) = (text("oldPassword"), text("newPassword"));
            credentials::change(app, visitor, token, (&old, &new), revoke(params)).await
        }
        (Some(ACTION_RESET), _) => {
            credentials::reset(app, visitor, token, &text("newPassword"), revoke(params)).await
        }
        (Some(recovery_pages::ACTION_ANSWER), _) => {
            recoveries::answer(app, visitor, token, &text("answer")).await
        }
        (_, _) => Err(AuthnError::NotAllowed),
    }
}

fn revoke(params: &Params) -> RevokeSessions<'static> {
    if params.one("revokeSessions").is_some() { RevokeSessions::All } else { RevokeSessions::None }
}

fn profile(kind: FactorKind, params: &Params) -> Map<String, Value> {
    let names: &[&str] = match kind {
        FactorKind::Question => &["question", "answer"],
        FactorKind::Sms => &["phoneNumber"],
        FactorKind::Call => &["phoneNumber", "phoneExtension"],
        FactorKind::Email | FactorKind::TotpOkta | FactorKind::TotpGoogle | FactorKind::HotpCustom => &[],
    };
    let member = |name: &&str| {
        let text = params.one(name).map(str::trim).filter(|text| !text.is_empty())?;
        Some(((*name).to_owned(), Value::from(text)))
    };
    names.iter().filter_map(member).collect()
}

/// The factor that a page without a choice is about.
fn only_factor(pending: &Pending) -> Option<&Factor> {
    match &pending.transaction.position.state {
        State::MfaChallenge { factor, .. } => pending.facts.factor(factor),
        State::MfaRequired => match offered(pending).as_slice() {
            [only] => Some(*only),
            _ => None,
        },
        _ => None,
    }
}

/// The factors that can be chosen, the last used first.
fn offered(pending: &Pending) -> Vec<&Factor> {
    let ids: Vec<FactorId> = pending
        .actions()
        .into_iter()
        .filter_map(|action| match action {
            Action::Verify(id) => Some(id),
            _ => None,
        })
        .collect();
    pending.facts.factors.iter().filter(|factor| ids.contains(&factor.id)).collect()
}

/// Goes where a step led.
pub(super) async fn took(visit: Visit<'_>, place: Place, reply: Reply) -> Response {
    match reply {
        Reply::Pending(pending) => show(visit, place, &pending, (StatusCode::OK, None)),
        Reply::LockedOut => recovery::ended(visit, &place, recovery_pages::Recovered::LockedOut),
        Reply::Success(success) => {
            let Success { user, proven, gain, .. } = *success;
            match gain {
                Gain::Session(opened) => {
                    let account = RememberedAccount {
                        user_id: user.id.to_string(),
                        login: user.login.clone(),
                        display_name: user.profile.full_name().unwrap_or_else(|| user.login.clone()),
                    };
                    entered(visit, place, (account, *opened), &proven).await
                }
                Gain::Recovered(RecoveryKind::Unlock) => {
                    recovery::ended(visit, &place, recovery_pages::Recovered::Unlocked)
                }
                Gain::Recovered(RecoveryKind::Password | RecoveryKind::AccountActivation) => {
                    recovery::ended(visit, &place, recovery_pages::Recovered::Password)
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
    proven: &[VerifiedFactor],
) -> Response {
    let app = visit.app;
    let user_id = opened.session.user_id.clone();
    let raised = visit.session.as_ref().is_some_and(|session| session.user_id == user_id);
    visit.accounts.remember(account);
    visit.save_accounts();
    let before: Vec<_> = visit.session.iter().flat_map(|session| session.factors.clone()).collect();
    let fresh: Vec<_> = proven.iter().filter(|proof| !before.contains(proof)).cloned().collect();
    let again = fresh.iter().any(|proof| proof.factor_id.is_none());
    visit.open_session(opened.session, opened.cookie.expose());
    let mut waiting = match place {
        Place::Flow(waiting) => *waiting,
        Place::Alone(_) => return visit.redirect("/"),
    };
    let progress = &mut waiting.flow.pending.progress;
    if raised && !again {
        progress.stepped_up(&user_id, &fresh);
    } else {
        progress.signed_in(&user_id, &fresh);
    }
    if let Err(error) = waiting.save(app).await {
        return flow_error(visit, error);
    }
    let browser = visit.browser();
    let journey = Journey::Frozen(&waiting.flow);
    let next = dispatch(app, &waiting.server, &waiting.client, journey, &browser).await;
    step(visit, next, &Method::POST).await
}

async fn cancel(visit: Visit<'_>, place: Place, token: &str) -> Response {
    let cancelled = navigation::cancel(visit.app, &visitor(&visit), token).await;
    if let Err(AuthnError::Fault(fault)) = cancelled {
        return fault_page(visit, &fault);
    }
    match place {
        Place::Flow(waiting) => {
            let error = OAuthError::new(ErrorCode::AccessDenied, "The user cancelled the sign-in.");
            let next = deny(visit.app, &Journey::Frozen(&waiting.flow), &error, visit.caller).await;
            step_for(visit, &waiting.client, next, &Method::POST).await
        }
        Place::Alone(_) => visit.redirect("/"),
    }
}

/// A transaction that is over, or never was, begins anew.
fn stopped(visit: Visit<'_>, place: Place, error: AuthnError) -> Response {
    match (error, place) {
        (AuthnError::Fault(fault), _) => fault_page(visit, &fault),
        (AuthnError::Locked, place) => recovery::ended(visit, &place, recovery_pages::Recovered::LockedOut),
        (_, Place::Flow(waiting)) => visit.redirect(&format!("/signin?flow={}", waiting.flow.id)),
        (_, Place::Alone(_)) => flow_error(visit, FlowError::Unknown),
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
    if params.one("action") == Some(verifying::ACTION_VERIFY_BACKUP_CODE) {
        return backup_code(visit, place, before, (status, Some(problem)));
    }
    let kind = params.one("kind").and_then(FactorKind::from_key);
    if let (Some(kind), State::MfaEnroll) = (kind, &before.transaction.position.state) {
        return set_up(visit, place, before, (kind, params.one("phoneNumber"), Some((status, problem))));
    }
    show(visit, place, before, (status, Some(problem)))
}

/// What a page says of an error; those that end the transaction come back.
pub(super) fn problem(error: AuthnError) -> Result<(StatusCode, StepError), AuthnError> {
    let bad = StatusCode::BAD_REQUEST;
    let many = StatusCode::TOO_MANY_REQUESTS;
    Ok(match error {
        AuthnError::Factor(FactorError::Fault(fault))
        | AuthnError::Password(PasswordError::Fault(fault))
        | AuthnError::Recovery(RecoveryError::Fault(fault)) => return Err(fault.into()),
        AuthnError::NotAllowed | AuthnError::Factor(FactorError::Unknown | FactorError::WrongStatus) => {
            (bad, StepError::Moved)
        }
        AuthnError::Throttled(_)
        | AuthnError::Factor(FactorError::TooManyAttempts | FactorError::TooManyMessages)
        | AuthnError::Recovery(RecoveryError::Throttled(_) | RecoveryError::TooManyMessages) => {
            (many, StepError::TooMany)
        }
        AuthnError::Busy
        | AuthnError::Password(PasswordError::Busy)
        | AuthnError::Recovery(RecoveryError::Busy) => (many, StepError::Busy),
        AuthnError::Factor(FactorError::SentRecently(_))
        | AuthnError::Recovery(RecoveryError::SentRecently(_)) => (many, StepError::SentRecently),
        AuthnError::Factor(FactorError::Replayed) => (bad, StepError::Replayed),
        AuthnError::Factor(FactorError::Locked)
        | AuthnError::Password(PasswordError::Locked)
        | AuthnError::Recovery(RecoveryError::Locked) => (bad, StepError::Locked),
        AuthnError::Factor(FactorError::PhoneNumber | FactorError::PhoneExtension | FactorError::Country) => {
            (bad, StepError::PhoneNumber)
        }
        AuthnError::Factor(FactorError::Invalid { problem, .. }) => (bad, StepError::Invalid(problem)),
        AuthnError::Recovery(RecoveryError::Invalid { problem, .. }) => {
            (bad, StepError::Invalid(problem.to_owned()))
        }
        AuthnError::Password(PasswordError::WrongPassword) => (bad, StepError::WrongPassword),
        AuthnError::Password(PasswordError::Weak(lacks)) => {
            (bad, StepError::Password(lacks.iter().map(ToString::to_string).collect()))
        }
        AuthnError::Password(error @ (PasswordError::TooYoung { .. } | PasswordError::NotAllowed)) => {
            (bad, StepError::Invalid(error.to_string()))
        }
        AuthnError::Factor(_)
        | AuthnError::Recovery(RecoveryError::WrongCode | RecoveryError::WrongAnswer) => {
            (bad, StepError::Wrong)
        }
        error @ (AuthnError::Refused
        | AuthnError::Token
        | AuthnError::Locked
        | AuthnError::Unreachable
        | AuthnError::Password(PasswordError::Status(_))
        | AuthnError::Recovery(_)
        | AuthnError::Fault(_)) => return Err(error),
    })
}

/// What all pages of the transaction show.
pub(super) fn stage(visit: &Visit<'_>, place: &Place, error: Option<StepError>, ways: Vec<Way>) -> Stage {
    let client = match place {
        Place::Flow(waiting) => Some(card_of(&waiting.client, &waiting.flow.pending.request)),
        Place::Alone(_) => None,
    };
    Stage { client, person: None, form: visit.form("/signin/step", place.name(), STEP), error, ways }
}

fn ways(pending: &Pending, kind: Option<FactorKind>) -> Vec<Way> {
    let mut ways = Vec::new();
    for action in pending.actions() {
        match action {
            Action::ResendRecovery(_) | Action::ResendActivation(_) | Action::ResendChallenge(_) => {
                if kind == Some(FactorKind::Email) && matches!(action, Action::ResendChallenge(_)) {
                    ways.push(Way::LinkOpened);
                }
                ways.push(Way::Resend);
            }
            Action::UseBackupCode => ways.push(Way::BackupCode),
            Action::Previous => ways.push(Way::Previous),
            Action::Skip => ways.push(Way::Skip),
            Action::Cancel => ways.push(Way::Cancel),
            Action::SubmitPassword
            | Action::ChangePassword
            | Action::ResetPassword
            | Action::AnswerRecovery
            | Action::VerifyRecovery(_)
            | Action::Unlock
            | Action::Enroll(_)
            | Action::Activate(_)
            | Action::Verify(_) => {}
        }
    }
    ways
}

/// Shows the page of the transaction's state.
fn show(
    visit: Visit<'_>,
    place: Place,
    pending: &Pending,
    (status, error): (StatusCode, Option<StepError>),
) -> Response {
    let state = &pending.transaction.position.state;
    let kind = match state {
        State::MfaChallenge { kind, .. } | State::MfaEnrollActivate { kind, .. } => Some(*kind),
        _ => None,
    };
    let mut stage = stage(&visit, &place, error, ways(pending, kind));
    // Before something was proved nobody learns who has an account.
    let known = !matches!(state, State::RecoveryChallenge { .. });
    stage.person = pending.facts.user.as_ref().filter(|_| known).map(person);
    let rules = || vec![password_policy::requirements(&pending.facts.policies.password)];
    let markup = match state {
        // Only credentials help: the sign-in page asks for them.
        State::Unauthenticated => {
            let to = place.beginning();
            return visit.redirect(&to);
        }
        State::PasswordWarn => {
            let days = match pending.facts.rules.password {
                Standing::Warn { days } => days,
                Standing::Fine | Standing::Expired => 0,
            };
            password(&stage, PasswordReason::ExpiresIn(days), &rules())
        }
        State::PasswordExpired => password(&stage, PasswordReason::Expired, &rules()),
        State::PasswordReset { kind: RecoveryKind::AccountActivation } => {
            password(&stage, PasswordReason::NewAccount, &rules())
        }
        State::PasswordReset { .. } => password(&stage, PasswordReason::Forgotten, &rules()),
        State::Recovery { .. } => {
            recovery_pages::question(&stage, pending.facts.question.as_deref().unwrap_or("Your answer"))
        }
        State::RecoveryChallenge { channel, .. } => {
            let channel = match channel {
                PhoneChannel::Sms => recovery_pages::Channel::Sms,
                PhoneChannel::Call => recovery_pages::Channel::Call,
            };
            recovery_pages::code(&stage, channel)
        }
        State::MfaRequired => match (only_factor(pending), offered(pending)) {
            (Some(only), _) if only.kind.is_sent() => {
                verifying::send(&stage, only.kind, detail(only).as_deref())
            }
            (Some(only), _) => verifying::verify(&stage, &prove(pending, only)),
            (None, offered) => {
                let choices: Vec<Choice> = offered
                    .into_iter()
                    .map(|factor| Choice { id: factor.id.clone(), kind: factor.kind, detail: detail(factor) })
                    .collect();
                // The list has it already.
                stage.ways.retain(|way| *way != Way::BackupCode);
                let backup = match pending.facts.rules.backup_codes {
                    crate::authn::rules::BackupCodes::Available => BackupCodes::Offered,
                    crate::authn::rules::BackupCodes::None => BackupCodes::None,
                };
                choose(&stage, &choices, backup)
            }
        },
        State::MfaChallenge { factor, .. } => match pending.facts.factor(factor) {
            Some(factor) => verifying::verify(&stage, &prove(pending, factor)),
            None => return stopped(visit, place, AuthnError::Token),
        },
        State::MfaEnroll => enrolling::choose(&stage, &offers(pending)),
        State::MfaEnrollActivate { factor, kind } => {
            let factor = pending.facts.factor(factor);
            let activate = Activate {
                kind: *kind,
                destination: factor.and_then(detail).filter(|_| kind.is_sent()),
                digits: pending.activation.as_ref().map_or(6, |activation| activation.key_length),
                seed: factor
                    .zip(pending.activation.as_ref())
                    .map(|(factor, activation)| seed(factor, activation)),
            };
            activating::activate(&stage, &activate)
        }
        State::LockedOut | State::Success => return stopped(visit, place, AuthnError::Token),
    };
    html(visit, &place, status, markup)
}

/// The page that takes a recovery code.
fn backup_code(
    visit: Visit<'_>,
    place: Place,
    pending: &Pending,
    (status, error): (StatusCode, Option<StepError>),
) -> Response {
    if !pending.actions().contains(&Action::UseBackupCode) {
        return show(visit, place, pending, (StatusCode::BAD_REQUEST, Some(StepError::Moved)));
    }
    let mut stage = stage(&visit, &place, error, vec![Way::Cancel]);
    stage.person = pending.facts.user.as_ref().map(person);
    let markup = verifying::backup_code(&stage);
    html(visit, &place, status, markup)
}

/// Sends a page of the transaction.
pub(super) fn html(visit: Visit<'_>, place: &Place, status: StatusCode, markup: maud::Markup) -> Response {
    let redirect = match place {
        Place::Flow(waiting) => Some(target(&waiting.flow.pending.request.destination.redirect_uri)),
        Place::Alone(_) => None,
    };
    let headers = headers::page(&visit.nonce, redirect.as_deref(), visit.hsts());
    visit.html(status, headers, markup)
}

/// The page that asks for what an enrolment needs.
fn set_up(
    visit: Visit<'_>,
    place: Place,
    pending: &Pending,
    (kind, typed, error): (FactorKind, Option<&str>, Option<(StatusCode, StepError)>),
) -> Response {
    if !pending.actions().contains(&Action::Enroll(kind)) {
        return show(visit, place, pending, (StatusCode::BAD_REQUEST, Some(StepError::Moved)));
    }
    let (status, error) = error.map_or((StatusCode::OK, None), |(status, error)| (status, Some(error)));
    let mut stage = stage(&visit, &place, error, vec![Way::Cancel]);
    stage.person = pending.facts.user.as_ref().map(person);
    let address = pending.facts.user.as_ref().and_then(|user| user.profile.text("email")).map(masked_email);
    let questions = || QUESTIONS.map(|(key, text)| (key.to_owned(), text.to_owned()));
    let markup = match kind {
        FactorKind::Sms | FactorKind::Call => enrolling::phone(&stage, kind, typed),
        FactorKind::Email => enrolling::email(&stage, address.as_deref()),
        FactorKind::Question => enrolling::question(&stage, &questions()),
        // Nothing has to be said of these.
        FactorKind::TotpOkta | FactorKind::TotpGoogle | FactorKind::HotpCustom => {
            enrolling::choose(&stage, &offers(pending))
        }
    };
    html(visit, &place, status, markup)
}

fn person(user: &User) -> Person {
    Person {
        display_name: user.profile.full_name().unwrap_or_else(|| user.login.clone()),
        login: user.login.clone(),
    }
}

/// Where a code goes, so that the owner recognises it; or the question.
fn detail(factor: &Factor) -> Option<String> {
    match factor.kind {
        FactorKind::Sms | FactorKind::Call => factor.profile_text("phoneNumber").map(masked_phone),
        FactorKind::Email => factor.profile_text("email").map(masked_email),
        FactorKind::Question => factor.profile_text("questionText").map(ToOwned::to_owned),
        FactorKind::TotpOkta | FactorKind::TotpGoogle | FactorKind::HotpCustom => None,
    }
}

fn prove(pending: &Pending, factor: &Factor) -> Prove {
    let session = &pending.facts.policies.session;
    let remember = match (session.allows_remembering(), session.remember_device_by_default) {
        (false, _) => RememberBox::Unavailable,
        (true, false) => RememberBox::Unticked,
        (true, true) => RememberBox::Ticked,
    };
    Prove {
        kind: factor.kind,
        destination: detail(factor).filter(|_| factor.kind.is_sent()),
        question: factor.profile_text("questionText").map(ToOwned::to_owned),
        digits: 6,
        remember,
    }
}

fn offers(pending: &Pending) -> Vec<Offer> {
    let position = &pending.transaction.position;
    let done = position.enrolled.iter().map(|kind| Offer {
        kind: *kind,
        requirement: Requirement::Optional,
        done: Done::Yes,
    });
    let left = pending.facts.rules.left_to_enrol(position).into_iter();
    done.chain(left.map(|(kind, requirement)| Offer { kind, requirement, done: Done::No })).collect()
}

fn seed(factor: &Factor, activation: &Activation) -> Seed {
    Seed {
        qr_href: format!(
            "/api/v1/users/{}/factors/{}/qr/{}",
            factor.user_id,
            factor.id,
            activation.qr_token.expose()
        ),
        shared_secret: activation.shared_secret.clone(),
    }
}
