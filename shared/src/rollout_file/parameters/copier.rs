//! UserParameters of the artifact-copier.

use serde_json::Value;

use super::super::door::{Door, Rule, Wrongs};
use super::super::stack::BUCKET;
use super::super::target::{EXTERNAL_ID, REGION, ROLE};
use super::super::{PLACE, Place, written};
use super::{EXECUTION, PIPELINE, parse};
use crate::error::Failure;
use crate::names::{Account, Arn, Region, RoleArn};
use crate::release::delivery::Wanted;

/// UserParameters of the artifact-copier.
#[derive(Debug, Clone, PartialEq)]
pub struct CopierParameters {
    /// The bucket of releases, in the role's account.
    pub bucket: String,
    /// The bucket's region.
    pub region: Region,
    /// The role that writes there.
    pub role: RoleArn,
    /// The external id that its trust policy asks for.
    pub external_id: Option<String>,
    /// The pipeline's name.
    pub pipeline: String,
    /// The pipeline execution's id.
    pub execution: String,
    /// The rollout file for production.
    pub rollout: Place,
    /// What is delivered; empty means every input artifact as it is.
    pub artifacts: Vec<Wanted>,
    /// The key that the objects are encrypted with; none means the bucket's own choice.
    pub key: Option<String>,
    /// The key that signs; none means the one of the function's stack.
    pub signing_key: Option<String>,
    /// The approvals that have to be there, each as `Stage/Action`; at least one, unless none is asked
    /// for.
    pub approvals: Vec<String>,
    /// Whether the action goes on until production has come to an end.
    pub follow: bool,
}

/// `arn:…:kms:<region>:<account>:key/<id>`: an alias or a bare id means another key in another
/// account (CONTRACTS 3.1.8, 3.8.5).
const KEY: Rule = Rule {
    allowed: "a KMS key's ARN such as \"arn:aws:kms:ap-southeast-2:222222222222:key/…\", not an alias",
    accepts: |text| {
        Arn::parse(text).is_some_and(|arn| {
            let id = arn.resource.strip_prefix("key/").unwrap_or_default();
            let plain = |byte: u8| byte.is_ascii_alphanumeric() || byte == b'-';
            let partition = |byte: u8| byte.is_ascii_lowercase() || byte == b'-';
            arn.partition.bytes().all(partition)
                && arn.service == "kms"
                && Region::parse(arn.region).is_some()
                && Account::parse(arn.account).is_some()
                && (1..=128).contains(&id.len())
                && id.bytes().all(plain)
        })
    },
};
const WANTED: Rule = Rule {
    allowed: "an input artifact (\"Artifact\") or a file in one (\"Artifact::path\")",
    accepts: |text| Wanted::parse(text).is_some(),
};
const APPROVAL: Rule = Rule {
    allowed: "a manual approval of the pipeline, as \"Stage/Action\"",
    accepts: |text| {
        let name = |name: &str| {
            (1..=100).contains(&name.len())
                && name
                    .bytes()
                    .all(|b| b.is_ascii_alphanumeric() || b".@-_".contains(&b))
        };
        text.split_once('/')
            .is_some_and(|(stage, action)| name(stage) && name(action))
    },
};

const EXAMPLE: &str = r##"{"bucket": "…", "region": "ap-southeast-2", "role": "arn:aws:iam::222222222222:role/redbutton-release", "externalId": "…", "pipeline": "…", "execution": "#{codepipeline.PipelineExecutionId}", "rollout": "Build::production.json", "approval": "Production/Approve"}"##;

impl CopierParameters {
    /// Reads the action's UserParameters.
    pub fn parse(text: Option<&str>) -> Result<Self, Failure> {
        parse(text, EXAMPLE, Self::from_value)
    }

    /// Reads UserParameters that are JSON; the error is everything that is wrong.
    pub fn from_value(value: &Value) -> Result<Self, Vec<String>> {
        let mut wrongs = Wrongs::default();
        let door = Door::open(value, "", written::COPIER_KEYS, &mut wrongs);
        let parsed = door.and_then(|mut door| Self::through(&mut door));
        wrongs.or(parsed)
    }

    fn through(door: &mut Door<'_>) -> Option<Self> {
        let bucket = door.required("bucket", BUCKET);
        let region = door.required("region", REGION).and_then(Region::parse);
        let role = door.required("role", ROLE).and_then(RoleArn::parse);
        let external_id = door.text("externalId", EXTERNAL_ID);
        let pipeline = door.required("pipeline", PIPELINE);
        let execution = door.required("execution", EXECUTION);
        let rollout = door.required("rollout", PLACE).and_then(Place::parse);
        let none = |value: &Value| value.as_array().is_some_and(Vec::is_empty);
        let artifacts = door.one_or_several("artifacts", WANTED);
        if door.value("artifacts").is_some_and(none) {
            door.wrong(
                "artifacts",
                "is empty; leave it out to deliver every input artifact",
            );
        }
        let key = door.text("key", KEY).map(str::to_owned);
        let signing_key = door.text("signingKey", KEY).map(str::to_owned);
        let approvals = door.one_or_several("approval", APPROVAL);
        let required = door.flag_or("requireApproval", true);
        if door.value("approval").is_some_and(none) {
            door.wrong("approval", "is empty; leave it out, or name an approval");
        }
        if required && door.value("approval").is_none() {
            door.wrong(
                "approval",
                "is missing; it must be the manual approval that this release needs, as \
                 \"Stage/Action\" (or several, in a list). A release that nobody has to approve says \
                 \"requireApproval\": false",
            );
        }
        let follow = door.flag_or("follow", true);
        Some(Self {
            bucket: bucket?.to_owned(),
            region: region?,
            role: role?,
            external_id: external_id.map(str::to_owned),
            pipeline: pipeline?.to_owned(),
            execution: execution?.to_owned(),
            rollout: rollout?,
            artifacts: artifacts.into_iter().filter_map(Wanted::parse).collect(),
            key,
            signing_key,
            approvals: approvals.into_iter().map(str::to_owned).collect(),
            follow,
        })
    }
}

#[cfg(test)]
mod tests;
