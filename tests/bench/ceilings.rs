//! What the machine can do without HTTP: signatures, durable commits, password hashes, lookups. Every figure of a
//! scenario is read against one of these.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use keys::{Algorithm, Limits, SigningKey, VerifyingKey, parse};
use serde_json::json;
use stepgate::{
    id::{ClientId, GrantId},
    ports::{
        clock::{Clock, SystemClock},
        random::SystemRandom,
    },
    secret::Secret,
    store::{self, Database, unit::Unit},
    syslog::{Caller, Event, EventType},
    user::credentials::PasswordHasher,
};
use tokio::task::JoinSet;

use super::load::{count, cpu};

/// What was reached.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Rate {
    /// Operations per second.
    pub(crate) per_second: f64,
    /// Microseconds of processor time per operation, all threads of the process together.
    pub(crate) micros: f64,
}

impl Rate {
    fn new(done: usize, (started, cpu_before): (Instant, Duration)) -> Self {
        let used = cpu(std::process::id()).saturating_sub(cpu_before);
        Self {
            per_second: count(done) / started.elapsed().as_secs_f64(),
            micros: used.as_secs_f64() * 1e6 / count(done).max(1.0),
        }
    }

    /// Operations per second if the machine had nothing else to do and nothing to wait for.
    pub(crate) fn undisturbed(self) -> f64 {
        undisturbed(self.micros)
    }
}

/// Operations per second of every core at so many microseconds each.
pub(crate) fn undisturbed(micros: f64) -> f64 {
    count(cores()) * 1e6 / micros.max(f64::EPSILON)
}

/// Signatures over the claims of an access token, on every core, each with one key that is reused.
pub(crate) fn signatures(algorithm: Algorithm, duration: Duration) -> Rate {
    let key = SigningKey::generate(algorithm).expect("a key");
    let now = SystemClock.now().unix_timestamp();
    let claims = json!({
        "ver": 1,
        "jti": "AT.0123456789abcdefghijkl.oag0123456789abcdefg",
        "iss": "https://id.example.com/oauth2/default",
        "aud": "api://default",
        "sub": "alice@example.com",
        "iat": now,
        "exp": now + 3600,
        "cid": "0oa0123456789abcdefg",
        "uid": "00u0123456789abcdefg",
        "scp": ["openid", "profile", "email", "offline_access"],
        "auth_time": now,
        "acr": "urn:okta:loa:1fa:pwd",
    });
    on_every_core(duration, || drop(key.sign_jwt(None, &claims).expect("a signature")))
}

/// Verifications of one small token, on every core.
pub(crate) fn verifications(algorithm: Algorithm, duration: Duration) -> Rate {
    let key = SigningKey::generate(algorithm).expect("a key");
    let token = key.sign_jwt(None, &json!({ "sub": "alice@example.com" })).expect("a signature");
    let token = parse(&token, &Limits::default()).expect("a token");
    let public = serde_json::to_value(key.public_jwk()).expect("a public key");
    let public = VerifyingKey::from_jwk(&public, algorithm).expect("a public key");
    on_every_core(duration, || drop(public.verify(&token).expect("a valid signature")))
}

fn on_every_core(duration: Duration, work: impl Fn() + Sync) -> Rate {
    let (done, stop) = (AtomicUsize::new(0), AtomicBool::new(false));
    let started = (Instant::now(), cpu(std::process::id()));
    std::thread::scope(|threads| {
        for _ in 0..cores() {
            threads.spawn(|| {
                while !stop.load(Ordering::Relaxed) {
                    work();
                    done.fetch_add(1, Ordering::Relaxed);
                }
            });
        }
        std::thread::sleep(duration);
        stop.store(true, Ordering::Relaxed);
    });
    Rate::new(done.into_inner(), started)
}

/// The processors at hand.
pub(crate) fn cores() -> usize {
    std::thread::available_parallelism().map_or(1, usize::from)
}

/// Durable commits of a unit with one log event each, as many callers at a time as given.
pub(crate) async fn commits(db: &Database, callers: usize, duration: Duration) -> Rate {
    let caller = Caller {
        request_id: "req0123456789abcdefghijkl".to_owned(),
        ip: Some(std::net::Ipv4Addr::LOCALHOST.into()),
        user_agent: Some("stepgate-bench".to_owned()),
        actor: None,
    };
    let caller = Arc::new(caller);
    let db = db.clone();
    concurrently(callers, duration, move || {
        let (db, caller) = (db.clone(), Arc::clone(&caller));
        async move {
            let event = Event::new(EventType::TokenGrant)
                .client(&ClientId::new("0oa0123456789abcdefg"))
                .with("grantType", "client_credentials")
                .with("scopes", "api")
                .with("idToken", false)
                .with("refreshToken", false);
            let row = event.row(&caller, &SystemRandom, SystemClock.now());
            db.writer().commit(Unit::new().row(row)).await.is_ok()
        }
    })
    .await
}

/// Verifications of a password at the permits of a server.
pub(crate) async fn passwords(hasher: Arc<PasswordHasher>, duration: Duration) -> Rate {
    let password = || Secret::new("Correct-Horse-1".to_owned());
    let hash = hasher.hash(password()).await.expect("a hash");
    concurrently(CALLERS, duration, move || {
        let (hasher, hash) = (Arc::clone(&hasher), hash.clone());
        async move {
            // Refused when no thread was free for two seconds, which a busy neighbour can cause.
            hasher.verify(password(), Some(hash)).await.is_ok()
        }
    })
    .await
}

/// Reads of a grant with all that decides about its tokens: the one statement of an introspection.
pub(crate) async fn lookups(db: &Database, grant: &GrantId, duration: Duration) -> Rate {
    let (db, grant) = (db.clone(), grant.clone());
    concurrently(CALLERS, duration, move || {
        let (db, grant) = (db.clone(), grant.clone());
        async move {
            let found = store::grant::find_for_token(&db, &grant, "AT.none").await.expect("a read");
            found.is_some()
        }
    })
    .await
}

/// As many callers as the scenarios have connections.
const CALLERS: usize = 32;

async fn concurrently<F, O>(callers: usize, duration: Duration, operation: F) -> Rate
where
    F: Fn() -> O + Clone + Send + 'static,
    O: Future<Output = bool> + Send + 'static,
{
    let mut running = JoinSet::new();
    let begun = (Instant::now(), cpu(std::process::id()));
    let (started, _) = begun;
    for _ in 0..callers {
        let operation = operation.clone();
        running.spawn(async move {
            let mut done = 0_usize;
            while started.elapsed() < duration {
                done += usize::from(operation().await);
            }
            done
        });
    }
    let done: usize = running.join_all().await.into_iter().sum();
    Rate::new(done, begun)
}
