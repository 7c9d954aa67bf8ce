//! What stack targets need: which stacks may be changed and how, the role that CloudFormation acts
//! with, and where is kept what there was before.

use std::collections::BTreeSet;

use http::Method;
use rehearsal::deploy::outputs;
use rehearsal::suite;
use serde_json::{Value, json};

use super::{ROLES, SERVICE, SUITE, granted, of_type, policies, python, statements};
use crate::fixture;

/// What CloudFormation's handlers may call for resources of the service template's types, and the
/// role for it does not allow; and why.
const LEFT_OUT: [(&str, &str); 16] = [
    (
        "firehose:TagDeliveryStream",
        "its log group has no data protection policy",
    ),
    ("logs:CreateLogDelivery", "as above"),
    ("logs:PutDataProtectionPolicy", "as above"),
    ("logs:DeleteDataProtectionPolicy", "as above"),
    ("s3:REST.PUT.OBJECT", "as above"),
    (
        "logs:AssociateKmsKey",
        "its log group has no key of its own",
    ),
    ("logs:DisassociateKmsKey", "as above"),
    (
        "logs:DeleteRetentionPolicy",
        "its log group always keeps its logs for some days",
    ),
    ("logs:PutIndexPolicy", "its log group has none"),
    ("logs:DeleteIndexPolicy", "as above"),
    ("logs:PutResourcePolicy", "as above"),
    ("logs:DeleteResourcePolicy", "as above"),
    ("logs:PutBearerTokenAuthentication", "as above"),
    ("logs:PutLogGroupDeletionProtection", "as above"),
    (
        "iam:DeleteRolePermissionsBoundary",
        "the boundary is what makes it safe to let CloudFormation make roles",
    ),
    (
        "iam:UpdateAssumeRolePolicy",
        "who may act as a role of the account is for a person to change",
    ),
];

/// Actions that know no resource, all but the last three of which only read.
const WITHOUT_RESOURCE: [&str; 8] = [
    "ec2:DescribeInstances",
    "ec2:DescribeSecurityGroups",
    "logs:DescribeIndexPolicies",
    "logs:DescribeLogGroups",
    "logs:DescribeResourcePolicies",
    "ecs:DescribeTaskDefinition",
    "ecs:RegisterTaskDefinition",
    "ecs:DeregisterTaskDefinition",
];

/// CONTRACTS 3.6.8 and 3.6.17: what is listed, by change set, and nothing is deleted.
// rules: 3.6.8
#[test]
fn stacks_are_changed_by_change_set_and_only_those_listed() {
    let statements = statements(policies(&ROLES, "RolloutRole"));
    let stacks = json!({"Ref": "StackArns"});
    for sid in ["Stacks", "OwnChangeSets"] {
        assert_eq!(statements[sid]["Resource"], stacks, "{sid}");
    }
    assert_eq!(
        statements["OwnChangeSets"]["Condition"],
        json!({"StringLike": {"cloudformation:ChangeSetName": "redbutton-*"}})
    );
    let words = "arn:${AWS::Partition}:cloudformation:*:aws:transform/*";
    assert_eq!(
        statements["Transforms"]["Resource"],
        json!({"Fn::Sub": words})
    );
    assert_eq!(
        statements["TemplateSummaries"]["Action"],
        "cloudformation:GetTemplateSummary"
    );
    for (template, role) in [
        (&*SUITE, "TaskDefinitionUpdaterRole"),
        (&*ROLES, "RolloutRole"),
        (&*ROLES, "CloudFormationRole"),
    ] {
        for action in granted(template, role) {
            let past = ["cloudformation:UpdateStack", "cloudformation:CreateStack"];
            assert!(!past.contains(&action.as_str()), "{role}: {action}");
            assert!(
                !action.starts_with("cloudformation:DeleteStack"),
                "{role}: {action}"
            );
        }
    }
}

