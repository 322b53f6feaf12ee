//! Changes of what is known of a user.

use http::{StatusCode, header};
use poem::{Request, Response};

use super::{
    Users,
    create::not_hashed,
    edit, load_to_change,
    refusal::{not_recovered, refusal, weak},
    rules,
};
use crate::{
    api::{
        error::okta::Envelope,
        json_body::JsonBody,
        v1::{
            administrator::{Right, administrator},
            user_document::{NewPassword, Question, UserDocument, UserForm},
            user_view::etag,
        },
    },
    model::user::{User, UserStatus},
    store::unit::Unit,
    user::{
        administration::ProfileChange,
        password::{self, RevokeSessions, SetBy},
        recovery,
    },
};

impl Users {
    pub(super) async fn change(
        &self,
        request: &Request,
        id: &str,
        (body, how): (&JsonBody<UserForm>, ProfileChange),
    ) -> Result<Response, Response> {
        let app = self.0.app()?;
        let who = administrator(app, request, Right::UsersManage).await?;
        let document = UserDocument::read(body.document()?)?;
        let user = load_to_change(app, &who, id).await?;
        if document.profile.is_none() && how == ProfileChange::Replace {
            let cause = "profile: The field cannot be left blank".to_owned();
            return Err(Envelope::validation("profile", [cause]).respond());
        }
        let mut units = Vec::new();
        match document.password {
            Some(NewPassword::Value(new)) => {
                let rules = rules(app, &user).await?;
                let how = (SetBy::Administrator, RevokeSessions::All, who.caller());
                let unit = password::set(app, &user, &new, &rules, how).await;
                units.push(unit.map_err(|error| weak(&error))?);
            }
            Some(NewPassword::Hash(_)) if user.status != UserStatus::Staged => {
                let cause = "credentials.password.hash: is only for users that are created or staged";
                return Err(Envelope::validation("credentials.password.hash", [cause.to_owned()]).respond());
            }
            Some(NewPassword::Hash(hash)) => {
                let hash = app.passwords.import(&hash).await.map_err(not_hashed)?;
                units.push(password::import(app, &user, &hash, who.caller()));
            }
            None => {}
        }
        if let Some(Question { question, answer }) = document.question {
            let unit = recovery::question::set(app, &user, &question, &answer, who.caller()).await;
            units.push(unit.map_err(|error| not_recovered(&error))?);
        }
        let mut edit = edit(app, &user.id, &who).await?;
        precondition(request, &edit.user)?;
        for unit in units {
            edit.run(unit).await.map_err(|error| refusal(error, id))?;
        }
        let changed = match &document.profile {
            Some(attributes) => edit.update_profile(attributes, how).await,
            None => edit.finish(Unit::new()).await,
        };
        let user = changed.map_err(|error| refusal(error, id))?;
        self.told(request, &user).await
    }
}

/// RFC 9110 §13.1.1: a change is made to what was seen, or not at all.
fn precondition(request: &Request, user: &User) -> Result<(), Response> {
    let Some(tag) = request.headers().get(header::IF_MATCH) else { return Ok(()) };
    let text = tag.to_str().unwrap_or_default().trim();
    let is_tag = |tag: &str| {
        tag.strip_prefix("W/")
            .unwrap_or(tag)
            .strip_prefix('"')
            .and_then(|rest| rest.strip_suffix('"'))
            .is_some_and(|inner| !inner.contains('"'))
    };
    if text == "*" {
        return Ok(());
    }
    if text.is_empty() || !text.split(',').map(str::trim).all(is_tag) {
        return Err(Envelope::new(StatusCode::BAD_REQUEST, "E0000242", "The ETag is not valid.").respond());
    }
    if text.split(',').map(str::trim).any(|tag| tag == etag(user)) {
        return Ok(());
    }
    let text = "The user was changed since it was read.";
    Err(Envelope::new(StatusCode::PRECONDITION_FAILED, "E0000231", text).respond())
}
