//! JWT bearer (RFC 7523 §2.1): an issuer that the authorization server trusts says who the user is. The user did not
//! sign in here, so tokens say nothing of how or when, and there is neither an ID token nor a refresh token.

use keys::{Algorithm, Claims, ClientKeys, Limits, UnverifiedToken};
use serde_json::Value;
use time::{Duration, OffsetDateTime};

use super::{Context, GrantError, Redeemed, decide};
use crate::{
    id::{ClientId, UserId},
    model::{
        authorization_server::{TrustedIssuer, TrustedSubject},
        user::Holder,
    },
    protocol::{
        grant_type::GrantType,
        scope::{DEVICE_SSO, OFFLINE_ACCESS, OPENID, ScopeSet},
    },
    secret::{Secret, TokenHash},
    store::{self, unit::Unit},
    token::may_issue::may_have_tokens,
    user::login::LoginKey,
};

/// How far ahead `exp` may lie.
const LONGEST: Duration = Duration::minutes(5);
/// The longest `jti`, in bytes.
const MAX_JTI: usize = 255;

pub(super) async fn redeem(
    context: &Context<'_>,
    assertion: &Secret<String>,
    requested: Option<&ScopeSet>,
) -> Result<Redeemed, GrantError> {
    if context.server.config.server.is_org() {
        return Err(GrantError::UnsupportedGrantType);
    }
    let scope = decide::scope(context, requested)?;
    if [OPENID, OFFLINE_ACCESS, DEVICE_SSO].iter().any(|name| scope.contains(name)) {
        return Err(GrantError::InvalidScope("An assertion gives neither ID tokens nor refresh tokens."));
    }
    let token = keys::parse(assertion.expose(), &Limits::default()).map_err(|_| invalid("malformed"))?;
    // RFC 8725 §3.11: ID tokens and access tokens of ours carry no issuer that is trusted here; logout tokens, proofs and
    // request objects carry a type.
    if token.header().typ().is_some() && !token.header().is_type("jwt") {
        return Err(invalid("wrong_type"));
    }
    let settings = &context.server.config.server.settings;
    let named = token.claims().get("iss").and_then(Value::as_str);
    let issuer = settings
        .trusted_issuers
        .iter()
        .find(|issuer| Some(issuer.issuer.as_str()) == named)
        .ok_or_else(|| invalid("issuer_not_trusted"))?;
    let claims = verify(context, issuer, &token).await?;
    let (jti, expires_at) = check(context, &claims)?;
    let user = subject(context, issuer, &claims).await?;
    // An assertion says nothing about factors.
    decide::sign_on(context, decide::SignOn::Before, (&user, &scope), (&[], Some(context.now))).await?;
    decide::consent(context, &user.id, &scope).await?;
    let granted = decide::policy(context, &user.id, (GrantType::JwtBearer, &scope)).await?;
    let server = &context.server.config.server.id;
    let used = TokenHash::of(&format!("jwt_bearer\n{server}\n{}\n{jti}", issuer.issuer));
    let grant =
        decide::grant(context, &user, scope.clone(), &granted.lifetimes, decide::Authentication::default());
    let unit = Unit::new()
        .claim(store::used_jti::claim(&used, expires_at + context.app.settings.clock_skew))
        .row(store::grant::row(&grant)?);
    Ok(Redeemed {
        lost: |_| invalid("replayed"),
        access_lifetime: grant.access_lifetime,
        ..Redeemed::of(unit, grant, user, (GrantType::JwtBearer, scope))
    })
}

fn invalid(why: &'static str) -> GrantError {
    GrantError::InvalidGrant(match why {
        "malformed" => "assertion_malformed",
        "wrong_type" => "assertion_wrong_type",
        "issuer_not_trusted" => "assertion_issuer_not_trusted",
        "signature" => "assertion_signature",
        "audience" => "assertion_audience",
        "lifetime" => "assertion_lifetime",
        "jti" => "assertion_without_jti",
        "replayed" => "assertion_replayed",
        _ => "assertion_subject",
    })
}

