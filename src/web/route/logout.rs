//! The end-session endpoint (RP-Initiated Logout 1.0 §2), GET and POST, and its confirmation.

use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD};
use http::{Method, StatusCode};
use poem::{Body, Request, Response, handler};

use super::{
    answer::{carry, fault_page, target},
    failure_page,
    form::Form,
    visit::{Visit, card},
};
use crate::{
    logout::{
        frontchannel,
        rp_initiated::{Ask, LogoutError, Plan, end, plan},
    },
    model::authorization_server::AuthorizationServer,
    protocol::{
        logout::LogoutRequest,
        params::{Params, is_form},
    },
    web::{
        error::DeveloperPanel,
        headers,
        layout::Person,
        logout::{
            DECISION_CONFIRM, LoggingOutPage, LogoutPage, SignedOutPage, logging_out, logout, signed_out,
        },
    },
};

/// Logs out by link.
#[handler]
pub(crate) async fn get(visit: Visit<'_>, request: &Request) -> Response {
    match Params::parse_query(request.uri().query().unwrap_or_default()) {
        Ok(params) => answer(visit, request, &params, &Method::GET).await,
        Err(_) => unreadable(visit),
    }
}

/// Logs out by form, also from a client's page.
#[handler]
pub(crate) async fn post(visit: Visit<'_>, request: &Request, body: Body) -> Response {
    let params = match body.into_bytes().await {
        Ok(bytes) if is_form(request.content_type()) => Params::parse_form(&bytes).ok(),
        Ok(_) | Err(_) => None,
    };
    match params {
        Some(params) => answer(visit, request, &params, &Method::POST).await,
        None => unreadable(visit),
    }
}

fn unreadable(visit: Visit<'_>) -> Response {
    let text = "The application sent a sign-out request that cannot be read.";
    failure_page(visit, (StatusCode::BAD_REQUEST, "invalid_request", text), None, None)
}

async fn answer(visit: Visit<'_>, request: &Request, params: &Params, method: &Method) -> Response {
    let app = visit.app;
    let id = request.raw_path_param("authorization_server_id").unwrap_or(AuthorizationServer::ORG);
    let server = match app.server(id).await {
        Ok(Some(server)) => server,
        Ok(None) => {
            let text = "There is no such authorization server here.";
            return failure_page(
                visit,
                (StatusCode::NOT_FOUND, "unknown_authorization_server", text),
                None,
                None,
            );
        }
        Err(fault) => return fault_page(visit, &fault),
    };
    let Ok(asked) = LogoutRequest::from_params(params) else { return unreadable(visit) };
    match plan(app, &server, &asked, visit.session.as_ref()).await {
        Ok(plan) if plan.ask == Ask::Yes => confirm(visit, &plan).await,
        Ok(plan) => carry_out(visit, &plan, method).await,
        Err(error) => refused(visit, error),
    }
}

fn refused(visit: Visit<'_>, error: LogoutError) -> Response {
    match error {
        LogoutError::ClientMismatch => {
            let text = "The application sent a sign-out request that contradicts itself.";
            failure_page(visit, (StatusCode::BAD_REQUEST, "invalid_request", text), None, None)
        }
        LogoutError::UnregisteredRedirectUri { client, sent } => {
            let developer = DeveloperPanel::RedirectUri {
                sent,
                registered: client.metadata.post_logout_redirect_uris.clone(),
            };
            let text = "The application asked to return to an address that is not registered for it. \
                        You are still signed in.";
            failure_page(
                visit,
                (StatusCode::BAD_REQUEST, "invalid_post_logout_redirect_uri", text),
                Some(&client),
                Some(developer),
            )
        }
        LogoutError::Fault(fault) => fault_page(visit, &fault),
    }
}

/// Where the browser goes after the confirmation, carried by the form: the form's token vouches for it.
fn pack(plan: &Plan) -> String {
    URL_SAFE_NO_PAD.encode(plan.redirect.as_deref().unwrap_or_default())
}

fn unpack(packed: &str) -> Option<String> {
    let bytes = URL_SAFE_NO_PAD.decode(packed).ok()?;
    String::from_utf8(bytes).ok().filter(|redirect| !redirect.is_empty())
}

async fn confirm(visit: Visit<'_>, plan: &Plan) -> Response {
    let user = match visit.user().await {
        Ok(user) => user,
        Err(fault) => return fault_page(visit, &fault),
    };
    let view = LogoutPage {
        client: plan.client.as_deref().map(card),
        user: user.map(|user| Person::of(&user.login, &user.profile)),
        form: visit.form("/logout", &pack(plan)),
    };
    let origin = plan.redirect.as_deref().map(target);
    let headers = headers::page(&visit.nonce, origin.as_deref(), visit.hsts());
    visit.html(StatusCode::OK, headers, logout(&view))
}

/// Takes the user's word.
#[handler]
pub(crate) async fn confirmed(Form(visit, (), params): Form<'_, ()>) -> Response {
    let redirect = params.one("flow_id").and_then(unpack);
    if params.one("decision") == Some(DECISION_CONFIRM) {
        let plan = Plan { client: None, redirect, ask: Ask::No };
        return carry_out(visit, &plan, &Method::POST).await;
    }
    visit.redirect("/")
}

async fn carry_out(mut visit: Visit<'_>, plan: &Plan, method: &Method) -> Response {
    let mut parties = Vec::new();
    if let Some(session) = visit.session.take() {
        parties = match end(visit.app, &session, visit.caller).await {
            Ok(parties) => parties,
            Err(fault) => return fault_page(visit, &fault),
        };
        visit.close_session();
    }
    let frames = frontchannel::frames(&parties);
    let client = plan.client.as_deref().map(card);
    let headers = headers::logout_answer(&visit.nonce, &frames, visit.hsts());
    match &plan.redirect {
        Some(location) if frames.is_empty() => carry(visit, location, method),
        Some(location) => {
            let view = LoggingOutPage { client, frames, redirect: location.clone() };
            let markup = logging_out(&view, &visit.nonce);
            visit.html(StatusCode::OK, headers, markup)
        }
        None => {
            let view = SignedOutPage { client, sign_in_href: None, frames };
            visit.html(StatusCode::OK, headers, signed_out(&view))
        }
    }
}
