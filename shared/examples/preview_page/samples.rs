//! Previews as they are met: a release of a whole shop, one that is refused, and one of nothing new.
//! The tests of the page and of its summary have them, too.

use serde_json::{Value, json};
use sha2::Digest as _;
use shared::job::revision::Revision;
use shared::names::Digest;
use shared::preview::{
    Finding, ImageChange, ImageShown, Plan, Preview, TargetPreview, ValueChange,
};
use shared::rollout::seen::settings::Alarm;
use shared::stack::Change;
use shared::task_definition::diff::Difference;

const REGISTRY: &str = "111111111111.dkr.ecr.ap-southeast-2.amazonaws.com/shop";

/// All of them, by name.
pub fn all() -> [(&'static str, Preview); 3] {
    [
        ("ready", ready()),
        ("refused", refused()),
        ("unchanged", unchanged()),
    ]
}

/// Three services, one of them as it is, a migration before them, and the stack that they need.
pub fn ready() -> Preview {
    Preview {
        targets: vec![
            database(),
            migration(),
            web(),
            orders(),
            stays("mail", "2.3.0"),
        ],
        exceptions: vec![("allow".into(), "exitAtStart".into())],
        sources: vec![Revision {
            artifact: "Source".into(),
            id: "4b825dc642cb6eb9a060e54bf8d69288fbee4904".into(),
            summary: "Take orders with vouchers\n\nA voucher is a row of its own: the migration \
                      adds the table, and services\nthat do not know it yet go on."
                .into(),
            url: "https://github.com/example/shop/commit/4b825dc642cb6eb9a060e54bf8d69288fbee4904"
                .into(),
        }],
        ..frame()
    }
}

/// What nobody should approve: each way in which the live state may speak against it.
pub fn refused() -> Preview {
    let mut database = database();
    if let Plan::Stack {
        replaced, changes, ..
    } = &mut database.plan
    {
        *replaced = vec![("Storage/Database".into(), false)];
        for change in changes
            .iter_mut()
            .filter(|change| !change.policy.is_empty())
        {
            change.policy = "ReplaceAndDelete".into();
        }
    }
    database.findings = vec![Finding::Refused(
        "Storage/Database (AWS::RDS::DBInstance shop-database, in the nested stack Storage) would be \
         replaced; because of property Engine; the one before is deleted (ReplaceAndDelete). If that \
         is meant, write \"Storage/Database\" into \"allowReplacement\""
            .into(),
    )];
    let mut web = web();
    web.alarms = vec![Alarm {
        name: "shop-web-5xx".into(),
        state: "ALARM".into(),
        reason: "Threshold Crossed: 1 datapoint [37.0] was greater than the threshold (5.0)".into(),
    }];
    web.drift = vec!["somebody registered web:43 since, past redbutton; web:42 serves".into()];
    let mut orders = orders();
    orders.plan = Plan::Unknown;
    orders.images.clear();
    orders.settings.clear();
    orders.findings = vec![
        Finding::Refused(
            "its desired count is 0: a rollout would succeed at once and prove nothing. Let it run \
             at least one task, or write \"desiredCountZero\" into \"allow\""
                .into(),
        ),
        Finding::NotProvable(
            "that roles may be passed to ecs-tasks.amazonaws.com was not looked at, since it is not \
             known which role deploys in account 222222222222"
                .into(),
        ),
    ];
    Preview {
        targets: vec![database, web, orders],
        findings: vec![Finding::Refused(
            "no container is named \"wbe\"; there are: web, proxy, orders".into(),
        )],
        ..frame()
    }
}

/// What is released serves already.
pub fn unchanged() -> Preview {
    Preview {
        targets: vec![stays("web", "1.8.0"), stays("orders", "3.1.0")],
        ..frame()
    }
}

fn frame() -> Preview {
    Preview {
        pipeline: Some("shop-production".into()),
        execution: "7cb81eb7-9a6e-4f2c-8f0e-6f4d3b1c2a90".into(),
        at: 1_770_091_506,
        fingerprint: digest("shop", "live"),
        ..Preview::default()
    }
}

fn target(kind: &'static str, name: &str) -> TargetPreview {
    let place = match kind {
        "stack" => String::new(),
        _ => "cluster shop, ".to_owned(),
    };
    TargetPreview {
        name: name.into(),
        place: format!("{kind} {name} ({place}ap-southeast-2, account 222222222222)"),
        kind,
        account: "222222222222".into(),
        region: "ap-southeast-2".into(),
        ..TargetPreview::default()
    }
}

fn image(name: &str, tag: &str) -> Option<ImageShown> {
    Some(ImageShown {
        repository: format!("{REGISTRY}/{name}"),
        tag: Some(tag.into()),
        digest: Digest::parse(&digest(name, tag)),
    })
}

/// The image, as a task definition has it.
fn pinned(name: &str, tag: &str) -> Value {
    json!(format!("{REGISTRY}/{name}@{}", digest(name, tag)))
}

fn digest(name: &str, tag: &str) -> String {
    let hash = sha2::Sha256::digest(format!("{name}:{tag}"));
    format!("sha256:{}", hex::encode(hash))
}

fn differs(path: &[&str], from: Value, to: Value) -> Difference {
    Difference {
        path: path.iter().map(|&key| key.to_owned()).collect(),
        from: Some(from).filter(|value| !value.is_null()),
        to: Some(to).filter(|value| !value.is_null()),
    }
}

fn database() -> TargetPreview {
    let value = |name: &str, from: &str, to: &str, hidden| ValueChange {
        name: name.into(),
        from: Some(from.into()),
        to: Some(to.into()),
        hidden,
    };
    TargetPreview {
        plan: Plan::Stack {
            new: false,
            template: true,
            parameters: vec![
                value("BackupDays", "7", "14", false),
                value("MasterPassword", "****", "****", true),
            ],
            tags: vec![ValueChange {
                name: "cost-centre".into(),
                to: Some("4711".into()),
                ..ValueChange::default()
            }],
            role: None,
            changes: vec![
                Change {
                    path: vec!["Storage".into()],
                    logical: "Database".into(),
                    physical: "shop-database".into(),
                    kind: "AWS::RDS::DBInstance".into(),
                    action: "Modify".into(),
                    replacement: "True".into(),
                    policy: "ReplaceAndSnapshot".into(),
                    properties: vec!["Engine".into(), "BackupRetentionPeriod".into()],
                    causes: vec!["property Engine".into()],
                    ..Change::default()
                },
                Change {
                    logical: "Vouchers".into(),
                    kind: "AWS::SQS::Queue".into(),
                    action: "Add".into(),
                    ..Change::default()
                },
                Change {
                    logical: "Access".into(),
                    physical: "shop-access".into(),
                    kind: "AWS::IAM::Role".into(),
                    action: "Modify".into(),
                    replacement: "False".into(),
                    properties: vec!["Policies".into()],
                    ..Change::default()
                },
            ],
            replaced: vec![("Storage/Database".into(), true)],
        },
        ..target("stack", "shop-data")
    }
}

fn migration() -> TargetPreview {
    TargetPreview {
        after: vec!["shop-data".into()],
        images: vec![ImageChange {
            name: "migrate".into(),
            from: image("orders", "3.1.0"),
            to: image("orders", "3.2.0"),
        }],
        plan: Plan::Run {
            family: "orders-migrate".into(),
            container: "migrate".into(),
            command: Some(vec!["bin/migrate".into(), "--to".into(), "latest".into()]),
            environment: vec!["MIGRATION_TIMEOUT".into()],
            differences: vec![differs(&["memory"], json!("1024"), json!("2048"))],
        },
        ..target("task", "migrate")
    }
}

fn web() -> TargetPreview {
    let web = ["containerDefinitions", "web"];
    let at = |rest: &[&'static str]| [&web[..], rest].concat();
    TargetPreview {
        after: vec!["migrate".into()],
        images: vec![
            ImageChange {
                name: "web".into(),
                from: image("web", "1.7.4"),
                to: image("web", "1.8.0"),
            },
            ImageChange {
                name: "proxy".into(),
                from: image("proxy", "1.29"),
                to: image("proxy", "1.29"),
            },
        ],
        plan: Plan::Deploy {
            from: Some("web:42".into()),
            family: "web".into(),
            differences: vec![
                differs(&["cpu"], json!("256"), json!("512")),
                differs(
                    &at(&["image"]),
                    pinned("web", "1.7.4"),
                    pinned("web", "1.8.0"),
                ),
                differs(
                    &at(&["environment", "SESSION_KEY"]),
                    json!("correct horse"),
                    json!("battery staple"),
                ),
                differs(&at(&["environment", "VOUCHERS"]), Value::Null, json!("on")),
                differs(
                    &at(&["healthCheck", "command"]),
                    json!(["CMD", "curl", "-f", "http://localhost:8080/"]),
                    json!(["CMD", "curl", "-f", "http://localhost:8080/health"]),
                ),
                differs(
                    &at(&["secrets", "STRIPE_KEY"]),
                    Value::Null,
                    json!("arn:aws:secretsmanager:ap-southeast-2:222222222222:secret:shop/stripe"),
                ),
                differs(
                    &[
                        "containerDefinitions",
                        "proxy",
                        "linuxParameters",
                        "initProcessEnabled",
                    ],
                    json!(true),
                    Value::Null,
                ),
            ],
        },
        settings: settings("4", "100 % to 200 %"),
        ..target("service", "web")
    }
}

fn orders() -> TargetPreview {
    TargetPreview {
        after: vec!["migrate".into()],
        images: vec![ImageChange {
            name: "orders".into(),
            from: image("orders", "3.1.0"),
            to: image("orders", "3.2.0"),
        }],
        plan: Plan::Deploy {
            from: Some("orders:17".into()),
            family: "orders".into(),
            differences: vec![differs(
                &["containerDefinitions", "orders", "image"],
                pinned("orders", "3.1.0"),
                pinned("orders", "3.2.0"),
            )],
        },
        settings: settings("2", "50 % to 200 %"),
        ..target("service", "orders")
    }
}

fn stays(name: &str, tag: &str) -> TargetPreview {
    TargetPreview {
        images: vec![ImageChange {
            name: name.into(),
            from: image(name, tag),
            to: image(name, tag),
        }],
        plan: Plan::Unchanged,
        settings: settings("1", "0 % to 100 %"),
        ..target("service", name)
    }
}

fn settings(count: &str, healthy: &str) -> Vec<(&'static str, String)> {
    vec![
        ("desired count", count.into()),
        ("healthy tasks", healthy.into()),
        ("circuit breaker", "on, rolls back".into()),
        ("alarms", "shop-web-5xx, shop-web-latency".into()),
        ("launch type", "FARGATE".into()),
    ]
}
