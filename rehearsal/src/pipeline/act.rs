//! One action, from its start to its end: configuration, artifacts, whoever carries it out, and
//! what CodePipeline remembers of it.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::{Duration, SystemTime};

use uuid::Uuid;

use super::audience::{Problem, What};
use super::definition::{Action, Kind, Store};
use super::engine::{Engine, Stop};
use super::execution::{ActionRun, Status};
use super::{approval, artifacts, build, given, invoke, source, variables};
use crate::AwsError;
use crate::codepipeline::{ActionRecord, Artifact, Said};

/// An action that is about to run.
pub(super) struct Task<'a> {
    pub(super) engine: &'a Arc<Engine>,
    pub(super) execution: &'a str,
    pub(super) stage: &'a str,
    pub(super) action: &'a Action,
    /// The action execution's id.
    pub(super) id: String,
    pub(super) started: SystemTime,
    /// With variables replaced.
    pub(super) configuration: BTreeMap<String, String>,
    pub(super) inputs: Vec<Artifact>,
    pub(super) outputs: Vec<Artifact>,
    /// The store of the action's region.
    pub(super) store: Store,
}

/// How an action ended, unless it failed.
#[derive(Default)]
pub(super) struct Done {
    pub(super) said: Said,
    /// Who approved.
    pub(super) by: Option<String>,
    /// What the artifacts of a source were made from.
    pub(super) revision: Option<String>,
    /// Why it was not run.
    pub(super) not_run: Option<String>,
    /// Names of output artifacts that nobody made.
    pub(super) absent: Vec<String>,
}

impl Done {
    /// What later actions may take in.
    fn made(&self, outputs: &[Artifact]) -> Vec<Artifact> {
        let there = outputs
            .iter()
            .filter(|output| !self.absent.contains(&output.name));
        there
            .map(|output| Artifact {
                revision: self.revision.clone(),
                ..output.clone()
            })
            .collect()
    }
}

/// How an action did not succeed.
pub(super) enum Undone {
    Failed(Problem),
    /// By a person, with what the person said.
    Rejected {
        by: String,
        problem: Problem,
    },
    Abandoned,
}

impl From<Problem> for Undone {
    fn from(problem: Problem) -> Self {
        Self::Failed(problem)
    }
}

impl From<anyhow::Error> for Undone {
    /// What AWS refused to the pipeline's role is told as that.
    fn from(error: anyhow::Error) -> Self {
        let denied = error.downcast_ref().is_some_and(AwsError::is_denied);
        let code = if denied {
            "PermissionError"
        } else {
            "ConfigurationError"
        };
        Self::Failed(Problem::new(code, &format!("{error:#}")))
    }
}

impl Problem {
    pub(super) fn new(code: &str, message: &str) -> Self {
        Self {
            code: code.to_owned(),
            message: message.to_owned(),
        }
    }
}

/// Runs an action and tells how it ended.
pub(super) fn act(engine: &Arc<Engine>, execution: &str, stage: &str, action: &Action) -> Status {
    let started = SystemTime::now();
    engine.change(execution, |run| {
        run.stage(stage).actions.push(begun(action))
    });
    let mut task = Task {
        engine,
        execution,
        stage,
        action,
        id: Uuid::new_v4().to_string(),
        started,
        configuration: action.configuration.clone(),
        inputs: Vec::new(),
        outputs: Vec::new(),
        store: Store {
            bucket: String::new(),
            key: None,
        },
    };
    let ready = task.prepare();
    task.hear(What::ActionStarted {
        category: action.category.clone(),
        provider: action.provider.clone(),
        configuration: task.configuration.clone(),
    });
    let ended = ready.and_then(|()| match task.kind() {
        // The stand-in itself remembers what it gave to a function.
        Kind::Invoke => invoke::run(&task),
        kind => {
            task.record("InProgress", &Said::default(), None);
            match kind {
                Kind::Source => source::run(&task),
                Kind::Build => build::run(&task),
                Kind::Approval => approval::run(&task),
                _ => given::run(&task),
            }
        }
    });
    task.end(ended)
}

fn begun(action: &Action) -> ActionRun {
    ActionRun {
        name: action.name.clone(),
        category: action.category.clone(),
        provider: action.provider.clone(),
        status: Status::InProgress,
        summary: None,
        error: None,
        variables: BTreeMap::new(),
        not_run: None,
        duration: Duration::ZERO,
    }
}

