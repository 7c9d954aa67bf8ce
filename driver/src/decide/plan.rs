//! What is to be registered: one definition per service or task, joined where they are the same. Pure.

use shared::rollout_file::RolloutFile;
use shared::rollout_file::target::{Kind, Target};
use shared::task_definition::TaskDefinition;

/// The service target whose definition a task takes over: the one that it is like, when that is
/// released by the same rollout.
pub fn shares_with(file: &RolloutFile, n: usize) -> Option<usize> {
    let target = file.targets.get(n)?;
    let task = target.task()?;
    target.task_definition.is_none().then_some(())?;
    file.targets.iter().position(|other| {
        matches!(&other.kind, Kind::Service(service) if *service == task.like)
            && other.cluster == target.cluster
            && other.same_place(target)
    })
}

/// Whether two targets are in the same account and region, by whatever role.
fn same_place(file: &RolloutFile, accounts: &[&str], one: usize, other: usize) -> bool {
    let region = |n: usize| file.targets.get(n).map(|target| &target.region);
    accounts.get(one) == accounts.get(other) && region(one) == region(other)
}

/// Services and stacks that are written twice, reached by different roles.
pub fn twice(file: &RolloutFile, accounts: &[&str]) -> Vec<String> {
    let mut findings = Vec::new();
    for (n, target) in file.targets.iter().enumerate() {
        let same = |other: &Target| match (&target.kind, &other.kind) {
            (Kind::Service(one), Kind::Service(two)) => {
                one == two && other.cluster == target.cluster
            }
            (Kind::Stack(one), Kind::Stack(two)) => one.stack == two.stack,
            _ => false,
        };
        let before = file.targets.iter().take(n).enumerate();
        let mut before =
            before.filter(|(m, other)| same(other) && same_place(file, accounts, *m, n));
        if let Some((_, first)) = before.next() {
            let what = if target.stack().is_some() {
                "stack"
            } else {
                "service"
            };
            findings.push(format!(
                "{} and {} are the same {what}",
                first.name, target.name
            ));
        }
    }
    findings
}

/// What is to be registered: one definition per target that is no stack, and the units of targets
/// that share one registration.
#[derive(Debug)]
pub struct Plan {
    /// One per target; none for a stack, which brings its own.
    pub definitions: Vec<Option<TaskDefinition>>,
    units: Vec<Vec<usize>>,
}

impl Plan {
    /// Takes each target's file, or else what runs, and says of each target that has neither why it
    /// has none.
    pub fn of(
        file: &RolloutFile,
        files: &[Option<TaskDefinition>],
        running: &[Option<TaskDefinition>],
    ) -> (Self, Vec<(usize, String)>) {
        let base = |n: usize| {
            let from_file = files.get(n).cloned().flatten();
            from_file.or_else(|| running.get(n).cloned().flatten())
        };
        let each = file.targets.iter().enumerate().map(|(n, target)| {
            let stack = target.stack().is_some();
            base(shares_with(file, n).unwrap_or(n)).filter(|_| !stack)
        });
        let plan = Self {
            definitions: each.collect(),
            units: Vec::new(),
        };
        let without = plan.lacks(file).map(|n| {
            let text = "the task definition that runs cannot be described; name a task \
                        definition file by \"taskDefinition\"";
            (n, text.to_owned())
        });
        let without = without.collect();
        (plan, without)
    }

    /// Targets that should have a definition, and have none.
    pub fn lacks(&self, file: &RolloutFile) -> impl Iterator<Item = usize> {
        let each = file.targets.iter().zip(&self.definitions).enumerate();
        each.filter(|(_, (target, definition))| target.stack().is_none() && definition.is_none())
            .map(|(n, _)| n)
    }

    /// Joins targets whose definitions are the same, once their images are in. Two contents in one
    /// family are refused: of a family only the newest revision can be found again.
    /// `accounts` has one per target.
    pub fn join(&mut self, file: &RolloutFile, accounts: &[&str]) -> Vec<String> {
        let mut findings = Vec::new();
        let mut units: Vec<Vec<usize>> = Vec::new();
        for (n, definition) in self.each() {
            let Some(target) = file.targets.get(n) else {
                continue;
            };
            let same_family = |first: usize| {
                let other = self.definition(first);
                same_place(file, accounts, first, n)
                    && other.is_some_and(|other| other.family() == definition.family())
            };
            let unit = units.iter_mut().find(|unit: &&mut Vec<usize>| {
                unit.first().is_some_and(|first| same_family(*first))
            });
            let Some(unit) = unit else {
                units.push(vec![n]);
                continue;
            };
            let first = unit.first().copied().unwrap_or_default();
            let same = self
                .definition(first)
                .is_some_and(|other| other.same_content(definition));
            if !same {
                findings.push(format!(
                    "{} and {} would register different task definitions in one family, {}: give \
                     one of them a family of its own (\"taskDefinition\")",
                    file.targets.get(first).map_or("", |target| &target.name),
                    target.name,
                    definition.family(),
                ));
            }
            unit.push(n);
        }
        self.units = units;
        findings
    }

