//! A build: the commands of its buildspec, in a folder of its own, as the project's role.

mod buildspec;
mod files;
mod project;
mod shell;

use std::fs;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result};
use rustix::process::Pid;

use super::act::{Done, Task, Undone};
use super::artifacts;
use super::audience::{Problem, What};
use super::given;
use super::inputs::Project;
use crate::codepipeline::Said;
use buildspec::{Buildspec, Files, PHASES};
use shell::{Listener, State};

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
    let sources = project::unpack(task, &place)?;
    let spec = read(project, &sources.primary)?;
    for what in &spec.unheeded {
        task.hear(What::NotRun {
            why: format!("{what} of the buildspec is not rehearsed"),
        });
    }
    let environment = project::environment(task, name, project, &spec, &sources)?;
    let id = environment.get("CODEBUILD_BUILD_ID").cloned();
    let state = State {
        environment,
        folder: sources.primary.clone(),
    };
    let (failed, state) = phases(task, &spec, state, &place)?;
    if task.abandoned() {
        return Err(Undone::Abandoned);
    }
    if let Some(phase) = failed {
        let message = format!("a command of the phase {phase} failed: see the build's last lines");
        return Err(Problem::new("JobFailed", &message).into());
    }
    leave(task, &spec, &sources.primary)?;
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

/// Runs the phases; answers the one that failed the build.
fn phases(
    task: &Task<'_>,
    spec: &Buildspec,
    mut state: State,
    place: &Path,
) -> Result<(Option<&'static str>, State)> {
    let groups = |change: &dyn Fn(&mut Vec<Pid>)| {
        task.engine
            .change(task.execution, |run| change(&mut run.builds));
    };
    let listener = Listener {
        line: &|line| {
            task.hear(What::BuildLine {
                line: line.to_owned(),
            });
        },
        started: &|group| groups(&|all| all.push(group)),
        ended: &|group| groups(&|all| all.retain(|other| *other != group)),
    };
    let mut failed = None;
    for phase in PHASES {
        // After a failed build its post_build still runs; after an earlier failure nothing does.
        let runs = failed.is_none() || (failed == Some("build") && phase == "post_build");
        let Some(commands) = spec.phases.get(phase).filter(|_| runs && !task.abandoned()) else {
            continue;
        };
        for commands_of in [&commands.commands, &commands.finally] {
            if commands_of.is_empty() || task.abandoned() {
                continue;
            }
            let succeeding = if failed.is_none() { "1" } else { "0" };
            let succeeding = (
                "CODEBUILD_BUILD_SUCCEEDING".to_owned(),
                succeeding.to_owned(),
            );
            state.environment.extend([succeeding]);
            let scratch = place.join("shell");
            let (well, left) = shell::run(&spec.shell, commands_of, &state, &scratch, &listener)?;
            state = left;
            if !well && !commands.goes_on && failed.is_none() {
                failed = Some(phase);
            }
        }
    }
    Ok((failed, state))
}

/// Writes the output artifacts, as the build's role would.
fn leave(task: &Task<'_>, spec: &Buildspec, source: &Path) -> Result<(), Undone> {
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
        artifacts::put(&task.actor()?, &task.store, output, zip)?;
    }
    Ok(())
}

fn zip(files: &Files, source: &Path) -> Result<Vec<u8>> {
    let (base, chosen): (PathBuf, _) = files::chosen(files, source)?;
    artifacts::zip(&base, &chosen)
}
