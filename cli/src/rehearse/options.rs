//! What `redbutton rehearse` can be told, and what is wrong with it before anything is started.

use std::collections::BTreeMap;
use std::path::PathBuf;

const EXAMPLES: &str = "\
Examples:
  What would run, and what would not:
    redbutton rehearse pipeline.yaml --dry-run
  A pipeline whose source is a repository, with this folder in its place:
    redbutton rehearse pipeline.yaml --source Source=.
  Without building, as a script does it; the exit code says how it ended:
    redbutton rehearse pipeline.yaml --parameters Team=web Stage=test \\
      --world world.json --source Source=. --artifact Build=out --approve all
  Two executions that meet:
    redbutton rehearse pipeline.yaml --source Source=. --approve all --executions 2

Exit codes: 0 every execution succeeded (superseded ones aside), 1 it did not, 2 wrong use.
All options, the world file, and what differs from AWS: docs/rehearse.md";

/// Run the pipeline of a CloudFormation template on this machine.
///
/// The template is deployed into an AWS that runs here: roles, buckets, functions and permissions
/// are real. Its pipeline then runs stage by stage: sources come from S3 or from a folder, builds run
/// their buildspec, functions are invoked with real job events, and you are asked for approvals.
/// What cannot run here (CloudFormation, ECS and CodeDeploy actions, third parties) is named. No AWS
/// account is used or needed.
///
/// BUILDS RUN FOR REAL: the commands of a buildspec run on this machine as you, with the network.
/// What is not AWS is real. With --artifact a build is not run.
#[derive(Debug, clap::Args)]
#[command(after_help = EXAMPLES)]
pub(crate) struct Options {
    /// The template with the AWS::CodePipeline::Pipeline: CloudFormation or SAM, YAML or JSON
    pub(super) template: PathBuf,
    /// Values for the template's parameters
    #[arg(long, value_name = "KEY=VALUE", num_args = 1.., value_parser = pair)]
    pub(super) parameters: Vec<(String, String)>,
    /// The region that the pipeline is in
    #[arg(long, default_value = "us-east-1", value_parser = region)]
    pub(super) region: String,
    /// Logical id of the pipeline, when the template has several
    #[arg(long, value_name = "LOGICAL_ID")]
    pub(super) pipeline: Option<String>,
    /// What there is before: stacks, images, objects (JSON, see docs/rehearse.md)
    #[arg(long, value_name = "FILE")]
    pub(super) world: Option<PathBuf>,
    /// A folder that a source action gives
    #[arg(long, value_name = "ACTION=FOLDER", num_args = 1.., value_parser = folder)]
    pub(super) source: Vec<(String, PathBuf)>,
    /// A folder that an output artifact has, in the place of running the action that makes it
    #[arg(long, value_name = "NAME=FOLDER", num_args = 1.., value_parser = folder)]
    pub(super) artifact: Vec<(String, PathBuf)>,
    /// Values for the pipeline's variables, and (as NAMESPACE.NAME) for those of actions not run and
    /// of sources that are folders
    #[arg(long, value_name = "NAME=VALUE", num_args = 1.., value_parser = pair)]
    pub(super) variable: Vec<(String, String)>,
    /// Approve without asking: all, none (reject every one), or the names of actions
    #[arg(long, value_name = "all|none|NAME", num_args = 1..)]
    pub(super) approve: Vec<String>,
    /// Do not deploy these resources of the template
    #[arg(long, value_name = "LOGICAL_ID", num_args = 1..)]
    pub(super) leave_out: Vec<String>,
    /// How many executions to start, one right after the other
    #[arg(long, value_name = "N", default_value_t = 1,
          value_parser = clap::value_parser!(u16).range(1..=10))]
    pub(super) executions: u16,
    /// Run ECS tasks in real containers; without it they are records, and every rollout succeeds
    #[arg(long)]
    pub(super) docker: bool,
    /// Leave local AWS running in the end, until Ctrl-C
    #[arg(long)]
    pub(super) keep: bool,
    /// Print what happens as JSON, one event a line, and ask nothing
    #[arg(long)]
    pub(super) json: bool,
    /// Deploy, resolve, and say what would run and what would not
    #[arg(long)]
    pub(super) dry_run: bool,
}

