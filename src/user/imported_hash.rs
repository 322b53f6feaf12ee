//! Passwords that were hashed elsewhere (Okta `credentials.password.hash`): how the other system made the hash, so that the
//! user signs in with the known password, which is then hashed as all others are.
//!
//! A foreign hash is never kept as it came, since a stolen MD5 is as good as its password: what is stored is the recipe and
//! the argon2id hash of what the recipe yields. So a verification costs what every other one costs, and the recipe's own work
//! besides: until the first sign-in, the time that a wrong password takes tells of a bcrypt or PBKDF2 hash that there is one.

use base64::{
    Engine,
    alphabet::BCRYPT,
    engine::{DecodePaddingMode, GeneralPurpose, GeneralPurposeConfig, general_purpose::STANDARD},
};
use keys::{Digest, KeyError};
use serde::{Deserialize, Serialize};
use zeroize::Zeroizing;

use crate::{protocol::wire_enum::wire_enum, secret::Secret};

/// The work of a hash that is still accepted: an import must not buy the time of everybody's sign-ins. Okta permits bcrypt
/// up to 20, a minute for each guess.
const BCRYPT_COST: std::ops::RangeInclusive<u32> = 4..=14;
/// From Okta's fewest iterations to about as much work as the highest cost of bcrypt.
const PBKDF2_ITERATIONS: std::ops::RangeInclusive<u32> = 4_096..=1_000_000;
/// Bytes of a key that PBKDF2 derived.
const KEY_SIZE: std::ops::RangeInclusive<usize> = 16..=512;
/// The longest salt in bytes.
const MAX_SALT: usize = 256;
/// The longest text of a member.
const MAX_TEXT: usize = 1024;
/// bcrypt looks at no more of a password, the zero behind it included.
const BCRYPT_BYTES: usize = 72;

wire_enum! {
    /// The function (Okta `algorithm`).
    Algorithm {
        /// bcrypt.
        Bcrypt = "BCRYPT",
        /// SHA-512.
        Sha512 = "SHA-512",
        /// SHA-256.
        Sha256 = "SHA-256",
        /// SHA-1.
        Sha1 = "SHA-1",
        /// MD5.
        Md5 = "MD5",
        /// PBKDF2 (RFC 8018 §5.2).
        Pbkdf2 = "PBKDF2",
    }
}

wire_enum! {
    /// On which side of the password the salt was (Okta `saltOrder`).
    SaltOrder {
        /// Before it.
        Prefix = "PREFIX",
        /// Behind it.
        Postfix = "POSTFIX",
    }
}

wire_enum! {
    /// The HMAC of PBKDF2 (Okta `digestAlgorithm`).
    DigestAlgorithm {
        /// HMAC-SHA-256.
        Sha256 = "SHA256_HMAC",
        /// HMAC-SHA-512.
        Sha512 = "SHA512_HMAC",
    }
}

impl DigestAlgorithm {
    fn digest(self) -> Digest {
        match self {
            Self::Sha256 => Digest::Sha256,
            Self::Sha512 => Digest::Sha512,
        }
    }
}

/// A hash as Okta's Users API writes it.
#[derive(Clone, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct PasswordHash {
    /// The function.
    pub algorithm: Algorithm,
    /// The hash: radix-64 for bcrypt, base64 for all others.
    pub value: String,
    /// The salt, written like the value.
    pub salt: Option<String>,
    /// Where it was; of salted digests.
    pub salt_order: Option<SaltOrder>,
    /// The cost of bcrypt.
    pub work_factor: Option<u32>,
    /// The iterations of PBKDF2.
    pub iteration_count: Option<u32>,
    /// The bytes that PBKDF2 derived.
    pub key_size: Option<usize>,
    /// The HMAC of PBKDF2.
    pub digest_algorithm: Option<DigestAlgorithm>,
}

/// A member that is missing or wrong.
#[derive(Clone, PartialEq, Eq, Debug, thiserror::Error)]
#[error("{member}: {problem}")]
pub struct ImportError {
    /// The member, as Okta names it.
    pub member: &'static str,
    /// What is wrong with it.
    pub problem: String,
}

fn refuse<T>(member: &'static str, problem: impl Into<String>) -> Result<T, ImportError> {
    Err(ImportError { member, problem: problem.into() })
}

/// How a hash is made of a password.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub enum Recipe {
    /// bcrypt with cost and salt.
    Bcrypt {
        /// The logarithm of the rounds.
        cost: u32,
        /// The salt.
        salt: [u8; 16],
    },
    /// A digest of password and salt.
    Digest {
        /// The function.
        function: Digest,
        /// The salt, which may be empty.
        salt: Vec<u8>,
        /// Where it is.
        order: SaltOrder,
    },
    /// PBKDF2.
    Pbkdf2 {
        /// The function of the HMAC.
        function: Digest,
        /// The salt.
        salt: Vec<u8>,
        /// The iterations.
        iterations: u32,
        /// The bytes of the key that are compared.
        compared: usize,
    },
}

