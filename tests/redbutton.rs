//! `redbutton rehearse` as people call it, on `examples/pipeline`: what it prints, and how it ends.

use std::fs;
use std::process::{Command, Stdio};

use rehearsal::package;
use rehearsal::workspace;
use serde_json::{Value, json};

const PIPELINE: &str = "examples/pipeline/pipeline.yaml";
const WORLD: [&str; 2] = ["--world", "examples/pipeline/world.json"];
const SOURCE: [&str; 2] = ["--source", "Source=examples/pipeline/source"];

/// Exit code and output of a rehearsal without a terminal.
fn rehearse(template: &str, arguments: &[&str]) -> (Option<i32>, String) {
    let redbutton = package::tool("redbutton", &|_| {}).unwrap();
    let output = Command::new(redbutton)
        .current_dir(workspace::root())
        .args(["rehearse", template])
        .args(arguments)
        .stdin(Stdio::null())
        .output()
        .unwrap();
    let said = [output.stdout, output.stderr].concat();
    let said = String::from_utf8(said).unwrap();
    (output.status.code(), said)
}

/// What was said, without line breaks, since lines are wrapped.
fn flat(said: &str) -> String {
    let words = said.split_whitespace().filter(|word| *word != "│");
    words.collect::<Vec<_>>().join(" ")
}

fn assert_says(said: &str, expected: &[&str]) {
    for text in expected {
        assert!(flat(said).contains(text), "not said: {text}\n{said}");
    }
}

/// The same on a terminal, where a person gives these answers to these questions.
fn at_a_terminal(arguments: &[&str], answers: &[(&str, &str)]) -> (Option<i32>, String) {
    let redbutton = package::tool("redbutton", &|_| {}).unwrap();
    let output = Command::new("python3")
        .current_dir(workspace::root())
        .arg("tests/redbutton/terminal.py")
        .arg(json!(answers).to_string())
        .arg(redbutton)
        .args(["rehearse", PIPELINE])
        .args(arguments)
        .env("NO_COLOR", "1")
        .stdin(Stdio::null())
        .output()
        .unwrap();
    let said = [output.stdout, output.stderr].concat();
    (output.status.code(), String::from_utf8(said).unwrap())
}

/// Asserts that these texts come one after the other.
fn assert_in_order(said: &str, expected: &[&str]) {
    let flat = flat(said);
    let mut rest = flat.as_str();
    for text in expected {
        let found = rest.split_once(text);
        rest = found
            .unwrap_or_else(|| panic!("not said, or too early: {text}\n{said}"))
            .1;
    }
}

#[test]
fn a_person_sees_what_is_asked_decides_and_opens_the_preview() {
    let arguments = [&WORLD[..], &SOURCE, &["--region", "eu-west-1"]].concat();
    let test = "Approve Test/Approve? [y/N]";
    let production = "Approve Production/Approve? [y/N]";
    let comment = "Comment, or nothing:";
    let retry = "Stage Test failed. Retry it? [failed/all/NO]";
    let answers = [
        (test, "n"),
        (comment, "not today"),
        (retry, "failed"),
        (test, "y"),
        (comment, "as agreed"),
        (production, "y"),
        (comment, ""),
    ];
    let (code, said) = at_a_terminal(&arguments, &answers);
    assert_eq!(code, Some(0), "{said}");
    assert_in_order(
        &said,
        &[
            "Pipeline orders (QUEUED)",
            "IMAGE_TAG = v2",
            "Release orders v2 to test?",
            test,
            "Approve Failed",
            "not today",
            retry,
            "Test (attempt 2)",
            "Release orders v2 to test?",
            test,
            "Approve Succeeded",
            "as agreed",
            "stack orders (ap-southeast-2, account 333333333333) is updated",
            "Preview Succeeded",
            "Preview: 1 of 1 target would change.",
            "1 exception, 1 sign of drift, 1 point not proven.",
            "PageUrl = https://eu-west-1.console.aws.amazon.com/s3/object/",
            "On this machine: file://",
            "a person decides Preview: 1 of 1 target would change.",
            "Review: https://eu-west-1.console.aws.amazon.com/s3/object/",
            "On this machine: file://",
            production,
            "Release Lambda redbutton-artifact-copier",
            "Release Succeeded",
            "stack orders (ap-southeast-2, account 222222222222) is updated",
            "ReleaseUri = s3://releases-222222222222-ap-southeast-2/releases/orders/",
            "Succeeded: execution",
        ],
    );
    let (_, path) = said.split_once("On this machine: file://").unwrap();
    let page = fs::read_to_string(path.split_whitespace().next().unwrap()).unwrap();
    assert!(page.contains("Preview of a release"), "{page}");
    assert!(page.contains("222222222222"), "{page}");
}

