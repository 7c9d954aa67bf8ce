//! The templates say what they should: least privilege, trust, delivery, words for people.
//!
//! What no emulator enforces is looked up in the templates as CloudFormation gets them.

mod pipeline;
mod preview;
mod releases;
mod rights;
mod services;
mod stacks;

use std::collections::{BTreeMap, BTreeSet};
use std::process::Command;
use std::sync::LazyLock;

use rehearsal::tools::Tools;
use rehearsal::workspace;
use serde_json::{Value, json};

pub(crate) static SUITE: LazyLock<Value> = LazyLock::new(|| translated("template.yaml"));
static ROLES: LazyLock<Value> = LazyLock::new(|| translated("templates/roles.yaml"));
static CLUSTER: LazyLock<Value> = LazyLock::new(|| translated("templates/cluster.yaml"));
static SERVICE: LazyLock<Value> = LazyLock::new(|| translated("templates/service.yaml"));
static PIPELINE: LazyLock<Value> = LazyLock::new(|| translated("templates/pipeline.yaml"));

/// What the function may do for services and stacks of its own account is what its role may do in
/// another.
#[test]
fn both_templates_have_the_same_statements() {
    let renamed = |template: &Value, role: &str| {
        let text = policies(template, role).to_string();
        let policies: Value = serde_json::from_str(&text.replace("OwnAccount", "")).unwrap();
        statements(&policies)
    };
    let (own, there) = (
        renamed(&SUITE, "TaskDefinitionUpdaterRole"),
        renamed(&ROLES, "RolloutRole"),
    );
    assert!(there.len() >= 15, "{:?}", there.keys());
    for (sid, statement) in &there {
        assert_eq!(own.get(sid), Some(statement), "{sid}");
    }
}

/// What changes something stays in what the parameters list.
#[test]
fn one_off_tasks_and_parameters_are_limited_to_what_is_listed() {
    let statements = statements(policies(&ROLES, "RolloutRole"));
    let clusters = json!({"ArnLike": {"ecs:cluster": {"Ref": "ClusterArns"}}});
    for sid in ["RunOneOffTasks", "TasksOfServices"] {
        assert_eq!(statements[sid]["Condition"], clusters, "{sid}");
    }
    let definitions = "arn:${AWS::Partition}:ecs:*:${AWS::AccountId}:task-definition/*";
    assert_eq!(
        statements["RunOneOffTasks"]["Resource"],
        json!({"Fn::Sub": definitions})
    );
    assert_eq!(
        statements["PublishImages"]["Resource"],
        json!({"Ref": "ParameterArns"})
    );
    // A stream's ARN is its group's and more: what is listed without this end allows nothing.
    let logs = statements["LastLogLines"]["Resource"].to_string();
    assert_eq!(logs.matches(":log-stream:*").count(), 2, "{logs}");
}

/// CONTRACTS 3.10.1: either account may be deployed first, and a role made anew is let in again.
// rules: 3.10.1
#[test]
fn other_accounts_trust_a_name_and_not_a_role() {
    trusts_a_name(
        &ROLES,
        "RolloutRole",
        "ExternalId",
        "TaskDefinitionUpdaterRole",
    );
    trusts_a_name(
        &SUITE,
        "PreviewRole",
        "PreviewExternalId",
        "ProductionPreviewRole",
    );
    trusts_a_name(
        &SUITE,
        "ReleaseRole",
        "ReleaseExternalId",
        "ArtifactCopierRole",
    );
}

