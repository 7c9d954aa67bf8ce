//! How an attempt begins: what has to be done so that a service runs a definition, given what AWS
//! shows. A duplicate of the job, and a crash at any line, lead to the same revision and the same
//! deployment (CONTRACTS 3.5.6).

use super::seen::{RolloutState, Service};
use super::watch::{Phase, Watch};
use crate::rollout_file::images::Image;
use crate::task_definition::{Described, TaskDefinition, tag};

/// What an attempt begins with.
#[derive(Debug, Clone, PartialEq)]
pub enum Start {
    /// It runs, or is on its way: only watch.
    Watch(Watch),
    /// A revision of this very attempt exists; deploy it, unless it was deployed before.
    Resume(Box<Described>),
    /// Register, then deploy.
    Register,
}

/// The watch of a target whose revision is registered, and that has not begun.
pub fn waiting(was: Option<String>, became: String) -> Watch {
    Watch {
        was: was.filter(|was| *was != became),
        became,
        phase: Phase::Waiting,
        ..Watch::default()
    }
}

/// ARN of what a service goes back to.
pub fn was(service: &Service) -> Option<String> {
    service
        .last_finished()
        .map(|deployment| deployment.task_definition.clone())
}

/// The attempt and its operation, as the tags have them.
#[derive(Debug, Clone, Copy)]
pub struct Keys<'a> {
    /// Execution and target.
    pub operation: &'a str,
    /// The id of the job that began it.
    pub attempt: &'a str,
}

impl Keys<'_> {
    /// Whether a revision was registered by this very attempt. Tags alone do not say so: a console
    /// and other tools copy them to what somebody registers by hand, with other images. A digest may
    /// be another one: a tag that was moved since an earlier delivery pinned it. The release is what
    /// was pinned first.
    pub fn made(&self, described: &Described, wanted: &TaskDefinition) -> bool {
        let (theirs, ours) = (described.definition.images(), wanted.images());
        described.tag(tag::OPERATION) == Some(self.operation)
            && described.tag(tag::ATTEMPT) == Some(self.attempt)
            && theirs.len() == ours.len()
            && theirs.iter().zip(&ours).all(|(theirs, ours)| {
                theirs.0 == ours.0 && (theirs.1 == ours.1 || both_pinned(theirs.1, ours.1))
            })
    }
}

/// Whether both are pinned, in one repository.
fn both_pinned(one: &str, other: &str) -> bool {
    let pinned = |image| Image::parse(image).filter(|image| image.digest.is_some());
    match (pinned(one), pinned(other)) {
        (Some(one), Some(other)) => one.repository == other.repository,
        _ => false,
    }
}

/// Decides. `running` is the PRIMARY deployment's definition, `latest` the newest ACTIVE one of
/// the family; both may be the same one, and either may be missing.
pub fn start(
    service: &Service,
    running: Option<&Described>,
    latest: Option<&Described>,
    wanted: &TaskDefinition,
    keys: Keys<'_>,
) -> Start {
    if let (Some(primary), Some(running)) = (service.primary(), running)
        && primary.task_definition == running.arn
    {
        let sha256 = wanted.sha256();
        let ours = keys.made(running, wanted);
        let tagged = running.tag(tag::SHA256) == Some(sha256.as_str());
        let same = (tagged && wanted.is_in(&running.definition))
            || running.definition.same_content(wanted);
        if ours || (same && primary.state != RolloutState::Failed) {
            return Start::Watch(Watch {
                was: was(service)
                    .filter(|was| *was != running.arn)
                    .or_else(|| noted(running).filter(|_| ours)),
                became: running.arn.clone(),
                deployment: primary.id.clone(),
                unchanged: !ours,
                ..Watch::default()
            });
        }
    }
    registered(latest, wanted, keys)
}

/// What served before a revision of this attempt, as its tag has it: once ours is alone, the
/// service does not tell any more.
fn noted(running: &Described) -> Option<String> {
    let was = running.tag(tag::WAS)?;
    let (start, _) = running.arn.rsplit_once('/')?;
    Some(format!("{start}/{was}"))
}

