//! The end of a transaction: what it was good for is handed out in one unit with what its last step consumes.

use time::OffsetDateTime;

use super::{AuthnError, Face, Gain, Step, Success, Visitor, commit};
use crate::{
    app::App,
    authn::{
        remember, session_token,
        state::{Purpose, RecoveryKind},
        transaction::{Browser, Context, Remember, Transaction},
    },
    factor,
    id::FactorId,
    model::{session::VerifiedFactor, user::User},
    secret::TokenHash,
    session::sso::{self, FactorPromptMet, Opening},
    store::{self, unit::Unit},
    syslog::{Event, EventType},
    user::unlock,
};

/// Ends a transaction and hands out what it was good for, in one unit with what its last step consumes; that step may prove a
/// factor. What was proved before must still count at this moment (security rule S7).
pub(super) async fn finish(
    app: &App,
    visitor: &Visitor<'_>,
    step: Step,
    (unit, lost): (Unit, AuthnError),
    proves: Option<&FactorId>,
) -> Result<Success, AuthnError> {
    let now = app.now();
    let Step { transaction, facts, .. } = step;
    let position = &transaction.position;
    let user = facts.user.ok_or(AuthnError::NotAllowed)?;
    let (unit, gain) = match position.purpose {
        Purpose::Recovery(kind) => {
            let unit = match kind {
                RecoveryKind::Unlock => {
                    let unit = unit.and(unlock::by_user(app, &user, visitor.caller));
                    factor::service::lift_locks(unit, &user.id)
                }
                // The new password is in the unit already.
                RecoveryKind::Password | RecoveryKind::AccountActivation => unit,
            };
            (unit, Gain::Recovered(kind))
        }
        Purpose::SignIn => {
            let unit = known(unit, &user, &transaction.context, (visitor.device, now));
            let proved = position.proven.iter().any(VerifiedFactor::is_beside_password);
            let wish = transaction.context.remember == Remember::Yes && proved;
            let device = visitor.device.filter(|_| wish);
            let remembered =
                device.and_then(|device| remember::remember(&user, &facts.policies.session, device, now));
            let unit = remembered.into_iter().fold(unit, Unit::change);
            let prompt = if proved { FactorPromptMet::ByFactors } else { facts.prompt };
            match visitor.face {
                Face::Page(previous) => {
                    let opening = Opening {
                        user: &user.id,
                        factors: position.proven.clone(),
                        policy: &facts.policies.session,
                        prompt,
                        previous,
                        caller: visitor.caller,
                    };
                    // Of a session that is raised this claims that it has not ended meanwhile.
                    let (unit, opened) = sso::open(app, unit, opening).await?;
                    let event =
                        Event::new(EventType::SessionStart).user(&user.id).session(&opened.session.id);
                    let row = event.row(visitor.caller, app.random.as_ref(), now);
                    (unit.row(row), Gain::Session(Box::new(opened)))
                }
                Face::Api(bound_to) => {
                    let remembered = (prompt == FactorPromptMet::ByRememberedDevice)
                        .then(|| facts.policies.session.version.clone());
                    let token = session_token::Issue {
                        user: &user.id,
                        factors: position.proven.clone(),
                        bound_to: bound_to.clone(),
                        remembered,
                    };
                    let (token, unit) = session_token::add(app, unit, token)?;
                    let event = Event::new(EventType::Authenticated).user(&user.id);
                    let row = event.row(visitor.caller, app.random.as_ref(), now);
                    (unit.row(row), Gain::SessionToken(token))
                }
            }
        }
    };
    let used = position.proven.iter().filter_map(|proof| proof.factor_id.as_ref());
    let held: Vec<&FactorId> = used.filter(|id| Some(*id) != proves).collect();
    let others = held.len() + usize::from(transaction.is_saved());
    let unit = held.iter().fold(unit, |unit, id| unit.precede(store::factor::claim_held(id, now)));
    commit(app, transaction.complete(unit), others, lost).await?;
    if position.purpose == Purpose::SignIn {
        metrics::counter!("logins_total", "outcome" => "success").increment(1);
    }
    let Transaction { position, context, .. } = transaction;
    Ok(Success {
        user,
        proven: position.proven,
        gain,
        raised: context.session,
        relay_state: context.relay_state,
    })
}

/// Adds that the user signed in here: only whoever proved everything makes a browser known.
fn known(unit: Unit, user: &User, context: &Context, (device, now): (Option<&str>, OffsetDateTime)) -> Unit {
    let unit = unit.precede(store::user::claim_login(user, now));
    match (device, context.browser) {
        (Some(device), Browser::Known) => {
            unit.change(store::known_device::refresh(&user.id, &TokenHash::of(device), now))
        }
        (Some(device), Browser::Unknown) => {
            unit.change(store::known_device::remember(&user.id, &TokenHash::of(device), now))
        }
        (None, Browser::Known | Browser::Unknown) => unit,
    }
}
