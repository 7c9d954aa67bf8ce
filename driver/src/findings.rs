//! Everything that speaks against a rollout, told at once.

use shared::error::{Failure, FailureKind};
use shared::rollout::report;

use crate::Work;

/// What was found so far; nothing is changed while there is anything.
pub struct Findings {
    places: Vec<String>,
    found: Vec<Found>,
    /// What could not be shown, each with its target's place: it speaks against nothing.
    unseen: Vec<(usize, String)>,
}

/// Something that speaks against a rollout.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Found {
    /// The place of the target that it is about, if it is about one.
    pub n: Option<usize>,
    /// In words.
    pub text: String,
    /// Of a call that failed: if nothing else speaks against the rollout, it is of this kind.
    pub failed: Option<FailureKind>,
    /// Whether the call only looks: what it would have shown may be well.
    pub looks: bool,
}

impl Findings {
    /// None yet.
    pub fn new(work: &Work<'_>) -> Self {
        Self {
            places: work.placed().into_iter().map(report::place).collect(),
            found: Vec::new(),
            unseen: Vec::new(),
        }
    }

    /// A call that failed, for a target or for all, and without which there is no release.
    pub fn failed(&mut self, n: Option<usize>, failure: Failure) {
        self.found.push(Found {
            n,
            text: failure.message,
            failed: Some(failure.kind),
            looks: false,
        });
    }

    /// A call that failed and that only looks.
    pub fn unlooked(&mut self, n: Option<usize>, failure: Failure) {
        self.failed(n, failure);
        if let Some(last) = self.found.last_mut() {
            last.looks = true;
        }
    }

    /// Findings about one target.
    pub fn add(&mut self, n: usize, findings: Vec<String>) {
        self.found
            .extend(findings.into_iter().map(|text| found(Some(n), text)));
    }

    /// Findings about the rollout as a whole.
    pub fn general(&mut self, findings: Vec<String>) {
        self.found
            .extend(findings.into_iter().map(|text| found(None, text)));
    }

    /// What cannot be shown about a target, and why.
    pub fn unseen(&mut self, n: usize, text: String) {
        self.unseen.push((n, text));
    }

    /// What could not be shown, each with the place of the target that it is about.
    pub fn all_unseen(&self) -> &[(usize, String)] {
        &self.unseen
    }

    /// What was found.
    pub fn all(&self) -> &[Found] {
        &self.found
    }

    /// The first call that AWS did not answer: what it would have said is not known.
    pub fn unanswered(&self) -> Option<Failure> {
        let mut each = self.found.iter();
        let found = each.find(|found| found.failed == Some(FailureKind::SystemUnavailable))?;
        Some(Failure::new(
            FailureKind::SystemUnavailable,
            found.text.clone(),
        ))
    }

    /// What a failure that ends the checking is told as: by what was found before, if anything was.
    pub fn before(&self, failure: Failure) -> Failure {
        self.done().err().unwrap_or(failure)
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
        let each = self.found.iter().map(|found| {
            let place = found.n.and_then(|n| self.places.get(n));
            match place.filter(|_| several) {
                Some(place) => format!("{place}: {}", found.text),
                None => found.text.clone(),
            }
        });
        let mut failure = Failure::findings(heading, &each.collect::<Vec<_>>());
        let kinds: Option<Vec<FailureKind>> = self.found.iter().map(|found| found.failed).collect();
        if let Some(kind) = kinds.and_then(|kinds| kinds.first().copied()) {
            failure.kind = kind;
        }
        Err(failure)
    }
}

fn found(n: Option<usize>, text: String) -> Found {
    Found {
        n,
        text,
        failed: None,
        looks: false,
    }
}
