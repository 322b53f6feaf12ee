//! Okta's Users API, as far as it is about passwords, the recovery question and the reset of factors.

use http::StatusCode;
use poem::{Request, Response};
use poem_openapi::{Object, OpenApi, param::Path, types::Any};
use serde_json::{Map, Value, json};

use super::{
    administrator::{Administrator, Right, administrator},
    query::Query,
    user_document::{self, Question},
    user_view::{Omitted, UserObject, View},
    users::{Delivery, edit, load_to_change, not_mailed, not_now, not_recovered, not_set, refusal, rules},
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
    factor,
    model::{
        policy::PasswordRules,
        recovery::RecoveryKind,
        user::{User, UserStatus},
    },
    secret::Secret,
    store::unit::Unit,
    user::{
        directory,
        password::{self, PasswordChange, PasswordError, RevokeSessions, SetBy},
        recovery::{self, RecoveryError, token::Issued},
    },
};

/// The endpoints.
pub struct UserCredentials(pub(in crate::api) Served);

/// A change of credentials, for the document.
#[derive(Object)]
#[oai(rename_all = "camelCase")]
struct CredentialsForm {
    /// The present password, as `{"value": …}`.
    old_password: Option<Any<Value>>,
    /// The new password, as `{"value": …}`.
    new_password: Option<Any<Value>>,
    /// The password, as `{"value": …}`.
    password: Option<Any<Value>>,
    /// A recovery question with its answer.
    #[oai(rename = "recovery_question")]
    recovery_question: Option<Any<Value>>,
    /// Whether all sessions end.
    revoke_sessions: Option<bool>,
}

documented! {
    DoneDoc: Any<Value> = &[
        (200, "It is done"),
        (400, "The request is refused"),
        (401, "No valid token was presented"),
        (403, "The right is missing, or a credential is wrong or refused"),
        (404, "There is no such user"),
        (429, "Too many requests"),
    ];
    UserDoc: UserObject = DoneDoc::STATUSES;
}

#[OpenApi]
impl UserCredentials {
    /// Let a user change the password at the next sign-in (Okta Users API)
    #[oai(
        path = "/api/v1/users/:id/lifecycle/expire_password",
        method = "post",
        operation_id = "expirePassword"
    )]
    async fn expire_password(&self, request: &Request, id: Path<String>) -> Answer<UserDoc> {
        Answer::of(self.expire(request, &id).await)
    }

    /// Replace the password of a user by a temporary one (Okta Users API)
    #[oai(
        path = "/api/v1/users/:id/lifecycle/expire_password_with_temp_password",
        method = "post",
        operation_id = "expirePasswordWithTempPassword"
    )]
    async fn expire_with_temporary(&self, request: &Request, id: Path<String>) -> Answer<DoneDoc> {
        Answer::of(self.temporary(request, &id).await)
    }

    /// Let a user set a new password by a link (Okta Users API)
    #[oai(
        path = "/api/v1/users/:id/lifecycle/reset_password",
        method = "post",
        operation_id = "resetPassword"
    )]
    async fn reset_password(&self, request: &Request, id: Path<String>) -> Answer<DoneDoc> {
        Answer::of(self.reset(request, &id).await)
    }

    /// Remove all factors of a user (Okta Users API)
    #[oai(path = "/api/v1/users/:id/lifecycle/reset_factors", method = "post", operation_id = "resetFactors")]
    async fn reset_factors(&self, request: &Request, id: Path<String>) -> Answer<DoneDoc> {
        Answer::of(self.remove_factors(request, &id).await)
    }

    /// Change the password of a user who gives the old one (Okta Users API)
    #[oai(
        path = "/api/v1/users/:id/credentials/change_password",
        method = "post",
        operation_id = "changePassword"
    )]
    async fn change_password(
        &self,
        request: &Request,
        id: Path<String>,
        body: JsonBody<CredentialsForm>,
    ) -> Answer<DoneDoc> {
        Answer::of(self.change(request, &id, &body).await)
    }

    /// Change the recovery question of a user who gives the password (Okta Users API)
    #[oai(
        path = "/api/v1/users/:id/credentials/change_recovery_question",
        method = "post",
        operation_id = "changeRecoveryQuestion"
    )]
    async fn change_recovery_question(
        &self,
        request: &Request,
        id: Path<String>,
        body: JsonBody<CredentialsForm>,
    ) -> Answer<DoneDoc> {
        Answer::of(self.question(request, &id, &body).await)
    }

    /// Begin the recovery of a forgotten password (Okta Users API)
    #[oai(
        path = "/api/v1/users/:id/credentials/forgot_password",
        method = "post",
        operation_id = "forgotPassword"
    )]
    async fn forgot_password(&self, request: &Request, id: Path<String>) -> Answer<DoneDoc> {
        Answer::of(self.forgot(request, &id).await)
    }

    /// Set a new password by the answer to the recovery question (Okta Users API)
    #[oai(
        path = "/api/v1/users/:id/credentials/forgot_password_recovery_question",
        method = "post",
        operation_id = "forgotPasswordSetNewPassword"
    )]
    async fn forgot_password_recovery_question(
        &self,
        request: &Request,
        id: Path<String>,
        body: JsonBody<CredentialsForm>,
    ) -> Answer<DoneDoc> {
        Answer::of(self.answered(request, &id, &body).await)
    }
}

