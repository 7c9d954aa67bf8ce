//! A Source action: a given folder, or an object of the emulator's S3.

use std::collections::BTreeMap;
use std::path::Path;
use std::time::{SystemTime, UNIX_EPOCH};

use anyhow::Context;
use serde_json::{Value, json};

use super::act::{Done, Task, Undone};
use super::artifacts;
use super::audience::Problem;
use super::commit::Commit;
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

/// What a source adds to an execution's `artifactRevisions`; a retry's takes the first one's place.
fn note_revision(task: &Task<'_>, revision: Value) {
    task.engine.note(|known| {
        let runs = &mut known.executions;
        if let Some(run) = runs.iter_mut().find(|run| run.id == task.execution) {
            put_revision(&mut run.revisions, revision);
        }
    });
}

fn put_revision(revisions: &mut Vec<Value>, revision: Value) {
    let name = &revision["name"];
    match revisions.iter_mut().find(|known| known["name"] == *name) {
        Some(known) => *known = revision,
        None => revisions.push(revision),
    }
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
    let commit = Commit::of(folder);
    let revision = match &commit {
        Some(commit) => commit.id.clone(),
        None => artifacts::revision(&zip),
    };
    let configured = |name: &str| task.configuration.get(name).cloned().unwrap_or_default();
    let named = |pairs: &[(&str, String)]| -> BTreeMap<String, String> {
        let filled = pairs.iter().filter(|(_, value)| !value.is_empty());
        filled
            .map(|(name, value)| ((*name).to_owned(), value.clone()))
            .collect()
    };
    let summary = match &commit {
        Some(commit) => commit.subject.clone(),
        None => format!("the folder {}", folder.display()),
    };
    let authored = commit.map(|commit| commit.authored).unwrap_or_default();
    let commit = |branch: &str, repository: &str| {
        vec![
            ("CommitId", revision.clone()),
            ("CommitMessage", summary.clone()),
            ("AuthorDate", authored.clone()),
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
        "ECR" => image(
            task.engine.home.id(),
            task.engine.home.region(),
            &task.configuration,
            &artifacts::digest(&zip),
        ),
        _ => commit("BranchName", "RepositoryName"),
    };
    // A folder does not know all that a commit does: the person may.
    let mut variables = named(&variables);
    let namespace = task.action.namespace.as_ref();
    let given = namespace.and_then(|name| task.engine.inputs.outputs.get(name));
    variables.extend(given.cloned().unwrap_or_default());
    Ok(Found {
        zip,
        revision,
        summary,
        variables,
    })
}

/// The variables of an image, whose digest is the folder's.
fn image(
    account: &str,
    region: &str,
    configuration: &BTreeMap<String, String>,
    digest: &str,
) -> Vec<(&'static str, String)> {
    let configured = |name: &str| configuration.get(name).cloned();
    let repository = configured("RepositoryName").unwrap_or_default();
    let tag = configured("ImageTag").unwrap_or_else(|| "latest".to_owned());
    let digest = format!("sha256:{digest}");
    let address = format!("{account}.dkr.ecr.{region}.amazonaws.com/{repository}@{digest}");
    vec![
        ("RegistryId", account.to_owned()),
        ("RepositoryName", repository),
        ("ImageTag", tag),
        ("ImageDigest", digest),
        ("ImageURI", address),
    ]
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_source_has_one_revision_however_often_it_is_repeated() {
        let revision = |name: &str, id: u32| json!({ "name": name, "revisionId": id });
        let mut revisions = Vec::new();
        for (name, id) in [("A", 1), ("B", 2), ("A", 3)] {
            put_revision(&mut revisions, revision(name, id));
        }
        assert_eq!(revisions, [revision("A", 3), revision("B", 2)]);
    }

    #[test]
    fn an_image_has_the_variables_of_ecr() {
        let configuration = BTreeMap::from([("RepositoryName".to_owned(), "orders".to_owned())]);
        let found = image("111111111111", "eu-west-1", &configuration, "ab");
        let expected = [
            ("RegistryId", "111111111111"),
            ("RepositoryName", "orders"),
            ("ImageTag", "latest"),
            ("ImageDigest", "sha256:ab"),
            (
                "ImageURI",
                "111111111111.dkr.ecr.eu-west-1.amazonaws.com/orders@sha256:ab",
            ),
        ];
        assert_eq!(
            found,
            expected.map(|(name, value)| (name, value.to_owned()))
        );
    }
}
