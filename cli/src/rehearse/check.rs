//! Holds the options against the pipeline: names that it does not have, folders and values that it
//! needs. Pure.

use rehearsal::pipeline::{Definition, Inputs, Kind};

use super::options::Options;

/// What is wrong, each a sentence that says what would be right.
pub(super) fn check(definition: &Definition, inputs: &Inputs, options: &Options) -> Vec<String> {
    let mut wrong = inputs.missing(definition);
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
