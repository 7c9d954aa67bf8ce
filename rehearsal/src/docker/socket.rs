//! A Docker socket for the emulator, and for the builds of a rehearsal: the engine's own, but for the
//! names of images.

use std::path::Path;
use std::sync::Arc;

use anyhow::{Context, Result};
use http::header::{CONTENT_TYPE, HeaderValue};
use http::{Method, Request, Response, StatusCode, Uri};
use http_body_util::BodyExt;
use hyper::body::Incoming;
use hyper_util::rt::TokioIo;
use serde_json::{Value, json};
use tokio::net::UnixListener;

use super::connection::{Body, Listener, send, serve, set_length, whole};
use super::engine::Engine;
use super::names::Names;
use super::run::RUN_LABEL;

/// What a request is forwarded by.
pub(super) struct Forwarder {
    pub(super) engine: Engine,
    pub(super) names: Names,
    /// Labels every container, so that it can be found when the emulator was killed.
    pub(super) run: String,
}

/// Listens at `path`; called in a runtime's context.
pub(super) fn listen(path: &Path) -> Result<UnixListener> {
    UnixListener::bind(path).with_context(|| {
        let limit = "a socket's path has 107 bytes at most: is CARGO_TARGET_DIR too long?";
        format!("listen at {}; {limit}", path.display())
    })
}

/// Serves the engine's API until it is dropped.
pub(super) async fn forward_all(listener: impl Listener, forwarder: Forwarder) {
    let forwarder = Arc::new(forwarder);
    serve(listener, move |request| {
        let forwarder = Arc::clone(&forwarder);
        async move { forwarder.forward(request).await }
    })
    .await;
}

impl Forwarder {
    async fn forward(&self, request: Request<Incoming>) -> Result<Response<Body>> {
        if request.method() == Method::POST && request.uri().path().ends_with("/auth") {
            return self.logged_in(request).await;
        }
        let mut request = self.with_local_names(request).await?;
        let client = hyper::upgrade::on(&mut request);
        let mut response = send(self.engine.connect().await?, request).await?;
        if response.status() == StatusCode::SWITCHING_PROTOCOLS {
            // `exec` and `attach`: from here on it is bytes, in both directions.
            let engine = hyper::upgrade::on(&mut response);
            tokio::spawn(async move {
                let (Ok(client), Ok(engine)) = tokio::join!(client, engine) else {
                    return;
                };
                let (mut client, mut engine) = (TokioIo::new(client), TokioIo::new(engine));
                // Either side may end it at any time.
                let _ = tokio::io::copy_bidirectional(&mut client, &mut engine).await;
            });
        }
        self.with_aws_names(response).await
    }

    /// `docker login`: whoever has a password of ECR may come in, which the registry here does not ask
    /// for; other registries are the engine's business.
    async fn logged_in(&self, request: Request<Incoming>) -> Result<Response<Body>> {
        let (parts, body) = request.into_parts();
        let body = body.collect().await.context("read a login")?.to_bytes();
        let login: Value = serde_json::from_slice(&body).context("parse a login")?;
        let address = login.get("serveraddress").and_then(Value::as_str);
        let address = address.unwrap_or_default();
        if self.names.to_local(address) == address {
            let request = Request::from_parts(parts, whole(body));
            let response = send(self.engine.connect().await?, request).await?;
            return Ok(response.map(BodyExt::boxed));
        }
        let said = json!({ "Status": "Login Succeeded", "IdentityToken": "" });
        let mut response = Response::new(whole(said.to_string()));
        let kind = HeaderValue::from_static("application/json");
        response.headers_mut().insert(CONTENT_TYPE, kind);
        Ok(response)
    }

    /// Every path and query, and the image of a container to be created.
    async fn with_local_names(&self, request: Request<Incoming>) -> Result<Request<Body>> {
        let (mut parts, body) = request.into_parts();
        let path = parts.uri.path_and_query().map_or("/", |path| path.as_str());
        parts.uri = self
            .names
            .to_local(path)
            .parse::<Uri>()
            .context("rewrite the path")?;
        if parts.method != Method::POST || !parts.uri.path().ends_with("/containers/create") {
            return Ok(Request::from_parts(parts, body.boxed()));
        }
        let body = body
            .collect()
            .await
            .context("read the container's definition")?
            .to_bytes();
        let definition =
            serde_json::from_slice(&body).context("parse the container's definition")?;
        let body = self.container(definition).to_string();
        set_length(&mut parts.headers, body.len());
        Ok(Request::from_parts(parts, whole(body)))
    }

