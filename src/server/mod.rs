//! The accept loop: sockets, TLS, timeouts, caps and the graceful end. poem is only the router behind it.
//!
//! Plain listeners speak HTTP/1.1, TLS listeners HTTP/1.1 and HTTP/2 by ALPN. Every step of a connection has
//! an end: first byte, handshake, header list, body, an answer nobody reads, an idle connection.

use std::{sync::Arc, time::Duration};

use ipnet::IpNet;
use poem::{
    EndpointExt, IntoEndpoint, Response,
    endpoint::{DynEndpoint, ToDynEndpoint},
};
use tokio::sync::Semaphore;
use tokio_rustls::TlsAcceptor;
use tokio_util::{sync::CancellationToken, task::TaskTracker};

mod body;
mod client_certificate;
mod client_ip;
mod connection;
mod listener;
mod stall;
mod tls;
mod watch;

pub use body::{BodyError, BodyLimit, BodyLimitEndpoint};
pub use client_certificate::CertificateHeader;
pub use client_ip::{ClientIp, client_ip};
pub use listener::Listener;
pub use tls::{Certificate, TlsError, install_crypto_provider};
pub use watch::watch_authorities;

use crate::config::{Config, Timeouts};
use connection::Connection;

/// How connections are treated.
#[derive(Clone, Debug)]
pub struct Settings {
    /// How long each step may take.
    pub timeouts: Timeouts,
    /// Most connections at a time over all listeners.
    pub max_connections: usize,
    /// Networks of reverse proxies whose `X-Forwarded-For` is believed.
    pub trusted_proxies: Vec<IpNet>,
    /// The header in which those proxies forward a client's certificate.
    pub certificate_header: Option<CertificateHeader>,
}

impl Settings {
    /// The settings of a configuration; the connection cap stays below what the process may open.
    pub fn of(config: &Config) -> Self {
        let limits = std::fs::read_to_string("/proc/self/limits").unwrap_or_default();
        Self {
            timeouts: config.limits.timeouts.clone(),
            max_connections: connection_cap(config.listen.max_connections, open_files(&limits)),
            trusted_proxies: config.listen.trusted_proxies.clone(),
            certificate_header: config.client_certificates.header.as_ref().map(|header| CertificateHeader {
                name: header.name.clone(),
                encoding: header.encoding.into(),
            }),
        }
    }
}

/// Binds every configured listener. Certificates are watched until `stop`.
///
/// # Errors
///
/// An address cannot be bound, or a certificate cannot be used.
pub fn bind(config: &Config, stop: &CancellationToken) -> std::io::Result<Vec<Listener>> {
    let load = |files: &crate::config::TlsFiles| {
        let certificate = Certificate::load(files.clone()).map_err(std::io::Error::other)?;
        tokio::spawn(Arc::clone(&certificate).watch(RELOAD_EVERY, stop.clone()));
        Ok::<_, std::io::Error>(certificate)
    };
    let main = config.listen.tls.as_ref().map(load).transpose()?;
    let mut listeners = Vec::new();
    for address in &config.listen.addresses {
        listeners.push(match (&main, address) {
            (Some(certificate), crate::config::Address::Tcp(_)) => {
                Listener::tls(address, Arc::clone(certificate))?
            }
            _ => Listener::plain(address)?,
        });
    }
    if let Some(mtls) = &config.listen.mtls {
        let own = mtls.tls.as_ref().map(load).transpose()?;
        let certificate =
            own.or(main).ok_or_else(|| std::io::Error::other("listen.mtls has no certificate"))?;
        for address in &mtls.addresses {
            listeners.push(Listener::mtls(address, Arc::clone(&certificate))?);
        }
    }
    Ok(listeners)
}

/// How often certificate files are looked at.
pub const RELOAD_EVERY: Duration = Duration::from_secs(1);

/// Serves the endpoint on all listeners until `stop`, then lets running requests end for as long as
/// [`Timeouts::shutdown`] says. Every request carries its [`ClientIp`].
pub async fn serve<E>(listeners: Vec<Listener>, endpoint: E, settings: Settings, stop: CancellationToken)
where
    E: IntoEndpoint,
    E::Endpoint: 'static,
{
    let shared = Arc::new(Shared {
        endpoint: Arc::new(ToDynEndpoint(endpoint.into_endpoint().map_to_response())),
        connections: Arc::new(Semaphore::new(settings.max_connections.min(Semaphore::MAX_PERMITS))),
        open: TaskTracker::new(),
        abort: CancellationToken::new(),
        settings,
        stop,
    });
    let loops = TaskTracker::new();
    for listener in listeners {
        loops.spawn(accept(listener, Arc::clone(&shared)));
    }
    loops.close();
    loops.wait().await;
    shared.open.close();
    if tokio::time::timeout(shared.settings.timeouts.shutdown, shared.open.wait()).await.is_err() {
        tracing::warn!(connections = shared.open.len(), "requests still running at the end were cut off");
        shared.abort.cancel();
        shared.open.wait().await;
    }
}

/// What all connections share.
struct Shared {
    endpoint: Arc<dyn DynEndpoint<Output = Response>>,
    connections: Arc<Semaphore>,
    open: TaskTracker,
    /// Cuts off what is left when the time for a graceful end is over.
    abort: CancellationToken,
    settings: Settings,
    stop: CancellationToken,
}

async fn accept(listener: Listener, shared: Arc<Shared>) {
    let template = Connection {
        shared: Arc::clone(&shared),
        tls: listener.tls.clone().map(TlsAcceptor::from),
        client_certificates: listener.client_certificates,
        local: listener.socket.local_addr(),
        peer: None,
    };
    loop {
        // At the cap new connections wait in the kernel, which costs nothing here.
        let permit = Arc::clone(&shared.connections).acquire_owned();
        let Some(Ok(permit)) = shared.stop.run_until_cancelled(permit).await else { return };
        let (stream, peer) = match shared.stop.run_until_cancelled(listener.socket.accept()).await {
            None => return,
            Some(Ok(accepted)) => accepted,
            Some(Err(error)) => {
                // Mostly EMFILE: trying again at once would only burn a core.
                tracing::warn!(%error, "a connection could not be accepted");
                tokio::time::sleep(ACCEPT_BACK_OFF).await;
                continue;
            }
        };
        let connection = Connection { peer, ..template.clone() };
        let abort = shared.abort.clone();
        shared.open.spawn(async move {
            let _permit = permit;
            if let Some(Err(error)) = abort.run_until_cancelled(Box::pin(connection.serve(stream))).await {
                tracing::debug!(%error, "connection ended");
            }
        });
    }
}

const ACCEPT_BACK_OFF: Duration = Duration::from_millis(50);

/// The soft limit of open files from `/proc/self/limits`.
fn open_files(limits: &str) -> Option<usize> {
    let line = limits.lines().find_map(|line| line.strip_prefix("Max open files"))?;
    line.split_whitespace().next()?.parse().ok()
}

/// Keeps 128 files for everything else: database, logs, outbound requests.
fn connection_cap(wanted: usize, open_files: Option<usize>) -> usize {
    open_files.map_or(wanted, |files| wanted.min(files.saturating_sub(128))).max(1)
}

#[cfg(test)]
mod tests;
