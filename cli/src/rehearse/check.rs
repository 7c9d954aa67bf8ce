//! Holds the options against the pipeline: names that it does not have, folders and values that it
//! needs. Pure.

use std::collections::BTreeSet;

use rehearsal::pipeline::{Definition, Kind};

use super::options::Options;

/// What is wrong, each a sentence that says what would be right.
pub(super) fn check(definition: &Definition, options: &Options) -> Vec<String> {
    let mut wrong = Vec::new();
    let of_kind = |kind: Kind| {
        let actions = definition
            .actions()
            .filter(move |(_, action)| action.kind() == kind);
        actions.collect::<Vec<_>>()
    };
    let sources = of_kind(Kind::Source);
    let names: Vec<&str> = sources.iter().map(|(_, action)| &*action.name).collect();
    for (name, _) in &options.source {
        unknown(&mut wrong, "--source", "source action", name, &names);
    }
    for (_, action) in &sources {
        let given = options.source.iter().any(|(name, _)| *name == action.name);
        if !given && action.provider != "S3" {
            wrong.push(format!(
                "the source {} comes from {}, which is not here: give --source {0}=FOLDER",
                action.name, action.provider
            ));
        }
    }
    let outputs: BTreeSet<&str> = definition
        .actions()
        .filter(|(_, action)| action.kind() != Kind::Source)
        .flat_map(|(_, action)| action.outputs.iter().map(|name| &**name))
        .collect();
    let outputs: Vec<&str> = outputs.into_iter().collect();
    for (name, _) in &options.artifact {
        unknown(&mut wrong, "--artifact", "output artifact", name, &outputs);
    }
    let variables: Vec<&str> = definition.variables.iter().map(|v| &*v.name).collect();
    for (name, _) in &options.variable {
        unknown(&mut wrong, "--variable", "variable", name, &variables);
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
    let approvals = of_kind(Kind::Approval);
    let approvals: Vec<String> = approvals
        .into_iter()
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
