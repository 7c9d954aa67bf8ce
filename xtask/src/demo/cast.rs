//! Who watches the pipeline and presses its buttons, and the journey of each release as it was seen.

use std::io::{BufRead, stdin};
use std::path::PathBuf;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use rehearsal::pipeline::{Approval, Audience, Decision, Event, Pages, Status, What};

use super::screen::Screen;

/// Of a build that failed, as many lines are shown.
const LAST_LINES: usize = 15;

/// An action of a journey.
#[derive(Clone, Debug)]
pub(super) struct Step {
    pub(super) stage: String,
    pub(super) action: String,
    /// From the journey's beginning.
    pub(super) began: Duration,
    pub(super) took: Duration,
    pub(super) status: Status,
    /// What it said in the end.
    pub(super) said: String,
    /// An approval that was asked for.
    pub(super) approval: Option<Asked>,
    /// The page of a preview, on this machine.
    pub(super) page: Option<PathBuf>,
}

/// What somebody said to an approval.
#[derive(Clone, Debug)]
pub(super) struct Asked {
    pub(super) by: String,
    /// What there was to read.
    pub(super) read: String,
    pub(super) approved: bool,
}

/// Everybody in the story.
pub(super) struct Cast {
    screen: Screen,
    pages: Pages,
    /// Whether the person at the keyboard presses the buttons.
    asks: bool,
    now: Mutex<Now>,
}

/// The journey under way.
struct Now {
    began: Instant,
    /// Who presses buttons, by the name of the stage: production's approval is somebody's in particular.
    presses: &'static str,
    steps: Vec<Step>,
    build: Vec<String>,
}

impl Cast {
    pub(super) fn new(screen: Screen, pages: Pages, asks: bool) -> Self {
        let now = Now {
            began: Instant::now(),
            presses: "",
            steps: Vec::new(),
            build: Vec::new(),
        };
        Self {
            screen,
            pages,
            asks,
            now: Mutex::new(now),
        }
    }

    /// A journey begins, in which `who` approves for production.
    pub(super) fn begin(&self, who: &'static str) {
        *self.now() = Now {
            began: Instant::now(),
            presses: who,
            steps: Vec::new(),
            build: Vec::new(),
        };
    }

    /// The journey as it was seen, in the order of beginnings.
    pub(super) fn journey(&self) -> Vec<Step> {
        self.now().steps.clone()
    }

    fn now(&self) -> MutexGuard<'_, Now> {
        self.now.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn ended(&self, stage: &str, action: &str, event: &Event) {
        let What::ActionEnded {
            status,
            summary,
            error,
            milliseconds,
            ..
        } = &event.what
        else {
            return;
        };
        let said = match (error, summary) {
            (Some(error), _) => error.message.clone(),
            (None, Some(summary)) => summary.clone(),
            (None, None) => String::new(),
        };
        let page = self.pages.of(event).into_iter().next();
        let took = Duration::from_millis(*milliseconds);
        let (mut now, name) = (self.now(), format!("{stage}/{action}"));
        let build = std::mem::take(&mut now.build);
        let open = |step: &&mut Step| step.stage == stage && step.action == action;
        if let Some(step) = now.steps.iter_mut().rev().find(open) {
            step.took = took;
            step.status = *status;
            step.said.clone_from(&said);
            step.page = page.map(|page| page.path);
        }
        drop(now);
        self.screen.action(&name, *status, took);
        if *status != Status::Succeeded {
            let from = build.len().saturating_sub(LAST_LINES);
            build
                .iter()
                .skip(from)
                .for_each(|line| self.screen.quote(line));
        }
        // An approval's words were shown when it was asked for.
        if action != "Approve" || *status != Status::Succeeded {
            self.screen.quote(&said);
        }
    }
}

impl Audience for Cast {
    fn hear(&self, event: &Event) {
        let (Some(stage), Some(action)) = (&event.stage, &event.action) else {
            return;
        };
        match &event.what {
            What::ActionStarted { .. } => {
                let mut now = self.now();
                let began = now.began.elapsed();
                now.steps.push(Step {
                    stage: stage.clone(),
                    action: action.clone(),
                    began,
                    took: Duration::ZERO,
                    status: Status::InProgress,
                    said: String::new(),
                    approval: None,
                    page: None,
                });
            }
            What::BuildLine { line } => self.now().build.push(line.clone()),
            What::ActionEnded { .. } => self.ended(stage, action, event),
            _ => {}
        }
    }

    fn decide(&self, approval: &Approval) -> Decision {
        let by = match approval.stage.as_str() {
            "Production" => self.now().presses,
            _ => "ada",
        };
        let read = approval.custom_data.as_deref().unwrap_or_default().trim();
        self.screen.fact(
            "approval",
            &format!("{}/{}; {by} reads:", approval.stage, approval.action),
        );
        self.screen.quote(read);
        let approved = !self.asks || {
            let question = format!("Press the button, as {by}? [y/N]");
            self.screen.question(&question);
            let mut line = String::new();
            let heard = stdin().lock().read_line(&mut line);
            // Ctrl-D: who was there has gone.
            heard.is_ok_and(|bytes| bytes > 0) && line.trim().to_lowercase().starts_with('y')
        };
        let mut now = self.now();
        let (stage, action) = (&approval.stage, &approval.action);
        let open = |step: &&mut Step| step.stage == *stage && step.action == *action;
        if let Some(step) = now.steps.iter_mut().rev().find(open) {
            step.approval = Some(Asked {
                by: by.to_owned(),
                read: read.to_owned(),
                approved,
            });
        }
        Decision {
            approved,
            by: by.to_owned(),
            summary: if approved { "as agreed" } else { "not now" }.to_owned(),
        }
    }
}
