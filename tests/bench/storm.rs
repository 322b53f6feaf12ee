//! Guessing at scale: 200 wrong passwords a second from 20 addresses, while a few machines and people go on working.

use std::net::{Ipv4Addr, SocketAddr};
use std::time::{Duration, Instant};

use tokio::task::JoinSet;

use super::child::login;
use super::holders::primary;
use super::load::{Connection, Failure, Lane, Measured, Repeat, Target};
use super::scenarios::{Page, World, client_credentials};

/// Wrong passwords per second, and the addresses they come from.
const GUESSES: u32 = 200;
const ADDRESSES: u8 = 20;
/// Requests per second of each kind that go on.
const HONEST: u32 = 20;

/// Where passwords are guessed.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Door {
    /// The sign-in page.
    Page,
    /// The Authentication API.
    Authn,
}

impl Door {
    /// All of them.
    pub(crate) const ALL: [Self; 2] = [Self::Page, Self::Authn];

    /// Its name in the report.
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Page => "the sign-in page",
            Self::Authn => "the Authentication API",
        }
    }

    /// The status of a wrong password.
    fn refusal(self) -> u16 {
        match self {
            Self::Page => 400,
            Self::Authn => 401,
        }
    }
}

/// What the storm did to those who went on working.
pub(crate) struct Storm {
    /// Client credentials and refreshes without it.
    pub(crate) idle: Measured,
    /// The same during it.
    pub(crate) during: Measured,
    /// Guesses that were answered, by status: refused, told to come back (429), anything else.
    pub(crate) guesses: [usize; 3],
}

/// Runs the honest work alone, then in the storm.
pub(crate) async fn run(target: Target, world: &World, door: Door) -> Result<Storm, Failure> {
    let to = target.address;
    let idle = honest(target, world).await?;
    let mut pages = Vec::new();
    for address in 0..ADDRESSES {
        let mut connection = Connection::open(to, source(address)).await?;
        pages.push(Page::open(&mut connection, to).await?);
    }
    let began = Instant::now();
    let mut guesses = JoinSet::new();
    let number = u32::try_from(target.duration.as_millis()).unwrap_or(0) * GUESSES / 1000;
    for guess in 0..number {
        let address = u8::try_from(guess % u32::from(ADDRESSES)).unwrap_or(0);
        let Some(page) = pages.get(usize::from(address)) else { continue };
        let user = login(usize::try_from(guess).unwrap_or(0) % 1000 + 100);
        let request = match door {
            Door::Page => page.submission(to, &user, "Wrong-Horse-1"),
            Door::Authn => primary(to, &user, "Wrong-Horse-1"),
        };
        guesses.spawn(async move {
            tokio::time::sleep_until((began + Duration::from_secs(1) * guess / GUESSES).into()).await;
            let mut connection = Connection::open(to, source(address)).await?;
            let answer = connection.exchange(&request).await?;
            Ok::<u16, Failure>(answer.status)
        });
    }
    let during = honest(target, world).await?;
    let mut counts = [0; 3];
    for answer in guesses.join_all().await {
        let [refused, later, other] = &mut counts;
        match answer {
            Ok(status) if status == door.refusal() => *refused += 1,
            Ok(429) => *later += 1,
            Ok(_) | Err(_) => *other += 1,
        }
    }
    Ok(Storm { idle, during, guesses: counts })
}

fn source(address: u8) -> Ipv4Addr {
    Ipv4Addr::new(127, 0, 0, address + 2)
}

/// 20 client credentials and 20 refreshes a second, each timed from the moment it was due: an answer that is waited for
/// delays nobody else's clock.
async fn honest(target: Target, world: &World) -> Result<Measured, Failure> {
    let began = Instant::now() + Duration::from_millis(100);
    let mut lanes = JoinSet::new();
    for (slot, refresh) in (0..LANES).zip(world.refreshing(LANES).await?) {
        lanes.spawn(paced(target, (began, slot), refresh));
    }
    for slot in 0..LANES {
        let machine = Repeat::ok(client_credentials(target.address, "default"));
        lanes.spawn(paced(target, (began, slot), machine));
    }
    let mut together = Measured::default();
    for lane in lanes.join_all().await {
        together.add(lane);
    }
    together.elapsed = began.elapsed();
    together.latencies.sort_unstable();
    Ok(together)
}

/// Connections of each kind; each sends one request a second per [`HONEST`] divided by their number.
const LANES: usize = 10;

async fn paced<L: Lane>(target: Target, (began, slot): (Instant, usize), mut lane: L) -> Measured {
    let to: SocketAddr = target.address;
    let mut measured = Measured::default();
    let mut connection = match Connection::open(to, Ipv4Addr::new(127, 0, 1, 1)).await {
        Ok(connection) => connection,
        Err(failure) => return Measured::failed(failure),
    };
    let first = u32::try_from(slot).unwrap_or(0);
    for number in (first..).step_by(LANES) {
        let due = began + Duration::from_secs(1) * number / HONEST;
        if due >= began + target.duration {
            break;
        }
        tokio::time::sleep_until(due.into()).await;
        match lane.step(&mut connection).await {
            Ok(_) => measured.latencies.push(due.elapsed()),
            Err(failure) => measured.add(Measured::failed(failure)),
        }
    }
    measured
}
