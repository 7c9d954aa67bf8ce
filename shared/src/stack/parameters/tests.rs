//! What `stack::parameters` promises, in cases and properties.

use super::*;
use proptest::prelude::*;

/// `Name`, `Name=default`, and `!Name` for NoEcho.
fn declared(text: &str) -> Vec<Declared> {
    let one = |word: &str| {
        let (key, default) = match word.split_once('=') {
            Some((key, default)) => (key, Some(default.to_owned())),
            None => (word, None),
        };
        Declared {
            key: key.trim_start_matches('!').to_owned(),
            default,
            no_echo: key.starts_with('!'),
        }
    };
    text.split_whitespace().map(one).collect()
}

/// `Name=value`, of a stack or as given.
fn values(text: &str) -> Vec<(String, String)> {
    let one = |word: &str| {
        let (key, value) = word.split_once('=').unwrap();
        (key.to_owned(), value.to_owned())
    };
    text.split_whitespace().map(one).collect()
}

fn stack(parameters: &str) -> Stack {
    Stack {
        parameters: values(parameters),
        status: "UPDATE_COMPLETE".into(),
        ..Stack::default()
    }
}

/// `Name=value`, and `Name` for `UsePreviousValue`.
fn sent(template: &str, had: Option<&str>, given: &str, back: bool) -> Result<String, Vec<String>> {
    let had = had.map(stack);
    let send = to_send(&declared(template), had.as_ref(), &values(given), back)?;
    let one = |(key, value): &(String, Option<String>)| match value {
        Some(value) => format!("{key}={value}"),
        None => key.clone(),
    };
    Ok(send.iter().map(one).collect::<Vec<_>>().join(" "))
}

// rules: 3.6.2
#[test]
fn every_parameter_is_named_that_would_else_fall_back_to_its_default() {
    for (template, had, given, expected) in [
        // What is left out keeps its value, whatever default the template has for it.
        (
            "Cpu=256 Image",
            Some("Cpu=512 Image=v1"),
            "Image=v2",
            "Cpu Image=v2",
        ),
        ("Cpu Image", Some("Cpu=512 Image=v1"), "", "Cpu Image"),
        // A new one takes the default: `UsePreviousValue` would fail for it.
        ("Cpu Memory=1024", Some("Cpu=512"), "", "Cpu"),
        (
            "Cpu Memory=1024",
            Some("Cpu=512"),
            "Memory=2048",
            "Cpu Memory=2048",
        ),
        // One that the template no longer has is not named.
        ("Cpu", Some("Cpu=512 Old=x"), "", "Cpu"),
        // A NoEcho value is never sent back.
        (
            "!Password Cpu",
            Some("Password=**** Cpu=1"),
            "Cpu=2",
            "Password Cpu=2",
        ),
        // A stack that is about to be created has nothing to keep.
        ("Cpu=256 Image", None, "Image=v1", "Image=v1"),
        ("!Password", None, "Password=x", "Password=x"),
        ("", Some(""), "", ""),
    ] {
        let sent = sent(template, had, given, true);
        assert_eq!(sent.as_deref(), Ok(expected), "{template} {had:?} {given}");
    }
}

// rules: 3.6.2 3.6.20
#[test]
fn what_cannot_be_sent_is_refused() {
    let long = format!("Cpu={}", "é".repeat(2_049));
    for (template, had, given, expected) in [
        (
            "Cpu Image",
            Some("Cpu=1"),
            "",
            "parameter Image has no value",
        ),
        ("Image", None, "", "parameter Image has no value"),
        (
            "Cpu Image=v1",
            Some("Cpu=1"),
            "Imge=v2",
            "it declares: Cpu, Image",
        ),
        ("", None, "Cpu=1", "declares none"),
        ("Cpu", None, "Cpu=1 Cpu=1", "parameter Cpu is given twice"),
        ("Cpu", None, &long, "parameter Cpu has 4098 bytes"),
        ("!P", Some("P=****"), "P=****", "leave it out"),
        ("!P", None, "P=****", "leave it out"),
        ("P", Some("P=****"), "P=****", "leave it out"),
        ("!P", Some("P=****"), "P=new", "\"onFailure\": \"stop\""),
        ("P", Some("P=****"), "P=new", "{{resolve:secretsmanager:…}}"),
        ("Cpu", Some("Cpu=1 P=****"), "", "no longer declares it"),
    ] {
        let wrongs = sent(template, had, given, true).unwrap_err();
        assert_eq!(wrongs.len(), 1, "{wrongs:?}");
        assert!(wrongs.join("").contains(expected), "{wrongs:?}");
    }
    let all = sent("Cpu Image !P", Some("P=****"), "P=**** Imge=v2", true).unwrap_err();
    assert_eq!(all.len(), 4, "{all:?}");
}

