//! What there is to deploy from and to: an artifact store, images, clusters and services, stacks.

mod ecs;
mod role;
mod stack;

use anyhow::{Context, Result};
use serde_json::{Value, json};

pub use ecs::{
    Container, Service, ServiceSpec, create_cluster, create_service, service, task_definition,
};
pub use role::{
    administrator, create_execution_role, give_every_right, policies, take_every_right,
};
pub use stack::{Stack, StackEvent, StackSpec, Template, create_stack, stack, template_bucket};

use crate::AwsError;
use crate::account::Account;
use crate::codepipeline::{Artifact, JobSpec};
use crate::package::zip_of;
use crate::wire::xml_text;

/// The role whose sessions are the jobs' credentials.
const ARTIFACT_ROLE: &str = "codepipeline-artifacts";

/// A pipeline's artifact store: a bucket with versions, a customer key, and a role that may do
/// nothing but read and write there.
#[derive(Clone)]
pub struct ArtifactStore {
    /// The bucket.
    pub bucket: String,
    /// The key's ARN.
    pub key: String,
    /// The role's ARN.
    pub role: String,
    account: Account,
}

impl ArtifactStore {
    /// Creates one in the account that the pipeline is in.
    pub fn create(account: &Account) -> Result<Self> {
        let bucket = format!("artifacts-{}-{}", account.id(), account.region());
        account.create_bucket(&bucket)?;
        let made = account.json(
            "kms",
            "TrentService.CreateKey",
            json!({"Description": "Artifacts"}),
        )?;
        let key = made["KeyMetadata"]["Arn"]
            .as_str()
            .context("a new key has an ARN")?
            .to_owned();

        let root = format!("arn:aws:iam::{}:root", account.id());
        let trust = policy(json!([
            { "Effect": "Allow", "Principal": { "AWS": root }, "Action": "sts:AssumeRole" }
        ]));
        let may = policy(json!([
            { "Effect": "Allow",
              "Action": ["s3:GetObject", "s3:GetObjectVersion", "s3:PutObject"],
              "Resource": format!("arn:aws:s3:::{bucket}/*") },
            { "Effect": "Allow", "Action": ["kms:Decrypt", "kms:GenerateDataKey"], "Resource": key },
        ]));
        let name = ("RoleName", ARTIFACT_ROLE);
        let trust = ("AssumeRolePolicyDocument", trust.as_str());
        let role = account.query("iam", "CreateRole", &[name, trust])?;
        let role = xml_text(&role, "Arn").context("a new role has an ARN")?;
        let document = ("PolicyDocument", may.as_str());
        account.query(
            "iam",
            "PutRolePolicy",
            &[name, ("PolicyName", "artifacts"), document],
        )?;
        Ok(Self {
            bucket,
            key,
            role,
            account: account.clone(),
        })
    }

    /// Writes an artifact: a zip of these files, encrypted with the store's key.
    pub fn put_artifact(&self, name: &str, files: &[(&str, &[u8])]) -> Result<Artifact> {
        self.put_bytes(name, zip_of(files, 0o644)?)
    }

    /// Writes an artifact that is whatever these bytes are.
    pub fn put_bytes(&self, name: &str, bytes: Vec<u8>) -> Result<Artifact> {
        let artifact = self.output(name);
        let headers = [
            ("x-amz-server-side-encryption", "aws:kms"),
            (
                "x-amz-server-side-encryption-aws-kms-key-id",
                self.key.as_str(),
            ),
        ];
        self.account
            .put_object(&artifact.bucket, &artifact.key, &headers, bytes)?;
        Ok(artifact)
    }

    /// An artifact that is yet to be written, at a place as CodePipeline chooses it: the names cut
    /// short, and seven random characters.
    pub fn output(&self, name: &str) -> Artifact {
        let short: String = name.chars().take(10).collect();
        let random: String = uuid::Uuid::new_v4()
            .simple()
            .to_string()
            .chars()
            .take(7)
            .collect();
        Artifact {
            name: name.to_owned(),
            revision: None,
            bucket: self.bucket.clone(),
            key: format!("orders/{short}/{random}"),
        }
    }

