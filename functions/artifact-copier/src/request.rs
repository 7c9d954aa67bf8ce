//! The job and its UserParameters → what is to be delivered, and where. Pure.

use shared::error::Failure;
use shared::job::Job;
use shared::release::delivery::{self, Delivery};
use shared::release::statement::Destination;
use shared::release::{self, ENVELOPE};
use shared::rollout::binding;
use shared::rollout_file::CopierParameters;

/// What is asked for.
pub struct Request {
    /// The action's parameters.
    pub parameters: CopierParameters,
    /// ARN of the key that signs.
    pub signing_key: String,
    /// What the release is called: `<pipeline>/<execution>`.
    pub release: String,
    /// Its folder, with `/` at the end.
    pub folder: String,
    /// Its objects besides the envelope.
    pub deliveries: Vec<Delivery>,
}

impl Request {
    /// `signing_key` is that of the function's stack.
    pub fn new(job: &Job, signing_key: Option<&str>) -> Result<Self, Failure> {
        let parameters = CopierParameters::parse(job.user_parameters.as_deref())?;
        let signing_key = parameters.signing_key.as_deref().or(signing_key);
        let Some(signing_key) = signing_key.map(str::to_owned) else {
            return Err(Failure::configuration(
                "no key signs this release: the function's variable SIGNING_KEY is not set; deploy \
                 redbutton's template anew, or write \"signingKey\" into the UserParameters",
            ));
        };
        let release = release::name(&parameters.pipeline, &parameters.execution);
        let folder = release::folder(&release);
        let deliveries = delivery::plan(&job.inputs, &parameters.artifacts, &folder)
            .map_err(|wrongs| Failure::findings("the action's UserParameters", &wrongs))?;
        Ok(Self {
            parameters,
            signing_key,
            release,
            folder,
            deliveries,
        })
    }

    /// The key of the envelope.
    pub fn envelope(&self) -> String {
        format!("{}{ENVELOPE}", self.folder)
    }

    /// Where it goes, as the statement says it.
    pub fn destination(&self) -> Destination {
        Destination {
            account: self.parameters.role.account().as_str().to_owned(),
            region: self.parameters.region.as_str().to_owned(),
            bucket: self.parameters.bucket.clone(),
        }
    }

    /// Binds a token to this release, its objects and its destination.
    pub fn binding(&self) -> String {
        let mut parts = vec![self.parameters.bucket.clone()];
        parts.extend(self.deliveries.iter().map(|delivery| delivery.key.clone()));
        binding(&self.release, &parts)
    }
}
