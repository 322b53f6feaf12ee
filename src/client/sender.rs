//! Who sends a request, as far as transport can tell: the key of a DPoP proof (RFC 9449), a certificate (RFC 8705).

use crate::protocol::{client_certificate::ClientCertificate, dpop::ProofHeader};

/// What transport says about the sender of a request.
#[derive(Clone, Debug, Default)]
pub struct Sender {
    /// The method of the request.
    pub method: String,
    /// Its `DPoP` header.
    pub proof: ProofHeader,
    /// Its certificate.
    pub certificate: Option<ClientCertificate>,
}
