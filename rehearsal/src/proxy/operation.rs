//! What a request is: service, operation, region and access key, read from its signature and form.

use http::request::Parts;
use percent_encoding::percent_decode_str;

/// A request by its name.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Named {
    pub(super) service: String,
    pub(super) operation: String,
    pub(super) region: String,
    pub(super) access_key: String,
}

/// Names a request; what is not signed or not known has empty names or its method and path.
pub(super) fn name(parts: &Parts, body: &[u8]) -> Named {
    let (access_key, region, service) = scope(parts).unwrap_or_default();
    let operation = operation(&service, parts, body);
    Named {
        service,
        operation,
        region,
        access_key,
    }
}

/// Access key, region and service of the signature's scope (`Credential=AKID/date/region/service/…`).
fn scope(parts: &Parts) -> Option<(String, String, String)> {
    let query = parts.uri.query().unwrap_or_default();
    let credential = match header(parts, "authorization") {
        Some(signature) => signature
            .split("Credential=")
            .nth(1)?
            .split(',')
            .next()?
            .to_owned(),
        None => parameter(query, "X-Amz-Credential")?,
    };
    let mut scope = credential.split('/');
    let access_key = scope.next()?.to_owned();
    let region = scope.nth(1)?.to_owned();
    Some((access_key, region, scope.next()?.to_owned()))
}

fn operation(service: &str, parts: &Parts, body: &[u8]) -> String {
    if let Some(target) = header(parts, "x-amz-target") {
        return target.rsplit('.').next().unwrap_or(target).to_owned();
    }
    let path = parts.uri.path();
    let query = parts.uri.query().unwrap_or_default();
    let named = match service {
        // SDKs say which operation it is; others are told by the request's form.
        "s3" => parameter(query, "x-id").or_else(|| Some(s3(parts, query).to_owned())),
        "lambda" => path.ends_with("/invocations").then(|| "Invoke".to_owned()),
        // In CBOR, as SDKs ask CloudWatch.
        "monitoring" if path.contains("/operation/") => path.rsplit('/').next().map(str::to_owned),
        _ => parameter(query, "Action")
            .or_else(|| parameter(std::str::from_utf8(body).unwrap_or_default(), "Action")),
    };
    named.unwrap_or_else(|| format!("{} {path}", parts.method))
}

/// The S3 operation of a path-style request.
fn s3(parts: &Parts, query: &str) -> &'static str {
    let on_object = parts.uri.path().trim_start_matches('/').split_once('/');
    let on_object = on_object.is_some_and(|(_, key)| !key.is_empty());
    let has = |name: &str| parameter(query, name).is_some();
    let copies = header(parts, "x-amz-copy-source").is_some();
    match (parts.method.as_str(), on_object) {
        ("GET", true) if has("uploadId") => "ListParts",
        ("GET", true) if has("attributes") => "GetObjectAttributes",
        ("GET", true) if has("tagging") => "GetObjectTagging",
        ("GET", true) if has("retention") => "GetObjectRetention",
        ("GET", true) => "GetObject",
        ("HEAD", true) => "HeadObject",
        ("PUT", true) if has("partNumber") && copies => "UploadPartCopy",
        ("PUT", true) if has("partNumber") => "UploadPart",
        ("PUT", true) if has("tagging") => "PutObjectTagging",
        ("PUT", true) if has("retention") => "PutObjectRetention",
        ("PUT", true) if copies => "CopyObject",
        ("PUT", true) => "PutObject",
        ("POST", true) if has("uploads") => "CreateMultipartUpload",
        ("POST", true) if has("uploadId") => "CompleteMultipartUpload",
        ("DELETE", true) if has("uploadId") => "AbortMultipartUpload",
        ("DELETE", true) => "DeleteObject",
        ("GET", false) if has("list-type") => "ListObjectsV2",
        ("GET", false) if has("versions") => "ListObjectVersions",
        ("GET", false) if has("uploads") => "ListMultipartUploads",
        ("GET", false) if has("location") => "GetBucketLocation",
        ("GET", false) if has("versioning") => "GetBucketVersioning",
        ("GET", false) if parts.uri.path() == "/" => "ListBuckets",
        ("GET", false) => "ListObjects",
        ("HEAD", false) => "HeadBucket",
        ("PUT", false) if has("versioning") => "PutBucketVersioning",
        ("PUT", false) => "CreateBucket",
        ("POST", false) if has("delete") => "DeleteObjects",
        ("DELETE", false) => "DeleteBucket",
        _ => "Unknown",
    }
}

