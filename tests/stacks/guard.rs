//! Releases of stacks that are refused: nothing is executed, no change set is left, and nothing is
//! registered (CONTRACTS 3.6.6, 3.6.17, 3.6.18).

use rehearsal::codepipeline::JobSpec;
use serde_json::{Value, json};

use super::case::{DATABASE, SERVICE, StackCase};
use super::job::{target, target_with};
use super::script::{Script, available, modified, nested};
use crate::fixture::{self, World, failed, succeeded};

/// A stack whose service has a database beside it.
fn with_database(world: &World, name: &str) -> StackCase {
    world.stack_from(name, DATABASE, |spec| spec.with("Identifier", name))
}

/// The job is refused with these words, and all is as it was.
fn refused(world: &World, case: &StackCase, job: JobSpec, words: &[&str]) {
    let calls = world.rehearsal.proxy();
    calls.reset();
    let before = (
        case.stack.parameters().unwrap(),
        case.stack.template().unwrap(),
        case.stack.events().unwrap().len(),
        case.stack.change_sets().unwrap(),
    );
    let (kind, message) = failed(&world.run(job));
    assert_eq!(kind, "ConfigurationError", "{message}");
    assert!(message.starts_with("nothing was changed"), "{message}");
    for words in words {
        assert!(message.contains(words), "no {words:?} in: {message}");
    }
    assert_eq!(world.count("cloudformation", "ExecuteChangeSet"), 0);
    assert_eq!(world.writes(), 0);
    let after = (
        case.stack.parameters().unwrap(),
        case.stack.template().unwrap(),
        case.stack.events().unwrap().len(),
        case.stack.change_sets().unwrap(),
    );
    assert_eq!(after, before);
}

// rules: 3.6.6 3.6.17
#[test]
fn a_database_is_replaced_only_by_its_name() {
    let world = fixture::world();
    let case = with_database(&world, "stack-database");
    let service = world.case("beside-database");
    let job = |allowed: Value| {
        let parameters = json!({"Identifier": "another-database"});
        let stack = target_with(
            &case,
            &json!({"parameters": parameters, "allowReplacement": allowed}),
        );
        let beside = json!({"service": service.service.name, "cluster": "test"});
        let images = json!([
            {"name": case.stack.name, "imageUri": format!("{}:v2", case.repository)},
            {"name": service.service.name, "imageUri": format!("{}:v2", service.repository)},
        ]);
        let images = images.to_string();
        let files = [("imagedefinitions.json", images.as_bytes())];
        world.stack_job(&case, &[stack, beside], &json!({}), &files)
    };
    let words = [
        "stack stack-database (ap-southeast-2, account 333333333333): Database \
         (AWS::RDS::DBInstance stack-database) would be replaced; because of property \
         DBInstanceIdentifier",
        "the one before is deleted (ReplaceAndDelete)",
        "write \"Database\" into \"allowReplacement\"",
    ];
    for others in [json!([]), json!(["database", "Nested/Database", "*"])] {
        refused(&world, &case, job(others), &words);
    }
    succeeded(&world.run(job(json!(["Database"]))));
    assert_eq!(
        case.stack.resources().unwrap()["Database"],
        "another-database"
    );
}

// rules: 3.6.18
#[test]
fn a_database_in_a_nested_stack_is_replaced_only_by_its_name() {
    let world = fixture::world();
    let case = world.stack_with_nested("stack-hidden");
    let job = |allowed: Value| {
        let parameters = json!({"Identifier": "another-hidden"});
        let more = json!({"parameters": parameters, "allowReplacement": allowed});
        world.stack_job(&case, &[target_with(&case, &more)], &json!({}), &[])
    };
    // The emulator says nothing about what is in a nested stack.
    let play = || {
        let database = modified(
            "Database",
            "AWS::RDS::DBInstance",
            "True",
            "DBInstanceIdentifier",
        );
        let service = modified("Service", "AWS::ECS::Service", "False", "TaskDefinition");
        let mut inside = available(vec![service, database]);
        inside.page = Some(1);
        let script = Script {
            change_sets: vec![available(vec![nested("Nested", inside)])],
            ..Script::default()
        };
        world.rehearsal.proxy().clear_faults();
        world.rehearsal.proxy().reset();
        script.play(world.rehearsal.proxy(), &case.stack);
    };
    let words = [
        "Nested/Database (AWS::RDS::DBInstance",
        "in the nested stack Nested) would be replaced",
        "write \"Nested/Database\" into \"allowReplacement\"",
    ];
    for others in [json!([]), json!(["Database", "Nested"])] {
        play();
        refused(&world, &case, job(others), &words);
    }
    play();
    succeeded(&world.run(job(json!(["Nested/Database"]))));
    let inside = case.stack.nested("Nested").unwrap();
    assert_eq!(inside.resources().unwrap()["Database"], "another-hidden");
}

