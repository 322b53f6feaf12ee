//! What makes a request valid: one ordered table of pure functions. Client, server and keys are loaded before; a check
//! reads the request and writes what it learned into the `Draft`.

pub(super) mod claims;
mod dpop;
mod id_token_hint;
mod max_age;
mod nonce;
mod pkce;
mod prompt;
mod pushed;
mod request_object;
mod resource;
mod response_type;
pub(super) mod scope;

use serde::{Deserialize, Serialize};

use super::{
    destination::Destination,
    parse::{Parsed, Source},
};
use crate::{
    cache::servers::ServerState,
    id::{AuthorizationServerId, ClientId, UserId},
    model::client::Client,
    protocol::{
        authorization_request::AuthorizationRequest, claims_request::ClaimsRequest, error::OAuthError,
        locale::LanguageTag, prompt::PromptSet, response_type::ResponseType, scope::ScopeSet,
    },
};

/// A request that may be acted upon, frozen.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct ValidRequest {
    /// The authorization server.
    pub server_id: AuthorizationServerId,
    /// The client.
    pub client_id: ClientId,
    /// Where the answer goes.
    pub destination: Destination,
    /// What is asked for.
    pub response_type: ResponseType,
    /// The scopes asked for that exist here.
    pub scope: ScopeSet,
    /// `nonce`, byte for byte.
    pub nonce: Option<String>,
    /// `prompt`.
    pub prompt: Option<String>,
    /// The greatest age of the sign-in in seconds.
    pub max_age: Option<u32>,
    /// `acr_values`; where neither they nor `claims` ask for an `acr`, the client's defaults.
    pub acr_values: Vec<String>,
    /// `login_hint`.
    pub login_hint: Option<String>,
    /// The user that a verified `id_token_hint`, or `sub` of `claims`, names. Until the journey begins, it is the subject that
    /// the client sees.
    pub hinted_user: Option<UserId>,
    /// S256 challenge (RFC 7636).
    pub code_challenge: Option<String>,
    /// The thumbprint of the DPoP key that must redeem the code (RFC 9449 §10).
    #[serde(default)]
    pub dpop_jkt: Option<String>,
    /// The languages that were asked for.
    pub ui_locales: Vec<String>,
    /// The hash of the `request_uri` that it was pushed under (RFC 9126): spent when a flow is completed.
    pub pushed: Option<String>,
    /// `claims` (Core §5.5).
    #[serde(default)]
    pub claims: ClaimsRequest,
    /// `resource`, all of which are served here (RFC 8707 §2).
    #[serde(default)]
    pub resource: Vec<String>,
}

impl ValidRequest {
    /// `prompt` as a set; it was valid when it was frozen.
    pub fn prompts(&self) -> PromptSet {
        PromptSet::parse(self.prompt.as_deref()).unwrap_or_default()
    }
}

/// What checks read.
struct Facts<'a> {
    request: &'a AuthorizationRequest,
    client: &'a Client,
    server: &'a ServerState,
    source: Source,
}

/// What checks write.
#[derive(Default)]
struct Draft {
    response_type: Option<ResponseType>,
    scope: ScopeSet,
    max_age: Option<u32>,
    hinted_user: Option<UserId>,
    code_challenge: Option<String>,
    dpop_jkt: Option<String>,
    claims: ClaimsRequest,
    resource: Vec<String>,
}

type Check = fn(&Facts<'_>, &mut Draft) -> Result<(), OAuthError>;

/// Where a request comes in.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Entry {
    /// By the browser (RFC 6749 §3.1).
    Authorize,
    /// Pushed by its client (RFC 9126).
    Pushed,
}

const EVERYWHERE: &[Entry] = &[Entry::Authorize, Entry::Pushed];

/// What is checked, and where. The order matters: what cannot be understood at all comes before what is not allowed.
const CHECKS: [(Check, &[Entry]); 13] = [
    (pushed::direct, &[Entry::Authorize]),
    (pushed::redirect_uri, &[Entry::Pushed]),
    (request_object::check, EVERYWHERE),
    (response_type::check, EVERYWHERE),
    (nonce::check, EVERYWHERE),
    (scope::check, EVERYWHERE),
    (prompt::check, EVERYWHERE),
    (max_age::check, EVERYWHERE),
    (pkce::check, EVERYWHERE),
    (dpop::check, EVERYWHERE),
    (resource::check, EVERYWHERE),
    (id_token_hint::check, EVERYWHERE),
    (claims::check, EVERYWHERE),
];

/// Validates a request whose destination is known.
///
/// # Errors
/// What is wrong, as the client is to be told.
pub fn validate(
    parsed: &Parsed,
    client: &Client,
    server: &ServerState,
    destination: Destination,
    entry: Entry,
) -> Result<ValidRequest, OAuthError> {
    let request = &parsed.request;
    // RFC 6749 §3.1: parameters must not be included more than once.
    if parsed.repeated.is_some() {
        return Err(OAuthError::invalid_request("A parameter was sent more than once."));
    }
    let facts = Facts { request, client, server, source: parsed.source };
    let mut draft = Draft::default();
    for (check, _) in CHECKS.iter().filter(|(_, entries)| entries.contains(&entry)) {
        check(&facts, &mut draft)?;
    }
    let mut acr_values: Vec<String> = request.acr_values().into_iter().map(ToOwned::to_owned).collect();
    if acr_values.is_empty() && draft.claims.acr_values().is_empty() {
        acr_values.clone_from(&client.metadata.default_acr_values);
    }
    claims::check_acr_values(&acr_values)?;
    Ok(ValidRequest {
        server_id: server.config.server.id.clone(),
        client_id: client.id.clone(),
        destination,
        response_type: draft.response_type.unwrap_or(ResponseType::Code),
        scope: draft.scope,
        nonce: request.nonce.clone(),
        prompt: request.prompt.clone(),
        max_age: draft.max_age,
        acr_values,
        login_hint: request.login_hint.clone(),
        hinted_user: draft.hinted_user,
        code_challenge: draft.code_challenge,
        dpop_jkt: draft.dpop_jkt,
        ui_locales: request
            .ui_locales
            .as_deref()
            .map(LanguageTag::parse_list)
            .unwrap_or_default()
            .iter()
            .map(|tag| tag.as_str().to_owned())
            .collect(),
        pushed: None,
        claims: draft.claims,
        resource: draft.resource,
    })
}
