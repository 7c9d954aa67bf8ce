//! Input artifacts: those of the job, and those of other actions of its execution. Each is opened at
//! most once.

use std::collections::BTreeMap;

use aws::clients::Clients;
use aws::error::Caller;
use aws::s3::bucket::Bucket;
use aws::s3::{Client, OpenArtifact, kept};
use shared::error::{Failure, FailureKind};
use shared::job::{Artifact, Job};
use shared::names::Digest;
use shared::release::statement::Statement;
use shared::rollout_file::images::{Image, ImageFile};
use shared::rollout_file::{Place, RolloutFile, RolloutSource};
use shared::task_definition::TaskDefinition;

use crate::request::{self, DEFAULT_IMAGES};

/// What a release delivered: objects by version, and images by the digests that served in test.
pub struct Released<'a> {
    statement: &'a Statement,
}

impl<'a> Released<'a> {
    /// What a statement names.
    pub fn new(statement: &'a Statement) -> Self {
        Self { statement }
    }

    /// The version of an artifact's object.
    fn version(&self, key: &str) -> Option<&'a str> {
        let mut artifacts = self.statement.predicate.artifacts.iter();
        let artifact = artifacts.find(|artifact| artifact.key == key)?;
        Some(artifact.version.as_str())
    }

    /// A file that was delivered by itself: its key and version.
    fn file(&self, place: &Place) -> Option<(&'a str, &'a str)> {
        let mut artifacts = self.statement.predicate.artifacts.iter();
        let found = artifacts.find(|one| {
            one.artifact == place.artifact && one.path.as_deref() == Some(place.path.as_str())
        })?;
        Some((&found.key, &found.version))
    }

    /// The first artifact of which a file of this path was delivered by itself.
    fn first(&self, path: &str) -> Option<Place> {
        let mut artifacts = self.statement.predicate.artifacts.iter();
        let found = artifacts.find(|one| one.path.as_deref() == Some(path))?;
        Some(Place {
            artifact: found.artifact.clone(),
            path: path.to_owned(),
        })
    }

    /// An image by the digest that served in test; as it is, if the release does not name it.
    fn pinned(&self, image: &Image) -> Image {
        let written = image.to_string();
        let mut images = self.statement.predicate.images.iter();
        let named = images.find(|one| one.image == written);
        let digest = named.and_then(|one| Digest::parse(&one.digest));
        digest.map_or_else(|| image.clone(), |digest| image.pinned(digest))
    }
}

/// Artifacts that were opened so far.
pub struct Artifacts<'a> {
    job: &'a Job,
    /// Of a release, what it delivered.
    released: Option<&'a Released<'a>>,
    /// Those that places mean.
    inputs: &'a [Artifact],
    client: Client,
    caller: Caller,
    /// Until when they may have been written, by bucket and key, in seconds since the epoch.
    written_until: BTreeMap<(String, String), u64>,
    /// By bucket and key.
    open: BTreeMap<(String, String), OpenArtifact>,
}

impl<'a> Artifacts<'a> {
    /// None opened yet; they are read with the job's own credentials.
    pub fn new(clients: &Clients, job: &'a Job) -> Self {
        let (client, caller) = clients.artifacts(job);
        Self {
            job,
            released: None,
            inputs: &job.inputs,
            written_until: BTreeMap::new(),
            client,
            caller,
            open: BTreeMap::new(),
        }
    }

    /// Those of a release, read by version and as the function itself.
    pub async fn released(clients: &Clients, job: &'a Job, released: &'a Released<'a>) -> Self {
        Self {
            job,
            released: Some(released),
            inputs: &job.inputs,
            written_until: BTreeMap::new(),
            client: clients.own_s3(),
            caller: clients.me(job).await,
            open: BTreeMap::new(),
        }
    }

    /// From now on places mean these artifacts: the inputs of another action of the same pipeline.
    pub fn turn_to(&mut self, inputs: &'a [Artifact]) {
        self.inputs = inputs;
    }

    /// From now on artifacts that were written later than this are refused: by bucket and key, in
    /// seconds since the epoch.
    pub fn written_until(&mut self, until: BTreeMap<(String, String), u64>) {
        self.written_until = until;
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
        if let Some((key, version)) = self.released.and_then(|released| released.file(place)) {
            return self.object(place, key, version).await;
        }
        let artifact = request::artifact(self.inputs, place)?;
        self.open(artifact).await?.required(&place.path).await
    }

    /// A file that a release delivered by itself.
    async fn object(&self, place: &Place, key: &str, version: &str) -> Result<Vec<u8>, Failure> {
        let name = self.released.map_or("", |released| {
            &released.statement.predicate.destination.bucket
        });
        let bucket = Bucket::of(&self.client, name, &self.job.account);
        match kept::get(bucket, key, Some(version)).await {
            Ok(Some(kept)) => Ok(kept.bytes),
            Ok(None) => Err(Failure::configuration(format!(
                "{place}: s3://{}/{key} is not there any more in version {version}",
                bucket.name
            ))),
            Err(error) => {
                let resource = format!("arn:aws:s3:::{}/{key}", bucket.name);
                let account = self.job.account.as_str();
                Err(error.into_failure(&place.to_string(), &self.caller, &resource, account))
            }
        }
    }

    /// `imagedefinitions.json` of the first artifact that has it, and where that is.
    async fn default_images(&mut self) -> Result<(Place, Vec<u8>), Failure> {
        let inputs = self.inputs;
        if let Some(place) = self
            .released
            .and_then(|released| released.first(DEFAULT_IMAGES))
        {
            let bytes = self.required(&place).await?;
            return Ok((place, bytes));
        }
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
            let mut file = request::image_file(&place.to_string(), &bytes)?;
            if let Some(released) = self.released {
                match &mut file {
                    ImageFile::Definitions(images) => {
                        for (_, image) in images {
                            *image = released.pinned(image);
                        }
                    }
                    ImageFile::Detail(image) => *image = released.pinned(image),
                }
            }
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
                    let mut definition = request::task_definition(place, &bytes)?;
                    if let Some(released) = self.released {
                        definition.replace_images(|written| {
                            let image = Image::parse(written)?;
                            let pinned = released.pinned(&image);
                            (pinned != image).then(|| pinned.to_string())
                        });
                    }
                    Some(definition)
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
                let version = self
                    .released
                    .and_then(|released| released.version(&artifact.key));
                let (client, caller) = (&self.client, &self.caller);
                let open = OpenArtifact::open(client, caller, artifact, key, version).await?;
                match self.written_until.get(place.key()) {
                    Some(until) if open.written() > *until => {
                        Err(changed(artifact, open.written()))
                    }
                    _ => Ok(place.insert(open)),
                }
            }
        }
    }
}

/// The failure of an artifact that is not any more what it was.
pub fn changed(artifact: &Artifact, written: u64) -> Failure {
    Failure::new(
        FailureKind::RevisionOutOfSync,
        format!(
            "input artifact {} (s3://{}/{}) was written at {}, after what was made of it was tested or \
             approved: what it holds now nobody has seen. Find out who writes into the artifact bucket, \
             and start a new execution",
            artifact.name,
            artifact.bucket,
            artifact.key,
            aws::time::shown(written)
        ),
    )
}
