//! Okta's Users API: `/api/v1/users…`.

use std::sync::Arc;

use http::{HeaderValue, StatusCode, header};
use poem::{Request, Response, web::Data};
use poem_openapi::{OpenApi, param::Path, types::Any};
use serde_json::{Map, Value, json};

use super::{
    administrator::{Administrator, Right, administrator},
    query::Query,
    sessions,
    user_document::{Question, UserDocument, UserForm},
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
        paging,
        payload::{Answer, Documentation},
    },
    app::App,
    id::{SessionId, UserId},
    model::{
        policy::PasswordRules,
        recovery::RecoveryKind,
        user::{User, UserStatus},
    },
    protocol::{scim_filter::Filter, timestamp::timestamp},
    secret::Secret,
    session::farewell,
    store::{self, unit::Unit},
    syslog::{Caller, Event, EventType},
    user::{
        administration::{self, AdministrationError, Begins, Edit, NewUser, ProfileChange, Rank},
        credentials::HashError,
        directory::{self, Search},
        lifecycle::{self, Deletion, PasswordPresence},
        login::LoginKey,
        password::{self, PasswordError, RevokeSessions, SetBy},
        password_policy::{self, Owner, Shortcoming},
        policies, profile,
        recovery::{self, RecoveryError},
    },
};

/// The endpoints.
pub struct Users(pub(in crate::api) Served);

const REFUSALS: [(u16, &str); 5] = [
    (400, "The request is refused"),
    (401, "No valid token was presented"),
    (403, "The right is missing, or the status of the user does not permit it"),
    (404, "There is no such user"),
    (429, "Too many requests"),
];

macro_rules! documented {
    ($name:ident, $schema:ty, $status:literal, $good:literal) => {
        struct $name;

        impl Documentation for $name {
            const STATUSES: &'static [(u16, &'static str)] =
                &[($status, $good), REFUSALS[0], REFUSALS[1], REFUSALS[2], REFUSALS[3], REFUSALS[4]];
            type Schema = $schema;
        }
    };
}

documented!(UserDoc, UserObject, 200, "The user");
documented!(UsersDoc, Vec<UserObject>, 200, "A page of users");
documented!(GroupsDoc, Vec<Any<Value>>, 200, "The groups of the user");
documented!(DoneDoc, Any<Value>, 200, "It is done");
documented!(GoneDoc, Any<Value>, 204, "It is done");

/// The kind of thing a user is, in Okta's errors.
const KIND: &str = "User";
/// The list of users, in cursors.
const LIST: &str = "users";
/// How many users a page has unless the request says otherwise, and at most (Okta).
const LIMIT: usize = 200;
/// How many a page has where names are searched (Okta).
const LIMIT_OF_Q: usize = 10;
/// The longest text that a name is searched for.
const MAX_Q: usize = 256;

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

/// A step of the life cycle.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Turn {
    Activate,
    Reactivate,
    Deactivate,
    Suspend,
    Unsuspend,
    Unlock,
}

impl Users {
    async fn page(&self, request: &Request) -> Result<Response, Response> {
        let app = self.0.app()?;
        administrator(app, request, Right::UsersRead).await?;
        let query = Query::of(request)?;
        let search = search(&query)?;
        let limit = query.limit(if search.prefix.is_some() { LIMIT_OF_Q } else { LIMIT }, 1..=LIMIT)?;
        let after = query.after(app, LIST)?;
        let found = directory::page(app, &search, after.as_deref(), limit).await.map_err(failed)?;
        let type_id = directory::type_id(app).await.map_err(failed)?;
        let view = View {
            issuer: &app.settings.issuer,
            type_id: &type_id,
            question: None,
            omitted: Omitted::of(request.headers()),
            now: app.now(),
        };
        let documents: Vec<Value> = found.users.iter().map(|user| view.of(user)).collect();
        let mut response = json_response(StatusCode::OK, &documents);
        let base = format!("{}/api/v1/users", app.settings.issuer);
        let limit = limit.to_string();
        let at = |after: Option<&str>| {
            let given = |name| query.text(name);
            let query = [
                ("after", after),
                ("limit", Some(limit.as_str())),
                ("q", given("q")),
                ("filter", given("filter")),
                ("search", given("search")),
            ];
            paging::address(&base, &query)
        };
        paging::link(&mut response, &at(query.text("after")), "self");
        if let Some(next) = found.next {
            paging::link(&mut response, &at(Some(&paging::cursor(app, LIST, &next))), "next");
        }
        Ok(response)
    }

