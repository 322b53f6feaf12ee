//! The accept loop over real sockets, with short timeouts.

use std::{
    net::SocketAddr,
    path::Path,
    sync::Arc,
    time::{Duration, Instant},
};

use hyper_util::rt::{TokioExecutor, TokioIo};
use poem::{Endpoint, EndpointExt, Request, Route, endpoint::make};
use rcgen::{CertifiedKey, generate_simple_self_signed};
use rustls::{ClientConfig, RootCertStore};
use rustls_pki_types::{CertificateDer, PrivateKeyDer, ServerName, pem::PemObject};
use tokio::{
    io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt},
    net::{TcpStream, UnixStream},
    time::timeout,
};
use tokio_util::sync::CancellationToken;

use super::*;
use crate::{
    config::{Address, TlsFiles},
    ports::fetch::{Fetch, FetchOptions, HttpFetch},
    protocol::client_certificate::PresentedCertificate,
};

const SHORT: Duration = Duration::from_millis(150);
const LONG: Duration = Duration::from_secs(5);

fn settings() -> Settings {
    Settings {
        timeouts: Timeouts {
            first_byte: SHORT,
            handshake: SHORT,
            header: SHORT,
            body: SHORT,
            idle: SHORT,
            shutdown: LONG,
        },
        max_connections: 100,
        trusted_proxies: vec!["127.0.0.1/32".parse().unwrap()],
        certificate_header: None,
    }
}

fn endpoint() -> impl Endpoint + 'static {
    Route::new()
        .at("/ip", make(|request: Request| async move { request.data::<ClientIp>().unwrap().0.to_string() }))
        .at(
            "/certificate",
            make(|request: Request| async move {
                match request.data::<PresentedCertificate>() {
                    Some(PresentedCertificate::Certificate(certificate)) => {
                        certificate.leaf().len().to_string()
                    }
                    Some(PresentedCertificate::Malformed) => "malformed".to_owned(),
                    None => "0".to_owned(),
                }
            }),
        )
        .at(
            "/echo",
            make(|mut request: Request| async move { request.take_body().into_bytes().await.unwrap() }),
        )
        .at(
            "/slow",
            make(|_| async {
                tokio::time::sleep(SHORT).await;
                "done"
            }),
        )
        .with(BodyLimit { bytes: 1024, timeout: SHORT })
}

struct Running {
    address: SocketAddr,
    stop: CancellationToken,
    ended: tokio::task::JoinHandle<()>,
}

fn any_port() -> Address {
    "127.0.0.1:0".parse().unwrap()
}

fn start(listener: Listener, settings: Settings) -> Running {
    let address = listener.local_addr().unwrap_or_else(|| SocketAddr::from(([0, 0, 0, 0], 0)));
    let stop = CancellationToken::new();
    let ended = tokio::spawn(serve(vec![listener], endpoint(), settings, stop.clone()));
    Running { address, stop, ended }
}

fn plain(settings: Settings) -> Running {
    start(Listener::plain(&any_port()).unwrap(), settings)
}

/// Everything until the other end closes; resets count as closing.
async fn until_closed(stream: &mut (impl AsyncRead + Unpin)) -> String {
    let mut all = Vec::new();
    let mut buffer = [0; 4096];
    timeout(LONG, async {
        while let Ok(read @ 1..) = stream.read(&mut buffer).await {
            all.extend_from_slice(&buffer[..read]);
        }
    })
    .await
    .expect("the connection was left open");
    String::from_utf8(all).unwrap()
}

async fn exchange(stream: &mut (impl AsyncRead + AsyncWrite + Unpin), request: &str) -> String {
    stream.write_all(request.as_bytes()).await.unwrap();
    until_closed(stream).await
}

async fn ask(running: &Running, request: &str) -> String {
    exchange(&mut TcpStream::connect(running.address).await.unwrap(), request).await
}

fn status(response: &str) -> &str {
    response.get(9..12).unwrap_or(response)
}

#[tokio::test]
async fn sec_x08_a_silent_connection_is_closed() {
    let running = plain(settings());
    let started = Instant::now();
    let mut stream = TcpStream::connect(running.address).await.unwrap();
    assert_eq!(until_closed(&mut stream).await, "");
    assert!(started.elapsed() >= SHORT);
}

