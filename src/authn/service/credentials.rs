//! New passwords in a transaction.

use super::{AuthnError, Effect, Face, Reply, Step, Visitor, load, settle};
use crate::{
    app::App,
    authn::{
        action::Action,
        event::Event as Fact,
        state::{RecoveryKind, State},
    },
    secret::Secret,
    store::unit::Unit,
    user::password::{self, PasswordChange, RevokeSessions, SetBy},
};

/// Changes the password, given the old one. Sessions and tokens end unless they are to stay (security rule S8).
///
/// # Errors
/// The transaction waits for something else, the old password is wrong, or the new one is refused.
pub async fn change(
    app: &App,
    visitor: &Visitor<'_>,
    state_token: &str,
    (old, new): (&Secret<String>, &Secret<String>),
    revoke: RevokeSessions<'_>,
) -> Result<Reply, AuthnError> {
    let step = load(app, visitor, state_token).await?;
    step.check(&Action::ChangePassword)?;
    let change = PasswordChange { old, new, revoke, device: visitor.device };
    let rules = &step.facts.policies.password;
    let unit = password::change(app, step.user()?, &change, rules, visitor.caller).await?;
    renewed(app, visitor, step, (Fact::PasswordChanged, unit, revoke)).await
}

/// Sets a new password after a recovery or an activation.
///
/// # Errors
/// The transaction waits for something else, or the new password is refused.
pub async fn reset(
    app: &App,
    visitor: &Visitor<'_>,
    state_token: &str,
    new: &Secret<String>,
    revoke: RevokeSessions<'_>,
) -> Result<Reply, AuthnError> {
    let step = load(app, visitor, state_token).await?;
    step.check(&Action::ResetPassword)?;
    let by = match step.position().state {
        State::PasswordReset { kind: RecoveryKind::AccountActivation } => SetBy::Activation,
        _ => SetBy::Recovery,
    };
    let rules = &step.facts.policies.password;
    let unit = password::set(app, step.user()?, new, rules, (by, revoke, visitor.caller)).await?;
    let at = app.now();
    renewed(app, visitor, step, (Fact::PasswordWasReset { at }, unit, revoke)).await
}

/// Goes on after a new password, which ends what was established with the old one, but not this transaction.
async fn renewed(
    app: &App,
    visitor: &Visitor<'_>,
    mut step: Step,
    (fact, unit, revoke): (Fact, Unit, RevokeSessions<'_>),
) -> Result<Reply, AuthnError> {
    step.transaction.context.counts_from = app.now();
    // The session of this browser ends with the others: the unit that ends it does not renew it, but begins another.
    let face = match (visitor.face, revoke) {
        (Face::Page(Some(session)), RevokeSessions::All)
            if Some(&session.user_id) == step.facts.user_id() =>
        {
            Face::Page(None)
        }
        (face, _) => face,
    };
    let visitor = Visitor { face, ..*visitor };
    settle(app, &visitor, step, Effect { fact, unit, lost: AuthnError::NotAllowed }).await
}
