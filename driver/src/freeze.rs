//! Whether production is frozen, as far as a preview can see it.

use std::collections::BTreeSet;

use aws::error::{CallError, Kind};
use aws::s3::bucket::Bucket;
use aws::s3::kept;
use aws::ssm;
use shared::production::freeze::{self, Freeze};

use crate::Work;

/// The SSM parameter in which the production side of the suite names its bucket of state.
pub const PARAMETER: &str = "/redbutton/production-state";

/// The freeze in force in a region and account of the targets, in a sentence. Where there is no production
/// side, or none that says where its state is, there is no freeze.
pub async fn of(work: &Work<'_>) -> Option<String> {
    let mut asked = BTreeSet::new();
    for end in &work.ends {
        let region = end.target.region.as_str();
        if !asked.insert((end.account.as_str(), region)) {
            continue;
        }
        let Ok(reached) = end.reached() else {
            continue;
        };
        match look(reached, &end.account).await {
            Ok(Some(freeze)) => return Some(freeze.says()),
            Ok(None) => {}
            // Nobody is kept from approving by it: production itself looks, too.
            Err(error) if matches!(error.kind, Kind::Missing | Kind::Denied) => {}
            Err(error) => tracing::warn!(%error, "could not look whether production is frozen"),
        }
    }
    None
}

async fn look(reached: &aws::clients::Target, account: &str) -> Result<Option<Freeze>, CallError> {
    let named = ssm::parameter(&reached.ssm(), PARAMETER).await?;
    let client = reached.s3();
    let bucket = Bucket::of(&client, &named.value, account);
    // To those who may not list the bucket, S3 says of an object that is not there that it is denied.
    let kept = kept::get(bucket, freeze::KEY, None).await?;
    Ok(kept.and_then(|kept| Freeze::parse(&kept.bytes, aws::job::now())))
}
