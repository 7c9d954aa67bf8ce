//! Definitions that are right, and all that can be wrong with one.

use super::*;
use serde_json::json;

fn action(name: &str, kind: [&str; 3], more: Value) -> Value {
    let [category, owner, provider] = kind;
    let mut action = json!({ "Name": name, "ActionTypeId":
        { "Category": category, "Owner": owner, "Provider": provider, "Version": 1 } });
    let fields = more.as_object().unwrap().clone();
    action.as_object_mut().unwrap().extend(fields);
    action
}

fn invoke(name: &str, more: Value) -> Value {
    let mut more = more;
    if more["Configuration"].is_null() {
        more["Configuration"] = json!({"FunctionName": "f"});
    }
    action(name, ["Invoke", "AWS", "Lambda"], more)
}

/// A pipeline with a source and one more stage.
fn pipeline(actions: Value) -> Value {
    let source = action(
        "Code",
        ["Source", "AWS", "S3"],
        json!({"OutputArtifacts": [{"Name": "Source"}], "Namespace": "Src",
            "Configuration": {"S3Bucket": "b", "S3ObjectKey": "k", "PollForSourceChanges": false}}),
    );
    json!({
        "Name": "orders", "RoleArn": "arn:aws:iam::111111111111:role/p", "PipelineType": "V2",
        "ArtifactStore": {"Type": "S3", "Location": "store", "EncryptionKey": {"Id": "k", "Type": "KMS"}},
        "Variables": [{"Name": "Stage", "DefaultValue": "test"}, {"Name": "Free"}],
        "Stages": [{"Name": "Source", "Actions": [source]}, {"Name": "Use", "Actions": actions}],
    })
}

fn check(change: impl FnOnce(&mut Value), expected: &[&str]) {
    let mut properties = pipeline(json!([invoke("Go", json!({}))]));
    change(&mut properties);
    let wrong = Definition::parse(&properties).expect_err("something is wrong");
    assert_eq!(wrong.len(), expected.len(), "{wrong:#?}");
    for (wrong, words) in wrong.iter().zip(expected) {
        assert!(wrong.contains(words), "{wrong} has no {words:?}");
    }
}

#[test]
fn both_spellings_are_read() {
    let preview = invoke(
        "Preview",
        json!({"InputArtifacts": [{"Name": "Source"}], "Namespace": "Preview", "RunOrder": "1",
            "Configuration": {"FunctionName": "f", "UserParameters": "#{codepipeline.PipelineExecutionId} #{variables.Stage}"}}),
    );
    let approve = action(
        "Approve",
        ["Approval", "AWS", "Manual"],
        json!({"RunOrder": 2, "TimeoutInMinutes": "60", "Configuration": {"CustomData": "#{Preview.Summary} #{Src.ETag}"}}),
    );
    let mut properties = pipeline(json!([preview, approve]));
    properties["ExecutionMode"] = "QUEUED".into();
    let read = Definition::parse(&properties).unwrap();
    assert_eq!((read.mode, read.stages.len()), (Mode::Queued, 2));
    assert_eq!(read.stores["us-east-1"].key.as_deref(), Some("k"));
    assert_eq!(read.variables[0].default.as_deref(), Some("test"));
    let source = &read.stages[0].actions[0];
    assert_eq!(source.configuration["PollForSourceChanges"], "false");
    let approve = &read.stages[1].actions[1];
    assert_eq!((approve.run_order, approve.timeout_minutes), (2, Some(60)));
    assert_eq!(approve.kind(), Kind::Approval);
    let declared = &read.declaration["stages"][1]["actions"];
    assert_eq!(declared[0]["actionTypeId"]["version"], "1");
    assert_eq!(
        (&declared[0]["runOrder"], &declared[1]["timeoutInMinutes"]),
        (&json!(1), &json!(60))
    );
    let again = Definition::parse(&json!({"pipeline": read.declaration})).unwrap();
    assert_eq!(again, read);
}

