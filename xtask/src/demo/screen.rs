//! What a person at a terminal of 80 columns sees; the only place that prints.

#![expect(clippy::print_stdout, reason = "a command's output")]

use std::io::{IsTerminal, Write, stdout};
use std::sync::mpsc::{self, RecvTimeoutError};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread;
use std::time::{Duration, Instant};

use anyhow::Result;
use comfy_table::presets::UTF8_HORIZONTAL_ONLY;
use comfy_table::{Cell, CellAlignment, ColumnConstraint, ContentArrangement, Table, Width};
use rehearsal::Progress;
use rehearsal::pipeline::Status;

use crate::interrupt;
use crate::say::{seconds, wrapped};

/// Every terminal has as many.
const COLUMNS: usize = 80;
/// The phases before the story.
const PHASES: usize = 7;
/// Between two drawings of a line that counts seconds.
const BLINK: Duration = Duration::from_millis(200);
/// Back to the line's begin, and clear it.
const CLEAR: &str = "\r\x1b[K";

/// A row of the table at the end.
pub(super) struct Row {
    /// The step, in a few words.
    pub(super) step: String,
    /// What came of it.
    pub(super) happened: String,
    /// The function's calls of AWS.
    pub(super) calls: usize,
    /// How long it took; none when it was left out.
    pub(super) time: Option<Duration>,
    /// Whether it did not do what the story says.
    pub(super) failed: bool,
}

/// Standard output; its clones are the same one.
#[derive(Clone)]
pub(super) struct Screen {
    /// Whether a line can be drawn again.
    terminal: bool,
    phases: Arc<Mutex<usize>>,
}

impl Screen {
    pub(super) fn new() -> Self {
        Self {
            terminal: stdout().is_terminal(),
            phases: Arc::default(),
        }
    }

    pub(super) fn blank(&self) {
        println!();
    }

    /// A heading, with space around it.
    pub(super) fn title(&self, text: &str) {
        println!("\n{text}\n{}", "─".repeat(text.chars().count()));
    }

    /// A paragraph.
    pub(super) fn say(&self, text: &str) {
        println!("{}", wrapped(text, "", "", COLUMNS));
    }

    /// A fact of a step, with its name before it.
    pub(super) fn fact(&self, name: &str, text: &str) {
        let first = format!("  {name:<10} ");
        println!(
            "{}",
            wrapped(text, &first, &" ".repeat(first.len()), COLUMNS)
        );
    }

    /// An action of the pipeline has ended.
    pub(super) fn action(&self, name: &str, status: Status, took: Duration) {
        let clear = if self.terminal { CLEAR } else { "" };
        println!("{clear}  {name:<20} {status}, {}", seconds(took));
    }

    /// Asks; the answer is read elsewhere.
    pub(super) fn question(&self, text: &str) {
        print!("  {text} ");
        let _ = stdout().flush();
    }

    /// Somebody else's words, whole, with their own lines.
    pub(super) fn quote(&self, text: &str) {
        for line in text.lines() {
            let hanging = if line.starts_with("- ") {
                "  │   "
            } else {
                "  │ "
            };
            println!("{}", wrapped(line, "  │ ", hanging, COLUMNS));
        }
    }

    /// A numbered piece of the preparations: its line counts seconds and shows the last thing that
    /// `work` told, and stays with the time that it took.
    pub(super) fn phase<T>(
        &self,
        what: &str,
        work: impl FnOnce(&Progress) -> Result<T>,
    ) -> Result<T> {
        interrupt::check()?;
        let mut phases = self.phases.lock().unwrap_or_else(PoisonError::into_inner);
        *phases += 1;
        let head = format!("[{}/{PHASES}] {what} … ", *phases);
        drop(phases);
        print!("{head}");
        // Standard output waits for a line's end; who watches should not.
        let _ = stdout().flush();
        let started = Instant::now();
        let result = self.live(&head, work);
        let clear = if self.terminal {
            format!("{CLEAR}{head}")
        } else {
            String::new()
        };
        let failed = if result.is_err() { "failed after " } else { "" };
        println!("{clear}{failed}{}", seconds(started.elapsed()));
        result
    }

    fn live<T>(&self, head: &str, work: impl FnOnce(&Progress) -> Result<T>) -> Result<T> {
        let told = Arc::new(Mutex::new(String::new()));
        let hears = Arc::clone(&told);
        let progress: Progress = Arc::new(move |line: &str| {
            line.trim()
                .clone_into(&mut hears.lock().unwrap_or_else(PoisonError::into_inner));
        });
        if !self.terminal {
            return work(&progress);
        }
        let started = Instant::now();
        let (working, done) = mpsc::channel::<()>();
        thread::scope(|scope| {
            scope.spawn(move || {
                while done.recv_timeout(BLINK) == Err(RecvTimeoutError::Timeout) {
                    let told = told.lock().unwrap_or_else(PoisonError::into_inner).clone();
                    let line = format!("{head}{} {told}", seconds(started.elapsed()));
                    let line: String = line
                        .chars()
                        .filter(|c| !c.is_control())
                        .take(COLUMNS - 1)
                        .collect();
                    print!("{CLEAR}{line}");
                    let _ = stdout().flush();
                }
            });
            // Held until here, also when the work panics: its end is the line's.
            let _working = working;
            work(&progress)
        })
    }

    pub(super) fn table<'a>(&self, rows: impl Iterator<Item = &'a Row>) {
        let mut table = Table::new();
        table
            .load_style(UTF8_HORIZONTAL_ONLY)
            .set_content_arrangement(ContentArrangement::Dynamic)
            .set_width(COLUMNS as u16)
            .set_header(["step", "what happened", "AWS calls", "time"]);
        for (number, row) in (1..).zip(rows) {
            let failed = if row.failed { "FAILED: " } else { "" };
            let calls = if row.calls == 0 {
                "–".to_owned()
            } else {
                row.calls.to_string()
            };
            let right = |text: String| Cell::new(text).set_alignment(CellAlignment::Right);
            table.add_row([
                Cell::new(format!("{number} {}", row.step)),
                Cell::new(format!("{failed}{}", row.happened)),
                right(calls),
                right(row.time.map_or("–".to_owned(), seconds)),
            ]);
        }
        let fixed = |width| ColumnConstraint::Absolute(Width::Fixed(width));
        table.set_constraints([fixed(25), fixed(32), fixed(11), fixed(9)]);
        println!("{table}");
    }
}
