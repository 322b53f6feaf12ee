//! Client authentication by certificate (RFC 8705 §2): by an authority that is trusted here together with one registered
//! attribute of the subject, or by a certificate that the client itself has registered.

use std::{net::IpAddr, sync::Arc};

use arc_swap::ArcSwap;
use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD};
use keys::ClientKeys;
use rustls::{
    RootCertStore,
    crypto::ring,
    server::{WebPkiClientVerifier, danger::ClientCertVerifier},
};
use rustls_pki_types::{CertificateDer, UnixTime, pem::PemObject};
use serde_json::{Value, json};
use time::OffsetDateTime;
use x509_parser::{
    certificate::X509Certificate,
    extensions::GeneralName,
    prelude::FromDer,
    public_key::PublicKey,
    x509::{SubjectPublicKeyInfo, X509Name},
};

use crate::{
    app::App,
    model::client::Client,
    protocol::{
        client_auth::AuthMethod,
        client_certificate::ClientCertificate,
        client_metadata::CertificateSubject,
        distinguished_name::{DistinguishedName, Rdn},
    },
};

/// Why a certificate proves nothing. The words go to the log.
#[derive(Clone, Copy, PartialEq, Eq, Debug, thiserror::Error)]
pub enum CertificateError {
    /// No authorities are configured.
    #[error("no client authorities are configured")]
    NoAuthorities,
    /// No authority vouches for it, it has expired, or it is for another purpose.
    #[error("the certificate is not trusted")]
    Untrusted,
    /// It is not a certificate.
    #[error("the certificate cannot be read")]
    Malformed,
    /// Its subject is not the registered one.
    #[error("the certificate is of another subject")]
    Subject,
    /// The client has not registered it.
    #[error("the certificate is not registered")]
    Unregistered,
    /// The client does not authenticate by certificate.
    #[error("the client has another method")]
    Method,
}

impl CertificateError {
    /// The word for the log.
    pub fn reason(self) -> &'static str {
        match self {
            Self::NoAuthorities => "certificate_authorities_missing",
            Self::Untrusted => "certificate_untrusted",
            Self::Malformed => "certificate_malformed",
            Self::Subject => "certificate_subject",
            Self::Unregistered => "certificate_unregistered",
            Self::Method => "no_credentials",
        }
    }
}

/// The authorities that may vouch for clients. Clones share what [`Self::replace`] puts in.
#[derive(Clone, Debug)]
pub struct Authorities(Arc<ArcSwap<Arc<dyn ClientCertVerifier>>>);

/// The file of authorities cannot be used.
#[derive(Clone, PartialEq, Eq, Debug, thiserror::Error)]
#[error("not a list of certificates of authorities: {0}")]
pub struct AuthoritiesError(String);

impl Authorities {
    /// Reads the certificates of authorities from PEM.
    ///
    /// # Errors
    /// There is none, or one cannot be read.
    pub fn from_pem(pem: &[u8]) -> Result<Self, AuthoritiesError> {
        Ok(Self(Arc::new(ArcSwap::from_pointee(Self::verifier(pem)?))))
    }

    /// Believes these authorities from now on, and no other.
    ///
    /// # Errors
    /// There is none, or one cannot be read: those of before stay.
    pub fn replace(&self, pem: &[u8]) -> Result<(), AuthoritiesError> {
        self.0.store(Arc::new(Self::verifier(pem)?));
        Ok(())
    }

    fn verifier(pem: &[u8]) -> Result<Arc<dyn ClientCertVerifier>, AuthoritiesError> {
        let unusable = |error: &dyn std::fmt::Display| AuthoritiesError(error.to_string());
        let mut roots = RootCertStore::empty();
        for certificate in CertificateDer::pem_slice_iter(pem) {
            let certificate = certificate.map_err(|error| unusable(&error))?;
            roots.add(certificate).map_err(|error| unusable(&error))?;
        }
        let provider = Arc::new(ring::default_provider());
        let verifier = WebPkiClientVerifier::builder_with_provider(Arc::new(roots), provider).build();
        verifier.map_err(|error| unusable(&error))
    }

