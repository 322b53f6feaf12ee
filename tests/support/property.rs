//! Properties over real HTTP: random cases, one after the other, against one application.

use proptest::{
    strategy::Strategy,
    test_runner::{Config, RngSeed, TestRunner},
};
use tokio::{runtime::Handle, task::block_in_place};

/// Tries a property on so many random cases; the smallest case that breaks it is told. Cases share the application, so each
/// brings users of its own.
#[track_caller]
pub(crate) fn for_all<S: Strategy>(cases: u32, strategy: &S, property: impl AsyncFn(S::Value)) {
    // Every step is a request: shrinking may not take longer than the cases did.
    let mut config =
        Config { cases, max_shrink_iters: 2 * cases, failure_persistence: None, ..Config::default() };
    // The same cases every time; `PROPTEST_RNG_SEED` tries others.
    if config.rng_seed == RngSeed::Random {
        config.rng_seed = RngSeed::Fixed(2);
    }
    let outcome = block_in_place(|| {
        TestRunner::new(config).run(strategy, |case| {
            Handle::current().block_on(Box::pin(property(case)));
            Ok(())
        })
    });
    if let Err(error) = outcome {
        panic!("{error}");
    }
}
