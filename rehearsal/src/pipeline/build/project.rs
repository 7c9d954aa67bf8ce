//! What a build finds when it starts: its sources, and its environment.

use std::path::{Path, PathBuf};
use std::time::UNIX_EPOCH;

use anyhow::{Context, Result};
use serde_json::Value;

use super::buildspec::Buildspec;
use super::guards::{self, Environment};
use crate::account::Account;
use crate::codepipeline::Artifact;
use crate::pipeline::act::{Task, Undone};
use crate::pipeline::artifacts;
use crate::pipeline::audience::{Problem, What};
use crate::pipeline::inputs::Project;
use crate::pipeline::role;

/// Folders with the input artifacts.
pub(super) struct Sources {
    place: PathBuf,
    pub(super) primary: PathBuf,
    artifact: Option<Artifact>,
    others: Vec<(String, PathBuf)>,
}

/// Unpacks the input artifacts below `place`, as `account`.
pub(super) fn unpack(task: &Task<'_>, account: &Account, place: &Path) -> Result<Sources, Undone> {
    let named = task.configuration.get("PrimarySource");
    let primary = match named {
        Some(name) => task.inputs.iter().find(|input| input.name == *name),
        None => task.inputs.first(),
    };
    if let (Some(name), None) = (named, primary) {
        let message = format!("PrimarySource is {name}, which is no input artifact of the action");
        return Err(Problem::new("ConfigurationError", &message).into());
    }
    if named.is_none() && task.inputs.len() > 1 {
        let message = "an action with several input artifacts must name one as its PrimarySource";
        return Err(Problem::new("ConfigurationError", message).into());
    }
    let mut sources = Sources {
        place: place.to_owned(),
        primary: place.join("src"),
        artifact: primary.cloned(),
        others: Vec::new(),
    };
    std::fs::create_dir_all(&sources.primary).context("create a folder for the build")?;
    for input in &task.inputs {
        let unpack = |folder: &Path| {
            artifacts::unpack(account, input, folder)
                .map_err(|error| super::of_role(task, "read", &input.name, &error))
        };
        if Some(input) == primary {
            unpack(&sources.primary)?;
        } else {
            let folder = place.join("src-more").join(&input.name);
            unpack(&folder)?;
            sources.others.push((input.name.clone(), folder));
        }
    }
    Ok(sources)
}

/// Whoever a build is: its project's role, or the account's root.
pub(super) fn session(task: &Task<'_>, project: &Project) -> Result<Account> {
    let home = &task.engine.home;
    let Some(role) = &project.role else {
        return Ok(home.clone());
    };
    role::trusts(home, role, "codebuild.amazonaws.com")?;
    Ok(home.acting_as(home.assume_role(role, "codebuild", None, None)?))
}

/// The environment of a build: what every build begins with, CodeBuild's own variables, the
/// buildspec's, the project's, the action's.
pub(super) fn environment(
    task: &Task<'_>,
    name: &str,
    project: &Project,
    spec: &Buildspec,
    sources: &Sources,
) -> Result<Environment, Undone> {
    let region = task.engine.home.region();
    let mut all = guards::begun(&sources.place, region)?;
    let path = all.get("PATH").cloned().unwrap_or_default();
    let programs = &task.engine.programs;
    all.extend(programs.environment(&sources.place, &path)?);
    all.extend(own(task, name, sources));
    all.extend(spec.variables.clone());
    all.extend(project.environment.clone());
    all.extend(of_action(task)?);
    Ok(all)
}

/// What CodeBuild itself sets.
fn own(task: &Task<'_>, name: &str, sources: &Sources) -> Vec<(String, String)> {
    let number = {
        let mut board = task.engine.board();
        board.builds += 1;
        board.builds
    };
    let home = &task.engine.home;
    let id = format!("{name}:{}", task.id);
    let arn = format!(
        "arn:aws:codebuild:{}:{}:build/{id}",
        home.region(),
        home.id()
    );
    let began = task.started.duration_since(UNIX_EPOCH).unwrap_or_default();
    let artifact = sources.artifact.as_ref();
    let version = artifact.map(|at| format!("arn:aws:s3:::{}/{}", at.bucket, at.key));
    let revision = artifact.and_then(|artifact| artifact.revision.clone());
    let folder = |path: &Path| path.to_string_lossy().into_owned();
    let mut own = vec![
        ("CI".to_owned(), "true".to_owned()),
        ("CODEBUILD_CI".to_owned(), "true".to_owned()),
        ("CODEBUILD_BUILD_ID".to_owned(), id),
        ("CODEBUILD_BUILD_ARN".to_owned(), arn),
        ("CODEBUILD_BUILD_NUMBER".to_owned(), number.to_string()),
        ("CODEBUILD_BUILD_SUCCEEDING".to_owned(), "1".to_owned()),
        (
            "CODEBUILD_START_TIME".to_owned(),
            began.as_millis().to_string(),
        ),
        (
            "CODEBUILD_INITIATOR".to_owned(),
            format!("codepipeline/{}", task.engine.definition.name),
        ),
        ("CODEBUILD_SRC_DIR".to_owned(), folder(&sources.primary)),
    ];
    own.extend(version.map(|version| ("CODEBUILD_SOURCE_VERSION".to_owned(), version)));
    own.extend(revision.map(|it| ("CODEBUILD_RESOLVED_SOURCE_VERSION".to_owned(), it)));
    let others = sources.others.iter();
    own.extend(others.map(|(name, path)| (format!("CODEBUILD_SRC_DIR_{name}"), folder(path))));
    own
}

/// The action's `EnvironmentVariables`: a JSON list in a text.
fn of_action(task: &Task<'_>) -> Result<Vec<(String, String)>, Undone> {
    let Some(text) = task.configuration.get("EnvironmentVariables") else {
        return Ok(Vec::new());
    };
    let wrong = |why: String| Problem::new("ConfigurationError", &why);
    let list: Vec<Value> = serde_json::from_str(text)
        .map_err(|error| wrong(format!("EnvironmentVariables is no JSON list: {error}")))?;
    let mut variables = Vec::new();
    for entry in &list {
        let (Some(name), Some(value)) = (entry["name"].as_str(), entry["value"].as_str()) else {
            return Err(wrong(format!(
                "EnvironmentVariables has {entry}: it needs name and value"
            ))
            .into());
        };
        if entry["type"]
            .as_str()
            .is_some_and(|kind| kind != "PLAINTEXT")
        {
            let why = format!(
                "the variable {name} of type {} is not rehearsed: it is empty",
                entry["type"]
            );
            task.hear(What::NotRun { why });
            variables.push((name.to_owned(), String::new()));
        } else {
            variables.push((name.to_owned(), value.to_owned()));
        }
    }
    Ok(variables)
}
