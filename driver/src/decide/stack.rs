//! What a stack target is given, and what speaks against it. Pure.

use std::collections::BTreeMap;

use shared::preflight::FLOATING_TAG;
use shared::rollout_file::images::{Image, ImageFile};
use shared::rollout_file::stack::{Parameters, StackTarget, Written};
use shared::rollout_file::target::Target;
use shared::rollout_file::{Place, RolloutFile};
use shared::stack::configuration::{Configuration, get_param};
use shared::stack::standing::Standing;
use shared::stack::{Stack, Status, parameters};

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

/// Whether a stack's template is another than the new one. CloudFormation gives every sign beyond ASCII
/// back as a question mark: with nothing else between them, they are the same.
pub fn differs(before: &str, new: &str) -> bool {
    let ascii = |c: char| if c.is_ascii() { c } else { '?' };
    let by_sign: String = new.chars().map(ascii).collect();
    let by_byte = new.bytes().map(|b| if b.is_ascii() { b } else { b'?' });
    before != new && before != by_sign && !before.bytes().eq(by_byte)
}

/// The images that stacks take.
pub fn elsewhere(file: &RolloutFile, images: &[ImageFile]) -> Vec<Image> {
    let stacks = file.targets.iter().filter_map(Target::stack);
    let taken = stacks.flat_map(|stack| parameters::images(&stack.image_parameters, images).0);
    taken.map(|(_, image)| image).collect()
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

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::{Value, json};

    fn target(more: &Value) -> StackTarget {
        let mut target = json!({"stack": "web", "template": "Build::web.yaml"});
        for (key, value) in more.as_object().unwrap() {
            target[key] = value.clone();
        }
        let file = json!({"targets": [target], "region": "ap-southeast-2"});
        let mut file = RolloutFile::from_value(&file).unwrap();
        file.targets.remove(0).stack().unwrap().clone()
    }

    fn files(content: &Value) -> BTreeMap<Place, Vec<u8>> {
        let place = Place::parse("Build::test.json").unwrap();
        BTreeMap::from([(place, content.to_string().into_bytes())])
    }

    fn pairs(pairs: &[(&str, &str)]) -> Vec<(String, String)> {
        let each = pairs.iter();
        each.map(|(key, value)| ((*key).to_owned(), (*value).to_owned()))
            .collect()
    }

    // rules: 3.6.11 3.6.16
    #[test]
    fn parameters_and_tags_come_from_a_configuration_and_own_tags_win() {
        let target = target(&json!({"parameters": "Build::test.json", "tags": {"team": "web"}}));
        let content =
            json!({"Parameters": {"Cpu": "512"}, "Tags": {"team": "old", "stage": "test"}});
        let given = given(&target, &files(&content)).unwrap();
        assert_eq!(given.parameters, pairs(&[("Cpu", "512")]));
        assert_eq!(
            given.tags,
            Some(pairs(&[("stage", "test"), ("team", "web")]))
        );
        let kept = super::given(&self::target(&json!({})), &BTreeMap::new()).unwrap();
        assert_eq!(kept, Given::default(), "left out, they stay");
    }

    // rules: 3.6.16
    #[test]
    fn a_parameter_may_be_a_key_of_a_file() {
        let from_file = json!({"Fn::GetParam": ["Build", "test.json", "Uri"]});
        let target = target(&json!({"parameters": {"Image": from_file, "Count": 2}}));
        let given_of = |content: Value| given(&target, &files(&content));
        assert_eq!(
            given_of(json!({"Uri": "r/web:2"})).unwrap().parameters,
            pairs(&[("Image", "r/web:2"), ("Count", "2")])
        );
        let wrongs = given_of(json!({"Other": "x"})).unwrap_err();
        assert!(
            wrongs[0].starts_with("parameters.Image: Build::test.json: ")
                && wrongs[0].contains("Other"),
            "{wrongs:?}"
        );
    }

    // rules: 3.6.7
    #[test]
    fn a_stack_that_is_not_there_is_made_when_that_is_asked_for() {
        let (plain, create) = (target(&json!({})), target(&json!({"create": true})));
        for none in [Standing::Missing, Standing::InReview] {
            assert_eq!(standing(&create, none.clone()), Ok(None));
            assert!(
                standing(&plain, none)
                    .unwrap_err()
                    .contains("\"create\": true")
            );
        }
        let busy = Standing::Busy("at work".into());
        assert_eq!(standing(&plain, busy), Ok(Some("at work".into())));
        assert!(standing(&create, Standing::Stuck("stuck".into())).is_err());
    }

    // rules: 3.6.11
    #[test]
    fn cloudformation_acts_with_a_role_of_its_own() {
        let role = "arn:aws:iam::333333333333:role/cloudformation";
        let with_one = target(&json!({"cloudFormationRole": role}));
        let (without, sticky) = (
            target(&json!({})),
            Stack {
                role: Some(role.into()),
                ..Stack::default()
            },
        );
        assert_eq!(super::role(&with_one, None, &[]), [""; 0]);
        assert_eq!(super::role(&without, Some(&sticky), &[]), [""; 0]);
        assert!(super::role(&without, None, &[])[0].contains("\"cloudFormationRole\""));
        let allow = [CALLERS_RIGHTS.to_owned()];
        assert_eq!(super::role(&without, None, &allow), [""; 0]);
    }

    // rules: 3.6.5 3.6.6
    #[test]
    fn a_change_set_that_cannot_be_executed_says_why() {
        let why = |status, execution| unusable(&status, execution, "Template error: no such thing");
        assert!(why(Status::Failed, "UNAVAILABLE").contains("no such thing"));
        assert!(why(Status::Complete, "OBSOLETE").contains("somebody else"));
        let deleting = Status::Other("DELETE_PENDING".into());
        assert!(why(deleting, "UNAVAILABLE").contains("DELETE_PENDING"));
    }

    #[test]
    fn a_template_that_comes_back_with_question_marks_is_the_same_one() {
        for (before, differs) in [
            ("Größe: 2", false),
            ("Gr??e: 2", false),
            ("Gr????e: 2", false),
            ("Gr??e: 3", true),
            ("Große: 2", true),
        ] {
            assert_eq!(super::differs(before, "Größe: 2"), differs, "{before}");
        }
    }

    #[test]
    fn an_image_for_a_parameter_is_pinned_or_known_to_float() {
        let image = |text: &str| Image::parse(text).unwrap();
        let floats = image("docker.io/web:2");
        assert!(floating(&floats, &[]).unwrap().contains("docker.io/web:2"));
        assert_eq!(floating(&floats, &[FLOATING_TAG.to_owned()]), None);
        let in_ecr = "333333333333.dkr.ecr.ap-southeast-2.amazonaws.com/web:2";
        assert_eq!(floating(&image(in_ecr), &[]), None, "looked up there");
    }
}
