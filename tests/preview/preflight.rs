//! What a preview finds around the targets in their account: what is there, and who may use it. Each
//! case changes one thing of a release that nothing speaks against.

mod questions;

use rehearsal::codepipeline::{JobSpec, Outcome};
use rehearsal::suite;
use serde_json::{Value, json};

use super::job::refused;
use super::told;
use crate::fixture::{Case, World, world};

const ACCOUNT: &str = "arn:aws:iam::333333333333:role";

/// A release with everything that it needs.
struct Release {
    case: Case,
    /// The ARN of a secret that is there.
    secret: String,
    /// ... of one that is scheduled for deletion.
    going: String,
}

impl World {
    /// Makes a service and everything that the release's task definition names.
    fn release(&self, name: &str) -> Release {
        let other = &self.suite.other;
        let json = |service: &str, target: &str, body: Value| other.json(service, target, body);
        let secret = |name: &str| {
            let body = json!({"Name": name, "SecretString": "hunter2"});
            let made = json("secretsmanager", "secretsmanager.CreateSecret", body).unwrap();
            made["ARN"].as_str().unwrap().to_owned()
        };
        let (there, going) = (secret(name), secret(&format!("{name}-going")));
        let delete = json!({"SecretId": going, "RecoveryWindowInDays": 7});
        json("secretsmanager", "secretsmanager.DeleteSecret", delete).unwrap();
        let key =
            json!({"Name": format!("/{name}/key"), "Value": "hunter2", "Type": "SecureString"});
        json("ssm", "AmazonSSM.PutParameter", key).unwrap();
        let group = json!({"logGroupName": format!("/ecs/{name}")});
        json("logs", "Logs_20140328.CreateLogGroup", group).unwrap();
        self.role("/tasks/", "preflight-task", &json!([allow("s3:*", "*")]));
        let get = json!([
            allow("ecr:BatchGetImage", "*"),
            allow(
                "secretsmanager:GetSecretValue",
                "arn:aws:secretsmanager:*:333333333333:secret:*"
            ),
            allow(
                "ssm:GetParameters",
                "arn:aws:ssm:*:333333333333:parameter/*"
            ),
        ]);
        self.role("/", "preflight-execution", &get);
        let with = |more: Value| {
            let all = get.as_array().unwrap().iter().cloned();
            Value::from_iter(all.chain([more]))
        };
        let denies = json!({"Effect": "Deny", "Action": "secretsmanager:*", "Resource": there});
        self.role("/", "preflight-denied", &with(denies));
        self.role(
            "/",
            "preflight-logs",
            &with(allow("logs:CreateLogGroup", "*")),
        );
        self.role("/", "preflight-bare", &json!([allow("sns:Publish", "*")]));
        let pass = |to: &str| {
            let to = json!({"StringEquals": {"iam:PassedToService": to}});
            json!({"Effect": "Allow", "Action": "iam:PassRole", "Resource": "*", "Condition": to})
        };
        self.role(
            "/",
            "preflight-deployer",
            &json!([pass("ecs-tasks.amazonaws.com")]),
        );
        self.role(
            "/",
            "preflight-elsewhere",
            &json!([pass("lambda.amazonaws.com")]),
        );
        Release {
            case: self.case_with(name, |spec| {
                let role = format!("{ACCOUNT}/preflight-execution");
                spec.task_definition
                    .insert("executionRoleArn".into(), role.into());
            }),
            secret: there,
            going,
        }
    }

    /// The preview of a release with another task definition, rollout file or deployer.
    fn preview_release(
        &self,
        release: &Release,
        definition: &Value,
        file: impl FnOnce(&mut Value),
        deployer: Option<&str>,
    ) -> JobSpec {
        let definition = definition.to_string();
        let change = |rollout: &mut Value| {
            rollout["targets"][0]["taskDefinition"] = "Build::taskdef.json".into();
            file(rollout);
        };
        let files = [("taskdef.json", definition.as_bytes())];
        let job = self.job_with(&release.case, change, &files);
        let deployer = deployer.map(|role| json!({"deployer": format!("{ACCOUNT}/{role}")}));
        self.preview_of(&job, &deployer.unwrap_or(json!({})))
    }

    /// What a preview finds: what would be refused, and what is not provable.
    fn found(&self, job: JobSpec) -> (Vec<String>, Vec<String>) {
        let finished = self.run(job);
        let url = match &finished.outcome {
            Outcome::Succeeded { variables, .. } => variables["PageUrl"].clone(),
            _ => refused(&finished).1,
        };
        let html = self.page_at(&url).html;
        let refusals = told::refusals(&html);
        let succeeded = matches!(&finished.outcome, Outcome::Succeeded { .. });
        assert_eq!(refusals.is_empty(), succeeded, "{refusals:#?}");
        assert!(!html.contains("hunter2"));
        (refusals, told::concerns(&html, "not-proven"))
    }
}

