//! S3, as far as seeding and looking need it.

use anyhow::{Context, Result};
use http::Method;
use hyper::body::Bytes;

use super::Account;
use crate::AwsError;
use crate::signed::{encode, form};
use crate::wire::{Response, xml_texts};

impl Account {
    /// Creates a bucket in this region, with versions.
    pub fn create_bucket(&self, bucket: &str) -> Result<()> {
        let place = match self.region() {
            // S3 refuses a location constraint for the one region that came before them.
            "us-east-1" => String::new(),
            region => format!(
                "<CreateBucketConfiguration><LocationConstraint>{region}</LocationConstraint></CreateBucketConfiguration>"
            ),
        };
        self.s3(Method::PUT, &format!("/{bucket}"), &[], place.into())?;
        let versions =
            "<VersioningConfiguration><Status>Enabled</Status></VersioningConfiguration>";
        self.s3(
            Method::PUT,
            &format!("/{bucket}?versioning"),
            &[],
            versions.into(),
        )?;
        Ok(())
    }

    /// Creates a bucket in this region, with versions, unless it is there and this account's.
    pub fn ensure_bucket(&self, bucket: &str) -> Result<()> {
        self.create_bucket(bucket).or_else(|error| {
            let aws = error.downcast_ref::<AwsError>();
            match aws.is_some_and(|aws| aws.code == "BucketAlreadyOwnedByYou") {
                true => Ok(()),
                false => Err(error),
            }
        })
    }

    /// Writes an object; `headers` are such as `x-amz-server-side-encryption`. Returns its version.
    pub fn put_object(
        &self,
        bucket: &str,
        key: &str,
        headers: &[(&str, &str)],
        body: impl Into<Bytes>,
    ) -> Result<String> {
        let answer = self.s3(Method::PUT, &path(bucket, key), headers, body.into())?;
        let version = answer
            .headers
            .get("x-amz-version-id")
            .and_then(|id| id.to_str().ok());
        Ok(version.unwrap_or("null").to_owned())
    }

    /// Reads the newest version of an object.
    pub fn get_object(&self, bucket: &str, key: &str) -> Result<Bytes> {
        Ok(self.object(bucket, key)?.body)
    }

    /// The newest version of an object, with its headers.
    pub fn object(&self, bucket: &str, key: &str) -> Result<Response> {
        self.s3(Method::GET, &path(bucket, key), &[], Bytes::new())
    }

    /// The headers of the newest version of an object.
    pub fn head_object(&self, bucket: &str, key: &str) -> Result<http::HeaderMap> {
        Ok(self
            .s3(Method::HEAD, &path(bucket, key), &[], Bytes::new())?
            .headers)
    }

    /// The keys under a prefix, at most 1,000.
    pub fn list_objects(&self, bucket: &str, prefix: &str) -> Result<Vec<String>> {
        let query = form(&[("list-type", "2"), ("prefix", prefix)]);
        let answer = self.s3(
            Method::GET,
            &format!("/{bucket}?{query}"),
            &[],
            Bytes::new(),
        )?;
        Ok(xml_texts(&String::from_utf8_lossy(&answer.body), "Key"))
    }

    fn s3(
        &self,
        method: Method,
        path: &str,
        headers: &[(&str, &str)],
        body: Bytes,
    ) -> Result<Response> {
        let what = format!("{method} s3:/{path} as {}", self.id());
        self.request("s3", method, path, headers, body)
            .context(what)
    }
}

/// `/bucket/key`, the key's slashes kept.
fn path(bucket: &str, key: &str) -> String {
    let parts: Vec<String> = key.split('/').map(encode).collect();
    format!("/{bucket}/{}", parts.join("/"))
}

#[cfg(test)]
mod tests {
    #[test]
    fn keys_are_encoded_part_by_part() {
        assert_eq!(super::path("b", "a b/c+d.zip"), "/b/a%20b/c%2Bd.zip");
    }
}
