//! What `envelope` promises.

use std::ops::Range;
use std::sync::LazyLock;

use super::super::sample::Signer;
use super::*;
use proptest::prelude::*;
use serde_json::{Value, json};

static SIGNER: LazyLock<Signer> = LazyLock::new(Signer::new);

/// Whether these bytes are an envelope that the key signed, and of what.
fn opened(bytes: &[u8]) -> Result<Vec<u8>, String> {
    let keys = [SIGNER.public()];
    Envelope::parse(bytes)?
        .open(&keys)
        .map(|(payload, _)| payload)
}

/// Where a text lies in these bytes.
fn place(bytes: &[u8], text: &str) -> Range<usize> {
    let start = bytes
        .windows(text.len())
        .position(|window| window == text.as_bytes())
        .unwrap();
    start..start + text.len()
}

// rules: 3.8.3
#[test]
fn an_envelope_has_the_form_that_every_dsse_tool_reads() {
    let envelope = SIGNER.envelope(b"{}");
    let bytes = envelope.to_bytes().unwrap();
    let read: Value = serde_json::from_slice(&bytes).unwrap();
    let id = hex::encode(Sha256::digest(SIGNER.der()));
    let [signature] = envelope.signatures.as_slice() else {
        panic!()
    };
    let expected = json!({
        "payload": "e30=",
        "payloadType": "application/vnd.in-toto+json",
        "signatures": [{"keyid": id, "sig": signature.sig}],
    });
    assert_eq!(read, expected);
    // DER: a sequence of two numbers.
    assert_eq!(STANDARD.decode(&signature.sig).unwrap()[0], 0x30);
    assert_eq!(Envelope::parse(&bytes).unwrap(), envelope);
}

// rules: 3.8.1
#[test]
fn what_is_signed_is_the_digest_of_type_and_payload() {
    // As the protocol of DSSE has it.
    let expected = b"DSSEv1 28 application/vnd.in-toto+json 11 hello world";
    assert_eq!(pre_authentication(b"hello world"), expected);
    assert_eq!(
        digest_to_sign(b"hello world"),
        <[u8; 32]>::from(Sha256::digest(expected))
    );
    // Far more than KMS takes.
    let payload = vec![b'x'; 100_000];
    let digest = digest_to_sign(&payload);
    assert_eq!(digest.len(), 32);
    assert_eq!(
        opened(&SIGNER.envelope(&payload).to_bytes().unwrap()),
        Ok(payload)
    );
}

// rules: 3.8.2
#[test]
fn every_flipped_bit_of_what_is_signed_or_signs_is_refused() {
    let payload = br#"{"a":[1,2,3],"b":"0123456789"}"#;
    let envelope = SIGNER.envelope(payload);
    let bytes = envelope.to_bytes().unwrap();
    assert_eq!(opened(&bytes).as_deref(), Ok(&payload[..]));
    let parts = [
        &envelope.payload,
        &envelope.payload_type,
        &envelope.signatures[0].sig,
    ];
    for part in parts {
        for at in place(&bytes, part) {
            for bit in 0..8 {
                let mut flipped = bytes.clone();
                flipped[at] ^= 1 << bit;
                assert!(opened(&flipped).is_err(), "byte {at}, bit {bit}");
            }
        }
    }
}

proptest! {
    #[test]
    fn only_the_very_bytes_that_were_signed_come_out(
        payload in proptest::collection::vec(any::<u8>(), 0..200), at: prop::sample::Index, bit in 0..8_u8,
    ) {
        let envelope = SIGNER.envelope(&payload);
        let bytes = envelope.to_bytes().unwrap();
        prop_assert_eq!(opened(&bytes).unwrap(), payload.clone());
        // Another payload, or another signature, in the same form.
        let mut other = payload;
        other.push(0);
        let at = at.index(other.len());
        other[at] ^= 1_u8 << bit;
        let forged = Envelope { payload: STANDARD.encode(&other), ..envelope.clone() };
        prop_assert!(forged.open(&[SIGNER.public()]).is_err());
        let mut der = STANDARD.decode(&envelope.signatures[0].sig).unwrap();
        let at = at % der.len();
        der[at] ^= 1_u8 << bit;
        let mut forged = envelope;
        forged.signatures[0].sig = STANDARD.encode(der);
        prop_assert!(forged.open(&[SIGNER.public()]).is_err());
    }

    #[test]
    fn nothing_that_is_read_panics(bytes in proptest::collection::vec(any::<u8>(), 0..200), text in "\\PC{0,200}") {
        let _ = opened(&bytes);
        let _ = PublicKey::from_der(&bytes);
        let _ = PublicKey::read(&text);
        let _ = PublicKey::read(&format!("-----BEGIN PUBLIC KEY-----\n{text}\n-----END PUBLIC KEY-----"));
    }
}

