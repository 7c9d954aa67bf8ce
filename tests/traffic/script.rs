//! A service deployment as AWS tells of it, played before the emulator, which has none: a list of
//! what each look finds. Calls are made, signed and allowed for real; only what they bring is
//! played, in the shapes of the API reference (CONTRACTS 3.5.13).

use std::sync::Arc;

use rehearsal::proxy::{Call, Fault, Proxy, What, When};
use serde_json::{Value, json};

use crate::fixture::{Case, World};

/// How many tasks the services of these cases have.
pub(super) const TASKS: u32 = 2;

/// The last part of our service deployment's ARN.
pub(super) const OURS: &str = "ejGvqq2ilnbKT9qj0vLJe";

/// ... and of the one that an update on the way back begins.
const WAY_BACK: &str = "Kc7vJmQwYt3nRz9PaLx2d";

/// When the newest of them was made, seconds since the epoch as ECS writes them.
const CREATED: f64 = 1_900_000_000.25;

/// What AWS says, look by look.
pub(super) struct Script {
    /// What the service's `deploymentConfiguration` has besides the usual.
    pub(super) configuration: Value,
    /// One a look, from our update on; the last one stays.
    pub(super) forward: Vec<Moment>,
    /// One a look, from when redbutton asks for the way back; the last one stays.
    pub(super) back: Vec<Moment>,
}

/// The service deployment that a look finds.
#[derive(Clone)]
pub(super) struct Moment {
    pub(super) status: &'static str,
    pub(super) stage: &'static str,
    /// Tasks of the target revision, of [`TASKS`].
    pub(super) running: u32,
    /// Percent of the production traffic; ECS may leave it out.
    pub(super) traffic: Option<f64>,
    /// `deployments[]` of the service.
    pub(super) shows: Shows,
    /// Whether `ListServiceDeployments` has it.
    pub(super) listed: bool,
    /// `statusReason`.
    pub(super) reason: &'static str,
    /// `rollback.reason`.
    pub(super) rollback: &'static str,
    /// The circuit breaker's count, of three.
    pub(super) failures: u32,
    /// Alarms that went off.
    pub(super) alarms: &'static [&'static str],
    /// `lifecycleHookDetails`.
    pub(super) hooks: Vec<Value>,
}

/// `deployments[]`, PRIMARY first.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Shows {
    /// Ours beside the old one.
    Both,
    /// Ours alone.
    New,
    /// The old one beside ours.
    Returning,
    /// The old one alone.
    Old,
}

/// Under way.
pub(super) fn at(stage: &'static str, running: u32, traffic: Option<f64>) -> Moment {
    Moment {
        status: "IN_PROGRESS",
        stage,
        running,
        traffic,
        shows: Shows::Both,
        listed: true,
        reason: "",
        rollback: "",
        failures: 0,
        alarms: &[],
        hooks: Vec::new(),
    }
}

/// In another status.
pub(super) fn is(status: &'static str, shows: Shows) -> Moment {
    let running = if shows == Shows::Old { 0 } else { TASKS };
    Moment {
        status,
        shows,
        ..at("CLEAN_UP", running, None)
    }
}

/// The success that ends most scripts.
pub(super) fn successful() -> Moment {
    Moment {
        traffic: Some(100.0),
        ..is("SUCCESSFUL", Shows::New)
    }
}

impl Script {
    /// As [`Script`], with nothing on the way back.
    pub(super) fn forward(configuration: Value, forward: Vec<Moment>) -> Self {
        Self {
            configuration,
            forward,
            back: Vec::new(),
        }
    }

    /// Plays it for a case's service from now on.
    pub(super) fn play(self, world: &World, case: &Case) {
        let proxy = world.rehearsal.proxy();
        let was = case.service.first_task_definition.clone();
        let (family, _) = was.rsplit_once(':').unwrap();
        let stage = Arc::new(Stage {
            script: self,
            calls: proxy.clone(),
            service: case.service.name.clone(),
            ours: format!("{family}:2"),
            was,
        });
        let answers: [(&str, Answer); 4] = [
            ("DescribeServices", Stage::describe_services),
            ("ListServiceDeployments", |stage, _, answer| {
                *answer = stage.list();
            }),
            ("DescribeServiceRevisions", |stage, call, answer| {
                *answer = stage.revisions(call);
            }),
            ("DescribeServiceDeployments", |stage, call, answer| {
                *answer = stage.describe(call);
            }),
        ];
        for (operation, rewrite) in answers {
            let stage = Arc::clone(&stage);
            let what = What::rewrite_json(move |call, answer| rewrite(&stage, call, answer));
            let when = When::next("ecs", operation);
            proxy.inject_for_good(Fault { when, what });
        }
        // The emulator does not know the operation at all.
        let stopping = json!({"serviceDeploymentArn": stage.arn("service-deployment", OURS)});
        proxy.inject_for_good(Fault {
            when: When::next("ecs", "StopServiceDeployment"),
            what: What::json(200, &stopping),
        });
    }
}

