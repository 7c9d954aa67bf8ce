//! Outcome → what CodePipeline accepts as an answer, within every limit of CONTRACTS 3.2.

use std::collections::BTreeMap;

use crate::error::{Failure, FailureKind};

/// What a handler came to. Handlers return it; only the wrapper talks to CodePipeline.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Outcome {
    /// Done, and shown to be.
    Success {
        /// Output variables of the action.
        variables: BTreeMap<String, String>,
        /// One or two sentences for the person at the pipeline.
        summary: String,
        /// What the console shows as the external execution (a deployment id).
        external_id: Option<String>,
    },
    /// Not done yet: call again with this token.
    InProgress {
        /// 1 to 2,048 characters.
        token: String,
        /// What is being waited for.
        summary: String,
        /// 0 to 100.
        percent: Option<u8>,
    },
    /// Failed.
    Failure(Failure),
}

/// An answer that the API accepts.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Answer {
    /// `PutJobSuccessResult`.
    Success {
        /// Absent when the job is done.
        token: Option<String>,
        /// At most 2,048 characters; absent when there is nothing to say.
        summary: Option<String>,
        /// At most 1,500 characters.
        external_id: Option<String>,
        /// 0 to 100.
        percent: Option<i32>,
        /// Only without a token; at most 122,880 bytes in all.
        variables: BTreeMap<String, String>,
    },
    /// `PutJobFailureResult`.
    Failure {
        /// One of the API's types.
        kind: FailureKind,
        /// 1 to 5,000 characters.
        message: String,
    },
}

/// 3.2.2
pub const TOKEN_LIMIT: usize = 2_048;
const SUMMARY_LIMIT: usize = 2_048;
const EXTERNAL_ID_LIMIT: usize = 1_500;
const MESSAGE_LIMIT: usize = 5_000;
const VARIABLES_LIMIT_BYTES: usize = 122_880;

/// The answer for an outcome. Texts are cut on a character boundary, with `…` at the cut; a token
/// that is too long cannot be cut and becomes a failure that says so.
pub fn answer(outcome: Outcome) -> Answer {
    match outcome {
        Outcome::InProgress { token, .. } if !(1..=TOKEN_LIMIT).contains(&token.len()) => {
            failure(&Failure::new(
                FailureKind::JobFailed,
                format!(
                    "the state of this rollout takes {} characters, and CodePipeline's \
                     continuation token holds {TOKEN_LIMIT}; the rollout goes on in ECS without \
                     being watched. Put fewer targets into one action",
                    token.len()
                ),
            ))
        }
        Outcome::InProgress {
            token,
            summary,
            percent,
        } => Answer::Success {
            token: Some(token),
            summary: non_empty(cut(&summary, SUMMARY_LIMIT)),
            external_id: None,
            percent: percent.map(|percent| i32::from(percent.min(100))),
            variables: BTreeMap::new(),
        },
        Outcome::Success {
            variables,
            summary,
            external_id,
        } => Answer::Success {
            token: None,
            summary: non_empty(cut(&summary, SUMMARY_LIMIT)),
            external_id: external_id.and_then(|id| non_empty(cut(&id, EXTERNAL_ID_LIMIT))),
            percent: Some(100),
            variables: fit(variables),
        },
        Outcome::Failure(failed) => failure(&failed),
    }
}

fn failure(failed: &Failure) -> Answer {
    let message = non_empty(cut(failed.message.trim(), MESSAGE_LIMIT))
        .unwrap_or_else(|| "failed without a message; see the function's log".to_owned());
    Answer::Failure {
        kind: failed.kind,
        message,
    }
}

fn non_empty(text: String) -> Option<String> {
    (!text.is_empty()).then_some(text)
}

/// At most `limit` UTF-16 code units: no fewer than any way of counting characters that AWS may
/// use, so that no text is refused.
pub fn cut(text: &str, limit: usize) -> String {
    if text.encode_utf16().count() <= limit {
        return text.to_owned();
    }
    let mut kept = String::new();
    let mut units = 1; // for the ellipsis
    for character in text.chars() {
        units += character.len_utf16();
        if units > limit {
            break;
        }
        kept.push(character);
    }
    kept.push('…');
    kept
}

