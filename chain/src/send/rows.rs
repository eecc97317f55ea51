//! The sender's rows. Plain SQL that SQLite and PostgreSQL both take.

use alloy::primitives::{Address, B256, Bytes};
use sqlx::Row;
use surety_store::{Conn, DbRow};

use super::fees::Fees;
use super::{Failure, Request, SendState, SendStatus, gap_id, orders};
use crate::{ChainError, Receipt};

/// A request that waits for a nonce.
#[derive(Debug, Clone)]
pub(super) struct Queued {
    pub(super) id: B256,
    pub(super) to: Address,
    pub(super) calldata: Bytes,
    pub(super) rank: u8,
}

/// A request that holds a nonce and is not done.
#[derive(Debug, Clone)]
pub(super) struct Signed {
    pub(super) id: B256,
    pub(super) to: Address,
    pub(super) calldata: Bytes,
    pub(super) rank: u8,
    pub(super) nonce: u64,
    pub(super) gas: u64,
    /// Chain time when its newest attempt was signed.
    pub(super) since: u64,
    /// Its block was orphaned, so it may have become pointless.
    pub(super) suspect: bool,
}

/// What a transaction is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Kind {
    /// It does what was asked.
    Call,
    /// It only uses its nonce up.
    Blank,
}

/// A transaction that was signed.
#[derive(Debug, Clone)]
pub(super) struct Attempt {
    pub(super) hash: B256,
    pub(super) kind: Kind,
    pub(super) raw: Bytes,
    pub(super) fees: Fees,
}

type Result<T> = std::result::Result<T, ChainError>;

/// Who asks again for what waits may have it go earlier, never later: strangers may ask first.
pub(super) async fn queue(
    conn: &mut Conn,
    sender: Address,
    request: &Request,
) -> Result<SendStatus> {
    sqlx::query(
        "INSERT INTO send_request (id, sender, target, calldata, position, state, rank)
         VALUES ($1, $2, $3, $4,
           (SELECT COALESCE(MAX(position), 0) + 1 FROM send_request), 'queued', $5)
         ON CONFLICT (id) DO UPDATE
         SET state = 'queued', nonce = NULL, failure = NULL, revert = NULL, tx_hash = NULL,
             block = NULL, block_hash = NULL, suspect = 0, position = excluded.position,
             rank = excluded.rank
         WHERE send_request.state = 'failed'
           OR (send_request.state = 'queued' AND send_request.rank > excluded.rank)",
    )
    .bind(request.id.as_slice())
    .bind(sender.as_slice())
    .bind(request.to.as_slice())
    .bind(&request.calldata[..])
    .bind(i64::from(request.rank))
    .execute(&mut *conn)
    .await?;
    status(conn, request.id).await?.ok_or(ChainError::Row { what: "send_request vanished" })
}

pub(super) async fn status(conn: &mut Conn, id: B256) -> Result<Option<SendStatus>> {
    let row = sqlx::query(
        "SELECT state, block, failure, revert, COALESCE(tx_hash, (
           SELECT hash FROM send_attempt a WHERE a.request = r.id AND a.nonce = r.nonce
           ORDER BY a.position DESC LIMIT 1)) AS tx_hash
         FROM send_request r WHERE id = $1",
    )
    .bind(id.as_slice())
    .fetch_optional(conn)
    .await?;
    row.map(|row| {
        let state = match row.try_get::<&str, _>("state")? {
            "queued" => SendState::Queued,
            "signed" => SendState::Sent,
            "mined" => SendState::Mined,
            "failed" => SendState::Failed,
            _ => return Err(broken("state")),
        };
        let failure = match row.try_get::<Option<&str>, _>("failure")? {
            None => None,
            Some("reverted") => {
                let data = row.try_get::<Option<&[u8]>, _>("revert")?.unwrap_or_default();
                Some(Failure::Reverted(Bytes::copy_from_slice(data)))
            }
            Some("withdrawn") => Some(Failure::Withdrawn),
            Some(_) => return Err(broken("failure")),
        };
        let tx_hash = row.try_get::<Option<&[u8]>, _>("tx_hash")?;
        let tx_hash = tx_hash.map(|b| B256::try_from(b).map_err(|_| broken("tx_hash")));
        let block = row.try_get::<Option<i64>, _>("block")?.map(unsigned).transpose()?;
        Ok(SendStatus { id, state, tx_hash: tx_hash.transpose()?, block, failure })
    })
    .transpose()
}

