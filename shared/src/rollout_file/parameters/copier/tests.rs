//! What the door for these parameters promises.

use super::super::super::written::copier_parameters_schema;
use super::*;
use jsonschema::Validator;
use proptest::prelude::*;
use serde_json::json;
use std::sync::LazyLock;

fn parameters() -> Value {
    json!({
        "bucket": "production-releases",
        "region": "ap-southeast-2",
        "role": "arn:aws:iam::222222222222:role/redbutton-release",
        "externalId": "redbutton-release",
        "pipeline": "orders",
        "execution": "22222222-abcd-1111-abcd-222222abcdef",
        "rollout": "Build::production.json",
        "approval": "Production/Approve",
    })
}

/// The parameters with some keys replaced; null takes one away.
fn with(changes: &Value) -> Value {
    let mut all = parameters();
    let object = all.as_object_mut().unwrap();
    for (key, value) in changes.as_object().unwrap() {
        match value {
            Value::Null => drop(object.remove(key)),
            value => drop(object.insert(key.clone(), value.clone())),
        }
    }
    all
}

fn read(changes: Value) -> CopierParameters {
    CopierParameters::from_value(&with(&changes)).unwrap()
}

#[test]
fn what_is_left_out_takes_the_defaults() {
    let short = read(json!({}));
    assert_eq!(short.approvals, ["Production/Approve"]);
    assert_eq!(short.rollout.to_string(), "Build::production.json");
    assert_eq!(short.role.account().as_str(), "222222222222");
    assert_eq!(short.external_id.as_deref(), Some("redbutton-release"));
    assert!(short.artifacts.is_empty() && short.follow);
    assert_eq!((short.key, short.signing_key), (None, None));
    assert_eq!(read(json!({"externalId": null})).external_id, None);
}

#[test]
fn one_or_several_are_written_alike() {
    let key = "arn:aws:kms:ap-southeast-2:222222222222:key/0f";
    let several = read(json!({
        "artifacts": ["Build", "Config::a/b.json"], "approval": ["A/One", "B/Two.x@y_z"],
        "key": key, "signingKey": key, "follow": false,
    }));
    assert_eq!(
        several.artifacts,
        ["Build", "Config::a/b.json"].map(|text| Wanted::parse(text).unwrap())
    );
    assert_eq!(several.approvals, ["A/One", "B/Two.x@y_z"]);
    assert!(!several.follow);
    assert_eq!(
        (several.key.as_deref(), several.signing_key.as_deref()),
        (Some(key), Some(key))
    );
    let one = read(json!({"artifacts": "Build"}));
    assert_eq!(one.artifacts, [Wanted::Whole("Build".to_owned())]);
}

#[test]
fn a_release_that_nobody_has_to_approve_says_so() {
    let none = read(json!({"approval": null, "requireApproval": false}));
    assert!(none.approvals.is_empty());
    // One that is named is needed all the same.
    let one = read(json!({"requireApproval": false}));
    assert_eq!(one.approvals, ["Production/Approve"]);
    for more in [
        json!({"approval": null}),
        json!({"approval": null, "requireApproval": true}),
    ] {
        let wrongs = CopierParameters::from_value(&with(&more)).unwrap_err();
        assert_eq!(wrongs.len(), 1);
        assert!(
            wrongs[0].contains("\"requireApproval\": false"),
            "{wrongs:?}"
        );
    }
}

// rules: 3.1.8 3.8.5
#[test]
fn a_key_is_named_by_its_arn() {
    for key in [
        "alias/releases",
        "arn:aws:kms:ap-southeast-2:222222222222:alias/releases",
        "0f0f0f0f-abcd-1111-abcd-222222abcdef",
        "arn:aws:kms:ap-southeast-2:222222222222:key/",
        "arn:aws:kms::222222222222:key/0f",
        "arn:aws:s3:ap-southeast-2:222222222222:key/0f",
    ] {
        for name in ["key", "signingKey"] {
            let wrongs = CopierParameters::from_value(&with(&json!({name: key}))).unwrap_err();
            assert!(wrongs[0].contains("a KMS key's ARN"), "{wrongs:?}");
        }
    }
}

// rules: 3.1.4 3.1.6
#[test]
fn absent_or_broken_parameters_come_with_an_example_that_is_right() {
    for text in [None, Some(""), Some(" "), Some("{")] {
        let failure = CopierParameters::parse(text).unwrap_err();
        assert!(failure.message.contains(EXAMPLE), "{}", failure.message);
    }
    let example = EXAMPLE
        .replacen("\"bucket\": \"…\"", "\"bucket\": \"releases\"", 1)
        .replace(
            "#{codepipeline.PipelineExecutionId}",
            "22222222-abcd-1111-abcd-222222abcdef",
        )
        .replace('…', "orders");
    CopierParameters::parse(Some(&example)).unwrap();
    // They are a tenth of what CodePipeline takes.
    assert!(parameters().to_string().len() < 500);
}

#[test]
fn everything_wrong_is_said_at_once() {
    let wrongs = CopierParameters::from_value(&json!({
        "Bucket": "x", "bucket": "No", "region": "sydney", "role": "release", "externalId": "x",
        "pipeline": "a b", "execution": "#{codepipeline.PipelineExecutionId}",
        "rollout": "production.json", "artifacts": ["Build", "a b", 1], "key": "alias/x",
        "signingKey": 7, "approval": ["Approve", "A/B/C"], "requireApproval": "no", "follow": 1,
    }))
    .unwrap_err();
    insta::assert_snapshot!(wrongs.join("\n"));
    let empty = json!({"artifacts": [], "approval": []});
    let wrongs = CopierParameters::from_value(&with(&empty)).unwrap_err();
    assert_eq!(wrongs.len(), 2, "{wrongs:?}");
    let wrongs = CopierParameters::from_value(&json!({})).unwrap_err();
    insta::assert_snapshot!(wrongs.join("\n"));
}

