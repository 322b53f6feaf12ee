//! What must be proved and done before a transaction succeeds: what policies, the user's factors and the caller's wishes
//! come to for one user. Loaded anew for every step, so a change of policy counts at once.

use serde::{Deserialize, Serialize};
use time::OffsetDateTime;

use super::state::{EnrolmentProgress, PasswordProgress, Position};
use crate::{
    id::FactorId,
    model::{
        factor::{Factor, FactorClass, FactorKind},
        policy::{EnrollPrompt, Requirement},
        session::{VerifiedFactor, amr_of},
    },
    protocol::{acr::Acr, amr::Amr},
};

/// Something that must have been proved.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct Demand {
    /// What.
    pub evidence: Evidence,
    /// Only what was proved since then counts; absent: everything does.
    #[serde(default, with = "time::serde::timestamp::milliseconds::option")]
    pub since: Option<OffsetDateTime>,
}

/// What a demand is about.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub enum Evidence {
    /// A level of assurance.
    Level(Acr),
    /// Any factor beside the password, also one of the same class, or a code in place of one (Okta `requireFactor`). It
    /// earns no level by itself.
    BesidePassword,
}

impl Demand {
    /// A level of assurance, whenever it was reached.
    pub fn level(acr: Acr) -> Self {
        Self { evidence: Evidence::Level(acr), since: None }
    }

    /// Any factor beside the password.
    pub fn beside_password() -> Self {
        Self { evidence: Evidence::BesidePassword, since: None }
    }

    fn counts(&self, proof: &VerifiedFactor) -> bool {
        self.since.is_none_or(|since| proof.at >= since)
    }

    fn satisfied_by(&self, proven: &[VerifiedFactor]) -> bool {
        let counted: Vec<VerifiedFactor> =
            proven.iter().filter(|proof| self.counts(proof)).cloned().collect();
        match self.evidence {
            Evidence::BesidePassword => counted.iter().any(VerifiedFactor::is_beside_password),
            Evidence::Level(acr) => {
                let earned: Vec<Amr> =
                    amr_of(&counted).iter().filter_map(|method| method.parse().ok()).collect();
                acr.satisfied_by(&earned)
            }
        }
    }
}

/// A factor that can be used in this transaction.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Usable {
    /// Which.
    pub id: FactorId,
    /// What it is.
    pub kind: FactorKind,
    /// What proving it shows at least.
    pub shows: &'static [Amr],
}

impl From<&Factor> for Usable {
    fn from(factor: &Factor) -> Self {
        Self { id: factor.id.clone(), kind: factor.kind, shows: factor.amr() }
    }
}

impl Usable {
    /// What proving it would add.
    fn proof(&self, at: OffsetDateTime) -> VerifiedFactor {
        let amr = self.shows.iter().map(|method| method.as_str().to_owned()).collect();
        VerifiedFactor { amr, at, factor_id: Some(self.id.clone()) }
    }
}

/// How long the password still counts.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub enum Standing {
    /// Long.
    #[default]
    Fine,
    /// For so many days.
    Warn {
        /// Whole days.
        days: u32,
    },
    /// No longer.
    Expired,
}

/// What the caller can show (Okta `options`).
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default, Serialize, Deserialize)]
#[serde(default, rename_all = "camelCase")]
pub struct Options {
    /// Whether further factors are offered when nothing more must be enrolled.
    pub multi_optional_factor_enroll: bool,
    /// Whether the user is told of a password that will soon expire.
    pub warn_before_password_expired: bool,
}

/// Whether the recovery question is asked.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub enum RecoveryQuestion {
    /// Policy does not ask, or the user has none.
    #[default]
    NotAsked,
    /// It is asked.
    Asked,
}

/// Whether the user has codes that stand in for a factor.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub enum BackupCodes {
    /// None that can still be used.
    #[default]
    None,
    /// At least one.
    Available,
}

/// What holds for one user in one transaction.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct Rules {
    /// What must be proved. What a remembered device stands for is left out.
    pub demands: Vec<Demand>,
    /// The active factors, the last used first.
    pub factors: Vec<Usable>,
    /// What may be enrolled and is not: kind and requirement; never [`Requirement::NotAllowed`].
    pub enrollable: Vec<(FactorKind, Requirement)>,
    /// When users are asked to enrol.
    pub prompt: EnrollPrompt,
    /// How long the password still counts.
    pub password: Standing,
    /// What the caller can show.
    pub options: Options,
    /// Whether the recovery question is asked.
    pub question: RecoveryQuestion,
    /// Whether a code can stand in for the factor that is asked for.
    pub backup_codes: BackupCodes,
}

impl Rules {
    /// Whether everything that is demanded was proved.
    pub fn satisfied_by(&self, proven: &[VerifiedFactor]) -> bool {
        self.demands.iter().all(|demand| self.satisfies(demand, proven))
    }

    fn satisfies(&self, demand: &Demand, proven: &[VerifiedFactor]) -> bool {
        if demand.satisfied_by(proven) {
            return true;
        }
        // "If possible": whoever has no factor that would add anything is done with one.
        demand.evidence == Evidence::Level(Acr::TwoFactorAnyIfPossible)
            && Demand { evidence: Evidence::Level(Acr::OneFactorAny), since: demand.since }
                .satisfied_by(proven)
            && !self.factors.iter().any(|factor| demand.satisfied_by(&with(proven, factor)))
    }

