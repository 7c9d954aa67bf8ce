//! Conditions, as IAM's reference has them: operators, keys that a request does not have, and keys
//! that have several values.

use serde_json::Value;

use super::{Context, like, texts};

/// Whether every condition of a statement holds.
pub(super) fn holds(conditions: Option<&Value>, context: &Context<'_>) -> bool {
    let operators = conditions.into_iter().flat_map(|all| {
        let all = all.as_object().unwrap();
        all.iter()
    });
    operators
        .flat_map(|(operator, keys)| {
            let keys = keys.as_object().unwrap().iter();
            keys.map(move |(key, values)| (operator, key, values))
        })
        .all(|(operator, key, values)| one(operator, key, values, context))
}

fn one(operator: &str, key: &str, values: &Value, context: &Context<'_>) -> bool {
    // Keys have no case; whether the values of one do is the operator's matter.
    let given = context
        .iter()
        .filter(|(name, _)| name.eq_ignore_ascii_case(key));
    let given: Vec<&str> = given.map(|(_, value)| *value).collect();
    if operator == "Null" {
        let missing = given.is_empty().to_string();
        return texts(values).any(|value| value == missing);
    }
    let (several, operator) = match operator.split_once(':') {
        Some((several, operator)) => (Some(several), operator),
        None => (None, operator),
    };
    let (if_exists, operator) = match operator.strip_suffix("IfExists") {
        Some(operator) => (true, operator),
        None => (false, operator),
    };
    let (negated, compare) = comparison(operator);
    let satisfies = |given: &&str| texts(values).any(|value| compare(value, given)) != negated;
    match several {
        // Of a key that is not there every value does, and none.
        Some("ForAllValues") => given.iter().all(satisfies),
        Some("ForAnyValue") => given.iter().any(satisfies) || (if_exists && given.is_empty()),
        Some(other) => panic!("{other} is not known here"),
        None => match given.as_slice() {
            [] => negated || if_exists,
            [given] => satisfies(given),
            several => panic!("{key} has several values, {several:?}, and {operator} is for one"),
        },
    }
}

/// A value that a policy has, and the one that the request has.
type Comparison = fn(&str, &str) -> bool;

/// What an operator compares, and whether it holds when that does not.
fn comparison(operator: &str) -> (bool, Comparison) {
    let equal: Comparison = |value, given| value == given;
    match operator {
        "StringEquals" => (false, equal),
        "StringNotEquals" => (true, equal),
        "StringLike" => (false, like),
        "StringNotLike" => (true, like),
        // IAM makes no difference between these.
        "ArnEquals" | "ArnLike" => (false, arn_like),
        "ArnNotEquals" | "ArnNotLike" => (true, arn_like),
        "Bool" => (false, |value, given| value.eq_ignore_ascii_case(given)),
        other => panic!("{other} is not known here"),
    }
}

