//! Charging an attempt at a password before it is looked at: to the user, or to a browser that the user is known in, so
//! that a stranger's guesses lock nobody out of the own browser.

use time::OffsetDateTime;

use crate::{
    app::App,
    fault::Fault,
    limit::lockout::{
        self, AttemptCharge, DeviceLock, FAILURES_BEFORE_LOCK, FAILURES_BEFORE_RESET, UNTIL_RESET,
    },
    model::user::User,
    secret::TokenHash,
    store::{
        self,
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

async fn won(app: &App, claim: Change, budget: Budget) -> Result<Budget, Fault> {
    Ok(match app.db.writer().commit(Unit::new().claim(claim)).await? {
        Outcome::Won => budget,
        Outcome::Lost(_) => Budget::Locked,
    })
}
