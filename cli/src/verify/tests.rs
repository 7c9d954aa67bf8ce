//! `redbutton verify`, from its options to what it prints.

use std::path::{Path, PathBuf};
use std::sync::LazyLock;

use aws_lc_rs::encoding::{AsDer, PublicKeyX509Der};
use aws_lc_rs::rand::SystemRandom;
use aws_lc_rs::signature::{ECDSA_P256_SHA256_ASN1_SIGNING, EcdsaKeyPair, KeyPair as _};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use clap::Parser;
use serde_json::{Value, json};
use sha2::{Digest as _, Sha256};
use shared::release::envelope::{Envelope, pre_authentication};
use shared::release::statement::{Predicate, Statement};
use tempfile::TempDir;

use super::*;

const EXECUTION: &str = "22222222-abcd-1111-abcd-222222abcdef";
const BUILD: &[u8] = b"a zip";
const SQL: &[u8] = b"create";

static SIGNER: LazyLock<EcdsaKeyPair> = LazyLock::new(signer);

fn signer() -> EcdsaKeyPair {
    EcdsaKeyPair::generate(&ECDSA_P256_SHA256_ASN1_SIGNING).unwrap()
}

fn der(signer: &EcdsaKeyPair) -> Vec<u8> {
    let public: PublicKeyX509Der<'_> = signer.public_key().as_der().unwrap();
    public.as_ref().to_vec()
}

fn sha256(bytes: &[u8]) -> String {
    hex::encode(Sha256::digest(bytes))
}

/// What the release says.
fn predicate() -> Value {
    let folder = format!("releases/orders/{EXECUTION}");
    let (web, api) = (
        format!("sha256:{}", "c".repeat(64)),
        format!("sha256:{}", "d".repeat(64)),
    );
    let service = |name: &str, running: u32| {
        json!({"name": name, "region": "ap-southeast-2", "account": "333333333333", "cluster": "test",
            "service": name, "running": running, "deployment": "ecs-svc/1234567890123456789",
            "taskDefinition": format!("arn:aws:ecs:ap-southeast-2:333333333333:task-definition/{name}:8")})
    };
    json!({
        "destination": {"account": "222222222222", "region": "ap-southeast-2", "bucket": "production-releases"},
        "source": {"account": "111111111111", "region": "us-east-1", "pipeline": "orders",
            "execution": EXECUTION, "revisions": [
                {"artifact": "Source", "id": "0a1b2c3d", "summary": "Serve more\n\nBecause.", "url": "https://example.com/0a1b2c3d"},
                {"artifact": "Image", "id": "latest", "summary": "", "url": ""}]},
        "artifacts": [
            {"artifact": "Build", "key": format!("{folder}/Build.zip"), "version": "v1",
                "size": BUILD.len(), "sha256": sha256(BUILD)},
            {"artifact": "Config", "path": "sql/1.sql", "key": format!("{folder}/Config/sql/1.sql"),
                "version": "v2", "size": SQL.len(), "sha256": sha256(SQL)}],
        "images": [
            {"image": "111111111111.dkr.ecr.us-east-1.amazonaws.com/web:v2", "digest": web},
            {"image": "111111111111.dkr.ecr.us-east-1.amazonaws.com/api:v2", "digest": api}],
        "tests": [{"stage": "Test", "action": "RollOut", "id": "t1", "ended": 1_795_881_600,
            "proof": {"targets": [
                service("web", 2),
                {"name": "migrate", "region": "ap-southeast-2", "account": "333333333333", "cluster": "test",
                    "task": "0f", "exitCode": 0},
                {"name": "api", "stack": "api", "region": "ap-southeast-2", "account": "333333333333",
                    "services": [service("api", 1)]},
                {"surprise": true}]}}],
        "approvals": [{"stage": "Production", "action": "Approve", "id": "a1",
            "by": "arn:aws:sts::111111111111:assumed-role/AWSReservedSSO_release_0f1e2d3c4b5a6978/ana@example.com",
            "at": 1_795_882_800, "comment": "ship it\nas we said\u{1b}[2J"}],
        "preview": {"id": "p1", "fingerprint": "f1f1", "page": "https://example.com/page"},
        "rollout": {"place": "Build::production.json", "file": {"targets": [], "region": "ap-southeast-2"}},
    })
}

