//! A pipeline that runs on this machine: its definition is that of a real template, its functions
//! are the deployed ones, and what AWS would do is done here, given, or named as left out.
//!
//! ```text
//!  Definition ─┐                      ┌─ source      a folder, or the emulator's S3
//!  Inputs ─────┼─► Pipeline ─ start ──┼─ build       a buildspec's commands
//!  Audience ───┘      │               ├─ invoke      a function, by the stand-in's jobs
//!                     │               └─ approval    Audience::decide
//!                     └─► what GetPipelineState, GetPipelineExecution, ListActionExecutions answer
//! ```

mod audience;
mod definition;
mod execution;
mod inputs;
mod template;

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use anyhow::Result;

pub use audience::{Approval, Audience, Decision, Event, Problem, What};
pub use definition::{Action, Definition, Kind, Mode, Stage, Store, Variable};
pub use execution::{ActionRun, Execution, StageRun, Status};
pub use inputs::{Inputs, Project};
pub use template::{Choice, Deployed, PipelineTemplate};

use crate::Rehearsal;

/// A pipeline, ready to be started; dropping it abandons what runs.
pub struct Pipeline {
    _definition: Definition,
    _inputs: Inputs,
    _audience: Arc<dyn Audience>,
}

/// What a retry repeats.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum RetryMode {
    /// The actions of the stage that failed, and those that had not begun.
    FailedActions,
    /// All actions of the stage.
    AllActions,
}

impl Pipeline {
    /// Makes the pipeline known to the functions, and looks whether everything is given that a run
    /// will need: a folder for each source that no emulator has, values for variables without a
    /// default come with [`Pipeline::start`].
    pub fn new(
        _rehearsal: &Rehearsal,
        definition: Definition,
        inputs: Inputs,
        audience: Arc<dyn Audience>,
    ) -> Result<Self> {
        Ok(Self {
            _definition: definition,
            _inputs: inputs,
            _audience: audience,
        })
    }

    /// Starts an execution and returns its id. What meets other executions waits or is superseded,
    /// as the pipeline's mode says.
    pub fn start(&self, _variables: &BTreeMap<String, String>) -> Result<String> {
        anyhow::bail!("executions are not there yet")
    }

    /// Waits until an execution has ended (however) and tells what became of it; fails after
    /// `timeout`.
    pub fn wait(&self, _execution: &str, _timeout: Duration) -> Result<Execution> {
        anyhow::bail!("executions are not there yet")
    }

    /// An execution as it is now.
    pub fn execution(&self, _execution: &str) -> Option<Execution> {
        None
    }

    /// Repeats the failed stage of an execution, which keeps its id and goes on from there.
    pub fn retry(&self, _execution: &str, _stage: &str, _mode: RetryMode) -> Result<()> {
        anyhow::bail!("executions are not there yet")
    }

    /// Stops an execution: after the actions in progress, or at once with `abandon`.
    pub fn stop(&self, _execution: &str, _abandon: bool) -> Result<()> {
        anyhow::bail!("executions are not there yet")
    }
}
