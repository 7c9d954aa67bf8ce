//! The emulator's registry as a Docker engine can reach it: `127.0.0.1:<port>/<run>/<account>/
//! <region>/<repository>`, since an engine says nothing but the port it was told, while the emulator
//! tells accounts and regions apart by the Host header. Engines speak plain HTTP to 127.0.0.0/8.

use std::net::SocketAddr;

use anyhow::{Context, Result};
use http::header::{HOST, HeaderValue, LOCATION};
use http::{Request, Response, Uri};
use http_body_util::BodyExt;
use hyper::body::Incoming;
use tokio::net::{TcpListener, TcpStream};

use super::connection::{Body, send, serve};
use super::names;

/// Where every path of the registry protocol begins.
const V2: &str = "/v2/";

/// Serves the emulator's registry until it is dropped.
pub(super) async fn forward_all(listener: TcpListener, emulator: SocketAddr, run: String) {
    serve(listener, move |request| {
        let run = run.clone();
        async move { forward(request, emulator, &run).await }
    })
    .await;
}

async fn forward(
    mut request: Request<Incoming>,
    emulator: SocketAddr,
    run: &str,
) -> Result<Response<Body>> {
    let path = request
        .uri()
        .path_and_query()
        .map_or("/", |path| path.as_str())
        .to_owned();
    let scoped = scoped(&path, run);
    if let Some((_, registry, rest)) = &scoped {
        *request.uri_mut() = format!("{V2}{rest}")
            .parse::<Uri>()
            .context("rewrite the path")?;
        let host = HeaderValue::from_str(registry).context("name the registry")?;
        request.headers_mut().insert(HOST, host);
    }
    let stream = TcpStream::connect(emulator)
        .await
        .context("reach the emulator's registry")?;
    let mut response = send(stream, request.map(BodyExt::boxed)).await?;
    // Where an upload goes on, which the emulator says without the account.
    if let Some((prefix, ..)) = scoped
        && let Some(place) = response
            .headers()
            .get(LOCATION)
            .and_then(|v| v.to_str().ok())
        && let Some(rest) = place.strip_prefix(V2)
    {
        let place = HeaderValue::from_str(&format!("{prefix}{rest}")).context("name a place")?;
        response.headers_mut().insert(LOCATION, place);
    }
    Ok(response.map(BodyExt::boxed))
}

/// `/v2/<run>/<account>/<region>/<rest>` → all before the rest, the ECR registry, the rest; `None`
/// for what is asked of the registry as a whole.
fn scoped(path: &str, run: &str) -> Option<(String, String, String)> {
    let below = path
        .strip_prefix(V2)?
        .strip_prefix(run)?
        .strip_prefix('/')?;
    let (registry, rest) = names::scope(below)?;
    let prefix = path.strip_suffix(rest)?;
    Some((prefix.to_owned(), registry, rest.to_owned()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn account_and_region_become_the_host() {
        let (prefix, registry, rest) = scoped(
            "/v2/run-1/333333333333/eu-west-1/team/web/manifests/v1?a=b",
            "run-1",
        )
        .unwrap();
        assert_eq!(prefix, "/v2/run-1/333333333333/eu-west-1/");
        assert_eq!(registry, "333333333333.dkr.ecr.eu-west-1.amazonaws.com");
        assert_eq!(rest, "team/web/manifests/v1?a=b");
        assert_eq!(scoped("/v2/", "run-1"), None);
        assert_eq!(
            scoped("/v2/other/333333333333/eu-west-1/web/tags/list", "run-1"),
            None
        );
    }
}
