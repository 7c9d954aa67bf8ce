//! What arrives: the bytes, the statement about them, and nothing twice.

use rehearsal::codepipeline::Outcome;
use rehearsal::suite;
use serde_json::{Value, json};

use super::case::{APPROVER, sha256};
use crate::dsse;
use crate::fixture::{PATIENCE, failed, succeeded, world};

// rules: 3.2.13 3.7.4 3.8.3 3.8.4
#[test]
fn a_release_is_whole_and_says_what_was_tested_and_who_approved() {
    let world = world();
    let tested = world.tested("released");
    world.rehearsal.proxy().reset();
    let variables = succeeded(&world.run(world.release_job(&tested, &json!({}))));
    let envelope = tested.key("release.dsse.json");
    assert_eq!(
        variables["ReleaseUri"],
        format!("s3://{}/{envelope}", suite::RELEASES_BUCKET)
    );
    let zip = tested.key("Build.zip");
    assert_eq!(
        world.released(&tested.key("")),
        [zip.clone(), envelope.clone()]
    );

    let build = world
        .rehearsal
        .tooling()
        .get_object(&tested.build.bucket, &tested.build.key);
    let (build, copied) = (build.unwrap(), world.release_object(&zip));
    assert!(build == copied, "other bytes arrived");
    assert_eq!(
        variables["ReleaseDigest"],
        format!("sha256:{}", sha256(&world.release_object(&envelope)))
    );

    // By a library that shares nothing with this one.
    let (bytes, pem) = (
        world.release_object(&envelope),
        dsse::pem(&world.signing_key()),
    );
    assert!(dsse::verify_independently(&bytes, &pem));
    let mut flipped = bytes;
    let middle = flipped.len() / 2;
    flipped[middle] ^= 1;
    assert!(!dsse::verify_independently(&flipped, &pem));

    let said = world.statement(&tested).predicate;
    assert_eq!(said.destination.account, suite::PRODUCTION_ACCOUNT);
    assert_eq!(said.destination.region, suite::TARGET_REGION);
    assert_eq!(said.source.execution, tested.execution);
    let [artifact] = said.artifacts.as_slice() else {
        panic!("{said:#?}")
    };
    assert_eq!((&artifact.key, artifact.size), (&zip, copied.len() as u64));
    assert_eq!(artifact.sha256, sha256(&copied));
    assert!(!artifact.version.is_empty());
    let [image] = said.images.as_slice() else {
        panic!("{said:#?}")
    };
    assert_eq!(
        (&image.image, &image.digest),
        (&tested.image, &tested.digest)
    );
    let proof: Value = serde_json::from_str(&tested.proof).unwrap();
    assert_eq!(said.tests[0].proof, proof);
    assert_eq!(said.approvals[0].by, APPROVER);
    assert_eq!(said.approvals[0].comment, "as agreed");
    assert_eq!(said.rollout.file["targets"][0]["cluster"], "production");

    assert_eq!(
        world.calls(),
        [
            "codepipeline:ListActionExecutions",
            "s3:GetObject",
            "codepipeline:GetPipelineExecution",
            "sts:AssumeRole",
            "s3:ListObjectsV2",
            "s3:GetObject",
            "s3:PutObject",
            "s3:ListObjectsV2",
            "kms:GetPublicKey",
            "s3:ListObjectsV2",
            "kms:Sign",
            "s3:PutObject",
            "codepipeline:PutJobSuccessResult",
        ]
    );
}

// rules: 3.7.6 3.8.2 3.3.1
#[test]
fn a_release_that_is_there_is_kept_as_it_is() {
    let world = world();
    let tested = world.tested("kept");
    let job = || world.release_job(&tested, &json!({}));
    let first = succeeded(&world.run(job()));
    let envelope = world.release_object(&tested.key("release.dsse.json"));
    world.rehearsal.proxy().reset();
    let second = succeeded(&world.run(job()));
    assert_eq!(first["ReleaseDigest"], second["ReleaseDigest"]);
    assert!(envelope == world.release_object(&tested.key("release.dsse.json")));
    assert_eq!(
        world.count("s3", "PutObject") + world.count("kms", "Sign"),
        0
    );

    // Two deliveries at the same time.
    let again = world.tested_again(&tested);
    let pipeline = world.rehearsal.pipeline();
    let started = pipeline
        .start_job(world.release_job(&again, &json!({})))
        .unwrap();
    pipeline.redeliver(&started).unwrap();
    succeeded(&world.end_of(&started));
    world.rehearsal.settle(PATIENCE).unwrap();
    assert_eq!(world.released(&again.key("")).len(), 2);
    world.statement(&again);
}

