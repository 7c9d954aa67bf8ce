//! A small ECS of the tests' own: what it was told, what it does about it every five seconds, and
//! what it says of it, which may be up to twenty seconds old (CONTRACTS 3.5.10).

mod service;
mod task;

use std::collections::VecDeque;

use super::super::seen::{self, Blind, Recent, ServiceDeployment};
use super::arn;
use super::{Failure, FailureKind};
pub(super) use service::{Health, Service};
pub(super) use task::{Fate, OneOff};

/// Seconds between two moments of the model.
pub(super) const TICK: u64 = 5;
/// What a description may lag behind by.
pub(super) const LONGEST_LAG: u64 = 20;

/// Revisions of every family.
pub(super) const WAS: u32 = 7;
pub(super) const OURS: u32 = 8;
pub(super) const THEIRS: u32 = 9;

/// How a call may go wrong.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Fault {
    Throttled,
    /// No answer, and whether it was carried out.
    Unanswered(bool),
    Refused,
}

/// What may be asked of AWS about a target, each a bit.
pub(super) mod call {
    pub(in super::super) const DESCRIBE: u8 = 1;
    pub(in super::super) const RECENT: u8 = 2;
    pub(in super::super) const DEPLOYMENT: u8 = 4;
    pub(in super::super) const STOPPED: u8 = 8;
    pub(in super::super) const SERVING: u8 = 16;
    pub(in super::super) const TASK: u8 = 32;
    /// All that changes something.
    pub(in super::super) const WRITE: u8 = 64;
}

/// A stretch in which AWS does not answer some calls about some targets, or refuses reads of them.
#[derive(Debug, Clone)]
pub(super) struct Dark {
    /// Bits.
    pub(super) targets: u8,
    pub(super) calls: u8,
    pub(super) from: u64,
    pub(super) until: u64,
    pub(super) refused: bool,
}

/// A target, as it is in truth.
#[derive(Debug, Clone)]
pub(super) enum Thing {
    Service(Service),
    Task(OneOff),
}

impl Thing {
    /// Whether our release was begun, by any delivery.
    pub(super) fn was_begun(&self) -> bool {
        match self {
            Self::Service(service) => service.begun.contains(&OURS),
            Self::Task(task) => task.was_begun(),
        }
    }
}

/// The truth, its recent past, and how calls go.
#[derive(Debug, Clone)]
pub(super) struct Ecs {
    pub(super) now: u64,
    pub(super) things: Vec<Thing>,
    past: VecDeque<(u64, Vec<Thing>)>,
    /// Seconds, in turn for each read.
    lags: Vec<u8>,
    reads: usize,
    /// Of reads and of writes: the number of the call, and what happens to it.
    faults: [Vec<(u16, Fault)>; 2],
    calls: [u16; 2],
    refused: Vec<usize>,
    pub(super) dark: Vec<Dark>,
}

impl Ecs {
    pub(super) fn new(
        now: u64,
        things: Vec<Thing>,
        lags: Vec<u8>,
        faults: [Vec<(u16, Fault)>; 2],
    ) -> Self {
        let past = VecDeque::from([(now, things.clone())]);
        Self {
            now,
            things,
            past,
            lags,
            reads: 0,
            faults,
            calls: [0; 2],
            refused: Vec::new(),
            dark: Vec::new(),
        }
    }

    /// Five seconds go by.
    pub(super) fn tick(&mut self) {
        self.past.push_back((self.now, self.things.clone()));
        self.now += TICK;
        while self
            .past
            .front()
            .is_some_and(|(at, _)| at + LONGEST_LAG < self.now)
        {
            self.past.pop_front();
        }
        self.get_on();
    }

    /// Some time goes by, in which nobody looks.
    pub(super) fn settle(&mut self, seconds: u64) {
        for _ in 0..seconds / TICK {
            self.now += TICK;
            self.get_on();
        }
    }

    fn get_on(&mut self) {
        for thing in &mut self.things {
            match thing {
                Thing::Service(service) => service.tick(self.now),
                Thing::Task(task) => task.tick(self.now),
            }
        }
    }

    pub(super) fn service(&mut self, n: usize) -> Option<&mut Service> {
        match self.things.get_mut(n) {
            Some(Thing::Service(service)) => Some(service),
            _ => None,
        }
    }

    pub(super) fn one_off(&mut self, n: usize) -> Option<&mut OneOff> {
        match self.things.get_mut(n) {
            Some(Thing::Task(task)) => Some(task),
            _ => None,
        }
    }

    /// `writes` is 0 for a read and 1 for a write.
    fn fault(&mut self, writes: usize) -> Option<Fault> {
        let calls = self.calls[writes];
        self.calls[writes] = calls.saturating_add(1);
        let mut faults = self.faults[writes].iter();
        faults
            .find(|(call, _)| *call == calls)
            .map(|(_, fault)| *fault)
    }

