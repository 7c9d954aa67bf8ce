//! Who owns a target: `locks/<target>.json` in the bucket of state, written where there is none, and
//! changed only as it was last read (CONTRACTS 3.9.4).

use serde::{Deserialize, Serialize};

use super::Order;

/// The folder of all locks.
pub const FOLDER: &str = "locks/";
/// The folder of those who wait for a target.
pub const QUEUE: &str = "queue/";

/// A lock.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Lock {
    /// 1.
    pub version: u32,
    /// The record that it belongs to, by its id.
    pub owner: String,
    /// The Step Functions execution at work, by ARN.
    pub execution: String,
    /// `<pipeline>/<execution>`.
    pub release: String,
    /// Since when, seconds since the epoch.
    pub since: u64,
}

/// The key of a target's lock.
pub fn key(target: &str) -> String {
    format!("{FOLDER}{target}.json")
}

/// The folder of those who wait for a target.
pub fn queue(target: &str) -> String {
    format!("{QUEUE}{target}/")
}

/// The key of one who waits: keys sort as releases do, by time. The owner's id makes it one of its own.
pub fn place(target: &str, order: &Order, owner: &str) -> String {
    format!("{}{:012}-{owner}.json", queue(target), order.at)
}

/// Who waits, as [`place`] says: since when they count, and the owner.
pub fn waiting<'a>(target: &str, key: &'a str) -> Option<(u64, &'a str)> {
    let name = key.strip_prefix(&queue(target))?.strip_suffix(".json")?;
    let (at, owner) = name.split_once('-')?;
    Some((at.parse().ok()?, owner))
}

/// What somebody who wants a target finds.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Found {
    /// Nobody has it.
    Free,
    /// It is our own.
    Ours,
    /// Somebody has it: the release that is at work.
    Taken(String),
}

/// Reads a lock, for the record `owner`.
pub fn found(bytes: Option<&[u8]>, owner: &str) -> Result<Found, String> {
    let Some(bytes) = bytes else {
        return Ok(Found::Free);
    };
    let lock: Lock =
        serde_json::from_slice(bytes).map_err(|error| format!("is no lock ({error})"))?;
    Ok(match lock.owner == owner {
        true => Found::Ours,
        false => Found::Taken(lock.release),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_lock_is_free_ours_or_taken() {
        let lock = Lock {
            version: 1,
            owner: "a".into(),
            execution: "arn".into(),
            release: "orders/1".into(),
            since: 5,
        };
        let bytes = serde_json::to_vec(&lock).unwrap();
        assert_eq!(found(None, "a"), Ok(Found::Free));
        assert_eq!(found(Some(&bytes), "a"), Ok(Found::Ours));
        assert_eq!(
            found(Some(&bytes), "b"),
            Ok(Found::Taken("orders/1".into()))
        );
        assert!(found(Some(b"{}"), "a").is_err());
    }

    #[test]
    fn a_queues_keys_sort_by_time() {
        let order = |at| Order {
            at,
            release: "orders/1".into(),
        };
        let (early, late) = (place("t", &order(9), "z"), place("t", &order(10), "a"));
        assert!(early < late);
        assert_eq!(waiting("t", &late), Some((10, "a")));
        assert_eq!(waiting("u", &late), None);
    }
}
