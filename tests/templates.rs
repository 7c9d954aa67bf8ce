//! The templates say what they should: least privilege, trust, delivery, words for people.
//!
//! What no emulator enforces is looked up in the templates as CloudFormation gets them.

mod services;
mod stacks;

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::Path;
use std::process::Command;
use std::sync::LazyLock;

use rehearsal::tools::Tools;
use rehearsal::workspace;
use serde_json::{Value, json};

/// Actions that no call of ours names, and why they are granted.
const IMPLIED: [(&str, &str); 6] = [
    (
        "ecs:TagResource",
        "RegisterTaskDefinition with tags asks for it",
    ),
    (
        "iam:PassRole",
        "RegisterTaskDefinition, UpdateService, RunTask and CreateChangeSet ask for it, once a role \
         is named",
    ),
    (
        "logs:CreateLogStream",
        "Lambda writes the function's log in the function's name",
    ),
    ("logs:PutLogEvents", "as above"),
    (
        "xray:PutTelemetryRecords",
        "Lambda sends the function's traces in its name",
    ),
    ("xray:PutTraceSegments", "as above"),
];

/// Calls that need no statement of ours, and why.
const UNGRANTED: [(&str, &str); 1] = [("sts:GetCallerIdentity", "allowed to everybody")];

/// What only the function's own role does; the rest is done in the account of the services, too.
const OWN_ONLY: [&str; 4] = [
    "codepipeline:",
    "logs:CreateLogStream",
    "logs:PutLogEvents",
    "xray:",
];

pub(crate) static SUITE: LazyLock<Value> = LazyLock::new(|| translated("template.yaml"));
static ROLES: LazyLock<Value> = LazyLock::new(|| translated("templates/roles.yaml"));
static CLUSTER: LazyLock<Value> = LazyLock::new(|| translated("templates/cluster.yaml"));
static SERVICE: LazyLock<Value> = LazyLock::new(|| translated("templates/service.yaml"));

// rules: 3.1.10
#[test]
fn every_action_is_needed_and_every_call_is_granted() {
    let calls = calls();
    assert!(
        calls.len() > 10,
        "the calls are found where they are made: {calls:?}"
    );
    let implied = IMPLIED.iter().map(|(action, _)| (*action).to_owned());
    let ungranted: BTreeSet<&str> = UNGRANTED.iter().map(|(action, _)| *action).collect();
    let needed: BTreeSet<String> = calls
        .into_iter()
        .filter(|call| !ungranted.contains(call.as_str()))
        .chain(implied)
        .collect();
    let own_role = granted(&SUITE, "TaskDefinitionUpdaterRole");
    assert_eq!(own_role, needed, "template.yaml");

    let own = |action: &String| {
        action == "sts:AssumeRole" || OWN_ONLY.iter().any(|prefix| action.starts_with(prefix))
    };
    let there: BTreeSet<String> = needed.into_iter().filter(|action| !own(action)).collect();
    let target_role = granted(&ROLES, "RolloutRole");
    assert_eq!(target_role, there, "templates/roles.yaml");
}

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
#[test]
fn the_target_role_trusts_a_name_and_not_a_role() {
    let role = &ROLES["Resources"]["RolloutRole"]["Properties"];
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
        json!({"sts:ExternalId": {"Ref": "ExternalId"}})
    );
    let trusted = conditions["ArnLike"]["aws:PrincipalArn"]
        .as_array()
        .unwrap();
    let name = &SUITE["Resources"]["TaskDefinitionUpdaterRole"]["Properties"]["RoleName"];
    let name = name.as_str().unwrap();
    for arn in trusted {
        let arn = arn["Fn::Sub"].as_str().unwrap();
        let mut parts = arn.split('/');
        assert_eq!(parts.nth(1), Some(name), "{arn}");
        assert!(arn.contains("::${ToolingAccountId}:"), "{arn}");
    }
    let function_trust =
        &SUITE["Resources"]["TaskDefinitionUpdaterRole"]["Properties"]["AssumeRolePolicyDocument"];
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
    let config = only(&SUITE, "AWS::Lambda::EventInvokeConfig");
    assert_eq!(config["MaximumRetryAttempts"], 2);
    assert_eq!(config["MaximumEventAgeInSeconds"], 600);
    assert_eq!(config["Qualifier"], "$LATEST");
    assert!(
        config
            .get("DestinationConfig")
            .is_none_or(|none| *none == json!({}))
    );
    let function = only(&SUITE, "AWS::Lambda::Function");
    assert!(function.get("DeadLetterConfig").is_none());
    for kind in ["AWS::Lambda::Alias", "AWS::Lambda::Version"] {
        assert!(of_type(&SUITE, kind).is_empty(), "{kind}");
    }
    // No variable on AWS, see the template.
    let variables = &function["Environment"]["Variables"];
    assert_eq!(
        variables["AWS_ENDPOINT_URL"],
        json!({"Ref": "AWS::NoValue"})
    );
}

#[test]
fn every_parameter_and_output_says_what_it_is() {
    for (name, template, most) in [
        ("template.yaml", &*SUITE, 0),
        ("templates/roles.yaml", &*ROLES, 3),
        ("templates/cluster.yaml", &*CLUSTER, 1),
        ("templates/service.yaml", &*SERVICE, 5),
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

/// What checkov is told to leave out says why, at the resource.
#[test]
fn every_exception_has_its_reason() {
    for template in [&*SUITE, &*ROLES, &*CLUSTER, &*SERVICE] {
        for (name, resource) in template["Resources"].as_object().unwrap() {
            let skips = resource["Metadata"]["checkov"]["skip"].as_array();
            for skip in skips.into_iter().flatten() {
                let reason = skip["comment"].as_str().unwrap_or_default();
                assert!(reason.len() > 40, "{name}: {skip}");
            }
        }
    }
}

/// The operations that the crate `aws` names beside each call, such as `ecs:UpdateService`.
fn calls() -> BTreeSet<String> {
    let mut calls = BTreeSet::new();
    for path in sources(&workspace::root().join("aws/src")) {
        let text = fs::read_to_string(&path).unwrap();
        let code = text.split("#[cfg(test)]").next().unwrap();
        calls.extend(
            code.split('"')
                .filter(|text| is_action(text))
                .map(str::to_owned),
        );
    }
    calls
}

fn sources(dir: &Path) -> Vec<std::path::PathBuf> {
    let entries = fs::read_dir(dir)
        .unwrap()
        .map(|entry| entry.unwrap().path());
    entries
        .flat_map(|path| {
            if path.is_dir() {
                sources(&path)
            } else {
                vec![path]
            }
        })
        .collect()
}

fn is_action(text: &str) -> bool {
    text.split_once(':').is_some_and(|(service, operation)| {
        !service.is_empty()
            && service
                .bytes()
                .all(|byte| byte.is_ascii_lowercase() || byte.is_ascii_digit())
            && operation.starts_with(|first: char| first.is_ascii_uppercase())
            && operation.bytes().all(|byte| byte.is_ascii_alphanumeric())
    })
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
