//! Files beside a release, compared with what it says of them.

use std::fs::File;
use std::io::{ErrorKind, Read};
use std::path::{Component, Path};

use sha2::{Digest as _, Sha256};
use shared::release;
use shared::release::statement::Artifact;

use super::verdict::{Compared, Verdict};

/// Compares what lies in a copy of the release's folder, and says what is missing or other.
pub(super) fn compare(verdict: &mut Verdict, dir: &Path) {
    let Some(signed) = &verdict.signed else {
        return;
    };
    let bucket = &signed.statement.predicate.destination.bucket;
    let folder = release::folder(&signed.statement.name());
    for artifact in &signed.statement.predicate.artifacts {
        let name = artifact.key.strip_prefix(&folder);
        let name = name.unwrap_or(&artifact.key);
        let uri = format!("s3://{bucket}/{}", artifact.key);
        let (compared, reason) = one(artifact, name, &uri, dir);
        verdict.compared.push(compared);
        verdict.reasons.extend(reason);
    }
    for check in &mut verdict.checks {
        check.done |= check.name == "artifacts";
    }
}

fn one(artifact: &Artifact, name: &str, uri: &str, dir: &Path) -> (Compared, Option<String>) {
    let below = Path::new(name);
    let plain = |part: Component<'_>| matches!(part, Component::Normal(_));
    if !below.components().all(plain) {
        let text = format!("{name}: is not a file in the release's folder, and was not looked at");
        return (Compared::Missing, Some(text));
    }
    let path = dir.join(below);
    let other = |what: String| {
        let text = format!(
            "{name}: {} {what}: it is not what was released; fetch it again from {uri}",
            path.display()
        );
        (Compared::Other, Some(text))
    };
    match hashed(&path) {
        Ok((size, _)) if size != artifact.size => other(format!(
            "has {size} bytes, and the release says {}",
            artifact.size
        )),
        Ok((_, sha256)) if sha256 != artifact.sha256 => other(format!(
            "has sha256 {sha256}, and the release says {}",
            artifact.sha256
        )),
        Ok(_) => (Compared::Same, None),
        Err(error) if error.kind() == ErrorKind::NotFound => {
            let text = format!(
                "{name}: is not in {}; --artifacts takes a copy of the release's whole folder",
                dir.display()
            );
            (Compared::Missing, Some(text))
        }
        Err(error) => {
            let text = format!("{name}: {} cannot be read: {error}", path.display());
            (Compared::Missing, Some(text))
        }
    }
}

/// A file's size and hexadecimal sha256, without having it whole in memory.
fn hashed(path: &Path) -> std::io::Result<(u64, String)> {
    let mut file = File::open(path)?;
    let mut sha256 = Sha256::new();
    let (mut size, mut buffer) = (0, vec![0; 1 << 20]);
    loop {
        let length = file.read(&mut buffer)?;
        let Some(read) = buffer.get(..length).filter(|read| !read.is_empty()) else {
            return Ok((size, hex::encode(sha256.finalize())));
        };
        sha256.update(read);
        size += length as u64;
    }
}
