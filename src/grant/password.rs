//! Resource owner password credentials (RFC 6749 §4.3): a last resort for installed applications of one's own, off unless
//! a client is registered for it (RFC 9700 §2.4). The password goes the way of every other sign-in; there is no session.

use super::{Context, GrantError, Redeemed, decide, refresh_token};
use crate::{
    authn::service::{self, SignInError},
    fault::Fault,
    model::{session::amr_of, user::Holder},
    protocol::{acr, amr::Amr, grant_type::GrantType, scope::ScopeSet},
    secret::Secret,
    store::{self, unit::Unit},
};

pub(super) async fn redeem(
    context: &Context<'_>,
    (username, password): (&str, &Secret<String>),
    requested: Option<&ScopeSet>,
) -> Result<Redeemed, GrantError> {
    // What concerns the client alone is told before a password is looked at.
    let scope = decide::scope(context, requested)?;
    let proof = service::password_alone(context.app, username, password.clone(), context.caller)
        .await
        .map_err(refused)?;
    // A password that is changed meanwhile buys nothing.
    let unchanged = store::user::claim_login(&proof.user, context.now);
    let user = Holder::from(proof.user);
    decide::consent(context, &user.id, &scope).await?;
    let granted = decide::policy(context, &user.id, (GrantType::Password, &scope)).await?;
    let amr = amr_of(&proof.factors);
    decide::sign_on(context, decide::SignOn::Now, (&user, &scope), (&amr, Some(context.now))).await?;
    let earned: Vec<Amr> = amr.iter().filter_map(|method| method.parse().ok()).collect();
    let how = decide::Authentication {
        session: None,
        auth_time: Some(context.now),
        acr: acr::choose(&[], &earned),
        amr,
    };
    let grant = decide::grant(context, &user, scope.clone(), &granted.lifetimes, how);
    let mut unit = Unit::new().claim(unchanged).row(store::grant::row(&grant)?);
    let refresh_token = refresh_token::first_of(context, &grant).map(|(token, row)| {
        unit = std::mem::take(&mut unit).row(row);
        token
    });
    Ok(Redeemed {
        lost: |_| GrantError::InvalidGrant("credentials_refused"),
        refresh_token,
        access_lifetime: grant.access_lifetime,
        ..Redeemed::of(unit, grant, user, (GrantType::Password, scope))
    })
}

/// Unknown user, wrong password and locked user are one (RFC 6749 §5.2).
fn refused(error: SignInError) -> GrantError {
    match error {
        SignInError::Refused | SignInError::Incomplete => GrantError::InvalidGrant("credentials_refused"),
        SignInError::Throttled(count) => GrantError::Throttled(count),
        SignInError::Busy => Fault::Overloaded("too many passwords are waiting to be checked").into(),
        SignInError::Fault(fault) => fault.into(),
    }
}
