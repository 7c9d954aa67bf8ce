//! Plays the function that drives the engine against the model: deliveries of jobs, each with its
//! looks, until it answers its job, crashes, or finds the job answered.

use super::model::{Ecs, Fault, OURS, TICK, WAS, call, family};
use super::*;
use crate::job::answer::TOKEN_LIMIT;
use crate::job::token;
use crate::rollout::seen::Status;
use crate::rollout::start::{Keys, Start};
use crate::task_definition::{Described, tag};

const BINDING: &str = "0123456789abcdef";
const ATTEMPT: &str = "11111111-abcd-1111-abcd-111111abcdef";
/// More rounds of reading in one look than this are a circle.
const MOST_ROUNDS: usize = 12;

/// One delivery of a job.
#[derive(Debug)]
pub(super) struct Delivery {
    /// The job: the number of its token.
    pub(super) job: usize,
    /// None until it could begin.
    state: Option<State>,
    /// Which revisions it registered itself and has not tried to deploy.
    fresh: Vec<bool>,
    wakes: u64,
    ends: u64,
}

/// What a delivery came to.
#[derive(Debug)]
pub(super) enum Answer {
    /// Job in progress, with this token.
    Continue(String),
    Success,
    Failure(State, Ending),
}

impl Delivery {
    pub(super) fn new(job: usize, wakes: u64, lasts: u64) -> Self {
        Self {
            job,
            state: None,
            fresh: Vec::new(),
            wakes,
            ends: wakes + lasts,
        }
    }

    /// All that it knew is lost; the job is delivered again in a minute.
    pub(super) fn crash(&mut self, now: u64) {
        let lasts = self.ends.saturating_sub(self.wakes).max(60);
        *self = Self::new(self.job, now + 60, lasts);
    }

    /// One look, when it is time. `token` is none for the first job.
    pub(super) fn act(
        &mut self,
        ecs: &mut Ecs,
        file: &RolloutFile,
        token: Option<&String>,
    ) -> Option<Answer> {
        if ecs.now < self.wakes {
            return None;
        }
        if self.state.is_none() {
            self.state = match token {
                Some(token) => Some(token::decode(token, BINDING).unwrap()),
                None => self.begin(ecs, file),
            };
            self.fresh.resize(file.targets.len(), false);
        }
        let mut state = self.state.clone()?;
        let step = self.look(&mut state, ecs, file);
        self.state = Some(state.clone());
        match step {
            Some(Step::Done(proofs)) => {
                assert_eq!(proofs.len(), file.targets.len());
                Some(Answer::Success)
            }
            Some(Step::Failed(ending)) => Some(Answer::Failure(state, ending)),
            _ if ecs.now >= self.ends => Some(Answer::Continue(token::encode(&state))),
            _ => None,
        }
    }

    /// Reads what there is, registers what is missing; nothing is deployed yet.
    fn begin(&mut self, ecs: &mut Ecs, file: &RolloutFile) -> Option<State> {
        let mut targets = Vec::new();
        let mut fresh = Vec::new();
        for (n, target) in file.targets.iter().enumerate() {
            let ours = described(n, OURS);
            if target.task().is_some() {
                targets.push(start::waiting(None, ours.arn));
                fresh.push(false);
                continue;
            }
            // What keeps an attempt from being prepared is no matter of the engine's.
            let dark = std::mem::take(&mut ecs.dark);
            let service = ecs.describe(n).ok();
            ecs.dark = dark;
            let service = service?;
            let registered = ecs.service(n)?.registered;
            let primary = service.primary()?.task_definition.clone();
            let running = [OURS, WAS, super::model::THEIRS]
                .map(|revision| described(n, revision))
                .into_iter()
                .find(|known| known.arn == primary);
            let keys = Keys {
                operation: "execution/web",
                attempt: ATTEMPT,
            };
            let latest = registered.then_some(&ours);
            let (watch, new) =
                match start::start(&service, running.as_ref(), latest, &ours.definition, keys) {
                    Start::Watch(watch) => (watch, false),
                    Start::Resume(revision) => {
                        (start::waiting(start::was(&service), revision.arn), false)
                    }
                    Start::Register => (start::waiting(start::was(&service), ours.arn), true),
                };
            targets.push(watch);
            fresh.push(new);
        }
        for (n, _) in fresh.iter().enumerate().filter(|(_, fresh)| **fresh) {
            ecs.service(n)?.registered = true;
        }
        self.fresh = fresh;
        Some(State {
            binding: BINDING.into(),
            attempt: ATTEMPT.into(),
            // Reading took a moment.
            started: ecs.now - 1,
            targets,
            turned: None,
        })
    }

