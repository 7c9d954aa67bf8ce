//! What may be secret in a task definition: by where it is, by what it is called, by what it holds.

use serde_json::Value;

use super::names::is;
use crate::names::Arn;

/// Words in the name of a label, or of a log driver's or volume driver's option, that make its value
/// a secret; FireLens sends a `Header` with its credentials.
const NAMES: [&str; 7] = [
    "auth", "header", "key", "passwd", "password", "secret", "token",
];

/// Words that make a text a secret wherever it is, as in `DB_PASSWORD=… bin/migrate`.
const WORDS: [&str; 8] = [
    "password",
    "passwd",
    "secret",
    "token",
    "api-key",
    "api_key",
    "apikey",
    "authorization",
];

/// Where a text says what something is called or where it is, whatever words are in it: members of
/// these, and what is below them.
const PLAIN: [&str; 13] = [
    "family",
    "taskRoleArn",
    "executionRoleArn",
    "volumes/*/name",
    "containerDefinitions/*/name",
    "containerDefinitions/*/image",
    "containerDefinitions/*/secrets",
    "containerDefinitions/*/links",
    "containerDefinitions/*/mountPoints",
    "containerDefinitions/*/volumesFrom",
    "containerDefinitions/*/dependsOn",
    "containerDefinitions/*/repositoryCredentials/credentialsParameter",
    "containerDefinitions/*/logConfiguration/secretOptions",
];

/// Whether a plain value may be secret: all in an `environment`, wherever one is, except names of
/// variables; labels and options of drivers by what they are called; every text by what it holds.
pub(super) fn is_secret(shape: &[String], value: &Value) -> bool {
    let steps: Vec<&str> = shape.iter().map(String::as_str).collect();
    let known = matches!(
        steps.as_slice(),
        ["containerDefinitions", "*", "environment"]
    );
    let environment = steps.iter().position(|step| is_environment(step));
    match environment.and_then(|at| steps.get(at + 1..)) {
        Some(_) if known => return true,
        Some([_, "name"]) => return false,
        Some([_, ..]) => return true,
        // A label of this name is one text and no environment.
        Some([]) | None => {}
    }
    let named = match steps.as_slice() {
        [.., "options" | "driverOpts" | "dockerLabels", name] => holds(name, &NAMES),
        _ => false,
    };
    named || value.as_str().is_some_and(|text| is_told(&steps, text))
}

/// Whether a text tells a secret, there.
fn is_told(steps: &[&str], text: &str) -> bool {
    let plain = || {
        let mut above = (1..=steps.len()).filter_map(|end| steps.get(..end));
        above.any(|above| PLAIN.iter().any(|pattern| is(above, pattern)))
    };
    // An ARN says where a secret is.
    has_credentials(text) || holds(text, &WORDS) && Arn::parse(text).is_none() && !plain()
}

/// Whether a text tells a secret, in a place where anything may be.
pub(super) fn mentions(text: &str) -> bool {
    is_told(&[], text)
}

/// Whether an entry of a list is what the option before it is for, as in `["--password", "…"]`.
pub(super) fn follows(entries: &[Value], n: usize) -> bool {
    let before = n.checked_sub(1).and_then(|n| entries.get(n)?.as_str());
    let alone = |text: &str| text.starts_with('-') && !text.contains(['=', ' ']);
    before.is_some_and(|text| alone(text) && holds(text, &WORDS))
}

fn holds(text: &str, words: &[&str]) -> bool {
    let text = text.to_ascii_lowercase();
    words.iter().any(|word| text.contains(word))
}

/// Whether there is an address with a user and a password in it: `://user:password@`.
fn has_credentials(text: &str) -> bool {
    let addresses = text.split("://").skip(1);
    addresses.into_iter().any(|address| {
        let address = address.split_whitespace().next().unwrap_or_default();
        let rest = address.split_once(':').map(|(_, rest)| rest);
        rest.is_some_and(|rest| rest.contains('@'))
    })
}

fn is_environment(step: &str) -> bool {
    let names = ["environment", "environmentVariables"];
    names.iter().any(|name| step.eq_ignore_ascii_case(name))
}
