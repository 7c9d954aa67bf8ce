//! A buildspec: what a build runs and what it leaves.

use std::collections::BTreeMap;

use anyhow::{Context, Result, ensure};
use serde_json::{Map, Value};

/// The phases in their order.
pub(super) const PHASES: [&str; 4] = ["install", "pre_build", "build", "post_build"];

/// What stands in a buildspec.
#[derive(Debug, Default, PartialEq)]
pub(super) struct Buildspec {
    /// `sh`, or what `env.shell` says.
    pub(super) shell: String,
    pub(super) variables: BTreeMap<String, String>,
    /// Names of environment variables that are the action's output variables.
    pub(super) exported: Vec<String>,
    pub(super) phases: BTreeMap<String, Phase>,
    /// The output artifact, when there is one.
    pub(super) primary: Option<Files>,
    /// More of them, by name.
    pub(super) secondary: BTreeMap<String, Files>,
    /// What of it is not done here.
    pub(super) unheeded: Vec<String>,
}

/// The commands of a phase.
#[derive(Debug, Default, PartialEq)]
pub(super) struct Phase {
    pub(super) commands: Vec<String>,
    /// Run in any case after the commands.
    pub(super) finally: Vec<String>,
    /// `on-failure: CONTINUE`.
    pub(super) goes_on: bool,
}

/// The files of an artifact.
#[derive(Debug, Default, PartialEq)]
pub(super) struct Files {
    /// Patterns.
    pub(super) files: Vec<String>,
    /// Patterns of what is left out of them.
    pub(super) exclude: Vec<String>,
    /// The folder that the patterns start from.
    pub(super) base: Option<String>,
    /// Whether files lose their folders.
    pub(super) flat: bool,
}

impl Buildspec {
    /// Reads YAML (or JSON, which is YAML too).
    pub(super) fn parse(text: &str) -> Result<Self> {
        let spec: Value = yaml_serde::from_str(text).context("the buildspec is no YAML")?;
        let spec = spec
            .as_object()
            .context("the buildspec is empty or a list")?;
        let mut wrong = Vec::new();
        match text_of(spec.get("version")).as_deref() {
            Some("0.2") => {}
            Some(other) => wrong.push(format!("version is {other}: write 0.2")),
            None => wrong.push("version is missing: write version: 0.2".to_owned()),
        }
        let read = Self::read(spec, &mut wrong);
        ensure!(
            wrong.is_empty(),
            "the buildspec is wrong: {}",
            wrong.join("; ")
        );
        Ok(read)
    }

    /// All commands.
    pub(super) fn commands(&self) -> impl Iterator<Item = &String> {
        let phases = self.phases.values();
        phases.flat_map(|phase| phase.commands.iter().chain(&phase.finally))
    }

    fn read(spec: &Map<String, Value>, wrong: &mut Vec<String>) -> Self {
        let env = object(spec.get("env"), "env", wrong);
        let artifacts = object(spec.get("artifacts"), "artifacts", wrong);
        let secondary = object(
            artifacts.get("secondary-artifacts"),
            "artifacts.secondary-artifacts",
            wrong,
        );
        let secondary = secondary.iter().map(|(name, artifact)| {
            let at = format!("artifacts.secondary-artifacts.{name}");
            let artifact = object(Some(artifact), &at, wrong);
            (name.clone(), files(&artifact, &at, wrong))
        });
        let secondary: BTreeMap<String, Files> = secondary.collect();
        let primary = artifacts
            .contains_key("files")
            .then(|| files(&artifacts, "artifacts", wrong));
        let shell = text_of(env.get("shell")).unwrap_or_else(|| "sh".to_owned());
        let shell = shell.rsplit('/').next().unwrap_or_default().to_owned();
        if !["sh", "bash"].contains(&shell.as_str()) {
            wrong.push(format!("env.shell is {shell}: sh and bash are rehearsed"));
        }
        Self {
            variables: texts(
                &object(env.get("variables"), "env.variables", wrong),
                "env.variables",
                wrong,
            ),
            exported: list(
                env.get("exported-variables"),
                "env.exported-variables",
                wrong,
            ),
            phases: phases(&object(spec.get("phases"), "phases", wrong), wrong),
            unheeded: unheeded(spec, &env),
            shell,
            primary,
            secondary,
        }
    }
}