#[tokio::test]
async fn sec_x08_a_dripped_header_list_is_cut_off() {
    let running = plain(settings());
    let mut stream = TcpStream::connect(running.address).await.unwrap();
    let started = Instant::now();
    for line in
        std::iter::once("GET /ip HTTP/1.1\r\n".to_owned()).chain((0..100).map(|n| format!("x-{n}: y\r\n")))
    {
        if stream.write_all(line.as_bytes()).await.is_err() || started.elapsed() > LONG {
            break;
        }
        tokio::time::sleep(SHORT / 5).await;
    }
    assert!(started.elapsed() < SHORT * 6, "{:?}", started.elapsed());
    assert!(!until_closed(&mut stream).await.contains("200 OK"));
}

#[tokio::test]
async fn sec_x08_an_idle_keep_alive_connection_is_closed() {
    let running = plain(settings());
    let response = ask(&running, "GET /ip HTTP/1.1\r\nhost: x\r\n\r\n").await;
    assert!(response.ends_with("127.0.0.1"), "{response}");
}

#[tokio::test]
async fn sec_x08_a_body_that_never_comes_is_answered_408() {
    let running = plain(settings());
    for head in ["content-length: 10\r\n\r\nabc", "transfer-encoding: chunked\r\n\r\n3\r\nabc\r\n"] {
        let response = ask(&running, &format!("POST /echo HTTP/1.1\r\nhost: x\r\n{head}")).await;
        assert_eq!(status(&response), "408", "{response}");
    }
}

#[tokio::test]
async fn sec_x06_large_bodies_are_refused_also_chunked() {
    let running = plain(settings());
    let ok = ask(
        &running,
        &format!("POST /echo HTTP/1.1\r\nhost: x\r\ncontent-length: 1024\r\n\r\n{}", "x".repeat(1024)),
    )
    .await;
    assert_eq!(status(&ok), "200", "{ok}");
    let declared = ask(&running, "POST /echo HTTP/1.1\r\nhost: x\r\ncontent-length: 1025\r\n\r\n").await;
    assert_eq!(status(&declared), "413", "{declared}");
    let chunk = format!("200\r\n{}\r\n", "x".repeat(0x200));
    let two = ask(
        &running,
        &format!(
            "POST /echo HTTP/1.1\r\nhost: x\r\ntransfer-encoding: chunked\r\n\r\n{chunk}{chunk}0\r\n\r\n"
        ),
    )
    .await;
    assert_eq!(status(&two), "200", "{two}");
    let three = ask(
        &running,
        &format!("POST /echo HTTP/1.1\r\nhost: x\r\ntransfer-encoding: chunked\r\n\r\n{chunk}{chunk}{chunk}"),
    )
    .await;
    assert_eq!(status(&three), "413", "{three}");
    let get = ask(
        &running,
        &format!("GET /echo HTTP/1.1\r\nhost: x\r\ntransfer-encoding: chunked\r\n\r\n{chunk}{chunk}{chunk}"),
    )
    .await;
    assert_eq!(status(&get), "413", "{get}");
}

#[tokio::test]
async fn sec_x07_compressed_bodies_are_refused() {
    let running = plain(settings());
    let response = ask(
        &running,
        "POST /echo HTTP/1.1\r\nhost: x\r\ncontent-encoding: gzip\r\ncontent-length: 1\r\n\r\nx",
    )
    .await;
    assert_eq!(status(&response), "415", "{response}");
}

#[tokio::test]
async fn sec_x06_long_header_lists_are_answered_431() {
    let running = plain(settings());
    let fits =
        ask(&running, &format!("GET /ip HTTP/1.1\r\nhost: x\r\nx: {}\r\n\r\n", "y".repeat(15 * 1024))).await;
    assert_eq!(status(&fits), "200", "{fits}");
    let long =
        ask(&running, &format!("GET /ip HTTP/1.1\r\nhost: x\r\nx: {}\r\n\r\n", "y".repeat(17 * 1024))).await;
    assert_eq!(status(&long), "431", "{long}");
}

