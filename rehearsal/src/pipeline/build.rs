//! A build: the commands of its buildspec, in a folder of its own, as the project's role.

mod buildspec;
mod files;
mod guards;
mod programs;
mod project;
mod shell;

use std::fs;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use anyhow::{Context, Result};

use super::act::{Done, Task, Undone};
use super::artifacts;
use super::audience::{Problem, What};
use super::engine::Stop;
use super::given;
use super::inputs::Project;
use super::role;
use crate::account::Account;
use crate::codepipeline::Said;
use buildspec::{Buildspec, Files, PHASES};
use guards::Guards;
pub use programs::Programs;
use shell::{End, Listener, Shells, State};

/// How long a build may take whose project does not say.
const HOUR: Duration = Duration::from_secs(3600);

pub(super) fn run(task: &Task<'_>) -> Result<Done, Undone> {
    let (engine, outputs) = (task.engine, &task.outputs);
    let given = |name: &String| engine.inputs.artifacts.contains_key(name);
    if !outputs.is_empty() && outputs.iter().all(|output| given(&output.name)) {
        given::put(task)?;
        let why = "its artifacts are given: the build is not run".to_owned();
        task.hear(What::NotRun { why: why.clone() });
        return Ok(given::done(task, why));
    }
    let name = task
        .configuration
        .get("ProjectName")
        .cloned()
        .unwrap_or_default();
    let Some(project) = engine.inputs.builds.get(&name) else {
        let artifacts: Vec<String> = outputs
            .iter()
            .map(|output| format!("--artifact {}=FOLDER", output.name))
            .collect();
        let message = format!(
            "there is no CodeBuild project {name:?} here. A template has to make it, or its artifacts \
             are given: {}",
            artifacts.join(" ")
        );
        return Err(Problem::new("ConfigurationError", &message).into());
    };
    build(task, &name, project)
}

fn build(task: &Task<'_>, name: &str, project: &Project) -> Result<Done, Undone> {
    let place = task.engine.scratch.join(&task.id);
    role::may_build(task, name)?;
    // CodeBuild reads and writes artifacts as the project's role.
    let account = project::session(task, project)?;
    let sources = project::unpack(task, &account, &place)?;
    let spec = read(project, &sources.primary)?;
    for what in &spec.unheeded {
        task.hear(What::NotRun {
            why: format!("{what} of the buildspec is not rehearsed"),
        });
    }
    let docker = spec
        .commands()
        .any(|command| buildspec::calls_docker(command));
    if docker && task.engine.programs.makes_records() {
        let why = "a command calls docker: no engine is asked, and its images are records; with --docker \
                   they are real";
        task.hear(What::NotRun {
            why: why.to_owned(),
        });
    }
    if docker && !project.privileged {
        let why = "a command calls docker, and the project has no PrivilegedMode: on AWS it would find \
                   no Docker engine";
        task.hear(What::NotRun {
            why: why.to_owned(),
        });
    }
    let environment = project::environment(task, name, project, &spec, &sources)?;
    let id = environment.get("CODEBUILD_BUILD_ID").cloned();
    let state = State {
        environment,
        folder: sources.primary.clone(),
    };
    let guards = Guards::new(&account, &task.engine.codepipeline, &place)?;
    let mut running = Running::start(task, project, &spec, guards, &place)?;
    let (failed, state) = running.phases(&spec, state)?;
    drop(running);
    if task.abandoned() {
        return Err(Undone::Abandoned);
    }
    if let Some(phase) = failed {
        let message = format!("a command of the phase {phase} failed: see the build's last lines");
        return Err(Problem::new("JobFailed", &message).into());
    }
    leave(task, &account, &spec, &sources.primary)?;
    let exported = spec.exported.iter().filter_map(|name| {
        let value = state.environment.get(name)?;
        Some((name.clone(), value.clone()))
    });
    let variables = exported.collect();
    // Only its artifacts are of any use from now on.
    let _ = fs::remove_dir_all(&place);
    Ok(Done {
        said: Said {
            external_id: id,
            variables,
            ..Said::default()
        },
        ..Done::default()
    })
}

/// The buildspec: written in the project, or a file of the source.
fn read(project: &Project, source: &Path) -> Result<Buildspec> {
    let said = project.buildspec.as_deref().unwrap_or("buildspec.yml");
    // A path has one line; what has more, or begins as JSON does, is the buildspec itself.
    if said.contains('\n') || said.trim_start().starts_with('{') {
        return Buildspec::parse(said).context("the project's buildspec");
    }
    let text = fs::read_to_string(source.join(said)).with_context(|| {
        format!("the source has no {said}, which the project names as its buildspec")
    })?;
    Buildspec::parse(&text).with_context(|| said.to_owned())
}

/// A build whose commands run.
struct Running<'a> {
    task: &'a Task<'a>,
    shells: Shells,
    guards: Guards,
    deadline: Instant,
    timeout: Duration,
}

