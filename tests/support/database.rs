//! A fresh, migrated database per test: migrated once into a template, then copied.

use tokio::sync::OnceCell;

use super::app::prepare;

/// Where databases come from.
pub(crate) trait DatabaseSource {
    /// The URL of the empty database that becomes the template.
    async fn create_template(&self) -> Result<String, String>;
    /// A copy of the template, which nothing uses any more.
    async fn copy_template(&self) -> Result<Database, String>;
}

/// A source with its template.
pub(crate) struct DatabaseServer<S> {
    source: S,
    template: OnceCell<Result<(), String>>,
}

impl<S: DatabaseSource> DatabaseServer<S> {
    pub(crate) fn new(source: S) -> Self {
        Self { source, template: OnceCell::new() }
    }

    /// A database of one's own, as [`prepare`] leaves it.
    pub(crate) async fn database(&self) -> Database {
        let template = self.template.get_or_init(async || {
            let url = self.source.create_template().await?;
            prepare(&url).await;
            Ok(())
        });
        template.await.as_ref().expect("the template database");
        self.source.copy_template().await.expect("a copy of the template database")
    }
}

/// A test's database; it goes away with this value.
pub(crate) struct Database {
    url: String,
    /// Takes the database away when dropped.
    _lease: Box<dyn Send + Sync>,
}

impl Database {
    pub(crate) fn new(url: String, lease: impl Send + Sync + 'static) -> Self {
        Self { url, _lease: Box::new(lease) }
    }

    /// The URL as the configuration takes it.
    pub(crate) fn url(&self) -> &str {
        &self.url
    }
}
