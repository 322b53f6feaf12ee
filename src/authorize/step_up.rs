//! What must have been proved before a client is answered (RFC 9470 §2): what policies want, what the scopes take, and what
//! the request asks for. Of the request nothing is promised that the user cannot reach.

use time::{Duration, OffsetDateTime};

use super::{
    checks::{ValidRequest, claims::unmet},
    flow::Progress,
};
use crate::{
    app::App,
    cache::servers::ServerState,
    factor::{backup_code, service},
    fault::Fault,
    id::UserId,
    model::{
        assurance::{Assurance, AuthenticationRequirement, Freshness, Missing},
        client::Client,
        factor::{Factor, FactorClass, FactorStatus},
        policy::{Access, EnrollPrompt, MfaEnroll, Requirement},
        session::{Session, VerifiedFactor},
        user::Holder,
    },
    policy::assurance::{Choice, Reach, Reaches, choose},
    protocol::{
        acr::Acr,
        amr::Amr,
        error::{ErrorCode, OAuthError},
    },
    syslog::Caller,
    user::policies::PolicyFacts,
};

/// Why the user of a session cannot go on at all.
#[derive(Debug, thiserror::Error)]
pub enum StepUpError {
    /// A policy says no, or what is wanted cannot be reached.
    #[error(transparent)]
    Denied(#[from] OAuthError),
    /// No verdict was reached.
    #[error(transparent)]
    Fault(#[from] Fault),
}

/// What the user of a session must have proved for this request. Whatever it takes can be reached.
///
/// # Errors
/// `access_denied` where a policy refuses the user, `unmet_authentication_requirements` where the request asks for what the
/// user cannot reach, or a fault.
pub async fn requirement(
    app: &App,
    (server, client): (&ServerState, &Client),
    (request, progress): (&ValidRequest, &Progress),
    (session, user): (&Session, &Holder),
    caller: &Caller,
) -> Result<AuthenticationRequirement, StepUpError> {
    let facts = PolicyFacts::load(app, &user.id).await?;
    let subject = facts.subject(&user.id, caller.ip);
    let decided = facts.set.for_user(&subject);
    let sign_on = facts.set.for_app(&client.id, &subject);
    if decided.session.access == Access::Deny || sign_on.access == Access::Deny {
        return Err(denied("Policy does not allow the sign-in.").into());
    }
    let since = progress.proved_since(&user.id);
    let fresh = freshness(sign_on.reauthenticate_in, since, app.now());
    let wanted = AuthenticationRequirement::default().and(Assurance { acr: sign_on.assurance, fresh });
    let prompted = decided.session.asks_for_factor(session);
    let sensitive = asks_for_sensitive_scopes(server, request);
    if sign_on.assurance == Acr::OneFactorAny && !prompted && !sensitive && !asks_for_acr(request) {
        return Ok(wanted);
    }
    let factors = service::list(app, &user.id).await?;
    let reaches = reaches(app, &user.id, &factors, &decided.enroll).await?;
    let reach = reaches.two_factors;
    let wanted = match prompted {
        // A question answers the prompt, too, although it makes no second level: signing in asks for it.
        true if reach == Reach::Never && factors.iter().any(Factor::is_active) => {
            wanted.and(Assurance { acr: Acr::OneFactorPassword, fresh: Freshness::Now })
        }
        true => wanted.and(Assurance::of_session(Acr::TwoFactorAny)),
        false => wanted,
    };
    let unreachable = |part: &Assurance| {
        reach == Reach::Never && part.acr == Acr::TwoFactorAny && lacks_possession(part, session)
    };
    if wanted.all().iter().any(unreachable) {
        return Err(denied("Policy asks for a second factor, which the user does not have.").into());
    }
    let wanted = if sensitive { wanted.and(Assurance::of_session(Acr::TwoFactorAny)) } else { wanted };
    if wanted.all().iter().any(unreachable) {
        return Err(unmet().into());
    }
    of_request(request, session, reaches, wanted).map_err(StepUpError::Denied)
}

fn denied(text: &'static str) -> OAuthError {
    OAuthError::new(ErrorCode::AccessDenied, text)
}

/// Which proofs count, if they may be no older than this. What was proved on the way of this request counts, however long
/// the way took.
fn freshness(
    reauthenticate_in: Option<Duration>,
    since: Option<OffsetDateTime>,
    now: OffsetDateTime,
) -> Freshness {
    match (reauthenticate_in, since) {
        (None, _) => Freshness::Session,
        (Some(age), Some(since)) => Freshness::Since(since.min(now - age)),
        (Some(age), None) if age.is_zero() => Freshness::Now,
        (Some(age), None) => Freshness::Since(now - age),
    }
}

/// Whether somebody who has whatever knowledge it takes still lacks possession.
fn lacks_possession(part: &Assurance, session: &Session) -> bool {
    let known: Vec<_> =
        session.factors.iter().filter(|factor| factor.is_of(FactorClass::Possession)).cloned().collect();
    let password = [VerifiedFactor::password(session.auth_time)];
    part.missing(&known, &password) != Missing::Nothing
}

fn asks_for_sensitive_scopes(server: &ServerState, request: &ValidRequest) -> bool {
    request.scope.iter().any(|name| server.config.scope(name).is_some_and(|scope| scope.sensitive))
}

fn asks_for_acr(request: &ValidRequest) -> bool {
    let claimed = request.claims.acr_values();
    let mut asked = claimed.into_iter().chain(request.acr_values.iter().map(String::as_str));
    asked.any(|value| value.parse::<Acr>().is_ok())
}

/// How the user can come to what takes a second factor, or a special one. Whoever has one, active or not, does not get round
/// it by enrolling another; a code may stand in for one that is out of use.
async fn reaches(app: &App, user: &UserId, factors: &[Factor], enroll: &MfaEnroll) -> Result<Reaches, Fault> {
    let owned = || factors.iter().filter(|factor| factor.kind.class() == FactorClass::Possession);
    let out_of_use = owned().any(|factor| factor.status == FactorStatus::Inactive);
    let barred = out_of_use && !owned().any(Factor::is_active);
    let stands_in = barred && backup_code::any(app, user).await?;
    let reach = |shows: fn(&[Amr]) -> bool| {
        let may_enroll = enroll.prompt != EnrollPrompt::Never
            && enroll.factors.iter().any(|(kind, requirement)| {
                let such = kind.class() == FactorClass::Possession && shows(kind.amr());
                let own = such && kind.is_enrolled_by_users() && service::is_offered(app, *kind);
                own && *requirement != Requirement::NotAllowed
            });
        if owned().any(|factor| factor.is_active() && shows(factor.amr())) {
            Reach::Now
        } else if may_enroll && (!barred || stands_in) {
            Reach::ByEnrolment
        } else {
            Reach::Never
        }
    };
    let two_factors = if stands_in { Reach::Now } else { reach(|_| true) };
    Ok(Reaches {
        two_factors,
        phishing_resistant: reach(|amr| amr.contains(&Amr::Phr)),
        hardware: reach(|amr| amr.contains(&Amr::Phrh)),
    })
}

/// Adds what the request asks for: an essential `acr` must be reached (Core §5.5.1.1); so must one of `acr_values` that are
/// understood, where Okta's clients expect an error to a token that says less; what `claims` merely prefers is done if the
/// user has what it takes.
fn of_request(
    request: &ValidRequest,
    session: &Session,
    reaches: Reaches,
    mut wanted: AuthenticationRequirement,
) -> Result<AuthenticationRequirement, OAuthError> {
    let amr = session.amr();
    let earned: Vec<Amr> = amr.iter().filter_map(|method| method.parse().ok()).collect();
    let essential = request.claims.essential_acr();
    let asked: Vec<&str> = request.acr_values.iter().map(String::as_str).collect();
    for values in [&essential, &asked] {
        match choose(values, &earned, reaches) {
            Choice::Satisfied => {}
            Choice::StepUp(acr) => wanted = wanted.and(Assurance::of_session(acr)),
            Choice::Unmet => return Err(unmet()),
        }
    }
    let preferred = if essential.is_empty() { request.claims.acr_values() } else { Vec::new() };
    if let Choice::StepUp(acr) = choose(&preferred, &earned, reaches.without_enrolment()) {
        wanted = wanted.and(Assurance::of_session(acr));
    }
    Ok(wanted)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_proved_on_the_way_counts_however_long_it_took() {
        let now = OffsetDateTime::UNIX_EPOCH + Duration::HOUR;
        let ago = |minutes| now - Duration::minutes(minutes);
        let minutes = |minutes| Some(Duration::minutes(minutes));
        assert_eq!(freshness(None, Some(ago(1)), now), Freshness::Session);
        assert_eq!(freshness(minutes(0), None, now), Freshness::Now);
        assert_eq!(freshness(minutes(0), Some(ago(5)), now), Freshness::Since(ago(5)));
        assert_eq!(freshness(minutes(3), None, now), Freshness::Since(ago(3)));
        assert_eq!(freshness(minutes(3), Some(ago(5)), now), Freshness::Since(ago(5)));
        assert_eq!(freshness(minutes(30), Some(ago(5)), now), Freshness::Since(ago(30)));
    }
}
