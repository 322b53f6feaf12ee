//! What all kinds share: status, attempts and their limits, one-time use, resend limits, log events.
//!
//! Whatever is tried or sent is charged in a unit of its own, committed before the answer is looked at or the message is
//! written: a burst of guesses gets no more tries than there are, and a caller who goes away has spent one. What succeeds
//! comes back as a unit, so that the code is consumed in the transaction that inserts what it buys.

mod challenge;
pub mod device;
mod enroll;
mod judge;
mod link;
mod own;
mod passkey;
pub mod push;
mod reset;
mod u2f;
mod verify;
mod yubikey;

use keys::Aad;

use super::FactorError;
use crate::{
    app::App,
    fault::Fault,
    id::{FactorId, FactorProfileId, UserId},
    message::Content,
    model::{
        factor::{Factor, FactorKind},
        factor_profile::TokenSettings,
        user::User,
    },
    secret::Secret,
    store::{self, factor::Stored, unit::Unit},
    syslog::{Caller, Event, EventType},
    user::contact,
};

pub use challenge::{challenge, challenge_for, is_offered};
pub use enroll::{enroll, qr_code, show_again};
pub use link::{LINK, Linked, confirm_link, find_link, verify_link};
pub use own::{MAX_NAME, forget, rename};
pub use passkey::{Scope, challenge as challenge_passkeys, find as find_passkey, identify, sign_in_options};
pub use reset::{lift_locks, reset, reset_all, unlock};
pub use u2f::browser_options;
pub use verify::{activate, verify, verify_backup_code};

/// The factors of a user, those waiting for activation too, the last used first.
///
/// # Errors
/// The database failed.
pub async fn list(app: &App, user: &UserId) -> Result<Vec<Factor>, Fault> {
    store::factor::list(&app.db, user).await
}

/// One factor of a user.
///
/// # Errors
/// There is none, or a fault.
pub async fn load(app: &App, user: &UserId, id: &FactorId) -> Result<Factor, FactorError> {
    Ok(stored(app, user, id).await?.factor)
}

async fn stored(app: &App, user: &UserId, id: &FactorId) -> Result<Stored, FactorError> {
    store::factor::find(&app.db, user, id).await?.ok_or(FactorError::Unknown)
}

/// Seconds a code of an authenticator application lives.
const TIME_STEP: u32 = 30;

fn is_phone(kind: FactorKind) -> bool {
    matches!(kind, FactorKind::Sms | FactorKind::Call)
}

/// How the codes of a custom token are made.
async fn settings(app: &App, profile: Option<&FactorProfileId>) -> Result<TokenSettings, FactorError> {
    let found = match profile {
        Some(id) => store::factor_profile::find(&app.db, id).await?,
        None => None,
    };
    found.map(|profile| profile.settings).ok_or_else(|| FactorError::Invalid {
        member: "factorProfileId",
        problem: "must be the id of a factor profile".to_owned(),
    })
}

fn place(id: &FactorId) -> Aad<'_> {
    Aad { table: "factor", column: "secret", row: id.as_str() }
}

fn seal(app: &App, id: &FactorId, secret: &[u8]) -> Result<String, Fault> {
    app.master.seal(&place(id), secret).map_err(|error| Fault::Crypto(error.to_string()))
}

fn open(app: &App, stored: &Stored) -> Result<Secret<Vec<u8>>, Fault> {
    let sealed = stored.secret.as_deref().ok_or_else(|| Fault::stored("factor.secret"))?;
    let opened = app.master.open(&place(&stored.factor.id), sealed);
    Ok(Secret::new(opened.map_err(|error| Fault::Crypto(error.to_string()))?.to_vec()))
}

/// Adds that a factor can be used from now on: it is logged, and its user hears of it.
fn announced(app: &App, unit: Unit, user: &User, factor: &Factor, caller: &Caller) -> Result<Unit, Fault> {
    let row = event(EventType::MfaFactorActivate, factor).row(caller, app.random.as_ref(), app.now());
    let content = Content::FactorEnrolled { factor_type: factor.kind.factor_type().to_owned() };
    contact::mail(app, unit.row(row), user, &content)
}

fn event(kind: EventType, factor: &Factor) -> Event {
    described(Event::new(kind), factor)
}

fn described(event: Event, factor: &Factor) -> Event {
    event
        .user(&factor.user_id)
        .with("factorId", factor.id.as_str())
        .with("factorType", factor.kind.factor_type())
        .with("provider", factor.kind.provider())
}
