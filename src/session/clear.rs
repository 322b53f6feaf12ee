//! The end of many sessions at a time, by the hand of their user or of an administrator; tokens that outlive a session stay.

use crate::{
    app::App,
    fault::Fault,
    id::{SessionId, UserId},
    secret::TokenHash,
    session::farewell,
    store::{
        self,
        unit::{Row, Unit},
    },
    syslog::{Caller, Event, EventType},
};

/// Ends all sessions of a user.
///
/// # Errors
/// The database failed: they live on.
pub async fn all(app: &App, user: &UserId, caller: &Caller) -> Result<(), Fault> {
    let now = app.now();
    let messages = farewell::messages_of_user(app, user, now).await?;
    let unit = Unit::new()
        .change(store::session::revoke_online_grants_of_user(user, now))
        .change(store::user::end_sessions(user, now))
        .change(store::user::void_session_tokens(user, now))
        .row(event(app, user, caller));
    let unit = messages.iter().fold(unit, |unit, message| unit.row(store::outbox::row(message)));
    app.db.writer().commit(unit).await?;
    Ok(())
}

/// What becomes of the browsers that are remembered in place of a factor.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Remembered<'a> {
    /// They still are (Okta `forgetDevices`, false unless asked for).
    Kept,
    /// They are forgotten, but the one with this cookie.
    ForgottenBut(&'a str),
}

/// Ends all sessions of a user but one, and what would open another without a new proof.
///
/// # Errors
/// The database failed: they live on.
pub async fn others(
    app: &App,
    user: &UserId,
    kept: &SessionId,
    remembered: Remembered<'_>,
    caller: &Caller,
) -> Result<(), Fault> {
    let now = app.now();
    let messages = farewell::messages_of_user_but(app, user, kept, now).await?;
    let unit = Unit::new()
        .change(store::session::revoke_online_grants_of_others(user, kept, now))
        .change(store::session::end_others(user, kept, now))
        .change(store::user::void_session_tokens(user, now))
        .row(event(app, user, caller));
    let unit = match remembered {
        Remembered::Kept => unit,
        Remembered::ForgottenBut(device) => {
            unit.change(store::remembered_device::forget_others(user, &TokenHash::of(device)))
        }
    };
    let unit = messages.iter().fold(unit, |unit, message| unit.row(store::outbox::row(message)));
    app.db.writer().commit(unit).await?;
    Ok(())
}

fn event(app: &App, user: &UserId, caller: &Caller) -> Row {
    Event::new(EventType::SessionClear).user(user).row(caller, app.random.as_ref(), app.now())
}
