//! Whether roles may do what is needed: refused, not provable (CONTRACTS 3.10.3), or well. Each
//! finding has the statement that is missing.

use serde_json::{Value, json};

use super::access::{Limit, Ruling, Verdict};
use super::needs::{Need, Needed};
use crate::names::{Account, Arn, Region};
use crate::preview::Finding;

/// What the execution role has to be allowed so that a need is met.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Access {
    /// Such as `ssm:GetParameters`.
    pub action: &'static str,
    /// ARNs; to be allowed on one of them is enough.
    pub resources: Vec<String>,
    /// What else may grant it, and is not seen by who asks about the role; none when nothing can.
    pub otherwise: Option<&'static str>,
}

impl Need {
    /// What the execution role has to be allowed for it. On Fargate it also pulls images and writes
    /// logs; elsewhere the container instance may. Of a log group it is asked when there is none.
    pub fn access(&self, account: &Account, region: &Region, fargate: bool) -> Option<Access> {
        let own = |arn: &str| Arn::parse(arn).is_some_and(|arn| arn.account == account.as_str());
        match self {
            Self::Secret { id } => {
                let arn = match Arn::parse(id) {
                    Some(_) => id.clone(),
                    // Policies name secrets by what they end in, six letters or digits.
                    None => format!(
                        "{}:secret:{id}-AbCdEf",
                        start("secretsmanager", account, region)
                    ),
                };
                Some(Access {
                    action: "secretsmanager:GetSecretValue",
                    otherwise: own(&arn).then_some("the secret's own policy"),
                    resources: vec![arn],
                })
            }
            Self::Parameter { .. } if self.is_kept_by_aws() => None,
            Self::Parameter { arn, .. } => Some(Access {
                action: "ssm:GetParameters",
                resources: vec![arn.clone()],
                otherwise: None,
            }),
            Self::LogGroup {
                name,
                region,
                create: true,
            } => {
                let region = Region::parse(region)?;
                let group = format!("{}:log-group:{name}", start("logs", account, &region));
                Some(Access {
                    action: "logs:CreateLogGroup",
                    // Policies name it either way, and CloudWatch Logs heeds both.
                    resources: vec![format!("{group}:log-stream:"), group],
                    otherwise: (!fargate).then_some("the container instance's role"),
                })
            }
            Self::Image(image) if fargate => {
                let repository = image.ecr()?;
                let start = start("ecr", &repository.account, &repository.region);
                Some(Access {
                    action: "ecr:BatchGetImage",
                    resources: vec![format!("{start}:repository/{}", repository.name)],
                    otherwise: (repository.account == *account)
                        .then_some("the repository's own policy"),
                })
            }
            Self::EnvironmentFile { arn } => Some(Access {
                action: "s3:GetObject",
                resources: vec![arn.clone()],
                otherwise: Some("the bucket's policy"),
            }),
            Self::Role { .. } | Self::LogGroup { .. } | Self::Image(_) => None,
        }
    }
}

fn start(service: &str, account: &Account, region: &Region) -> String {
    let partition = region.partition();
    format!(
        "arn:{partition}:{service}:{}:{}",
        region.as_str(),
        account.as_str()
    )
}

/// What the simulator says about all resources of an [`Access`], as one.
pub fn one_of<'a>(rulings: impl IntoIterator<Item = &'a Ruling>) -> Ruling {
    // A Deny on one resource is too much, above all one that holds in any case; to be allowed on one
    // is enough, and so is that it may be.
    let weight = |ruling: &Ruling| match (ruling.verdict, ruling.missing.is_empty()) {
        (Verdict::ExplicitDeny, true) => 4,
        (Verdict::ExplicitDeny, false) => 3,
        (Verdict::Allowed, _) => 2,
        (Verdict::ImplicitDeny, false) => 1,
        (Verdict::ImplicitDeny, true) => 0,
    };
    let heaviest = rulings.into_iter().max_by_key(|ruling| weight(ruling));
    heaviest
        .cloned()
        .unwrap_or_else(|| Verdict::ImplicitDeny.into())
}

/// Whether the execution role may get what is needed.
pub fn access(
    needed: &Needed,
    execution_role: &str,
    access: &Access,
    ruling: &Ruling,
) -> Option<Finding> {
    let asked = Asked {
        role: execution_role,
        action: access.action,
        what: needed.what(),
        otherwise: access.otherwise,
        statement: statement(access.action, access.resources.last(), None),
    };
    asked.finding(ruling)
}