/// What a person might write, and how it could be wrong.
fn near() -> impl Strategy<Value = Value> {
    let keys: [(&str, Vec<Value>); 13] = [
        (
            "bucket",
            vec![
                json!("a.b-c"),
                json!("ab"),
                json!("abc"),
                json!("Abc"),
                json!("abc-"),
                json!("x".repeat(63)),
                json!("x".repeat(64)),
            ],
        ),
        (
            "region",
            vec![
                json!("us-gov-west-1"),
                json!("eu-1"),
                json!("x-east-1"),
                json!("us-east-123"),
            ],
        ),
        (
            "role",
            vec![
                json!("arn:aws-cn:iam::222222222222:role/a/b"),
                json!("arn:aws:iam::2:role/x"),
                json!("arn:aws:iam::222222222222:user/x"),
                json!("arn:aws:iam::222222222222:role/*"),
            ],
        ),
        (
            "externalId",
            vec![
                json!("x"),
                json!("xy"),
                json!("a b"),
                json!("x".repeat(1_225)),
            ],
        ),
        (
            "pipeline",
            vec![
                json!("a.b@c-d_e"),
                json!(""),
                json!("a b"),
                json!("x".repeat(101)),
            ],
        ),
        (
            "execution",
            vec![
                json!("22222222-abcd-1111-abcd-222222abcde"),
                json!("#{x}"),
                json!("22222222-ABCD-1111-abcd-222222abcdef"),
            ],
        ),
        (
            "rollout",
            vec![
                json!("Build::a::b"),
                json!("Build::"),
                json!("::a"),
                json!("a.b::c"),
                json!({"targets": []}),
            ],
        ),
        (
            "artifacts",
            vec![
                json!("Build"),
                json!("Build::x\ny"),
                json!("Build::"),
                json!(["Build", "B::x"]),
                json!([]),
                json!(["a b"]),
                json!([1]),
                json!({}),
            ],
        ),
        (
            "key",
            vec![
                json!("arn:aws:kms:ap-southeast-2:222222222222:key/mrk-0f"),
                json!("arn:aws-us-gov:kms:us-gov-west-1:222222222222:key/0f"),
                json!("arn:awsX:kms:ap-southeast-2:222222222222:key/0f"),
                json!("arn:aws:kms:ap-southeast-2:2:key/0f"),
                json!("arn:aws:kms:ap-southeast-2::key/0f"),
                json!("arn:aws:kms:ap-southeast-2:22222222222x:key/0f"),
                json!("arn:aws:kms:ap-southeast-2:222222222222:key/a/b"),
                json!(format!(
                    "arn:aws:kms:ap-southeast-2:222222222222:key/{}",
                    "a".repeat(129)
                )),
                json!("alias/x"),
            ],
        ),
        (
            "signingKey",
            vec![
                json!("arn:aws:kms:us-east-1:111111111111:key/0f"),
                json!("arn:aws:kms:us-east-1:111111111111:alias/x"),
            ],
        ),
        (
            "approval",
            vec![
                json!("A/B"),
                json!("A"),
                json!("A/"),
                json!("/B"),
                json!("A/B/C"),
                json!(["A/B", "C/D"]),
                json!([]),
                json!(["A"]),
                json!(format!("A/{}", "x".repeat(101))),
            ],
        ),
        (
            "requireApproval",
            vec![json!(true), json!(false), json!("false")],
        ),
        ("follow", vec![json!(false), json!(0)]),
    ];
    let known: Vec<&str> = keys.iter().map(|(key, _)| *key).collect();
    let of_a_key = keys.into_iter().flat_map(|(key, values)| {
        values
            .into_iter()
            .map(move |value| (key.to_owned(), Some(value)))
    });
    let of_a_key: Vec<(String, Option<Value>)> = of_a_key.collect();
    let odd = prop::sample::select(vec![
        json!(null),
        json!(0),
        json!(""),
        json!("x"),
        json!([]),
        json!({}),
        json!(true),
    ]);
    let anything = (
        prop::sample::select([known, vec!["unheardOf"]].concat()),
        proptest::option::of(odd),
    );
    let edit = prop_oneof![
        3 => prop::sample::select(of_a_key),
        1 => anything.prop_map(|(key, value)| (key.to_owned(), value)),
    ];
    proptest::collection::vec(edit, 0..4).prop_map(|edits| {
        let mut document = parameters();
        let object = document.as_object_mut().unwrap();
        for (key, value) in edits {
            match value {
                Some(value) => drop(object.insert(key, value)),
                None => drop(object.remove(&key)),
            }
        }
        document
    })
}

static SCHEMA: LazyLock<Validator> =
    LazyLock::new(|| jsonschema::validator_for(&copier_parameters_schema()).unwrap());

proptest! {
    #![proptest_config(ProptestConfig::with_cases(2_000))]
    #[test]
    fn door_and_schema_are_of_one_opinion(document in near()) {
        let parsed = CopierParameters::from_value(&document);
        prop_assert_eq!(parsed.is_ok(), SCHEMA.is_valid(&document), "{} {:?}", document, parsed);
    }
}
