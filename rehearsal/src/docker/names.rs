//! Image names: `<account>.dkr.ecr.<region>.amazonaws.com/<repository>`, as AWS has them, and the
//! same image in the rehearsal's own registry.

/// Between the account and the region of an ECR registry, and after the region.
const ECR: &str = ".dkr.ecr.";
const AWS: &str = ".amazonaws.com";

/// The registry of one run: `127.0.0.1:<port>/<run>`, below which come account and region.
#[derive(Clone, Debug)]
pub(super) struct Names {
    prefix: String,
}

impl Names {
    /// Names for the registry on that port.
    pub(super) fn new(port: u16, run: &str) -> Self {
        Self {
            prefix: format!("127.0.0.1:{port}/{run}"),
        }
    }

    /// A repository's name as the engine has to be told it.
    pub(super) fn repository(&self, account: &str, region: &str, repository: &str) -> String {
        format!("{}/{account}/{region}/{repository}", self.prefix)
    }

    /// `text`, be it a name, a path or a query, with each ECR registry replaced.
    pub(super) fn to_local(&self, text: &str) -> String {
        let mut local = String::new();
        let mut rest = text;
        while let Some((before, after)) = rest.split_once(ECR) {
            let (kept, account) = before
                .split_at_checked(before.len().wrapping_sub(12))
                .unwrap_or((before, ""));
            match after.split_once(AWS) {
                Some((region, tail)) if is_account(account) && is_region(region) => {
                    local.extend([kept, &self.prefix, "/", account, "/", region]);
                    rest = tail;
                }
                _ => {
                    local.extend([before, ECR]);
                    rest = after;
                }
            }
        }
        local + rest
    }

    /// The way back, for what an engine says about an image.
    pub(super) fn to_ecr(&self, text: &str) -> String {
        let prefix = format!("{}/", self.prefix);
        let mut pieces = text.split(&prefix);
        let mut aws = pieces.next().unwrap_or_default().to_owned();
        for piece in pieces {
            match scope(piece) {
                Some((registry, rest)) => aws.extend([&registry, "/", rest]),
                None => aws.extend([&prefix, piece]),
            }
        }
        aws
    }
}

/// `<account>/<region>/<rest>` → the ECR registry's name and the rest.
pub(super) fn scope(path: &str) -> Option<(String, &str)> {
    let (account, rest) = path.split_once('/')?;
    let (region, rest) = rest.split_once('/')?;
    (is_account(account) && is_region(region))
        .then(|| (format!("{account}{ECR}{region}{AWS}"), rest))
}

fn is_account(text: &str) -> bool {
    text.len() == 12 && text.bytes().all(|byte| byte.is_ascii_digit())
}

fn is_region(text: &str) -> bool {
    !text.is_empty()
        && text
            .bytes()
            .all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'-')
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(aws: &str, local: &str) {
        let names = Names::new(5000, "run-1");
        assert_eq!(names.to_local(aws), local);
        assert_eq!(names.to_ecr(local), aws);
    }

    #[test]
    fn there_and_back() {
        check(
            "111111111111.dkr.ecr.ap-southeast-2.amazonaws.com/team/web@sha256:00",
            "127.0.0.1:5000/run-1/111111111111/ap-southeast-2/team/web@sha256:00",
        );
        check(
            "/v1.41/images/333333333333.dkr.ecr.eu-west-1.amazonaws.com/web:v1/json",
            "/v1.41/images/127.0.0.1:5000/run-1/333333333333/eu-west-1/web:v1/json",
        );
        for same in [
            "nginx",
            "/images/json",
            "1.dkr.ecr.eu.amazonaws.com/a",
            "x.dkr.ecr.",
            "",
        ] {
            check(same, same);
        }
    }

    #[test]
    fn an_encoded_slash_stays_encoded() {
        let query = "/images/create?tag=sha256%3A00&fromImage=111111111111.dkr.ecr.eu-west-1.amazonaws.com%2Fweb";
        let local = "/images/create?tag=sha256%3A00&fromImage=127.0.0.1:5000/run-1/111111111111/eu-west-1%2Fweb";
        assert_eq!(Names::new(5000, "run-1").to_local(query), local);
    }
}
