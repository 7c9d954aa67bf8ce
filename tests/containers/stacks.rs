//! Stacks of `templates/service.yaml`: the service in them runs in containers.

use rehearsal::codepipeline::{Finished, JobSpec};
use rehearsal::suite;
use rehearsal::world::{Service, Stack, StackSpec};
use serde_json::{Value, json};

use super::{World, world};
use crate::fixture::{PARAMETERS, failed, succeeded};

const TEMPLATE: &str = include_str!("../../templates/service.yaml");

/// A stack whose service serves v1, with its page seen.
fn stack(world: &World, name: &str) -> (Stack, Service) {
    let [v1, ..] = &world.images;
    let mut spec = StackSpec::new(name, TEMPLATE)
        .with("Image", &format!("{}@{v1}", world.repository()))
        .with("ServiceName", name)
        .with("ClusterName", "test")
        .with("VpcId", "vpc-0a1b2c3d")
        .with("SubnetIds", "subnet-0a1b2c3d")
        .with("PermissionsBoundaryArn", suite::BOUNDARY);
    spec.capabilities = vec!["CAPABILITY_IAM".to_owned()];
    let stack = world::create_stack(&world.suite.other, &spec).unwrap();
    let service = stack.service("Service").unwrap();
    world.await_page(&service, "v1");
    (stack, service)
}

/// Hands the stack an image, with the template out of the artifact.
fn release(world: &World, stack: &Stack, reference: &str) -> Finished {
    release_with(world, stack, reference, &json!({}))
}

/// As [`release`], with parameters that change.
fn release_with(world: &World, stack: &Stack, reference: &str, parameters: &Value) -> Finished {
    let rollout = json!({
        "targets": [{
            "stack": stack.name, "template": "Build::service.yaml",
            "parameters": "Build::parameters.json", "imageParameters": {&stack.name: "Image"}, "capabilities": ["CAPABILITY_IAM"],
            "cloudFormationRole": suite::CLOUDFORMATION_ROLE,
        }],
        "region": suite::TARGET_REGION, "role": suite::TARGET_ROLE, "externalId": suite::EXTERNAL_ID,
    });
    let image = format!("{}{reference}", world.repository());
    let images = json!([{"name": stack.name, "imageUri": image}]);
    let [rollout, images, parameters] =
        [rollout, images, json!({"Parameters": parameters})].map(|file| file.to_string());
    let files = [
        ("rollout.json", rollout.as_bytes()),
        ("imagedefinitions.json", images.as_bytes()),
        ("parameters.json", parameters.as_bytes()),
        ("service.yaml", TEMPLATE.as_bytes()),
    ];
    let spec = JobSpec {
        user_parameters: Some(PARAMETERS.into()),
        input_artifacts: vec![world.suite.store.put_artifact("Build", &files).unwrap()],
        ..world.suite.store.job(suite::UPDATER)
    };
    world.run(spec)
}

#[test]
fn the_page_changes_through_the_stack_by_the_digest_that_was_pushed() {
    let Some(world) = world("a page through a stack") else {
        return;
    };
    let (stack, service) = stack(&world, "paged");
    let variables = succeeded(&release(&world, &stack, ":v2"));
    world.await_page(&service, "v2");
    let [_, v2] = &world.images;
    assert_eq!(variables["ImageDigests"], json!({"paged": v2}).to_string());
    let image = format!("{}@{v2}", world.repository());
    assert_eq!(stack.parameters().unwrap()["Image"], image);
}

// rules: 3.5.28 3.6.10 3.6.13 3.6.20
#[test]
fn an_image_that_is_gone_brings_the_stack_back() {
    let Some(world) = world("a stack and an image that is gone") else {
        return;
    };
    let (stack, service) = stack(&world, "stacked");
    let before = stack.parameters().unwrap();
    let missing = format!("@sha256:{}", "0".repeat(64));
    let (kind, message) = failed(&release(&world, &stack, &missing));
    assert_eq!(kind, "JobFailed");
    for word in [
        "service stacked: waiting cannot mend this",
        "CannotPullContainerError",
        "is now UPDATE_COMPLETE, template and parameters as before",
        // The revision before was deregistered; its content is a revision of its own.
        "service stacked serves stacked:3 (1 of 1",
    ] {
        assert!(message.contains(word), "no {word:?} in: {message}");
    }
    assert_eq!(stack.parameters().unwrap(), before);
    world.await_page(&service, "v1");
}

// rules: 3.5.28 3.6.13
#[test]
fn a_version_that_fails_its_health_check_fails_the_job_and_the_old_page_stays() {
    let Some(world) = world("a stack and a health check that fails") else {
        return;
    };
    let (stack, service) = stack(&world, "unwell");
    let before = stack.parameters().unwrap();
    let check = json!({"HealthCheckCommand": "CMD,/web,--nope"});
    let (kind, message) = failed(&release_with(&world, &stack, ":v2", &check));
    assert_eq!(kind, "JobFailed");
    for word in [
        "its health check failed",
        "is now UPDATE_COMPLETE, template and parameters as before",
    ] {
        assert!(message.contains(word), "no {word:?} in: {message}");
    }
    assert_eq!(stack.parameters().unwrap(), before);
    world.await_page(&service, "v1");
}
