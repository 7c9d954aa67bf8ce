//! The rollout engine: state and [`watch::advance`]. Pure; the functions carry out what it asks.
//!
//! In reading order: what AWS shows ([`seen`]), how an attempt begins ([`start`]), how it goes on
//! ([`watch`]), why it fails ([`cause`]), and what shows that it succeeded ([`proof`]).

pub mod cause;
pub mod proof;
pub mod report;
pub mod seen;
pub mod start;
pub mod watch;

use watch::Watch;

/// A rollout under way: all that the next invocation needs to know.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct State {
    /// Binds the state to an execution and its targets, see [`binding`].
    pub binding: String,
    /// The id of the job that began the attempt.
    pub attempt: String,
    /// When the attempt began, seconds since the epoch; all deadlines count from here.
    pub started: u64,
    /// One per target, in the rollout file's order; none before the first write.
    pub targets: Vec<Watch>,
}

/// Sixteen hexadecimal digits that stand for an execution and its targets.
pub fn binding(execution: &str, operations: &[String]) -> String {
    use sha2::Digest as _;
    let mut hash = sha2::Sha256::new();
    for part in std::iter::once(execution).chain(operations.iter().map(String::as_str)) {
        hash.update((part.len() as u64).to_be_bytes());
        hash.update(part);
    }
    hex::encode(hash.finalize()).chars().take(16).collect()
}
