//! Devices that wait to be asked: thousands of requests that cost next to nothing, while programs poll for approvals.

use std::net::SocketAddr;
use std::time::{Duration, Instant};

use keys::{Algorithm, SigningKey};
use serde_json::{Value, json};
use stepgate::{
    factor::push::TYPE,
    id::FactorId,
    model::factor::{Factor, FactorKind, FactorStatus},
    ports::clock::{Clock, SystemClock},
    store::{
        self, Database,
        db::DatabaseSettings,
        factor::{Displaces, FoundBy, Stored},
        push_device,
        unit::{self, Outcome, Unit},
    },
};
use tokio::{sync::mpsc, task::JoinSet};

use super::child::API_TOKEN;
use super::holders::user_id;
use super::load::{Connection, Failure, Measured, Repeat, Target, measure, source};
use super::scenarios::{CONNECTIONS, get, post_json};

/// Devices that wait.
pub(crate) const DEVICES: usize = 5000;
/// Devices that are asked while they wait, one after the other.
const ASKED: usize = 100;
/// Seconds that one request waits: less than the generator's patience.
const HOLD: u64 = 8;

/// What was found.
pub(crate) struct Waiting {
    /// Polls of programs while the devices wait.
    pub(crate) polls: Measured,
    /// From a question to the device that waits for it.
    pub(crate) woken: Measured,
    /// Requests of devices that failed.
    pub(crate) failures: usize,
}

fn factor_id(number: usize) -> FactorId {
    FactorId::new(format!("{}{number:017}", FactorKind::Push.id_prefix()))
}

/// Gives every holder a device; all have the same key, which no device does.
async fn enrol(url: &str, key: &SigningKey) {
    let db = Database::connect(&DatabaseSettings::new(url)).await.expect("a database");
    let tx = db.begin_write().await.expect("a transaction");
    let (now, jwk) = (SystemClock.now(), key.public_jwk().to_string());
    for number in 0..DEVICES + CONNECTIONS {
        let factor = Factor {
            id: factor_id(number),
            user_id: user_id(number),
            kind: FactorKind::Push,
            status: FactorStatus::Active,
            profile: serde_json::Map::new(),
            name: None,
            factor_profile_id: None,
            created_at: now,
            updated_at: now,
            last_verified_at: None,
        };
        let device = push_device::claim_insert(&factor.id, (&jwk, factor.id.as_str()), now);
        let stored = Stored { factor, secret: None, counter: None };
        let claim =
            store::factor::claim_insert(&stored, FoundBy::Id, Displaces::Pending).expect("a statement");
        let unit = Unit::new().claim(claim).claim(device);
        assert_eq!(unit::run_in(&tx, unit).await.expect("a device"), Outcome::Won);
    }
    tx.commit().await.expect("a commit");
    db.close().await;
}

/// Runs it.
pub(crate) async fn run(target: Target, url: &str) -> Result<Waiting, Failure> {
    let key = SigningKey::generate(Algorithm::Es256).map_err(|error| error.to_string())?;
    enrol(url, &key).await;
    let to = target.address;
    let (told, mut woken) = mpsc::unbounded_channel();
    let mut devices = JoinSet::new();
    for number in 0..DEVICES {
        let request = wait(to, &key, number);
        let told = told.clone();
        devices.spawn(device(to, (number, request), told));
        if number % 50 == 49 {
            // As they would come, not all in one moment.
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
    }
    drop(told);
    tokio::time::sleep(Duration::from_secs(1)).await;
    let mut connection = Connection::open(to, source(0)).await?;
    let mut lanes = Vec::new();
    for number in DEVICES..DEVICES + CONNECTIONS {
        let asked = ask(&mut connection, to, number).await?;
        let href = asked["_links"]["poll"]["href"].as_str().unwrap_or_default();
        let path = href.split_once("/api/").map(|(_, path)| format!("/api/{path}")).unwrap_or_default();
        lanes.push(Repeat::ok(get(to, &path, &format!("authorization: SSWS {API_TOKEN}\r\n"))));
    }
    let polls = measure(target, lanes).await;
    let mut latencies = Measured::default();
    let begun = Instant::now();
    for number in 0..ASKED {
        let asked_at = Instant::now();
        ask(&mut connection, to, number).await?;
        let heard = tokio::time::timeout(Duration::from_secs(5), woken.recv()).await;
        let (_, at): (usize, Instant) = heard.ok().flatten().ok_or("a device was not woken")?;
        latencies.latencies.push(at - asked_at);
    }
    latencies.elapsed = begun.elapsed();
    latencies.latencies.sort_unstable();
    let mut failures = 0;
    while let Some(ended) = devices.try_join_next() {
        failures += usize::from(!matches!(ended, Ok(Ok(()))));
    }
    devices.abort_all();
    Ok(Waiting { polls, woken: latencies, failures })
}

fn wait(to: SocketAddr, key: &SigningKey, number: usize) -> Vec<u8> {
    let claims = json!({
        "aud": format!("http://localhost:{}", to.port()),
        "act": "wait",
        "factor": factor_id(number),
        "iat": SystemClock.now().unix_timestamp(),
        "hold": HOLD,
    });
    let statement = key.sign_jwt(Some(TYPE), &claims).expect("a statement");
    post_json(to, "/api/v1/authenticator/wait", "", &json!({ "statement": statement }))
}

/// Waits, again and again, until it is asked.
async fn device(
    to: SocketAddr,
    (number, request): (usize, Vec<u8>),
    told: mpsc::UnboundedSender<(usize, Instant)>,
) -> Result<(), Failure> {
    let mut connection = Connection::open(to, source(number)).await?;
    loop {
        let answer = connection.exchange(&request).await?.expect(200)?;
        if !answer.body.contains("\"challenge\":null") {
            let _ = told.send((number, Instant::now()));
            return Ok(());
        }
    }
}

async fn ask(connection: &mut Connection, to: SocketAddr, number: usize) -> Result<Value, Failure> {
    let path = format!("/api/v1/users/{}/factors/{}/verify", user_id(number), factor_id(number));
    let headers = format!("authorization: SSWS {API_TOKEN}\r\n");
    let answer = connection.exchange(&post_json(to, &path, &headers, &json!({}))).await?.expect(201)?;
    serde_json::from_str(answer.body).map_err(|error| error.to_string())
}
