//! ECR: tags to digests, whether an image is there, and the platform manifests of an index
//! (CONTRACTS 3.5.29).

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

/// Whether a repository has an image of this digest. A repository that is not there is an error of
/// kind Missing.
pub async fn has_image(
    client: &Client,
    repository: &EcrRepository,
    digest: &Digest,
) -> Result<bool, CallError> {
    Ok(tags(client, repository, digest).await?.is_some())
}

/// What a repository calls an image of this digest, in ECR's order; none when it has no such image.
pub async fn tags(
    client: &Client,
    repository: &EcrRepository,
    digest: &Digest,
) -> Result<Option<Vec<String>>, CallError> {
    let answer = client
        .describe_images()
        .registry_id(repository.account.as_str())
        .repository_name(&repository.name)
        .image_ids(
            ImageIdentifier::builder()
                .image_digest(digest.as_str())
                .build(),
        )
        .send()
        .await;
    match answer.map_err(|error| CallError::new("ecr:DescribeImages", error)) {
        Ok(answer) => {
            let mut images = answer.image_details().iter();
            let image = images.find(|image| image.image_digest() == Some(digest.as_str()));
            Ok(image.map(|image| image.image_tags().to_vec()))
        }
        Err(error) if error.code == "ImageNotFoundException" => Ok(None),
        Err(error) => Err(error),
    }
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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::replay::replay;
    use serde_json::{Value, json};
    use shared::names::{Account, Region};

    #[tokio::test]
    async fn an_image_is_there_or_is_not_but_a_repository_has_to_be() {
        let digest = format!("sha256:{}", "0f".repeat(32));
        let refused = |code: &str| (400, json!({"__type": code, "message": "why"}));
        let there = json!([{"imageDigest": digest, "repositoryName": "team/web"}]);
        let images = |images: Value| (200, json!({"imageDetails": images}));
        let (config, replay) = replay([
            images(there),
            refused("ImageNotFoundException"),
            images(json!([])),
            refused("RepositoryNotFoundException"),
        ]);
        let client = Client::new(&config);
        let repository = EcrRepository {
            account: Account::parse("111111111111").unwrap(),
            region: Region::parse("us-east-1").unwrap(),
            name: "team/web".into(),
        };
        let wanted = Digest::parse(&digest).unwrap();
        for expected in [true, false, false] {
            let found = has_image(&client, &repository, &wanted).await;
            assert_eq!(found.unwrap(), expected);
        }
        let error = has_image(&client, &repository, &wanted).await.unwrap_err();
        assert_eq!(
            (error.kind, error.code.as_str()),
            (Kind::Missing, "RepositoryNotFoundException")
        );
        let asked = json!({"registryId": "111111111111", "repositoryName": "team/web",
            "imageIds": [{"imageDigest": digest}]});
        assert_eq!(replay.calls()[0], ("DescribeImages".into(), asked));
    }
}
