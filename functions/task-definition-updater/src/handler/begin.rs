//! The beginning of an attempt: everything is read and checked, then at most one revision is
//! registered and at most one deployment begun, however often the job is delivered.

use std::time::Duration;

use aws::ecs::tasks::{self, Which};
use aws::ecs::{service, task_definition};
use aws::error::{CallError, Kind};
use aws::{codepipeline, ecr};
use shared::error::{Failure, FailureKind};
use shared::names::Digest;
use shared::rollout::State;
use shared::rollout::seen::Service;
use shared::rollout::start::{self, Keys, Start};
use shared::rollout::watch::{Progress, Watch};
use shared::rollout_file::images::{Image, ImageFile};
use shared::task_definition::{Described, TaskDefinition};

use super::Work;
use super::artifacts::Artifacts;
use crate::{decide, request};

/// What a beginning came to.
pub(super) struct Begun {
    pub(super) watch: Watch,
    /// Whether a deployment was begun just now.
    pub(super) deployed: bool,
}

pub(super) async fn begin(
    work: &Work<'_>,
    state: &State,
    artifacts: &mut Artifacts<'_>,
) -> Result<Begun, Failure> {
    let place = work.place();
    if let Some(pipeline) = &work.request.pipeline {
        in_codepipelines_record(work, pipeline).await?;
    }
    let images = image_files(work, artifacts).await?;
    let from_file = match &place.task_definition {
        Some(path) => Some(request::task_definition(
            path,
            &artifacts.required(path).await?,
        )?),
        None => None,
    };

    let ecs = &work.target.ecs;
    let service = service::describe(ecs, place)
        .await
        .map_err(|error| work.failed(error))?;
    let current = service
        .primary()
        .map(|primary| primary.task_definition.clone())
        .unwrap_or_default();
    let family = match &from_file {
        Some(definition) => definition.family().to_owned(),
        None => shared::names::short(&current)
            .split(':')
            .next()
            .unwrap_or_default()
            .to_owned(),
    };
    let latest = if family.is_empty() {
        None
    } else {
        describe(work, &family).await?
    };
    let running = match &latest {
        Some(latest) if latest.arn == current => Some(latest.clone()),
        _ if current.is_empty() => None,
        _ => describe(work, &current).await?,
    };
    let base = from_file.or_else(|| running.as_ref().map(|running| running.definition.clone()));
    let base = base.ok_or_else(|| {
        Failure::new(
            FailureKind::RevisionUnavailable,
            format!("task definition {current:?} of the running service cannot be described; name a task definition file by \"taskDefinition\""),
        )
    })?;
    let wanted = wanted(work, base, &images, &service).await?;

    let keys = Keys {
        operation: &work.operation,
        attempt: &state.attempt,
    };
    match start::start(&service, running.as_ref(), latest.as_ref(), &wanted, keys) {
        Start::Watch(watch) => Ok(Begun {
            watch,
            deployed: false,
        }),
        Start::Resume { revision, was } => {
            let arn = lowest(work, &wanted, 0, *revision, keys).await?;
            if was_deployed(work, &service, &arn).await? {
                let watch = start::already_tried(arn, was, aws::job::now());
                return Ok(Begun {
                    watch,
                    deployed: false,
                });
            }
            deploy(work, arn, was).await
        }
        Start::Register { was } => {
            let newest = latest.map_or(0, |latest| latest.revision);
            let arn = register(work, &wanted, newest, keys).await?;
            deploy(work, arn, was).await
        }
    }
}

async fn in_codepipelines_record(work: &Work<'_>, pipeline: &str) -> Result<(), Failure> {
    let execution = &work.request.execution;
    match codepipeline::actions_underway(&work.clients.codepipeline, pipeline, execution).await {
        Ok(actions) => decide::belongs(work.job, pipeline, execution, &actions),
        Err(error) if error.kind == Kind::Missing => Err(Failure::configuration(format!(
            "\"pipeline\" in UserParameters: {}; nothing was changed",
            error.message
        ))),
        Err(error) => {
            let me = work.clients.me(work.job).await;
            Err(error.into_failure(
                &format!("pipeline {pipeline}"),
                &me,
                pipeline,
                &work.job.account,
            ))
        }
    }
}