fn allow(action: &str, resource: &str) -> Value {
    json!({"Effect": "Allow", "Action": action, "Resource": resource})
}

impl Release {
    /// A task definition that names all there is, and nothing else.
    fn definition(&self) -> Value {
        let name = &self.case.service.name;
        let arn = &self.case.service.first_task_definition;
        let family = arn.rsplit('/').next().unwrap().split(':').next().unwrap();
        json!({
            "family": family,
            "taskRoleArn": format!("{ACCOUNT}/tasks/preflight-task"),
            "executionRoleArn": format!("{ACCOUNT}/preflight-execution"),
            "networkMode": "awsvpc", "requiresCompatibilities": ["FARGATE"], "cpu": "256", "memory": "512",
            "containerDefinitions": [
                {
                    "name": name, "image": "placeholder", "essential": true,
                    "secrets": [
                        {"name": "WHOLE", "valueFrom": self.secret},
                        {"name": "PART", "valueFrom": format!("{}:key::", self.secret)},
                        {"name": "KEY", "valueFrom": format!("/{name}/key")},
                    ],
                    "logConfiguration": {"logDriver": "awslogs", "options": {
                        "awslogs-group": format!("/ecs/{name}"),
                        "awslogs-region": suite::TARGET_REGION,
                        "awslogs-stream-prefix": "web",
                    }},
                },
                {
                    "name": "beside", "essential": false,
                    "image": format!("{}@{}", self.case.repository, self.case.digest),
                },
            ],
        })
    }
}

/// One thing that is another than in the release with everything.
struct Change {
    what: &'static str,
    /// In the task definition; where, and what.
    at: Vec<(&'static str, Value)>,
    /// In the rollout file.
    file: fn(&mut Value),
    deployer: Option<&'static str>,
    /// Words of each finding that there has to be, and no other.
    refused: Vec<&'static [&'static str]>,
    not_provable: Vec<&'static [&'static str]>,
}

fn change(what: &'static str, at: Vec<(&'static str, Value)>) -> Change {
    Change {
        what,
        at,
        file: |_| {},
        deployer: Some("preflight-deployer"),
        refused: Vec::new(),
        not_provable: Vec::new(),
    }
}

const TASK_ROLE: &str = "/taskRoleArn";
const EXECUTION_ROLE: &str = "/executionRoleArn";
const SECRET: &str = "/containerDefinitions/0/secrets/0/valueFrom";
const PARAMETER: &str = "/containerDefinitions/0/secrets/2/valueFrom";
const OPTIONS: &str = "/containerDefinitions/0/logConfiguration/options";
const BESIDE: &str = "/containerDefinitions/1/image";

fn role(name: &str) -> Value {
    format!("{ACCOUNT}/{name}").into()
}

/// A log group, made at the start or not.
fn group(name: &str, create: bool) -> Value {
    let mut options = json!({"awslogs-group": name, "awslogs-region": suite::TARGET_REGION, "awslogs-stream-prefix": "web"});
    if create {
        options["awslogs-create-group"] = "true".into();
    }
    options
}

const NO_SECRET: &str =
    "arn:aws:secretsmanager:ap-southeast-2:333333333333:secret:preflight-none-AbCdEf";
const FOREIGN: &str =
    "arn:aws:secretsmanager:ap-southeast-2:222222222222:secret:preflight-theirs-AbCdEf";

