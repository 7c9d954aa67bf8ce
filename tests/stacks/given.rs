//! What a release brings a stack: a template, parameters and tags out of its artifacts.

use std::collections::BTreeMap;

use rehearsal::world;
use serde_json::json;
use shared::stack::template_key;

use super::case::{SERVICE, long, tagged};
use super::job::{sent, target_with};
use crate::fixture::{self, failed, succeeded};

fn pairs(pairs: &[(&str, &str)]) -> BTreeMap<String, String> {
    let owned = |(key, value): &(&str, &str)| ((*key).to_owned(), (*value).to_owned());
    pairs.iter().map(owned).collect()
}

// rules: 3.6.1 3.6.11 3.6.16
#[test]
fn template_and_configuration_come_from_the_artifact_byte_for_byte() {
    let world = fixture::world();
    let case = world.stack_from("stack-given", SERVICE, tagged);
    // What a person may write, and nothing may tidy up.
    let template = format!(
        "# Released by a pipeline;  \"as it is\"\t\r\n{SERVICE}  # ünïcödé & <odd> spaces  \n\n\n"
    );
    let configuration = json!({
        "Parameters": {"Cpu": "512", "DesiredCount": "two"},
        "Tags": {"team": "api", "release": "two"},
    });
    let target = target_with(
        &case,
        &json!({"template": "Build::web/service.yaml", "parameters": "Build::test.json"}),
    );
    let configuration = configuration.to_string();
    let files = [
        ("web/service.yaml", template.as_bytes()),
        ("test.json", configuration.as_bytes()),
    ];
    succeeded(&world.run(world.stack_job(&case, &[target], &json!({}), &files)));
    let asked = world.change_sets_asked_for();
    assert_eq!(
        asked[0].request_parameter("TemplateBody").unwrap(),
        template
    );
    assert_eq!(case.stack.template().unwrap(), template);
    let parameters = case.stack.parameters().unwrap();
    assert_eq!(parameters["Cpu"], "512");
    assert_eq!(parameters["DesiredCount"], "two");
    assert_eq!(parameters["Image"], case.image());
    let tags = pairs(&[("team", "api"), ("release", "two")]);
    assert_eq!(case.stack.tags().unwrap(), tags);
}

// rules: 3.6.2
#[test]
fn parameters_stand_in_the_rollout_file_or_in_a_file_that_it_names() {
    let world = fixture::world();
    let case = world.stack("stack-inline");
    let image = case.image();
    // A parameter of the new template alone takes its default there, and is not sent.
    let template = SERVICE.replace(
        "Parameters:",
        "Parameters:\n  Later:\n    Type: String\n    Default: of the template",
    );
    let output = json!({"ImageUri": image, "Size": 512}).to_string();
    let mut target = target_with(
        &case,
        &json!({
            "template": "Build::service.yaml",
            "parameters": {
                "Image": {"Fn::GetParam": ["Build", "out/images.json", "ImageUri"]},
                "Cpu": {"Fn::GetParam": ["Build", "out/images.json", "Size"]},
                "DesiredCount": "two",
            },
        }),
    );
    target["imageParameters"] = json!({});
    let files = [
        ("service.yaml", template.as_bytes()),
        ("out/images.json", output.as_bytes()),
    ];
    succeeded(&world.run(world.stack_job(&case, &[target], &json!({}), &files)));
    let parameters = case.stack.parameters().unwrap();
    assert_eq!(parameters["Image"], image);
    assert_eq!(parameters["Cpu"], "512");
    assert_eq!(parameters["Later"], "of the template");
    let mut sent = sent(&world.change_sets_asked_for()[0]);
    sent.sort();
    let row = |key: &str, value: Option<&str>| (key.to_owned(), value.map(str::to_owned));
    let expected = [
        row("Cpu", Some("512")),
        row("DesiredCount", Some("two")),
        row("Hold", None),
        row("Image", Some(&image)),
        row("Name", None),
        row("Token", None),
    ];
    assert_eq!(sent, expected);
    assert_eq!(case.service().tasks().unwrap().len(), 2);
}

// rules: 3.6.1 3.6.21
#[test]
fn a_long_template_goes_through_a_bucket_once() {
    let world = fixture::world();
    let case = world.stack("stack-lengthy");
    // Of this test alone, so that nobody else has put it there.
    let template = format!("# stack-lengthy\n{}", long(SERVICE));
    let release = |cpu: &str, bucket: Option<&str>| {
        let more = json!({"template": "Build::service.yaml", "parameters": {"Cpu": cpu}});
        let mut target = target_with(&case, &more);
        if let Some(bucket) = bucket {
            target["templateBucket"] = json!(bucket);
        }
        let file = ("service.yaml", template.as_bytes());
        world.run(world.stack_job(&case, &[target], &json!({}), &[file]))
    };
    let (kind, message) = failed(&release("512", None));
    assert_eq!(kind, "ConfigurationError");
    assert!(message.contains("\"templateBucket\""), "{message}");

    let bucket = world::template_bucket(&world.suite.other).unwrap();
    world.rehearsal.proxy().reset();
    succeeded(&release("512", Some(&bucket)));
    succeeded(&release("1024", Some(&bucket)));
    assert_eq!(case.stack.template().unwrap(), template);
    assert_eq!(case.stack.parameters().unwrap()["Cpu"], "1024");
    let path = format!("/{bucket}/{}", template_key(&template));
    let calls = world.rehearsal.proxy().calls();
    let puts = calls
        .iter()
        .filter(|call| call.operation == "PutObject" && call.path.starts_with(&path));
    let answers: Vec<_> = puts.map(|call| call.status.unwrap()).collect();
    // The second release finds it there.
    assert_eq!(answers, [200, 412]);
    for asked in world.change_sets_asked_for() {
        let address = asked.request_parameter("TemplateURL").unwrap();
        assert!(address.ends_with(&path), "{address}");
        assert_eq!(asked.request_parameter("TemplateBody"), None);
    }
}