fn trusts_a_name(template: &Value, role: &str, external_id: &str, function: &str) {
    let role = &template["Resources"][role]["Properties"];
    let statements = role["AssumeRolePolicyDocument"]["Statement"]
        .as_array()
        .unwrap();
    assert_eq!(statements.len(), 1);
    let statement = &statements[0];
    let root = json!({"Fn::Sub": "arn:${AWS::Partition}:iam::${ToolingAccountId}:root"});
    assert_eq!(statement["Principal"], json!({"AWS": root}));
    assert_eq!(statement["Action"], "sts:AssumeRole");
    let conditions = &statement["Condition"];
    assert_eq!(
        conditions["StringEquals"],
        json!({"sts:ExternalId": {"Ref": external_id}})
    );
    let trusted = conditions["ArnLike"]["aws:PrincipalArn"]
        .as_array()
        .unwrap();
    let name = &SUITE["Resources"][function]["Properties"]["RoleName"];
    let name = name.as_str().unwrap();
    for arn in trusted {
        let arn = arn["Fn::Sub"].as_str().unwrap();
        let mut parts = arn.split('/');
        assert_eq!(parts.nth(1), Some(name), "{arn}");
        assert!(arn.contains("::${ToolingAccountId}:"), "{arn}");
    }
    assert_eq!(trusted.len(), 2);
    let function_trust = &SUITE["Resources"][function]["Properties"]["AssumeRolePolicyDocument"];
    assert_eq!(
        function_trust["Statement"][0]["Principal"],
        json!({"Service": "lambda.amazonaws.com"})
    );
}

/// CONTRACTS 3.2.18 and 3.3.2: two retries, no event older than ten minutes, nowhere for an event
/// with credentials to be kept, and settings that hold for the function as CodePipeline invokes it.
// rules: 3.2.18 3.3.2
#[test]
fn events_are_delivered_as_jobs_need_it() {
    let functions = of_type(&SUITE, "AWS::Lambda::Function");
    let mut configs = of_type(&SUITE, "AWS::Lambda::EventInvokeConfig");
    // What arrives in production has no secret in it, and goes into a queue when all else fails.
    let gate = configs
        .iter()
        .position(|(name, _)| name.starts_with("ProductionGate"));
    assert!(gate.is_some());
    configs.retain(|name, _| !name.starts_with("ProductionGate"));
    assert_eq!((functions.len(), configs.len()), (5, 3));
    for config in configs.values() {
        assert_eq!(config["MaximumRetryAttempts"], 2);
        assert_eq!(config["MaximumEventAgeInSeconds"], 600);
        assert_eq!(config["Qualifier"], "$LATEST");
        let destination = config.get("DestinationConfig");
        assert!(destination.is_none_or(|none| *none == json!({})));
    }
    for function in functions.values() {
        assert!(function.get("DeadLetterConfig").is_none());
        // No variable on AWS, see the template.
        let address = &function["Environment"]["Variables"]["AWS_ENDPOINT_URL"];
        assert_eq!(*address, json!({"Ref": "AWS::NoValue"}));
    }
    for kind in ["AWS::Lambda::Alias", "AWS::Lambda::Version"] {
        assert!(of_type(&SUITE, kind).is_empty(), "{kind}");
    }
}

#[test]
fn every_parameter_and_output_says_what_it_is() {
    for (name, template, most) in [
        ("template.yaml", &*SUITE, 0),
        ("templates/roles.yaml", &*ROLES, 1),
        ("templates/cluster.yaml", &*CLUSTER, 1),
        ("templates/service.yaml", &*SERVICE, 5),
        ("templates/pipeline.yaml", &*PIPELINE, 4),
    ] {
        let parameters = template["Parameters"].as_object().unwrap();
        let outputs = template["Outputs"].as_object().unwrap();
        for (key, value) in parameters.iter().chain(outputs) {
            let words = value["Description"].as_str().unwrap_or_default();
            assert!(words.len() > 20, "{name}: {key}: {words:?}");
        }
        let asked = parameters
            .values()
            .filter(|parameter| parameter.get("Default").is_none())
            .count();
        assert!(asked <= most, "{name} asks for {asked} parameters");
        for (key, parameter) in parameters {
            let limited = ["AllowedPattern", "AllowedValues", "MinValue", "MinLength"]
                .iter()
                .any(|limit| parameter.get(limit).is_some());
            let told = parameter["ConstraintDescription"]
                .as_str()
                .unwrap_or_default();
            assert!(!limited || told.starts_with("must be "), "{name}: {key}");
        }
        let groups = &template["Metadata"]["AWS::CloudFormation::Interface"]["ParameterGroups"];
        let mut shown: Vec<&str> = groups
            .as_array()
            .unwrap()
            .iter()
            .flat_map(|group| group["Parameters"].as_array().unwrap())
            .map(|parameter| parameter.as_str().unwrap())
            .collect();
        shown.sort_unstable();
        let mut keys: Vec<&str> = parameters.keys().map(String::as_str).collect();
        keys.sort_unstable();
        assert_eq!(shown, keys, "{name}: each in one group");
    }
}

