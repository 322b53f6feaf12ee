//! The token endpoint's use case. Phases that every grant shares, in order: authenticate the client, check that the
//! grant type is the client's, check what the sender proves, redeem, decide by policy, commit, sign. A grant cannot
//! forget a shared step because it never holds it: a file below says only what is its own.
//!
//! Consume first, mint second: what a grant spends is spent durably before anything is signed, so a signer that fails
//! leaves a spent code, the safe side.

pub mod authorization_code;
pub mod client_credentials;
mod decide;
pub mod device_code;
pub mod jwt_bearer;
pub mod password;
pub mod refresh_token;
mod sender;
pub mod token_exchange;

use std::sync::Arc;

use time::{Duration, OffsetDateTime};

use self::sender::Proven;
use crate::{
    app::App,
    cache::{Count, servers::ServerState},
    claims::assemble::ClaimsError,
    client::{
        AuthenticateError, authenticate,
        authenticate::Endpoint,
        encryption::{self, NoEncryptionKey},
        sender::Sender,
    },
    fault::Fault,
    model::{client::Client, grant::Grant, user::Holder},
    protocol::{
        claims_request::ClaimsRequest,
        client_auth::ClientAuthentication,
        dpop::DpopError,
        grant_type::GrantType,
        redirect_uri::origin_of,
        resource::InvalidTarget,
        scope::{OPENID, ScopeSet},
        token_exchange::TokenTypeUri,
        token_request::TokenRequest,
        token_response::{TokenResponse, TokenType},
    },
    secret::Secret,
    store::unit::{Outcome, Unit},
    syslog::{Caller, Event, EventType, Reason, record_repeated},
    token::{self, LoadedSubject, Mint, MintError, Subject},
};

