//! What a user has agreed to, and what still has to be asked (Okta's consent matrix).

pub mod withdraw;

use crate::{
    model::{
        authorization_server::{ScopeConsent, ServerConfig},
        client::Client,
    },
    protocol::{client_metadata::ConsentMethod, scope::ScopeSet},
};

/// The scopes that the consent dialog has to ask for; empty: no dialog.
///
/// | `prompt=consent` | the client's method | the scope's consent | asked |
/// |---|---|---|---|
/// | yes | any | `REQUIRED`, `FLEXIBLE` | yes, even if remembered |
/// | yes | `REQUIRED` | `IMPLICIT` | shown |
/// | no | `TRUSTED` | any | no |
/// | no | `REQUIRED` | `REQUIRED`, `FLEXIBLE` | unless remembered |
/// | no | `REQUIRED` | `IMPLICIT` | no |
///
/// OpenID Connect's own scopes count as `FLEXIBLE` for clients that require consent, so that a dynamically registered
/// client cannot read a profile unasked, and `prompt=consent` always shows a dialog when there is anything to show.
pub fn to_ask(
    client: &Client,
    server: &ServerConfig,
    scope: &ScopeSet,
    (prompted, remembered): (bool, &[String]),
) -> ScopeSet {
    if prompted {
        // OpenID Connect Core §3.1.2.1: prompt the user for consent before returning information.
        return scope.clone();
    }
    match client.metadata.consent_method {
        ConsentMethod::Trusted => ScopeSet::new(),
        ConsentMethod::Required => scope.filtered(|name| {
            let asks = server
                .scope(name)
                .is_none_or(|scope| scope.system || scope.consent != ScopeConsent::Implicit);
            asks && !remembered.iter().any(|known| known == name)
        }),
    }
}