/// The envelope of a release, with one change.
fn envelope(change: impl FnOnce(&mut Value)) -> Vec<u8> {
    let mut said = predicate();
    change(&mut said);
    let said: Predicate = serde_json::from_value(said).unwrap();
    let payload = Statement::new(said).canonical().unwrap();
    let signature = SIGNER
        .sign(&SystemRandom::new(), &pre_authentication(&payload))
        .unwrap();
    let key = PublicKey::from_der(&der(&SIGNER)).unwrap();
    Envelope::new(&payload, &key, signature.as_ref())
        .to_bytes()
        .unwrap()
}

/// A folder with a release, its artifacts and the key.
fn folder(envelope: &[u8]) -> TempDir {
    let dir = TempDir::new().unwrap();
    let put = |name: &str, bytes: &[u8]| {
        let path = dir.path().join(name);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, bytes).unwrap();
    };
    put("release.dsse.json", envelope);
    put("Build.zip", BUILD);
    put("Config/sql/1.sql", SQL);
    put("signing.key", STANDARD.encode(der(&SIGNER)).as_bytes());
    put("other.key", STANDARD.encode(der(&signer())).as_bytes());
    dir
}

#[derive(Debug, Parser)]
struct Line {
    #[command(flatten)]
    options: Options,
}

/// The verdict on a command line, in which `@` is the folder.
fn verify_in(dir: &Path, line: &str) -> Result<Verdict, String> {
    let line = line.replace('@', dir.to_str().unwrap());
    let words = std::iter::once("verify").chain(line.split_whitespace());
    let line = Line::try_parse_from(words).map_err(|error| error.to_string())?;
    verify(&line.options).map_err(|error| {
        assert!(error.is::<WrongUse>(), "{error:?}");
        error.to_string()
    })
}

/// What is printed of it, without what differs from run to run.
fn told(verdict: &Verdict, dir: &Path) -> String {
    let mut steady = verdict.clone();
    let short = |text: &str| text.replace(dir.to_str().unwrap(), "DIR");
    steady.place = short(&steady.place);
    steady.reasons = steady.reasons.iter().map(|reason| short(reason)).collect();
    steady.sha256 = Some("SHA256-OF-THE-ENVELOPE".to_owned());
    if let Some(signed) = &mut steady.signed {
        assert_eq!(signed.key, sha256(&der(&SIGNER)));
        signed.key = "SHA256-OF-THE-KEY".to_owned();
        signed.file = short(&signed.file);
    }
    words::words(&steady, Paint(false))
}

#[test]
fn a_release_is_verified_and_told() {
    let dir = folder(&envelope(|_| {}));
    let dir = dir.path();
    let line = "@ --key @/other.key --key @/signing.key --account 222222222222 --artifacts @";
    let verdict = verify_in(dir, line).unwrap();
    assert_eq!(verdict.reasons, [""; 0]);
    insta::assert_snapshot!(told(&verdict, dir));
    let told = data::data(&verdict);
    assert_eq!(told["verified"], true);
    assert_eq!(told["release"], format!("orders/{EXECUTION}"));
    assert_eq!(
        told["checked"],
        json!(["signature", "account", "artifacts"])
    );
    assert_eq!(told["artifacts"][1]["compared"], "same");
    let said: Predicate = serde_json::from_value(told["statement"]["predicate"].clone()).unwrap();
    assert_eq!(said, serde_json::from_value(predicate()).unwrap());
}

#[test]
fn a_short_release_is_told_as_it_is() {
    let bytes = envelope(|said| {
        said["approvals"] = json!([]);
        said["images"] = json!([]);
        said["source"]["revisions"] = json!([]);
        said.as_object_mut().unwrap().remove("preview");
    });
    let dir = folder(&bytes);
    let dir = dir.path();
    let verdict = verify_in(dir, "@/release.dsse.json --key @/signing.key").unwrap();
    let told = words::words(&verdict, Paint(false));
    let told = told.split_whitespace().collect::<Vec<_>>().join(" ");
    for expected in [
        "Sources none",
        "Images none",
        "Approved by nobody: the release needed no approval",
        "Preview none",
        "Not checked its place in the bucket, the account (--account), the region (--region)",
    ] {
        assert!(told.contains(expected), "{expected}\n{told}");
    }
    assert_eq!(data::data(&verdict)["artifacts"], json!([]));
}

