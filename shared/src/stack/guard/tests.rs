//! What `stack::guard` promises, in cases and properties.

use super::*;
use proptest::prelude::*;

/// `Action Path/Logical Type Replacement Policy`, with `-` for what is not told.
fn change(text: &str) -> Change {
    let words: Vec<&str> = text.split_whitespace().collect();
    let told = |n: usize| match words.get(n) {
        None | Some(&"-") => String::new(),
        Some(word) => (*word).to_owned(),
    };
    let mut path: Vec<String> = words[1].split('/').map(str::to_owned).collect();
    Change {
        logical: path.pop().unwrap(),
        path,
        kind: format!("AWS::{}", words[2]),
        action: words[0].to_owned(),
        replacement: told(3),
        policy: told(4),
        ..Change::default()
    }
}

fn allow(names: &[&str]) -> Vec<String> {
    names.iter().map(|name| (*name).to_owned()).collect()
}

// rules: 3.6.6 3.6.18
#[test]
fn what_loses_nothing_passes() {
    for text in [
        "Add Queue SQS::Queue",
        "Import Bucket S3::Bucket",
        "Modify Service ECS::Service False",
        "Modify Service ECS::Service - Retain",
        "Modify Task ECS::TaskDefinition True",
        "Modify Task ECS::TaskDefinition True ReplaceAndDelete",
        "Modify Task ECS::TaskDefinition Conditional ReplaceAndRetain",
        "Modify Nested/Task ECS::TaskDefinition True",
        "Modify Nested CloudFormation::Stack",
        "Modify Nested CloudFormation::Stack False",
        "Modify Launch AutoScaling::LaunchConfiguration True",
    ] {
        assert_eq!(refused(&[change(text)], &[]), [""; 0], "{text}");
    }
}

// rules: 3.6.6 3.6.18
#[test]
fn what_would_or_might_lose_something_is_refused() {
    for (text, expected) in [
        (
            "Remove Database RDS::DBInstance - Delete",
            "would be removed; it is deleted (Delete)",
        ),
        (
            "Remove Database RDS::DBInstance - Retain",
            "it stays, outside of the stack",
        ),
        (
            "Remove Database RDS::DBInstance - Snapshot",
            "a snapshot stays",
        ),
        ("Remove Task ECS::TaskDefinition", "would be removed"),
        ("Remove Nested CloudFormation::Stack", "would be removed"),
        ("Modify Database RDS::DBInstance True", "would be replaced"),
        (
            "Modify Database RDS::DBInstance Conditional",
            "might be replaced",
        ),
        (
            "Modify Database RDS::DBInstance True ReplaceAndSnapshot",
            "and a snapshot stays",
        ),
        (
            "Modify Database RDS::DBInstance False ReplaceAndDelete",
            "the one before is deleted",
        ),
        (
            "Modify Database RDS::DBInstance False ReplaceAndRetain",
            "the one before stays",
        ),
        (
            "Modify Task ECS::TaskDefinition True Delete",
            "would be replaced; it is deleted",
        ),
        (
            "Modify Nested CloudFormation::Stack True",
            "would be replaced",
        ),
        (
            "Modify Nested CloudFormation::Stack Conditional",
            "might be replaced",
        ),
        (
            "Dynamic Task ECS::TaskDefinition",
            "might be removed or replaced",
        ),
        ("Add Queue SQS::Queue - Delete", "would be removed"),
        (
            "SyncWithActual Queue SQS::Queue",
            "does not know (SyncWithActual)",
        ),
        ("Modify Queue SQS::Queue Perhaps", "does not know"),
        (
            "Modify Queue SQS::Queue False Shred",
            "what becomes of it is not known (Shred)",
        ),
    ] {
        let findings = refused(&[change(text)], &[]);
        assert_eq!(findings.len(), 1, "{text}");
        assert!(findings[0].contains(expected), "{text}: {findings:?}");
    }
}

// rules: 3.6.18
#[test]
fn a_refusal_says_what_where_why_and_what_to_write() {
    let mut hidden = change("Modify Data/Store/Database RDS::DBInstance True ReplaceAndDelete");
    hidden.physical = "shop-db-1".into();
    hidden.causes = vec!["property Engine".into(), "property Port".into()];
    let findings = refused(&[hidden, change("Remove Bucket S3::Bucket - Retain")], &[]);
    insta::assert_snapshot!(findings.join("\n"));
}

