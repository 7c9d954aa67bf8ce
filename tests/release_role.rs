//! What brings releases to production may do there, and at home: add them, tell what came of them,
//! sign, and nothing else.
//!
//! Two witnesses: the emulator, where it enforces what is tried; and what the policies say as they are
//! deployed, the roles', the bucket's and the keys' together. `bucket/tried.rs` has the table of what has
//! which witness.

mod bucket;
mod calls;
mod deployed;
mod emulator;
mod keys;

use std::collections::BTreeSet;

use rehearsal::deploy::outputs;
use rehearsal::{Account, AwsError, local, suite, world};

use crate::fixture::{self, World};
use crate::policy::Caller;
use crate::templates;
use calls::{Call, calls};
use deployed::{Deployed, caller};

/// The one function that may assume the role.
const FUNCTION: &str = "artifact-copier";
/// Its own role.
const OWN_ROLE: &str = "arn:aws:iam::111111111111:role/redbutton-artifact-copier";

/// A session of the function's role, in the tooling account.
fn copier(world: &World) -> Account {
    let credentials = local::function_credentials(&world.rehearsal, FUNCTION).unwrap();
    world.rehearsal.tooling().acting_as(credentials)
}

/// A session of the release role, in the production account, as the function gets it.
fn release(world: &World) -> Account {
    let external_id = Some(suite::RELEASE_EXTERNAL_ID);
    let session = copier(world).assume_role(suite::RELEASE_ROLE, "redbutton-1", external_id, None);
    world.suite.production.acting_as(session.unwrap())
}

