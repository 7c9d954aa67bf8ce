//! One event: each release in it is looked at on its own, so that one that fails loses no other.

use aws::clients::Clients;
use aws::error::CallError;
use aws::job::now;
use aws::s3::Client;
use aws::s3::bucket::Bucket;
use aws::states;
use driver::release::{self, Good, Looked};
use lambda_runtime::Error;
use serde_json::{Value, json};
use shared::ledger::Order;
use shared::production::arrival::{Arrival, Asked, release_of};
use shared::production::gate::{Policy, older};
use shared::production::wish::Wish;
use shared::release::outcome::{Kind, Outcome};

/// How the function is set up.
pub struct Setup {
    /// The bucket of releases.
    pub releases: String,
    /// The bucket of state.
    pub state: String,
    /// The account of both.
    pub account: String,
    /// ARN of the state machine that deploys.
    pub machine: String,
    /// What the stack demands of a release, or what is wrong with its settings.
    pub policy: Result<Policy, String>,
}

impl Setup {
    /// Reads what the environment holds.
    pub fn read(set: impl Fn(&str) -> Option<String>) -> Self {
        let text = |name: &str| set(name).unwrap_or_default();
        Self {
            releases: text("RELEASES_BUCKET"),
            state: text("STATE_BUCKET"),
            account: text("ACCOUNT"),
            machine: text("STATE_MACHINE"),
            policy: Policy::read(&set),
        }
    }
}

/// The gate.
pub struct Gate {
    pub(crate) clients: Clients,
    s3: Client,
    pub(crate) setup: Setup,
}

/// What became of one release, for the log and for whoever invoked the function by hand.
pub(crate) type Done = Result<Value, CallError>;

/// Names that an execution may have to try, if those before it died before they did anything.
const NAMES: u32 = 5;

impl Gate {
    /// With these clients.
    pub fn new(clients: Clients, setup: Setup) -> Self {
        Self {
            s3: clients.own_s3(),
            clients,
            setup,
        }
    }

