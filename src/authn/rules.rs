//! What must be proved and done before a transaction succeeds: what policies, the user's factors and the caller's wishes
//! come to for one user. Loaded anew for every step, so a change of policy counts at once.

use serde::{Deserialize, Serialize};
use time::{Duration, OffsetDateTime};

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

/// How long before a first factor is enrolled the password may have been given: whoever finds an open browser later does not
/// become the owner of the account (security rule S1).
pub const FIRST_FACTOR_AFTER_PASSWORD: Duration = Duration::minutes(5);

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
    /// Whether it is asked now.
    pub rest: Rest,
}

/// Whether a factor is asked now.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub enum Rest {
    /// It is.
    #[default]
    Awake,
    /// Its device was asked too often: another factor is offered, where there is one (security rule P1).
    Resting,
}

impl From<&Factor> for Usable {
    fn from(factor: &Factor) -> Self {
        Self { id: factor.id.clone(), kind: factor.kind, shows: factor.amr(), rest: Rest::Awake }
    }
}

/// Later than any demand: it never comes.
const END: OffsetDateTime = time::macros::datetime!(9999-12-31 23:59:59 UTC);

impl Usable {
    /// Whether it must be proved before another is enrolled: who knows one thing may well know two.
    fn guards(&self) -> bool {
        self.kind.class() == FactorClass::Possession
    }

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
    /// The factors that are out of use: nothing proves them, and they guard the account as before.
    pub suspended: Vec<Usable>,
    /// What may be enrolled and is not: kind and requirement; never [`Requirement::NotAllowed`].
    pub enrollable: Vec<(FactorKind, Requirement)>,
    /// Only a password that was given since then permits the first factor; absent: any does.
    pub first_factor_since: Option<OffsetDateTime>,
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
    /// Whether a proof still counts: the factor that it is of was neither removed nor suspended since.
    pub fn counts(&self, proof: &VerifiedFactor) -> bool {
        proof.factor_id.as_ref().is_none_or(|id| self.factors.iter().any(|factor| factor.id == *id))
    }

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
        let enrols = self.must_enrol(position) && self.enrolment_helps(position);
        if enrols && self.guard(proven) == Guard::Password && self.askable(position).is_empty() {
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
            let awake = |factor: &&Usable| factor.rest == Rest::Awake;
            let awake: Vec<&Usable> = helping.iter().copied().filter(awake).collect();
            let helping = if awake.is_empty() { helping } else { awake };
            if !helping.is_empty() || !self.enrolment_helps(position) {
                return helping;
            }
        }
        if self.must_enrol(position) && self.guard(proven) == Guard::Factor {
            self.factors.iter().filter(|factor| factor.guards()).collect()
        } else {
            Vec::new()
        }
    }

    /// Whether a code that stands in for a factor is all that gets further: those that guard the account are out of use.
    pub fn asks_for_backup_code(&self, position: &Position) -> bool {
        let mut then = position.clone();
        then.prove(VerifiedFactor::backup_code(END));
        self.backup_codes == BackupCodes::Available
            && self.must_enrol(position)
            && self.guard(&position.proven) == Guard::Factor
            && self.askable(position).is_empty()
            && (!self.must_enrol(&then) || self.can_enrol(&then))
    }

    /// What must be proved before a factor is enrolled (security rule S1): one of those that the user has, in use or not,
    /// or a code in place of one; before the first, a password just now.
    pub fn guard(&self, proven: &[VerifiedFactor]) -> Guard {
        let mut guards =
            self.factors.iter().chain(&self.suspended).filter(|factor| factor.guards()).peekable();
        let guarded = guards.peek().is_some();
        let proved =
            guards.any(|factor| proven.iter().any(|proof| proof.factor_id.as_ref() == Some(&factor.id)));
        // A code that stands in for a lost factor is there so that another can be enrolled.
        let stood_in = proven.iter().any(|proof| proof.factor_id.is_none() && proof.is_beside_password());
        let fresh = |proof: &VerifiedFactor| {
            is_password(proof) && self.first_factor_since.is_none_or(|since| proof.at >= since)
        };
        if proved || stood_in {
            Guard::Open
        } else if guarded {
            Guard::Factor
        } else if proven.iter().any(fresh) {
            Guard::Open
        } else {
            Guard::Password
        }
    }

    /// What may be enrolled now. Asked anew for every step: meanwhile the user may have got a factor elsewhere, which this
    /// transaction must not get round.
    pub fn offered(&self, position: &Position) -> Vec<(FactorKind, Requirement)> {
        if self.guard(&position.proven) == Guard::Open { self.left_to_enrol(position) } else { Vec::new() }
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
                && self.guard(&position.proven) == Guard::Open
                && !self.left_to_enrol(position).is_empty()
        };
        self.must_enrol(position) || offered()
    }

    /// Whether what is left to enrol can lead anywhere.
    pub fn can_enrol(&self, position: &Position) -> bool {
        self.guard(&position.proven) == Guard::Open && self.enrolment_helps(position)
    }

    fn enrolment_helps(&self, position: &Position) -> bool {
        if self.prompt == EnrollPrompt::Never {
            return false;
        }
        self.left_to_enrol(position).iter().any(|(kind, _)| self.enrolment_of_helps(*kind, position))
    }

    /// Whether a factor of this kind would satisfy all that is still demanded.
    pub fn enrolment_of_helps(&self, kind: FactorKind, position: &Position) -> bool {
        let new = Usable { id: FactorId::new(""), kind, shows: kind.amr(), rest: Rest::Awake };
        let then = with(&position.proven, &new);
        self.open(&position.proven).all(|demand| demand.satisfied_by(&then))
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

/// What stands before the enrolment of a factor.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Guard {
    /// Nothing, or nothing any more.
    Open,
    /// One of the factors that the user has.
    Factor,
    /// The password, given just now.
    Password,
}

/// Whether a password was given.
pub(super) fn is_password(proof: &VerifiedFactor) -> bool {
    proof.amr.iter().any(|method| method == Amr::Pwd.as_str())
}

/// What would be proved if this factor were, too, at the latest moment so far or later.
fn with(proven: &[VerifiedFactor], factor: &Usable) -> Vec<VerifiedFactor> {
    let mut proven = proven.to_vec();
    proven.push(factor.proof(END));
    proven
}
