//! The pipeline that a user starts from: what it hands to the functions, who is asked, and who may write
//! what is released.

use std::sync::LazyLock;

use serde_json::{Value, json};
use shared::rollout_file::{CopierParameters, PreviewParameters, UserParameters};

use super::{of_type, only, policies, statements, translated};

static PIPELINE: LazyLock<Value> = LazyLock::new(|| translated("templates/pipeline.yaml"));

/// An action's configuration.
fn configuration<'a>(stage: &str, action: &str) -> &'a Value {
    let pipeline = only(&PIPELINE, "AWS::CodePipeline::Pipeline");
    let stages = pipeline["Stages"].as_array().unwrap();
    let stage = stages.iter().find(|one| one["Name"] == stage).unwrap();
    let actions = stage["Actions"].as_array().unwrap();
    let action = actions.iter().find(|one| one["Name"] == action).unwrap();
    &action["Configuration"]
}

/// What `Fn::Sub` makes of a text when each parameter has a value as long as its pattern lets it be.
fn filled(sub: &Value) -> String {
    let text = match &sub["Fn::Sub"] {
        Value::Array(both) => both[0].as_str().unwrap(),
        one => one.as_str().unwrap(),
    };
    let values = [
        ("AWS::Partition", "aws-us-gov".to_owned()),
        ("Bucket", "b".repeat(63)),
        ("PipelineName", "p".repeat(40)),
        ("ProductionAccountId", "2".repeat(12)),
        ("ProductionRegion", "ap-southeast-2".to_owned()),
        ("PreviewExternalId", "e".repeat(100)),
        ("ReleaseExternalId", "e".repeat(100)),
        ("TestRollout", format!("{}.json", "t".repeat(95))),
        ("ProductionRollout", format!("{}.json", "t".repeat(95))),
    ];
    let mut filled = text.to_owned();
    for (name, value) in values {
        filled = filled.replace(&format!("${{{name}}}"), &value);
    }
    assert!(!filled.contains("${"), "{filled}");
    filled
}

/// CONTRACTS 3.2.8: at most 1,000 characters, whatever the parameters are.
#[test]
fn functions_are_given_what_they_can_read() {
    for (stage, action, function) in [
        ("Test", "RollOut", "redbutton-task-definition-updater"),
        ("Production", "Preview", "redbutton-production-preview"),
        ("Production", "Release", "redbutton-artifact-copier"),
    ] {
        let given = configuration(stage, action);
        assert_eq!(given["FunctionName"], function);
        let text = filled(&given["UserParameters"]);
        assert!(text.len() <= 1_000, "{} characters: {text}", text.len());
        let value: Value = serde_json::from_str(&text).unwrap();
        assert_eq!(value["execution"], "#{codepipeline.PipelineExecutionId}");
        assert_eq!(value["pipeline"].as_str().unwrap().len(), 40);
    }
    let ready = |stage: &str, action: &str| {
        let text = filled(&configuration(stage, action)["UserParameters"]);
        let execution = "11111111-2222-3333-4444-555555555555";
        text.replace("#{codepipeline.PipelineExecutionId}", execution)
    };
    UserParameters::parse(Some(&ready("Test", "RollOut"))).unwrap();
    PreviewParameters::parse(Some(&ready("Production", "Preview"))).unwrap();
    let text = ready("Production", "Release");
    CopierParameters::parse(Some(&text)).unwrap();
    let value: Value = serde_json::from_str(&text).unwrap();
    assert_eq!(value["approval"], "Production/Approve");
}

#[test]
fn approvals_say_what_they_are_about_and_ask_those_who_subscribed() {
    let topic = json!({"Ref": "ApprovalTopic"});
    for stage in ["Test", "Production"] {
        assert_eq!(configuration(stage, "Approve")["NotificationArn"], topic);
    }
    let production = configuration("Production", "Approve");
    assert_eq!(production["CustomData"], "#{Preview.Summary}");
    assert_eq!(production["ExternalEntityLink"], "#{Preview.PageUrl}");
    let policy = only(&PIPELINE, "AWS::IAM::ManagedPolicy");
    let may = statements(&json!([{ "PolicyDocument": policy["PolicyDocument"] }]));
    let answers: Vec<&Value> = may
        .values()
        .filter(|statement| {
            statement["Action"]
                .to_string()
                .contains("PutApprovalResult")
        })
        .collect();
    let [answer] = answers.as_slice() else {
        panic!("{may:#?}")
    };
    assert_eq!(answer["Action"], "codepipeline:PutApprovalResult");
    let on: Vec<&str> = answer["Resource"]
        .as_array()
        .unwrap()
        .iter()
        .map(|arn| arn["Fn::Sub"].as_str().unwrap())
        .map(|arn| arn.rsplit_once("${Pipeline}/").unwrap().1)
        .collect();
    assert_eq!(on, ["Test/Approve", "Production/Approve"]);
    let everything = json!(may).to_string();
    for never in ["StartPipelineExecution", "RetryStage", "s3:Put", "lambda:"] {
        assert!(!everything.contains(never), "{never}");
    }
}

/// docs/releases.md: only the pipeline and its builds write artifacts, and a build no source.
#[test]
fn only_the_pipeline_and_its_builds_write_artifacts() {
    let bucket = &PIPELINE["Resources"]["ArtifactBucketPolicy"]["Properties"];
    let deny = &bucket["PolicyDocument"]["Statement"][1];
    assert_eq!(
        (&deny["Effect"], &deny["Action"]),
        (&json!("Deny"), &json!("s3:PutObject"))
    );
    let but = deny["Condition"]["ArnNotLike"]["aws:PrincipalArn"].to_string();
    assert_eq!(but.matches("PipelineRole").count(), 2, "{but}");
    assert_eq!(but.matches("BuildRole").count(), 2, "{but}");
    let build = statements(policies(&PIPELINE, "BuildRole"));
    let writes: Vec<&Value> = build
        .values()
        .filter(|statement| statement["Action"].to_string().contains("s3:Put"))
        .collect();
    assert_eq!(writes.len(), 1);
    assert_eq!(
        writes[0]["Resource"],
        json!({"Fn::Sub": "${ArtifactBucket.Arn}/*/Build/*"})
    );
    let all = json!(build).to_string();
    for never in [
        "codepipeline:",
        "lambda:",
        "kms:Sign",
        "sts:AssumeRole",
        "iam:",
    ] {
        assert!(!all.contains(never), "{never}");
    }
}

/// Without them nobody would notice; the emulator knows no such rules.
#[test]
fn people_are_told_of_four_things() {
    let rule = only(&PIPELINE, "AWS::CodeStarNotifications::NotificationRule");
    let mut told: Vec<&str> = rule["EventTypeIds"]
        .as_array()
        .unwrap()
        .iter()
        .map(|id| id.as_str().unwrap())
        .collect();
    told.sort_unstable();
    let expected = [
        "codepipeline-pipeline-manual-approval-needed",
        "codepipeline-pipeline-pipeline-execution-failed",
        "codepipeline-pipeline-pipeline-execution-started",
        "codepipeline-pipeline-pipeline-execution-succeeded",
    ];
    assert_eq!(told, expected);
    assert_eq!(of_type(&PIPELINE, "AWS::SNS::Topic").len(), 2);
}
