//! Throttling and lockout as pure decisions; the counters come from the cache or the store.

pub mod lockout;