/// Whether the role that deploys may hand a role to a service, such as `ecs-tasks.amazonaws.com`
/// (CONTRACTS 3.5.22). No resource policy can grant that.
pub fn passing(
    needed: &Needed,
    arn: &str,
    deployer: &str,
    service: &str,
    ruling: &Ruling,
) -> Option<Finding> {
    let action = "iam:PassRole";
    let asked = Asked {
        role: deployer,
        action,
        what: format!("{} to {service}", needed.what()),
        otherwise: None,
        statement: statement(action, Some(&arn.to_owned()), Some(service)),
    };
    asked.finding(ruling)
}

/// What a role has to be allowed, in words.
struct Asked<'a> {
    role: &'a str,
    action: &'a str,
    what: String,
    otherwise: Option<&'static str>,
    /// What would allow it.
    statement: Value,
}

impl Asked<'_> {
    fn finding(&self, ruling: &Ruling) -> Option<Finding> {
        let Self {
            role,
            action,
            what,
            otherwise,
            statement,
        } = self;
        let explicit = match ruling.verdict {
            Verdict::Allowed => return None,
            Verdict::ExplicitDeny => true,
            Verdict::ImplicitDeny => false,
        };
        if !ruling.missing.is_empty() {
            let policies = match ruling.limit {
                None => "the role's policies",
                Some(Limit::Boundary) => "the role's permissions boundary",
                Some(Limit::Organization) => "the organization's service control policies",
            };
            let add = match (explicit, ruling.limit) {
                (false, None) => format!(", or add {statement}"),
                _ => String::new(),
            };
            return Some(Finding::NotProvable(format!(
                "whether {role} is allowed {action} for {what} rests on {}, which IAM's simulator \
                 was not told, and without that it says no: see that what {policies} ask of it \
                 holds{add}",
                ruling.missing.join(", ")
            )));
        }
        let denied = self.denied(explicit, ruling.limit);
        match (otherwise, ruling.limit) {
            (Some(otherwise), None) if !explicit => Some(Finding::NotProvable(format!(
                "no policy of {role} allows {action} for {what}; {otherwise} may, which cannot be \
                 seen from here. If it does not, add {statement}"
            ))),
            // A boundary does not bound all that a resource's policy grants; the organization does.
            (Some(otherwise), Some(Limit::Boundary)) if !explicit => Some(Finding::NotProvable(
                format!("{denied}, unless {otherwise} allows it, which cannot be seen from here"),
            )),
            _ => Some(Finding::Refused(denied)),
        }
    }

    /// Why it is denied, and what to change.
    fn denied(&self, explicit: bool, limit: Option<Limit>) -> String {
        let Self {
            role,
            action,
            what,
            statement,
            ..
        } = self;
        match (limit, explicit) {
            (None, false) => {
                format!("no policy of {role} allows {action} for {what}: add {statement}")
            }
            (None, true) => format!(
                "a policy of {role}, its boundary or its organization denies {action} for {what}, \
                 and no other policy can change that: take it out of the Deny statement"
            ),
            (Some(Limit::Boundary), false) => format!(
                "the permissions boundary of {role} does not allow {action} for {what}, whatever \
                 the role's policies allow: add {statement} to the boundary"
            ),
            (Some(Limit::Boundary), true) => format!(
                "the permissions boundary of {role} does not allow {action} for {what}, and a Deny \
                 statement there or in a policy of the role denies it: take it out of that \
                 statement, and let the boundary allow it"
            ),
            (Some(Limit::Organization), _) => format!(
                "service control policies of the organization do not allow {role} to do {action} \
                 for {what}, whatever the role's policies allow: have those who manage the \
                 organization change that"
            ),
        }
    }
}

fn statement(action: &str, resource: Option<&String>, service: Option<&str>) -> Value {
    let mut statement = json!({"Effect": "Allow", "Action": action, "Resource": resource});
    if let (Some(service), Some(fields)) = (service, statement.as_object_mut()) {
        let condition = json!({"StringEquals": {"iam:PassedToService": service}});
        fields.insert("Condition".into(), condition);
    }
    statement
}

#[cfg(test)]
mod tests {
    use super::super::verdict::tests::{needs, text};
    use super::*;

    fn place() -> (Account, Region) {
        let region = Region::parse("ap-southeast-2").unwrap();
        (Account::parse("333333333333").unwrap(), region)
    }

    // rules: 3.10.3
    #[test]
    fn what_another_policy_may_grant_is_not_provable() {
        let (account, region) = place();
        let all = needs();
        let mut lines = Vec::new();
        for needed in &all {
            let Some(wanted) = needed.need.access(&account, &region, true) else {
                continue;
            };
            let of = |verdict: Verdict| {
                let execution = "arn:aws:iam::333333333333:role/execution";
                access(needed, execution, &wanted, &verdict.into())
            };
            assert_eq!(of(Verdict::Allowed), None);
            assert!(matches!(
                of(Verdict::ExplicitDeny),
                Some(Finding::Refused(_))
            ));
            lines.push(text(&of(Verdict::ImplicitDeny).unwrap()));
        }
        insta::assert_snapshot!(lines.join("\n"));
    }

