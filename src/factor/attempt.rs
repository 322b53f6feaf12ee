//! How often anything about factors may be tried and sent. Password failures and factor failures count apart, and so do
//! the failures of two factors: a success of one never resets another (security rule N3).

use time::Duration;

use crate::{
    model::factor::FactorKind,
    store::{factor::AttemptLimits, factor_budget::Budget},
};

/// Answers that one challenge takes.
pub const ANSWERS_PER_CHALLENGE: u32 = 5;

/// Wrong answers that a factor takes: beyond the hour's it is locked until the hour is over, beyond all of them it is
/// suspended until an administrator helps.
pub const LIMITS: AttemptLimits = AttemptLimits { per_hour: 10, in_all: 50 };

/// Activations that one user may try, over all factors (Okta: 5 in 5 minutes).
pub const ACTIVATIONS: Budget = Budget { limit: 5, window: Duration::minutes(5), gap: Duration::ZERO };

/// Recovery and bypass codes that may be tried for one user.
pub const BACKUP_CODES: Budget = Budget { limit: 10, window: Duration::hours(1), gap: Duration::ZERO };

/// How long answers are counted of a challenge for which nothing is sent.
pub const UNSENT_CHALLENGE: Duration = Duration::hours(1);

/// Messages to one destination that nobody answered. Okta's gaps: 30 s for text messages and calls, 5 s for mails.
pub fn per_destination(kind: FactorKind) -> Budget {
    let gap = if kind == FactorKind::Email { Duration::seconds(5) } else { Duration::seconds(30) };
    Budget { limit: 5, window: Duration::hours(1), gap }
}

/// Messages that people at one address asked for and nobody answered.
pub const PER_ADDRESS: Budget = Budget { limit: 5, window: Duration::hours(1), gap: Duration::ZERO };

/// Messages to the phones of one country, answered or not: whoever earns by messages to expensive numbers answers them.
pub fn per_country(limit: u32) -> Budget {
    Budget { limit, window: Duration::hours(1), gap: Duration::ZERO }
}
