//! What is wrong with a definition that can be read.

use std::collections::{BTreeMap, BTreeSet};

use super::{Action, Definition, Kind, Mode};
use crate::pipeline::variables::{is_name, references};

/// Categories of actions.
const CATEGORIES: [&str; 7] = [
    "Source", "Build", "Test", "Deploy", "Approval", "Invoke", "Compute",
];
/// Namespaces that CodePipeline fills itself.
const RESERVED: [&str; 2] = ["codepipeline", "variables"];
/// Characters of one value of a configuration (CONTRACTS 3.1.6, 3.2.16).
const VALUE: usize = 1000;
/// What a Lambda or an S3 action cannot do without.
const NEEDED: [(Kind, &str, &[&str]); 3] = [
    (Kind::Invoke, "Lambda", &["FunctionName"]),
    (Kind::Build, "CodeBuild", &["ProjectName"]),
    (Kind::Source, "S3", &["S3Bucket", "S3ObjectKey"]),
];

/// Every rule that the definition breaks.
pub(super) fn everything(definition: &Definition) -> Vec<String> {
    let mut check = Check {
        wrong: Vec::new(),
        made: BTreeSet::new(),
        namespaces: BTreeSet::new(),
    };
    check.whole(definition);
    check.names(definition);
    for (index, stage) in definition.stages.iter().enumerate() {
        let mut actions: Vec<&Action> = stage.actions.iter().collect();
        actions.sort_by_key(|action| action.run_order);
        for group in actions.chunk_by(|one, other| one.run_order == other.run_order) {
            for action in group {
                let at = format!("{}/{}", stage.name, action.name);
                check.action(definition, action, &at, index);
            }
            // Actions side by side do not see what the others make.
            for action in group {
                check.made.extend(action.outputs.iter().cloned());
                check.namespaces.extend(action.namespace.clone());
            }
        }
    }
    check.wrong
}

/// How many input and output artifacts an action has at least and at most, as the user guide's table
/// of action types says; what is not in it may have as many as any.
fn bounds(action: &Action) -> ((usize, usize), (usize, usize)) {
    let kind = (action.category.as_str(), action.provider.as_str());
    match (kind, action.owner.as_str()) {
        (("Source", _), _) => ((0, 0), (1, 1)),
        (("Approval", _), _) => ((0, 0), (0, 0)),
        (("Build" | "Test", "CodeBuild"), "AWS") => ((1, 5), (0, 5)),
        (("Test", "DeviceFarm"), "AWS") => ((1, 1), (0, 0)),
        (("Deploy", "CloudFormation"), "AWS") => ((0, 10), (0, 1)),
        (
            (
                "Deploy",
                "S3" | "CodeDeploy" | "ElasticBeanstalk" | "OpsWorks" | "ECS" | "ServiceCatalog",
            ),
            "AWS",
        ) => ((1, 1), (0, 0)),
        (("Deploy", "AlexaSkillsKit"), "ThirdParty") => ((1, 2), (0, 0)),
        (("Invoke", "Lambda"), "AWS") | (_, "Custom") => ((0, 5), (0, 5)),
        _ => ((0, 10), (0, 10)),
    }
}

struct Check {
    wrong: Vec<String>,
    /// Artifacts of actions that have ended.
    made: BTreeSet<String>,
    /// Namespaces of actions that have ended.
    namespaces: BTreeSet<String>,
}

impl Check {
    fn note(&mut self, wrong: String) {
        self.wrong.push(wrong);
    }

    fn whole(&mut self, definition: &Definition) {
        if definition.stages.len() < 2 {
            let count = definition.stages.len();
            self.note(format!(
                "the pipeline has {count} stages: CodePipeline wants two or more"
            ));
        }
        let kind = definition.declaration["pipelineType"].as_str();
        if definition.mode != Mode::Superseded && kind == Some("V1") {
            let mode = definition.mode.name();
            self.note(format!(
                "ExecutionMode {mode} needs PipelineType V2, not V1"
            ));
        }
        if definition.stores.is_empty() {
            self.note(
                "the pipeline has no artifact store: write ArtifactStore or ArtifactStores"
                    .to_owned(),
            );
        }
        let declared = |name: &str| !definition.declaration[name].is_null();
        if declared("artifactStore") && declared("artifactStores") {
            self.note(
                "the pipeline has both ArtifactStore and ArtifactStores: write one of them"
                    .to_owned(),
            );
        }
        for stage in &definition.stages {
            if stage.actions.is_empty() {
                self.note(format!("the stage {} has no actions", stage.name));
            }
        }
    }

    /// Names that must be unique, and what they may be made of.
    fn names(&mut self, definition: &Definition) {
        let stages = definition.stages.iter();
        self.twice(
            "stages",
            "the pipeline",
            stages.clone().map(|stage| stage.name.as_str()),
        );
        for stage in stages {
            let actions = stage.actions.iter().map(|action| action.name.as_str());
            self.twice("actions", &format!("the stage {}", stage.name), actions);
        }
        let all: Vec<&Action> = definition.actions().map(|(_, action)| action).collect();
        let artifacts = all
            .iter()
            .flat_map(|action| action.outputs.iter().map(String::as_str));
        self.twice("output artifacts", "the pipeline", artifacts);
        let namespaces = all.iter().filter_map(|action| action.namespace.as_deref());
        self.twice("namespaces", "the pipeline", namespaces.clone());
        let variables = definition
            .variables
            .iter()
            .map(|variable| variable.name.as_str());
        self.twice("variables", "the pipeline", variables.clone());
        for name in namespaces.clone().filter(|name| RESERVED.contains(name)) {
            self.note(format!(
                "the namespace {name} is CodePipeline's own: choose another name"
            ));
        }
        for name in namespaces.chain(variables).filter(|name| !is_name(name)) {
            self.note(format!(
                "{name:?} is no name: letters, digits, @, - and _ are allowed"
            ));
        }
    }

