//! A service on its way back, together with all others of its rollout (CONTRACTS 3.5.27).

use super::seen::{Blind, Deployment, Recent, RolloutState, Seen, Service, Status};
use super::service::settled;
use super::watch::{Phase, Watch};
use super::{Action, Look, Scene, minutes, shows};
use crate::names::short;
use crate::rollout_file::OnFailure;

/// How long ECS's own rollback may take to begin after it gave a deployment up.
const BREAKER_SECONDS: u64 = 60;

/// One look at a service that was begun, `since` when everything goes back.
pub(super) fn back(watch: &Watch, seen: &Seen, scene: &Scene<'_>, since: u64) -> Look {
    let service = &seen.service;
    let Some(primary) = service.primary().filter(|_| service.status == "ACTIVE") else {
        return Look::Over(format!("{}, so nothing serves", service.status));
    };
    let Phase::Back { asked } = watch.phase else {
        return Look::Over(now_serving(service));
    };
    if watch.unchanged {
        return Look::Over(format!("as before, {}", now_serving(service)));
    }
    let back = Back {
        watch,
        service,
        primary,
        asked,
        stop: scene.file.on_failure == OnFailure::Stop,
        late: scene.now >= since + minutes(scene.file.rollback_minutes),
    };
    let shows = shows(watch, seen);
    if service.strategy.shifts_traffic() && seen.recent.is_none() && seen.blind.is_none() {
        return Look::Do(Action::ReadRecent);
    }
    // What was changed since the attempt began is no description from before.
    let newer = primary.changed >= scene.started;
    // Asked or not, what does not show it yet says nothing about how it went back.
    if !shows && !newer && !is_recorded(&back, seen) && watch.progress.may_be_unseen(scene.now) {
        return back.wait("what was begun may not show yet");
    }
    // What was asked for when ECS was busy otherwise is asked for again.
    let again = asked && scene.now >= since + BREAKER_SECONDS;
    if service.strategy.shifts_traffic() {
        return match (&seen.recent, &seen.blind) {
            (Some(recent), _) => back.traffic(recent),
            // What brings it back finds out for itself what is under way.
            (None, _) if shows && !asked => back.ask(),
            // Else the service itself has to do (3.5.13). Where the list is refused, nobody sees
            // whether ECS goes back, during which nothing may be updated: asking once is enough.
            (None, blind) => back.rolling(false, again && matches!(blind, Some(Blind::NotNow(_)))),
        };
    }
    let ecs_turns = service.rolls_back_itself
        && primary.state == RolloutState::Failed
        && scene.now < since + BREAKER_SECONDS.min(minutes(scene.file.rollback_minutes) / 2);
    back.rolling(ecs_turns, again)
}

/// Whether ECS's record has ours, and what is PRIMARY came after it. The description may be older
/// than the record: then what is PRIMARY in it may be what was there before ours.
fn is_recorded(back: &Back<'_>, seen: &Seen) -> bool {
    let recent = || seen.recent.iter().flatten().map(|one| &one.task_definition);
    let primary = &back.primary.task_definition;
    let followed = recent().next() == Some(primary) || back.watch.was.as_ref() == Some(primary);
    followed && recent().any(|one| *one == back.watch.became)
}

/// One look at a target that cannot be seen. Silence may end until rollbackMinutes are over; a
/// refusal is believed after a minute, since permissions take a moment to change.
pub(super) fn blinded(seen: &Seen, scene: &Scene<'_>, since: u64) -> Look {
    const REFUSED_SECONDS: u64 = 60;
    let patience = minutes(scene.file.rollback_minutes);
    let (why, patience) = match &seen.blind {
        Some(Blind::NotNow(text)) => (text.as_str(), patience),
        Some(Blind::Refused(failure)) => (failure.message.as_str(), patience.min(REFUSED_SECONDS)),
        None => ("it was not looked at", patience),
    };
    if scene.now < since + patience {
        return Look::Wait(format!("cannot be seen now: {why}"), 50);
    }
    let why = why.trim_end_matches('.');
    Look::Over(format!("unknown, look at it: {why}"))
}

struct Back<'a> {
    watch: &'a Watch,
    service: &'a Service,
    primary: &'a Deployment,
    asked: bool,
    stop: bool,
    late: bool,
}

