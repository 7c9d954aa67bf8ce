//! The page shows every difference that the rollout then makes, and none that it does not: releases of
//! all kinds are generated, previewed, and then rolled out from the same artifact. What a rollout
//! changed is read from AWS, and told apart by this test itself.
//!
//! The releases are the same ones in each run; more of them come by `REDBUTTON_CASES=40 cargo test -p
//! tests generated:: -- --show-output`, which lists them, too.

mod images;
mod oracle;
mod refusals;
mod rows;

mod services;
mod stacks;

use proptest::strategy::{Strategy, ValueTree};
use proptest::test_runner::{Config, RngAlgorithm, TestRng, TestRunner};

/// The first values of a strategy; as many, or as the environment says.
fn generated<S: Strategy>(strategy: &S, few: usize) -> Vec<S::Value> {
    let number = std::env::var("REDBUTTON_CASES").ok();
    let number = number.map_or(few, |number| number.parse().unwrap());
    let seed = TestRng::deterministic_rng(RngAlgorithm::ChaCha);
    let mut runner = TestRunner::new_with_rng(Config::default(), seed);
    let each = (0..number).map(|_| strategy.new_tree(&mut runner).unwrap().current());
    each.collect()
}
