//! What is sent for each parameter of a template, and which capabilities and images that takes
//! (CONTRACTS 3.6.2, 3.6.3, 3.6.20).

use super::{Declared, Stack, Summary};
use crate::rollout_file::images::{Image, ImageFile};

/// What CloudFormation shows in the place of a NoEcho parameter's value.
pub const HIDDEN: &str = "****";

/// Whether a value is hidden: some pages of the guide show more asterisks than four.
pub fn is_hidden(value: &str) -> bool {
    value.len() >= HIDDEN.len() && value.bytes().all(|b| b == b'*')
}
/// What a parameter's value may have (cfn:cloudformation-limits.md).
pub const LONGEST_VALUE_BYTES: usize = 4_096;

/// What is sent: each parameter with its value, None for `UsePreviousValue`.
///
/// Whatever is left out of a change set falls back to the template's default, so every parameter
/// that the stack has is named, and one that is new and has a default is the only one left out.
/// `stack` is none when it is about to be created. The error is everything that is wrong; no value
/// stands in it.
pub fn to_send(
    declared: &[Declared],
    stack: Option<&Stack>,
    given: &[(String, String)],
    may_have_to_go_back: bool,
) -> Result<Vec<(String, Option<String>)>, Vec<String>> {
    // A stack in review has no parameters yet that could be used again.
    let stack = stack.filter(|stack| stack.status != "REVIEW_IN_PROGRESS");
    let had = |key: &str| {
        let mut parameters = stack.into_iter().flat_map(|stack| &stack.parameters);
        parameters.find_map(|(name, value)| (name == key).then_some(value.as_str()))
    };
    let mut wrongs = Vec::new();
    for (n, (key, value)) in given.iter().enumerate() {
        if given.iter().take(n).any(|(other, _)| other == key) {
            wrongs.push(format!(
                "parameter {key} is given twice; \"parameters\" or \"imageParameters\" is enough"
            ));
            continue;
        }
        match declared.iter().find(|declared| declared.key == *key) {
            Some(declared) => {
                wrongs.extend(refused(declared, had(key), value, may_have_to_go_back));
            }
            None => wrongs.push(not_declared(key, declared)),
        }
    }
    let mut send = Vec::new();
    for Declared { key, default, .. } in declared {
        match given.iter().find(|(name, _)| name == key) {
            Some((_, value)) => send.push((key.clone(), Some(value.clone()))),
            None if had(key).is_some() => send.push((key.clone(), None)),
            None if default.is_some() => {}
            None => wrongs.push(format!(
                "parameter {key} has no value: it is new in the template and has no default there. \
                 Give it one in \"parameters\""
            )),
        }
    }
    if may_have_to_go_back {
        wrongs.extend(lost(declared, stack));
    }
    if wrongs.is_empty() {
        Ok(send)
    } else {
        Err(wrongs)
    }
}

/// Why a given value is not sent.
fn refused(
    declared: &Declared,
    had: Option<&str>,
    value: &str,
    may_have_to_go_back: bool,
) -> Option<String> {
    let key = &declared.key;
    let was_hidden = had.is_some_and(is_hidden);
    if is_hidden(value) && (declared.no_echo || was_hidden) {
        return Some(format!(
            "parameter {key} is NoEcho, and \"{HIDDEN}\" is what CloudFormation shows in the place \
             of its value, never the value: leave it out, so that it keeps its value"
        ));
    }
    if value.len() > LONGEST_VALUE_BYTES {
        return Some(format!(
            "parameter {key} has {} bytes; a value has at most {LONGEST_VALUE_BYTES}",
            value.len()
        ));
    }
    // What was readable before is put back as it was, even where the new template hides it.
    (was_hidden && may_have_to_go_back).then(|| {
        format!(
            "parameter {key} is NoEcho: the value before cannot be read, so it could not be put \
             back if the rollout has to. Leave it out, so that it keeps its value; or take the \
             secret by a dynamic reference ({{{{resolve:secretsmanager:…}}}}) in the template; or \
             write \"onFailure\": \"stop\""
        )
    })
}

fn not_declared(key: &str, declared: &[Declared]) -> String {
    let names: Vec<&str> = declared
        .iter()
        .map(|declared| declared.key.as_str())
        .collect();
    match names.as_slice() {
        [] => format!("parameter {key} is given, and the template declares none"),
        names => format!(
            "parameter {key} is given, and the template does not declare it; it declares: {}",
            names.join(", ")
        ),
    }
}

