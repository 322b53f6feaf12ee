//! The link of a mail, which takes the place of its code.

use super::{event, load, stored, verify::proved};
use crate::{
    app::App,
    factor::{FactorError, Proof, Purpose},
    fault::Fault,
    id::{FactorId, TransactionId, UserId},
    model::{
        factor::{Factor, FactorStatus},
        session::VerifiedFactor,
        user::User,
    },
    secret::TokenHash,
    store::{
        self,
        factor_challenge::{self, Subject},
        unit::{Outcome, Unit},
    },
    syslog::{Caller, EventType},
};

/// Where the link of a mail leads, below the issuer; the token is in the parameter `token`. Opening it shows a page; only
/// what is posted there confirms (see [`confirm_link`]).
pub const LINK: &str = "/signin/verify/email";

/// What the link of a mail belongs to.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Linked {
    /// The user.
    pub user_id: UserId,
    /// The factor.
    pub factor_id: FactorId,
    /// The sign-in that waits for it.
    pub transaction_id: TransactionId,
}

/// What a link belongs to that can still be confirmed. Looking changes nothing: mail scanners open links (security rule
/// S5).
///
/// # Errors
/// The database failed.
pub async fn find_link(app: &App, token: &str) -> Result<Option<Linked>, Fault> {
    let found = factor_challenge::find_link(&app.db, &TokenHash::of(token), app.now()).await?;
    Ok(found.map(|found| Linked {
        user_id: found.user_id,
        factor_id: found.factor_id,
        transaction_id: TransactionId::new(found.purpose),
    }))
}

/// Confirms the link of a mail, once, by what a person posted. The sign-in that it belongs to is thereby not over: it asks
/// with [`verify_link`], and only its own browser gets anything for it.
///
/// # Errors
/// The link is unknown, was confirmed, its code was used, or it has expired.
pub async fn confirm_link(app: &App, token: &str, caller: &Caller) -> Result<Linked, FactorError> {
    let now = app.now();
    let linked = find_link(app, token).await?.ok_or(FactorError::Wrong)?;
    let factor = load(app, &linked.user_id, &linked.factor_id).await.map_err(|error| match error {
        FactorError::Unknown => FactorError::Wrong,
        other => other,
    })?;
    let event =
        event(EventType::EmailChallengeRedeemed, &factor).with("purpose", linked.transaction_id.as_str());
    let unit = Unit::new().claim(factor_challenge::claim_confirm(&TokenHash::of(token), now)).row(event.row(
        caller,
        app.random.as_ref(),
        now,
    ));
    match app.db.writer().commit(unit).await? {
        Outcome::Won => Ok(linked),
        Outcome::Lost(_) => Err(FactorError::Wrong),
    }
}

/// Verifies a factor by the link of its mail: what a sign-in asks when it polls without a code. Absent: nobody confirmed it
/// yet. Asking costs no attempt, since there is nothing to guess.
///
/// # Errors
/// The factor cannot be used, or a fault.
pub async fn verify_link(
    app: &App,
    user: &User,
    factor: &Factor,
    (transaction, caller): (&TransactionId, &Caller),
) -> Result<Option<Proof>, FactorError> {
    let stored = stored(app, &user.id, &factor.id).await?;
    match stored.factor.status {
        FactorStatus::Active => {}
        FactorStatus::Inactive => return Err(FactorError::Locked),
        FactorStatus::PendingActivation => return Err(FactorError::WrongStatus),
    }
    let now = app.now();
    let purpose = Purpose::Transaction(transaction);
    let subject = Subject { factor: &stored.factor.id, purpose: purpose.key() };
    if !factor_challenge::is_confirmed(&app.db, subject, now).await? {
        return Ok(None);
    }
    let unit = Unit::new()
        .claim(store::factor::claim_verified(&stored.factor.id, now))
        .claim(factor_challenge::claim_consume_link(subject, now));
    let unit = proved(app, unit, &stored.factor, (purpose, caller));
    Ok(Some(Proof { verified: VerifiedFactor::factor(&stored.factor, now), unit }))
}