/// Why a token request was refused; the second part is the word for the log.
#[derive(Debug, thiserror::Error)]
pub enum GrantError {
    /// The client was not authenticated.
    #[error(transparent)]
    Client(#[from] AuthenticateError),
    /// The grant type is not one of the client's.
    #[error("the grant type is not one of the client's")]
    UnauthorizedClient(Vec<GrantType>),
    /// A browser asks for what browsers do not get here.
    #[error("the origin may not use this grant")]
    BrowserRefused,
    /// The code, refresh token or verifier is invalid, expired, spent, or another client's.
    #[error("invalid grant: {0}")]
    InvalidGrant(Reason),
    /// The refresh token is invalid or expired.
    #[error("invalid refresh token: {0}")]
    InvalidRefreshToken(Reason),
    /// The sign-in behind a grant does not satisfy the policy of the application any more (RFC 9470 §3).
    #[error("the sign-in does not satisfy policy: {0}")]
    InsufficientAuthentication(Reason),
    /// A scope is unknown, not the client's to have, or wider than what was granted.
    #[error("invalid scope: {0}")]
    InvalidScope(&'static str),
    /// A scope needs a user's consent and nobody can be asked.
    #[error("a scope needs consent")]
    ConsentRequired,
    /// A resource is unknown or not what was granted.
    #[error(transparent)]
    InvalidTarget(#[from] InvalidTarget),
    /// No access policy allows it.
    #[error("denied by access policy")]
    AccessDenied,
    /// The client's ID tokens cannot be encrypted.
    #[error(transparent)]
    NoEncryptionKey(#[from] NoEncryptionKey),
    /// The grant type is not offered by this authorization server.
    #[error("the grant type is not offered here")]
    UnsupportedGrantType,
    /// Parameters that do not go together.
    #[error("invalid request: {0}")]
    InvalidRequest(&'static str),
    /// Too many sign-in attempts.
    #[error("too many attempts")]
    Throttled(Count),
    /// The user has not decided yet (RFC 8628 §3.5).
    #[error("the user has not decided yet")]
    AuthorizationPending,
    /// The client polls too fast (RFC 8628 §3.5).
    #[error("the client polls too fast")]
    SlowDown,
    /// The device code has expired (RFC 8628 §3.5).
    #[error("the device code has expired")]
    ExpiredToken,
    /// The user, or a policy asked for the user, said no (RFC 8628 §3.5).
    #[error("the user denied the request")]
    UserDenied,
    /// The DPoP proof is missing or proves nothing (RFC 9449 §5).
    #[error(transparent)]
    Dpop(#[from] DpopError),
    /// The DPoP proof needs this nonce (RFC 9449 §8).
    #[error("the DPoP proof needs a nonce")]
    UseDpopNonce(String),
    /// A claim cannot be computed.
    #[error(transparent)]
    Claims(#[from] ClaimsError),
    /// No verdict was reached.
    #[error(transparent)]
    Fault(#[from] Fault),
}

impl From<MintError> for GrantError {
    fn from(error: MintError) -> Self {
        match error {
            MintError::Claims(error) => Self::Claims(error),
            MintError::Fault(fault) => Self::Fault(fault),
        }
    }
}

/// A token request with what transport says about it.
pub struct Request<'a> {
    /// The authorization server that was called.
    pub server: &'a ServerState,
    /// The credentials.
    pub authentication: ClientAuthentication,
    /// What transport proves about the sender.
    pub sender: Sender,
    /// The `Origin` header of a browser.
    pub origin: Option<&'a str>,
    /// Every `resource` (RFC 8707 §2.2).
    pub resource: &'a [String],
    /// Who sent it.
    pub caller: &'a Caller,
}

/// What a grant hands to the shared phases once it is redeemed: the unit still to be committed, and what to mint.
struct Redeemed {
    /// Claims, rows and denials of the grant itself.
    unit: Unit,
    /// What it says when a claim of the unit is lost.
    lost: fn(usize) -> GrantError,
    /// The grant; client credentials have none.
    grant: Option<Grant>,
    /// The user of the grant.
    user: Option<Holder>,
    /// The scopes of the tokens.
    scope: ScopeSet,
    /// Lifetime of the access token.
    access_lifetime: Duration,
    /// The refresh token to hand out.
    refresh_token: Option<Secret<String>>,
    /// The device secret to hand out.
    device_secret: Option<Secret<String>>,
    /// `nonce` for the ID token.
    nonce: Option<String>,
    /// The grant type, for log and metrics.
    kind: GrantType,
}

impl Redeemed {
    /// Tokens of a user's grant, without anything optional.
    fn of(unit: Unit, grant: Grant, user: Holder, (kind, scope): (GrantType, ScopeSet)) -> Self {
        Self {
            unit,
            lost: |_| GrantError::InvalidGrant("grant_ended"),
            access_lifetime: grant.access_lifetime,
            grant: Some(grant),
            user: Some(user),
            scope,
            refresh_token: None,
            device_secret: None,
            nonce: None,
            kind,
        }
    }
}

/// The context that a grant works in.
struct Context<'a> {
    app: &'a App,
    server: &'a ServerState,
    client: &'a Client,
    resource: &'a [String],
    caller: &'a Caller,
    now: OffsetDateTime,
    /// What the sender has proved.
    sender: Proven,
}

impl Context<'_> {
    fn event(&self, event: Event) -> crate::store::unit::Row {
        event.server(&self.server.config.server.id).client(&self.client.id).row(
            self.caller,
            self.app.random.as_ref(),
            self.now,
        )
    }
}

/// The client that authenticated, if any did, and the outcome.
pub type Answer = (Option<Arc<Client>>, Result<TokenResponse, GrantError>);

/// Answers a token request.
pub async fn run(app: &App, request: Request<'_>, token_request: &TokenRequest) -> Answer {
    let client = match authenticate(
        app,
        request.server,
        Endpoint::Token,
        request.authentication,
        request.caller,
    )
    .await
    {
        Ok(client) => client,
        Err(error) => return (None, Err(error.into())),
    };
    let mut context = Context {
        app,
        server: request.server,
        client: &client,
        resource: request.resource,
        caller: request.caller,
        now: app.now(),
        sender: Proven::default(),
    };
    let mut answer = answer(&mut context, (request.origin, &request.sender), token_request).await;
    if let Err(error) = &answer
        && let Err(fault) = record_refusal(&context, token_request.grant_type(), error).await
    {
        answer = Err(fault.into());
    }
    (Some(client), answer)
}

/// Writes a refusal to the system log; like ones within a minute are gathered.
async fn record_refusal(context: &Context<'_>, kind: GrantType, error: &GrantError) -> Result<(), Fault> {
    let reason = match error {
        GrantError::InvalidGrant(reason)
        | GrantError::InvalidRefreshToken(reason)
        | GrantError::InsufficientAuthentication(reason) => reason,
        GrantError::UnauthorizedClient(_) => "unauthorized_client",
        GrantError::BrowserRefused => "origin_not_allowed",
        GrantError::InvalidScope(_) => "invalid_scope",
        GrantError::ConsentRequired => "consent_required",
        GrantError::InvalidTarget(_) => "invalid_target",
        GrantError::NoEncryptionKey(_) => "no_encryption_key",
        GrantError::AccessDenied => "access_denied",
        GrantError::ExpiredToken => "device_code_expired",
        GrantError::UserDenied => "user_denied",
        GrantError::UnsupportedGrantType => "unsupported_grant_type",
        GrantError::InvalidRequest(_) => "invalid_request",
        // Logged where it was counted.
        GrantError::Throttled(_) => return Ok(()),
        // Not a refusal: the answer is still to come.
        GrantError::AuthorizationPending | GrantError::SlowDown => return Ok(()),
        GrantError::Dpop(error) => error.reason(),
        GrantError::Claims(_) => "claim_failed",
        // A nonce is asked for as a matter of course.
        GrantError::UseDpopNonce(_) | GrantError::Client(_) | GrantError::Fault(_) => return Ok(()),
    };
    let event = Event::failure(EventType::TokenGrant, reason)
        .server(&context.server.config.server.id)
        .client(&context.client.id)
        .with("grantType", kind.as_str());
    record_repeated(context.app, &format!("{}\n{reason}", context.client.id), event, context.caller).await
}

async fn answer(
    context: &mut Context<'_>,
    (origin, sender): (Option<&str>, &Sender),
    request: &TokenRequest,
) -> Result<TokenResponse, GrantError> {
    let grant_type = request.grant_type();
    if !context.client.metadata.allows_grant_type(grant_type) {
        return Err(GrantError::UnauthorizedClient(context.client.metadata.grant_types.clone()));
    }
    if let Some(origin) = origin {
        browser_may_ask(context, origin, grant_type).await?;
    }
    context.sender = sender::prove(context, sender, grant_type)?;
    let redeemed = redeem(context, request).await?;
    match issue(context, redeemed).await {
        // A concurrent first use won: seen again, this one is a repeat inside the leeway, or a reuse.
        Err(GrantError::InvalidRefreshToken(refresh_token::RACE)) => {
            let redeemed = redeem(context, request).await?;
            issue(context, redeemed).await
        }
        answer => answer,
    }
}

async fn redeem(context: &Context<'_>, request: &TokenRequest) -> Result<Redeemed, GrantError> {
    match request {
        TokenRequest::AuthorizationCode { code, redirect_uri, code_verifier } => {
            authorization_code::redeem(context, code, redirect_uri.as_deref(), code_verifier.as_ref()).await
        }
        TokenRequest::RefreshToken { refresh_token, scope } => {
            refresh_token::redeem(context, refresh_token, scope.as_ref()).await
        }
        TokenRequest::DeviceCode { device_code } => device_code::redeem(context, device_code).await,
        TokenRequest::Password { username, password, scope } => {
            password::redeem(context, (username, password), scope.as_ref()).await
        }
        TokenRequest::JwtBearer { assertion, scope } => {
            jwt_bearer::redeem(context, assertion, scope.as_ref()).await
        }
        TokenRequest::TokenExchange(request) => token_exchange::redeem(context, request).await,
        TokenRequest::ClientCredentials { scope } => client_credentials::redeem(context, scope.as_ref()),
    }
}

/// Okta: token requests from browsers are limited to code and refresh, from origins that are known for the client.
async fn browser_may_ask(
    context: &Context<'_>,
    origin: &str,
    grant_type: GrantType,
) -> Result<(), GrantError> {
    // Our own pages (the playground) are on the issuer's origin.
    if origin_of(&context.app.settings.issuer).as_deref() == Some(origin) {
        return Ok(());
    }
    let browser_grant = matches!(grant_type, GrantType::AuthorizationCode | GrantType::RefreshToken);
    let origins = context.app.origins.load(&context.app.db).await?;
    if browser_grant && origins.allows(context.client, origin) {
        Ok(())
    } else {
        Err(GrantError::BrowserRefused)
    }
}

/// The resources of the access token (RFC 8707 §2.2): those asked for, which must be among those granted, else all that
/// were granted; empty: the audience of the server. What the server no longer serves is not granted any more.
fn target(context: &Context<'_>, grant: Option<&Grant>) -> Result<Vec<String>, InvalidTarget> {
    let server = &context.server.config.server;
    let granted: Option<Vec<String>> = grant.map(|grant| {
        let of_server = std::slice::from_ref(&server.audience);
        let granted = if grant.resource.is_empty() { of_server } else { &grant.resource };
        granted.iter().filter(|resource| server.serves(resource)).cloned().collect()
    });
    match granted {
        Some(granted) if granted.is_empty() => Err(InvalidTarget),
        Some(granted) if context.resource.is_empty() => Ok(granted),
        Some(granted) if context.resource.iter().all(|resource| granted.contains(resource)) => {
            Ok(context.resource.to_vec())
        }
        // A machine acts for itself: nothing was granted before.
        None if context.resource.iter().all(|resource| server.serves(resource)) => {
            Ok(context.resource.to_vec())
        }
        Some(_) | None => Err(InvalidTarget),
    }
}

/// Commits what was redeemed together with its log event, then signs.
async fn issue(context: &Context<'_>, mut redeemed: Redeemed) -> Result<TokenResponse, GrantError> {
    context.sender.guard(context, &mut redeemed)?;
    let confirmation = context.sender.confirmation(redeemed.grant.as_ref());
    let Redeemed {
        unit,
        lost,
        grant,
        user,
        scope,
        access_lifetime,
        refresh_token,
        device_secret,
        nonce,
        kind,
    } = redeemed;
    let app = context.app;
    // Whatever may still be refused is refused before anything is spent.
    let resource = target(context, grant.as_ref())?;
    let subject = match user {
        Some(user) => Some(LoadedSubject::of(app, (context.server, context.client), user).await?),
        None => None,
    };
    let requested = match &grant {
        Some(grant) => grant.requested_claims()?,
        None => ClaimsRequest::default(),
    };
    let mint = Mint {
        server: context.server,
        client: context.client,
        subject: match (&subject, &grant) {
            (Some(subject), Some(grant)) => Some(Subject {
                user: &subject.user,
                sub: &subject.sub,
                groups: &subject.group_names,
                auth_time: grant.auth_time,
                acr: grant.acr.as_deref(),
                amr: &grant.amr,
                session: grant.session_id.as_ref(),
            }),
            _ => None,
        },
        grant: grant.as_ref().map(|grant| &grant.id),
        scope: &scope,
        requested: &requested,
        confirmation: confirmation.as_ref(),
        resource: &resource,
        actor: grant.as_ref().and_then(|grant| grant.actor.as_ref()),
        now: context.now,
    };
    mint.rehearse()?;
    let with_id_token = subject.is_some() && scope.contains(OPENID);
    let recipient = if with_id_token { encryption::of_id_tokens(app, context.client).await? } else { None };
    let mut event = Event::new(EventType::TokenGrant)
        .with("grantType", kind.as_str())
        .with("scopes", scope.to_string())
        .with("idToken", with_id_token)
        .with("refreshToken", refresh_token.is_some());
    if let Some(grant) = &grant {
        event = event.with("grant", grant.id.as_str());
        if let Some(user) = &grant.user_id {
            event = event.user(user);
        }
        if let Some(session) = &grant.session_id {
            event = event.session(session);
        }
    }
    if let Outcome::Lost(claim) = app.db.writer().commit(unit.row(context.event(event))).await? {
        return Err(context.sender.lost(claim, lost));
    }
    let access_token = token::access::mint(&mint, access_lifetime, app.random.as_ref())?;
    let id_token = if with_id_token {
        let binding = token::id::Binding {
            nonce: nonce.as_deref(),
            access_token: Some(&access_token.token),
            code: None,
            recipient: recipient.as_ref(),
            device_secret: device_secret.as_ref().map(|secret| secret.expose().as_str()),
        };
        token::id::mint(&mint, binding, app.random.as_ref())?
    } else {
        None
    };
    metrics::counter!("tokens_issued_total", "grant" => kind.as_str()).increment(1);
    let by_proof = confirmation.is_some_and(|confirmation| confirmation.jkt.is_some());
    Ok(TokenResponse {
        token_type: if by_proof { TokenType::DPoP } else { TokenType::Bearer },
        scope: Some(scope),
        refresh_token: refresh_token.map(|token| token.expose().clone()),
        id_token,
        device_secret: device_secret.map(|secret| secret.expose().clone()),
        // RFC 8693 §2.2.1
        issued_token_type: (kind == GrantType::TokenExchange).then_some(TokenTypeUri::AccessToken),
        ..TokenResponse::bearer(
            access_token.token,
            u32::try_from(access_token.lifetime.whole_seconds()).unwrap_or(u32::MAX),
        )
    })
}