/// What every operation begins with.
struct Asked<'a> {
    app: &'a App,
    who: Administrator,
    user: User,
    rules: PasswordRules,
}

impl Asked<'_> {
    /// Commits what was decided, unless the user was changed meanwhile or is not the caller's to change.
    async fn commit(&self, unit: Unit) -> Result<User, Response> {
        let id = self.user.id.as_str();
        let edit = edit(self.app, &self.user.id, &self.who).await?;
        edit.finish(unit).await.map_err(|error| refusal(error, id))
    }

    /// Whether a forgotten password is replaced: by those who have one, and whom policy lets.
    fn may_forget(&self) -> Result<(), Response> {
        if self.user.is_active() && self.rules.allow_reset {
            Ok(())
        } else {
            Err(not_recovered(&RecoveryError::NotAllowed))
        }
    }

    /// What the user signs in with.
    async fn credentials(&self, user: &User) -> Result<Response, Response> {
        let seen = self.seen(user).await?;
        Ok(json_response(StatusCode::OK, &seen.view(self.app).credentials(user)))
    }

    async fn seen(&self, user: &User) -> Result<Seen, Response> {
        Ok(Seen {
            type_id: directory::type_id(self.app).await.map_err(failed)?,
            question: recovery::question::find(self.app, &user.id).await.map_err(failed)?,
        })
    }
}

/// What is shown of a user beside the user.
struct Seen {
    type_id: String,
    question: Option<String>,
}

impl Seen {
    fn view<'a>(&'a self, app: &'a App) -> View<'a> {
        View {
            issuer: &app.settings.issuer,
            type_id: &self.type_id,
            question: self.question.as_deref(),
            omitted: Omitted::default(),
            now: app.now(),
        }
    }
}

impl UserCredentials {
    async fn asked(&self, request: &Request, id: &str) -> Result<Asked<'_>, Response> {
        let app = self.0.app()?;
        let who = administrator(app, request, Right::UsersManage).await?;
        let user = load_to_change(app, &who, id).await?;
        let rules = rules(app, &user).await?;
        Ok(Asked { app, who, user, rules })
    }

    async fn expire(&self, request: &Request, id: &str) -> Result<Response, Response> {
        let asked = self.asked(request, id).await?;
        if Query::of(request)?.flag("tempPassword")?.unwrap_or(false) {
            return with_temporary(&asked, RevokeSessions::None).await;
        }
        let unit = password::expire(asked.app, &asked.user, asked.who.caller())
            .map_err(|error| not_set(&error.into()))?;
        let user = asked.commit(unit).await?;
        let seen = asked.seen(&user).await?;
        Ok(json_response(StatusCode::OK, &seen.view(asked.app).of(&user)))
    }

    async fn temporary(&self, request: &Request, id: &str) -> Result<Response, Response> {
        let asked = self.asked(request, id).await?;
        let revoke = if Query::of(request)?.flag("revokeSessions")?.unwrap_or(false) {
            RevokeSessions::All
        } else {
            RevokeSessions::None
        };
        with_temporary(&asked, revoke).await
    }

    async fn reset(&self, request: &Request, id: &str) -> Result<Response, Response> {
        let asked = self.asked(request, id).await?;
        let query = Query::of(request)?;
        if query.text("sendEmail").is_none() {
            let cause = "sendEmail: The field cannot be left blank".to_owned();
            return Err(Envelope::validation("sendEmail", [cause]).respond());
        }
        // The old password opens nothing any more, so sessions end in any case (security rule S7).
        query.flag("revokeSessions")?;
        begin_reset(&asked, Delivery::of(query.flag("sendEmail")?.unwrap_or(true))).await
    }

    async fn forgot(&self, request: &Request, id: &str) -> Result<Response, Response> {
        let asked = self.asked(request, id).await?;
        let delivery = Delivery::of(Query::of(request)?.flag("sendEmail")?.unwrap_or(true));
        asked.may_forget()?;
        begin_reset(&asked, delivery).await
    }

    /// Security rule S7: the user is told, and whatever was opened with the factors ends.
    async fn remove_factors(&self, request: &Request, id: &str) -> Result<Response, Response> {
        let asked = self.asked(request, id).await?;
        let Asked { app, who, user, .. } = &asked;
        if user.status == UserStatus::Deprovisioned {
            return Err(not_now());
        }
        let unit = factor::service::reset_all(app, user, who.caller()).await.map_err(failed)?;
        asked.commit(unit).await?;
        Ok(json_response(StatusCode::OK, &json!({})))
    }

    async fn change(
        &self,
        request: &Request,
        id: &str,
        body: &JsonBody<CredentialsForm>,
    ) -> Result<Response, Response> {
        let asked = self.asked(request, id).await?;
        let mut document = body.document()?;
        let (old, new) = (value(&mut document, "oldPassword")?, value(&mut document, "newPassword")?);
        let change = PasswordChange { old: &old, new: &new, revoke: revoked(&document)?, device: None };
        let unit = password::change(asked.app, &asked.user, &change, &asked.rules, asked.who.caller()).await;
        let user = asked.commit(unit.map_err(|error| not_set(&error))?).await?;
        asked.credentials(&user).await
    }

    async fn question(
        &self,
        request: &Request,
        id: &str,
        body: &JsonBody<CredentialsForm>,
    ) -> Result<Response, Response> {
        let asked = self.asked(request, id).await?;
        let mut document = body.document()?;
        let given = value(&mut document, "password")?;
        let Some(Question { question, answer }) =
            user_document::question(document.remove("recovery_question"))?
        else {
            return Err(blank("recovery_question"));
        };
        let Asked { app, who, user, .. } = &asked;
        if !user.is_active() {
            return Err(not_now());
        }
        password::prove(app, user, &given, None, who.caller()).await.map_err(|error| match error {
            PasswordError::WrongPassword => {
                Envelope::new(StatusCode::FORBIDDEN, "E0000014", "Update of credentials failed")
                    .because("password: The credentials provided were incorrect.")
                    .respond()
            }
            error => not_set(&error),
        })?;
        let unit = recovery::question::set(app, user, &question, &answer, who.caller()).await;
        let user = asked.commit(unit.map_err(|error| not_recovered(&error))?).await?;
        asked.credentials(&user).await
    }

    async fn answered(
        &self,
        request: &Request,
        id: &str,
        body: &JsonBody<CredentialsForm>,
    ) -> Result<Response, Response> {
        let asked = self.asked(request, id).await?;
        let mut document = body.document()?;
        let new = value(&mut document, "password")?;
        let answer = document.get("recovery_question").and_then(|member| member.get("answer"));
        let Some(answer) = answer.and_then(Value::as_str).map(|answer| Secret::new(answer.to_owned())) else {
            return Err(blank("recovery_question"));
        };
        asked.may_forget()?;
        let Asked { app, who, user, rules } = &asked;
        let forgiven = recovery::question::verify(app, user, &answer, who.caller())
            .await
            .map_err(|error| not_recovered(&error))?;
        let how = (SetBy::Recovery, revoked(&document)?, who.caller());
        let unit = password::set(app, user, &new, rules, how).await.map_err(|error| not_set(&error))?;
        app.db.writer().commit(forgiven).await.map_err(failed)?;
        let user = asked.commit(unit).await?;
        asked.credentials(&user).await
    }
}

