//! Rollout state ⇄ continuation token: versioned, bound to execution and targets, at most 2,048
//! characters, no secret in it (CONTRACTS 3.2.2).
//!
//! `rb1.<first 8 hex digits of the JSON's sha256>.<compact JSON>`: readable where a person meets
//! it, and a third shorter than base64 would be. The checksum finds damage, not forgery: whoever
//! can write a token can answer the job anyway. A new version of the form is read beside the one
//! before it, so that an upgrade in the middle of a rollout goes on.

use serde::{Deserialize, Serialize};
use sha2::{Digest as _, Sha256};

use super::answer::{TOKEN_LIMIT, cut};
use crate::error::Failure;
use crate::rollout::State;
use crate::rollout::watch::{Phase, Progress, Watch};

const VERSION: &str = "rb1";

/// The state of version 1, in as few letters as it takes.
#[derive(Serialize, Deserialize)]
struct Wire {
    b: String,
    a: String,
    s: u64,
    t: Vec<WireWatch>,
}

#[derive(Serialize, Deserialize)]
struct WireWatch {
    /// ARN up to and including `task-definition/`, when it differs from the first target's.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    p: String,
    /// `family:revision` that we released.
    n: String,
    /// `family:revision` before, or `:revision` in the same family; empty for none.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    w: String,
    /// Deployment id, without `ecs-svc/`.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    d: String,
    /// Unchanged.
    #[serde(default, skip_serializing_if = "is_default")]
    u: bool,
    /// Going back: since, seconds after the start, and whether we asked.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    k: Option<(u64, bool)>,
    /// Progress: balance, and when, seconds after the start.
    #[serde(default, skip_serializing_if = "is_default")]
    g: (i64, u64),
    /// Stopped tasks asked for, seconds after the start.
    #[serde(default, skip_serializing_if = "is_default")]
    q: u64,
    /// The first cause.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    c: Option<String>,
}

fn is_default<T: Default + PartialEq>(value: &T) -> bool {
    *value == T::default()
}

/// The token of a state. Causes are shortened as far as it takes; a token that is still too long
/// is for [`answer`](super::answer::answer) to refuse.
pub fn encode(state: &State) -> String {
    let mut token = String::new();
    for cause_limit in [600, 200, 80, 20, 0] {
        token = encode_with(state, cause_limit);
        if token.len() <= TOKEN_LIMIT {
            break;
        }
    }
    token
}

fn encode_with(state: &State, cause_limit: usize) -> String {
    let first = state
        .targets
        .first()
        .map(|watch| split(&watch.became).0.to_owned());
    let after = |at: u64| at.saturating_sub(state.started);
    let targets = state.targets.iter().enumerate().map(|(n, watch)| {
        let (prefix, name) = split(&watch.became);
        let family = name.rsplit_once(':').map_or("", |(family, _)| family);
        let was = watch
            .was
            .as_deref()
            .map(|was| split(was).1)
            .unwrap_or_default();
        let same_family = was
            .strip_prefix(family)
            .filter(|rest| rest.starts_with(':'));
        WireWatch {
            p: if n > 0 && first.as_deref() == Some(prefix) {
                String::new()
            } else {
                prefix.to_owned()
            },
            n: name.to_owned(),
            w: same_family.unwrap_or(was).to_owned(),
            d: watch
                .deployment
                .strip_prefix("ecs-svc/")
                .unwrap_or(&watch.deployment)
                .to_owned(),
            u: watch.unchanged,
            k: match watch.phase {
                Phase::Forward => None,
                Phase::Back { since, asked } => Some((after(since), asked)),
            },
            g: (watch.progress.balance, after(watch.progress.at)),
            q: after(watch.asked_stopped),
            c: watch
                .cause
                .as_ref()
                .map(|cause| cut(cause, cause_limit.max(1))),
        }
    });
    let wire = Wire {
        b: state.binding.clone(),
        a: state.attempt.clone(),
        s: state.started,
        t: targets.collect(),
    };
    // Plain structs of strings and numbers always serialise.
    let json = serde_json::to_string(&wire).unwrap_or_default();
    format!("{VERSION}.{}.{json}", checksum(json.as_bytes()))
}

