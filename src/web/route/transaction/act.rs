//! The step that a form asks for, as a use case of the transaction.

use serde_json::{Map, Value};

use super::show::only_factor;
use crate::{
    app::App,
    authn::{
        service::{
            AuthnError, Pending, Reply, Visitor, credentials, factors, factors::Given, navigation, push,
            recovery,
        },
        state::State,
        transaction::Remember,
    },
    factor::{Assertion, Attestation, service::push::Invitation},
    id::FactorId,
    model::factor::{AnswerShape, FactorKind},
    protocol::params::Params,
    secret::Secret,
    user::password::RevokeSessions,
    web::{
        factor::{activate::ACTION_ACTIVATE, enroll::ACTION_ENROLL, verify as verifying},
        password::{ACTION_CHANGE, ACTION_RESET},
        recovery::ACTION_ANSWER,
    },
};

/// Takes the step that a form asks for.
pub(super) async fn act(
    app: &App,
    visitor: &Visitor<'_>,
    token: &str,
    (pending, params): (&Pending, &Params),
) -> Result<Reply, AuthnError> {
    let state = &pending.transaction.position.state;
    let text = |name: &str| Secret::new(params.one(name).unwrap_or_default().to_owned());
    let remember = if params.one("rememberDevice").is_some() { Remember::Yes } else { Remember::No };
    let remember = Some(remember);
    if let Some(kind) = signing(pending, params) {
        let given = assertion(params).map_or(Given::Nothing, Given::Assertion);
        return factors::verify_kind(app, visitor, token, (kind, given), remember).await;
    }
    if let Some(factor) = params.one("factor") {
        return factors::verify(app, visitor, token, (&FactorId::new(factor), Given::Nothing), remember)
            .await;
    }
    match (params.one("action"), state) {
        (None, State::MfaEnroll) | (Some(ACTION_ENROLL), _) => {
            let kind = params.one("kind").and_then(FactorKind::from_key).ok_or(AuthnError::NotAllowed)?;
            factors::enroll(app, visitor, token, (kind, profile(kind, params))).await
        }
        (Some("previous"), _) => navigation::previous(app, visitor, token).await,
        (Some("skip"), _) => navigation::skip(app, visitor, token).await,
        (Some("resend"), State::MfaChallenge { factor, .. }) => {
            factors::resend(app, visitor, token, factor).await
        }
        (Some("resend"), State::MfaEnrollActivate { factor, .. }) => {
            factors::resend_activation(app, visitor, token, factor).await
        }
        (Some("invite"), State::MfaEnrollActivate { factor, .. }) => {
            push::invite(app, visitor, token, (factor, Invitation::Email)).await
        }
        (Some("resend"), State::RecoveryChallenge { channel, .. }) => {
            recovery::resend(app, visitor, token, *channel).await
        }
        (Some(verifying::ACTION_VERIFY), State::RecoveryChallenge { channel, .. }) => {
            recovery::verify(app, visitor, token, (*channel, &text("passCode"))).await
        }
        (Some(verifying::ACTION_SEND | "link_opened"), _) => {
            let factor = only_factor(pending).ok_or(AuthnError::NotAllowed)?;
            factors::verify(app, visitor, token, (&factor.id, Given::Nothing), remember).await
        }
        (Some(verifying::ACTION_VERIFY), _) => {
            let factor = only_factor(pending).ok_or(AuthnError::NotAllowed)?;
            let given = match factor.kind.answer() {
                AnswerShape::Text => Given::Answer(text("answer")),
                AnswerShape::SentCode | AnswerShape::OwnCode => Given::PassCode(text("passCode")),
                AnswerShape::Signature => assertion(params).map_or(Given::Nothing, Given::Assertion),
                AnswerShape::Approval => Given::Nothing,
            };
            factors::verify(app, visitor, token, (&factor.id, given), remember).await
        }
        (Some(verifying::ACTION_VERIFY_BACKUP_CODE), _) => {
            factors::use_backup_code(app, visitor, token, &text("code")).await
        }
        (Some(ACTION_ACTIVATE), State::MfaEnrollActivate { factor, .. }) => {
            let given = match attestation(params) {
                Some(attestation) => Given::Attestation(attestation),
                None => Given::PassCode(text("passCode")),
            };
            factors::activate(app, visitor, token, (factor, given)).await
        }
        (Some(ACTION_CHANGE), _) => {
            let (old, new) = (text("oldPassword"), text("newPassword"));
            credentials::change(app, visitor, token, (&old, &new), revoke(visitor, pending, params)).await
        }
        (Some(ACTION_RESET), _) => {
            credentials::reset(app, visitor, token, &text("newPassword"), RevokeSessions::All).await
        }
        (Some(ACTION_ANSWER), _) => recovery::answer(app, visitor, token, &text("answer")).await,
        (_, _) => Err(AuthnError::NotAllowed),
    }
}

/// What ends with the old password: everything elsewhere, and not the session that goes on here.
fn revoke<'a>(visitor: &Visitor<'a>, pending: &Pending, params: &Params) -> RevokeSessions<'a> {
    if params.one("revokeSessions").is_none() {
        return RevokeSessions::None;
    }
    match visitor.session() {
        Some(session) if pending.facts.user_id() == Some(&session.user_id) => {
            RevokeSessions::AllBut(&session.id)
        }
        Some(_) | None => RevokeSessions::All,
    }
}

/// The kind of authenticator that a form is about: one that was chosen, or the only one.
fn signing(pending: &Pending, params: &Params) -> Option<FactorKind> {
    let chosen = params.one("factor").map(FactorId::new);
    let factor = match (&chosen, params.one("action")) {
        (Some(id), _) => pending.facts.factor(id),
        (None, Some(verifying::ACTION_SEND | verifying::ACTION_VERIFY)) => only_factor(pending),
        (None, _) => None,
    };
    factor.map(|factor| factor.kind).filter(|kind| *kind == FactorKind::Webauthn)
}

/// What the script of a ceremony filled in.
pub(in crate::web::route) fn attestation(params: &Params) -> Option<Attestation> {
    let text = |name: &str| params.one(name).map(ToOwned::to_owned);
    Some(Attestation { client_data: text("clientData")?, attestation: text("attestation")? })
}

/// The same of a challenge.
pub(in crate::web::route) fn assertion(params: &Params) -> Option<Assertion> {
    let text = |name: &str| params.one(name).map(ToOwned::to_owned);
    Some(Assertion {
        client_data: text("clientData")?,
        signature: text("signatureData")?,
        authenticator_data: text("authenticatorData"),
        credential_id: text("credentialId"),
        user_handle: text("userHandle"),
    })
}

/// What a form says of a factor that is enrolled.
pub(in crate::web::route) fn profile(kind: FactorKind, params: &Params) -> Map<String, Value> {
    let names: &[&str] = match kind {
        FactorKind::Question => &["question", "answer"],
        FactorKind::Sms => &["phoneNumber"],
        FactorKind::Call => &["phoneNumber", "phoneExtension"],
        FactorKind::Yubikey => &["passCode"],
        FactorKind::Email
        | FactorKind::TotpOkta
        | FactorKind::TotpGoogle
        | FactorKind::HotpCustom
        | FactorKind::Webauthn
        | FactorKind::U2f
        | FactorKind::Push => &[],
    };
    let member = |name: &&str| {
        let text = params.one(name).map(str::trim).filter(|text| !text.is_empty())?;
        Some(((*name).to_owned(), Value::from(text)))
    };
    names.iter().filter_map(member).collect()
}
