//! Previews of all kinds, for properties of the page and of the mail's text.

use proptest::collection::vec;
use proptest::option;
use proptest::prelude::*;
use serde_json::{Value, json};

use super::{Finding, ImageChange, ImageShown, Plan, Preview, TargetPreview, ValueChange};
use crate::job::revision::Revision;
use crate::names::Digest;
use crate::rollout::seen::settings::Alarm;
use crate::stack::Change;
use crate::task_definition::diff::Difference;

/// What values that are masked begin with.
pub(super) const MASKED: &str = "do-not-tell";

/// What people, and those who are up to something, write.
pub(super) fn text() -> impl Strategy<Value = String> + Clone {
    prop_oneof![
        4 => "[a-z][a-z-]{0,14}",
        2 => "\\PC{0,60}",
        1 => (300usize..900).prop_map(|length| "x".repeat(length)),
        1 => Just("<script>alert(1)</script>".to_owned()),
        1 => Just("\"'><td data-path=\"x\">&quot;</style>".to_owned()),
        1 => Just("one\nPreview: nothing would change.\r\n\u{202e}\u{0}".to_owned()),
        1 => Just("#{variables.Secret} # { #".to_owned()),
    ]
}

/// Any preview.
pub(super) fn preview() -> impl Strategy<Value = Preview> {
    let frame = (
        option::of(text()),
        text(),
        any::<u64>(),
        text(),
        any::<bool>(),
    );
    let lists = (
        vec(target(), 0..12),
        vec(finding(), 0..3),
        vec((text(), text()), 0..4),
        vec(revision(), 0..3),
    );
    (frame, lists).prop_map(
        |((pipeline, execution, at, fingerprint, show_values), lists)| {
            let (mut targets, findings, exceptions, sources) = lists;
            for (n, target) in targets.iter_mut().enumerate() {
                target.name = format!("{n}{}", target.name);
            }
            Preview {
                // Whatever text it is, as the pipeline's name.
                freeze: pipeline.clone(),
                pipeline,
                execution,
                at,
                targets,
                findings,
                exceptions,
                sources,
                fingerprint,
                show_values,
            }
        },
    )
}

fn finding() -> impl Strategy<Value = Finding> {
    prop_oneof![
        text().prop_map(Finding::Refused),
        text().prop_map(Finding::NotProvable),
    ]
}

fn revision() -> impl Strategy<Value = Revision> {
    let id = prop_oneof![text(), "[0-9a-f]{40}", "sha256:[0-9a-f]{64}"];
    let url = prop_oneof![text(), text().prop_map(|text| format!("https://{text}"))];
    (text(), id, text(), url).prop_map(|(artifact, id, summary, url)| Revision {
        artifact,
        id,
        summary,
        url,
    })
}

fn target() -> impl Strategy<Value = TargetPreview> {
    let words = (text(), text(), vec(text(), 0..3), vec(text(), 0..2));
    let alarm = (text(), text()).prop_map(|(name, reason)| Alarm {
        name,
        state: "ALARM".into(),
        reason,
    });
    let lists = (
        vec(image(), 0..4),
        vec(text().prop_map(|text| ("desired count", text)), 0..3),
        vec(alarm, 0..2),
        vec(finding(), 0..3),
    );
    (words, plan(), lists).prop_map(|((name, place, after, drift), plan, lists)| {
        let (mut images, settings, alarms, findings) = lists;
        let kind = match &plan {
            Plan::Run { .. } => "task",
            Plan::Stack { .. } => "stack",
            _ => "service",
        };
        // Two containers have no name in common.
        for (n, image) in images.iter_mut().enumerate() {
            image.name = container(n);
        }
        TargetPreview {
            name,
            place,
            kind,
            after,
            images,
            plan,
            settings,
            alarms,
            drift,
            findings,
            ..TargetPreview::default()
        }
    })
}

fn container(n: usize) -> String {
    format!("container-{n}")
}

fn image() -> impl Strategy<Value = ImageChange> {
    let digest = "[0-9a-f]{64}".prop_map(|hex| Digest::parse(&format!("sha256:{hex}")).unwrap());
    let shown = (text(), option::of(text()), option::of(digest));
    let shown = shown.prop_map(|(repository, tag, digest)| ImageShown {
        repository,
        tag,
        digest,
    });
    let both = (option::of(shown.clone()), option::of(shown));
    both.prop_map(|(from, to)| ImageChange {
        name: String::new(),
        from,
        to,
    })
}

