//! Counters shared by the nodes, in Redis. Behind a circuit breaker: a slow or lost Redis costs 50 ms
//! once in a while, then this node counts for itself with half the limits.

use std::{
    sync::atomic::{AtomicI64, Ordering},
    time::{Duration, Instant},
};

use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD};
use futures_util::{FutureExt, future::BoxFuture};
use redis::{
    Client, RedisError, Script,
    aio::{ConnectionManager, ConnectionManagerConfig},
};
use sha2::{Digest, Sha256};
use time::OffsetDateTime;

use super::{Access, Count, Counter, Slot, memory::MemoryCounter};
use crate::fault::Fault;

/// Counters in Redis with a local, stricter stand-in.
pub struct RedisCounter {
    connection: ConnectionManager,
    prefix: String,
    add: Script,
    local: MemoryCounter,
    circuit: Circuit,
    budget: Duration,
    latency: metrics::Histogram,
}

/// How to reach Redis and how long to wait for it.
#[derive(Clone, Debug)]
pub struct RedisOptions {
    /// Put before every key, so that installations can share a server.
    pub prefix: String,
    /// How long one call may take, 50 ms by default.
    pub budget: Duration,
    /// How long calls are not tried after one failed, 5 s by default.
    pub open_for: Duration,
    /// Room of the local stand-in, in counters.
    pub local_capacity: usize,
}

impl Default for RedisOptions {
    fn default() -> Self {
        Self {
            prefix: "stepgate".to_owned(),
            budget: Duration::from_millis(50),
            open_for: Duration::from_secs(5),
            local_capacity: 100_000,
        }
    }
}

impl RedisCounter {
    /// Prepares the connection without waiting for it: a start without Redis is a start. Must be called
    /// inside a Tokio runtime.
    ///
    /// # Errors
    ///
    /// The address is not one of Redis.
    pub fn connect(url: &str, options: RedisOptions) -> Result<Self, Fault> {
        // The address may hold a password: only the kind of error is told.
        let fault = |error: RedisError| Fault::Io(format!("Redis address: {:?}", error.kind()));
        let config = ConnectionManagerConfig::new()
            .set_connection_timeout(Some(Duration::from_secs(1)))
            .set_response_timeout(Some(options.budget))
            .set_min_delay(Duration::from_millis(100))
            .set_max_delay(Duration::from_secs(1))
            .set_number_of_retries(1);
        let client = Client::open(url).map_err(fault)?;
        let connection = ConnectionManager::new_lazy_with_config(client, config).map_err(fault)?;
        warm_up(&connection);
        Ok(Self {
            connection,
            prefix: options.prefix,
            add: Script::new(ADD),
            local: MemoryCounter::new(options.local_capacity),
            circuit: Circuit::new(options.open_for),
            budget: options.budget,
            latency: metrics::histogram!("cache_latency_seconds"),
        })
    }

    async fn count(&self, access: Access, ask: Ask<'_>) -> Count {
        if self.circuit.admits(ask.now) {
            let started = Instant::now();
            let answer = tokio::time::timeout(self.budget, self.remote(access, ask)).await;
            self.latency.record(started.elapsed());
            match answer {
                Ok(Ok(used)) => {
                    self.circuit.close();
                    return Count::of(access, used, ask.limit, Slot::at(ask.now, ask.window));
                }
                Ok(Err(error)) => {
                    tracing::warn!(error = ?error.kind(), "Redis failed, counting on this node");
                }
                Err(_) => tracing::warn!("Redis is slow, counting on this node"),
            }
            self.circuit.open(ask.now);
            warm_up(&self.connection);
        }
        // Every node now counts alone: half the limit each keeps two nodes within the budget.
        let limit = (ask.limit / 2).max(1);
        match access {
            Access::Hit => self.local.hit(ask.key, limit, ask.window, ask.now).await,
            Access::Peek => self.local.peek(ask.key, limit, ask.window, ask.now).await,
        }
    }

    async fn remote(&self, access: Access, ask: Ask<'_>) -> Result<u32, RedisError> {
        let slot = Slot::at(ask.now, ask.window);
        // Hashed: usernames do not belong in a cache, and a key has a bounded length this way.
        let digest = URL_SAFE_NO_PAD.encode(Sha256::digest(ask.key.as_bytes()));
        let key = format!("{}:count:{digest}:{}", self.prefix, slot.index);
        let mut connection = self.connection.clone();
        let used: i64 = match access {
            Access::Hit => {
                let lifetime = u64::try_from(ask.window.as_millis()).unwrap_or(u64::MAX / 4).max(1);
                self.add.key(key).arg(lifetime).invoke_async(&mut connection).await?
            }
            Access::Peek => {
                let used: Option<i64> = redis::cmd("GET").arg(key).query_async(&mut connection).await?;
                used.unwrap_or(0)
            }
        };
        Ok(u32::try_from(used).unwrap_or(u32::MAX))
    }
}

/// Connects beside the requests: a connection may take longer to make than a call may take.
fn warm_up(connection: &ConnectionManager) {
    let mut connection = connection.clone();
    tokio::spawn(async move {
        if let Err(error) = redis::cmd("PING").query_async::<()>(&mut connection).await {
            tracing::debug!(error = ?error.kind(), "Redis does not answer");
        }
    });
}

