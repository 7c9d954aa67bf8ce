//! `templates/cluster.yaml` and `templates/service.yaml`: what they say, and what comes of them.

use std::fs;
use std::path::PathBuf;
use std::sync::Arc;

use anyhow::Result;
use rehearsal::world::{self, Stack, StackSpec};
use rehearsal::{Account, Progress, deploy, suite, workspace};
use serde_json::{Value, json};
use shared::stack::LONGEST_BODY_BYTES;

use super::{CLUSTER, only};
use crate::fixture;

const TEMPLATES: [&str; 9] = [
    "balancer.yaml",
    "boundary.yaml",
    "cluster.yaml",
    "files.yaml",
    "pipeline.yaml",
    "restart.yaml",
    "roles.yaml",
    "scaling.yaml",
    "service.yaml",
];

const BALANCING: &str = "arn:aws:elasticloadbalancing:ap-southeast-2:333333333333";

/// CONTRACTS 3.6.1: a rollout can hand each of them over as it is.
#[test]
fn templates_fit_a_call_and_are_read_by_cloudformation() {
    for name in TEMPLATES {
        let text = text(name);
        assert!(text.len() <= LONGEST_BODY_BYTES, "{name}: {}", text.len());
        // CloudFormation's YAML has no anchors and aliases, which most libraries read without a word.
        for line in text.lines() {
            let value = line.split_once(": ").map_or("", |(_, value)| value);
            let first = value.trim_start_matches("- ").chars().next();
            assert!(!matches!(first, Some('&' | '*')), "{name}: {line}");
        }
    }
}

/// CONTRACTS 3.10.1 and 3.10.5: accounts, which exist, and their roles by name only.
// rules: 3.10.1 3.10.5
#[test]
fn other_accounts_may_pull_or_push_and_do_nothing_else() {
    let policy = &only(&CLUSTER, "AWS::ECR::Repository")["RepositoryPolicyText"]["Fn::If"][1];
    let statements = policy["Statement"].as_array().unwrap();
    assert_eq!(statements.len(), 2);
    let [pull, push] = [0, 1].map(|n| &statements[n]["Fn::If"][1]);
    let actions = |statement: &Value| -> Vec<String> {
        let actions = statement["Action"].as_array().unwrap().iter();
        let names = actions.map(|action| action.as_str().unwrap().trim_start_matches("ecr:"));
        names.map(str::to_owned).collect()
    };
    assert_eq!(pull["Principal"], json!({"AWS": {"Ref": "PullAccountIds"}}));
    for action in actions(pull) {
        let reads = ["Batch", "Describe", "Get"];
        let pulls = reads.iter().any(|verb| action.starts_with(verb));
        assert!(pulls && !action.contains("Delete"), "{action}");
    }
    assert_eq!(
        pull["Condition"]["Fn::If"][1],
        json!({"ArnLike": {"aws:PrincipalArn": {"Ref": "PullPrincipalArns"}}})
    );
    assert_eq!(push["Principal"], json!({"AWS": {"Ref": "PushAccountIds"}}));
    assert_eq!(
        actions(push),
        [
            "BatchCheckLayerAvailability",
            "BatchGetImage",
            "CompleteLayerUpload",
            "InitiateLayerUpload",
            "PutImage",
            "UploadLayerPart",
        ]
    );
    // Never without a condition, which names roles and no pattern of them.
    let named = &push["Condition"]["ArnLike"]["aws:PrincipalArn"];
    let roles = &named["Fn::Split"][1]["Fn::Sub"][1]["Roles"];
    assert_eq!(
        *roles,
        json!({"Fn::Join": [",", {"Ref": "PushPrincipalArns"}]})
    );
    let pattern = &CLUSTER["Parameters"]["PushPrincipalArns"]["AllowedPattern"];
    assert!(!pattern.as_str().unwrap().contains(".@/*"), "{pattern}");
}

