//! Cases for what policies say.

use super::*;

const ACCOUNT: &str = "222222222222";
const ROLE: &str = "arn:aws:iam::222222222222:role/carrier";

fn document(statements: &Value) -> Value {
    json!({"Version": "2012-10-17", "Statement": statements})
}

#[test]
fn patterns_are_matched_as_a_whole() {
    for (pattern, text, matches) in [
        ("a*c", "abbc", true),
        ("a*c", "abcd", false),
        ("*", "", true),
        ("a?c", "abc", true),
        ("a?c", "ac", false),
        ("stack/web/*", "stack/web-2/x", false),
        ("stack/*/*", "stack/web/x", true),
    ] {
        assert_eq!(like(pattern, text), matches, "{pattern} {text}");
    }
}

#[test]
fn a_call_is_allowed_by_one_statement_and_denied_by_any() {
    let policies = Policies::new(&[document(&json!([
        {"Effect": "Allow", "Action": ["s3:Get*", "s3:PutObject"], "Resource": "arn:b/*"},
        {"Effect": "Deny", "Action": "s3:*", "Resource": "arn:b/secret"},
        {"Effect": "Allow", "Action": "x:Make", "Resource": "*",
         "Condition": {"StringLike": {"x:Name": ["own-*", "ours"]}, "StringEquals": {"x:To": "a"}}},
        {"Effect": "Deny", "Action": "s3:Put*", "NotResource": ["arn:b/1", "arn:b/2*"]},
    ]))]);
    for (action, resource, context, allowed) in [
        ("s3:GetObject", "arn:b/1", &[][..], true),
        ("S3:putobject", "arn:b/1", &[], true),
        ("s3:PutObject", "arn:b/22", &[], true),
        ("s3:PutObject", "arn:b/3", &[], false),
        ("s3:GetObject", "arn:c/1", &[], false),
        ("s3:GetObject", "arn:b/secret", &[], false),
        ("s3:DeleteObject", "arn:b/1", &[], false),
        ("x:Make", "any", &[("x:Name", "own-1"), ("x:To", "a")], true),
        (
            "x:Make",
            "any",
            &[("x:Name", "own-1"), ("x:To", "b")],
            false,
        ),
        (
            "x:Make",
            "any",
            &[("x:Name", "theirs"), ("x:To", "a")],
            false,
        ),
        ("x:Make", "any", &[("x:To", "a")], false),
    ] {
        let found = policies.allow(action, resource, context);
        assert_eq!(found, allowed, "{action} {resource} {context:?}");
    }
    assert!(policies.name("s3:DeleteObject") && !policies.name("x:Break"));
}

#[test]
fn an_action_can_be_taken_out() {
    let policies = Policies::new(&[document(&json!([
        {"Effect": "Allow", "Action": ["a:One", "a:Two"], "Resource": "*"},
        {"Effect": "Allow", "Action": "a:Three", "Resource": "*"},
    ]))]);
    for gone in ["a:One", "a:Three"] {
        let left = policies.without(gone);
        for action in ["a:One", "a:Two", "a:Three"] {
            assert_eq!(left.allow(action, "x", &[]), action != gone, "{gone}");
        }
    }
}

