//! What is tried in the bucket for releases, who may, and which of the two witnesses says so.

use http::Method;

use super::who::Who;
use crate::policy::Context;

/// Who may do something.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum May {
    /// The writers of the prefix.
    Writers,
    /// Whoever has the right by policies of its own.
    Whoever,
    Nobody,
}

impl May {
    /// Whether `who` may, under `prefix`.
    pub(super) fn be_done(self, who: Who, prefix: &str) -> bool {
        match self {
            Self::Writers => who.writes(prefix),
            Self::Whoever => who.has_the_right(prefix),
            Self::Nobody => false,
        }
    }
}

/// What the emulator says.
pub(super) enum Emulator {
    /// The same, of everybody but the account's root, which it stops nowhere.
    Enforces(Request),
    /// It stops those who may not write there at all, and for the reason given nobody else.
    Half(Request, &'static str),
    /// It has no such call, or sees no difference, for the reason given.
    Lacks(&'static str),
}

use Emulator::{Enforces, Half, Lacks};
use May::{Nobody, Whoever, Writers};

/// A request: method, what comes after the key, a header, the body.
pub(super) type Request = (Method, &'static str, Option<Header>, &'static str);
type Header = (&'static str, &'static str);

/// Something that is tried.
pub(super) struct Try {
    pub(super) what: &'static str,
    /// What it is to IAM.
    pub(super) action: &'static str,
    /// What else a policy sees of it.
    pub(super) context: &'static Context<'static>,
    pub(super) may: May,
    pub(super) emulator: Emulator,
}

/// What is tried of an object, written down as a line of a table.
const fn line(
    what: &'static str,
    action: &'static str,
    context: &'static Context<'static>,
    may: May,
    emulator: Emulator,
) -> Try {
    Try {
        what,
        action,
        context,
        may,
        emulator,
    }
}

const CREATES: (&str, &str) = ("s3:ObjectCreationOperation", "true");
const FIRST: (&str, &str) = ("s3:if-none-match", "*");
const PART: (&str, &str) = ("s3:ObjectCreationOperation", "false");

const PLAIN: (&str, &str) = ("aws:SecureTransport", "false");
const STACK: (&str, &str) = ("aws:CalledVia", "cloudformation.amazonaws.com");
const FURTHER: (&str, &str) = ("aws:CalledVia", "athena.amazonaws.com");

const ONCE: Option<Header> = Some(("if-none-match", "*"));
const COPY: Option<Header> = Some(("x-amz-copy-source", SOURCE));
pub(super) const SOURCE: &str = "releases-222222222222-ap-southeast-2/releases/source";
const BYPASS: Option<Header> = Some(("x-amz-bypass-governance-retention", "true"));

/// Of an upload that is not there: S3 says so to whoever is let pass.
const UPLOAD: &str = "?uploadId=none";
const ONE_PART: &str = "?partNumber=1&uploadId=none";
const VERSION: &str = "?versionId=none";

const RETENTION: &str = "<Retention><Mode>GOVERNANCE</Mode>\
    <RetainUntilDate>2030-01-01T00:00:00Z</RetainUntilDate></Retention>";
/// With the entity tag of its only part to be put in.
pub(super) const COMPLETE: &str = "<CompleteMultipartUpload><Part><PartNumber>1</PartNumber>\
    <ETag>0</ETag></Part></CompleteMultipartUpload>";
const EXPIRES: &str = "<LifecycleConfiguration><Rule><ID>x</ID><Status>Enabled</Status>\
    <Filter><Prefix></Prefix></Filter><Expiration><Days>1</Days></Expiration></Rule>\
    </LifecycleConfiguration>";
const SUSPENDS: &str =
    "<VersioningConfiguration><Status>Suspended</Status></VersioningConfiguration>";

const NO_HEADER: &str = "it does not know s3:if-none-match";
const NO_CALL: &str = "a replication asks for it, which it does not have";
const ALL_TLS: &str = "to it all calls have come by TLS";
const NO_WAY: &str = "it does not know aws:CalledVia";

/// What is tried on an object. The deployed policies witness every line, the emulator what its last
/// column says.
pub(super) static OBJECTS: [Try; 15] = [
    line(
        "write it, once",
        "s3:PutObject",
        &[CREATES, FIRST],
        Writers,
        Enforces((Method::PUT, "", ONCE, "x")),
    ),
    line(
        "write over it",
        "s3:PutObject",
        &[CREATES],
        Nobody,
        Half((Method::PUT, "", None, "x"), NO_HEADER),
    ),
    line(
        "copy over it",
        "s3:PutObject",
        &[CREATES],
        Nobody,
        Half((Method::PUT, "", COPY, ""), NO_HEADER),
    ),
    line(
        "begin it by parts",
        "s3:PutObject",
        &[PART],
        Writers,
        Enforces((Method::POST, "?uploads", None, "")),
    ),
    line(
        "send a part",
        "s3:PutObject",
        &[PART],
        Writers,
        Enforces((Method::PUT, ONE_PART, None, "x")),
    ),
    line(
        "complete it, once",
        "s3:PutObject",
        &[CREATES, FIRST],
        Writers,
        Enforces((Method::POST, UPLOAD, ONCE, COMPLETE)),
    ),
    line(
        "complete it over what is there",
        "s3:PutObject",
        &[CREATES],
        Nobody,
        Half((Method::POST, UPLOAD, None, COMPLETE), NO_HEADER),
    ),
    line(
        "give its upload up",
        "s3:AbortMultipartUpload",
        &[],
        Whoever,
        Enforces((Method::DELETE, UPLOAD, None, "")),
    ),
    line(
        "delete it",
        "s3:DeleteObject",
        &[],
        Nobody,
        Enforces((Method::DELETE, "", None, "")),
    ),
    line(
        "delete a version of it",
        "s3:DeleteObjectVersion",
        &[],
        Nobody,
        Enforces((Method::DELETE, VERSION, None, "")),
    ),
    line(
        "shorten its lock",
        "s3:BypassGovernanceRetention",
        &[],
        Nobody,
        Enforces((Method::PUT, "?retention", BYPASS, RETENTION)),
    ),
    line(
        "replicate onto it",
        "s3:ReplicateObject",
        &[],
        Nobody,
        Lacks(NO_CALL),
    ),
    line(
        "replicate a deletion onto it",
        "s3:ReplicateDelete",
        &[],
        Nobody,
        Lacks(NO_CALL),
    ),
    line(
        "write it, once, without TLS",
        "s3:PutObject",
        &[CREATES, FIRST, PLAIN],
        Nobody,
        Lacks(ALL_TLS),
    ),
    line(
        "read it without TLS",
        "s3:GetObject",
        &[PLAIN],
        Nobody,
        Lacks(ALL_TLS),
    ),
];

/// What is tried on the bucket, in whose place S3 itself would delete, or not keep.
pub(super) static SETTINGS: [Try; 7] = [
    line(
        "let things expire",
        "s3:PutLifecycleConfiguration",
        &[],
        Nobody,
        Enforces((Method::PUT, "?lifecycle", None, EXPIRES)),
    ),
    line(
        "let them expire, by way of a stack",
        "s3:PutLifecycleConfiguration",
        &[STACK],
        Whoever,
        Lacks(NO_WAY),
    ),
    line(
        "the same, by a longer way",
        "s3:PutLifecycleConfiguration",
        &[STACK, FURTHER],
        Whoever,
        Lacks(NO_WAY),
    ),
    line(
        "let them expire, by another way",
        "s3:PutLifecycleConfiguration",
        &[FURTHER],
        Nobody,
        Lacks(NO_WAY),
    ),
    line(
        "keep no versions",
        "s3:PutBucketVersioning",
        &[],
        Nobody,
        Enforces((Method::PUT, "?versioning", None, SUSPENDS)),
    ),
    line(
        "keep none, by way of a stack",
        "s3:PutBucketVersioning",
        &[STACK],
        Whoever,
        Lacks(NO_WAY),
    ),
    line(
        "list it without TLS",
        "s3:ListBucket",
        &[PLAIN],
        Nobody,
        Lacks(ALL_TLS),
    ),
];

/// The prefixes that have writers, and one that has none.
pub(super) const PREFIXES: [&str; 4] = ["releases", "ledger", "outcomes", "elsewhere"];
