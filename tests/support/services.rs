//! The services of a run: found, started once, stopped with the run.

use std::process::{Command, Stdio};

use super::browser::Chromedriver;
use super::database::DatabaseServer;
use super::postgres::Postgres;
use super::redis::Redis;
use super::sqlite::Sqlite;

/// Which services a trial, or a run, needs.
#[derive(Clone, Copy, Default)]
pub(crate) struct Needs {
    pub(crate) postgres: bool,
    pub(crate) redis: bool,
    pub(crate) browser: bool,
    pub(crate) python: bool,
}

impl Needs {
    pub(crate) fn and(self, other: Self) -> Self {
        Self {
            postgres: self.postgres || other.postgres,
            redis: self.redis || other.redis,
            browser: self.browser || other.browser,
            python: self.python || other.python,
        }
    }
}

/// Why a service does not run.
#[derive(Clone, Debug)]
pub(crate) enum Unavailable {
    /// It is not installed, and nobody insisted: its trials are ignored.
    Missing(String),
    /// It is required, or it is installed but does not start: its trials fail.
    Broken(String),
}

/// The services of this run.
pub(crate) struct Services {
    sqlite: DatabaseServer<Sqlite>,
    postgres: Result<DatabaseServer<Postgres>, Unavailable>,
    redis: Result<Redis, Unavailable>,
    browser: Result<Chromedriver, Unavailable>,
    python: Result<(), Unavailable>,
}

impl Services {
    /// Starts the needed ones. `STEPGATE_TEST_REQUIRE` names those that may not be missing.
    pub(crate) fn start(needs: Needs) -> Self {
        let required = std::env::var("STEPGATE_TEST_REQUIRE").unwrap_or_default();
        let required: Vec<&str> =
            required.split(',').map(str::trim).filter(|name| !name.is_empty()).collect();
        let known = ["postgres", "redis", "browser", "python"];
        if let Some(unknown) = required.iter().find(|name| !known.contains(name)) {
            panic!("STEPGATE_TEST_REQUIRE: `{unknown}` is none of {}", known.join(", "));
        }
        let strict = |name: &str, why| match why {
            Unavailable::Missing(reason) if required.contains(&name) => {
                Unavailable::Broken(format!("{reason}, but STEPGATE_TEST_REQUIRE names {name}"))
            }
            why => why,
        };
        Self {
            sqlite: DatabaseServer::new(Sqlite::new()),
            postgres: start(needs.postgres, Postgres::start)
                .map(DatabaseServer::new)
                .map_err(|why| strict("postgres", why)),
            redis: start(needs.redis, Redis::start).map_err(|why| strict("redis", why)),
            browser: start(needs.browser, Chromedriver::start).map_err(|why| strict("browser", why)),
            python: start(needs.python, find_python).map_err(|why| strict("python", why)),
        }
    }

    /// Whether a trial with these needs can run.
    pub(crate) fn ready(&self, needs: Needs) -> Result<(), Unavailable> {
        if needs.postgres {
            self.postgres.as_ref().map_err(Clone::clone)?;
        }
        if needs.redis {
            self.redis.as_ref().map_err(Clone::clone)?;
        }
        if needs.browser {
            self.browser.as_ref().map_err(Clone::clone)?;
        }
        if needs.python {
            self.python.as_ref().map_err(Clone::clone)?;
        }
        Ok(())
    }

    /// The SQLite files.
    pub(crate) fn sqlite(&self) -> &DatabaseServer<Sqlite> {
        &self.sqlite
    }

    /// The PostgreSQL instance.
    pub(crate) fn postgres(&self) -> &DatabaseServer<Postgres> {
        self.postgres.as_ref().expect("trials without it do not run")
    }

    /// The Redis instance.
    pub(crate) fn redis(&self) -> &Redis {
        self.redis.as_ref().expect("trials without it do not run")
    }

    /// The WebDriver server.
    pub(crate) fn browser(&self) -> &Chromedriver {
        self.browser.as_ref().expect("trials without it do not run")
    }
}

fn start<T>(needed: bool, start: fn() -> Result<T, Unavailable>) -> Result<T, Unavailable> {
    if needed {
        start()
    } else {
        Err(Unavailable::Broken("not started: no selected trial needs it".to_owned()))
    }
}

/// Whether there is a Python that the scripts of this repository run on.
fn find_python() -> Result<(), Unavailable> {
    let mut python = Command::new("python3");
    python.args(["-c", "import sys; sys.exit(sys.version_info < (3, 11))"]).stderr(Stdio::null());
    match python.status() {
        Ok(status) if status.success() => Ok(()),
        Ok(_) | Err(_) => Err(Unavailable::Missing("python3 3.11 or newer is not installed".to_owned())),
    }
}
