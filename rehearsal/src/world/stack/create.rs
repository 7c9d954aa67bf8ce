//! Making stacks, and the bucket that long and nested templates are read from.

use anyhow::{Context, Result, ensure};

use super::{Stack, stack};
use crate::account::Account;
use crate::wire::xml_text;

/// A stack to create.
#[derive(Clone, Debug)]
pub struct StackSpec {
    /// Its name.
    pub name: String,
    /// What is in it.
    pub template: Template,
    /// Values of parameters; a parameter that is left out has its default.
    pub parameters: Vec<(String, String)>,
    /// Such as `CAPABILITY_IAM`.
    pub capabilities: Vec<String>,
    /// The stack's tags.
    pub tags: Vec<(String, String)>,
}

/// Where a template is.
#[derive(Clone, Debug)]
pub enum Template {
    /// Here: at most 51,200 bytes.
    Text(String),
    /// In a bucket of the account, at a path-style address: the only style that the emulator reads.
    At(String),
}

impl StackSpec {
    /// A stack from this text, with every parameter at its default.
    pub fn new(name: &str, template: &str) -> Self {
        Self {
            name: name.to_owned(),
            template: Template::Text(template.to_owned()),
            parameters: Vec::new(),
            capabilities: Vec::new(),
            tags: Vec::new(),
        }
    }

    /// As it is, with a parameter.
    #[must_use]
    pub fn with(mut self, key: &str, value: &str) -> Self {
        self.parameters.push((key.to_owned(), value.to_owned()));
        self
    }
}

/// Creates a stack and waits until it is complete; the error tells what happened to it.
pub fn create_stack(account: &Account, spec: &StackSpec) -> Result<Stack> {
    let mut params = vec![("StackName".to_owned(), spec.name.clone())];
    params.push(match &spec.template {
        Template::Text(text) => ("TemplateBody".to_owned(), text.clone()),
        Template::At(address) => ("TemplateURL".to_owned(), address.clone()),
    });
    let parameters = spec.parameters.iter();
    let rows: Vec<_> = parameters
        .map(|(key, value)| parameter(key, Some(value)))
        .collect();
    params.extend(listed("Parameters", &rows));
    let tags: Vec<_> = spec
        .tags
        .iter()
        .map(|(key, value)| vec![(".Key", key.clone()), (".Value", value.clone())])
        .collect();
    params.extend(listed("Tags", &tags));
    let capabilities = spec.capabilities.iter();
    let rows: Vec<_> = capabilities.map(|name| vec![("", name.clone())]).collect();
    params.extend(listed("Capabilities", &rows));
    let params: Vec<(&str, &str)> = params.iter().map(|(k, v)| (&**k, &**v)).collect();

    let created = account.query("cloudformation", "CreateStack", &params)?;
    let id = xml_text(&created, "StackId").context("a new stack has an ARN")?;
    let stack = stack(account, &id)?;
    let status = stack.settled()?;
    ensure!(
        status == "CREATE_COMPLETE",
        "{} is {status}: {:#?}",
        spec.name,
        stack.events()?
    );
    Ok(stack)
}

/// The bucket for templates in this account and region, which is created if need be.
pub fn template_bucket(account: &Account) -> Result<String> {
    let bucket = format!("templates-{}-{}", account.id(), account.region());
    account.ensure_bucket(&bucket)?;
    Ok(bucket)
}

impl Template {
    /// Puts a template into a bucket.
    pub fn put(account: &Account, bucket: &str, key: &str, text: &str) -> Result<Self> {
        account.put_object(bucket, key, &[], text.to_owned())?;
        Ok(Self::At(format!("{}/{bucket}/{key}", account.endpoint())))
    }
}

/// The fields of one member of a list.
pub(super) type Row = Vec<(&'static str, String)>;

/// A parameter with a value, or with the one that it has.
pub(super) fn parameter(key: &str, value: Option<&str>) -> Row {
    let value = value.map_or((".UsePreviousValue", "true".to_owned()), |value| {
        (".ParameterValue", value.to_owned())
    });
    vec![(".ParameterKey", key.to_owned()), value]
}

/// A list as the Query protocol writes it: `Tags.member.1.Key`.
pub(super) fn listed(name: &str, rows: &[Row]) -> Vec<(String, String)> {
    let numbered = (1..).zip(rows);
    let fields = numbered.flat_map(|(n, row)| row.iter().map(move |field| (n, field)));
    fields
        .map(|(n, (field, value))| (format!("{name}.member.{n}{field}"), value.clone()))
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lists_are_numbered_from_one() {
        let rows = [parameter("A", Some("1")), parameter("B", None)];
        let params = listed("Parameters", &rows);
        let params: Vec<String> = params.iter().map(|(k, v)| format!("{k}={v}")).collect();
        assert_eq!(
            params,
            [
                "Parameters.member.1.ParameterKey=A",
                "Parameters.member.1.ParameterValue=1",
                "Parameters.member.2.ParameterKey=B",
                "Parameters.member.2.UsePreviousValue=true",
            ]
        );
        assert_eq!(
            listed("Capabilities", &[vec![("", "C".to_owned())]]),
            [("Capabilities.member.1".to_owned(), "C".to_owned())]
        );
    }
}
