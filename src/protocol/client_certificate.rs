//! Client certificates as connections and reverse proxies present them (RFC 8705 §2; RFC 9440). Nothing is verified here.

use std::sync::Arc;

use base64::{
    Engine,
    engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD},
};
use sha2::{Digest, Sha256};

use crate::protocol::error::OAuthError;

/// The most certificates that one request may present.
const MAX_CERTIFICATES: usize = 10;
/// The longest header value, in bytes.
const MAX_HEADER: usize = 16_384;

/// The certificate that a client presented, whose private key it has proved to have, and those that lead from it to an
/// authority. All of them are DER.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct ClientCertificate {
    leaf: Arc<[u8]>,
    intermediates: Arc<[Vec<u8>]>,
}

/// What transport says about the certificate of a request. Requests without one carry nothing.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum PresentedCertificate {
    /// There is one.
    Certificate(ClientCertificate),
    /// A trusted reverse proxy sent one that cannot be read.
    Malformed,
}

/// How a reverse proxy writes a certificate into a header.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum CertificateEncoding {
    /// PEM, percent-encoded, as nginx's `$ssl_client_escaped_cert` has it.
    Pem,
    /// A byte sequence of Structured Fields (RFC 9440 §2.2); `Client-Cert-Chain` may go with it (§2.3).
    Rfc9440,
}

/// A header of a reverse proxy is not a certificate.
#[derive(Clone, Copy, PartialEq, Eq, Debug, thiserror::Error)]
#[error("the header does not hold a certificate")]
pub struct MalformedCertificate;

impl From<MalformedCertificate> for OAuthError {
    fn from(_: MalformedCertificate) -> Self {
        Self::invalid_client("The client certificate cannot be read.")
    }
}

impl ClientCertificate {
    /// Certificates in the order in which TLS presents them, leaf first.
    pub fn new(leaf: impl Into<Arc<[u8]>>, intermediates: Vec<Vec<u8>>) -> Self {
        Self { leaf: leaf.into(), intermediates: intermediates.into() }
    }

    /// Reads the header of a reverse proxy; `None` when it is empty: there is no certificate. `chain` are the values of
    /// `Client-Cert-Chain`.
    ///
    /// # Errors
    /// It is neither empty nor a certificate.
    pub fn read(
        encoding: CertificateEncoding,
        value: &str,
        chain: &[&str],
    ) -> Result<Option<Self>, MalformedCertificate> {
        let value = value.trim();
        if value.is_empty() {
            return Ok(None);
        }
        if value.len() > MAX_HEADER {
            return Err(MalformedCertificate);
        }
        let mut certificates = match encoding {
            CertificateEncoding::Pem => pem(value)?,
            CertificateEncoding::Rfc9440 => {
                let values = std::iter::once(value).chain(chain.iter().flat_map(|line| line.split(',')));
                values.map(byte_sequence).collect::<Result<Vec<_>, _>>()?
            }
        };
        if certificates.is_empty() || certificates.len() > MAX_CERTIFICATES {
            return Err(MalformedCertificate);
        }
        let intermediates = certificates.split_off(1);
        let leaf = certificates.pop().ok_or(MalformedCertificate)?;
        Ok(Some(Self::new(leaf, intermediates)))
    }

    /// The certificate of the client.
    pub fn leaf(&self) -> &[u8] {
        &self.leaf
    }

    /// What may lead from it to an authority.
    pub fn intermediates(&self) -> &[Vec<u8>] {
        &self.intermediates
    }

    /// `x5t#S256`: the base64url of its SHA-256 (RFC 8705 §3.1).
    pub fn thumbprint(&self) -> String {
        thumbprint(&self.leaf)
    }
}

/// `x5t#S256` of a certificate (RFC 7515 §4.1.8).
pub fn thumbprint(der: &[u8]) -> String {
    URL_SAFE_NO_PAD.encode(Sha256::digest(der))
}

const BEGIN: &str = "-----BEGIN CERTIFICATE-----";
const END: &str = "-----END CERTIFICATE-----";

