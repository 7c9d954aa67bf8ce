//! What the page promises, read as a browser reads it: by its tags and their attributes.

mod style;

use super::*;
use crate::names::Digest;
use crate::preview::{
    Finding, ImageChange, ImageShown, Plan, TargetPreview, ValueChange, any, samples,
};
use crate::rollout::seen::settings::Alarm;
use crate::stack::Change;
use crate::task_definition::diff::Difference;
use proptest::prelude::*;
use serde_json::json;

/// A tag's name, with `/` before it when it closes, and its attributes.
type Tag = (String, Vec<(String, String)>);

/// All tags, and the text between them. What stands in `style` is no text.
fn read(page: &str) -> (Vec<Tag>, String) {
    let (mut tags, mut text) = (Vec::new(), String::new());
    let mut rest = page;
    while let Some((before, after)) = rest.split_once('<') {
        let style = tags.last().is_some_and(|(name, _): &Tag| name == "style");
        text.push_str(if style { " " } else { before });
        let mut quoted = false;
        let end = after.find(|it| {
            quoted ^= it == '"';
            it == '>' && !quoted
        });
        let (inside, next) = after.split_at(end.expect("a tag ends"));
        tags.push(tag(inside));
        rest = &next[1..];
    }
    (tags, unescaped(&(text + rest)))
}

fn tag(inside: &str) -> Tag {
    let (name, mut rest) = inside.split_once(' ').unwrap_or((inside, ""));
    let mut attributes = Vec::new();
    while let Some((name, after)) = rest.split_once("=\"") {
        let (value, next) = after.split_once('"').expect("a quoted value ends");
        attributes.push((name.trim().to_owned(), unescaped(value)));
        rest = next;
    }
    (name.to_owned(), attributes)
}

fn unescaped(text: &str) -> String {
    let text = text.replace("&lt;", "<").replace("&gt;", ">");
    text.replace("&quot;", "\"").replace("&amp;", "&")
}

/// The values of these attributes of each row that has the last of them.
fn rows(page: &str, names: [&str; 2]) -> Vec<[String; 2]> {
    let (tags, _) = read(page);
    let rows = tags.iter().filter(|(name, _)| name == "tr");
    let row = rows.filter_map(|(_, attributes)| {
        let of = |name: &str| {
            let mut found = attributes.iter().filter(|(it, _)| it == name);
            found.next().map(|(_, value)| value.clone())
        };
        Some([of(names[0]).unwrap_or_default(), of(names[1])?])
    });
    let mut rows: Vec<_> = row.collect();
    rows.sort();
    rows
}

#[test]
fn what_the_guard_lets_pass_is_told_as_what_it_is() {
    let change = |logical: &str, kind: &str| Change {
        logical: logical.into(),
        kind: kind.into(),
        action: "Modify".into(),
        replacement: "Conditional".into(),
        causes: vec!["property X".into()],
        ..Change::default()
    };
    let plan = Plan::Stack {
        new: false,
        template: false,
        parameters: Vec::new(),
        tags: Vec::new(),
        role: None,
        changes: vec![
            change("Service", "AWS::ECS::Service"),
            change("Definition", "AWS::ECS::TaskDefinition"),
            change("Database", "AWS::RDS::DBInstance"),
        ],
        replaced: vec![("Database".into(), true)],
    };
    let target = TargetPreview {
        kind: "stack",
        plan,
        ..TargetPreview::default()
    };
    let html = page(&Preview {
        targets: vec![target],
        ..Preview::default()
    });
    let row = |name: &str| {
        let (_, rest) = html
            .split_once(&format!("data-resource=\"{name}\""))
            .unwrap();
        rest.split_once("</tr>").unwrap().0.to_owned()
    };
    let (service, definition) = (row("Service"), row("Definition"));
    assert!(
        service.contains("stays") && !service.contains("property X"),
        "{service}"
    );
    assert!(definition.contains("normal way"), "{definition}");
    assert!(row("Database").contains("might be replaced"), "{html}");
}

