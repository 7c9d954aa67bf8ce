//! Who writes in the bucket for releases, and that nobody changes what is there.

mod tried;
mod who;

use http::Method;
use rehearsal::{Account, suite};

use super::deployed::Deployed;
use super::{administrator, code};
use crate::fixture::{self, World};
use crate::policy::{Caller, ResourcePolicy};
use tried::{COMPLETE, Emulator, OBJECTS, PREFIXES, Request, SETTINGS, SOURCE, Try};
use who::{EVERYBODY, Who};

/// True-when: nothing but the copier's role can write under releases/, and nobody can overwrite or
/// delete; outcomes are production's. By the policies.
// rules: 3.7.6 3.7.16
#[test]
fn only_its_writers_write_under_a_prefix_and_nobody_changes_what_is_there() {
    let world = fixture::world();
    let deployed = Deployed::new(&world);
    let wrong = wrong(&deployed.bucket, &callers(&world));
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

/// ... and on the emulator, as far as it enforces that.
// rules: 3.7.16
#[test]
fn the_emulator_says_the_same_where_it_enforces_it() {
    let world = fixture::world();
    let production = &world.suite.production;
    let (bucket, key) = SOURCE.split_once('/').unwrap();
    production.put_object(bucket, key, &[], "source").unwrap();
    let mut lacking = Vec::new();
    // It stops the account's root nowhere, and would do it all.
    for who in EVERYBODY.into_iter().filter(|who| *who != Who::Root) {
        let session = who.session(&world);
        for (prefix, key, one) in tries(who) {
            let (request, expected) = match &one.emulator {
                Emulator::Enforces(request) => (request, one.may.be_done(who, prefix)),
                Emulator::Half(request, why) => {
                    lacking.push(format!("{}: {why}", one.what));
                    (request, who.writes(prefix))
                }
                Emulator::Lacks(why) => {
                    lacking.push(format!("{}: {why}", one.what));
                    continue;
                }
            };
            let found = passes(&session, &key, request);
            assert_eq!(found, expected, "{who:?}: {}: {key}", one.what);
        }
        who.give_back(&world);
    }
    lacking.sort_unstable();
    lacking.dedup();
    eprintln!(
        "witnessed by the policies alone: all of the account's root; {}",
        lacking.join("; ")
    );
}

/// No denial of the bucket's policy is there for nothing: without any one something could be done that
/// may not.
// rules: 3.7.16
#[test]
fn every_denial_is_needed() {
    let world = fixture::world();
    let deployed = Deployed::new(&world);
    let callers = callers(&world);
    let weaker = deployed.bucket.without_each();
    assert!(weaker.len() >= 12, "{} actions", weaker.len());
    for (without, policy) in weaker {
        assert!(!wrong(&policy, &callers).is_empty(), "without {without}");
    }
}

fn callers(world: &World) -> Vec<(Who, Caller)> {
    let of = |who: Who| (who, who.caller(world));
    EVERYBODY.into_iter().map(of).collect()
}

/// What a policy, with those of the callers, says otherwise than the table.
fn wrong(policy: &ResourcePolicy, callers: &[(Who, Caller)]) -> Vec<String> {
    let mut wrong = Vec::new();
    for (who, caller) in callers {
        for (prefix, key, one) in tries(*who) {
            let place = [suite::RELEASES_BUCKET, key.as_str()];
            let resource = format!("arn:aws:s3:::{}", place.join("/").trim_end_matches('/'));
            let mut context = one.context.to_vec();
            if context.iter().all(|(key, _)| *key != "aws:SecureTransport") {
                context.push(("aws:SecureTransport", "true"));
            }
            let may = one.may.be_done(*who, prefix);
            if policy.let_pass(caller, one.action, &resource, &context) != may {
                wrong.push(format!("{who:?}: {}: {key}: not {may}", one.what));
            }
        }
    }
    wrong
}

/// All that somebody tries, with the prefix and the key: none of the bucket itself.
fn tries(who: Who) -> impl Iterator<Item = (&'static str, String, &'static Try)> {
    let objects = PREFIXES.into_iter().flat_map(move |prefix| {
        let key = format!("{prefix}/tried/{who:?}");
        OBJECTS.iter().map(move |one| (prefix, key.clone(), one))
    });
    let settings = SETTINGS.iter().map(|one| ("", String::new(), one));
    objects.chain(settings)
}

/// Whether the emulator's IAM lets a request pass, whatever S3 says to it afterwards.
#[track_caller]
fn passes(session: &Account, key: &str, (method, query, header, body): &Request) -> bool {
    let path = format!("/{}/{key}", suite::RELEASES_BUCKET);
    let path = format!("{}{query}", path.trim_end_matches('/'));
    let headers: Vec<(&str, &str)> = header.iter().copied().collect();
    match session.request("s3", method.clone(), &path, &headers, (*body).into()) {
        Ok(_) => true,
        Err(error) => match code(&error).as_str() {
            "AccessDenied" => false,
            "NoSuchUpload" | "PreconditionFailed" => true,
            other => panic!("{method} {path}: {other}: {error:#}"),
        },
    }
}

/// Even the copier's role: what is there stays, byte by byte, and says so.
// rules: 3.7.6 3.7.16
#[test]
fn what_is_there_stays() {
    let world = fixture::world();
    let (release, bucket) = (super::release(&world), suite::RELEASES_BUCKET);
    let once: &[(&str, &str)] = &[("if-none-match", "*")];
    for key in ["releases/stays/1", "releases/stays/by parts"] {
        let version = release.put_object(bucket, key, once, "first").unwrap();
        let again = release.put_object(bucket, key, once, "second");
        assert_eq!(code(&again.unwrap_err()), "PreconditionFailed");

        let path = format!("/{bucket}/{}", key.replace(' ', "%20"));
        let parts = |method: Method, query: &str, headers: &[(&str, &str)], body: String| {
            release.request(
                "s3",
                method,
                &format!("{path}?{query}"),
                headers,
                body.into(),
            )
        };
        let begun = parts(Method::POST, "uploads", &[], String::new()).unwrap();
        let begun = String::from_utf8_lossy(&begun.body).into_owned();
        let upload = rehearsal::xml_text(&begun, "UploadId").unwrap();
        let query = format!("partNumber=1&uploadId={upload}");
        let sent = parts(Method::PUT, &query, &[], "third".to_owned()).unwrap();
        let etag = sent.headers["etag"].to_str().unwrap();
        let complete = COMPLETE.replace('0', etag);
        let query = format!("uploadId={upload}");
        let completed = parts(Method::POST, &query, once, complete);
        assert_eq!(code(&completed.unwrap_err()), "PreconditionFailed");
        parts(Method::DELETE, &query, &[], String::new()).unwrap();

        let found = release.object(bucket, key).unwrap();
        assert_eq!(&found.body[..], b"first");
        assert_eq!(found.headers["x-amz-version-id"], version.as_str());
    }
    // Not by a role of its right name in another account, either.
    let elsewhere = administrator(&world.rehearsal.tooling(), "redbutton-release");
    let put = elsewhere.put_object(bucket, "releases/stays/2", once, "x");
    assert_eq!(code(&put.unwrap_err()), "AccessDenied");
}
