//! What `artifact` promises, in cases and properties.

use super::*;
use proptest::prelude::*;
use std::io::{Cursor, Write};
use zip::write::SimpleFileOptions;

fn zipped(files: &[(&str, &[u8])]) -> Vec<u8> {
    let mut writer = zip::ZipWriter::new(Cursor::new(Vec::new()));
    for (name, bytes) in files {
        writer
            .start_file(*name, SimpleFileOptions::default())
            .unwrap();
        writer.write_all(bytes).unwrap();
    }
    writer.finish().unwrap().into_inner()
}

/// Reads as the shell does; returns the files and how many pieces were fetched.
fn fetch(
    bytes: &[u8],
    wanted: &[&str],
    limits: Limits,
) -> Result<(BTreeMap<String, Vec<u8>>, usize), ArtifactError> {
    let mut zip = PartialZip::new(bytes.len() as u64);
    for fetched in 0..64 {
        match zip.read(wanted, limits)? {
            Progress::Files(files) => return Ok((files, fetched)),
            Progress::Need(range) => {
                let piece = &bytes[range.start as usize..range.end as usize];
                zip.add(range.start, piece.to_vec());
            }
        }
    }
    panic!("reading never ends");
}

#[test]
fn a_small_artifact_is_one_read() {
    let bytes = zipped(&[("imagedefinitions.json", b"[]"), ("a/b.json", b"{}")]);
    let (files, reads) = fetch(&bytes, &["a/b.json", "absent"], LIMITS).unwrap();
    assert_eq!(
        (files.len(), files["a/b.json"].as_slice(), reads),
        (1, b"{}".as_slice(), 1)
    );
}

#[test]
fn of_a_large_artifact_only_the_end_and_the_file_are_read() {
    let noise: Vec<u8> = (0u32..3_000_000)
        .map(|n| (n.wrapping_mul(2_654_435_761) >> 13) as u8)
        .collect();
    let mut writer = zip::ZipWriter::new(Cursor::new(Vec::new()));
    let stored = SimpleFileOptions::default().compression_method(zip::CompressionMethod::Stored);
    writer
        .start_file("first.json", SimpleFileOptions::default())
        .unwrap();
    writer.write_all(b"{}").unwrap();
    writer.start_file("noise", stored).unwrap();
    writer.write_all(&noise).unwrap();
    let bytes = writer.finish().unwrap().into_inner();
    let (files, reads) = fetch(&bytes, &["first.json"], LIMITS).unwrap();
    assert_eq!(
        (files["first.json"].as_slice(), reads),
        (b"{}".as_slice(), 2)
    );
}

#[test]
fn a_missing_file_is_named_with_what_there_is() {
    let bytes = zipped(&[("one.json", b"1"), ("two.json", b"2")]);
    let mut zip = PartialZip::new(bytes.len() as u64);
    zip.add(0, bytes);
    assert!(matches!(zip.read(&["x"], LIMITS), Ok(Progress::Files(files)) if files.is_empty()));
    let message = zip.missing("x").to_string();
    assert!(
        message.contains("\"x\"") && message.contains("one.json, two.json"),
        "{message}"
    );
}

// rules: 3.1.11
#[test]
fn each_bound_refuses() {
    let small = Limits {
        entries: 2,
        file_bytes: 1000,
        ratio: 20,
        directory_bytes: 300,
    };
    let long = format!("{}.json", "n".repeat(400));
    type Files<'a> = &'a [(&'a str, &'a [u8])];
    let cases: &[(Files<'_>, &str, &str)] = &[
        (&[("a", b""), ("b", b""), ("c", b"")], "a", "3 entries"),
        (&[("../up", b"")], "a", "points outside"),
        (&[("/etc/passwd", b"")], "a", "points outside"),
        (&[("c:\\x", b"")], "a", "points outside"),
        (&[("a", &[7; 1001])], "a", "more than 1000 bytes"),
        (&[("a", &[7; 100_000])], "a", "more than 1000 bytes"),
        (&[(&long, b"")], "a", "directory has"),
    ];
    for (files, wanted, expected) in cases {
        let error = fetch(&zipped(files), &[wanted], small)
            .unwrap_err()
            .to_string();
        assert!(error.contains(expected), "{error}");
    }
}

// rules: 3.1.11
#[test]
fn two_entries_of_one_name_are_refused() {
    let mut bytes = zipped(&[("a.json", b"1"), ("b.json", b"2")]);
    // The writer refuses to do this, so the name is changed afterwards, in both places.
    let found: Vec<usize> = (0..bytes.len() - 6)
        .filter(|at| &bytes[*at..at + 6] == b"b.json")
        .collect();
    for at in found {
        bytes[at] = b'a';
    }
    let error = fetch(&bytes, &["a.json"], LIMITS).unwrap_err().to_string();
    assert!(error.contains("same name"), "{error}");
}

// rules: 3.1.11
#[test]
fn an_encrypted_file_is_refused() {
    let mut bytes = zipped(&[("a.json", b"1")]);
    let header = bytes.windows(4).position(|w| w == b"PK\x01\x02").unwrap();
    bytes[header + 8] |= 1; // general purpose flag: encrypted
    bytes[6] |= 1;
    let error = fetch(&bytes, &["a.json"], LIMITS).unwrap_err().to_string();
    assert!(error.contains("encrypted"), "{error}");
}

#[test]
fn what_is_no_zip_is_said_to_be_none() {
    for bytes in [
        b"".as_slice(),
        b"PK",
        b"<html>not found</html>",
        &[0; 100_000],
    ] {
        assert!(matches!(
            fetch(bytes, &["a"], LIMITS),
            Err(ArtifactError::NotAZip(_))
        ));
    }
}

proptest! {
    // rules: 3.1.11
    #[test]
    fn a_damaged_zip_never_panics_and_always_ends(
        at in 0usize..260, byte: u8, cut in 0usize..260,
    ) {
        let mut bytes = zipped(&[("one.json", b"{\"a\":1}"), ("two.json", b"[]")]);
        let length = bytes.len();
        bytes[at % length] = byte;
        bytes.truncate(length - cut % length);
        let _ = fetch(&bytes, &["one.json", "two.json"], LIMITS);
    }
}
