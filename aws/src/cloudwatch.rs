//! CloudWatch: the alarms that watch a service's deployments.

use std::collections::HashMap;

use aws_sdk_cloudwatch::types::AlarmType;
use shared::rollout::seen::settings::Alarm;

pub use aws_sdk_cloudwatch::Client;

use crate::error::CallError;

/// What one call takes.
const NAMES: usize = 100;

/// The alarms of these names, metric and composite, each once and in the names' order; those that are
/// not there are left out.
pub async fn alarms(client: &Client, names: &[String]) -> Result<Vec<Alarm>, CallError> {
    let mut found = HashMap::new();
    for names in names.chunks(NAMES) {
        let mut pages = client
            .describe_alarms()
            .set_alarm_names(Some(names.to_vec()))
            .alarm_types(AlarmType::MetricAlarm)
            .alarm_types(AlarmType::CompositeAlarm)
            .into_paginator()
            .send();
        while let Some(page) = pages.next().await {
            let page = page.map_err(|error| CallError::new("cloudwatch:DescribeAlarms", error))?;
            let metric = page.metric_alarms().iter().map(|alarm| {
                let state = alarm.state_value().map(|state| state.as_str());
                read(alarm.alarm_name(), state, alarm.state_reason())
            });
            let composite = page.composite_alarms().iter().map(|alarm| {
                let state = alarm.state_value().map(|state| state.as_str());
                read(alarm.alarm_name(), state, alarm.state_reason())
            });
            found.extend(
                metric
                    .chain(composite)
                    .map(|alarm| (alarm.name.clone(), alarm)),
            );
        }
    }
    Ok(names.iter().filter_map(|name| found.remove(name)).collect())
}

fn read(name: Option<&str>, state: Option<&str>, reason: Option<&str>) -> Alarm {
    let text = |text: Option<&str>| text.unwrap_or_default().to_owned();
    Alarm {
        name: text(name),
        state: text(state),
        reason: text(reason),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::error::Kind;
    use crate::replay::replay;
    use serde_json::json;

    #[tokio::test]
    async fn alarms_of_both_kinds_come_from_all_pages_in_the_names_order() {
        let alarm = |name: &str, state: &str| json!({"AlarmName": name, "StateValue": state, "StateReason": format!("{name} is {state}")});
        let (config, replay) = replay([
            (
                200,
                json!({"MetricAlarms": [alarm("errors", "OK")], "CompositeAlarms": [], "NextToken": "2"}),
            ),
            (
                200,
                json!({"MetricAlarms": [], "CompositeAlarms": [alarm("any", "ALARM")]}),
            ),
        ]);
        let names = ["any", "gone", "errors", "any"].map(str::to_owned);
        let found = alarms(&Client::new(&config), &names).await.unwrap();
        let expected = [("any", "ALARM"), ("errors", "OK")].map(|(name, state)| Alarm {
            name: name.into(),
            state: state.into(),
            reason: format!("{name} is {state}"),
        });
        assert_eq!(found, expected);
        let asked = json!({"AlarmNames": names, "AlarmTypes": ["MetricAlarm", "CompositeAlarm"]});
        let [(operation, first), (_, second)] = replay.calls().try_into().unwrap();
        assert_eq!((operation.as_str(), first), ("DescribeAlarms", asked));
        assert_eq!(second["NextToken"], "2");
    }

    #[tokio::test]
    async fn a_hundred_names_fill_a_call_and_a_refusal_is_an_error() {
        let empty = || (200, json!({"MetricAlarms": [], "CompositeAlarms": []}));
        let denied = (403, json!({"__type": "AccessDenied", "message": "no"}));
        let (config, replay) = replay([empty(), empty(), denied]);
        let client = Client::new(&config);
        let names: Vec<String> = (0..101).map(|number| format!("alarm-{number}")).collect();
        assert_eq!(alarms(&client, &names).await.unwrap(), []);
        let asked = replay.calls();
        assert_eq!(asked[1].1["AlarmNames"], json!(["alarm-100"]));
        assert!(alarms(&client, &[]).await.unwrap().is_empty());
        let error = alarms(&client, &names).await.unwrap_err();
        assert_eq!((error.kind, replay.calls().len()), (Kind::Denied, 3));
    }
}
