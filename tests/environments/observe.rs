//! `examples/observe.yaml`: whoever listens is told of rollouts that failed or go back, and of nothing else.

use rehearsal::Account;
use rehearsal::world;
use serde_json::{Value, json};

use super::{RECORDS, REGION, call, once, spec, text};

/// Whose events are ours: nobody can send those of `aws.ecs`.
const SOURCE: [&str; 2] = ["source: [aws.ecs]", "source: [test.ecs]"];

/// A topic, and a queue that gets its messages.
pub(super) struct Heard {
    pub(super) topic: String,
    pub(super) queue: Queue,
}

pub(super) struct Queue {
    account: Account,
    address: String,
}

/// A stack of a template's text that tells a queue.
pub(super) fn hears(account: &Account, template: &str, parameters: &[(&str, &str)]) -> Heard {
    let sqs = |operation: &str, body: Value| {
        call(account, "sqs", &format!("AmazonSQS.{operation}"), body)
    };
    let made = sqs("CreateQueue", json!({"QueueName": "heard"}));
    let address = made["QueueUrl"].as_str().unwrap().to_owned();
    let arn = format!("arn:aws:sqs:{REGION}:{}:heard", account.id());
    let policy = json!({"Version": "2012-10-17", "Statement": [{
        "Effect": "Allow", "Principal": {"Service": "sns.amazonaws.com"}, "Action": "sqs:SendMessage",
        "Resource": arn,
    }]});
    let attributes = json!({"Policy": policy.to_string()});
    sqs(
        "SetQueueAttributes",
        json!({"QueueUrl": address, "Attributes": attributes}),
    );

    let text = text(template);
    assert_eq!(text.matches(SOURCE[0]).count(), 1);
    let text = text.replace(SOURCE[0], SOURCE[1]);
    let mut all = vec![("Protocol", "sqs"), ("Endpoint", &*arn)];
    all.extend(parameters);
    let stack = world::create_stack(account, &spec("redbutton-observe", &text, &all)).unwrap();
    let topic = stack.outputs().unwrap().remove("TopicArn").unwrap();
    let queue = Queue {
        account: account.clone(),
        address,
    };
    Heard { topic, queue }
}

impl Queue {
    /// The next message, without what SNS puts around it.
    pub(super) fn next(&self) -> String {
        once("a message", || self.look())
    }

    fn look(&self) -> Option<String> {
        let sqs = |operation: &str, body: Value| {
            call(
                &self.account,
                "sqs",
                &format!("AmazonSQS.{operation}"),
                body,
            )
        };
        let got = sqs("ReceiveMessage", json!({"QueueUrl": self.address}));
        let message = &got["Messages"].get(0)?;
        let receipt = &message["ReceiptHandle"];
        sqs(
            "DeleteMessage",
            json!({"QueueUrl": self.address, "ReceiptHandle": receipt}),
        );
        let body: Value = serde_json::from_str(message["Body"].as_str().unwrap()).unwrap();
        Some(body["Message"].as_str().unwrap().to_owned())
    }
}

/// Whether a pattern matches an event.
pub(super) fn matches(account: &Account, pattern: &str, event: &Value) -> bool {
    let asked = json!({"EventPattern": pattern, "Event": event.to_string()});
    let answer = call(account, "events", "AWSEvents.TestEventPattern", asked);
    answer["Result"].as_bool().unwrap()
}

/// An event of ECS.
fn event(kind: &str, name: &str, reason: &str) -> Value {
    json!({
        "id": "1", "account": "666666666666", "region": REGION, "time": "2026-11-21T23:34:49Z",
        "source": "aws.ecs", "detail-type": kind,
        "resources": [format!("arn:aws:ecs:{REGION}:666666666666:service/test/web")],
        "detail": {"eventName": name, "deploymentId": "ecs-svc/1234567890123456789", "reason": reason},
    })
}

const DEPLOYMENT: &str = "ECS Deployment State Change";
const SERVICE: &str = "ECS Service Action";

