//! A change of the password, from the account page (security rule S8).

use http::StatusCode;
use poem::{Response, handler};

use super::{Owner, Target, done, either, enter_to_change};
use crate::{
    authn::{account::Protection, service::AuthnError},
    model::session::VerifiedFactor,
    protocol::params::Params,
    secret::Secret,
    session::sso::Opened,
    store::unit::{Outcome, Unit},
    user::{
        password::{PasswordChange, PasswordError, RevokeSessions, change},
        password_policy::requirements,
    },
    web::{
        account::{Notice, PATH},
        password::{PasswordReason, password},
        route::{answer::fault_page, form::Form, home::nothing_here, transaction::problem, visit::Visit},
        step::{Stage, StepError, Way},
    },
};

/// Shows the page.
#[handler]
pub(crate) async fn get(visit: Visit<'_>) -> Response {
    either(async { Ok(page(enter(visit).await?, (StatusCode::OK, None))) }.await)
}

async fn enter(visit: Visit<'_>) -> super::Entered<'_> {
    let (visit, owner) = enter_to_change(visit, &Target::Password, Protection::Password).await?;
    // What is not there, or not the user's to change, has no page.
    if owner.user.password_hash.is_none() || !owner.policies.password.allow_change {
        return Err(nothing_here(visit));
    }
    Ok((visit, owner))
}

fn page((visit, owner): (Visit<'_>, Owner), (status, error): (StatusCode, Option<StepError>)) -> Response {
    let stage = Stage {
        client: None,
        person: Some(owner.person()),
        form: visit.form(&Target::Password.path(), "account"),
        error,
        ways: vec![Way::Cancel],
        beginning: None,
    };
    let rules = requirements(&owner.policies.password);
    visit.page(status, password(&stage, PasswordReason::Wish, &rules))
}

/// Changes it.
#[handler]
pub(crate) async fn post(Form(visit, (), params): Form<'_, ()>) -> Response {
    either(changed(visit, &params).await)
}

async fn changed(visit: Visit<'_>, params: &Params) -> Result<Response, Response> {
    if params.one("action") == Some(Way::Cancel.action()) {
        return Ok(visit.redirect(PATH));
    }
    let (mut visit, owner) = enter(visit).await?;
    let text = |name: &str| Secret::new(params.one(name).unwrap_or_default().to_owned());
    let (old, new) = (text("oldPassword"), text("newPassword"));
    if params.one("newPassword") != params.one("repeatPassword") {
        return Err(page((visit, owner), (StatusCode::BAD_REQUEST, Some(StepError::Mismatch))));
    }
    let everywhere_else = params.one("revokeSessions").is_some();
    let revoke =
        if everywhere_else { RevokeSessions::AllBut(&owner.session.id) } else { RevokeSessions::None };
    let asked = PasswordChange { old: &old, new: &new, revoke, device: Some(&visit.binding) };
    let (unit, opened) = match replaced(&visit, &owner, &asked).await {
        Ok(replaced) => replaced,
        Err(error) => return Err(refused((visit, owner), error)),
    };
    match visit.app.db.writer().commit(unit).await {
        Ok(Outcome::Won) => {
            visit.open_session(opened.session, opened.cookie.expose());
            Ok(done(visit, Notice::Password))
        }
        Ok(Outcome::Lost(_)) => Err(page((visit, owner), (StatusCode::BAD_REQUEST, Some(StepError::Moved)))),
        Err(fault) => Err(fault_page(visit, &fault)),
    }
}

/// The change. The password was just given, which the session shows from then on.
async fn replaced(
    visit: &Visit<'_>,
    owner: &Owner,
    asked: &PasswordChange<'_>,
) -> Result<(Unit, Opened), PasswordError> {
    let rules = &owner.policies.password;
    let unit = change(visit.app, &owner.user, asked, rules, visit.caller).await?;
    Ok(owner.shows(visit, unit, VerifiedFactor::password(visit.app.now())).await?)
}

fn refused((visit, owner): (Visit<'_>, Owner), error: PasswordError) -> Response {
    match problem(AuthnError::Password(error)) {
        Ok((status, error)) => page((visit, owner), (status, Some(error))),
        Err(AuthnError::Fault(fault)) => fault_page(visit, &fault),
        Err(_) => nothing_here(visit),
    }
}
