//! An authenticator of the test's own (Web Authentication Level 3 §6), every bit of whose answers a test may choose, and the
//! browser around it.

use base64::{
    Engine,
    engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD},
};
use rcgen::{
    BasicConstraints, CertificateParams, CertifiedIssuer, DnType, IsCa, KeyPair, PublicKeyData, SigningKey,
};
use serde_json::{Value, json};
use sha2::{Digest, Sha256};

/// User present.
pub(crate) const UP: u8 = 0x01;
/// User verified.
pub(crate) const UV: u8 = 0x04;
/// Backup eligible.
pub(crate) const BE: u8 = 0x08;
/// Backed up.
pub(crate) const BS: u8 = 0x10;
const ATTESTED: u8 = 0x40;

/// Who vouches for an authenticator.
pub(crate) enum Maker {
    /// Nobody (`none`).
    Nobody,
    /// Its own key (`packed`, self attestation).
    Itself,
    /// A maker (`packed`, basic attestation): certificate as DER and its key.
    Vouched(Vec<u8>, Box<KeyPair>),
}

/// An authenticator with one credential.
pub(crate) struct Authenticator {
    /// Where its browser says that it is.
    pub(crate) origin: String,
    /// The RP ID whose hash it signs.
    pub(crate) rp_id: String,
    /// The id of its credential.
    pub(crate) id: Vec<u8>,
    /// Whom it holds the credential for.
    pub(crate) user_handle: Vec<u8>,
    /// Its flags.
    pub(crate) flags: u8,
    /// Its counter; 0: it has none.
    pub(crate) counter: u32,
    /// Its model.
    pub(crate) aaguid: [u8; 16],
    /// Who vouches for it.
    pub(crate) maker: Maker,
    key: KeyPair,
}

impl Authenticator {
    /// One in a browser at this origin, as most are: it verifies its user and counts.
    pub(crate) fn at(origin: &str) -> Self {
        let key = KeyPair::generate().unwrap();
        let id = Sha256::digest(key.der_bytes()).to_vec();
        Self {
            origin: origin.to_owned(),
            rp_id: "localhost".to_owned(),
            id,
            user_handle: Vec::new(),
            flags: UP | UV,
            counter: 1,
            aaguid: [0; 16],
            maker: Maker::Nobody,
            key,
        }
    }

    /// The id of its credential as APIs write it.
    pub(crate) fn credential_id(&self) -> String {
        URL_SAFE_NO_PAD.encode(&self.id)
    }

    /// What a browser says that it did.
    pub(crate) fn client_data(&self, ceremony: &str, challenge: &str) -> Value {
        json!({ "type": ceremony, "challenge": challenge, "origin": self.origin, "crossOrigin": false })
    }

    fn authenticator_data(&self, more: u8) -> Vec<u8> {
        let mut data = Sha256::digest(self.rp_id.as_bytes()).to_vec();
        data.push(self.flags | more);
        data.extend(self.counter.to_be_bytes());
        data
    }

    fn public_key(&self) -> Vec<u8> {
        let point = self.key.der_bytes();
        let mut key = vec![0xa5, 0x01, 0x02, 0x03, 0x26, 0x20, 0x01, 0x21, 0x58, 0x20];
        key.extend(&point[1..33]);
        key.extend([0x22, 0x58, 0x20]);
        key.extend(&point[33..65]);
        key
    }

    /// `navigator.credentials.create()`: the body that activates a factor.
    pub(crate) fn create(&mut self, options: &Value) -> Value {
        self.user_handle = URL_SAFE_NO_PAD.decode(options["user"]["id"].as_str().unwrap()).unwrap();
        let data = self.client_data("webauthn.create", options["challenge"].as_str().unwrap());
        self.create_with(&data.to_string())
    }

