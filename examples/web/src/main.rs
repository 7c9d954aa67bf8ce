//! The smallest web service worth rolling out: one page that names its version, no dependencies.
//!
//! `web` serves `/` and `/health` on `PORT` (8080); `web --check` asks a running one's `/health`,
//! which is how a container without a shell checks its own health:
//! `"healthCheck": { "command": ["CMD", "/web", "--check"] }`; `web --version` names its version and
//! ends, as a one-off task does. Any other argument is an error, so a task definition with a wrong
//! `command` shows what a release that cannot start looks like.

use std::env;
use std::io::{self, BufRead, BufReader, Read, Write};
use std::net::{Ipv4Addr, TcpListener, TcpStream};
use std::process::ExitCode;
use std::thread;
use std::time::Duration;

/// Longest head of a request, in bytes, and longest silence: browsers open connections that they
/// never use.
const HEAD_LIMIT: u64 = 16 * 1024;
const PATIENCE: Duration = Duration::from_secs(5);

fn main() -> ExitCode {
    match run() {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("web: {error}");
            ExitCode::FAILURE
        }
    }
}

fn run() -> io::Result<()> {
    let port = match env::var("PORT") {
        Ok(port) => port
            .parse()
            .map_err(|_| io::Error::other(format!("PORT is {port:?}")))?,
        Err(_) => 8080,
    };
    match env::args().nth(1).as_deref() {
        None => serve(port),
        Some("--check") => check(port),
        Some("--version") => {
            println!("web {}", version());
            Ok(())
        }
        Some(other) => Err(io::Error::other(format!(
            "{other}: the only arguments are --check and --version"
        ))),
    }
}

fn version() -> String {
    env::var("VERSION").unwrap_or_else(|_| "unversioned".to_owned())
}

/// Serves until the process is stopped.
fn serve(port: u16) -> io::Result<()> {
    let version = version();
    let listener = TcpListener::bind((Ipv4Addr::UNSPECIFIED, port))?;
    println!("web {version} listens on port {port}");
    for connection in listener.incoming() {
        let (connection, version) = (connection?, version.clone());
        thread::spawn(move || {
            // A browser that hangs up is no fault of the service.
            let _ = answer(connection, &version);
        });
    }
    Ok(())
}

/// Answers one request and closes.
fn answer(mut connection: TcpStream, version: &str) -> io::Result<()> {
    connection.set_read_timeout(Some(PATIENCE))?;
    connection.set_write_timeout(Some(PATIENCE))?;
    let mut head = BufReader::new(connection.try_clone()?.take(HEAD_LIMIT)).lines();
    let first = head.next().transpose()?.unwrap_or_default();
    // Unread bytes at the close would reset the connection under the answer.
    while head
        .next()
        .transpose()?
        .is_some_and(|line| !line.is_empty())
    {}

    let path = first.split(' ').nth(1).unwrap_or_default();
    let (status, kind, body) = match path.split('?').next().unwrap_or_default() {
        "/" => ("200 OK", "text/html", page(version)),
        "/health" => ("200 OK", "text/plain", "ok\n".to_owned()),
        _ => ("404 Not Found", "text/plain", "not found\n".to_owned()),
    };
    write!(
        connection,
        "HTTP/1.1 {status}\r\nContent-Type: {kind}; charset=utf-8\r\nContent-Length: {}\r\n\
         Cache-Control: no-store\r\nConnection: close\r\n\r\n",
        body.len()
    )?;
    if !first.starts_with("HEAD ") {
        connection.write_all(body.as_bytes())?;
    }
    Ok(())
}

fn page(version: &str) -> String {
    let version = version.replace('&', "&amp;").replace('<', "&lt;");
    format!(
        "<!doctype html>\n<html lang=\"en\">\n<title>web {version}</title>\n\
         <h1>web <code>{version}</code></h1>\n</html>\n"
    )
}

/// Succeeds when a service on this machine answers that it is healthy.
fn check(port: u16) -> io::Result<()> {
    let mut connection = TcpStream::connect((Ipv4Addr::LOCALHOST, port))?;
    connection.set_read_timeout(Some(PATIENCE))?;
    connection
        .write_all(b"GET /health HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n")?;
    let mut status = String::new();
    BufReader::new(connection).read_line(&mut status)?;
    if status.starts_with("HTTP/1.1 200 ") {
        return Ok(());
    }
    Err(io::Error::other(format!("/health answers {status:?}")))
}

#[cfg(test)]
mod tests {
    use super::page;

    #[test]
    fn a_page_names_its_version() {
        let page = page("1a2b3c4d-7");
        assert!(page.contains("<code>1a2b3c4d-7</code>"), "{page}");
    }

    #[test]
    fn a_version_is_text_and_no_markup() {
        let page = page("<b>&");
        assert!(page.contains("<code>&lt;b>&amp;</code>"), "{page}");
    }
}
