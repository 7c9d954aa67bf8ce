//! Production, as a person reaches it.

use anyhow::{Context, Result, anyhow};
use aws::clients::Person;
use aws::error::{CallError, Kind};
use aws::s3::bucket::{Bucket, list};
use aws::s3::{Client, kept};
use shared::ledger;

use crate::wrong_use::WrongUse;

/// Where production is.
#[derive(Debug, clap::Args)]
pub(crate) struct Where {
    /// The bucket of releases: the output ReleasesBucketName of redbutton's stack there
    #[arg(long)]
    pub(super) bucket: String,
    /// The production region; without it that of the environment or of the profile
    #[arg(long)]
    pub(super) region: Option<String>,
}

/// The bucket of releases, with whoever reads it.
pub(super) struct There {
    client: Client,
    bucket: String,
    account: String,
    pub(super) person: Person,
}

/// Runs something that waits for AWS.
pub(super) fn wait<T>(work: impl Future<Output = Result<T>>) -> Result<T> {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .context("start the runtime")?;
    runtime.block_on(work)
}

/// A person, in a known region.
pub(super) async fn person(region: Option<&str>) -> Result<(Person, String, String)> {
    let person = Person::new(region).await;
    let found = person.whereabouts().await;
    let (account, region) = found.map_err(|error| {
        anyhow!(
            "who you are could not be asked: {error}. It takes credentials of the production account, \
             from the environment or from the profile in AWS_PROFILE"
        )
    })?;
    if region.is_empty() {
        let text = "no region: add --region, such as ap-southeast-2".to_owned();
        return Err(WrongUse(vec![text]).into());
    }
    Ok((person, account, region))
}

/// What to do about a call that failed.
pub(super) fn explained(what: &str, error: &CallError) -> anyhow::Error {
    let fix = match error.kind {
        Kind::Denied => "These credentials may not do it",
        Kind::Missing => "Is it the right account, region and name?",
        Kind::Throttled => "Try again",
        Kind::Unanswered => "Is there a network?",
        Kind::Refused => "Are region and names right?",
    };
    anyhow!("{what}: {error}. {fix}")
}

impl There {
    pub(super) async fn new(at: &Where) -> Result<Self> {
        let (person, account, _) = person(at.region.as_deref()).await?;
        Ok(Self {
            client: person.s3(),
            bucket: at.bucket.clone(),
            account,
            person,
        })
    }

    pub(super) fn releases(&self) -> Bucket<'_> {
        Bucket::of(&self.client, &self.bucket, &self.account)
    }

    pub(super) fn failed(&self, key: &str, error: &CallError) -> anyhow::Error {
        explained(&format!("s3://{}/{key}", self.bucket), error)
    }

    /// The targets that the ledger knows.
    pub(super) async fn targets(&self) -> Result<Vec<String>> {
        let all = list(self.releases(), ledger::FOLDER).await;
        let all = all.map_err(|error| self.failed(ledger::FOLDER, &error))?;
        Ok(ledger::targets(all.iter().map(|one| one.key.as_str())))
    }

    /// The entries of a target, as they lie there: numbers and bytes.
    pub(super) async fn entries(&self, target: &str) -> Result<Vec<(u64, Vec<u8>)>> {
        let folder = ledger::folder(target);
        let listed = list(self.releases(), &folder).await;
        let listed = listed.map_err(|error| self.failed(&folder, &error))?;
        let mut entries = Vec::new();
        for one in listed {
            let Some((found, number)) = ledger::read_key(&one.key) else {
                continue;
            };
            if found != target {
                continue;
            }
            let kept = kept::get(self.releases(), &one.key, None).await;
            let kept = kept.map_err(|error| self.failed(&one.key, &error))?;
            entries.extend(kept.map(|kept| (number, kept.bytes)));
        }
        Ok(entries)
    }
}
