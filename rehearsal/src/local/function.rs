//! One function under AWS's runtime interface emulator: a process of this machine, without Docker.

use std::ffi::OsString;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail, ensure};
use http::{HeaderMap, Method};
use serde_json::{Value, json};

use super::function_credentials;
use crate::emulator::{self, HOME_REGION};
use crate::{Rehearsal, lifeline, package, suite, wire, workspace};

/// The runtime interface emulator is there in milliseconds.
const START_PATIENCE: Duration = Duration::from_secs(20);

/// The only function that it serves goes by this name.
const INVOCATIONS: &str = "/2015-03-31/functions/function/invocations";

/// Runs the packaged binary of `functions/<function>` on an event, under its own role, and returns
/// what the function returns. The suite has to be installed.
///
/// Fails when the function does: with the error's type and message and the end of its log.
pub fn invoke(rehearsal: &Rehearsal, function: &str, event: &Value) -> Result<Value> {
    check_function(function)?;
    let (address, runtime_api) = (emulator::free_address()?, emulator::free_address()?);
    let binary = workspace::target()
        .join("package/dev")
        .join(function)
        .join("bootstrap");
    let command: Vec<OsString> = vec![
        rehearsal.tools().runtime_interface_emulator()?.into(),
        "--runtime-interface-emulator-address".into(),
        address.to_string().into(),
        "--runtime-api-address".into(),
        runtime_api.to_string().into(),
        binary.into(),
    ];
    let log = rehearsal.dir().join(format!("{function}.log"));
    let mut life = lifeline::spawn(&command, &environment(rehearsal, function)?, &log)?;

    let deadline = Instant::now() + START_PATIENCE;
    while std::net::TcpStream::connect(address).is_err() {
        if life.has_ended() || Instant::now() > deadline {
            bail!(
                "the runtime interface emulator does not start:\n{}",
                emulator::tail(&log)
            );
        }
        std::thread::sleep(Duration::from_millis(10));
    }
    let body = event.to_string().into();
    let (http, headers) = (&rehearsal.aws.http, HeaderMap::new());
    let sent = wire::send(http, address, &Method::POST, INVOCATIONS, &headers, body);
    let answer = rehearsal
        .runtime
        .block_on(sent)
        .context("the function does not answer")?;
    let returned: Value = serde_json::from_slice(&answer.body).with_context(|| {
        let text = String::from_utf8_lossy(&answer.body).into_owned();
        format!(
            "{function} returned no JSON: {text}\n{}",
            emulator::tail(&log)
        )
    })?;
    if let Some(kind) = returned.get("errorType") {
        let message = &returned["errorMessage"];
        bail!(
            "{function} failed, {kind}: {message}\n{}",
            emulator::tail(&log)
        );
    }
    Ok(returned)
}

/// Fails with the names that exist unless `functions/<function>` is one.
pub fn check_function(function: &str) -> Result<()> {
    let known = package::functions(&workspace::root())?;
    let names = known.join(", ");
    ensure!(
        known.iter().any(|name| name == function),
        "there is no function {function}: functions/ has {names}"
    );
    Ok(())
}

/// What Lambda and `template.yaml` would set.
fn environment(rehearsal: &Rehearsal, function: &str) -> Result<Vec<(String, OsString)>> {
    let credentials = function_credentials(rehearsal, function)?;
    let endpoint = format!("http://{}", rehearsal.proxy().address());
    let name = format!("redbutton-{function}");
    let described = rehearsal.tooling().json(
        "kms",
        "TrentService.DescribeKey",
        json!({ "KeyId": suite::SIGNING_KEY_ALIAS }),
    )?;
    let signing_key = described["KeyMetadata"]["Arn"]
        .as_str()
        .context("KMS describes a key without an ARN")?;
    let set = [
        ("AWS_ENDPOINT_URL", endpoint.as_str()),
        ("AWS_REGION", HOME_REGION),
        ("AWS_ACCESS_KEY_ID", credentials.access_key_id()),
        ("AWS_SECRET_ACCESS_KEY", credentials.secret_access_key()),
        (
            "AWS_SESSION_TOKEN",
            credentials.session_token().unwrap_or_default(),
        ),
        ("AWS_LAMBDA_FUNCTION_NAME", &name),
        ("AWS_LAMBDA_FUNCTION_TIMEOUT", "300"),
        ("AWS_LAMBDA_FUNCTION_MEMORY_SIZE", "256"),
        ("AWS_LAMBDA_LOG_LEVEL", "INFO"),
        ("LOOK_EVERY_SECONDS", "1"),
        ("SIGNING_KEY", signing_key),
        ("SSL_CERT_FILE", suite::ca_bundle()?),
    ];
    Ok(set
        .map(|(name, value)| (name.to_owned(), value.into()))
        .into())
}