/// The value of a parameter in a query string or form; one without a value is empty.
pub(super) fn parameter(query: &str, name: &str) -> Option<String> {
    query.split('&').find_map(|pair| {
        let (key, value) = pair.split_once('=').unwrap_or((pair, ""));
        (key == name).then(|| percent_decode_str(value).decode_utf8_lossy().into_owned())
    })
}

fn header<'a>(parts: &'a Parts, name: &str) -> Option<&'a str> {
    parts
        .headers
        .get(name)
        .and_then(|value| value.to_str().ok())
}

#[cfg(test)]
mod tests {
    use super::*;
    use http::Request;

    const SIGNATURE: &str = "AWS4-HMAC-SHA256 Credential=ASIAX/20260101/ap-southeast-2/SERVICE/aws4_request, SignedHeaders=host, Signature=0";

    fn check(
        service: &str,
        method: &str,
        uri: &str,
        headers: &[(&str, &str)],
        body: &str,
        expected: &str,
    ) {
        let mut request = Request::builder()
            .method(method)
            .uri(uri)
            .header("authorization", SIGNATURE.replace("SERVICE", service));
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        let (parts, ()) = request.body(()).unwrap().into_parts();
        let named = name(&parts, body.as_bytes());
        assert_eq!(
            (named.service.as_str(), named.operation.as_str()),
            (service, expected)
        );
        assert_eq!(
            (named.region.as_str(), named.access_key.as_str()),
            ("ap-southeast-2", "ASIAX")
        );
    }

    #[test]
    fn names() {
        let target = [(
            "x-amz-target",
            "AmazonEC2ContainerServiceV20141113.UpdateService",
        )];
        check("ecs", "POST", "/", &target, "{}", "UpdateService");
        let target = [("x-amz-target", "AmazonSSM.PutParameter")];
        check("ssm", "POST", "/", &target, "{}", "PutParameter");
        let target = [("x-amz-target", "Logs_20140328.GetLogEvents")];
        check("logs", "POST", "/", &target, "{}", "GetLogEvents");
        check(
            "sts",
            "POST",
            "/",
            &[],
            "Action=AssumeRole&Version=2011-06-15",
            "AssumeRole",
        );
        let form = "Action=CreateChangeSet&Version=2010-05-15&StackName=web&Parameters.member.1.ParameterKey=Action&Parameters.member.1.ParameterValue=x";
        check("cloudformation", "POST", "/", &[], form, "CreateChangeSet");
        let form = "Version=2010-05-15&TemplateBody=Action%3DDeleteStack&Action=ExecuteChangeSet";
        check("cloudformation", "POST", "/", &[], form, "ExecuteChangeSet");
        check(
            "lambda",
            "POST",
            "/2015-03-31/functions/f/invocations",
            &[],
            "{}",
            "Invoke",
        );
        let path = "/service/GraniteServiceVersion20100801/operation/DescribeAlarms";
        check("monitoring", "POST", path, &[], "", "DescribeAlarms");
        check("s3", "GET", "/b/a/k?x-id=GetObject", &[], "", "GetObject");
        check("s3", "GET", "/b/a/k", &[], "", "GetObject");
        check(
            "s3",
            "GET",
            "/b?list-type=2&prefix=x",
            &[],
            "",
            "ListObjectsV2",
        );
        check("s3", "GET", "/b/?list-type=2", &[], "", "ListObjectsV2");
        check("s3", "HEAD", "/b/k", &[], "", "HeadObject");
        check("s3", "HEAD", "/b", &[], "", "HeadBucket");
        check("s3", "PUT", "/b/k", &[], "x", "PutObject");
        check(
            "s3",
            "PUT",
            "/b/k",
            &[("x-amz-copy-source", "/a/k")],
            "",
            "CopyObject",
        );
        check(
            "s3",
            "PUT",
            "/b/k?partNumber=1&uploadId=u",
            &[],
            "",
            "UploadPart",
        );
        check(
            "s3",
            "POST",
            "/b/k?uploads",
            &[],
            "",
            "CreateMultipartUpload",
        );
        check("eks", "GET", "/clusters", &[], "", "GET /clusters");
    }

    #[test]
    fn presigned_and_unsigned() {
        let uri = "/b/k?X-Amz-Credential=AKID%2F20260101%2Feu-west-1%2Fs3%2Faws4_request";
        let (parts, ()) = Request::builder().uri(uri).body(()).unwrap().into_parts();
        let named = name(&parts, b"");
        assert_eq!(
            (named.service.as_str(), named.operation.as_str()),
            ("s3", "GetObject")
        );
        let (parts, ()) = Request::builder().uri("/x").body(()).unwrap().into_parts();
        assert_eq!(name(&parts, b"").operation, "GET /x");
    }
}
