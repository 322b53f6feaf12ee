//! What users must have shown a moment ago to change what protects their own account, and what they may not take away
//! from it (security rules S1, S8). The account page and the Factors API ask the same.

use time::{Duration, OffsetDateTime};

use super::rules::FIRST_FACTOR_AFTER_PASSWORD;
use crate::{
    app::App,
    factor::service,
    fault::Fault,
    model::{
        assurance::{Assurance, AuthenticationRequirement, Freshness},
        factor::{Factor, FactorClass, FactorKind, FactorStatus, has_possession},
        policy::{Requirement, UserPolicies},
        session::{Session, VerifiedFactor},
        user::User,
    },
    protocol::acr::Acr,
    store::{self, backup_code, unit::Unit},
    syslog::Caller,
};

/// How long a proof of a factor lets its user change what protects the account.
pub const STEP_UP_LASTS: Duration = Duration::minutes(15);

/// What is about to be changed.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Protection {
    /// The factors, or the codes that stand in for one.
    Factors,
    /// The password, for which the present one is asked as well.
    Password,
}

/// What the user of a session must prove before this is changed; absent: nothing more. Somebody who has a factor beside the
/// password shows it first, and lately; a first one is added right after a sign-in only: otherwise whoever finds an open
/// browser, or guesses the password, adds a factor and is the owner from then on (CVE-2026-3429).
pub fn missing(
    session: &Session,
    factors: &[Factor],
    protection: Protection,
    now: OffsetDateTime,
) -> Option<AuthenticationRequirement> {
    let wanted = |acr, age| {
        let fresh = Freshness::Since(now - age);
        Some(AuthenticationRequirement::default().and(Assurance { acr, fresh }))
    };
    if has_possession(factors) {
        let proved = |class, since: Option<OffsetDateTime>| {
            let counts = |proof: &&VerifiedFactor| since.is_none_or(|since| proof.at >= since);
            session.factors.iter().filter(counts).any(|proof| proof.is_of(class))
        };
        let lately = proved(FactorClass::Possession, Some(now - STEP_UP_LASTS));
        return if lately && proved(FactorClass::Knowledge, None) {
            None
        } else {
            wanted(Acr::TwoFactorAny, STEP_UP_LASTS)
        };
    }
    match protection {
        // The present password is as much as there is to show.
        Protection::Password => None,
        Protection::Factors if now - session.auth_time <= FIRST_FACTOR_AFTER_PASSWORD => None,
        Protection::Factors => wanted(Acr::OneFactorPassword, FIRST_FACTOR_AFTER_PASSWORD),
    }
}

/// Why a factor is not its user's to remove.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Kept {
    /// The enrolment policy requires one of the kind, and this is the last.
    Required,
    /// The sign-in takes a factor, and this is the last.
    LastForSignIn,
}

/// Whether a factor must stay: the last one that a policy requires does.
pub fn kept(factor: &Factor, all: &[Factor], policies: &UserPolicies) -> Option<Kept> {
    let is_left = |kind: Option<FactorKind>| {
        let fits = |other: &Factor| other.is_active() && kind.is_none_or(|kind| other.kind == kind);
        all.iter().any(|other| other.id != factor.id && fits(other))
    };
    needs(factor, policies).find(|(_, kind)| !is_left(*kind)).map(|(kept, _)| kept)
}

/// Why something must be left where a factor goes, and of which kind; where none is named, any will do.
fn needs(factor: &Factor, policies: &UserPolicies) -> impl Iterator<Item = (Kept, Option<FactorKind>)> {
    // What was never activated protects nothing.
    let counts = factor.status != FactorStatus::PendingActivation;
    let of_kind = counts && policies.enroll.requirement(factor.kind) == Requirement::Required;
    let any = counts && policies.session.require_factor;
    let of_kind = of_kind.then_some((Kept::Required, Some(factor.kind)));
    of_kind.into_iter().chain(any.then_some((Kept::LastForSignIn, None)))
}

/// Why a factor was not removed.
#[derive(Debug, thiserror::Error)]
pub enum RemovalError {
    /// A policy requires it.
    #[error("a policy requires the factor")]
    Kept(Kept),
    /// No verdict was reached.
    #[error(transparent)]
    Fault(#[from] Fault),
}

/// Removes a factor by the hand of its user, with what was won by it (see [`service::forget`]). The unit's own claim is its
/// first; lost: the factor is gone, or was proved a moment ago. A later one that is lost: what must be left is gone.
///
/// # Errors
/// It must stay, or a fault.
pub async fn remove(
    app: &App,
    (user, policies): (&User, &UserPolicies),
    factor: &Factor,
    caller: &Caller,
) -> Result<Unit, RemovalError> {
    let all = service::list(app, &user.id).await?;
    if let Some(kept) = kept(factor, &all, policies) {
        return Err(RemovalError::Kept(kept));
    }
    let unit = service::forget(app, user, factor, caller).await?;
    // Of two that are removed at once, each may see the other left: the user is held, then it is looked again.
    Ok(needs(factor, policies).fold(unit, |unit, (_, kind)| {
        unit.claim(backup_code::claim_user(&user.id)).claim(store::factor::claim_left(&user.id, kind))
    }))
}

#[cfg(test)]
mod tests {
    use serde_json::Map;
    use time::macros::datetime;

