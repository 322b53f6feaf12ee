//! The pages of factors: choosing one, proving one, setting one up.

pub mod activate;
pub mod choose;
pub mod enroll;
pub mod push;
pub mod verify;
pub mod webauthn;
pub mod yubikey;

use maud::Markup;

use super::icon;
use crate::model::factor::FactorKind;

/// What people call a kind of factor.
pub fn name(kind: FactorKind) -> &'static str {
    match kind {
        FactorKind::Question => "Security question",
        FactorKind::Sms => "Text message",
        FactorKind::Call => "Voice call",
        FactorKind::Email => "Email",
        FactorKind::TotpOkta => "Authenticator app",
        FactorKind::TotpGoogle => "Google Authenticator",
        FactorKind::HotpCustom => "Hardware token",
        FactorKind::Webauthn => "Passkey or security key",
        FactorKind::U2f => "Security key (U2F)",
        FactorKind::Push => "Stepgate Authenticator",
        FactorKind::Yubikey => "YubiKey",
    }
}

pub(super) fn picture(kind: FactorKind) -> Markup {
    match kind {
        FactorKind::Question => icon::question(24),
        FactorKind::Sms => icon::message(24),
        FactorKind::Call => icon::phone(24),
        FactorKind::Email => icon::mail(24),
        FactorKind::TotpOkta | FactorKind::TotpGoogle | FactorKind::Push => icon::authenticator(24),
        FactorKind::HotpCustom | FactorKind::Webauthn | FactorKind::U2f | FactorKind::Yubikey => {
            icon::token(24)
        }
    }
}
