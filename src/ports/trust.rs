//! Whose certificates outbound requests believe: the public authorities, and what the operator adds.

use std::{
    collections::HashSet,
    path::{Path, PathBuf},
    sync::Arc,
};

use rustls::{
    CertificateError, ClientConfig, DigitallySignedStruct, Error, RootCertStore, SignatureScheme,
    client::{
        WebPkiServerVerifier,
        danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier},
        verify_server_name,
    },
    server::ParsedCertificate,
};
use rustls_pki_types::{CertificateDer, ServerName, UnixTime, pem::PemObject};

use super::fetch::FetchSetupError;

/// TLS for outbound requests; `extra_ca` is a PEM file with certificates trusted beside the public authorities.
pub(super) fn tls(extra_ca: Option<&PathBuf>) -> Result<ClientConfig, FetchSetupError> {
    let mut roots = RootCertStore { roots: webpki_roots::TLS_SERVER_ROOTS.to_vec() };
    let added = extra_ca.map(|path| read(path, &mut roots)).transpose()?.unwrap_or_default();
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let refuse = |problem: String| FetchSetupError::Client(problem);
    let verifier = WebPkiServerVerifier::builder_with_provider(Arc::new(roots), Arc::clone(&provider))
        .build()
        .map_err(|error| refuse(error.to_string()))?;
    let config = ClientConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .map_err(|error| refuse(error.to_string()))?
        .dangerous()
        .with_custom_certificate_verifier(Arc::new(Trust { verifier, added }))
        .with_no_client_auth();
    Ok(config)
}

/// Adds the certificates of a file to the roots, and returns them.
fn read(path: &Path, roots: &mut RootCertStore) -> Result<HashSet<CertificateDer<'static>>, FetchSetupError> {
    let refuse = |problem: String| FetchSetupError::ExtraCa(format!("{}: {problem}", path.display()));
    let mut added = HashSet::new();
    for certificate in CertificateDer::pem_file_iter(path).map_err(|error| refuse(error.to_string()))? {
        let certificate = certificate.map_err(|error| refuse(error.to_string()))?;
        roots.add(certificate.clone()).map_err(|error| refuse(error.to_string()))?;
        added.insert(certificate);
    }
    if added.is_empty() {
        return Err(refuse("holds no certificate".to_owned()));
    }
    Ok(added)
}

/// The usual verification, and one exception: a server may show the very certificate that the operator added. Most
/// tools mark self-signed certificates as authorities, and an authority is not accepted as a server otherwise.
#[derive(Debug)]
struct Trust {
    verifier: Arc<WebPkiServerVerifier>,
    added: HashSet<CertificateDer<'static>>,
}

impl ServerCertVerifier for Trust {
    fn verify_server_cert(
        &self,
        end_entity: &CertificateDer<'_>,
        intermediates: &[CertificateDer<'_>],
        server_name: &ServerName<'_>,
        ocsp_response: &[u8],
        now: UnixTime,
    ) -> Result<ServerCertVerified, Error> {
        let verdict =
            self.verifier.verify_server_cert(end_entity, intermediates, server_name, ocsp_response, now);
        match verdict {
            // Validity is checked first and has errors of its own; what is left is "an authority is no server".
            Err(Error::InvalidCertificate(CertificateError::Other(_))) if self.added.contains(end_entity) => {
                verify_server_name(&ParsedCertificate::try_from(end_entity)?, server_name)?;
                Ok(ServerCertVerified::assertion())
            }
            verdict => verdict,
        }
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        cert: &CertificateDer<'_>,
        dss: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        self.verifier.verify_tls12_signature(message, cert, dss)
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        cert: &CertificateDer<'_>,
        dss: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        self.verifier.verify_tls13_signature(message, cert, dss)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.verifier.supported_verify_schemes()
    }
}

#[cfg(test)]
mod tests {
    use std::{io::Write, time::Duration};

    use rcgen::{BasicConstraints, CertificateParams, IsCa, KeyPair, date_time_ymd};

    use super::*;

    /// A self-signed certificate for a host, as most tools make it: marked as an authority.
    fn self_signed(host: &str) -> CertificateDer<'static> {
        let mut params = CertificateParams::new(vec![host.to_owned()]).unwrap();
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        params.not_before = date_time_ymd(2026, 1, 1);
        params.not_after = date_time_ymd(2027, 1, 1);
        params.self_signed(&KeyPair::generate().unwrap()).unwrap().der().clone()
    }

    fn trusting(certificate: &CertificateDer<'static>) -> Trust {
        let mut roots = RootCertStore::empty();
        roots.add(certificate.clone()).unwrap();
        let provider = Arc::new(rustls::crypto::ring::default_provider());
        let verifier =
            WebPkiServerVerifier::builder_with_provider(Arc::new(roots), provider).build().unwrap();
        Trust { verifier, added: HashSet::from([certificate.clone()]) }
    }

    fn verify(trust: &Trust, certificate: &CertificateDer<'_>, host: &str, day: u64) -> bool {
        let name = ServerName::try_from(host.to_owned()).unwrap();
        let now = UnixTime::since_unix_epoch(Duration::from_secs(day * 86_400));
        trust.verify_server_cert(certificate, &[], &name, &[], now).is_ok()
    }

    /// Days since 1970: the middle of 2026, and of 2028.
    const VALID: u64 = 20_635;
    const EXPIRED: u64 = 21_366;

    #[test]
    fn oidc_t9_a_certificate_that_was_added_is_believed_for_its_own_host_while_it_is_valid() {
        let added = self_signed("suite.example");
        let trust = trusting(&added);
        assert!(verify(&trust, &added, "suite.example", VALID));
        assert!(!verify(&trust, &added, "other.example", VALID));
        assert!(!verify(&trust, &added, "suite.example", EXPIRED));
    }

    #[test]
    fn sec_w02_a_self_signed_certificate_that_was_not_added_is_refused() {
        let trust = trusting(&self_signed("suite.example"));
        assert!(!verify(&trust, &self_signed("suite.example"), "suite.example", VALID));
    }

    #[test]
    fn a_file_without_certificates_is_refused() {
        let mut file = tempfile::NamedTempFile::new().unwrap();
        file.write_all(b"no certificate\n").unwrap();
        let problem = tls(Some(&file.path().to_owned())).unwrap_err().to_string();
        assert!(problem.contains("holds no certificate"), "{problem}");
        assert!(tls(None).is_ok());
    }
}
