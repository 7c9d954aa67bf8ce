//! What the token promises, in cases and properties.

use super::*;
use crate::job::answer::{Answer, Outcome, answer};
use proptest::prelude::*;

const STARTED: u64 = 1_790_000_000;

fn arn(family: &str, revision: u32) -> String {
    format!("arn:aws:ecs:ap-southeast-2:333333333333:task-definition/{family}:{revision}")
}

fn watches(count: usize) -> impl Strategy<Value = Vec<Watch>> {
    let watch = (
        "[a-z][a-zA-Z0-9_-]{0,59}",
        "[a-z][a-zA-Z0-9_-]{0,20}",
        any::<bool>(),
        2u32..99_999,
        any::<bool>(),
        0u8..6,
        -20i64..20,
        1u64..76_000,
        proptest::option::of("\\PC{0,900}"),
        prop_oneof!["ecs-svc/[0-9]{19}", "[0-9a-zA-Z_-]{21}", "[0-9a-f]{32}"],
    )
        .prop_map(
            |(family, other, same, revision, unchanged, phase, balance, at, cause, id)| Watch {
                was: Some(arn(if same { &family } else { &other }, revision - 1)),
                became: arn(&family, revision),
                deployment: id,
                unchanged,
                phase: match phase {
                    0 => Phase::Waiting,
                    1 => Phase::Served,
                    2 => Phase::Stuck,
                    3 => Phase::Forward,
                    four => Phase::Back { asked: four == 4 },
                },
                cause,
                progress: Progress {
                    balance,
                    at: STARTED + at,
                },
                asked_stopped: STARTED + at,
            },
        );
    proptest::collection::vec(watch, count..=count)
}

fn state(targets: Vec<Watch>) -> State {
    State {
        binding: "0123456789abcdef".into(),
        attempt: "11111111-abcd-1111-abcd-111111abcdef".into(),
        started: STARTED,
        targets,
        turned: Some(Turn {
            since: STARTED + 4_000,
            target: 0,
            kind: FailureKind::RevisionOutOfSync,
        }),
    }
}

proptest! {
    // rules: 3.2.2 3.2.4
    #[test]
    fn ten_targets_fit_and_come_back(targets in watches(10)) {
        let state = state(targets);
        let token = encode(&state);
        prop_assert!(token.len() <= TOKEN_LIMIT, "{} characters", token.len());
        let mut back = decode(&token, &state.binding).unwrap();
        for (watch, original) in back.targets.iter_mut().zip(&state.targets) {
            prop_assert_eq!(watch.cause.is_some(), original.cause.is_some());
            watch.cause.clone_from(&original.cause);
        }
        prop_assert_eq!(back, state);
    }

    #[test]
    fn one_target_keeps_a_long_cause(targets in watches(1)) {
        let state = state(targets);
        let cause = decode(&encode(&state), &state.binding).unwrap().targets.remove(0).cause;
        if let Some(original) = state.targets[0].cause.as_ref().filter(|cause| cause.len() <= 80) {
            prop_assert_eq!(cause.as_ref(), Some(original));
        }
    }

    #[test]
    fn a_damaged_token_is_refused_and_never_a_crash(at in 0usize..400, byte in 33u8..126, cut in 0usize..400) {
        let token = encode(&state(vec![Watch { became: arn("web", 8), ..Default::default() }]));
        let mut bytes = token.clone().into_bytes();
        let length = bytes.len();
        bytes[at % length] = byte;
        bytes.truncate(length - cut % length);
        let damaged = String::from_utf8(bytes).unwrap();
        prop_assert!(damaged == token || decode(&damaged, "0123456789abcdef").is_err());
    }

    #[test]
    fn any_text_is_refused(token in "\\PC{0,200}") {
        prop_assert!(decode(&token, "0123456789abcdef").is_err());
    }
}

