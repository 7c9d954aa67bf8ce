//! What the engine asks for about a stack: the change set executed, given up, brought back, and what
//! is inside read.

use aws::cloudformation::change_set::{self, Executed, Wanted};
use aws::cloudformation::resources::{self, Resources};
use aws::cloudformation::{Client, events, stack as stacks};
use aws::ecs::service;
use aws::error::{CallError, Kind};
use shared::error::{Failure, FailureKind};
use shared::rollout::seen::stack::{Event, InService, Inside, StackSeen};
use shared::rollout::seen::{Seen, Service};
use shared::rollout::stack::{change_set_name, token_back, token_cancel};
use shared::rollout::watch::Watch;
use shared::rollout::{Action, Carried, State, token};
use shared::rollout_file::stack::StackTarget;
use shared::rollout_file::target::{Kind as TargetKind, Target};
use shared::stack::guard;

use super::{Brought, Doing, Reached, act_on};
use crate::sight::{MISSING, why};
use crate::stacks::template::Template;
use crate::stacks::{delete, kept, made};
use crate::{End, Work, passing};

/// A stack target at work.
pub(crate) struct OfStack<'a> {
    doing: &'a Doing<'a>,
    state: &'a State,
    n: usize,
    target: &'a StackTarget,
    client: Client,
}

impl<'a> OfStack<'a> {
    /// None unless the target is a stack.
    pub(crate) fn new(doing: &'a Doing<'a>, state: &'a State, n: usize) -> Option<Self> {
        Some(Self {
            target: doing.end.target.stack()?,
            client: doing.reached.cloudformation(),
            doing,
            state,
            n,
        })
    }

    fn token(&self) -> String {
        token(&self.state.attempt, self.n)
    }

    /// Whether the change set was executed, by whomever. Then it has no name any more, only its ARN.
    async fn is_executed(&self) -> Result<bool, CallError> {
        let target = self.doing.end.target;
        let arn = format!(
            "arn:aws:cloudformation:{}:{}:changeSet/{}/{}",
            target.region.as_str(),
            self.doing.end.account,
            change_set_name(&self.state.attempt, self.n),
            self.doing.watch.deployment
        );
        let found = change_set::describe(&self.client, &self.target.stack, &arn).await?;
        Ok(found.is_some_and(|found| found.execution.starts_with("EXECUTE_")))
    }

    /// Executes the change set; once, whoever asks how often (CONTRACTS 3.6.4).
    pub(crate) async fn begin(&self) -> Result<Brought, CallError> {
        let name = change_set_name(&self.state.attempt, self.n);
        let token = self.token();
        let executed = change_set::execute(&self.client, &self.target.stack, &name, &token).await?;
        tracing::info!(
            target.name = self.doing.end.target.name,
            name,
            ?executed,
            "began a stack"
        );
        Ok(Brought::Carried(match executed {
            Executed::Begun => Carried::Begun(self.doing.watch.deployment.clone()),
            Executed::Before => Carried::BegunBefore,
            // Executed sets are known by their ARN only.
            Executed::Gone(_) if self.is_executed().await? => Carried::BegunBefore,
            Executed::Gone(text) => Carried::Refused(Failure::new(
                FailureKind::RevisionOutOfSync,
                format!(
                    "somebody else changed the stack since its change set was made, so that it was \
                     not executed ({text})"
                ),
            )),
        }))
    }

    /// Gives the update up: CloudFormation takes it back. Too late is no failure; the next look
    /// shows what it came to.
    pub(crate) async fn give_up(&self) -> Result<Brought, CallError> {
        let token = token_cancel(&self.token());
        let taken = stacks::cancel(&self.client, &self.target.stack, &token).await?;
        tracing::warn!(
            target.name = self.doing.end.target.name,
            taken,
            "gave a stack's update up"
        );
        Ok(Brought::Carried(Carried::Stopping))
    }

    /// Deletes the change set that was never executed. One that is executed all the same, by a delivery
    /// that nobody heard of, will show in the events.
    pub(crate) async fn discard(&self) -> Result<Brought, CallError> {
        let name = change_set_name(&self.state.attempt, self.n);
        if self.is_executed().await? {
            let begun = "the change set is executed, and its events do not show yet";
            let error = CallError::unusable("cloudformation:DescribeStackEvents", begun);
            return Ok(Brought::NotNow(error));
        }
        match change_set::delete(&self.client, &self.target.stack, &name).await {
            Err(error) if matches!(error.kind, Kind::Throttled | Kind::Unanswered) => {
                return Ok(Brought::NotNow(error));
            }
            // It harms nobody, and the next execution deletes it.
            Err(error) => tracing::warn!(%error, "could not delete a change set that is not used"),
            Ok(()) => {}
        }
        Ok(Brought::Carried(Carried::Discarded))
    }

