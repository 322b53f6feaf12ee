//! A YubiKey that types one-time passwords (Yubico OTP).

use serde_json::{Value, json};

use super::{
    TestApp,
    factor::Program,
    http::{Response, ok},
};

const TOKENS: &str = "/api/v1/org/factors/yubikey_token/tokens";
const MODHEX: &[u8; 16] = b"cbdefghijklnrtuv";

/// A YubiKey, and what its personalisation left.
#[derive(Clone)]
pub(crate) struct Yubikey {
    /// The serial number.
    pub(crate) serial: u32,
    private_id: [u8; 6],
    key: [u8; 16],
    session: u16,
    touches: u8,
    random: u16,
}

impl Yubikey {
    /// One with this serial number, plugged in for the first time.
    pub(crate) fn new(serial: u32) -> Self {
        let byte = u8::try_from(serial % 251).unwrap();
        let key = std::array::from_fn(|at| byte ^ u8::try_from(at * 11).unwrap());
        Self { serial, private_id: [byte, 2, 3, 4, 5, 6], key, session: 1, touches: 0, random: 7 }
    }

    /// What its passwords begin with.
    pub(crate) fn public_id(&self) -> String {
        modhex(&[&[0, 0][..], &self.serial.to_be_bytes()].concat())
    }

    /// The AES key, in hexadecimal.
    pub(crate) fn aes_key(&self) -> String {
        hex(&self.key)
    }

    /// The private id, in hexadecimal.
    pub(crate) fn private_id(&self) -> String {
        hex(&self.private_id)
    }

    /// Gives it new secrets: it counts anew.
    pub(crate) fn personalise(&mut self) {
        self.key[0] ^= 0xff;
        (self.session, self.touches) = (1, 0);
    }

    /// Plugs it out and in again.
    pub(crate) fn plug(&mut self) {
        self.session += 1;
        self.touches = 0;
    }

    /// Touches it: what it types.
    pub(crate) fn touch(&mut self) -> String {
        let mut block = [0; 16];
        block[..6].copy_from_slice(&self.private_id);
        block[6..8].copy_from_slice(&self.session.to_le_bytes());
        block[11] = self.touches;
        block[12..14].copy_from_slice(&self.random.to_le_bytes());
        let checksum = !crc(&block[..14]);
        block[14..].copy_from_slice(&checksum.to_le_bytes());
        self.touches += 1;
        self.random = self.random.wrapping_mul(31).wrapping_add(5);
        let encrypted = keys::encrypt_block(&self.key, &block).unwrap();
        format!("{}{}", self.public_id(), modhex(&*encrypted))
    }

    /// The document that imports it.
    pub(crate) fn seed(&self) -> Value {
        json!({
            "serialNumber": self.serial.to_string(),
            "publicId": self.public_id(),
            "privateId": self.private_id(),
            "aesKey": self.aes_key(),
        })
    }

    /// The line of a personalisation tool that imports it.
    pub(crate) fn line(&self) -> String {
        let (public_id, private_id, key) = (self.public_id(), self.private_id(), self.aes_key());
        format!("{},{public_id},{private_id},{key},000000000000,2026-11-22T10:00:00,", self.serial)
    }

    /// The serial number as Okta writes it.
    pub(crate) fn shown_serial(&self) -> String {
        format!("{:012}", self.serial)
    }
}

fn crc(bytes: &[u8]) -> u16 {
    let mut crc = 0xffff_u16;
    for byte in bytes {
        crc ^= u16::from(*byte);
        for _ in 0..8 {
            crc = if crc & 1 == 1 { (crc >> 1) ^ 0x8408 } else { crc >> 1 };
        }
    }
    crc
}

fn modhex(bytes: &[u8]) -> String {
    let digit = |digit: u8| char::from(MODHEX[usize::from(digit)]);
    bytes.iter().flat_map(|byte| [digit(byte >> 4), digit(byte & 15)]).collect()
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

impl TestApp {
    /// Imports a YubiKey, with an API token that may.
    pub(crate) async fn import(&self, yubikey: &Yubikey, token: &str) -> Value {
        ok(&self.post(TOKENS, token, &yubikey.seed()).await)
    }
}

impl Program<'_> {
    /// Tries to enrol a YubiKey by a password of it.
    pub(crate) async fn enrol_yubikey(&self, pass_code: &str) -> Response {
        let verify = json!({ "passCode": pass_code });
        let body = json!({ "factorType": "token:hardware", "provider": "YUBICO", "verify": verify });
        self.post("/factors", &body).await
    }

    /// Imports a YubiKey and enrols it; the id of the factor.
    pub(crate) async fn yubikey(&self, app: &TestApp, yubikey: &mut Yubikey) -> String {
        app.import(yubikey, &self.token).await;
        let enrolled = ok(&self.enrol_yubikey(&yubikey.touch()).await);
        enrolled["id"].as_str().unwrap().to_owned()
    }
}
