//! The signing keys of an authorization server: kept in rotation, rotated on demand, revoked in an emergency.
//!
//! What is due is decided purely by [`keys::rotation`]; here the decision is carried out by compare-and-swap, so that
//! two nodes that rotate at once leave one active key. Keys are made outside the transaction.

use keys::{
    Aad, Algorithm, Change, KeyRecord, KeyState, MasterKey, RotationPolicy, SigningKey, Timing, rotation,
};
use time::{Duration, OffsetDateTime};

use crate::{
    app::App,
    fault::Fault,
    id::AuthorizationServerId,
    store::{self, db::Tx, signing_key::StoredKey},
    syslog::{Caller, Event, EventType},
};

/// The longest lifetime that any token may be given: a day, the upper end of access-token lifetimes.
pub const LONGEST_TOKEN_LIFETIME: Duration = Duration::DAY;

/// The usual rhythm of rotation. A node that has not noticed a new key yet may serve the JWK Set without it a moment
/// longer, so a key is published for the cache time and the skew before it signs.
pub fn rotation_policy(clock_skew: Duration) -> RotationPolicy {
    let policy = RotationPolicy::new(LONGEST_TOKEN_LIFETIME, clock_skew);
    RotationPolicy { jwks_cache: policy.jwks_cache + clock_skew, ..policy }
}

/// Where the private half of a key is sealed to.
fn aad(kid: &str) -> Aad<'_> {
    Aad { table: "signing_key", column: "private_key", row: kid }
}

/// Unseals a key for signing.
///
/// # Errors
/// The master key is another one, or the row was tampered with.
pub fn unseal(master: &MasterKey, stored: &StoredKey) -> Result<SigningKey, Fault> {
    let private = master.open(&aad(&stored.record.kid), &stored.sealed_private).map_err(crypto)?;
    let text = std::str::from_utf8(&private).map_err(Fault::stored)?;
    SigningKey::from_private_jwk(text).map_err(crypto)
}

#[expect(clippy::needless_pass_by_value, reason = "for `map_err`")]
fn crypto(error: keys::KeyError) -> Fault {
    Fault::Crypto(error.to_string())
}

/// Why a key could not be revoked.
#[derive(Debug, thiserror::Error)]
pub enum RevokeError {
    /// There is no such key.
    #[error("no published key has this kid")]
    UnknownKey,
    /// No verdict was reached.
    #[error(transparent)]
    Fault(#[from] Fault),
}

/// Carries out what is due for every configured algorithm. Returns whether anything changed.
///
/// # Errors
/// The database or a key operation failed.
pub async fn maintain(
    app: &App,
    server: &AuthorizationServerId,
    algorithms: &[Algorithm],
) -> Result<bool, Fault> {
    let policy = &app.settings.keys.rotation;
    let mut changed = false;
    for &algorithm in algorithms {
        let ring = Ring { server, algorithm, proviso: Proviso::None };
        changed |= carry_out(app, ring, |ring, now| rotation::plan(ring, now, policy)).await?;
    }
    Ok(changed)
}

/// Takes keys out of use whose algorithm is configured no more: they sign nothing from now on, and stay published until
/// the last token that they signed is dead. Returns whether anything changed.
///
/// # Errors
/// The database or a key operation failed.
pub async fn phase_out(
    app: &App,
    server: &AuthorizationServerId,
    configured: &[Algorithm],
) -> Result<bool, Fault> {
    let policy = &app.settings.keys.rotation;
    let mut unused: Vec<Algorithm> = Vec::new();
    for key in store::signing_key::list(&app.db, server).await? {
        let algorithm = key.record.algorithm;
        if !configured.contains(&algorithm) && !unused.contains(&algorithm) {
            unused.push(algorithm);
        }
    }
    let mut changed = false;
    for algorithm in unused {
        let ring = Ring { server, algorithm, proviso: Proviso::Unconfigured };
        changed |= carry_out(app, ring, |ring, now| rotation::phase_out(ring, now, policy)).await?;
    }
    Ok(changed)
}

/// Rotates ahead of the plan.
///
/// # Errors
/// The database or a key operation failed.
pub async fn rotate(
    app: &App,
    server: &AuthorizationServerId,
    algorithm: Algorithm,
    timing: Timing,
) -> Result<bool, Fault> {
    let policy = &app.settings.keys.rotation;
    let ring = Ring { server, algorithm, proviso: Proviso::None };
    carry_out(app, ring, |ring, now| rotation::rotate_on_demand(ring, now, policy, timing)).await
}

/// Revokes a key in an emergency: it leaves the JWK Set at once.
///
/// # Errors
/// [`RevokeError::UnknownKey`], or a fault.
pub async fn revoke(app: &App, server: &AuthorizationServerId, kid: &str) -> Result<(), RevokeError> {
    let keys = store::signing_key::list(&app.db, server).await?;
    let algorithm =
        keys.iter().find(|key| key.record.kid == kid).ok_or(RevokeError::UnknownKey)?.record.algorithm;
    let ring = Ring { server, algorithm, proviso: Proviso::None };
    carry_out(app, ring, |ring, _| rotation::revoke(ring, kid)).await?;
    Ok(())
}

/// Attempts when other nodes change the same ring.
const ATTEMPTS: u32 = 5;

/// The keys of one server and one algorithm.
#[derive(Clone, Copy)]
struct Ring<'a> {
    server: &'a AuthorizationServerId,
    algorithm: Algorithm,
    proviso: Proviso,
}

