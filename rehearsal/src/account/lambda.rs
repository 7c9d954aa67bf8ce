//! Lambda: invoking a function, with its answer or as an event.

use anyhow::{Context, Result};
use http::Method;
use serde_json::Value;

use super::Account;
use crate::signed::encode;

/// What a function answered.
#[derive(Clone, Debug, PartialEq)]
pub struct Invocation {
    /// The answer, or the error as Lambda words it.
    pub payload: Value,
    /// Whether it is an error (`X-Amz-Function-Error`).
    pub failed: bool,
}

impl Account {
    /// Invokes a function and waits for its answer.
    pub fn invoke(&self, function: &str, event: &Value) -> Result<Invocation> {
        let headers = [("content-type", "application/json")];
        let body = serde_json::to_vec(event).context("write the event")?;
        let answer = self
            .request(
                "lambda",
                Method::POST,
                &invocations(function),
                &headers,
                body.into(),
            )
            .with_context(|| format!("invoke {function} in {}", self.id()))?;
        Ok(Invocation {
            payload: serde_json::from_slice(&answer.body).unwrap_or_default(),
            failed: answer.headers.contains_key("x-amz-function-error"),
        })
    }
}

/// The path of a function's invocations.
pub(crate) fn invocations(function: &str) -> String {
    format!("/2015-03-31/functions/{}/invocations", encode(function))
}
