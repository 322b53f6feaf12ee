//! Factors: what a user can prove beside the password (Okta Factors API).

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};
use time::OffsetDateTime;

use crate::{
    id::{FactorId, FactorProfileId, UserId},
    protocol::amr::Amr,
};

/// A kind of factor: Okta's `factorType` and `provider` together.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum FactorKind {
    /// `question`, `OKTA`: the answer to a question that the user chose.
    Question,
    /// `sms`, `OKTA`: a code by text message.
    Sms,
    /// `call`, `OKTA`: a code that a voice reads out.
    Call,
    /// `email`, `OKTA`: a code, or a link, by mail.
    Email,
    /// `token:software:totp`, `OKTA`: RFC 6238.
    TotpOkta,
    /// `token:software:totp`, `GOOGLE`: RFC 6238.
    TotpGoogle,
    /// `token:hotp`, `CUSTOM`: RFC 4226 or RFC 6238 with a profile of the installation.
    HotpCustom,
    /// `webauthn`, `FIDO`: a passkey or a security key (Web Authentication Level 3).
    Webauthn,
    /// `u2f`, `FIDO`: a security key of the protocol before Web Authentication.
    U2f,
    /// `push`, `OKTA`: a device that shows what is asked and signs the approval.
    Push,
    /// `token:hardware`, `YUBICO`: a one-time password of a YubiKey.
    Yubikey,
}

/// How a kind of factor is answered.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum AnswerShape {
    /// With words.
    Text,
    /// With a code that was sent.
    SentCode,
    /// With a code that the user has at hand.
    OwnCode,
    /// With a signature of a key over a challenge.
    Signature,
    /// Elsewhere, on another device; here one waits.
    Approval,
}

/// What kind of evidence a factor is (NIST SP 800-63B-4 §2.1). Two of one class are not two factors.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum FactorClass {
    /// Something the user knows.
    Knowledge,
    /// Something the user has.
    Possession,
}

impl FactorKind {
    /// Every kind, in the order of documentation.
    pub const ALL: [Self; 11] = [
        Self::Webauthn,
        Self::Push,
        Self::TotpOkta,
        Self::TotpGoogle,
        Self::Yubikey,
        Self::HotpCustom,
        Self::U2f,
        Self::Sms,
        Self::Call,
        Self::Email,
        Self::Question,
    ];

