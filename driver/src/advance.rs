//! As far as one look goes: what the engine asks for is read and taken in at once; what is written
//! shows in the next look.

use aws::job::{Round, now};
use futures_util::future::join_all;
use shared::job::token;
use shared::rollout::seen::Seen;
use shared::rollout::{self as engine, State, Step};

use crate::{Work, act};

/// Ten stacks of ten services, each with tasks, platforms, deployments and logs to be read.
const MOST_READS: usize = 500;

fn wait(text: String) -> Step {
    Step::Wait { text, percent: 0 }
}

/// Advances as far as one look goes: what is read is taken in at once, what is written shows in
/// the next look.
pub async fn advance(
    work: &Work<'_>,
    state: &mut State,
    mut seen: Vec<Seen>,
    fresh: &[usize],
    round: &Round,
) -> Step {
    // As many reads as the longest look can need; a look that asks for the same thing for ever would
    // hold up everything.
    for _ in 0..MOST_READS {
        let actions = match engine::advance(state, &seen, &work.request.file, now()) {
            Step::Do(actions) => actions,
            step => return step,
        };
        let each = actions
            .iter()
            .map(|(n, action)| act::act(work, state, &seen, *n, action, fresh.contains(n)));
        let brought = join_all(each).await;
        let mut paused = None;
        for ((n, _), brought) in actions.iter().zip(brought) {
            match brought {
                act::Brought::Seen(fill) => {
                    if let Some(seen) = seen.get_mut(*n) {
                        fill(seen);
                    }
                }
                act::Brought::Carried(carried) => {
                    state.carried_out(*n, carried, &work.request.file, now());
                    paused.get_or_insert_with(|| "just begun".to_owned());
                }
                act::Brought::NotNow(error) => {
                    tracing::warn!(%error, "could not do what is to be done; trying again");
                    paused = Some(format!("not carried out yet: {error}"));
                }
            }
        }
        if let Some(text) = paused {
            round.checkpoint(token::encode(state));
            return wait(text);
        }
    }
    tracing::error!("a look did not come to an end");
    wait("this look did not come to an end; looking again".to_owned())
}