/// Names in the API's pattern, values within the total; what does not fit is left out whole, the
/// largest first, since half a JSON document is none.
fn fit(variables: BTreeMap<String, String>) -> BTreeMap<String, String> {
    let mut variables: BTreeMap<String, String> = variables
        .into_iter()
        .filter(|(name, _)| {
            !name.is_empty()
                && name
                    .chars()
                    .all(|c| c.is_ascii_alphanumeric() || matches!(c, '@' | '-' | '_'))
        })
        .collect();
    let size = |variables: &BTreeMap<String, String>| -> usize {
        variables
            .iter()
            .map(|(name, value)| name.len() + value.len())
            .sum()
    };
    while size(&variables) > VARIABLES_LIMIT_BYTES {
        let largest = variables.iter().max_by_key(|(_, value)| value.len());
        let Some(name) = largest.map(|(name, _)| name.clone()) else {
            break;
        };
        variables.insert(
            name,
            "(left out: too large for an output variable)".to_owned(),
        );
    }
    variables
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        // rules: 3.2.7
        #[test]
        fn any_failure_message_is_accepted(message in "\\PC{0,7000}") {
            let Answer::Failure { message, .. } =
                answer(Outcome::Failure(Failure::new(FailureKind::JobFailed, message)))
            else { panic!("a failure answers with a failure") };
            prop_assert!((1..=5_000).contains(&message.encode_utf16().count()));
        }

        // rules: 3.2.7
        #[test]
        fn cutting_keeps_the_beginning_and_whole_characters(text in "\\PC{0,40}", limit in 1usize..30) {
            let cut = cut(&text, limit);
            prop_assert!(cut.encode_utf16().count() <= limit);
            let kept = cut.strip_suffix('…').unwrap_or(&cut);
            prop_assert!(text.starts_with(kept));
        }

        // rules: 3.2.5
        #[test]
        fn variables_fit_the_total(sizes in proptest::collection::vec(0usize..90_000, 0..5)) {
            let variables = sizes.iter().enumerate()
                .map(|(n, size)| (format!("Name{n}"), "x".repeat(*size))).collect();
            let Answer::Success { variables, .. } =
                answer(Outcome::Success { variables, summary: String::new(), external_id: None })
            else { panic!("a success answers with a success") };
            let total: usize = variables.iter().map(|(k, v)| k.len() + v.len()).sum();
            prop_assert!(total <= 122_880);
            prop_assert_eq!(variables.len(), sizes.len());
        }
    }

    // rules: 3.2.5 3.2.6
    #[test]
    fn outputs_go_with_the_last_answer_only() {
        let outcome = Outcome::InProgress {
            token: "t".into(),
            summary: "waiting".into(),
            percent: Some(250),
        };
        let Answer::Success {
            variables,
            percent,
            token,
            ..
        } = answer(outcome)
        else {
            panic!()
        };
        assert_eq!(
            (variables.len(), percent, token.as_deref()),
            (0, Some(100), Some("t"))
        );
    }

    // rules: 3.2.2
    #[test]
    fn a_token_that_does_not_fit_is_a_failure_and_not_a_crash() {
        for token in [String::new(), "x".repeat(2_049)] {
            let outcome = Outcome::InProgress {
                token,
                summary: String::new(),
                percent: None,
            };
            assert!(matches!(answer(outcome), Answer::Failure { .. }));
        }
    }

    // rules: 3.2.5
    #[test]
    fn a_name_that_the_api_refuses_is_left_out() {
        let variables = BTreeMap::from([
            ("Good-1@_".into(), "v".into()),
            ("bad name".into(), "v".into()),
        ]);
        assert_eq!(fit(variables).into_keys().collect::<Vec<_>>(), ["Good-1@_"]);
    }
}
