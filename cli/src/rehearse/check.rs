//! Holds the options against the pipeline: names that it does not have, folders and values that it
//! needs. Pure.

use rehearsal::pipeline::{Action, Definition, Inputs, Kind};

use super::options::Options;

/// What is wrong, each a sentence that says what would be right.
pub(super) fn check(definition: &Definition, inputs: &Inputs, options: &Options) -> Vec<String> {
    let mut wrong = inputs.missing(definition, &options.region);
    let variables: Vec<&str> = definition.variables.iter().map(|v| &*v.name).collect();
    for name in inputs.variables.keys() {
        unknown(&mut wrong, "--variable", "variable", name, &variables);
    }
    let open = definition.actions();
    let open = open.filter(|(_, action)| !runs(action, options) || is_folder(action, options));
    let namespaces: Vec<&str> = open
        .filter_map(|(_, action)| action.namespace.as_deref())
        .collect();
    for name in inputs.outputs.keys() {
        let what = "namespace of an action that is not run, or of a source that is a folder";
        unknown(&mut wrong, "--variable", what, name, &namespaces);
    }
    for variable in definition.variables.iter().filter(|v| v.default.is_none()) {
        if !options
            .variable
            .iter()
            .any(|(name, _)| *name == variable.name)
        {
            wrong.push(format!(
                "the pipeline's variable {} has no default: give --variable {0}=VALUE",
                variable.name
            ));
        }
    }
    let approvals = definition.actions();
    let approvals = approvals.filter(|(_, action)| action.kind() == Kind::Approval);
    let approvals: Vec<String> = approvals
        .flat_map(|(stage, action)| [action.name.clone(), format!("{stage}/{}", action.name)])
        .collect();
    let approvals: Vec<&str> = approvals.iter().map(|name| &**name).collect();
    for name in options
        .approve
        .iter()
        .filter(|name| *name != "all" && *name != "none")
    {
        unknown(&mut wrong, "--approve", "approval", name, &approvals);
    }
    wrong
}

/// Whether an action is carried out here.
pub(super) fn runs(action: &Action, options: &Options) -> bool {
    let here = action
        .region
        .as_ref()
        .is_none_or(|region| *region == options.region);
    match action.kind() {
        Kind::Source | Kind::Approval => true,
        Kind::Invoke => here,
        Kind::Build => here && !given(action, options),
        Kind::NotRun => false,
    }
}

/// Whether it is a source whose folder is given; a folder does not know all that a commit does.
fn is_folder(action: &Action, options: &Options) -> bool {
    let given = |(name, _): &(String, _)| *name == action.name;
    action.kind() == Kind::Source && options.source.iter().any(given)
}

/// Whether it is a build all of whose output artifacts are given.
pub(super) fn given(action: &Action, options: &Options) -> bool {
    let given = |name: &String| options.artifact.iter().any(|(given, _)| given == name);
    let outputs = &action.outputs;
    action.kind() == Kind::Build && !outputs.is_empty() && outputs.iter().all(given)
}

fn unknown(wrong: &mut Vec<String>, option: &str, what: &str, name: &str, known: &[&str]) {
    if known.contains(&name) {
        return;
    }
    wrong.push(if known.is_empty() {
        format!("{option} {name}: the pipeline has no {what}")
    } else {
        format!(
            "{option} {name}: the pipeline has no such {what}; there are: {}",
            known.join(", ")
        )
    });
}

#[cfg(test)]
mod tests {
    use clap::Parser;
    use serde_json::json;

    use super::*;
    use crate::rehearse::inputs;

    #[derive(Parser)]
    struct Line {
        #[command(flatten)]
        options: Options,
    }

    /// A source in S3, an approval, and two variables.
    fn definition() -> Definition {
        let kind = |category: &str, provider: &str| json!({ "Category": category, "Owner": "AWS", "Provider": provider, "Version": "1" });
        let properties = json!({
            "Name": "orders",
            "PipelineType": "V2",
            "RoleArn": "arn:aws:iam::111111111111:role/pipeline",
            "ArtifactStore": { "Type": "S3", "Location": "artifacts" },
            "Variables": [{ "Name": "TAG" }, { "Name": "LEVEL", "DefaultValue": "info" }],
            "Stages": [
                { "Name": "Source", "Actions": [{
                    "Name": "Zip", "Namespace": "Src",
                    "ActionTypeId": kind("Source", "S3"),
                    "OutputArtifacts": [{ "Name": "Src" }],
                    "Configuration": { "S3Bucket": "b", "S3ObjectKey": "k" },
                }] },
                { "Name": "Test", "Actions": [
                    { "Name": "Stack", "Namespace": "Out",
                      "ActionTypeId": kind("Deploy", "CloudFormation") },
                    { "Name": "Go", "ActionTypeId": kind("Approval", "Manual") },
                ] },
            ],
        });
        Definition::parse(&properties).unwrap()
    }

    fn checked(line: &str) -> Vec<String> {
        let words = std::iter::once("rehearse").chain(line.split_whitespace());
        let options = Line::try_parse_from(words).unwrap().options;
        check(&definition(), &inputs(&options), &options)
    }

    #[test]
    fn names_that_the_pipeline_has_pass() {
        let passes = checked("t --variable TAG=1 Out.Url=x --approve Go Test/Go --source Zip=.");
        assert!(passes.is_empty(), "{passes:?}");
        assert!(checked("t --variable TAG=1 --approve all").is_empty());
        let of_source = "t --variable TAG=1 Src.AuthorDate=2026-01-01";
        assert!(checked(&format!("{of_source} --source Zip=.")).is_empty());
        assert_eq!(checked(of_source).len(), 1, "what is in S3 knows its own");
    }

    #[test]
    fn all_that_the_pipeline_does_not_have_comes_at_once() {
        let wrong = checked("t --variable TAGS=1 In.Url=x --approve Goo --source Git=.");
        assert_eq!(wrong.len(), 5, "{wrong:#?}");
        assert!(
            wrong[0].contains("Git") && wrong[0].contains("Zip"),
            "{}",
            wrong[0]
        );
        assert_eq!(
            wrong[1..],
            [
                "--variable TAGS: the pipeline has no such variable; there are: TAG, LEVEL",
                "--variable In: the pipeline has no such namespace of an action that is not run, or of a source that is a folder; there are: Out",
                "the pipeline's variable TAG has no default: give --variable TAG=VALUE",
                "--approve Goo: the pipeline has no such approval; there are: Go, Test/Go",
            ]
        );
    }
}
