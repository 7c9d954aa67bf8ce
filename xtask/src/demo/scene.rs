//! What the story's steps do, and how each is checked: by the pipeline's outcome, by the function's
//! calls, by ECS, and by the pages and images of the containers.

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail, ensure};
use rehearsal::codepipeline::{Finished, Outcome};
use rehearsal::suite::TARGET_REGION;
use rehearsal::world;
use serde_json::Value;

use super::page;
use super::stage::{Place, Unusual};
use super::story::Teller;

/// "In seconds", for what is refused before anything was changed.
const SECONDS: Duration = Duration::from_secs(15);
/// How long the function may take to come to rest after it answered.
const REST: Duration = Duration::from_secs(60);
/// The calls that change something in the services' account.
const WRITES: [&str; 4] = [
    "RegisterTaskDefinition",
    "UpdateService",
    "StopServiceDeployment",
    "ExecuteChangeSet",
];

impl Teller<'_> {
    /// A release that succeeds.
    pub(super) fn released(&self, place: &Place, tag: &str) -> Result<()> {
        let digest = place.digest(tag)?;
        self.screen.fact("release", &place.image(tag));
        self.screen.fact("pushed", &short(digest));
        let variables = succeeded(self.release(place, tag, &Unusual::default())?)?;
        self.proven(&variables, digest)?;
        self.serves(place, tag)
    }

    /// A release of what serves already.
    pub(super) fn unchanged(&self, place: &Place, tag: &str) -> Result<()> {
        self.screen.fact("release", &place.image(tag));
        let before = place.service.deployments()?;
        let variables = succeeded(self.release(place, tag, &Unusual::default())?)?;
        self.proven(&variables, place.digest(tag)?)?;
        self.wrote_nothing()?;
        let ids = |deployments: Vec<Value>| -> Vec<Value> {
            deployments
                .into_iter()
                .filter_map(|d| d.pointer("/id").cloned())
                .collect()
        };
        ensure!(
            ids(place.service.deployments()?) == ids(before),
            "a deployment was begun"
        );
        self.serves(place, tag)
    }

    /// A release that starts and fails: ECS goes back to `old`.
    pub(super) fn rolled_back(&self, place: &Place, tag: &str, old: &str) -> Result<()> {
        let engine = self
            .stage
            .engine()
            .context("only containers fail to start")?;
        let page = page::fetch(engine, &place.service, old, place.digest(old)?)?;
        self.screen.fact("release", &place.image(tag));
        let (finished, visits) = page::visiting(engine, &place.service, &page, || {
            self.release(place, tag, &Unusual::default())
        });
        let (kind, message) = failed(finished?)?;
        ensure!(kind == "JobFailed", "the failure's type is {kind}");
        let told = exit_code(&message);
        ensure!(told == Some("1"), "the exit code 1 is told as {told:?}");
        let (service, update) = match place.stack {
            Some(_) => ("cloudformation", "ExecuteChangeSet"),
            None => ("ecs", "UpdateService"),
        };
        let updates = self.stage.rehearsal.proxy().count(service, update);
        // Where containers start and end within a second, ECS may have counted to three before anybody
        // could look.
        let text = match (updates, &place.stack) {
            (2, _) => format!(
                "the function went back to {old} at the first stopped task, not after the circuit \
                 breaker's count"
            ),
            (1, None) => format!(
                "ECS's circuit breaker was first, and went back to {old}; the function saw it through, \
                 and did not call that a success"
            ),
            _ => bail!("{update} was called {updates} times"),
        };
        self.screen.fact("undone", &text);
        let visits = visits.context("a visitor noticed")?;
        self.screen.fact(
            "visitors",
            &format!("{visits} came meanwhile; each got “{}”", page.title),
        );
        self.serves(place, old)
    }

    /// A release that changes nothing, and says why in a message with these words.
    pub(super) fn refused(
        &self,
        place: &Place,
        tag: &str,
        unusual: &Unusual,
        kind: &str,
        says: &[&str],
    ) -> Result<()> {
        let before = place.service.revisions()?.len();
        self.screen.fact("release", &place.image(tag));
        let began = Instant::now();
        let (found, message) = failed(self.release(place, tag, unusual)?)?;
        let time = began.elapsed();
        ensure!(time < SECONDS, "it took {time:?}");
        ensure!(
            kind.is_empty() || found == kind,
            "the failure's type is {found}, not {kind}"
        );
        for word in says {
            ensure!(
                message.contains(word),
                "the message does not speak of {word:?}"
            );
        }
        self.wrote_nothing()?;
        let after = place.service.revisions()?.len();
        ensure!(
            after == before,
            "there were {before} revisions, now there are {after}"
        );
        self.serves(place, "v2")
    }

    /// The service is on `tag`: by its task definition, and by every container's page and image.
    pub(super) fn serves(&self, place: &Place, tag: &str) -> Result<()> {
        let digest = place.digest(tag)?;
        let arn = place.service.primary_task_definition()?;
        let described = world::task_definition(&place.account, &arn)?;
        let image = described.pointer("/taskDefinition/containerDefinitions/0/image");
        let image = image.and_then(Value::as_str).unwrap_or_default();
        ensure!(
            image.ends_with(digest),
            "the service is to run {image}, which is not {tag}"
        );
        let place_of = format!("({}, {TARGET_REGION})", place.account.id());
        if let Some(engine) = self.stage.engine() {
            let page = page::fetch(engine, &place.service, tag, digest)?;
            let text = format!("“{}” at {} {place_of}", page.title, page.url);
            self.screen.fact("page", &text);
        } else {
            let (_, revision) = arn.rsplit_once('/').unwrap_or_default();
            let text = format!("{revision} = {tag}, {} {place_of}", short(digest));
            self.screen.fact("runs", &text);
        }
        Ok(())
    }

    /// Releases and waits for the end.
    fn release(&self, place: &Place, tag: &str, unusual: &Unusual) -> Result<Finished> {
        let finished = self.screen.waiting("the pipeline's action runs", || {
            let finished = self.stage.release(place, tag, unusual)?;
            self.stage.rehearsal.settle(REST)?;
            Ok(finished)
        });
        if let Ok(Finished { outcome, .. }) = &finished {
            match outcome {
                Outcome::Succeeded { variables, .. } => {
                    let summary = variables.get("Summary").map_or("", String::as_str);
                    self.screen.fact("succeeded", summary);
                }
                Outcome::Failed { kind, message, .. } => {
                    self.screen.fact(
                        "failed",
                        &format!("as {kind}; the person at the pipeline reads:"),
                    );
                    self.screen.quote(message);
                }
                Outcome::Abandoned => self.screen.fact("abandoned", ""),
            }
        }
        finished
    }

    /// The function's proof: the digest that its tasks run. Tasks that are records run none.
    fn proven(&self, variables: &BTreeMap<String, String>, digest: &str) -> Result<()> {
        if self.stage.engine().is_none() {
            return Ok(());
        }
        let served = variables.get("ImageDigests").map_or("", String::as_str);
        let right = served.contains(digest);
        ensure!(right, "the proof is for {served:?}, not {digest}");
        let text = format!("{} serves, the digest that was pushed", short(digest));
        self.screen.fact("proven", &text);
        Ok(())
    }

    fn wrote_nothing(&self) -> Result<()> {
        let calls = self.calls();
        let write = calls
            .iter()
            .find(|call| WRITES.iter().any(|write| call.ends_with(write)));
        if let Some(write) = write {
            bail!("{write} was called");
        }
        self.screen.fact(
            "unchanged",
            "no call of RegisterTaskDefinition, UpdateService or ExecuteChangeSet",
        );
        Ok(())
    }
}

