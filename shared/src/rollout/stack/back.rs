//! A stack on its way back: CloudFormation's own rollback while the update is under way, else a
//! second change set with what was there before (CONTRACTS 3.6.19, 3.6.20). Nothing is deleted.

use super::super::seen::stack::{Event, StackSeen};
use super::super::seen::{Blind, Seen};
use super::super::watch::{Phase, Watch};
use super::super::{Action, Look, Scene, minutes};
use super::operation::{self, Doing, Stage, doing};
use super::services;
use crate::rollout_file::OnFailure;
use crate::stack::Stack;
use crate::stack::standing::{self, Standing};

/// How long a way back that was asked for may not show.
const ASKED_SECONDS: u64 = 60;

/// One look at a stack while everything goes back, since `since`.
pub(in super::super) fn back(watch: &Watch, seen: &Seen, scene: &Scene<'_>, since: u64) -> Look {
    let Some(stack) = &seen.stack else {
        return Look::Wait("the stack was not looked at".into(), 50);
    };
    let now = operation::newest(stack).map_or("unknown", |event| event.status.as_str());
    if watch.unchanged {
        return Look::Over(format!("as before, {now}"));
    }
    let back = Back {
        watch,
        stack,
        scene,
        stop: scene.file.on_failure == OnFailure::Stop,
        late: scene.now >= since + minutes(scene.file.rollback_minutes),
    };
    let asked = match watch.phase {
        Phase::Back { asked } => asked,
        Phase::Waiting => false,
        Phase::Forward | Phase::Served | Phase::Stuck => return Look::Over(now.to_owned()),
    };
    match doing(stack, &scene.token) {
        Doing::Unseen if watch.progress.may_be_unseen(scene.now) => {
            back.wait("what was begun may not show yet")
        }
        // A change set that was never executed is ours to remove.
        Doing::Unseen if !watch.deployment.is_empty() && back.late => {
            back.wait("its change set could not be deleted")
        }
        Doing::Unseen if !watch.deployment.is_empty() => Look::Do(Action::Discard),
        Doing::Unseen => Look::Over(format!("as before, {now}")),
        Doing::Ours(event) => match Stage::of(&event.status) {
            Stage::UnderWay => back.under_way(event, asked),
            Stage::Complete => back.complete(event, asked),
            Stage::GoingBack => back.wait(&event.status),
            // CloudFormation undid it.
            Stage::Failed if event.status == "UPDATE_ROLLBACK_COMPLETE" => back.settle(event, seen),
            Stage::Failed => back.failed(event),
        },
        Doing::Back(event) => match Stage::of(&event.status) {
            Stage::UnderWay | Stage::GoingBack => back.wait(&event.status),
            Stage::Complete => back.settle(event, seen),
            Stage::Failed => back.failed(event),
        },
        Doing::Others(event) => Look::Over(operation::overtaken_by(event)),
    }
}

struct Back<'a> {
    watch: &'a Watch,
    stack: &'a StackSeen,
    scene: &'a Scene<'a>,
    stop: bool,
    late: bool,
}

impl Back<'_> {
    fn under_way(&self, event: &Event, asked: bool) -> Look {
        if self.stop {
            return Look::Over(format!("{}; onFailure is \"stop\"", event.status));
        }
        // Only an update can be given up, and not once it cleans up.
        if event.status == "UPDATE_IN_PROGRESS" && !asked && !self.late {
            return Look::Do(Action::GiveUp);
        }
        self.wait(&event.status)
    }

    fn complete(&self, event: &Event, asked: bool) -> Look {
        if self.watch.was.is_none() {
            return Look::Over(format!(
                "{}; it was made by this release and stays, since redbutton deletes nothing",
                event.status
            ));
        }
        if self.stop {
            return Look::Over(format!("{}; onFailure is \"stop\"", event.status));
        }
        if self.late {
            return self.wait("going back could not be asked for");
        }
        // What was asked for a moment ago need not show yet.
        if asked && self.scene.now < self.watch.asked_stopped + ASKED_SECONDS {
            return self.wait("going back has not begun yet");
        }
        Look::Do(Action::Restore)
    }

    /// CloudFormation could not undo it, or not do what leads back.
    fn failed(&self, event: &Event) -> Look {
        let stack = &self.scene.target.name;
        let region = self.scene.target.region.as_str();
        let name = self.scene.target.stack().map_or(stack, |one| &one.stack);
        let as_it_is = Stack {
            status: event.status.clone(),
            reason: event.reason.clone(),
            ..Stack::default()
        };
        Look::Over(match standing::of(Some(&as_it_is), name, region) {
            Standing::Stuck(text) => text,
            _ => format!(
                "{}, so the way back failed: {}; look at it",
                event.status, event.reason
            ),
        })
    }

    /// The stack is as it was; its services have to be, too.
    fn settle(&self, event: &Event, seen: &Seen) -> Look {
        let mut text = format!("{}, template and parameters as before", event.status);
        let Some(inside) = &self.stack.inside else {
            return match &seen.blind {
                None => Look::Do(Action::ReadInside),
                Some(Blind::NotNow(why)) => self.wait(&format!("{text}; {why}")),
                Some(Blind::Refused(failure)) => Look::Over(format!(
                    "{text}; what its services do could not be looked at: {}",
                    failure.message.trim_end_matches('.')
                )),
            };
        };
        let (settled, texts) = services::settled(inside);
        for one in texts {
            text.push_str("; ");
            text.push_str(&one);
        }
        if settled {
            return Look::Over(text);
        }
        self.wait(&text)
    }

    fn wait(&self, text: &str) -> Look {
        if self.late {
            return Look::Over(format!(
                "{text}: not within rollbackMinutes; look at the stack"
            ));
        }
        Look::Wait(text.to_owned(), 50)
    }
}
