//! Machines that administer: a client with an access token of the org server, got for itself, with scopes that an
//! administrator gave it (Okta).

use crate::{
    app::App,
    cache::servers::ServerState,
    fault::Fault,
    id::ClientId,
    protocol::okta_scope::OktaScope,
    syslog::Reason,
    token::{access, introspect::client_token_is_live},
};

/// A machine with what it may administer.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Administrator {
    /// The client.
    pub client: ClientId,
    /// What both its token and its registration name.
    pub scopes: Vec<OktaScope>,
}

/// Why a token is no administrator's.
#[derive(Debug, thiserror::Error)]
pub enum AdministratorError {
    /// It is foreign, has expired, is revoked, is bound to a key, or speaks for a user.
    #[error("the token is not valid here: {0}")]
    InvalidToken(Reason),
    /// No verdict was reached.
    #[error(transparent)]
    Fault(#[from] Fault),
}

impl Administrator {
    /// Finds out whose access token this is.
    ///
    /// # Errors
    /// The token is nobody's, or a fault.
    pub async fn identify(app: &App, org: &ServerState, token: &str) -> Result<Self, AdministratorError> {
        let refuse = |reason| Err(AdministratorError::InvalidToken(reason));
        let Ok(claims) = access::verify(org, token, app.now()) else { return refuse("foreign_or_expired") };
        // RFC 9449 §7.2: a token that is bound to a key is no bearer token.
        if claims.claims.contains_key("cnf") {
            return refuse("bound_token");
        }
        // A user's token carries what the user agreed to, and nobody can agree to this.
        if claims.grant.is_some() || !client_token_is_live(app, org, &claims).await? {
            return refuse("not_a_live_client_token");
        }
        let Some(client) = app.clients.find(&app.db, &claims.client).await? else {
            return refuse("client_gone");
        };
        // What an administrator took back does not live on in tokens.
        let held = |scope: &&OktaScope| {
            claims.scope.contains(scope.as_str()) && client.metadata.okta_scopes.contains(*scope)
        };
        Ok(Self { scopes: OktaScope::ALL.iter().filter(held).copied().collect(), client: claims.client })
    }
}
