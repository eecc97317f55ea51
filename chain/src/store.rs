//! One SQLite file per service: one writer, several readers, one process.

use std::fs::File;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use sqlx::migrate::Migrator;
use sqlx::pool::PoolConnection;
use sqlx::sqlite::{
    SqliteConnectOptions, SqliteJournalMode, SqlitePool, SqlitePoolOptions, SqliteSynchronous,
};
use sqlx::{Sqlite, Transaction};

use crate::ChainError;

/// A service's database. Cloning is cheap.
///
/// Writes go through one connection that begins every transaction with the write lock, so a write
/// never fails half way because another one was first. What is committed survives a power cut
/// (`synchronous=FULL`): a signed transaction must be on disk before it leaves the process.
#[derive(Clone, Debug)]
pub struct Store {
    writer: SqlitePool,
    reader: SqlitePool,
    /// Held as long as any clone lives, so that a second process refuses to start.
    _lock: Arc<File>,
}

impl Store {
    /// Opens `<dir>/<name>.sqlite`, creating both, and locks it for this process.
    pub async fn open(dir: &Path, name: &str) -> Result<Self, ChainError> {
        let folder = |source| ChainError::Folder { path: dir.to_path_buf(), source };
        std::fs::create_dir_all(dir).map_err(folder)?;
        let lock = File::create(dir.join(format!("{name}.lock"))).map_err(folder)?;
        lock.try_lock().map_err(|_| ChainError::StoreInUse { path: dir.to_path_buf() })?;
        let options = SqliteConnectOptions::new()
            .filename(dir.join(format!("{name}.sqlite")))
            .create_if_missing(true)
            .journal_mode(SqliteJournalMode::Wal)
            .synchronous(SqliteSynchronous::Full)
            .busy_timeout(Duration::from_secs(5))
            .foreign_keys(true);
        let pool = |n| SqlitePoolOptions::new().max_connections(n);
        let writer = pool(1).connect_with(options.clone()).await?;
        let reader = pool(4).connect_with(options.read_only(true)).await?;
        Ok(Self { writer, reader, _lock: Arc::new(lock) })
    }

    /// Brings one crate's tables up to date. Each crate keeps its own list of what was applied, in
    /// `<owner>_migrations`, so that crates can share a file without sharing a numbering.
    pub async fn migrate(&self, owner: &str, mut migrator: Migrator) -> Result<(), ChainError> {
        migrator.dangerous_set_table_name(format!("{owner}_migrations"));
        Ok(migrator.run(&self.writer).await?)
    }

    /// Begins a write. Waits for the write in progress, if any.
    pub async fn begin(&self) -> Result<Transaction<'static, Sqlite>, ChainError> {
        Ok(self.writer.begin_with("BEGIN IMMEDIATE").await?)
    }

    /// A connection that sees everything committed and cannot write.
    pub async fn read(&self) -> Result<PoolConnection<Sqlite>, ChainError> {
        Ok(self.reader.acquire().await?)
    }

    /// Fails when nothing can be written, such as on a full or read-only disk.
    pub async fn expect_writable(&self) -> Result<(), ChainError> {
        // A number that nobody reads, in the file's head.
        sqlx::query("PRAGMA user_version = 1").execute(&self.writer).await?;
        Ok(())
    }

    /// Waits until all connections are closed; everybody who still asks for one gets an error.
    pub async fn close(&self) {
        self.reader.close().await;
        self.writer.close().await;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn a_second_opener_is_refused_until_the_first_is_gone() {
        let dir = tempfile::tempdir().unwrap();
        let first = Store::open(dir.path(), "t").await.unwrap();
        let second = Store::open(dir.path(), "t").await.unwrap_err();
        assert!(matches!(second, ChainError::StoreInUse { .. }), "{second}");
        drop(first);
        Store::open(dir.path(), "t").await.unwrap();
    }
}
