//! Artifacts: folders as zips, in the store's bucket at places such as CodePipeline chooses.

use std::fs::{self, File};
use std::io::{Cursor, Write};
use std::path::{Path, PathBuf};

use anyhow::{Context, Result, ensure};
use sha2::{Digest, Sha256};
use zip::write::{SimpleFileOptions, ZipWriter};

use super::commit::git;
use super::definition::Store;
use crate::account::Account;
use crate::codepipeline::Artifact;

/// A place for an artifact that is yet to be written: the names cut short, and seven random
/// characters.
pub(super) fn place(pipeline: &str, name: &str, store: &Store) -> Artifact {
    let short = |name: &str, most: usize| name.chars().take(most).collect::<String>();
    let random = uuid::Uuid::new_v4().simple().to_string();
    Artifact {
        name: name.to_owned(),
        revision: None,
        bucket: store.bucket.clone(),
        key: format!(
            "{}/{}/{}",
            short(pipeline, 20),
            short(name, 10),
            short(&random, 7)
        ),
    }
}

/// Writes an artifact as `account`, encrypted with the store's key.
pub(super) fn put(
    account: &Account,
    store: &Store,
    artifact: &Artifact,
    zip: Vec<u8>,
) -> Result<()> {
    // Without a key of its own a store has AWS's key, which the emulator does not know: the bucket's
    // encryption is left as it is.
    let headers = store.key.as_deref().map(|key| {
        [
            ("x-amz-server-side-encryption", "aws:kms"),
            ("x-amz-server-side-encryption-aws-kms-key-id", key),
        ]
    });
    let headers = headers.as_ref().map_or(&[][..], |headers| headers);
    account
        .put_object(&artifact.bucket, &artifact.key, headers, zip)
        .with_context(|| format!("write the artifact {}", artifact.name))?;
    Ok(())
}

/// Reads an artifact as `account` and unpacks it into a folder.
pub(super) fn unpack(account: &Account, artifact: &Artifact, folder: &Path) -> Result<()> {
    let zip = account
        .get_object(&artifact.bucket, &artifact.key)
        .with_context(|| format!("read the artifact {}", artifact.name))?;
    fs::create_dir_all(folder).with_context(|| format!("create {}", folder.display()))?;
    let mut archive = zip::ZipArchive::new(Cursor::new(zip))
        .with_context(|| format!("the artifact {} is no zip", artifact.name))?;
    archive
        .extract(folder)
        .with_context(|| format!("unpack the artifact {}", artifact.name))
}

/// A source's files: of a git work tree those that git knows or would add, else all there are.
pub(super) fn source_files(folder: &Path) -> Result<Vec<PathBuf>> {
    let listed = [
        "ls-files",
        "-z",
        "--cached",
        "--others",
        "--exclude-standard",
    ];
    let names = git(folder, &listed);
    let mut files: Vec<PathBuf> = names
        .iter()
        .flat_map(|names| names.split('\0'))
        // Listed, but deleted in the work tree.
        .filter(|name| !name.is_empty() && folder.join(name).is_file())
        .map(PathBuf::from)
        .collect();
    // A folder that git ignores as a whole is still what the person named.
    if files.is_empty() {
        return all_files(folder);
    }
    files.sort();
    files.dedup();
    Ok(files)
}

/// All files below a folder, as seen from it, in their order; git's own folder is none of them.
pub(super) fn all_files(folder: &Path) -> Result<Vec<PathBuf>> {
    let mut files = Vec::new();
    let mut folders = vec![PathBuf::new()];
    while let Some(below) = folders.pop() {
        let at = folder.join(&below);
        let entries =
            fs::read_dir(&at).with_context(|| format!("read the folder {}", at.display()))?;
        for entry in entries {
            let entry = entry.with_context(|| format!("read the folder {}", at.display()))?;
            let path = below.join(entry.file_name());
            let kind = fs::metadata(entry.path());
            // A link to nowhere is left out.
            match kind {
                Ok(kind) if kind.is_dir() => {
                    let skipped = entry.path().is_symlink() || entry.file_name() == ".git";
                    folders.extend((!skipped).then_some(path));
                }
                Ok(kind) if kind.is_file() => files.push(path),
                _ => {}
            }
        }
    }
    files.sort();
    Ok(files)
}

/// A zip of these files of a folder, under the names that come with them; the same bytes for the
/// same files.
pub(super) fn zip(folder: &Path, files: &[(PathBuf, String)]) -> Result<Vec<u8>> {
    let mut writer = ZipWriter::new(Cursor::new(Vec::new()));
    for (path, name) in files {
        let path = folder.join(path);
        let shown = || format!("put {} into an artifact", path.display());
        let permissions = mode(&path).with_context(shown)?;
        let options = SimpleFileOptions::default()
            .last_modified_time(zip::DateTime::default())
            .unix_permissions(permissions);
        writer
            .start_file(name.as_str(), options)
            .with_context(shown)?;
        writer
            .write_all(&fs::read(&path).with_context(shown)?)
            .with_context(shown)?;
    }
    Ok(writer
        .finish()
        .context("finish an artifact's zip")?
        .into_inner())
}

/// Each file under its own name.
pub(super) fn as_they_are(files: Vec<PathBuf>) -> Vec<(PathBuf, String)> {
    let named = files.into_iter().map(|path| {
        let name = path.to_string_lossy().into_owned();
        (path, name)
    });
    named.collect()
}

/// A folder as a zip: all files, the same bytes for the same files.
pub fn zip_of_folder(folder: &Path) -> Result<Vec<u8>> {
    ensure!(folder.is_dir(), "{} is no folder", folder.display());
    zip(folder, &as_they_are(all_files(folder)?))
}

/// A commit's id of content that has no commit: as long as git's, the same for the same content.
pub(super) fn revision(content: &[u8]) -> String {
    digest(content).chars().take(40).collect()
}

/// The SHA-256 of content, in hexadecimal digits.
pub(super) fn digest(content: &[u8]) -> String {
    hex::encode(Sha256::digest(content))
}

fn mode(path: &Path) -> Result<u32> {
    use std::os::unix::fs::PermissionsExt;
    let executable = File::open(path)?.metadata()?.permissions().mode() & 0o111 != 0;
    Ok(if executable { 0o755 } else { 0o644 })
}