#[tokio::test]
async fn connections_beyond_the_cap_wait_for_their_turn() {
    let running = plain(Settings { max_connections: 1, ..settings() });
    let mut first = TcpStream::connect(running.address).await.unwrap();
    tokio::time::sleep(SHORT / 5).await;
    let started = Instant::now();
    let second = ask(&running, "GET /ip HTTP/1.1\r\nhost: x\r\nconnection: close\r\n\r\n").await;
    assert_eq!(status(&second), "200", "{second}");
    // It was served when the silent first one had been closed.
    assert!(started.elapsed() >= SHORT / 2, "{:?}", started.elapsed());
    assert_eq!(until_closed(&mut first).await, "");
}

#[tokio::test]
async fn forwarded_addresses_are_believed_from_trusted_proxies() {
    let request = "GET /ip HTTP/1.1\r\nhost: x\r\nx-forwarded-for: 198.51.100.1\r\nconnection: close\r\n\r\n";
    assert!(ask(&plain(settings()), request).await.ends_with("198.51.100.1"));
    let untrusting = plain(Settings { trusted_proxies: Vec::new(), ..settings() });
    assert!(ask(&untrusting, request).await.ends_with("127.0.0.1"));
}

#[tokio::test]
async fn stopping_lets_running_requests_end_and_closes_idle_connections() {
    let running = plain(settings());
    let mut idle = TcpStream::connect(running.address).await.unwrap();
    let mut busy = TcpStream::connect(running.address).await.unwrap();
    busy.write_all(b"GET /slow HTTP/1.1\r\nhost: x\r\n\r\n").await.unwrap();
    tokio::time::sleep(SHORT / 5).await;
    running.stop.cancel();
    assert!(until_closed(&mut busy).await.ends_with("done"));
    assert_eq!(until_closed(&mut idle).await, "");
    timeout(LONG, running.ended).await.unwrap().unwrap();
}

#[tokio::test]
async fn stopping_cuts_off_what_does_not_end() {
    let mut settings = settings();
    settings.timeouts.shutdown = Duration::from_millis(20);
    let running = plain(settings);
    let mut busy = TcpStream::connect(running.address).await.unwrap();
    busy.write_all(b"GET /slow HTTP/1.1\r\nhost: x\r\n\r\n").await.unwrap();
    tokio::time::sleep(SHORT / 5).await;
    running.stop.cancel();
    assert_eq!(until_closed(&mut busy).await, "");
    timeout(LONG, running.ended).await.unwrap().unwrap();
}

#[tokio::test]
async fn a_unix_socket_is_served_and_a_dead_one_replaced() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("s.sock");
    drop(std::os::unix::net::UnixListener::bind(&path).unwrap());
    let _running = start(Listener::plain(&Address::Unix(path.clone())).unwrap(), settings());
    let mut stream = UnixStream::connect(&path).await.unwrap();
    let request = "GET /ip HTTP/1.1\r\nhost: x\r\nx-forwarded-for: 198.51.100.1\r\nconnection: close\r\n\r\n";
    assert!(exchange(&mut stream, request).await.ends_with("198.51.100.1"));
    assert!(Listener::plain(&Address::Unix(path)).is_err());
}

/// Writes a fresh self-signed certificate for `localhost` and returns it.
fn write_certificate(folder: &Path) -> (TlsFiles, CertificateDer<'static>) {
    let CertifiedKey { cert, signing_key } = generate_simple_self_signed(["localhost".to_owned()]).unwrap();
    let files = TlsFiles { certificate: folder.join("cert.pem"), key: folder.join("key.pem") };
    std::fs::write(&files.certificate, cert.pem()).unwrap();
    std::fs::write(&files.key, signing_key.serialize_pem()).unwrap();
    (files, cert.der().clone())
}

async fn connect_tls(
    address: SocketAddr,
    root: &CertificateDer<'static>,
    identity: Option<&TlsFiles>,
    protocol: &[u8],
) -> std::io::Result<tokio_rustls::client::TlsStream<TcpStream>> {
    let mut roots = RootCertStore::empty();
    roots.add(root.clone()).unwrap();
    let builder = ClientConfig::builder_with_provider(Arc::new(rustls::crypto::ring::default_provider()))
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_root_certificates(roots);
    let mut config = match identity {
        None => builder.with_no_client_auth(),
        Some(files) => builder
            .with_client_auth_cert(
                vec![CertificateDer::from_pem_file(&files.certificate).unwrap()],
                PrivateKeyDer::from_pem_file(&files.key).unwrap(),
            )
            .unwrap(),
    };
    config.alpn_protocols = vec![protocol.to_vec()];
    let stream = TcpStream::connect(address).await?;
    tokio_rustls::TlsConnector::from(Arc::new(config))
        .connect(ServerName::try_from("localhost").unwrap(), stream)
        .await
}

