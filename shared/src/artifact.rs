//! Bounded reading of a zip that lies somewhere else.
//!
//! A [`PartialZip`] holds the pieces of an artifact that were fetched so far. [`PartialZip::read`]
//! either has the files or names the piece that it still needs, so that a 5 GiB artifact costs two
//! small reads and memory is bounded by [`Limits`], whatever the artifact's size. Nothing is
//! unpacked to disk. The archive's structure is read by the `zip` crate; the bounds are ours
//! (CONTRACTS 3.1.11).

use std::cell::Cell;
use std::collections::BTreeMap;
use std::io::{self, Read, Seek, SeekFrom};
use std::ops::Range;

use thiserror::Error;

/// What an artifact may look like.
#[derive(Debug, Clone, Copy)]
pub struct Limits {
    /// Entries in the archive.
    pub entries: u16,
    /// Bytes of one file, unpacked.
    pub file_bytes: u64,
    /// Unpacked bytes per packed byte of one file.
    pub ratio: u64,
    /// Bytes of the archive's directory.
    pub directory_bytes: u32,
}

/// What redbutton reads from artifacts (rollout files, image files, task definitions) is small.
pub const LIMITS: Limits = Limits {
    entries: 10_000,
    file_bytes: 1024 * 1024,
    ratio: 200,
    directory_bytes: 2 * 1024 * 1024,
};

/// How much of the artifact's end the first read fetches: the directory of a usual artifact, and
/// the whole of a small one.
pub const FIRST_READ_BYTES: u64 = 256 * 1024;

/// Why an artifact is not read.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub enum ArtifactError {
    /// Not a zip, or a damaged one.
    #[error("is not a zip that can be read ({0})")]
    NotAZip(String),
    /// One of the bounds.
    #[error("is refused: {0}")]
    Refused(String),
    /// The file is not in it.
    #[error("has no file {wanted:?}; it holds {present}")]
    Missing {
        /// The name asked for.
        wanted: String,
        /// The names that exist, cut after a few.
        present: String,
    },
}

/// What a read came to.
#[derive(Debug, PartialEq, Eq)]
pub enum Progress {
    /// All files that were asked for and exist, by name.
    Files(BTreeMap<String, Vec<u8>>),
    /// Fetch these bytes, [`PartialZip::add`] them, and read again.
    Need(Range<u64>),
}

/// The pieces of an artifact fetched so far.
pub struct PartialZip {
    size: u64,
    pieces: Vec<(u64, Vec<u8>)>,
}

impl PartialZip {
    /// An artifact of `size` bytes, nothing fetched yet.
    pub fn new(size: u64) -> Self {
        Self {
            size,
            pieces: Vec::new(),
        }
    }

    /// Adds fetched bytes that begin at `offset`.
    pub fn add(&mut self, offset: u64, bytes: Vec<u8>) {
        self.pieces.push((offset, bytes));
    }

    /// Reads the wanted files; those that the archive does not have are absent from the answer.
    /// [`missing`](Self::missing) makes the error for a file that has to be there.
    pub fn read(&self, wanted: &[&str], limits: Limits) -> Result<Progress, ArtifactError> {
        let needed = Cell::new(None);
        match self.read_or_need(wanted, limits, &needed) {
            Ok(files) => Ok(Progress::Files(files)),
            Err(error) => needed
                .take()
                .map_or(Err(error), |range| Ok(Progress::Need(range))),
        }
    }

    /// The error for a file that is not there, with the names that are. Only after a
    /// [`read`](Self::read) that needed nothing more.
    pub fn missing(&self, wanted: &str) -> ArtifactError {
        let needed = Cell::new(None);
        let names: Vec<String> = zip::ZipArchive::new(self.window(&needed))
            .map(|archive| {
                archive
                    .file_names()
                    .flatten()
                    .map(|name| name.into_owned())
                    .collect()
            })
            .unwrap_or_default();
        let mut present = names
            .iter()
            .take(12)
            .cloned()
            .collect::<Vec<_>>()
            .join(", ");
        if names.len() > 12 {
            present.push_str(&format!(" and {} more", names.len() - 12));
        }
        if names.is_empty() {
            present.push_str("no file at all");
        }
        ArtifactError::Missing {
            wanted: wanted.to_owned(),
            present,
        }
    }

    fn read_or_need(
        &self,
        wanted: &[&str],
        limits: Limits,
        needed: &Cell<Option<Range<u64>>>,
    ) -> Result<BTreeMap<String, Vec<u8>>, ArtifactError> {
        let entries = self.check_end(limits, needed)?;
        let mut archive = zip::ZipArchive::new(self.window(needed))
            .map_err(|error| ArtifactError::NotAZip(error.to_string()))?;
        if archive.len() != usize::from(entries) {
            return Err(ArtifactError::Refused(
                "two of its entries have the same name".into(),
            ));
        }
        for name in archive.file_names() {
            check_name(&name.map_err(|error| ArtifactError::NotAZip(error.to_string()))?)?;
        }
        let mut files = BTreeMap::new();
        for name in wanted {
            if let Some(index) = archive.index_for_name(name) {
                files.insert(
                    (*name).to_owned(),
                    read_entry(&mut archive, index, name, limits)?,
                );
            }
        }
        Ok(files)
    }

