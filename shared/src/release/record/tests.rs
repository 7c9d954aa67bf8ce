//! What `record` promises: one good execution, and everything that makes it another one.

use super::super::statement;
use super::*;
use serde_json::json;

const ROLLOUT: &str = "Build::production.json";
const ANA: &str = "arn:aws:iam::111111111111:user/ana";
const PROOF: &str = r#"{"targets":[{"name":"web"}]}"#;

/// `Stage/Action Category Status started..updated`, in seconds.
fn action(text: &str) -> Action {
    let words: Vec<&str> = text.split_whitespace().collect();
    let [place, category, status, time] = words[..] else {
        panic!("{text}")
    };
    let (stage, name) = place.split_once('/').unwrap();
    let (started, updated) = time.split_once("..").unwrap();
    let millis = |seconds: &str| (seconds.parse::<f64>().unwrap() * 1000.0) as u64;
    Action {
        stage: stage.to_owned(),
        name: name.to_owned(),
        id: format!("{name}-{started}"),
        category: category.to_owned(),
        status: status.to_owned(),
        started: millis(started),
        updated: millis(updated),
        ..Action::default()
    }
}

fn build(key: &str) -> Artifact {
    Artifact {
        name: "Build".to_owned(),
        bucket: "artifacts".to_owned(),
        key: key.to_owned(),
    }
}

fn rollout(text: &str) -> Action {
    Action {
        function: UPDATER.to_owned(),
        inputs: vec![build("b1")],
        variables: [("Proof".to_owned(), PROOF.to_owned())].into(),
        ..action(text)
    }
}

fn look(text: &str) -> Action {
    let parameters = json!({
        "rollout": ROLLOUT, "role": "arn:aws:iam::222222222222:role/redbutton-preview",
    });
    Action {
        function: format!("arn:aws:lambda:us-east-1:111111111111:function:{PREVIEW}:live"),
        parameters: Some(parameters.to_string()),
        inputs: vec![build("b1")],
        variables: [
            ("Fingerprint", "f1"),
            ("PageUrl", "https://example.com/page"),
        ]
        .map(|(key, value)| (key.to_owned(), value.to_owned()))
        .into(),
        ..action(text)
    }
}

fn approval(text: &str) -> Action {
    Action {
        by: Some(ANA.to_owned()),
        summary: "ship it".to_owned(),
        ..action(text)
    }
}

/// Places of the actions in a good execution.
const TEST: usize = 1;
const LOOK: usize = 2;
const APPROVE: usize = 3;

fn execution() -> Vec<Action> {
    vec![
        action("Build/Build Build Succeeded 10..20"),
        rollout("Test/RollOut Invoke Succeeded 20..30"),
        look("Production/Preview Invoke Succeeded 30..40"),
        approval("Production/Approve Approval Succeeded 40..50"),
        action("Production/Release Invoke InProgress 50..51"),
    ]
}

type Read = (Vec<Test>, Vec<Approval>, Option<Preview>);

/// What a release would say of this execution, or everything that speaks against it.
fn read(actions: &[Action]) -> Result<Read, Vec<String>> {
    let latest = latest(actions);
    let (released, names) = ([build("b1")], ["Production/Approve".to_owned()]);
    let tested = tested(&latest)?;
    let mut wrongs = other_artifacts(&tested, &released);
    let mut approvals = approvals(&latest, &names, &tested)?;
    wrongs.extend(approvers(&mut approvals, &[]));
    let account = Account::parse("222222222222").unwrap();
    let preview = preview(&latest, &account, ROLLOUT, &released, &approvals)?;
    match wrongs.is_empty() {
        true => Ok((
            tested.into_iter().map(|one| one.test).collect(),
            approvals,
            preview,
        )),
        false => Err(wrongs),
    }
}

