//! A mail server that stands for the next one on the way (RFC 5321): it takes every mail and forgets none.

use std::sync::{Arc, Mutex};

use base64::{Engine, engine::general_purpose::STANDARD};
use rustls::ServerConfig;
use tokio::{
    io::{AsyncBufReadExt, AsyncRead, AsyncWrite, AsyncWriteExt, BufReader},
    net::{TcpListener, TcpStream},
};
use tokio_rustls::TlsAcceptor;

/// How a server behaves.
#[derive(Clone, Default)]
pub(crate) struct Manners {
    /// Offers STARTTLS with this certificate (RFC 3207), or speaks TLS from the first byte.
    pub(crate) tls: Option<Arc<ServerConfig>>,
    /// TLS from the first byte (RFC 8314).
    pub(crate) implicit: bool,
    /// The user name and password without which nothing is taken (RFC 4954).
    pub(crate) login: Option<(&'static str, &'static str)>,
    /// The answer to every recipient in place of 250.
    pub(crate) recipient: Option<&'static str>,
}

/// A mail as it crossed the wire.
#[derive(Clone, Debug, Default)]
pub(crate) struct Taken {
    /// The address in `MAIL FROM`.
    pub(crate) from: String,
    /// The addresses in `RCPT TO`.
    pub(crate) to: Vec<String>,
    /// Headers and body.
    pub(crate) data: String,
    /// Whether it came by TLS.
    pub(crate) encrypted: bool,
}

impl Taken {
    /// The headers, unfolded, one a line.
    pub(crate) fn headers(&self) -> Vec<String> {
        let head = self.data.split("\r\n\r\n").next().unwrap_or_default();
        head.replace("\r\n ", " ").replace("\r\n\t", " ").split("\r\n").map(str::to_owned).collect()
    }

    /// A header's value.
    pub(crate) fn header(&self, name: &str) -> Option<String> {
        let start = format!("{}:", name.to_ascii_lowercase());
        let headers = self.headers();
        let found = headers.iter().find(|line| line.to_ascii_lowercase().starts_with(&start))?;
        Some(found[start.len()..].trim().to_owned())
    }
}

/// A running mail server; it ends with the runtime of its test.
pub(crate) struct SmtpServer {
    /// The port on `localhost`.
    pub(crate) port: u16,
    taken: Arc<Mutex<Vec<Taken>>>,
    under_way: Arc<Mutex<UnderWay>>,
}

/// How many mails are under way, and how many were at most.
#[derive(Default)]
struct UnderWay {
    now: usize,
    most: usize,
}

trait Wire: AsyncRead + AsyncWrite + Send + Unpin {}
impl<T: AsyncRead + AsyncWrite + Send + Unpin> Wire for T {}

impl SmtpServer {
    /// Listens on `localhost`.
    pub(crate) async fn start(manners: Manners) -> Self {
        let listener = TcpListener::bind(("127.0.0.1", 0)).await.unwrap();
        let port = listener.local_addr().unwrap().port();
        let taken = Arc::new(Mutex::new(Vec::new()));
        let under_way = Arc::new(Mutex::new(UnderWay::default()));
        let (shared, counted) = (Arc::clone(&taken), Arc::clone(&under_way));
        tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                let (manners, taken) = (manners.clone(), Arc::clone(&shared));
                let under_way = Arc::clone(&counted);
                // A connection that the client breaks off is no failure of the server.
                tokio::spawn(async move { converse(stream, manners, (taken, under_way)).await });
            }
        });
        Self { port, taken, under_way }
    }

    /// How many mails were under way at the same moment, at most.
    pub(crate) fn most_at_once(&self) -> usize {
        self.under_way.lock().unwrap().most
    }

    /// Every mail so far.
    pub(crate) fn taken(&self) -> Vec<Taken> {
        self.taken.lock().unwrap().clone()
    }
}

