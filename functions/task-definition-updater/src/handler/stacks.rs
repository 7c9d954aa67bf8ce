//! Stack targets before anything begins: what is there, what is sent, what would change, and whether
//! it may (CONTRACTS 3.6).
//!
//! [`read`] looks and finds what is wrong, like the other targets' checks; [`create`] makes the
//! change sets, which change nothing yet, and holds them against the guard.

pub(super) mod template;

use std::collections::BTreeMap;
use std::time::Duration;

use aws::cloudformation::change_set::{self, Wanted};
use aws::cloudformation::{Client, stack, template as templates};
use aws::error::CallError;
use aws::s3::object;
use futures_util::future::join_all;
use shared::error::{Failure, FailureKind};
use shared::names::Digest;
use shared::rollout::stack::change_set_name;
use shared::rollout::watch::{Phase, Watch};
use shared::rollout::{State, report};
use shared::rollout_file::images::{Image, ImageFile};
use shared::rollout_file::stack::{Parameters, StackTarget, Written};
use shared::rollout_file::{OnFailure, Place};
use shared::stack::before::Before;
use shared::stack::parameters::{self, declared_by};
use shared::stack::standing;
use shared::stack::{ChangeSet, Stack, Status, Summary, guard};

use super::artifacts::Artifacts;
use super::findings::Findings;
use super::{End, Work};
use crate::decide::{self, Given};
use template::Template;

/// The pause between two looks at a change set that is being created: they take seconds.
const LOOK_EVERY: Duration = Duration::from_secs(1);
/// After as many looks it is for the next invocation.
const LOOKS: u32 = 120;

/// A stack target, read and found to be good.
pub(super) struct Planned {
    /// The target's place.
    n: usize,
    /// What is there; none when it is to be made.
    stack: Option<Stack>,
    /// What the artifacts give it.
    given: Given,
    /// The new template, when there is one.
    template: Option<Template>,
    /// What the template declares.
    declared: Summary,
    /// Parameters that receive images, pinned before they are sent.
    images: Vec<(String, Image)>,
    /// The template that is there, when the new one differs.
    before: Option<String>,
}

/// What reading all stacks came to.
pub(super) enum Read {
    /// One per stack target; what is wrong is among the findings.
    All(Vec<Planned>),
    /// Somebody else is at work on one of them.
    Busy(String),
}

/// A change set that was made, or that had nothing to change.
pub(super) struct Made {
    /// The target's place.
    pub(super) n: usize,
    /// How the target begins.
    pub(super) watch: Watch,
}

/// Reads all stack targets and what the artifacts have for them.
pub(super) async fn read(
    work: &Work<'_>,
    state: &State,
    artifacts: &mut Artifacts<'_>,
    images: &[ImageFile],
    findings: &mut Findings,
) -> Result<Read, Failure> {
    let mut wishes = Vec::new();
    for (n, end) in work.ends.iter().enumerate() {
        let Some(target) = end.target.stack() else {
            continue;
        };
        let files = files(target, artifacts).await?;
        let given = decide::given(target, &files).unwrap_or_else(|wrongs| {
            findings.add(n, wrongs);
            Given::default()
        });
        let text = match target
            .template
            .as_ref()
            .map(|place| (place, files.get(place)))
        {
            Some((place, Some(bytes))) => {
                template::text(place, bytes, target).unwrap_or_else(|wrong| {
                    findings.add(n, vec![wrong]);
                    None
                })
            }
            _ => None,
        };
        wishes.push((n, target, given, text));
    }
    if wishes.is_empty() {
        return Ok(Read::All(Vec::new()));
    }
    if work.setup.state_bucket.is_none() {
        findings.general(vec![
            "this function has no bucket for what stacks were before (STATE_BUCKET): deploy the \
             template.yaml of this version"
                .to_owned(),
        ]);
    }
    findings.done()?;
    let each = wishes
        .into_iter()
        .map(|(n, target, given, text)| async move {
            let Some(end) = work.ends.get(n) else {
                return Ok(One::Wrong(n, Vec::new()));
            };
            let wish = Wish {
                n,
                target,
                given,
                text,
            };
            one(work, state, end, wish, images).await
        });
    let mut planned = Vec::new();
    for one in join_all(each).await {
        match one? {
            One::Good(good) => planned.push(*good),
            One::Wrong(n, wrongs) => findings.add(n, wrongs),
            One::Busy(text) => return Ok(Read::Busy(text)),
        }
    }
    Ok(Read::All(planned))
}

