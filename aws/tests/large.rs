//! The largest input of CodePipeline goes through in as little memory as a small one: a stream of 5 GiB
//! that is made while it is read, and is gone when it was counted. A process of its own, whose memory
//! is nobody else's.

#![expect(clippy::unwrap_used, reason = "a test reports by panicking")]

use std::pin::Pin;
use std::sync::{Arc, Mutex};
use std::task::{Context, Poll};
use std::time::Duration;

use aws::s3::bucket::Bucket;
use aws::s3::through::{Source, Until, copy};
use aws_config::{BehaviorVersion, Region, SdkConfig};
use aws_credential_types::Credentials;
use aws_credential_types::provider::SharedCredentialsProvider;
use aws_smithy_async::rt::sleep::{SharedAsyncSleep, TokioSleep};
use aws_smithy_runtime_api::client::http::{
    HttpConnector, HttpConnectorFuture, SharedHttpConnector, http_client_fn,
};
use aws_smithy_runtime_api::client::orchestrator::{HttpRequest, HttpResponse};
use aws_smithy_types::body::SdkBody;
use http_body::{Body, Frame, SizeHint};

/// CodePipeline's limit.
const SIZE: u64 = 5 << 30;
/// How much comes at once.
const PIECE: usize = 64 << 10;
/// The budget of a function, in KiB.
const MOST_KIB: u64 = 25_000;

/// S3, as far as a copy needs it.
#[derive(Debug, Default, Clone)]
struct Endless {
    /// Bytes of each part that arrived, in their order, as they were framed.
    parts: Arc<Mutex<Vec<u64>>>,
    reads: Arc<Mutex<usize>>,
}

/// So many bytes.
struct Made {
    left: u64,
    piece: <SdkBody as Body>::Data,
}

impl Body for Made {
    type Data = <SdkBody as Body>::Data;
    type Error = std::convert::Infallible;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        _: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Self::Data>, Self::Error>>> {
        let length = usize::try_from(self.left).unwrap_or(usize::MAX).min(PIECE);
        if length == 0 {
            return Poll::Ready(None);
        }
        self.left -= length as u64;
        Poll::Ready(Some(Ok(Frame::data(self.piece.slice(..length)))))
    }

    fn size_hint(&self) -> SizeHint {
        SizeHint::with_exact(self.left)
    }
}

impl HttpConnector for Endless {
    fn call(&self, request: HttpRequest) -> HttpConnectorFuture {
        let all = self.clone();
        HttpConnectorFuture::new(async move { Ok(all.answer(request).await) })
    }
}

impl Endless {
    async fn answer(&self, request: HttpRequest) -> HttpResponse {
        let text = |text: &str| HttpResponse::new(200.try_into().unwrap(), SdkBody::from(text));
        let (method, uri) = (request.method().to_owned(), request.uri().to_owned());
        match method.as_str() {
            "GET" => {
                let range = request.headers().get("range").unwrap().to_owned();
                let (from, to) = range
                    .strip_prefix("bytes=")
                    .unwrap()
                    .split_once('-')
                    .unwrap();
                let (from, to): (u64, u64) = (from.parse().unwrap(), to.parse().unwrap());
                let left = (to + 1).min(SIZE) - from;
                *self.reads.lock().unwrap() += 1;
                let piece = vec![7; PIECE].into();
                let body = SdkBody::from_body_1_x(Made { left, piece });
                let mut response = HttpResponse::new(206.try_into().unwrap(), body);
                let headers = response.headers_mut();
                headers.insert("content-length", left.to_string());
                headers.insert("content-range", format!("bytes {from}-{to}/{SIZE}"));
                headers.insert("etag", "\"e\"");
                response
            }
            "PUT" => {
                let mut body = request.into_body();
                let mut length = 0;
                while let Some(frame) =
                    std::future::poll_fn(|context| Pin::new(&mut body).poll_frame(context)).await
                {
                    length += frame
                        .unwrap()
                        .data_ref()
                        .map_or(0, |data| data.len() as u64);
                }
                self.parts.lock().unwrap().push(length);
                let mut response = text("");
                response.headers_mut().insert("etag", "\"p\"");
                response
            }
            _ if uri.contains("uploads") => text(
                "<InitiateMultipartUploadResult><UploadId>u</UploadId></InitiateMultipartUploadResult>",
            ),
            _ => text(
                "<CompleteMultipartUploadResult><ETag>\"w\"</ETag></CompleteMultipartUploadResult>",
            ),
        }
    }
}

// rules: 3.7.1 3.7.4
#[tokio::test]
async fn five_gibibytes_take_no_more_memory_than_a_part_of_a_part() {
    let s3 = Endless::default();
    let connector = SharedHttpConnector::new(s3.clone());
    let credentials = Credentials::new("AKIDEXAMPLE", "x", None, None, "test");
    let config = SdkConfig::builder()
        .behavior_version(BehaviorVersion::v2026_01_12())
        .region(Region::new("us-east-1"))
        .credentials_provider(SharedCredentialsProvider::new(credentials))
        .sleep_impl(SharedAsyncSleep::new(TokioSleep::new()))
        .http_client(http_client_fn(move |_, _| connector.clone()))
        .build();
    let client = aws::s3::Client::new(&config);
    let source = Source {
        client: &client,
        bucket: "artifacts",
        key: "orders/Build/1",
        written_until: None,
    };
    let bucket = Bucket {
        client: &client,
        name: "releases",
        owner: "222222222222",
        kms_key: None,
    };
    let until = Until::at(tokio::time::Instant::now() + Duration::from_secs(600));
    let written = copy(source, bucket, "releases/orders/1/Build.zip", &until).await;
    let written = written.unwrap();
    assert_eq!(written.passed.size, SIZE);
    assert!(written.passed.checksum.ends_with("-320"));
    assert_eq!(*s3.reads.lock().unwrap(), 320);
    let parts = s3.parts.lock().unwrap();
    assert_eq!(parts.len(), 320);
    assert!(parts.iter().all(|part| *part >= 16 << 20), "{parts:?}");
    let peak = peak_kib();
    assert!(peak < MOST_KIB, "{peak} KiB");
}

/// The most memory that this process has had.
fn peak_kib() -> u64 {
    let status = std::fs::read_to_string("/proc/self/status").unwrap();
    let line = status.lines().find(|line| line.starts_with("VmHWM:"));
    let number = line.and_then(|line| line.split_whitespace().nth(1));
    number.unwrap().parse().unwrap()
}
