//! The load benchmark: what the machine can do, and how much of it arrives at a client over HTTP.
//!
//! `cargo bench` runs everything on SQLite and, where it is installed, on PostgreSQL. `cargo bench -- refresh storm`
//! runs the scenarios whose names contain one of the words, `cargo bench -- sqlite` one database.
//! `STEPGATE_BENCH_SECONDS` is how long one measurement lasts (3 by default, at most 5).
//!
//! The server runs in a process of its own with production settings; the generator shares the machine with it. Nothing
//! leaves the loopback interface.
#![expect(
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::print_stdout,
    reason = "a benchmark that cannot go on ends, and its report is what it prints"
)]

#[expect(clippy::unwrap_used, reason = "it is a part of the tests")]
#[path = "../support/authenticator.rs"]
#[expect(dead_code, reason = "tests choose more of what an authenticator says")]
mod authenticator;
mod ceilings;
mod child;
mod holders;
mod load;
mod passkey;
mod postgres;
#[path = "../support/process.rs"]
mod process;
mod proof;
mod report;
mod scenarios;
mod storm;
mod waiting;

use std::sync::Arc;
use std::time::Duration;

use ceilings::Rate;
use child::{Role, Server};
use keys::Algorithm;
use load::{Repeat, Target, measure};
use postgres::Postgres;
use report::Ceilings;
use scenarios::{CONNECTIONS, Scenario, World};
use stepgate::{
    ports::random::SystemRandom,
    store::{Database, db::DatabaseSettings},
    user::credentials::PasswordHasher,
};
use storm::Door;
use tokio::runtime::Runtime;

/// What the shipped binary allocates with.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

fn main() {
    if let Some(role) = Role::of_this_process() {
        return role.run();
    }
    let selection = Selection::of_arguments();
    let duration = duration();
    let sqlite = tempfile::tempdir().expect("a temporary folder");
    println!(
        "{} cores, {} connections, {:.1} s each",
        ceilings::cores(),
        CONNECTIONS,
        duration.as_secs_f64()
    );
    let mut common = Ceilings::default();
    report::heading("Raw rates");
    common.rs256 = ceilings::signatures(Algorithm::Rs256, duration);
    report::rate("RS256 signatures", common.rs256);
    common.es256 = ceilings::signatures(Algorithm::Es256, duration);
    report::rate("ES256 signatures", common.es256);
    common.es256_verified = ceilings::verifications(Algorithm::Es256, duration);
    report::rate("ES256 verifications", common.es256_verified);
    common.argon2 = argon2(duration);
    report::rate("argon2 verifications at the default permits", common.argon2);
    common.null = null(duration);

    if selection.wants("sqlite", &["postgres"]) {
        report::heading("SQLite");
        backend(&sqlite_url(&sqlite, "raw"), &sqlite_url(&sqlite, "server"), &selection, (common, duration));
    }
    if selection.wants("postgres", &["sqlite"]) {
        report::heading("PostgreSQL");
        match Postgres::start() {
            Ok(postgres) => {
                let url = |name: &str| {
                    postgres.create(name).expect("a new database");
                    postgres.url(name)
                };
                backend(&url("raw"), &url("server"), &selection, (common, duration));
            }
            Err(reason) => println!("not measured: {reason}"),
        }
    }
}

/// The words on the command line.
struct Selection(Vec<String>);

impl Selection {
    fn of_arguments() -> Self {
        Self(std::env::args().skip(1).filter(|word| !word.starts_with("--")).collect())
    }

    /// Whether something is selected: named, or not out-named by one of its alternatives.
    fn wants(&self, name: &str, alternatives: &[&str]) -> bool {
        self.0.iter().any(|word| word == name)
            || !self.0.iter().any(|word| alternatives.contains(&word.as_str()))
    }

    fn wants_scenario(&self, name: &str) -> bool {
        let mut words = self.0.iter().filter(|word| *word != "sqlite" && *word != "postgres").peekable();
        words.peek().is_none() || words.any(|word| name.contains(word.as_str()))
    }
}

fn duration() -> Duration {
    let seconds = std::env::var("STEPGATE_BENCH_SECONDS").ok().and_then(|seconds| seconds.parse().ok());
    Duration::from_secs_f64(f64::clamp(seconds.unwrap_or(3.0), 0.1, 5.0))
}

fn sqlite_url(folder: &tempfile::TempDir, name: &str) -> String {
    format!("sqlite://{}/{name}.db", folder.path().display())
}

/// Threads for ceilings: everything that the machine has.
fn everything() -> Runtime {
    Runtime::new().expect("a runtime")
}

/// The generator's own runtime: one thread, so that the rest of the machine is the server's.
fn generator() -> Runtime {
    tokio::runtime::Builder::new_current_thread().enable_all().build().expect("a runtime")
}

fn argon2(duration: Duration) -> Rate {
    let hasher = PasswordHasher::new(&child::hashing(), Arc::new(SystemRandom)).expect("argon2 threads");
    everything().block_on(ceilings::passwords(Arc::new(hasher), duration))
}

