use super::*;
use proptest::prelude::*;
use serde_json::json;

const TARGET: &str = "service/ap-southeast-2/production/orders";

fn entry(number: u64, previous: &str) -> Entry {
    Entry {
        version: 1,
        target: TARGET.into(),
        number,
        previous: previous.into(),
        result: if number == 1 {
            Came::Adopted
        } else {
            Came::Served
        },
        at: 1_795_882_800 + number,
        release: (number > 1).then(|| OfRelease {
            name: format!("orders/{number}"),
            sha256: "a".repeat(64),
            version: "v1".into(),
            attempt: 1,
            order: Order {
                at: 1_795_882_800,
                release: format!("orders/{number}"),
            },
            execution:
                "arn:aws:states:ap-southeast-2:222222222222:execution:redbutton-production:r-1"
                    .into(),
            approvers: vec!["arn:aws:iam::111111111111:user/ada".into()],
            seconds: 42,
        }),
        from: format!("orders:{}", number - 1),
        to: format!("orders:{number}"),
        proof: Some(json!({"running": 2})),
        live: "v1:00".into(),
        reasons: vec![],
    }
}

/// A chain of entries, and the hash of its head.
fn whole(length: u64) -> (Vec<(u64, Vec<u8>)>, String) {
    let mut previous = NOTHING.to_owned();
    let mut entries = Vec::new();
    for number in 1..=length {
        let bytes = entry(number, &previous).bytes();
        previous = hash(&bytes);
        entries.push((number, bytes));
    }
    (entries, previous)
}

#[test]
fn a_key_says_target_and_number() {
    let key = key(TARGET, 7);
    assert_eq!(key, format!("ledger/{TARGET}/00000007.json"));
    assert_eq!(read_key(&key), Some((TARGET, 7)));
    for other in [
        "ledger/00000007.json",
        "outcomes/a/00000007.json",
        "ledger/a/7.json",
        "ledger/a/+0000007.json",
        "ledger/a/00000007.txt",
    ] {
        assert_eq!(read_key(other), None, "{other}");
    }
}

#[test]
fn a_whole_chain_is_read_in_order() {
    let (mut entries, head) = whole(4);
    entries.reverse();
    let chain = chain(TARGET, &entries, Some(&head)).unwrap();
    let numbers: Vec<u64> = chain.iter().map(|entry| entry.number).collect();
    assert_eq!(numbers, [1, 2, 3, 4]);
    assert_eq!(super::chain(TARGET, &[], None), Ok(vec![]));
    // What was announced before the last entries came is one of them all the same.
    let earlier = hash(&entries[2].1);
    assert!(super::chain(TARGET, &entries, Some(&earlier)).is_ok());
}

#[test]
fn any_entry_that_is_taken_away_is_named() {
    let (entries, head) = whole(4);
    for missing in 0..entries.len() {
        let mut left = entries.clone();
        left.remove(missing);
        let broken = chain(TARGET, &left, Some(&head)).unwrap_err();
        // Of an end that was cut off the last entry left is named: what is missing comes after it.
        let named = if missing == 3 { 3 } else { missing as u64 + 1 };
        assert_eq!(broken.key, key(TARGET, named), "{}", broken.why);
    }
    let broken = chain(TARGET, &[], Some(&head)).unwrap_err();
    assert_eq!(broken.key, key(TARGET, 1));
}

#[test]
fn a_chain_that_was_written_anew_does_not_lead_to_what_was_announced() {
    let (entries, head) = whole(3);
    let mut previous = NOTHING.to_owned();
    let forged: Vec<(u64, Vec<u8>)> = entries
        .iter()
        .map(|(number, _)| {
            let mut entry = entry(*number, &previous);
            entry.to = "orders:evil".into();
            let bytes = entry.bytes();
            previous = hash(&bytes);
            (*number, bytes)
        })
        .collect();
    assert!(chain(TARGET, &forged, None).is_ok());
    assert!(chain(TARGET, &forged, Some(&head)).is_err());
}

#[test]
fn what_a_person_asks_for_comes_after_what_was_deployed_by_then() {
    let order = |at| Order {
        at,
        release: "orders/0".into(),
    };
    let heads = [entry(1, NOTHING), entry(2, NOTHING)];
    let head = heads[1].release.clone().unwrap().order;
    for at in [head.at - 1, head.at] {
        let asked = order(at).after(&heads);
        assert_eq!(asked.at, head.at + 1);
        assert!(asked > head);
    }
    assert_eq!(order(head.at + 9).after(&heads).at, head.at + 9);
    assert_eq!(order(7).after(&[]).at, 7);
}

#[test]
fn an_entry_of_another_place_or_version_is_none() {
    let bytes = entry(2, NOTHING).bytes();
    assert!(Entry::parse(&bytes, TARGET, 2).is_ok());
    for (target, number) in [(TARGET, 3), ("service/x", 2)] {
        let why = Entry::parse(&bytes, target, number).unwrap_err();
        assert!(why.contains("lies in another place"), "{why}");
    }
    let mut newer: Value = serde_json::from_slice(&bytes).unwrap();
    newer["version"] = json!(2);
    let why = Entry::parse(newer.to_string().as_bytes(), TARGET, 2).unwrap_err();
    assert!(why.contains("version 2"), "{why}");
}

#[test]
fn an_entry_fits_its_schema() {
    let validator = jsonschema::validator_for(&entry_schema()).unwrap();
    for number in 1..3 {
        let value = serde_json::to_value(entry(number, NOTHING)).unwrap();
        assert!(validator.is_valid(&value), "{value}");
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(512))]
    /// Any byte of any entry, given the last hash that was announced.
    #[test]
    fn any_byte_that_was_altered_is_found(
        length in 1..6_u64, place in any::<prop::sample::Index>(), at in any::<prop::sample::Index>(), flip in 1..=255_u8,
    ) {
        let (mut entries, head) = whole(length);
        let altered = place.index(entries.len());
        let (number, bytes) = &mut entries[altered];
        let (number, at) = (*number, at.index(bytes.len()));
        bytes[at] ^= flip;
        let broken = chain(TARGET, &entries, Some(&head)).unwrap_err();
        prop_assert_eq!(broken.key, key(TARGET, number));
    }

    /// Of any two writers who meet, the chain that comes of it is whole: the second one has to read again.
    #[test]
    fn numbers_and_hashes_follow_each_other(length in 0..20_u64) {
        let (entries, head) = whole(length);
        let announced = (length > 0).then_some(head.as_str());
        prop_assert_eq!(chain(TARGET, &entries, announced).unwrap().len() as u64, length);
    }
}