/// Whether a command has `docker` as a word where a shell looks for a program.
pub(super) fn calls_docker(command: &str) -> bool {
    command.lines().any(|line| {
        let parts = line.split([';', '&', '|', '(']);
        parts
            .filter_map(|part| part.split_whitespace().next())
            .any(|word| word == "docker")
    })
}

fn phases(given: &Map<String, Value>, wrong: &mut Vec<String>) -> BTreeMap<String, Phase> {
    let mut phases = BTreeMap::new();
    for (name, phase) in given {
        let at = format!("phases.{name}");
        if !PHASES.contains(&name.as_str()) {
            wrong.push(format!("{at} is no phase: there are {}", PHASES.join(", ")));
        }
        let phase = object(Some(phase), &at, wrong);
        let read = Phase {
            commands: list(phase.get("commands"), &format!("{at}.commands"), wrong),
            finally: list(phase.get("finally"), &format!("{at}.finally"), wrong),
            goes_on: phase
                .get("on-failure")
                .is_some_and(|value| value == "CONTINUE"),
        };
        phases.insert(name.clone(), read);
    }
    if phases.values().all(|phase| phase.commands.is_empty()) {
        wrong.push("no phase has commands".to_owned());
    }
    phases
}

fn files(artifact: &Map<String, Value>, at: &str, wrong: &mut Vec<String>) -> Files {
    let read = Files {
        files: list(artifact.get("files"), &format!("{at}.files"), wrong),
        exclude: list(
            artifact.get("exclude-paths"),
            &format!("{at}.exclude-paths"),
            wrong,
        ),
        base: text_of(artifact.get("base-directory")),
        flat: text_of(artifact.get("discard-paths"))
            .is_some_and(|text| ["yes", "true"].contains(&text.as_str())),
    };
    if read.files.is_empty() {
        wrong.push(format!("{at}.files is empty"));
    }
    read
}

/// What CodeBuild would do besides running commands.
fn unheeded(spec: &Map<String, Value>, env: &Map<String, Value>) -> Vec<String> {
    let said = |fields: &Map<String, Value>, names: &[&str], of: &str| {
        let named: Vec<String> = names
            .iter()
            .filter(|name| fields.get(**name).is_some_and(|value| !value.is_null()))
            .map(|name| format!("{of}{name}"))
            .collect();
        named
    };
    let mut unheeded = said(
        env,
        &[
            "parameter-store",
            "secrets-manager",
            "git-credential-helper",
        ],
        "env.",
    );
    unheeded.extend(said(
        spec,
        &["run-as", "proxy", "batch", "reports", "cache", "mfa-login"],
        "",
    ));
    let phases = spec.get("phases").and_then(Value::as_object);
    for (name, phase) in phases.into_iter().flatten() {
        if let Some(phase) = phase.as_object() {
            unheeded.extend(said(
                phase,
                &["run-as", "runtime-versions"],
                &format!("phases.{name}."),
            ));
        }
    }
    unheeded
}

fn object(value: Option<&Value>, at: &str, wrong: &mut Vec<String>) -> Map<String, Value> {
    match value {
        None | Some(Value::Null) => Map::new(),
        Some(Value::Object(fields)) => fields.clone(),
        Some(other) => {
            wrong.push(format!("{at} is {other}, not a mapping"));
            Map::new()
        }
    }
}

