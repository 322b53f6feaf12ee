//! PostgreSQL as an operator runs it: durable, with the settings it comes with; private, on loopback.

use std::path::PathBuf;
use std::process::Command;

use sea_orm::ConnectionTrait;
use tempfile::TempDir;

use super::process::{Process, User, command, find, free_port};

/// A running instance.
pub(crate) struct Postgres {
    process: Process,
    port: u16,
}

impl Postgres {
    /// Finds PostgreSQL, also where distributions keep it off the `PATH`, and starts it; says why if that is impossible.
    pub(crate) fn start() -> Result<Self, String> {
        let folders: Vec<PathBuf> = std::fs::read_dir("/usr/lib/postgresql")
            .map(|versions| versions.flatten().map(|version| version.path().join("bin")).collect())
            .unwrap_or_default();
        let (Some(initdb), Some(postgres)) = (find("initdb", &folders), find("postgres", &folders)) else {
            return Err("PostgreSQL is not installed".to_owned());
        };
        let folder = TempDir::new().map_err(|error| error.to_string())?;
        let data = folder.path().join("data");
        // Both programs refuse to run as root.
        let user = User::instead_of_root();
        if let Some(user) = &user {
            user.own(folder.path());
        }
        let mut init = command(&initdb, user.as_ref());
        init.args(["--auth=trust", "--encoding=UTF8", "--locale=C", "--username=stepgate", "--pgdata"]);
        run(init.arg(&data).current_dir(folder.path()))?;
        let port = free_port();
        let mut serve = command(&postgres, user.as_ref());
        serve.arg("-D").arg(&data).arg("-p").arg(port.to_string());
        for setting in SETTINGS {
            serve.arg("-c").arg(setting);
        }
        let mut process = Process::spawn(serve, folder)?;
        process
            .wait_until(|log| log.contains("database system is ready to accept connections").then_some(()))?;
        Ok(Self { process, port })
    }

    /// Makes a database.
    pub(crate) fn create(&self, database: &str) -> Result<(), String> {
        let url = self.url("postgres");
        let runtime = tokio::runtime::Runtime::new().map_err(|error| error.to_string())?;
        runtime.block_on(async {
            let failure = |error: sea_orm::DbErr| error.to_string();
            let admin = sea_orm::Database::connect(url).await.map_err(failure)?;
            admin.execute_unprepared(&format!("CREATE DATABASE {database}")).await.map_err(failure)?;
            admin.close().await.map_err(failure)
        })
    }

    /// The URL of a database of this instance.
    pub(crate) fn url(&self, database: &str) -> String {
        format!("postgres://stepgate@127.0.0.1:{}/{database}", self.port)
    }
}

impl Drop for Postgres {
    fn drop(&mut self) {
        self.process.stop("QUIT");
    }
}

fn run(command: &mut Command) -> Result<(), String> {
    let output = command.output().map_err(|error| format!("{command:?}: {error}"))?;
    let text = String::from_utf8_lossy(&output.stderr);
    if output.status.success() { Ok(()) } else { Err(format!("{command:?}: {}\n{text}", output.status)) }
}

/// Loopback only, and nothing outside the data folder that a kill leaves behind. Durability is the default.
const SETTINGS: [&str; 5] = [
    "listen_addresses=127.0.0.1",
    "unix_socket_directories=",
    "max_connections=100",
    "dynamic_shared_memory_type=mmap",
    "timezone=UTC",
];
