//! Device code (RFC 8628 §3.4): polled until the user has decided, redeemed once, by the client it was issued to.

use super::{Context, GrantError, Redeemed, refresh_token};
use crate::{
    protocol::grant_type::GrantType,
    secret::{Secret, TokenHash},
    store::{
        self,
        device_code::{Decision, DeviceCode},
        unit::{Outcome, Unit},
    },
    token::may_issue::{SessionRule, may_issue},
};

pub(super) async fn redeem(
    context: &Context<'_>,
    device_code: &Secret<String>,
) -> Result<Redeemed, GrantError> {
    let hash = TokenHash::of(device_code.expose());
    let Some(code) = store::device_code::find_by_device_code(&context.app.db, &hash).await? else {
        return Err(GrantError::InvalidGrant("device_code_unknown"));
    };
    // RFC 6749 §5.2: issued to another client or by another server. The rightful client can still poll.
    if code.client_id != context.client.id || code.server_id != context.server.config.server.id {
        return Err(GrantError::InvalidGrant("device_code_of_another_client_or_server"));
    }
    if code.consumed_at.is_some() {
        return Err(GrantError::InvalidGrant("device_code_consumed"));
    }
    if code.expires_at <= context.now {
        return Err(GrantError::ExpiredToken);
    }
    let grant = match &code.decision {
        Decision::Pending => return Err(poll(context, &code).await?),
        Decision::Denied => return Err(GrantError::UserDenied),
        Decision::Approved(grant) => grant,
    };
    let Some(facts) = store::grant::find_for_token(&context.app.db, grant, "").await? else {
        return Err(GrantError::InvalidGrant("grant_gone"));
    };
    may_issue(&facts, SessionRule::MustLive).map_err(|refusal| GrantError::InvalidGrant(refusal.reason()))?;
    let grant = facts.grant;
    let mut unit = Unit::new()
        .claim(store::device_code::claim_redeem(&code.id, context.now))
        .claim(store::grant::claim_live(&grant.id));
    let refresh_token = refresh_token::first_of(context, &grant).map(|(token, row)| {
        unit = std::mem::take(&mut unit).row(row);
        token
    });
    Ok(Redeemed {
        unit,
        lost: |_| GrantError::InvalidGrant("device_code_consumed"),
        // What was approved, whatever was asked for.
        scope: grant.scope.clone(),
        access_lifetime: grant.access_lifetime,
        refresh_token,
        device_secret: None,
        nonce: None,
        kind: GrantType::DeviceCode,
        user: facts.user,
        grant: Some(grant),
    })
}

/// RFC 8628 §3.5: nobody has decided; whoever asks too often has to wait longer from now on.
async fn poll(context: &Context<'_>, code: &DeviceCode) -> Result<GrantError, GrantError> {
    let unit = Unit::new()
        .claim(store::device_code::claim_poll(&code.id, context.now))
        .denial_change(store::device_code::slow_down(&code.id, context.now));
    Ok(match context.app.db.writer().commit(unit).await? {
        Outcome::Won => GrantError::AuthorizationPending,
        Outcome::Lost(_) => GrantError::SlowDown,
    })
}
