//! What is known of the user of a transaction, loaded anew for every request, and the rules that follow.

use std::net::IpAddr;

use super::{
    remember,
    rules::{
        BackupCodes, Demand, Evidence, FIRST_FACTOR_AFTER_PASSWORD, RecoveryQuestion, Rest, Rules, Standing,
        Usable,
    },
    state::{Purpose, State},
    transaction::Transaction,
};
use crate::{
    app::App,
    factor::{self, backup_code, service},
    fault::Fault,
    id::{FactorId, UserId},
    model::{
        assurance::{AuthenticationRequirement, Freshness},
        factor::{Factor, FactorKind, FactorStatus},
        policy::{MfaEnroll, Requirement, UserPolicies},
        push::PushTransaction,
        user::User,
    },
    protocol::acr::Acr,
    session::sso::FactorPromptMet,
    user::{password, policies, recovery::question},
};

/// What is known.
#[derive(Debug)]
pub struct Facts {
    /// The user; absent: nobody, which nobody outside learns.
    pub user: Option<User>,
    /// What policies decide.
    pub policies: UserPolicies,
    /// The factors, those that wait for activation too, the last used first.
    pub factors: Vec<Factor>,
    /// The recovery question, where it is asked.
    pub question: Option<String>,
    /// What must be proved and done.
    pub rules: Rules,
    /// What the device of the chosen factor was asked last in this transaction.
    pub push: Option<PushTransaction>,
    /// What answers the prompt for a factor, as it stands.
    pub(super) prompt: FactorPromptMet,
}

impl Facts {
    /// What is known of nobody.
    pub(super) fn of_nobody() -> Self {
        Self {
            user: None,
            policies: UserPolicies::default(),
            factors: Vec::new(),
            question: None,
            rules: Rules::default(),
            push: None,
            prompt: FactorPromptMet::ByFactors,
        }
    }

    /// What is known of a user.
    ///
    /// # Errors
    /// The database failed.
    pub(super) async fn load(
        app: &App,
        user: User,
        transaction: &Transaction,
        (device, ip): (Option<&str>, Option<IpAddr>),
    ) -> Result<Self, Fault> {
        let policies = policies::of_user(app, &user, ip).await?;
        let factors = service::list(app, &user.id).await?;
        let remembered = remember::stands(app, &user, &policies.session, device).await?;
        let recovers = matches!(transaction.position.purpose, Purpose::Recovery(_));
        let question = if recovers && policies.password.recovery_question {
            question::find(app, &user.id).await?
        } else {
            None
        };
        let backup_codes = if !factors.is_empty() && backup_code::any(app, &user.id).await? {
            BackupCodes::Available
        } else {
            BackupCodes::None
        };
        let mut demands = vec![Demand::level(Acr::OneFactorAny)];
        if policies.session.require_factor && !remembered {
            demands.push(Demand::beside_password());
        }
        demands.extend(wanted(&transaction.context.requirement, transaction));
        let state = &transaction.position.state;
        let push = Box::pin(asked(app, &factors, transaction)).await?;
        let resting = Box::pin(service::push::resting(app, &factors)).await?;
        let usable = |status: FactorStatus| {
            // One that this transaction enrols is nothing yet, to its user or to a thief, until its device is looked at.
            let begun = |id| {
                let kind = FactorKind::Push;
                matches!(state, State::MfaEnrollActivate { factor, kind: of } if *of == kind && factor == id)
            };
            let of_status = factors.iter().filter(|factor| factor.status == status && !begun(&factor.id));
            // What was asked before the device came to rest may still be answered.
            let chosen = |id| matches!(state, State::MfaChallenge { factor, .. } if factor == id);
            let rest = |id| if resting.contains(id) && !chosen(id) { Rest::Resting } else { Rest::Awake };
            of_status.map(|factor| Usable { rest: rest(&factor.id), ..Usable::from(factor) }).collect()
        };
        let rules = Rules {
            demands,
            factors: usable(FactorStatus::Active),
            suspended: usable(FactorStatus::Inactive),
            enrollable: enrollable(app, &policies.enroll, &factors),
            first_factor_since: Some(transaction.began_at - FIRST_FACTOR_AFTER_PASSWORD),
            prompt: policies.enroll.prompt,
            password: standing(app, &user, &policies),
            options: transaction.context.options,
            backup_codes,
            question: if question.is_some() { RecoveryQuestion::Asked } else { RecoveryQuestion::NotAsked },
        };
        let prompt =
            if remembered { FactorPromptMet::ByRememberedDevice } else { FactorPromptMet::ByFactors };
        Ok(Self { user: Some(user), policies, factors, question, rules, push, prompt })
    }

    /// A factor of the user.
    pub fn factor(&self, id: &FactorId) -> Option<&Factor> {
        self.factors.iter().find(|factor| factor.id == *id)
    }

    /// The user's id.
    pub fn user_id(&self) -> Option<&UserId> {
        self.user.as_ref().map(|user| &user.id)
    }
}

/// What the device of the chosen factor was asked last, if a device was chosen.
async fn asked(
    app: &App,
    factors: &[Factor],
    transaction: &Transaction,
) -> Result<Option<PushTransaction>, Fault> {
    let State::MfaChallenge { factor, kind: FactorKind::Push } = &transaction.position.state else {
        return Ok(None);
    };
    let Some(factor) = factors.iter().find(|known| known.id == *factor) else { return Ok(None) };
    service::push::last_asked(app, factor, factor::Purpose::Transaction(&transaction.id)).await
}

/// What the caller wants, as demands on what is proved in, or brought into, the transaction.
fn wanted<'a>(
    requirement: &'a AuthenticationRequirement,
    transaction: &'a Transaction,
) -> impl Iterator<Item = Demand> + 'a {
    requirement.all().iter().map(|assurance| Demand {
        evidence: Evidence::Level(assurance.acr),
        since: match assurance.fresh {
            Freshness::Session => None,
            Freshness::Since(moment) => Some(moment),
            Freshness::Now => Some(transaction.began_at),
        },
    })
}

/// What the user may still enrol. A factor that is suspended is no reason to get another of its kind, and where nothing
/// carries the codes of a kind there is none to get.
pub fn enrollable(app: &App, policy: &MfaEnroll, factors: &[Factor]) -> Vec<(FactorKind, Requirement)> {
    let is_full = |kind: FactorKind| {
        let kept = factors.iter().filter(|factor| factor.status != FactorStatus::PendingActivation);
        kept.filter(|factor| factor.kind == kind).count() >= kind.limit()
    };
    FactorKind::ALL
        .into_iter()
        .filter(|kind| kind.is_enrolled_by_users() && service::is_offered(app, *kind) && !is_full(*kind))
        .map(|kind| (kind, policy.requirement(kind)))
        .filter(|(_, requirement)| *requirement != Requirement::NotAllowed)
        .collect()
}

fn standing(app: &App, user: &User, policies: &UserPolicies) -> Standing {
    match password::standing(user, &policies.password, app.now()) {
        password::PasswordStanding::Fine => Standing::Fine,
        password::PasswordStanding::Warn { days } if policies.password.allow_change => {
            Standing::Warn { days }
        }
        // There is nothing that the user could do about it.
        password::PasswordStanding::Warn { .. } => Standing::Fine,
        password::PasswordStanding::Expired => Standing::Expired,
    }
}