#[test]
fn stores_of_several_regions() {
    let store = |bucket: &str| json!({"Type": "S3", "Location": bucket});
    let mut properties = pipeline(json!([invoke("Go", json!({"Region": "eu-west-1"}))]));
    properties.as_object_mut().unwrap().remove("ArtifactStore");
    properties["ArtifactStores"] = json!([
        {"Region": "us-east-1", "ArtifactStore": store("one")},
        {"Region": "eu-west-1", "ArtifactStore": store("two")}]);
    let read = Definition::parse(&properties).unwrap();
    assert_eq!(read.stores["eu-west-1"].bucket, "two");
    assert_eq!(
        read.declaration["artifactStores"]["eu-west-1"]["location"],
        "two"
    );
}

#[test]
fn what_is_not_heeded_is_named() {
    let mut properties = pipeline(json!([invoke("Go", json!({}))]));
    properties["Triggers"] = json!([{"ProviderType": "CodeStarSourceConnection"}]);
    properties["Stages"][1]["OnFailure"] = json!({"Result": "ROLLBACK"});
    properties["Stages"][1]["Actions"][0]["Configuration"]["BatchEnabled"] = true.into();
    let unheeded = Definition::parse(&properties).unwrap().unheeded;
    let words = [
        "Triggers",
        "OnFailure of stage Use",
        "BatchEnabled of Use/Go",
    ];
    assert_eq!(unheeded.len(), words.len(), "{unheeded:?}");
    for (unheeded, words) in unheeded.iter().zip(words) {
        assert!(unheeded.contains(words), "{unheeded}");
    }
}

#[test]
fn a_trigger_on_tags_is_spelled_as_the_api_does() {
    let mut properties = pipeline(json!([invoke("Go", json!({}))]));
    properties["Tags"] = json!([{"Key": "Team", "Value": "web"}]);
    properties["Triggers"] = json!([{"ProviderType": "CodeStarSourceConnection",
        "GitConfiguration": {"SourceActionName": "Code", "Push": [{"Tags": {"Includes": ["v*"]}}]}}]);
    let declared = Definition::parse(&properties).unwrap().declaration;
    let git = &declared["triggers"][0]["gitConfiguration"];
    assert_eq!(git["push"][0]["tags"]["includes"], json!(["v*"]));
    assert!(declared["tags"].is_null(), "the API has them elsewhere");
}

#[test]
fn what_cannot_be_read_is_said() {
    check(
        |all| *all = json!([]),
        &["the definition is [], not an object"],
    );
    check(
        |all| {
            all.as_object_mut().unwrap().remove("Name");
            all["ExecutionMode"] = "FAST".into();
            all["Stages"][1]["Actions"][0]["RunOrder"] = "two".into();
            all["Stages"][1]["Actions"][0]["Configuration"]["X"] = json!({"a": 1});
        },
        &[
            "ExecutionMode is \"FAST\"",
            "the pipeline has no Name",
            "RunOrder is \"two\"",
            "Configuration.X",
        ],
    );
    check(
        |all| all["Stages"] = json!({}),
        &["Stages is {}, not a list"],
    );
}