async fn with_temporary(asked: &Asked<'_>, revoke: RevokeSessions<'_>) -> Result<Response, Response> {
    let Asked { app, who, user, rules } = asked;
    let made = password::expire_with_temporary(app, user, rules, revoke, who.caller()).await;
    let (password, unit) = made.map_err(|error| not_set(&error))?;
    asked.commit(unit).await?;
    Ok(json_response(StatusCode::OK, &json!({ "tempPassword": password.expose() })))
}

async fn begin_reset(asked: &Asked<'_>, delivery: Delivery) -> Result<Response, Response> {
    const KIND: RecoveryKind = RecoveryKind::Password;
    let Asked { app, who, user, rules } = asked;
    let issued = recovery::token::reset_password(app, user, rules, who.caller()).await;
    let Issued { token, unit, .. } = issued.map_err(|error| not_recovered(&error))?;
    if delivery == Delivery::ByMail {
        let unit = recovery::token::mail(app, unit, user, &token, (KIND, rules)).map_err(not_mailed)?;
        asked.commit(unit).await?;
        return Ok(json_response(StatusCode::OK, &json!({})));
    }
    asked.commit(unit).await?;
    let answer = json!({ "resetPasswordUrl": recovery::token::link(app, KIND, &token) });
    Ok(json_response(StatusCode::OK, &answer))
}

fn blank(member: &str) -> Response {
    Envelope::validation(member, [format!("{member}: The field cannot be left blank")]).respond()
}

/// A password of the document.
fn value(document: &mut Map<String, Value>, member: &str) -> Result<Secret<String>, Response> {
    user_document::password(document.remove(member))?.ok_or_else(|| blank(member))
}

/// Security rule S8: sessions end with a new password, unless the request says that they don't.
fn revoked(document: &Map<String, Value>) -> Result<RevokeSessions<'static>, Response> {
    match document.get("revokeSessions") {
        None | Some(Value::Null | Value::Bool(true)) => Ok(RevokeSessions::All),
        Some(Value::Bool(false)) => Ok(RevokeSessions::None),
        Some(_) => {
            let cause = "revokeSessions: must be true or false".to_owned();
            Err(Envelope::validation("revokeSessions", [cause]).respond())
        }
    }
}
