//! A verdict for scripts.

use serde_json::{Value, json};

use super::verdict::{Compared, Verdict};

/// As JSON. What the release says is there only when a trusted key signed it.
pub(super) fn data(verdict: &Verdict) -> Value {
    let signed = verdict.signed.as_ref();
    let checked = verdict.checks.iter().filter(|check| check.done);
    let artifacts = signed
        .into_iter()
        .flat_map(|signed| &signed.statement.predicate.artifacts);
    let artifacts = artifacts
        .zip(&verdict.compared)
        .map(|(artifact, compared)| {
            let compared = match compared {
                Compared::Same => "same",
                Compared::Missing => "missing",
                Compared::Other => "other",
            };
            json!({"key": artifact.key, "compared": compared})
        });
    json!({
        "verified": verdict.reasons.is_empty(),
        "reasons": verdict.reasons,
        "release": signed.map(|signed| signed.statement.name()),
        "envelope": {"place": verdict.place, "sha256": verdict.sha256},
        "key": signed.map(|signed| json!({"id": signed.key, "file": signed.file})),
        "checked": checked.map(|check| check.name).collect::<Value>(),
        "artifacts": artifacts.collect::<Value>(),
        "statement": signed.map(|signed| json!(signed.statement)),
    })
}
