//! Passwords at rest: argon2id (RFC 9106) as PHC strings, computed on threads of their own.
//!
//! A hash costs milliseconds of a core and megabytes by design, so it never runs on the async threads: a fixed
//! number of low-priority threads take jobs from a bounded queue, each with memory that it reuses. What does
//! not fit in the queue, or does not start in time, is refused as [`Busy`]. A caller who goes away takes the
//! job along, unless it is being computed already.
//!
//! Every verification costs the same, whether or not there is a hash to compare with, so that the time tells
//! nothing about the user.

mod argon;
mod queue;

use std::{
    sync::Arc,
    thread,
    time::{Duration, Instant},
};

use argon2::Params;
use serde::Deserialize;
use tokio::sync::oneshot;
use unicode_normalization::UnicodeNormalization;

use self::{
    argon::{Answer, OUTPUT_BYTES, SALT_BYTES, Settings, Task},
    queue::{Job, Queue, work},
};
use super::imported_hash::ImportedHash;
use crate::{fault::Fault, ports::random::Random, secret::Secret};

/// The longest password, in bytes of UTF-8 as it was typed.
pub const MAX_PASSWORD_BYTES: usize = 1024;

/// How passwords are hashed.
#[derive(Clone, PartialEq, Eq, Debug, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct PasswordHashing {
    /// Memory of one hash in KiB (RFC 9106 §3.1 `m`).
    pub memory_kib: u32,
    /// Passes over the memory (`t`).
    pub iterations: u32,
    /// Lanes (`p`).
    pub lanes: u32,
    /// Hashes computed at a time; absent: one less than there are cores, at least one.
    pub permits: Option<usize>,
    /// Hashes that may wait.
    pub queue: usize,
}

impl Default for PasswordHashing {
    fn default() -> Self {
        Self { memory_kib: 19 * 1024, iterations: 2, lanes: 1, permits: None, queue: 128 }
    }
}

/// What a verification found.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Verified {
    /// Whether the password is the right one.
    pub matches: bool,
    /// Whether it is right and should be hashed again, because the stored hash has other parameters.
    pub needs_rehash: bool,
}

/// Too many passwords are waiting to be hashed; the caller may try again (429).
#[derive(Clone, Copy, PartialEq, Eq, Debug, thiserror::Error)]
#[error("too many passwords are waiting to be hashed")]
pub struct Busy;

/// Why a new password was not hashed.
#[derive(Clone, Copy, PartialEq, Eq, Debug, thiserror::Error)]
pub enum HashError {
    /// Too many are waiting.
    #[error(transparent)]
    Busy(#[from] Busy),
    /// The password is empty or longer than [`MAX_PASSWORD_BYTES`]: it could never be verified.
    #[error("the password is empty or too long")]
    Length,
}

/// Hashes and verifies passwords. Built once; dropping it ends its threads.
pub struct PasswordHasher {
    queue: Arc<Queue>,
    settings: Arc<Settings>,
    random: Arc<dyn Random>,
    max_wait: Duration,
}

impl PasswordHasher {
    /// Starts the threads.
    ///
    /// # Errors
    /// Argon2 does not permit the parameters (RFC 9106 §3.1), or a thread can't be started.
    pub fn new(hashing: &PasswordHashing, random: Arc<dyn Random>) -> Result<Self, Fault> {
        let params = Params::new(hashing.memory_kib, hashing.iterations, hashing.lanes, Some(OUTPUT_BYTES))
            .map_err(|error| Fault::Crypto(format!("argon2 parameters: {error}")))?;
        let settings = Arc::new(Settings { params });
        let queue = Arc::new(Queue::new(hashing.queue.max(1)));
        // Built before the threads: if one can't be started, dropping it ends the others.
        let hasher = Self { queue, settings, random, max_wait: MAX_WAIT };
        for _ in 0..hashing.permits.unwrap_or_else(spare_cores).max(1) {
            let (queue, settings) = (Arc::clone(&hasher.queue), Arc::clone(&hasher.settings));
            thread::Builder::new().name("argon2".to_owned()).spawn(move || work(&queue, &settings))?;
        }
        Ok(hasher)
    }

