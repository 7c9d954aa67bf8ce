use super::*;
use proptest::prelude::*;
use serde_json::json;

const EXECUTION: &str = "6a44e44d-2d5d-4434-bc07-25d9fda946d2";

fn key() -> String {
    format!("releases/orders/{EXECUTION}/release.dsse.json")
}

fn record(name: &str, key: &str, version: Option<&str>, sequencer: Option<&str>) -> Value {
    json!({
        "eventVersion": "2.2", "eventSource": "aws:s3", "eventName": name,
        "s3": {"bucket": {"name": "releases"},
               "object": {"key": key, "versionId": version, "sequencer": sequencer}},
    })
}

fn records(records: &[Value]) -> Asked {
    Asked::parse(&json!({ "Records": records }))
}

fn arrival(version: Option<&str>, sequencer: Option<&str>) -> Arrival {
    Arrival {
        bucket: "releases".into(),
        key: key(),
        version: version.map(str::to_owned),
        sequencer: sequencer.map(str::to_owned),
    }
}

// rules: 3.3.6 3.4.3 3.4.6
#[test]
fn every_way_to_create_an_envelope_is_an_arrival() {
    for name in [
        "ObjectCreated:Put",
        "ObjectCreated:Copy",
        "ObjectCreated:CompleteMultipartUpload",
        "s3:ObjectCreated:Post",
    ] {
        let asked = records(&[record(name, &key(), Some("v1"), Some("0A"))]);
        assert_eq!(asked.arrived, [arrival(Some("v1"), Some("0A"))], "{name}");
    }
    // One that is not ours does not lose the others.
    let asked = records(&[
        record("ObjectRemoved:Delete", &key(), None, None),
        json!({"eventSource": "aws:sns"}),
        record("ObjectCreated:Put", "releases/orders/Build.zip", None, None),
        json!({"eventSource": "aws:s3", "eventVersion": "3.0", "eventName": "ObjectCreated:Put"}),
        json!({"eventSource": "aws:s3", "eventVersion": "2.1", "eventName": "ObjectCreated:Put"}),
        record("ObjectCreated:Put", &key(), None, None),
    ]);
    assert_eq!(asked.arrived, [arrival(None, None)]);
    assert_eq!(asked.ignored.len(), 5, "{:?}", asked.ignored);
}

// rules: 3.4.2
#[test]
fn a_notifications_key_is_decoded_and_eventbridges_is_not() {
    let of = |key: &str| {
        let encoded = record("ObjectCreated:Put", key, None, None);
        let event = json!({"source": "aws.s3", "detail-type": "Object Created", "detail":
            {"bucket": {"name": "releases"}, "object": {"key": key, "version-id": "v1", "sequencer": "0A"}}});
        let key = |asked: Asked| asked.arrived.first().map(|one| one.key.clone());
        (key(records(&[encoded])), key(Asked::parse(&event)))
    };
    let (notified, bridged) = of("releases/a+b%2Bc%20d%C3%A9/release.dsse.json");
    assert_eq!(notified.unwrap(), "releases/a b+c dé/release.dsse.json");
    assert_eq!(
        bridged.unwrap(),
        "releases/a+b%2Bc%20d%C3%A9/release.dsse.json"
    );
    for broken in [
        "releases/%zz/release.dsse.json",
        "releases/%C3/release.dsse.json",
    ] {
        assert_eq!(of(broken).0, None, "{broken}");
    }
}

// rules: 3.4.7 3.4.8
#[test]
fn other_events_are_left_alone_or_are_the_schedule() {
    let test = json!({"Service": "Amazon S3", "Event": "s3:TestEvent", "Bucket": "releases"});
    assert_eq!(Asked::parse(&test).ignored, ["S3's test event"]);
    let scheduled = json!({"source": "aws.events", "detail-type": "Scheduled Event"});
    for event in [scheduled, json!({"sweep": true})] {
        let asked = Asked::parse(&event);
        assert!(asked.sweep && asked.ignored.is_empty());
    }
    // What lies there is left alone: only what is being deployed is looked after.
    for event in [json!({"source": "aws.states"}), json!({"open": true})] {
        let asked = Asked::parse(&event);
        assert!(asked.open && !asked.sweep && asked.ignored.is_empty());
    }
    let deleted = json!({"source": "aws.s3", "detail-type": "Object Deleted", "detail": {}});
    for event in [
        deleted,
        json!({}),
        json!([]),
        json!("x"),
        json!({"Records": "x"}),
    ] {
        let asked = Asked::parse(&event);
        assert_eq!((asked.ignored.len(), asked.sweep), (1, false), "{event}");
        assert!(asked.arrived.is_empty());
    }
}

