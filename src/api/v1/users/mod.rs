//! Okta's Users API: `/api/v1/users…`.

mod create;
mod groups;
mod life_cycle;
mod list;
mod refusal;
mod session_end;
mod update;

use std::sync::Arc;

use http::{HeaderValue, StatusCode, header};
use poem::{Request, Response, web::Data};
use poem_openapi::{OpenApi, param::Path, types::Any};
use serde_json::Value;

use self::life_cycle::Turn;
use super::{
    administrator::{Administrator, Right, administrator},
    sessions,
    user_document::UserForm,
    user_view::{Omitted, UserObject, View, etag},
};
use crate::{
    api::{
        Served,
        error::{
            oauth::json_response,
            okta::{Envelope, failed},
        },
        json_body::JsonBody,
        payload::{Answer, documented},
    },
    app::App,
    id::UserId,
    model::{policy::PasswordRules, user::User},
    store,
    syslog::Caller,
    user::{
        administration::{Edit, ProfileChange},
        directory,
        login::LoginKey,
        policies, recovery,
    },
};

pub(super) use life_cycle::Delivery;
pub(super) use refusal::{not_recovered, not_set, refusal};

/// The endpoints.
pub struct Users(pub(in crate::api) Served);

/// The good answer, and the refusals of all these endpoints.
const fn or_refused(status: u16, good: &'static str) -> [(u16, &'static str); 6] {
    [
        (status, good),
        (400, "The request is refused"),
        (401, "No valid token was presented"),
        (403, "The right is missing, or the status of the user does not permit it"),
        (404, "There is no such user"),
        (429, "Too many requests"),
    ]
}

documented! {
    UserDoc: UserObject = &or_refused(200, "The user");
    UsersDoc: Vec<UserObject> = &or_refused(200, "A page of users");
    GroupsDoc: Vec<Any<Value>> = &or_refused(200, "The groups of the user");
    DoneDoc: Any<Value> = &or_refused(200, "It is done");
    GoneDoc: Any<Value> = &or_refused(204, "It is done");
}

/// The kind of thing a user is, in Okta's errors.
const KIND: &str = "User";

/// How many users a page has unless the request says otherwise, and at most (Okta).
const LIMIT: usize = 200;

#[OpenApi]
impl Users {
    /// List users (Okta Users API)
    #[oai(path = "/api/v1/users", method = "get", operation_id = "listUsers")]
    async fn list(&self, request: &Request) -> Answer<UsersDoc> {
        Answer::of(self.page(request).await)
    }

    /// Create a user (Okta Users API)
    #[oai(path = "/api/v1/users", method = "post", operation_id = "createUser")]
    async fn create(&self, request: &Request, body: JsonBody<UserForm>) -> Answer<UserDoc> {
        Answer::of(self.add(request, &body).await)
    }

    /// Read a user by id or login, or the one who asks (Okta Users API)
    #[oai(path = "/api/v1/users/:id", method = "get", operation_id = "getUser")]
    async fn read(&self, request: &Request, id: Path<String>) -> Answer<UserDoc> {
        Answer::of(self.show(request, &id).await)
    }

    /// Change attributes of a user (Okta Users API)
    #[oai(path = "/api/v1/users/:id", method = "post", operation_id = "updateUser")]
    async fn update(&self, request: &Request, id: Path<String>, body: JsonBody<UserForm>) -> Answer<UserDoc> {
        Answer::of(self.change(request, &id, (&body, ProfileChange::Partial)).await)
    }

    /// Replace the profile of a user (Okta Users API)
    #[oai(path = "/api/v1/users/:id", method = "put", operation_id = "replaceUser")]
    async fn replace(
        &self,
        request: &Request,
        id: Path<String>,
        body: JsonBody<UserForm>,
    ) -> Answer<UserDoc> {
        Answer::of(self.change(request, &id, (&body, ProfileChange::Replace)).await)
    }

    /// Deactivate a user, or delete one who is deactivated (Okta Users API)
    #[oai(path = "/api/v1/users/:id", method = "delete", operation_id = "deleteUser")]
    async fn delete(&self, request: &Request, id: Path<String>) -> Answer<GoneDoc> {
        Answer::of(self.remove(request, &id).await)
    }

    /// Activate a user (Okta Users API)
    #[oai(path = "/api/v1/users/:id/lifecycle/activate", method = "post", operation_id = "activateUser")]
    async fn activate(&self, request: &Request, id: Path<String>) -> Answer<DoneDoc> {
        Answer::of(self.turn(request, &id, Turn::Activate).await)
    }

    /// Start the activation of a user anew (Okta Users API)
    #[oai(path = "/api/v1/users/:id/lifecycle/reactivate", method = "post", operation_id = "reactivateUser")]
    async fn reactivate(&self, request: &Request, id: Path<String>) -> Answer<DoneDoc> {
        Answer::of(self.turn(request, &id, Turn::Reactivate).await)
    }

    /// Deactivate a user (Okta Users API)
    #[oai(path = "/api/v1/users/:id/lifecycle/deactivate", method = "post", operation_id = "deactivateUser")]
    async fn deactivate(&self, request: &Request, id: Path<String>) -> Answer<DoneDoc> {
        Answer::of(self.turn(request, &id, Turn::Deactivate).await)
    }

    /// Suspend a user (Okta Users API)
    #[oai(path = "/api/v1/users/:id/lifecycle/suspend", method = "post", operation_id = "suspendUser")]
    async fn suspend(&self, request: &Request, id: Path<String>) -> Answer<DoneDoc> {
        Answer::of(self.turn(request, &id, Turn::Suspend).await)
    }

