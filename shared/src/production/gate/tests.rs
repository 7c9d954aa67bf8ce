use super::*;
use crate::ledger::{Came, OfRelease};
use crate::release::sample::{FOLDER, Signer, predicate};
use crate::release::statement::{Approval, Predicate};
use serde_json::json;

const ARRIVED: u64 = 1_795_882_900;

fn here() -> Destination {
    predicate().destination
}

/// The sample, with a proof of its image.
fn proven() -> Predicate {
    let mut of = predicate();
    let digest = of.images[0].digest.clone();
    of.tests[0].proof = json!({"targets": [{"service": "web", "images":
        [{"container": "web", "image": "r.example/web:v2", "digest": digest}]}]});
    of
}

fn policy(signer: &Signer) -> Policy {
    Policy {
        keys: vec![signer.public()],
        approvers: vec!["arn:aws:iam::111111111111:user/*".into()],
        approvals: 1,
        max_approval_age: 3600,
    }
}

fn envelope(signer: &Signer, of: Predicate) -> Vec<u8> {
    let payload = Statement::new(of).canonical().unwrap();
    signer.envelope(&payload).to_bytes().unwrap()
}

/// What speaks against a release that is like the sample but for `change`.
fn against(
    change: impl FnOnce(&mut Predicate),
    with: impl FnOnce(&mut Policy),
    arrived: Option<u64>,
) -> Vec<String> {
    let signer = Signer::new();
    let mut of = proven();
    change(&mut of);
    let mut policy = policy(&signer);
    with(&mut policy);
    let opened = open(&envelope(&signer, of), &policy, &here(), FOLDER, arrived).unwrap();
    opened.wrongs
}

#[test]
fn a_release_that_is_signed_tested_and_approved_is_let_in() {
    assert_eq!(against(|_| {}, |_| {}, Some(ARRIVED)), Vec::<String>::new());
}

// rules: 3.8.5
#[test]
fn a_signature_of_another_key_proves_nothing() {
    let (signer, other) = (Signer::new(), Signer::new());
    let bytes = envelope(&other, proven());
    let open = |policy: &Policy| open(&bytes, policy, &here(), FOLDER, None);
    assert!(open(&policy(&signer)).is_err());
    // Of several keys, as while one takes the place of another, any counts.
    let mut both = policy(&signer);
    both.keys.push(other.public());
    assert!(open(&both).is_ok());
    both.keys.clear();
    assert!(open(&both).unwrap_err().contains("ReleasePublicKeys"));
}

#[test]
fn everything_that_speaks_against_it_is_said_at_once() {
    let wrongs = against(
        |of| {
            of.destination.account = "333333333333".into();
            of.tests[0].proof = json!({"targets": []});
            of.approvals.clear();
            of.rollout.file = json!({"targets": [{"service": "web", "cluster": "prod"}],
                "region": "ap-southeast-2", "role": "arn:aws:iam::222222222222:role/r"});
        },
        |_| {},
        Some(ARRIVED),
    );
    for part in [
        "it is for account 333333333333",
        "served in none of the tests",
        "0 of the 1 approvals",
        "names no \"role\"",
    ] {
        assert!(
            wrongs.iter().any(|wrong| wrong.contains(part)),
            "{part}: {wrongs:?}"
        );
    }
    assert_eq!(wrongs.len(), 4, "{wrongs:?}");
}

#[test]
fn a_rollout_file_that_cannot_be_read_is_a_reason() {
    let wrongs = against(|of| of.rollout.file = json!({"targets": []}), |_| {}, None);
    assert!(
        wrongs[0].starts_with("rollout file Build::production.json: "),
        "{wrongs:?}"
    );
}

// rules: 3.2.17
#[test]
fn what_an_approval_has_to_be() {
    let other = |of: &mut Predicate, by: &str, at: u64| {
        of.approvals.push(Approval {
            by: by.into(),
            at,
            ..of.approvals[0].clone()
        });
    };
    let at = predicate().approvals[0].at;
    let (ana, bob) = (
        "arn:aws:iam::111111111111:user/ana",
        "arn:aws:iam::111111111111:user/bob",
    );
    let two = |policy: &mut Policy| policy.approvals = 2;
    // The same person twice is one person.
    let wrongs = against(|of| other(of, ana, at), two, Some(ARRIVED));
    assert!(wrongs[0].contains("1 of the 2 approvals"), "{wrongs:?}");
    assert!(against(|of| other(of, bob, at), two, Some(ARRIVED)).is_empty());
    let stranger = "arn:aws:iam::999999999999:user/ana";
    let wrongs = against(|of| other(of, stranger, at), two, Some(ARRIVED));
    assert!(wrongs[0].contains("none of the approvers"), "{wrongs:?}");
    // Too old when it arrived; to a person who asks for it again that does not matter.
    let wrongs = against(|_| {}, |_| {}, Some(at + 3_601));
    assert!(wrongs[0].contains("more than 1 hours before"), "{wrongs:?}");
    assert!(against(|_| {}, |_| {}, Some(at + 3_600)).is_empty());
    assert!(against(|_| {}, |_| {}, None).is_empty());
    assert!(
        against(
            |of| of.approvals.clear(),
            |policy| policy.approvals = 0,
            None
        )
        .is_empty()
    );
}