impl Task<'_> {
    /// Finds all that the action needs before it can start.
    fn prepare(&mut self) -> Result<(), Undone> {
        let (values, made) = {
            let board = self.engine.board();
            let run = board.runs.get(self.execution);
            run.map(|run| (run.variables.clone(), run.artifacts.clone()))
                .unwrap_or_default()
        };
        let mut missing = Vec::new();
        for (key, value) in &mut self.configuration {
            match variables::resolved(value, &values) {
                Ok(resolved) => *value = resolved,
                Err(unknown) => missing.push(format!("{key} refers to {}", unknown.join(", "))),
            }
        }
        if !missing.is_empty() {
            let message = format!(
                "the action's configuration has variables that nothing gave a value: {}. The action \
                 with that namespace must put out the variable, and end before this one",
                missing.join("; ")
            );
            return Err(Problem::new("ConfigurationError", &message).into());
        }
        let region = self.action.region.as_deref();
        let store = self.engine.store(region).cloned();
        self.store = store.ok_or_else(|| {
            let region = region.unwrap_or(self.engine.home.region());
            let message = format!(
                "the pipeline has no artifact store in {region}: add one to ArtifactStores"
            );
            Problem::new("ConfigurationError", &message)
        })?;
        for name in &self.action.inputs {
            let artifact = made.get(name).cloned().ok_or_else(|| {
                let message = format!(
                    "there is no artifact {name}: the action that makes it was not run. Give a \
                     folder in its place: --artifact {name}=FOLDER"
                );
                Problem::new("ConfigurationError", &message)
            })?;
            self.inputs.push(artifact);
        }
        let pipeline = &self.engine.definition.name;
        let places = self.action.outputs.iter();
        self.outputs = places
            .map(|name| artifacts::place(pipeline, name, &self.store))
            .collect();
        Ok(())
    }

    pub(super) fn hear(&self, what: What) {
        self.engine.hear(
            self.execution,
            Some(self.stage),
            Some(&self.action.name),
            what,
        );
    }

    /// Whether the action is in another region than the pipeline.
    pub(super) fn elsewhere(&self) -> bool {
        let region = self.action.region.as_deref();
        region.is_some_and(|region| region != self.engine.home.region())
    }

    /// Who carries it out: nobody in another region, where CodePipeline has copies of the artifacts
    /// and takes the answers.
    fn kind(&self) -> Kind {
        match self.action.kind() {
            Kind::Invoke | Kind::Build if self.elsewhere() => Kind::NotRun,
            kind => kind,
        }
    }

    /// Whether a person has abandoned the execution.
    pub(super) fn abandoned(&self) -> bool {
        self.engine.stop_of(self.execution) == Some(Stop::Abandon)
    }

    /// Has CodePipeline remember the action as it is now.
    fn record(&self, status: &'static str, said: &Said, by: Option<String>) {
        let action = self.action;
        let region = action
            .region
            .as_deref()
            .unwrap_or(self.engine.home.region());
        let record = ActionRecord {
            execution: self.execution.to_owned(),
            id: self.id.clone(),
            stage: self.stage.to_owned(),
            action: action.name.clone(),
            started: self.started,
            updated: SystemTime::now(),
            status,
            by,
            kind: [
                &action.category,
                &action.owner,
                &action.provider,
                &action.version,
            ]
            .map(Clone::clone),
            configuration: action.configuration.clone(),
            resolved: self.configuration.clone(),
            region: region.to_owned(),
            role: action.role.clone(),
            namespace: action.namespace.clone(),
            inputs: self.inputs.clone(),
            outputs: self.outputs.clone(),
            said: said.clone(),
        };
        let pipeline = &self.engine.definition.name;
        self.engine
            .stand_in
            .record_action(pipeline, record.detail());
    }

    /// Tells everybody how the action ended.
    fn end(&self, ended: Result<Done, Undone>) -> Status {
        let (status, name, done, problem) = match ended {
            Ok(done) => (Status::Succeeded, "Succeeded", done, None),
            Err(Undone::Failed(problem)) => {
                (Status::Failed, "Failed", Done::default(), Some(problem))
            }
            Err(Undone::Rejected { by, problem }) => {
                let by = Some(by);
                let done = Done {
                    by,
                    ..Done::default()
                };
                (Status::Failed, "Failed", done, Some(problem))
            }
            Err(Undone::Abandoned) => (Status::Stopped, "Abandoned", Done::default(), None),
        };
        let made = done.made(&self.outputs);
        let mut said = done.said;
        let error = problem.as_ref();
        said.error = error.map(|problem| (problem.code.clone(), problem.message.clone()));
        if !self.engine.stand_in.has_job(&self.id) {
            self.record(name, &said, done.by);
        }
        let lasted = self.started.elapsed().unwrap_or_default();
        self.engine.change(self.execution, |run| {
            if status == Status::Succeeded {
                for name in &done.absent {
                    run.artifacts.remove(name);
                }
                let named = made.into_iter().map(|made| (made.name.clone(), made));
                run.artifacts.extend(named);
                if let Some(namespace) = &self.action.namespace {
                    run.variables
                        .insert(namespace.clone(), said.variables.clone());
                }
            }
            let actions = &mut run.stage(self.stage).actions;
            let seen = actions
                .iter_mut()
                .rev()
                .find(|seen| seen.name == self.action.name);
            if let Some(seen) = seen {
                seen.status = status;
                seen.summary = said.summary.clone().or(seen.summary.take());
                seen.error = problem.clone();
                seen.variables = said.variables.clone();
                seen.not_run = done.not_run;
                seen.duration = lasted;
            }
        });
        self.hear(What::ActionEnded {
            status,
            summary: said.summary,
            error: problem,
            variables: said.variables,
            milliseconds: u64::try_from(lasted.as_millis()).unwrap_or(u64::MAX),
        });
        status
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_artifact_that_nobody_made_is_not_there() {
        let store = Store {
            bucket: "b".to_owned(),
            key: None,
        };
        let outputs = ["Given", "Absent"].map(|name| artifacts::place("p", name, &store));
        let done = Done {
            revision: Some("1".to_owned()),
            absent: vec!["Absent".to_owned()],
            ..Done::default()
        };
        let made = done.made(&outputs);
        let names: Vec<&str> = made.iter().map(|made| made.name.as_str()).collect();
        assert_eq!(names, ["Given"]);
        assert_eq!(made[0].revision.as_deref(), Some("1"));
    }
}
