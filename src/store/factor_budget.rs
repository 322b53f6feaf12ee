//! Durable counters of what is sent and tried around factors. Each begins with its first use and ends with its time.

use entity::factor_budget;
use sea_orm::EntityTrait;
use time::{Duration, OffsetDateTime};

use super::{Database, instant, millis, unit::Change};
use crate::fault::Fault;

/// How much there is of something.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Budget {
    /// Uses within the time.
    pub limit: u32,
    /// The time, from the first use on.
    pub window: Duration,
    /// The least time between two uses.
    pub gap: Duration,
}

/// What was used of a budget.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Used {
    /// How often, within the time.
    pub used: u32,
    /// The last time.
    pub last_used_at: OffsetDateTime,
    /// When the time is over.
    pub expires_at: OffsetDateTime,
}

/// Finds what was used of a budget whose time is not over.
///
/// # Errors
/// The database failed.
pub async fn find(db: &Database, key: &str, now: OffsetDateTime) -> Result<Option<Used>, Fault> {
    let row = factor_budget::Entity::find_by_id(key).one(db.reader()).await?;
    row.filter(|row| row.expires_at > millis(now))
        .map(|row| {
            Ok(Used {
                used: u32::try_from(row.used).map_err(Fault::stored)?,
                last_used_at: instant(row.last_used_at)?,
                expires_at: instant(row.expires_at)?,
            })
        })
        .transpose()
}

/// Uses a budget; lost when nothing is left of it, or the last use is too short ago.
pub fn claim(key: &str, budget: &Budget, now: OffsetDateTime) -> Change {
    Change::new(
        r#"INSERT INTO "factor_budget" ("key", "used", "last_used_at", "expires_at") VALUES ($1, 1, $2, $3)
           ON CONFLICT ("key") DO UPDATE SET
             "used" = CASE WHEN "factor_budget"."expires_at" <= $2 THEN 1 ELSE "factor_budget"."used" + 1 END,
             "last_used_at" = $2,
             "expires_at" = CASE WHEN "factor_budget"."expires_at" <= $2 THEN $3
                                 ELSE "factor_budget"."expires_at" END
           WHERE ("factor_budget"."expires_at" <= $2 OR "factor_budget"."used" < $4)
             AND "factor_budget"."last_used_at" <= $5"#,
        vec![
            key.into(),
            millis(now).into(),
            millis(now + budget.window).into(),
            i64::from(budget.limit).into(),
            millis(now - budget.gap).into(),
        ],
    )
}

/// Gives one use back. The gap stays.
pub fn refund(key: &str) -> Change {
    Change::new(
        r#"UPDATE "factor_budget" SET "used" = "used" - 1 WHERE "key" = $1 AND "used" > 0"#,
        vec![key.into()],
    )
}

/// Forgets what was used.
pub fn forget(key: &str) -> Change {
    Change::new(r#"DELETE FROM "factor_budget" WHERE "key" = $1"#, vec![key.into()])
}