    pub(crate) fn releases(&self) -> Bucket<'_> {
        Bucket::of(&self.s3, &self.setup.releases, &self.setup.account)
    }

    pub(crate) fn state(&self) -> Bucket<'_> {
        Bucket::of(&self.s3, &self.setup.state, &self.setup.account)
    }

    /// Does what an event asks for. What failed for a passing reason makes the invocation fail, after
    /// everything else was done: Lambda delivers the event again, and what is done is found done.
    pub async fn handle(&self, asked: Asked) -> Result<Value, Error> {
        let mut done: Vec<Value> = Vec::new();
        let mut failed: Vec<CallError> = Vec::new();
        for why in asked.ignored {
            tracing::info!(why, "left alone");
            done.push(json!({"ignored": why}));
        }
        let mut take = |what: &str, result: Done| match result {
            Ok(value) => {
                tracing::info!(what, result = %value, "looked at");
                done.push(value);
            }
            Err(error) => {
                tracing::error!(what, %error, "could not be looked at");
                failed.push(error);
            }
        };
        for arrival in &asked.arrived {
            take(&arrival.key, self.arrived(arrival).await);
        }
        if let Some(release) = &asked.recheck {
            take(release, self.look(release, None, true).await);
        }
        if asked.open {
            for (what, result) in self.left_behind().await {
                take(&what, result);
            }
        }
        if asked.sweep {
            for (what, result) in self.unannounced().await {
                take(&what, result);
            }
        }
        match failed.into_iter().next() {
            None => Ok(json!({ "looked": done })),
            Some(error) => Err(Error::from(error)),
        }
    }

    async fn arrived(&self, arrival: &Arrival) -> Done {
        if arrival.bucket != self.setup.releases {
            return Ok(json!({"ignored": format!("bucket {} is not ours", arrival.bucket)}));
        }
        let Some(release) = release_of(&arrival.key) else {
            let why = format!("{} is no place of a release", arrival.key);
            return Ok(json!({ "ignored": why }));
        };
        self.look(release, arrival.version.as_deref(), false).await
    }

    /// Looks at a release that nobody has taken up yet; `again`, also at one that was refused or failed.
    pub(crate) async fn look(&self, release: &str, version: Option<&str>, again: bool) -> Done {
        let newest = release::newest(self.releases(), release).await?;
        let attempt = match newest {
            None => 1,
            Some((attempt, Kind::Refused | Kind::Failed | Kind::Superseded)) if again => {
                attempt + 1
            }
            Some((attempt, result)) => {
                return Ok(json!({"release": release, "attempt": attempt, "before": result}));
            }
        };
        let policy = match &self.setup.policy {
            Ok(policy) => policy,
            Err(why) => return Err(CallError::unusable("lambda:InvokeFunction", why.clone())),
        };
        let region = self.clients.region();
        let looked = release::look(self.releases(), region, policy, release, version, again);
        let (sha256, reasons) = match looked.await? {
            Looked::Gone => return Ok(json!({"release": release, "gone": true})),
            Looked::Refused {
                sha256,
                mut reasons,
                rest,
            } => {
                if let Some(rest) = rest {
                    reasons.extend(self.against(release, &rest, again).await?);
                }
                (sha256, reasons)
            }
            Looked::Good(good) => match self.against(release, &good, again).await? {
                reasons if reasons.is_empty() => {
                    return self.start(release, attempt, &good, again).await;
                }
                reasons => (good.sha256, reasons),
            },
        };
        self.refuse(release, attempt, sha256, reasons).await
    }

    /// What speaks against a release besides itself.
    async fn against(
        &self,
        release: &str,
        good: &Good,
        again: bool,
    ) -> Result<Vec<String>, CallError> {
        let mut reasons = Vec::new();
        // What is looked at again counts from then, and nothing is newer.
        if !again {
            let order = Order {
                at: good.arrived,
                release: release.to_owned(),
            };
            let heads = release::last_entries(self.releases(), &good.targets()).await?;
            reasons.extend(older(&order, &heads));
        }
        reasons.extend(release::images_missing(&self.clients, good).await?);
        Ok(reasons)
    }

    /// Starts the execution that deploys a release: one of its name, whoever asks (CONTRACTS 3.9.1). What
    /// somebody has looked at again counts from now.
    async fn start(&self, release: &str, attempt: u32, good: &Good, again: bool) -> Done {
        let client = self.clients.states();
        let machine = &self.setup.machine;
        let id = release.rsplit('/').next().unwrap_or_default();
        let wish = Wish {
            release: Some(release.to_owned()),
            arrived: (!again).then(|| good.version.clone()),
            ..Wish::default()
        };
        let input = serde_json::to_string(&wish).unwrap_or_default();
        let names = (attempt..attempt + NAMES).map(|n| format!("r-{id}-{n}"));
        // Once these came to nothing there is one for each hour.
        let hourly = format!("r-{id}-{attempt}-{}", now() / 3600);
        for name in names.chain([hourly]) {
            match states::start(&client, machine, Some(&name), &input).await? {
                states::Started::Now(execution) => {
                    return Ok(json!({"release": release, "started": execution}));
                }
                states::Started::Before => {
                    // One that has ended without a trace did nothing: nobody will, unless another does.
                    let arn = execution_arn(machine, &name);
                    let known = states::execution(&client, &arn).await?;
                    let runs = known.is_none_or(|known| known.ended.is_none());
                    if runs || self.taken_up(release, attempt).await? {
                        return Ok(json!({"release": release, "before": arn}));
                    }
                }
            }
        }
        Err(CallError::unusable(
            "states:StartExecution",
            format!("the executions of release {release} come to nothing; see the deployer's log"),
        ))
    }

    /// Whether somebody else has taken an attempt up since it was looked at: verifying takes its time.
    async fn taken_up(&self, release: &str, attempt: u32) -> Result<bool, CallError> {
        let newest = release::newest(self.releases(), release).await?;
        Ok(newest.is_some_and(|(newest, _)| newest >= attempt))
    }

    /// Tells it and writes it down, in this order: told twice is better than never.
    async fn refuse(
        &self,
        release: &str,
        attempt: u32,
        sha256: String,
        reasons: Vec<String>,
    ) -> Done {
        if self.taken_up(release, attempt).await? {
            return Ok(json!({"release": release, "before": attempt}));
        }
        let summary = match reasons.len() {
            1 => "one reason speaks against it".to_owned(),
            n => format!("{n} reasons speak against it"),
        };
        let outcome = Outcome {
            version: 1,
            release: release.to_owned(),
            release_sha256: sha256,
            attempt,
            result: Kind::Refused,
            at: now(),
            summary,
            reasons: reasons.clone(),
            ledger: Vec::new(),
        };
        release::announce(&self.clients, &outcome, None).await?;
        release::say(self.releases(), &outcome).await?;
        tracing::warn!(release, ?reasons, "refused");
        Ok(json!({"release": release, "attempt": attempt, "refused": reasons}))
    }
}

/// The ARN of an execution of a state machine.
pub(crate) fn execution_arn(machine: &str, name: &str) -> String {
    format!(
        "{}:{name}",
        machine.replacen(":stateMachine:", ":execution:", 1)
    )
}
