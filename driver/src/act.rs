//! What the engine asks for, carried out: reads, and the writes that begin a target or bring it
//! back.

mod read;
mod stack;

use aws::clients::Target as Reached;
use aws::ecs::one_off::{self, Run};
use aws::ecs::tasks::Which;
use aws::ecs::{deployment, service, task_definition};
use aws::error::{CallError, Kind};
use shared::rollout::seen::stack::StackSeen;
use shared::rollout::seen::{Seen, Service, Status};
use shared::rollout::watch::Watch;
use shared::rollout::{Action, Carried, State, token};
use shared::rollout_file::target::{Kind as TargetKind, OneOff};

use crate::register::{back_off, describe};
use crate::{End, Work, sight};
use stack::OfStack;
pub(crate) use stack::inside;

/// What an action brought.
pub(crate) enum Brought {
    /// Something that was read, to be put into the target's sight.
    Seen(Box<dyn FnOnce(&mut Seen)>),
    /// Something was written, or never will be.
    Carried(Carried),
    /// AWS does not answer at the moment, and nothing was changed.
    NotNow(CallError),
}

/// Carries an action out for target `n`. `fresh`: its revision was registered by this very
/// invocation, so that it cannot have been deployed before.
pub(crate) async fn act(
    work: &Work<'_>,
    state: &State,
    sights: &[Seen],
    n: usize,
    action: &Action,
    fresh: bool,
) -> Brought {
    let (Some(end), Some(watch), Some(sight)) =
        (work.ends.get(n), state.targets.get(n), sights.get(n))
    else {
        return Brought::Carried(Carried::Unanswered);
    };
    let reached = match end.reached() {
        Ok(reached) => reached,
        Err(failure) => return Brought::Carried(Carried::Refused(failure)),
    };
    let doing = Doing {
        work,
        end,
        reached,
        watch,
    };
    let error = match act_on(&doing, state, n, sight, action, fresh).await {
        Ok(brought) => return brought,
        Err(error) => error,
    };
    let writes = matches!(
        action,
        Action::Begin
            | Action::GoBack(_)
            | Action::StopTask
            | Action::GiveUp
            | Action::Restore
            | Action::Discard
    );
    match error.kind {
        _ if !writes => {
            let blind = sight::why(end, error);
            Brought::Seen(Box::new(move |seen| seen.blind = Some(blind)))
        }
        Kind::Unanswered => {
            tracing::warn!(%error, "no answer; the next look shows whether it was carried out");
            Brought::Carried(Carried::Unanswered)
        }
        Kind::Throttled if error.operation == "ecs:RunTask" => {
            Brought::Carried(Carried::NoRoom(error.message))
        }
        Kind::Throttled => Brought::NotNow(error),
        // It is gone, and so it has stopped.
        Kind::Missing if *action == Action::StopTask => Brought::Carried(Carried::Stopping),
        _ => Brought::Carried(Carried::Refused(end.failed(error))),
    }
}

async fn act_on(
    doing: &Doing<'_>,
    state: &State,
    n: usize,
    sight: &Seen,
    action: &Action,
    fresh: bool,
) -> Result<Brought, CallError> {
    if let Some(of_stack) = OfStack::new(doing, state, n) {
        let nothing = StackSeen::default();
        let shown = sight.stack.as_ref().unwrap_or(&nothing);
        match action {
            Action::Begin => return of_stack.begin().await,
            Action::GiveUp => return of_stack.give_up().await,
            Action::Restore => return of_stack.restore().await,
            Action::Discard => return of_stack.discard().await,
            Action::ReadInside => return of_stack.read_inside(shown).await,
            Action::ReadGiven => return of_stack.read_given().await,
            Action::ReadNested(stack) => return of_stack.read_nested(stack).await,
            Action::Within(place, action) => return of_stack.within(shown, *place, action).await,
            _ => {}
        }
    }
    match action {
        Action::Begin => doing.begin(state, n, &sight.service, fresh).await,
        Action::GoBack(was) => doing.go_back(was).await,
        Action::StopTask => doing.stop_task().await,
        Action::ReadLog(wrote) => doing.read_log(wrote).await,
        Action::ReadPlatforms(images) => doing.read_platforms(images).await,
        Action::ReadRecent => doing.read_recent().await,
        Action::ReadDeployment(id) => doing.read_deployment(id).await,
        Action::ReadTask => doing.read_task(&token(&state.attempt, n)).await,
        Action::ReadStopped => doing.read_tasks(Which::Stopped).await,
        Action::ReadServing => doing.read_tasks(Which::Serving).await,
        Action::GiveUp
        | Action::Restore
        | Action::Discard
        | Action::ReadInside
        | Action::ReadGiven
        | Action::ReadNested(_)
        | Action::Within(..) => Err(CallError::unusable(
            "cloudformation:DescribeStacks",
            "the target is no stack",
        )),
    }
}

