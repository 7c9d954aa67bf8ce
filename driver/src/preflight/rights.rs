//! Whether roles may use what is needed, by IAM's policy simulator: the role that deploys passes
//! roles, the execution role gets secrets, parameters, images, and makes log groups.

use aws::error::Kind;
use aws::iam;
use shared::names::{Account, Arn, Region, RoleArn};
use shared::preflight::access::{Decision, Ruling};
use shared::preflight::needs::{Need, Needed};
use shared::preflight::rights::{self, Access};
use shared::preview::Finding;
use tokio::sync::Semaphore;

use super::Unanswered;
use super::look::Answer;
use super::wanted::{Thing, Wanted};
use crate::Work;

/// What there is to be asked, and what nobody could answer.
pub(super) struct Rights {
    pub(super) questions: Vec<Question>,
    pub(super) unknown: Vec<(usize, Finding)>,
}

/// What a principal may do: one call for all resources.
pub(super) struct Question {
    /// The target by whose clients it is asked.
    n: usize,
    account: Account,
    region: Region,
    principal: String,
    action: &'static str,
    /// The service that roles are passed to.
    service: Option<&'static str>,
    rights: Vec<Right>,
}

/// Something that a target needs, and what has to be allowed for it.
struct Right {
    n: usize,
    needed: Needed,
    access: Access,
}

/// What is to be asked, after what was seen.
pub(super) fn of(
    all: &[Wanted],
    things: &[Thing],
    looked: &[Result<Answer, Unanswered>],
    deployers: &[Option<RoleArn>],
) -> Rights {
    let mut asked = Rights {
        questions: Vec::new(),
        unknown: Vec::new(),
    };
    for wanted in all {
        let seen = |need: &Need| {
            let mut each = things.iter().zip(looked);
            let (_, looked) = each.find(|(thing, _)| thing.is(wanted, need))?;
            Some(looked)
        };
        let deployer = deployers.get(wanted.n).and_then(Option::as_ref);
        asked.passing(wanted, seen, deployer);
        let execution = wanted.execution_role();
        let Some(execution) = execution.and_then(|role| arn_of(role, seen(&role.need)?)) else {
            continue;
        };
        for needed in &wanted.needs {
            // Only what is not there has to be made.
            let made = matches!(needed.need, Need::LogGroup { .. });
            if made && !matches!(seen(&needed.need), Some(Ok(Answer::There(false)))) {
                continue;
            }
            let access = needed
                .need
                .access(&wanted.account, &wanted.region, wanted.fargate);
            if let Some(access) = access {
                asked.add(wanted, &execution, None, needed, access);
            }
        }
    }
    asked
}

/// The ARN of a role that is there, or that nobody could look at.
fn arn_of(role: &Needed, looked: &Result<Answer, Unanswered>) -> Option<String> {
    match (looked, &role.need) {
        (Ok(Answer::Role(found)), _) => found.clone(),
        (Err(_), Need::Role { id }) if Arn::parse(id).is_some() => Some(id.clone()),
        _ => None,
    }
}

impl Rights {
    /// The roles that the deployer hands over.
    fn passing<'a>(
        &mut self,
        wanted: &Wanted,
        seen: impl Fn(&Need) -> Option<&'a Result<Answer, Unanswered>>,
        deployer: Option<&RoleArn>,
    ) {
        let roles = wanted.needs.iter();
        let roles = roles.filter_map(|needed| Some((needed, arn_of(needed, seen(&needed.need)?)?)));
        let deployer = deployer.filter(|role| *role.account() == wanted.account);
        for (needed, arn) in roles.filter(|(needed, _)| matches!(needed.need, Need::Role { .. })) {
            let Some(deployer) = deployer else {
                let finding = Finding::NotProvable(format!(
                    "that roles may be passed to {} was not looked at, since it is not known which \
                     role deploys in account {}",
                    wanted.service,
                    wanted.account.as_str()
                ));
                // Once per service and account.
                if !self.unknown.iter().any(|(_, known)| *known == finding) {
                    self.unknown.push((wanted.n, finding));
                }
                return;
            };
            let access = Access {
                action: "iam:PassRole",
                resources: vec![arn],
                otherwise: None,
            };
            self.add(
                wanted,
                deployer.as_str(),
                Some(wanted.service),
                needed,
                access,
            );
        }
    }

    fn add(
        &mut self,
        wanted: &Wanted,
        principal: &str,
        service: Option<&'static str>,
        needed: &Needed,
        access: Access,
    ) {
        let action = access.action;
        let right = Right {
            n: wanted.n,
            needed: needed.clone(),
            access,
        };
        let same = |known: &&mut Question| {
            (&known.account, &known.region) == (&wanted.account, &wanted.region)
                && (known.principal.as_str(), known.action, known.service)
                    == (principal, action, service)
        };
        match self.questions.iter_mut().find(same) {
            Some(known) => known.rights.push(right),
            None => self.questions.push(Question {
                n: wanted.n,
                account: wanted.account.clone(),
                region: wanted.region.clone(),
                principal: principal.to_owned(),
                action,
                service,
                rights: vec![right],
            }),
        }
    }
}

