//! Names that must not be mixed up: regions, accounts, role ARNs, digests, and where they stand in
//! an ARN.

/// A region, such as `ap-southeast-2`.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Region(String);

impl Region {
    /// `xx-name-1`, with any number of words between.
    pub const PATTERN: &str = "^[a-z]{2}(-[a-z]+)+-[0-9]{1,2}$";

    /// None when it does not look like a region.
    pub fn parse(text: &str) -> Option<Self> {
        let parts: Vec<&str> = text.split('-').collect();
        let [first, words @ .., last] = parts.as_slice() else {
            return None;
        };
        let lower = |part: &str| !part.is_empty() && part.bytes().all(|b| b.is_ascii_lowercase());
        let fits = first.len() == 2
            && lower(first)
            && !words.is_empty()
            && words.iter().all(|word| lower(word))
            && (1..=2).contains(&last.len())
            && last.bytes().all(|b| b.is_ascii_digit());
        fits.then(|| Self(text.to_owned()))
    }

    /// The region's name.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// The partition that its ARNs begin with, as far as the region's name tells: `aws`, `aws-cn`,
    /// `aws-us-gov`.
    pub fn partition(&self) -> &'static str {
        match self.0.split('-').take(2).collect::<Vec<_>>().as_slice() {
            ["cn", _] => "aws-cn",
            ["us", "gov"] => "aws-us-gov",
            _ => "aws",
        }
    }
}

/// An account id: twelve digits.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Account(String);

impl Account {
    /// None unless twelve digits.
    pub fn parse(text: &str) -> Option<Self> {
        (text.len() == 12 && text.bytes().all(|b| b.is_ascii_digit()))
            .then(|| Self(text.to_owned()))
    }

    /// The twelve digits.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

/// The ARN of a role that the function assumes to reach a target.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct RoleArn {
    arn: String,
    account: Account,
}

impl RoleArn {
    /// `arn:<partition>:iam::<account>:role/<path and name>`.
    pub const PATTERN: &str = "^arn:aws[a-z-]*:iam::[0-9]{12}:role/[A-Za-z0-9+=,.@_/-]{1,512}$";

    /// None when it is no role's ARN.
    pub fn parse(text: &str) -> Option<Self> {
        let arn = Arn::parse(text)?;
        let name = arn.resource.strip_prefix("role/")?;
        let fits = arn.partition.starts_with("aws")
            && arn
                .partition
                .bytes()
                .all(|b| b.is_ascii_lowercase() || b == b'-')
            && arn.service == "iam"
            && arn.region.is_empty()
            && (1..=512).contains(&name.len())
            && name
                .bytes()
                .all(|b| b.is_ascii_alphanumeric() || b"+=,.@_/-".contains(&b));
        let account = Account::parse(arn.account)?;
        fits.then(|| Self {
            arn: text.to_owned(),
            account,
        })
    }

    /// The whole ARN.
    pub fn as_str(&self) -> &str {
        &self.arn
    }

    /// The account that the role leads into.
    pub fn account(&self) -> &Account {
        &self.account
    }
}

/// The parts of an ARN.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Arn<'a> {
    /// `aws`, `aws-cn`, `aws-us-gov`.
    pub partition: &'a str,
    /// `iam`, `secretsmanager`, …
    pub service: &'a str,
    /// Empty for global services.
    pub region: &'a str,
    /// Empty for S3.
    pub account: &'a str,
    /// All the rest, colons included.
    pub resource: &'a str,
}

impl<'a> Arn<'a> {
    /// None when the text is no ARN.
    pub fn parse(text: &'a str) -> Option<Self> {
        let mut parts = text.splitn(6, ':');
        if parts.next() != Some("arn") {
            return None;
        }
        let [partition, service, region, account, resource] = [
            parts.next()?,
            parts.next()?,
            parts.next()?,
            parts.next()?,
            parts.next()?,
        ];
        (partition.starts_with("aws") && !service.is_empty() && !resource.is_empty()).then_some(
            Self {
                partition,
                service,
                region,
                account,
                resource,
            },
        )
    }
}

/// The digest of an image manifest: `sha256:` and 64 lower-case hexadecimal digits.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Digest(String);

impl Digest {
    /// None when it is no sha256 digest.
    pub fn parse(text: &str) -> Option<Self> {
        let hex = text.strip_prefix("sha256:")?;
        let fits = hex.len() == 64
            && hex
                .bytes()
                .all(|b| b.is_ascii_digit() || (b'a'..=b'f').contains(&b));
        fits.then(|| Self(text.to_owned()))
    }

    /// The digest with its algorithm.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

/// `family:revision` of a task definition ARN; the text itself when it is none.
pub fn short(task_definition_arn: &str) -> &str {
    task_definition_arn
        .rsplit_once("task-definition/")
        .map_or(task_definition_arn, |(_, name)| name)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_told_apart() {
        assert!(
            ["ap-southeast-2", "us-gov-west-1", "us-east-1"]
                .iter()
                .all(|r| Region::parse(r).is_some())
        );
        assert!(
            [
                "",
                "sydney",
                "ap-southeast",
                "AP-southeast-2",
                "a-b-1",
                "us-east-111"
            ]
            .iter()
            .all(|r| Region::parse(r).is_none())
        );
        let role = RoleArn::parse("arn:aws:iam::333333333333:role/team/redbutton-rollout").unwrap();
        assert_eq!(role.account().as_str(), "333333333333");
        for wrong in [
            "redbutton-rollout",
            "arn:aws:iam::3333:role/x",
            "arn:aws:iam::333333333333:user/x",
            "arn:aws:iam:us-east-1:333333333333:role/x",
            "arn:aws:iam::333333333333:role/",
        ] {
            assert!(RoleArn::parse(wrong).is_none(), "{wrong}");
        }
        assert!(Digest::parse(&format!("sha256:{}", "a".repeat(64))).is_some());
        assert!(Digest::parse(&format!("sha256:{}", "A".repeat(64))).is_none());
    }

    #[test]
    fn a_region_knows_its_partition() {
        for (region, partition) in [
            ("us-east-1", "aws"),
            ("us-gov-west-1", "aws-us-gov"),
            ("cn-north-1", "aws-cn"),
        ] {
            assert_eq!(Region::parse(region).unwrap().partition(), partition);
        }
    }

    #[test]
    fn a_short_name_keeps_family_and_revision() {
        let arn = "arn:aws:ecs:ap-southeast-2:333333333333:task-definition/web:7";
        assert_eq!((short(arn), short("web:7")), ("web:7", "web:7"));
    }
}
