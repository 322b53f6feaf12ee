//! Factors beside the password: each kind from enrolment to removal through Okta's Factors API.

mod api;
mod backup_code;
mod hotp;
mod me;
mod not_offered;
mod push;
mod question;
mod sent;
mod totp;
mod u2f;
mod unlock;
mod webauthn;
mod yubikey;

use crate::support::Test;

pub(crate) fn trials() -> Vec<Test> {
    [
        api::trials(),
        backup_code::trials(),
        hotp::trials(),
        me::trials(),
        not_offered::trials(),
        push::trials(),
        question::trials(),
        sent::trials(),
        totp::trials(),
        u2f::trials(),
        unlock::trials(),
        yubikey::trials(),
        webauthn::trials(),
    ]
    .into_iter()
    .flatten()
    .collect()
}