/// CONTRACTS 3.10.5: an image that serves is spared for as long as nothing newer pushes it out.
// rules: 3.10.5
#[test]
fn images_with_a_tag_go_by_number_and_never_by_age() {
    let repository = only(&CLUSTER, "AWS::ECR::Repository");
    // No tag moves but the one that a parameter names, and by default that is none.
    assert_eq!(
        repository["ImageTagMutability"],
        json!({"Fn::If": ["HasMovingTag", "IMMUTABLE_WITH_EXCLUSION", "IMMUTABLE"]})
    );
    assert_eq!(CLUSTER["Parameters"]["MovingTag"]["Default"], "");
    assert_eq!(repository["ImageScanningConfiguration"]["ScanOnPush"], true);
    let text = &repository["LifecyclePolicy"]["LifecyclePolicyText"]["Fn::Sub"];
    let filled = text
        .as_str()
        .unwrap()
        .replace("${KeepUntaggedDays}", "30")
        .replace("${KeepImages}", "500");
    let policy: Value = serde_json::from_str(&filled).unwrap();
    let rules = policy["rules"].as_array().unwrap();
    let counts = |tags: &str| {
        let of = |rule: &&Value| rule["selection"]["tagStatus"] == tags;
        let counts = rules.iter().filter(of);
        let counts: Vec<&Value> = counts.map(|rule| &rule["selection"]["countType"]).collect();
        json!(counts)
    };
    assert_eq!(rules.len(), 2);
    assert_eq!(counts("tagged"), json!(["imageCountMoreThan"]));
    assert_eq!(counts("untagged"), json!(["sinceImagePushed"]));
}

/// Made, read back, and released to by its one parameter.
#[test]
fn a_service_is_made_of_the_templates_and_an_update_changes_its_image() {
    let world = fixture::world();
    let account = &world.suite.other;
    let name = "of-the-templates";
    let parameters = [
        ("ClusterName", name),
        ("RepositoryName", name),
        ("PullAccountIds", "111111111111,222222222222"),
        ("PullPrincipalArns", "arn:aws:iam::*:role/ecs/*"),
        ("PushAccountIds", "111111111111"),
        ("PushPrincipalArns", "arn:aws:iam::111111111111:role/build"),
    ];
    let cluster = made(
        account,
        "cluster.yaml",
        "of-the-templates-cluster",
        &parameters,
    )
    .unwrap();
    let repository = &cluster.outputs().unwrap()["RepositoryUri"];
    let [first, second] = ["v1", "v2"].map(|tag| {
        let manifest = world::manifest(&format!("{name} {tag}"));
        let digest = world::put_image(account, name, tag, &manifest).unwrap();
        format!("{repository}@{digest}")
    });

    let secret = "arn:aws:secretsmanager:ap-southeast-2:333333333333:secret:web-AbCdEf";
    let token = format!("TOKEN: {secret}:token::");
    let parameters = [
        ("Image", first.as_str()),
        ("ServiceName", name),
        ("ClusterName", name),
        ("VpcId", "vpc-0a1b2c3d"),
        ("SubnetIds", "subnet-0a1b2c3d,subnet-1a2b3c4d"),
        ("HealthCheckCommand", "CMD,/web,--check"),
        ("Environment1", "LEVEL: info"),
        ("Environment8", "ADDRESS: https://example.com/?a=b,c"),
        ("Secret1", &token),
        ("SecretArns", secret),
        ("WritablePath", "/tmp"),
        ("PermissionsBoundaryArn", suite::BOUNDARY),
    ];
    let stack = made(account, "service.yaml", name, &parameters).unwrap();
    let outputs = stack.outputs().unwrap();
    let service = described(&stack);
    assert_eq!(service["desiredCount"], 1);
    assert_eq!(
        service["deploymentConfiguration"],
        json!({
            "strategy": "ROLLING",
            "minimumHealthyPercent": 100,
            "maximumPercent": 200,
            "deploymentCircuitBreaker": {"enable": true, "rollback": true},
            "alarms": {
                "enable": true,
                "rollback": true,
                "alarmNames": ["ecs-of-the-templates-memory"],
            },
        })
    );
    let network = &service["networkConfiguration"]["awsvpcConfiguration"];
    assert_eq!(
        network["securityGroups"],
        json!([outputs["SecurityGroupId"]])
    );

    let was = definition(account, &service);
    for (key, role) in [
        ("taskRoleArn", &outputs["TaskRoleArn"]),
        ("executionRoleArn", &outputs["ExecutionRoleArn"]),
    ] {
        assert_eq!(was[key], role.as_str());
        assert!(
            role.starts_with("arn:aws:iam::333333333333:role/ecs/"),
            "{role}"
        );
    }
    assert_eq!(
        was["containerDefinitions"],
        json!([{
            "name": name,
            "image": first,
            "essential": true,
            "readonlyRootFilesystem": true,
            "mountPoints": [
                {"sourceVolume": "writable", "containerPath": "/tmp", "readOnly": false},
            ],
            "portMappings": [{"containerPort": 8080, "protocol": "tcp"}],
            "environment": [
                {"name": "LEVEL", "value": "info"},
                {"name": "ADDRESS", "value": "https://example.com/?a=b,c"},
            ],
            "secrets": [{"name": "TOKEN", "valueFrom": format!("{secret}:token::")}],
            "healthCheck": {
                "command": ["CMD", "/web", "--check"],
                "interval": 10,
                "timeout": 5,
                "retries": 3,
                "startPeriod": 30,
            },
            "logConfiguration": {
                "logDriver": "awslogs",
                "options": {
                    "awslogs-group": "/ecs/of-the-templates",
                    "awslogs-region": "ap-southeast-2",
                    "awslogs-stream-prefix": name,
                    "mode": "non-blocking",
                    "max-buffer-size": "25m",
                },
            },
        }])
    );
    let prefix = json!({"logGroupNamePrefix": "/ecs/of-the-templates"});
    let groups = account.json("logs", "Logs_20140328.DescribeLogGroups", prefix);
    assert_eq!(groups.unwrap()["logGroups"][0]["retentionInDays"], 90);

    // A release by hand: everything else keeps its value.
    let release = deploy::Stack {
        name,
        template: &path("service.yaml"),
        parameters: &[("Image", &second)],
    };
    let silent: Progress = Arc::new(|_: &str| {});
    deploy::deploy(&world.rehearsal, account, &release, &silent).unwrap();
    let is = definition(account, &described(&stack));
    assert_ne!(is["taskDefinitionArn"], was["taskDefinitionArn"]);
    let mut expected = was["containerDefinitions"].clone();
    expected[0]["image"] = json!(second);
    assert_eq!(is["containerDefinitions"], expected);
}

