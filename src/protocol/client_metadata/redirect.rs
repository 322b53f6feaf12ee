//! Where answers to a client may go.

use super::{ApplicationType, ClientMetadata};
use crate::protocol::{
    redirect_uri,
    wildcard_redirect::{RedirectUriPattern, WildcardRedirect, is_pattern},
};

impl ClientMetadata {
    /// Whether a sent redirect URI is a registered one: byte for byte (RFC 9700 §2.1), but for the port of installed
    /// applications (RFC 8252 §7.3) and for what a wildcard stands for, where the client may have one (Okta).
    pub fn accepts_redirect_uri(&self, sent: &str) -> bool {
        // RFC 8252 §7.3: installed applications get their loopback port from the system.
        let any_port = self.application_type == ApplicationType::Native;
        self.redirect_uris.iter().any(|registered| {
            if is_pattern(registered) {
                self.wildcard_redirect == WildcardRedirect::Subdomain
                    && RedirectUriPattern::parse(registered).is_ok_and(|pattern| pattern.matches(sent))
            } else {
                redirect_uri::matches(registered, sent, any_port)
            }
        })
    }

    /// The redirect URI that a request may leave out because it is the only one (RFC 6749 §3.1.2.3). A pattern is no
    /// address.
    pub fn only_redirect_uri(&self) -> Option<&str> {
        match self.redirect_uris.as_slice() {
            [only] if !is_pattern(only) => Some(only),
            _ => None,
        }
    }
}
