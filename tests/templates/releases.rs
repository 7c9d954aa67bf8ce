//! Where releases lie and what they are signed with: what no emulator makes of a template.

use serde_json::{Value, json};

use super::{SUITE, of_type};

/// The bucket that nothing changes in, and the one for what is written over and over.
const BUCKETS: [&str; 2] = ["ReleasesBucket", "ProductionStateBucket"];

fn properties(name: &str) -> &'static Value {
    &SUITE["Resources"][name]["Properties"]
}

/// CONTRACTS 3.7.8 and 3.7.9: nobody else's objects, nothing in public, and the one key, which is named
/// by its ARN, whatever a request says or does not.
// rules: 3.7.8 3.7.9
#[test]
fn both_buckets_are_shut_and_encrypted_with_the_key() {
    for name in BUCKETS {
        let bucket = properties(name);
        let access = bucket["PublicAccessBlockConfiguration"]
            .as_object()
            .unwrap();
        assert_eq!(access.len(), 4, "{name}");
        assert!(access.values().all(|shut| *shut == true), "{name}");
        assert_eq!(
            bucket["OwnershipControls"]["Rules"],
            json!([{"ObjectOwnership": "BucketOwnerEnforced"}]),
            "{name}"
        );
        assert_eq!(bucket["VersioningConfiguration"]["Status"], "Enabled");
        assert_eq!(
            bucket["BucketEncryption"]["ServerSideEncryptionConfiguration"],
            json!([{
                "BucketKeyEnabled": true,
                "ServerSideEncryptionByDefault": {
                    "SSEAlgorithm": "aws:kms",
                    "KMSMasterKeyID": {"Fn::GetAtt": ["ReleasesKey", "Arn"]},
                },
            }]),
            "{name}"
        );
        let policy = &properties(&format!("{name}Policy"))["PolicyDocument"]["Statement"];
        assert_eq!(policy[0]["Sid"], "TlsOnly", "{name}");
        assert_eq!(policy[0]["Action"], "s3:*", "{name}");
        assert_eq!(policy[0]["Resource"].as_array().unwrap().len(), 2, "{name}");
        for statement in policy.as_array().unwrap() {
            assert_eq!(
                statement["Effect"], "Deny",
                "{name}: what is allowed stands with roles"
            );
        }
    }
    let key = properties("ReleasesKey");
    assert_eq!(key["EnableKeyRotation"], true);
    assert_eq!(key.get("KeySpec"), None, "one that encrypts");
}

/// CONTRACTS 3.7.13: half an upload goes after a day, and nothing that is whole ever does.
// rules: 3.7.13
#[test]
fn a_bucket_gives_up_half_uploads_and_no_release() {
    let rules = |name: &str| {
        let rules = properties(name)["LifecycleConfiguration"]["Rules"].as_array();
        let mut rules = rules.unwrap().iter();
        // What is known of deployments is kept for longer than a redrive is possible.
        if let Some(records) = rules.clone().find(|rule| rule["Prefix"] == "rollouts/") {
            assert_eq!(
                (name, records["ExpirationInDays"].as_u64()),
                ("ProductionStateBucket", Some(90))
            );
        }
        let rule = rules.rfind(|rule| rule.get("Prefix").is_none());
        let rule = rule.unwrap().as_object().unwrap();
        assert_eq!(rule["Status"], "Enabled", "{name}");
        assert_eq!(
            rule["AbortIncompleteMultipartUpload"],
            json!({"DaysAfterInitiation": 1}),
            "{name}"
        );
        let mut does: Vec<&str> = rule.keys().map(String::as_str).collect();
        does.retain(|key| !["Id", "Status", "AbortIncompleteMultipartUpload"].contains(key));
        does
    };
    assert_eq!(rules("ReleasesBucket"), [""; 0]);
    // Versions that were written over, in the bucket where that happens all the time.
    assert_eq!(
        rules("ProductionStateBucket"),
        ["NoncurrentVersionExpiration"]
    );
}

