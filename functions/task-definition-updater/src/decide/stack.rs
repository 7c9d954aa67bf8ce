//! What a stack target is given, and what speaks against it. Pure.

use std::collections::BTreeMap;

use shared::preflight::FLOATING_TAG;
use shared::rollout_file::Place;
use shared::rollout_file::images::Image;
use shared::rollout_file::stack::{Parameters, StackTarget, Written};
use shared::stack::configuration::{Configuration, get_param};
use shared::stack::standing::Standing;
use shared::stack::{Stack, Status};

/// `allow` entry for a stack without a role of its own: CloudFormation acts with the rights of who
/// calls it.
pub const CALLERS_RIGHTS: &str = "callersRights";

/// Parameters and tags that the rollout file and the artifacts give a stack.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Given {
    /// Keys and values.
    pub parameters: Vec<(String, String)>,
    /// None keeps the stack's tags.
    pub tags: Option<Vec<(String, String)>>,
}

/// Reads what a target is given out of the files that it names. The error is everything that is
/// wrong.
pub fn given(target: &StackTarget, files: &BTreeMap<Place, Vec<u8>>) -> Result<Given, Vec<String>> {
    let bytes = |place: &Place| files.get(place).map(Vec::as_slice).unwrap_or_default();
    let mut wrongs = Vec::new();
    let mut given = Given::default();
    match &target.parameters {
        Parameters::File(place) => match Configuration::parse(bytes(place)) {
            Ok(configuration) => {
                given.parameters = configuration.parameters;
                given.tags = configuration.tags;
            }
            Err(all) => wrongs.extend(all.iter().map(|wrong| format!("{place}: {wrong}"))),
        },
        Parameters::Inline(values) => {
            for (key, written) in values {
                let value = match written {
                    Written::Text(text) => Ok(text.clone()),
                    Written::FromFile(place, name) => get_param(bytes(place), name)
                        .map_err(|wrong| format!("parameters.{key}: {place}: {wrong}")),
                };
                match value {
                    Ok(value) => given.parameters.push((key.clone(), value)),
                    Err(wrong) => wrongs.push(wrong),
                }
            }
        }
    }
    if let Some(own) = &target.tags {
        let tags = given.tags.get_or_insert_default();
        for (key, value) in own {
            tags.retain(|(known, _)| known != key);
            tags.push((key.clone(), value.clone()));
        }
    }
    if wrongs.is_empty() {
        Ok(given)
    } else {
        Err(wrongs)
    }
}

/// Whether the stack may be worked on: who else is at work, if anybody. The error says why not.
pub fn standing(target: &StackTarget, standing: Standing) -> Result<Option<String>, String> {
    match standing {
        Standing::Ready => Ok(None),
        Standing::Busy(text) => Ok(Some(text)),
        Standing::Stuck(text) => Err(text),
        Standing::Missing | Standing::InReview if target.create => Ok(None),
        Standing::Missing => Err(format!(
            "there is no stack {} here; correct \"stack\", or write \"create\": true to make it",
            target.stack
        )),
        Standing::InReview => Err(format!(
            "stack {} was never made, it only has change sets to be reviewed; write \"create\": true \
             to make it",
            target.stack
        )),
    }
}

/// What CloudFormation itself needs is no business of the rollout's role.
pub fn role(target: &StackTarget, stack: Option<&Stack>, allow: &[String]) -> Vec<String> {
    let has_one = target.cloudformation_role.is_some() || stack.is_some_and(|s| s.role.is_some());
    if has_one || allow.iter().any(|entry| entry == CALLERS_RIGHTS) {
        return Vec::new();
    }
    vec![format!(
        "the stack has no role that CloudFormation acts with; name one by \"cloudFormationRole\". To \
         let it act with the rights of the rollout's own role, write {CALLERS_RIGHTS:?} into \"allow\""
    )]
}

/// An image that is handed to a parameter has to be pinned, or to be known to float.
pub fn floating(image: &Image, allow: &[String]) -> Option<String> {
    let fixed = image.digest.is_some() || image.ecr().is_some();
    (!fixed && !allow.iter().any(|entry| entry == FLOATING_TAG)).then(|| {
        format!(
            "image {image} has a tag and no digest, and is not in ECR, where redbutton could look it \
             up; write repository@sha256:… into the image file, or {FLOATING_TAG:?} into \"allow\""
        )
    })
}

/// Why a change set cannot be executed.
pub fn unusable(status: &Status, execution: &str, reason: &str) -> String {
    let reason = reason.trim();
    match status {
        Status::Failed => format!("CloudFormation cannot make the change set: {reason}"),
        _ if execution == "OBSOLETE" => {
            "somebody else changed the stack since this attempt made its \
                                         change set; retry the stage"
                .to_owned()
        }
        status => format!("the change set cannot be executed ({status:?}, {execution}): {reason}"),
    }
}

/// The last part of an ARN.
pub fn id(arn: &str) -> &str {
    arn.rsplit('/').next().unwrap_or_default()
}
