//! What is refused before the first write, with what to change (invariant 6).

use rehearsal::codepipeline::JobSpec;
use rehearsal::proxy::{Fault, What, When};
use rehearsal::suite;
use serde_json::{Value, json};

use crate::fixture::{Case, World, failed, world};

/// Runs a job that has to fail with this type and words, with nothing written.
fn check(world: &World, spec: JobSpec, kind: &str, words: &[&str]) {
    world.rehearsal.proxy().reset();
    let (actual, message) = failed(&world.run(spec));
    assert_eq!(actual, kind, "{message}");
    for word in words {
        assert!(message.contains(word), "no {word:?} in: {message}");
    }
    assert_eq!(world.writes(), 0, "{message}");
}

/// A job for a service that is described in another way.
fn described(
    world: &World,
    case: &Case,
    edit: impl Fn(&mut Value) + Send + Sync + 'static,
) -> JobSpec {
    let what = What::edit_json(move |answer| edit(&mut answer["services"][0]));
    world.rehearsal.proxy().inject(Fault {
        when: When::next("ecs", "DescribeServices"),
        what,
    });
    world.job(case)
}

// rules: 3.5.18 3.5.20
#[test]
fn services_that_cannot_be_rolled_out() {
    let world = world();
    let case = world.case("unfit");
    type Edit = Box<dyn Fn(&mut Value) + Send + Sync>;
    let cases: Vec<(Edit, &[&str])> = vec![
        (
            Box::new(|s| s["deploymentController"] = json!({"type": "CODE_DEPLOY"})),
            &["CODE_DEPLOY", "CodeDeployToECS"],
        ),
        (
            Box::new(|s| s["deploymentController"] = json!({"type": "EXTERNAL"})),
            &["EXTERNAL"],
        ),
        (
            Box::new(|s| s["desiredCount"] = json!(0)),
            &["desired count is 0", "desiredCountZero"],
        ),
        (
            Box::new(|s| {
                s["desiredCount"] = json!(0);
                s["schedulingStrategy"] = json!("DAEMON");
            }),
            &["DAEMON", "no instance"],
        ),
        (Box::new(|s| s["status"] = json!("INACTIVE")), &["INACTIVE"]),
        (
            Box::new(|s| {
                s["tags"] = json!([{"key": "aws:cloudformation:stack-name", "value": "web-stack"}])
            }),
            &["web-stack", "stackOwned"],
        ),
    ];
    for (edit, words) in cases {
        let spec = described(&world, &case, edit);
        check(&world, spec, "ConfigurationError", words);
    }
}

// rules: 3.5.9
#[test]
fn targets_that_do_not_exist() {
    let world = world();
    let case = world.case("exists");
    let service = world.job_with(
        &case,
        |file| file["targets"][0]["service"] = json!("exits"),
        &[],
    );
    check(
        &world,
        service,
        "ConfigurationError",
        &[
            "no service exits in cluster test",
            "correct \"service\" or \"cluster\"",
        ],
    );
    let cluster = world.job_with(
        &case,
        |file| file["targets"][0]["cluster"] = json!("tset"),
        &[],
    );
    // The role may use the cluster `test` only, so AWS does not even say that there is no other.
    check(
        &world,
        cluster,
        "PermissionError",
        &["ecs:DescribeServices"],
    );
}

