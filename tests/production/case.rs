//! A service in the production account, releases for it, and what production says of them.

use std::thread;
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use rehearsal::suite;
use rehearsal::world::create_execution_role;
use serde_json::{Value, json};
use shared::ledger::{self, Entry};
use shared::release::outcome::{self, Kind, Outcome};

use crate::fixture::{Case, PATIENCE, World, succeeded};
use crate::releases::case::Tested;

/// The bucket of production's state.
pub(super) fn state_bucket(world: &World) -> String {
    let outputs = rehearsal::deploy::outputs(&world.suite.production, "redbutton-production");
    outputs.unwrap()["ProductionStateBucketName"].clone()
}

/// A service that is tested and released, in both accounts.
pub(super) struct Line {
    /// In the account of the tests.
    test: Case,
    /// In production.
    pub(super) live: Case,
    pub(super) name: String,
}

impl Line {
    /// What the ledger calls it.
    pub(super) fn target(&self) -> String {
        format!("service/{}/test/{}", suite::TARGET_REGION, self.name)
    }
}

/// What is told of a release.
pub(super) struct Told {
    pub(super) attempt: u32,
    pub(super) result: Kind,
    pub(super) outcome: Outcome,
}

impl World {
    /// The same service in both accounts, running v1, with v2 in both registries.
    pub(super) fn line(&self, name: &str) -> Line {
        let role = suite::EXECUTION_ROLE.rsplit('/').next().unwrap();
        let execution = create_execution_role(&self.suite.production, role).unwrap();
        Line {
            test: self.case(name),
            live: self.case_in(&self.suite.production, name, |spec| {
                spec.task_definition
                    .insert("executionRoleArn".to_owned(), execution.into());
            }),
            name: name.to_owned(),
        }
    }

    /// Rolls v2 out to test and approves it; not delivered yet.
    pub(super) fn tested_line(&self, line: &Line) -> Tested {
        let tested = self.tested_unapproved(line);
        self.approved(&tested.execution);
        tested
    }

    pub(super) fn tested_unapproved(&self, line: &Line) -> Tested {
        let production = json!({
            "targets": [{"service": line.name, "cluster": "test"}],
            "region": suite::TARGET_REGION,
            "repositories": {line.test.repository.clone(): line.live.repository},
        });
        let production = production.to_string().into_bytes();
        self.tested_case(&line.test, &[("production.json", &production)])
    }

    /// Delivers what was tested; nobody takes it up by itself.
    pub(super) fn delivered(&self, tested: &Tested) {
        succeeded(&self.run(self.release_job(tested, &json!({}))));
    }

    /// Has the gate look, and answers what it says.
    pub(super) fn gate(&self, event: &Value) -> Value {
        let answer = self.suite.production.invoke(suite::GATE, event).unwrap();
        assert!(!answer.failed, "{}", answer.payload);
        answer.payload
    }

    /// As an event of EventBridge tells that a release arrived.
    pub(super) fn arrives(&self, tested: &Tested) -> Value {
        self.gate(&self.arrival(tested))
    }

    /// As [`World::arrives`], by an invocation that may fail; whether it did not.
    pub(super) fn tries(&self, tested: &Tested) -> bool {
        let answer = self
            .suite
            .production
            .invoke(suite::GATE, &self.arrival(tested));
        answer.is_ok_and(|answer| !answer.failed)
    }

    fn arrival(&self, tested: &Tested) -> Value {
        let key = tested.key("release.dsse.json");
        let head = self
            .suite
            .production
            .head_object(suite::RELEASES_BUCKET, &key);
        let version = head.unwrap()["x-amz-version-id"]
            .to_str()
            .unwrap()
            .to_owned();
        json!({
            "source": "aws.s3", "detail-type": "Object Created",
            "detail": {"bucket": {"name": suite::RELEASES_BUCKET},
                       "object": {"key": key, "version-id": version, "sequencer": "0A"}},
        })
    }

    /// What is known of a release, once this holds of it.
    pub(super) fn told(&self, tested: &Tested, wanted: impl Fn(u32, Kind) -> bool) -> Told {
        self.told_of(&tested.release(), wanted)
    }

    pub(super) fn told_of(&self, release: &str, wanted: impl Fn(u32, Kind) -> bool) -> Told {
        let until = Instant::now() + PATIENCE;
        loop {
            let keys = self.released(&outcome::folder(release));
            let newest = outcome::newest(release, keys.iter().map(String::as_str));
            if let Some((attempt, result, key)) = newest
                && wanted(attempt, result)
            {
                let outcome = Outcome::parse(&self.release_object(key), release).unwrap();
                return Told {
                    attempt,
                    result,
                    outcome,
                };
            }
            if Instant::now() > until {
                let log = self.rehearsal.log().unwrap_or_default();
                let last: Vec<&str> = log.lines().rev().take(80).collect();
                panic!(
                    "nothing of {release} for long: {newest:?}\n{:#?}\n{}",
                    self.executions(),
                    last.join("\n")
                );
            }
            // Between two looks at the condition.
            thread::sleep(Duration::from_millis(200));
        }
    }

    /// How an attempt ended.
    pub(super) fn ended(&self, tested: &Tested, attempt: u32) -> Told {
        self.told(tested, |newest, result| {
            newest >= attempt && result != Kind::Started
        })
    }

