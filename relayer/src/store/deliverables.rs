//! Which deliverables are on the shelf.

use alloy::primitives::B256;
use sqlx::Row;
use surety_store::Conn;

use super::columns::{kept, number};
use crate::RelayerError;

type Result<T> = std::result::Result<T, RelayerError>;

pub(crate) async fn has(conn: &mut Conn, digest: B256) -> Result<bool> {
    let row = sqlx::query("SELECT 1 FROM deliverable WHERE digest = $1")
        .bind(digest.as_slice())
        .fetch_optional(conn)
        .await?;
    Ok(row.is_some())
}

/// Whether a delivery, handed in or pinned on the chain, names the digest.
pub(crate) async fn is_named(conn: &mut Conn, digest: B256) -> Result<bool> {
    let row = sqlx::query(
        "SELECT CASE WHEN EXISTS (SELECT 1 FROM case_file WHERE deliverable = $1)
                       OR EXISTS (SELECT 1 FROM milestone WHERE deliverable = $1)
                       OR EXISTS (SELECT 1 FROM upload WHERE age_file = $1)
                THEN 1 ELSE 0 END AS named",
    )
    .bind(digest.as_slice())
    .fetch_one(conn)
    .await?;
    Ok(row.try_get::<i64, _>("named")? != 0)
}

/// The bytes of all deliverables, and of those that no delivery names.
pub(crate) async fn totals(conn: &mut Conn) -> Result<(u64, u64)> {
    let row = sqlx::query(
        "SELECT CAST(COALESCE(SUM(size), 0) AS BIGINT) AS total,
                CAST(COALESCE(SUM(CASE named WHEN 0 THEN size ELSE 0 END), 0) AS BIGINT) AS unnamed
         FROM deliverable",
    )
    .fetch_one(conn)
    .await?;
    Ok((number(&row, "total")?, number(&row, "unnamed")?))
}

pub(crate) async fn add(conn: &mut Conn, digest: B256, size: u64, named: bool) -> Result<()> {
    sqlx::query(
        "INSERT INTO deliverable (digest, size, named) VALUES ($1, $2, $3)
         ON CONFLICT (digest) DO NOTHING",
    )
    .bind(digest.as_slice())
    .bind(kept(size))
    .bind(i64::from(named))
    .execute(conn)
    .await?;
    Ok(())
}

/// A delivery names the digest: its bytes no longer count against strangers' share of the shelf.
pub(crate) async fn name(conn: &mut Conn, digest: B256) -> Result<()> {
    sqlx::query("UPDATE deliverable SET named = 1 WHERE digest = $1")
        .bind(digest.as_slice())
        .execute(conn)
        .await?;
    Ok(())
}
