//! Charging an attempt at a password before it is looked at: to the user, or to a browser that the user is known in, so
//! that a stranger's guesses lock nobody out of the own browser.

use time::{Duration, OffsetDateTime};

use super::login::LoginKey;
use crate::{
    app::App,
    fault::Fault,
    id::UserId,
    limit::lockout::{
        self, AttemptCharge, DeviceLock, FAILURES_BEFORE_LOCK, FAILURES_BEFORE_RESET, FIRST_LOCK, UNTIL_RESET,
    },
    model::user::User,
    secret::TokenHash,
    store::{
        self, factor_budget,
        known_device::KnownDevice,
        unit::{Change, Outcome, Unit},
        user::Charge,
    },
};

/// Whom an attempt was charged to.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Budget {
    /// The user.
    User,
    /// A browser that the user signed in with before.
    Device,
    /// Nobody: the user, or that browser, is locked, and the password must not be looked at.
    Locked,
}

/// Charges one attempt; it counts as wrong until it proves right.
///
/// # Errors
/// The database failed.
pub async fn charge(
    app: &App,
    user: &User,
    device: Option<&TokenHash>,
    now: OffsetDateTime,
) -> Result<Budget, Fault> {
    if let Some(device) = device
        && let Some(known) = store::known_device::find(&app.db, &user.id, device).await?
    {
        let before = DeviceLock { failures: known.failures, locked_until: known.locked_until };
        if !before.may_try(now) {
            return Ok(Budget::Locked);
        }
        let after = before.decide(lockout::Outcome::Charged, now);
        let after = KnownDevice { failures: after.failures, locked_until: after.locked_until };
        let claim = store::known_device::claim_attempt((&user.id, device), &known, &after, now);
        return won(app, claim, Budget::Device).await;
    }
    let moments = AttemptCharge::at(now);
    let charge = Charge {
        now,
        lock_ends: &moments.lock_ends,
        until_reset: UNTIL_RESET,
        threshold: FAILURES_BEFORE_LOCK,
        cap: FAILURES_BEFORE_RESET,
    };
    won(app, store::user::claim_attempt(&user.id, &charge), Budget::User).await
}

/// Does for a login that nobody has what [`charge`] does for a user, down to the durable write: whoever measures learns
/// nothing (security rule M1). It counts for nothing.
///
/// # Errors
/// The database failed.
pub async fn charge_stranger(
    app: &App,
    login: Option<&LoginKey>,
    device: Option<&TokenHash>,
    now: OffsetDateTime,
) -> Result<(), Fault> {
    let login = TokenHash::of(login.map_or("", LoginKey::as_str)).encoded();
    if let Some(device) = device {
        store::known_device::find(&app.db, &UserId::new(login.as_str()), device).await?;
    }
    let unlimited = factor_budget::Budget { limit: u32::MAX, window: FIRST_LOCK, gap: Duration::ZERO };
    let claim = factor_budget::claim(&format!("login:{login}"), &unlimited, now);
    app.db.writer().commit(Unit::new().claim(claim)).await?;
    Ok(())
}

async fn won(app: &App, claim: Change, budget: Budget) -> Result<Budget, Fault> {
    Ok(match app.db.writer().commit(Unit::new().claim(claim)).await? {
        Outcome::Won => budget,
        Outcome::Lost(_) => Budget::Locked,
    })
}
