//! A model of production: a bucket whose objects are written once, a lock, a queue and executions whose
//! steps come in any order; every decision in it is the one that the functions make.

use std::collections::{BTreeMap, BTreeSet};

use super::*;
use crate::ledger::lock::{Found, Lock};
use crate::ledger::{Came, NOTHING, OfRelease, chain, hash, key};
use crate::release::outcome::Kind;
use proptest::prelude::*;

const TARGET: &str = "service/ap-southeast-2/production/orders";
const RELEASES: u64 = 50;
const EVENTS: usize = 1_000;

/// Where an execution is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum At {
    Waiting,
    Deploying(u8),
    Over,
}

#[derive(Default)]
struct Production {
    /// By release: what came of its attempt.
    outcomes: BTreeMap<u64, Kind>,
    /// Names of executions: each may be used once.
    executions: BTreeMap<u64, At>,
    queue: BTreeSet<Waiting>,
    lock: Option<Vec<u8>>,
    ledger: Vec<(u64, Vec<u8>)>,
    deployed: Vec<u64>,
}

fn order(release: u64) -> Order {
    Order {
        // Several arrive within one second.
        at: 1_795_882_800 + release / 3,
        release: format!("orders/{release:04}"),
    }
}

fn waiting(release: u64) -> Waiting {
    Waiting::new(&order(release), &format!("record-{release}"))
}

impl Production {
    fn head(&self) -> Option<Entry> {
        let (number, bytes) = self.ledger.last()?;
        Some(Entry::parse(bytes, TARGET, *number).unwrap())
    }

    /// The gate looks at an event.
    fn arrives(&mut self, release: u64) {
        if self.outcomes.contains_key(&release) {
            return;
        }
        let heads: Vec<Entry> = self.head().into_iter().collect();
        if older(&order(release), &heads).is_empty() {
            self.executions.entry(release).or_insert(At::Waiting);
        } else {
            self.outcomes.insert(release, Kind::Refused);
        }
    }

    /// A step of an execution.
    fn step(&mut self, release: u64) {
        let owner = format!("record-{release}");
        let next = match self.executions[&release] {
            At::Over => return,
            At::Waiting => {
                self.outcomes.entry(release).or_insert(Kind::Started);
                let ours = waiting(release);
                self.queue.insert(ours.clone());
                let heads: Vec<Entry> = self.head().into_iter().collect();
                let queue = self.queue.iter().cloned().collect();
                if gives_way(&ours, &heads, &[(TARGET.to_owned(), queue)]).is_some() {
                    self.ends(release, Kind::Superseded);
                    return;
                }
                match lock::found(self.lock.as_deref(), &owner).unwrap() {
                    Found::Taken(_) => At::Waiting,
                    Found::Ours => At::Deploying(3),
                    Found::Free => {
                        let lock = Lock {
                            version: 1,
                            owner,
                            execution: String::new(),
                            release: ours.release.clone(),
                            since: 0,
                        };
                        self.lock = Some(serde_json::to_vec(&lock).unwrap());
                        self.queue.remove(&ours);
                        At::Deploying(3)
                    }
                }
            }
            At::Deploying(0) => {
                assert_eq!(lock::found(self.lock.as_deref(), &owner), Ok(Found::Ours));
                self.record(release);
                self.ends(release, Kind::Served);
                return;
            }
            At::Deploying(looks) => At::Deploying(looks - 1),
        };
        self.executions.insert(release, next);
    }

    fn record(&mut self, release: u64) {
        let number = self.ledger.len() as u64 + 1;
        let previous = self.ledger.last().map(|(_, bytes)| hash(bytes));
        let entry = Entry {
            version: 1,
            target: TARGET.to_owned(),
            number,
            previous: previous.unwrap_or_else(|| NOTHING.to_owned()),
            result: Came::Served,
            at: 1_795_882_800,
            release: Some(OfRelease {
                name: order(release).release,
                sha256: "a".repeat(64),
                version: "v".to_owned(),
                attempt: 1,
                order: order(release),
                execution: String::new(),
                approvers: vec![],
                seconds: 1,
            }),
            from: String::new(),
            to: String::new(),
            proof: None,
            live: String::new(),
            reasons: vec![],
        };
        self.ledger.push((number, entry.bytes()));
        self.deployed.push(release);
    }