#[test]
fn what_is_allowed_is_allowed_by_its_whole_name() {
    let changes = [
        change("Modify Nested/Database RDS::DBInstance True"),
        change("Remove Bucket S3::Bucket"),
    ];
    assert_eq!(
        refused(&changes, &allow(&["Nested/Database", "Bucket"])).len(),
        0
    );
    for names in [&["Database", "Nested"][..], &["nested/database", "Buck"]] {
        assert_eq!(refused(&changes, &allow(names)).len(), 2);
    }
}

// rules: 3.6.20
#[test]
fn the_way_back_removes_what_the_release_added_and_nothing_else() {
    let before = Before {
        added: allow(&["Queue", "New", "Data/Topic"]),
        allowed: allow(&["Cache"]),
        ..Before::default()
    };
    for (text, fine) in [
        ("Remove Queue SQS::Queue - Delete", true),
        ("Remove Data/Topic SNS::Topic", true),
        ("Remove New CloudFormation::Stack", true),
        ("Remove New/Inner/Topic SNS::Topic", true),
        ("Modify Cache ElastiCache::CacheCluster True", true),
        (
            "Modify Task ECS::TaskDefinition True ReplaceAndDelete",
            true,
        ),
        ("Add Old SQS::Queue", true),
        ("Modify Queue SQS::Queue True", false),
        ("Remove Topic SNS::Topic", false),
        ("Remove Data/Queue SQS::Queue", false),
        ("Remove Data CloudFormation::Stack", false),
        ("Modify Database RDS::DBInstance True", false),
    ] {
        let findings = refused_on_the_way_back(&[change(text)], &before);
        assert_eq!(findings.is_empty(), fine, "{text}: {findings:?}");
    }
    let refused = [change("Modify Database RDS::DBInstance True")];
    let finding = refused_on_the_way_back(&refused, &before).join("");
    assert!(
        finding.ends_with("go back by hand, or release again what can stay"),
        "{finding}"
    );
}

#[test]
fn a_reference_to_what_is_replaced_replaces_nothing_itself() {
    let because = |text: &str, causes: &[&str]| Change {
        causes: causes.iter().map(|cause| (*cause).to_owned()).collect(),
        ..change(text)
    };
    let service = "Modify Service ECS::Service Conditional";
    for (change, refused_ones) in [
        (because(service, &["property TaskDefinition"]), 0),
        (
            because(service, &["property TaskDefinition", "property Cluster"]),
            1,
        ),
        (because(service, &[]), 1),
        (
            because(
                "Modify Service ECS::Service True",
                &["property TaskDefinition"],
            ),
            1,
        ),
        (
            because(
                "Modify App CloudFormation::Stack Conditional",
                &["property Parameters"],
            ),
            0,
        ),
        (
            because(
                "Modify Database RDS::DBInstance Conditional",
                &["property Parameters"],
            ),
            1,
        ),
    ] {
        assert_eq!(
            refused(std::slice::from_ref(&change), &[]).len(),
            refused_ones,
            "{change:?}"
        );
    }
}

#[test]
fn what_only_follows_a_service_that_stays_is_not_refused() {
    let service = |text: &str| Change {
        causes: vec!["property TaskDefinition".into()],
        ..change(text)
    };
    let follows = |entities: &[&str]| Change {
        follows: entities.iter().map(|entity| (*entity).to_owned()).collect(),
        causes: vec!["property ResourceId".into()],
        ..change("Modify Scaling ApplicationAutoScaling::ScalableTarget Conditional")
    };
    let stays = "Modify Service ECS::Service False";
    for (service, follows, refused_ones) in [
        (service(stays), follows(&["Service.Name"]), 0),
        (service(stays), follows(&["Service"]), 0),
        (
            service("Modify Service ECS::Service Conditional"),
            follows(&["Service.Name"]),
            0,
        ),
        (service(stays), follows(&["Service.Other"]), 1),
        (service(stays), follows(&["Service.Name", "Elsewhere"]), 1),
        (service(stays), follows(&[]), 1),
        (
            service("Modify Service ECS::Service True"),
            follows(&["Service.Name"]),
            2,
        ),
        (
            service("Modify In/Service ECS::Service False"),
            follows(&["Service.Name"]),
            1,
        ),
        (
            change("Modify Service ECS::TaskDefinition True"),
            follows(&["Service"]),
            1,
        ),
    ] {
        let changes = [service, follows];
        assert_eq!(refused(&changes, &[]).len(), refused_ones, "{changes:?}");
    }
}

