//! What can go wrong with a store.

use std::path::PathBuf;

/// Everything that can go wrong with a service's database.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum StoreError {
    /// Another process works on this store.
    #[error("{}: another process uses this store", path.display())]
    InUse {
        /// The store's folder.
        path: PathBuf,
    },
    /// The store's folder cannot be used.
    #[error("{}: {source}", path.display())]
    Folder {
        /// The store's folder.
        path: PathBuf,
        /// Why not.
        source: std::io::Error,
    },
    /// The URL names no database that is spoken here, or carries a password.
    #[error("{0}")]
    Url(&'static str),
    /// The database failed.
    #[error("the store failed: {0}")]
    Database(#[from] sqlx::Error),
    /// What was written may not be on the disk, so nothing more is read or written.
    #[error("the store's log could not be flushed: look at the disk, then start again")]
    Flush,
    /// The store of blobs failed.
    #[error("the store of files: {0}")]
    Blobs(&'static str),
    /// Another instance has taken over what this write was for. Nothing was written.
    #[error("another instance has taken over: {kind}")]
    LeaseLost {
        /// What it has taken over.
        kind: &'static str,
    },
    /// The database's schema cannot be brought up to date.
    #[error("the store's schema cannot be migrated: {0}")]
    Migrate(#[from] sqlx::migrate::MigrateError),
}

/// Codes of databases that ask for the same transaction again: `SQLite` busy and locked, and
/// `PostgreSQL` serialization failure, deadlock, lock not available, shutdowns and lost sessions.
const AGAIN: [&str; 12] = [
    "5", "6", "261", "517", "40001", "40P01", "55P03", "57P01", "57P02", "57P03", "25P03", "53300",
];

impl StoreError {
    /// Whether the same call may succeed later without anybody changing anything here.
    pub fn retryable(&self) -> bool {
        match self {
            Self::Database(error) => {
                matches!(error, sqlx::Error::PoolTimedOut | sqlx::Error::Io(_))
                    || error
                        .as_database_error()
                        .and_then(sqlx::error::DatabaseError::code)
                        .is_some_and(|code| AGAIN.contains(&code.as_ref()))
            }
            Self::LeaseLost { .. } | Self::Blobs(_) => true,
            Self::InUse { .. }
            | Self::Folder { .. }
            | Self::Url(_)
            | Self::Flush
            | Self::Migrate(_) => false,
        }
    }
}
