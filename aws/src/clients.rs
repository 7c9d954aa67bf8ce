//! One configuration, one HTTP client, one session per role, kept across invocations.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::{Duration, SystemTime};

use aws_config::environment::EnvironmentVariableCredentialsProvider;
use aws_config::identity::IdentityCache;
use aws_config::retry::RetryConfig;
use aws_config::timeout::TimeoutConfig;
use aws_config::{BehaviorVersion, Region, SdkConfig};
use aws_credential_types::Credentials;
use aws_credential_types::provider::SharedCredentialsProvider;
use aws_smithy_async::rt::sleep::{SharedAsyncSleep, TokioSleep};
use aws_smithy_async::time::{SharedTimeSource, SystemTimeSource};
use aws_smithy_http_client::tls::{Provider, rustls_provider::CryptoMode};
use aws_smithy_runtime_api::client::http::SharedHttpClient;
use shared::error::Failure;
use shared::job::Job;
use shared::names::{Account, RoleArn};
use shared::rollout_file::images::EcrRepository;
use shared::rollout_file::target::Target as Place;
use tokio::sync::Mutex;

mod person;
mod target;

pub use person::Person;
pub use target::Target;

use crate::error::{CallError, Caller};
use crate::sts;

/// How long one attempt of a call may take; there is no limit by default.
const ATTEMPT: Duration = Duration::from_secs(5);
/// As [`ATTEMPT`], for an object or a piece of one.
const ATTEMPT_S3: Duration = Duration::from_secs(15);
/// Sessions that end sooner than this are renewed at an invocation's start (a Lambda runs for at
/// most fifteen minutes).
const RENEW: Duration = Duration::from_secs(20 * 60);

/// Everything a function talks to AWS with.
pub struct Clients {
    config: SdkConfig,
    /// CodePipeline, in the function's own region, which is the pipeline's.
    pub codepipeline: aws_sdk_codepipeline::Client,
    sts: aws_sdk_sts::Client,
    me: Mutex<Option<Caller>>,
    sessions: Mutex<HashMap<String, Session>>,
}

/// A role that was assumed: good for every region.
#[derive(Clone)]
struct Session {
    credentials: SharedCredentialsProvider,
    expires: Option<SystemTime>,
}

impl Clients {
    /// Reads region and credentials from Lambda's environment, and nothing else: the SDK's usual
    /// search for them (profiles, instance metadata, containers) is never needed there and would be
    /// a third of the binary.
    pub fn from_environment() -> Self {
        let set = |name: &str| std::env::var(name).ok().filter(|value| !value.is_empty());
        let mut config = SdkConfig::builder()
            .behavior_version(BehaviorVersion::v2026_01_12())
            .region(set("AWS_REGION").map(Region::new))
            .credentials_provider(SharedCredentialsProvider::new(
                EnvironmentVariableCredentialsProvider::new(),
            ))
            .identity_cache(IdentityCache::lazy().build())
            .sleep_impl(SharedAsyncSleep::new(TokioSleep::new()))
            .time_source(SharedTimeSource::new(SystemTimeSource::new()))
            .http_client(https())
            .retry_config(
                RetryConfig::standard()
                    .with_max_attempts(6)
                    .with_initial_backoff(Duration::from_millis(200))
                    .with_max_backoff(Duration::from_secs(5)),
            )
            .timeout_config(timeouts(ATTEMPT));
        config.set_endpoint_url(set("AWS_ENDPOINT_URL"));
        Self::new(config.build())
    }

    /// Clients over a configuration.
    pub fn new(config: SdkConfig) -> Self {
        Self {
            codepipeline: aws_sdk_codepipeline::Client::new(&config),
            sts: aws_sdk_sts::Client::new(&config),
            me: Mutex::default(),
            sessions: Mutex::default(),
            config,
        }
    }

    /// The function's own region, which is the pipeline's.
    pub fn region(&self) -> &str {
        self.config.region().map(Region::as_ref).unwrap_or_default()
    }

    /// Asks who we are: the first TLS handshake, made while Lambda does not bill for it, and the
    /// name that explanations of denied calls use. Nothing depends on the answer.
    pub async fn warm_up(&self) {
        let asked = tokio::time::timeout(Duration::from_secs(2), sts::whoami(&self.sts)).await;
        match asked {
            Ok(Ok(arn)) => *self.me.lock().await = Some(caller_of(&arn)),
            Ok(Err(error)) => tracing::warn!(%error, "could not ask who this function is"),
            Err(_) => tracing::warn!("could not ask who this function is: no answer within 2 s"),
        }
    }

