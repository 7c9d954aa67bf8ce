//! What `task_definition` promises, in cases and properties.

use super::*;
use crate::rollout_file::images::{Image, ImageFile};
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

// rules: 3.5.1 3.5.2 3.5.3 3.5.4
#[test]
fn everything_but_the_nine_read_only_fields_is_registered_again() {
    let mut definition = Described::from_answer(&described()).unwrap().definition;
    put_images(
        std::slice::from_mut(&mut definition),
        &definitions(&[("web", "r/web:v2")]),
        &[],
    )
    .unwrap();
    insta::assert_json_snapshot!(
        definition
            .register_input("execution/web", "attempt", None)
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

// rules: 3.5.5
#[test]
fn a_name_that_no_container_has_is_refused_with_those_that_exist() {
    let mut definition = Described::from_answer(&described()).unwrap().definition;
    let wrongs = put_images(
        std::slice::from_mut(&mut definition),
        &definitions(&[("wbe", "r/web:v2")]),
        &[],
    )
    .unwrap_err();
    assert!(
        wrongs.join("").contains("\"wbe\"; there are: web, sidecar"),
        "{wrongs:?}"
    );
    let twice = [definitions(&[("web", "a")]), definitions(&[("web", "b")])].concat();
    assert!(
        put_images(std::slice::from_mut(&mut definition), &twice, &[])
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
    let wrongs = put_images(&mut [definition.clone()], &[detail("r/a:1")], &[]).unwrap_err();
    assert!(wrongs.join("").contains("<IMAGE2_NAME>"), "{wrongs:?}");
    put_images(
        std::slice::from_mut(&mut definition),
        &[detail("r/a:1"), detail("r/b:2")],
        &[],
    )
    .unwrap();
    assert_eq!(definition.images(), [("a", "r/a:1"), ("b", "r/b:2")]);
    // Without a placeholder, one image can mean one container only.
    assert!(
        put_images(
            std::slice::from_mut(&mut definition),
            &[detail("r/c:1")],
            &[]
        )
        .is_err()
    );
    // Nor can it in two definitions of one container each.
    let one = |family: &str| {
        let container = json!({"name": family, "image": "old"});
        let file = json!({"family": family, "containerDefinitions": [container]});
        TaskDefinition::from_file(file.to_string().as_bytes()).unwrap()
    };
    assert!(put_images(&mut [one("a"), one("b")], &[detail("r/c:1")], &[]).is_err());
    let single = br#"{"family":"web","containerDefinitions":[{"name":"a","image":"old"}]}"#;
    let mut single = TaskDefinition::from_file(single).unwrap();
    put_images(std::slice::from_mut(&mut single), &[detail("r/c:1")], &[]).unwrap();
    assert_eq!(single.images(), [("a", "r/c:1")]);
}

// rules: 3.5.3
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
            .register_input("o", "a", None)
            .unwrap_err()
            .contains("48 tags")
    );
    value["tags"] = json!([{"key": "AWS:x", "value": ""}]);
    let input = Described::from_answer(&value)
        .unwrap()
        .definition
        .register_input("o", "a", None)
        .unwrap();
    assert_eq!(input["tags"].as_array().unwrap().len(), 3);
}

/// Any JSON without nulls.
pub(super) fn json_value() -> impl Strategy<Value = Value> {
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
    // rules: 3.5.4
    #[test]
    fn unknown_fields_survive_value_for_value(field in "future[A-Z][a-z]{0,8}", value in json_value()) {
        let mut answer = described();
        answer["taskDefinition"][&field] = value.clone();
        answer["taskDefinition"]["containerDefinitions"][0][&field] = value.clone();
        let definition = Described::from_answer(&answer).unwrap().definition;
        let input = definition.register_input("o", "a", None).unwrap();
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

// rules: 3.5.5
#[test]
fn of_several_definitions_each_takes_the_images_that_it_has_containers_for() {
    let one = |family: &str, container: &str| {
        let containers =
            json!([{"name": container, "image": "old"}, {"name": "side", "image": "old"}]);
        let file = json!({"family": family, "containerDefinitions": containers});
        TaskDefinition::from_file(file.to_string().as_bytes()).unwrap()
    };
    let mut both = [one("web", "web"), one("api", "api")];
    let images = definitions(&[("web", "r/web:2"), ("api", "r/api:2"), ("side", "r/side:2")]);
    put_images(&mut both, &images, &[]).unwrap();
    assert_eq!(both[0].images(), [("web", "r/web:2"), ("side", "r/side:2")]);
    assert_eq!(both[1].images(), [("api", "r/api:2"), ("side", "r/side:2")]);
    let wrongs = put_images(&mut both, &definitions(&[("wbe", "r/web:2")]), &[]).unwrap_err();
    assert_eq!(
        wrongs,
        ["no container is named \"wbe\"; there are: web, side, api"]
    );
}

#[test]
fn a_log_is_found_where_a_stream_has_a_name() {
    let of = |log: Value| {
        let container = json!({"name": "web", "image": "i", "logConfiguration": log});
        let file = json!({"family": "web", "containerDefinitions": [container]});
        let definition = TaskDefinition::from_file(file.to_string().as_bytes()).unwrap();
        definition.log_of("web")
    };
    let options = json!({"awslogs-group": "/ecs/web", "awslogs-stream-prefix": "web"});
    let log = of(json!({"logDriver": "awslogs", "options": options})).unwrap();
    assert_eq!(
        (log.group.as_str(), log.prefix.as_str(), log.region),
        ("/ecs/web", "web", None)
    );
    assert!(of(json!({"logDriver": "awsfirelens", "options": options})).is_none());
    assert!(
        of(json!({"logDriver": "awslogs", "options": {"awslogs-group": "/ecs/web"}})).is_none()
    );
}
