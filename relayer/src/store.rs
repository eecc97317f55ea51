//! The relayer's tables.

pub(crate) mod ballots;
pub(crate) mod batches;
pub(crate) mod cases;
pub(crate) mod columns;
pub(crate) mod deals;
pub(crate) mod deliverables;
pub(crate) mod phase;
pub(crate) mod private;
#[cfg(test)]
mod tests;

use sqlx::migrate::Migrator;

/// The tables. Run them as owner `relayer`.
pub(crate) fn migrations() -> Migrator {
    sqlx::migrate!("./migrations")
}
