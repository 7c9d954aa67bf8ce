//! What `through` promises: which calls it makes, and what arrives.

use serde_json::json;

use super::*;
use crate::replay::{Answer, Replay, replay};

/// Three parts of at most eight bytes.
const CONTENT: &str = "0123456789abcdefghij";
const SMALL: &str = "01234567";
const OWNER: &str = "222222222222";
const KEY: &str = "arn:aws:kms:ap-southeast-2:222222222222:key/0f";
const WHOLE_COPY: [&str; 8] = [
    "read 0-7",
    "create",
    "part 1 of u1: 01234567",
    "read 8-15 of v7",
    "part 2 of u1: 89abcdef",
    "read 16-19 of v7",
    "part 3 of u1: ghij",
    "complete u1",
];

fn sha256(content: &str) -> [u8; 32] {
    Sha256::digest(content).into()
}

/// As S3 calls an object in parts.
fn composite(parts: &[&str]) -> String {
    let all: Vec<u8> = parts.iter().flat_map(|part| sha256(part)).collect();
    format!("{}-{}", STANDARD.encode(Sha256::digest(all)), parts.len())
}

fn passed(content: &str, checksum: String) -> Passed {
    Passed {
        size: content.len() as u64,
        sha256: sha256(content),
        checksum,
    }
}

/// The answer to a read of these bytes of an object.
fn piece(of: &str, range: std::ops::Range<usize>) -> Answer {
    let told = format!("bytes {}-{}/{}", range.start, range.end - 1, of.len());
    Answer::from((206, json!(of[range.clone()])))
        .with("content-range", told)
        .with("content-length", range.len())
        .with("etag", "\"there\"")
        .with("x-amz-version-id", "v7")
}

fn created(upload: &str) -> Answer {
    let text = format!(
        "<InitiateMultipartUploadResult><UploadId>{upload}</UploadId>\
         </InitiateMultipartUploadResult>"
    );
    (200, json!(text)).into()
}

/// The answer to a put or to a part of it.
fn put(content: &str) -> Answer {
    Answer::from((200, json!("")))
        .with("etag", "\"new\"")
        .with("x-amz-version-id", "v1")
        .with("x-amz-checksum-sha256", checksum(&sha256(content)))
}

fn completed() -> Answer {
    let checksum = composite(&["01234567", "89abcdef", "ghij"]);
    let text = format!(
        "<CompleteMultipartUploadResult><ETag>\"new-3\"</ETag>\
         <ChecksumSHA256>{checksum}</ChecksumSHA256></CompleteMultipartUploadResult>"
    );
    Answer::from((200, json!(text))).with("x-amz-version-id", "v1")
}

fn refused(status: u16, code: &str) -> Answer {
    let text = format!("<Error><Code>{code}</Code><Message>why</Message></Error>");
    (status, json!(text)).into()
}

/// The answer to a list, when an upload is given up.
fn aborted() -> Answer {
    (204, json!("")).into()
}

/// The answers to a whole copy, in the order of [`WHOLE_COPY`].
fn whole_copy(upload: &str) -> Vec<Answer> {
    vec![
        piece(CONTENT, 0..8),
        created(upload),
        put("01234567"),
        piece(CONTENT, 8..16),
        put("89abcdef"),
        piece(CONTENT, 16..20),
        put("ghij"),
        completed(),
    ]
}

const QUICK: Pace = Pace {
    part_bytes: 8,
    pause: Duration::ZERO,
};

/// Runs `work` with an object to read and a bucket to write to.
async fn with<T>(
    answers: Vec<Answer>,
    kms_key: Option<&str>,
    work: impl AsyncFnOnce(Source<'_>, Bucket<'_>, &Until, &Replay) -> T,
) -> (T, Vec<String>, Replay) {
    let (config, replay) = replay(answers);
    let client = aws_sdk_s3::Client::new(&config);
    let source = Source {
        client: &client,
        bucket: "artifacts",
        key: "orders/Build/x.zip",
        written_until: None,
    };
    let bucket = Bucket {
        client: &client,
        name: "releases",
        owner: OWNER,
        kms_key,
    };
    let until = Until::at(Instant::now() + Duration::from_secs(600));
    let result = work(source, bucket, &until, &replay).await;
    let told = (0..replay.calls().len()).map(|call| told(&replay, call));
    let told = told.collect();
    (result, told, replay)
}

