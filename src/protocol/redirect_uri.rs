//! Redirect URIs: what may be registered, when a sent one matches, and how a response is added to one
//! (RFC 6749 §3.1.2; RFC 8252 §7, §8.3; RFC 9700 §2.1, §4.1).

use std::fmt;

use url::Url;

use crate::protocol::params::encode_component;

/// Longest redirect URI, in characters.
pub const MAX_LENGTH: usize = 2048;

/// A URI that passed the rules for registration. Its text is kept exactly as given.
#[derive(Clone, PartialEq, Eq, Hash, Debug)]
pub struct RegisteredRedirectUri {
    uri: String,
    kind: RedirectUriKind,
}

/// The three ways back to a client (RFC 8252 §7).
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub enum RedirectUriKind {
    /// An `https` URI.
    Https,
    /// An `http` URI of this machine: `localhost`, `127.0.0.1` or `[::1]` (RFC 8252 §7.3).
    Loopback,
    /// A private-use scheme of a native application (RFC 8252 §7.1).
    PrivateUse,
}

/// Why a redirect URI cannot be registered.
#[derive(Clone, Copy, PartialEq, Eq, Debug, thiserror::Error)]
pub enum RedirectUriError {
    /// It is longer than [`MAX_LENGTH`].
    #[error("it is longer than 2048 characters")]
    TooLong,
    /// It contains a character that a URI cannot have (RFC 3986 §2), or an encoded control character.
    #[error("it contains a character that is not allowed in a URI")]
    Character,
    /// It is not an absolute URI (RFC 6749 §3.1.2).
    #[error("it is not an absolute URI")]
    NotAbsolute,
    /// It has a fragment (RFC 6749 §3.1.2).
    #[error("it has a fragment")]
    Fragment,
    /// It has user information before the host.
    #[error("it has user information")]
    UserInfo,
    /// Its host or port is missing, malformed, or not written as it is used.
    #[error("its host or port is not valid")]
    Authority,
    /// Its path has `.` or `..` segments, which a browser resolves to another path.
    #[error("its path has dot segments")]
    DotSegment,
    /// It is an `http` URI of another host than this machine (RFC 8252 §8.3).
    #[error("http is allowed for localhost, 127.0.0.1 and [::1] only")]
    Insecure,
    /// Its scheme runs code, shows data or reads files.
    #[error("its scheme is not allowed")]
    Scheme,
    /// Its private-use scheme lacks a dot, or a host follows (RFC 8252 §7.1).
    #[error("a private-use scheme needs a dot and a path with a single slash")]
    PrivateUse,
}

impl RegisteredRedirectUri {
    /// Checks a URI for registration as a redirect or post-logout redirect URI.
    ///
    /// # Errors
    ///
    /// The first rule that is broken.
    pub fn parse(uri: &str) -> Result<Self, RedirectUriError> {
        if uri.len() > MAX_LENGTH {
            return Err(RedirectUriError::TooLong);
        }
        // RFC 6749 §3.1.2: the endpoint URI must not include a fragment component.
        if uri.contains('#') {
            return Err(RedirectUriError::Fragment);
        }
        check_characters(uri)?;
        let (scheme, rest) = uri.split_once(':').ok_or(RedirectUriError::NotAbsolute)?;
        let kind = match scheme.to_ascii_lowercase().as_str() {
            "https" => {
                check_web(uri, rest)?;
                RedirectUriKind::Https
            }
            "http" => {
                let host = check_web(uri, rest)?;
                // RFC 8252 §8.3: http only where the request does not leave the device.
                if !matches!(host.as_str(), "localhost" | "127.0.0.1" | "[::1]") {
                    return Err(RedirectUriError::Insecure);
                }
                RedirectUriKind::Loopback
            }
            scheme => {
                check_private_use(scheme, rest)?;
                RedirectUriKind::PrivateUse
            }
        };
        Ok(Self { uri: uri.to_owned(), kind })
    }

    /// The URI as registered.
    pub fn as_str(&self) -> &str {
        &self.uri
    }

    /// Which of the three ways back it is.
    pub fn kind(&self) -> RedirectUriKind {
        self.kind
    }
}

impl fmt::Display for RegisteredRedirectUri {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.uri)
    }
}

