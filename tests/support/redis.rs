//! Redis: a private instance on loopback, a numbered database per test.
//!
//! Publish and subscribe know no numbers: every test hears the channels of all.

use std::io::{Read, Write};
use std::net::TcpStream;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

use tempfile::TempDir;

use super::TestApp;
use super::process::{Process, command, find, free_port};
use super::services::Unavailable;

/// A running instance without persistence.
pub(crate) struct Redis {
    _process: Process,
    port: u16,
    next: AtomicU32,
}

impl Redis {
    /// Finds and starts `redis-server`.
    pub(crate) fn start() -> Result<Self, Unavailable> {
        let Some(program) = find("redis-server", &["/usr/sbin".into()]) else {
            return Err(Unavailable::Missing("Redis is not installed".to_owned()));
        };
        let port = free_port();
        let mut serve = command(&program, None);
        serve.args([
            "--bind",
            "127.0.0.1",
            "--port",
            &port.to_string(),
            "--databases",
            &DATABASES.to_string(),
        ]);
        serve.args(["--save", "", "--appendonly", "no", "--daemonize", "no"]);
        let folder = TempDir::new().expect("a temporary folder");
        let mut process = Process::spawn(serve, folder).map_err(Unavailable::Broken)?;
        process
            .wait_until(|_| ping(port).ok())
            .map_err(|error| Unavailable::Broken(format!("Redis {error}")))?;
        Ok(Self { _process: process, port, next: AtomicU32::new(1) })
    }

    /// The URL of a database of one's own.
    pub(crate) fn database(&self) -> String {
        let number = self.next.fetch_add(1, Ordering::Relaxed);
        assert!(number < DATABASES, "more tests than Redis databases");
        format!("redis://127.0.0.1:{}/{number}", self.port)
    }
}

impl TestApp {
    /// Empties the database of this application, where it has one; the instance is shared with other tests, so that
    /// `FLUSHALL` would not do.
    pub(crate) fn empty_redis(&self) {
        let Some(url) = &self.redis_url else { return };
        let (address, number) =
            url.trim_start_matches("redis://").split_once('/').expect("address and number");
        let mut stream = TcpStream::connect(address).expect("Redis");
        write!(stream, "SELECT {number}\r\nFLUSHDB\r\n").expect("Redis takes commands");
        let mut answer = [0; 10];
        stream.read_exact(&mut answer).expect("an answer of Redis");
        assert_eq!(&answer, b"+OK\r\n+OK\r\n");
    }
}

fn ping(port: u16) -> std::io::Result<()> {
    let mut stream = TcpStream::connect(("127.0.0.1", port))?;
    stream.set_read_timeout(Some(Duration::from_secs(1)))?;
    stream.write_all(b"PING\r\n")?;
    let mut answer = [0; 7];
    stream.read_exact(&mut answer)?;
    if &answer == b"+PONG\r\n" { Ok(()) } else { Err(std::io::ErrorKind::InvalidData.into()) }
}

const DATABASES: u32 = 8192;