/// Both roles, by their names in the template, as they are deployed.
fn roles(world: &World) -> [(&'static str, Caller); 2] {
    let (home, there) = (world.rehearsal.tooling(), &world.suite.production);
    [
        ("ArtifactCopierRole", caller(&home, OWN_ROLE)),
        ("ReleaseRole", caller(there, suite::RELEASE_ROLE)),
    ]
}

/// The session of a role that may do everything.
fn administrator(account: &Account, name: &str) -> Account {
    world::administrator(account, name).unwrap()
}

/// Of all actions that AWS has, in all its services, the policies name these, and no pattern among
/// them means more than it says.
// rules: 3.7.5
#[test]
fn of_all_actions_of_aws_only_those_of_the_calls_are_allowed() {
    let world = fixture::world();
    let deployed = Deployed::new(&world);
    let all = templates::actions_of_aws();
    for ((role, caller), calls) in roles(&world).iter().zip(calls(&deployed)) {
        let listed: BTreeSet<String> = calls.iter().map(|call| call.action.to_owned()).collect();
        assert_eq!(
            templates::granted(&templates::SUITE, role),
            listed,
            "{role}"
        );
        let named: BTreeSet<String> = all
            .iter()
            .filter(|action| caller.policies().name(action))
            .cloned()
            .collect();
        let listed: BTreeSet<String> = listed.iter().map(|one| one.to_lowercase()).collect();
        assert_eq!(named, listed, "{role}");
    }
}

/// True-when: each action alone is needed, and none is missing.
// rules: 3.7.5
#[test]
fn every_call_is_let_pass_and_without_any_one_action_some_call_is_not() {
    let world = fixture::world();
    let deployed = Deployed::new(&world);
    for ((role, caller), calls) in roles(&world).iter().zip(calls(&deployed)) {
        for call in &calls {
            let Call { action, why, .. } = call;
            assert!(deployed.let_pass(caller, call), "{role}: {action}: {why}");
        }
        for action in templates::granted(&templates::SUITE, role) {
            let left = caller.with(caller.policies().without(&action));
            let refused = calls.iter().filter(|call| !deployed.let_pass(&left, call));
            let refused: BTreeSet<&str> = refused.map(|call| call.action).collect();
            // All calls but its own still pass, so nothing else was taken out with it.
            assert_eq!(refused, BTreeSet::from([action.as_str()]), "{role}");
        }
    }
}

/// CONTRACTS 3.10.1: the function's role with the external id, and nobody else of either account.
// rules: 3.10.1
#[test]
fn only_the_function_gets_in_and_only_with_the_external_id() {
    let world = fixture::world();
    let (tooling, production) = (world.rehearsal.tooling(), world.suite.production.clone());
    let copier = copier(&world);
    let others = ["production-preview", "task-definition-updater"];
    let [preview, updater] = others.map(|name| {
        tooling.acting_as(local::function_credentials(&world.rehearsal, name).unwrap())
    });
    let right = Some(suite::RELEASE_EXTERNAL_ID);
    let mine = "redbutton-artifact-copier-2";
    for (who, caller, external_id, enters) in [
        ("the function", &copier, right, true),
        ("without the external id", &copier, None, false),
        (
            "with the previews'",
            &copier,
            Some(suite::PREVIEW_EXTERNAL_ID),
            false,
        ),
        ("the preview", &preview, right, false),
        ("the updater", &updater, right, false),
        ("the tooling account's root", &tooling, right, false),
        (
            "its administrator",
            &administrator(&tooling, mine),
            right,
            false,
        ),
        ("the account's own root", &production, right, false),
        (
            "its own administrator",
            &administrator(&production, "redbutton-artifact-copier"),
            right,
            false,
        ),
    ] {
        let session = caller.assume_role(suite::RELEASE_ROLE, "redbutton-1", external_id, None);
        assert_eq!(session.is_ok(), enters, "{who}");
        if let Err(error) = session {
            assert_eq!(code(&error), "AccessDenied", "{who}");
        }
    }
    // And the function into nothing else, whatever external id it has; nor any further from there.
    let release = release(&world);
    for role in [
        suite::TARGET_ROLE,
        suite::PREVIEW_ROLE,
        suite::TEST_PREVIEW_ROLE,
        suite::RELEASE_ROLE,
    ] {
        for external_id in [
            suite::EXTERNAL_ID,
            suite::PREVIEW_EXTERNAL_ID,
            suite::RELEASE_EXTERNAL_ID,
        ] {
            for (who, caller) in [("the function", &copier), ("its session", &release)] {
                let allowed = who == "the function"
                    && role == suite::RELEASE_ROLE
                    && external_id == suite::RELEASE_EXTERNAL_ID;
                let session = caller.assume_role(role, "redbutton-1", Some(external_id), None);
                assert_eq!(session.is_ok(), allowed, "{who} into {role}");
            }
        }
    }
}

/// What the role may not do beside its calls: elsewhere in the bucket, in other buckets. And neither of
/// the two roles reads an artifact, which is for the credentials of the job.
// rules: 3.7.4 3.7.5
#[test]
fn the_role_reads_and_lists_what_is_its_own() {
    let world = fixture::world();
    let (production, release) = (&world.suite.production, release(&world));
    let bucket = suite::RELEASES_BUCKET;
    for prefix in ["releases", "ledger", "outcomes"] {
        let key = format!("{prefix}/reads/1");
        // As the account's root, whom the emulator stops nowhere.
        production.put_object(bucket, &key, &[], "{}").unwrap();
        let may = prefix != "ledger";
        assert_eq!(release.get_object(bucket, &key).is_ok(), may, "{key}");
        let below = format!("{prefix}/reads/");
        assert_eq!(release.list_objects(bucket, &below).is_ok(), may, "{below}");
    }
    assert!(release.list_objects(bucket, "").is_err(), "all keys");
    let versions = format!("/{bucket}?versions&prefix=releases%2F");
    let get = http::Method::GET;
    let listed = release.request("s3", get, &versions, &[], Vec::new().into());
    assert_eq!(code(&listed.unwrap_err()), "AccessDenied");

    let store = &world.suite.store;
    let artifact = store.put_artifact("Build", &[("a", b"b")]).unwrap();
    for session in [&release, &copier(&world)] {
        let at_home = world.rehearsal.tooling();
        let session = at_home.acting_as(session.credentials().clone());
        let read = session.get_object(&artifact.bucket, &artifact.key);
        assert_eq!(code(&read.unwrap_err()), "AccessDenied");
    }

    let state = &outputs(production, "redbutton-production").unwrap()["ProductionStateBucketName"];
    production.put_object(state, "locks/1", &[], "{}").unwrap();
    for denied in [
        release.get_object(state, "locks/1").map(drop),
        release.put_object(state, "locks/1", &[], "{}").map(drop),
        release.put_object(state, "releases/1", &[], "{}").map(drop),
        release.list_objects(state, "releases/").map(drop),
    ] {
        assert_eq!(code(&denied.unwrap_err()), "AccessDenied");
    }
}

/// The code by which AWS refused.
fn code(error: &anyhow::Error) -> String {
    let error = error.downcast_ref::<AwsError>();
    let code = &error.expect("AWS refused it").code;
    code.replace("AccessDeniedException", "AccessDenied")
}