    /// None when a write came between: the next look goes on.
    fn look(&mut self, state: &mut State, ecs: &mut Ecs, file: &RolloutFile) -> Option<Step> {
        let mut seen = Vec::new();
        for (n, target) in file.targets.iter().enumerate() {
            let service = match target.kind {
                Kind::Service(_) => ecs.describe(n),
                // Before it begins, the service that it is like is looked at.
                Kind::Task(_) if state.targets[n].phase == Phase::Waiting => ecs
                    .blind(n, call::DESCRIBE)
                    .map_or(Ok(Service::default()), Err),
                Kind::Task(_) => Ok(Service::default()),
                Kind::Stack(_) => unreachable!("this model is ECS's"),
            };
            let mut sight = Seen::default();
            match service {
                Ok(service) => sight.service = service,
                Err(blind) => sight.blind = Some(blind),
            }
            seen.push(sight);
        }
        for _ in 0..MOST_ROUNDS {
            let step = advance_as_from_its_token(state, &seen, file, ecs.now);
            let Step::Do(actions) = step else {
                return Some(step);
            };
            let mut wrote = false;
            for (n, action) in actions {
                let sight = &mut seen[n];
                match action {
                    Action::ReadStopped => {
                        take(ecs.stopped(n), &mut sight.stopped, &mut sight.blind)
                    }
                    Action::ReadServing => {
                        take(ecs.serving(n), &mut sight.serving, &mut sight.blind)
                    }
                    Action::ReadRecent => take(ecs.recent(n), &mut sight.recent, &mut sight.blind),
                    Action::ReadDeployment(id) => {
                        let found = ecs.deployment(n, &id);
                        take(found, &mut sight.deployment, &mut sight.blind);
                    }
                    Action::ReadTask => take(ecs.task(n), &mut sight.task, &mut sight.blind),
                    Action::ReadLog(_) => sight.log = Some(vec!["a line".into()]),
                    Action::ReadPlatforms(_) => sight.platforms = Some(Vec::new()),
                    Action::Begin | Action::GoBack(_) | Action::StopTask => {
                        wrote = true;
                        if let Some(carried) = self.write(n, &action, sight, ecs, file) {
                            state.carried_out(n, carried, file, ecs.now);
                        }
                    }
                    of_a_stack => unreachable!("{of_a_stack:?}: this model is ECS's"),
                }
            }
            if wrote {
                return None;
            }
        }
        panic!("the look goes round in a circle");
    }

    fn write(
        &mut self,
        n: usize,
        action: &Action,
        sight: &Seen,
        ecs: &mut Ecs,
        file: &RolloutFile,
    ) -> Option<Carried> {
        let carried = match action {
            Action::Begin if file.targets[n].task().is_some() => {
                may_begin(n, ecs, file);
                ecs.run(n).map(Carried::Begun)
            }
            Action::Begin => {
                if !std::mem::take(&mut self.fresh[n]) {
                    match was_deployed(n, sight, ecs) {
                        Ok(true) => return Some(Carried::BegunBefore),
                        Ok(false) => {}
                        Err(Blind::NotNow(_)) => return Some(Carried::Unanswered),
                        Err(Blind::Refused(failure)) => return Some(Carried::Refused(failure)),
                    }
                }
                may_begin(n, ecs, file);
                ecs.update(n, OURS).map(Carried::Begun)
            }
            Action::GoBack(was) => go_back(n, was, ecs)?.map(|()| Carried::GoingBack(was.clone())),
            _ => ecs.stop_task(n).map(|()| Carried::Stopping),
        };
        match carried {
            Ok(carried) => Some(carried),
            Err(Fault::Throttled) => None,
            Err(Fault::Unanswered(_)) => Some(Carried::Unanswered),
            Err(Fault::Refused) => Some(Carried::Refused(Failure::configuration("not allowed"))),
        }
    }
}