/// What must hold when a change is written.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Proviso {
    /// Nothing beside the ring being what was looked at.
    None,
    /// The server is not configured for the algorithm: it may be again since somebody looked.
    Unconfigured,
}

impl Proviso {
    async fn holds(
        self,
        tx: &Tx,
        server: &AuthorizationServerId,
        algorithm: Algorithm,
    ) -> Result<bool, Fault> {
        match self {
            Self::None => Ok(true),
            Self::Unconfigured => {
                let config = store::server::find_in(tx, server).await?;
                Ok(config
                    .is_none_or(|config| !config.server.settings.signing_algorithms.contains(&algorithm)))
            }
        }
    }
}

async fn carry_out(
    app: &App,
    Ring { server, algorithm, proviso }: Ring<'_>,
    decide: impl Fn(&[KeyRecord], OffsetDateTime) -> Vec<Change>,
) -> Result<bool, Fault> {
    let mut fault = Fault::Overloaded("another node keeps changing the same keys");
    for _ in 0..ATTEMPTS {
        let now = app.now();
        let ring = ring_of(&store::signing_key::list(&app.db, server).await?, algorithm);
        let changes = decide(&ring, now);
        if changes.is_empty() {
            return Ok(false);
        }
        let fresh = if changes.iter().any(|change| matches!(change, Change::Create { .. })) {
            Some(generate(algorithm).await?)
        } else {
            None
        };
        let tx = app.db.begin_write().await?;
        if ring_of(&store::signing_key::list_in(&tx, server).await?, algorithm) != ring {
            continue;
        }
        if !proviso.holds(&tx, server, algorithm).await? {
            return Ok(false);
        }
        match write(app, &tx, server, Due { ring: &ring, changes: &changes, fresh, now }).await {
            Ok(true) => match tx.commit().await {
                Ok(()) => {
                    app.forget_configuration();
                    return Ok(true);
                }
                Err(lost) => fault = lost,
            },
            Ok(false) => {}
            // The unique indexes refuse a second active or next key: another node was faster.
            Err(lost) => fault = lost,
        }
    }
    Err(fault)
}

fn ring_of(keys: &[StoredKey], algorithm: Algorithm) -> Vec<KeyRecord> {
    keys.iter().filter(|key| key.record.algorithm == algorithm).map(|key| key.record.clone()).collect()
}

async fn generate(algorithm: Algorithm) -> Result<SigningKey, Fault> {
    tokio::task::spawn_blocking(move || SigningKey::generate(algorithm))
        .await
        .map_err(|error| Fault::Crypto(error.to_string()))?
        .map_err(crypto)
}

/// What is to be carried out.
struct Due<'a> {
    ring: &'a [KeyRecord],
    changes: &'a [Change],
    /// The key to create, if one is.
    fresh: Option<SigningKey>,
    now: OffsetDateTime,
}

/// Writes what is due; `false` when another node was faster.
async fn write(app: &App, tx: &Tx, server: &AuthorizationServerId, due: Due<'_>) -> Result<bool, Fault> {
    let Due { ring, changes, fresh, now } = due;
    let mut after = ring.to_vec();
    rotation::apply(&mut after, changes, now, &app.settings.keys.rotation, || {
        fresh
            .as_ref()
            .map_or_else(|| (String::new(), Algorithm::Rs256), |key| (key.kid().to_owned(), key.algorithm()))
    });
    // Whoever stops being active goes first: at most one key of a ring is active at any moment.
    let mut moved: Vec<(&KeyRecord, &KeyRecord)> = ring
        .iter()
        .filter_map(|old| after.iter().find(|new| new.kid == old.kid && *new != old).map(|new| (old, new)))
        .collect();
    moved.sort_by_key(|(old, _)| old.state != KeyState::Active);
    for (old, new) in moved {
        if !store::signing_key::transition(tx, old.state, new).await? {
            return Ok(false);
        }
        log(app, tx, server, new, now).await?;
    }
    if let Some(key) = fresh
        && let Some(record) = after.iter().find(|record| record.kid == key.kid())
    {
        let sealed_private =
            app.master.seal(&aad(key.kid()), key.private_jwk().as_bytes()).map_err(crypto)?;
        let stored = StoredKey {
            server_id: server.clone(),
            record: record.clone(),
            sealed_private,
            public: key.public_jwk().clone(),
        };
        store::signing_key::insert(tx, &stored).await?;
        log(app, tx, server, record, now).await?;
    }
    Ok(true)
}

async fn log(
    app: &App,
    tx: &Tx,
    server: &AuthorizationServerId,
    record: &KeyRecord,
    now: OffsetDateTime,
) -> Result<(), Fault> {
    let state = match record.state {
        KeyState::Next => "next",
        KeyState::Active => "active",
        KeyState::Retired => "retired",
        KeyState::Gone => "gone",
    };
    Event::new(EventType::KeyRollover)
        .server(server)
        .with("kid", record.kid.as_str())
        .with("state", state)
        .insert(tx, &Caller::system("keys"), app.random.as_ref(), now)
        .await
}
