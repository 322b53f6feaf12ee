//! One connection: wait for a first byte, do the TLS handshake, speak HTTP, each within its time.

use std::{
    convert::Infallible,
    net::SocketAddr,
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
    time::Duration,
};

use hyper::{
    body::Incoming,
    server::conn::{http1, http2},
    service::service_fn,
};
use hyper_util::rt::{TokioExecutor, TokioIo, TokioTimer};
use poem::{
    Endpoint, Request, Response,
    http::uri::Scheme,
    web::{LocalAddr, RemoteAddr},
};
use tokio::{
    io::{AsyncRead, AsyncWrite},
    net::{TcpStream, UnixStream},
    time::timeout,
};
use tokio_rustls::TlsAcceptor;

use super::{Shared, client_certificate, client_ip, listener::Stream, stall::StallGuard};
use crate::protocol::client_certificate::ClientCertificate;

/// What is known of a connection before its first request.
#[derive(Clone)]
pub(super) struct Connection {
    pub(super) shared: Arc<Shared>,
    pub(super) tls: Option<TlsAcceptor>,
    pub(super) client_certificates: bool,
    pub(super) local: LocalAddr,
    pub(super) peer: Option<SocketAddr>,
}

/// Why a connection ended early. Worth a debug line, no more: anybody can cause it.
#[derive(Debug, thiserror::Error)]
pub(super) enum Ended {
    #[error("no byte arrived in time")]
    Silent,
    #[error("the TLS handshake took too long")]
    HandshakeTimeout,
    #[error("the TLS handshake failed: {0}")]
    Handshake(std::io::Error),
    #[error("connection: {0}")]
    Io(#[from] std::io::Error),
    #[error("HTTP: {0}")]
    Http(#[from] hyper::Error),
}

impl Connection {
    pub(super) async fn serve(self, stream: Stream) -> Result<(), Ended> {
        match stream {
            Stream::Tcp(stream) => {
                stream.set_nodelay(true)?;
                self.negotiate(stream).await
            }
            Stream::Unix(stream) => self.negotiate(stream).await,
        }
    }

    async fn negotiate<I: FirstByte>(self, stream: I) -> Result<(), Ended> {
        let timeouts = &self.shared.settings.timeouts;
        let Some(acceptor) = self.tls.clone() else {
            let first = timeout(timeouts.first_byte, stream.first_byte());
            match self.shared.stop.run_until_cancelled(first).await {
                Some(Ok(readable)) => readable?,
                Some(Err(_)) => return Err(Ended::Silent),
                None => return Ok(()),
            }
            return self.http1(stream, None, Scheme::HTTP).await;
        };
        let handshake = timeout(timeouts.handshake, acceptor.accept(stream));
        let stream = match self.shared.stop.run_until_cancelled(handshake).await {
            Some(Ok(outcome)) => outcome.map_err(Ended::Handshake)?,
            Some(Err(_)) => return Err(Ended::HandshakeTimeout),
            None => return Ok(()),
        };
        let (_, session) = stream.get_ref();
        let is_http2 = session.alpn_protocol() == Some(b"h2");
        let certificate = match session.peer_certificates() {
            Some([leaf, intermediates @ ..]) if self.client_certificates => {
                let intermediates = intermediates.iter().map(|der| der.as_ref().to_vec()).collect();
                Some(ClientCertificate::new(leaf.as_ref(), intermediates))
            }
            _ => None,
        };
        if is_http2 {
            self.http2(stream, certificate).await
        } else {
            self.http1(stream, certificate, Scheme::HTTPS).await
        }
    }

    async fn http1<I>(
        self,
        stream: I,
        certificate: Option<ClientCertificate>,
        scheme: Scheme,
    ) -> Result<(), Ended>
    where
        I: AsyncRead + AsyncWrite + Unpin + Send + 'static,
    {
        let shared = Arc::clone(&self.shared);
        let io = TokioIo::new(StallGuard::new(stream, shared.settings.timeouts.body));
        let service = service_fn(move |request| self.answer(request, certificate.as_ref(), scheme.clone()));
        let connection = http1::Builder::new()
            .timer(TokioTimer::new())
            .header_read_timeout(shared.settings.timeouts.header)
            .max_header_size(MAX_HEADER_LIST)
            .max_buf_size(READ_BUFFER)
            .serve_connection(io, service);
        tokio::pin!(connection);
        tokio::select! {
            outcome = connection.as_mut() => return Ok(outcome?),
            () = shared.stop.cancelled() => connection.as_mut().graceful_shutdown(),
        }
        Ok(connection.await?)
    }

    async fn http2<I>(self, stream: I, certificate: Option<ClientCertificate>) -> Result<(), Ended>
    where
        I: AsyncRead + AsyncWrite + Unpin + Send + 'static,
    {
        let shared = Arc::clone(&self.shared);
        let activity = Arc::new(Activity::default());
        let seen = Arc::clone(&activity);
        let io = TokioIo::new(StallGuard::new(stream, shared.settings.timeouts.body));
        let service = service_fn(move |request| {
            let running = seen.begin();
            let answer = self.answer(request, certificate.as_ref(), Scheme::HTTPS);
            async move {
                let _running = running;
                answer.await
            }
        });
        let connection = http2::Builder::new(TokioExecutor::new())
            .timer(TokioTimer::new())
            .max_concurrent_streams(MAX_CONCURRENT_STREAMS)
            .max_header_list_size(MAX_HEADER_LIST_HTTP2)
            // CVE-2023-44487 (rapid reset): a few resets in flight are honest, a flood is not.
            .max_pending_accept_reset_streams(20)
            .max_local_error_reset_streams(128)
            .max_send_buf_size(READ_BUFFER)
            .keep_alive_interval(shared.settings.timeouts.idle)
            .keep_alive_timeout(shared.settings.timeouts.header)
            .serve_connection(io, service);
        tokio::pin!(connection);
        let timeouts = &shared.settings.timeouts;
        let farewell = tokio::select! {
            outcome = connection.as_mut() => return Ok(outcome?),
            () = shared.stop.cancelled() => timeouts.shutdown,
            () = activity.idle(timeouts.header, timeouts.idle) => timeouts.header,
        };
        connection.as_mut().graceful_shutdown();
        // A caller that never even sent the preface does not hear the farewell either.
        timeout(farewell, connection).await.map_or(Ok(()), |outcome| Ok(outcome?))
    }

    fn answer(
        &self,
        mut request: hyper::Request<Incoming>,
        certificate: Option<&ClientCertificate>,
        scheme: Scheme,
    ) -> impl Future<Output = Result<hyper::Response<Body>, Infallible>> + Send + use<> {
        let settings = &self.shared.settings;
        let ip = client_ip::of_request(
            self.peer.map(|peer| peer.ip()),
            request.headers(),
            &settings.trusted_proxies,
        );
        let remote = RemoteAddr(self.peer.map(Into::into).unwrap_or_default());
        let certificate = client_certificate::of_request(
            certificate,
            self.peer.map(|peer| peer.ip()),
            request.headers_mut(),
            (settings.certificate_header.as_ref(), &settings.trusted_proxies),
        );
        let mut request: Request = (request, self.local.clone(), remote, scheme).into();
        request.set_data(ip);
        if let Some(certificate) = certificate {
            request.set_data(certificate);
        }
        let endpoint = Arc::clone(&self.shared.endpoint);
        async move {
            let response: Response = endpoint.get_response(request).await;
            Ok(response.into())
        }
    }
}

/// poem's body as hyper sends it.
type Body = http_body_util::combinators::BoxBody<bytes::Bytes, std::io::Error>;

/// Longest header list in bytes; beyond it: 431 (RFC 6585 §5).
const MAX_HEADER_LIST: usize = 16 * 1024;
const MAX_HEADER_LIST_HTTP2: u32 = 16 * 1024;
const READ_BUFFER: usize = 64 * 1024;
const MAX_CONCURRENT_STREAMS: u32 = 128;

/// Waiting for the first byte without taking it.
trait FirstByte: AsyncRead + AsyncWrite + Unpin + Send + 'static {
    fn first_byte(&self) -> impl Future<Output = std::io::Result<()>> + Send;
}

impl FirstByte for TcpStream {
    fn first_byte(&self) -> impl Future<Output = std::io::Result<()>> + Send {
        self.readable()
    }
}

impl FirstByte for UnixStream {
    fn first_byte(&self) -> impl Future<Output = std::io::Result<()>> + Send {
        self.readable()
    }
}

/// The requests of an HTTP/2 connection, to tell when it has none.
#[derive(Default)]
struct Activity {
    begun: AtomicUsize,
    running: AtomicUsize,
}

struct Running(Arc<Activity>);

impl Activity {
    fn begin(self: &Arc<Self>) -> Running {
        self.begun.fetch_add(1, Ordering::Relaxed);
        self.running.fetch_add(1, Ordering::Relaxed);
        Running(Arc::clone(self))
    }

    /// Returns when no request came within `first`, or later none within `idle`.
    async fn idle(&self, first: Duration, idle: Duration) {
        let mut seen = 0;
        let mut patience = first;
        loop {
            tokio::time::sleep(patience).await;
            let begun = self.begun.load(Ordering::Relaxed);
            if begun == seen && self.running.load(Ordering::Relaxed) == 0 {
                return;
            }
            seen = begun;
            patience = idle;
        }
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        self.0.running.fetch_sub(1, Ordering::Relaxed);
    }
}
