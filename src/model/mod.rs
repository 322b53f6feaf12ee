//! Types with invariants that several flows share. No I/O, no wire format of a protocol, no clock: what
//! depends on the time takes `now`.

pub mod api_token;
pub mod assurance;
pub mod authorization_server;
pub mod client;
pub mod confirmation;
pub mod factor;
pub mod factor_profile;
pub mod grant;
pub mod policy;
pub mod policy_set;
pub mod push;
pub mod recovery;
pub mod session;
pub mod user;
pub mod yubikey_token;
pub mod zone;

use serde::{Deserialize, Serialize};

/// Whether an administrator has switched an object on or off.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default, Serialize, Deserialize)]
#[serde(rename_all = "UPPERCASE")]
pub enum Status {
    /// In use.
    #[default]
    Active,
    /// Kept, but treated as if it did not exist.
    Inactive,
}

impl Status {
    /// Okta's word for it.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Active => "ACTIVE",
            Self::Inactive => "INACTIVE",
        }
    }

    /// Reads Okta's word.
    pub fn parse(text: &str) -> Option<Self> {
        match text {
            "ACTIVE" => Some(Self::Active),
            "INACTIVE" => Some(Self::Inactive),
            _ => None,
        }
    }
}
