//! The certificate of a request (RFC 8705): of its own connection, or of the connection to a trusted reverse proxy.

use std::net::IpAddr;

use http::{HeaderMap, HeaderName};
use ipnet::IpNet;

use super::client_ip::is_trusted_peer;
use crate::protocol::client_certificate::{CertificateEncoding, ClientCertificate, PresentedCertificate};

/// The header in which trusted reverse proxies forward a client's certificate.
#[derive(Clone, Debug)]
pub struct CertificateHeader {
    /// Its name.
    pub name: HeaderName,
    /// How the certificate is written into it.
    pub encoding: CertificateEncoding,
}

/// RFC 9440 §2.3
const CLIENT_CERT_CHAIN: HeaderName = HeaderName::from_static("client-cert-chain");

/// What is known of the client's certificate. The header of a trusted proxy counts; from anybody else it is dropped, and
/// the connection's own certificate counts.
pub(super) fn of_request(
    own: Option<&ClientCertificate>,
    peer: Option<IpAddr>,
    headers: &mut HeaderMap,
    (header, trusted): (Option<&CertificateHeader>, &[IpNet]),
) -> Option<PresentedCertificate> {
    let own = own.cloned().map(PresentedCertificate::Certificate);
    let Some(CertificateHeader { name, encoding }) = header else { return own };
    let forwarded =
        if is_trusted_peer(peer, trusted) { forwarded(headers, name, *encoding) } else { Forwarded::Nothing };
    headers.remove(name);
    headers.remove(CLIENT_CERT_CHAIN);
    match forwarded {
        Forwarded::Nothing => own,
        Forwarded::Presented(presented) => Some(presented),
    }
}

enum Forwarded {
    Nothing,
    Presented(PresentedCertificate),
}

fn forwarded(headers: &HeaderMap, name: &HeaderName, encoding: CertificateEncoding) -> Forwarded {
    const MALFORMED: Forwarded = Forwarded::Presented(PresentedCertificate::Malformed);
    let mut values = headers.get_all(name).iter();
    let value = match (values.next(), values.next()) {
        (None, _) => return Forwarded::Nothing,
        (Some(value), None) => value,
        // The proxy must replace what it received, not add to it.
        (Some(_), Some(_)) => return MALFORMED,
    };
    let chain: Result<Vec<&str>, _> =
        headers.get_all(CLIENT_CERT_CHAIN).iter().map(|line| line.to_str()).collect();
    let (Ok(value), Ok(chain)) = (value.to_str(), chain) else { return MALFORMED };
    match ClientCertificate::read(encoding, value, &chain) {
        Ok(None) => Forwarded::Nothing,
        Ok(Some(certificate)) => Forwarded::Presented(PresentedCertificate::Certificate(certificate)),
        Err(_) => MALFORMED,
    }
}

#[cfg(test)]
mod tests {
    use base64::{Engine, engine::general_purpose::STANDARD};

    use super::*;

    const PROXY: IpAddr = IpAddr::V4(std::net::Ipv4Addr::new(10, 0, 0, 1));
    const STRANGER: IpAddr = IpAddr::V4(std::net::Ipv4Addr::new(203, 0, 113, 9));

    fn of(peer: Option<IpAddr>, values: &[&str]) -> Option<PresentedCertificate> {
        let header = CertificateHeader {
            name: HeaderName::from_static("client-cert"),
            encoding: CertificateEncoding::Rfc9440,
        };
        let mut headers = HeaderMap::new();
        for value in values {
            headers.append("client-cert", value.parse().unwrap());
        }
        let trusted = ["10.0.0.0/8".parse().unwrap()];
        let found = of_request(None, peer, &mut headers, (Some(&header), &trusted));
        assert!(headers.is_empty(), "nobody behind reads the header again");
        found
    }

    /// RFC 9440 §4: a header from anybody but the proxy is worth nothing.
    #[test]
    fn sec_i01_the_header_counts_from_trusted_peers_only() {
        let value = format!(":{}:", STANDARD.encode([0x30, 0x00]));
        let certificate = ClientCertificate::new([0x30, 0x00], Vec::new());
        let certificate = Some(PresentedCertificate::Certificate(certificate));
        assert_eq!(of(Some(PROXY), &[&value]), certificate);
        assert_eq!(of(None, &[&value]), certificate, "a Unix socket is trusted");
        assert_eq!(of(Some(STRANGER), &[&value]), None);
        assert_eq!(of(Some(STRANGER), &["garbage"]), None);
        assert_eq!(of(Some(PROXY), &[]), None);
        assert_eq!(of(Some(PROXY), &[""]), None);
        for malformed in [&["garbage"][..], &[&value, &value]] {
            assert_eq!(of(Some(PROXY), malformed), Some(PresentedCertificate::Malformed));
        }
    }

    #[test]
    fn without_a_configured_header_the_connection_counts() {
        let own = ClientCertificate::new([0x30, 0x00], Vec::new());
        let mut headers = HeaderMap::new();
        headers.insert("client-cert", "garbage".parse().unwrap());
        let found =
            of_request(Some(&own), Some(PROXY), &mut headers, (None, &["10.0.0.0/8".parse().unwrap()]));
        assert_eq!(found, Some(PresentedCertificate::Certificate(own)));
    }
}