#[test]
fn an_image_has_to_be_proven_by_its_digest() {
    let wrongs = against(|of| of.images[0].digest = "latest".into(), |_| {}, None);
    assert!(wrongs[0].contains("not named by a digest"), "{wrongs:?}");
    // Where ECS reports no digest, the one that was registered counts.
    let registered = |of: &mut Predicate| {
        let image = format!("r.example/web@{}", of.images[0].digest);
        of.tests[0].proof = json!({"targets": [{"images": [{"image": image, "digest": null}]}]});
    };
    assert!(against(registered, |_| {}, None).is_empty());
}

#[test]
fn a_pattern_matches_whole_texts() {
    for (pattern, text, matches) in [
        ("*", "", true),
        ("a", "a", true),
        ("a", "ab", false),
        ("a*", "ab", true),
        ("*b", "ab", true),
        ("a*c*e", "abcde", true),
        ("a*c*e", "abde", false),
        ("a*a", "a", false),
        (
            "arn:aws:sts::1:assumed-role/m/*",
            "arn:aws:sts::1:assumed-role/m/ada",
            true,
        ),
        (
            "arn:aws:sts::1:assumed-role/m/*",
            "arn:aws:sts::1:assumed-role/mm/ada",
            false,
        ),
    ] {
        assert_eq!(like(pattern, text), matches, "{pattern} {text}");
    }
}

#[test]
fn an_artifact_has_to_be_the_one_that_was_signed_for() {
    let wanted = &predicate().artifacts[0];
    let found = |size, sha256: &str| artifact(wanted, &Found::Bytes(size, sha256.into()));
    assert_eq!(found(1_234, &wanted.sha256), None);
    assert!(found(1_235, &wanted.sha256).unwrap().contains("1235 bytes"));
    assert!(found(1_234, "b").unwrap().contains("sha256 b"));
    let missing = artifact(wanted, &Found::Missing).unwrap();
    assert!(missing.contains("not there in version v1"), "{missing}");
}

fn head(at: u64, release: &str) -> Entry {
    Entry {
        version: 1,
        target: "service/ap-southeast-2/prod/web".into(),
        number: 2,
        previous: "0".repeat(64),
        result: Came::Served,
        at,
        release: Some(OfRelease {
            name: release.into(),
            sha256: "a".repeat(64),
            version: "v".into(),
            attempt: 1,
            order: Order {
                at,
                release: release.into(),
            },
            execution: String::new(),
            approvers: vec![],
            seconds: 1,
        }),
        from: String::new(),
        to: String::new(),
        proof: None,
        live: String::new(),
        reasons: vec![],
    }
}

// rules: 3.4.1 3.4.4
#[test]
fn what_is_older_than_the_ledgers_head_is_refused() {
    let order = |at, release: &str| Order {
        at,
        release: release.into(),
    };
    let heads = [head(100, "orders/b")];
    assert!(older(&order(101, "orders/a"), &heads).is_empty());
    assert!(older(&order(100, "orders/b"), &heads).is_empty());
    // Of one second, by name.
    assert!(older(&order(100, "orders/c"), &heads).is_empty());
    for before in [order(99, "orders/z"), order(100, "orders/a")] {
        let wrongs = older(&before, &heads);
        assert!(
            wrongs[0].contains("has had release orders/b since"),
            "{wrongs:?}"
        );
    }
    let mut adopted = head(100, "orders/b");
    adopted.release = None;
    assert!(older(&order(1, "orders/a"), &[adopted]).is_empty());
}

#[test]
fn a_setting_that_cannot_be_read_is_named() {
    let key = {
        use base64::Engine as _;
        base64::engine::general_purpose::STANDARD.encode(Signer::new().der())
    };
    let read = |keys: String, age: &'static str| {
        Policy::read(move |name| match name {
            "RELEASE_PUBLIC_KEYS" => Some(keys.clone()),
            "APPROVERS" => Some("arn:a, arn:b,".into()),
            "APPROVALS" => Some("2".into()),
            "MAX_APPROVAL_AGE_HOURS" => Some(age.into()),
            _ => None,
        })
    };
    let policy = read(format!("{key},{key}"), "24").unwrap();
    assert_eq!((policy.keys.len(), policy.approvals), (2, 2));
    assert_eq!(policy.approvers, ["arn:a", "arn:b"]);
    assert_eq!(policy.max_approval_age, 86_400);
    assert!(read(String::new(), "24").unwrap().keys.is_empty());
    assert!(
        read("AAAA".into(), "24")
            .unwrap_err()
            .contains("RELEASE_PUBLIC_KEYS")
    );
    assert!(
        read(key, "soon")
            .unwrap_err()
            .contains("MAX_APPROVAL_AGE_HOURS")
    );
}
