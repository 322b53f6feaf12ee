//! How much recovery may be used within a window of time: durable, since each unit is a message that costs money or a
//! guess.

use time::{Duration, OffsetDateTime};

use super::{millis, unit::Change};

/// Uses one of `limit` within `window`, which begins with the first use after the last one's end; lost when all are used.
pub fn claim(subject: &str, limit: u32, window: Duration, now: OffsetDateTime) -> Change {
    Change::new(
        r#"INSERT INTO "recovery_budget" ("subject", "used", "expires_at") VALUES ($1, 1, $2)
           ON CONFLICT ("subject") DO UPDATE SET
             "used" = CASE WHEN "recovery_budget"."expires_at" <= $3 THEN 1 ELSE "recovery_budget"."used" + 1 END,
             "expires_at" = CASE WHEN "recovery_budget"."expires_at" <= $3 THEN excluded."expires_at"
               ELSE "recovery_budget"."expires_at" END
           WHERE "recovery_budget"."expires_at" <= $3 OR "recovery_budget"."used" < $4"#,
        vec![
            subject.into(),
            millis(now.saturating_add(window)).into(),
            millis(now).into(),
            i64::from(limit).into(),
        ],
    )
}

/// Gives all of it back.
pub fn clear(subject: &str) -> Change {
    Change::new(r#"DELETE FROM "recovery_budget" WHERE "subject" = $1"#, vec![subject.into()])
}
