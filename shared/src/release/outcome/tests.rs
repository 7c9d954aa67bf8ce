//! What `outcome` promises.

use super::*;
use proptest::prelude::*;
use serde_json::{Value, json};

const RELEASE: &str = "orders/22222222-abcd-1111-abcd-222222abcdef";
const KINDS: [Kind; 5] = [
    Kind::Started,
    Kind::Served,
    Kind::Failed,
    Kind::Refused,
    Kind::Superseded,
];

proptest! {
    #[test]
    fn a_key_tells_attempt_and_result(attempt in 0..1_000_000_u32, kind in prop::sample::select(&KINDS[..])) {
        let key = key(RELEASE, attempt, kind);
        prop_assert!(key.starts_with("outcomes/orders/22222222-abcd-1111-abcd-222222abcdef/"));
        prop_assert_eq!(read_key(RELEASE, &key), Some((attempt, kind)));
        prop_assert_eq!(read_key("orders/other", &key), None);
    }

    #[test]
    fn a_key_that_is_read_is_the_one_that_is_written(name in "[0-9]{5,7}-(started|served|failed|refused|superseded|Served)(.json)?", any in "\\PC{0,20}") {
        for name in [name, any] {
            let text = format!("{}{name}", folder(RELEASE));
            if let Some((attempt, kind)) = read_key(RELEASE, &text) {
                prop_assert_eq!(key(RELEASE, attempt, kind), text);
            }
        }
    }
}

#[test]
fn a_keys_name_is_the_word_that_its_object_says() {
    for kind in KINDS {
        let name = key(RELEASE, 1, kind)
            .strip_prefix(&folder(RELEASE))
            .unwrap()
            .to_owned();
        let word = serde_json::to_value(kind).unwrap();
        assert_eq!(name, format!("000001-{}.json", word.as_str().unwrap()));
    }
}

#[test]
fn the_newest_attempt_counts_and_in_it_its_end() {
    for (names, expected) in [
        ("", None),
        (
            "other.json 1-served.json 000001-served 000001-.json 000001-over.json",
            None,
        ),
        ("000001-started.json", Some((1, Kind::Started))),
        (
            "000001-served.json 000001-started.json",
            Some((1, Kind::Served)),
        ),
        (
            "000001-failed.json 000001-started.json",
            Some((1, Kind::Failed)),
        ),
        (
            "000001-failed.json 000001-started.json 000002-started.json",
            Some((2, Kind::Started)),
        ),
        (
            "000002-served.json 000002-started.json 000001-failed.json",
            Some((2, Kind::Served)),
        ),
        (
            "000010-refused.json 000009-served.json",
            Some((10, Kind::Refused)),
        ),
        ("000001-superseded.json", Some((1, Kind::Superseded))),
    ] {
        let keys = names
            .split_whitespace()
            .map(|name| format!("{}{name}", folder(RELEASE)));
        let keys: Vec<String> = keys.collect();
        let newest = newest(RELEASE, keys.iter().map(String::as_str));
        assert_eq!(
            newest.map(|(attempt, kind, _)| (attempt, kind)),
            expected,
            "{names}"
        );
        if let Some((attempt, kind, found)) = newest {
            assert_eq!(found, key(RELEASE, attempt, kind));
        }
    }
}

fn written() -> Value {
    json!({
        "version": 1, "release": RELEASE, "releaseSha256": "0f", "attempt": 2, "result": "served",
        "at": "2026-11-28T16:20:00Z", "summary": "web:8 serves",
        "reasons": ["one"], "ledger": [{"key": "ledger/web/000007.json", "sha256": "1f"}],
    })
}

#[test]
fn an_outcome_is_read_as_it_is_written() {
    let outcome = Outcome::parse(written().to_string().as_bytes(), RELEASE).unwrap();
    let expected = Outcome {
        version: 1,
        release: RELEASE.to_owned(),
        release_sha256: "0f".to_owned(),
        attempt: 2,
        result: Kind::Served,
        at: 1_795_882_800,
        summary: "web:8 serves".to_owned(),
        reasons: vec!["one".to_owned()],
        ledger: vec![Entry {
            key: "ledger/web/000007.json".to_owned(),
            sha256: "1f".to_owned(),
        }],
    };
    assert_eq!(outcome, expected);
    assert_eq!(serde_json::to_value(&outcome).unwrap(), written());
    // Without what need not be there, and with what a later version adds.
    let mut short = written();
    let object = short.as_object_mut().unwrap();
    object.retain(|key, _| !matches!(key.as_str(), "reasons" | "ledger"));
    object.insert("more".to_owned(), json!(1));
    let short = Outcome::parse(short.to_string().as_bytes(), RELEASE).unwrap();
    assert_eq!(
        short,
        Outcome {
            reasons: vec![],
            ledger: vec![],
            ..expected
        }
    );
}

#[test]
fn an_outcome_of_something_else_is_none() {
    for (key, value, expected) in [
        (
            "version",
            json!(2),
            "has version 2, which this version of redbutton does not know",
        ),
        (
            "release",
            json!("orders/other"),
            "is of another release, orders/other",
        ),
        (
            "result",
            json!("perhaps"),
            "is no outcome of a release (unknown variant `perhaps`",
        ),
        (
            "at",
            json!(1_795_882_800),
            "is no outcome of a release (invalid type",
        ),
        (
            "at",
            json!("yesterday"),
            "\"yesterday\" is no time; it must be in UTC, as 2026-02-03T04:05:06Z",
        ),
        ("releaseSha256", json!(null), "is no outcome of a release"),
    ] {
        let mut other = written();
        other[key] = value;
        let wrong = Outcome::parse(other.to_string().as_bytes(), RELEASE).unwrap_err();
        assert!(wrong.contains(expected), "{key}: {wrong}");
    }
    assert!(Outcome::parse(b"", RELEASE).is_err());
}

#[test]
fn what_does_not_serve_fails_the_pipeline_with_productions_words() {
    let failures = KINDS.map(|result| {
        let outcome = Outcome {
            result,
            summary: "web was not released: exit code 1".to_owned(),
            reasons: vec![
                "DATABASE_URL is not set.".to_owned(),
                "api is web:7 again".to_owned(),
            ],
            ..Outcome::parse(written().to_string().as_bytes(), RELEASE).unwrap()
        };
        outcome.failure().map(|failure| failure.to_string())
    });
    let [started, served, others @ ..] = failures;
    assert_eq!((started, served), (None, None));
    let others: Vec<String> = others.into_iter().flatten().collect();
    insta::assert_snapshot!(others.join("\n\n"));
}

#[test]
fn its_schema_takes_what_is_read() {
    let validator = jsonschema::validator_for(&outcome_schema()).unwrap();
    for (key, value) in [
        ("summary", json!("x")),
        ("more", json!(1)),
        ("reasons", json!([])),
        ("version", json!(2)),
        ("result", json!("perhaps")),
        ("at", json!("yesterday")),
        ("at", json!(1_795_882_800)),
        ("attempt", json!(-1)),
        ("release", json!(null)),
    ] {
        let mut outcome = written();
        outcome[key] = value;
        let read = Outcome::parse(outcome.to_string().as_bytes(), RELEASE);
        assert_eq!(
            validator.is_valid(&outcome),
            read.is_ok(),
            "{outcome} {read:?}"
        );
    }
}
