//! A user's template: read, rewritten for the emulator, deployed for real, and its pipeline read back
//! with every `Ref`, `Sub` and `GetAtt` resolved.
//!
//! In reading order: `read` makes JSON of it; `rewrite` makes of it what the emulator takes.

mod read;
mod rewrite;

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

use anyhow::{Context, Result, bail, ensure};
use serde_json::{Value, json};

pub use read::read as read_template;

use super::{Definition, Project, refusals};
use crate::account::Account;
use crate::deploy::{Stack, deploy};
use crate::tools::Tools;
use crate::world::stack;
use crate::{Progress, Rehearsal};

/// Prints the types that the emulator's CloudFormation has.
const KNOWN: &str = "from ministack.services.cloudformation.provisioners import _RESOURCE_HANDLERS as h; print('\\n'.join(h))";

/// A template with pipelines in it.
#[derive(Clone, Debug)]
pub struct PipelineTemplate {
    path: PathBuf,
    template: Value,
}

/// All that is wrong with a template's pipeline: CodePipeline would refuse it.
#[derive(Debug)]
pub struct WrongDefinition(pub Vec<String>);

impl fmt::Display for WrongDefinition {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "the pipeline is wrong:\n- {}", self.0.join("\n- "))
    }
}

impl std::error::Error for WrongDefinition {}

/// How a template is deployed.
#[derive(Clone, Copy, Debug)]
pub struct Choice<'a> {
    /// The stack's name.
    pub stack: &'a str,
    /// The logical id of the pipeline to read back.
    pub pipeline: &'a str,
    /// Values for the template's parameters.
    pub parameters: &'a BTreeMap<String, String>,
    /// Logical ids of what is not to be deployed.
    pub leave_out: &'a [String],
}

/// What a template was deployed as.
#[derive(Debug)]
pub struct Deployed {
    /// The pipeline.
    pub definition: Definition,
    /// The stack's CodeBuild projects by name.
    pub builds: BTreeMap<String, Project>,
    /// What is not deployed here: logical id and type.
    pub left_out: Vec<(String, String)>,
    /// What is there and not heeded, in plain sentences.
    pub unheeded: Vec<String>,
}

impl PipelineTemplate {
    /// Reads a template: YAML or JSON, CloudFormation or SAM.
    pub fn read(path: &Path) -> Result<Self> {
        // What it names beside it is found from anywhere.
        let path = path
            .canonicalize()
            .with_context(|| format!("there is no template {}", path.display()))?;
        let template = read::read(&path)?;
        Ok(Self { path, template })
    }

    /// The logical id of the pipeline to rehearse: the one that is asked for, or the only one.
    pub fn pipeline(&self, wanted: Option<&str>) -> Result<String> {
        let pipelines = rewrite::pipelines(&self.template);
        let all = pipelines.join(", ");
        match (wanted, pipelines.as_slice()) {
            (_, []) => bail!("{} has no AWS::CodePipeline::Pipeline", self.path.display()),
            (None, [only]) => Ok(only.clone()),
            (None, _) => bail!("the template has several pipelines: choose one of {all}"),
            (Some(wanted), _) => {
                ensure!(
                    pipelines.iter().any(|name| name == wanted),
                    "the template has no pipeline {wanted:?}; there is: {all}"
                );
                Ok(wanted.to_owned())
            }
        }
    }

    /// What is wrong with these parameters: names that the template does not have, and missing
    /// values.
    pub fn check_parameters(&self, given: &BTreeMap<String, String>) -> Vec<String> {
        let declared = self.template["Parameters"].as_object();
        let names: Vec<&str> = declared.into_iter().flatten().map(|(n, _)| &**n).collect();
        let unknown = given.keys().filter(|name| !names.contains(&name.as_str()));
        let mut wrong: Vec<String> = unknown
            .map(|name| match names.as_slice() {
                [] => format!("the template has no parameter {name:?}, nor any other"),
                _ => format!(
                    "the template has no parameter {name:?}; there are: {}",
                    names.join(", ")
                ),
            })
            .collect();
        for (name, parameter) in declared.into_iter().flatten() {
            if parameter["Default"].is_null() && !given.contains_key(name) {
                let what = parameter["Description"].as_str().unwrap_or_default();
                wrong.push(format!(
                    "the parameter {name} has no default: give {name}=… {}",
                    if what.is_empty() {
                        String::new()
                    } else {
                        format!("({})", what.trim())
                    }
                ));
            }
        }
        wrong
    }

    /// What is wrong with the logical ids of `unwanted`.
    pub fn check_left_out(&self, unwanted: &[String]) -> Vec<String> {
        let resources = &self.template["Resources"];
        let unknown = unwanted
            .iter()
            .filter(|id| resources[id.as_str()].is_null());
        unknown
            .map(|id| format!("the template has no resource {id:?} to leave out"))
            .collect()
    }

