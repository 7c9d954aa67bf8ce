//! What `token` promises.

use super::*;
use crate::error::FailureKind;
use proptest::prelude::*;

const BINDING: &str = "0123456789abcdef";

fn state(copied: Vec<(usize, Copied)>) -> State {
    State {
        binding: BINDING.to_owned(),
        started: 1_795_882_800,
        copied,
        released: None,
        delivered: None,
    }
}

fn copied(size: u64) -> Copied {
    Copied {
        sha256: "a".repeat(64),
        size,
        version: "3HL4kqtJvjVBH40Nrjfkd.gxYbkaFpTl".to_owned(),
        etag: format!("\"{}-320\"", "0".repeat(32)),
    }
}

fn any_copied() -> impl Strategy<Value = Vec<(usize, Copied)>> {
    let one = (
        "[0-9a-f]{64}",
        any::<u64>(),
        "(\\PC{0,40}|[a-z\"]{900,1024})",
        "[\"a-f0-9-]{0,40}",
    )
        .prop_map(|(sha256, size, version, etag)| Copied {
            sha256,
            size,
            version,
            etag,
        });
    let all = proptest::collection::vec((any::<usize>(), one), 0..20);
    all.prop_map(|mut all| {
        all.sort_by_key(|(_, copied)| std::cmp::Reverse(copied.size));
        all
    })
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]
    // rules: 3.2.2
    #[test]
    fn it_always_fits_and_what_comes_back_is_the_largest(
        copied in any_copied(), released in proptest::option::of("[0-9a-f]{64}"), started: u64,
    ) {
        let state = State { released, started, ..state(copied) };
        let token = encode(&state);
        prop_assert!(token.len() <= TOKEN_LIMIT, "{}", token.len());
        let back = decode(&token, BINDING).unwrap();
        prop_assert_eq!((&back.released, back.started), (&state.released, state.started));
        prop_assert_eq!(&back.copied[..], &state.copied[..back.copied.len()]);
    }
}

#[test]
fn ten_objects_of_usual_names_are_remembered_whole() {
    let all: Vec<(usize, Copied)> = (0..9).rev().map(|n| (n, copied(n as u64))).collect();
    let state = state(all);
    assert_eq!(decode(&encode(&state), BINDING).unwrap(), state);
}

// rules: 3.2.2
#[test]
fn of_too_many_the_largest_are_remembered() {
    let all = (0..40).map(|n| (n, copied(n as u64))).collect();
    let back = decode(&encode(&state(all)), BINDING).unwrap();
    let kept: Vec<usize> = back.copied.iter().map(|(n, _)| *n).collect();
    let expected: Vec<usize> = (0..40).rev().take(kept.len()).collect();
    assert!(kept.len() >= 9, "{}", kept.len());
    assert_eq!(kept, expected);
}

// rules: 3.2.2
#[test]
fn a_token_of_anything_else_is_refused() {
    let token = encode(&state(vec![(0, copied(7))]));
    let flipped = token.replace("\"n\":7", "\"n\":8");
    for (text, expected) in [
        (
            token.replace("rc1.", "rc2."),
            "made by another version of redbutton",
        ),
        (token.replace("rc1.", "rb2."), "none of this function's"),
        (String::new(), "none of this function's"),
        (flipped, "is damaged"),
        (seal("rc1", "{}"), "is damaged"),
        (seal("rc1", "x"), "is damaged"),
    ] {
        let failure = decode(&text, BINDING).unwrap_err();
        assert_eq!(failure.kind, FailureKind::ConfigurationError);
        assert!(
            failure.message.contains(expected),
            "{text}: {}",
            failure.message
        );
    }
    let failure = decode(&token, "another").unwrap_err();
    assert!(
        failure
            .message
            .contains("belongs to another execution or destination")
    );
}