/// Behind a load balancer, by ECS's own strategies.
#[test]
fn traffic_is_shifted_between_two_target_groups() {
    let world = fixture::world();
    let name = "of-the-template-in-steps";
    let balancing = |what: &str| format!("{BALANCING}:{what}/50dc6c495c0c9188");
    let groups = ["targetgroup/blue", "targetgroup/green"].map(balancing);
    let balancer = balancing("loadbalancer/app/web");
    let rule = balancing("listener-rule/app/web/50dc6c495c0c9188/f2f7dc8efc522ab2");
    let parameters = [
        ("Image", "web:v1"),
        ("ServiceName", name),
        ("ClusterName", "test"),
        ("VpcId", "vpc-0a1b2c3d"),
        ("SubnetIds", "subnet-0a1b2c3d"),
        ("SecurityGroupIds", "sg-0a1b2c3d"),
        ("DesiredCount", "2"),
        ("TargetGroupArn", &groups[0]),
        ("LoadBalancerArn", &balancer),
        ("LoadBalancerSecurityGroupId", "sg-1a2b3c4d"),
        ("Strategy", "CANARY"),
        ("AlternateTargetGroupArn", &groups[1]),
        ("ProductionListenerRuleArn", &rule),
    ];
    let stack = made(&world.suite.other, "service.yaml", name, &parameters).unwrap();
    let service = described(&stack);
    assert_eq!(service["desiredCount"], 2);
    let deployment = &service["deploymentConfiguration"];
    assert_eq!(deployment["strategy"], "CANARY");
    assert_eq!(
        deployment["canaryConfiguration"],
        json!({"canaryPercent": 10.0, "canaryBakeTimeInMinutes": 5})
    );
    assert!(deployment.get("linearConfiguration").is_none());
    assert_eq!(deployment["bakeTimeInMinutes"], 5);
    assert_eq!(
        deployment["alarms"]["alarmNames"],
        json!(["memory", "errors", "alternate-errors"].map(|alarm| format!("ecs-{name}-{alarm}")))
    );
    let balancers = service["loadBalancers"].as_array().unwrap();
    assert_eq!(balancers.len(), 1);
    assert_eq!(balancers[0]["targetGroupArn"], json!(groups[0]));
    assert_eq!(balancers[0]["containerPort"], 8080);
    let shifts = &balancers[0]["advancedConfiguration"];
    assert_eq!(shifts["alternateTargetGroupArn"], json!(groups[1]));
    assert_eq!(shifts["productionListenerRule"], json!(rule));
    assert!(shifts.get("testListenerRule").is_none());
    let role = shifts["roleArn"].as_str().unwrap();
    assert!(
        role.starts_with("arn:aws:iam::333333333333:role/ecs/"),
        "{role}"
    );
    let network = &service["networkConfiguration"]["awsvpcConfiguration"];
    assert_eq!(network["securityGroups"].as_array().unwrap().len(), 2);
}

