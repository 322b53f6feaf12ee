//! The issuer identifier (OpenID Connect Discovery §3, RFC 8414 §2).

use std::fmt;

use serde::{Deserialize, Serialize};
use url::{Host, Url};

/// The issuer: an origin, written exactly as tokens and metadata repeat it.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct Issuer(String);

/// Why a text is not an issuer.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
pub enum IssuerError {
    /// Not an absolute address.
    #[error("\"{0}\" is no address; write the public one, like \"https://id.example.com\"")]
    NotAnAddress(String),
    /// Plain http outside development.
    #[error("\"{0}\" is not https; only `stepgate dev` serves http, and only on localhost")]
    NotHttps(String),
    /// More, or differently written, than an origin: path, query, fragment, user, upper case, default port.
    #[error(
        "\"{given}\" must be an origin without path, query, fragment, user or trailing slash; write \"{origin}\""
    )]
    NotAnOrigin {
        /// What was written.
        given: String,
        /// What to write.
        origin: String,
    },
}

impl Issuer {
    /// An issuer for production: https only (OpenID Connect Discovery §3).
    ///
    /// # Errors
    ///
    /// Not an https origin.
    pub fn new(text: &str) -> Result<Self, IssuerError> {
        let (issuer, url) = Self::origin(text)?;
        if url.scheme() == "https" { Ok(issuer) } else { Err(IssuerError::NotHttps(text.to_owned())) }
    }

    /// An issuer for development: also http on a loopback name or address.
    ///
    /// # Errors
    ///
    /// Not an https origin, nor an http origin on localhost.
    pub fn dev(text: &str) -> Result<Self, IssuerError> {
        let (issuer, url) = Self::origin(text)?;
        let loopback = match url.host() {
            Some(Host::Domain(name)) => name == "localhost" || name.ends_with(".localhost"),
            Some(Host::Ipv4(ip)) => ip.is_loopback(),
            Some(Host::Ipv6(ip)) => ip.is_loopback(),
            None => false,
        };
        match url.scheme() {
            "https" => Ok(issuer),
            "http" if loopback => Ok(issuer),
            _ => Err(IssuerError::NotHttps(text.to_owned())),
        }
    }

    fn origin(text: &str) -> Result<(Self, Url), IssuerError> {
        let url = Url::parse(text).map_err(|_| IssuerError::NotAnAddress(text.to_owned()))?;
        if !matches!(url.scheme(), "http" | "https") {
            return Err(IssuerError::NotAnAddress(text.to_owned()));
        }
        let origin = url.origin().ascii_serialization();
        if origin != text {
            return Err(IssuerError::NotAnOrigin { given: text.to_owned(), origin });
        }
        Ok((Self(origin), url))
    }

    /// The issuer as text.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// Whether browsers reach us by https.
    pub fn is_https(&self) -> bool {
        self.0.starts_with("https:")
    }
}

impl fmt::Display for Issuer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl TryFrom<String> for Issuer {
    type Error = IssuerError;

    fn try_from(text: String) -> Result<Self, IssuerError> {
        Self::new(&text)
    }
}

impl From<Issuer> for String {
    fn from(issuer: Issuer) -> Self {
        issuer.0
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_issuer_is_an_https_origin() {
        assert_eq!(Issuer::new("https://id.example.com").unwrap().as_str(), "https://id.example.com");
        assert!(Issuer::new("https://id.example.com:8443").is_ok());
        for bad in [
            "https://id.example.com/",
            "https://id.example.com/oauth2",
            "https://id.example.com?x",
            "https://id.example.com#x",
            "https://user@id.example.com",
            "https://ID.example.com",
            "https://id.example.com:443",
            " https://id.example.com",
        ] {
            assert!(matches!(Issuer::new(bad), Err(IssuerError::NotAnOrigin { .. })), "{bad}");
        }
        assert!(matches!(Issuer::new("http://localhost:8080"), Err(IssuerError::NotHttps(_))));
        for bad in ["id.example.com", "ftp://id.example.com", ""] {
            assert!(matches!(Issuer::new(bad), Err(IssuerError::NotAnAddress(_))), "{bad}");
        }
    }

    #[test]
    fn development_also_accepts_http_on_loopback() {
        for good in
            ["http://localhost:8080", "http://127.0.0.1:1", "http://[::1]:8080", "https://id.example.com"]
        {
            assert!(Issuer::dev(good).is_ok(), "{good}");
        }
        assert!(Issuer::dev("http://192.0.2.1:8080").is_err());
        assert!(Issuer::dev("http://localhost.example.com").is_err());
    }
}
