//! Who watches the run for the person at the terminal, and asks that person for decisions.

use std::io::{BufRead, IsTerminal, Write, stdin, stdout};
use std::sync::{Condvar, Mutex, MutexGuard, PoisonError};
use std::time::Instant;

use anyhow::{Result, ensure};
use rehearsal::pipeline::{Approval, Audience, Decision, Event, Page, Pages};
use serde_json::{Value, json};

use super::alive::Alive;
use super::screen::Screen;

/// Prints events and decides approvals.
pub(super) struct Watcher {
    voice: Voice,
    answers: Answers,
    pages: Pages,
    alive: Mutex<Alive>,
    /// One question at a time.
    turn: Mutex<()>,
    terminal: Mutex<Terminal>,
    /// An approval that nobody is there to decide.
    open: Mutex<Option<Approval>>,
    /// The executions that wait for it have been stopped.
    stopped: Condvar,
}

/// Standard output. What happens while somebody is asked is told afterwards: the run never waits for
/// a line to be printed.
struct Terminal {
    out: Box<dyn Write + Send>,
    asking: bool,
    held: Vec<String>,
    /// Nobody is asked any more, and nothing shown of what is to be decided.
    over: bool,
    /// Nobody reads it any more.
    closed: bool,
}

impl Terminal {
    fn new(out: Box<dyn Write + Send>) -> Self {
        Self {
            out,
            asking: false,
            held: Vec::new(),
            over: false,
            closed: false,
        }
    }

    /// Shows lines, or keeps them while somebody is asked.
    fn tell(&mut self, lines: Vec<String>) {
        if self.asking {
            self.held.extend(lines);
        } else {
            lines
                .iter()
                .for_each(|line| self.write(&format!("{line}\n")));
        }
    }

    fn ask(&mut self, question: &str) {
        self.asking = true;
        self.write(&format!("{question} "));
    }

    fn answered(&mut self) {
        self.asking = false;
        let held = std::mem::take(&mut self.held);
        self.tell(held);
    }

    /// Only notes that it cannot be written to: the run's own threads come here.
    fn write(&mut self, text: &str) {
        let written = self.out.write_all(text.as_bytes());
        self.closed |= written.and_then(|()| self.out.flush()).is_err();
    }
}

/// How events are told.
pub(super) enum Voice {
    /// To a person.
    Screen(Screen),
    /// As JSON, one event a line.
    Json,
}

/// What `--approve` says.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Answers {
    /// Yes to everything.
    All,
    /// No to everything.
    None,
    /// Yes to these actions, by name or `Stage/Action`; what is not among them is asked.
    These(Vec<String>),
}

impl Answers {
    pub(super) fn read(approve: &[String]) -> Self {
        match approve {
            [word] if word == "all" => Self::All,
            [word] if word == "none" => Self::None,
            names => Self::These(names.to_vec()),
        }
    }

    /// Yes, no, or nothing said about it.
    fn to(&self, stage: &str, action: &str) -> Option<bool> {
        match self {
            Self::All => Some(true),
            Self::None => Some(false),
            Self::These(names) => names
                .iter()
                .any(|name| name == action || *name == format!("{stage}/{action}"))
                .then_some(true),
        }
    }
}

impl Watcher {
    pub(super) fn new(voice: Voice, answers: Answers, pages: Pages) -> Self {
        Self {
            voice,
            answers,
            pages,
            alive: Mutex::default(),
            turn: Mutex::default(),
            terminal: Mutex::new(Terminal::new(Box::new(stdout()))),
            open: Mutex::default(),
            stopped: Condvar::new(),
        }
    }

    /// The approval that the run cannot go on without, once there is one.
    pub(super) fn unanswered(&self) -> Option<Approval> {
        lock(&self.open).clone()
    }

    /// An error when nobody reads what is printed, such as `head` that has seen enough.
    pub(super) fn check(&self) -> Result<()> {
        ensure!(
            !lock(&self.terminal).closed,
            "standard output is closed: the rehearsal was stopped; nothing is left running"
        );
        Ok(())
    }

    /// A line of its own, between the events.
    pub(super) fn say(&self, text: &str) {
        if matches!(self.voice, Voice::Screen(_)) {
            self.print(vec![text.to_owned()]);
        }
    }

    /// Says of actions that have been silent for long that they are at work; nothing while somebody is
    /// asked.
    pub(super) fn breathe(&self) {
        let Voice::Screen(screen) = &self.voice else {
            return;
        };
        if lock(&self.terminal).asking {
            return;
        }
        let silent = lock(&self.alive).silent(Instant::now());
        self.print(silent.iter().map(|it| screen.working(it)).collect());
    }

    /// What the events call an execution.
    pub(super) fn called(&self, execution: &str) -> String {
        match &self.voice {
            Voice::Screen(screen) => screen.called(execution),
            Voice::Json => execution.to_owned(),
        }
    }

    /// A line of data.
    pub(super) fn data(&self, line: String) {
        self.print(vec![line]);
    }

    /// Asks the person at the terminal; none when there is none.
    pub(super) fn ask(&self, question: &str) -> Option<String> {
        let _turn = lock(&self.turn);
        self.question(question)
    }

    /// Whether somebody can be asked.
    pub(super) fn hears(&self) -> bool {
        matches!(self.voice, Voice::Screen(_)) && stdin().is_terminal() && stdout().is_terminal()
    }

    /// Lets go who waits for a decision: the executions have ended.
    pub(super) fn release(&self) {
        lock(&self.terminal).over = true;
        lock(&self.open).take();
        self.stopped.notify_all();
    }

