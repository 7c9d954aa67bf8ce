//! A service of the model: rolling and blue/green, with circuit breaker and alarms.

mod shown;

use super::OURS;

/// How tasks of the release fare.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in super::super) enum Health {
    /// They run, so many seconds after they were started.
    Good(u8),
    ImageMissing,
    /// They exit so many seconds after they ran.
    Exits(u8),
    /// They never get to run.
    Hangs,
}

/// After so many failed tasks the circuit breaker opens.
const THRESHOLD: u32 = 3;
/// Seconds that traffic takes to shift.
const SHIFT: u64 = 30;

#[derive(Debug, Clone)]
pub(in super::super) struct Service {
    pub(in super::super) desired: usize,
    pub(in super::super) blue_green: bool,
    pub(in super::super) breaker: bool,
    pub(in super::super) breaker_rolls_back: bool,
    pub(in super::super) alarms: bool,
    /// Blue/green: successful before the old tasks are gone.
    pub(in super::super) early: bool,
    pub(in super::super) rollback_fails: bool,
    pub(in super::super) bake: u64,
    pub(in super::super) ours: Health,
    /// What the service is set to.
    pub(in super::super) definition: u32,
    /// What ECS goes back to.
    pub(in super::super) finished: u32,
    /// Revisions that `UpdateService` began, in order.
    pub(in super::super) begun: Vec<u32>,
    /// When a stranger last meddled.
    pub(in super::super) stranger: Option<u64>,
    /// What ECS would have gone back to when our release was begun.
    pub(in super::super) before: Option<u32>,
    /// When our release was begun.
    pub(in super::super) begun_at: Option<u64>,
    /// Whether our release ran in all tasks, at some time.
    pub(in super::super) was_served: bool,
    /// Whether our revision was registered.
    pub(in super::super) registered: bool,
    /// PRIMARY first.
    sets: Vec<Set>,
    /// Service deployments, newest first.
    record: Vec<Record>,
    stopped: Vec<(u32, Health, u64, u64)>,
    /// Revisions of tasks that ECS itself ended; it shows them for as long.
    scaled: Vec<u32>,
    ids: u32,
}

/// A deployment in `deployments[]`, with its tasks.
#[derive(Debug, Clone)]
struct Set {
    id: u32,
    revision: u32,
    /// When each was started, and when it ran.
    tasks: Vec<(u64, Option<u64>)>,
    failed: u32,
    state: &'static str,
}

#[derive(Debug, Clone)]
struct Record {
    id: u32,
    revision: u32,
    status: &'static str,
    stage: &'static str,
    /// Since when the stage or the status.
    since: u64,
}

impl Set {
    fn running(&self) -> usize {
        self.tasks.iter().filter(|(_, ran)| ran.is_some()).count()
    }
}

impl Service {
    /// A service that has run `was` for long.
    pub(in super::super) fn new(was: u32, desired: usize, ours: Health, now: u64) -> Self {
        Self {
            desired,
            blue_green: false,
            breaker: false,
            breaker_rolls_back: false,
            alarms: false,
            early: false,
            rollback_fails: false,
            bake: 0,
            ours,
            definition: was,
            finished: was,
            begun: Vec::new(),
            stranger: None,
            before: None,
            begun_at: None,
            was_served: false,
            registered: false,
            sets: vec![Set {
                id: 1,
                revision: was,
                tasks: vec![(0, Some(0)); desired],
                failed: 0,
                state: "COMPLETED",
            }],
            record: vec![Record {
                id: 1,
                revision: was,
                status: "SUCCESSFUL",
                stage: "",
                since: now,
            }],
            stopped: Vec::new(),
            scaled: Vec::new(),
            ids: 1,
        }
    }

    /// The revisions whose tasks run, one entry a task.
    pub(in super::super) fn running(&self) -> Vec<u32> {
        self.sets
            .iter()
            .flat_map(|set| vec![set.revision; set.running()])
            .collect()
    }

