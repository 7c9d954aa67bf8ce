//! What serves now: read from the tasks, compared with what was released (CONTRACTS 3.5.14,
//! 3.5.29).

use serde_json::{Map, Value, json};

use super::seen::{Seen, Task};
use super::watch::Watch;
use crate::names::short;
use crate::rollout_file::images::Image;
use crate::rollout_file::target::{Kind, Target};

/// What a rollout showed for one target.
#[derive(Debug, Clone, PartialEq)]
pub struct Proof {
    /// ARN of the task definition that serves.
    pub task_definition: String,
    /// The deployment's id.
    pub deployment: String,
    /// Tasks that were seen to run it.
    pub running: u32,
    /// What each container runs.
    pub images: Vec<Served>,
    /// What a reader should know besides.
    pub notes: Vec<String>,
    /// Of a stack: what each of its services showed.
    pub services: Vec<OfService>,
}

/// What a service of a stack showed.
#[derive(Debug, Clone, PartialEq)]
pub struct OfService {
    /// The cluster's name.
    pub cluster: String,
    /// The service's name.
    pub service: String,
    /// As of a service target.
    pub proof: Proof,
}

/// An image that serves.
#[derive(Debug, Clone, PartialEq)]
pub struct Served {
    /// The container.
    pub container: String,
    /// The image as it was registered.
    pub image: String,
    /// The digest that ECS reports; none when it reports none.
    pub digest: Option<String>,
}

/// What looking at the tasks came to.
#[derive(Debug, Clone, PartialEq)]
pub enum Verdict {
    /// They run what was released.
    Proven(Proof),
    /// Not all of them are there yet.
    NotYet(String),
    /// These images may be indexes: their platform manifests are needed.
    ReadPlatforms(Vec<Image>),
    /// They run something else.
    Otherwise(String),
}

/// Compares the tasks with what was released.
pub fn verdict(watch: &Watch, seen: &Seen, tasks: &[Task]) -> Verdict {
    let running = tasks.iter().filter(|task| task.last_status == "RUNNING");
    let (ours, others): (Vec<&Task>, Vec<&Task>) =
        running.partition(|task| task.task_definition == watch.became);
    if !others.is_empty() {
        return Verdict::NotYet(format!(
            "{} tasks of another version still run",
            others.len()
        ));
    }
    let desired = seen.service.desired;
    if u32::try_from(ours.len()).unwrap_or(u32::MAX) < desired {
        return Verdict::NotYet(format!("{} of {desired} tasks are seen to run", ours.len()));
    }
    let mut images: Vec<Served> = Vec::new();
    let mut notes: Vec<String> = Vec::new();
    let mut unknown_indexes = Vec::new();
    for container in ours.iter().flat_map(|task| &task.containers) {
        let image = Image::parse(&container.image);
        let pinned = image.as_ref().and_then(|image| image.digest.as_ref());
        if let (Some(image), Some(pinned), Some(digest)) = (&image, pinned, &container.digest)
            && digest != pinned.as_str()
        {
            let platforms = seen.platforms.as_ref().and_then(|indexes| {
                indexes
                    .iter()
                    .find(|(index, _)| index == pinned.as_str())
                    .map(|(_, digests)| digests)
            });
            match platforms {
                Some(Some(digests)) if digests.contains(digest) => {}
                Some(None) => notes.push(format!(
                    "container {} runs {digest}, which cannot be compared with the index {} that \
                     was released",
                    container.name,
                    pinned.as_str()
                )),
                Some(Some(_)) => {
                    return Verdict::Otherwise(format!(
                        "container {} was released as {} and runs {digest}",
                        container.name, container.image
                    ));
                }
                None => unknown_indexes.push(image.clone()),
            }
        }
        let served = Served {
            container: container.name.clone(),
            image: container.image.clone(),
            digest: container.digest.clone(),
        };
        if !images.contains(&served) {
            images.push(served);
        }
    }
    if !unknown_indexes.is_empty() {
        unknown_indexes.dedup();
        return Verdict::ReadPlatforms(unknown_indexes);
    }
    Verdict::Proven(Proof {
        task_definition: watch.became.clone(),
        deployment: watch.deployment.clone(),
        running: u32::try_from(ours.len()).unwrap_or(u32::MAX),
        notes: with_notes(notes, desired, &images),
        images,
        services: Vec::new(),
    })
}

fn with_notes(mut notes: Vec<String>, desired: u32, images: &[Served]) -> Vec<String> {
    notes.dedup();
    if desired == 0 {
        notes.push("the desired count is 0: nothing runs, so nothing is proven".to_owned());
    }
    for served in images {
        if served.digest.is_none() {
            notes.push(format!(
                "ECS reports no digest for container {}",
                served.container
            ));
        }
    }
    notes
}

impl Proof {
    /// A task that ended with exit code 0.
    pub fn of_task(watch: &Watch) -> Self {
        Self {
            task_definition: watch.became.clone(),
            deployment: watch.deployment.clone(),
            running: 0,
            images: Vec::new(),
            notes: Vec::new(),
            services: Vec::new(),
        }
    }