// rules: 3.7.6
#[test]
fn other_bytes_of_a_release_that_is_there_are_refused() {
    let world = world();
    let tested = world.tested("released-otherwise");
    succeeded(&world.run(world.release_job(&tested, &json!({}))));
    // What was approved is another thing now: the preview's place in the record is taken by another
    // approval of the same execution.
    world.approved(&tested.execution);
    let (kind, message) = failed(&world.run(world.release_job(&tested, &json!({}))));
    assert_eq!(kind, "RevisionOutOfSync", "{message}");
    assert!(message.contains("differs in the approvals"), "{message}");
}

/// Named files, several at once.
// rules: 3.7.3
#[test]
fn named_files_are_delivered_out_of_an_artifact() {
    let world = world();
    let case = world.case("named");
    let tested = world.tested_case(&case, &[("sql/1.sql", b"create"), ("sql/2.sql", b"")]);
    world.approved(&tested.execution);
    let named = [
        "Build::sql/1.sql",
        "Build::sql/2.sql",
        "Build::imagedefinitions.json",
    ];
    let job = world.release_job(&tested, &json!({"artifacts": named}));
    world.rehearsal.proxy().reset();
    succeeded(&world.run(job));
    assert_eq!(
        world.released(&tested.key("Build/")),
        ["imagedefinitions.json", "sql/1.sql", "sql/2.sql"]
            .map(|name| tested.key(&format!("Build/{name}")))
    );
    assert_eq!(
        world.release_object(&tested.key("Build/sql/1.sql")),
        b"create"
    );
    let said = world.statement(&tested).predicate;
    let paths: Vec<_> = said
        .artifacts
        .iter()
        .filter_map(|one| one.path.as_deref())
        .collect();
    assert_eq!(paths, ["sql/1.sql", "sql/2.sql", "imagedefinitions.json"]);
    // Every call there names the account that has to own the bucket.
    let calls = world.rehearsal.proxy().calls();
    let there = calls
        .iter()
        .filter(|call| call.path.contains(suite::RELEASES_BUCKET));
    let there: Vec<_> = there.collect();
    assert!(there.len() >= 6, "{calls:#?}");
    for call in there {
        let owner = call.headers.get("x-amz-expected-bucket-owner");
        assert_eq!(owner.unwrap(), suite::PRODUCTION_ACCOUNT, "{call:?}");
    }
}

/// Two calls an artifact, whatever their number; all else is done once.
#[test]
fn each_artifact_takes_two_calls() {
    let world = world();
    let tested = world.tested("counted");
    let mut counted = Vec::new();
    for more in [0, 1, 4] {
        let again = world.tested_again(&tested);
        let mut job = world.release_job(&again, &json!({}));
        for n in 0..more {
            let name = format!("More{n}");
            let content = format!("artifact {n}").into_bytes();
            let artifact = world.suite.store.put_artifact(&name, &[("file", &content)]);
            job.input_artifacts.push(artifact.unwrap());
        }
        world.rehearsal.proxy().reset();
        succeeded(&world.run(job));
        counted.push(world.calls().len() - 2 * (1 + more));
    }
    assert_eq!(counted, [counted[0]; 3]);
}

/// The end of a job that did not end well is told whole.
#[test]
fn a_bucket_of_another_account_is_refused() {
    let world = world();
    let tested = world.tested("foreign-bucket");
    let bucket = &tested.build.bucket;
    let ended = world.run(world.release_job(&tested, &json!({"bucket": bucket})));
    let Outcome::Failed { kind, message, .. } = &ended.outcome else {
        panic!("{ended:#?}")
    };
    assert_eq!(kind, "PermissionError", "{message}");
}