    /// Why a call about a target shows nothing now; what is refused is no silence.
    pub(super) fn blind(&self, n: usize, call: u8) -> Option<Blind> {
        let mut dark = self.dark.iter().filter(|dark| {
            let now = dark.from <= self.now && self.now < dark.until;
            now && dark.targets >> n & 1 == 1 && dark.calls & call != 0
        });
        let first = dark.next()?;
        Some(if first.refused || dark.any(|dark| dark.refused) {
            Blind::Refused(Failure::new(FailureKind::PermissionError, "not shown"))
        } else {
            Blind::NotNow("not answered".into())
        })
    }

    /// What a read is told of a target: the truth of a moment ago.
    fn read(&mut self, n: usize, call: u8) -> Result<Thing, Blind> {
        if let Some(blind) = self.blind(n, call) {
            return Err(blind);
        }
        self.reads += 1;
        let lag = match self.lags.len() {
            0 => 0,
            count => u64::from(self.lags[self.reads % count]),
        };
        if self.fault(0).is_some() {
            return Err(Blind::NotNow("throttled".into()));
        }
        let then = self.past.iter().rev().find(|(at, _)| at + lag <= self.now);
        let things = match (lag, then.or_else(|| self.past.front())) {
            (0, _) | (_, None) => &self.things,
            (_, Some((_, things))) => things,
        };
        Ok(things[n].clone())
    }

    fn read_service(&mut self, n: usize, call: u8) -> Result<Service, Blind> {
        match self.read(n, call)? {
            Thing::Service(service) => Ok(service),
            Thing::Task(_) => panic!("target {n} is a task"),
        }
    }

    pub(super) fn describe(&mut self, n: usize) -> Result<seen::Service, Blind> {
        let family = family(n);
        self.read_service(n, call::DESCRIBE)
            .map(|service| service.described(&family))
    }

    pub(super) fn recent(&mut self, n: usize) -> Result<Vec<Recent>, Blind> {
        let family = family(n);
        self.read_service(n, call::RECENT)
            .map(|service| service.recent(&family))
    }

    pub(super) fn deployment(
        &mut self,
        n: usize,
        id: &str,
    ) -> Result<Option<ServiceDeployment>, Blind> {
        self.read_service(n, call::DEPLOYMENT)
            .map(|service| service.deployment(id))
    }

    pub(super) fn stopped(&mut self, n: usize) -> Result<Vec<seen::Task>, Blind> {
        let family = family(n);
        self.read_service(n, call::STOPPED)
            .map(|service| service.stopped(&family))
    }

    pub(super) fn serving(&mut self, n: usize) -> Result<Vec<seen::Task>, Blind> {
        let family = family(n);
        self.read_service(n, call::SERVING)
            .map(|service| service.serving(&family))
    }

    pub(super) fn task(&mut self, n: usize) -> Result<Option<seen::Task>, Blind> {
        match self.read(n, call::TASK)? {
            Thing::Task(task) => Ok(task.described(&arn(&family(n), OURS))),
            Thing::Service(_) => panic!("target {n} is a service"),
        }
    }

    /// What was refused once for a target stays refused: a policy says so. The policy that let one
    /// delivery begin it lets the others: a refusal ends a rollout at once, so that a wrong policy is
    /// told in seconds, and nothing waits for what another delivery was allowed to do.
    fn write<T>(
        &mut self,
        n: usize,
        begins: bool,
        carry_out: impl FnOnce(&mut Self) -> T,
    ) -> Result<T, Fault> {
        let allowed = begins && self.things[n].was_begun();
        if self.refused.contains(&n) && !allowed {
            return Err(Fault::Refused);
        }
        if self.blind(n, call::WRITE).is_some() {
            return Err(Fault::Unanswered(false));
        }
        match self.fault(1) {
            None => Ok(carry_out(self)),
            Some(Fault::Refused) if allowed => Ok(carry_out(self)),
            Some(fault) => {
                if fault == Fault::Unanswered(true) {
                    carry_out(self);
                }
                if fault == Fault::Refused {
                    self.refused.push(n);
                }
                Err(fault)
            }
        }
    }

    /// `UpdateService`: the PRIMARY deployment's id.
    pub(super) fn update(&mut self, n: usize, revision: u32) -> Result<String, Fault> {
        self.write(n, revision == OURS, |ecs| {
            let now = ecs.now;
            ecs.service(n).unwrap().update(revision, now)
        })
    }

    /// `StopServiceDeployment` with ROLLBACK: whether there was anything to stop.
    pub(super) fn stop_and_roll_back(&mut self, n: usize, id: &str) -> Result<bool, Fault> {
        self.write(n, false, |ecs| {
            ecs.service(n).unwrap().stop(id, "STOP_REQUESTED")
        })
    }

    /// `RunTask` with a client token: the same task for the same token.
    pub(super) fn run(&mut self, n: usize) -> Result<String, Fault> {
        self.write(n, true, |ecs| {
            let now = ecs.now;
            ecs.one_off(n).unwrap().run(now);
            "1".into()
        })
    }

    pub(super) fn stop_task(&mut self, n: usize) -> Result<(), Fault> {
        self.write(n, false, |ecs| {
            let now = ecs.now;
            ecs.one_off(n).unwrap().stop(now);
        })
    }
}

/// The family of a target's task definitions.
pub(super) fn family(n: usize) -> String {
    format!("t{n}")
}
