//! `redbutton verify`: whether a release is what it says, and what that is.
//!
//! In reading order: `options` is what it can be told; `place` is where the release lies, and `fetch`
//! brings it from there; `verdict` says whether to believe it, `artifacts` whether files beside it are
//! those that it names; `words` and `data` tell it to people and to scripts.

mod artifacts;
mod data;
mod fetch;
mod options;
mod place;
mod verdict;
mod words;

use std::fs;
use std::process::ExitCode;

use anyhow::Result;
use rehearsal::say;
use shared::release::envelope::PublicKey;

pub(crate) use options::Options;
use place::Place;
use verdict::{Expected, Key, Verdict};

use crate::paint::Paint;
use crate::wrong_use::{WRONG_USE, WrongUse};

/// Verifies, and ends with 0 only when nothing speaks against the release.
pub(crate) fn run(options: &Options) -> ExitCode {
    match verify(options) {
        Ok(verdict) => {
            if options.json {
                say::line(data::data(&verdict).to_string());
            } else {
                say::line(words::words(&verdict, Paint::of_stdout()));
            }
            if verdict.reasons.is_empty() {
                ExitCode::SUCCESS
            } else {
                ExitCode::FAILURE
            }
        }
        Err(error) => {
            say::failure(&error);
            if error.is::<WrongUse>() {
                WRONG_USE.into()
            } else {
                ExitCode::FAILURE
            }
        }
    }
}

fn verify(options: &Options) -> Result<Verdict> {
    let (place, keys) = read(options)?;
    let bytes = match &place {
        Place::File(path) => fs::read(path).map_err(|error| {
            WrongUse(vec![format!("{} cannot be read: {error}", path.display())])
        })?,
        Place::Object { bucket, key } => match fetch::fetch(bucket, key, options)? {
            Ok(bytes) => bytes,
            Err(reason) => return Ok(Verdict::unread(&place, reason)),
        },
    };
    let expected = Expected {
        account: options.account.clone(),
        region: options.region.clone(),
        bucket: options.bucket.clone(),
    };
    let mut verdict = verdict::judge(&place, &bytes, &keys, &expected);
    if let Some(dir) = &options.artifacts {
        artifacts::compare(&mut verdict, dir);
    }
    Ok(verdict)
}

/// Reads what was given, and finds all that is wrong with it.
fn read(options: &Options) -> Result<(Place, Vec<Key>), WrongUse> {
    let mut wrong = Vec::new();
    let keys = keys(options, &mut wrong);
    if let Some(dir) = options.artifacts.as_ref().filter(|dir| !dir.is_dir()) {
        wrong.push(format!("--artifacts {0}: {0} is no folder", dir.display()));
    }
    match Place::find(&options.release, options.bucket.as_deref()) {
        Ok(place) if wrong.is_empty() => Ok((place, keys)),
        Ok(_) => Err(WrongUse(wrong)),
        Err(why) => {
            wrong.push(why);
            Err(WrongUse(wrong))
        }
    }
}

/// The keys that are trusted.
fn keys(options: &Options, wrong: &mut Vec<String>) -> Vec<Key> {
    let mut keys = Vec::new();
    for path in &options.key {
        let file = path.display().to_string();
        let text = fs::read(path).map_err(|error| format!("cannot be read: {error}"));
        let read = text.and_then(|bytes| PublicKey::read(&String::from_utf8_lossy(&bytes)));
        match read {
            Ok(read) => keys.extend(read.into_iter().map(|key| Key {
                key,
                file: file.clone(),
            })),
            Err(why) => wrong.push(format!(
                "--key {file}: {why}; write it by aws kms get-public-key --key-id ARN --query \
                 PublicKey --output text > {file}"
            )),
        }
    }
    keys
}

#[cfg(test)]
mod tests;
