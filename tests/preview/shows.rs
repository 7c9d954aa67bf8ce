//! What a preview tells, and how it is refused.

use serde_json::json;

use super::job::refused;
use super::roles::executed;
use super::told;
use crate::fixture::{succeeded, world};

#[test]
fn a_release_of_a_service_is_told_and_nothing_is_changed() {
    let world = world();
    let deployer = world.roles();
    let case = world.case_with("preview-service", executed);
    let before = case.service.describe().unwrap();
    let preview = world.preview_of(&world.job(&case), &json!({"deployer": deployer}));
    let variables = succeeded(&world.run(preview));
    let html = world.page(&variables).html;
    assert!(told::text(&html).contains("One target would change"));
    assert!(html.contains("data-image=\"preview-service\""), "{html}");
    assert!(variables["Summary"].contains("preview-service"));
    assert!(variables["Fingerprint"].starts_with("v1:"));
    assert_eq!(case.service.describe().unwrap(), before);
    assert_eq!(case.service.revisions().unwrap().len(), 1);
    assert_eq!(world.writes(), 0);
}

#[test]
fn a_release_that_would_be_refused_fails_the_preview() {
    let world = world();
    let case = world.case("preview-refused");
    let job = world.job_with(
        &case,
        |file| file["targets"][0]["service"] = "nobody".into(),
        &[],
    );
    let (message, url) = refused(&world.run(world.preview_of(&job, &json!({}))));
    let refusals = told::refusals(&world.page_at(&url).html);
    assert_eq!(refusals.len(), 1, "{message}");
    assert!(refusals[0].contains("nobody"), "{refusals:?}");
}
