//! Where messages come from: every source of the suite, from each crate's root along its modules, as the
//! compiler goes. So the files of tests are none of them.

use std::fs;
use std::path::Path;

use super::literals::{self, Source};

/// A source by its path from the workspace's root.
pub(super) type Named = (String, Source);

/// The crates that have messages for people; the functions besides.
const CRATES: [&str; 4] = [
    "aws/src/lib.rs",
    "cli/src/main.rs",
    "driver/src/lib.rs",
    "shared/src/lib.rs",
];

/// All of them, by path.
pub(super) fn all(root: &Path) -> Result<Vec<Named>, String> {
    let mut waiting: Vec<String> = CRATES.map(str::to_owned).to_vec();
    let functions = fs::read_dir(root.join("functions")).map_err(|error| error.to_string())?;
    for function in functions {
        let name = function.map_err(|error| error.to_string())?.file_name();
        waiting.push(format!("functions/{}/src/main.rs", name.to_string_lossy()));
    }
    let mut all = Vec::new();
    while let Some(path) = waiting.pop() {
        let text =
            fs::read_to_string(root.join(&path)).map_err(|error| format!("{path}: {error}"))?;
        let source = literals::read(&text);
        let modules = source.modules.iter().map(|name| beside(&path, name));
        waiting.extend(modules);
        all.push((path, source));
    }
    all.sort_by(|(one, _), (other, _)| one.cmp(other));
    Ok(all)
}

/// The file of a module that another one declares.
fn beside(path: &str, name: &str) -> String {
    let folder = match path.rsplit_once('/') {
        Some((folder, "lib.rs" | "main.rs")) => folder,
        _ => path.trim_end_matches(".rs"),
    };
    format!("{folder}/{name}.rs")
}
