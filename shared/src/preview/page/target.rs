//! One target's card.

use maud::{Markup, html};

use super::rows::{CHANGE, cells, differences, images, table, value};
use super::stack::stack;
use super::{anchor, verdict};
use crate::preview::words::count;
use crate::preview::{Plan, Preview, TargetPreview, ValueChange};
use crate::task_definition::diff::masked_command;

const OF_A_TASK: [&str; 3] = ["What", "The service's", "The task's"];

/// What would be done to the `n`th target.
pub(super) fn card(preview: &Preview, n: usize, target: &TargetPreview) -> Markup {
    let id = anchor(n);
    let heading = format!("{id}-name");
    html! {
        article.card.quiet[!target.changes()] id=(id) aria-labelledby=(heading) data-target=(target.name) {
            header {
                h3 id=(heading) { (target.name) }
                " "
                span.kind { (target.kind) }
                @for (place, words) in verdict::marks(target) {
                    " " a.mark.bad[place == "verdict"] href={ "#" (place) } { (words) }
                }
                p.place { (place(target)) }
            }
            (plan(preview, target))
            @if !target.published.is_empty() {
                (table("Parameters that are given the image once it serves", CHANGE, &html! {
                    @for one in &target.published { (published(target, one)) }
                }))
            }
            @if !target.settings.is_empty() && target.plan != Plan::Unchanged {
                dl.settings {
                    @for (what, how) in &target.settings {
                        div { dt { (what) } dd { (how) } }
                    }
                }
            }
            @if !target.after.is_empty() {
                p.after { "Begins after " (after(preview, &target.after)) "." }
            }
        }
    }
}

fn published(target: &TargetPreview, one: &ValueChange) -> Markup {
    html! {
        tr role="row" data-target=(target.name) data-published=(one.name) {
            (cells(
                &html! { (one.name) },
                &value(one.from.as_deref(), "none", false),
                &value(one.to.as_deref(), "removed", false),
            ))
        }
    }
}

fn plan(preview: &Preview, target: &TargetPreview) -> Markup {
    match &target.plan {
        Plan::Unknown => html! {
            p.plan { "What would change cannot be told; the reasons are listed above." }
            (images(target, CHANGE, &[], |_| false))
        },
        Plan::Unchanged => html! {
            p.plan { "It serves already what would be released: nothing changes." }
            @if !target.images.is_empty() {
                details.stays {
                    summary {
                        (count(target.images.len(), "image"))
                        @if target.images.len() == 1 { " stays" } @else { " stay" }
                    }
                    (images(target, CHANGE, &[], |_| false))
                }
            }
        },
        Plan::Deploy {
            from,
            family,
            differences: found,
        } => html! {
            p.plan {
                "A new revision of " code { (family) } " would be registered, and the service deployed with it. "
                @match from {
                    Some(from) => { "Now it runs " code { (from) } "." },
                    None => "What it runs now cannot be described.",
                }
            }
            (images(target, CHANGE, found, |_| false))
            @if found.is_empty() {
                p.plan { "Between the two revisions there is no difference." }
            }
            (differences(target, found, CHANGE, preview.show_values))
        },
        Plan::Run {
            family,
            container,
            command,
            environment,
            differences: found,
        } => html! {
            p.plan {
                "A task of " code { (family) } " would be run once"
                @if !container.is_empty() { "; the exit code of its container " code { (container) } " counts" }
                "."
            }
            @if let Some(command) = command {
                @let shown = if preview.show_values { command.clone() } else { masked_command(command) };
                p.plan {
                    "Its command: " code { (serde_json::json!(shown)) }
                    @if shown != *command { " " span.mask { "masked" } }
                }
            }
            @if !environment.is_empty() {
                p.plan {
                    "Environment variables besides its own: "
                    @for (n, name) in environment.iter().enumerate() {
                        @if n > 0 { ", " }
                        code { (name) }
                    }
                    " " span.mask { "values not shown" }
                }
            }
            (images(target, OF_A_TASK, found, |_| false))
            (differences(target, found, OF_A_TASK, preview.show_values))
        },
        Plan::Stack { .. } => stack(target),
    }
}

/// The place without what the heading says already.
fn place(target: &TargetPreview) -> &str {
    let prefix = format!("{} {} (", target.kind, target.name);
    let inside = target.place.strip_prefix(&prefix);
    inside
        .and_then(|inside| inside.strip_suffix(')'))
        .unwrap_or(&target.place)
}

/// What it waits for, with the way there.
fn after(preview: &Preview, names: &[String]) -> Markup {
    let place = |name: &String| preview.targets.iter().position(|it| it.name == *name);
    html! {
        @for (n, name) in names.iter().enumerate() {
            @if n > 0 { (if n + 1 == names.len() { " and " } else { ", " }) }
            @match place(name) {
                Some(n) => a href={ "#" (anchor(n)) } { (name) },
                None => (name),
            }
        }
    }
}