/// NoEcho parameters whose values would be lost: the template before needs them, and this one does
/// not keep them.
fn lost(declared: &[Declared], stack: Option<&Stack>) -> Vec<String> {
    let parameters = stack.into_iter().flat_map(|stack| &stack.parameters);
    parameters
        .filter(|(key, value)| {
            is_hidden(value) && !declared.iter().any(|declared| declared.key == *key)
        })
        .map(|(key, _)| {
            format!(
                "parameter {key} is NoEcho, and the new template no longer declares it: its value \
                 would be lost, and could not be put back if the rollout has to. Declare it for \
                 one more release, or write \"onFailure\": \"stop\""
            )
        })
        .collect()
}

/// The parameters of a stack whose template stays: its own, each with a value already.
pub fn declared_by(stack: &Stack) -> Vec<Declared> {
    let declared = |(key, value): &(String, String)| Declared {
        key: key.clone(),
        default: Some(String::new()),
        no_echo: is_hidden(value),
    };
    stack.parameters.iter().map(declared).collect()
}

const IAM: &str = "CAPABILITY_IAM";
const NAMED_IAM: &str = "CAPABILITY_NAMED_IAM";

/// The finding, if there is one, that the template needs more capabilities than are granted.
pub fn capabilities(summary: &Summary, granted: &[String]) -> Vec<String> {
    let has = |name: &str| granted.iter().any(|one| one == name);
    let needed = summary.capabilities.iter().map(String::as_str);
    let missing: Vec<&str> = needed
        .filter(|name| !has(name))
        .filter(|name| *name != IAM || !has(NAMED_IAM))
        .collect();
    if missing.is_empty() {
        return Vec::new();
    }
    let because = match summary.capabilities_reason.as_str() {
        "" => String::new(),
        reason => format!(" (CloudFormation: {reason})"),
    };
    let mut line: Vec<&str> = granted.iter().map(String::as_str).collect();
    line.extend(&missing);
    if line.contains(&NAMED_IAM) {
        line.retain(|name| *name != IAM);
    }
    let line: Vec<String> = line.iter().map(|name| format!("{name:?}")).collect();
    vec![format!(
        "the template needs {}, which nobody granted{because}. If that is meant, write \
         \"capabilities\": [{}]",
        missing.join(" and "),
        line.join(", ")
    )]
}

/// The image for each parameter of `imageParameters`, and a finding for each name without one.
///
/// A name is a container's in `imagedefinitions.json`, or the last part of the repository in an
/// `imageDetail.json`.
pub fn images(
    image_parameters: &[(String, String)],
    files: &[ImageFile],
) -> (Vec<(String, Image)>, Vec<String>) {
    let named = named(files);
    let (mut images, mut findings) = (Vec::new(), Vec::new());
    for (name, parameter) in image_parameters {
        let mut fitting: Vec<&Image> = Vec::new();
        for (_, image) in named.iter().filter(|(known, _)| known == name) {
            if !fitting.contains(image) {
                fitting.push(image);
            }
        }
        match fitting.as_slice() {
            [image] => images.push((parameter.clone(), (*image).clone())),
            [] if named.is_empty() => findings.push(format!(
                "imageParameters.{name}: no image file was handed in"
            )),
            [] => {
                let names: Vec<&str> = named.iter().map(|(name, _)| *name).collect();
                findings.push(format!(
                    "imageParameters.{name}: no image file has this name; there are: {}",
                    names.join(", ")
                ));
            }
            several => {
                let several: Vec<String> = several.iter().map(ToString::to_string).collect();
                findings.push(format!(
                    "imageParameters.{name}: the image files have several images of this name: {}",
                    several.join(", ")
                ));
            }
        }
    }
    (images, findings)
}

fn named(files: &[ImageFile]) -> Vec<(&str, &Image)> {
    let mut named = Vec::new();
    for file in files {
        match file {
            ImageFile::Definitions(images) => {
                named.extend(images.iter().map(|(name, image)| (name.as_str(), image)));
            }
            ImageFile::Detail(image) => {
                let last = image.repository.rsplit('/').next();
                named.push((last.unwrap_or_default(), image));
            }
        }
    }
    named
}

#[cfg(test)]
mod tests;
