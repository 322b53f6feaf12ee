//! One hash of argon2id (RFC 9106), and stored hashes as PHC strings.

use argon2::{
    Algorithm, Argon2, Block, Params, Version,
    password_hash::phc::{Output, ParamsString, PasswordHash, Salt},
};
use zeroize::Zeroize;

use super::{super::imported_hash::Recipe, Verified};
use crate::{
    fault::Fault,
    secret::{Secret, constant_time_eq},
};

pub(super) const SALT_BYTES: usize = 16;
pub(super) const OUTPUT_BYTES: usize = 32;

/// Stored hashes that would cost more are not computed: an imported one must not stall the threads.
const MAX_STORED_MEMORY_KIB: u32 = 64 * 1024;
const MAX_STORED_ITERATIONS: u32 = 16;
const MAX_STORED_LANES: u32 = 16;

/// What new hashes are made with.
pub(super) struct Settings {
    pub(super) params: Params,
}

/// A stored hash, read.
pub(super) struct Stored {
    /// What is applied to the password first, if it was hashed elsewhere.
    pub(super) recipe: Option<Recipe>,
    algorithm: Algorithm,
    version: Version,
    params: Params,
    salt: Salt,
    output: Output,
}

impl Settings {
    /// Reads a PHC string; one that can't be used is logged and counts as no hash.
    pub(super) fn read(&self, phc: &Secret<String>) -> Option<Stored> {
        let stored = Stored::parse(phc.expose());
        let usable = stored.filter(|stored| {
            let params = &stored.params;
            params.m_cost() <= MAX_STORED_MEMORY_KIB.max(self.params.m_cost())
                && params.t_cost() <= MAX_STORED_ITERATIONS.max(self.params.t_cost())
                && params.p_cost() <= MAX_STORED_LANES.max(self.params.p_cost())
        });
        if usable.is_none() {
            tracing::warn!("a stored password hash can't be used: not argon2, or beyond the permitted cost");
        }
        usable
    }

    fn is_current(&self, stored: &Stored) -> bool {
        stored.recipe.is_none()
            && stored.algorithm == Algorithm::Argon2id
            && stored.version == Version::V0x13
            && stored.params.m_cost() == self.params.m_cost()
            && stored.params.t_cost() == self.params.t_cost()
            && stored.params.p_cost() == self.params.p_cost()
            && stored.output.len() == OUTPUT_BYTES
            && stored.salt.len() >= SALT_BYTES
    }
}

impl Stored {
    fn parse(text: &str) -> Option<Self> {
        let (recipe, phc) = Recipe::split(text).map_or((None, text), |(recipe, phc)| (Some(recipe), phc));
        let hash = PasswordHash::new(phc).ok()?;
        let params = Params::try_from(&hash).ok()?;
        // The key would be ours to know, and associated data is never written.
        if !params.keyid().is_empty() || !params.data().is_empty() {
            return None;
        }
        Some(Self {
            recipe,
            algorithm: Algorithm::try_from(hash.algorithm.as_str()).ok()?,
            version: hash.version.map_or(Some(Version::V0x13), |version| Version::try_from(version).ok())?,
            params,
            salt: hash.salt?,
            output: hash.hash?,
        })
    }
}

/// What is computed.
pub(super) enum Task {
    Verify { password: Secret<String>, stored: Box<Stored> },
    Pretend { password: Secret<String> },
    Hash { password: Secret<String>, salt: [u8; SALT_BYTES] },
}

/// What came of it.
pub(super) enum Answer {
    Verified(Verified),
    Hashed(Secret<String>),
}

/// Computes it, with memory that is reused.
pub(super) fn perform(task: &Task, settings: &Settings, memory: &mut Vec<Block>) -> Result<Answer, Fault> {
    let verified = |matches, needs_rehash| Ok(Answer::Verified(Verified { matches, needs_rehash }));
    match task {
        Task::Verify { password, stored } => {
            let argon = Argon2::new(stored.algorithm, stored.version, stored.params.clone());
            let yielded = stored.recipe.as_ref().map(|recipe| recipe.apply(password)).transpose();
            let yielded = yielded.map_err(crypto)?;
            let password = yielded.as_ref().unwrap_or(password);
            let mut output = compute(&argon, password, &stored.salt, stored.output.len(), memory)?;
            let matches = constant_time_eq(&output, stored.output.as_bytes());
            output.zeroize();
            give_back(memory, settings);
            verified(matches, matches && !settings.is_current(stored))
        }
        Task::Pretend { password } => {
            compute(&current(settings), password, &[0; SALT_BYTES], OUTPUT_BYTES, memory)?;
            verified(false, false)
        }
        Task::Hash { password, salt } => {
            let output = compute(&current(settings), password, salt, OUTPUT_BYTES, memory)?;
            let phc = PasswordHash {
                algorithm: Algorithm::Argon2id.ident(),
                version: Some(Version::V0x13.into()),
                params: ParamsString::try_from(&settings.params).map_err(crypto)?,
                salt: Some(Salt::new(salt).map_err(crypto)?),
                hash: Some(Output::new(&output).map_err(crypto)?),
            };
            Ok(Answer::Hashed(Secret::new(phc.to_string())))
        }
    }
}

fn current(settings: &Settings) -> Argon2<'static> {
    Argon2::new(Algorithm::Argon2id, Version::V0x13, settings.params.clone())
}

fn compute(
    argon: &Argon2<'_>,
    password: &Secret<String>,
    salt: &[u8],
    length: usize,
    memory: &mut Vec<Block>,
) -> Result<Vec<u8>, Fault> {
    let blocks = argon.params().block_count();
    if memory.len() < blocks {
        memory.resize(blocks, Block::new());
    }
    let mut output = vec![0; length];
    argon
        .hash_password_into_with_memory(
            password.expose().as_bytes(),
            salt,
            &mut output,
            memory.as_mut_slice(),
        )
        .map_err(crypto)?;
    Ok(output)
}

/// A stored hash with larger parameters leaves no larger memory behind.
fn give_back(memory: &mut Vec<Block>, settings: &Settings) {
    let usual = settings.params.block_count();
    if memory.len() > usual {
        memory.truncate(usual);
        memory.shrink_to_fit();
    }
}

fn crypto(error: impl std::fmt::Display) -> Fault {
    Fault::Crypto(error.to_string())
}
