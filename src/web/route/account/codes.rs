//! Recovery codes, from the account page.

use http::StatusCode;
use poem::{Response, handler};

use super::{Owner, Target, either, enter_to_change};
use crate::{
    authn::account::Protection,
    factor::backup_code::{self, BackupKind},
    model::factor::has_possession,
    store::unit::Outcome,
    web::{
        account::codes::{RecoveryCodes, Stage, recovery_codes},
        route::{answer::fault_page, form::Form, home::nothing_here, visit::Visit},
    },
};

/// Asks before new codes are made.
#[handler]
pub(crate) async fn get(visit: Visit<'_>) -> Response {
    either(before(visit).await)
}

async fn before(visit: Visit<'_>) -> Result<Response, Response> {
    let (visit, owner) = enter_to_change(visit, &Target::RecoveryCodes, Protection::Factors).await?;
    if !has_possession(&owner.factors) {
        return Ok(page(visit, &owner, (StatusCode::OK, Stage::Useless)));
    }
    match backup_code::list(visit.app, &owner.user, BackupKind::Recovery).await {
        Ok(codes) => {
            let form = visit.form(&Target::RecoveryCodes.path(), "account");
            Ok(page(visit, &owner, (StatusCode::OK, Stage::Before { left: codes.len(), form })))
        }
        Err(fault) => Err(fault_page(visit, &fault)),
    }
}

/// Makes new codes, and shows them this once.
#[handler]
pub(crate) async fn post(Form(visit, (), _): Form<'_, ()>) -> Response {
    either(made(visit).await)
}

async fn made(visit: Visit<'_>) -> Result<Response, Response> {
    let (visit, owner) = enter_to_change(visit, &Target::RecoveryCodes, Protection::Factors).await?;
    // They stand in for a factor: where there is none, they would be a weaker one.
    if !has_possession(&owner.factors) {
        return Err(page(visit, &owner, (StatusCode::BAD_REQUEST, Stage::Useless)));
    }
    let issued = match backup_code::issue_recovery(visit.app, &owner.user, None, visit.caller) {
        Ok(issued) => issued,
        Err(fault) => return Err(fault_page(visit, &fault)),
    };
    match visit.app.db.writer().commit(issued.unit).await {
        Ok(Outcome::Won) => Ok(page(visit, &owner, (StatusCode::OK, Stage::Made(issued.codes)))),
        Ok(Outcome::Lost(_)) => Err(nothing_here(visit)),
        Err(fault) => Err(fault_page(visit, &fault)),
    }
}

fn page(visit: Visit<'_>, owner: &Owner, (status, stage): (StatusCode, Stage)) -> Response {
    visit.page(status, recovery_codes(&RecoveryCodes { person: owner.person(), stage }))
}
