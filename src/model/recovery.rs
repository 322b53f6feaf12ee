//! Ways back into an account: what is recovered, and how the user is reached.

use serde::{Deserialize, Serialize};
use time::OffsetDateTime;

/// What a recovery is for (Okta's `recoveryType`).
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug, Serialize, Deserialize)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
pub enum RecoveryKind {
    /// A forgotten password is replaced.
    Password,
    /// A lock after wrong passwords is lifted.
    Unlock,
    /// A new account gets its first password.
    AccountActivation,
}

impl RecoveryKind {
    /// All of them.
    pub const ALL: [Self; 3] = [Self::Password, Self::Unlock, Self::AccountActivation];

    /// Okta's word for it.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Password => "PASSWORD",
            Self::Unlock => "UNLOCK",
            Self::AccountActivation => "ACCOUNT_ACTIVATION",
        }
    }

    /// Reads Okta's word.
    pub fn parse(text: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|kind| kind.as_str() == text)
    }

    /// The page of its links.
    pub fn path(self) -> &'static str {
        match self {
            Self::Password => "/signin/reset-password",
            Self::Unlock => "/signin/unlock",
            Self::AccountActivation => "/welcome",
        }
    }
}

/// How a recovery code is sent (Okta's `factorType`, as far as there is a code to enter).
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug, Serialize, Deserialize)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
pub enum PhoneChannel {
    /// By text message.
    Sms,
    /// By voice call.
    Call,
}

impl PhoneChannel {
    /// Both.
    pub const ALL: [Self; 2] = [Self::Sms, Self::Call];

    /// Okta's word for it.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Sms => "SMS",
            Self::Call => "CALL",
        }
    }

    /// Reads Okta's word, in whatever case.
    pub fn parse(text: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|channel| channel.as_str().eq_ignore_ascii_case(text))
    }
}

/// How often a recovery question was answered wrongly, and the lock that followed.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct AnswerLock {
    /// Wrong answers since the last right one.
    pub failures: u32,
    /// When answers are looked at again.
    pub locked_until: Option<OffsetDateTime>,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_are_read_back() {
        for kind in RecoveryKind::ALL {
            assert_eq!(RecoveryKind::parse(kind.as_str()), Some(kind));
            assert_eq!(serde_json::to_value(kind).unwrap(), kind.as_str());
        }
        for channel in PhoneChannel::ALL {
            assert_eq!(PhoneChannel::parse(&channel.as_str().to_lowercase()), Some(channel));
            assert_eq!(serde_json::to_value(channel).unwrap(), channel.as_str());
        }
        assert_eq!(PhoneChannel::parse("EMAIL"), None);
    }
}
