//! Whether a stack can be updated, and what frees one that cannot (CONTRACTS 3.6.7).

use super::Stack;
use crate::names::Arn;

/// How a stack stands before anything is done to it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Standing {
    /// It can be updated.
    Ready,
    /// There is none: it can only be created.
    Missing,
    /// Change sets that would create it are all there is, no resource yet: it can only be created,
    /// by another change set.
    InReview,
    /// Somebody else is at work on it, in these words; waiting helps.
    Busy(String),
    /// It cannot be updated until a person has done what these words say.
    Stuck(String),
}

/// What `UpdateStack` and change sets take.
const READY: [&str; 5] = [
    "CREATE_COMPLETE",
    "UPDATE_COMPLETE",
    "UPDATE_ROLLBACK_COMPLETE",
    "IMPORT_COMPLETE",
    "IMPORT_ROLLBACK_COMPLETE",
];

/// What is under way, and what it means. It ends by itself.
const BUSY: [(&str, &str); 9] = [
    ("CREATE_IN_PROGRESS", "it is being created"),
    ("ROLLBACK_IN_PROGRESS", "its creation is being undone"),
    ("DELETE_IN_PROGRESS", "it is being deleted"),
    ("UPDATE_IN_PROGRESS", "it is being updated"),
    (
        "UPDATE_COMPLETE_CLEANUP_IN_PROGRESS",
        "it was updated, and what was replaced is being deleted",
    ),
    (
        "UPDATE_ROLLBACK_IN_PROGRESS",
        "an update is being rolled back",
    ),
    (
        "UPDATE_ROLLBACK_COMPLETE_CLEANUP_IN_PROGRESS",
        "an update was rolled back, and what it had made is being deleted",
    ),
    ("IMPORT_IN_PROGRESS", "resources are being imported into it"),
    (
        "IMPORT_ROLLBACK_IN_PROGRESS",
        "an import of resources is being rolled back",
    ),
];

/// What only a person ends: the state, what it means, the call of the AWS CLI, and what is to be
/// known about that call. redbutton makes none of them: two would delete (CONTRACTS 3.6.8).
const STUCK: [(&str, &str, &str, &str); 7] = [
    (
        "ROLLBACK_COMPLETE",
        "its creation failed and was undone; what is left is a name, which cannot be updated",
        "delete-stack",
        "and release again with \"create\": true",
    ),
    (
        "ROLLBACK_FAILED",
        "its creation failed, and undoing it failed as well; some resources are left",
        "delete-stack",
        "and release again with \"create\": true",
    ),
    (
        "CREATE_FAILED",
        "its creation failed and was not undone; some resources are there",
        "rollback-stack",
        "which deletes it, since it never stood, and release again with \"create\": true",
    ),
    (
        "DELETE_FAILED",
        "somebody deleted it, and some resources could not be deleted; the rest are gone",
        "delete-stack",
        "with --retain-resources for what cannot be deleted",
    ),
    (
        "UPDATE_FAILED",
        "an update failed and was not rolled back; some resources are of the new version",
        "rollback-stack",
        "which brings back the version before",
    ),
    (
        "UPDATE_ROLLBACK_FAILED",
        "an update failed, and rolling it back failed as well",
        "continue-update-rollback",
        "once what stood in its way is mended, or with --resources-to-skip for what cannot be \
         brought back",
    ),
    (
        "IMPORT_ROLLBACK_FAILED",
        "an import of resources failed, and rolling it back failed as well; AWS documents no call \
         that ends this state",
        "describe-stack-events",
        "to see which resource it was, and ask AWS Support",
    ),
];

/// How the stack `name` in `region` stands.
pub fn of(stack: Option<&Stack>, name: &str, region: &str) -> Standing {
    let Some(stack) = stack else {
        return Standing::Missing;
    };
    let status = stack.status.as_str();
    match status {
        // Only asked for by ARN does a deleted stack still answer.
        "DELETE_COMPLETE" => return Standing::Missing,
        "REVIEW_IN_PROGRESS" => return Standing::InReview,
        _ => {}
    }
    if let Some(parent) = &stack.parent {
        return Standing::Stuck(format!(
            "stack {name} is nested in stack {}, whose next update would undo this one: write the \
             stack at the root as the target",
            name_of(parent)
        ));
    }
    if READY.contains(&status) {
        return Standing::Ready;
    }
    let said = match stack.reason.as_str() {
        "" => String::new(),
        reason => format!(" (CloudFormation: {reason})"),
    };
    let is = format!("stack {name} is {status}");
    if let Some((_, meaning)) = BUSY.iter().find(|(busy, _)| *busy == status) {
        return Standing::Busy(format!("{is}: {meaning}{said}"));
    }
    let run =
        |call: &str| format!("`aws cloudformation {call} --stack-name {name} --region {region}`");
    if let Some((_, meaning, call, note)) = STUCK.iter().find(|(stuck, ..)| *stuck == status) {
        let run = run(call);
        return Standing::Stuck(format!("{is}: {meaning}{said}. Run {run}, {note}"));
    }
    if status.ends_with("_IN_PROGRESS") {
        return Standing::Busy(format!("{is}: somebody is at work on it{said}"));
    }
    Standing::Stuck(format!(
        "{is}, a state that redbutton does not know{said}. See {}",
        run("describe-stack-events")
    ))
}

