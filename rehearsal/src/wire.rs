//! HTTP/1.1 as both sides speak it here: one client, whole bodies, one error for what AWS refuses.

use std::fmt;
use std::net::SocketAddr;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use anyhow::{Context, Result};
use http::header::{CONNECTION, EXPECT, HeaderMap, TRANSFER_ENCODING};
use http::{Method, Request, Uri};
use http_body_util::{BodyExt, Full};
use hyper::body::Bytes;
use hyper_util::client::legacy::Client;
use hyper_util::client::legacy::connect::HttpConnector;
use hyper_util::rt::TokioExecutor;
use serde_json::Value;

/// Longer than any call takes, even to an emulator that starts a container first.
const PATIENCE: Duration = Duration::from_secs(300);

/// The client; cloning shares its connections.
pub(crate) type Http = Client<HttpConnector, Full<Bytes>>;

/// An answer, read to its end.
#[derive(Clone, Debug)]
pub struct Response {
    /// The HTTP status.
    pub status: u16,
    /// All headers.
    pub headers: HeaderMap,
    /// The whole body.
    pub body: Bytes,
}

/// A client whose idle connections go before the emulator (75 s) would drop them.
pub(crate) fn client() -> Http {
    Client::builder(TokioExecutor::new())
        .pool_idle_timeout(Duration::from_secs(20))
        .build_http()
}

/// Sends a request to `to` as it is: same path, query, headers (Host too) and body, so that its
/// signature stays right.
pub(crate) async fn send(
    http: &Http,
    to: SocketAddr,
    method: &Method,
    path_and_query: &str,
    headers: &HeaderMap,
    body: Bytes,
) -> Result<Response> {
    let uri: Uri = format!("http://{to}{path_and_query}")
        .parse()
        .context("parse the address")?;
    let mut request = Request::new(Full::new(body));
    *request.method_mut() = method.clone();
    *request.uri_mut() = uri;
    *request.headers_mut() = headers.clone();
    // These speak about one connection; the body is whole, so nothing is left to expect.
    for name in [CONNECTION, EXPECT, TRANSFER_ENCODING] {
        request.headers_mut().remove(name);
    }
    let call = async {
        let response = http
            .request(request)
            .await
            .context("the emulator does not answer")?;
        let (parts, body) = response.into_parts();
        let body = body
            .collect()
            .await
            .context("the emulator's answer broke off")?
            .to_bytes();
        anyhow::Ok(Response {
            status: parts.status.as_u16(),
            headers: parts.headers,
            body,
        })
    };
    tokio::time::timeout(PATIENCE, call)
        .await
        .context("the emulator took too long")?
}

/// A refusal by AWS, to be found with `error.downcast_ref::<AwsError>()`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AwsError {
    /// The HTTP status.
    pub status: u16,
    /// The short name, such as `ClusterNotFoundException`; empty when the answer has none.
    pub code: String,
    /// What AWS says about it.
    pub message: String,
}

impl AwsError {
    /// Whether a policy refused it; each protocol has its own word for that.
    pub fn is_denied(&self) -> bool {
        self.status == 403 || self.code.starts_with("AccessDenied")
    }
}

impl fmt::Display for AwsError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} ({}): {}", self.code, self.status, self.message)
    }
}

impl std::error::Error for AwsError {}

/// The answer itself, or the error that it tells of in whichever protocol.
pub(crate) fn checked(response: Response) -> Result<Response, AwsError> {
    if response.status < 300 {
        return Ok(response);
    }
    let text = String::from_utf8_lossy(&response.body);
    let json: Value = serde_json::from_slice(&response.body).unwrap_or_default();
    let header = response
        .headers
        .get("x-amzn-errortype")
        .and_then(|value| value.to_str().ok());
    let code = [json["__type"].as_str(), json["code"].as_str(), header]
        .into_iter()
        .flatten()
        .next()
        .map(short)
        .or_else(|| xml_text(&text, "Code"))
        .unwrap_or_default();
    let message = ["message", "Message"]
        .iter()
        .find_map(|name| json[*name].as_str().map(str::to_owned))
        .or_else(|| xml_text(&text, "Message"))
        .unwrap_or_else(|| text.chars().take(500).collect());
    Err(AwsError {
        status: response.status,
        code,
        message,
    })
}

/// `com.amazonaws.ecs#ClusterNotFoundException:http://…` → `ClusterNotFoundException`.
fn short(code: &str) -> String {
    let code = code.rsplit('#').next().unwrap_or(code);
    code.split(':').next().unwrap_or(code).to_owned()
}

/// The text of the first element of that name.
pub fn xml_text(xml: &str, element: &str) -> Option<String> {
    xml_texts(xml, element).into_iter().next()
}

/// The texts of all elements of that name, in their order.
pub fn xml_texts(xml: &str, element: &str) -> Vec<String> {
    let (open, close) = (format!("<{element}>"), format!("</{element}>"));
    xml.split(&open)
        .skip(1)
        .filter_map(|rest| rest.split_once(&close))
        .map(|(text, _)| {
            let text = text
                .replace("&lt;", "<")
                .replace("&gt;", ">")
                .replace("&quot;", "\"");
            text.replace("&#39;", "'")
                .replace("&#x27;", "'")
                .replace("&apos;", "'")
                .replace("&amp;", "&")
        })
        .collect()
}

/// A text as it stands in an element.
pub fn xml_escaped(text: &str) -> String {
    text.replace('&', "&amp;")
        .replace('<', "&lt;")
        .replace('>', "&gt;")
}

/// The guarded value, even when a thread that held it panicked: what it guards here are lists that
/// are whole after every step.
pub(crate) fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(status: u16, body: &str, code: &str, message: &str) {
        let body = Bytes::from(body.to_owned());
        let error = checked(Response {
            status,
            headers: HeaderMap::new(),
            body,
        })
        .unwrap_err();
        assert_eq!(
            (error.code.as_str(), error.message.as_str()),
            (code, message)
        );
    }

    #[test]
    fn errors_of_every_protocol() {
        check(
            400,
            r#"{"__type":"a.b#NoSuch:x","message":"m"}"#,
            "NoSuch",
            "m",
        );
        check(
            400,
            r#"{"__type":"AccessDeniedException","Message":"m"}"#,
            "AccessDeniedException",
            "m",
        );
        check(
            404,
            "<Error><Code>NoSuchKey</Code><Message>a &amp; b</Message></Error>",
            "NoSuchKey",
            "a & b",
        );
        check(500, "oops", "", "oops");
    }

    #[test]
    fn texts_come_back_from_xml_as_they_were() {
        let text = "a & b < 'c' > \"d\" &lt;";
        let element = format!("<Text>{}</Text>", xml_escaped(text));
        assert_eq!(xml_text(&element, "Text").as_deref(), Some(text));
        let quoted = "<Text>&#x27;a&#39; &quot;b&quot;</Text>";
        assert_eq!(xml_text(quoted, "Text").as_deref(), Some("'a' \"b\""));
    }
}
