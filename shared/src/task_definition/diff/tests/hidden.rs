//! What is told of values that may be secret, in examples.

use serde_json::json;

use super::super::masked_command;
use super::{container, fields, lines, task};

#[test]
fn values_that_may_be_secret_are_shown_to_those_who_ask() {
    let before = json!({
        "environment": [{"name": "CHANGED", "value": "one"}, {"name": "GONE", "value": ""}, {"name": "ODD", "value": "a", "x": "b"}],
        "logConfiguration": {"logDriver": "splunk", "options": {"splunk-token": "t1", "splunk-url": "u1"}},
        "dockerLabels": {"environment": "test"},
        "future": {"environment": {"A": "one"}},
    });
    let after = json!({
        "environment": [{"name": "CHANGED", "value": "two"}, {"name": "NEW", "value": "n"}, {"name": "ODD", "value": "a", "x": "c"}],
        "logConfiguration": {"logDriver": "splunk", "options": {"splunk-token": "t2", "splunk-url": "u2"}},
        "dockerLabels": {"environment": "production"},
        "future": {"environment": {"A": "two"}},
    });
    container(
        before.clone(),
        after.clone(),
        &[
            "container web: environment CHANGED | set → set to another value",
            "container web: environment GONE | was set → -",
            "container web: environment ODD x | set → set to another value",
            "container web: environment NEW | - → set",
            "container web: logConfiguration.options.splunk-token | set → set to another value",
            "container web: logConfiguration.options.splunk-url | u1 → u2",
            "container web: dockerLabels.environment | test → production",
            "container web: future.environment.A | set → set to another value",
        ],
    );
    let shown = lines(&task(json!({}), before), &task(json!({}), after), true);
    assert_eq!(shown[0], "container web: environment CHANGED | one → two");
    assert_eq!(shown[1], "container web: environment GONE | \"\" → -");
    assert_eq!(
        shown[4],
        "container web: logConfiguration.options.splunk-token | t1 → t2"
    );
    // However odd it is written.
    container(
        json!({"environment": "A=one"}),
        json!({"environment": {"A": "two"}}),
        &["container web: environment | set → {\"A\":\"set\"}"],
    );
    let driver = |options: &str| json!({"volumes": [{"name": "v", "dockerVolumeConfiguration": {"driverOpts": {"o": options}}}]});
    fields(
        driver("username=a,password=b"),
        driver("username=a,password=c"),
        &["volume v: dockerVolumeConfiguration.driverOpts.o | set → set to another value"],
    );
}

#[test]
fn a_text_that_tells_a_secret_is_hidden_wherever_it_is() {
    container(
        json!({
            "image": "r/token-service:1",
            "command": ["sh", "-c", "DB_PASSWORD=one ./migrate"],
            "entryPoint": ["run", "--dsn", "postgres://u:one@db", "--api-key", "one"],
            "healthCheck": {"command": ["CMD-SHELL", "curl -H 'Authorization: one' localhost"]},
            "dockerLabels": {"checks": "[{\"password\": \"one\"}]", "license-key": "one", "team": "a"},
            "logConfiguration": {"logDriver": "awsfirelens", "options": {"Header": "X-Custom one"}},
            "secrets": [{"name": "TOKEN", "valueFrom": "/secret/one"}],
            "workingDirectory": "https://u:one@host",
        }),
        json!({
            "image": "r/token-service:2",
            "command": ["sh", "-c", "DB_PASSWORD=two ./migrate"],
            "entryPoint": ["run", "--dsn", "postgres://u:two@db", "--api-key", "two"],
            "healthCheck": {"command": ["CMD-SHELL", "curl -H 'Authorization: two' localhost"]},
            "dockerLabels": {"checks": "[{\"password\": \"two\"}]", "license-key": "two", "team": "b"},
            "logConfiguration": {"logDriver": "awsfirelens", "options": {"Header": "X-Custom two"}},
            "secrets": [{"name": "TOKEN", "valueFrom": "/secret/two"}],
            "workingDirectory": "https://host:80/two",
        }),
        &[
            "container web: image | r/token-service:1 → r/token-service:2",
            "container web: command | [\"sh\",\"-c\",\"set\"] → [\"sh\",\"-c\",\"set to another value\"]",
            "container web: entryPoint | [\"run\",\"--dsn\",\"set\",\"set\",\"set\"] → \
             [\"run\",\"--dsn\",\"set to another value\",\"set\",\"set to another value\"]",
            "container web: healthCheck.command | [\"CMD-SHELL\",\"set\"] → \
             [\"CMD-SHELL\",\"set to another value\"]",
            "container web: dockerLabels.checks | set → set to another value",
            "container web: dockerLabels.license-key | set → set to another value",
            "container web: dockerLabels.team | a → b",
            "container web: logConfiguration.options.Header | set → set to another value",
            "container web: secrets TOKEN | /secret/one → /secret/two",
            "container web: workingDirectory | set → https://host:80/two",
        ],
    );
    let command = ["sh", "-c", "A_TOKEN=one ./run", "--password", "one", "-v"];
    assert_eq!(
        masked_command(&command.map(str::to_owned)),
        ["sh", "-c", "set", "set", "set", "-v"]
    );
}
