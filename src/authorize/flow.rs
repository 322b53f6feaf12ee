//! A request that waits for its user: frozen in a row, bound to the browser that began it.

use serde::{Deserialize, Serialize};
use time::OffsetDateTime;

use super::checks::ValidRequest;
use crate::{
    app::App,
    fault::Fault,
    id::{DeviceCodeId, FlowId, UserId},
    limit::rate::{Bucket, address},
    model::session::VerifiedFactor,
    protocol::scope::ScopeSet,
    secret::TokenHash,
    store::{
        self,
        unit::{Change, Row, Unit},
    },
    syslog::Caller,
};

/// What was asked and answered in this flow so far.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
pub struct Progress {
    /// Who proved credentials in this flow.
    pub authenticated: Option<UserId>,
    /// Which account was chosen.
    pub chosen: Option<UserId>,
    /// The scopes that were agreed to in this flow, and by whom.
    pub agreed: Option<(UserId, ScopeSet)>,
    /// When something was first proved in this flow, in milliseconds of the Unix epoch, and by whom: whatever was proved
    /// since then was proved for this request.
    #[serde(default)]
    pub proved: Option<(UserId, i64)>,
}

impl Progress {
    /// Notes that somebody signed in here by these proofs.
    pub fn signed_in(&mut self, user: &UserId, proofs: &[VerifiedFactor]) {
        self.authenticated = Some(user.clone());
        self.chosen = Some(user.clone());
        self.stepped_up(user, proofs);
    }

    /// Notes what the user of the session proved here beside what the session had to show.
    pub fn stepped_up(&mut self, user: &UserId, proofs: &[VerifiedFactor]) {
        let first = proofs.iter().map(|proof| proof.at).min();
        // To the millisecond, as proofs are stored.
        let first = first.and_then(|at| i64::try_from(at.unix_timestamp_nanos() / 1_000_000).ok());
        let before = self.proved.as_ref().filter(|(known, _)| known == user).map(|(_, at)| *at);
        if let Some(at) = before.or(first) {
            self.proved = Some((user.clone(), at));
        }
    }

    /// Since when whatever a user proved was proved in this flow; absent: nothing was.
    pub fn proved_since(&self, user: &UserId) -> Option<OffsetDateTime> {
        let (_, at) = self.proved.as_ref().filter(|(known, _)| known == user)?;
        OffsetDateTime::from_unix_timestamp_nanos(i128::from(*at) * 1_000_000).ok()
    }
}

/// What a journey ends in.
#[derive(Clone, PartialEq, Eq, Debug, Default, Serialize, Deserialize)]
pub enum Ending {
    /// An authorization response, to the client.
    #[default]
    Response,
    /// A decision about a device (RFC 8628 §3.3), which its next poll learns.
    Device(DeviceCodeId),
}

/// The frozen request with its progress.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Pending {
    /// The request.
    pub request: ValidRequest,
    /// The progress.
    pub progress: Progress,
    /// What it ends in.
    #[serde(default)]
    pub ending: Ending,
}

/// A pending request that was loaded.
#[derive(Clone, Debug)]
pub struct Flow {
    /// `flw…`
    pub id: FlowId,
    /// Compare-and-swap counter.
    pub version: i32,
    /// What is pending.
    pub pending: Pending,
}

/// Why a flow cannot go on.
#[derive(Debug, thiserror::Error)]
pub enum FlowError {
    /// It never existed, was completed, or has expired.
    #[error("the sign-in is over or has taken too long")]
    Unknown,
    /// It belongs to another browser.
    #[error("the sign-in was begun in another browser")]
    ForeignBrowser,
    /// Too many requests of this address are waiting.
    #[error("too many sign-ins are waiting")]
    TooMany,
    /// No verdict was reached.
    #[error(transparent)]
    Fault(#[from] Fault),
}

impl Flow {
    /// Loads a flow for the browser that presents it.
    ///
    /// # Errors
    /// It is over, or another browser's.
    pub async fn load(app: &App, id: &FlowId, browser: Option<&str>) -> Result<Self, FlowError> {
        let stored = store::flow::find(&app.db, id, app.now()).await?.ok_or(FlowError::Unknown)?;
        // A link that carries somebody else's flow would sign the victim in as the attacker.
        if !browser.is_some_and(|browser| stored.browser.is(&TokenHash::of(browser))) {
            return Err(FlowError::ForeignBrowser);
        }
        let pending = serde_json::from_str(&stored.payload).map_err(Fault::from)?;
        Ok(Self { id: stored.id, version: stored.version, pending })
    }

