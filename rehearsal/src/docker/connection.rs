//! HTTP/1.1 through any stream: one request over a connection of its own, bodies passed on as they
//! come.

use std::future::Future;
use std::pin::Pin;

use anyhow::{Context, Result};
use http::header::{CONTENT_LENGTH, CONTENT_TYPE, TRANSFER_ENCODING};
use http::{HeaderMap, HeaderValue, Request, Response, StatusCode};
use http_body_util::combinators::BoxBody;
use http_body_util::{BodyExt, Full};
use hyper::body::{Bytes, Incoming};
use hyper::service::service_fn;
use hyper_util::rt::TokioIo;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::{TcpListener, UnixListener};
use tokio::task::JoinSet;

/// A body that is passed on or one that was made here.
pub(super) type Body = BoxBody<Bytes, hyper::Error>;

/// Both directions of a connection.
pub(super) trait Stream: AsyncRead + AsyncWrite + Send + Unpin + 'static {}
impl<T: AsyncRead + AsyncWrite + Send + Unpin + 'static> Stream for T {}

/// A listening socket of either kind.
pub(super) trait Listener: Send + 'static {
    /// The next connection, when there is one.
    fn connection(&self) -> Accepting<'_>;
}

type Accepting<'a> = Pin<Box<dyn Future<Output = std::io::Result<Box<dyn Stream>>> + Send + 'a>>;

impl Listener for UnixListener {
    fn connection(&self) -> Accepting<'_> {
        Box::pin(async { Ok(Box::new(self.accept().await?.0) as Box<dyn Stream>) })
    }
}

impl Listener for TcpListener {
    fn connection(&self) -> Accepting<'_> {
        Box::pin(async { Ok(Box::new(self.accept().await?.0) as Box<dyn Stream>) })
    }
}

/// A body of these bytes.
pub(super) fn whole(bytes: impl Into<Bytes>) -> Body {
    Full::new(bytes.into())
        .map_err(|never| match never {})
        .boxed()
}

/// Says in `headers` that the body is of this length now.
pub(super) fn set_length(headers: &mut HeaderMap, length: usize) {
    headers.remove(TRANSFER_ENCODING);
    headers.insert(CONTENT_LENGTH, HeaderValue::from(length));
}

/// Sends one request and returns the answer when its head is there. Dropping the answer's body
/// closes the connection, which is how a reader of endless logs stops.
pub(super) async fn send(
    stream: impl Stream,
    request: Request<Body>,
) -> Result<Response<Incoming>> {
    let (mut sender, connection) = hyper::client::conn::http1::handshake(TokioIo::new(stream))
        .await
        .context("greet the other side")?;
    tokio::spawn(connection.with_upgrades());
    sender
        .send_request(request)
        .await
        .context("no answer from the other side")
}

/// Answers every request of every connection until it is dropped; an error becomes a 502 in the
/// form that Docker's clients print.
pub(super) async fn serve<F, A>(listener: impl Listener, answer: F)
where
    F: Fn(Request<Incoming>) -> A + Clone + Send + Sync + 'static,
    A: Future<Output = Result<Response<Body>>> + Send + 'static,
{
    // Dropped with this future, and the connections with it.
    let mut connections = JoinSet::new();
    loop {
        tokio::select! {
            Ok(stream) = listener.connection() => {
                connections.spawn(serve_connection(stream, answer.clone()));
            }
            // Out of file descriptors, it waits until a connection ends and gives some back.
            Some(_) = connections.join_next() => {}
            else => tokio::task::yield_now().await,
        }
    }
}

async fn serve_connection<F, A>(stream: Box<dyn Stream>, answer: F)
where
    F: Fn(Request<Incoming>) -> A,
    A: Future<Output = Result<Response<Body>>>,
{
    let service = service_fn(|request| {
        let answer = answer(request);
        async { anyhow::Ok(answer.await.unwrap_or_else(|error| refusal(&error))) }
    });
    // A client that hangs up is no fault of the server's.
    let _ = hyper::server::conn::http1::Builder::new()
        .serve_connection(TokioIo::new(stream), service)
        .with_upgrades()
        .await;
}

fn refusal(error: &anyhow::Error) -> Response<Body> {
    let message = serde_json::json!({ "message": format!("redbutton's rehearsal: {error:#}") });
    let mut response = Response::new(whole(message.to_string()));
    *response.status_mut() = StatusCode::BAD_GATEWAY;
    response
        .headers_mut()
        .insert(CONTENT_TYPE, HeaderValue::from_static("application/json"));
    response
}
