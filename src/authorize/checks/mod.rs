//! What makes a request valid: one ordered table of pure functions. Client, server and keys are loaded before; a check
//! reads the request and writes what it learned into the [`Draft`].

mod id_token_hint;
mod max_age;
mod pkce;
mod prompt;
mod request_object;
mod resource;
mod response_type;
pub(super) mod scope;

use serde::{Deserialize, Serialize};

use super::{destination::Destination, parse::Parsed};
use crate::{
    cache::servers::ServerState,
    id::{AuthorizationServerId, ClientId, UserId},
    model::client::Client,
    protocol::{
        authorization_request::AuthorizationRequest, error::OAuthError, locale::LanguageTag,
        prompt::PromptSet, response_type::ResponseType, scope::ScopeSet,
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
    /// `acr_values`, or the client's defaults.
    pub acr_values: Vec<String>,
    /// `login_hint`.
    pub login_hint: Option<String>,
    /// The user that a verified `id_token_hint` names.
    pub hinted_user: Option<UserId>,
    /// S256 challenge (RFC 7636).
    pub code_challenge: Option<String>,
    /// The languages that were asked for.
    pub ui_locales: Vec<String>,
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
}

/// What checks write.
#[derive(Default)]
struct Draft {
    response_type: Option<ResponseType>,
    scope: ScopeSet,
    max_age: Option<u32>,
    hinted_user: Option<UserId>,
    code_challenge: Option<String>,
}

type Check = fn(&Facts<'_>, &mut Draft) -> Result<(), OAuthError>;

/// The order matters: what cannot be understood at all comes before what is not allowed.
const CHECKS: [Check; 8] = [
    request_object::check,
    response_type::check,
    scope::check,
    prompt::check,
    max_age::check,
    pkce::check,
    resource::check,
    id_token_hint::check,
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
) -> Result<ValidRequest, OAuthError> {
    let request = &parsed.request;
    // RFC 6749 §3.1: parameters must not be included more than once.
    if parsed.repeated.is_some() {
        return Err(OAuthError::invalid_request("A parameter was sent more than once."));
    }
    let facts = Facts { request, client, server };
    let mut draft = Draft::default();
    for check in CHECKS {
        check(&facts, &mut draft)?;
    }
    let acr_values = if request.acr_values.is_some() {
        request.acr_values().into_iter().map(ToOwned::to_owned).collect()
    } else {
        client.metadata.default_acr_values.clone()
    };
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
        ui_locales: request
            .ui_locales
            .as_deref()
            .map(LanguageTag::parse_list)
            .unwrap_or_default()
            .iter()
            .map(|tag| tag.as_str().to_owned())
            .collect(),
    })
}