    /// Saves the progress, unless another tab did meanwhile.
    ///
    /// # Errors
    /// The progress cannot be written as JSON.
    pub fn save(&self) -> Result<Change, Fault> {
        Ok(store::flow::claim_update(&self.id, self.version, serde_json::to_string(&self.pending)?))
    }

    /// Completes the flow: it can be completed once.
    pub fn complete(&self) -> Change {
        store::flow::claim_completion(&self.id, self.version)
    }
}

/// Adds what completing a request spends: the flow that it waits in, and the pushed request that it began as
/// (RFC 9126 §4). Each is spent once.
pub fn complete(unit: Unit, request: &ValidRequest, flow: Option<&Flow>, now: OffsetDateTime) -> Unit {
    let unit = match flow {
        Some(flow) => unit.claim(flow.complete()),
        None => unit,
    };
    match &request.pushed {
        Some(pushed) => unit.claim(store::pushed_request::claim_completion(pushed, now)),
        None => unit,
    }
}

/// Freezes a request for a browser. Anonymous requests are capped per address.
///
/// # Errors
/// Too many are waiting, or a fault.
pub async fn freeze(
    app: &App,
    pending: &Pending,
    browser: &str,
    caller: &Caller,
) -> Result<(FlowId, Row), FlowError> {
    may_wait(app, caller).await?;
    let now = app.now();
    let id = FlowId::generate(app.random.as_ref());
    let payload = serde_json::to_string(pending).map_err(Fault::from)?;
    let row = store::flow::row(&id, &TokenHash::of(browser), payload, &key(caller), times(app, now));
    Ok((id, row))
}

fn times(app: &App, now: OffsetDateTime) -> [OffsetDateTime; 2] {
    [now, now + app.settings.flow_lifetime]
}

/// The address as it is counted.
pub(super) fn key(caller: &Caller) -> String {
    caller.ip.map_or_else(|| "-".to_owned(), address)
}

async fn may_wait(app: &App, caller: &Caller) -> Result<(), FlowError> {
    let Some(rate) = app.rates.of(Bucket::AuthorizePending) else { return Ok(()) };
    let waiting = store::flow::pending_from(&app.db, &key(caller), app.now(), rate.limit).await?;
    if waiting < u64::from(rate.limit) {
        return Ok(());
    }
    metrics::counter!("rate_limit_refusals_total", "bucket" => Bucket::AuthorizePending.name()).increment(1);
    Err(FlowError::TooMany)
}

/// The parameters of a POSTed request, kept until the browser has followed a redirect: only then does it show a session
/// cookie that is `SameSite=Lax`. Opened once, by the secret in the redirect.
///
/// # Errors
/// Too many are waiting, or a fault.
pub async fn park(app: &App, encoded: &str, caller: &Caller) -> Result<(String, Row), FlowError> {
    may_wait(app, caller).await?;
    let id = FlowId::generate(app.random.as_ref());
    let secret = crate::secret::opaque_token(app.random.as_ref());
    let hash = TokenHash::of(secret.expose());
    let row = store::flow::row(&id, &hash, encoded.to_owned(), &key(caller), times(app, app.now()));
    Ok((format!("{id}.{}", secret.expose()), row))
}

/// Takes parked parameters out, once.
///
/// # Errors
/// They are gone, or the secret is wrong.
pub async fn unpark(app: &App, ticket: &str) -> Result<String, FlowError> {
    let (id, secret) = ticket.split_once('.').ok_or(FlowError::Unknown)?;
    let id = FlowId::new(id);
    let stored = store::flow::find(&app.db, &id, app.now()).await?.ok_or(FlowError::Unknown)?;
    if !stored.browser.is(&TokenHash::of(secret)) {
        return Err(FlowError::Unknown);
    }
    let unit = Unit::new().claim(store::flow::claim_completion(&id, stored.version));
    match app.db.writer().commit(unit).await? {
        store::unit::Outcome::Won => Ok(stored.payload),
        store::unit::Outcome::Lost(_) => Err(FlowError::Unknown),
    }
}
