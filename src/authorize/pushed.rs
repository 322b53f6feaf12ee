//! Pushed authorization requests (RFC 9126). A request is validated when its client pushes it; what was found valid is
//! stored and named by a `request_uri`. The browser carries that name and nothing else. It can be opened again until a
//! flow that it began is completed: people reload, and browsers fetch ahead.

use std::sync::Arc;

use time::OffsetDateTime;

use super::{
    checks::{Entry, ValidRequest, validate},
    destination::{LocateError, active_client, destination},
    parse::{Parsed, Source},
    request_object::{RequestObjectError, resolve},
};
use crate::{
    app::App,
    cache::{Count, servers::ServerState},
    client::{
        dpop::{self, Expected, Proof, ProofError},
        sender::Sender,
    },
    fault::Fault,
    limit::rate::{Bucket, address},
    model::client::Client,
    protocol::{
        authorization_request::AuthorizationRequest,
        dpop::{DpopError, ProofHeader},
        error::OAuthError,
        params::{ParamError, Params},
        pushed::{PushedResponse, REQUEST_URI_PREFIX},
    },
    secret::{TokenHash, opaque_token},
    store::{
        self,
        pushed_request::PushedRequest,
        unit::{Outcome, Unit},
    },
    syslog::Caller,
};

/// Why a request was not taken.
#[derive(Debug, thiserror::Error)]
pub enum PushError {
    /// It is not valid.
    #[error(transparent)]
    Refused(#[from] OAuthError),
    /// Its DPoP proof is not accepted (RFC 9449 §10.1).
    #[error(transparent)]
    Proof(#[from] ProofError),
    /// Too many requests of public clients wait at this address.
    #[error("too many pushed requests wait")]
    TooMany(Count),
    /// No verdict was reached.
    #[error(transparent)]
    Fault(#[from] Fault),
}

impl From<ParamError> for PushError {
    fn from(error: ParamError) -> Self {
        Self::Refused(error.into())
    }
}

impl From<RequestObjectError> for PushError {
    fn from(error: RequestObjectError) -> Self {
        match error {
            RequestObjectError::Fault(fault) => Self::Fault(fault),
            RequestObjectError::Request(_) | RequestObjectError::Uri(_) | RequestObjectError::Object(_) => {
                Self::Refused(error.into())
            }
        }
    }
}

/// Takes a request from a client that was authenticated.
///
/// # Errors
/// The request is not valid, or a fault.
pub async fn push(
    app: &App,
    server: &ServerState,
    client: &Arc<Client>,
    (params, sender): (&Params, &Sender),
    caller: &Caller,
) -> Result<PushedResponse, PushError> {
    // RFC 9126 §2.1: a request cannot be pushed by naming another one.
    if params.contains("request_uri") {
        return Err(OAuthError::invalid_request("The parameter request_uri cannot be pushed.").into());
    }
    may_wait(app, client, caller).await?;
    let proof = proof(app, server, client, sender)?;
    let request = AuthorizationRequest::of_client(client.id.as_str(), params)?;
    let parsed = Parsed { request, repeated: None, params: params.clone(), source: Source::Parameters };
    let mut parsed = resolve(app, server, client, parsed, Entry::Pushed).await?;
    if let Some(proof) = &proof {
        // RFC 9449 §10.1: the proof binds the code like the parameter does; both must name the same key.
        let named = parsed.request.dpop_jkt.replace(proof.jkt.clone());
        if named.is_some_and(|named| named != proof.jkt) {
            return Err(
                OAuthError::invalid_request("The dpop_jkt is not of the key of the DPoP proof.").into()
            );
        }
    }
    let destination = match destination(server, client, &parsed.request) {
        Ok(destination) => destination,
        Err(LocateError::Fault(fault)) => return Err(fault.into()),
        // Nothing is shown to a browser here: the client itself is told (RFC 9126 §2.3).
        Err(error) => return Err(OAuthError::invalid_request(unlocated(&error)).into()),
    };
    let valid = validate(&parsed, client, server, destination, Entry::Pushed)?;
    let now = app.now();
    let request_uri = format!("{REQUEST_URI_PREFIX}{}", opaque_token(app.random.as_ref()).expose());
    let lifetime = app.settings.pushed_request_lifetime;
    let pushed = PushedRequest {
        client_id: client.id.clone(),
        server_id: server.config.server.id.clone(),
        payload: serde_json::to_string(&valid).map_err(Fault::from)?,
        expires_at: now + lifetime,
        consumed_at: None,
    };
    let row = store::pushed_request::row(&TokenHash::of(&request_uri), pushed, &key(caller), now);
    let mut unit = Unit::new().row(row);
    if let Some(proof) = &proof {
        unit = unit.precede(proof.claim());
    }
    if let Outcome::Lost(_) = app.db.writer().commit(unit).await? {
        return Err(ProofError::from(DpopError::Replayed).into());
    }
    Ok(PushedResponse { request_uri, expires_in: lifetime.whole_seconds() })
}

/// The proof that a pushed request comes with, if it does (RFC 9449 §10.1).
fn proof(
    app: &App,
    server: &ServerState,
    client: &Client,
    sender: &Sender,
) -> Result<Option<Proof>, ProofError> {
    let header = match &sender.proof {
        ProofHeader::Absent => return Ok(None),
        ProofHeader::Unreadable => return Err(DpopError::Header.into()),
        ProofHeader::Present(header) => header,
    };
    let targets = &server.endpoint_urls("par");
    let expected = Expected { method: &sender.method, targets, access_token: None };
    dpop::verify(app, server, client, header, &expected).map(Some)
}

fn unlocated(error: &LocateError) -> &'static str {
    match error {
        LocateError::MissingRedirectUri(_) => "The parameter redirect_uri is missing.",
        LocateError::UnregisteredRedirectUri { .. } => "The redirect_uri is not registered for this client.",
        LocateError::UnknownClient | LocateError::InvalidRequestUri | LocateError::Fault(_) => {
            "The request cannot be answered."
        }
    }
}

/// Opens a pushed request for the browser that was sent with its name. Nothing is spent yet.
///
/// # Errors
/// The client is not active, or the name is unknown, expired, spent, or another client's or server's (RFC 9126 §2.2).
pub async fn open(
    app: &App,
    server: &ServerState,
    client_id: &str,
    request_uri: &str,
) -> Result<(Arc<Client>, ValidRequest), LocateError> {
    let client = active_client(app, client_id).await?;
    let hash = TokenHash::of(request_uri);
    let stored = store::pushed_request::find(&app.db, &hash).await?;
    let pushed = stored
        .filter(|pushed| counts(pushed, &client, server, app.now()))
        .ok_or(LocateError::InvalidRequestUri)?;
    let mut request: ValidRequest = serde_json::from_str(&pushed.payload).map_err(Fault::from)?;
    request.pushed = Some(hash.encoded());
    Ok((client, request))
}

fn counts(pushed: &PushedRequest, client: &Client, server: &ServerState, now: OffsetDateTime) -> bool {
    pushed.client_id == client.id
        && pushed.server_id == server.config.server.id
        && pushed.expires_at > now
        && pushed.consumed_at.is_none()
}

fn key(caller: &Caller) -> String {
    caller.ip.map_or_else(|| "-".to_owned(), address)
}

/// A public client is known by its name only: whoever gives it leaves a row behind, so those rows are capped.
async fn may_wait(app: &App, client: &Client, caller: &Caller) -> Result<(), PushError> {
    let Some(rate) = app.rates.of(Bucket::AuthorizePending).filter(|_| client.metadata.is_public()) else {
        return Ok(());
    };
    let now = app.now();
    let waiting = store::pushed_request::pending_from(&app.db, &key(caller), now, rate.limit).await?;
    if waiting < u64::from(rate.limit) {
        return Ok(());
    }
    metrics::counter!("rate_limit_refusals_total", "bucket" => Bucket::AuthorizePending.name()).increment(1);
    let reset_at_unix = (now + app.settings.pushed_request_lifetime).unix_timestamp();
    Err(PushError::TooMany(Count { limit: rate.limit, remaining: 0, reset_at_unix, exceeded: true }))
}
