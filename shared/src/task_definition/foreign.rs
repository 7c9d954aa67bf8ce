//! What in a task definition points to another account or region than the target's: roles,
//! secrets, log options, file systems, images, and whatever else is written as an ARN
//! (CONTRACTS 3.5.22, 3.5.23).

use serde_json::{Map, Value};

use crate::names::{Account, Arn, Region};
use crate::rollout_file::images::Image;

/// A value that points elsewhere.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Foreign {
    /// Where it stands, such as `containerDefinitions[0].secrets[1].valueFrom`.
    pub path: String,
    /// What `allow` has to name to let it pass.
    pub allow: String,
    /// What is foreign about it.
    pub why: String,
}

/// All that points elsewhere and is not in `allow`.
pub fn find(
    body: &Map<String, Value>,
    account: &Account,
    region: &Region,
    allow: &[String],
) -> Vec<Foreign> {
    let mut search = Search {
        account,
        region,
        found: Vec::new(),
    };
    for (key, value) in body {
        search.value(key, value);
    }
    search
        .found
        .retain(|foreign| !allow.contains(&foreign.allow));
    search.found
}

struct Search<'a> {
    account: &'a Account,
    region: &'a Region,
    found: Vec<Foreign>,
}

impl Search<'_> {
    fn value(&mut self, path: &str, value: &Value) {
        match value {
            Value::String(text) => self.text(path, text),
            Value::Array(entries) => {
                for (n, entry) in entries.iter().enumerate() {
                    self.value(&format!("{path}[{n}]"), entry);
                }
            }
            Value::Object(fields) => {
                for (key, value) in fields {
                    self.value(&format!("{path}.{key}"), value);
                }
            }
            _ => {}
        }
    }

    fn text(&mut self, path: &str, text: &str) {
        if let Some(arn) = Arn::parse(text) {
            self.compare(path, text, arn.account, arn.region);
        } else if path.ends_with(".image")
            && let Some(image) = Image::parse(text)
            && let Some(ecr) = image.ecr()
        {
            self.compare(
                path,
                &image.repository,
                ecr.account.as_str(),
                ecr.region.as_str(),
            );
        } else if path.ends_with(".logConfiguration.options.awslogs-region") {
            self.compare(path, &format!("awslogs-region={text}"), "", text);
        }
    }

    /// Accounts and regions that are empty, `aws`, or anything but an account are nobody's.
    fn compare(&mut self, path: &str, allow: &str, account: &str, region: &str) {
        let mut why = Vec::new();
        if Account::parse(account).is_some_and(|account| account != *self.account) {
            why.push(format!("account {account}, not {}", self.account.as_str()));
        }
        if !region.is_empty() && region != self.region.as_str() {
            why.push(format!("region {region}, not {}", self.region.as_str()));
        }
        if !why.is_empty() {
            self.found.push(Foreign {
                path: path.to_owned(),
                allow: allow.to_owned(),
                why: why.join(" and "),
            });
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    // rules: 3.5.22 3.5.23
    #[test]
    fn every_kind_of_foreign_value_is_found_and_named() {
        let body = json!({
            "executionRoleArn": "arn:aws:iam::111111111111:role/execution",
            "taskRoleArn": "arn:aws:iam::333333333333:role/own",
            "containerDefinitions": [{
                "name": "web",
                "image": "111111111111.dkr.ecr.us-east-1.amazonaws.com/web:v1",
                "secrets": [
                    {"name": "A", "valueFrom": "arn:aws:secretsmanager:us-east-1:333333333333:secret:a"},
                    {"name": "B", "valueFrom": "/plain/name/in/the/same/region"},
                ],
                "environment": [{"name": "QUEUE", "value": "arn:aws:sqs:ap-southeast-2:222222222222:q"}],
                "logConfiguration": {"logDriver": "awslogs", "options": {"awslogs-region": "us-east-1"}},
            }, {
                "name": "side", "image": "public.ecr.aws/nginx/nginx:1", "environment": [
                    {"name": "POLICY", "value": "arn:aws:iam::aws:policy/ReadOnlyAccess"},
                    {"name": "BUCKET", "value": "arn:aws:s3:::bucket"}],
            }],
            "volumes": [{"efsVolumeConfiguration": {"authorizationConfig":
                {"accessPointId": "arn:aws:elasticfilesystem:ap-southeast-2:111111111111:access-point/x"}}}],
        });
        let account = Account::parse("333333333333").unwrap();
        let region = Region::parse("ap-southeast-2").unwrap();
        let found = find(body.as_object().unwrap(), &account, &region, &[]);
        let lines: Vec<String> = found
            .iter()
            .map(|f| format!("{}: {} ({})", f.path, f.allow, f.why))
            .collect();
        insta::assert_snapshot!(lines.join("\n"));
        let allow: Vec<String> = found.into_iter().map(|foreign| foreign.allow).collect();
        assert!(find(body.as_object().unwrap(), &account, &region, &allow).is_empty());
    }
}
