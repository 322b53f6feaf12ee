//! Whether an answer is right. What it costs to ask, and what a right one leaves, is [`super::verify`]'s.

use super::{TIME_STEP, open, passkey, settings, u2f, yubikey};
use crate::{
    app::App,
    factor::{
        Answer, FactorError, Purpose, code, hotp, question, totp,
        webauthn::{Asserted, Registered},
        yubikey::Use,
    },
    fault::Fault,
    model::{
        factor::FactorKind,
        factor_profile::{Moving, TokenSettings},
        user::User,
    },
    secret::{Secret, constant_time_eq},
    store::{
        factor::Stored,
        factor_challenge::{self, Subject},
    },
    syslog::Caller,
};

/// What a right answer was: what must be claimed so that it never counts again.
pub(super) enum Spent {
    /// A code of this step or counter.
    Step(u64),
    /// A code with this MAC, which was sent.
    Code(String),
    /// An answer, which stays right.
    Nothing,
    /// A credential that was registered.
    Attested(Box<Registered>),
    /// A signature.
    Asserted(Asserted),
    /// A use of a YubiKey.
    Used(Use),
}

pub(super) async fn judge(
    app: &App,
    stored: &Stored,
    answer: &Answer,
    user: &User,
    (purpose, caller): (Purpose<'_>, &Caller),
) -> Result<Spent, FactorError> {
    match (stored.factor.kind, answer) {
        (FactorKind::Webauthn, Answer::Attestation(given)) => {
            let registered = passkey::attested(app, stored, user, given, (purpose, caller)).await?;
            Ok(Spent::Attested(Box::new(registered)))
        }
        (FactorKind::Webauthn, Answer::Assertion(given)) => {
            passkey::asserted(app, stored, user, given, (purpose, caller)).await.map(Spent::Asserted)
        }
        (FactorKind::U2f, Answer::Assertion(given)) => {
            u2f::asserted(app, stored, user, given, (purpose, caller)).await.map(Spent::Step)
        }
        (FactorKind::Yubikey, Answer::PassCode(typed)) => {
            yubikey::judge(app, &stored.factor, typed.expose()).await.map(Spent::Used)
        }
        (FactorKind::Sms | FactorKind::Call | FactorKind::Email, Answer::PassCode(typed)) => {
            judge_sent(app, stored, typed, purpose).await
        }
        (FactorKind::TotpOkta | FactorKind::TotpGoogle, Answer::PassCode(typed)) => {
            let moving = (TIME_STEP, AUTHENTICATOR_DRIFT);
            judge_time(app, stored, (&TokenSettings::AUTHENTICATOR, moving), typed)
        }
        (FactorKind::HotpCustom, Answer::PassCode(typed)) => {
            let settings = settings(app, stored.factor.factor_profile_id.as_ref()).await?;
            match settings.moving {
                Moving::Time { time_step, drift } => {
                    judge_time(app, stored, (&settings, (time_step, drift)), typed)
                }
                Moving::Counter { look_ahead } => {
                    let window = (stored.counter, look_ahead);
                    hotp::verify(&open(app, stored)?, &settings, window, typed.expose()).map(Spent::Step)
                }
            }
        }
        (FactorKind::HotpCustom, Answer::PassCodes(one, two)) => {
            let settings = settings(app, stored.factor.factor_profile_id.as_ref()).await?;
            match settings.moving {
                Moving::Time { .. } => Err(FactorError::Wrong),
                Moving::Counter { .. } => {
                    let codes = (one.expose().as_str(), two.expose().as_str());
                    hotp::resynchronize(&open(app, stored)?, &settings, stored.counter, codes)
                        .map(Spent::Step)
                }
            }
        }
        (FactorKind::Question, Answer::Text(typed)) => judge_answer(app, stored, typed).await,
        // What does not fit the kind is wrong.
        (
            _,
            Answer::PassCode(_)
            | Answer::PassCodes(..)
            | Answer::Text(_)
            | Answer::Attestation(_)
            | Answer::Assertion(_),
        ) => Err(FactorError::Wrong),
    }
}

/// Steps that the clock of an authenticator application may be off (RFC 6238 §5.2).
const AUTHENTICATOR_DRIFT: u32 = 1;

fn judge_time(
    app: &App,
    stored: &Stored,
    (settings, (time_step, drift)): (&TokenSettings, (u32, u32)),
    typed: &Secret<String>,
) -> Result<Spent, FactorError> {
    let unix = u64::try_from(app.now().unix_timestamp()).map_err(Fault::stored)?;
    let clock = totp::Clock { unix, time_step, drift, last: stored.counter };
    totp::verify(&open(app, stored)?, settings, clock, typed.expose()).map(Spent::Step)
}

async fn judge_sent(
    app: &App,
    stored: &Stored,
    typed: &Secret<String>,
    purpose: Purpose<'_>,
) -> Result<Spent, FactorError> {
    let typed = code::digits(typed.expose(), code::DIGITS).ok_or(FactorError::Wrong)?;
    let subject = Subject { factor: &stored.factor.id, purpose: purpose.key() };
    let mac = code::mac(&app.derived.factor, subject, typed);
    let sent = factor_challenge::find_mac(&app.db, subject, app.now()).await?;
    match sent {
        Some(sent) if constant_time_eq(sent.as_bytes(), mac.as_bytes()) => Ok(Spent::Code(mac)),
        Some(_) | None => Err(FactorError::Wrong),
    }
}

async fn judge_answer(app: &App, stored: &Stored, typed: &Secret<String>) -> Result<Spent, FactorError> {
    let hash = open(app, stored)?;
    let hash = String::from_utf8(hash.expose().clone()).map_err(Fault::stored)?;
    let answer = question::normalized(typed.expose());
    let verified = app.passwords.verify(answer, Some(Secret::new(hash))).await;
    if verified.map_err(|_| Fault::Overloaded("answer hashing"))?.matches {
        Ok(Spent::Nothing)
    } else {
        Err(FactorError::Wrong)
    }
}
