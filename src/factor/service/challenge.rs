//! Codes and links that are sent.

use time::Duration;

use super::{
    LINK, list,
    passkey::{self, Scope},
    u2f,
};
use crate::{
    app::App,
    factor::{
        Challenged, FactorError, Purpose, attempt, call, code, email,
        message_budget::{self, Sending},
        sms,
    },
    fault::Fault,
    id::UserId,
    message::{self, Content, Destination, Medium},
    model::{
        factor::{AnswerShape, Factor, FactorKind, FactorStatus},
        user::User,
    },
    secret::{TokenHash, opaque_token},
    store::{
        factor_budget,
        factor_challenge::{self, Sent, Subject},
        unit::Unit,
    },
    syslog::Caller,
};

/// Sends a code for a factor that needs one, in place of any that was sent before; what is sent is in the unit. One that
/// waits for activation gets another code to activate it.
///
/// # Errors
/// None can be sent now.
pub async fn challenge(
    app: &App,
    user: &User,
    factor: &Factor,
    (purpose, caller): (Purpose<'_>, &Caller),
) -> Result<Challenged, FactorError> {
    challenge_for(app, user, (factor, code::LIFETIME), (purpose, caller)).await
}

/// The same with the life of the code, at most ten minutes.
///
/// # Errors
/// None can be sent now.
pub async fn challenge_for(
    app: &App,
    user: &User,
    (factor, lifetime): (&Factor, Duration),
    (purpose, caller): (Purpose<'_>, &Caller),
) -> Result<Challenged, FactorError> {
    let signs = factor.kind.answer() == AnswerShape::Signature;
    if !factor.kind.is_sent() && !signs {
        return Err(FactorError::WrongStatus);
    }
    match factor.status {
        FactorStatus::Inactive => return Err(FactorError::Locked),
        FactorStatus::Active if factor.kind == FactorKind::U2f => {
            return u2f::challenge(app, user, factor, purpose);
        }
        FactorStatus::Active if signs => {
            return passkey::challenge(app, user, (&[factor], Scope::One), (purpose, caller)).await;
        }
        FactorStatus::PendingActivation => {
            let used = factor_budget::find(&app.db, &activations(&user.id), app.now()).await?;
            if used.is_some_and(|used| used.used >= attempt::ACTIVATIONS.limit) {
                return Err(FactorError::TooManyAttempts);
            }
        }
        FactorStatus::Active => {}
    }
    if signs {
        let known = list(app, &user.id).await?;
        let options = passkey::creation(app, user, (&known, &factor.id), (purpose, caller)).await?;
        return Ok(Challenged { unit: Unit::new(), shown: Some(options) });
    }
    let unit = send(app, Unit::new(), user, (factor, lifetime), (purpose, caller)).await?;
    Ok(Challenged { unit, shown: None })
}

pub(super) fn activations(user: &UserId) -> String {
    format!("activate:{user}")
}

/// Charges a message, and adds it with its challenge to the unit.
pub(super) async fn send(
    app: &App,
    unit: Unit,
    user: &User,
    (factor, lifetime): (&Factor, Duration),
    (purpose, caller): (Purpose<'_>, &Caller),
) -> Result<Unit, FactorError> {
    let to = destination(factor).ok_or_else(|| Fault::stored("factor.profile"))?;
    if !message::can_send(app, to.medium()) {
        return Err(FactorError::NotAllowed);
    }
    message_budget::charge(app, Sending { kind: factor.kind, to: &to, purpose, caller }).await?;
    let now = app.now();
    let lifetime = lifetime.clamp(Duration::SECOND, code::MAX_LIFETIME);
    let subject = Subject { factor: &factor.id, purpose: purpose.key() };
    let code = code::draw(app.random.as_ref());
    let mac = code::mac(&app.derived.factor, subject, code.expose());
    // A link ends a sign-in; where there is none, there is nothing for it to end.
    let linked = factor.kind == FactorKind::Email && factor.is_active();
    let link = match purpose {
        Purpose::Transaction(_) if linked => Some(opaque_token(app.random.as_ref())),
        Purpose::Transaction(_) | Purpose::Api | Purpose::Session(_) | Purpose::Browser(_) => None,
    };
    let link_hash = link.as_ref().map(|link| TokenHash::of(link.expose()));
    let sent = Sent {
        user: &user.id,
        code_mac: &mac,
        link: link_hash.as_ref(),
        created_at: now,
        expires_at: now + lifetime,
    };
    let code = code.expose().clone();
    let content = if factor.is_active() {
        // Made from the configured issuer, never from the request (security rule S5).
        let link = link.map(|token| format!("{}{LINK}?token={}", app.settings.issuer, token.expose()));
        Content::FactorCode { code, lifetime, link }
    } else {
        Content::ActivationCode { code, lifetime }
    };
    Ok(unit.change(factor_challenge::begin(subject, &sent)).row(message::row(app, user, to, content)?))
}

pub(super) fn destination(factor: &Factor) -> Option<Destination> {
    match factor.kind {
        FactorKind::Sms => sms::destination(factor),
        FactorKind::Call => call::destination(factor),
        FactorKind::Email => email::destination(factor),
        FactorKind::Question
        | FactorKind::TotpOkta
        | FactorKind::TotpGoogle
        | FactorKind::HotpCustom
        | FactorKind::Webauthn
        | FactorKind::U2f
        | FactorKind::Push
        | FactorKind::Yubikey => None,
    }
}

/// Whether a kind can be enrolled here; one whose codes nothing carries is not offered.
pub fn is_offered(app: &App, kind: FactorKind) -> bool {
    match kind {
        FactorKind::Sms => message::can_send(app, Medium::Sms),
        FactorKind::Call => message::can_send(app, Medium::Call),
        FactorKind::Email => message::can_send(app, Medium::Email),
        FactorKind::Question | FactorKind::TotpOkta | FactorKind::TotpGoogle | FactorKind::HotpCustom => true,
        FactorKind::Webauthn => passkey::relying_party(app).is_ok(),
        FactorKind::Yubikey | FactorKind::Push => true,
        FactorKind::U2f => false,
    }
}