// rules: 3.5.5
#[test]
fn images_that_fit_nothing() {
    let world = world();
    let case = world.case("images");
    let image = format!("{}:v2", case.repository);
    let file = |value: Value| {
        world.job_with(
            &case,
            |_| {},
            &[("imagedefinitions.json", value.to_string().as_bytes())],
        )
    };
    let named = |name: &str, uri: &str| json!({"name": name, "imageUri": uri});
    check(
        &world,
        file(json!([named("image", &image)])),
        "ConfigurationError",
        &["no container is named \"image\"", "there are: images"],
    );
    check(
        &world,
        file(json!([named("images", &image), named("images", &image)])),
        "ConfigurationError",
        &["stands twice"],
    );
    check(
        &world,
        file(json!([named("images", "")])),
        "ConfigurationError",
        &["imageUri", "is no image"],
    );
    check(
        &world,
        file(json!([])),
        "ConfigurationError",
        &["names no container"],
    );
    check(
        &world,
        file(json!([named("images", &format!("{}:v3", case.repository))])),
        "RevisionUnavailable",
        &["tag v3", "nothing was changed"],
    );
    let elsewhere = case.repository.replace("/images", "/nowhere");
    check(
        &world,
        file(json!([named("images", &format!("{elsewhere}:v2"))])),
        "RevisionUnavailable",
        &["nowhere"],
    );

    let placeholder = json!({"family": "images", "containerDefinitions": [
        {"name": "images", "image": image}, {"name": "side", "image": "<IMAGE1_NAME>"}]});
    let spec = world.job_with(
        &case,
        |rollout| rollout["taskDefinition"] = json!("Build::taskdef.json"),
        &[("taskdef.json", placeholder.to_string().as_bytes())],
    );
    check(
        &world,
        spec,
        "ConfigurationError",
        &["<IMAGE1_NAME>", "side"],
    );
}

// rules: 3.5.22 3.5.23
#[test]
fn task_definitions_that_point_to_another_account_or_region() {
    let world = world();
    let case = world.case("foreign");
    let definition = json!({
        "family": "foreign",
        "executionRoleArn": "arn:aws:iam::111111111111:role/execution",
        "containerDefinitions": [{
            "name": "foreign", "image": "x",
            "secrets": [{"name": "KEY", "valueFrom": "arn:aws:secretsmanager:us-east-1:333333333333:secret:key"}],
            "logConfiguration": {"logDriver": "awslogs", "options": {"awslogs-region": "us-east-1"}},
        }],
    });
    let spec = world.job_with(
        &case,
        |rollout| rollout["taskDefinition"] = json!("Build::taskdef.json"),
        &[("taskdef.json", definition.to_string().as_bytes())],
    );
    check(
        &world,
        spec,
        "ConfigurationError",
        &[
            "executionRoleArn points to account 111111111111, not 333333333333",
            "secrets[0].valueFrom points to region us-east-1, not ap-southeast-2",
            "\"awslogs-region=us-east-1\" into \"allow\"",
        ],
    );
}

// rules: 3.1.10
#[test]
fn denied_calls_are_explained() {
    let world = world();
    let case = world.case("denied");
    let wrong_id = world.job_with(&case, |file| file["externalId"] = json!("wrong-one"), &[]);
    check(
        &world,
        wrong_id,
        "PermissionError",
        &[
            "redbutton-task-definition-updater",
            "sts:AssumeRole",
            suite::TARGET_ROLE,
            "trust policy in account 333333333333",
            "\"wrong-one\"",
            "TargetRoleArns",
        ],
    );
    let other_role = world.job_with(
        &case,
        |file| file["role"] = json!("arn:aws:iam::333333333333:role/admin"),
        &[],
    );
    check(
        &world,
        other_role,
        "PermissionError",
        &["role/admin", "in account 111111111111 lacks"],
    );

    let outside = world.case_with("outside", |spec| spec.cluster = "elsewhere".into());
    let spec = world.job_with(
        &outside,
        |file| file["targets"][0]["cluster"] = json!("elsewhere"),
        &[],
    );
    check(
        &world,
        spec,
        "PermissionError",
        &[
            "ecs:DescribeServices",
            "\"Effect\":\"Allow\"",
            "account 333333333333",
        ],
    );

    // Credentials of the artifact role, which may not read another bucket.
    world
        .rehearsal
        .tooling()
        .create_bucket("not-the-artifact-bucket")
        .unwrap();
    let mut spec = world.job(&case);
    spec.input_artifacts[0].bucket = "not-the-artifact-bucket".into();
    check(
        &world,
        spec,
        "PermissionError",
        &[
            "the job's artifact credentials",
            "s3:GetObject",
            "not-the-artifact-bucket",
        ],
    );
}
