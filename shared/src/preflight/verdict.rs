//! Whether what is needed is there: refused, not provable, or well. Each finding says what to change.

use super::access::Found;
use super::needs::{Need, Needed};
use crate::names::Arn;
use crate::preview::Finding;

/// What may explain that something is not there.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Excuse {
    /// Whether tasks that run have it already, and the release did not hand it in.
    pub runs: bool,
    /// Stacks that the same rollout changes before.
    pub stacks: Vec<String>,
}

/// A role that tasks or CloudFormation are handed: `found` is the ARN of the role of this name.
pub fn role(needed: &Needed, found: Option<&str>, excuse: &Excuse) -> Option<Finding> {
    let Need::Role { id } = &needed.need else {
        return None;
    };
    match found {
        None => Some(missing(needed, "create it, or correct its name", excuse)),
        Some(found) if found != id && Arn::parse(id).is_some() => Some(Finding::Refused(format!(
            "{} does not exist; the role of this name is {found}: write that one",
            needed.what()
        ))),
        Some(_) => None,
    }
}

/// A secret.
pub fn secret(needed: &Needed, found: Found, excuse: &Excuse) -> Option<Finding> {
    match found {
        Found::There => None,
        Found::Missing => Some(missing(
            needed,
            "create it, or correct its ARN (a secret that is made again has another one)",
            excuse,
        )),
        Found::Deleted => Some(Finding::Refused(format!(
            "{} is scheduled for deletion and cannot be read: restore it, or name another one",
            needed.what()
        ))),
    }
}

/// A parameter, a log group or an image.
pub fn thing(needed: &Needed, there: bool, excuse: &Excuse) -> Option<Finding> {
    let fix = match &needed.need {
        Need::Parameter { .. } => "create it, or correct its name",
        Need::LogGroup { create: true, .. } => return None,
        Need::LogGroup { .. } => {
            "create it, or write \"awslogs-create-group\": \"true\" into the log's options"
        }
        Need::Image(_) if excuse.runs => {
            return (!there).then(|| {
                Finding::NotProvable(format!(
                    "{} is not in its repository now, and runs already: a pull-through cache gets \
                     it again when a task starts. If there is none, a lifecycle rule may have \
                     removed it: push it again",
                    needed.what()
                ))
            });
        }
        Need::Image(_) => {
            "push it again, and see to it that the repository's lifecycle rules spare what is \
             released"
        }
        Need::Role { .. } | Need::Secret { .. } | Need::EnvironmentFile { .. } => return None,
    };
    (!there).then(|| missing(needed, fix, excuse))
}

fn missing(needed: &Needed, fix: &str, excuse: &Excuse) -> Finding {
    let what = needed.what();
    // Images are pushed; nothing of a stack makes one.
    let stacks = match needed.need {
        Need::Image(_) => &[],
        _ => excuse.stacks.as_slice(),
    };
    let before = match stacks {
        [] => return Finding::Refused(format!("{what} does not exist: {fix}")),
        [stack] => format!("the stack {stack}, which goes before,"),
        stacks => format!("the stacks {}, which go before,", stacks.join(", ")),
    };
    Finding::NotProvable(format!(
        "{what} does not exist yet; {before} may make it. If not, {fix}"
    ))
}

/// What cannot be looked at from here.
pub fn unseen(needed: &Needed, why: &str) -> Finding {
    Finding::NotProvable(format!(
        "{} was not looked at, since {why}: that it is there and may be used is for you to know",
        needed.what()
    ))
}

/// Things that could not be looked at, all of them for the same failure.
pub fn unanswered(things: &[String], failure: &str) -> Finding {
    Finding::NotProvable(format!("{} {failure}", listed(things)))
}

/// The first three, and how many more.
fn listed(things: &[String]) -> String {
    match things {
        [first, second, third, rest @ ..] if rest.len() > 1 => {
            format!("{first}, {second}, {third} and {} more", rest.len())
        }
        _ => things.join(", "),
    }
}

impl Need {
    /// Whether ECS refuses a task definition that needs it and names no execution role.
    fn takes_execution_role(&self, fargate: bool) -> bool {
        match self {
            Self::Secret { .. } | Self::Parameter { .. } | Self::EnvironmentFile { .. } => true,
            Self::LogGroup { .. } => fargate,
            Self::Image(image) => fargate && image.ecr().is_some(),
            Self::Role { .. } => false,
        }
    }
}

