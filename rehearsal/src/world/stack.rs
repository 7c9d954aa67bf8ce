//! CloudFormation: stacks to roll out to, and what they are and did.

mod create;
mod event;

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, ensure};

pub use create::{StackSpec, Template, create_stack, template_bucket};
pub use event::StackEvent;

use super::Service;
use super::ecs::service;
use crate::AwsError;
use crate::account::Account;
use crate::wire::{xml_text, xml_texts};

/// How long an operation of a stack may take before it counts as hanging.
const PATIENCE: Duration = Duration::from_secs(120);

/// A stack that exists.
#[derive(Clone)]
pub struct Stack {
    account: Account,
    /// Its name.
    pub name: String,
    /// Its ARN.
    pub id: String,
}

/// The stack with this name or ARN.
pub fn stack(account: &Account, name_or_id: &str) -> Result<Stack> {
    let called = &[("StackName", name_or_id)];
    let described = account.query("cloudformation", "DescribeStacks", called)?;
    let text = |element| xml_text(&described, element).context("a stack has a name and an ARN");
    Ok(Stack {
        account: account.clone(),
        name: text("StackName")?,
        id: text("StackId")?,
    })
}

impl Stack {
    /// Such as `UPDATE_COMPLETE`.
    pub fn status(&self) -> Result<String> {
        let described = self.query("DescribeStacks", &[])?;
        xml_text(&described, "StackStatus").context("a stack has a status")
    }

    /// Waits until nothing is under way, and returns the status that it ended in.
    pub fn settled(&self) -> Result<String> {
        self.once("nothing is under way", || {
            let status = self.status()?;
            Ok((!status.ends_with("_IN_PROGRESS")).then_some(status))
        })
    }

    /// Waits until its events are as wanted: all that happened to it, oldest first.
    pub fn wait_until(&self, wanted: impl Fn(&[StackEvent]) -> bool) -> Result<()> {
        self.once("the events are as wanted", || {
            Ok(wanted(&self.events()?).then_some(()))
        })
    }

    /// Its parameters; a NoEcho one is `****`.
    pub fn parameters(&self) -> Result<BTreeMap<String, String>> {
        self.pairs("Parameters", "ParameterKey", "ParameterValue")
    }

    /// What it puts out.
    pub fn outputs(&self) -> Result<BTreeMap<String, String>> {
        self.pairs("Outputs", "OutputKey", "OutputValue")
    }

    /// Its tags.
    pub fn tags(&self) -> Result<BTreeMap<String, String>> {
        self.pairs("Tags", "Key", "Value")
    }

    /// Logical and physical ids of what is in it.
    pub fn resources(&self) -> Result<BTreeMap<String, String>> {
        let members = self.members("ListStackResources", &self.id)?;
        let both = |member: &String| {
            let logical = xml_text(member, "LogicalResourceId")?;
            Some((logical, xml_text(member, "PhysicalResourceId")?))
        };
        Ok(members.iter().filter_map(both).collect())
    }

    /// The stack that is nested in it under this logical id.
    pub fn nested(&self, logical: &str) -> Result<Self> {
        stack(&self.account, &self.resource(logical)?)
    }

    /// The ECS service that it has under this logical id.
    pub fn service(&self, logical: &str) -> Result<Service> {
        let arn = self.resource(logical)?;
        let mut parts = arn.rsplit('/');
        let (name, cluster) = (parts.next(), parts.next());
        let (name, cluster) = name
            .zip(cluster)
            .with_context(|| format!("{arn} names no service of a cluster"))?;
        service(&self.account, cluster, name)
    }

    /// Its template, as it was sent.
    pub fn template(&self) -> Result<String> {
        let answer = self.query("GetTemplate", &[("TemplateStage", "Original")])?;
        xml_text(&answer, "TemplateBody").context("a stack has a template")
    }

    /// All that happened to it, oldest first.
    pub fn events(&self) -> Result<Vec<StackEvent>> {
        let members = self.members("DescribeStackEvents", &self.id)?;
        Ok(members.iter().rev().map(|m| StackEvent::read(m)).collect())
    }