/// Before anything is made, in words that say what to do.
#[test]
fn wrong_parameters_are_refused() {
    let world = fixture::world();
    let refused = |template: &str, usual: &[(&str, &str)], more: &[(&str, &str)], words: &str| {
        let missing = |(key, _): &&(&str, &str)| more.iter().all(|(other, _)| key != other);
        let parameters: Vec<_> = usual.iter().filter(missing).chain(more).copied().collect();
        let error = match made(&world.suite.other, template, "refused", &parameters) {
            Ok(_) => panic!("{more:?} is not refused"),
            Err(error) => format!("{error:#}"),
        };
        assert!(error.contains(words), "{more:?}: {error}");
    };
    let service = [
        ("Image", "web:v1"),
        ("ServiceName", "refused"),
        ("ClusterName", "test"),
        ("VpcId", "vpc-0a1b2c3d"),
        ("SubnetIds", "subnet-0a1b2c3d"),
    ];
    let group = format!("{BALANCING}:targetgroup/web/50dc6c495c0c9188");
    let linear = [("Strategy", "LINEAR"), ("TargetGroupArn", group.as_str())];
    let checks: [(&[(&str, &str)], &str); 7] = [
        (&[("Strategy", "CANARY")], "need TargetGroupArn"),
        (&linear, "need AlternateTargetGroupArn"),
        (&[("Environment1", "LEVEL=info")], "a colon, a space"),
        (&[("Environment2", "LEVEL: a: b")], "a colon, a space"),
        (&[("Secret1", "TOKEN: hunter2")], "the ARN of a secret"),
        (&[("Image", "web@sha256:v1")], "with a tag or a digest"),
        (&[("MountPath", "/data")], "need FileSystemId"),
    ];
    for (more, words) in checks {
        refused("service.yaml", &service, more, words);
    }
    let roles = [
        ("ToolingAccountId", "111111111111"),
        ("ExternalId", "refused"),
        (
            "ClusterArns",
            "arn:aws:ecs:ap-southeast-2:333333333333:cluster/test",
        ),
        ("RoleName", "refused"),
    ];
    let stack = "arn:aws:cloudformation:ap-southeast-2:333333333333:stack/web";
    let role = [("CloudFormationRoleName", "redbutton-cloudformation")];
    refused("roles.yaml", &roles, &role, "needs StackArns");
    refused("roles.yaml", &roles, &[("StackArns", stack)], "end in /*");
    let half = [("ExternalId", "")];
    refused("roles.yaml", &roles, &half, "needs ExternalId");
    let nothing = [("ToolingAccountId", ""), ("ExternalId", "")];
    refused("roles.yaml", &roles, &nothing, "there is no role to make");
    let cluster = [("ClusterName", "refused"), ("RepositoryName", "refused")];
    let anybody = [("PushAccountIds", "111111111111")];
    refused(
        "cluster.yaml",
        &cluster,
        &anybody,
        "needs PushPrincipalArns",
    );
}

/// A stack of one of the templates.
fn made(
    account: &Account,
    template: &str,
    name: &str,
    parameters: &[(&str, &str)],
) -> Result<Stack> {
    let mut spec = StackSpec::new(name, &text(template));
    spec.capabilities = vec!["CAPABILITY_NAMED_IAM".to_owned()];
    for (key, value) in parameters {
        spec = spec.with(key, value);
    }
    world::create_stack(account, &spec)
}

fn text(template: &str) -> String {
    fs::read_to_string(path(template)).unwrap()
}

fn path(template: &str) -> PathBuf {
    workspace::root().join("templates").join(template)
}

/// The service of a stack, as ECS has it.
fn described(stack: &Stack) -> Value {
    stack.service("Service").unwrap().describe().unwrap()
}

/// The task definition that a service runs.
fn definition(account: &Account, service: &Value) -> Value {
    let arn = service["taskDefinition"].as_str().unwrap();
    let mut answer = world::task_definition(account, arn).unwrap();
    answer["taskDefinition"].take()
}