/// The name in a stack's ARN, `…:stack/<name>/<uuid>`; the text itself when it is none.
fn name_of(id: &str) -> &str {
    Arn::parse(id)
        .and_then(|arn| arn.resource.strip_prefix("stack/"))
        .and_then(|rest| rest.split('/').next())
        .unwrap_or(id)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn stand(status: &str) -> Standing {
        let stack = Stack {
            status: status.into(),
            reason: "said so".into(),
            ..Stack::default()
        };
        of(Some(&stack), "web", "ap-southeast-2")
    }

    /// Every status of the API (bc:cloudformation StackStatus): `ready`, `missing`, `review`,
    /// `busy`, or the call that frees it.
    const EVERY: [(&str, &str); 23] = [
        ("CREATE_IN_PROGRESS", "busy"),
        ("CREATE_FAILED", "rollback-stack"),
        ("CREATE_COMPLETE", "ready"),
        ("ROLLBACK_IN_PROGRESS", "busy"),
        ("ROLLBACK_FAILED", "delete-stack"),
        ("ROLLBACK_COMPLETE", "delete-stack"),
        ("DELETE_IN_PROGRESS", "busy"),
        ("DELETE_FAILED", "delete-stack"),
        ("DELETE_COMPLETE", "missing"),
        ("UPDATE_IN_PROGRESS", "busy"),
        ("UPDATE_COMPLETE_CLEANUP_IN_PROGRESS", "busy"),
        ("UPDATE_COMPLETE", "ready"),
        ("UPDATE_FAILED", "rollback-stack"),
        ("UPDATE_ROLLBACK_IN_PROGRESS", "busy"),
        ("UPDATE_ROLLBACK_FAILED", "continue-update-rollback"),
        ("UPDATE_ROLLBACK_COMPLETE_CLEANUP_IN_PROGRESS", "busy"),
        ("UPDATE_ROLLBACK_COMPLETE", "ready"),
        ("REVIEW_IN_PROGRESS", "review"),
        ("IMPORT_IN_PROGRESS", "busy"),
        ("IMPORT_COMPLETE", "ready"),
        ("IMPORT_ROLLBACK_IN_PROGRESS", "busy"),
        ("IMPORT_ROLLBACK_FAILED", "describe-stack-events"),
        ("IMPORT_ROLLBACK_COMPLETE", "ready"),
    ];

    // rules: 3.6.7
    #[test]
    fn every_state_is_ready_or_waited_for_or_explained() {
        for (status, expected) in EVERY {
            match (stand(status), expected) {
                (Standing::Ready, "ready")
                | (Standing::Missing, "missing")
                | (Standing::InReview, "review") => {}
                (Standing::Busy(words), "busy") => {
                    let begins = format!("stack web is {status}: ");
                    assert!(words.starts_with(&begins), "{words}");
                    assert!(words.ends_with(" (CloudFormation: said so)"), "{words}");
                    assert!(!words.contains("somebody is"), "{status} has no meaning");
                }
                (Standing::Stuck(words), call) => {
                    let run = format!(
                        "`aws cloudformation {call} --stack-name web --region ap-southeast-2`"
                    );
                    assert!(words.contains(&run), "{words}");
                    assert!(words.contains(status), "{words}");
                    assert!(words.contains("(CloudFormation: said so)"), "{words}");
                }
                (standing, _) => panic!("{status} is {standing:?}, not {expected}"),
            }
        }
        assert_eq!(of(None, "web", "ap-southeast-2"), Standing::Missing);
    }

    #[test]
    fn states_of_the_future_are_waited_for_or_refused() {
        assert!(matches!(stand("MOVE_IN_PROGRESS"), Standing::Busy(_)));
        let Standing::Stuck(words) = stand("MOVE_FAILED") else {
            panic!("a state that nobody knows");
        };
        assert!(words.contains("does not know"), "{words}");
    }

    #[test]
    fn a_nested_stack_is_updated_through_its_root() {
        let arn = "arn:aws:cloudformation:ap-southeast-2:333333333333:stack/platform/0a1b";
        for parent in [arn, "platform"] {
            let nested = Stack {
                status: "UPDATE_COMPLETE".into(),
                parent: Some(parent.into()),
                ..Stack::default()
            };
            let standing = of(Some(&nested), "web", "ap-southeast-2");
            let Standing::Stuck(words) = standing else {
                panic!("{standing:?}");
            };
            assert!(words.contains("nested in stack platform,"), "{words}");
        }
    }
}
