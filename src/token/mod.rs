//! Tokens: minted from a decision, introspected, revoked, exchanged for userinfo. The grant row is the truth; an access
//! token is a signed copy of it that names its grant in `jti`.

pub mod access;
pub mod binding;
pub mod id;
pub mod introspect;
pub mod introspection_jwt;
pub mod may_issue;
pub mod refresh;
pub mod revoke;
pub mod userinfo;

use serde_json::{Map, Value};
use time::OffsetDateTime;

use crate::{
    app::App,
    cache::servers::ServerState,
    claims::{
        assemble::{self as claims, ClaimsError},
        subject,
    },
    fault::Fault,
    id::{ClientId, GrantId, SessionId, UserId},
    model::{client::Client, confirmation::Confirmation, user::Holder},
    ports::random::Random,
    protocol::{claims_request::ClaimsRequest, scope::ScopeSet},
};

/// Why no token could be made.
#[derive(Debug, thiserror::Error)]
pub enum MintError {
    /// A claim cannot be computed (Okta: more than 100 groups).
    #[error(transparent)]
    Claims(#[from] ClaimsError),
    /// No verdict was reached.
    #[error(transparent)]
    Fault(#[from] Fault),
}

impl From<keys::KeyError> for MintError {
    fn from(error: keys::KeyError) -> Self {
        Self::Fault(Fault::Crypto(error.to_string()))
    }
}

/// A user as tokens speak of one.
pub struct Subject<'a> {
    /// The user.
    pub user: &'a Holder,
    /// `sub` as the client sees it (Core §8).
    pub sub: &'a str,
    /// The names of the user's groups.
    pub groups: &'a [String],
    /// When the user authenticated; absent where that happened elsewhere.
    pub auth_time: Option<OffsetDateTime>,
    /// `acr` that was earned.
    pub acr: Option<&'a str>,
    /// `amr` that was earned.
    pub amr: &'a [String],
    /// The session.
    pub session: Option<&'a SessionId>,
}

/// Everything that tokens of one grant are minted from.
pub struct Mint<'a> {
    /// The authorization server with its signers.
    pub server: &'a ServerState,
    /// The client.
    pub client: &'a Client,
    /// The user, if one takes part.
    pub subject: Option<Subject<'a>>,
    /// The grant, if there is one; client credentials have none.
    pub grant: Option<&'a GrantId>,
    /// The scopes of this token.
    pub scope: &'a ScopeSet,
    /// The claims that are asked for one by one (Core §5.5).
    pub requested: &'a ClaimsRequest,
    /// The key that the access token is bound to.
    pub confirmation: Option<&'a Confirmation>,
    /// The resources that the access token is for (RFC 8707); empty: the audience of the server.
    pub resource: &'a [String],
    /// Who acts for the subject (RFC 8693 §4.1).
    pub actor: Option<&'a Value>,
    /// The time of issue.
    pub now: OffsetDateTime,
}

impl Mint<'_> {
    /// Proves that the claims of both tokens can be computed, before anything is spent on them. Only groups fail.
    ///
    /// # Errors
    /// They cannot.
    pub fn rehearse(&self) -> Result<(), ClaimsError> {
        if self.subject.as_ref().is_none_or(|subject| subject.groups.is_empty()) {
            return Ok(());
        }
        self.claims(claims::Target::AccessToken)?;
        self.claims(claims::Target::IdToken { with_access_token: true })?;
        Ok(())
    }

    /// `aud` of the access token: one resource as text, several as a list (RFC 7519 §4.1.3).
    fn audience(&self) -> Value {
        match self.resource {
            [] => self.server.config.server.audience.clone().into(),
            [only] => only.clone().into(),
            several => several.into(),
        }
    }

    /// Claims that scopes and configuration bring to a target.
    fn claims(&self, target: claims::Target) -> Result<Map<String, Value>, ClaimsError> {
        let scopes: Vec<&str> = self.scope.iter().collect();
        let requested = match target {
            claims::Target::IdToken { .. } => &self.requested.id_token,
            claims::Target::Userinfo => &self.requested.userinfo,
            claims::Target::AccessToken => &ClaimsRequest::nothing().userinfo,
        };
        claims::assemble(target, &claims::Facts { requested, ..self.facts(&scopes) })
    }

    /// `sub` of an access token where a claim of the server sets it; never for a client with pairwise subjects, to whom
    /// it could name the user as it does to others.
    fn custom_subject(&self) -> Option<String> {
        if self.client.is_pairwise() {
            return None;
        }
        let scopes: Vec<&str> = self.scope.iter().collect();
        claims::access_token_subject(&self.facts(&scopes))
    }

    fn facts<'a>(&'a self, scopes: &'a [&'a str]) -> claims::Facts<'a> {
        claims::Facts {
            user: self.subject.as_ref().map(|subject| subject.user),
            groups: self.subject.as_ref().map_or(&[], |subject| subject.groups),
            scopes,
            requested: &ClaimsRequest::nothing().userinfo,
            server: &self.server.config,
            thin_okta: self.client.is_okta_compat() && self.server.config.server.is_org(),
        }
    }
}

