//! A release that cannot start: the image of `examples/web` with a typo in a setting.

use std::io::{Read, Write};
use std::os::unix::net::UnixStream;

use anyhow::{Context, Result, ensure};
use rehearsal::docker::Engine;
use serde_json::{Value, json};

/// Makes the image `<run>/web:<version>` from `good` (`<run>/web:…`, a local image): its process
/// refuses `PORT=eighty` and exits with code 1 at once. Returns its name.
pub(crate) fn build(engine: &Engine, good: &str, version: &str) -> Result<String> {
    let (run, _) = good
        .split_once('/')
        .context("an image is named after its run")?;
    // A container that is never started, only to be made an image of; it goes with the run.
    let container = json!({ "Image": good, "Labels": { "redbutton.run": run } });
    let created = post(engine, "/containers/create", &container)?;
    let id = created.pointer("/Id").and_then(Value::as_str);
    let id = id.context("a new container has an id")?;
    let path = format!(
        "/commit?container={id}&repo={run}/web&tag={version}\
         &changes=ENV%20VERSION={version}&changes=ENV%20PORT=eighty"
    );
    post(engine, &path, &json!({}))?;
    Ok(format!("{run}/web:{version}"))
}

/// A call of the engine's API, as HTTP/1.0, where an answer ends with its connection.
fn post(engine: &Engine, path: &str, body: &Value) -> Result<Value> {
    let socket = engine.socket();
    let body = body.to_string();
    let request = format!(
        "POST {path} HTTP/1.0\r\nHost: docker\r\nContent-Type: application/json\r\n\
         Content-Length: {}\r\n\r\n{body}",
        body.len()
    );
    let mut answer = String::new();
    UnixStream::connect(socket)
        .and_then(|mut stream| {
            stream.write_all(request.as_bytes())?;
            stream.read_to_string(&mut answer)
        })
        .with_context(|| format!("ask Docker at {}", socket.display()))?;
    let (head, body) = answer
        .split_once("\r\n\r\n")
        .context("Docker's answer broke off")?;
    ensure!(
        head.split(' ')
            .nth(1)
            .is_some_and(|status| status.starts_with('2')),
        "Docker: POST {path}: {body}"
    );
    serde_json::from_str(body).context("Docker answers no JSON")
}
