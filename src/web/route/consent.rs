//! The consent page.

use http::{Method, StatusCode};
use poem::{Response, handler};

use super::{
    answer::{fault_page, flow_error},
    form::{Form, Link},
    visit::Visit,
    waiting::Waiting,
};
use crate::{
    model::{Status, authorization_server::ClaimType, user::Holder},
    protocol::{
        error::{ErrorCode, OAuthError},
        params::Params,
        scope::{OPENID, ScopeSet},
        scope_claims::claims_of,
    },
    web::{
        claim,
        consent::{ConsentPage, ConsentScope, DECISION_ACCEPT, ScopeChoice, consent},
        layout::Person,
    },
};

/// Shows the page.
#[handler]
pub(crate) async fn get(Link(visit, waiting): Link<'_, Waiting>) -> Response {
    if waiting.is_about_a_device() {
        return visit.redirect(&waiting.at("/activate/confirm"));
    }
    match visit.user().await {
        Ok(Some(user)) => page(visit, &waiting, &user),
        Ok(None) => visit.redirect(&waiting.at("/signin")),
        Err(fault) => fault_page(visit, &fault),
    }
}

fn page(visit: Visit<'_>, waiting: &Waiting, user: &Holder) -> Response {
    let request = &waiting.flow.pending.request;
    let view = ConsentPage {
        client: waiting.card(),
        user: Person::of(&user.login, &user.profile),
        switch_account_href: Some(waiting.at("/accounts")),
        scopes: asked_for(waiting),
        claims: claims_asked_for(waiting),
        return_host: url::Url::parse(&request.destination.redirect_uri)
            .ok()
            .and_then(|url| url.host_str().map(ToOwned::to_owned)),
        form: visit.form("/consent", waiting.flow.id.as_str()),
    };
    waiting.page(visit, StatusCode::OK, consent(&view))
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
pub(crate) async fn post(Form(visit, waiting, params): Form<'_, Waiting>) -> Response {
    // A device is allowed on a page that warns of phishing, and nowhere else (RFC 8628 §5.4).
    if waiting.is_about_a_device() {
        return visit.redirect(&waiting.at("/activate/confirm"));
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
    let Some(session) = &visit.session else { return visit.redirect(&waiting.at("/signin")) };
    if params.one("decision") != Some(yes) {
        let error = OAuthError::new(ErrorCode::AccessDenied, denial);
        return waiting.deny(visit, &error, &Method::POST).await;
    }
    let agreed = agreed_to(&waiting, params);
    waiting.flow.pending.progress.agreed = Some((session.user_id.clone(), agreed));
    if let Err(error) = waiting.save(visit.app).await {
        return flow_error(visit, error);
    }
    waiting.go_on(visit).await
}
