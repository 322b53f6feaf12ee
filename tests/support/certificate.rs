//! A certificate authority of the test's own.

use std::sync::Arc;

use rcgen::{BasicConstraints, CertificateParams, CertifiedIssuer, DnType, IsCa, KeyPair};
use rustls::ServerConfig;
use rustls_pki_types::pem::PemObject;
use rustls_pki_types::{CertificateDer, PrivateKeyDer};

/// An authority that nobody trusts unless told to.
pub(crate) struct Authority {
    issuer: CertifiedIssuer<'static, KeyPair>,
}

/// A certificate with its private key, both PEM.
pub(crate) struct Issued {
    /// The certificate.
    pub(crate) certificate: String,
    /// The private key (PKCS #8).
    pub(crate) key: String,
}

impl Authority {
    /// A new authority.
    pub(crate) fn new() -> Self {
        let mut params = CertificateParams::new(Vec::new()).unwrap();
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        params.distinguished_name.push(DnType::CommonName, "authority of a test");
        Self { issuer: CertifiedIssuer::self_signed(params, KeyPair::generate().unwrap()).unwrap() }
    }

    /// Its certificate (PEM).
    pub(crate) fn pem(&self) -> String {
        self.issuer.pem()
    }

    /// A certificate for a host name or IP address, or for a client of that name.
    pub(crate) fn issue(&self, name: &str) -> Issued {
        let key = KeyPair::generate().unwrap();
        let mut params = CertificateParams::new(vec![name.to_owned()]).unwrap();
        params.distinguished_name.push(DnType::CommonName, name);
        let certificate = params.signed_by(&key, &self.issuer).unwrap();
        Issued { certificate: certificate.pem(), key: key.serialize_pem() }
    }
}

impl Issued {
    /// Certificate and key in one text, as [`Tls::identity`](super::http::Tls) takes them.
    pub(crate) fn identity(&self) -> String {
        format!("{}{}", self.certificate, self.key)
    }

    /// A server that shows this certificate and asks for none.
    pub(crate) fn server(&self) -> Arc<ServerConfig> {
        let chain =
            CertificateDer::pem_slice_iter(self.certificate.as_bytes()).collect::<Result<_, _>>().unwrap();
        let key = PrivateKeyDer::from_pem_slice(self.key.as_bytes()).unwrap();
        Arc::new(ServerConfig::builder().with_no_client_auth().with_single_cert(chain, key).unwrap())
    }
}