// rules: 3.6.20
#[test]
fn a_hidden_value_changes_only_where_nothing_has_to_go_back() {
    for (template, had, given, expected) in [
        ("!P", "P=****", "P=new", "P=new"),
        ("Cpu", "Cpu=1 P=****", "", "Cpu"),
    ] {
        assert!(sent(template, Some(had), given, true).is_err());
        let sent = sent(template, Some(had), given, false);
        assert_eq!(sent.as_deref(), Ok(expected));
    }
    // What was readable so far can be put back.
    let sent = sent("!P", Some("P=old"), "P=new", true);
    assert_eq!(sent.as_deref(), Ok("P=new"));
}

#[test]
fn a_stack_in_review_has_nothing_to_keep() {
    let mut review = stack("Cpu=1");
    review.status = "REVIEW_IN_PROGRESS".into();
    assert!(to_send(&declared("Cpu"), Some(&review), &[], true).is_err());
}

#[test]
fn a_stack_whose_template_stays_declares_its_own_parameters() {
    let old = stack("Cpu=512 Password=****");
    let declared = declared_by(&old);
    let given = values("Cpu=1024");
    let send = to_send(&declared, Some(&old), &given, true).unwrap();
    assert_eq!(
        send,
        [
            ("Cpu".to_owned(), Some("1024".to_owned())),
            ("Password".to_owned(), None)
        ]
    );
    let given = values("Password=new");
    assert!(to_send(&declared, Some(&old), &given, true).is_err());
}

/// Few names, so that they meet.
fn names() -> impl Strategy<Value = String> {
    "[A-D]"
}

fn parameters(value: &'static str) -> impl Strategy<Value = Vec<(String, String)>> {
    proptest::collection::btree_map(names(), value, 0..4).prop_map(|map| map.into_iter().collect())
}

proptest! {
    // rules: 3.6.2
    #[test]
    fn nothing_falls_back_to_a_default_and_nothing_hidden_is_sent(
        declared in proptest::collection::btree_map(
            names(), (proptest::option::of("[xy]"), any::<bool>()), 0..4,
        ),
        had in proptest::option::of(parameters("x|\\*{4}")),
        given in parameters("[yz]|\\*{4}"),
        back: bool,
    ) {
        let declared: Vec<Declared> = declared
            .into_iter()
            .map(|(key, (default, no_echo))| Declared { key, default, no_echo })
            .collect();
        let stack = had.map(|parameters| Stack { parameters, ..Stack::default() });
        let had = stack.as_ref().map_or(&[][..], |stack| &stack.parameters);
        let has = |list: &[(String, String)], key: &str| list.iter().any(|(name, _)| name == key);
        let Ok(send) = to_send(&declared, stack.as_ref(), &given, back) else {
            return Ok(());
        };
        for Declared { key, default, .. } in &declared {
            let value = send.iter().find(|(name, _)| name == key).map(|(_, value)| value);
            match value {
                Some(Some(value)) => prop_assert!(given.contains(&(key.clone(), value.clone()))),
                Some(None) => prop_assert!(has(had, key) && !has(&given, key)),
                None => prop_assert!(!has(had, key) && !has(&given, key) && default.is_some()),
            }
        }
        prop_assert!(send.iter().all(|(key, _)| declared.iter().any(|one| one.key == *key)));
        prop_assert!(given.iter().all(|(key, _)| has_key(&send, key)));
        for (key, _) in had.iter().filter(|(_, value)| value == HIDDEN) {
            let changed = send.iter().any(|(name, value)| name == key && value.is_some());
            prop_assert!(!back || (!changed && has_key(&send, key)));
        }
    }
}

