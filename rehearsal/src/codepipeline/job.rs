//! What a job is made of and what becomes of it.

use std::collections::BTreeMap;
use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use serde_json::Value;

use crate::emulator::HOME_REGION;

/// Changes a job's event before it is delivered, to try odd shapes.
pub type Edit = Arc<dyn Fn(&mut Value) + Send + Sync>;

/// A Lambda action of a pipeline, about to run. Start from [`JobSpec::new`] or
/// [`crate::world::ArtifactStore::job`] and change what differs.
#[derive(Clone)]
pub struct JobSpec {
    /// The pipeline's name.
    pub pipeline: String,
    /// The pipeline execution's id; a retry of a failed stage has the same.
    pub execution: String,
    /// The stage's name.
    pub stage: String,
    /// The action's name.
    pub action: String,
    /// The function's name.
    pub function: String,
    /// As the pipeline's definition has them; `#{codepipeline.PipelineExecutionId}` is replaced.
    pub user_parameters: Option<String>,
    /// At most five.
    pub input_artifacts: Vec<Artifact>,
    /// At most five.
    pub output_artifacts: Vec<Artifact>,
    /// The artifact store's customer key, by ARN; without one the event names none.
    pub encryption_key: Option<String>,
    /// The role whose session the job's credentials are.
    pub artifact_role: Option<String>,
    /// Roles that are assumed one by the other, the last of which invokes the function and lends the
    /// job its credentials; without any the account's root invokes it.
    pub roles: Vec<String>,
    /// What a whole pipeline says of the action; a job that is started alone has none.
    pub declared: Option<Declared>,
    /// Between a continuation and the next job. AWS does not say how long it takes.
    pub pause: Duration,
    /// How often the first event is delivered; Lambda delivers at least once.
    pub deliveries: u8,
    /// Changes each event before it is delivered.
    pub edit: Option<Edit>,
}

impl JobSpec {
    /// A job without artifacts, in a pipeline execution of its own.
    pub fn new(function: &str) -> Self {
        Self {
            pipeline: "orders".to_owned(),
            execution: uuid::Uuid::new_v4().to_string(),
            stage: "Test".to_owned(),
            action: "Rollout".to_owned(),
            function: function.to_owned(),
            user_parameters: None,
            input_artifacts: Vec::new(),
            output_artifacts: Vec::new(),
            encryption_key: None,
            artifact_role: None,
            roles: Vec::new(),
            declared: None,
            pause: Duration::from_millis(50),
            deliveries: 1,
            edit: None,
        }
    }

    /// Where the function is.
    pub(super) fn region(&self) -> &str {
        let declared = self.declared.as_ref();
        let region = declared.and_then(|declared| declared.region.as_deref());
        region.unwrap_or(HOME_REGION)
    }

    /// The user parameters as the job gets them.
    pub(super) fn resolved_parameters(&self) -> Option<String> {
        let variable = "#{codepipeline.PipelineExecutionId}";
        self.user_parameters
            .as_ref()
            .map(|text| text.replace(variable, &self.execution))
    }
}

/// What a pipeline's definition says of an action, for CodePipeline's record of it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Declared {
    /// The action execution's id; a new one without.
    pub id: Option<String>,
    /// What its variables are called by.
    pub namespace: Option<String>,
    /// The role that it names.
    pub role: Option<String>,
    /// The region that it names.
    pub region: Option<String>,
    /// Its configuration as written.
    pub configuration: BTreeMap<String, String>,
}

/// An artifact and where it lies.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Artifact {
    /// Its name in the pipeline.
    pub name: String,
    /// What it was made from; null in the event when there is none.
    pub revision: Option<String>,
    /// The artifact store's bucket.
    pub bucket: String,
    /// The object's key.
    pub key: String,
}

/// The id of a job.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct JobId(pub(super) String);

impl JobId {
    /// As it is in the event.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for JobId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// A `PutJobSuccessResult` or `PutJobFailureResult` that somebody sent.
#[derive(Clone, Debug, PartialEq)]
pub struct Answer {
    /// The job that it names, which need not exist.
    pub job: String,
    /// `PutJobSuccessResult` or `PutJobFailureResult`.
    pub operation: String,
    /// The request.
    pub request: Value,
    /// The ARN of who sent it.
    pub principal: String,
    /// The error's code when CodePipeline refused it.
    pub refused: Option<String>,
}

impl Answer {
    /// Whether it ends the action: everything but a success with a token does.
    pub fn ends(&self) -> bool {
        self.request.get("continuationToken").is_none()
    }
}

/// What became of an action, with all that was said on the way.
#[derive(Clone, Debug, PartialEq)]
pub struct Finished {
    /// How it ended.
    pub outcome: Outcome,
    /// Every answer to its jobs in the order of arrival, refused ones too.
    pub answers: Vec<Answer>,
    /// How many jobs there were: one and each continuation.
    pub rounds: usize,
    /// The jobs' ids in their order.
    pub ids: Vec<JobId>,
}

impl Finished {
    /// The answers that CodePipeline took: one for each round of an action that ended.
    pub fn accepted(&self) -> impl Iterator<Item = &Answer> {
        self.answers
            .iter()
            .filter(|answer| answer.refused.is_none())
    }
}

/// How an action ended.
#[derive(Clone, Debug, PartialEq)]
pub enum Outcome {
    /// `PutJobSuccessResult` without a token.
    Succeeded {
        /// `outputVariables`.
        variables: BTreeMap<String, String>,
        /// `executionDetails.summary`.
        summary: Option<String>,
        /// `executionDetails.externalExecutionId`.
        external_id: Option<String>,
    },
    /// `PutJobFailureResult`.
    Failed {
        /// Such as `ConfigurationError`.
        kind: String,
        /// For the person at the pipeline.
        message: String,
        /// `failureDetails.externalExecutionId`.
        external_id: Option<String>,
    },
    /// Stopped and abandoned by a person; nobody listens any more.
    Abandoned,
}

impl Outcome {
    /// The output variables; empty unless it succeeded.
    pub fn variables(&self) -> BTreeMap<String, String> {
        match self {
            Self::Succeeded { variables, .. } => variables.clone(),
            Self::Failed { .. } | Self::Abandoned => BTreeMap::new(),
        }
    }
}
