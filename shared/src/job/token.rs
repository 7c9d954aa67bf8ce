//! Rollout state ⇄ continuation token: versioned, bound to execution and targets, at most 2,048
//! characters, no secret in it (CONTRACTS 3.2.2).
//!
//! [`sealed`](super::sealed), in as few letters as it takes. A new version of the form is read beside the one
//! before it, so that an upgrade in the middle of a rollout goes on.

use serde::{Deserialize, Serialize};

use super::answer::{TOKEN_LIMIT, cut};
use super::sealed::{Unreadable, seal, unseal};
use crate::error::{Failure, FailureKind};
use crate::rollout::watch::{Phase, Progress, Watch};
use crate::rollout::{State, Turn};

const VERSION: &str = "rb2";
/// The version before: one target, whose way back has a time of its own.
const VERSION_BEFORE: &str = "rb1";

/// The state, in as few letters as it takes.
#[derive(Serialize, Deserialize)]
struct Wire {
    b: String,
    a: String,
    s: u64,
    t: Vec<WireWatch>,
    /// Beginnings of task definition ARNs: `region:account`, or whole where they are others than
    /// `arn:aws:ecs:region:account:task-definition/`.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    x: Vec<String>,
    /// Turned round: seconds after the start, the target's place, the kind of failure.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    f: Option<(u64, usize, u8)>,
}

#[derive(Serialize, Deserialize)]
struct WireWatch {
    /// Version 1: ARN up to and including `task-definition/`.
    #[serde(default, skip_serializing)]
    p: String,
    /// Place of its ARN's beginning among all of them.
    #[serde(default, skip_serializing_if = "is_default")]
    i: usize,
    /// `family:revision` that we released; of a stack the change set's name, its attempt as `%`.
    n: String,
    /// `family:revision` before, or `:revision` in the same family; empty for none. Of a stack, when it
    /// was last changed.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    w: String,
    /// Deployment id, without `ecs-svc/`; any other id after a `=`.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    d: String,
    /// Unchanged.
    #[serde(default, skip_serializing_if = "is_default")]
    u: bool,
    /// Going back: in version 1 since when, seconds after the start; and whether we asked.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    k: Option<(u64, bool)>,
    /// Phase, when it is neither forward nor back: `w`aiting, `s`erved, s`t`uck.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    h: Option<char>,
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
    // The cause of the failure that turned it round is the one that everybody asks for.
    for limits in [
        (900, 600),
        (900, 200),
        (600, 80),
        (300, 20),
        (80, 1),
        (1, 1),
    ] {
        token = encode_with(state, limits);
        if token.len() <= TOKEN_LIMIT {
            break;
        }
    }
    token
}

/// Whether the state of these targets, each by region, account and family or, of a stack, the name of
/// its change set, will fit the token
/// whatever comes: with the longest ids, times and revisions, and causes cut to nothing.
pub fn will_fit<'a>(
    state: &State,
    targets: impl Iterator<Item = ((&'a str, &'a str), &'a str)>,
) -> bool {
    let longest = |((region, account), family): ((&str, &str), &str)| {
        let arn = |revision: u32| {
            format!("arn:aws:ecs:{region}:{account}:task-definition/{family}:{revision}")
        };
        // A stack's name of a change set has the attempt in it.
        let (was, became, deployment) = if family.contains(&state.attempt) {
            ("2026-11-20T08:00:00Z".to_owned(), family.to_owned(), 36)
        } else {
            (arn(99_998), arn(99_999), 33)
        };
        Watch {
            was: Some(was),
            became,
            deployment: "x".repeat(deployment),
            phase: Phase::Back { asked: true },
            cause: Some("…".into()),
            progress: Progress {
                balance: -1_000_000,
                at: state.started + 80_000,
            },
            asked_stopped: state.started + 80_000,
            ..Watch::default()
        }
    };
    let whole = State {
        targets: targets.map(longest).collect(),
        turned: Some(Turn {
            since: state.started + 80_000,
            target: 9,
            kind: FailureKind::SystemUnavailable,
        }),
        ..state.clone()
    };
    encode(&whole).len() <= TOKEN_LIMIT
}