/// The state of a token, if it is one of ours, undamaged, for this execution and these targets.
pub fn decode(token: &str, binding: &str) -> Result<State, Failure> {
    let foreign = |why: &str| {
        Failure::configuration(format!(
            "the continuation token {why}. A rollout that was under way goes on in ECS; look at \
             the service, then retry the stage"
        ))
    };
    let mut parts = token.splitn(3, '.');
    let version = parts.next().unwrap_or_default();
    if version != VERSION {
        let newer = version
            .strip_prefix("rb")
            .is_some_and(|v| v.parse::<u32>().is_ok());
        return Err(foreign(if newer {
            "was made by another version of redbutton, which this one cannot read"
        } else {
            "is none of redbutton's"
        }));
    }
    let (Some(sum), Some(json)) = (parts.next(), parts.next()) else {
        return Err(foreign("is damaged"));
    };
    if checksum(json.as_bytes()) != sum {
        return Err(foreign("is damaged"));
    }
    let wire: Wire = serde_json::from_str(json).map_err(|_| foreign("is damaged"))?;
    if wire.b != binding {
        return Err(foreign(
            "belongs to another execution, or the rollout's targets were changed meanwhile",
        ));
    }
    Ok(wire.into_state())
}

impl Wire {
    fn into_state(self) -> State {
        let first = self
            .t
            .first()
            .map(|watch| watch.p.clone())
            .unwrap_or_default();
        let started = self.s;
        let at = |after: u64| {
            if after == 0 {
                0
            } else {
                started.saturating_add(after)
            }
        };
        let targets = self.t.into_iter().map(|wire| {
            let prefix = if wire.p.is_empty() { &first } else { &wire.p };
            let family = wire.n.rsplit_once(':').map_or("", |(family, _)| family);
            let was = match wire.w.as_str() {
                "" => None,
                own if own.starts_with(':') => Some(format!("{prefix}{family}{own}")),
                other => Some(format!("{prefix}{other}")),
            };
            Watch {
                was,
                became: format!("{prefix}{}", wire.n),
                deployment: if wire.d.is_empty() {
                    wire.d
                } else {
                    format!("ecs-svc/{}", wire.d)
                },
                unchanged: wire.u,
                phase: match wire.k {
                    None => Phase::Forward,
                    Some((since, asked)) => Phase::Back {
                        since: started.saturating_add(since),
                        asked,
                    },
                },
                cause: wire.c,
                progress: Progress {
                    balance: wire.g.0,
                    at: at(wire.g.1),
                },
                asked_stopped: at(wire.q),
            }
        });
        State {
            binding: self.b,
            attempt: self.a,
            started,
            targets: targets.collect(),
        }
    }
}

/// `arn:…:task-definition/` and `family:revision`.
fn split(arn: &str) -> (&str, &str) {
    arn.rsplit_once('/')
        .map_or(("", arn), |(prefix, _)| arn.split_at(prefix.len() + 1))
}

fn checksum(json: &[u8]) -> String {
    hex::encode(Sha256::digest(json)).chars().take(8).collect()
}

#[cfg(test)]
mod tests {
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
            proptest::option::of((0u64..76_000, any::<bool>())),
            -20i64..20,
            1u64..76_000,
            proptest::option::of("\\PC{0,900}"),
            "[0-9]{19}",
        )
            .prop_map(
                |(family, other, same, revision, unchanged, back, balance, at, cause, id)| Watch {
                    was: Some(arn(if same { &family } else { &other }, revision - 1)),
                    became: arn(&family, revision),
                    deployment: format!("ecs-svc/{id}"),
                    unchanged,
                    phase: back.map_or(Phase::Forward, |(since, asked)| Phase::Back {
                        since: STARTED + since,
                        asked,
                    }),
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
        }
    }

    proptest! {
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
    fn a_token_is_bound_to_its_execution_and_its_targets() {
        let token = encode(&state(Vec::new()));
        let message = decode(&token, "fedcba9876543210").unwrap_err().message;
        assert!(message.contains("another execution"), "{message}");
        assert!(
            decode(&token.replace("rb1", "rb2"), "x")
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
            phase: Phase::Back {
                since: STARTED + 90,
                asked: true,
            },
            cause: Some("x".into()),
            progress: Progress {
                balance: -2,
                at: STARTED + 60,
            },
            asked_stopped: STARTED + 30,
        };
        assert_eq!((state.started, state.targets), (STARTED, vec![expected]));
    }
}