    /// Brings the stack back to what it was, by a second change set (CONTRACTS 3.6.20).
    pub(crate) async fn restore(&self) -> Result<Brought, CallError> {
        let refused = |failure| Ok(Brought::Carried(Carried::Refused(failure)));
        let before = match kept(self.doing.work, self.state, self.n).await {
            Ok(before) => before,
            Err(failure) if failure.kind == FailureKind::SystemUnavailable => {
                let error = CallError::unusable("s3:GetObject", failure.message);
                return Ok(Brought::NotNow(error));
            }
            Err(failure) => return refused(failure),
        };
        let template = match before.template.clone() {
            Some(text) => Some(Template::of(text, self.target, self.doing.reached).await?),
            None => None,
        };
        let token = token_back(&self.token());
        let name = change_set_name(&self.state.attempt, self.n) + "-back";
        let mut capabilities = before.capabilities.clone();
        let granted = self.target.capabilities.iter();
        capabilities.extend(
            granted
                .filter(|one| !before.capabilities.contains(one))
                .cloned(),
        );
        let own = self
            .target
            .cloudformation_role
            .as_ref()
            .map(|role| role.as_str());
        let wanted = Wanted {
            stack: &self.target.stack,
            name: &name,
            new: false,
            template: template.as_ref().map(Template::source),
            parameters: &before.parameters,
            capabilities: &capabilities,
            // Without a role of the rollout's own choice the stack's stays, which takes no right to
            // pass it.
            role: own,
            tags: Some(&before.tags),
        };
        let change_set = match made(&self.client, &wanted).await {
            Ok(Ok(change_set)) => change_set,
            // It is on its way back already, or somebody else is at work.
            Err(error) if change_set::is_busy(&error) => return Ok(Brought::NotNow(error)),
            Err(error) => return Err(error),
            Ok(Err(text)) => {
                let error = CallError::unusable("cloudformation:CreateChangeSet", text);
                return Ok(Brought::NotNow(error));
            }
        };
        let wrong = |text: String| Failure::new(FailureKind::JobFailed, text);
        if change_set.changes_nothing() {
            delete(&self.client, &wanted).await;
            return refused(wrong("there is nothing to bring back".into()));
        }
        if change_set.status == shared::stack::Status::Failed {
            delete(&self.client, &wanted).await;
            return refused(wrong(change_set.reason));
        }
        if !change_set.execution.starts_with("EXECUTE_") {
            let findings = guard::refused_on_the_way_back(&change_set.changes, &before);
            if !findings.is_empty() {
                delete(&self.client, &wanted).await;
                return refused(wrong(findings.join("; ")));
            }
        }
        match change_set::execute(&self.client, &self.target.stack, &name, &token).await? {
            Executed::Begun | Executed::Before => Ok(Brought::Carried(Carried::Stopping)),
            Executed::Gone(text) => refused(wrong(text)),
        }
    }

    /// What is in the stack, and what ECS says about its services. The list is read again when the
    /// stack has moved.
    pub(crate) async fn read_inside(&self, shown: &StackSeen) -> Result<Brought, CallError> {
        let newest = shown.events.first().cloned().unwrap_or_default();
        let resources = self.resources(newest).await?;
        let inside = inside(self.doing.reached, resources).await?;
        Ok(Brought::Seen(Box::new(move |seen| {
            if let Some(stack) = &mut seen.stack {
                stack.inside = Some(inside);
            }
        })))
    }

    /// The stack's parameters that receive images, as they are now.
    pub(crate) async fn read_given(&self) -> Result<Brought, CallError> {
        let found = stacks::describe(&self.client, &self.target.stack).await?;
        let parameters = found.map(|found| found.parameters).unwrap_or_default();
        let takes_image = |key: &String| {
            let mut images = self.target.image_parameters.iter();
            images.any(|(_, parameter)| parameter == key)
        };
        let given = parameters.into_iter().filter(|(key, _)| takes_image(key));
        let given: Vec<(String, String)> = given.collect();
        Ok(Brought::Seen(Box::new(move |seen| {
            if let Some(stack) = &mut seen.stack {
                stack.given = Some(given);
            }
        })))
    }

    async fn resources(&self, newest: Event) -> Result<Resources, CallError> {
        let known = self.doing.work.insides.lock().ok();
        let known = known.and_then(|known| known.get(&self.n).cloned());
        if let Some((_, resources)) = known.filter(|(read_after, _)| *read_after == newest) {
            return Ok(resources);
        }
        let resources = resources::inside(&self.client, &self.target.stack).await?;
        if let Ok(mut known) = self.doing.work.insides.lock() {
            known.insert(self.n, (newest, resources.clone()));
        }
        Ok(resources)
    }

