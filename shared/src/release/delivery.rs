//! What is delivered, and where it lies: input artifacts as they are, or named files out of them.

use super::ENVELOPE;
use crate::job::Artifact;
use crate::rollout_file::{Place, RolloutFile};

/// What UserParameters ask to be delivered.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Wanted {
    /// An input artifact, by its name.
    Whole(String),
    /// A file in one.
    File(Place),
}

impl Wanted {
    /// `Artifact` or `Artifact::path`; none when it is neither.
    pub fn parse(text: &str) -> Option<Self> {
        if text.contains("::") {
            return Place::parse(text).map(Self::File);
        }
        // As a place's artifact has to be.
        Place::parse(&format!("{text}::file")).map(|place| Self::Whole(place.artifact))
    }

    fn artifact(&self) -> &str {
        match self {
            Self::Whole(name) => name,
            Self::File(place) => &place.artifact,
        }
    }
}

/// An object to be delivered.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Delivery {
    /// The artifact that it comes from.
    pub artifact: Artifact,
    /// The file in it; none for the whole zip.
    pub path: Option<String>,
    /// Its key in the bucket of releases.
    pub key: String,
}

impl Delivery {
    /// What messages call it: `Artifact` or `Artifact::path`.
    pub fn name(&self) -> String {
        match &self.path {
            Some(path) => format!("{}::{path}", self.artifact.name),
            None => self.artifact.name.clone(),
        }
    }
}

/// A key's longest form (bc:s3 ObjectKey), in bytes.
const LONGEST_KEY: usize = 1_024;

/// The objects of a release; without a wish, every input artifact as it is.
pub fn plan(
    inputs: &[Artifact],
    wanted: &[Wanted],
    folder: &str,
) -> Result<Vec<Delivery>, Vec<String>> {
    let all: Vec<Wanted> = match wanted {
        [] => inputs
            .iter()
            .map(|input| Wanted::Whole(input.name.clone()))
            .collect(),
        wanted => wanted.to_vec(),
    };
    let (mut plan, mut wrongs): (Vec<Delivery>, Vec<String>) = (Vec::new(), Vec::new());
    if all.is_empty() {
        wrongs.push("the action has no input artifact, so there is nothing to deliver".to_owned());
    }
    for wanted in all {
        let Some(artifact) = inputs.iter().find(|input| input.name == wanted.artifact()) else {
            let names: Vec<&str> = inputs.iter().map(|input| input.name.as_str()).collect();
            wrongs.push(format!(
                "artifacts: the action has no input artifact {:?}; it has {}",
                wanted.artifact(),
                names.join(", ")
            ));
            continue;
        };
        let (path, key) = match &wanted {
            Wanted::Whole(name) => (None, format!("{folder}{name}.zip")),
            Wanted::File(place) => (
                Some(place.path.clone()),
                format!("{folder}{}/{}", place.artifact, place.path),
            ),
        };
        let plain = path.as_deref().is_none_or(is_plain);
        if !plain || key.len() > LONGEST_KEY {
            wrongs.push(format!(
                "artifacts: {:?} cannot be part of an object's key: no empty, `.` or `..` parts, no \
                 control characters, at most {LONGEST_KEY} bytes in all",
                path.unwrap_or_default()
            ));
            continue;
        }
        if key.ends_with(&format!("/{ENVELOPE}")) {
            wrongs.push(format!(
                "artifacts: a file {ENVELOPE} would be taken for the release itself, which production's \
                 gate waits for; give it another name"
            ));
            continue;
        }
        let delivery = Delivery {
            artifact: artifact.clone(),
            path,
            key,
        };
        if !plan.contains(&delivery) {
            plan.push(delivery);
        }
    }
    if wrongs.is_empty() {
        Ok(plan)
    } else {
        Err(wrongs)
    }
}

fn is_plain(path: &str) -> bool {
    !path.chars().any(|any| any.is_control() || any == '\\')
        && path.split('/').all(|part| !matches!(part, "" | "." | ".."))
}

/// Files that the rollout in production will ask for, and that would not be there. `images` is where
/// its image files are, named or not.
pub fn missing(file: &RolloutFile, images: &[Place], plan: &[Delivery]) -> Vec<String> {
    let mut missing: Vec<String> = Vec::new();
    for place in file.places().iter().chain(images) {
        let delivered = plan.iter().any(|delivery| {
            delivery.artifact.name == place.artifact
                && delivery
                    .path
                    .as_ref()
                    .is_none_or(|path| *path == place.path)
        });
        let text = format!(
            "{place} is what the rollout in production needs, and it would not be delivered: add \
             {:?} or {:?} to \"artifacts\"",
            place.to_string(),
            place.artifact
        );
        if !delivered && !missing.contains(&text) {
            missing.push(text);
        }
    }
    missing
}

/// What speaks against a rollout file for production: it acts as production's own deployer, so it may
/// name no role, and there is nothing to assume.
pub fn names_roles(file: &RolloutFile) -> Vec<String> {
    let named = file
        .targets
        .iter()
        .filter(|target| target.role.is_some() || target.external_id.is_some());
    named
        .map(|target| {
            format!(
                "target {}: a rollout file for production names no \"role\" and no \"externalId\": it \
                 is carried out inside of the production account",
                target.name
            )
        })
        .collect()
}

#[cfg(test)]
mod tests;
