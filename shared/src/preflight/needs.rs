//! What a task definition needs in its account and region before a task of it can start.

use serde_json::{Map, Value};

use crate::names::{Account, Arn, Region};
use crate::rollout_file::images::Image;
use crate::task_definition::TaskDefinition;

/// Something that is needed, once, and everything that asks for it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Needed {
    /// What is needed.
    pub need: Need,
    /// What asks for it: `executionRoleArn`, `container "web", KEY`.
    pub places: Vec<String>,
}

/// What may be needed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Need {
    /// A role that tasks, or CloudFormation, are handed.
    Role {
        /// Its ARN, or its name in the target's account.
        id: String,
    },
    /// A secret in Secrets Manager.
    Secret {
        /// Its ARN without key, stage and version, or its name in the target's account and region.
        id: String,
    },
    /// A parameter of SSM.
    Parameter {
        /// Its ARN.
        arn: String,
        /// What it may be called: the ARN of `web` is the one of `/web`, too.
        names: Vec<String>,
    },
    /// A log group, in the target's account.
    LogGroup {
        /// Its name.
        name: String,
        /// Its region.
        region: String,
        /// Whether it is made when it is not there (`awslogs-create-group`).
        create: bool,
    },
    /// A container's image.
    Image(Image),
    /// A file with environment variables, in S3.
    EnvironmentFile {
        /// The object's ARN.
        arn: String,
    },
}

impl Needed {
    /// What and for what: `parameter /web/key (container "web", KEY)`.
    pub fn what(&self) -> String {
        let what = match &self.need {
            Need::Role { id } => format!("role {id}"),
            Need::Secret { id } => format!("secret {id}"),
            Need::Parameter { arn, names } => match names.as_slice() {
                [name] => format!("parameter {name}"),
                _ => format!("parameter {arn}"),
            },
            Need::LogGroup { name, region, .. } => format!("log group {name} in {region}"),
            Need::Image(image) => format!("image {image}"),
            Need::EnvironmentFile { arn } => format!("environment file {arn}"),
        };
        format!("{what} ({})", self.places.join("; "))
    }
}

impl Need {
    /// Whether it is a public parameter or a reference to a secret, which are in no list and not
    /// the account's own (SSM guide, "Working with public parameters", "Referencing AWS Secrets
    /// Manager secrets from Parameter Store parameters").
    pub(super) fn is_kept_by_aws(&self) -> bool {
        match self {
            Self::Parameter { names, .. } => names.iter().any(|name| name.starts_with("/aws/")),
            _ => false,
        }
    }

    /// Why it cannot be looked at with what reaches the target, if it cannot.
    pub fn unseen(&self, account: &Account, region: &Region) -> Option<String> {
        let elsewhere = |text: &str| {
            let arn = Arn::parse(text)?;
            if arn.account != account.as_str() {
                return Some(format!("it is in account {}", arn.account));
            }
            let other = !arn.region.is_empty() && arn.region != region.as_str();
            other.then(|| format!("it is in {}", arn.region))
        };
        match self {
            Self::Role { id } | Self::Secret { id } => elsewhere(id),
            Self::Parameter { .. } if self.is_kept_by_aws() => {
                Some("AWS keeps it and lists it nowhere".to_owned())
            }
            Self::Parameter { arn, .. } => elsewhere(arn),
            Self::Image(image) if image.ecr().is_none() => {
                Some("it is in no private registry of ECR".to_owned())
            }
            Self::EnvironmentFile { .. } => Some("it is in S3".to_owned()),
            Self::LogGroup { .. } | Self::Image(_) => None,
        }
    }
}

/// Everything that a task definition names, each thing once, in its order.
pub fn of(definition: &TaskDefinition, account: &Account, region: &Region) -> Vec<Needed> {
    let mut search = Search {
        account,
        region,
        found: Vec::new(),
    };
    let body = definition.body();
    for field in ["taskRoleArn", "executionRoleArn"] {
        if let Some(id) = text(body.get(field)) {
            let id = id.to_owned();
            search.add(Need::Role { id }, field.to_owned());
        }
    }
    for container in objects(body.get("containerDefinitions")) {
        search.container(container);
    }
    for volume in objects(body.get("volumes")) {
        let name = text(volume.get("name")).unwrap_or_default();
        let credentials = volume
            .get("fsxWindowsFileServerVolumeConfiguration")
            .and_then(|configuration| {
                configuration.pointer("/authorizationConfig/credentialsParameter")
            });
        search.reference(credentials, format!("volume {name:?}"));
    }
    search.found
}

