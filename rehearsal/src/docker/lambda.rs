//! The base image of `sam local invoke`, or a stand-in where AWS's cannot be pulled.
//!
//! SAM copies the runtime interface emulator (a static binary) into the base image with `RUN mv …
//! && chmod …` and starts that; it then runs `/var/task/bootstrap`. So a stand-in needs a shell,
//! `mv`, `chmod` and what a Rust binary loads: the host's own. It proves that the function and its
//! events work in a container with nothing else in it; not that the binary suits Amazon Linux's
//! libc, since it is the host's that it meets here.
//!
//! SAM leaves out `--docker-network host`, so a function in its container reaches the emulator by a
//! [`Gateway`](super::Gateway), whose address goes into `--env-vars` as `AWS_ENDPOINT_URL`. The
//! template has to declare that variable for the function: SAM passes no other one.

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, Result, ensure};

use super::context::BuildContext;
use super::run::Run;

/// The base image that SAM uses for a `provided.al2023` function on its own.
const AMAZON_LINUX: &str = "public.ecr.aws/lambda/provided:al2023";

/// What SAM's build of its image runs.
const PROGRAMS: [&str; 3] = ["sh", "mv", "chmod"];

/// What Rust binaries load, the latter ones when they were linked against an older libc.
const LIBRARIES: [&str; 6] = [
    "libc.so.6",
    "libm.so.6",
    "libgcc_s.so.1",
    "libdl.so.2",
    "libpthread.so.0",
    "librt.so.1",
];

/// Where distributions keep the certificates of authorities; without any, TLS clients refuse to
/// start.
const CERTIFICATES: [&str; 2] = [
    "/etc/ssl/certs/ca-certificates.crt",
    "/etc/pki/tls/certs/ca-bundle.crt",
];

const DOCKERFILE: &str = "FROM scratch
COPY root /
ENV PATH=/usr/local/bin:/usr/bin:/bin LAMBDA_TASK_ROOT=/var/task LAMBDA_RUNTIME_DIR=/var/runtime
WORKDIR /var/task
";

impl Run {
    /// The image for `sam local invoke --skip-pull-image --invoke-image <name>`: AWS's when the
    /// engine has it, otherwise a stand-in. SAM's own image on top is named after it, so that it
    /// goes with the run as well.
    pub fn lambda_base_image(&self) -> Result<String> {
        if self
            .engine
            .get(&format!("/images/{AMAZON_LINUX}/json"))
            .is_ok()
        {
            return Ok(AMAZON_LINUX.to_owned());
        }
        let mut context = BuildContext::default();
        context.add("Dockerfile", DOCKERFILE.as_bytes())?;
        context.add("root/tmp/", b"")?;
        for path in files()? {
            let content = fs::read(&path).with_context(|| format!("read {}", path.display()))?;
            context.add(&format!("root{}", path.display()), &content)?;
        }
        let name = format!("{}/provided:al2023", self.name());
        context.build(&self.engine, &name, &[])?;
        Ok(name)
    }
}

/// The programs at `/bin`, and every library and the loader where this host has them.
fn files() -> Result<BTreeSet<PathBuf>> {
    let mut files = BTreeSet::new();
    for program in PROGRAMS {
        let path = Path::new("/bin").join(program);
        files.extend(loaded_by(&path)?);
        files.insert(path);
    }
    let folder = files
        .iter()
        .find(|path| path.ends_with("libc.so.6"))
        .and_then(|libc| libc.parent())
        .context("this machine's programs do not load libc.so.6: the stand-in needs glibc")?
        .to_path_buf();
    let others = LIBRARIES.map(|library| folder.join(library));
    files.extend(
        others
            .into_iter()
            .chain(CERTIFICATES.map(PathBuf::from))
            .filter(|path| path.exists()),
    );
    Ok(files)
}

/// The absolute paths that `ldd` names, the loader's among them.
fn loaded_by(program: &Path) -> Result<Vec<PathBuf>> {
    let output = Command::new("ldd")
        .arg(program)
        .output()
        .context("start ldd")?;
    let text = String::from_utf8_lossy(&output.stdout);
    ensure!(output.status.success(), "ldd {}: {text}", program.display());
    let paths = text
        .lines()
        .filter_map(|line| line.split(' ').find_map(|w| w.trim().strip_prefix('/')));
    Ok(paths.map(|path| Path::new("/").join(path)).collect())
}