#[test]
fn a_page_reads_from_the_verdict_to_the_details() {
    for (name, preview) in samples::all() {
        let page = page(&preview);
        let (_, body) = page.split_once("<body>").unwrap();
        insta::assert_snapshot!(name, body.replace("><", ">\n<"));
    }
}

/// A preview with the text in every field that is one.
fn everywhere(text: &str) -> Preview {
    let t = || text.to_owned();
    let some = || Some(t());
    let image = |hex: &str| {
        Some(ImageShown {
            repository: t(),
            tag: some(),
            digest: Digest::parse(&format!("sha256:{}", hex.repeat(64))),
        })
    };
    let value = || ValueChange {
        name: t(),
        from: some(),
        to: None,
        hidden: false,
    };
    let target = |kind, plan| TargetPreview {
        name: t(),
        place: t(),
        kind,
        account: t(),
        region: t(),
        after: vec![t()],
        images: vec![ImageChange {
            name: "an image".into(),
            from: image("1"),
            to: image("2"),
        }],
        plan,
        published: Vec::new(),
        settings: vec![("desired count", t())],
        alarms: vec![Alarm {
            name: t(),
            state: t(),
            reason: t(),
        }],
        drift: vec![t()],
        findings: vec![Finding::Refused(t()), Finding::NotProvable(t())],
    };
    let differences = || {
        vec![Difference {
            path: vec!["containerDefinitions".into(), t(), "command".into(), t()],
            from: Some(json!(text)),
            to: Some(json!({ text: [text] })),
        }]
    };
    let change = Change {
        path: vec![t()],
        logical: t(),
        physical: t(),
        kind: t(),
        action: t(),
        replacement: t(),
        policy: t(),
        properties: vec![t()],
        causes: vec![t()],
        follows: vec![t()],
    };
    let deploy = Plan::Deploy {
        from: some(),
        family: t(),
        differences: differences(),
    };
    let run = Plan::Run {
        family: t(),
        container: t(),
        command: Some(vec![t()]),
        environment: vec![t()],
        differences: differences(),
    };
    let stack = Plan::Stack {
        new: false,
        template: true,
        parameters: vec![value()],
        tags: vec![value()],
        role: Some(value()),
        replaced: vec![(change.name(), true), (t(), false)],
        changes: vec![change],
    };
    Preview {
        pipeline: some(),
        execution: t(),
        at: 0,
        targets: vec![
            target("service", deploy),
            target("task", run),
            target("stack", stack),
            target("service", Plan::Unknown),
            target("service", Plan::Unchanged),
        ],
        findings: vec![Finding::Refused(t()), Finding::NotProvable(t())],
        exceptions: vec![(t(), t())],
        freeze: some(),
        sources: vec![Revision {
            artifact: t(),
            id: t(),
            summary: format!("{text}\nmore: {text}"),
            url: format!("https://{text}"),
        }],
        fingerprint: t(),
        show_values: true,
    }
}

#[test]
fn no_text_becomes_a_tag() {
    let marks = |page: &str| -> Vec<(String, Vec<String>)> {
        let (tags, _) = read(page);
        let names = |(name, attributes): Tag| {
            let names = attributes.into_iter().map(|(name, _)| name);
            (name, names.collect())
        };
        tags.into_iter().map(names).collect()
    };
    let expected = marks(&page(&everywhere("harmless")));
    assert!(expected.len() > 300, "{}", expected.len());
    for text in [
        "<script>alert(1)</script>",
        "\"><img src=x onerror=alert(1)>",
        "' onclick='alert(1)",
        "</style></title></code><!--",
        "]]>&lt;b&gt;&#60;b&#62;",
    ] {
        let page = page(&everywhere(text));
        assert_eq!(marks(&page), expected, "{text}");
        // It can be read as it was written.
        assert!(read(&page).1.matches(text).count() > 40, "{text}");
    }
    let lines = page(&everywhere("one\ntwo"));
    assert!(lines.contains("one\ntwo"));
}

