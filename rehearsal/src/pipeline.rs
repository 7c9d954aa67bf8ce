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

mod act;
mod approval;
mod artifacts;
mod audience;
mod build;
mod commit;
mod definition;
mod engine;
mod execution;
mod gates;
mod given;
mod inputs;
mod invoke;
mod pages;
mod role;
mod run;
mod source;
mod template;
mod variables;

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Arc, Condvar, Mutex};
use std::time::{Duration, Instant, SystemTime};

use anyhow::{Context, Result, bail, ensure};
use tempfile::TempDir;
use uuid::Uuid;

pub use artifacts::zip_of_folder;
pub use audience::{Approval, Audience, Decision, Event, Problem, What};
pub use build::Programs;
pub use definition::{Action, Definition, Kind, Mode, Stage, Store, Variable};
pub use execution::{ActionRun, Execution, StageRun, Status};
pub use inputs::{Inputs, Project};
pub use pages::{Page, Pages, file_address};
pub use template::{
    Choice, Deployed, PipelineTemplate, WrongDefinition, known_types, read_template, rewritten,
};

use crate::Rehearsal;
use crate::codepipeline::{Known, KnownExecution, KnownStage};
use engine::{Board, Engine, Run, Stop};
use gates::Gates;

/// A pipeline, ready to be started; dropping it abandons what runs.
pub struct Pipeline {
    engine: Arc<Engine>,
    /// Goes last, when no build works in it any more.
    _scratch: TempDir,
}

/// How long a pipeline that is dropped waits for what it abandons.
const FAREWELL: Duration = Duration::from_secs(2);

/// What a retry repeats.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum RetryMode {
    /// The actions of the stage that failed, and those that had not begun.
    FailedActions,
    /// All actions of the stage.
    AllActions,
}

/// Why CodePipeline would not make this pipeline: the form of its definition, and its role.
fn refusals(rehearsal: &Rehearsal, definition: &Definition) -> Vec<String> {
    let mut wrong = rehearsal.pipeline().refusals(&definition.declaration);
    if let Some(role) = &definition.role {
        let trusts = role::trusts(&rehearsal.tooling(), role, "codepipeline.amazonaws.com");
        wrong.extend(trusts.err().map(|error| format!("{error:#}")));
    }
    wrong
}

impl Pipeline {
    /// Makes the pipeline known to the functions, in account 111111111111 and the region of the pipelines.
    ///
    /// Fails, with everything that is missing, when CodePipeline would refuse the definition, when
    /// its role is not there or does not trust CodePipeline, and when a source that no emulator has
    /// is given no folder.
    pub fn new(
        rehearsal: &Rehearsal,
        definition: Definition,
        inputs: Inputs,
        audience: Arc<dyn Audience>,
    ) -> Result<Self> {
        let home = rehearsal.tooling();
        let mut wrong = inputs.missing(&definition, home.region());
        wrong.extend(refusals(rehearsal, &definition));
        ensure!(wrong.is_empty(), "{}", wrong.join("\n"));
        let stages = definition.stages.iter().map(|stage| KnownStage {
            name: stage.name.clone(),
            actions: stage
                .actions
                .iter()
                .map(|action| action.name.clone())
                .collect(),
            latest: None,
            inbound: Vec::new(),
            retries: 0,
        });
        let known = Known {
            region: home.region().to_owned(),
            declaration: definition.declaration.clone(),
            created: SystemTime::now(),
            executions: Vec::new(),
            stages: stages.collect(),
            tokens: BTreeMap::new(),
        };
        let stand_in = rehearsal.pipeline().clone();
        stand_in.make_known(&definition.name, known)?;
        // Outside of any repository: what git or cargo look for upwards is not this workspace.
        let scratch = tempfile::tempdir().context("make a folder for builds")?;
        let place = scratch.path().canonicalize();
        let gates = Gates::new(definition.mode, definition.stages.len());
        let engine = Engine {
            scratch: place.context("find the folder for builds")?,
            programs: Programs::of(rehearsal),
            log: rehearsal.emulator.log().to_owned(),
            definition,
            inputs,
            audience,
            home,
            stand_in,
            codepipeline: format!("http://{}", rehearsal.proxy().address()),
            board: Mutex::new(Board {
                gates,
                runs: BTreeMap::new(),
                builds: 0,
            }),
            changed: Condvar::new(),
        };
        Ok(Self {
            engine: Arc::new(engine),
            _scratch: scratch,
        })
    }

    /// The pipeline's definition.
    pub fn definition(&self) -> &Definition {
        &self.engine.definition
    }

