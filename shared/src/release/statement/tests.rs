//! What `statement` promises: one form for one statement, and nothing in it that is not known.

use super::super::sample::{predicate, statement};
use super::*;
use proptest::prelude::*;
use serde_json::{Map, json};

// rules: 3.8.3 3.8.4
#[test]
fn a_statement_is_one_of_in_toto_about_artifacts_and_images() {
    let statement: Value = serde_json::from_slice(&statement().canonical().unwrap()).unwrap();
    insta::assert_json_snapshot!(statement);
}

// rules: 3.8.4
#[test]
fn the_canonical_form_is_sorted_and_without_white_space() {
    let canonical = String::from_utf8(statement().canonical().unwrap()).unwrap();
    assert!(canonical.starts_with(r#"{"_type":"https://in-toto.io/Statement/v1","predicate":{"approvals":[{"action":"Approve","at":1795882800,"#));
    assert!(
        !canonical.contains([' ', '\n'])
            || canonical
                .replace("Serve more", "")
                .replace("ship it", "")
                .find(' ')
                .is_none()
    );
}

#[test]
fn a_subject_stands_once() {
    let mut twice = predicate();
    twice.images.push(twice.images[0].clone());
    let mut other = twice.images[0].clone();
    other.image = "r.example/web:latest".to_owned();
    twice.images.push(other);
    assert_eq!(Statement::new(twice.clone()).subject, statement().subject);
    twice.images[1].digest = format!("sha256:{}", "d".repeat(64));
    assert_eq!(
        Statement::new(twice).subject.len(),
        statement().subject.len() + 1
    );
    assert_eq!(
        statement().name(),
        "orders/22222222-abcd-1111-abcd-222222abcdef"
    );
}

/// Any JSON that a proof or a rollout file may be.
fn anything() -> impl Strategy<Value = Value> {
    let leaf = prop_oneof![
        Just(Value::Null),
        any::<bool>().prop_map(Value::from),
        any::<i64>().prop_map(Value::from),
        any::<u64>().prop_map(Value::from),
        "\\PC{0,9}".prop_map(Value::from),
        "[\\x00-\\x1f\"\\\\]{0,4}".prop_map(Value::from),
    ];
    leaf.prop_recursive(3, 24, 4, |inner| {
        prop_oneof![
            proptest::collection::vec(inner.clone(), 0..4).prop_map(Value::from),
            proptest::collection::vec(("[a-z\u{e9}]{0,3}", inner), 0..4).prop_map(|pairs| {
                Value::Object(pairs.into_iter().collect::<Map<String, Value>>())
            }),
        ]
    })
}

/// The same JSON with the keys of all objects the other way round.
fn turned(value: &Value) -> Value {
    match value {
        Value::Object(object) => {
            let pairs = object.iter().rev();
            Value::Object(
                pairs
                    .map(|(key, value)| (key.clone(), turned(value)))
                    .collect(),
            )
        }
        Value::Array(all) => all.iter().map(turned).collect(),
        other => other.clone(),
    }
}

proptest! {
    // rules: 3.8.4
    #[test]
    fn the_canonical_form_is_one_however_it_is_read(
        proof in anything(), file in anything(), size: u64, comment in "\\PC{0,20}",
    ) {
        let mut predicate = predicate();
        predicate.tests[0].proof = proof;
        predicate.rollout.file = file;
        predicate.artifacts[0].size = size;
        predicate.approvals[0].comment = comment;
        let statement = Statement::new(predicate);
        let canonical = statement.canonical().unwrap();
        // Read again, from the canonical form or from any other.
        let value: Value = serde_json::from_slice(&canonical).unwrap();
        let turned = serde_json::to_vec_pretty(&turned(&value)).unwrap();
        for bytes in [&canonical, &turned] {
            let read = Statement::parse(bytes).unwrap();
            prop_assert_eq!(&read, &statement);
            prop_assert_eq!(&read.canonical().unwrap(), &canonical);
        }
    }
}

/// The statement with one change, as it would be read.
fn changed(pointer: &str, value: Value) -> Result<Statement, String> {
    let mut json = serde_json::to_value(statement()).unwrap();
    let (parent, key) = pointer.rsplit_once('/').unwrap();
    let parent = json.pointer_mut(parent).unwrap();
    match parent.as_array_mut() {
        Some(list) => list[key.parse::<usize>().unwrap()] = value,
        None => drop(
            parent
                .as_object_mut()
                .unwrap()
                .insert(key.to_owned(), value),
        ),
    }
    Statement::parse(json.to_string().as_bytes())
}

// rules: 3.8.4
#[test]
fn what_is_not_known_makes_it_another_statement() {
    for (pointer, value, expected) in [
        (
            "/_type",
            json!("https://in-toto.io/Statement/v0.1"),
            "_type is \"https://in-toto.io/Statement/v0.1\"",
        ),
        ("/_type", json!(1), "_type is \"\""),
        (
            "/predicateType",
            json!("urn:redbutton:release:v2"),
            "predicateType is \"urn:redbutton:release:v2\", and this version knows \"urn:redbutton:release:v1\" only",
        ),
        ("/more", json!(1), "unknown field `more`"),
        ("/predicate/more", json!(1), "unknown field `more`"),
        (
            "/predicate/destination/more",
            json!(1),
            "unknown field `more`",
        ),
        ("/predicate/source/more", json!(1), "unknown field `more`"),
        (
            "/predicate/source/revisions/0/more",
            json!(1),
            "unknown field `more`",
        ),
        (
            "/predicate/artifacts/0/more",
            json!(1),
            "unknown field `more`",
        ),
        ("/predicate/images/0/more", json!(1), "unknown field `more`"),
        ("/predicate/tests/0/more", json!(1), "unknown field `more`"),
        (
            "/predicate/approvals/0/more",
            json!(1),
            "unknown field `more`",
        ),
        ("/predicate/preview/more", json!(1), "unknown field `more`"),
        ("/predicate/rollout/more", json!(1), "unknown field `more`"),
        (
            "/predicate/artifacts/0/size",
            json!(-1),
            "does not have a release's form",
        ),
        (
            "/predicate/approvals",
            json!(null),
            "does not have a release's form",
        ),
        // What it is about is what it says something about.
        (
            "/subject",
            json!([]),
            "subjects are not the artifacts and images",
        ),
        (
            "/subject/0/digest/sha256",
            json!("0".repeat(64)),
            "subjects are not",
        ),
        (
            "/subject/2/name",
            json!("r.example/other"),
            "subjects are not",
        ),
        (
            "/predicate/artifacts/0/sha256",
            json!("0".repeat(64)),
            "subjects are not",
        ),
        (
            "/predicate/images/0/digest",
            json!("sha256:0"),
            "subjects are not",
        ),
        (
            "/predicate/source/execution",
            json!("other"),
            "subjects are not",
        ),
    ] {
        let wrong = changed(pointer, value).unwrap_err();
        assert!(wrong.contains(expected), "{pointer}: {wrong}");
    }
    for (bytes, expected) in [
        (&b"{"[..], "is not JSON"),
        (b"[]", "_type"),
        (b"\xff", "is not JSON"),
    ] {
        let wrong = Statement::parse(bytes).unwrap_err();
        assert!(wrong.contains(expected), "{wrong}");
    }
    // What a rollout file or a proof has in it is not the statement's business.
    changed("/predicate/rollout/file", json!({"more": [null]})).unwrap();
    changed("/predicate/tests/0/proof", json!(null)).unwrap();
}

#[test]
fn a_release_without_a_preview_says_nothing_of_one() {
    let statement = Statement::new(Predicate {
        preview: None,
        ..predicate()
    });
    let canonical = statement.canonical().unwrap();
    assert!(
        !String::from_utf8(canonical.clone())
            .unwrap()
            .contains("preview")
    );
    assert_eq!(Statement::parse(&canonical).unwrap(), statement);
}

#[test]
fn its_schema_takes_it_and_nothing_that_is_not_known() {
    let validator = jsonschema::validator_for(&statement_schema()).unwrap();
    let sample = serde_json::to_value(statement()).unwrap();
    assert!(validator.is_valid(&sample));
    for (pointer, value, expected) in [
        ("/_type", json!("x"), false),
        ("/predicateType", json!("x"), false),
        ("/more", json!(1), false),
        ("/predicate/more", json!(1), false),
        ("/predicate/approvals/0/more", json!(1), false),
        ("/predicate/artifacts/0/size", json!(-1), false),
        ("/predicate/artifacts/0/sha256", json!("A"), false),
        ("/predicate/preview", json!(null), true),
        ("/predicate/tests/0/proof", json!([null]), true),
        ("/predicate/rollout/file", json!({"more": 1}), true),
    ] {
        let mut changed = sample.clone();
        let (parent, key) = pointer.rsplit_once('/').unwrap();
        let parent = changed.pointer_mut(parent).unwrap();
        parent[key] = value;
        assert_eq!(validator.is_valid(&changed), expected, "{pointer}");
    }
}
