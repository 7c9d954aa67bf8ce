//! The same for the same state; another one for each single change that matters.

use proptest::strategy::Just;
use proptest::strategy::Strategy as Generator;
use proptest::test_runner::Config as ProptestConfig;
use proptest::{prop_assert, prop_assert_eq, prop_compose, prop_oneof, proptest};

use super::*;
use crate::rollout::seen::{Deployment, Event, RolloutState};

fn arn(revision: u32) -> String {
    format!("arn:aws:ecs:ap-southeast-2:222222222222:task-definition/web:{revision}")
}

prop_compose! {
    fn service()(
        name in "[a-z]{1,6}", revision in 1..50_u32, former in proptest::option::of(1..50_u32),
        desired in 1..9_u32, finished: bool, minimum in proptest::option::of(0..100),
        breaker: Option<(bool, bool)>, alarms in proptest::collection::vec("[a-z]{1,4}", 0..3),
        subnets in proptest::collection::vec("subnet-[a-f]{3}", 0..3), public_ip: bool,
        strategy in prop_oneof![Just(""), Just("ROLLING"), Just("BLUE_GREEN"), Just("CANARY")],
        bake in 0..30_u32, awsvpc: bool, alarms_enabled: bool,
    ) -> (String, Service) {
        let deployment = |primary, revision: u32, finished| Deployment {
            id: format!("ecs-svc/{revision}"),
            primary,
            task_definition: arn(revision),
            state: if finished { RolloutState::Completed } else { RolloutState::InProgress },
            ..Deployment::default()
        };
        let mut deployments = vec![deployment(true, revision, finished)];
        deployments.extend(former.map(|former| deployment(false, former, true)));
        let network = awsvpc.then(|| Network {
            subnets: subnets.clone(),
            security_groups: vec!["sg-1".into(), "sg-2".into()],
            public_ip,
        });
        let service = Service {
            name: name.clone(),
            status: "ACTIVE".into(),
            controller: "ECS".into(),
            scheduling: "REPLICA".into(),
            desired,
            strategy: Strategy { name: strategy.into(), bake_minutes: bake, ..Strategy::default() },
            settings: Settings {
                arn: format!("arn:aws:ecs:ap-southeast-2:222222222222:service/prod/{name}"),
                minimum_healthy: minimum,
                maximum: Some(200),
                breaker,
                alarms,
                alarms_enabled,
                launch: "FARGATE".into(),
                platform: "LATEST".into(),
                network,
                load_balancers: vec!["group web:80".into(), "other web:81".into()],
                ..Settings::default()
            },
            deployments,
            ..Service::default()
        };
        ("prod".to_owned(), service)
    }
}

prop_compose! {
    fn stack()(
        hidden: bool, cpu in "[0-9]{1,4}", changed in 1..1_000_000_u64, template in "[a-z:\n ]{0,40}",
        role in proptest::option::of("[a-z]{3}"), services in proptest::collection::vec(service(), 0..3),
    ) -> Live {
        let mut parameters = vec![("Cpu".to_owned(), cpu), ("Image".to_owned(), "r/web:1".to_owned())];
        if hidden {
            parameters.push(("Secret".to_owned(), "****".to_owned()));
        }
        let stack = Stack {
            id: "arn:aws:cloudformation:ap-southeast-2:222222222222:stack/web/1".into(),
            status: "UPDATE_COMPLETE".into(),
            parameters,
            tags: vec![("team".into(), "web".into()), ("stage".into(), "prod".into())],
            role,
            changed,
            ..Stack::default()
        };
        Live { kind: "stack", services, stack: Some((stack, template)), ..place("web") }
    }
}

fn place(name: &str) -> Live {
    Live {
        account: "222222222222".into(),
        region: "ap-southeast-2".into(),
        kind: "service",
        name: name.to_owned(),
        ..Live::default()
    }
}

fn live() -> impl Generator<Value = Live> {
    prop_oneof![
        service().prop_map(|service| Live {
            services: vec![service],
            ..place("web")
        }),
        service().prop_map(|service| Live {
            kind: "task",
            services: vec![service],
            ..place("migrate")
        }),
        stack(),
    ]
}

