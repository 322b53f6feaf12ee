//! The load generator: keep-alive HTTP/1.1 over raw sockets on one thread, reading of every answer no more than its
//! status, its length and what the next step needs. What it costs itself is measured against [`null_server`].

use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::time::{Duration, Instant};

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpSocket, TcpStream};
use tokio::task::JoinSet;

/// A keep-alive connection.
pub(crate) struct Connection {
    stream: TcpStream,
    received: Vec<u8>,
}

/// An answer, as far as it was looked at.
pub(crate) struct Answer<'a> {
    /// The status code.
    pub(crate) status: u16,
    /// The status line and the headers.
    pub(crate) head: &'a str,
    /// The body.
    pub(crate) body: &'a str,
}

/// Why a step failed.
pub(crate) type Failure = String;

impl Connection {
    /// Connects, from a loopback address of the caller's choice.
    pub(crate) async fn open(to: SocketAddr, from: Ipv4Addr) -> Result<Self, Failure> {
        let failure = |error: std::io::Error| format!("connect: {error}");
        let socket = TcpSocket::new_v4().map_err(failure)?;
        socket.bind(SocketAddr::new(IpAddr::V4(from), 0)).map_err(failure)?;
        let stream = socket.connect(to).await.map_err(failure)?;
        stream.set_nodelay(true).map_err(failure)?;
        Ok(Self { stream, received: Vec::with_capacity(32 * 1024) })
    }

    /// Sends a request and reads its answer, within [`PATIENCE`].
    pub(crate) async fn exchange(&mut self, request: &[u8]) -> Result<Answer<'_>, Failure> {
        let (status, head, end) = tokio::time::timeout(PATIENCE, self.transfer(request))
            .await
            .map_err(|_| "no answer in time".to_owned())??;
        let text = |from: usize, to: usize| {
            let bytes = self.received.get(from..to).unwrap_or_default();
            std::str::from_utf8(bytes).map_err(|_| "an answer is not UTF-8".to_owned())
        };
        Ok(Answer { status, head: text(0, head)?, body: text(head, end)? })
    }

    async fn transfer(&mut self, request: &[u8]) -> Result<(u16, usize, usize), Failure> {
        let failure = |error: std::io::Error| error.to_string();
        self.received.clear();
        self.stream.write_all(request).await.map_err(failure)?;
        loop {
            if self.stream.read_buf(&mut self.received).await.map_err(failure)? == 0 {
                return Err("the server closed the connection".to_owned());
            }
            let Some(head) = self.received.windows(4).position(|four| four == b"\r\n\r\n") else { continue };
            let head = head + 4;
            let text = std::str::from_utf8(&self.received[..head]).map_err(|error| error.to_string())?;
            let status = text.get(9..12).and_then(|code| code.parse().ok()).ok_or("no status")?;
            let length = match header(text, "content-length") {
                Some(length) => length.parse().map_err(|_| "a bad content-length")?,
                None if text.contains("transfer-encoding") => return Err("a chunked answer".to_owned()),
                None => 0,
            };
            while self.received.len() < head + length {
                if self.stream.read_buf(&mut self.received).await.map_err(failure)? == 0 {
                    return Err("the server closed the connection within an answer".to_owned());
                }
            }
            return Ok((status, head, head + length));
        }
    }
}

/// The value of a header that hyper wrote: its names are in lower case.
pub(crate) fn header<'a>(head: &'a str, name: &str) -> Option<&'a str> {
    head.split("\r\n").find_map(|line| line.strip_prefix(name)?.strip_prefix(": "))
}

impl Answer<'_> {
    /// The value of a header.
    pub(crate) fn header(&self, name: &str) -> Option<&str> {
        header(self.head, name)
    }

    /// The answer, if it has the expected status.
    pub(crate) fn expect(self, status: u16) -> Result<Self, Failure> {
        if self.status == status {
            Ok(self)
        } else {
            let first = self.head.lines().next().unwrap_or_default();
            let body: String = self.body.chars().take(200).collect();
            Err(format!("{first}: {body}"))
        }
    }
}

/// What one of the concurrent callers does again and again.
pub(crate) trait Lane: Send + 'static {
    /// One measured step; `false` when there is nothing left to do.
    fn step(&mut self, connection: &mut Connection) -> impl Future<Output = Result<bool, Failure>> + Send;
}

/// Sends the same request again and again and expects 200.
pub(crate) struct Repeat {
    /// What is sent.
    pub(crate) request: Vec<u8>,
    /// What it is to be answered with.
    pub(crate) status: u16,
}

impl Repeat {
    /// A request that is answered with 200.
    pub(crate) fn ok(request: Vec<u8>) -> Self {
        Self { request, status: 200 }
    }
}

impl Lane for Repeat {
    async fn step(&mut self, connection: &mut Connection) -> Result<bool, Failure> {
        connection.exchange(&self.request).await?.expect(self.status)?;
        Ok(true)
    }
}

/// What a measurement found.
#[derive(Clone, Default, Debug)]
pub(crate) struct Measured {
    /// How long it took.
    pub(crate) elapsed: Duration,
    /// How long each step took, the shortest first.
    pub(crate) latencies: Vec<Duration>,
    /// Steps that failed.
    pub(crate) failures: usize,
    /// Why the first one did.
    pub(crate) first_failure: Option<Failure>,
    /// Processor time of the server.
    pub(crate) server_cpu: Duration,
    /// Processor time of this process.
    pub(crate) own_cpu: Duration,
}

impl Measured {
    /// Steps per second.
    pub(crate) fn rate(&self) -> f64 {
        count(self.latencies.len()) / self.elapsed.as_secs_f64().max(f64::EPSILON)
    }