/// What the generator and the kernel cost when the server does nothing.
fn null(duration: Duration) -> Rate {
    generator().block_on(async {
        let server = Server::start(Role::Null, "", process::free_port(), "/").await;
        let target = Target { address: server.address, pid: server.pid(), duration };
        let request = scenarios::get(server.address, "/oauth2/default/v1/keys", "");
        let lanes = (0..CONNECTIONS).map(|_| Repeat::ok(request.clone())).collect();
        let measured = measure(target, lanes).await;
        report::failures(&measured);
        let (own, server) = (measured.per_step(measured.own_cpu), measured.per_step(measured.server_cpu));
        let rate = Rate { per_second: measured.rate(), micros: own + server };
        report::rate("requests to a null server", rate);
        report::figure("  of that the generator", own, "us each");
        rate
    })
}

fn backend(raw: &str, url: &str, selection: &Selection, (mut ceilings, duration): (Ceilings, Duration)) {
    (ceilings.grouped, ceilings.ungrouped) = everything().block_on(async {
        let db = Database::connect(&DatabaseSettings::new(raw)).await.expect("a database");
        db.migrate().await.expect("a schema");
        let ungrouped = ceilings::commits(&db, 1, duration).await;
        let grouped = ceilings::commits(&db, 64, duration).await;
        db.close().await;
        (grouped, ungrouped)
    });
    report::rate("durable commits, grouped (64 callers)", ceilings.grouped);
    report::rate("durable commits, ungrouped (1 caller)", ceilings.ungrouped);

    let port = process::free_port();
    child::prepare_database(url, port);
    let generator = generator();
    let start = || Server::start(Role::Serve, url, port, DISCOVERY);
    // The first start finds files and pages cold.
    drop(generator.block_on(start()));
    let server = generator.block_on(start());
    report::figure("start-up: process to first 200 on discovery", report::millis(server.started_in), "ms");
    report::figure("resident, idle", server.resident(), "MiB");

    let target = Target { address: server.address, pid: server.pid(), duration };
    let world = match generator.block_on(World::prepare(target)) {
        Ok(world) => world,
        Err(failure) => return println!("not measured: {failure}"),
    };
    if let Some(grant) = world.grant() {
        ceilings.lookups = everything().block_on(async {
            let db = Database::connect(&DatabaseSettings::new(url)).await.expect("a database");
            let rate = ceilings::lookups(&db, &grant, duration).await;
            db.close().await;
            rate
        });
    }
    report::rate("lookups of a grant (one statement, 32 callers)", ceilings.lookups);
    println!();
    report::legend();
    report::table_head();
    let measure = |scenario: Scenario| {
        let logins = passwords_in(ceilings.argon2.per_second, duration);
        match generator.block_on(world.measure(scenario, logins)) {
            Ok(measured) => report::scenario(scenario, &measured, &ceilings),
            Err(failure) => println!("{}: not measured: {failure}", scenario.name()),
        }
    };
    let selected = Scenario::ALL.into_iter().filter(|scenario| selection.wants_scenario(scenario.name()));
    let (with_factor, without): (Vec<_>, Vec<_>) = selected.partition(|scenario| scenario.is_with_factor());
    without.into_iter().for_each(&measure);
    if selection.wants_scenario("storm") {
        for door in Door::ALL {
            report::heading(&format!(
                "Storm: 200 wrong passwords a second from 20 addresses through {}",
                door.name()
            ));
            match generator.block_on(storm::run(target, &world, door)) {
                Ok(storm) => report::storm(&storm),
                Err(failure) => println!("not measured: {failure}"),
            }
            // Guesses that still wait for their hash are no part of what comes next.
            std::thread::sleep(PASSWORD_QUEUE);
        }
    }
    if selection.wants_scenario("push") {
        report::heading(&format!("Push: {} devices wait for a question", waiting::DEVICES));
        let before = server.resident();
        match generator.block_on(waiting::run(target, url)) {
            Ok(waiting) => report::waiting(&waiting, (before, server.resident())),
            Err(failure) => println!("not measured: {failure}"),
        }
    }
    if !with_factor.is_empty() {
        report::heading("With a second factor");
        report::table_head();
        // From here on everybody is asked for a factor.
        generator.block_on(holders::require_factor(url));
        std::thread::sleep(GENERATION);
        with_factor.into_iter().for_each(&measure);
    }
    report::figure("resident, loaded", server.resident(), "MiB");
}

/// More passwords than can be checked within a measurement.
fn passwords_in(rate: f64, duration: Duration) -> usize {
    let most = child::USERS - 200;
    (1..most).find(|&number| load::count(number) > rate * 1.5 * duration.as_secs_f64()).unwrap_or(most)
}

/// Running processes learn of new configuration within a second.
const GENERATION: Duration = Duration::from_millis(1500);
/// The longest wait for a password to be hashed, and a little more.
const PASSWORD_QUEUE: Duration = Duration::from_millis(2500);
const DISCOVERY: &str = "/.well-known/openid-configuration";
