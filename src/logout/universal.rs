//! Universal Logout (Okta; Global Token Revocation): everything that a user has here ends at once, on all devices.

use crate::{
    app::App,
    fault::Fault,
    id::{ClientId, UserId},
    session::farewell,
    store::{
        self,
        unit::{Outcome, Unit},
    },
    syslog::{Caller, Event, EventType},
};

/// Ends all sessions of a user and revokes all grants; clients with a back channel are told. Says whether there is such
/// a user.
///
/// # Errors
/// The database failed: nothing has ended.
pub async fn log_out(app: &App, user: &UserId, client: &ClientId, caller: &Caller) -> Result<bool, Fault> {
    let now = app.now();
    let messages = farewell::messages_of_user(app, user, now).await?;
    let event = Event::new(EventType::UniversalLogout).user(user).client(client);
    let unit = Unit::new()
        .claim(store::user::cut(user, now))
        .change(store::user::end_sessions(user, now))
        .change(store::user::revoke_grants(user, "universal_logout", now))
        .row(event.row(caller, app.random.as_ref(), now));
    let unit = messages.iter().fold(unit, |unit, message| unit.row(store::outbox::row(message)));
    Ok(app.db.writer().commit(unit).await? == Outcome::Won)
}
