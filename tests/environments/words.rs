//! What has one name in several templates is one thing: its type, what it may be, and what is said of it.

use std::collections::BTreeMap;

use rehearsal::pipeline::read_template;
use rehearsal::workspace;
use serde_json::Value;

/// All templates of an environment.
const TEMPLATES: [&str; 13] = [
    "examples/api.yaml",
    "examples/backup.yaml",
    "examples/network.yaml",
    "examples/observe.yaml",
    "templates/balancer.yaml",
    "templates/boundary.yaml",
    "templates/cluster.yaml",
    "templates/files.yaml",
    "templates/pipeline.yaml",
    "templates/restart.yaml",
    "templates/roles.yaml",
    "templates/scaling.yaml",
    "templates/service.yaml",
];

/// Whose descriptions differ, and why.
const DIFFER: [(&str, &str); 17] = [
    (
        "AlarmTopicArn",
        "alarms of a service make its release go back before they tell; a restart tells by itself",
    ),
    ("ClusterName", "one template makes the cluster"),
    ("ErrorsPerMinute", "a release goes back, or an alarm rings"),
    ("FileSystemId", "one template makes the file system"),
    ("KeyArn", "what is encrypted, and with what without it"),
    (
        "ListenerArn",
        "a rule is added to it, or an API leads to it",
    ),
    (
        "LoadBalancerArn",
        "what is counted there, and what becomes of it",
    ),
    ("LogRetentionDays", "whose logs they are"),
    (
        "PermissionsBoundaryArn",
        "of roles made here, or of those that a role may make",
    ),
    (
        "ReleasesBucketName",
        "where it is brought to, or nobody comes",
    ),
    ("RepositoryArns", "read by ECS, or by who resolves tags"),
    ("RepositoryName", "one template makes the repository"),
    ("ServiceName", "what is called after it"),
    ("Strategy", "one template says what each of them is"),
    ("SubnetIds", "of tasks, of mount targets, of a VPC link"),
    (
        "TargetGroupArn",
        "tasks are registered there, or requests are counted",
    ),
    ("VpcId", "in front of an API are no tasks"),
];

/// What is said of a parameter. Whether it may be left empty differs.
struct Said {
    description: String,
    /// Label and constraint.
    words: [String; 2],
    /// What CloudFormation checks.
    limits: Value,
}

impl Said {
    fn new(template: &Value, name: &str) -> Self {
        let parameter = &template["Parameters"][name];
        let mut limits = parameter.as_object().unwrap().clone();
        limits.remove("Default");
        let mut word = |key: &str| {
            let word = limits.remove(key).unwrap_or_default();
            word.as_str().unwrap_or_default().to_owned()
        };
        let description = word("Description");
        let constraint = word("ConstraintDescription").replace(", or empty", "");
        let pattern = word("AllowedPattern");
        let filled = pattern
            .strip_prefix("^(")
            .and_then(|rest| rest.strip_suffix(")?$"));
        let pattern = filled.map_or(pattern.clone(), |filled| format!("^{filled}$"));
        limits.insert("AllowedPattern".to_owned(), pattern.into());
        let labels = &template["Metadata"]["AWS::CloudFormation::Interface"]["ParameterLabels"];
        let label = labels[name]["default"].as_str().unwrap_or_default();
        Self {
            description,
            words: [
                label.to_owned(),
                constraint.trim_end_matches('.').to_owned(),
            ],
            limits: limits.into(),
        }
    }
}

#[test]
fn one_name_is_one_thing_in_all_templates() {
    let mut all: BTreeMap<String, Vec<(&str, Said)>> = BTreeMap::new();
    for template in TEMPLATES {
        let read = read_template(&workspace::root().join(template)).unwrap();
        for name in read["Parameters"].as_object().unwrap().keys() {
            let said = Said::new(&read, name);
            all.entry(name.clone()).or_default().push((template, said));
        }
    }
    let mut differ = Vec::new();
    for (name, templates) in &all {
        let [(first, said), others @ ..] = templates.as_slice() else {
            continue;
        };
        for (template, other) in others {
            let both = format!("{name} of {first} and {template}");
            assert_eq!(said.limits, other.limits, "{both}");
            assert_eq!(said.words, other.words, "{both}");
        }
        let same = |(_, other): &(&str, Said)| other.description == said.description;
        if !others.iter().all(same) {
            differ.push(&**name);
        }
    }
    for (name, why) in DIFFER {
        eprintln!("descriptions differ: {name}: {why}");
    }
    assert_eq!(differ, DIFFER.map(|(name, _)| name));
}
