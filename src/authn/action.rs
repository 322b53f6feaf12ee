//! What may be done in a state. The same list makes `_links` in the JSON API and the buttons on the pages; what
//! is not in it is refused.

use super::{
    rules::{BackupCodes, Guard, Rules, Usable},
    state::{PhoneChannel, Position, State},
};
use crate::{
    id::FactorId,
    model::factor::{AnswerShape, FactorKind},
};

/// Something the user may do.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Action {
    /// Give login and password.
    SubmitPassword,
    /// Change the password, giving the old one.
    ChangePassword,
    /// Set a new password.
    ResetPassword,
    /// Answer the recovery question.
    AnswerRecovery,
    /// Give the code of a recovery.
    VerifyRecovery(PhoneChannel),
    /// Have the code of a recovery sent again.
    ResendRecovery(PhoneChannel),
    /// Enrol a factor.
    Enroll(FactorKind),
    /// Prove the factor that was enrolled.
    Activate(FactorId),
    /// Have the code of an enrolment sent again.
    ResendActivation(FactorId),
    /// Choose or prove a factor.
    Verify(FactorId),
    /// Have the code of a factor sent again.
    ResendChallenge(FactorId),
    /// Give a recovery code, or one that an administrator gave out, in place of a factor.
    UseBackupCode,
    /// Go back and choose again.
    Previous,
    /// Put off what is offered.
    Skip,
    /// Give the transaction up.
    Cancel,
}

/// What may be done now, the main thing first. Nothing once the transaction succeeded.
pub fn allowed(position: &Position, rules: &Rules) -> Vec<Action> {
    match &position.state {
        State::Unauthenticated => vec![Action::SubmitPassword, Action::Cancel],
        State::PasswordWarn => vec![Action::ChangePassword, Action::Skip, Action::Cancel],
        State::PasswordExpired => vec![Action::ChangePassword, Action::Cancel],
        State::Recovery { .. } => vec![Action::AnswerRecovery, Action::Cancel],
        State::RecoveryChallenge { channel, .. } => {
            vec![Action::VerifyRecovery(*channel), Action::ResendRecovery(*channel), Action::Cancel]
        }
        State::PasswordReset { .. } => vec![Action::ResetPassword, Action::Cancel],
        State::MfaEnroll => {
            let kinds = rules.offered(position).into_iter().map(|(kind, _)| Action::Enroll(kind));
            let skip = (!rules.must_enrol(position)).then_some(Action::Skip);
            kinds.chain(skip).chain([Action::Cancel]).collect()
        }
        State::MfaEnrollActivate { factor, kind } => {
            let open = rules.guard(&position.proven) == Guard::Open;
            let activate = open.then(|| Action::Activate(factor.clone()));
            let again = kind.is_sent() || *kind == FactorKind::Push;
            let resend = (open && again).then(|| Action::ResendActivation(factor.clone()));
            activate.into_iter().chain(resend).chain([Action::Previous, Action::Cancel]).collect()
        }
        State::MfaRequired => {
            let verify = rules.askable(position).into_iter().map(|factor| Action::Verify(factor.id.clone()));
            verify.chain(rules.backup_codes.action()).chain([Action::Cancel]).collect()
        }
        State::MfaChallenge { factor, kind } => {
            let askable = rules.askable(position);
            let asked = askable.iter().any(|askable| askable.id == *factor);
            let verify = asked.then(|| Action::Verify(factor.clone()));
            let again = kind.is_sent() || kind.answer() == AnswerShape::Approval;
            let resend = (asked && again).then(|| Action::ResendChallenge(factor.clone()));
            let backup = rules.backup_codes.action();
            // Whatever of several authenticators signs is as good as the one that was chosen.
            let same = |other: &&&Usable| {
                kind.answer() == AnswerShape::Signature && other.kind == *kind && other.id != *factor
            };
            let others = askable.iter().filter(same).map(|other| Action::Verify(other.id.clone()));
            let main = verify.into_iter().chain(others).chain(resend).chain(backup);
            main.chain([Action::Previous, Action::Cancel]).collect()
        }
        State::Success => Vec::new(),
    }
}

impl BackupCodes {
    fn action(self) -> Option<Action> {
        (self == Self::Available).then_some(Action::UseBackupCode)
    }
}
