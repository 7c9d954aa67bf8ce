//! `publishImage`: the image that serves, written into SSM parameters for those who keep it there.

use aws::error::{CallError, Kind};
use aws::ssm;
use shared::error::Failure;
use shared::rollout::proof::Proof;

use crate::decide;
use crate::{End, Work, passing};

/// A parameter that will receive an image.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Published {
    /// The place of the target that the container is of.
    pub n: usize,
    /// The container's name.
    pub container: String,
    /// The parameter's name.
    pub parameter: String,
    /// What it holds now.
    pub value: String,
}

/// What the parameters hold that will receive images (given with the place of a target, container and
/// name), and what is wrong with the others: they have to be there, readable and of type String before
/// anything is changed. The error says that AWS does not answer.
pub(crate) async fn check(
    work: &Work<'_>,
    publish: &[(usize, &str, &str)],
) -> Result<(Vec<Published>, Vec<Failure>), Failure> {
    let (mut good, mut wrong) = (Vec::new(), Vec::new());
    for (n, container, parameter) in publish {
        let Some((end, reached)) = reached(work, *n) else {
            continue;
        };
        match ssm::parameter(&reached.ssm(), parameter).await {
            Ok(found) if found.kind == "String" => good.push(Published {
                n: *n,
                container: (*container).to_owned(),
                parameter: (*parameter).to_owned(),
                value: found.value,
            }),
            Ok(found) => wrong.push(Failure::configuration(format!(
                "publishImage: parameter {parameter} is a {}, not a String",
                found.kind
            ))),
            Err(error) if error.kind == Kind::Missing => {
                wrong.push(Failure::configuration(format!(
                    "publishImage: there is no parameter {parameter} in {}, account {}; create it, \
                     of type String",
                    end.target.region.as_str(),
                    end.account
                )));
            }
            Err(error) if passing(&error) => return Err(failed(end, reached, parameter, error)),
            Err(error) => wrong.push(failed(end, reached, parameter, error)),
        }
    }
    Ok((good, wrong))
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
