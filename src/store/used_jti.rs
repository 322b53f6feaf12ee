//! One-time assertions and proofs: used once, on any node, across restarts.

use time::OffsetDateTime;

use super::{millis, unit::Change};
use crate::secret::TokenHash;

/// Uses an identifier; lost when it was used before.
pub fn claim(key: &TokenHash, forget_at: OffsetDateTime) -> Change {
    Change::new(
        r#"INSERT INTO "used_jti" ("key", "expires_at") VALUES ($1, $2) ON CONFLICT DO NOTHING"#,
        vec![key.encoded().into(), millis(forget_at).into()],
    )
}
