//! A factor of the account: its name, and its end.

use http::StatusCode;
use poem::{Request, Response, handler};

use super::{Entered, Owner, Target, done, either, enter_to_change, named, overview};
use crate::{
    authn::account::{self, Protection, RemovalError, kept},
    factor::{FactorError, service},
    id::FactorId,
    model::factor::Factor,
    protocol::params::Params,
    store::unit::Outcome,
    web::{
        account::{
            Notice, Problem,
            method::{ACTION_REMOVE, ACTION_RENAME, MethodPage, method},
        },
        route::{answer::fault_page, form::Form, home::nothing_here, visit::Visit},
    },
};

/// Shows the page.
#[handler]
pub(crate) async fn get(visit: Visit<'_>, request: &Request) -> Response {
    let id = named(request);
    either(shown(visit, &id).await)
}

async fn shown(visit: Visit<'_>, id: &FactorId) -> Result<Response, Response> {
    let (visit, owner) = enter(visit, id).await?;
    match owner.factor(id) {
        Some(factor) => Ok(page(visit, &owner, factor, (None, None))),
        None => Err(nothing_here(visit)),
    }
}

async fn enter<'a>(visit: Visit<'a>, id: &FactorId) -> Entered<'a> {
    enter_to_change(visit, &Target::Method(id.clone()), Protection::Factors).await
}

fn page(
    visit: Visit<'_>,
    owner: &Owner,
    factor: &Factor,
    (typed, problem): (Option<&str>, Option<Problem>),
) -> Response {
    let status = if problem.is_some() { StatusCode::BAD_REQUEST } else { StatusCode::OK };
    let shown = overview::method(factor);
    let view = MethodPage {
        person: owner.person(),
        typed: typed.map(ToOwned::to_owned).or_else(|| shown.name.clone()).unwrap_or_default(),
        method: shown,
        problem,
        kept: kept(factor, &owner.factors, &owner.policies),
        form: visit.form(&Target::Method(factor.id.clone()).path(), factor.id.as_str()),
    };
    visit.page(status, method(&view))
}

/// Renames or removes it.
#[handler]
pub(crate) async fn post(Form(visit, (), params): Form<'_, ()>, request: &Request) -> Response {
    let id = named(request);
    either(changed(visit, &id, &params).await)
}

async fn changed(visit: Visit<'_>, id: &FactorId, params: &Params) -> Result<Response, Response> {
    let (visit, owner) = enter(visit, id).await?;
    let Some(factor) = owner.factor(id) else { return Err(nothing_here(visit)) };
    match params.one("action") {
        Some(ACTION_REMOVE) => remove(visit, &owner, factor).await,
        Some(ACTION_RENAME) => rename(visit, &owner, factor, params.one("name").unwrap_or_default()).await,
        _ => Ok(page(visit, &owner, factor, (None, None))),
    }
}

async fn rename(visit: Visit<'_>, owner: &Owner, factor: &Factor, name: &str) -> Result<Response, Response> {
    let unit = match service::rename(visit.app, factor, (name, visit.caller)) {
        Ok(unit) => unit,
        Err(FactorError::Invalid { member, problem }) => {
            let why = Problem::Invalid(format!("The {member} {problem}."));
            return Err(page(visit, owner, factor, (Some(name), Some(why))));
        }
        Err(FactorError::Fault(fault)) => return Err(fault_page(visit, &fault)),
        Err(_) => return Err(nothing_here(visit)),
    };
    match visit.app.db.writer().commit(unit).await {
        Ok(Outcome::Won) => Ok(done(visit, Notice::Renamed)),
        Ok(Outcome::Lost(_)) => Err(nothing_here(visit)),
        Err(fault) => Err(fault_page(visit, &fault)),
    }
}

async fn remove(visit: Visit<'_>, owner: &Owner, factor: &Factor) -> Result<Response, Response> {
    let of = (&owner.user, &owner.policies);
    let unit = match account::remove(visit.app, of, factor, visit.caller).await {
        Ok(unit) => unit,
        Err(RemovalError::Kept(kept)) => {
            return Err(page(visit, owner, factor, (None, Some(Problem::Kept(kept)))));
        }
        Err(RemovalError::Fault(fault)) => return Err(fault_page(visit, &fault)),
    };
    match visit.app.db.writer().commit(unit).await {
        Ok(Outcome::Won) => Ok(done(visit, Notice::Removed)),
        Ok(Outcome::Lost(_)) => Err(page(visit, owner, factor, (None, Some(Problem::Moved)))),
        Err(fault) => Err(fault_page(visit, &fault)),
    }
}