    async fn add(&self, request: &Request, body: &JsonBody<UserForm>) -> Result<Response, Response> {
        let app = self.0.app()?;
        let who = administrator(app, request, Right::UsersManage).await?;
        let query = Query::of(request)?;
        let document = UserDocument::read(body.document()?)?;
        let presence = match document.password {
            Some(_) => PasswordPresence::Set,
            None => PasswordPresence::Unset,
        };
        let begins = begins(&query, presence)?;
        let Some(attributes) = document.profile else {
            return Err(Envelope::validation(
                "profile",
                ["profile: The field cannot be left blank".to_owned()],
            )
            .respond());
        };
        let login = match attributes.get("login") {
            Some(Value::String(login)) => login.clone(),
            None | Some(_) => String::new(),
        };
        let mut wrong: Vec<String> = profile::check_login(&login).into_iter().collect();
        wrong.extend(profile::check(&attributes));
        if !wrong.is_empty() {
            return Err(refusal(AdministrationError::Profile(wrong), &login));
        }
        let new = NewUser {
            login,
            profile: attributes,
            password: presence,
            begins,
            rank: Rank::User,
            groups: document.groups,
        };
        let mut draft = administration::draft(app, new);
        let rules = draft.password_rules(app).await.map_err(failed)?;
        if let Some(password) = document.password {
            draft.user.password_hash = Some(hashed(app, password, &draft.user, &rules).await?);
        }
        let mut units = Vec::new();
        if let Some(Question { question, answer }) = document.question {
            let unit = recovery::question::set(app, &draft.user, &question, &answer, who.caller()).await;
            units.push(unit.map_err(|error| not_recovered(&error))?);
        }
        if draft.user.status == UserStatus::Provisioned {
            let unit = recovery::token::send(app, &draft.user, RecoveryKind::AccountActivation, &rules);
            units.push(unit.map_err(failed)?);
        }
        let tx = app.db.begin_write().await.map_err(failed)?;
        let user = administration::create(app, &tx, draft, who.caller())
            .await
            .map_err(|error| refusal(error, ""))?;
        for unit in units {
            store::unit::run_in(&tx, unit).await.map_err(failed)?;
        }
        tx.commit().await.map_err(failed)?;
        self.told(request, &user).await
    }

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

