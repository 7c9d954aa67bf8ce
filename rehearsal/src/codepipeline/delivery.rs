//! How a job comes to its function: credentials, the event, and the jobs that follow a token.

use std::time::{Duration, SystemTime};

use anyhow::{Context, Result};
use http::Method;
use serde_json::{Value, json};
use uuid::Uuid;

use super::job::{JobId, JobSpec};
use super::state::{Ended, JobStatus};
use super::{CodePipeline, event};
use crate::account::lambda::invocations;
use crate::emulator::HOME_ACCOUNT;
use crate::signed::{Call, Credentials};

impl CodePipeline {
    /// A new job of an action, with a new id and new credentials, delivered.
    pub(super) async fn next_job(&self, action: usize, token: Option<&str>) -> Result<JobId> {
        let spec = self
            .state()
            .actions
            .get(action)
            .map(|action| action.spec.clone());
        let spec = spec.context("there is no such action")?;
        let credentials = self.artifact_credentials(&spec).await?;
        let id = Uuid::new_v4().to_string();
        let event = event::event(&spec, &id, &credentials, token);
        {
            let mut state = self.state();
            // Abandoned while the pause went by.
            if state
                .actions
                .get(action)
                .is_some_and(|action| action.ended.is_some())
            {
                return Ok(JobId(id));
            }
            state.add_job(action, &id, event.clone(), JobStatus::Waiting);
        }
        self.shared.changed.notify_all();
        let deliveries = if token.is_none() { spec.deliveries } else { 1 };
        for _ in 0..deliveries {
            self.deliver(&spec, &event).await?;
        }
        Ok(JobId(id))
    }

    /// Sessions of the artifact role, an hour long; without a role they open nothing.
    async fn artifact_credentials(&self, spec: &JobSpec) -> Result<Credentials> {
        if !spec.roles.is_empty() {
            // Those of a pipeline's role open the artifacts' bucket and nothing else.
            let buckets = spec.input_artifacts.iter().chain(&spec.output_artifacts);
            let objects: Vec<String> = buckets
                .map(|artifact| format!("arn:aws:s3:::{}/*", artifact.bucket))
                .collect();
            let mut may = vec![json!({ "Effect": "Allow", "Action": "kms:*", "Resource": "*" })];
            if !objects.is_empty() {
                may.push(json!({ "Effect": "Allow", "Action": "s3:*", "Resource": objects }));
            }
            let policy = json!({ "Version": "2012-10-17", "Statement": may }).to_string();
            return self.session(&spec.roles, Some(&policy)).await;
        }
        let Some(role) = &spec.artifact_role else {
            let soon = Some(SystemTime::now() + Duration::from_secs(3600));
            return Ok(Credentials::new(
                "ASIANOTHING",
                "none",
                Some("none".to_owned()),
                soon,
                "none",
            ));
        };
        let session = self.session(std::slice::from_ref(role), None).await;
        session.with_context(|| format!("get credentials for artifacts from {role}"))
    }

    /// A session of the last of these roles, each assumed by the one before; of the root without
    /// any.
    async fn session(&self, roles: &[String], policy: Option<&str>) -> Result<Credentials> {
        let aws = &self.shared.aws;
        let mut caller = aws.root_of(HOME_ACCOUNT);
        for (index, role) in roles.iter().enumerate() {
            let mut params = vec![
                ("RoleArn", role.as_str()),
                ("RoleSessionName", "codepipeline-artifacts"),
            ];
            if index + 1 == roles.len() {
                params.extend(policy.map(|policy| ("Policy", policy)));
            }
            caller = aws
                .assume_role(&caller, &aws.region, &params)
                .await
                .with_context(|| format!("assume {role}"))?;
        }
        Ok(caller)
    }

    /// Asynchronously, as CodePipeline does: Lambda retries on an error.
    pub(super) async fn deliver(&self, spec: &JobSpec, event: &Value) -> Result<()> {
        let credentials = self.session(&spec.roles, None).await?;
        self.shared
            .aws
            .call(Call {
                credentials: &credentials,
                region: spec.region(),
                service: "lambda",
                method: Method::POST,
                path_and_query: &invocations(&spec.function),
                headers: &[("x-amz-invocation-type", "Event")],
                body: event.to_string().into(),
            })
            .await
            .with_context(|| format!("invoke {}", spec.function))?;
        Ok(())
    }

    pub(super) fn continue_later(&self, action: usize, token: String, pause: Duration) {
        let pipeline = self.clone();
        self.shared.runtime.spawn(async move {
            tokio::time::sleep(pause).await;
            let next = pipeline.next_job(action, Some(&token)).await;
            pipeline.state().continuing -= 1;
            if let Err(error) = next {
                pipeline.end(action, Ended::broken(&error));
            }
        });
    }
}
