//! An OAuth grant: the truth about every token that was issued from one authorization.

use time::{Duration, OffsetDateTime};

use super::confirmation::Confirmation;
use crate::{
    fault::Fault,
    id::{AuthorizationServerId, ClientId, GrantId, SessionId, UserId},
    protocol::{claims_request::ClaimsRequest, scope::ScopeSet},
};

/// What was authorized once.
#[derive(Clone, Debug)]
pub struct Grant {
    /// `oag…`; part of every `jti` issued from it.
    pub id: GrantId,
    /// The authorization server.
    pub server_id: AuthorizationServerId,
    /// The client.
    pub client_id: ClientId,
    /// The user, if one took part.
    pub user_id: Option<UserId>,
    /// The session it was made in.
    pub session_id: Option<SessionId>,
    /// What was granted.
    pub scope: ScopeSet,
    /// `acr` that was earned.
    pub acr: Option<String>,
    /// `amr` that was earned.
    pub amr: Vec<String>,
    /// When the user authenticated.
    pub auth_time: Option<OffsetDateTime>,
    /// Lifetime of access tokens.
    pub access_lifetime: Duration,
    /// Idle lifetime of refresh tokens.
    pub refresh_idle_lifetime: Duration,
    /// When it was made.
    pub created_at: OffsetDateTime,
    /// Absolute end of refreshing.
    pub expires_at: Option<OffsetDateTime>,
    /// When it was revoked.
    pub revoked_at: Option<OffsetDateTime>,
    /// The key that its refresh tokens are bound to; absent: none.
    pub confirmation: Option<Confirmation>,
    /// The resources it is for (RFC 8707); empty: the audience of the authorization server.
    pub resource: Vec<String>,
    /// The `claims` parameter of the request, as JSON (Core §5.5).
    pub claims: Option<String>,
    /// Who acts for the user (RFC 8693 §4.1).
    pub actor: Option<serde_json::Value>,
}

impl Grant {
    /// The claims that were asked for one by one (Core §5.5).
    ///
    /// # Errors
    /// What is stored is not what was once written.
    pub fn requested_claims(&self) -> Result<ClaimsRequest, Fault> {
        let stored = self.claims.as_deref().map(serde_json::from_str).transpose();
        Ok(stored.map_err(Fault::stored)?.unwrap_or_default())
    }
}
