//! Prepared answers below the SDK, for tests: signing, retries and decoding stay the SDK's.

use std::sync::{Arc, Mutex};

use aws_config::{BehaviorVersion, Region, SdkConfig};
use aws_credential_types::Credentials;
use aws_credential_types::provider::SharedCredentialsProvider;
use aws_smithy_runtime_api::client::http::{
    HttpConnector, HttpConnectorFuture, SharedHttpConnector, http_client_fn,
};
use aws_smithy_runtime_api::client::orchestrator::{HttpRequest, HttpResponse};
use aws_smithy_types::body::SdkBody;
use serde_json::Value;

/// Gives prepared answers and keeps the requests. (The SDK's own StaticReplayClient is behind a
/// feature that would build every SDK crate a second time, for tests only.)
#[derive(Debug, Clone)]
pub struct Replay {
    answers: Arc<Mutex<Vec<(u16, Value)>>>,
    calls: Arc<Mutex<Vec<(String, Value)>>>,
}

impl Replay {
    /// Operation and body of each call so far.
    pub fn calls(&self) -> Vec<(String, Value)> {
        self.calls.lock().unwrap().clone()
    }
}

impl HttpConnector for Replay {
    fn call(&self, request: HttpRequest) -> HttpConnectorFuture {
        let target = request.headers().get("x-amz-target").unwrap_or_default();
        let operation = target.rsplit('.').next().unwrap_or_default().to_owned();
        let body = request.body().bytes().unwrap();
        // STS talks in forms.
        let body = serde_json::from_slice(body)
            .unwrap_or_else(|_| Value::String(String::from_utf8_lossy(body).into_owned()));
        self.calls.lock().unwrap().push((operation, body));
        let (status, body) = self.answers.lock().unwrap().remove(0);
        let body = match body {
            Value::String(text) => text,
            json => json.to_string(),
        };
        HttpConnectorFuture::ready(Ok(HttpResponse::new(
            status.try_into().unwrap(),
            SdkBody::from(body),
        )))
    }
}

/// A configuration whose clients get these answers, each a status and a body (JSON, or a string for
/// any other text), in this order.
pub fn replay(answers: impl IntoIterator<Item = (u16, Value)>) -> (SdkConfig, Replay) {
    let replay = Replay {
        answers: Arc::new(Mutex::new(answers.into_iter().collect())),
        calls: Arc::default(),
    };
    let connector = SharedHttpConnector::new(replay.clone());
    let credentials = Credentials::new("AKIDEXAMPLE", "x", None, None, "test");
    let config = SdkConfig::builder()
        .behavior_version(BehaviorVersion::v2026_01_12())
        .region(Region::new("us-east-1"))
        .credentials_provider(SharedCredentialsProvider::new(credentials))
        .http_client(http_client_fn(move |_, _| connector.clone()))
        .build();
    (config, replay)
}