    /// Deploys the template into the account of the pipelines, and reads one of them back; what
    /// CodePipeline would refuse of it is a [`WrongDefinition`].
    pub fn deploy(
        &self,
        rehearsal: &Rehearsal,
        choice: &Choice<'_>,
        progress: &Progress,
    ) -> Result<Deployed> {
        let Choice {
            stack: name,
            pipeline: logical,
            parameters,
            leave_out,
        } = *choice;
        let account = &rehearsal.tooling();
        let folder = self.path.parent().unwrap_or(Path::new("."));
        let known = known_types(rehearsal.tools())?;
        let rewritten = rewrite::rewrite(&self.template, &known, leave_out, folder);
        let file = rehearsal.dir().join(format!("{name}.json"));
        let text = serde_json::to_string_pretty(&rewritten.template).context("write a template")?;
        fs::write(&file, text).with_context(|| format!("write {}", file.display()))?;
        let parameters: Vec<(&str, &str)> = parameters.iter().map(|(k, v)| (&**k, &**v)).collect();
        let made = Stack {
            name,
            template: &file,
            parameters: &parameters,
        };
        deploy(rehearsal, account, &made, progress)?;

        let resources = stack(account, name)?.resources()?;
        let held = |logical: &str| -> Result<Option<Value>> {
            let physical = resources.get(logical);
            physical.map(|name| parameter(account, name)).transpose()
        };
        let properties = held(logical)?.with_context(|| {
            format!("{logical} has a condition that is false with these parameters")
        })?;
        let definition =
            Definition::parse_in(&properties, account.region()).map_err(WrongDefinition)?;
        let refused = refusals(rehearsal, &definition);
        if !refused.is_empty() {
            return Err(WrongDefinition(refused).into());
        }
        let mut builds = BTreeMap::new();
        let mut unheeded = Vec::new();
        for (project, holder) in &rewritten.projects {
            let (Some(name), Some(properties)) = (resources.get(project), held(holder)?) else {
                continue;
            };
            let (made, not_plain) = self::project(account, &properties);
            unheeded.extend(not_plain.into_iter().map(|variable| {
                format!(
                    "the environment variable {variable} of the CodeBuild project {name}: it comes \
                     from Parameter Store or Secrets Manager"
                )
            }));
            builds.insert(name.clone(), made);
        }
        Ok(Deployed {
            definition,
            builds,
            left_out: rewritten.left_out,
            unheeded,
        })
    }
}

/// A template as the emulator takes it, and what is left out of it: logical id and type.
///
/// `known` are the types that it has ([`known_types`]). Where the others are referred to, there are names
/// such as `not-deployed-Gateway`.
pub fn rewritten(path: &Path, known: &BTreeSet<String>) -> Result<(Value, Vec<(String, String)>)> {
    let folder = path.parent().unwrap_or(Path::new("."));
    let made = rewrite::rewrite(&read::read(path)?, known, &[], folder);
    Ok((made.template, made.left_out))
}

/// The types that the emulator's CloudFormation deploys.
pub fn known_types(tools: &Tools) -> Result<BTreeSet<String>> {
    let listed = Command::new(tools.python())
        .args(["-c", KNOWN])
        .output()
        .context("ask the emulator for its types")?;
    let said = String::from_utf8_lossy(&listed.stderr);
    ensure!(
        listed.status.success(),
        "ask the emulator for its types: {said}"
    );
    let known = String::from_utf8_lossy(&listed.stdout);
    Ok(known.lines().map(str::to_owned).collect())
}

/// The JSON that an SSM parameter holds.
fn parameter(account: &Account, name: &str) -> Result<Value> {
    let found = account.json("ssm", "AmazonSSM.GetParameter", json!({ "Name": name }))?;
    let text = found["Parameter"]["Value"].as_str().unwrap_or_default();
    serde_json::from_str(text).with_context(|| format!("read what {name} was resolved to"))
}

/// A project of its properties, and the names of variables whose values are elsewhere.
fn project(account: &Account, properties: &Value) -> (Project, Vec<String>) {
    let text = |value: &Value| match value {
        Value::Null => None,
        Value::String(text) => Some(text.clone()).filter(|text| !text.is_empty()),
        other => Some(other.to_string()),
    };
    let mut environment = BTreeMap::new();
    let mut elsewhere = Vec::new();
    let variables = properties["Environment"]["EnvironmentVariables"].as_array();
    for variable in variables.into_iter().flatten() {
        let name = text(&variable["Name"]).unwrap_or_default();
        match variable["Type"].as_str() {
            None | Some("PLAINTEXT") => {
                environment.insert(name, text(&variable["Value"]).unwrap_or_default());
            }
            Some(_) => elsewhere.push(name),
        }
    }
    let role = text(&properties["ServiceRole"]).map(|role| {
        // CloudFormation takes a name, too.
        if role.starts_with("arn:") {
            role
        } else {
            format!("arn:aws:iam::{}:role/{role}", account.id())
        }
    });
    // Parameters are texts, whatever they stand for.
    let timeout = text(&properties["TimeoutInMinutes"]).and_then(|text| text.parse::<u64>().ok());
    let privileged = text(&properties["Environment"]["PrivilegedMode"]);
    let made = Project {
        buildspec: text(&properties["Source"]["BuildSpec"]),
        environment,
        role,
        timeout: timeout.map(|minutes| Duration::from_secs(minutes * 60)),
        privileged: privileged.is_some_and(|said| said == "true"),
    };
    (made, elsewhere)
}
