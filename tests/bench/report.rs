//! The figures as tables, each with its ceiling and its goal.

use std::time::Duration;

use super::ceilings::{Rate, undisturbed};
use super::load::Measured;
use super::scenarios::Scenario;
use super::storm::Storm;
use super::waiting::Waiting;

/// What the machine can do, in operations per second.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Ceilings {
    pub(crate) rs256: Rate,
    pub(crate) es256: Rate,
    pub(crate) es256_verified: Rate,
    /// Durable commits by 64 callers.
    pub(crate) grouped: Rate,
    /// Durable commits by one caller.
    pub(crate) ungrouped: Rate,
    pub(crate) argon2: Rate,
    pub(crate) lookups: Rate,
    /// Requests against a server that does nothing.
    pub(crate) null: Rate,
}

/// What bounds a scenario: its name, and how many there could be.
struct Ceiling {
    name: &'static str,
    per_second: f64,
    undisturbed: f64,
}

impl Ceilings {
    /// What bounds a scenario before any code of ours runs: the scarcest of the things that it cannot do without.
    fn of(&self, scenario: Scenario) -> Ceiling {
        let each = |name, rate: Rate, uses: f64| Ceiling {
            name,
            per_second: rate.per_second / uses,
            undisturbed: rate.undisturbed() / uses,
        };
        let less = |a: Ceiling, b: Ceiling| if a.per_second <= b.per_second { a } else { b };
        let null = each("null server", self.null, 1.0);
        match scenario {
            Scenario::Discovery | Scenario::Jwks => null,
            Scenario::ClientCredentialsRs256 => {
                less(each("RS256 signatures", self.rs256, 1.0), each("grouped commits", self.grouped, 1.0))
            }
            Scenario::ClientCredentialsEs256 => {
                less(each("ES256 signatures", self.es256, 1.0), each("grouped commits", self.grouped, 1.0))
            }
            Scenario::CodeFlow => less(
                each("RS256 signatures/2", self.rs256, 2.0),
                each("grouped commits/2", self.grouped, 2.0),
            ),
            Scenario::Refresh => {
                less(each("RS256 signatures/2", self.rs256, 2.0), each("grouped commits", self.grouped, 1.0))
            }
            Scenario::Introspection => less(each("lookups", self.lookups, 1.0), null),
            Scenario::Userinfo => less(each("lookups/2", self.lookups, 2.0), null),
            Scenario::Login | Scenario::SecondFactor => each("argon2", self.argon2, 1.0),
            Scenario::Totp => each("grouped commits/2", self.grouped, 2.0),
            Scenario::Passkey => less(
                each("ES256 verifications", self.es256_verified, 1.0),
                each("grouped commits/3", self.grouped, 3.0),
            ),
            Scenario::Poll => each("lookups/5", self.lookups, 5.0),
            Scenario::Pushed => each("grouped commits", self.grouped, 1.0),
            Scenario::Device => each("grouped commits/2", self.grouped, 2.0),
            Scenario::Dpop | Scenario::Exchange => {
                less(each("RS256 signatures", self.rs256, 1.0), each("grouped commits", self.grouped, 1.0))
            }
        }
    }
}

/// What a scenario is to reach.
#[derive(Clone, Copy, Debug)]
enum Goal {
    /// A share of its ceiling.
    Share(f64),
    /// Steps per second on a machine that signs [`REFERENCE_RS256`] times a second; in proportion on a slower one.
    Rate(f64),
    /// Steps per second on a machine that commits [`REFERENCE_COMMITS`] times a second in groups; likewise.
    Commits(f64),
    /// To be looked at.
    None,
}

/// Where absolute goals hold as they are written.
const REFERENCE_RS256: f64 = 7600.0;
const REFERENCE_COMMITS: f64 = 60_000.0;

fn goal(scenario: Scenario) -> Goal {
    match scenario {
        Scenario::Discovery | Scenario::Jwks => Goal::Rate(40_000.0),
        Scenario::ClientCredentialsRs256 => Goal::Share(0.60),
        Scenario::ClientCredentialsEs256 => Goal::Rate(12_000.0),
        Scenario::CodeFlow => Goal::Rate(1_200.0),
        Scenario::Refresh => Goal::Rate(2_000.0),
        Scenario::Introspection | Scenario::Userinfo => Goal::Rate(10_000.0),
        Scenario::Login | Scenario::SecondFactor => Goal::Share(0.90),
        Scenario::Pushed => Goal::Commits(8_000.0),
        Scenario::Dpop
        | Scenario::Device
        | Scenario::Exchange
        | Scenario::Totp
        | Scenario::Passkey
        | Scenario::Poll => Goal::None,
    }
}

/// Prints a heading.
pub(crate) fn heading(text: &str) {
    println!("\n{text}\n{}", "-".repeat(text.chars().count()));
}

/// Prints one figure with its name.
pub(crate) fn figure(name: &str, value: f64, unit: &str) {
    println!("{name:<44} {value:>12.1} {unit}");
}