async fn image_files(
    work: &Work<'_>,
    artifacts: &mut Artifacts<'_>,
) -> Result<Vec<ImageFile>, Failure> {
    let places = &work.request.file.images;
    if places.is_empty() {
        let (place, bytes) = artifacts.default_images().await?;
        return Ok(vec![request::image_file(&place, &bytes)?]);
    }
    let mut files = Vec::new();
    for place in places {
        files.push(request::image_file(
            &place.to_string(),
            &artifacts.required(place).await?,
        )?);
    }
    Ok(files)
}

/// What is to be registered: checked, and pinned to digests. All findings come at once.
async fn wanted(
    work: &Work<'_>,
    base: TaskDefinition,
    images: &[ImageFile],
    service: &Service,
) -> Result<TaskDefinition, Failure> {
    let (place, file) = (work.place(), &work.request.file);
    let account = &work.target.account;
    let heading = format!(
        "nothing was changed; {}",
        shared::rollout::report::place(place, account.as_str())
    );
    let mut definition = decide::wanted(base, images, service, place, account, file)
        .map_err(|findings| Failure::findings(&heading, &findings))?;
    let mut digests: Vec<(Image, Digest)> = Vec::new();
    for image in decide::to_pin(&definition, images) {
        let Some(repository) = image.ecr() else {
            continue;
        };
        let (client, caller) = work.clients.ecr(work.job, &work.target, &repository).await;
        match ecr::resolve_tag(&client, &repository, decide::tag(&image)).await {
            Ok(digest) => digests.push((image, digest)),
            Err(error) => {
                let resource = format!(
                    "arn:aws:ecr:{}:{}:repository/{}",
                    repository.region.as_str(),
                    repository.account.as_str(),
                    repository.name
                );
                let what = format!("{heading}: image {image} cannot be resolved to its digest");
                return Err(error.into_failure(
                    &what,
                    &caller,
                    &resource,
                    repository.account.as_str(),
                ));
            }
        }
    }
    decide::pin(&mut definition, &digests);
    Ok(definition)
}

async fn describe(work: &Work<'_>, family_or_arn: &str) -> Result<Option<Described>, Failure> {
    task_definition::describe(&work.target.ecs, family_or_arn)
        .await
        .map_err(|error| work.failed(error))
}

/// Whether a revision was ever deployed to the service: by what the service shows, by ECS's own
/// record of deployments, or by a task that runs it or ran it within the last hour.
async fn was_deployed(work: &Work<'_>, seen: &Service, arn: &str) -> Result<bool, Failure> {
    if seen
        .deployments
        .iter()
        .any(|deployment| deployment.task_definition == arn)
    {
        return Ok(true);
    }
    let (ecs, place) = (&work.target.ecs, work.place());
    let recorded = match service::deployments(ecs, place).await {
        Ok(deployments) if deployments.is_empty() => Vec::new(),
        Ok(deployments) => {
            let revisions: Vec<String> = deployments.into_iter().map(|d| d.revision).collect();
            service::revisions(ecs, &revisions)
                .await
                .map_err(|error| work.failed(error))?
        }
        // Without the permission the tasks have to do.
        Err(error) if error.kind == Kind::Denied => Vec::new(),
        Err(error) => return Err(work.failed(error)),
    };
    if recorded
        .iter()
        .any(|(_, task_definition)| task_definition == arn)
    {
        return Ok(true);
    }
    for which in [Which::Serving, Which::Stopped] {
        let tasks = tasks::list(ecs, place, which)
            .await
            .map_err(|error| work.failed(error))?;
        if tasks.iter().any(|task| task.task_definition == arn) {
            return Ok(true);
        }
    }
    Ok(false)
}

