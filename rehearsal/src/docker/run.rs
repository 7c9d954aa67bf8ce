//! What one rehearsal leaves in the engine, all of it named after the run, so that it can be removed:
//! at its end, or by a later one when its process was killed.

use std::process;
use std::sync::atomic::{AtomicU32, Ordering};

use anyhow::Result;
use rustix::process::{Pid, test_kill_process};
use serde_json::Value;

use super::engine::{Engine, encode, list, text};

/// The label of a run's containers; its value is the run's name.
pub(super) const RUN_LABEL: &str = "redbutton.run";

/// Names begin with it: `redbutton-<process>-<number>`.
const PREFIX: &str = "redbutton-";

/// A run; dropping it removes its containers and images. Its calls block.
#[derive(Debug)]
pub struct Run {
    pub(super) engine: Engine,
    name: String,
}

impl Run {
    /// Begins a run, and removes what runs of processes that have ended left behind.
    pub fn begin(engine: Engine) -> Result<Self> {
        static RUNS: AtomicU32 = AtomicU32::new(0);
        remove(&engine, |name| !is_running(name))?;
        let number = RUNS.fetch_add(1, Ordering::Relaxed);
        Ok(Self {
            engine,
            name: format!("{PREFIX}{}-{number}", process::id()),
        })
    }

    /// The run's name, which is part of every name that it gives in the engine.
    pub(super) fn name(&self) -> &str {
        &self.name
    }
}

impl Drop for Run {
    fn drop(&mut self) {
        // The engine may be gone; the next run tries again.
        let _ = remove(&self.engine, |name| name == self.name);
    }
}

/// Removes the containers and images of each run whose name is `chosen`. One that is gone already
/// or still used by somebody else is left: two runs may clean up at once.
fn remove(engine: &Engine, chosen: impl Fn(&str) -> bool) -> Result<()> {
    let labelled = encode(&format!(r#"{{"label":["{RUN_LABEL}"]}}"#));
    let containers = engine.get(&format!("/containers/json?all=true&filters={labelled}"))?;
    for container in list(&containers, "") {
        let run = text(container, &format!("/Labels/{RUN_LABEL}")).unwrap_or_default();
        if let Some(id) = text(container, "/Id").filter(|_| chosen(run)) {
            let _ = engine.delete(&format!("/containers/{id}?force=true&v=true"));
        }
    }
    let images = engine.get("/images/json")?;
    for reference in list(&images, "").flat_map(references) {
        if run_of(reference).is_some_and(&chosen) {
            let _ = engine.delete(&format!("/images/{reference}"));
        }
    }
    Ok(())
}

/// All names of an image.
fn references(image: &Value) -> impl Iterator<Item = &str> {
    list(image, "/RepoTags")
        .chain(list(image, "/RepoDigests"))
        .filter_map(Value::as_str)
}

/// The run that an image is named after.
fn run_of(reference: &str) -> Option<&str> {
    reference.split('/').find(|part| process_of(part).is_some())
}

fn process_of(run: &str) -> Option<Pid> {
    let (process, number) = run.strip_prefix(PREFIX)?.split_once('-')?;
    number.parse::<u32>().ok()?;
    Pid::from_raw(process.parse().ok()?)
}

/// Whether the process that a run is named after still exists.
fn is_running(run: &str) -> bool {
    process_of(run).is_some_and(|process| test_kill_process(process).is_ok())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_image_names_its_run() {
        let pulled = "127.0.0.1:5000/redbutton-12-3/111111111111/eu-west-1/web@sha256:00";
        assert_eq!(run_of(pulled), Some("redbutton-12-3"));
        assert_eq!(run_of("redbutton-12-3/web:v1"), Some("redbutton-12-3"));
        for foreign in [
            "redbutton-web:v1",
            "redbutton-12-x/web",
            "me/redbutton:12-3",
            "nginx",
        ] {
            assert_eq!(run_of(foreign), None, "{foreign}");
        }
    }

    #[test]
    fn a_run_is_running_while_its_process_is() {
        assert!(is_running(&format!("{PREFIX}{}-0", process::id())));
        assert!(!is_running("redbutton-0-0"));
    }
}
