//! What a stack was, kept in the function's own bucket: a template is longer than a token.

use aws::error::CallError;
use aws::s3::object;
use shared::error::{Failure, FailureKind};
use shared::rollout::State;
use shared::stack::before::Before;

use crate::{Purpose, Work};

/// Writes down what a stack was, once in an attempt: a later delivery would see what became of it.
/// False when it may be that an earlier delivery was here.
pub(crate) async fn keep(
    work: &Work<'_>,
    state: &State,
    n: usize,
    before: &Before,
) -> Result<bool, Failure> {
    let (client, bucket, key) = place(work, state, n);
    let bytes = before.to_json().into_bytes();
    let kept = object::put_once(&client, bucket, &key, &bytes, Some(&work.job.account)).await;
    match kept {
        Ok(first) => Ok(first),
        Err(error) => Err(of_the_bucket(work, error, bucket, &key).await),
    }
}

/// What a stack was, as it was written down.
pub(crate) async fn kept(work: &Work<'_>, state: &State, n: usize) -> Result<Before, Failure> {
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
    let bucket = match &work.purpose {
        Purpose::RollOut { state_bucket } => state_bucket.as_deref().unwrap_or_default(),
        Purpose::Preview => "",
    };
    let key = format!("before/{}/{n}.json", state.attempt);
    (work.clients.own_s3(), bucket, key)
}

async fn of_the_bucket(work: &Work<'_>, error: CallError, bucket: &str, key: &str) -> Failure {
    let me = work.clients.me(work.job).await;
    let resource = format!("arn:aws:s3:::{bucket}/{key}");
    let what = "what the stack was before could not be kept or read";
    error.into_failure(what, &me, &resource, &work.job.account)
}