/// CONTRACTS 3.6.17 and 3.6.21: the function hands CloudFormation a role that is listed, and no other
/// service any; and it may read the templates that it names.
// rules: 3.6.17 3.6.21
#[test]
fn only_listed_roles_are_handed_to_cloudformation() {
    let statements = statements(policies(&ROLES, "RolloutRole"));
    let pass = &statements["PassRolesToCloudFormation"];
    assert_eq!(pass["Resource"], json!({"Ref": "CloudFormationRoleArns"}));
    assert_eq!(
        pass["Condition"],
        json!({"StringEquals": {"iam:PassedToService": "cloudformation.amazonaws.com"}})
    );
    assert_eq!(
        actions(&statements["Templates"]),
        ["s3:GetObject", "s3:PutObject"]
    );
    let templates = statements["Templates"]["Resource"].to_string();
    assert_eq!(templates.matches("/redbutton/*").count(), 2, "{templates}");
    assert!(templates.contains("TemplateBucketArns"), "{templates}");
}

/// CloudFormation's schemas say what it may call; each of these calls is allowed, or left out with a
/// reason, and no other is allowed.
#[test]
fn cloudformation_may_do_what_the_service_template_needs() {
    let mut types: BTreeSet<&str> = BTreeSet::new();
    for resource in SERVICE["Resources"].as_object().unwrap().values() {
        types.insert(resource["Type"].as_str().unwrap());
    }
    assert_eq!(types.len(), 6, "{types:?}");
    let arguments: Vec<&str> = ["rehearsal/permissions.py"]
        .into_iter()
        .chain(types)
        .collect();
    let needed: BTreeSet<String> = python(&arguments)
        .as_object()
        .unwrap()
        .values()
        .flat_map(|actions| actions.as_array().unwrap())
        .map(|action| action.as_str().unwrap().to_owned())
        .collect();
    let mut allowed = granted(&ROLES, "CloudFormationRole");
    for (action, why) in LEFT_OUT {
        assert!(needed.contains(action), "{action} is not needed at all");
        assert!(allowed.insert(action.to_owned()), "{action}: {why}");
    }
    assert_eq!(allowed, needed);
}

/// ... for stacks of ours, on resources of theirs.
#[test]
fn cloudformations_role_is_limited_to_the_stacks_and_what_is_theirs() {
    let role = &ROLES["Resources"]["CloudFormationRole"];
    assert_eq!(role["Condition"], "MakesCloudFormationRole");
    assert_eq!(ROLES["Parameters"]["CloudFormationRoleName"]["Default"], "");
    let trust = &role["Properties"]["AssumeRolePolicyDocument"]["Statement"];
    assert_eq!(trust.as_array().unwrap().len(), 1);
    assert_eq!(
        trust[0]["Principal"],
        json!({"Service": "cloudformation.amazonaws.com"})
    );
    assert_eq!(
        trust[0]["Condition"],
        json!({
            "StringEqualsIfExists": {"aws:SourceAccount": {"Ref": "AWS::AccountId"}},
            "ArnLikeIfExists": {"aws:SourceArn": {"Ref": "StackArns"}},
        })
    );

    let statements = statements(policies(&ROLES, "CloudFormationRole"));
    for (sid, statement) in &statements {
        let resource = statement["Resource"].to_string();
        let unlimited = resource == "\"*\"";
        for action in actions(statement) {
            assert_eq!(
                unlimited,
                WITHOUT_RESOURCE.contains(&action),
                "{sid}: {action} on {resource}"
            );
            assert!(
                !action.starts_with("iam:") || resource.contains(":role/ecs/*"),
                "{sid}: {action} on {resource}"
            );
        }
    }
    assert_eq!(
        statements["SecurityGroups"]["Condition"],
        json!({"StringLike": {"aws:ResourceTag/aws:cloudformation:stack-id": {"Ref": "StackArns"}}})
    );
    assert_eq!(
        statements["RolesWithinTheBoundary"]["Condition"],
        json!({"StringEquals": {"iam:PermissionsBoundary": {"Ref": "PermissionsBoundaryArn"}}})
    );
    // What is not within the boundary gives no role any right.
    let free = [
        "iam:Delete",
        "iam:Get",
        "iam:List",
        "iam:Tag",
        "iam:Untag",
        "iam:UpdateRole",
    ];
    for sid in ["Roles", "ReadRoles"] {
        for action in actions(&statements[sid]) {
            assert!(
                free.iter().any(|start| action.starts_with(start)),
                "{action}"
            );
        }
    }
    assert_eq!(
        statements["PassRolesToServices"]["Condition"]["StringEquals"]["iam:PassedToService"],
        json!(["ecs-tasks.amazonaws.com", "ecs.amazonaws.com"])
    );
}

