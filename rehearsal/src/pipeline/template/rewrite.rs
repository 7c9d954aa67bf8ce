//! A template as the emulator takes it: pipelines become parameters that hold their resolved
//! properties, and what the emulator does not know is taken out, with names in the place of its
//! values. Pure.

mod places;

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

use serde_json::{Map, Value, json};

use places::Places;

/// The type of the resources that are rehearsed.
const PIPELINE: &str = "AWS::CodePipeline::Pipeline";
/// What builds; the emulator deploys it, and does not remember all of it.
const PROJECT: &str = "AWS::CodeBuild::Project";
/// What `Fn::ToJsonString` needs.
const EXTENSIONS: &str = "AWS::LanguageExtensions";
/// What makes `AWS::Serverless::…` known.
const SERVERLESS: &str = "AWS::Serverless-2016-10-31";
/// A template for the emulator.
#[derive(Debug, PartialEq)]
pub(super) struct Rewritten {
    /// The template itself.
    pub(super) template: Value,
    /// Logical ids of CodeBuild projects → of the parameters that hold their properties.
    pub(super) projects: BTreeMap<String, String>,
    /// What is not deployed: logical id and type.
    pub(super) left_out: Vec<(String, String)>,
}

/// Logical ids of the template's pipelines.
pub(super) fn pipelines(template: &Value) -> Vec<String> {
    let resources = template["Resources"].as_object().into_iter().flatten();
    let pipelines = resources.filter(|(_, resource)| resource["Type"] == PIPELINE);
    pipelines.map(|(logical, _)| logical.clone()).collect()
}

/// Rewrites a template. `known` are the types that the emulator has, `unwanted` logical ids of what
/// is to be left out besides, `folder` is where the template lies.
pub(super) fn rewrite(
    template: &Value,
    known: &BTreeSet<String>,
    unwanted: &[String],
    folder: &Path,
) -> Rewritten {
    let transforms = transforms(template);
    let serverless = transforms.iter().any(|name| name == SERVERLESS);
    let is_known = |kind: &str| {
        known.contains(kind)
            || kind.starts_with("Custom::")
            || (serverless && kind.starts_with("AWS::Serverless::"))
    };
    let mut resources = Map::new();
    let mut projects = BTreeMap::new();
    let mut gone = BTreeMap::new();
    let mut pipelines = BTreeSet::new();
    for (logical, resource) in template["Resources"].as_object().into_iter().flatten() {
        let kind = resource["Type"].as_str().unwrap_or_default();
        if kind == PIPELINE && !unwanted.contains(logical) {
            pipelines.insert(logical.clone());
            resources.insert(logical.clone(), pipeline(logical, resource));
        } else if !is_known(kind) || unwanted.contains(logical) {
            gone.insert(logical.clone(), kind.to_owned());
        } else {
            if kind == PROJECT {
                let holder = format!("{logical}Rehearsed");
                let properties = resource["Properties"].clone();
                resources.insert(holder.clone(), parameter(resource, None, &properties));
                projects.insert(logical.clone(), holder);
            }
            resources.insert(logical.clone(), resource.clone());
        }
    }
    let mut rewritten = template.clone();
    rewritten["Resources"] = resources.into();
    let mut all = vec![EXTENSIONS.to_owned()];
    all.extend(transforms.into_iter().filter(|name| name != EXTENSIONS));
    rewritten["Transform"] = all.into();
    let places = Places {
        gone: &gone,
        pipelines: &pipelines,
        folder,
    };
    places.fill(&mut rewritten);
    Rewritten {
        template: rewritten,
        projects,
        left_out: gone.into_iter().collect(),
    }
}

fn transforms(template: &Value) -> Vec<String> {
    let names = match &template["Transform"] {
        Value::Array(names) => names.iter().filter_map(Value::as_str).collect(),
        other => other.as_str().into_iter().collect::<Vec<_>>(),
    };
    names.into_iter().map(str::to_owned).collect()
}

/// A pipeline as a parameter of the same name, so that `Ref` gives what it gives on AWS.
fn pipeline(logical: &str, resource: &Value) -> Value {
    let mut properties = resource["Properties"].clone();
    if properties["Name"].is_null() {
        properties["Name"] = json!({ "Fn::Sub": format!("${{AWS::StackName}}-{logical}") });
    }
    let name = properties["Name"].clone();
    parameter(resource, Some(name), &properties)
}

/// A parameter that holds the properties of `resource`, made under the same condition.
fn parameter(resource: &Value, name: Option<Value>, properties: &Value) -> Value {
    let value = json!({ "Fn::ToJsonString": properties });
    let mut made = json!({
        "Type": "AWS::SSM::Parameter",
        "Properties": { "Type": "String", "Value": value },
    });
    if let Some(name) = name {
        made["Properties"]["Name"] = name;
    }
    for key in ["Condition", "DependsOn"] {
        if !resource[key].is_null() {
            made[key] = resource[key].clone();
        }
    }
    made
}

