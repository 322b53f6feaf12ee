//! `token:hardware`, `YUBICO`: one-time passwords of YubiKeys (Yubico OTP), judged here with the secrets that an administrator
//! imported; nobody else is asked.
//!
//! A password is written in modhex, letters that are in the same place on most keyboards: a public id of 6 bytes, then one
//! block of AES-128 that holds the private id, a counter of sessions, a timer, a counter of uses within the session, a random
//! number and a checksum.

use zeroize::Zeroizing;

use super::FactorError;
use crate::{
    fault::Fault,
    secret::{Secret, constant_time_eq},
};

/// Letters of a public id.
pub const PUBLIC_ID: usize = 12;
/// Bytes of a private id.
pub const PRIVATE_ID: usize = 6;
/// Bytes of a key, and of what it encrypts.
pub const KEY: usize = 16;
/// Letters of a one-time password.
pub const PASS_CODE: usize = PUBLIC_ID + 2 * KEY;
/// Digits of a serial number, as Okta writes it.
const SERIAL: usize = 12;
/// The letters for the digits 0 to 15.
const MODHEX: &[u8; 16] = b"cbdefghijklnrtuv";
/// The bits of the counter of sessions; the one above them says that the key was triggered by caps lock.
const SESSIONS: u16 = 0x7fff;
/// What CRC-16 leaves of a block with its own checksum at the end (ISO/IEC 13239, X-25).
const CRC_RESIDUE: u16 = 0xf0b8;

/// A one-time password whose public id can be looked for.
#[derive(Debug)]
pub struct PassCode {
    public_id: String,
    block: [u8; KEY],
}

impl PassCode {
    /// Reads what somebody, or the key itself, typed.
    ///
    /// # Errors
    /// It is no one-time password of a YubiKey.
    pub fn read(typed: &str) -> Result<Self, FactorError> {
        // A keyboard with its caps on is no reason to refuse.
        let typed = typed.trim().to_ascii_lowercase();
        let (public_id, block) = typed
            .split_at_checked(PUBLIC_ID)
            .filter(|_| typed.len() == PASS_CODE)
            .ok_or(FactorError::Wrong)?;
        public_id_of(public_id).ok_or(FactorError::Wrong)?;
        let block = bytes(block, modhex_digit).ok_or(FactorError::Wrong)?;
        let block = <[u8; KEY]>::try_from(block.as_slice()).map_err(|_| FactorError::Wrong)?;
        Ok(Self { public_id: public_id.to_owned(), block })
    }

    /// The public id.
    pub fn public_id(&self) -> &str {
        &self.public_id
    }

    /// Decrypts it, and says which use of the key it is of.
    ///
    /// # Errors
    /// It was not made with these secrets.
    pub fn open(&self, secrets: &Secrets) -> Result<Use, FactorError> {
        let plain = keys::decrypt_block(secrets.key()?, &self.block);
        let plain = plain.map_err(|error| Fault::Crypto(error.to_string()))?;
        let whole = crc(&*plain) == CRC_RESIDUE;
        let [i0, i1, i2, i3, i4, i5, low, high, _, _, _, in_session, ..] = *plain;
        let ours = constant_time_eq(&[i0, i1, i2, i3, i4, i5], secrets.private_id()?);
        if !(whole && ours) {
            return Err(FactorError::Wrong);
        }
        Ok(Use { session: u16::from_le_bytes([low, high]) & SESSIONS, in_session })
    }
}

/// Which use of a key a password is of. Each is made once: the counter of sessions grows whenever the key gets power, the other
/// one with every touch.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub struct Use {
    session: u16,
    in_session: u8,
}

impl Use {
    /// One number that grows as both counters together do.
    pub fn counter(self) -> u64 {
        u64::from(self.session) << 8 | u64::from(self.in_session)
    }
}

/// What a key and whoever judges its passwords know: the private id, then the AES key.
#[derive(Clone, Debug)]
pub struct Secrets(Secret<Vec<u8>>);

impl Secrets {
    /// Reads the hexadecimal numbers that the personalisation of a key left.
    ///
    /// # Errors
    /// One of them is none, or has another size.
    pub fn read(private_id: &str, aes_key: &str) -> Result<Self, FactorError> {
        let part = |member, text: &str, size: usize| {
            hexadecimal(text).filter(|bytes| bytes.len() == size).ok_or_else(|| FactorError::Invalid {
                member,
                problem: format!("must have {} hexadecimal digits", 2 * size),
            })
        };
        let mut both = part("privateId", private_id, PRIVATE_ID)?.to_vec();
        both.extend_from_slice(&part("aesKey", aes_key, KEY)?);
        Ok(Self(Secret::new(both)))
    }

