//! The job's input artifacts: each is opened at most once.

use std::collections::BTreeMap;

use aws::clients::Clients;
use aws::error::Caller;
use aws::s3::{Client, OpenArtifact};
use shared::error::Failure;
use shared::job::{Artifact, Job};
use shared::rollout_file::{Place, RolloutSource};

use crate::request::{self, DEFAULT_IMAGES};

/// Artifacts that were opened so far.
pub struct Artifacts<'a> {
    job: &'a Job,
    client: Client,
    caller: Caller,
    open: BTreeMap<String, OpenArtifact>,
}

impl<'a> Artifacts<'a> {
    /// None opened yet; they are read with the job's own credentials.
    pub fn new(clients: &Clients, job: &'a Job) -> Self {
        let (client, caller) = clients.artifacts(job);
        Self {
            job,
            client,
            caller,
            open: BTreeMap::new(),
        }
    }

    /// The rollout file: what messages call it, and its content.
    pub async fn rollout_file(
        &mut self,
        source: &RolloutSource,
    ) -> Result<(String, Vec<u8>), Failure> {
        match source {
            RolloutSource::Inline(value) => {
                Ok(("rollout".to_owned(), value.to_string().into_bytes()))
            }
            RolloutSource::File(place) => Ok((place.to_string(), self.required(place).await?)),
        }
    }

    /// A file that has to be there.
    pub async fn required(&mut self, place: &Place) -> Result<Vec<u8>, Failure> {
        let artifact = request::artifact(self.job, place)?;
        self.open(artifact).await?.required(&place.path).await
    }

    /// `imagedefinitions.json` of the first artifact that has it, and where that is.
    pub(crate) async fn default_images(&mut self) -> Result<(String, Vec<u8>), Failure> {
        let job = self.job;
        for artifact in &job.inputs {
            if let Some(bytes) = self.open(artifact).await?.file(DEFAULT_IMAGES).await? {
                return Ok((format!("{}::{DEFAULT_IMAGES}", artifact.name), bytes));
            }
        }
        Err(request::no_image_file(job))
    }

    async fn open(&mut self, artifact: &Artifact) -> Result<&mut OpenArtifact, Failure> {
        use std::collections::btree_map::Entry;
        match self.open.entry(artifact.name.clone()) {
            Entry::Occupied(open) => Ok(open.into_mut()),
            Entry::Vacant(place) => {
                let key = self.job.encryption_key.as_ref().map(|key| key.id.as_str());
                let open = OpenArtifact::open(&self.client, &self.caller, artifact, key).await?;
                Ok(place.insert(open))
            }
        }
    }
}
