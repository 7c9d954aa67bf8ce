//! Stack targets before anything begins: what is there, what is sent, what would change, and whether
//! it may (CONTRACTS 3.6).
//!
//! `read` looks and finds what is wrong, like the other targets' checks; `create` makes the
//! change sets, which change nothing yet, and holds them against the guard; `kept` has what the
//! way back needs. `propose` makes a change set only to read it, and throws it away.

mod begun;
mod create;
mod kept;
mod propose;
mod read;
pub(crate) mod template;

use shared::names::Digest;
use shared::rollout::watch::Watch;
use shared::rollout_file::images::Image;
use shared::rollout_file::{OnFailure, RolloutFile};
use shared::stack::{Stack, Summary, parameters};

pub(crate) use create::{create, delete, discard, made};
pub(crate) use kept::kept;
pub use propose::{AGAIN, Proposal, propose};
pub(crate) use read::{Read, read};

use crate::decide::{self, Given};
use template::Template;

/// A stack target, read and found to be good.
pub struct Planned {
    /// The target's place.
    pub n: usize,
    /// What is there; none when it is to be made.
    stack: Option<Stack>,
    /// What the artifacts give it.
    given: Given,
    /// The new template, when there is one.
    template: Option<Template>,
    /// What the template declares.
    declared: Summary,
    /// Parameters that receive images, pinned before they are sent.
    images: Vec<(String, Image)>,
    /// The template that is there, when the new one differs.
    before: Option<String>,
}

/// A change set that was made, or that had nothing to change.
pub struct Made {
    /// The target's place.
    pub n: usize,
    /// How the target begins.
    pub watch: Watch,
}

impl Planned {
    /// What is sent for each parameter; the error is everything that is wrong.
    fn parameters(
        &self,
        on_failure: OnFailure,
    ) -> Result<Vec<(String, Option<String>)>, Vec<String>> {
        let images = self.images.iter();
        let images = images.map(|(parameter, image)| (parameter.clone(), image.to_string()));
        let given: Vec<(String, String)> = self
            .given
            .parameters
            .iter()
            .cloned()
            .chain(images)
            .collect();
        let may_go_back = on_failure == OnFailure::Rollback;
        parameters::to_send(
            &self.declared.parameters,
            self.stack.as_ref(),
            &given,
            may_go_back,
        )
    }

    /// Parameters that receive images: the name, what it is now, and the image.
    pub fn images(&self) -> impl Iterator<Item = (&str, Option<&str>, &Image)> {
        let parameters = self.stack.as_ref().map(|stack| stack.parameters.as_slice());
        let parameters = parameters.unwrap_or_default();
        self.images.iter().map(move |(name, image)| {
            let before = parameters.iter().find(|(key, _)| key == name);
            (
                name.as_str(),
                before.map(|(_, value)| value.as_str()),
                image,
            )
        })
    }

    /// The new template, when there is one.
    pub(crate) fn template_text(&self) -> Option<&str> {
        self.template
            .as_ref()
            .map(|template| template.text.as_str())
    }

    /// Images without a digest that ECR can tell.
    pub(crate) fn to_pin(&self) -> impl Iterator<Item = (usize, &Image)> {
        let images = self.images.iter().map(|(_, image)| image);
        images
            .filter(|image| decide::needs_digest(image))
            .map(|image| (self.n, image))
    }

    /// Puts digests in the place of tags, and targets' repositories in the place of others.
    pub(crate) fn pin(&mut self, digests: &[(Image, Digest)], file: &RolloutFile) {
        for (_, image) in &mut self.images {
            *image = decide::pinned(image, digests, file);
        }
    }
}