/// A script that is played for a service.
struct Stage {
    script: Script,
    calls: Proxy,
    service: String,
    was: String,
    ours: String,
}

/// Changes what the emulator answers to a call into what AWS does.
type Answer = fn(&Stage, &Call, &mut Value);

/// Where a script is, which the calls so far say.
#[derive(Clone, Copy)]
enum Act {
    Before,
    Forward(usize),
    /// ECS was asked to take ours back.
    Stopping(usize),
    /// The old version was deployed again.
    Returning(usize),
}

impl Stage {
    fn act(&self) -> Act {
        let calls = self.calls.calls();
        // An update without an answer is repeated, and begins nothing more.
        let update = |call: &Call, definition: &str| {
            call.operation == "UpdateService" && call.request_json()["taskDefinition"] == definition
        };
        let looks_since = |first: &dyn Fn(&Call) -> bool| {
            let since = calls.iter().position(first)?;
            let looks = calls.iter().skip(since);
            let looks = looks.filter(|call| call.operation == "DescribeServices");
            Some(looks.count().saturating_sub(1))
        };
        looks_since(&|call| update(call, &self.was))
            .map(Act::Returning)
            .or_else(|| {
                let stops = |call: &Call| call.operation == "StopServiceDeployment";
                looks_since(&stops).map(Act::Stopping)
            })
            .or_else(|| looks_since(&|call| update(call, &self.ours)).map(Act::Forward))
            .unwrap_or(Act::Before)
    }

    /// What the service is at.
    fn moment(&self) -> Option<&Moment> {
        let of = |moments: &[Moment], n: usize| n.min(moments.len().saturating_sub(1));
        let Script { forward, back, .. } = &self.script;
        match self.act() {
            Act::Before => None,
            Act::Forward(n) => forward.get(of(forward, n)),
            Act::Stopping(n) | Act::Returning(n) => back.get(of(back, n)),
        }
    }

    /// What our service deployment is at: an update on the way back leaves it as it ended.
    fn moment_of_ours(&self) -> Option<&Moment> {
        match self.act() {
            Act::Returning(_) => self.script.forward.last(),
            _ => self.moment(),
        }
    }

    fn describe_services(&self, _: &Call, answer: &mut Value) {
        let service = &mut answer["services"][0];
        for (key, value) in self.script.configuration.as_object().unwrap() {
            service["deploymentConfiguration"][key] = value.clone();
        }
        let Some(moment) = self.moment() else {
            return;
        };
        let ours = |status| deployment(&self.ours, status, moment.running);
        let old = |status| deployment(&self.was, status, TASKS);
        service["deployments"] = match moment.shows {
            Shows::Both => json!([ours("PRIMARY"), old("ACTIVE")]),
            Shows::New => json!([ours("PRIMARY")]),
            Shows::Returning => json!([old("PRIMARY"), ours("ACTIVE")]),
            Shows::Old => json!([old("PRIMARY")]),
        };
    }

    /// Older ones of the old version, and below them ours: no order is promised.
    fn list(&self) -> Value {
        let brief = |id: &str, revision: &str, age: f64, status: &str, reason: &str| {
            json!({
                "serviceDeploymentArn": self.arn("service-deployment", id),
                "serviceArn": self.service_arn(), "clusterArn": self.cluster_arn(),
                "createdAt": CREATED - age, "startedAt": CREATED - age,
                "targetServiceRevisionArn": self.arn("service-revision", revision),
                "status": status, "statusReason": reason,
            })
        };
        let mut listed = vec![
            brief("t3RgoZFbNh0yXqkWcVE8s", "old", 9_000.0, "STOPPED", ""),
            brief("bmP5wHdSjQ7LuAzNf1K0r", "old", 8_000.0, "SUCCESSFUL", ""),
        ];
        if let Some(ours) = self.moment_of_ours().filter(|ours| ours.listed) {
            listed.push(brief(OURS, "new", 10.0, ours.status, ours.reason));
        }
        if let (Act::Returning(_), Some(moment)) = (self.act(), self.moment()) {
            listed.push(brief(WAY_BACK, "old", 0.0, moment.status, moment.reason));
        }
        json!({ "serviceDeployments": listed })
    }

