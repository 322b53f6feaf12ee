//! Connecting: pragmas, the reader pool, the one writer connection of SQLite, transactions of administrators.

use std::time::Duration;

use migration::MigratorTrait;
use sea_orm::{
    ConnectOptions, ConnectionTrait, DatabaseBackend, DatabaseConnection, DatabaseTransaction, DbErr,
    EntityTrait, QueryResult, Select, SqliteTransactionMode, Statement, TransactionOptions, TransactionTrait,
    TryGetable, Value,
};

use super::writer::Writer;
use crate::fault::Fault;

/// Where and how to connect.
#[derive(Clone, Debug)]
pub struct DatabaseSettings {
    /// `sqlite://path` or `postgres://…`.
    pub url: String,
    /// Connections that read (SQLite) or connections in all (PostgreSQL).
    pub connections: u32,
    /// How long a request waits for a free connection.
    pub acquire_timeout: Duration,
    /// How long PostgreSQL may work on one statement.
    pub statement_timeout: Duration,
}

impl DatabaseSettings {
    /// The settings for a URL, with defaults for the rest.
    pub fn new(url: impl Into<String>) -> Self {
        Self {
            url: url.into(),
            connections: 8,
            acquire_timeout: Duration::from_secs(5),
            statement_timeout: Duration::from_secs(30),
        }
    }
}

/// The database: a pool to read from and a writer that groups commits.
#[derive(Clone)]
pub struct Database {
    reader: DatabaseConnection,
    write_pool: DatabaseConnection,
    writer: Writer,
}

impl Database {
    /// Connects and starts the writer; the schema is not touched.
    ///
    /// # Errors
    /// The database cannot be reached or opened.
    pub async fn connect(settings: &DatabaseSettings) -> Result<Self, Fault> {
        let sqlite = settings.url.starts_with("sqlite:");
        let statement_timeout = settings.statement_timeout;
        let options = |connections: u32| {
            let mut options = ConnectOptions::new(settings.url.clone());
            options
                .max_connections(connections)
                .min_connections(1)
                .acquire_timeout(settings.acquire_timeout)
                .sqlx_logging(false)
                .test_before_acquire_if_idle_for(Duration::from_secs(30))
                .map_sqlx_postgres_opts(move |postgres| {
                    postgres
                        .statement_cache_capacity(256)
                        .options([("statement_timeout", statement_timeout.as_millis().to_string())])
                })
                .map_sqlx_sqlite_opts(|sqlite| {
                    // Durable before it is acknowledged: WAL with synchronous=FULL.
                    sqlite
                        .create_if_missing(true)
                        .foreign_keys(true)
                        .busy_timeout(Duration::from_secs(10))
                        .statement_cache_capacity(256)
                        .pragma("journal_mode", "WAL")
                        .pragma("synchronous", "FULL")
                        .pragma("wal_autocheckpoint", "4000")
                        .pragma("cache_size", "-4096")
                });
            if sqlite {
                // A pooled connection to a file costs nothing to keep.
                options.idle_timeout(None).max_lifetime(None);
            }
            options
        };
        let write_pool =
            sea_orm::Database::connect(options(if sqlite { 1 } else { settings.connections })).await?;
        let reader = if sqlite {
            sea_orm::Database::connect(options(settings.connections)).await?
        } else {
            write_pool.clone()
        };
        let writer = Writer::start(write_pool.clone());
        Ok(Self { reader, write_pool, writer })
    }

    /// Where to read.
    pub(super) fn reader(&self) -> &DatabaseConnection {
        &self.reader
    }

    /// The writer that groups commits.
    pub fn writer(&self) -> &Writer {
        &self.writer
    }

    /// Begins a transaction of an administrative use case; it holds the only writer on SQLite, so keep it short.
    ///
    /// # Errors
    /// No connection became free in time.
    pub async fn begin_write(&self) -> Result<Tx, Fault> {
        let transaction = self.write_pool.begin_with_options(immediate()).await?;
        Ok(Tx(transaction, self.writer.clone()))
    }

    /// Brings the schema to the newest version.
    ///
    /// # Errors
    /// A step failed; steps before it are kept.
    pub async fn migrate(&self) -> Result<(), Fault> {
        Ok(migration::Migrator::up(&self.write_pool, None).await?)
    }

