//! Userinfo (OpenID Connect Core §5.3): the claims that the scopes of an access token bring.

use std::sync::Arc;

use serde_json::{Map, Value, json};

use super::{LoadedSubject, Mint, MintError, Subject, access, introspect::live_facts};
use crate::{
    app::App,
    cache::servers::ServerState,
    claims::assemble::{ClaimsError, Target},
    fault::Fault,
    model::client::Client,
    protocol::scope::OPENID,
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
    token: &str,
) -> Result<(Map<String, Value>, Arc<Client>), UserinfoError> {
    let now = app.now();
    let claims = access::verify(server, token, now).map_err(|_| UserinfoError::InvalidToken)?;
    if !claims.scope.contains(OPENID) {
        return Err(UserinfoError::InsufficientScope);
    }
    let facts = live_facts(app, server, &claims).await?.ok_or(UserinfoError::InvalidToken)?;
    let user = facts.user.ok_or(UserinfoError::InvalidToken)?;
    let client = app.clients.find(&app.db, &claims.client).await?.ok_or(UserinfoError::InvalidToken)?;
    let subject = LoadedSubject::of(app, server, user).await?;
    let mint = Mint {
        server,
        client: &client,
        subject: Some(Subject {
            user: &subject.user,
            groups: &subject.group_names,
            auth_time: None,
            acr: None,
            amr: &[],
            session: None,
        }),
        grant: None,
        scope: &claims.scope,
        confirmation: None,
        resource: &[],
        actor: None,
        now,
    };
    let mut answer = Map::new();
    answer.insert("sub".to_owned(), json!(subject.user.id));
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
