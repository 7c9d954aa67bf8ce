//! The Docker engine, asked over its socket without the `docker` command.

use std::path::{Path, PathBuf};

use anyhow::{Context, Result, bail, ensure};
use http::header::{CONTENT_TYPE, HOST};
use http::{HeaderValue, Method, Request};
use http_body_util::BodyExt;
use hyper::body::Bytes;
use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};
use serde_json::Value;
use tokio::net::UnixStream;

use super::connection::{send, whole};

/// Where an engine listens when `DOCKER_HOST` does not say otherwise.
const DEFAULT_SOCKET: &str = "/var/run/docker.sock";

/// What an engine wants in place of credentials when there are none: `{}` in base64.
const NO_CREDENTIALS: HeaderValue = HeaderValue::from_static("e30=");

/// All but RFC 3986's unreserved characters.
const QUERY: &AsciiSet = &NON_ALPHANUMERIC
    .remove(b'-')
    .remove(b'.')
    .remove(b'_')
    .remove(b'~')
    .remove(b'/')
    .remove(b':');

/// A Docker engine on this machine. Its calls block, so none may be made from async code.
#[derive(Clone, Debug)]
pub struct Engine {
    socket: PathBuf,
}

impl Engine {
    /// The engine that `DOCKER_HOST` names, or the default socket's; the error says why there is
    /// none that the rehearsal can use.
    pub fn available() -> Result<Self> {
        let host = std::env::var("DOCKER_HOST").unwrap_or_default();
        let socket = match host.as_str() {
            "" => DEFAULT_SOCKET,
            host => host.strip_prefix("unix://").with_context(|| {
                format!("DOCKER_HOST is {host}: an engine on this machine is needed, unix://…")
            })?,
        };
        let engine = Self::at(socket.into());
        let info = engine.get("/info").context("no Docker engine answers")?;
        // Such engines live in a network of their own: they reach no port of 127.0.0.1, and their
        // containers' addresses cannot be reached from here.
        let desktop = text(&info, "/OperatingSystem") == Some("Docker Desktop");
        ensure!(
            !desktop,
            "Docker Desktop runs in a virtual machine: an engine on Linux is needed"
        );
        let rootless = list(&info, "/SecurityOptions").any(|option| *option == *"name=rootless");
        ensure!(
            !rootless,
            "the Docker engine is rootless: it cannot reach this machine's 127.0.0.1"
        );
        Ok(engine)
    }

    /// The engine at that socket, which need not answer.
    pub(super) fn at(socket: PathBuf) -> Self {
        Self { socket }
    }

    /// The engine's socket.
    pub fn socket(&self) -> &Path {
        &self.socket
    }

    pub(super) async fn connect(&self) -> Result<UnixStream> {
        UnixStream::connect(&self.socket).await.with_context(|| {
            format!(
                "connect to {}: start Docker, or set DOCKER_HOST",
                self.socket.display()
            )
        })
    }

    pub(super) fn get(&self, path: &str) -> Result<Value> {
        let answer = self.call(&Method::GET, path, Bytes::new())?;
        serde_json::from_slice(&answer).with_context(|| format!("{path}: not JSON"))
    }

    pub(super) fn delete(&self, path: &str) -> Result<()> {
        self.call(&Method::DELETE, path, Bytes::new()).map(drop)
    }

    /// Posts and returns what the engine says until it is done, one value a line; an error among
    /// these fails the whole, since the status was sent before the work began.
    pub(super) fn post(&self, path: &str, body: impl Into<Bytes>) -> Result<Vec<Value>> {
        let answer = self.call(&Method::POST, path, body.into())?;
        let lines: Vec<Value> = serde_json::Deserializer::from_slice(&answer)
            .into_iter()
            .collect::<Result<_, _>>()
            .with_context(|| format!("{path}: not JSON"))?;
        match lines.iter().find_map(|line| text(line, "/error")) {
            Some(error) => bail!("{error}"),
            None => Ok(lines),
        }
    }

    fn call(&self, method: &Method, path: &str, body: Bytes) -> Result<Bytes> {
        // A runtime for one call: these are few, and the engine is asked before there is another.
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_io()
            .build()
            .context("start a runtime")?;
        runtime.block_on(async {
            let mut request = Request::new(whole(body));
            *request.method_mut() = method.clone();
            *request.uri_mut() = path
                .parse()
                .with_context(|| format!("{path}: not a path"))?;
            let headers = request.headers_mut();
            headers.insert(HOST, HeaderValue::from_static("docker"));
            headers.insert(CONTENT_TYPE, HeaderValue::from_static("application/x-tar"));
            headers.insert("x-registry-auth", NO_CREDENTIALS);
            let response = send(self.connect().await?, request).await?;
            let status = response.status();
            let body = response
                .into_body()
                .collect()
                .await
                .context("Docker's answer broke off")?;
            let body = body.to_bytes();
            let said = String::from_utf8_lossy(&body);
            ensure!(
                status.is_success(),
                "Docker: {method} {path}: {status}: {}",
                said.trim()
            );
            Ok(body)
        })
    }
}

/// A query string's value.
pub(super) fn encode(text: &str) -> String {
    utf8_percent_encode(text, QUERY).to_string()
}

/// The string at a JSON pointer.
pub(super) fn text<'a>(value: &'a Value, pointer: &str) -> Option<&'a str> {
    value.pointer(pointer)?.as_str()
}

/// The members of the array at a JSON pointer; engines write `null` for an empty one.
pub(super) fn list<'a>(value: &'a Value, pointer: &str) -> impl Iterator<Item = &'a Value> {
    value
        .pointer(pointer)
        .and_then(Value::as_array)
        .into_iter()
        .flatten()
}