#[test]
fn a_person_may_have_a_release_looked_at_again() {
    let name = format!("orders/{EXECUTION}");
    let asked = Asked::parse(&json!({ "recheck": name }));
    assert_eq!(asked.recheck, Some(name));
    for wrong in [json!(1), json!("orders"), json!("../x/y"), json!("a/b/c")] {
        let asked = Asked::parse(&json!({ "recheck": wrong }));
        assert_eq!((asked.recheck, asked.ignored.len()), (None, 1));
    }
}

// rules: 3.4.1 3.4.4
#[test]
fn of_two_events_about_one_key_the_newer_counts() {
    let put = |version, sequencer| record("ObjectCreated:Put", &key(), Some(version), sequencer);
    for (events, expected) in [
        (
            vec![put("v1", Some("0A")), put("v2", Some("0B"))],
            vec!["v2"],
        ),
        (
            vec![put("v2", Some("0B")), put("v1", Some("0A"))],
            vec!["v2"],
        ),
        // The shorter is filled up on the right: 0A is 0A00, and 0A01 is newer.
        (
            vec![put("v2", Some("0A01")), put("v1", Some("0a"))],
            vec!["v2"],
        ),
        // Twice the same event.
        (
            vec![put("v1", Some("0A")), put("v1", Some("0A"))],
            vec!["v1"],
        ),
        // No telling: both are looked at, each by its version.
        (
            vec![put("v1", None), put("v2", Some("0B"))],
            vec!["v1", "v2"],
        ),
        (
            vec![put("v1", Some("xyz")), put("v2", Some("0B"))],
            vec!["v1", "v2"],
        ),
    ] {
        let asked = records(&events);
        let versions: Vec<_> = asked
            .arrived
            .iter()
            .filter_map(|one| one.version.as_deref())
            .collect();
        assert_eq!(versions, expected);
    }
    assert_eq!(sequence("0A", "0A00"), Some(Ordering::Equal));
    assert_eq!(sequence("", "0A"), None);
}

// rules: 3.4.2
#[test]
fn only_a_key_of_the_form_is_a_releases() {
    let name = format!("orders/{EXECUTION}");
    assert_eq!(release_of(&key()), Some(name.as_str()));
    for key in [
        "releases/release.dsse.json".to_owned(),
        "releases/orders/release.dsse.json".to_owned(),
        format!("releases/{EXECUTION}/release.dsse.json"),
        format!("other/orders/{EXECUTION}/release.dsse.json"),
        format!("releases/orders/{EXECUTION}/Build/release.dsse.json"),
        format!("releases/or ders/{EXECUTION}/release.dsse.json"),
        format!("releases/orders/{EXECUTION}/release.dsse.json.bak"),
    ] {
        assert_eq!(release_of(&key), None, "{key}");
    }
}

proptest! {
    /// Whatever arrives, nothing crashes, and nothing is an arrival that is no envelope's.
    // rules: 3.4.2 3.4.7
    #[test]
    fn any_event_is_read(key in "\\PC{0,40}", name in "\\PC{0,20}", sequencer in "\\PC{0,8}") {
        let event = record(&name, &key, Some("v"), Some(&sequencer));
        let asked = records(&[event.clone(), event]);
        for one in &asked.arrived {
            prop_assert!(one.key.ends_with("/release.dsse.json"));
        }
        let _ = sequence(&key, &sequencer);
    }

    #[test]
    fn sequencers_are_ordered(one in "[0-9A-F]{1,20}", other in "[0-9A-F]{1,20}") {
        let (there, back) = (sequence(&one, &other).unwrap(), sequence(&other, &one).unwrap());
        prop_assert_eq!(there, back.reverse());
    }
}