/// CONTRACTS 3.9.1, 3.9.2 and 3.9.5: the longest execution, at the pace of its steps, stays within what Step
/// Functions keeps; nothing travels from step to step; every failure of a step is caught and cleaned up
/// after, and what no Catch sees an event tells.
// rules: 3.9.1 3.9.2 3.9.5
#[test]
fn the_longest_deployment_stays_within_the_limits_of_step_functions() {
    let machine = &SUITE["Resources"]["ProductionStateMachine"]["Properties"];
    let definition = machine
        .get("DefinitionString")
        .unwrap_or(&machine["Definition"]);
    let text = definition.to_string();
    let definition: Value = match definition {
        Value::Object(_) if definition.get("States").is_some() => definition.clone(),
        // The translator writes it as text, in pieces.
        _ => {
            let pieces = find_strings(definition);
            serde_json::from_str(&pieces.concat()).unwrap_or_else(|error| panic!("{error}: {text}"))
        }
    };
    let states = &definition["States"];
    assert_eq!(definition["TimeoutSeconds"], 36 * 3600);
    // A task is entered, scheduled, started, succeeds and is exited; the others are entered and exited.
    let events = |state: &str| match states[state]["Type"].as_str() {
        Some("Task") => 5,
        Some("Choice" | "Wait") => 2,
        other => panic!("{state} is {other:?}"),
    };
    let round: u64 = ["Step", "Next", "Wait"].into_iter().map(events).sum();
    let (mut elapsed, mut rounds) = (0, 0);
    while elapsed < 36 * 3600 {
        elapsed += shared::production::record::pace(elapsed);
        rounds += 1;
    }
    // And a hundred more for what is tried again, and for the clean-up.
    let worst = rounds * round + 100;
    assert!(worst < 25_000, "{worst}");
    // What a step is given is its execution's own, and what it answers is small: 262,144 bytes are far.
    for step in ["Step", "CleanUp"] {
        let payload = &states[step]["Parameters"]["Payload"];
        for (key, value) in payload.as_object().unwrap() {
            let context = value
                .as_str()
                .is_none_or(|path| path.starts_with("$$.Execution."));
            assert!(context, "{step}: {key} {value}");
        }
        assert_eq!(
            states[step]["Retry"][0]["ErrorEquals"],
            json!(["States.ALL"])
        );
    }
    assert_eq!(states["Step"]["Catch"][0]["Next"], "CleanUp");
    let ended = &SUITE["Resources"]["DeploymentEnded"]["Properties"]["EventPattern"]["detail"];
    assert_eq!(ended["status"], json!(["FAILED", "TIMED_OUT", "ABORTED"]));
    // A release's execution is named by its id and its attempt, within 80 letters, digits and hyphens.
    assert!("r-6a44e44d-2d5d-4434-bc07-25d9fda946d2-4294967295".len() <= 80);
}

/// All texts in a value, in their order; what is no text stands for itself.
fn find_strings(value: &Value) -> Vec<String> {
    match value {
        Value::String(text) => vec![text.clone()],
        Value::Array(values) => values.iter().flat_map(find_strings).collect(),
        Value::Object(fields) => {
            let join = fields.get("Fn::Join").and_then(|join| join.get(1));
            join.map_or_else(Vec::new, find_strings)
        }
        _ => Vec::new(),
    }
}

