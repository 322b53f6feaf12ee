//! Okta's `wildcard_redirect`: redirect URIs in whose host the lowest label may vary.
//!
//! The standards know no patterns: RFC 9700 §2.1 asks for exact comparison. So there are none unless an administrator
//! turns them on for a client, and then `*` stands for part of one label and nothing else.

use crate::protocol::{redirect_uri::RegisteredRedirectUri, wire_enum::wire_enum};

wire_enum! {
    /// Whether redirect URIs of a client may be patterns (Okta).
    #[derive(Default)]
    WildcardRedirect {
        /// They are compared byte for byte (RFC 9700 §2.1).
        #[default]
        Disabled = "DISABLED",
        /// `*` may stand in the lowest label of the host of an https URI.
        Subdomain = "SUBDOMAIN",
    }
}

/// A redirect URI with `*` in the lowest label of its host.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct RedirectUriPattern<'a> {
    /// What the lowest label begins with.
    before: &'a str,
    /// What the lowest label ends with.
    after: &'a str,
    /// Everything from the first dot on: higher labels, port, path and query.
    rest: &'a str,
}

/// Why a pattern is refused.
#[derive(Clone, Copy, PartialEq, Eq, Debug, thiserror::Error)]
pub enum PatternError {
    /// Its scheme is not https.
    #[error("a wildcard needs https")]
    Insecure,
    /// `*` is not exactly once in the lowest label of the host.
    #[error("a wildcard stands once, in the lowest label of the host")]
    Place,
    /// Whoever registers a domain there could receive codes.
    #[error("a wildcard cannot stand directly below a public suffix")]
    PublicSuffix,
    /// With a label in place of the wildcard it could not be registered.
    #[error("it is not allowed as a redirect URI")]
    Uri,
}

/// Longest label of a domain name, in characters (RFC 1035 §2.3.4).
const MAX_LABEL: usize = 63;

const HTTPS: &str = "https://";

impl<'a> RedirectUriPattern<'a> {
    /// Reads a pattern.
    ///
    /// # Errors
    /// The first rule that is broken.
    pub fn parse(uri: &'a str) -> Result<Self, PatternError> {
        let address = uri.strip_prefix(HTTPS).ok_or(PatternError::Insecure)?;
        let authority = authority(uri).ok_or(PatternError::Uri)?;
        let (lowest, higher) = authority.split_once('.').ok_or(PatternError::Place)?;
        let (before, after) = lowest.split_once('*').ok_or(PatternError::Place)?;
        if after.contains('*') || higher.contains('*') {
            return Err(PatternError::Place);
        }
        RegisteredRedirectUri::parse(&uri.replacen('*', "x", 1)).map_err(|_| PatternError::Uri)?;
        let higher = higher.split(':').next().unwrap_or_default().to_ascii_lowercase();
        // A domain that somebody has registered, or one below it: `*.com` and `*.co.uk` would be everybody's.
        psl::domain_str(&higher).ok_or(PatternError::PublicSuffix)?;
        let rest = address.strip_prefix(lowest).ok_or(PatternError::Place)?;
        Ok(Self { before, after, rest })
    }

    /// Whether a sent URI differs from the pattern in the lowest label only: something for `*`, of lower-case letters,
    /// digits and hyphens, so never a dot, and the rest byte for byte.
    pub fn matches(&self, sent: &str) -> bool {
        let lowest = sent.strip_prefix(HTTPS).and_then(|address| address.strip_suffix(self.rest));
        let Some(lowest) = lowest else { return false };
        let varied = lowest.strip_prefix(self.before).and_then(|label| label.strip_suffix(self.after));
        let Some(varied) = varied else { return false };
        let allowed = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'-';
        !varied.is_empty()
            && varied.bytes().all(allowed)
            && lowest.len() <= MAX_LABEL
            // RFC 5890 §2.3.1
            && !lowest.starts_with('-')
            && !lowest.ends_with('-')
            // What a browser connects to is what is written: no invalid punycode.
            && RegisteredRedirectUri::parse(sent).is_ok()
    }
}

/// Whether a URI has `*` where its host is: in a path or query it is a character like others (RFC 3986 §3.3).
pub fn is_pattern(uri: &str) -> bool {
    authority(uri).is_some_and(|authority| authority.contains('*'))
}

