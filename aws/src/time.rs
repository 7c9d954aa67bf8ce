//! Times, as AWS gives them, in whole seconds.

use aws_smithy_types::DateTime;
use aws_smithy_types::date_time::Format;

/// Seconds since the epoch.
pub(crate) fn seconds(time: &aws_smithy_types::DateTime) -> u64 {
    u64::try_from(time.secs()).unwrap_or_default()
}

/// For people: `2026-11-21T18:44:16Z`.
pub fn shown(seconds: u64) -> String {
    let time = DateTime::from_secs(i64::try_from(seconds).unwrap_or_default());
    time.fmt(Format::DateTime).unwrap_or_default()
}
