//! What `images` promises. Digests are written as one digit: `@a` is `@sha256:aaa…`.

use super::*;
use serde_json::json;

/// One digit after an `@` is a digest.
fn long(text: &str) -> String {
    match text.split_once('@') {
        Some((before, digit)) if digit.len() == 1 => {
            format!("{before}@sha256:{}", digit.repeat(64))
        }
        _ => text.to_owned(),
    }
}

/// And back.
fn short(text: &str) -> String {
    let digits =
        ('a'..='f').map(|digit| (format!("sha256:{}", digit.to_string().repeat(64)), digit));
    digits.fold(text.to_owned(), |text, (long, digit)| {
        text.replace(&long, &digit.to_string())
    })
}

/// `container=image`, or an image for a placeholder.
fn name(text: &str) -> Named {
    let (container, image) = match text.split_once('=') {
        Some((container, image)) => (Some(container.to_owned()), image),
        None => (None, text),
    };
    let image = Image::parse(&long(image)).unwrap();
    Named { container, image }
}

fn names(text: &str) -> Vec<Named> {
    text.split_whitespace().map(name).collect()
}

/// A proof of these containers and what they were registered with; behind a `stack:`, of a stack.
fn proof(text: &str) -> Value {
    let (in_stack, served) = match text.strip_prefix("stack:") {
        Some(served) => (true, served),
        None => (false, text),
    };
    let images = served.split_whitespace().map(|one| {
        let (container, image) = one.split_once('=').unwrap();
        json!({"container": container, "image": long(image), "digest": null})
    });
    let images: Value = images.collect();
    match in_stack {
        true => json!({"targets": [{"stack": "web", "services": [{"images": images}]}]}),
        false => json!({"targets": [{"task": "migrate"}, {"service": "web", "images": images}]}),
    }
}

fn file(repositories: &Value) -> RolloutFile {
    let file = json!({
        "targets": [{"service": "web", "cluster": "test", "region": "ap-southeast-2"}],
        "repositories": repositories,
    });
    RolloutFile::from_value(&file).unwrap()
}

/// What a release of `wanted` would say, `image digest` each, after tests that were each given some
/// images and showed some.
fn released_with(
    wanted: &str,
    repositories: &Value,
    tests: &[(&str, &str)],
) -> Result<String, String> {
    let file = file(repositories);
    let proofs: Vec<Value> = tests.iter().map(|(_, served)| proof(served)).collect();
    let tests = tests
        .iter()
        .zip(&proofs)
        .map(|((given, _), proof)| TestRollout {
            place: "Test/RollOut".to_owned(),
            file: &file,
            named: names(given),
            proof,
        });
    let tests: Vec<TestRollout<'_>> = tests.collect();
    match released(&names(wanted), &tests) {
        Ok(images) => {
            let each = images.iter();
            let each = each.map(|one| short(&format!("{} {}", one.image, one.digest)));
            Ok(each.collect::<Vec<_>>().join(", "))
        }
        Err(wrongs) => Err(short(&wrongs.join("\n"))),
    }
}

fn check(wanted: &str, tests: &[(&str, &str)], expected: &str) {
    let released = released_with(wanted, &json!({}), tests);
    assert_eq!(released.as_deref(), Ok(expected), "{wanted} {tests:?}");
}

fn check_refused(wanted: &str, tests: &[(&str, &str)], expected: &str) {
    let wrong = released_with(wanted, &json!({}), tests).unwrap_err();
    assert!(wrong.contains(expected), "{wanted} {tests:?}: {wrong}");
}

#[test]
fn an_image_gets_the_digest_that_served_under_its_name() {
    check(
        "web=r/web:v2",
        &[("web=r/web:v2", "web=r/web@a")],
        "r/web:v2 a",
    );
    // Side by side with others, in one test or in several.
    let (web, api) = (
        ("web=r/web:v2", "web=r/web@a"),
        ("api=r/api:v2", "api=r/api@b"),
    );
    check(
        "web=r/web:v2 api=r/api:v2",
        &[web, api],
        "r/web:v2 a, r/api:v2 b",
    );
    check("api=r/api:v2", &[web, api], "r/api:v2 b");
    check(
        "web=r/web:v2",
        &[("web=r/web:v2 side=r/side:v1", "web=r/web@a side=r/side@b")],
        "r/web:v2 a",
    );
    // Several regions, or several containers, with the same image.
    check("web=r/web:v2", &[web, web], "r/web:v2 a");
    check(
        "web=r/web:v2 job=r/web:v2",
        &[("web=r/web:v2 job=r/web:v2", "web=r/web@a job=r/web@a")],
        "r/web:v2 a",
    );
    // Two containers share a repository, and each has its own image.
    check(
        "web=r/one:web job=r/one:job",
        &[("web=r/one:web job=r/one:job", "web=r/one@a job=r/one@b")],
        "r/one:web a, r/one:job b",
    );
}

