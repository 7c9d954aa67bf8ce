//! `DescribeServices` as the API reference has it, and what is read of it.

use super::*;
use crate::replay::replay;
use serde_json::{Value, json};
use shared::rollout::seen::settings::Settings;

async fn described(names: &[&str], answer: Value) -> (Vec<Result<Service, CallError>>, Value) {
    let (config, replay) = replay([(200, answer)]);
    let services = describe(&Client::new(&config), "test", names).await;
    let [(operation, body)] = replay.calls().try_into().unwrap();
    assert_eq!(operation, "DescribeServices");
    (services.unwrap(), body)
}

#[tokio::test]
async fn one_call_answers_in_the_order_of_the_names() {
    let service = |name: &str| json!({"serviceName": name, "status": "ACTIVE"});
    let arn = "arn:aws:ecs:us-east-1:111111111111:service/test/gone";
    let answer = json!({
        "services": [service("worker"), service("web")],
        "failures": [{"arn": arn, "reason": "MISSING"}],
    });
    let names = ["web", "gone", "worker", "web"];
    let (services, body) = described(&names, answer).await;
    assert_eq!(body["services"], json!(["gone", "web", "worker"]));
    let read: Vec<String> = services
        .into_iter()
        .map(|service| match service {
            Ok(service) => service.name,
            Err(error) => format!("{:?} {}", error.kind, error.message),
        })
        .collect();
    let gone = "Missing there is no service gone in cluster test here";
    assert_eq!(read, ["web", gone, "worker", "web"]);
}

#[tokio::test]
async fn a_strategy_has_its_times_and_those_that_ecs_puts_in() {
    let read = async |configuration: Value| {
        let service = json!({"serviceName": "web", "deploymentConfiguration": configuration});
        let (mut services, _) = described(&["web"], json!({"services": [service]})).await;
        services.remove(0).unwrap().strategy
    };
    let hooks = json!([
        {"targetType": "PAUSE", "lifecycleStages": ["PRE_PRODUCTION_TRAFFIC_SHIFT", "POST_SCALE_UP"]},
        {"targetType": "PAUSE", "lifecycleStages": ["PRE_SCALE_UP"],
         "timeoutConfiguration": {"timeoutInMinutes": 60, "action": "CONTINUE"}},
        {"hookTargetArn": "arn:aws:lambda:us-east-1:111111111111:function:check",
         "roleArn": "arn:aws:iam::111111111111:role/hooks", "lifecycleStages": ["POST_TEST_TRAFFIC_SHIFT"]},
    ]);
    let (name, pauses) = (
        |name: &str| name.to_owned(),
        vec![
            ("PRE_PRODUCTION_TRAFFIC_SHIFT".to_owned(), 1_440),
            ("POST_SCALE_UP".to_owned(), 1_440),
            ("PRE_SCALE_UP".to_owned(), 60),
        ],
    );
    for (configuration, expected) in [
        (json!({"maximumPercent": 200}), Strategy::default()),
        (
            json!({"strategy": "BLUE_GREEN", "bakeTimeInMinutes": 15, "lifecycleHooks": hooks}),
            Strategy {
                name: name("BLUE_GREEN"),
                bake_minutes: 15,
                pauses,
                ..Strategy::default()
            },
        ),
        (
            json!({"strategy": "LINEAR"}),
            Strategy {
                name: name("LINEAR"),
                linear: Some((10.0, 6)),
                ..Strategy::default()
            },
        ),
        (
            json!({"strategy": "LINEAR", "linearConfiguration": {"stepPercent": 33.5, "stepBakeTimeInMinutes": 0}}),
            Strategy {
                name: name("LINEAR"),
                linear: Some((33.5, 0)),
                ..Strategy::default()
            },
        ),
        (
            json!({"strategy": "CANARY", "canaryConfiguration": {"canaryPercent": 1.0}}),
            Strategy {
                name: name("CANARY"),
                canary_minutes: Some(10),
                ..Strategy::default()
            },
        ),
    ] {
        assert_eq!(
            read(configuration.clone()).await,
            expected,
            "{configuration}"
        );
    }
}

