//! Templates: what one declares, and the one that a stack has.

use aws_sdk_cloudformation::Client;
use aws_sdk_cloudformation::types::TemplateStage;
use shared::stack::{Declared, Summary};

use super::failed;
use crate::error::CallError;

/// Where CloudFormation finds a template (CONTRACTS 3.6.1).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Source<'a> {
    /// In the request: at most 51,200 bytes.
    Body(&'a str),
    /// In a bucket of the stack's region: at most 1 MB.
    Url(&'a str),
}

impl Source<'_> {
    /// As the two alternative fields of a request: body and URL.
    pub(super) fn fields(self) -> (Option<String>, Option<String>) {
        match self {
            Self::Body(body) => (Some(body.to_owned()), None),
            Self::Url(url) => (None, Some(url.to_owned())),
        }
    }
}

/// What a template declares. A default that is an empty string is a default; AWS leaves the field
/// out where there is none.
pub async fn summary(client: &Client, template: Source<'_>) -> Result<Summary, CallError> {
    let (body, url) = template.fields();
    let answer = client
        .get_template_summary()
        .set_template_body(body)
        .set_template_url(url)
        .send()
        .await
        .map_err(|error| CallError::new("cloudformation:GetTemplateSummary", error))?;
    let parameters = answer.parameters().iter();
    let capabilities = answer.capabilities().iter();
    Ok(Summary {
        parameters: parameters
            .map(|parameter| Declared {
                key: parameter.parameter_key().unwrap_or_default().to_owned(),
                default: parameter.default_value().map(str::to_owned),
                no_echo: parameter.no_echo().unwrap_or_default(),
            })
            .collect(),
        capabilities: capabilities
            .map(|capability| capability.as_str().to_owned())
            .collect(),
        capabilities_reason: answer.capabilities_reason().unwrap_or_default().to_owned(),
    })
}

/// The template that a stack was last updated with, as it was sent: before transforms, byte for
/// byte.
pub async fn original(client: &Client, stack: &str) -> Result<String, CallError> {
    const OPERATION: &str = "cloudformation:GetTemplate";
    let answer = client
        .get_template()
        .stack_name(stack)
        .template_stage(TemplateStage::Original)
        .send()
        .await
        .map_err(|error| failed(OPERATION, error))?;
    answer
        .template_body()
        .map(str::to_owned)
        .ok_or_else(|| CallError::unusable(OPERATION, "the answer has no template"))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::error::Kind;
    use crate::replay::{query, query_error, replay};
    use serde_json::json;

    #[tokio::test]
    async fn no_default_and_an_empty_one_are_two_things() {
        let result = "<Parameters>\
            <member><ParameterKey>Image</ParameterKey><ParameterType>String</ParameterType><NoEcho>false</NoEcho></member>\
            <member><ParameterKey>Prefix</ParameterKey><DefaultValue></DefaultValue><NoEcho>false</NoEcho></member>\
            <member><ParameterKey>Password</ParameterKey><DefaultValue>x</DefaultValue><NoEcho>true</NoEcho></member>\
            </Parameters><Capabilities><member>CAPABILITY_IAM</member></Capabilities>\
            <CapabilitiesReason>The following resource(s) require capabilities: [AWS::IAM::Role]</CapabilitiesReason>";
        let (config, replay) = replay([
            query("GetTemplateSummary", result),
            query("GetTemplateSummary", ""),
        ]);
        let client = Client::new(&config);
        let read = summary(&client, Source::Body("Resources: {}")).await;
        let declared = |key: &str, default: Option<&str>, no_echo| Declared {
            key: key.into(),
            default: default.map(str::to_owned),
            no_echo,
        };
        let expected = Summary {
            parameters: vec![
                declared("Image", None, false),
                declared("Prefix", Some(""), false),
                declared("Password", Some("x"), true),
            ],
            capabilities: vec!["CAPABILITY_IAM".into()],
            capabilities_reason: "The following resource(s) require capabilities: [AWS::IAM::Role]"
                .into(),
        };
        assert_eq!(read.unwrap(), expected);
        let url = "https://templates.s3.us-east-1.amazonaws.com/redbutton/0f";
        let read = summary(&client, Source::Url(url)).await;
        assert_eq!(read.unwrap(), Summary::default());
        let sent: Vec<_> = replay
            .calls()
            .into_iter()
            .map(|(_, body)| (body["TemplateBody"].clone(), body["TemplateURL"].clone()))
            .collect();
        assert_eq!(
            sent,
            [
                (json!("Resources: {}"), json!(null)),
                (json!(null), json!(url))
            ]
        );
    }

    #[tokio::test]
    async fn the_original_comes_back_byte_for_byte() {
        let body = "\n# ü &lt;web&gt;\nOutputs: {A: {Value: &quot;a &amp; b&quot;}}  \n\n";
        let answer = format!("<TemplateBody>{body}</TemplateBody>");
        let (config, replay) = replay([
            query("GetTemplate", &answer),
            query_error("ValidationError", "Stack [web] does not exist"),
        ]);
        let client = Client::new(&config);
        let template = original(&client, "web").await;
        assert_eq!(
            template.unwrap(),
            "\n# ü <web>\nOutputs: {A: {Value: \"a & b\"}}  \n\n"
        );
        assert_eq!(replay.calls()[0].1["TemplateStage"], "Original");
        let error = original(&client, "web").await.unwrap_err();
        assert_eq!(error.kind, Kind::Missing);
    }
}
