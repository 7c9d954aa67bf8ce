//! Stacks that are updated by a release.

use serde_json::json;

use super::job::target;
use crate::fixture::{succeeded, world};

#[test]
fn a_new_image_reaches_the_service_through_the_stack() {
    let world = world();
    let case = world.stack("stack-image");
    let job = world.stack_job(&case, &[target(&case)], &json!({}), &[]);
    let finished = world.run(job);
    println!("{:#?}", world.calls());
    let variables = succeeded(&finished);
    println!("{variables:#?}");
    assert_eq!(case.stack.parameters().unwrap()["Image"], case.image());
}
