//! UserParameters of the actions that take a rollout file.

mod copier;

use serde_json::Value;

pub use copier::CopierParameters;

use super::door::{Door, Rule, Wrongs};
use super::target::{EXTERNAL_ID, ROLE};
use super::{PLACE, Place, RolloutFile, RolloutSource, written};
use crate::error::Failure;
use crate::job::is_uuid;
use crate::names::RoleArn;

/// UserParameters of the task-definition-updater.
#[derive(Debug, Clone, PartialEq)]
pub struct UserParameters {
    /// The rollout file.
    pub rollout: RolloutSource,
    /// The pipeline execution's id.
    pub execution: String,
    /// The pipeline's name. With it, the job is checked against CodePipeline's own record before
    /// the first write (CONTRACTS 3.2.14, 3.3.2).
    pub pipeline: Option<String>,
}

/// UserParameters of the production-preview.
#[derive(Debug, Clone, PartialEq)]
pub struct PreviewParameters {
    /// What the updater takes as well.
    pub common: UserParameters,
    /// The role to look with, in the account of all targets.
    pub role: RoleArn,
    /// The external id that its trust policy asks for.
    pub external_id: Option<String>,
    /// The role that will roll out: whether it may hand roles to tasks is asked for it.
    pub deployer: Option<RoleArn>,
    /// Whether the page shows the values of environment variables.
    pub show_values: bool,
}

const EXECUTION: Rule = Rule {
    allowed: "what CodePipeline puts in for \"#{codepipeline.PipelineExecutionId}\", a UUID",
    accepts: is_uuid,
};
const PIPELINE: Rule = Rule {
    allowed: "the pipeline's name (1 to 100 letters, digits or .@-_)",
    accepts: |text| {
        (1..=100).contains(&text.len())
            && text
                .bytes()
                .all(|b| b.is_ascii_alphanumeric() || b".@-_".contains(&b))
    },
};

const EXAMPLE: &str =
    r##"{"rollout": "Build::rollout.json", "execution": "#{codepipeline.PipelineExecutionId}"}"##;
const PREVIEW_EXAMPLE: &str = r##"{"rollout": "Build::production.json", "execution": "#{codepipeline.PipelineExecutionId}", "role": "arn:aws:iam::222222222222:role/redbutton-preview", "externalId": "redbutton-preview"}"##;

/// Keys that both have.
const COMMON_KEYS: &[&str] = &["rollout", "execution", "pipeline"];

impl UserParameters {
    /// Reads the action's UserParameters.
    pub fn parse(text: Option<&str>) -> Result<Self, Failure> {
        parse(text, EXAMPLE, Self::from_value)
    }

    /// Reads UserParameters that are JSON; the error is everything that is wrong.
    pub fn from_value(value: &Value) -> Result<Self, Vec<String>> {
        let mut wrongs = Wrongs::default();
        let door = Door::open(value, "", COMMON_KEYS, &mut wrongs);
        let parsed = door.and_then(|mut door| Self::through(&mut door));
        wrongs.or(parsed)
    }

    fn through(door: &mut Door<'_>) -> Option<Self> {
        let rollout = match door.value("rollout") {
            Some(inline @ Value::Object(_)) => {
                // Checked here too, so that UserParameters and rollout file are wrong at once.
                RolloutFile::through(inline, "rollout", door.wrongs());
                Some(RolloutSource::Inline(inline.clone()))
            }
            _ => door
                .required("rollout", PLACE)
                .and_then(Place::parse)
                .map(RolloutSource::File),
        };
        let execution = door.required("execution", EXECUTION).map(str::to_owned);
        let pipeline = door.text("pipeline", PIPELINE).map(str::to_owned);
        Some(Self {
            rollout: rollout?,
            execution: execution?,
            pipeline,
        })
    }
}

impl PreviewParameters {
    /// Reads the action's UserParameters.
    pub fn parse(text: Option<&str>) -> Result<Self, Failure> {
        parse(text, PREVIEW_EXAMPLE, Self::from_value)
    }

    /// Reads UserParameters that are JSON; the error is everything that is wrong.
    pub fn from_value(value: &Value) -> Result<Self, Vec<String>> {
        let mut wrongs = Wrongs::default();
        let door = Door::open(value, "", written::PREVIEW_KEYS, &mut wrongs);
        let parsed = door.and_then(|mut door| {
            let common = UserParameters::through(&mut door);
            let role = door.required("role", ROLE).and_then(RoleArn::parse);
            let external_id = door.text("externalId", EXTERNAL_ID).map(str::to_owned);
            let deployer = door.text("deployer", ROLE).and_then(RoleArn::parse);
            let show_values = door.flag("showValues");
            Some(Self {
                common: common?,
                role: role?,
                external_id,
                deployer,
                show_values,
            })
        });
        wrongs.or(parsed)
    }
}

fn parse<T>(
    text: Option<&str>,
    example: &str,
    read: impl FnOnce(&Value) -> Result<T, Vec<String>>,
) -> Result<T, Failure> {
    let Some(text) = text.filter(|text| !text.trim().is_empty()) else {
        return Err(Failure::configuration(format!(
            "the action has no UserParameters; write for example {example}"
        )));
    };
    let value: Value = serde_json::from_str(text).map_err(|error| {
        Failure::configuration(format!(
            "the action's UserParameters are not JSON ({error}); write for example {example}"
        ))
    })?;
    read(&value).map_err(|wrongs| Failure::findings("the action's UserParameters", &wrongs))
}
