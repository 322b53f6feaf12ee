//! An authorization server: its issuer, audience, scopes, claims and access policies.

use keys::Algorithm;
use serde::{Deserialize, Serialize};
use serde_json::Value;
use time::{Duration, OffsetDateTime};

use super::Status;
use crate::id::{AuthorizationServerId, ClaimId, ClientId, GroupId, PolicyId, RuleId, ScopeId, UserId};

/// The shape of access tokens.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum AccessTokenProfile {
    /// Okta's: `ver jti iss aud sub cid uid scp`.
    #[default]
    Okta,
    /// RFC 9068: `typ` `at+jwt`, `client_id`, `scope`.
    Rfc9068,
}

/// How an assertion of a trusted issuer names users.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum TrustedSubject {
    /// By login.
    #[default]
    Login,
    /// By user id.
    Id,
}

/// An issuer whose assertions about users are believed (RFC 7523 §2.1).
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct TrustedIssuer {
    /// `iss` of its assertions.
    pub issuer: String,
    /// Its public keys.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub jwks: Option<Value>,
    /// Where its public keys are.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub jwks_uri: Option<String>,
    /// What `sub` is.
    #[serde(default)]
    pub subject: TrustedSubject,
}

/// What may be set per authorization server beside its names.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct ServerSettings {
    /// One key ring each; the first signs access tokens and is the default for ID tokens (RS256 if present).
    pub signing_algorithms: Vec<Algorithm>,
    /// Lifetime of authorization codes in seconds (RFC 6749 §4.1.2 recommends at most ten minutes).
    pub code_lifetime: u32,
    /// Lifetime of ID tokens in seconds.
    pub id_token_lifetime: u32,
    /// Whether every DPoP proof needs a nonce of ours (RFC 9449 §8); proofs of `okta_compat` clients always do.
    pub dpop_nonce_required: bool,
    /// Resources beside the audience that access tokens may be asked for (RFC 8707): absolute URIs without a fragment.
    pub resources: Vec<String>,
    /// What userinfo asks of the authentication behind an access token.
    pub userinfo: UserinfoSettings,
    /// Issuers whose assertions are believed (RFC 7523 §2.1).
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub trusted_issuers: Vec<TrustedIssuer>,
    /// Other authorization servers of this installation whose access tokens may be exchanged here (RFC 8693).
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub trusted_servers: Vec<AuthorizationServerId>,
}

/// What userinfo asks of the authentication behind an access token (RFC 9470 §3); by default nothing.
#[derive(Clone, PartialEq, Eq, Debug, Default, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct UserinfoSettings {
    /// One of these must have been reached; empty: any will do.
    pub acr_values: Vec<String>,
    /// The greatest age of the authentication, in seconds; absent: any.
    pub max_age: Option<u32>,
}

impl Default for ServerSettings {
    fn default() -> Self {
        Self {
            signing_algorithms: vec![Algorithm::Rs256, Algorithm::Es256],
            code_lifetime: 60,
            id_token_lifetime: 3600,
            dpop_nonce_required: false,
            resources: Vec::new(),
            userinfo: UserinfoSettings::default(),
            trusted_issuers: Vec::new(),
            trusted_servers: Vec::new(),
        }
    }
}

/// An authorization server.
#[derive(Clone, PartialEq, Debug)]
pub struct AuthorizationServer {
    /// `org`, `default`, or `aus…`.
    pub id: AuthorizationServerId,
    /// The name.
    pub name: String,
    /// What it protects.
    pub description: String,
    /// `aud` of its access tokens; the org server's is the installation's issuer.
    pub audience: String,
    /// Whether it answers.
    pub status: Status,
    /// The shape of its access tokens.
    pub access_token_profile: AccessTokenProfile,
    /// Algorithms and lifetimes.
    pub settings: ServerSettings,
    /// Tokens issued before this moment are dead.
    pub not_before: OffsetDateTime,
    /// When it was created.
    pub created_at: OffsetDateTime,
    /// When it last changed.
    pub updated_at: OffsetDateTime,
}