    /// The definition that is registered for a target.
    pub fn definition(&self, n: usize) -> Option<&TaskDefinition> {
        self.definitions.get(n)?.as_ref()
    }

    /// The targets that have a definition, with it.
    pub fn each(&self) -> impl Iterator<Item = (usize, &TaskDefinition)> {
        let each = self.definitions.iter().enumerate();
        each.filter_map(|(n, definition)| Some((n, definition.as_ref()?)))
    }

    /// Targets that share one registration, in their order.
    pub fn units(&self) -> impl Iterator<Item = &[usize]> {
        self.units.iter().map(Vec::as_slice)
    }

    /// The unit that a target belongs to.
    pub fn unit_of(&self, n: usize) -> usize {
        let unit = self.units.iter().position(|unit| unit.contains(&n));
        unit.unwrap_or_default()
    }

    /// The first target of a target's unit.
    pub fn first_of_unit(&self, n: usize) -> usize {
        let first = self
            .units
            .get(self.unit_of(n))
            .and_then(|unit| unit.first());
        first.copied().unwrap_or(n)
    }

    /// The service target that has a container of this name, or the stack that is given its image.
    pub fn target_of(&self, file: &RolloutFile, container: &str) -> Option<usize> {
        let mut each = file.targets.iter().zip(&self.definitions);
        each.position(|(target, definition)| match (&target.kind, definition) {
            (Kind::Service(_), Some(definition)) => definition.containers().contains(&container),
            (Kind::Stack(stack), _) => {
                let mut names = stack.image_parameters.iter();
                names.any(|(name, _)| name == container)
            }
            _ => false,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn definition_of(family: &str, image: &str) -> TaskDefinition {
        let text =
            json!({"family": family, "containerDefinitions": [{"name": family, "image": image}]});
        TaskDefinition::from_file(text.to_string().as_bytes()).unwrap()
    }

    fn several() -> RolloutFile {
        RolloutFile::from_value(&json!({"region": "ap-southeast-2", "targets": [
            {"task": "migrate", "like": "web", "cluster": "test"},
            {"service": "web", "cluster": "test"},
            {"service": "worker", "cluster": "test"},
            {"task": "probe", "like": "other", "cluster": "test"},
        ], "publishImage": {"web": "/web/image"}}))
        .unwrap()
    }

    const ACCOUNTS: [&str; 4] = ["333333333333"; 4];

    #[test]
    fn a_service_by_two_roles_is_still_one_service() {
        let role = |name: &str| format!("arn:aws:iam::333333333333:role/{name}");
        let file = RolloutFile::from_value(&json!({"region": "ap-southeast-2", "targets": [
            {"service": "web", "cluster": "test", "role": role("a")},
            {"service": "web", "cluster": "test", "role": role("b"), "name": "again"},
            {"service": "web", "cluster": "other", "role": role("b"), "name": "elsewhere"},
        ]}))
        .unwrap();
        assert_eq!(
            twice(&file, &ACCOUNTS),
            ["web and again are the same service"]
        );
        let mut elsewhere = ACCOUNTS;
        elsewhere[1] = "444444444444";
        assert_eq!(twice(&file, &elsewhere), [] as [String; 0]);
    }

    #[test]
    fn a_task_takes_the_definition_of_the_service_it_is_like() {
        let file = several();
        assert_eq!(shares_with(&file, 0), Some(1));
        assert_eq!(shares_with(&file, 3), None);
        let running: Vec<_> = ["none", "web", "web", "other"]
            .map(|family| Some(definition_of(family, "r:1")).filter(|_| family != "none"))
            .into();
        let (mut plan, _) = Plan::of(&file, &vec![None; 4], &running);
        assert_eq!(plan.join(&file, &ACCOUNTS), [] as [String; 0]);
        assert_eq!(plan.units().collect::<Vec<_>>(), [&[0, 1, 2][..], &[3][..]]);
        assert_eq!((plan.unit_of(3), plan.first_of_unit(2)), (1, 0));
        assert_eq!(plan.target_of(&file, "web"), Some(1));
        assert_eq!(plan.target_of(&file, "other"), None, "tasks serve nothing");
    }

    #[test]
    fn two_contents_in_one_family_are_refused() {
        let file = several();
        let mut running = vec![Some(definition_of("web", "r:1")); 4];
        running[2] = Some(definition_of("web", "r:2"));
        let (mut plan, without) = Plan::of(&file, &vec![None; 4], &running);
        assert_eq!(without, []);
        let findings = plan.join(&file, &ACCOUNTS).join("\n");
        assert!(findings.contains("migrate and worker"), "{findings}");
        running[3] = None;
        let (_, without) = Plan::of(&file, &vec![None; 4], &running);
        assert_eq!(without[0].0, 3);
    }
}
