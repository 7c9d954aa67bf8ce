//! What cannot be a release: nothing of it is delivered, and everything that is wrong is said.

use rehearsal::suite;
use serde_json::{Value, json};

use super::case::{Tested, kind, uuid};
use crate::fixture::{World, failed, world};

/// The job fails with these words, and nothing was sent to the bucket.
fn refused(world: &World, tested: &Tested, more: &Value, expected: &str, says: &[&str]) {
    world.rehearsal.proxy().reset();
    let (found, message) = failed(&world.run(world.release_job(tested, more)));
    assert_eq!(found, expected, "{message}");
    for words in says {
        assert!(message.contains(words), "not said: {words}\n{message}");
    }
    assert_eq!(world.count("s3", "PutObject"), 0, "{message}");
    assert!(world.released(&tested.key("")).is_empty());
}

// rules: 3.2.13
#[test]
fn what_was_not_tested_or_not_approved_is_no_release() {
    let world = world();
    let case = world.case("unproven");
    let tested = world.tested_case(&case, &[]);
    let configuration = "ConfigurationError";
    let says = [
        "approval \"Production/Approve\" is no manual approval that this execution has come to; it has none",
    ];
    refused(&world, &tested, &json!({}), configuration, &says);

    // An execution of its own, in which a build exports a proof.
    let forged = Tested {
        execution: uuid(),
        build: tested.build.clone(),
        proof: tested.proof.clone(),
        digest: tested.digest.clone(),
        image: tested.image.clone(),
    };
    world.record(
        &forged.execution,
        &json!({"stageName": "Build", "actionName": "Build", "status": "Succeeded",
            "input": {"actionTypeId": kind("Build", "CodeBuild"),
                "configuration": {"ProjectName": "orders", "FunctionName": suite::UPDATER}},
            "output": {"outputVariables": {"Proof": tested.proof}}}),
    );
    world.approved(&forged.execution);
    let says = ["no action of redbutton-task-definition-updater has succeeded in this execution"];
    refused(&world, &forged, &json!({}), configuration, &says);

    // Rejected.
    let rejected = world.tested_again(&tested);
    world.record(
        &rejected.execution,
        &json!({"stageName": "Production", "actionName": "Approve", "status": "Failed",
            "input": {"actionTypeId": kind("Approval", "Manual")}}),
    );
    let says = ["approval Production/Approve was not given: it is Failed"];
    refused(&world, &rejected, &json!({}), configuration, &says);
}

#[test]
fn an_image_that_did_not_serve_in_test_is_no_part_of_a_release() {
    let world = world();
    let case = world.case("untested");
    let other =
        json!([{"name": "untested", "imageUri": format!("{}:v3", case.repository)}]).to_string();
    let production = json!({"targets": [{"service": "untested", "cluster": "production"}],
        "region": suite::TARGET_REGION, "images": "Build::other.json"});
    let production = production.to_string();
    let files = [
        ("other.json", other.as_bytes()),
        ("production.json", production.as_bytes()),
    ];
    let tested = world.tested_case(&case, &files);
    world.approved(&tested.execution);
    let says = [
        "nothing was delivered",
        "untested:v3 was not in any rollout to test of this execution",
        "untested:v2 (Test/Rollout)",
    ];
    refused(&world, &tested, &json!({}), "ConfigurationError", &says);
}

#[test]
fn production_names_no_role_and_gets_every_file_that_it_needs() {
    let world = world();
    let case = world.case("incomplete");
    let production = json!({"targets": [{"service": "incomplete", "cluster": "production"}],
        "region": suite::TARGET_REGION, "role": suite::TARGET_ROLE});
    let production = production.to_string();
    let tested = world.tested_case(&case, &[("production.json", production.as_bytes())]);
    world.approved(&tested.execution);
    let says = [
        "target incomplete: a rollout file for production names no \"role\"",
        "Build::imagedefinitions.json is what the rollout in production needs",
    ];
    let more = json!({"artifacts": "Build::production.json"});
    refused(&world, &tested, &more, "ConfigurationError", &says);
}

// rules: 3.2.14
#[test]
fn a_job_that_is_not_of_this_execution_is_refused() {
    let world = world();
    let tested = world.tested("strange");
    let another = world.tested_again(&tested);
    let more = json!({"execution": another.execution});
    let says = ["has no action under way in execution"];
    refused(&world, &tested, &more, "ConfigurationError", &says);
    // An artifact that was not the one that was tested.
    let mut swapped = world.tested_again(&tested);
    let case = world.case("swapped");
    let (_, images) = world.files(&case);
    let production = json!({"targets": [{"service": "strange", "cluster": "production"}], "region": suite::TARGET_REGION});
    let (images, production) = (images.to_string(), production.to_string());
    let files = [
        ("imagedefinitions.json", images.as_bytes()),
        ("production.json", production.as_bytes()),
    ];
    swapped.build = world.suite.store.put_artifact("Build", &files).unwrap();
    let says = ["what was tested is not what would be released"];
    refused(&world, &swapped, &json!({}), "ConfigurationError", &says);
}

// rules: 3.7.14 3.7.15
#[test]
fn a_role_that_does_not_let_in_is_explained() {
    let world = world();
    let tested = world.tested("shut");
    let says = ["trust policy", "somebody-else", "ReleaseRoleArns"];
    let more = json!({"externalId": "somebody-else"});
    refused(&world, &tested, &more, "PermissionError", &says);
}
