//! Times, as AWS gives them, in whole seconds.

/// Seconds since the epoch.
pub(crate) fn seconds(time: &aws_smithy_types::DateTime) -> u64 {
    u64::try_from(time.secs()).unwrap_or_default()
}
