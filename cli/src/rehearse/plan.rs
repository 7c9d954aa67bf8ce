//! What will run, and what will not, before it does. Pure.

use std::collections::BTreeSet;

use rehearsal::pipeline::{Action, Deployed, Kind};
use rehearsal::say::wrapped;
use serde_json::{Value, json};

use super::options::Options;
use super::screen::Paint;

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
    let out = left_out(deployed);
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
        "notRehearsed": left_out(deployed),
    })
}

/// What is not as on AWS: actions, resources, and settings that are not heeded.
pub(super) fn left_out(deployed: &Deployed) -> Vec<String> {
    let definition = &deployed.definition;
    let actions = definition
        .actions()
        .filter(|(_, action)| action.kind() == Kind::NotRun);
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
    let folder = |pairs: &[(String, std::path::PathBuf)], name: &str| {
        let pair = pairs.iter().find(|(given, _)| given == name);
        pair.map(|(_, path)| path.display().to_string())
    };
    match action.kind() {
        Kind::Source => match folder(&options.source, &action.name) {
            Some(path) => format!("the folder {path}, in the place of {}", action.provider),
            None => format!("s3://{}/{}", setting("S3Bucket"), setting("S3ObjectKey")),
        },
        Kind::Build => {
            let project = setting("ProjectName");
            let given = all_given(action, options);
            if given {
                format!("CodeBuild {project}: not run, its artifacts are given")
            } else if deployed.builds.contains_key(project) {
                format!("CodeBuild {project}: its buildspec, on this machine")
            } else {
                format!(
                    "CodeBuild {project}, which the template does not have: the source's \
                     buildspec.yml, on this machine"
                )
            }
        }
        Kind::Approval => "a person".to_owned(),
        Kind::Invoke => format!("Lambda {}", setting("FunctionName")),
        Kind::NotRun => {
            let needed = needed(deployed, action, options);
            if needed.is_empty() {
                format!("{}: not run", action.provider)
            } else {
                let given = needed
                    .iter()
                    .map(|name| format!("--artifact {name}=FOLDER"));
                let given = given.collect::<Vec<_>>().join(" ");
                format!(
                    "{}: not run; what comes after needs {given}",
                    action.provider
                )
            }
        }
    }
}

/// Whether every output artifact of an action is given.
fn all_given(action: &Action, options: &Options) -> bool {
    let given = |name: &String| options.artifact.iter().any(|(given, _)| given == name);
    !action.outputs.is_empty() && action.outputs.iter().all(given)
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
