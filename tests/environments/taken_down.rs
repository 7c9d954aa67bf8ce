//! `examples/take-down.sh` removes an environment, and what is left is what it and the book name.

use std::collections::BTreeSet;
use std::fs;
use std::io::Write as _;
use std::os::unix::fs::PermissionsExt as _;
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};

use http::Method;
use rehearsal::{Account, workspace, xml_texts};
use serde_json::{Value, json};

use super::deployed::environment;
use super::{Environment, RECORDS, REGION, once, text};

/// What stays, and how docs/environments.md calls it.
const STAYS: [(&str, &str); 6] = [
    ("AWS::Backup::BackupVault", "backup vault"),
    ("AWS::Cognito::UserPool", "user pool"),
    ("AWS::ECR::Repository", "ECR repositories"),
    ("AWS::EFS::FileSystem", "EFS file systems"),
    ("AWS::KMS::Key", "their key"),
    ("AWS::S3::Bucket", "bucket for dumps"),
];

/// How to see what an account has in a region: service, operation, and what the answer calls its names.
const LISTS: [(&str, &str, &str, &str); 28] = [
    (
        "AWS::ApiGatewayV2::Api",
        "apigateway",
        "GET /v2/apis",
        "ApiId",
    ),
    (
        "AWS::Backup::BackupPlan",
        "backup",
        "GET /backup/plans/",
        "BackupPlanId",
    ),
    (
        "AWS::Backup::BackupVault",
        "backup",
        "GET /backup-vaults/",
        "BackupVaultName",
    ),
    (
        "AWS::CloudFormation::Stack",
        "cloudformation",
        "DescribeStacks",
        "StackName",
    ),
    (
        "AWS::CloudWatch::Alarm",
        "monitoring",
        "DescribeAlarms",
        "AlarmName",
    ),
    (
        "AWS::Cognito::UserPool",
        "cognito-idp",
        "AWSCognitoIdentityProviderService.ListUserPools",
        "Id",
    ),
    (
        "AWS::EC2::InternetGateway",
        "ec2",
        "DescribeInternetGateways",
        "internetGatewayId",
    ),
    (
        "AWS::EC2::RouteTable",
        "ec2",
        "DescribeRouteTables",
        "routeTableId",
    ),
    (
        "AWS::EC2::SecurityGroup",
        "ec2",
        "DescribeSecurityGroups",
        "groupId",
    ),
    ("AWS::EC2::Subnet", "ec2", "DescribeSubnets", "subnetId"),
    ("AWS::EC2::VPC", "ec2", "DescribeVpcs", "vpcId"),
    (
        "AWS::EC2::VPCEndpoint",
        "ec2",
        "DescribeVpcEndpoints",
        "vpcEndpointId",
    ),
    (
        "AWS::ECR::Repository",
        "ecr",
        "AmazonEC2ContainerRegistry_V20150921.DescribeRepositories",
        "repositoryName",
    ),
    (
        "AWS::ECS::Cluster",
        "ecs",
        "AmazonEC2ContainerServiceV20141113.ListClusters",
        "clusterArns",
    ),
    (
        "AWS::ECS::TaskDefinition",
        "ecs",
        "AmazonEC2ContainerServiceV20141113.ListTaskDefinitions",
        "taskDefinitionArns",
    ),
    (
        "AWS::EFS::AccessPoint",
        "elasticfilesystem",
        "GET /2015-02-01/access-points",
        "AccessPointId",
    ),
    (
        "AWS::EFS::FileSystem",
        "elasticfilesystem",
        "GET /2015-02-01/file-systems",
        "FileSystemId",
    ),
    (
        "AWS::ElasticLoadBalancingV2::LoadBalancer",
        "elasticloadbalancing",
        "DescribeLoadBalancers",
        "LoadBalancerArn",
    ),
    (
        "AWS::ElasticLoadBalancingV2::TargetGroup",
        "elasticloadbalancing",
        "DescribeTargetGroups",
        "TargetGroupArn",
    ),
    ("AWS::Events::Rule", "events", "AWSEvents.ListRules", "Name"),
    (
        "AWS::IAM::ManagedPolicy",
        "iam",
        "ListPolicies&Scope=Local",
        "PolicyName",
    ),
    ("AWS::IAM::Role", "iam", "ListRoles", "RoleName"),
    ("AWS::KMS::Key", "kms", "TrentService.ListKeys", "KeyId"),
    (
        "AWS::Logs::LogGroup",
        "logs",
        "Logs_20140328.DescribeLogGroups",
        "logGroupName",
    ),
    ("AWS::S3::Bucket", "s3", "GET /", "Name"),
    (
        "AWS::SNS::Subscription",
        "sns",
        "ListSubscriptions",
        "SubscriptionArn",
    ),
    ("AWS::SNS::Topic", "sns", "ListTopics", "TopicArn"),
    (
        "AWS::StepFunctions::StateMachine",
        "states",
        "AWSStepFunctions.ListStateMachines",
        "stateMachineArn",
    ),
];

