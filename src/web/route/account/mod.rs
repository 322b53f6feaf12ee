//! The account page and what is below it. Whoever comes without a session signs in first, like for an application, and goes
//! on where they wanted to; whoever changes what protects the account has shown a factor lately, or shows it now (security
//! rules S1, S8). Every form is bound to the session it was given to.

pub mod activity;
pub mod apps;
pub mod codes;
pub mod device;
pub mod enrolment;
pub mod language;
pub mod method;
pub mod overview;
pub mod password;
pub mod sessions;

mod errand;

use http::StatusCode;
use poem::{Request, Response};

pub(in crate::web::route) use self::errand::{Errand, Target};
use super::{
    answer::fault_page,
    failure_page,
    transaction::{start, took, visitor},
    visit::Visit,
    waiting::Place,
};
use crate::{
    authn::{
        account::{self, Protection},
        service::{AuthnError, Start, primary},
    },
    factor::service,
    fault::Fault,
    id::FactorId,
    model::{
        assurance::AuthenticationRequirement,
        factor::Factor,
        policy::{Access, UserPolicies},
        session::{Session, VerifiedFactor, with_proofs},
        user::User,
    },
    session::sso::{self, FactorPromptMet, Opened, Opening},
    store::{self, unit::Unit},
    user::policies,
    web::{
        account::{Notice, PATH},
        layout::Person,
    },
};

/// Whose account it is: the user of the live session.
struct Owner {
    session: Session,
    user: User,
    policies: UserPolicies,
    factors: Vec<Factor>,
}

impl Owner {
    fn person(&self) -> Person {
        Person::of(&self.user.login, &self.user.profile)
    }

    /// Adds that the session shows a new proof, under a new cookie: a copy of the old one opens nothing any more (security
    /// rule L3).
    async fn shows(
        &self,
        visit: &Visit<'_>,
        unit: Unit,
        proof: VerifiedFactor,
    ) -> Result<(Unit, Opened), Fault> {
        let opening = Opening {
            user: &self.user.id,
            factors: with_proofs(&self.session.factors, &[proof]),
            policy: &self.policies.session,
            prompt: FactorPromptMet::ByFactors,
            previous: Some(&self.session),
            caller: visit.caller,
        };
        sso::open(visit.app, unit, opening).await
    }

    /// A factor of theirs; somebody else's is none.
    fn factor(&self, id: &FactorId) -> Option<&Factor> {
        self.factors.iter().find(|factor| factor.id == *id)
    }
}

/// A visit of its account's owner, or the answer to somebody else.
type Entered<'a> = Result<(Visit<'a>, Owner), Response>;

/// Lets the owner in; whoever is not signed in, or not as policy wants it, is sent there and comes back.
async fn enter<'a>(visit: Visit<'a>, target: &Target) -> Entered<'a> {
    let Some(session) = visit.session.clone() else { return Err(sign_in(visit, target)) };
    let owner = match owner(&visit, session).await {
        Ok(Some(owner)) => owner,
        Ok(None) => return Err(sign_in(visit, target)),
        Err(fault) => return Err(fault_page(visit, &fault)),
    };
    if owner.policies.session.access == Access::Deny {
        let text = "Your organisation does not let you in from here.";
        return Err(failure_page(visit, (StatusCode::FORBIDDEN, "access_denied", text), None, None));
    }
    if owner.policies.session.asks_for_factor(&owner.session) {
        let nothing_more = AuthenticationRequirement::default();
        return Err(Box::pin(step_up(visit, &owner.session, nothing_more, target)).await);
    }
    Ok((visit, owner))
}

/// The same before something is changed that protects the account.
async fn enter_to_change<'a>(visit: Visit<'a>, target: &Target, protection: Protection) -> Entered<'a> {
    let (visit, owner) = enter(visit, target).await?;
    match account::missing(&owner.session, &owner.factors, protection, visit.app.now()) {
        None => Ok((visit, owner)),
        Some(requirement) => Err(Box::pin(step_up(visit, &owner.session, requirement, target)).await),
    }
}

async fn owner(visit: &Visit<'_>, session: Session) -> Result<Option<Owner>, Fault> {
    let user = store::user::find(&visit.app.db, &session.user_id).await?;
    let Some(user) = user.filter(|user| user.is_active() && session.outlives(user.not_before)) else {
        return Ok(None);
    };
    let policies = policies::of_user(visit.app, &user, visit.caller.ip).await?;
    let factors = service::list(visit.app, &user.id).await?;
    Ok(Some(Owner { session, user, policies, factors }))
}

fn sign_in(visit: Visit<'_>, target: &Target) -> Response {
    let place = Place::Account(Errand::to(target.clone()));
    visit.redirect(&place.at("/signin"))
}

/// Raises the session: just what is missing is asked for.
async fn step_up(
    visit: Visit<'_>,
    session: &Session,
    requirement: AuthenticationRequirement,
    target: &Target,
) -> Response {
    let place = Place::Account(Errand::to(target.clone()));
    let start = Start { requirement, ..start(&visit, &place) };
    match primary::with_session(visit.app, &visitor(&visit), session, start).await {
        Ok(reply) => took(visit, place, reply).await,
        Err(AuthnError::Fault(fault)) => fault_page(visit, &fault),
        Err(AuthnError::Refused) => visit.redirect(&place.at("/signin")),
        Err(_) => {
            let text = "None of your sign-in methods can be used now, so nothing can confirm that it is you. \
                        Ask your administrator.";
            let code = "unmet_authentication_requirements";
            failure_page(visit, (StatusCode::FORBIDDEN, code, text), None, None)
        }
    }
}

/// Goes back to the first page, which says what was done.
fn done(visit: Visit<'_>, notice: Notice) -> Response {
    visit.redirect(&format!("{PATH}?done={}", notice.key()))
}

/// Goes back from a sign-in or a step-up that its user gave up.
pub(super) fn given_up(visit: Visit<'_>) -> Response {
    done(visit, Notice::Unconfirmed)
}

/// The factor that an address names.
fn named(request: &Request) -> FactorId {
    FactorId::new(request.raw_path_param("factor_id").unwrap_or_default())
}

/// The answer, whichever way it came about.
fn either(outcome: Result<Response, Response>) -> Response {
    outcome.unwrap_or_else(|answer| answer)
}
