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
pub const LONGEST_SECONDS: u64 = 23 * 3600;
/// Production's gate takes a release up within minutes, also one that no event announced: silence for
/// this long means that nobody is there.
const UNHEARD_SECONDS: u64 = 2 * 3600;

/// Since when a release is on its way, seconds since the epoch.
#[derive(Debug, Clone, Copy)]
pub struct Since {
    /// The job began.
    pub started: u64,
    /// The release was in its bucket.
    pub delivered: u64,
}

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
    since: Since,
    round: &Round,
    look_every: Duration,
) -> Result<Followed, Failure> {
    let looks_until = Instant::now() + LOOKS;
    loop {
        let (text, taken_up) = match look(there, released).await? {
            Seen::NotYet(text) => (text, false),
            Seen::Going(text) => (text, true),
            Seen::Ended(ended) => return Ok(ended),
        };
        if !taken_up && now() >= since.delivered + UNHEARD_SECONDS {
            return Ok(Followed::Failed(Failure::new(
                FailureKind::JobFailed,
                format!(
                    "nobody in the production account has taken release {} up within {} hours. It is \
                     there, and stays there: see that production's side of redbutton is deployed and \
                     its alarms are silent. A retry of this action goes on waiting; \
                     \"follow\": false in its UserParameters does not wait at all",
                    there.request.release,
                    UNHEARD_SECONDS / 3600
                ),
            )));
        }
        if now() >= since.started + LONGEST_SECONDS {
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

/// What one look shows.
enum Seen {
    /// Nobody has taken the release up.
    NotYet(String),
    /// Production is at work.
    Going(String),
    /// It has come to an end.
    Ended(Followed),
}

async fn look(there: &There<'_>, released: &str) -> Result<Seen, Failure> {
    let release = &there.request.release;
    let folder = outcome::folder(release);
    let what = format!("what production says of release {release}");
    let failed = |key: &str, error| there.failed(&what, key, error);
    let listed = bucket::list(there.bucket(), &folder).await;
    let listed = listed.map_err(|error| failed(&folder, error))?;
    let keys = listed.iter().map(|one| one.key.as_str());
    let Some((attempt, kind, key)) = outcome::newest(release, keys) else {
        return Ok(Seen::NotYet(format!(
            "release {release} is delivered; production has not taken it up yet"
        )));
    };
    if kind == Kind::Started {
        return Ok(Seen::Going(format!(
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
    Ok(Seen::Ended(match outcome.failure() {
        Some(failure) => Followed::Failed(failure),
        None => Followed::Served(outcome.summary),
    }))
}
