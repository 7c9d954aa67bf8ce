//! Where a source file belongs: its package, the test binary it is built into, its module there.
//!
//! In this workspace a package has its folder's name, and beside libraries and functions there is
//! one test binary, the suite.

use std::fmt;
use std::fs;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result};
use rehearsal::workspace;

/// The only test binary of a package without `src/`.
const SUITE: &str = "suite";

/// A test binary.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Binary {
    package: String,
    kind: Kind,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Kind {
    Library,
    Function,
    Suite,
}

impl Binary {
    /// How `cargo test` is told to build and run it, and nothing else.
    pub(super) fn arguments(&self) -> String {
        let package = &self.package;
        match self.kind {
            Kind::Library => format!("--package {package} --lib"),
            Kind::Function => format!("--package {package} --bin {package}"),
            Kind::Suite => format!("--package {package} --test {SUITE}"),
        }
    }

    /// Whether it starts the emulator.
    pub(super) fn is_suite(&self) -> bool {
        self.kind == Kind::Suite
    }
}

impl fmt::Display for Binary {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(if self.is_suite() {
            SUITE
        } else {
            &self.package
        })
    }
}

/// A test, as libtest names it.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Test {
    pub(super) binary: Binary,
    /// `rollout::watch::tests::name`.
    pub(super) path: String,
}

impl fmt::Display for Test {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {}", self.binary, self.path)
    }
}

/// A source file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Source {
    /// From the workspace's root.
    pub(super) path: PathBuf,
    binary: Binary,
    modules: Vec<String>,
}

impl Source {
    /// The test of this name, from the file's own module on.
    pub(super) fn test(&self, name: &str) -> Test {
        let parts: Vec<&str> = self.modules.iter().map(String::as_str).collect();
        Test {
            binary: self.binary.clone(),
            path: [&parts[..], &[name]].concat().join("::"),
        }
    }
}

/// All sources of the workspace's members, in the order of their paths.
pub(super) fn sources() -> Result<Vec<Source>> {
    let root = workspace::root();
    let mut sources = Vec::new();
    for member in members(&root)? {
        let dir = root.join(&member);
        let own = dir.join("src");
        let library = own.join("lib.rs").exists();
        let mut files = Vec::new();
        collect(if own.exists() { &own } else { &dir }, &mut files)?;
        for file in files {
            let path = file.strip_prefix(&root).unwrap_or(&file);
            sources.push(source(path, !library && own.exists()));
        }
    }
    Ok(sources)
}

/// A file by its path from the root, such as `functions/name/src/handler/look.rs`.
pub(super) fn source(path: &Path, function: bool) -> Source {
    let parts: Vec<String> = path
        .with_extension("")
        .iter()
        .map(|part| part.to_string_lossy().into_owned())
        .collect();
    let at = parts.iter().position(|part| part == "src");
    let (package, modules) = match at {
        Some(at) => (parts.get(at.wrapping_sub(1)), parts.get(at + 1..)),
        None => (parts.first(), parts.get(1..)),
    };
    let kind = match at {
        Some(_) if function => Kind::Function,
        Some(_) => Kind::Library,
        None => Kind::Suite,
    };
    let mut modules = modules.unwrap_or_default().to_vec();
    modules.pop_if(|last| matches!(last.as_str(), "lib" | "main" | "mod" | SUITE));
    let binary = Binary {
        package: package.cloned().unwrap_or_default(),
        kind,
    };
    Source {
        path: path.to_owned(),
        binary,
        modules,
    }
}

/// The folders of the workspace's members, from the root: `shared`, `functions/…`.
fn members(root: &Path) -> Result<Vec<PathBuf>> {
    let manifest = fs::read_to_string(root.join("Cargo.toml")).context("read Cargo.toml")?;
    let line = manifest
        .lines()
        .find_map(|line| line.strip_prefix("members = "));
    let line = line.context("Cargo.toml names the members in one line")?;
    let mut members = Vec::new();
    for name in line.split('"').skip(1).step_by(2) {
        match name.strip_suffix("/*") {
            None => members.push(PathBuf::from(name)),
            Some(folder) => {
                for entry in entries(&root.join(folder))? {
                    members.push(Path::new(folder).join(entry.file_name().unwrap_or_default()));
                }
            }
        }
    }
    Ok(members)
}

fn collect(dir: &Path, files: &mut Vec<PathBuf>) -> Result<()> {
    for path in entries(dir)? {
        if path.is_dir() {
            collect(&path, files)?;
        } else if path.extension().is_some_and(|end| end == "rs") {
            files.push(path);
        }
    }
    Ok(())
}

/// What is in a folder, sorted.
fn entries(dir: &Path) -> Result<Vec<PathBuf>> {
    let read = || -> std::io::Result<Vec<PathBuf>> {
        fs::read_dir(dir)?.map(|entry| Ok(entry?.path())).collect()
    };
    let mut paths = read().with_context(|| format!("read {}", dir.display()))?;
    paths.sort();
    Ok(paths)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_says_binary_and_module() {
        for (path, function, arguments, test) in [
            ("shared/src/lib.rs", false, "--package shared --lib", "t"),
            (
                "shared/src/rollout/watch/tests.rs",
                false,
                "--package shared --lib",
                "rollout::watch::tests::t",
            ),
            ("aws/src/ecs/mod.rs", false, "--package aws --lib", "ecs::t"),
            (
                "functions/name/src/main.rs",
                true,
                "--package name --bin name",
                "t",
            ),
            (
                "functions/name/src/handler/look.rs",
                true,
                "--package name --bin name",
                "handler::look::t",
            ),
            (
                "tests/jobs.rs",
                false,
                "--package tests --test suite",
                "jobs::t",
            ),
            ("tests/suite.rs", false, "--package tests --test suite", "t"),
        ] {
            let found = source(path.as_ref(), function).test("t");
            assert_eq!(
                (found.binary.arguments().as_str(), found.path.as_str()),
                (arguments, test),
                "{path}"
            );
        }
    }

    #[test]
    fn this_file_is_found_and_named_as_libtest_names_it() {
        let sources = sources().unwrap();
        let this = sources
            .iter()
            .find(|source| source.path == Path::new("xtask/src/rules/place.rs"));
        let name = "tests::this_file_is_found_and_named_as_libtest_names_it";
        let thread = std::thread::current();
        assert_eq!(this.unwrap().test(name).path, thread.name().unwrap());
        let suite = sources.iter().filter(|source| source.binary.is_suite());
        assert!(suite.count() > 5);
    }
}
