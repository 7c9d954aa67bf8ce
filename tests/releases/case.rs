//! An execution that was tested and approved, in CodePipeline's record, and the job that releases it.

use std::collections::BTreeMap;
use std::time::{SystemTime, UNIX_EPOCH};

use rehearsal::codepipeline::{Artifact, JobSpec};
use rehearsal::suite;
use serde_json::{Value, json};
use sha2::{Digest as _, Sha256};
use shared::release::envelope::{Envelope, PublicKey};
use shared::release::statement::Statement;

use crate::fixture::{Case, PARAMETERS, World, succeeded};

/// The pipeline of all jobs that say nothing else.
pub(crate) const PIPELINE: &str = "orders";
/// Who approves.
pub(crate) const APPROVER: &str = "arn:aws:iam::111111111111:user/ada";

/// What was tested, in an execution of its own.
pub(crate) struct Tested {
    pub(crate) execution: String,
    pub(crate) build: Artifact,
    pub(crate) proof: String,
    pub(crate) digest: String,
    pub(crate) image: String,
}

impl Tested {
    /// What the release is called.
    pub(crate) fn release(&self) -> String {
        format!("{PIPELINE}/{}", self.execution)
    }

    /// A key in the release's folder.
    pub(crate) fn key(&self, name: &str) -> String {
        format!("releases/{}/{name}", self.release())
    }
}

impl World {
    /// Rolls `v2` out to test in an execution, for real, and approves it.
    pub(crate) fn tested(&self, name: &str) -> Tested {
        let case = self.case(name);
        let tested = self.tested_case(&case, &[]);
        self.approved(&tested.execution);
        tested
    }

    /// As [`World::tested`], not approved, with more files in the artifact.
    pub(crate) fn tested_case(&self, case: &Case, more: &[(&str, &[u8])]) -> Tested {
        let (test, images) = self.files(case);
        let production = json!({
            "targets": [{"service": case.service.name, "cluster": "production"}],
            "region": suite::TARGET_REGION,
        });
        let [test, images, production] =
            [test, images, production].map(|file| file.to_string().into_bytes());
        let mut files: BTreeMap<&str, &[u8]> = BTreeMap::from([
            ("rollout.json", test.as_slice()),
            ("imagedefinitions.json", &images),
            ("production.json", &production),
        ]);
        files.extend(more.iter().copied());
        let files: Vec<(&str, &[u8])> = files.into_iter().collect();
        let build = self.suite.store.put_artifact("Build", &files).unwrap();
        let job = JobSpec {
            user_parameters: Some(PARAMETERS.into()),
            input_artifacts: vec![build.clone()],
            ..self.suite.store.job(suite::UPDATER)
        };
        let execution = job.execution.clone();
        let variables = succeeded(&self.run(job));
        Tested {
            execution,
            build,
            proof: variables["Proof"].clone(),
            digest: case.digest.clone(),
            image: format!("{}:v2", case.repository),
        }
    }

    /// The same test once more in CodePipeline's record, as that of a new execution, approved: releases
    /// that differ in nothing but their name.
    pub(crate) fn tested_again(&self, tested: &Tested) -> Tested {
        let execution = uuid();
        self.record(
            &execution,
            &json!({
                "stageName": "Test", "actionName": "Rollout", "status": "Succeeded",
                "input": {
                    "actionTypeId": kind("Invoke", "Lambda"),
                    "configuration": {"FunctionName": suite::UPDATER},
                    "resolvedConfiguration": {"FunctionName": suite::UPDATER,
                        "UserParameters": PARAMETERS.replace("#{codepipeline.PipelineExecutionId}", &execution)},
                    "inputArtifacts": [{"name": "Build",
                        "s3location": {"bucket": tested.build.bucket, "key": tested.build.key}}],
                },
                "output": {"outputVariables": {"Proof": tested.proof}},
            }),
        );
        self.approved(&execution);
        Tested {
            execution,
            build: tested.build.clone(),
            proof: tested.proof.clone(),
            digest: tested.digest.clone(),
            image: tested.image.clone(),
        }
    }