    /// The executions of the state machine: name, status.
    pub(super) fn executions(&self) -> Vec<(String, String)> {
        let listed = self.states(
            "ListExecutions",
            json!({"stateMachineArn": suite::STATE_MACHINE}),
        );
        let each = listed["executions"].as_array().unwrap().iter();
        let text = |one: &Value, key: &str| one[key].as_str().unwrap().to_owned();
        each.map(|one| (text(one, "name"), text(one, "status")))
            .collect()
    }

    /// An operation of Step Functions in the production account.
    pub(super) fn states(&self, operation: &str, body: Value) -> Value {
        let target = format!("AWSStepFunctions.{operation}");
        self.suite.production.json("states", &target, body).unwrap()
    }

    /// Starts an execution as a person would, and answers its ARN.
    pub(super) fn asks(&self, input: &Value) -> String {
        let body = json!({"stateMachineArn": suite::STATE_MACHINE, "input": input.to_string()});
        let started = self.states("StartExecution", body);
        started["executionArn"].as_str().unwrap().to_owned()
    }

    /// Waits until an execution ended, and answers how and with what its last step said.
    pub(super) fn end_of_execution(&self, arn: &str) -> String {
        let until = Instant::now() + PATIENCE;
        loop {
            let found = self.states("DescribeExecution", json!({"executionArn": arn}));
            let status = found["status"].as_str().unwrap().to_owned();
            if status != "RUNNING" {
                return status;
            }
            assert!(Instant::now() < until, "{arn} does not end");
            // Between two looks at the condition.
            thread::sleep(Duration::from_millis(200));
        }
    }

    /// The ledger of a line, whole.
    pub(super) fn ledger(&self, line: &Line) -> Vec<Entry> {
        let target = line.target();
        let keys = self.released(&ledger::folder(&target));
        let entries: Vec<(u64, Vec<u8>)> = keys
            .iter()
            .map(|key| (ledger::read_key(key).unwrap().1, self.release_object(key)))
            .collect();
        let head = entries.iter().max_by_key(|(number, _)| *number);
        let head = head.map(|(_, bytes)| ledger::hash(bytes));
        ledger::chain(&target, &entries, head.as_deref()).unwrap()
    }

    /// What a service of the production account serves now.
    pub(super) fn serves(&self, line: &Line) -> String {
        line.live.service.primary_task_definition().unwrap()
    }

    /// Waits for something.
    pub(super) fn until(&self, wanted: impl Fn() -> bool) {
        let until = Instant::now() + PATIENCE;
        while !wanted() {
            assert!(Instant::now() < until, "it does not come");
            // Between two looks at the condition.
            thread::sleep(Duration::from_millis(100));
        }
    }

    /// Waits for the next whole second: S3 dates objects no finer.
    pub(super) fn next_second(&self) {
        let second = || {
            SystemTime::now()
                .duration_since(UNIX_EPOCH)
                .unwrap()
                .as_secs()
        };
        let now = second();
        self.until(|| second() > now);
    }

    /// How long the deployer takes an ended execution for alive, in seconds.
    pub(super) fn outlives(&self, seconds: u32) {
        let production = &self.suite.production;
        let path = format!("/2015-03-31/functions/{}/configuration", suite::DEPLOYER);
        let send = |method, body: String| {
            let headers = [("content-type", "application/json")];
            let answer = production.request("lambda", method, &path, &headers, body.into());
            serde_json::from_slice::<Value>(&answer.unwrap().body).unwrap()
        };
        let known = send(http::Method::GET, String::new());
        let mut environment = known["Environment"].clone();
        environment["Variables"]["OUTLIVES_SECONDS"] = seconds.to_string().into();
        let body = json!({"Environment": {"Variables": environment["Variables"]}});
        send(http::Method::PUT, body.to_string());
    }

    /// Puts an object into the bucket of state, as a person does.
    pub(super) fn freezes(&self, freeze: &Value) {
        let body = freeze.to_string().into_bytes();
        let production = &self.suite.production;
        production
            .put_object(&state_bucket(self), "freeze.json", &[], body)
            .unwrap();
    }

    /// Takes it away again.
    pub(super) fn thaws(&self) {
        let path = format!("/{}/freeze.json", state_bucket(self));
        let production = &self.suite.production;
        production
            .request("s3", http::Method::DELETE, &path, &[], Vec::new().into())
            .unwrap();
    }

    /// Nothing is locked, queued or open any more, as soon as the execution whose outcome is there has
    /// come to its own end.
    pub(super) fn nothing_is_held(&self) {
        let bucket = state_bucket(self);
        let until = Instant::now() + PATIENCE;
        loop {
            let listed = |folder| self.suite.production.list_objects(&bucket, folder).unwrap();
            let left = ["locks/", "queue/", "open/"].map(listed).concat();
            if left.is_empty() {
                return;
            }
            assert!(Instant::now() < until, "still held: {left:?}");
            // Between two looks at the condition.
            thread::sleep(Duration::from_millis(100));
        }
    }

    /// What was announced of a release: `detail` of each event.
    pub(super) fn announced(&self, release: &str) -> Vec<Value> {
        let calls = self.rehearsal.proxy().calls();
        let puts = calls.iter().filter(|call| call.operation == "PutEvents");
        let details = puts.map(|call| {
            let request = call.request_json();
            let detail = request["Entries"][0]["Detail"].as_str().unwrap().to_owned();
            serde_json::from_str::<Value>(&detail).unwrap()
        });
        details
            .filter(|detail| detail["release"] == release)
            .collect()
    }
}
