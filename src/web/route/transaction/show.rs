//! The page of a transaction's state.

use http::StatusCode;
use maud::Markup;
use poem::Response;
use serde_json::Value;

use super::{device, stopped};
use crate::{
    authn::{
        action::Action,
        rules::{self, Standing},
        service::{AuthnError, Pending},
        state::{PhoneChannel, RecoveryKind, State},
        transaction,
    },
    factor::{Activation, TokenActivation, question::QUESTIONS, service},
    id::FactorId,
    model::{
        factor::{Factor, FactorKind, masked_email, masked_phone},
        policy::Requirement,
        user::User,
    },
    protocol::params::Params,
    secret::Secret,
    user::password_policy,
    web::{
        factor::{
            activate::{self as activating, Activate, Seed},
            choose::{BackupCodes, Choice, choose},
            enroll::{self as enrolling, Done, Offer},
            push,
            verify::{self as verifying, Prove, Remember},
            webauthn::{self, Begins, Ceremonial, Ceremony},
            yubikey,
        },
        layout::Person,
        password::{PasswordReason, password},
        recovery as recovery_pages,
        route::{visit::Visit, waiting::Place},
        step::{Stage, StepError, Way},
    },
};

/// What all pages of the transaction show.
pub(in crate::web::route) fn stage(
    visit: &Visit<'_>,
    place: &Place,
    error: Option<StepError>,
    ways: Vec<Way>,
) -> Stage {
    let form = visit.form("/signin/step", place.name());
    Stage { client: place.card(), person: None, form, error, ways, beginning: None }
}