    /// Approves an execution, as ada.
    pub(crate) fn approved(&self, execution: &str) {
        self.record(
            execution,
            &json!({
                "stageName": "Production", "actionName": "Approve", "status": "Succeeded",
                "updatedBy": APPROVER,
                "input": {"actionTypeId": kind("Approval", "Manual"), "configuration": {}},
                "output": {"executionResult": {"externalExecutionSummary": "as agreed"}},
            }),
        );
    }

    /// Puts a run of an action into CodePipeline's record of an execution, ended just now.
    pub(crate) fn record(&self, execution: &str, more: &Value) {
        let now = SystemTime::now()
            .duration_since(UNIX_EPOCH)
            .unwrap()
            .as_secs_f64();
        let mut detail = json!({
            "pipelineExecutionId": execution, "actionExecutionId": uuid(), "pipelineVersion": 1,
            "startTime": now, "lastUpdateTime": now,
        });
        for (key, value) in more.as_object().unwrap() {
            detail[key] = value.clone();
        }
        self.rehearsal.pipeline().record_action(PIPELINE, detail);
    }

    /// The job that releases what was tested, with parameters that differ; null takes one away.
    pub(crate) fn release_job(&self, tested: &Tested, more: &Value) -> JobSpec {
        let mut parameters = json!({
            "bucket": suite::RELEASES_BUCKET,
            "region": suite::TARGET_REGION,
            "role": suite::RELEASE_ROLE,
            "externalId": suite::RELEASE_EXTERNAL_ID,
            "pipeline": PIPELINE,
            "execution": "#{codepipeline.PipelineExecutionId}",
            "rollout": "Build::production.json",
            "approval": "Production/Approve",
            "follow": false,
        });
        for (key, value) in more.as_object().unwrap() {
            match value {
                Value::Null => drop(parameters.as_object_mut().unwrap().shift_remove(key)),
                value => parameters[key] = value.clone(),
            }
        }
        JobSpec {
            execution: tested.execution.clone(),
            stage: "Production".to_owned(),
            action: "Release".to_owned(),
            user_parameters: Some(parameters.to_string()),
            input_artifacts: vec![tested.build.clone()],
            ..self.suite.store.job(suite::COPIER)
        }
    }

    /// Keys in the bucket of releases that begin with this.
    pub(crate) fn released(&self, prefix: &str) -> Vec<String> {
        let production = &self.suite.production;
        production
            .list_objects(suite::RELEASES_BUCKET, prefix)
            .unwrap()
    }

    /// How many versions, of whatever keys, begin with this; delete markers count, too.
    pub(crate) fn versions(&self, prefix: &str) -> usize {
        let path = format!("/{}?versions&prefix={prefix}", suite::RELEASES_BUCKET);
        let production = &self.suite.production;
        let answer = production.request("s3", http::Method::GET, &path, &[], Vec::new().into());
        let answer = String::from_utf8(answer.unwrap().body.to_vec()).unwrap();
        answer.matches("<VersionId>").count()
    }

    /// An object in the bucket of releases.
    pub(crate) fn release_object(&self, key: &str) -> Vec<u8> {
        let production = &self.suite.production;
        production
            .get_object(suite::RELEASES_BUCKET, key)
            .unwrap()
            .to_vec()
    }

    /// The public half of the key that signs, as KMS gives it: DER in base64.
    pub(crate) fn signing_key(&self) -> String {
        suite::signing_key(&self.rehearsal.tooling()).unwrap()
    }

    /// The statement of a release, its signature verified.
    pub(crate) fn statement(&self, tested: &Tested) -> Statement {
        let bytes = self.release_object(&tested.key("release.dsse.json"));
        let keys = PublicKey::read(&self.signing_key()).unwrap();
        let envelope = Envelope::parse(&bytes).unwrap();
        let (payload, _) = envelope.open(&keys).unwrap();
        Statement::parse(&payload).unwrap()
    }
}

/// An action's type.
pub(crate) fn kind(category: &str, provider: &str) -> Value {
    json!({"category": category, "owner": "AWS", "provider": provider, "version": "1"})
}

/// A new execution's id.
pub(crate) fn uuid() -> String {
    JobSpec::new("none").execution
}

/// In hexadecimal digits.
pub(crate) fn sha256(bytes: &[u8]) -> String {
    let digest = Sha256::digest(bytes);
    digest.iter().map(|byte| format!("{byte:02x}")).collect()
}
