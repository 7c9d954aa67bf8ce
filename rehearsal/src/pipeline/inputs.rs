//! What a person gives in the place of what AWS would do.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::time::Duration;

/// What a run is given besides the definition.
#[derive(Clone, Debug, Default)]
pub struct Inputs {
    /// Folders by source action. Needed for CodeConnections, GitHub and CodeCommit; an S3 source
    /// without one reads the emulator's bucket.
    pub sources: BTreeMap<String, PathBuf>,
    /// Folders by output artifact, for builds and native actions that are not run.
    pub artifacts: BTreeMap<String, PathBuf>,
    /// Values of the pipeline's variables, for every execution that gives no other.
    pub variables: BTreeMap<String, String>,
    /// CodeBuild projects by name.
    pub builds: BTreeMap<String, Project>,
    /// How long a function may say nothing before its action fails; as on AWS 20 minutes when none.
    pub silence: Option<Duration>,
}

/// A CodeBuild project, as far as a rehearsal heeds it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Project {
    /// The buildspec itself or its path in the source; `buildspec.yml` when none.
    pub buildspec: Option<String>,
    /// Its plain environment variables.
    pub environment: BTreeMap<String, String>,
    /// The ARN of its service role; without one, builds act as the account's root.
    pub role: Option<String>,
}
