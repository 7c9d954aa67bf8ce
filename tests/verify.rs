//! `redbutton verify` as people call it: what it prints of a file and of a release in its bucket, and how
//! it ends.

use std::fs;
use std::path::PathBuf;
use std::process::{Command, Stdio};

use rehearsal::{package, suite, workspace};
use serde_json::Value;

use crate::dsse::{EXECUTION, Signer};
use crate::fixture::world;

const BUCKET: &str = "verified-releases";

/// Exit code and output.
fn verify(arguments: &[&str], environment: &[(&str, &str)]) -> (Option<i32>, String) {
    let redbutton = package::tool("redbutton", &|_| {}).unwrap();
    let output = Command::new(redbutton)
        .arg("verify")
        .args(arguments)
        .envs(environment.iter().copied())
        .stdin(Stdio::null())
        .output()
        .unwrap();
    let said = [output.stdout, output.stderr].concat();
    (output.status.code(), String::from_utf8(said).unwrap())
}

/// A folder of its own with a release, the key that signed it, and another key.
fn folder(name: &str) -> (PathBuf, Vec<u8>) {
    let dir = workspace::target().join("verify").join(name);
    fs::create_dir_all(&dir).unwrap();
    let signer = Signer::new();
    let release = signer.release(suite::PRODUCTION_ACCOUNT, BUCKET);
    for (name, content) in [
        ("release.dsse.json", release.as_slice()),
        ("signing.key", signer.public_key().as_bytes()),
        ("other.key", Signer::new().public_key().as_bytes()),
    ] {
        fs::write(dir.join(name), content).unwrap();
    }
    (dir, release)
}

// rules: 3.8.3 3.8.5
#[test]
fn a_file_is_verified_without_aws() {
    let (dir, _) = folder("file");
    let [release, key, other] = ["release.dsse.json", "signing.key", "other.key"]
        .map(|name| dir.join(name).to_str().unwrap().to_owned());
    // Nothing is there to ask.
    let alone = [("AWS_ENDPOINT_URL", "http://127.0.0.1:1")];
    let (code, said) = verify(&[&release, "--key", &key], &alone);
    assert_eq!(code, Some(0), "{said}");
    let name = format!("Verified: release orders/{EXECUTION}");
    assert!(said.starts_with(&name), "{said}");
    let (code, said) = verify(&[&release, "--key", &key, "--json"], &alone);
    let data: Value = serde_json::from_str(&said).unwrap();
    assert_eq!(
        (code, &data["verified"]),
        (Some(0), &Value::Bool(true)),
        "{said}"
    );
    let (code, said) = verify(&[&release, "--key", &other], &alone);
    assert_eq!(code, Some(1), "{said}");
    assert!(
        said.starts_with("NOT verified: ") && !said.contains(EXECUTION),
        "{said}"
    );
    for wrong in [
        &[release.as_str()][..],
        &[&release, "--key", "/no/such/key"],
        &["nothing", "--key", &key],
    ] {
        let (code, said) = verify(wrong, &alone);
        assert_eq!(code, Some(2), "{said}");
    }
}

// rules: 3.7.3
#[test]
fn a_release_in_its_bucket_is_read_by_whoever_may() {
    let world = world();
    let (dir, release) = folder("bucket");
    let key = dir.join("signing.key").to_str().unwrap().to_owned();
    let production = &world.suite.production;
    production.ensure_bucket(BUCKET).unwrap();
    let place = format!("releases/orders/{EXECUTION}/release.dsse.json");
    production.put_object(BUCKET, &place, &[], release).unwrap();
    let credentials = production.credentials();
    let endpoint = production.endpoint();
    let person = [
        ("AWS_ENDPOINT_URL", endpoint.as_str()),
        ("AWS_ACCESS_KEY_ID", credentials.access_key_id()),
        ("AWS_SECRET_ACCESS_KEY", credentials.secret_access_key()),
        ("AWS_REGION", suite::TARGET_REGION),
    ];
    let name = format!("orders/{EXECUTION}");
    let address = format!("s3://{BUCKET}/releases/{name}");
    let account = ["--account", suite::PRODUCTION_ACCOUNT];
    for release in [vec![name.as_str(), "--bucket", BUCKET], vec![&address]] {
        let arguments = [&release[..], &["--key", &key], &account].concat();
        let (code, said) = verify(&arguments, &person);
        assert_eq!(code, Some(0), "{said}");
        assert!(
            said.contains("its place in the bucket, the account"),
            "{said}"
        );
    }
    let other = format!("s3://{BUCKET}/releases/orders/11111111-abcd-1111-abcd-111111abcdef");
    let elsewhere = ["--account", suite::TARGET_ACCOUNT];
    for (arguments, expected) in [
        (vec![other.as_str(), "--key", &key], "is not there"),
        (
            [&[address.as_str(), "--key", &key][..], &elsewhere].concat(),
            "is for 222222222222, and --account says 333333333333",
        ),
    ] {
        let (code, said) = verify(&arguments, &person);
        assert_eq!(code, Some(1), "{said}");
        let said = said.split_whitespace().collect::<Vec<_>>().join(" ");
        assert!(said.contains(expected), "{said}");
    }
}