fn list(value: Option<&Value>, at: &str, wrong: &mut Vec<String>) -> Vec<String> {
    let mut each = |value: &Value| match text_of(Some(value)) {
        Some(text) => Some(text),
        None => {
            // A colon in an unquoted command makes a mapping of it.
            wrong.push(format!(
                "{at} has {value}, which is no text: put the line in quotes"
            ));
            None
        }
    };
    match value {
        None | Some(Value::Null) => Vec::new(),
        Some(Value::Array(entries)) => entries.iter().filter_map(each).collect(),
        Some(one) => each(one).into_iter().collect(),
    }
}

fn texts(
    fields: &Map<String, Value>,
    at: &str,
    wrong: &mut Vec<String>,
) -> BTreeMap<String, String> {
    let mut texts = BTreeMap::new();
    for (name, value) in fields {
        match text_of(Some(value)) {
            Some(text) => {
                texts.insert(name.clone(), text);
            }
            None => wrong.push(format!("{at}.{name} is {value}, not a text")),
        }
    }
    texts
}

fn text_of(value: Option<&Value>) -> Option<String> {
    match value? {
        Value::String(text) => Some(text.clone()),
        Value::Number(number) => Some(number.to_string()),
        Value::Bool(truth) => Some(truth.to_string()),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_buildspec_is_read() {
        let text = "
version: 0.2
env:
  shell: /bin/bash
  variables: { STAGE: test, N: 3 }
  exported-variables: [TAG]
  parameter-store: { TOKEN: /t }
cache: { paths: [x] }
phases:
  install:
    runtime-versions: { nodejs: 20 }
  build:
    on-failure: CONTINUE
    commands:
      - echo one
      - |
        echo two
        echo three
    finally: [echo done]
artifacts:
  files: ['**/*']
  base-directory: out
  discard-paths: yes
  secondary-artifacts:
    Docs: { files: [a.md], exclude-paths: [b] }
";
        let spec = Buildspec::parse(text).unwrap();
        assert_eq!(spec.shell, "bash");
        assert_eq!(spec.variables["N"], "3");
        assert_eq!(spec.exported, ["TAG"]);
        let build = &spec.phases["build"];
        assert_eq!(build.commands, ["echo one", "echo two\necho three\n"]);
        assert!(build.goes_on && build.finally == ["echo done"]);
        let primary = spec.primary.unwrap();
        assert_eq!((primary.base.as_deref(), primary.flat), (Some("out"), true));
        assert_eq!(spec.secondary["Docs"].exclude, ["b"]);
        let unheeded = [
            "env.parameter-store",
            "cache",
            "phases.install.runtime-versions",
        ];
        assert_eq!(spec.unheeded, unheeded);
    }

    #[test]
    fn commands_that_call_docker_are_known() {
        for (command, expected) in [
            ("docker build .", true),
            ("aws ecr get-login-password | docker login", true),
            ("cd x\n  docker push y", true),
            ("TAG=$(docker images -q)", true),
            ("echo docker", false),
            ("cat docker-compose.yaml", false),
        ] {
            assert_eq!(calls_docker(command), expected, "{command}");
        }
    }

    #[test]
    fn all_that_is_wrong_comes_at_once() {
        let check = |text: &str, words: &[&str]| {
            let error = format!("{:#}", Buildspec::parse(text).unwrap_err());
            for word in words {
                assert!(error.contains(word), "{text}: {error} has no {word:?}");
            }
        };
        check("- a", &["empty or a list"]);
        check("a: [", &["no YAML"]);
        check("{}", &["version is missing", "no phase has commands"]);
        check(
            "{version: 0.1, env: {shell: fish}, phases: {bild: {commands: [x]}}, artifacts: {files: []}}",
            &[
                "version is 0.1",
                "env.shell is fish",
                "phases.bild is no phase",
                "artifacts.files is empty",
            ],
        );
        check(
            "{version: 0.2, phases: {build: {commands: [echo: x]}}}",
            &["phases.build.commands", "in quotes"],
        );
    }
}
