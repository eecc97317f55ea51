//! What an operator sees of waiting transactions, and what it may do about them.
//!
//! An order is a row, written by whoever takes it and carried out by the one task that owns the
//! nonces. So it survives a crash, and no second writer ever signs.

use alloy::primitives::{Address, B256};
use serde::{Deserialize, Serialize};
use sqlx::Row as _;
use surety_store::{Conn, DbRow};

use super::rows::{self, Kind};
use super::{Failure, SendState, SendStatus, Sender};
use crate::ChainError;

type Result<T> = std::result::Result<T, ChainError>;

/// What is to be done about a request.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Order {
    /// Pay more for it now.
    Bump,
    /// Give it up: its nonce is used up by an empty transaction, unless a block takes it first.
    Cancel,
}

impl Order {
    const fn as_str(self) -> &'static str {
        match self {
            Self::Bump => "bump",
            Self::Cancel => "cancel",
        }
    }
}

/// A transaction that was signed for a request.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct AttemptView {
    /// Its hash.
    pub tx_hash: B256,
    /// Whether it only uses its nonce up.
    pub blank: bool,
    /// The most that it pays per gas, in wei.
    pub max_fee_wei: u64,
    /// What of it goes to the block's builder, in wei.
    pub priority_fee_wei: u64,
}

/// Everything about a request.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Trace {
    /// Where it stands.
    pub status: SendStatus,
    /// Its nonce, once it has one.
    pub nonce: Option<u64>,
    /// What was signed for that nonce, oldest first.
    pub attempts: Vec<AttemptView>,
    /// An order that is not carried out yet.
    pub order: Option<Order>,
}

/// What waits at a key.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Line {
    /// Requests without a nonce.
    pub queued: u64,
    /// Nonces that wait for a block, lowest first, each with the chain's time of its newest attempt.
    pub waiting: Vec<(u64, u64)>,
}

impl Line {
    /// Nonces from `count` on, below the highest waiting one, that no request holds.
    pub fn gaps(&self, count: u64) -> Vec<u64> {
        let held: Vec<u64> = self.waiting.iter().map(|(nonce, _)| *nonce).collect();
        let end = held.last().copied().unwrap_or(count);
        (count..end).filter(|nonce| !held.contains(nonce)).take(1_000).collect()
    }

    /// The chain's time when the oldest waiting attempt was signed.
    pub fn oldest(&self) -> Option<u64> {
        self.waiting.iter().map(|(_, since)| *since).min()
    }
}

impl Sender {
    /// What waits at this key.
    pub async fn line(&self) -> Result<Line> {
        let mut conn = self.store.read().await?;
        let (queued, waiting) = rows::line(&mut conn, self.address).await?;
        Ok(Line { queued, waiting })
    }

    /// How many requests of all keys wait for a nonce, by rank.
    pub async fn queued(&self) -> Result<Vec<(u8, u64)>> {
        rows::ranked(&mut *self.store.read().await?).await
    }

    /// How many requests of all keys there are in each state, by the state's word.
    pub async fn totals(&self) -> Result<Vec<(String, u64)>> {
        let mut conn = self.store.read().await?;
        let rows = sqlx::query("SELECT state, COUNT(*) AS n FROM send_request GROUP BY state")
            .fetch_all(&mut *conn)
            .await?;
        let total = |row: &DbRow| {
            let n = row.try_get::<i64, _>("n")?;
            Ok((row.try_get("state")?, u64::try_from(n).unwrap_or_default()))
        };
        rows.iter().map(total).collect()
    }

    /// Everything about a request of any key; none when it was never asked for.
    pub async fn trace(&self, id: B256) -> Result<Option<Trace>> {
        let mut conn = self.store.read().await?;
        let Some(status) = rows::status(&mut conn, id).await? else { return Ok(None) };
        let (sender, nonce) = place(&mut conn, id).await?;
        let attempts = match nonce {
            Some(nonce) => rows::attempts(&mut conn, sender, nonce, Some(id)).await?,
            None => Vec::new(),
        };
        let attempts = attempts.iter().map(|attempt| AttemptView {
            tx_hash: attempt.hash,
            blank: attempt.kind == Kind::Blank,
            max_fee_wei: attempt.fees.max,
            priority_fee_wei: attempt.fees.priority,
        });
        let attempts = attempts.collect();
        let order = get(&mut conn, id).await?;
        Ok(Some(Trace { status, nonce, attempts, order }))
    }

    /// Takes an order about a request. Only what is still to be done can be ordered about: says in which state the
    /// request was, or nothing when there is no such request. A queued request that is cancelled has
    /// failed at once.
    pub async fn order(&self, id: B256, order: Order) -> Result<Option<SendState>> {
        let mut tx = self.store.begin().await?;
        // The sender may be about to sign it: whoever has the row first is obeyed.
        rows::is_queued(&mut tx, id).await?;
        let Some(status) = rows::status(&mut tx, id).await? else { return Ok(None) };
        match (status.state, order) {
            (SendState::Queued, Order::Cancel) => {
                rows::done(&mut tx, id, None, Some(&Failure::Withdrawn)).await?;
            }
            (SendState::Sent, _) => put(&mut tx, id, order).await?,
            (SendState::Queued, Order::Bump) | (SendState::Mined | SendState::Failed, _) => {}
        }
        surety_failpoint::here("send.ordered.written");
        tx.commit().await?;
        surety_failpoint::here("send.ordered.stored");
        self.changed();
        self.wake();
        Ok(Some(status.state))
    }
}

/// Whose request it is, and its nonce.
async fn place(conn: &mut Conn, id: B256) -> Result<(Address, Option<u64>)> {
    let row = sqlx::query("SELECT sender, nonce FROM send_request WHERE id = $1")
        .bind(id.as_slice())
        .fetch_one(conn)
        .await?;
    let nonce = row.try_get::<Option<i64>, _>("nonce")?;
    Ok((rows::address(&row, "sender")?, nonce.and_then(|nonce| u64::try_from(nonce).ok())))
}

async fn put(conn: &mut Conn, id: B256, order: Order) -> Result<()> {
    sqlx::query(
        "INSERT INTO send_order (request, kind) VALUES ($1, $2)
         ON CONFLICT (request) DO UPDATE SET kind = excluded.kind",
    )
    .bind(id.as_slice())
    .bind(order.as_str())
    .execute(conn)
    .await?;
    Ok(())
}

/// The order about a request that is not carried out yet.
pub(super) async fn get(conn: &mut Conn, id: B256) -> Result<Option<Order>> {
    let row = sqlx::query("SELECT kind FROM send_order WHERE request = $1")
        .bind(id.as_slice())
        .fetch_optional(conn)
        .await?;
    row.map(|row| match row.try_get::<&str, _>("kind")? {
        "bump" => Ok(Order::Bump),
        "cancel" => Ok(Order::Cancel),
        _ => Err(ChainError::Row { what: "send_order.kind" }),
    })
    .transpose()
}

/// The order about a request is carried out, or came to nothing.
pub(super) async fn forget(conn: &mut Conn, id: B256) -> Result<()> {
    sqlx::query("DELETE FROM send_order WHERE request = $1")
        .bind(id.as_slice())
        .execute(conn)
        .await?;
    Ok(())
}