#[test]
fn each_natural_type_has_a_reason_and_a_source() {
    for (n, natural) in NATURAL.iter().enumerate() {
        assert!(natural.kind.starts_with("AWS::"));
        assert!(!natural.reason.is_empty() && natural.source.starts_with("cfn:"));
        assert!(NATURAL[..n].iter().all(|other| other.kind != natural.kind));
    }
}

/// Anything that a change set may say, and some that it may not.
fn any_change() -> impl Strategy<Value = Change> {
    let word =
        |words: &'static [&'static str]| proptest::sample::select(words).prop_map(str::to_owned);
    let kind = word(&[
        "AWS::ECS::TaskDefinition",
        "AWS::ECS::Service",
        "AWS::RDS::DBInstance",
        "AWS::CloudFormation::Stack",
        "Custom::Thing",
    ]);
    let action = word(&[
        "Add",
        "Modify",
        "Remove",
        "Import",
        "Dynamic",
        "SyncWithActual",
        "New",
    ]);
    let replacement = word(&["", "True", "False", "Conditional", "New"]);
    let policy = word(&[
        "",
        "Delete",
        "Retain",
        "Snapshot",
        "ReplaceAndDelete",
        "ReplaceAndRetain",
        "ReplaceAndSnapshot",
        "New",
    ]);
    let path = proptest::collection::vec("[AB]", 0..3);
    (path, "[AB]", kind, action, replacement, policy).prop_map(
        |(path, logical, kind, action, replacement, policy)| Change {
            path,
            logical,
            kind,
            action,
            replacement,
            policy,
            ..Change::default()
        },
    )
}

/// What the guard is for, said the other way round: what is known to lose nothing.
fn loses_nothing(change: &Change) -> bool {
    let replaced = ["True", "Conditional"].contains(&change.replacement.as_str())
        || change.policy.starts_with("ReplaceAnd");
    let known = ["", "True", "False", "Conditional"].contains(&change.replacement.as_str())
        && (["", "Retain"].contains(&change.policy.as_str())
            || change.policy.starts_with("ReplaceAnd"));
    match change.action.as_str() {
        "Add" | "Import" => ["", "Retain"].contains(&change.policy.as_str()),
        "Modify" => known && (!replaced || change.kind == "AWS::ECS::TaskDefinition"),
        _ => false,
    }
}

proptest! {
    // rules: 3.6.6 3.6.18
    #[test]
    fn whatever_is_not_natural_and_not_allowed_is_refused(
        changes in proptest::collection::vec(any_change(), 0..6),
        allowed in proptest::collection::vec("([AB]/){0,2}[AB]", 0..4),
    ) {
        let expected: Vec<String> = changes
            .iter()
            .filter(|change| !loses_nothing(change) && !allowed.contains(&change.name()))
            .map(Change::name)
            .collect();
        let findings = refused(&changes, &allowed);
        prop_assert_eq!(findings.len(), expected.len(), "{:?}", findings);
        for (finding, name) in findings.iter().zip(&expected) {
            let begins = format!("{name} (");
            let ends = format!("write {name:?} into \"allowReplacement\"");
            prop_assert!(finding.starts_with(&begins) && finding.ends_with(&ends), "{}", finding);
        }
        let all: Vec<String> = allowed.into_iter().chain(expected).collect();
        prop_assert_eq!(refused(&changes, &all).len(), 0);
        // The way back is never more lenient with what was not added.
        let before = Before { allowed: all, ..Before::default() };
        prop_assert_eq!(refused_on_the_way_back(&changes, &before).len(), 0);
        let nothing = Before::default();
        let back = refused_on_the_way_back(&changes, &nothing).len();
        prop_assert_eq!(back, refused(&changes, &[]).len());
    }
}