    /// Whether an authority vouches for the certificate now: signatures up to an authority, validity, and that it may
    /// be used by TLS clients (RFC 5280 §4.2.1.12, §6).
    fn vouch_for(
        &self,
        certificate: &ClientCertificate,
        now: OffsetDateTime,
    ) -> Result<(), CertificateError> {
        let leaf = CertificateDer::from(certificate.leaf());
        let intermediates: Vec<_> =
            certificate.intermediates().iter().map(|der| CertificateDer::from(der.as_slice())).collect();
        let seconds = u64::try_from(now.unix_timestamp()).map_err(|_| CertificateError::Untrusted)?;
        let now = UnixTime::since_unix_epoch(std::time::Duration::from_secs(seconds));
        match self.0.load().verify_client_cert(&leaf, &intermediates, now) {
            Ok(_) => Ok(()),
            Err(error) => {
                tracing::info!(%error, "a client certificate is not trusted");
                Err(CertificateError::Untrusted)
            }
        }
    }
}

/// Verifies that a certificate is the client's, by the method that the client is registered for.
///
/// # Errors
/// It is not.
pub async fn verify(
    app: &App,
    client: &Client,
    certificate: &ClientCertificate,
) -> Result<(), CertificateError> {
    match client.metadata.auth_method() {
        AuthMethod::TlsClientAuth => {
            let authorities = app
                .settings
                .client_certificates
                .authorities
                .as_ref()
                .ok_or(CertificateError::NoAuthorities)?;
            authorities.vouch_for(certificate, app.now())?;
            let subject = client.metadata.certificate_subject().ok_or(CertificateError::Subject)?;
            let leaf = parse(certificate)?;
            if is_of(&leaf, subject) { Ok(()) } else { Err(CertificateError::Subject) }
        }
        AuthMethod::SelfSignedTlsClientAuth => registered(app, client, certificate).await,
        AuthMethod::ClientSecretBasic
        | AuthMethod::ClientSecretPost
        | AuthMethod::ClientSecretJwt
        | AuthMethod::PrivateKeyJwt
        | AuthMethod::None => Err(CertificateError::Method),
    }
}

/// Only the certificate of the client itself is looked at, never those that lead to an authority.
fn parse(certificate: &ClientCertificate) -> Result<X509Certificate<'_>, CertificateError> {
    match X509Certificate::from_der(certificate.leaf()) {
        Ok(([], leaf)) => Ok(leaf),
        Ok(_) | Err(_) => Err(CertificateError::Malformed),
    }
}

/// RFC 8705 §2.1.2: exactly the one registered attribute.
fn is_of(leaf: &X509Certificate<'_>, subject: CertificateSubject<'_>) -> bool {
    let names = match leaf.subject_alternative_name() {
        Ok(Some(extension)) => extension.value.general_names.as_slice(),
        Ok(None) | Err(_) => &[],
    };
    let any = |matches: &dyn Fn(&GeneralName<'_>) -> bool| names.iter().any(matches);
    match subject {
        CertificateSubject::Dn(dn) => {
            DistinguishedName::parse(dn).is_some_and(|dn| name_of(leaf.subject()) == Some(dn))
        }
        // RFC 4343: names of hosts have no case.
        CertificateSubject::Dns(dns) => {
            any(&|name| matches!(name, GeneralName::DNSName(found) if found.eq_ignore_ascii_case(dns)))
        }
        CertificateSubject::Uri(uri) => any(&|name| matches!(name, GeneralName::URI(found) if *found == uri)),
        CertificateSubject::Ip(ip) => {
            let octets = ip.parse().map(|ip| match ip {
                IpAddr::V4(ip) => ip.octets().to_vec(),
                IpAddr::V6(ip) => ip.octets().to_vec(),
            });
            octets.is_ok_and(|octets| {
                any(&|name| matches!(name, GeneralName::IPAddress(found) if *found == octets.as_slice()))
            })
        }
        CertificateSubject::Email(email) => {
            any(&|name| matches!(name, GeneralName::RFC822Name(found) if *found == email))
        }
    }
}

/// A name with text values only.
fn name_of(name: &X509Name<'_>) -> Option<DistinguishedName> {
    let rdn = |rdn: &x509_parser::x509::RelativeDistinguishedName<'_>| -> Option<Rdn> {
        rdn.iter()
            .map(|attribute| {
                Some((attribute.attr_type().to_id_string(), attribute.as_str().ok()?.to_owned()))
            })
            .collect()
    };
    name.iter_rdn().map(rdn).collect::<Option<Vec<_>>>().map(DistinguishedName::new)
}