impl<'a> Running<'a> {
    fn start(
        task: &'a Task<'a>,
        project: &Project,
        spec: &Buildspec,
        guards: Guards,
        place: &Path,
    ) -> Result<Self> {
        let timeout = project.timeout.unwrap_or(HOUR);
        let shells = Shells::start(&spec.shell, &place.join("shell"))?;
        let group = shells.group();
        task.engine
            .change(task.execution, |run| run.builds.push(group));
        Ok(Self {
            task,
            shells,
            guards,
            deadline: Instant::now() + timeout,
            timeout,
        })
    }

    /// Runs the phases; answers the one that failed the build.
    fn phases(
        &mut self,
        spec: &Buildspec,
        mut state: State,
    ) -> Result<(Option<&'static str>, State), Undone> {
        let mut failed = None;
        for phase in PHASES {
            // After a failed build its post_build still runs; after an earlier failure nothing does.
            let runs = failed.is_none() || (failed == Some("build") && phase == "post_build");
            let Some(of_phase) = spec.phases.get(phase).filter(|_| runs) else {
                continue;
            };
            for commands in [&of_phase.commands, &of_phase.finally] {
                let succeeding = if failed.is_none() { "1" } else { "0" };
                state.environment.insert(
                    "CODEBUILD_BUILD_SUCCEEDING".to_owned(),
                    succeeding.to_owned(),
                );
                for command in commands {
                    let well = self.command(command, &mut state)?;
                    if !well && !of_phase.goes_on && failed.is_none() {
                        failed = Some(phase);
                    }
                    if !well {
                        break;
                    }
                }
            }
        }
        Ok((failed, state))
    }

    /// Runs a command; answers whether it went well.
    fn command(&mut self, command: &str, state: &mut State) -> Result<bool, Undone> {
        let task = self.task;
        let home = &task.engine.home;
        let issued = |keys| {
            let caller = home.acting_as(keys);
            caller.query("sts", "GetCallerIdentity", &[]).is_ok()
        };
        if self.guards.hold(&mut state.environment, issued) {
            let why = "AWS_ACCESS_KEY_ID has a key that is not of the AWS on this machine: the build \
                       goes on with its own";
            task.hear(What::NotRun {
                why: why.to_owned(),
            });
        }
        let listener = Listener {
            line: &|line| {
                task.hear(What::BuildLine {
                    line: line.to_owned(),
                });
            },
            // Who abandoned it a moment ago did not see this command.
            started: &|| {
                task.engine.change(task.execution, |run| {
                    if run.stop == Some(Stop::Abandon) {
                        run.end_builds();
                    }
                });
            },
        };
        if task.abandoned() {
            return Err(Undone::Abandoned);
        }
        let ran = self.shells.run(command, state, self.deadline, &listener);
        if task.abandoned() {
            return Err(Undone::Abandoned);
        }
        let (end, left) = ran?;
        *state = left;
        if end == End::Late {
            let message = format!(
                "the build took longer than {} minutes: the project's TimeoutInMinutes says how long it \
                 may take",
                self.timeout.as_secs() / 60
            );
            return Err(Problem::new("JobFailed", &message).into());
        }
        Ok(end == End::Well)
    }
}

impl Drop for Running<'_> {
    fn drop(&mut self) {
        // Nobody kills the group once it is reaped, and may be another's.
        let group = self.shells.group();
        self.task.engine.change(self.task.execution, |run| {
            run.builds.retain(|other| *other != group);
        });
    }
}

/// Writes the output artifacts as the build's role.
fn leave(
    task: &Task<'_>,
    account: &Account,
    spec: &Buildspec,
    source: &Path,
) -> Result<(), Undone> {
    let alone = task.outputs.len() == 1;
    for output in &task.outputs {
        let primary = spec.primary.as_ref().filter(|_| alone);
        let Some(files) = spec.secondary.get(&output.name).or(primary) else {
            let message = format!(
                "the buildspec makes no artifact {0}: write it under artifacts.secondary-artifacts.{0} \
                 (the only artifact of an action may be under artifacts.files)",
                output.name
            );
            return Err(Problem::new("ConfigurationError", &message).into());
        };
        let zip = zip(files, source).with_context(|| format!("the artifact {}", output.name))?;
        artifacts::put(account, &task.store, output, zip)
            .map_err(|error| of_role(task, "write", &output.name, &error))?;
    }
    Ok(())
}

/// What S3 refused to a build: it is the build that fails, not the pipeline's role that lacks something.
fn of_role(task: &Task<'_>, what: &str, artifact: &str, error: &anyhow::Error) -> Problem {
    let project = task.configuration.get("ProjectName");
    let message = format!(
        "the build {} cannot {what} the artifact {artifact}, which it does as the project's ServiceRole: \
         {error:#}",
        project.map_or("?", String::as_str)
    );
    Problem::new("JobFailed", &message)
}

fn zip(files: &Files, source: &Path) -> Result<Vec<u8>> {
    let (base, chosen): (PathBuf, _) = files::chosen(files, source)?;
    artifacts::zip(&base, &chosen)
}