/// A foreign hash that was read.
#[derive(Clone, Debug)]
pub struct ImportedHash {
    /// What is stored in front of the argon2id hash of what the recipe yielded; see [`Recipe::split`].
    pub recipe: String,
    /// What the recipe yielded of the password, as [`Recipe::apply`] writes it.
    pub yielded: Secret<String>,
}

impl ImportedHash {
    fn new(recipe: &Recipe, yielded: &[u8]) -> Result<Self, ImportError> {
        match serde_json::to_string(recipe) {
            Ok(json) => {
                Ok(Self { recipe: format!("{MARK}{}", STANDARD.encode(json)), yielded: written(yielded) })
            }
            Err(error) => refuse("algorithm", error.to_string()),
        }
    }
}

impl TryFrom<PasswordHash> for ImportedHash {
    type Error = ImportError;

    fn try_from(hash: PasswordHash) -> Result<Self, ImportError> {
        match hash.algorithm {
            Algorithm::Bcrypt => of_bcrypt(&hash),
            Algorithm::Sha512 => of_digest(&hash, Digest::Sha512),
            Algorithm::Sha256 => of_digest(&hash, Digest::Sha256),
            Algorithm::Sha1 => of_digest(&hash, Digest::Sha1),
            Algorithm::Md5 => of_digest(&hash, Digest::Md5),
            Algorithm::Pbkdf2 => of_pbkdf2(&hash),
        }
    }
}

/// bcrypt's own base64; the bits that the last character has too many are whatever the other system left there.
const RADIX_64: GeneralPurpose = GeneralPurpose::new(
    &BCRYPT,
    GeneralPurposeConfig::new()
        .with_decode_padding_mode(DecodePaddingMode::RequireNone)
        .with_decode_allow_trailing_bits(true),
);

fn bytes(
    member: &'static str,
    text: &str,
    alphabet: &GeneralPurpose,
) -> Result<Zeroizing<Vec<u8>>, ImportError> {
    let decoded = if text.len() <= MAX_TEXT { alphabet.decode(text).ok() } else { None };
    decoded
        .map(Zeroizing::new)
        .ok_or_else(|| ImportError { member, problem: "is not encoded as its algorithm asks for".to_owned() })
}

fn of_bcrypt(hash: &PasswordHash) -> Result<ImportedHash, ImportError> {
    let Some(cost) = hash.work_factor.filter(|cost| BCRYPT_COST.contains(cost)) else {
        return refuse("workFactor", format!("from {} to {}", BCRYPT_COST.start(), BCRYPT_COST.end()));
    };
    let salt = bytes("salt", hash.salt.as_deref().unwrap_or_default(), &RADIX_64)?;
    let Ok(salt) = <[u8; 16]>::try_from(salt.as_slice()) else {
        return refuse("salt", "has 22 characters");
    };
    let value = bytes("value", &hash.value, &RADIX_64)?;
    if value.len() != BCRYPT_OUTPUT {
        return refuse("value", "has 31 characters");
    }
    ImportedHash::new(&Recipe::Bcrypt { cost, salt }, &value)
}

/// Bytes that bcrypt's implementations write of the 24 it yields.
const BCRYPT_OUTPUT: usize = 23;

fn of_digest(hash: &PasswordHash, function: Digest) -> Result<ImportedHash, ImportError> {
    let value = bytes("value", &hash.value, &STANDARD)?;
    if value.len() != function.size() {
        return refuse("value", format!("has {} bytes", function.size()));
    }
    let salt = bytes("salt", hash.salt.as_deref().unwrap_or_default(), &STANDARD)?;
    let order = match hash.salt_order {
        Some(order) => order,
        None if salt.is_empty() => SaltOrder::Prefix,
        None => return refuse("saltOrder", "must be PREFIX or POSTFIX"),
    };
    ImportedHash::new(&Recipe::Digest { function, salt: bounded(&salt)?, order }, &value)
}

