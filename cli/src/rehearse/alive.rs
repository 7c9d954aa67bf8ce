//! Which actions are at work, and which of them has said nothing for so long that a person wonders.

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use rehearsal::pipeline::{Event, What};

/// After as long a silence, a line says that an action is still at work.
const SILENCE: Duration = Duration::from_secs(15);

/// Actions at work, by execution, stage and name.
#[derive(Default)]
pub(super) struct Alive(BTreeMap<(String, String, String), Times>);

struct Times {
    began: Instant,
    /// The last time that something of it was on the screen.
    seen: Instant,
}

/// An action that is still at work.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Working {
    pub(super) execution: String,
    pub(super) action: String,
    /// Since it began.
    pub(super) time: Duration,
}

impl Alive {
    /// Takes in what happened. An approval is no work: the person knows.
    pub(super) fn hear(&mut self, event: &Event, now: Instant) {
        let (Some(stage), Some(action)) = (&event.stage, &event.action) else {
            return;
        };
        let key = (event.execution.clone(), stage.clone(), action.clone());
        match &event.what {
            What::ActionStarted { category, .. } if category != "Approval" => {
                let times = Times {
                    began: now,
                    seen: now,
                };
                self.0.insert(key, times);
            }
            What::ActionEnded { .. } => {
                self.0.remove(&key);
            }
            _ => {
                if let Some(times) = self.0.get_mut(&key) {
                    times.seen = now;
                }
            }
        }
    }

    /// The actions that have been silent for long; each is told once, until it is silent again.
    pub(super) fn silent(&mut self, now: Instant) -> Vec<Working> {
        let silent = self
            .0
            .iter_mut()
            .filter(|(_, times)| now.duration_since(times.seen) >= SILENCE);
        let told = silent.map(|((execution, _, action), times)| {
            times.seen = now;
            Working {
                execution: execution.clone(),
                action: action.clone(),
                time: now.duration_since(times.began),
            }
        });
        told.collect()
    }
}

#[cfg(test)]
mod tests {
    use rehearsal::pipeline::Status;

    use super::*;

    fn event(action: &str, what: What) -> Event {
        Event {
            execution: "3f2b".to_owned(),
            stage: Some("Test".to_owned()),
            action: Some(action.to_owned()),
            what,
        }
    }

    fn started(category: &str) -> What {
        What::ActionStarted {
            category: category.to_owned(),
            provider: "Lambda".to_owned(),
            configuration: BTreeMap::new(),
        }
    }

    #[test]
    fn an_action_that_is_silent_for_long_is_told_and_an_approval_is_not() {
        let begin = Instant::now();
        let at = |seconds| begin + Duration::from_secs(seconds);
        let mut alive = Alive::default();
        alive.hear(&event("RollOut", started("Invoke")), begin);
        alive.hear(&event("Approve", started("Approval")), begin);
        let told = |alive: &mut Alive, seconds| -> Vec<u64> {
            let silent = alive.silent(at(seconds));
            silent
                .iter()
                .map(|working| working.time.as_secs())
                .collect()
        };
        assert_eq!(told(&mut alive, 14), [0_u64; 0]);
        assert_eq!(told(&mut alive, 15), [15]);
        assert_eq!(told(&mut alive, 16), [0_u64; 0]);
        assert_eq!(told(&mut alive, 31), [31]);
        let said = What::ActionSaid {
            summary: None,
            percent: Some(10),
        };
        alive.hear(&event("RollOut", said), at(40));
        assert_eq!(told(&mut alive, 50), [0_u64; 0]);
        assert_eq!(told(&mut alive, 55), [55]);
        let ended = What::ActionEnded {
            status: Status::Succeeded,
            summary: None,
            error: None,
            variables: BTreeMap::new(),
            milliseconds: 1,
        };
        alive.hear(&event("RollOut", ended), at(56));
        assert_eq!(told(&mut alive, 99), [0_u64; 0]);
    }
}
