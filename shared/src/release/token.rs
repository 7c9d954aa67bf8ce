//! What the copier remembers between two jobs: what was copied, or that it only follows.
//! `rc1.<checksum>.<compact JSON>`, as the token of a rollout.

use serde::{Deserialize, Serialize};

use crate::error::Failure;
use crate::job::answer::TOKEN_LIMIT;
use crate::job::sealed::{Unreadable, seal, unseal};

const VERSION: &str = "rc1";

/// Where a copy is.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct State {
    /// Binds it to an execution and a destination.
    #[serde(rename = "b")]
    pub binding: String,
    /// When it began, seconds since the epoch.
    #[serde(rename = "s")]
    pub started: u64,
    /// What was copied whole, by its place in the plan.
    #[serde(rename = "c", default, skip_serializing_if = "Vec::is_empty")]
    pub copied: Vec<(usize, Copied)>,
    /// Hexadecimal sha256 of the envelope, once the release is there.
    #[serde(rename = "r", default, skip_serializing_if = "Option::is_none")]
    pub released: Option<String>,
    /// When that was, seconds since the epoch.
    #[serde(rename = "d", default, skip_serializing_if = "Option::is_none")]
    pub delivered: Option<u64>,
}

/// An object that was copied, as it was seen in passing.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Copied {
    /// Hexadecimal sha256 of all of it.
    #[serde(rename = "h")]
    pub sha256: String,
    /// Bytes.
    #[serde(rename = "n")]
    pub size: u64,
    /// The version that S3 gave it.
    #[serde(rename = "v")]
    pub version: String,
    /// The entity tag that S3 gave it.
    #[serde(rename = "e")]
    pub etag: String,
}

/// The token of a state. Of many copied objects the largest are remembered, as many as fit: the
/// others are compared again, which takes no time.
pub fn encode(state: &State) -> String {
    let mut state = state.clone();
    state
        .copied
        .sort_by_key(|(_, copied)| std::cmp::Reverse(copied.size));
    loop {
        // Plain structs of texts and numbers always serialise.
        let token = seal(VERSION, &serde_json::to_string(&state).unwrap_or_default());
        if token.len() <= TOKEN_LIMIT || state.copied.pop().is_none() {
            return token;
        }
    }
}

/// The state in a token, of this binding and no other.
pub fn decode(token: &str, binding: &str) -> Result<State, Failure> {
    let foreign = |why: &str| {
        Failure::configuration(format!(
            "the continuation token {why}. What was delivered stays as it is; retry the stage: what is \
             there already is found, and compared"
        ))
    };
    let json = unseal(&[VERSION], token).map_err(|why| {
        foreign(match why {
            Unreadable::Newer => {
                "was made by another version of redbutton, which this one cannot read"
            }
            Unreadable::Foreign => "is none of this function's",
            Unreadable::Damaged => "is damaged",
        })
    })?;
    let state: State = serde_json::from_str(json).map_err(|_| foreign("is damaged"))?;
    if state.binding != binding {
        return Err(foreign("belongs to another execution or destination"));
    }
    Ok(state)
}

#[cfg(test)]
mod tests;