/// RFC 8705 §2.2: the certificate or its key is one of the client's keys. What it says about itself, its dates among it,
/// does not count: the registration does.
async fn registered(
    app: &App,
    client: &Client,
    certificate: &ClientCertificate,
) -> Result<(), CertificateError> {
    let leaf = parse(certificate)?;
    let x5t = certificate.thumbprint();
    let jkt = public_jwk(leaf.public_key()).and_then(|jwk| keys::thumbprint(&jwk).ok());
    let has = |keys: &ClientKeys| keys.has_certificate(&x5t, jkt.as_deref());
    let found = if let Some(jwks) = &client.metadata.jwks {
        ClientKeys::parse(jwks).is_ok_and(|keys| has(&keys))
    } else if let Some(uri) = client.metadata.jwks_uri.as_deref() {
        // A certificate that is not among the known keys makes them be fetched again, once.
        let keys = app.remote_jwks.find(app.fetch.as_ref(), (&client.id, uri), app.now(), has).await;
        keys.is_some_and(|keys| has(&keys))
    } else {
        false
    };
    if found { Ok(()) } else { Err(CertificateError::Unregistered) }
}

/// The public key of a certificate as a JWK (RFC 7518 §6, RFC 8037 §2).
fn public_jwk(key: &SubjectPublicKeyInfo<'_>) -> Option<Value> {
    const ED25519: &str = "1.3.101.112";
    const CURVES: [(&str, &str); 3] =
        [("1.2.840.10045.3.1.7", "P-256"), ("1.3.132.0.34", "P-384"), ("1.3.132.0.35", "P-521")];
    let encoded = |bytes: &[u8]| URL_SAFE_NO_PAD.encode(bytes);
    if key.algorithm.algorithm.to_id_string() == ED25519 {
        return Some(json!({"kty": "OKP", "crv": "Ed25519", "x": encoded(&key.subject_public_key.data)}));
    }
    match key.parsed().ok()? {
        PublicKey::RSA(rsa) => {
            let significant = |number: &[u8]| {
                let zeros = number.iter().take_while(|byte| **byte == 0).count();
                encoded(number.get(zeros..).unwrap_or_default())
            };
            Some(json!({"kty": "RSA", "n": significant(rsa.modulus), "e": significant(rsa.exponent)}))
        }
        PublicKey::EC(point) => {
            let curve = key.algorithm.parameters.as_ref()?.as_oid().ok()?.to_id_string();
            let (_, curve) = CURVES.iter().find(|(oid, _)| *oid == curve)?;
            // SEC 1 §2.3.3: uncompressed.
            let coordinates = point.data().strip_prefix(&[4])?;
            let (x, y) = coordinates.split_at(coordinates.len() / 2);
            Some(json!({"kty": "EC", "crv": curve, "x": encoded(x), "y": encoded(y)}))
        }
        PublicKey::DSA(_)
        | PublicKey::GostR3410(_)
        | PublicKey::GostR3410_2012(_)
        | PublicKey::Unknown(_) => None,
    }
}
