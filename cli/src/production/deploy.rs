//! `redbutton deploy` and `redbutton rollback`: an execution of production's state machine, started and
//! followed.

use std::process::ExitCode;
use std::time::Duration;

use anyhow::Result;
use aws::states::{self, Started};
use rehearsal::say;
use shared::production::wish::{Drift, PREVIOUS, Wish};

use super::ends;
use super::there::{explained, person, wait};
use crate::paint::{Paint, plain};
use crate::wrong_use::WrongUse;

const DEPLOY: &str = "\
Examples:
  A release that lies in production's bucket, once more, after its cause of failure was mended:
    redbutton deploy orders/22222222-abcd-1111-abcd-222222abcdef --region ap-southeast-2
  Over what somebody changed by hand:
    redbutton deploy orders/2222… --region ap-southeast-2 --accept-drift
  The same with the AWS CLI:
    aws stepfunctions start-execution --region ap-southeast-2 \\
      --state-machine-arn arn:aws:states:ap-southeast-2:222222222222:stateMachine:redbutton-production \\
      --input '{\"release\":\"orders/22222222-abcd-1111-abcd-222222abcdef\"}'

Exit codes: 0 it serves, 1 it does not, with the reason, 2 wrong use";

const ROLLBACK: &str = "\
Examples:
    redbutton rollback --region ap-southeast-2
    redbutton rollback --region ap-southeast-2 --target service/ap-southeast-2/production/orders
  The same with the AWS CLI:
    aws stepfunctions start-execution --region ap-southeast-2 \\
      --state-machine-arn arn:aws:states:ap-southeast-2:222222222222:stateMachine:redbutton-production \\
      --input '{\"release\":\"previous\"}'

Exit codes: 0 it serves, 1 it does not, with the reason, 2 wrong use";

/// How an execution is started.
#[derive(Debug, clap::Args)]
struct How {
    /// The production region; without it that of the environment or of the profile
    #[arg(long)]
    region: Option<String>,
    /// Deploy over what differs from what the preview saw and the ledger left
    #[arg(long)]
    accept_drift: bool,
    /// Only print what would be started
    #[arg(long)]
    dry_run: bool,
    /// Start it, and do not wait for its end
    #[arg(long)]
    no_wait: bool,
}

/// Deploy a release again that lies in production's bucket.
///
/// It is verified, checked and recorded as one that arrives, and counts as the newest. With credentials
/// of the production account, which need states:StartExecution and states:DescribeExecution.
#[derive(Debug, clap::Args)]
#[command(after_help = DEPLOY)]
pub(crate) struct Deploy {
    /// PIPELINE/EXECUTION, as the release's folder in the bucket is called
    release: String,
    #[command(flatten)]
    how: How,
}

/// Go back to the release that served before the one that serves.
///
/// Nothing is built or copied: the release lies in production's bucket, and is deployed whole.
#[derive(Debug, clap::Args)]
#[command(after_help = ROLLBACK)]
pub(crate) struct Rollback {
    /// The target whose history is meant, as the ledger calls it; not needed where there is one
    #[arg(long)]
    target: Option<String>,
    #[command(flatten)]
    how: How,
}

/// Deploys.
pub(crate) fn deploy(options: &Deploy) -> ExitCode {
    ends(start(&options.release, None, &options.how))
}

/// Goes back.
pub(crate) fn rollback(options: &Rollback) -> ExitCode {
    ends(start(PREVIOUS, options.target.clone(), &options.how))
}

fn start(release: &str, target: Option<String>, how: &How) -> Result<bool> {
    let wish = Wish {
        release: Some(release.to_owned()),
        target,
        drift: how.accept_drift.then_some(Drift::Accept),
        ..Wish::default()
    };
    let input = serde_json::to_value(&wish)?;
    if let Err(why) = Wish::parse(&input) {
        return Err(WrongUse(vec![why]).into());
    }
    wait(follow(&input.to_string(), how))
}

async fn follow(input: &str, how: &How) -> Result<bool> {
    let (person, account, region) = person(how.region.as_deref()).await?;
    let partition = shared::names::Region::parse(&region).map_or("aws", |one| one.partition());
    let machine =
        format!("arn:{partition}:states:{region}:{account}:stateMachine:redbutton-production");
    if how.dry_run {
        say::line(format!("would start {machine}\nwith {input}"));
        return Ok(true);
    }
    let client = person.states();
    let started = states::start(&client, &machine, None, input).await;
    let started = started.map_err(|error| explained(&format!("start {machine}"), &error))?;
    let Started::Now(execution) = started else {
        anyhow::bail!("an execution of a name that nobody gave is there already");
    };
    say::line(format!("started {execution}"));
    if how.no_wait {
        return Ok(true);
    }
    let paint = Paint::of_stdout();
    loop {
        let found = states::execution(&client, &execution).await;
        let found = found.map_err(|error| explained(&execution, &error))?;
        match found {
            Some(found) if found.status == "RUNNING" => {}
            Some(found) if found.status == "SUCCEEDED" => {
                say::line(format!("{}: {}", paint.good("done"), summary(&found.said)));
                return Ok(!found.said.contains("\"superseded\""));
            }
            Some(found) => {
                let status = paint.bad(&found.status);
                let said = found.said.lines().map(plain).collect::<Vec<_>>().join("\n");
                say::line(format!("{status}: {said}"));
                return Ok(false);
            }
            None => anyhow::bail!("{execution} is not known any more"),
        }
        tokio::time::sleep(Duration::from_secs(2)).await;
    }
}

/// The last step's words in an execution's output.
fn summary(output: &str) -> String {
    let output: serde_json::Value = serde_json::from_str(output).unwrap_or_default();
    let said = output
        .pointer("/step/now")
        .and_then(serde_json::Value::as_str);
    plain(said.unwrap_or_default())
}
