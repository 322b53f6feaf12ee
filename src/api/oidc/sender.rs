//! What a request says about its sender: the `DPoP` header (RFC 9449 §4.1) and the certificate (RFC 8705).

use http::HeaderName;
use poem::Request;

use crate::{
    client::sender::Sender,
    protocol::{
        client_certificate::{ClientCertificate, MalformedCertificate, PresentedCertificate},
        dpop::ProofHeader,
    },
};

const DPOP: HeaderName = HeaderName::from_static("dpop");

/// Reads what transport says about the sender.
///
/// # Errors
/// A trusted reverse proxy sent a certificate that cannot be read.
pub(in crate::api) fn sender(request: &Request) -> Result<Sender, MalformedCertificate> {
    Ok(Sender {
        method: request.method().as_str().to_owned(),
        proof: proof(request),
        certificate: certificate(request)?.cloned(),
    })
}

/// The certificate of a request.
///
/// # Errors
/// A trusted reverse proxy sent one that cannot be read.
pub(super) fn certificate(request: &Request) -> Result<Option<&ClientCertificate>, MalformedCertificate> {
    match request.data::<PresentedCertificate>() {
        None => Ok(None),
        Some(PresentedCertificate::Certificate(certificate)) => Ok(Some(certificate)),
        Some(PresentedCertificate::Malformed) => Err(MalformedCertificate),
    }
}

/// RFC 9449 §4.3, item 1: not more than one header field.
fn proof(request: &Request) -> ProofHeader {
    let mut headers = request.headers().get_all(DPOP).iter();
    match (headers.next().map(http::HeaderValue::to_str), headers.next()) {
        (None, _) => ProofHeader::Absent,
        (Some(Ok(proof)), None) => ProofHeader::Present(proof.to_owned()),
        (Some(_), _) => ProofHeader::Unreadable,
    }
}