    /// From what was kept.
    pub fn kept(bytes: Secret<Vec<u8>>) -> Self {
        Self(bytes)
    }

    /// What is kept, sealed.
    pub fn expose(&self) -> &[u8] {
        self.0.expose()
    }

    /// Whether they are these, in constant time.
    pub fn are(&self, other: &Self) -> bool {
        self.0 == other.0
    }

    fn private_id(&self) -> Result<&[u8; PRIVATE_ID], Fault> {
        self.expose().first_chunk().ok_or_else(|| Fault::stored("yubikey_token.secret"))
    }

    fn key(&self) -> Result<&[u8; KEY], Fault> {
        self.expose().last_chunk().ok_or_else(|| Fault::stored("yubikey_token.secret"))
    }
}

/// A serial number as Okta writes it: 12 digits.
///
/// # Errors
/// It is none.
pub fn serial(text: &str) -> Result<String, FactorError> {
    let text = text.trim();
    let digits = !text.is_empty() && text.len() <= SERIAL && text.bytes().all(|byte| byte.is_ascii_digit());
    if digits {
        Ok(format!("{text:0>SERIAL$}"))
    } else {
        Err(FactorError::Invalid { member: "serialNumber", problem: "must have 1 to 12 digits".to_owned() })
    }
}

/// A public id in one spelling.
///
/// # Errors
/// It is none.
pub fn public_id(text: &str) -> Result<String, FactorError> {
    let text = text.trim().to_ascii_lowercase();
    public_id_of(&text).ok_or_else(|| FactorError::Invalid {
        member: "publicId",
        problem: format!("must have {PUBLIC_ID} letters of modhex"),
    })?;
    Ok(text)
}

fn public_id_of(text: &str) -> Option<()> {
    bytes(text, modhex_digit).filter(|bytes| 2 * bytes.len() == PUBLIC_ID).map(drop)
}

fn hexadecimal(text: &str) -> Option<Zeroizing<Vec<u8>>> {
    bytes(text.trim(), |byte| char::from(byte).to_digit(16).and_then(|digit| u8::try_from(digit).ok()))
}

fn modhex_digit(letter: u8) -> Option<u8> {
    MODHEX.iter().position(|known| *known == letter).and_then(|digit| u8::try_from(digit).ok())
}

fn bytes(text: &str, digit: impl Fn(u8) -> Option<u8>) -> Option<Zeroizing<Vec<u8>>> {
    let pairs = text.as_bytes().chunks(2).map(|pair| match pair {
        [high, low] => Some(digit(*high)? << 4 | digit(*low)?),
        _ => None,
    });
    pairs.collect::<Option<Vec<u8>>>().map(Zeroizing::new)
}

