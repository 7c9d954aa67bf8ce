//! Lambda's Runtime API for one process: it asks for an event, and posts what the function returns.
//!
//! AWS: "Using the Lambda runtime API for custom runtimes".

use std::convert::Infallible;
use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::mpsc::{self, Receiver, RecvTimeoutError, Sender};
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use anyhow::{Context, Result, bail};
use http::{Method, Request, Response, StatusCode};
use http_body_util::{BodyExt, Full};
use hyper::body::{Bytes, Incoming};
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::TokioIo;
use rehearsal::suite::UPDATER;
use serde_json::Value;
use tokio::net::TcpListener;
use tokio::runtime::Handle;
use tokio::sync::Mutex;
use tokio::sync::mpsc::{UnboundedReceiver, UnboundedSender, unbounded_channel};
use tokio::task::JoinHandle;

/// As `template.yaml` has it.
const TIMEOUT: Duration = Duration::from_secs(300);

/// The server, until it is dropped.
pub(super) struct RuntimeApi {
    address: SocketAddr,
    events: UnboundedSender<String>,
    returned: Receiver<Returned>,
    task: JoinHandle<()>,
}

/// What a function returned, or the error that it ended with.
struct Returned {
    at: Instant,
    failed: bool,
    body: Bytes,
}

/// The server's ends of both.
struct Ends {
    events: Mutex<UnboundedReceiver<String>>,
    returned: Sender<Returned>,
}

impl RuntimeApi {
    /// Starts to listen.
    pub(super) fn start(handle: &Handle) -> Result<Self> {
        let listener = handle
            .block_on(TcpListener::bind("127.0.0.1:0"))
            .context("find a port for the Runtime API")?;
        let address = listener
            .local_addr()
            .context("find the Runtime API's port")?;
        let (events, receiver) = unbounded_channel();
        let (sender, returned) = mpsc::channel();
        let ends = Arc::new(Ends {
            events: Mutex::new(receiver),
            returned: sender,
        });
        let task = handle.spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                let ends = Arc::clone(&ends);
                let answering = service_fn(move |request| answer(Arc::clone(&ends), request));
                let connection =
                    http1::Builder::new().serve_connection(TokioIo::new(stream), answering);
                // Ends with the process, be it in the middle of a request.
                tokio::spawn(connection);
            }
        });
        Ok(Self {
            address,
            events,
            returned,
            task,
        })
    }

    /// `AWS_LAMBDA_RUNTIME_API`.
    pub(super) fn address(&self) -> SocketAddr {
        self.address
    }

    /// Lays an event ready for the process.
    pub(super) fn offer(&self, event: &Value) -> Result<()> {
        let sent = self.events.send(event.to_string());
        sent.context("the Runtime API has ended")
    }

    /// When the function returned; none when it has not within `patience`.
    pub(super) fn returned(&self, patience: Duration) -> Result<Option<Instant>> {
        match self.returned.recv_timeout(patience) {
            Ok(Returned {
                failed: true, body, ..
            }) => {
                bail!("it failed: {}", String::from_utf8_lossy(&body))
            }
            Ok(returned) => Ok(Some(returned.at)),
            Err(RecvTimeoutError::Timeout) => Ok(None),
            Err(RecvTimeoutError::Disconnected) => bail!("the Runtime API has ended"),
        }
    }
}

impl Drop for RuntimeApi {
    fn drop(&mut self) {
        self.task.abort();
    }
}

async fn answer(
    ends: Arc<Ends>,
    request: Request<Incoming>,
) -> Result<Response<Full<Bytes>>, Infallible> {
    let (parts, body) = request.into_parts();
    let mut response = Response::new(Full::default());
    if parts.method == Method::GET {
        let event = ends.events.lock().await.recv().await;
        let deadline = SystemTime::now() + TIMEOUT;
        let deadline = deadline.duration_since(UNIX_EPOCH).unwrap_or_default();
        let arn = format!("arn:aws:lambda:us-east-1:111111111111:function:{UPDATER}");
        for (name, value) in [
            (
                "lambda-runtime-aws-request-id",
                "11111111-2222-3333-4444-555555555555",
            ),
            (
                "lambda-runtime-deadline-ms",
                &deadline.as_millis().to_string(),
            ),
            ("lambda-runtime-invoked-function-arn", &arn),
            ("content-type", "application/json"),
        ] {
            // All of them are plain text.
            if let Ok(value) = value.parse() {
                response.headers_mut().insert(name, value);
            }
        }
        *response.body_mut() = Full::from(event.unwrap_or_default());
        return Ok(response);
    }
    let body = body.collect().await.map(|body| body.to_bytes());
    let returned = Returned {
        at: Instant::now(),
        failed: parts.uri.path().ends_with("/error"),
        body: body.unwrap_or_default(),
    };
    // Nobody listens any more when the process was given up.
    let _ = ends.returned.send(returned);
    *response.status_mut() = StatusCode::ACCEPTED;
    Ok(response)
}
