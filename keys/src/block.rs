//! One block of AES-128 (FIPS 197), as tokens encrypt what they say of themselves. Nothing of ours is protected by it: values
//! at rest are sealed ([`crate::seal`]).

use openssl::symm::{Cipher, Crypter, Mode};
use zeroize::Zeroizing;

use crate::KeyError;

/// Bytes of a block, and of its key.
pub const BLOCK: usize = 16;

/// Encrypts a block.
///
/// # Errors
/// [`KeyError::Crypto`] when the library fails.
pub fn encrypt_block(key: &[u8; BLOCK], block: &[u8; BLOCK]) -> Result<Zeroizing<[u8; BLOCK]>, KeyError> {
    run(Mode::Encrypt, key, block)
}

/// Decrypts a block.
///
/// # Errors
/// [`KeyError::Crypto`] when the library fails.
pub fn decrypt_block(key: &[u8; BLOCK], block: &[u8; BLOCK]) -> Result<Zeroizing<[u8; BLOCK]>, KeyError> {
    run(Mode::Decrypt, key, block)
}

fn run(mode: Mode, key: &[u8; BLOCK], block: &[u8; BLOCK]) -> Result<Zeroizing<[u8; BLOCK]>, KeyError> {
    let mut crypter = Crypter::new(Cipher::aes_128_ecb(), mode, key, None)?;
    crypter.pad(false);
    // The library wants room for one block more than it writes.
    let mut written = Zeroizing::new([0; 2 * BLOCK]);
    crypter.update(block, &mut *written)?;
    let mut done = Zeroizing::new([0; BLOCK]);
    let Some(first) = written.first_chunk::<BLOCK>() else {
        return Err(KeyError::Crypto("no block came out".to_owned()));
    };
    done.copy_from_slice(first);
    Ok(done)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// FIPS 197 appendix C.1.
    #[test]
    fn the_vector_of_fips_197_holds_both_ways() {
        let key: [u8; 16] = std::array::from_fn(|i| u8::try_from(i).unwrap());
        let plain: [u8; 16] = std::array::from_fn(|i| u8::try_from(i * 17).unwrap());
        let cipher =
            [0x69, 0xc4, 0xe0, 0xd8, 0x6a, 0x7b, 0x04, 0x30, 0xd8, 0xcd, 0xb7, 0x80, 0x70, 0xb4, 0xc5, 0x5a];
        assert_eq!(*encrypt_block(&key, &plain).unwrap(), cipher);
        assert_eq!(*decrypt_block(&key, &cipher).unwrap(), plain);
    }
}
