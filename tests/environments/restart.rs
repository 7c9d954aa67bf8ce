//! `templates/restart.yaml`: an image that is pushed again restarts the services that run it, once.

use rehearsal::Account;
use rehearsal::world::{self, Service, Stack};
use serde_json::{Value, json};

use super::observe::{Heard, hears, matches};
use super::{Environment, RECORDS, REGION, call, once, spec, text};

/// Whose events are ours: nobody can send those of `aws.ecr`.
const SOURCE: [&str; 2] = ["source: [aws.ecr]", "source: [test.ecr]"];

/// What restarts services when `web:main` is pushed.
pub(super) struct Restarts {
    account: Account,
    stack: Stack,
}

impl Restarts {
    pub(super) fn new(account: &Account, services: &[&str], topic: &str) -> Self {
        let text = text("templates/restart.yaml");
        assert_eq!(text.matches(SOURCE[0]).count(), 1);
        let parameters = [
            ("RepositoryName", "web"),
            ("ImageTag", "main"),
            ("ServiceArns", &services.join(",")),
            ("RestartOnPush", "ENABLED"),
            ("AlarmTopicArn", topic),
        ];
        let spec = spec(
            "web-restart",
            &text.replace(SOURCE[0], SOURCE[1]),
            &parameters,
        );
        Self {
            account: account.clone(),
            stack: world::create_stack(account, &spec).unwrap(),
        }
    }

    /// Tells what ECR tells of a push.
    pub(super) fn tell(&self, digest: &str) {
        let entry = json!({
            "Source": "test.ecr", "DetailType": "ECR Image Action",
            "Detail": pushed(digest, "main")["detail"].to_string(),
        });
        let sent = call(
            &self.account,
            "events",
            "AWSEvents.PutEvents",
            json!({"Entries": [entry]}),
        );
        assert_eq!(sent["FailedEntryCount"], 0, "{sent}");
    }

    /// All executions of a state machine once there are so many, and all of them have ended.
    pub(super) fn ended(&self, machine: &str, count: usize) -> Vec<Value> {
        let machine = self.stack.resources().unwrap().remove(machine).unwrap();
        let states = |operation: &str, body: Value| {
            let target = format!("AWSStepFunctions.{operation}");
            call(&self.account, "states", &target, body)
        };
        once(
            &format!("the end of {count} executions of {machine}"),
            || {
                let asked = json!({"stateMachineArn": machine});
                let listed = states("ListExecutions", asked);
                let all = listed["executions"].as_array().unwrap();
                assert!(all.len() <= count, "{listed:#}");
                let end = all.len() == count && all.iter().all(|one| one["status"] != "RUNNING");
                end.then(|| {
                    let described = all.iter().map(|one| {
                        states(
                            "DescribeExecution",
                            json!({"executionArn": one["executionArn"]}),
                        )
                    });
                    described.collect()
                })
            },
        )
    }

    /// The pattern of what ECR tells, with the source that it has.
    fn pattern(&self) -> String {
        let rule = self.stack.resources().unwrap().remove("Pushed").unwrap();
        let rule = rule.rsplit(['/', '|']).next().unwrap();
        let found = call(
            &self.account,
            "events",
            "AWSEvents.DescribeRule",
            json!({"Name": rule}),
        );
        let pattern = found["EventPattern"].as_str().unwrap();
        pattern.replace("test.ecr", "aws.ecr")
    }
}

/// An event of ECR, as its guide has it.
fn pushed(digest: &str, tag: &str) -> Value {
    json!({
        "version": "0", "id": "13cde686-328b-6117-af20-0e5566167482", "detail-type": "ECR Image Action",
        "source": "aws.ecr", "account": "555555555555", "time": "2026-11-16T01:54:34Z", "region": REGION,
        "resources": [],
        "detail": {"result": "SUCCESS", "repository-name": "web", "image-digest": digest,
                   "action-type": "PUSH", "image-tag": tag},
    })
}

/// A text that an execution has put out.
pub(super) fn output(execution: &Value, pointer: &str) -> String {
    let output = execution["output"].as_str();
    let output: Value =
        serde_json::from_str(output.unwrap_or_else(|| panic!("{execution:#}"))).unwrap();
    output
        .pointer(pointer)
        .and_then(Value::as_str)
        .unwrap()
        .to_owned()
}