fn has_key(send: &[(String, Option<String>)], key: &str) -> bool {
    send.iter().any(|(name, _)| name == key)
}

// rules: 3.6.3
#[test]
fn capabilities_are_granted_by_name_and_never_by_default() {
    let find = |needed: &[&str], granted: &[&str]| {
        let summary = Summary {
            capabilities: needed
                .iter()
                .map(|name| format!("CAPABILITY_{name}"))
                .collect(),
            capabilities_reason: "the following resource(s) require capabilities".into(),
            ..Summary::default()
        };
        let granted: Vec<String> = granted.iter().map(|n| format!("CAPABILITY_{n}")).collect();
        capabilities(&summary, &granted).join("\n")
    };
    for (needed, granted, expected) in [
        (
            &["IAM"][..],
            &[][..],
            r#"write "capabilities": ["CAPABILITY_IAM"]"#,
        ),
        (
            &["NAMED_IAM"],
            &["IAM"],
            r#"write "capabilities": ["CAPABILITY_NAMED_IAM"]"#,
        ),
        (
            &["IAM", "AUTO_EXPAND"],
            &["IAM"],
            r#"write "capabilities": ["CAPABILITY_IAM", "CAPABILITY_AUTO_EXPAND"]"#,
        ),
    ] {
        let finding = find(needed, granted);
        assert!(finding.ends_with(expected), "{finding}");
        assert!(finding.contains("require capabilities)"), "{finding}");
    }
    for (needed, granted) in [
        (&[][..], &[][..]),
        (&["IAM"], &["NAMED_IAM"]),
        (&["IAM"], &["IAM", "AUTO_EXPAND"]),
    ] {
        assert_eq!(find(needed, granted), "");
    }
}

#[test]
fn images_go_to_parameters_by_the_name_of_their_container_or_repository() {
    let image = |text: &str| Image::parse(text).unwrap();
    let files = [
        ImageFile::Definitions(vec![
            ("web".into(), image("r/shop/web:v2")),
            ("proxy".into(), image("r/proxy:v7")),
        ]),
        ImageFile::Detail(image(
            "111111111111.dkr.ecr.us-east-1.amazonaws.com/shop/api:v3",
        )),
        ImageFile::Detail(image("r/other/proxy:v8")),
    ];
    let (found, findings) = images(&values("web=WebImage api=ApiImage"), &files);
    let texts: Vec<String> = found
        .iter()
        .map(|(to, image)| format!("{to} {image}"))
        .collect();
    assert_eq!(
        texts,
        [
            "WebImage r/shop/web:v2",
            "ApiImage 111111111111.dkr.ecr.us-east-1.amazonaws.com/shop/api:v3"
        ]
    );
    assert_eq!(findings, [""; 0]);
    for (name, files, expected) in [
        (
            "wbe=Image",
            &files[..],
            "imageParameters.wbe: no image file has this name; there are: web, proxy, api, proxy",
        ),
        (
            "proxy=Image",
            &files,
            "several images of this name: r/proxy:v7, r/other/proxy:v8",
        ),
        ("web=Image", &[], "no image file was handed in"),
    ] {
        let (found, findings) = images(&values(name), files);
        assert!(found.is_empty());
        assert!(findings.join("").contains(expected), "{findings:?}");
    }
    // The same image in two files is one image.
    let twice = [
        ImageFile::Detail(image("r/web:v2")),
        ImageFile::Definitions(vec![("web".into(), image("r/web:v2"))]),
    ];
    assert_eq!(images(&values("web=Image"), &twice).0.len(), 1);
}
