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
    let generate = || EcdsaKeyPair::generate(&ECDSA_P256_SHA256_ASN1_SIGNING).unwrap();
    let der = |signer: &EcdsaKeyPair| {
        let public: PublicKeyX509Der<'_> = signer.public_key().as_der().unwrap();
        public.as_ref().to_vec()
    };
    let signer = generate();
    let public = PublicKey::from_der(&der(&signer)).unwrap();
    let payload = br#"{"_type":"https://in-toto.io/Statement/v1","predicate":{}}"#;
    let signature = signer.sign(&SystemRandom::new(), &pre_authentication(payload));
    let signature = signature.unwrap();
    let good = Envelope::new(payload, &public, signature.as_ref());
    let key = pem(&STANDARD.encode(der(&signer)));
    let bytes = good.to_bytes().unwrap();
    assert!(verify_independently(&bytes, &key));
    let read = payloads(std::slice::from_ref(&bytes), &key);
    assert_eq!(read, [Some(payload.to_vec())]);
    assert!(!verify_independently(
        &bytes,
        &pem(&STANDARD.encode(der(&generate())))
    ));

    let with = |change: &dyn Fn(&mut Envelope)| {
        let mut envelope = good.clone();
        change(&mut envelope);
        envelope
    };
    let payloads_flipped = flipped(payload)
        .map(|payload| with(&|envelope| envelope.payload = STANDARD.encode(&payload)));
    let signatures_flipped = flipped(signature.as_ref())
        .map(|sig| with(&|envelope| envelope.signatures[0].sig = STANDARD.encode(&sig)));
    let types_flipped = flipped(good.payload_type.as_bytes())
        .filter_map(|payload_type| String::from_utf8(payload_type).ok())
        .map(|payload_type| with(&|envelope| envelope.payload_type.clone_from(&payload_type)));
    let all: Vec<Envelope> = payloads_flipped
        .chain(signatures_flipped)
        .chain(types_flipped)
        .collect();
    // Ours says the same of each.
    assert!(
        all.iter()
            .all(|envelope| envelope.open(std::slice::from_ref(&public)).is_err())
    );
    let all: Vec<Vec<u8>> = all
        .iter()
        .map(|envelope| envelope.to_bytes().unwrap())
        .collect();
    let answers = payloads(&all, &key);
    let taken = answers.iter().filter(|payload| payload.is_some()).count();
    assert_eq!(
        taken,
        0,
        "of {} envelopes with a flipped bit",
        answers.len()
    );
}
