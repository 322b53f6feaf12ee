//! The account chooser: accounts remembered in this browser by a signed cookie. One of them may have the live session.

use http::StatusCode;
use poem::{Response, handler};

use super::{
    answer::flow_error,
    form::{Form, Link},
    visit::Visit,
    waiting::Waiting,
};
use crate::{
    id::UserId,
    web::{
        accounts::{Account, AccountState, AccountsPage, accounts},
        layout::Person,
    },
};

/// Shows the page.
#[handler]
pub(crate) fn get(Link(visit, waiting): Link<'_, Waiting>) -> Response {
    page(visit, &waiting)
}

fn page(visit: Visit<'_>, waiting: &Waiting) -> Response {
    let signed_in = visit.session.as_ref().map(|session| session.user_id.as_str());
    let view = AccountsPage {
        client: Some(waiting.card()),
        accounts: visit
            .accounts
            .accounts()
            .iter()
            .map(|account| Account {
                user_id: account.user_id.clone(),
                person: Person { display_name: account.display_name.clone(), login: account.login.clone() },
                state: if signed_in == Some(account.user_id.as_str()) {
                    AccountState::SignedIn
                } else {
                    AccountState::SignedOut
                },
            })
            .collect(),
        form: visit.form("/accounts", waiting.flow.id.as_str()),
    };
    waiting.page(visit, StatusCode::OK, accounts(&view))
}

/// Chooses an account, removes one from the list, or asks for another.
#[handler]
pub(crate) async fn post(Form(mut visit, mut waiting, params): Form<'_, Waiting>) -> Response {
    if let Some(user) = params.one("remove") {
        visit.accounts.forget(user);
        visit.save_accounts();
        return page(visit, &waiting);
    }
    let chosen = params
        .one("choose")
        .filter(|chosen| visit.accounts.accounts().iter().any(|account| account.user_id == *chosen))
        .map(UserId::new);
    let another = chosen.is_none();
    waiting.flow.pending.progress.chosen = chosen;
    waiting.flow.pending.progress.authenticated = None;
    waiting.flow.pending.progress.agreed = None;
    if let Err(error) = waiting.save(visit.app).await {
        return flow_error(visit, error);
    }
    if another {
        return visit.redirect(&waiting.at("/signin"));
    }
    waiting.go_on(visit).await
}