    fn print(&self, lines: Vec<String>) {
        lock(&self.terminal).tell(lines);
    }

    fn question(&self, question: &str) -> Option<String> {
        if !self.hears() {
            return None;
        }
        lock(&self.terminal).ask(question);
        let mut line = String::new();
        let read = stdin().lock().read_line(&mut line);
        lock(&self.terminal).answered();
        match read {
            // Ctrl-D: who was there has gone.
            Ok(0) | Err(_) => None,
            Ok(_) => Some(line.trim().to_owned()),
        }
    }

    /// What `--approve` or the person says; none when there is neither.
    fn asked(&self, approval: &Approval) -> Option<Decision> {
        let name = format!("{}/{}", approval.stage, approval.action);
        let _turn = lock(&self.turn);
        if lock(&self.terminal).over {
            return None;
        }
        if let Voice::Screen(screen) = &self.voice {
            let page = approval.link.as_deref();
            let page = page.and_then(|link| self.pages.path(link));
            self.print(screen.approval(approval, page.as_deref()));
        }
        if let Some(approved) = self.answers.to(&approval.stage, &approval.action) {
            let word = if approved { "approved" } else { "rejected" };
            return Some(decision(approved, format!("{word} by --approve")));
        }
        let answer = self.question(&format!("    Approve {name}? [y/N]"))?;
        let approved = matches!(answer.to_lowercase().as_str(), "y" | "yes");
        let comment = self.question("    Comment, or nothing:");
        Some(decision(approved, comment.unwrap_or_default()))
    }
}

impl Audience for Watcher {
    fn hear(&self, event: &Event) {
        lock(&self.alive).hear(event, Instant::now());
        let pages = self.pages.of(event);
        let (mut lines, more): (Vec<String>, Vec<String>) = match &self.voice {
            Voice::Screen(screen) => {
                let told = pages.iter().map(|page| screen.page(&event.execution, page));
                (screen.event(event), told.collect())
            }
            Voice::Json => {
                let told = pages.iter().map(|page| json_line(&data_of(event, page)));
                (vec![json_line(event)], told.collect())
            }
        };
        lines.extend(more);
        self.print(lines);
    }

    fn decide(&self, approval: &Approval) -> Decision {
        if let Some(decision) = self.asked(approval) {
            return decision;
        }
        let mut open = lock(&self.open);
        if lock(&self.terminal).over {
            return decision(false, "it was stopped".to_owned());
        }
        open.get_or_insert_with(|| approval.clone());
        // The command sees it, and stops the execution: nobody reads the answer any more.
        while open.is_some() {
            open = self
                .stopped
                .wait(open)
                .unwrap_or_else(PoisonError::into_inner);
        }
        decision(false, "nobody was there to decide".to_owned())
    }
}

/// A page of an action, for a script.
fn data_of(event: &Event, page: &Page) -> Value {
    json!({
        "event": "page",
        "execution": event.execution,
        "stage": event.stage,
        "action": event.action,
        "address": page.address,
        "path": page.path,
    })
}

/// An event for a script.
pub(super) fn json_line(value: &impl serde::Serialize) -> String {
    serde_json::to_string(value)
        .unwrap_or_else(|error| format!("{{\"event\":\"unreadable\",\"why\":\"{error}\"}}"))
}

/// By the user of this machine.
fn decision(approved: bool, mut summary: String) -> Decision {
    let by = std::env::var("USER").unwrap_or_default();
    let by = if by.is_empty() {
        "rehearsal".to_owned()
    } else {
        by
    };
    // As long as CodePipeline takes it.
    if let Some((end, _)) = summary.char_indices().nth(512) {
        summary.truncate(end);
    }
    Decision {
        approved,
        by,
        summary,
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn approvals_are_named_by_action_or_with_their_stage() {
        let read = |names: &[&str]| {
            Answers::read(
                &names
                    .iter()
                    .map(|name| (*name).to_owned())
                    .collect::<Vec<_>>(),
            )
        };
        let named = read(&["Approve", "Production/Go"]);
        assert_eq!(named.to("Test", "Approve"), Some(true));
        assert_eq!(named.to("Production", "Go"), Some(true));
        assert_eq!(named.to("Test", "Go"), None);
        assert_eq!(read(&["all"]).to("Test", "Go"), Some(true));
        assert_eq!(read(&["none"]).to("Test", "Go"), Some(false));
        assert_eq!(read(&[]).to("Test", "Go"), None);
    }

    #[test]
    fn a_comment_is_cut_to_what_codepipeline_takes() {
        assert_eq!(decision(true, "ä".repeat(600)).summary.chars().count(), 512);
    }
    /// A pipe whose reader has gone.
    struct Closed;

    impl Write for Closed {
        fn write(&mut self, _: &[u8]) -> std::io::Result<usize> {
            Err(std::io::ErrorKind::BrokenPipe.into())
        }

        fn flush(&mut self) -> std::io::Result<()> {
            Ok(())
        }
    }

    #[test]
    fn output_that_nobody_reads_is_noted_and_stops_nothing_itself() {
        let mut terminal = Terminal::new(Box::new(Closed));
        terminal.ask("Go?");
        terminal.tell(vec!["kept".to_owned()]);
        terminal.answered();
        assert!(terminal.closed && terminal.held.is_empty());
        let mut terminal = Terminal::new(Box::new(Vec::new()));
        terminal.tell(vec!["told".to_owned()]);
        assert!(!terminal.closed);
    }
}
