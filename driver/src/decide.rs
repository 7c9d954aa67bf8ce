//! The request and what AWS says → what to do next. Pure; calls `shared`.

mod plan;
mod stack;

pub use plan::{Plan, shares_with, twice};
pub use stack::{Given, differs, elsewhere, floating, given, id, role, standing, unusable};

use shared::error::{Failure, FailureKind};
use shared::job::Job;
use shared::names::{Account, Digest};
use shared::preflight;
use shared::release::record::{self, Action};
use shared::rollout::State;
use shared::rollout::proof::Proof;
use shared::rollout::seen::Service;
use shared::rollout_file::RolloutFile;
use shared::rollout_file::images::{Image, ImageFile};
use shared::rollout_file::target::{Kind, Target};
use shared::task_definition::TaskDefinition;

/// The key of an operation: execution and target. It is a tag's value, so at most 256 characters;
/// what is longer is kept by its hash.
pub fn operation(execution: &str, target: &Target, account: &str) -> String {
    let name = match &target.kind {
        Kind::Service(service) => service.clone(),
        // No service's name has a slash.
        Kind::Task(_) => format!("task/{}", target.name),
        Kind::Stack(stack) => format!("stack/{}", stack.stack),
    };
    let region = target.region.as_str();
    let place = format!("{account}/{region}/{}/{name}", target.cluster);
    let operation = format!("{execution} {place}");
    if operation.len() <= 256 {
        return operation;
    }
    format!("{execution} {}", shared::rollout::binding(&place, &[]))
}

/// Whether CodePipeline's own record knows this job: an action of the execution that is under
/// way, is ours, and has the job's inputs (CONTRACTS 3.2.14). An execution that was stopped or has
/// ended has none, so that a late duplicate changes nothing (3.3.2).
pub fn belongs(
    job: &Job,
    pipeline: &str,
    execution: &str,
    actions: &[Action],
) -> Result<(), Failure> {
    if record::belongs(job, actions) {
        return Ok(());
    }
    Err(Failure::configuration(format!(
        "pipeline {pipeline:?} has no action under way in execution {execution} that invokes {:?} \
         with this job's input artifacts. Either \"pipeline\" or \"execution\" in UserParameters \
         is not this pipeline's own, or the execution was stopped; nothing was changed",
        job.function_name
    )))
}

/// Whether the attempt's time is over.
pub fn is_late(file: &RolloutFile, state: &State, now: u64) -> bool {
    now >= state.started + u64::from(file.timeout_minutes) * 60
}

/// The failure of a rollout that never began, since somebody else was at work all the time.
pub fn still_busy(file: &RolloutFile, busy: &str) -> Failure {
    Failure::new(
        FailureKind::RevisionOutOfSync,
        format!(
            "nothing was changed; {busy}, still after timeoutMinutes ({}). Retry the stage when it \
             has ended",
            file.timeout_minutes
        ),
    )
}

/// Findings about a target's service, or about the one that a task is like.
pub fn service(target: &Target, service: &Service, allow: &[String]) -> Vec<String> {
    if service.status == "MISSING" {
        return vec![format!(
            "there is no service {} in cluster {} here; correct \"{}\" or \"cluster\"",
            target.service(),
            target.cluster,
            if target.task().is_some() {
                "like"
            } else {
                "service"
            },
        )];
    }
    match &target.kind {
        Kind::Service(_) => preflight::service(service, allow),
        Kind::Task(_) | Kind::Stack(_) => Vec::new(),
    }
}

/// Findings about what is to be registered for a target.
pub fn definition(
    target: &Target,
    definition: &TaskDefinition,
    account: &Account,
    allow: &[String],
) -> Vec<String> {
    let mut findings = preflight::task_definition(definition, target, account, allow);
    if let Some(task) = target.task() {
        findings.extend(preflight::one_off(task, definition));
    }
    findings
}

/// What `publishImage` asks for, once everything serves: the target's place, the parameter, the
/// image.
pub fn published<'a>(file: &'a RolloutFile, proofs: &'a [Proof]) -> Vec<(usize, &'a str, &'a str)> {
    let each = file.publish.iter().filter_map(|(container, parameter)| {
        let serves = |proof: &'a Proof| {
            let images = &proof.images;
            images.iter().find(|served| served.container == *container)
        };
        let (n, served) = proofs
            .iter()
            .enumerate()
            .find_map(|(n, proof)| Some((n, serves(proof)?)))?;
        Some((n, parameter.as_str(), served.image.as_str()))
    });
    each.collect()
}

