//! What the gate refuses: nothing is deployed, and every reason is told to people and to the pipeline.

use rehearsal::local;
use rehearsal::suite;
use serde_json::{Value, json};
use shared::release::outcome::Kind;

use super::case::Told;
use crate::fixture::{World, failed, succeeded, world};
use crate::releases::case::Tested;

impl World {
    /// The gate refuses it, and this is what it says.
    fn refuses(&self, tested: &Tested) -> Told {
        self.rehearsal.proxy().reset();
        let said = self.arrives(tested);
        assert!(said["looked"][0]["refused"].is_array(), "{said}");
        let told = self.told(tested, |_, result| result != Kind::Started);
        assert_eq!(told.result, Kind::Refused);
        let announced = self.announced(&tested.release());
        assert_eq!(announced.len(), 1, "{announced:?}");
        assert_eq!(announced[0]["result"], "refused");
        let names = self.executions();
        let started = names
            .iter()
            .any(|(name, _)| name.contains(&tested.execution));
        assert!(!started, "{names:?}");
        told
    }

    /// A session of the role that brings releases, and nobody else may write there.
    fn bringer(&self) -> rehearsal::Account {
        let copier = local::function_credentials(&self.rehearsal, "artifact-copier").unwrap();
        let copier = self.rehearsal.tooling().acting_as(copier);
        let external_id = Some(suite::RELEASE_EXTERNAL_ID);
        let session = copier.assume_role(suite::RELEASE_ROLE, "redbutton-1", external_id, None);
        self.suite.production.acting_as(session.unwrap())
    }

    /// What was told of a key that no release's copy has written.
    fn puts(&self, key: &str, bytes: Vec<u8>) {
        let once = [("if-none-match", "*")];
        self.bringer()
            .put_object(suite::RELEASES_BUCKET, key, &once, bytes)
            .unwrap();
    }
}

#[test]
fn an_unapproved_release_is_refused_and_the_pipeline_turns_red() {
    let world = world();
    let line = world.line("unapproved");
    let tested = world.tested_unapproved(&line);
    let job = json!({"requireApproval": false, "approval": null, "follow": true});
    let job = world
        .rehearsal
        .pipeline()
        .start_job(world.release_job(&tested, &job))
        .unwrap();
    let key = tested.key("release.dsse.json");
    world.until(|| !world.released(&key).is_empty());
    let told = world.refuses(&tested);
    assert!(
        told.outcome.reasons[0].contains("0 of the 1 approvals"),
        "{:?}",
        told.outcome
    );
    let (kind, message) = failed(&world.end_of(&job));
    assert_eq!(kind, "ConfigurationError");
    assert!(
        message.contains("0 of the 1 approvals that this stack demands"),
        "{message}"
    );
    // Looked at again it is refused again, as another attempt.
    let again = world.gate(&json!({"recheck": tested.release()}));
    assert_eq!(again["looked"][0]["attempt"], 2, "{again}");
}

/// A forged signature: somebody who may write there is nobody who may sign.
// rules: 3.8.1 3.9.3
#[test]
fn a_release_that_another_key_signed_is_refused() {
    let world = world();
    let line = world.line("forged");
    let tested = world.tested_line(&line);
    world.delivered(&tested);
    let envelope = world.release_object(&tested.key("release.dsse.json"));
    let forged = Tested {
        execution: crate::releases::case::uuid(),
        ..world.tested_again(&tested)
    };
    let mut value: Value = serde_json::from_slice(&envelope).unwrap();
    let payload = value["payload"].as_str().unwrap().to_owned();
    // One letter of what was signed.
    value["payload"] = format!(
        "{}{}",
        if payload.starts_with('e') { "f" } else { "e" },
        &payload[1..]
    )
    .into();
    world.puts(
        &forged.key("release.dsse.json"),
        value.to_string().into_bytes(),
    );
    let told = world.refuses(&forged);
    assert_eq!(told.outcome.reasons.len(), 1, "{:?}", told.outcome);
    // And one that is whole, in another place than it says.
    let moved = world.tested_again(&tested);
    world.puts(&moved.key("release.dsse.json"), envelope);
    let told = world.refuses(&moved);
    assert!(
        told.outcome.reasons[0].contains("it is the release of"),
        "{:?}",
        told.outcome
    );
    // A person who asks for it gets no further.
    let asked = world.asks(&json!({"release": forged.release()}));
    assert_eq!(world.end_of_execution(&asked), "FAILED");
    let told = world.ended(&forged, 2);
    assert_eq!(told.result, Kind::Refused);
    world.nothing_is_held();
}

