//! Who asks the Factors API about whose factors: a program for an administrator, or users about their own, with the cookie of
//! their session.

use std::sync::Arc;

use poem::{Request, Response};

use crate::{
    api::{
        error::okta::{Envelope, failed},
        v1::{
            administrator::{Administrator, Right, administrator},
            sessions::{current, may_change},
            users::{load, load_to_change, not_now},
        },
    },
    app::App,
    authn::account::{self, Protection},
    factor::{Purpose, service},
    model::{
        session::Session,
        user::{User, UserStatus},
    },
    syslog::Caller,
};

/// How users name themselves.
const ME: &str = "me";

/// A request about the factors of a user.
pub(super) struct Asked {
    /// Whose factors.
    pub(super) user: User,
    /// How links name the user.
    pub(super) name: String,
    /// Who acts.
    pub(super) caller: Caller,
    /// Who asks.
    pub(super) asker: Asker,
}

/// Who asks.
pub(super) enum Asker {
    /// A program for an administrator, or a machine. The text names it in what is kept of the deed.
    Administrator(String),
    /// The user.
    Owner(Box<Session>),
}

impl Asked {
    /// What challenges and answers are bound to.
    pub(super) fn purpose(&self) -> Purpose<'_> {
        match &self.asker {
            Asker::Administrator(_) => Purpose::Api,
            Asker::Owner(session) => Purpose::Session(&session.id),
        }
    }
}

/// Finds out who asks, and whether they may.
///
/// # Errors
/// The answer to whoever may not, or who asks about nobody.
pub(super) async fn asked(app: &App, request: &Request, name: &str, right: Right) -> Result<Asked, Response> {
    let has_token = request.headers().contains_key(http::header::AUTHORIZATION);
    if name == ME && !has_token {
        return owner(app, request, right).await;
    }
    let administrator = administrator(app, request, right).await?;
    let actor = match (administrator.user(), administrator.caller().actor.as_ref()) {
        (Some(user), _) => user.id.to_string(),
        (None, Some(crate::syslog::Actor::Client(client))) => client.to_string(),
        (None, _) => "administrator".to_owned(),
    };
    let caller = administrator.caller().clone();
    let user = if right == Right::UsersManage {
        load_unless_gone(app, &administrator, name).await?
    } else {
        load(app, &administrator, name).await?
    };
    let name = user.id.to_string();
    Ok(Asked { user, name, caller, asker: Asker::Administrator(actor) })
}

async fn load_unless_gone(app: &App, who: &Administrator, name: &str) -> Result<User, Response> {
    let user = load_to_change(app, who, name).await?;
    if user.status == UserStatus::Deprovisioned {
        return Err(not_now());
    }
    Ok(user)
}

async fn owner(app: &App, request: &Request, right: Right) -> Result<Asked, Response> {
    if right == Right::UsersManage {
        may_change(app, request).await?;
    }
    // There is nobody to whom `me` could refer: as for any other request without credentials.
    let (session, user) = current(app, request).await.map_err(|_| Envelope::invalid_token().respond())?;
    let caller = request.data::<Arc<Caller>>().map(|caller| Caller::clone(caller));
    let caller = caller.unwrap_or_else(|| Caller::system("api"));
    Ok(Asked { user, name: ME.to_owned(), caller, asker: Asker::Owner(Box::new(session)) })
}

/// Whether factors may be added and removed here: a user must have proved one lately (security rule S1).
///
/// # Errors
/// The answer to whoever must show more.
pub(super) async fn may_change_factors(app: &App, asked: &Asked) -> Result<(), Response> {
    let session = match &asked.asker {
        Asker::Administrator(_) => return Ok(()),
        Asker::Owner(session) => session,
    };
    let factors = service::list(app, &asked.user.id).await.map_err(failed)?;
    match account::missing(session, &factors, Protection::Factors, app.now()) {
        None => Ok(()),
        Some(_) => Err(Envelope::forbidden().respond()),
    }
}