impl Back<'_> {
    /// `ecs_turns`: what ECS gave up, ECS brings back where it is told to; all else is for us.
    fn rolling(&self, ecs_turns: bool, again: bool) -> Look {
        if self.primary.task_definition == self.watch.became {
            return if again && !self.late {
                self.ask_again()
            } else if self.stop || !ecs_turns {
                self.ask()
            } else {
                self.wait("ECS gave it up and has not begun to go back")
            };
        }
        self.arriving(matches!(
            self.primary.state,
            RolloutState::Completed | RolloutState::None
        ))
    }

    fn traffic(&self, recent: &[Recent]) -> Look {
        let Some(newest) = recent.first() else {
            return if self.primary.task_definition == self.watch.became {
                self.ask()
            } else {
                self.arriving(true)
            };
        };
        if newest.task_definition != self.watch.became {
            let way_back = self.watch.was.as_ref() == Some(&newest.task_definition);
            let ended = !matches!(
                newest.status,
                Status::Pending | Status::InProgress | Status::Unknown(_)
            );
            if ended && !way_back && self.primary.task_definition == self.watch.became {
                // ECS's record does not name ours, and it is PRIMARY all the same.
                return self.ask();
            }
            return match newest.status {
                // What failed before this rollout says nothing about it.
                Status::Stopped | Status::RollbackSuccessful | Status::RollbackFailed
                    if !way_back =>
                {
                    self.arriving(true)
                }
                Status::Stopped | Status::RollbackSuccessful | Status::RollbackFailed => {
                    self.over(&format!(
                        "the way back did not succeed ({}); look at the service",
                        newest.reason
                    ))
                }
                _ => self.arriving(newest.status == Status::Successful),
            };
        }
        match newest.status {
            // Stopped by our asking or by a person's, and left as it was.
            Status::Stopped if !self.late => self.ask_again(),
            Status::Pending
            | Status::InProgress
            | Status::Unknown(_)
            | Status::Stopped
            | Status::Successful => self.ask(),
            Status::StopRequested | Status::RollbackRequested | Status::RollbackInProgress => {
                self.wait("ECS goes back")
            }
            Status::RollbackSuccessful => self.arriving(true),
            Status::RollbackFailed => self.over(&format!(
                "ECS could not go back ({}); look at the service",
                newest.reason
            )),
        }
    }

    /// Asks for the way back, once.
    fn ask(&self) -> Look {
        match self.ask_again() {
            Look::Do(_) if self.asked => self.wait("going back has not begun yet"),
            look => look,
        }
    }

    fn ask_again(&self) -> Look {
        let Some(was) = self
            .watch
            .was
            .as_ref()
            .filter(|was| **was != self.watch.became)
        else {
            return self.over("there is no other version to go back to");
        };
        if self.stop {
            return self.over("onFailure is \"stop\", so redbutton did not go back");
        }
        if self.late {
            return self.wait("going back could not be asked for");
        }
        Look::Do(Action::GoBack(was.clone()))
    }

    /// Another version than ours is PRIMARY.
    fn arriving(&self, finished: bool) -> Look {
        let service = self.service;
        if self.watch.was.as_ref() != Some(&self.primary.task_definition)
            && self.primary.task_definition != self.watch.became
        {
            return self.over(&overtaken_by(service));
        }
        if finished
            && self.primary.task_definition != self.watch.became
            && settled(service, self.primary)
        {
            return self.over("");
        }
        self.wait(&format!(
            "going back to {}: {} of {} tasks run",
            self.watch.was.as_deref().map_or("nothing", short),
            self.primary.running,
            service.desired
        ))
    }

    fn wait(&self, text: &str) -> Look {
        if self.late {
            return self.over(&format!(
                "{text}: not within rollbackMinutes; look at the service"
            ));
        }
        Look::Wait(text.to_owned(), 50)
    }

    fn over(&self, remark: &str) -> Look {
        let mut now = now_serving(self.service);
        if !remark.is_empty() {
            now.push_str("; ");
            now.push_str(remark);
        }
        Look::Over(now)
    }
}

/// Who is PRIMARY in the place of what we released.
pub(super) fn overtaken_by(service: &Service) -> String {
    format!(
        "somebody else deployed {} while this rollout was under way",
        service
            .primary()
            .map_or("nothing", |primary| short(&primary.task_definition))
    )
}

/// What serves now, in words.
pub(super) fn now_serving(service: &Service) -> String {
    let Some(primary) = service.primary() else {
        return "nothing".into();
    };
    let state = match &primary.state {
        RolloutState::Completed | RolloutState::None => "",
        RolloutState::Failed => ", which ECS gave up",
        _ => ", still being rolled out",
    };
    let mut text = format!(
        "{}{state} ({} of {} tasks run)",
        short(&primary.task_definition),
        primary.running,
        service.desired
    );
    for other in service
        .deployments
        .iter()
        .filter(|d| !d.primary && d.running > 0)
    {
        text.push_str(&format!(
            ", and {} tasks of {}",
            other.running,
            short(&other.task_definition)
        ));
    }
    text
}
