//! TLS in front of the rehearsal's proxy, as it is in front of AWS, with a note of when the first
//! answer went out.

use std::fs;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::sync::mpsc::{self, Receiver, Sender};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Instant;

use anyhow::{Context, Result};
use rcgen::{
    BasicConstraints, CertificateParams, DnType, IsCa, Issuer, KeyPair, KeyUsagePurpose,
    PKCS_ECDSA_P256_SHA256,
};
use rehearsal::suite;
use tokio::io::{AsyncReadExt, AsyncWriteExt, copy, split};
use tokio::net::{TcpListener, TcpStream};
use tokio::runtime::Handle;
use tokio::task::JoinHandle;
use tokio_rustls::TlsAcceptor;
use tokio_rustls::rustls::crypto::aws_lc_rs;
use tokio_rustls::rustls::pki_types::{CertificateDer, PrivateKeyDer};
use tokio_rustls::rustls::{ServerConfig, server::NoServerSessionStorage};

/// The server, until it is dropped.
pub(super) struct Front {
    address: SocketAddr,
    bundle: PathBuf,
    waiting: Waiting,
    task: JoinHandle<()>,
}

/// Who wants to hear of the first answer.
type Waiting = Arc<Mutex<Option<Sender<Instant>>>>;

impl Front {
    /// Starts it; `dir` takes the bundle of certificates that its clients are to trust.
    pub(super) fn start(handle: &Handle, upstream: SocketAddr, dir: &Path) -> Result<Self> {
        let (config, authority) = certificate().context("make a certificate")?;
        // As long as the bundle on Lambda, since reading it is a part of a client's start.
        let known = suite::ca_bundle()?;
        let known = fs::read_to_string(known).with_context(|| format!("read {known}"))?;
        let bundle = dir.join("ca-bundle.pem");
        fs::write(&bundle, known + "\n" + &authority).context("write the CA bundle")?;

        let listener = handle
            .block_on(TcpListener::bind("127.0.0.1:0"))
            .context("find a port for TLS")?;
        let address = listener.local_addr().context("find a port for TLS")?;
        let waiting = Waiting::default();
        let (acceptor, notes) = (TlsAcceptor::from(Arc::new(config)), Arc::clone(&waiting));
        let task = handle.spawn(async move {
            // An error is one client's, such as a process that was stopped; it knows by itself.
            while let Ok((stream, _)) = listener.accept().await {
                let (acceptor, notes) = (acceptor.clone(), Arc::clone(&notes));
                tokio::spawn(async move { carry(acceptor, stream, upstream, &notes).await });
            }
        });
        Ok(Self {
            address,
            bundle,
            waiting,
            task,
        })
    }

    /// What clients call.
    pub(super) fn endpoint(&self) -> String {
        format!("https://{}", self.address)
    }

    /// What clients trust.
    pub(super) fn bundle(&self) -> &Path {
        &self.bundle
    }

    /// Will hear when the next answer has gone out.
    pub(super) fn next_answer(&self) -> Receiver<Instant> {
        let (sender, receiver) = mpsc::channel();
        *self.waiting.lock().unwrap_or_else(PoisonError::into_inner) = Some(sender);
        receiver
    }
}

impl Drop for Front {
    fn drop(&mut self) {
        self.task.abort();
    }
}

/// A server's configuration, and the authority to trust it by.
fn certificate() -> Result<(ServerConfig, String)> {
    let authority_key = KeyPair::generate_for(&PKCS_ECDSA_P256_SHA256)?;
    let mut authority = CertificateParams::new(Vec::new())?;
    authority
        .distinguished_name
        .push(DnType::CommonName, "redbutton bench");
    authority.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    authority.key_usages = vec![KeyUsagePurpose::KeyCertSign, KeyUsagePurpose::CrlSign];
    let pem = authority.self_signed(&authority_key)?.pem();

    let key = KeyPair::generate_for(&PKCS_ECDSA_P256_SHA256)?;
    let mut server = CertificateParams::new(vec!["127.0.0.1".to_owned()])?;
    server
        .distinguished_name
        .push(DnType::CommonName, "127.0.0.1");
    server.use_authority_key_identifier_extension = true;
    server.key_usages = vec![KeyUsagePurpose::DigitalSignature];
    let issuer = Issuer::new(authority, authority_key);
    let chain: Vec<CertificateDer<'static>> = vec![server.signed_by(&key, &issuer)?.der().clone()];
    let key = PrivateKeyDer::try_from(key.serialize_der()).map_err(anyhow::Error::msg)?;

    let mut config = ServerConfig::builder_with_provider(Arc::new(aws_lc_rs::default_provider()))
        .with_safe_default_protocol_versions()?
        .with_no_client_auth()
        .with_single_cert(chain, key)?;
    // Every process is measured with a whole handshake.
    config.session_storage = Arc::new(NoServerSessionStorage {});
    config.send_tls13_tickets = 0;
    Ok((config, pem))
}

/// One connection, in both directions, until either end closes it.
async fn carry(
    acceptor: TlsAcceptor,
    stream: TcpStream,
    upstream: SocketAddr,
    waiting: &Waiting,
) -> Result<()> {
    stream.set_nodelay(true)?;
    let client = acceptor.accept(stream).await?;
    let server = TcpStream::connect(upstream).await?;
    server.set_nodelay(true)?;
    let (mut from_client, mut to_client) = split(client);
    let (mut from_server, mut to_server) = server.into_split();
    let up = async {
        copy(&mut from_client, &mut to_server).await?;
        to_server.shutdown().await
    };
    let down = async {
        let mut buffer = vec![0; 64 * 1024];
        loop {
            let read = from_server.read(&mut buffer).await?;
            if read == 0 {
                return to_client.shutdown().await;
            }
            to_client
                .write_all(buffer.get(..read).unwrap_or_default())
                .await?;
            to_client.flush().await?;
            let heard = waiting
                .lock()
                .unwrap_or_else(PoisonError::into_inner)
                .take();
            // Nobody listens any more when a process was given up.
            heard.map(|heard| heard.send(Instant::now()));
        }
    };
    tokio::try_join!(up, down)?;
    Ok(())
}