/// Counts and, on the first hit, sets the end of life: one round trip, and no counter without an end.
const ADD: &str = "local used = redis.call('INCR', KEYS[1])
if used == 1 then redis.call('PEXPIRE', KEYS[1], ARGV[1]) end
return used";

#[derive(Clone, Copy)]
struct Ask<'a> {
    key: &'a str,
    limit: u32,
    window: Duration,
    now: OffsetDateTime,
}

impl Counter for RedisCounter {
    fn hit<'a>(
        &'a self,
        key: &'a str,
        limit: u32,
        window: Duration,
        now: OffsetDateTime,
    ) -> BoxFuture<'a, Count> {
        self.count(Access::Hit, Ask { key, limit, window, now }).boxed()
    }

    fn peek<'a>(
        &'a self,
        key: &'a str,
        limit: u32,
        window: Duration,
        now: OffsetDateTime,
    ) -> BoxFuture<'a, Count> {
        self.count(Access::Peek, Ask { key, limit, window, now }).boxed()
    }
}

/// Keeps calls away from a dependency that just failed.
struct Circuit {
    open_for_ms: i64,
    /// Calls are admitted from this instant on (milliseconds since the epoch); 0 when closed.
    retry_at_ms: AtomicI64,
}

impl Circuit {
    fn new(open_for: Duration) -> Self {
        Self {
            open_for_ms: i64::try_from(open_for.as_millis()).unwrap_or(i64::MAX / 4),
            retry_at_ms: AtomicI64::new(0),
        }
    }

    /// Whether a call may be tried; after the pause only one caller probes, the others keep waiting.
    fn admits(&self, now: OffsetDateTime) -> bool {
        let retry_at = self.retry_at_ms.load(Ordering::Relaxed);
        let now_ms = milliseconds(now);
        if retry_at == 0 {
            return true;
        }
        // A clock set back must not keep the circuit open for longer than its pause.
        if now_ms < retry_at && retry_at - now_ms <= self.open_for_ms {
            return false;
        }
        self.retry_at_ms
            .compare_exchange(
                retry_at,
                now_ms.saturating_add(self.open_for_ms),
                Ordering::Relaxed,
                Ordering::Relaxed,
            )
            .is_ok()
    }

    fn open(&self, now: OffsetDateTime) {
        self.retry_at_ms.store(milliseconds(now).saturating_add(self.open_for_ms).max(1), Ordering::Relaxed);
    }

    fn close(&self) {
        self.retry_at_ms.store(0, Ordering::Relaxed);
    }
}

fn milliseconds(now: OffsetDateTime) -> i64 {
    i64::try_from(now.unix_timestamp_nanos() / 1_000_000).unwrap_or(i64::MAX / 2)
}

#[cfg(test)]
mod tests {
    use super::*;

    const MINUTE: Duration = Duration::from_secs(60);

    fn at(second: i64) -> OffsetDateTime {
        OffsetDateTime::from_unix_timestamp(second).unwrap()
    }

    /// A lost Redis must mean a stricter limit, not none.
    #[tokio::test]
    async fn sec_n08_without_redis_this_node_counts_with_half_the_limit() {
        // A bound and dropped listener: nothing answers there.
        let port = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
        let counter =
            RedisCounter::connect(&format!("redis://127.0.0.1:{port}"), RedisOptions::default()).unwrap();
        let started = Instant::now();
        let mut refused = 0;
        for _ in 0..100 {
            refused += u32::from(counter.hit("key", 20, MINUTE, at(1_000)).await.exceeded);
        }
        assert_eq!(refused, 90);
        assert!(counter.peek("key", 20, MINUTE, at(1_000)).await.exceeded);
        // One call waited for the budget, the others went round.
        assert!(started.elapsed() < Duration::from_millis(500), "{:?}", started.elapsed());
    }

    /// A Redis that accepts and never answers costs its budget once.
    #[tokio::test]
    async fn sec_n08_a_silent_redis_costs_its_budget_once() {
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("redis://{}", listener.local_addr().unwrap());
        let counter = RedisCounter::connect(&url, RedisOptions::default()).unwrap();
        let started = Instant::now();
        for _ in 0..10 {
            counter.hit("key", 20, MINUTE, at(1_000)).await;
        }
        assert!(started.elapsed() < Duration::from_millis(250), "{:?}", started.elapsed());
    }

    #[test]
    fn an_address_that_is_not_one_of_redis_is_refused_without_its_password() {
        let error = RedisCounter::connect("http://user:hunter2@host", RedisOptions::default()).err().unwrap();
        assert!(!error.to_string().contains("hunter2"));
    }

    #[test]
    fn an_open_circuit_admits_one_probe_after_its_pause() {
        let circuit = Circuit::new(Duration::from_secs(5));
        assert!(circuit.admits(at(100)));
        circuit.open(at(100));
        assert!(!circuit.admits(at(104)));
        assert!(circuit.admits(at(105)));
        assert!(!circuit.admits(at(105)));
        circuit.close();
        assert!(circuit.admits(at(105)));
        circuit.open(at(1_000));
        assert!(circuit.admits(at(10)));
    }
}
