//! The recovery question: what a user answers beside a token or code. The answer is hashed like a password, after a
//! normalisation that forgives what people forget: case, blanks, composition of characters.

use unicode_normalization::UnicodeNormalization;

use super::RecoveryError;
use crate::{
    app::App,
    fault::Fault,
    id::UserId,
    limit::answer,
    model::user::User,
    secret::Secret,
    store::{
        self,
        recovery_question::RecoveryQuestion,
        unit::{Outcome, Unit},
    },
    syslog::{Caller, Event, EventType, record_repeated},
    user::credentials::HashError,
};

/// The fewest characters of an answer (Okta's `recovery_question.properties.complexity.minLength`).
pub const MIN_ANSWER_CHARS: usize = 4;
/// The most characters of a question and of an answer.
pub const MAX_CHARS: usize = 100;

/// The question of a user.
///
/// # Errors
/// The database failed.
pub async fn find(app: &App, user: &UserId) -> Result<Option<String>, Fault> {
    Ok(store::recovery_question::find(&app.db, user).await?.map(|found| found.question))
}

/// Sets the question of a user. The caller has asked for the password, or acts for an administrator.
///
/// # Errors
/// Question or answer are refused, or too many hashes are waiting.
pub async fn set(
    app: &App,
    user: &User,
    question: &str,
    answer: &Secret<String>,
    caller: &Caller,
) -> Result<Unit, RecoveryError> {
    let now = app.now();
    let question = question.trim();
    let normalised = normalised(answer);
    let length = normalised.expose().chars().count();
    let problem = if question.is_empty() || question.chars().any(char::is_control) {
        Some(("question", "must not be empty"))
    } else if question.chars().count() > MAX_CHARS {
        Some(("question", "has more than 100 characters"))
    } else if length < MIN_ANSWER_CHARS {
        Some(("answer", "has fewer than 4 characters"))
    } else if length > MAX_CHARS {
        Some(("answer", "has more than 100 characters"))
    } else if fold(question).contains(normalised.expose().as_str()) {
        Some(("answer", "must not be part of the question"))
    } else {
        None
    };
    if let Some((member, problem)) = problem {
        return Err(RecoveryError::Invalid { member, problem });
    }
    let hash = app.passwords.hash(normalised).await.map_err(|error| match error {
        HashError::Busy(_) => RecoveryError::Busy,
        HashError::Length => RecoveryError::Invalid { member: "answer", problem: "is too long" },
    })?;
    let event = Event::new(EventType::UserUpdateProfile).user(&user.id).with("changed", "recovery_question");
    Ok(Unit::new().change(store::recovery_question::set(&user.id, question, &hash, now)).row(event.row(
        caller,
        app.random.as_ref(),
        now,
    )))
}

/// Verifies an answer, which is charged before it is looked at; the unit forgets earlier wrong ones.
///
/// # Errors
/// The answer is wrong, or none is looked at for now. A user without a question costs the same and is told the same.
pub async fn verify(
    app: &App,
    user: &User,
    answer: &Secret<String>,
    caller: &Caller,
) -> Result<Unit, RecoveryError> {
    let charged = charge(app, &user.id).await?;
    let hash = match &charged {
        Charged::Question(found) => Some(found.answer_hash.clone()),
        Charged::NoQuestion | Charged::Locked => None,
    };
    let verified = app.passwords.verify(normalised(answer), hash).await?;
    let (reason, error) = match charged {
        Charged::Question(_) if verified.matches => {
            return Ok(Unit::new().change(store::recovery_question::forgive(&user.id)));
        }
        Charged::Question(_) | Charged::NoQuestion => ("invalid_answer", RecoveryError::WrongAnswer),
        Charged::Locked => ("locked_out", RecoveryError::Locked),
    };
    let event = Event::failure(EventType::AccountUseToken, reason).user(&user.id).with("channel", "QUESTION");
    record_repeated(app, &format!("{}\n{reason}", user.id), event, caller).await?;
    Err(error)
}

enum Charged {
    Question(RecoveryQuestion),
    NoQuestion,
    Locked,
}

/// Charges one answer; of answers that come at the same moment, each is charged or refused.
async fn charge(app: &App, user: &UserId) -> Result<Charged, Fault> {
    let now = app.now();
    for _ in 0..5 {
        let Some(found) = store::recovery_question::find(&app.db, user).await? else {
            return Ok(Charged::NoQuestion);
        };
        let Some(after) = answer::charge(&found.lock, now) else { return Ok(Charged::Locked) };
        let claim = store::recovery_question::claim_answer(user, &found.lock, &after, now);
        if app.db.writer().commit(Unit::new().claim(claim)).await? == Outcome::Won {
            return Ok(Charged::Question(found));
        }
    }
    Ok(Charged::Locked)
}

fn normalised(answer: &Secret<String>) -> Secret<String> {
    Secret::new(fold(answer.expose()))
}

fn fold(text: &str) -> String {
    let words: Vec<&str> = text.split_whitespace().collect();
    words.join(" ").nfkc().flat_map(char::to_lowercase).nfc().collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_answer_is_the_same_whatever_its_case_blanks_and_composition() {
        let same = fold("Zo\u{eb} von Ahlen");
        for answer in ["  zo\u{eb}  VON\tahlen ", "Zoe\u{308} von Ahlen", "\u{ff3a}o\u{eb} von\u{a0}Ahlen"] {
            assert_eq!(fold(answer), same, "{answer}");
        }
        assert_ne!(fold("Zoe von Ahlen"), same);
    }
}
