//! fabfuel's ecs-deploy: one process a service, all of them started at the same time.

use std::fs::{self, File};
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};
use std::thread;
use std::time::{Duration, Instant};

use anyhow::{Context, Result};
use rehearsal::Rehearsal;
use rehearsal::suite::{Suite, TARGET_REGION};

use super::{Run, Said};
use crate::bench::job::CLUSTER;
use crate::bench::peers::Peers;
use crate::interrupt;

/// Between two looks at the processes.
const BREATH: Duration = Duration::from_millis(20);
/// As much of what a process said last is shown.
const LINES: usize = 6;

/// A process of `ecs deploy`; dropping it ends it.
struct Deploy {
    child: Child,
    said: PathBuf,
}

/// Brings all `services` to an image, as the root of their account: it needs no role and asks for
/// none, which is one call less a service than an assumed one would be.
pub(super) fn run(
    rehearsal: &Rehearsal,
    suite: &Suite,
    peers: &Peers,
    services: &[String],
    image: &str,
) -> Result<Run> {
    rehearsal.proxy().reset();
    let began = Instant::now();
    let start = |service: &String| Deploy::start(rehearsal, suite, peers, service, image);
    let mut running = services.iter().map(start).collect::<Result<Vec<_>>>()?;
    let mut said = Vec::new();
    while !running.is_empty() {
        interrupt::check()?;
        for index in (0..running.len()).rev() {
            let ended = match running.get_mut(index) {
                Some(deploy) => deploy.child.try_wait().context("look after ecs-deploy")?,
                None => None,
            };
            if let Some(status) = ended {
                said.push(running.swap_remove(index).said(status.success())?);
            }
        }
        thread::sleep(BREATH);
    }
    let time = began.elapsed();
    // One that failed speaks for all, as the pipeline's log would.
    let failed = said.iter().position(|said| !said.success);
    Ok(Run {
        calls: rehearsal.proxy().calls().len(),
        time,
        said: said.swap_remove(failed.unwrap_or_default()),
    })
}

impl Deploy {
    fn start(
        rehearsal: &Rehearsal,
        suite: &Suite,
        peers: &Peers,
        service: &str,
        image: &str,
    ) -> Result<Self> {
        let path = rehearsal.dir().join(format!("ecs-deploy-{service}.log"));
        let output = File::create(&path).context("create ecs-deploy's log")?;
        let endpoint = format!("http://{}", rehearsal.proxy().address());
        let child = Command::new(peers.ecs())
            .args(["deploy", CLUSTER, service, "--image", service, image])
            .env_clear()
            .envs(std::env::var_os("PATH").map(|path| ("PATH", path)))
            .envs([
                ("AWS_ENDPOINT_URL", endpoint.as_str()),
                ("AWS_ACCESS_KEY_ID", suite.other.id()),
                ("AWS_SECRET_ACCESS_KEY", "any"),
                ("AWS_DEFAULT_REGION", TARGET_REGION),
                ("LANG", "C.UTF-8"),
                // Nothing of the person's own configuration.
                ("AWS_CONFIG_FILE", "/dev/null"),
                ("AWS_SHARED_CREDENTIALS_FILE", "/dev/null"),
            ])
            .stdin(Stdio::null())
            .stdout(output.try_clone().context("share ecs-deploy's log")?)
            .stderr(output)
            .spawn()
            .context("start ecs-deploy")?;
        Ok(Self { child, said: path })
    }

    fn said(&self, success: bool) -> Result<Said> {
        let said = fs::read(&self.said).context("read ecs-deploy's log")?;
        Ok(Said {
            success,
            message: last_words(&String::from_utf8_lossy(&said)),
        })
    }
}

impl Drop for Deploy {
    fn drop(&mut self) {
        // Most have ended by themselves.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// The last lines, without the dots that stand for waiting.
fn last_words(said: &str) -> String {
    let lines: Vec<&str> = said
        .lines()
        .map(|line| line.trim_start_matches('.').trim_end())
        .filter(|line| !line.is_empty())
        .collect();
    let last = lines.get(lines.len().saturating_sub(LINES)..);
    last.unwrap_or_default().join("\n")
}

#[cfg(test)]
mod tests {
    #[test]
    fn dots_say_nothing() {
        let said = "Updating service\n\nDeploying\n...\n....\nDeployment successful\n";
        assert_eq!(
            super::last_words(said),
            "Updating service\nDeploying\nDeployment successful"
        );
    }
}
