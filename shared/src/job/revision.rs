//! What a pipeline execution runs with: the revision of each source, as people know it.

use serde_json::Value;

/// A source's revision, as `GetPipelineExecution` has it.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Revision {
    /// The output artifact of the source action.
    pub artifact: String,
    /// A commit, an image's digest, an object's version.
    pub id: String,
    /// What the source says about it, such as the commit's message; empty when it says nothing.
    pub summary: String,
    /// Where it can be looked at; empty when not told.
    pub url: String,
}

/// The text for people in a revision's summary: a connection to GitHub and its like wraps the
/// commit's message in JSON, all others give it as it is.
pub fn message(summary: &str) -> String {
    let wrapped: Option<Value> = serde_json::from_str(summary).ok();
    let message = wrapped
        .as_ref()
        .and_then(|wrapped| wrapped.get("CommitMessage")?.as_str());
    message.unwrap_or(summary).trim().to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_message_is_taken_out_of_what_wraps_it() {
        for (summary, expected) in [
            (
                r#"{"ProviderType":"GitHub","CommitMessage":"Serve \"more\"\n\nAnd faster.\n"}"#,
                "Serve \"more\"\n\nAnd faster.",
            ),
            ("Serve more\n", "Serve more"),
            // What looks like it and is not stays as it was written.
            (r#"{"CommitMessage": 7}"#, r#"{"CommitMessage": 7}"#),
            (r#"{"ProviderType":"S3"}"#, r#"{"ProviderType":"S3"}"#),
            ("17", "17"),
            ("", ""),
        ] {
            assert_eq!(message(summary), expected);
        }
    }
}
