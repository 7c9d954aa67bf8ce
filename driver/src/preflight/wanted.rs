//! What all targets need, and what of it is to be asked: each thing once. Pure.

use shared::names::{Account, Region};
use shared::preflight::limits;
use shared::preflight::needs::{self, Need, Needed};
use shared::preflight::verdict::{self, Excuse};
use shared::preview::Finding;
use shared::rollout_file::RolloutFile;
use shared::rollout_file::images::Image;
use shared::task_definition::TaskDefinition;

use crate::Work;
use crate::check::Checked;
use crate::decide;

/// The service that tasks get their roles from.
const TASKS: &str = "ecs-tasks.amazonaws.com";
/// The service that acts on a stack.
const STACKS: &str = "cloudformation.amazonaws.com";

/// What a target needs.
pub(super) struct Wanted {
    /// The target's place.
    pub(super) n: usize,
    pub(super) account: Account,
    pub(super) region: Region,
    pub(super) needs: Vec<Needed>,
    /// What the tasks that run need as well; none for a stack.
    running: Vec<Needed>,
    /// Images of the release, as they would be released.
    pub(super) handed_in: Vec<Image>,
    /// Stacks that are done before it begins.
    pub(super) before: Vec<String>,
    /// The service that the roles are passed to.
    pub(super) service: &'static str,
    /// Whether its tasks have to fit Fargate.
    pub(super) fargate: bool,
    /// What does not fit in any account.
    limits: Vec<Finding>,
}

/// Something that is asked once.
pub(super) struct Thing {
    /// The target by whose clients it is asked: the first one that needs it.
    pub(super) n: usize,
    account: Account,
    region: Region,
    pub(super) need: Need,
    /// Who needs it.
    pub(super) asked: Vec<(usize, Needed)>,
}

impl Wanted {
    /// The role by which ECS acts before a container starts.
    pub(super) fn execution_role(&self) -> Option<&Needed> {
        let mut each = self.needs.iter();
        each.find(|needed| {
            needed
                .places
                .iter()
                .any(|place| place == "executionRoleArn")
        })
    }

    /// Whether tasks that run have it.
    fn runs(&self, need: &Need) -> bool {
        self.running.iter().any(|running| running.need == *need)
    }

    /// What may explain that it is not there.
    pub(super) fn excuse(&self, need: &Need) -> Excuse {
        let handed_in = match need {
            Need::Image(image) => self.handed_in.contains(image),
            _ => false,
        };
        Excuse {
            runs: self.runs(need) && !handed_in,
            stacks: self.before.clone(),
        }
    }

    pub(super) fn tasks(
        n: usize,
        (account, region): (Account, Region),
        definition: &TaskDefinition,
        running: Option<&TaskDefinition>,
        limits: Vec<Finding>,
    ) -> Self {
        let of = |definition: &TaskDefinition| needs::of(definition, &account, &region);
        Self {
            n,
            needs: of(definition),
            running: running.map(of).unwrap_or_default(),
            handed_in: Vec::new(),
            before: Vec::new(),
            service: TASKS,
            fargate: limits::on_fargate(definition),
            limits,
            account,
            region,
        }
    }
}