/// What the simulator says; none when there is no such principal.
pub(super) async fn ask(
    work: &Work<'_>,
    question: &Question,
    permits: &Semaphore,
) -> Result<Option<Vec<Decision>>, Unanswered> {
    let Some(end) = work.ends.get(question.n) else {
        return Ok(None);
    };
    let reached = end.reached().map_err(|failure| Unanswered {
        operation: "sts:AssumeRole",
        failure,
    })?;
    let _permit = permits.acquire().await.ok();
    let (principal, action) = (&question.principal, question.action);
    let (resources, context) = (question.resources(), question.context());
    match iam::simulate(&reached.iam(), principal, action, &resources, &context).await {
        Ok(decisions) => Ok(Some(decisions)),
        Err(error) if error.kind == Kind::Missing => Ok(None),
        Err(error) => {
            let account = question.account.as_str();
            let operation = error.operation;
            let caller = &reached.caller;
            Err(Unanswered {
                operation,
                failure: error.into_failure("could not be shown", caller, principal, account),
            })
        }
    }
}

impl Question {
    pub(super) fn resources(&self) -> Vec<String> {
        let each = self.rights.iter().flat_map(|right| &right.access.resources);
        let mut resources: Vec<String> = Vec::new();
        for resource in each {
            if !resources.contains(resource) {
                resources.push(resource.clone());
            }
        }
        resources
    }

    /// Without the region, a Deny for all but some regions would match.
    pub(super) fn context(&self) -> Vec<(String, String)> {
        let region = self.region.as_str();
        let region = ("aws:RequestedRegion".to_owned(), region.to_owned());
        let service = self.service.map(str::to_owned);
        let service = service.map(|service| ("iam:PassedToService".to_owned(), service));
        [region].into_iter().chain(service).collect()
    }

    /// What the decisions mean for each target.
    pub(super) fn findings(&self, decisions: &Option<Vec<Decision>>) -> Vec<(usize, Finding)> {
        let each = self.rights.iter();
        each.filter_map(|right| Some((right.n, self.finding(right, decisions.as_deref())?)))
            .collect()
    }

    fn finding(&self, right: &Right, decisions: Option<&[Decision]>) -> Option<Finding> {
        let Some(decisions) = decisions else {
            return Some(Finding::Refused(format!(
                "role {} does not exist, and nothing can be deployed without it: create it, or \
                 correct its ARN",
                self.principal
            )));
        };
        let ruling = rights::one_of(right.rulings(decisions));
        let Right { needed, access, .. } = right;
        match (self.service, access.resources.first()) {
            (Some(service), Some(arn)) => {
                rights::passing(needed, arn, &self.principal, service, &ruling)
            }
            _ => rights::access(needed, &self.principal, access, &ruling),
        }
    }

    /// What of each target was not answered.
    pub(super) fn unanswered(&self, why: &Unanswered) -> Vec<(usize, String, Unanswered)> {
        let each = self.rights.iter().map(|right| {
            let what = format!("{} for {}", self.action, right.needed.what());
            (right.n, what, why.clone())
        });
        each.collect()
    }
}

impl Right {
    fn rulings<'a>(&'a self, decisions: &'a [Decision]) -> impl Iterator<Item = &'a Ruling> {
        let resources = &self.access.resources;
        let own = decisions
            .iter()
            .filter(|decision| resources.contains(&decision.resource));
        own.map(|decision| &decision.ruling)
    }
}
