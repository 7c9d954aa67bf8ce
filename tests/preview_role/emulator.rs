//! Every operation that AWS's models have of the services that a preview touches, asked for in the
//! name of its two roles: refused, unless the template grants it.

use std::collections::BTreeSet;
use std::io::Write;
use std::process::{Command, Stdio};

use rehearsal::tools::Tools;
use rehearsal::{Account, suite, workspace};
use serde_json::{Value, json};

use crate::fixture;
use crate::templates::{SUITE, granted};

/// Services by the names of their models, and those beside them through which something could be
/// changed or given away.
const SERVICES: [&str; 13] = [
    "cloudformation",
    "cloudwatch",
    "codepipeline",
    "ecr",
    "ecs",
    "iam",
    "kms",
    "logs",
    "s3",
    "secretsmanager",
    "ssm",
    "stepfunctions",
    "sts",
];

/// How many operations they have at least: fewer were asked for by mistake.
const OPERATIONS: usize = 1_000;

/// Operations that are another action to IAM.
const UNDER_ANOTHER_NAME: [(&str, &str); 3] = [
    ("s3:GetObjectTorrent", "s3:GetObject"),
    ("s3:HeadObject", "s3:GetObject"),
    ("s3:SelectObjectContent", "s3:GetObject"),
];

/// Operations that the emulator refuses, or answers, before it looks at the caller's rights, and why
/// they give nothing away.
const BEFORE_RIGHTS: [(&str, &str); 5] = [
    ("sts:GetCallerIdentity", "allowed to everybody"),
    ("sts:GetSessionToken", "refused to every session of a role"),
    (
        "sts:AssumeRoleWithSAML",
        "signed by nobody, whose word is another provider's",
    ),
    ("sts:AssumeRoleWithWebIdentity", "as above"),
    (
        "s3:WriteGetObjectResponse",
        "the answer of an S3 Object Lambda, of which there is none here",
    ),
];

/// True-when: the preview's role can write nothing else.
// rules: 3.6.17
#[test]
fn every_other_operation_is_refused_to_the_role_in_production() {
    let world = fixture::world();
    let account = world.suite.production.id();
    let region = suite::TARGET_REGION;
    let mut values = values(account, region);
    values["logs.resourceArn"] = json!(format!(
        "arn:aws:logs:{region}:{account}:log-group:/ecs/web"
    ));
    let mut may = granted(&SUITE, "PreviewRole");
    // No operation: CreateChangeSet asks for it, see the policies.
    assert!(may.remove("iam:PassRole"));
    bucket(&world.suite.production, &values);
    check(&world.preview(), &values, &may);
}

/// ... nor can the function's own role change anything where it is at home.
#[test]
fn every_other_operation_is_refused_to_the_function_in_the_tooling_account() {
    let world = fixture::world();
    let preview = world.preview_function();
    let (account, region) = (preview.id(), preview.region());
    let group = format!("/aws/lambda/{}", suite::PREVIEW);
    let mut values = values(account, region);
    values["logs.resourceArn"] =
        json!(format!("arn:aws:logs:{region}:{account}:log-group:{group}"));
    values["logs.logGroupName"] = json!(group);
    values["sts.RoleArn"] = json!(suite::PREVIEW_ROLE);
    values["sts.ExternalId"] = json!(suite::PREVIEW_EXTERNAL_ID);
    let own = granted(&SUITE, "ProductionPreviewRole");
    // By these Lambda writes log and traces. X-Ray is not among the services; a stream of the log is
    // another resource to AWS than to the emulator, which refuses it.
    let lambdas = ["xray:", "logs:"];
    let may = own
        .into_iter()
        .filter(|one| !lambdas.iter().any(|start| one.starts_with(start)));
    bucket(&world.rehearsal.tooling(), &values);
    check(&preview, &values, &may.collect());
}

/// S3 says that a bucket is not there before it looks at rights.
fn bucket(account: &Account, values: &Value) {
    // Another test may have made it.
    drop(account.create_bucket(values["Bucket"].as_str().unwrap()));
}

/// Names of what either role may look at, so that a refusal is for the action.
fn values(account: &str, region: &str) -> Value {
    json!({
        "cluster": "test", "service": "web", "services": ["web"], "taskDefinition": "web",
        "StackName": "web", "ChangeSetName": "redbutton-preview-1", "TemplateBody": "{}",
        "repositoryName": "web", "RoleName": "web-task", "Bucket": format!("templates-{account}-{region}"),
        "Key": "redbutton/0f", "CopySource": format!("templates-{account}-{region}/redbutton/0f"),
        "PolicySourceArn": format!("arn:aws:iam::{account}:role/web-task"),
        "ssm.Name": "/redbutton/web", "ssm.Names": ["/redbutton/web"], "ssm.Path": "/redbutton",
        "SecretId": "web", "logGroupName": "/ecs/web", "AlarmNames": ["web"],
        "pipelineName": "orders", "pipelineExecutionId": "1", "KeyId": "alias/web",
    })
}

fn check(account: &Account, values: &Value, may: &BTreeSet<String>) {
    let answers = probe(account, values);
    assert!(answers.len() >= OPERATIONS, "{} operations", answers.len());
    let mut answered = BTreeSet::new();
    let mut before = Vec::new();
    for answer in &answers {
        let service = match answer["service"].as_str().unwrap() {
            "stepfunctions" => "states",
            service => service,
        };
        let action = format!("{service}:{}", answer["operation"].as_str().unwrap());
        if answer["denied"].is_string() {
            continue;
        }
        if let Some((_, why)) = BEFORE_RIGHTS.iter().find(|(one, _)| *one == action) {
            before.push(format!("{action}: {why}"));
            continue;
        }
        let another = UNDER_ANOTHER_NAME.iter().find(|(one, _)| *one == action);
        let action = another.map_or(action, |(_, under)| (*under).to_owned());
        if !may.contains(&action) {
            panic!("{action} is answered: {answer:#}");
        }
        answered.insert(action);
    }
    // What is granted does get through: otherwise all would be refused for some other reason.
    assert_eq!(&answered, may);
    let refused = answers.iter().filter(|answer| answer["denied"].is_string());
    eprintln!(
        "{} of {} operations are refused to {}; {} are granted; not IAM's to refuse: {}",
        refused.count(),
        answers.len(),
        account.id(),
        may.len(),
        before.join("; ")
    );
}

/// Calls them all.
fn probe(account: &Account, values: &Value) -> Vec<Value> {
    let credentials = account.credentials();
    let tools = Tools::install(&|_| {}).unwrap();
    let mut python = Command::new(tools.python());
    python
        .arg("rehearsal/operations.py")
        .arg(account.endpoint());
    python.args(SERVICES).current_dir(workspace::root()).envs([
        ("AWS_ACCESS_KEY_ID", credentials.access_key_id()),
        ("AWS_SECRET_ACCESS_KEY", credentials.secret_access_key()),
        ("AWS_SESSION_TOKEN", credentials.session_token().unwrap()),
        ("AWS_DEFAULT_REGION", account.region()),
        ("AWS_CONFIG_FILE", "/dev/null"),
    ]);
    let pipes = python.stdin(Stdio::piped()).stdout(Stdio::piped());
    let mut child = pipes.stderr(Stdio::piped()).spawn().unwrap();
    let mut stdin = child.stdin.take().unwrap();
    stdin.write_all(values.to_string().as_bytes()).unwrap();
    drop(stdin);
    let output = child.wait_with_output().unwrap();
    let said = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{said}");
    serde_json::from_slice(&output.stdout).unwrap()
}
