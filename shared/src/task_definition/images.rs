//! Images into task definitions: by the names of containers, and into placeholders.

use std::borrow::{Borrow, BorrowMut};

use serde_json::Value;

use super::TaskDefinition;
use crate::rollout_file::images::{Image, ImageFile};

/// Puts images into the containers they name, and into placeholders `<IMAGE1_NAME>`, of all
/// definitions of a rollout. Nothing else changes. A definition ignores the names of others, but
/// every name has to be of some use: here, or as one of the images `elsewhere`. The error is
/// everything that does not fit.
pub fn put_images<D: BorrowMut<TaskDefinition>>(
    definitions: &mut [D],
    files: &[ImageFile],
    elsewhere: &[Image],
) -> Result<(), Vec<String>> {
    let mut wrongs = Vec::new();
    let mut details = 0;
    let mut named: Vec<(&str, &Image)> = Vec::new();
    for file in files {
        match file {
            ImageFile::Definitions(images) => {
                for (name, image) in images {
                    if named.iter().any(|(other, _)| other == name) {
                        wrongs.push(format!("container {name:?} is named by two image files"));
                    }
                    named.push((name, image));
                }
            }
            ImageFile::Detail(image) => {
                details += 1;
                let placeholder = format!("<IMAGE{details}_NAME>");
                let taken = elsewhere.contains(image);
                wrongs.extend(fill(definitions, &placeholder, image, taken).err());
            }
        }
    }
    for (name, image) in named {
        let mut used = elsewhere.contains(image);
        for definition in definitions.iter_mut() {
            used |= definition.borrow_mut().put_image(name, image);
        }
        if !used {
            wrongs.push(format!(
                "no container is named {name:?}; there are: {}",
                containers(definitions).join(", ")
            ));
        }
    }
    for definition in definitions.iter() {
        for (name, image) in definition.borrow().images() {
            if Image::parse(image).is_none() {
                let wrong = format!("container {name:?} has the image {image:?}, which is none");
                if !wrongs.contains(&wrong) {
                    wrongs.push(wrong);
                }
            }
        }
    }
    if wrongs.is_empty() {
        Ok(())
    } else {
        Err(wrongs)
    }
}

/// One image by its place: a placeholder, or, unless it is `taken` elsewhere, the only container that
/// there is.
fn fill<D: BorrowMut<TaskDefinition>>(
    definitions: &mut [D],
    placeholder: &str,
    image: &Image,
    taken: bool,
) -> Result<(), String> {
    let mut used = taken;
    for definition in definitions.iter_mut() {
        let definition = definition.borrow_mut();
        let held: Vec<String> = definition
            .images()
            .iter()
            .filter(|(_, held)| *held == placeholder)
            .map(|(name, _)| (*name).to_owned())
            .collect();
        for name in held {
            used |= definition.put_image(&name, image);
        }
    }
    if used {
        return Ok(());
    }
    let all = containers(definitions);
    let family = definitions.first();
    let family = family.map(|first| first.borrow().family().to_owned());
    let one_family = definitions
        .iter()
        .all(|definition| Some(definition.borrow().family()) == family.as_deref());
    if let ([only], true) = (all.as_slice(), one_family) {
        for definition in definitions {
            definition.borrow_mut().put_image(only, image);
        }
        return Ok(());
    }
    Err(format!(
        "imageDetail.json names no container, and no container has the image {placeholder:?}; \
         write the placeholder into the task definition file, or use imagedefinitions.json \
         (containers: {})",
        all.join(", ")
    ))
}

/// The names of all containers, each once.
fn containers<D: BorrowMut<TaskDefinition>>(definitions: &[D]) -> Vec<String> {
    let mut names: Vec<String> = Vec::new();
    let definitions = definitions.iter().map(Borrow::borrow);
    for name in definitions.flat_map(TaskDefinition::containers) {
        if !names.iter().any(|known| known == name) {
            names.push(name.to_owned());
        }
    }
    names
}

impl TaskDefinition {
    /// Whether there is such a container.
    fn put_image(&mut self, name: &str, image: &Image) -> bool {
        match self.container_mut(name) {
            Some(container) => {
                container.insert("image".into(), Value::String(image.to_string()));
                true
            }
            None => false,
        }
    }
}
