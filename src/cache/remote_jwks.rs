//! Clients' key sets behind a `jwks_uri`: fetched when an unknown key is asked for, at most every twenty seconds per client;
//! the last good set is kept for a day when fetching fails.

use std::sync::Arc;

use keys::ClientKeys;
use moka::sync::Cache;
use time::{Duration, OffsetDateTime};

use crate::{id::ClientId, ports::fetch::Fetch};

/// Fetches are at least this far apart for one client.
const REFETCH_AFTER: Duration = Duration::seconds(20);
/// After this long a set is fetched again though it has the key: keys that were withdrawn must go.
const FRESH: Duration = Duration::HOUR;
/// A set that cannot be refreshed is trusted this long.
const KEEP: Duration = Duration::DAY;

#[derive(Clone)]
struct Remembered {
    keys: Option<Arc<ClientKeys>>,
    fetched_at: Option<OffsetDateTime>,
    tried_at: OffsetDateTime,
    uri: String,
}

/// The cache of remote key sets.
pub struct RemoteJwks(Cache<ClientId, Remembered>);

impl Default for RemoteJwks {
    fn default() -> Self {
        Self(Cache::builder().max_capacity(10_000).build())
    }
}

impl RemoteJwks {
    /// The keys of a client, fresh enough to contain what `wanted` looks for if the client publishes it.
    pub async fn find(
        &self,
        fetch: &dyn Fetch,
        (client, uri): (&ClientId, &str),
        now: OffsetDateTime,
        wanted: impl Fn(&ClientKeys) -> bool,
    ) -> Option<Arc<ClientKeys>> {
        let known = self.0.get(client).filter(|known| known.uri == uri);
        if let Some(known) = &known {
            let usable =
                known.keys.clone().filter(|_| known.fetched_at.is_some_and(|fetched| now < fetched + KEEP));
            let fresh = known.fetched_at.is_some_and(|fetched| now < fetched + FRESH);
            let satisfied = fresh && usable.as_ref().is_some_and(|keys| wanted(keys));
            if satisfied || now < known.tried_at + REFETCH_AFTER {
                return usable;
            }
        }
        // Noted before the fetch: requests that arrive meanwhile do not fetch again.
        let (old_keys, old_time) = known.map_or((None, None), |known| (known.keys, known.fetched_at));
        let mut entry =
            Remembered { keys: old_keys, fetched_at: old_time, tried_at: now, uri: uri.to_owned() };
        self.0.insert(client.clone(), entry.clone());
        match fetched(fetch, uri).await {
            Some(keys) => {
                entry.keys = Some(Arc::new(keys));
                entry.fetched_at = Some(now);
                self.0.insert(client.clone(), entry.clone());
            }
            None => tracing::warn!(client.id = %client, "the client's jwks_uri could not be read"),
        }
        entry.keys.filter(|_| entry.fetched_at.is_some_and(|fetched| now < fetched + KEEP))
    }
}

async fn fetched(fetch: &dyn Fetch, uri: &str) -> Option<ClientKeys> {
    let answer = fetch.get(&url::Url::parse(uri).ok()?).await.ok()?;
    if answer.status != 200 {
        return None;
    }
    let json = keys::json::object(&answer.body, 16).ok()?;
    ClientKeys::parse(&serde_json::Value::Object(json)).ok()
}
