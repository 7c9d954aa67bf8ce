//! Thousands of random histories: whatever happens, in whatever order, some things hold.

mod history;

use super::driver::{Answer, Delivery, longest};
use super::model::{Ecs, LONGEST_LAG, OURS, Service, THEIRS, TICK, Thing, WAS, call, family};
use super::*;
use history::{Event, History, Plan, PlanKind, histories};
use proptest::prelude::*;

impl History {
    /// Lives through it; what must hold is asserted on the way.
    fn live(&self) {
        let file = self.file();
        let mut ecs = self.ecs();
        // Tokens by job, and when each job was delivered first; answered jobs.
        let mut jobs: Vec<(Option<String>, u64, bool)> = vec![(None, START, false)];
        let lasts = u64::from(self.lasts);
        let mut deliveries = vec![Delivery::new(0, START, lasts)];
        let mut end: Option<Answer> = None;
        let crashes = self
            .happens
            .iter()
            .filter(|(_, event)| matches!(event, Event::Crash));
        let limit = START + longest(&file, crashes.count() as u64);
        while !deliveries.is_empty() {
            let at = (ecs.now - START) / TICK;
            for (_, event) in self
                .happens
                .iter()
                .filter(|(when, _)| u64::from(*when) == at)
            {
                if end.is_none() {
                    happen(event, &mut ecs, &mut deliveries, &jobs, lasts);
                }
            }
            let mut following = Vec::new();
            deliveries.retain_mut(|delivery| {
                let (token, _, answered) = &mut jobs[delivery.job];
                let Some(answer) = delivery.act(&mut ecs, &file, token.as_ref()) else {
                    return true;
                };
                if matches!(answer, Answer::Success) {
                    serves_now(&ecs);
                }
                if std::mem::replace(answered, true) {
                    return false;
                }
                if let Answer::Failure(state, ending) = &answer {
                    let mut later = ecs.clone();
                    later.settle(LONGEST_LAG + TICK);
                    self.is_over(&later, state, ending);
                    self.unknown_is_true(&ecs, ending);
                }
                match answer {
                    Answer::Continue(token) => following.push(token),
                    _ => end = Some(answer),
                }
                false
            });
            for token in following {
                jobs.push((Some(token), ecs.now, false));
                deliveries.push(Delivery::new(jobs.len() - 1, ecs.now + 30, lasts));
            }
            assert!(end.is_some() || ecs.now < limit, "no end");
            ecs.tick();
        }
        ecs.settle(900);
        for (n, thing) in ecs.things.iter().enumerate() {
            if let Thing::Service(service) = thing {
                let ours = service.begun.iter().filter(|begun| **begun == OURS).count();
                assert!(ours <= 1, "{n} began {:?}", service.begun);
            }
        }
        match end.unwrap() {
            Answer::Failure(state, ending) => self.went_back(&ecs, &file, &state, &ending),
            // Of two deliveries that live at once, one may call it late while the other is done.
            _ if self
                .happens
                .iter()
                .any(|(_, event)| matches!(event, Event::Duplicate(_))) => {}
            _ => serves_still(&ecs),
        }
    }

    /// What is told to be over is not under way any more.
    fn is_over(&self, ecs: &Ecs, state: &State, ending: &Ending) {
        for (n, thing) in ecs.things.iter().enumerate() {
            if let Thing::Service(service) = thing
                && service.stranger.is_none()
                && !self.may_be_left(n, state, ending)
                && !self.is_anothers(n, service, state, ending)
            {
                assert!(!service.running().contains(&OURS), "{n}: {}", ending.now[n]);
            }
        }
    }

    /// Nobody says of a service that shows that it is unknown.
    fn unknown_is_true(&self, ecs: &Ecs, ending: &Ending) {
        for (n, now) in ending.now.iter().enumerate() {
            let shows = self.faults.is_empty() && ecs.blind(n, call::DESCRIBE).is_none();
            let unknown = now.starts_with("unknown");
            assert!(
                !(unknown && shows && self.targets[n].is_service()),
                "{n}: {now}"
            );
        }
    }

    /// Whether nothing keeps anybody from going back in time.
    fn is_kind(&self) -> bool {
        let fails = |plan: &Plan| {
            matches!(
                plan.kind,
                PlanKind::Service {
                    rollback_fails: true,
                    ..
                }
            )
        };
        let calm = self.happens.is_empty()
            && self.faults.is_empty()
            && self.write_faults.is_empty()
            && self.dark.is_empty()
            && !self.stop;
        calm && self.minutes.2 >= 5 && !self.targets.iter().any(fails)
    }

    /// Whether the message says that a target was left as it is.
    fn may_be_left(&self, n: usize, state: &State, ending: &Ending) -> bool {
        let cause = state.targets[n].cause.as_deref().unwrap_or_default();
        let told = |words: &&str| ending.now[n].contains(words) || cause.contains(words);
        let words = ["look at", "no other version", "could not be brought back"];
        let left = words.iter().any(told);
        assert!(
            !left || !self.is_kind(),
            "{n} is left: {}; {cause}",
            ending.now[n]
        );
        // A service that a delivery found finished has nothing that this delivery knows of before.
        let unknown = state.targets[n].was.is_none() && state.targets[n].phase != Phase::Waiting;
        let service = self.targets[n].is_service();
        self.stop || left || unknown && service
    }

    /// Whether two deliveries may know different versions to go back to: one looked before somebody
    /// else's version had finished, one after it. Whichever goes back first decides.
    fn may_be_known_otherwise(&self, n: usize) -> bool {
        let unfinished = matches!(
            self.targets[n].kind,
            PlanKind::Service {
                unfinished: true,
                ..
            }
        );
        let again = |event: &Event| matches!(event, Event::Duplicate(_) | Event::Crash);
        unfinished && self.happens.iter().any(|(_, event)| again(event))
    }

