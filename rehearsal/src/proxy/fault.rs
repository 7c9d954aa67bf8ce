//! Faults: when one fires, and what it does.

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use http::header::CONTENT_LENGTH;
use hyper::body::Bytes;
use serde_json::Value;

use super::Call;
use super::wording::{JSON, XML, query_answer};
use crate::wire::Response;

/// Something that goes wrong, once, at one call of a function.
#[derive(Clone, Debug)]
pub struct Fault {
    /// Which call.
    pub when: When,
    /// What happens to it.
    pub what: What,
}

/// Which call a fault hits.
#[derive(Clone)]
pub enum When {
    /// The `nth` (from 1, counted since the fault was injected) call of an operation.
    Call {
        /// As in a signature's scope: `ecs`, `s3`, `sts`, `codepipeline`.
        service: String,
        /// Such as `UpdateService`.
        operation: String,
        /// 1 is the next one.
        nth: usize,
    },
    /// The call with this [`Call::index`] (from 0, counted since [`super::Proxy::reset`]).
    Index(usize),
    /// The first call that this holds for; it sees the request only.
    Matches(Arc<dyn Fn(&Call) -> bool + Send + Sync>),
}

impl When {
    /// The next call of an operation.
    pub fn next(service: &str, operation: &str) -> Self {
        Self::nth(service, operation, 1)
    }

    /// The `nth` call of an operation from now on.
    pub fn nth(service: &str, operation: &str, nth: usize) -> Self {
        Self::Call {
            service: service.to_owned(),
            operation: operation.to_owned(),
            nth,
        }
    }
}

impl fmt::Debug for When {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Call {
                service,
                operation,
                nth,
            } => write!(f, "{service}:{operation} #{nth}"),
            Self::Index(index) => write!(f, "call {index}"),
            Self::Matches(_) => f.write_str("a call that matches"),
        }
    }
}

/// What AWS answers to a call in place of the emulator's answer: status and body, or none where that
/// stays.
pub type Rewrite = Arc<dyn Fn(&Call, &Response) -> Option<(u16, Bytes)> + Send + Sync>;

/// What happens to the call.
#[derive(Clone)]
pub enum What {
    /// It waits this long before it is carried out.
    Delay(Duration),
    /// AWS carries nothing out and asks to slow down.
    Throttle,
    /// AWS carries it out; the connection closes without an answer.
    DropAnswer,
    /// AWS carries it out; the answer never comes, until the client gives up.
    NeverAnswer,
    /// The function's process is killed before AWS hears of the call.
    KillBefore,
    /// The function's process is killed after AWS carried the call out, before it hears so.
    KillAfter,
    /// AWS carries nothing out and refuses, in the words of the call's protocol.
    Refuse {
        /// The HTTP status.
        status: u16,
        /// Such as `ClientException`.
        code: String,
        /// What AWS says about it.
        message: String,
    },
    /// AWS carries nothing out; this is the answer.
    Answer {
        /// The HTTP status.
        status: u16,
        /// Such as `application/x-amz-json-1.1`.
        content_type: String,
        /// The body.
        body: Bytes,
    },
    /// AWS carries it out; the body of its answer is changed on the way.
    EditAnswer(Arc<dyn Fn(Bytes) -> Bytes + Send + Sync>),
    /// AWS carries it out, as the caller may; its answer is changed by what the call asks for.
    RewriteAnswer(Rewrite),
}

impl What {
    /// A refusal, such as 400 `ClientException`.
    pub fn error(status: u16, code: &str, message: &str) -> Self {
        let (code, message) = (code.to_owned(), message.to_owned());
        Self::Refuse {
            status,
            code,
            message,
        }
    }

    /// A canned answer of a JSON service.
    pub fn json(status: u16, body: &Value) -> Self {
        Self::Answer {
            status,
            content_type: JSON.to_owned(),
            body: body.to_string().into(),
        }
    }