fn authority(uri: &str) -> Option<&str> {
    let (_, after) = uri.split_once("://")?;
    after.split(['/', '?', '#']).next()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn matches(pattern: &str, sent: &str) -> bool {
        RedirectUriPattern::parse(pattern).unwrap().matches(sent)
    }

    #[test]
    fn sec_a08_a_wildcard_stands_for_part_of_the_lowest_label() {
        let pattern = "https://*.example.com/cb?x=1";
        for label in ["a", "one", "pr-17", "7", "a--b", &"a".repeat(63)] {
            assert!(matches(pattern, &format!("https://{label}.example.com/cb?x=1")), "{label}");
        }
        for label in
            ["", ".", "a.b", "a.", ".a", "*", "A", "-a", "a-", "-", "a_b", "a/", "a?", "a#", "a@b", "a:1"]
        {
            assert!(!matches(pattern, &format!("https://{label}.example.com/cb?x=1")), "{label}");
        }
        for label in
            ["a\\", "a%2e", "a\t", "a\n", " a", "\u{430}", "evil.com/", "evil.com?", "evil.com#", "xn--a"]
        {
            assert!(!matches(pattern, &format!("https://{label}.example.com/cb?x=1")), "{label}");
        }
        assert!(!matches(pattern, &format!("https://{}.example.com/cb?x=1", "a".repeat(64))));
        for sent in [
            "https://example.com/cb?x=1",
            "https://a.example.com/cb",
            "https://a.example.com/cb?x=1&y=2",
            "https://a.example.com/cb?x=1#",
            "https://a.example.com/other/../cb?x=1",
            "https://a.example.com:443/cb?x=1",
            "https://a.example.com./cb?x=1",
            "https://a.EXAMPLE.com/cb?x=1",
            "https://a.example.com.evil.tld/cb?x=1",
            "https://aexample.com/cb?x=1",
            "http://a.example.com/cb?x=1",
            "HTTPS://a.example.com/cb?x=1",
            "//a.example.com/cb?x=1",
            "",
        ] {
            assert!(!matches(pattern, sent), "{sent}");
        }
    }

    #[test]
    fn sec_a08_what_is_around_a_wildcard_stays() {
        let pattern = "https://pr-*-web.example.com:8443/cb";
        for (sent, fits) in [
            ("https://pr-17-web.example.com:8443/cb", true),
            ("https://pr-a-b-web.example.com:8443/cb", true),
            ("https://pr--web.example.com:8443/cb", false),
            ("https://pr-web.example.com:8443/cb", false),
            ("https://pr-17.example.com:8443/cb", false),
            ("https://17-web.example.com:8443/cb", false),
            ("https://pr-17-web.example.com/cb", false),
            ("https://pr-17-web.example.com:8444/cb", false),
            ("https://pr-17-web.example.com:8443/cb/", false),
        ] {
            assert_eq!(matches(pattern, sent), fits, "{sent}");
        }
    }

    #[test]
    fn sec_a08_a_pattern_is_narrow_or_refused() {
        use PatternError as E;
        for (uri, error) in [
            ("http://*.example.com/cb", E::Insecure),
            ("http://*.localhost/cb", E::Insecure),
            ("com.example.*:/cb", E::Insecure),
            ("https://*/cb", E::Place),
            ("https://*:8443/cb", E::Place),
            ("https://app.*.example.com/cb", E::Place),
            ("https://app.example.*/cb", E::Place),
            ("https://*.*.example.com/cb", E::Place),
            ("https://**.example.com/cb", E::Place),
            ("https://app.example.com/*", E::Place),
            ("https://*.com/cb", E::PublicSuffix),
            ("https://*.COM/cb", E::PublicSuffix),
            ("https://*.com:8443/cb", E::PublicSuffix),
            ("https://app-*.com/cb", E::PublicSuffix),
            ("https://*.co.uk/cb", E::PublicSuffix),
            ("https://*.github.io/cb", E::PublicSuffix),
            ("https://*.xn--55qx5d.cn/cb", E::PublicSuffix),
            ("https://*.example/cb", E::PublicSuffix),
            ("https://*.example.com./cb", E::Uri),
            ("https://*@example.com/cb", E::Uri),
            ("https://*.example.com/cb#x", E::Uri),
            ("https://*.example.com/a/../cb", E::Uri),
            ("https://*.168.0.1/cb", E::Uri),
            ("https://_*.example.com/cb", E::Uri),
        ] {
            assert_eq!(RedirectUriPattern::parse(uri), Err(error), "{uri}");
        }
        for uri in
            ["https://*.example.com", "https://a-*.b.example.co.uk:8443/cb", "https://*.corp.internal/cb?x"]
        {
            assert!(RedirectUriPattern::parse(uri).is_ok() && is_pattern(uri), "{uri}");
        }
        assert!(!is_pattern("https://app.example.com/*?*") && !is_pattern("com.example.app:/*"));
    }

    proptest! {
        #[test]
        fn sec_a08_what_matches_is_one_label_below_the_same_domain(sent in "https://[a-z0-9.*:/@?#%-]{0,20}(\\.example\\.com)?(/cb)?") {
            if matches("https://*.example.com/cb", &sent) {
                let url = url::Url::parse(&sent).unwrap();
                let label = url.host_str().unwrap().strip_suffix(".example.com").unwrap().to_owned();
                prop_assert!(!label.is_empty() && !label.contains('.'));
                prop_assert_eq!(sent, format!("https://{label}.example.com/cb"));
            }
        }
    }
}
