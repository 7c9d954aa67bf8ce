//! The page that an approver reads: what would change, whether anything of it is dangerous, and
//! whether it may be approved, in this order of weight and on a phone, too.
//!
//! It needs nothing but itself: no script, no font, no picture, no other address. Its own policy
//! allows its style, by hash, and nothing else. Every difference is one row, which tests (and who
//! else reads pages by program) find by `data-target` and `data-path`, `data-image`,
//! `data-parameter`, `data-tag` or `data-resource`.

mod rows;
mod stack;
mod target;
mod verdict;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use maud::{DOCTYPE, Markup, PreEscaped, html};
use sha2::{Digest as _, Sha256};

use super::{Preview, words};
use crate::job::revision::Revision;
use crate::moment;

const STYLE: &str = include_str!("page.css");

/// The whole document.
pub fn page(preview: &Preview) -> String {
    let document = html! {
        (DOCTYPE)
        html lang="en" {
            (head(preview))
            body {
                header.top {
                    p {
                        "Preview of a release"
                        @if let Some(pipeline) = &preview.pipeline {
                            " · " b { (pipeline) }
                        }
                    }
                    p { (time(preview.at)) }
                }
                main {
                    (verdict::verdict(preview))
                    @if let Some(freeze) = &preview.freeze {
                        (verdict::freeze(freeze))
                    }
                    (verdict::concerns(preview))
                    @if preview.targets.len() > 1 {
                        (glance(preview))
                    }
                    @if !preview.targets.is_empty() {
                        section.targets aria-labelledby="details" {
                            h2 #details { "Target by target" }
                            @for (n, target) in preview.targets.iter().enumerate() {
                                (target::card(preview, n, target))
                            }
                        }
                    }
                    @if !preview.sources.is_empty() {
                        (sources(&preview.sources))
                    }
                }
                (footer(preview))
            }
        }
    };
    // Of the whole page at once: no text can be forgotten, and its own marks have none of these.
    words::visible(&document.into_string())
}

fn head(preview: &Preview) -> Markup {
    let hash = STANDARD.encode(Sha256::digest(STYLE.as_bytes()));
    let policy = format!(
        "default-src 'none'; style-src 'sha256-{hash}'; base-uri 'none'; form-action 'none'"
    );
    let pipeline = preview.pipeline.as_deref().unwrap_or("a release");
    html! {
        head {
            meta charset="utf-8";
            meta http-equiv="Content-Security-Policy" content=(policy);
            meta name="viewport" content="width=device-width, initial-scale=1";
            meta name="color-scheme" content="light dark";
            meta name="referrer" content="no-referrer";
            meta name="robots" content="noindex, nofollow";
            title { (verdict::headline(preview)) " · " (pipeline) }
            style { (PreEscaped(STYLE)) }
        }
    }
}

/// One line for each target, with the way to its details.
fn glance(preview: &Preview) -> Markup {
    html! {
        section.glance aria-labelledby="changes" {
            h2 #changes { "What changes" }
            ul {
                @for (n, target) in preview.targets.iter().enumerate() {
                    li.quiet[!target.changes()] {
                        a href={ "#" (anchor(n)) } { (target.name) }
                        " "
                        span.kind { (target.kind) }
                        " "
                        span.gist { (words::gist(target)) }
                    }
                }
            }
        }
    }
}

fn sources(sources: &[Revision]) -> Markup {
    let source = |source: &Revision| {
        let id = words::short_id(&source.id);
        let mut lines = source.summary.lines();
        let first = lines.next().unwrap_or_default();
        let rest = lines.collect::<Vec<_>>().join("\n");
        html! {
            li {
                p {
                    @if source.url.starts_with("https://") {
                        a href=(source.url) title=(source.id) rel="noreferrer noopener" { code { (id) } }
                    } @else {
                        code title=(source.id) { (id) }
                    }
                    " "
                    span.message { (first) }
                    " "
                    span.kind { (source.artifact) }
                }
                @if !rest.trim().is_empty() {
                    details {
                        summary { "The whole message" }
                        p.text { (rest.trim()) }
                    }
                }
            }
        }
    };
    html! {
        section.sources aria-labelledby="sources" {
            h2 #sources { @if sources.len() == 1 { "Commit" } @else { "Commits" } }
            ul { @for one in sources { (source(one)) } }
        }
    }
}

fn footer(preview: &Preview) -> Markup {
    html! {
        footer {
            p {
                "Computed from the live state; nothing was changed."
                @if !preview.show_values {
                    " Values of environment variables, and what looks like a secret, are masked."
                }
            }
            dl {
                div { dt { "Pipeline" } dd { (preview.pipeline.as_deref().unwrap_or("not named")) } }
                div { dt { "Execution" } dd { code { (preview.execution) } } }
                div { dt { "Computed" } dd { (time(preview.at)) } }
                div {
                    dt { "Fingerprint of the live state" }
                    dd {
                        @if preview.fingerprint.is_empty() {
                            "none: the live state of a target could not be read"
                        } @else {
                            code { (preview.fingerprint) }
                        }
                    }
                }
            }
        }
    }
}

fn time(at: u64) -> Markup {
    html! {
        @if let Some(utc) = moment::utc(at) {
            time datetime={ (utc) "Z" } { (utc) " UTC" }
        } @else {
            (at) " seconds after the beginning of 1970 (UTC)"
        }
    }
}

/// The id of a target's card.
fn anchor(target: usize) -> String {
    format!("target-{}", target + 1)
}

#[cfg(test)]
mod tests;