    /// What an artifact holds now.
    pub fn read(&self, artifact: &Artifact) -> Result<hyper::body::Bytes> {
        self.account.get_object(&artifact.bucket, &artifact.key)
    }

    /// A job of this store's pipeline: its key is named, its credentials open the bucket.
    pub fn job(&self, function: &str) -> JobSpec {
        JobSpec {
            encryption_key: Some(self.key.clone()),
            artifact_role: Some(self.role.clone()),
            ..JobSpec::new(function)
        }
    }
}

/// Puts an image's manifest into a repository, which is created if need be, and returns its digest.
pub fn put_image(account: &Account, repository: &str, tag: &str, manifest: &str) -> Result<String> {
    create_repository(account, repository)?;
    let body = json!({ "repositoryName": repository, "imageTag": tag, "imageManifest": manifest });
    let put = ecr(account, "PutImage", body)?;
    let digest = put["image"]["imageId"]["imageDigest"].as_str();
    Ok(digest.context("a new image has a digest")?.to_owned())
}

/// Creates a repository, unless it is there.
pub fn create_repository(account: &Account, repository: &str) -> Result<()> {
    let created = ecr(
        account,
        "CreateRepository",
        json!({ "repositoryName": repository }),
    );
    match created {
        Ok(_) => Ok(()),
        Err(error) => match error.downcast_ref::<AwsError>() {
            Some(aws) if aws.code == "RepositoryAlreadyExistsException" => Ok(()),
            _ => Err(error),
        },
    }
}

/// Lets another account pull from a repository, as `PullAccountIds` of templates/cluster.yaml does.
pub fn let_pull(account: &Account, repository: &str, other: &str) -> Result<()> {
    let policy = json!({ "Version": "2012-10-17", "Statement": [{
        "Effect": "Allow",
        "Principal": { "AWS": other },
        "Action": ["ecr:BatchCheckLayerAvailability", "ecr:BatchGetImage", "ecr:DescribeImages",
            "ecr:GetDownloadUrlForLayer"],
    }] });
    let body = json!({ "repositoryName": repository, "policyText": policy.to_string() });
    ecr(account, "SetRepositoryPolicy", body).map(|_| ())
}

fn ecr(account: &Account, operation: &str, body: Value) -> Result<Value> {
    account.json(
        "ecr",
        &format!("AmazonEC2ContainerRegistry_V20150921.{operation}"),
        body,
    )
}

/// A manifest like that of a small image; another `seed`, another digest.
pub fn manifest(seed: &str) -> String {
    let digest = |of: &str| {
        use sha2::{Digest, Sha256};
        format!("sha256:{}", hex::encode(Sha256::digest(of)))
    };
    let kind = |name: &str| format!("application/vnd.docker.{name}");
    json!({
        "schemaVersion": 2,
        "mediaType": kind("distribution.manifest.v2+json"),
        "config": {
            "mediaType": kind("container.image.v1+json"),
            "size": 1457,
            "digest": digest(&format!("config {seed}")),
        },
        "layers": [{
            "mediaType": kind("image.rootfs.diff.tar.gzip"),
            "size": 1024,
            "digest": digest(&format!("layer {seed}")),
        }],
    })
    .to_string()
}

/// What a task definition calls an image: with `:tag` or `@digest` after it.
pub fn repository_uri(account: &Account, repository: &str) -> String {
    format!(
        "{}.dkr.ecr.{}.amazonaws.com/{repository}",
        account.id(),
        account.region()
    )
}

fn policy(statements: Value) -> String {
    json!({ "Version": "2012-10-17", "Statement": statements }).to_string()
}

#[cfg(test)]
mod tests {
    #[test]
    fn manifests_differ_by_seed() {
        assert_eq!(super::manifest("a"), super::manifest("a"));
        assert_ne!(super::manifest("a"), super::manifest("b"));
    }
}
