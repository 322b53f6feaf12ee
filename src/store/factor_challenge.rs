//! Challenges of factors, one of a factor for a purpose. Only a MAC is kept of a code, and a hash of a link.

use entity::factor_challenge;
use sea_orm::{ColumnTrait, EntityTrait, QueryFilter};
use time::OffsetDateTime;

use super::{Database, millis, unit::Change};
use crate::{
    fault::Fault,
    id::{FactorId, UserId},
    secret::TokenHash,
};

/// What a challenge is about.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Subject<'a> {
    /// The factor.
    pub factor: &'a FactorId,
    /// What an answer counts for.
    pub purpose: &'a str,
}

/// What was sent, as it is kept.
#[derive(Clone, Debug)]
pub struct Sent<'a> {
    /// The user.
    pub user: &'a UserId,
    /// The MAC of the code.
    pub code_mac: &'a str,
    /// The token of the link, if one was sent.
    pub link: Option<&'a TokenHash>,
    /// When it was sent.
    pub created_at: OffsetDateTime,
    /// When it dies.
    pub expires_at: OffsetDateTime,
}

/// Begins a challenge; one that lives for the same purpose is over, whatever became of it.
pub fn begin(subject: Subject<'_>, sent: &Sent<'_>) -> Change {
    Change::new(
        r#"INSERT INTO "factor_challenge"
             ("factor_id", "purpose", "user_id", "code_mac", "link_hash", "tries", "created_at", "expires_at")
           VALUES ($1, $2, $3, $4, $5, 0, $6, $7)
           ON CONFLICT ("factor_id", "purpose") DO UPDATE SET "code_mac" = excluded."code_mac",
             "link_hash" = excluded."link_hash", "tries" = 0, "created_at" = excluded."created_at",
             "expires_at" = excluded."expires_at", "confirmed_at" = NULL, "consumed_at" = NULL"#,
        vec![
            subject.factor.as_str().into(),
            subject.purpose.into(),
            sent.user.as_str().into(),
            sent.code_mac.into(),
            sent.link.map(TokenHash::encoded).into(),
            millis(sent.created_at).into(),
            millis(sent.expires_at).into(),
        ],
    )
}

/// Charges an answer to a challenge that was sent; lost when there is none that lives, or none is left.
pub fn claim_try(subject: Subject<'_>, limit: u32, now: OffsetDateTime) -> Change {
    Change::new(
        r#"UPDATE "factor_challenge" SET "tries" = "tries" + 1
           WHERE "factor_id" = $1 AND "purpose" = $2 AND "consumed_at" IS NULL AND "expires_at" > $3
             AND "tries" < $4"#,
        vec![
            subject.factor.as_str().into(),
            subject.purpose.into(),
            millis(now).into(),
            i64::from(limit).into(),
        ],
    )
}

/// Charges an answer where nothing is sent, and the purpose itself is the challenge; lost when none is left.
pub fn claim_unsent_try(
    (user, subject): (&UserId, Subject<'_>),
    limit: u32,
    (now, expires_at): (OffsetDateTime, OffsetDateTime),
) -> Change {
    Change::new(
        r#"INSERT INTO "factor_challenge"
             ("factor_id", "purpose", "user_id", "tries", "created_at", "expires_at")
           VALUES ($1, $2, $3, 1, $4, $5)
           ON CONFLICT ("factor_id", "purpose") DO UPDATE SET
             "tries" = CASE WHEN "factor_challenge"."expires_at" <= $4 THEN 1
                            ELSE "factor_challenge"."tries" + 1 END,
             "expires_at" = excluded."expires_at"
           WHERE "factor_challenge"."expires_at" <= $4 OR "factor_challenge"."tries" < $6"#,
        vec![
            subject.factor.as_str().into(),
            subject.purpose.into(),
            user.as_str().into(),
            millis(now).into(),
            millis(expires_at).into(),
            i64::from(limit).into(),
        ],
    )
}

/// Whether a code is the one that was sent and still counts. Says nothing about who else asks at the same moment.
///
/// # Errors
/// The database failed.
pub async fn find_mac(
    db: &Database,
    subject: Subject<'_>,
    now: OffsetDateTime,
) -> Result<Option<String>, Fault> {
    let row = live(subject, now).one(db.reader()).await?;
    Ok(row.and_then(|row| row.code_mac))
}

/// Whether the link of a challenge was confirmed, and the challenge is still to be answered.
///
/// # Errors
/// The database failed.
pub async fn is_confirmed(db: &Database, subject: Subject<'_>, now: OffsetDateTime) -> Result<bool, Fault> {
    let row = live(subject, now).filter(factor_challenge::Column::ConfirmedAt.is_not_null());
    Ok(row.one(db.reader()).await?.is_some())
}

fn live(subject: Subject<'_>, now: OffsetDateTime) -> sea_orm::Select<factor_challenge::Entity> {
    factor_challenge::Entity::find_by_id((subject.factor.to_string(), subject.purpose.to_owned()))
        .filter(factor_challenge::Column::ConsumedAt.is_null())
        .filter(factor_challenge::Column::ExpiresAt.gt(millis(now)))
}

/// What a link belongs to.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Linked {
    /// The user.
    pub user_id: UserId,
    /// The factor.
    pub factor_id: FactorId,
    /// What it counts for.
    pub purpose: String,
}

