//! Whatever becomes of a change set, it is gone afterwards; those of others stay.

use std::sync::Arc;

use rehearsal::codepipeline::JobSpec;
use rehearsal::proxy::{Call, Fault, What, When};
use rehearsal::{suite, world as made, xml_text, xml_texts};
use serde_json::{Value, json};

use super::{SERVICE, Shot, THEIRS, answered_once, target};
use crate::fixture::{World, failed, succeeded, world};
use crate::preview::job::refused;
use crate::stacks::StackCase;

/// A service beside a database that another identifier replaces.
const DATABASE: &str = include_str!("../../stacks/database.yaml");

/// The names of all change sets that the functions made since the last reset.
fn proposed(world: &World) -> Vec<String> {
    let calls = world.rehearsal.proxy().calls();
    let creates = calls
        .iter()
        .filter(|call| call.operation == "CreateChangeSet");
    creates
        .map(|call| call.request_parameter("ChangeSetName").unwrap())
        .collect()
}

/// Previews and says how the stack was before, which it has to be afterwards.
fn preview(
    world: &World,
    case: &StackCase,
    job: JobSpec,
) -> (Shot, rehearsal::codepipeline::Finished) {
    world.rehearsal.proxy().reset();
    let before = world.shot(case, None);
    let finished = world.run(job);
    world.rehearsal.settle(crate::fixture::PATIENCE).unwrap();
    answered_once(&finished, &case.stack.name);
    assert_eq!(world.shot(case, None), before, "{:#?}", world.calls());
    for name in proposed(world) {
        assert!(name.starts_with("redbutton-preview-"), "{name}");
    }
    (before, finished)
}

/// A preview of one stack, with a target that differs.
fn job(world: &World, case: &StackCase, more: &Value, files: &[(&str, &[u8])]) -> JobSpec {
    world.preview_of_targets(case, None, &json!([target(case, more)]), files)
}

/// The answers of an operation are played, until faults are cleared.
fn play(world: &World, operation: &'static str, what: What) {
    let when = When::Matches(Arc::new(move |call: &Call| call.operation == operation));
    world
        .rehearsal
        .proxy()
        .inject_for_good(Fault { when, what });
}

fn status(status: &'static str, reason: &'static str) -> What {
    What::rewrite_query(move |_, _| {
        Some(format!(
            "<Status>{status}</Status><StatusReason>{reason}</StatusReason>\
             <ExecutionStatus>UNAVAILABLE</ExecutionStatus>"
        ))
    })
}

#[test]
fn a_change_set_that_cannot_be_executed() {
    let world = world();
    let case = world.stack("preview-fails");
    play(
        &world,
        "DescribeChangeSet",
        status("FAILED", "Resource X is not known."),
    );
    let (_, finished) = preview(&world, &case, job(&world, &case, &json!({}), &[]));
    let (message, url) = refused(&finished);
    assert!(message.contains("Resource X is not known."), "{message}");
    assert!(
        world
            .page_at(&url)
            .html
            .contains("Resource X is not known.")
    );
    assert_eq!(proposed(&world).len(), 1);
    world.rehearsal.proxy().clear_faults();

    // What the stack has already.
    let first = case.stack.parameters().unwrap()["Image"].clone();
    let images = json!([{"name": case.stack.name, "imageUri": first}]).to_string();
    let files = [("imagedefinitions.json", images.as_bytes())];
    let (_, finished) = preview(&world, &case, job(&world, &case, &json!({}), &files));
    let page = world.page(&succeeded(&finished));
    assert!(page.html.contains("Nothing would change"), "{}", page.html);
    assert_eq!(proposed(&world).len(), 1);
}

// rules: 3.6.17
#[test]
fn one_that_the_guard_refuses() {
    let world = world();
    let case = world.stack_from("preview-guard", DATABASE, |spec| {
        spec.with("Identifier", "preview-guard")
    });
    let replaced = json!({"parameters": {"Identifier": "another"}});
    let (_, finished) = preview(&world, &case, job(&world, &case, &replaced, &[]));
    let (message, url) = refused(&finished);
    let page = world.page_at(&url).html;
    for text in [&message, &page] {
        assert!(text.contains("would be replaced"), "{text}");
        assert!(text.contains("allowReplacement"), "{text}");
    }
    assert!(page.contains("data-resource=\"Database\""), "{page}");

    let mut allowed = replaced;
    allowed["allowReplacement"] = json!(["Database"]);
    let (_, finished) = preview(&world, &case, job(&world, &case, &allowed, &[]));
    let page = world.page(&succeeded(&finished)).html;
    assert!(page.contains("id=\"replaced\""), "{page}");
    assert!(page.contains("data-resource=\"Database\""), "{page}");
}

#[test]
fn what_an_earlier_preview_left_behind() {
    let world = world();
    let case = world.stack("preview-sweeps");
    let [old, young] = ["redbutton-preview-old", "redbutton-preview-young"];
    for name in [THEIRS, old, young] {
        world.theirs(&case, name);
    }
    let long_ago = What::EditAnswer(Arc::new(move |body| {
        let text = String::from_utf8_lossy(&body).into_owned();
        let members = xml_texts(&text, "member");
        let aged = members.iter().filter(|member| !member.contains(young));
        let text = aged.fold(text.clone(), |text, member| {
            let at = xml_text(member, "CreationTime").unwrap();
            text.replace(member, &member.replace(&at, "2020-01-01T00:00:00Z"))
        });
        text.into()
    }));
    play(&world, "ListChangeSets", long_ago);
    world.rehearsal.proxy().reset();
    let finished = world.run(job(&world, &case, &json!({}), &[]));
    succeeded(&finished);
    let mut left = case.stack.change_sets().unwrap();
    left.sort();
    assert_eq!(left, [THEIRS, young]);
}

