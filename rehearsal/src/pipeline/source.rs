//! A Source action: a given folder, or an object of the emulator's S3.

use std::collections::BTreeMap;
use std::path::Path;
use std::time::{SystemTime, UNIX_EPOCH};

use anyhow::Context;
use serde_json::{Value, json};

use super::act::{Done, Task, Undone, note_revision};
use super::artifacts;
use super::audience::Problem;
use crate::codepipeline::Said;

/// What a source has: a zip, its revision, how it came to be, and variables.
struct Found {
    zip: Vec<u8>,
    revision: String,
    summary: String,
    variables: BTreeMap<String, String>,
}

pub(super) fn run(task: &Task<'_>) -> Result<Done, Undone> {
    let found = match task.engine.inputs.sources.get(&task.action.name) {
        Some(folder) => of_folder(task, folder)?,
        None if task.action.provider == "S3" => of_bucket(task)?,
        None => {
            let name = &task.action.name;
            let message = format!(
                "no emulator has {}: give a folder in its place, --source {name}=FOLDER",
                task.action.provider
            );
            return Err(Problem::new("ConfigurationError", &message).into());
        }
    };
    let actor = task.actor()?;
    for output in &task.outputs {
        artifacts::put(&actor, &task.store, output, found.zip.clone())?;
        note_revision(task, revision(&output.name, &found));
    }
    Ok(Done {
        said: Said {
            external_id: Some(found.revision.clone()),
            summary: Some(found.summary).filter(|summary| !summary.is_empty()),
            error: None,
            variables: found.variables,
        },
        revision: Some(found.revision),
        ..Done::default()
    })
}

/// An `ArtifactRevision`.
fn revision(artifact: &str, found: &Found) -> Value {
    let now = SystemTime::now()
        .duration_since(UNIX_EPOCH)
        .unwrap_or_default();
    json!({
        "name": artifact,
        "revisionId": found.revision,
        "revisionSummary": found.summary,
        "created": now.as_secs_f64(),
    })
}

fn of_folder(task: &Task<'_>, folder: &Path) -> Result<Found, Undone> {
    let files = artifacts::source_files(folder)
        .with_context(|| format!("the folder given for the source {}", task.action.name))?;
    let zip = artifacts::zip(folder, &artifacts::as_they_are(files))?;
    let revision = artifacts::revision(&zip);
    let configured = |name: &str| task.configuration.get(name).cloned().unwrap_or_default();
    let named = |pairs: &[(&str, String)]| -> BTreeMap<String, String> {
        let filled = pairs.iter().filter(|(_, value)| !value.is_empty());
        filled
            .map(|(name, value)| ((*name).to_owned(), value.clone()))
            .collect()
    };
    let summary = format!("the folder {}", folder.display());
    let commit = |branch: &str, repository: &str| {
        vec![
            ("CommitId", revision.clone()),
            ("CommitMessage", summary.clone()),
            ("BranchName", configured(branch)),
            ("RepositoryName", configured(repository)),
        ]
    };
    // The names that each provider gives its variables.
    let variables = match task.action.provider.as_str() {
        "S3" => vec![
            ("BucketName", configured("S3Bucket")),
            ("ObjectKey", configured("S3ObjectKey")),
            ("ETag", revision.chars().take(32).collect()),
            ("VersionId", revision.chars().take(32).collect()),
        ],
        "CodeStarSourceConnection" => {
            let mut all = commit("BranchName", "FullRepositoryId");
            all.retain(|(name, _)| *name != "RepositoryName");
            all.push(("FullRepositoryName", configured("FullRepositoryId")));
            all.push(("ConnectionArn", configured("ConnectionArn")));
            all
        }
        "GitHub" => commit("Branch", "Repo"),
        _ => commit("BranchName", "RepositoryName"),
    };
    Ok(Found {
        zip,
        revision,
        summary,
        variables: named(&variables),
    })
}

/// Reads the object as the pipeline's role.
fn of_bucket(task: &Task<'_>) -> Result<Found, Undone> {
    let configured = |name: &str| task.configuration.get(name).cloned().unwrap_or_default();
    let (bucket, key) = (configured("S3Bucket"), configured("S3ObjectKey"));
    let actor = task.actor()?;
    let shown = || {
        format!(
            "read the source s3://{bucket}/{key}; --source {}=FOLDER gives a folder in its place",
            task.action.name
        )
    };
    let object = actor.object(&bucket, &key).with_context(shown)?;
    let header = |name: &str| {
        let value = object
            .headers
            .get(name)
            .and_then(|value| value.to_str().ok());
        value.unwrap_or_default().trim_matches('"').to_owned()
    };
    let (version, tag) = (header("x-amz-version-id"), header("etag"));
    if version.is_empty() || version == "null" {
        let message =
            format!("the bucket {bucket} has no versions: CodePipeline needs them of a source");
        return Err(Problem::new("ConfigurationError", &message).into());
    }
    let variables = [
        ("BucketName", bucket.clone()),
        ("ObjectKey", key.clone()),
        ("ETag", tag),
        ("VersionId", version.clone()),
    ];
    Ok(Found {
        zip: object.body.to_vec(),
        revision: version,
        summary: format!("s3://{bucket}/{key}"),
        variables: variables
            .map(|(name, value)| (name.to_owned(), value))
            .into(),
    })
}
