//! Every template is deployed, one on another.

use std::collections::BTreeSet;
use std::fs;
use std::path::Path;

use rehearsal::world::{self, Service};
use rehearsal::{suite, workspace};
use serde_json::{Value, json};

use super::{Environment, RECORDS, REGION, spec};

/// What the emulator's CloudFormation does not know. cfn-lint checks these against the resource
/// specification, as everything else.
const LEFT_OUT: [(&str, &str); 8] = [
    ("examples/api.yaml", "AWS::ApiGatewayV2::VpcLink"),
    ("examples/backup.yaml", "AWS::Backup::BackupSelection"),
    ("examples/network.yaml", "AWS::EC2::EIP"),
    ("examples/network.yaml", "AWS::EC2::FlowLog"),
    ("examples/network.yaml", "AWS::EC2::NatGateway"),
    ("templates/balancer.yaml", "AWS::WAFv2::WebACLAssociation"),
    (
        "templates/scaling.yaml",
        "AWS::ApplicationAutoScaling::ScalableTarget",
    ),
    (
        "templates/scaling.yaml",
        "AWS::ApplicationAutoScaling::ScalingPolicy",
    ),
];

/// What is deployed elsewhere.
const ELSEWHERE: [(&str, &str); 3] = [
    (
        "examples/pipeline/pipeline.yaml",
        "tests/redbutton.rs deploys it and runs its pipeline",
    ),
    (
        "templates/pipeline.yaml",
        "tests/readme.rs deploys it and runs its pipeline",
    ),
    (
        "templates/roles.yaml",
        "rehearsal/src/suite.rs deploys it for most of the tests",
    ),
];

