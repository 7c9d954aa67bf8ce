//! `redbutton why`: from what runs to the commit that it was made of, link by link.

use std::fs;
use std::path::PathBuf;
use std::process::ExitCode;

use anyhow::Result;
use aws::ecs::tasks;
use aws::s3::kept;
use rehearsal::say;
use shared::ledger;
use shared::moment;
use shared::names::Digest;
use shared::production::why::{Link, Served, links, newest};
use shared::release::envelope::PublicKey;
use shared::release::{ENVELOPE, folder};

use super::ends;
use super::there::{There, Where, explained, wait};
use crate::paint::{Paint, plain};
use crate::wrong_use::WrongUse;

const EXAMPLES: &str = "\
Examples:
    redbutton why sha256:15beda… --bucket BUCKET --key signing.key --region ap-southeast-2
    redbutton why arn:aws:ecs:ap-southeast-2:222222222222:task/production/0f1e2d… \\
      --bucket BUCKET --key signing.key

Exit codes: 0 every link holds, 1 one does not or is missing, and which, 2 wrong use";

/// Ask why an image or a task runs: release, proof of test, approver, commit.
///
/// Each link is verified: the ledger's chain, the release's signature, the proof in it. The one that is
/// missing is named.
#[derive(Debug, clap::Args)]
#[command(after_help = EXAMPLES)]
pub(crate) struct Options {
    /// An image's digest, or the ARN of an ECS task
    what: String,
    #[command(flatten)]
    at: Where,
    /// A public key that is trusted, as for redbutton verify
    #[arg(long, value_name = "FILE", required = true)]
    key: Vec<PathBuf>,
}

/// Asks.
pub(crate) fn run(options: &Options) -> ExitCode {
    ends(keys(options).and_then(|keys| wait(why(options, &keys))))
}

fn keys(options: &Options) -> Result<Vec<PublicKey>> {
    let mut keys = Vec::new();
    for path in &options.key {
        let wrong = |why: String| WrongUse(vec![format!("--key {}: {why}", path.display())]);
        let bytes = fs::read(path).map_err(|error| wrong(error.to_string()))?;
        keys.extend(PublicKey::read(&String::from_utf8_lossy(&bytes)).map_err(wrong)?);
    }
    Ok(keys)
}

async fn why(options: &Options, keys: &[PublicKey]) -> Result<bool> {
    let there = There::new(&options.at).await?;
    let digests = digests(&there, &options.what).await?;
    let paint = Paint::of_stdout();
    let mut holds = true;
    for digest in digests {
        say::line(paint.bold(&digest));
        for link in of_digest(&there, &digest, keys).await? {
            holds &= link.holds;
            let mark = if link.holds {
                paint.good("✓")
            } else {
                paint.bad("✗")
            };
            say::line(format!("  {mark} {}: {}", link.what, plain(&link.says)));
        }
    }
    Ok(holds)
}

/// The digests of what was asked for.
async fn digests(there: &There, what: &str) -> Result<Vec<String>> {
    if let Some(digest) = Digest::parse(what) {
        return Ok(vec![digest.as_str().to_owned()]);
    }
    let wrong = || {
        WrongUse(vec![format!(
            "{what} is neither a digest (sha256: and 64 hexadecimal digits) nor a task's ARN"
        )])
    };
    let resource = what.split(':').nth(5).filter(|_| what.starts_with("arn:"));
    let resource = resource.and_then(|resource| resource.strip_prefix("task/"));
    let (cluster, _) = resource
        .and_then(|one| one.split_once('/'))
        .ok_or_else(wrong)?;
    let arns = [what.to_owned()];
    let found = tasks::describe(&there.person.ecs(), cluster, &arns).await;
    let found = found.map_err(|error| explained(what, &error))?;
    let containers = found.iter().flat_map(|task| &task.containers);
    let mut digests: Vec<String> = Vec::new();
    for container in containers {
        let registered = container
            .image
            .rsplit_once('@')
            .map(|(_, digest)| digest.to_owned());
        match container.digest.clone().or(registered) {
            Some(digest) => digests.push(digest),
            None => anyhow::bail!(
                "container {} runs {}, and nothing says by which digest",
                container.name,
                container.image
            ),
        }
    }
    digests.sort();
    digests.dedup();
    match digests.is_empty() {
        true => anyhow::bail!("{what} is not known to ECS, or has no container"),
        false => Ok(digests),
    }
}

/// Every link that could be looked at, down to the first that is missing.
async fn of_digest(there: &There, digest: &str, keys: &[PublicKey]) -> Result<Vec<Link>> {
    let mut served: Option<Served> = None;
    let mut broken = Vec::new();
    for target in there.targets().await? {
        let entries = there.entries(&target).await?;
        match ledger::chain(&target, &entries, None) {
            Ok(chain) => served = newest(served, &chain, digest),
            Err(why) => broken.push(Link::missing("ledger", format!("{} {}", why.key, why.why))),
        }
    }
    let Some(served) = served else {
        broken.push(Link::missing(
            "ledger",
            "no entry says that this image served; whoever put it there did not use redbutton"
                .to_owned(),
        ));
        return Ok(broken);
    };
    let mut all = broken;
    let when = moment::utc(served.entry.at).unwrap_or_default();
    all.push(Link::holds(
        "ledger",
        format!(
            "entry {} of {}, {when} UTC; its chain is whole",
            served.entry.number, served.entry.target
        ),
    ));
    let key = format!("{}{ENVELOPE}", folder(&served.release.name));
    let version = Some(served.release.version.as_str());
    let envelope = kept::get(there.releases(), &key, version).await;
    let envelope = envelope.map_err(|error| there.failed(&key, &error))?;
    let bytes = envelope.map(|envelope| envelope.bytes);
    all.extend(links(&served, digest, bytes.as_deref(), keys));
    Ok(all)
}