    // rules: 3.10.3
    #[test]
    fn across_accounts_the_roles_own_policies_have_to_allow_it_in_any_case() {
        let (_, region) = place();
        let other = Account::parse("222222222222").unwrap();
        for needed in needs() {
            let otherwise = needed
                .need
                .access(&other, &region, true)
                .and_then(|a| a.otherwise);
            let in_s3 = matches!(needed.need, Need::EnvironmentFile { .. });
            assert_eq!(otherwise.is_some(), in_s3, "{needed:?}");
        }
    }

    #[test]
    fn what_aws_keeps_has_no_arn_of_the_accounts_own() {
        let (account, region) = place();
        let image = "/aws/service/ecs/optimized-ami/amazon-linux-2023/recommended";
        let need = Need::Parameter {
            arn: format!("arn:aws:ssm:ap-southeast-2:333333333333:parameter{image}"),
            names: vec![image.into()],
        };
        assert_eq!(need.access(&account, &region, true), None);
    }

    // rules: 3.5.22
    #[test]
    fn a_role_has_to_be_passed() {
        let (all, arn) = (needs(), "arn:aws:iam::333333333333:role/web");
        let of = |verdict: Verdict| {
            let deployer = "arn:aws:iam::333333333333:role/redbutton-rollout";
            let service = "ecs-tasks.amazonaws.com";
            passing(&all[0], arn, deployer, service, &verdict.into())
        };
        assert_eq!(of(Verdict::Allowed), None);
        let denied = [Verdict::ExplicitDeny, Verdict::ImplicitDeny].map(|v| text(&of(v).unwrap()));
        insta::assert_snapshot!(denied.join("\n"));
    }

    // rules: 3.10.3
    #[test]
    fn what_the_simulator_was_not_told_is_not_provable_and_a_limit_is_named() {
        let (account, region) = place();
        let all = needs();
        let role = "arn:aws:iam::333333333333:role/deployer";
        let ruling = |verdict, missing: &[&str], limit| Ruling {
            verdict,
            missing: missing.iter().map(|key| (*key).to_owned()).collect(),
            limit,
        };
        let pass = |ruling: Ruling| {
            let (arn, service) = (
                "arn:aws:iam::333333333333:role/web",
                "ecs-tasks.amazonaws.com",
            );
            text(&passing(&all[0], arn, role, service, &ruling).unwrap())
        };
        let secret = all[1].need.access(&account, &region, true).unwrap();
        let get = |ruling: Ruling| text(&access(&all[1], role, &secret, &ruling).unwrap());
        let (implicit, explicit) = (Verdict::ImplicitDeny, Verdict::ExplicitDeny);
        let keys = ["iam:AssociatedResourceArn", "aws:ResourceTag/team"];
        let (boundary, organization) = (Some(Limit::Boundary), Some(Limit::Organization));
        let lines = [
            pass(ruling(implicit, &keys, None)),
            pass(ruling(explicit, &keys[1..], None)),
            pass(ruling(explicit, &keys[1..], organization)),
            pass(ruling(implicit, &[], boundary)),
            pass(ruling(explicit, &[], boundary)),
            pass(ruling(implicit, &[], organization)),
            get(ruling(explicit, &keys[1..], None)),
            get(ruling(implicit, &[], boundary)),
        ];
        insta::assert_snapshot!(lines.join("\n"));
        assert_eq!(
            access(
                &all[1],
                role,
                &secret,
                &ruling(Verdict::Allowed, &keys, None)
            ),
            None
        );
    }

    #[test]
    fn one_allowed_resource_is_enough_and_one_denial_too_much() {
        use Verdict::{Allowed, ExplicitDeny, ImplicitDeny};
        let of = |verdicts: &[Verdict]| {
            let rulings: Vec<Ruling> = verdicts.iter().copied().map(Ruling::from).collect();
            one_of(&rulings).verdict
        };
        assert_eq!(of(&[ImplicitDeny, Allowed]), Allowed);
        assert_eq!(of(&[Allowed, ExplicitDeny]), ExplicitDeny);
        assert_eq!(of(&[]), ImplicitDeny);
        let unsure = |verdict| Ruling {
            missing: vec!["aws:SourceVpc".into()],
            ..Ruling::from(verdict)
        };
        let all = [unsure(ExplicitDeny), Allowed.into(), unsure(ImplicitDeny)];
        assert_eq!(one_of(&all), all[0]);
        let all = [unsure(ExplicitDeny), ExplicitDeny.into()];
        assert_eq!(one_of(&all), all[1]);
        let all = [unsure(ImplicitDeny), ImplicitDeny.into()];
        assert_eq!(one_of(&all), all[0]);
    }
}
