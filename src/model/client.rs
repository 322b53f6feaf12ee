//! An OAuth client: its metadata, its secrets' custody and who may use it.

use serde::{Deserialize, Serialize};
use time::OffsetDateTime;

use super::Status;
use crate::{
    id::{ClientId, ClientSecretId, GroupId, UserId},
    protocol::{
        client_metadata::{ClientMetadata, Introspect, Profile, RotationType, SubjectType},
        locale::LanguageTag,
        wire_enum::wire_enum,
    },
};

/// Who may use a client, where that is restricted.
#[derive(Clone, PartialEq, Eq, Debug, Default, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Assignment {
    /// These users.
    pub users: Vec<UserId>,
    /// And the members of these groups.
    pub groups: Vec<GroupId>,
}

/// How a client secret is kept.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum SecretCustody {
    /// HMAC-SHA-256 under a key derived from the master key, base64url.
    Digest(String),
    /// Sealed under the master key: HMAC-signed assertions need it in clear.
    Sealed(String),
}

/// A secret of a client.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct ClientSecret {
    /// `ocs…`
    pub id: ClientSecretId,
    /// How it is kept.
    pub custody: SecretCustody,
    /// Whether it counts.
    pub status: Status,
    /// When it was made.
    pub created_at: OffsetDateTime,
}

wire_enum! {
    /// Who brought a client into being (RFC 7591 §1.2).
    #[derive(Default)]
    RegisteredBy {
        /// An administrator: command line, seed file, or a machine with a scope for it.
        #[default]
        Administrator = "ADMINISTRATOR",
        /// The client itself, with an initial access token that the operator gave out.
        InitialAccessToken = "INITIAL_ACCESS_TOKEN",
        /// The client itself, without anybody knowing it.
        Anyone = "ANYONE",
    }
}

/// An OAuth client.
#[derive(Clone, Debug)]
pub struct Client {
    /// `client_id`.
    pub id: ClientId,
    /// Whether it may act.
    pub status: Status,
    /// Its metadata (RFC 7591 §2).
    pub metadata: ClientMetadata,
    /// Who may use it; absent: everyone.
    pub assignment: Option<Assignment>,
    /// Its secrets, active and not.
    pub secrets: Vec<ClientSecret>,
    /// Tokens issued before this moment are dead.
    pub not_before: OffsetDateTime,
    /// When it was registered.
    pub created_at: OffsetDateTime,
    /// When it last changed.
    pub updated_at: OffsetDateTime,
    /// Who registered it.
    pub registered_by: RegisteredBy,
}

impl Client {
    /// An active client without secrets, for everybody.
    pub fn new(
        id: ClientId,
        metadata: ClientMetadata,
        registered_by: RegisteredBy,
        now: OffsetDateTime,
    ) -> Self {
        Self {
            id,
            status: Status::Active,
            metadata,
            assignment: None,
            secrets: Vec::new(),
            not_before: OffsetDateTime::UNIX_EPOCH,
            created_at: now,
            updated_at: now,
            registered_by,
        }
    }

    /// The name that people see.
    pub fn name(&self) -> &str {
        self.name_for(&[])
    }

    /// The name that people see who prefer these languages.
    pub fn name_for(&self, preferred: &[LanguageTag]) -> &str {
        let plain = self.metadata.client_name.as_deref();
        self.metadata.text_for("client_name", plain, preferred).unwrap_or(self.id.as_str())
    }

    /// Whether somebody other than the client itself stands behind where it sends users (RFC 9700 §4.11.2).
    pub fn is_vouched_for(&self) -> bool {
        self.registered_by != RegisteredBy::Anyone
    }

    /// Whether it may act.
    pub fn is_active(&self) -> bool {
        self.status == Status::Active
    }

    /// Whether a user may use it: assigned, or a member of an assigned group, where that is restricted.
    pub fn is_for(&self, user: &UserId, groups: &[GroupId]) -> bool {
        self.assignment.as_ref().is_none_or(|assigned| {
            assigned.users.contains(user) || assigned.groups.iter().any(|group| groups.contains(group))
        })
    }

    /// Whether it is held to Okta's habits where those differ from the standards.
    pub fn is_okta_compat(&self) -> bool {
        self.metadata.profile == Profile::OktaCompat
    }

    /// Whether it sees subjects that clients of other sectors do not (Core §8.1). Then nothing that it is given names the
    /// user in any other way than what the user consented to.
    pub fn is_pairwise(&self) -> bool {
        self.metadata.subject_type == SubjectType::Pairwise
    }

    /// Whether it may introspect every token of a server, not only its own.
    pub fn introspects_whole_server(&self) -> bool {
        self.metadata.introspect == Introspect::Server && !self.metadata.is_public()
    }

    /// Whether each use of its refresh tokens gives a new one.
    pub fn rotates_refresh_tokens(&self) -> bool {
        self.metadata.refresh_token_settings().rotation_type == RotationType::Rotate
    }
}
