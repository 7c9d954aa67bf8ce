//! What an image is built from: a Dockerfile and its files, sent to the engine as one tar.

use anyhow::{Context, Result, ensure};
use serde_json::{Map, Value};

use super::engine::{Engine, encode};

/// Tar counts in blocks of so many bytes.
const BLOCK: usize = 512;

/// A build's files.
#[derive(Default)]
pub(super) struct BuildContext {
    tar: Vec<u8>,
}

impl BuildContext {
    /// Adds a file that everybody may read and run, or a directory that everybody may write to when
    /// the path ends with a slash.
    pub(super) fn add(&mut self, path: &str, content: &[u8]) -> Result<()> {
        ensure!(
            path.len() <= 100,
            "{path}: longer than the 100 bytes of a plain tar"
        );
        let (mode, kind) = if path.ends_with('/') {
            ("0001777", b"5")
        } else {
            ("0000755", b"0")
        };
        let mut header = Vec::with_capacity(BLOCK);
        let mut field = |text: &[u8], width: usize| {
            header.extend_from_slice(text);
            header.resize(header.len() + width.saturating_sub(text.len()), 0);
        };
        // POSIX ustar: name, mode, owner, group, size, time, checksum as blanks, type, and the rest
        // but for the magic left empty.
        field(path.as_bytes(), 100);
        field(mode.as_bytes(), 8);
        field(b"0000000", 8);
        field(b"0000000", 8);
        field(format!("{:011o}", content.len()).as_bytes(), 12);
        // Always the same time, so that the same files make the same layer.
        field(b"00000000000", 12);
        field(b"        ", 8);
        field(kind, 1);
        field(b"", 100);
        field(b"ustar\x0000", 8);
        field(b"", 247);
        let checksum: u32 = header.iter().map(|byte| u32::from(*byte)).sum();
        let checksum = format!("{checksum:06o}\0 ");
        header.splice(148..156, checksum.into_bytes());

        self.tar.extend(header);
        self.tar.extend_from_slice(content);
        self.tar.resize(self.tar.len().next_multiple_of(BLOCK), 0);
        Ok(())
    }

    /// Builds the image `name` with these build arguments.
    pub(super) fn build(
        mut self,
        engine: &Engine,
        name: &str,
        args: &[(&str, &str)],
    ) -> Result<()> {
        // Two empty blocks are a tar's end.
        self.tar.resize(self.tar.len() + 2 * BLOCK, 0);
        let args: Map<String, Value> = args
            .iter()
            .map(|(name, value)| ((*name).to_owned(), (*value).into()))
            .collect();
        let args = encode(&Value::Object(args).to_string());
        let path = format!(
            "/build?t={}&buildargs={args}&rm=true&forcerm=true",
            encode(name)
        );
        engine
            .post(&path, self.tar)
            .with_context(|| format!("build the image {name}"))?;
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::io::Write;
    use std::process::{Command, Stdio};

    #[test]
    fn tar_can_read_it() {
        let mut context = BuildContext::default();
        context.add("root/tmp/", b"").unwrap();
        context.add("root/bin/sh", &[7; 700]).unwrap();
        let mut tar = Command::new("tar")
            .args(["-tv", "--numeric-owner"])
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        context.tar.resize(context.tar.len() + 2 * BLOCK, 0);
        tar.stdin.take().unwrap().write_all(&context.tar).unwrap();
        let listing = String::from_utf8(tar.wait_with_output().unwrap().stdout).unwrap();
        assert!(listing.contains("drwxrwxrwt 0/0"), "{listing}");
        assert!(listing.contains("-rwxr-xr-x 0/0"), "{listing}");
        assert!(listing.contains(" 700 "), "{listing}");
    }
}
