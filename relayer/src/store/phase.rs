//! A case's time to commit: from the first question until ballots are asked for.

use alloy::primitives::B256;
use surety_store::Conn;

use super::columns::{kept, maybe_number, number};
use crate::RelayerError;

type Result<T> = std::result::Result<T, RelayerError>;

/// How a case's time to commit stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Phase {
    /// When its seats were first asked, in chain time; none before.
    pub(crate) asked_at: Option<u64>,
    /// Whether it is over. It stays so.
    pub(crate) is_over: bool,
}

/// How it stands.
pub(crate) async fn get(conn: &mut Conn, case: B256) -> Result<Phase> {
    let row = sqlx::query("SELECT asked_at, revealing FROM case_file WHERE id = $1")
        .bind(case.as_slice())
        .fetch_one(conn)
        .await?;
    let is_over = number::<i64>(&row, "revealing")? == 1;
    Ok(Phase { asked_at: maybe_number(&row, "asked_at")?, is_over })
}

/// The seats are about to be asked; the first time counts.
pub(crate) async fn begin(conn: &mut Conn, case: B256, now: u64) -> Result<()> {
    sqlx::query("UPDATE case_file SET asked_at = COALESCE(asked_at, $2) WHERE id = $1")
        .bind(case.as_slice())
        .bind(kept(now))
        .execute(conn)
        .await?;
    Ok(())
}

/// Ballots are about to be asked for.
pub(crate) async fn end(conn: &mut Conn, case: B256) -> Result<()> {
    sqlx::query("UPDATE case_file SET revealing = 1 WHERE id = $1")
        .bind(case.as_slice())
        .execute(conn)
        .await?;
    Ok(())
}