    /// Whether a delivery that may know better began the service. To one that knows another version
    /// to go back to, what has overtaken the rollout for the one that answers is the version before.
    /// And one that is delivered while another one goes back has deadlines of its own, and may begin
    /// a service in the very moment in which the other one answers.
    fn is_anothers(&self, n: usize, service: &Service, state: &State, ending: &Ending) -> bool {
        let turn = ending.turn;
        let overtaken = turn.kind == FailureKind::RevisionOutOfSync;
        let before = service.before.map(|before| arn(&family(n), before));
        let since = |at: u16| START + u64::from(at) * TICK > turn.since;
        let later = |(at, event): &(u16, Event)| matches!(event, Event::Duplicate(_)) && since(*at);
        overtaken && self.may_be_known_otherwise(turn.target)
            || self.may_be_known_otherwise(n) && before.is_some() && before != state.targets[n].was
            || service.begun_at.is_some_and(|at| at > turn.since) && self.happens.iter().any(later)
    }

    fn went_back(&self, ecs: &Ecs, file: &RolloutFile, state: &State, ending: &Ending) {
        for (n, thing) in ecs.things.iter().enumerate() {
            let touched = thing.was_begun();
            for before in &file.targets[n].after {
                if let Thing::Task(task) = &ecs.things[*before] {
                    let failed = touched && task.exit_code() != Some(0);
                    assert!(!failed, "{n} was touched, though {before} failed");
                }
            }
            if self.may_be_left(n, state, ending) {
                continue;
            }
            let told = &ending.now[n];
            match thing {
                Thing::Task(task) => assert!(!task.runs(), "{n} runs on: {told}"),
                Thing::Service(service)
                    if service.stranger.is_some()
                        || self.is_anothers(n, service, state, ending) => {}
                Thing::Service(service) => {
                    let (runs, is) = (service.running(), service.definition);
                    let was = state.targets[n].was.clone();
                    let before = service.before.is_none_or(|before| before == is)
                        || was == Some(arn(&family(n), is))
                        || is == WAS && self.may_be_known_otherwise(n);
                    let all = !runs.is_empty() && runs.iter().all(|runs| *runs == is);
                    assert!(
                        before && is != OURS && all,
                        "{n} runs {is}, {runs:?}: {told}"
                    );
                }
            }
        }
    }
}

/// Everything runs our release in this moment; a stranger's doings may not show yet.
fn serves_now(ecs: &Ecs) {
    for (n, thing) in ecs.things.iter().enumerate() {
        match thing {
            Thing::Task(task) => assert_eq!(task.exit_code(), Some(0), "{n}"),
            Thing::Service(service) if service.stranger.is_some_and(|at| at + 60 > ecs.now) => {}
            Thing::Service(service) => {
                let runs = service.running();
                // One that ended just now may not show either.
                let ours = runs.iter().all(|revision| *revision == OURS) && service.was_served;
                assert!(ours, "{n} runs {runs:?}");
            }
        }
    }
}

/// Success stays, whatever other deliveries did afterwards.
fn serves_still(ecs: &Ecs) {
    for (n, thing) in ecs.things.iter().enumerate() {
        if let Thing::Service(service) = thing
            && service.stranger.is_none()
        {
            assert_eq!(
                service.definition, OURS,
                "{n} was brought back after success"
            );
        }
    }
}

fn happen(
    event: &Event,
    ecs: &mut Ecs,
    deliveries: &mut Vec<Delivery>,
    jobs: &[(Option<String>, u64, bool)],
    lasts: u64,
) {
    let now = ecs.now;
    let count = ecs.things.len();
    match event {
        Event::Crash => {
            if let Some(delivery) = deliveries.last_mut() {
                delivery.crash(now);
            }
        }
        Event::Duplicate(job) => {
            let job = job.index(jobs.len());
            if jobs[job].1 + 600 > now {
                deliveries.insert(0, Delivery::new(job, now, lasts));
            }
        }
        Event::Stranger(n) => {
            if let Some(service) = ecs.service(n.index(count)) {
                service.update(THEIRS, now);
                service.stranger = Some(now);
            }
        }
        Event::TaskDies(n) => {
            if let Some(service) = ecs.service(n.index(count)) {
                service.task_dies();
            }
        }
        Event::Scale(n, desired) => {
            if let Some(service) = ecs.service(n.index(count)) {
                service.desired = *desired;
            }
        }
        Event::Alarm(n) => {
            if let Some(service) = ecs.service(n.index(count)) {
                service.alarm();
            }
        }
        Event::Stop(n, back) => {
            if let Some(service) = ecs.service(n.index(count)) {
                let status = if *back { "STOP_REQUESTED" } else { "STOPPED" };
                // Whoever stops another deployment than ours leaves it half-way.
                if service.stop("", status) && !back && service.definition != OURS {
                    service.stranger = Some(now);
                }
            }
        }
    }
}

proptest! {
    // `PROPTEST_CASES=10000` looks for longer than the 2,048 histories of every run.
    #![proptest_config(ProptestConfig {
        cases: ProptestConfig::default().cases * 8,
        max_shrink_iters: 20_000,
        failure_persistence: None,
        ..Default::default()
    })]
    // rules: 3.3.1 3.5.10 3.5.11 3.5.27
    #[test]
    fn whatever_happens(history in histories()) {
        history.live();
    }
}
