//! What would become of a stack: its parameters, its tags, its role and its resources.

use maud::{Markup, html};

use super::rows::{CHANGE, cells, images, table, value};
use crate::preview::words::image_of_parameter;
use crate::preview::{Plan, TargetPreview, ValueChange};
use crate::stack::{Change, guard};

const RESOURCES: [&str; 3] = ["Resource", "Action", "Replacement"];

/// All of it; nothing for a target that is no stack.
pub(super) fn stack(target: &TargetPreview) -> Markup {
    let Plan::Stack {
        new,
        template,
        parameters,
        tags,
        role,
        changes,
        replaced,
    } = &target.plan
    else {
        return html! {};
    };
    let is_parameter = |n: usize| {
        let mut parameters = parameters.iter();
        parameters.any(|it| image_of_parameter(target, it) == Some(n))
    };
    let left = parameters.iter();
    let left: Vec<_> = left
        .filter(|it| image_of_parameter(target, it).is_none())
        .collect();
    let parameter = |it: &ValueChange| {
        html! { tr role="row" data-target=(target.name) data-parameter=(it.name) { (change(it)) } }
    };
    let tag = |it: &ValueChange| {
        html! { tr role="row" data-target=(target.name) data-tag=(it.name) { (change(it)) } }
    };
    let resource = |it: &Change| {
        let dangerous = replaced.iter().find(|(name, _)| *name == it.name());
        resource(target, it, dangerous.map(|(_, allowed)| *allowed))
    };
    html! {
        p.plan {
            @match (new, template) {
                (true, _) => "The stack would be created by a change set.",
                (false, true) => "The stack would be updated by a change set, with another template.",
                (false, false) => "The stack would be updated by a change set; its template stays.",
            }
        }
        (images(target, CHANGE, &[], is_parameter))
        @if !left.is_empty() {
            (table("Parameters", CHANGE, &html! { @for one in left { (parameter(one)) } }))
        }
        @if !tags.is_empty() {
            (table("Tags of the stack", CHANGE, &html! { @for one in tags { (tag(one)) } }))
        }
        @if let Some(role) = role {
            (table("Role", CHANGE, &html! {
                tr role="row" data-target=(target.name) data-role=(role.name) { (change(role)) }
            }))
        }
        @if !changes.is_empty() {
            (table("Resources", RESOURCES, &html! { @for one in changes { (resource(one)) } }))
        }
    }
}

fn change(change: &ValueChange) -> Markup {
    let what = html! {
        (change.name)
        @if change.hidden { " " span.mask { "masked" } }
    };
    let shown = |side: &Option<String>, nothing| match (change.hidden, side) {
        (true, Some(_)) => value(Some("hidden by NoEcho"), nothing, true),
        (_, Some(text)) if text.is_empty() => value(Some("\"\""), nothing, false),
        (_, side) => value(side.as_deref(), nothing, false),
    };
    cells(
        &what,
        &shown(&change.from, "none"),
        &shown(&change.to, "removed"),
    )
}

fn resource(target: &TargetPreview, change: &Change, replaced: Option<bool>) -> Markup {
    let action = match change.action.as_str() {
        "Add" => "added",
        "Modify" => "changed",
        "Remove" => "removed",
        "Import" => "imported",
        "Dynamic" => "decided while it updates",
        other => other,
    };
    let replacement = match (change.action.as_str(), change.replacement.as_str()) {
        // Where the guard sees no danger, CloudFormation's word says less than what is known.
        (_, "True" | "Conditional") if replaced.is_none() => {
            let natural = guard::NATURAL
                .iter()
                .any(|natural| natural.kind == change.kind);
            if natural {
                "replaced, which is its normal way"
            } else {
                "stays"
            }
        }
        (_, "True") => "replaced",
        (_, "Conditional") => "might be replaced",
        (_, "False") => "stays",
        ("Add" | "Import", "") => "new in the stack",
        ("Remove", "") => "goes",
        (_, "") => "not told",
        (_, other) => other,
    };
    let name = change.name();
    html! {
        tr.danger[replaced.is_some()] role="row" data-target=(target.name) data-resource=(name)
            data-action=(change.action) data-replacement=(change.replacement) {
            th scope="row" role="rowheader" {
                (name)
                span.detail { (change.kind) }
                @if !change.physical.is_empty() { span.detail { (change.physical) } }
            }
            td role="cell" {
                (action)
                @if !change.properties.is_empty() {
                    span.detail { (change.properties.join(", ")) }
                }
            }
            td role="cell" {
                @match replaced {
                    Some(_) => { b { (replacement) } },
                    None => (replacement),
                }
                @if let Some(becomes) = guard::becomes(&change.policy) {
                    span.detail { (becomes) }
                }
                @if !change.causes.is_empty() && replacement != "stays" {
                    span.detail { "because of " (change.causes.join(", ")) }
                }
                @match replaced {
                    Some(true) => { span.mark { "allowed" } },
                    Some(false) => { span.mark.bad { "not allowed" } },
                    None => {},
                }
            }
        }
    }
}