    async fn change(
        &self,
        request: &Request,
        id: &str,
        (body, how): (&JsonBody<UserForm>, ProfileChange),
    ) -> Result<Response, Response> {
        let app = self.0.app()?;
        let who = administrator(app, request, Right::UsersManage).await?;
        let document = UserDocument::read(body.document()?)?;
        let user = load(app, &who, id).await?;
        let attributes = match (document.profile, how) {
            (Some(attributes), _) => attributes,
            (None, ProfileChange::Partial) => Map::new(),
            (None, ProfileChange::Replace) => {
                let cause = "profile: The field cannot be left blank".to_owned();
                return Err(Envelope::validation("profile", [cause]).respond());
            }
        };
        let mut units = Vec::new();
        if let Some(new) = document.password {
            let rules = rules(app, &user).await?;
            let how = (SetBy::Administrator, RevokeSessions::All, who.caller());
            let unit = password::set(app, &user, &new, &rules, how).await;
            units.push(unit.map_err(|error| weak(&error))?);
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
        let changed = edit.update_profile(&attributes, how).await;
        let user = changed.map_err(|error| refusal(error, id))?;
        self.told(request, &user).await
    }

    async fn remove(&self, request: &Request, id: &str) -> Result<Response, Response> {
        let app = self.0.app()?;
        let who = administrator(app, request, Right::UsersManage).await?;
        let user = load(app, &who, id).await?;
        let edit = edit(app, &user.id, &who).await?;
        let done = match lifecycle::deletion(edit.user.status) {
            Deletion::Deactivate => edit.deactivate().await,
            Deletion::Remove => edit.delete().await,
        };
        done.map_err(|error| refusal(error, id))?;
        Ok(StatusCode::NO_CONTENT.into())
    }

    async fn turn(&self, request: &Request, id: &str, turn: Turn) -> Result<Response, Response> {
        let app = self.0.app()?;
        let who = administrator(app, request, Right::UsersManage).await?;
        let query = Query::of(request)?;
        let delivery = Delivery::of(query.flag("sendEmail")?.unwrap_or(turn == Turn::Activate));
        let user = load(app, &who, id).await?;
        let rules = rules(app, &user).await?;
        let mut edit = edit(app, &user.id, &who).await?;
        if turn == Turn::Unlock && edit.user.status_at(app.now()) != UserStatus::LockedOut {
            return Err(impossible(turn));
        }
        let refused = |error| match error {
            AdministrationError::Status(_) => impossible(turn),
            error => refusal(error, id),
        };
        let mut answer = json!({});
        let done = match turn {
            Turn::Activate | Turn::Reactivate => {
                let begun =
                    if turn == Turn::Activate { edit.activate().await } else { edit.reactivate().await };
                begun.map_err(refused)?;
                let mut unit = Unit::new();
                if edit.user.status == UserStatus::Provisioned {
                    (unit, answer) = invitation(app, &edit.user, &rules, delivery)?;
                }
                edit.finish(unit).await
            }
            Turn::Deactivate => edit.deactivate().await,
            Turn::Suspend => edit.suspend().await,
            Turn::Unsuspend => edit.unsuspend().await,
            Turn::Unlock => edit.unlock().await,
        };
        done.map_err(refused)?;
        Ok(json_response(StatusCode::OK, &answer))
    }

    async fn end_sessions(&self, request: &Request, id: &str) -> Result<Response, Response> {
        let app = self.0.app()?;
        let who = administrator(app, request, Right::UsersManage).await?;
        let tokens = Query::of(request)?.flag("oauthTokens")?.unwrap_or(false);
        let user = load(app, &who, id).await?;
        if tokens {
            let edit = edit(app, &user.id, &who).await?;
            edit.revoke_sessions().await.map_err(|error| refusal(error, id))?;
        } else {
            may_touch(&who, &user)?;
            end_all_sessions(app, &user.id, who.caller()).await?;
        }
        Ok(StatusCode::NO_CONTENT.into())
    }

    async fn end_own_sessions(
        &self,
        request: &Request,
        caller: &Caller,
        body: &JsonBody<Any<Value>>,
    ) -> Result<Response, Response> {
        let app = self.0.app()?;
        let (session, user) = sessions::current(app, request).await.map_err(|_| no_session())?;
        sessions::may_change(app, request).await?;
        let document = if body.is_empty() { Map::new() } else { body.document()? };
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

    async fn groups_of(&self, request: &Request, id: &str) -> Result<Response, Response> {
        let app = self.0.app()?;
        let who = administrator(app, request, Right::GroupsRead).await?;
        let query = Query::of(request)?;
        let limit = query.limit(LIMIT, 1..=LIMIT)?;
        let user = load(app, &who, id).await?;
        let list = format!("groups of {}", user.id);
        let after = query.after(app, &list)?;
        let more = u64::try_from(limit).unwrap_or(u64::MAX).saturating_add(1);
        let mut groups =
            store::group::details_of_user(&app.db, &user.id, after.as_deref(), more).await.map_err(failed)?;
        let has_more = groups.len() > limit;
        groups.truncate(limit);
        let issuer = &app.settings.issuer;
        let documents: Vec<Value> = groups
            .iter()
            .map(|group| {
                json!({
                    "id": group.id,
                    "created": timestamp(group.created_at),
                    "lastUpdated": timestamp(group.updated_at),
                    "lastMembershipUpdated": timestamp(group.updated_at),
                    "objectClass": ["okta:user_group"],
                    "type": "OKTA_GROUP",
                    "profile": { "name": group.name, "description": group.description },
                })
            })
            .collect();
        let mut response = json_response(StatusCode::OK, &documents);
        let base = format!("{issuer}/api/v1/users/{}/groups", user.id);
        let limit = limit.to_string();
        let at = |after: Option<&str>| paging::address(&base, &[("after", after), ("limit", Some(&limit))]);
        paging::link(&mut response, &at(query.text("after")), "self");
        if let (true, Some(last)) = (has_more, groups.last()) {
            paging::link(&mut response, &at(Some(&paging::cursor(app, &list, last.id.as_str()))), "next");
        }
        Ok(response)
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

/// What is listed: `filter`, `search` and `q` exclude each other (Okta).
fn search(query: &Query) -> Result<Search, Response> {
    let given = |name| query.text(name).filter(|text: &&str| !text.is_empty());
    let invalid = || Envelope::new(StatusCode::BAD_REQUEST, "E0000031", "Invalid search criteria.");
    if query.text("sortBy").is_some() || query.text("sortOrder").is_some() {
        return Err(invalid().because("sortBy: users are listed in the order of their ids").respond());
    }
    let read =
        |text: &str| Filter::parse(text).map_err(|error| invalid().because(error.to_string()).respond());
    match (given("filter"), given("search"), given("q")) {
        (None, None, None) => Ok(Search { without_deprovisioned: true, ..Search::default() }),
        (Some(filter), None, None) => {
            let filter = read(filter)?;
            directory::check_filter(&filter)
                .map_err(|error| invalid().because(error.to_string()).respond())?;
            Ok(Search { filter: Some(filter), ..Search::default() })
        }
        (None, Some(search), None) => {
            let filter = read(search)?;
            directory::check_search(&filter)
                .map_err(|error| invalid().because(error.to_string()).respond())?;
            Ok(Search { filter: Some(filter), ..Search::default() })
        }
        (None, None, Some(q)) if q.len() <= MAX_Q => {
            Ok(Search { prefix: Some(q.to_owned()), without_deprovisioned: true, filter: None })
        }
        (None, None, Some(_)) => Err(invalid().because("q: is too long").respond()),
        _ => {
            let text = "The 'q', 'filter' and 'search' parameters exclude each other.";
            Err(Envelope::new(StatusCode::BAD_REQUEST, "E0000033", text).respond())
        }
    }
}

/// How a new user begins: `activate` and `nextLogin`.
fn begins(query: &Query, password: PasswordPresence) -> Result<Begins, Response> {
    let activate = query.flag("activate")?.unwrap_or(true);
    // Where the credentials come from is told by the document; the parameter says that it does.
    query.flag("provider")?;
    let refuse = |code, text: &str| Err(Envelope::new(StatusCode::BAD_REQUEST, code, text).respond());
    match query.text("nextLogin") {
        None => Ok(if activate { Begins::Activated } else { Begins::Staged }),
        Some("changePassword") if password == PasswordPresence::Unset => {
            refuse("E0000124", "A password is needed for it to be changed at the next sign-in.")
        }
        Some("changePassword") if !activate => {
            refuse("E0000125", "A user whose password is to be changed must be activated.")
        }
        Some("changePassword") => Ok(Begins::MustChangePassword),
        Some(_) => {
            let cause = "nextLogin: must be changePassword".to_owned();
            Err(Envelope::validation("nextLogin", [cause]).respond())
        }
    }
}

/// What policy asks of a user's password.
pub(super) async fn rules(app: &App, user: &User) -> Result<PasswordRules, Response> {
    let policies = policies::of_user(app, user, None).await.map_err(failed)?;
    Ok(policies.password)
}

/// How a link gets to the user.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Delivery {
    /// By mail.
    ByMail,
    /// By whoever asked, to whom it is told.
    InAnswer,
}

impl Delivery {
    /// Okta's `sendEmail`.
    pub(super) fn of(send_email: bool) -> Self {
        if send_email { Self::ByMail } else { Self::InAnswer }
    }
}

/// The unit that invites a user to set a password, and what is answered: the link, unless it is mailed.
fn invitation(
    app: &App,
    user: &User,
    rules: &PasswordRules,
    delivery: Delivery,
) -> Result<(Unit, Value), Response> {
    const KIND: RecoveryKind = RecoveryKind::AccountActivation;
    if delivery == Delivery::ByMail {
        let unit = recovery::token::send(app, user, KIND, rules).map_err(failed)?;
        return Ok((unit, json!({})));
    }
    let issued = recovery::token::issue(app, user, KIND, rules);
    let answer = json!({
        "activationUrl": recovery::token::link(app, KIND, &issued.token),
        "activationToken": issued.token.expose(),
    });
    Ok((issued.unit, answer))
}

/// Checks and hashes the password of a new user, before any transaction begins.
async fn hashed(
    app: &App,
    new: Secret<String>,
    user: &User,
    rules: &PasswordRules,
) -> Result<Secret<String>, Response> {
    let lacks = password_policy::check(new.expose(), Owner::from(user), rules);
    if !lacks.is_empty() {
        return Err(weak(&PasswordError::Weak(lacks)));
    }
    app.passwords.hash(new).await.map_err(|error| match error {
        HashError::Busy(_) => Envelope::rate_limit().respond(),
        HashError::Length => weak(&PasswordError::Weak(vec![Shortcoming::TooLong])),
    })
}

/// The answer to a password in a document that is refused.
fn weak(error: &PasswordError) -> Response {
    match error {
        PasswordError::Weak(_) => {
            let cause = format!("password: Password requirements were not met: {error}");
            Envelope::validation("password", [cause]).respond()
        }
        error => not_set(error),
    }
}

/// The answer to a password that was not set.
pub(super) fn not_set(error: &PasswordError) -> Response {
    let forbidden = |code, text: &str| Envelope::new(StatusCode::FORBIDDEN, code, text);
    let refused = || forbidden("E0000014", "Update of credentials failed");
    match error {
        PasswordError::NotAllowed => {
            forbidden("E0000035", "Change password not allowed on specified user.").respond()
        }
        PasswordError::WrongPassword => {
            refused().because("oldPassword: The credentials provided were incorrect.").respond()
        }
        PasswordError::Locked => {
            forbidden("E0000069", "User Locked: too many wrong passwords were given").respond()
        }
        PasswordError::TooYoung { .. } | PasswordError::Weak(_) => {
            refused().because(format!("newPassword: {error}")).respond()
        }
        PasswordError::Status(_) => not_now(),
        PasswordError::Busy => Envelope::rate_limit().respond(),
        PasswordError::Fault(fault) => failed(fault),
    }
}

/// The answer to a recovery, or to what is set for one, that is refused.
pub(super) fn not_recovered(error: &RecoveryError) -> Response {
    let forbidden = |code, text: &str| Envelope::new(StatusCode::FORBIDDEN, code, text).respond();
    match error {
        RecoveryError::Invalid { member, problem } => {
            Envelope::validation("recovery_question", [format!("{member}: {problem}")]).respond()
        }
        RecoveryError::WrongAnswer | RecoveryError::WrongCode => {
            forbidden("E0000087", "The recovery question answer did not match our records.")
        }
        RecoveryError::Locked => forbidden("E0000069", "User Locked: too many wrong answers were given"),
        RecoveryError::NotAllowed => forbidden("E0000034", "Forgot password not allowed on specified user."),
        RecoveryError::UnknownUser => forbidden("E0000095", "Recovery not allowed for unknown user."),
        RecoveryError::Unknown => Envelope::invalid_token().respond(),
        RecoveryError::Spent => forbidden(
            "E0000105",
            "You have accessed an account recovery link that has expired or been previously used.",
        ),
        RecoveryError::Status(_) => not_now(),
        RecoveryError::Throttled(_)
        | RecoveryError::SentRecently(_)
        | RecoveryError::TooManyMessages
        | RecoveryError::Busy => Envelope::rate_limit().respond(),
        RecoveryError::Fault(fault) => failed(fault),
    }
}

/// E0000038: the status does not permit it.
fn not_now() -> Response {
    let text = "This operation is not allowed in the user's current status.";
    Envelope::new(StatusCode::FORBIDDEN, "E0000038", text).respond()
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

/// Okta's answer to a step that the status does not permit.
fn impossible(turn: Turn) -> Response {
    let forbidden = |code, text: &str| Envelope::new(StatusCode::FORBIDDEN, code, text).respond();
    match turn {
        Turn::Activate => forbidden("E0000016", "Activation failed because the user is already active"),
        Turn::Reactivate => {
            forbidden("E0000038", "This operation is not allowed in the user's current status.")
        }
        Turn::Unlock => forbidden("E0000032", "Unlock is not allowed for this user."),
        Turn::Suspend => {
            Envelope::validation("suspendUser", ["Cannot suspend a user that is not active".to_owned()])
                .respond()
        }
        Turn::Unsuspend => Envelope::validation(
            "unsuspendUser",
            ["Cannot unsuspend a user that is not suspended".to_owned()],
        )
        .respond(),
        Turn::Deactivate => Envelope::validation(
            "deactivateUser",
            ["Cannot deactivate a user that is deactivated already".to_owned()],
        )
        .respond(),
    }
}

/// Okta's answer to whatever was refused.
pub(super) fn refusal(error: AdministrationError, id: &str) -> Response {
    match error {
        AdministrationError::UnknownUser => Envelope::not_found(id, KIND).respond(),
        AdministrationError::UnknownGroup(group) => {
            Envelope::not_found(group.as_str(), "UserGroup").respond()
        }
        AdministrationError::LoginTaken => {
            let cause = "login: An object with this field already exists in the current organization";
            Envelope::validation("login", [cause.to_owned()]).respond()
        }
        AdministrationError::Login(error) => {
            Envelope::validation("login", [format!("login: {error}")]).respond()
        }
        AdministrationError::Profile(causes) => {
            let resource =
                causes.first().and_then(|cause| cause.split_once(':')).map(|(name, _)| name.to_owned());
            Envelope::validation(resource.as_deref().unwrap_or("profile"), causes).respond()
        }
        AdministrationError::Status(_) => not_now(),
        AdministrationError::Administrator => Envelope::forbidden().respond(),
        AdministrationError::Changed => {
            Envelope::new(StatusCode::CONFLICT, "E0000195", "The user was changed meanwhile.").respond()
        }
        AdministrationError::Fault(fault) => failed(fault),
    }
}