/// A cluster, a repository, and services of these names and images.
fn made(account: &Account, services: &[(&'static str, &str)]) -> Vec<Service> {
    let mut it = Environment::new(account.clone());
    let parameters = [
        ("ClusterName", "test"),
        ("RepositoryName", "web"),
        ("MovingTag", "main"),
    ];
    it.make("templates/cluster.yaml", "test", &parameters);
    let of = |(name, image): &(&'static str, &str)| {
        let parameters = [
            ("ServiceName", *name),
            ("ClusterName", "test"),
            ("Image", image),
            ("VpcId", "vpc-0a1b2c3d"),
            ("SubnetIds", "subnet-0a1b2c3d"),
        ];
        let stack = it.make("templates/service.yaml", name, &parameters);
        stack.service("Service").unwrap()
    };
    services.iter().map(of).collect()
}

/// The PRIMARY deployment's id.
pub(super) fn deployment(service: &Service) -> String {
    let deployments = service.deployments().unwrap();
    deployments[0]["id"].as_str().unwrap().to_owned()
}

#[test]
fn a_pushed_image_restarts_a_service_once_and_a_repeated_event_does_nothing() {
    let account = &RECORDS.rehearsal.account("555555555555", REGION);
    let Heard { topic, queue } = hears(account, "examples/observe.yaml", &[]);
    let first = world::put_image(account, "web", "v1", &world::manifest("v1")).unwrap();
    let repository = world::repository_uri(account, "web");
    let images = [
        format!("{repository}:main"),
        format!("{repository}@{first}"),
    ];
    let services = made(account, &[("web", &images[0]), ("pinned", &images[1])]);
    let [web, pinned] = services.as_slice() else {
        panic!("two services")
    };
    let restarts = Restarts::new(account, &[&web.arn, &pinned.arn], &topic);
    let pattern = restarts.pattern();
    let digest = world::put_image(account, "web", "main", &world::manifest("v2")).unwrap();
    for (matched, event) in [
        (true, pushed(&digest, "main")),
        (false, pushed(&digest, "v2")),
        (false, {
            let mut deleted = pushed(&digest, "main");
            deleted["detail"]["action-type"] = json!("DELETE");
            deleted
        }),
    ] {
        assert_eq!(matches(account, &pattern, &event), matched, "{event}");
    }

    let before = [deployment(web), deployment(pinned)];
    restarts.tell(&digest);
    let ended = restarts.ended("RestartService", 2);
    let of = |service: &Service| {
        let input = json!({"service": service.arn, "digest": digest});
        let given = |one: &&Value| {
            serde_json::from_str::<Value>(one["input"].as_str().unwrap()).unwrap() == input
        };
        ended
            .iter()
            .find(given)
            .unwrap_or_else(|| panic!("{ended:#?}"))
    };
    let restarted = of(web);
    assert_eq!(restarted["status"], "SUCCEEDED", "{restarted:#}");
    let after = [deployment(web), deployment(pinned)];
    assert_eq!(output(restarted, "/deployment"), after[0]);
    assert_eq!(
        output(restarted, "/summary"),
        format!("web restarted on {repository}:main, 1 task: ECS reports no digest of what runs.")
    );
    assert!(
        before[0] != after[0] && before[1] == after[1],
        "{before:?} {after:?}"
    );
    let refused = of(pinned);
    assert_eq!(refused["status"], "FAILED", "{refused:#}");
    let why = refused["cause"].as_str().unwrap();
    assert!(
        why.contains(&images[1]) && why.ends_with("a restart would bring nothing new."),
        "{why}"
    );
    let told = queue.next();
    assert!(
        told.starts_with(&format!(
            "{} did not restart on {repository}:main ({digest}): ",
            pinned.arn
        )),
        "{told}"
    );

    restarts.tell(&digest);
    for execution in restarts.ended("Restart", 2) {
        assert_eq!(execution["status"], "SUCCEEDED", "{execution:#}");
    }
    assert_eq!(restarts.ended("RestartService", 2).len(), 2);
    assert_eq!([deployment(web), deployment(pinned)], after);
    // A newer image has an execution of its own.
    let newer = world::put_image(account, "web", "main", &world::manifest("v3")).unwrap();
    restarts.tell(&newer);
    restarts.ended("RestartService", 4);
    assert_ne!(deployment(web), after[0]);
}
