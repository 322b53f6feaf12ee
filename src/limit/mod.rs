//! Budgets: how much a caller may ask for. Pure decisions; the counters live in [`crate::cache`], the
//! lockout state in the store. It never counts anything itself.

pub mod rate;
