//! One function by hand, on the events of `events/`: without Docker, and in SAM's container.

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;

use rehearsal::codepipeline::raw_event;
use rehearsal::docker::Engine;
use rehearsal::local::{self, Sam};
use rehearsal::suite::{COPIER, PREVIEW, TARGET_ACCOUNT, TARGET_REGION, UPDATER};
use serde_json::{Value, json};
use shared::job::{Job, token};
use shared::rollout::{State, binding};
use shared::rollout_file::{
    CopierParameters, PreviewParameters, RolloutFile, RolloutSource, UserParameters,
};

use crate::fixture::{PARAMETERS, Turn, world};

const FUNCTION: &str = "task-definition-updater";

#[test]
fn every_sample_event_is_a_job() {
    let events = local::events().unwrap();
    let name = |path: &Path| path.file_stem().unwrap().display().to_string();
    let names: Vec<String> = events.iter().map(|path| name(path)).collect();
    let expected = [
        "bad-parameters",
        "continuation",
        "cross-account",
        "preview",
        "release",
        "same-account",
        "start",
    ];
    assert_eq!(names, expected);
    for name in names {
        let job = job(&name);
        let text = job.user_parameters.as_deref();
        let parsed = match job.function_name.as_str() {
            PREVIEW => PreviewParameters::parse(text).map(|preview| preview.common.rollout),
            COPIER => {
                CopierParameters::parse(text).map(|copier| RolloutSource::File(copier.rollout))
            }
            _ => UserParameters::parse(text).map(|parameters| parameters.rollout),
        };
        match parsed {
            Ok(RolloutSource::Inline(file)) => drop(RolloutFile::from_value(&file).unwrap()),
            Ok(RolloutSource::File(place)) => assert_eq!(place.artifact, job.inputs[0].name),
            Err(failure) => {
                assert_eq!(name, "bad-parameters");
                assert_eq!(
                    failure.message.matches("\n- ").count(),
                    3,
                    "{}",
                    failure.message
                );
            }
        }
    }
}

#[test]
fn sample_events_have_the_shape_of_real_ones() {
    let world = world();
    let mut spec = world.suite.store.job(UPDATER);
    spec.user_parameters = Some(PARAMETERS.to_owned());
    spec.input_artifacts = vec![world.suite.store.output("Build")];
    for (name, token, key) in [
        ("start", None, None),
        ("preview", None, None),
        ("release", None, None),
        ("continuation", Some("t"), None),
        ("cross-account", None, spec.encryption_key.clone()),
    ] {
        spec.encryption_key = key;
        assert_eq!(
            shape(&local::event(name).unwrap()),
            shape(&raw_event(&spec, token)),
            "{name}"
        );
    }
}

/// The paths of all values, with their kinds.
fn shape(value: &Value) -> BTreeMap<String, &'static str> {
    fn walk(shape: &mut BTreeMap<String, &'static str>, path: &str, value: &Value) {
        let kind = match value {
            Value::Object(fields) => {
                fields
                    .iter()
                    .for_each(|(key, value)| walk(shape, &format!("{path}/{key}"), value));
                "object"
            }
            Value::Array(all) => {
                all.iter()
                    .for_each(|value| walk(shape, &format!("{path}[]"), value));
                "array"
            }
            Value::String(_) => "text",
            Value::Number(_) => "number",
            Value::Bool(_) => "bool",
            Value::Null => "null",
        };
        shape.insert(path.to_owned(), kind);
    }
    let mut shape_of = BTreeMap::new();
    walk(&mut shape_of, "", value);
    shape_of
}

#[test]
fn the_sample_token_is_one_of_ours() {
    let (start, next) = (job("start"), job("continuation"));
    let parameters = UserParameters::parse(next.user_parameters.as_deref()).unwrap();
    let execution = &parameters.execution;
    let operation = format!("{execution} {TARGET_ACCOUNT}/{TARGET_REGION}/test/web");
    let state = State {
        binding: binding(execution, &[operation]),
        attempt: start.id.as_str().to_owned(),
        started: 1_893_456_000,
        targets: Vec::new(),
        turned: None,
    };
    // What the event has to say when the token's form changes is in this message.
    assert_eq!(next.token.unwrap(), token::encode(&state));
}

