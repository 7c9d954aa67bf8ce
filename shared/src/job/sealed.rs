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
