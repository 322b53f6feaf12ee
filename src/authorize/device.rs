//! The device grant's half in the browser (RFC 8628): a device asks for codes, a person opens its request with the user
//! code, and what the person decides ends the journey as a redirect ends others.

use std::sync::Arc;

use keys::Aad;
use time::Duration;

use super::{
    checks::{ValidRequest, scope},
    decide::Decision,
    destination::Destination,
    dispatch::Browser,
    flow::{Ending, Flow, FlowError, Pending, Progress, freeze, key},
    issue::{self, Issuing},
};
use crate::{
    app::App,
    cache::{Count, servers::ServerState},
    fault::Fault,
    id::DeviceCodeId,
    limit::rate::{Bucket, address},
    model::client::Client,
    protocol::{
        claims_request::ClaimsRequest,
        device::{DeviceAuthorizationRequest, DeviceAuthorizationResponse, UserCode},
        error::OAuthError,
        grant_type::GrantType,
        prompt::Prompt,
        response_mode::ResponseMode,
        response_type::ResponseType,
    },
    secret::{TokenHash, opaque_token},
    store::{
        self,
        device_code::{DeviceCode, Kept},
        unit::{Outcome, Unit},
    },
    syslog::{Caller, Event, EventType, record_repeated, record_throttled},
};

/// The life of device and user code.
const LIFETIME: Duration = Duration::minutes(10);
/// The least time between two polls, to begin with.
const INTERVAL: Duration = Duration::seconds(5);
/// Wrong codes that one browser may type while a code lives.
const WRONG_PER_BROWSER: u32 = 5;
/// All browsers together may type this many times the codes that one address may: a thousand addresses that guess for
/// ten minutes hit a given code with a chance below 2⁻²⁰.
const WRONG_IN_ALL: u32 = 100;
/// How often a user code that is taken is drawn again.
const DRAWS: u32 = 5;

/// Where a person types a user code, below the issuer.
pub const ACTIVATE: &str = "/activate";

/// Why a device got no codes.
#[derive(Debug, thiserror::Error)]
pub enum DeviceError {
    /// The grant type is not one of the client's.
    #[error("the grant type is not one of the client's")]
    UnauthorizedClient(Vec<GrantType>),
    /// The scope is not to be had.
    #[error(transparent)]
    Scope(#[from] OAuthError),
    /// Too many requests of this address are waiting.
    #[error("too many device authorization requests are waiting")]
    TooMany(Count),
    /// No verdict was reached.
    #[error(transparent)]
    Fault(#[from] Fault),
}

/// Answers a device authorization request of an authenticated client.
///
/// # Errors
/// The client may not have what it asks for, or a fault.
pub async fn begin(
    app: &App,
    server: &ServerState,
    client: &Client,
    request: &DeviceAuthorizationRequest,
    caller: &Caller,
) -> Result<DeviceAuthorizationResponse, DeviceError> {
    let refused = async |reason| {
        let event = Event::failure(EventType::Authorize, reason)
            .server(&server.config.server.id)
            .client(&client.id)
            .with("grantType", GrantType::DeviceCode.as_str());
        record_repeated(app, &format!("{}\n{reason}", client.id), event, caller).await
    };
    if !client.metadata.allows_grant_type(GrantType::DeviceCode) {
        refused("unauthorized_client").await?;
        return Err(DeviceError::UnauthorizedClient(client.metadata.grant_types.clone()));
    }
    let scope = match scope::granted(server, client, request.scope.as_ref(), scope::Unknown::Refused) {
        Ok(scope) => scope,
        Err(error) => {
            refused("invalid_scope").await?;
            return Err(error.into());
        }
    };
    let now = app.now();
    let client_ip = key(caller);
    if let Some(rate) = app.rates.of(Bucket::AuthorizePending) {
        let waiting = store::device_code::pending_from(&app.db, &client_ip, now, rate.limit).await?;
        if waiting >= u64::from(rate.limit) {
            metrics::counter!("rate_limit_refusals_total", "bucket" => Bucket::AuthorizePending.name())
                .increment(1);
            let reset_at_unix = (now + LIFETIME).unix_timestamp();
            let count = Count { limit: rate.limit, remaining: 0, reset_at_unix, exceeded: true };
            return Err(DeviceError::TooMany(count));
        }
    }
    let device_code = opaque_token(app.random.as_ref());
    for _ in 0..DRAWS {
        let user_code = draw(app);
        let id = DeviceCodeId::generate(app.random.as_ref());
        let code = DeviceCode {
            user_code_sealed: seal(app, &id, &user_code)?,
            id,
            server_id: server.config.server.id.clone(),
            client_id: client.id.clone(),
            scope: scope.clone(),
            ip: caller.ip.map(|ip| ip.to_string()),
            user_agent: caller.user_agent.clone(),
            created_at: now,
            expires_at: now + LIFETIME,
            decision: store::device_code::Decision::Pending,
            consumed_at: None,
        };
        let kept = Kept {
            device_code: &TokenHash::of(device_code.expose()),
            user_code_mac: &mac(app, &user_code),
            client_ip: &client_ip,
            interval: INTERVAL,
        };
        let unit = Unit::new().claim(store::device_code::claim_insert(&code, &kept));
        if app.db.writer().commit(unit).await? == Outcome::Won {
            return Ok(response(app, device_code.expose(), &user_code));
        }
    }
    Err(Fault::Overloaded("no free user code was found").into())
}

fn response(app: &App, device_code: &str, user_code: &UserCode) -> DeviceAuthorizationResponse {
    let verification_uri = format!("{}{ACTIVATE}", app.settings.issuer);
    DeviceAuthorizationResponse {
        device_code: device_code.to_owned(),
        user_code: user_code.to_string(),
        verification_uri_complete: format!("{verification_uri}?user_code={user_code}"),
        verification_uri,
        expires_in: LIFETIME.whole_seconds(),
        interval: INTERVAL.whole_seconds(),
    }
}

fn draw(app: &App) -> UserCode {
    UserCode::draw(|| {
        let mut byte = [0_u8; 1];
        app.random.fill(&mut byte);
        let [byte] = byte;
        byte
    })
}

/// A user code is too short for a plain hash: whoever reads the table could try them all.
fn mac(app: &App, code: &UserCode) -> String {
    use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD};
    URL_SAFE_NO_PAD.encode(keys::hmac_sha256(&app.derived.user_code, &[code.as_str().as_bytes()]))
}

fn aad(id: &DeviceCodeId) -> Aad<'_> {
    Aad { table: "device_code", column: "user_code_sealed", row: id.as_str() }
}