async fn copied(answers: Vec<Answer>) -> (Result<Written, Stopped>, Vec<String>, Replay) {
    with(answers, None, async |source, bucket, until, _| {
        copy_at(QUICK, source, bucket, "releases/a.zip", until).await
    })
    .await
}

/// A call in a few words.
fn told(replay: &Replay, call: usize) -> String {
    let (operation, body) = replay.calls()[call].clone();
    let address = replay.address(call);
    let query = address
        .split_once('?')
        .map(|(_, query)| query)
        .unwrap_or_default();
    let part = |key: &str| {
        let mut pairs = query.split('&').filter_map(|pair| pair.split_once('='));
        pairs.find(|(name, _)| *name == key).map(|(_, value)| value)
    };
    let upload = part("uploadId").unwrap_or_default();
    let body = body.as_str().unwrap();
    match operation.split_once(' ').unwrap().0 {
        "GET" => {
            let range = replay.header(call, "range").unwrap();
            let version = part("versionId").map(|version| format!(" of {version}"));
            let range = range.replace("bytes=", "");
            format!("read {range}{}", version.unwrap_or_default())
        }
        "POST" if query.starts_with("uploads") => "create".to_owned(),
        "POST" => format!("complete {upload}"),
        "DELETE" => format!("abort {upload}"),
        _ => match part("partNumber") {
            Some(number) => format!("part {number} of {upload}: {body}"),
            None => format!("put: {body}"),
        },
    }
}

// rules: 3.7.3 3.7.4 3.7.6 3.7.8 3.7.9 3.7.18
#[tokio::test]
async fn an_object_of_one_part_is_put_at_once_where_there_is_none() {
    for kms_key in [None, Some(KEY)] {
        let answers = vec![piece(SMALL, 0..8), put(SMALL)];
        let (written, told, replay) = with(answers, kms_key, async |source, bucket, until, _| {
            copy_at(QUICK, source, bucket, "releases/a.zip", until).await
        })
        .await;
        let expected = Written {
            passed: passed(SMALL, checksum(&sha256(SMALL))),
            version: "v1".to_owned(),
            etag: "\"new\"".to_owned(),
        };
        assert_eq!(written.unwrap(), expected);
        assert_eq!(told, ["read 0-7", "put: 01234567"]);
        let header = |name| replay.header(1, name);
        for (name, expected) in [
            ("if-none-match", Some("*")),
            ("x-amz-expected-bucket-owner", Some(OWNER)),
            // The checksum comes behind the content, of which nobody knows it before.
            ("x-amz-trailer", Some("x-amz-checksum-sha256")),
            ("x-amz-checksum-sha256", Some(&checksum(&sha256(SMALL)))),
            ("x-amz-decoded-content-length", Some("8")),
            ("x-amz-server-side-encryption", kms_key.map(|_| "aws:kms")),
            ("x-amz-server-side-encryption-aws-kms-key-id", kms_key),
            ("x-amz-acl", None),
            ("x-amz-tagging", None),
        ] {
            assert_eq!(header(name).as_deref(), expected, "{name}");
        }
    }
}

