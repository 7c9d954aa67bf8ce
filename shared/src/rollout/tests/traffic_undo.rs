//! Blue/green, linear and canary deployments on their way back (CONTRACTS 3.5.27).

use super::traffic::{STATUSES, at, mapped, recent, sight};
use super::*;
use crate::error::FailureKind::JobFailed;

// rules: 3.5.13 3.5.27
#[test]
fn every_status_on_the_way_back() {
    for status in STATUSES {
        let mut rollout = mapped(json!({}));
        rollout.carried(0, Carried::Refused(Failure::new(JobFailed, "x")), 5);
        let mut looks = sight(at(status, "BAKE_TIME"));
        looks.recent = recent(&[("ours", OURS, status), ("before", WAS, "SUCCESSFUL")]);
        let going = matches!(
            status,
            "STOP_REQUESTED" | "ROLLBACK_REQUESTED" | "ROLLBACK_IN_PROGRESS"
        );
        let expected = match status {
            _ if going => Is::Wait("ECS goes back"),
            "ROLLBACK_SUCCESSFUL" => Is::Wait("going back to web:7"),
            "ROLLBACK_FAILED" => Is::Failed(JobFailed, "x", "look at the service"),
            _ => Is::GoBack(WAS),
        };
        expected.check(&rollout.look(&looks, 60));
        if !matches!(expected, Is::GoBack(_)) {
            continue;
        }
        // Once asked for, ECS is waited for; only a stop without a rollback is asked about again.
        rollout.carried(0, Carried::GoingBack(WAS.into()), 61);
        let again = if status == "STOPPED" {
            Is::GoBack(WAS)
        } else {
            Is::Wait("not begun yet")
        };
        again.check(&rollout.look(&looks, 65));
        Is::Failed(JobFailed, "x", "not within rollbackMinutes")
            .check(&rollout.look(&looks, 31 * 60));
    }
}

// rules: 3.5.27
#[test]
fn the_way_back_by_an_update_is_followed_to_its_end() {
    let mut rollout = mapped(json!({}));
    rollout.carried(
        0,
        Carried::Refused(Failure::new(JobFailed, "another failed")),
        5,
    );
    let mut looks = sight(at("SUCCESSFUL", ""));
    looks.recent = recent(&[("ours", OURS, "SUCCESSFUL")]);
    Is::GoBack(WAS).check(&rollout.look(&looks, 60));
    rollout.carried(0, Carried::GoingBack(WAS.into()), 60);
    looks.service.deployments = vec![
        deployment(true, WAS, 1, "IN_PROGRESS"),
        deployment(false, OURS, 2, "COMPLETED"),
    ];
    looks.recent = recent(&[("back", WAS, "IN_PROGRESS"), ("ours", OURS, "SUCCESSFUL")]);
    Is::Wait("going back to web:7: 1 of 2").check(&rollout.look(&looks, 90));
    let mut failing = Rollout {
        state: rollout.state.clone(),
        file: rollout.file.clone(),
    };
    looks.service.deployments = vec![deployment(true, WAS, 2, "COMPLETED")];
    looks.recent = recent(&[("back", WAS, "SUCCESSFUL"), ("ours", OURS, "SUCCESSFUL")]);
    Is::Failed(JobFailed, "another failed", "web:7 (2 of 2 tasks run)")
        .check(&rollout.look(&looks, 120));
    looks.recent = recent(&[("back", WAS, "STOPPED"), ("ours", OURS, "SUCCESSFUL")]);
    Is::Failed(JobFailed, "", "the way back did not succeed").check(&failing.look(&looks, 120));
}

#[test]
fn on_failure_stop_leaves_ecs_to_itself() {
    for (status, expected) in [
        (
            "IN_PROGRESS",
            Is::Failed(JobFailed, "x", "onFailure is \"stop\""),
        ),
        (
            "STOPPED",
            Is::Failed(JobFailed, "x", "onFailure is \"stop\""),
        ),
        ("ROLLBACK_IN_PROGRESS", Is::Wait("ECS goes back")),
    ] {
        let mut rollout = mapped(json!({"onFailure": "stop"}));
        rollout.carried(0, Carried::Refused(Failure::new(JobFailed, "x")), 5);
        let mut looks = sight(at(status, ""));
        looks.recent = recent(&[("ours", OURS, status)]);
        expected.check(&rollout.look(&looks, 60));
    }
}