fn seal(app: &App, id: &DeviceCodeId, code: &UserCode) -> Result<String, Fault> {
    let sealed = app.master.seal(&aad(id), code.to_string().as_bytes());
    sealed.map_err(|error| Fault::Crypto(error.to_string()))
}

/// The user code of a request, to be compared with what the device shows (RFC 8628 §3.3.1).
///
/// # Errors
/// It cannot be opened.
pub fn user_code(app: &App, code: &DeviceCode) -> Result<String, Fault> {
    let clear = app.master.open(&aad(&code.id), &code.user_code_sealed);
    let clear = clear.map_err(|error| Fault::Crypto(error.to_string()))?;
    String::from_utf8(clear.to_vec()).map_err(Fault::stored)
}

/// Why a user code opened nothing. Malformed, unknown, expired and used codes are one.
#[derive(Debug, thiserror::Error)]
pub enum OpenError {
    /// It is not the code of a request that waits.
    #[error("the user code opens nothing")]
    WrongCode,
    /// Too many codes were tried.
    #[error("too many user codes were tried")]
    Throttled(Count),
    /// The request cannot be frozen.
    #[error(transparent)]
    Flow(#[from] FlowError),
}

impl From<Fault> for OpenError {
    fn from(fault: Fault) -> Self {
        Self::Flow(fault.into())
    }
}

/// A device's request as the person's browser goes on with it.
pub struct Opened {
    /// The request, frozen.
    pub flow: Flow,
    /// Its authorization server.
    pub server: Arc<ServerState>,
    /// Its client.
    pub client: Arc<Client>,
}

/// Opens the request that a typed user code names, and freezes it for the browser.
///
/// # Errors
/// The code opens nothing, too many were tried, or a fault.
pub async fn open(app: &App, typed: &str, browser: &Browser<'_>) -> Result<Opened, OpenError> {
    throttle(app, browser).await?;
    let Some((code, server, client)) = find(app, typed).await? else {
        wrong(app, browser).await?;
        return Err(OpenError::WrongCode);
    };
    let pending = Pending {
        request: request(app, &server, &client, &code),
        progress: Progress::default(),
        ending: Ending::Device(code.id),
    };
    let (id, row) = freeze(app, &pending, browser.binding, browser.caller).await?;
    app.db.writer().commit(Unit::new().row(row)).await?;
    Ok(Opened { flow: Flow { id, version: 0, pending }, server, client })
}

async fn find(app: &App, typed: &str) -> Result<Option<(DeviceCode, Arc<ServerState>, Arc<Client>)>, Fault> {
    let Some(code) = UserCode::parse(typed) else { return Ok(None) };
    let found = store::device_code::find_by_user_code(&app.db, &mac(app, &code), app.now()).await?;
    let Some(code) = found else { return Ok(None) };
    let server = app.server(code.server_id.as_str()).await?;
    let client = app.clients.find(&app.db, &code.client_id).await?;
    let client = client
        .filter(|client| client.is_active() && client.metadata.allows_grant_type(GrantType::DeviceCode));
    Ok(server.zip(client).map(|(server, client)| (code, server, client)))
}

/// The device's request as if it had come to the authorization endpoint with `prompt=consent`: a person always has to
/// see what is asked for, and to agree (RFC 8628 §5.4). The answer stays on our own page.
fn request(app: &App, server: &ServerState, client: &Client, code: &DeviceCode) -> ValidRequest {
    ValidRequest {
        server_id: code.server_id.clone(),
        client_id: code.client_id.clone(),
        destination: Destination {
            redirect_uri: format!("{}{ACTIVATE}", app.settings.issuer),
            redirect_uri_sent: false,
            response_mode: ResponseMode::Query,
            state: None,
            iss: server.issuer.clone(),
            server_id: code.server_id.clone(),
            client_id: code.client_id.clone(),
        },
        response_type: ResponseType::Code,
        scope: code.scope.clone(),
        nonce: None,
        prompt: Some(Prompt::Consent.as_str().to_owned()),
        max_age: client.metadata.default_max_age,
        acr_values: client.metadata.default_acr_values.clone(),
        login_hint: None,
        hinted_user: None,
        code_challenge: None,
        dpop_jkt: None,
        ui_locales: Vec::new(),
        pushed: None,
        claims: ClaimsRequest::default(),
        resource: Vec::new(),
    }
}

/// The budgets of the address, of the browser and of all together (RFC 8628 §5.1).
async fn throttle(app: &App, browser: &Browser<'_>) -> Result<(), OpenError> {
    let Some(rate) = app.rates.of(Bucket::UserCode) else { return Ok(()) };
    let now = app.now();
    let ip = browser.caller.ip.map(address).unwrap_or_default();
    let tried = app.counter.hit(&Bucket::UserCode.key(&[&ip]), rate.limit, rate.window, now).await;
    let mut exceeded = tried.exceeded.then_some(tried);
    for (key, limit, window) in wrong_counters(browser, rate) {
        let count = app.counter.peek(&key, limit, window, now).await;
        exceeded = exceeded.or(count.exceeded.then_some(count));
    }
    let Some(count) = exceeded else { return Ok(()) };
    record_throttled(app, Bucket::UserCode, browser.caller).await?;
    Err(OpenError::Throttled(count))
}

/// Counts a wrong code; the count decides the next attempt, not this one.
async fn wrong(app: &App, browser: &Browser<'_>) -> Result<(), Fault> {
    if let Some(rate) = app.rates.of(Bucket::UserCode) {
        for (key, limit, window) in wrong_counters(browser, rate) {
            let _ = app.counter.hit(&key, limit, window, app.now()).await;
        }
    }
    let event = Event::failure(EventType::Authorize, "user_code_wrong");
    record_repeated(app, "user_code_wrong", event, browser.caller).await
}

fn wrong_counters(
    browser: &Browser<'_>,
    rate: crate::limit::rate::Rate,
) -> [(String, u32, std::time::Duration); 2] {
    let binding = TokenHash::of(browser.binding).encoded();
    [
        (Bucket::UserCode.key(&["browser", &binding]), WRONG_PER_BROWSER, LIFETIME.unsigned_abs()),
        (Bucket::UserCode.key(&["all"]), rate.limit.saturating_mul(WRONG_IN_ALL), rate.window),
    ]
}

/// Approves the device: the grant, the decision and the end of the journey are one unit. `None` when somebody decided
/// before, or the code has expired.
///
/// # Errors
/// The database failed; nothing was approved.
pub(super) async fn approve(
    app: &App,
    issuing: &Issuing<'_>,
    (id, request): (&DeviceCodeId, &ValidRequest),
    decision: Decision,
    mut unit: Unit,
) -> Result<Option<()>, Fault> {
    let now = app.now();
    let grant = issue::grant(app, issuing, request, &decision)?;
    let mut event = Event::new(EventType::AuthorizeDevice)
        .server(&grant.server_id)
        .client(&grant.client_id)
        .session(&issuing.session.id)
        .with("grant", grant.id.as_str())
        .with("scopes", grant.scope.to_string());
    if let Some(user) = &grant.user_id {
        event = event.user(user);
    }
    unit = unit.claim(store::device_code::claim_approval(id, &grant.id, now));
    if let Some(flow) = issuing.flow {
        unit = unit.claim(flow.complete());
    }
    unit = unit.row(store::grant::row(&grant)?).row(event.row(issuing.caller, app.random.as_ref(), now));
    match app.db.writer().commit(unit).await? {
        Outcome::Won => Ok(Some(())),
        Outcome::Lost(_) => Ok(None),
    }
}