fn changes(release: &Release) -> Vec<Change> {
    let gone: &[&str] = &[
        "preflight: role arn:aws:iam::333333333333:role/preflight-gone (taskRoleArn) does not exist: create it",
    ];
    let no_execution: &[&str] = &["role/preflight-gone (executionRoleArn) does not exist"];
    let no_secret: &[&str] = &[
        "secret:preflight-none-AbCdEf (container \"preflight\", WHOLE) does not exist: create it",
    ];
    let no_parameter: &[&str] =
        &["parameter /preflight/none (container \"preflight\", KEY) does not exist: create it"];
    let no_group: &[&str] = &[
        "log group /ecs/none in ap-southeast-2 (container \"preflight\") does not exist",
        "awslogs-create-group",
    ];
    let no_image: &[&str] = &[
        "preflight@sha256:dddd",
        "(container \"beside\") does not exist: push it again",
    ];
    let image = format!("{}@sha256:{}", release.case.repository, "d".repeat(64));
    let missing = || {
        vec![
            (TASK_ROLE, role("preflight-gone")),
            (SECRET, NO_SECRET.into()),
            (PARAMETER, "/preflight/none".into()),
            (OPTIONS, group("/ecs/none", false)),
            (BESIDE, image.clone().into()),
        ]
    };
    let each: [&'static [&'static str]; 5] = [gone, no_secret, no_parameter, no_group, no_image];
    let mut all = vec![change("everything is there", vec![])];
    for (at, words) in missing().into_iter().zip(each) {
        all.push(Change {
            refused: vec![words],
            ..change("one is missing", vec![at])
        });
    }
    all.extend([
        Change {
            refused: each.to_vec(),
            ..change("all are missing", missing())
        },
        Change {
            refused: vec![no_execution],
            ..change("no execution role", vec![(EXECUTION_ROLE, role("preflight-gone"))])
        },
        Change {
            refused: vec![&[
                "the role of this name is arn:aws:iam::333333333333:role/tasks/preflight-task: write that one",
            ]],
            ..change("a role without its path", vec![(TASK_ROLE, role("preflight-task"))])
        },
        Change {
            refused: vec![&["secret:preflight-going", "is scheduled for deletion", "restore it"]],
            ..change("a secret on its way out", vec![(SECRET, release.going.clone().into())])
        },
        Change {
            refused: vec![&[
                "no policy of arn:aws:iam::333333333333:role/preflight-execution allows logs:CreateLogGroup",
                "log-group:/ecs/none",
            ]],
            ..change("nobody may make the log group", vec![(OPTIONS, group("/ecs/none", true))])
        },
        change(
            "the log group may be made",
            vec![
                (OPTIONS, group("/ecs/none", true)),
                (EXECUTION_ROLE, role("preflight-logs")),
            ],
        ),
        change("a log group that is there need not be made", vec![(OPTIONS, group("/ecs/preflight", true))]),
        Change {
            refused: vec![&["a policy of arn:aws:iam::333333333333:role/preflight-denied", "denies secretsmanager:GetSecretValue"]],
            ..change("denied", vec![(EXECUTION_ROLE, role("preflight-denied"))])
        },
        Change {
            refused: vec![&["no policy of arn:aws:iam::333333333333:role/preflight-bare allows ssm:GetParameters for parameter /preflight/key"]],
            not_provable: vec![
                &["role/preflight-bare allows ecr:BatchGetImage", "the repository's own policy may"],
                &["role/preflight-bare allows secretsmanager:GetSecretValue", "the secret's own policy may"],
            ],
            ..change("nothing is allowed", vec![(EXECUTION_ROLE, role("preflight-bare"))])
        },
        Change {
            file: |file| file["allow"] = json!([FOREIGN]),
            // Both accounts have to allow it.
            refused: vec![&["role/preflight-execution allows secretsmanager:GetSecretValue", "222222222222:secret:preflight-theirs-AbCdEf"]],
            not_provable: vec![
                &["secret arn:aws:secretsmanager:ap-southeast-2:222222222222", "was not looked at, since it is in account 222222222222"],
            ],
            ..change("another account's secret", vec![(SECRET, FOREIGN.into())])
        },
    ]);
    let passes: [&'static [&'static str]; 2] = [
        &[
            "allows iam:PassRole for role arn:aws:iam::333333333333:role/tasks/preflight-task (taskRoleArn) to ecs-tasks.amazonaws.com",
        ],
        &[
            "allows iam:PassRole for role arn:aws:iam::333333333333:role/preflight-execution (executionRoleArn) to ecs-tasks.amazonaws.com",
        ],
    ];
    for (what, deployer) in [
        ("a deployer that passes no role", "preflight-bare"),
        (
            "one that passes them to another service",
            "preflight-elsewhere",
        ),
    ] {
        all.push(Change {
            deployer: Some(deployer),
            refused: passes.to_vec(),
            ..change(what, vec![])
        });
    }
    let none: &[&str] = &[
        "role arn:aws:iam::333333333333:role/preflight-nobody does not exist, and nothing can be deployed without it",
    ];
    all.push(Change {
        deployer: Some("preflight-nobody"),
        refused: vec![none],
        ..change("no such deployer", vec![])
    });
    all.push(Change {
        file: |file| {
            let file = file.as_object_mut().unwrap();
            file.remove("role");
            file.remove("externalId");
        },
        deployer: None,
        not_provable: vec![&["it is not known which role deploys in account 333333333333"]],
        ..change("nobody is named who deploys", vec![])
    });
    all
}

#[test]
fn each_thing_that_is_another_is_found_and_nothing_else() {
    let world = world();
    let release = world.release("preflight");
    for change in changes(&release) {
        let mut definition = release.definition();
        for (place, value) in &change.at {
            *definition.pointer_mut(place).unwrap() = value.clone();
        }
        let job = world.preview_release(&release, &definition, change.file, change.deployer);
        let (refused, not_provable) = world.found(job);
        as_expected(change.what, &refused, &change.refused);
        as_expected(change.what, &not_provable, &change.not_provable);
    }
}

/// As many findings as expected, and one with the words of each.
#[track_caller]
fn as_expected(what: &str, found: &[String], expected: &[&[&str]]) {
    for words in expected {
        let has = |text: &&String| words.iter().all(|word| text.contains(word));
        assert!(
            found.iter().any(|text| has(&text)),
            "{what}: no {words:?} in {found:#?}"
        );
    }
    assert_eq!(found.len(), expected.len(), "{what}: {found:#?}");
}