// rules: 3.7.1 3.7.3 3.7.4 3.7.5 3.7.6 3.7.11 3.7.18
#[tokio::test]
async fn a_larger_object_is_written_part_by_part_and_appears_at_the_end() {
    let (written, told, replay) = copied(whole_copy("u1")).await;
    assert_eq!(told, WHOLE_COPY);
    let checksum_of_parts = composite(&["01234567", "89abcdef", "ghij"]);
    let expected = Written {
        passed: passed(CONTENT, checksum_of_parts),
        version: "v1".to_owned(),
        etag: "\"new-3\"".to_owned(),
    };
    assert_eq!(written.unwrap(), expected);
    for (call, told) in told.iter().enumerate() {
        let header = |name| replay.header(call, name);
        let reads = told.starts_with("read");
        let owner = (!reads).then(|| OWNER.to_owned());
        assert_eq!(header("x-amz-expected-bucket-owner"), owner, "{told}");
        // Every read but the first is of the version that the first one saw.
        let pinned = (reads && call > 0).then(|| "\"there\"".to_owned());
        assert_eq!(header("if-match"), pinned, "{told}");
        if let Some((_, content)) = told.split_once(": ") {
            let sent = header("x-amz-checksum-sha256");
            assert_eq!(sent, Some(checksum(&sha256(content))), "{told}");
        }
    }
    let algorithm = replay.header(1, "x-amz-checksum-algorithm");
    assert_eq!(algorithm.as_deref(), Some("SHA256"));
    let header = |name| replay.header(7, name);
    assert_eq!(header("if-none-match").as_deref(), Some("*"));
    assert_eq!(header("x-amz-mp-object-size").as_deref(), Some("20"));
    let (_, completing) = replay.calls()[7].clone();
    for part in ["01234567", "89abcdef", "ghij"] {
        let checksum = checksum(&sha256(part));
        assert!(completing.as_str().unwrap().contains(&checksum), "{part}");
    }
}

// rules: 3.7.4
#[test]
fn the_largest_artifact_is_within_what_s3_takes() {
    let (largest, part): (u64, u64) = (5 << 30, PACE.part_bytes);
    assert!(
        largest.div_ceil(part) <= 10_000 && part >= 5 << 20,
        "{part}"
    );
}

// rules: 3.7.5
#[tokio::test]
async fn without_versions_the_entity_tag_alone_is_pinned() {
    let mut answers = whole_copy("u1");
    answers[0] = piece(CONTENT, 0..8).with("x-amz-version-id", "null");
    let (written, told, replay) = copied(answers).await;
    written.unwrap();
    assert_eq!(
        (told[3].as_str(), told[5].as_str()),
        ("read 8-15", "read 16-19")
    );
    assert_eq!(replay.header(5, "if-match").as_deref(), Some("\"there\""));
}

// rules: 3.7.6 3.7.13
#[tokio::test]
async fn an_object_that_is_there_is_left_alone() {
    let there = || refused(412, "PreconditionFailed");
    let (written, told, _) = copied(vec![piece(SMALL, 0..8), there()]).await;
    assert!(matches!(written, Err(Stopped::Exists)), "{written:?}");
    assert_eq!(told.len(), 2);
    let mut answers = whole_copy("u1");
    answers[7] = there();
    answers.push(aborted());
    let (written, told, _) = copied(answers).await;
    assert!(matches!(written, Err(Stopped::Exists)), "{written:?}");
    assert_eq!(told.last().unwrap(), "abort u1");
}

// rules: 3.7.6
#[tokio::test]
async fn who_meets_another_writer_begins_again() {
    let met = || refused(409, "ConditionalRequestConflict");
    let answers = vec![
        piece(SMALL, 0..8),
        met(),
        piece(SMALL, 0..8),
        met(),
        piece(SMALL, 0..8),
        put(SMALL),
    ];
    let (written, told, _) = copied(answers).await;
    assert_eq!(written.unwrap().passed.sha256, sha256(SMALL));
    let again = ["read 0-7 of v7", "put: 01234567"];
    assert_eq!(told[2..], [again, again].concat());

    // The upload of an object in parts is gone with it; or it has gone for another reason.
    for gone in [met(), refused(404, "NoSuchUpload")] {
        let mut answers = whole_copy("u1");
        answers[7] = gone;
        answers.push(refused(404, "NoSuchUpload"));
        let again = whole_copy("u2");
        let from = answers.len();
        // This time the first part is read after the upload was made.
        answers.extend([1, 0, 2, 3, 4, 5, 6, 7].map(|n| again[n].clone()));
        let (written, told, _) = copied(answers).await;
        assert_eq!(written.unwrap().passed.sha256, sha256(CONTENT));
        assert_eq!(told[from - 1], "abort u1");
        assert_eq!(told[from..from + 2], ["create", "read 0-7 of v7"]);
        assert_eq!(told.last().unwrap(), "complete u2");
    }
}