/// RFC 9325 §3.1.1: TLS 1.0 and 1.1 are refused with an alert.
#[tokio::test]
async fn oidc_t2_old_versions_of_tls_are_refused() {
    let folder = tempfile::tempdir().unwrap();
    let (files, root) = write_certificate(folder.path());
    let running = start(Listener::tls(&any_port(), Certificate::load(files).unwrap()).unwrap(), settings());
    for version in [1, 2] {
        // A ClientHello of this version with one suite of its time (RFC 4346 §7.4.1.2).
        let mut hello = vec![0x16, 3, 1, 0, 45, 1, 0, 0, 41, 3, version];
        hello.extend([7; 32]);
        hello.extend([0, 0, 2, 0xc0, 0x13, 1, 0]);
        let mut stream = TcpStream::connect(running.address).await.unwrap();
        stream.write_all(&hello).await.unwrap();
        let mut answer = Vec::new();
        drop(timeout(LONG, stream.read_to_end(&mut answer)).await.expect("left open"));
        // A fatal alert, handshake_failure or protocol_version, and nothing else.
        assert!(matches!(answer[..], [0x15, 3, _, 0, 2, 2, 40 | 70]), "{answer:?}");
    }
    assert!(connect_tls(running.address, &root, None, b"http/1.1").await.is_ok());
}

#[tokio::test]
async fn sec_x08_a_tls_handshake_that_stops_is_cut_off() {
    let folder = tempfile::tempdir().unwrap();
    let (files, _) = write_certificate(folder.path());
    let running = start(Listener::tls(&any_port(), Certificate::load(files).unwrap()).unwrap(), settings());
    for beginning in [&b""[..], &b"\x16\x03\x01\x02\x00\x01"[..]] {
        let mut stream = TcpStream::connect(running.address).await.unwrap();
        stream.write_all(beginning).await.unwrap();
        assert_eq!(until_closed(&mut stream).await, "");
    }
}

