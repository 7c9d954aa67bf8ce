//! What a build finds when it starts: its sources, and its environment.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::time::UNIX_EPOCH;

use anyhow::{Context, Result};
use serde_json::Value;

use super::buildspec::Buildspec;
use crate::codepipeline::Artifact;
use crate::pipeline::act::{Task, Undone};
use crate::pipeline::artifacts;
use crate::pipeline::audience::{Problem, What};
use crate::pipeline::inputs::Project;
use crate::pipeline::role;

/// Of the person's own environment a build sees these: what its commands need to be found and to
/// cache, nothing that leads to a real account.
const INHERITED: [&str; 8] = [
    "PATH",
    "HOME",
    "USER",
    "LANG",
    "LC_ALL",
    "TMPDIR",
    "TERM",
    "DOCKER_HOST",
];

/// Folders with the input artifacts.
pub(super) struct Sources {
    pub(super) primary: PathBuf,
    artifact: Option<Artifact>,
    others: Vec<(String, PathBuf)>,
}

/// Unpacks the input artifacts below `place`.
pub(super) fn unpack(task: &Task<'_>, place: &Path) -> Result<Sources, Undone> {
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
    let actor = task.actor()?;
    let mut sources = Sources {
        primary: place.join("src"),
        artifact: primary.cloned(),
        others: Vec::new(),
    };
    std::fs::create_dir_all(&sources.primary).context("create a folder for the build")?;
    for input in &task.inputs {
        if Some(input) == primary {
            artifacts::unpack(&actor, input, &sources.primary)?;
        } else {
            let folder = place.join("src-more").join(&input.name);
            artifacts::unpack(&actor, input, &folder)?;
            sources.others.push((input.name.clone(), folder));
        }
    }
    Ok(sources)
}

/// The environment of a build: the person's `PATH` and a little more, credentials of the project's
/// role for the emulator, CodeBuild's own variables, the buildspec's, the project's, the action's.
pub(super) fn environment(
    task: &Task<'_>,
    name: &str,
    project: &Project,
    spec: &Buildspec,
    sources: &Sources,
) -> Result<BTreeMap<String, String>, Undone> {
    let mut all: BTreeMap<String, String> = INHERITED
        .iter()
        .filter_map(|name| Some(((*name).to_owned(), std::env::var(name).ok()?)))
        .collect();
    // Whatever lies above the folder of builds is none of their repositories.
    let ceiling = task.engine.scratch.to_string_lossy().into_owned();
    all.insert("GIT_CEILING_DIRECTORIES".to_owned(), ceiling);
    all.extend(credentials(task, project)?);
    all.extend(own(task, name, sources));
    all.extend(spec.variables.clone());
    all.extend(project.environment.clone());
    all.extend(of_action(task)?);
    Ok(all)
}

fn credentials(task: &Task<'_>, project: &Project) -> Result<Vec<(String, String)>> {
    let home = &task.engine.home;
    let credentials = match &project.role {
        Some(role) => {
            role::trusts(home, role, "codebuild.amazonaws.com")?;
            home.assume_role(role, "codebuild", None, None)?
        }
        None => home.credentials().clone(),
    };
    let region = task.action.region.as_deref().unwrap_or(home.region());
    let pairs = [
        ("AWS_ENDPOINT_URL", home.endpoint()),
        (
            "AWS_ENDPOINT_URL_CODEPIPELINE",
            task.engine.codepipeline.clone(),
        ),
        ("AWS_REGION", region.to_owned()),
        ("AWS_DEFAULT_REGION", region.to_owned()),
        ("AWS_ACCESS_KEY_ID", credentials.access_key_id().to_owned()),
        (
            "AWS_SECRET_ACCESS_KEY",
            credentials.secret_access_key().to_owned(),
        ),
        (
            "AWS_SESSION_TOKEN",
            credentials.session_token().unwrap_or_default().to_owned(),
        ),
        // Nothing of the person's own account is in reach.
        ("AWS_CONFIG_FILE", "/dev/null".to_owned()),
        ("AWS_SHARED_CREDENTIALS_FILE", "/dev/null".to_owned()),
        ("AWS_EC2_METADATA_DISABLED", "true".to_owned()),
    ];
    let filled = pairs.into_iter().filter(|(_, value)| !value.is_empty());
    Ok(filled
        .map(|(name, value)| (name.to_owned(), value))
        .collect())
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
