//! Okta's management API, as programs of administrators use it.

mod api_tokens;
mod logs;
mod user_life_cycle;
mod users;
mod yubikey_tokens;

use crate::support::Test;

pub(crate) fn trials() -> Vec<Test> {
    [
        api_tokens::trials(),
        logs::trials(),
        users::trials(),
        user_life_cycle::trials(),
        yubikey_tokens::trials(),
    ]
    .into_iter()
    .flatten()
    .collect()
}