/// A service with a load balancer, files, scaling, restarts, backups and an API in front; a second on the
/// same load balancer and the same file system; a third whose traffic is shifted, inside only.
pub(super) fn environment(id: &str) -> Environment {
    let account = RECORDS.rehearsal.account(id, REGION);
    let repository = world::repository_uri(&account, "web");
    let mut it = Environment::new(account);
    it.make("examples/network.yaml", "test-network", &[]);
    let inside = [
        ("WayOut", "ENDPOINTS"),
        ("VpcCidr", "10.1.0.0/16"),
        ("FlowLogDays", "0"),
    ];
    it.make("examples/network.yaml", "closed-network", &inside);
    let cluster = [
        ("ClusterName", "test"),
        ("RepositoryName", "web"),
        ("MovingTag", "main"),
    ];
    it.make("templates/cluster.yaml", "test", &cluster);
    it.make("templates/boundary.yaml", "redbutton-boundary", &[]);
    let boundary = it.out("redbutton-boundary", "PolicyArn");
    let told = [("Endpoint", "a@example.com"), ("Impaired", "TELL")];
    it.make("examples/observe.yaml", "redbutton-observe", &told);
    let topic = it.out("redbutton-observe", "TopicArn");
    let vpc = it.out("test-network", "VpcId");
    let public = it.out("test-network", "PublicSubnetIds");
    let private = it.out("test-network", "PrivateSubnetIds");
    let vpc = ("VpcId", &*vpc);
    let subnets = ("SubnetIds", &*private);
    let topic = ("AlarmTopicArn", &*topic);

    let certificate = format!("arn:aws:acm:{REGION}:{id}:certificate/1f2e");
    let certificate = ("CertificateArn", &*certificate);
    let own = [
        ("ServiceName", "web"),
        vpc,
        ("LoadBalancerSubnetIds", &public),
        certificate,
        topic,
    ];
    it.make("templates/balancer.yaml", "web-balancer", &own);
    let listener = it.out("web-balancer", "ListenerArn");
    let on_another = [
        ("ServiceName", "api"),
        vpc,
        ("ListenerArn", &*listener),
        ("PathPatterns", "/api,/api/*"),
        ("Priority", "10"),
        topic,
    ];
    it.make("templates/balancer.yaml", "api-balancer", &on_another);
    let shifted = [
        ("ServiceName", "shop"),
        vpc,
        ("LoadBalancerSubnetIds", &*private),
        certificate,
        ("Strategy", "BLUE_GREEN"),
        ("TestPort", "8443"),
        ("Scheme", "internal"),
        ("AllowedCidr", "10.0.0.0/16"),
    ];
    it.make("templates/balancer.yaml", "shop-balancer", &shifted);

    let files = [("Directory", "/web"), vpc, subnets];
    it.make("templates/files.yaml", "web-files", &files);
    let file_system = it.out("web-files", "FileSystemId");
    let shared = [
        ("Directory", "/api"),
        vpc,
        subnets,
        ("FileSystemId", &*file_system),
        ("MountTargets", "0"),
    ];
    it.make("templates/files.yaml", "api-files", &shared);

    world::put_image(&it.account, "web", "main", &world::manifest("v1")).unwrap();
    let image = format!("{repository}:main");
    let common = [
        ("ClusterName", "test"),
        ("Image", &*image),
        ("HealthCheckCommand", "CMD,/web,--check"),
        ("PermissionsBoundaryArn", &*boundary),
        vpc,
        subnets,
        topic,
    ];
    let balanced = |it: &Environment, stack: &str| {
        [
            "TargetGroupArn",
            "LoadBalancerArn",
            "LoadBalancerSecurityGroupId",
        ]
        .map(|key| (key, it.out(stack, key)))
    };
    let access_point = it.out("web-files", "AccessPointId");
    let client = it.out("web-files", "ClientSecurityGroupId");
    let balancer = balanced(&it, "web-balancer");
    let mut web = vec![
        ("ServiceName", "web"),
        ("FileSystemId", &*file_system),
        ("AccessPointId", &*access_point),
        ("MountPath", "/data"),
        ("SecurityGroupIds", &*client),
    ];
    web.extend(common);
    web.extend(balancer.iter().map(|(key, value)| (*key, &**value)));
    it.make("templates/service.yaml", "web", &web);
    let balancer = balanced(&it, "shop-balancer");
    let rules = [
        "AlternateTargetGroupArn",
        "ProductionListenerRuleArn",
        "TestListenerRuleArn",
    ]
    .map(|key| (key, it.out("shop-balancer", key)));
    let mut shop = vec![("ServiceName", "shop"), ("Strategy", "BLUE_GREEN")];
    shop.extend(common);
    let told = balancer.iter().chain(&rules);
    shop.extend(told.map(|(key, value)| (*key, &**value)));
    it.make("templates/service.yaml", "shop", &shop);

    let service = it.out("web", "ServiceArn");
    let [group, load_balancer, _] = balanced(&it, "web-balancer");
    let scaled = [
        ("ServiceName", "web"),
        ("ClusterName", "test"),
        ("TargetRequests", "1000"),
        (group.0, &group.1),
        (load_balancer.0, &load_balancer.1),
        topic,
    ];
    it.make("templates/scaling.yaml", "web-scaling", &scaled);
    let restarted = [
        ("RepositoryName", "web"),
        ("ImageTag", "main"),
        ("ServiceArns", &*service),
        ("RestartOnPush", "ENABLED"),
        topic,
    ];
    it.make("templates/restart.yaml", "web-restart", &restarted);
    let kept = it.out("web-files", "FileSystemArn");
    let kept = [("BackupName", "test"), ("FileSystemArns", &*kept), topic];
    it.make("examples/backup.yaml", "test-backup", &kept);
    let inside = it.out("shop-balancer", "ListenerArn");
    let api = [
        ("ServiceName", "shop"),
        vpc,
        subnets,
        ("ListenerArn", &*inside),
        ("ServerName", "shop.example.com"),
        topic,
    ];
    it.make("examples/api.yaml", "shop-api", &api);
    it
}

