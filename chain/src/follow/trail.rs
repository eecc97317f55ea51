//! The saved trail of blocks that a follower has delivered.

use alloy::primitives::B256;
use sqlx::Row;
use sqlx::migrate::Migrator;
use surety_store::Conn;

use crate::ChainError;

/// The trail's table. Run it as owner `follow` with [`crate::store::Store::migrate`].
pub fn migrations() -> Migrator {
    sqlx::migrate!("migrations/follow")
}

/// Marks beyond this many are forgotten; a reorganisation that deep re-reads from the start.
const KEPT: i64 = 16_384;

/// A block that was delivered.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Mark {
    /// Its number.
    pub number: u64,
    /// Its hash.
    pub hash: B256,
}

/// The newest mark.
pub(super) async fn newest(conn: &mut Conn, name: &str) -> Result<Option<Mark>, ChainError> {
    below(conn, name, u64::MAX).await
}

/// The newest mark below a block.
pub(super) async fn below(
    conn: &mut Conn,
    name: &str,
    block: u64,
) -> Result<Option<Mark>, ChainError> {
    let row = sqlx::query(
        "SELECT number, hash FROM follow_mark WHERE name = $1 AND number < $2
         ORDER BY number DESC LIMIT 1",
    )
    .bind(name)
    .bind(i64::try_from(block).unwrap_or(i64::MAX))
    .fetch_optional(conn)
    .await?;
    row.map(|row| {
        let broken = || ChainError::Row { what: "follow_mark" };
        let number = u64::try_from(row.try_get::<i64, _>(0)?).map_err(|_| broken())?;
        let hash = B256::try_from(row.try_get::<&[u8], _>(1)?).map_err(|_| broken())?;
        Ok(Mark { number, hash })
    })
    .transpose()
}

pub(super) async fn extend(conn: &mut Conn, name: &str, marks: &[Mark]) -> Result<(), ChainError> {
    for mark in marks {
        sqlx::query(
            "INSERT INTO follow_mark (name, number, hash) VALUES ($1, $2, $3)
             ON CONFLICT (name, number) DO UPDATE SET hash = excluded.hash",
        )
        .bind(name)
        .bind(number(mark.number)?)
        .bind(mark.hash.as_slice())
        .execute(&mut *conn)
        .await?;
    }
    sqlx::query(
        "DELETE FROM follow_mark WHERE name = $1 AND number <= (
           SELECT number FROM follow_mark WHERE name = $1
           ORDER BY number DESC LIMIT 1 OFFSET $2)",
    )
    .bind(name)
    .bind(KEPT)
    .execute(conn)
    .await?;
    Ok(())
}

pub(super) async fn rewind(conn: &mut Conn, name: &str, from_block: u64) -> Result<(), ChainError> {
    sqlx::query("DELETE FROM follow_mark WHERE name = $1 AND number >= $2")
        .bind(name)
        .bind(number(from_block)?)
        .execute(conn)
        .await?;
    Ok(())
}

fn number(block: u64) -> Result<i64, ChainError> {
    i64::try_from(block).map_err(|_| ChainError::Malformed {
        method: "eth_getBlockByNumber",
        what: "a block number above 2^63",
    })
}
