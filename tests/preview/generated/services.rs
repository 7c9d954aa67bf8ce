//! Services and one-off tasks: what the page tells, and what they run in the end.

pub(super) mod around;
mod definition;
mod made;
mod release;

use rehearsal::codepipeline::JobSpec;
use rehearsal::proxy::{Fault, What, When};
use rehearsal::world::task_definition;
use serde_json::{Value, json};

use super::images::Tags;
use super::rows::{Card, Row, cards};
use super::{generated, images, oracle};
use crate::fixture::{World, succeeded, world};
use made::{Made, Target, rollout, serves};

#[test]
fn services_come_to_run_what_the_page_told() {
    let world = world();
    world.make_surroundings();
    tasks_end_well(&world);
    for (n, rollout) in generated(&rollout(), 6).iter().enumerate() {
        let mut made = Made::default();
        for (m, released) in rollout.services.iter().enumerate() {
            made.add(&world, &format!("generated-{n}-{m}"), released);
        }
        let job = made.job(&world);
        let told = preview(&world, &job, rollout.show_values);
        assert_eq!(told.len(), made.targets.len());
        for target in &made.targets {
            let now = serves(&world, &target.service);
            assert_eq!(now, target.before, "the preview changed it");
        }
        world.rehearsal.proxy().reset();
        succeeded(&world.run(job.clone()));
        for (target, card) in made.targets.iter().zip(&told) {
            let after = target.after(&world);
            eprintln!("{}", target.line(card, &after));
            let wrongs = target.wrongs(card, &after, &made.tags, rollout.show_values);
            let before = &target.before;
            assert!(
                wrongs.is_empty(),
                "{wrongs:#?}\n{card:#?}\n{rollout:#?}\n{before:#}\n{after:#}"
            );
        }
        // Released once more, it would change nothing.
        let again = preview(&world, &job, rollout.show_values);
        for (target, card) in made.targets.iter().zip(&again) {
            assert_ne!(card.quiet, target.is_task, "{card:#?}\n{rollout:#?}");
        }
    }
}

// The task's own file differs from what the service runs in more than its image.
#[test]
fn a_task_with_a_file_is_held_against_the_service_that_it_is_like() {
    let world = world();
    world.make_surroundings();
    let role = json!({"executionRoleArn": around::EXECUTION_ROLE});
    let case = world.case_with("generated-like", |spec| {
        spec.task_definition = role.as_object().unwrap().clone();
    });
    let mut file = serves(&world, &case.service)["taskDefinition"].clone();
    file["family"] = json!("generated-like-once");
    file["memory"] = json!("1024");
    let target = json!({
        "task": "once", "like": "generated-like", "cluster": "test",
        "taskDefinition": "Build::once.json",
    });
    let file = file.to_string();
    let files = [("once.json", file.as_bytes())];
    let job = world.job_with(
        &case,
        |rollout| rollout["targets"] = json!([target]),
        &files,
    );
    let cards = preview(&world, &job, false);
    let told = cards[0].rows.iter().filter_map(Row::path);
    let mut told: Vec<String> = told.map(|path| path.join(".")).collect();
    told.sort();
    let image = "containerDefinitions.generated-like.image";
    assert_eq!(told, [image, "family", "memory"]);
}

fn preview(world: &World, job: &JobSpec, show_values: bool) -> Vec<Card> {
    let preview = world.preview_of(job, &json!({"showValues": show_values}));
    cards(&world.page(&succeeded(&world.run(preview))).html)
}

/// One-off tasks, which the emulator's records never end, have ended well.
fn tasks_end_well(world: &World) {
    let what = What::edit_json(|answer| {
        for task in answer["tasks"].as_array_mut().into_iter().flatten() {
            let group = task["group"].as_str().unwrap_or_default();
            if !group.starts_with("service:") {
                task["lastStatus"] = json!("STOPPED");
                task["stopCode"] = json!("EssentialContainerExited");
                for container in task["containers"].as_array_mut().unwrap() {
                    container["exitCode"] = json!(0);
                }
            }
        }
    });
    let when = When::next("ecs", "DescribeTasks");
    let fault = Fault { when, what };
    world.rehearsal.proxy().inject_for_good(fault);
}

impl Target {
    /// The description of what it runs, or has run, in the end.
    fn after(&self, world: &World) -> Value {
        if !self.is_task {
            return serves(world, &self.service);
        }
        let calls = world.rehearsal.proxy().calls();
        let runs = calls.iter().filter(|call| call.operation == "RunTask");
        let mut asked = runs.map(|call| call.request_json());
        let mine = asked.find(|asked| {
            let container = &asked["overrides"]["containerOverrides"][0]["name"];
            *container == self.service.name.as_str()
        });
        let mine = mine.expect("the task was run");
        task_definition(&world.suite.other, mine["taskDefinition"].as_str().unwrap()).unwrap()
    }

    /// What is wrong about its card.
    fn wrongs(&self, card: &Card, after: &Value, tags: &Tags, show_values: bool) -> Vec<String> {
        let (one, other) = (oracle::tree(&self.before), oracle::tree(after));
        let mut wrongs = oracle::wrongs(&card.rows, &one, &other, show_values);
        wrongs.extend(images::wrongs(&card.rows, &self.before, after, tags));
        if card.target != self.name {
            wrongs.push(format!("the card is that of {}", card.target));
        }
        let stays = !self.is_task && revision(&self.before) == revision(after);
        if stays != card.quiet {
            wrongs.push(format!(
                "{} became {}",
                revision(&self.before),
                revision(after)
            ));
        }
        let family = after["taskDefinition"]["family"].as_str().unwrap();
        let words = match (self.is_task, stays) {
            (true, _) => format!("A task of {family} would be run once"),
            (_, true) => "nothing changes".to_owned(),
            _ => format!("A new revision of {family} would be registered"),
        };
        if !card.plan.contains(&words) {
            wrongs.push(format!("no {words:?}"));
        }
        wrongs
    }

    /// What was generated, and what came of it.
    fn line(&self, card: &Card, after: &Value) -> String {
        let places = card
            .rows
            .iter()
            .filter_map(|row| Some(row.path()?.join(".")));
        let places: Vec<String> = places.collect();
        let written = self.written.as_object().unwrap();
        let has = |key: &&str| written.contains_key(*key);
        let with: Vec<&str> = ["taskDefinition", "after"]
            .into_iter()
            .filter(has)
            .collect();
        format!(
            "{} {with:?}: {} -> {}: {}",
            self.name,
            revision(&self.before),
            revision(after),
            places.join(", ")
        )
    }
}

/// `family:revision`.
fn revision(described: &Value) -> &str {
    let arn = described["taskDefinition"]["taskDefinitionArn"]
        .as_str()
        .unwrap();
    arn.rsplit('/').next().unwrap()
}