#[tokio::test]
async fn a_service_says_where_its_tasks_run() {
    let service = json!({
        "serviceName": "web",
        "capacityProviderStrategy": [{"capacityProvider": "FARGATE_SPOT", "weight": 2, "base": 1}],
        "platformVersion": "LATEST",
        "networkConfiguration": {"awsvpcConfiguration": {
            "subnets": ["subnet-1"], "securityGroups": ["sg-1"], "assignPublicIp": "ENABLED"}},
    });
    let (mut services, _) = described(&["web"], json!({"services": [service]})).await;
    let expected = Placement {
        launch_type: String::new(),
        capacity_providers: vec![("FARGATE_SPOT".into(), 2, 1)],
        platform_version: "LATEST".into(),
        network: Some(Network {
            subnets: vec!["subnet-1".into()],
            security_groups: vec!["sg-1".into()],
            public_ip: true,
        }),
    };
    assert_eq!(services.remove(0).unwrap().placement, expected);
}

#[tokio::test]
async fn a_service_has_settings_that_no_release_changes() {
    let arn = "arn:aws:ecs:us-east-1:333333333333:service/test/web";
    let group = "arn:aws:elasticloadbalancing:us-east-1:333333333333:targetgroup/web/1";
    let service = json!({
        "serviceName": "web", "serviceArn": arn, "createdAt": 1.7e9, "platformVersion": "1.4.0",
        "capacityProviderStrategy": [
            {"capacityProvider": "FARGATE", "weight": 1, "base": 2},
            {"capacityProvider": "FARGATE_SPOT", "weight": 4, "base": 0}],
        "deploymentConfiguration": {
            "minimumHealthyPercent": 50, "maximumPercent": 200,
            "deploymentCircuitBreaker": {"enable": true, "rollback": false},
            "alarms": {"alarmNames": ["errors"], "enable": false, "rollback": true}},
        "networkConfiguration": {"awsvpcConfiguration": {
            "subnets": ["subnet-2", "subnet-1"], "securityGroups": ["sg-2", "sg-1"]}},
        "loadBalancers": [
            {"targetGroupArn": group, "containerName": "web", "containerPort": 8080},
            {"loadBalancerName": "old", "containerName": "web", "containerPort": 80}],
        "deployments": [
            {"id": "ecs-svc/1", "status": "ACTIVE", "serviceConnectConfiguration": {"enabled": false}},
            {"id": "ecs-svc/2", "status": "PRIMARY", "serviceConnectConfiguration": {"enabled": true}}],
    });
    let (mut services, _) = described(&["web"], json!({"services": [service]})).await;
    let service = services.remove(0).unwrap();
    let texts = |texts: &[&str]| texts.iter().map(|text| (*text).to_owned()).collect();
    let expected = Settings {
        arn: arn.into(),
        created: 1_700_000_000,
        minimum_healthy: Some(50),
        maximum: Some(200),
        breaker: Some((true, false)),
        alarms: texts(&["errors"]),
        alarms_enabled: false,
        launch: "capacity providers FARGATE:1 base 2, FARGATE_SPOT:4".into(),
        platform: "1.4.0".into(),
        network: Some(Network {
            subnets: texts(&["subnet-1", "subnet-2"]),
            security_groups: texts(&["sg-1", "sg-2"]),
            public_ip: false,
        }),
        load_balancers: texts(&[&format!("{group} web:8080"), "old web:80"]),
        service_connect: true,
    };
    assert_eq!(service.settings, expected);
    assert!(service.alarms.is_empty());
    // A one-off task like the service gets what the service has, in its order.
    let network = service.placement.network.unwrap();
    assert_eq!(network.subnets, ["subnet-2", "subnet-1"]);
}

#[tokio::test]
async fn a_service_that_says_little_has_few_settings() {
    let service = json!({"serviceName": "web", "launchType": "EC2"});
    let (mut services, _) = described(&["web"], json!({"services": [service]})).await;
    let expected = Settings {
        launch: "EC2".into(),
        ..Settings::default()
    };
    assert_eq!(services.remove(0).unwrap().settings, expected);
}
