//! The commands for people: deploy, rollback, ledger, why, as the binary that they get, with the credentials
//! of the production account.

use std::fs;
use std::process::Command;

use rehearsal::{package, suite, workspace};
use serde_json::json;
use shared::ledger;
use shared::release::outcome::Kind;

use crate::fixture::{World, world};

impl World {
    /// Runs `redbutton`, and answers its exit code and all that it said, in one line.
    fn redbutton(&self, arguments: &[&str]) -> (Option<i32>, String) {
        let production = &self.suite.production;
        let credentials = production.credentials();
        let output = Command::new(package::tool("redbutton", &|_| {}).unwrap())
            .args(arguments)
            .env("AWS_ENDPOINT_URL", production.endpoint())
            .env("AWS_ACCESS_KEY_ID", credentials.access_key_id())
            .env("AWS_SECRET_ACCESS_KEY", credentials.secret_access_key())
            .env("AWS_REGION", suite::TARGET_REGION)
            .env("AWS_EC2_METADATA_DISABLED", "true")
            .output()
            .unwrap();
        let said = [output.stdout, output.stderr].concat();
        let said = String::from_utf8(said).unwrap();
        let flat: Vec<&str> = said.split_whitespace().collect();
        (output.status.code(), flat.join(" "))
    }
}

#[test]
fn people_deploy_go_back_read_the_ledger_and_ask_why() {
    let world = world();
    let line = world.line("commands");
    let first = world.tested_line(&line);
    world.delivered(&first);
    world.arrives(&first);
    assert_eq!(world.ended(&first, 1).result, Kind::Served);
    let second = world.tested_again(&first);
    world.delivered(&second);
    let target = line.target();
    let says = |arguments: &[&str], code: i32, expected: &[&str]| {
        let (found, said) = world.redbutton(arguments);
        assert_eq!(found, Some(code), "{arguments:?}: {said}");
        for part in expected {
            assert!(said.contains(part), "{arguments:?}: no {part:?} in: {said}");
        }
    };

    let release = second.release();
    says(
        &["deploy", &release, "--dry-run"],
        0,
        &["would start", suite::STATE_MACHINE, &release],
    );
    says(
        &["deploy", "orders"],
        2,
        &["must be \"<pipeline>/<execution>\""],
    );
    says(
        &["deploy", &release],
        0,
        &["done: service commands (cluster test"],
    );
    says(
        &["rollback", "--target", &target],
        0,
        &["done: service commands"],
    );
    assert_eq!(world.ended(&first, 2).result, Kind::Served);
    says(
        &["rollback", "--target", "service/x/y/z"],
        1,
        &["FAILED", "the ledger has no entry of target service/x/y/z"],
    );

    let at = ["--bucket", suite::RELEASES_BUCKET];
    let with = |arguments: &[&'static str]| [arguments, &at].concat();
    let shown: Vec<&str> = [&["ledger", "show", &target][..], &at].concat();
    says(
        &shown,
        0,
        &[
            &target,
            "adopted",
            &first.release(),
            "attempt 2",
            "approved by arn:aws:iam::111111111111:user/ada",
        ],
    );
    let bytes = world.release_object(&ledger::key(&target, 4));
    let head = ledger::hash(&bytes);
    let verify: Vec<&str> = [
        &["ledger", "verify", &target, "--announced", &head][..],
        &at,
    ]
    .concat();
    says(&verify, 0, &["whole", "4 entries", &head]);
    let other = "0".repeat(64);
    let verify: Vec<&str> = [
        &["ledger", "verify", &target, "--announced", &other][..],
        &at,
    ]
    .concat();
    says(&verify, 1, &["BROKEN", "00000004.json"]);
    says(
        &with(&["ledger", "show", "service/x/y/z"]),
        2,
        &["the ledger has no target service/x/y/z"],
    );

    let key = workspace::target().join("commands.key");
    fs::write(&key, world.signing_key()).unwrap();
    let key = key.to_string_lossy().into_owned();
    // The pipeline of the tests has no source: that link is missing, and named.
    let links = [
        "✓ ledger: entry 4",
        "✓ release: ",
        "✓ tested: ",
        "✓ approved: by arn:aws:iam::111111111111:user/ada",
        "✗ commit: the pipeline named no revision",
    ];
    let why: Vec<&str> = [&["why", &first.digest, "--key", &key][..], &at].concat();
    says(&why, 1, &links);
    let nobody = format!("sha256:{}", "0".repeat(64));
    let why: Vec<&str> = [&["why", &nobody, "--key", &key][..], &at].concat();
    says(&why, 1, &["✗ ledger: no entry says that this image served"]);
    says(
        &[&["why", "latest", "--key", &key][..], &at].concat(),
        2,
        &["latest is neither a digest"],
    );

    // What a task runs leads to the same; in this emulator its tasks have no digest of their own.
    let target = "AmazonEC2ContainerServiceV20141113.ListTasks";
    let tasks = json!({"cluster": "test", "serviceName": "commands"});
    let tasks = world.suite.production.json("ecs", target, tasks).unwrap();
    let task = tasks["taskArns"][0].as_str().unwrap().to_owned();
    let why: Vec<&str> = [&["why", &task, "--key", &key][..], &at].concat();
    says(&why, 1, &[&first.digest, "✓ ledger", "✗ commit"]);
}
