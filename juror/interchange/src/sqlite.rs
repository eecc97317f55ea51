//! The ballots of a juror's store, out to entries and in from a document.

use std::collections::BTreeSet;

use alloy::primitives::{Address, B128, B256, FixedBytes};
use sqlx::{Row as _, SqliteConnection, SqlitePool, sqlite::SqliteRow};
use surety_jury::commitment;

use crate::{Document, Entry, InterchangeError, Owner};

/// What an import did.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Merged {
    /// Ballots that the store lacked.
    pub added: usize,
    /// Ballots that it had.
    pub known: usize,
}

/// Every signed ballot with its case. The store names no case's consumer, so the juror's are tried.
pub async fn entries(
    pool: &SqlitePool,
    owner: Owner,
    consumers: &[Address],
) -> Result<Vec<Entry>, InterchangeError> {
    let rows = sqlx::query(
        "SELECT cases.*, ballots.*, salt FROM cases JOIN ballots USING (case_id)
         LEFT JOIN seals USING (case_id)
         WHERE ballots.signature IS NOT NULL ORDER BY case_id",
    )
    .fetch_all(pool)
    .await?;
    rows.iter().map(|row| entry(row, owner, consumers)).collect()
}

/// Adds what the store lacks: all of it, or nothing when an answer contradicts ours, or when the
/// ballot of a case in `on_chain` is missing afterwards.
pub async fn merge(
    pool: &SqlitePool,
    document: &Document,
    on_chain: &BTreeSet<B256>,
) -> Result<Merged, InterchangeError> {
    let mut tx = pool.begin().await?;
    let mut merged = Merged { added: 0, known: 0 };
    for entry in document.ballots() {
        let case_id = document.owner().case_id(entry);
        match known(&mut tx, case_id).await? {
            Some(ours) if ours != entry.digest => {
                return Err(InterchangeError::TwoAnswers { case_id, ours, theirs: entry.digest });
            }
            Some(_) => merged.known = merged.known.saturating_add(1),
            None => {
                add(&mut tx, case_id, entry).await?;
                merged.added = merged.added.saturating_add(1);
            }
        }
    }
    for case_id in on_chain.iter().copied() {
        if known(&mut tx, case_id).await?.is_none() {
            return Err(InterchangeError::StoreBehind { case_id });
        }
    }
    tx.commit().await?;
    Ok(merged)
}

/// The digest of a case's committed answer.
async fn known(tx: &mut SqliteConnection, case_id: B256) -> Result<Option<B256>, InterchangeError> {
    let row = sqlx::query("SELECT digest FROM ballots WHERE case_id = ?")
        .bind(case_id.as_slice())
        .fetch_optional(tx)
        .await?;
    row.as_ref().map(|row| digest(row, "digest")).transpose()
}

/// A case as far as an entry knows it, and its ballot. The case has an answer, so nobody needs the
/// request that is left empty.
async fn add(
    tx: &mut SqliteConnection,
    case_id: B256,
    entry: &Entry,
) -> Result<(), InterchangeError> {
    sqlx::query(
        "INSERT INTO cases (case_id, deal_id, milestone, round, deliverable, seat, nonce, request,
         seen_at) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?) ON CONFLICT (case_id) DO NOTHING",
    )
    .bind(case_id.as_slice())
    .bind(entry.deal_id.as_slice())
    .bind(i64::from(entry.milestone))
    .bind(i64::from(entry.round))
    .bind(entry.deliverable.as_slice())
    .bind(i64::from(entry.seat))
    .bind(B128::ZERO.as_slice())
    .bind(&[] as &[u8])
    .bind(i64::try_from(entry.seen_at).unwrap_or(i64::MAX))
    .execute(&mut *tx)
    .await?;
    sqlx::query(
        "INSERT INTO ballots (case_id, met, failed, reason, transcript, digest, signature)
         VALUES (?, ?, ?, ?, ?, ?, ?)",
    )
    .bind(case_id.as_slice())
    .bind(i64::from(entry.met))
    .bind(i64::from(entry.failed))
    .bind(i64::from(entry.reason))
    .bind(entry.transcript.as_slice())
    .bind(entry.digest.as_slice())
    .bind(entry.signature.as_slice())
    .execute(&mut *tx)
    .await?;
    let Some(salt) = entry.salt else { return Ok(()) };
    // The new store cannot tell when the seal may be opened, so it is open: the juror keeps its word.
    sqlx::query("INSERT INTO seals (case_id, salt, commitment, is_open) VALUES (?, ?, ?, 1)")
        .bind(case_id.as_slice())
        .bind(salt.as_slice())
        .bind(commitment::seal(entry.digest, salt).as_slice())
        .execute(tx)
        .await?;
    Ok(())
}

fn entry(row: &SqliteRow, owner: Owner, consumers: &[Address]) -> Result<Entry, InterchangeError> {
    let case_id = digest(row, "case_id")?;
    let mut entry = Entry {
        consumer: Address::ZERO,
        deal_id: digest(row, "deal_id")?,
        milestone: number(row, "milestone")?,
        round: number(row, "round")?,
        deliverable: digest(row, "deliverable")?,
        seat: number(row, "seat")?,
        seen_at: number(row, "seen_at")?,
        met: number(row, "met")?,
        failed: number(row, "failed")?,
        reason: number(row, "reason")?,
        transcript: digest(row, "transcript")?,
        digest: digest(row, "digest")?,
        signature: FixedBytes::try_from(row.try_get::<&[u8], _>("signature")?)
            .map_err(|_| InterchangeError::StoreDamaged { column: "signature" })?,
        salt: row
            .try_get::<Option<&[u8]>, _>("salt")?
            .map(B256::try_from)
            .transpose()
            .map_err(|_| InterchangeError::StoreDamaged { column: "salt" })?,
    };
    for consumer in consumers {
        entry.consumer = *consumer;
        if owner.case_id(&entry) == case_id {
            return Ok(entry);
        }
    }
    Err(InterchangeError::StoreForeign { case_id })
}

fn digest(row: &SqliteRow, column: &'static str) -> Result<B256, InterchangeError> {
    B256::try_from(row.try_get::<&[u8], _>(column)?)
        .map_err(|_| InterchangeError::StoreDamaged { column })
}

fn number<T: TryFrom<i64>>(row: &SqliteRow, column: &'static str) -> Result<T, InterchangeError> {
    T::try_from(row.try_get::<i64, _>(column)?)
        .map_err(|_| InterchangeError::StoreDamaged { column })
}
