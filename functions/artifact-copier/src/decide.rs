//! The request and what CodePipeline says → the release, or everything that speaks against it. Pure.

use std::collections::BTreeMap;

use shared::error::Failure;
use shared::job::Job;
use shared::job::revision::Revision;
use shared::names::Account;
use shared::release::delivery::{self, Delivery};
use shared::release::images::{self, Named, TestRollout};
use shared::release::record::{self, Action, Tested};
use shared::release::statement::{self, Approval, Predicate, Preview, ReleasedImage, Statement};
use shared::release::token::Copied;
use shared::rollout_file::images::ImageFile;
use shared::rollout_file::{Place, RolloutFile};
use shared::task_definition::TaskDefinition;

use crate::request::Request;

/// What the record says, once it says enough.
pub struct Recorded<'a> {
    /// The rollouts to test.
    pub tested: Vec<Tested<'a>>,
    /// The approvals.
    pub approvals: Vec<Approval>,
    /// The preview.
    pub preview: Option<Preview>,
    /// Until when each artifact may have been written, see [`record::written_until`].
    pub written_until: BTreeMap<(String, String), u64>,
}

/// The failure of a job that its own record does not know.
pub fn belongs(job: &Job, request: &Request, actions: &[Action]) -> Result<(), Failure> {
    let of = &request.parameters;
    driver::decide::belongs(job, &of.pipeline, &of.execution, actions)
}

/// Reads the latest runs of all actions: what was tested, approved and previewed.
pub fn recorded<'a>(
    job: &Job,
    request: &Request,
    latest: &[&'a Action],
) -> Result<Recorded<'a>, Vec<String>> {
    let mut wrongs = Vec::new();
    let mut or_wrong = |found: Vec<String>| wrongs.extend(found);
    let account: &Account = request.parameters.role.account();
    let elsewhere = latest.iter().copied();
    let elsewhere: Vec<&Action> = elsewhere
        .filter(|action| !record::reaches(action, account))
        .collect();
    let tested = record::tested(&elsewhere).unwrap_or_else(|found| {
        or_wrong(found);
        Vec::new()
    });
    or_wrong(record::other_artifacts(&tested, &job.inputs));
    let approvals = record::approvals(latest, &request.parameters.approvals, &tested);
    let approvals = approvals.unwrap_or_else(|found| {
        or_wrong(found);
        Vec::new()
    });
    let rollout = request.parameters.rollout.to_string();
    let preview = record::preview(latest, account, &rollout, &job.inputs, &approvals);
    let preview = preview.unwrap_or_else(|found| {
        or_wrong(found);
        None
    });
    if !wrongs.is_empty() {
        return Err(wrongs);
    }
    let previewed = preview.as_ref().and_then(|preview| {
        let mut latest = latest.iter().copied();
        latest.find(|action| action.id == preview.id)
    });
    Ok(Recorded {
        written_until: record::written_until(&tested, previewed, &approvals, &job.inputs),
        tested,
        approvals,
        preview,
    })
}

/// What a rollout file names, with the files that it names.
pub struct Rollout {
    /// The file.
    pub file: RolloutFile,
    /// Where its image files are.
    pub places: Vec<Place>,
    /// Its images.
    pub images: Vec<Named>,
}

impl Rollout {
    /// Of a rollout file and what was found in its artifacts.
    pub fn new(
        file: RolloutFile,
        images: Vec<(Place, ImageFile)>,
        definitions: Vec<Option<TaskDefinition>>,
    ) -> Self {
        let (places, images): (Vec<Place>, Vec<ImageFile>) = images.into_iter().unzip();
        let definitions: Vec<TaskDefinition> = definitions.into_iter().flatten().collect();
        Self {
            file,
            places,
            images: images::named(&images, &definitions),
        }
    }
}

/// What speaks against production's rollout file, and against what is delivered with it.
pub fn production(production: &Rollout, plan: &[Delivery]) -> Vec<String> {
    let mut wrongs = delivery::names_roles(&production.file);
    wrongs.extend(delivery::missing(
        &production.file,
        &production.places,
        plan,
    ));
    wrongs
}

/// The images of the release by the digests that served in test. Each test is its action's place, its
/// proof, and what it was given.
pub fn images(
    production: &Rollout,
    tests: &[(String, &serde_json::Value, Rollout)],
) -> Result<Vec<ReleasedImage>, Vec<String>> {
    let tests: Vec<TestRollout<'_>> = tests
        .iter()
        .map(|(place, proof, given)| TestRollout {
            place: place.clone(),
            file: &given.file,
            named: given.images.clone(),
            proof,
        })
        .collect();
    images::released(&production.images, &tests)
}

/// Everything that the statement says.
pub struct Whole<'a> {
    /// The pipeline's account.
    pub account: &'a str,
    /// The pipeline's region.
    pub region: &'a str,
    /// What the execution ran with.
    pub revisions: Vec<Revision>,
    /// What the record says.
    pub recorded: Recorded<'a>,
    /// The images.
    pub images: Vec<ReleasedImage>,
    /// The rollout file for production.
    pub rollout: serde_json::Value,
    /// What was delivered, one per delivery.
    pub copied: Vec<Copied>,
}

/// The release's statement.
pub fn statement(request: &Request, whole: Whole<'_>) -> Statement {
    let of = &request.parameters;
    let revision = |revision: Revision| statement::Revision {
        artifact: revision.artifact,
        id: revision.id,
        summary: revision.summary,
        url: revision.url,
    };
    let artifact = |(delivery, copied): (&Delivery, Copied)| statement::Artifact {
        artifact: delivery.artifact.name.clone(),
        path: delivery.path.clone(),
        key: delivery.key.clone(),
        version: copied.version,
        size: copied.size,
        sha256: copied.sha256,
    };
    let tested = whole.recorded.tested.into_iter();
    Statement::new(Predicate {
        destination: request.destination(),
        source: statement::Source {
            account: whole.account.to_owned(),
            region: whole.region.to_owned(),
            pipeline: of.pipeline.clone(),
            execution: of.execution.clone(),
            revisions: whole.revisions.into_iter().map(revision).collect(),
        },
        artifacts: request
            .deliveries
            .iter()
            .zip(whole.copied)
            .map(artifact)
            .collect(),
        images: whole.images,
        tests: tested.map(|tested| tested.test).collect(),
        approvals: whole.recorded.approvals,
        preview: whole.recorded.preview,
        rollout: statement::Rollout {
            place: of.rollout.to_string(),
            file: whole.rollout,
        },
    })
}

/// The failure of a release that speaks against itself; nothing was delivered.
pub fn refused(request: &Request, wrongs: &[String]) -> Failure {
    Failure::findings(
        format!(
            "release {} cannot be made; nothing was delivered",
            request.release
        ),
        wrongs,
    )
}
