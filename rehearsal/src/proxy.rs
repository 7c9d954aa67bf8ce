//! What stands between the functions and AWS: it records every call and makes chosen ones fail.
//!
//! Requests pass with their path, Host header and body unchanged, so that the emulator verifies the
//! very signatures that the functions made. Calls to CodePipeline go to the stand-in.

mod fault;
mod operation;
mod victim;
mod wording;

use std::convert::Infallible;
use std::fmt;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::sync::{Arc, Condvar, Mutex, PoisonError};
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail};
use http::header::{CONNECTION, CONTENT_TYPE, TRANSFER_ENCODING};
use http::{HeaderMap, HeaderValue, Request, StatusCode};
use http_body_util::{BodyExt, Full};
use hyper::body::{Bytes, Incoming};
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::{TokioIo, TokioTimer};
use serde_json::Value;
use tokio::net::{TcpListener, TcpStream};

pub use fault::{Fault, Rewrite, What, When};

use crate::codepipeline::CodePipeline;
use crate::signed::Aws;
use crate::wire::{self, Response, lock};
use fault::Armed;

/// A function's call of AWS, from its arrival on.
#[derive(Clone, Default)]
pub struct Call {
    /// From 0, in the order of arrival since the last [`Proxy::reset`].
    pub index: usize,
    /// From the signature's scope: `ecs`, `s3`, `sts`, `cloudformation`, `codepipeline`.
    pub service: String,
    /// Such as `UpdateService`.
    pub operation: String,
    /// The region that it is signed for.
    pub region: String,
    /// Who signed it.
    pub access_key: String,
    /// Path and query.
    pub path: String,
    /// The request's headers, as they came.
    pub headers: HeaderMap,
    /// The request's content type, empty when it has none.
    pub content_type: String,
    /// What AWS answered; none while it has not, or when a fault kept the call from it.
    pub status: Option<u16>,
    /// The request's body.
    pub request: Bytes,
    /// The answer's body as AWS sent it, before a fault.
    pub response: Bytes,
    /// From arrival to AWS's answer.
    pub duration: Duration,
    /// The fault that hit it, and why when the fault itself failed.
    pub fault: Option<String>,
}

impl Call {
    /// The request's JSON, null when it is none.
    pub fn request_json(&self) -> Value {
        serde_json::from_slice(&self.request).unwrap_or_default()
    }

    /// A parameter of a Query service's request.
    pub fn request_parameter(&self, name: &str) -> Option<String> {
        operation::parameter(std::str::from_utf8(&self.request).ok()?, name)
    }

    /// The answer's JSON, null when it is none.
    pub fn response_json(&self) -> Value {
        serde_json::from_slice(&self.response).unwrap_or_default()
    }
}

impl fmt::Debug for Call {
    /// One line, without bodies: `3 ecs:UpdateService ap-southeast-2 200 (KillAfter)`.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "{} {}:{} {} ",
            self.index, self.service, self.operation, self.region
        )?;
        match self.status {
            Some(status) => write!(f, "{status}")?,
            None => f.write_str("-")?,
        }
        self.fault
            .as_ref()
            .map_or(Ok(()), |fault| write!(f, " ({fault})"))
    }
}

/// The proxy; cloning shares it.
#[derive(Clone)]
pub struct Proxy {
    address: SocketAddr,
    shared: Arc<Shared>,
}

struct Shared {
    aws: Aws,
    pipeline: CodePipeline,
    functions: PathBuf,
    state: Mutex<State>,
    changed: Condvar,
}

#[derive(Default)]
struct State {
    calls: Vec<Call>,
    armed: Vec<Armed>,
    /// Calls of before a reset must not write into the list of after it.
    generation: u64,
}

/// Where a call's record is.
#[derive(Clone, Copy)]
struct Ticket {
    generation: u64,
    index: usize,
}