/// What checkov is told to leave out says why, at the resource.
#[test]
fn every_exception_has_its_reason() {
    for template in [&*SUITE, &*ROLES, &*CLUSTER, &*SERVICE, &*PIPELINE] {
        for (name, resource) in template["Resources"].as_object().unwrap() {
            let skips = resource["Metadata"]["checkov"]["skip"].as_array();
            for skip in skips.into_iter().flatten() {
                let reason = skip["comment"].as_str().unwrap_or_default();
                assert!(reason.len() > 40, "{name}: {skip}");
            }
        }
    }
}

/// Every action that a role's policies allow.
pub(crate) fn granted(template: &Value, role: &str) -> BTreeSet<String> {
    let mut actions = BTreeSet::new();
    collect(&mut actions, policies(template, role));
    actions
}

/// The policies of a role that a template makes.
fn policies<'a>(template: &'a Value, role: &str) -> &'a Value {
    &template["Resources"][role]["Properties"]["Policies"]
}

fn collect(actions: &mut BTreeSet<String>, value: &Value) {
    match value {
        Value::Object(fields) => {
            if fields.get("Effect").is_some_and(|effect| effect == "Allow") {
                let one = fields["Action"].as_str().into_iter();
                let several = fields["Action"].as_array().into_iter().flatten();
                actions.extend(
                    one.chain(several.filter_map(Value::as_str))
                        .map(str::to_owned),
                );
            }
            fields.values().for_each(|value| collect(actions, value));
        }
        Value::Array(all) => all.iter().for_each(|value| collect(actions, value)),
        _ => {}
    }
}

/// The statements of a role's policies by their Sid, in whatever condition they stand.
fn statements(value: &Value) -> BTreeMap<String, Value> {
    match value {
        Value::Object(fields) if fields.contains_key("Sid") => {
            let sid = fields["Sid"].as_str().unwrap().to_owned();
            BTreeMap::from([(sid, value.clone())])
        }
        Value::Object(fields) => fields.values().flat_map(statements).collect(),
        Value::Array(all) => all.iter().flat_map(statements).collect(),
        _ => BTreeMap::new(),
    }
}

/// The properties of the only resource of a type.
fn only<'a>(template: &'a Value, kind: &str) -> &'a Value {
    let found = of_type(template, kind);
    assert_eq!(found.len(), 1, "{kind}");
    found.into_values().next().unwrap()
}

fn of_type<'a>(template: &'a Value, kind: &str) -> BTreeMap<&'a str, &'a Value> {
    let resources = template["Resources"].as_object().unwrap().iter();
    resources
        .filter(|(_, resource)| resource["Type"] == kind)
        .map(|(name, resource)| (name.as_str(), &resource["Properties"]))
        .collect()
}

/// A template as CloudFormation gets it.
fn translated(template: &str) -> Value {
    python(&["rehearsal/translate.py", template])
}

/// All actions that AWS has, in all its services, in lower case.
pub(crate) fn actions_of_aws() -> BTreeSet<String> {
    let services: BTreeMap<String, Vec<String>> =
        serde_json::from_value(python(&["rehearsal/actions.py"])).unwrap();
    let all = services.iter().flat_map(|(service, actions)| {
        let named = move |action| format!("{service}:{action}");
        actions.iter().map(named)
    });
    let all: BTreeSet<String> = all.collect();
    assert!(all.len() > 10_000, "{} actions", all.len());
    all
}

/// What a script of the rehearsal answers in JSON.
pub(crate) fn python(arguments: &[&str]) -> Value {
    let tools = Tools::install(&|_| {}).unwrap();
    let output = Command::new(tools.python())
        .args(arguments)
        .current_dir(workspace::root())
        .output()
        .unwrap();
    assert!(
        output.status.success(),
        "{}",
        String::from_utf8_lossy(&output.stderr)
    );
    serde_json::from_slice(&output.stdout).unwrap()
}
