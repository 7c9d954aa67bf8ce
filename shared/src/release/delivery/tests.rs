//! What `delivery` promises.

use super::super::ENVELOPE;
use super::*;
use proptest::prelude::*;
use serde_json::{Value, json};

const FOLDER: &str = "releases/orders/22222222-2222-2222-2222-222222222222/";

fn inputs(names: &str) -> Vec<Artifact> {
    let names = names.split_whitespace();
    names
        .map(|name| Artifact {
            name: name.to_owned(),
            bucket: "artifacts".to_owned(),
            key: format!("orders/{name}/x.zip"),
        })
        .collect()
}

fn wanted(texts: &[&str]) -> Vec<Wanted> {
    texts
        .iter()
        .map(|text| Wanted::parse(text).unwrap())
        .collect()
}

/// The keys below the folder.
fn keys(names: &str, texts: &[&str]) -> Result<Vec<String>, Vec<String>> {
    let planned = plan(&inputs(names), &wanted(texts), FOLDER)?;
    let keys = planned
        .into_iter()
        .map(|one| one.key.strip_prefix(FOLDER).unwrap().to_owned());
    Ok(keys.collect())
}

#[test]
fn a_wish_is_an_artifact_or_a_file_in_one() {
    for (text, expected) in [
        ("Build", Some("Build")),
        ("Build::a/b.json", Some("Build::a/b.json")),
        ("Build::a::b", Some("Build::a::b")),
        ("", None),
        ("Build::", None),
        ("::a", None),
        ("a b", None),
        ("a/b", None),
        ("a:b", None),
    ] {
        let read = Wanted::parse(text).map(|wanted| match wanted {
            Wanted::Whole(name) => name,
            Wanted::File(place) => place.to_string(),
        });
        assert_eq!(read.as_deref(), expected, "{text}");
    }
}

#[test]
fn every_input_is_delivered_as_it_is_unless_something_else_is_asked_for() {
    for (names, texts, expected) in [
        ("Build", vec![], vec!["Build.zip"]),
        ("Build Config", vec![], vec!["Build.zip", "Config.zip"]),
        ("Build Config", vec!["Config"], vec!["Config.zip"]),
        (
            "Build",
            vec!["Build::a/b.json", "Build"],
            vec!["Build/a/b.json", "Build.zip"],
        ),
        (
            "Build",
            vec!["Build", "Build", "Build::a", "Build::a"],
            vec!["Build.zip", "Build/a"],
        ),
        (
            "Build",
            vec!["Build::.hidden/é ü..json"],
            vec!["Build/.hidden/é ü..json"],
        ),
    ] {
        assert_eq!(
            keys(names, &texts).as_deref(),
            Ok(&*expected
                .iter()
                .map(|key| (*key).to_owned())
                .collect::<Vec<_>>())
        );
    }
    let planned = plan(&inputs("Build"), &wanted(&["Build::a", "Build"]), FOLDER).unwrap();
    assert_eq!(planned[0].name(), "Build::a");
    assert_eq!(planned[1].name(), "Build");
    assert_eq!(planned[1].artifact, inputs("Build")[0]);
}

#[test]
fn what_cannot_be_delivered_is_refused() {
    let long = format!(
        "Build::{}",
        "x".repeat(1_024 - FOLDER.len() - "Build/".len() + 1)
    );
    for text in [
        "Build::../../other/release.dsse.json",
        "Build::a/../b",
        "Build::a/..",
        "Build::./a",
        "Build::a//b",
        "Build::/etc/passwd",
        "Build::a/",
        "Build::a\\b",
        "Build::a\nb",
        "Build::a\u{7f}",
        &long,
    ] {
        let wrongs = keys("Build", &[text]).unwrap_err();
        assert!(
            wrongs[0].contains("cannot be part of an object's key"),
            "{wrongs:?}"
        );
    }
    keys("Build", &[&long[..long.len() - 1]]).unwrap();
    for text in ["Build::release.dsse.json", "Build::a/release.dsse.json"] {
        let wrongs = keys("Build", &[text]).unwrap_err();
        assert!(
            wrongs[0].contains("taken for the release itself"),
            "{wrongs:?}"
        );
    }
    let wrongs = keys("Build Config", &["Other", "Build::..", "Nowhere::a"]).unwrap_err();
    assert_eq!(
        wrongs[0],
        "artifacts: the action has no input artifact \"Other\"; it has Build, Config"
    );
    assert_eq!(wrongs.len(), 3, "{wrongs:?}");
    assert!(keys("", &[]).unwrap_err()[0].contains("nothing to deliver"));
}

