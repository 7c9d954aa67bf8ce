//! Everything that speaks against a rollout, told at once.

use shared::error::{Failure, FailureKind};
use shared::rollout::report;

use crate::Work;

/// What was found so far; nothing is changed while there is anything.
pub struct Findings {
    places: Vec<String>,
    /// Each with the place of the target that it is about, if it is about one.
    found: Vec<(Option<usize>, String)>,
    /// What could not be shown, likewise: it speaks against nothing.
    unseen: Vec<(Option<usize>, String)>,
    /// Of calls that failed: if nothing else speaks against the rollout, it is of their kind.
    failed: Vec<FailureKind>,
}

impl Findings {
    /// None yet.
    pub fn new(work: &Work<'_>) -> Self {
        Self {
            places: work.placed().into_iter().map(report::place).collect(),
            found: Vec::new(),
            unseen: Vec::new(),
            failed: Vec::new(),
        }
    }

    /// A call that failed, for a target or for all.
    pub fn failed(&mut self, n: Option<usize>, failure: Option<Failure>) {
        let Some(failure) = failure else {
            return;
        };
        self.failed.push(failure.kind);
        self.found.push((n, failure.message));
    }

    /// Findings about one target.
    pub fn add(&mut self, n: usize, findings: Vec<String>) {
        self.found
            .extend(findings.into_iter().map(|finding| (Some(n), finding)));
    }

    /// Findings about the rollout as a whole.
    pub fn general(&mut self, findings: Vec<String>) {
        self.found
            .extend(findings.into_iter().map(|finding| (None, finding)));
    }

    /// What cannot be shown about a target, and why.
    pub fn unseen(&mut self, n: usize, text: String) {
        self.unseen.push((Some(n), text));
    }

    /// What could not be shown, each with the place of the target that it is about.
    pub fn all_unseen(&self) -> &[(Option<usize>, String)] {
        &self.unseen
    }

    /// What was found, each with the place of the target that it is about, if it is about one.
    pub fn all(&self) -> &[(Option<usize>, String)] {
        &self.found
    }

    /// The failure, if anything speaks against the rollout. With several targets each finding says
    /// about which it is.
    pub fn done(&self) -> Result<(), Failure> {
        if self.found.is_empty() {
            return Ok(());
        }
        let (heading, several) = match self.places.as_slice() {
            [only] => (format!("nothing was changed; {only}"), false),
            _ => ("nothing was changed".to_owned(), true),
        };
        let each = self.found.iter().map(|(n, finding)| {
            match n.and_then(|n| self.places.get(n)).filter(|_| several) {
                Some(place) => format!("{place}: {finding}"),
                None => finding.clone(),
            }
        });
        let mut failure = Failure::findings(heading, &each.collect::<Vec<_>>());
        if let Some(kind) = self
            .failed
            .first()
            .filter(|_| self.failed.len() == self.found.len())
        {
            failure.kind = *kind;
        }
        Err(failure)
    }
}