    /// Starts an execution and returns its id. Where it meets other executions it waits, or one of
    /// them is superseded, as the pipeline's mode says.
    ///
    /// `variables` are those of this execution; others have the value of the inputs or their default,
    /// and one that has none at all fails the start.
    pub fn start(&self, variables: &BTreeMap<String, String>) -> Result<String> {
        let engine = &self.engine;
        let variables = engine.inputs.values(&engine.definition, variables)?;
        let id = Uuid::new_v4().to_string();
        let now = SystemTime::now();
        engine.note(|known| {
            known.executions.push(KnownExecution {
                id: id.clone(),
                status: Status::InProgress.name(),
                variables: variables.clone(),
                revisions: Vec::new(),
                started: now,
                updated: now,
            });
        });
        let own = BTreeMap::from([("PipelineExecutionId".to_owned(), id.clone())]);
        let namespaces = BTreeMap::from([
            ("codepipeline".to_owned(), own),
            ("variables".to_owned(), variables.clone()),
        ]);
        let overtaken = {
            let mut board = engine.board();
            board.runs.insert(id.clone(), Run::new(&id, namespaces));
            board.arrive(0, &id)
        };
        engine.changed.notify_all();
        run::tell_overtaken(engine, &overtaken, 0, &id);
        engine.hear(&id, None, None, What::ExecutionStarted { variables });
        self.go(&id, 0, BTreeSet::new());
        Ok(id)
    }

    /// Waits until an execution has ended (however) and tells what became of it; fails after
    /// `timeout`.
    pub fn wait(&self, execution: &str, timeout: Duration) -> Result<Execution> {
        let ended = self.engine.wait_for(Instant::now() + timeout, |board| {
            let run = board.runs.get(execution);
            run.is_none_or(|run| !run.busy).then_some(())
        });
        let seen = self
            .execution(execution)
            .with_context(|| self.unknown(execution))?;
        ensure!(
            ended.is_some(),
            "the execution {execution} did not end within {timeout:?}: {seen:#?}"
        );
        Ok(seen)
    }

    /// An execution as it is now.
    pub fn execution(&self, execution: &str) -> Option<Execution> {
        self.engine.look(execution, |run| Some(run.seen.clone()))
    }

    /// Repeats the failed stage of an execution, which keeps its id and goes on from there.
    pub fn retry(&self, execution: &str, stage: &str, mode: RetryMode) -> Result<()> {
        let engine = &self.engine;
        let stages = &engine.definition.stages;
        let index = stages.iter().position(|known| known.name == stage);
        let index = index.with_context(|| {
            format!(
                "the pipeline {} has no stage {stage}",
                engine.definition.name
            )
        })?;
        let (kept, overtaken) = {
            let mut board = engine.board();
            let unknown = || self.unknown(execution);
            let run = board.runs.get(execution).with_context(unknown)?;
            let status = run.seen.status;
            ensure!(
                !run.busy && matches!(status, Status::Failed | Status::Stopped),
                "the execution {execution} is {status}: only what failed can be retried"
            );
            let seen = run.seen.stages.iter().find(|seen| seen.name == stage);
            let failed =
                seen.filter(|seen| matches!(seen.status, Status::Failed | Status::Stopped));
            let Some(failed) = failed else {
                bail!("the stage {stage} of the execution {execution} has not failed");
            };
            if let Some(other) = board.gates.followed_by(index, execution) {
                bail!(
                    "the execution {other} has been in the stage {stage} since: CodePipeline retries \
                     the latest one only"
                );
            }
            let kept = match mode {
                RetryMode::AllActions => BTreeSet::new(),
                RetryMode::FailedActions => failed.succeeded(),
            };
            if let Some(run) = board.runs.get_mut(execution) {
                (run.busy, run.stop, run.overtaken) = (true, None, None);
                run.seen.status = Status::InProgress;
            }
            (kept, board.arrive(index, execution))
        };
        engine.changed.notify_all();
        engine.note_status(execution, Status::InProgress.name());
        run::tell_overtaken(engine, &overtaken, index, execution);
        self.go(execution, index, kept);
        Ok(())
    }

    /// Stops an execution: after the actions in progress, or at once with `abandon`. One that has
    /// ended stays as it is.
    pub fn stop(&self, execution: &str, abandon: bool) -> Result<()> {
        ensure!(
            self.execution(execution).is_some(),
            "{}",
            self.unknown(execution)
        );
        let stop = if abandon { Stop::Abandon } else { Stop::Wait };
        self.engine.stop(execution, stop);
        Ok(())
    }

    fn go(&self, execution: &str, from: usize, kept: BTreeSet<String>) {
        let (engine, id) = (Arc::clone(&self.engine), execution.to_owned());
        std::thread::spawn(move || run::run(&engine, &id, from, &kept));
    }

    fn unknown(&self, execution: &str) -> String {
        let name = &self.engine.definition.name;
        format!("the pipeline {name} has no execution {execution}")
    }
}

impl Drop for Pipeline {
    fn drop(&mut self) {
        let all: Vec<String> = self.engine.board().runs.keys().cloned().collect();
        for execution in &all {
            self.engine.stop(execution, Stop::Abandon);
        }
        // An audience may still think about an approval: then it is not waited for.
        self.engine.wait_for(Instant::now() + FAREWELL, |board| {
            board.runs.values().all(|run| !run.busy).then_some(())
        });
        self.engine.stand_in.forget(&self.engine.definition.name);
    }
}
