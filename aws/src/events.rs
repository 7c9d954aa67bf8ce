//! EventBridge: what production tells the world.

use aws_sdk_eventbridge::Client;
use aws_sdk_eventbridge::types::PutEventsRequestEntry;

use crate::error::{CallError, Kind};

/// Puts one event onto the account's default bus.
pub async fn put(
    client: &Client,
    source: &str,
    detail_type: &str,
    detail: &str,
) -> Result<(), CallError> {
    const OPERATION: &str = "events:PutEvents";
    let entry = PutEventsRequestEntry::builder()
        .source(source)
        .detail_type(detail_type)
        .detail(detail)
        .build();
    let answer = client
        .put_events()
        .entries(entry)
        .send()
        .await
        .map_err(|error| CallError::new(OPERATION, error))?;
    // A call that succeeds may still say of an entry that it failed.
    let failed = answer.entries().iter().find_map(|entry| {
        let code = entry.error_code()?;
        Some(CallError {
            operation: OPERATION,
            kind: Kind::Unanswered,
            code: code.to_owned(),
            message: entry.error_message().unwrap_or_default().to_owned(),
        })
    });
    failed.map_or(Ok(()), Err)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::replay::replay;
    use serde_json::json;

    #[tokio::test]
    async fn an_entry_that_failed_is_a_failure() {
        let failed = json!({"FailedEntryCount": 1, "Entries": [{"ErrorCode": "InternalFailure", "ErrorMessage": "no"}]});
        let put_ = json!({"FailedEntryCount": 0, "Entries": [{"EventId": "1"}]});
        let (config, replay) = replay([(200, put_), (200, failed)]);
        let client = Client::new(&config);
        put(&client, "redbutton", "Redbutton Release", "{}")
            .await
            .unwrap();
        let error = put(&client, "redbutton", "Redbutton Release", "{}").await;
        assert_eq!(error.unwrap_err().code, "InternalFailure");
        assert_eq!(replay.calls()[0].1["Entries"][0]["Source"], "redbutton");
    }
}
