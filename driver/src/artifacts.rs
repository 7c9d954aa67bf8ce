//! Input artifacts: those of the job, and those of other actions of its execution. Each is opened at
//! most once.

use std::collections::BTreeMap;

use aws::clients::Clients;
use aws::error::Caller;
use aws::s3::{Client, OpenArtifact};
use shared::error::Failure;
use shared::job::{Artifact, Job};
use shared::rollout_file::images::ImageFile;
use shared::rollout_file::{Place, RolloutFile, RolloutSource};
use shared::task_definition::TaskDefinition;

use crate::request::{self, DEFAULT_IMAGES};

/// Artifacts that were opened so far.
pub struct Artifacts<'a> {
    job: &'a Job,
    /// Those that places mean.
    inputs: &'a [Artifact],
    client: Client,
    caller: Caller,
    /// By bucket and key.
    open: BTreeMap<(String, String), OpenArtifact>,
}

impl<'a> Artifacts<'a> {
    /// None opened yet; they are read with the job's own credentials.
    pub fn new(clients: &Clients, job: &'a Job) -> Self {
        let (client, caller) = clients.artifacts(job);
        Self {
            job,
            inputs: &job.inputs,
            client,
            caller,
            open: BTreeMap::new(),
        }
    }

    /// From now on places mean these artifacts: the inputs of another action of the same pipeline.
    pub fn turn_to(&mut self, inputs: &'a [Artifact]) {
        self.inputs = inputs;
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
        let artifact = request::artifact(self.inputs, place)?;
        self.open(artifact).await?.required(&place.path).await
    }

    /// `imagedefinitions.json` of the first artifact that has it, and where that is.
    async fn default_images(&mut self) -> Result<(Place, Vec<u8>), Failure> {
        let inputs = self.inputs;
        for artifact in inputs {
            if let Some(bytes) = self.open(artifact).await?.file(DEFAULT_IMAGES).await? {
                let place = Place {
                    artifact: artifact.name.clone(),
                    path: DEFAULT_IMAGES.to_owned(),
                };
                return Ok((place, bytes));
            }
        }
        Err(request::no_image_file(inputs))
    }

    /// The image files of a rollout, and where each is.
    pub async fn image_files(
        &mut self,
        file: &RolloutFile,
    ) -> Result<Vec<(Place, ImageFile)>, Failure> {
        if !file.wants_images() {
            return Ok(Vec::new());
        }
        let mut found = Vec::new();
        if file.images.is_empty() {
            found.push(self.default_images().await?);
        }
        for place in &file.images {
            found.push((place.clone(), self.required(place).await?));
        }
        let files = found.into_iter().map(|(place, bytes)| {
            let file = request::image_file(&place.to_string(), &bytes)?;
            Ok((place, file))
        });
        files.collect()
    }

    /// The task definition files of a rollout, one per target that names one.
    pub async fn definition_files(
        &mut self,
        file: &RolloutFile,
    ) -> Result<Vec<Option<TaskDefinition>>, Failure> {
        let mut files = Vec::new();
        for target in &file.targets {
            files.push(match &target.task_definition {
                Some(place) => {
                    let bytes = self.required(place).await?;
                    Some(request::task_definition(place, &bytes)?)
                }
                None => None,
            });
        }
        Ok(files)
    }

    async fn open(&mut self, artifact: &Artifact) -> Result<&mut OpenArtifact, Failure> {
        use std::collections::btree_map::Entry;
        let place = (artifact.bucket.clone(), artifact.key.clone());
        match self.open.entry(place) {
            Entry::Occupied(open) => Ok(open.into_mut()),
            Entry::Vacant(place) => {
                let key = self.job.encryption_key.as_ref().map(|key| key.id.as_str());
                let open = OpenArtifact::open(&self.client, &self.caller, artifact, key).await?;
                Ok(place.insert(open))
            }
        }
    }
}