/// A tampered artifact: the very version that was signed for is gone, though another one lies there.
#[test]
fn an_artifact_that_is_not_there_any_more_is_a_reason() {
    let world = world();
    let line = world.line("tampered");
    let tested = world.tested_line(&line);
    world.delivered(&tested);
    let said = world.statement(&tested).predicate;
    let artifact = &said.artifacts[0];
    let (production, bucket) = (&world.suite.production, suite::RELEASES_BUCKET);
    // Whoever owns the account may take the bucket's policy away for a moment.
    let policy = format!("/{bucket}?policy");
    let send = |method, path: &str, body: Vec<u8>| {
        production
            .request("s3", method, path, &[], body.into())
            .unwrap()
    };
    let document = send(http::Method::GET, &policy, vec![]).body;
    send(http::Method::DELETE, &policy, vec![]);
    let path = format!("/{bucket}/{}?versionId={}", artifact.key, artifact.version);
    send(http::Method::DELETE, &path, vec![]);
    production
        .put_object(bucket, &artifact.key, &[], "other bytes")
        .unwrap();
    send(http::Method::PUT, &policy, document.to_vec());
    let told = world.refuses(&tested);
    let reason = &told.outcome.reasons[0];
    assert!(
        reason.contains("Build.zip is not there in version"),
        "{reason}"
    );
}

/// What production would pull is not where it would pull it from.
#[test]
fn an_image_that_production_does_not_have_is_a_reason() {
    let world = world();
    let line = world.line("imageless");
    let image = json!({"repositoryName": "imageless", "imageIds": [{"imageTag": "v2"}]});
    let target = "AmazonEC2ContainerRegistry_V20150921.BatchDeleteImage";
    let deleted = world.suite.production.json("ecr", target, image);
    deleted.unwrap();
    // Nor is it approved: both are said at once.
    let tested = world.tested_unapproved(&line);
    let unapproved = json!({"requireApproval": false, "approval": null});
    succeeded(&world.run(world.release_job(&tested, &unapproved)));
    let told = world.refuses(&tested);
    let [approvals, image] = &told.outcome.reasons[..] else {
        panic!("{:?}", told.outcome);
    };
    assert!(approvals.contains("0 of the 1 approvals"), "{approvals}");
    assert!(
        image.starts_with("image ") && image.contains("is not there"),
        "{image}"
    );
}

/// What is live is not what was left: refused with the difference, and deployed over when a person says so.
#[test]
fn drift_is_refused_and_shown() {
    let world = world();
    let line = world.line("drift");
    let first = world.tested_line(&line);
    world.delivered(&first);
    world.arrives(&first);
    assert_eq!(world.ended(&first, 1).result, Kind::Served);
    let served = world.serves(&line);
    // Somebody deploys by hand.
    let by_hand = json!({"cluster": "test", "service": "drift", "taskDefinition": line.live.service.first_task_definition});
    let target = "AmazonEC2ContainerServiceV20141113.UpdateService";
    world.suite.production.json("ecs", target, by_hand).unwrap();
    let drifted = world.serves(&line);
    assert_ne!(drifted, served);

    let second = world.tested_again(&first);
    world.delivered(&second);
    world.arrives(&second);
    let told = world.ended(&second, 1);
    assert_eq!(told.result, Kind::Refused, "{:?}", told.outcome);
    let reason = &told.outcome.reasons[0];
    assert!(
        reason.contains(&drifted) && reason.contains(&served),
        "{reason}"
    );
    assert_eq!(world.serves(&line), drifted);
    assert_eq!(world.ledger(&line).len(), 2);

    let over = world.asks(&json!({"release": second.release(), "drift": "accept"}));
    assert_eq!(world.end_of_execution(&over), "SUCCEEDED");
    assert_eq!(world.ended(&second, 2).result, Kind::Served);
    assert_eq!(world.ledger(&line).len(), 3);
    world.nothing_is_held();
}

#[test]
fn an_input_that_is_none_ends_with_what_is_wrong() {
    let world = world();
    for input in [
        json!({}),
        json!({"release": "orders"}),
        json!({"release": "orders/6a44e44d-2d5d-4434-bc07-25d9fda946d2"}),
    ] {
        let asked = world.asks(&input);
        assert_eq!(world.end_of_execution(&asked), "FAILED", "{input}");
    }
}
