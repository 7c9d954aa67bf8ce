//! KMS: the key that signs releases (CONTRACTS 3.8).

use aws_sdk_kms::Client;
use aws_sdk_kms::primitives::Blob;
use aws_sdk_kms::types::{MessageType, SigningAlgorithmSpec};

use crate::error::CallError;

/// The DER of a key's SubjectPublicKeyInfo.
pub async fn public_key(client: &Client, key: &str) -> Result<Vec<u8>, CallError> {
    const OPERATION: &str = "kms:GetPublicKey";
    let answer = client
        .get_public_key()
        .key_id(key)
        .send()
        .await
        .map_err(|error| CallError::new(OPERATION, error))?;
    answer
        .public_key
        .map(Blob::into_inner)
        .ok_or_else(|| CallError::unusable(OPERATION, "the answer has no public key"))
}

/// The DER of an ECDSA signature over a sha256 digest. Each call gives another one (3.8.2).
pub async fn sign(client: &Client, key: &str, digest: &[u8; 32]) -> Result<Vec<u8>, CallError> {
    const OPERATION: &str = "kms:Sign";
    let answer = client
        .sign()
        .key_id(key)
        .message(Blob::new(*digest))
        .message_type(MessageType::Digest)
        .signing_algorithm(SigningAlgorithmSpec::EcdsaSha256)
        .send()
        .await
        .map_err(|error| CallError::new(OPERATION, error))?;
    answer
        .signature
        .map(Blob::into_inner)
        .ok_or_else(|| CallError::unusable(OPERATION, "the answer has no signature"))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::replay::replay;
    use base64::Engine as _;
    use base64::engine::general_purpose::STANDARD;
    use serde_json::json;

    const KEY: &str = "arn:aws:kms:us-east-1:111111111111:key/0f";

    // rules: 3.8.1
    #[tokio::test]
    async fn the_digest_is_signed_and_not_the_message() {
        let (config, replay) = replay([
            (
                200,
                json!({"KeyId": KEY, "Signature": STANDARD.encode(b"der")}),
            ),
            (200, json!({"KeyId": KEY})),
            (
                200,
                json!({"KeyId": KEY, "PublicKey": STANDARD.encode(b"spki")}),
            ),
        ]);
        let client = Client::new(&config);
        let digest = [7; 32];
        assert_eq!(sign(&client, KEY, &digest).await.unwrap(), b"der");
        let asked = json!({"KeyId": KEY, "Message": STANDARD.encode(digest), "MessageType": "DIGEST",
            "SigningAlgorithm": "ECDSA_SHA_256"});
        assert_eq!(replay.calls()[0], ("Sign".into(), asked));
        assert_eq!(
            sign(&client, KEY, &digest).await.unwrap_err().message,
            "the answer has no signature"
        );
        assert_eq!(public_key(&client, KEY).await.unwrap(), b"spki");
    }
}
