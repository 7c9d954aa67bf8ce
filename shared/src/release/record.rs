//! CodePipeline's own record of an execution: what was tested, what was previewed, who approved
//! (CONTRACTS 3.2.13). A build can write what it likes into the artifact bucket; it cannot write here.

use std::collections::BTreeMap;

use serde_json::Value;

use super::statement::{Approval, Preview, Test};
use super::{PREVIEW, UPDATER};
use crate::job::{Artifact, Job};
use crate::names::{Account, RoleArn};

/// One run of an action in an execution, as `ListActionExecutions` has it.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Action {
    /// The stage.
    pub stage: String,
    /// The action's name in it.
    pub name: String,
    /// The action execution's id.
    pub id: String,
    /// `Source`, `Build`, `Invoke`, `Approval`, …
    pub category: String,
    /// Of a Lambda action: the function, as the action names it (a name or an ARN).
    pub function: String,
    /// Of a Lambda action: UserParameters with all variables put in.
    pub parameters: Option<String>,
    /// `InProgress`, `Succeeded`, `Failed`, `Abandoned`.
    pub status: String,
    /// When it began, milliseconds since the epoch.
    pub started: u64,
    /// When it was last changed, milliseconds since the epoch: of an ended action, its end.
    pub updated: u64,
    /// Who changed it last, by ARN; of an approval, who decided.
    pub by: Option<String>,
    /// What it said in the end; of an approval, the comment.
    pub summary: String,
    /// Its input artifacts, in the action's order.
    pub inputs: Vec<Artifact>,
    /// Its output variables.
    pub variables: BTreeMap<String, String>,
}

impl Action {
    /// `Stage/Action`.
    pub fn place(&self) -> String {
        format!("{}/{}", self.stage, self.name)
    }

    fn succeeded(&self) -> bool {
        self.status == "Succeeded"
    }

    /// Whether it is an action that invokes this function. Only Lambda actions are: CodeBuild exports
    /// whatever variables a build likes.
    fn invokes(&self, function: &str) -> bool {
        self.category == "Invoke" && function_name(&self.function) == function
    }
}

/// A function's name, out of a name or an ARN (without a qualifier).
pub fn function_name(function: &str) -> &str {
    function
        .split_once(":function:")
        .map_or(function, |(_, name)| name)
        .split(':')
        .next()
        .unwrap_or_default()
}

/// Whether the execution has an action under way that invokes the job's own function with the job's
/// own input artifacts and parameters: only then are pipeline and execution in UserParameters the
/// job's (3.2.14), and only then does the pipeline's definition say the rest of them, and not just
/// somebody who may invoke the function.
pub fn belongs(job: &Job, actions: &[Action]) -> bool {
    let place = |artifact: &Artifact| (artifact.bucket.clone(), artifact.key.clone());
    let ours: Vec<_> = job.inputs.iter().map(place).collect();
    actions.iter().any(|action| {
        action.status == "InProgress"
            && function_name(&action.function) == function_name(&job.function_name)
            && action.inputs.iter().map(place).collect::<Vec<_>>() == ours
            && same_parameters(action, job)
    })
}

fn same_parameters(action: &Action, job: &Job) -> bool {
    let Some(recorded) = &action.parameters else {
        // The record need not have them.
        return true;
    };
    let given = job.user_parameters.as_deref().unwrap_or_default();
    let read = |text: &str| serde_json::from_str::<Value>(text).ok();
    recorded == given || read(recorded).is_some_and(|recorded| read(given) == Some(recorded))
}

/// The latest run of each action: what was retried counts as it ended in the end.
pub fn latest(actions: &[Action]) -> Vec<&Action> {
    let mut latest: BTreeMap<(&str, &str), &Action> = BTreeMap::new();
    for action in actions {
        let newest = latest
            .entry((&action.stage, &action.name))
            .or_insert(action);
        if action.started > newest.started {
            *newest = action;
        }
    }
    let mut latest: Vec<&Action> = latest.into_values().collect();
    latest.sort_by_key(|action| action.started);
    latest
}

/// A rollout to test: the action, and the proof that it gave.
#[derive(Debug, Clone, PartialEq)]
pub struct Tested<'a> {
    /// The action.
    pub action: &'a Action,
    /// What the statement says of it.
    pub test: Test,
}

