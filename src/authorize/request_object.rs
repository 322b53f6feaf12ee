//! Request objects (RFC 9101; OpenID Connect Core §6): a request that its client signed, by value or by reference. What is
//! inside wins over what is outside; where only signed requests count, nothing outside counts at all.

use keys::{Claims, Limits};
use serde_json::Value;
use time::{Duration, OffsetDateTime};

use super::{
    checks::Entry,
    parse::{Parsed, Source},
};
use crate::{
    app::App,
    cache::servers::ServerState,
    client::signature::{self, SignatureError},
    fault::Fault,
    model::client::Client,
    protocol::{
        authorization_request::AuthorizationRequest,
        client_metadata::Profile,
        error::{ErrorCode, OAuthError},
        numeric_date::numeric_date,
        params::Params,
        request_object::{TYPE, merged, parameters},
        response_type::ResponseType,
    },
};

/// How far `exp` may lie ahead, of `nbf` where that is required (FAPI 2.0 Message Signing §5.3.1; Okta).
const LONGEST: Duration = Duration::HOUR;

/// Why a request object is not taken.
#[derive(Debug, thiserror::Error)]
pub enum RequestObjectError {
    /// The request does not say which object is meant.
    #[error("{0}")]
    Request(&'static str),
    /// The object is not at its address.
    #[error("{0}")]
    Uri(&'static str),
    /// The object is not a request of this client to this server.
    #[error("{0}")]
    Object(&'static str),
    /// No verdict was reached.
    #[error(transparent)]
    Fault(#[from] Fault),
}

impl From<RequestObjectError> for OAuthError {
    fn from(error: RequestObjectError) -> Self {
        match error {
            RequestObjectError::Request(text) => Self::invalid_request(text),
            RequestObjectError::Uri(text) => Self::new(ErrorCode::InvalidRequestUri, text),
            RequestObjectError::Object(text) => Self::new(ErrorCode::InvalidRequestObject, text),
            RequestObjectError::Fault(_) => Self::server_error(),
        }
    }
}

impl From<SignatureError> for RequestObjectError {
    fn from(error: SignatureError) -> Self {
        match error {
            SignatureError::Algorithm => Self::Object("The alg of the request object is not the client's."),
            SignatureError::Unverified => Self::Object("No key of the client verifies the request object."),
            SignatureError::Fault(fault) => Self::Fault(fault),
        }
    }
}

/// Puts the request object of a request, if it has one, in the place of its parameters.
///
/// # Errors
/// The object cannot be had, or is not a request of this client to this server.
pub async fn resolve(
    app: &App,
    server: &ServerState,
    client: &Client,
    sent: Parsed,
    entry: Entry,
) -> Result<Parsed, RequestObjectError> {
    let object = match (&sent.request.request, &sent.request.request_uri) {
        (None, None) => return Ok(sent),
        // Core §6.1
        (Some(_), Some(_)) => {
            return Err(RequestObjectError::Request("Only one of request and request_uri may be sent."));
        }
        (Some(object), None) => object.as_str().into(),
        (None, Some(uri)) => referenced(app, client, uri).await?,
    };
    let claims = verify(app, client, &object).await?;
    check_claims(app, server, client, &claims)?;
    let inside =
        parameters(&claims).map_err(|_| RequestObjectError::Object("The request object is malformed."))?;
    check_members(client, &sent.request, &inside)?;
    // RFC 9126 §3, RFC 9101 §6.3; Core §6.1 for everybody else.
    let alone = entry == Entry::Pushed || wants_everything_signed(client);
    let params = if alone { inside } else { merged(inside, &sent.params) };
    let request = AuthorizationRequest::of_client(client.id.as_str(), &params)
        .map_err(|_| RequestObjectError::Object("A parameter of the request object is too long."))?;
    Ok(Parsed { request, params, source: Source::RequestObject, ..sent })
}

fn wants_everything_signed(client: &Client) -> bool {
    client.metadata.profile == Profile::Fapi2 || client.metadata.require_signed_request_object
}

/// Core §6.2: only from addresses that were registered, compared as a whole: whoever writes a request must not make us
/// fetch what they like.
async fn referenced(
    app: &App,
    client: &Client,
    uri: &str,
) -> Result<std::sync::Arc<str>, RequestObjectError> {
    if !client.metadata.request_uris.iter().any(|registered| registered == uri) {
        return Err(RequestObjectError::Uri("The request_uri is not registered for this client."));
    }
    let found = app.request_objects.find(app.fetch.as_ref(), (&client.id, uri), app.now()).await;
    found.ok_or(RequestObjectError::Uri("There is no request object at the request_uri."))
}

/// Proves that the client signed the object. Encrypted ones are not supported: five parts are no compact JWS.
async fn verify(app: &App, client: &Client, object: &str) -> Result<Claims, RequestObjectError> {
    let token = keys::parse(object, &Limits::default())
        .map_err(|_| RequestObjectError::Object("The request object is not a signed JWT."))?;
    let header = token.header();
    // RFC 8725 §3.11: no other JWT of the client is a request. RFC 9101 §10.8 allows a typ of its own or none.
    let fits = match header.typ() {
        None => true,
        Some(_) if header.is_type(TYPE) => true,
        Some(_) => header.is_type("jwt") && client.metadata.profile != Profile::Fapi2,
    };
    if !fits {
        return Err(RequestObjectError::Object("The typ of the request object is another one."));
    }
    let registered = client.metadata.request_object_signing_alg.as_deref();
    if registered.is_some_and(|registered| registered != header.alg()) {
        return Err(SignatureError::Algorithm.into());
    }
    let claims = if header.alg().starts_with("HS") && client.metadata.profile != Profile::Fapi2 {
        signature::by_secret(app, client, &token)?
    } else {
        signature::by_key(app, client, &token).await?
    };
    Ok(claims)
}

/// Who speaks to whom, and when (RFC 9101 §4; FAPI 2.0 Message Signing §5.3.1).
fn check_claims(
    app: &App,
    server: &ServerState,
    client: &Client,
    claims: &Claims,
) -> Result<(), RequestObjectError> {
    let strict = client.metadata.profile == Profile::Fapi2;
    let refuse = |text: &'static str| Err(RequestObjectError::Object(text));
    let is_client = |value: &Value| value.as_str() == Some(client.id.as_str());
    let from_client = claims.get("iss").map_or(!strict, is_client);
    if !from_client {
        return refuse("The iss of the request object is not the client.");
    }
    // RFC 9101 §10.8: a client assertion is not a request.
    if claims.get("sub").is_some_and(is_client) {
        return refuse("The sub of a request object must not be the client.");
    }
    let is_server = |value: &Value| value.as_str() == Some(server.issuer.as_str());
    let to_us = match claims.get("aud") {
        Some(Value::Array(members)) => members.iter().any(is_server),
        Some(audience) => is_server(audience),
        None => false,
    };
    if !to_us {
        return refuse("The aud of the request object is not this issuer.");
    }
    if !in_time(claims, strict, (app.now(), app.settings.clock_skew)) {
        return refuse("The request object has expired, or is not valid yet, or for too long.");
    }
    Ok(())
}

fn in_time(claims: &Claims, strict: bool, (now, skew): (OffsetDateTime, Duration)) -> bool {
    let time = |name: &str| claims.get(name).map(numeric_date);
    let (exp, nbf, iat) = (time("exp"), time("nbf"), time("iat"));
    if [exp, nbf, iat].contains(&Some(None)) {
        return false;
    }
    let (exp, nbf, iat) = (exp.flatten(), nbf.flatten(), iat.flatten());
    if strict && (exp.is_none() || nbf.is_none()) {
        return false;
    }
    let ahead = now + skew;
    let begun = nbf.is_none_or(|nbf| nbf <= ahead) && iat.is_none_or(|iat| iat <= ahead);
    let recent = !strict || nbf.is_none_or(|nbf| nbf >= now - LONGEST);
    let ends = exp.is_none_or(|exp| {
        let latest = if strict { nbf.unwrap_or(now) } else { ahead } + LONGEST;
        exp > now && exp <= latest
    });
    begun && recent && ends
}

/// What the object says of the request around it (Core §6.1; RFC 9101 §5).
fn check_members(
    client: &Client,
    outside: &AuthorizationRequest,
    inside: &Params,
) -> Result<(), RequestObjectError> {
    let refuse = |text: &'static str| Err(RequestObjectError::Object(text));
    // RFC 9101 §4
    if inside.contains("request") || inside.contains("request_uri") {
        return refuse("A request object must not hold another one.");
    }
    let strict = client.metadata.profile == Profile::Fapi2;
    let same_client = inside.one("client_id").map_or(!strict, |id| id == client.id.as_str());
    if !same_client {
        return refuse("The client_id of the request object is another one.");
    }
    let kind = |text: &str| text.parse::<ResponseType>().ok();
    match (outside.response_type.as_deref(), inside.one("response_type")) {
        (Some(outside), Some(inside)) if outside != inside && kind(outside) != kind(inside) => {
            refuse("The response_type of the request object is another one.")
        }
        _ => Ok(()),
    }
}
