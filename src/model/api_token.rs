//! An API token (Okta's `SSWS`): with it a program acts for an administrator.

use time::{Duration, OffsetDateTime};

use super::user::User;
use crate::{
    id::{ApiTokenId, UserId},
    protocol::wire_enum::wire_enum,
};

/// A token that was not used for so long is dead (Okta's `tokenWindow`, `P30D`).
pub const TOKEN_WINDOW: Duration = Duration::days(30);

/// How precisely the last use is kept: a write a minute at most.
pub const TOUCH_EVERY: Duration = Duration::MINUTE;

wire_enum! {
    /// What a token may do.
    Access {
        /// Look at everything.
        Read = "READ",
        /// Look at everything and change it.
        Manage = "MANAGE",
    }
}

/// A token; its value is a secret that only its hash is kept of.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct ApiToken {
    /// `00T…`
    pub id: ApiTokenId,
    /// What its owner calls it.
    pub name: String,
    /// The administrator it acts for.
    pub user_id: UserId,
    /// What it may do.
    pub access: Access,
    /// When it was made.
    pub created_at: OffsetDateTime,
    /// When it was last used, to the minute.
    pub last_used_at: Option<OffsetDateTime>,
    /// When it dies if it is not used.
    pub expires_at: OffsetDateTime,
}

impl ApiToken {
    /// Whether it counts: its owner administers and may sign in, and it was used within [`TOKEN_WINDOW`].
    ///
    /// A lock that passes by itself changes nothing, or whoever guesses at a password could stop the programs of its
    /// owner; one that lasts until a reset does.
    pub fn counts_for(&self, owner: &User, until_reset: OffsetDateTime, now: OffsetDateTime) -> bool {
        let locked = owner.lock.locked_until.is_some_and(|until| until >= until_reset);
        self.user_id == owner.id && owner.admin && owner.is_active() && !locked && self.expires_at > now
    }

    /// Whether a use is worth a write.
    pub fn is_to_be_touched(&self, now: OffsetDateTime) -> bool {
        self.last_used_at.is_none_or(|last| now - last >= TOUCH_EVERY)
    }
}
