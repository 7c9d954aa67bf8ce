//! What policies say, worked out here: the second witness for what the emulator does not check.
//!
//! Of a principal's policies, and of a bucket's or a key's, all in one account. Small, and strict
//! about what it does not know: an operator or an element of a statement that is not here fails the
//! test that comes upon it.

mod condition;

use serde_json::{Value, json};

/// What is known about a request besides action and resource, by condition key. A key that has
/// several values stands there several times.
pub(crate) type Context<'a> = [(&'a str, &'a str)];

/// The key that says who calls.
const CALLER: &str = "aws:PrincipalArn";

/// The statements of a principal's policies.
#[derive(Clone)]
pub(crate) struct Policies(Vec<Value>);

impl Policies {
    /// All of these documents.
    pub(crate) fn new(documents: &[Value]) -> Self {
        let statements = documents.iter().flat_map(statements).inspect(|statement| {
            assert_eq!(statement.get("Principal"), None, "{statement}");
        });
        Self(statements.collect())
    }

    /// What an administrator has, and the account's root without any policy.
    pub(crate) fn everything() -> Self {
        Self::new(&[json!({"Version": "2012-10-17", "Statement": [
            {"Effect": "Allow", "Action": "*", "Resource": "*"},
        ]})])
    }

    /// The same without one action: a statement that names nothing else is gone.
    pub(crate) fn without(&self, action: &str) -> Self {
        let mut statements = self.0.clone();
        for statement in &mut statements {
            let left = texts(&statement["Action"]).filter(|one| *one != action);
            statement["Action"] = left.collect();
        }
        Self(statements)
    }

    /// Whether a statement speaks of an action, on whatever and whenever. Actions have no case.
    pub(crate) fn name(&self, action: &str) -> bool {
        self.0.iter().any(|statement| names(statement, action))
    }

    /// Whether a call is allowed: an action on a resource, with what is known about the request.
    pub(crate) fn allow(&self, action: &str, resource: &str, context: &Context<'_>) -> bool {
        self.say("Allow", action, resource, context) && !self.say("Deny", action, resource, context)
    }

    fn say(&self, effect: &str, action: &str, resource: &str, context: &Context<'_>) -> bool {
        let mut all = self.0.iter();
        all.any(|statement| {
            statement["Effect"] == effect && applies(statement, action, resource, context)
        })
    }
}

/// Who calls.
#[derive(Clone)]
pub(crate) struct Caller {
    arn: String,
    policies: Policies,
}

impl Caller {
    /// The root of an account, which no policy of its own limits.
    pub(crate) fn root(account: &str) -> Self {
        Self::role(&root_of(account), Policies::everything())
    }

    /// A session of a role, by the role's ARN: AWS has that in `aws:PrincipalArn`, never the session's.
    pub(crate) fn role(arn: &str, policies: Policies) -> Self {
        let arn = arn.to_owned();
        Self { arn, policies }
    }

    /// Its own policies.
    pub(crate) fn policies(&self) -> &Policies {
        &self.policies
    }

    /// The same, with other policies of its own.
    pub(crate) fn with(&self, policies: Policies) -> Self {
        Self::role(&self.arn, policies)
    }

    fn account(&self) -> &str {
        self.arn.split(':').nth(4).unwrap()
    }
}

/// The policy of a resource, which names whom it speaks of.
pub(crate) struct ResourcePolicy {
    statements: Vec<Value>,
    kind: Kind,
}

/// What a resource of the caller's own account asks for.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Kind {
    /// That either policy allows it: the bucket's, or one of the principal's.
    Bucket,
    /// That the key's own policy allows it: to the principal, or to its account, and then one of the
    /// principal's policies, too.
    Key,
}

impl ResourcePolicy {
    /// A bucket's.
    pub(crate) fn of_bucket(document: &Value) -> Self {
        Self::new(document, Kind::Bucket)
    }

    /// A key's.
    pub(crate) fn of_key(document: &Value) -> Self {
        Self::new(document, Kind::Key)
    }

    fn new(document: &Value, kind: Kind) -> Self {
        let statements: Vec<Value> = statements(document).collect();
        for statement in &statements {
            let principal = &statement["Principal"];
            let named = principal == "*" || principal.get("AWS").is_some();
            assert!(named, "whom it speaks of is not known here: {statement}");
        }
        Self { statements, kind }
    }

    /// This policy without one action of one statement, in turn, and what that was.
    pub(crate) fn without_each(&self) -> Vec<(String, Self)> {
        let mut all = Vec::new();
        for (at, statement) in self.statements.iter().enumerate() {
            for action in texts(&statement["Action"]) {
                let mut statements = self.statements.clone();
                let left = texts(&statement["Action"]).filter(|one| *one != action);
                statements[at]["Action"] = left.collect();
                let kind = self.kind;
                let what = format!("{action} of {}", statement["Sid"]);
                all.push((what, Self { statements, kind }));
            }
        }
        all
    }

