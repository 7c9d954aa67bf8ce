//! Secrets Manager: whether a secret is there. No value is ever read.

use shared::preflight::access::Found;

pub use aws_sdk_secretsmanager::Client;

use crate::error::{CallError, Kind};

/// Whether a secret is there, by its name or ARN, without what may follow it in a task definition
/// (`:key:stage:version`).
pub async fn secret(client: &Client, id: &str) -> Result<Found, CallError> {
    let answer = client.describe_secret().secret_id(id).send().await;
    match answer.map_err(|error| CallError::new("secretsmanager:DescribeSecret", error)) {
        Ok(secret) if secret.deleted_date().is_some() => Ok(Found::Deleted),
        Ok(_) => Ok(Found::There),
        Err(error) if error.kind == Kind::Missing => Ok(Found::Missing),
        Err(error) => Err(error),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::replay::replay;
    use serde_json::json;

    #[tokio::test]
    async fn a_secret_is_there_or_on_its_way_out_or_not_there() {
        let arn = "arn:aws:secretsmanager:us-east-1:333333333333:secret:web-AbCdEf";
        let (config, replay) = replay([
            (200, json!({"ARN": arn, "Name": "web"})),
            (
                200,
                json!({"ARN": arn, "Name": "web", "DeletedDate": 1.5e9}),
            ),
            (
                400,
                json!({"__type": "ResourceNotFoundException",
                "Message": "Secrets Manager can't find the specified secret."}),
            ),
            (
                400,
                json!({"__type": "AccessDeniedException", "Message": "no"}),
            ),
        ]);
        let client = Client::new(&config);
        for expected in [Found::There, Found::Deleted, Found::Missing] {
            assert_eq!(secret(&client, arn).await.unwrap(), expected);
        }
        let error = secret(&client, arn).await.unwrap_err();
        assert_eq!(error.kind, Kind::Denied);
        assert_eq!(
            replay.calls()[0],
            ("DescribeSecret".to_owned(), json!({"SecretId": arn}))
        );
    }
}
