//! Access tokens: JWTs in Okta's shape or RFC 9068's, and their verification at our own resource endpoints.

use keys::Limits;
use serde_json::{Map, Value, json};
use time::{Duration, OffsetDateTime};

use super::{AccessTokenClaims, Mint, MintError, access_token_jti, grant_of_jti};
use crate::{
    cache::servers::ServerState, claims::assemble::Target, id::ClientId,
    model::authorization_server::AccessTokenProfile, ports::random::Random, protocol::scope::ScopeSet,
};

/// A minted access token.
pub struct AccessToken {
    /// The compact JWS.
    pub token: String,
    /// Its `jti`.
    pub jti: String,
    /// Its lifetime.
    pub lifetime: Duration,
}

/// Mints an access token. `sub` is the login or client id in Okta's shape, the user's subject or the client id in RFC
/// 9068's. A client with pairwise subjects finds that subject in both, and no `uid`.
///
/// # Errors
/// A claim or the signature could not be computed.
pub fn mint(mint: &Mint<'_>, lifetime: Duration, random: &dyn Random) -> Result<AccessToken, MintError> {
    let server = &mint.server.config.server;
    let jti = access_token_jti(random, mint.grant);
    let iat = mint.now.unix_timestamp();
    let exp = iat + lifetime.whole_seconds();
    let mut claims = Map::new();
    let user = mint.subject.as_ref();
    let typ = match server.access_token_profile {
        AccessTokenProfile::Okta => {
            claims.insert("ver".to_owned(), json!(1));
            claims.insert("jti".to_owned(), json!(jti));
            claims.insert("iss".to_owned(), json!(mint.server.issuer));
            claims.insert("aud".to_owned(), mint.audience());
            claims.insert(
                "sub".to_owned(),
                json!(mint.custom_subject().unwrap_or_else(|| okta_subject(mint).to_owned())),
            );
            claims.insert("iat".to_owned(), json!(iat));
            claims.insert("exp".to_owned(), json!(exp));
            claims.insert("cid".to_owned(), json!(mint.client.id));
            if let Some(subject) = user.filter(|_| !mint.client.is_pairwise()) {
                claims.insert("uid".to_owned(), json!(subject.user.id));
            }
            claims.insert("scp".to_owned(), mint.scope.iter().collect());
            None
        }
        AccessTokenProfile::Rfc9068 => {
            // RFC 9068 §2.2
            claims.insert("iss".to_owned(), json!(mint.server.issuer));
            claims.insert("exp".to_owned(), json!(exp));
            claims.insert("aud".to_owned(), mint.audience());
            claims
                .insert("sub".to_owned(), json!(user.map_or(mint.client.id.as_str(), |subject| subject.sub)));
            claims.insert("client_id".to_owned(), json!(mint.client.id));
            claims.insert("iat".to_owned(), json!(iat));
            claims.insert("jti".to_owned(), json!(jti));
            claims.insert("scope".to_owned(), json!(mint.scope.to_string()));
            if let Some(subject) = user.filter(|subject| !subject.amr.is_empty()) {
                claims.insert("amr".to_owned(), json!(subject.amr));
            }
            Some("at+jwt")
        }
    };
    if let Some(subject) = user {
        if let Some(auth_time) = subject.auth_time {
            claims.insert("auth_time".to_owned(), json!(auth_time.unix_timestamp()));
        }
        if let Some(acr) = subject.acr {
            claims.insert("acr".to_owned(), json!(acr));
        }
    }
    if let Some(confirmation) = mint.confirmation {
        claims.insert("cnf".to_owned(), json!(confirmation));
    }
    if let Some(actor) = mint.actor {
        claims.insert("act".to_owned(), actor.clone());
    }
    for (name, value) in mint.claims(Target::AccessToken)? {
        claims.insert(name, value);
    }
    let signer = mint.server.access_token_signer()?;
    Ok(AccessToken { token: signer.sign_jwt(typ, &claims)?, jti, lifetime })
}