/// ARNs are compared part by part: a `*` in one of the first five means nothing of the next.
fn arn_like(pattern: &str, arn: &str) -> bool {
    let parts = |arn: &'_ str| -> Vec<String> { arn.splitn(6, ':').map(str::to_owned).collect() };
    let (patterns, parts) = (parts(pattern), parts(arn));
    assert_eq!(patterns.len(), 6, "{pattern} is no ARN");
    let mut pairs = patterns.iter().zip(&parts);
    parts.len() == 6 && pairs.all(|(pattern, part)| like(pattern, part))
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[track_caller]
    fn check(conditions: &Value, context: &Context<'_>, expected: bool) {
        let found = holds(Some(conditions), context);
        assert_eq!(found, expected, "{conditions} {context:?}");
    }

    #[test]
    fn an_operator_compares_as_its_name_says() {
        let role = "arn:aws:iam::111111111111:role/a";
        for (operator, value, given, expected) in [
            ("StringEquals", "a", "a", true),
            ("StringEquals", "a*", "ab", false),
            ("StringEquals", "a", "A", false),
            ("StringNotEquals", "a", "a", false),
            ("StringNotEquals", "a", "b", true),
            ("StringLike", "a*", "ab", true),
            ("StringNotLike", "a*", "ab", false),
            ("Bool", "true", "True", true),
            ("Bool", "false", "true", false),
            ("ArnLike", "arn:aws:iam::111111111111:role/*", role, true),
            ("ArnEquals", "arn:aws:iam::*:role/a", role, true),
            // A wildcard stays in its part.
            (
                "ArnLike",
                "arn:aws:logs:*:log-group:a:log-stream:b",
                "arn:aws:logs:us-east-1:111111111111:log-group:a:log-stream:b",
                false,
            ),
            ("ArnLike", "arn:aws:iam::111111111111:role/b", role, false),
            ("ArnLike", "arn:aws:iam::*:role/*", "no ARN", false),
            ("ArnNotLike", "arn:aws:iam::111111111111:role/b", role, true),
            ("ArnNotEquals", role, role, false),
        ] {
            // Keys have no case.
            check(
                &json!({operator: {"x:Key": value}}),
                &[("X:key", given)],
                expected,
            );
            let among = json!({operator: {"x:Key": [value, "arn:no:such:one:at:all"]}});
            check(&among, &[("x:Key", given)], expected);
        }
    }

    #[test]
    fn every_operator_and_every_key_has_to_hold() {
        let conditions = json!({
            "StringEquals": {"x:A": "1", "x:B": ["2", "3"]},
            "Bool": {"x:C": "true"},
        });
        let context = [("x:A", "1"), ("x:B", "3"), ("x:C", "true")];
        check(&conditions, &context, true);
        for at in 0..context.len() {
            let mut changed = context;
            changed[at].1 = "other";
            check(&conditions, &changed, false);
        }
        assert!(holds(None, &context));
    }

    #[test]
    fn a_key_that_is_not_there_holds_for_what_denies() {
        for (operator, expected) in [
            ("StringEquals", false),
            ("StringLike", false),
            ("ArnLike", false),
            ("Bool", false),
            ("StringNotEquals", true),
            ("ArnNotLike", true),
            ("StringEqualsIfExists", true),
            ("BoolIfExists", true),
            ("ForAllValues:StringEquals", true),
            ("ForAllValues:StringNotEquals", true),
            ("ForAnyValue:StringEquals", false),
            ("ForAnyValue:StringNotEquals", false),
            ("ForAnyValue:StringEqualsIfExists", true),
        ] {
            check(&json!({operator: {"x:Key": "a"}}), &[], expected);
        }
        check(&json!({"Null": {"x:Key": "true"}}), &[], true);
        check(&json!({"Null": {"x:Key": "false"}}), &[], false);
        check(&json!({"Null": {"x:Key": "true"}}), &[("x:key", "")], false);
        check(&json!({"Null": {"x:Key": "false"}}), &[("x:key", "")], true);
    }

    #[test]
    fn a_key_may_have_several_values() {
        let several = [("x:Key", "a"), ("x:Key", "b")];
        for (operator, values, expected) in [
            ("ForAllValues:StringEquals", json!(["a", "b", "c"]), true),
            ("ForAllValues:StringEquals", json!(["a"]), false),
            ("ForAllValues:StringNotEquals", json!(["c"]), true),
            ("ForAllValues:StringNotEquals", json!(["b"]), false),
            ("ForAnyValue:StringEquals", json!(["b", "c"]), true),
            ("ForAnyValue:StringEquals", json!(["c"]), false),
            ("ForAnyValue:StringNotEquals", json!(["b"]), true),
            ("ForAnyValue:StringLike", json!("?"), true),
        ] {
            check(&json!({operator: {"x:Key": values}}), &several, expected);
        }
    }

    #[test]
    fn what_is_not_known_fails_the_test() {
        for operator in [
            "NumericLessThan",
            "IpAddress",
            "StringEqualsIgnoreCase",
            "ForSomeValues:StringEquals",
            "Stringequals",
        ] {
            let conditions = json!({operator: {"x:Key": "1"}});
            let asked = std::panic::catch_unwind(|| holds(Some(&conditions), &[("x:Key", "1")]));
            assert!(asked.is_err(), "{operator}");
        }
        // An operator for one value says nothing about two.
        let conditions = json!({"StringEquals": {"x:Key": "a"}});
        let several = [("x:Key", "a"), ("x:Key", "b")];
        let asked = std::panic::catch_unwind(|| holds(Some(&conditions), &several));
        assert!(asked.is_err());
    }
}