#[test]
fn every_reason_not_to_believe_it_is_told() {
    let dir = folder(&envelope(|said| said["artifacts"][1]["size"] = json!(7)));
    let dir = dir.path();
    fs::write(dir.join("Build.zip"), b"b zip").unwrap();
    let line = "@ --key @/signing.key --account 444444444444 --region us-east-1 --bucket other \
                --artifacts @";
    let verdict = verify_in(dir, line).unwrap();
    let told = told(&verdict, dir);
    insta::assert_snapshot!(told.split("\n\n").next().unwrap());
    fs::remove_file(dir.join("Build.zip")).unwrap();
    let verdict = verify_in(dir, "@ --key @/signing.key --artifacts @").unwrap();
    assert!(
        verdict.reasons[0].contains("Build.zip: is not in "),
        "{:?}",
        verdict.reasons
    );
    let told = data::data(&verdict);
    assert_eq!(told["verified"], false);
    assert_eq!(told["artifacts"][0]["compared"], "missing");
    assert_eq!(told["artifacts"][1]["compared"], "other");
}

// rules: 3.8.2 3.8.5
#[test]
fn nothing_is_told_of_what_no_trusted_key_signed() {
    let good = envelope(|_| {});
    let text = String::from_utf8(good.clone()).unwrap();
    let sig = text.find("\"sig\":\"").unwrap() + 40;
    let other = if text[sig..].starts_with('A') {
        "B"
    } else {
        "A"
    };
    let mut forged = text.clone();
    forged.replace_range(sig..=sig, other);
    let bytes = [
        forged,
        text.replace("in-toto", "in-tutu"),
        text.replacen("\"payload\":\"e", "\"payload\":\"f", 1),
        "{}".to_owned(),
        String::new(),
    ];
    let cases = bytes
        .into_iter()
        .map(|bytes| (bytes.into_bytes(), "signing.key"));
    for (bytes, key) in cases.chain([(good, "other.key")]) {
        let dir = folder(&bytes);
        let dir = dir.path();
        let verdict = verify_in(dir, &format!("@ --key @/{key} --artifacts @")).unwrap();
        assert_eq!(verdict.reasons.len(), 1, "{:?}", verdict.reasons);
        let (told, data) = (words::words(&verdict, Paint(false)), data::data(&verdict));
        assert!(told.starts_with("NOT verified: "), "{told}");
        assert!(told.contains("What it says is not told"), "{told}");
        assert!(!told.contains("orders"), "{told}");
        assert_eq!(data["verified"], false);
        for key in ["statement", "release", "key"] {
            assert_eq!(data[key], Value::Null);
        }
    }
}

// rules: 3.8.4
#[test]
fn a_release_in_a_bucket_lies_where_it_says() {
    let key = PublicKey::from_der(&der(&SIGNER)).unwrap();
    let keys = [Key {
        key,
        file: "signing.key".to_owned(),
    }];
    let own = format!("releases/orders/{EXECUTION}/release.dsse.json");
    for (bucket, key, expected) in [
        ("production-releases", own.as_str(), [].as_slice()),
        (
            "staging-releases",
            &own,
            &["bucket: the release is for production-releases, and lies in staging-releases"],
        ),
        (
            "production-releases",
            "copy/release.dsse.json",
            &["and lies in copy/"],
        ),
        (
            "production-releases",
            "release.dsse.json",
            &["and lies in "],
        ),
        (
            "x",
            "releases/orders/other/release.dsse.json",
            &["and lies in releases/orders/other/", "and lies in x"],
        ),
    ] {
        let place = Place::Object {
            bucket: bucket.to_owned(),
            key: key.to_owned(),
        };
        let verdict = verdict::judge(&place, &envelope(|_| {}), &keys, &Expected::default());
        assert_eq!(
            verdict.reasons.len(),
            expected.len(),
            "{:?}",
            verdict.reasons
        );
        for (reason, expected) in verdict.reasons.iter().zip(expected) {
            assert!(reason.contains(expected), "{reason}");
        }
        let checked = data::data(&verdict)["checked"].clone();
        assert_eq!(checked, json!(["signature", "place", "bucket"]));
    }
}