/// All that is there: type and name.
fn inventory(account: &Account) -> BTreeSet<(&'static str, String)> {
    let mut all = BTreeSet::new();
    for (kind, service, operation, name) in LISTS {
        let found = if let Some(path) = operation.strip_prefix("GET ") {
            let answer = account.request(service, Method::GET, path, &[], "".into());
            let answer = String::from_utf8(answer.unwrap().body.to_vec()).unwrap();
            match serde_json::from_str(&answer) {
                Ok(answer) => named(&answer, name),
                Err(_) => xml_texts(&answer, name),
            }
        } else if operation.contains('.') {
            let most = if service == "cognito-idp" {
                json!({"MaxResults": 60})
            } else {
                json!({})
            };
            named(&account.json(service, operation, most).unwrap(), name)
        } else {
            let (action, scope) = operation.split_once('&').unwrap_or((operation, ""));
            let scope: Vec<(&str, &str)> = scope.split_once('=').into_iter().collect();
            xml_texts(&account.query(service, action, &scope).unwrap(), name)
        };
        let there = found
            .into_iter()
            .filter(|id| kind != "AWS::KMS::Key" || is_enabled(account, id));
        all.extend(there.map(|id| (kind, id)));
    }
    all
}

/// A key is deleted by waiting for some days.
fn is_enabled(account: &Account, key: &str) -> bool {
    let found = account.json("kms", "TrentService.DescribeKey", json!({"KeyId": key}));
    found.unwrap()["KeyMetadata"]["KeyState"] == "Enabled"
}

/// All texts that an answer has under a name, in capital letters or not.
fn named(answer: &Value, name: &str) -> Vec<String> {
    match answer {
        Value::Object(fields) => fields
            .iter()
            .flat_map(|(key, value)| match value {
                Value::String(text) if key.eq_ignore_ascii_case(name) => vec![text.clone()],
                Value::Array(texts) if key.eq_ignore_ascii_case(name) => texts
                    .iter()
                    .filter_map(Value::as_str)
                    .map(str::to_owned)
                    .collect(),
                other => named(other, name),
            })
            .collect(),
        Value::Array(all) => all.iter().flat_map(|value| named(value, name)).collect(),
        _ => Vec::new(),
    }
}

/// A terminal of somebody with credentials of the account.
struct Terminal {
    bin: PathBuf,
    /// The AWS command line, see aws.py.
    aws: Child,
}

impl Drop for Terminal {
    fn drop(&mut self) {
        let _ = self.aws.kill();
        let _ = self.aws.wait();
    }
}

impl Terminal {
    fn new() -> Self {
        let rehearsal = &RECORDS.rehearsal;
        let bin = rehearsal.dir().join("take-down");
        fs::create_dir_all(&bin).unwrap();
        let socket = bin.join("socket");
        let python = rehearsal.tools().python();
        let script = workspace::root().join("tests/environments/aws.py");
        let aws = Command::new(&python).arg(&script).arg(&socket).spawn();
        let terminal = Self {
            bin,
            aws: aws.unwrap(),
        };
        once("the AWS command line", || socket.exists().then_some(()));
        let program = terminal.bin.join("aws");
        let text = format!(
            "#!/bin/sh\nexec '{}' -I -S '{}' '{}' -- \"$@\"\n",
            python.display(),
            script.display(),
            socket.display()
        );
        fs::write(&program, text).unwrap();
        fs::set_permissions(&program, fs::Permissions::from_mode(0o755)).unwrap();
        terminal
    }