/// What there was before is written once and read again, by the function and by nobody else.
#[test]
fn what_was_before_is_kept_where_only_the_function_comes() {
    let bucket = &of_type(&SUITE, "AWS::S3::Bucket")["StateBucket"];
    for (what, on) in bucket["PublicAccessBlockConfiguration"]
        .as_object()
        .unwrap()
    {
        assert_eq!(*on, Value::Bool(true), "{what}");
    }
    assert_eq!(
        bucket["PublicAccessBlockConfiguration"]
            .as_object()
            .unwrap()
            .len(),
        4
    );
    let encryption = &bucket["BucketEncryption"]["ServerSideEncryptionConfiguration"][0];
    assert_eq!(
        encryption["ServerSideEncryptionByDefault"]["SSEAlgorithm"],
        "AES256"
    );
    let rule = &bucket["LifecycleConfiguration"]["Rules"][0];
    assert_eq!(
        (&rule["Status"], &rule["ExpirationInDays"]),
        (&json!("Enabled"), &json!(30))
    );
    assert_eq!(
        SUITE["Resources"]["StateBucket"]["DeletionPolicy"],
        "RetainExceptOnCreate"
    );

    let policy = &of_type(&SUITE, "AWS::S3::BucketPolicy")["StateBucketPolicy"];
    let policy = &policy["PolicyDocument"]["Statement"][0];
    assert_eq!(
        (&policy["Effect"], &policy["Action"]),
        (&json!("Deny"), &json!("s3:*"))
    );
    assert_eq!(
        policy["Condition"],
        json!({"Bool": {"aws:SecureTransport": "false"}})
    );

    let before = &statements(policies(&SUITE, "TaskDefinitionUpdaterRole"))["Before"];
    assert_eq!(actions(before), ["s3:GetObject", "s3:PutObject"]);
    assert_eq!(
        before["Resource"],
        json!({"Fn::Sub": "${StateBucket.Arn}/before/*"})
    );
    let functions = of_type(&SUITE, "AWS::Lambda::Function");
    let variables = |function: &str| &functions[function]["Environment"]["Variables"];
    let bucket = json!({"Ref": "StateBucket"});
    assert_eq!(variables("TaskDefinitionUpdater")["STATE_BUCKET"], bucket);
    // The preview keeps nothing, and does not know of it.
    let settings: Vec<&String> = variables("ProductionPreview")
        .as_object()
        .unwrap()
        .keys()
        .collect();
    assert_eq!(settings, ["SSL_CERT_FILE", "AWS_ENDPOINT_URL"]);
}

/// ... and the function is told where that is.
#[test]
fn the_function_knows_the_bucket() {
    let world = fixture::world();
    let tooling = world.rehearsal.tooling();
    let bucket = &outputs(&tooling, "redbutton").unwrap()["StateBucketName"];
    let path = format!("/2015-03-31/functions/{}/configuration", suite::UPDATER);
    let function = tooling
        .request("lambda", Method::GET, &path, &[], Vec::new().into())
        .unwrap();
    let function: Value = serde_json::from_slice(&function.body).unwrap();
    assert_eq!(
        function["Environment"]["Variables"]["STATE_BUCKET"],
        bucket.as_str()
    );
    // Its policy lets in what comes by TLS.
    let put = tooling.put_object(bucket, "before/made-up/1.json", &[], b"{}".to_vec());
    put.unwrap();
    let got = tooling.get_object(bucket, "before/made-up/1.json").unwrap();
    assert_eq!(&got[..], b"{}");
}

/// The actions of a statement, one or several.
fn actions(statement: &Value) -> Vec<&str> {
    let action = &statement["Action"];
    let several = action.as_array().into_iter().flatten();
    let actions = action.as_str().into_iter();
    actions.chain(several.filter_map(Value::as_str)).collect()
}
