//! What the engine asks to read, put into the sight of its target.

use aws::ecs::deployment;
use aws::ecs::tasks::{self, Which};
use aws::error::{CallError, Kind};
use aws::{ecr, logs};
use shared::rollout::cause::Where;
use shared::rollout::seen::{Index, Recent, Seen, Task};
use shared::rollout_file::images::Image;

use super::{Brought, Doing};
use crate::Work;
use crate::register::describe;

/// How many lines of a failed container's log are told.
const LOG_LINES: u16 = 10;

fn seen(fill: impl FnOnce(&mut Seen) + 'static) -> Result<Brought, CallError> {
    Ok(Brought::Seen(Box::new(fill)))
}

impl Doing<'_> {
    pub(crate) async fn tasks(&self, which: Which) -> Result<Vec<Task>, CallError> {
        let name = self.end.target.service();
        tasks::list(&self.reached.ecs, self.cluster(), name, which).await
    }

    pub(crate) async fn read_tasks(&self, which: Which) -> Result<Brought, CallError> {
        let tasks = self.tasks(which).await?;
        seen(move |seen| match which {
            Which::Serving => seen.serving = Some(tasks),
            Which::Stopped => seen.stopped = Some(tasks),
        })
    }

    /// The one-off task; without an id it is looked for, since another delivery of the job may have
    /// started it.
    pub(crate) async fn read_task(&self, token: &str) -> Result<Brought, CallError> {
        let ecs = &self.reached.ecs;
        let id = &self.watch.deployment;
        let mut task = None;
        if id.is_empty() {
            let family = shared::names::short(&self.watch.became);
            let family = family.split(':').next().unwrap_or_default();
            for which in [Which::Serving, Which::Stopped] {
                let tasks = tasks::of_family(ecs, self.cluster(), family, which).await?;
                let ours = |task: &Task| {
                    task.task_definition == self.watch.became && task.started_by == token
                };
                task = tasks.into_iter().find(ours);
                if task.is_some() {
                    break;
                }
            }
        } else {
            let tasks = tasks::describe(ecs, self.cluster(), &[self.arn("task", id)]).await?;
            task = tasks.into_iter().next();
        }
        seen(move |seen| seen.task = Some(task))
    }

    /// The newest service deployments with their task definitions.
    pub(crate) async fn recent(&self) -> Result<Vec<Recent>, CallError> {
        let (ecs, name) = (&self.reached.ecs, self.end.target.service());
        let listed = deployment::list(ecs, self.cluster(), name).await?;
        let known = |arn: &str| {
            let revisions = self.work.revisions.lock().ok()?;
            revisions.get(arn).cloned()
        };
        let unknown: Vec<String> = listed
            .iter()
            .map(|one| one.revision.clone())
            .filter(|arn| known(arn).is_none())
            .collect();
        if !unknown.is_empty() {
            let found = deployment::revisions(ecs, &unknown).await?;
            if let Ok(mut revisions) = self.work.revisions.lock() {
                revisions.extend(found);
            }
        }
        let each = listed.into_iter().map(|one| Recent {
            task_definition: known(&one.revision).unwrap_or_default(),
            ..one.recent
        });
        Ok(each.collect())
    }

    pub(crate) async fn read_recent(&self) -> Result<Brought, CallError> {
        let recent = self.recent().await?;
        seen(move |seen| seen.recent = Some(recent))
    }

    pub(crate) async fn read_deployment(&self, id: &str) -> Result<Brought, CallError> {
        let arn = self.arn("service-deployment", id);
        let found = deployment::describe(&self.reached.ecs, &arn).await?;
        seen(move |seen| seen.deployment = Some(found))
    }

    /// The last lines of a container's log. They explain, and decide nothing: what cannot be read
    /// is said in their place.
    pub(crate) async fn read_log(&self, wrote: &Where) -> Result<Brought, CallError> {
        let lines = match self.log_lines(wrote).await {
            Ok(lines) => lines,
            Err(error) => {
                tracing::warn!(%error, "could not read a log");
                vec![format!("(could not be read: {error})")]
            }
        };
        seen(move |seen| seen.log = Some(lines))
    }

    pub(crate) async fn log_lines(&self, wrote: &Where) -> Result<Vec<String>, CallError> {
        let Some(described) = describe(self.reached, &wrote.task_definition).await? else {
            return Ok(Vec::new());
        };
        let Some(log) = described.definition.log_of(&wrote.container) else {
            return Ok(Vec::new());
        };
        let task = wrote.task.rsplit('/').next().unwrap_or_default();
        let stream = format!("{}/{}/{task}", log.prefix, wrote.container);
        let own = self.end.target.region.as_str();
        let client = self.reached.logs(log.region.as_deref().unwrap_or(own));
        logs::last_lines(&client, &log.group, &stream, LOG_LINES).await
    }

    /// The platform manifests of indexes. One that cannot be read (not in ECR, no permission, no way) is
    /// none: what runs is pinned by the index either way, it only cannot be compared.
    pub(crate) async fn read_platforms(&self, images: &[Image]) -> Result<Brought, CallError> {
        let mut indexes: Vec<Index> = Vec::new();
        for image in images {
            let Some(digest) = &image.digest else {
                continue;
            };
            let children = match image.ecr() {
                Some(repository) => {
                    let Work { clients, job, .. } = self.work;
                    let (client, _) = clients.ecr(job, self.reached, &repository).await;
                    match ecr::platforms(&client, &repository, digest).await {
                        Ok(children) => Some(children),
                        Err(error) if error.kind == Kind::Throttled => return Err(error),
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
        seen(move |seen| seen.platforms = Some(indexes))
    }
}
