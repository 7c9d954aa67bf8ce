//! What a person gives in the place of what AWS would do.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::time::Duration;

use anyhow::{Result, ensure};

use super::definition::{Definition, Kind};

/// What a run is given besides the definition.
#[derive(Clone, Debug, Default)]
pub struct Inputs {
    /// Folders by source action. Needed for CodeConnections, GitHub and CodeCommit; an S3 source
    /// without one reads the emulator's bucket.
    pub sources: BTreeMap<String, PathBuf>,
    /// Folders by output artifact, for builds and native actions that are not run.
    pub artifacts: BTreeMap<String, PathBuf>,
    /// Values of the pipeline's variables, for every execution that gives no other.
    pub variables: BTreeMap<String, String>,
    /// By namespace, the variables of actions that are not run.
    pub outputs: BTreeMap<String, BTreeMap<String, String>>,
    /// CodeBuild projects by name.
    pub builds: BTreeMap<String, Project>,
    /// How long a function may say nothing before its action fails; as on AWS 20 minutes when none.
    pub silence: Option<Duration>,
}

/// A CodeBuild project, as far as a rehearsal heeds it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Project {
    /// The buildspec itself or its path in the source; `buildspec.yml` when none.
    pub buildspec: Option<String>,
    /// Its plain environment variables.
    pub environment: BTreeMap<String, String>,
    /// The ARN of its service role; without one, builds act as the account's root.
    pub role: Option<String>,
    /// How long a build may take; one hour when none.
    pub timeout: Option<Duration>,
    /// Whether it has `PrivilegedMode`, which Docker needs.
    pub privileged: bool,
}

impl Inputs {
    /// What a run of this definition in `region` needs and is not given, each with what would give
    /// it; and what is given for nothing: a misspelled name, some artifacts of a build but not all.
    pub fn missing(&self, definition: &Definition, region: &str) -> Vec<String> {
        let mut missing = Vec::new();
        let of_kind = |kind: Kind| {
            let actions = definition.actions().map(|(_, action)| action);
            actions.filter(move |action| action.kind() == kind)
        };
        for action in of_kind(Kind::Source) {
            if action.provider != "S3" && !self.sources.contains_key(&action.name) {
                missing.push(format!(
                    "the source {0} is {1}, which no emulator has: give a folder in its place, \
                     --source {0}=FOLDER",
                    action.name, action.provider
                ));
            }
        }
        let sources: Vec<&str> = of_kind(Kind::Source)
            .map(|action| action.name.as_str())
            .collect();
        let stray = |what: &str, given: &str, known: &[&str]| {
            let known = if known.is_empty() {
                "none".to_owned()
            } else {
                known.join(", ")
            };
            format!("there is no {what} {given}: the pipeline has {known}")
        };
        for name in self
            .sources
            .keys()
            .filter(|name| !sources.contains(&name.as_str()))
        {
            missing.push(stray("source action", name, &sources));
        }
        let outputs: Vec<&str> = definition
            .actions()
            .filter(|(_, action)| !matches!(action.kind(), Kind::Source | Kind::Invoke))
            .flat_map(|(_, action)| action.outputs.iter().map(String::as_str))
            .collect();
        for name in self
            .artifacts
            .keys()
            .filter(|name| !outputs.contains(&name.as_str()))
        {
            missing.push(stray(
                "artifact of a build or of an action that is not run",
                name,
                &outputs,
            ));
        }
        // One that is in another region is not run anyway.
        let builds = of_kind(Kind::Build).filter(|build| {
            let elsewhere = build.region.as_ref().is_some_and(|other| other != region);
            !elsewhere
        });
        for build in builds {
            let given = |name: &&String| self.artifacts.contains_key(*name);
            let (given, lacking): (Vec<&String>, Vec<&String>) =
                build.outputs.iter().partition(given);
            if let (Some(given), false) = (given.first(), lacking.is_empty()) {
                let lacking: Vec<String> = lacking
                    .into_iter()
                    .map(|name| format!("--artifact {name}=FOLDER"))
                    .collect();
                missing.push(format!(
                    "the build {} is not run when its artifacts are given, and {given} is not all of \
                     them: add {}",
                    build.name,
                    lacking.join(" ")
                ));
            }
        }
        let folders = self.sources.iter().chain(&self.artifacts);
        for (name, folder) in folders.filter(|(_, folder)| !folder.is_dir()) {
            missing.push(format!(
                "{}, given for {name}, is no folder",
                folder.display()
            ));
        }
        missing
    }

    /// The pipeline's variables in one execution: its own, the inputs', the defaults.
    pub(super) fn values(
        &self,
        definition: &Definition,
        own: &BTreeMap<String, String>,
    ) -> Result<BTreeMap<String, String>> {
        let mut wrong = Vec::new();
        let mut values = BTreeMap::new();
        for variable in &definition.variables {
            let name = &variable.name;
            let given = own.get(name).or_else(|| self.variables.get(name));
            match given.or(variable.default.as_ref()) {
                Some(value) => {
                    values.insert(name.clone(), value.clone());
                }
                None => wrong.push(format!(
                    "the variable {name} has no default: give it a value, --variable {name}=VALUE"
                )),
            }
        }
        let known: Vec<&str> = definition
            .variables
            .iter()
            .map(|known| known.name.as_str())
            .collect();
        for name in own.keys().chain(self.variables.keys()) {
            if !known.contains(&name.as_str()) {
                let known = if known.is_empty() {
                    "none".to_owned()
                } else {
                    known.join(", ")
                };
                wrong.push(format!(
                    "there is no variable {name}: the pipeline has {known}"
                ));
            }
        }
        ensure!(wrong.is_empty(), "{}", wrong.join("\n"));
        Ok(values)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn a_builds_artifacts_are_given_as_a_whole() {
        let action = |name: &str, category: &str, provider: &str, outputs: &[&str]| {
            let outputs: Vec<_> = outputs.iter().map(|name| json!({ "Name": name })).collect();
            json!({ "Name": name, "OutputArtifacts": outputs, "ActionTypeId":
                { "Category": category, "Owner": "AWS", "Provider": provider, "Version": "1" } })
        };
        let mut source = action("Code", "Source", "S3", &["Source"]);
        source["Configuration"] = json!({ "S3Bucket": "b", "S3ObjectKey": "k" });
        let mut build = action("Pack", "Build", "CodeBuild", &["Web", "Docs", "Api"]);
        build["Configuration"] = json!({ "ProjectName": "pack" });
        build["InputArtifacts"] = json!([{ "Name": "Source" }]);
        let definition = Definition::parse(&json!({
            "Name": "orders",
            "ArtifactStore": { "Type": "S3", "Location": "b" },
            "Stages": [{ "Name": "Source", "Actions": [source] },
                { "Name": "Build", "Actions": [build] }],
        }))
        .unwrap();
        let missing = |given: &[&str]| {
            let given = given.iter().map(|name| ((*name).to_owned(), "/".into()));
            let inputs = Inputs {
                artifacts: given.collect(),
                ..Inputs::default()
            };
            inputs.missing(&definition, "us-east-1")
        };
        let wrong = missing(&["Docs"]);
        assert_eq!(wrong.len(), 1, "{wrong:?}");
        assert!(
            wrong[0].ends_with("add --artifact Web=FOLDER --artifact Api=FOLDER"),
            "{wrong:?}"
        );
        assert!(missing(&["Web", "Docs", "Api"]).is_empty() && missing(&[]).is_empty());
    }
}
