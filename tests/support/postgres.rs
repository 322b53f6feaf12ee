//! PostgreSQL: a private instance on loopback, a database per test.

use std::path::PathBuf;
use std::process::Command;
use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::{Arc, Mutex};

use sea_orm::{ConnectOptions, ConnectionTrait, DatabaseConnection};
use tempfile::TempDir;

use super::database::{Database, DatabaseSource};
use super::process::{Process, User, command, find, free_port};
use super::services::Unavailable;

/// A running instance without durability.
pub(crate) struct Postgres {
    process: Process,
    port: u16,
    next: AtomicU32,
    dropped: Dropped,
}

/// Databases whose test has ended; the next statement of the instance removes them.
type Dropped = Arc<Mutex<Vec<String>>>;

impl Postgres {
    /// Finds PostgreSQL, also where distributions keep it off the `PATH`, and starts it.
    pub(crate) fn start() -> Result<Self, Unavailable> {
        let folders: Vec<PathBuf> = std::fs::read_dir("/usr/lib/postgresql")
            .map(|versions| versions.flatten().map(|version| version.path().join("bin")).collect())
            .unwrap_or_default();
        let (Some(initdb), Some(postgres)) = (find("initdb", &folders), find("postgres", &folders)) else {
            return Err(Unavailable::Missing("PostgreSQL is not installed".to_owned()));
        };

        let folder = TempDir::new().expect("a temporary folder");
        let data = folder.path().join("data");
        // Both programs refuse to run as root.
        let user = User::instead_of_root();
        if let Some(user) = &user {
            user.own(folder.path());
        }
        let mut init = command(&initdb, user.as_ref());
        init.args([
            "--auth=trust",
            "--encoding=UTF8",
            "--locale=C",
            "--no-sync",
            "--username=stepgate",
            "--pgdata",
        ]);
        complete(init.arg(&data).current_dir(folder.path())).map_err(Unavailable::Broken)?;

        let port = free_port();
        let mut serve = command(&postgres, user.as_ref());
        serve.arg("-D").arg(&data).arg("-p").arg(port.to_string());
        for setting in SETTINGS {
            serve.arg("-c").arg(setting);
        }
        let mut process = Process::spawn(serve, folder).map_err(Unavailable::Broken)?;
        process
            .wait_until(|log| log.contains("database system is ready to accept connections").then_some(()))
            .map_err(|error| Unavailable::Broken(format!("PostgreSQL {error}")))?;
        Ok(Self { process, port, next: AtomicU32::new(1), dropped: Dropped::default() })
    }

    fn url(&self, database: &str) -> String {
        format!("postgres://stepgate@127.0.0.1:{}/{database}", self.port)
    }

    async fn execute(&self, statement: &str) -> Result<(), String> {
        let mut options = ConnectOptions::new(self.url("postgres"));
        options.max_connections(1).sqlx_logging(false);
        let admin = sea_orm::Database::connect(options).await.map_err(|error| error.to_string())?;
        let outcome = self.execute_with(&admin, statement).await.map_err(|error| error.to_string());
        admin.close().await.map_err(|error| error.to_string())?;
        outcome
    }

    async fn execute_with(&self, admin: &DatabaseConnection, statement: &str) -> Result<(), sea_orm::DbErr> {
        let dropped = std::mem::take(&mut *self.dropped.lock().expect("no panic holds it"));
        for database in dropped {
            admin.execute_unprepared(&format!("DROP DATABASE {database} WITH (FORCE)")).await?;
        }
        admin.execute_unprepared(statement).await.map(drop)
    }
}

impl Drop for Postgres {
    fn drop(&mut self) {
        // "Immediate shutdown": no checkpoint, but the shared memory segment is given back.
        self.process.stop("QUIT");
    }
}

impl DatabaseSource for Postgres {
    async fn create_template(&self) -> Result<String, String> {
        self.execute(&format!("CREATE DATABASE {TEMPLATE}")).await?;
        Ok(self.url(TEMPLATE))
    }

    async fn copy_template(&self) -> Result<Database, String> {
        let name = format!("test_{}", self.next.fetch_add(1, Ordering::Relaxed));
        self.execute(&format!("CREATE DATABASE {name} TEMPLATE {TEMPLATE}")).await?;
        let url = self.url(&name);
        Ok(Database::new(url, Lease { name, dropped: Arc::clone(&self.dropped) }))
    }
}

struct Lease {
    name: String,
    dropped: Dropped,
}

impl Drop for Lease {
    fn drop(&mut self) {
        self.dropped.lock().expect("no panic holds it").push(std::mem::take(&mut self.name));
    }
}

fn complete(command: &mut Command) -> Result<(), String> {
    let output = command.output().map_err(|error| format!("{command:?}: {error}"))?;
    let text = String::from_utf8_lossy(&output.stderr);
    if output.status.success() { Ok(()) } else { Err(format!("{command:?}: {}\n{text}", output.status)) }
}

const TEMPLATE: &str = "template_stepgate";

/// Loopback only, nothing durable, and nothing outside the data folder that a kill leaves behind.
const SETTINGS: [&str; 10] = [
    "listen_addresses=127.0.0.1",
    "unix_socket_directories=",
    "fsync=off",
    "full_page_writes=off",
    "synchronous_commit=off",
    "autovacuum=off",
    "max_connections=400",
    "shared_buffers=64MB",
    "dynamic_shared_memory_type=mmap",
    "timezone=UTC",
];