    /// What the script says when it is given `answer`, and whether it was content.
    fn take_down(&self, it: &Environment, names: &[&str], answer: &str) -> (bool, String) {
        let path = format!("{}:{}", self.bin.display(), std::env::var("PATH").unwrap());
        let mut script = Command::new("bash")
            .arg(workspace::root().join("examples/take-down.sh"))
            .args(["--region", REGION])
            .args(names)
            .env_clear()
            .env("PATH", path)
            .env("HOME", &self.bin)
            .env("AWS_ENDPOINT_URL", it.account.endpoint())
            .env("AWS_ACCESS_KEY_ID", it.account.id())
            .env("AWS_SECRET_ACCESS_KEY", "any")
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        let mut typed = script.stdin.take().unwrap();
        // One that has nothing to ask may be gone already.
        let _ = writeln!(typed, "{answer}");
        drop(typed);
        let output = script.wait_with_output().unwrap();
        let said = [output.stdout, output.stderr].concat();
        (output.status.success(), String::from_utf8(said).unwrap())
    }
}

#[test]
fn what_is_taken_down_leaves_exactly_what_is_named() {
    let id = "444444444444";
    let before = inventory(&RECORDS.rehearsal.account(id, REGION));
    let it = environment(id);
    let there = inventory(&it.account);
    for (kind, ..) in LISTS {
        let made = there.difference(&before).any(|(made, _)| *made == kind);
        assert!(made, "no {kind} is made: is it listed as it should be?");
    }
    let terminal = Terminal::new();

    let (content, said) = terminal.take_down(&it, &["test"], "333333333333");
    assert!(
        !content && said.ends_with("take-down: nothing was deleted\n"),
        "{said}"
    );
    protect(&it, "test", true);
    let (content, said) = terminal.take_down(&it, &["test"], id);
    assert!(
        !content && said.contains("--no-enable-termination-protection"),
        "{said}"
    );
    protect(&it, "test", false);
    assert_eq!(inventory(&it.account), there);

    // In the order in which they were made, which is the wrong one.
    let mut names = it.stacks.clone();
    names.push("of-last-year");
    let (content, said) = terminal.take_down(&it, &names, id);
    assert!(content, "{said}");
    assert!(
        said.contains("There is no stack of-last-year (any more)."),
        "{said}"
    );
    let (_, order) = said.split_once("one after the other:\n").unwrap();
    let order: Vec<&str> = order
        .lines()
        .map_while(|line| line.strip_prefix("  "))
        .collect();
    let place = |name: &str| order.iter().position(|one| *one == name).unwrap();
    // Each before what it leans on; the emulator itself would delete most of them in any order.
    for (first, then) in [
        ("web-restart", "web"),
        ("web-scaling", "web"),
        ("web", "web-balancer"),
        ("web", "web-files"),
        ("web", "test"),
        ("shop", "shop-balancer"),
        ("shop-api", "shop-balancer"),
        ("web-balancer", "test-network"),
        ("web-files", "test-network"),
        ("shop", "redbutton-boundary"),
        ("web", "redbutton-boundary"),
    ] {
        assert!(
            place(first) < place(then),
            "{first} goes before {then}: {order:?}"
        );
    }
    let after = inventory(&it.account);
    let stays: Vec<&(&str, String)> = after.difference(&before).collect();
    let kinds: Vec<&str> = stays.iter().map(|(kind, _)| *kind).collect();
    assert_eq!(kinds, STAYS.map(|(kind, _)| kind), "{stays:?}");
    assert_eq!(before.difference(&after).next(), None);

    let (_, told) = said.split_once("\nWhat stays").unwrap();
    let mut told: Vec<&str> = told
        .lines()
        .filter_map(|line| line.strip_prefix("  ")?.split("  (of ").next())
        .collect();
    told.sort_unstable();
    let expected: Vec<String> = stays
        .iter()
        .map(|(kind, id)| format!("{kind}  {id}"))
        .collect();
    assert_eq!(told, expected);
    let book = text("docs/environments.md");
    let (_, book) = book.split_once("\n## Take down\n").unwrap();
    let (book, _) = book.split_once("\n## ").unwrap();
    for (_, name) in STAYS {
        assert!(book.contains(name), "the book does not name {name}");
    }

    let (content, said) = terminal.take_down(&it, &names, id);
    assert!(
        content && said.ends_with("Nothing is left to delete.\n"),
        "{said}"
    );
    assert_eq!(inventory(&it.account), after);
}

fn protect(it: &Environment, stack: &str, protected: bool) {
    let protected = protected.to_string();
    let asked = [
        ("StackName", stack),
        ("EnableTerminationProtection", &*protected),
    ];
    let done = it
        .account
        .query("cloudformation", "UpdateTerminationProtection", &asked);
    done.unwrap();
}
