//! What a service really serves: its containers' pages, and the digests of the images they run.

use std::io::{self, Read, Write};
use std::net::{IpAddr, SocketAddr, TcpStream};
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail, ensure};
use rehearsal::docker::Engine;
use rehearsal::world::Service;

use crate::interrupt;

/// Where `examples/web` listens.
const PORT: u16 = 8080;
/// A container that runs may not listen yet.
const PATIENCE: Duration = Duration::from_secs(20);

/// A page as a visitor gets it.
pub(super) struct Page {
    /// Where it was fetched.
    pub(super) url: String,
    /// Its title: `web v2`.
    pub(super) title: String,
    address: IpAddr,
}

/// Fetches the page of every container that the service runs, and makes sure that all of them are
/// `version`, from the image with this digest.
pub(super) fn fetch(
    engine: &Engine,
    service: &Service,
    version: &str,
    digest: &str,
) -> Result<Page> {
    let deadline = Instant::now() + PATIENCE;
    loop {
        match look(engine, service, version, digest) {
            Ok(page) => return Ok(page),
            Err(error) if Instant::now() > deadline || interrupt::asked() => return Err(error),
            Err(_) => thread::sleep(Duration::from_millis(100)),
        }
    }
}

/// Visits the service again and again while `during` goes on; returns how often, or the first visit
/// that got anything else than this page. A container that went is left for one that is there, as a
/// load balancer would do.
pub(super) fn visiting<T>(
    engine: &Engine,
    service: &Service,
    page: &Page,
    during: impl FnOnce() -> T,
) -> (T, Result<usize>) {
    let over = AtomicBool::new(false);
    thread::scope(|scope| {
        let visitor = scope.spawn(|| {
            let (mut visits, mut address) = (0, page.address);
            while !over.load(Ordering::Relaxed) {
                let answer = match get(address) {
                    Ok(answer) => answer,
                    Err(error) => {
                        let found = elsewhere(engine, service);
                        let (there, answer) =
                            found.with_context(|| format!("GET {}: {error}", page.url))?;
                        address = there;
                        answer
                    }
                };
                let title = title(&answer);
                ensure!(title == page.title, "{address} served {title:?}");
                visits += 1;
                thread::sleep(Duration::from_millis(20));
            }
            Ok(visits)
        });
        let done = during();
        over.store(true, Ordering::Relaxed);
        let visits = visitor
            .join()
            .unwrap_or_else(|_| bail!("the visitor panicked"));
        (done, visits)
    })
}

/// The page of any container of the service that answers, and its address.
fn elsewhere(engine: &Engine, service: &Service) -> Result<(IpAddr, String)> {
    let deadline = Instant::now() + PATIENCE;
    loop {
        for task in service.tasks()? {
            let arn = task.pointer("/taskArn").and_then(|arn| arn.as_str());
            let containers = engine.task_containers(arn.unwrap_or_default());
            for container in containers.unwrap_or_default() {
                let Some(address) = container.address else {
                    continue;
                };
                if let Ok(answer) = get(address) {
                    return Ok((address, answer));
                }
            }
        }
        ensure!(
            Instant::now() < deadline,
            "no container of {} answers",
            service.name
        );
        thread::sleep(Duration::from_millis(20));
    }
}

fn look(engine: &Engine, service: &Service, version: &str, digest: &str) -> Result<Page> {
    let mut last = None;
    for task in service.tasks()? {
        let arn = task.pointer("/taskArn").and_then(|arn| arn.as_str());
        for container in engine.task_containers(arn.unwrap_or_default())? {
            let address = container.address.context("a container has no address")?;
            let url = format!("http://{address}:{PORT}/");
            let page = get(address).with_context(|| format!("GET {url}"))?;
            let title = title(&page);

            ensure!(
                title == format!("web {version}"),
                "{url} serves {title:?}, not {version}"
            );
            ensure!(
                container.digests.contains(digest),
                "{url} runs the image {:?}, not {digest}",
                container.digests
            );
            last = Some(Page {
                url,
                title: title.to_owned(),
                address,
            });
        }
    }
    last.with_context(|| format!("service {} runs no container", service.name))
}

/// `GET /`, status line and headers included.
fn get(address: IpAddr) -> io::Result<String> {
    let timeout = Duration::from_secs(5);
    let mut connection = TcpStream::connect_timeout(&SocketAddr::new(address, PORT), timeout)?;
    connection.set_read_timeout(Some(timeout))?;
    connection.write_all(b"GET / HTTP/1.0\r\nHost: web\r\n\r\n")?;
    let mut answer = String::new();
    connection.read_to_string(&mut answer)?;
    Ok(answer)
}

/// What stands in `<title>`.
fn title(page: &str) -> &str {
    let (_, rest) = page.split_once("<title>").unwrap_or_default();
    rest.split_once("</title>").unwrap_or_default().0
}