struct Search<'a> {
    account: &'a Account,
    region: &'a Region,
    found: Vec<Needed>,
}

impl Search<'_> {
    fn add(&mut self, need: Need, place: String) {
        for known in &mut self.found {
            if merged(&mut known.need, &need) {
                if !known.places.contains(&place) {
                    known.places.push(place);
                }
                return;
            }
        }
        let places = vec![place];
        self.found.push(Needed { need, places });
    }

    fn container(&mut self, container: &Map<String, Value>) {
        let name = text(container.get("name")).unwrap_or_default();
        let place = format!("container {name:?}");
        if let Some(image) = text(container.get("image")).and_then(Image::parse) {
            self.add(Need::Image(image), place.clone());
        }
        let log = container.get("logConfiguration");
        let log_secrets = log.and_then(|log| log.get("secretOptions"));
        for secret in objects(container.get("secrets")).chain(objects(log_secrets)) {
            let variable = text(secret.get("name")).unwrap_or_default();
            self.reference(secret.get("valueFrom"), format!("{place}, {variable}"));
        }
        // Here a name is a secret's.
        let credentials = container.get("repositoryCredentials");
        let credentials = credentials.and_then(|both| both.get("credentialsParameter"));
        let place_of_credentials = format!("{place}, repositoryCredentials");
        match text(credentials) {
            Some(name) if Arn::parse(name).is_none() => {
                let id = name.to_owned();
                self.add(Need::Secret { id }, place_of_credentials);
            }
            _ => self.reference(credentials, place_of_credentials),
        }
        for file in objects(container.get("environmentFiles")) {
            if let Some(arn) = text(file.get("value")) {
                let arn = arn.to_owned();
                self.add(Need::EnvironmentFile { arn }, place.clone());
            }
        }
        if let Some(group) = log.and_then(|log| self.log_group(log)) {
            self.add(group, place);
        }
    }

    fn log_group(&self, log: &Value) -> Option<Need> {
        let option = |name: &str| text(log.get("options")?.get(name));
        (text(log.get("logDriver"))? == "awslogs").then_some(())?;
        Some(Need::LogGroup {
            name: option("awslogs-group")?.to_owned(),
            region: option("awslogs-region")
                .unwrap_or(self.region.as_str())
                .to_owned(),
            create: option("awslogs-create-group") == Some("true"),
        })
    }

    /// A `valueFrom`: the ARN of a secret or of a parameter, or a parameter's name.
    fn reference(&mut self, value: Option<&Value>, place: String) {
        let need = text(value).and_then(|value| match Arn::parse(value) {
            Some(arn) => by_arn(&arn),
            None => Some(self.parameter(value)),
        });
        if let Some(need) = need {
            self.add(need, place);
        }
    }

    fn parameter(&self, written: &str) -> Need {
        // A version or a label may follow the name.
        let name = written.split(':').next().unwrap_or_default();
        Need::Parameter {
            arn: format!(
                "arn:{}:ssm:{}:{}:parameter/{}",
                self.region.partition(),
                self.region.as_str(),
                self.account.as_str(),
                name.trim_start_matches('/')
            ),
            names: vec![name.to_owned()],
        }
    }
}

/// Whether `known` is what `other` needs, too.
fn merged(known: &mut Need, other: &Need) -> bool {
    match (known, other) {
        (
            Need::LogGroup {
                name,
                region,
                create,
            },
            Need::LogGroup {
                name: other_name,
                region: other_region,
                create: other_create,
            },
        ) if name == other_name && region == other_region => {
            // Who may make it makes it for the others.
            *create |= other_create;
            true
        }
        (known, other) => known == other,
    }
}

fn by_arn(arn: &Arn<'_>) -> Option<Need> {
    let start = format!("arn:{}:{}", arn.partition, arn.service);
    let start = format!("{start}:{}:{}", arn.region, arn.account);
    let name = |kind: &str| arn.resource.strip_prefix(kind)?.split(':').next();
    match arn.service {
        // `secret:name`, then perhaps `:json-key:version-stage:version-id` (ECS guide, "Pass Secrets
        // Manager secrets through Amazon ECS environment variables").
        "secretsmanager" => Some(Need::Secret {
            id: format!("{start}:secret:{}", name("secret:")?),
        }),
        "ssm" => {
            let name = name("parameter/")?;
            let names = match name.contains('/') {
                true => vec![format!("/{name}")],
                false => vec![name.to_owned(), format!("/{name}")],
            };
            let arn = format!("{start}:parameter/{name}");
            Some(Need::Parameter { arn, names })
        }
        _ => None,
    }
}

