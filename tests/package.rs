//! The packages: a folder that deploys by itself, on a machine without a Rust toolchain.

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;

use rehearsal::package::{Profile, package};
use rehearsal::workspace;

/// On the quick profile; the suite deploys this very template.
#[test]
fn a_packaged_template_stands_alone() {
    let template = package(Profile::Dev, None, &|_| {}).unwrap();
    let text = fs::read_to_string(&template).unwrap();
    for left in ["BuildMethod", "BuildProperties", "CodeUri: .\n"] {
        assert!(!text.contains(left), "{left} is left");
    }
    assert!(
        !text.contains(&*workspace::root().to_string_lossy()),
        "names this machine's folders"
    );

    let codes: Vec<&str> = text
        .lines()
        .filter_map(|line| line.trim().strip_prefix("CodeUri: "))
        .map(|uri| uri.trim_matches('"'))
        .collect();
    let functions = fs::read_dir(workspace::root().join("functions"))
        .unwrap()
        .count();
    assert_eq!(codes.len(), functions);
    for code in codes {
        assert!(Path::new(code).is_relative(), "{code}");
        let zip = template.parent().unwrap().join(code);
        assert!(fs::metadata(&zip).unwrap().len() > 1_000_000, "{code}");
        let bootstrap = zip.with_extension("").join("bootstrap");
        let mode = fs::metadata(&bootstrap).unwrap().permissions().mode();
        assert_eq!(mode & 0o111, 0o111, "{} can be run", bootstrap.display());
    }
}
