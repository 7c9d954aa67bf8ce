//! What people write: UserParameters and the rollout file → types in which nothing is missing.
//!
//! Everything wrong is reported at once. The JSON Schemas in `schemas/` are generated from the
//! types in [`written`]; a property test holds the door and the schemas to the same opinion.

mod door;
pub mod images;
mod order;
pub mod parameters;
pub mod stack;
pub mod target;
pub mod written;

use serde_json::Value;

use door::{Door, Rule, Wrongs};
pub use parameters::{CopierParameters, PreviewParameters, UserParameters};
use target::{Defaults, StackTarget, Target, Unordered};

/// Where the rollout file is.
#[derive(Debug, Clone, PartialEq)]
pub enum RolloutSource {
    /// In UserParameters themselves.
    Inline(Value),
    /// In an input artifact.
    File(Place),
}

/// A file in an input artifact: `Artifact::path`.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Place {
    /// The artifact's name in the pipeline.
    pub artifact: String,
    /// The file's path in it.
    pub path: String,
}

impl Place {
    /// None unless `Artifact::path`.
    pub fn parse(text: &str) -> Option<Self> {
        let (artifact, path) = text.split_once("::")?;
        let name = (1..=100).contains(&artifact.len())
            && artifact
                .bytes()
                .all(|b| b.is_ascii_alphanumeric() || b"_-".contains(&b));
        (name && !path.is_empty()).then(|| Self {
            artifact: artifact.to_owned(),
            path: path.to_owned(),
        })
    }
}

impl std::fmt::Display for Place {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{}::{}", self.artifact, self.path)
    }
}

/// A rollout: what to bring where, and how long it may take.
#[derive(Debug, Clone, PartialEq)]
pub struct RolloutFile {
    /// What changes: one to ten targets, as they are written.
    pub targets: Vec<Target>,
    /// Image files; none means `imagedefinitions.json` of the first artifact that has it.
    pub images: Vec<Place>,
    /// Minutes without progress until the rollout has failed.
    pub stall_minutes: u32,
    /// Minutes until the rollout has failed.
    pub timeout_minutes: u32,
    /// Minutes that going back may take.
    pub rollback_minutes: u32,
    /// What a failure leaves behind.
    pub on_failure: OnFailure,
    /// Exceptions from what is refused by default, each written as the refusal names it.
    pub allow: Vec<String>,
    /// Repositories that images come from, and those that targets pull them from instead; the digest
    /// stays.
    pub repositories: Vec<(String, String)>,
    /// Containers and the SSM parameters that receive their images once they serve.
    pub publish: Vec<(String, String)>,
}

/// What one action takes: as many as one `DescribeServices` does (CONTRACTS 3.5.8).
pub const MOST_TARGETS: usize = 10;

/// What a failed rollout leaves behind.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum OnFailure {
    /// The version that served before, by ECS's circuit breaker or by redbutton.
    Rollback,
    /// Whatever ECS leaves; redbutton adds no rollback of its own.
    Stop,
}

/// What a rollout and its way back may take in all: CodePipeline's 24 hours (CONTRACTS 3.2.4), less
/// one for what lies between two jobs.
const LONGEST_MINUTES: u32 = 23 * 60;

const ANY: Rule = Rule {
    allowed: "a text",
    accepts: |text| !text.is_empty(),
};
const PLACE: Rule = Rule {
    allowed: "a file in an input artifact, as \"Artifact::path\"",
    accepts: |text| Place::parse(text).is_some(),
};
const ON_FAILURE: Rule = Rule {
    allowed: "\"rollback\" or \"stop\"",
    accepts: |text| matches!(text, "rollback" | "stop"),
};

impl RolloutFile {
    /// What may be pulled from elsewhere: the exceptions, and the repositories that are mapped.
    pub fn allowed_elsewhere(&self) -> Vec<String> {
        let mapped = self.repositories.iter().map(|(from, _)| from.clone());
        self.allow.iter().cloned().chain(mapped).collect()
    }

    /// Whether it takes images from a file at all: a stack may take everything from its parameters.
    pub fn wants_images(&self) -> bool {
        let mut targets = self.targets.iter();
        !self.images.is_empty()
            || targets.any(|target| {
                let stack = target.stack();
                stack.is_none_or(|stack| !stack.image_parameters.is_empty())
            })
    }

    /// Every file in an input artifact that it names, each once.
    pub fn places(&self) -> Vec<Place> {
        let mut places = self.images.clone();
        for target in &self.targets {
            places.extend(target.task_definition.clone());
            places.extend(target.stack().into_iter().flat_map(StackTarget::places));
        }
        places.sort();
        places.dedup();
        places
    }

