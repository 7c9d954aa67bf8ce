//! What can be told of the page's looks without looking: that the browser may use its style and
//! nothing else, that it can be read by everybody, and heard.

use super::*;

/// The attribute of the first tag of this name that has it.
fn attribute(tags: &[Tag], tag: &str, attribute: &str) -> Option<String> {
    let mut of_it = tags.iter().filter(|(name, _)| name == tag);
    of_it.find_map(|(_, attributes)| {
        let mut attributes = attributes.iter();
        attributes.find_map(|(name, value)| (name == attribute).then(|| value.clone()))
    })
}

#[test]
fn its_policy_allows_its_own_style_and_nothing_else() {
    for (_, preview) in samples::all() {
        let page = page(&preview);
        let (tags, _) = read(&page);
        let policy = tags
            .iter()
            .find_map(|(_, attributes)| match attributes.as_slice() {
                [(name, _), (_, policy)] if name == "http-equiv" => Some(policy.clone()),
                _ => None,
            });
        let policy = policy.unwrap();
        let (_, style) = page.split_once("<style>").unwrap();
        let (style, _) = style.split_once("</style>").unwrap();
        let hash = STANDARD.encode(Sha256::digest(style.as_bytes()));
        assert!(policy.starts_with("default-src 'none'; "), "{policy}");
        assert!(
            policy.contains(&format!("style-src 'sha256-{hash}';")),
            "{policy}"
        );
        for (name, attributes) in &tags {
            assert!(
                !["script", "link", "img", "iframe", "object", "base"].contains(&name.as_str())
            );
            for (name, _) in attributes {
                assert!(
                    !name.starts_with("on") && name != "style" && name != "src",
                    "{name}"
                );
            }
        }
        for foreign in ["url(", "@import", "@font-face"] {
            assert!(!STYLE.contains(foreign), "{foreign}");
        }
    }
}

#[test]
fn it_can_be_heard() {
    for (name, preview) in samples::all() {
        let (tags, _) = read(&page(&preview));
        assert_eq!(attribute(&tags, "html", "lang").as_deref(), Some("en"));
        let count = |tag: &str| tags.iter().filter(|(name, _)| name == tag).count();
        for once in ["main", "footer", "h1", "title"] {
            assert_eq!(count(once), 1, "{name}: {once}");
        }
        assert_eq!(count("table"), count("caption"), "{name}");
        let headings = tags.iter().filter_map(|(name, _)| {
            let level = name.strip_prefix('h')?;
            level.parse::<u32>().ok()
        });
        let mut last = 0;
        for level in headings {
            assert!(level <= last + 1, "{name}: h{level} after h{last}");
            last = level;
        }
        let ids: Vec<&String> = of_all(&tags, "id");
        let mut unique = ids.clone();
        unique.sort();
        unique.dedup();
        assert_eq!(unique.len(), ids.len(), "{name}: {ids:?}");
        for place in of_all(&tags, "href") {
            if let Some(id) = place.strip_prefix('#') {
                assert!(ids.iter().any(|it| *it == id), "{name}: {place}");
            }
        }
        for id in of_all(&tags, "aria-labelledby") {
            assert!(ids.contains(&id), "{name}: {id}");
        }
        for (name, attributes) in tags.iter().filter(|(name, _)| name == "th") {
            assert!(attributes.iter().any(|(name, _)| name == "scope"), "{name}");
        }
    }
}

fn of_all<'a>(tags: &'a [Tag], attribute: &str) -> Vec<&'a String> {
    let attributes = tags.iter().flat_map(|(_, attributes)| attributes);
    let found = attributes.filter(|(name, _)| name == attribute);
    found.map(|(_, value)| value).collect()
}

#[test]
fn every_text_stands_out_from_what_is_behind_it() {
    let (light, dark) = STYLE.split_once("prefers-color-scheme: dark").unwrap();
    let dark = dark.split_once("* {").unwrap().0;
    for (scheme, colours) in [("light", light), ("dark", dark)] {
        let colour = |name: &str| {
            let (_, after) = colours.split_once(&format!("--{name}: #")).unwrap();
            luminance(u32::from_str_radix(&after[..6], 16).unwrap())
        };
        for (text, behind) in [
            ("text", "page"),
            ("text", "card"),
            ("text", "red-card"),
            ("text", "amber-card"),
            ("text", "green-card"),
            ("text", "code"),
            ("soft", "page"),
            ("soft", "card"),
            ("soft", "code"),
            ("link", "page"),
            ("link", "card"),
            ("link", "red-card"),
            ("red", "red-card"),
            ("amber", "amber-card"),
            ("green", "green-card"),
        ] {
            let (one, other) = (colour(text), colour(behind));
            let contrast = (one.max(other) + 0.05) / (one.min(other) + 0.05);
            assert!(
                contrast >= 4.5,
                "{scheme}: {text} on {behind} is {contrast:.2}"
            );
        }
    }
}

/// As WCAG 2 defines it.
fn luminance(colour: u32) -> f64 {
    let channel = |shift: u32| {
        let value = f64::from((colour >> shift) & 0xff) / 255.0;
        if value <= 0.04045 {
            value / 12.92
        } else {
            ((value + 0.055) / 1.055).powf(2.4)
        }
    };
    0.2126 * channel(16) + 0.7152 * channel(8) + 0.0722 * channel(0)
}
