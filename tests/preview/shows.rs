//! What a preview tells, and how it is refused.

use serde_json::json;

use super::job::refused;
use crate::fixture::{succeeded, world};

#[test]
fn a_release_of_a_service_is_told_and_nothing_is_changed() {
    let world = world();
    let case = world.case("preview-service");
    let before = case.service.describe().unwrap();
    let preview = world.preview_of(&world.job(&case), &json!({}));
    let variables = succeeded(&world.run(preview));
    eprintln!("{:#?}", variables);
    let page = world.page(&variables);
    std::fs::write("/tmp/page.html", &page.html).unwrap();
    assert_eq!(case.service.describe().unwrap(), before);
    eprintln!("{:#?}", world.calls());
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
    eprintln!("{message}");
    let page = world.page_at(&url);
    assert!(page.html.contains("nobody"));
}
