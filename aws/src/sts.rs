//! STS: assuming a target's role, and who we are.

use std::time::{Duration, SystemTime};

use aws_credential_types::Credentials;
use aws_sdk_sts::Client;
use shared::names::RoleArn;

use crate::error::CallError;

/// Assumes `role` for an hour, the most that role chaining allows (CONTRACTS 3.7.14). The session's
/// name goes into the target account's CloudTrail.
pub async fn assume_role(
    client: &Client,
    role: &RoleArn,
    session: &str,
    external_id: Option<&str>,
) -> Result<Credentials, CallError> {
    const OPERATION: &str = "sts:AssumeRole";
    let answer = client
        .assume_role()
        .role_arn(role.as_str())
        .role_session_name(session)
        .set_external_id(external_id.map(str::to_owned))
        .duration_seconds(3600)
        .send()
        .await
        .map_err(|error| CallError::new(OPERATION, error))?;
    let given = answer
        .credentials()
        .ok_or_else(|| CallError::unusable(OPERATION, "the answer has no credentials"))?;
    let expires = SystemTime::try_from(*given.expiration())
        .unwrap_or_else(|_| SystemTime::now() + Duration::from_secs(900));
    Ok(Credentials::new(
        given.access_key_id(),
        given.secret_access_key(),
        Some(given.session_token().to_owned()),
        Some(expires),
        "AssumeRole",
    ))
}

/// The ARN of whoever the client acts as.
pub async fn whoami(client: &Client) -> Result<String, CallError> {
    let answer = client
        .get_caller_identity()
        .send()
        .await
        .map_err(|error| CallError::new("sts:GetCallerIdentity", error))?;
    Ok(answer.arn().unwrap_or_default().to_owned())
}