fn of_pbkdf2(hash: &PasswordHash) -> Result<ImportedHash, ImportError> {
    let Some(algorithm) = hash.digest_algorithm else {
        return refuse("digestAlgorithm", "must be SHA256_HMAC or SHA512_HMAC");
    };
    let Some(iterations) = hash.iteration_count.filter(|count| PBKDF2_ITERATIONS.contains(count)) else {
        let (fewest, most) = (PBKDF2_ITERATIONS.start(), PBKDF2_ITERATIONS.end());
        return refuse("iterationCount", format!("from {fewest} to {most}"));
    };
    let salt = bytes("salt", hash.salt.as_deref().unwrap_or_default(), &STANDARD)?;
    if salt.is_empty() {
        return refuse("salt", "is required");
    }
    let value = bytes("value", &hash.value, &STANDARD)?;
    if hash.key_size != Some(value.len()) || !KEY_SIZE.contains(&value.len()) {
        return refuse("keySize", "must be the bytes of the value, from 16 to 512");
    }
    // The first block decides: longer keys cost no more.
    let function = algorithm.digest();
    let compared = value.len().min(function.size());
    let recipe = Recipe::Pbkdf2 { function, salt: bounded(&salt)?, iterations, compared };
    ImportedHash::new(&recipe, value.get(..compared).unwrap_or_default())
}

fn bounded(salt: &[u8]) -> Result<Vec<u8>, ImportError> {
    if salt.len() <= MAX_SALT { Ok(salt.to_vec()) } else { refuse("salt", "is too long") }
}

fn written(yielded: &[u8]) -> Secret<String> {
    Secret::new(STANDARD.encode(yielded))
}

impl Recipe {
    /// What it yields of a password as it was typed: no system composes what it hashes. Takes as long as the recipe is slow.
    ///
    /// # Errors
    /// The library does not offer the function.
    pub fn apply(&self, password: &Secret<String>) -> Result<Secret<String>, KeyError> {
        let password = password.expose().as_bytes();
        match self {
            Self::Bcrypt { cost, salt } => {
                let looked_at = password.iter().copied().chain([0]).take(BCRYPT_BYTES);
                let looked_at: Zeroizing<Vec<u8>> = Zeroizing::new(looked_at.collect());
                let cost = (*cost).min(*BCRYPT_COST.end());
                let output = Zeroizing::new(bcrypt::bcrypt(cost, *salt, &looked_at));
                Ok(written(output.get(..BCRYPT_OUTPUT).unwrap_or_default()))
            }
            Self::Digest { function, salt, order } => {
                let parts = match order {
                    SaltOrder::Prefix => [salt.as_slice(), password],
                    SaltOrder::Postfix => [password, salt.as_slice()],
                };
                Ok(written(&function.of(&parts)?))
            }
            Self::Pbkdf2 { function, salt, iterations, compared } => {
                let iterations = (*iterations).min(*PBKDF2_ITERATIONS.end());
                let block = function.pbkdf2(password, salt, iterations)?;
                Ok(written(block.get(..*compared).unwrap_or_default()))
            }
        }
    }

    /// Takes the recipe off a stored hash; absent: it has none.
    pub fn split(stored: &str) -> Option<(Self, &str)> {
        let rest = stored.strip_prefix(MARK)?;
        let (recipe, hash) = rest.split_at_checked(rest.find('$')?)?;
        Some((serde_json::from_slice(&STANDARD.decode(recipe).ok()?).ok()?, hash))
    }
}

