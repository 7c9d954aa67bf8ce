//! After the delivery: what production makes of the release, looked up until there is an end.

use std::time::Duration;

use aws::job::{Round, now};
use aws::s3::{bucket, object};
use shared::error::{Failure, FailureKind};
use shared::release::outcome::{self, Kind, Outcome};
use tokio::time::Instant;

use crate::deliver::There;

/// One invocation looks for this long, and hands over to the next: a release takes minutes, and a
/// function that waits is paid for.
const LOOKS: Duration = Duration::from_secs(240);
/// CodePipeline ends an action after 24 hours (CONTRACTS 3.2.4), and would not say why.
const LONGEST_SECONDS: u64 = 23 * 3600;

/// What following came to.
pub enum Followed {
    /// Production serves the release, in its words.
    Served(String),
    /// It goes on, in words for people.
    Going(String),
    /// It does not serve, or nobody said so in time.
    Failed(Failure),
}

/// Looks until production has come to an end, or the round has.
pub async fn follow(
    there: &There<'_>,
    released: &str,
    started: u64,
    round: &Round,
    look_every: Duration,
) -> Result<Followed, Failure> {
    let looks_until = Instant::now() + LOOKS;
    loop {
        let text = match look(there, released).await? {
            Followed::Going(text) => text,
            ended => return Ok(ended),
        };
        if now() >= started + LONGEST_SECONDS {
            return Ok(Followed::Failed(Failure::new(
                FailureKind::JobFailed,
                format!(
                    "production did not come to an end within {} hours: {text}. The release is there, \
                     and may be deployed yet; a retry of this action tells what came of it",
                    LONGEST_SECONDS / 3600
                ),
            )));
        }
        if round.is_over() || Instant::now() >= looks_until {
            return Ok(Followed::Going(text));
        }
        tokio::time::sleep(look_every).await;
    }
}

async fn look(there: &There<'_>, released: &str) -> Result<Followed, Failure> {
    let release = &there.request.release;
    let folder = outcome::folder(release);
    let what = format!("what production says of release {release}");
    let failed = |key: &str, error| there.failed(&what, key, error);
    let listed = bucket::list(there.bucket(), &folder).await;
    let listed = listed.map_err(|error| failed(&folder, error))?;
    let keys = listed.iter().map(|one| one.key.as_str());
    let Some((attempt, kind, key)) = outcome::newest(release, keys) else {
        return Ok(Followed::Going(format!(
            "release {release} is delivered; production has not taken it up yet"
        )));
    };
    if kind == Kind::Started {
        return Ok(Followed::Going(format!(
            "production deploys release {release} (attempt {attempt})"
        )));
    }
    let bytes = object::get_of(there.bucket(), key).await;
    let bytes = bytes.map_err(|error| failed(key, error))?;
    let bucket = &there.request.parameters.bucket;
    let unusable =
        |why: String| Failure::new(FailureKind::JobFailed, format!("s3://{bucket}/{key} {why}"));
    let bytes = bytes.ok_or_else(|| unusable("is listed and cannot be read".to_owned()))?;
    let outcome = Outcome::parse(&bytes, release).map_err(unusable)?;
    if (outcome.attempt, outcome.result) != (attempt, kind) {
        return Err(unusable("does not say what its key says".to_owned()));
    }
    if outcome.release_sha256 != released {
        return Err(unusable(format!(
            "is about an envelope with sha256 {}, and the one that was delivered has {released}",
            outcome.release_sha256
        )));
    }
    Ok(match outcome.failure() {
        Some(failure) => Followed::Failed(failure),
        None => Followed::Served(outcome.summary),
    })
}
