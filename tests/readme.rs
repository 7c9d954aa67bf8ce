//! The README's way from nothing to two accounts, typed as it is written, and every other block of
//! commands in it accounted for.
//!
//! What is not as on AWS: `sam build` has been done (a debug build), functions look every second, and there
//! is no CodePipeline, so the pipeline's template is deployed and run as `redbutton rehearse` does.

use std::collections::BTreeMap;
use std::fs;
use std::os::unix::fs::{PermissionsExt, symlink};
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::{Arc, Mutex};

use rehearsal::package::{Profile, package, tool};
use rehearsal::pipeline::{
    Approval, Audience, Choice, Decision, Event, Inputs, Pipeline, PipelineTemplate, Programs,
    Status,
};
use rehearsal::{Options, Progress, Rehearsal, suite, workspace, world};

use crate::fixture::PATIENCE;

/// The section that is typed.
const SECTION: &str = "## From nothing to two accounts";

/// Blocks of other sections by what they begin with, and why they are not typed here.
const OTHERS: [(&str, &str); 6] = [
    ("cargo xtask demo", "the demo and the tests themselves"),
    (
        "cargo redbutton verify",
        "its files are of a release: tests/releases.rs has some",
    ),
    ("cargo redbutton rehearse", "tests/redbutton.rs types it"),
    (
        "cargo xtask invoke",
        "keeps AWS up until Ctrl-C: tests/local.rs has what it does",
    ),
    (
        "AWS_SHARED_CREDENTIALS_FILE=",
        "needs Docker and a folder of a run: tests/local.rs",
    ),
    ("cargo xtask test", "the tests themselves"),
];

/// The blocks of shell commands of a text, in their order.
fn blocks(text: &str) -> Vec<&str> {
    let pieces = text.split("```sh\n").skip(1);
    pieces
        .map(|piece| piece.split("```").next().unwrap())
        .collect()
}

fn readme() -> String {
    fs::read_to_string(workspace::root().join("README.md")).unwrap()
}

#[test]
fn every_block_of_the_readme_is_typed_or_said_why_not() {
    let text = readme();
    let (before, rest) = text.split_once(SECTION).unwrap();
    let (section, after) = rest.split_once("\n## ").unwrap();
    assert_eq!(blocks(section).len(), 9);
    let others = [blocks(before), blocks(after)].concat();
    for block in &others {
        let known = OTHERS.iter().find(|(begin, _)| block.starts_with(begin));
        let (begin, why) = known.unwrap_or_else(|| panic!("nobody types this block:\n{block}"));
        eprintln!("left out: README, {begin}…: {why}");
    }
    assert_eq!(others.len(), OTHERS.len());
}

