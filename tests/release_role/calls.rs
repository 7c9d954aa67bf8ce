//! What the copier's two roles have to be able to do, and what for.

use rehearsal::suite;

use super::deployed::Deployed;

/// The calls of each role, in the order of [`roles`].
pub(super) fn calls(deployed: &Deployed) -> [Vec<Call>; 2] {
    [calls_at_home(deployed), calls_there(deployed)]
}

/// A call that one of the two roles has to be able to make, and what for.
pub(super) struct Call {
    pub(super) action: &'static str,
    pub(super) resource: String,
    pub(super) context: Vec<(&'static str, &'static str)>,
    pub(super) why: &'static str,
}

/// By way of the S3 of the bucket's region.
pub(super) const VIA_S3: (&str, &str) = ("kms:ViaService", "s3.ap-southeast-2.amazonaws.com");

/// What the copier does in its own name.
fn calls_at_home(deployed: &Deployed) -> Vec<Call> {
    let pipeline = "arn:aws:codepipeline:us-east-1:111111111111:orders";
    let log = "arn:aws:logs:us-east-1:111111111111:log-group:/aws/lambda/redbutton-artifact-copier:log-stream:1";
    let signing = deployed.signing.as_str();
    [
        ("logs:CreateLogStream", log, "Lambda writes its log"),
        ("logs:PutLogEvents", log, "Lambda writes its log"),
        ("xray:PutTraceSegments", "*", "Lambda sends its traces"),
        ("xray:PutTelemetryRecords", "*", "Lambda sends its traces"),
        ("codepipeline:PutJobSuccessResult", "*", "the answer"),
        ("codepipeline:PutJobFailureResult", "*", "the answer"),
        (
            "codepipeline:ListActionExecutions",
            pipeline,
            "the job's own action, proof and approvals",
        ),
        (
            "codepipeline:GetPipelineExecution",
            pipeline,
            "the execution's state and its commits",
        ),
        (
            "codepipeline:GetPipelineState",
            pipeline,
            "an approver whom the action's record does not name",
        ),
        ("kms:GetPublicKey", signing, "the envelope's keyid"),
        ("kms:Sign", signing, "the envelope's signature"),
        ("sts:AssumeRole", suite::RELEASE_ROLE, "the way there"),
    ]
    .map(|(action, resource, why)| Call {
        action,
        resource: resource.to_owned(),
        context: Vec::new(),
        why,
    })
    .into()
}

/// What it does in production.
fn calls_there(deployed: &Deployed) -> Vec<Call> {
    let bucket = format!("arn:aws:s3:::{}", suite::RELEASES_BUCKET);
    let object = |key: &str| format!("{bucket}/{key}");
    let (artifact, outcome) = (
        object("releases/orders/1/Build.zip"),
        object("outcomes/orders/1/000001-served.json"),
    );
    let (created, part) = (
        ("s3:ObjectCreationOperation", "true"),
        ("s3:ObjectCreationOperation", "false"),
    );
    [
        (
            "s3:ListBucket",
            &bucket,
            vec![("s3:prefix", "releases/orders/1/")],
            "what is there of a release",
        ),
        (
            "s3:ListBucket",
            &bucket,
            vec![("s3:prefix", "outcomes/orders/1/")],
            "whether there is an outcome",
        ),
        (
            "s3:PutObject",
            &artifact,
            vec![created, ("s3:if-none-match", "*")],
            "an object, or the end of one by parts",
        ),
        ("s3:PutObject", &artifact, vec![part], "a part of it"),
        (
            "s3:AbortMultipartUpload",
            &artifact,
            vec![],
            "an upload that is given up",
        ),
        (
            "s3:GetObject",
            &artifact,
            vec![],
            "reading back what was written",
        ),
        ("s3:GetObject", &outcome, vec![], "what came of it"),
        (
            "kms:GenerateDataKey",
            &deployed.key,
            vec![VIA_S3],
            "S3 encrypts an object",
        ),
        (
            "kms:Decrypt",
            &deployed.key,
            vec![VIA_S3],
            "S3 decrypts one, and the parts of an upload",
        ),
    ]
    .map(|(action, resource, context, why)| Call {
        action,
        resource: resource.clone(),
        context,
        why,
    })
    .into()
}