    /// The steps that have not been applied yet. Needs no right to change the schema.
    ///
    /// # Errors
    /// The database cannot be read.
    pub async fn pending_migrations(&self) -> Result<Vec<String>, Fault> {
        let pending = migration::Migrator::get_pending_migrations_read_only(&self.reader).await?;
        Ok(pending.iter().map(|step| step.name().to_owned()).collect())
    }

    /// Proves that the database answers.
    ///
    /// # Errors
    /// It does not.
    pub async fn ping(&self) -> Result<(), Fault> {
        Ok(self.reader.ping().await?)
    }

    /// Stops the writer after what it was given and closes all connections.
    pub async fn close(self) {
        self.writer.stop().await;
        // Closing can only fail for a pool that is closed already.
        let _ = self.reader.close().await;
        let _ = self.write_pool.close().await;
    }
}

/// A transaction of an administrative use case.
pub struct Tx(pub(super) DatabaseTransaction, Writer);

impl Tx {
    /// Makes everything durable, and tells running processes that configuration changed.
    ///
    /// # Errors
    /// The commit failed: nothing was changed.
    pub async fn commit(self) -> Result<(), Fault> {
        super::installation::bump_generation(&self.0).await?;
        self.0.commit().await?;
        // It may have left a message.
        self.1.announce_post();
        Ok(())
    }
}

/// SQLite must take the write lock at the start: a transaction that reads first and writes later fails under load.
pub(super) fn immediate() -> TransactionOptions {
    TransactionOptions {
        sqlite_transaction_mode: Some(SqliteTransactionMode::Immediate),
        ..Default::default()
    }
}

/// A statement for whichever database is behind the connection.
pub(super) fn statement(backend: DatabaseBackend, sql: &str, values: Vec<Value>) -> Statement {
    Statement::from_sql_and_values(backend, sql, values)
}

/// Reads at most one row; on the hot paths, so its time is measured.
pub(super) async fn query_one(
    db: &Database,
    sql: &str,
    values: Vec<Value>,
) -> Result<Option<QueryResult>, Fault> {
    let started = std::time::Instant::now();
    let connection = db.reader();
    let row = connection.query_one_raw(statement(connection.get_database_backend(), sql, values)).await?;
    metrics::histogram!("database_latency_seconds").record(started.elapsed());
    Ok(row)
}

/// How many rows `selected` finds, a statement after its `SELECT` that says itself where counting stops.
pub(super) async fn count_up_to(db: &Database, selected: &str, values: Vec<Value>) -> Result<u64, Fault> {
    let sql = format!(r#"SELECT COUNT(*) AS "found" FROM (SELECT 1 {selected}) AS "some""#);
    let row = query_one(db, &sql, values).await?;
    let found: i64 = row.map_or(Ok(0), |row| row.try_get("", "found"))?;
    Ok(u64::try_from(found).unwrap_or(0))
}

/// The row that a query by a unique key finds. Without the `LIMIT` of sea-orm's own `one`: that is a value to bind, and
/// SQLite plans a statement anew whenever such a value is bound.
pub(super) async fn find_one<E: EntityTrait>(
    connection: &impl ConnectionTrait,
    query: Select<E>,
) -> Result<Option<E::Model>, Fault> {
    Ok(query.all(connection).await?.pop())
}

/// The columns of a row one after the other, in the order of the statement: cheaper than by name.
pub(super) struct Columns<'a> {
    row: &'a QueryResult,
    next: usize,
}

impl<'a> Columns<'a> {
    pub(super) fn of(row: &'a QueryResult) -> Self {
        Self { row, next: 0 }
    }

    pub(super) fn next<T: TryGetable>(&mut self) -> Result<T, DbErr> {
        let value = self.row.try_get_by_index(self.next)?;
        self.next += 1;
        Ok(value)
    }
}

/// Reads all rows.
pub(super) async fn query_all(
    connection: &impl ConnectionTrait,
    sql: &str,
    values: Vec<Value>,
) -> Result<Vec<QueryResult>, Fault> {
    Ok(connection.query_all_raw(statement(connection.get_database_backend(), sql, values)).await?)
}

/// Runs a statement and returns how many rows it changed.
pub(super) async fn execute(
    connection: &impl ConnectionTrait,
    sql: &str,
    values: Vec<Value>,
) -> Result<u64, Fault> {
    let statement = statement(connection.get_database_backend(), sql, values);
    Ok(connection.execute_raw(statement).await?.rows_affected())
}
