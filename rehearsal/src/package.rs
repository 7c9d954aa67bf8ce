//! Packages: every function built as what Lambda runs, and a template that points to them.

mod template;

use std::collections::BTreeMap;
use std::fs::{self, File};
use std::io::{BufRead, BufReader, Cursor, Write};
use std::path::{Path, PathBuf};
use std::process::{self, Command, Stdio};
use std::sync::atomic::{AtomicU32, Ordering};

use anyhow::{Context, Result, bail};
use serde_json::Value;
use zip::write::{SimpleFileOptions, ZipWriter};

use crate::workspace;

/// How the functions are built.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Profile {
    /// Quick to build; deployed from folders.
    Dev,
    /// As released; deployed from zips that are the same, byte for byte, for the same binary.
    Release,
}

impl Profile {
    fn name(self) -> &'static str {
        match self {
            Self::Dev => "dev",
            Self::Release => "release",
        }
    }
}

/// Which half of the suite an account gets, as the template's parameter says it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Side {
    /// Where the pipelines are.
    Tooling,
    /// Where releases are deployed.
    Production,
}

/// Builds every folder of `functions/` and writes `target/package/<profile>/`: for each function a
/// folder with its `bootstrap` and a zip of it, and a template whose functions point there; for one side only, those of the other point nowhere: `sam` would zip and upload them for
/// nothing. Returns the template's path.
///
/// Several processes may call it at once: one works, the others wait.
pub fn package(profile: Profile, side: Option<Side>, progress: &dyn Fn(&str)) -> Result<PathBuf> {
    let root = workspace::root();
    let source = root.join("template.yaml");
    let text = fs::read_to_string(&source)
        .with_context(|| format!("read {}, which says what is deployed", source.display()))?;
    let dir = workspace::target().join("package").join(profile.name());
    fs::create_dir_all(&dir).with_context(|| format!("create {}", dir.display()))?;
    let lock = File::create(dir.join("lock")).context("create the packages' lock file")?;
    lock.lock()
        .context("wait for another process that packages")?;

    let functions = functions(&root)?;
    let binaries = build(profile, &functions, progress)?;
    let mut code = BTreeMap::new();
    for function in &functions {
        let binary = binaries
            .get(function)
            .with_context(|| format!("functions/{function} builds no binary {function}"))?;
        let bootstrap = dir.join(function).join("bootstrap");
        let file = format!("{function}.zip");
        place(binary, &bootstrap, &dir.join(&file), profile)?;
        // As seen from the template, so that the folder can go to another machine.
        code.insert(function.clone(), format!("./{file}"));
    }
    let there = template::of_production(&text);
    for function in &functions {
        let own = match there.contains(function) {
            true => Side::Production,
            false => Side::Tooling,
        };
        if side.is_some_and(|side| side != own) {
            code.insert(function.clone(), "s3://of-no-use/here.zip".to_owned());
        }
    }
    let template = dir.join(match side {
        None => "template.yaml",
        Some(Side::Tooling) => "tooling.yaml",
        Some(Side::Production) => "production.yaml",
    });
    let text = template::point_to(&text, &code).context("read template.yaml's functions")?;
    write(&template, &text)?;
    Ok(template)
}

/// Writes a file whole or not at all: others may be reading it, or writing the same.
fn write(path: &Path, text: &str) -> Result<()> {
    static WRITTEN: AtomicU32 = AtomicU32::new(0);
    let number = WRITTEN.fetch_add(1, Ordering::Relaxed);
    let new = path.with_extension(format!("{}-{number}.new", process::id()));
    fs::write(&new, text).with_context(|| format!("write {}", new.display()))?;
    fs::rename(&new, path).with_context(|| format!("write {}", path.display()))
}

/// The names of all functions: a folder is a crate is a binary.
pub(crate) fn functions(root: &Path) -> Result<Vec<String>> {
    let entries = fs::read_dir(root.join("functions")).context("read functions/")?;
    let mut names: Vec<String> = entries
        .flatten()
        .filter(|entry| entry.path().join("Cargo.toml").exists())
        .map(|entry| entry.file_name().to_string_lossy().into_owned())
        .collect();
    names.sort();
    Ok(names)
}

/// Builds a binary of the workspace that is no function, and returns where it is.
pub fn tool(name: &str, progress: &dyn Fn(&str)) -> Result<PathBuf> {
    let mut built = build(Profile::Dev, &[name.to_owned()], progress)?;
    built
        .remove(name)
        .with_context(|| format!("cargo build tells of no binary {name}"))
}