/// What each target needs.
pub(super) fn of(work: &Work<'_>, checked: &Checked) -> Vec<Wanted> {
    let place = |n: usize| {
        let end = work.ends.get(n)?;
        let account = Account::parse(&end.account)?;
        Some((end, (account, end.target.region.clone())))
    };
    let mut all = Vec::new();
    for (n, definition) in checked.plan.each() {
        let Some((end, place)) = place(n) else {
            continue;
        };
        // A task that shares a service's definition was read as that one.
        let shared = decide::shares_with(&work.request.file, n);
        let known = checked.known.get(shared.unwrap_or(n));
        let running = known.and_then(|known| known.running.as_ref());
        // Nothing goes back to what a task alone is like.
        let was = running.filter(|_| end.target.is_service() || shared.is_some());
        let limits = limits::definition(
            definition,
            &end.operation,
            work.job.id.as_str(),
            was.map(|was| was.arn.as_str()),
        );
        let running = running.map(|running| &running.definition);
        all.push(Wanted::tasks(n, place, definition, running, limits));
    }
    for planned in &checked.stacks {
        let n = planned.n;
        let Some((end, (account, region))) = place(n) else {
            continue;
        };
        let role = end
            .target
            .stack()
            .and_then(|stack| stack.cloudformation_role.as_ref());
        let role = role.map(|role| Needed {
            need: Need::Role {
                id: role.as_str().to_owned(),
            },
            places: vec!["cloudFormationRole".to_owned()],
        });
        let images = planned.images().map(|(parameter, _, image)| Needed {
            need: Need::Image(image.clone()),
            places: vec![format!("parameter {parameter}")],
        });
        all.push(Wanted {
            n,
            needs: role.into_iter().chain(images).collect(),
            running: Vec::new(),
            handed_in: Vec::new(),
            before: Vec::new(),
            service: STACKS,
            fargate: false,
            limits: planned
                .template_text()
                .and_then(limits::template)
                .into_iter()
                .collect(),
            account,
            region,
        });
    }
    for wanted in &mut all {
        let made = checked.images.iter().map(|(_, made)| made.clone());
        wanted.handed_in = made.collect();
        wanted.before = stacks_before(&work.request.file, wanted.n);
    }
    all.sort_by_key(|wanted| wanted.n);
    all
}

/// The stacks that a target begins after, also by way of others, in the file's order.
pub(super) fn stacks_before(file: &RolloutFile, n: usize) -> Vec<String> {
    let mut before: Vec<usize> = Vec::new();
    let mut next = vec![n];
    while let Some(n) = next.pop() {
        for after in file.targets.get(n).into_iter().flat_map(|it| &it.after) {
            if !before.contains(after) {
                before.push(*after);
                next.push(*after);
            }
        }
    }
    before.sort_unstable();
    let targets = before.into_iter().filter_map(|n| file.targets.get(n));
    let stacks = targets.filter_map(|target| Some(target.stack()?.stack.clone()));
    stacks.collect()
}

/// What can be said without asking anybody.
pub(super) fn findings(wanted: &Wanted) -> Vec<Finding> {
    let mut findings = wanted.limits.clone();
    if wanted.service == TASKS && wanted.execution_role().is_none() {
        findings.extend(verdict::no_execution_role(&wanted.needs, wanted.fargate));
    }
    for needed in &wanted.needs {
        // Tasks that run show of what they have that it is there.
        if let Some(why) = needed.need.unseen(&wanted.account, &wanted.region)
            && !wanted.runs(&needed.need)
        {
            findings.push(verdict::unseen(needed, &why));
        }
    }
    findings
}

/// Everything that can be looked at, each thing once per account and region.
pub(super) fn things(all: &[Wanted]) -> Vec<Thing> {
    let mut things: Vec<Thing> = Vec::new();
    for wanted in all {
        for needed in &wanted.needs {
            let need = &needed.need;
            if need.unseen(&wanted.account, &wanted.region).is_some() {
                continue;
            }
            let asked = (wanted.n, needed.clone());
            let known = things.iter_mut().find(|thing| thing.is(wanted, need));
            match known {
                Some(thing) => thing.asked.push(asked),
                None => things.push(Thing {
                    n: wanted.n,
                    account: wanted.account.clone(),
                    region: wanted.region.clone(),
                    need: need.clone(),
                    asked: vec![asked],
                }),
            }
        }
    }
    things
}

impl Thing {
    /// Whether it is what a target needs. Roles are the same in all regions.
    pub(super) fn is(&self, wanted: &Wanted, need: &Need) -> bool {
        let everywhere = matches!(need, Need::Role { .. });
        self.need == *need
            && self.account == wanted.account
            && (everywhere || self.region == wanted.region)
    }

    /// Whether both are asked in the same account and region.
    pub(super) fn beside(&self, other: &Self) -> bool {
        (&self.account, &self.region) == (&other.account, &other.region)
    }
}
