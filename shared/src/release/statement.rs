//! What a release says: an in-toto Statement v1. Subjects are artifacts and images by sha256; the
//! predicate is everything that a gate needs to know about them.
//!
//! Its canonical form is JSON without white space whose keys are sorted, with whole numbers, and
//! without the time of writing: a repeated copy has the same bytes.

use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::rollout_file::images::Image;

/// The form of the whole, as in-toto names it.
pub const STATEMENT_TYPE: &str = "https://in-toto.io/Statement/v1";
/// The form of the predicate; another meaning gets another number.
pub const PREDICATE_TYPE: &str = "urn:redbutton:release:v1";

/// A release's statement.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Statement {
    /// [`STATEMENT_TYPE`].
    #[serde(rename = "_type")]
    pub kind: String,
    /// Artifacts by key below the release's folder, images by repository.
    pub subject: Vec<Subject>,
    /// [`PREDICATE_TYPE`].
    pub predicate_type: String,
    /// What is said about the subjects.
    pub predicate: Predicate,
}

/// What a statement is about.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Subject {
    /// The object's name in the release's folder, or the image's repository.
    pub name: String,
    /// By algorithm.
    pub digest: SubjectDigest,
}

/// A subject's digests.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct SubjectDigest {
    /// 64 hexadecimal digits.
    pub sha256: String,
}

/// What is said of a release.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Predicate {
    /// Where it may be released, and nowhere else.
    pub destination: Destination,
    /// Where it comes from.
    pub source: Source,
    /// What was delivered with it.
    pub artifacts: Vec<Artifact>,
    /// Images as they are written in the artifacts, each with the digest that served in test.
    pub images: Vec<ReleasedImage>,
    /// The rollouts to test.
    pub tests: Vec<Test>,
    /// Who approved.
    pub approvals: Vec<Approval>,
    /// What the approver could see of production.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub preview: Option<Preview>,
    /// What production is to do.
    pub rollout: Rollout,
}

/// The environment that a release is for.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Destination {
    /// Twelve digits.
    pub account: String,
    /// Such as `ap-southeast-2`.
    pub region: String,
    /// The bucket of its releases.
    pub bucket: String,
}

/// The pipeline execution that made it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Source {
    /// The pipeline's account.
    pub account: String,
    /// The pipeline's region.
    pub region: String,
    /// The pipeline.
    pub pipeline: String,
    /// The execution's id.
    pub execution: String,
    /// What it ran with: a revision of each source.
    pub revisions: Vec<Revision>,
}

/// A source's revision.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Revision {
    /// The output artifact of the source action.
    pub artifact: String,
    /// A commit, an image's digest, an object's version.
    pub id: String,
    /// What the source says about it.
    pub summary: String,
    /// Where it can be looked at.
    pub url: String,
}

/// A delivered object.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Artifact {
    /// The artifact's name in the pipeline.
    pub artifact: String,
    /// The file in it that was delivered; none for the whole zip.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub path: Option<String>,
    /// The object's key in the bucket.
    pub key: String,
    /// The object's version.
    pub version: String,
    /// Bytes.
    pub size: u64,
    /// 64 hexadecimal digits.
    pub sha256: String,
}

/// An image of the release.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ReleasedImage {
    /// As it is written in the image files and task definitions of the release.
    pub image: String,
    /// The digest that served in test: `sha256:…`.
    pub digest: String,
}

/// A rollout to test that came to a good end.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Test {
    /// The stage.
    pub stage: String,
    /// The action in it.
    pub action: String,
    /// The action execution's id.
    pub id: String,
    /// Seconds since the epoch.
    pub ended: u64,
    /// The updater's output variable `Proof`.
    pub proof: Value,
}

/// A manual approval that was given.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Approval {
    /// The stage.
    pub stage: String,
    /// The action in it.
    pub action: String,
    /// The action execution's id.
    pub id: String,
    /// Who approved, by ARN.
    pub by: String,
    /// When, seconds since the epoch.
    pub at: u64,
    /// What was said.
    pub comment: String,
}

/// The preview that an approver could see.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Preview {
    /// The action execution's id.
    pub id: String,
    /// The live state that it saw.
    pub fingerprint: String,
    /// Where its page lies.
    pub page: String,
}

/// What production is to do.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Rollout {
    /// `Artifact::path`.
    pub place: String,
    /// The rollout file.
    pub file: Value,
}

impl Statement {
    /// The statement of a release, whose subjects are the predicate's artifacts and images.
    pub fn new(predicate: Predicate) -> Self {
        let folder = super::folder(&super::name(
            &predicate.source.pipeline,
            &predicate.source.execution,
        ));
        let subject = |name: &str, sha256: &str| Subject {
            name: name.to_owned(),
            digest: SubjectDigest {
                sha256: sha256.to_owned(),
            },
        };
        let artifacts = predicate.artifacts.iter().map(|artifact| {
            let name = artifact.key.strip_prefix(&folder);
            subject(name.unwrap_or(&artifact.key), &artifact.sha256)
        });
        let images = predicate.images.iter().map(|released| {
            let repository = Image::parse(&released.image).map(|image| image.repository);
            let hex = released.digest.trim_start_matches("sha256:");
            subject(repository.as_deref().unwrap_or(&released.image), hex)
        });
        let mut subjects: Vec<Subject> = Vec::new();
        for one in artifacts.chain(images) {
            if !subjects.contains(&one) {
                subjects.push(one);
            }
        }
        Self {
            kind: STATEMENT_TYPE.to_owned(),
            subject: subjects,
            predicate_type: PREDICATE_TYPE.to_owned(),
            predicate,
        }
    }

    /// What the release is called.
    pub fn name(&self) -> String {
        let source = &self.predicate.source;
        super::name(&source.pipeline, &source.execution)
    }

    /// The canonical form, which is signed.
    pub fn canonical(&self) -> Result<Vec<u8>, serde_json::Error> {
        let mut value = serde_json::to_value(self)?;
        value.sort_all_objects();
        serde_json::to_vec(&value)
    }

    /// Reads a statement; the error says what is not as it must be. A field that this version does
    /// not know makes it another statement than the one that is read, and is refused.
    pub fn parse(payload: &[u8]) -> Result<Self, String> {
        let value: Value = serde_json::from_slice(payload)
            .map_err(|error| format!("the statement is not JSON ({error})"))?;
        let text = |key: &str| value.get(key).and_then(Value::as_str).unwrap_or_default();
        for (key, wanted) in [("_type", STATEMENT_TYPE), ("predicateType", PREDICATE_TYPE)] {
            if text(key) != wanted {
                return Err(format!(
                    "the statement's {key} is {:?}, and this version knows {wanted:?} only",
                    text(key)
                ));
            }
        }
        let statement: Self = serde_json::from_value(value)
            .map_err(|error| format!("the statement does not have a release's form ({error})"))?;
        match Self::new(statement.predicate.clone()) == statement {
            true => Ok(statement),
            false => Err(
                "the statement's subjects are not the artifacts and images that its \
                          predicate names"
                    .to_owned(),
            ),
        }
    }
}

#[cfg(test)]
mod tests;