/// Runs `cargo build`; answers the binaries' paths by name.
fn build(
    profile: Profile,
    functions: &[String],
    progress: &dyn Fn(&str),
) -> Result<BTreeMap<String, PathBuf>> {
    let cargo = std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into());
    let mut command = Command::new(cargo);
    command.args(["build", "--profile", profile.name()]);
    // Messages as JSON name each binary, wherever the target directory is.
    command.arg("--message-format=json-render-diagnostics");
    // With the features of the whole workspace, as the tests are built: no crate is built twice.
    // What is released takes no feature that only tests and tools ask for.
    let (scope, each) = match profile {
        Profile::Dev => (&["--workspace"][..], "--bin"),
        Profile::Release => (&[][..], "--package"),
    };
    command.args(scope);
    command.args(functions.iter().flat_map(|function| [each, function]));
    command.current_dir(workspace::root()).stdin(Stdio::null());
    let mut cargo = command
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .context("start cargo build")?;
    let (messages, said) = (cargo.stdout.take(), cargo.stderr.take());
    // Both pipes are read at once, or the one that is not would fill and stop cargo.
    let reading = std::thread::spawn(move || {
        let lines = messages
            .into_iter()
            .flat_map(|pipe| BufReader::new(pipe).lines());
        lines
            .map_while(std::io::Result::ok)
            .filter_map(|line| binary(&line))
            .collect()
    });
    let mut said_lines = Vec::new();
    let lines = said
        .into_iter()
        .flat_map(|pipe| BufReader::new(pipe).lines());
    for line in lines.map_while(std::io::Result::ok) {
        progress(&line);
        said_lines.push(line);
    }
    let status = cargo.wait().context("wait for cargo build")?;
    if !status.success() {
        bail!("cargo build failed ({status}):\n{}", said_lines.join("\n"));
    }
    reading
        .join()
        .map_err(|_| anyhow::anyhow!("reading cargo's messages failed"))
}

/// The binary that a message of cargo's tells of.
fn binary(message: &str) -> Option<(String, PathBuf)> {
    let message: Value = serde_json::from_str(message).ok()?;
    let executable = message["executable"].as_str()?;
    Some((
        message["target"]["name"].as_str()?.to_owned(),
        executable.into(),
    ))
}

/// Copies a binary without its symbols, and zips it, so that `sam` need not do so for each deployment;
/// nothing when both are there already.
fn place(binary: &Path, bootstrap: &Path, zip: &Path, profile: Profile) -> Result<()> {
    let modified = |path: &Path| fs::metadata(path).and_then(|data| data.modified()).ok();
    if modified(zip).is_some_and(|placed| Some(placed) >= modified(binary)) {
        return Ok(());
    }
    let folder = bootstrap.parent().context("a bootstrap lies in a folder")?;
    fs::create_dir_all(folder).with_context(|| format!("create {}", folder.display()))?;
    // Whole under its name or not at all: an interrupted copy would be taken for the binary.
    let copy = folder.with_extension("new");
    fs::copy(binary, &copy).with_context(|| format!("copy {}", binary.display()))?;
    // Symbols are only weight; a machine without the tool deploys them.
    let _ = Command::new("strip")
        .arg(&copy)
        .stdin(Stdio::null())
        .stderr(Stdio::null())
        .status();
    fs::rename(&copy, bootstrap).with_context(|| format!("write {}", bootstrap.display()))?;
    let content = fs::read(bootstrap).context("read a binary")?;
    let level = match profile {
        // It goes nowhere but into the AWS of this machine.
        Profile::Dev => Some(1),
        Profile::Release => None,
    };
    let zipped = zip_at(&[("bootstrap", &content)], 0o755, level)?;
    let new = zip.with_extension("new");
    fs::write(&new, zipped).with_context(|| format!("write {}", new.display()))?;
    fs::rename(&new, zip).with_context(|| format!("write {}", zip.display()))
}

/// A zip with these files, the same bytes for the same files: no times, names in the given order.
pub(crate) fn zip_of(files: &[(&str, &[u8])], permissions: u32) -> Result<Vec<u8>> {
    zip_at(files, permissions, None)
}

fn zip_at(files: &[(&str, &[u8])], permissions: u32, level: Option<i64>) -> Result<Vec<u8>> {
    let options = SimpleFileOptions::default()
        .compression_level(level)
        .last_modified_time(zip::DateTime::default())
        .unix_permissions(permissions);
    let mut writer = ZipWriter::new(Cursor::new(Vec::new()));
    for (name, content) in files {
        writer
            .start_file(*name, options)
            .with_context(|| format!("zip {name}"))?;
        writer
            .write_all(content)
            .with_context(|| format!("zip {name}"))?;
    }
    Ok(writer.finish().context("finish a zip")?.into_inner())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn zips_are_the_same_for_the_same_files() {
        let files: [(&str, &[u8]); 2] = [("bootstrap", b"abc"), ("d/x", b"")];
        let zip = zip_of(&files, 0o755).unwrap();
        assert_eq!(zip, zip_of(&files, 0o755).unwrap());
        let mut archive = zip::ZipArchive::new(Cursor::new(zip)).unwrap();
        assert_eq!(
            archive.by_name("bootstrap").unwrap().unix_mode(),
            Some(0o100_755)
        );
    }

    #[test]
    fn binaries_are_read_from_cargos_messages() {
        let message = r#"{"reason":"compiler-artifact","target":{"name":"f"},"executable":"/t/f"}"#;
        assert_eq!(binary(message), Some(("f".to_owned(), "/t/f".into())));
        assert_eq!(
            binary(r#"{"target":{"name":"lib"},"executable":null}"#),
            None
        );
    }
}
