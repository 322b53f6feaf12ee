//! Child processes that do not outlive the run.

use std::fs::File;
use std::net::TcpListener;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use tempfile::TempDir;

/// A program on the `PATH` or in one of `folders`.
pub(crate) fn find(program: &str, folders: &[PathBuf]) -> Option<PathBuf> {
    let path = std::env::var_os("PATH").unwrap_or_default();
    std::env::split_paths(&path)
        .chain(folders.iter().cloned())
        .map(|folder| folder.join(program))
        .find(|file| file.is_file())
}

/// Another user to run a program as.
pub(crate) struct User {
    name: &'static str,
    uid: u32,
    gid: u32,
}

impl User {
    /// Whom to run as a program that refuses root; `None` when this process is not root.
    pub(crate) fn instead_of_root() -> Option<Self> {
        // A new file belongs to whoever runs this process.
        let me = tempfile::tempfile().and_then(|file| file.metadata()).expect("a temporary file").uid();
        let accounts = std::fs::read_to_string("/etc/passwd").unwrap_or_default();
        let account = |name: &'static str| {
            accounts.lines().find_map(|line| {
                let fields: Vec<&str> = line.split(':').collect();
                (fields.first() == Some(&name)).then(|| {
                    Some(Self { name, uid: fields.get(2)?.parse().ok()?, gid: fields.get(3)?.parse().ok()? })
                })?
            })
        };
        (me == 0).then(|| account("postgres").or_else(|| account("nobody")).expect("an account besides root"))
    }

    /// Gives a folder to this user.
    pub(crate) fn own(&self, folder: &Path) {
        std::os::unix::fs::chown(folder, Some(self.uid), Some(self.gid)).expect("root may give folders away");
    }
}

/// A command that dies with the thread that starts it where `setpriv` exists, as `user` if given.
pub(crate) fn command(program: &Path, user: Option<&User>) -> Command {
    if let Some(setpriv) = find("setpriv", &[]) {
        let mut command = Command::new(setpriv);
        if let Some(user) = user {
            command
                .arg(format!("--reuid={}", user.uid))
                .arg(format!("--regid={}", user.gid))
                .arg("--clear-groups");
        }
        command.arg("--pdeathsig=KILL").arg("--").arg(program);
        return command;
    }
    match user {
        None => Command::new(program),
        Some(user) => {
            let runuser = find("runuser", &["/usr/sbin".into(), "/sbin".into()]).expect("setpriv or runuser");
            let mut command = Command::new(runuser);
            command.args(["-u", user.name, "--"]).arg(program);
            command
        }
    }
}

/// A running program with a folder of its own; dropping it kills the one and removes the other.
pub(crate) struct Process {
    child: Child,
    folder: TempDir,
}

impl Process {
    /// Starts `command`; what it prints goes to a file in `folder`.
    pub(crate) fn spawn(mut command: Command, folder: TempDir) -> Result<Self, String> {
        let log = File::create(folder.path().join(LOG)).map_err(|error| error.to_string())?;
        let errors = log.try_clone().map_err(|error| error.to_string())?;
        let command = command.current_dir(folder.path()).stdin(Stdio::null()).stdout(log).stderr(errors);
        let child = command.spawn().map_err(|error| format!("{command:?}: {error}"))?;
        Ok(Self { child, folder })
    }

    /// Asks until there is an answer; an error once the program has ended or is too slow.
    pub(crate) fn wait_until<T>(&mut self, mut answer: impl FnMut(&str) -> Option<T>) -> Result<T, String> {
        let started = Instant::now();
        loop {
            let log = std::fs::read_to_string(self.folder.path().join(LOG)).unwrap_or_default();
            if let Some(answer) = answer(&log) {
                return Ok(answer);
            }
            let ended = self.child.try_wait().map_err(|error| error.to_string())?.is_some();
            if ended || started.elapsed() > START_LIMIT {
                return Err(format!(
                    "{} in time:\n{log}",
                    if ended { "ended before it was ready" } else { "not ready" }
                ));
            }
            std::thread::sleep(Duration::from_millis(20));
        }
    }
}

impl Process {
    /// Sends `signal` and gives the program a moment to end by itself.
    pub(crate) fn stop(&mut self, signal: &str) {
        let sent = Command::new("kill").args(["-s", signal, &self.child.id().to_string()]).status();
        let started = Instant::now();
        while sent.is_ok() && matches!(self.child.try_wait(), Ok(None)) && started.elapsed() < STOP_LIMIT {
            std::thread::sleep(Duration::from_millis(20));
        }
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        // It may have ended already.
        self.child.kill().ok();
        self.child.wait().ok();
    }
}

/// A port that was free a moment ago.
pub(crate) fn free_port() -> u16 {
    let listener = TcpListener::bind(("127.0.0.1", 0)).expect("a free port");
    listener.local_addr().expect("a bound socket has an address").port()
}

const LOG: &str = "log";
const STOP_LIMIT: Duration = Duration::from_secs(5);
const START_LIMIT: Duration = Duration::from_secs(60);