/// The rollouts of this execution that came to a good end; at least one, or what is wrong.
pub fn tested<'a>(actions: &[&'a Action]) -> Result<Vec<Tested<'a>>, Vec<String>> {
    let mut wrongs = Vec::new();
    let mut tested = Vec::new();
    let rollouts = actions.iter().filter(|action| action.invokes(UPDATER));
    for action in rollouts.filter(|action| action.succeeded()) {
        let proof = action.variables.get("Proof").map(String::as_str);
        let proof: Option<Value> = proof.and_then(|proof| serde_json::from_str(proof).ok());
        let Some(proof) = proof.filter(|proof| proof.get("targets").is_some_and(Value::is_array))
        else {
            wrongs.push(format!(
                "the action {} succeeded and has no variable \"Proof\" that can be read: the proof of \
                 a release has to fit CodePipeline's output variables; put fewer targets into one \
                 action",
                action.place()
            ));
            continue;
        };
        tested.push(Tested {
            action,
            test: Test {
                stage: action.stage.clone(),
                action: action.name.clone(),
                id: action.id.clone(),
                ended: action.updated / 1000,
                proof,
            },
        });
    }
    if tested.is_empty() && wrongs.is_empty() {
        wrongs.push(format!(
            "no action of {UPDATER} has succeeded in this execution, so nothing was tested: roll out \
             to test before this action"
        ));
    }
    if wrongs.is_empty() {
        Ok(tested)
    } else {
        Err(wrongs)
    }
}

/// Whether an action's proof is of a rollout into this account: what a release is for is no test of it.
pub fn reaches(action: &Action, account: &Account) -> bool {
    let proof = action.variables.get("Proof").map(String::as_str);
    let proof: Value = proof
        .and_then(|proof| serde_json::from_str(proof).ok())
        .unwrap_or_default();
    let targets = proof.get("targets").and_then(Value::as_array);
    let mut accounts = targets
        .into_iter()
        .flatten()
        .map(|target| target.get("account").and_then(Value::as_str));
    accounts.any(|one| one == Some(account.as_str()))
}