#[cfg(test)]
mod tests {
    use super::*;

    fn known() -> BTreeSet<String> {
        ["AWS::IAM::Role", PROJECT].map(str::to_owned).into()
    }

    fn rewritten(template: Value) -> Rewritten {
        rewrite(&template, &known(), &[], Path::new("/nowhere"))
    }

    #[test]
    fn a_pipeline_becomes_a_parameter_of_its_name() {
        let properties = json!({ "Name": { "Ref": "Name" }, "Stages": [] });
        let template = json!({
            "Transform": SERVERLESS,
            "Resources": { "Pipeline": {
                "Type": PIPELINE, "Condition": "Here", "Properties": properties
            } },
            "Outputs": { "Name": { "Value": { "Ref": "Pipeline" } } },
        });
        assert_eq!(pipelines(&template), ["Pipeline"]);
        let expected = json!({
            "Transform": [EXTENSIONS, SERVERLESS],
            "Resources": { "Pipeline": {
                "Type": "AWS::SSM::Parameter",
                "Condition": "Here",
                "Properties": {
                    "Type": "String",
                    "Name": { "Ref": "Name" },
                    "Value": { "Fn::ToJsonString": properties },
                },
            } },
            "Outputs": { "Name": { "Value": { "Ref": "Pipeline" } } },
        });
        assert_eq!(rewritten(template).template, expected);
    }

    #[test]
    fn a_pipeline_without_a_name_gets_one() {
        let template = json!({ "Resources": { "Orders": { "Type": PIPELINE, "Properties": {} } } });
        let made = &rewritten(template).template["Resources"]["Orders"]["Properties"];
        let name = json!({ "Fn::Sub": "${AWS::StackName}-Orders" });
        assert_eq!(made["Name"], name);
        assert_eq!(made["Value"]["Fn::ToJsonString"]["Name"], name);
    }

    #[test]
    fn a_project_stays_and_its_properties_are_kept_beside_it() {
        let project = json!({ "Type": PROJECT, "Properties": { "Name": "build" } });
        let rewritten = rewritten(json!({ "Resources": { "Build": project } }));
        assert_eq!(rewritten.projects["Build"], "BuildRehearsed");
        let resources = &rewritten.template["Resources"];
        assert_eq!(resources["Build"], project);
        let value = &resources["BuildRehearsed"]["Properties"]["Value"];
        assert_eq!(*value, json!({ "Fn::ToJsonString": { "Name": "build" } }));
    }

    #[test]
    fn what_the_emulator_lacks_is_named_in_the_place_of_its_values() {
        let template = json!({ "Resources": {
            "Hook": { "Type": "AWS::CodePipeline::Webhook" },
            "Github": { "Type": "AWS::CodeStarConnections::Connection" },
            "Role": {
                "Type": "AWS::IAM::Role",
                "DependsOn": ["Hook"],
                "Properties": {
                    "A": { "Ref": "Github" },
                    "B": { "Fn::GetAtt": ["Hook", "Url"] },
                    "C": { "Fn::Sub": "x ${Hook.Url} ${Role.Arn} ${!Hook} ${Hook}" },
                    "D": { "Fn::Sub": ["${Hook}", { "Hook": "own" }] },
                },
            },
        } });
        let rewritten = rewritten(template);
        let role = &rewritten.template["Resources"]["Role"];
        assert!(role.get("DependsOn").is_none(), "{role}");
        let connection = "arn:${AWS::Partition}:codestarconnections:${AWS::Region}:${AWS::AccountId}:not-deployed/Github";
        let expected = json!({
            "A": { "Fn::Sub": connection },
            "B": { "Fn::Sub": "not-deployed-Hook-Url" },
            "C": { "Fn::Sub": "x not-deployed-Hook-Url ${Role.Arn} ${!Hook} not-deployed-Hook" },
            "D": { "Fn::Sub": ["${Hook}", { "Hook": "own" }] },
        });
        assert_eq!(role["Properties"], expected);
        let names: Vec<&str> = rewritten.left_out.iter().map(|(name, _)| &**name).collect();
        assert_eq!(names, ["Github", "Hook"]);
    }

    #[test]
    fn what_is_unwanted_is_left_out() {
        let template = json!({ "Resources": { "Role": { "Type": "AWS::IAM::Role" } } });
        let unwanted = ["Role".to_owned()];
        let rewritten = rewrite(&template, &known(), &unwanted, Path::new("/"));
        assert_eq!(rewritten.template["Resources"], json!({}));
        assert_eq!(rewritten.left_out.len(), 1);
    }
}