/// CONTRACTS 3.7.17: a lock for good is asked for by name, and holds what never changes only.
// rules: 3.7.17
#[test]
fn object_lock_is_a_choice_and_what_changes_lies_elsewhere() {
    let none = json!({"Ref": "AWS::NoValue"});
    let releases = properties("ReleasesBucket");
    assert_eq!(
        releases["ObjectLockEnabled"],
        json!({"Fn::If": ["HasReleaseLock", true, none]})
    );
    let retention = json!({
        "Mode": {"Ref": "ReleaseLockMode"}, "Days": {"Ref": "ReleaseLockDays"},
    });
    assert_eq!(
        releases["ObjectLockConfiguration"],
        json!({"Fn::If": ["HasReleaseLock", {
            "ObjectLockEnabled": "Enabled", "Rule": {"DefaultRetention": retention},
        }, none]})
    );
    let mode = &SUITE["Parameters"]["ReleaseLockMode"];
    assert_eq!(mode["Default"], "NONE");
    assert_eq!(
        mode["AllowedValues"],
        json!(["NONE", "GOVERNANCE", "COMPLIANCE"])
    );
    assert_eq!(
        SUITE["Conditions"]["HasReleaseLock"],
        json!({"Fn::Not": [{"Fn::Equals": [{"Ref": "ReleaseLockMode"}, "NONE"]}]})
    );
    let state = properties("ProductionStateBucket").as_object().unwrap();
    assert!(state.keys().all(|key| !key.starts_with("ObjectLock")));
}

/// CONTRACTS 3.7.17: what was released can be read, and verified, when the stacks are gone.
// rules: 3.7.17
#[test]
fn buckets_and_keys_outlive_their_stack() {
    let keys = of_type(&SUITE, "AWS::KMS::Key").into_keys();
    let buckets = of_type(&SUITE, "AWS::S3::Bucket").into_keys();
    let all: Vec<&str> = keys.chain(buckets).collect();
    assert_eq!(all.len(), 5, "{all:?}");
    for name in all {
        let resource = &SUITE["Resources"][name];
        assert_eq!(resource["DeletionPolicy"], "RetainExceptOnCreate", "{name}");
        assert_eq!(resource["UpdateReplacePolicy"], "Retain", "{name}");
    }
}

/// CONTRACTS 3.8.1 and 3.8.5: a key that signs and does nothing else; it is told by its ARN, since an
/// alias means nothing to another account.
// rules: 3.8.5
#[test]
fn the_signing_key_is_told_by_its_arn() {
    let key = properties("SigningKey");
    assert_eq!(
        (&key["KeySpec"], &key["KeyUsage"]),
        (&json!("ECC_NIST_P256"), &json!("SIGN_VERIFY"))
    );
    let arn = json!({"Fn::GetAtt": ["SigningKey", "Arn"]});
    let variables = &properties("ArtifactCopier")["Environment"]["Variables"];
    assert_eq!(variables["SIGNING_KEY"], arn);
    assert_eq!(SUITE["Outputs"]["SigningKeyArn"]["Value"], arn);
    assert_eq!(
        SUITE["Outputs"]["ReleasesKeyArn"]["Value"],
        json!({"Fn::GetAtt": ["ReleasesKey", "Arn"]})
    );
}

/// CONTRACTS 3.7.14: a role that another role's session assumes can promise no longer a session.
// rules: 3.7.14
#[test]
fn roles_that_functions_assume_promise_an_hour() {
    for role in ["PreviewRole", "ReleaseRole"] {
        assert_eq!(properties(role)["MaxSessionDuration"], 3600, "{role}");
    }
}

/// One role after another, by name: no account is trusted as a whole.
#[test]
fn roles_to_assume_are_listed_without_wildcards() {
    for parameter in ["PreviewRoleArns", "ReleaseRoleArns", "TargetRoleArns"] {
        let pattern = SUITE["Parameters"][parameter]["AllowedPattern"].as_str();
        let name = pattern.unwrap().split(":role/").nth(1).unwrap();
        assert_eq!(name, r"[\w+=.@/-]+)?$", "{parameter}");
    }
    let assume = &super::statements(super::policies(&SUITE, "ArtifactCopierRole"));
    assert_eq!(
        assume["AssumeReleaseRoles"]["Resource"],
        json!({"Ref": "ReleaseRoleArns"})
    );
}
