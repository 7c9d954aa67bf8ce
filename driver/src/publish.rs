//! `publishImage`: the image that serves, written into SSM parameters for those who keep it there.

use aws::error::{CallError, Kind};
use aws::ssm;
use shared::error::Failure;
use shared::rollout::proof::Proof;

use crate::decide;
use crate::{End, Work, passing};

/// What is wrong with the parameters that will receive images: they have to be there, readable and
/// of type String before anything is changed. The error says that AWS does not answer.
pub(crate) async fn check(
    work: &Work<'_>,
    publish: &[(usize, &str)],
) -> Result<Vec<Failure>, Failure> {
    let mut findings = Vec::new();
    for (n, parameter) in publish {
        let Some((end, reached)) = reached(work, *n) else {
            continue;
        };
        let wrong = match ssm::parameter(&reached.ssm(), parameter).await {
            Ok(found) if found.kind == "String" => continue,
            Ok(found) => Failure::configuration(format!(
                "publishImage: parameter {parameter} is a {}, not a String",
                found.kind
            )),
            Err(error) if error.kind == Kind::Missing => Failure::configuration(format!(
                "publishImage: there is no parameter {parameter} in {}, account {}; create it, \
                 of type String",
                end.target.region.as_str(),
                end.account
            )),
            Err(error) if passing(&error) => return Err(failed(end, reached, parameter, error)),
            Err(error) => failed(end, reached, parameter, error),
        };
        findings.push(wrong);
    }
    Ok(findings)
}

/// Writes the parameters and says what it could not write: the release serves all the same.
pub async fn publish(work: &Work<'_>, proofs: &[Proof]) -> Vec<String> {
    let mut remarks = decide::unpublished(&work.request.file, proofs);
    for (n, parameter, image) in decide::published(&work.request.file, proofs) {
        let Some((end, reached)) = reached(work, n) else {
            continue;
        };
        if let Err(error) = ssm::put(&reached.ssm(), parameter, image).await {
            let why = failed(end, reached, parameter, error).message;
            tracing::error!(parameter, image, why, "could not publish an image");
            remarks.push(format!(
                "parameter {parameter} does NOT hold the live image {image}: {why}"
            ));
        }
    }
    remarks
}

fn reached<'a>(work: &'a Work<'_>, n: usize) -> Option<(&'a End<'a>, &'a aws::clients::Target)> {
    let end = work.ends.get(n)?;
    Some((end, end.reached.as_ref().ok()?))
}

fn failed(
    end: &End<'_>,
    reached: &aws::clients::Target,
    parameter: &str,
    error: CallError,
) -> Failure {
    let arn = format!(
        "arn:aws:ssm:{}:{}:parameter/{}",
        end.target.region.as_str(),
        end.account,
        parameter.trim_start_matches('/')
    );
    let what = format!("publishImage: parameter {parameter}");
    error.into_failure(&what, &reached.caller, &arn, &end.account)
}
