//! Which changes are refused: a resource is neither removed nor replaced unless somebody wrote down
//! that it may be, by name (CONTRACTS 3.6.6, 3.6.18).

use super::Change;
use super::before::Before;

/// A type of resource for which replacement is the normal way.
#[derive(Debug)]
pub struct Natural {
    /// The type.
    pub kind: &'static str,
    /// Why replacing one loses nothing.
    pub reason: &'static str,
    /// The page of the CloudFormation guide that says that it is replaced.
    pub source: &'static str,
}

/// The types for which replacement is the normal way, and loses nothing. Removing one altogether is
/// not natural for either of them.
///
/// Not here, though one might look for them: `AWS::Lambda::Version` and `AWS::Lambda::LayerVersion`,
/// which others call by their number, and whose number goes with them;
/// `AWS::ApiGateway::Deployment` and `AWS::CloudFormation::WaitConditionHandle`, which are renewed
/// by a new logical id, so by an addition and a removal; custom resources, which may be anything, a
/// database included. For each of these one line in `allowReplacement` is enough.
pub const NATURAL: [Natural; 2] = [
    Natural {
        kind: "AWS::ECS::TaskDefinition",
        reason: "every change is a new revision; services and tasks that run the one before go on, \
                 and redbutton keeps what the way back needs",
        source: "cfn:aws-resource-ecs-taskdefinition.md",
    },
    Natural {
        kind: "AWS::AutoScaling::LaunchConfiguration",
        reason: "no property can be changed; it holds settings and nothing else, instances launched \
                 by the one before go on, and one that a group still uses cannot be deleted",
        source: "cfn:aws-resource-autoscaling-launchconfiguration.md",
    },
];

/// A type, and its properties that refer to what is replaced, and are themselves changed in place.
#[derive(Debug)]
pub struct InPlace {
    /// The type.
    pub kind: &'static str,
    /// Properties with "Update requires: No interruption".
    pub properties: &'static [&'static str],
    /// The page of the CloudFormation guide that says so.
    pub source: &'static str,
}

/// Where a change set may say `Conditional`, only because the new value is not known before the
/// update: a replacement of these resources for these properties does not exist. What a nested stack
/// does to its own resources stands in its own change set.
pub const IN_PLACE: [InPlace; 2] = [
    InPlace {
        kind: "AWS::ECS::Service",
        properties: &["TaskDefinition", "DesiredCount", "DeploymentConfiguration"],
        source: "cfn:aws-resource-ecs-service.md",
    },
    InPlace {
        kind: "AWS::CloudFormation::Stack",
        properties: &["Parameters", "TemplateURL", "Tags"],
        source: "cfn:aws-properties-stack.md",
    },
];

/// Attributes that stay what they are as long as their resource does. A resource that takes one of them
/// is called `Conditional` whenever the other changes, however little: an autoscaling target, whenever
/// the service has a new task definition.
pub const STABLE: [(&str, &[&str]); 1] = [("AWS::ECS::Service", &["Name", "ServiceArn"])];

/// A finding for each resource that would be removed or replaced, or might be, and that `allow` does
/// not name.
pub fn refused(changes: &[Change], allow: &[String]) -> Vec<String> {
    let of = |change: &Change| {
        let name = change.name();
        let danger = danger_among(change, changes).filter(|_| !allow.contains(&name))?;
        Some(format!(
            "{}. If that is meant, write {name:?} into \"allowReplacement\"",
            words(change, danger)
        ))
    };
    changes.iter().filter_map(of).collect()
}

/// The names of the resources that would be removed or replaced, or might be, whether or not that is
/// allowed.
pub fn dangers(changes: &[Change]) -> Vec<String> {
    let endangered = changes
        .iter()
        .filter(|change| danger_among(change, changes).is_some());
    endangered.map(Change::name).collect()
}

/// The same for the change set that leads back: what the release added may go, and what it was
/// allowed to replace may be replaced again.
pub fn refused_on_the_way_back(changes: &[Change], before: &Before) -> Vec<String> {
    let of = |change: &Change| {
        let danger = danger_among(change, changes);
        let danger = danger.filter(|_| !before.allowed.contains(&change.name()))?;
        let undoes = change.action == "Remove" && was_added(change, before);
        (!undoes).then(|| {
            format!(
                "{}, which nobody allowed: go back by hand, or release again what can stay",
                words(change, danger)
            )
        })
    };
    changes.iter().filter_map(of).collect()
}

/// Whether the release added it, or added a nested stack that it is in.
fn was_added(change: &Change, before: &Before) -> bool {
    let mut within = Change::default();
    let parts = change.path.iter().chain([&change.logical]);
    parts.into_iter().any(|part| {
        within.logical.clone_from(part);
        let added = before.added.contains(&within.name());
        within.path.push(part.clone());
        added
    })
}

