//! A stack's template on its way: as it is, in the request or through a bucket (CONTRACTS 3.6.1,
//! 3.6.21).

use aws::clients::Target as Reached;
use aws::cloudformation::template::Source;
use aws::error::{CallError, Kind};
use aws::s3::object;
use shared::rollout_file::Place;
use shared::rollout_file::stack::StackTarget;
use shared::stack::{LONGEST_BODY_BYTES, LONGEST_TEMPLATE_BYTES, template_key};

/// A template, and where CloudFormation finds it.
pub(crate) struct Template {
    /// Byte for byte as it was written.
    pub(crate) text: String,
    /// None while it fits the request.
    url: Option<String>,
}

/// The template in a file. The error is what is wrong with it.
pub(crate) fn text(
    place: &Place,
    bytes: &[u8],
    target: &StackTarget,
) -> Result<Option<String>, String> {
    let size = bytes.len();
    if size > LONGEST_TEMPLATE_BYTES {
        return Err(format!(
            "{place} has {size} bytes; CloudFormation takes at most {LONGEST_TEMPLATE_BYTES}"
        ));
    }
    if size > LONGEST_BODY_BYTES && target.template_bucket.is_none() {
        return Err(format!(
            "{place} has {size} bytes; over {LONGEST_BODY_BYTES}, CloudFormation reads it from a \
             bucket in the stack's region: name one by \"templateBucket\""
        ));
    }
    match String::from_utf8(bytes.to_vec()) {
        Ok(text) => Ok(Some(text)),
        Err(_) => Err(format!("{place} is not UTF-8 text")),
    }
}

/// What speaks against coming back to a template that was there before.
pub(crate) fn may_go_back(before: &str, target: &StackTarget) -> Option<String> {
    let size = before.len();
    (size > LONGEST_BODY_BYTES && target.template_bucket.is_none()).then(|| {
        format!(
            "the stack's template has {size} bytes; over {LONGEST_BODY_BYTES}, going back to it takes \
             a bucket in the stack's region: name one by \"templateBucket\""
        )
    })
}

/// Bucket and key of a template that does not fit the request.
fn place<'a>(text: &str, target: &'a StackTarget) -> Option<(&'a str, String)> {
    let bucket = target.template_bucket.as_deref()?;
    (text.len() > LONGEST_BODY_BYTES).then(|| (bucket, template_key(text)))
}

impl Template {
    /// Puts a long template into the bucket that the target names, under its own hash: the same
    /// bytes are there once, whoever brings them.
    pub(crate) async fn of(
        text: String,
        target: &StackTarget,
        reached: &Reached,
    ) -> Result<Self, CallError> {
        let Some((bucket, key)) = place(&text, target) else {
            return Ok(Self { text, url: None });
        };
        let owner = Some(reached.account.as_str());
        object::put_once(&reached.s3(), bucket, &key, text.as_bytes(), owner).await?;
        let url = Some(reached.object_url(bucket, &key));
        Ok(Self { text, url })
    }

    /// As [`Template::of`], without writing anything: a long template has to be in the bucket already,
    /// from a release that brought the same bytes. The inner error says what S3 says when it cannot be had.
    pub(crate) async fn if_there(
        text: String,
        target: &StackTarget,
        reached: &Reached,
    ) -> Result<Result<Self, String>, CallError> {
        let Some((bucket, key)) = place(&text, target) else {
            return Ok(Ok(Self { text, url: None }));
        };
        match object::get(&reached.s3(), bucket, &key).await {
            Ok(Some(_)) => {
                let url = Some(reached.object_url(bucket, &key));
                Ok(Ok(Self { text, url }))
            }
            // To who may not list the bucket, what is missing is denied.
            Ok(None) => Ok(Err("it is not there".to_owned())),
            Err(error) if error.kind == Kind::Denied => Ok(Err(error.message)),
            Err(error) => Err(error),
        }
    }

    /// As the calls take it.
    pub(crate) fn source(&self) -> Source<'_> {
        match &self.url {
            Some(url) => Source::Url(url),
            None => Source::Body(&self.text),
        }
    }
}
