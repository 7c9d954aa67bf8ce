//! What `rollout_file` promises, in cases and properties.

use super::*;
use jsonschema::Validator;
use proptest::prelude::*;
use serde_json::json;
use std::sync::LazyLock;

const EXECUTION_ID: &str = "22222222-2222-2222-2222-222222222222";

fn file() -> Value {
    json!({
        "targets": [{"service": "web", "cluster": "test"}],
        "region": "ap-southeast-2",
        "role": "arn:aws:iam::333333333333:role/redbutton-rollout",
        "externalId": "redbutton-test",
    })
}

#[test]
fn a_short_file_takes_the_defaults() {
    let file = RolloutFile::from_value(&file()).unwrap();
    assert_eq!(
        (
            file.stall_minutes,
            file.timeout_minutes,
            file.rollback_minutes
        ),
        (15, 120, 30)
    );
    assert_eq!(file.targets[0].account(), Some("333333333333"));
    assert_eq!(file.targets[0].region.as_str(), "ap-southeast-2");
    assert_eq!(file.on_failure, OnFailure::Rollback);
}

// rules: 3.1.4
#[test]
fn everything_wrong_is_said_at_once_with_its_path() {
    let wrongs = UserParameters::from_value(&json!({
        "execution": "#{codepipeline.PipelineExecutionId}",
        "Rollout": "x",
        "rollout": {
            "targets": [{"service": "web!", "clutser": "test", "role": "redbutton"}],
            "region": "sydney", "timeoutMinutes": 5000, "onFailure": "panic", "allow": "all",
        },
    }))
    .unwrap_err();
    let all = wrongs.join("\n");
    insta::assert_snapshot!(all);
}

// rules: 3.1.4 3.1.6
#[test]
fn absent_or_broken_parameters_come_with_an_example() {
    for text in [None, Some(""), Some("  "), Some("{"), Some("rollout=x")] {
        let failure = UserParameters::parse(text).unwrap_err();
        assert!(
            failure.message.contains("PipelineExecutionId"),
            "{}",
            failure.message
        );
    }
    assert!(
        UserParameters::parse(Some("[]"))
            .unwrap_err()
            .message
            .contains("JSON object")
    );
}