    /// Who the function itself is.
    pub async fn me(&self, job: &Job) -> Caller {
        self.me.lock().await.clone().unwrap_or_else(|| Caller {
            name: "the function's role".into(),
            account: job.account.clone(),
        })
    }

    /// S3 with the job's own credentials (CONTRACTS 3.1.10), in the pipeline's region.
    pub fn artifacts(&self, job: &Job) -> (aws_sdk_s3::Client, Caller) {
        let credentials = Credentials::new(
            job.credentials.access_key_id(),
            job.credentials.expose_secret_access_key(),
            job.credentials.expose_session_token().map(str::to_owned),
            job.credentials
                .expiration_ms()
                .map(|ms| SystemTime::UNIX_EPOCH + Duration::from_millis(ms)),
            "CodePipeline",
        );
        let config = s3(&self.config).credentials_provider(credentials).build();
        let caller = Caller {
            name: "the job's artifact credentials".into(),
            account: job.account.clone(),
        };
        (aws_sdk_s3::Client::from_conf(config), caller)
    }

    /// S3 with the function's own credentials, in its own region.
    pub fn own_s3(&self) -> aws_sdk_s3::Client {
        aws_sdk_s3::Client::from_conf(s3(&self.config).build())
    }

    /// A target's clients; the session is named after the execution, for CloudTrail there. Targets
    /// of one role share one session, in whatever region they are and however many ask at once.
    pub async fn target(
        &self,
        job: &Job,
        execution: &str,
        target: &Place,
    ) -> Result<Arc<Target>, Failure> {
        let Some(role) = &target.role else {
            let account = Account::parse(&job.account).ok_or_else(|| {
                Failure::configuration("the job has no account id, and the target no role")
            })?;
            let caller = self.me(job).await;
            let config = self.in_region(&target.region);
            return Ok(Arc::new(Target::new(config, caller, account)));
        };
        let what = format!("target {}", target.name);
        let external_id = target.external_id.as_deref();
        let reached = self.assumed(job, execution, &what, role, external_id, &target.region);
        reached.await
    }

    /// The clients of whoever assumes a role, in a region. `what` is what failures call the purpose.
    pub async fn assumed(
        &self,
        job: &Job,
        execution: &str,
        what: &str,
        role: &RoleArn,
        external_id: Option<&str>,
        region: &shared::names::Region,
    ) -> Result<Arc<Target>, Failure> {
        let session = match self.session(role, execution, external_id).await {
            Ok(session) => session,
            Err(error) => {
                let account = role.account().as_str();
                let me = self.me(job).await;
                return Err(error.explain(what, &me, role.as_str(), account, external_id, None));
            }
        };
        let caller = Caller {
            name: role.as_str().to_owned(),
            account: role.account().as_str().to_owned(),
        };
        let config = self.in_region(region).into_builder();
        let config = config.credentials_provider(session.credentials).build();
        let account = role.account().clone();
        Ok(Arc::new(Target::new(config, caller, account)))
    }

    fn in_region(&self, region: &shared::names::Region) -> SdkConfig {
        let region = Region::new(region.as_str().to_owned());
        self.config.to_builder().region(region).build()
    }

    /// Step Functions in the function's own region and account.
    pub fn states(&self) -> aws_sdk_sfn::Client {
        aws_sdk_sfn::Client::new(&self.config)
    }

    /// EventBridge in the function's own region and account.
    pub fn events(&self) -> aws_sdk_eventbridge::Client {
        aws_sdk_eventbridge::Client::new(&self.config)
    }

    /// ECR in the region of a repository, as the function itself.
    pub fn own_ecr(&self, repository: &EcrRepository) -> aws_sdk_ecr::Client {
        aws_sdk_ecr::Client::new(&self.in_region(&repository.region))
    }

    /// KMS in the function's own region and account.
    pub fn kms(&self) -> aws_sdk_kms::Client {
        aws_sdk_kms::Client::new(&self.config)
    }

