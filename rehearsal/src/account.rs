//! Calls to AWS as an account, past the proxy, so that what a test looks up is not counted; by way
//! of it on request.

pub(crate) mod lambda;
mod s3;

use anyhow::{Context, Result};
use http::Method;
use hyper::body::Bytes;
use serde_json::Value;
use tokio::runtime::Handle;

pub use lambda::Invocation;

use crate::Proxy;
pub use crate::signed::Credentials;
use crate::signed::{Aws, Call, form};
use crate::wire::Response;

/// An account (its root, or a session that acts in it) in one region. Every call blocks, and must
/// not be made on a thread that runs async code.
#[derive(Clone)]
pub struct Account {
    aws: Aws,
    runtime: Handle,
    id: String,
    region: String,
    credentials: Credentials,
}

impl Account {
    pub(crate) fn root(aws: Aws, runtime: Handle, id: &str, region: &str) -> Self {
        let credentials = aws.root_of(id);
        Self {
            aws,
            runtime,
            id: id.to_owned(),
            region: region.to_owned(),
            credentials,
        }
    }

    /// Twelve digits.
    pub fn id(&self) -> &str {
        &self.id
    }

    /// Such as `us-east-1`.
    pub fn region(&self) -> &str {
        &self.region
    }

    /// What its calls are signed with.
    pub fn credentials(&self) -> &Credentials {
        &self.credentials
    }

    /// The emulator's address, for a client of one's own.
    pub fn endpoint(&self) -> String {
        format!("http://{}", self.aws.endpoint)
    }

    /// The same account in another region.
    pub fn in_region(&self, region: &str) -> Self {
        Self {
            region: region.to_owned(),
            ..self.clone()
        }
    }

    /// The same account, whose calls go by way of the proxy, as a function's do: they are recorded,
    /// and faults hit them.
    pub fn by_way_of(&self, proxy: &Proxy) -> Self {
        let mut account = self.clone();
        account.aws.endpoint = proxy.address();
        account
    }

    /// Whoever `credentials` belong to, in this region; `id` stays.
    pub fn acting_as(&self, credentials: Credentials) -> Self {
        Self {
            credentials,
            ..self.clone()
        }
    }

    /// An operation of a JSON service: `target` is the `X-Amz-Target`, such as
    /// `AmazonEC2ContainerServiceV20141113.DescribeServices`.
    ///
    /// What AWS refuses is an [`crate::AwsError`] inside the error.
    pub fn json(&self, service: &str, target: &str, body: Value) -> Result<Value> {
        let headers = [
            ("content-type", "application/x-amz-json-1.1"),
            ("x-amz-target", target),
        ];
        let body = serde_json::to_vec(&body).context("write the request")?;
        let answer = self
            .request(service, Method::POST, "/", &headers, body.into())
            .with_context(|| format!("{target} in {} {}", self.id, self.region))?;
        if answer.body.is_empty() {
            return Ok(Value::Null);
        }
        serde_json::from_slice(&answer.body).with_context(|| format!("{target} answers no JSON"))
    }

    /// An operation of a query service (STS, IAM, CloudFormation, SNS); answers XML.
    pub fn query(&self, service: &str, action: &str, params: &[(&str, &str)]) -> Result<String> {
        let version = match service {
            "sts" => "2011-06-15",
            "iam" => "2010-05-08",
            "cloudformation" => "2010-05-15",
            _ => "2010-03-31",
        };
        let mut all = vec![("Action", action), ("Version", version)];
        all.extend_from_slice(params);
        let headers = [("content-type", "application/x-www-form-urlencoded")];
        let answer = self
            .request(service, Method::POST, "/", &headers, form(&all).into())
            .with_context(|| format!("{action} in {} {}", self.id, self.region))?;
        Ok(String::from_utf8_lossy(&answer.body).into_owned())
    }

    /// Any signed request; `path_and_query` is encoded already.
    pub fn request(
        &self,
        service: &str,
        method: Method,
        path_and_query: &str,
        headers: &[(&str, &str)],
        body: Bytes,
    ) -> Result<Response> {
        self.runtime.block_on(self.aws.call(Call {
            credentials: &self.credentials,
            region: &self.region,
            service,
            method,
            path_and_query,
            headers,
            body,
        }))
    }

    /// A session of `role`, narrowed by `session_policy` when one is given.
    pub fn assume_role(
        &self,
        role: &str,
        session: &str,
        external_id: Option<&str>,
        session_policy: Option<&Value>,
    ) -> Result<Credentials> {
        let policy = session_policy.map(Value::to_string);
        let mut params = vec![("RoleArn", role), ("RoleSessionName", session)];
        params.extend(external_id.map(|id| ("ExternalId", id)));
        params.extend(policy.as_deref().map(|policy| ("Policy", policy)));
        self.runtime
            .block_on(
                self.aws
                    .assume_role(&self.credentials, &self.region, &params),
            )
            .with_context(|| format!("AssumeRole {role} as {}", self.id))
    }
}
