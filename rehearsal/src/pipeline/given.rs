//! Actions that a rehearsal does not run: they are named, and what they would make is given.

use super::act::{Done, Task, Undone};
use super::artifacts;
use super::audience::What;
use crate::codepipeline::Said;

/// Puts the folders that were given in the place of the output artifacts.
pub(super) fn run(task: &Task<'_>) -> Result<Done, Undone> {
    let action = task.action;
    let absent = put(task)?;
    let place = if task.elsewhere() {
        " in another region"
    } else {
        ""
    };
    let mut why = format!(
        "{} by {}{place} is not rehearsed and counts as done",
        action.category, action.provider
    );
    for name in &absent {
        why.push_str(&format!(
            "; whoever needs its artifact {name} will fail: --artifact {name}=FOLDER gives one"
        ));
    }
    task.hear(What::NotRun { why: why.clone() });
    Ok(Done {
        absent,
        ..done(task, why)
    })
}

/// The end of an action that was not run; the variables that it would have are given, or are none.
pub(super) fn done(task: &Task<'_>, why: String) -> Done {
    let namespace = task.action.namespace.as_ref();
    let given = namespace.and_then(|name| task.engine.inputs.outputs.get(name));
    Done {
        said: Said {
            variables: given.cloned().unwrap_or_default(),
            ..Said::default()
        },
        not_run: Some(why),
        ..Done::default()
    }
}

/// Writes the output artifacts that folders are given for; answers the others' names.
pub(super) fn put(task: &Task<'_>) -> Result<Vec<String>, Undone> {
    let mut absent = Vec::new();
    for output in &task.outputs {
        match task.engine.inputs.artifacts.get(&output.name) {
            Some(folder) => {
                let zip = artifacts::zip_of_folder(folder)?;
                artifacts::put(&task.actor()?, &task.store, output, zip)?;
            }
            None => absent.push(output.name.clone()),
        }
    }
    Ok(absent)
}