/// The variables of a success.
fn succeeded(finished: Finished) -> Result<BTreeMap<String, String>> {
    match finished.outcome {
        Outcome::Succeeded { variables, .. } => Ok(variables),
        Outcome::Failed { .. } | Outcome::Abandoned => bail!("the action was to succeed"),
    }
}

/// Type and message of a failure.
fn failed(finished: Finished) -> Result<(String, String)> {
    match finished.outcome {
        Outcome::Failed { kind, message, .. } => Ok((kind, message)),
        Outcome::Succeeded { .. } | Outcome::Abandoned => bail!("the action was to fail"),
    }
}

/// What follows "exit code " in a message.
fn exit_code(message: &str) -> Option<&str> {
    let (_, rest) = message.split_once("exit code ")?;
    rest.split(|c: char| !c.is_ascii_digit()).next()
}

/// `sha256:0123456789ab…`.
fn short(digest: &str) -> String {
    format!("{}…", digest.chars().take(19).collect::<String>())
}

#[cfg(test)]
mod tests {
    use super::exit_code;

    #[test]
    fn an_exit_code_is_the_whole_number() {
        assert_eq!(exit_code("web: exit code 1."), Some("1"));
        assert_eq!(exit_code("web: exit code 137 (killed)"), Some("137"));
        assert_eq!(exit_code("no such thing"), None);
    }
}
