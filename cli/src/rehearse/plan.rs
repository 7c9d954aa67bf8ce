//! What will run, and what will not, before it does. Pure.

use std::collections::BTreeSet;

use rehearsal::pipeline::{Action, Deployed, Kind};
use rehearsal::say::wrapped;
use serde_json::{Value, json};

use super::check::{given, runs};
use super::options::Options;
use crate::paint::Paint;

/// Said of builds that run.
const BUILDS: &str = "Builds run for real: their commands run on this machine as you, with the network. \
    What is not AWS is real. With --artifact NAME=FOLDER a build is not run.";

/// Every terminal has as many.
const COLUMNS: usize = 80;

/// Stage by stage, then what is left out.
pub(super) fn plan(deployed: &Deployed, options: &Options, paint: Paint) -> String {
    let definition = &deployed.definition;
    let mode = definition.mode.name();
    let mut lines = vec![
        String::new(),
        paint.bold(&format!("Pipeline {} ({mode})", definition.name)),
    ];
    for stage in &definition.stages {
        for (place, action) in (0..).zip(&stage.actions) {
            let name = if place == 0 { stage.name.as_str() } else { "" };
            let head = format!("  {name:<14} {:<14} ", action.name);
            let indent = " ".repeat(head.chars().count());
            lines.push(wrapped(
                &how(deployed, action, options),
                &head,
                &indent,
                COLUMNS,
            ));
        }
    }
    if builds(deployed, options) {
        lines.push(String::new());
        let text = wrapped(BUILDS, "", "", COLUMNS);
        lines.extend(text.lines().map(|line| paint.bold(line)));
    }
    let out = left_out(deployed, options);
    if !out.is_empty() {
        lines.push(String::new());
        lines.push(paint.bold("Not rehearsed"));
        lines.extend(out.iter().map(|text| wrapped(text, "- ", "  ", COLUMNS)));
    }
    lines.push(String::new());
    lines.join("\n")
}

/// The same for a script.
pub(super) fn data(deployed: &Deployed, options: &Options) -> Value {
    let definition = &deployed.definition;
    let actions = definition.actions().map(|(stage, action)| {
        json!({ "stage": stage, "action": action.name, "how": how(deployed, action, options) })
    });
    json!({
        "event": "plan",
        "pipeline": definition.name,
        "mode": definition.mode.name(),
        "actions": actions.collect::<Vec<_>>(),
        "warning": builds(deployed, options).then_some(BUILDS),
        "notRehearsed": left_out(deployed, options),
    })
}

/// Whether commands of a buildspec will run.
fn builds(deployed: &Deployed, options: &Options) -> bool {
    deployed.definition.actions().any(|(_, action)| {
        let project = action.configuration.get("ProjectName");
        action.kind() == Kind::Build
            && runs(action, options)
            && project.is_some_and(|name| deployed.builds.contains_key(name))
    })
}

/// What is not as on AWS: actions, resources, and settings that are not heeded.
pub(super) fn left_out(deployed: &Deployed, options: &Options) -> Vec<String> {
    let definition = &deployed.definition;
    // What is given for a build is all that comes of it.
    let actions = definition
        .actions()
        .filter(|(_, action)| !runs(action, options) && !given(action, options));
    let mut out: Vec<String> = actions
        .map(|(stage, action)| {
            format!(
                "{stage}/{}: {} by {}; it counts as done",
                action.name, action.category, action.provider
            )
        })
        .collect();
    let left_out = deployed.left_out.iter();
    out.extend(left_out.map(|(logical, kind)| format!("the resource {logical}, {kind}")));
    out.extend(
        definition
            .unheeded
            .iter()
            .chain(&deployed.unheeded)
            .cloned(),
    );
    out
}