/// RFC 7523 §3 rule 9: signed by a key of the issuer, with an algorithm that has a key pair.
async fn verify(
    context: &Context<'_>,
    issuer: &TrustedIssuer,
    token: &UnverifiedToken,
) -> Result<Claims, GrantError> {
    let algorithm: Algorithm = token.header().alg().parse().map_err(|_| invalid("signature"))?;
    let kid = token.header().kid();
    let verify =
        |keys: &ClientKeys| keys.select(kid, algorithm).iter().find_map(|key| key.verify(token).ok());
    if let Some(jwks) = &issuer.jwks {
        let keys = ClientKeys::parse(jwks).map_err(|_| invalid("signature"))?;
        return verify(&keys).ok_or_else(|| invalid("signature"));
    }
    let uri = issuer.jwks_uri.as_deref().ok_or_else(|| invalid("signature"))?;
    // No client id has a line break: issuers have entries of their own.
    let owner = ClientId::new(format!("issuer\n{}", issuer.issuer));
    let app = context.app;
    let keys = app
        .remote_jwks
        .find(app.fetch.as_ref(), (&owner, uri), context.now, |keys| !keys.select(kid, algorithm).is_empty())
        .await
        .ok_or_else(|| invalid("signature"))?;
    verify(&keys).ok_or_else(|| invalid("signature"))
}

/// RFC 7523 §3: for this server, now, once.
fn check(context: &Context<'_>, claims: &Claims) -> Result<(String, OffsetDateTime), GrantError> {
    let token_endpoint = format!("{}/v1/token", context.server.endpoint_base);
    let ours = |audience: &Value| {
        audience.as_str().is_some_and(|text| text == context.server.issuer || text == token_endpoint)
    };
    let fits = match claims.get("aud") {
        // An assertion that is for others as well can be replayed by them.
        Some(Value::Array(several)) => !several.is_empty() && several.iter().all(ours),
        Some(audience) => ours(audience),
        None => false,
    };
    if !fits {
        return Err(invalid("audience"));
    }
    let time = |name: &str| match claims.get(name) {
        None => Ok(None),
        Some(value) => value
            .as_i64()
            .and_then(|at| OffsetDateTime::from_unix_timestamp(at).ok())
            .map(Some)
            .ok_or_else(|| invalid("lifetime")),
    };
    let skew = context.app.settings.clock_skew;
    let ahead = context.now + skew;
    let expires_at = time("exp")?.ok_or_else(|| invalid("lifetime"))?;
    let in_time = expires_at > context.now
        && expires_at <= ahead + LONGEST
        && time("iat")?.is_none_or(|at| at <= ahead)
        && time("nbf")?.is_none_or(|at| at <= ahead);
    if !in_time {
        return Err(invalid("lifetime"));
    }
    match claims.get("jti").and_then(Value::as_str) {
        Some(jti) if !jti.is_empty() && jti.len() <= MAX_JTI => Ok((jti.to_owned(), expires_at)),
        Some(_) | None => Err(invalid("jti")),
    }
}

/// The active user that `sub` names, by login or id as it is agreed with the issuer.
async fn subject(
    context: &Context<'_>,
    issuer: &TrustedIssuer,
    claims: &Claims,
) -> Result<Holder, GrantError> {
    let sub = claims.get("sub").and_then(Value::as_str).ok_or_else(|| invalid("subject"))?;
    let db = &context.app.db;
    let user = match issuer.subject {
        TrustedSubject::Id => store::user::find_holder(db, &UserId::new(sub)).await?,
        TrustedSubject::Login => match LoginKey::normalize(sub) {
            Ok(key) => store::user::find_by_login(db, key.as_str()).await?.map(Holder::from),
            Err(_) => None,
        },
    };
    let user = user.ok_or_else(|| invalid("subject"))?;
    may_have_tokens(&user).map_err(|refusal| GrantError::InvalidGrant(refusal.reason()))?;
    Ok(user)
}
