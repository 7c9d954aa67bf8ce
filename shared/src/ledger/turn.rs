//! Whose turn it is: of those who want a target the newest, and nobody who is older than what was
//! deployed already.

use super::lock;
use super::{Entry, Order};
use crate::production::gate::older;

/// One who waits for a target.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Waiting {
    /// Since when it counts, seconds since the epoch.
    pub at: u64,
    /// Its release; of two of one second the names decide.
    pub release: String,
    /// Its record; of two of one release the ids decide.
    pub owner: String,
}

impl Waiting {
    /// One who counts from this order.
    pub fn new(order: &Order, owner: &str) -> Self {
        Self {
            at: order.at,
            release: order.release.clone(),
            owner: owner.to_owned(),
        }
    }

    /// What stands in the queue of a target: a key, and the release as content.
    pub fn read(target: &str, key: &str, content: &[u8]) -> Option<Self> {
        let (at, owner) = lock::waiting(target, key)?;
        Some(Self {
            at,
            release: String::from_utf8_lossy(content).into_owned(),
            owner: owner.to_owned(),
        })
    }
}

/// Why somebody gives way, by what its targets' ledgers end with, and by who else waits for them; none
/// when it is its turn.
pub fn gives_way(
    ours: &Waiting,
    heads: &[Entry],
    queues: &[(String, Vec<Waiting>)],
) -> Option<Vec<String>> {
    let order = Order {
        at: ours.at,
        release: ours.release.clone(),
    };
    let mut reasons = older(&order, heads);
    for (target, queue) in queues {
        let newer = queue.iter().find(|other| *other > ours);
        reasons
            .extend(newer.map(|other| {
                format!("release {} waits for {target}, and is newer", other.release)
            }));
    }
    (!reasons.is_empty()).then_some(reasons)
}

#[cfg(test)]
mod tests;
