//! What a person sees of a run: each stage and action as it goes, and what it said.

use std::collections::BTreeMap;
use std::path::Path;
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use rehearsal::pipeline::{Approval, Event, Page, Problem, What, file_address};
use rehearsal::say::{seconds, wrapped};

use super::alive::Working;
use crate::paint::{Paint, plain};

/// Every terminal has as many.
const COLUMNS: usize = 80;
/// As many characters of a name or of a variable's value are shown.
const SHORT: usize = 60;

/// Where a run is told.
pub(super) struct Screen {
    paint: Paint,
    /// Executions in the order in which they started, when there are several.
    numbers: Option<Mutex<BTreeMap<String, usize>>>,
}

impl Screen {
    /// A screen for one execution, or for several that are told apart by number.
    pub(super) fn new(paint: Paint, several: bool) -> Self {
        Self {
            paint,
            numbers: several.then(Mutex::default),
        }
    }

    /// Something that happened, in lines.
    pub(super) fn event(&self, event: &Event) -> Vec<String> {
        let mark = self.mark(&event.execution);
        let lines = self.lines(event).into_iter();
        lines.map(|line| format!("{mark}{line}")).collect()
    }

    /// An action that is at work and has been silent.
    pub(super) fn working(&self, working: &Working) -> String {
        let mark = self.mark(&working.execution);
        let time = seconds(working.time);
        format!("{mark}  {:<14} … at work for {time}", working.action)
    }

    /// What an action points to, which lies on this machine. Not broken: it may be copied.
    pub(super) fn page(&self, execution: &str, page: &Page) -> String {
        let mark = self.mark(execution);
        format!("{mark}    On this machine: {}", file_address(&page.path))
    }

    /// What an approver gets to read; `page` is what the link points to, on this machine.
    pub(super) fn approval(&self, approval: &Approval, page: Option<&Path>) -> Vec<String> {
        let mark = self.mark(&approval.execution);
        let mut lines = self.quote(approval.custom_data.as_deref().unwrap_or("(no message)"));
        if let Some(link) = &approval.link {
            lines.extend(self.quote(&format!("Review: {link}")));
        }
        if let Some(page) = page {
            lines.push(self.quoted(&format!("On this machine: {}", file_address(page))));
        }
        if let Some(topic) = &approval.topic {
            lines.extend(self.quote(&format!("On AWS, this goes to {topic}.")));
        }
        lines
            .into_iter()
            .map(|line| format!("{mark}{line}"))
            .collect()
    }

    /// What an execution is called here: its id, or `[2]` when there are several.
    pub(super) fn called(&self, execution: &str) -> String {
        let Some(numbers) = &self.numbers else {
            return execution.to_owned();
        };
        let mut numbers = numbers.lock().unwrap_or_else(PoisonError::into_inner);
        let next = numbers.len() + 1;
        let number = *numbers.entry(execution.to_owned()).or_insert(next);
        format!("[{number}]")
    }

    /// What every line begins with.
    fn mark(&self, execution: &str) -> String {
        match &self.numbers {
            Some(_) => format!("{} ", self.called(execution)),
            None => String::new(),
        }
    }

    fn lines(&self, event: &Event) -> Vec<String> {
        let stage = event.stage.as_deref().unwrap_or_default();
        let says = |what: &str| {
            let action = event.action.as_deref().unwrap_or_default();
            format!("  {action:<14} {what}")
        };
        match &event.what {
            What::ExecutionStarted { variables } => {
                let mut lines = vec![format!("execution {} started", event.execution)];
                lines.extend(self.variables(variables));
                lines
            }
            What::Waits { behind } => {
                let behind = behind
                    .as_ref()
                    .map(|id| format!(", behind {}", self.called(id)));
                vec![format!(
                    "waits before {stage}{}",
                    behind.unwrap_or_default()
                )]
            }
            What::Superseded { by } => vec![format!(
                "is superseded by {}, before {stage}",
                self.called(by)
            )],
            What::StageStarted { attempt } => {
                let again = if *attempt > 1 {
                    format!(" (attempt {attempt})")
                } else {
                    String::new()
                };
                vec![format!("{}{again}", self.paint.bold(stage))]
            }
            What::ActionStarted {
                category,
                provider,
                configuration,
            } => {
                let about = about(category, provider, configuration);
                vec![says(&self.paint.faint(&about))]
            }
            What::ActionSaid { summary, percent } => {
                let percent = percent
                    .map(|percent| format!("{percent} % "))
                    .unwrap_or_default();
                vec![says(&format!(
                    "… {percent}{}",
                    summary.as_deref().unwrap_or("still at work")
                ))]
            }
            // Not broken: it may be copied.
            What::BuildLine { line } => vec![self.quoted(&plain(line))],
            What::NotRun { why } | What::Unanswered { why } => {
                let text = wrapped(why, "    ", "    ", COLUMNS);
                text.lines().map(str::to_owned).collect()
            }
            What::ActionEnded {
                status,
                summary,
                error,
                variables,
                milliseconds,
            } => {
                let time = seconds(Duration::from_millis(*milliseconds));
                let mut lines = vec![says(&format!("{}, {time}", self.paint.status(*status)))];
                if let Some(Problem { code, message }) = error {
                    lines.extend(self.quote(&format!("{code}: {message}")));
                } else if let Some(summary) = summary {
                    lines.extend(self.quote(summary));
                }
                let said = |value: &str| summary.as_deref() == Some(value);
                let new = variables.iter().filter(|(_, value)| !said(value));
                lines.extend(self.variables(&new.map(|(k, v)| (k.clone(), v.clone())).collect()));
                lines
            }
            // The actions have said it.
            What::StageEnded { .. } => Vec::new(),
            // Of a single one, the last line says it.
            What::ExecutionEnded { .. } if self.numbers.is_none() => Vec::new(),
            What::ExecutionEnded { status } => {
                vec![format!("ended: {}", self.paint.status(*status))]
            }
        }
    }