    /// Compares a password with a stored hash. Without a hash, or with one or a password that can't be used,
    /// it costs the same and does not match.
    ///
    /// # Errors
    /// The queue is full, or no thread was free for two seconds.
    pub async fn verify(
        &self,
        password: Secret<String>,
        phc: Option<Secret<String>>,
    ) -> Result<Verified, Busy> {
        let stored = phc.and_then(|phc| self.settings.read(&phc));
        let imported = stored.as_ref().is_some_and(|stored| stored.recipe.is_some());
        let password = if imported { usable(&password).cloned() } else { composed(&password) };
        let task = match (password, stored) {
            (Some(password), Some(stored)) => Task::Verify { password, stored: Box::new(stored) },
            (Some(password), None) => Task::Pretend { password },
            // An empty or endless password is not even looked at; something of usual size is hashed instead.
            (None, _) => Task::Pretend { password: Secret::new("correct horse battery".to_owned()) },
        };
        match self.run(task).await? {
            Answer::Verified(verified) => Ok(verified),
            Answer::Hashed(_) => Ok(Verified { matches: false, needs_rehash: false }),
        }
    }

    /// Hashes a new password with a fresh salt into a PHC string.
    ///
    /// # Errors
    /// The password has no usable length, the queue is full, or no thread was free for two seconds.
    pub async fn hash(&self, password: Secret<String>) -> Result<Secret<String>, HashError> {
        let password = composed(&password).ok_or(HashError::Length)?;
        let mut salt = [0_u8; SALT_BYTES];
        self.random.fill(&mut salt);
        match self.run(Task::Hash { password, salt }).await? {
            Answer::Hashed(phc) => Ok(phc),
            Answer::Verified(_) => Err(Busy.into()),
        }
    }

    /// Hashes what another system made of a password, so that nothing but the recipe is kept of it.
    ///
    /// # Errors
    /// The queue is full, or no thread was free for two seconds.
    pub async fn import(&self, imported: &ImportedHash) -> Result<Secret<String>, HashError> {
        let phc = self.hash(imported.yielded.clone()).await?;
        Ok(Secret::new(format!("{}{}", imported.recipe, phc.expose())))
    }

    async fn run(&self, task: Task) -> Result<Answer, Busy> {
        let (started, has_started) = oneshot::channel();
        let (answer, answered) = oneshot::channel();
        self.queue.push(Job { task, started, answer, queued_at: Instant::now() })?;
        // The wait is limited, not the work: what has begun is worth its answer.
        let Ok(Ok(())) = tokio::time::timeout(self.max_wait, has_started).await else { return Err(Busy) };
        answered.await.map_err(|_| Busy)
    }
}

impl Drop for PasswordHasher {
    fn drop(&mut self) {
        self.queue.close();
    }
}

/// A password whose length is usable at all.
fn usable(password: &Secret<String>) -> Option<&Secret<String>> {
    Some(password).filter(|password| (1..=MAX_PASSWORD_BYTES).contains(&password.expose().len()))
}

/// NFC (RFC 8265 §4.2.2), if the length is usable at all.
fn composed(password: &Secret<String>) -> Option<Secret<String>> {
    let typed = usable(password)?.expose();
    // NFC grows text to three times its bytes at most: no reallocation leaves a copy behind.
    let mut composed = String::with_capacity(3 * typed.len());
    composed.extend(typed.nfc());
    Some(Secret::new(composed))
}

fn spare_cores() -> usize {
    thread::available_parallelism().map_or(1, |cores| cores.get().saturating_sub(1))
}

const MAX_WAIT: Duration = Duration::from_secs(2);
#[cfg(test)]
mod tests {
    use super::*;
    use crate::ports::random::SystemRandom;

    fn cheap() -> PasswordHashing {
        PasswordHashing { memory_kib: 64, iterations: 1, lanes: 1, permits: Some(1), queue: 4 }
    }

    fn hasher(hashing: &PasswordHashing) -> PasswordHasher {
        PasswordHasher::new(hashing, Arc::new(SystemRandom)).unwrap()
    }

    fn secret(text: &str) -> Secret<String> {
        Secret::new(text.to_owned())
    }

    const RIGHT: Verified = Verified { matches: true, needs_rehash: false };
    const WRONG: Verified = Verified { matches: false, needs_rehash: false };

    #[tokio::test]
    async fn a_password_matches_its_own_hash_only() {
        let hasher = hasher(&cheap());
        let phc = hasher.hash(secret("Tr0ubador")).await.unwrap();
        assert!(phc.expose().starts_with("$argon2id$v=19$m=64,t=1,p=1$"));
        let verify = |password| hasher.verify(secret(password), Some(phc.clone()));
        assert_eq!(verify("Tr0ubador").await, Ok(RIGHT));
        assert_eq!(verify("tr0ubador").await, Ok(WRONG));
        assert_eq!(verify("Tr0ubador ").await, Ok(WRONG));
        let again = hasher.hash(secret("Tr0ubador")).await.unwrap();
        assert_ne!(phc.expose(), again.expose());
    }

