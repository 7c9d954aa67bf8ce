//! What the door makes of stack targets, in cases.

use super::super::RolloutFile;
use super::*;
use crate::rollout_file::target::{Kind, Target};
use serde_json::json;

/// The target of a file with defaults at its top.
fn parse(target: Value) -> Result<Target, Vec<String>> {
    let file = json!({
        "targets": [target],
        "region": "ap-southeast-2",
        "role": "arn:aws:iam::333333333333:role/redbutton-rollout",
        "taskDefinition": "Build::taskdef.json",
    });
    RolloutFile::from_value(&file).map(|mut file| file.targets.remove(0))
}

fn stack(target: Value) -> StackTarget {
    match parse(target).unwrap().kind {
        Kind::Stack(stack) => *stack,
        other => panic!("{other:?}"),
    }
}

// rules: 3.6.3
#[test]
fn a_short_stack_target_takes_the_defaults() {
    let target = parse(json!({"stack": "web"})).unwrap();
    assert_eq!((target.name.as_str(), target.cluster.as_str()), ("web", ""));
    assert_eq!(target.account(), Some("333333333333"));
    // The file's task definition is for services and tasks.
    assert_eq!(target.task_definition, None);
    let expected = StackTarget {
        stack: "web".into(),
        template: None,
        parameters: Parameters::Inline(Vec::new()),
        image_parameters: Vec::new(),
        capabilities: Vec::new(),
        cloudformation_role: None,
        allow_replacement: Vec::new(),
        tags: None,
        template_bucket: None,
        create: false,
    };
    assert_eq!(target.stack(), Some(&expected));
}

// rules: 3.6.16
#[test]
fn parameters_come_from_a_file_or_stand_there() {
    let file = stack(json!({"stack": "web", "parameters": "Build::test.json"}));
    let place = |text: &str| Place::parse(text).unwrap();
    assert_eq!(file.parameters, Parameters::File(place("Build::test.json")));

    let inline = stack(json!({"stack": "web", "parameters": {
        "Cpu": "512", "Count": 2, "Public": false, "Empty": "",
        "Image": {"Fn::GetParam": ["Build", "a/out.json", "ImageUri"]},
    }}));
    let text = |name: &str, text: &str| (name.to_owned(), Written::Text(text.to_owned()));
    let from_file = Written::FromFile(place("Build::a/out.json"), "ImageUri".into());
    let expected = vec![
        text("Cpu", "512"),
        text("Count", "2"),
        text("Public", "false"),
        text("Empty", ""),
        ("Image".to_owned(), from_file),
    ];
    assert_eq!(inline.parameters, Parameters::Inline(expected));
}

// rules: 3.6.11
#[test]
fn no_tags_and_an_empty_object_of_tags_are_two_things() {
    assert_eq!(stack(json!({"stack": "web"})).tags, None);
    let none = stack(json!({"stack": "web", "tags": {}}));
    assert_eq!(none.tags, Some(Vec::new()));
}

#[test]
fn a_long_stack_target_has_it_all() {
    let target = stack(json!({
        "stack": "web-test", "name": "web", "template": "Build::service.yaml",
        "imageParameters": {"web": "Image"}, "capabilities": ["CAPABILITY_NAMED_IAM"],
        "cloudFormationRole": "arn:aws:iam::333333333333:role/redbutton-cloudformation",
        "allowReplacement": ["Database", "Nested/Database"], "tags": {"team": "web"},
        "templateBucket": "templates-333333333333-ap-southeast-2", "create": true,
    }));
    let role = target.cloudformation_role.as_ref().unwrap();
    assert_eq!(role.account().as_str(), "333333333333");
    assert_eq!(
        target.image_parameters,
        [("web".to_owned(), "Image".to_owned())]
    );
    assert_eq!(target.allow_replacement, ["Database", "Nested/Database"]);
    assert_eq!(target.capabilities, ["CAPABILITY_NAMED_IAM"]);
    assert!(target.create && target.template_bucket.is_some() && target.template.is_some());
}

#[test]
fn everything_wrong_is_said_at_once_with_its_path() {
    let wrongs = parse(json!({
        "stack": "1web", "cluster": "test", "taskDefinition": "Build::t.json",
        "template": "service.yaml", "create": "yes",
        "parameters": {
            "Image": "r/web:v2", "Ratio": 1.10, "List": ["a"], "None": null,
            "Bucket": {"Fn::GetArtifactAtt": ["Build", "BucketName"]},
            "Short": {"Fn::GetParam": ["Build", "out.json"]},
            "Odd": {"Fn::GetParam": ["Build", "out.json", 3]},
            "Artifact": {"Fn::GetParam": ["my build", "out.json", "Key"]},
            "Two": {"Fn::GetParam": ["Build", "out.json", "Key"], "Ref": "x"},
        },
        "imageParameters": {"web": "Image", "api": "Api", "side": "Api", "odd": "a b"},
        "capabilities": ["CAPABILITY_ADMIN"],
        "cloudFormationRole": "redbutton-cloudformation",
        "allowReplacement": "Database",
        "tags": {"aws:team": "web", "team": "", "n": 1},
        "templateBucket": "Templates",
    }))
    .unwrap_err();
    insta::assert_snapshot!(wrongs.join("\n"));
}

#[test]
fn names_are_those_that_aws_takes() {
    for (key, value, fits) in [
        ("stack", json!("w"), true),
        ("stack", json!(format!("w{}", "-".repeat(127))), true),
        ("stack", json!(format!("w{}", "-".repeat(128))), false),
        ("stack", json!(""), false),
        ("stack", json!("web_test"), false),
        ("stack", json!("-web"), false),
        (
            "stack",
            json!("arn:aws:cloudformation:us-east-1:333333333333:stack/web/0"),
            false,
        ),
        ("templateBucket", json!("abc"), true),
        ("templateBucket", json!("a.b-c"), true),
        ("templateBucket", json!("ab"), false),
        ("templateBucket", json!("-abc"), false),
        ("templateBucket", json!("abc."), false),
        ("templateBucket", json!("a".repeat(64)), false),
        ("templateBucket", json!("s3://abc"), false),
        ("create", json!(true), false),
        ("allowReplacement", json!([""]), false),
        ("parameters", json!("test.json"), false),
        ("parameters", json!([]), false),
    ] {
        let mut target = json!({"stack": "web"});
        target[key] = value.clone();
        let parsed = parse(target);
        assert_eq!(parsed.is_ok(), fits, "{key} {value}: {parsed:?}");
    }
}

#[test]
fn a_stack_takes_fifty_tags() {
    let tags = |count: usize| {
        let tags: serde_json::Map<_, _> =
            (0..count).map(|n| (format!("t{n}"), json!("x"))).collect();
        parse(json!({"stack": "web", "tags": tags}))
    };
    assert!(tags(50).is_ok());
    let wrongs = tags(51).unwrap_err().join("");
    assert_eq!(wrongs, "targets[0].tags: must be at most 50 tags, not 51");
}
