//! A release out of its bucket, with the person's own credentials.

use anyhow::{Context, Result};
use aws::clients::Person;
use aws::error::{CallError, Kind};

use super::options::Options;

/// The envelope's bytes, or why it could not be read.
pub(super) fn fetch(
    bucket: &str,
    key: &str,
    options: &Options,
) -> Result<std::result::Result<Vec<u8>, String>> {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .context("start the runtime")?;
    let read = runtime.block_on(async {
        let person = Person::new(options.region.as_deref()).await;
        let owner = options.account.as_deref();
        person.object(bucket, key, owner).await
    });
    let uri = format!("s3://{bucket}/{key}");
    Ok(match read {
        Ok(Some(bytes)) => Ok(bytes),
        Ok(None) => Err(format!(
            "{uri} is not there: pipeline or execution is another one, or the release was not \
             completed, since it is written last"
        )),
        Err(error) => Err(unread(&uri, &error)),
    })
}

/// What to do about an object that could not be read.
pub(super) fn unread(uri: &str, error: &CallError) -> String {
    let fix = match error.kind {
        Kind::Denied => {
            "These credentials need s3:GetObject on it, kms:Decrypt on the bucket's key, and \
             s3:ListBucket to be told what is not there; with --account, the bucket has to be that \
             account's"
        }
        Kind::Missing => "Is that the bucket's name?",
        Kind::Throttled => "Try again",
        Kind::Unanswered => {
            "Is there a network, and are there credentials? After a login by browser: eval \"$(aws \
             configure export-credentials --format env)\""
        }
        Kind::Refused => "Is --region the bucket's, and are the credentials still good?",
    };
    format!("{uri} could not be read: {error}. {fix}")
}
