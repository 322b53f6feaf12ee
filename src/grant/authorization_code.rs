//! Authorization code (RFC 6749 §4.1.3): redeemed once, by the client it was issued to, with the redirect URI and the
//! code verifier of the request. A second redemption revokes everything that the first one bought.

use super::{Context, GrantError, Redeemed, refresh_token};
use crate::{
    model::grant::Grant,
    protocol::{
        client_metadata::ApplicationType,
        grant_type::GrantType,
        pkce::{CodeChallenge, CodeVerifier, S256},
        scope::{DEVICE_SSO, OPENID},
    },
    secret::{Secret, TokenHash, opaque_token},
    store::{self, authorization_code::AuthorizationCode, grant::GrantFacts, unit::Unit},
    syslog::{Event, EventType},
    token::may_issue::{SessionRule, may_issue},
};

/// After this many wrong verifiers a code is burnt.
const MAX_FAILURES: u32 = 3;

pub(super) async fn redeem(
    context: &Context<'_>,
    code: &Secret<String>,
    redirect_uri: Option<&str>,
    code_verifier: Option<&Secret<String>>,
) -> Result<Redeemed, GrantError> {
    let hash = TokenHash::of(code.expose());
    let Some((code, facts)) = store::authorization_code::find(&context.app.db, &hash).await? else {
        return Err(GrantError::InvalidGrant("code_unknown"));
    };
    // RFC 6749 §5.2: issued to another client or by another server. The rightful client can still redeem it.
    if code.client_id != context.client.id || code.server_id != context.server.config.server.id {
        return Err(GrantError::InvalidGrant("code_of_another_client_or_server"));
    }
    // RFC 9449 §10: nor does it burn in the hands of somebody who does not hold its key.
    context.sender.may_redeem(code.dpop_jkt.as_deref())?;
    if code.consumed_at.is_some() {
        // A public client proves itself by its verifier alone: without it, whoever has seen the code could sign the user
        // out.
        if context.client.metadata.is_public() {
            check_verifier(&code, code_verifier)?;
        }
        return Err(replayed(context, &facts).await?);
    }
    if code.expires_at <= context.now {
        return Err(GrantError::InvalidGrant("code_expired"));
    }
    may_issue(&facts, SessionRule::MustLive).map_err(|refusal| GrantError::InvalidGrant(refusal.reason()))?;
    check_redirect_uri(&code, redirect_uri)?;
    if let Err(error) = check_verifier(&code, code_verifier) {
        if code_verifier.is_some() && code.code_challenge.is_some() {
            count_failure(context, &hash, &code).await?;
        }
        return Err(error);
    }
    Ok(redeemed(context, &hash, code, facts))
}

fn check_redirect_uri(code: &AuthorizationCode, sent: Option<&str>) -> Result<(), GrantError> {
    match sent {
        // RFC 6749 §4.1.3: must equal the value from the authorization request.
        Some(sent) if sent == code.redirect_uri => Ok(()),
        None if !code.redirect_uri_sent => Ok(()),
        Some(_) | None => Err(GrantError::InvalidGrant("redirect_uri_mismatch")),
    }
}

fn check_verifier(code: &AuthorizationCode, sent: Option<&Secret<String>>) -> Result<(), GrantError> {
    match (&code.code_challenge, sent) {
        (None, None) => Ok(()),
        // RFC 9700 §4.8.2: a verifier without a challenge is a downgrade.
        (None, Some(_)) => Err(GrantError::InvalidGrant("code_verifier_without_challenge")),
        (Some(_), None) => Err(GrantError::InvalidGrant("code_verifier_missing")),
        (Some(challenge), Some(verifier)) => {
            let verifier = CodeVerifier::parse(verifier.expose());
            let challenge = CodeChallenge::parse(challenge, Some(S256));
            // RFC 7636 §4.6
            match (challenge, verifier) {
                (Ok(challenge), Ok(verifier)) if challenge.matches(&verifier) => Ok(()),
                _ => Err(GrantError::InvalidGrant("code_verifier_mismatch")),
            }
        }
    }
}

/// Guessing verifiers burns the code. The database counts, so that guesses at the same moment count as well.
async fn count_failure(
    context: &Context<'_>,
    hash: &TokenHash,
    code: &AuthorizationCode,
) -> Result<(), GrantError> {
    let unit = Unit::new()
        .claim(store::authorization_code::claim_failure(hash, MAX_FAILURES))
        .denial_change(store::authorization_code::count_failure(hash))
        .denial_change(store::grant::revoke(&code.grant_id, "code_verifier_guessed", context.now))
        .denial_row(context.event(Event::failure(EventType::TokenGrant, "code_verifier_guessed")));
    context.app.db.writer().commit(unit).await?;
    Ok(())
}

/// A spent code presented by its own, authenticated client (RFC 6749 §4.1.2): whoever redeemed it first may be a thief.
async fn replayed(context: &Context<'_>, facts: &GrantFacts) -> Result<GrantError, GrantError> {
    if facts.grant.revoked_at.is_none() {
        let (revoke, event) = reuse(context, facts);
        context.app.db.writer().commit(Unit::new().change(revoke).row(event)).await?;
    }
    Ok(GrantError::InvalidGrant("code_replayed"))
}

fn reuse(context: &Context<'_>, facts: &GrantFacts) -> (store::unit::Change, store::unit::Row) {
    let mut event = Event::failure(EventType::TokenDetectReuse, "code_replayed")
        .with("grant", facts.grant.id.as_str())
        .with("artefact", "authorization_code");
    if let Some(user) = &facts.grant.user_id {
        event = event.user(user);
    }
    (store::grant::revoke(&facts.grant.id, "code_replayed", context.now), context.event(event))
}

fn redeemed(context: &Context<'_>, hash: &TokenHash, code: AuthorizationCode, facts: GrantFacts) -> Redeemed {
    // Lost to a concurrent redemption, which makes this one a replay; lost to a concurrent revocation, which the
    // denial repeats without effect.
    let (revoke, event) = reuse(context, &facts);
    let mut unit = Unit::new()
        .claim(store::authorization_code::claim_redeem(hash, context.now))
        .claim(store::grant::claim_live(&facts.grant.id))
        .denial_change(revoke)
        .denial_row(event);
    let grant = facts.grant;
    let refresh_token = refresh_token::first_of(context, &grant).map(|(token, row)| {
        unit = std::mem::take(&mut unit).row(row);
        token
    });
    let device_secret = refresh_token
        .as_ref()
        .filter(|_| gives_device_secret(context, &grant))
        .map(|_| opaque_token(context.app.random.as_ref()));
    if let Some(secret) = &device_secret {
        let hash = TokenHash::of(secret.expose());
        unit = unit.row(store::device_secret::row(&hash, &grant.id, context.now));
    }
    Redeemed {
        unit,
        lost: |_| GrantError::InvalidGrant("code_replayed"),
        scope: grant.scope.clone(),
        access_lifetime: grant.access_lifetime,
        refresh_token,
        device_secret,
        nonce: code.nonce,
        kind: GrantType::AuthorizationCode,
        user: facts.user,
        grant: Some(grant),
    }
}

/// OpenID Connect Native SSO 1.0 §3.1: an installed application that stays signed in may let others of its device in.
fn gives_device_secret(context: &Context<'_>, grant: &Grant) -> bool {
    context.client.metadata.application_type == ApplicationType::Native
        && !context.server.config.server.is_org()
        && [OPENID, DEVICE_SSO].iter().all(|scope| grant.scope.contains(scope))
}