proptest! {
    /// Whatever is asked for, it lies in the release's folder, is not taken for the release itself,
    /// and takes no other's place.
    #[test]
    fn keys_lie_in_the_folder_once(texts in proptest::collection::vec(
        prop_oneof!["[ABab]{1,2}", "[AB]::[ab./]{1,6}", "[AB]::\\PC{1,9}"], 0..6,
    )) {
        let wishes: Vec<Wanted> = texts.iter().filter_map(|text| Wanted::parse(text)).collect();
        if let Ok(planned) = plan(&inputs("A B AB Aa"), &wishes, FOLDER) {
            let mut keys: Vec<&str> = planned.iter().map(|one| one.key.as_str()).collect();
            for key in &keys {
                let below = key.strip_prefix(FOLDER).unwrap();
                prop_assert!(below != ENVELOPE);
                prop_assert!(below.split('/').all(|part| !matches!(part, "" | "." | "..")));
            }
            let count = keys.len();
            keys.sort_unstable();
            keys.dedup();
            prop_assert_eq!(keys.len(), count, "{:?}", planned);
        }
    }
}

/// A rollout file whose targets name these files.
fn file(more: Value) -> RolloutFile {
    let mut file = json!({
        "targets": [{"service": "web", "cluster": "prod", "taskDefinition": "Build::web.json"}],
        "region": "ap-southeast-2",
    });
    let object = file.as_object_mut().unwrap();
    object.extend(more.as_object().unwrap().clone());
    RolloutFile::from_value(&file).unwrap()
}

#[test]
fn what_production_will_ask_for_has_to_be_delivered() {
    let images = [Place::parse("Config::imagedefinitions.json").unwrap()];
    for (texts, expected) in [
        (vec![], vec![]),
        (vec!["Build", "Config"], vec![]),
        (
            vec!["Build::web.json", "Config::imagedefinitions.json"],
            vec![],
        ),
        (vec!["Build"], vec!["Config::imagedefinitions.json"]),
        (vec!["Config", "Build::other.json"], vec!["Build::web.json"]),
        (
            vec!["Build::other.json"],
            vec!["Build::web.json", "Config::imagedefinitions.json"],
        ),
    ] {
        let planned = plan(&inputs("Build Config"), &wanted(&texts), FOLDER).unwrap();
        let missing = missing(&file(json!({})), &images, &planned);
        let named: Vec<&str> = missing
            .iter()
            .map(|text| text.split(' ').next().unwrap())
            .collect();
        assert_eq!(named, expected, "{texts:?}");
    }
    // Named in the file and found there: told once.
    let file = file(json!({"images": "Config::imagedefinitions.json"}));
    let planned = plan(&inputs("Build"), &[], FOLDER).unwrap();
    assert_eq!(
        missing(&file, &images, &planned),
        [
            "Config::imagedefinitions.json is what the rollout in production needs, and it would not be \
          delivered: add \"Config::imagedefinitions.json\" or \"Config\" to \"artifacts\""
        ]
    );
}

#[test]
fn production_assumes_no_role() {
    assert_eq!(names_roles(&file(json!({}))), [""; 0]);
    for key in [
        json!({"role": "arn:aws:iam::222222222222:role/rollout"}),
        json!({"externalId": "x1"}),
        json!({"targets": [{"service": "web", "cluster": "prod", "role": "arn:aws:iam::222222222222:role/rollout"}]}),
    ] {
        let wrongs = names_roles(&file(key));
        assert!(wrongs[0].starts_with("target web: "), "{wrongs:?}");
    }
}