// rules: 3.8.3 3.8.5
#[test]
fn any_signature_by_any_trusted_key_will_do_and_the_id_is_a_hint() {
    let (other, third) = (Signer::new(), Signer::new());
    let payload = b"{}";
    let mut envelope = SIGNER.envelope(payload);
    let theirs = other.envelope(payload).signatures.remove(0);
    envelope.signatures.insert(0, theirs);
    for keys in [
        vec![SIGNER.public()],
        vec![other.public()],
        vec![third.public(), SIGNER.public()],
    ] {
        let (_, key) = envelope.open(&keys).unwrap();
        assert_eq!(key, keys.last().unwrap());
    }
    // Nobody signed an id: a wrong one or none changes nothing, and a right one makes nothing right.
    for id in ["", "0123", &third.public().id()] {
        for signature in &mut envelope.signatures {
            id.clone_into(&mut signature.keyid);
        }
        envelope.open(&[SIGNER.public()]).unwrap();
        envelope.open(&[third.public()]).unwrap_err();
    }
    let without_id = json!({"payload": envelope.payload, "payloadType": PAYLOAD_TYPE,
        "signatures": [{"sig": envelope.signatures[1].sig}], "unknown": true});
    assert!(opened(without_id.to_string().as_bytes()).is_ok());
}

#[test]
fn what_is_not_signed_by_a_trusted_key_says_whom_it_names_and_whom_we_trust() {
    let envelope = SIGNER.envelope(b"{}");
    let other = Signer::new().public();
    let wrong = envelope.open(std::slice::from_ref(&other)).unwrap_err();
    let (names, trusts) = (SIGNER.public().id(), other.id());
    let expected = format!(
        "no signature in it is by a key that is trusted here (it names {}…; trusted: {}…)",
        &names[..12],
        &trusts[..12]
    );
    assert_eq!(wrong, expected);
    let bare = Envelope {
        signatures: vec![],
        ..envelope.clone()
    };
    let wrong = bare.open(&[]).unwrap_err();
    assert!(wrong.ends_with("(it names none; trusted: none)"), "{wrong}");
    let other = Envelope {
        payload_type: "text/plain".to_owned(),
        ..envelope.clone()
    };
    let wrong = other.open(&[SIGNER.public()]).unwrap_err();
    assert_eq!(
        wrong,
        "its payload is \"text/plain\", not application/vnd.in-toto+json"
    );
    let other = Envelope {
        payload: "*".to_owned(),
        ..envelope
    };
    assert_eq!(other.open(&[]).unwrap_err(), "its payload is not in base64");
    for text in ["", "[]", "{}", r#"{"payload": 1}"#] {
        let wrong = Envelope::parse(text.as_bytes()).unwrap_err();
        assert!(wrong.starts_with("it is no DSSE envelope ("), "{wrong}");
    }
}

/// The PEM of a DER, as OpenSSL writes it.
fn pem(der: &[u8]) -> String {
    let text = STANDARD.encode(der);
    let lines: Vec<&str> = text
        .as_bytes()
        .chunks(64)
        .map(|line| std::str::from_utf8(line).unwrap())
        .collect();
    format!(
        "-----BEGIN PUBLIC KEY-----\n{}\n-----END PUBLIC KEY-----\n",
        lines.join("\n")
    )
}

// rules: 3.8.5
#[test]
fn keys_are_read_as_people_have_them() {
    let (first, second) = (SIGNER.der(), Signer::new().der());
    let keys = |ders: &[&Vec<u8>]| -> Vec<PublicKey> {
        ders.iter()
            .map(|der| PublicKey::from_der(der).unwrap())
            .collect()
    };
    let base64 = STANDARD.encode(&first);
    for (text, expected) in [
        (pem(&first), keys(&[&first])),
        (
            pem(&first) + "and\n" + &pem(&second),
            keys(&[&first, &second]),
        ),
        (pem(&first).replace('\n', "\r\n"), keys(&[&first])),
        (base64.clone(), keys(&[&first])),
        (
            format!("{}\n{}\n", &base64[..64], &base64[64..]),
            keys(&[&first]),
        ),
    ] {
        assert_eq!(PublicKey::read(&text), Ok(expected), "{text}");
    }
    let mut p384 = first.clone();
    p384[22] ^= 1;
    for (text, expected) in [
        (String::new(), "holds a public key that is not ECDSA P-256"),
        (
            "what?".to_owned(),
            "is neither PEM nor the base64 of a public key",
        ),
        (
            STANDARD.encode(&p384),
            "holds a public key that is not ECDSA P-256",
        ),
        (pem(&p384), "holds a public key that is not ECDSA P-256"),
        (
            pem(&first[..50]),
            "holds a public key that is not ECDSA P-256",
        ),
        (
            pem(&first).replace("PUBLIC", "PRIVATE"),
            "holds no PUBLIC KEY in PEM",
        ),
        (pem(&first).replace("-----END", ""), "PEM"),
    ] {
        let wrong = PublicKey::read(&text).unwrap_err();
        assert!(wrong.contains(expected), "{text}: {wrong}");
    }
}
