//! A release's envelope, verified by another implementation of DSSE: securesystemslib, of those who
//! keep in-toto and TUF.

use std::io::Write as _;
use std::process::{Command, Stdio};

use aws_lc_rs::encoding::{AsDer, PublicKeyX509Der};
use aws_lc_rs::rand::SystemRandom;
use aws_lc_rs::signature::{ECDSA_P256_SHA256_ASN1_SIGNING, EcdsaKeyPair, KeyPair as _};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use rehearsal::tools::Tools;
use rehearsal::workspace;
use serde_json::json;
use shared::release::envelope::{Envelope, PublicKey, pre_authentication};
use shared::release::statement::Statement;

/// Somebody who signs, as KMS does.
pub(crate) struct Signer(EcdsaKeyPair);

impl Signer {
    pub(crate) fn new() -> Self {
        Self(EcdsaKeyPair::generate(&ECDSA_P256_SHA256_ASN1_SIGNING).unwrap())
    }

    /// The DER of the public key in base64, as `aws kms get-public-key` prints it.
    pub(crate) fn public_key(&self) -> String {
        let public: PublicKeyX509Der<'_> = self.0.public_key().as_der().unwrap();
        STANDARD.encode(public.as_ref())
    }

    /// The envelope of a payload.
    fn envelope(&self, payload: &[u8]) -> Envelope {
        let signature = self
            .0
            .sign(&SystemRandom::new(), &pre_authentication(payload));
        let [key] = &PublicKey::read(&self.public_key()).unwrap()[..] else {
            panic!("one key is one key")
        };
        Envelope::new(payload, key, signature.unwrap().as_ref())
    }

    /// The bytes of a release of `orders`, without an artifact, for a bucket of an account.
    pub(crate) fn release(&self, account: &str, bucket: &str) -> Vec<u8> {
        let said = json!({
            "destination": {"account": account, "region": "ap-southeast-2", "bucket": bucket},
            "source": {"account": "111111111111", "region": "us-east-1", "pipeline": "orders",
                "execution": EXECUTION, "revisions": []},
            "artifacts": [], "images": [], "tests": [], "approvals": [],
            "rollout": {"place": "Build::production.json", "file": {}},
        });
        let said = serde_json::from_value(said).unwrap();
        let payload = Statement::new(said).canonical().unwrap();
        self.envelope(&payload).to_bytes().unwrap()
    }
}

/// The execution of the release.
pub(crate) const EXECUTION: &str = "22222222-abcd-1111-abcd-222222abcdef";

/// Whether securesystemslib takes this envelope for one that the owner of this public key signed.
pub(crate) fn verify_independently(envelope: &[u8], pem: &str) -> bool {
    let payloads = payloads(&[envelope.to_vec()], pem);
    payloads.into_iter().all(|payload| payload.is_some())
}

/// The PEM of a public key, whose DER KMS gives in base64.
pub(crate) fn pem(base64: &str) -> String {
    let lines = base64.as_bytes().chunks(64);
    let lines: Vec<_> = lines.map(String::from_utf8_lossy).collect();
    format!(
        "-----BEGIN PUBLIC KEY-----\n{}\n-----END PUBLIC KEY-----\n",
        lines.join("\n")
    )
}

/// What each of these envelopes holds, by securesystemslib; none for what it refuses.
fn payloads(envelopes: &[Vec<u8>], pem: &str) -> Vec<Option<Vec<u8>>> {
    let tools = Tools::install(&|_| {}).unwrap();
    let mut python = Command::new(tools.python())
        .arg(workspace::root().join("tests/dsse/verify.py"))
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let cases = envelopes.iter().map(|envelope| {
        let case = json!({"envelope": STANDARD.encode(envelope), "pem": pem});
        format!("{case}\n")
    });
    let cases: String = cases.collect();
    let mut stdin = python.stdin.take().unwrap();
    let writing = std::thread::spawn(move || stdin.write_all(cases.as_bytes()));
    let output = python.wait_with_output().unwrap();
    writing.join().unwrap().unwrap();
    assert!(output.status.success(), "the verifier itself failed");
    let said = String::from_utf8(output.stdout).unwrap();
    let answers = said.lines().map(|line| match line.split_once(' ') {
        Some(("verified", payload)) => Some(STANDARD.decode(payload).unwrap()),
        Some(("refused", _)) => None,
        _ => panic!("not an answer: {line}"),
    });
    let answers: Vec<_> = answers.collect();
    assert_eq!(answers.len(), envelopes.len());
    answers
}

/// All bytes with one bit flipped.
fn flipped(bytes: &[u8]) -> impl Iterator<Item = Vec<u8>> {
    (0..bytes.len() * 8).map(|bit| {
        let mut flipped = bytes.to_vec();
        flipped[bit / 8] ^= 1 << (bit % 8);
        flipped
    })
}

// rules: 3.8.1 3.8.3
#[test]
fn another_implementation_of_dsse_verifies_and_refuses_as_we_do() {
    let signer = Signer::new();
    let key = pem(&signer.public_key());
    let bytes = signer.release("222222222222", "releases");
    assert!(verify_independently(&bytes, &key));
    assert!(!verify_independently(
        &bytes,
        &pem(&Signer::new().public_key())
    ));

    let good = Envelope::parse(&bytes).unwrap();
    let payload = STANDARD.decode(&good.payload).unwrap();
    let signature = STANDARD.decode(&good.signatures[0].sig).unwrap();
    let read = payloads(&[bytes], &key);
    assert_eq!(read, [Some(payload.clone())]);
    let payloads_flipped = flipped(&payload).map(|payload| Envelope {
        payload: STANDARD.encode(payload),
        ..good.clone()
    });
    let signatures_flipped = flipped(&signature).map(|signature| {
        let mut envelope = good.clone();
        envelope.signatures[0].sig = STANDARD.encode(signature);
        envelope
    });
    let types = flipped(good.payload_type.as_bytes());
    let types_flipped = types.filter_map(|text| {
        Some(Envelope {
            payload_type: String::from_utf8(text).ok()?,
            ..good.clone()
        })
    });
    let all = payloads_flipped
        .chain(signatures_flipped)
        .chain(types_flipped);
    let all: Vec<Envelope> = all.collect();
    // Ours says the same of each.
    let ours = PublicKey::read(&key).unwrap();
    assert!(all.iter().all(|envelope| envelope.open(&ours).is_err()));
    let all = all.iter().map(|envelope| envelope.to_bytes().unwrap());
    let answers = payloads(&all.collect::<Vec<_>>(), &key);
    let taken = answers.iter().filter(|payload| payload.is_some()).count();
    assert_eq!(
        taken,
        0,
        "of {} envelopes with a flipped bit",
        answers.len()
    );
}
