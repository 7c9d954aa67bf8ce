//! A service rolled out in another region and account.

use crate::fixture::{succeeded, world};

#[test]
fn a_service_in_another_account_and_region_serves_the_new_image() {
    let world = world();
    let case = world.case("plain");
    let finished = world.run(world.job(&case));
    let variables = succeeded(&finished);
    assert_eq!(finished.rounds, 1);
    eprintln!("{variables:#?} {:#?}", world.calls());
    let running = case.service.primary_task_definition().unwrap();
    assert!(running.ends_with("plain:2"), "{running}");
}
