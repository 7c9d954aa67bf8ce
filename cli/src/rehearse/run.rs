//! The run itself: executions are started, watched, retried where the person wants it, and told in
//! one line at the end.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::mpsc::{self, RecvTimeoutError};
use std::thread;
use std::time::Duration;

use anyhow::{Context, Result};
use rehearsal::interrupt;
use rehearsal::pipeline::{Approval, Audience, Execution, Inputs, Pipeline, RetryMode, Status};
use rehearsal::say::wrapped;
use serde_json::json;

use super::options::Options;
use super::plan;
use super::stage::Stage;
use super::watcher::{Watcher, json_line};
use crate::paint::Paint;

/// Between two looks whether somebody asked for an end, or wonders whether anything goes on.
const BREATH: Duration = Duration::from_millis(200);
/// Every terminal has as many.
const COLUMNS: usize = 80;

/// Runs all executions; whether all came to a good end.
pub(super) fn run(
    stage: &Stage,
    inputs: Inputs,
    options: &Options,
    watcher: &Arc<Watcher>,
    paint: Paint,
) -> Result<bool> {
    let inputs = Inputs {
        builds: stage.deployed.builds.clone(),
        ..inputs
    };
    let audience = Arc::clone(watcher) as Arc<dyn Audience>;
    let definition = stage.deployed.definition.clone();
    let pipeline = Pipeline::new(&stage.rehearsal, definition, inputs, audience)?;
    let mut started = Vec::new();
    for _ in 0..options.executions {
        started.push(pipeline.start(&BTreeMap::new())?);
    }
    let mut good = true;
    let mut told = Vec::new();
    for id in &started {
        let ended = end_of(&pipeline, id, &started, watcher)?;
        good &= matches!(ended.status, Status::Succeeded | Status::Superseded);
        told.push(ended);
    }
    watcher.check()?;
    let open = watcher.unanswered();
    watcher.release();
    for execution in &told {
        if options.json {
            watcher.data(json_line(&outcome(execution, open.as_ref())));
        } else {
            let called = watcher.called(&execution.id);
            watcher.say(&conclusion(execution, &called, open.as_ref(), paint));
        }
    }
    let out = plan::left_out(&stage.deployed, options).len();
    if out > 0 {
        let things = if out == 1 { "thing" } else { "things" };
        watcher.say(&format!("Not rehearsed: {out} {things}, named above."));
    }
    // What is left running says it, too.
    if !good && !options.keep {
        watcher.say(&stage.logs());
    }
    Ok(good)
}

/// An execution's end, however often its stages are retried.
fn end_of(
    pipeline: &Pipeline,
    id: &str,
    all: &[String],
    watcher: &Arc<Watcher>,
) -> Result<Execution> {
    loop {
        let ended = wait(pipeline, id, all, watcher)?;
        let failed = ended
            .stages
            .iter()
            .rev()
            .find(|run| run.status == Status::Failed);
        let (Status::Failed, Some(stage)) = (ended.status, failed) else {
            return Ok(ended);
        };
        if !watcher.hears() {
            return Ok(ended);
        }
        let question = format!("Stage {} failed. Retry it? [failed/all/NO]", stage.name);
        let asking = Arc::clone(watcher);
        let answer = answer(move || asking.ask(&question), interrupt::check)?;
        let mode = match answer.as_deref() {
            Some("failed" | "f") => RetryMode::FailedActions,
            Some("all" | "a") => RetryMode::AllActions,
            _ => return Ok(ended),
        };
        pipeline.retry(id, &stage.name, mode)?;
    }
}

/// What a person says, unless an end is asked for first: whoever waits for a line does not hear
/// Ctrl-C.
fn answer(
    ask: impl FnOnce() -> Option<String> + Send + 'static,
    check: impl Fn() -> Result<()>,
) -> Result<Option<String>> {
    let (tell, told) = mpsc::channel();
    thread::spawn(move || tell.send(ask()));
    loop {
        match told.recv_timeout(BREATH) {
            Ok(answer) => return Ok(answer),
            Err(RecvTimeoutError::Timeout) => check()?,
            Err(RecvTimeoutError::Disconnected) => return Ok(None),
        }
    }
}

/// Waits for an execution's end; stops all of them when one waits for a person who is not there.
fn wait(pipeline: &Pipeline, id: &str, all: &[String], watcher: &Watcher) -> Result<Execution> {
    let mut stopped = false;
    loop {
        if let Ok(ended) = pipeline.wait(id, BREATH) {
            return Ok(ended);
        }
        pipeline
            .execution(id)
            .with_context(|| format!("there is no execution {id}"))?;
        interrupt::check()?;
        watcher.check()?;
        watcher.breathe();
        if watcher.unanswered().is_some() && !stopped {
            stopped = true;
            for id in all {
                // One that has ended cannot be stopped any more.
                let _ = pipeline.stop(id, true);
            }
        }
    }
}

