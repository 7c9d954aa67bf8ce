//! Raw JSON through the SDK: requests keep fields that the SDK's types do not have, answers are
//! read as they came. Signing, retries and error decoding stay the SDK's.

use std::sync::{Arc, Mutex};

use aws_smithy_runtime_api::box_error::BoxError;
use aws_smithy_runtime_api::client::interceptors::context::AfterDeserializationInterceptorContextRef;
use aws_smithy_runtime_api::client::interceptors::{Intercept, dyn_dispatch_hint};
use aws_smithy_runtime_api::client::orchestrator::HttpRequest;
use aws_smithy_runtime_api::client::runtime_components::RuntimeComponents;
use aws_smithy_types::body::SdkBody;
use aws_smithy_types::config_bag::ConfigBag;
use serde_json::Value;

/// Keeps the body of the last answer.
#[derive(Debug, Clone, Default)]
pub(super) struct Capture(Arc<Mutex<Option<Vec<u8>>>>);

impl Capture {
    /// The answer as JSON; null when there was none.
    pub(super) fn json(&self) -> Value {
        let body = self
            .0
            .lock()
            .ok()
            .and_then(|mut body| body.take())
            .unwrap_or_default();
        serde_json::from_slice(&body).unwrap_or(Value::Null)
    }
}

#[dyn_dispatch_hint]
impl Intercept for Capture {
    fn name(&self) -> &'static str {
        "CaptureAnswer"
    }

    fn read_after_deserialization(
        &self,
        context: &AfterDeserializationInterceptorContextRef<'_>,
        _: &RuntimeComponents,
        _: &mut ConfigBag,
    ) -> Result<(), BoxError> {
        // Before deserialization the body has not been read yet.
        if let (Some(bytes), Ok(mut body)) = (context.response().body().bytes(), self.0.lock()) {
            *body = Some(bytes.to_vec());
        }
        Ok(())
    }
}

/// Puts `body` in the place of what the SDK serialised, before signing.
pub(super) fn replace_body(body: String) -> impl Fn(&mut HttpRequest) + Send + Sync + 'static {
    move |request| {
        request
            .headers_mut()
            .insert("content-length", body.len().to_string());
        *request.body_mut() = SdkBody::from(body.clone());
    }
}
