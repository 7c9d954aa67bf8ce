//! Prepared answers below the SDK, for tests: signing, retries and decoding stay the SDK's.

use std::pin::Pin;
use std::sync::{Arc, Mutex};
use std::task::{Context, Poll};
use std::time::Duration;

use aws_config::retry::RetryConfig;
use aws_config::{BehaviorVersion, Region, SdkConfig};
use aws_credential_types::Credentials;
use aws_credential_types::provider::SharedCredentialsProvider;
use aws_smithy_runtime_api::client::http::{
    HttpConnector, HttpConnectorFuture, SharedHttpConnector, http_client_fn,
};
use aws_smithy_runtime_api::client::orchestrator::{HttpRequest, HttpResponse};
use aws_smithy_runtime_api::client::result::ConnectorError;
use aws_smithy_runtime_api::http::Headers;
use aws_smithy_types::body::SdkBody;
use aws_smithy_types::byte_stream::ByteStream;
use http_body::{Body, Frame};
use percent_encoding::percent_decode_str;
use serde_json::{Map, Value};

/// An answer: a status and a body. JSON goes as that, or as CBOR to a service that speaks it; a string
/// is any other text.
#[derive(Debug, Clone)]
pub struct Answer {
    status: u16,
    headers: Vec<(&'static str, String)>,
    body: Value,
    /// What follows after as many bytes of the body.
    cut: Option<(usize, Cut)>,
}

/// What becomes of a body that does not come to its end.
#[derive(Debug, Clone, Copy)]
enum Cut {
    Breaks,
    Stalls,
}

impl Answer {
    /// With a header.
    pub fn with(mut self, name: &'static str, value: impl ToString) -> Self {
        self.headers.push((name, value.to_string()));
        self
    }

    /// With a body that breaks off after this many bytes.
    pub fn breaking_at(mut self, bytes: usize) -> Self {
        self.cut = Some((bytes, Cut::Breaks));
        self
    }

    /// With a body of which no more comes after this many bytes.
    pub fn stalling_at(mut self, bytes: usize) -> Self {
        self.cut = Some((bytes, Cut::Stalls));
        self
    }

    fn body(&self, cbor: bool) -> SdkBody {
        let mut bytes = match &self.body {
            Value::String(text) => text.clone().into_bytes(),
            value if cbor => {
                let mut bytes = Vec::new();
                ciborium::into_writer(value, &mut bytes).unwrap();
                bytes
            }
            json => json.to_string().into_bytes(),
        };
        let Some((length, cut)) = self.cut else {
            return SdkBody::from(bytes);
        };
        bytes.truncate(length);
        SdkBody::from_body_1_x(CutBody(Some(bytes), cut))
    }
}

impl From<(u16, Value)> for Answer {
    fn from((status, body): (u16, Value)) -> Self {
        Self {
            status,
            headers: Vec::new(),
            body,
            cut: None,
        }
    }
}

/// What has arrived of a body, and what follows.
struct CutBody(Option<Vec<u8>>, Cut);

impl Body for CutBody {
    type Data = <SdkBody as Body>::Data;
    type Error = std::io::Error;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        _: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Self::Data>, Self::Error>>> {
        match (self.0.take(), self.1) {
            (Some(bytes), _) => Poll::Ready(Some(Ok(Frame::data(bytes.into())))),
            (None, Cut::Breaks) => {
                Poll::Ready(Some(Err(std::io::ErrorKind::ConnectionReset.into())))
            }
            (None, Cut::Stalls) => Poll::Pending,
        }
    }
}

/// Gives prepared answers and keeps the requests. (The SDK's own StaticReplayClient is behind a
/// feature that would build every SDK crate a second time, for tests only.)
#[derive(Debug, Clone)]
pub struct Replay {
    answers: Arc<Mutex<Vec<Answer>>>,
    calls: Arc<Mutex<Vec<Call>>>,
}

#[derive(Debug)]
struct Call {
    address: String,
    operation: String,
    body: Value,
    headers: Headers,
}

impl Replay {
    /// Operation and body of each call so far. A form is read into an object of texts, CBOR as if it
    /// were JSON; what is none of these is a text, and its operation is method and address.
    pub fn calls(&self) -> Vec<(String, Value)> {
        let calls = self.calls.lock().unwrap();
        let calls = calls.iter();
        calls
            .map(|call| (call.operation.clone(), call.body.clone()))
            .collect()
    }

