//! The end: an entry in the ledger of each target, the outcome that the pipeline follows, the locks given
//! back, and the announcement.

use aws::s3::kept;
use driver::release;
use shared::ledger::{self, Came, Entry, NOTHING};
use shared::production::record::{self, Phase};
use shared::release::outcome::{self, Kind, Outcome};

use crate::handler::{Next, Stop};
use crate::lock;
use crate::place::{Deployer, Held};

/// The fifth phase. An entry that is there already, of this very attempt, is the one that was to be
/// written.
pub async fn record(deployer: &Deployer, held: &mut Held) -> Result<Next, Stop> {
    lock::owned(deployer, &held.record).await?;
    let Some(end) = held.record.end.clone() else {
        return Err(Stop::Lost("a record at its end has none".to_owned()));
    };
    let of = held.record.of_release(end.at);
    let mut written = Vec::new();
    for (n, (target, came)) in held.record.targets.iter().zip(&end.targets).enumerate() {
        let head = release::head(deployer.releases(), target).await?;
        if let Some((head, sha256)) = &head
            && let Some(known) = &head.release
            // Whoever cleans up is another execution, of the same attempt.
            && (&known.name, known.attempt) == (&of.name, of.attempt)
        {
            let key = ledger::key(target, head.number);
            let sha256 = sha256.clone();
            written.push(outcome::Entry { key, sha256 });
            continue;
        }
        let (number, previous) = match head {
            Some((head, sha256)) => (head.number + 1, sha256),
            None => (1, NOTHING.to_owned()),
        };
        let entry = Entry {
            version: 1,
            target: target.clone(),
            number,
            previous,
            result: match end.result {
                Kind::Served => Came::Served,
                _ => Came::Failed,
            },
            at: end.at,
            release: Some(of.clone()),
            from: held.record.from.get(n).cloned().unwrap_or_default(),
            to: came.to.clone(),
            proof: came.proof.clone(),
            live: came.live.clone(),
            reasons: match end.result {
                Kind::Served => Vec::new(),
                _ => [vec![end.summary.clone()], end.reasons.clone()].concat(),
            },
        };
        let (key, bytes) = (ledger::key(target, number), entry.bytes());
        // Nobody but the lock's owner writes here: somebody else's entry is one that the next step reads.
        if kept::put(deployer.releases(), &key, &bytes, None)
            .await?
            .is_none()
        {
            return Ok(Next::Wait(format!("somebody else wrote {key}")));
        }
        let sha256 = ledger::hash(&bytes);
        written.push(outcome::Entry { key, sha256 });
    }
    if let Some(end) = &mut held.record.end {
        end.ledger = written;
    }
    held.record.phase = Phase::Tell;
    Ok(Next::Go)
}

/// The last phase. Everything here may be done twice.
pub async fn tell(deployer: &Deployer, held: &mut Held) -> Result<Next, Stop> {
    let Some(end) = held.record.end.clone() else {
        return Err(Stop::Lost("a record at its end has none".to_owned()));
    };
    let of = held.record.of_release(end.at);
    let outcome = Outcome {
        version: 1,
        release: held.record.release.clone(),
        release_sha256: held.record.sha256.clone(),
        attempt: held.record.attempt,
        result: end.result,
        at: end.at,
        summary: end.summary,
        reasons: end.reasons,
        ledger: end.ledger,
    };
    release::say(deployer.releases(), &outcome).await?;
    lock::give_back(deployer, &held.record).await?;
    release::announce(&deployer.clients, &outcome, Some(&of)).await?;
    kept::delete(deployer.state(), &record::open(&held.record.id), None).await?;
    held.record.phase = Phase::Over;
    Ok(Next::Go)
}
