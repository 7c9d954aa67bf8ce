//! Everything that speaks against a rollout, told at once.

use shared::error::{Failure, FailureKind};
use shared::rollout::report;
use shared::rollout::seen::Service;

use super::Work;
use super::sight::MISSING;

/// What was found so far; nothing is changed while there is anything.
pub(super) struct Findings {
    places: Vec<String>,
    found: Vec<String>,
    /// Of calls that failed: if nothing else speaks against the rollout, it is of their kind.
    failed: Vec<FailureKind>,
}

impl Findings {
    pub(super) fn new(work: &Work<'_>) -> Self {
        Self {
            places: work
                .ends
                .iter()
                .map(|end| report::place(end.placed()))
                .collect(),
            found: Vec::new(),
            failed: Vec::new(),
        }
    }

    /// A call that failed, for a target or for all.
    pub(super) fn failed(&mut self, n: Option<usize>, failure: Option<Failure>) {
        let Some(failure) = failure else {
            return;
        };
        self.failed.push(failure.kind);
        match n {
            Some(n) => self.add(n, vec![failure.message]),
            None => self.general(vec![failure.message]),
        }
    }

    /// Findings about one target; with several targets each says about which.
    pub(super) fn add(&mut self, n: usize, findings: Vec<String>) {
        for finding in findings {
            self.found
                .push(match (self.places.len(), self.places.get(n)) {
                    (2.., Some(place)) => format!("{place}: {finding}"),
                    _ => finding,
                });
        }
    }

    pub(super) fn general(&mut self, findings: Vec<String>) {
        self.found.extend(findings);
    }

    pub(super) fn done(&self) -> Result<(), Failure> {
        if self.found.is_empty() {
            return Ok(());
        }
        let heading = match self.places.as_slice() {
            [only] => format!("nothing was changed; {only}"),
            _ => "nothing was changed".to_owned(),
        };
        let mut failure = Failure::findings(heading, &self.found);
        if let Some(kind) = self
            .failed
            .first()
            .filter(|_| self.failed.len() == self.found.len())
        {
            failure.kind = *kind;
        }
        Err(failure)
    }

    /// Without a service there is nothing more to be found out about it.
    pub(super) fn stop_at_missing(
        &self,
        work: &Work<'_>,
        services: &[&Service],
    ) -> Result<(), Failure> {
        let mut each = work.ends.iter().zip(services);
        let missing = each.any(|(end, service)| {
            end.target.stack().is_none()
                && (service.status == MISSING || service.primary().is_none())
        });
        if missing { self.done() } else { Ok(()) }
    }
}
