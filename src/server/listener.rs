//! Sockets to listen on.

use std::{
    io,
    net::SocketAddr,
    os::unix::fs::{FileTypeExt, PermissionsExt},
    path::Path,
    sync::Arc,
};

use poem::web::LocalAddr;
use rustls::ServerConfig;
use socket2::{Domain, Protocol, Socket, Type};
use tokio::net::{TcpListener, TcpStream, UnixListener, UnixStream};

use super::tls::{Certificate, server_config, server_config_with_client_certificates};
use crate::config::Address;

/// A socket with what is spoken on it.
pub struct Listener {
    pub(super) socket: ListenSocket,
    pub(super) tls: Option<Arc<ServerConfig>>,
    pub(super) client_certificates: bool,
}

pub(super) enum ListenSocket {
    Tcp(TcpListener),
    Unix(UnixListener),
}

pub(super) enum Stream {
    Tcp(TcpStream),
    Unix(UnixStream),
}

impl Listener {
    /// Listens for plain HTTP/1.1.
    ///
    /// # Errors
    ///
    /// The address cannot be bound.
    pub fn plain(address: &Address) -> io::Result<Self> {
        Ok(Self { socket: ListenSocket::bind(address)?, tls: None, client_certificates: false })
    }

    /// Listens for HTTP/1.1 and HTTP/2 over TLS, and never asks for a client certificate.
    ///
    /// # Errors
    ///
    /// The address cannot be bound, or TLS cannot be set up.
    pub fn tls(address: &Address, certificate: Arc<Certificate>) -> io::Result<Self> {
        let tls = Some(server_config(certificate)?);
        Ok(Self { socket: ListenSocket::bind(address)?, tls, client_certificates: false })
    }

    /// Listens like [`Self::tls`] and asks for a client certificate without requiring one (RFC 8705).
    ///
    /// # Errors
    ///
    /// The address cannot be bound, or TLS cannot be set up.
    pub fn mtls(address: &Address, certificate: Arc<Certificate>) -> io::Result<Self> {
        let tls = Some(server_config_with_client_certificates(certificate)?);
        Ok(Self { socket: ListenSocket::bind(address)?, tls, client_certificates: true })
    }

    /// The address and port, also when port 0 let the system choose; `None` for Unix sockets.
    pub fn local_addr(&self) -> Option<SocketAddr> {
        match &self.socket {
            ListenSocket::Tcp(listener) => listener.local_addr().ok(),
            ListenSocket::Unix(_) => None,
        }
    }
}

impl ListenSocket {
    fn bind(address: &Address) -> io::Result<Self> {
        let named =
            |error: io::Error| io::Error::new(error.kind(), format!("cannot listen on {address}: {error}"));
        match address {
            Address::Tcp(address) => bind_tcp(*address).map(Self::Tcp),
            Address::Unix(path) => bind_unix(path).map(Self::Unix),
        }
        .map_err(named)
    }

    pub(super) fn local_addr(&self) -> LocalAddr {
        LocalAddr(match self {
            Self::Tcp(listener) => listener.local_addr().map(Into::into).unwrap_or_default(),
            Self::Unix(listener) => listener.local_addr().map(Into::into).unwrap_or_default(),
        })
    }

    /// The next connection and its peer; a Unix socket's peer has no address.
    pub(super) async fn accept(&self) -> io::Result<(Stream, Option<SocketAddr>)> {
        match self {
            Self::Tcp(listener) => {
                listener.accept().await.map(|(stream, peer)| (Stream::Tcp(stream), Some(peer)))
            }
            Self::Unix(listener) => listener.accept().await.map(|(stream, _)| (Stream::Unix(stream), None)),
        }
    }
}

fn bind_tcp(address: SocketAddr) -> io::Result<TcpListener> {
    let socket = Socket::new(Domain::for_address(address), Type::STREAM, Some(Protocol::TCP))?;
    if address.is_ipv6() {
        // So that 0.0.0.0 and [::] can be listened on with the same port.
        socket.set_only_v6(true)?;
    }
    socket.set_reuse_address(true)?;
    socket.set_nonblocking(true)?;
    socket.bind(&address.into())?;
    socket.listen(BACKLOG)?;
    TcpListener::from_std(socket.into())
}

/// Connections the kernel holds for us; it cuts this down to `net.core.somaxconn`.
const BACKLOG: i32 = 4096;

fn bind_unix(path: &Path) -> io::Result<UnixListener> {
    // A socket that nobody answers on was left behind by a process that died.
    let is_socket = std::fs::symlink_metadata(path).is_ok_and(|metadata| metadata.file_type().is_socket());
    if is_socket && std::os::unix::net::UnixStream::connect(path).is_err() {
        std::fs::remove_file(path)?;
    }
    let listener = UnixListener::bind(path)?;
    // The reverse proxy shares the group; nobody else may claim to be a trusted proxy.
    std::fs::set_permissions(path, std::fs::Permissions::from_mode(0o660))?;
    Ok(listener)
}