    /// A header of a call, which are counted from 0; or a trailer of its body.
    pub fn header(&self, call: usize, name: &str) -> Option<String> {
        let calls = self.calls.lock().unwrap();
        calls[call].headers.get(name).map(str::to_owned)
    }

    /// The whole address of a call, with its query.
    pub fn address(&self, call: usize) -> String {
        self.calls.lock().unwrap()[call].address.clone()
    }

    /// Keeps a request and gives the next answer.
    fn answer(&self, request: &HttpRequest, sent: &[u8]) -> HttpResponse {
        let (operation, body) = read(request, sent);
        let mut headers = request.headers().clone();
        if is_chunked(request) {
            for (name, value) in chunked(sent).1 {
                headers.insert(name, value);
            }
        }
        self.calls.lock().unwrap().push(Call {
            address: request.uri().to_owned(),
            operation,
            body,
            headers,
        });
        let answer = self.answers.lock().unwrap().remove(0);
        let status = answer.status.try_into().unwrap();
        let mut response = HttpResponse::new(status, answer.body(speaks_cbor(request)));
        for (name, value) in answer.headers {
            response.headers_mut().insert(name, value);
        }
        response
    }
}

impl HttpConnector for Replay {
    fn call(&self, mut request: HttpRequest) -> HttpConnectorFuture {
        if let Some(sent) = request.body().bytes() {
            let sent = sent.to_vec();
            return HttpConnectorFuture::ready(Ok(self.answer(&request, &sent)));
        }
        let replay = self.clone();
        HttpConnectorFuture::new(async move {
            let body = std::mem::replace(request.body_mut(), SdkBody::taken());
            let sent = ByteStream::new(body).collect().await;
            // A request that breaks off is not answered, as on a real connection.
            let sent = sent.map_err(|error| ConnectorError::io(error.into()))?;
            Ok(replay.answer(&request, &sent.into_bytes()))
        })
    }
}

/// Whether a body is cut into chunks with a trailer, as S3 takes it.
fn is_chunked(request: &HttpRequest) -> bool {
    request.headers().get("content-encoding") == Some("aws-chunked")
}

/// The content of such a body, and its trailer.
fn chunked(sent: &[u8]) -> (Vec<u8>, Vec<(String, String)>) {
    let (mut content, mut rest) = (Vec::new(), sent);
    let line = |rest: &mut &[u8]| {
        let end = rest.windows(2).position(|pair| pair == b"\r\n").unwrap();
        let line = String::from_utf8(rest[..end].to_vec()).unwrap();
        *rest = &rest[end + 2..];
        line
    };
    loop {
        let length = usize::from_str_radix(&line(&mut rest), 16).unwrap();
        if length == 0 {
            break;
        }
        content.extend_from_slice(&rest[..length]);
        rest = &rest[length + 2..];
    }
    let mut trailer = Vec::new();
    while !rest.is_empty() {
        let line = line(&mut rest);
        let pair = line.split_once(':');
        trailer.extend(pair.map(|(name, value)| (name.to_owned(), value.trim().to_owned())));
    }
    (content, trailer)
}

fn read(request: &HttpRequest, body: &[u8]) -> (String, Value) {
    if let Some(target) = request.headers().get("x-amz-target") {
        let operation = target.rsplit('.').next().unwrap().to_owned();
        return (operation, serde_json::from_slice(body).unwrap());
    }
    if speaks_cbor(request) {
        let operation = request.uri().rsplit('/').next().unwrap().to_owned();
        return (operation, ciborium::from_reader(body).unwrap());
    }
    let content = match is_chunked(request) {
        true => chunked(body).0,
        false => body.to_vec(),
    };
    let text = String::from_utf8_lossy(&content).into_owned();
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

/// A configuration whose clients get these answers, in this order; each an [`Answer`], or its status
/// and body.
pub fn replay<A: Into<Answer>>(answers: impl IntoIterator<Item = A>) -> (SdkConfig, Replay) {
    let replay = Replay {
        answers: Arc::new(Mutex::new(answers.into_iter().map(Into::into).collect())),
        calls: Arc::default(),
    };
    let connector = SharedHttpConnector::new(replay.clone());
    let credentials = Credentials::new("AKIDEXAMPLE", "x", None, None, "test");
    let config = SdkConfig::builder()
        .behavior_version(BehaviorVersion::v2026_01_12())
        .region(Region::new("us-east-1"))
        .credentials_provider(SharedCredentialsProvider::new(credentials))
        // As often as usual, at once.
        .retry_config(RetryConfig::standard().with_initial_backoff(Duration::ZERO))
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
