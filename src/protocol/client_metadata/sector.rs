//! The sector of a client (OpenID Connect Core §8.1): clients of one sector see the same pairwise subject of a user.

use url::Url;

use super::ClientMetadata;

impl ClientMetadata {
    /// The sector identifier: the host of `sector_identifier_uri`, or the one host of all redirect URIs; absent when
    /// there is none or more than one.
    pub fn sector(&self) -> Option<String> {
        // A wildcard stands for many hosts.
        let host = |uri: &str| {
            Url::parse(uri).ok()?.host_str().filter(|host| !host.contains('*')).map(str::to_owned)
        };
        if let Some(uri) = &self.sector_identifier_uri {
            return host(uri);
        }
        let mut hosts = self.redirect_uris.iter().map(|uri| host(uri));
        let first = hosts.next()??;
        hosts.all(|other| other.as_deref() == Some(first.as_str())).then_some(first)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn sector(uri: Option<&str>, redirect_uris: &[&str]) -> Option<String> {
        let metadata = ClientMetadata {
            sector_identifier_uri: uri.map(str::to_owned),
            redirect_uris: redirect_uris.iter().map(|&uri| uri.to_owned()).collect(),
            ..ClientMetadata::default()
        };
        metadata.sector()
    }

    #[test]
    fn it_is_one_host_or_that_of_the_sector_identifier_uri() {
        let one = ["https://a.example/x", "https://A.example:8443/y"];
        let two = ["https://a.example/x", "https://b.example/x"];
        assert_eq!(sector(None, &one).as_deref(), Some("a.example"));
        assert_eq!(sector(None, &two), None);
        assert_eq!(sector(None, &["https://*.a.example/x"]), None);
        assert_eq!(sector(None, &[]), None);
        assert_eq!(sector(None, &["com.example.app:/callback"]), None);
        assert_eq!(sector(None, &["https://a.example/x", "com.example.app:/callback"]), None);
        assert_eq!(sector(Some("https://c.example/list.json"), &two).as_deref(), Some("c.example"));
    }
}