    fn container(&self, mut definition: Value) -> Value {
        if let Some(container) = definition.as_object_mut() {
            if let Some(image) = container.get("Image").and_then(Value::as_str) {
                let image = self.names.to_local(image);
                container.insert("Image".to_owned(), image.into());
            }
            let labels = container.entry("Labels").or_insert(Value::Null);
            if !labels.is_object() {
                *labels = json!({});
            }
            if let Some(labels) = labels.as_object_mut() {
                labels.insert(RUN_LABEL.to_owned(), self.run.as_str().into());
            }
        }
        definition
    }

    /// An error's text becomes the reason why a task stopped, which on AWS names AWS's registry.
    async fn with_aws_names(&self, response: Response<Incoming>) -> Result<Response<Body>> {
        let (mut parts, body) = response.into_parts();
        if !parts.status.is_client_error() && !parts.status.is_server_error() {
            return Ok(Response::from_parts(parts, body.boxed()));
        }
        let body = body
            .collect()
            .await
            .context("read the engine's error")?
            .to_bytes();
        let body = self.names.to_ecr(&String::from_utf8_lossy(&body));
        set_length(&mut parts.headers, body.len());
        Ok(Response::from_parts(parts, whole(body)))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use http_body_util::Full;
    use hyper::body::Bytes;

    const AWS: &str = "111111111111.dkr.ecr.eu-west-1.amazonaws.com/web@sha256:00";
    const LOCAL: &str = "127.0.0.1:5000/redbutton-1-0/111111111111/eu-west-1/web@sha256:00";

    /// Refuses every request with its path and body.
    async fn refuse(request: Request<Incoming>) -> Result<Response<Body>> {
        let path = request.uri().to_string();
        let body = request.into_body().collect().await?.to_bytes();
        let mut refusal =
            Response::new(whole(format!("{path} {}", String::from_utf8_lossy(&body))));
        *refusal.status_mut() = StatusCode::NOT_FOUND;
        refusal.headers_mut().insert("x-path", path.parse()?);
        Ok(refusal)
    }

    #[test]
    fn the_engine_hears_local_names_and_the_emulator_aws_ones() {
        let dir = tempfile::tempdir().unwrap();
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_all()
            .build()
            .unwrap();
        runtime.block_on(async {
            let (engine, emulators) = (dir.path().join("engine"), dir.path().join("emulators"));
            tokio::spawn(serve(listen(&engine).unwrap(), refuse));
            let forwarder = Forwarder {
                engine: Engine::at(engine),
                names: Names::new(5000, "redbutton-1-0"),
                run: "redbutton-1-0".to_owned(),
            };
            tokio::spawn(forward_all(listen(&emulators).unwrap(), forwarder));

            let send = async |method: Method, path: String, body: String| {
                let stream = tokio::net::UnixStream::connect(&emulators).await.unwrap();
                let body = Full::new(Bytes::from(body))
                    .map_err(|never| match never {})
                    .boxed();
                let request = Request::builder()
                    .method(method)
                    .uri(path)
                    .body(body)
                    .unwrap();
                let response = super::send(stream, request).await.unwrap();
                let path = response.headers()["x-path"].to_str().unwrap().to_owned();
                let body = response.into_body().collect().await.unwrap().to_bytes();
                (path, String::from_utf8(body.to_vec()).unwrap())
            };

            let (heard, told) =
                send(Method::GET, format!("/images/{AWS}/json"), String::new()).await;
            assert_eq!(heard, format!("/images/{LOCAL}/json"));
            assert_eq!(told, format!("/images/{AWS}/json "));

            let create = json!({ "Image": AWS, "Env": ["A=b"] }).to_string();
            let (_, told) = send(Method::POST, "/v1.41/containers/create".to_owned(), create).await;
            let expected = json!({
                "Image": AWS,
                "Env": ["A=b"],
                "Labels": { RUN_LABEL: "redbutton-1-0" },
            });
            assert_eq!(told, format!("/v1.41/containers/create {expected}"));
        });
    }
}
