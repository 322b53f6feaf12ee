//! How much of anything a caller may do. Pure decisions: the counters themselves live in `cache` and `store`.

pub mod answer;
pub mod lockout;
pub mod rate;
