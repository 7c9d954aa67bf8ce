//! A pipeline as its author wrote it: the properties of an `AWS::CodePipeline::Pipeline` with every
//! function of CloudFormation resolved, or the structure that CodePipeline's API has.

mod check;
mod read;

use std::collections::BTreeMap;

use serde_json::Value;

use crate::emulator::HOME_REGION;

/// A pipeline.
#[derive(Clone, Debug, PartialEq)]
pub struct Definition {
    /// Its name; whoever reads a template that gives none makes one up, as CloudFormation does.
    pub name: String,
    /// The ARN of the role that it acts with; without one it acts as the account's root.
    pub role: Option<String>,
    /// What becomes of executions that meet.
    pub mode: Mode,
    /// Its variables, which are `#{variables.NAME}` in an action's configuration.
    pub variables: Vec<Variable>,
    /// Artifact stores by region; a pipeline that has one store for all has it under the pipeline's
    /// own region.
    pub stores: BTreeMap<String, Store>,
    /// At least two, the first with the sources.
    pub stages: Vec<Stage>,
    /// What it says that a rehearsal does not heed, in plain sentences.
    pub unheeded: Vec<String>,
    /// As the API would return it.
    pub(crate) declaration: Value,
}

/// What becomes of executions that meet.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Mode {
    /// A newer execution takes the place of one that waits before a stage.
    #[default]
    Superseded,
    /// Each waits for its turn at every stage.
    Queued,
    /// None waits.
    Parallel,
}

impl Mode {
    /// As the API spells it.
    pub fn name(self) -> &'static str {
        match self {
            Self::Superseded => "SUPERSEDED",
            Self::Queued => "QUEUED",
            Self::Parallel => "PARALLEL",
        }
    }
}

/// A variable of the pipeline.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Variable {
    /// Its name.
    pub name: String,
    /// Its value in an execution that gives none.
    pub default: Option<String>,
}

/// Where a region's artifacts lie.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Store {
    /// The bucket.
    pub bucket: String,
    /// The customer key that encrypts them: its id, ARN or alias.
    pub key: Option<String>,
}

/// A stage.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Stage {
    /// Unique in the pipeline.
    pub name: String,
    /// In the order in which they are written.
    pub actions: Vec<Action>,
}

/// An action.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Action {
    /// Unique in its stage.
    pub name: String,
    /// `Source`, `Build`, `Test`, `Deploy`, `Approval`, `Invoke` or `Compute`.
    pub category: String,
    /// `AWS`, `ThirdParty` or `Custom`.
    pub owner: String,
    /// Such as `Lambda`.
    pub provider: String,
    /// Such as `1`.
    pub version: String,
    /// Actions of one stage with the same number run side by side, lower numbers first.
    pub run_order: u32,
    /// With `#{…}` as written.
    pub configuration: BTreeMap<String, String>,
    /// Names of input artifacts.
    pub inputs: Vec<String>,
    /// Names of output artifacts.
    pub outputs: Vec<String>,
    /// What its variables are called by.
    pub namespace: Option<String>,
    /// Where it runs; without one in the pipeline's region.
    pub region: Option<String>,
    /// The role that the pipeline's role assumes for it.
    pub role: Option<String>,
    /// How long an approval waits.
    pub timeout_minutes: Option<u32>,
}

impl Definition {
    /// Reads a definition, its keys as CloudFormation (`RoleArn`) or the API (`roleArn`) spells them.
    ///
    /// Everything that is wrong with it comes at once: what is missing or of a wrong kind, an input
    /// artifact that no earlier action makes, names used twice, a reference to a namespace that is
    /// not there or comes later, values over 1,000 characters. Each text names the place, what is
    /// there, and what would be right.
    pub fn parse(properties: &Value) -> Result<Self, Vec<String>> {
        Self::parse_in(properties, HOME_REGION)
    }

    /// The same for a pipeline that is in another region than us-east-1.
    pub fn parse_in(properties: &Value, region: &str) -> Result<Self, Vec<String>> {
        let definition = read::definition(properties, region)?;
        let wrong = check::everything(&definition);
        if wrong.is_empty() {
            Ok(definition)
        } else {
            Err(wrong)
        }
    }

    /// Every action with the name of its stage, in the order of the definition.
    pub fn actions(&self) -> impl Iterator<Item = (&str, &Action)> {
        self.stages.iter().flat_map(|stage| {
            let actions = stage.actions.iter();
            actions.map(|action| (stage.name.as_str(), action))
        })
    }
}

impl Action {
    /// Who carries it out in a rehearsal.
    pub fn kind(&self) -> Kind {
        match (
            self.category.as_str(),
            self.owner.as_str(),
            self.provider.as_str(),
        ) {
            ("Source", _, _) => Kind::Source,
            ("Build" | "Test", "AWS", "CodeBuild") => Kind::Build,
            ("Approval", _, _) => Kind::Approval,
            ("Invoke", "AWS", "Lambda") => Kind::Invoke,
            _ => Kind::NotRun,
        }
    }
}

/// Who carries an action out in a rehearsal.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// A folder, or the emulator's S3.
    Source,
    /// The commands of a buildspec, or a folder of artifacts.
    Build,
    /// A person.
    Approval,
    /// A function.
    Invoke,
    /// Nobody: it is named, and counts as done.
    NotRun,
}

#[cfg(test)]
mod tests;