/// CRC-16 as ISO/IEC 13239 has it, without the complement at its end.
fn crc(bytes: &[u8]) -> u16 {
    bytes.iter().fold(0xffff, |crc, byte| {
        (0..8).fold(crc ^ u16::from(*byte), |crc, _| if crc & 1 == 1 { crc >> 1 ^ 0x8408 } else { crc >> 1 })
    })
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    /// Passwords that were made by keys, with the private id, the AES key and both counters: Yubico's own (yubico-c
    /// `tests/selftest.c`, whose public id is shorter), and one that circulates with libraries that read them.
    const VECTORS: [(&str, &str, &str, Use); 2] = [
        (
            "ccccdteffujehknhfjbrjnlnldnhcujvddbikngjrtgh",
            "8792ebfe26cc",
            "ecde18dbe76fbd0c33330f1c354871db",
            Use { session: 0x13, in_session: 0x11 },
        ),
        (
            "enrlucvketdlfeknvrdggingjvrggeffenhevendbvgd",
            "912a644bbc7b",
            "4013a2c719c4e9734bbc63048b00e16b",
            Use { session: 1, in_session: 0 },
        ),
    ];

    #[test]
    fn recorded_passwords_are_opened_by_their_secrets_and_no_others() {
        for (typed, private_id, aes_key, made) in VECTORS {
            let code = PassCode::read(typed).unwrap();
            assert_eq!(code.open(&Secrets::read(private_id, aes_key).unwrap()).unwrap(), made, "{typed}");
            let digit = |text: &str| format!("{}{}", &text[1..], &text[..1]);
            for (private_id, aes_key) in
                [(digit(private_id), aes_key.to_owned()), (private_id.to_owned(), digit(aes_key))]
            {
                let other = Secrets::read(&private_id, &aes_key).unwrap();
                assert!(matches!(code.open(&other), Err(FactorError::Wrong)), "{typed}");
            }
        }
    }

    /// Counted as a session, the bit would have every later password lie behind this one.
    #[test]
    fn that_caps_lock_triggered_the_key_is_no_part_of_its_counter() {
        let [(_, private_id, aes_key, _), _] = VECTORS;
        let secrets = Secrets::read(private_id, aes_key).unwrap();
        let made = |session: u16| {
            let mut block = [0; KEY];
            block[..PRIVATE_ID].copy_from_slice(secrets.private_id().unwrap());
            block[6..8].copy_from_slice(&session.to_le_bytes());
            let checksum = !crc(&block[..14]);
            block[14..].copy_from_slice(&checksum.to_le_bytes());
            let block = *keys::encrypt_block(secrets.key().unwrap(), &block).unwrap();
            PassCode { public_id: String::new(), block }.open(&secrets).unwrap()
        };
        assert_eq!(made(0x8013), made(0x13));
        assert_eq!(made(0xffff), Use { session: 0x7fff, in_session: 0 });
    }

    #[test]
    fn a_use_counts_sessions_before_touches() {
        let made = |session, in_session| Use { session, in_session }.counter();
        let counters = [made(0, 0), made(0, 255), made(1, 0), made(1, 1), made(0x7fff, 255)];
        assert!(counters.windows(2).all(|pair| pair[0] < pair[1]), "{counters:?}");
    }

    #[test]
    fn a_checksum_is_that_of_iso_13239() {
        assert_eq!(!crc(b"123456789"), 0x906e);
        let mut whole = b"123456789".to_vec();
        whole.extend((!crc(b"123456789")).to_le_bytes());
        assert_eq!(crc(&whole), CRC_RESIDUE);
    }

    #[test]
    fn what_is_no_password_is_wrong() {
        let good = "ccccccijgibucbdefghijklnrtuvcbdefghijklnrtuv";
        assert_eq!(PassCode::read(good).unwrap().public_id(), "ccccccijgibu");
        assert_eq!(
            PassCode::read(&format!(" {}\n", good.to_uppercase())).unwrap().public_id(),
            "ccccccijgibu"
        );
        for bad in [
            String::new(),
            "123456".to_owned(),
            good[1..].to_owned(),
            format!("{good}c"),
            good.replace('v', "w"),
            good.replace("cccccc", "ccccc\u{e9}"),
            "\u{ff43}".repeat(44),
        ] {
            assert!(matches!(PassCode::read(&bad), Err(FactorError::Wrong)), "{bad}");
        }
    }

    #[test]
    fn what_an_administrator_gives_is_checked() {
        assert_eq!(serial("7886622").unwrap(), "000007886622");
        assert_eq!(public_id("CCCCCCIJGIBU").unwrap(), "ccccccijgibu");
        for bad in ["", "1234567890123", "12a4", "-1", "\u{664}"] {
            assert!(matches!(serial(bad), Err(FactorError::Invalid { member: "serialNumber", .. })), "{bad}");
        }
        for bad in ["", "cccccc", "ccccccijgiba", "ccccccijgibuc"] {
            assert!(matches!(public_id(bad), Err(FactorError::Invalid { member: "publicId", .. })), "{bad}");
        }
        let [(_, private, aes, _), _] = VECTORS;
        for (private_id, aes_key, member) in [
            ("", aes, "privateId"),
            ("8792ebfe26c", aes, "privateId"),
            ("8792ebfe26cx", aes, "privateId"),
            (private, "", "aesKey"),
            (private, "ecde18dbe76fbd0c33330f1c354871", "aesKey"),
        ] {
            let refused = Secrets::read(private_id, aes_key);
            assert!(matches!(refused, Err(FactorError::Invalid { member: named, .. }) if named == member));
        }
        assert_eq!(format!("{:?}", Secrets::read(private, aes).unwrap()), "Secrets(Secret(…))");
    }

    proptest! {
        /// Whatever is typed is judged without a fault, and nothing but a password of the key is accepted.
        #[test]
        fn anything_may_be_typed(typed in "\\PC{0,60}|[cbdefghijklnrtuv]{44}") {
            let [(_, private, aes, _), _] = VECTORS;
            let opened = PassCode::read(&typed).and_then(|code| code.open(&Secrets::read(private, aes)?));
            prop_assert!(matches!(opened, Err(FactorError::Wrong)));
        }
    }
}
