//! The other side: a small server that stands for a client application, a key host or a webhook.

use std::convert::Infallible;
use std::future::poll_fn;
use std::pin::Pin;
use std::sync::{Arc, Mutex};

use http::{HeaderMap, Method, Response};
use hyper::body::{Body, Incoming};
use hyper::service::service_fn;
use hyper_util::rt::{TokioExecutor, TokioIo};
use hyper_util::server::conn::auto;
use rustls::ServerConfig;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::TcpListener;
use tokio_rustls::TlsAcceptor;
use url::Url;

/// A running server; it ends with the runtime of its test.
pub(crate) struct Peer {
    url: Url,
    received: Arc<Mutex<Vec<Received>>>,
}

/// A request that a peer has answered.
#[derive(Clone, Debug)]
pub(crate) struct Received {
    /// The method.
    pub(crate) method: Method,
    /// Path and query as sent.
    pub(crate) target: String,
    /// All header fields.
    pub(crate) headers: HeaderMap,
    /// The body.
    pub(crate) body: String,
}

impl Peer {
    /// Serves `answer` on `http://localhost:<port>`.
    pub(crate) async fn start<F>(answer: F) -> Self
    where
        F: Fn(&Received) -> Response<String> + Send + Sync + 'static,
    {
        Self::listen(answer, None).await
    }

    /// Serves `answer` on `https://localhost:<port>`.
    pub(crate) async fn start_with_tls<F>(answer: F, tls: Arc<ServerConfig>) -> Self
    where
        F: Fn(&Received) -> Response<String> + Send + Sync + 'static,
    {
        Self::listen(answer, Some(tls)).await
    }

    /// The address of a path.
    pub(crate) fn url(&self, path: &str) -> Url {
        self.url.join(path).unwrap()
    }

    /// All requests so far.
    pub(crate) fn received(&self) -> Vec<Received> {
        self.received.lock().unwrap().clone()
    }

    async fn listen<F>(answer: F, tls: Option<Arc<ServerConfig>>) -> Self
    where
        F: Fn(&Received) -> Response<String> + Send + Sync + 'static,
    {
        let listener = TcpListener::bind(("127.0.0.1", 0)).await.unwrap();
        let scheme = if tls.is_some() { "https" } else { "http" };
        let url = format!("{scheme}://localhost:{}", listener.local_addr().unwrap().port());
        let received = Arc::new(Mutex::new(Vec::new()));
        let shared = Arc::new((answer, Arc::clone(&received)));
        tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                let shared = Arc::clone(&shared);
                let tls = tls.clone().map(TlsAcceptor::from);
                tokio::spawn(async move {
                    match tls {
                        None => serve(stream, shared).await,
                        // A client that refuses the certificate is the client's business.
                        Some(tls) => {
                            if let Ok(stream) = tls.accept(stream).await {
                                serve(stream, shared).await;
                            }
                        }
                    }
                });
            }
        });
        Self { url: Url::parse(&url).unwrap(), received }
    }
}

async fn serve<S, F>(stream: S, shared: Arc<(F, Arc<Mutex<Vec<Received>>>)>)
where
    S: AsyncRead + AsyncWrite + Send + Unpin + 'static,
    F: Fn(&Received) -> Response<String> + Send + Sync + 'static,
{
    let service = service_fn(|request: http::Request<Incoming>| {
        let shared = Arc::clone(&shared);
        async move {
            let (head, body) = request.into_parts();
            let received = Received {
                method: head.method,
                target: head.uri.path_and_query().map(ToString::to_string).unwrap_or_default(),
                headers: head.headers,
                body: read(body).await,
            };
            let answer = (shared.0)(&received);
            shared.1.lock().unwrap().push(received);
            Ok::<_, Infallible>(answer)
        }
    });
    // A connection that the client breaks off is no failure of the peer.
    auto::Builder::new(TokioExecutor::new()).serve_connection(TokioIo::new(stream), service).await.ok();
}

/// The body of a request; as much of it as came.
async fn read(mut body: Incoming) -> String {
    let mut bytes = Vec::new();
    while let Some(Ok(frame)) = poll_fn(|context| Pin::new(&mut body).poll_frame(context)).await {
        if let Ok(data) = frame.into_data() {
            bytes.extend_from_slice(&data);
        }
    }
    String::from_utf8(bytes).unwrap()
}
