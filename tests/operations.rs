//! Every operation that AWS's models have of the services around releases, asked for in the name of
//! some role: refused, unless the template grants it.

use std::collections::BTreeSet;
use std::io::Write;
use std::process::{Command, Stdio};

use rehearsal::tools::Tools;
use rehearsal::{Account, workspace};
use serde_json::Value;

/// Services by the names of their models: those that the roles touch, and those beside them through
/// which something could be changed or given away.
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
const UNDER_ANOTHER_NAME: [(&str, &str); 11] = [
    ("s3:CompleteMultipartUpload", "s3:PutObject"),
    ("s3:CopyObject", "s3:PutObject"),
    ("s3:CreateMultipartUpload", "s3:PutObject"),
    ("s3:GetObjectTorrent", "s3:GetObject"),
    ("s3:HeadObject", "s3:GetObject"),
    ("s3:ListObjects", "s3:ListBucket"),
    ("s3:ListObjectsV2", "s3:ListBucket"),
    // Of directory buckets; to the emulator it is a plain write.
    ("s3:RenameObject", "s3:PutObject"),
    ("s3:SelectObjectContent", "s3:GetObject"),
    ("s3:UploadPart", "s3:PutObject"),
    ("s3:UploadPartCopy", "s3:PutObject"),
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

/// Fails unless the account's principal may do this and nothing else. `values` has names of what it may
/// do it to, so that a refusal is for the action.
pub(crate) fn check(account: &Account, values: &Value, may: &BTreeSet<String>) {
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
