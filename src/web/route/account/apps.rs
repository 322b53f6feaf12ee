//! The end of what applications were let do, from the account page.

use poem::{Response, handler};

use super::{Target, done, either, enter};
use crate::{
    consent::withdraw::{Withdrawn, withdraw},
    id::ClientId,
    protocol::params::Params,
    web::{
        account::Notice,
        route::{answer::fault_page, form::Form, home::nothing_here, visit::Visit},
    },
};

/// Shuts an application out.
#[handler]
pub(crate) async fn post(Form(visit, (), params): Form<'_, ()>) -> Response {
    either(revoke(visit, &params).await)
}

async fn revoke(visit: Visit<'_>, params: &Params) -> Result<Response, Response> {
    let (visit, owner) = enter(visit, &Target::Overview).await?;
    let client = ClientId::new(params.one("revoke").unwrap_or_default());
    match withdraw(visit.app, &owner.user.id, &client, visit.caller).await {
        Ok(Withdrawn::Yes) => Ok(done(visit, Notice::Withdrawn)),
        Ok(Withdrawn::Nothing) => Err(nothing_here(visit)),
        Err(fault) => Err(fault_page(visit, &fault)),
    }
}