    /// The latency that this share of the steps does not exceed.
    pub(crate) fn percentile(&self, share: f64) -> Duration {
        let last = self.latencies.len().saturating_sub(1);
        let rank = self.latencies.iter().enumerate().find(|(rank, _)| count(*rank) >= share * count(last));
        rank.map_or(Duration::ZERO, |(_, latency)| *latency)
    }

    /// Microseconds of processor time per step.
    pub(crate) fn per_step(&self, cpu: Duration) -> f64 {
        cpu.as_secs_f64() * 1e6 / count(self.latencies.len()).max(1.0)
    }

    /// A measurement that consists of a failure.
    pub(crate) fn failed(failure: Failure) -> Self {
        Self { failures: 1, first_failure: Some(failure), ..Self::default() }
    }

    /// Takes the steps of another lane in.
    pub(crate) fn add(&mut self, other: Self) {
        self.latencies.extend(other.latencies);
        self.failures += other.failures;
        self.first_failure = self.first_failure.take().or(other.first_failure);
    }
}

/// A number of things as a number to calculate with.
pub(crate) fn count(number: usize) -> f64 {
    f64::from(u32::try_from(number).unwrap_or(u32::MAX))
}

/// Whom to load, and for how long.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Target {
    /// Where it listens.
    pub(crate) address: SocketAddr,
    /// Its process.
    pub(crate) pid: u32,
    /// How long one measurement lasts; a tenth of it more to warm up.
    pub(crate) duration: Duration,
}

/// Runs every lane on a connection of its own until the time is over or all are done. What ends within the time counts,
/// whenever it began: of steps that wait long for their turn, as many are under way at the beginning as at the end.
pub(crate) async fn measure<L: Lane>(target: Target, lanes: Vec<L>) -> Measured {
    let from = Instant::now() + target.duration / 10;
    let until = from + target.duration;
    let mut running = JoinSet::new();
    for (number, lane) in lanes.into_iter().enumerate() {
        running.spawn(repeat(target.address, source(number), (from, until), lane));
    }
    tokio::time::sleep_until(from.into()).await;
    let used = || (cpu(target.pid), cpu(std::process::id()));
    let (server_before, own_before) = used();
    let mut measured = Measured::default();
    let mut take = |ended: Result<Measured, tokio::task::JoinError>| {
        measured.add(ended.unwrap_or_else(|error| Measured::failed(error.to_string())));
    };
    let over = tokio::time::sleep_until(until.into());
    tokio::pin!(over);
    loop {
        tokio::select! {
            () = &mut over => break,
            ended = running.join_next() => match ended {
                Some(ended) => take(ended),
                None => break,
            },
        }
    }
    let (elapsed, (server, own)) = (from.elapsed(), used());
    running.join_all().await.into_iter().for_each(|ended| take(Ok(ended)));
    measured.elapsed = elapsed;
    measured.server_cpu = server.saturating_sub(server_before);
    measured.own_cpu = own.saturating_sub(own_before);
    measured.latencies.sort_unstable();
    measured
}

/// The address that a lane calls from.
pub(crate) fn source(lane: usize) -> Ipv4Addr {
    Ipv4Addr::new(127, 0, 0, u8::try_from(lane % 200).unwrap_or(0) + 2)
}

async fn repeat<L: Lane>(
    to: SocketAddr,
    source: Ipv4Addr,
    (from, until): (Instant, Instant),
    mut lane: L,
) -> Measured {
    let mut connection = match Connection::open(to, source).await {
        Ok(connection) => connection,
        Err(failure) => return Measured::failed(failure),
    };
    let mut measured = Measured::default();
    loop {
        let begun = Instant::now();
        if begun >= until {
            return measured;
        }
        match lane.step(&mut connection).await {
            Ok(true) => {
                let ended = Instant::now();
                if (from..until).contains(&ended) {
                    measured.latencies.push(ended - begun);
                }
            }
            Ok(false) => return measured,
            // One failure ends a lane: it would only repeat itself.
            Err(failure) => {
                measured.add(Measured::failed(failure));
                return measured;
            }
        }
    }
}

/// The longest wait for an answer.
const PATIENCE: Duration = Duration::from_secs(10);

/// Processor time that a process has used (proc(5), `/proc/PID/stat`).
pub(crate) fn cpu(pid: u32) -> Duration {
    let stat = std::fs::read_to_string(format!("/proc/{pid}/stat")).unwrap_or_default();
    let after_name = stat.rsplit_once(") ").map_or("", |(_, rest)| rest);
    let ticks: u64 =
        after_name.split(' ').skip(11).take(2).filter_map(|ticks| ticks.parse::<u64>().ok()).sum();
    // Linux counts in hundredths of a second for every user program.
    Duration::from_millis(ticks * 10)
}

/// Answers every request with the same 200 and looks at nothing: what remains is the cost of the generator and of the
/// kernel's sockets.
pub(crate) async fn null_server(listener: TcpListener) {
    while let Ok((mut stream, _)) = listener.accept().await {
        tokio::spawn(async move {
            let mut received = Vec::with_capacity(16 * 1024);
            stream.set_nodelay(true)?;
            loop {
                received.clear();
                // A request of the generator arrives in one piece.
                if stream.read_buf(&mut received).await? == 0 {
                    return Ok::<(), std::io::Error>(());
                }
                stream.write_all(NULL_ANSWER).await?;
            }
        });
    }
}

const NULL_ANSWER: &[u8] =
    b"HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ncontent-length: 2\r\n\r\n{}";