/// A change of a service, by name, and whether there is anything to change.
type Change<T> = (&'static str, fn(&mut T) -> bool);

/// Each changes one thing that matters.
const OF_A_SERVICE: [Change<Service>; 22] = [
    ("status", |s| set(&mut s.status, "DRAINING")),
    ("controller", |s| set(&mut s.controller, "CODE_DEPLOY")),
    ("scheduling", |s| set(&mut s.scheduling, "DAEMON")),
    ("owned by a stack", |s| {
        s.stack.replace("web".into()).is_none()
    }),
    ("idle", |s| std::mem::take(&mut s.desired) > 0),
    ("serves another revision", |s| {
        s.deployments
            .iter_mut()
            .all(|d| set(&mut d.task_definition, &arn(77)))
    }),
    ("another one is on its way", |s| {
        set(&mut s.deployments[0].task_definition, &arn(78))
    }),
    ("strategy", |s| set(&mut s.strategy.name, "LINEAR")),
    ("bake", |s| {
        s.strategy.bake_minutes += 1;
        true
    }),
    ("linear", |s| s.strategy.linear.replace((10.0, 6)).is_none()),
    ("canary", |s| {
        s.strategy.canary_minutes.replace(10).is_none()
    }),
    ("pause", |s| {
        s.strategy.pauses.push(("SCALE_UP".into(), 60));
        true
    }),
    ("minimum", |s| {
        s.settings.minimum_healthy = Some(s.settings.minimum_healthy.unwrap_or(-2) + 1);
        true
    }),
    ("maximum", |s| s.settings.maximum.take().is_some()),
    ("breaker", |s| {
        s.settings.breaker = s
            .settings
            .breaker
            .map_or(Some((true, true)), |(on, back)| Some((!on, back)));
        true
    }),
    ("rollback of the breaker", |s| {
        s.settings.breaker.as_mut().is_some_and(|(_, back)| {
            *back = !*back;
            true
        })
    }),
    ("alarm", |s| {
        s.settings.alarms.push("latency".into());
        true
    }),
    ("alarms watched", |s| {
        s.settings.alarms_enabled = !s.settings.alarms_enabled;
        true
    }),
    ("launch type", |s| set(&mut s.settings.launch, "EC2")),
    ("network", |s| {
        s.settings.network.as_mut().is_some_and(|n| {
            n.subnets.push("subnet-9".into());
            true
        })
    }),
    ("load balancer", |s| {
        s.settings.load_balancers.push("third web:82".into());
        true
    }),
    ("service connect", |s| {
        s.settings.service_connect = !s.settings.service_connect;
        true
    }),
];

/// Each changes nothing that matters.
const NOT_OF_A_SERVICE: [Change<Service>; 7] = [
    ("autoscaling", |s| {
        s.desired += 1;
        true
    }),
    ("running tasks", |s| {
        s.deployments[0].running += 1;
        true
    }),
    ("an event", |s| {
        s.events.push(Event {
            at: 1,
            message: "steady".into(),
        });
        true
    }),
    ("the order of alarms", |s| {
        s.settings.alarms.reverse();
        true
    }),
    ("the order of load balancers", |s| {
        s.settings.load_balancers.reverse();
        true
    }),
    ("the order of security groups", |s| {
        s.settings.network.as_mut().is_some_and(|n| {
            n.security_groups.reverse();
            true
        })
    }),
    ("when it was made", |s| {
        s.settings.created += 1;
        true
    }),
];

const OF_A_STACK: [Change<(Stack, String)>; 9] = [
    ("made anew", |(s, _)| {
        set(
            &mut s.id,
            "arn:aws:cloudformation:ap-southeast-2:222222222222:stack/web/2",
        )
    }),
    ("status", |(s, _)| {
        set(&mut s.status, "UPDATE_ROLLBACK_FAILED")
    }),
    ("template", |(_, t)| {
        t.push('#');
        true
    }),
    ("parameter", |(s, _)| set(&mut s.parameters[0].1, "other")),
    ("new parameter", |(s, _)| {
        s.parameters.push(("New".into(), String::new()));
        true
    }),
    ("tag", |(s, _)| set(&mut s.tags[0].1, "api")),
    ("no tags", |(s, _)| !std::mem::take(&mut s.tags).is_empty()),
    ("role", |(s, _)| {
        s.role = Some("another".into());
        true
    }),
    ("changed while something is hidden", |(s, _)| {
        s.changed += 1;
        s.parameters.iter().any(|(_, value)| is_hidden(value))
    }),
];

const NOT_OF_A_STACK: [Change<(Stack, String)>; 4] = [
    ("another good end", |(s, _)| {
        set(&mut s.status, "UPDATE_ROLLBACK_COMPLETE")
    }),
    ("the order of parameters", |(s, _)| {
        s.parameters.reverse();
        true
    }),
    ("CloudFormation's words", |(s, _)| {
        set(&mut s.reason, "words")
    }),
    ("changed while nothing is hidden", |(s, _)| {
        s.changed += 1;
        !s.parameters.iter().any(|(_, value)| is_hidden(value))
    }),
];

fn set(text: &mut String, to: &str) -> bool {
    let differs = text != to;
    *text = to.to_owned();
    differs
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]
    #[test]
    fn each_change_that_matters_shows_and_no_other(
        targets in proptest::collection::vec(live(), 1..4),
    ) {
        let same = fingerprint(&targets);
        prop_assert!(same.len() == 67 && same.starts_with("v1:"));
        let mut turned = targets.clone();
        turned.reverse();
        turned.iter_mut().for_each(|live| live.services.reverse());
        prop_assert_eq!(&fingerprint(&turned), &same, "the order of targets and services");

        for n in 0..targets.len() {
            let check = |name: &str, matters: bool, change: &dyn Fn(&mut Live) -> bool| {
                let mut other = targets.clone();
                if change(&mut other[n]) {
                    prop_assert_eq!(fingerprint(&other) != same, matters, "{} of {:?}", name, targets[n]);
                }
                Ok(())
            };
            for k in 0..targets[n].services.len() {
                for (changes, matters) in [(&OF_A_SERVICE[..], true), (&NOT_OF_A_SERVICE[..], false)] {
                    for (name, change) in changes {
                        check(name, matters, &|live| change(&mut live.services[k].1))?;
                    }
                }
                check("cluster", true, &|live| set(&mut live.services[k].0, "other"))?;
                check("service gone", true, &|live| { live.services.remove(k); true })?;
            }
            for (changes, matters) in [(&OF_A_STACK[..], true), (&NOT_OF_A_STACK[..], false)] {
                for (name, change) in changes {
                    check(name, matters, &|live| live.stack.as_mut().is_some_and(change))?;
                }
            }
            check("stack gone", true, &|live| live.stack.take().is_some())?;
            check("account", true, &|live| set(&mut live.account, "333333333333"))?;
            check("region", true, &|live| set(&mut live.region, "eu-west-1"))?;
            check("name", true, &|live| { live.name.push('x'); true })?;
        }
    }
}
