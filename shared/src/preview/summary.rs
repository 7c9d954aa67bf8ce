//! The preview in a few words, for the mail that asks for the approval: counts first, then what
//! weighs most, on lines that are there whole or not at all.
//!
//! CodePipeline puts it into the approval's `CustomData`, which takes 1,000 characters with all
//! else, and no variables (CONTRACTS 3.2.16).

use super::words::{count, gist, short_id, to_look_at, visible};
use super::{Plan, Preview, TargetPreview};
use crate::job::answer::cut;

/// Counted as CodePipeline may: see [`cut`].
const LIMIT: usize = 700;
/// What a line is cut to.
const LINE: usize = 100;
/// What the line of a refusal is cut to: it says what to do, too.
const REFUSAL: usize = 220;
/// What the line of a freeze is cut to: it says until when, and why.
const FREEZE: usize = 140;
/// What a name is cut to, so that it leaves room for what is said of it.
const NAME: usize = 40;
/// What is kept for the targets, if they need it, before anything lighter is told in full.
const FOR_TARGETS: usize = 200;

/// At most 700 characters of plain text, without `#{`.
pub fn summary(preview: &Preview) -> String {
    let mut first = vec![headline(preview)];
    first.extend(refusal(preview));
    first.extend(preview.freeze.as_deref().map(frozen));
    first.extend(concerns(preview));
    let targets = targets(preview);

    let mut left = LIMIT.saturating_sub(first.iter().map(|line| room(line)).sum());
    let all: usize = targets.iter().map(|line| room(&line.text)).sum();
    let kept = all.min(FOR_TARGETS).min(left);
    left -= kept;
    let mut last = Vec::new();
    for line in details(preview) {
        if room(&line) <= left {
            left -= room(&line);
            last.push(line);
        }
    }
    first.extend(fit(&targets, left + kept));
    first.extend(last);
    first.join("\n")
}

/// What a line takes, with its end.
fn room(line: &str) -> usize {
    line.encode_utf16().count() + 1
}

fn headline(preview: &Preview) -> String {
    let refusals = preview.refusals().count();
    let targets = preview.targets.len();
    let changing = preview.targets.iter().filter(|it| it.changes()).count();
    match (refusals, changing) {
        (0, 0) => "Preview: nothing would change.".to_owned(),
        (0, _) => format!(
            "Preview: {changing} of {} would change.",
            count(targets, "target")
        ),
        _ => format!(
            "Preview: this release would be REFUSED, for {}.",
            count(refusals, "reason")
        ),
    }
}

fn refusal(preview: &Preview) -> Option<String> {
    let (target, text) = preview.refusals().next()?;
    let target = target.map(|name| format!("{}: ", name_of(name)));
    let text = plain(text);
    Some(cut(
        &format!("Refused: {}{text}", target.unwrap_or_default()),
        REFUSAL,
    ))
}

/// Nothing is deployed yet, whoever approves.
fn frozen(says: &str) -> String {
    cut(&format!("Frozen: {}.", plain(says)), FREEZE)
}

/// The counts of all that is told below, so that none of it is lost when there is no room.
fn concerns(preview: &Preview) -> Option<String> {
    let found = to_look_at(preview);
    (!found.is_empty()).then(|| format!("Look at: {}.", found.join(", ")))
}

/// A line, and how many targets it tells of.
struct Line {
    text: String,
    targets: usize,
}

/// Those that change, one line each, then those that do not, in one.
fn targets(preview: &Preview) -> Vec<Line> {
    let (changing, unchanged): (Vec<&TargetPreview>, Vec<_>) =
        preview.targets.iter().partition(|target| target.changes());
    let changing = changing.into_iter().map(|target| Line {
        text: cut(
            &format!("{}: {}.", name_of(&target.name), plain(&gist(target))),
            LINE,
        ),
        targets: 1,
    });
    let names: Vec<String> = unchanged
        .iter()
        .map(|target| name_of(&target.name))
        .collect();
    let unchanged = list("Unchanged: ", &names).map(|text| Line {
        text,
        targets: names.len(),
    });
    changing.chain(unchanged).collect()
}

/// As many lines as there is room for, with a last one that counts the others.
fn fit(lines: &[Line], room_for_all: usize) -> Vec<String> {
    let of = |lines: &[Line]| -> usize { lines.iter().map(|line| room(&line.text)).sum() };
    for kept in (0..=lines.len()).rev() {
        let (told, others) = lines.split_at(kept);
        let others: usize = others.iter().map(|line| line.targets).sum();
        let more = match (told.is_empty(), others) {
            (_, 0) => None,
            (false, n) => Some(format!("… and {}", count(n, "more target"))),
            (true, n) => Some(count(n, "target")),
        };
        if of(told) + more.as_deref().map_or(0, room) <= room_for_all {
            return told
                .iter()
                .map(|line| line.text.clone())
                .chain(more)
                .collect();
        }
    }
    Vec::new()
}