/// Starts to listen.
pub(crate) async fn start(aws: Aws, pipeline: CodePipeline, functions: PathBuf) -> Result<Proxy> {
    let listener = TcpListener::bind("127.0.0.1:0")
        .await
        .context("find a port for the proxy")?;
    let address = listener.local_addr().context("find a port for the proxy")?;
    let (state, changed) = (Mutex::default(), Condvar::new());
    let shared = Arc::new(Shared {
        aws,
        pipeline,
        functions,
        state,
        changed,
    });
    let proxy = Proxy { address, shared };
    let accepting = proxy.clone();
    tokio::spawn(async move {
        loop {
            // An error here is one client's: it was gone before it was accepted.
            if let Ok((stream, peer)) = listener.accept().await {
                tokio::spawn(accepting.clone().serve(stream, peer));
            }
        }
    });
    Ok(proxy)
}

impl Proxy {
    /// Where functions send their calls.
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// All calls since the last reset, in the order of arrival.
    pub fn calls(&self) -> Vec<Call> {
        lock(&self.shared.state).calls.clone()
    }

    /// How often an operation was called.
    pub fn count(&self, service: &str, operation: &str) -> usize {
        let named = |call: &&Call| call.service == service && call.operation == operation;
        lock(&self.shared.state).calls.iter().filter(named).count()
    }

    /// Forgets the calls; faults stay armed.
    pub fn reset(&self) {
        let mut state = lock(&self.shared.state);
        state.calls.clear();
        state.generation += 1;
    }

    /// Arms a fault, which fires once.
    pub fn inject(&self, fault: Fault) {
        self.inject_times(fault, 1);
    }

    /// Arms a fault that fires at its call and at the following ones that match, `times` in all.
    pub fn inject_times(&self, fault: Fault, times: usize) {
        lock(&self.shared.state).armed.push(Armed {
            fault,
            seen: 0,
            left: times,
        });
    }

    /// Arms a fault that fires at every call that matches, until faults are cleared.
    pub fn inject_for_good(&self, fault: Fault) {
        self.inject_times(fault, usize::MAX);
    }

    /// Disarms every fault, and says how many had not (or not wholly) fired.
    pub fn clear_faults(&self) -> usize {
        std::mem::take(&mut lock(&self.shared.state).armed).len()
    }

    /// Waits until the calls are as wanted; the error lists them.
    pub fn wait_until(&self, timeout: Duration, wanted: impl Fn(&[Call]) -> bool) -> Result<()> {
        let deadline = Instant::now() + timeout;
        let mut state = lock(&self.shared.state);
        while !wanted(&state.calls) {
            let left = deadline.saturating_duration_since(Instant::now());
            if left.is_zero() {
                bail!(
                    "the calls did not come as wanted within {timeout:?}: {:#?}",
                    state.calls
                );
            }
            let woken = self.shared.changed.wait_timeout(state, left);
            state = woken.unwrap_or_else(PoisonError::into_inner).0;
        }
        Ok(())
    }

    async fn serve(self, stream: TcpStream, peer: SocketAddr) {
        let service = service_fn(move |request| {
            let proxy = self.clone();
            async move { proxy.handle(peer, request).await }
        });
        // An error here is a client that went, or a fault that closes the connection.
        let _ = http1::Builder::new()
            .timer(TokioTimer::new())
            .serve_connection(TokioIo::new(stream), service)
            .await;
    }

    /// One request; an error closes the connection without an answer.
    async fn handle(
        &self,
        peer: SocketAddr,
        request: Request<Incoming>,
    ) -> Result<http::Response<Full<Bytes>>> {
        let (parts, body) = request.into_parts();
        let body = body
            .collect()
            .await
            .context("the client broke off")?
            .to_bytes();
        let (ticket, call, fault) = self.record(&parts, body.clone());
        match fault {
            Some(What::Delay(time)) => tokio::time::sleep(time).await,
            Some(What::KillBefore) => return Err(self.kill(peer, ticket).await),
            Some(What::Throttle) => {
                let (status, content_type, body) = wording::throttle(&call);
                return answer(canned(status, content_type, body));
            }
            Some(What::Refuse {
                status,
                ref code,
                ref message,
            }) => {
                let (content_type, body) = wording::refusal(&call, code, message);
                return answer(canned(status, content_type, body));
            }
            Some(What::Answer {
                status,
                ref content_type,
                ref body,
            }) => {
                return answer(canned(status, content_type, body.clone()));
            }
            _ => {}
        }
        let arrived = Instant::now();
        let noted = |response: &Response| {
            self.note(ticket, |call| {
                call.status = Some(response.status);
                call.response = response.body.clone();
                call.duration = arrived.elapsed();
            });
        };
        let mut response = self.carry_out(&call, &parts, body, noted).await?;
        match fault {
            Some(What::DropAnswer) => bail!("the answer is dropped"),
            // Until the client closes the connection, which ends this future.
            Some(What::NeverAnswer) => match std::future::pending::<Infallible>().await {},
            Some(What::KillAfter) => Err(self.kill(peer, ticket).await),
            Some(what) => {
                what.change(&call, &mut response);
                answer(response)
            }
            None => answer(response),
        }
    }

