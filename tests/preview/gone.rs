//! A preview's change sets are gone after every exit: whichever of its calls takes the function down, is
//! throttled, refused or never answered, and whatever becomes of the change set.

mod exits;

use rehearsal::codepipeline::{Finished, JobSpec, Outcome};
use rehearsal::proxy::{Call, Fault, What, When};
use rehearsal::suite;
use serde_json::{Value, json};

use crate::faults::each;
use crate::fixture::{Case, PATIENCE, World, succeeded, world};
use crate::stacks::StackCase;

use super::roles::executed;

/// The template of the case's stack.
const SERVICE: &str = include_str!("../stacks/service.yaml");

/// What this test puts beside it: a change set that is not the preview's.
const THEIRS: &str = "redbutton-by-hand";

/// Everything of a stack and a service that a preview could have changed.
#[derive(Debug, PartialEq)]
struct Shot {
    service: Option<Value>,
    status: String,
    events: usize,
    template: String,
    parameters: Vec<(String, String)>,
    change_sets: Vec<String>,
    /// Stacks in review: names without a stack.
    in_review: usize,
}

impl World {
    fn shot(&self, stack: &StackCase, service: Option<&Case>) -> Shot {
        let of = &stack.stack;
        let all = self
            .suite
            .other
            .query("cloudformation", "DescribeStacks", &[])
            .unwrap();
        Shot {
            service: service.map(|case| case.service.describe().unwrap()),
            status: of.status().unwrap(),
            events: of.events().unwrap().len(),
            template: of.template().unwrap(),
            parameters: of.parameters().unwrap().into_iter().collect(),
            change_sets: of.change_sets().unwrap(),
            in_review: all.matches("REVIEW_IN_PROGRESS").count(),
        }
    }

    /// A preview of these targets, with the image of the stack (and the service's) in its image file.
    pub(super) fn preview_of_targets(
        &self,
        stack: &StackCase,
        service: Option<&Case>,
        targets: &Value,
        files: &[(&str, &[u8])],
    ) -> JobSpec {
        let rollout = json!({
            "targets": targets, "region": suite::TARGET_REGION,
            "role": suite::TARGET_ROLE, "externalId": suite::EXTERNAL_ID,
        });
        let image = |name: &str, repository: &str| json!({"name": name, "imageUri": format!("{repository}:v2")});
        let mut images = vec![image(&stack.stack.name, &stack.repository)];
        images.extend(service.map(|case| image(&case.service.name, &case.repository)));
        let (rollout, images) = (rollout.to_string(), json!(images).to_string());
        let mut all: Vec<(&str, &[u8])> = vec![
            ("rollout.json", rollout.as_bytes()),
            ("imagedefinitions.json", images.as_bytes()),
        ];
        all.retain(|(name, _)| files.iter().all(|(other, _)| other != name));
        all.extend(files);
        let artifact = self.suite.store.put_artifact("Build", &all).unwrap();
        let deployer = self.roles();
        self.preview_of(&self.job_from(artifact), &json!({"deployer": deployer}))
    }

    /// A change set of another name on the stack, by the account's root.
    fn theirs(&self, stack: &StackCase, name: &str) {
        let image = stack.image();
        let given = [
            ("StackName", stack.stack.name.as_str()),
            ("ChangeSetName", name),
            ("UsePreviousTemplate", "true"),
            ("Parameters.member.1.ParameterKey", "Name"),
            ("Parameters.member.1.UsePreviousValue", "true"),
            ("Parameters.member.2.ParameterKey", "Image"),
            ("Parameters.member.2.ParameterValue", image.as_str()),
        ];
        let other = &self.suite.other;
        other
            .query("cloudformation", "CreateChangeSet", &given)
            .unwrap();
    }
}

/// A target that hands the release's image to the parameter `Image`.
fn target(case: &StackCase, more: &Value) -> Value {
    let name = &case.stack.name;
    let mut target = json!({
        "stack": name, "imageParameters": {name: "Image"}, "cloudFormationRole": suite::CLOUDFORMATION_ROLE,
    });
    for (key, value) in more.as_object().unwrap() {
        target[key] = value.clone();
    }
    target
}