    /// The end record, before anything is sized by what it says. Returns the number of entries.
    fn check_end(
        &self,
        limits: Limits,
        needed: &Cell<Option<Range<u64>>>,
    ) -> Result<u16, ArtifactError> {
        let no_end = || ArtifactError::NotAZip("it has no end record".into());
        let Some(tail) = self.tail() else {
            needed.set(Some(self.size.saturating_sub(FIRST_READ_BYTES)..self.size));
            return Err(no_end());
        };
        let end = tail
            .windows(22)
            .rposition(|record| record.starts_with(b"PK\x05\x06"))
            .and_then(|at| tail.get(at..))
            .ok_or_else(no_end)?;
        let (entries, directory) = (u16_at(end, 10), u32_at(end, 12));
        if entries == u16::MAX || directory == u32::MAX || u32_at(end, 16) == u32::MAX {
            return Err(ArtifactError::Refused("it is a ZIP64 archive".into()));
        }
        if entries > limits.entries {
            return Err(ArtifactError::Refused(format!(
                "it has {entries} entries, and at most {} are read; put the files that redbutton \
                 needs into an artifact of their own",
                limits.entries
            )));
        }
        if directory > limits.directory_bytes {
            return Err(ArtifactError::Refused(format!(
                "its directory has {directory} bytes, and at most {} are read; put the files \
                 that redbutton needs into an artifact of their own",
                limits.directory_bytes
            )));
        }
        Ok(entries)
    }

    /// The piece that reaches the artifact's end.
    fn tail(&self) -> Option<&[u8]> {
        self.pieces
            .iter()
            .find(|(offset, bytes)| offset + bytes.len() as u64 == self.size)
            .map(|(_, bytes)| bytes.as_slice())
    }

    fn window<'a>(&'a self, needed: &'a Cell<Option<Range<u64>>>) -> Window<'a> {
        Window {
            zip: self,
            position: 0,
            needed,
        }
    }
}

/// `Read + Seek` over the pieces; a read outside of them says what it needs, and fails.
struct Window<'a> {
    zip: &'a PartialZip,
    position: u64,
    needed: &'a Cell<Option<Range<u64>>>,
}

impl Read for Window<'_> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        if self.position >= self.zip.size || buffer.is_empty() {
            return Ok(0);
        }
        let available = self.zip.pieces.iter().find_map(|(offset, bytes)| {
            let start = usize::try_from(self.position.checked_sub(*offset)?).ok()?;
            bytes.get(start..).filter(|rest| !rest.is_empty())
        });
        let Some(available) = available else {
            let end = self.zip.size.min(self.position + FIRST_READ_BYTES);
            self.needed.set(Some(self.position..end));
            return Err(io::Error::other("not fetched yet"));
        };
        let count = available.len().min(buffer.len());
        for (to, from) in buffer.iter_mut().zip(available) {
            *to = *from;
        }
        self.position += count as u64;
        Ok(count)
    }
}

impl Seek for Window<'_> {
    fn seek(&mut self, to: SeekFrom) -> io::Result<u64> {
        let position = match to {
            SeekFrom::Start(position) => Some(position),
            SeekFrom::End(by) => self.zip.size.checked_add_signed(by),
            SeekFrom::Current(by) => self.position.checked_add_signed(by),
        };
        self.position = position.ok_or_else(|| io::Error::other("before the artifact's start"))?;
        Ok(self.position)
    }
}

fn u16_at(record: &[u8], at: usize) -> u16 {
    record.get(at..at + 2).map_or(u16::MAX, |b| {
        b.iter().rev().fold(0, |n, b| n << 8 | u16::from(*b))
    })
}

fn u32_at(record: &[u8], at: usize) -> u32 {
    record.get(at..at + 4).map_or(u32::MAX, |b| {
        b.iter().rev().fold(0, |n, b| n << 8 | u32::from(*b))
    })
}

fn check_name(name: &str) -> Result<(), ArtifactError> {
    let absolute = name.starts_with(['/', '\\']) || name.get(1..2) == Some(":");
    let upwards = name.split(['/', '\\']).any(|part| part == "..");
    if absolute || upwards || name.contains('\0') {
        return Err(ArtifactError::Refused(format!(
            "its entry {name:?} points outside of it"
        )));
    }
    Ok(())
}

fn read_entry<R>(
    archive: &mut zip::ZipArchive<R>,
    index: usize,
    name: &str,
    limits: Limits,
) -> Result<Vec<u8>, ArtifactError>
where
    R: Read + Seek,
{
    let damaged = |error: &dyn std::fmt::Display| {
        ArtifactError::NotAZip(format!("its file {name:?} is damaged: {error}"))
    };
    let entry = archive
        .by_index_raw(index)
        .map_err(|error| damaged(&error))?;
    if entry.encrypted() {
        return Err(ArtifactError::Refused(format!(
            "its file {name:?} is encrypted"
        )));
    }
    let (packed, size) = (entry.compressed_size(), entry.size());
    drop(entry);
    let too_large = || {
        ArtifactError::Refused(format!(
            "its file {name:?} has more than {} bytes, or unpacks to more than {} times its size",
            limits.file_bytes, limits.ratio
        ))
    };
    // Both what the archive says and what comes out are held to the bounds: the first can lie.
    let bound = limits
        .file_bytes
        .min(packed.saturating_mul(limits.ratio).max(4096));
    if size > bound || packed > limits.file_bytes + 4096 {
        return Err(too_large());
    }
    let entry = archive.by_index(index).map_err(|error| damaged(&error))?;
    let mut bytes = Vec::new();
    entry
        .take(bound + 1)
        .read_to_end(&mut bytes)
        .map_err(|error| damaged(&error))?;
    if bytes.len() as u64 > bound {
        return Err(too_large());
    }
    Ok(bytes)
}

#[cfg(test)]
mod tests;
