//! What a stack's change set would do.

use driver::stacks::Proposal;
use shared::preview::{Plan, ValueChange};
use shared::rollout_file::stack::StackTarget;
use shared::stack::guard;
use shared::stack::parameters::is_hidden;

/// Parameters, tags, role and resources, as they would change.
pub fn plan(proposal: &Proposal, target: &StackTarget) -> Plan {
    if proposal.unchanged {
        return Plan::Unchanged;
    }
    let changes = match (&proposal.changes, &proposal.stack) {
        (Some(changes), _) => changes.clone(),
        (None, None) => Vec::new(),
        // Of a stack that is there and whose change set could not be read nothing can be told.
        (None, Some(_)) => return Plan::Unknown,
    };
    let dangers = guard::dangers(&changes).into_iter();
    Plan::Stack {
        new: proposal.stack.is_none(),
        template: proposal.template,
        parameters: parameters(proposal),
        tags: tags(proposal),
        role: role(proposal, target),
        replaced: dangers
            .map(|name| {
                let allowed = target.allow_replacement.contains(&name);
                (name, allowed)
            })
            .collect(),
        changes,
    }
}

/// Parameters that would have another value: what is sent, what is left to the template's default, and
/// what the template does not have any more.
fn parameters(proposal: &Proposal) -> Vec<ValueChange> {
    let before = proposal
        .stack
        .as_ref()
        .map(|stack| stack.parameters.as_slice());
    let before = before.unwrap_or_default();
    let had = |key: &str| {
        let found = before.iter().find(|(name, _)| name == key);
        found.map(|(_, value)| value.clone())
    };
    let mut all = Vec::new();
    for declared in &proposal.declared {
        let (key, from) = (&declared.key, had(&declared.key));
        let sent = proposal.parameters.iter().find(|(name, _)| name == key);
        let to = match sent {
            Some((_, Some(value))) => Some(value.clone()),
            Some((_, None)) => continue,
            None => declared.default.clone(),
        };
        let hidden = declared.no_echo || from.as_deref().is_some_and(is_hidden);
        if hidden || from != to {
            let told = |value: Option<String>| {
                value.map(|value| if hidden { HIDDEN.to_owned() } else { value })
            };
            all.push(ValueChange {
                name: key.clone(),
                from: told(from),
                to: told(to),
                hidden,
            });
        }
    }
    let gone = before.iter().filter(|(key, _)| {
        !proposal
            .declared
            .iter()
            .any(|declared| declared.key == *key)
    });
    all.extend(gone.map(|(key, value)| ValueChange {
        name: key.clone(),
        from: Some(value.clone()),
        to: None,
        hidden: is_hidden(value),
    }));
    all
}

/// What stands in the place of a NoEcho parameter's value.
const HIDDEN: &str = shared::stack::parameters::HIDDEN;

fn tags(proposal: &Proposal) -> Vec<ValueChange> {
    let Some(after) = &proposal.tags else {
        return Vec::new();
    };
    let before = proposal.stack.as_ref().map(|stack| stack.tags.as_slice());
    let before = before.unwrap_or_default();
    let value = |tags: &[(String, String)], key: &str| {
        let found = tags.iter().find(|(name, _)| name == key);
        found.map(|(_, value)| value.clone())
    };
    let mut names: Vec<&String> = Vec::new();
    for (name, _) in after.iter().chain(before) {
        if !names.contains(&name) {
            names.push(name);
        }
    }
    let each = names.into_iter().map(|name| ValueChange {
        name: name.clone(),
        from: value(before, name),
        to: value(after, name),
        hidden: false,
    });
    each.filter(|change| change.from != change.to).collect()
}

fn role(proposal: &Proposal, target: &StackTarget) -> Option<ValueChange> {
    let to = target.cloudformation_role.as_ref()?.as_str().to_owned();
    let from = proposal.stack.as_ref().and_then(|stack| stack.role.clone());
    (from.as_ref() != Some(&to)).then(|| ValueChange {
        name: "role".to_owned(),
        from,
        to: Some(to),
        hidden: false,
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;
    use shared::rollout_file::RolloutFile;
    use shared::stack::{Change, Declared, Stack};

    fn target() -> StackTarget {
        let file = json!({"region": "ap-southeast-2", "targets": [{
            "stack": "web",
            "allowReplacement": ["Database"],
            "cloudFormationRole": "arn:aws:iam::222222222222:role/cloudformation",
        }]});
        let mut file = RolloutFile::from_value(&file).unwrap();
        file.targets.remove(0).stack().unwrap().clone()
    }

    fn pairs(pairs: &[(&str, &str)]) -> Vec<(String, String)> {
        let own = |(key, value): &(&str, &str)| ((*key).to_owned(), (*value).to_owned());
        pairs.iter().map(own).collect()
    }

    fn declared(key: &str, default: Option<&str>, no_echo: bool) -> Declared {
        Declared {
            key: key.into(),
            default: default.map(str::to_owned),
            no_echo,
        }
    }

    fn proposal() -> Proposal {
        Proposal {
            n: 0,
            stack: Some(Stack {
                parameters: pairs(&[
                    ("Cpu", "256"),
                    ("Image", "r:1"),
                    ("Key", "****"),
                    ("Old", "x"),
                ]),
                tags: pairs(&[("team", "web"), ("stage", "prod")]),
                ..Stack::default()
            }),
            template: true,
            declared: vec![
                declared("Cpu", None, false),
                declared("Image", None, false),
                declared("Key", None, true),
                declared("New", Some("default"), false),
            ],
            parameters: vec![
                ("Cpu".into(), None),
                ("Image".into(), Some("r:2".into())),
                ("Key".into(), Some("a secret".into())),
            ],
            images: Vec::new(),
            tags: Some(pairs(&[("team", "api"), ("stage", "prod")])),
            changes: Some(vec![Change {
                logical: "Database".into(),
                kind: "AWS::RDS::DBInstance".into(),
                action: "Modify".into(),
                replacement: "True".into(),
                ..Change::default()
            }]),
            unchanged: false,
            refused: Vec::new(),
            unseen: Vec::new(),
        }
    }

    #[test]
    fn every_value_that_changes_is_told_and_no_hidden_one() {
        let Plan::Stack {
            parameters,
            tags,
            role,
            replaced,
            new,
            ..
        } = plan(&proposal(), &target())
        else {
            panic!("no plan")
        };
        let told = |changes: &[ValueChange]| -> Vec<String> {
            let text = |value: &Option<String>| value.clone().unwrap_or("none".into());
            changes
                .iter()
                .map(|one| {
                    format!(
                        "{} {} {} {}",
                        one.name,
                        text(&one.from),
                        text(&one.to),
                        one.hidden
                    )
                })
                .collect()
        };
        assert_eq!(
            told(&parameters),
            [
                "Image r:1 r:2 false",
                "Key **** **** true",
                "New none default false",
                "Old x none false"
            ]
        );
        assert_eq!(told(&tags), ["team web api false"]);
        assert_eq!(
            role.unwrap().to.unwrap(),
            "arn:aws:iam::222222222222:role/cloudformation"
        );
        assert_eq!(
            (replaced, new),
            (vec![("Database".to_owned(), true)], false)
        );
    }

    #[test]
    fn what_cannot_be_read_is_not_told() {
        let mut proposal = proposal();
        proposal.changes = None;
        assert_eq!(plan(&proposal, &target()), Plan::Unknown);
        proposal.unchanged = true;
        assert_eq!(plan(&proposal, &target()), Plan::Unchanged);
    }
}
