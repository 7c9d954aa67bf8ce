//! A manual approval: the audience decides, CodePipeline remembers who and what was said.

use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use anyhow::Context;
use serde_json::{Value, json};
use time::OffsetDateTime;
use uuid::Uuid;

use super::act::{Done, Task, Undone};
use super::audience::{Approval, Decision, Problem};
use super::engine::Stop;
use crate::codepipeline::Said;
use crate::wire::lock;

/// How long an approval waits that says nothing else: seven days (CONTRACTS 3.2.12).
const DAYS: Duration = Duration::from_secs(7 * 24 * 3600);

pub(super) fn run(task: &Task<'_>) -> Result<Done, Undone> {
    let engine = task.engine;
    let given = |name: &str| task.configuration.get(name).cloned();
    let token = Uuid::new_v4().to_string();
    let approval = Approval {
        execution: task.execution.to_owned(),
        pipeline: engine.definition.name.clone(),
        stage: task.stage.to_owned(),
        action: task.action.name.clone(),
        custom_data: given("CustomData"),
        link: given("ExternalEntityLink"),
        topic: given("NotificationArn"),
        token: token.clone(),
    };
    engine.note(|known| {
        known.tokens.insert(task.id.clone(), token);
    });
    let published = publish(task, &approval);
    let decided = published.and_then(|()| wait(task, approval));
    engine.note(|known| {
        known.tokens.remove(&task.id);
    });
    let decision = decided?;
    let by = principal(&decision.by, engine.home.id());
    let summary: String = decision.summary.chars().take(512).collect();
    if !decision.approved {
        let said = if summary.is_empty() {
            String::new()
        } else {
            format!(": {summary}")
        };
        let problem = Problem::new("Rejected", &format!("rejected by {by}{said}"));
        return Err(Undone::Rejected { by, problem });
    }
    Ok(Done {
        said: Said {
            summary: Some(summary).filter(|summary| !summary.is_empty()),
            ..Said::default()
        },
        by: Some(by),
        ..Done::default()
    })
}

/// Tells the approval's topic, as the pipeline's role. Without the permission nobody would hear of
/// it, and the action fails.
fn publish(task: &Task<'_>, approval: &Approval) -> Result<(), Undone> {
    let Some(topic) = &approval.topic else {
        return Ok(());
    };
    let engine = task.engine;
    let message = message(
        approval,
        engine.home.region(),
        task.started + patience(task),
    );
    let subject = format!("Approval needed: {}", approval.pipeline);
    let subject: String = subject.chars().take(100).collect();
    let message = message.to_string();
    let params = [
        ("TopicArn", topic.as_str()),
        ("Subject", &subject),
        ("Message", &message),
    ];
    let told = task.actor()?.query("sns", "Publish", &params);
    told.with_context(|| format!("tell the approval's topic {topic}"))?;
    Ok(())
}

/// What CodePipeline sends to a topic. It has no addresses of the console: nobody could open them.
fn message(approval: &Approval, region: &str, expires: SystemTime) -> Value {
    let mut about = json!({
        "pipelineName": approval.pipeline,
        "stageName": approval.stage,
        "actionName": approval.action,
        "token": approval.token,
        "expires": minute(expires),
    });
    let optional = [
        ("externalEntityLink", &approval.link),
        ("customData", &approval.custom_data),
    ];
    for (name, value) in optional {
        if let Some(value) = value {
            about[name] = value.as_str().into();
        }
    }
    json!({ "region": region, "approval": about })
}

/// Such as `2016-07-07T20:22Z`.
fn minute(time: SystemTime) -> String {
    let seconds = time.duration_since(UNIX_EPOCH).unwrap_or_default();
    let seconds = i64::try_from(seconds.as_secs()).unwrap_or_default();
    // No approval waits for as long as would be out of range.
    let at = OffsetDateTime::from_unix_timestamp(seconds).unwrap_or(OffsetDateTime::UNIX_EPOCH);
    let (date, month) = (at.date(), u8::from(at.month()));
    format!(
        "{:04}-{month:02}-{:02}T{:02}:{:02}Z",
        date.year(),
        date.day(),
        at.hour(),
        at.minute()
    )
}

/// How long it waits.
fn patience(task: &Task<'_>) -> Duration {
    let minutes = task.action.timeout_minutes;
    minutes.map_or(DAYS, |minutes| Duration::from_secs(u64::from(minutes) * 60))
}

/// Asks on a thread of its own, so that a person who stops the execution need not decide first.
fn wait(task: &Task<'_>, approval: Approval) -> Result<Decision, Undone> {
    let engine = task.engine;
    let slot = Arc::new(Mutex::new(None));
    let (asking, answer) = (Arc::clone(engine), Arc::clone(&slot));
    std::thread::spawn(move || {
        let decision = asking.audience.decide(&approval);
        // Whoever waits looks at the slot with the board in hand.
        let board = asking.board();
        *lock(&answer) = Some(decision);
        drop(board);
        asking.changed.notify_all();
    });
    let patience = patience(task);
    let decided = engine.wait_for(Instant::now() + patience, |board| {
        let run = board.runs.get(task.execution);
        if run.is_some_and(|run| run.stop == Some(Stop::Abandon)) {
            return Some(None);
        }
        lock(&slot).take().map(Some)
    });
    match decided {
        Some(Some(decision)) => Ok(decision),
        Some(None) => Err(Undone::Abandoned),
        None => {
            let message = format!("nobody decided within {} minutes", patience.as_secs() / 60);
            Err(Problem::new("TimedOut", &message).into())
        }
    }
}

/// The ARN of who decided.
fn principal(by: &str, account: &str) -> String {
    if by.starts_with("arn:") {
        by.to_owned()
    } else {
        format!("arn:aws:iam::{account}:user/{by}")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_approvals_topic_hears_what_codepipeline_says() {
        let mut approval = Approval {
            execution: "3f2b".to_owned(),
            pipeline: "orders".to_owned(),
            stage: "Test".to_owned(),
            action: "Go".to_owned(),
            custom_data: Some("Release?".to_owned()),
            link: None,
            topic: None,
            token: "t".to_owned(),
        };
        let at = UNIX_EPOCH + Duration::from_secs(1_467_922_979);
        let mut expected = json!({
            "region": "us-east-1",
            "approval": { "pipelineName": "orders", "stageName": "Test", "actionName": "Go",
                "token": "t", "expires": "2016-07-07T20:22Z", "customData": "Release?" },
        });
        assert_eq!(message(&approval, "us-east-1", at), expected);
        approval.link = Some("https://example.com".to_owned());
        expected["approval"]["externalEntityLink"] = "https://example.com".into();
        assert_eq!(message(&approval, "us-east-1", at), expected);
    }
}