/// One end, which CodePipeline took.
fn answered_once(finished: &Finished, what: &str) {
    let ends = finished.accepted().filter(|answer| answer.ends()).count();
    assert_eq!(ends, 1, "{what}: {:#?}", finished.answers);
}

/// A service, a stack and one that is new, previewed as often as there are calls, each time with one of
/// them disturbed: nothing of the preview is left, and nothing is another than before.
fn every_call(kind: &str, what: &dyn Fn(&str) -> What, wanted: fn(&str) -> bool) {
    let world = world();
    world.roles();
    let (service, stack) = (
        world.case_with(&format!("{kind}-beside"), executed),
        world.stack(&format!("{kind}-stack")),
    );
    world.theirs(&stack, THEIRS);
    let new = json!({
        "stack": format!("{kind}-new"), "create": true, "template": "Build::service.yaml",
        "parameters": {"Name": format!("{kind}-new")}, "imageParameters": {&stack.stack.name: "Image"},
        "cloudFormationRole": suite::CLOUDFORMATION_ROLE,
    });
    let targets = json!([
        {"service": service.service.name, "cluster": "test"},
        target(&stack, &json!({})),
        new,
    ]);
    let files = [("service.yaml", SERVICE.as_bytes())];
    let job = || world.preview_of_targets(&stack, Some(&service), &targets, &files);
    let before = world.shot(&stack, Some(&service));
    assert_eq!(before.change_sets, [THEIRS]);

    world.rehearsal.proxy().reset();
    succeeded(&world.run(job()));
    let calls = world.calls();
    assert!(calls.len() >= 15, "{calls:#?}");
    let chosen = each(&calls).into_iter().zip(&calls);
    let mut tried = 0;
    for (when, call) in chosen.filter(|(_, call)| wanted(call)) {
        let label = format!("{kind} at {when:?}");
        let (finished, calls) = disturbed(&world, job(), when, what(call));
        answered_once(&finished, &label);
        if let Outcome::Failed { message, .. } = &finished.outcome {
            assert!(message.contains("access denied"), "{label}: {message}");
        }
        let after = world.shot(&stack, Some(&service));
        assert_eq!(after, before, "{label}: {calls:#?}");
        tried += 1;
    }
    assert!(tried >= 3, "{calls:#?}");
}

/// Runs a preview to its rest with one of its calls disturbed.
fn disturbed(world: &World, job: JobSpec, when: When, what: What) -> (Finished, Vec<Call>) {
    let proxy = world.rehearsal.proxy();
    proxy.reset();
    proxy.inject(Fault { when, what });
    let finished = world.run(job);
    world.rehearsal.settle(PATIENCE).unwrap();
    let calls = proxy.calls();
    assert_eq!(
        proxy.clear_faults(),
        0,
        "the fault did not fire: {calls:#?}"
    );
    (finished, calls)
}

fn all(_: &str) -> bool {
    true
}

#[test]
fn the_function_dies_before_each_call() {
    every_call("preview-kill-before", &|_| What::KillBefore, all);
}

#[test]
fn the_function_dies_after_each_call() {
    every_call("preview-kill-after", &|_| What::KillAfter, all);
}

#[test]
fn each_call_once_throttled() {
    every_call("preview-throttle", &|_| What::Throttle, all);
}

#[test]
fn each_call_once_denied() {
    every_call(
        "preview-deny",
        &|call| match call.split(':').next() {
            Some("cloudformation" | "iam" | "sts" | "s3") => {
                What::error(403, "AccessDenied", "not authorized to perform this")
            }
            _ => What::error(400, "AccessDeniedException", "not authorized"),
        },
        all,
    );
}

/// Waiting takes long: those that concern change sets.
#[test]
fn each_call_about_change_sets_once_without_an_answer() {
    let of_change_sets = |call: &str| call.contains("ChangeSet");
    every_call("preview-hang", &|_| What::NeverAnswer, of_change_sets);
}
