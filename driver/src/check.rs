//! The beginning of an attempt before the first write: everything that decisions need is read and
//! checked, for all targets. Nothing is changed here.

use aws::codepipeline;
use aws::ecs::deployment;
use aws::error::{CallError, Kind};
use futures_util::future::join_all;
use shared::error::{Failure, FailureKind};
use shared::preflight;
use shared::rollout::State;
use shared::rollout::seen::{Blind, Seen, Service};
use shared::rollout_file::images::{Image, ImageFile};
use shared::task_definition::{Described, TaskDefinition, put_images};

use crate::artifacts::Artifacts;
use crate::decide::{self, Plan};
use crate::findings::Findings;
use crate::pin::pin;
use crate::publish::Published;
use crate::register::describe;
use crate::stacks::{self, Made, Planned};
use crate::{End, Purpose, Work, passing, publish, sight};

/// What checking came to.
pub enum Checking {
    /// Everything was looked at; what speaks against the rollout is among the findings.
    Checked(Box<Checked>),
    /// Somebody else is at work on a stack.
    Busy(String),
}

/// What is known before the first write.
pub struct Checked {
    /// The first sight of all targets.
    pub seen: Vec<Seen>,
    /// Their task definitions before.
    pub known: Vec<Known>,
    /// What is to be registered, with the images of the release, pinned.
    pub plan: Plan,
    /// Stacks that are to be changed.
    pub stacks: Vec<Planned>,
    /// Stacks that an earlier delivery of the job began.
    pub begun: Vec<Made>,
    /// Images as they were handed in, each with what was made of it: its digest, and the repository
    /// that targets pull it from.
    pub images: Vec<(Image, Image)>,
    /// SSM parameters that will receive images: by the container's name, with what they hold now.
    pub published: Vec<Published>,
    /// What speaks against the rollout.
    pub findings: Findings,
}

/// What is known of a target's task definition before.
#[derive(Debug, Clone, Default)]
pub struct Known {
    /// What the PRIMARY deployment runs: of a task, that of the service that it is like. A rollout
    /// leaves it unread for a task that has a file.
    pub running: Option<Described>,
    /// The newest ACTIVE revision of the family.
    pub latest: Option<Described>,
}

/// Reads and checks everything. An error is what stopped the checking itself.
pub async fn check(
    work: &Work<'_>,
    state: &State,
    artifacts: &mut Artifacts<'_>,
) -> Result<Checking, Failure> {
    let file = &work.request.file;
    for end in &work.ends {
        end.reached()?;
    }
    if let Some(pipeline) = &work.request.pipeline {
        in_codepipelines_record(work, pipeline).await?;
    }
    let images = artifacts.image_files(file).await?;
    let images: Vec<ImageFile> = images.into_iter().map(|(_, images)| images).collect();
    let files = artifacts.definition_files(file).await?;
    let seen = first_sight(work).await?;
    let services: Vec<&Service> = seen.iter().map(|seen| &seen.service).collect();

    let mut findings = Findings::new(work);
    let read = stacks::read(work, state, artifacts, &images, &mut findings).await?;
    let (mut stacks, begun) = match read {
        stacks::Read::All(stacks, begun) => (stacks, begun),
        stacks::Read::Busy(text) => return Ok(Checking::Busy(text)),
    };
    for (n, (end, service)) in work.ends.iter().zip(&services).enumerate() {
        findings.add(n, decide::service(end.target, service, &file.allow));
    }
    for (n, finding) in preflight::times(file, &services) {
        findings.add(n, vec![finding]);
    }
    // Without a service there is nothing more to be found out about it.
    let there = |n: usize| {
        let stack = work
            .ends
            .get(n)
            .is_some_and(|end| end.target.stack().is_some());
        stack
            || services
                .get(n)
                .is_some_and(|service| sight::is_there(service))
    };
    for (n, end) in work.ends.iter().enumerate() {
        let unseen = shifts_unseen(end, services.get(n)).await;
        if let Some(failure) = unseen.map_err(|failure| findings.before(failure))? {
            findings.unlooked(Some(n), failure);
        }
    }
    let known = known(work, &services, &files).await;
    let known = known.map_err(|failure| findings.before(failure))?;
    let running: Vec<Option<TaskDefinition>> = known
        .iter()
        .map(|known| {
            known
                .running
                .as_ref()
                .map(|running| running.definition.clone())
        })
        .collect();
    let (mut plan, without) = Plan::of(file, &files, &running);
    for (n, text) in without.into_iter().filter(|(n, _)| there(*n)) {
        findings.failed(
            Some(n),
            Failure::new(FailureKind::RevisionUnavailable, text),
        );
    }
    let elsewhere = decide::elsewhere(file, &images);
    let complete = plan.lacks(file).next().is_none();
    let mut definitions: Vec<_> = plan.definitions.iter_mut().flatten().collect();
    let unfit = put_images(&mut definitions, &images, &elsewhere);
    // A name may belong to a definition that could not be read.
    if let Err(wrongs) = unfit
        && complete
    {
        findings.general(wrongs);
    }
    let mut publish = Vec::new();
    for (container, parameter) in &file.publish {
        match plan.target_of(file, container) {
            Some(n) => publish.push((n, container.as_str(), parameter.as_str())),
            None if !complete => {}
            None => findings.general(vec![format!(
                "publishImage: no container of a service is named {container:?}, and no stack is \
                 given an image of this name"
            )]),
        }
    }
    let published = publish::check(work, &publish).await;
    let (published, unfit) = published.map_err(|failure| findings.before(failure))?;
    for failure in unfit {
        match failure.kind {
            FailureKind::PermissionError => findings.unlooked(None, failure),
            _ => findings.failed(None, failure),
        }
    }
    let allowed = file.allowed_elsewhere();
    for (n, definition) in plan.each() {
        let Some(end) = work.ends.get(n) else {
            continue;
        };
        let account = &end.reached()?.account;
        let wrongs = decide::definition(end.target, definition, account, &allowed);
        findings.add(n, wrongs);
    }
    let (resolved, unresolved) = pin(work, &mut plan, &mut stacks, &images).await;
    let all_resolved = unresolved.is_empty();
    for (n, failure) in unresolved {
        findings.failed(Some(n), failure);
    }
    let accounts: Vec<&str> = work.ends.iter().map(|end| end.account.as_str()).collect();
    findings.general(decide::twice(file, &accounts));
    findings.general(plan.join(file, &accounts));
    // A tag that could not be looked up just now floats no more than others.
    for (n, definition) in plan.each().filter(|_| all_resolved) {
        findings.add(n, preflight::floating(definition, &file.allow));
    }
    Ok(Checking::Checked(Box::new(Checked {
        seen,
        known,
        plan,
        stacks,
        begun,
        images: resolved,
        published,
        findings,
    })))
}

