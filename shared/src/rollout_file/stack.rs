//! A `stack` target: a CloudFormation stack, and what it is updated with.

use super::Place;
use crate::names::RoleArn;

/// A stack and what is to become of it (CONTRACTS 3.6).
#[derive(Debug, Clone, PartialEq)]
pub struct StackTarget {
    /// The stack's name.
    pub stack: String,
    /// The template; none means that the one before stays.
    pub template: Option<Place>,
    /// Parameters and tags from a CodePipeline template configuration, or parameters as written.
    pub parameters: Parameters,
    /// Names of containers or images, and the parameters that receive those images.
    pub image_parameters: Vec<(String, String)>,
    /// Capabilities that are granted.
    pub capabilities: Vec<String>,
    /// The role that CloudFormation acts with; none means the one that the stack has.
    pub cloudformation_role: Option<RoleArn>,
    /// Resources that may be removed or replaced: `Database`, `Nested/Database`.
    pub allow_replacement: Vec<String>,
    /// The stack's tags; none means that they stay.
    pub tags: Option<Vec<(String, String)>>,
    /// A bucket in the stack's region and account for templates over 51,200 bytes.
    pub template_bucket: Option<String>,
    /// Whether the stack may be made when there is none.
    pub create: bool,
}

/// Where a stack's parameters come from. What is left out keeps its value.
#[derive(Debug, Clone, PartialEq)]
pub enum Parameters {
    /// A template configuration in an artifact.
    File(Place),
    /// As written in the rollout file.
    Inline(Vec<(String, Written)>),
}

/// A parameter's value.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Written {
    /// As it is.
    Text(String),
    /// `Fn::GetParam`: a key of a JSON file in an artifact.
    FromFile(Place, String),
}
