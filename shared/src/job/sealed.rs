//! The form of all continuation tokens: `<version>.<first 8 hex digits of the JSON's sha256>.<compact
//! JSON>`: readable where a person meets it, and a third shorter than base64 would be. The checksum
//! finds damage, not forgery: whoever can write a token can answer the job anyway.

use sha2::{Digest as _, Sha256};

/// Why a token is not read.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Unreadable {
    /// It is of another version of the form.
    Newer,
    /// It is no token of this form.
    Foreign,
    /// It is not what was written.
    Damaged,
}

/// The token of a JSON text.
pub fn seal(version: &str, json: &str) -> String {
    format!("{version}.{}.{json}", checksum(json))
}

/// The JSON in a token of one of these versions, all of which begin with the same two letters.
pub fn unseal<'a>(versions: &[&str], token: &'a str) -> Result<&'a str, Unreadable> {
    let mut parts = token.splitn(3, '.');
    let version = parts.next().unwrap_or_default();
    if !versions.contains(&version) {
        let letters = versions.first().and_then(|known| known.get(..2));
        let number = letters.and_then(|letters| version.strip_prefix(letters));
        let newer = number.is_some_and(|number| number.parse::<u32>().is_ok());
        return Err(if newer {
            Unreadable::Newer
        } else {
            Unreadable::Foreign
        });
    }
    match (parts.next(), parts.next()) {
        (Some(sum), Some(json)) if checksum(json) == sum => Ok(json),
        _ => Err(Unreadable::Damaged),
    }
}

fn checksum(json: &str) -> String {
    hex::encode(Sha256::digest(json)).chars().take(8).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    const VERSIONS: [&str; 2] = ["rb2", "rb1"];

    proptest! {
        // rules: 3.2.2
        #[test]
        fn what_was_sealed_comes_back_and_nothing_else(json in "\\PC{0,80}", at: prop::sample::Index, other: char) {
            let token = seal("rb1", &json);
            prop_assert_eq!(unseal(&["rb1"], &token), Ok(json.as_str()));
            let mut letters: Vec<char> = token.chars().collect();
            let at = at.index(letters.len());
            letters[at] = other;
            let changed: String = letters.into_iter().collect();
            prop_assert_eq!(unseal(&["rb1"], &changed).is_ok(), changed == token);
        }
    }

    #[test]
    fn what_cannot_be_read_says_why() {
        let sealed = |version: &str| seal(version, "{\"a.b\":1}");
        for (token, expected) in [
            (sealed("rb1"), Ok("{\"a.b\":1}")),
            (sealed("rb2"), Ok("{\"a.b\":1}")),
            (sealed("rb3"), Err(Unreadable::Newer)),
            (sealed("rb10"), Err(Unreadable::Newer)),
            (sealed("rc1"), Err(Unreadable::Foreign)),
            (sealed("rb"), Err(Unreadable::Foreign)),
            (sealed("rbx"), Err(Unreadable::Foreign)),
            (sealed(""), Err(Unreadable::Foreign)),
            ("rb3".to_owned(), Err(Unreadable::Newer)),
            (String::new(), Err(Unreadable::Foreign)),
            ("rb1".to_owned(), Err(Unreadable::Damaged)),
            ("rb1.".to_owned(), Err(Unreadable::Damaged)),
            ("rb1.00000000".to_owned(), Err(Unreadable::Damaged)),
            ("rb1.00000000.{}".to_owned(), Err(Unreadable::Damaged)),
            (sealed("rb1").replace("rb1.", "rb2."), Ok("{\"a.b\":1}")),
            (sealed("rb1").replace(":1", ":2"), Err(Unreadable::Damaged)),
            (sealed("rb1") + " ", Err(Unreadable::Damaged)),
        ] {
            assert_eq!(unseal(&VERSIONS, &token), expected, "{token}");
        }
    }
}