impl AuthorizationServer {
    /// The id of the org authorization server, whose issuer is the installation itself.
    pub const ORG: &'static str = "org";
    /// The id of the built-in custom authorization server.
    pub const DEFAULT: &'static str = "default";

    /// Whether this is the org authorization server.
    pub fn is_org(&self) -> bool {
        self.id.as_str() == Self::ORG
    }

    /// Whether access tokens may be for this resource (RFC 8707 §2): its own audience, or one of the others it is set up
    /// for, byte for byte.
    pub fn serves(&self, resource: &str) -> bool {
        resource == self.audience || self.settings.resources.iter().any(|known| known == resource)
    }

    /// The issuer identifier (OpenID Connect Discovery §3), from configuration alone.
    pub fn issuer(&self, base: &str) -> String {
        if self.is_org() { base.to_owned() } else { format!("{base}/oauth2/{}", self.id) }
    }

    /// The URL below which `/v1/…` endpoints live.
    pub fn endpoint_base(&self, base: &str) -> String {
        if self.is_org() { format!("{base}/oauth2") } else { format!("{base}/oauth2/{}", self.id) }
    }
}

/// Whether a scope asks the user.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default, Serialize, Deserialize)]
#[serde(rename_all = "UPPERCASE")]
pub enum ScopeConsent {
    /// Never asks.
    #[default]
    Implicit,
    /// Always needs consent, so machine grants cannot have it.
    Required,
    /// Asks where somebody can answer; machine grants get it silently.
    Flexible,
}

/// A scope.
#[derive(Clone, Debug)]
pub struct Scope {
    /// `scp…`
    pub id: ScopeId,
    /// The scope token (RFC 6749 §3.3).
    pub name: String,
    /// Shown on the consent page.
    pub display_name: Option<String>,
    /// Shown on the consent page.
    pub description: Option<String>,
    /// Whether it asks the user.
    pub consent: ScopeConsent,
    /// Whether the user may decline it and still continue.
    pub optional: bool,
    /// Granted when a request names no scope.
    pub default: bool,
    /// Whether discovery lists it.
    pub published: bool,
    /// Built in.
    pub system: bool,
    /// Whether it takes a user with two factors.
    pub sensitive: bool,
}

/// Where a custom claim goes.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(rename_all = "UPPERCASE")]
pub enum ClaimType {
    /// The access token.
    Resource,
    /// The ID token or userinfo.
    Identity,
}

/// How group names are chosen.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
pub enum GroupFilter {
    /// The name starts with the value, ignoring case.
    StartsWith,
    /// The name equals the value, ignoring case.
    Equals,
    /// The name contains the value, ignoring case.
    Contains,
    /// The whole name matches the regular expression.
    Regex,
}

/// Where the value of a custom claim comes from.
#[derive(Clone, PartialEq, Debug)]
pub enum ClaimValue {
    /// The same for everybody.
    Static(Value),
    /// A profile attribute of the user (`login` included).
    Attribute(String),
    /// The names of the user's groups that pass the filter.
    Groups {
        /// How names are compared.
        filter: GroupFilter,
        /// What they are compared with.
        value: String,
    },
}

/// A custom claim.
#[derive(Clone, Debug)]
pub struct Claim {
    /// `ocl…`
    pub id: ClaimId,
    /// The claim name.
    pub name: String,
    /// Where it goes.
    pub claim_type: ClaimType,
    /// Its value.
    pub value: ClaimValue,
    /// For `IDENTITY`: also in ID tokens that come with an access token.
    pub always_include: bool,
    /// Any of these scopes brings it; empty: every request does.
    pub scopes: Vec<String>,
    /// Whether it is in use.
    pub status: Status,
}