/// The `jti` of a fresh access token: random, and naming its grant.
pub fn access_token_jti(random: &dyn Random, grant: Option<&GrantId>) -> String {
    let id = crate::id::base62(random, 22);
    match grant {
        Some(grant) => format!("AT.{id}.{grant}"),
        None => format!("AT.{id}"),
    }
}

/// The grant that a `jti` names.
pub fn grant_of_jti(jti: &str) -> Option<GrantId> {
    jti.strip_prefix("AT.")?.split_once('.').map(|(_, grant)| GrantId::new(grant))
}

/// The user and groups that tokens of a grant speak of.
pub struct LoadedSubject {
    /// The user.
    pub user: Holder,
    /// `sub` as the client sees it (Core §8).
    pub sub: String,
    /// The groups, by name.
    pub groups: Vec<crate::store::group::GroupName>,
    /// Their names.
    pub group_names: Vec<String>,
}

impl LoadedSubject {
    /// Loads a user with groups; absent when the user is gone.
    ///
    /// # Errors
    /// The database failed.
    pub async fn find(app: &App, of: (&ServerState, &Client), user: &UserId) -> Result<Option<Self>, Fault> {
        let Some(user) = crate::store::user::find_holder(&app.db, user).await? else { return Ok(None) };
        Ok(Some(Self::of(app, of, user).await?))
    }

    /// Adds the subject and the groups to a user who was loaded already. Groups are read only where a server uses them.
    ///
    /// # Errors
    /// The database failed.
    pub async fn of(
        app: &App,
        (server, client): (&ServerState, &Client),
        user: Holder,
    ) -> Result<Self, Fault> {
        let sub = subject::of(app, client, &user.id).await?;
        let groups = if server.needs_groups {
            crate::store::group::of_user(&app.db, &user.id).await?
        } else {
            Vec::new()
        };
        let group_names = groups.iter().map(|group| group.name.clone()).collect();
        Ok(Self { user, sub, groups, group_names })
    }
}

/// Claims of an access token of ours whose signature, issuer and times were checked.
#[derive(Clone, Debug)]
pub struct AccessTokenClaims {
    /// All claims.
    pub claims: Map<String, Value>,
    /// `jti`.
    pub jti: String,
    /// The grant that `jti` names.
    pub grant: Option<GrantId>,
    /// The client (`cid` or `client_id`).
    pub client: ClientId,
    /// The granted scopes.
    pub scope: ScopeSet,
    /// When it dies.
    pub expires_at: OffsetDateTime,
    /// When it was issued.
    pub issued_at: OffsetDateTime,
    /// What it may be used at (`aud`).
    pub audience: Vec<String>,
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ports::random::SystemRandom;

    #[test]
    fn a_jti_names_its_grant() {
        let grant = GrantId::new("oagAAAAAAAAAAAAAAAAA");
        assert_eq!(grant_of_jti(&access_token_jti(&SystemRandom, Some(&grant))), Some(grant));
        assert_eq!(grant_of_jti(&access_token_jti(&SystemRandom, None)), None);
        assert_eq!(grant_of_jti("ID.x.y"), None);
    }
}
