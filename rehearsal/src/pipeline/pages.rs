//! Objects that actions point people to by an address of the S3 console: nobody can open that here, so
//! each is laid down beside the run's logs.

use std::collections::BTreeMap;
use std::fs::{self, File};
use std::io::{ErrorKind, Write};
use std::path::{Path, PathBuf};
use std::sync::{Mutex, PoisonError};

use anyhow::{Context, Result};

use super::{Event, What};
use crate::{Account, Rehearsal};

/// What the path of an object's page in the console begins with.
const OBJECT: &str = "/s3/object/";

/// The objects laid down so far.
pub struct Pages {
    account: Account,
    dir: PathBuf,
    /// File by address.
    saved: Mutex<BTreeMap<String, PathBuf>>,
}

/// An object that was just laid down.
pub struct Page {
    /// The address that an action gave.
    pub address: String,
    /// The file that has its content.
    pub path: PathBuf,
}

/// Where an address points to.
#[derive(Debug, PartialEq, Eq)]
struct Place {
    bucket: String,
    key: String,
}

impl Pages {
    /// Pages of a run, in its folder.
    pub fn new(rehearsal: &Rehearsal) -> Self {
        Self {
            account: rehearsal.tooling(),
            dir: rehearsal.dir().join("pages"),
            saved: Mutex::default(),
        }
    }

    /// Lays down what the end of an action points to. What is not there, or not in local S3, is
    /// nobody's page.
    pub fn of(&self, event: &Event) -> Vec<Page> {
        let (Some(stage), Some(action)) = (&event.stage, &event.action) else {
            return Vec::new();
        };
        let mut new = Vec::new();
        for address in addresses(&event.what) {
            if self.path(&address).is_some() {
                continue;
            }
            if let Ok(path) = self.save(&address, &format!("{stage}-{action}")) {
                let mut saved = self.saved.lock().unwrap_or_else(PoisonError::into_inner);
                saved.insert(address.clone(), path.clone());
                new.push(Page { address, path });
            }
        }
        new
    }

    /// The file of an address.
    pub fn path(&self, address: &str) -> Option<PathBuf> {
        let saved = self.saved.lock().unwrap_or_else(PoisonError::into_inner);
        saved.get(address).cloned()
    }

    fn save(&self, address: &str, name: &str) -> Result<PathBuf> {
        let place = place(address).context("an address of an object")?;
        let content = self.account.get_object(&place.bucket, &place.key)?;
        fs::create_dir_all(&self.dir).context("create a folder for pages")?;
        let extension = Path::new(&place.key).extension();
        let extension = extension.map(|text| text.to_string_lossy().into_owned());
        let (path, mut file) = new_file(&self.dir, name, extension.as_deref())?;
        file.write_all(&content)
            .with_context(|| format!("write {}", path.display()))?;
        Ok(path)
    }
}

/// A file's address, for terminals that open one by a click.
pub fn file_address(path: &Path) -> String {
    let bytes = path.as_os_str().as_encoded_bytes().iter();
    let each = bytes.map(|byte| match byte {
        b'/' | b'-' | b'.' | b'_' | b'~' => char::from(*byte).to_string(),
        byte if byte.is_ascii_alphanumeric() => char::from(*byte).to_string(),
        byte => format!("%{byte:02X}"),
    });
    format!("file://{}", each.collect::<String>())
}

/// The addresses of objects in what an action gave in the end.
fn addresses(what: &What) -> Vec<String> {
    let What::ActionEnded {
        summary,
        error,
        variables,
        ..
    } = what
    else {
        return Vec::new();
    };
    let error = error.iter().map(|problem| &problem.message);
    let texts = variables.values().chain(error).chain(summary);
    let words = texts.flat_map(|text| text.split_whitespace());
    let mut found: Vec<String> = Vec::new();
    for word in words.filter(|word| place(word).is_some()) {
        if !found.iter().any(|known| known == word) {
            found.push(word.to_owned());
        }
    }
    found
}

/// `https://REGION.console.aws.amazon.com/s3/object/BUCKET?region=REGION&prefix=KEY`.
fn place(address: &str) -> Option<Place> {
    let (host, rest) = address.strip_prefix("https://")?.split_once(OBJECT)?;
    if host.contains('/') || !host.contains("console.a") {
        return None;
    }
    let (bucket, query) = rest.split_once('?')?;
    let key = query
        .split('&')
        .find_map(|field| field.strip_prefix("prefix="))?;
    (!bucket.is_empty() && !key.is_empty()).then(|| Place {
        bucket: bucket.to_owned(),
        key: key.to_owned(),
    })
}

/// A new file: `Production-Preview.html`, then `Production-Preview-2.html`. Executions that run side by
/// side never get the same one.
fn new_file(dir: &Path, name: &str, extension: Option<&str>) -> Result<(PathBuf, File)> {
    let end = extension.map(|text| format!(".{text}")).unwrap_or_default();
    let mut path = dir.join(format!("{name}{end}"));
    let mut number = 1;
    loop {
        match File::create_new(&path) {
            Ok(file) => return Ok((path, file)),
            Err(error) if error.kind() == ErrorKind::AlreadyExists => {
                number += 1;
                path = dir.join(format!("{name}-{number}{end}"));
            }
            Err(error) => {
                return Err(error).with_context(|| format!("create {}", path.display()));
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use crate::pipeline::{Problem, Status};

    use super::*;

    const ADDRESS: &str = "https://us-east-1.console.aws.amazon.com/s3/object/artifacts?region=us-east-1&prefix=a/b.html";

    #[test]
    fn an_objects_address_in_the_console_is_told_from_others() {
        let found = place(ADDRESS).unwrap();
        assert_eq!((&*found.bucket, &*found.key), ("artifacts", "a/b.html"));
        for other in [
            "https://us-east-1.console.aws.amazon.com/s3/buckets/artifacts?prefix=a",
            "https://example.com/s3/object/artifacts?prefix=a",
            "https://us-east-1.console.aws.amazon.com/s3/object/artifacts?region=us-east-1",
            "s3://artifacts/a/b.html",
        ] {
            assert_eq!(place(other), None, "{other}");
        }
    }

    #[test]
    fn variables_and_messages_are_looked_through_and_each_address_counts_once() {
        let ended = |variable: &str, message: &str| What::ActionEnded {
            status: Status::Failed,
            summary: None,
            error: Some(Problem {
                code: "ConfigurationError".to_owned(),
                message: message.to_owned(),
            }),
            variables: [("PageUrl".to_owned(), variable.to_owned())].into(),
            milliseconds: 1,
        };
        let told = format!("refused\nThe whole preview: {ADDRESS}");
        assert_eq!(addresses(&ended("x", &told)), [ADDRESS]);
        assert_eq!(addresses(&ended(ADDRESS, &told)), [ADDRESS]);
        assert!(addresses(&ended("x", "y")).is_empty());
    }

    #[test]
    fn no_file_is_written_over() {
        let dir = tempfile::tempdir().unwrap();
        for expected in ["Production-Preview.html", "Production-Preview-2.html"] {
            let (path, _) = new_file(dir.path(), "Production-Preview", Some("html")).unwrap();
            assert_eq!(path, dir.path().join(expected));
        }
    }

    #[test]
    fn a_files_address_has_no_spaces() {
        assert_eq!(
            file_address(Path::new("/a b/ü.html")),
            "file:///a%20b/%C3%BC.html"
        );
    }
}