#[test]
fn a_rejected_pipeline_stops_there_and_ends_with_1() {
    let arguments = [&SOURCE[..], &["--approve", "none", "--json"]].concat();
    let (code, said) = rehearse(PIPELINE, &arguments);
    assert_eq!(code, Some(1), "{said}");
    let events: Vec<Value> = said
        .lines()
        .map(|line| serde_json::from_str(line).unwrap())
        .collect();
    let began = |action: &str| {
        let begun = |event: &&Value| event["event"] == "actionStarted" && event["action"] == action;
        events.iter().filter(begun).count()
    };
    assert_eq!((began("Approve"), began("RollOut")), (1, 0), "{said}");
    assert_eq!(events[0]["event"], "plan");
    assert_eq!(events[0]["pipeline"], "orders");
    let outcome = events.last().unwrap();
    assert_eq!(outcome["event"], "outcome");
    assert_eq!(outcome["status"], "Failed");
    assert_eq!(outcome["at"], "Test/Approve");
}

#[test]
fn an_approval_that_nobody_is_there_for_stops_the_run_and_says_how_to_go_on() {
    let arguments = [&SOURCE[..], &["--executions", "2"]].concat();
    let (code, said) = rehearse(PIPELINE, &arguments);
    assert_eq!(code, Some(1), "{said}");
    assert_says(
        &said,
        &[
            "Release orders v2 to test?",
            "waits for the approval Test/Approve, and nobody is here to decide",
            "--approve Approve",
        ],
    );
}

#[test]
fn a_template_is_resolved_and_what_cannot_be_here_is_named() {
    let template = "tests/redbutton/connection.yaml";
    let arguments = [
        "--dry-run",
        "--parameters",
        "Team=web",
        "--source",
        "Git=shared",
    ];
    let (code, said) = rehearse(template, &arguments);
    assert_eq!(code, Some(0), "{said}");
    assert_says(
        &said,
        &[
            "Pipeline web-releases (SUPERSEDED)",
            "Call Lambda web-call",
            "Deploy/Cfn: Deploy by CloudFormation; it counts as done",
            "the resource Github, AWS::CodeStarConnections::Connection",
            "the resource Hook, AWS::CodePipeline::Webhook",
            "--artifact Out=FOLDER",
        ],
    );
}

#[test]
fn wrong_use_ends_with_2_and_names_all_that_is_wrong() {
    let arguments = ["--parameters", "X=1", "--source", "Source=/no/such/folder"];
    let (code, said) = rehearse(PIPELINE, &arguments);
    assert_eq!(code, Some(2), "{said}");
    assert_says(
        &said,
        &[
            "/no/such/folder is no folder",
            "no parameter \"X\", nor any other",
        ],
    );
    let (code, said) = rehearse(PIPELINE, &["--dry-run", "--source", "Git=examples"]);
    assert_eq!(code, Some(2), "{said}");
    assert_says(&said, &["Git", "Source"]);
}

#[test]
fn a_pipeline_that_codepipeline_would_refuse_is_told_before_it_runs() {
    let source = ["--source", "Git=shared"];
    let (code, said) = rehearse("tests/redbutton/wrong.yaml", &source);
    assert_eq!(code, Some(2), "{said}");
    assert_says(
        &said,
        &["the pipeline is wrong", "Nowhere", "Later.Summary"],
    );
}
