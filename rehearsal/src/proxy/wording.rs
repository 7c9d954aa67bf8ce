//! How AWS words its answers: refusals in the protocol of the call, and the frame of Query answers.

use hyper::body::Bytes;
use serde_json::json;

use super::Call;
use crate::wire::xml_escaped;

/// The content type of a JSON service.
pub(super) const JSON: &str = "application/x-amz-json-1.1";
/// The content type of a Query service.
pub(super) const XML: &str = "text/xml";

/// What a service speaks, as far as its errors differ.
enum Protocol {
    S3,
    Query,
    Rest,
    Json,
}

fn protocol(call: &Call) -> Protocol {
    let form = "application/x-www-form-urlencoded";
    match call.service.as_str() {
        "s3" => Protocol::S3,
        _ if call.content_type.starts_with(form) => Protocol::Query,
        "lambda" => Protocol::Rest,
        _ => Protocol::Json,
    }
}

/// Status, content type and body of a throttle.
pub(super) fn throttle(call: &Call) -> (u16, &'static str, Bytes) {
    let (status, code, message) = match protocol(call) {
        Protocol::S3 => (503, "SlowDown", "Please reduce your request rate."),
        Protocol::Query => (400, "Throttling", "Rate exceeded"),
        Protocol::Rest => (429, "TooManyRequestsException", "Rate exceeded"),
        Protocol::Json => (400, "ThrottlingException", "Rate exceeded"),
    };
    let (content_type, body) = refusal(call, code, message);
    (status, content_type, body)
}

/// Content type and body of a refusal.
pub(super) fn refusal(call: &Call, code: &str, message: &str) -> (&'static str, Bytes) {
    let json = json!({ "__type": code, "message": message });
    let (escaped, words) = (xml_escaped(code), xml_escaped(message));
    let xml = format!("<Code>{escaped}</Code><Message>{words}</Message>");
    match protocol(call) {
        Protocol::S3 => (
            "application/xml",
            format!(
                "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n<Error>{xml}<RequestId>REHEARSAL</RequestId></Error>"
            )
            .into(),
        ),
        Protocol::Query => (
            XML,
            format!(
                "<ErrorResponse><Error><Type>Sender</Type>{xml}</Error><RequestId>rehearsal</RequestId></ErrorResponse>"
            )
            .into(),
        ),
        // REST services name the error in a header too; the SDKs read the body.
        Protocol::Rest => ("application/json", json.to_string().into()),
        Protocol::Json => (JSON, json.to_string().into()),
    }
}

/// The answer of a Query service whose result element holds `result`.
pub(super) fn query_answer(operation: &str, result: &str) -> String {
    format!(
        "<{operation}Response><{operation}Result>{result}</{operation}Result><ResponseMetadata><RequestId>rehearsal</RequestId></ResponseMetadata></{operation}Response>"
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    fn call(service: &str, content_type: &str) -> Call {
        Call {
            service: service.to_owned(),
            content_type: content_type.to_owned(),
            ..Call::default()
        }
    }

    const FORM: &str = "application/x-www-form-urlencoded; charset=utf-8";

    #[test]
    fn throttles_by_protocol() {
        let check = |service: &str, content_type: &str, expected: (u16, &str)| {
            let (status, _, body) = throttle(&call(service, content_type));
            let body = String::from_utf8_lossy(&body).into_owned();
            assert_eq!(status, expected.0, "{service}");
            assert!(body.contains(expected.1), "{body}");
        };
        check("ecs", JSON, (400, "\"__type\":\"ThrottlingException\""));
        check("sts", FORM, (400, "<Code>Throttling</Code>"));
        check("cloudformation", FORM, (400, "<Code>Throttling</Code>"));
        check("lambda", "application/json", (429, "TooManyRequests"));
        check("s3", "", (503, "<Code>SlowDown</Code>"));
    }

    #[test]
    fn refusals_by_protocol() {
        let check = |service: &str, content_type: &str, expected: &str| {
            let (_, body) = refusal(&call(service, content_type), "No", "a < b");
            let body = String::from_utf8_lossy(&body).into_owned();
            assert!(body.contains(expected), "{body}");
        };
        check("ecs", JSON, r#"{"__type":"No","message":"a < b"}"#);
        check(
            "cloudformation",
            FORM,
            "<ErrorResponse><Error><Type>Sender</Type><Code>No</Code><Message>a &lt; b</Message></Error>",
        );
        check(
            "s3",
            "",
            "<Error><Code>No</Code><Message>a &lt; b</Message>",
        );
    }
}