    /// A role's session: the one that is kept, or a new one.
    async fn session(
        &self,
        role: &RoleArn,
        execution: &str,
        external_id: Option<&str>,
    ) -> Result<Session, CallError> {
        let id = [role.as_str(), execution, external_id.unwrap_or_default()].join("\n");
        // Held over the call: whoever comes meanwhile waits for the one session.
        let mut sessions = self.sessions.lock().await;
        // Ended sessions go; what a warm function keeps stays small.
        sessions.retain(|_, session| {
            session
                .expires
                .is_none_or(|expires| expires > SystemTime::now() + RENEW)
        });
        if let Some(known) = sessions.get(&id) {
            return Ok(known.clone());
        }
        let name = format!("redbutton-{execution}");
        let credentials = sts::assume_role(&self.sts, role, &name, external_id).await?;
        let session = Session {
            expires: credentials.expiry(),
            credentials: SharedCredentialsProvider::new(credentials),
        };
        sessions.insert(id, session.clone());
        Ok(session)
    }

    /// ECR for a repository: whoever lives in the registry's account asks; from a third account
    /// the target's role asks, which the repository's policy has to allow.
    pub async fn ecr(
        &self,
        job: &Job,
        target: &Target,
        repository: &EcrRepository,
    ) -> (aws_sdk_ecr::Client, Caller) {
        let own =
            repository.account.as_str() == job.account && repository.account != target.account;
        let (config, caller) = if own {
            (&self.config, self.me(job).await)
        } else {
            (&target.config, target.caller.clone())
        };
        let config = config
            .to_builder()
            .region(Region::new(repository.region.as_str().to_owned()))
            .build();
        (aws_sdk_ecr::Client::new(&config), caller)
    }
}

fn https() -> SharedHttpClient {
    aws_smithy_http_client::Builder::new()
        .tls_provider(Provider::Rustls(CryptoMode::AwsLc))
        .build_https()
}

fn s3(config: &SdkConfig) -> aws_sdk_s3::config::Builder {
    aws_sdk_s3::config::Builder::from(config)
        .timeout_config(timeouts(ATTEMPT_S3))
        // The emulator has no bucket host names; AWS takes both forms.
        .force_path_style(config.endpoint_url().is_some())
}

fn timeouts(attempt: Duration) -> TimeoutConfig {
    TimeoutConfig::builder()
        .connect_timeout(Duration::from_secs(3))
        .operation_attempt_timeout(attempt)
        .operation_timeout(Duration::from_secs(45))
        .build()
}

/// `arn:aws:sts::1…:assumed-role/NAME/SESSION` → the role.
fn caller_of(arn: &str) -> Caller {
    let account = arn.split(':').nth(4).unwrap_or_default().to_owned();
    let name = match arn
        .split_once(":assumed-role/")
        .and_then(|(_, rest)| rest.split('/').next())
    {
        Some(role) => format!("arn:aws:iam::{account}:role/{role}"),
        None => arn.to_owned(),
    };
    Caller { name, account }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::replay::replay;
    use serde_json::json;
    use shared::names;
    use shared::rollout_file::target::Kind;

    fn place(region: &str) -> Place {
        Place {
            name: "web".into(),
            cluster: "test".into(),
            region: names::Region::parse(region).unwrap(),
            role: RoleArn::parse("arn:aws:iam::333333333333:role/redbutton-rollout"),
            external_id: Some("redbutton-test".into()),
            task_definition: None,
            after: vec![],
            kind: Kind::Service("web".into()),
        }
    }

    #[tokio::test]
    async fn a_role_is_assumed_once_for_all_regions_that_ask_at_once() {
        let session = "<AssumeRoleResponse><AssumeRoleResult><Credentials>\
            <AccessKeyId>ASIAX</AccessKeyId><SecretAccessKey>s</SecretAccessKey><SessionToken>t</SessionToken>\
            <Expiration>2999-01-01T00:00:00Z</Expiration></Credentials></AssumeRoleResult></AssumeRoleResponse>";
        let (config, replay) = replay([(200, json!(session))]);
        let clients = Clients::new(config);
        let event = json!({"CodePipeline.job": {"id": "11111111-abcd-1111-abcd-111111abcdef",
            "accountId": "111111111111", "data": {"artifactCredentials":
                {"accessKeyId": "AKIDEXAMPLE", "secretAccessKey": "x", "sessionToken": "y"}}}});
        let job = Job::parse(&event).ok().unwrap();
        let (first, second) = (place("us-east-1"), place("ap-southeast-2"));
        let (first, second) = tokio::join!(
            clients.target(&job, "e", &first),
            clients.target(&job, "e", &second),
        );
        for target in [first.unwrap(), second.unwrap()] {
            assert_eq!(target.account.as_str(), "333333333333");
        }
        assert_eq!(replay.calls().len(), 1);
    }
}
