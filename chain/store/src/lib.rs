//! A service's database, one SQL for two engines.
//!
//! - SQLite, one file in a folder, is for one process: it locks the folder.
//! - PostgreSQL is for a fleet: any number of processes share a database.
//!
//! Queries are plain SQL that both take, through sqlx's `Any` driver. What they do not agree about is
//! in [`Store`] and nowhere else: how a connection is opened, how a write begins.
//! [ADR 16](../../../docs/adr/0016-one-sql-for-two-databases.md) says what the SQL must avoid.

mod blobs;
mod error;
mod lease;
#[cfg(any(test, feature = "scratch"))]
pub mod scratch;
mod store;
mod tx;

pub use blobs::{Blobs, Bucket};
pub use error::StoreError;
pub use lease::{Lease, Leases, Role};
pub use store::{Store, check, migrations};
pub use tx::Tx;

/// A connection, or a transaction behind a reference: what every query takes.
pub type Conn = sqlx::AnyConnection;
/// A row of an answer.
pub type DbRow = sqlx::any::AnyRow;
