//! SQLite: a file per test, copied from the template.

use tempfile::TempDir;

use super::database::{Database, DatabaseSource};

/// The folder of the template.
pub(crate) struct Sqlite {
    folder: TempDir,
}

impl Sqlite {
    pub(crate) fn new() -> Self {
        Self { folder: TempDir::new().expect("a temporary folder") }
    }
}

impl DatabaseSource for Sqlite {
    async fn create_template(&self) -> Result<String, String> {
        Ok(format!("sqlite://{}?mode=rwc", self.folder.path().join(FILE).display()))
    }

    async fn copy_template(&self) -> Result<Database, String> {
        let wal = self.folder.path().join(format!("{FILE}-wal"));
        if wal.metadata().is_ok_and(|wal| wal.len() > 0) {
            return Err("`prepare` left a connection to the template open".to_owned());
        }
        let folder = TempDir::new().map_err(|error| error.to_string())?;
        let file = folder.path().join(FILE);
        std::fs::copy(self.folder.path().join(FILE), &file).map_err(|error| error.to_string())?;
        Ok(Database::new(format!("sqlite://{}?mode=rwc", file.display()), folder))
    }
}

const FILE: &str = "stepgate.db";