/// The files of the artifacts that a target names.
async fn files(
    target: &StackTarget,
    artifacts: &mut Artifacts<'_>,
) -> Result<BTreeMap<Place, Vec<u8>>, Failure> {
    let mut places: Vec<&Place> = target.template.iter().collect();
    match &target.parameters {
        Parameters::File(place) => places.push(place),
        Parameters::Inline(values) => {
            places.extend(values.iter().filter_map(|(_, written)| match written {
                Written::FromFile(place, _) => Some(place),
                Written::Text(_) => None,
            }));
        }
    }
    let mut files = BTreeMap::new();
    for place in places {
        if !files.contains_key(place) {
            files.insert(place.clone(), artifacts.required(place).await?);
        }
    }
    Ok(files)
}

enum One {
    Good(Box<Planned>),
    Wrong(usize, Vec<String>),
    Busy(String),
}

/// What the rollout file and the artifacts want of a stack.
struct Wish<'a> {
    n: usize,
    target: &'a StackTarget,
    given: Given,
    text: Option<String>,
}

async fn one(
    work: &Work<'_>,
    state: &State,
    end: &End<'_>,
    wish: Wish<'_>,
    images: &[ImageFile],
) -> Result<One, Failure> {
    let Wish {
        n,
        target,
        given,
        text,
    } = wish;
    let file = &work.request.file;
    let failed = |error| end.failed(error);
    let reached = end.reached()?;
    let client = reached.cloudformation();
    let found = stack::describe(&client, &target.stack)
        .await
        .map_err(failed)?;
    let region = end.target.region.as_str();
    let standing = standing::of(found.as_ref(), &target.stack, region);
    let busy = match decide::standing(target, standing) {
        Ok(busy) => busy,
        Err(wrong) => return Ok(One::Wrong(n, vec![wrong])),
    };
    // A new stack has no parameters and no template that could be kept.
    let old = found.filter(|stack| stack.status != "REVIEW_IN_PROGRESS");
    if let Some(text) = busy {
        // It may be an earlier delivery of this very job; its change set says so.
        let name = change_set_name(&state.attempt, n);
        let ours = change_set::describe(&client, &target.stack, &name).await;
        let ours = ours.map_err(failed)?;
        if !ours.is_some_and(|ours| ours.execution.starts_with("EXECUTE_")) {
            return Ok(One::Busy(format!(
                "{}: {text}",
                report::place(end.placed())
            )));
        }
    }
    let mut wrongs = decide::role(target, old.as_ref(), &file.allow);
    let (taken, unfit) = parameters::images(&target.image_parameters, images);
    wrongs.extend(unfit);
    wrongs.extend(
        taken
            .iter()
            .flat_map(|(_, image)| decide::floating(image, &file.allow)),
    );
    let template = match text {
        Some(text) => Some(Template::of(text, target, reached).await.map_err(failed)?),
        None if old.is_none() => {
            wrongs.push("the stack is new, so it needs a \"template\"".to_owned());
            return Ok(One::Wrong(n, wrongs));
        }
        None => None,
    };
    let declared = match &template {
        Some(template) => {
            let summary = templates::summary(&client, template.source()).await;
            summary.map_err(failed)?
        }
        None => Summary {
            parameters: old.as_ref().map(declared_by).unwrap_or_default(),
            ..Summary::default()
        },
    };
    let before = match (&template, &old) {
        (Some(template), Some(_)) => {
            let before = templates::original(&client, &target.stack).await;
            let before = before.map_err(failed)?;
            wrongs.extend(template::may_go_back(&before, target));
            (before != template.text).then_some(before)
        }
        _ => None,
    };
    wrongs.extend(parameters::capabilities(&declared, &target.capabilities));
    let planned = Planned {
        n,
        stack: old,
        given,
        template,
        declared,
        images: taken,
        before,
    };
    wrongs.extend(
        planned
            .parameters(file.on_failure)
            .err()
            .into_iter()
            .flatten(),
    );
    Ok(if wrongs.is_empty() {
        One::Good(Box::new(planned))
    } else {
        One::Wrong(n, wrongs)
    })
}

