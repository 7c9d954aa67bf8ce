//! A release for the tests, and somebody who signs it.

use aws_lc_rs::encoding::{AsDer, PublicKeyX509Der};
use aws_lc_rs::rand::SystemRandom;
use aws_lc_rs::signature::{ECDSA_P256_SHA256_ASN1_SIGNING, EcdsaKeyPair, KeyPair as _};
use serde_json::json;

use super::envelope::{Envelope, PublicKey, pre_authentication};
use super::statement::{
    Approval, Artifact, Destination, Predicate, Preview, ReleasedImage, Revision, Rollout, Source,
    Statement, Test,
};

/// Where the release lies.
pub(crate) const FOLDER: &str = "releases/orders/22222222-abcd-1111-abcd-222222abcdef/";

/// What it says: everything that a statement can say.
pub(crate) fn predicate() -> Predicate {
    Predicate {
        destination: Destination {
            account: "222222222222".to_owned(),
            region: "ap-southeast-2".to_owned(),
            bucket: "production-releases".to_owned(),
        },
        source: Source {
            account: "111111111111".to_owned(),
            region: "us-east-1".to_owned(),
            pipeline: "orders".to_owned(),
            execution: "22222222-abcd-1111-abcd-222222abcdef".to_owned(),
            revisions: vec![Revision {
                artifact: "Source".to_owned(),
                id: "0a1b2c3d".to_owned(),
                summary: "Serve more".to_owned(),
                url: "https://example.com/0a1b2c3d".to_owned(),
            }],
        },
        artifacts: vec![
            Artifact {
                artifact: "Build".to_owned(),
                path: None,
                key: format!("{FOLDER}Build.zip"),
                version: "v1".to_owned(),
                size: 1_234,
                sha256: "a".repeat(64),
            },
            Artifact {
                artifact: "Config".to_owned(),
                path: Some("sql/1.sql".to_owned()),
                key: format!("{FOLDER}Config/sql/1.sql"),
                version: "v2".to_owned(),
                size: 0,
                sha256: "b".repeat(64),
            },
        ],
        images: vec![ReleasedImage {
            image: "r.example/web:v2".to_owned(),
            digest: format!("sha256:{}", "c".repeat(64)),
        }],
        tests: vec![Test {
            stage: "Test".to_owned(),
            action: "RollOut".to_owned(),
            id: "t1".to_owned(),
            ended: 1_795_881_600,
            proof: json!({"targets": [{"service": "web", "running": 2}]}),
        }],
        approvals: vec![Approval {
            stage: "Production".to_owned(),
            action: "Approve".to_owned(),
            id: "a1".to_owned(),
            by: "arn:aws:iam::111111111111:user/ana".to_owned(),
            at: 1_795_882_800,
            comment: "ship it".to_owned(),
        }],
        preview: Some(Preview {
            id: "p1".to_owned(),
            fingerprint: "f1".to_owned(),
            page: "https://example.com/page".to_owned(),
        }),
        rollout: Rollout {
            place: "Build::production.json".to_owned(),
            file: json!({
                "targets": [{"service": "web", "cluster": "prod"}],
                "region": "ap-southeast-2",
            }),
        },
    }
}

/// The statement that says it.
pub(crate) fn statement() -> Statement {
    Statement::new(predicate())
}

/// A key that signs as KMS's does.
pub(crate) struct Signer(EcdsaKeyPair);

impl Signer {
    /// A new one.
    pub(crate) fn new() -> Self {
        Self(EcdsaKeyPair::generate(&ECDSA_P256_SHA256_ASN1_SIGNING).unwrap())
    }

    /// The DER of its public half, as KMS gives it.
    pub(crate) fn der(&self) -> Vec<u8> {
        let public: PublicKeyX509Der<'_> = self.0.public_key().as_der().unwrap();
        public.as_ref().to_vec()
    }

    /// Its public half.
    pub(crate) fn public(&self) -> PublicKey {
        PublicKey::from_der(&self.der()).unwrap()
    }

    /// The DER of its signature over these bytes.
    pub(crate) fn sign(&self, message: &[u8]) -> Vec<u8> {
        let signature = self.0.sign(&SystemRandom::new(), message).unwrap();
        signature.as_ref().to_vec()
    }

    /// The envelope of a payload.
    pub(crate) fn envelope(&self, payload: &[u8]) -> Envelope {
        let signature = self.sign(&pre_authentication(payload));
        Envelope::new(payload, &self.public(), &signature)
    }
}