/// As [`danger`], for what may only follow another change of the same set.
fn danger_among(change: &Change, changes: &[Change]) -> Option<&'static str> {
    let follows = change.replacement == "Conditional"
        && matches!(Policy::parse(&change.policy), Policy::Untold)
        && !change.follows.is_empty()
        && change
            .follows
            .iter()
            .all(|entity| stays(entity, change, changes));
    danger(change).filter(|_| !follows)
}

/// Whether what a change follows, `Service` or `Service.Name`, will be what it is.
fn stays(entity: &str, change: &Change, changes: &[Change]) -> bool {
    let (logical, attribute) = entity
        .split_once('.')
        .map_or((entity, None), |(logical, attribute)| {
            (logical, Some(attribute))
        });
    let of_it = |other: &&Change| other.logical == logical && other.path == change.path;
    let Some(followed) = changes.iter().find(of_it) else {
        return false;
    };
    let in_its_place = match followed.replacement.as_str() {
        "" | "False" => true,
        "Conditional" => in_place(followed),
        _ => false,
    };
    let same = attribute.is_none_or(|attribute| {
        let known = STABLE.iter().find(|(kind, _)| *kind == followed.kind);
        known.is_some_and(|(_, attributes)| attributes.contains(&attribute))
    });
    followed.action == "Modify" && danger(followed).is_none() && in_its_place && same
}

/// What would become of a resource; none when it stays, or when its replacement is natural.
pub fn danger(change: &Change) -> Option<&'static str> {
    let policy = Policy::parse(&change.policy);
    match (change.action.as_str(), change.replacement.as_str()) {
        ("Remove", _) => Some("would be removed"),
        ("Dynamic", _) => {
            Some("might be removed or replaced: CloudFormation decides that only while it updates")
        }
        ("Modify", "True" | "Conditional" | "" | "False")
            if natural(change) && !matches!(policy, Policy::Goes) =>
        {
            None
        }
        ("Modify", "Conditional") if in_place(change) && matches!(policy, Policy::Untold) => None,
        ("Modify", "True") => Some("would be replaced"),
        ("Modify", "Conditional") => {
            Some("might be replaced: CloudFormation decides that only while it updates")
        }
        ("Add" | "Import", _) | ("Modify", "" | "False") => match policy {
            Policy::Untold | Policy::Stays => None,
            Policy::Replaces => Some("would be replaced"),
            Policy::Goes => Some("would be removed"),
        },
        _ => Some("would be changed in a way that redbutton does not know"),
    }
}

fn natural(change: &Change) -> bool {
    NATURAL.iter().any(|natural| natural.kind == change.kind)
}

/// Whether all that asks for the change is changed in place.
fn in_place(change: &Change) -> bool {
    let known = IN_PLACE.iter().find(|known| known.kind == change.kind);
    known.is_some_and(|known| {
        let of_it = |cause: &String| {
            let property = cause.strip_prefix("property ");
            property.is_some_and(|property| known.properties.contains(&property))
        };
        !change.causes.is_empty() && change.causes.iter().all(of_it)
    })
}

/// What becomes of the resource that there is.
enum Policy {
    Untold,
    /// `Retain`.
    Stays,
    /// `ReplaceAnd…`.
    Replaces,
    /// `Delete`, `Snapshot`, and what CloudFormation adds to these.
    Goes,
}

impl Policy {
    fn parse(text: &str) -> Self {
        match text {
            "" => Self::Untold,
            "Retain" => Self::Stays,
            "ReplaceAndDelete" | "ReplaceAndRetain" | "ReplaceAndSnapshot" => Self::Replaces,
            _ => Self::Goes,
        }
    }
}

/// The resource, where it is, what would become of it and why.
fn words(change: &Change, danger: &str) -> String {
    let mut words = format!("{} ({}", change.name(), change.kind);
    if !change.physical.is_empty() {
        words.push_str(&format!(" {}", change.physical));
    }
    if !change.path.is_empty() {
        words.push_str(&format!(", in the nested stack {}", change.path.join("/")));
    }
    words.push_str(&format!(") {danger}"));
    if !["Add", "Modify", "Remove", "Dynamic"].contains(&change.action.as_str()) {
        words.push_str(&format!(" ({})", change.action));
    }
    if !change.causes.is_empty() {
        words.push_str(&format!("; because of {}", change.causes.join(", ")));
    }
    match becomes(&change.policy) {
        Some(fate) => format!("{words}; {fate} ({})", change.policy),
        None => words,
    }
}

/// What becomes of the resource that there is, by its change's policy; none when that is not told.
pub fn becomes(policy: &str) -> Option<&'static str> {
    Some(match policy {
        "" => return None,
        "Delete" => "it is deleted",
        "Retain" => "it stays, outside of the stack",
        "Snapshot" => "it is deleted, and a snapshot stays",
        "ReplaceAndDelete" => "the one before is deleted",
        "ReplaceAndRetain" => "the one before stays, outside of the stack",
        "ReplaceAndSnapshot" => "the one before is deleted, and a snapshot stays",
        _ => "what becomes of it is not known",
    })
}

#[cfg(test)]
mod tests;
