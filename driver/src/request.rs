//! The job → what is asked for, and the files that it takes. Pure.

use shared::error::Failure;
use shared::job::Artifact;
use shared::rollout_file::images::ImageFile;
use shared::rollout_file::{Place, RolloutFile};
use shared::task_definition::TaskDefinition;

/// What an image file is called when nothing names one.
pub const DEFAULT_IMAGES: &str = "imagedefinitions.json";

/// What is asked for.
pub struct Request {
    /// The pipeline execution's id.
    pub execution: String,
    /// The pipeline, when it is named.
    pub pipeline: Option<String>,
    /// What to do.
    pub file: RolloutFile,
}

impl Request {
    /// Reads the rollout file; `place` is what messages call it.
    pub fn new(
        execution: String,
        pipeline: Option<String>,
        place: &str,
        bytes: &[u8],
    ) -> Result<Self, Failure> {
        let value = serde_json::from_slice(bytes)
            .map_err(|error| Failure::configuration(format!("{place} is not JSON ({error})")))?;
        let file =
            RolloutFile::from_value(&value).map_err(|wrongs| Failure::findings(place, &wrongs))?;
        Ok(Self {
            execution,
            pipeline,
            file,
        })
    }
}

/// The input artifact of a name.
pub fn artifact<'a>(inputs: &'a [Artifact], place: &Place) -> Result<&'a Artifact, Failure> {
    inputs
        .iter()
        .find(|input| input.name == place.artifact)
        .ok_or_else(|| {
            let names: Vec<&str> = inputs.iter().map(|input| input.name.as_str()).collect();
            Failure::configuration(format!(
                "{place}: the action has no input artifact {:?}; it has {}",
                place.artifact,
                if names.is_empty() {
                    "none".to_owned()
                } else {
                    names.join(", ")
                }
            ))
        })
}

/// The failure of an action without an image file.
pub fn no_image_file(inputs: &[Artifact]) -> Failure {
    let names: Vec<&str> = inputs.iter().map(|input| input.name.as_str()).collect();
    Failure::configuration(if names.is_empty() {
        "the action has no input artifact to take an image from; add the build's output artifact \
         to its inputs"
            .to_owned()
    } else {
        format!(
            "no input artifact has a file {DEFAULT_IMAGES} ({}); write it in the build, or name \
             the file by \"images\" in the rollout file",
            names.join(", ")
        )
    })
}

/// An image file's content.
pub fn image_file(place: &str, bytes: &[u8]) -> Result<ImageFile, Failure> {
    ImageFile::parse(bytes).map_err(|wrongs| Failure::findings(place, &wrongs))
}

/// A task definition file's content.
pub fn task_definition(place: &Place, bytes: &[u8]) -> Result<TaskDefinition, Failure> {
    TaskDefinition::from_file(bytes).map_err(|wrongs| Failure::findings(place, &wrongs))
}
