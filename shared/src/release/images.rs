//! Which bytes production is to pull: for each image that a release names, the digest that served in
//! test under that very name. An image that did not serve in test cannot be in a release.

use serde_json::Value;

use super::statement::ReleasedImage;
use crate::rollout_file::RolloutFile;
use crate::rollout_file::images::{Image, ImageFile};
use crate::task_definition::TaskDefinition;

/// An image that a rollout puts into service, as it is written.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Named {
    /// The container, where the file names one.
    pub container: Option<String>,
    /// The image.
    pub image: Image,
}

/// The images of a rollout: those of its image files, and those of its task definition files that no
/// image file replaces.
pub fn named(files: &[ImageFile], definitions: &[TaskDefinition]) -> Vec<Named> {
    let mut all: Vec<Named> = Vec::new();
    let mut add = |container: Option<&str>, image: &Image| {
        let one = Named {
            container: container.map(str::to_owned),
            image: image.clone(),
        };
        if !all.contains(&one) {
            all.push(one);
        }
    };
    let mut replaced = Vec::new();
    for file in files {
        match file {
            ImageFile::Definitions(images) => {
                for (name, image) in images {
                    add(Some(name), image);
                    replaced.push(name.as_str());
                }
            }
            ImageFile::Detail(image) => add(None, image),
        }
    }
    for definition in definitions {
        for (container, written) in definition.images() {
            // What is no image is a placeholder, which an image file fills.
            if let (Some(image), false) = (Image::parse(written), replaced.contains(&container)) {
                add(Some(container), &image);
            }
        }
    }
    all
}

/// A rollout to test: what it was given, and what it showed.
pub struct TestRollout<'a> {
    /// `Stage/Action`.
    pub place: String,
    /// Its rollout file.
    pub file: &'a RolloutFile,
    /// What it named.
    pub named: Vec<Named>,
    /// The updater's proof.
    pub proof: &'a Value,
}

/// An image of a proof: the container and what it was registered with.
struct Served<'a> {
    container: &'a str,
    image: Image,
}

/// The digests of a release's images, or why some have none.
pub fn released(
    wanted: &[Named],
    tests: &[TestRollout<'_>],
) -> Result<Vec<ReleasedImage>, Vec<String>> {
    let (mut images, mut wrongs): (Vec<ReleasedImage>, Vec<String>) = (Vec::new(), Vec::new());
    for named in wanted {
        match digest_of(named, tests) {
            Ok(digest) => {
                let one = ReleasedImage {
                    image: named.image.to_string(),
                    digest,
                };
                let other = images
                    .iter()
                    .find(|known| known.image == one.image && known.digest != one.digest);
                match other {
                    Some(other) => wrongs.push(two_digests(
                        &named.image,
                        &[other.digest.clone(), one.digest],
                    )),
                    None if images.contains(&one) => {}
                    None => images.push(one),
                }
            }
            Err(wrong) => wrongs.push(wrong),
        }
    }
    if wrongs.is_empty() {
        Ok(images)
    } else {
        Err(wrongs)
    }
}

fn digest_of(named: &Named, tests: &[TestRollout<'_>]) -> Result<String, String> {
    let mut digests: Vec<String> = Vec::new();
    let (mut was_named, mut unpinned) = (false, false);
    for test in tests {
        let given = test.named.iter().any(|given| {
            given.image == named.image
                && (given.container == named.container
                    || given.container.is_none()
                    || named.container.is_none())
        });
        // A digest names the same bytes, wherever it is written.
        if !given && named.image.digest.is_none() {
            continue;
        }
        was_named |= given;
        let mapped = test.file.mapped(&named.image).repository;
        let served = served(test.proof);
        let here: Vec<&Served<'_>> = served
            .iter()
            .filter(|served| served.image.repository == mapped)
            .collect();
        let by_name: Vec<&Served<'_>> = here
            .iter()
            .copied()
            .filter(|served| named.container.as_deref() == Some(served.container))
            .collect();
        // A stack's parameter may be called otherwise than the container that gets the image.
        let here = if by_name.is_empty() { here } else { by_name };
        for served in here {
            match &served.image.digest {
                Some(digest) if !digests.iter().any(|known| known == digest.as_str()) => {
                    digests.push(digest.as_str().to_owned());
                }
                Some(_) => {}
                None => unpinned = true,
            }
        }
    }
    let image = &named.image;
    if let Some(own) = &image.digest {
        return match digests.iter().any(|digest| digest == own.as_str()) {
            true => Ok(own.as_str().to_owned()),
            false => Err(format!(
                "image {image} did not serve in test: no rollout of this execution proves it"
            )),
        };
    }
    match digests.as_slice() {
        [one] => Ok(one.clone()),
        [] if unpinned => Err(format!(
            "image {image} served in test by its tag alone, which says nothing about its bytes: pin it \
             by its digest (repository@sha256:…), or take it from ECR"
        )),
        [] if was_named => Err(format!(
            "image {image} did not serve in test: it was in the rollout to test, and no proof has a \
             container that runs it"
        )),
        [] => Err(format!(
            "image {image} was not in any rollout to test of this execution: what was tested is {}",
            tested(tests)
        )),
        several => Err(two_digests(image, several)),
    }
}

fn two_digests(image: &Image, digests: &[String]) -> String {
    format!(
        "image {image} served in test with different digests ({}): its tag was moved meanwhile, or \
         containers share its repository; name it by its digest, or roll out to test again",
        digests.join(", ")
    )
}

/// The images that test rollouts were given.
fn tested(tests: &[TestRollout<'_>]) -> String {
    let each = tests.iter().map(|test| {
        let images: Vec<String> = test
            .named
            .iter()
            .map(|named| named.image.to_string())
            .collect();
        format!("{} ({})", images.join(", "), test.place)
    });
    let each: Vec<String> = each.collect();
    if each.is_empty() {
        "nothing".to_owned()
    } else {
        each.join("; ")
    }
}

/// The images in a proof: of services, and of the services of stacks.
fn served(proof: &Value) -> Vec<Served<'_>> {
    fn list<'a>(of: &'a Value, key: &str) -> impl Iterator<Item = &'a Value> {
        of.get(key).and_then(Value::as_array).into_iter().flatten()
    }
    let mut all = Vec::new();
    for target in list(proof, "targets") {
        for of in std::iter::once(target).chain(list(target, "services")) {
            for one in list(of, "images") {
                let text = |key: &str| one.get(key).and_then(Value::as_str);
                if let (Some(container), Some(image)) =
                    (text("container"), text("image").and_then(Image::parse))
                {
                    all.push(Served { container, image });
                }
            }
        }
    }
    all
}

#[cfg(test)]
mod tests;
