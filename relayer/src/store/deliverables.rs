//! Which deliverables are on the shelf.

use alloy::primitives::B256;
use sqlx::Row;
use surety_store::{Conn, Store};

use super::columns::{kept, number, word};
use crate::RelayerError;

type Result<T> = std::result::Result<T, RelayerError>;

/// Rows of changes that are summed up without more ado.
const MOST_CHANGES: i64 = 256;

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
        "SELECT CAST(COALESCE(SUM(total), 0) AS BIGINT) AS total,
                CAST(COALESCE(SUM(unnamed), 0) AS BIGINT) AS unnamed
         FROM shelf_change",
    )
    .fetch_one(conn)
    .await?;
    Ok((number(&row, "total")?, number(&row, "unnamed")?))
}

/// Folds the rows that the totals are the sum of into one, if they are many.
pub(crate) async fn fold(store: &Store) -> Result<()> {
    let rows: i64 = sqlx::query_scalar("SELECT COUNT(*) FROM shelf_change")
        .fetch_one(&mut *store.read().await?)
        .await?;
    if rows <= MOST_CHANGES {
        return Ok(());
    }
    let mut tx = store.begin().await?;
    let rows = sqlx::query("DELETE FROM shelf_change RETURNING total, unnamed")
        .fetch_all(&mut *tx)
        .await?;
    let (mut total, mut unnamed) = (0_i64, 0_i64);
    for row in &rows {
        total = total.saturating_add(row.try_get("total")?);
        unnamed = unnamed.saturating_add(row.try_get("unnamed")?);
    }
    changed(&mut tx, total, unnamed).await?;
    Ok(tx.commit().await?)
}

async fn changed(conn: &mut Conn, total: i64, unnamed: i64) -> Result<()> {
    sqlx::query("INSERT INTO shelf_change (total, unnamed) VALUES ($1, $2)")
        .bind(total)
        .bind(unnamed)
        .execute(conn)
        .await?;
    Ok(())
}

/// Bytes came, perhaps once more.
pub(crate) async fn add(
    conn: &mut Conn,
    digest: B256,
    (size, named): (u64, bool),
    now: u64,
) -> Result<()> {
    let added = sqlx::query(
        "INSERT INTO deliverable (digest, size, named, at) VALUES ($1, $2, $3, $4)
         ON CONFLICT (digest) DO NOTHING",
    )
    .bind(digest.as_slice())
    .bind(kept(size))
    .bind(i64::from(named))
    .bind(kept(now))
    .execute(&mut *conn)
    .await?;
    if added.rows_affected() == 1 {
        return changed(conn, kept(size), if named { 0 } else { kept(size) }).await;
    }
    sqlx::query("UPDATE deliverable SET at = $2 WHERE digest = $1")
        .bind(digest.as_slice())
        .bind(kept(now))
        .execute(conn)
        .await?;
    Ok(())
}

/// A delivery names the digest: its bytes no longer count against strangers' share of the shelf.
pub(crate) async fn name(conn: &mut Conn, digest: B256) -> Result<()> {
    let rows = sqlx::query(
        "UPDATE deliverable SET named = 1 WHERE digest = $1 AND named = 0 RETURNING size",
    )
    .bind(digest.as_slice())
    .fetch_all(&mut *conn)
    .await?;
    let Some(row) = rows.first() else { return Ok(()) };
    changed(conn, 0, row.try_get::<i64, _>("size")?.saturating_neg()).await
}

/// The row goes, also if a delivery names the digest or only if none does. Says whether it went.
pub(crate) async fn remove(conn: &mut Conn, digest: B256, also_named: bool) -> Result<bool> {
    let rows = sqlx::query(
        "DELETE FROM deliverable WHERE digest = $1 AND named <= $2 RETURNING size, named",
    )
    .bind(digest.as_slice())
    .bind(i64::from(also_named))
    .fetch_all(&mut *conn)
    .await?;
    let Some(row) = rows.first() else { return Ok(false) };
    let less = row.try_get::<i64, _>("size")?.saturating_neg();
    let is_named = row.try_get::<i64, _>("named")? != 0;
    changed(conn, less, if is_named { 0 } else { less }).await?;
    Ok(true)
}

/// What came before a moment and no delivery names, oldest first, a hundred at most.
pub(crate) async fn unnamed(conn: &mut Conn, before: u64) -> Result<Vec<B256>> {
    let rows = sqlx::query(
        "SELECT digest FROM deliverable WHERE named = 0 AND at < $1
           AND NOT EXISTS (SELECT 1 FROM case_file WHERE deliverable = digest)
           AND NOT EXISTS (SELECT 1 FROM milestone WHERE deliverable = digest)
           AND NOT EXISTS (SELECT 1 FROM upload WHERE age_file = digest)
         ORDER BY at LIMIT 100",
    )
    .bind(kept(before))
    .fetch_all(conn)
    .await?;
    rows.iter().map(|row| word(row, "digest")).collect()
}