    /// Whether a call of this caller is allowed, by this policy and by the caller's own.
    pub(crate) fn let_pass(
        &self,
        caller: &Caller,
        action: &str,
        resource: &str,
        context: &Context<'_>,
    ) -> bool {
        let who = (CALLER, caller.arn.as_str());
        let context: Vec<(&str, &str)> = context.iter().copied().chain([who]).collect();
        let says = |effect: &str, whom: Whom| {
            self.statements.iter().any(|statement| {
                statement["Effect"] == effect
                    && whom.is_in(&statement["Principal"], caller)
                    && applies(statement, action, resource, &context)
            })
        };
        let own = &caller.policies;
        let denied = says("Deny", Whom::Any) || own.say("Deny", action, resource, &context);
        let allowed_here = says("Allow", Whom::Itself);
        let allowed_there = own.say("Allow", action, resource, &context);
        let enough = match self.kind {
            Kind::Bucket => allowed_here || allowed_there,
            Kind::Key => allowed_here || (says("Allow", Whom::Account) && allowed_there),
        };
        enough && !denied
    }
}

/// How a policy speaks of a caller.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Whom {
    /// By its own ARN, or of everybody.
    Itself,
    /// By its account.
    Account,
    /// Either way: a denial to an account is one to everybody in it.
    Any,
}

impl Whom {
    fn is_in(self, principal: &Value, caller: &Caller) -> bool {
        let account = root_of(caller.account());
        let of_account = |one: &str| one == account || one == caller.account();
        let of_itself = |one: &str| one == "*" || one == caller.arn;
        let named = match principal {
            Value::String(_) => principal,
            several => &several["AWS"],
        };
        texts(named).any(|one| match self {
            Self::Itself => of_itself(one),
            Self::Account => of_account(one),
            Self::Any => of_itself(one) || of_account(one),
        })
    }
}

fn root_of(account: &str) -> String {
    format!("arn:aws:iam::{account}:root")
}

/// The statements of a document, each of nothing but what is known here.
fn statements(document: &Value) -> impl Iterator<Item = Value> {
    const KNOWN: [&str; 7] = [
        "Sid",
        "Effect",
        "Principal",
        "Action",
        "Resource",
        "NotResource",
        "Condition",
    ];
    assert_eq!(document["Version"], "2012-10-17", "{document}");
    let statements = many(&document["Statement"]);
    statements.into_iter().cloned().inspect(|statement| {
        for element in statement.as_object().unwrap().keys() {
            assert!(KNOWN.contains(&element.as_str()), "{statement}");
        }
        let effect = &statement["Effect"];
        assert!(effect == "Allow" || effect == "Deny", "{statement}");
        let variable = statement.to_string().contains("${");
        assert!(!variable, "variables are not known here: {statement}");
    })
}

/// Whether a statement speaks of a call, whatever it says to it.
fn applies(statement: &Value, action: &str, resource: &str, context: &Context<'_>) -> bool {
    let among = |key| texts(&statement[key]).any(|pattern| like(pattern, resource));
    let on = match statement.get("NotResource") {
        Some(_) => !among("NotResource"),
        None => among("Resource"),
    };
    on && names(statement, action) && condition::holds(statement.get("Condition"), context)
}

fn names(statement: &Value, action: &str) -> bool {
    let action = action.to_lowercase();
    texts(&statement["Action"]).any(|pattern| like(&pattern.to_lowercase(), &action))
}

/// `*` is any text, `?` one character.
fn like(pattern: &str, text: &str) -> bool {
    match (pattern.chars().next(), text.chars().next()) {
        (None, None) => true,
        (Some('*'), _) => {
            let rest = &pattern[1..];
            let ends = text.char_indices().map(|(at, _)| at).chain([text.len()]);
            ends.into_iter().any(|at| like(rest, &text[at..]))
        }
        (Some(wanted), Some(found)) if wanted == '?' || wanted == found => {
            like(&pattern[wanted.len_utf8()..], &text[found.len_utf8()..])
        }
        _ => false,
    }
}

fn texts(value: &Value) -> impl Iterator<Item = &str> {
    many(value).into_iter().map(|text| text.as_str().unwrap())
}

/// One or several.
fn many(value: &Value) -> Vec<&Value> {
    match value {
        Value::Array(several) => several.iter().collect(),
        one => vec![one],
    }
}

#[cfg(test)]
mod tests;
