//! A way from a container to a port of this machine's 127.0.0.1, where the emulator listens.

use std::net::{Ipv4Addr, SocketAddr};

use anyhow::{Context, Result};
use serde_json::Value;
use tokio::io::copy_bidirectional;
use tokio::net::{TcpListener, TcpStream};
use tokio::runtime::Handle;
use tokio::task::{JoinHandle, JoinSet};

use super::engine::{Engine, list, text};

/// An address that containers reach, until it is dropped.
#[derive(Debug)]
pub struct Gateway {
    address: SocketAddr,
    task: JoinHandle<()>,
}

impl Gateway {
    /// Listens on the engine's default network, at this machine's own address in it, and passes
    /// bytes on to `to`. A request's Host header, and with it its signature, stays as it is.
    pub fn open(handle: &Handle, engine: &Engine, to: SocketAddr) -> Result<Self> {
        let network = engine
            .get("/networks/bridge")
            .context("find the engine's default network")?;
        let gateway = list(&network, "/IPAM/Config")
            .find_map(gateway)
            .context("the engine's default network has no IPv4 gateway")?;
        let listener = handle
            .block_on(TcpListener::bind((gateway, 0)))
            .with_context(|| {
                format!("listen on {gateway}, this machine's address for containers")
            })?;
        let address = listener.local_addr().context("learn the port")?;
        Ok(Self {
            address,
            task: handle.spawn(pass_on(listener, to)),
        })
    }

    /// Where containers connect to.
    pub fn address(&self) -> SocketAddr {
        self.address
    }
}

impl Drop for Gateway {
    fn drop(&mut self) {
        self.task.abort();
    }
}

/// The gateway, which some engines leave out when it is the subnet's first address.
fn gateway(config: &Value) -> Option<Ipv4Addr> {
    text(config, "/Gateway")
        .and_then(|address| address.parse().ok())
        .or_else(|| {
            let subnet: Ipv4Addr = text(config, "/Subnet")?.split('/').next()?.parse().ok()?;
            subnet.to_bits().checked_add(1).map(Ipv4Addr::from_bits)
        })
}

async fn pass_on(listener: TcpListener, to: SocketAddr) {
    // Dropped with this future, and the connections with it.
    let mut connections = JoinSet::new();
    loop {
        tokio::select! {
            Ok((mut inside, _)) = listener.accept() => {
                connections.spawn(async move {
                    // Either side may end it at any time.
                    if let Ok(mut outside) = TcpStream::connect(to).await {
                        let _ = copy_bidirectional(&mut inside, &mut outside).await;
                    }
                });
            }
            // Out of file descriptors, it waits until a connection ends and gives some back.
            Some(_) = connections.join_next() => {}
            else => tokio::task::yield_now().await,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn check(config: Value, expected: Option<Ipv4Addr>) {
        assert_eq!(gateway(&config), expected);
    }

    #[test]
    fn a_gateway_is_said_or_the_first_address() {
        let first = Some(Ipv4Addr::new(172, 17, 0, 1));
        check(json!({ "Subnet": "172.17.0.0/16" }), first);
        check(
            json!({ "Subnet": "172.17.0.0/16", "Gateway": "172.17.0.9" }),
            Some([172, 17, 0, 9].into()),
        );
        check(json!({ "Subnet": "fd00::/64" }), None);
    }
}