/// What stored hashes with a recipe begin with.
const MARK: &str = "$imported$";

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;

    fn read(document: &Value) -> Result<ImportedHash, ImportError> {
        serde_json::from_value::<PasswordHash>(document.clone()).unwrap().try_into()
    }

    fn yields(document: &Value, password: &str) -> bool {
        let hash = read(document).unwrap();
        let stored = format!("{}$argon2id$", hash.recipe);
        let (recipe, rest) = Recipe::split(&stored).unwrap();
        assert_eq!(rest, "$argon2id$");
        recipe.apply(&Secret::new(password.to_owned())).unwrap() == hash.yielded
    }

    const SALT: &str = "cm9zZW1hcnktYW5kLXRoeW1l";
    const RADIX_SALT: &str = "rwh3vH66nP9BrJGDSwR6Le";

    /// All values were made by other implementations.
    #[test]
    fn each_recipe_yields_what_others_made() {
        let bcrypt =
            |value: &str| json!({"algorithm": "BCRYPT", "workFactor": 4, "salt": RADIX_SALT, "value": value});
        let long = "x".repeat(80);
        for (value, password) in [
            // Nothing behind 72 bytes counts.
            ("4JbtBATgta8B/S/r014p7hRK2TgBAYi", long.as_str()),
            ("4JbtBATgta8B/S/r014p7hRK2TgBAYi", &long[..72]),
            ("he5emcwuGcQhWc9AOdgOM46/pcbXZni", "Tlpwnd0s-Zo\u{eb}"),
        ] {
            assert!(yields(&bcrypt(value), password), "{password}");
            assert!(!yields(&bcrypt(value), &password[..8]), "{password}");
        }
        let pbkdf2 = |digest: &str, size: usize, value: &str| {
            json!({
                "algorithm": "PBKDF2", "digestAlgorithm": digest, "iterationCount": 4096, "keySize": size,
                "salt": SALT, "value": value,
            })
        };
        for hash in [
            json!({"algorithm": "MD5", "value": "r9mmbGKQfEo0PoNSIkTzGg=="}),
            json!({"algorithm": "MD5", "salt": SALT, "saltOrder": "PREFIX", "value": "H7ClfEk4zeklj7JHd0tnOw=="}),
            json!({"algorithm": "MD5", "salt": SALT, "saltOrder": "POSTFIX", "value": "ZirG1l72CvyOwvwFx8Q0pg=="}),
            json!({"algorithm": "SHA-1", "salt": SALT, "saltOrder": "PREFIX", "value": "KGk7daM5mYcAZwBlRPaBdqqSYXw="}),
            json!({
                "algorithm": "SHA-256", "salt": SALT, "saltOrder": "POSTFIX",
                "value": "o2swScXyC5b4Hkba+ZWS4WY/2KtnHvW3VTHt9hXjhqQ=",
            }),
            json!({
                "algorithm": "SHA-512", "salt": SALT, "saltOrder": "POSTFIX",
                "value": "gRgCLlDsvS7DKaZbCU7l5K1IOJHKMoDw677av3+Wi3+Q1HA9abQvQJvidYSoBGEVoZXRHcMXbuKtWhjcbEbFVw==",
            }),
            pbkdf2("SHA256_HMAC", 32, "bZWcGsw5BRrk0gp6w3QAhW1zRsEZRfDzz5MjWxFFXN4="),
            pbkdf2("SHA256_HMAC", 48, "bZWcGsw5BRrk0gp6w3QAhW1zRsEZRfDzz5MjWxFFXN5pOxkptm+1vA28attTDvxR"),
            pbkdf2(
                "SHA512_HMAC",
                64,
                "SE1Za0MM4vJXBk2X4qq8jOLSMI0WZuPwiEEvAY3LswlhZXGPHpx+V74uIWZDJn+W1fmDATMZuT38XgYHH8Rf+g==",
            ),
        ] {
            assert!(yields(&hash, "Tlpwnd0s-Xy7"), "{hash}");
            assert!(!yields(&hash, "Tlpwnd0s-Xy8"), "{hash}");
        }
    }

    /// Work is bounded, and what is missing is named.
    #[test]
    fn what_costs_too_much_or_lacks_something_is_refused() {
        let bcrypt = |member: &str, value: Value| {
            let value_31 = "HuaSbaw0n9qmqHDqR0J3PxYS1UFcIpS";
            let mut hash =
                json!({"algorithm": "BCRYPT", "workFactor": 6, "salt": RADIX_SALT, "value": value_31});
            hash[member] = value;
            hash
        };
        let pbkdf2 = |member: &str, value: Value| {
            let mut hash = json!({
                "algorithm": "PBKDF2", "digestAlgorithm": "SHA256_HMAC", "iterationCount": 4096, "keySize": 32,
                "salt": SALT, "value": "bZWcGsw5BRrk0gp6w3QAhW1zRsEZRfDzz5MjWxFFXN4=",
            });
            hash[member] = value;
            hash
        };
        for (hash, member) in [
            (bcrypt("workFactor", json!(15)), "workFactor"),
            (bcrypt("workFactor", json!(3)), "workFactor"),
            (bcrypt("workFactor", Value::Null), "workFactor"),
            (bcrypt("salt", json!("x")), "salt"),
            (bcrypt("salt", Value::Null), "salt"),
            (bcrypt("value", json!("y")), "value"),
            (pbkdf2("iterationCount", json!(1_000_001)), "iterationCount"),
            (pbkdf2("iterationCount", json!(4_095)), "iterationCount"),
            (pbkdf2("keySize", json!(33)), "keySize"),
            (pbkdf2("digestAlgorithm", Value::Null), "digestAlgorithm"),
            (pbkdf2("salt", Value::Null), "salt"),
            (pbkdf2("salt", json!("A".repeat(400))), "salt"),
            (json!({"algorithm": "MD5", "value": "AAAA"}), "value"),
            (json!({"algorithm": "MD5", "value": "r9mmbGKQfEo0PoNSIkTzGg==", "salt": SALT}), "saltOrder"),
            (json!({"algorithm": "SHA-1", "value": "x".repeat(5000)}), "value"),
        ] {
            assert_eq!(read(&hash).unwrap_err().member, member, "{hash}");
        }
        assert!(read(&bcrypt("workFactor", json!(14))).is_ok());
        assert!(Recipe::split("$argon2id$v=19$m=64,t=1,p=1$c2FsdA$aGFzaA").is_none());
    }
}
