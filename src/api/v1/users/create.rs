//! New users.

use http::StatusCode;
use poem::{Request, Response};
use serde_json::Value;

use super::{
    Users,
    refusal::{not_mailed, not_recovered, refusal, weak},
};
use crate::{
    api::{
        error::okta::{Envelope, failed},
        json_body::JsonBody,
        v1::{
            administrator::{Right, administrator},
            query::Query,
            user_document::{NewPassword, Question, UserDocument, UserForm},
        },
    },
    app::App,
    model::{
        policy::PasswordRules,
        recovery::RecoveryKind,
        user::{User, UserStatus},
    },
    secret::Secret,
    store,
    user::{
        administration::{self, AdministrationError, Begins, NewUser, Rank},
        credentials::HashError,
        lifecycle::PasswordPresence,
        password::PasswordError,
        password_policy::{self, Owner, Shortcoming},
        profile, recovery,
    },
};

impl Users {
    pub(super) async fn add(
        &self,
        request: &Request,
        body: &JsonBody<UserForm>,
    ) -> Result<Response, Response> {
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
        draft.user.password_hash = match document.password {
            Some(NewPassword::Value(password)) => Some(hashed(app, password, &draft.user, &rules).await?),
            // Nobody knows whether it satisfies the policy (Okta).
            Some(NewPassword::Hash(hash)) => Some(app.passwords.import(&hash).await.map_err(not_hashed)?),
            None => None,
        };
        let mut units = Vec::new();
        if let Some(Question { question, answer }) = document.question {
            let unit = recovery::question::set(app, &draft.user, &question, &answer, who.caller()).await;
            units.push(unit.map_err(|error| not_recovered(&error))?);
        }
        if draft.user.status == UserStatus::Provisioned {
            let unit = recovery::token::send(app, &draft.user, RecoveryKind::AccountActivation, &rules);
            units.push(unit.map_err(not_mailed)?);
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
    app.passwords.hash(new).await.map_err(not_hashed)
}

/// The answer to a password that could not be hashed.
pub(super) fn not_hashed(error: HashError) -> Response {
    match error {
        HashError::Busy(_) => Envelope::rate_limit().respond(),
        HashError::Length => weak(&PasswordError::Weak(vec![Shortcoming::TooLong])),
    }
}