    use super::*;
    use crate::{
        id::{FactorId, SessionId, UserId},
        model::session::CookieLifetime,
    };

    const NOW: OffsetDateTime = datetime!(2026-01-01 12:00 UTC);

    fn factor(id: &str, kind: FactorKind, status: FactorStatus) -> Factor {
        Factor {
            id: FactorId::new(id),
            user_id: UserId::new("00u1"),
            kind,
            status,
            profile: Map::new(),
            name: None,
            factor_profile_id: None,
            created_at: NOW,
            updated_at: NOW,
            last_verified_at: None,
        }
    }

    fn session(proofs: &[(&str, i64)]) -> Session {
        let factors: Vec<VerifiedFactor> = proofs
            .iter()
            .map(|(amr, minutes)| VerifiedFactor {
                amr: vec![(*amr).to_owned()],
                at: NOW - Duration::minutes(*minutes),
                factor_id: (*amr != "pwd").then(|| FactorId::new("f")),
            })
            .collect();
        Session {
            id: SessionId::new("1"),
            user_id: UserId::new("00u1"),
            auth_time: factors.iter().map(|factor| factor.at).max().unwrap_or(NOW),
            factors,
            created_at: NOW,
            last_seen_at: NOW,
            expires_at: NOW,
            ended_at: None,
            idle_lifetime: None,
            cookie: CookieLifetime::Browser,
            remembered: None,
        }
    }

    #[test]
    fn sec_s01_a_factor_must_have_been_proved_within_fifteen_minutes() {
        let app = [factor("f", FactorKind::TotpOkta, FactorStatus::Active)];
        let suspended = [factor("f", FactorKind::TotpOkta, FactorStatus::Inactive)];
        let may = |session: &Session, factors: &[Factor]| {
            missing(session, factors, Protection::Factors, NOW).is_none()
        };
        for factors in [&app, &suspended] {
            assert!(may(&session(&[("pwd", 300), ("otp", 15)]), factors));
            assert!(!may(&session(&[("pwd", 1), ("otp", 16)]), factors));
            assert!(!may(&session(&[("pwd", 0)]), factors));
            assert!(!may(&session(&[("pwd", 0), ("kba", 0)]), factors));
            // Possession alone is one factor.
            assert!(!may(&session(&[("otp", 0)]), factors));
        }
        let password = |session: &Session| missing(session, &app, Protection::Password, NOW).is_none();
        assert!(password(&session(&[("pwd", 300), ("otp", 15)])) && !password(&session(&[("pwd", 0)])));
    }

    #[test]
    fn sec_s01_a_first_factor_takes_a_sign_in_within_five_minutes() {
        let pending = [factor("f", FactorKind::TotpOkta, FactorStatus::PendingActivation)];
        let question = [factor("q", FactorKind::Question, FactorStatus::Active)];
        for factors in [&[][..], &pending, &question] {
            let may = |minutes, protection| {
                missing(&session(&[("pwd", minutes)]), factors, protection, NOW).is_none()
            };
            assert!(may(5, Protection::Factors) && !may(6, Protection::Factors));
            assert!(may(600, Protection::Password));
        }
    }

    #[test]
    fn the_last_factor_that_a_policy_requires_is_kept() {
        let (active, pending) = (FactorStatus::Active, FactorStatus::PendingActivation);
        let all = [
            factor("a", FactorKind::TotpOkta, active),
            factor("b", FactorKind::Sms, active),
            factor("c", FactorKind::Call, pending),
        ];
        let [app, sms, call] = &all;
        let mut policies = UserPolicies::default();
        assert_eq!(kept(app, &all, &policies), None);
        policies.session.require_factor = true;
        assert_eq!(kept(app, &all, &policies), None);
        assert_eq!(kept(app, std::slice::from_ref(app), &policies), Some(Kept::LastForSignIn));
        policies.session.require_factor = false;
        policies.enroll.factors.insert(FactorKind::Sms, Requirement::Required);
        policies.enroll.factors.insert(FactorKind::Call, Requirement::Required);
        assert_eq!(kept(sms, &all, &policies), Some(Kept::Required));
        // What was never activated protects nothing.
        assert_eq!(kept(call, &all, &policies), None);
    }
}
