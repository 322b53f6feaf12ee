//! Tokens that travel with the authorization response (OpenID Connect Core §3.2.2.5, §3.3.2.5). They are of the same
//! grant as the code beside them, so whatever ends one ends the other.

use super::{checks::ValidRequest, decide::Decision, issue::Issuing};
use crate::{
    app::App,
    claims::assemble::ClaimsError,
    client::encryption::{self, NoEncryptionKey},
    fault::Fault,
    model::grant::Grant,
    token::{self, Mint, MintError, Subject},
};

/// Parameters of a response.
pub type Params = Vec<(&'static str, String)>;

/// Why nothing could be issued.
#[derive(Debug, thiserror::Error)]
pub enum IssueError {
    /// A claim cannot be computed.
    #[error(transparent)]
    Claims(#[from] ClaimsError),
    /// The client wants its ID tokens encrypted and has no key for it.
    #[error(transparent)]
    NoEncryptionKey(#[from] NoEncryptionKey),
    /// No verdict was reached.
    #[error(transparent)]
    Fault(#[from] Fault),
}

impl From<MintError> for IssueError {
    fn from(error: MintError) -> Self {
        match error {
            MintError::Claims(error) => Self::Claims(error),
            MintError::Fault(fault) => Self::Fault(fault),
        }
    }
}

/// Mints what the response type asks for beside a code; nothing for a code alone.
///
/// # Errors
/// A claim, a signature or an encryption could not be computed; nothing was issued.
pub async fn tokens(
    app: &App,
    issuing: &Issuing<'_>,
    request: &ValidRequest,
    (decision, grant): (&Decision, &Grant),
    code: Option<&str>,
) -> Result<Params, IssueError> {
    let mut params = Params::new();
    if !request.response_type.is_front_channel() {
        return Ok(params);
    }
    let mint = Mint {
        server: issuing.server,
        client: issuing.client,
        subject: Some(Subject {
            user: &decision.user,
            sub: &decision.sub,
            groups: &decision.groups,
            auth_time: decision.auth_time,
            acr: grant.acr.as_deref(),
            amr: &grant.amr,
            session: grant.session_id.as_ref(),
        }),
        grant: Some(&grant.id),
        scope: &grant.scope,
        requested: &request.claims,
        confirmation: None,
        resource: &grant.resource,
        actor: None,
        now: grant.created_at,
    };
    let access_token = if request.response_type.has_token() {
        Some(token::access::mint(&mint, grant.access_lifetime, app.random.as_ref())?)
    } else {
        None
    };
    if let Some(access_token) = &access_token {
        // RFC 6749 §4.2.2
        params.push(("access_token", access_token.token.clone()));
        params.push(("token_type", "Bearer".to_owned()));
        params.push(("expires_in", access_token.lifetime.whole_seconds().to_string()));
        params.push(("scope", grant.scope.to_string()));
    }
    if request.response_type.has_id_token() {
        let recipient = encryption::of_id_tokens(app, issuing.client).await?;
        let binding = token::id::Binding {
            nonce: request.nonce.as_deref(),
            access_token: access_token.as_ref().map(|token| token.token.as_str()),
            code,
            recipient: recipient.as_ref(),
        };
        let id_token = token::id::mint(&mint, binding, app.random.as_ref())?;
        params.extend(id_token.map(|id_token| ("id_token", id_token)));
    }
    Ok(params)
}
