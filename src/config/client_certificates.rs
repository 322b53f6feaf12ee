//! `[client_certificates]`: where clients are asked for a certificate, and who may vouch for it (RFC 8705).

use std::path::PathBuf;

use http::HeaderName;
use serde::{Deserialize, Deserializer, Serialize, Serializer, de};

use super::{Address, ConfigError, Issuer, Listen};
use crate::protocol::client_certificate;

/// Client certificates (RFC 8705).
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct ClientCertificates {
    /// The public https origin where certificates are asked for: of `listen.mtls`, or of a reverse proxy. Offered in
    /// discovery.
    pub base_url: Option<Issuer>,
    /// PEM file with the certificates of the authorities that vouch for clients of `tls_client_auth`.
    pub authorities: Option<PathBuf>,
    /// The header in which `listen.trusted_proxies` forward a certificate.
    pub header: Option<Header>,
}

/// A header of reverse proxies.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Header {
    /// Its name, which the proxy must always replace.
    #[serde(serialize_with = "write_name", deserialize_with = "read_name")]
    pub name: HeaderName,
    /// How the certificate is written.
    pub encoding: Encoding,
}

/// How a certificate is written into a header.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Encoding {
    /// Percent-encoded PEM (nginx `$ssl_client_escaped_cert`).
    Pem,
    /// `Client-Cert` and `Client-Cert-Chain` (RFC 9440).
    Rfc9440,
}

impl From<Encoding> for client_certificate::CertificateEncoding {
    fn from(encoding: Encoding) -> Self {
        match encoding {
            Encoding::Pem => Self::Pem,
            Encoding::Rfc9440 => Self::Rfc9440,
        }
    }
}

fn read_name<'de, D: Deserializer<'de>>(deserializer: D) -> Result<HeaderName, D::Error> {
    let name = String::deserialize(deserializer)?;
    name.parse().map_err(|_| de::Error::custom(format!("\"{name}\" is not the name of a header")))
}

fn write_name<S: Serializer>(name: &HeaderName, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.serialize_str(name.as_str())
}

impl ClientCertificates {
    pub(super) fn validate(&self, listen: &Listen) -> Result<(), ConfigError> {
        let behind_proxy = !listen.trusted_proxies.is_empty()
            || listen.addresses.iter().any(|address| matches!(address, Address::Unix(_)));
        if self.header.is_some() && !behind_proxy {
            return Err(ConfigError::invalid(
                "client_certificates.header",
                "would be believed from nobody; set listen.trusted_proxies to the proxy that sends it",
            ));
        }
        if self.base_url.is_some() && listen.mtls.is_none() && self.header.is_none() {
            return Err(ConfigError::invalid(
                "client_certificates.base_url",
                "is offered, but nothing there asks for certificates; set listen.mtls or client_certificates.header",
            ));
        }
        Ok(())
    }
}