    /// Whether credentials must be given before anything else: none count, or only a password would help.
    pub fn wants_password(&self, position: &Position) -> bool {
        let proven = &position.proven;
        if proven.is_empty() {
            return true;
        }
        self.open(proven).any(|demand| {
            let counted: Vec<_> = proven.iter().filter(|proof| demand.counts(proof)).collect();
            let password = counted.iter().any(|proof| is_password(proof));
            counted.is_empty() || !password && self.askable(position).is_empty()
        })
    }

    fn open<'a>(&'a self, proven: &'a [VerifiedFactor]) -> impl Iterator<Item = &'a Demand> {
        self.demands.iter().filter(|demand| !self.satisfies(demand, proven))
    }

    /// The factors any of which is asked for now: each would satisfy all that is still demanded. Before something is
    /// enrolled, an account that has something to lose is proved with what it has (security rule S1).
    pub fn askable(&self, position: &Position) -> Vec<&Usable> {
        let proven = &position.proven;
        let open: Vec<&Demand> = self.open(proven).collect();
        if !open.is_empty() {
            let helps = |factor: &&Usable| {
                let then = with(proven, factor);
                open.iter().all(|demand| demand.satisfied_by(&then))
            };
            let helping: Vec<&Usable> = self.factors.iter().filter(helps).collect();
            if !helping.is_empty() || !self.enrolment_helps(position) {
                return helping;
            }
        }
        if self.must_enrol(position) { self.guarding(proven) } else { Vec::new() }
    }

    /// The factors one of which must be proved before another is enrolled; none: one was, or there are none.
    fn guarding(&self, proven: &[VerifiedFactor]) -> Vec<&Usable> {
        let possession = |factor: &&Usable| factor.kind.class() == FactorClass::Possession;
        let proved =
            |factor: &Usable| proven.iter().any(|proof| proof.factor_id.as_ref() == Some(&factor.id));
        let guards: Vec<&Usable> = self.factors.iter().filter(possession).collect();
        // A code that stands in for a lost factor is there so that another can be enrolled.
        let stood_in = proven.iter().any(|proof| proof.factor_id.is_none() && proof.is_beside_password());
        if stood_in || guards.iter().any(|factor| proved(factor)) { Vec::new() } else { guards }
    }

    /// What is left to enrol.
    pub fn left_to_enrol(&self, position: &Position) -> Vec<(FactorKind, Requirement)> {
        let left = self.enrollable.iter().filter(|(kind, _)| !position.enrolled.contains(kind));
        left.copied().collect()
    }

    /// Whether something must be enrolled before this can succeed.
    pub fn must_enrol(&self, position: &Position) -> bool {
        let required = || {
            self.prompt == EnrollPrompt::Login
                && self.left_to_enrol(position).iter().any(|(_, said)| *said == Requirement::Required)
        };
        !self.satisfied_by(&position.proven) || required()
    }

    /// Whether something can, or must, be enrolled now.
    pub fn asks_to_enrol(&self, position: &Position) -> bool {
        let offered = || {
            self.options.multi_optional_factor_enroll
                && position.enrolment == EnrolmentProgress::Open
                && (!position.enrolled.is_empty()
                    || self.prompt == EnrollPrompt::Login && self.factors.is_empty())
                && self.guarding(&position.proven).is_empty()
                && !self.left_to_enrol(position).is_empty()
        };
        self.must_enrol(position) || offered()
    }

    /// Whether what is left to enrol can lead anywhere.
    pub fn can_enrol(&self, position: &Position) -> bool {
        if self.prompt == EnrollPrompt::Never || !self.guarding(&position.proven).is_empty() {
            return false;
        }
        self.enrolment_helps(position)
    }

    /// Whether something that is left to enrol would satisfy all that is demanded.
    fn enrolment_helps(&self, position: &Position) -> bool {
        let open: Vec<&Demand> = self.open(&position.proven).collect();
        let left = self.left_to_enrol(position);
        let helps = |kind: FactorKind| {
            let new = Usable { id: FactorId::new(""), kind, shows: kind.amr() };
            let then = with(&position.proven, &new);
            open.iter().all(|demand| demand.satisfied_by(&then))
        };
        left.iter().any(|(kind, _)| helps(*kind))
    }

    /// How the password stands, after what was done about it in this transaction.
    pub fn standing(&self, position: &Position) -> Standing {
        match (self.password, position.password) {
            (Standing::Fine, _) | (_, PasswordProgress::Renewed) => Standing::Fine,
            (Standing::Warn { .. }, PasswordProgress::PutOff) => Standing::Fine,
            (Standing::Warn { days }, PasswordProgress::AsFound) => {
                if self.options.warn_before_password_expired {
                    Standing::Warn { days }
                } else {
                    Standing::Fine
                }
            }
            (Standing::Expired, PasswordProgress::AsFound | PasswordProgress::PutOff) => Standing::Expired,
        }
    }
}

fn is_password(proof: &VerifiedFactor) -> bool {
    proof.amr.iter().any(|method| method == Amr::Pwd.as_str())
}

/// What would be proved if this factor were, too, at the latest moment so far or later.
fn with(proven: &[VerifiedFactor], factor: &Usable) -> Vec<VerifiedFactor> {
    let mut proven = proven.to_vec();
    // Later than any demand: the year 9999 never comes.
    proven.push(factor.proof(time::macros::datetime!(9999-12-31 23:59:59 UTC)));
    proven
}