fn text(value: Option<&Value>) -> Option<&str> {
    value?.as_str().filter(|text| !text.is_empty())
}

fn objects(value: Option<&Value>) -> impl Iterator<Item = &Map<String, Value>> {
    let entries = value.and_then(Value::as_array).into_iter().flatten();
    entries.filter_map(Value::as_object)
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn needs(body: &Value) -> Vec<Needed> {
        let definition = TaskDefinition::from_file(body.to_string().as_bytes()).unwrap();
        let account = Account::parse("333333333333").unwrap();
        of(
            &definition,
            &account,
            &Region::parse("ap-southeast-2").unwrap(),
        )
    }

    // rules: 3.5.22 3.5.23
    #[test]
    fn everything_that_is_named_is_needed_once() {
        let secret = "arn:aws:secretsmanager:ap-southeast-2:333333333333:secret:web-AbCdEf";
        let found = needs(&json!({
            "family": "web",
            "taskRoleArn": "arn:aws:iam::333333333333:role/app/web",
            "executionRoleArn": "execution",
            "containerDefinitions": [{
                "name": "web",
                "image": "333333333333.dkr.ecr.ap-southeast-2.amazonaws.com/web:v1",
                "repositoryCredentials": {"credentialsParameter": "registry"},
                "secrets": [
                    {"name": "ALL", "valueFrom": secret},
                    {"name": "KEY", "valueFrom": format!("{secret}:key:AWSCURRENT:")},
                    {"name": "NAME", "valueFrom": "/web/key"},
                    {"name": "VERSION", "valueFrom": "plain:3"},
                    {"name": "ARN", "valueFrom": "arn:aws:ssm:ap-southeast-2:333333333333:parameter/web/key"},
                    {"name": "SHORT", "valueFrom": "arn:aws:ssm:ap-southeast-2:333333333333:parameter/plain"},
                    {"name": "NONE", "valueFrom": "arn:aws:s3:::bucket"},
                ],
                "environmentFiles": [{"type": "s3", "value": "arn:aws:s3:::bucket/web.env"}],
                "logConfiguration": {"logDriver": "awslogs", "options": {"awslogs-group": "/ecs/web"}},
            }, {
                "name": "side", "image": "docker.io/side:1",
                "logConfiguration": {"logDriver": "awslogs", "options": {"awslogs-group": "/ecs/web",
                    "awslogs-region": "ap-southeast-2", "awslogs-create-group": "true"},
                    "secretOptions": [{"name": "token", "valueFrom": "/web/key"}]},
            }, {
                "name": "bare", "image": "docker.io/side:1",
                "logConfiguration": {"logDriver": "fluentd", "options": {"awslogs-group": "/ecs/x"}},
            }],
            "volumes": [{"name": "files", "fsxWindowsFileServerVolumeConfiguration": {
                "authorizationConfig": {"credentialsParameter": secret}}}],
        }));
        let lines: Vec<String> = found.iter().map(Needed::what).collect();
        insta::assert_snapshot!(lines.join("\n"));
        let group = found.iter().find_map(|needed| match &needed.need {
            Need::LogGroup { create, .. } => Some(*create),
            _ => None,
        });
        assert_eq!(group, Some(true), "one of the two makes it");
    }

    #[test]
    fn what_is_elsewhere_says_where() {
        let account = Account::parse("333333333333").unwrap();
        let region = Region::parse("ap-southeast-2").unwrap();
        let unseen = |need: &Need| need.unseen(&account, &region).unwrap_or_default();
        let parameter = |arn: &str| by_arn(&Arn::parse(arn).unwrap()).unwrap();
        let role = |id: &str| Need::Role { id: id.to_owned() };
        let image = |text: &str| Need::Image(Image::parse(text).unwrap());
        for (need, expected) in [
            (role("arn:aws:iam::333333333333:role/web"), ""),
            (role("web"), ""),
            (
                role("arn:aws:iam::111111111111:role/web"),
                "it is in account 111111111111",
            ),
            (
                parameter("arn:aws:ssm:us-east-1:333333333333:parameter/a"),
                "it is in us-east-1",
            ),
            (
                parameter("arn:aws:ssm:ap-southeast-2::parameter/aws/service/x"),
                "AWS keeps it and lists it nowhere",
            ),
            (
                image("111111111111.dkr.ecr.us-east-1.amazonaws.com/web:1"),
                "",
            ),
            (
                image("public.ecr.aws/nginx/nginx:1"),
                "it is in no private registry of ECR",
            ),
        ] {
            assert_eq!(unseen(&need), expected, "{need:?}");
        }
    }
}