fn ways(pending: &Pending, kind: Option<FactorKind>) -> Vec<Way> {
    let mut ways = Vec::new();
    for action in pending.actions() {
        match action {
            Action::ResendRecovery(_) | Action::ResendActivation(_) | Action::ResendChallenge(_) => {
                if kind == Some(FactorKind::Email) && matches!(action, Action::ResendChallenge(_)) {
                    ways.push(Way::LinkOpened);
                }
                let invites = kind == Some(FactorKind::Push) && matches!(action, Action::ResendActivation(_));
                ways.push(if invites { Way::Invite } else { Way::Resend });
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
            | Action::Enroll(_)
            | Action::Activate(_)
            | Action::Verify(_) => {}
        }
    }
    ways
}

/// Shows the page of the transaction's state.
pub(super) fn show(
    visit: Visit<'_>,
    place: Place,
    pending: &Pending,
    outcome: (StatusCode, Option<StepError>),
) -> Response {
    page(visit, place, pending, outcome, None)
}

/// Shows it after a form that did not get further, with the box of that form as it was.
pub(super) fn show_again(
    visit: Visit<'_>,
    place: Place,
    pending: &Pending,
    (status, error): (StatusCode, StepError),
    params: &Params,
) -> Response {
    let ticked = if params.one("rememberDevice").is_some() { Remember::Ticked } else { Remember::Unticked };
    page(visit, place, pending, (status, Some(error)), Some(ticked))
}

fn page(
    visit: Visit<'_>,
    place: Place,
    pending: &Pending,
    (status, error): (StatusCode, Option<StepError>),
    ticked: Option<Remember>,
) -> Response {
    let state = &pending.transaction.position.state;
    let kind = match state {
        State::MfaChallenge { kind, .. } | State::MfaEnrollActivate { kind, .. } => Some(*kind),
        _ => None,
    };
    let mut stage = stage(&visit, &place, error, ways(pending, kind));
    if let State::RecoveryChallenge { .. } | State::Recovery { .. } = state {
        stage.beginning = place.beginning();
    }
    // Before something was proved nobody learns who has an account.
    let known = !matches!(state, State::RecoveryChallenge { .. });
    stage.person = pending.facts.user.as_ref().filter(|_| known).map(person);
    let rules = || password_policy::requirements(&pending.facts.policies.password);
    let markup = match state {
        // Only credentials help: the sign-in page asks for them.
        State::Unauthenticated => {
            return match place.beginning() {
                Some(beginning) => visit.redirect(&beginning),
                None => stopped(visit, place, AuthnError::Token),
            };
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
            (Some(only), _) if only.kind == FactorKind::Webauthn => {
                passkey(&visit, &stage, (pending, ticked))
            }
            (Some(only), _) if only.kind == FactorKind::U2f => {
                security_key(&visit, &stage, (pending, only, ticked))
            }
            (Some(only), _) if only.kind == FactorKind::Push => {
                push::begin(&stage, only.name.as_deref(), remember(pending, ticked))
            }
            (Some(only), _) if only.kind.is_sent() => {
                verifying::send(&stage, (only.kind, detail(only).as_deref()), remember(pending, ticked))
            }
            (Some(only), _) => verifying::verify(&stage, &prove(pending, only, ticked)),
            (None, offered) => {
                let choices: Vec<Choice> = offered
                    .into_iter()
                    .map(|factor| Choice { id: factor.id.clone(), kind: factor.kind, detail: detail(factor) })
                    .collect();
                // The list has it already.
                stage.ways.retain(|way| *way != Way::BackupCode);
                let backup = match pending.facts.rules.backup_codes {
                    rules::BackupCodes::Available => BackupCodes::Offered,
                    rules::BackupCodes::None => BackupCodes::None,
                };
                choose(&stage, &choices, (backup, remember(pending, ticked)))
            }
        },
        State::MfaChallenge { kind: FactorKind::Webauthn, .. } => passkey(&visit, &stage, (pending, ticked)),
        State::MfaChallenge { factor, kind: FactorKind::Push } => {
            return device::approval(visit, &place, (pending, factor), stage);
        }
        State::MfaChallenge { factor, .. } => match pending.facts.factor(factor) {
            Some(factor) if factor.kind == FactorKind::U2f => {
                security_key(&visit, &stage, (pending, factor, ticked))
            }
            Some(factor) => verifying::verify(&stage, &prove(pending, factor, ticked)),
            None => return stopped(visit, place, AuthnError::Token),
        },
        State::MfaEnroll => enrolling::choose(&stage, &offers(pending)),
        State::MfaEnrollActivate { kind: FactorKind::Webauthn, .. } => {
            let options = match &pending.activation {
                Some(Activation::Options(options)) => Some(options.clone()),
                Some(Activation::Token(_) | Activation::Push(_)) | None => None,
            };
            let ceremony = (Ceremony::Create, activating::ACTION_ACTIVATE);
            let begin = Way::Previous.action();
            signing(&visit, &stage, (FactorKind::Webauthn, ceremony, begin), (options, Remember::Unavailable))
        }
        State::MfaEnrollActivate { factor, kind: FactorKind::Push } => {
            return device::enrolment(visit, place, (pending, factor), stage);
        }
        State::MfaEnrollActivate { factor, kind } => {
            let factor = pending.facts.factor(factor);
            let token = match &pending.activation {
                Some(Activation::Token(token)) => Some(token),
                Some(Activation::Options(_) | Activation::Push(_)) | None => None,
            };
            let activate = Activate {
                kind: *kind,
                destination: factor.and_then(detail).filter(|_| kind.is_sent()),
                digits: token.map_or(6, |token| token.key_length),
                seed: factor.zip(token).map(|(factor, token)| seed(factor, token)),
            };
            activating::activate(&stage, &activate)
        }
        State::Success => return stopped(visit, place, AuthnError::Token),
    };
    place.page(visit, status, markup)
}

pub(super) fn qr_href(factor: &Factor, token: &Secret<String>) -> String {
    format!("/api/v1/users/{}/factors/{}/qr/{}", factor.user_id, factor.id, token.expose())
}

/// The page that asks for a passkey.
fn passkey(visit: &Visit<'_>, stage: &Stage, (pending, ticked): (&Pending, Option<Remember>)) -> Markup {
    let options = pending.challenge.as_ref().map(|shown| shown.options.clone());
    let how = (FactorKind::Webauthn, (Ceremony::Get, verifying::ACTION_VERIFY), verifying::ACTION_SEND);
    signing(visit, stage, how, (options, remember(pending, ticked)))
}

/// The page that asks for a security key of U2F, which browsers know by Web Authentication.
fn security_key(
    visit: &Visit<'_>,
    stage: &Stage,
    (pending, factor, ticked): (&Pending, &Factor, Option<Remember>),
) -> Markup {
    let shown = pending.challenge.as_ref();
    let options = shown.and_then(|shown| service::browser_options(visit.app, factor, &shown.options).ok());
    let how = (FactorKind::U2f, (Ceremony::Get, verifying::ACTION_VERIFY), verifying::ACTION_SEND);
    signing(visit, stage, how, (options, remember(pending, ticked)))
}

/// The page of a ceremony; without options, one with a button that asks for some.
fn signing(
    visit: &Visit<'_>,
    stage: &Stage,
    (kind, (ceremony, action), begin): (FactorKind, (Ceremony, &'static str), &str),
    (options, remember): (Option<Value>, Remember),
) -> Markup {
    let Some(options) = options else { return webauthn::begin(stage, kind, begin) };
    // Somebody who has something to read or to tick first is not interrupted.
    let quiet = stage.error.is_none() && remember == Remember::Unavailable;
    let begins = if quiet { Begins::AtOnce } else { Begins::ByButton };
    let ceremonial = Ceremonial { ceremony, options, action, begins, nonce: visit.nonce.clone() };
    webauthn::ceremony(stage, (kind, &ceremonial), remember)
}

/// The page that takes a recovery code.
pub(super) fn backup_code(
    visit: Visit<'_>,
    place: Place,
    pending: &Pending,
    (status, error): (StatusCode, Option<StepError>),
) -> Response {
    if !pending.actions().contains(&Action::UseBackupCode) {
        return show(visit, place, pending, (StatusCode::BAD_REQUEST, Some(StepError::Moved)));
    }
    let mut stage = stage(&visit, &place, error, vec![Way::Choices, Way::Cancel]);
    stage.person = pending.facts.user.as_ref().map(person);
    place.page(visit, status, verifying::backup_code(&stage))
}

/// The page that asks for what an enrolment needs.
pub(super) fn set_up(
    visit: Visit<'_>,
    place: Place,
    pending: &Pending,
    (kind, typed, error): (FactorKind, Option<&str>, Option<(StatusCode, StepError)>),
) -> Response {
    if !pending.actions().contains(&Action::Enroll(kind)) {
        return show(visit, place, pending, (StatusCode::BAD_REQUEST, Some(StepError::Moved)));
    }
    let (status, error) = error.map_or((StatusCode::OK, None), |(status, error)| (status, Some(error)));
    let mut stage = stage(&visit, &place, error, vec![Way::Choices, Way::Cancel]);
    stage.person = pending.facts.user.as_ref().map(person);
    let markup = asking(&stage, kind, (pending.facts.user.as_ref(), typed))
        .unwrap_or_else(|| enrolling::choose(&stage, &offers(pending)));
    place.page(visit, status, markup)
}

/// The page that asks for what the enrolment of a kind needs; absent: nothing has to be said.
pub(in crate::web::route) fn asking(
    stage: &Stage,
    kind: FactorKind,
    (user, typed): (Option<&User>, Option<&str>),
) -> Option<Markup> {
    let address = user.and_then(|user| user.profile.text("email")).map(masked_email);
    let questions = || QUESTIONS.map(|(key, text)| (key.to_owned(), text.to_owned()));
    match kind {
        FactorKind::Sms | FactorKind::Call => Some(enrolling::phone(stage, kind, typed)),
        FactorKind::Email => Some(enrolling::email(stage, address.as_deref())),
        FactorKind::Question => Some(enrolling::question(stage, &questions(), typed)),
        FactorKind::Yubikey => Some(yubikey::enroll(stage)),
        FactorKind::TotpOkta
        | FactorKind::TotpGoogle
        | FactorKind::HotpCustom
        | FactorKind::Webauthn
        | FactorKind::U2f
        | FactorKind::Push => None,
    }
}

fn person(user: &User) -> Person {
    Person::of(&user.login, &user.profile)
}

/// Where a code goes, so that the owner recognises it; or the question.
pub(in crate::web::route) fn detail(factor: &Factor) -> Option<String> {
    match factor.kind {
        FactorKind::Sms | FactorKind::Call => factor.profile_text("phoneNumber").map(masked_phone),
        FactorKind::Email => factor.profile_text("email").map(masked_email),
        FactorKind::Question => factor.profile_text("questionText").map(ToOwned::to_owned),
        FactorKind::Push => factor.name.clone(),
        FactorKind::TotpOkta
        | FactorKind::TotpGoogle
        | FactorKind::HotpCustom
        | FactorKind::Webauthn
        | FactorKind::U2f
        | FactorKind::Yubikey => None,
    }
}

/// The box that has this browser remembered: as it was in the form before, or when the factor was chosen, else as policy has it.
fn remember(pending: &Pending, ticked: Option<Remember>) -> Remember {
    let session = &pending.facts.policies.session;
    if !session.allows_remembering() {
        return Remember::Unavailable;
    }
    let said = match &pending.transaction.position.state {
        State::MfaChallenge { .. } => pending.transaction.context.remember == transaction::Remember::Yes,
        _ => session.remember_device_by_default,
    };
    ticked.unwrap_or(if said { Remember::Ticked } else { Remember::Unticked })
}

fn prove(pending: &Pending, factor: &Factor, ticked: Option<Remember>) -> Prove {
    Prove {
        kind: factor.kind,
        destination: detail(factor).filter(|_| factor.kind.is_sent()),
        question: factor.profile_text("questionText").map(ToOwned::to_owned),
        remember: remember(pending, ticked),
    }
}

fn offers(pending: &Pending) -> Vec<Offer> {
    let position = &pending.transaction.position;
    let done = position.enrolled.iter().map(|kind| Offer {
        kind: *kind,
        requirement: Requirement::Optional,
        done: Done::Yes,
    });
    // What gets nobody further is left out, unless it must be set up as well.
    let rules = &pending.facts.rules;
    let useful = |(kind, requirement): &(FactorKind, Requirement)| {
        *requirement == Requirement::Required || rules.enrolment_of_helps(*kind, position)
    };
    let left = rules.offered(position).into_iter().filter(useful);
    done.chain(left.map(|(kind, requirement)| Offer { kind, requirement, done: Done::No })).collect()
}

/// What an authenticator app needs, as pages show it.
pub(in crate::web::route) fn seed(factor: &Factor, activation: &TokenActivation) -> Seed {
    Seed { qr_href: qr_href(factor, &activation.qr_token), shared_secret: activation.shared_secret.clone() }
}

/// The factor that a page without a choice is about.
pub(super) fn only_factor(pending: &Pending) -> Option<&Factor> {
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
    let mut offered: Vec<&Factor> = Vec::new();
    for factor in pending.facts.factors.iter().filter(|factor| ids.contains(&factor.id)) {
        // The browser knows which of several authenticators is at hand: one entry is all of them.
        let told =
            factor.kind == FactorKind::Webauthn && offered.iter().any(|other| other.kind == factor.kind);
        if !told {
            offered.push(factor);
        }
    }
    offered
}