/// How many requests each key has that are not done.
pub(super) async fn load(conn: &mut Conn) -> Result<Vec<(Address, u64)>> {
    let rows = sqlx::query(
        "SELECT sender, COUNT(*) AS waiting FROM send_request
         WHERE state IN ('queued', 'signed') GROUP BY sender",
    )
    .fetch_all(conn)
    .await?;
    rows.iter()
        .map(|row| Ok((address(row, "sender")?, unsigned(row.try_get("waiting")?)?)))
        .collect()
}

/// How many requests of all keys wait for a nonce, by rank.
pub(super) async fn ranked(conn: &mut Conn) -> Result<Vec<(u8, u64)>> {
    let rows = sqlx::query(
        "SELECT rank, COUNT(*) AS waiting FROM send_request
         WHERE state = 'queued' GROUP BY rank ORDER BY rank",
    )
    .fetch_all(conn)
    .await?;
    rows.iter().map(|row| Ok((rank(row)?, unsigned(row.try_get("waiting")?)?))).collect()
}

/// How many requests of a key wait for a nonce, and which nonces wait for a block, lowest first,
/// each with the chain's time of its newest attempt. Strangers wrote their calldata: it is not read.
pub(super) async fn line(conn: &mut Conn, sender: Address) -> Result<(u64, Vec<(u64, u64)>)> {
    let queued = sqlx::query_scalar::<_, i64>(
        "SELECT COUNT(*) FROM send_request WHERE sender = $1 AND state = 'queued'",
    )
    .bind(sender.as_slice())
    .fetch_one(&mut *conn)
    .await?;
    let rows = sqlx::query(
        "SELECT nonce, signed_at FROM send_request
         WHERE sender = $1 AND state = 'signed' ORDER BY nonce",
    )
    .bind(sender.as_slice())
    .fetch_all(conn)
    .await?;
    let waiting =
        |row: &DbRow| Ok((unsigned(row.try_get("nonce")?)?, unsigned(row.try_get("signed_at")?)?));
    Ok((unsigned(queued)?, rows.iter().map(waiting).collect::<Result<_>>()?))
}

/// The requests that wait for a nonce and go first: the oldest of the lowest rank.
pub(super) async fn queued(conn: &mut Conn, sender: Address, most: u32) -> Result<Vec<Queued>> {
    let rows = sqlx::query(
        "SELECT id, target, calldata, rank FROM send_request
         WHERE sender = $1 AND state = 'queued' ORDER BY rank, position LIMIT $2",
    )
    .bind(sender.as_slice())
    .bind(i64::from(most))
    .fetch_all(conn)
    .await?;
    rows.iter()
        .map(|row| {
            Ok(Queued {
                id: word(row, "id")?,
                to: address(row, "target")?,
                calldata: Bytes::copy_from_slice(row.try_get("calldata")?),
                rank: rank(row)?,
            })
        })
        .collect()
}

/// The requests that hold a nonce and are not done, lowest nonce first.
pub(super) async fn signed(conn: &mut Conn, sender: Address) -> Result<Vec<Signed>> {
    let rows = sqlx::query(
        "SELECT id, target, calldata, rank, nonce, gas, signed_at, suspect FROM send_request
         WHERE sender = $1 AND state = 'signed' ORDER BY nonce",
    )
    .bind(sender.as_slice())
    .fetch_all(conn)
    .await?;
    rows.iter()
        .map(|row| {
            Ok(Signed {
                id: word(row, "id")?,
                to: address(row, "target")?,
                calldata: Bytes::copy_from_slice(row.try_get("calldata")?),
                rank: rank(row)?,
                nonce: unsigned(row.try_get("nonce")?)?,
                gas: unsigned(row.try_get("gas")?)?,
                since: unsigned(row.try_get("signed_at")?)?,
                suspect: row.try_get::<i64, _>("suspect")? != 0,
            })
        })
        .collect()
}

