//! What goes with the end of a session: grants without offline access die, and every client at which the user is logged
//! in is to be told, by a message in the unit that ends the session (Back-Channel Logout 1.0 §2.5).

use std::sync::Arc;

use serde::{Deserialize, Serialize};
use time::OffsetDateTime;

use crate::{
    app::App,
    cache::servers::ServerState,
    fault::Fault,
    id::{AuthorizationServerId, ClientId, SessionId, UserId},
    message::sealed,
    model::{client::Client, session::Session},
    store::{self, db::Tx, outbox::Message, session::LoggedIn, unit::Unit},
};

/// The kind of messages that tell clients about an ended session.
pub const BACKCHANNEL_LOGOUT: &str = "backchannel_logout";

/// Whom a message is for and what it is about.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct Notice {
    /// The client to be told.
    pub client_id: ClientId,
    /// The authorization server whose ID tokens the client has.
    pub server_id: AuthorizationServerId,
    /// Whose session ended.
    pub user_id: UserId,
    /// The session that ended.
    pub session_id: SessionId,
}

/// A client at which the user of a session is logged in.
#[derive(Clone)]
pub struct RelyingParty {
    /// The client.
    pub client: Arc<Client>,
    /// The authorization server whose ID tokens the client has.
    pub server: Arc<ServerState>,
    /// `sid` in those ID tokens.
    pub session_id: SessionId,
}

/// The active clients at which the user of a session is logged in.
///
/// # Errors
/// The database failed.
pub async fn relying_parties(app: &App, session: &SessionId) -> Result<Vec<RelyingParty>, Fault> {
    resolve(app, store::session::logged_in(&app.db, session).await?).await
}

async fn resolve(app: &App, logged_in: Vec<LoggedIn>) -> Result<Vec<RelyingParty>, Fault> {
    let mut parties = Vec::with_capacity(logged_in.len());
    for LoggedIn { session_id, client_id, server_id } in logged_in {
        let client = app.clients.find(&app.db, &client_id).await?.filter(|client| client.is_active());
        let server = app.server(server_id.as_str()).await?;
        if let (Some(client), Some(server)) = (client, server) {
            parties.push(RelyingParty { client, server, session_id });
        }
    }
    Ok(parties)
}

/// Adds what goes with the end of a session to the unit that ends it.
///
/// # Errors
/// A message could not be sealed.
pub fn add(
    app: &App,
    unit: Unit,
    session: &Session,
    parties: &[RelyingParty],
    now: OffsetDateTime,
) -> Result<Unit, Fault> {
    let unit = unit.change(store::session::revoke_online_grants(&session.id, now));
    let messages = messages(app, &session.user_id, parties, now)?;
    Ok(messages.iter().fold(unit, |unit, message| unit.row(store::outbox::row(message))))
}

/// Ends every session of a user in the transaction of an administrator: all grants die, and clients are told.
///
/// # Errors
/// The database failed, or a message could not be sealed.
pub async fn end_everything(
    app: &App,
    tx: &Tx,
    user: &UserId,
    reason: &str,
    now: OffsetDateTime,
) -> Result<(), Fault> {
    let messages = messages_of_user(app, user, now).await?;
    store::outbox::insert(tx, &messages).await?;
    store::user::end_everything(tx, user, reason, now).await
}

/// Which of a user's sessions end.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Ending<'a> {
    /// All.
    All,
    /// All but this one, with what was granted in it.
    AllBut(&'a SessionId),
}

/// Adds the end of a user's sessions to the unit that causes it: grants and session tokens die, and clients are told.
///
/// # Errors
/// The database failed, or a message could not be sealed.
pub async fn end_sessions(
    app: &App,
    unit: Unit,
    user: &UserId,
    ending: Ending<'_>,
    (reason, now): (&str, OffsetDateTime),
) -> Result<Unit, Fault> {
    let mut parties = resolve(app, store::session::logged_in_of_user(&app.db, user).await?).await?;
    let unit = unit.change(store::user::void_session_tokens(user, now));
    let unit = match ending {
        Ending::All => unit
            .change(store::user::end_sessions(user, now))
            .change(store::user::revoke_grants(user, reason, now)),
        Ending::AllBut(kept) => {
            parties.retain(|party| party.session_id != *kept);
            unit.change(store::session::end_others(user, kept, now))
                .change(store::user::revoke_grants_but(user, kept, reason, now))
        }
    };
    let messages = messages(app, user, &parties, now)?;
    Ok(messages.iter().fold(unit, |unit, message| unit.row(store::outbox::row(message))))
}

/// The messages to all clients at which a user is logged in, over all sessions.
///
/// # Errors
/// The database failed, or a message could not be sealed.
pub async fn messages_of_user(app: &App, user: &UserId, now: OffsetDateTime) -> Result<Vec<Message>, Fault> {
    let parties = resolve(app, store::session::logged_in_of_user(&app.db, user).await?).await?;
    messages(app, user, &parties, now)
}

/// The same over all sessions but one.
///
/// # Errors
/// The database failed, or a message could not be sealed.
pub async fn messages_of_user_but(
    app: &App,
    user: &UserId,
    kept: &SessionId,
    now: OffsetDateTime,
) -> Result<Vec<Message>, Fault> {
    let mut parties = resolve(app, store::session::logged_in_of_user(&app.db, user).await?).await?;
    parties.retain(|party| party.session_id != *kept);
    messages(app, user, &parties, now)
}

fn messages(
    app: &App,
    user: &UserId,
    parties: &[RelyingParty],
    now: OffsetDateTime,
) -> Result<Vec<Message>, Fault> {
    let told = parties.iter().filter(|party| party.client.metadata.backchannel_logout_uri.is_some());
    told.map(|party| {
        let notice = Notice {
            client_id: party.client.id.clone(),
            server_id: party.server.config.server.id.clone(),
            user_id: user.clone(),
            session_id: party.session_id.clone(),
        };
        sealed::seal(app, BACKCHANNEL_LOGOUT, &notice, now)
    })
    .collect()
}

/// Opens a message that [`add`] or [`messages_of_user`] made.
///
/// # Errors
/// Another master key sealed it, or it was tampered with.
pub fn open(app: &App, message: &Message) -> Result<Notice, Fault> {
    sealed::open(app, message)
}
