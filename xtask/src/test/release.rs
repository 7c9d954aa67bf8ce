//! The functions as they are released: small enough, and at home in Lambda's libc.

use std::fs;
use std::path::Path;

use anyhow::{Context, Result, ensure};
use rehearsal::Progress;
use rehearsal::package::{Profile, package};

use super::step::Tally;
use crate::command::{program, succeed};
use crate::say::megabytes;

/// What a function may grow to, in bytes. The budget is 7.5 and 3 MB and is not met yet: 0.7 MB of the
/// binary are checksum algorithms that the S3 SDK brings in whole, 0.6 MB relocations that only a
/// newer libc than Lambda's could pack, about 1 MB are two more SDKs of which one or two calls are
/// used (a log's last lines, SSM parameters), and another 1 MB is CloudFormation's, for stacks. The
/// preview asks three services more (IAM, Secrets Manager, CloudWatch), and rolls nothing out.
const BINARY: u64 = 11_200_000;
const ZIP: u64 = 4_900_000;
/// What `provided.al2023` has.
const GLIBC: (u32, u32) = (2, 34);

/// Builds the functions for release and looks at each.
pub(super) fn check(progress: &Progress) -> Result<Tally> {
    let template = package(Profile::Release, None, &**progress)?;
    let folder = template.parent().context("a template lies in a folder")?;
    look(folder, progress)
}

/// Looks at each function in a folder of packages.
pub(crate) fn look(folder: &Path, progress: &Progress) -> Result<Tally> {
    let mut tally = Tally::one();
    for entry in fs::read_dir(folder).context("read the packages")?.flatten() {
        let binary = entry.path().join("bootstrap");
        if !binary.exists() {
            continue;
        }
        let zip = entry.path().with_extension("zip");
        let name = entry.file_name().display().to_string();
        let (unpacked, zipped) = (size(&binary)?, size(&zip)?);
        let (note, fits) = match newest_glibc(&binary, progress) {
            Ok(newest) => (
                format!("needs GLIBC_{}.{}", newest.0, newest.1),
                newest <= GLIBC,
            ),
            Err(error) => (format!("left out: which libc it needs ({error:#})"), true),
        };
        let sizes = format!("{}, zip {}", megabytes(unpacked), megabytes(zipped));
        tally.notes.push(format!("{name}: {sizes}, {note}"));
        ensure!(
            unpacked <= BINARY,
            "{name}: {sizes}; at most {} unpacked",
            megabytes(BINARY)
        );
        ensure!(
            zipped <= ZIP,
            "{name}: {sizes}; at most {} zipped",
            megabytes(ZIP)
        );
        ensure!(
            fits,
            "{name} {note}, and provided.al2023 has GLIBC_{}.{}",
            GLIBC.0,
            GLIBC.1
        );
    }
    Ok(tally)
}

fn size(path: &Path) -> Result<u64> {
    Ok(fs::metadata(path)
        .with_context(|| format!("read {}", path.display()))?
        .len())
}

/// The newest version of the C library that a binary names.
fn newest_glibc(binary: &Path, progress: &Progress) -> Result<(u32, u32)> {
    let mut objdump = program("objdump", &["-T"]);
    let text = succeed(objdump.arg(binary), progress).context("objdump, of binutils")?;
    newest(&text).context("objdump names no GLIBC version")
}

fn newest(symbols: &str) -> Option<(u32, u32)> {
    let versions = symbols.split("GLIBC_").skip(1).filter_map(|rest| {
        let version = rest.split([')', ' ', '\n']).next()?;
        let mut parts = version.split('.').map(str::parse);
        Some((parts.next()?.ok()?, parts.next()?.ok()?))
    });
    versions.max()
}

#[cfg(test)]
mod tests {
    #[test]
    fn the_newest_version_is_found() {
        let symbols = "\
0000000000000000      DF *UND*  0000000000000000 (GLIBC_2.2.5) free
0000000000000000      DF *UND*  0000000000000000 (GLIBC_2.34) pthread_create
0000000000000000      DF *UND*  0000000000000000 (GCC_3.0)   _Unwind_Resume
0000000000000000      DF *UND*  0000000000000000 (GLIBC_2.9) pipe2
";
        assert_eq!(super::newest(symbols), Some((2, 34)));
        assert_eq!(super::newest("none"), None);
    }
}
