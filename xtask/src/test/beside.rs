//! Steps that need the processor and nothing else, done while the others wait for AWS.

use std::sync::Arc;
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};

use anyhow::{Result, anyhow};
use rehearsal::Progress;

use super::step::Tally;

/// As polite as a process can be: what runs in front gets the processor whenever it wants it.
const POLITE: i32 = 19;

/// A step's work.
pub(super) type Work = fn(&Progress) -> Result<Tally>;

/// Steps under way, one after another.
pub(super) struct Beside(JoinHandle<Vec<Done>>);

/// What came of a step, and how long it took.
pub(super) struct Done {
    pub(super) tally: Result<Tally>,
    pub(super) took: Duration,
}

impl Beside {
    /// Begins the first; each begins when the one before it has ended.
    pub(super) fn begin(steps: Vec<Work>) -> Self {
        Self(thread::spawn(move || {
            // Of this thread, and of every program that it starts.
            let _ = rustix::process::nice(POLITE);
            let silent: Progress = Arc::new(|_: &str| {});
            let one = |work: Work| {
                let began = Instant::now();
                let tally = work(&silent);
                Done {
                    tally,
                    took: began.elapsed(),
                }
            };
            steps.into_iter().map(one).collect()
        }))
    }

    /// Waits for all of them; in their order.
    pub(super) fn end(self) -> Result<Vec<Done>> {
        let ended = self.0.join();
        ended.map_err(|_| anyhow!("a step beside the others ended in a panic"))
    }
}
