use serde_json::{Value, json};
use shared::names::{Account, Region};
use shared::preflight::access::{Decision, Verdict};

use super::rights::Rights;
use super::wanted::Wanted;
use super::*;

const EXECUTION: &str = "arn:aws:iam::333333333333:role/execution";
const DEPLOYER: &str = "arn:aws:iam::333333333333:role/redbutton-rollout";

/// A definition with a parameter, a secret and a log group that it makes.
fn body() -> Value {
    let secret = "arn:aws:secretsmanager:us-east-1:333333333333:secret:web-AbCdEf";
    json!({"family": "web", "executionRoleArn": EXECUTION, "containerDefinitions": [{
        "name": "web", "image": "docker.io/web:1",
        "secrets": [
            {"name": "KEY", "valueFrom": "/web/key"},
            {"name": "OTHER", "valueFrom": "/web/other"},
            {"name": "SECRET", "valueFrom": secret},
        ],
        "logConfiguration": {"logDriver": "awslogs", "options":
            {"awslogs-group": "/ecs/web", "awslogs-create-group": "true"}},
    }]})
}

fn definition(body: &Value) -> shared::task_definition::TaskDefinition {
    shared::task_definition::TaskDefinition::from_file(body.to_string().as_bytes()).unwrap()
}

fn target(n: usize, region: &str, body: &Value, running: Option<&Value>) -> Wanted {
    let place = (
        Account::parse("333333333333").unwrap(),
        Region::parse(region).unwrap(),
    );
    let running = running.map(definition);
    Wanted::tasks(n, place, &definition(body), running.as_ref(), Vec::new())
}

/// What is said of all of them when everything is there, and the log group is not.
fn rights(all: &[Wanted], deployer: Option<&str>) -> Rights {
    let things = wanted::things(all);
    let looked: Vec<_> = things.iter().map(|thing| Ok(seen(&thing.need))).collect();
    let deployer = deployer.and_then(RoleArn::parse);
    rights::of(all, &things, &looked, &vec![deployer.clone(); all.len()])
}

fn seen(need: &shared::preflight::needs::Need) -> Answer {
    use shared::preflight::access::Found;
    use shared::preflight::needs::Need;
    match need {
        Need::Role { id } => Answer::Role(Some(id.clone())),
        Need::Secret { .. } => Answer::Secret(Found::There),
        Need::LogGroup { .. } => Answer::There(false),
        _ => Answer::There(true),
    }
}

fn texts(findings: &[(usize, Finding)]) -> Vec<(usize, &'static str, &str)> {
    let each = findings.iter().map(|(n, finding)| match finding {
        Finding::Refused(text) => (*n, "refused", text.as_str()),
        Finding::NotProvable(text) => (*n, "not provable", text.as_str()),
    });
    each.collect()
}

#[test]
fn each_thing_is_asked_once_and_a_role_once_for_all_regions() {
    let all = [
        target(0, "us-east-1", &body(), None),
        target(1, "us-east-1", &body(), None),
        target(2, "ap-southeast-2", &body(), None),
    ];
    let things = wanted::things(&all);
    let whats: Vec<(usize, String, Vec<usize>)> = things
        .iter()
        .map(|thing| {
            let asked = thing.asked.iter().map(|(n, _)| *n).collect();
            (thing.n, thing.asked[0].1.what(), asked)
        })
        .collect();
    // The secret is out of sight from the other region.
    insta::assert_debug_snapshot!(whats);
    let together: Vec<usize> = look::questions(&things)
        .iter()
        .map(Vec::len)
        .filter(|many| *many > 1)
        .collect();
    assert_eq!(together, [2, 2], "parameters of one place in one call");
}

// rules: 3.10.3 3.5.22
#[test]
fn the_simulator_is_asked_once_per_role_and_action() {
    let all = [
        target(0, "us-east-1", &body(), None),
        target(1, "us-east-1", &body(), None),
    ];
    let rights = rights(&all, Some(DEPLOYER));
    assert_eq!(rights.unknown, []);
    let of = |verdict: Verdict| {
        let each = rights.questions.iter().flat_map(|question| {
            let decisions = question.resources().into_iter();
            let decisions = decisions.map(|resource| Decision {
                resource,
                ruling: verdict.into(),
            });
            question.findings(&Some(decisions.collect()))
        });
        each.collect::<Vec<_>>()
    };
    assert_eq!(
        rights.questions.len(),
        4,
        "pass, parameters, secret, log group"
    );
    assert_eq!(of(Verdict::Allowed), []);
    let denied = of(Verdict::ImplicitDeny);
    insta::assert_debug_snapshot!(texts(&denied));
    let pass = &rights.questions[0];
    assert_eq!(pass.resources(), [EXECUTION]);
    let context = [
        ("aws:RequestedRegion", "us-east-1"),
        ("iam:PassedToService", "ecs-tasks.amazonaws.com"),
    ];
    assert_eq!(
        pass.context(),
        context.map(|(key, value)| (key.to_owned(), value.to_owned()))
    );
    let gone = pass.findings(&None);
    assert_eq!(gone.len(), 2);
    assert!(
        texts(&gone)[0]
            .2
            .contains("redbutton-rollout does not exist")
    );
}

