//! One pair of templates and two files of parameters make test and production.

use std::collections::BTreeMap;

use rehearsal::pipeline::read_template;
use rehearsal::world;
use rehearsal::{suite, workspace};
use serde_json::Value;

use super::{Environment, RECORDS, text};

/// Files for a service in test and in production, as a pipeline's artifact has them, and a region for
/// both.
const PAIRS: [(&str, [&str; 2]); 2] = [
    (
        "eu-central-1",
        [
            "examples/web/release/test.parameters.json",
            "examples/web/release/production.parameters.json",
        ],
    ),
    (
        "eu-west-1",
        [
            "examples/environments/test.json",
            "examples/environments/production.json",
        ],
    ),
];

/// A part of a CodePipeline template configuration.
fn part(file: &str, name: &str) -> BTreeMap<String, String> {
    let all: Value = serde_json::from_str(&text(file)).unwrap();
    serde_json::from_value(all[name].clone()).unwrap()
}

#[test]
fn two_files_of_parameters_make_test_and_production_of_the_same_templates() {
    let template = read_template(&workspace::root().join("templates/service.yaml")).unwrap();
    let accounts = [suite::TARGET_ACCOUNT, suite::PRODUCTION_ACCOUNT];
    for (region, files) in PAIRS {
        let mut names = Vec::new();
        for (account, file) in accounts.into_iter().zip(files) {
            let given = part(file, "Parameters");
            for name in given.keys() {
                assert!(template["Parameters"][name].is_object(), "{file}: {name}");
            }
            // What differs is in the files alone: the image comes from the build.
            assert!(!given.contains_key("Image"), "{file}");
            let account = RECORDS.rehearsal.account(account, region);
            let mut it = Environment::new(account.clone());
            let cluster = [
                ("ClusterName", &*given["ClusterName"]),
                ("RepositoryName", "web"),
            ];
            it.make("templates/cluster.yaml", "cluster", &cluster);
            let image = format!("{}:v1", world::repository_uri(&account, "web"));
            let mut parameters = vec![("Image", &*image)];
            parameters.extend(given.iter().map(|(name, value)| (&**name, &**value)));
            let stack = it.make("templates/service.yaml", "web", &parameters);
            let service = stack.service("Service").unwrap();
            assert_eq!(
                (&*service.cluster, &*service.name),
                (&*given["ClusterName"], &*given["ServiceName"])
            );
            let definition =
                world::task_definition(&account, &service.first_task_definition).unwrap();
            let definition = &definition["taskDefinition"];
            for (name, field) in [("Cpu", "cpu"), ("Memory", "memory")] {
                if let Some(value) = given.get(name) {
                    assert_eq!(definition[field], **value, "{file}: {name}");
                }
            }
            assert_eq!(definition["containerDefinitions"][0]["image"], image);
            let parameters = stack.parameters().unwrap();
            names.push(parameters.into_keys().collect::<Vec<_>>());
        }
        assert_eq!(names[0], names[1], "the same template");
        let [test, production] = files.map(|file| part(file, "Parameters"));
        assert_ne!(test["ClusterName"], production["ClusterName"]);
    }
}
