//! RP-Initiated Logout 1.0: whose session may end, who has to be asked, and where the browser goes afterwards.

use std::sync::Arc;

use crate::{
    app::App,
    cache::servers::ServerState,
    claims::subject,
    fault::Fault,
    id::UserId,
    model::{client::Client, session::Session},
    protocol::{logout::LogoutRequest, redirect_uri::append_query},
    session::farewell::{self, RelyingParty},
    store::{self, unit::Unit},
    syslog::{Caller, Event, EventType},
    token::id::verify_hint,
};

/// What a logout request amounts to.
#[derive(Clone, Debug)]
pub struct Plan {
    /// The client that a valid hint names.
    pub client: Option<Arc<Client>>,
    /// Where to go afterwards; absent: to our own page.
    pub redirect: Option<String>,
    /// Whether the user is asked first.
    pub ask: Ask,
}

/// Whether the user is asked first.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Ask {
    /// The hint proves that the request is about this very session, or there is none.
    No,
    /// There is no proof (§2: "the OP MUST ask"), or the hint is about somebody else.
    Yes,
}

/// Why a logout request is refused; nothing has ended.
#[derive(Debug, thiserror::Error)]
pub enum LogoutError {
    /// `client_id` is not the client that the hint was issued to (§2).
    #[error("the client_id is not the one the id_token_hint was issued to")]
    ClientMismatch,
    /// `post_logout_redirect_uri` is not registered for the client (§3).
    #[error("the post_logout_redirect_uri is not registered for this client")]
    UnregisteredRedirectUri {
        /// The client, whose registered URIs a developer may be shown.
        client: Arc<Client>,
        /// What was sent.
        sent: String,
    },
    /// No verdict was reached.
    #[error(transparent)]
    Fault(#[from] Fault),
}

/// Decides about a logout request.
///
/// # Errors
/// It contradicts itself or asks to go to an unregistered URI.
pub async fn plan(
    app: &App,
    server: &ServerState,
    request: &LogoutRequest,
    session: Option<&Session>,
) -> Result<Plan, LogoutError> {
    let hint = request.id_token_hint.as_deref().and_then(|token| verify_hint(server, token));
    let known = match &hint {
        Some(hint) => {
            if request.client_id.as_deref().is_some_and(|id| id != hint.client.as_str()) {
                return Err(LogoutError::ClientMismatch);
            }
            app.clients.find(&app.db, &hint.client).await?
        }
        None => None,
    };
    let hinted = match (&hint, &known) {
        (Some(hint), Some(client)) => subject::user_behind(app, client, &hint.subject).await?,
        (None, _) | (_, None) => None,
    };
    let client = known.filter(|client| client.is_active());
    // Without proof of who asks there is no redirect (§3).
    let redirect = match (&client, request.post_logout_redirect_uri.as_deref()) {
        (Some(client), Some(sent)) => {
            if !client.metadata.post_logout_redirect_uris.iter().any(|uri| uri == sent) {
                return Err(LogoutError::UnregisteredRedirectUri {
                    client: Arc::clone(client),
                    sent: sent.to_owned(),
                });
            }
            let state: Vec<(&str, &str)> =
                request.state.as_deref().map(|state| ("state", state)).into_iter().collect();
            Some(if state.is_empty() { sent.to_owned() } else { append_query(sent, &state) })
        }
        (None, _) | (_, None) => None,
    };
    Ok(Plan { client, redirect, ask: ask(hinted.as_ref(), session) })
}

fn ask(hinted: Option<&UserId>, session: Option<&Session>) -> Ask {
    match (hinted, session) {
        (_, None) => Ask::No,
        (Some(hinted), Some(session)) if *hinted == session.user_id => Ask::No,
        (_, Some(_)) => Ask::Yes,
    }
}

/// Ends the session of a browser, and the grants made in it that hold no offline access. Returns the clients at which
/// the user was logged in; those with a back channel are being told already.
///
/// # Errors
/// The database failed: the session lives on.
pub async fn end(app: &App, session: &Session, caller: &Caller) -> Result<Vec<RelyingParty>, Fault> {
    let now = app.now();
    let parties = farewell::relying_parties(app, &session.id).await?;
    let event = Event::new(EventType::SessionEnd).user(&session.user_id).session(&session.id);
    // A session ends once: of two logouts at a time, one tells the clients.
    let unit = Unit::new().claim(store::session::end(&session.id, now));
    let unit =
        farewell::add(app, unit, session, &parties, now)?.row(event.row(caller, app.random.as_ref(), now));
    app.db.writer().commit(unit).await?;
    Ok(parties)
}
