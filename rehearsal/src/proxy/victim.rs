//! Whose process is at the other end of a connection, and its end by SIGKILL.

use std::fs;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, Result, anyhow, bail};
use rustix::process::{Pid, Signal, kill_process};

/// Kills the function that called from `peer`. Refuses to kill anything whose executable does not
/// lie in `functions`, where the emulator unpacks them.
pub(super) fn kill(peer: SocketAddr, proxy: SocketAddr, functions: &Path) -> Result<u32> {
    let (pid, executable) = find(peer, proxy)?;
    let functions = functions
        .canonicalize()
        .context("find the functions' folder")?;
    if pid == std::process::id() || !executable.starts_with(&functions) {
        bail!("process {pid} is {}, not a function", executable.display());
    }
    let victim = i32::try_from(pid).ok().and_then(Pid::from_raw);
    let victim = victim.with_context(|| format!("{pid} is no process id"))?;
    kill_process(victim, Signal::KILL).with_context(|| format!("kill process {pid}"))?;
    Ok(pid)
}

/// Process and executable at the other end.
fn find(peer: SocketAddr, proxy: SocketAddr) -> Result<(u32, PathBuf)> {
    if Path::new("/proc/net/tcp").exists() {
        find_in_proc(peer, proxy)
    } else {
        ask_lsof(peer)
    }
}

/// Linux: the socket's inode by its ports, then the process that has it open.
fn find_in_proc(peer: SocketAddr, proxy: SocketAddr) -> Result<(u32, PathBuf)> {
    let inode = ["/proc/net/tcp", "/proc/net/tcp6"]
        .into_iter()
        .filter_map(|table| fs::read_to_string(table).ok())
        .find_map(|table| inode(&table, peer.port(), proxy.port()))
        .with_context(|| format!("nobody has the connection from {peer}"))?;
    let socket = format!("socket:[{inode}]");
    for process in fs::read_dir("/proc").context("read /proc")?.flatten() {
        let Some(pid) = process
            .file_name()
            .to_str()
            .and_then(|name| name.parse().ok())
        else {
            continue;
        };
        // Processes of others cannot be looked into, and some end while we look.
        let Ok(open) = fs::read_dir(process.path().join("fd")) else {
            continue;
        };
        let mut targets = open
            .flatten()
            .filter_map(|fd| fs::read_link(fd.path()).ok());
        if targets.any(|target| target.as_os_str() == socket.as_str()) {
            let executable = fs::read_link(process.path().join("exe"))
                .with_context(|| format!("read the executable of process {pid}"))?;
            return Ok((pid, executable));
        }
    }
    Err(anyhow!("no process has {socket} open"))
}

/// The inode of the socket with these local and remote ports, from a table such as
/// `sl local_address rem_address st tx:rx tr:tm retrnsmt uid timeout inode`.
fn inode(table: &str, local: u16, remote: u16) -> Option<String> {
    let port = |address: &str| u16::from_str_radix(address.rsplit(':').next()?, 16).ok();
    table.lines().skip(1).find_map(|line| {
        let mut fields = line.split_whitespace().skip(1);
        let ends = (port(fields.next()?)?, port(fields.next()?)?);
        (ends == (local, remote))
            .then(|| fields.nth(6).map(str::to_owned))
            .flatten()
    })
}

/// Elsewhere: `lsof` knows the process, `ps` its executable.
fn ask_lsof(peer: SocketAddr) -> Result<(u32, PathBuf)> {
    let connection = format!("-iTCP:{}", peer.port());
    let listed =
        output(Command::new("lsof").args(["-nP", "-sTCP:ESTABLISHED", "-Fpn", &connection]))?;
    let pid = pid_of(&listed, peer).with_context(|| format!("lsof knows nobody at {peer}"))?;
    let executable = output(Command::new("ps").args(["-o", "comm=", "-p", &pid.to_string()]))?;
    let executable = PathBuf::from(executable.trim());
    Ok((pid, executable.canonicalize().unwrap_or(executable)))
}

/// The process whose end of a connection is `peer`, from `lsof -F pn` (a `p` line, then its `n`s).
fn pid_of(listed: &str, peer: SocketAddr) -> Option<u32> {
    let ours = format!("n{peer}->");
    let mut pid = None;
    listed
        .lines()
        .find_map(|line| match line.strip_prefix('p') {
            Some(number) => {
                pid = number.parse().ok();
                None
            }
            None => line.starts_with(&ours).then_some(pid).flatten(),
        })
}

fn output(command: &mut Command) -> Result<String> {
    let name = command.get_program().to_string_lossy().into_owned();
    let output = command
        .output()
        .with_context(|| format!("run {name}: is it installed?"))?;
    Ok(String::from_utf8_lossy(&output.stdout).into_owned())
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::net::{TcpListener, TcpStream};

    #[test]
    fn tables_are_read() {
        let table = "  sl  local_address rem_address   st tx_queue rx_queue tr tm->when retrnsmt   uid  timeout inode\n   0: 0100007F:0050 0100007F:1F90 01 00000000:00000000 00:00000000 00000000     0        0 4711 1 0 20 4 30 10 -1\n";
        assert_eq!(inode(table, 0x50, 0x1f90), Some("4711".to_owned()));
        assert_eq!(inode(table, 0x1f90, 0x50), None);
        let listed = "p7\nn127.0.0.1:80->127.0.0.1:9000\np8\nn127.0.0.1:9000->127.0.0.1:80\n";
        assert_eq!(pid_of(listed, "127.0.0.1:9000".parse().unwrap()), Some(8));
    }

    #[test]
    fn finds_itself_and_refuses_to_kill_it() {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let server = listener.local_addr().unwrap();
        let client = TcpStream::connect(server).unwrap();
        let peer = client.local_addr().unwrap();
        assert_eq!(find(peer, server).unwrap().0, std::process::id());
        let error = kill(peer, server, Path::new("/")).unwrap_err();
        assert!(error.to_string().contains("not a function"), "{error}");
    }
}