impl Options {
    /// What is wrong with them, each a sentence: names given twice, folders that are not there.
    pub(super) fn check(&self) -> Vec<String> {
        let mut wrong = Vec::new();
        let names = |pairs: &[(String, String)]| pairs.iter().map(|(n, _)| n.clone()).collect();
        let folders = |pairs: &[(String, PathBuf)]| pairs.iter().map(|(n, _)| n.clone()).collect();
        for (option, names) in [
            ("--parameters", names(&self.parameters)),
            ("--variable", names(&self.variable)),
            ("--source", folders(&self.source)),
            ("--artifact", folders(&self.artifact)),
        ] {
            let names: Vec<String> = names;
            let mut counts = BTreeMap::<&str, usize>::new();
            for name in &names {
                *counts.entry(name).or_default() += 1;
            }
            let twice = counts.into_iter().filter(|(_, count)| *count > 1);
            wrong.extend(twice.map(|(name, _)| format!("{option} gives {name} more than once")));
        }
        let folders = self.source.iter().map(|pair| ("--source", pair));
        for (option, (name, path)) in folders.chain(self.artifact.iter().map(|p| ("--artifact", p)))
        {
            if !path.is_dir() {
                wrong.push(format!(
                    "{option} {name}={0}: {0} is no folder",
                    path.display()
                ));
            }
        }
        let both = ["all", "none"]
            .iter()
            .any(|word| self.approve.iter().any(|name| name == word));
        if both && self.approve.len() > 1 {
            wrong.push(format!(
                "--approve {}: all and none stand alone",
                self.approve.join(" ")
            ));
        }
        wrong
    }
}

/// `KEY=VALUE`; the value may be empty, and may have more equals signs.
fn pair(text: &str) -> Result<(String, String), String> {
    match text.split_once('=') {
        Some((key, value)) if !key.is_empty() => Ok((key.to_owned(), value.to_owned())),
        _ => Err("write NAME=VALUE".to_owned()),
    }
}

/// Such as `ap-southeast-2`.
fn region(text: &str) -> Result<String, String> {
    let fits = |part: &str| !part.is_empty() && part.chars().all(|c| c.is_ascii_alphanumeric());
    let parts: Vec<&str> = text.split('-').collect();
    if parts.len() >= 3 && parts.into_iter().all(fits) {
        Ok(text.to_owned())
    } else {
        Err("write a region such as us-east-1".to_owned())
    }
}

fn folder(text: &str) -> Result<(String, PathBuf), String> {
    match pair(text) {
        Ok((name, path)) if !path.is_empty() => Ok((name, path.into())),
        _ => Err("write NAME=FOLDER".to_owned()),
    }
}

#[cfg(test)]
mod tests {
    use clap::Parser;

    use super::*;

    #[derive(Debug, Parser)]
    struct Line {
        #[command(flatten)]
        options: Options,
    }

    fn read(line: &str) -> Result<Options, String> {
        let words = std::iter::once("rehearse").chain(line.split_whitespace());
        let line = Line::try_parse_from(words).map_err(|error| error.to_string())?;
        Ok(line.options)
    }

    #[test]
    fn many_values_follow_one_option_or_several() {
        let options = read("t.yaml --parameters A=1 B=x=y --parameters C= --executions 2").unwrap();
        let given: Vec<String> = options
            .parameters
            .iter()
            .map(|(k, v)| format!("{k}:{v}"))
            .collect();
        assert_eq!(given, ["A:1", "B:x=y", "C:"]);
        assert_eq!(options.executions, 2);
        assert!(options.check().is_empty());
    }

    #[test]
    fn what_cannot_be_read_says_how_to_write_it() {
        for (line, expected) in [
            ("t.yaml --parameters A", "write NAME=VALUE"),
            ("--parameters A=1 t.yaml", "write NAME=VALUE"),
            ("t.yaml --source =x", "write NAME=FOLDER"),
            ("t.yaml --source Source=", "write NAME=FOLDER"),
            ("t.yaml --executions 0", "1..=10"),
            ("t.yaml --region us", "such as us-east-1"),
            ("", "TEMPLATE"),
        ] {
            let error = read(line).unwrap_err();
            assert!(error.contains(expected), "{line}: {error}");
        }
    }

    #[test]
    fn all_that_is_wrong_comes_at_once() {
        let options = read(
            "t.yaml --parameters A=1 A=2 --source S=/no/such --artifact B=/nor/such --approve all X",
        );
        let wrong = options.unwrap().check();
        assert_eq!(
            wrong,
            [
                "--parameters gives A more than once",
                "--source S=/no/such: /no/such is no folder",
                "--artifact B=/nor/such: /nor/such is no folder",
                "--approve all X: all and none stand alone",
            ]
        );
    }
}