    /// Okta's `factorType`.
    pub fn factor_type(self) -> &'static str {
        match self {
            Self::Question => "question",
            Self::Sms => "sms",
            Self::Call => "call",
            Self::Email => "email",
            Self::TotpOkta | Self::TotpGoogle => "token:software:totp",
            Self::HotpCustom => "token:hotp",
            Self::Webauthn => "webauthn",
            Self::U2f => "u2f",
            Self::Push => "push",
            Self::Yubikey => "token:hardware",
        }
    }

    /// Okta's `provider`; `vendorName` is the same.
    pub fn provider(self) -> &'static str {
        match self {
            Self::Question | Self::Sms | Self::Call | Self::Email | Self::TotpOkta | Self::Push => "OKTA",
            Self::TotpGoogle => "GOOGLE",
            Self::HotpCustom => "CUSTOM",
            Self::Webauthn | Self::U2f => "FIDO",
            Self::Yubikey => "YUBICO",
        }
    }

    /// The kind of a `factorType` and `provider`; the provider may be left out where there is only one.
    pub fn parse(factor_type: &str, provider: Option<&str>) -> Option<Self> {
        Self::ALL.into_iter().find(|kind| {
            kind.factor_type() == factor_type
                && match provider {
                    Some(provider) => kind.provider() == provider,
                    None => !matches!(kind, Self::TotpGoogle | Self::TotpOkta),
                }
        })
    }

    /// The key of the kind in enrolment policies (`settings.factors` of an Okta `MFA_ENROLL` policy), and in the database.
    pub fn key(self) -> &'static str {
        match self {
            Self::Question => "okta_question",
            Self::Sms => "okta_sms",
            Self::Call => "okta_call",
            Self::Email => "okta_email",
            Self::TotpOkta => "okta_otp",
            Self::TotpGoogle => "google_otp",
            Self::HotpCustom => "hotp",
            Self::Webauthn => "fido_webauthn",
            Self::U2f => "fido_u2f",
            Self::Push => "okta_push",
            Self::Yubikey => "yubikey_token",
        }
    }

    /// The kind of a [`FactorKind::key`].
    pub fn from_key(key: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|kind| kind.key() == key)
    }

    /// The prefix of the ids of such factors.
    pub fn id_prefix(self) -> &'static str {
        match self {
            Self::Question => "ufs",
            Self::Sms => "mbl",
            Self::Call => "clf",
            Self::Email => "emf",
            Self::TotpOkta => "ost",
            Self::TotpGoogle => "uft",
            Self::HotpCustom => "chf",
            Self::Webauthn => "fwf",
            Self::U2f => "fuf",
            Self::Push => "opf",
            Self::Yubikey => "ykf",
        }
    }

    /// What kind of evidence it is.
    pub fn class(self) -> FactorClass {
        match self {
            Self::Question => FactorClass::Knowledge,
            Self::Sms
            | Self::Call
            | Self::Email
            | Self::TotpOkta
            | Self::TotpGoogle
            | Self::HotpCustom
            | Self::Webauthn
            | Self::U2f
            | Self::Push
            | Self::Yubikey => FactorClass::Possession,
        }
    }

    /// What verifying it adds to `amr` at least (RFC 8176, and Okta's own values); a verification may show more.
    pub fn amr(self) -> &'static [Amr] {
        match self {
            Self::Question => &[Amr::Kba],
            Self::Sms => &[Amr::Sms],
            Self::Call => &[Amr::Tel],
            Self::Email => &[Amr::Email],
            Self::TotpOkta => &[Amr::OktaVerify, Amr::Otp],
            Self::TotpGoogle => &[Amr::GoogleOtp],
            Self::HotpCustom => &[Amr::Otp],
            Self::Webauthn => &[Amr::Swk, Amr::Pop, Amr::Phr],
            Self::U2f => &[Amr::Hwk, Amr::Pop, Amr::Phr],
            Self::Push => &[Amr::OktaVerify, Amr::Swk],
            Self::Yubikey => &[Amr::Yubikey, Amr::Otp],
        }
    }

    /// How it is answered.
    pub fn answer(self) -> AnswerShape {
        match self {
            Self::Question => AnswerShape::Text,
            Self::Sms | Self::Call | Self::Email => AnswerShape::SentCode,
            Self::TotpOkta | Self::TotpGoogle | Self::HotpCustom | Self::Yubikey => AnswerShape::OwnCode,
            Self::Webauthn | Self::U2f => AnswerShape::Signature,
            Self::Push => AnswerShape::Approval,
        }
    }

    /// Whether a code is sent to the user.
    pub fn is_sent(self) -> bool {
        self.answer() == AnswerShape::SentCode
    }

    /// Whether users enrol it themselves; the others are handed out by administrators (Okta Factors API).
    pub fn is_enrolled_by_users(self) -> bool {
        !matches!(self, Self::HotpCustom | Self::U2f)
    }

    /// How many of the kind a user may have.
    pub fn limit(self) -> usize {
        match self {
            Self::Webauthn => 10,
            Self::Push => 5,
            Self::Question
            | Self::Sms
            | Self::Call
            | Self::Email
            | Self::TotpOkta
            | Self::TotpGoogle
            | Self::HotpCustom
            | Self::U2f
            | Self::Yubikey => 1,
        }
    }
}

/// Okta's status of a factor.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
pub enum FactorStatus {
    /// Enrolled, but nothing was proved with it yet: not a factor.
    PendingActivation,
    /// Can be used.
    Active,
    /// Suspended after too many wrong codes, or switched off.
    Inactive,
}

impl FactorStatus {
    /// Okta's word for it.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::PendingActivation => "PENDING_ACTIVATION",
            Self::Active => "ACTIVE",
            Self::Inactive => "INACTIVE",
        }
    }

    /// Reads Okta's word.
    pub fn parse(text: &str) -> Option<Self> {
        [Self::PendingActivation, Self::Active, Self::Inactive]
            .into_iter()
            .find(|known| known.as_str() == text)
    }
}