/// What `publishImage` asks for and cannot be told: the parameters of containers that nothing serves.
pub fn unpublished(file: &RolloutFile, proofs: &[Proof]) -> Vec<String> {
    let served = |container: &String| {
        let mut images = proofs.iter().flat_map(|proof| &proof.images);
        images.any(|served| served.container == *container)
    };
    let idle = file
        .publish
        .iter()
        .filter(|(container, _)| !served(container));
    idle.map(|(container, parameter)| {
        format!(
            "parameter {parameter} does NOT hold the live image: no container that serves is named \
             {container}"
        )
    })
    .collect()
}

/// Whether an image has a tag in ECR and no digest yet.
pub fn needs_digest(image: &Image) -> bool {
    image.digest.is_none() && image.ecr().is_some()
}

/// The images among `images` that have a tag in ECR and no digest yet, each once.
pub fn to_pin(definition: &TaskDefinition, images: &[ImageFile]) -> Vec<Image> {
    let named: Vec<&Image> = images.iter().flat_map(ImageFile::images).collect();
    let mut to_pin: Vec<Image> = Vec::new();
    for (_, written) in definition.images() {
        let Some(image) = Image::parse(written) else {
            continue;
        };
        if named.contains(&&image) && needs_digest(&image) && !to_pin.contains(&image) {
            to_pin.push(image);
        }
    }
    to_pin
}

/// Puts digests in the place of tags, and the repositories that targets pull from in the place of those
/// that images come from.
pub fn pin(definition: &mut TaskDefinition, digests: &[(Image, Digest)], file: &RolloutFile) {
    definition.pin(|written| {
        let image = Image::parse(written)?;
        let final_image = pinned(&image, digests, file);
        (final_image != image).then(|| final_image.to_string())
    });
}

/// An image as it is released.
pub fn pinned(image: &Image, digests: &[(Image, Digest)], file: &RolloutFile) -> Image {
    let known = digests.iter().find(|(tagged, _)| tagged == image);
    let pinned = known.map(|(_, digest)| image.pinned(digest.clone()));
    file.mapped(pinned.as_ref().unwrap_or(image))
}

