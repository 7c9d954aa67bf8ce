//! A `stack` target: a CloudFormation stack, and what it is updated with.

use serde_json::Value;

use super::door::{Door, Rule};
use super::target::ROLE;
use super::{ANY, PLACE, Place};
use crate::names::RoleArn;
use crate::stack::configuration::{text_of, wrong_tags};

/// A stack and what is to become of it (CONTRACTS 3.6).
#[derive(Debug, Clone, PartialEq)]
pub struct StackTarget {
    /// The stack's name.
    pub stack: String,
    /// The template; none means that the one before stays.
    pub template: Option<Place>,
    /// Parameters and tags from a CodePipeline template configuration, or parameters as written.
    pub parameters: Parameters,
    /// Names of containers or images, and the parameters that receive those images.
    pub image_parameters: Vec<(String, String)>,
    /// Capabilities that are granted.
    pub capabilities: Vec<String>,
    /// The role that CloudFormation acts with; none means the one that the stack has.
    pub cloudformation_role: Option<RoleArn>,
    /// Resources that may be removed or replaced: `Database`, `Nested/Database`.
    pub allow_replacement: Vec<String>,
    /// The stack's tags; none means that they stay.
    pub tags: Option<Vec<(String, String)>>,
    /// A bucket in the stack's region and account for templates over 51,200 bytes.
    pub template_bucket: Option<String>,
    /// Whether the stack may be made when there is none.
    pub create: bool,
}

/// Where a stack's parameters come from. What is left out keeps its value.
#[derive(Debug, Clone, PartialEq)]
pub enum Parameters {
    /// A template configuration in an artifact.
    File(Place),
    /// As written in the rollout file.
    Inline(Vec<(String, Written)>),
}

/// A parameter's value.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Written {
    /// As it is.
    Text(String),
    /// `Fn::GetParam`: a key of a JSON file in an artifact.
    FromFile(Place, String),
}

const STACK: Rule = Rule {
    allowed: "a stack's name, not an ARN (a letter, then up to 127 letters, digits or -)",
    accepts: |text| {
        text.len() <= 128
            && text.starts_with(|first: char| first.is_ascii_alphabetic())
            && is_made_of(text, "-")
    },
};
const PARAMETER: Rule = Rule {
    allowed: "the name of a parameter (1 to 255 letters and digits)",
    accepts: |text| (1..=255).contains(&text.len()) && is_made_of(text, ""),
};
const CAPABILITY: Rule = Rule {
    allowed: "\"CAPABILITY_IAM\", \"CAPABILITY_NAMED_IAM\" or \"CAPABILITY_AUTO_EXPAND\"",
    accepts: |text| {
        ["IAM", "NAMED_IAM", "AUTO_EXPAND"]
            .iter()
            .any(|name| text.strip_prefix("CAPABILITY_") == Some(name))
    },
};
pub(super) const BUCKET: Rule = Rule {
    allowed: "a bucket's name (3 to 63 lower-case letters, digits, . or -)",
    accepts: |text| {
        let ends = |end: Option<char>| end.is_some_and(|end| end.is_ascii_alphanumeric());
        (3..=63).contains(&text.len())
            && is_made_of(text, ".-")
            && !text.contains(|any: char| any.is_ascii_uppercase())
            && ends(text.chars().next())
            && ends(text.chars().next_back())
    },
};

/// Whether a text has only ASCII letters, digits, and the others named.
fn is_made_of(text: &str, others: &str) -> bool {
    text.chars()
        .all(|any| any.is_ascii_alphanumeric() || others.contains(any))
}

const GET_PARAM: &str = r#"{"Fn::GetParam": ["Artifact", "file.json", "Key"]}"#;

impl StackTarget {
    /// The files that it names.
    pub(super) fn places(&self) -> Vec<Place> {
        let mut places: Vec<Place> = self.template.iter().cloned().collect();
        match &self.parameters {
            Parameters::File(place) => places.push(place.clone()),
            Parameters::Inline(values) => {
                places.extend(values.iter().filter_map(|(_, value)| match value {
                    Written::FromFile(place, _) => Some(place.clone()),
                    Written::Text(_) => None,
                }));
            }
        }
        places
    }

