//! Leases: one node runs a job at a time.

use time::{Duration, OffsetDateTime};

use super::{Database, db::execute, millis};
use crate::fault::Fault;

/// Takes or keeps a lease; says whether this node holds it now.
///
/// # Errors
/// The database failed.
pub async fn acquire(
    db: &Database,
    job: &str,
    holder: &str,
    now: OffsetDateTime,
    lasts: Duration,
) -> Result<bool, Fault> {
    let tx = db.begin_write().await?;
    let changed = execute(
        &tx.0,
        r#"INSERT INTO "lease" ("name", "holder", "expires_at") VALUES ($1, $2, $3)
           ON CONFLICT ("name") DO UPDATE SET "holder" = $2, "expires_at" = $3
           WHERE "lease"."holder" = $2 OR "lease"."expires_at" <= $4"#,
        vec![job.into(), holder.into(), millis(now + lasts).into(), millis(now).into()],
    )
    .await?;
    tx.0.commit().await?;
    Ok(changed == 1)
}
