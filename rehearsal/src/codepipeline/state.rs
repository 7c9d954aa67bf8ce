//! What the stand-in remembers: actions, their jobs, and every answer.

use std::collections::BTreeMap;
use std::time::SystemTime;

use anyhow::{Context, Result};
use serde_json::Value;
use uuid::Uuid;

use super::job::{Answer, JobId, JobSpec, Outcome};
use super::known::Known;
use crate::AwsError;

/// All that the stand-in remembers.
#[derive(Default)]
pub(super) struct State {
    pub(super) actions: Vec<Action>,
    pub(super) jobs: BTreeMap<String, Job>,
    pub(super) answers: Vec<Answer>,
    /// Executions of actions that are not Lambda's, by pipeline.
    pub(super) recorded: Vec<(String, Value)>,
    /// Pipelines that run here as a whole, by name.
    pub(super) known: BTreeMap<String, Known>,
    /// How often each looking operation was answered.
    pub(super) answered: BTreeMap<String, usize>,
    /// Answers that were not as the API model has them.
    pub(super) invalid: Vec<String>,
    /// Continuations whose next job is not delivered yet.
    pub(super) continuing: usize,
}

/// One execution of an action: a job and its continuations.
pub(super) struct Action {
    pub(super) spec: JobSpec,
    pub(super) id: String,
    pub(super) jobs: Vec<String>,
    pub(super) started: SystemTime,
    pub(super) updated: SystemTime,
    pub(super) ended: Option<Ended>,
}

#[derive(Debug, PartialEq)]
pub(super) enum Ended {
    Outcome(Outcome),
    /// No job came to the function, such as when it does not exist.
    Broken {
        code: &'static str,
        reason: String,
    },
}

pub(super) struct Job {
    pub(super) action: usize,
    pub(super) event: Value,
    pub(super) status: JobStatus,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum JobStatus {
    Waiting,
    /// Of an event that somebody runs a function on by hand: takes any number of answers.
    Sample,
    Answered,
    Abandoned,
}

impl State {
    pub(super) fn begin(&mut self, spec: JobSpec) -> usize {
        let declared = spec.declared.as_ref();
        let id = declared.and_then(|declared| declared.id.clone());
        let id = id.unwrap_or_else(|| Uuid::new_v4().to_string());
        let now = SystemTime::now();
        let action = Action {
            spec,
            id,
            jobs: Vec::new(),
            started: now,
            updated: now,
            ended: None,
        };
        self.actions.push(action);
        self.actions.len() - 1
    }

    pub(super) fn add_job(&mut self, action: usize, id: &str, event: Value, status: JobStatus) {
        let job = Job {
            action,
            event,
            status,
        };
        self.jobs.insert(id.to_owned(), job);
        if let Some(action) = self.actions.get_mut(action) {
            action.jobs.push(id.to_owned());
        }
    }

    pub(super) fn record(&mut self, pipeline: &str, detail: Value) {
        let id = detail["actionExecutionId"].as_str();
        let before = self.recorded.iter_mut().find(|(of, before)| {
            of == pipeline && id.is_some() && before["actionExecutionId"].as_str() == id
        });
        match before {
            Some((_, before)) => *before = detail,
            None => self.recorded.push((pipeline.to_owned(), detail)),
        }
    }

    pub(super) fn abandon(&mut self, action: usize) {
        self.give_up(action, Outcome::Abandoned);
    }

    /// Ends an action whose function has not; what it answers now is refused.
    pub(super) fn give_up(&mut self, action: usize, outcome: Outcome) {
        for job in self.jobs.values_mut().filter(|job| job.action == action) {
            if job.status == JobStatus::Waiting {
                job.status = JobStatus::Abandoned;
            }
        }
        if let Some(action) = self.actions.get_mut(action) {
            action.end(Ended::Outcome(outcome));
        }
    }

    pub(super) fn action_of(&self, job: &JobId) -> Result<&Action> {
        let index = self.jobs.get(&job.0).map(|job| job.action);
        let action = index.and_then(|index| self.actions.get(index));
        action.with_context(|| format!("there is no job {job}"))
    }

    pub(super) fn answers_to(&self, action: &Action) -> Vec<Answer> {
        let ours = |answer: &&Answer| action.jobs.contains(&answer.job);
        self.answers.iter().filter(ours).cloned().collect()
    }
}

impl Ended {
    /// Why a job did not come to its function, with the code that fits it best.
    pub(super) fn broken(error: &anyhow::Error) -> Self {
        let aws = error.downcast_ref::<AwsError>();
        let code = match aws.map(|aws| aws.code.as_str()) {
            _ if aws.is_some_and(AwsError::is_denied) => "PermissionError",
            Some("ResourceNotFoundException") => "ConfigurationError",
            _ => "InternalError",
        };
        Self::Broken {
            code,
            reason: format!("{error:#}"),
        }
    }
}

impl Action {
    /// The first end is the end.
    pub(super) fn end(&mut self, ended: Ended) {
        self.updated = SystemTime::now();
        self.ended.get_or_insert(ended);
    }

    pub(super) fn ids(&self) -> Vec<JobId> {
        self.jobs.iter().cloned().map(JobId).collect()
    }
}