    /// The image where the targets pull it from, by the same tag and digest.
    pub fn mapped(&self, image: &images::Image) -> images::Image {
        let mut each = self.repositories.iter();
        match each.find(|(from, _)| *from == image.repository) {
            Some((_, to)) => images::Image {
                repository: to.clone(),
                ..image.clone()
            },
            None => image.clone(),
        }
    }

    /// Reads a rollout file; the error is everything that is wrong.
    pub fn from_value(value: &Value) -> Result<Self, Vec<String>> {
        let mut wrongs = Wrongs::default();
        let parsed = Self::through(value, "", &mut wrongs);
        wrongs.or(parsed)
    }

    fn through(value: &Value, path: &str, wrongs: &mut Wrongs) -> Option<Self> {
        let mut door = Door::open(value, path, written::ROLLOUT_FILE_KEYS, wrongs)?;
        let stall_minutes = door.number("stallMinutes", 1..=1_260, 15);
        let timeout_minutes = door.number("timeoutMinutes", 1..=1_260, 120);
        let rollback_minutes = door.number("rollbackMinutes", 1..=1_260, 30);
        if timeout_minutes + rollback_minutes > LONGEST_MINUTES {
            door.wrong(
                "timeoutMinutes",
                format!(
                    "and rollbackMinutes must together be at most {LONGEST_MINUTES}, not {}; \
                     CodePipeline ends an action after 24 hours",
                    timeout_minutes + rollback_minutes
                ),
            );
        }
        let on_failure = match door.text("onFailure", ON_FAILURE) {
            Some("stop") => OnFailure::Stop,
            _ => OnFailure::Rollback,
        };
        let allow = door
            .texts("allow", ANY)
            .into_iter()
            .map(str::to_owned)
            .collect();
        let images = door.one_or_several("images", PLACE);
        let images = images.into_iter().filter_map(Place::parse).collect();
        let publish = door.map("publishImage");
        for (container, parameter) in &publish {
            if !is_parameter_name(parameter) {
                door.wrong(
                    &format!("publishImage.{container}"),
                    format!("must be the name of an SSM parameter such as \"/web/image\", not {parameter:?}"),
                );
            }
        }
        let repositories = door.map("repositories");
        for (from, to) in &repositories {
            if let Some(unfit) = [from, to].into_iter().find(|text| !is_repository(text)) {
                door.wrong(
                    &format!("repositories.{from}"),
                    format!(
                        "must map a repository to another, both with their registry and without \
                         tag and digest, not {unfit:?}"
                    ),
                );
            }
        }
        let defaults = Defaults::through(&mut door);
        let targets = Self::targets(&mut door, &defaults);
        Some(Self {
            targets: targets?,
            images,
            stall_minutes,
            timeout_minutes,
            rollback_minutes,
            on_failure,
            allow,
            repositories,
            publish,
        })
    }

    fn targets(door: &mut Door<'_>, defaults: &Defaults) -> Option<Vec<Target>> {
        let problem = format!("must be a list of 1 to {MOST_TARGETS} targets");
        let Some(targets) = door.value("targets").and_then(Value::as_array) else {
            door.wrong("targets", problem);
            return None;
        };
        let path = door.at("targets");
        let parsed: Vec<Option<Unordered>> = targets
            .iter()
            .enumerate()
            .map(|(n, target)| {
                Unordered::through(target, &format!("{path}[{n}]"), defaults, door.wrongs())
            })
            .collect();
        if !(1..=MOST_TARGETS).contains(&targets.len()) {
            let problem = format!(
                "{problem}, not {}; for more, put another action into the stage",
                targets.len()
            );
            door.wrong("targets", problem);
        }
        // Names are looked up once all targets could be read.
        let parsed: Vec<Unordered> = parsed.into_iter().collect::<Option<_>>()?;
        Some(order::ordered(parsed, &path, door.wrongs()))
    }
}

/// Letters, digits and `.-_/`, at most 1,011 characters (bc:ssm PutParameter).
fn is_parameter_name(text: &str) -> bool {
    (1..=1_011).contains(&text.len())
        && text
            .bytes()
            .all(|b| b.is_ascii_alphanumeric() || b".-_/".contains(&b))
}

/// A repository without tag and digest.
fn is_repository(text: &str) -> bool {
    let plain = |b: u8| b.is_ascii_alphanumeric() || b"._/:-".contains(&b);
    let end = |b: &u8| b.is_ascii_alphanumeric() || b"_-".contains(b);
    text.bytes().all(plain)
        && text.as_bytes().last().is_some_and(end)
        && images::Image::parse(text).is_some_and(|image| image.tag.is_none())
}

#[cfg(test)]
mod tests;
