//! What no event announced, or what died on the way: releases that nobody has taken up, and deployments
//! whose execution ended without coming to an end (CONTRACTS 3.4.13, 3.9.5).

use std::collections::BTreeSet;

use aws::error::CallError;
use aws::job::now;
use aws::s3::bucket::list;
use aws::s3::kept;
use aws::states;
use serde_json::{Value, json};
use shared::production::arrival::release_of;
use shared::production::record::{OPEN, Record, id as record_id, key};
use shared::production::wish::Wish;
use shared::release;
use shared::release::outcome;

use crate::handler::{Done, Gate};

impl Gate {
    /// Releases that nobody has taken up. One that fails holds up no other.
    pub(crate) async fn unannounced(&self) -> Vec<(String, Done)> {
        let mut all = Vec::new();
        match self.silent().await {
            Ok(releases) => {
                for release in releases {
                    let done = self.look(&release, None, false).await;
                    all.push((release, done));
                }
            }
            Err(error) => all.push((release::FOLDER.to_owned(), Err(error))),
        }
        all
    }

    /// Deployments whose execution may have died. One that fails holds up no other.
    pub(crate) async fn left_behind(&self) -> Vec<(String, Done)> {
        let mut all = Vec::new();
        match list(self.state(), OPEN).await {
            Ok(open) => {
                for one in open {
                    let id = one.key.trim_start_matches(OPEN).to_owned();
                    let done = self.clean_up(&id).await;
                    all.push((one.key, done));
                }
            }
            Err(error) => all.push((OPEN.to_owned(), Err(error))),
        }
        all
    }

    /// Releases of which there is no outcome at all.
    async fn silent(&self) -> Result<Vec<String>, CallError> {
        let known = list(self.releases(), outcome::FOLDER).await?;
        let known: BTreeSet<&str> = known
            .iter()
            .filter_map(|one| Some(one.key.strip_prefix(outcome::FOLDER)?.rsplit_once('/')?.0))
            .collect();
        let there = list(self.releases(), release::FOLDER).await?;
        let there = there.iter().filter_map(|one| release_of(&one.key));
        Ok(there
            .filter(|release| !known.contains(release))
            .map(str::to_owned)
            .collect())
    }

    /// Has a deployment cleaned up after, if its execution has ended. The clean-up is an execution
    /// itself, and waits until what is left of the other one cannot write any more.
    async fn clean_up(&self, id: &str) -> Done {
        let Some(kept) = kept::get(self.state(), &key(id), None).await? else {
            // It died before its record was there, and so before it did anything; or is just about to
            // write it.
            return Ok(json!({"open": id, "record": Value::Null}));
        };
        let record: Record = serde_json::from_slice(&kept.bytes).map_err(|error| {
            CallError::unusable(
                "s3:GetObject",
                format!("{} is no record ({error})", key(id)),
            )
        })?;
        let client = self.clients.states();
        let known = states::execution(&client, &record.execution).await?;
        if known.as_ref().is_some_and(|known| known.ended.is_none()) {
            return Ok(json!({"open": id, "running": record.execution}));
        }
        // One for each execution that died, and for each hour: several events about one end start it once.
        let died: String = record_id(&record.execution).chars().take(8).collect();
        let name = format!("c-{id}-{died}-{}", now() / 3600);
        let wish = Wish {
            clean_up: Some(id.to_owned()),
            ..Wish::default()
        };
        let input = serde_json::to_string(&wish).unwrap_or_default();
        let machine = &self.setup.machine;
        let started = states::start(&client, machine, Some(&name), &input).await?;
        Ok(match started {
            states::Started::Now(execution) => json!({"open": id, "started": execution}),
            states::Started::Before => json!({"open": id, "before": name}),
        })
    }
}