    pub(super) fn through(door: &mut Door<'_>) -> Option<Self> {
        let owned = |texts: Vec<&str>| texts.into_iter().map(str::to_owned).collect();
        let stack = door.required("stack", STACK);
        let template = door.text("template", PLACE).and_then(Place::parse);
        let parameters = parameters(door);
        let image_parameters = image_parameters(door, &parameters);
        let capabilities = owned(door.texts("capabilities", CAPABILITY));
        let role = door.text("cloudFormationRole", ROLE);
        let allow_replacement = owned(door.texts("allowReplacement", ANY));
        let tags = door.value("tags").is_some().then(|| door.map("tags"));
        for (at, wrong) in tags.iter().flat_map(|tags| wrong_tags(tags)) {
            door.wrong(&format!("tags{at}"), wrong);
        }
        let template_bucket = door.text("templateBucket", BUCKET).map(str::to_owned);
        let create = door.flag("create");
        if create && door.value("template").is_none() {
            door.wrong("create", "needs \"template\", since there is none to keep");
        }
        Some(Self {
            stack: stack?.to_owned(),
            template,
            parameters,
            image_parameters,
            capabilities,
            cloudformation_role: role.and_then(RoleArn::parse),
            allow_replacement,
            tags,
            template_bucket,
            create,
        })
    }
}

fn parameters(door: &mut Door<'_>) -> Parameters {
    let written = match door.value("parameters") {
        Some(Value::Object(written)) => written,
        None => return Parameters::Inline(Vec::new()),
        Some(_) => {
            let allowed = "a file in an input artifact, as \"Artifact::path\", or the parameters";
            let place = door.text("parameters", Rule { allowed, ..PLACE });
            return match place.and_then(Place::parse) {
                Some(place) => Parameters::File(place),
                None => Parameters::Inline(Vec::new()),
            };
        }
    };
    let mut values = Vec::new();
    for (name, value) in written {
        match value_of(value) {
            Ok(value) => values.push((name.clone(), value)),
            Err(wrong) => door.wrong(&format!("parameters.{name}"), wrong),
        }
    }
    Parameters::Inline(values)
}

fn value_of(value: &Value) -> Result<Written, String> {
    let Some(object) = value.as_object() else {
        return text_of(value).map(Written::Text);
    };
    let mut keys = object.keys();
    match (keys.next().map(String::as_str), keys.next()) {
        (Some("Fn::GetParam"), None) => {}
        (Some(function), None) if function.starts_with("Fn::") => {
            return Err(format!(
                "{function} is not known here; write what it stands for as a text, or {GET_PARAM}"
            ));
        }
        _ => {
            return Err(format!(
                "must be a text, a number, true, false or {GET_PARAM}"
            ));
        }
    }
    let arguments = object.values().next().and_then(Value::as_array);
    let texts: Vec<&str> = arguments
        .into_iter()
        .flatten()
        .filter_map(Value::as_str)
        .collect();
    let from_file = match texts.as_slice() {
        [artifact, path, key] if !key.is_empty() && arguments.is_some_and(|all| all.len() == 3) => {
            Place::parse(&format!("{artifact}::{path}"))
                .map(|place| Written::FromFile(place, (*key).to_owned()))
        }
        _ => None,
    };
    from_file.ok_or_else(|| format!("must be as in {GET_PARAM}"))
}

fn image_parameters(door: &mut Door<'_>, parameters: &Parameters) -> Vec<(String, String)> {
    let written = door.map("imageParameters");
    for (n, (name, parameter)) in written.iter().enumerate() {
        let key = format!("imageParameters.{name}");
        if !(PARAMETER.accepts)(parameter) {
            door.wrong(
                &key,
                format!("must be {}, not {parameter:?}", PARAMETER.allowed),
            );
        }
        let inline = match parameters {
            Parameters::Inline(values) => values.iter().any(|(other, _)| other == parameter),
            Parameters::File(_) => false,
        };
        if inline {
            door.wrong(
                &key,
                format!("gives {parameter}, and so does \"parameters\""),
            );
        }
        let mut before = written.iter().take(n);
        if let Some((other, _)) = before.find(|(_, other)| other == parameter) {
            door.wrong(&key, format!("gives {parameter}, and so does {other:?}"));
        }
    }
    written
}

#[cfg(test)]
mod tests;