/// All templates of `templates/` and `examples/`.
fn templates() -> BTreeSet<String> {
    fn find(folder: &Path, found: &mut BTreeSet<String>) {
        for entry in fs::read_dir(folder).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                find(&path, found);
            } else if path.extension().is_some_and(|kind| kind == "yaml") {
                let text = fs::read_to_string(&path).unwrap();
                if text.contains("\nResources:") {
                    let name = path.strip_prefix(workspace::root()).unwrap();
                    found.insert(name.display().to_string());
                }
            }
        }
    }
    let mut found = BTreeSet::new();
    for folder in ["templates", "examples"] {
        find(&workspace::root().join(folder), &mut found);
    }
    found
}

#[test]
fn every_template_is_deployed() {
    for (template, why) in ELSEWHERE {
        eprintln!("left out: {template}: {why}");
    }
    for (template, kind) in LEFT_OUT {
        eprintln!("left out: {kind} of {template}: the emulator does not know it");
    }
    let it = environment(suite::TARGET_ACCOUNT);
    let elsewhere = ELSEWHERE.map(|(template, _)| template);
    let all = it.templates.iter().copied().chain(elsewhere);
    assert_eq!(templates(), all.map(str::to_owned).collect());
    let expected = LEFT_OUT.map(|(template, kind)| (template, kind.to_owned()));
    assert_eq!(it.left_out, expected.into());

    let service = |name: &str| world::service(&it.account, "test", name).unwrap();
    files_are_mounted(&it, &service("web"));
    only_the_load_balancer_is_let_in(&it, &service("web"));
    traffic_is_shifted(&it, &service("shop"));
}

fn files_are_mounted(it: &Environment, web: &Service) {
    let found = world::task_definition(&it.account, &web.first_task_definition).unwrap();
    let found = &found["taskDefinition"];
    assert_eq!(
        found["volumes"],
        json!([{"name": "files", "efsVolumeConfiguration": {
            "fileSystemId": it.out("web-files", "FileSystemId"),
            "transitEncryption": "ENABLED",
            "authorizationConfig": {
                "accessPointId": it.out("web-files", "AccessPointId"), "iam": "ENABLED",
            },
        }}])
    );
    assert_eq!(
        found["containerDefinitions"][0]["mountPoints"],
        json!([{"sourceVolume": "files", "containerPath": "/data", "readOnly": false}])
    );
}

fn only_the_load_balancer_is_let_in(it: &Environment, web: &Service) {
    let found = web.describe().unwrap();
    assert_eq!(
        found["loadBalancers"],
        json!([{
            "targetGroupArn": it.out("web-balancer", "TargetGroupArn"),
            "containerName": "web", "containerPort": 8080,
        }])
    );
    let network = &found["networkConfiguration"]["awsvpcConfiguration"];
    let own = it.out("web", "SecurityGroupId");
    let groups = json!([own, it.out("web-files", "ClientSecurityGroupId")]);
    assert_eq!(network["securityGroups"], groups);
    let subnets: Vec<Value> = it
        .out("test-network", "PrivateSubnetIds")
        .split(',')
        .map(Value::from)
        .collect();
    assert_eq!(network["subnets"], Value::from(subnets));

    let named = [("GroupId.1", &*own)];
    let group = it.account.query("ec2", "DescribeSecurityGroups", &named);
    let group = group.unwrap();
    let (_, ingress) = group.split_once("<ipPermissions>").unwrap();
    let (ingress, _) = ingress.split_once("</ipPermissions>").unwrap();
    assert_eq!(
        rehearsal::xml_texts(ingress, "groupId"),
        [it.out("web-balancer", "LoadBalancerSecurityGroupId")]
    );
    assert_eq!(rehearsal::xml_texts(ingress, "fromPort"), ["8080"]);
    assert_eq!(rehearsal::xml_texts(ingress, "cidrIp"), [""; 0]);
}

