//! Reads production, tells what a rollout would change, and puts the page where the approver can open
//! it. Everything that is written: change sets of the preview's own, which are gone when the job is
//! answered, and the page.

use std::collections::BTreeMap;
use std::sync::Arc;

use aws::clients::Clients;
use aws::error::CallError;
use aws::job::{Round, now};
use aws::{cloudwatch, codepipeline, ecr};
use driver::artifacts::Artifacts;
use driver::check::{Checked, Checking, check};
use driver::request::Request;
use driver::{Purpose, Work, live, preflight, prepare, stacks};
use futures_util::future::join_all;
use shared::error::{Failure, FailureKind};
use shared::job::Job;
use shared::job::answer::Outcome;
use shared::job::revision::Revision;
use shared::preview::fingerprint::Live;
use shared::preview::{Preview, page, summary};
use shared::rollout::seen::settings::Alarm;
use shared::rollout::{State, binding};
use shared::rollout_file::PreviewParameters;
use shared::rollout_file::images::Image;

use crate::decide::{self, Facts};
use crate::request;

/// One invocation.
pub async fn handle(
    clients: Arc<Clients>,
    job: Arc<Job>,
    round: Round,
) -> Result<Outcome, Failure> {
    let parameters = PreviewParameters::parse(job.user_parameters.as_deref())?;
    let mut artifacts = Artifacts::new(&clients, &job);
    let (place, bytes) = artifacts.rollout_file(&parameters.common.rollout).await?;
    let common = parameters.common.clone();
    let mut request = Request::new(common.execution, common.pipeline, &place, &bytes)?;
    let page_place = request::page_place(&job, &request.execution)?;
    let deployers = request::look_with(&mut request.file, &parameters)?;
    let work = Work::new(&clients, &job, &request, Purpose::Preview).await;
    let state = State {
        binding: String::new(),
        attempt: format!("preview-{}", job.id.as_str()),
        started: now(),
        targets: Vec::new(),
        turned: None,
    };
    let mut checked = match check(&work, &state, &mut artifacts).await? {
        Checking::Checked(checked) => *checked,
        Checking::Busy(text) => {
            let text = format!("{text}. {}", stacks::AGAIN);
            return Err(Failure::new(FailureKind::RevisionOutOfSync, text));
        }
    };
    // What AWS did not answer speaks against nobody's release.
    if let Some(failure) = checked.findings.unanswered() {
        return Err(failure);
    }
    let rollout = rolled_out(&work, &job, &request, state.started);
    let too_long = prepare::too_long(&work, &rollout, &checked.plan);
    checked.findings.general(too_long);
    let proposals = stacks::propose(&work, &state, &checked.stacks, &round).await?;
    let (live, preflight, last_changes, sources, tags) = futures_util::join!(
        live::live(&work, &checked.seen),
        preflight::preflight(&work, &checked, &deployers),
        live::last_changes(&work),
        sources(&clients, &request),
        tags(&work, &checked),
    );
    let live = live?;
    if let Some(moved) = decide::moved(&work.placed(), &proposals, &live) {
        let text = format!("{moved}. {}", stacks::AGAIN);
        return Err(Failure::new(FailureKind::RevisionOutOfSync, text));
    }
    let alarms = alarms(&work, &live).await;
    let freeze = driver::freeze::of(&work).await;
    let preview = decide::preview(&Facts {
        placed: work.placed(),
        request: &request,
        checked: &checked,
        proposals: &proposals,
        live: &live,
        last_changes: &last_changes,
        freeze,
        alarms: &alarms,
        preflight,
        sources,
        tags: &tags,
        now: state.started,
        shown: &aws::time::shown,
        show_values: parameters.show_values,
    });
    let url = publish(&clients, &job, &preview, page_place).await?;
    Ok(answer(&preview, &checked, url))
}