/// How an action is rehearsed.
fn how(deployed: &Deployed, action: &Action, options: &Options) -> String {
    let setting = |key: &str| action.configuration.get(key).map_or("?", String::as_str);
    let gives = |needed: &BTreeSet<&str>| {
        let given = needed
            .iter()
            .map(|name| format!("--artifact {name}=FOLDER"));
        given.collect::<Vec<_>>().join(" ")
    };
    if given(action, options) {
        let names = action.outputs.join(", ");
        return format!("given: --artifact {names}, in the place of the build");
    }
    if !runs(action, options) {
        let needed = needed(deployed, action, options);
        return match needed.is_empty() {
            true => format!("{}: not run", action.provider),
            false => format!(
                "{}: not run; what comes after needs {}",
                action.provider,
                gives(&needed)
            ),
        };
    }
    match action.kind() {
        Kind::Source => {
            let given = options.source.iter().find(|(name, _)| *name == action.name);
            match given {
                Some((_, path)) => {
                    format!(
                        "the folder {}, in the place of {}",
                        path.display(),
                        action.provider
                    )
                }
                None => format!("s3://{}/{}", setting("S3Bucket"), setting("S3ObjectKey")),
            }
        }
        Kind::Build => {
            let project = setting("ProjectName");
            if deployed.builds.contains_key(project) {
                format!("CodeBuild {project}: its buildspec, on this machine")
            } else {
                let outputs = action.outputs.iter().map(String::as_str).collect();
                format!(
                    "CodeBuild {project}, which the template does not make: it will fail without {}",
                    gives(&outputs)
                )
            }
        }
        Kind::Invoke => format!("Lambda {}", setting("FunctionName")),
        Kind::Approval | Kind::NotRun => "a person".to_owned(),
    }
}

/// Output artifacts that another action takes and nobody gives.
fn needed<'a>(deployed: &Deployed, action: &'a Action, options: &Options) -> BTreeSet<&'a str> {
    let actions = deployed.definition.actions();
    let taken: BTreeSet<&String> = actions.flat_map(|(_, action)| &action.inputs).collect();
    let outputs = action.outputs.iter().filter(|name| taken.contains(name));
    outputs
        .filter(|name| !options.artifact.iter().any(|(given, _)| given == *name))
        .map(String::as_str)
        .collect()
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use clap::Parser;
    use rehearsal::pipeline::{Definition, Project};

    use super::*;

    #[derive(Parser)]
    struct Line {
        #[command(flatten)]
        options: Options,
    }

    /// An action with an output artifact of its own name.
    fn action(category: &str, provider: &str, name: &str, more: Value) -> Value {
        let mut action = json!({
            "Name": name,
            "ActionTypeId": {
                "Category": category, "Owner": "AWS", "Provider": provider, "Version": "1"
            },
        });
        if category != "Approval" {
            action["OutputArtifacts"] = json!([{ "Name": name }]);
        }
        if !["Source", "Approval"].contains(&category) {
            action["InputArtifacts"] = json!([{ "Name": "Zip" }]);
        }
        for (key, value) in more.as_object().unwrap() {
            action[key] = value.clone();
        }
        action
    }

    fn deployed() -> Deployed {
        let source = json!({ "Configuration": { "S3Bucket": "b", "S3ObjectKey": "k.zip" } });
        let project = |name: &str| json!({ "Configuration": { "ProjectName": name } });
        let function = json!({
            "RunOrder": 2,
            "InputArtifacts": [{ "Name": "Stack" }],
            "Configuration": { "FunctionName": "call" },
        });
        let properties = json!({
            "Name": "orders",
            "RoleArn": "arn:aws:iam::111111111111:role/pipeline",
            "ArtifactStore": { "Type": "S3", "Location": "artifacts" },
            "Stages": [
                { "Name": "Source", "Actions": [action("Source", "S3", "Zip", source)] },
                { "Name": "Build", "Actions": [
                    action("Build", "CodeBuild", "Ours", project("ours")),
                    action("Build", "CodeBuild", "Theirs", project("theirs")),
                ] },
                { "Name": "Deploy", "Actions": [
                    action("Deploy", "CloudFormation", "Stack", json!({})),
                    action("Invoke", "Lambda", "Call", function),
                    action("Approval", "Manual", "Go", json!({ "RunOrder": 3 })),
                ] },
            ],
        });
        Deployed {
            definition: Definition::parse(&properties).unwrap(),
            builds: BTreeMap::from([("ours".to_owned(), Project::default())]),
            left_out: vec![("Hook".to_owned(), "AWS::CodePipeline::Webhook".to_owned())],
            unheeded: Vec::new(),
        }
    }

    fn planned(line: &str) -> String {
        let words = std::iter::once("rehearse").chain(line.split_whitespace());
        let options = Line::try_parse_from(words).unwrap().options;
        plan(&deployed(), &options, Paint(false))
    }

    #[test]
    fn a_plan_says_what_runs_and_what_is_missing() {
        insta::assert_snapshot!(planned("t"));
    }

    #[test]
    fn what_is_given_is_not_run() {
        let given = planned("t --source Zip=src --artifact Theirs=out Stack=out");
        insta::assert_snapshot!(given);
    }

    #[test]
    fn a_build_that_runs_is_warned_of() {
        for (line, expected) in [("t", true), ("t --artifact Ours=out", false)] {
            assert_eq!(planned(line).contains("Builds run for real"), expected);
        }
    }
}
