//! What a step works with: buckets, clients, settings, and the record that it reads and writes.

use aws::clients::Clients;
use aws::error::CallError;
use aws::s3::bucket::Bucket;
use aws::s3::{Client, kept};
use shared::production::gate::Policy;
use shared::production::record::{self, Record};

/// How the function is set up.
pub struct Setup {
    /// The bucket of releases.
    pub releases: String,
    /// The bucket of state.
    pub state: String,
    /// The account of both.
    pub account: String,
    /// The pause between two looks in seconds, in the place of the one that grows; for trying out.
    pub look_every: Option<u64>,
    /// How long an ended execution's last invocation may go on, in seconds.
    pub outlives: u64,
    /// What the stack demands of a release, or what is wrong with its settings.
    pub policy: Result<Policy, String>,
}

impl Setup {
    /// Reads what the environment holds.
    pub fn read(set: impl Fn(&str) -> Option<String>) -> Self {
        let text = |name: &str| set(name).unwrap_or_default();
        let number = |name: &str| set(name).and_then(|text| text.parse().ok());
        Self {
            releases: text("RELEASES_BUCKET"),
            state: text("STATE_BUCKET"),
            account: text("ACCOUNT"),
            look_every: number("LOOK_EVERY_SECONDS").filter(|seconds| *seconds > 0),
            // The function's timeout, and a minute (CONTRACTS 3.9.4).
            outlives: number("OUTLIVES_SECONDS").unwrap_or(960),
            policy: Policy::read(&set),
        }
    }
}

/// The deployer.
pub struct Deployer {
    /// How AWS is called.
    pub clients: Clients,
    /// How it is set up.
    pub setup: Setup,
    s3: Client,
}

/// A record as it was read.
pub struct Held {
    /// What it says.
    pub record: Record,
    /// Its entity tag.
    etag: String,
}

/// Somebody else wrote the record: another invocation is at work, and this one has nothing to say.
pub struct Overtaken;

impl Deployer {
    /// With these clients.
    pub fn new(clients: Clients, setup: Setup) -> Self {
        Self {
            s3: clients.own_s3(),
            clients,
            setup,
        }
    }

    /// The bucket of releases.
    pub fn releases(&self) -> Bucket<'_> {
        Bucket::of(&self.s3, &self.setup.releases, &self.setup.account)
    }

    /// The bucket of state.
    pub fn state(&self) -> Bucket<'_> {
        Bucket::of(&self.s3, &self.setup.state, &self.setup.account)
    }

    /// The record of this id; none when there is none yet.
    pub async fn read(&self, id: &str) -> Result<Option<Held>, CallError> {
        let key = record::key(id);
        let Some(kept) = kept::get(self.state(), &key, None).await? else {
            return Ok(None);
        };
        let record = serde_json::from_slice(&kept.bytes).map_err(|error| {
            let place = format!("s3://{}/{key} is no record ({error})", self.setup.state);
            CallError::unusable("s3:GetObject", place)
        })?;
        let etag = kept.etag;
        Ok(Some(Held { record, etag }))
    }

    /// A new record; and what says that it is not over, which comes first, so that nothing is forgotten.
    pub async fn create(&self, record: Record) -> Result<Result<Held, Overtaken>, CallError> {
        kept::put(self.state(), &record::open(&record.id), b"", None).await?;
        let bytes = serde_json::to_vec_pretty(&record).unwrap_or_default();
        let written = kept::put(self.state(), &record::key(&record.id), &bytes, None).await?;
        Ok(match written {
            Some(etag) => Ok(Held { record, etag }),
            None => Err(Overtaken),
        })
    }

    /// Writes a record, as it was last read.
    pub async fn write(&self, held: &mut Held) -> Result<Result<(), Overtaken>, CallError> {
        let bytes = serde_json::to_vec_pretty(&held.record).unwrap_or_default();
        let key = record::key(&held.record.id);
        let written = kept::put(self.state(), &key, &bytes, Some(&held.etag)).await?;
        Ok(match written {
            Some(etag) => {
                held.etag = etag;
                Ok(())
            }
            None => Err(Overtaken),
        })
    }
}
