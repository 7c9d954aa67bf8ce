//! CloudFormation, as a `stack` target needs it: what is sent, what would change, and whether it
//! may. Pure.
//!
//! A stack is always changed through a change set (CONTRACTS 3.6). In reading order: may the stack
//! be updated at all ([`standing`]), what CodePipeline's template configuration says
//! ([`configuration`]), what is sent for each parameter ([`parameters`]), what was there before, for
//! the way back ([`before`]), and which changes are refused ([`guard`]).

pub mod before;
pub mod configuration;
pub mod guard;
pub mod parameters;
pub mod standing;

/// What `CreateChangeSet` and `GetTemplateSummary` take as `TemplateBody`; a longer template goes
/// through a bucket (CONTRACTS 3.6.1).
pub const LONGEST_BODY_BYTES: usize = 51_200;
/// What they take from a bucket.
pub const LONGEST_TEMPLATE_BYTES: usize = 1_000_000;

/// Where a long template lies in its bucket: the same bytes have the same place.
pub fn template_key(text: &str) -> String {
    format!("redbutton/{}", digest(text))
}

/// sha256 of a template, in hex.
pub fn digest(text: &str) -> String {
    use sha2::Digest as _;
    hex::encode(sha2::Sha256::digest(text.as_bytes()))
}

/// A stack, as `DescribeStacks` has it.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Stack {
    /// Its ARN.
    pub id: String,
    /// Such as `UPDATE_COMPLETE`.
    pub status: String,
    /// CloudFormation's words about the status.
    pub reason: String,
    /// Keys and values; a NoEcho parameter's value is `****`.
    pub parameters: Vec<(String, String)>,
    /// Keys and values.
    pub tags: Vec<(String, String)>,
    /// The role that CloudFormation acts with; it sticks once it was given (CONTRACTS 3.6.11).
    pub role: Option<String>,
    /// Capabilities that its last operation acknowledged.
    pub capabilities: Vec<String>,
    /// When it was last updated, or else created, seconds since the epoch.
    pub changed: u64,
    /// The stack that it is nested in.
    pub parent: Option<String>,
}

/// What a template declares, as `GetTemplateSummary` has it.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Summary {
    /// In the template's order.
    pub parameters: Vec<Declared>,
    /// Capabilities that it needs.
    pub capabilities: Vec<String>,
    /// Why it needs them, in CloudFormation's words.
    pub capabilities_reason: String,
}

/// A parameter that a template declares.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Declared {
    /// Its name.
    pub key: String,
    /// What it is without a value.
    pub default: Option<String>,
    /// Whether its value is never shown.
    pub no_echo: bool,
}

/// A change set, as `DescribeChangeSet` has it, with all pages and all nested change sets.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct ChangeSet {
    /// Its ARN.
    pub id: String,
    /// How far its creation is.
    pub status: Status,
    /// CloudFormation's words about the status.
    pub reason: String,
    /// `AVAILABLE`, `UNAVAILABLE`, `EXECUTE_IN_PROGRESS`, `EXECUTE_COMPLETE`, `EXECUTE_FAILED`,
    /// `OBSOLETE`.
    pub execution: String,
    /// What would change, nested stacks included.
    pub changes: Vec<Change>,
}

/// How far the creation of a change set is.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub enum Status {
    /// Being created.
    #[default]
    Creating,
    /// Created: it may be executed when its execution status says so.
    Complete,
    /// It could not be created, or nothing would change.
    Failed,
    /// Being deleted, deleted, or a status that this version does not know.
    Other(String),
}

impl Status {
    /// Reads CloudFormation's word.
    pub fn parse(text: &str) -> Self {
        match text {
            "CREATE_PENDING" | "CREATE_IN_PROGRESS" => Self::Creating,
            "CREATE_COMPLETE" => Self::Complete,
            "FAILED" => Self::Failed,
            other => Self::Other(other.to_owned()),
        }
    }
}

impl ChangeSet {
    /// Whether it failed because there is nothing to change. Other reasons are errors (CONTRACTS
    /// 3.6.5).
    pub fn changes_nothing(&self) -> bool {
        self.status == Status::Failed
            && ["didn't contain changes", "No updates are to be performed"]
                .iter()
                .any(|words| self.reason.contains(words))
    }
}

/// A resource that would change.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Change {
    /// Logical ids of the nested stacks that lead to it; empty in the root stack.
    pub path: Vec<String>,
    /// Its logical id.
    pub logical: String,
    /// Its physical id; empty for one that is added.
    pub physical: String,
    /// Its type, such as `AWS::RDS::DBInstance`.
    pub kind: String,
    /// `Add`, `Modify`, `Remove`, `Import`, `Dynamic`, or what CloudFormation adds to these.
    pub action: String,
    /// `True`, `False`, `Conditional`; empty where it does not apply.
    pub replacement: String,
    /// What becomes of the old resource: `Delete`, `Retain`, `Snapshot`, `ReplaceAndDelete`,
    /// `ReplaceAndRetain`, `ReplaceAndSnapshot`; empty when not told.
    pub policy: String,
    /// What a `Modify` changes, each once: names of properties, or `Tags`, `Metadata` and their like.
    pub properties: Vec<String>,
    /// What asks for the replacement, such as `property Engine`.
    pub causes: Vec<String>,
    /// What it follows, such as `Service.Name`, when nothing asks for the replacement but that these
    /// values are not known before the update; else empty.
    pub follows: Vec<String>,
}

impl Change {
    /// How `allowReplacement` and messages name it: `Nested/Database`, `Database` in the root stack.
    pub fn name(&self) -> String {
        let mut name = self.path.join("/");
        if !name.is_empty() {
            name.push('/');
        }
        name + &self.logical
    }
}