#[test]
fn without_a_known_deployer_that_is_said_once() {
    let all = [
        target(0, "us-east-1", &body(), None),
        target(1, "us-east-1", &body(), None),
    ];
    for deployer in [None, Some("arn:aws:iam::222222222222:role/elsewhere")] {
        let rights = rights(&all, deployer);
        let unknown = texts(&rights.unknown);
        assert!(
            matches!(unknown.as_slice(), [(0, "not provable", text)] if text.contains("333333333333")),
            "{unknown:?}"
        );
        assert_eq!(rights.questions.len(), 3, "the execution role is known");
    }
}

#[test]
fn of_a_role_that_is_not_there_nothing_is_asked() {
    let all = [target(0, "us-east-1", &body(), None)];
    let things = wanted::things(&all);
    let looked: Vec<_> = things
        .iter()
        .map(|thing| match seen(&thing.need) {
            Answer::Role(_) => Ok(Answer::Role(None)),
            other => Ok(other),
        })
        .collect();
    let deployer = RoleArn::parse(DEPLOYER);
    let rights = rights::of(&all, &things, &looked, &vec![deployer.clone(); all.len()]);
    assert!(rights.questions.is_empty() && rights.unknown.is_empty());
}

#[test]
fn what_runs_already_is_not_told_again_though_it_is_out_of_sight() {
    let told = |running: Option<&Value>| {
        let wanted = target(0, "us-east-1", &body(), running);
        wanted::findings(&wanted)
    };
    let new = told(None);
    assert!(
        matches!(new.as_slice(), [Finding::NotProvable(text)] if text.contains("docker.io/web:1")),
        "{new:?}"
    );
    assert_eq!(told(Some(&body())), []);
    let mut bare = body();
    bare.as_object_mut().unwrap().remove("executionRoleArn");
    let without = wanted::findings(&target(0, "us-east-1", &bare, Some(&body())));
    assert!(
        matches!(without.as_slice(), [Finding::Refused(text)] if text.starts_with("executionRoleArn")),
        "{without:?}"
    );
}

#[test]
fn an_image_that_runs_and_was_not_handed_in_may_come_from_a_cache() {
    let cached = "333333333333.dkr.ecr.us-east-1.amazonaws.com/docker-hub/agent:1";
    let mut body = body();
    body["containerDefinitions"][0]["image"] = cached.into();
    let image = shared::rollout_file::images::Image::parse(cached).unwrap();
    let told = |running: Option<&Value>, handed_in: bool| {
        let mut wanted = target(0, "us-east-1", &body, running);
        wanted.handed_in = handed_in.then(|| image.clone()).into_iter().collect();
        let of_it = |needed: &&Needed| needed.what().contains(cached);
        let needed = wanted.needs.iter().find(of_it).unwrap().clone();
        told(&[wanted], 0, &needed, &Answer::There(false)).unwrap()
    };
    let unsure = told(Some(&body), false);
    assert!(
        matches!(&unsure, Finding::NotProvable(text) if text.contains("pull-through cache")),
        "{unsure:?}"
    );
    for refused in [told(Some(&body), true), told(None, false)] {
        assert!(
            matches!(&refused, Finding::Refused(text) if text.contains("does not exist")),
            "{refused:?}"
        );
    }
}

#[test]
fn what_a_stack_that_goes_before_may_make_is_not_refused() {
    let file = shared::rollout_file::RolloutFile::from_value(&json!({
    "region": "us-east-1", "targets": [
        {"stack": "shop-data"},
        {"task": "migrate", "like": "web", "cluster": "shop", "after": "shop-data"},
        {"service": "web", "cluster": "shop", "after": "migrate"},
        {"service": "api", "cluster": "shop"},
    ]}))
    .unwrap();
    let before = |n| wanted::stacks_before(&file, n);
    assert_eq!(before(2), ["shop-data"]);
    assert_eq!([before(0), before(3)], [const { Vec::<String>::new() }; 2]);
    let told = |n: usize, missing: Answer| {
        let mut wanted = target(n, "us-east-1", &body(), None);
        wanted.before = before(n);
        let of_it = |needed: &&Needed| match missing {
            Answer::Role(_) => needed.what().starts_with("role"),
            Answer::Secret(_) => needed.what().starts_with("secret"),
            _ => needed.what().starts_with("parameter"),
        };
        let needed = wanted.needs.iter().find(of_it).unwrap().clone();
        told(&[wanted], n, &needed, &missing).unwrap()
    };
    let missing = [
        Answer::Role(None),
        Answer::Secret(shared::preflight::access::Found::Missing),
        Answer::There(false),
    ];
    for missing in missing {
        let unsure = told(2, missing.clone());
        assert!(
            matches!(&unsure, Finding::NotProvable(text) if text.contains("stack shop-data, which")),
            "{unsure:?}"
        );
        let refused = told(3, missing);
        assert!(matches!(refused, Finding::Refused(_)), "{refused:?}");
    }
}

#[test]
fn what_is_not_answered_in_the_same_way_is_told_together() {
    let why = |operation| Unanswered {
        operation,
        failure: Failure::new(
            FailureKind::PermissionError,
            "could not be looked at: denied",
        ),
    };
    let findings = together(vec![
        (1, "secret a".into(), why("secretsmanager:DescribeSecret")),
        (1, "secret b".into(), why("secretsmanager:DescribeSecret")),
        (1, "role c".into(), why("iam:GetRole")),
        (0, "secret a".into(), why("secretsmanager:DescribeSecret")),
    ]);
    let findings = once([findings.clone(), findings].concat());
    insta::assert_debug_snapshot!(texts(&findings));
}
