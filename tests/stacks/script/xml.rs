//! The insides of CloudFormation's answers, in the shapes of the API reference.

use rehearsal::xml_escaped;

use super::{Change, ChangeSet, Event};

/// A change set and what it is called.
pub(super) struct Shown<'a> {
    pub(super) id: &'a str,
    pub(super) name: &'a str,
    pub(super) stack: &'a str,
    pub(super) set: &'a ChangeSet,
}

/// `DescribeChangeSetResult`; `arns` are a resource's physical id and its own change set's ARN.
pub(super) fn change_set(
    shown: &Shown<'_>,
    changes: &[Change],
    next: Option<usize>,
    arns: &dyn Fn(&Change) -> (String, String),
) -> String {
    let changes: String = changes.iter().map(|c| change(c, arns)).collect();
    let set = shown.set;
    let next = next.map_or(String::new(), |next| {
        element("NextToken", &next.to_string())
    });
    [
        element("ChangeSetId", shown.id),
        element("ChangeSetName", shown.name),
        element("StackId", shown.stack),
        element("Status", set.status),
        element("ExecutionStatus", set.execution),
        optional("StatusReason", set.reason),
        "<IncludeNestedStacks>true</IncludeNestedStacks>".to_owned(),
        format!("<Changes>{changes}</Changes>"),
        next,
    ]
    .concat()
}

fn change(change: &Change, arns: &dyn Fn(&Change) -> (String, String)) -> String {
    let (physical, inside) = arns(change);
    let added = change.action == "Add";
    let inside = if change.nested.is_some() { &inside } else { "" };
    // What CloudFormation says of a nested stack: something inside changes, see there.
    let (evaluation, source) = match inside {
        "" => ("Static", "DirectModification"),
        _ => ("Dynamic", "Automatic"),
    };
    let recreation = match change.replacement {
        "True" => "Always",
        "Conditional" => "Conditionally",
        _ => "Never",
    };
    let target = [
        element("Attribute", "Properties"),
        element("Name", change.property),
        element("RequiresRecreation", recreation),
    ];
    let detail = [
        format!("<Target>{}</Target>", target.concat()),
        element("Evaluation", evaluation),
        element("ChangeSource", source),
    ];
    let detail = match change.property {
        "" => String::new(),
        _ => format!("<member>{}</member>", detail.concat()),
    };
    let fields = [
        element("Action", change.action),
        element("LogicalResourceId", change.logical),
        optional("PhysicalResourceId", if added { "" } else { &physical }),
        element("ResourceType", change.kind),
        optional("Replacement", change.replacement),
        optional("PolicyAction", change.policy),
        optional("ChangeSetId", inside),
        format!("<Details>{detail}</Details>"),
    ];
    let fields = fields.concat();
    format!("<member><Type>Resource</Type><ResourceChange>{fields}</ResourceChange></member>")
}

/// The changes of a page that starts here, and where the next one does.
pub(super) fn page(
    changes: &[Change],
    start: usize,
    size: Option<usize>,
) -> (&[Change], Option<usize>) {
    let end = size.map_or(changes.len(), |size| changes.len().min(start + size));
    let next = (end < changes.len()).then_some(end);
    (changes.get(start..end).unwrap_or_default(), next)
}

/// A member of `StackEvents`, the `n`th of what is played.
pub(super) fn event(event: &Event, n: usize, stack: &str, physical: &str, token: &str) -> String {
    let name = stack.split('/').nth(1).unwrap_or(stack);
    let logical = match event.logical {
        "" => name,
        logical => logical,
    };
    let fields = [
        element("StackId", stack),
        element("StackName", name),
        element("EventId", &format!("played-{n}")),
        element("LogicalResourceId", logical),
        optional("PhysicalResourceId", physical),
        element("ResourceType", event.kind),
        element("ResourceStatus", event.status),
        optional("ResourceStatusReason", event.reason),
        element(
            "Timestamp",
            &format!("2030-03-17T17:{:02}:{:02}.250Z", 46 + n / 60, n % 60),
        ),
        optional("ClientRequestToken", token),
    ];
    format!("<member>{}</member>", fields.concat())
}

/// `DescribeStackEventsResult`.
pub(super) fn events(members: impl Iterator<Item = String>) -> String {
    format!("<StackEvents>{}</StackEvents>", members.collect::<String>())
}

/// The members of a list whose members hold no lists, as they are.
pub(super) fn raw_members(xml: &str) -> Vec<&str> {
    let parts = xml.split("<member>").skip(1);
    parts
        .filter_map(|part| part.split("</member>").next())
        .collect()
}

/// The inside of an operation's result.
pub(super) fn result_of<'a>(xml: &'a str, operation: &str) -> Option<&'a str> {
    let (_, rest) = xml.split_once(&format!("<{operation}Result>"))?;
    Some(rest.split_once(&format!("</{operation}Result>"))?.0)
}

/// The text of the first element of that name, replaced.
pub(super) fn replaced(xml: &str, name: &str, text: &str) -> String {
    let (open, close) = (format!("<{name}>"), format!("</{name}>"));
    let Some((before, rest)) = xml.split_once(&open) else {
        return xml.to_owned();
    };
    let (_, after) = rest.split_once(&close).unwrap_or_default();
    format!("{before}{}{after}", element(name, text))
}

fn element(name: &str, text: &str) -> String {
    format!("<{name}>{}</{name}>", xml_escaped(text))
}

/// An element that is left out when it would be empty.
fn optional(name: &str, text: &str) -> String {
    match text {
        "" => String::new(),
        text => element(name, text),
    }
}
