//! What is not as the last release left it, as far as AWS itself shows it.

use crate::names::short;
use crate::rollout::seen::stack::Event;
use crate::rollout::seen::{RolloutState, Service};
use crate::task_definition::{Described, tag};

/// What a service runs, held against what was registered for it.
///
/// `running` is the PRIMARY deployment's definition, `latest` the newest ACTIVE one of the family that
/// would be registered; one of another family says nothing about the service, nor does one that was
/// registered for another service. `place` is the target, as the tag of an operation has it.
pub fn of_service(
    service: &Service,
    running: Option<&Described>,
    latest: Option<&Described>,
    place: &str,
) -> Vec<String> {
    let mut drift = Vec::new();
    let Some(running) = running else {
        return drift;
    };
    let (runs, execution) = (short(&running.arn), execution_of(running));
    let latest = latest.filter(|latest| {
        let family = |described: &Described| described.definition.family().to_owned();
        let target = latest
            .tag(tag::OPERATION)
            .and_then(|tag| tag.split_once(' '));
        family(latest) == family(running) && target.is_none_or(|(_, target)| target == place)
    });
    match (execution, latest) {
        (_, Some(latest)) if latest.revision > running.revision => {
            drift.push(match execution_of(latest) {
                Some(execution) => format!(
                    "redbutton registered {} last (execution {execution}), and {runs} serves",
                    short(&latest.arn)
                ),
                None => format!(
                    "somebody registered {} since, past redbutton; {runs} serves",
                    short(&latest.arn)
                ),
            })
        }
        (None, _) => drift.push(format!("redbutton did not register what serves, {runs}")),
        _ => {}
    }
    if let Some(primary) = service.primary()
        && matches!(
            primary.state,
            RolloutState::InProgress | RolloutState::Unknown(_)
        )
    {
        drift.push(format!(
            "a deployment of {} is under way now",
            short(&primary.task_definition)
        ));
    }
    drift
}

/// Who changed a stack last, by the newest events back to the beginning of that change. `shown` turns
/// seconds since the epoch into a time for people.
pub fn of_stack(events: &[Event], shown: impl Fn(u64) -> String) -> Vec<String> {
    let began = events.iter().find(|event| is_beginning(event));
    match began {
        Some(event) if !is_our_token(&event.token) => {
            vec![format!(
                "somebody else changed the stack last, at {}",
                shown(event.at)
            )]
        }
        _ => Vec::new(),
    }
}

/// Whether an event is the beginning of a change of its stack.
pub fn is_beginning(event: &Event) -> bool {
    let beginnings = [
        "UPDATE_IN_PROGRESS",
        "CREATE_IN_PROGRESS",
        "IMPORT_IN_PROGRESS",
    ];
    event.is_of_the_stack() && beginnings.contains(&event.status.as_str())
}

/// The execution that a revision was registered in.
fn execution_of(described: &Described) -> Option<&str> {
    described.tag(tag::OPERATION)?.split(' ').next()
}

/// A job's id, the target's place, and what was done.
fn is_our_token(token: &str) -> bool {
    let (Some(id), Some(rest)) = (token.get(..36), token.get(36..)) else {
        return false;
    };
    let rest = rest.strip_suffix("-back").unwrap_or(rest);
    crate::job::is_uuid(id)
        && rest
            .strip_prefix('-')
            .is_some_and(|n| n.len() == 1 && n.bytes().all(|b| b.is_ascii_digit()))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::rollout::seen::Deployment;
    use serde_json::json;

    fn revision(number: u64, execution: Option<&str>) -> Described {
        let arn = format!("arn:aws:ecs:ap-southeast-2:222222222222:task-definition/web:{number}");
        let operation = execution.map(|execution| format!("{execution} 222222222222/…/web"));
        let tags: Vec<_> = operation
            .iter()
            .map(|operation| json!({"key": tag::OPERATION, "value": operation}))
            .collect();
        Described::from_answer(&json!({
            "taskDefinition": {"taskDefinitionArn": arn, "revision": number, "family": "web"},
            "tags": tags,
        }))
        .unwrap()
    }

    fn check(running: &Described, latest: &Described, state: RolloutState, expected: &[&str]) {
        let primary = Deployment {
            primary: true,
            task_definition: running.arn.clone(),
            state,
            ..Deployment::default()
        };
        let service = Service {
            deployments: vec![primary],
            ..Service::default()
        };
        let told = of_service(&service, Some(running), Some(latest), "222222222222/…/web");
        assert_eq!(told, expected);
    }

    #[test]
    fn what_serves_is_held_against_what_was_registered() {
        let done = || RolloutState::Completed;
        let (ours, theirs) = (revision(7, Some("e7")), revision(7, None));
        check(&ours, &ours, done(), &[]);
        check(
            &theirs,
            &theirs,
            done(),
            &["redbutton did not register what serves, web:7"],
        );
        check(
            &ours,
            &revision(8, Some("e8")),
            done(),
            &["redbutton registered web:8 last (execution e8), and web:7 serves"],
        );
        check(
            &ours,
            &revision(8, None),
            done(),
            &["somebody registered web:8 since, past redbutton; web:7 serves"],
        );
        check(
            &ours,
            &ours,
            RolloutState::InProgress,
            &["a deployment of web:7 is under way now"],
        );
        assert_eq!(of_service(&Service::default(), None, None, ""), [""; 0]);
    }

    #[test]
    fn a_stack_is_ours_by_the_token_of_its_last_change() {
        let event = |token: &str, status: &str| Event {
            stack: "arn".into(),
            physical: "arn".into(),
            status: status.into(),
            token: token.into(),
            at: 60,
            ..Event::default()
        };
        let drift = |token: &str| {
            let events = [
                event("x", "UPDATE_COMPLETE"),
                event(token, "UPDATE_IN_PROGRESS"),
            ];
            of_stack(&events, |at| format!("{at} s")).len()
        };
        let id = "11111111-abcd-1111-abcd-111111abcdef";
        for ours in ["-0", "-9-back"] {
            assert_eq!(drift(&format!("{id}{ours}")), 0, "{ours}");
        }
        for theirs in [
            "",
            "Console-ExecuteChangeSet-1",
            &format!("{id}-x"),
            &format!("{id}-10-back"),
        ] {
            assert_eq!(drift(theirs), 1, "{theirs}");
        }
        assert_eq!(of_stack(&[], |_| String::new()), [""; 0]);
    }
}