/// What a person might write for the keys of a stack target.
fn of_a_stack() -> Vec<(&'static str, Value)> {
    let get_param = |arguments: Value| json!({"Image": {"Fn::GetParam": arguments}});
    let long = |count: usize| "é".repeat(count);
    let keys: [(&'static str, Vec<Value>); 12] = [
        (
            "stack",
            vec![json!("web-2"), json!("2web"), json!("web_2"), json!(2)],
        ),
        ("name", vec![json!("web_2"), json!("a b")]),
        (
            "template",
            vec![json!("Build::a.yaml"), json!("a.yaml"), json!(null)],
        ),
        (
            "parameters",
            vec![
                json!("Build::test.json"),
                json!("test.json"),
                json!([]),
                json!({"Cpu": 512, "Public": true, "Image": "r/web:v2"}),
                json!({"Cpu": 2.5}),
                json!({"Cpu": null}),
                get_param(json!(["Build", "out.json", "Image"])),
                get_param(json!(["Build", "out.json"])),
                get_param(json!(["Build", "out.json", "Image", "x"])),
                get_param(json!(["Build", "out.json", 3])),
                get_param(json!(["Build", "", "Image"])),
                get_param(json!(["Build", "out.json", ""])),
                get_param(json!(["a b", "out.json", "Image"])),
                get_param(json!("Build::out.json")),
                json!({"Bucket": {"Fn::GetArtifactAtt": ["Build", "BucketName"]}}),
                json!({"Two": {"Fn::GetParam": ["Build", "o", "i"], "Ref": "a"}}),
            ],
        ),
        (
            "imageParameters",
            vec![
                json!({"web": "Image"}),
                json!({"web": "a b"}),
                json!("Image"),
            ],
        ),
        (
            "capabilities",
            vec![
                json!([
                    "CAPABILITY_IAM",
                    "CAPABILITY_NAMED_IAM",
                    "CAPABILITY_AUTO_EXPAND"
                ]),
                json!(["CAPABILITY_ALL"]),
                json!("CAPABILITY_IAM"),
            ],
        ),
        (
            "cloudFormationRole",
            vec![json!("arn:aws:iam::333333333333:role/x"), json!("x")],
        ),
        (
            "allowReplacement",
            vec![json!(["Nested/Database"]), json!([""]), json!("Database")],
        ),
        (
            "tags",
            vec![
                json!({}),
                json!({"team": long(256)}),
                json!({"team": long(257)}),
                json!({"team": ""}),
                json!({long(128): "a"}),
                json!({long(129): "a"}),
                json!({"": "a"}),
                json!({"aws:team": "a"}),
                json!({"team": 1}),
                json!([]),
                (0..51).map(|n| (format!("t{n}"), json!("x"))).collect(),
            ],
        ),
        (
            "templateBucket",
            vec![json!("a.b-c"), json!("ab"), json!("Abc"), json!("abc-")],
        ),
        ("create", vec![json!(true), json!(false), json!("true")]),
        ("cluster", vec![json!("test")]),
    ];
    keys.into_iter()
        .flat_map(|(key, values)| values.into_iter().map(move |value| (key, value)))
        .collect()
}

/// A document near a valid one: some keys replaced by anything that a person might write.
fn near_documents() -> impl Strategy<Value = Value> {
    let odd = prop_oneof![
        Just(json!(null)),
        Just(json!(0)),
        Just(json!(7)),
        Just(json!(1_261)),
        Just(json!(-1)),
        Just(json!(2.5)),
        Just(json!("")),
        Just(json!("stop")),
        Just(json!("rollback")),
        Just(json!("Build::a/b.json")),
        Just(json!("::x")),
        Just(json!("Build::")),
        Just(json!("us-gov-west-1")),
        Just(json!("eu-1")),
        Just(json!([])),
        Just(json!({})),
        Just(json!(["Build::x"])),
        Just(json!(["a", ""])),
        Just(json!("arn:aws:iam::333333333333:role/x")),
        Just(json!("arn:aws:iam::33:role/x")),
        Just(json!("a b")),
        Just(json!("x")),
        Just(json!("ab")),
        Just(json!([{"service": "web", "cluster": "test"}, {"service": "api", "cluster": "test"}])),
        Just(json!({"web": "/web/image"})),
        Just(json!({"web": "a b"})),
        Just(json!({"r.example/web": "r.example:5000/prod/web"})),
        Just(json!({"r.example/web": "r.example/web:v1"})),
        Just(json!({"a b": "r.example/web"})),
        Just(json!({"web": 7})),
        Just(json!(true)),
    ];
    let key = prop_oneof![
        Just("targets"),
        Just("region"),
        Just("role"),
        Just("externalId"),
        Just("images"),
        Just("taskDefinition"),
        Just("stallMinutes"),
        Just("timeoutMinutes"),
        Just("allow"),
        Just("rollbackMinutes"),
        Just("onFailure"),
        Just("name"),
        Just("service"),
        Just("cluster"),
        Just("task"),
        Just("like"),
        Just("command"),
        Just("container"),
        Just("environment"),
        Just("after"),
        Just("publishImage"),
        Just("repositories"),
        Just("stack"),
        Just("unheardOf"),
    ];
    let target = prop_oneof![
        Just(json!({"service": "web", "cluster": "test"})),
        Just(json!({"task": "migrate", "like": "web", "cluster": "test"})),
        Just(
            json!({"stack": "web", "template": "Build::service.yaml", "create": true,
                    "imageParameters": {"web": "Image"}, "parameters": {"Cpu": "512"}})
        ),
    ];
    let anything = (any::<bool>(), any::<bool>(), key, odd);
    let of_a_stack =
        proptest::sample::select(of_a_stack()).prop_map(|(key, value)| (true, false, key, value));
    let edit = prop_oneof![anything, of_a_stack];
    let edits = proptest::collection::vec(edit, 0..4);
    (target, edits).prop_map(|(target, edits)| {
        let mut document = file();
        document["targets"] = json!([target]);
        for (in_target, remove, key, value) in edits {
            let object = if in_target {
                document.pointer_mut("/targets/0")
            } else {
                Some(&mut document)
            };
            let Some(Value::Object(object)) = object else {
                continue;
            };
            if remove {
                object.remove(key);
            } else {
                object.insert(key.into(), value);
            }
        }
        document
    })
}

/// What a schema cannot say: a target needs a region from somewhere, two numbers have a sum, names
/// are looked up.
fn only_the_door_knows(wrong: &str) -> bool {
    [
        "here or at the top",
        "must together be",
        "another \"name\"",
        "the same service",
        "the same stack",
        "since there is none to keep",
        "and so does",
        "no target is named",
        "the target itself",
        "in a circle",
        "without tag and digest",
    ]
    .iter()
    .any(|text| wrong.contains(text))
}

static ROLLOUT_FILE: LazyLock<Validator> =
    LazyLock::new(|| jsonschema::validator_for(&written::rollout_file_schema()).unwrap());
static USER_PARAMETERS: LazyLock<Validator> =
    LazyLock::new(|| jsonschema::validator_for(&written::user_parameters_schema()).unwrap());

proptest! {
    #![proptest_config(ProptestConfig::with_cases(1_000))]
    #[test]
    fn door_and_schema_are_of_one_opinion(document in near_documents()) {
        let schema = &*ROLLOUT_FILE;
        let parsed = RolloutFile::from_value(&document);
        if let Err(wrongs) = &parsed && wrongs.iter().all(|wrong| only_the_door_knows(wrong)) {
            return Ok(());
        }
        prop_assert_eq!(parsed.is_ok(), schema.is_valid(&document), "{} {:?}", document, parsed);
    }

    #[test]
    fn parameters_and_their_schema_are_of_one_opinion(
        document in near_documents(), inline: bool, execution: bool, pipeline in "[a-z.#]{0,3}",
    ) {
        let rollout = if inline { document } else { json!("Build::rollout.json") };
        let execution = if execution { EXECUTION_ID } else { "#{x}" };
        let parameters = json!({"rollout": rollout, "execution": execution, "pipeline": pipeline});
        let schema = &*USER_PARAMETERS;
        let parsed = UserParameters::from_value(&parameters);
        if let Err(wrongs) = &parsed && wrongs.iter().all(|wrong| only_the_door_knows(wrong)) {
            return Ok(());
        }
        prop_assert_eq!(parsed.is_ok(), schema.is_valid(&parameters), "{} {:?}", parameters, parsed);
    }
}