/// Lifetimes that an access-policy rule gives to tokens.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(default, rename_all = "camelCase", deny_unknown_fields)]
pub struct TokenLifetimes {
    /// Access token, 5–1440 minutes.
    pub access_token_lifetime_minutes: u32,
    /// Absolute end of refreshing in minutes; 0: none.
    pub refresh_token_lifetime_minutes: u32,
    /// Idle end of refreshing, 10–2 628 000 minutes.
    pub refresh_token_window_minutes: u32,
}

impl Default for TokenLifetimes {
    fn default() -> Self {
        Self {
            access_token_lifetime_minutes: 60,
            refresh_token_lifetime_minutes: 90 * 24 * 60,
            refresh_token_window_minutes: 7 * 24 * 60,
        }
    }
}

impl TokenLifetimes {
    /// Lifetime of access tokens.
    pub fn access(&self) -> Duration {
        Duration::minutes(self.access_token_lifetime_minutes.into())
    }

    /// Idle lifetime of refresh tokens.
    pub fn refresh_idle(&self) -> Duration {
        Duration::minutes(self.refresh_token_window_minutes.into())
    }

    /// Absolute lifetime of refreshing; absent: unlimited.
    pub fn refresh_absolute(&self) -> Option<Duration> {
        (self.refresh_token_lifetime_minutes > 0)
            .then(|| Duration::minutes(self.refresh_token_lifetime_minutes.into()))
    }
}

/// Which clients a policy speaks about.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum PolicyClients {
    /// Every client (`ALL_CLIENTS`).
    All,
    /// These clients.
    Only(Vec<ClientId>),
}

/// An access policy with its rules, both in ascending priority.
#[derive(Clone, Debug)]
pub struct AccessPolicy {
    /// `00p…`
    pub id: PolicyId,
    /// The name.
    pub name: String,
    /// The lowest is evaluated first.
    pub priority: i32,
    /// Whether it is in use.
    pub status: Status,
    /// Which clients it speaks about.
    pub clients: PolicyClients,
    /// Its rules.
    pub rules: Vec<AccessRule>,
}

/// Users and groups that a rule includes and excludes; nothing included means everyone.
#[derive(Clone, PartialEq, Eq, Debug, Default, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct PeopleCondition {
    /// Included users.
    pub users: Vec<UserId>,
    /// Included groups.
    pub groups: Vec<GroupId>,
    /// Excluded users.
    pub exclude_users: Vec<UserId>,
    /// Excluded groups.
    pub exclude_groups: Vec<GroupId>,
}

/// When a rule applies.
#[derive(Clone, PartialEq, Eq, Debug, Default, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct RuleConditions {
    /// Grant types by their wire name; empty: all that are enabled.
    pub grant_types: Vec<String>,
    /// Who; ignored for grants without a user.
    pub people: PeopleCondition,
    /// Scopes that may be granted; `*` or empty: any. OpenID Connect's own scopes need no mention.
    pub scopes: Vec<String>,
}

/// A rule of an access policy.
#[derive(Clone, Debug)]
pub struct AccessRule {
    /// `0pr…`
    pub id: RuleId,
    /// The name.
    pub name: String,
    /// The lowest is evaluated first.
    pub priority: i32,
    /// Whether it is in use.
    pub status: Status,
    /// When it applies.
    pub conditions: RuleConditions,
    /// What it gives.
    pub lifetimes: TokenLifetimes,
}

/// An authorization server with everything that is configured under it.
#[derive(Clone, Debug)]
pub struct ServerConfig {
    /// The server itself.
    pub server: AuthorizationServer,
    /// Its scopes.
    pub scopes: Vec<Scope>,
    /// Its custom claims.
    pub claims: Vec<Claim>,
    /// Its access policies in ascending priority; none: everything that is enabled is allowed.
    pub policies: Vec<AccessPolicy>,
}

impl ServerConfig {
    /// The scope of that name.
    pub fn scope(&self, name: &str) -> Option<&Scope> {
        self.scopes.iter().find(|scope| scope.name == name)
    }
}
