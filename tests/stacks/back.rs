//! What the way back of a stack takes with it, and what it leaves (CONTRACTS 3.6.8, 3.6.20).

use rehearsal::world::{self, StackSpec, Template};
use serde_json::json;
use shared::stack::template_key;

use super::case::{DATABASE, SERVICE, long};
use super::together::{fails, job, says};
use crate::fixture::{self, failed};

// rules: 3.6.20
#[test]
fn what_the_release_was_allowed_to_replace_is_replaced_again() {
    let world = fixture::world();
    let case = world.stack_from("stack-replaced", DATABASE, |spec| {
        spec.with("Identifier", "stack-replaced")
    });
    let service = world.case_with("beside-replaced", |spec| spec.breaker = false);
    world.rehearsal.proxy().reset();
    fails(&world, &service);
    let more = json!([{
        "template": null, "parameters": {"Identifier": "of-the-release"},
        "allowReplacement": ["Database"],
    }]);
    let (_, message) = failed(&world.run(job(&world, &case, &service, &more, &json!({}))));
    says(
        &message,
        &[
            "and is now UPDATE_COMPLETE, template and parameters as before; service stack-replaced serves stack-replaced:3",
        ],
    );
    let events = case.stack.events().unwrap();
    let of_database = events.iter().filter(|event| event.logical == "Database");
    let ids: Vec<&str> = of_database.map(|event| event.physical.as_str()).collect();
    assert!(ids.contains(&"of-the-release"), "{ids:?}");
    assert_eq!(
        case.stack.resources().unwrap()["Database"],
        "stack-replaced"
    );
}

// rules: 3.6.1 3.6.21
#[test]
fn a_long_template_is_brought_back_through_the_bucket() {
    let world = fixture::world();
    let before = long(SERVICE);
    let Template::At(address) = world.template("back.yaml", &before) else {
        panic!("a template in a bucket has an address");
    };
    let case = world.stack_from("stack-long-back", SERVICE, |spec| StackSpec {
        template: Template::At(address),
        ..spec
    });
    let service = world.case_with("beside-long", |spec| spec.breaker = false);
    let bucket = world::template_bucket(&world.suite.other).unwrap();
    world.rehearsal.proxy().reset();
    fails(&world, &service);
    let more = json!([{"templateBucket": bucket}]);
    let (_, message) = failed(&world.run(job(&world, &case, &service, &more, &json!({}))));
    says(
        &message,
        &["and is now UPDATE_COMPLETE, template and parameters as before; "],
    );
    assert_eq!(case.stack.template().unwrap(), before);
    let asked = world.change_sets_asked_for();
    let address = asked[1].request_parameter("TemplateURL").unwrap();
    assert!(address.ends_with(&template_key(&before)), "{address}");
}

// rules: 3.6.8
#[test]
fn a_stack_that_the_release_made_stays_when_all_goes_back() {
    let world = fixture::world();
    let model = world.stack("stack-model-back");
    let service = world.case_with("beside-made", |spec| spec.breaker = false);
    world.rehearsal.proxy().reset();
    fails(&world, &service);
    let more = json!([{
        "stack": "stack-made-back", "create": true, "parameters": {"Name": "stack-made-back"},
    }]);
    let (_, message) = failed(&world.run(job(&world, &model, &service, &more, &json!({}))));
    says(
        &message,
        &[
            "- stack-made-back was not there, was given redbutton-",
            "and is now CREATE_COMPLETE; it was made by this release and stays, since redbutton \
             deletes nothing",
            "and is now beside-made:1 (1 of 1 tasks run)",
        ],
    );
    let made = world::stack(&world.suite.other, "stack-made-back").unwrap();
    assert_eq!(made.status().unwrap(), "CREATE_COMPLETE");
    assert_eq!(world.count("cloudformation", "DeleteStack"), 0);
}
