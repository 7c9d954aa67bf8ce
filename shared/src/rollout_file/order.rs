//! The order of targets: `after` by name → by place; what is ambiguous or circular is wrong.

use super::door::Wrongs;
use super::target::{Kind, Target, Unordered};

/// Looks up what `after` names. All that is wrong goes to `wrongs`, with the path of its target.
pub(super) fn ordered(parsed: Vec<Unordered>, path: &str, wrongs: &mut Wrongs) -> Vec<Target> {
    let names: Vec<String> = parsed.iter().map(|one| one.target.name.clone()).collect();
    let mut targets = Vec::new();
    for (n, Unordered { mut target, after }) in parsed.into_iter().enumerate() {
        let here = format!("{path}[{n}]");
        if let Some(first) = names.iter().take(n).position(|name| *name == target.name) {
            wrongs.add(
                &here,
                format!(
                    "is called {:?} like {path}[{first}]; give one of them another \"name\"",
                    target.name
                ),
            );
        }
        if let Some(first) = targets
            .iter()
            .position(|other| same_service(other, &target))
        {
            wrongs.add(&here, format!("is the same service as {path}[{first}]"));
        }
        if let Some(first) = targets.iter().position(|other| same_stack(other, &target)) {
            wrongs.add(&here, format!("is the same stack as {path}[{first}]"));
        }
        for name in after {
            match names.iter().position(|known| *known == name) {
                Some(place) if place != n => target.after.push(place),
                Some(_) => wrongs.add(&format!("{here}.after"), "names the target itself"),
                None => wrongs.add(
                    &format!("{here}.after"),
                    format!(
                        "no target is named {name:?}; there are: {}",
                        names.join(", ")
                    ),
                ),
            }
        }
        target.after.dedup();
        targets.push(target);
    }
    let circle: Vec<&str> = stuck(&targets)
        .into_iter()
        .filter_map(|n| names.get(n).map(String::as_str))
        .collect();
    if !circle.is_empty() {
        wrongs.add(
            path,
            format!("\"after\" goes round in a circle: {}", circle.join(", ")),
        );
    }
    targets
}

fn same_service(one: &Target, other: &Target) -> bool {
    matches!((&one.kind, &other.kind), (Kind::Service(a), Kind::Service(b)) if a == b)
        && one.cluster == other.cluster
        && one.same_place(other)
}

/// A stack is one of its account and region, by whatever role.
fn same_stack(one: &Target, other: &Target) -> bool {
    let name = |target: &Target| target.stack().map(|stack| stack.stack.clone());
    name(one).is_some()
        && name(one) == name(other)
        && (one.account(), &one.region) == (other.account(), &other.region)
}

/// Places of the targets that can never begin.
fn stuck(targets: &[Target]) -> Vec<usize> {
    let mut done: Vec<usize> = Vec::new();
    loop {
        let next = (0..targets.len()).find(|n| {
            !done.contains(n)
                && targets
                    .get(*n)
                    .is_some_and(|target| target.after.iter().all(|before| done.contains(before)))
        });
        match next {
            Some(next) => done.push(next),
            None => break,
        }
    }
    (0..targets.len()).filter(|n| !done.contains(n)).collect()
}

#[cfg(test)]
mod tests {
    use super::super::RolloutFile;
    use serde_json::{Value, json};

    fn parse(targets: Value) -> Result<RolloutFile, Vec<String>> {
        RolloutFile::from_value(&json!({"targets": targets, "region": "ap-southeast-2"}))
    }

    #[test]
    fn after_is_looked_up_by_name() {
        let file = parse(json!([
            {"service": "web", "cluster": "test", "after": ["migrate", "api"]},
            {"service": "service-2", "name": "api", "cluster": "test"},
            {"task": "migrate", "like": "web", "cluster": "test"},
        ]))
        .unwrap();
        assert_eq!(file.targets[0].after, [2, 1]);
        assert_eq!(file.targets[1].service(), "service-2");
        assert!(file.targets[2].task().is_some());
    }

    #[test]
    fn what_cannot_be_ordered_is_said() {
        for (targets, expected) in [
            (
                json!([{"service": "a", "cluster": "c", "after": "b"}]),
                "no target is named \"b\"; there are: a",
            ),
            (
                json!([{"service": "a", "cluster": "c", "after": ["a"]}]),
                "the target itself",
            ),
            (
                json!([
                    {"service": "a", "cluster": "c", "after": ["b"]},
                    {"service": "b", "cluster": "c", "after": ["a"]},
                    {"service": "x", "cluster": "c"},
                ]),
                "in a circle: a, b",
            ),
            (
                json!([{"service": "a", "cluster": "c"}, {"service": "a", "cluster": "c", "name": "other"}]),
                "the same service as targets[0]",
            ),
            (
                json!([
                    {"stack": "a", "role": "arn:aws:iam::333333333333:role/x"},
                    {"stack": "a", "role": "arn:aws:iam::333333333333:role/y", "name": "other"},
                ]),
                "targets[1]: is the same stack as targets[0]",
            ),
            (
                json!([{"service": "a", "cluster": "c"}, {"service": "a", "cluster": "d"}]),
                "give one of them another \"name\"",
            ),
        ] {
            let wrongs = parse(targets).unwrap_err().join("\n");
            assert!(wrongs.contains(expected), "{wrongs}");
        }
    }

    #[test]
    fn stacks_of_one_name_are_two_in_two_regions_or_accounts() {
        let elsewhere = |key: &str, value: &str| {
            let other = json!({"stack": "a", "name": "other", key: value});
            parse(json!([{"stack": "a"}, other, {"service": "a", "cluster": "c", "name": "s"}]))
        };
        assert!(elsewhere("region", "eu-west-1").is_ok());
        assert!(elsewhere("role", "arn:aws:iam::333333333333:role/x").is_ok());
        assert!(elsewhere("template", "Build::other.yaml").is_err());
    }

    #[test]
    fn ten_targets_are_taken_and_eleven_are_not() {
        let many = |count: usize| {
            let targets = (0..count).map(|n| json!({"service": format!("s{n}"), "cluster": "c"}));
            parse(targets.collect())
        };
        assert_eq!(many(10).unwrap().targets.len(), 10);
        assert!(many(11).unwrap_err().join("").contains("not 11"));
        assert!(many(0).is_err());
    }
}