    pub(in super::super) fn update(&mut self, revision: u32, now: u64) -> String {
        if revision != self.definition {
            self.begun.push(revision);
            if revision == OURS {
                self.before = Some(self.finished);
                self.begun_at = Some(now);
            }
            self.ids += 1;
            if !matches!(
                self.record[0].status,
                "SUCCESSFUL" | "ROLLBACK_SUCCESSFUL" | "ROLLBACK_FAILED"
            ) {
                self.record[0].status = "STOPPED";
            }
            let (id, status) = (self.ids, "PENDING");
            self.record.insert(
                0,
                Record {
                    id,
                    revision,
                    status,
                    stage: "",
                    since: now,
                },
            );
            self.bring(revision);
        }
        format!("ecs-svc/{}", self.sets[0].id)
    }

    /// Makes a revision PRIMARY; tasks that run it already are kept.
    fn bring(&mut self, revision: u32) {
        self.definition = revision;
        let kept = self.sets.iter().position(|set| set.revision == revision);
        let tasks = kept
            .map(|at| self.sets.remove(at).tasks)
            .unwrap_or_default();
        let (id, failed, state) = (self.ids, 0, "IN_PROGRESS");
        self.sets.insert(
            0,
            Set {
                id,
                revision,
                tasks,
                failed,
                state,
            },
        );
    }

    /// Stops the service deployment, if it is under way; `status` says what follows.
    pub(in super::super) fn stop(&mut self, id: &str, status: &'static str) -> bool {
        let newest = &mut self.record[0];
        let under_way = matches!(newest.status, "PENDING" | "IN_PROGRESS");
        if under_way && (id.is_empty() || newest.id.to_string() == id) {
            newest.status = status;
            return true;
        }
        false
    }

    /// An alarm goes off: only a deployment under way minds.
    pub(in super::super) fn alarm(&mut self) {
        if self.alarms {
            self.stop("", "ROLLBACK_REQUESTED");
        }
    }

    /// A task of the newest version ends for a reason of its own; ECS replaces it.
    pub(in super::super) fn task_dies(&mut self) {
        self.sets[0].tasks.pop();
    }

    pub(super) fn tick(&mut self, now: u64) {
        match self.record[0].status {
            "PENDING" => self.enter("IN_PROGRESS", "SCALE_UP", now),
            "STOP_REQUESTED" | "ROLLBACK_REQUESTED" => {
                self.sets[0].state = "FAILED";
                self.ids += 1;
                self.bring(self.finished);
                self.enter("ROLLBACK_IN_PROGRESS", "", now);
            }
            _ => {}
        }
        self.run_tasks(now);
        let primary = &mut self.sets[0];
        if self.breaker && primary.failed >= THRESHOLD && self.record[0].status == "IN_PROGRESS" {
            primary.state = "FAILED";
            self.record[0].status = if self.breaker_rolls_back {
                "ROLLBACK_REQUESTED"
            } else {
                "STOPPED"
            };
        }
        let primary = &self.sets[0];
        let complete =
            primary.running() >= self.desired && primary.tasks.len() == primary.running();
        if self.blue_green {
            self.shift(complete, now);
        } else {
            self.roll(complete, now);
        }
        self.was_served |= self.sets[0].revision == OURS
            && complete
            && self.sets[1..].iter().all(|set| set.running() == 0);
    }

    fn enter(&mut self, status: &'static str, stage: &'static str, now: u64) {
        let newest = &mut self.record[0];
        (newest.status, newest.stage, newest.since) = (status, stage, now);
    }