/// The state of a rollout as it begins: a job of its own has an id as long as this one's.
fn rolled_out(work: &Work<'_>, job: &Job, request: &Request, started: u64) -> State {
    let operations: Vec<String> = work.ends.iter().map(|end| end.operation.clone()).collect();
    State {
        binding: binding(&request.execution, &operations),
        attempt: job.id.as_str().to_owned(),
        started,
        targets: Vec::new(),
        turned: None,
    }
}

/// Puts the page into the artifacts' bucket, with the job's own credentials; returns where it opens.
async fn publish(
    clients: &Clients,
    job: &Job,
    preview: &Preview,
    (bucket, key): (String, String),
) -> Result<String, Failure> {
    let (client, caller) = clients.artifacts(job);
    let page = page::page(preview);
    let encryption = job.encryption_key.as_ref().map(|key| key.id.as_str());
    let put = aws::s3::object::put(
        &client,
        &bucket,
        &key,
        page.as_bytes(),
        "text/html; charset=utf-8",
        encryption,
    );
    put.await.map_err(|error| {
        let what = format!("the preview's page cannot be put into s3://{bucket}/{key}");
        let resource = format!("arn:aws:s3:::{bucket}/{key}");
        error.into_failure(&what, &caller, &resource, &job.account)
    })?;
    Ok(request::page_url(clients.region(), &bucket, &key))
}

/// A preview with refusals fails its action: nobody is asked to approve what would be refused.
fn answer(preview: &Preview, checked: &Checked, url: String) -> Outcome {
    let told = summary::summary(preview);
    if preview.refusals().next().is_some() {
        let refusals = preview.refusals().map(|(target, text)| match target {
            Some(target) => format!("{target}: {text}"),
            None => text.to_owned(),
        });
        let refusals: Vec<String> = refusals.collect();
        // The link comes first: what is too long is cut at the end.
        let heading = format!(
            "this release would be refused\nThe whole preview: {url}\nWhat speaks against it"
        );
        let mut failure = Failure::findings(heading, &refusals);
        if let Some(kind) = decide::kind(checked, refusals.len()) {
            failure.kind = kind;
        }
        return Outcome::Failure(failure);
    }
    let variables = BTreeMap::from([
        ("Summary".to_owned(), told.clone()),
        ("PageUrl".to_owned(), url),
        ("Fingerprint".to_owned(), preview.fingerprint.clone()),
    ]);
    Outcome::Success {
        variables,
        summary: told,
        external_id: None,
    }
}

/// The commits that the execution runs with; none when no pipeline is named.
async fn sources(clients: &Clients, request: &Request) -> Result<Vec<Revision>, CallError> {
    match &request.pipeline {
        Some(pipeline) => {
            codepipeline::revisions(&clients.codepipeline, pipeline, &request.execution).await
        }
        None => Ok(Vec::new()),
    }
}

/// The deployment alarms of each target's services, as far as they are watched.
async fn alarms(work: &Work<'_>, live: &[Live]) -> Vec<Result<Vec<Alarm>, CallError>> {
    let each = work.ends.iter().zip(live).map(|(end, live)| async move {
        let names = decide::watched_alarms(live);
        match end.reached() {
            Ok(reached) if !names.is_empty() => {
                cloudwatch::alarms(&reached.cloudwatch(), &names).await
            }
            _ => Ok(Vec::new()),
        }
    });
    join_all(each).await
}

/// What ECR calls the images of before and after. A name is a courtesy: whatever cannot be told is
/// left out.
async fn tags(work: &Work<'_>, checked: &Checked) -> Vec<(Image, String)> {
    let wanted = decide::nameless(checked);
    let each = wanted.into_iter().map(|(n, image)| async move {
        let end = work.ends.get(n)?;
        let (repository, digest) = (image.ecr()?, image.digest.clone()?);
        let (client, _) = work
            .clients
            .ecr(work.job, end.reached().ok()?, &repository)
            .await;
        match ecr::tags(&client, &repository, &digest).await {
            Ok(tags) => Some((image, tags?.into_iter().next()?)),
            Err(error) => {
                tracing::warn!(%error, %image, "could not ask what ECR calls an image");
                None
            }
        }
    });
    join_all(each).await.into_iter().flatten().collect()
}