    /// The revisions that are asked for.
    fn revisions(&self, call: &Call) -> Value {
        let asked = call.request_json();
        let asked = asked["serviceRevisionArns"].as_array().unwrap();
        let each = asked.iter().map(|arn| {
            let new = arn.as_str().unwrap().ends_with("/new");
            json!({
                "serviceRevisionArn": arn,
                "serviceArn": self.service_arn(), "clusterArn": self.cluster_arn(),
                "taskDefinition": if new { &self.ours } else { &self.was },
                "createdAt": CREATED, "launchType": "FARGATE",
            })
        });
        json!({"serviceRevisions": each.collect::<Vec<_>>(), "failures": []})
    }

    /// The service deployment that is asked for; ECS knows ours.
    fn describe(&self, call: &Call) -> Value {
        let arn = &call.request_json()["serviceDeploymentArns"][0];
        let ours = self.arn("service-deployment", OURS);
        let known = self.moment_of_ours().filter(|_| *arn == ours.as_str());
        let Some(moment) = known else {
            let failure = json!({"arn": arn, "reason": "MISSING"});
            return json!({"serviceDeployments": [], "failures": [failure]});
        };
        let monitor = |hit: bool| if hit { "TRIGGERED" } else { "MONITORING" };
        let mut described = json!({
            "serviceDeploymentArn": arn,
            "serviceArn": self.service_arn(), "clusterArn": self.cluster_arn(),
            "createdAt": CREATED, "startedAt": CREATED, "updatedAt": CREATED,
            "sourceServiceRevisions": [{
                "arn": self.arn("service-revision", "old"),
                "requestedTaskCount": TASKS, "runningTaskCount": TASKS, "pendingTaskCount": 0,
            }],
            "targetServiceRevision": {
                "arn": self.arn("service-revision", "new"),
                "requestedTaskCount": TASKS, "runningTaskCount": moment.running,
                "pendingTaskCount": TASKS - moment.running,
            },
            "status": moment.status,
            "lifecycleStage": moment.stage,
            "lifecycleHookDetails": moment.hooks,
            "deploymentConfiguration": self.script.configuration,
            "deploymentCircuitBreaker": {
                "status": monitor(moment.failures >= 3), "failureCount": moment.failures, "threshold": 3,
            },
            "alarms": {
                "status": monitor(!moment.alarms.is_empty()),
                "alarmNames": ["web-errors", "web-latency"], "triggeredAlarmNames": moment.alarms,
            },
        });
        if let Some(traffic) = moment.traffic {
            described["targetServiceRevision"]["requestedProductionTrafficWeight"] = json!(traffic);
            described["sourceServiceRevisions"][0]["requestedProductionTrafficWeight"] =
                json!(100.0 - traffic);
        }
        if !moment.reason.is_empty() {
            described["statusReason"] = json!(moment.reason);
        }
        if !moment.rollback.is_empty() {
            described["rollback"] = json!({
                "reason": moment.rollback, "startedAt": CREATED,
                "serviceRevisionArn": self.arn("service-revision", "old"),
            });
        }
        json!({"serviceDeployments": [described], "failures": []})
    }

    fn start(&self) -> &str {
        self.was.split(":task-definition/").next().unwrap()
    }

    fn arn(&self, kind: &str, id: &str) -> String {
        format!("{}:{kind}/test/{}/{id}", self.start(), self.service)
    }

    fn service_arn(&self) -> String {
        format!("{}:service/test/{}", self.start(), self.service)
    }

    fn cluster_arn(&self) -> String {
        format!("{}:cluster/test", self.start())
    }
}

/// ECS calls no `rolloutState` for these strategies (CONTRACTS 3.5.12).
fn deployment(definition: &str, status: &str, running: u32) -> Value {
    json!({
        "id": format!("ecs-svc/{status}"), "status": status, "taskDefinition": definition,
        "desiredCount": TASKS, "runningCount": running, "pendingCount": TASKS - running,
        "failedTasks": 0, "createdAt": CREATED, "updatedAt": CREATED,
    })
}
