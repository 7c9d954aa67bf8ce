//! `target/demo/report.html`: the story as it went, for people who were not there. It is written from what
//! was seen, and needs nothing but the previews that lie beside it.

use std::fs;
use std::path::{Path, PathBuf};
use std::time::Duration;

use anyhow::{Context, Result};
use maud::{DOCTYPE, Markup, PreEscaped, html};
use rehearsal::pipeline::Status;
use rehearsal::workspace;
use shared::ledger::{Came, Entry};
use shared::moment;

use super::cast::Step;
use super::story::{Chapter, Journey};
use crate::say::seconds;

const STYLE: &str = include_str!("report.css");

/// All that the report tells.
pub(super) struct Told<'a> {
    pub(super) chapters: &'a [Chapter],
    /// Production's ledger, oldest first.
    pub(super) ledger: &'a [Entry],
    /// What tasks were: containers, or records.
    pub(super) tasks: &'a str,
    /// How long it took altogether.
    pub(super) took: Duration,
}

/// Writes the report and the previews beside it; where it lies.
pub(super) fn write(told: &Told<'_>) -> Result<PathBuf> {
    let folder = workspace::target().join("demo");
    fs::create_dir_all(&folder).with_context(|| format!("create {}", folder.display()))?;
    let mut pages = Vec::new();
    for (number, chapter) in (1..).zip(told.chapters) {
        let steps = chapter.journey.iter().flat_map(|journey| &journey.steps);
        let Some(page) = steps.filter_map(|step| step.page.as_deref()).next() else {
            pages.push(None);
            continue;
        };
        let name = format!("preview-{number}.html");
        fs::copy(page, folder.join(&name)).with_context(|| format!("copy {}", page.display()))?;
        pages.push(Some(name));
    }
    let path = folder.join("report.html");
    fs::write(&path, report(told, &pages).into_string())
        .with_context(|| format!("write {}", path.display()))?;
    Ok(path)
}

/// Where it lies, as seen from here.
pub(super) fn shown(path: &Path) -> String {
    let path = path.strip_prefix(workspace::root()).unwrap_or(path);
    path.display().to_string()
}

fn report(told: &Told<'_>, pages: &[Option<String>]) -> Markup {
    let failed = told
        .chapters
        .iter()
        .filter(|chapter| chapter.row.failed)
        .count();
    html! {
        (DOCTYPE)
        html lang="en" {
            head {
                meta charset="utf-8";
                meta name="viewport" content="width=device-width, initial-scale=1";
                title { "redbutton: the journey of releases" }
                style { (PreEscaped(STYLE)) }
            }
            body {
                header {
                    h1 { "From a commit to production, and back" }
                    p {
                        "Pipeline " b { "web" } " in us-east-1, account 111111111111; tests in account \
                         333333333333 and production in account 222222222222, ap-southeast-2. AWS on this \
                         machine; tasks are " (told.tasks) ". " (seconds(told.took)) " altogether."
                    }
                    @if failed > 0 {
                        p.bad { (failed) " of " (told.chapters.len()) " did not go as told." }
                    }
                }
                main {
                    (glance(told.chapters))
                    @for ((number, chapter), page) in (1..).zip(told.chapters).zip(pages) {
                        (self::chapter(number, chapter, page.as_deref()))
                    }
                    (ledger(told.ledger))
                }
            }
        }
    }
}

fn glance(chapters: &[Chapter]) -> Markup {
    html! {
        table.glance {
            thead { tr { th { "" } th { "What happened" } th.number { "AWS calls" } th.number { "Time" } } }
            tbody {
                @for (number, chapter) in (1..).zip(chapters) {
                    @let row = &chapter.row;
                    tr.bad[row.failed] {
                        td { a href={ "#chapter-" (number) } { (number) " " (row.step) } }
                        td { (row.happened) }
                        td.number { @if row.calls > 0 { (row.calls) } @else { "–" } }
                        td.number { (row.time.map_or("–".to_owned(), seconds)) }
                    }
                }
            }
        }
    }
}

