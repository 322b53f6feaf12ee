//! Recovery questions: the answer is kept like a password.

use entity::recovery_question;
use sea_orm::EntityTrait;
use time::OffsetDateTime;

use super::{Database, instant_opt, millis, unit::Change};
use crate::{fault::Fault, id::UserId, model::recovery::AnswerLock, secret::Secret};

/// A user's recovery question.
#[derive(Clone, Debug)]
pub struct RecoveryQuestion {
    /// The question.
    pub question: String,
    /// PHC string of the normalised answer.
    pub answer_hash: Secret<String>,
    /// Wrong answers and the lock that followed.
    pub lock: AnswerLock,
}

/// Finds the question of a user.
///
/// # Errors
/// The database failed.
pub async fn find(db: &Database, user: &UserId) -> Result<Option<RecoveryQuestion>, Fault> {
    let row = recovery_question::Entity::find_by_id(user.as_str()).one(db.reader()).await?;
    let Some(row) = row else { return Ok(None) };
    Ok(Some(RecoveryQuestion {
        question: row.question,
        answer_hash: Secret::new(row.answer_hash),
        lock: AnswerLock {
            failures: u32::try_from(row.failures).map_err(Fault::stored)?,
            locked_until: instant_opt(row.locked_until)?,
        },
    }))
}

/// Sets the question of a user and forgets wrong answers to the one before.
pub fn set(user: &UserId, question: &str, answer_hash: &Secret<String>, now: OffsetDateTime) -> Change {
    Change::new(
        r#"INSERT INTO "recovery_question" ("user_id", "question", "answer_hash", "failures", "locked_until", "changed_at")
           VALUES ($1, $2, $3, 0, NULL, $4)
           ON CONFLICT ("user_id") DO UPDATE SET "question" = excluded."question",
             "answer_hash" = excluded."answer_hash", "failures" = 0, "locked_until" = NULL,
             "changed_at" = excluded."changed_at""#,
        vec![user.as_str().into(), question.into(), answer_hash.expose().as_str().into(), millis(now).into()],
    )
}

/// Charges one answer before it is looked at; lost when answers are locked, or another one came between.
pub fn claim_answer(user: &UserId, before: &AnswerLock, after: &AnswerLock, now: OffsetDateTime) -> Change {
    Change::new(
        r#"UPDATE "recovery_question" SET "failures" = $1, "locked_until" = $2
           WHERE "user_id" = $3 AND "failures" = $4 AND ("locked_until" IS NULL OR "locked_until" <= $5)"#,
        vec![
            i64::from(after.failures).into(),
            after.locked_until.map(millis).into(),
            user.as_str().into(),
            i64::from(before.failures).into(),
            millis(now).into(),
        ],
    )
}

/// Forgets wrong answers.
pub fn forgive(user: &UserId) -> Change {
    Change::new(
        r#"UPDATE "recovery_question" SET "failures" = 0, "locked_until" = NULL WHERE "user_id" = $1"#,
        vec![user.as_str().into()],
    )
}