    /// Notes a call's arrival and takes the fault that it sets off.
    fn record(&self, parts: &http::request::Parts, body: Bytes) -> (Ticket, Call, Option<What>) {
        let named = operation::name(parts, &body);
        let content_type = parts
            .headers
            .get(CONTENT_TYPE)
            .and_then(|value| value.to_str().ok());
        let mut state = lock(&self.shared.state);
        let mut call = Call {
            index: state.calls.len(),
            service: named.service,
            operation: named.operation,
            region: named.region,
            access_key: named.access_key,
            path: path_and_query(parts).to_owned(),
            headers: parts.headers.clone(),
            content_type: content_type.unwrap_or_default().to_owned(),
            request: body,
            ..Call::default()
        };
        let fault = fault::fire(&mut state.armed, &call);
        call.fault = fault.as_ref().map(|fault| format!("{fault:?}"));
        state.calls.push(call.clone());
        let ticket = Ticket {
            generation: state.generation,
            index: call.index,
        };
        drop(state);
        self.shared.changed.notify_all();
        (ticket, call, fault)
    }

    /// Changes a call's record, unless a reset forgot it.
    fn note(&self, ticket: Ticket, change: impl FnOnce(&mut Call)) {
        let mut state = lock(&self.shared.state);
        if state.generation == ticket.generation
            && let Some(call) = state.calls.get_mut(ticket.index)
        {
            change(call);
        }
        drop(state);
        self.shared.changed.notify_all();
    }

    async fn carry_out(
        &self,
        call: &Call,
        parts: &http::request::Parts,
        body: Bytes,
        noted: impl FnOnce(&Response),
    ) -> Result<Response> {
        let aws = &self.shared.aws;
        let (method, headers) = (&parts.method, &parts.headers);
        let answer = wire::send(&aws.http, aws.endpoint, method, &call.path, headers, body).await?;
        // The emulator has verified the caller; the rest of CodePipeline is the stand-in's.
        if call.service == "codepipeline" && answer.status == 200 {
            return self.shared.pipeline.answer(call, &answer.body, noted);
        }
        noted(&answer);
        Ok(answer)
    }

    /// Kills the caller; a failure to do so is noted where a test that looks at the call finds it.
    async fn kill(&self, peer: SocketAddr, ticket: Ticket) -> anyhow::Error {
        let (proxy, functions) = (self.address, self.shared.functions.clone());
        let killing = move || victim::kill(peer, proxy, &functions);
        match tokio::task::spawn_blocking(killing).await {
            Ok(Ok(pid)) => anyhow::anyhow!("process {pid} was killed"),
            Ok(Err(error)) => {
                self.note(ticket, |call| {
                    call.fault = Some(format!("no kill: {error:#}"))
                });
                error
            }
            Err(error) => error.into(),
        }
    }
}

fn path_and_query(parts: &http::request::Parts) -> &str {
    parts.uri.path_and_query().map_or("/", |path| path.as_str())
}

fn canned(status: u16, content_type: &str, body: Bytes) -> Response {
    let mut headers = HeaderMap::new();
    if let Ok(value) = HeaderValue::from_str(content_type) {
        headers.insert(CONTENT_TYPE, value);
    }
    Response {
        status,
        headers,
        body,
    }
}

fn answer(response: Response) -> Result<http::Response<Full<Bytes>>> {
    let mut answer = http::Response::new(Full::new(response.body));
    *answer.status_mut() = StatusCode::from_u16(response.status).context("answer a status")?;
    *answer.headers_mut() = response.headers;
    for name in [CONNECTION, TRANSFER_ENCODING] {
        answer.headers_mut().remove(name);
    }
    Ok(answer)
}