#[test]
fn a_stack_shows_its_services_and_may_call_its_containers_otherwise() {
    check(
        "web=r/web:v2",
        &[("web=r/web:v2", "stack:web=r/web@a")],
        "r/web:v2 a",
    );
    check(
        "Web=r/web:v2",
        &[("Web=r/web:v2", "stack:app=r/web@a")],
        "r/web:v2 a",
    );
    // Not the digest of what was given another image by its own name.
    let given = "Web=r/one:v2 side=r/one:v1";
    check(
        "Web=r/one:v2",
        &[(given, "stack:app=r/one@a side=r/one@b")],
        "r/one:v2 a",
    );
    check_refused(
        "Web=r/one:v2",
        &[(given, "stack:side=r/one@b")],
        "no proof has a container that runs it",
    );
}

#[test]
fn an_image_for_a_placeholder_has_no_container() {
    check("r/web:v2", &[("r/web:v2", "web=r/web@a")], "r/web:v2 a");
    check("r/web:v2", &[("web=r/web:v2", "web=r/web@a")], "r/web:v2 a");
    check("web=r/web:v2", &[("r/web:v2", "web=r/web@a")], "r/web:v2 a");
    check_refused(
        "r/web:v2",
        &[("r/web:v2", "web=r/web@a side=r/web@b")],
        "with different digests (a, b)",
    );
}

// rules: 3.5.29
#[test]
fn a_digest_is_itself_wherever_it_served() {
    let test = ("web=r/web:v2 side=r/web:v1", "web=r/web@a side=r/web@b");
    for (wanted, expected) in [
        ("web=r/web@a", "r/web@a a"),
        ("web=r/web:v2@a", "r/web:v2@a a"),
        ("web=r/web:other@a", "r/web:other@a a"),
        ("other=r/web@a", "r/web@a a"),
        ("r/web@a", "r/web@a a"),
        ("web=r/web@b", "r/web@b b"),
    ] {
        check(wanted, &[test], expected);
    }
    check(
        "web=r/web@a",
        &[("web=r/web@a", "web=r/web@a")],
        "r/web@a a",
    );
    check_refused(
        "web=r/web@c",
        &[test],
        "image r/web@c did not serve in test",
    );
    // A digest in another repository is another image, which nobody pulled from there.
    check_refused("web=other/web@a", &[test], "did not serve in test");
}

#[test]
fn what_did_not_serve_in_test_cannot_be_in_a_release() {
    let test = ("web=r/web:v2", "web=r/web@a");
    check_refused(
        "web=r/web:v3",
        &[test],
        "image r/web:v3 was not in any rollout to test of this execution: what was tested is \
         r/web:v2 (Test/RollOut)",
    );
    check_refused("web=r/web", &[test], "was not in any rollout to test");
    check_refused("api=r/web:v2", &[test], "was not in any rollout to test");
    check_refused("web=r/web:v2", &[], "what was tested is nothing");
    check_refused(
        "web=r/web:v2",
        &[("web=r/web:v2", "web=other@a")],
        "no proof has a container that runs it",
    );
    check_refused(
        "web=r/web:v2",
        &[("web=r/web:v2", "")],
        "no proof has a container that runs it",
    );
    check_refused(
        "web=r/web:v2",
        &[test, ("web=r/web:v2", "web=r/web@b")],
        "with different digests (a, b)",
    );
    // All of them are told.
    let wrong = released_with("web=r/web:v3 api=r/api:v3", &json!({}), &[test]).unwrap_err();
    assert_eq!(wrong.lines().count(), 2, "{wrong}");
}