async fn converse(
    stream: TcpStream,
    manners: Manners,
    (taken, under_way): (Arc<Mutex<Vec<Taken>>>, Arc<Mutex<UnderWay>>),
) -> Option<()> {
    let mut encrypted = manners.implicit;
    let mut wire: BufReader<Box<dyn Wire>> = if manners.implicit {
        let acceptor = TlsAcceptor::from(manners.tls.clone()?);
        BufReader::new(Box::new(acceptor.accept(stream).await.ok()?))
    } else {
        BufReader::new(Box::new(stream))
    };
    let mut known = manners.login.is_none();
    let mut mail = Taken::default();
    say(&mut wire, "220 test ESMTP").await?;
    loop {
        let line = listen(&mut wire).await?;
        let verb = line.split([' ', ':']).next().unwrap_or_default().to_ascii_uppercase();
        let answer = match verb.as_str() {
            "EHLO" => {
                let mut lines = vec!["test"];
                if manners.tls.is_some() && !encrypted {
                    lines.push("STARTTLS");
                }
                if manners.login.is_some() && (encrypted || manners.tls.is_none()) {
                    lines.push("AUTH PLAIN LOGIN");
                }
                lines.push("8BITMIME");
                for line in &lines {
                    say(&mut wire, &format!("250-{line}")).await?;
                }
                "250 SIZE 1000000"
            }
            "STARTTLS" => {
                say(&mut wire, "220 go ahead").await?;
                let acceptor = TlsAcceptor::from(manners.tls.clone()?);
                wire = BufReader::new(Box::new(acceptor.accept(wire.into_inner()).await.ok()?));
                encrypted = true;
                continue;
            }
            "AUTH" => {
                let given = line.split(' ').nth(2).and_then(|text| STANDARD.decode(text).ok())?;
                let wanted = manners.login.map(|(user, password)| format!("\0{user}\0{password}"))?;
                known = given == wanted.as_bytes();
                if known { "235 welcome" } else { "535 5.7.8 unknown" }
            }
            _ if !known && matches!(verb.as_str(), "MAIL" | "RCPT" | "DATA") => "530 5.7.0 who are you",
            "MAIL" => {
                let mut under_way = under_way.lock().unwrap();
                under_way.now += 1;
                under_way.most = under_way.most.max(under_way.now);
                mail = Taken { from: address(&line), encrypted, ..Taken::default() };
                "250 ok"
            }
            "RCPT" => match manners.recipient {
                Some(answer) => answer,
                None => {
                    mail.to.push(address(&line));
                    "250 ok"
                }
            },
            "DATA" => {
                say(&mut wire, "354 go on").await?;
                let mut data = String::new();
                loop {
                    let line = listen(&mut wire).await?;
                    if line == "." {
                        break;
                    }
                    data.push_str(line.strip_prefix('.').unwrap_or(&line));
                    data.push_str("\r\n");
                }
                mail.data = data;
                taken.lock().unwrap().push(std::mem::take(&mut mail));
                under_way.lock().unwrap().now -= 1;
                "250 taken"
            }
            "RSET" | "NOOP" => "250 ok",
            "QUIT" => {
                say(&mut wire, "221 bye").await?;
                return Some(());
            }
            _ => "502 5.5.1 unknown",
        };
        say(&mut wire, answer).await?;
    }
}

async fn say(wire: &mut BufReader<Box<dyn Wire>>, line: &str) -> Option<()> {
    wire.write_all(format!("{line}\r\n").as_bytes()).await.ok()?;
    wire.flush().await.ok()
}

/// One line without its end; nothing when the other side has gone.
async fn listen(wire: &mut BufReader<Box<dyn Wire>>) -> Option<String> {
    let mut line = Vec::new();
    wire.read_until(b'\n', &mut line).await.ok().filter(|read| *read > 0)?;
    Some(String::from_utf8_lossy(&line).trim_end_matches(['\r', '\n']).to_owned())
}

fn address(line: &str) -> String {
    let address = line.split_once('<').and_then(|(_, rest)| rest.split_once('>'));
    address.map_or_else(String::new, |(address, _)| address.to_owned())
}