    /// Let a suspended user in again (Okta Users API)
    #[oai(path = "/api/v1/users/:id/lifecycle/unsuspend", method = "post", operation_id = "unsuspendUser")]
    async fn unsuspend(&self, request: &Request, id: Path<String>) -> Answer<DoneDoc> {
        Answer::of(self.turn(request, &id, Turn::Unsuspend).await)
    }

    /// Unlock a user (Okta Users API)
    #[oai(path = "/api/v1/users/:id/lifecycle/unlock", method = "post", operation_id = "unlockUser")]
    async fn unlock(&self, request: &Request, id: Path<String>) -> Answer<DoneDoc> {
        Answer::of(self.turn(request, &id, Turn::Unlock).await)
    }

    /// End all sessions of a user, and revoke the tokens if that is asked for (Okta Users API)
    #[oai(path = "/api/v1/users/:id/sessions", method = "delete", operation_id = "revokeUserSessions")]
    async fn revoke_sessions(&self, request: &Request, id: Path<String>) -> Answer<GoneDoc> {
        Answer::of(self.end_sessions(request, &id).await)
    }

    /// End the own sessions, all or all others (Okta Users API)
    #[oai(
        path = "/api/v1/users/me/lifecycle/delete_sessions",
        method = "post",
        operation_id = "endUserSessions"
    )]
    async fn delete_own_sessions(
        &self,
        request: &Request,
        caller: Data<&Arc<Caller>>,
        body: JsonBody<Any<Value>>,
    ) -> Answer<DoneDoc> {
        Answer::of(self.end_own_sessions(request, &caller, &body).await)
    }

    /// List the groups of a user (Okta Users API)
    #[oai(path = "/api/v1/users/:id/groups", method = "get", operation_id = "listUserGroups")]
    async fn groups(&self, request: &Request, id: Path<String>) -> Answer<GroupsDoc> {
        Answer::of(self.groups_of(request, &id).await)
    }
}

impl Users {
    async fn show(&self, request: &Request, id: &str) -> Result<Response, Response> {
        let app = self.0.app()?;
        // A browser asks for itself with its cookie; a program says who it is in a header.
        if id == ME && !request.headers().contains_key(header::AUTHORIZATION) {
            let (_, user) = sessions::current(app, request).await.map_err(|_| no_session())?;
            return self.told(request, &user).await;
        }
        let who = administrator(app, request, Right::UsersRead).await?;
        let user = load(app, &who, id).await?;
        self.told(request, &user).await
    }

    /// The user, with the tag of what was told.
    async fn told(&self, request: &Request, user: &User) -> Result<Response, Response> {
        let app = self.0.app()?;
        let type_id = directory::type_id(app).await.map_err(failed)?;
        let question = recovery::question::find(app, &user.id).await.map_err(failed)?;
        let view = View {
            issuer: &app.settings.issuer,
            type_id: &type_id,
            question: question.as_deref(),
            omitted: Omitted::of(request.headers()),
            now: app.now(),
        };
        let mut response = json_response(StatusCode::OK, &view.of(user));
        if let Ok(tag) = HeaderValue::from_str(&etag(user)) {
            response.headers_mut().insert(header::ETAG, tag);
        }
        Ok(response)
    }
}

/// Whoever asks, as a user.
const ME: &str = "me";

/// E0000005: a browser without a session.
fn no_session() -> Response {
    Envelope::new(StatusCode::FORBIDDEN, "E0000005", "Invalid session").respond()
}

/// What policy asks of a user's password.
pub(super) async fn rules(app: &App, user: &User) -> Result<PasswordRules, Response> {
    let policies = policies::of_user(app, user, None).await.map_err(failed)?;
    Ok(policies.password)
}

/// The user that a path names: an id, a login, the beginning of a login before the `@` if it is the only one, or `me`.
///
/// # Errors
/// The answer that there is none.
pub(crate) async fn load(app: &App, who: &Administrator, id: &str) -> Result<User, Response> {
    let unknown = || Envelope::not_found(id, KIND).respond();
    if id == ME {
        return who.user().cloned().ok_or_else(unknown);
    }
    if id.is_empty() || id.len() > LoginKey::MAX_CHARS * 4 {
        return Err(unknown());
    }
    let by_id = store::user::find(&app.db, &UserId::new(id)).await.map_err(failed)?;
    if let Some(user) = by_id {
        return Ok(user);
    }
    let Ok(key) = LoginKey::normalize(id) else { return Err(unknown()) };
    let by_login = store::user::find_by_login(&app.db, key.as_str()).await.map_err(failed)?;
    if let Some(user) = by_login {
        return Ok(user);
    }
    if id.contains('@') {
        return Err(unknown());
    }
    let by_name = store::user::find_by_short_name(&app.db, key.as_str()).await;
    by_name.map_err(failed)?.ok_or_else(unknown)
}

/// A machine is no administrator, and may not change one (security rule Y2).
///
/// # Errors
/// The answer.
pub(crate) fn may_touch(who: &Administrator, user: &User) -> Result<(), Response> {
    if user.admin && who.user().is_none() { Err(Envelope::forbidden().respond()) } else { Ok(()) }
}

pub(super) async fn edit<'a>(
    app: &'a App,
    id: &UserId,
    who: &'a Administrator,
) -> Result<Edit<'a>, Response> {
    Edit::begin_by_id(app, id, who.caller()).await.map_err(|error| refusal(error, id.as_str()))
}
