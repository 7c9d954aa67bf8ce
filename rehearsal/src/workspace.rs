//! Where things lie: the workspace's root, Cargo's target directory and the folder of one run.

use std::fs;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::SystemTime;

use anyhow::{Context, Result};

/// Folders of earlier runs that are kept for reading; older ones are removed.
const RUNS_KEPT: usize = 12;

/// The workspace's root, the folder with `template.yaml`.
pub fn root() -> PathBuf {
    let crate_dir = Path::new(env!("CARGO_MANIFEST_DIR"));
    crate_dir.parent().unwrap_or(crate_dir).to_path_buf()
}

/// Cargo's target directory, where everything that can be made again belongs.
pub fn target() -> PathBuf {
    std::env::var_os("CARGO_TARGET_DIR").map_or_else(|| root().join("target"), PathBuf::from)
}

/// Makes `target/rehearsal/<pid>-<n>/` and removes all but the newest folders of runs that ended.
pub(crate) fn new_run() -> Result<PathBuf> {
    static RUNS: AtomicU32 = AtomicU32::new(0);
    let runs = target().join("rehearsal");
    prune(&runs);
    let number = RUNS.fetch_add(1, Ordering::Relaxed);
    let dir = runs.join(format!("{}-{number}", std::process::id()));
    // A process id comes round again; what its former owner left would confuse this run.
    if dir.exists() {
        fs::remove_dir_all(&dir)
            .with_context(|| format!("remove {}, left by an earlier run", dir.display()))?;
    }
    fs::create_dir_all(&dir).with_context(|| format!("create {}", dir.display()))?;
    Ok(dir)
}

/// Removes old runs; best effort, because two processes may prune at once.
fn prune(runs: &Path) {
    let Ok(entries) = fs::read_dir(runs) else {
        return;
    };
    let mut ended: Vec<(SystemTime, PathBuf)> = entries
        .flatten()
        .filter(|entry| !is_running(&entry.file_name().to_string_lossy()))
        .filter_map(|entry| Some((entry.metadata().ok()?.modified().ok()?, entry.path())))
        .collect();
    ended.sort();
    let surplus = ended.len().saturating_sub(RUNS_KEPT);
    for (_, path) in ended.into_iter().take(surplus) {
        let _ = fs::remove_dir_all(path);
    }
}

/// Whether the process that a run's folder is named after still exists.
fn is_running(name: &str) -> bool {
    let pid = name.split('-').next().and_then(|pid| pid.parse().ok());
    pid.and_then(rustix::process::Pid::from_raw)
        .is_some_and(|pid| rustix::process::test_kill_process(pid).is_ok())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_run_is_running_while_its_process_is() {
        assert!(is_running(&format!("{}-0", std::process::id())));
        assert!(!is_running("not-a-run"));
        assert!(!is_running("0-0"));
    }
}