// rules: 3.7.6
#[tokio::test]
async fn a_writer_who_is_met_again_and_again_is_an_error() {
    let mut answers = whole_copy("u1");
    answers.pop();
    for _ in 0..ATTEMPTS {
        answers.push(refused(409, "ConditionalRequestConflict"));
        answers.push(aborted());
        answers.extend([1, 0, 2, 3, 4, 5, 6].map(|n| whole_copy("u1")[n].clone()));
    }
    answers.push(refused(409, "ConditionalRequestConflict"));
    answers.push(aborted());
    let (written, told, _) = copied(answers).await;
    assert!(
        matches!(written, Err(Stopped::Writing(error)) if error.code == "ConditionalRequestConflict")
    );
    assert_eq!(told.last().unwrap(), "abort u1");
}

// rules: 3.7.7 3.7.13
#[tokio::test]
async fn an_upload_that_fails_with_status_200_has_failed() {
    let failed = || refused(200, "InternalError");
    let mut answers = whole_copy("u1");
    answers.pop();
    let good = answers.clone();
    // The call itself is repeated, as often as any other.
    answers.extend([failed(), failed(), failed(), aborted()]);
    let (written, told, _) = copied(answers).await;
    let Err(Stopped::Writing(error)) = written else {
        panic!("{written:?}")
    };
    assert_eq!(
        (error.kind, error.code.as_str()),
        (Kind::Unanswered, "InternalError")
    );
    assert_eq!(
        told[7..],
        ["complete u1", "complete u1", "complete u1", "abort u1"]
    );

    let answers = [good, vec![failed(), completed()]].concat();
    let (written, _, _) = copied(answers).await;
    assert_eq!(written.unwrap().version, "v1");
}

// rules: 3.7.4 3.7.5
#[tokio::test]
async fn a_body_that_breaks_off_is_read_again_and_counts_once() {
    let broken = |range: std::ops::Range<usize>| piece(CONTENT, range).breaking_at(3);
    let body = |text: &str| Answer::from((206, json!(text))).with("content-range", "bytes 8-15/20");
    let (short, long) = (body("89abc"), body("89abcdefg"));
    for bad in [broken(8..16), short, long] {
        let mut answers = whole_copy("u1");
        answers.insert(3, bad);
        let (written, told, _) = copied(answers).await;
        assert_eq!(written.unwrap().passed.sha256, sha256(CONTENT));
        assert_eq!(told[3..5], ["read 8-15 of v7", "read 8-15 of v7"]);
    }
    // The very first body, which is pinned from then on.
    let answers = vec![broken(0..8), created("u1"), piece(CONTENT, 0..8)];
    let answers = [answers, whole_copy("u1")[2..].to_vec()].concat();
    let (written, told, _) = copied(answers).await;
    assert_eq!(written.unwrap().passed.sha256, sha256(CONTENT));
    assert_eq!(told[..3], ["read 0-7", "create", "read 0-7 of v7"]);

    // It does not go on for ever.
    let mut answers = whole_copy("u1");
    answers.truncate(3);
    answers.extend((0..ATTEMPTS).map(|_| broken(8..16)));
    answers.push(aborted());
    let (written, told, _) = copied(answers).await;
    assert!(written.is_err());
    assert_eq!(told.last().unwrap(), "abort u1");
}