/// The tag to ask ECR for; an image without one means `latest`, as everywhere.
pub fn tag(image: &Image) -> &str {
    image.tag.as_deref().unwrap_or("latest")
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    const EXECUTION: &str = "22222222-2222-2222-2222-222222222222";

    fn job() -> Job {
        let event = json!({"CodePipeline.job": {"id": "11111111-abcd-1111-abcd-111111abcdef", "accountId": "111111111111", "data": {
            "actionConfiguration": {"configuration": {"FunctionName": "redbutton-task-definition-updater"}},
            "inputArtifacts": [{"name": "Build", "location": {"s3Location": {"bucketName": "artifacts", "objectKey": "k"}}}],
            "artifactCredentials": {"accessKeyId": "A", "secretAccessKey": "B"},
        }}});
        Job::parse(&event).ok().unwrap()
    }

    fn file() -> RolloutFile {
        RolloutFile::from_value(&json!({"targets": [{"service": "web", "cluster": "test"}], "region": "ap-southeast-2"})).unwrap()
    }

    // rules: 3.5.3
    #[test]
    fn an_operation_is_a_tag_value() {
        let mut target = file().targets.remove(0);
        assert!(
            operation(EXECUTION, &target, "333333333333")
                .ends_with("333333333333/ap-southeast-2/test/web")
        );
        target.kind = Kind::Service("x".repeat(255));
        assert!(operation(EXECUTION, &target, "333333333333").len() <= 256);
    }

    // rules: 3.2.14
    #[test]
    fn a_job_that_codepipeline_does_not_know_is_refused() {
        let action = |function: &str, key: &str| Action {
            status: "InProgress".into(),
            function: function.into(),
            inputs: vec![shared::job::Artifact {
                name: "Build".into(),
                bucket: "artifacts".into(),
                key: key.into(),
            }],
            ..Action::default()
        };
        let arn =
            "arn:aws:lambda:us-east-1:111111111111:function:redbutton-task-definition-updater";
        for (actions, known) in [
            (vec![action("redbutton-task-definition-updater", "k")], true),
            (vec![action("other", "k"), action(arn, "k")], true),
            (
                vec![action("redbutton-task-definition-updater", "other")],
                false,
            ),
            (vec![action("other", "k")], false),
            (Vec::new(), false),
        ] {
            assert_eq!(belongs(&job(), "p", EXECUTION, &actions).is_ok(), known);
        }
    }

    // rules: 3.6.7
    #[test]
    fn somebody_else_at_work_is_waited_for_until_the_deadline() {
        let mut file = file();
        file.timeout_minutes = 20;
        let state = State {
            binding: String::new(),
            attempt: "attempt".into(),
            started: 1_000,
            targets: Vec::new(),
            turned: None,
        };
        assert!(!is_late(&file, &state, 1_000 + 20 * 60 - 1));
        assert!(is_late(&file, &state, 1_000 + 20 * 60));
        let failure = still_busy(&file, "stack web is UPDATE_IN_PROGRESS");
        assert_eq!(failure.kind, FailureKind::RevisionOutOfSync);
        for word in [
            "nothing was changed",
            "web is UPDATE_IN_PROGRESS",
            "timeoutMinutes (20)",
        ] {
            assert!(failure.message.contains(word), "{}", failure.message);
        }
    }

    #[test]
    fn only_images_that_were_handed_in_are_pinned() {
        let registry = "333333333333.dkr.ecr.ap-southeast-2.amazonaws.com";
        let text = json!({"family": "web", "containerDefinitions": [
            {"name": "web", "image": format!("{registry}/web:v2")},
            {"name": "side", "image": format!("{registry}/side:v1")},
            {"name": "again", "image": format!("{registry}/web:v2")},
        ]});
        let mut definition = TaskDefinition::from_file(text.to_string().as_bytes()).unwrap();
        let image = Image::parse(&format!("{registry}/web:v2")).unwrap();
        let images = [ImageFile::Definitions(vec![("web".into(), image.clone())])];
        assert_eq!(to_pin(&definition, &images), std::slice::from_ref(&image));
        let digest = Digest::parse(&format!("sha256:{}", "a".repeat(64))).unwrap();
        let mut file = file();
        let unpinned = definition.clone();
        pin(&mut definition, &[(image.clone(), digest.clone())], &file);
        let pinned = format!("{registry}/web@{}", digest.as_str());
        assert_eq!(definition.images()[0].1, pinned);
        assert_eq!(definition.images()[1].1, format!("{registry}/side:v1"));

        // Where targets pull from a repository of their own, the digest stays.
        let own = "222222222222.dkr.ecr.ap-southeast-2.amazonaws.com/web";
        file.repositories = vec![(format!("{registry}/web"), own.to_owned())];
        definition = unpinned;
        pin(&mut definition, &[(image, digest.clone())], &file);
        assert_eq!(
            definition.images()[0].1,
            format!("{own}@{}", digest.as_str())
        );
        assert_eq!(definition.images()[1].1, format!("{registry}/side:v1"));
    }

    fn several() -> RolloutFile {
        RolloutFile::from_value(&json!({"region": "ap-southeast-2", "targets": [
            {"task": "migrate", "like": "web", "cluster": "test"},
            {"service": "web", "cluster": "test"},
            {"service": "worker", "cluster": "test"},
            {"task": "probe", "like": "other", "cluster": "test"},
        ], "publishImage": {"web": "/web/image"}}))
        .unwrap()
    }

    #[test]
    fn the_image_that_serves_is_the_one_that_is_published() {
        let proof = |image: &str| Proof {
            task_definition: String::new(),
            deployment: String::new(),
            running: 1,
            images: vec![shared::rollout::proof::Served {
                container: "web".into(),
                image: image.into(),
                digest: None,
            }],
            notes: Vec::new(),
            services: Vec::new(),
        };
        let mut none = proof("x");
        none.images.clear();
        let proofs = [none, proof("r@sha256:0")];
        assert_eq!(
            published(&several(), &proofs),
            [(1, "/web/image", "r@sha256:0")]
        );
    }

    #[test]
    fn a_missing_service_is_named_by_the_key_that_is_wrong() {
        let gone = Service {
            status: "MISSING".into(),
            ..Default::default()
        };
        let file = several();
        assert!(service(&file.targets[1], &gone, &[])[0].contains("correct \"service\""));
        assert!(service(&file.targets[0], &gone, &[])[0].contains("correct \"like\""));
    }
}
