//! What `redbutton verify` can be told.

use std::path::PathBuf;

use shared::names;

const EXAMPLES: &str = "\
Examples:
  The key, once; whoever may read it at all may read it from KMS:
    aws kms get-public-key --key-id alias/redbutton-release-signing \\
      --query PublicKey --output text > signing.key
  A release in its bucket, by its name or by its address:
    redbutton verify orders/22222222-abcd-1111-abcd-222222abcdef --bucket BUCKET --key signing.key
    redbutton verify s3://BUCKET/releases/orders/2222…/release.dsse.json --key signing.key
  A copy of its folder, without AWS, with all that was delivered:
    aws s3 cp --recursive s3://BUCKET/releases/orders/2222… release
    redbutton verify release --key signing.key --account 222222222222 --artifacts release

An s3:// address or a name is read with your own credentials: those of the environment, of the profile
in AWS_PROFILE, of a container or an instance. After a login by browser (aws sso login, aws login),
export them:
    eval \"$(aws configure export-credentials --format env)\"

Exit codes: 0 verified, 1 not verified, with every reason, 2 wrong use";

/// Verify a release and tell what it says.
///
/// A release is a signed statement of what was tested and approved: artifacts and images by their
/// digests, the account, region and bucket that it is for. It is verified with the public keys that you
/// give, and with nothing else: the release itself is never asked whom to trust.
#[derive(Debug, clap::Args)]
#[command(after_help = EXAMPLES)]
pub(crate) struct Options {
    /// A file or a folder with one, an s3:// address, or PIPELINE/EXECUTION with --bucket
    pub(super) release: String,
    /// A public key that is trusted: PEM, or the base64 that aws kms get-public-key prints. May be
    /// given several times
    #[arg(long, value_name = "FILE", required = true)]
    pub(super) key: Vec<PathBuf>,
    /// The account that it has to be for, which has to own the bucket
    #[arg(long, value_parser = account)]
    pub(super) account: Option<String>,
    /// The region that it has to be for
    #[arg(long, value_parser = region)]
    pub(super) region: Option<String>,
    /// The bucket that it has to be for
    #[arg(long)]
    pub(super) bucket: Option<String>,
    /// A copy of the release's folder: what was delivered is compared with what it says
    #[arg(long, value_name = "DIR")]
    pub(super) artifacts: Option<PathBuf>,
    /// Print it as JSON
    #[arg(long)]
    pub(super) json: bool,
}

fn account(text: &str) -> Result<String, String> {
    match names::Account::parse(text) {
        Some(_) => Ok(text.to_owned()),
        None => Err("write the twelve digits of an account".to_owned()),
    }
}

fn region(text: &str) -> Result<String, String> {
    match names::Region::parse(text) {
        Some(_) => Ok(text.to_owned()),
        None => Err("write a region such as ap-southeast-2".to_owned()),
    }
}