/// Where it stopped, and why.
fn conclusion(
    execution: &Execution,
    called: &str,
    open: Option<&Approval>,
    paint: Paint,
) -> String {
    let status = paint.status(execution.status);
    if let Some(open) = open.filter(|open| open.execution == execution.id) {
        let text = format!(
            "execution {called} waits for the approval {0}/{1}, and nobody is here to decide: run it on a terminal, \
             or add --approve {1} (or all, or none)",
            open.stage, open.action
        );
        return wrapped(&text, &format!("\n{status}: "), "  ", COLUMNS);
    }
    match stopped_at(execution) {
        None => format!("\n{status}: execution {called}"),
        Some((place, why)) => {
            let text = format!("execution {called} ended in {place}: {why}");
            wrapped(&text, &format!("\n{status}: "), "  ", COLUMNS)
        }
    }
}

/// The same for a script.
fn outcome(execution: &Execution, open: Option<&Approval>) -> serde_json::Value {
    let at = stopped_at(execution);
    json!({
        "event": "outcome",
        "execution": execution.id,
        "status": execution.status,
        "at": at.as_ref().map(|(place, _)| place),
        "why": at.as_ref().map(|(_, why)| why),
        "waitsFor": open.filter(|open| open.execution == execution.id),
    })
}

/// The first action that failed in the last stage, and the first of its reason.
fn stopped_at(execution: &Execution) -> Option<(String, String)> {
    let stage = execution
        .stages
        .iter()
        .rev()
        .find(|run| run.status == Status::Failed)?;
    let failed = stage
        .actions
        .iter()
        .rev()
        .find(|run| run.status == Status::Failed)?;
    let reason = failed
        .error
        .as_ref()
        .map(|problem| problem.message.as_str());
    let reason = reason
        .or(failed.summary.as_deref())
        .unwrap_or("it says no reason");
    Some((format!("{}/{}", stage.name, failed.name), first_of(reason)))
}

/// The first line; where that only announces a list, with the list's first entry.
fn first_of(reason: &str) -> String {
    let mut lines = reason.lines();
    let first = lines.next().unwrap_or_default();
    match lines.next().and_then(|line| line.strip_prefix("- ")) {
        Some(entry) if first.ends_with(':') => format!("{first} {entry}"),
        _ => first.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use rehearsal::pipeline::{ActionRun, Problem, StageRun};

    use super::*;

    fn execution(status: Status) -> Execution {
        let action = ActionRun {
            name: "RollOut".to_owned(),
            category: "Invoke".to_owned(),
            provider: "Lambda".to_owned(),
            status,
            summary: None,
            error: Some(Problem {
                code: "JobFailed".to_owned(),
                message: "the first cause\nand more".to_owned(),
            }),
            variables: BTreeMap::new(),
            not_run: None,
            duration: Duration::from_secs(1),
        };
        let stage = StageRun {
            name: "Test".to_owned(),
            status,
            attempts: 1,
            actions: vec![action],
        };
        Execution {
            id: "3f2b".to_owned(),
            status,
            stages: vec![stage],
        }
    }

    #[test]
    fn the_last_line_says_where_it_ended_and_why() {
        assert_eq!(
            conclusion(&execution(Status::Failed), "3f2b", None, Paint(false)),
            "\nFailed: execution 3f2b ended in Test/RollOut: the first cause"
        );
        assert_eq!(
            conclusion(&execution(Status::Succeeded), "3f2b", None, Paint(false)),
            "\nSucceeded: execution 3f2b"
        );
    }

    #[test]
    fn a_question_that_nobody_answers_does_not_outlast_an_end() {
        let (_person, line) = mpsc::channel::<String>();
        let ended = answer(move || line.recv().ok(), || anyhow::bail!("Ctrl-C"));
        assert_eq!(ended.unwrap_err().to_string(), "Ctrl-C");
        let said = answer(|| Some("all".to_owned()), || Ok(()));
        assert_eq!(said.unwrap().as_deref(), Some("all"));
    }

    #[test]
    fn a_list_is_told_by_its_first_entry() {
        assert_eq!(first_of("refused:\n- one\n- two"), "refused: one");
        assert_eq!(first_of("the first cause\n- more"), "the first cause");
        assert_eq!(first_of("refused:"), "refused:");
    }

    #[test]
    fn who_is_not_there_is_told_how_to_decide() {
        let open = Approval {
            execution: "3f2b".to_owned(),
            pipeline: "orders".to_owned(),
            stage: "Test".to_owned(),
            action: "Go".to_owned(),
            custom_data: None,
            link: None,
            topic: None,
            token: String::new(),
        };
        let text = conclusion(
            &execution(Status::Stopped),
            "3f2b",
            Some(&open),
            Paint(false),
        );
        assert!(text.contains("--approve Go"), "{text}");
        let told = outcome(&execution(Status::Stopped), Some(&open));
        assert_eq!(told["waitsFor"]["action"], "Go");
        assert_eq!(told["status"], "Stopped");
    }
}
