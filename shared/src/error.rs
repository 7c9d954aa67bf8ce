//! What went wrong, in two texts: one for the person at the pipeline, one for the log.

use std::fmt;

/// CodePipeline's failure types: what the person who reads the failure has to do next
/// (CONTRACTS 3.2.7).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum FailureKind {
    /// The rollout itself failed; look at the cause.
    JobFailed,
    /// Something written down is wrong; correct it and retry.
    ConfigurationError,
    /// A policy has to change.
    PermissionError,
    /// Something else changed the target meanwhile.
    RevisionOutOfSync,
    /// An artifact, image or definition that should be there is not.
    RevisionUnavailable,
    /// AWS did not answer as it should; retrying may help.
    SystemUnavailable,
}

impl FailureKind {
    /// The name that `PutJobFailureResult` takes.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::JobFailed => "JobFailed",
            Self::ConfigurationError => "ConfigurationError",
            Self::PermissionError => "PermissionError",
            Self::RevisionOutOfSync => "RevisionOutOfSync",
            Self::RevisionUnavailable => "RevisionUnavailable",
            Self::SystemUnavailable => "SystemUnavailable",
        }
    }
}

/// A failed job. `message` is for people (what, where, first cause, what to do next), `detail` is
/// the chain of errors beneath it, for the log. Neither ever holds a credential.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Failure {
    /// What the reader has to do next.
    pub kind: FailureKind,
    /// For the person at the pipeline.
    pub message: String,
    /// For the log; empty when the message says it all.
    pub detail: String,
}

impl Failure {
    /// A failure whose message says it all.
    pub fn new(kind: FailureKind, message: impl Into<String>) -> Self {
        Self {
            kind,
            message: message.into(),
            detail: String::new(),
        }
    }

    /// Something written down is wrong.
    pub fn configuration(message: impl Into<String>) -> Self {
        Self::new(FailureKind::ConfigurationError, message)
    }

    /// Several things written down are wrong; all of them are listed.
    pub fn findings(heading: impl fmt::Display, findings: &[String]) -> Self {
        let mut message = format!("{heading}:");
        for finding in findings {
            message.push_str("\n- ");
            message.push_str(finding);
        }
        Self::configuration(message)
    }

    /// The same failure with a text for the log.
    #[must_use]
    pub fn with_detail(mut self, detail: impl Into<String>) -> Self {
        self.detail = detail.into();
        self
    }
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.kind.as_str(), self.message)
    }
}

impl std::error::Error for Failure {}
