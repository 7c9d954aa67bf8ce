//! Whether roles may do what is needed: refused, not provable (CONTRACTS 3.10.3), or well. Each
//! finding has the statement that is missing.

use serde_json::{Value, json};

use super::access::Verdict;
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
pub fn one_of(verdicts: impl IntoIterator<Item = Verdict>) -> Verdict {
    let mut all = Verdict::ImplicitDeny;
    for verdict in verdicts {
        all = match (all, verdict) {
            (Verdict::ExplicitDeny, _) | (_, Verdict::ExplicitDeny) => Verdict::ExplicitDeny,
            (Verdict::Allowed, _) | (_, Verdict::Allowed) => Verdict::Allowed,
            _ => Verdict::ImplicitDeny,
        };
    }
    all
}

/// Whether the execution role may get what is needed.
pub fn access(
    needed: &Needed,
    execution_role: &str,
    access: &Access,
    verdict: Verdict,
) -> Option<Finding> {
    let (action, what) = (access.action, needed.what());
    match (verdict, access.otherwise) {
        (Verdict::Allowed, _) => None,
        (Verdict::ExplicitDeny, _) => Some(denied(execution_role, action, &what)),
        (Verdict::ImplicitDeny, Some(otherwise)) => Some(Finding::NotProvable(format!(
            "no policy of {execution_role} allows {action} for {what}; {otherwise} may, which cannot \
             be seen from here. If it does not, add {}",
            statement(action, access.resources.last(), None)
        ))),
        (Verdict::ImplicitDeny, None) => Some(Finding::Refused(format!(
            "no policy of {execution_role} allows {action} for {what}: add {}",
            statement(action, access.resources.last(), None)
        ))),
    }
}

/// Whether the role that deploys may hand a role to a service, such as `ecs-tasks.amazonaws.com`
/// (CONTRACTS 3.5.22). No resource policy can grant that.
pub fn passing(
    needed: &Needed,
    arn: &str,
    deployer: &str,
    service: &str,
    verdict: Verdict,
) -> Option<Finding> {
    let what = format!("{} to {service}", needed.what());
    match verdict {
        Verdict::Allowed => None,
        Verdict::ExplicitDeny => Some(denied(deployer, "iam:PassRole", &what)),
        Verdict::ImplicitDeny => {
            let statement = statement("iam:PassRole", Some(&arn.to_owned()), Some(service));
            Some(Finding::Refused(format!(
                "no policy of {deployer} allows iam:PassRole for {what}: add {statement}"
            )))
        }
    }
}

fn denied(role: &str, action: &str, what: &str) -> Finding {
    Finding::Refused(format!(
        "a policy of {role}, its boundary or its organization denies {action} for {what}, and no \
         other policy can change that: take it out of the Deny statement"
    ))
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
            let of = |verdict| {
                access(
                    needed,
                    "arn:aws:iam::333333333333:role/execution",
                    &wanted,
                    verdict,
                )
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
        let of = |verdict| {
            let deployer = "arn:aws:iam::333333333333:role/redbutton-rollout";
            passing(&all[0], arn, deployer, "ecs-tasks.amazonaws.com", verdict)
        };
        assert_eq!(of(Verdict::Allowed), None);
        let denied = [Verdict::ExplicitDeny, Verdict::ImplicitDeny].map(|v| text(&of(v).unwrap()));
        insta::assert_snapshot!(denied.join("\n"));
    }

    #[test]
    fn one_allowed_resource_is_enough_and_one_denial_too_much() {
        use Verdict::{Allowed, ExplicitDeny, ImplicitDeny};
        assert_eq!(one_of([ImplicitDeny, Allowed]), Allowed);
        assert_eq!(one_of([Allowed, ExplicitDeny]), ExplicitDeny);
        assert_eq!(one_of([]), ImplicitDeny);
    }
}