/// As [`start`], for a task: whether its revision is registered.
pub fn registered(latest: Option<&Described>, wanted: &TaskDefinition, keys: Keys<'_>) -> Start {
    match latest.filter(|latest| latest.active && keys.made(latest, wanted)) {
        Some(latest) => Start::Resume(Box::new(latest.clone())),
        None => Start::Register,
    }
}

/// Revisions that were registered between the newest known one and ours, lowest first: one of them
/// may be a duplicate's, and of two equal ones the lower wins.
pub fn between(newest_known: u64, ours: u64) -> std::ops::Range<u64> {
    // A family that lost many revisions is not searched from end to end.
    ours.saturating_sub(5).max(newest_known + 1)..ours
}

#[cfg(test)]
mod tests {
    use super::super::seen::Deployment;
    use super::*;
    use serde_json::json;

    const KEYS: Keys<'_> = Keys {
        operation: "execution/web",
        attempt: "job-1",
    };

    fn described(revision: u64, image: &str, tags: &[(&str, &str)]) -> Described {
        let tags: Vec<_> = tags
            .iter()
            .map(|(key, value)| json!({"key": key, "value": value}))
            .collect();
        Described::from_answer(&json!({
            "taskDefinition": {
                "taskDefinitionArn": arn(revision), "revision": revision, "family": "web",
                "containerDefinitions": [{"name": "web", "image": image}],
            },
            "tags": tags,
        }))
        .unwrap()
    }

    fn arn(revision: u64) -> String {
        format!("arn:aws:ecs:ap-southeast-2:333333333333:task-definition/web:{revision}")
    }

    fn service(primary: u64, state: &str) -> Service {
        let deployment = Deployment {
            id: "ecs-svc/1".into(),
            primary: true,
            task_definition: arn(primary),
            state: RolloutState::parse(Some(state)),
            ..Default::default()
        };
        Service {
            status: "ACTIVE".into(),
            desired: 1,
            deployments: vec![deployment],
            ..Default::default()
        }
    }

    const MADE: [(&str, &str); 2] = [(tag::OPERATION, "execution/web"), (tag::ATTEMPT, "job-1")];

    #[test]
    fn a_first_delivery_registers() {
        let (running, wanted) = (
            described(7, "r/web:1", &[]),
            described(0, "r/web:2", &[]).definition,
        );
        let start = start(
            &service(7, "COMPLETED"),
            Some(&running),
            Some(&running),
            &wanted,
            KEYS,
        );
        assert_eq!(start, Start::Register);
    }

    // rules: 3.3.1 3.5.6
    #[test]
    fn a_second_delivery_finds_the_revision_or_the_deployment_of_the_first() {
        let (old, ours) = (described(7, "r/web:1", &[]), described(8, "r/web:2", &MADE));
        let wanted = described(0, "r/web:2", &[]).definition;
        let found = start(
            &service(7, "COMPLETED"),
            Some(&old),
            Some(&ours),
            &wanted,
            KEYS,
        );
        assert!(matches!(found, Start::Resume(revision) if revision.arn == arn(8)));
        for state in ["IN_PROGRESS", "COMPLETED", "FAILED"] {
            let found = start(&service(8, state), Some(&ours), Some(&ours), &wanted, KEYS);
            assert!(
                matches!(found, Start::Watch(watch) if watch.became == arn(8) && !watch.unchanged),
                "{state}"
            );
        }
    }

    #[test]
    fn a_delivery_after_the_end_still_knows_what_served_before() {
        let mut tags = MADE.to_vec();
        tags.push((tag::WAS, "web:7"));
        let ours = described(8, "r/web:2", &tags);
        let wanted = described(0, "r/web:2", &[]).definition;
        let alone = service(8, "COMPLETED");
        let found = start(&alone, Some(&ours), Some(&ours), &wanted, KEYS);
        assert!(
            matches!(found, Start::Watch(watch) if watch.was == Some(arn(7)) && !watch.unchanged)
        );
        // Of another attempt it is what serves: nothing was changed, so nothing goes back.
        let retry = Keys {
            attempt: "job-2",
            ..KEYS
        };
        let found = start(&alone, Some(&ours), Some(&ours), &wanted, retry);
        assert!(matches!(found, Start::Watch(watch) if watch.was.is_none() && watch.unchanged));
    }

    // rules: 3.2.9
    #[test]
    fn a_retry_of_the_stage_is_an_attempt_of_its_own() {
        let (old, first) = (described(7, "r/web:1", &[]), described(8, "r/web:2", &MADE));
        let wanted = described(0, "r/web:2", &[]).definition;
        let retry = Keys {
            attempt: "job-2",
            ..KEYS
        };
        let found = start(
            &service(7, "COMPLETED"),
            Some(&old),
            Some(&first),
            &wanted,
            retry,
        );
        assert_eq!(found, Start::Register);
    }

    // rules: 3.5.19
    #[test]
    fn what_runs_already_is_only_watched_unless_ecs_gave_it_up() {
        let running = described(7, "r/web:2", &[]);
        let wanted = described(0, "r/web:2", &[]).definition;
        for (state, watched) in [
            ("COMPLETED", true),
            ("IN_PROGRESS", true),
            ("FAILED", false),
        ] {
            let found = start(
                &service(7, state),
                Some(&running),
                Some(&running),
                &wanted,
                KEYS,
            );
            assert_eq!(
                matches!(found, Start::Watch(watch) if watch.unchanged),
                watched,
                "{state}"
            );
        }
    }

    // rules: 3.5.6
    #[test]
    fn copied_tags_make_no_release() {
        // By hand, in a console that copies tags: another image under our tags.
        let wanted = described(0, "r/web:2", &[]).definition;
        let sha256 = wanted.sha256();
        let mut tags = MADE.to_vec();
        tags.push((tag::SHA256, &sha256));
        let hotfix = described(9, "r/web:3", &tags);
        let found = start(
            &service(9, "COMPLETED"),
            Some(&hotfix),
            Some(&hotfix),
            &wanted,
            KEYS,
        );
        assert_eq!(found, Start::Register);
        // ECS adds defaults to what was sent: with our tags that is the same.
        let mut answer = json!({"taskDefinition": {
            "taskDefinitionArn": arn(8), "revision": 8, "family": "web", "cpu": "256",
            "containerDefinitions": [{"name": "web", "image": "r/web:2", "essential": true}],
        }});
        answer["tags"] = json!([{"key": tag::SHA256, "value": sha256}]);
        let ours = Described::from_answer(&answer).unwrap();
        let found = start(
            &service(8, "COMPLETED"),
            Some(&ours),
            Some(&ours),
            &wanted,
            KEYS,
        );
        assert!(matches!(found, Start::Watch(watch) if watch.unchanged));
    }

    // rules: 3.5.6
    #[test]
    fn a_tag_that_moved_between_two_deliveries_is_no_second_release() {
        let pinned = |digit: char| format!("r/web@sha256:{}", digit.to_string().repeat(64));
        let ours = described(8, &pinned('a'), &MADE);
        let moved = described(0, &pinned('b'), &[]).definition;
        let found = start(
            &service(8, "IN_PROGRESS"),
            Some(&ours),
            Some(&ours),
            &moved,
            KEYS,
        );
        assert!(matches!(found, Start::Watch(watch) if watch.became == arn(8)));
        let elsewhere = described(0, "r/other@sha256:0", &[]).definition;
        let found = start(
            &service(8, "IN_PROGRESS"),
            Some(&ours),
            Some(&ours),
            &elsewhere,
            KEYS,
        );
        assert_eq!(found, Start::Register);
    }

    #[test]
    fn only_revisions_that_others_registered_meanwhile_are_compared() {
        assert!(between(7, 8).is_empty());
        assert_eq!(between(7, 10).collect::<Vec<_>>(), [8, 9]);
        assert_eq!(between(0, 100).collect::<Vec<_>>().len(), 5);
    }
}