/// `sub` in Okta's shape.
fn okta_subject<'a>(mint: &'a Mint<'_>) -> &'a str {
    match &mint.subject {
        None => mint.client.id.as_str(),
        Some(subject) if mint.client.is_pairwise() => subject.sub,
        Some(subject) => subject.user.login.as_str(),
    }
}

/// Why a token is not an access token of this server.
#[derive(Clone, Copy, PartialEq, Eq, Debug, thiserror::Error)]
pub enum AccessTokenError {
    /// It is not a JWT of ours, or its signature is wrong.
    #[error("not an access token of this authorization server")]
    Foreign,
    /// It has expired.
    #[error("the access token has expired")]
    Expired,
}

/// Verifies an access token of this server: signature by one of its published keys, `iss`, `aud`, `jti`, `iat` and
/// `exp`, and that it is no other kind of JWT of ours (RFC 8725 §3.11–12). It may be for any resource that the server
/// issues tokens for; a resource endpoint of ours must ask whether it is among them (RFC 9068 §4).
///
/// # Errors
/// The token is foreign or expired.
pub fn verify(
    server: &ServerState,
    token: &str,
    now: OffsetDateTime,
) -> Result<AccessTokenClaims, AccessTokenError> {
    let parsed = keys::parse(token, &Limits::default()).map_err(|_| AccessTokenError::Foreign)?;
    let typ_fits = match server.config.server.access_token_profile {
        AccessTokenProfile::Okta => parsed.header().typ().is_none() || parsed.header().is_type("at+jwt"),
        AccessTokenProfile::Rfc9068 => parsed.header().typ().is_none() || parsed.header().is_type("at+jwt"),
    };
    if !typ_fits {
        return Err(AccessTokenError::Foreign);
    }
    let claims = server.verify(&parsed).ok_or(AccessTokenError::Foreign)?.into_map();
    let text = |name: &str| claims.get(name).and_then(Value::as_str);
    let time = |name: &str| {
        claims.get(name).and_then(Value::as_i64).and_then(|at| OffsetDateTime::from_unix_timestamp(at).ok())
    };
    let (Some(jti), Some(expires_at), Some(issued_at)) = (text("jti"), time("exp"), time("iat")) else {
        return Err(AccessTokenError::Foreign);
    };
    let client = text("cid").or_else(|| text("client_id")).ok_or(AccessTokenError::Foreign)?;
    let scope = match (claims.get("scp").and_then(Value::as_array), text("scope")) {
        (Some(tokens), None) => ScopeSet::from_tokens(tokens.iter().filter_map(Value::as_str)),
        (None, Some(scope)) if !scope.is_empty() => ScopeSet::parse(scope),
        (None, Some(_)) => Ok(ScopeSet::new()),
        _ => return Err(AccessTokenError::Foreign),
    }
    .map_err(|_| AccessTokenError::Foreign)?;
    let audience = audience(claims.get("aud"));
    if !jti.starts_with("AT.")
        || text("iss") != Some(server.issuer.as_str())
        || audience.is_empty()
        || !audience.iter().all(|resource| server.config.server.serves(resource))
    {
        return Err(AccessTokenError::Foreign);
    }
    if expires_at <= now {
        return Err(AccessTokenError::Expired);
    }
    Ok(AccessTokenClaims {
        jti: jti.to_owned(),
        grant: grant_of_jti(jti),
        client: ClientId::new(client),
        scope,
        expires_at,
        issued_at,
        audience,
        claims,
    })
}

/// The members of `aud`; none when any of them is not a text (RFC 7519 §4.1.3).
fn audience(aud: Option<&Value>) -> Vec<String> {
    let members = match aud {
        Some(Value::Array(members)) => members.as_slice(),
        Some(one) => std::slice::from_ref(one),
        None => &[],
    };
    let texts: Option<Vec<String>> =
        members.iter().map(|member| member.as_str().map(ToOwned::to_owned)).collect();
    texts.unwrap_or_default()
}