/// Everything signed for one nonce, oldest first. A request's own attempts, or, without a request,
/// whatever was ever signed for that nonce.
pub(super) async fn attempts(
    conn: &mut Conn,
    sender: Address,
    nonce: u64,
    request: Option<B256>,
) -> Result<Vec<Attempt>> {
    let rows = sqlx::query(
        "SELECT hash, kind, raw, max_fee, priority_fee FROM send_attempt
         WHERE sender = $1 AND nonce = $2 AND ($3 IS NULL OR request = $3) ORDER BY position",
    )
    .bind(sender.as_slice())
    .bind(signed_number(nonce)?)
    .bind(request.map(|r| r.to_vec()))
    .fetch_all(conn)
    .await?;
    rows.iter()
        .map(|row| {
            Ok(Attempt {
                hash: word(row, "hash")?,
                kind: match row.try_get::<&str, _>("kind")? {
                    "call" => Kind::Call,
                    "blank" => Kind::Blank,
                    _ => return Err(broken("kind")),
                },
                raw: Bytes::copy_from_slice(row.try_get("raw")?),
                fees: Fees {
                    max: unsigned(row.try_get("max_fee")?)?,
                    priority: unsigned(row.try_get("priority_fee")?)?,
                },
            })
        })
        .collect()
}

/// The lowest nonce from `count` on that no request holds.
pub(super) async fn free_nonce(conn: &mut Conn, sender: Address, count: u64) -> Result<u64> {
    let rows = sqlx::query(
        "SELECT nonce FROM send_request WHERE sender = $1 AND nonce >= $2 ORDER BY nonce",
    )
    .bind(sender.as_slice())
    .bind(signed_number(count)?)
    .fetch_all(conn)
    .await?;
    let mut free = count;
    for row in &rows {
        if unsigned(row.try_get("nonce")?)? != free {
            break;
        }
        free = free.saturating_add(1);
    }
    Ok(free)
}

/// Makes sure that the request which fills a gap exists and waits.
pub(super) async fn gap(conn: &mut Conn, sender: Address, nonce: u64) -> Result<B256> {
    let id = gap_id(sender, nonce);
    let request = Request { id, to: sender, calldata: Bytes::new(), rank: 0 };
    Ok(queue(conn, sender, &request).await?.id)
}

/// Gives a request its nonce and stores its signed bytes, before anybody sees them.
pub(super) async fn record(
    conn: &mut Conn,
    sender: Address,
    signed: &Signed,
    attempt: &Attempt,
) -> Result<()> {
    sqlx::query(
        "UPDATE send_request SET state = 'signed', nonce = $2, gas = $3, signed_at = $4, suspect = 0
         WHERE id = $1",
    )
    .bind(signed.id.as_slice())
    .bind(signed_number(signed.nonce)?)
    .bind(signed_number(signed.gas)?)
    .bind(signed_number(signed.since)?)
    .execute(&mut *conn)
    .await?;
    sqlx::query(
        "INSERT INTO send_attempt
           (hash, request, sender, nonce, kind, raw, max_fee, priority_fee, position)
         VALUES ($1, $2, $3, $4, $5, $6, $7, $8,
           (SELECT COALESCE(MAX(position), 0) + 1 FROM send_attempt))",
    )
    .bind(attempt.hash.as_slice())
    .bind(signed.id.as_slice())
    .bind(sender.as_slice())
    .bind(signed_number(signed.nonce)?)
    .bind(match attempt.kind {
        Kind::Call => "call",
        Kind::Blank => "blank",
    })
    .bind(&attempt.raw[..])
    .bind(signed_number(attempt.fees.max)?)
    .bind(signed_number(attempt.fees.priority)?)
    .execute(conn)
    .await?;
    Ok(())
}

/// Notes that a request is done. Without a receipt it never held a nonce.
pub(super) async fn done(
    conn: &mut Conn,
    id: B256,
    receipt: Option<&Receipt>,
    failure: Option<&Failure>,
) -> Result<()> {
    let (text, data) = match failure {
        None => (None, None),
        Some(Failure::Reverted(data)) => (Some("reverted"), Some(&data[..])),
        Some(Failure::Withdrawn) => (Some("withdrawn"), None),
    };
    sqlx::query(
        "UPDATE send_request SET state = $2, failure = $3, revert = $4, tx_hash = $5, block = $6,
           block_hash = $7, suspect = 0
         WHERE id = $1",
    )
    .bind(id.as_slice())
    .bind(if failure.is_none() { "mined" } else { "failed" })
    .bind(text)
    .bind(data)
    .bind(receipt.map(|r| r.tx_hash.to_vec()))
    .bind(receipt.map(|r| signed_number(r.block)).transpose()?)
    .bind(receipt.map(|r| r.block_hash.to_vec()))
    .execute(&mut *conn)
    .await?;
    orders::forget(conn, id).await
}

