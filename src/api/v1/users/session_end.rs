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
    session::clear::{self, Remembered},
    syslog::Caller,
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
            clear::all(app, &user.id, who.caller()).await.map_err(failed)?;
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
            clear::others(app, &user.id, &session.id, Remembered::Kept, caller).await.map_err(failed)?;
        } else {
            clear::all(app, &user.id, caller).await.map_err(failed)?;
        }
        Ok(json_response(StatusCode::OK, &json!({})))
    }
}
