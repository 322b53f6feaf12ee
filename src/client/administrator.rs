//! Machines that administer: a client with an access token of the org server, got for itself, with scopes that an
//! administrator gave it (Okta).

use std::sync::Arc;

use super::sender::Sender;
use crate::{
    app::App,
    cache::servers::ServerState,
    fault::Fault,
    id::ClientId,
    model::client::Client,
    protocol::{bearer::PresentedToken, okta_scope::OktaScope},
    syslog::Reason,
    token::{
        AccessTokenClaims, access,
        binding::{self, BindingError},
        introspect::client_token_is_live,
    },
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
    /// It is bound to a key that was not proved (RFC 9449 §7).
    #[error(transparent)]
    Binding(BindingError),
    /// No verdict was reached.
    #[error(transparent)]
    Fault(#[from] Fault),
}

impl From<BindingError> for AdministratorError {
    fn from(error: BindingError) -> Self {
        match error {
            BindingError::Fault(fault) => Self::Fault(fault),
            BindingError::Mismatch | BindingError::Proof(_) => Self::Binding(error),
        }
    }
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
        let client = live_client(app, org, &claims).await?;
        Ok(Self::new(&claims, &client))
    }

    /// The same for a token that may be bound to a key, at the endpoint with this address.
    ///
    /// # Errors
    /// The token is nobody's, or whoever presents it does not prove the key it is bound to, or a fault.
    pub async fn identify_sender(
        app: &App,
        org: &ServerState,
        presented: &PresentedToken,
        (sender, target): (&Sender, String),
    ) -> Result<Self, AdministratorError> {
        let Ok(claims) = access::verify(org, presented.token.expose(), app.now()) else {
            return Err(AdministratorError::InvalidToken("foreign_or_expired"));
        };
        let client = live_client(app, org, &claims).await?;
        binding::check(app, (org, &[target]), (&client, &claims), presented, sender).await?;
        Ok(Self::new(&claims, &client))
    }

    fn new(claims: &AccessTokenClaims, client: &Client) -> Self {
        // What an administrator took back does not live on in tokens.
        let held = |scope: &&OktaScope| {
            claims.scope.contains(scope.as_str()) && client.metadata.okta_scopes.contains(*scope)
        };
        Self { scopes: OktaScope::ALL.iter().filter(held).copied().collect(), client: claims.client.clone() }
    }
}

/// The client to which a token was issued, for itself and as long as both live.
async fn live_client(
    app: &App,
    org: &ServerState,
    claims: &AccessTokenClaims,
) -> Result<Arc<Client>, AdministratorError> {
    let refuse = |reason| Err(AdministratorError::InvalidToken(reason));
    // A user's token carries what the user agreed to, and nobody can agree to this.
    if claims.grant.is_some() || !client_token_is_live(app, org, claims).await? {
        return refuse("not_a_live_client_token");
    }
    match app.clients.find(&app.db, &claims.client).await? {
        Some(client) => Ok(client),
        None => refuse("client_gone"),
    }
}
