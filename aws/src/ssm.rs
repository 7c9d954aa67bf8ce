//! SSM: parameters that name the image that serves, and whether those are there that a task reads.

use std::collections::HashSet;

use aws_sdk_ssm::types::ParameterStringFilter;

pub use aws_sdk_ssm::Client;

use crate::error::CallError;

/// A parameter as it is stored.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Parameter {
    /// Of a `SecureString` the encrypted text: nobody asks for the other one.
    pub value: String,
    /// `String`, `StringList` or `SecureString`.
    pub kind: String,
}

/// Reads a parameter; one that does not exist is an error of kind Missing.
pub async fn parameter(client: &Client, name: &str) -> Result<Parameter, CallError> {
    const OPERATION: &str = "ssm:GetParameter";
    let answer = client
        .get_parameter()
        .name(name)
        .send()
        .await
        .map_err(|error| CallError::new(OPERATION, error))?;
    let parameter = answer
        .parameter()
        .ok_or_else(|| CallError::unusable(OPERATION, "the answer has no parameter"))?;
    Ok(Parameter {
        value: parameter.value().unwrap_or_default().to_owned(),
        kind: parameter
            .r#type()
            .map(|kind| kind.as_str().to_owned())
            .unwrap_or_default(),
    })
}

/// Gives a parameter that exists another value. No type is sent: SSM keeps the one it has, and a
/// name that does not exist is refused rather than made, since its owner is somebody else's code.
pub async fn put(client: &Client, name: &str, value: &str) -> Result<(), CallError> {
    client
        .put_parameter()
        .name(name)
        .value(value)
        .overwrite(true)
        .send()
        .await
        .map(drop)
        .map_err(|error| CallError::new("ssm:PutParameter", error))
}

/// What one call of [`described`] takes.
const NAMES: usize = 50;

/// Which of these parameters are there, each once and in the order of `names`: names, not ARNs. No
/// value is read.
pub async fn described(client: &Client, names: &[String]) -> Result<Vec<String>, CallError> {
    const OPERATION: &str = "ssm:DescribeParameters";
    let mut found = HashSet::new();
    for names in names.chunks(NAMES) {
        let named = ParameterStringFilter::builder()
            .key("Name")
            .option("Equals")
            .set_values(Some(names.to_vec()))
            .build()
            .map_err(|error| CallError::unusable(OPERATION, error.to_string()))?;
        let mut pages = client
            .describe_parameters()
            .parameter_filters(named)
            .into_paginator()
            .send();
        while let Some(page) = pages.next().await {
            let page = page.map_err(|error| CallError::new(OPERATION, error))?;
            let parameters = page.parameters.unwrap_or_default().into_iter();
            found.extend(parameters.filter_map(|parameter| parameter.name));
        }
    }
    Ok(names.iter().filter_map(|name| found.take(name)).collect())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::error::Kind;
    use crate::replay::replay;
    use serde_json::json;

    #[tokio::test]
    async fn a_parameter_is_read_and_overwritten_as_what_it_is() {
        let stored =
            json!({"Name": "/redbutton/web", "Type": "String", "Value": "r/web:1", "Version": 1});
        let (config, replay) = replay([
            (200, json!({"Parameter": stored})),
            (200, json!({"Version": 2, "Tier": "Standard"})),
            (400, json!({"__type": "ParameterNotFound"})),
        ]);
        let client = Client::new(&config);
        let read = parameter(&client, "/redbutton/web").await.unwrap();
        assert_eq!(
            (read.value.as_str(), read.kind.as_str()),
            ("r/web:1", "String")
        );
        put(&client, "/redbutton/web", "r/web:2").await.unwrap();
        let error = parameter(&client, "/redbutton/none").await.unwrap_err();
        assert_eq!(error.kind, Kind::Missing);
        let (operation, body) = &replay.calls()[1];
        assert_eq!(operation, "PutParameter");
        assert_eq!(
            *body,
            json!({"Name": "/redbutton/web", "Value": "r/web:2", "Overwrite": true})
        );
    }

    #[tokio::test]
    async fn parameters_are_there_without_their_values() {
        let stored = |name: &str| json!({"Name": name, "Type": "SecureString", "Version": 1});
        let (config, replay) = replay([
            // A page may be empty and not be the last.
            (200, json!({"Parameters": [], "NextToken": "2"})),
            (200, json!({"Parameters": [stored("/web/1")]})),
            (
                200,
                json!({"Parameters": [stored("/web/50"), stored("/other")]}),
            ),
            (400, json!({"__type": "AccessDeniedException"})),
        ]);
        let client = Client::new(&config);
        let mut names: Vec<String> = (1..=50).map(|number| format!("/web/{number}")).collect();
        names.insert(0, "/web/50".into());
        let there = described(&client, &names).await.unwrap();
        assert_eq!(there, ["/web/50", "/web/1"]);
        let calls = replay.calls();
        let asked = |names: &[String]| json!({"ParameterFilters": [{"Key": "Name", "Option": "Equals", "Values": names}]});
        let (first, last) = names.split_at(50);
        assert_eq!(calls[0], ("DescribeParameters".into(), asked(first)));
        assert_eq!(calls[1].1["NextToken"], "2");
        assert_eq!(calls[2].1, asked(last));
        let error = described(&client, last).await.unwrap_err();
        assert_eq!(error.kind, Kind::Denied);
        assert!(described(&client, &[]).await.unwrap().is_empty());
    }
}