// rules: 3.2.2
#[test]
fn ten_regions_fit_and_what_does_not_is_known_before() {
    let regions: Vec<String> = (0..10).map(|n| format!("ap-southeast-{n}")).collect();
    let fits = |family: &str| {
        let places = regions
            .iter()
            .map(|region| (region.as_str(), "333333333333"));
        will_fit(&state(Vec::new()), places.map(|place| (place, family)))
    };
    assert!(fits(&"f".repeat(30)));
    assert!(!fits(&"f".repeat(120)));
}

#[test]
fn a_state_that_cannot_fit_is_an_honest_failure() {
    let watch = |n| Watch {
        became: arn(&format!("f{n}{}", "x".repeat(250)), 1),
        ..Default::default()
    };
    let token = encode(&state((0..10).map(watch).collect()));
    let outcome = Outcome::InProgress {
        token,
        summary: String::new(),
        percent: None,
    };
    assert!(
        matches!(answer(outcome), Answer::Failure { message, .. } if message.contains("fewer targets"))
    );
}

#[test]
fn ten_stacks_fit_and_come_back() {
    let attempt = "11111111-abcd-1111-abcd-111111abcdef";
    let stack = |n: usize| Watch {
        was: (n > 0).then(|| "2026-11-20T08:00:00Z".into()),
        became: crate::rollout::stack::change_set_name(attempt, n),
        deployment: "75caa381-926f-4a8c-a32b-ceb49ccff397".into(),
        phase: Phase::Back { asked: true },
        cause: Some("x".into()),
        progress: Progress {
            balance: 1_000_000,
            at: STARTED + 80_000,
        },
        asked_stopped: STARTED + 80_000,
        ..Watch::default()
    };
    let mut whole = state((0..10).map(stack).collect());
    whole.targets.push(Watch {
        was: Some(arn("web", 7)),
        became: arn("web", 8),
        ..Watch::default()
    });
    let token = encode(&whole);
    assert_eq!(decode(&token, &whole.binding).unwrap(), whole, "{token}");
    whole.targets.pop();
    assert!(encode(&whole).len() <= TOKEN_LIMIT);
    let names: Vec<String> = (0..10)
        .map(|n| crate::rollout::stack::change_set_name(attempt, n))
        .collect();
    let places = (0..10).map(|_| ("ap-southeast-2", "333333333333"));
    assert!(will_fit(
        &whole,
        places.zip(names.iter().map(String::as_str))
    ));
}

#[test]
fn a_token_is_bound_to_its_execution_and_its_targets() {
    let token = encode(&state(Vec::new()));
    let message = decode(&token, "fedcba9876543210").unwrap_err().message;
    assert!(message.contains("another execution"), "{message}");
    assert!(
        decode(&token.replace("rb2", "rb3"), "x")
            .unwrap_err()
            .message
            .contains("another version")
    );
    assert!(
        decode("AQICAH", "x")
            .unwrap_err()
            .message
            .contains("none of redbutton's")
    );
}

#[test]
fn version_one_stays_readable() {
    // Written by the first release; must be read for as long as rb1 is the version before.
    let json = r#"{"b":"0123456789abcdef","a":"11111111-abcd-1111-abcd-111111abcdef","s":1790000000,"t":[{"p":"arn:aws:ecs:ap-southeast-2:333333333333:task-definition/","n":"web:8","w":":7","d":"1","k":[90,true],"g":[-2,60],"q":30,"c":"x"}]}"#;
    let state = decode(&format!("rb1.939b5dbb.{json}"), "0123456789abcdef").unwrap();
    let expected = Watch {
        was: Some(arn("web", 7)),
        became: arn("web", 8),
        deployment: "ecs-svc/1".into(),
        unchanged: false,
        phase: Phase::Back { asked: true },
        cause: Some("x".into()),
        progress: Progress {
            balance: -2,
            at: STARTED + 60,
        },
        asked_stopped: STARTED + 30,
    };
    assert_eq!((state.started, state.targets), (STARTED, vec![expected]));
    let turn = state.turned.unwrap();
    assert_eq!((turn.since, turn.target), (STARTED + 90, 0));
}
