//! `[listen]`: where clients reach the server.

use std::{
    fmt,
    net::{IpAddr, Ipv4Addr, SocketAddr},
    path::PathBuf,
    str::FromStr,
};

use ipnet::IpNet;
use serde::{Deserialize, Serialize};

use super::{
    ConfigError,
    secret_source::{Reach, refuse_readable_by_others},
};

/// Where clients reach the server.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Listen {
    /// Addresses to listen on: `"0.0.0.0:8443"`, `"[::]:8443"` (IPv6 only) or `"unix:/run/stepgate.sock"`.
    pub addresses: Vec<Address>,
    /// Certificate and key for TLS on the TCP addresses; both files are read again when they change.
    pub tls: Option<TlsFiles>,
    /// A second listener that asks clients for a certificate (RFC 8705); the main one never does.
    pub mtls: Option<Mtls>,
    /// Networks of reverse proxies whose `X-Forwarded-For` is believed.
    pub trusted_proxies: Vec<IpNet>,
    /// Most connections at a time; never more than the process's open-file limit less 128.
    pub max_connections: usize,
}

/// A certificate and its key.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct TlsFiles {
    /// PEM file with the certificate chain, leaf first.
    pub certificate: PathBuf,
    /// PEM file with the private key; must not be readable by everyone.
    pub key: PathBuf,
}

/// The listener that asks for client certificates (RFC 8705).
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Mtls {
    /// TCP addresses to listen on.
    pub addresses: Vec<Address>,
    /// Certificate and key; those of `listen.tls` when absent.
    pub tls: Option<TlsFiles>,
}

/// An address to listen on.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub enum Address {
    /// A TCP address and port.
    Tcp(SocketAddr),
    /// A Unix socket.
    Unix(PathBuf),
}

impl FromStr for Address {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        match text.strip_prefix("unix:") {
            Some(path) if path.starts_with('/') => Ok(Self::Unix(PathBuf::from(path))),
            Some(_) => Err(format!("\"{text}\" needs an absolute path, like \"unix:/run/stepgate.sock\"")),
            None => text.parse().map(Self::Tcp).map_err(|_| {
                format!("\"{text}\" is no address; write \"0.0.0.0:8443\", \"[::]:8443\" or \"unix:/run/stepgate.sock\"")
            }),
        }
    }
}

impl TryFrom<String> for Address {
    type Error = String;

    fn try_from(text: String) -> Result<Self, String> {
        text.parse()
    }
}

impl fmt::Display for Address {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Tcp(address) => address.fmt(f),
            Self::Unix(path) => write!(f, "unix:{}", path.display()),
        }
    }
}

impl From<Address> for String {
    fn from(address: Address) -> Self {
        address.to_string()
    }
}

impl Default for Listen {
    fn default() -> Self {
        Self {
            addresses: vec![Address::Tcp(SocketAddr::new(IpAddr::V4(Ipv4Addr::UNSPECIFIED), 8443))],
            tls: None,
            mtls: None,
            trusted_proxies: Vec::new(),
            max_connections: 10_000,
        }
    }
}

impl Listen {
    pub(super) fn validate(&self) -> Result<(), ConfigError> {
        if self.addresses.is_empty() {
            return Err(ConfigError::invalid("listen.addresses", "is empty; write [\"0.0.0.0:8443\"]"));
        }
        if self.max_connections == 0 {
            return Err(ConfigError::invalid("listen.max_connections", "is 0; write at least 1"));
        }
        let exposed = self.addresses.iter().find(|address| match address {
            Address::Tcp(address) => !address.ip().is_loopback(),
            Address::Unix(_) => false,
        });
        if let Some(address) = exposed
            && self.tls.is_none()
            && self.trusted_proxies.is_empty()
        {
            return Err(ConfigError::invalid(
                "listen.addresses",
                format!(
                    "has {address}, which would serve passwords over plain http; set listen.tls, or listen.trusted_proxies \
                     to the proxy that adds TLS, or listen on loopback or a Unix socket"
                ),
            ));
        }
        if let Some(tls) = &self.tls {
            refuse_readable_by_others("listen.tls.key", &tls.key, Reach::Everyone)?;
        }
        self.mtls.as_ref().map_or(Ok(()), |mtls| mtls.validate(self.tls.as_ref()))
    }
}

impl Mtls {
    fn validate(&self, main: Option<&TlsFiles>) -> Result<(), ConfigError> {
        if self.addresses.is_empty()
            || self.addresses.iter().any(|address| matches!(address, Address::Unix(_)))
        {
            return Err(ConfigError::invalid(
                "listen.mtls.addresses",
                "needs TCP addresses, like [\"0.0.0.0:9443\"]",
            ));
        }
        match self.tls.as_ref().or(main) {
            Some(tls) => refuse_readable_by_others("listen.mtls.tls.key", &tls.key, Reach::Everyone),
            None => Err(ConfigError::Missing {
                key: "listen.mtls.tls".to_owned(),
                advice: "client certificates need TLS: give certificate and key here or in listen.tls"
                    .to_owned(),
            }),
        }
    }
}