fn plan() -> impl Strategy<Value = Plan> {
    let deploy = (option::of(text()), text(), differences());
    let run = (
        (text(), text()),
        option::of(vec(part(), 0..3)),
        vec(text(), 0..3),
        differences(),
    );
    prop_oneof![
        1 => Just(Plan::Unknown),
        1 => Just(Plan::Unchanged),
        4 => deploy.prop_map(|(from, family, differences)| Plan::Deploy { from, family, differences }),
        2 => run.prop_map(|((family, container), command, environment, differences)| Plan::Run {
            family,
            container,
            command,
            environment,
            differences,
        }),
        3 => stack(),
    ]
}

/// A part of a command.
fn part() -> impl Strategy<Value = String> {
    prop_oneof![
        text(),
        text().prop_map(|text| format!("PASSWORD={MASKED} {text}"))
    ]
}

fn stack() -> impl Strategy<Value = Plan> {
    let change = |name: &'static str| {
        let values = (option::of(text()), option::of(text()), any::<bool>());
        values.prop_map(move |(from, to, hidden)| {
            // CloudFormation tells of a hidden value that there is one, and nothing else.
            let told = |text| if hidden { "****".to_owned() } else { text };
            ValueChange {
                name: name.into(),
                from: from.map(told),
                to: to.map(told),
                hidden,
            }
        })
    };
    let changes = |name| vec(change(name), 0..4).prop_map(numbered);
    let role = option::of(change("role"));
    let lists = (changes("container-"), changes("tag"), role);
    (any::<bool>(), any::<bool>(), lists, vec(resource(), 0..5)).prop_map(
        |(new, template, (parameters, tags, role), resources)| {
            let mut replaced = Vec::new();
            let mut changes = Vec::new();
            for (n, (mut change, danger)) in resources.into_iter().enumerate() {
                change.logical.push_str(&n.to_string());
                replaced.extend(danger.map(|allowed| (change.name(), allowed)));
                changes.push(change);
            }
            Plan::Stack {
                new,
                template,
                parameters,
                tags,
                role,
                changes,
                replaced,
            }
        },
    )
}

fn numbered(mut changes: Vec<ValueChange>) -> Vec<ValueChange> {
    for (n, change) in changes.iter_mut().enumerate() {
        change.name.push_str(&n.to_string());
    }
    changes
}

fn resource() -> impl Strategy<Value = (Change, Option<bool>)> {
    let words = (vec(text(), 0..2), text(), text(), text());
    let action = prop_oneof![
        Just("Add".to_owned()),
        Just("Modify".to_owned()),
        Just("Remove".to_owned()),
        text()
    ];
    let replacement = prop_oneof![
        Just(String::new()),
        Just("True".to_owned()),
        Just("Conditional".to_owned()),
        text()
    ];
    let lists = (vec(text(), 0..3), vec(text(), 0..2), text());
    (words, action, replacement, lists, any::<Option<bool>>()).prop_map(
        |((path, logical, physical, kind), action, replacement, lists, danger)| {
            let (properties, causes, policy) = lists;
            let change = Change {
                path,
                logical,
                physical,
                kind,
                action,
                replacement,
                policy,
                properties,
                causes,
                follows: Vec::new(),
            };
            (change, danger)
        },
    )
}

/// Each at another place; values of variables are such that must not be told.
fn differences() -> impl Strategy<Value = Vec<Difference>> {
    let difference = prop_oneof![
        (0usize..4, text(), secret(), secret()).prop_map(|(n, name, from, to)| {
            (vec![container(n), "environment".into(), name], from, to)
        }),
        (0usize..4, secret(), secret()).prop_map(|(n, from, to)| {
            let whole = |value: Option<Value>| {
                value.map(|value| json!({"environment": [{"name": "KEY", "value": value}]}))
            };
            (vec![container(n)], whole(from), whole(to))
        }),
        (0usize..4, plain(), plain()).prop_map(|(n, from, to)| (
            vec![container(n), "image".into()],
            from,
            to
        )),
        (text(), plain(), plain()).prop_map(|(key, from, to)| (vec![key], from, to)),
    ];
    vec(difference, 0..6).prop_map(|differences| {
        let mut told: Vec<Difference> = Vec::new();
        for (n, (mut path, from, to)) in differences.into_iter().enumerate() {
            if path
                .first()
                .is_some_and(|first| first.starts_with("container-"))
            {
                path.insert(0, "containerDefinitions".into());
            } else if let Some(key) = path.first_mut() {
                key.push_str(&n.to_string());
            }
            if told.iter().all(|other| other.path != path) {
                told.push(Difference { path, from, to });
            }
        }
        told
    })
}

fn secret() -> impl Strategy<Value = Option<Value>> {
    option::of(text().prop_map(|text| json!(format!("{MASKED} {text}"))))
}

fn plain() -> impl Strategy<Value = Option<Value>> {
    option::of(prop_oneof![
        text().prop_map(|text| json!(text)),
        any::<i32>().prop_map(|number| json!(number)),
        vec(text(), 0..4).prop_map(|texts| json!(texts)),
    ])
}