    /// Tasks of the PRIMARY are started, and all tasks get on.
    fn run_tasks(&mut self, now: u64) {
        let primary = &mut self.sets[0];
        if primary.state != "FAILED" {
            primary.tasks.truncate(self.desired);
            while primary.tasks.len() < self.desired {
                primary.tasks.push((now, None));
            }
        }
        for set in &mut self.sets {
            let health = if set.revision == OURS {
                self.ours
            } else {
                Health::Good(15)
            };
            let stopped = &mut self.stopped;
            let (revision, failed) = (set.revision, &mut set.failed);
            set.tasks.retain_mut(|(born, ran)| {
                let ends = match (health, *ran) {
                    (Health::Good(after), None) if now >= *born + u64::from(after) => {
                        *ran = Some(now);
                        false
                    }
                    (Health::Exits(_), None) if now >= *born + 10 => {
                        *ran = Some(now);
                        false
                    }
                    (Health::Exits(lives), Some(ran)) => now >= ran + u64::from(lives),
                    (Health::ImageMissing, None) => now >= *born + 10,
                    _ => false,
                };
                if ends {
                    *failed += 1;
                    stopped.push((revision, health, ran.unwrap_or_default(), now));
                }
                !ends
            });
        }
    }

    /// As many old tasks go as new ones run, one at a time.
    fn roll(&mut self, complete: bool, now: u64) {
        let new = self.sets[0].running();
        let old: usize = self.sets[1..].iter().map(|set| set.tasks.len()).sum();
        if old + new > self.desired {
            self.drop_an_old_task();
        }
        let newest = &self.record[0];
        let baked = !self.alarms || newest.stage == "BAKE_TIME" && now >= newest.since + self.bake;
        match newest.status {
            "IN_PROGRESS" if complete && baked => self.succeed(now),
            "IN_PROGRESS" if complete && newest.stage != "BAKE_TIME" => {
                self.enter("IN_PROGRESS", "BAKE_TIME", now);
            }
            "ROLLBACK_IN_PROGRESS" if complete => self.went_back(now),
            _ => {}
        }
        let finished = self.sets[0].state == "COMPLETED";
        let mut first = true;
        self.sets
            .retain(|set| std::mem::take(&mut first) || !finished || !set.tasks.is_empty());
    }

    fn succeed(&mut self, now: u64) {
        self.finished = self.sets[0].revision;
        self.sets[0].state = "COMPLETED";
        self.enter("SUCCESSFUL", "", now);
    }

    fn went_back(&mut self, now: u64) {
        self.sets[0].state = "COMPLETED";
        let fails = self.rollback_fails;
        self.enter(
            if fails {
                "ROLLBACK_FAILED"
            } else {
                "ROLLBACK_SUCCESSFUL"
            },
            "",
            now,
        );
    }

    fn drop_an_old_task(&mut self) {
        if let Some(set) = self.sets[1..].iter_mut().find(|set| !set.tasks.is_empty()) {
            set.tasks.pop();
            self.scaled.push(set.revision);
        }
    }

    /// Blue stays until green has the traffic and has baked.
    fn shift(&mut self, complete: bool, now: u64) {
        let newest = &self.record[0];
        let lasts = now - newest.since;
        match (newest.status, newest.stage) {
            ("IN_PROGRESS", "SCALE_UP") if complete => {
                self.enter("IN_PROGRESS", "PRODUCTION_TRAFFIC_SHIFT", now);
            }
            ("IN_PROGRESS", "PRODUCTION_TRAFFIC_SHIFT") if lasts >= SHIFT => {
                self.enter("IN_PROGRESS", "BAKE_TIME", now);
            }
            ("IN_PROGRESS", "BAKE_TIME") if lasts >= self.bake => {
                self.enter("IN_PROGRESS", "CLEAN_UP", now);
                if self.early {
                    self.succeed(now);
                }
            }
            ("SUCCESSFUL", _) | ("IN_PROGRESS", "CLEAN_UP") => {
                self.clean_up();
                if self.record[0].status == "IN_PROGRESS" && self.sets.len() == 1 && complete {
                    self.succeed(now);
                }
            }
            ("ROLLBACK_IN_PROGRESS", _) if complete => {
                self.clean_up();
                if self.sets.len() == 1 {
                    self.went_back(now);
                }
            }
            _ => {}
        }
    }

    fn clean_up(&mut self) {
        self.drop_an_old_task();
        let mut first = true;
        self.sets
            .retain(|set| std::mem::take(&mut first) || !set.tasks.is_empty());
    }
}
