//! Logging: JSON lines for Lambda, one sentence at the boundary with its facts as fields.
//!
//! Only redbutton's own targets can be made louder. The SDK and the runtime log whole requests and
//! events at TRACE, and a job event holds credentials (CONTRACTS 3.1.7), so they stay at WARN
//! whatever the level asked for.

use tracing::level_filters::LevelFilter;
use tracing_subscriber::filter::Targets;
use tracing_subscriber::layer::SubscriberExt as _;
use tracing_subscriber::util::SubscriberInitExt as _;

/// Starts logging. Every line has a time stamp: without one Lambda takes it for INFO, and drops it
/// when asked for less. `level` is Lambda's `AWS_LAMBDA_LOG_LEVEL` (INFO when absent or unknown).
pub fn start(level: Option<&str>) {
    let level = level
        .and_then(|level| level.parse::<LevelFilter>().ok())
        .unwrap_or(LevelFilter::INFO);
    let targets = Targets::new()
        .with_default(LevelFilter::WARN)
        // A target matches by its beginning: "aws" alone would be the SDK's crates, too.
        .with_target("aws::", level)
        .with_target("driver", level)
        .with_target("artifact_copier", level)
        .with_target("production_preview", level)
        .with_target("task_definition_updater", level)
        .with_target("production_gate", level)
        .with_target("production_deployer", level);
    let lines = tracing_subscriber::fmt::layer()
        .json()
        .flatten_event(true)
        .with_current_span(true)
        .with_span_list(false);
    tracing_subscriber::registry()
        .with(targets)
        .with(lines)
        .init();
    // The usual hook prints the panic's own text, which may quote anything.
    std::panic::set_hook(Box::new(|panic| {
        let place = panic
            .location()
            .map(ToString::to_string)
            .unwrap_or_default();
        tracing::error!(place, "panicked");
    }));
}
