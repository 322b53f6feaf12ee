//! The end of a user's sessions.

use http::StatusCode;
use poem::{Request, Response};
use poem_openapi::types::Any;
use serde_json::{Value, json};

use super::{Users, edit, load_to_change, no_session, refusal::refusal};
use crate::{
    api::{
        error::{
            oauth::json_response,
            okta::{Envelope, failed},
        },
        json_body::JsonBody,
        v1::{
            administrator::{Right, administrator},
            query::Query,
            sessions,
        },
    },
    app::App,
    id::{SessionId, UserId},
    session::farewell,
    store::{self, unit::Unit},
    syslog::{Caller, Event, EventType},
};

impl Users {
    pub(super) async fn end_sessions(&self, request: &Request, id: &str) -> Result<Response, Response> {
        let app = self.0.app()?;
        let who = administrator(app, request, Right::UsersManage).await?;
        let tokens = Query::of(request)?.flag("oauthTokens")?.unwrap_or(false);
        let user = load_to_change(app, &who, id).await?;
        if tokens {
            let edit = edit(app, &user.id, &who).await?;
            edit.revoke_sessions().await.map_err(|error| refusal(error, id))?;
        } else {
            end_all_sessions(app, &user.id, who.caller()).await?;
        }
        Ok(StatusCode::NO_CONTENT.into())
    }

    pub(super) async fn end_own_sessions(
        &self,
        request: &Request,
        caller: &Caller,
        body: &JsonBody<Any<Value>>,
    ) -> Result<Response, Response> {
        let app = self.0.app()?;
        let (session, user) = sessions::current(app, request).await.map_err(|_| no_session())?;
        sessions::may_change(app, request).await?;
        let document = body.optional_document()?;
        let keep = match document.get("keepCurrent") {
            None | Some(Value::Bool(true)) => true,
            Some(Value::Bool(false)) => false,
            Some(_) => {
                let cause = "keepCurrent: must be true or false".to_owned();
                return Err(Envelope::validation("keepCurrent", [cause]).respond());
            }
        };
        if keep {
            end_other_sessions(app, &user.id, &session.id, caller).await?;
        } else {
            end_all_sessions(app, &user.id, caller).await?;
        }
        Ok(json_response(StatusCode::OK, &json!({})))
    }
}

/// Ends all sessions; tokens that outlive a session stay.
async fn end_all_sessions(app: &App, user: &UserId, caller: &Caller) -> Result<(), Response> {
    let now = app.now();
    let messages = farewell::messages_of_user(app, user, now).await.map_err(failed)?;
    let event = Event::new(EventType::SessionClear).user(user);
    let unit = Unit::new()
        .change(store::session::revoke_online_grants_of_user(user, now))
        .change(store::user::end_sessions(user, now))
        .change(store::user::void_session_tokens(user, now))
        .row(event.row(caller, app.random.as_ref(), now));
    let unit = messages.iter().fold(unit, |unit, message| unit.row(store::outbox::row(message)));
    app.db.writer().commit(unit).await.map_err(failed)?;
    Ok(())
}

/// Ends all sessions but one.
async fn end_other_sessions(
    app: &App,
    user: &UserId,
    kept: &SessionId,
    caller: &Caller,
) -> Result<(), Response> {
    let now = app.now();
    let messages = farewell::messages_of_user_but(app, user, kept, now).await.map_err(failed)?;
    let event = Event::new(EventType::SessionClear).user(user);
    let unit = Unit::new()
        .change(store::session::revoke_online_grants_of_others(user, kept, now))
        .change(store::session::end_others(user, kept, now))
        .row(event.row(caller, app.random.as_ref(), now));
    let unit = messages.iter().fold(unit, |unit, message| unit.row(store::outbox::row(message)));
    app.db.writer().commit(unit).await.map_err(failed)?;
    Ok(())
}