/// About half a minute in all: the quota is one registration a second, and others wait for theirs.
const REGISTER_ATTEMPTS: u32 = 10;

/// Registers exactly one revision: what may have been carried out is looked for before it is tried
/// again, and of two equal revisions the lower wins (CONTRACTS 3.5.6, 3.5.7).
async fn register(
    work: &Work<'_>,
    wanted: &TaskDefinition,
    newest: u64,
    keys: Keys<'_>,
) -> Result<String, Failure> {
    let ecs = &work.target.ecs;
    let input = wanted
        .register_input(keys.operation, keys.attempt)
        .map_err(Failure::configuration)?;
    for attempt in 0..REGISTER_ATTEMPTS {
        let error = match task_definition::register(ecs, &input).await {
            Ok(ours) => return lowest(work, wanted, newest, ours, keys).await,
            Err(error) => error,
        };
        if attempt + 1 == REGISTER_ATTEMPTS
            || !matches!(error.kind, Kind::Throttled | Kind::Unanswered)
        {
            return Err(work.failed(error));
        }
        tracing::warn!(%error, "could not register; trying again");
        back_off(attempt).await;
        if error.kind == Kind::Unanswered
            && let Some(latest) = describe(work, wanted.family()).await?
            && latest.revision > newest
        {
            let ours = lowest(work, wanted, newest, latest.clone(), keys).await?;
            if ours != latest.arn || keys.made(&latest, wanted) {
                return Ok(ours);
            }
        }
    }
    Err(Failure::new(
        FailureKind::SystemUnavailable,
        "could not register the task definition",
    ))
}

/// The lowest revision of this attempt between the newest one known before (0: unknown) and `ours`:
/// deliveries at the same time may each have registered one, and all have to deploy the same.
async fn lowest(
    work: &Work<'_>,
    wanted: &TaskDefinition,
    newest: u64,
    ours: Described,
    keys: Keys<'_>,
) -> Result<String, Failure> {
    for revision in start::between(newest, ours.revision) {
        let other = describe(work, &format!("{}:{revision}", wanted.family())).await?;
        if let Some(other) = other.filter(|other| other.active && keys.made(other, wanted)) {
            return Ok(other.arn);
        }
    }
    Ok(ours.arn)
}

/// Brings the service to the revision.
async fn deploy(work: &Work<'_>, arn: String, was: Option<String>) -> Result<Begun, Failure> {
    let updated = update(work, &arn)
        .await
        .map_err(|error| work.failed(error))?;
    let ours = updated
        .deployments
        .iter()
        .find(|deployment| deployment.task_definition == arn);
    let watch = Watch {
        deployment: ours
            .map(|deployment| deployment.id.clone())
            .unwrap_or_default(),
        was: was.filter(|was| *was != arn),
        became: arn,
        // Less than any balance that will be seen: the first look is progress.
        progress: Progress {
            balance: -1_000_000,
            at: aws::job::now(),
        },
        ..Watch::default()
    };
    tracing::info!(
        became = watch.became,
        was = watch.was,
        deployment = watch.deployment,
        "began a deployment"
    );
    Ok(Begun {
        watch,
        deployed: true,
    })
}

/// `UpdateService`; a revision that was registered just now may be unseen for a moment
/// (CONTRACTS 3.5.10).
pub(super) async fn update(work: &Work<'_>, arn: &str) -> Result<Service, CallError> {
    let mut attempt = 0;
    loop {
        match service::update(&work.target.ecs, work.place(), arn).await {
            Err(error) if service::revision_unseen(&error) && attempt < 5 => {
                back_off(attempt).await
            }
            result => return result,
        }
        attempt += 1;
    }
}

/// 0.2 s, doubled each time, with jitter, so that jobs side by side do not try again together.
async fn back_off(attempt: u32) {
    let ceiling = 200_u64 << attempt.min(5);
    tokio::time::sleep(Duration::from_millis(
        ceiling / 2 + fastrand::u64(0..=ceiling / 2),
    ))
    .await;
}