    /// A stack whose services serve what it says.
    pub fn of_stack(watch: &Watch, services: Vec<OfService>) -> Self {
        let mut proof = Self {
            task_definition: String::new(),
            deployment: watch.deployment.clone(),
            running: 0,
            images: Vec::new(),
            notes: Vec::new(),
            services: Vec::new(),
        };
        if services.is_empty() {
            let note = "the stack has no ECS service: that CloudFormation finished is all that is \
                        proven";
            proof.notes.push(note.to_owned());
        }
        let arns: Vec<&str> = services
            .iter()
            .map(|one| one.proof.task_definition.as_str())
            .collect();
        proof.task_definition = arns.join(",");
        for OfService { proof: of_one, .. } in &services {
            proof.running += of_one.running;
            proof.images.extend(of_one.images.iter().cloned());
            proof.notes.extend(of_one.notes.iter().cloned());
        }
        proof.services = services;
        proof
    }

    /// For the output variable `Proof` and for records.
    pub fn to_json(&self, target: &Target, account: &str, watch: &Watch, now: u64) -> Value {
        let mut proof = json!({
            "name": target.name,
            "region": target.region.as_str(),
            "account": account,
        });
        let more = match &target.kind {
            Kind::Service(service) => {
                let mut shown = self.shown(&target.cluster, service);
                shown.insert("was".to_owned(), watch.was.as_deref().map(short).into());
                shown.insert("servedAt".to_owned(), now.into());
                Value::Object(shown)
            }
            Kind::Task(_) => json!({
                "cluster": target.cluster,
                "taskDefinition": self.task_definition,
                "task": self.deployment,
                "exitCode": 0,
            }),
            Kind::Stack(stack) => json!({
                "stack": stack.stack,
                "changeSet": watch.became,
                "services": self.services.iter()
                    .map(|one| one.proof.shown(&one.cluster, &one.service))
                    .collect::<Vec<_>>(),
                "servedAt": now,
            }),
        };
        if let (Value::Object(proof), Value::Object(more)) = (&mut proof, more) {
            proof.extend(more);
        }
        proof
    }

    /// What a service serves.
    fn shown(&self, cluster: &str, service: &str) -> Map<String, Value> {
        let images = self.images.iter().map(|served| {
            json!({"container": served.container, "image": served.image, "digest": served.digest})
        });
        let shown = [
            ("cluster", json!(cluster)),
            ("service", json!(service)),
            ("taskDefinition", json!(self.task_definition)),
            ("deployment", json!(self.deployment)),
            ("running", json!(self.running)),
            ("images", images.collect()),
        ];
        let shown = shown.into_iter();
        shown.map(|(key, value)| (key.to_owned(), value)).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::super::seen::{Container, Index, Service};
    use super::*;

    const OURS: &str = "arn:aws:ecs:ap-southeast-2:333333333333:task-definition/web:8";

    fn hex(digit: char) -> String {
        format!("sha256:{}", digit.to_string().repeat(64))
    }

    fn task(reported: Option<String>) -> Task {
        Task {
            task_definition: OURS.into(),
            last_status: "RUNNING".into(),
            containers: vec![Container {
                name: "web".into(),
                image: format!("r/web@{}", hex('a')),
                digest: reported,
                ..Default::default()
            }],
            ..Default::default()
        }
    }

    fn check(desired: u32, tasks: &[Task], platforms: Option<Vec<Index>>) -> Verdict {
        let watch = Watch {
            became: OURS.into(),
            deployment: "ecs-svc/1".into(),
            ..Watch::default()
        };
        let seen = Seen {
            service: Service {
                desired,
                ..Default::default()
            },
            platforms,
            ..Default::default()
        };
        verdict(&watch, &seen, tasks)
    }

    // rules: 3.5.29
    #[test]
    fn the_digest_that_was_released_is_the_digest_that_runs() {
        let Verdict::Proven(proof) = check(1, &[task(Some(hex('a')))], None) else {
            panic!()
        };
        assert_eq!(
            (proof.running, proof.notes.len(), proof.images.len()),
            (1, 0, 1)
        );
        let Verdict::Proven(proof) = check(2, &[task(None), task(None)], None) else {
            panic!()
        };
        assert_eq!(
            (proof.images.len(), proof.notes.len()),
            (1, 1),
            "{:?}",
            proof.notes
        );
    }

    // rules: 3.5.29
    #[test]
    fn another_digest_is_a_child_of_the_released_index_or_something_else() {
        let tasks = [task(Some(hex('b')))];
        assert!(
            matches!(check(1, &tasks, None), Verdict::ReadPlatforms(images) if images.len() == 1)
        );
        let children = |digit| Some(vec![(hex('a'), Some(vec![hex('c'), hex(digit)]))]);
        assert!(matches!(
            check(1, &tasks, children('b')),
            Verdict::Proven(_)
        ));
        assert!(matches!(
            check(1, &tasks, children('d')),
            Verdict::Otherwise(_)
        ));
    }

    #[test]
    fn an_index_that_nobody_may_read_is_a_note_and_no_reason_to_go_back() {
        let unread = Some(vec![(hex('a'), None)]);
        let Verdict::Proven(proof) = check(1, &[task(Some(hex('b')))], unread) else {
            panic!()
        };
        assert!(
            proof.notes.join("").contains("cannot be compared"),
            "{:?}",
            proof.notes
        );
    }

    // rules: 3.5.26
    #[test]
    fn tasks_that_are_missing_or_left_over_are_waited_for() {
        assert!(matches!(check(2, &[task(None)], None), Verdict::NotYet(_)));
        let mut old = task(None);
        old.task_definition = OURS.replace(":8", ":7");
        assert!(matches!(
            check(1, &[task(None), old], None),
            Verdict::NotYet(_)
        ));
    }
}
