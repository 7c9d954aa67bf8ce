//! What became of an execution.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;
use std::time::Duration;

use serde::Serialize;

use super::audience::Problem;

/// How an execution, a stage or an action is, or ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
pub enum Status {
    /// It has not ended.
    InProgress,
    /// All went well.
    Succeeded,
    /// An action failed.
    Failed,
    /// A person stopped it.
    Stopped,
    /// A newer execution took its place while it waited.
    Superseded,
}

impl Status {
    /// As the API spells it.
    pub fn name(self) -> &'static str {
        match self {
            Self::InProgress => "InProgress",
            Self::Succeeded => "Succeeded",
            Self::Failed => "Failed",
            Self::Stopped => "Stopped",
            Self::Superseded => "Superseded",
        }
    }
}

impl fmt::Display for Status {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

/// An execution, with all that was said on the way.
#[derive(Clone, Debug, PartialEq)]
pub struct Execution {
    /// Its id, kept through retries.
    pub id: String,
    /// How it is.
    pub status: Status,
    /// The stages that it entered, in their order.
    pub stages: Vec<StageRun>,
}

impl Execution {
    /// The last run of an action.
    pub fn action(&self, stage: &str, action: &str) -> Option<&ActionRun> {
        let stage = self.stages.iter().find(|run| run.name == stage)?;
        stage.actions.iter().rev().find(|run| run.name == action)
    }
}

/// A stage of an execution.
#[derive(Clone, Debug, PartialEq)]
pub struct StageRun {
    /// Its name.
    pub name: String,
    /// How it is.
    pub status: Status,
    /// How often it was entered: once and each retry.
    pub attempts: u32,
    /// Its actions in the order of their starts, one of each attempt.
    pub actions: Vec<ActionRun>,
}

impl StageRun {
    /// The actions whose last run succeeded.
    pub(super) fn succeeded(&self) -> BTreeSet<String> {
        let mut succeeded = BTreeSet::new();
        for action in &self.actions {
            if action.status == Status::Succeeded {
                succeeded.insert(action.name.clone());
            } else {
                succeeded.remove(&action.name);
            }
        }
        succeeded
    }
}

/// An action of an execution.
#[derive(Clone, Debug, PartialEq)]
pub struct ActionRun {
    /// Its name.
    pub name: String,
    /// Such as `Invoke`.
    pub category: String,
    /// Such as `Lambda`.
    pub provider: String,
    /// How it is.
    pub status: Status,
    /// What it said last.
    pub summary: Option<String>,
    /// Why it failed.
    pub error: Option<Problem>,
    /// Its output variables.
    pub variables: BTreeMap<String, String>,
    /// Why it was not run.
    pub not_run: Option<String>,
    /// How long it took.
    pub duration: Duration,
}
