//! The parameters and the rollout file → what is looked at, and with which role. Pure.

use shared::error::Failure;
use shared::job::Job;
use shared::names::RoleArn;
use shared::rollout_file::target::Target;
use shared::rollout_file::{PreviewParameters, RolloutFile};

/// Puts the preview's role in the place of all targets' own, which are those that would roll out.
/// Returns, one per target, who would: the parameters' `deployer`, or else the target's own role.
pub fn look_with(
    file: &mut RolloutFile,
    parameters: &PreviewParameters,
) -> Result<Vec<Option<RoleArn>>, Failure> {
    let account = parameters.role.account();
    let elsewhere = |target: &&Target| {
        let own = target.role.as_ref().map(RoleArn::account);
        own.is_some_and(|own| own != account)
    };
    let wrongs: Vec<String> = file
        .targets
        .iter()
        .filter(elsewhere)
        .map(|target| {
            format!(
                "{} is in account {}, and the preview's \"role\" is one of account {}: preview each \
                 account by an action of its own",
                target.name,
                target.account().unwrap_or_default(),
                account.as_str()
            )
        })
        .collect();
    if !wrongs.is_empty() {
        return Err(Failure::findings("the rollout file", &wrongs));
    }
    let each = file.targets.iter_mut().map(|target| {
        let own = target.role.replace(parameters.role.clone());
        target.external_id.clone_from(&parameters.external_id);
        // Who only looks rolls nothing out.
        let own = own.filter(|own| *own != parameters.role);
        parameters.deployer.clone().or(own)
    });
    Ok(each.collect())
}

/// Exceptions that the rollout file asks for: the key, and what is written there.
pub fn exceptions(file: &RolloutFile) -> Vec<(String, String)> {
    let own = |key: &str, value: String| (key.to_owned(), value);
    let mut all: Vec<(String, String)> = Vec::new();
    all.extend(file.allow.iter().map(|entry| own("allow", entry.clone())));
    for target in &file.targets {
        let allowed = target.stack().into_iter();
        let allowed = allowed.flat_map(|stack| &stack.allow_replacement);
        all.extend(allowed.map(|name| own("allowReplacement", format!("{}: {name}", target.name))));
    }
    let mapped = file.repositories.iter();
    all.extend(mapped.map(|(from, to)| own("repositories", format!("{from} → {to}"))));
    if file.on_failure == shared::rollout_file::OnFailure::Stop {
        all.push(own("onFailure", "stop".to_owned()));
    }
    all
}

/// Where the page lies: in the artifacts' bucket, next to the first input artifact, which is in the
/// pipeline's own folder. Another delivery of the job writes the same object again.
pub fn page_place(job: &Job, execution: &str) -> Result<(String, String), Failure> {
    let Some(input) = job.inputs.first() else {
        return Err(Failure::configuration(
            "the action has no input artifact; add the build's output artifact to its inputs: the \
             preview's page is put next to it",
        ));
    };
    let folder = input.key.split('/').next().unwrap_or_default();
    let key = format!("{folder}/preview/{execution}-{}.html", job.id.as_str());
    Ok((input.bucket.clone(), key))
}

/// Where a person opens the page: the console, behind their login, which works as long as the object
/// is there. A signed link would end with this function's credentials (CONTRACTS 3.10.4).
pub fn page_url(region: &str, bucket: &str, key: &str) -> String {
    let console = match region {
        _ if region.starts_with("cn-") => "console.amazonaws.cn",
        _ if region.starts_with("us-gov-") => "console.amazonaws-us-gov.com",
        _ => "console.aws.amazon.com",
    };
    format!("https://{region}.{console}/s3/object/{bucket}?region={region}&prefix={key}")
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::{Value, json};

    const ROLE: &str = "arn:aws:iam::222222222222:role/redbutton-preview";

    fn parameters(more: &Value) -> PreviewParameters {
        let mut all = json!({
            "rollout": "Build::production.json",
            "execution": "22222222-2222-2222-2222-222222222222",
            "role": ROLE,
            "externalId": "redbutton-preview",
        });
        for (key, value) in more.as_object().unwrap() {
            all[key] = value.clone();
        }
        PreviewParameters::from_value(&all).unwrap()
    }

    fn file(role: Option<&str>) -> RolloutFile {
        let mut target = json!({"service": "web", "cluster": "prod"});
        if let Some(role) = role {
            target["role"] = role.into();
        }
        RolloutFile::from_value(&json!({"targets": [target], "region": "ap-southeast-2"})).unwrap()
    }

    #[test]
    fn production_is_looked_at_by_the_previews_role_and_no_other() {
        let rollout = "arn:aws:iam::222222222222:role/redbutton-rollout";
        let deployer = "arn:aws:iam::222222222222:role/redbutton-production-deployer";
        for (own, more, expected) in [
            (None, json!({}), None),
            (Some(rollout), json!({}), Some(rollout)),
            (Some(ROLE), json!({}), None),
            (Some(rollout), json!({"deployer": deployer}), Some(deployer)),
        ] {
            let mut file = file(own);
            let deployers = look_with(&mut file, &parameters(&more)).unwrap();
            assert_eq!(deployers[0].as_ref().map(RoleArn::as_str), expected);
            assert_eq!(file.targets[0].role.as_ref().unwrap().as_str(), ROLE);
            assert_eq!(
                file.targets[0].external_id.as_deref(),
                Some("redbutton-preview")
            );
        }
        let mut elsewhere = file(Some("arn:aws:iam::333333333333:role/redbutton-rollout"));
        let refused = look_with(&mut elsewhere, &parameters(&json!({}))).unwrap_err();
        assert!(
            refused.message.contains("account 333333333333"),
            "{}",
            refused.message
        );
    }

    #[test]
    fn every_exception_is_told() {
        let file = RolloutFile::from_value(&json!({
            "targets": [{"stack": "web", "allowReplacement": ["Database", "Nested/Queue"]}],
            "region": "ap-southeast-2",
            "allow": ["callersRights"],
            "repositories": {"r.example/test": "r.example/prod"},
            "onFailure": "stop",
        }))
        .unwrap();
        let told: Vec<String> = exceptions(&file)
            .into_iter()
            .map(|(key, value)| format!("{key} {value}"))
            .collect();
        assert_eq!(
            told,
            [
                "allow callersRights",
                "allowReplacement web: Database",
                "allowReplacement web: Nested/Queue",
                "repositories r.example/test → r.example/prod",
                "onFailure stop",
            ]
        );
    }

    // rules: 3.10.4
    #[test]
    fn the_page_is_opened_in_the_console() {
        for (region, host) in [
            ("us-east-1", "us-east-1.console.aws.amazon.com"),
            ("cn-north-1", "cn-north-1.console.amazonaws.cn"),
            (
                "us-gov-west-1",
                "us-gov-west-1.console.amazonaws-us-gov.com",
            ),
        ] {
            let url = page_url(region, "artifacts", "orders/preview/e-j.html");
            let path =
                format!("/s3/object/artifacts?region={region}&prefix=orders/preview/e-j.html");
            assert_eq!(url, format!("https://{host}{path}"));
        }
    }
}
