//! The account chooser: accounts remembered in this browser by a signed cookie. One of them may have the live session.

use std::sync::Arc;

use http::{Method, StatusCode};
use poem::{Body, Request, Response, handler, web::Data};

use super::{
    answer::{flow_error, target},
    authorize::{no_visit, own_form},
    signin::{Waiting, flow_in},
    step,
    visit::{Visit, card_of},
};
use crate::{
    app::App,
    authorize::dispatch::{Journey, dispatch},
    id::UserId,
    syslog::Caller,
    web::{
        accounts::{Account, AccountState, AccountsPage, accounts},
        headers,
        layout::Person,
    },
};

/// What forms of this page are bound to.
const STEP: &str = "accounts";

/// Shows the page.
#[handler]
pub(crate) async fn get(request: &Request, app: Data<&Arc<App>>, caller: Data<&Arc<Caller>>) -> Response {
    let visit = match Visit::begin(&app, &caller, request.headers()).await {
        Ok(visit) => visit,
        Err(fault) => return no_visit(&app, &caller, &fault),
    };
    match Waiting::load(&visit, flow_in(request).as_deref()).await {
        Ok(waiting) => page(visit, &waiting),
        Err(error) => flow_error(visit, error),
    }
}

fn page(visit: Visit<'_>, waiting: &Waiting) -> Response {
    let signed_in = visit.session.as_ref().map(|session| session.user_id.as_str());
    let view = AccountsPage {
        client: Some(card_of(&waiting.client, &waiting.flow.pending.request)),
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
        form: visit.form("/accounts", waiting.flow.id.as_str(), STEP),
    };
    let redirect_uri = &waiting.flow.pending.request.destination.redirect_uri;
    let headers = headers::page(&visit.nonce, Some(&target(redirect_uri)), visit.hsts());
    visit.html(StatusCode::OK, headers, accounts(&view))
}

/// Chooses an account, removes one from the list, or asks for another.
#[handler]
pub(crate) async fn post(
    request: &Request,
    body: Body,
    app: Data<&Arc<App>>,
    caller: Data<&Arc<Caller>>,
) -> Response {
    let (mut visit, params) = match own_form(request, body, (&app, &caller), STEP).await {
        Ok(sent) => sent,
        Err(answer) => return answer,
    };
    let mut waiting = match Waiting::load(&visit, params.one("flow_id")).await {
        Ok(waiting) => waiting,
        Err(error) => return flow_error(visit, error),
    };
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
    if let Err(error) = waiting.save(&app).await {
        return flow_error(visit, error);
    }
    if another {
        return visit.redirect(&format!("/signin?flow={}", waiting.flow.id));
    }
    let browser = visit.browser();
    let next =
        dispatch(&app, &waiting.server, &waiting.client, Journey::Frozen(&waiting.flow), &browser).await;
    step(visit, next, &Method::POST).await
}