/// A factor of a user. What it is verified with is sealed and stays in `store` and `factor`.
#[derive(Clone, PartialEq, Debug)]
pub struct Factor {
    /// `ost…`, `mbl…` and so on.
    pub id: FactorId,
    /// Whose.
    pub user_id: UserId,
    /// What it is.
    pub kind: FactorKind,
    /// Whether it can be used.
    pub status: FactorStatus,
    /// Its public profile, as Okta's Factors API shows it to its owner and to administrators: `phoneNumber`, `email`,
    /// `question`, `credentialId` … Never an answer or a seed.
    pub profile: Map<String, Value>,
    /// What the user calls it.
    pub name: Option<String>,
    /// The profile of the installation that it follows (`token:hotp`).
    pub factor_profile_id: Option<FactorProfileId>,
    /// When it was enrolled.
    pub created_at: OffsetDateTime,
    /// When it was last changed.
    pub updated_at: OffsetDateTime,
    /// When it was last used with success: choosers offer the latest first.
    pub last_verified_at: Option<OffsetDateTime>,
}

impl Factor {
    /// Whether it can be used to prove something.
    pub fn is_active(&self) -> bool {
        self.status == FactorStatus::Active
    }

    /// What verifying it adds to `amr` at least: a key in hardware that a trusted maker vouched for shows more.
    pub fn amr(&self) -> &'static [Amr] {
        match (self.kind, self.profile_text(KEY_PROTECTION)) {
            (FactorKind::Webauthn, Some("hardware")) => &[Amr::Hwk, Amr::Pop, Amr::Phr, Amr::Phrh],
            (kind, _) => kind.amr(),
        }
    }

    /// A member of the profile as text.
    pub fn profile_text(&self, name: &str) -> Option<&str> {
        self.profile.get(name).and_then(Value::as_str)
    }
}

/// Whether somebody has a factor beside what they know. One that was suspended is still what a thief would like to replace.
pub fn has_possession(factors: &[Factor]) -> bool {
    factors.iter().any(|factor| {
        factor.status != FactorStatus::PendingActivation && factor.kind.class() == FactorClass::Possession
    })
}

/// The member of a profile that says where the key is.
pub const KEY_PROTECTION: &str = "keyProtection";

/// A phone number of which its owner recognises the end: `+1 XXX-XXX-1337`.
pub fn masked_phone(number: &str) -> String {
    let digits: Vec<char> = number.chars().filter(char::is_ascii_digit).collect();
    let shown: String = digits.iter().skip(digits.len().saturating_sub(4)).collect();
    if digits.len() == 11 && digits.first() == Some(&'1') {
        return format!("+1 XXX-XXX-{shown}");
    }
    let hidden = digits.len().saturating_sub(4);
    format!("+{}-{shown}", "X".repeat(hidden))
}

/// A mail address that its owner recognises: `d...y@example.com`.
pub fn masked_email(address: &str) -> String {
    let Some((local, domain)) = address.rsplit_once('@') else { return "...".to_owned() };
    let mut characters = local.chars();
    let first = characters.next().map(String::from).unwrap_or_default();
    let last = characters.next_back().map(String::from).unwrap_or_default();
    format!("{first}...{last}@{domain}")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_kind_is_found_by_type_and_provider_and_by_its_key() {
        for kind in FactorKind::ALL {
            assert_eq!(FactorKind::parse(kind.factor_type(), Some(kind.provider())), Some(kind));
            assert_eq!(FactorKind::from_key(kind.key()), Some(kind));
        }
        assert_eq!(FactorKind::parse("sms", None), Some(FactorKind::Sms));
        assert_eq!(FactorKind::parse("token:software:totp", None), None);
        assert_eq!(FactorKind::parse("sms", Some("GOOGLE")), None);
    }

    #[test]
    fn phones_and_addresses_are_masked_as_okta_masks_them() {
        assert_eq!(masked_phone("+15555551337"), "+1 XXX-XXX-1337");
        assert_eq!(masked_phone("+4930123456"), "+XXXXXX-3456");
        assert_eq!(masked_email("daisy@example.com"), "d...y@example.com");
        assert_eq!(masked_email("d@example.com"), "d...@example.com");
        assert_eq!(masked_email("none"), "...");
    }
}
