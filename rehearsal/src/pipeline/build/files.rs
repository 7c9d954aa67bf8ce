//! Which files a build leaves: the patterns of its artifacts.

use std::path::{Path, PathBuf};

use anyhow::{Context, Result, ensure};
use glob::{MatchOptions, Pattern};

use super::buildspec::Files;
use crate::pipeline::artifacts::all_files;

/// A star stays within its folder, and files with a dot are files like others.
const OPTIONS: MatchOptions = MatchOptions {
    case_sensitive: true,
    require_literal_separator: true,
    require_literal_leading_dot: false,
};

/// The folder that an artifact's files lie below, and each of them with its name in the artifact.
pub(super) fn chosen(files: &Files, source: &Path) -> Result<(PathBuf, Vec<(PathBuf, String)>)> {
    let base = match &files.base {
        Some(base) => base_of(source, base)?,
        None => source.to_path_buf(),
    };
    let (wanted, unwanted) = (patterns(&files.files)?, patterns(&files.exclude)?);
    let any = |patterns: &[Pattern], path: &Path| {
        patterns
            .iter()
            .any(|pattern| pattern.matches_path_with(path, OPTIONS))
    };
    let mut chosen = Vec::new();
    for path in all_files(&base)? {
        if !any(&wanted, &path) || any(&unwanted, &path) {
            continue;
        }
        let name = if files.flat {
            path.file_name().map(PathBuf::from)
        } else {
            Some(path.clone())
        };
        let name = name.unwrap_or_default().to_string_lossy().into_owned();
        let twice = chosen.iter().find(|(_, taken)| *taken == name);
        if let Some((other, _)) = twice {
            let other: &PathBuf = other;
            anyhow::bail!(
                "without their folders (discard-paths), {} and {} have one name",
                other.display(),
                path.display()
            );
        }
        chosen.push((path, name));
    }
    ensure!(
        !chosen.is_empty(),
        "no file matches {} below {}",
        files.files.join(", "),
        files.base.as_deref().unwrap_or("the source")
    );
    Ok((base, chosen))
}

fn patterns(texts: &[String]) -> Result<Vec<Pattern>> {
    let each = texts.iter().map(|text| {
        let text = text.trim_start_matches("./");
        Pattern::new(text).with_context(|| format!("{text} is no pattern of paths"))
    });
    each.collect()
}

/// A base directory may be a pattern, too; an absolute one is taken as it is.
fn base_of(source: &Path, base: &str) -> Result<PathBuf> {
    let plain = source.join(base);
    if plain.is_dir() {
        return Ok(plain);
    }
    let whole = plain.to_string_lossy().into_owned();
    let found = glob::glob_with(&whole, OPTIONS)
        .with_context(|| format!("base-directory {base} is no pattern of paths"))?;
    let mut found = found.flatten().filter(|path| path.is_dir());
    found
        .next()
        .with_context(|| format!("there is no folder {base}, the base-directory of the artifacts"))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(files: &[&str], more: impl FnOnce(&mut Files), expected: Result<&[&str], &str>) {
        let folder = tempfile::tempdir().unwrap();
        for file in [
            "a.txt",
            ".hidden",
            "out/b.txt",
            "out/c.json",
            "out/deep/d.txt",
            "out/deep/b.txt",
        ] {
            let path = folder.path().join(file);
            std::fs::create_dir_all(path.parent().unwrap()).unwrap();
            std::fs::write(path, file).unwrap();
        }
        let mut wanted = Files {
            files: files.iter().map(|file| (*file).to_owned()).collect(),
            ..Files::default()
        };
        more(&mut wanted);
        match (chosen(&wanted, folder.path()), expected) {
            (Ok((_, found)), Ok(expected)) => {
                let names: Vec<&str> = found.iter().map(|(_, name)| name.as_str()).collect();
                assert_eq!(names, expected, "{files:?}");
            }
            (Err(error), Err(words)) => assert!(format!("{error:#}").contains(words), "{error:#}"),
            (found, _) => panic!("{files:?}: {found:?}"),
        }
    }

    #[test]
    fn patterns_choose_as_codebuild_does() {
        let everything: &[&str] = &[
            ".hidden",
            "a.txt",
            "out/b.txt",
            "out/c.json",
            "out/deep/b.txt",
            "out/deep/d.txt",
        ];
        check(&["**/*"], |_| {}, Ok(everything));
        check(&["*"], |_| {}, Ok(&[".hidden", "a.txt"]));
        check(&["out/*"], |_| {}, Ok(&["out/b.txt", "out/c.json"]));
        check(
            &["./a.txt", "out/**/d.txt"],
            |_| {},
            Ok(&["a.txt", "out/deep/d.txt"]),
        );
        check(
            &["**/*"],
            |files| files.base = Some("out/deep".into()),
            Ok(&["b.txt", "d.txt"]),
        );
        check(
            &["*"],
            |files| files.base = Some("o*t".into()),
            Ok(&["b.txt", "c.json"]),
        );
        check(
            &["**/*.txt"],
            |files| files.exclude = vec!["out/deep/*".into()],
            Ok(&["a.txt", "out/b.txt"]),
        );
        check(
            &["out/*"],
            |files| files.flat = true,
            Ok(&["b.txt", "c.json"]),
        );
    }

    #[test]
    fn what_cannot_be_chosen_is_said() {
        check(
            &["x.txt", "y/*"],
            |_| {},
            Err("no file matches x.txt, y/* below the source"),
        );
        check(
            &["out/**/b.txt"],
            |files| files.flat = true,
            Err("have one name"),
        );
        check(
            &["*"],
            |files| files.base = Some("dist".into()),
            Err("there is no folder dist"),
        );
    }
}
