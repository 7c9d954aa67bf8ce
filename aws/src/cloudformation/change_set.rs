//! Change sets: created, described, listed, executed, deleted (CONTRACTS 3.6.6).

use aws_sdk_cloudformation::Client;
use aws_sdk_cloudformation::types::{Capability, ChangeSetType, Parameter, Tag};

mod describe;
mod list;

pub use describe::describe;
pub use list::{Listed, list};

use super::failed;
use super::template::Source;
use crate::error::{CallError, Kind};

/// A change set to create.
#[derive(Debug, Clone, Copy)]
pub struct Wanted<'a> {
    /// The stack's name.
    pub stack: &'a str,
    /// A letter, then letters, digits and `-`, at most 128 in all; also the token that makes the
    /// call repeatable.
    pub name: &'a str,
    /// Whether the stack is to be made; otherwise it is there.
    pub new: bool,
    /// None keeps the stack's template.
    pub template: Option<Source<'a>>,
    /// Every parameter of the template (CONTRACTS 3.6.2), with its value; none keeps the value
    /// that the stack has.
    pub parameters: &'a [(String, Option<String>)],
    /// What is granted, such as `CAPABILITY_IAM`.
    pub capabilities: &'a [String],
    /// The role that CloudFormation acts with; none keeps the stack's.
    pub role: Option<&'a str>,
    /// None keeps the stack's tags, an empty list removes them (CONTRACTS 3.6.11).
    pub tags: Option<&'a [(String, String)]>,
}

/// Begins to create a change set, nested stacks included. One of this name that an earlier delivery
/// made is the same one.
pub async fn create(client: &Client, wanted: &Wanted<'_>) -> Result<(), CallError> {
    let (body, url) = wanted.template.map(Source::fields).unwrap_or_default();
    let answer = client
        .create_change_set()
        .stack_name(wanted.stack)
        .change_set_name(wanted.name)
        .client_token(wanted.name)
        .change_set_type(match wanted.new {
            true => ChangeSetType::Create,
            false => ChangeSetType::Update,
        })
        .include_nested_stacks(true)
        .set_template_body(body)
        .set_template_url(url)
        .set_use_previous_template(wanted.template.is_none().then_some(true))
        .set_parameters(filled(wanted.parameters, parameter))
        .set_capabilities(filled(wanted.capabilities, |capability| {
            Capability::from(capability.as_str())
        }))
        .set_role_arn(wanted.role.map(str::to_owned))
        .set_tags(wanted.tags.map(|tags| tags.iter().map(tag).collect()))
        .send()
        .await;
    match answer.map_err(|error| CallError::new("cloudformation:CreateChangeSet", error)) {
        Ok(_) => Ok(()),
        Err(error) if is_ours_already(&error) => Ok(()),
        Err(mut error) => {
            if error.code == "InsufficientCapabilitiesException" {
                error.message += "; grant them in the target's `capabilities`";
            }
            Err(error)
        }
    }
}

/// The same code also says that a stack of this name exists. A change set that was made from something
/// else ("… cannot be created due to a mismatch with existing attribute Template") is ours all the
/// same: its name is the attempt's, and what was made first is the release.
fn is_ours_already(error: &CallError) -> bool {
    error.code == "AlreadyExistsException" && !error.message.starts_with("Stack")
}

/// Whether a call was refused because the stack is being changed: "Stack:ARN is in UPDATE_IN_PROGRESS
/// state and can not be updated."
pub fn is_busy(error: &CallError) -> bool {
    error.code == "ValidationError" && error.message.contains("_IN_PROGRESS state")
}

fn filled<T, U>(items: &[T], each: impl Fn(&T) -> U) -> Option<Vec<U>> {
    (!items.is_empty()).then(|| items.iter().map(each).collect())
}

fn parameter((key, value): &(String, Option<String>)) -> Parameter {
    Parameter::builder()
        .parameter_key(key)
        .set_parameter_value(value.clone())
        .set_use_previous_value(value.is_none().then_some(true))
        .build()
}

fn tag((key, value): &(String, String)) -> Tag {
    Tag::builder().key(key).value(value).build()
}

/// What came of executing a change set.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Executed {
    /// It is being executed now.
    Begun,
    /// It was executed before, by an earlier delivery: the stack's events tell what came of it.
    Before,
    /// It cannot be executed any more, in CloudFormation's words: it is not there, or another one
    /// was executed since.
    Gone(String),
}

/// Executes a change set; a failed update is rolled back (CONTRACTS 3.6.19). The token, at most 128
/// characters, names the operation in the stack's events.
pub async fn execute(
    client: &Client,
    stack: &str,
    name: &str,
    token: &str,
) -> Result<Executed, CallError> {
    let answer = client
        .execute_change_set()
        .stack_name(stack)
        .change_set_name(name)
        .client_request_token(token)
        .disable_rollback(false)
        .send()
        .await;
    let error = match answer.map_err(|error| failed("cloudformation:ExecuteChangeSet", error)) {
        Ok(_) => return Ok(Executed::Begun),
        Err(error) => error,
    };
    // "ChangeSet [ARN] cannot be executed in its current execution status of [OBSOLETE]": the
    // status is in the words only.
    let says =
        |status: &str| error.code == "InvalidChangeSetStatus" && error.message.contains(status);
    if error.code == "TokenAlreadyExistsException" || says("EXECUTE_") {
        Ok(Executed::Before)
    } else if error.kind == Kind::Missing || says("OBSOLETE") {
        Ok(Executed::Gone(error.message))
    } else {
        Err(error)
    }
}

/// Deletes a change set, and those that are nested in it; one that is not there is fine. It changes
/// nothing in the stack.
pub async fn delete(client: &Client, stack: &str, name: &str) -> Result<(), CallError> {
    let answer = client
        .delete_change_set()
        .stack_name(stack)
        .change_set_name(name)
        .send()
        .await;
    match answer.map_err(|error| failed("cloudformation:DeleteChangeSet", error)) {
        Ok(_) => Ok(()),
        Err(error) if error.kind == Kind::Missing => Ok(()),
        Err(error) => Err(error),
    }
}

#[cfg(test)]
mod tests;
