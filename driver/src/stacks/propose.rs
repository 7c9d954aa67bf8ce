//! Change sets that are made to be read, and thrown away again: what a preview shows of a stack.

use aws::cloudformation::Client;
use aws::cloudformation::change_set;
use aws::error::CallError;
use aws::job::Round;
use futures_util::future::join_all;
use shared::error::{Failure, FailureKind};
use shared::rollout::State;
use shared::rollout::stack::change_set_name;
use shared::rollout_file::images::Image;
use shared::stack::{Change, Declared, Stack, Status, guard};

use super::create::{LOOK_EVERY, made, wanted};
use super::{Planned, decide};
use crate::Work;

/// What a preview's change sets are called, and nothing else in the stack: its role may make and delete
/// those of this name only.
pub const PREFIX: &str = "redbutton-preview-";

/// A change set that is older than this was left behind: no function runs as long, by far.
const LEFT_BEHIND_SECONDS: u64 = 3_600;

/// CloudFormation may refuse to delete a change set that is being created, and a refusal may pass: it is
/// asked as often, which leaves time for the page before the function's own end.
const DELETIONS: u32 = 10;

/// What a change set would do.
#[derive(Debug, Clone, PartialEq)]
pub struct Proposal {
    /// The target's place.
    pub n: usize,
    /// The stack as it is; none when it would be made.
    pub stack: Option<Stack>,
    /// Whether the template is another one.
    pub template: bool,
    /// What the template declares.
    pub declared: Vec<Declared>,
    /// Every parameter that is sent, with its new value; none keeps what the stack has.
    pub parameters: Vec<(String, Option<String>)>,
    /// Parameters that receive images, with these.
    pub images: Vec<(String, Image)>,
    /// Keys and values; none keeps the stack's.
    pub tags: Option<Vec<(String, String)>>,
    /// What it lists; none when there is nothing to list from, since the stack is new.
    pub changes: Option<Vec<Change>>,
    /// Whether nothing at all would change.
    pub unchanged: bool,
    /// Why it would be refused.
    pub refused: Vec<String>,
    /// What could not be shown, or put in order.
    pub unseen: Vec<String>,
}

/// What each planned stack's change set would do. None of the change sets is there afterwards: what
/// is not ready at the round's end is deleted all the same.
pub async fn propose(
    work: &Work<'_>,
    state: &State,
    planned: &[Planned],
    round: &Round,
) -> Result<Vec<Proposal>, Failure> {
    let each = planned
        .iter()
        .map(|planned| one(work, state, planned, round));
    join_all(each).await.into_iter().collect()
}