/// Prints one rate with its name.
pub(crate) fn rate(name: &str, rate: Rate) {
    println!(
        "{name:<44} {:>12.1} per s {:>10.1} us of processor time each, {:>8.0} per s undisturbed",
        rate.per_second,
        rate.micros,
        rate.undisturbed()
    );
}

/// Prints what the columns of the table of scenarios mean.
pub(crate) fn legend() {
    println!(
        "srv us, gen us: processor time per step of the server and of the generator (PostgreSQL's own is not in it).\n\
         undist.: steps per second if nothing else ran on this machine and nothing had to be waited for.\n"
    );
}

/// Prints the head of the table of scenarios.
pub(crate) fn table_head() {
    println!(
        "{:<29} {:>7} {:>8} {:>8} {:>7} {:>7} {:>7}  {:<38} {:<9} goal",
        "scenario", "per s", "p50 ms", "p99 ms", "srv us", "gen us", "undist.", "of its ceiling", "undist."
    );
}

/// Prints a scenario.
pub(crate) fn scenario(scenario: Scenario, measured: &Measured, ceilings: &Ceilings) {
    let ceiling = ceilings.of(scenario);
    let share = measured.rate() / ceiling.per_second.max(f64::EPSILON);
    let goal = match goal(scenario) {
        Goal::Share(wanted) => verdict(share >= wanted, &format!(">= {:.0} %", wanted * 100.0)),
        Goal::Rate(wanted) => {
            let scale = (ceilings.rs256.per_second / REFERENCE_RS256).min(1.0);
            verdict(measured.rate() >= wanted * scale, &format!(">= {:.0}", wanted * scale))
        }
        Goal::Commits(wanted) => {
            let scale = (ceilings.grouped.per_second / REFERENCE_COMMITS).min(1.0);
            verdict(measured.rate() >= wanted * scale, &format!(">= {:.0}", wanted * scale))
        }
        Goal::None => String::new(),
    };
    let (server, own) = (measured.per_step(measured.server_cpu), measured.per_step(measured.own_cpu));
    let undisturbed = undisturbed(server + own);
    println!(
        "{:<29} {:>7.0} {:>8.2} {:>8.2} {server:>7.1} {own:>7.1} {undisturbed:>7.0}  {:<38} {:<9} {goal}",
        scenario.name(),
        measured.rate(),
        millis(measured.percentile(0.5)),
        millis(measured.percentile(0.99)),
        format!("{:>5.1} % of {:.0} {}", share * 100.0, ceiling.per_second, ceiling.name),
        format!("{:>5.1} %", undisturbed / ceiling.undisturbed.max(f64::EPSILON) * 100.0),
    );
    failures(measured);
}

/// Prints what failed, if anything did.
pub(crate) fn failures(measured: &Measured) {
    if measured.failures > 0 {
        let first = measured.first_failure.as_deref().unwrap_or("unknown");
        println!("    {} failures, the first: {first}", measured.failures);
    }
}

/// Prints the storm.
pub(crate) fn storm(storm: &Storm) {
    let (idle, during) = (storm.idle.percentile(0.99), storm.during.percentile(0.99));
    let bound = (3 * idle).max(Duration::from_millis(50));
    for (name, measured) in [("without", &storm.idle), ("during", &storm.during)] {
        println!(
            "{name:<10} {:>6.1} per s   p50 {:>7.2} ms   p99 {:>7.2} ms   {} failures",
            measured.rate(),
            millis(measured.percentile(0.5)),
            millis(measured.percentile(0.99)),
            measured.failures
        );
        failures(measured);
    }
    let [refused, later, other] = storm.guesses;
    println!("guesses: {refused} refused, {later} told to come back later, {other} otherwise");
    let met = during <= bound && storm.during.failures == 0 && other == 0;
    println!("p99 at most {:.0} ms and no failures: {}", millis(bound), verdict(met, ""));
}

fn verdict(met: bool, goal: &str) -> String {
    format!("{goal} {}", if met { "met" } else { "MISSED" }).trim().to_owned()
}

/// Devices that wait, and the memory of the server in MiB before and while they do.
pub(crate) fn waiting(waiting: &Waiting, (before, after): (f64, f64)) {
    let Waiting { polls, woken, failures: failed } = waiting;
    figure("polls for an approval, while they wait", polls.rate(), "/s");
    figure("  p50", millis(polls.percentile(0.5)), "ms");
    figure("  p99", millis(polls.percentile(0.99)), "ms");
    failures(polls);
    figure("from the question to the device, p50", millis(woken.percentile(0.5)), "ms");
    figure("  p99", millis(woken.percentile(0.99)), "ms");
    figure("requests of devices that failed", super::load::count(*failed), "");
    figure("resident before", before, "MiB");
    figure("resident while they wait", after, "MiB");
}

/// A duration in milliseconds.
pub(crate) fn millis(duration: Duration) -> f64 {
    duration.as_secs_f64() * 1000.0
}
