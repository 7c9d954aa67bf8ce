//! Requests signed with an account's or a session's credentials, straight to the emulator.

use std::net::SocketAddr;
use std::time::{Duration, SystemTime};

use anyhow::{Context, Result, anyhow};
pub use aws_credential_types::Credentials;
use aws_sigv4::http_request::{
    PayloadChecksumKind, PercentEncodingMode, SignableBody, SignableRequest, SigningSettings,
    UriPathNormalizationMode, sign,
};
use aws_sigv4::sign::v4;
use http::{Method, Request};
use hyper::body::Bytes;
use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};

use crate::wire::{self, Http, Response, xml_text};

/// What a URI keeps as it is (RFC 3986, unreserved).
const UNRESERVED: &AsciiSet = &NON_ALPHANUMERIC
    .remove(b'-')
    .remove(b'.')
    .remove(b'_')
    .remove(b'~');

/// To the emulator, twelve digits are the access key of that account's root, with any secret; it
/// verifies the signatures of users, roles and sessions.
const ROOT_SECRET: &str = "rehearsal";

/// The way to the emulator.
#[derive(Clone)]
pub(crate) struct Aws {
    pub(crate) http: Http,
    pub(crate) endpoint: SocketAddr,
    /// The region of the pipelines.
    pub(crate) region: String,
}

/// Who calls what: a request before it is signed.
pub(crate) struct Call<'a> {
    pub(crate) credentials: &'a Credentials,
    pub(crate) region: &'a str,
    pub(crate) service: &'a str,
    pub(crate) method: Method,
    pub(crate) path_and_query: &'a str,
    pub(crate) headers: &'a [(&'a str, &'a str)],
    pub(crate) body: Bytes,
}

impl Aws {
    /// The root credentials of an account.
    pub(crate) fn root_of(&self, account: &str) -> Credentials {
        Credentials::new(account, ROOT_SECRET, None, None, "rehearsal")
    }

    /// Signs and sends; an answer of 300 and above is an [`wire::AwsError`].
    pub(crate) async fn call(&self, call: Call<'_>) -> Result<Response> {
        let mut request = Request::new(());
        *request.method_mut() = call.method.clone();
        let headers = request.headers_mut();
        headers.insert(
            "host",
            self.endpoint
                .to_string()
                .parse()
                .context("make a Host header")?,
        );
        for (name, value) in call.headers {
            let name: http::HeaderName = name.parse().context("make a header")?;
            headers.insert(name, value.parse().context("make a header")?);
        }
        let url = format!("http://{}{}", self.endpoint, call.path_and_query);
        let signed: Vec<(String, String)> = headers
            .iter()
            .filter_map(|(name, value)| Some((name.to_string(), value.to_str().ok()?.to_owned())))
            .collect();

        let mut settings = SigningSettings::default();
        if call.service == "s3" {
            settings.payload_checksum_kind = PayloadChecksumKind::XAmzSha256;
            settings.percent_encoding_mode = PercentEncodingMode::Single;
            settings.uri_path_normalization_mode = UriPathNormalizationMode::Disabled;
        }
        let identity = call.credentials.clone().into();
        let params = v4::SigningParams::builder()
            .identity(&identity)
            .region(call.region)
            .name(call.service)
            .time(SystemTime::now())
            .settings(settings)
            .build()
            .context("sign a request")?
            .into();
        let signable = SignableRequest::new(
            call.method.as_str(),
            url,
            signed
                .iter()
                .map(|(name, value)| (name.as_str(), value.as_str())),
            SignableBody::Bytes(&call.body),
        )
        .context("sign a request")?;
        let (signature, _) = sign(signable, &params)
            .context("sign a request")?
            .into_parts();
        signature.apply_to_request_http1x(&mut request);

        let answer = wire::send(
            &self.http,
            self.endpoint,
            &call.method,
            call.path_and_query,
            request.headers(),
            call.body,
        );
        Ok(wire::checked(answer.await?)?)
    }

    /// A session of `role`, by `caller`.
    pub(crate) async fn assume_role(
        &self,
        caller: &Credentials,
        region: &str,
        params: &[(&str, &str)],
    ) -> Result<Credentials> {
        let mut all = vec![("Action", "AssumeRole"), ("Version", "2011-06-15")];
        all.extend_from_slice(params);
        let answer = self
            .call(Call {
                credentials: caller,
                region,
                service: "sts",
                method: Method::POST,
                path_and_query: "/",
                headers: &[("content-type", "application/x-www-form-urlencoded")],
                body: form(&all).into(),
            })
            .await?;
        let xml = String::from_utf8_lossy(&answer.body);
        let text = |name: &str| {
            xml_text(&xml, name).ok_or_else(|| anyhow!("AssumeRole's answer has no {name}"))
        };
        Ok(Credentials::new(
            text("AccessKeyId")?,
            text("SecretAccessKey")?,
            Some(text("SessionToken")?),
            Some(SystemTime::now() + Duration::from_secs(3600)),
            "rehearsal",
        ))
    }
}

/// `application/x-www-form-urlencoded`.
pub(crate) fn form(params: &[(&str, &str)]) -> String {
    let pairs: Vec<String> = params
        .iter()
        .map(|(name, value)| format!("{}={}", encode(name), encode(value)))
        .collect();
    pairs.join("&")
}

/// Percent-encodes all but RFC 3986's unreserved characters.
pub(crate) fn encode(text: &str) -> String {
    utf8_percent_encode(text, UNRESERVED).to_string()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn forms_are_encoded() {
        assert_eq!(
            form(&[("A", "b c"), ("Policy", "{\"a\":1}")]),
            "A=b%20c&Policy=%7B%22a%22%3A1%7D"
        );
    }
}
