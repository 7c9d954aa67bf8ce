//! The job's artifact credentials: they can be used and scrubbed, never printed.
//!
//! The types here have neither `Debug` nor `Serialize`, so that no derive on a type around them
//! and no log line can print them (CONTRACTS 3.1.7).

use serde::Deserialize;

/// Temporary credentials for the artifact bucket of the pipeline's account (CONTRACTS 3.1.10).
#[derive(Clone, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Credentials {
    access_key_id: String,
    secret_access_key: String,
    session_token: Option<String>,
    expiration_time: Option<u64>,
}

impl Credentials {
    /// None: for work that nobody handed credentials to.
    pub(super) fn none() -> Self {
        Self {
            access_key_id: String::new(),
            secret_access_key: String::new(),
            session_token: None,
            expiration_time: None,
        }
    }

    /// The access key id, for the SDK's credentials.
    pub fn access_key_id(&self) -> &str {
        &self.access_key_id
    }

    /// The secret, for the SDK's credentials and nothing else.
    pub fn expose_secret_access_key(&self) -> &str {
        &self.secret_access_key
    }

    /// The session token, for the SDK's credentials and nothing else.
    pub fn expose_session_token(&self) -> Option<&str> {
        self.session_token.as_deref()
    }

    /// When they end, in milliseconds since the epoch, where the event says so (3.1.2).
    pub fn expiration_ms(&self) -> Option<u64> {
        self.expiration_time
    }

    /// `text` without any trace of the secret and the session token: the last line of defence
    /// for texts that quote what AWS answered.
    pub fn scrub(&self, text: &str) -> String {
        let mut text = text.to_owned();
        for secret in [Some(&self.secret_access_key), self.session_token.as_ref()] {
            if let Some(secret) = secret.filter(|secret| secret.len() >= 8) {
                text = text.replace(secret.as_str(), "[removed]");
            }
        }
        text
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    // rules: 3.2.7
    #[test]
    fn scrubbing_removes_secret_and_token_wherever_they_stand() {
        let credentials: Credentials = serde_json::from_str(
            r#"{"accessKeyId":"AKIDEXAMPLE","secretAccessKey":"secret-canary","sessionToken":"token-canary"}"#,
        )
        .unwrap();
        let text = credentials.scrub("a secret-canary, twice: secret-canary; and token-canary.");
        assert_eq!(text, "a [removed], twice: [removed]; and [removed].");
    }
}
