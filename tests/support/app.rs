//! The application under test, on a database of its own.

use super::database::Database;
use super::services::Services;
use super::trial::Backend;

/// An application and what it stands on; all of it goes away with this value.
pub(crate) struct TestApp {
    /// What the application runs on.
    pub(crate) backend: Backend,
    /// The URL of Redis, where the backend has one.
    pub(crate) redis_url: Option<String>,
    database: Database,
}

impl TestApp {
    /// A new application on a fresh database.
    pub(crate) async fn new(services: &Services, backend: Backend) -> Self {
        let (database, redis_url) = match backend {
            Backend::Sqlite => (services.sqlite().database().await, None),
            Backend::Postgres => (services.postgres().database().await, None),
            Backend::PostgresRedis => {
                (services.postgres().database().await, Some(services.redis().database()))
            }
        };
        Self { backend, redis_url, database }
    }

    /// The URL of the database, as the configuration takes it.
    pub(crate) fn database_url(&self) -> &str {
        self.database.url()
    }
}

/// Makes an empty database what every test starts from, and leaves no connection open.
pub(crate) async fn prepare(database_url: &str) {
    let database = sea_orm::Database::connect(database_url).await.expect("the template database");
    database.close().await.expect("the template database closes");
}