/// RFC 3986 §2: unreserved, reserved and percent-encoded characters, and nothing a decoder turns into a control
/// character.
fn check_characters(uri: &str) -> Result<(), RedirectUriError> {
    let mut bytes = uri.bytes();
    while let Some(byte) = bytes.next() {
        match byte {
            b'%' => {
                let high = bytes.next().filter(u8::is_ascii_hexdigit).ok_or(RedirectUriError::Character)?;
                let low = bytes.next().filter(u8::is_ascii_hexdigit).ok_or(RedirectUriError::Character)?;
                let control =
                    matches!(high, b'0' | b'1') || (high == b'7' && low.eq_ignore_ascii_case(&b'f'));
                if control {
                    return Err(RedirectUriError::Character);
                }
            }
            b'"' | b'<' | b'>' | b'\\' | b'^' | b'`' | b'{' | b'|' | b'}' => {
                return Err(RedirectUriError::Character);
            }
            0x21..=0x7e => {}
            _ => return Err(RedirectUriError::Character),
        }
    }
    Ok(())
}

/// Checks what follows `http:` or `https:` and returns the host in lower case.
fn check_web(uri: &str, rest: &str) -> Result<String, RedirectUriError> {
    let after = rest.strip_prefix("//").ok_or(RedirectUriError::NotAbsolute)?;
    let end = after.find(['/', '?']).unwrap_or(after.len());
    let (authority, tail) = after.split_at_checked(end).ok_or(RedirectUriError::Authority)?;
    if authority.contains('@') {
        return Err(RedirectUriError::UserInfo);
    }
    let (host, port) = split_port(authority).ok_or(RedirectUriError::Authority)?;
    if port.is_some_and(|port| !is_port(port)) {
        return Err(RedirectUriError::Authority);
    }
    let host = host.to_ascii_lowercase();
    let name = |c: char| c.is_ascii_alphanumeric() || matches!(c, '-' | '.');
    if !host.starts_with('[') && (!host.chars().all(name) || host.split('.').any(str::is_empty)) {
        return Err(RedirectUriError::Authority);
    }
    // What a browser would connect to must be what is written here: no `0x7f.1`, no invalid punycode.
    let url = Url::parse(uri).map_err(|_| RedirectUriError::Authority)?;
    if url.host_str() != Some(host.as_str()) {
        return Err(RedirectUriError::Authority);
    }
    let path = tail.split('?').next().unwrap_or_default();
    let dots =
        |segment: &str| matches!(segment.to_ascii_lowercase().replace("%2e", ".").as_str(), "." | "..");
    if path.split('/').any(dots) {
        return Err(RedirectUriError::DotSegment);
    }
    Ok(host)
}

/// Checks a scheme that is neither `http` nor `https` and what follows it (RFC 8252 §7.1).
fn check_private_use(scheme: &str, rest: &str) -> Result<(), RedirectUriError> {
    const FORBIDDEN: &[&str] = &[
        "javascript",
        "data",
        "vbscript",
        "file",
        "blob",
        "about",
        "filesystem",
        "view-source",
        "ws",
        "wss",
        "ftp",
    ];
    if FORBIDDEN.contains(&scheme) {
        return Err(RedirectUriError::Scheme);
    }
    let mut characters = scheme.chars();
    let valid = characters.next().is_some_and(|c| c.is_ascii_alphabetic())
        && characters.all(|c| c.is_ascii_alphanumeric() || matches!(c, '+' | '-' | '.'));
    if !valid {
        return Err(RedirectUriError::NotAbsolute);
    }
    // RFC 8252 §7.1: a domain name under the application's control in reverse order, then one slash and a path.
    if !scheme.contains('.') || !rest.starts_with('/') || rest.starts_with("//") {
        return Err(RedirectUriError::PrivateUse);
    }
    Ok(())
}

/// Splits an authority into host and optional port.
fn split_port(authority: &str) -> Option<(&str, Option<&str>)> {
    if authority.starts_with('[') {
        let (host, after) = authority.split_at_checked(authority.find(']')? + 1)?;
        if after.is_empty() {
            return Some((host, None));
        }
        return after.strip_prefix(':').map(|port| (host, Some(port)));
    }
    let (host, port) = match authority.split_once(':') {
        Some((host, port)) => (host, Some(port)),
        None => (authority, None),
    };
    (!host.is_empty()).then_some((host, port))
}