/// A step by the state in memory and by the one that went through a token have to be the same.
fn advance_as_from_its_token(
    state: &mut State,
    seen: &[Seen],
    file: &RolloutFile,
    now: u64,
) -> Step {
    // Every so often, since it is most of what a history costs.
    if !(now / TICK).is_multiple_of(4) {
        return advance(state, seen, file, now);
    }
    let token = token::encode(state);
    assert!(token.len() <= TOKEN_LIMIT, "{token}");
    let mut other = token::decode(&token, BINDING).unwrap();
    let step = advance(state, seen, file, now);
    assert_eq!(step, advance(&mut other, seen, file, now), "from {token}");
    step
}

/// What comes before is done, in truth: never before has a dependent begun.
fn may_begin(n: usize, ecs: &mut Ecs, file: &RolloutFile) {
    for before in &file.targets[n].after {
        if let Some(task) = ecs.one_off(*before) {
            assert_eq!(
                task.exit_code(),
                Some(0),
                "{n} begins before {before} ended well"
            );
        } else if let Some(service) = ecs.service(*before) {
            let serves = service.was_served || service.stranger.is_some();
            assert!(serves, "{n} begins before {before} served");
        }
    }
}

/// Takes in what a read brought.
fn take<T>(read: Result<T, Blind>, place: &mut Option<T>, blind: &mut Option<Blind>) {
    match read {
        Ok(read) => *place = Some(read),
        Err(why) => *blind = Some(why),
    }
}

/// As far as ECS's own record shows, which may lag behind; without the permission the tasks have
/// to do.
fn was_deployed(n: usize, sight: &Seen, ecs: &mut Ecs) -> Result<bool, Blind> {
    let ours = arn(&family(n), OURS);
    let shown = sight.service.deployments.iter();
    if shown.into_iter().any(|shown| shown.task_definition == ours) {
        return Ok(true);
    }
    let recorded = match ecs.recent(n) {
        Err(Blind::Refused(_)) => Vec::new(),
        recent => recent?,
    };
    let runs = |tasks: Vec<Task>| tasks.iter().any(|task| task.task_definition == ours);
    Ok(recorded.iter().any(|recent| recent.task_definition == ours)
        || runs(ecs.serving(n)?)
        || runs(ecs.stopped(n)?))
}

/// The way back: nothing while ECS goes back already, a stop while ours is under way, else an
/// update (CONTRACTS 3.5.27). None when the list cannot be read now.
fn go_back(n: usize, was: &str, ecs: &mut Ecs) -> Option<Result<(), Fault>> {
    let ours = arn(&family(n), OURS);
    let recent = match ecs.recent(n) {
        // Without the permission the update has to do.
        Err(Blind::Refused(_)) => Vec::new(),
        recent => recent.ok()?,
    };
    match recent.first().map(|newest| (newest, &newest.status)) {
        Some((
            _,
            Status::StopRequested | Status::RollbackRequested | Status::RollbackInProgress,
        )) => {
            return Some(Ok(()));
        }
        // What brings back what was is the way back itself: nobody stops that.
        Some((newest, Status::Pending | Status::InProgress)) if newest.task_definition == ours => {
            match ecs.stop_and_roll_back(n, &newest.id) {
                Ok(true) => return Some(Ok(())),
                Ok(false) => {}
                Err(fault) => return Some(Err(fault)),
            }
        }
        _ => {}
    }
    let revision = was.rsplit_once(':')?.1.parse().unwrap();
    Some(ecs.update(n, revision).map(|_| ()))
}

fn described(n: usize, revision: u32) -> Described {
    let tags = json!([
        {"key": tag::OPERATION, "value": "execution/web"}, {"key": tag::ATTEMPT, "value": ATTEMPT},
    ]);
    Described::from_answer(&json!({
        "taskDefinition": {
            "taskDefinitionArn": arn(&family(n), revision), "revision": revision,
            "family": family(n), "status": "ACTIVE",
            "containerDefinitions": [{"name": "web", "image": format!("r/web:{revision}")}],
        },
        "tags": if revision == OURS { tags } else { json!([]) },
    }))
    .unwrap()
}

/// How long after a failed deadline everything has to be over: stopping tasks, and what was lost.
pub(super) fn longest(file: &RolloutFile, crashes: u64) -> u64 {
    let allowed = u64::from(file.timeout_minutes + file.rollback_minutes) * 60;
    allowed + 600 + crashes * 360 + 40 * TICK
}