/// Finds what a link that still counts belongs to.
///
/// # Errors
/// The database failed.
pub async fn find_link(
    db: &Database,
    link: &TokenHash,
    now: OffsetDateTime,
) -> Result<Option<Linked>, Fault> {
    let row = factor_challenge::Entity::find()
        .filter(factor_challenge::Column::LinkHash.eq(link.encoded()))
        .filter(factor_challenge::Column::ConfirmedAt.is_null())
        .filter(factor_challenge::Column::ConsumedAt.is_null())
        .filter(factor_challenge::Column::ExpiresAt.gt(millis(now)))
        .one(db.reader())
        .await?;
    Ok(row.map(|row| Linked {
        user_id: UserId::new(row.user_id),
        factor_id: FactorId::new(row.factor_id),
        purpose: row.purpose,
    }))
}

/// Confirms a link, once; lost when it was confirmed, its code was used, or it has expired.
pub fn claim_confirm(link: &TokenHash, now: OffsetDateTime) -> Change {
    Change::new(
        r#"UPDATE "factor_challenge" SET "confirmed_at" = $2
           WHERE "link_hash" = $1 AND "confirmed_at" IS NULL AND "consumed_at" IS NULL AND "expires_at" > $2"#,
        vec![link.encoded().into(), millis(now).into()],
    )
}

/// Uses a code up; lost when it is not the one that was sent last, was used, or has expired.
pub fn claim_consume(subject: Subject<'_>, code_mac: &str, now: OffsetDateTime) -> Change {
    Change::new(
        r#"UPDATE "factor_challenge" SET "consumed_at" = $3
           WHERE "factor_id" = $1 AND "purpose" = $2 AND "code_mac" = $4 AND "consumed_at" IS NULL
             AND "expires_at" > $3"#,
        vec![subject.factor.as_str().into(), subject.purpose.into(), millis(now).into(), code_mac.into()],
    )
}

/// Uses a confirmed link up; lost when it is not confirmed, was used, or has expired.
pub fn claim_consume_link(subject: Subject<'_>, now: OffsetDateTime) -> Change {
    Change::new(
        r#"UPDATE "factor_challenge" SET "consumed_at" = $3
           WHERE "factor_id" = $1 AND "purpose" = $2 AND "confirmed_at" IS NOT NULL AND "consumed_at" IS NULL
             AND "expires_at" > $3"#,
        vec![subject.factor.as_str().into(), subject.purpose.into(), millis(now).into()],
    )
}

/// Forgets the challenges of a factor.
pub fn remove(factor: &FactorId) -> Change {
    Change::new(r#"DELETE FROM "factor_challenge" WHERE "factor_id" = $1"#, vec![factor.as_str().into()])
}

/// Forgets the challenges of all factors of a user.
pub fn remove_all(user: &UserId) -> Change {
    Change::new(r#"DELETE FROM "factor_challenge" WHERE "user_id" = $1"#, vec![user.as_str().into()])
}
