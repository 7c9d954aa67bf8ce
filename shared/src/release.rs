//! A release: what was tested and approved, whole, signed, and bound to one destination.
//!
//! `releases/<pipeline>/<execution>/` holds the artifacts and, written last, `release.dsse.json`: an
//! in-toto [`statement`] in a DSSE [`envelope`]. It says only what CodePipeline's own [`record`] says
//! and what was read back from the bucket; [`images`] finds, for each image that production is to
//! pull, the digest that served in test. [`delivery`] is where its objects lie, [`outcome`] what
//! production says of it, [`verify`] every reason to believe none of it, and [`token`] what the copier
//! remembers between two jobs.

pub mod delivery;
pub mod envelope;
pub mod images;
pub mod outcome;
pub mod record;
#[cfg(test)]
pub(crate) mod sample;
pub mod statement;
pub mod token;
pub mod verify;

/// The function that rolls out to test, as template.yaml names it: its proofs are believed, and
/// nobody else's.
pub const UPDATER: &str = "redbutton-task-definition-updater";
/// The function whose preview an approver saw.
pub const PREVIEW: &str = "redbutton-production-preview";
/// The folder of all releases.
pub const FOLDER: &str = "releases/";
/// The object whose arrival starts production; written last.
pub const ENVELOPE: &str = "release.dsse.json";

/// What a release is called: `<pipeline>/<execution>`.
pub fn name(pipeline: &str, execution: &str) -> String {
    format!("{pipeline}/{execution}")
}

/// The folder of a release, with its `/` at the end.
pub fn folder(release: &str) -> String {
    format!("{FOLDER}{release}/")
}
