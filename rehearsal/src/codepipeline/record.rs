//! What CodePipeline remembers of one run of an action, of whatever kind.

use std::collections::BTreeMap;
use std::time::{SystemTime, UNIX_EPOCH};

use serde_json::{Value, json};

use super::job::{Artifact, Outcome};
use super::state::{Action, Ended};

/// A run of an action.
#[derive(Clone, Debug)]
pub(crate) struct ActionRecord {
    pub(crate) execution: String,
    /// The action execution's id.
    pub(crate) id: String,
    pub(crate) stage: String,
    pub(crate) action: String,
    pub(crate) started: SystemTime,
    pub(crate) updated: SystemTime,
    /// `InProgress`, `Succeeded`, `Failed` or `Abandoned`.
    pub(crate) status: &'static str,
    /// The ARN of who decided an approval.
    pub(crate) by: Option<String>,
    /// Category, owner, provider and version.
    pub(crate) kind: [String; 4],
    pub(crate) configuration: BTreeMap<String, String>,
    pub(crate) resolved: BTreeMap<String, String>,
    pub(crate) region: String,
    pub(crate) role: Option<String>,
    pub(crate) namespace: Option<String>,
    pub(crate) inputs: Vec<Artifact>,
    pub(crate) outputs: Vec<Artifact>,
    pub(crate) said: Said,
}

/// What an action said in the end.
#[derive(Clone, Debug, Default)]
pub(crate) struct Said {
    pub(crate) summary: Option<String>,
    pub(crate) external_id: Option<String>,
    /// Code and message.
    pub(crate) error: Option<(String, String)>,
    pub(crate) variables: BTreeMap<String, String>,
}

impl ActionRecord {
    /// The record of a Lambda action.
    pub(super) fn of(action: &Action) -> Self {
        let spec = &action.spec;
        let declared = spec.declared.clone().unwrap_or_default();
        let with = |parameters: Option<String>| {
            let function = ("FunctionName".to_owned(), spec.function.clone());
            let parameters = parameters.map(|text| ("UserParameters".to_owned(), text));
            [function].into_iter().chain(parameters).collect()
        };
        let configuration = if declared.configuration.is_empty() {
            with(spec.user_parameters.clone())
        } else {
            declared.configuration
        };
        let (status, said) = end(action.ended.as_ref());
        Self {
            execution: spec.execution.clone(),
            id: action.id.clone(),
            stage: spec.stage.clone(),
            action: spec.action.clone(),
            started: action.started,
            updated: action.updated,
            status,
            by: None,
            kind: ["Invoke", "AWS", "Lambda", "1"].map(str::to_owned),
            configuration,
            resolved: with(spec.resolved_parameters()),
            region: spec.region().to_owned(),
            role: declared.role,
            namespace: declared.namespace,
            inputs: spec.input_artifacts.clone(),
            outputs: spec.output_artifacts.clone(),
            said,
        }
    }

    /// As `ListActionExecutions` answers it.
    pub(crate) fn detail(&self) -> Value {
        let [category, owner, provider, version] = &self.kind;
        let mut detail = json!({
            "pipelineExecutionId": self.execution,
            "actionExecutionId": self.id,
            "pipelineVersion": 1,
            "stageName": self.stage,
            "actionName": self.action,
            "startTime": seconds(self.started),
            "lastUpdateTime": seconds(self.updated),
            "status": self.status,
            "input": {
                "actionTypeId": {
                    "category": category, "owner": owner, "provider": provider, "version": version,
                },
                "configuration": self.configuration,
                "resolvedConfiguration": self.resolved,
                "region": self.region,
                "inputArtifacts": locations(&self.inputs),
            },
            "output": {
                "outputArtifacts": locations(&self.outputs),
                "executionResult": self.said.result(),
                "outputVariables": self.said.variables,
            },
        });
        if let Some(by) = &self.by {
            detail["updatedBy"] = by.as_str().into();
        }
        if let Some(role) = &self.role {
            detail["input"]["roleArn"] = role.as_str().into();
        }
        if let Some(namespace) = &self.namespace {
            detail["input"]["namespace"] = namespace.as_str().into();
        }
        detail
    }
}

impl Said {
    /// `executionResult`.
    fn result(&self) -> Value {
        let mut result = json!({});
        if let Some(id) = &self.external_id {
            result["externalExecutionId"] = id.as_str().into();
        }
        if let Some(summary) = &self.summary {
            result["externalExecutionSummary"] = summary.as_str().into();
        }
        if let Some((code, message)) = &self.error {
            result["errorDetails"] = json!({ "code": code, "message": cut(message, 5000) });
        }
        result
    }
}

fn end(ended: Option<&Ended>) -> (&'static str, Said) {
    let failed = |code: &str, message: &str| Said {
        error: Some((code.to_owned(), message.to_owned())),
        ..Said::default()
    };
    match ended {
        None => ("InProgress", Said::default()),
        Some(Ended::Broken { code, reason }) => ("Failed", failed(code, reason)),
        Some(Ended::Outcome(Outcome::Abandoned)) => ("Abandoned", Said::default()),
        Some(Ended::Outcome(Outcome::Succeeded {
            variables,
            summary,
            external_id,
        })) => {
            let said = Said {
                summary: summary.clone(),
                external_id: external_id.clone(),
                error: None,
                variables: variables.clone(),
            };
            ("Succeeded", said)
        }
        Some(Ended::Outcome(Outcome::Failed {
            kind,
            message,
            external_id,
        })) => {
            let external_id = external_id.clone();
            let said = failed(kind, message);
            (
                "Failed",
                Said {
                    external_id,
                    ..said
                },
            )
        }
    }
}

/// Here, and only here, the API writes `s3location` with a small l.
fn locations(artifacts: &[Artifact]) -> Vec<Value> {
    let location = |artifact: &Artifact| json!({ "bucket": artifact.bucket, "key": artifact.key });
    artifacts
        .iter()
        .map(|artifact| json!({ "name": artifact.name, "s3location": location(artifact) }))
        .collect()
}

/// AWS's JSON has seconds since 1970.
pub(super) fn seconds(time: SystemTime) -> f64 {
    time.duration_since(UNIX_EPOCH)
        .unwrap_or_default()
        .as_secs_f64()
}

/// At most so many UTF-16 units, which is how AWS counts.
pub(super) fn cut(text: &str, most: usize) -> String {
    let mut left = most;
    text.chars()
        .take_while(|letter| {
            let fits = letter.len_utf16() <= left;
            left = left.saturating_sub(letter.len_utf16());
            fits
        })
        .collect()
}
