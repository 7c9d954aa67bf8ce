//! Faults: when one fires, what it does, and how AWS words a throttle in each protocol.

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use hyper::body::Bytes;
use serde_json::{Value, json};

use super::Call;

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

/// Changes the JSON that AWS answers to a call.
pub type Rewrite = Arc<dyn Fn(&Call, &mut Value) + Send + Sync>;

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
    /// AWS carries it out, as the caller may; what it grants in JSON is changed by what the call
    /// asks for, and a refusal stays as it is.
    RewriteAnswer(Rewrite),
}

impl What {
    /// A refusal of a JSON service: `__type` and `message`.
    pub fn error(status: u16, code: &str, message: &str) -> Self {
        Self::json(status, &json!({ "__type": code, "message": message }))
    }

    /// A canned answer of a JSON service.
    pub fn json(status: u16, body: &Value) -> Self {
        let content_type = "application/x-amz-json-1.1".to_owned();
        Self::Answer {
            status,
            content_type,
            body: body.to_string().into(),
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
    /// the answer comes from `rewrite`.
    pub fn rewrite_json(rewrite: impl Fn(&Call, &mut Value) + Send + Sync + 'static) -> Self {
        Self::RewriteAnswer(Arc::new(rewrite))
    }

    /// The body of an answer on its way to the caller; none when it goes as it is.
    pub(super) fn on_its_way(&self, call: &Call, status: u16, body: &Bytes) -> Option<Bytes> {
        match self {
            Self::EditAnswer(edit) => Some(edit(body.clone())),
            Self::RewriteAnswer(rewrite) if status == 200 => {
                let mut value = serde_json::from_slice(body).ok()?;
                rewrite(call, &mut value);
                Some(value.to_string().into())
            }
            _ => None,
        }
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

/// Status, content type and body of a throttle, in the form of the call's protocol.
pub(super) fn throttle(call: &Call) -> (u16, &'static str, Bytes) {
    let query = call
        .content_type
        .starts_with("application/x-www-form-urlencoded");
    match call.service.as_str() {
        "s3" => (
            503,
            "application/xml",
            Bytes::from_static(
                b"<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n<Error><Code>SlowDown</Code><Message>Please reduce your request rate.</Message><RequestId>REHEARSAL</RequestId></Error>",
            ),
        ),
        _ if query => (
            400,
            "text/xml",
            Bytes::from_static(
                b"<ErrorResponse><Error><Type>Sender</Type><Code>Throttling</Code><Message>Rate exceeded</Message></Error><RequestId>rehearsal</RequestId></ErrorResponse>",
            ),
        ),
        // Lambda and other REST services name the error in a header too; the SDKs read the body.
        "lambda" => (
            429,
            "application/json",
            Bytes::from_static(b"{\"__type\":\"TooManyRequestsException\",\"message\":\"Rate exceeded\"}"),
        ),
        _ => (
            400,
            "application/x-amz-json-1.1",
            Bytes::from_static(b"{\"__type\":\"ThrottlingException\",\"message\":\"Rate exceeded\"}"),
        ),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

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

    #[test]
    fn an_answer_is_rewritten_by_what_was_asked_for_and_a_refusal_is_not() {
        let what = What::rewrite_json(|call, answer| {
            answer["asked"] = call.request_json()["for"].clone();
        });
        let call = Call {
            request: Bytes::from_static(b"{\"for\":\"this\"}"),
            ..call(0, "ecs", "X")
        };
        let goes = |status, body: &'static str| {
            let body = what.on_its_way(&call, status, &Bytes::from_static(body.as_bytes()));
            body.map(|body| String::from_utf8_lossy(&body).into_owned())
        };
        assert_eq!(goes(200, "{}").as_deref(), Some("{\"asked\":\"this\"}"));
        assert_eq!(goes(400, "{}"), None);
        assert_eq!(goes(200, "no JSON"), None);
    }

    #[test]
    fn by_index() {
        let mut armed = armed(When::Index(1), 1);
        assert!(fire(&mut armed, &call(0, "ecs", "A")).is_none());
        assert!(fire(&mut armed, &call(1, "s3", "B")).is_some());
    }

    #[test]
    fn throttles_by_protocol() {
        let status = |service: &str, content_type: &str| {
            let call = Call {
                content_type: content_type.to_owned(),
                ..call(0, service, "X")
            };
            let (status, _, body) = throttle(&call);
            (
                status,
                String::from_utf8_lossy(&body).contains("Throttling"),
            )
        };
        assert_eq!(status("ecs", "application/x-amz-json-1.1"), (400, true));
        assert_eq!(
            status("sts", "application/x-www-form-urlencoded"),
            (400, true)
        );
        assert_eq!(status("s3", ""), (503, false));
    }
}
