//! `stepgate healthcheck`: for containers and init systems that have no HTTP client.

use std::{path::PathBuf, time::Duration};

use tokio::{
    io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt},
    net::{TcpStream, UnixStream},
};
use url::Url;

use super::{CliError, connect, output};
use crate::config::Address;

/// Ask a running server whether it is ready.
#[derive(clap::Args, Debug)]
pub(super) struct Healthcheck {
    /// What to ask instead of the internal listener of the configuration, like http://127.0.0.1:9090/health/ready
    url: Option<Url>,
    /// The configuration file
    #[arg(long, env = "STEPGATE_CONFIG", value_name = "FILE")]
    config: Option<PathBuf>,
}

const PATH: &str = "/health/ready";
const PATIENCE: Duration = Duration::from_secs(5);

pub(super) async fn run(command: Healthcheck) -> Result<(), CliError> {
    let status = tokio::time::timeout(PATIENCE, ask(&command))
        .await
        .map_err(|_| CliError::NotReady(format!("no answer within {} seconds", PATIENCE.as_secs())))??;
    if status == "200" {
        output::print("ready");
        Ok(())
    } else {
        Err(CliError::NotReady(format!("the server answers {status}")))
    }
}

async fn ask(command: &Healthcheck) -> Result<String, CliError> {
    if let Some(url) = &command.url {
        let host = url.host_str().filter(|_| url.scheme() == "http").ok_or_else(|| {
            CliError::Usage(format!("{url}: health is asked by plain http, like http://127.0.0.1:9090{PATH}"))
        })?;
        let port = url.port_or_known_default().unwrap_or(80);
        let stream = TcpStream::connect((host.trim_matches(['[', ']']), port)).await.map_err(unreachable)?;
        let path = if url.path() == "/" { PATH } else { url.path() };
        return status(stream, host, path).await;
    }
    let config = connect::load(command.config.as_deref())?;
    match &config.internal.address {
        None => Err(CliError::Usage("`internal.address` is not set; set it, or name a URL".to_owned())),
        Some(Address::Unix(path)) => {
            status(UnixStream::connect(path).await.map_err(unreachable)?, "localhost", PATH).await
        }
        Some(Address::Tcp(address)) => {
            let mut address = *address;
            // Listening everywhere includes this machine.
            if address.ip().is_unspecified() {
                address.set_ip(if address.is_ipv4() {
                    std::net::Ipv4Addr::LOCALHOST.into()
                } else {
                    std::net::Ipv6Addr::LOCALHOST.into()
                });
            }
            status(TcpStream::connect(address).await.map_err(unreachable)?, "localhost", PATH).await
        }
    }
}

async fn status(
    mut stream: impl AsyncRead + AsyncWrite + Unpin,
    host: &str,
    path: &str,
) -> Result<String, CliError> {
    let request = format!("GET {path} HTTP/1.1\r\nHost: {host}\r\nConnection: close\r\n\r\n");
    stream.write_all(request.as_bytes()).await.map_err(unreachable)?;
    let mut answer = Vec::new();
    stream.take(64 * 1024).read_to_end(&mut answer).await.map_err(unreachable)?;
    let answer = String::from_utf8_lossy(&answer);
    let mut words = answer.split_ascii_whitespace();
    match (words.next(), words.next()) {
        (Some(version), Some(status)) if version.starts_with("HTTP/1.") => Ok(status.to_owned()),
        _ => Err(CliError::NotReady("the answer is not HTTP".to_owned())),
    }
}

#[expect(clippy::needless_pass_by_value, reason = "the shape that `map_err` wants")]
fn unreachable(error: std::io::Error) -> CliError {
    CliError::NotReady(format!("the server cannot be reached: {error}"))
}