    /// A canned answer of a Query service: what is inside the operation's result element.
    pub fn query(operation: &str, result: &str) -> Self {
        Self::Answer {
            status: 200,
            content_type: XML.to_owned(),
            body: query_answer(operation, result).into(),
        }
    }

    /// Changes a JSON answer; one that is not JSON stays as it is.
    pub fn edit_json(edit: impl Fn(&mut Value) + Send + Sync + 'static) -> Self {
        Self::EditAnswer(Arc::new(move |body| match serde_json::from_slice(&body) {
            Ok(mut value) => {
                edit(&mut value);
                value.to_string().into()
            }
            Err(_) => body,
        }))
    }

    /// Plays a part that AWS has and the emulator has not: permissions are checked by the emulator,
    /// what it grants is changed by `rewrite`, and what it refuses stays refused.
    pub fn rewrite_json(rewrite: impl Fn(&Call, &mut Value) + Send + Sync + 'static) -> Self {
        Self::RewriteAnswer(Arc::new(move |call, answer| {
            let granted = (answer.status == 200).then_some(&answer.body)?;
            let mut value = serde_json::from_slice(granted).ok()?;
            rewrite(call, &mut value);
            Some((200, value.to_string().into()))
        }))
    }

    /// As [`What::rewrite_json`], for a Query service: `rewrite` gets the emulator's XML and returns
    /// what is inside the operation's result element, or none where the answer stays. It may also
    /// know what the emulator does not find; only what IAM denies stays denied.
    pub fn rewrite_query(
        rewrite: impl Fn(&Call, &str) -> Option<String> + Send + Sync + 'static,
    ) -> Self {
        Self::RewriteAnswer(Arc::new(move |call, answer| {
            let allowed = (answer.status != 403).then_some(&answer.body)?;
            let result = rewrite(call, &String::from_utf8_lossy(allowed))?;
            Some((200, query_answer(&call.operation, &result).into()))
        }))
    }

    /// Changes an answer on its way to the caller, if this is what it does.
    pub(super) fn change(&self, call: &Call, answer: &mut Response) {
        let (status, body) = match self {
            Self::EditAnswer(edit) => (answer.status, edit(answer.body.clone())),
            Self::RewriteAnswer(rewrite) => match rewrite(call, answer) {
                Some(rewritten) => rewritten,
                None => return,
            },
            _ => return,
        };
        (answer.status, answer.body) = (status, body);
        answer.headers.remove(CONTENT_LENGTH);
        // A checksum of the body that it was.
        answer.headers.remove("x-amz-crc32");
    }
}

impl fmt::Debug for What {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Delay(time) => write!(f, "Delay({time:?})"),
            Self::Throttle => f.write_str("Throttle"),
            Self::DropAnswer => f.write_str("DropAnswer"),
            Self::NeverAnswer => f.write_str("NeverAnswer"),
            Self::KillBefore => f.write_str("KillBefore"),
            Self::KillAfter => f.write_str("KillAfter"),
            Self::Refuse { status, code, .. } => write!(f, "Refuse({status} {code})"),
            Self::Answer { status, .. } => write!(f, "Answer({status})"),
            Self::EditAnswer(_) => f.write_str("EditAnswer"),
            Self::RewriteAnswer(_) => f.write_str("RewriteAnswer"),
        }
    }
}

/// A fault that waits for its call.
#[derive(Debug)]
pub(super) struct Armed {
    pub(super) fault: Fault,
    /// Calls of its operation since it was injected.
    pub(super) seen: usize,
    /// How often it still fires.
    pub(super) left: usize,
}

/// Counts `call` for every armed fault; the first that it sets off fires, and goes when spent.
pub(super) fn fire(armed: &mut Vec<Armed>, call: &Call) -> Option<What> {
    let mut fired = None;
    for candidate in armed.iter_mut() {
        let hit = match &candidate.fault.when {
            When::Index(index) => *index == call.index,
            When::Matches(matches) => matches(call),
            When::Call {
                service,
                operation,
                nth,
            } => {
                let named = *service == call.service && *operation == call.operation;
                candidate.seen += usize::from(named);
                named && candidate.seen >= *nth
            }
        };
        if hit && fired.is_none() && candidate.left > 0 {
            candidate.left -= 1;
            fired = Some(candidate.fault.what.clone());
        }
    }
    armed.retain(|candidate| candidate.left > 0);
    fired
}