    fn ends(&mut self, release: u64, result: Kind) {
        self.queue.remove(&waiting(release));
        let owner = format!("record-{release}");
        if lock::found(self.lock.as_deref(), &owner) == Ok(Found::Ours) {
            self.lock = None;
        }
        self.outcomes.insert(release, result);
        self.executions.insert(release, At::Over);
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(96))]
    /// Fifty releases in a thousand duplicated, reordered events, with steps of executions in between:
    /// the newest ends up deployed, each was deployed at most once, and the ledger is whole.
    // rules: 3.3.1 3.4.1 3.4.4
    #[test]
    fn whatever_the_order_of_events_the_newest_ends_up_deployed(
        events in proptest::collection::vec((0..RELEASES, 0..3_usize, any::<prop::sample::Index>()), EVENTS),
        rest in proptest::collection::vec(any::<prop::sample::Index>(), 400),
        newest_at in 0..EVENTS,
    ) {
        let mut production = Production::default();
        for (n, (release, steps, which)) in events.into_iter().enumerate() {
            production.arrives(release);
            // However late it is announced.
            if n == newest_at {
                production.arrives(RELEASES - 1);
            }
            for _ in 0..steps {
                let running: Vec<u64> = production.running();
                if let Some(release) = (!running.is_empty()).then(|| running[which.index(running.len())]) {
                    production.step(release);
                }
            }
        }
        // Whatever still runs comes to its end, in any order.
        for which in rest {
            let running = production.running();
            if !running.is_empty() {
                production.step(running[which.index(running.len())]);
            }
        }
        while let Some(release) = production.running().first().copied() {
            production.step(release);
            for other in production.running() {
                production.step(other);
            }
        }
        let deployed = &production.deployed;
        prop_assert_eq!(deployed.last(), Some(&(RELEASES - 1)));
        let once: BTreeSet<&u64> = deployed.iter().collect();
        prop_assert_eq!(once.len(), deployed.len());
        prop_assert!(deployed.is_sorted_by_key(|release| order(*release)), "{:?}", deployed);
        let head = hash(&production.ledger.last().unwrap().1);
        let chain = chain(TARGET, &production.ledger, Some(&head)).unwrap();
        prop_assert_eq!(chain.len(), deployed.len());
        prop_assert!(production.lock.is_none() && production.queue.is_empty());
        prop_assert!(production.outcomes.values().all(|result| *result != Kind::Started));
        prop_assert_eq!(key(TARGET, 1), format!("ledger/{TARGET}/00000001.json"));
    }
}

impl Production {
    fn running(&self) -> Vec<u64> {
        let running = self.executions.iter().filter(|(_, at)| **at != At::Over);
        running.map(|(release, _)| *release).collect()
    }
}

#[test]
fn somebody_gives_way_to_what_is_newer_and_to_nothing_else() {
    let queue = |others: &[u64]| {
        let waiting = others.iter().map(|other| waiting(*other)).collect();
        vec![(TARGET.to_owned(), waiting)]
    };
    let ours = waiting(10);
    assert_eq!(gives_way(&ours, &[], &queue(&[1, 9, 10])), None);
    let reasons = gives_way(&ours, &[], &queue(&[11])).unwrap();
    assert!(
        reasons[0].contains("release orders/0011 waits for"),
        "{reasons:?}"
    );
    let read = Waiting::read(
        TARGET,
        &lock::place(TARGET, &order(10), "record-10"),
        b"orders/0010",
    );
    assert_eq!(read, Some(ours));
}
