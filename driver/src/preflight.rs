//! What is around the targets, in their own accounts: roles, secrets, parameters, log groups and
//! images that have to be there, and who has to be allowed to use them. Nothing is changed, and no
//! value is read.
//!
//! `wanted` says what all targets need (pure), `look` whether it is there, `rights` whether
//! roles may use it; each thing is asked once per account and region, whoever needs it. A question
//! that gets no answer makes nothing worse than not provable (CONTRACTS 3.10.3).

mod look;
mod rights;
mod wanted;

use futures_util::future::join_all;
use shared::error::{Failure, FailureKind};
use shared::names::RoleArn;
use shared::preflight::needs::Needed;
use shared::preflight::verdict;
use shared::preview::Finding;
use tokio::sync::Semaphore;

use crate::Work;
use crate::check::Checked;
use look::Answer;
use wanted::Wanted;

/// How many questions are under way at a time.
const AT_A_TIME: usize = 16;

/// Why a question has no answer.
#[derive(Debug, Clone)]
struct Unanswered {
    /// Such as `iam:GetRole`.
    operation: &'static str,
    failure: Failure,
}

/// Everything that speaks against the rollout in the targets' accounts, and what could not be shown,
/// each with its target's place. `deployers` has, for each target, the role that will release: that it
/// may pass the roles is only looked at when it is known.
pub async fn preflight(
    work: &Work<'_>,
    checked: &Checked,
    deployers: &[Option<RoleArn>],
) -> Vec<(usize, Finding)> {
    let all = wanted::of(work, checked);
    let mut findings: Vec<(usize, Finding)> = Vec::new();
    for wanted in &all {
        let own = wanted::findings(wanted).into_iter();
        findings.extend(own.map(|finding| (wanted.n, finding)));
    }
    let things = wanted::things(&all);
    let permits = Semaphore::new(AT_A_TIME);
    let looked = look::all(work, &things, &permits).await;
    let rights = rights::of(&all, &things, &looked, deployers);
    let mut unanswered = Vec::new();
    for (thing, looked) in things.iter().zip(looked) {
        for (n, needed) in &thing.asked {
            match &looked {
                Ok(answer) => {
                    let finding = told(&all, *n, needed, answer);
                    findings.extend(finding.map(|finding| (*n, finding)));
                }
                Err(why) => unanswered.push((*n, needed.what(), why.clone())),
            }
        }
    }
    findings.extend(rights.unknown);
    let decided = join_all(
        rights
            .questions
            .iter()
            .map(|question| rights::ask(work, question, &permits)),
    );
    for (question, answer) in rights.questions.iter().zip(decided.await) {
        match answer {
            Ok(decisions) => findings.extend(question.findings(&decisions)),
            Err(why) => unanswered.extend(question.unanswered(&why)),
        }
    }
    findings.extend(together(unanswered));
    once(findings)
}

/// What was seen of something that a target needs, as a finding.
fn told(all: &[Wanted], n: usize, needed: &Needed, answer: &Answer) -> Option<Finding> {
    let wanted = all.iter().find(|wanted| wanted.n == n)?;
    let excuse = wanted.excuse(&needed.need);
    match answer {
        Answer::Role(found) => verdict::role(needed, found.as_deref(), &excuse),
        Answer::Secret(found) => verdict::secret(needed, *found, &excuse),
        Answer::There(there) => verdict::thing(needed, *there, &excuse),
        Answer::NotAsked => None,
    }
}

/// One finding per target for all that was not answered in the same way.
fn together(unanswered: Vec<(usize, String, Unanswered)>) -> Vec<(usize, Finding)> {
    type Alike = (usize, &'static str, FailureKind);
    let mut groups: Vec<(Alike, Vec<String>, String)> = Vec::new();
    for (n, what, why) in unanswered {
        let alike = (n, why.operation, why.failure.kind);
        match groups.iter_mut().find(|(known, ..)| *known == alike) {
            Some((_, things, _)) => things.push(what),
            None => groups.push((alike, vec![what], why.failure.message)),
        }
    }
    let each = groups.into_iter();
    each.map(|((n, ..), things, failure)| (n, verdict::unanswered(&things, &failure)))
        .collect()
}

/// Each finding once, by targets.
fn once(findings: Vec<(usize, Finding)>) -> Vec<(usize, Finding)> {
    let mut kept: Vec<(usize, Finding)> = Vec::new();
    for finding in findings {
        if !kept.contains(&finding) {
            kept.push(finding);
        }
    }
    kept.sort_by_key(|(n, _)| *n);
    kept
}

#[cfg(test)]
mod tests;
