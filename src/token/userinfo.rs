//! Userinfo (OpenID Connect Core §5.3): the claims that the scopes of an access token bring.

use std::sync::Arc;

use serde_json::{Map, Value, json};

use super::{
    LoadedSubject, Mint, MintError, Subject, access,
    binding::{self, BindingError},
    introspect::live_facts,
};
use crate::{
    app::App,
    cache::servers::ServerState,
    claims::assemble::{ClaimsError, Target},
    client::sender::Sender,
    fault::Fault,
    model::client::Client,
    protocol::{bearer::PresentedToken, scope::OPENID},
};

/// Why there is no userinfo.
#[derive(Debug, thiserror::Error)]
pub enum UserinfoError {
    /// The token is not one of this server's, has expired, or is revoked.
    #[error("the access token is invalid, expired or revoked")]
    InvalidToken,
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

/// The claims about the user of an access token, and the client they go to.
///
/// # Errors
/// The token does not open them, or a fault.
pub async fn userinfo(
    app: &App,
    server: &ServerState,
    presented: &PresentedToken,
    sender: &Sender,
) -> Result<(Map<String, Value>, Arc<Client>), UserinfoError> {
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
    let requested = facts.grant.requested_claims()?;
    let user = facts.user.ok_or(UserinfoError::InvalidToken)?;
    let client = app.clients.find(&app.db, &claims.client).await?.ok_or(UserinfoError::InvalidToken)?;
    binding::check(app, (server, "userinfo"), (&client, &claims), presented, sender).await?;
    let subject = LoadedSubject::of(app, (server, &client), user).await?;
    let mint = Mint {
        server,
        client: &client,
        subject: Some(Subject {
            user: &subject.user,
            sub: &subject.sub,
            groups: &subject.group_names,
            auth_time: now,
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
    Ok((answer, client))
}

impl From<MintError> for UserinfoError {
    fn from(error: MintError) -> Self {
        match error {
            MintError::Claims(error) => Self::Claims(error),
            MintError::Fault(fault) => Self::Fault(fault),
        }
    }
}
