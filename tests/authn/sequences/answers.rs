//! What the user answers to each step, and what the test knows afterwards.

use serde_json::{Value, json};

use super::{
    How, Play,
    link::{self, Step},
    oracle::Proof,
    person,
};
use crate::support::factor::wrong;

impl Play<'_> {
    /// What is answered to a step, beside the state token.
    pub(super) fn answer_to(&mut self, step: &Step, how: How) -> Value {
        let person = &mut self.person;
        let right = how != How::Wrong;
        match step {
            Step::Authenticate => {
                json!({ "username": person.login, "password": if right { &person.password } else { "wrong" } })
            }
            Step::ChangePassword => {
                let old = if right { person.password.clone() } else { "wrong".to_owned() };
                json!({ "oldPassword": old, "newPassword": person.fresh_password() })
            }
            Step::ResetPassword => {
                json!({ "newPassword": if right { person.fresh_password() } else { "short".to_owned() } })
            }
            Step::Answer => json!({ "answer": if right { person::ANSWER } else { "something else" } }),
            Step::VerifyRecovery(_) => json!({ "passCode": person.code_that_was_sent(right) }),
            Step::Enroll(kind) => link::enrolment(*kind, right, &person.phone),
            Step::Verify(_) if how == How::Choose => json!({}),
            Step::Verify(id) | Step::Activate(id) => match &person.sent {
                _ if id.starts_with("ufs") && matches!(step, Step::Verify(_)) => {
                    json!({ "answer": if right { person::ANSWER } else { "something else" } })
                }
                _ if link::signs(id) => person.ceremony(self.app, (id, step), right),
                _ if let Some(seed) = person.seeds.get(id) => {
                    let code = self.app.totp(seed);
                    json!({ "passCode": if right { code } else { wrong(&code) } })
                }
                // A code has to be sent first.
                None if right && matches!(step, Step::Verify(_)) => json!({}),
                _ => json!({ "passCode": person.code_that_was_sent(right) }),
            },
            Step::BackupCode => {
                let code = if right { person.codes.last().cloned() } else { None };
                json!({ "passCode": code.unwrap_or_else(|| "AAAA-AAAA-AAAA-AAAA-AAAA-AAAA".to_owned()) })
            }
            Step::Unlock => json!({ "username": person.login, "factorType": "EMAIL" }),
            Step::RecoveryToken => {
                json!({ "recoveryToken": self.state.as_ref().map(|state| state["recoveryToken"].clone()) })
            }
            Step::ResendRecovery(_)
            | Step::ResendActivation(_)
            | Step::ResendChallenge(_)
            | Step::Previous
            | Step::Skip
            | Step::Cancel
            | Step::Get(_) => json!({}),
        }
    }

    /// Where a step sends a code, if it does.
    pub(super) fn sends(&self, step: &Step, how: How) -> Option<String> {
        let to = |id: &str| match &id[..3] {
            "mbl" | "clf" => Some(self.person.phone.clone()),
            "emf" => Some(self.person.login.clone()),
            _ => None,
        };
        match step {
            Step::Enroll(kind) if kind.is_sent() && how == How::Right => to(kind.id_prefix()),
            Step::ResendActivation(id) | Step::ResendChallenge(id) => to(id),
            // Asked without a code, a factor whose link was mailed tells whether it was opened.
            Step::Verify(id) if self.status() == "MFA_CHALLENGE" && id.starts_with("emf") => None,
            Step::Verify(id) if how == How::Choose => to(id),
            Step::Verify(id) if how == How::Right && self.person.sent.is_none() => to(id),
            Step::ResendRecovery(_) if self.person.sent.is_some() => Some(self.person.phone.clone()),
            _ => None,
        }
    }

    /// What a step that was taken has changed in what the test knows.
    pub(super) fn learn(&mut self, step: &Step, how: How, told: &Value) {
        let answered = how == How::Right;
        let asked = |id: &str| matches!(&id[..3], "mbl" | "clf" | "emf") || link::signs(id);
        if let Step::Activate(id) | Step::Verify(id) = step
            && link::signs(id)
        {
            self.person.signed(id, step);
        }
        self.person.note_options(told, self.app.app.now());
        match step {
            Step::Authenticate => self.proofs.push(Proof::Password),
            Step::ChangePassword => self.person.renewed(),
            Step::ResetPassword => {
                self.person.renewed();
                self.proofs.push(Proof::NewPassword);
            }
            Step::Answer => self.proofs.push(Proof::RecoveryAnswer),
            Step::VerifyRecovery(_) => self.proofs.push(Proof::Recovery),
            Step::RecoveryToken => self.proofs.push(Proof::Recovery),
            Step::Enroll(kind) => {
                let id = told["_embedded"]["factor"]["id"].as_str().unwrap_or_default().to_owned();
                let seed = &told["_embedded"]["factor"]["_embedded"]["activation"]["sharedSecret"];
                if let Some(seed) = seed.as_str() {
                    self.person.seeds.insert(id, seed.to_owned());
                }
                if !kind.is_sent() && told["status"] != "MFA_ENROLL_ACTIVATE" {
                    self.proofs.push(Proof::Factor(*kind));
                }
            }
            Step::Activate(id) => self.proofs.push(Proof::Factor(link::kind_of(id))),
            Step::Verify(id) if answered && !(asked(id) && told["status"] == "MFA_CHALLENGE") => {
                self.proofs.push(Proof::Factor(link::kind_of(id)));
            }
            Step::BackupCode => {
                self.person.codes.pop();
                self.proofs.push(Proof::Code);
            }
            Step::Previous => (self.person.sent, self.person.options) = (None, None),
            Step::Verify(_)
            | Step::ResendRecovery(_)
            | Step::ResendActivation(_)
            | Step::ResendChallenge(_)
            | Step::Skip
            | Step::Cancel
            | Step::Unlock
            | Step::Get(_) => {}
        }
    }
}
