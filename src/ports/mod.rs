//! The outside world behind traits: clock, randomness, outbound fetches. Each file holds the trait, the
//! real implementation and, with `test-support`, the fake. Nothing here knows what it is used for.

pub mod clock;
pub mod fetch;
pub mod random;

mod trust;