/// A decimal port from 1 to 65535 without leading zeros.
fn is_port(port: &str) -> bool {
    !port.starts_with('0')
        && port.bytes().all(|byte| byte.is_ascii_digit())
        && port.parse::<u16>().is_ok_and(|port| port > 0)
}

/// Whether a sent URI is the registered one: byte for byte (RFC 9700 §2.1), or, for native applications
/// (`allow_loopback_port`), equal but for the port of `http://127.0.0.1` or `http://[::1]` (RFC 8252 §7.3).
pub fn matches(registered: &str, sent: &str, allow_loopback_port: bool) -> bool {
    if registered == sent {
        return true;
    }
    if !allow_loopback_port {
        return false;
    }
    match (loopback_parts(registered), loopback_parts(sent)) {
        (Some(registered), Some(sent)) => registered == sent,
        (None, _) | (_, None) => false,
    }
}

/// The origin and the part after the port of an `http` URI with a loopback address, or `None`.
///
/// `localhost` is left out: it may resolve to another interface (RFC 8252 §8.3).
fn loopback_parts(uri: &str) -> Option<(&'static str, &str)> {
    let (origin, after) = ["http://127.0.0.1", "http://[::1]"]
        .into_iter()
        .find_map(|origin| uri.strip_prefix(origin).map(|after| (origin, after)))?;
    let tail = match after.strip_prefix(':') {
        None => after,
        Some(after) => {
            let end = after.find(['/', '?']).unwrap_or(after.len());
            let (port, tail) = after.split_at_checked(end)?;
            if !is_port(port) {
                return None;
            }
            tail
        }
    };
    (tail.is_empty() || tail.starts_with(['/', '?'])).then_some((origin, tail))
}

/// The web origin of an `http` or `https` URI (RFC 6454 §6.2): for `postMessage`, CORS and `form-action`. A pattern
/// (Okta's `wildcard_redirect`) has none: what may call us or be sent to is never widened by it.
pub fn origin_of(uri: &str) -> Option<String> {
    let url = Url::parse(uri).ok().filter(|url| !url.host_str().is_some_and(|host| host.contains('*')))?;
    matches!(url.scheme(), "http" | "https").then(|| url.origin().ascii_serialization())
}

/// The URI with parameters added to its query; a query it has is kept (RFC 6749 §4.1.2).
///
/// The result ends in an empty fragment: without one a browser would carry over the fragment of the page it comes
/// from (RFC 9110 §10.2.2).
pub fn append_query<N: AsRef<str>, V: AsRef<str>>(uri: &str, pairs: &[(N, V)]) -> String {
    let mut out = without_fragment(uri).to_owned();
    let mut separator = match out.find('?') {
        None => "?",
        Some(_) if out.ends_with(['?', '&']) => "",
        Some(_) => "&",
    };
    for (name, value) in pairs {
        out.push_str(separator);
        push_pair(&mut out, name.as_ref(), value.as_ref());
        separator = "&";
    }
    out.push('#');
    out
}

/// The URI with parameters as its fragment; its query is kept, a fragment it has is replaced
/// (RFC 6749 §4.2.2).
pub fn append_fragment<N: AsRef<str>, V: AsRef<str>>(uri: &str, pairs: &[(N, V)]) -> String {
    let mut out = without_fragment(uri).to_owned();
    let mut separator = "#";
    for (name, value) in pairs {
        out.push_str(separator);
        push_pair(&mut out, name.as_ref(), value.as_ref());
        separator = "&";
    }
    if pairs.is_empty() {
        out.push('#');
    }
    out
}

fn without_fragment(uri: &str) -> &str {
    uri.split_once('#').map_or(uri, |(before, _)| before)
}