/// A bucket's policy or a principal's own, and no denial in either.
#[test]
fn a_bucket_opens_by_either_policy_and_shuts_by_either() {
    let bucket = ResourcePolicy::of_bucket(&document(&json!([
        {"Effect": "Allow", "Principal": {"AWS": ROLE}, "Action": "s3:Get*", "Resource": "b/*"},
        {"Effect": "Allow", "Principal": {"AWS": "333333333333"}, "Action": "s3:*", "Resource": "b/*"},
        {"Effect": "Deny", "Principal": "*", "Action": "s3:Put*", "Resource": "b/*",
         "Condition": {"ArnNotLike": {"aws:PrincipalArn": [ROLE, "arn:aws:iam::*:role/x/*"]}}},
        {"Effect": "Deny", "Principal": {"AWS": ACCOUNT}, "Action": "s3:Delete*", "Resource": "b/*"},
    ])));
    let none = Policies::new(&[]);
    let denying = Policies::new(&[document(
        &json!([{"Effect": "Deny", "Action": "*", "Resource": "b/1"}]),
    )]);
    let (all, another) = (
        Policies::everything(),
        "arn:aws:iam::222222222222:role/carrier-2",
    );
    for (caller, action, passes) in [
        // The bucket's policy is enough, unless a policy of one's own denies.
        (Caller::role(ROLE, none.clone()), "s3:GetObject", true),
        (Caller::role(ROLE, denying), "s3:GetObject", false),
        (Caller::role(another, none), "s3:GetObject", false),
        // So is one's own, unless the bucket's denies.
        (Caller::role(another, all.clone()), "s3:GetObject", true),
        (Caller::role(another, all.clone()), "s3:PutObject", false),
        (Caller::role(ROLE, all.clone()), "s3:PutObject", true),
        (
            Caller::role("arn:aws:iam::222222222222:role/x/y", all),
            "s3:PutObject",
            true,
        ),
        // The account's root is one of its principals, and nobody is above a denial.
        (Caller::root(ACCOUNT), "s3:GetObject", true),
        (Caller::root(ACCOUNT), "s3:PutObject", false),
        (Caller::root(ACCOUNT), "s3:DeleteObject", false),
    ] {
        let found = bucket.let_pass(&caller, action, "b/1", &[]);
        assert_eq!(found, passes, "{} {action}", caller.arn);
    }
}

/// A key opens by its own policy only, which may leave it to the account's.
#[test]
fn a_key_opens_by_its_own_policy() {
    let key = ResourcePolicy::of_key(&document(&json!([
        {"Effect": "Allow", "Principal": {"AWS": "arn:aws:iam::222222222222:root"},
         "Action": "kms:*", "Resource": "*"},
        {"Effect": "Allow", "Principal": {"AWS": [ROLE]}, "Action": "kms:Verify", "Resource": "*"},
    ])));
    let without_account = ResourcePolicy::of_key(&document(&json!([
        {"Effect": "Allow", "Principal": {"AWS": ROLE}, "Action": "kms:*", "Resource": "*"},
    ])));
    let none = Policies::new(&[]);
    let bare = Caller::role(ROLE, none.clone());
    let admin = Caller::role(
        "arn:aws:iam::222222222222:role/admin",
        Policies::everything(),
    );
    let nobody = Caller::role("arn:aws:iam::222222222222:role/nobody", none);
    for (policy, caller, action, passes) in [
        (&key, &admin, "kms:Sign", true),
        (&key, &nobody, "kms:Sign", false),
        (&key, &bare, "kms:Sign", false),
        (&key, &bare, "kms:Verify", true),
        (&key, &Caller::root(ACCOUNT), "kms:Sign", true),
        (&key, &Caller::root("333333333333"), "kms:Sign", false),
        (&without_account, &bare, "kms:Sign", true),
        (&without_account, &admin, "kms:Sign", false),
        (
            &without_account,
            &Caller::root(ACCOUNT),
            "kms:Verify",
            false,
        ),
    ] {
        let found = policy.let_pass(caller, action, "key", &[]);
        assert_eq!(found, passes, "{} {action}", caller.arn);
    }
}

/// What is not known here is no reason to say yes, or no.
#[test]
fn what_is_not_known_fails_the_test() {
    let says = |statement: &Value| document(&json!([statement]));
    let statement = json!({"Effect": "Deny", "Principal": "*", "Action": "s3:*", "Resource": "*"});
    let mut unknown = Vec::new();
    for (element, value) in [
        ("NotAction", json!("s3:*")),
        ("NotPrincipal", json!({"AWS": "*"})),
        ("Principal", json!({"Service": "lambda.amazonaws.com"})),
        ("Effect", json!("Maybe")),
        ("Resource", json!("arn:aws:s3:::b/${aws:username}/*")),
    ] {
        let mut with = statement.clone();
        with[element] = value;
        unknown.push(says(&with));
    }
    let mut older = says(&statement);
    older["Version"] = json!("2008-10-17");
    unknown.push(older);
    for document in unknown {
        let read = std::panic::catch_unwind(|| ResourcePolicy::of_bucket(&document));
        assert!(read.is_err(), "{document}");
    }
    // A principal's own policy names nobody.
    let read = std::panic::catch_unwind(|| Policies::new(&[says(&statement)]));
    assert!(read.is_err());
}