// rules: 3.6.6
#[test]
fn a_resource_is_removed_only_by_its_name() {
    let world = fixture::world();
    let case = with_database(&world, "stack-removing");
    let without = SERVICE.replace(
        "Parameters:",
        "Parameters:\n  Identifier:\n    Type: String\n  Engine:\n    Type: String",
    );
    let job = |allowed: Value| {
        let more = json!({"template": "Build::service.yaml", "allowReplacement": allowed});
        let file = ("service.yaml", without.as_bytes());
        world.stack_job(&case, &[target_with(&case, &more)], &json!({}), &[file])
    };
    let words = [
        "Database (AWS::RDS::DBInstance stack-removing) would be removed",
        "write \"Database\" into \"allowReplacement\"",
    ];
    refused(&world, &case, job(json!([])), &words);
    succeeded(&world.run(job(json!(["Database"]))));
    assert!(!case.stack.resources().unwrap().contains_key("Database"));
}

// rules: 3.6.20
#[test]
fn a_hidden_parameter_changes_only_where_nothing_has_to_go_back() {
    let world = fixture::world();
    let case = world.stack("stack-token");
    let job = |extra: Value| {
        let target = target_with(&case, &json!({"parameters": {"Token": "new-secret"}}));
        world.stack_job(&case, &[target], &extra, &[])
    };
    let words = ["parameter Token is NoEcho", "\"onFailure\": \"stop\""];
    refused(&world, &case, job(json!({})), &words);
    let (_, message) = failed(&world.run(job(json!({}))));
    assert!(!message.contains("new-secret"), "{message}");
    succeeded(&world.run(job(json!({"onFailure": "stop"}))));
    let serving = case.service().primary_task_definition().unwrap();
    let definition = rehearsal::world::task_definition(&world.suite.other, &serving).unwrap();
    let token = &definition["taskDefinition"]["containerDefinitions"][0]["environment"][0];
    assert_eq!(token["value"], "new-secret");
}

// rules: 3.6.3
#[test]
fn capabilities_are_granted_by_name() {
    let world = fixture::world();
    let case = world.stack("stack-capable");
    let template = SERVICE.replace("Resources:", ROLE);
    let job = |capabilities: Value| {
        let more = json!({"template": "Build::service.yaml", "capabilities": capabilities});
        let file = ("service.yaml", template.as_bytes());
        world.stack_job(&case, &[target_with(&case, &more)], &json!({}), &[file])
    };
    let words = [
        "the template needs CAPABILITY_IAM, which nobody granted",
        "write \"capabilities\": [\"CAPABILITY_IAM\"]",
    ];
    refused(&world, &case, job(json!([])), &words);
    assert_eq!(world.change_sets_asked_for().len(), 0);
    succeeded(&world.run(job(json!(["CAPABILITY_IAM"]))));
    assert!(case.stack.resources().unwrap().contains_key("Role"));
}

const ROLE: &str = "\
Resources:
  Role:
    Type: AWS::IAM::Role
    Properties:
      AssumeRolePolicyDocument:
        Version: \"2012-10-17\"
        Statement:
          - Effect: Allow
            Principal: {Service: ecs-tasks.amazonaws.com}
            Action: sts:AssumeRole
";

#[test]
fn cloudformation_acts_with_a_role_of_its_own() {
    let world = fixture::world();
    let case = world.stack("stack-role");
    let job = |allow: Value| {
        let mut target = target(&case);
        target.as_object_mut().unwrap().remove("cloudFormationRole");
        world.stack_job(&case, &[target], &json!({"allow": allow}), &[])
    };
    let words = ["\"cloudFormationRole\"", "\"callersRights\" into \"allow\""];
    refused(&world, &case, job(json!([])), &words);
    assert_eq!(world.change_sets_asked_for().len(), 0);
    succeeded(&world.run(job(json!(["callersRights"]))));
    let asked = world.change_sets_asked_for();
    assert_eq!(asked[0].request_parameter("RoleARN"), None);
}
