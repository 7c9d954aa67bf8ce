//! Pipelines that run here as a whole, as far as CodePipeline tells of them: which executions there
//! are, and where each of them is.

use std::collections::BTreeMap;
use std::time::{Duration, Instant, SystemTime};

use anyhow::{Result, bail};
use serde_json::{Value, json};

use super::CodePipeline;
use super::job::{Answer, Finished, JobId, Outcome};

/// Between two looks whether a function is still at work.
const BREATH: Duration = Duration::from_millis(500);

/// A pipeline.
pub(crate) struct Known {
    /// Where it is.
    pub(crate) region: String,
    /// As `GetPipeline` answers it.
    pub(crate) declaration: Value,
    /// Since when it is known.
    pub(crate) created: SystemTime,
    /// In the order of their starts.
    pub(crate) executions: Vec<KnownExecution>,
    /// In their order.
    pub(crate) stages: Vec<KnownStage>,
    /// What `PutApprovalResult` would name, by action execution.
    pub(crate) tokens: BTreeMap<String, String>,
}

/// An execution of a pipeline.
pub(crate) struct KnownExecution {
    pub(crate) id: String,
    /// As the API spells it.
    pub(crate) status: &'static str,
    pub(crate) variables: BTreeMap<String, String>,
    /// `ArtifactRevision`s of the sources.
    pub(crate) revisions: Vec<Value>,
    pub(crate) started: SystemTime,
    pub(crate) updated: SystemTime,
}

/// A stage of a pipeline.
pub(crate) struct KnownStage {
    pub(crate) name: String,
    /// Its actions' names.
    pub(crate) actions: Vec<String>,
    /// The execution that entered it last, and how it is there.
    pub(crate) latest: Option<(String, &'static str)>,
    /// Executions that wait before it.
    pub(crate) inbound: Vec<String>,
    /// How often the latest execution was retried in it.
    pub(crate) retries: u32,
}

impl CodePipeline {
    /// What is wrong with the form of a pipeline's declaration: `CreatePipeline` would refuse it, or
    /// has no word for it, so that `GetPipeline` could not tell of it.
    pub(crate) fn refusals(&self, declaration: &Value) -> Vec<String> {
        let model = &self.shared.model;
        let both = json!({ "pipeline": declaration });
        if let Err(refusal) = model.check("CreatePipeline", &both) {
            return vec![format!(
                "CodePipeline would refuse this definition: {}",
                refusal.message
            )];
        }
        let wrong = model.check_answer("GetPipeline", &both).err();
        wrong
            .map(|wrong| format!("CodePipeline's API has no such definition: {wrong}"))
            .into_iter()
            .collect()
    }

    /// Makes a pipeline known, whose form is right; refused when another one has its name.
    pub(crate) fn make_known(&self, name: &str, known: Known) -> Result<()> {
        let mut state = self.state();
        if state.known.contains_key(name) {
            bail!("a pipeline {name} is there already: names are unique in an account and region");
        }
        state.known.insert(name.to_owned(), known);
        Ok(())
    }

    /// Changes what is known of a pipeline.
    pub(crate) fn note(&self, pipeline: &str, change: impl FnOnce(&mut Known)) {
        if let Some(known) = self.state().known.get_mut(pipeline) {
            change(known);
        }
    }

    /// Forgets a pipeline; what its actions did stays in the list of executions.
    pub(crate) fn forget(&self, pipeline: &str) {
        self.state().known.remove(pipeline);
    }

    /// Whether an action was to become a job, so that the stand-in remembers it itself.
    pub(crate) fn has_job(&self, action_execution: &str) -> bool {
        let state = self.state();
        state
            .actions
            .iter()
            .any(|action| action.id == action_execution)
    }

    /// Waits for an action's end and hands on each answer with a token on the way. A function that
    /// says nothing for `silence` has failed. Once `rests` says that no function is at work any more,
    /// and the action has not ended, `unanswered` hears of it, once.
    pub(crate) fn follow(
        &self,
        job: &JobId,
        silence: Duration,
        mut hear: impl FnMut(&Answer),
        rests: impl Fn() -> bool,
        unanswered: impl FnOnce(),
    ) -> Result<Finished> {
        let mut unanswered = Some(unanswered);
        let mut heard = 0;
        let mut deadline = Instant::now() + silence;
        loop {
            let breath = Instant::now() + BREATH;
            let said = self.next_answers(job, heard, deadline.min(breath))?;
            // What a function says, it says while it is at work: whoever rests has said it all.
            let resting = said.is_empty() && unanswered.is_some() && rests();
            let said = if resting {
                self.next_answers(job, heard, Instant::now())?
            } else {
                said
            };
            heard += said.len();
            said.iter()
                .filter(|answer| answer.refused.is_none() && !answer.ends())
                .for_each(&mut hear);
            let ended = self.state().action_of(job)?.ended.is_some();
            if ended {
                return self.wait(job, Duration::ZERO);
            }
            if !said.is_empty() {
                deadline = Instant::now() + silence;
            } else if Instant::now() >= deadline {
                self.fall_silent(job, silence)?;
            } else if resting && let Some(unanswered) = unanswered.take() {
                unanswered();
            }
        }
    }

    /// Answers of an action's jobs after the first `heard`; none at the deadline, or when it ended.
    fn next_answers(&self, job: &JobId, heard: usize, deadline: Instant) -> Result<Vec<Answer>> {
        let mut state = self.state();
        loop {
            let action = state.action_of(job)?;
            let mut answers = state.answers_to(action);
            let left = deadline.saturating_duration_since(Instant::now());
            if answers.len() > heard || action.ended.is_some() || left.is_zero() {
                return Ok(answers.split_off(heard.min(answers.len())));
            }
            let woken = self.shared.changed.wait_timeout(state, left);
            state = woken.unwrap_or_else(std::sync::PoisonError::into_inner).0;
        }
    }

    fn fall_silent(&self, job: &JobId, silence: Duration) -> Result<()> {
        let mut state = self.state();
        let action = state.jobs.get(job.as_str()).map(|job| job.action);
        let function = state.action_of(job)?.spec.function.clone();
        let message = format!(
            "the function {function} gave its job no answer within {} s. Look into its log: it must \
             call PutJobSuccessResult or PutJobFailureResult on every way out, and its role must \
             allow both",
            silence.as_secs()
        );
        let outcome = Outcome::Failed {
            kind: "JobFailed".to_owned(),
            message,
            external_id: None,
        };
        if let Some(action) = action {
            state.give_up(action, outcome);
        }
        drop(state);
        self.shared.changed.notify_all();
        Ok(())
    }
}