fn traffic_is_shifted(it: &Environment, shop: &Service) {
    let found = shop.describe().unwrap();
    assert_eq!(found["deploymentConfiguration"]["strategy"], "BLUE_GREEN");
    let advanced = &found["loadBalancers"][0]["advancedConfiguration"];
    for (key, output) in [
        ("alternateTargetGroupArn", "AlternateTargetGroupArn"),
        ("productionListenerRule", "ProductionListenerRuleArn"),
        ("testListenerRule", "TestListenerRuleArn"),
    ] {
        assert_eq!(advanced[key], it.out("shop-balancer", output), "{key}");
    }
    let role = advanced["roleArn"].as_str().unwrap();
    assert!(role.contains(":role/ecs/"), "{role}");
}

/// A template, parameters besides the usual ones, and what is said to them.
type Refused<'a> = (&'a str, &'a [(&'a str, &'a str)], &'a str);

/// Before anything is made, and with the sentence that says what to change.
#[test]
fn parameters_that_do_not_go_together_are_refused() {
    let account = RECORDS.rehearsal.account("999999999999", REGION);
    let listener = format!(
        "arn:aws:elasticloadbalancing:{REGION}:999999999999:listener/app/web/1f2e3d/4c5b6a"
    );
    let certificate = format!("arn:aws:acm:{REGION}:999999999999:certificate/1f2e");
    let listener = ("ListenerArn", &*listener);
    let certificate = ("CertificateArn", &*certificate);
    let subnets = ("LoadBalancerSubnetIds", "subnet-0a1b,subnet-1a2b");
    let cases: [Refused<'_>; 10] = [
        (
            "balancer",
            &[],
            "a load balancer of its own needs CertificateArn",
        ),
        (
            "balancer",
            &[subnets],
            "a load balancer of its own needs CertificateArn",
        ),
        ("balancer", &[certificate], "needs LoadBalancerSubnetIds"),
        (
            "balancer",
            &[listener, certificate, subnets],
            "takes LoadBalancerSubnetIds or ListenerArn, and not both",
        ),
        (
            "balancer",
            &[listener, ("Strategy", "CANARY"), ("TestPort", "8443")],
            "tests need TestListenerArn, and not TestPort",
        ),
        (
            "balancer",
            &[certificate, subnets, ("TestPort", "8443")],
            "TestPort needs a TestCidr of public addresses",
        ),
        (
            "service",
            &[("FileSystemId", "fs-0a1b")],
            "FileSystemId needs AccessPointId",
        ),
        (
            "service",
            &[("MountPath", "/data")],
            "AccessPointId and MountPath need FileSystemId",
        ),
        (
            "service",
            &[("Strategy", "LINEAR")],
            "LINEAR and CANARY need TargetGroupArn",
        ),
        (
            "scaling",
            &[("TargetRequests", "1000")],
            "TargetRequests needs TargetGroupArn",
        ),
    ];
    for (template, given, why) in cases {
        let mut parameters = vec![("ServiceName", "web")];
        if template != "scaling" {
            parameters.push(("VpcId", "vpc-0a1b"));
        }
        if template != "balancer" {
            parameters.push(("ClusterName", "test"));
        }
        if template == "service" {
            parameters.extend([("SubnetIds", "subnet-0a1b"), ("Image", "web:v1")]);
        }
        parameters.extend(given);
        let path = format!("templates/{template}.yaml");
        let (template, _) =
            rehearsal::pipeline::rewritten(&workspace::root().join(path), &RECORDS.known).unwrap();
        let spec = spec("refused", &template.to_string(), &parameters);
        let refused = world::create_stack(&account, &spec).map(|stack| stack.name);
        let refused = format!("{:#}", refused.unwrap_err());
        assert!(refused.contains(why), "no {why:?} in {refused}");
    }
    let stacks = account.query("cloudformation", "DescribeStacks", &[]);
    assert_eq!(rehearsal::xml_texts(&stacks.unwrap(), "StackName"), [""; 0]);
}
