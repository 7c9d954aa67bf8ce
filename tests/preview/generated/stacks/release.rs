//! Stacks of all kinds, and releases that change any part of them.

use proptest::option;
use proptest::prelude::*;
use proptest::sample::{select, subsequence};
use serde_json::{Value, json};

/// What is in a stack besides its service.
#[derive(Debug, Clone)]
pub(super) struct Shape {
    /// A log group: the end of its name, which replaces it, and its retention.
    logs: Option<(&'static str, u32)>,
    /// An SSM parameter, and whether its value is that of the stack's parameter `Extra`.
    note: Option<(String, bool)>,
    /// A variable of the container.
    level: &'static str,
    /// Whether the stack has a parameter `Extra`, and its default.
    extra: Option<&'static str>,
    /// Text that says nothing to CloudFormation.
    description: &'static str,
}

/// What is released.
#[derive(Debug, Clone)]
pub(super) struct Release {
    /// What the stack is made with.
    pub(super) before: Shape,
    /// Tags that it is made with.
    pub(super) tags_before: Vec<&'static str>,
    /// None keeps the template.
    pub(super) after: Option<Shape>,
    /// Whether there is another image.
    pub(super) image: bool,
    /// Values that are given; `Extra` is given only when the template has it.
    pub(super) cpu: Option<&'static str>,
    extra: Option<&'static str>,
    /// A value of the NoEcho parameter: what was there before is not known then.
    pub(super) token: bool,
    /// None keeps the tags.
    pub(super) tags: Option<Vec<&'static str>>,
    /// Whether the stack is made by the release.
    pub(super) new: bool,
    /// Whether parameters and tags stand in a file.
    pub(super) file: bool,
}

/// Any release of a stack, one in six of which brings nothing.
pub(super) fn release() -> impl Strategy<Value = Release> {
    let after = prop_oneof![
        2 => Just(After::Kept), 1 => Just(After::Same), 5 => shape().prop_map(After::Another),
    ];
    let parameters = (
        option::weighted(0.3, select(vec!["256", "512"])),
        option::weighted(0.4, select(vec!["one", "two"])),
        prop::bool::weighted(0.15),
    );
    let tags = || subsequence(vec!["team=web", "stage=test", "odd=<b> & \"c\""], 0..=2);
    let nothing = prop::bool::weighted(0.16);
    let ways = (nothing, prop::bool::weighted(0.12), any::<bool>());
    (
        shape(),
        after,
        any::<bool>(),
        parameters,
        (tags(), option::of(tags())),
        ways,
    )
        .prop_map(
            |(
                before,
                after,
                image,
                (cpu, extra, token),
                (tags_before, tags),
                (nothing, new, file),
            )| {
                let after = match after {
                    After::Kept => None,
                    After::Same => Some(before.clone()),
                    After::Another(shape) => Some(shape),
                };
                let full = Release {
                    before,
                    tags_before,
                    after,
                    image,
                    cpu,
                    extra,
                    token,
                    tags,
                    new,
                    file,
                };
                if nothing && !new {
                    full.without_a_change()
                } else {
                    full
                }
            },
        )
}

#[derive(Debug, Clone)]
enum After {
    Kept,
    Same,
    Another(Shape),
}

fn shape() -> impl Strategy<Value = Shape> {
    let text = prop_oneof![3 => "[a-z]{1,9}", 1 => Just("<b> & \"c\"".to_owned())];
    (
        option::of((select(vec!["a", "b"]), select(vec![1, 3, 5]))),
        option::of((text, any::<bool>())),
        select(vec!["info", "debug"]),
        option::of(select(vec!["one", "other"])),
        select(vec!["A service", "Ein größerer Dienst"]),
    )
        .prop_map(|(logs, note, level, extra, description)| Shape {
            logs,
            note,
            level,
            extra,
            description,
        })
}

impl Release {
    /// The same stack, of which nothing changes.
    fn without_a_change(self) -> Self {
        let after = self.after.map(|_| self.before.clone());
        let tags = self.tags.map(|_| self.tags_before.clone());
        let (cpu, extra, token, image) = (Some("256"), None, false, false);
        Self {
            after,
            tags,
            cpu,
            extra,
            token,
            image,
            ..self
        }
    }

    /// The template that is released; none keeps the one that is there.
    pub(super) fn template(&self) -> Option<&Shape> {
        self.after
            .as_ref()
            .or_else(|| self.new.then_some(&self.before))
    }

    /// Parameters that are given, for a stack of this name.
    pub(super) fn parameters(&self, stack: &str) -> Value {
        let mut given = json!({});
        let declares = self.template().unwrap_or(&self.before).extra.is_some();
        let values = [
            ("Name", self.new.then_some(stack)),
            ("Cpu", self.cpu),
            ("Extra", self.extra.filter(|_| declares)),
            ("Token", self.token.then_some("another secret")),
        ];
        for (key, value) in values {
            if let Some(value) = value {
                given[key] = json!(value);
            }
        }
        given
    }
}

impl Shape {
    /// The template, for a stack of this name.
    pub(super) fn template(&self, stack: &str) -> String {
        let text = |default: Value| {
            let mut parameter = json!({"Type": "String"});
            if !default.is_null() {
                parameter["Default"] = default;
            }
            parameter
        };
        let mut parameters = json!({
            "Name": text(Value::Null), "Image": text(Value::Null), "Cpu": text(json!("256")),
            "Token": {"Type": "String", "NoEcho": true, "Default": "none"},
        });
        if let Some(default) = self.extra {
            parameters["Extra"] = text(json!(default));
        }
        let mut resources = json!({
            "TaskDefinition": self.task_definition(),
            "Service": {"Type": "AWS::ECS::Service", "Properties": {
                "ServiceName": {"Ref": "Name"}, "Cluster": "test", "DesiredCount": 1,
                "TaskDefinition": {"Ref": "TaskDefinition"}, "LaunchType": "FARGATE",
                "NetworkConfiguration": {"AwsvpcConfiguration": {"Subnets": ["subnet-1"]}},
            }},
        });
        if let Some((name, days)) = self.logs {
            resources["Logs"] = json!({"Type": "AWS::Logs::LogGroup", "Properties": {
                "LogGroupName": format!("/ecs/{stack}/{name}"), "RetentionInDays": days,
            }});
        }
        if let Some((note, from_extra)) = &self.note {
            let value = match self.extra {
                Some(_) if *from_extra => json!({"Ref": "Extra"}),
                _ => json!(note),
            };
            resources["Note"] = json!({"Type": "AWS::SSM::Parameter", "Properties": {
                "Name": format!("/notes/{stack}"), "Type": "String", "Value": value,
            }});
        }
        let template = json!({
            "Description": self.description, "Parameters": parameters, "Resources": resources,
        });
        serde_json::to_string_pretty(&template).unwrap()
    }

    fn task_definition(&self) -> Value {
        json!({"Type": "AWS::ECS::TaskDefinition", "Properties": {
            "Family": {"Ref": "Name"}, "Cpu": {"Ref": "Cpu"}, "Memory": "1024",
            "NetworkMode": "awsvpc", "RequiresCompatibilities": ["FARGATE"],
            "ContainerDefinitions": [{
                "Name": {"Ref": "Name"}, "Image": {"Ref": "Image"}, "Essential": true,
                "Environment": [
                    {"Name": "LEVEL", "Value": self.level},
                    {"Name": "TOKEN", "Value": {"Ref": "Token"}},
                ],
            }],
        }})
    }
}
