//! Who registers, reads and changes clients: anybody where that is allowed, the holder of an initial access token
//! (RFC 7591 §3), a client by its registration access token (RFC 7592 §1.2), a machine with one of Okta's scopes, a program
//! with an API token (Okta).

use super::administrator::{Administrator, AdministratorError};
use crate::{
    app::App,
    cache::servers::ServerState,
    fault::Fault,
    id::ClientId,
    model::{api_token::Access, client::RegisteredBy},
    protocol::okta_scope::OktaScope,
    secret::{Secret, TokenHash},
    store,
    syslog::Actor,
    user::api_token::{self, Holder},
};

/// Who asks.
#[derive(Clone, Debug)]
pub enum Registrar {
    /// Nobody said who.
    Anyone,
    /// Somebody to whom the operator gave a token for it.
    InitialAccessToken,
    /// A client, about itself; with the token, which is told again with its registration (RFC 7592 §3).
    Client(ClientId, Secret<String>),
    /// A machine, or a program that acts for an administrator, with what it may administer.
    Administrator(Actor, Vec<OktaScope>),
}

/// Why somebody may not.
#[derive(Debug, thiserror::Error)]
pub enum RegistrarError {
    /// A token is needed and none was sent.
    #[error("a token is needed")]
    MissingToken,
    /// The token is unknown, has expired, is revoked, or is not for this; which, and whether the client exists, is not
    /// told (RFC 7592 §2).
    #[error("the token is not valid here: {0}")]
    InvalidToken(&'static str),
    /// The machine lacks the scope.
    #[error("the scope {0} is needed")]
    MissingScope(OktaScope),
    /// No verdict was reached.
    #[error(transparent)]
    Fault(#[from] Fault),
}

impl From<AdministratorError> for RegistrarError {
    fn from(error: AdministratorError) -> Self {
        match error {
            AdministratorError::InvalidToken(reason) => Self::InvalidToken(reason),
            AdministratorError::Binding(_) => Self::InvalidToken("bound_token"),
            AdministratorError::Fault(fault) => Self::Fault(fault),
        }
    }
}

impl Registrar {
    /// Finds out who presents a bearer token.
    ///
    /// # Errors
    /// The token is nobody's, or a fault.
    pub async fn identify(
        app: &App,
        org: &ServerState,
        presented: Option<Secret<String>>,
    ) -> Result<Self, RegistrarError> {
        let Some(token) = presented else { return Ok(Self::Anyone) };
        if token.expose().contains('.') {
            let Administrator { client, scopes } = Administrator::identify(app, org, token.expose()).await?;
            return Ok(Self::Administrator(Actor::Client(client), scopes));
        }
        let hash = TokenHash::of(token.expose());
        let initial = &app.settings.registration.initial_access_tokens;
        // Every one is looked at, so that the time tells nothing about which of them it nearly was.
        if initial.iter().fold(false, |found, known| found | known.is(&hash)) {
            return Ok(Self::InitialAccessToken);
        }
        let Some(id) = store::registration_access_token::find_client(&app.db, &hash).await? else {
            return Err(RegistrarError::InvalidToken("unknown_token"));
        };
        let client = app.clients.find(&app.db, &id).await?;
        // A client that was switched off cannot switch itself to something else.
        if client.is_some_and(|client| client.is_active()) {
            Ok(Self::Client(id, token))
        } else {
            Err(RegistrarError::InvalidToken("client_inactive"))
        }
    }

    /// Finds out who presents an API token (Okta's `SSWS`). It may what its access says.
    ///
    /// # Errors
    /// The token is nobody's, or a fault.
    pub async fn identify_api_token(app: &App, value: &str) -> Result<Self, RegistrarError> {
        let Some(Holder { token, owner }) = api_token::recognise(app, value).await? else {
            return Err(RegistrarError::InvalidToken("unknown_api_token"));
        };
        let scopes = match token.access {
            Access::Read => vec![OktaScope::ClientsRead],
            Access::Manage => {
                vec![OktaScope::ClientsRegister, OktaScope::ClientsRead, OktaScope::ClientsManage]
            }
        };
        Ok(Self::Administrator(Actor::ApiToken { user: owner.id, token: token.id }, scopes))
    }

    /// Whether a client may be registered, and on whose word.
    ///
    /// # Errors
    /// It may not.
    pub fn may_register(&self, app: &App) -> Result<RegisteredBy, RegistrarError> {
        match self {
            Self::Anyone if app.settings.registration.open => Ok(RegisteredBy::Anyone),
            Self::Anyone => Err(RegistrarError::MissingToken),
            Self::InitialAccessToken => Ok(RegisteredBy::InitialAccessToken),
            // It is for its own registration only (RFC 7592 §1.2).
            Self::Client(..) => Err(RegistrarError::InvalidToken("registration_access_token")),
            Self::Administrator(_, scopes) => {
                needs(scopes, &[OktaScope::ClientsRegister, OktaScope::ClientsManage])
                    .map(|()| RegisteredBy::Administrator)
            }
        }
    }

    /// Whether a client may be read.
    ///
    /// # Errors
    /// It may not.
    pub fn may_read(&self, client: &ClientId) -> Result<(), RegistrarError> {
        self.may(client, &[OktaScope::ClientsRead, OktaScope::ClientsManage])
    }

    /// Whether a client may be changed or deleted.
    ///
    /// # Errors
    /// It may not.
    pub fn may_change(&self, client: &ClientId) -> Result<(), RegistrarError> {
        self.may(client, &[OktaScope::ClientsManage])
    }

    /// Whether this is an administrator with one of these scopes: what no client does for itself.
    ///
    /// # Errors
    /// It is not.
    pub fn must_administer(&self, scopes: &[OktaScope]) -> Result<(), RegistrarError> {
        match self {
            Self::Anyone => Err(RegistrarError::MissingToken),
            Self::InitialAccessToken | Self::Client(..) => Err(RegistrarError::InvalidToken("not_for_this")),
            Self::Administrator(_, held) => needs(held, scopes),
        }
    }

    fn may(&self, client: &ClientId, scopes: &[OktaScope]) -> Result<(), RegistrarError> {
        match self {
            Self::Client(own, _) if own == client => Ok(()),
            _ => self.must_administer(scopes),
        }
    }
}

/// One of the scopes is enough; the first is the one that is asked for.
fn needs(held: &[OktaScope], wanted: &[OktaScope]) -> Result<(), RegistrarError> {
    match wanted.first() {
        Some(first) if !wanted.iter().any(|scope| held.contains(scope)) => {
            Err(RegistrarError::MissingScope(*first))
        }
        Some(_) | None => Ok(()),
    }
}