async fn in_codepipelines_record(work: &Work<'_>, pipeline: &str) -> Result<(), Failure> {
    let execution = &work.request.execution;
    match codepipeline::actions(&work.clients.codepipeline, pipeline, execution).await {
        Ok(actions) => decide::belongs(work.job, pipeline, execution, &actions),
        Err(error) if error.kind == Kind::Missing => Err(Failure::configuration(format!(
            "\"pipeline\" in UserParameters: {}; nothing was changed",
            error.message
        ))),
        Err(error) => {
            let me = work.clients.me(work.job).await;
            let what = format!("pipeline {pipeline}");
            Err(error.into_failure(&what, &me, pipeline, &work.job.account))
        }
    }
}

/// All services, and those that tasks are like: one call per cluster.
pub(crate) async fn first_sight(work: &Work<'_>) -> Result<Vec<Seen>, Failure> {
    let each = work.ends.iter().enumerate();
    let all: Vec<usize> = each
        .filter(|(_, end)| end.target.stack().is_none())
        .map(|(n, _)| n)
        .collect();
    let seen = sight::services(work, &all).await;
    for sight in &seen {
        match &sight.blind {
            None => {}
            Some(Blind::Refused(failure)) => return Err(failure.clone()),
            Some(Blind::NotNow(text)) => {
                let text = format!("{text}, also after retries; retry the stage");
                return Err(Failure::new(FailureKind::SystemUnavailable, text));
            }
        }
    }
    Ok(seen)
}

/// A service that shifts traffic is watched through the service-deployments API, without which
/// nobody could tell how it ended (CONTRACTS 3.5.25).
async fn shifts_unseen(
    end: &End<'_>,
    service: Option<&&Service>,
) -> Result<Option<Failure>, Failure> {
    let shifts = service.is_some_and(|service| service.strategy.shifts_traffic());
    if !shifts || !end.target.is_service() {
        return Ok(None);
    }
    let (ecs, target) = (&end.reached()?.ecs, end.target);
    match deployment::list(ecs, &target.cluster, target.service()).await {
        Ok(_) => Ok(None),
        Err(error) if passing(&error) => Err(end.failed(error)),
        Err(error) => {
            let mut failure = end.failed(error);
            failure.message = format!(
                "its deployment strategy is {}, which is watched through the service-deployments \
                 API: {}",
                service.map_or("", |service| &service.strategy.name),
                failure.message
            );
            Ok(Some(failure))
        }
    }
}

/// The running and the newest definition of each target, each read once.
async fn known(
    work: &Work<'_>,
    services: &[&Service],
    files: &[Option<TaskDefinition>],
) -> Result<Vec<Known>, Failure> {
    let each = work.ends.iter().zip(services).zip(files);
    let each = each
        .enumerate()
        .map(|(n, ((end, service), file))| async move {
            // A target whose definition is another's is read as that one; a stack brings its own.
            let shares = file.is_none() && decide::shares_with(&work.request.file, n).is_some();
            if shares || end.target.stack().is_some() {
                return Ok(Known {
                    running: None,
                    latest: None,
                });
            }
            of_one(end, service, file.as_ref(), &work.purpose)
                .await
                .map_err(|error| end.failed(error))
        });
    join_all(each).await.into_iter().collect()
}

async fn of_one(
    end: &End<'_>,
    service: &Service,
    file: Option<&TaskDefinition>,
    purpose: &Purpose,
) -> Result<Known, CallError> {
    let Ok(reached) = end.reached.as_ref() else {
        return Ok(Known {
            running: None,
            latest: None,
        });
    };
    let current = service
        .primary()
        .map(|primary| primary.task_definition.as_str())
        .unwrap_or_default();
    let family = match file {
        Some(definition) => definition.family(),
        None => shared::names::short(current)
            .split(':')
            .next()
            .unwrap_or_default(),
    };
    let latest = match family {
        "" => None,
        family => describe(reached, family).await?,
    };
    // What a task with a file of its own is like matters to people only.
    let is_apart = end.target.task().is_some() && file.is_some();
    let running = match &latest {
        _ if is_apart && *purpose != Purpose::Preview => None,
        Some(latest) if latest.arn == current => Some(latest.clone()),
        _ if current.is_empty() => None,
        _ => describe(reached, current).await?,
    };
    Ok(Known { running, latest })
}
