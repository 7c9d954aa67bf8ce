//! What no command of a build changes: the way to the AWS of this machine, and away from the
//! person's own accounts and settings.

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;

use anyhow::{Context, Result};

use crate::account::{Account, Credentials};

/// Of the person's own environment a build sees these: what its commands need to be found and to
/// speak, nothing that leads to a real account.
const INHERITED: [&str; 5] = ["PATH", "USER", "LANG", "LC_ALL", "TERM"];

const ID: &str = "AWS_ACCESS_KEY_ID";
const SECRET: &str = "AWS_SECRET_ACCESS_KEY";
const TOKEN: &str = "AWS_SESSION_TOKEN";

/// Environment variables by name.
pub(super) type Environment = BTreeMap<String, String>;

/// What is put back before each command.
pub(super) struct Guards {
    fixed: Environment,
    /// Those that the build acts with.
    keys: Environment,
}

impl Guards {
    /// For a build that acts as `account` and works in `place`, which gets a home folder; CodePipeline
    /// answers at `codepipeline`.
    pub(super) fn new(account: &Account, codepipeline: &str, place: &Path) -> Result<Self> {
        let home = place.join("home");
        fs::create_dir_all(&home).context("create a home folder for the build")?;
        let fixed = named(&[
            ("AWS_ENDPOINT_URL", &account.endpoint()),
            ("AWS_ENDPOINT_URL_CODEPIPELINE", codepipeline),
            ("AWS_CONFIG_FILE", "/dev/null"),
            ("AWS_SHARED_CREDENTIALS_FILE", "/dev/null"),
            ("AWS_EC2_METADATA_DISABLED", "true"),
            ("HOME", &home.to_string_lossy()),
            // Whatever lies above the build's folder is none of its repositories.
            ("GIT_CEILING_DIRECTORIES", &place.to_string_lossy()),
        ]);
        let own = account.credentials();
        let mut keys = named(&[(ID, own.access_key_id()), (SECRET, own.secret_access_key())]);
        keys.extend(
            own.session_token()
                .map(|token| (TOKEN.to_owned(), token.to_owned())),
        );
        Ok(Self { fixed, keys })
    }

    /// Puts everything back; answers whether keys had to give way. A build may assume roles: keys that
    /// `issued` knows stay, and are those that the build acts with from now on.
    pub(super) fn hold(
        &mut self,
        environment: &mut Environment,
        issued: impl FnOnce(Credentials) -> bool,
    ) -> bool {
        environment.retain(|name, _| {
            !name.starts_with("AWS_ENDPOINT_URL") && name != "AWS_IGNORE_CONFIGURED_ENDPOINT_URLS"
        });
        environment.extend(self.fixed.clone());
        let taken = [ID, SECRET, TOKEN].map(|name| environment.remove_entry(name));
        let found: Environment = taken.into_iter().flatten().collect();
        let foreign = found != self.keys && !found.is_empty();
        let kept = foreign && credentials(&found).is_some_and(issued);
        if kept {
            self.keys = found;
        }
        environment.extend(self.keys.clone());
        foreign && !kept
    }
}

/// What a build begins with besides: some of the person's environment, a folder for passing files,
/// and nobody who is asked for a password.
pub(super) fn begun(place: &Path, region: &str) -> Result<Environment> {
    let passing = place.join("tmp");
    fs::create_dir_all(&passing).context("create a folder for the build")?;
    let mut all: Environment = INHERITED
        .iter()
        .filter_map(|name| Some(((*name).to_owned(), std::env::var(name).ok()?)))
        .collect();
    all.extend(toolchains().map(|folder| ("RUSTUP_HOME".to_owned(), folder)));
    all.extend(named(&[
        ("TMPDIR", &passing.to_string_lossy()),
        ("GIT_CONFIG_NOSYSTEM", "1"),
        ("GIT_SSH_COMMAND", "false"),
        ("GIT_TERMINAL_PROMPT", "0"),
        ("AWS_REGION", region),
        ("AWS_DEFAULT_REGION", region),
    ]));
    Ok(all)
}

/// Where rustup keeps its toolchains: it holds no secret, and `cargo` finds no compiler without it.
fn toolchains() -> Option<String> {
    let said = std::env::var("RUSTUP_HOME").ok();
    let usual = || Some(format!("{}/.rustup", std::env::var("HOME").ok()?));
    said.or_else(usual)
        .filter(|folder| Path::new(folder).is_dir())
}

fn credentials(keys: &Environment) -> Option<Credentials> {
    let (id, secret) = (keys.get(ID)?, keys.get(SECRET)?);
    let token = keys.get(TOKEN).cloned();
    Some(Credentials::new(id, secret, token, None, "build"))
}

fn named(pairs: &[(&str, &str)]) -> Environment {
    let owned = pairs
        .iter()
        .map(|(name, value)| ((*name).to_owned(), (*value).to_owned()));
    owned.collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn guards() -> Guards {
        Guards {
            fixed: named(&[("AWS_ENDPOINT_URL", "http://here"), ("HOME", "/build/home")]),
            keys: named(&[(ID, "own"), (SECRET, "s"), (TOKEN, "t")]),
        }
    }

    fn check(given: &[(&str, &str)], issued: bool, gave_way: bool, expected: &[(&str, &str)]) {
        let mut environment = named(given);
        let held = guards().hold(&mut environment, |_| issued);
        assert_eq!(held, gave_way, "{given:?}");
        let mut all = guards().fixed;
        all.extend(guards().keys);
        for (name, value) in expected {
            if value.is_empty() {
                all.remove(*name);
            } else {
                all.insert((*name).to_owned(), (*value).to_owned());
            }
        }
        assert_eq!(environment, all, "{given:?}");
    }

    #[test]
    fn what_leads_elsewhere_gives_way() {
        check(&[], false, false, &[]);
        let real = [
            ("HOME", "/home/jane"),
            ("AWS_ENDPOINT_URL", "https://real"),
            ("AWS_ENDPOINT_URL_S3", "https://real"),
            ("AWS_IGNORE_CONFIGURED_ENDPOINT_URLS", "true"),
            (ID, "AKIAREAL"),
            (SECRET, "real"),
        ];
        check(&real, false, true, &[]);
        check(&[(ID, "AKIAREAL")], true, true, &[]);
        check(
            &[(ID, "own"), (SECRET, "s"), (TOKEN, "t")],
            false,
            false,
            &[],
        );
        check(&[("COLOR", "red")], false, false, &[("COLOR", "red")]);
    }

    #[test]
    fn roles_that_a_build_assumes_are_its_own() {
        let assumed = [(ID, "ASIAHERE"), (SECRET, "s2"), (TOKEN, "t2")];
        check(&assumed, true, false, &assumed);
        let mut guards = guards();
        guards.hold(&mut named(&assumed), |_| true);
        let mut environment = named(&assumed);
        let asked = |_| panic!("what is known is not asked for again");
        assert!(!guards.hold(&mut environment, asked));
        assert_eq!(environment[ID], "ASIAHERE");
        check(
            &[(ID, "ASIAHERE"), (SECRET, "s2")],
            true,
            false,
            &[(ID, "ASIAHERE"), (SECRET, "s2"), (TOKEN, "")],
        );
    }
}
