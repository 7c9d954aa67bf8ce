//! What is not as the last release left it, and the fingerprint that tells one state from another.

use rehearsal::suite;
use serde_json::{Value, json};

use super::told;
use crate::fixture::{Case, World, succeeded, world};
use crate::preview::roles::EXECUTION;
use crate::stacks::StackCase;

const NONE: [&str; 0] = [];

impl World {
    /// What has drifted, and the fingerprint, by a preview of a version of the service.
    fn drift(&self, case: &Case, version: &str) -> (Vec<String>, String) {
        let image = format!("{}:{version}", case.repository);
        let images = json!([{"name": case.service.name, "imageUri": image}]).to_string();
        let files = [("imagedefinitions.json", images.as_bytes())];
        let job = self.job_with(case, |_| {}, &files);
        let variables = succeeded(&self.run(self.preview_live(&job, &json!({}))));
        let html = self.page(&variables).html;
        (
            told::concerns(&html, "drift"),
            variables["Fingerprint"].clone(),
        )
    }

    fn stack_drift(&self, case: &StackCase) -> (Vec<String>, String) {
        let target = json!([stack_target(case)]);
        let preview = self.preview_of_targets(case, None, &target, &[]);
        let variables = succeeded(&self.run(preview));
        let html = self.page(&variables).html;
        (
            told::concerns(&html, "drift"),
            variables["Fingerprint"].clone(),
        )
    }
}

fn stack_target(case: &StackCase) -> Value {
    json!({
        "stack": case.stack.name, "imageParameters": {&case.stack.name: "Image"},
        "cloudFormationRole": suite::CLOUDFORMATION_ROLE,
    })
}

#[test]
fn a_service_that_somebody_else_touched() {
    let world = world();
    let case = world.live("preview-drift");
    let (drift, first) = world.drift(&case, "v2");
    let by_hand = "preview-drift: redbutton did not register what serves, preview-drift:1";
    assert_eq!(drift, [by_hand]);
    // The same state, whatever the preview is of.
    assert_eq!(world.drift(&case, "v1").1, first);

    succeeded(&world.run(world.job(&case)));
    let (drift, released) = world.drift(&case, "v1");
    assert_eq!(drift, NONE);
    assert_ne!(released, first);

    let definition = json!({
        "family": "preview-drift", "executionRoleArn": EXECUTION, "cpu": "256", "memory": "512",
        "networkMode": "awsvpc", "requiresCompatibilities": ["FARGATE"],
        "containerDefinitions": [{"name": "preview-drift", "image": "by-hand", "essential": true}],
    });
    let target = "AmazonEC2ContainerServiceV20141113.RegisterTaskDefinition";
    world.suite.other.json("ecs", target, definition).unwrap();
    let since = "preview-drift: somebody registered preview-drift:3 since, past redbutton; \
                 preview-drift:2 serves";
    let (drift, registered) = world.drift(&case, "v1");
    assert_eq!(drift, [since]);

    // What serves is the same, also when autoscaling asks for more of it.
    let update = |more: Value| {
        let mut service = json!({"cluster": "test", "service": "preview-drift"});
        for (key, value) in more.as_object().unwrap() {
            service[key] = value.clone();
        }
        let target = "AmazonEC2ContainerServiceV20141113.UpdateService";
        world.suite.other.json("ecs", target, service).unwrap();
        world.drift(&case, "v2").1
    };
    assert_eq!(registered, released);
    assert_eq!(update(json!({"desiredCount": 2})), released);
    let network = json!({"awsvpcConfiguration": {"subnets": ["subnet-2"]}});
    assert_ne!(update(json!({"networkConfiguration": network})), released);
}

#[test]
fn a_stack_that_somebody_else_changed() {
    let world = world();
    let case = world.stack("preview-changed");
    let theirs = "preview-changed: somebody else changed the stack last, at ";
    let (drift, first) = world.stack_drift(&case);
    assert!(
        drift.len() == 1 && drift[0].starts_with(theirs),
        "{drift:?}"
    );
    assert_eq!(world.stack_drift(&case).1, first);

    let release = json!({
        "targets": [stack_target(&case)], "region": suite::TARGET_REGION,
        "role": suite::TARGET_ROLE, "externalId": suite::EXTERNAL_ID,
    });
    let image = format!("{}:v2", case.repository);
    let images = json!([{"name": case.stack.name, "imageUri": image}]).to_string();
    let release = release.to_string();
    let files = [
        ("rollout.json", release.as_bytes()),
        ("imagedefinitions.json", images.as_bytes()),
    ];
    let artifact = world.suite.store.put_artifact("Build", &files).unwrap();
    succeeded(&world.run(world.job_from(artifact)));
    let (drift, released) = world.stack_drift(&case);
    assert_eq!(drift, NONE);
    assert_ne!(released, first);

    case.stack.update(&[("Cpu", "512")]).unwrap();
    case.stack.settled().unwrap();
    let (drift, changed) = world.stack_drift(&case);
    assert!(
        drift.len() == 1 && drift[0].starts_with(theirs),
        "{drift:?}"
    );
    assert!(![first, released].contains(&changed));
}