// rules: 3.7.13
#[tokio::test]
async fn every_exit_gives_an_unfinished_upload_up() {
    for failing in 0..WHOLE_COPY.len() {
        let mut answers = whole_copy("u1");
        answers.truncate(failing);
        answers.push(refused(403, "AccessDenied"));
        answers.push(aborted());
        let (written, told, _) = copied(answers).await;
        let reads = WHOLE_COPY[failing].starts_with("read");
        match written {
            Err(Stopped::Reading(error)) if reads => assert_eq!(error.kind, Kind::Denied),
            Err(Stopped::Writing(error)) if !reads => assert_eq!(error.kind, Kind::Denied),
            other => panic!("{other:?}"),
        }
        let mut expected = WHOLE_COPY[..=failing].to_vec();
        if failing > 1 {
            expected.push("abort u1");
        }
        assert_eq!(told, expected);
    }
}

// rules: 3.7.13
#[tokio::test]
async fn what_nobody_waits_for_any_more_is_given_up() {
    let answers = vec![
        piece(CONTENT, 0..8),
        created("u1"),
        put("01234567"),
        piece(CONTENT, 8..16).stalling_at(3),
        aborted(),
    ];
    let (written, told, _) = with(answers, None, async |source, bucket, until, replay| {
        let copied = copy_at(QUICK, source, bucket, "releases/a.zip", until);
        let give_up = async {
            while replay.calls().len() < 4 {
                tokio::task::yield_now().await;
            }
            until.give_up();
        };
        tokio::join!(copied, give_up).0
    })
    .await;
    assert!(matches!(written, Err(Stopped::OutOfTime)), "{written:?}");
    assert_eq!(told.last().unwrap(), "abort u1");

    // Time that is over before the first call.
    let (stopped, told, _) = with(Vec::new(), None, async |source, bucket, _, _| {
        let until = Until::at(Instant::now());
        assert!(until.is_over());
        let copied = copy(source, bucket, "releases/a.zip", &until).await;
        (copied, read(source, &until).await)
    })
    .await;
    assert!(matches!(
        stopped,
        (Err(Stopped::OutOfTime), Err(Stopped::OutOfTime))
    ));
    assert!(told.is_empty());
}

// rules: 3.7.18
#[tokio::test]
async fn a_checksum_other_than_ours_is_refused() {
    let (written, _, _) = copied(vec![piece(SMALL, 0..8), put("other")]).await;
    assert!(matches!(written, Err(Stopped::Writing(_))), "{written:?}");
    for (call, other) in [
        (2, put("other")),
        (7, {
            let text = "<CompleteMultipartUploadResult><ChecksumSHA256>AAAA-3</ChecksumSHA256>\
                    </CompleteMultipartUploadResult>";
            Answer::from((200, json!(text)))
        }),
    ] {
        let mut answers = whole_copy("u1");
        answers[call] = other;
        answers.truncate(call + 1);
        answers.push(aborted());
        let (written, told, _) = copied(answers).await;
        let Err(Stopped::Writing(error)) = written else {
            panic!("{written:?}")
        };
        assert!(
            error.message.contains("S3 says that the SHA-256 is"),
            "{error}"
        );
        assert_eq!(told.last().unwrap(), "abort u1");
    }
}

// rules: 3.7.5 3.7.11 3.7.18
#[tokio::test]
async fn an_object_that_is_only_read_has_the_checksums_of_one_that_is_written() {
    for (content, checksum) in [
        (SMALL, checksum(&sha256(SMALL))),
        (CONTENT, composite(&["01234567", "89abcdef", "ghij"])),
    ] {
        let starts = (0..content.len()).step_by(8);
        let pieces = starts.map(|start| piece(content, start..content.len().min(start + 8)));
        let mut answers: Vec<Answer> = pieces.collect();
        answers.insert(0, answers[0].clone().breaking_at(5));
        let (read, told, _) = with(answers, None, async |source, _, until, _| {
            read_at(QUICK, source, until).await
        })
        .await;
        assert_eq!(read.unwrap(), passed(content, checksum));
        assert_eq!(told[..2], ["read 0-7", "read 0-7 of v7"]);
    }
}