    /// The events of a nested stack; they explain, and decide nothing.
    pub(crate) async fn read_nested(&self, stack: &str) -> Result<Brought, CallError> {
        let begins = |event: &Event| {
            event.is_of_the_stack()
                && matches!(
                    event.status.as_str(),
                    "UPDATE_IN_PROGRESS" | "CREATE_IN_PROGRESS"
                )
        };
        let read = match events::back_to(&self.client, stack, begins).await {
            Ok(events) => events,
            Err(error) => {
                tracing::warn!(%error, "could not read the events of a nested stack");
                Vec::new()
            }
        };
        Ok(Brought::Seen(Box::new(move |seen| {
            if let Some(stack) = &mut seen.stack {
                stack.nested = Some(read);
            }
        })))
    }

    /// An action on a service in the stack, as if it were a target of its own.
    pub(crate) async fn within(
        &self,
        shown: &StackSeen,
        place: usize,
        action: &Action,
    ) -> Result<Brought, CallError> {
        let inside = shown.inside.as_ref();
        let Some(one) = inside.and_then(|inside| inside.services.get(place)) else {
            return Err(CallError::unusable(
                "ecs:DescribeServices",
                "the stack has no such service any more",
            ));
        };
        let end = self.doing.end;
        let target = Target {
            cluster: one.cluster.clone(),
            kind: TargetKind::Service(one.name.clone()),
            ..end.target.clone()
        };
        let end = End {
            target: &target,
            account: end.account.clone(),
            operation: end.operation.clone(),
            reached: end.reached.clone(),
        };
        let primary = one.seen.service.primary();
        let watch = Watch {
            became: primary.map_or(String::new(), |primary| primary.task_definition.clone()),
            ..Watch::default()
        };
        let work: &Work<'_> = self.doing.work;
        let doing = Doing {
            work,
            end: &end,
            reached: self.doing.reached,
            watch: &watch,
        };
        let fill =
            match Box::pin(act_on(&doing, self.state, self.n, &one.seen, action, false)).await {
                Ok(Brought::Seen(fill)) => fill,
                Ok(other) => return Ok(other),
                // They explain, and decide nothing.
                Err(error) if !passing(&error) && *action == Action::ReadStopped => {
                    tracing::warn!(%error, "could not read stopped tasks");
                    Box::new(|seen: &mut Seen| seen.stopped = Some(Vec::new()))
                }
                Err(error) => {
                    let blind = why(&end, error);
                    return Ok(Brought::Seen(Box::new(move |seen| {
                        // What cannot be seen of a part cannot be seen of the whole.
                        seen.blind = Some(blind.clone());
                        if let Some(one) = part_of(seen, place) {
                            one.seen.blind = Some(blind);
                        }
                    })));
                }
            };
        Ok(Brought::Seen(Box::new(move |seen| {
            if let Some(one) = part_of(seen, place) {
                fill(&mut one.seen);
            }
        })))
    }
}

fn part_of(seen: &mut Seen, place: usize) -> Option<&mut InService> {
    let inside = seen.stack.as_mut()?.inside.as_mut()?;
    inside.services.get_mut(place)
}

/// What ECS says about the services among a stack's resources.
pub(crate) async fn inside(reached: &Reached, resources: Resources) -> Result<Inside, CallError> {
    let each = resources.services.iter().map(|arn| {
        let (cluster, name) = names(arn);
        InService {
            cluster: cluster.to_owned(),
            name: name.to_owned(),
            seen: Seen::default(),
        }
    });
    let mut services: Vec<InService> = each.collect();
    let mut clusters: Vec<String> = Vec::new();
    for one in &services {
        if !clusters.contains(&one.cluster) {
            clusters.push(one.cluster.clone());
        }
    }
    for cluster in clusters {
        let of_it = services.iter_mut().filter(|one| one.cluster == cluster);
        let mut of_it: Vec<&mut InService> = of_it.collect();
        // As many as one call takes (CONTRACTS 3.5.8).
        for part in of_it.chunks_mut(10) {
            let wanted: Vec<String> = part.iter().map(|one| one.name.clone()).collect();
            let wanted: Vec<&str> = wanted.iter().map(String::as_str).collect();
            let found = service::describe(&reached.ecs, &cluster, &wanted).await?;
            for (one, found) in part.iter_mut().zip(found) {
                one.seen.service = match found {
                    Ok(service) => service,
                    Err(error) if error.kind == Kind::Missing => Service {
                        name: one.name.clone(),
                        status: MISSING.to_owned(),
                        ..Service::default()
                    },
                    Err(error) => return Err(error),
                };
            }
        }
    }
    Ok(Inside {
        definitions: resources.definitions,
        services,
    })
}

/// `arn:…:service/CLUSTER/NAME`; a service from before 2018 has no cluster in its ARN.
fn names(arn: &str) -> (&str, &str) {
    let path = arn.split_once(":service/").map_or(arn, |(_, path)| path);
    path.split_once('/').unwrap_or(("default", path))
}
