//! What the preview needs: who may look at production, at what, and who has to be named for it.

use rehearsal::world::{StackSpec, Template};
use rehearsal::{suite, world};
use serde_json::{Value, json};

use super::{SUITE, policies, statements};
use crate::fixture;

/// What knows no narrower resource, or would show less with one; all of it reads.
const WITHOUT_RESOURCE: [&str; 5] = [
    "cloudformation:GetTemplateSummary",
    "cloudwatch:DescribeAlarms",
    "ecs:DescribeTaskDefinition",
    "logs:DescribeLogGroups",
    "ssm:DescribeParameters",
];

/// Each resource by name in the production account: nothing is allowed on everything that need not be.
// rules: 3.6.17
#[test]
fn what_is_looked_at_is_listed_and_change_sets_have_the_previews_name() {
    let statements = statements(policies(&SUITE, "PreviewRole"));
    for (sid, statement) in &statements {
        let unlimited = statement["Resource"] == "*";
        let action = statement["Action"].as_str();
        let expected = action.is_some_and(|action| WITHOUT_RESOURCE.contains(&action));
        assert_eq!(unlimited, expected, "{sid}");
    }
    let stacks = json!({"Ref": "OwnAccountStackArns"});
    for sid in ["Stacks", "OwnChangeSets"] {
        assert_eq!(statements[sid]["Resource"], stacks, "{sid}");
    }
    assert_eq!(
        statements["OwnChangeSets"]["Condition"],
        json!({"StringLike": {"cloudformation:ChangeSetName": "redbutton-preview-*"}})
    );
    let pass = &statements["PassRolesToCloudFormation"];
    let roles = json!({"Ref": "OwnAccountCloudFormationRoleArns"});
    assert_eq!(pass["Resource"], roles);
    assert_eq!(
        pass["Condition"],
        json!({"StringEquals": {"iam:PassedToService": "cloudformation.amazonaws.com"}})
    );
    let parameters = json!({"Ref": "OwnAccountParameterArns"});
    assert_eq!(statements["PublishedImages"]["Resource"], parameters);
    let templates = statements["Templates"]["Resource"].to_string();
    assert_eq!(templates.matches("/redbutton/*").count(), 2, "{templates}");
}

/// The function enters what is listed, and is on its own side; the role is on the other.
#[test]
fn each_side_has_its_own() {
    let resources = SUITE["Resources"].as_object().unwrap();
    let production = [
        "AnnouncementTopic",
        "DeploymentEnded",
        "FreezeTold",
        "PreviewRole",
        "ProductionDashboard",
        "ProductionDeploy",
        "ProductionGate",
        "ProductionState",
        "ReleaseArrived",
        "ReleaseRefused",
        "ReleaseRole",
        "ReleaseSweep",
        "ReleaseTold",
        "ReleasesBucket",
        "ReleasesKey",
    ];
    for (name, resource) in resources {
        let side = match production.iter().any(|start| name.starts_with(start)) {
            true => "InProduction",
            false => "InTooling",
        };
        assert_eq!(resource["Condition"], side, "{name}");
    }
    let assume = &statements(policies(&SUITE, "ProductionPreviewRole"))["AssumePreviewRoles"];
    assert_eq!(assume["Resource"], json!({"Ref": "PreviewRoleArns"}));
    let pipeline = SUITE["Outputs"]["PipelineRoleStatement"]["Value"]["Fn::Sub"].as_str();
    let statement: Value = serde_json::from_str(pipeline.unwrap()).unwrap();
    assert_eq!(
        statement["Resource"],
        json!([
            "${TaskDefinitionUpdater.Arn}",
            "${ProductionPreview.Arn}",
            "${ArtifactCopier.Arn}"
        ])
    );
}

/// Nobody is trusted by default, and the tooling side needs none of it.
#[test]
fn production_has_to_be_told_who_may_come() {
    let world = fixture::world();
    let production = &world.suite.production;
    let translated = serde_json::to_vec(&*SUITE).unwrap();
    let bucket = "previewed-templates";
    production.create_bucket(bucket).unwrap();
    production
        .put_object(bucket, "template.json", &[], translated)
        .unwrap();
    let named = [
        ("ToolingAccountId", "111111111111"),
        ("PreviewExternalId", suite::PREVIEW_EXTERNAL_ID),
        ("ReleaseExternalId", suite::RELEASE_EXTERNAL_ID),
    ];
    for (without, _) in named {
        let words = format!("Side=production needs {without}");
        let mut spec = StackSpec::new("untold", "").with("Side", "production");
        spec.template = Template::At(format!("{}/{bucket}/template.json", production.endpoint()));
        spec.capabilities = vec!["CAPABILITY_NAMED_IAM".to_owned()];
        for (key, value) in named.iter().filter(|(key, _)| *key != without) {
            spec = spec.with(key, value);
        }
        let Err(error) = world::create_stack(production, &spec) else {
            panic!("{words}: it is deployed");
        };
        assert!(format!("{error:#}").contains(&words), "{error:#}");
    }
}
