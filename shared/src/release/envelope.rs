//! DSSE: the envelope around a statement (CONTRACTS 3.8). Any DSSE tool can verify it.

use aws_lc_rs::signature::{ECDSA_P256_SHA256_ASN1, UnparsedPublicKey};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use rustls_pki_types::SubjectPublicKeyInfoDer;
use rustls_pki_types::pem::PemObject as _;
use serde::{Deserialize, Serialize};
use sha2::{Digest as _, Sha256};

/// What the payload is.
pub const PAYLOAD_TYPE: &str = "application/vnd.in-toto+json";

/// An envelope, as it lies in the bucket.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Envelope {
    /// The statement, in base64.
    pub payload: String,
    /// [`PAYLOAD_TYPE`].
    pub payload_type: String,
    /// At least one.
    pub signatures: Vec<Signature>,
}

/// A signature over the pre-authentication encoding.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Signature {
    /// Hexadecimal sha256 of the key's SubjectPublicKeyInfo.
    #[serde(default)]
    pub keyid: String,
    /// The signature's DER, in base64.
    pub sig: String,
}

impl Envelope {
    /// The envelope of a payload that was signed by this key.
    pub fn new(payload: &[u8], key: &PublicKey, signature: &[u8]) -> Self {
        Self {
            payload: STANDARD.encode(payload),
            payload_type: PAYLOAD_TYPE.to_owned(),
            signatures: vec![Signature {
                keyid: key.id(),
                sig: STANDARD.encode(signature),
            }],
        }
    }

    /// Its bytes in the bucket.
    pub fn to_bytes(&self) -> Result<Vec<u8>, serde_json::Error> {
        serde_json::to_vec(self)
    }

    /// Reads an envelope, unverified; the error says what is not as it must be.
    pub fn parse(bytes: &[u8]) -> Result<Self, String> {
        serde_json::from_slice(bytes).map_err(|error| format!("it is no DSSE envelope ({error})"))
    }

    /// The payload, whoever signed it.
    pub fn unverified(&self) -> Result<Vec<u8>, String> {
        let payload = STANDARD.decode(&self.payload);
        payload.map_err(|_| "its payload is not in base64".to_owned())
    }

    /// The payload and the key that signed it: one of these, over exactly these bytes. The error says
    /// why there is none.
    pub fn open<'k>(&self, keys: &'k [PublicKey]) -> Result<(Vec<u8>, &'k PublicKey), String> {
        if self.payload_type != PAYLOAD_TYPE {
            return Err(format!(
                "its payload is {:?}, not {PAYLOAD_TYPE}",
                self.payload_type
            ));
        }
        let payload = self.unverified()?;
        let encoding = pre_authentication(&payload);
        // The key's id is a hint that nobody signed: all keys are tried.
        let signed = keys.iter().find(|key| {
            let mut signatures = self.signatures.iter();
            signatures.any(|one| {
                STANDARD
                    .decode(&one.sig)
                    .is_ok_and(|signature| key.verifies(&encoding, &signature))
            })
        });
        match signed {
            Some(key) => Ok((payload, key)),
            None => {
                let named = self.signatures.iter().map(|one| one.keyid.as_str());
                let named: Vec<&str> = named.collect();
                Err(format!(
                    "no signature in it is by a key that is trusted here (it names {}; trusted: {})",
                    listed(&named),
                    listed(&keys.iter().map(PublicKey::id).collect::<Vec<_>>())
                ))
            }
        }
    }
}

fn listed<T: AsRef<str>>(ids: &[T]) -> String {
    let each: Vec<&str> = ids
        .iter()
        .map(|id| id.as_ref().get(..12).unwrap_or(id.as_ref()))
        .collect();
    match each.as_slice() {
        [] => "none".to_owned(),
        _ => each.join("…, ") + "…",
    }
}

/// DSSE's pre-authentication encoding: what is signed instead of the payload alone, so that its type
/// cannot be changed either.
pub fn pre_authentication(payload: &[u8]) -> Vec<u8> {
    let head = format!(
        "DSSEv1 {} {PAYLOAD_TYPE} {} ",
        PAYLOAD_TYPE.len(),
        payload.len()
    );
    [head.as_bytes(), payload].concat()
}

/// What KMS is given to sign: it takes 4,096 bytes at most, and so the digest (CONTRACTS 3.8.1).
pub fn digest_to_sign(payload: &[u8]) -> [u8; 32] {
    Sha256::digest(pre_authentication(payload)).into()
}

/// An ECDSA P-256 public key.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PublicKey {
    spki: Vec<u8>,
}

impl PublicKey {
    /// A key from the DER of its SubjectPublicKeyInfo, as `kms:GetPublicKey` gives it. None when it is
    /// no P-256 key.
    pub fn from_der(spki: &[u8]) -> Option<Self> {
        // The beginning of every uncompressed P-256 key: its algorithm and curve (RFC 5480).
        const P256: [u8; 27] = [
            0x30, 0x59, 0x30, 0x13, 0x06, 0x07, 0x2a, 0x86, 0x48, 0xce, 0x3d, 0x02, 0x01, 0x06,
            0x08, 0x2a, 0x86, 0x48, 0xce, 0x3d, 0x03, 0x01, 0x07, 0x03, 0x42, 0x00, 0x04,
        ];
        let fits = spki.len() == P256.len() + 64 && spki.starts_with(&P256);
        fits.then(|| Self {
            spki: spki.to_vec(),
        })
    }

    /// The keys in a text: PEM (any number of them), or the base64 that `aws kms get-public-key
    /// --query PublicKey --output text` prints.
    pub fn read(text: &str) -> Result<Vec<Self>, String> {
        const NOT_P256: &str = "holds a public key that is not ECDSA P-256 (KMS: ECC_NIST_P256)";
        if !text.contains("-----BEGIN") {
            let packed: String = text.split_whitespace().collect();
            let der = STANDARD
                .decode(packed)
                .map_err(|_| "is neither PEM nor the base64 of a public key".to_owned())?;
            return Self::from_der(&der)
                .map(|key| vec![key])
                .ok_or_else(|| NOT_P256.to_owned());
        }
        let mut keys = Vec::new();
        for der in SubjectPublicKeyInfoDer::pem_slice_iter(text.as_bytes()) {
            let der = der.map_err(|error| format!("is damaged PEM ({error})"))?;
            keys.push(Self::from_der(&der).ok_or_else(|| NOT_P256.to_owned())?);
        }
        if keys.is_empty() {
            return Err("holds no PUBLIC KEY in PEM".to_owned());
        }
        Ok(keys)
    }

    /// Hexadecimal sha256 of the SubjectPublicKeyInfo.
    pub fn id(&self) -> String {
        hex::encode(Sha256::digest(&self.spki))
    }

    fn verifies(&self, message: &[u8], signature: &[u8]) -> bool {
        // The point, behind what `from_der` has checked.
        let point = self.spki.get(26..).unwrap_or_default();
        UnparsedPublicKey::new(&ECDSA_P256_SHA256_ASN1, point)
            .verify(message, signature)
            .is_ok()
    }
}

#[cfg(test)]
mod tests;