impl Planned {
    /// What is sent for each parameter; the error is everything that is wrong.
    fn parameters(
        &self,
        on_failure: OnFailure,
    ) -> Result<Vec<(String, Option<String>)>, Vec<String>> {
        let images = self.images.iter();
        let images = images.map(|(parameter, image)| (parameter.clone(), image.to_string()));
        let given: Vec<(String, String)> = self
            .given
            .parameters
            .iter()
            .cloned()
            .chain(images)
            .collect();
        let may_go_back = on_failure == OnFailure::Rollback;
        parameters::to_send(
            &self.declared.parameters,
            self.stack.as_ref(),
            &given,
            may_go_back,
        )
    }

    /// Images without a digest that ECR can tell.
    pub(super) fn to_pin(&self) -> impl Iterator<Item = (usize, &Image)> {
        let images = self.images.iter().map(|(_, image)| image);
        images
            .filter(|image| decide::needs_digest(image))
            .map(|image| (self.n, image))
    }

    /// Puts digests in the place of tags.
    pub(super) fn pin(&mut self, digests: &[(Image, Digest)]) {
        for (_, image) in &mut self.images {
            if let Some((_, digest)) = digests.iter().find(|(tagged, _)| tagged == image) {
                *image = image.pinned(digest.clone());
            }
        }
    }

    /// Images that the stack takes, as they stand in the image files.
    pub(super) fn images(&self) -> impl Iterator<Item = &Image> {
        self.images.iter().map(|(_, image)| image)
    }
}

/// Makes all change sets and holds them against the guard. If one may not be executed, none stays.
pub(super) async fn create(
    work: &Work<'_>,
    state: &State,
    planned: &[Planned],
) -> Result<Vec<Made>, Failure> {
    let each = planned
        .iter()
        .map(|planned| create_one(work, state, planned));
    let mut findings = Findings::new(work);
    let mut failure: Option<Failure> = None;
    let mut all = Vec::new();
    for (planned, made) in planned.iter().zip(join_all(each).await) {
        match made {
            Ok(Ok(made)) => all.push(made),
            Ok(Err(wrongs)) => findings.add(planned.n, wrongs),
            Err(error) => failure = failure.or(Some(error)),
        }
    }
    let refused = findings.done().err().or(failure);
    let Some(refused) = refused else {
        return Ok(all);
    };
    // What another delivery will take up stays.
    if refused.kind != FailureKind::SystemUnavailable {
        let places: Vec<usize> = planned.iter().map(|planned| planned.n).collect();
        discard(work, state, &places).await;
    }
    Err(refused)
}

/// Deletes change sets that were never executed; what cannot be deleted harms nobody.
pub(super) async fn discard(work: &Work<'_>, state: &State, places: &[usize]) {
    let each = places.iter().map(|n| async move {
        let end = work.ends.get(*n)?;
        let (target, reached) = (end.target.stack()?, end.reached().ok()?);
        let client = reached.cloudformation();
        let name = change_set_name(&state.attempt, *n);
        // One that is executed, by an earlier delivery, tells how that goes.
        let found = change_set::describe(&client, &target.stack, &name).await;
        if !matches!(&found, Ok(Some(one)) if one.execution.starts_with("EXECUTE_"))
            && let Err(error) = change_set::delete(&client, &target.stack, &name).await
        {
            tracing::warn!(%error, name, "could not delete a change set that is not used");
        }
        Some(())
    });
    join_all(each).await;
}

