//! After the delivery: the pipeline hears what production made of the release. Production's own
//! functions are played here: the deployer's role writes what it would.

use std::collections::BTreeMap;

use rehearsal::codepipeline::JobId;
use rehearsal::{local, suite};
use serde_json::{Value, json};
use shared::release::outcome::{self, Kind};

use super::case::{Tested, sha256};
use crate::fixture::{World, failed, succeeded, world};

impl World {
    /// Production says this of a release.
    fn says(&self, tested: &Tested, attempt: u32, result: Kind, more: &Value) {
        let release = tested.release();
        let envelope = self.release_object(&tested.key("release.dsse.json"));
        let mut outcome = json!({
            "version": 1, "release": release, "releaseSha256": sha256(&envelope),
            "attempt": attempt, "result": result, "at": "2026-11-28T16:20:00Z", "summary": "as told",
        });
        for (key, value) in more.as_object().unwrap() {
            outcome[key] = value.clone();
        }
        let key = outcome::key(&release, attempt, result);
        let once = [("if-none-match", "*")];
        let body = outcome.to_string().into_bytes();
        let production = &self.suite.production;
        let deployer = local::credentials_of(production, "production-deployer").unwrap();
        let put =
            production
                .acting_as(deployer)
                .put_object(suite::RELEASES_BUCKET, &key, &once, body);
        put.unwrap();
    }

    /// Starts a release that is followed, and waits until it is delivered and was looked for.
    fn follows(&self, tested: &Tested) -> JobId {
        self.rehearsal.proxy().reset();
        let job = self.release_job(tested, &json!({"follow": true}));
        let job = self.rehearsal.pipeline().start_job(job).unwrap();
        let looked = |calls: &[rehearsal::proxy::Call]| {
            let lists = calls
                .iter()
                .filter(|call| call.path.contains("prefix=outcomes"));
            lists.filter(|call| call.status == Some(200)).count() >= 2
        };
        let proxy = self.rehearsal.proxy();
        proxy.wait_until(crate::fixture::PATIENCE, looked).unwrap();
        job
    }
}

#[test]
fn the_action_turns_green_only_when_production_serves() {
    let world = world();
    let tested = world.tested("followed");
    let job = world.follows(&tested);
    world.says(&tested, 1, Kind::Started, &json!({}));
    world.says(
        &tested,
        1,
        Kind::Served,
        &json!({"summary": "web serves web:8"}),
    );
    let variables = succeeded(&world.end_of(&job));
    assert_eq!(
        variables["Summary"],
        format!("release {}: web serves web:8", tested.release())
    );
}

#[test]
fn what_production_refuses_or_fails_at_is_the_actions_failure() {
    let world = world();
    let first = world.tested("unhappy");
    for (result, kind, says) in [
        (
            Kind::Failed,
            "JobFailed",
            "production did not take this release: as told\n- exit code 1",
        ),
        (
            Kind::Refused,
            "ConfigurationError",
            "production refused this release: as told\n- exit code 1",
        ),
        (
            Kind::Superseded,
            "RevisionOutOfSync",
            "a newer release took this one's place",
        ),
    ] {
        let tested = world.tested_again(&first);
        let job = world.follows(&tested);
        world.says(&tested, 1, result, &json!({"reasons": ["exit code 1"]}));
        let (found, message) = failed(&world.end_of(&job));
        assert_eq!(found, kind, "{message}");
        assert!(message.starts_with(says), "{message}");
    }
}

/// A retry of the action: what is there already decides, by the newest attempt; while that goes on the
/// older one's failure says nothing.
// rules: 3.2.9
#[test]
fn the_newest_attempt_decides() {
    let world = world();
    let first = world.tested("followed-again");
    let tested = world.tested_again(&first);
    let job = world.follows(&tested);
    world.says(&tested, 1, Kind::Failed, &json!({}));
    failed(&world.end_of(&job));
    world.says(&tested, 2, Kind::Started, &json!({}));
    let retry = world.follows(&tested);
    world.says(&tested, 2, Kind::Served, &json!({}));
    succeeded(&world.end_of(&retry));
    // The same once more, without anything to wait for.
    succeeded(&world.run(world.release_job(&tested, &json!({"follow": true}))));
}

#[test]
fn an_outcome_of_another_envelope_is_none() {
    let world = world();
    let tested = world.tested("other-envelope");
    let job = world.follows(&tested);
    let other = "0".repeat(64);
    world.says(&tested, 1, Kind::Served, &json!({"releaseSha256": other}));
    let (_, message) = failed(&world.end_of(&job));
    assert!(
        message.contains(&format!("is about an envelope with sha256 {other}")),
        "{message}"
    );
}

/// A round that ends while production is at work hands a token on, in which all is kept.
// rules: 3.2.2 3.3.4 3.7.14
#[test]
fn the_next_round_goes_on_following() {
    let world = world();
    let tested = world.tested("rounds");
    world.set_timeout_of(suite::COPIER, 63);
    let job = world.follows(&tested);
    let first = world
        .rehearsal
        .pipeline()
        .wait_for_round(&job, 2, crate::fixture::PATIENCE);
    world.set_timeout_of(suite::COPIER, 900);
    first.unwrap();
    world.says(&tested, 1, Kind::Served, &json!({}));
    let ended = world.end_of(&job);
    succeeded(&ended);
    assert!(ended.rounds >= 2, "{ended:#?}");
    let calls: BTreeMap<String, usize> =
        world
            .calls()
            .into_iter()
            .fold(BTreeMap::new(), |mut all, call| {
                *all.entry(call).or_default() += 1;
                all
            });
    assert_eq!(calls["kms:Sign"], 1, "{calls:#?}");
    assert_eq!(calls["codepipeline:ListActionExecutions"], 1, "{calls:#?}");
}
