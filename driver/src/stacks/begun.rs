//! Whether an earlier delivery of the job began the attempt: by the stack's own events, since a change
//! set that was executed has no name any more (CONTRACTS 3.3.1, 3.6.19).

use aws::cloudformation::{Client, events};
use aws::error::CallError;
use shared::rollout::seen::stack::Event;
use shared::rollout::stack::{change_set_name, is_of_attempt};
use shared::rollout::watch::{Phase, Progress, Watch};
use shared::rollout::{State, token};
use shared::stack::Stack;

/// Two deliveries of a job are not further apart: Lambda gives an event up after ten minutes, and a
/// function that was cut short is tried three times, for as long as its timeout.
const DELIVERIES_SECONDS: u64 = 3_600;

/// The watch of a stack whose update, or way back, is this attempt's; none when nothing of it shows.
/// A stack that nobody touched for long is not asked.
pub(crate) async fn begun(
    client: &Client,
    name: &str,
    stack: &Stack,
    state: &State,
    n: usize,
) -> Result<Option<Watch>, CallError> {
    let since = state.started.saturating_sub(DELIVERIES_SECONDS);
    let under_way = stack.status.ends_with("_IN_PROGRESS");
    if stack.changed < since && !under_way {
        return Ok(None);
    }
    let token = token(&state.attempt, n);
    let old = |event: &Event| event.at < since;
    let events = events::back_to(client, name, old).await?;
    let ours = |event: &&Event| is_of_attempt(event, &token);
    if !events.iter().any(|event| ours(&event)) {
        return Ok(None);
    }
    let made = |event: &Event| event.is_of_the_stack() && event.status == "CREATE_IN_PROGRESS";
    let made = events.iter().filter(ours).any(made);
    Ok(Some(Watch {
        was: (!made).then(|| aws::time::shown(state.started)),
        became: change_set_name(&state.attempt, n),
        phase: Phase::Forward,
        progress: Progress::begun(aws::job::now()),
        ..Watch::default()
    }))
}