#[test]
fn every_broken_rule_is_said() {
    let set = |actions: Value| move |all: &mut Value| all["Stages"][1]["Actions"] = actions;
    let many: Vec<Value> = (0..6).map(|_| json!({"Name": "Source"})).collect();
    check(set(json!([])), &["the stage Use has no actions"]);
    check(
        set(json!([invoke("Go", json!({})), invoke("Go", json!({}))])),
        &["2 actions with the name Go"],
    );
    check(
        set(json!([
            invoke("A", json!({"Namespace": "N"})),
            invoke("B", json!({"Namespace": "N"}))
        ])),
        &["2 namespaces with the name N"],
    );
    check(
        set(json!([invoke("A", json!({"Namespace": "variables"}))])),
        &["CodePipeline's own"],
    );
    check(
        set(json!([invoke("A", json!({"Namespace": "a.b"}))])),
        &["\"a.b\" is no name"],
    );
    check(
        set(json!([invoke(
            "A",
            json!({"InputArtifacts": [{"Name": "X"}]})
        )])),
        &["no earlier action makes the input artifact X; there are Source"],
    );
    check(
        set(json!([invoke("A", json!({"InputArtifacts": many}))])),
        &["6 input artifacts: Invoke by Lambda has 0 to 5"],
    );
    let build = |more: Value| {
        let mut more = more;
        more["Configuration"] = json!({"ProjectName": "p"});
        action("A", ["Build", "AWS", "CodeBuild"], more)
    };
    check(
        set(json!([build(json!({}))])),
        &["Use/A has 0 input artifacts: Build by CodeBuild has 1 to 5"],
    );
    let deploy = |provider: &str, more: Value| action("A", ["Deploy", "AWS", provider], more);
    let made = json!({"OutputArtifacts": [{"Name": "X"}, {"Name": "Y"}]});
    check(
        set(json!([deploy("CloudFormation", made)])),
        &["2 output artifacts: Deploy by CloudFormation has 0 to 1"],
    );
    check(
        set(json!([deploy("ECS", json!({}))])),
        &["0 input artifacts: Deploy by ECS has 1"],
    );
    check(
        |all| all["Stages"][0]["Actions"][0]["OutputArtifacts"] = Value::Null,
        &["Source/Code has 0 output artifacts: Source by S3 has 1"],
    );
    check(
        set(json!([invoke(
            "A",
            json!({"OutputArtifacts": [{"Name": "Source"}]})
        )])),
        &["2 output artifacts with the name Source"],
    );
    check(
        set(json!([invoke("A", json!({"RunOrder": 0}))])),
        &["RunOrder is 0"],
    );
    check(
        set(json!([invoke("A", json!({"TimeoutInMinutes": 9}))])),
        &["only approvals"],
    );
    check(
        set(json!([invoke("A", json!({"Region": "eu-west-1"}))])),
        &["no artifact store"],
    );
    check(
        set(json!([invoke(
            "A",
            json!({"Configuration": {"FunctionName": "f", "X": "x".repeat(1001)}})
        )])),
        &["Configuration.X has 1001 characters"],
    );
    check(
        set(json!([invoke(
            "A",
            json!({"Configuration": {"UserParameters": "x"}})
        )])),
        &["no FunctionName"],
    );
    check(
        set(json!([action("A", ["Magic", "AWS", "X"], json!({}))])),
        &["the category Magic"],
    );
    check(
        |all| all["Stages"][1]["Actions"][0] = all["Stages"][0]["Actions"][0].clone(),
        &[
            "2 output artifacts",
            "2 namespaces",
            "Use/Code is a Source action",
        ],
    );
    check(|all| all["Stages"] = json!([]), &["0 stages"]);
    check(
        |all| all["ArtifactStore"] = Value::Null,
        &["ArtifactStore is missing"],
    );
    check(
        |all| {
            let store = all["ArtifactStore"].clone();
            all["ArtifactStores"] = json!([{"Region": "us-east-1", "ArtifactStore": store}]);
        },
        &["both ArtifactStore and ArtifactStores"],
    );
    check(
        |all| {
            all["PipelineType"] = "V1".into();
            all["ExecutionMode"] = "QUEUED".into();
        },
        &["needs PipelineType V2"],
    );
}

#[test]
fn references_are_followed() {
    let refers = |text: &str, order: u32| {
        let configuration = json!({"FunctionName": "f", "UserParameters": text});
        invoke(
            "B",
            json!({"RunOrder": order, "Configuration": configuration}),
        )
    };
    let check = |text: &str, order: u32, words: &[&str]| {
        let first = invoke("A", json!({"Namespace": "A"}));
        let actions = json!([refers(text, order), first]);
        check(|all| all["Stages"][1]["Actions"] = actions, words);
    };
    check("#{A.x}", 1, &["does not end before"]);
    check(
        "#{Nobody.x} #{variables.Y} #{codepipeline.Name}",
        2,
        &[
            "no action has that namespace",
            "no variable Y",
            "PipelineExecutionId only",
        ],
    );
    let fine = json!([
        refers("#{A.x} #{variables.Free}", 2),
        invoke("A", json!({"Namespace": "A"}))
    ]);
    Definition::parse(&pipeline(fine)).unwrap();
}
