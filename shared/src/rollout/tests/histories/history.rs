//! What a history is made of, and how it is drawn.

use std::fmt;

use super::super::model::{
    Dark, Ecs, Fate, Fault, Health, OneOff, Service, THEIRS, TICK, Thing, WAS, call, family,
};
use super::super::*;
use proptest::prelude::*;
use proptest::sample::Index;

/// All that a history is made of.
#[derive(Clone)]
pub(super) struct History {
    pub(super) targets: Vec<Plan>,
    pub(super) stop: bool,
    pub(super) exit_at_start: bool,
    pub(super) minutes: (u32, u32, u32),
    pub(super) happens: Vec<(u16, Event)>,
    /// Seconds that a delivery lasts before it yields.
    pub(super) lasts: u8,
    pub(super) lags: Vec<u8>,
    /// The number of a read, and of a write, that goes wrong.
    pub(super) faults: Vec<(u16, Fault)>,
    pub(super) write_faults: Vec<(u16, Fault)>,
    pub(super) dark: Vec<Dark>,
}

#[derive(Debug, Clone)]
pub(super) struct Plan {
    pub(super) kind: PlanKind,
    /// Bits: the targets before this one that it comes after.
    after: u8,
}

#[derive(Debug, Clone)]
pub(super) enum PlanKind {
    Task(Fate),
    Service {
        health: Health,
        desired: usize,
        blue_green: bool,
        breaker: (bool, bool),
        alarms: bool,
        early: bool,
        rollback_fails: bool,
        bake: u8,
        /// A version that somebody else began and that never finished.
        unfinished: bool,
    },
}

/// What happens besides, at a moment (counted in ticks) and to a target.
#[derive(Debug, Clone)]
pub(super) enum Event {
    /// The newest delivery loses all that it knows.
    Crash,
    /// A job that is not long ago is delivered once more.
    Duplicate(Index),
    Stranger(Index),
    TaskDies(Index),
    Scale(Index, usize),
    Alarm(Index),
    /// Somebody stops the deployment, with or without a rollback.
    Stop(Index, bool),
}

fn plans() -> impl Strategy<Value = Plan> {
    let fate = prop_oneof![
        6 => (0u16..300).prop_map(|after| Fate::Exits(0, after)),
        2 => Just(Fate::Exits(3, 20)),
        1 => Just(Fate::NeverStarts),
        1 => Just(Fate::Hangs),
        1 => Just(Fate::Vanishes),
    ];
    let health = prop_oneof![
        8 => (5u8..60).prop_map(Health::Good),
        1 => Just(Health::ImageMissing),
        2 => (5u8..90).prop_map(Health::Exits),
        1 => Just(Health::Hangs),
    ];
    let service = (
        (health, 1usize..4, any::<bool>(), any::<(bool, bool)>()),
        (
            any::<bool>(),
            any::<bool>(),
            prop::bool::weighted(0.1),
            0u8..200,
        ),
        prop::bool::weighted(0.1),
    )
        .prop_map(
            |(
                (health, desired, blue_green, breaker),
                (alarms, early, rollback_fails, bake),
                unfinished,
            )| {
                PlanKind::Service {
                    health,
                    desired,
                    blue_green,
                    breaker,
                    alarms,
                    early,
                    rollback_fails,
                    bake,
                    unfinished,
                }
            },
        );
    let kind = prop_oneof![1 => fate.prop_map(PlanKind::Task), 3 => service];
    (kind, any::<u8>()).prop_map(|(kind, after)| Plan { kind, after })
}

fn darkness() -> impl Strategy<Value = Vec<Dark>> {
    use call::{DEPLOYMENT, DESCRIBE, RECENT, SERVING, STOPPED, TASK};
    let some = [DESCRIBE, RECENT, DEPLOYMENT, STOPPED, SERVING, TASK];
    let calls = prop_oneof![
        4 => prop::sample::select(some.to_vec()),
        1 => Just(STOPPED | SERVING),
        1 => any::<u8>(),
        1 => Just(u8::MAX),
    ];
    let lasts = prop_oneof![
        3 => 1u64..60,
        2 => 60u64..300,
        2 => Just(u64::from(u32::MAX)),
    ];
    let targets = prop_oneof![any::<u8>(), Just(u8::MAX)];
    let dark = (targets, calls, 0u64..250, lasts, prop::bool::weighted(0.4)).prop_map(
        |(targets, calls, from, lasts, refused)| Dark {
            targets,
            // Writes have refusals of their own.
            calls: if refused { calls & !call::WRITE } else { calls },
            from: START + from * TICK,
            until: START + (from + lasts) * TICK,
            refused,
        },
    );
    prop_oneof![Just(Vec::new()), prop::collection::vec(dark, 1..4)]
}

