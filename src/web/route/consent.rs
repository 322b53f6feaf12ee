//! The consent page.

use std::sync::Arc;

use http::{Method, StatusCode};
use poem::{Body, Request, Response, handler, web::Data};

use super::{
    answer::{fault_page, flow_error, target},
    authorize::{no_visit, own_form},
    signin::{Waiting, flow_in},
    step,
    visit::{Visit, card_of},
};
use crate::{
    app::App,
    authorize::dispatch::{Journey, deny, dispatch},
    claims::by_scope::claims_of,
    model::{Status, authorization_server::ClaimType, user::Holder},
    protocol::{
        error::{ErrorCode, OAuthError},
        params::Params,
        scope::{OPENID, ScopeSet},
    },
    store,
    syslog::Caller,
    web::{
        claim,
        consent::{ConsentPage, ConsentScope, DECISION_ACCEPT, ScopeChoice, consent},
        headers,
        layout::Person,
    },
};

/// What forms of this page are bound to.
const STEP: &str = "consent";

/// Shows the page.
#[handler]
pub(crate) async fn get(request: &Request, app: Data<&Arc<App>>, caller: Data<&Arc<Caller>>) -> Response {
    let visit = match Visit::begin(&app, &caller, request.headers()).await {
        Ok(visit) => visit,
        Err(fault) => return no_visit(&app, &caller, &fault),
    };
    let waiting = match Waiting::load(&visit, flow_in(request).as_deref()).await {
        Ok(waiting) => waiting,
        Err(error) => return flow_error(visit, error),
    };
    if waiting.is_about_a_device() {
        return visit.redirect(&format!("/activate/confirm?flow={}", waiting.flow.id));
    }
    let Some(session) = &visit.session else {
        return visit.redirect(&format!("/signin?flow={}", waiting.flow.id));
    };
    match store::user::find_holder(&app.db, &session.user_id).await {
        Ok(Some(user)) => page(visit, &waiting, &user),
        Ok(None) => visit.redirect(&format!("/signin?flow={}", waiting.flow.id)),
        Err(fault) => fault_page(visit, &fault),
    }
}

fn page(visit: Visit<'_>, waiting: &Waiting, user: &Holder) -> Response {
    let request = &waiting.flow.pending.request;
    let view = ConsentPage {
        client: card_of(&waiting.client, request),
        user: signed_in_as(user),
        switch_account_href: Some(format!("/accounts?flow={}", waiting.flow.id)),
        scopes: asked_for(waiting),
        claims: claims_asked_for(waiting),
        return_host: url::Url::parse(&request.destination.redirect_uri)
            .ok()
            .and_then(|url| url.host_str().map(ToOwned::to_owned)),
        form: visit.form("/consent", waiting.flow.id.as_str(), STEP),
    };
    let headers = headers::page(&visit.nonce, Some(&target(&request.destination.redirect_uri)), visit.hsts());
    visit.html(StatusCode::OK, headers, consent(&view))
}

/// How a signed-in user is shown.
pub(super) fn signed_in_as(user: &Holder) -> Person {
    Person {
        display_name: user.profile.full_name().unwrap_or_else(|| user.login.clone()),
        login: user.login.clone(),
    }
}

/// The scopes of the request as pages show them.
pub(super) fn asked_for(waiting: &Waiting) -> Vec<ConsentScope> {
    let request = &waiting.flow.pending.request;
    request
        .scope
        .iter()
        .map(|name| {
            let configured = waiting.server.config.scope(name);
            ConsentScope {
                name: name.to_owned(),
                display_name: configured
                    .and_then(|scope| scope.display_name.clone())
                    .unwrap_or_else(|| name.to_owned()),
                description: configured.and_then(|scope| scope.description.clone()),
                choice: if is_optional(waiting, name) {
                    ScopeChoice::Optional
                } else {
                    ScopeChoice::Required
                },
            }
        })
        .collect()
}

/// The claims that the request asks for one by one (Core §5.5) and that no scope of it brings anyway: standard claims in
/// words, those of the authorization server by their names.
fn claims_asked_for(waiting: &Waiting) -> Vec<String> {
    let request = &waiting.flow.pending.request;
    let brought: Vec<&str> = request.scope.iter().flat_map(claims_of).copied().collect();
    let custom = |name: &str| {
        let claims = &waiting.server.config.claims;
        claims.iter().any(|claim| {
            claim.name == name && claim.claim_type == ClaimType::Identity && claim.status == Status::Active
        })
    };
    let mut told = Vec::new();
    for name in request.claims.userinfo.names().chain(request.claims.id_token.names()) {
        let words = match claim::in_words(name) {
            Some(words) if !brought.contains(&name) => words,
            None if custom(name) => name,
            Some(_) | None => continue,
        };
        if !told.iter().any(|known| known == words) {
            told.push(words.to_owned());
        }
    }
    told
}

/// What a form agrees to. What was asked for is in the frozen request: a form can only leave optional scopes out.
fn agreed_to(waiting: &Waiting, params: &Params) -> ScopeSet {
    let ticked: Vec<&str> = params.all("scope").collect();
    let request = &waiting.flow.pending.request;
    request.scope.filtered(|name| !is_optional(waiting, name) || ticked.contains(&name))
}

fn is_optional(waiting: &Waiting, name: &str) -> bool {
    name != OPENID && waiting.server.config.scope(name).is_some_and(|scope| scope.optional)
}

/// Takes the decision.
#[handler]
pub(crate) async fn post(
    request: &Request,
    body: Body,
    app: Data<&Arc<App>>,
    caller: Data<&Arc<Caller>>,
) -> Response {
    let (visit, params) = match own_form(request, body, (&app, &caller), STEP).await {
        Ok(sent) => sent,
        Err(answer) => return answer,
    };
    let waiting = match Waiting::load(&visit, params.one("flow_id")).await {
        Ok(waiting) => waiting,
        Err(error) => return flow_error(visit, error),
    };
    // A device is allowed on a page that warns of phishing, and nowhere else (RFC 8628 §5.4).
    if waiting.is_about_a_device() {
        return visit.redirect(&format!("/activate/confirm?flow={}", waiting.flow.id));
    }
    decide(visit, waiting, &params, (DECISION_ACCEPT, "The user did not consent.")).await
}

/// Goes on with what the signed-in user decided; `yes` is how the form says it, and `denial` what is told otherwise.
pub(super) async fn decide(
    visit: Visit<'_>,
    mut waiting: Waiting,
    params: &Params,
    (yes, denial): (&str, &'static str),
) -> Response {
    let app = visit.app;
    let Some(session) = &visit.session else {
        return visit.redirect(&format!("/signin?flow={}", waiting.flow.id));
    };
    if params.one("decision") != Some(yes) {
        let error = OAuthError::new(ErrorCode::AccessDenied, denial);
        let next = deny(app, &Journey::Frozen(&waiting.flow), &error, visit.caller).await;
        return step(visit, next, &Method::POST).await;
    }
    let agreed = agreed_to(&waiting, params);
    waiting.flow.pending.progress.agreed = Some((session.user_id.clone(), agreed));
    if let Err(error) = waiting.save(app).await {
        return flow_error(visit, error);
    }
    let browser = visit.browser();
    let journey = Journey::Frozen(&waiting.flow);
    let next = dispatch(app, &waiting.server, &waiting.client, journey, &browser).await;
    step(visit, next, &Method::POST).await
}