/// Until when each artifact may have been written, in seconds since the epoch, by bucket and key: one
/// that was tested or previewed until that began, any other one until the first approval. What was written later
/// is not what people saw; whoever may write into the artifact bucket may overwrite it.
pub fn written_until(
    tested: &[Tested<'_>],
    preview: Option<&Action>,
    approvals: &[Approval],
    released: &[Artifact],
) -> BTreeMap<(String, String), u64> {
    let mut until: BTreeMap<(String, String), u64> = BTreeMap::new();
    let mut bound = |artifact: &Artifact, seconds: u64| {
        let place = (artifact.bucket.clone(), artifact.key.clone());
        let known = until.entry(place).or_insert(seconds);
        *known = seconds.min(*known);
    };
    let looked_at = tested.iter().map(|tested| tested.action).chain(preview);
    for action in looked_at {
        for input in &action.inputs {
            bound(input, action.started / 1000);
        }
    }
    if let Some(first) = approvals.iter().map(|approval| approval.at).min() {
        for artifact in released {
            bound(artifact, first);
        }
    }
    until
}

/// Artifacts that are to be released, and are not those that were tested under the same name.
pub fn other_artifacts(tested: &[Tested<'_>], released: &[Artifact]) -> Vec<String> {
    let each = tested.iter();
    each.flat_map(|one| others(one.action, released, "tested"))
        .collect()
}

/// The artifacts of an action that lie elsewhere than those of the same name that are to be released.
fn others(action: &Action, released: &[Artifact], done: &str) -> Vec<String> {
    let mut wrongs = Vec::new();
    for input in &action.inputs {
        let mut others = released
            .iter()
            .filter(|other| other.name == input.name && *other != input);
        if let Some(other) = others.next() {
            wrongs.push(format!(
                "artifact {} is s3://{}/{} here, and {} was given s3://{}/{}: what was {done} is not \
                 what would be released; retry the whole stage of {}, or start a new execution",
                input.name,
                other.bucket,
                other.key,
                action.place(),
                input.bucket,
                input.key,
                action.place()
            ));
        }
    }
    wrongs
}

/// The approvals of these names (`Stage/Action`), or what is wrong with each. One whose approver the
/// record does not name has no `by`: [`approvers`] asks for it elsewhere.
pub fn approvals(
    actions: &[&Action],
    names: &[String],
    tested: &[Tested<'_>],
) -> Result<Vec<Approval>, Vec<String>> {
    let last_test = tested.iter().map(|one| one.action.updated).max();
    let (mut approvals, mut wrongs) = (Vec::new(), Vec::new());
    for name in names {
        let found = actions.iter().find(|action| action.place() == *name);
        let Some(action) = found.filter(|action| action.category == "Approval") else {
            let all = actions.iter().filter(|one| one.category == "Approval");
            let all: Vec<String> = all.map(|one| one.place()).collect();
            wrongs.push(format!(
                "approval {name:?} is no manual approval that this execution has come to; it has {}",
                if all.is_empty() {
                    "none".to_owned()
                } else {
                    all.join(", ")
                }
            ));
            continue;
        };
        if !action.succeeded() {
            wrongs.push(format!(
                "approval {name} was not given: it is {}",
                action.status
            ));
        } else if last_test.is_some_and(|ended| action.updated < ended) {
            wrongs.push(format!(
                "approval {name} was given before the rollout to test had ended, so nobody could \
                 know what they approved: put the approval after the test"
            ));
        } else {
            approvals.push(Approval {
                stage: action.stage.clone(),
                action: action.name.clone(),
                id: action.id.clone(),
                by: action.by.clone().unwrap_or_default(),
                at: action.updated / 1000,
                comment: action.summary.clone(),
            });
        }
    }
    if wrongs.is_empty() {
        Ok(approvals)
    } else {
        Err(wrongs)
    }
}

/// Who decided an approval that `ListActionExecutions` does not tell of, by the state of the pipeline:
/// the action execution's id, who, and the comment (3.2.13).
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Decided {
    /// The action execution's id.
    pub id: String,
    /// Who, by ARN.
    pub by: String,
}

/// Puts in the approvers that only the pipeline's state names; what is left without one is wrong.
pub fn approvers(approvals: &mut [Approval], decided: &[Decided]) -> Vec<String> {
    let mut wrongs = Vec::new();
    for approval in approvals.iter_mut().filter(|one| one.by.is_empty()) {
        match decided.iter().find(|one| one.id == approval.id) {
            Some(found) if !found.by.is_empty() => approval.by.clone_from(&found.by),
            _ => wrongs.push(format!(
                "CodePipeline does not say who gave approval {}/{}",
                approval.stage, approval.action
            )),
        }
    }
    wrongs
}

/// The preview of the destination that an approver could see: the latest one that succeeded. None when
/// there is none; an error when it is of another rollout file or of other artifacts, or came after an
/// approval.
pub fn preview(
    actions: &[&Action],
    destination: &Account,
    rollout: &str,
    released: &[Artifact],
    approvals: &[Approval],
) -> Result<Option<Preview>, Vec<String>> {
    let mut found = None;
    for action in actions {
        let fingerprint = action.variables.get("Fingerprint");
        let (true, Some(fingerprint)) =
            (action.invokes(PREVIEW) && action.succeeded(), fingerprint)
        else {
            continue;
        };
        let parameters = action.parameters.as_deref().unwrap_or_default();
        let parameters: Value = serde_json::from_str(parameters).unwrap_or_default();
        let text = |key: &str| parameters.get(key).and_then(Value::as_str);
        let role = text("role").and_then(RoleArn::parse);
        if role.is_some_and(|role| role.account() == destination) {
            found = Some((*action, fingerprint, text("rollout").map(str::to_owned)));
        }
    }
    let Some((action, fingerprint, looked_at)) = found else {
        return Ok(None);
    };
    let mut wrongs = others(action, released, "previewed");
    if looked_at.as_deref() != Some(rollout) {
        wrongs.push(format!(
            "the preview {} is of {}, and the release would carry {rollout}: let both have the same \
             \"rollout\"",
            action.place(),
            looked_at.as_deref().unwrap_or("a rollout file of its own")
        ));
    }
    // By the record, which knows more than the whole seconds of a statement.
    let given = |one: &&&Action| approvals.iter().any(|approval| approval.id == one.id);
    let early = |one: &&&Action| one.updated < action.updated;
    for approval in actions.iter().filter(given).filter(early) {
        wrongs.push(format!(
            "approval {} was given before the preview {} had ended: put it after the preview",
            approval.place(),
            action.place()
        ));
    }
    if !wrongs.is_empty() {
        return Err(wrongs);
    }
    let url = action.variables.get("PageUrl").cloned();
    Ok(Some(Preview {
        id: action.id.clone(),
        fingerprint: fingerprint.clone(),
        page: url.unwrap_or_default(),
    }))
}

#[cfg(test)]
mod tests;