/// A task definition without an execution role, though it has needs that only such a role can meet.
pub fn no_execution_role(needs: &[Needed], fargate: bool) -> Option<Finding> {
    let takes = needs
        .iter()
        .filter(|needed| needed.need.takes_execution_role(fargate));
    let whats: Vec<String> = takes.map(Needed::what).collect();
    (!whats.is_empty()).then(|| {
        Finding::Refused(format!(
            "executionRoleArn: is missing, and without it nobody can get {}; name the role that ECS \
             acts with before a container starts",
            listed(&whats)
        ))
    })
}

#[cfg(test)]
pub(super) mod tests {
    use super::*;
    use crate::rollout_file::images::Image;

    fn needed(need: Need) -> Needed {
        let places = vec!["container \"web\", KEY".to_owned()];
        Needed { need, places }
    }

    pub(in super::super) fn needs() -> Vec<Needed> {
        let secret = "arn:aws:secretsmanager:ap-southeast-2:333333333333:secret:web-AbCdEf";
        let image = "333333333333.dkr.ecr.ap-southeast-2.amazonaws.com/web:2";
        [
            Need::Role {
                id: "arn:aws:iam::333333333333:role/web".into(),
            },
            Need::Secret { id: secret.into() },
            Need::Parameter {
                arn: "arn:aws:ssm:ap-southeast-2:333333333333:parameter/web/key".into(),
                names: vec!["/web/key".into()],
            },
            Need::LogGroup {
                name: "/ecs/web".into(),
                region: "ap-southeast-2".into(),
                create: true,
            },
            Need::Image(Image::parse(image).unwrap()),
            Need::EnvironmentFile {
                arn: "arn:aws:s3:::bucket/web.env".into(),
            },
        ]
        .map(needed)
        .into()
    }

    pub(in super::super) fn text(finding: &Finding) -> String {
        match finding {
            Finding::Refused(text) => format!("refused: {text}"),
            Finding::NotProvable(text) => format!("not provable: {text}"),
        }
    }

    fn excuse(runs: bool, stacks: &[&str]) -> Excuse {
        let stacks = stacks.iter().map(|stack| (*stack).to_owned()).collect();
        Excuse { runs, stacks }
    }

    #[test]
    fn what_is_missing_says_what_to_do() {
        let all = needs();
        let mut open = all[3].clone();
        if let Need::LogGroup { create, .. } = &mut open.need {
            *create = false;
        }
        let (none, runs) = (Excuse::default(), excuse(true, &[]));
        let stacks = ["shop-data", "shop-roles"];
        let (one, two) = (excuse(false, &stacks[..1]), excuse(false, &stacks));
        let findings = [
            role(&all[0], None, &none),
            role(
                &all[0],
                Some("arn:aws:iam::333333333333:role/app/web"),
                &one,
            ),
            secret(&all[1], Found::Missing, &none),
            secret(&all[1], Found::Deleted, &one),
            thing(&all[2], false, &runs),
            thing(&open, false, &none),
            thing(&all[4], false, &none),
            thing(&all[4], false, &runs),
            role(&all[0], None, &one),
            secret(&all[1], Found::Missing, &two),
            thing(&all[2], false, &one),
            thing(&open, false, &one),
            thing(&all[4], false, &one),
            Some(unseen(&all[5], "it is in S3")),
            Some(unanswered(
                &["a", "b", "c", "d", "e"].map(str::to_owned),
                "could not be looked at: throttled",
            )),
            no_execution_role(&all, true),
        ];
        let lines = findings
            .iter()
            .map(|finding| text(finding.as_ref().unwrap()));
        insta::assert_snapshot!(lines.collect::<Vec<_>>().join("\n"));
        let well = [
            role(&all[0], Some("arn:aws:iam::333333333333:role/web"), &none),
            secret(&all[1], Found::There, &none),
            thing(&all[2], true, &none),
            thing(&all[3], false, &none),
            thing(&all[4], true, &runs),
            no_execution_role(&all[3..5], false),
        ];
        assert_eq!(well, [const { None }; 6]);
    }
}
