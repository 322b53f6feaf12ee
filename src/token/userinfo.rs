//! Userinfo (OpenID Connect Core §5.3): the claims that the scopes of an access token, and the `claims` parameter, bring.

use std::sync::Arc;

use keys::{Content, Recipient};
use serde_json::{Map, Value, json};
use time::{Duration, OffsetDateTime};

use super::{
    LoadedSubject, Mint, MintError, Subject, access,
    binding::{self, BindingError},
    introspect::live_facts,
};
use crate::{
    app::App,
    cache::servers::ServerState,
    claims::assemble::{ClaimsError, Target},
    client::{
        encryption::{self, NoEncryptionKey},
        sender::Sender,
    },
    fault::Fault,
    model::{authorization_server::UserinfoSettings, client::Client, grant::Grant},
    protocol::{acr, amr::Amr, bearer::PresentedToken, scope::OPENID},
};

/// Why there is no userinfo.
#[derive(Debug, thiserror::Error)]
pub enum UserinfoError {
    /// The token is not one of this server's, has expired, or is revoked.
    #[error("the access token is invalid, expired or revoked")]
    InvalidToken,
    /// The sign-in behind the token is too weak or too long ago (RFC 9470 §3).
    #[error("the authentication behind the access token is not sufficient")]
    InsufficientAuthentication,
    /// The client asked for encrypted userinfo, and there is no key to encrypt to.
    #[error(transparent)]
    NoEncryptionKey(#[from] NoEncryptionKey),
    /// The token lacks the scope `openid`.
    #[error("the access token lacks the scope openid")]
    InsufficientScope,
    /// The token is bound to a key that was not proved (RFC 9449 §7, RFC 8705 §3).
    #[error(transparent)]
    Binding(#[from] BindingError),
    /// A claim cannot be computed.
    #[error(transparent)]
    Claims(#[from] ClaimsError),
    /// No verdict was reached.
    #[error(transparent)]
    Fault(#[from] Fault),
}

/// The claims in the form that the client registered.
#[derive(Clone, PartialEq, Debug)]
pub enum Userinfo {
    /// A JSON object.
    Claims(Map<String, Value>),
    /// A JWT: signed, encrypted, or signed and then encrypted (Core §5.3.2).
    Jwt(String),
}

/// The claims about the user of an access token, and the client they go to.
///
/// # Errors
/// The token does not open them, or a fault.
pub async fn userinfo(
    app: &App,
    server: &ServerState,
    presented: &PresentedToken,
    sender: &Sender,
) -> Result<(Userinfo, Arc<Client>), UserinfoError> {
    let now = app.now();
    let claims =
        access::verify(server, presented.token.expose(), now).map_err(|_| UserinfoError::InvalidToken)?;
    // RFC 8707 §2, RFC 9068 §4: a token for another resource does not open this one.
    if !claims.audience.contains(&server.config.server.audience) {
        return Err(UserinfoError::InvalidToken);
    }
    if !claims.scope.contains(OPENID) {
        return Err(UserinfoError::InsufficientScope);
    }
    let facts = live_facts(app, server, &claims).await?.ok_or(UserinfoError::InvalidToken)?;
    if !is_sufficient(&server.config.server.settings.userinfo, &facts.grant, now) {
        return Err(UserinfoError::InsufficientAuthentication);
    }
    let requested = facts.grant.requested_claims()?;
    let user = facts.user.ok_or(UserinfoError::InvalidToken)?;
    let client = app.clients.find(&app.db, &claims.client).await?.ok_or(UserinfoError::InvalidToken)?;
    let targets = server.endpoint_urls("userinfo");
    binding::check(app, (server, &targets), (&client, &claims), presented, sender).await?;
    let subject = LoadedSubject::of(app, (server, &client), user).await?;
    let mint = Mint {
        server,
        client: &client,
        subject: Some(Subject {
            user: &subject.user,
            sub: &subject.sub,
            groups: &subject.group_names,
            auth_time: None,
            acr: None,
            amr: &[],
            session: None,
        }),
        grant: None,
        scope: &claims.scope,
        requested: &requested,
        confirmation: None,
        resource: &[],
        actor: None,
        now,
    };
    let mut answer = Map::new();
    answer.insert("sub".to_owned(), json!(subject.sub));
    for (name, value) in mint.claims(Target::Userinfo)? {
        answer.insert(name, value);
    }
    let recipient = encryption::of_userinfo(app, &client).await?;
    Ok((present(&mint, answer, recipient.as_ref())?, client))
}

/// Whether the sign-in behind a grant is strong and recent enough (RFC 9470 §3).
fn is_sufficient(wanted: &UserinfoSettings, grant: &Grant, now: OffsetDateTime) -> bool {
    let earned: Vec<Amr> = grant.amr.iter().filter_map(|method| method.parse().ok()).collect();
    let levels: Vec<&str> = wanted.acr_values.iter().map(String::as_str).collect();
    let strong = levels.is_empty() || acr::first_satisfied(&levels, &earned).is_some();
    let recent = wanted.max_age.is_none_or(|max_age| {
        grant.auth_time.is_some_and(|at| now - at <= Duration::seconds(i64::from(max_age)))
    });
    strong && recent
}

/// Signs and encrypts as the client registered (Registration §2).
fn present(
    mint: &Mint<'_>,
    mut claims: Map<String, Value>,
    recipient: Option<&Recipient>,
) -> Result<Userinfo, UserinfoError> {
    let Some(alg) = mint.client.metadata.userinfo_signed_response_alg.as_deref() else {
        return Ok(match recipient {
            None => Userinfo::Claims(claims),
            Some(recipient) => {
                let claims = serde_json::to_string(&claims).map_err(Fault::from)?;
                Userinfo::Jwt(recipient.encrypt(Content::Claims, &claims).map_err(MintError::from)?)
            }
        });
    };
    // Core §5.3.2: a signed response SHOULD contain iss and aud.
    claims.insert("iss".to_owned(), json!(mint.server.issuer));
    claims.insert("aud".to_owned(), json!(mint.client.id));
    claims.insert("iat".to_owned(), json!(mint.now.unix_timestamp()));
    let signer = mint.server.signer_of_responses(mint.client, Some(alg))?;
    let signed = signer.sign_jwt(None, &claims).map_err(MintError::from)?;
    Ok(Userinfo::Jwt(match recipient {
        None => signed,
        Some(recipient) => recipient.encrypt(Content::Jwt, &signed).map_err(MintError::from)?,
    }))
}

impl From<MintError> for UserinfoError {
    fn from(error: MintError) -> Self {
        match error {
            MintError::Claims(error) => Self::Claims(error),
            MintError::Fault(fault) => Self::Fault(fault),
        }
    }
}