// rules: 3.2.13
#[test]
fn what_was_tested_approved_and_previewed_is_read() {
    let (tests, approvals, preview) = read(&execution()).unwrap();
    let test = Test {
        stage: "Test".to_owned(),
        action: "RollOut".to_owned(),
        id: "RollOut-20".to_owned(),
        ended: 30,
        proof: serde_json::from_str(PROOF).unwrap(),
    };
    let approval = statement::Approval {
        stage: "Production".to_owned(),
        action: "Approve".to_owned(),
        id: "Approve-40".to_owned(),
        by: ANA.to_owned(),
        at: 50,
        comment: "ship it".to_owned(),
    };
    let seen = Preview {
        id: "Preview-30".to_owned(),
        fingerprint: "f1".to_owned(),
        page: "https://example.com/page".to_owned(),
    };
    assert_eq!(
        (tests, approvals, preview),
        (vec![test], vec![approval], Some(seen))
    );
}

type Case = (fn(&mut Vec<Action>), &'static str);

// rules: 3.2.13
#[test]
fn nothing_that_a_build_says_is_a_proof() {
    let cases: [Case; 8] = [
        // CodeBuild exports whatever variables a build likes.
        (
            |all| {
                all[0].variables = all[TEST].variables.clone();
                all.remove(TEST);
            },
            "nothing was tested",
        ),
        (
            |all| all[TEST].category = "Build".to_owned(),
            "nothing was tested",
        ),
        (
            |all| all[TEST].function = format!("my-{UPDATER}"),
            "nothing was tested",
        ),
        (
            |all| all[TEST].function = format!("arn:aws:lambda:us-east-1:1:function:x:{UPDATER}"),
            "nothing was tested",
        ),
        (
            |all| drop(all[TEST].variables.remove("Proof")),
            "Test/RollOut succeeded and has no variable \"Proof\" that can be read",
        ),
        (
            |all| *all[TEST].variables.get_mut("Proof").unwrap() = PROOF[..9].to_owned(),
            "no variable \"Proof\" that can be read",
        ),
        (
            |all| *all[TEST].variables.get_mut("Proof").unwrap() = "{}".to_owned(),
            "no variable \"Proof\" that can be read",
        ),
        (
            |all| all[TEST].status = "Failed".to_owned(),
            "nothing was tested",
        ),
    ];
    check(&cases);
}

// rules: 3.2.13
#[test]
fn an_action_counts_by_its_latest_run() {
    let cases: [Case; 3] = [
        (
            |all| all.push(rollout("Test/RollOut Invoke Failed 31..32")),
            "nothing was tested",
        ),
        (
            |all| all.insert(0, rollout("Test/RollOut Invoke InProgress 31..31")),
            "nothing was tested",
        ),
        (
            |all| all.push(approval("Production/Approve Approval Failed 51..52")),
            "approval Production/Approve was not given: it is Failed",
        ),
    ];
    check(&cases);
    let mut all = execution();
    let mut second = rollout("Test/RollOut Invoke Succeeded 15..16");
    *second.variables.get_mut("Proof").unwrap() = r#"{"targets":[1]}"#.to_owned();
    all.insert(0, rollout("Test/RollOut Invoke Failed 12..13"));
    all.push(second);
    let (tests, ..) = read(&all).unwrap();
    assert_eq!((tests.len(), tests[0].id.as_str()), (1, "RollOut-20"));
}

// rules: 3.2.13
#[test]
fn what_is_released_is_what_was_tested_and_previewed() {
    let cases: [Case; 2] = [
        (
            |all| all[TEST].inputs = vec![build("b0")],
            "artifact Build is s3://artifacts/b1 here, and Test/RollOut was given s3://artifacts/b0",
        ),
        (
            |all| all[LOOK].inputs = vec![build("b0")],
            "artifact Build is s3://artifacts/b1 here, and Production/Preview was given",
        ),
    ];
    check(&cases);
    // An artifact that is not released may be whatever it is.
    let mut all = execution();
    let name = "Other".to_owned();
    all[TEST].inputs.push(Artifact {
        name,
        ..build("b0")
    });
    read(&all).unwrap();
}

// rules: 3.2.13
#[test]
fn an_approval_is_of_this_execution_and_comes_after_what_it_is_about() {
    let cases: [Case; 11] = [
        (
            |all| drop(all.remove(APPROVE)),
            "is no manual approval that this execution has come to; it has none",
        ),
        (
            |all| all[APPROVE].name = "Other".to_owned(),
            "\"Production/Approve\" is no manual approval that this execution has come to; it has \
             Production/Other",
        ),
        (
            |all| all[APPROVE].category = "Invoke".to_owned(),
            "is no manual approval",
        ),
        (
            |all| all[APPROVE].status = "Failed".to_owned(),
            "was not given: it is Failed",
        ),
        (
            |all| all[APPROVE].status = "InProgress".to_owned(),
            "was not given: it is InProgress",
        ),
        (
            |all| all[APPROVE].status = "Abandoned".to_owned(),
            "was not given: it is Abandoned",
        ),
        (
            |all| all[APPROVE].updated = 29_999,
            "was given before the rollout to test had ended",
        ),
        // The last of several tests counts.
        (
            |all| all.push(rollout("Test/Other Invoke Succeeded 20..50.001")),
            "was given before the rollout to test had ended",
        ),
        (
            |all| all[APPROVE].updated = 39_999,
            "Production/Approve was given before the preview Production/Preview had ended",
        ),
        // In the same second.
        (
            |all| all[LOOK].updated = 50_001,
            "Production/Approve was given before the preview Production/Preview had ended",
        ),
        (
            |all| all[APPROVE].by = None,
            "does not say who gave approval Production/Approve",
        ),
    ];
    check(&cases);
}

/// Runs the good execution with one change each.
fn check(cases: &[Case]) {
    for (change, expected) in cases {
        let mut all = execution();
        change(&mut all);
        let wrongs = read(&all).unwrap_err();
        assert_eq!(wrongs.len(), 1, "{wrongs:?}");
        assert!(wrongs[0].contains(expected), "{expected}: {wrongs:?}");
    }
}

// rules: 3.2.13
#[test]
fn the_pipelines_state_names_an_approver_by_the_same_run() {
    let anonymous = || {
        let mut all = execution();
        all[APPROVE].by = None;
        let latest = latest(&all);
        let tested = tested(&latest).unwrap();
        approvals(&latest, &["Production/Approve".to_owned()], &tested).unwrap()
    };
    let decided = |id: &str, by: &str| Decided {
        id: id.to_owned(),
        by: by.to_owned(),
    };
    for (found, expected) in [
        (vec![], None),
        (vec![decided("Approve-41", ANA)], None),
        (vec![decided("Approve-40", "")], None),
        (
            vec![decided("Approve-1", "eve"), decided("Approve-40", ANA)],
            Some(ANA),
        ),
    ] {
        let mut approvals = anonymous();
        let wrongs = approvers(&mut approvals, &found);
        assert_eq!(
            wrongs.is_empty(),
            expected.is_some(),
            "{found:?} {wrongs:?}"
        );
        assert_eq!(approvals[0].by, expected.unwrap_or_default());
    }
    // Whom the record names is not asked for again.
    let (_, mut approvals, _) = read(&execution()).unwrap();
    approvers(&mut approvals, &[decided("Approve-40", "eve")]);
    assert_eq!(approvals[0].by, ANA);
}

// rules: 3.2.13
#[test]
fn a_preview_is_of_this_destination_and_of_this_rollout_file() {
    let parameters = |rollout: Value, account: &str| {
        let role = format!("arn:aws:iam::{account}:role/redbutton-preview");
        json!({"rollout": rollout, "role": role}).to_string()
    };
    type Change<'a> = Box<dyn Fn(&mut Action) + 'a>;
    let of = |rollout: Value, account: &'static str| -> Change<'_> {
        Box::new(move |action| action.parameters = Some(parameters(rollout.clone(), account)))
    };
    for (change, expected) in [
        (of(json!(ROLLOUT), "222222222222"), Ok(true)),
        // Of no concern here.
        (of(json!(ROLLOUT), "333333333333"), Ok(false)),
        (Box::new(|action| action.parameters = None), Ok(false)),
        (
            Box::new(|action| action.status = "Failed".to_owned()),
            Ok(false),
        ),
        (
            Box::new(|action| action.category = "Build".to_owned()),
            Ok(false),
        ),
        (
            Box::new(|action| action.function = "other".to_owned()),
            Ok(false),
        ),
        (
            Box::new(|action| drop(action.variables.remove("Fingerprint"))),
            Ok(false),
        ),
        (
            of(json!("Build::test.json"), "222222222222"),
            Err("is of Build::test.json, and the release would carry Build::production.json"),
        ),
        (
            of(json!({"targets": []}), "222222222222"),
            Err("is of a rollout file of its own"),
        ),
    ] {
        let mut all = execution();
        change(&mut all[LOOK]);
        match (read(&all), expected) {
            (Ok((_, _, preview)), Ok(there)) => assert_eq!(preview.is_some(), there),
            (Err(wrongs), Err(text)) => assert!(wrongs[0].contains(text), "{wrongs:?}"),
            other => panic!("{other:?}"),
        }
    }
    // The latest one is what approvers could see.
    let mut all = execution();
    let mut later = look("Production/Again Invoke Succeeded 41..42");
    later
        .variables
        .insert("Fingerprint".to_owned(), "f2".to_owned());
    all.insert(0, later);
    let (_, _, preview) = read(&all).unwrap();
    assert_eq!(preview.unwrap().fingerprint, "f2");
}

// rules: 3.2.14
#[test]
fn a_job_belongs_to_an_execution_whose_action_under_way_has_its_function_and_artifacts() {
    let event = json!({"CodePipeline.job": {
        "id": "11111111-abcd-1111-abcd-111111abcdef", "accountId": "111111111111",
        "data": {
            "actionConfiguration": {"configuration": {"FunctionName": "copier"}},
            "inputArtifacts": [
                {"name": "Build", "location": {"type": "S3", "s3Location": {"bucketName": "artifacts", "objectKey": "b1"}}},
                {"name": "Config", "location": {"type": "S3", "s3Location": {"bucketName": "artifacts", "objectKey": "c1"}}},
            ],
            "artifactCredentials": {"accessKeyId": "AKIDEXAMPLE", "secretAccessKey": "x", "sessionToken": "y"},
        },
    }});
    let job = Job::parse(&event).ok().unwrap();
    let ours = || Action {
        function: "arn:aws:lambda:us-east-1:111111111111:function:copier".to_owned(),
        inputs: job.inputs.clone(),
        ..action("Production/Release Invoke InProgress 50..51")
    };
    let check = |change: fn(&mut Action), expected: bool| {
        let mut action = ours();
        change(&mut action);
        assert_eq!(
            belongs(&job, &[self::action("A/B Build Succeeded 1..2"), action]),
            expected
        );
    };
    check(|_| {}, true);
    check(|action| action.function = "copier".to_owned(), true);
    // Names may differ: an action calls its inputs as it likes, where they lie does not.
    check(|action| action.inputs[0].name = "Other".to_owned(), true);
    check(|action| action.status = "Succeeded".to_owned(), false);
    check(|action| action.function = "other".to_owned(), false);
    check(|action| action.inputs[1].key = "c0".to_owned(), false);
    check(|action| action.inputs[0].bucket = "other".to_owned(), false);
    check(|action| action.inputs.truncate(1), false);
    check(|action| action.inputs.reverse(), false);
}

#[test]
fn a_function_has_one_name() {
    for function in [
        "copier",
        "copier:live",
        "arn:aws:lambda:us-east-1:111111111111:function:copier",
        "arn:aws:lambda:us-east-1:111111111111:function:copier:7",
    ] {
        assert_eq!(function_name(function), "copier", "{function}");
    }
}

#[test]
fn what_is_wrong_says_what_to_do() {
    let mut all = execution();
    all[TEST].inputs = vec![build("b0")];
    let latest = latest(&all);
    let tested = tested(&latest).unwrap();
    let released = [build("b1")];
    let mut wrongs = other_artifacts(&tested, &released);
    let names = ["Test/RollOut", "Production/Go"].map(str::to_owned);
    wrongs.extend(approvals(&latest, &names, &tested).unwrap_err());
    let account = Account::parse("222222222222").unwrap();
    let given = approvals(&latest, &["Production/Approve".to_owned()], &tested).unwrap();
    let mut early: Vec<Action> = all.clone();
    early[APPROVE].updated = 35_000;
    let latest = super::latest(&early);
    let other = preview(
        &latest,
        &account,
        "Build::other.json",
        &[build("b2")],
        &given,
    );
    wrongs.extend(other.unwrap_err());
    wrongs.extend(super::tested(&[]).unwrap_err());
    insta::assert_snapshot!(wrongs.join("\n"));
}