/// What is told when there is room, the heaviest first.
fn details(preview: &Preview) -> Vec<String> {
    let targets = || preview.targets.iter();
    let replaced = targets().flat_map(|target| match &target.plan {
        Plan::Stack { replaced, .. } => replaced.iter().map(replacement).collect(),
        _ => Vec::new(),
    });
    let exceptions = preview.exceptions.iter();
    let exceptions = exceptions.map(|(key, value)| plain(&format!("{key} {value}")));
    let alarms = targets().flat_map(|it| it.alarms.iter().map(|alarm| name_of(&alarm.name)));
    let drift = targets().flat_map(|target| {
        let name = name_of(&target.name);
        target
            .drift
            .iter()
            .map(move |text| format!("{name}: {}", plain(text)))
    });
    let not_provable = preview.not_provable().map(|(target, text)| {
        let target = target.map(|name| format!("{}: ", name_of(name)));
        format!("{}{}", target.unwrap_or_default(), plain(text))
    });
    let sources = preview.sources.iter().map(|source| {
        let message = source.summary.lines().next().unwrap_or_default();
        plain(&format!("{} {message}", short_id(&source.id)))
    });
    let lines = [
        list("Replaced or removed: ", &replaced.collect::<Vec<_>>()),
        list("Exceptions: ", &exceptions.collect::<Vec<_>>()),
        list("In ALARM: ", &alarms.collect::<Vec<_>>()),
        list("Drift: ", &drift.collect::<Vec<_>>()),
        list("Not proven: ", &not_provable.collect::<Vec<_>>()),
        list("Commit: ", &sources.collect::<Vec<_>>()),
    ];
    lines.into_iter().flatten().collect()
}

fn replacement((name, allowed): &(String, bool)) -> String {
    let allowed = if *allowed { "allowed" } else { "NOT allowed" };
    format!("{} ({allowed})", name_of(name))
}

/// One line with as many of the texts as fit, at least the beginning of the first; none of none.
fn list(what: &str, texts: &[String]) -> Option<String> {
    let (first, others) = texts.split_first()?;
    // Room for the count of the others.
    let limit = LINE - room(what) - if others.is_empty() { 1 } else { 16 };
    let mut line = format!("{what}{}", cut(first, limit));
    for (n, text) in others.iter().enumerate() {
        let longer = format!("{line}; {text}");
        let last = n + 1 == others.len();
        if room(&longer) > if last { LINE } else { LINE - 14 } {
            line.push_str(&format!("; {} more", others.len() - n));
            break;
        }
        line = longer;
    }
    Some(match line.ends_with(['.', '…', '!', '?']) {
        true => line,
        false => line + ".",
    })
}

fn name_of(name: &str) -> String {
    cut(&plain(name), NAME)
}

/// On one line, with nothing that CodePipeline would take for a variable.
fn plain(text: &str) -> String {
    let words: Vec<&str> = text.split_whitespace().collect();
    visible(&words.join(" ")).replace("#{", "# {")
}

#[cfg(test)]
mod tests {
    use super::super::{Finding, any, samples};
    use super::*;
    use proptest::prelude::*;

    // rules: 3.2.16
    #[test]
    fn the_mail_says_what_the_page_does_in_order_of_weight() {
        let mails =
            samples::all().map(|(name, preview)| format!("[{name}]\n{}", summary(&preview)));
        insta::assert_snapshot!(mails.join("\n\n"));
    }

    // rules: 3.2.16
    #[test]
    fn ten_targets_fit_and_those_that_do_not_are_counted() {
        let mut preview = samples::ready();
        let web = preview.targets.remove(2);
        let named = |n: usize| TargetPreview {
            name: format!("a-service-with-a-long-name-{n}"),
            ..web.clone()
        };
        preview.targets = (0..10).map(named).collect();
        preview.findings = vec![Finding::Refused("the table of orders is gone".into())];
        insta::assert_snapshot!(summary(&preview));
    }

    proptest! {
        // rules: 3.2.16
        #[test]
        fn any_mail_is_accepted_and_begins_with_the_verdict(preview in any::preview()) {
            let mail = summary(&preview);
            prop_assert!(mail.encode_utf16().count() <= 700, "{mail}");
            prop_assert!(!mail.contains("#{"), "{mail}");
            prop_assert!(mail.chars().all(|it| it == '\n' || !it.is_control()), "{mail:?}");
            prop_assert!(mail.starts_with("Preview: "));
            let refusals = preview.refusals().count();
            prop_assert_eq!(mail.contains("would be REFUSED"), refusals > 0);
            for (n, line) in mail.lines().enumerate() {
                let longest = if n == 1 { REFUSAL } else { 140 };
                prop_assert!(line.encode_utf16().count() <= longest, "{line}");
            }
        }

        // rules: 3.2.16
        #[test]
        fn no_name_and_no_other_finding_pushes_a_refusal_out(
            mut preview in any::preview(),
            name in "\\PC{0,900}",
        ) {
            preview.findings.clear();
            preview.targets.insert(0, TargetPreview {
                name,
                findings: vec![Finding::Refused("its desired count is 0: nothing is proven".into())],
                ..TargetPreview::default()
            });
            let mail = summary(&preview);
            let told = mail.lines().nth(1).unwrap_or_default();
            prop_assert!(told.ends_with("its desired count is 0: nothing is proven"), "{mail}");
        }

        // rules: 3.2.16
        #[test]
        fn each_target_is_told_or_counted(preview in any::preview()) {
            let mail = summary(&preview);
            let more = mail.lines().find_map(|line| {
                let line = line.strip_prefix("… and ")?;
                line.split(' ').next()?.parse::<usize>().ok()
            });
            let targets = targets(&preview);
            let told = |line: &&Line| mail.lines().any(|it| it == line.text);
            let told: usize = targets.iter().filter(told).map(|line| line.targets).sum();
            let none = mail.lines().any(|line| line == count(preview.targets.len(), "target"));
            prop_assert!(none || told + more.unwrap_or(0) == preview.targets.len(), "{mail}");
        }
    }
}
