//! Which settlements are of several cases, and which cases are settled alone.

use alloy::primitives::B256;
use surety_store::Conn;

use super::columns::number;
use crate::RelayerError;

type Result<T> = std::result::Result<T, RelayerError>;

/// A settlement of so many cases is queued; written in the transaction that queues it.
pub(crate) async fn sent(conn: &mut Conn, id: B256, cases: usize) -> Result<()> {
    sqlx::query("INSERT INTO batch (id, cases) VALUES ($1, $2) ON CONFLICT (id) DO NOTHING")
        .bind(id.as_slice())
        .bind(i64::try_from(cases).unwrap_or(i64::MAX))
        .execute(conn)
        .await?;
    Ok(())
}

/// Whether a sender's request is a settlement of several cases.
pub(crate) async fn is_batch(conn: &mut Conn, id: B256) -> Result<bool> {
    let row = sqlx::query("SELECT 1 FROM batch WHERE id = $1")
        .bind(id.as_slice())
        .fetch_optional(conn)
        .await?;
    Ok(row.is_some())
}

/// The case is settled alone from now on.
pub(crate) async fn alone(conn: &mut Conn, case: B256) -> Result<()> {
    sqlx::query("UPDATE case_file SET alone = 1 WHERE id = $1")
        .bind(case.as_slice())
        .execute(conn)
        .await?;
    Ok(())
}

/// Whether it is.
pub(crate) async fn is_alone(conn: &mut Conn, case: B256) -> Result<bool> {
    let row = sqlx::query("SELECT alone FROM case_file WHERE id = $1")
        .bind(case.as_slice())
        .fetch_one(conn)
        .await?;
    Ok(number::<i64>(&row, "alone")? == 1)
}