    fn twice<'a>(&mut self, what: &str, of: &str, names: impl Iterator<Item = &'a str>) {
        let mut count: BTreeMap<&str, usize> = BTreeMap::new();
        for name in names {
            *count.entry(name).or_default() += 1;
        }
        for (name, count) in count.into_iter().filter(|(_, count)| *count > 1) {
            self.note(format!(
                "{of} has {count} {what} with the name {name}: names are unique there"
            ));
        }
    }

    fn action(&mut self, definition: &Definition, action: &Action, at: &str, stage: usize) {
        if !CATEGORIES.contains(&action.category.as_str()) {
            let known = CATEGORIES.join(", ");
            self.note(format!(
                "{at}: the category {} is not known: write one of {known}",
                action.category
            ));
        }
        let source = action.kind() == Kind::Source;
        if source != (stage == 0) {
            let rule = "the first stage has source actions, and only it, and nothing else";
            self.note(format!("{at} is a {} action: {rule}", action.category));
        }
        if !(1..=999).contains(&action.run_order) {
            self.note(format!(
                "{at}: RunOrder is {}: write 1 to 999",
                action.run_order
            ));
        }
        let region = action.region.as_deref();
        if let Some(region) = region.filter(|region| !definition.stores.contains_key(*region)) {
            self.note(format!("{at} runs in {region}, where the pipeline has no artifact store: add one to ArtifactStores"));
        }
        self.artifacts(action, at);
        self.timeout(action, at);
        for (kind, provider, keys) in NEEDED {
            let lacks = |key: &&&str| !action.configuration.contains_key(**key);
            if action.kind() == kind && action.provider == provider {
                for key in keys.iter().filter(lacks) {
                    self.note(format!("{at}: Configuration has no {key}"));
                }
            }
        }
        for (key, value) in &action.configuration {
            self.value(definition, &format!("{at}: Configuration.{key}"), value);
        }
    }

    fn artifacts(&mut self, action: &Action, at: &str) {
        let (inputs, outputs) = bounds(action);
        for (count, what, (least, most)) in [
            (action.inputs.len(), "input", inputs),
            (action.outputs.len(), "output", outputs),
        ] {
            if !(least..=most).contains(&count) {
                let (category, provider) = (&action.category, &action.provider);
                let right = if least == most {
                    most.to_string()
                } else {
                    format!("{least} to {most}")
                };
                self.note(format!(
                    "{at} has {count} {what} artifacts: {category} by {provider} has {right}"
                ));
            }
        }
        for input in &action.inputs {
            if !self.made.contains(input) {
                let known: Vec<&str> = self.made.iter().map(String::as_str).collect();
                let known = if known.is_empty() {
                    "none".to_owned()
                } else {
                    known.join(", ")
                };
                self.note(format!(
                    "{at}: no earlier action makes the input artifact {input}; there are {known}"
                ));
            }
        }
    }

    fn timeout(&mut self, action: &Action, at: &str) {
        let Some(minutes) = action.timeout_minutes else {
            return;
        };
        if action.kind() != Kind::Approval {
            self.note(format!("{at}: only approvals have a TimeoutInMinutes"));
        } else if !(5..=86_400).contains(&minutes) {
            self.note(format!(
                "{at}: TimeoutInMinutes is {minutes}: write 5 to 86400"
            ));
        }
    }

    fn value(&mut self, definition: &Definition, at: &str, value: &str) {
        // AWS counts as Java does: a character beyond the basic plane is two.
        let length = value.encode_utf16().count();
        if length > VALUE || length == 0 {
            self.note(format!(
                "{at} has {length} characters: 1 to {VALUE} are allowed"
            ));
        }
        for (namespace, key) in references(value) {
            let shown = format!("{at} refers to #{{{namespace}.{key}}}");
            match namespace {
                "codepipeline" if key == "PipelineExecutionId" => {}
                "codepipeline" => {
                    self.note(format!(
                        "{shown}: CodePipeline itself has PipelineExecutionId only"
                    ));
                }
                "variables" => {
                    if !definition
                        .variables
                        .iter()
                        .any(|variable| variable.name == key)
                    {
                        self.note(format!("{shown}: the pipeline has no variable {key}"));
                    }
                }
                _ if self.namespaces.contains(namespace) => {}
                _ => {
                    let later = definition
                        .actions()
                        .any(|(_, action)| action.namespace.as_deref() == Some(namespace));
                    let why = if later {
                        "the action with that namespace does not end before this one starts"
                    } else {
                        "no action has that namespace"
                    };
                    self.note(format!("{shown}: {why}"));
                }
            }
        }
    }
}