pub(super) fn histories() -> impl Strategy<Value = History> {
    let event = prop_oneof![
        3 => Just(Event::Crash),
        3 => any::<Index>().prop_map(Event::Duplicate),
        1 => any::<Index>().prop_map(Event::Stranger),
        2 => any::<Index>().prop_map(Event::TaskDies),
        2 => (any::<Index>(), 1usize..5).prop_map(|(n, desired)| Event::Scale(n, desired)),
        2 => any::<Index>().prop_map(Event::Alarm),
        1 => (any::<Index>(), any::<bool>()).prop_map(|(n, back)| Event::Stop(n, back)),
    ];
    let fault = prop_oneof![
        4 => Just(Fault::Throttled),
        4 => any::<bool>().prop_map(Fault::Unanswered),
        1 => Just(Fault::Refused),
    ];
    (
        prop::collection::vec(plans(), 1..5),
        prop::bool::weighted(0.1),
        any::<bool>(),
        (2u32..6, 3u32..20, 1u32..10),
        prop::collection::vec((0u16..200, event), 0..5),
        10u8..240,
        prop::collection::vec(prop_oneof![1 => Just(0), 1 => 0u8..=20], 0..12),
        (
            prop::collection::vec((0u16..150, fault.clone()), 0..6),
            prop::collection::vec((0u16..8, fault), 0..3),
            darkness(),
        ),
    )
        .prop_map(
            |(
                targets,
                stop,
                exit_at_start,
                minutes,
                happens,
                lasts,
                lags,
                (faults, write_faults, dark),
            )| History {
                targets,
                stop,
                exit_at_start,
                minutes,
                happens,
                lasts,
                lags,
                faults,
                write_faults,
                dark,
            },
        )
}

/// One line for each thing, so that a failure can be read.
impl fmt::Debug for History {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (n, plan) in self.targets.iter().enumerate() {
            let before: Vec<usize> = plan.comes_after(n).collect();
            writeln!(f, "\n  {n} after {before:?}: {:?}", plan.kind)?;
        }
        for (at, event) in &self.happens {
            writeln!(f, "  at {} s: {event:?}", u64::from(*at) * TICK)?;
        }
        for dark in &self.dark {
            let (from, until) = (dark.from - START, dark.until - START);
            let what = if dark.refused { "refused" } else { "silent" };
            let (calls, targets) = (dark.calls, dark.targets);
            writeln!(
                f,
                "  {from} to {until} s: calls {calls:07b} of {targets:08b} {what}"
            )?;
        }
        let (stop, allow, minutes) = (self.stop, self.exit_at_start, self.minutes);
        writeln!(
            f,
            "  onFailure stop {stop}, exitAtStart {allow}, minutes {minutes:?}"
        )?;
        writeln!(
            f,
            "  a delivery lasts {} s, lags {:?}",
            self.lasts, self.lags
        )?;
        writeln!(
            f,
            "  faults {:?}, of writes {:?}",
            self.faults, self.write_faults
        )
    }
}

impl Plan {
    pub(super) fn is_service(&self) -> bool {
        matches!(self.kind, PlanKind::Service { .. })
    }

    /// The targets that the one at place `n` comes after.
    fn comes_after(&self, n: usize) -> impl Iterator<Item = usize> {
        (0..n).filter(|before| self.after >> before & 1 == 1)
    }
}

impl History {
    pub(super) fn file(&self) -> RolloutFile {
        let targets = self.targets.iter().enumerate().map(|(n, plan)| {
            let after: Vec<String> = plan.comes_after(n).map(family).collect();
            match plan.kind {
                PlanKind::Task(_) => {
                    json!({"task": format!("t{n}"), "like": "web", "cluster": "test", "after": after})
                }
                PlanKind::Service { .. } => {
                    json!({"service": format!("t{n}"), "cluster": "test", "after": after})
                }
            }
        });
        RolloutFile::from_value(&json!({
            "targets": targets.collect::<Vec<_>>(),
            "region": "ap-southeast-2",
            "stallMinutes": self.minutes.0,
            "timeoutMinutes": self.minutes.1,
            "rollbackMinutes": self.minutes.2,
            "onFailure": if self.stop { "stop" } else { "rollback" },
            "allow": if self.exit_at_start { json!(["exitAtStart"]) } else { json!([]) },
        }))
        .unwrap()
    }

    pub(super) fn ecs(&self) -> Ecs {
        let things = self.targets.iter().map(|plan| match plan.kind {
            PlanKind::Task(fate) => Thing::Task(OneOff::new(fate)),
            PlanKind::Service {
                health,
                desired,
                blue_green,
                breaker,
                alarms,
                early,
                rollback_fails,
                bake,
                unfinished,
            } => {
                let mut service = Service::new(WAS, desired, health, START);
                service.blue_green = blue_green;
                (service.breaker, service.breaker_rolls_back) = breaker;
                service.alarms = alarms;
                service.early = early;
                service.rollback_fails = rollback_fails;
                service.bake = bake.into();
                if unfinished {
                    service.update(THEIRS, START);
                    service.begun.clear();
                }
                Thing::Service(service)
            }
        });
        let mut ecs = Ecs::new(
            START,
            things.collect(),
            self.lags.clone(),
            [self.faults.clone(), self.write_faults.clone()],
        );
        ecs.dark.clone_from(&self.dark);
        ecs
    }
}