// rules: 3.5.29
#[test]
fn a_tag_alone_says_nothing_about_bytes() {
    check_refused(
        "web=docker.io/web:v2",
        &[("web=docker.io/web:v2", "web=docker.io/web:v2")],
        "served in test by its tag alone",
    );
}

#[test]
fn one_name_has_one_digest_in_a_release() {
    check_refused(
        "web=r/web:v2 api=r/web:v2",
        &[
            ("web=r/web:v2", "web=r/web@a"),
            ("api=r/web:v2", "api=r/web@b"),
        ],
        "image r/web:v2 served in test with different digests (a, b)",
    );
}

#[test]
fn a_test_that_pulls_from_elsewhere_shows_the_same_digest() {
    let map = json!({"r.example/web": "test.example/web"});
    let test = ("web=r.example/web:v2", "web=test.example/web@a");
    for (wanted, expected) in [
        ("web=r.example/web:v2", Ok("r.example/web:v2 a".to_owned())),
        ("web=r.example/web@a", Ok("r.example/web@a a".to_owned())),
    ] {
        assert_eq!(released_with(wanted, &map, &[test]), expected);
    }
    let wrong = released_with("web=test.example/web:v2", &map, &[test]).unwrap_err();
    assert!(wrong.contains("was not in any rollout to test"), "{wrong}");
}

/// The named images of a rollout, as they are written above.
fn named_in(files: &[Value], definitions: &[Value]) -> String {
    let files = files
        .iter()
        .map(|file| ImageFile::parse(file.to_string().as_bytes()).unwrap());
    let files: Vec<ImageFile> = files.collect();
    let definitions = definitions.iter().map(|containers| {
        let definition = json!({"family": "web", "containerDefinitions": containers});
        TaskDefinition::from_file(definition.to_string().as_bytes()).unwrap()
    });
    let definitions: Vec<TaskDefinition> = definitions.collect();
    let all = named(&files, &definitions)
        .into_iter()
        .map(|named| match named.container {
            Some(container) => format!("{container}={}", named.image),
            None => named.image.to_string(),
        });
    all.collect::<Vec<_>>().join(" ")
}

#[test]
fn a_rollout_names_what_its_files_put_into_service() {
    let images = json!([{"name": "web", "imageUri": "r/web:v2"}]);
    let detail = json!({"ImageURI": "r/web:v2"});
    let containers = |web: &str| json!([{"name": "web", "image": web, "memory": 64}, {"name": "side", "image": "r/side:v1", "memory": 64}]);
    for (files, definitions, expected) in [
        (vec![&images], vec![], "web=r/web:v2"),
        (vec![&detail], vec![], "r/web:v2"),
        (vec![&images, &images], vec![], "web=r/web:v2"),
        // An image file replaces what the definition has, whatever it is.
        (
            vec![&images],
            vec![containers("r/web:v1")],
            "web=r/web:v2 side=r/side:v1",
        ),
        (
            vec![&images],
            vec![containers("<IMAGE1_NAME>")],
            "web=r/web:v2 side=r/side:v1",
        ),
        // A placeholder is no image.
        (
            vec![&detail],
            vec![containers("<IMAGE1_NAME>")],
            "r/web:v2 side=r/side:v1",
        ),
        (
            vec![],
            vec![containers("r/web:v1"), containers("r/web:v1")],
            "web=r/web:v1 side=r/side:v1",
        ),
        (
            vec![],
            vec![containers("r/web:v1"), containers("r/web:v2")],
            "web=r/web:v1 side=r/side:v1 web=r/web:v2",
        ),
        (vec![], vec![], ""),
    ] {
        let files: Vec<Value> = files.into_iter().cloned().collect();
        assert_eq!(named_in(&files, &definitions), expected);
    }
}

#[test]
fn a_refusal_says_what_to_do() {
    let test = (
        "web=r/web:v2 api=r/api:v2 job=docker.io/job:1",
        "web=r/web@a web=r/web@b job=docker.io/job:1",
    );
    let wanted = "web=r/web:v2 api=r/api:v2 job=docker.io/job:1 web=r/web:v3 web=r/web@c";
    let wrongs = released_with(wanted, &json!({}), &[test]).unwrap_err();
    insta::assert_snapshot!(wrongs);
}
