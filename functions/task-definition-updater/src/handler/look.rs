//! One look: reads what the engine asks for, carries out what it orders, and comes back with a
//! pause or an end.

use aws::ecr;
use aws::ecs::service::DeploymentPhase;
use aws::ecs::tasks::{self, Which};
use aws::ecs::{service, task_definition};
use aws::error::{CallError, Kind};
use aws::job::now;
use shared::rollout::seen::{Index, Seen};
use shared::rollout::watch::{Step, Watch, advance};
use shared::rollout_file::images::Image;

use super::Work;
use super::begin::update;

/// Whether a failed look says nothing about the rollout: it is repeated.
pub(super) fn passing(error: &CallError) -> bool {
    matches!(error.kind, Kind::Throttled | Kind::Unanswered)
}

/// Looks once and advances as far as that goes.
pub(super) async fn look(
    work: &Work<'_>,
    watch: &mut Watch,
    started: u64,
) -> Result<Step, CallError> {
    let (ecs, place) = (&work.target.ecs, work.place());
    let mut seen = Seen {
        service: service::describe(ecs, place).await?,
        ..Seen::default()
    };
    loop {
        // The watch is kept only when the whole step went through: a step that failed half-way
        // is found undone by the next look.
        let mut next = watch.clone();
        let step = advance(&mut next, &seen, &work.request.file, started, now());
        match &step {
            Step::ReadStopped => {
                seen.stopped = Some(tasks::list(ecs, place, Which::Stopped).await?)
            }
            Step::ReadServing => {
                seen.serving = Some(tasks::list(ecs, place, Which::Serving).await?)
            }
            Step::ReadPlatforms(images) => seen.platforms = Some(platforms(work, images).await?),
            Step::GoBack(was) => {
                tracing::warn!(was, became = next.became, cause = next.cause, "going back");
                next.was = Some(go_back(work, was).await?);
                *watch = next;
                return Ok(Step::Wait("going back".into()));
            }
            Step::Wait(_) | Step::Done(_) | Step::Failed(_) => {
                *watch = next;
                return Ok(step);
            }
        }
        *watch = next;
    }
}

/// The platform manifests of indexes. One that cannot be read (not in ECR, no permission) is none:
/// what runs is pinned by the index either way, it only cannot be compared.
async fn platforms(work: &Work<'_>, images: &[Image]) -> Result<Vec<Index>, CallError> {
    let mut indexes = Vec::new();
    for image in images {
        let Some(digest) = &image.digest else {
            continue;
        };
        let children = match image.ecr() {
            Some(repository) => {
                let (client, _) = work.clients.ecr(work.job, &work.target, &repository).await;
                match ecr::platforms(&client, &repository, digest).await {
                    Ok(children) => Some(children),
                    Err(error) if passing(&error) => return Err(error),
                    Err(error) => {
                        tracing::warn!(%error, "could not read an image index");
                        None
                    }
                }
            }
            None => None,
        };
        indexes.push((digest.as_str().to_owned(), children));
    }
    Ok(indexes)
}

/// Brings the service back and returns the revision that it goes back to: through ECS's own
/// rollback while the deployment is under way, else by an update (CONTRACTS 3.5.27). A revision
/// that was deregistered meanwhile is registered again from its description.
async fn go_back(work: &Work<'_>, was: &str) -> Result<String, CallError> {
    let (ecs, place) = (&work.target.ecs, work.place());
    // Unknown is not none: while ECS goes back, nothing may be updated. Without the permission the
    // update has to do.
    let known = match service::deployments(ecs, place).await {
        Ok(known) => known,
        Err(error) if passing(&error) => return Err(error),
        Err(_) => Vec::new(),
    };
    let in_phase = |phase| {
        known
            .iter()
            .find(move |deployment| deployment.phase == phase)
    };
    if in_phase(DeploymentPhase::GoingBack).is_some() {
        return Ok(was.to_owned());
    }
    if let Some(deployment) = in_phase(DeploymentPhase::UnderWay) {
        match service::stop_and_roll_back(ecs, &deployment.arn).await {
            Ok(()) => return Ok(was.to_owned()),
            Err(error) if passing(&error) => return Err(error),
            Err(error) => tracing::warn!(%error, "could not stop the deployment; updating instead"),
        }
    }
    let error = match update(work, was).await {
        Ok(_) => return Ok(was.to_owned()),
        Err(error) => error,
    };
    if !error.message.to_lowercase().contains("inactive") {
        return Err(error);
    }
    let Some(kept) = task_definition::describe(ecs, was).await? else {
        return Err(error);
    };
    let input = kept.definition.register_input(&work.operation, "back");
    let input = input.map_err(|text| CallError::unusable("ecs:RegisterTaskDefinition", text))?;
    let again = task_definition::register(ecs, &input).await?;
    update(work, &again.arn).await?;
    Ok(again.arn)
}