    /// The same with other client data.
    pub(crate) fn create_with(&self, client_data: &str) -> Value {
        let mut data = self.authenticator_data(ATTESTED);
        data.extend(self.aaguid);
        data.extend(u16::try_from(self.id.len()).unwrap().to_be_bytes());
        data.extend(&self.id);
        data.extend(self.public_key());
        let signed = [data.clone(), Sha256::digest(client_data.as_bytes()).to_vec()].concat();
        let mut object = vec![0xa3];
        object.extend(text("fmt"));
        match &self.maker {
            Maker::Nobody => {
                object.extend(text("none"));
                object.extend(text("attStmt"));
                object.push(0xa0);
            }
            Maker::Itself => {
                object.extend(text("packed"));
                object.extend(text("attStmt"));
                object.push(0xa2);
                object.extend(statement(&self.key, &signed));
            }
            Maker::Vouched(certificate, key) => {
                object.extend(text("packed"));
                object.extend(text("attStmt"));
                object.push(0xa3);
                object.extend(statement(key, &signed));
                object.extend(text("x5c"));
                object.push(0x81);
                object.extend(bytes(certificate));
            }
        }
        object.extend(text("authData"));
        object.extend(bytes(&data));
        // Okta's examples are base64, what its clients send is base64url.
        json!({ "clientData": STANDARD.encode(client_data), "attestation": STANDARD.encode(object) })
    }

    /// `navigator.credentials.get()`: the body that verifies a factor. It counts up first.
    pub(crate) fn get(&mut self, options: &Value) -> Value {
        self.counter += u32::from(self.counter > 0);
        let data = self.client_data("webauthn.get", options["challenge"].as_str().unwrap());
        self.get_with(&data.to_string())
    }

    /// The same with other client data, and as the counter stands.
    pub(crate) fn get_with(&self, client_data: &str) -> Value {
        let data = self.authenticator_data(0);
        let signed = [data.clone(), Sha256::digest(client_data.as_bytes()).to_vec()].concat();
        json!({
            "clientData": URL_SAFE_NO_PAD.encode(client_data),
            "authenticatorData": URL_SAFE_NO_PAD.encode(data),
            "signatureData": URL_SAFE_NO_PAD.encode(self.key.sign(&signed).unwrap()),
        })
    }

    /// The same with who it is, as a browser tells it.
    pub(crate) fn named(&self, mut assertion: Value) -> Value {
        assertion["credentialId"] = self.credential_id().into();
        assertion["userHandle"] = URL_SAFE_NO_PAD.encode(&self.user_handle).into();
        assertion
    }
}

/// The certificate of a root (PEM), and a maker that it vouches for.
pub(crate) fn maker() -> (String, Maker) {
    let mut params = CertificateParams::new(Vec::new()).unwrap();
    params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    params.key_usages = vec![rcgen::KeyUsagePurpose::KeyCertSign];
    params.distinguished_name.push(DnType::CommonName, "root of a maker");
    let root = CertifiedIssuer::self_signed(params, KeyPair::generate().unwrap()).unwrap();
    // §8.2.1
    let mut params = CertificateParams::new(Vec::new()).unwrap();
    params.is_ca = IsCa::ExplicitNoCa;
    params.distinguished_name = rcgen::DistinguishedName::new();
    for (name, value) in [
        (DnType::CountryName, "SE"),
        (DnType::OrganizationName, "Maker"),
        (DnType::OrganizationalUnitName, "Authenticator Attestation"),
        (DnType::CommonName, "Maker batch 1"),
    ] {
        params.distinguished_name.push(name, value);
    }
    let key = KeyPair::generate().unwrap();
    let certificate = params.signed_by(&key, &root).unwrap();
    (root.pem(), Maker::Vouched(certificate.der().to_vec(), Box::new(key)))
}

fn statement(key: &KeyPair, signed: &[u8]) -> Vec<u8> {
    // `alg`: ES256
    [text("alg"), vec![0x26], text("sig"), bytes(&key.sign(signed).unwrap())].concat()
}

/// CBOR text of less than 24 bytes.
fn text(text: &str) -> Vec<u8> {
    [vec![0x60 + u8::try_from(text.len()).unwrap()], text.as_bytes().to_vec()].concat()
}

/// CBOR bytes.
fn bytes(bytes: &[u8]) -> Vec<u8> {
    let length = u16::try_from(bytes.len()).unwrap().to_be_bytes();
    [vec![0x59], length.to_vec(), bytes.to_vec()].concat()
}