    /// Somebody else's words, with their own lines, margins and lists.
    fn quote(&self, text: &str) -> Vec<String> {
        let lines = text.lines().flat_map(|line| {
            let line = plain(line);
            let (margin, words) = line.split_at(line.len() - line.trim_start().len());
            let hanging = if words.starts_with("- ") { "  " } else { "" };
            let others = format!("{margin}{hanging}");
            let wrapped = wrapped(words, margin, &others, COLUMNS - 6);
            wrapped.lines().map(str::to_owned).collect::<Vec<_>>()
        });
        lines.map(|line| self.quoted(&line)).collect()
    }

    fn quoted(&self, line: &str) -> String {
        let bar = self.paint.faint("│");
        format!("    {bar} {line}").trim_end().to_owned()
    }

    fn variables(&self, variables: &BTreeMap<String, String>) -> Vec<String> {
        let shown = variables.iter().map(|(name, value)| {
            let value: String = short(value);
            self.paint.faint(&format!("    {name} = {value}"))
        });
        shown.collect()
    }
}

/// What an action does, in a few words.
fn about(category: &str, provider: &str, configuration: &BTreeMap<String, String>) -> String {
    let key = match provider {
        "Lambda" => "FunctionName",
        "CodeBuild" => "ProjectName",
        "S3" => "S3Bucket",
        _ => "",
    };
    match configuration.get(key) {
        Some(name) => format!("{provider} {}", short(name)),
        None if provider == "Manual" => "a person decides".to_owned(),
        None => format!("{category} by {provider}"),
    }
}

fn short(text: &str) -> String {
    let text = plain(text);
    if text.chars().count() <= SHORT {
        return text;
    }
    let kept: String = text.chars().take(SHORT).collect();
    format!("{kept}…")
}

#[cfg(test)]
mod tests {
    use super::*;
    use rehearsal::pipeline::Status;

    fn event(action: Option<&str>, what: What) -> Event {
        Event {
            execution: "3f2b".to_owned(),
            stage: Some("Test".to_owned()),
            action: action.map(str::to_owned),
            what,
        }
    }

    fn ended(status: Status, error: Option<Problem>) -> What {
        What::ActionEnded {
            status,
            summary: Some("web:8 serves".to_owned()),
            error,
            variables: [("Summary", "web:8 serves"), ("Proof", &"x".repeat(99))]
                .map(|(k, v)| (k.to_owned(), v.to_owned()))
                .into(),
            milliseconds: 8_100,
        }
    }

    #[test]
    fn a_run_is_told_line_by_line() {
        let screen = Screen::new(Paint(false), false);
        let configuration = [("FunctionName".to_owned(), "updater".to_owned())].into();
        let problem = Problem {
            code: "JobFailed".to_owned(),
            message: "one\ntwo".to_owned(),
        };
        let events = [
            event(None, What::StageStarted { attempt: 1 }),
            event(
                Some("RollOut"),
                What::ActionStarted {
                    category: "Invoke".to_owned(),
                    provider: "Lambda".to_owned(),
                    configuration,
                },
            ),
            event(
                Some("RollOut"),
                What::ActionSaid {
                    summary: Some("0 of 1 run".to_owned()),
                    percent: Some(10),
                },
            ),
            event(Some("RollOut"), ended(Status::Succeeded, None)),
            event(None, What::StageStarted { attempt: 2 }),
            event(Some("RollOut"), ended(Status::Failed, Some(problem))),
            event(
                None,
                What::ExecutionEnded {
                    status: Status::Failed,
                },
            ),
        ];
        let lines: Vec<String> = events
            .iter()
            .flat_map(|event| screen.event(event))
            .collect();
        insta::assert_snapshot!(lines.join("\n"));
    }

    #[test]
    fn an_approver_is_told_where_the_page_lies_here() {
        let screen = Screen::new(Paint(false), false);
        let approval = Approval {
            execution: "3f2b".to_owned(),
            pipeline: "orders".to_owned(),
            stage: "Production".to_owned(),
            action: "Go".to_owned(),
            custom_data: Some("one\ntwo".to_owned()),
            link: Some("https://example.com/page".to_owned()),
            topic: None,
            token: String::new(),
        };
        let lines = screen.approval(&approval, Some(Path::new("/run/pages/Go.html")));
        let expected = [
            "    │ one",
            "    │ two",
            "    │ Review: https://example.com/page",
            "    │ On this machine: file:///run/pages/Go.html",
        ];
        assert_eq!(lines, expected);
        assert_eq!(screen.approval(&approval, None), expected[..3]);
    }

    #[test]
    fn several_executions_are_numbered_as_they_start() {
        let screen = Screen::new(Paint(false), true);
        let mut first = event(None, What::StageStarted { attempt: 1 });
        assert_eq!(screen.event(&first), ["[1] Test"]);
        first.execution = "other".to_owned();
        assert_eq!(screen.event(&first), ["[2] Test"]);
    }

    #[test]
    fn nothing_that_is_quoted_moves_the_cursor() {
        let screen = Screen::new(Paint(false), false);
        let line = What::BuildLine {
            line: "\x1b[2Ja\rb".to_owned(),
        };
        assert_eq!(screen.event(&event(Some("Build"), line)), ["    │ [2Jab"]);
    }
}