    /// The names of its change sets.
    pub fn change_sets(&self) -> Result<Vec<String>> {
        // The emulator does not know a stack by its ARN here.
        let members = self.members("ListChangeSets", &self.name)?;
        let names = members.iter().filter_map(|m| xml_text(m, "ChangeSetName"));
        Ok(names.collect())
    }

    /// Updates it past redbutton, as somebody else would: these parameters change, all else stays.
    /// Returns at once.
    pub fn update(&self, changes: &[(&str, &str)]) -> Result<()> {
        let kept = self.parameters()?;
        let kept = kept
            .keys()
            .filter(|key| changes.iter().all(|(changed, _)| key != changed));
        let previous = kept.map(|key| create::parameter(key, None));
        let changed = changes
            .iter()
            .map(|(key, value)| create::parameter(key, Some(value)));
        let rows: Vec<_> = changed.chain(previous).collect();
        let mut params = create::listed("Parameters", &rows);
        params.push(("UsePreviousTemplate".to_owned(), "true".to_owned()));
        params.extend(create::listed(
            "Capabilities",
            &[vec![("", "CAPABILITY_IAM".to_owned())]],
        ));
        let params: Vec<(&str, &str)> = params.iter().map(|(k, v)| (&**k, &**v)).collect();
        self.query("UpdateStack", &params).map(|_| ())
    }

    /// Tells the wait condition that holds it how to go on, as soon as that listens: `SUCCESS` or
    /// `FAILURE`.
    pub fn signal(&self, logical: &str, status: &str) -> Result<()> {
        let params = [
            ("LogicalResourceId", logical),
            ("UniqueId", "rehearsal"),
            ("Status", status),
        ];
        self.once("the signal is awaited", || {
            match self.query("SignalResource", &params) {
                Ok(_) => Ok(Some(())),
                Err(error) => match error.downcast_ref::<AwsError>() {
                    Some(aws) if aws.message.contains("not waiting for signals") => Ok(None),
                    _ => Err(error),
                },
            }
        })
    }

    /// Looks until there is something to see; the error tells what happened to the stack.
    fn once<T>(&self, what: &str, look: impl Fn() -> Result<Option<T>>) -> Result<T> {
        let deadline = Instant::now() + PATIENCE;
        loop {
            if let Some(seen) = look()? {
                return Ok(seen);
            }
            ensure!(
                Instant::now() < deadline,
                "{}: it does not come that {what} within {PATIENCE:?}: {:#?}",
                self.name,
                self.events()?
            );
            std::thread::sleep(Duration::from_millis(20));
        }
    }

    /// The physical id of a resource.
    fn resource(&self, logical: &str) -> Result<String> {
        let physical = self.resources()?.remove(logical);
        physical.with_context(|| format!("{} has no {logical}", self.name))
    }

    fn pairs(&self, section: &str, key: &str, value: &str) -> Result<BTreeMap<String, String>> {
        let described = self.query("DescribeStacks", &[])?;
        let (open, close) = (format!("<{section}>"), format!("</{section}>"));
        let within = described.split_once(&open);
        let within = within.and_then(|(_, rest)| rest.split_once(&close));
        let within = within.map_or("", |(section, _)| section);
        let keys = xml_texts(within, key).into_iter();
        Ok(keys.zip(xml_texts(within, value)).collect())
    }

    /// What an operation lists, of all pages.
    fn members(&self, action: &str, name: &str) -> Result<Vec<String>> {
        let mut all = Vec::new();
        let mut next: Option<String> = None;
        loop {
            let mut params = vec![("StackName", name)];
            params.extend(next.as_deref().map(|token| ("NextToken", token)));
            let page = self.account.query("cloudformation", action, &params)?;
            all.extend(xml_texts(&page, "member"));
            next = xml_text(&page, "NextToken");
            if next.is_none() {
                return Ok(all);
            }
        }
    }

    fn query(&self, action: &str, params: &[(&str, &str)]) -> Result<String> {
        let mut all = vec![("StackName", self.id.as_str())];
        all.extend_from_slice(params);
        self.account.query("cloudformation", action, &all)
    }
}