/// Presses every button, as whoever it is told to be.
struct Presser(Mutex<&'static str>);

impl Audience for Presser {
    fn hear(&self, _: &Event) {}

    fn decide(&self, _: &Approval) -> Decision {
        Decision {
            approved: true,
            by: (*self.0.lock().unwrap()).to_owned(),
            summary: String::new(),
        }
    }
}

/// A terminal of somebody who has just cloned the repository.
struct Newcomer {
    rehearsal: Rehearsal,
    /// The clone.
    here: PathBuf,
    environment: Vec<(String, String)>,
}

impl Newcomer {
    fn new() -> Self {
        let quiet: Progress = Arc::new(|_| {});
        package(Profile::Dev, None, &*quiet).unwrap();
        let rehearsal = Rehearsal::start(Options {
            tasks_end: true,
            ..Options::default()
        })
        .unwrap();
        let (root, dir) = (workspace::root(), rehearsal.dir().join("readme"));
        let here = dir.join("redbutton");
        fs::create_dir_all(here.join(".aws-sam")).unwrap();
        for name in ["template.yaml", "samconfig.toml", "templates", "examples"] {
            symlink(root.join(name), here.join(name)).unwrap();
        }
        let built = workspace::target().join("package").join("dev");
        symlink(built, here.join(".aws-sam/build")).unwrap();

        let bin = dir.join("bin");
        fs::create_dir_all(&bin).unwrap();
        let sam = rehearsal.tools().sam();
        // What is said to the pipeline's template is kept: no CodePipeline is here to take it.
        let (ours, told) = (suite::ca_bundle().unwrap(), dir.join("pipeline"));
        program(
            &bin.join("sam"),
            &format!(
                "case \"$*\" in\n\
                 build) ;;\n\
                 *templates/pipeline.yaml*) echo \"$@\" > '{}' ;;\n\
                 *Side=tooling*) exec '{sam}' \"$@\" CaBundleFile={ours} LookEverySeconds=1 ;;\n\
                 *Side=production*) exec '{sam}' \"$@\" CaBundleFile={ours} StepEverySeconds=1 ;;\n\
                 *) exec '{sam}' \"$@\" ;;\nesac",
                told.display(),
                sam = sam.display(),
            ),
        );
        let redbutton = tool("redbutton", &*quiet).unwrap();
        program(
            &bin.join("cargo"),
            &format!(
                "test \"$1\" = redbutton || exec '{}' \"$@\"\nshift\nexec '{}' \"$@\"",
                env!("CARGO"),
                redbutton.display()
            ),
        );
        let profile = |name: &str, account: &str| {
            format!(
                "[profile {name}]\naws_access_key_id = {account}\naws_secret_access_key = any\n"
            )
        };
        let config = dir.join("config");
        let profiles = [
            profile("tooling", "111111111111"),
            profile("test", suite::TARGET_ACCOUNT),
            profile("production", suite::PRODUCTION_ACCOUNT),
        ];
        fs::write(&config, profiles.concat()).unwrap();
        let path = format!("{}:{}", bin.display(), std::env::var("PATH").unwrap());
        let programs = Programs::of(&rehearsal).environment(&dir, &path).unwrap();
        let mut environment: Vec<(String, String)> = programs.into_iter().collect();
        let codepipeline = format!("http://{}", rehearsal.proxy().address());
        for (name, value) in [
            ("AWS_ENDPOINT_URL", rehearsal.tooling().endpoint()),
            ("AWS_ENDPOINT_URL_CODEPIPELINE", codepipeline),
            ("AWS_CONFIG_FILE", config.display().to_string()),
            ("AWS_SHARED_CREDENTIALS_FILE", "/dev/null".to_owned()),
            ("AWS_EC2_METADATA_DISABLED", "true".to_owned()),
            ("SAM_CLI_TELEMETRY", "0".to_owned()),
            ("GIT_CONFIG_GLOBAL", "/dev/null".to_owned()),
            ("GIT_AUTHOR_NAME", "ada".to_owned()),
            ("GIT_AUTHOR_EMAIL", "ada@example.com".to_owned()),
            ("GIT_COMMITTER_NAME", "ada".to_owned()),
            ("GIT_COMMITTER_EMAIL", "ada@example.com".to_owned()),
        ] {
            environment.push((name.to_owned(), value));
        }
        let tooling = rehearsal.tooling();
        tooling
            .query("iam", "CreateUser", &[("UserName", "ada")])
            .unwrap();
        Self {
            rehearsal,
            here,
            environment,
        }
    }

    /// Types a block, and answers what it printed.
    fn types(&self, block: &str) -> String {
        // What a shell and cargo need of this one's environment, and nothing that leads to AWS.
        let kept = ["HOME", "USER", "LANG", "CARGO_HOME", "RUSTUP_HOME"];
        let inherited = std::env::vars().filter(|(name, _)| kept.contains(&&**name));
        let output = Command::new("bash")
            .args(["-euo", "pipefail", "-c", block])
            .current_dir(&self.here)
            .env_clear()
            .envs(inherited)
            .envs(self.environment.iter().map(|(name, value)| (name, value)))
            .output()
            .unwrap();
        let said = String::from_utf8_lossy(&output.stdout).into_owned();
        assert!(
            output.status.success(),
            "{block}\n{said}\n{}",
            String::from_utf8_lossy(&output.stderr)
        );
        said
    }

    /// What CodePipeline would have made of the command that was typed.
    fn pipeline(&self, presser: &Arc<Presser>) -> Pipeline {
        let told = fs::read_to_string(self.rehearsal.dir().join("readme/pipeline")).unwrap();
        let (_, given) = told.split_once("--parameter-overrides ").unwrap();
        let pairs = given.split_whitespace().map(|pair| {
            let (name, value) = pair.split_once('=').unwrap();
            (name.to_owned(), value.to_owned())
        });
        let parameters: BTreeMap<String, String> = pairs.collect();
        let template = workspace::root().join("templates/pipeline.yaml");
        let template = PipelineTemplate::read(&template).unwrap();
        assert!(template.check_parameters(&parameters).is_empty());
        let choice = Choice {
            stack: "web-pipeline",
            pipeline: &template.pipeline(None).unwrap(),
            parameters: &parameters,
            leave_out: &[],
        };
        let quiet: Progress = Arc::new(|_| {});
        let deployed = template.deploy(&self.rehearsal, &choice, &quiet).unwrap();
        assert_eq!(
            deployed.left_out,
            [(
                "Notifications".to_owned(),
                "AWS::CodeStarNotifications::NotificationRule".to_owned()
            )]
        );
        let inputs = Inputs {
            builds: deployed.builds,
            ..Inputs::default()
        };
        let audience = Arc::clone(presser);
        Pipeline::new(&self.rehearsal, deployed.definition, inputs, audience).unwrap()
    }

    /// The stacks that are left in an account, but for the one that SAM makes for itself.
    fn left(&self, account: &str, region: &str) -> Vec<String> {
        let account = self.rehearsal.account(account, region);
        let listed = account
            .query("cloudformation", "DescribeStacks", &[])
            .unwrap();
        let names = rehearsal::xml_texts(&listed, "StackName");
        let mut left: Vec<String> = names
            .into_iter()
            .filter(|name| name != "aws-sam-cli-managed-default")
            .collect();
        left.sort();
        left.dedup();
        left
    }
}

fn program(path: &Path, text: &str) {
    fs::write(path, format!("#!/bin/sh\n{text}\n")).unwrap();
    fs::set_permissions(path, fs::Permissions::from_mode(0o755)).unwrap();
}

#[test]
fn a_newcomer_gets_from_nothing_to_two_accounts_and_back() {
    let text = readme();
    let (_, rest) = text.split_once(SECTION).unwrap();
    let (section, _) = rest.split_once("\n## ").unwrap();
    let [
        accounts,
        tooling,
        image,
        tests,
        production,
        pipeline,
        release,
        serves,
        remove,
    ] = <[&str; 9]>::try_from(blocks(section)).unwrap();
    let newcomer = Newcomer::new();
    let said = newcomer.types(accounts);
    assert_eq!(said, "111111111111\n333333333333\n222222222222\n");
    assert!(newcomer.types(tooling).ends_with("\nCREATE_COMPLETE\n"));
    assert!(newcomer.types(image).ends_with("\nv1\n"));
    assert!(newcomer.types(tests).ends_with("\n1\t1\n"));
    let said = newcomer.types(production);
    assert!(said.ends_with("\nredbutton-production\n"), "{said}");
    // The command that makes the pipeline, and what needs it to be there.
    let (deployed, more) = pipeline.split_once("\naws ").unwrap();
    newcomer.types(deployed);
    let presser = Arc::new(Presser(Mutex::new("ada")));
    let pipeline = newcomer.pipeline(&presser);
    newcomer.types(&format!("aws {more}"));
    let said = newcomer.types(release);
    for stage in ["Source", "Build", "Test", "Production"] {
        assert!(said.contains(stage), "no {stage} in {said}");
    }
    let id = pipeline.start(&BTreeMap::new()).unwrap();
    let ended = pipeline.wait(&id, PATIENCE).unwrap();
    assert_eq!(ended.status, Status::Succeeded, "{ended:#?}");

    let said = newcomer.types(serves);
    assert!(said.starts_with("PRIMARY\tCOMPLETED\t"), "{said}");
    for part in [
        &format!("web/{id}"),
        "approved by arn:aws:iam::111111111111:user/ada",
    ] {
        assert!(said.contains(part), "no {part:?} in {said}");
    }
    let service = |account: &str| {
        let account = newcomer.rehearsal.account(account, suite::TARGET_REGION);
        let service = world::stack(&account, "web").unwrap().service("Service");
        let arn = service.unwrap().primary_task_definition().unwrap();
        let found = world::task_definition(&account, &arn).unwrap();
        let image = &found["taskDefinition"]["containerDefinitions"][0]["image"];
        image.as_str().unwrap().to_owned()
    };
    let (test, live) = (
        service(suite::TARGET_ACCOUNT),
        service(suite::PRODUCTION_ACCOUNT),
    );
    assert!(live.contains("@sha256:") && live == test, "{test} {live}");

    // Whoever may press the button in CodePipeline, production believes those whom it names.
    *presser.0.lock().unwrap() = "mallory";
    let id = pipeline.start(&BTreeMap::new()).unwrap();
    let ended = pipeline.wait(&id, PATIENCE).unwrap();
    let approved = ended.action("Production", "Approve").unwrap();
    assert_eq!(approved.status, Status::Succeeded);
    let refused = ended.action("Production", "Release").unwrap();
    let why = &refused.error.as_ref().unwrap().message;
    for part in [
        "production refused this release",
        "was approved by arn:aws:iam::111111111111:user/mallory, who is none of the approvers",
    ] {
        assert!(why.contains(part), "no {part:?} in {why}");
    }
    assert_eq!(service(suite::PRODUCTION_ACCOUNT), live);

    drop(pipeline);
    newcomer.types(remove);
    assert_eq!(newcomer.left("111111111111", "us-east-1"), [""; 0]);
    assert_eq!(
        newcomer.left(suite::TARGET_ACCOUNT, suite::TARGET_REGION),
        [""; 0]
    );
    assert_eq!(
        newcomer.left(suite::PRODUCTION_ACCOUNT, suite::TARGET_REGION),
        [""; 0]
    );
}
