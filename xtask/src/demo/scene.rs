//! What the story's chapters do, and how each is checked: by the pipeline's end, by ECS, by the pages and
//! images of the containers, by production's bucket, and by the commands that people have.

use std::fs;
use std::process::Command;

use anyhow::{Context, Result, bail, ensure};
use rehearsal::pipeline::{Execution, Status};
use rehearsal::suite::{self, RELEASES_BUCKET, TARGET_REGION};
use rehearsal::{AwsError, package, workspace, world};
use shared::ledger::Entry;

use super::page;
use super::source::Commit;
use super::stage::{Place, WEB};
use super::story::{Journey, Teller};

/// Where the ledger lies.
const LEDGER: &str = "ledger/";

impl Teller<'_> {
    /// Runs the pipeline with a commit, in which `who` approves for production, to the end that is
    /// expected; the tag that the build made.
    pub(super) fn run(&mut self, commit: Commit, who: &'static str, end: Status) -> Result<String> {
        let short = commit.id.get(..7).unwrap_or_default();
        self.fact("commit", &format!("{short} {}", commit.subject));
        let cast = &self.stage.cast;
        cast.begin(who);
        let execution = self.stage.run();
        let steps = cast.journey();
        let execution = execution?;
        self.journey = Some(Journey {
            commit,
            execution: execution.id.clone(),
            status: execution.status,
            steps,
        });
        ensure!(
            execution.status == end,
            "the execution {} is {}, and was to be {end}",
            execution.id,
            execution.status
        );
        tag(&execution)
    }

    /// A release that cannot start: test goes back to `before`, whose visitors notice nothing.
    pub(super) fn goes_back(&mut self, commit: Commit, before: &str) -> Result<()> {
        let stage = self.stage;
        let engine = stage.engine().context("only containers fail to start")?;
        let digest = stage.digest(before)?;
        let page = page::fetch(engine, &stage.test.service, before, &digest)?;
        let (ran, visits) = page::visiting(engine, &stage.test.service, &page, || {
            self.run(commit, "nobody", Status::Failed)
        });
        ran?;
        let message = self.failure("Test", "RollOut")?;
        ensure!(
            message.contains("exit code 1"),
            "the message names no exit code 1"
        );
        let visits = visits.context("a visitor noticed")?;
        let text = format!("{visits} came meanwhile; each got “{}”", page.title);
        self.fact("visitors", &text);
        self.serves(&stage.test, before)
    }

    /// A release that production's gate refuses, because of who approved it.
    pub(super) fn refused(&mut self, commit: Commit, who: &'static str) -> Result<()> {
        let tag = self.run(commit, who, Status::Failed)?;
        let message = self.failure("Production", "Release")?;
        for word in ["production refused this release", who] {
            ensure!(
                message.contains(word),
                "the message does not speak of {word:?}"
            );
        }
        self.serves(&self.stage.test, &tag)
    }

    /// What a failed action told the person at the pipeline.
    fn failure(&self, stage: &str, action: &str) -> Result<String> {
        let steps = self.journey.iter().flat_map(|journey| &journey.steps);
        let mut failed = steps.filter(|step| step.status == Status::Failed);
        let step = failed.next().context("nothing failed")?;
        ensure!(
            step.stage == stage && step.action == action,
            "{}/{} failed, and not {stage}/{action}",
            step.stage,
            step.action
        );
        Ok(step.said.clone())
    }

    /// The service is on `tag`: by its task definition, and by every container's page and image.
    pub(super) fn serves(&mut self, place: &Place, tag: &str) -> Result<()> {
        let digest = self.on(place, tag)?;
        let text = match self.stage.engine() {
            Some(engine) => {
                let page = page::fetch(engine, &place.service, tag, &digest)?;
                format!("“{}” at {}", page.title, page.url)
            }
            None => format!("to run {tag}, {}…", digest.get(..19).unwrap_or_default()),
        };
        let text = format!("{text} ({}, {TARGET_REGION})", place.account.id());
        self.fact(place.name, &text);
        Ok(())
    }

    /// The digest of `tag`, which the service's task definition names.
    pub(super) fn on(&self, place: &Place, tag: &str) -> Result<String> {
        let digest = self.stage.digest(tag)?;
        let image = place.image()?;
        let by_tag = format!(":{tag}");
        ensure!(
            image.ends_with(&digest) || image.ends_with(&by_tag),
            "the service in {} is to run {image}, which is not {tag}",
            place.name
        );
        Ok(digest)
    }

    /// `redbutton rollback`, and nothing else.
    pub(super) fn rollback(&mut self) -> Result<()> {
        self.redbutton(&["rollback", "--region", TARGET_REGION])
    }

    /// The ledger of the service, which is whole.
    pub(super) fn ledger(&mut self) -> Result<()> {
        let entries = self.entries()?;
        for entry in &entries {
            let release = entry.release.as_ref();
            let name = release.map_or("what was there before", |release| &release.name);
            let by = release.map(|release| release.approvers.join(", "));
            let by = by
                .map(|by| format!(", approved by {by}"))
                .unwrap_or_default();
            let text = format!("{} {:?}: {name}{by}", entry.number, entry.result);
            self.fact("ledger", &text);
        }
        // There is one target.
        let target = &entries.first().context("the ledger is empty")?.target;
        self.redbutton(&["ledger", "verify", target, "--bucket", RELEASES_BUCKET])
    }

    /// From the image that production runs back to the commit.
    pub(super) fn why(&mut self, tag: &str) -> Result<()> {
        let digest = self.stage.digest(tag)?;
        let key = self.stage.rehearsal.dir().join("signing.key");
        let public = suite::signing_key(&self.stage.rehearsal.tooling())?;
        fs::write(&key, public).context("write the public key")?;
        let key = key.to_string_lossy().into_owned();
        let at = ["--bucket", RELEASES_BUCKET, "--key", &key];
        self.redbutton(&[&["why", &digest], &at[..]].concat())
    }

    /// Every entry of the ledger, oldest first.
    pub(super) fn entries(&self) -> Result<Vec<Entry>> {
        let production = &self.stage.production.account;
        let mut keys = production.list_objects(RELEASES_BUCKET, LEDGER)?;
        keys.sort();
        let read = |key: String| {
            let bytes = production.get_object(RELEASES_BUCKET, &key)?;
            serde_json::from_slice(&bytes).context(key)
        };
        keys.into_iter().map(read).collect()
    }

    /// Whatever an administrator tries, a release stays as it is.
    pub(super) fn stays(&mut self) -> Result<()> {
        let production = world::administrator(&self.stage.production.account, "administrator")?;
        let keys = production.list_objects(RELEASES_BUCKET, "releases/")?;
        ensure!(keys.len() >= 2, "there is no release");
        let mut refused = 0;
        for key in &keys {
            let path = format!("/{RELEASES_BUCKET}/{key}");
            for (what, method, body) in [
                ("delete", http::Method::DELETE, &b""[..]),
                ("overwrite", http::Method::PUT, b"other bytes"),
            ] {
                let tried = production.request("s3", method, &path, &[], body.to_vec().into());
                match tried.map_err(|error| error.downcast::<AwsError>()) {
                    Ok(_) => bail!("an administrator could {what} {key}"),
                    Err(Ok(error)) if error.code == "AccessDenied" => refused += 1,
                    Err(Ok(error)) => bail!("{what} {key}: {}", error.code),
                    Err(Err(error)) => return Err(error),
                }
            }
        }
        let text = format!("{refused} attempts to delete or to overwrite, all of them denied");
        self.fact("tried", &text);
        Ok(())
    }

    /// A fact, on the screen and in the report.
    pub(super) fn fact(&mut self, name: &str, text: &str) {
        self.screen.fact(name, text);
        self.facts.push((name.to_owned(), text.to_owned()));
    }

    /// Runs a command of `redbutton` with the credentials of production and nothing else of the person's
    /// environment, and shows what it said.
    fn redbutton(&mut self, arguments: &[&str]) -> Result<()> {
        // As a person in this folder would type it.
        let here = format!("{}/", workspace::root().display());
        let line = format!("redbutton {}", arguments.join(" ").replace(&here, ""));
        self.fact("typed", &line);
        let production = &self.stage.production.account;
        let keys = production.credentials();
        let output = Command::new(package::tool("redbutton", &|_| {})?)
            .args(arguments)
            .env_clear()
            .env("AWS_ENDPOINT_URL", production.endpoint())
            .env("AWS_ACCESS_KEY_ID", keys.access_key_id())
            .env("AWS_SECRET_ACCESS_KEY", keys.secret_access_key())
            .env("AWS_REGION", TARGET_REGION)
            .env("AWS_EC2_METADATA_DISABLED", "true")
            .output()
            .with_context(|| format!("run {line}"))?;
        let said = [output.stdout, output.stderr].concat();
        let said = String::from_utf8_lossy(&said).trim_end().to_owned();
        ensure!(output.status.success(), "{line}: {said}");
        self.screen.quote(&said);
        self.facts.push(("said".to_owned(), said));
        Ok(())
    }
}

/// The tag that the build made.
fn tag(execution: &Execution) -> Result<String> {
    let build = execution
        .action("Build", "Build")
        .context("nothing was built")?;
    let tag = build.variables.get("IMAGE_TAG");
    Ok(tag
        .with_context(|| format!("the build of {WEB} names no IMAGE_TAG"))?
        .clone())
}
