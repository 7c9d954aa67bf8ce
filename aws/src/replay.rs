//! Prepared answers below the SDK, for tests: signing, retries and decoding stay the SDK's.

use std::sync::{Arc, Mutex};

use aws_config::{BehaviorVersion, Region, SdkConfig};
use aws_credential_types::Credentials;
use aws_credential_types::provider::SharedCredentialsProvider;
use aws_smithy_runtime_api::client::http::{
    HttpConnector, HttpConnectorFuture, SharedHttpConnector, http_client_fn,
};
use aws_smithy_runtime_api::client::orchestrator::{HttpRequest, HttpResponse};
use aws_smithy_runtime_api::http::Headers;
use aws_smithy_types::body::SdkBody;
use percent_encoding::percent_decode_str;
use serde_json::{Map, Value};

/// Gives prepared answers and keeps the requests. (The SDK's own StaticReplayClient is behind a
/// feature that would build every SDK crate a second time, for tests only.)
#[derive(Debug, Clone)]
pub struct Replay {
    answers: Arc<Mutex<Vec<(u16, Value)>>>,
    calls: Arc<Mutex<Vec<(String, Value)>>>,
    headers: Arc<Mutex<Vec<Headers>>>,
}

impl Replay {
    /// Operation and body of each call so far. A form is read into an object of texts, CBOR as if it
    /// were JSON; what is none of these is a text, and its operation is method and address.
    pub fn calls(&self) -> Vec<(String, Value)> {
        self.calls.lock().unwrap().clone()
    }

    /// A header of a call, which are counted from 0.
    pub fn header(&self, call: usize, name: &str) -> Option<String> {
        let headers = self.headers.lock().unwrap();
        headers[call].get(name).map(str::to_owned)
    }
}

impl HttpConnector for Replay {
    fn call(&self, request: HttpRequest) -> HttpConnectorFuture {
        self.calls.lock().unwrap().push(read(&request));
        self.headers.lock().unwrap().push(request.headers().clone());
        let (status, body) = self.answers.lock().unwrap().remove(0);
        let body = match body {
            Value::String(text) => text.into_bytes(),
            value if speaks_cbor(&request) => {
                let mut bytes = Vec::new();
                ciborium::into_writer(&value, &mut bytes).unwrap();
                bytes
            }
            json => json.to_string().into_bytes(),
        };
        HttpConnectorFuture::ready(Ok(HttpResponse::new(
            status.try_into().unwrap(),
            SdkBody::from(body),
        )))
    }
}

fn read(request: &HttpRequest) -> (String, Value) {
    let body = request.body().bytes().unwrap();
    if let Some(target) = request.headers().get("x-amz-target") {
        let operation = target.rsplit('.').next().unwrap().to_owned();
        return (operation, serde_json::from_slice(body).unwrap());
    }
    if speaks_cbor(request) {
        let operation = request.uri().rsplit('/').next().unwrap().to_owned();
        return (operation, ciborium::from_reader(body).unwrap());
    }
    let text = String::from_utf8_lossy(body).into_owned();
    if text.starts_with("Action=") {
        let form = form(&text);
        let operation = form["Action"].as_str().unwrap().to_owned();
        return (operation, form.into());
    }
    let address = request.uri().split('?').next().unwrap();
    let operation = format!("{} {address}", request.method());
    (operation, Value::String(text))
}

fn speaks_cbor(request: &HttpRequest) -> bool {
    request.headers().get("smithy-protocol") == Some("rpc-v2-cbor")
}

fn form(text: &str) -> Map<String, Value> {
    let decoded = |text: &str| percent_decode_str(text).decode_utf8().unwrap().into_owned();
    let pairs = text.split('&').map(|pair| pair.split_once('=').unwrap());
    pairs
        .map(|(key, value)| (decoded(key), decoded(value).into()))
        .collect()
}

/// A configuration whose clients get these answers, each a status and a body (JSON, which a
/// service that speaks CBOR gets as that, or a string for any other text), in this order.
pub fn replay(answers: impl IntoIterator<Item = (u16, Value)>) -> (SdkConfig, Replay) {
    let replay = Replay {
        answers: Arc::new(Mutex::new(answers.into_iter().collect())),
        calls: Arc::default(),
        headers: Arc::default(),
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

/// An answer of a service that answers in XML, as the Query protocol has it.
pub fn query(operation: &str, result: &str) -> (u16, Value) {
    let answer = format!(
        "<{operation}Response xmlns=\"http://cloudformation.amazonaws.com/doc/2010-05-15/\">\
         <{operation}Result>{result}</{operation}Result>\
         <ResponseMetadata><RequestId>b9b4b068</RequestId></ResponseMetadata></{operation}Response>"
    );
    (200, answer.into())
}

/// As [`query`], an error.
pub fn query_error(code: &str, message: &str) -> (u16, Value) {
    let answer = format!(
        "<ErrorResponse xmlns=\"http://cloudformation.amazonaws.com/doc/2010-05-15/\"><Error>\
         <Type>Sender</Type><Code>{code}</Code><Message>{message}</Message></Error>\
         <RequestId>b9b4b068</RequestId></ErrorResponse>"
    );
    (400, answer.into())
}
