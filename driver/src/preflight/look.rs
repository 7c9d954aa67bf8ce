//! Whether what is needed is there.

use aws::clients::Target as Reached;
use aws::error::{CallError, Kind};
use aws::{ecr, iam, logs, secrets, ssm};
use futures_util::future::join_all;
use shared::preflight::access::Found;
use shared::preflight::needs::Need;
use shared::rollout_file::images::Image;
use tokio::sync::Semaphore;

use super::Unanswered;
use super::wanted::Thing;
use crate::{Work, decide};

/// What was seen.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Answer {
    /// The ARN of the role of this name.
    Role(Option<String>),
    Secret(Found),
    There(bool),
    /// There is no call that would show it.
    NotAsked,
}

/// One answer per thing, in their order.
pub(super) async fn all(
    work: &Work<'_>,
    things: &[Thing],
    permits: &Semaphore,
) -> Vec<Result<Answer, Unanswered>> {
    let each = questions(things).into_iter().map(|question| async move {
        // It is closed by nobody.
        let _permit = permits.acquire().await.ok();
        let of: Vec<&Thing> = question.iter().filter_map(|at| things.get(*at)).collect();
        let answers = ask(work, &of).await;
        question.into_iter().zip(answers).collect::<Vec<_>>()
    });
    let mut answers: Vec<_> = join_all(each).await.into_iter().flatten().collect();
    answers.sort_by_key(|(at, _)| *at);
    answers.into_iter().map(|(_, answer)| answer).collect()
}

/// Places of things that one call asks for: all parameters of an account and region at once,
/// everything else by itself.
pub(super) fn questions(things: &[Thing]) -> Vec<Vec<usize>> {
    let mut questions: Vec<Vec<usize>> = Vec::new();
    let parameter = |thing: &Thing| matches!(thing.need, Need::Parameter { .. });
    for (at, thing) in things.iter().enumerate() {
        let same = |question: &&mut Vec<usize>| {
            let first = question.first().and_then(|first| things.get(*first));
            first.is_some_and(|first| parameter(first) && first.beside(thing))
        };
        match questions.iter_mut().find(same).filter(|_| parameter(thing)) {
            Some(question) => question.push(at),
            None => questions.push(vec![at]),
        }
    }
    questions
}

async fn ask(work: &Work<'_>, of: &[&Thing]) -> Vec<Result<Answer, Unanswered>> {
    let first = of.first();
    let Some((thing, end)) = first.and_then(|first| Some((first, work.ends.get(first.n)?))) else {
        return vec![Ok(Answer::NotAsked); of.len()];
    };
    let reached = match end.reached() {
        Ok(reached) => reached,
        Err(failure) => {
            let operation = "sts:AssumeRole";
            return vec![Err(Unanswered { operation, failure }); of.len()];
        }
    };
    let failed = |error: CallError, resource: &str| {
        let operation = error.operation;
        let failure = error.into_failure(NOT_LOOKED_AT, &reached.caller, resource, &end.account);
        Unanswered { operation, failure }
    };
    let answer = match &thing.need {
        Need::Role { id } => {
            let name = id.rsplit('/').next().unwrap_or_default();
            let found = iam::role(&reached.iam(), name).await;
            found.map(Answer::Role).map_err(|error| failed(error, id))
        }
        Need::Secret { id } => {
            let found = secrets::secret(&reached.secrets(), id).await;
            found.map(Answer::Secret).map_err(|error| failed(error, id))
        }
        Need::LogGroup { name, region, .. } => {
            let there = logs::has_group(&reached.logs(region), name).await;
            there
                .map(Answer::There)
                .map_err(|error| failed(error, name))
        }
        Need::Parameter { .. } => {
            let found = ssm::described(&reached.ssm(), &names(of)).await;
            let found = found.map_err(|error| failed(error, "*"));
            let there = |thing: &Thing, found: &[String]| {
                Answer::There(names(&[thing]).iter().any(|name| found.contains(name)))
            };
            let each = of.iter();
            return each
                .map(|thing| found.clone().map(|found| there(thing, &found)))
                .collect();
        }
        Need::Image(image) => image_there(work, reached, image).await,
        Need::EnvironmentFile { .. } => Ok(Answer::NotAsked),
    };
    vec![answer]
}

/// How a failure begins that follows the things that it is about.
const NOT_LOOKED_AT: &str = "could not be looked at";

/// What parameters may be called, each name once.
fn names(of: &[&Thing]) -> Vec<String> {
    let mut all: Vec<String> = Vec::new();
    for thing in of {
        if let Need::Parameter { names, .. } = &thing.need {
            all.extend(names.iter().cloned());
        }
    }
    all.sort();
    all.dedup();
    all
}

/// By digest; by tag where nobody pinned it.
async fn image_there(
    work: &Work<'_>,
    reached: &Reached,
    image: &Image,
) -> Result<Answer, Unanswered> {
    let Some(repository) = image.ecr() else {
        return Ok(Answer::NotAsked);
    };
    let (client, caller) = work.clients.ecr(work.job, reached, &repository).await;
    let there = match &image.digest {
        Some(digest) => ecr::has_image(&client, &repository, digest).await,
        None => {
            let resolved = ecr::resolve_tag(&client, &repository, decide::tag(image)).await;
            resolved.map(|_| true)
        }
    };
    match there {
        Ok(there) => Ok(Answer::There(there)),
        Err(error) if error.kind == Kind::Missing => Ok(Answer::There(false)),
        Err(error) => {
            let account = repository.account.as_str();
            let resource = format!(
                "arn:{}:ecr:{}:{account}:repository/{}",
                repository.region.partition(),
                repository.region.as_str(),
                repository.name
            );
            let operation = error.operation;
            let failure = error.into_failure(NOT_LOOKED_AT, &caller, &resource, account);
            Err(Unanswered { operation, failure })
        }
    }
}
