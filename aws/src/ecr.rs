//! ECR: tags to digests, and the platform manifests of an index (CONTRACTS 3.5.29).

use aws_sdk_ecr::Client;
use aws_sdk_ecr::types::ImageIdentifier;
use shared::names::Digest;
use shared::rollout_file::images::EcrRepository;

use crate::error::{CallError, Kind};

/// The digest that a tag points to now. `DescribeImages`, since `BatchGetImage` counts as a pull.
pub async fn resolve_tag(
    client: &Client,
    repository: &EcrRepository,
    tag: &str,
) -> Result<Digest, CallError> {
    const OPERATION: &str = "ecr:DescribeImages";
    let answer = client
        .describe_images()
        .registry_id(repository.account.as_str())
        .repository_name(&repository.name)
        .image_ids(ImageIdentifier::builder().image_tag(tag).build())
        .send()
        .await
        .map_err(|error| CallError::new(OPERATION, error))?;
    let digest = answer
        .image_details()
        .first()
        .and_then(|image| Digest::parse(image.image_digest()?));
    digest.ok_or_else(|| CallError {
        operation: OPERATION,
        kind: Kind::Missing,
        code: "ImageNotFoundException".into(),
        message: format!(
            "the repository {} has no image with the tag {tag}",
            repository.name
        ),
    })
}

/// The digests of the platform manifests in an index; empty when the image is no index.
pub async fn platforms(
    client: &Client,
    repository: &EcrRepository,
    index: &Digest,
) -> Result<Vec<String>, CallError> {
    const OPERATION: &str = "ecr:BatchGetImage";
    let answer = client
        .batch_get_image()
        .registry_id(repository.account.as_str())
        .repository_name(&repository.name)
        .image_ids(
            ImageIdentifier::builder()
                .image_digest(index.as_str())
                .build(),
        )
        .send()
        .await
        .map_err(|error| CallError::new(OPERATION, error))?;
    if let Some(failure) = answer.failures().first() {
        let reason = failure.failure_reason().unwrap_or("no reason given");
        return Err(CallError::unusable(OPERATION, reason.to_owned()));
    }
    let manifest = answer
        .images()
        .first()
        .and_then(|image| image.image_manifest())
        .unwrap_or("{}");
    let manifest: serde_json::Value = serde_json::from_str(manifest).map_err(|error| {
        CallError::unusable(OPERATION, format!("the manifest is not JSON ({error})"))
    })?;
    let manifests = manifest
        .get("manifests")
        .and_then(serde_json::Value::as_array)
        .into_iter()
        .flatten();
    Ok(manifests
        .filter_map(|child| Some(child.get("digest")?.as_str()?.to_owned()))
        .collect())
}
