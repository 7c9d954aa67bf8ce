//! Task definitions: described and registered as raw JSON.

use aws_sdk_ecs::Client;
use aws_sdk_ecs::config::retry::RetryConfig;
use aws_sdk_ecs::types::TaskDefinitionField;
use serde_json::Value;
use shared::task_definition::Described;

use super::raw::{Capture, replace_body};
use crate::error::{CallError, Kind};

/// Describes a revision, or the newest ACTIVE one of a family, with its tags. None when there is
/// none.
pub async fn describe(
    client: &Client,
    family_or_arn: &str,
) -> Result<Option<Described>, CallError> {
    const OPERATION: &str = "ecs:DescribeTaskDefinition";
    let capture = Capture::default();
    let answer = client
        .describe_task_definition()
        .task_definition(family_or_arn)
        .include(TaskDefinitionField::Tags)
        .customize()
        .interceptor(capture.clone())
        .send()
        .await;
    match answer.map_err(|error| CallError::new(OPERATION, error)) {
        Ok(_) => Described::from_answer(&capture.json())
            .map(Some)
            .ok_or_else(|| CallError::unusable(OPERATION, "the answer describes nothing")),
        Err(error)
            if error.kind == Kind::Refused && error.message.contains("Unable to describe") =>
        {
            Ok(None)
        }
        Err(error) => Err(error),
    }
}

/// Registers a revision, once: the SDK does not repeat it, since a repeated registration whose
/// answer was lost is a second revision (CONTRACTS 3.5.6). The caller looks before it tries again.
pub async fn register(client: &Client, input: &Value) -> Result<Described, CallError> {
    const OPERATION: &str = "ecs:RegisterTaskDefinition";
    let capture = Capture::default();
    client
        .register_task_definition()
        .customize()
        .config_override(
            aws_sdk_ecs::config::Config::builder().retry_config(RetryConfig::disabled()),
        )
        .interceptor(capture.clone())
        .mutate_request(replace_body(input.to_string()))
        .send()
        .await
        .map_err(|error| CallError::new(OPERATION, error))?;
    Described::from_answer(&capture.json())
        .ok_or_else(|| CallError::unusable(OPERATION, "the answer describes nothing"))
}
