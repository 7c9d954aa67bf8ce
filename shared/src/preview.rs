//! What a rollout would change, for whoever approves it: computed without changing anything.
//!
//! [`Preview`] holds everything that is told; [`summary`] is its text for the approval's mail,
//! [`page`] its page. [`fingerprint`] is the live state that it was computed from: a deployment that
//! finds another one does something else than what was approved.

pub mod drift;
pub mod fingerprint;
pub mod page;
pub mod summary;
mod words;

#[cfg(test)]
mod any;
#[cfg(test)]
#[path = "../examples/preview_page/samples.rs"]
mod samples;

use crate::job::revision::Revision;
use crate::names::Digest;
use crate::rollout::seen::settings::Alarm;
use crate::stack::Change;
use crate::task_definition::diff::Difference;

/// What a rollout would change.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Preview {
    /// The pipeline, when it is named.
    pub pipeline: Option<String>,
    /// The pipeline execution's id.
    pub execution: String,
    /// When it was computed, seconds since the epoch.
    pub at: u64,
    /// In the rollout file's order.
    pub targets: Vec<TargetPreview>,
    /// What speaks against the rollout as a whole.
    pub findings: Vec<Finding>,
    /// What the rollout file asks to let pass: key and value as they are written, such as `allow` and
    /// `stackOwned`.
    pub exceptions: Vec<(String, String)>,
    /// That production is frozen, in a sentence, where it is.
    pub freeze: Option<String>,
    /// Where the sources stand, when CodePipeline's record gives it.
    pub sources: Vec<Revision>,
    /// See [`fingerprint`]; empty when a target's live state could not be read.
    pub fingerprint: String,
    /// Whether values of environment variables are shown.
    pub show_values: bool,
}

/// What would change of one target.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct TargetPreview {
    /// What messages call it.
    pub name: String,
    /// In words, with its place: `service web (cluster test, ap-southeast-2, account …)`.
    pub place: String,
    /// `service`, `task` or `stack`.
    pub kind: &'static str,
    /// The twelve digits.
    pub account: String,
    /// Such as `ap-southeast-2`.
    pub region: String,
    /// What it waits for.
    pub after: Vec<String>,
    /// Images of containers, and of parameters that take images; those that stay, too.
    pub images: Vec<ImageChange>,
    /// What would be done.
    pub plan: Plan,
    /// SSM parameters that would be given the image, once it serves.
    pub published: Vec<ValueChange>,
    /// Settings that matter to the rollout: what, and how it is, such as `desired count`, `2`.
    pub settings: Vec<(&'static str, String)>,
    /// Deployment alarms that are in ALARM now: ECS would not heed them (CONTRACTS 3.5.17).
    pub alarms: Vec<Alarm>,
    /// What is not as the last release left it.
    pub drift: Vec<String>,
    /// What speaks against its rollout, and what could not be shown.
    pub findings: Vec<Finding>,
}

/// An image before and after.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct ImageChange {
    /// The container's or the parameter's name.
    pub name: String,
    /// None when there was none.
    pub from: Option<ImageShown>,
    /// None when the container goes.
    pub to: Option<ImageShown>,
}

/// An image as people know it.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct ImageShown {
    /// The repository, with its registry.
    pub repository: String,
    /// The tag that the build or ECR calls it by, when one is known.
    pub tag: Option<String>,
    /// Its digest, when it is pinned.
    pub digest: Option<Digest>,
}

impl ImageChange {
    /// Whether another image would run.
    pub fn changes(&self) -> bool {
        let identity = |image: &Option<ImageShown>| {
            image.as_ref().map(|image| {
                let floating = image.tag.clone().filter(|_| image.digest.is_none());
                (image.repository.clone(), image.digest.clone(), floating)
            })
        };
        identity(&self.from) != identity(&self.to)
    }
}

/// What would be done to a target.
#[derive(Debug, Clone, Default, PartialEq)]
pub enum Plan {
    /// It cannot be told; the findings say why.
    #[default]
    Unknown,
    /// It serves already what would be released.
    Unchanged,
    /// A task definition would be registered, and the service deployed with it.
    Deploy {
        /// Such as `web:7`; none when the running one cannot be described.
        from: Option<String>,
        /// The family of the new revision.
        family: String,
        /// All differences between the two, in the new one's order.
        differences: Vec<Difference>,
    },
    /// A task would be run once.
    Run {
        /// The task definition's family.
        family: String,
        /// The container whose exit code counts; empty when it is the only one.
        container: String,
        /// Its command, when it is another than the container's own.
        command: Option<Vec<String>>,
        /// Names of the environment variables that it gets besides its own.
        environment: Vec<String>,
        /// Differences between the task definition of the service that it is like and its own.
        differences: Vec<Difference>,
    },
    /// A change set would be executed.
    Stack {
        /// Whether the stack would be made.
        new: bool,
        /// Whether the template is another one.
        template: bool,
        /// Parameters that would have another value.
        parameters: Vec<ValueChange>,
        /// Tags that would be another.
        tags: Vec<ValueChange>,
        /// The role that CloudFormation acts with, when it is another one.
        role: Option<ValueChange>,
        /// What the change set lists, nested stacks included.
        changes: Vec<Change>,
        /// Names of the changes that replace or remove, each with whether `allowReplacement` has it.
        replaced: Vec<(String, bool)>,
    },
}

/// A value before and after.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct ValueChange {
    /// The parameter's or tag's name.
    pub name: String,
    /// None when there was none.
    pub from: Option<String>,
    /// None when it goes.
    pub to: Option<String>,
    /// Whether it is a NoEcho parameter: neither value is known.
    pub hidden: bool,
}

/// What was found.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Finding {
    /// The rollout would be refused, or would fail.
    Refused(String),
    /// It may be well, and could not be shown (CONTRACTS 3.10.3).
    NotProvable(String),
}

impl Preview {
    /// Everything that speaks against the rollout, each with its target's name if it is about one.
    pub fn refusals(&self) -> impl Iterator<Item = (Option<&str>, &str)> {
        self.findings_of(|finding| match finding {
            Finding::Refused(text) => Some(text),
            Finding::NotProvable(_) => None,
        })
    }

    /// Everything that could not be shown, likewise.
    pub fn not_provable(&self) -> impl Iterator<Item = (Option<&str>, &str)> {
        self.findings_of(|finding| match finding {
            Finding::NotProvable(text) => Some(text),
            Finding::Refused(_) => None,
        })
    }

    fn findings_of<'a>(
        &'a self,
        text: impl Fn(&'a Finding) -> Option<&'a String> + Copy,
    ) -> impl Iterator<Item = (Option<&'a str>, &'a str)> {
        let general = self.findings.iter().filter_map(text);
        let of_targets = self.targets.iter().flat_map(move |target| {
            let found = target.findings.iter().filter_map(text);
            found.map(|text| (Some(target.name.as_str()), text.as_str()))
        });
        general.map(|text| (None, text.as_str())).chain(of_targets)
    }
}

impl TargetPreview {
    /// Whether anything would change, or be run.
    pub fn changes(&self) -> bool {
        self.plan != Plan::Unchanged
    }
}
