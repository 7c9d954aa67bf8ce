//! Who watches a run and decides its approvals, and what there is to hear.

use std::collections::BTreeMap;

use serde::Serialize;

use super::execution::Status;

/// Who watches and decides. Called from the run's threads, several at once.
pub trait Audience: Send + Sync {
    /// Hears what happened. Events of one action come in their order.
    fn hear(&self, event: &Event);

    /// Decides a manual approval; blocks until it is decided. When the execution is stopped
    /// meanwhile, nobody waits for the answer any more.
    fn decide(&self, approval: &Approval) -> Decision;
}

/// A manual approval that waits.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Approval {
    /// The execution's id.
    pub execution: String,
    /// The pipeline's name.
    pub pipeline: String,
    /// The stage's name.
    pub stage: String,
    /// The action's name.
    pub action: String,
    /// `CustomData` with its variables replaced: what the approver reads.
    pub custom_data: Option<String>,
    /// `ExternalEntityLink` with its variables replaced: what the approver reviews.
    pub link: Option<String>,
    /// `NotificationArn`.
    pub topic: Option<String>,
    /// What `GetPipelineState` gives for `PutApprovalResult`.
    pub token: String,
}

/// What an approver says.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Decision {
    /// Whether the execution goes on.
    pub approved: bool,
    /// The approver: an ARN, or a name that becomes that of an IAM user.
    pub by: String,
    /// The comment, at most 512 characters.
    pub summary: String,
}

/// Something that happened in an execution.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Event {
    /// The execution's id.
    pub execution: String,
    /// The stage's name, unless it happened to the whole execution.
    pub stage: Option<String>,
    /// The action's name, unless it happened to the whole stage or execution.
    pub action: Option<String>,
    /// What it is.
    #[serde(flatten)]
    pub what: What,
}

/// What happened.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[serde(
    tag = "event",
    rename_all = "camelCase",
    rename_all_fields = "camelCase"
)]
pub enum What {
    /// An execution started.
    ExecutionStarted {
        /// The pipeline's variables.
        variables: BTreeMap<String, String>,
    },
    /// It waits before the stage, which other executions are in or wait for.
    Waits {
        /// The execution in the stage.
        behind: Option<String>,
    },
    /// It waited, and a newer one took its place.
    Superseded {
        /// The newer one.
        by: String,
    },
    /// It entered the stage.
    StageStarted {
        /// From 1; each retry is one more.
        attempt: u32,
    },
    /// An action started.
    ActionStarted {
        /// Such as `Invoke`.
        category: String,
        /// Such as `Lambda`.
        provider: String,
        /// With its variables replaced.
        configuration: BTreeMap<String, String>,
    },
    /// A function is still at work and says how far it is.
    ActionSaid {
        /// `executionDetails.summary`.
        summary: Option<String>,
        /// `executionDetails.percentComplete`.
        percent: Option<u8>,
    },
    /// No function is at work any more, and the action's job has no answer: it will wait until the
    /// function has been silent for too long.
    Unanswered {
        /// In plain sentences, with the log to look into.
        why: String,
    },
    /// A command of a build wrote a line.
    BuildLine {
        /// Without its line end.
        line: String,
    },
    /// The action, or a part of it, is not rehearsed; what is missing counts as done.
    NotRun {
        /// In a plain sentence.
        why: String,
    },
    /// An action ended.
    ActionEnded {
        /// How.
        status: Status,
        /// What it said in the end.
        summary: Option<String>,
        /// Why it failed.
        error: Option<Problem>,
        /// What other actions may refer to.
        variables: BTreeMap<String, String>,
        /// How long it took.
        milliseconds: u64,
    },
    /// The stage's actions ended.
    StageEnded {
        /// How.
        status: Status,
    },
    /// The execution ended; a retry goes on.
    ExecutionEnded {
        /// How.
        status: Status,
    },
}

/// Why an action failed.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Problem {
    /// Such as `JobFailed`, `ConfigurationError`, `PermissionError`.
    pub code: String,
    /// For the person at the pipeline.
    pub message: String,
}