#[cfg(test)]
mod tests {
    use super::*;
    use http::HeaderMap;

    fn call(index: usize, service: &str, operation: &str) -> Call {
        Call {
            index,
            service: service.to_owned(),
            operation: operation.to_owned(),
            ..Call::default()
        }
    }

    fn armed(when: When, left: usize) -> Vec<Armed> {
        vec![Armed {
            fault: Fault {
                when,
                what: What::Throttle,
            },
            seen: 0,
            left,
        }]
    }

    #[test]
    fn a_fault_fires_once_at_its_call() {
        let mut armed = armed(When::nth("ecs", "DescribeServices", 2), 1);
        let fired: Vec<bool> = [
            "DescribeServices",
            "UpdateService",
            "DescribeServices",
            "DescribeServices",
        ]
        .into_iter()
        .enumerate()
        .map(|(index, operation)| fire(&mut armed, &call(index, "ecs", operation)).is_some())
        .collect();
        assert_eq!(fired, [false, false, true, false]);
        assert!(armed.is_empty());
    }

    #[test]
    fn a_fault_may_fire_more_often() {
        let mut armed = armed(When::next("sts", "AssumeRole"), 2);
        let mut fires = || fire(&mut armed, &call(0, "sts", "AssumeRole")).is_some();
        assert_eq!([fires(), fires(), fires()], [true, true, false]);
    }

    fn changed(what: &What, call: &Call, status: u16, body: &'static str) -> (u16, String) {
        let mut answer = Response {
            status,
            headers: HeaderMap::new(),
            body: Bytes::from_static(body.as_bytes()),
        };
        what.change(call, &mut answer);
        let body = String::from_utf8_lossy(&answer.body).into_owned();
        (answer.status, body)
    }

    #[test]
    fn an_answer_is_rewritten_by_what_was_asked_for_and_a_refusal_is_not() {
        let what = What::rewrite_json(|call, answer| {
            answer["asked"] = call.request_json()["for"].clone();
        });
        let call = Call {
            request: Bytes::from_static(b"{\"for\":\"this\"}"),
            ..call(0, "ecs", "X")
        };
        let goes = |status, body| changed(&what, &call, status, body).1;
        assert_eq!(goes(200, "{}"), "{\"asked\":\"this\"}");
        assert_eq!(goes(400, "{}"), "{}");
        assert_eq!(goes(200, "no JSON"), "no JSON");
    }

    #[test]
    fn a_query_answer_is_played_unless_iam_denies_the_call() {
        let what = What::rewrite_query(|call, _| {
            let asked = call.request_parameter("ChangeSetName")?;
            Some(format!("<ChangeSetName>{asked}</ChangeSetName>"))
        });
        let asking = |request: &'static str| Call {
            request: Bytes::from_static(request.as_bytes()),
            ..call(0, "cloudformation", "DescribeChangeSet")
        };
        let (named, unnamed) = (asking("Action=X&ChangeSetName=a%2Fb"), asking("Action=X"));
        let (status, body) = changed(&what, &named, 404, "unknown");
        assert_eq!(status, 200);
        let result =
            "<DescribeChangeSetResult><ChangeSetName>a/b</ChangeSetName></DescribeChangeSetResult>";
        assert!(body.contains(result), "{body}");
        let stays = |call, status| changed(&what, call, status, "as it is");
        assert_eq!(stays(&named, 403), (403, "as it is".to_owned()));
        assert_eq!(stays(&unnamed, 400), (400, "as it is".to_owned()));
    }

    #[test]
    fn by_index() {
        let mut armed = armed(When::Index(1), 1);
        assert!(fire(&mut armed, &call(0, "ecs", "A")).is_none());
        assert!(fire(&mut armed, &call(1, "s3", "B")).is_some());
    }
}
