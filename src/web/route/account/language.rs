//! The choice of a language, from the account page.

use poem::{Response, handler};

use super::{Target, done, either, enter, overview::show};
use crate::{
    fault::Fault,
    protocol::params::Params,
    user::{
        administration::AdministrationError,
        language::{LanguageError, choose},
    },
    web::{
        account::{Notice, Problem},
        route::{answer::fault_page, form::Form, visit::Visit},
    },
};

/// Chooses a language.
#[handler]
pub(crate) async fn post(Form(visit, (), params): Form<'_, ()>) -> Response {
    either(chosen(visit, &params).await)
}

async fn chosen(visit: Visit<'_>, params: &Params) -> Result<Response, Response> {
    let (visit, owner) = enter(visit, &Target::Overview).await?;
    let tag = params.one("language").unwrap_or_default();
    match choose(visit.app, &owner.user.id, tag, visit.caller).await {
        Ok(()) => Ok(done(visit, Notice::Language)),
        Err(LanguageError::Unknown) => {
            let why = "Messages are not written in this language.".to_owned();
            Err(show((visit, owner), None, Some(Problem::Invalid(why))).await)
        }
        Err(LanguageError::User(AdministrationError::Fault(fault))) => Err(fault_page(visit, &fault)),
        Err(LanguageError::User(error)) => Err(fault_page(visit, &Fault::stored(error))),
    }
}