#[test]
fn only_an_address_of_the_web_is_a_link() {
    let mut preview = samples::ready();
    preview.sources[0].url = "javascript:alert(1)".into();
    let links = |preview: &Preview| {
        let (tags, _) = read(&page(preview));
        let attributes = tags.into_iter().flat_map(|(_, attributes)| attributes);
        let links = attributes.filter(|(name, value)| name == "href" && !value.starts_with('#'));
        links.map(|(_, value)| value).collect::<Vec<_>>()
    };
    assert_eq!(links(&preview), [""; 0]);
    assert_eq!(
        links(&samples::ready()),
        [samples::ready().sources[0].url.clone()]
    );
}

#[test]
fn what_cannot_be_seen_is_written_out() {
    let page = page(&everywhere("a\u{202e}b\u{200b}c\u{0}d\u{7f}e"));
    assert!(page.contains("a\\u{202e}b\\u{200b}c\\u{0}d\\u{7f}e"));
    let hidden = |it: char| it.is_control() && it != '\n' || matches!(it, '\u{202e}' | '\u{200b}');
    assert_eq!(page.find(hidden), None);
}

#[test]
fn ten_targets_with_fifty_differences_each_are_less_than_a_megabyte() {
    let mut preview = samples::ready();
    let web = preview.targets.remove(2);
    let long = |n: usize| Difference {
        path: [
            "containerDefinitions",
            "web",
            "dockerLabels",
            &format!("label-{n}"),
        ]
        .map(str::to_owned)
        .into(),
        from: Some(json!("x".repeat(5_000))),
        to: Some(json!("y".repeat(5_000))),
    };
    let named = |n: usize| TargetPreview {
        name: format!("web-{n}"),
        plan: Plan::Deploy {
            from: Some("web:42".into()),
            family: "web".into(),
            differences: (0..50).map(long).collect(),
        },
        ..web.clone()
    };
    preview.targets = (0..10).map(named).collect();
    let page = page(&preview);
    assert_eq!(rows(&page, ["data-target", "data-path"]).len(), 500);
    assert!(page.len() < 1_000_000, "{} bytes", page.len());
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(100))]

    #[test]
    fn each_difference_is_one_row(preview in any::preview()) {
        let page = page(&preview);
        for (attribute, of) in EXPECTED {
            let expected = preview.targets.iter().flat_map(|target| {
                let name = words::visible(&target.name);
                of(target).into_iter().map(move |it| [name.clone(), words::visible(&it)])
            });
            let mut expected: Vec<_> = expected.collect();
            expected.sort();
            prop_assert_eq!(rows(&page, ["data-target", attribute]), expected, "{}", attribute);
        }
    }

    #[test]
    fn a_masked_value_is_nowhere(mut preview in any::preview()) {
        preview.show_values = false;
        prop_assert!(!page(&preview).contains(any::MASKED));
    }
}

/// What the rows of an attribute stand for.
type Stands = fn(&TargetPreview) -> Vec<String>;

const EXPECTED: [(&str, Stands); 5] = [
    ("data-path", |target| match &target.plan {
        Plan::Deploy { differences, .. } | Plan::Run { differences, .. } => differences
            .iter()
            .map(|it| rows::pointer(&it.path))
            .collect(),
        _ => Vec::new(),
    }),
    ("data-image", |target| {
        target.images.iter().map(|it| it.name.clone()).collect()
    }),
    ("data-parameter", |target| match &target.plan {
        Plan::Stack { parameters, .. } => parameters.iter().map(|it| it.name.clone()).collect(),
        _ => Vec::new(),
    }),
    ("data-tag", |target| match &target.plan {
        Plan::Stack { tags, .. } => tags.iter().map(|it| it.name.clone()).collect(),
        _ => Vec::new(),
    }),
    ("data-resource", |target| match &target.plan {
        Plan::Stack { changes, .. } => changes.iter().map(Change::name).collect(),
        _ => Vec::new(),
    }),
];
