//! Addresses of the client that we fetch from or send users to, and what goes with them.

use url::Url;

use super::{
    ClientMetadata, MetadataError,
    validate::{MAX_ENTRIES, Transport, check_uri, ensure},
};
use crate::protocol::redirect_uri::origin_of;

impl ClientMetadata {
    /// Registration §2.
    pub(super) fn check_endpoints(&self) -> Result<(), MetadataError> {
        self.localized.check()?;
        ensure(self.request_uris.len() <= MAX_ENTRIES, "request_uris", "has too many entries")?;
        for (index, uri) in self.request_uris.iter().enumerate() {
            // A fragment is the hash of the content (Core §6.2).
            check_uri("request_uris", Some(uri), Transport::Https)?;
            let first = self.request_uris.iter().position(|known| known == uri);
            ensure(first == Some(index), "request_uris", "has an entry twice")?;
        }
        let login = self.initiate_login_uri.as_deref().and_then(|uri| Url::parse(uri).ok());
        let fragment = login.is_some_and(|uri| uri.fragment().is_some());
        ensure(!fragment, "initiate_login_uri", "has a fragment")?;
        // Core §3.1.2.1: acr_values are separated by spaces.
        let spaced = self.default_acr_values.iter().any(|value| value.contains(' '));
        ensure(!spaced, "default_acr_values", "has a value with a space")?;
        self.check_logout_uris()
    }

    fn check_logout_uris(&self) -> Result<(), MetadataError> {
        for (member, uri) in [
            ("backchannel_logout_uri", &self.backchannel_logout_uri),
            ("frontchannel_logout_uri", &self.frontchannel_logout_uri),
        ] {
            check_uri(member, uri.as_deref(), Transport::HttpsOrLoopback)?;
            // Back-Channel Logout §2.2: an absolute URI without a fragment.
            let fragment = uri.as_deref().is_some_and(|uri| uri.contains('#'));
            ensure(!fragment, member, "has a fragment")?;
        }
        let Some(uri) = &self.frontchannel_logout_uri else { return Ok(()) };
        // Front-Channel Logout §2: scheme, host and port of a registered redirect URI.
        let origin = origin_of(uri);
        let own = self.redirect_uris.iter().any(|redirect_uri| origin_of(redirect_uri) == origin);
        ensure(own, "frontchannel_logout_uri", "is not at the origin of a redirect URI")
    }
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;

    fn checked(extra: &Value) -> Result<(), MetadataError> {
        let mut base = json!({
            "redirect_uris": ["https://rp.example/cb", "http://localhost:3000/cb"],
            "jwks": {"keys": [{"kty": "EC", "crv": "P-256", "x": "a", "y": "b"}]},
        });
        base.as_object_mut().unwrap().extend(extra.as_object().unwrap().clone());
        serde_json::from_value::<ClientMetadata>(base).unwrap().with_defaults().validate()
    }

    #[test]
    fn addresses_and_what_goes_with_them_are_checked() {
        for (member, value) in [
            ("request_uris", json!(["http://rp.example/r"])),
            ("request_uris", json!(["https://rp.example/r", "https://rp.example/r"])),
            ("request_uris", json!((0..21).map(|i| format!("https://rp.example/{i}")).collect::<Vec<_>>())),
            ("initiate_login_uri", json!("http://rp.example/login")),
            ("initiate_login_uri", json!("https://rp.example/login#x")),
            ("default_acr_values", json!(["a b"])),
        ] {
            assert_eq!(checked(&json!({member: value})).unwrap_err().member, member, "{value}");
        }
        let fine = json!({
            "request_uris": ["https://rp.example/r#hash"],
            "initiate_login_uri": "https://rp.example/login?tenant=1",
        });
        assert_eq!(checked(&fine), Ok(()));
    }
}