#[tokio::test]
async fn sec_x08_an_http2_connection_without_requests_is_closed() {
    let folder = tempfile::tempdir().unwrap();
    let (files, root) = write_certificate(folder.path());
    let running = start(Listener::tls(&any_port(), Certificate::load(files).unwrap()).unwrap(), settings());
    let mut stream = connect_tls(running.address, &root, None, b"h2").await.unwrap();
    // Preface and empty SETTINGS, then nothing.
    stream.write_all(b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n\0\0\0\x04\0\0\0\0\0").await.unwrap();
    let mut rest = Vec::new();
    drop(timeout(LONG, stream.read_to_end(&mut rest)).await.expect("left open"));
    // Without even a preface.
    let mut stream = connect_tls(running.address, &root, None, b"h2").await.unwrap();
    drop(timeout(LONG, stream.read_to_end(&mut rest)).await.expect("left open"));
}

#[tokio::test]
async fn http2_requests_are_answered_and_keep_the_connection() {
    let folder = tempfile::tempdir().unwrap();
    let (files, root) = write_certificate(folder.path());
    let running = start(Listener::tls(&any_port(), Certificate::load(files).unwrap()).unwrap(), settings());
    let stream = connect_tls(running.address, &root, None, b"h2").await.unwrap();
    let (mut sender, connection) =
        hyper::client::conn::http2::handshake(TokioExecutor::new(), TokioIo::new(stream)).await.unwrap();
    let connection = tokio::spawn(connection);
    for path in ["/ip", "/slow", "/ip"] {
        let request = http::Request::get(format!("https://localhost{path}"));
        let response = sender.send_request(request.body(String::new()).unwrap()).await.unwrap();
        assert_eq!(response.status(), 200, "{path}");
    }
    let request = http::Request::post("https://localhost/echo");
    let response = sender.send_request(request.body("x".repeat(1025)).unwrap()).await.unwrap();
    assert_eq!(response.status(), 413);
    let request = http::Request::get("https://localhost/ip").header("x", "y".repeat(17 * 1024));
    let response = sender.send_request(request.body(String::new()).unwrap()).await;
    assert!(response.is_err() || response.is_ok_and(|response| response.status() == 431));
    // Idle, it is closed although the caller keeps it.
    drop(timeout(LONG, connection).await.expect("left open"));
}

#[tokio::test]
async fn sec_w02_a_fetch_trusts_a_private_authority_only_when_told() {
    let folder = tempfile::tempdir().unwrap();
    let (files, _) = write_certificate(folder.path());
    let running =
        start(Listener::tls(&any_port(), Certificate::load(files.clone()).unwrap()).unwrap(), settings());
    let url = format!("https://localhost:{}/ip", running.address.port()).parse().unwrap();
    for (extra_ca, trusted) in [(Some(files.certificate), true), (None, false)] {
        let options = FetchOptions {
            allow_hosts: vec!["localhost".to_owned()],
            allow_http: false,
            extra_ca,
            timeout: LONG,
            max_body: 1024,
            per_host: 4,
        };
        let outcome = HttpFetch::new(options).unwrap().get(&url).await;
        assert_eq!(outcome.is_ok_and(|fetched| fetched.body == b"127.0.0.1"), trusted);
    }
}

#[tokio::test]
async fn client_certificates_are_asked_for_on_their_own_listener_only() {
    let folder = tempfile::tempdir().unwrap();
    let (files, root) = write_certificate(folder.path());
    let other = tempfile::tempdir().unwrap();
    let (identity, client) = write_certificate(other.path());
    let certificate = Certificate::load(files).unwrap();
    let main = start(Listener::tls(&any_port(), Arc::clone(&certificate)).unwrap(), settings());
    let mtls = start(Listener::mtls(&any_port(), certificate).unwrap(), settings());
    let request = "GET /certificate HTTP/1.1\r\nhost: x\r\nconnection: close\r\n\r\n";
    for (running, identity, expected) in
        [(&main, Some(&identity), 0), (&mtls, Some(&identity), client.len()), (&mtls, None, 0)]
    {
        let mut stream = connect_tls(running.address, &root, identity, b"http/1.1").await.unwrap();
        let response = exchange(&mut stream, request).await;
        assert!(response.ends_with(&format!("\r\n\r\n{expected}")), "{response}");
    }
}

#[tokio::test]
async fn a_changed_certificate_is_taken_over_and_a_broken_one_is_not() {
    let folder = tempfile::tempdir().unwrap();
    let (files, first) = write_certificate(folder.path());
    let certificate = Certificate::load(files.clone()).unwrap();
    let running = start(Listener::tls(&any_port(), Arc::clone(&certificate)).unwrap(), settings());
    tokio::spawn(certificate.watch(Duration::from_millis(10), running.stop.clone()));
    let serves = async |root: &CertificateDer<'static>| {
        connect_tls(running.address, root, None, b"http/1.1").await.is_ok()
    };
    assert!(serves(&first).await);
    tokio::time::sleep(SHORT / 5).await;
    std::fs::write(&files.certificate, "broken").unwrap();
    tokio::time::sleep(SHORT).await;
    assert!(serves(&first).await);
    let (_, second) = write_certificate(folder.path());
    let deadline = Instant::now() + LONG;
    while !serves(&second).await {
        assert!(Instant::now() < deadline, "the new certificate was not taken over");
        tokio::time::sleep(SHORT / 5).await;
    }
    assert!(!serves(&first).await);
}

#[test]
fn a_certificate_without_its_key_is_refused() {
    let (one, other) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    let (files, _) = write_certificate(one.path());
    let (others, _) = write_certificate(other.path());
    assert!(matches!(
        Certificate::load(TlsFiles { key: others.key, ..files.clone() }),
        Err(TlsError::Unusable(_))
    ));
    assert!(matches!(
        Certificate::load(TlsFiles { key: "/nowhere".into(), ..files }),
        Err(TlsError::File { .. })
    ));
}

#[test]
fn the_connection_cap_leaves_files_for_everything_else() {
    let limits = "Limit                     Soft Limit           Hard Limit           Units     \n\
                  Max open files            1024                 524288               files     \n";
    assert_eq!(open_files(limits), Some(1024));
    assert_eq!(open_files("Max open files            unlimited            unlimited            files"), None);
    assert_eq!(connection_cap(10_000, Some(1024)), 896);
    assert_eq!(connection_cap(10_000, None), 10_000);
    assert_eq!(connection_cap(10_000, Some(100)), 1);
}