/// `limits`: characters of the first cause, and of the others.
fn encode_with(state: &State, limits: (usize, usize)) -> String {
    let mut beginnings: Vec<String> = Vec::new();
    let after = |at: u64| at.saturating_sub(state.started);
    // 0 is for what never was; what was in the first second was in the second one as well.
    let when = |at: u64| if at == 0 { 0 } else { after(at).max(1) };
    let targets: Vec<WireWatch> = state
        .targets
        .iter()
        .enumerate()
        .map(|(n, watch)| {
            let (prefix, name) = split(&watch.became);
            let beginning = shortened(prefix);
            let place = beginnings.iter().position(|known| *known == beginning);
            let i = place.unwrap_or_else(|| {
                beginnings.push(beginning);
                beginnings.len() - 1
            });
            let first = state.turned.is_some_and(|turn| turn.target == n);
            let cause_limit = if first { limits.0 } else { limits.1 };
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
                p: String::new(),
                i,
                n: name.replace(&state.attempt, "%"),
                w: same_family.unwrap_or(was).to_owned(),
                d: match watch.deployment.strip_prefix("ecs-svc/") {
                    Some(id) => id.to_owned(),
                    None if watch.deployment.is_empty() => String::new(),
                    None => format!("={}", watch.deployment),
                },
                u: watch.unchanged,
                k: match watch.phase {
                    Phase::Back { asked } => Some((0, asked)),
                    _ => None,
                },
                h: match watch.phase {
                    Phase::Waiting => Some('w'),
                    Phase::Served => Some('s'),
                    Phase::Stuck => Some('t'),
                    Phase::Forward | Phase::Back { .. } => None,
                },
                g: (watch.progress.balance, when(watch.progress.at)),
                q: when(watch.asked_stopped),
                c: watch.cause.as_ref().map(|cause| cut(cause, cause_limit)),
            }
        })
        .collect();
    let wire = Wire {
        b: state.binding.clone(),
        a: state.attempt.clone(),
        s: state.started,
        t: targets,
        x: beginnings,
        f: state
            .turned
            .map(|turn| (after(turn.since), turn.target, code(turn.kind))),
    };
    // Plain structs of strings and numbers always serialise.
    let json = serde_json::to_string(&wire).unwrap_or_default();
    seal(VERSION, &json)
}

/// The state of a token, if it is one of ours, undamaged, for this execution and these targets.
pub fn decode(token: &str, binding: &str) -> Result<State, Failure> {
    let foreign = |why: &str| {
        Failure::configuration(format!(
            "the continuation token {why}. A rollout that was under way goes on in ECS; look at \
             the service, then retry the stage"
        ))
    };
    let json = unseal(&[VERSION, VERSION_BEFORE], token).map_err(|why| {
        foreign(match why {
            Unreadable::Newer => {
                "was made by another version of redbutton, which this one cannot read"
            }
            Unreadable::Foreign => "is none of redbutton's",
            Unreadable::Damaged => "is damaged",
        })
    })?;
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
        let beginnings: Vec<String> = self.x.iter().map(|short| lengthened(short)).collect();
        // Version 1 has one target: when it goes back, it turned the rollout round.
        let before = self
            .t
            .first()
            .and_then(|watch| watch.k)
            .map(|k| (k.0, 0, 0));
        let turned = self.f.or(before).map(|(since, target, kind)| Turn {
            since: started.saturating_add(since),
            target,
            kind: kind_of(kind),
        });
        let at = |after: u64| {
            if after == 0 {
                0
            } else {
                started.saturating_add(after)
            }
        };
        let attempt = self.a;
        let targets = self.t.into_iter().map(|mut wire| {
            wire.n = wire.n.replace('%', &attempt);
            let prefix = match beginnings.get(wire.i) {
                Some(beginning) => beginning,
                None if wire.p.is_empty() => &first,
                None => &wire.p,
            };
            let family = wire.n.rsplit_once(':').map_or("", |(family, _)| family);
            let was = match wire.w.as_str() {
                "" => None,
                own if own.starts_with(':') => Some(format!("{prefix}{family}{own}")),
                other => Some(format!("{prefix}{other}")),
            };
            Watch {
                was,
                became: format!("{prefix}{}", wire.n),
                deployment: match wire.d.strip_prefix('=') {
                    Some(id) => id.to_owned(),
                    None if wire.d.is_empty() => wire.d,
                    None => format!("ecs-svc/{}", wire.d),
                },
                unchanged: wire.u,
                phase: match (wire.k, wire.h) {
                    (Some((_, asked)), _) => Phase::Back { asked },
                    (None, Some('w')) => Phase::Waiting,
                    (None, Some('s')) => Phase::Served,
                    (None, Some('t')) => Phase::Stuck,
                    (None, _) => Phase::Forward,
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
            attempt: attempt.clone(),
            started,
            targets: targets.collect(),
            turned,
        }
    }
}

const KINDS: [FailureKind; 6] = [
    FailureKind::JobFailed,
    FailureKind::ConfigurationError,
    FailureKind::PermissionError,
    FailureKind::RevisionOutOfSync,
    FailureKind::RevisionUnavailable,
    FailureKind::SystemUnavailable,
];

fn code(kind: FailureKind) -> u8 {
    let place = KINDS.iter().position(|known| *known == kind);
    place
        .and_then(|place| u8::try_from(place).ok())
        .unwrap_or_default()
}

fn kind_of(code: u8) -> FailureKind {
    KINDS
        .get(usize::from(code))
        .copied()
        .unwrap_or(FailureKind::JobFailed)
}

/// `region:account` of the beginning of a usual ARN.
fn shortened(prefix: &str) -> String {
    let usual = prefix.strip_prefix("arn:aws:ecs:");
    let usual = usual.and_then(|rest| rest.strip_suffix(":task-definition/"));
    usual.unwrap_or(prefix).to_owned()
}

fn lengthened(short: &str) -> String {
    if short.starts_with("arn:") || short.is_empty() {
        return short.to_owned();
    }
    format!("arn:aws:ecs:{short}:task-definition/")
}

/// `arn:…:task-definition/` and `family:revision`.
fn split(arn: &str) -> (&str, &str) {
    arn.rsplit_once('/')
        .map_or(("", arn), |(prefix, _)| arn.split_at(prefix.len() + 1))
}

#[cfg(test)]
mod tests;
