//! The end of sessions, from the account page.

use poem::{Response, handler};

use super::{Owner, Target, done, either, enter};
use crate::{
    fault::Fault,
    id::SessionId,
    logout::rp_initiated,
    protocol::params::Params,
    session::{
        clear::{self, Remembered},
        sso,
    },
    store,
    web::{
        account::Notice,
        route::{answer::fault_page, form::Form, home::nothing_here, visit::Visit},
    },
};

/// Ends one session, or all but this one.
#[handler]
pub(crate) async fn post(Form(visit, (), params): Form<'_, ()>) -> Response {
    either(end(visit, &params).await)
}

async fn end(visit: Visit<'_>, params: &Params) -> Result<Response, Response> {
    let (mut visit, owner) = enter(visit, &Target::Overview).await?;
    if params.one("others").is_some() {
        let (user, kept) = (&owner.user.id, &owner.session.id);
        let forget = Remembered::ForgottenBut(&visit.binding);
        return match clear::others(visit.app, user, kept, forget, visit.caller).await {
            Ok(()) => Ok(done(visit, Notice::OthersEnded)),
            Err(fault) => Err(fault_page(visit, &fault)),
        };
    }
    let id = SessionId::new(params.one("end").unwrap_or_default());
    match end_one(&visit, &owner, &id).await {
        Ok(Ended::Yes) => {
            if id == owner.session.id {
                visit.close_session();
            }
            Ok(done(visit, Notice::SessionEnded))
        }
        Ok(Ended::Nobodys) => Err(nothing_here(visit)),
        Err(fault) => Err(fault_page(visit, &fault)),
    }
}

/// What became of a session.
enum Ended {
    /// It is over, now or since before.
    Yes,
    /// There is none of that id, or it is somebody else's.
    Nobodys,
}

async fn end_one(visit: &Visit<'_>, owner: &Owner, id: &SessionId) -> Result<Ended, Fault> {
    let app = visit.app;
    let found = store::session::find(&app.db, id).await?;
    let Some(session) = found.filter(|session| session.user_id == owner.user.id) else {
        return Ok(Ended::Nobodys);
    };
    if sso::is_live(&session, app.settings.session.idle, app.now()) {
        rp_initiated::end(app, &session, visit.caller).await?;
    }
    Ok(Ended::Yes)
}
