//! What the policies around a release say, as they are deployed.

use http::Method;
use rehearsal::world::policies;
use rehearsal::{Account, suite};
use serde_json::{Value, json};

use super::calls::Call;
use crate::fixture::World;
use crate::policy::{Caller, Policies, ResourcePolicy};

/// What the policies around a release say, as they are deployed.
pub(super) struct Deployed {
    pub(super) bucket: ResourcePolicy,
    releases_key: ResourcePolicy,
    signing_key: ResourcePolicy,
    /// ARN of the key that encrypts the bucket.
    pub(super) key: String,
    /// ARN of the key that signs.
    pub(super) signing: String,
}

impl Deployed {
    pub(super) fn new(world: &World) -> Self {
        let (home, there) = (world.rehearsal.tooling(), &world.suite.production);
        let (signing_key, signing) = key(&home, suite::SIGNING_KEY_ALIAS);
        let (releases_key, key) = key(there, suite::RELEASES_KEY_ALIAS);
        Self {
            bucket: bucket(there, suite::RELEASES_BUCKET),
            releases_key,
            signing_key,
            key,
            signing,
        }
    }

    /// Whether a call passes: the policies of the caller, and of what is called.
    pub(super) fn let_pass(&self, caller: &Caller, call: &Call) -> bool {
        let Call {
            action,
            resource,
            context,
            ..
        } = call;
        let policy = match resource {
            s3 if s3.starts_with("arn:aws:s3:::") => &self.bucket,
            key if *key == self.key => &self.releases_key,
            key if *key == self.signing => &self.signing_key,
            _ => return caller.policies().allow(action, resource, context),
        };
        policy.let_pass(caller, action, resource, context)
    }
}

/// A bucket's policy.
fn bucket(account: &Account, bucket: &str) -> ResourcePolicy {
    let path = format!("/{bucket}?policy");
    let answer = account.request("s3", Method::GET, &path, &[], Vec::new().into());
    let document: Value = serde_json::from_slice(&answer.unwrap().body).unwrap();
    ResourcePolicy::of_bucket(&document)
}

/// The policy of a key by its alias, and its ARN.
fn key(account: &Account, alias: &str) -> (ResourcePolicy, String) {
    let kms = |operation: &str, body: Value| {
        let target = format!("TrentService.{operation}");
        account.json("kms", &target, body).unwrap()
    };
    let described = kms("DescribeKey", json!({"KeyId": alias}));
    let arn = described["KeyMetadata"]["Arn"].as_str().unwrap();
    let got = kms(
        "GetKeyPolicy",
        json!({"KeyId": arn, "PolicyName": "default"}),
    );
    let policy = serde_json::from_str(got["Policy"].as_str().unwrap()).unwrap();
    (ResourcePolicy::of_key(&policy), arn.to_owned())
}

/// A role with its policies, as they are deployed.
pub(super) fn caller(account: &Account, role: &str) -> Caller {
    let name = role.rsplit('/').next().unwrap();
    Caller::role(role, Policies::new(&policies(account, name).unwrap()))
}
