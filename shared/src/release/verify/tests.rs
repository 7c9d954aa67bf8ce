//! What `verify` promises.

use super::super::sample::{FOLDER, Signer, predicate, statement};
use super::super::statement::Predicate;
use super::*;

fn bytes(signer: &Signer, payload: &[u8]) -> Vec<u8> {
    signer.envelope(payload).to_bytes().unwrap()
}

// rules: 3.8.2 3.8.5
#[test]
fn a_release_is_what_a_trusted_key_signed_in_a_known_form() {
    let signer = Signer::new();
    let keys = [Signer::new().public(), signer.public()];
    let payload = statement().canonical().unwrap();
    let verified = open(&bytes(&signer, &payload), &keys).unwrap();
    let expected = Verified {
        statement: statement(),
        key: signer.public().id(),
    };
    assert_eq!(verified, expected);
    for (bytes, keys, expected) in [
        (
            bytes(&signer, &payload),
            &keys[..1],
            "no signature in it is by a key that is trusted here",
        ),
        (bytes(&signer, &payload), &[], "trusted: none"),
        (
            bytes(&signer, b"{}"),
            &keys,
            "the statement's _type is \"\"",
        ),
        (b"release".to_vec(), &keys, "it is no DSSE envelope"),
        (payload, &keys, "it is no DSSE envelope"),
    ] {
        let wrong = open(&bytes, keys).unwrap_err();
        assert!(wrong.contains(expected), "{wrong}");
    }
}

/// Everything that speaks against the sample, with one change, in its folder and destination.
fn against(change: impl FnOnce(&mut Predicate)) -> Vec<String> {
    let destination = predicate().destination;
    let mut predicate = predicate();
    change(&mut predicate);
    belongs(&Statement::new(predicate), &destination, FOLDER)
}

// rules: 3.8.4
#[test]
fn a_release_for_one_environment_is_none_for_another() {
    assert_eq!(against(|_| {}), [""; 0]);
    let elsewhere: [fn(&mut Destination); 3] = [
        |there| there.account = "333333333333".to_owned(),
        |there| there.region = "us-east-1".to_owned(),
        |there| there.bucket = "other".to_owned(),
    ];
    for change in elsewhere {
        let wrongs = against(|predicate| change(&mut predicate.destination));
        assert_eq!(wrongs.len(), 1, "{wrongs:?}");
        assert!(wrongs[0].contains(
            "and this is account 222222222222, ap-southeast-2, bucket production-releases"
        ));
    }
}

// rules: 3.8.4
#[test]
fn a_release_lies_in_its_own_folder_with_all_that_it_names() {
    let wrongs = belongs(
        &statement(),
        &predicate().destination,
        "releases/orders/other/",
    );
    assert_eq!(
        wrongs,
        [format!(
            "it is the release of {FOLDER}, and lies in releases/orders/other/"
        )]
    );
    for key in [
        "releases/orders/other/Build.zip",
        "Build.zip",
        "releases/orders/22222222-abcd-1111-abcd-222222abcdef",
    ] {
        let wrongs = against(|predicate| key.clone_into(&mut predicate.artifacts[1].key));
        assert_eq!(
            wrongs,
            [format!(
                "its artifact {key} lies outside of its folder {FOLDER}"
            )]
        );
    }
    // All of it is told.
    let wrongs = against(|predicate| {
        "other".clone_into(&mut predicate.source.pipeline);
        "other".clone_into(&mut predicate.destination.bucket);
    });
    assert_eq!(wrongs.len(), 4, "{wrongs:?}");
}

// rules: 3.8.2
#[test]
fn two_statements_differ_in_parts_that_have_names() {
    type Change = fn(&mut Predicate);
    let cases: [(Change, &str); 8] = [
        (|of| of.destination.bucket.push('x'), "the destination"),
        (|of| of.source.revisions.clear(), "the source"),
        (|of| of.artifacts[0].version.push('x'), "the artifacts"),
        (|of| of.images.clear(), "the images"),
        (|of| of.tests[0].proof = 1.into(), "the proof of the test"),
        (|of| of.approvals[0].at += 1, "the approvals"),
        (|of| of.preview = None, "the preview"),
        (|of| of.rollout.file = 1.into(), "the rollout file"),
    ];
    assert_eq!(differences(&statement(), &statement()), [""; 0]);
    let mut all = predicate();
    for (change, part) in cases {
        let mut one = predicate();
        change(&mut one);
        assert_eq!(differences(&statement(), &Statement::new(one)), [part]);
        change(&mut all);
    }
    let parts = cases.map(|(_, part)| part);
    assert_eq!(differences(&Statement::new(all), &statement()), parts);
}
