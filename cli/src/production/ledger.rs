//! `redbutton ledger`: what was done to production's targets, shown and verified.

use std::process::ExitCode;

use anyhow::Result;
use rehearsal::say;
use shared::ledger::{self, Came, Entry};
use shared::moment;
use shared::names::short;

use super::ends;
use super::there::{There, Where, wait};
use crate::paint::{Paint, plain};
use crate::wrong_use::WrongUse;

const EXAMPLES: &str = "\
Examples:
  What was done to each target, the newest first:
    redbutton ledger show --bucket BUCKET --region ap-southeast-2
    redbutton ledger show service/ap-southeast-2/production/orders --bucket BUCKET
  Whether nobody has altered it. The hash is in each announcement of what served or failed; without it an
  end that was cut off is not seen:
    redbutton ledger verify service/ap-southeast-2/production/orders --bucket BUCKET --announced SHA256

Exit codes: 0 whole, 1 not whole, with the first entry that was altered or is missing, 2 wrong use";

/// Show or verify the ledger of production.
#[derive(Debug, clap::Args)]
#[command(after_help = EXAMPLES)]
pub(crate) struct Options {
    #[command(subcommand)]
    what: What,
}

#[derive(Debug, clap::Subcommand)]
enum What {
    /// Print the history of a target, or of all
    Show {
        /// The target, such as service/ap-southeast-2/production/orders; all without it
        target: Option<String>,
        #[command(flatten)]
        at: Where,
        /// Print it as JSON, one entry a line
        #[arg(long)]
        json: bool,
    },
    /// Walk a target's chain of entries from its head to its beginning
    Verify {
        /// The target; all without it
        target: Option<String>,
        #[command(flatten)]
        at: Where,
        /// The sha256 that was announced last, of the target that is named
        #[arg(long, value_name = "SHA256", requires = "target")]
        announced: Option<String>,
    },
}

/// Shows or verifies.
pub(crate) fn run(options: &Options) -> ExitCode {
    ends(match &options.what {
        What::Show { target, at, json } => wait(show(target.as_deref(), at, *json)),
        What::Verify {
            target,
            at,
            announced,
        } => wait(verify(target.as_deref(), at, announced.as_deref())),
    })
}

/// The target that was named, or all; an error when there is none.
async fn targets(there: &There, target: Option<&str>) -> Result<Vec<String>> {
    let known = there.targets().await?;
    match target {
        None if known.is_empty() => {
            let text =
                "the ledger is empty: nothing was released there yet, or the bucket is another one";
            Err(WrongUse(vec![text.to_owned()]).into())
        }
        None => Ok(known),
        Some(target) if known.iter().any(|one| one == target) => Ok(vec![target.to_owned()]),
        Some(target) => Err(WrongUse(vec![format!(
            "the ledger has no target {target}; it has {}",
            if known.is_empty() {
                "none".to_owned()
            } else {
                known.join(", ")
            }
        )])
        .into()),
    }
}

async fn show(target: Option<&str>, at: &Where, json: bool) -> Result<bool> {
    let there = There::new(at).await?;
    let paint = Paint::of_stdout();
    for target in targets(&there, target).await? {
        let mut entries = there.entries(&target).await?;
        entries.sort_by_key(|(number, _)| std::cmp::Reverse(*number));
        if !json {
            say::line(paint.bold(&plain(&target)));
        }
        for (number, bytes) in entries {
            match Entry::parse(&bytes, &target, number) {
                Ok(entry) if json => say::line(serde_json::to_string(&entry)?),
                Ok(entry) => say::line(line(&entry, &ledger::hash(&bytes), paint)),
                Err(why) => say::line(format!("  {number:>4}  {}", paint.bad(&plain(&why)))),
            }
        }
    }
    Ok(true)
}

/// An entry for people.
fn line(entry: &Entry, sha256: &str, paint: Paint) -> String {
    let when = moment::utc(entry.at).unwrap_or_default();
    let result = match entry.result {
        Came::Adopted => paint.faint("adopted"),
        Came::Served => paint.good("served "),
        Came::Failed => paint.bad("failed "),
    };
    let mut text = format!(
        "  {:>4}  {when}  {result}  {} → {}",
        entry.number,
        plain(short(&entry.from)),
        plain(short(&entry.to))
    );
    if let Some(of) = &entry.release {
        text.push_str(&format!(
            "\n        release {}, attempt {}, {} s, approved by {}",
            plain(&of.name),
            of.attempt,
            of.seconds,
            match of.approvers.as_slice() {
                [] => "nobody".to_owned(),
                approvers => plain(&approvers.join(", ")),
            }
        ));
    }
    for reason in &entry.reasons {
        text.push_str(&format!("\n        {}", plain(reason)));
    }
    text.push_str(&format!(
        "\n        {}",
        paint.faint(&format!("sha256 {sha256}"))
    ));
    text
}

async fn verify(target: Option<&str>, at: &Where, announced: Option<&str>) -> Result<bool> {
    let there = There::new(at).await?;
    let paint = Paint::of_stdout();
    let mut whole = true;
    for target in targets(&there, target).await? {
        let entries = there.entries(&target).await?;
        let head = entries.iter().max_by_key(|(number, _)| *number);
        let head = head
            .map(|(_, bytes)| ledger::hash(bytes))
            .unwrap_or_default();
        match ledger::chain(&target, &entries, announced) {
            Ok(chain) => {
                let rest = match announced {
                    Some(_) => "and what was announced is in it",
                    None => {
                        "compare this with what was announced: without it, an end that was cut off \
                             cannot be seen"
                    }
                };
                say::line(format!(
                    "{}: {target}, {} entries, head sha256 {head}; {rest}",
                    paint.good("whole"),
                    chain.len()
                ));
            }
            Err(broken) => {
                whole = false;
                let key = plain(&broken.key);
                say::line(format!(
                    "{}: {key} {}",
                    paint.bad("BROKEN"),
                    plain(&broken.why)
                ));
            }
        }
    }
    Ok(whole)
}
