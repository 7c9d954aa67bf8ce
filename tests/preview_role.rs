//! probe

use crate::fixture;
use rehearsal::tools::Tools;
use rehearsal::{local, suite};
use serde_json::{Value, json};
use std::io::Write;
use std::process::{Command, Stdio};

#[test]
fn probe() {
    let world = fixture::world();
    let tooling = world.rehearsal.tooling();
    let function = local::function_credentials(&world.rehearsal, "production-preview").unwrap();
    let session = tooling
        .acting_as(function)
        .assume_role(
            suite::PREVIEW_ROLE,
            "redbutton-x",
            Some(suite::PREVIEW_EXTERNAL_ID),
            None,
        )
        .unwrap();
    let account = world.suite.production.acting_as(session);
    let c = account.credentials();
    let values = json!({"cluster": "test"});
    let tools = Tools::install(&|_| {}).unwrap();
    let started = std::time::Instant::now();
    let mut child = Command::new(tools.python())
        .arg("rehearsal/operations.py")
        .arg(account.endpoint())
        .args([
            "ecs",
            "cloudformation",
            "iam",
            "ssm",
            "secretsmanager",
            "logs",
            "ecr",
            "cloudwatch",
            "s3",
            "sts",
            "kms",
            "lambda",
            "stepfunctions",
        ])
        .current_dir(rehearsal::workspace::root())
        .env("AWS_ACCESS_KEY_ID", c.access_key_id())
        .env("AWS_SECRET_ACCESS_KEY", c.secret_access_key())
        .env("AWS_SESSION_TOKEN", c.session_token().unwrap())
        .env("AWS_DEFAULT_REGION", account.region())
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    child
        .stdin
        .take()
        .unwrap()
        .write_all(values.to_string().as_bytes())
        .unwrap();
    let output = child.wait_with_output().unwrap();
    std::fs::write("/tmp/emu/out.json", &output.stdout).unwrap();
    eprintln!("{:?}", started.elapsed());
    let _: Value = serde_json::from_slice(&output.stdout).unwrap();
}
