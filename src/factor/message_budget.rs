//! How many codes are sent, and to whom. What is asked for is charged, durably, before anything is sent; a code that was
//! answered gives back what it took of the budgets of its destination and of its asker's address, but not of its country.

use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD};

use super::{FactorError, Purpose, attempt, phone};
use crate::{
    app::App,
    cache::Count,
    fault::Fault,
    limit::rate::address,
    message::Destination,
    model::factor::FactorKind,
    store::{
        factor_budget::{self, Budget},
        unit::{Outcome, Unit},
    },
    syslog::{Caller, Event, EventType, record_repeated},
};

/// What a message is charged to.
struct Charge {
    key: String,
    budget: Budget,
}

/// Where a message goes and who asks for it.
#[derive(Clone, Copy, Debug)]
pub struct Sending<'a> {
    /// The kind of the factor.
    pub kind: FactorKind,
    /// Where it goes.
    pub to: &'a Destination,
    /// What for.
    pub purpose: Purpose<'a>,
    /// Who asks.
    pub caller: &'a Caller,
}

/// Charges a message before it is sent.
///
/// # Errors
/// It cannot be sent now, or not to that country.
pub async fn charge(app: &App, sending: Sending<'_>) -> Result<(), FactorError> {
    let charges = charges(app, sending)?;
    charge_all(app, &charges, (sending.kind, sending.caller)).await
}

/// Charges what looks like a message and goes to nobody: a login that nobody has is asked for as often as any other (security
/// rule M3).
///
/// # Errors
/// It could not be sent now.
pub async fn charge_nobody(
    app: &App,
    (kind, login): (FactorKind, &str),
    (purpose, caller): (Purpose<'_>, &Caller),
) -> Result<(), FactorError> {
    let key = hidden(app, "nobody", login);
    let charges: Vec<Charge> = [Charge { key, budget: attempt::per_destination(kind) }]
        .into_iter()
        .chain(address_charge(app, purpose, caller))
        .collect();
    charge_all(app, &charges, (kind, caller)).await
}

async fn charge_all(
    app: &App,
    charges: &[Charge],
    (kind, caller): (FactorKind, &Caller),
) -> Result<(), FactorError> {
    let now = app.now();
    let unit = charges
        .iter()
        .fold(Unit::new(), |unit, charge| unit.claim(factor_budget::claim(&charge.key, &charge.budget, now)));
    let Outcome::Lost(index) = app.db.writer().commit(unit).await? else { return Ok(()) };
    let event = Event::failure(EventType::RateLimited, "factor_messages");
    record_repeated(app, "factor_messages", event, caller).await?;
    let Some(Charge { key, budget }) = charges.get(index) else {
        return Err(Fault::Stored(format!("no budget has the number {index}")).into());
    };
    let used = factor_budget::find(&app.db, key, now).await?;
    if used.is_some_and(|used| used.used < budget.limit && used.last_used_at + budget.gap > now) {
        return Err(FactorError::SentRecently(kind));
    }
    let until = used.map_or(now, |used| used.expires_at);
    Err(FactorError::TooManyMessages(Count::used_up(budget.limit, until)))
}

/// Adds to a unit what an answered message gives back.
pub fn refund(app: &App, unit: Unit, sending: Sending<'_>) -> Unit {
    let keys = [Some(destination_key(app, sending.to)), address_key(app, sending.purpose, sending.caller)];
    keys.into_iter().flatten().fold(unit, |unit, key| unit.change(factor_budget::refund(&key)))
}

fn charges(app: &App, sending: Sending<'_>) -> Result<Vec<Charge>, FactorError> {
    let budget = attempt::per_destination(sending.kind);
    let mut charges = vec![Charge { key: destination_key(app, sending.to), budget }];
    charges.extend(address_charge(app, sending.purpose, sending.caller));
    if let Destination::Sms(number) | Destination::Call { number, .. } = sending.to {
        let country = phone::country(number);
        let settings = &app.settings.phone;
        if !settings.countries.is_empty() && !settings.countries.iter().any(|known| known == country) {
            return Err(FactorError::Country);
        }
        let budget = attempt::per_country(settings.per_country_and_hour);
        charges.push(Charge { key: format!("country:{country}"), budget });
    }
    Ok(charges)
}

/// A text message and a call to one phone count apart, as their gaps do.
fn destination_key(app: &App, to: &Destination) -> String {
    match to {
        Destination::Email(address) => hidden(app, "email", &address.to_lowercase()),
        Destination::Sms(number) => hidden(app, "sms", number),
        Destination::Call { number, .. } => hidden(app, "call", number),
    }
}

fn address_charge(app: &App, purpose: Purpose<'_>, caller: &Caller) -> Option<Charge> {
    address_key(app, purpose, caller).map(|key| Charge { key, budget: attempt::PER_ADDRESS })
}

/// Administrators and trusted applications ask for many users from one address.
fn address_key(app: &App, purpose: Purpose<'_>, caller: &Caller) -> Option<String> {
    match purpose {
        Purpose::Transaction(_) | Purpose::Session(_) | Purpose::Browser(_) if caller.actor.is_none() => {
            caller.ip.map(|ip| hidden(app, "address", &address(ip)))
        }
        _ => None,
    }
}

/// The table of budgets tells nobody whom messages went to.
fn hidden(app: &App, what: &str, value: &str) -> String {
    let mac = keys::hmac_sha256(&app.derived.factor, &[b"budget", what.as_bytes(), value.as_bytes()]);
    format!("{what}:{}", URL_SAFE_NO_PAD.encode(mac))
}

/// Uses a budget of a user; says whether there was anything left.
///
/// # Errors
/// The database failed.
pub(super) async fn claim(app: &App, key: &str, budget: &Budget) -> Result<bool, Fault> {
    let unit = Unit::new().claim(factor_budget::claim(key, budget, app.now()));
    Ok(app.db.writer().commit(unit).await? == Outcome::Won)
}