async fn one(
    work: &Work<'_>,
    state: &State,
    planned: &Planned,
    round: &Round,
) -> Result<Proposal, Failure> {
    let n = planned.n;
    let mut proposal = Proposal {
        n,
        stack: planned.stack.clone(),
        template: planned.before.is_some() || planned.stack.is_none(),
        declared: planned.declared.parameters.clone(),
        parameters: Vec::new(),
        images: planned.images.clone(),
        tags: planned.given.tags.clone(),
        changes: None,
        unchanged: false,
        refused: Vec::new(),
        unseen: Vec::new(),
    };
    let end = work.ends.get(n);
    let (Some(end), Some(target)) = (end, end.and_then(|end| end.target.stack())) else {
        return Ok(proposal);
    };
    let client = end.reached()?.cloudformation();
    match planned.parameters(work.request.file.on_failure) {
        Ok(parameters) => proposal.parameters = parameters,
        Err(wrongs) => {
            proposal.refused = wrongs;
            return Ok(proposal);
        }
    }
    // A change set for a stack that is not there would leave one behind, in review.
    if planned.stack.is_none() {
        proposal.unseen.push(
            "the stack is new: CloudFormation tells its resources when it makes it, and a preview \
             makes nothing"
                .to_owned(),
        );
        return Ok(proposal);
    }
    let name = change_set_name(&state.attempt, n);
    sweep(&client, &target.stack, &name, &mut proposal.unseen).await;
    // One that is made in the last moment may be there after it was deleted.
    if round.is_over() {
        let late = "what would change was not looked at: the function's time was over. Retry the stage, or \
             raise the function's timeout";
        proposal.unseen.push(late.to_owned());
        return Ok(proposal);
    }
    let wanted = wanted(planned, target, &name, &proposal.parameters);
    let found = tokio::time::timeout(round.left(), made(&client, &wanted)).await;
    let found = found.unwrap_or_else(|_| Ok(Err(out_of_time(&name, &target.stack))));
    // Before anything else: whatever came of it, it is not to stay.
    if let Err(error) = remove(&client, &target.stack, &name).await {
        proposal.unseen.push(format!(
            "the preview's change set {name} could not be deleted ({error}): delete it by hand, by \
             aws cloudformation delete-change-set --stack-name {} --change-set-name {name}",
            target.stack
        ));
    }
    match found {
        Ok(Ok(found)) if found.changes_nothing() => proposal.unchanged = true,
        Ok(Ok(found)) if found.status == Status::Failed && is_denied(&found.reason) => {
            proposal.unseen.push(format!(
                "what would change cannot be shown: CloudFormation could not make the change set with \
                 the preview's own rights, which whoever rolls out may have: {}",
                found.reason.trim()
            ));
        }
        Ok(Ok(found)) if found.status == Status::Complete && found.execution == "OBSOLETE" => {
            let place = shared::rollout::report::place(end.placed());
            let text = format!("{place} was changed while it was looked at. {AGAIN}");
            return Err(Failure::new(FailureKind::RevisionOutOfSync, text));
        }
        Ok(Ok(found)) if found.status != Status::Complete => {
            let why = decide::unusable(&found.status, &found.execution, &found.reason);
            proposal.refused.push(why);
        }
        Ok(Ok(found)) => {
            proposal.refused = guard::refused(&found.changes, &target.allow_replacement);
            proposal.changes = Some(found.changes);
        }
        Ok(Err(text)) => proposal.unseen.push(text),
        // Somebody began since the stack was looked at.
        Err(error) if change_set::is_busy(&error) => {
            let text = format!("{}. {AGAIN}", error.message);
            return Err(Failure::new(FailureKind::RevisionOutOfSync, text));
        }
        Err(error) => return Err(end.failed(error)),
    }
    Ok(proposal)
}

/// What to do when somebody else is at work on a stack.
pub const AGAIN: &str = "Preview again when it has ended: retry the stage";

fn out_of_time(name: &str, stack: &str) -> String {
    format!(
        "CloudFormation was still creating the change set {name} of stack {stack} when the function's \
         time was over: retry the stage, or raise the function's timeout"
    )
}

/// Whether CloudFormation's words are about rights.
fn is_denied(reason: &str) -> bool {
    ["not authorized", "AccessDenied", "Access Denied"]
        .iter()
        .any(|words| reason.contains(words))
}

/// Deletes a change set, as soon as CloudFormation lets it.
async fn remove(client: &Client, stack: &str, name: &str) -> Result<(), CallError> {
    let mut tries = 1..DELETIONS;
    loop {
        match change_set::delete(client, stack, name).await {
            Err(_) if tries.next().is_some() => tokio::time::sleep(LOOK_EVERY).await,
            deleted => return deleted,
        }
    }
}

/// Deletes what previews left behind that were cut short: for good, long ago, or an earlier delivery of
/// this very job, whose change set may have been made of something else.
async fn sweep(client: &Client, stack: &str, ours: &str, unseen: &mut Vec<String>) {
    let listed = match change_set::list(client, stack).await {
        Ok(listed) => listed,
        Err(error) => {
            unseen.push(format!(
                "whether an earlier preview left a change set behind: {error}"
            ));
            return;
        }
    };
    let until = aws::job::now().saturating_sub(LEFT_BEHIND_SECONDS);
    let old = listed
        .iter()
        .filter(|one| one.name == ours || one.name.starts_with(PREFIX) && one.created < until);
    for one in old {
        if let Err(error) = remove(client, stack, &one.name).await {
            tracing::warn!(%error, name = one.name, "could not delete what a preview left behind");
        }
    }
}
