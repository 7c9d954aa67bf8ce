//! What `task_definition` promises, in cases and properties.

use super::*;
use proptest::prelude::*;

fn described() -> Value {
    json!({
        "taskDefinition": {
            "taskDefinitionArn": "arn:aws:ecs:ap-southeast-2:333333333333:task-definition/web:7",
            "family": "web", "revision": 7, "status": "ACTIVE", "compatibilities": ["FARGATE"],
            "requiresAttributes": [{"name": "x"}], "registeredAt": 1.5, "registeredBy": "someone",
            "deregisteredAt": 2, "deleteRequestedAt": 3, "pidMode": null,
            "enableFaultInjection": false, "futureField": {"deep": [1, "", {"a": ""}]},
            "proxyConfiguration": {"properties": [{"name": "x", "value": ""}]},
            "containerDefinitions": [
                {"name": "web", "image": "r/web:v1", "environment": [{"name": "EMPTY", "value": ""}],
                 "brandNew": {"nested": true}, "links": null},
                {"name": "sidecar", "image": "r/side:v1"},
            ],
        },
        "tags": [{"key": "team", "value": "web"}, {"key": "aws:cloudformation:stack-name", "value": "s"},
                 {"key": "redbutton:sha256", "value": "old"}],
    })
}

fn definitions(images: &[(&str, &str)]) -> Vec<ImageFile> {
    vec![ImageFile::Definitions(
        images
            .iter()
            .map(|(name, image)| ((*name).to_owned(), Image::parse(image).unwrap()))
            .collect(),
    )]
}

#[test]
fn everything_but_the_nine_read_only_fields_is_registered_again() {
    let mut definition = Described::from_answer(&described()).unwrap().definition;
    definition
        .put_images(&definitions(&[("web", "r/web:v2")]))
        .unwrap();
    insta::assert_json_snapshot!(
        definition
            .register_input("execution/web", "attempt")
            .unwrap()
    );
}

#[test]
fn a_file_is_the_input_or_a_description() {
    let file = serde_json::to_vec(&described()).unwrap();
    let from_description = TaskDefinition::from_file(&file).unwrap();
    assert_eq!(
        from_description,
        Described::from_answer(&described()).unwrap().definition
    );
    for (text, expected) in [
        ("{", "not JSON"),
        ("[]", "object"),
        ("{\"family\":\"web\"}", "containerDefinitions"),
        ("{\"containerDefinitions\":[{\"name\":\"a\"}]}", "family"),
    ] {
        assert!(
            TaskDefinition::from_file(text.as_bytes())
                .unwrap_err()
                .join("")
                .contains(expected)
        );
    }
}

#[test]
fn a_name_that_no_container_has_is_refused_with_those_that_exist() {
    let mut definition = Described::from_answer(&described()).unwrap().definition;
    let wrongs = definition
        .put_images(&definitions(&[("wbe", "r/web:v2")]))
        .unwrap_err();
    assert!(
        wrongs.join("").contains("\"wbe\"; there are: web, sidecar"),
        "{wrongs:?}"
    );
    let twice = [definitions(&[("web", "a")]), definitions(&[("web", "b")])].concat();
    assert!(
        definition
            .put_images(&twice)
            .unwrap_err()
            .join("")
            .contains("two image files")
    );
}

#[test]
fn placeholders_are_filled_and_none_is_left_over() {
    let file = br#"{"family":"web","containerDefinitions":[{"name":"a","image":"<IMAGE1_NAME>"},{"name":"b","image":"<IMAGE2_NAME>"}]}"#;
    let detail = |image| ImageFile::Detail(Image::parse(image).unwrap());
    let mut definition = TaskDefinition::from_file(file).unwrap();
    let wrongs = definition
        .clone()
        .put_images(&[detail("r/a:1")])
        .unwrap_err();
    assert!(wrongs.join("").contains("<IMAGE2_NAME>"), "{wrongs:?}");
    definition
        .put_images(&[detail("r/a:1"), detail("r/b:2")])
        .unwrap();
    assert_eq!(definition.images(), [("a", "r/a:1"), ("b", "r/b:2")]);
    // Without a placeholder, one image can mean one container only.
    assert!(definition.put_images(&[detail("r/c:1")]).is_err());
    let single = br#"{"family":"web","containerDefinitions":[{"name":"a","image":"old"}]}"#;
    let mut single = TaskDefinition::from_file(single).unwrap();
    single.put_images(&[detail("r/c:1")]).unwrap();
    assert_eq!(single.images(), [("a", "r/c:1")]);
}

#[test]
fn no_tag_is_sent_that_only_aws_may_write_and_no_more_than_fifty() {
    let mut value = described();
    value["tags"] = Value::Array(
        (0..48)
            .map(|n| json!({"key": format!("k{n}"), "value": ""}))
            .collect(),
    );
    let definition = Described::from_answer(&value).unwrap().definition;
    assert!(
        definition
            .register_input("o", "a")
            .unwrap_err()
            .contains("48 tags")
    );
    value["tags"] = json!([{"key": "AWS:x", "value": ""}]);
    let input = Described::from_answer(&value)
        .unwrap()
        .definition
        .register_input("o", "a")
        .unwrap();
    assert_eq!(input["tags"].as_array().unwrap().len(), 3);
}

/// Any JSON without nulls.
fn json_value() -> impl Strategy<Value = Value> {
    let leaf = prop_oneof![
        any::<bool>().prop_map(Value::from),
        any::<i64>().prop_map(Value::from),
        "\\PC{0,12}".prop_map(Value::from),
    ];
    leaf.prop_recursive(4, 32, 5, |inner| {
        prop_oneof![
            proptest::collection::vec(inner.clone(), 0..5).prop_map(Value::from),
            proptest::collection::hash_map("[a-zA-Z]{1,8}", inner, 0..5)
                .prop_map(|fields| Value::Object(fields.into_iter().collect())),
        ]
    })
}

proptest! {
    #[test]
    fn unknown_fields_survive_value_for_value(field in "future[A-Z][a-z]{0,8}", value in json_value()) {
        let mut answer = described();
        answer["taskDefinition"][&field] = value.clone();
        answer["taskDefinition"]["containerDefinitions"][0][&field] = value.clone();
        let definition = Described::from_answer(&answer).unwrap().definition;
        let input = definition.register_input("o", "a").unwrap();
        prop_assert_eq!(&input[&field], &value);
        prop_assert_eq!(&input["containerDefinitions"][0][&field], &value);
    }

    #[test]
    fn the_hash_does_not_depend_on_the_order_of_keys(fields in proptest::collection::btree_map("[a-z]{1,6}", json_value(), 0..6)) {
        let body = |entries: Vec<(String, Value)>| {
            TaskDefinition { body: entries.into_iter().collect(), tags: Vec::new() }
        };
        let forwards: Vec<_> = fields.clone().into_iter().collect();
        let backwards: Vec<_> = fields.into_iter().rev().collect();
        prop_assert_eq!(body(forwards).sha256(), body(backwards).sha256());
    }
}