/// A long template is read from the bucket that a release put it into, and is not put there.
#[test]
fn a_long_template() {
    let world = world();
    let case = world.stack("preview-long");
    let account = &world.suite.other;
    let bucket = made::template_bucket(account).unwrap();
    let padding = "x".repeat(shared::stack::LONGEST_BODY_BYTES);
    let long = format!("{SERVICE}\nMetadata:\n  Padding: {padding}\n  Of: preview-long\n");
    let more = json!({"template": "Build::long.yaml", "templateBucket": bucket});
    let files = [("long.yaml", long.as_bytes())];

    let objects = account.list_objects(&bucket, "").unwrap();
    let (_, finished) = preview(&world, &case, job(&world, &case, &more, &files));
    let page = world.page(&succeeded(&finished)).html;
    assert!(page.contains("a preview writes nothing there"), "{page}");
    assert!(proposed(&world).is_empty());
    assert_eq!(account.list_objects(&bucket, "").unwrap(), objects);

    let key = shared::stack::template_key(&long);
    account
        .put_object(&bucket, &key, &[], long.clone())
        .unwrap();
    let objects = account.list_objects(&bucket, "").unwrap();
    let (_, finished) = preview(&world, &case, job(&world, &case, &more, &files));
    let page = world.page(&succeeded(&finished)).html;
    assert!(page.contains("data-resource=\"Service\""), "{page}");
    assert_eq!(proposed(&world).len(), 1);
    assert_eq!(account.list_objects(&bucket, "").unwrap(), objects);
}

/// Seen before anything is proposed, and when CloudFormation says so only then.
#[test]
fn a_stack_that_somebody_else_is_changing() {
    let world = world();
    let case = world.stack("preview-busy");
    let busy = "Stack:preview-busy is in UPDATE_IN_PROGRESS state and can not be updated.";
    play(
        &world,
        "CreateChangeSet",
        What::error(400, "ValidationError", busy),
    );
    let late = preview(&world, &case, job(&world, &case, &json!({}), &[])).1;
    world.rehearsal.proxy().clear_faults();

    case.stack.update(&[("Hold", "600")]).unwrap();
    case.await_hold();
    let early = preview(&world, &case, job(&world, &case, &json!({}), &[])).1;
    assert!(proposed(&world).is_empty());
    for finished in [late, early] {
        let (kind, message) = failed(&finished);
        assert_eq!(kind, "RevisionOutOfSync", "{message}");
        assert!(message.contains("UPDATE_IN_PROGRESS"), "{message}");
        assert!(message.contains("retry the stage"), "{message}");
    }
    case.stack.signal("Signal", "SUCCESS").unwrap();
    case.stack.settled().unwrap();
}

/// The function has no time to wait for a change set, and CloudFormation refuses at first to delete
/// it.
#[test]
fn one_that_is_not_ready_in_time() {
    let world = world();
    let case = world.stack("preview-slow");
    let _timeout = Timeout::of(&world, 65);
    play(
        &world,
        "DescribeChangeSet",
        status("CREATE_IN_PROGRESS", ""),
    );
    let creating = What::error(400, "InvalidChangeSetStatus", "it is CREATE_IN_PROGRESS");
    let when = When::next("cloudformation", "DeleteChangeSet");
    world.rehearsal.proxy().inject_times(
        Fault {
            when,
            what: creating,
        },
        2,
    );
    let (_, finished) = preview(&world, &case, job(&world, &case, &json!({}), &[]));
    let page = world.page(&succeeded(&finished)).html;
    assert!(page.contains("was still creating the change set"), "{page}");
    assert!(world.count("cloudformation", "DescribeChangeSet") >= 2);
    assert_eq!(world.count("cloudformation", "DeleteChangeSet"), 3);

    set_timeout(&world, 60);
    let (_, finished) = preview(&world, &case, job(&world, &case, &json!({}), &[]));
    let page = world.page(&succeeded(&finished)).html;
    assert!(
        page.contains("what would change was not looked at"),
        "{page}"
    );
    assert!(proposed(&world).is_empty());
}

/// Nobody may delete it: the page says how it is done by hand.
#[test]
fn one_that_may_not_be_deleted_is_told() {
    let world = world();
    let case = world.stack("preview-stays");
    play(
        &world,
        "DeleteChangeSet",
        What::error(403, "AccessDenied", "no"),
    );
    world.rehearsal.proxy().reset();
    let finished = world.run(job(&world, &case, &json!({}), &[]));
    let page = world.page(&succeeded(&finished)).html;
    let [left] = &case.stack.change_sets().unwrap()[..] else {
        panic!("the preview's is left");
    };
    assert_eq!(proposed(&world), [left.as_str()]);
    let by_hand = format!(
        "aws cloudformation delete-change-set --stack-name preview-stays --change-set-name {left}"
    );
    assert!(page.contains(&by_hand), "{page}");
}

/// The preview's timeout, set back in the end.
struct Timeout<'a>(&'a World);

impl<'a> Timeout<'a> {
    fn of(world: &'a World, seconds: u32) -> Self {
        set_timeout(world, seconds);
        Self(world)
    }
}

impl Drop for Timeout<'_> {
    fn drop(&mut self) {
        set_timeout(self.0, 300);
    }
}

fn set_timeout(world: &World, seconds: u32) {
    let path = format!("/2015-03-31/functions/{}/configuration", suite::PREVIEW);
    let body = json!({"Timeout": seconds}).to_string();
    let headers = [("content-type", "application/json")];
    let tooling = world.rehearsal.tooling();
    let put = tooling.request("lambda", http::Method::PUT, &path, &headers, body.into());
    put.unwrap();
}
