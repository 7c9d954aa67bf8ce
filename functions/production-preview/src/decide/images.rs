//! Images before and after, by the names that people know them by.

use driver::check::Checked;
use driver::publish::Published;
use driver::stacks::Proposal;
use shared::preview::{ImageChange, ImageShown, ValueChange};
use shared::rollout_file::images::Image;
use shared::rollout_file::stack::StackTarget;
use shared::task_definition::TaskDefinition;

/// Images in ECR that are known by their digest only, each with the place of a target that may ask.
pub fn nameless(checked: &Checked) -> Vec<(usize, Image)> {
    let mut all: Vec<(usize, Image)> = Vec::new();
    let mut add = |n: usize, written: &str| {
        if let Some(image) = Image::parse(written)
            && image.tag.is_none()
            && image.digest.is_some()
            && image.ecr().is_some()
            && !checked
                .images
                .iter()
                .any(|(tagged, made)| *made == image && tagged.tag.is_some())
            && !all.iter().any(|(_, known)| *known == image)
        {
            all.push((n, image));
        }
    };
    for (n, known) in checked.known.iter().enumerate() {
        let running = known.running.as_ref();
        let before = running.map(|running| running.definition.images());
        let after = checked.plan.definition(n).map(TaskDefinition::images);
        for (_, image) in before.into_iter().chain(after).flatten() {
            add(n, image);
        }
    }
    for stack in &checked.stacks {
        for (_, before, after) in stack.images() {
            before.into_iter().for_each(|image| add(stack.n, image));
            add(stack.n, &after.to_string());
        }
    }
    all
}

/// Images of two definitions, by container, in the order of the new one.
pub fn of_definitions(
    before: Option<&TaskDefinition>,
    after: &TaskDefinition,
    named: &[(Image, Image)],
    tags: &[(Image, String)],
) -> Vec<ImageChange> {
    let before = before.map(TaskDefinition::images).unwrap_or_default();
    let after = after.images();
    let of = |images: &[(&str, &str)], name: &str| {
        let mut each = images.iter();
        let (_, image) = each.find(|(container, _)| *container == name)?;
        Some(shown(image, named, tags))
    };
    let mut names: Vec<&str> = after.iter().map(|(name, _)| *name).collect();
    let gone = before.iter().map(|(name, _)| *name);
    let gone: Vec<&str> = gone.filter(|name| !names.contains(name)).collect();
    names.extend(gone);
    let each = names.into_iter().map(|name| ImageChange {
        name: name.to_owned(),
        from: of(&before, name),
        to: of(&after, name),
    });
    each.collect()
}

/// Images that a stack's parameters have and would be given.
pub fn of_stack(
    proposal: &Proposal,
    named: &[(Image, Image)],
    tags: &[(Image, String)],
) -> Vec<ImageChange> {
    let parameters = proposal.stack.iter().flat_map(|stack| &stack.parameters);
    let before: Vec<&(String, String)> = parameters.collect();
    let each = proposal.images.iter().map(|(parameter, image)| {
        let from = before.iter().find(|(key, _)| key == parameter);
        ImageChange {
            name: parameter.clone(),
            from: from.map(|(_, value)| shown(value, named, tags)),
            to: Some(shown(&image.to_string(), named, tags)),
        }
    });
    each.collect()
}

/// What a parameter of `publishImage` would hold once the release serves; none when that is what it
/// holds.
pub fn published(
    published: &Published,
    wanted: Option<&TaskDefinition>,
    stack: Option<&StackTarget>,
    proposal: Option<&Proposal>,
) -> Option<ValueChange> {
    let of_definition = || {
        let images = wanted?.images();
        let mut each = images.iter();
        let (_, image) = each.find(|(name, _)| *name == published.container)?;
        Some((*image).to_owned())
    };
    let of_stack = || {
        let mut names = stack?.image_parameters.iter();
        let (_, parameter) = names.find(|(name, _)| *name == published.container)?;
        let mut images = proposal?.images.iter();
        let (_, image) = images.find(|(name, _)| name == parameter)?;
        Some(image.to_string())
    };
    let to = of_definition().or_else(of_stack)?;
    (published.value != to).then(|| ValueChange {
        name: published.parameter.clone(),
        from: Some(published.value.clone()),
        to: Some(to),
        hidden: false,
    })
}

/// An image with the tag that the build called it by, or else ECR.
fn shown(written: &str, named: &[(Image, Image)], tags: &[(Image, String)]) -> ImageShown {
    let Some(image) = Image::parse(written) else {
        return ImageShown {
            repository: written.to_owned(),
            ..ImageShown::default()
        };
    };
    let called = || {
        let handed_in = named.iter().find(|(_, made)| *made == image);
        let by_build = handed_in.and_then(|(written, _)| written.tag.clone());
        by_build.or_else(|| {
            let by_ecr = tags.iter().find(|(known, _)| *known == image);
            by_ecr.map(|(_, tag)| tag.clone())
        })
    };
    ImageShown {
        tag: image.tag.clone().or_else(called),
        repository: image.repository,
        digest: image.digest,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn definition(images: &[(&str, &str)]) -> TaskDefinition {
        let containers: Vec<_> = images
            .iter()
            .map(|(name, image)| json!({"name": name, "image": image}))
            .collect();
        let text = json!({"family": "web", "containerDefinitions": containers}).to_string();
        TaskDefinition::from_file(text.as_bytes()).unwrap()
    }

    #[test]
    fn images_are_told_by_container_and_called_by_their_tags() {
        let pinned = |n: &str| format!("r.example/web@sha256:{}", n.repeat(64));
        let image = |text: &str| Image::parse(text).unwrap();
        let before = definition(&[("web", &pinned("a")), ("old", "r.example/old:1")]);
        let after = definition(&[("web", &pinned("b")), ("new", "r.example/new:1")]);
        let named = [(image("r.example/web:v2"), image(&pinned("b")))];
        let tags = [(image(&pinned("a")), "v1".to_owned())];
        let told: Vec<String> = of_definitions(Some(&before), &after, &named, &tags)
            .iter()
            .map(|change| {
                let tag = |image: &Option<ImageShown>| {
                    let image = image.as_ref();
                    image.map_or("none".to_owned(), |image| {
                        image.tag.clone().unwrap_or_default()
                    })
                };
                format!(
                    "{} {} {} {}",
                    change.name,
                    tag(&change.from),
                    tag(&change.to),
                    change.changes()
                )
            })
            .collect();
        assert_eq!(
            told,
            ["web v1 v2 true", "new none 1 true", "old 1 none true"]
        );
        let same = of_definitions(Some(&before), &before, &named, &tags);
        assert!(same.iter().all(|change| !change.changes()), "{same:?}");
    }
}