#[test]
fn an_artifact_elsewhere_is_not_looked_for_there() {
    let bytes = envelope(|said| said["artifacts"][0]["key"] = json!("../../etc/passwd"));
    let dir = folder(&bytes);
    let verdict = verify_in(dir.path(), "@ --key @/signing.key --artifacts @").unwrap();
    let expected = [
        "its artifact ../../etc/passwd lies outside of its folder",
        "../../etc/passwd: is not a file in the release's folder, and was not looked at",
    ];
    for (reason, expected) in verdict.reasons.iter().zip(expected) {
        assert!(reason.contains(expected), "{reason}");
    }
}

#[test]
fn a_release_is_called_by_place_or_name() {
    let dir = folder(b"");
    let file = dir.path().join("release.dsse.json");
    let object = |key: &str| Place::Object {
        bucket: "b".to_owned(),
        key: key.to_owned(),
    };
    let release = format!("releases/orders/{EXECUTION}/release.dsse.json");
    let name = format!("orders/{EXECUTION}");
    for (text, bucket, expected) in [
        (
            file.to_str().unwrap().to_owned(),
            None,
            Place::File(file.clone()),
        ),
        (
            dir.path().to_str().unwrap().to_owned(),
            Some("b"),
            Place::File(file.clone()),
        ),
        (name.clone(), Some("b"), object(&release)),
        (format!("s3://b/{release}"), None, object(&release)),
        (format!("s3://b/{release}"), Some("other"), object(&release)),
        (format!("s3://b/releases/{name}"), None, object(&release)),
        (format!("s3://b/releases/{name}/"), None, object(&release)),
        ("s3://b/copy.json".to_owned(), None, object("copy.json")),
    ] {
        assert_eq!(Place::find(&text, bucket), Ok(expected), "{text}");
    }
    for (text, bucket, expected) in [
        (
            name.as_str(),
            None,
            "is a release's name: add --bucket BUCKET",
        ),
        ("orders", Some("b"), "orders is no file here"),
        ("orders/7", Some("b"), "orders/7 is no file here"),
        ("/no/such/release.dsse.json", None, "is no file here"),
        ("s3://", None, "is no object's address"),
        ("s3://b", None, "is no object's address"),
        ("s3://b/", None, "is no object's address"),
        ("s3:///a", None, "is no object's address"),
    ] {
        let wrong = Place::find(text, bucket).unwrap_err();
        assert!(wrong.contains(expected), "{wrong}");
    }
}

#[test]
fn all_wrong_use_is_told_at_once() {
    let dir = folder(b"");
    let dir = dir.path();
    let line = "@/none --key @/none.key --key @/Build.zip --artifacts @/Build.zip";
    let wrong = verify_in(dir, line).unwrap_err();
    insta::assert_snapshot!(wrong.replace(dir.to_str().unwrap(), "DIR"));
    for (line, expected) in [
        ("@", "--key <FILE>"),
        ("--key @/signing.key", "<RELEASE>"),
        (
            "@ --key @/signing.key --account 2222",
            "the twelve digits of an account",
        ),
        (
            "@ --key @/signing.key --region sydney",
            "a region such as ap-southeast-2",
        ),
        (
            "@/Config --key @/signing.key",
            "release.dsse.json cannot be read",
        ),
    ] {
        let wrong = verify_in(dir, line).unwrap_err();
        assert!(wrong.contains(expected), "{line}: {wrong}");
    }
}

#[test]
fn what_cannot_be_read_says_what_to_do() {
    use aws::error::{CallError, Kind};
    let kinds = [
        Kind::Denied,
        Kind::Missing,
        Kind::Throttled,
        Kind::Unanswered,
        Kind::Refused,
    ];
    let told = kinds.map(|kind| {
        let error = CallError {
            operation: "s3:GetObject",
            kind,
            code: "Code".to_owned(),
            message: "why".to_owned(),
        };
        fetch::unread("s3://b/k", &error)
    });
    insta::assert_snapshot!(told.join("\n"));
    let verdict = Verdict::unread(&Place::File(PathBuf::from("x")), told[0].clone());
    assert!(words::words(&verdict, Paint(false)).starts_with("NOT verified: x\n- s3://b/k could"));
    assert_eq!(data::data(&verdict)["envelope"]["sha256"], Value::Null);
}