#[test]
fn rollouts_that_failed_or_go_back_are_told_and_no_others() {
    let account = &RECORDS.rehearsal.account("666666666666", REGION);
    let Heard { queue, .. } = hears(account, "examples/observe.yaml", &[("Impaired", "TELL")]);
    let pattern = |stack: &str| {
        let stack = world::stack(account, stack).unwrap();
        let rule = stack.resources().unwrap().remove("RolloutFailed").unwrap();
        let rule = json!({"Name": rule.rsplit(['/', '|']).next().unwrap()});
        let found = call(account, "events", "AWSEvents.DescribeRule", rule);
        let pattern = found["EventPattern"].as_str().unwrap();
        pattern.replace("test.ecs", "aws.ecs")
    };
    let plain = spec("plain", &text("examples/observe.yaml"), &[]);
    world::create_stack(account, &plain).unwrap();
    let (all, plain) = (pattern("redbutton-observe"), pattern("plain"));
    let began = "SERVICE_DEPLOYMENT_IN_PROGRESS";
    let breaker = "ECS deployment circuit breaker: ";
    for (by_default, with_impaired, event) in [
        (
            true,
            true,
            event(
                DEPLOYMENT,
                "SERVICE_DEPLOYMENT_FAILED",
                &format!("{breaker}tasks failed to start."),
            ),
        ),
        (
            true,
            true,
            event(
                DEPLOYMENT,
                began,
                &format!("{breaker}rolling back to deploymentId ecs-svc/1."),
            ),
        ),
        (
            true,
            true,
            event(
                DEPLOYMENT,
                began,
                "Deployment rollback was requested because an alarm rings.",
            ),
        ),
        (
            false,
            true,
            event(SERVICE, "SERVICE_TASK_START_IMPAIRED", ""),
        ),
        (
            false,
            false,
            event(DEPLOYMENT, began, "ECS deployment ecs-svc/1 in progress."),
        ),
        (
            false,
            false,
            event(
                DEPLOYMENT,
                "SERVICE_DEPLOYMENT_COMPLETED",
                "ECS deployment ecs-svc/1 completed.",
            ),
        ),
        (false, false, event(SERVICE, "SERVICE_STEADY_STATE", "")),
        (
            false,
            false,
            event("ECS Task State Change", "", "rolling back"),
        ),
    ] {
        assert_eq!(matches(account, &plain, &event), by_default, "{event}");
        assert_eq!(matches(account, &all, &event), with_impaired, "{event}");
    }

    let book = text("docs/observe.md");
    let send = |name: &str, reason: &str| {
        let event = event(DEPLOYMENT, name, reason);
        let entry = json!({
            "Source": "test.ecs", "DetailType": DEPLOYMENT, "Resources": event["resources"],
            "Detail": event["detail"].to_string(),
        });
        let sent = call(
            account,
            "events",
            "AWSEvents.PutEvents",
            json!({"Entries": [entry]}),
        );
        assert_eq!(sent["FailedEntryCount"], 0, "{sent}");
    };
    // What is not told would come first.
    send(began, "ECS deployment ecs-svc/1 in progress.");
    send(
        "SERVICE_DEPLOYMENT_FAILED",
        &format!("{breaker}tasks failed to start."),
    );
    let (_, shown) = book.split_once("\n```text\n").unwrap();
    let (shown, _) = shown.split_once("\n```\n").unwrap();
    // The emulator gives every event the time of its arrival.
    let told = queue.next().replace("666666666666", "333333333333");
    let (told, shown) = (without_time(&told), without_time(shown));
    assert_eq!(told, shown);
    assert_eq!(queue.look(), None);
}

/// A message without the time in its first line.
fn without_time(message: &str) -> String {
    let (before, after) = message.split_once(" at ").unwrap();
    let (_, after) = after.split_once(". ").unwrap();
    format!("{before}: {after}")
}
