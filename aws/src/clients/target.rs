//! The clients of a target's region and account.

use aws_config::{Region, SdkConfig};
use shared::names::Account;

use super::s3;
use crate::error::Caller;

/// What a target is reached with.
pub struct Target {
    pub(super) config: SdkConfig,
    /// ECS in the target's region and account.
    pub ecs: aws_sdk_ecs::Client,
    /// Who we are there.
    pub caller: Caller,
    /// The target's account.
    pub account: Account,
}

impl Target {
    pub(super) fn new(config: SdkConfig, caller: Caller, account: Account) -> Self {
        Self {
            ecs: aws_sdk_ecs::Client::new(&config),
            config,
            caller,
            account,
        }
    }

    /// CloudWatch Logs in the target's account, in the region that a container's log goes to.
    pub fn logs(&self, region: &str) -> aws_sdk_cloudwatchlogs::Client {
        let region = Region::new(region.to_owned());
        let config = self.config.to_builder().region(region).build();
        aws_sdk_cloudwatchlogs::Client::new(&config)
    }

    /// SSM in the target's region and account.
    pub fn ssm(&self) -> aws_sdk_ssm::Client {
        aws_sdk_ssm::Client::new(&self.config)
    }

    /// IAM in the target's account: it has one place in each partition, whatever the region.
    pub fn iam(&self) -> aws_sdk_iam::Client {
        aws_sdk_iam::Client::new(&self.config)
    }

    /// Secrets Manager in the target's region and account.
    pub fn secrets(&self) -> aws_sdk_secretsmanager::Client {
        aws_sdk_secretsmanager::Client::new(&self.config)
    }

    /// CloudWatch in the target's region and account.
    pub fn cloudwatch(&self) -> aws_sdk_cloudwatch::Client {
        aws_sdk_cloudwatch::Client::new(&self.config)
    }

    /// CloudFormation in the target's region and account.
    pub fn cloudformation(&self) -> aws_sdk_cloudformation::Client {
        aws_sdk_cloudformation::Client::new(&self.config)
    }

    /// S3 in the target's region and account.
    pub fn s3(&self) -> aws_sdk_s3::Client {
        aws_sdk_s3::Client::from_conf(s3(&self.config).build())
    }

    /// Where CloudFormation finds an object of a bucket in the target's region (CONTRACTS 3.6.21).
    /// The key is taken as it is: letters, digits, `/`, `-` and `.`.
    pub fn object_url(&self, bucket: &str, key: &str) -> String {
        if let Some(endpoint) = self.config.endpoint_url() {
            return format!("{}/{bucket}/{key}", endpoint.trim_end_matches('/'));
        }
        let region = self.config.region().map(Region::as_ref).unwrap_or_default();
        let suffix = match region.starts_with("cn-") {
            true => "amazonaws.com.cn",
            false => "amazonaws.com",
        };
        format!("https://{bucket}.s3.{region}.{suffix}/{key}")
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::replay::replay;
    use serde_json::json;

    // rules: 3.6.21
    #[tokio::test]
    async fn an_object_has_an_address_in_the_targets_region() {
        let target = |region: &str, endpoint: Option<&str>| {
            let (config, replay) = replay([(200, json!(""))]);
            let mut config = config.to_builder().region(Region::new(region.to_owned()));
            config.set_endpoint_url(endpoint.map(str::to_owned));
            let caller = Caller {
                name: "role".into(),
                account: "333333333333".into(),
            };
            let account = Account::parse("333333333333").unwrap();
            (Target::new(config.build(), caller, account), replay)
        };
        for (region, endpoint, expected) in [
            (
                "ap-southeast-2",
                None,
                "https://templates.s3.ap-southeast-2.amazonaws.com/redbutton/0f",
            ),
            (
                "cn-north-1",
                None,
                "https://templates.s3.cn-north-1.amazonaws.com.cn/redbutton/0f",
            ),
            (
                "ap-southeast-2",
                Some("http://localhost:4566/"),
                "http://localhost:4566/templates/redbutton/0f",
            ),
        ] {
            let (target, replay) = target(region, endpoint);
            assert_eq!(target.object_url("templates", "redbutton/0f"), expected);
            let got = crate::s3::object::get(&target.s3(), "templates", "redbutton/0f").await;
            assert_eq!(got.unwrap(), Some(vec![]));
            assert_eq!(replay.calls()[0].0, format!("GET {expected}"));
        }
    }
}