    #[tokio::test]
    async fn the_hash_is_the_one_that_the_argon2_crate_writes() {
        use argon2::{Argon2, PasswordVerifier, password_hash::phc::PasswordHash};
        let phc = hasher(&cheap()).hash(secret("Tr0ubador")).await.unwrap();
        let parsed = PasswordHash::new(phc.expose()).unwrap();
        assert!(Argon2::default().verify_password(b"Tr0ubador", &parsed).is_ok());
    }

    #[tokio::test]
    async fn a_password_may_be_typed_composed_or_decomposed() {
        let hasher = hasher(&cheap());
        let phc = hasher.hash(secret("Zoe\u{308}Password1")).await.unwrap();
        assert_eq!(hasher.verify(secret("Zo\u{eb}Password1"), Some(phc)).await, Ok(RIGHT));
    }

    #[tokio::test]
    async fn sec_m01_what_cannot_match_is_hashed_all_the_same() {
        let hasher = hasher(&cheap());
        let phc = hasher.hash(secret("Tr0ubador")).await.unwrap();
        let endless = "x".repeat(10 * 1024);
        for (password, stored) in [
            ("Tr0ubador", None),
            ("", Some(phc.clone())),
            ("", None),
            (endless.as_str(), Some(phc)),
            ("Tr0ubador", Some(secret("not a hash"))),
            ("Tr0ubador", Some(secret("$argon2id$v=19$m=4294967295,t=2,p=1$c2FsdHNhbHQ$aGFzaGhhc2hoYXNo"))),
            ("Tr0ubador", Some(secret("$argon2id$v=19$m=64,t=1,p=1$c2FsdHNhbHQ"))),
        ] {
            assert_eq!(hasher.verify(secret(password), stored).await, Ok(WRONG));
        }
        assert_eq!(hasher.hash(secret("")).await.unwrap_err(), HashError::Length);
        assert_eq!(hasher.hash(secret(&endless)).await.unwrap_err(), HashError::Length);
        assert!(hasher.hash(secret(&"x".repeat(MAX_PASSWORD_BYTES))).await.is_ok());
    }

    #[tokio::test]
    async fn a_hash_with_other_parameters_matches_and_asks_for_a_new_one() {
        let current = hasher(&cheap());
        for other in [
            PasswordHashing { memory_kib: 128, ..cheap() },
            PasswordHashing { iterations: 2, ..cheap() },
            PasswordHashing { lanes: 2, ..cheap() },
        ] {
            let phc = hasher(&other).hash(secret("Tr0ubador")).await.unwrap();
            let verified = current.verify(secret("Tr0ubador"), Some(phc.clone())).await;
            assert_eq!(verified, Ok(Verified { matches: true, needs_rehash: true }));
            assert_eq!(current.verify(secret("wrong"), Some(phc)).await, Ok(WRONG));
        }
    }

    #[tokio::test]
    async fn sec_n01_beyond_the_queue_a_caller_is_told_at_once() {
        // One thread, slow enough to be still at the first job when the others arrive.
        let hashing = PasswordHashing { memory_kib: 32 * 1024, iterations: 4, queue: 2, ..cheap() };
        let hasher = hasher(&hashing);
        let attempts = (0..8).map(|_| hasher.verify(secret("x"), None));
        let answers = futures_util::future::join_all(attempts).await;
        let busy = answers.iter().filter(|answer| **answer == Err(Busy)).count();
        assert!((5..=6).contains(&busy), "{busy} of 8 were refused");
    }

    #[tokio::test]
    async fn a_caller_whose_job_does_not_start_in_time_is_told() {
        let params = Params::new(64, 1, 1, Some(OUTPUT_BYTES)).unwrap();
        // No thread takes from this queue.
        let hasher = PasswordHasher {
            queue: Arc::new(Queue::new(4)),
            settings: Arc::new(Settings { params }),
            random: Arc::new(SystemRandom),
            max_wait: Duration::from_millis(10),
        };
        assert_eq!(hasher.verify(secret("x"), None).await, Err(Busy));
    }

    #[test]
    fn parameters_that_argon2_does_not_permit_are_refused() {
        let hashing = PasswordHashing { memory_kib: 1, ..cheap() };
        assert!(PasswordHasher::new(&hashing, Arc::new(SystemRandom)).is_err());
    }
}