fn push_pair(out: &mut String, name: &str, value: &str) {
    out.push_str(&encode_component(name));
    out.push('=');
    out.push_str(&encode_component(value));
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const REGISTERED: &str = "https://app.example.com/cb/One?tenant=1&x=2";

    #[test]
    fn usual_redirect_uris_can_be_registered() {
        for (uri, kind) in [
            ("https://app.example.com/cb", RedirectUriKind::Https),
            ("https://app.example.com", RedirectUriKind::Https),
            ("https://app.example.com:8443/cb?tenant=1", RedirectUriKind::Https),
            ("https://xn--bcher-kva.example/cb", RedirectUriKind::Https),
            ("https://[2001:db8::1]/cb", RedirectUriKind::Https),
            ("http://localhost:3000/login/callback", RedirectUriKind::Loopback),
            ("http://127.0.0.1/cb", RedirectUriKind::Loopback),
            ("http://[::1]:8080/cb", RedirectUriKind::Loopback),
            ("com.example.app:/callback", RedirectUriKind::PrivateUse),
            ("com.okta.dev-133320:/implicit/callback", RedirectUriKind::PrivateUse),
        ] {
            let registered = RegisteredRedirectUri::parse(uri).unwrap();
            assert_eq!((registered.as_str(), registered.kind()), (uri, kind));
        }
    }

    #[test]
    fn sec_a04_dangerous_schemes_cannot_be_registered() {
        for scheme in ["javascript", "data", "vbscript", "file", "blob", "about"] {
            let mixed: String = scheme
                .char_indices()
                .map(|(i, c)| if i % 2 == 0 { c.to_ascii_uppercase() } else { c })
                .collect();
            for uri in
                [format!("{scheme}:alert(1)"), format!("{mixed}://app.example.com/cb"), format!("{mixed}:/x")]
            {
                assert_eq!(RegisteredRedirectUri::parse(&uri), Err(RedirectUriError::Scheme), "{uri}");
            }
            for lead in ["\u{1}", " ", "\t", "\n", "\u{0}"] {
                assert_eq!(
                    RegisteredRedirectUri::parse(&format!("{lead}{scheme}:/x")),
                    Err(RedirectUriError::Character)
                );
            }
        }
    }

    #[test]
    fn malformed_redirect_uris_cannot_be_registered() {
        use RedirectUriError as E;
        for (uri, error) in [
            ("", E::NotAbsolute),
            ("/cb", E::NotAbsolute),
            ("//app.example.com/cb", E::NotAbsolute),
            ("https:/app.example.com", E::NotAbsolute),
            ("https:app.example.com", E::NotAbsolute),
            ("https://", E::Authority),
            ("https:///cb", E::Authority),
            ("https://app.example.com/cb#", E::Fragment),
            ("https://app.example.com/cb#a", E::Fragment),
            ("https://user@app.example.com/cb", E::UserInfo),
            ("https://app.example.com:80:80/cb", E::Authority),
            ("https://app.example.com:/cb", E::Authority),
            ("https://app.example.com:0/cb", E::Authority),
            ("https://app.example.com:65536/cb", E::Authority),
            ("https://app.example.com./cb", E::Authority),
            ("https://*.example.com/cb", E::Authority),
            ("https://app%2eexample.com/cb", E::Authority),
            ("https://2130706433/cb", E::Authority),
            ("http://0x7f.1/cb", E::Authority),
            ("https://app.example.com/a/../cb", E::DotSegment),
            ("https://app.example.com/a/%2E./cb", E::DotSegment),
            ("https://app.example.com\\@evil.example/cb", E::Character),
            ("https://app.example.com/%00", E::Character),
            ("https://app.example.com/%0d%0aSet-Cookie", E::Character),
            ("https://app.example.com/%zz", E::Character),
            ("https://app.example.com/a b", E::Character),
            ("https://äpp.example.com/cb", E::Character),
            ("http://app.example.com/cb", E::Insecure),
            ("http://127.0.0.1.evil.example/cb", E::Insecure),
            ("http://127.0.0.2/cb", E::Insecure),
            ("http://localhost.evil.example/cb", E::Insecure),
            ("myapp:/cb", E::PrivateUse),
            ("com.example.app://host/cb", E::PrivateUse),
            ("com.example.app:cb", E::PrivateUse),
            ("com.example.app:///cb", E::PrivateUse),
            ("1com.example:/cb", E::NotAbsolute),
            ("urn:ietf:wg:oauth:2.0:oob", E::PrivateUse),
        ] {
            assert_eq!(RegisteredRedirectUri::parse(uri), Err(error), "{uri}");
        }
        let long = format!("https://app.example.com/{}", "a".repeat(MAX_LENGTH));
        assert_eq!(RegisteredRedirectUri::parse(&long), Err(E::TooLong));
    }

    #[test]
    fn sec_a02_every_mutation_of_a_registered_uri_is_refused() {
        assert!(matches(REGISTERED, REGISTERED, false));
        for sent in [
            "https://app.example.com/cb/One/?tenant=1&x=2",
            "https://app.example.com/cb/One?tenant=1&x=2/",
            "https://app.example.com/cb/One?tenant=1&x=2&y=3",
            "https://app.example.com/cb/One?tenant=1",
            "https://app.example.com/cb/One",
            "https://app.example.com/cb/One?x=2&tenant=1",
            "https://app.example.com/cb/One?tenant=2&x=2",
            "https://app.example.com/cb/One?tenant=1&x=2#frag",
            "https://app.example.com/cb/One?tenant=1&x=2#",
            "https://app.example.com:443/cb/One?tenant=1&x=2",
            "HTTPS://app.example.com/cb/One?tenant=1&x=2",
            "https://APP.example.com/cb/One?tenant=1&x=2",
            "https://app.example.com/cb/one?tenant=1&x=2",
            "https://app.example.com/cb/One;x?tenant=1&x=2",
            "https://app.example.com/cb/../cb/One?tenant=1&x=2",
            "https://app.example.com/cb/%2e%2e/cb/One?tenant=1&x=2",
            "https://app.example.com/cb%2FOne?tenant=1&x=2",
            "https://app.example.com/cb/One%00?tenant=1&x=2",
            "https://app.example.com/cb/%4fne?tenant=1&x=2",
            "https://app.example.com/cb/%254fne?tenant=1&x=2",
            "https://app@evil.example/cb/One?tenant=1&x=2",
            "https://app.example.com@evil.example/cb/One?tenant=1&x=2",
            "https://app.example.com\\@evil.example/cb/One?tenant=1&x=2",
            "https://app.example.com/cb\t/One?tenant=1&x=2",
            "https://app.example.com/cb/One?tenant=1&x=2\r\n",
            "https://app.example.com/cb/One?tenant=1&x=2\n",
            " https://app.example.com/cb/One?tenant=1&x=2",
            "https://app.example.com./cb/One?tenant=1&x=2",
            "https://\u{430}pp.example.com/cb/One?tenant=1&x=2",
            "https://app.example.com.evil.tld/cb/One?tenant=1&x=2",
            "https://evil-app.example.com/cb/One?tenant=1&x=2",
            "http://app.example.com/cb/One?tenant=1&x=2",
            "//app.example.com/cb/One?tenant=1&x=2",
            "",
        ] {
            assert!(!matches(REGISTERED, sent, false), "{sent}");
            assert!(!matches(REGISTERED, sent, true), "{sent}");
        }
    }

    #[test]
    fn sec_a03_a_dot_is_not_a_wildcard() {
        assert!(!matches("https://foo.example.com", "https://fooaexample.com", true));
        assert!(!matches("", "https://foo.example.com", true));
    }

    #[test]
    fn sec_a05_a_loopback_address_accepts_any_port_and_nothing_else() {
        let registered = "http://127.0.0.1/cb";
        for sent in ["http://127.0.0.1:1/cb", "http://127.0.0.1:51004/cb", "http://127.0.0.1:65535/cb"] {
            assert!(matches(registered, sent, true), "{sent}");
            assert!(!matches(registered, sent, false), "{sent}");
        }
        assert!(matches("http://127.0.0.1:8080/cb", "http://127.0.0.1/cb", true));
        assert!(matches("http://127.0.0.1:8080/cb?a=1", "http://127.0.0.1:9/cb?a=1", true));
        assert!(matches("http://[::1]/cb", "http://[::1]:9/cb", true));
        for sent in [
            "http://localhost:9/cb",
            "http://localhost/cb",
            "http://127.0.0.1.evil/cb",
            "http://127.0.0.1.evil:9/cb",
            "http://127.0.0.11:9/cb",
            "http://[::1]:9/cb",
            "https://127.0.0.1:9/cb",
            "HTTP://127.0.0.1:9/cb",
            "http://127.0.0.1:9/other",
            "http://127.0.0.1:9/cb/",
            "http://127.0.0.1:9/cb?x=1",
            "http://127.0.0.1:9/cb#x",
            "http://127.0.0.1:0/cb",
            "http://127.0.0.1:09/cb",
            "http://127.0.0.1:65536/cb",
            "http://127.0.0.1:/cb",
            "http://127.0.0.1:+9/cb",
            "http://127.0.0.1:9@evil.example/cb",
            "http://user@127.0.0.1:9/cb",
            "http://127.1:9/cb",
        ] {
            assert!(!matches(registered, sent, true), "{sent}");
        }
        assert!(!matches("http://localhost/cb", "http://localhost:9/cb", true));
        assert!(!matches("http://127.0.0.1.evil/cb", "http://127.0.0.1:9.evil/cb", true));
    }

    #[test]
    fn an_origin_is_that_of_the_web() {
        assert_eq!(origin_of("https://App.example.com:443/cb?x").as_deref(), Some("https://app.example.com"));
        assert_eq!(origin_of("http://localhost:3000/cb").as_deref(), Some("http://localhost:3000"));
        assert_eq!(origin_of("com.example.app:/cb"), None);
        assert_eq!(origin_of("cb"), None);
        assert_eq!(origin_of("https://*.example.com/cb"), None);
    }

    #[test]
    fn sec_a10_a_response_keeps_the_query_and_inherits_no_fragment() {
        let pairs = [("code", "a b&c"), ("state", "é+#")];
        assert_eq!(
            append_query("https://rp.example/cb", &pairs),
            "https://rp.example/cb?code=a%20b%26c&state=%C3%A9%2B%23#"
        );
        assert_eq!(
            append_query("https://rp.example/cb?t=1", &[("a", "b")]),
            "https://rp.example/cb?t=1&a=b#"
        );
        assert_eq!(append_query("https://rp.example/cb?", &[("a", "b")]), "https://rp.example/cb?a=b#");
        assert_eq!(append_query("https://rp.example/cb#x?y", &[("a", "b")]), "https://rp.example/cb?a=b#");
        assert_eq!(
            append_fragment("https://rp.example/cb?t=1#x", &[("a", "b"), ("c", "d")]),
            "https://rp.example/cb?t=1#a=b&c=d"
        );
        let none: &[(&str, &str)] = &[];
        assert_eq!(append_fragment("https://rp.example/cb", none), "https://rp.example/cb#");
        assert_eq!(append_query("https://rp.example/cb", none), "https://rp.example/cb#");
    }

    fn uri() -> impl Strategy<Value = String> {
        "(https?|HTTP|com\\.app)://?(127\\.0\\.0\\.1|\\[::1\\]|localhost|a\\.example)(:[0-9]{0,5})?(\\.evil)?(/cb)?(/|\\?x=1)?"
    }

    proptest! {
        #[test]
        fn a_match_is_equality_or_the_loopback_rule(registered in uri(), sent in uri(), native in any::<bool>()) {
            if matches(&registered, &sent, native) && registered != sent {
                prop_assert!(native);
                let (mut one, mut two) = (Url::parse(&registered).unwrap(), Url::parse(&sent).unwrap());
                for url in [&mut one, &mut two] {
                    prop_assert!(matches!(url.host_str(), Some("127.0.0.1" | "[::1]")));
                    prop_assert_eq!(url.scheme(), "http");
                    url.set_port(None).unwrap();
                }
                prop_assert_eq!(one, two);
            }
        }

        #[test]
        fn arbitrary_text_never_panics_and_matches_only_itself(one in "\\PC{0,40}", two in "\\PC{0,40}") {
            let _ = RegisteredRedirectUri::parse(&one);
            let _ = append_query(&one, &[("a", &two)]);
            if one != two {
                prop_assert!(!matches(&one, &two, false));
            }
        }

        #[test]
        fn a_registered_uri_keeps_its_host_in_a_parser(uri in uri()) {
            if let Ok(registered) = RegisteredRedirectUri::parse(&uri)
                && registered.kind() != RedirectUriKind::PrivateUse
            {
                let host = Url::parse(&uri).unwrap().host_str().unwrap().to_owned();
                let written = format!("://{host}");
                prop_assert!(uri.to_ascii_lowercase().contains(&written));
            }
        }
    }
}