/// Percent-encoded PEM. A plus sign stands for itself: this is not a form.
fn pem(value: &str) -> Result<Vec<Vec<u8>>, MalformedCertificate> {
    let text = percent_decoded(value)?;
    let mut rest = text.trim();
    let mut certificates = Vec::new();
    while !rest.is_empty() {
        let (body, after) =
            rest.strip_prefix(BEGIN).and_then(|rest| rest.split_once(END)).ok_or(MalformedCertificate)?;
        let body: String = body.chars().filter(|c| !c.is_ascii_whitespace()).collect();
        certificates.push(decoded(&body)?);
        rest = after.trim_start();
    }
    Ok(certificates)
}

fn percent_decoded(value: &str) -> Result<String, MalformedCertificate> {
    let mut bytes = Vec::with_capacity(value.len());
    let mut rest = value;
    while let Some((plain, after)) = rest.split_once('%') {
        bytes.extend_from_slice(plain.as_bytes());
        let digits = after.get(..2).filter(|digits| digits.bytes().all(|digit| digit.is_ascii_hexdigit()));
        let digits = digits.ok_or(MalformedCertificate)?;
        bytes.push(u8::from_str_radix(digits, 16).map_err(|_| MalformedCertificate)?);
        rest = after.get(2..).unwrap_or_default();
    }
    bytes.extend_from_slice(rest.as_bytes());
    String::from_utf8(bytes).map_err(|_| MalformedCertificate)
}

/// RFC 9651 §3.3.5.
fn byte_sequence(value: &str) -> Result<Vec<u8>, MalformedCertificate> {
    let encoded = value.trim().strip_prefix(':').and_then(|value| value.strip_suffix(':'));
    decoded(encoded.ok_or(MalformedCertificate)?)
}

/// A certificate is a SEQUENCE; anything else is not even worth a parser.
fn decoded(encoded: &str) -> Result<Vec<u8>, MalformedCertificate> {
    let der = STANDARD.decode(encoded).map_err(|_| MalformedCertificate)?;
    if der.first() == Some(&0x30) { Ok(der) } else { Err(MalformedCertificate) }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn escaped(text: &str) -> String {
        text.bytes().map(|byte| format!("%{byte:02X}")).collect()
    }

    #[test]
    fn sec_i01_headers_of_proxies_are_read() {
        let der = [0x30, 0x03, 0x02, 0x01, 0xfb];
        let encoded = STANDARD.encode(der);
        let block = format!("{BEGIN}\n{encoded}\n{END}\n");
        let read = ClientCertificate::read(CertificateEncoding::Pem, &escaped(&block), &[]).unwrap().unwrap();
        assert_eq!((read.leaf(), read.intermediates().len()), (der.as_slice(), 0));
        let two = escaped(&block.repeat(2));
        let read = ClientCertificate::read(CertificateEncoding::Pem, &two, &[]).unwrap().unwrap();
        assert_eq!(read.intermediates(), [der.to_vec()]);

        let item = format!(":{encoded}:");
        let chain = format!("{item}, {item}");
        let read = ClientCertificate::read(CertificateEncoding::Rfc9440, &item, &[&chain]).unwrap().unwrap();
        assert_eq!((read.leaf(), read.intermediates().len()), (der.as_slice(), 2));
        assert_eq!(ClientCertificate::read(CertificateEncoding::Pem, " ", &[]), Ok(None));
    }

    #[test]
    fn sec_i01_what_is_no_certificate_is_refused() {
        let encoded = STANDARD.encode([0x30, 0x00]);
        for value in [
            "x".to_owned(),
            "%".to_owned(),
            "%zz".to_owned(),
            "%+1".to_owned(),
            "%ff".to_owned(),
            escaped(&format!("{BEGIN}\n{encoded}\n")),
            escaped(&format!("{BEGIN}\nnot base64\n{END}")),
            escaped(&format!("{BEGIN}\n{}\n{END}", STANDARD.encode([0x31, 0x00]))),
            escaped(&format!("{BEGIN}{encoded}{END}").repeat(11)),
            format!("{BEGIN}{encoded}{END} and more"),
            "x".repeat(MAX_HEADER + 1),
        ] {
            assert_eq!(
                ClientCertificate::read(CertificateEncoding::Pem, &value, &[]),
                Err(MalformedCertificate),
                "{value}"
            );
        }
        for value in [encoded.clone(), format!(":{encoded}"), format!(":{encoded}:;a"), ":*:".to_owned()] {
            assert!(ClientCertificate::read(CertificateEncoding::Rfc9440, &value, &[]).is_err(), "{value}");
        }
    }
}