#[test]
fn a_function_runs_by_hand_without_docker() {
    let world = seeded();
    let run =
        |name| local::invoke(&world.rehearsal, FUNCTION, &local::event(name).unwrap()).unwrap();
    for name in ["start", "continuation", "same-account"] {
        let answer = run(name);
        assert_eq!(answer["answered"], "success", "{name}: {answer:#}");
        assert!(
            answer["variables"]["TaskDefinitionArns"].is_string(),
            "{answer:#}"
        );
    }
    let answer = run("bad-parameters");
    assert_eq!(
        (&answer["answered"], &answer["type"]),
        (&json!("failure"), &json!("ConfigurationError"))
    );
    assert!(
        answer["message"].as_str().unwrap().contains("rolout"),
        "{answer:#}"
    );
    let preview = local::event("preview").unwrap();
    let previewed = local::invoke(&world.rehearsal, "production-preview", &preview).unwrap();
    assert_eq!(previewed["answered"], "success", "{previewed:#}");
    let told = previewed["variables"]["Summary"].as_str().unwrap();
    assert!(told.contains("web: image v1 → v2"), "{told}");
    // Nothing was tested in the event's execution, and CodePipeline's record is all that counts.
    let release = local::event("release").unwrap();
    let refused = local::invoke(&world.rehearsal, "artifact-copier", &release).unwrap();
    assert_eq!(refused["type"], "ConfigurationError", "{refused:#}");
    let told = refused["message"].as_str().unwrap();
    for why in [
        "nothing was delivered",
        "so nothing was tested",
        "is no manual approval",
    ] {
        assert!(told.contains(why), "{told}");
    }
    // As often as somebody likes, each time answered anew.
    assert_eq!(run("bad-parameters"), answer);
}

#[test]
fn a_function_runs_in_sams_container() {
    let engine = match Engine::available() {
        Ok(engine) => engine,
        Err(reason) => return eprintln!("left out: sam local invoke ({reason:#})"),
    };
    let world = seeded();
    let env_vars = world.rehearsal.dir().join("env.json");
    let sam = Sam::prepare(&world.rehearsal, FUNCTION, Some(engine), &env_vars).unwrap();
    let run = |name: &str| -> Value {
        let output = sam
            .command(&format!("events/{name}.json"))
            .unwrap()
            .output()
            .unwrap();
        let (out, said) = (text(&output.stdout), text(&output.stderr));
        serde_json::from_str(&out).unwrap_or_else(|error| panic!("{error}: {out}\n{said}"))
    };
    assert_eq!(run("cross-account")["answered"], "success");
    let event = local::event("bad-parameters").unwrap();
    let by_hand = local::invoke(&world.rehearsal, FUNCTION, &event).unwrap();
    assert_eq!(run("bad-parameters"), by_hand);
    drop(sam);
    assert!(!env_vars.exists());
}

#[test]
fn the_variable_for_sam_is_not_there_on_lambda() {
    let world = world();
    let path = format!("/2015-03-31/functions/{UPDATER}/configuration");
    let tooling = world.rehearsal.tooling();
    let answer = tooling
        .request("lambda", http::Method::GET, &path, &[], "".into())
        .unwrap();
    let configuration: Value = serde_json::from_slice(&answer.body).unwrap();
    let variables = configuration["Environment"]["Variables"]
        .as_object()
        .unwrap();
    assert!(variables.contains_key("SSL_CERT_FILE"));
    assert!(!variables.contains_key("AWS_ENDPOINT_URL"), "{variables:?}");
}

/// The world, with what the events name.
fn seeded() -> Turn {
    let mut world = world();
    if !world.seeded {
        local::seed(&world.rehearsal, &world.suite).unwrap();
        world.seeded = true;
    }
    world
}

fn job(name: &str) -> Job {
    let path = rehearsal::workspace::root().join(format!("events/{name}.json"));
    let event = serde_json::from_str(&fs::read_to_string(path).unwrap()).unwrap();
    Job::parse(&event).unwrap_or_else(|rejected| panic!("{name}: {}", rejected.failure.message))
}

fn text(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).into_owned()
}