/// Takes a request's nonce away: somebody else used it.
pub(super) async fn requeue(conn: &mut Conn, id: B256) -> Result<()> {
    sqlx::query(
        "UPDATE send_request SET state = 'queued', nonce = NULL, suspect = 0 WHERE id = $1",
    )
    .bind(id.as_slice())
    .execute(conn)
    .await?;
    Ok(())
}

/// Whether a request still waits for a nonce. Its row is this transaction's until it ends.
pub(super) async fn is_queued(conn: &mut Conn, id: B256) -> Result<bool> {
    let found =
        sqlx::query("UPDATE send_request SET state = state WHERE id = $1 AND state = 'queued'")
            .bind(id.as_slice())
            .execute(conn)
            .await?;
    Ok(found.rows_affected() == 1)
}

/// Moves a queued request behind all others of its rank, so that one which no node likes blocks nobody.
pub(super) async fn to_back(conn: &mut Conn, id: B256) -> Result<()> {
    sqlx::query(
        "UPDATE send_request SET position = (SELECT MAX(position) + 1 FROM send_request)
         WHERE id = $1",
    )
    .bind(id.as_slice())
    .execute(conn)
    .await?;
    Ok(())
}

/// Notes that a request was found worth sending after its block was orphaned.
pub(super) async fn trust(conn: &mut Conn, id: B256) -> Result<()> {
    sqlx::query("UPDATE send_request SET suspect = 0 WHERE id = $1")
        .bind(id.as_slice())
        .execute(conn)
        .await?;
    Ok(())
}

/// The blocks from `from` on that hold finished requests, highest first.
pub(super) async fn done_blocks(
    conn: &mut Conn,
    sender: Address,
    from: u64,
) -> Result<Vec<(u64, B256)>> {
    let rows = sqlx::query(
        "SELECT DISTINCT block, block_hash FROM send_request
         WHERE sender = $1 AND block >= $2 ORDER BY block DESC",
    )
    .bind(sender.as_slice())
    .bind(signed_number(from)?)
    .fetch_all(conn)
    .await?;
    rows.iter()
        .map(|row| Ok((unsigned(row.try_get("block")?)?, word(row, "block_hash")?)))
        .collect()
}

/// Opens the requests of an orphaned block again.
pub(super) async fn reopen(conn: &mut Conn, sender: Address, block_hash: B256) -> Result<u64> {
    let done = sqlx::query(
        "UPDATE send_request SET state = 'signed', suspect = 1, failure = NULL, revert = NULL,
           tx_hash = NULL, block = NULL, block_hash = NULL
         WHERE sender = $1 AND block_hash = $2",
    )
    .bind(sender.as_slice())
    .bind(block_hash.as_slice())
    .execute(conn)
    .await?;
    Ok(done.rows_affected())
}

const fn broken(what: &'static str) -> ChainError {
    ChainError::Row { what }
}

fn word(row: &DbRow, column: &'static str) -> Result<B256> {
    B256::try_from(row.try_get::<&[u8], _>(column)?).map_err(|_| broken(column))
}

pub(super) fn address(row: &DbRow, column: &'static str) -> Result<Address> {
    Address::try_from(row.try_get::<&[u8], _>(column)?).map_err(|_| broken(column))
}

fn rank(row: &DbRow) -> Result<u8> {
    u8::try_from(row.try_get::<i64, _>("rank")?).map_err(|_| broken("rank"))
}

fn unsigned(number: i64) -> Result<u64> {
    u64::try_from(number).map_err(|_| broken("a negative number"))
}

fn signed_number(number: u64) -> Result<i64> {
    i64::try_from(number).map_err(|_| broken("a number above 2^63"))
}
