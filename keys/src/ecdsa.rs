//! ECDSA over P-256 with SHA-256 (FIPS 186-5 §6), with keys and signatures as raw messages carry them: the signatures of U2F
//! security keys, which are no JOSE.

use openssl::{
    bn::BigNumContext,
    ec::{EcGroup, EcKey, EcPoint, PointConversionForm},
    ecdsa::EcdsaSig,
    nid::Nid,
    pkey::Public,
    x509::X509,
};
use sha2::{Digest, Sha256};

use crate::KeyError;

/// Bytes of an uncompressed point (SEC 1 §2.3.3).
pub const POINT: usize = 65;

/// A public key over P-256.
pub struct P256Key(EcKey<Public>);

impl P256Key {
    /// Reads an uncompressed point, which must lie on the curve (SEC 1 §2.3.4).
    ///
    /// # Errors
    /// [`KeyError::UnusableKey`] when it is none.
    pub fn from_point(point: &[u8]) -> Result<Self, KeyError> {
        let unusable = |_| KeyError::UnusableKey("not a point of P-256");
        // 04: uncompressed; the other forms are not those of raw messages.
        if point.len() != POINT || point.first() != Some(&0x04) {
            return Err(KeyError::UnusableKey("not an uncompressed point"));
        }
        let group = EcGroup::from_curve_name(Nid::X9_62_PRIME256V1)?;
        let mut context = BigNumContext::new()?;
        let point = EcPoint::from_bytes(&group, point, &mut context).map_err(unusable)?;
        let key = EcKey::from_public_key(&group, &point).map_err(unusable)?;
        key.check_key().map_err(unusable)?;
        Ok(Self(key))
    }

    /// The key of a certificate (RFC 5280 §4.1.2.7). Who signed the certificate, and until when it counts, is not looked at.
    ///
    /// # Errors
    /// [`KeyError::Malformed`] when it is no certificate, [`KeyError::UnusableKey`] when its key is another kind's.
    pub fn of_certificate(der: &[u8]) -> Result<Self, KeyError> {
        let unusable = |_| KeyError::UnusableKey("the certificate has no key over P-256");
        let certificate = X509::from_der(der).map_err(|_| KeyError::Malformed("a certificate"))?;
        let key = certificate.public_key().and_then(|key| key.ec_key()).map_err(unusable)?;
        let mut context = BigNumContext::new()?;
        let form = PointConversionForm::UNCOMPRESSED;
        let point = key.public_key().to_bytes(key.group(), form, &mut context).map_err(unusable)?;
        Self::from_point(&point)
    }

    /// Proves that the holder of the private key signed the message.
    ///
    /// # Errors
    /// [`KeyError::Signature`] when it did not, or the signature is not DER (RFC 3279 §2.2.3).
    pub fn verify(&self, message: &[u8], signature: &[u8]) -> Result<(), KeyError> {
        let signature = EcdsaSig::from_der(signature).map_err(|_| KeyError::Signature)?;
        match signature.verify(&Sha256::digest(message), &self.0) {
            Ok(true) => Ok(()),
            Ok(false) | Err(_) => Err(KeyError::Signature),
        }
    }
}

impl std::fmt::Debug for P256Key {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("P256Key").finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn bytes(hex: &str) -> Vec<u8> {
        (0..hex.len()).step_by(2).map(|i| u8::from_str_radix(&hex[i..i + 2], 16).unwrap()).collect()
    }

    /// RFC 6979 §A.2.5: the message "sample" with SHA-256.
    #[test]
    fn the_vector_of_rfc_6979_verifies_and_nothing_else_does() {
        let point = bytes(concat!(
            "04",
            "60fed4ba255a9d31c961eb74c6356d68c049b8923b61fa6ce669622e60f29fb6",
            "7903fe1008b8bc99a41ae9e95628bc64f2f1b20c2d7e9f5177a3c294d4462299"
        ));
        let signature = bytes(concat!(
            "3046022100",
            "efd48b2aacb6a8fd1140dd9cd45e81d69d2c877b56aaf991c34d0ea84eaf3716",
            "022100",
            "f7cb1c942d657c41d436c7a1b6e29f65f3e900dbb9aff4064dc4ab2f843acda8"
        ));
        let key = P256Key::from_point(&point).unwrap();
        assert_eq!(key.verify(b"sample", &signature), Ok(()));
        assert_eq!(key.verify(b"simple", &signature), Err(KeyError::Signature));
        for at in [4, 20, 40, signature.len() - 1] {
            let mut altered = signature.clone();
            altered[at] ^= 1;
            assert_eq!(key.verify(b"sample", &altered), Err(KeyError::Signature));
        }
        // r and s of zero, which careless verifiers take for every message.
        for bad in [&b""[..], &[0x30, 0x06, 0x02, 0x01, 0x00, 0x02, 0x01, 0x00], &[0; 64]] {
            assert_eq!(key.verify(b"sample", bad), Err(KeyError::Signature));
        }
    }

    #[test]
    fn what_is_no_point_of_the_curve_is_refused() {
        let mut off = vec![4; 65];
        for bad in [&[][..], &[4], &off, &[0; 65]] {
            assert!(matches!(P256Key::from_point(bad), Err(KeyError::UnusableKey(_))));
        }
        off.push(0);
        assert!(P256Key::from_point(&off).is_err());
        assert!(matches!(P256Key::of_certificate(b"none"), Err(KeyError::Malformed(_))));
    }
}
