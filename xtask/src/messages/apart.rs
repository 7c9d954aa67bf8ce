//! `apart.txt`: words in the sources that are no message of their own, each group with its reason.

use super::words;

/// The list, from the workspace's root.
pub(super) const APART: &str = "xtask/src/messages/apart.txt";

/// A line of it: all of a file or a folder, or one literal of a file.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Apart {
    pub(super) line: usize,
    /// A folder ends with `/`.
    path: String,
    /// As people read it; one that ends with ` […]` is the beginning.
    text: Option<String>,
}

/// How a literal ends in the list of which only the beginning is written.
const BEGINNING: &str = " […]";

impl Apart {
    /// Whether it is about this literal.
    pub(super) fn has(&self, path: &str, text: &str) -> bool {
        let here = match self.path.ends_with('/') {
            true => path.starts_with(&self.path),
            false => path == self.path,
        };
        let is_it = |own: &String| match own.strip_suffix(BEGINNING) {
            Some(beginning) => text.starts_with(beginning),
            None => text == own,
        };
        here && self.text.as_ref().is_none_or(is_it)
    }

    /// As it is written.
    pub(super) fn shown(&self) -> String {
        let Self { path, text, .. } = self;
        text.as_ref()
            .map_or(path.clone(), |text| format!("{path}: {text}"))
    }
}

/// Reads the list. An error is a line that no reason stands above.
pub(super) fn read(list: &str) -> Result<Vec<Apart>, String> {
    let (mut all, mut has_reason) = (Vec::new(), false);
    for (line, written) in (1..).zip(list.lines()) {
        match written.trim() {
            "" => has_reason = false,
            reason if reason.starts_with('#') => has_reason = true,
            one if has_reason => {
                let (path, text) = one.split_once(": ").map_or((one, None), |(path, text)| {
                    let beginning = text.strip_suffix(BEGINNING);
                    let end = beginning.map_or("", |_| BEGINNING);
                    (path, Some(words::core(beginning.unwrap_or(text)) + end))
                });
                let path = path.to_owned();
                all.push(Apart { line, path, text });
            }
            _ => return Err(format!("{APART}:{line}: each group begins with its reason")),
        }
    }
    Ok(all)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_is_about_a_folder_a_file_or_a_literal() {
        let list = "# Why.\na/b/\na/c.rs\na/d.rs: one: of them\na/d.rs: how it […]\n";
        let all = read(list).unwrap();
        let about = |path: &str, text: &str| -> Vec<usize> {
            let of = all.iter().filter(|one| one.has(path, text));
            of.map(|one| one.line).collect()
        };
        assert_eq!(about("a/b/x.rs", "any"), [2]);
        assert_eq!(about("a/c.rs", "any"), [3]);
        assert_eq!(about("a/d.rs", "one: of them"), [4]);
        assert_eq!(about("a/d.rs", "how it begins"), [5]);
        assert_eq!(about("a/d.rs", "any"), [0; 0]);
        assert!(read("# Why.\n\na/b.rs\n").unwrap_err().contains(":3:"));
    }
}