async fn create_one(
    work: &Work<'_>,
    state: &State,
    planned: &Planned,
) -> Result<Result<Made, Vec<String>>, Failure> {
    let n = planned.n;
    let (Some(end), Some(target)) = (
        work.ends.get(n),
        work.ends.get(n).and_then(|end| end.target.stack()),
    ) else {
        return Ok(Err(Vec::new()));
    };
    let client = end.reached()?.cloudformation();
    let name = change_set_name(&state.attempt, n);
    let parameters = match planned.parameters(work.request.file.on_failure) {
        Ok(parameters) => parameters,
        Err(wrongs) => return Ok(Err(wrongs)),
    };
    let wanted = Wanted {
        stack: &target.stack,
        name: &name,
        new: planned.stack.is_none(),
        template: planned.template.as_ref().map(Template::source),
        parameters: &parameters,
        capabilities: &target.capabilities,
        role: target
            .cloudformation_role
            .as_ref()
            .map(|role| role.as_str()),
        tags: planned.given.tags.as_deref(),
    };
    let made = made(&client, &wanted).await;
    let change_set = match made.map_err(|error| end.failed(error))? {
        Ok(change_set) => change_set,
        Err(text) => return Err(Failure::new(FailureKind::SystemUnavailable, text)),
    };
    let stack = planned.stack.as_ref();
    let watch = Watch {
        was: stack.map(|stack| aws::time::shown(stack.changed)),
        became: name.clone(),
        deployment: decide::id(&change_set.id).to_owned(),
        phase: Phase::Waiting,
        ..Watch::default()
    };
    if change_set.changes_nothing() {
        delete(&client, &wanted).await;
        let watch = Watch {
            deployment: String::new(),
            unchanged: true,
            phase: Phase::Forward,
            ..watch
        };
        return Ok(Ok(Made { n, watch }));
    }
    match (&change_set.status, change_set.execution.as_str()) {
        // An earlier delivery has checked it and begun.
        (_, executed) if executed.starts_with("EXECUTE_") => return Ok(Ok(Made { n, watch })),
        (Status::Complete, "AVAILABLE") => {}
        (status, execution) => {
            return Ok(Err(vec![decide::unusable(
                status,
                execution,
                &change_set.reason,
            )]));
        }
    }
    let refused = guard::refused(&change_set.changes, &target.allow_replacement);
    if !refused.is_empty() {
        return Ok(Err(refused));
    }
    if let Some(stack) = stack {
        let before = Before::of(
            stack,
            planned.before.clone(),
            &change_set.changes,
            &target.allow_replacement,
        );
        keep(work, state, n, &before).await?;
    }
    Ok(Ok(Made { n, watch }))
}

pub(super) async fn delete(client: &Client, wanted: &Wanted<'_>) {
    if let Err(error) = change_set::delete(client, wanted.stack, wanted.name).await {
        tracing::warn!(%error, "could not delete a change set that changes nothing");
    }
}

/// Creates a change set and waits until it can be looked at; the inner error says that it takes too
/// long.
pub(super) async fn made(
    client: &Client,
    wanted: &Wanted<'_>,
) -> Result<Result<ChangeSet, String>, CallError> {
    change_set::create(client, wanted).await?;
    for _ in 0..LOOKS {
        match change_set::describe(client, wanted.stack, wanted.name).await? {
            Some(found) if found.status != Status::Creating => return Ok(Ok(found)),
            // Not there yet, or still at work.
            _ => tokio::time::sleep(LOOK_EVERY).await,
        }
    }
    Ok(Err(format!(
        "CloudFormation is still creating the change set {} of stack {}",
        wanted.name, wanted.stack
    )))
}

/// Writes down what a stack was, once in an attempt: a later delivery would see what became of it.
async fn keep(work: &Work<'_>, state: &State, n: usize, before: &Before) -> Result<(), Failure> {
    let (client, bucket, key) = place(work, state, n);
    let bytes = before.to_json().into_bytes();
    let kept = object::put_once(&client, bucket, &key, &bytes, Some(&work.job.account)).await;
    match kept {
        Ok(()) => Ok(()),
        Err(error) => Err(of_the_bucket(work, error, bucket, &key).await),
    }
}

/// What a stack was, as it was written down.
pub(super) async fn kept(work: &Work<'_>, state: &State, n: usize) -> Result<Before, Failure> {
    let (client, bucket, key) = place(work, state, n);
    let bytes = match object::get(&client, bucket, &key).await {
        Ok(Some(bytes)) => bytes,
        Ok(None) => {
            return Err(Failure::new(
                FailureKind::JobFailed,
                format!("what it was is not in s3://{bucket}/{key} any more"),
            ));
        }
        Err(error) => return Err(of_the_bucket(work, error, bucket, &key).await),
    };
    Before::from_json(&bytes).map_err(|wrong| {
        Failure::new(
            FailureKind::JobFailed,
            format!("s3://{bucket}/{key}: {wrong}"),
        )
    })
}

fn place<'a>(work: &'a Work<'_>, state: &State, n: usize) -> (aws::s3::Client, &'a str, String) {
    let bucket = work.setup.state_bucket.as_deref().unwrap_or_default();
    let key = format!("before/{}/{n}.json", state.attempt);
    (work.clients.own_s3(), bucket, key)
}

async fn of_the_bucket(work: &Work<'_>, error: CallError, bucket: &str, key: &str) -> Failure {
    let me = work.clients.me(work.job).await;
    let resource = format!("arn:aws:s3:::{bucket}/{key}");
    let what = "what the stack was before could not be kept or read";
    error.into_failure(what, &me, &resource, &work.job.account)
}
