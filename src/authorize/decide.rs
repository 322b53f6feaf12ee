//! Who gets what: assignment and access policy, once per grant.

use time::OffsetDateTime;

use super::checks::{ValidRequest, claims::unmet};
use crate::{
    app::App,
    cache::servers::ServerState,
    fault::Fault,
    model::{authorization_server::TokenLifetimes, client::Client, session::Session, user::Holder},
    policy::access,
    protocol::{
        acr,
        amr::Amr,
        error::{ErrorCode, OAuthError},
        grant_type::GrantType,
        scope::ScopeSet,
    },
    token::LoadedSubject,
};

/// What an authorization amounts to.
#[derive(Clone, Debug)]
pub struct Decision {
    /// The user.
    pub user: Holder,
    /// `sub` as the client sees it (Core §8).
    pub sub: String,
    /// The names of the user's groups, where the authorization server uses them.
    pub groups: Vec<String>,
    /// What is granted.
    pub scope: ScopeSet,
    /// How long tokens live.
    pub lifetimes: TokenLifetimes,
    /// `acr` that was earned.
    pub acr: Option<String>,
    /// `amr` that was earned.
    pub amr: Vec<String>,
    /// When credentials were last verified.
    pub auth_time: OffsetDateTime,
}

/// A denial goes to the client; a fault does not decide.
#[derive(Debug, thiserror::Error)]
pub enum DecideError {
    /// The user may not use the client, or no rule allows it.
    #[error(transparent)]
    Denied(#[from] OAuthError),
    /// No verdict was reached.
    #[error(transparent)]
    Fault(#[from] Fault),
}

/// Decides for the user of a session, who was just loaded.
///
/// # Errors
/// `access_denied`, or a fault.
pub async fn decide(
    app: &App,
    server: &ServerState,
    (client, grant_types): (&Client, &[GrantType]),
    (request, scope): (&ValidRequest, ScopeSet),
    (session, user): (&Session, Holder),
) -> Result<Decision, DecideError> {
    let denied = |text: &'static str| OAuthError::new(ErrorCode::AccessDenied, text);
    let subject = LoadedSubject::of(app, (server, client), user).await?;
    let groups = match (&client.assignment, server.needs_groups) {
        (Some(_), false) => crate::store::group::of_user(&app.db, &session.user_id).await?,
        _ => subject.groups,
    };
    let group_ids: Vec<_> = groups.into_iter().map(|group| group.id).collect();
    if !client.is_for(&session.user_id, &group_ids) {
        return Err(denied("The user is not assigned to this application.").into());
    }
    let names: Vec<&str> = scope.iter().collect();
    let evaluate = |grant_type: GrantType| {
        let facts = access::Facts {
            client_id: &client.id,
            grant_type: grant_type.as_str(),
            user: Some((&session.user_id, &group_ids)),
            scopes: &names,
        };
        access::evaluate(&server.config.policies, &facts, app.settings.token_lifetimes)
            .map_err(|_| denied("No access policy of this authorization server allows the request."))
    };
    // A hybrid response is two grants in one: a policy must allow both, and the code's decides how long tokens live.
    let mut granted = None;
    for grant_type in grant_types {
        let lifetimes = evaluate(*grant_type)?.lifetimes;
        granted.get_or_insert(lifetimes);
    }
    let amr = session.amr();
    let earned: Vec<Amr> = amr.iter().filter_map(|method| method.parse().ok()).collect();
    // Core §5.5.1.1: what is essential and was not reached is a failed authentication.
    let essential = request.claims.essential_acr();
    if !essential.is_empty() && acr::first_satisfied(&essential, &earned).is_none() {
        return Err(unmet().into());
    }
    // What `claims` prefers comes first: it can say more.
    let requested: Vec<&str> = request
        .claims
        .acr_values()
        .into_iter()
        .chain(request.acr_values.iter().map(String::as_str))
        .collect();
    Ok(Decision {
        user: subject.user,
        sub: subject.sub,
        lifetimes: granted.unwrap_or(app.settings.token_lifetimes),
        groups: subject.group_names,
        acr: acr::choose(&requested, &earned),
        amr,
        auth_time: session.auth_time,
        scope,
    })
}
