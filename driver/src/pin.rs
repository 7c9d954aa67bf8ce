//! Tags resolved to digests: what is released is what was looked up once, whatever the tag says later.

use aws::ecr;
use futures_util::future::join_all;
use shared::error::Failure;
use shared::names::Digest;
use shared::rollout_file::images::{Image, ImageFile};

use crate::Work;
use crate::decide::{self, Plan};
use crate::stacks::Planned;

/// Images as they were handed in with what was made of them, and those that cannot be resolved: for
/// which target, and why.
type Pinned = (Vec<(Image, Image)>, Vec<(usize, Failure)>);

/// Puts digests in the place of tags, each image resolved once.
pub(crate) async fn pin(
    work: &Work<'_>,
    plan: &mut Plan,
    stacks: &mut [Planned],
    images: &[ImageFile],
) -> Pinned {
    let mut to_pin: Vec<(usize, Image)> = Vec::new();
    let mut add = |n: usize, image: Image| {
        if !to_pin.iter().any(|(_, known)| *known == image) {
            to_pin.push((n, image));
        }
    };
    for (n, definition) in plan.each() {
        for image in decide::to_pin(definition, images) {
            add(n, image);
        }
    }
    for (n, image) in stacks.iter().flat_map(Planned::to_pin) {
        add(n, image.clone());
    }
    let resolved = join_all(to_pin.iter().map(|(n, image)| resolve(work, *n, image))).await;
    let mut digests: Vec<(Image, Digest)> = Vec::new();
    let mut failures = Vec::new();
    for ((n, image), digest) in to_pin.into_iter().zip(resolved) {
        match digest {
            Ok(Some(digest)) => digests.push((image, digest)),
            Ok(None) => {}
            Err(failure) => failures.push((n, failure)),
        }
    }
    let file = &work.request.file;
    let made = |image: &Image| (image.clone(), decide::pinned(image, &digests, file));
    let named: Vec<(Image, Image)> = images
        .iter()
        .flat_map(ImageFile::images)
        .map(made)
        .collect();
    for definition in plan.definitions.iter_mut().flatten() {
        decide::pin(definition, &digests, file);
    }
    for stack in stacks {
        stack.pin(&digests, file);
    }
    (named, failures)
}

async fn resolve(work: &Work<'_>, n: usize, image: &Image) -> Result<Option<Digest>, Failure> {
    let (Some(end), Some(repository)) = (work.ends.get(n), image.ecr()) else {
        return Ok(None);
    };
    let (client, caller) = work
        .clients
        .ecr(work.job, end.reached()?, &repository)
        .await;
    let resolved = ecr::resolve_tag(&client, &repository, decide::tag(image)).await;
    resolved.map(Some).map_err(|error| {
        let resource = format!(
            "arn:aws:ecr:{}:{}:repository/{}",
            repository.region.as_str(),
            repository.account.as_str(),
            repository.name
        );
        let what = format!("image {image} cannot be resolved to its digest");
        error.into_failure(&what, &caller, &resource, repository.account.as_str())
    })
}