/// Asks again for a moment while a revision that was registered just now is unseen (CONTRACTS
/// 3.5.10).
async fn until_seen<T, F>(call: impl Fn() -> F) -> Result<T, CallError>
where
    F: Future<Output = Result<T, CallError>>,
{
    let mut attempt = 0;
    loop {
        match call().await {
            Err(error) if service::revision_unseen(&error) && attempt < 5 => {
                back_off(attempt).await;
            }
            result => return result,
        }
        attempt += 1;
    }
}

/// One action at work.
struct Doing<'a> {
    work: &'a Work<'a>,
    end: &'a End<'a>,
    reached: &'a Reached,
    watch: &'a Watch,
}

impl Doing<'_> {
    fn cluster(&self) -> &str {
        &self.end.target.cluster
    }

    /// The ARN of something in the target's cluster, built from the one ARN that is known.
    fn arn(&self, kind: &str, id: &str) -> String {
        let start = self.watch.became.split(":task-definition/").next();
        let start = start.unwrap_or_default();
        match &self.end.target.kind {
            TargetKind::Service(service) => {
                format!("{start}:{kind}/{}/{service}/{id}", self.cluster())
            }
            TargetKind::Task(_) | TargetKind::Stack(_) => {
                format!("{start}:{kind}/{}/{id}", self.cluster())
            }
        }
    }

    async fn begin(
        &self,
        state: &State,
        n: usize,
        shown: &Service,
        fresh: bool,
    ) -> Result<Brought, CallError> {
        let carried = match &self.end.target.kind {
            TargetKind::Task(task) => self.start_task(state, n, shown, task).await?,
            TargetKind::Stack(_) => Carried::Unanswered,
            TargetKind::Service(_) => {
                if !fresh && self.was_deployed(shown).await? {
                    Carried::BegunBefore
                } else {
                    self.deploy().await?
                }
            }
        };
        tracing::info!(
            target.name = self.end.target.name,
            became = self.watch.became,
            was = self.watch.was,
            ?carried,
            "began a target"
        );
        Ok(Brought::Carried(carried))
    }

    async fn deploy(&self) -> Result<Carried, CallError> {
        let updated = self.update(&self.watch.became).await?;
        let ours = updated
            .deployments
            .iter()
            .find(|deployment| deployment.task_definition == self.watch.became);
        let id = ours.map(|deployment| deployment.id.clone());
        Ok(Carried::Begun(id.unwrap_or_default()))
    }

    async fn update(&self, arn: &str) -> Result<Service, CallError> {
        let (ecs, name) = (&self.reached.ecs, self.end.target.service());
        until_seen(|| service::update(ecs, self.cluster(), name, arn)).await
    }

    async fn start_task(
        &self,
        state: &State,
        n: usize,
        like: &Service,
        task: &OneOff,
    ) -> Result<Carried, CallError> {
        let overrides = task.command.is_some() || !task.environment.is_empty();
        let container = match &task.container {
            None if overrides => self.only_container().await?,
            named => named.clone(),
        };
        let token = token(&state.attempt, n);
        let run = Run {
            cluster: self.cluster(),
            task_definition: &self.watch.became,
            placement: &like.placement,
            container: container.as_deref(),
            command: task.command.as_deref(),
            environment: &task.environment,
            client_token: &token,
            started_by: &token,
        };
        let arn = until_seen(|| one_off::run(&self.reached.ecs, &run)).await?;
        let id = arn.rsplit('/').next().unwrap_or_default();
        Ok(Carried::Begun(id.to_owned()))
    }

    async fn only_container(&self) -> Result<Option<String>, CallError> {
        let described = describe(self.reached, &self.watch.became).await?;
        let containers = described.map(|described| {
            let containers = described.definition.containers();
            containers.first().map(|name| (*name).to_owned())
        });
        Ok(containers.flatten())
    }

    /// Whether the revision was ever deployed to the service: by what the service shows, by ECS's
    /// own record of deployments, or by a task that runs it or ran it within the last hour.
    async fn was_deployed(&self, shown: &Service) -> Result<bool, CallError> {
        let ours = |arn: &String| *arn == self.watch.became;
        if shown.deployments.iter().any(|d| ours(&d.task_definition)) {
            return Ok(true);
        }
        match self.recent().await {
            Ok(recent) if recent.iter().any(|d| ours(&d.task_definition)) => return Ok(true),
            Ok(_) => {}
            // Without the permission the tasks have to do.
            Err(error) if error.kind == Kind::Denied => {}
            Err(error) => return Err(error),
        }
        for which in [Which::Serving, Which::Stopped] {
            let tasks = self.tasks(which).await?;
            if tasks.iter().any(|task| ours(&task.task_definition)) {
                return Ok(true);
            }
        }
        Ok(false)
    }

    /// Brings the service back: through ECS's own rollback while the deployment is under way, else
    /// by an update (CONTRACTS 3.5.27). A revision that was deregistered meanwhile is registered
    /// again from its description.
    async fn go_back(&self, was: &str) -> Result<Brought, CallError> {
        tracing::warn!(
            target.name = self.end.target.name,
            was,
            became = self.watch.became,
            "going back"
        );
        let going = |arn: &str| Ok(Brought::Carried(Carried::GoingBack(arn.to_owned())));
        // Unknown is not none: while ECS goes back, nothing may be updated. Without the permission
        // the update has to do.
        let ecs = &self.reached.ecs;
        let known = match self.recent().await {
            Ok(known) => known,
            Err(error) if error.kind == Kind::Denied => Vec::new(),
            Err(error) => return Err(error),
        };
        let goes_back = |status: &Status| {
            matches!(
                status,
                Status::StopRequested | Status::RollbackRequested | Status::RollbackInProgress
            )
        };
        if known.iter().any(|one| goes_back(&one.status)) {
            return going(was);
        }
        // Only ours: what else is under way may be the way back, asked for without an answer.
        let ours = known.iter().find(|one| {
            one.task_definition == self.watch.became
                && matches!(one.status, Status::Pending | Status::InProgress)
        });
        if let Some(ours) = ours {
            let arn = self.arn("service-deployment", &ours.id);
            match deployment::stop_and_roll_back(ecs, &arn).await {
                Ok(()) => return going(was),
                Err(error) if error.kind == Kind::Denied => {
                    tracing::warn!(%error, "may not stop the deployment; updating instead");
                }
                // It ended just now, or ECS goes back by itself: the next look shows which.
                Err(error) => return Ok(Brought::NotNow(error)),
            }
        }
        let error = match self.update(was).await {
            Ok(_) => return going(was),
            Err(error) => error,
        };
        if !error.message.to_lowercase().contains("inactive") {
            return Err(error);
        }
        let Some(kept) = describe(self.reached, was).await? else {
            return Err(error);
        };
        let input = kept
            .definition
            .register_input(&self.end.operation, "back", None);
        let input =
            input.map_err(|text| CallError::unusable("ecs:RegisterTaskDefinition", text))?;
        let again = task_definition::register(ecs, &input).await?;
        // Without an answer it may have been carried out: then this is what serves in the end.
        match self.update(&again.arn).await {
            Err(error) if error.kind != Kind::Unanswered => Err(error),
            _ => going(&again.arn),
        }
    }

    async fn stop_task(&self) -> Result<Brought, CallError> {
        let arn = self.arn("task", &self.watch.deployment);
        let reason = "redbutton: the task has not ended within the rollout's deadline";
        one_off::stop(&self.reached.ecs, self.cluster(), &arn, reason).await?;
        Ok(Brought::Carried(Carried::Stopping))
    }
}