fn chapter(number: usize, chapter: &Chapter, page: Option<&str>) -> Markup {
    html! {
        section id={ "chapter-" (number) } {
            h2 { (number) " " (chapter.row.step) }
            p { (chapter.intro) }
            @if let Some(journey) = &chapter.journey {
                (self::journey(journey, page))
            }
            @if !chapter.facts.is_empty() {
                dl {
                    @for (name, text) in &chapter.facts {
                        dt { (name) }
                        dd { (text) }
                    }
                }
            }
            p.end.bad[chapter.row.failed] { (chapter.row.happened) }
        }
    }
}

fn journey(journey: &Journey, page: Option<&str>) -> Markup {
    let end = |step: &Step| step.began + step.took;
    let whole = journey.steps.iter().map(end).max().unwrap_or_default();
    let short = journey.commit.id.get(..7).unwrap_or_default();
    html! {
        p.journey {
            code { (short) } " “" (journey.commit.subject) "”, execution " code { (journey.execution) } ": "
            b class=(colour(journey.status)) { (journey.status) }
        }
        table.line {
            @for step in &journey.steps {
                tr class=(colour(step.status)) {
                    th scope="row" { (step.stage) "/" (step.action) }
                    td.lane { (bar(step, whole)) }
                    td.number { (seconds(step.took)) }
                }
            }
        }
        @for step in &journey.steps {
            (words(step, page))
        }
    }
}

/// Where in its journey a step was, and how long.
fn bar(step: &Step, whole: Duration) -> Markup {
    let percent = |time: Duration| match whole.is_zero() {
        true => 0.0,
        false => 100.0 * time.as_secs_f64() / whole.as_secs_f64(),
    };
    let (from, width) = (percent(step.began), percent(step.took));
    html! {
        span.bar style={ "margin-left:" (format!("{from:.2}")) "%;width:" (format!("{width:.2}")) "%" } {}
    }
}

/// What was read, who pressed, and what was said.
fn words(step: &Step, page: Option<&str>) -> Markup {
    let failed = step.status != Status::Succeeded;
    html! {
        @if let Some(asked) = &step.approval {
            figure.approval[asked.approved].said[!asked.approved] {
                blockquote { (asked.read) }
                figcaption {
                    (step.stage) "/" (step.action) ": " b { (asked.by) }
                    @if asked.approved { " approved" } @else { " said no" }
                }
            }
        }
        @if step.page.is_some() {
            @if let Some(page) = page {
                p { a href=(page) { "The preview, as the approver sees it" } }
            }
        }
        @if failed && !step.said.is_empty() {
            figure.said {
                blockquote { (step.said) }
                figcaption { (step.stage) "/" (step.action) }
            }
        }
    }
}

fn ledger(entries: &[Entry]) -> Markup {
    html! {
        section {
            h2 { "Production's ledger" }
            p { "Append-only, each entry with the hash of the one before. It lies in production's bucket of releases." }
            table.ledger {
                thead { tr { th.number { "No." } th { "When" } th { "Came to" } th { "Release" } th { "Approved by" } th { "Hash of the one before" } } }
                tbody {
                    @for entry in entries {
                        tr {
                            td.number { (entry.number) }
                            td { (moment::utc(entry.at).unwrap_or_default()) }
                            td { (came(entry.result)) }
                            @match &entry.release {
                                Some(release) => {
                                    td { code { (release.name) } ", attempt " (release.attempt) }
                                    td { (release.approvers.join(", ")) }
                                }
                                None => { td { "what was there before" } td { "–" } }
                            }
                            td { code { (entry.previous.get(..12).unwrap_or_default()) "…" } }
                        }
                    }
                }
            }
        }
    }
}

fn came(result: Came) -> String {
    format!("{result:?}").to_lowercase()
}

fn colour(status: Status) -> &'static str {
    match status {
        Status::Succeeded => "good",
        Status::Failed => "bad",
        _ => "other",
    }
}
