//! The store's ballots, out to a document and in from one.

use std::collections::BTreeSet;

use alloy::primitives::{Address, B128, B256, FixedBytes};
use sqlx::{SqliteConnection, sqlite::SqliteRow};
use surety_interchange::{Document, Entry, Owner};

use super::{BallotRow, Store, ballot_row, case_row, digest, integer};
use crate::JurorError;

/// What an import did.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Merged {
    /// Ballots that the store lacked.
    pub added: usize,
    /// Ballots that it had.
    pub known: usize,
}

impl Store {
    /// The ballots without a signature: a crash came between the two.
    pub(crate) async fn unsigned(&self) -> Result<Vec<BallotRow>, JurorError> {
        let rows = sqlx::query("SELECT * FROM ballots WHERE signature IS NULL ORDER BY case_id")
            .fetch_all(&self.pool)
            .await?;
        rows.iter().map(ballot_row).collect()
    }

    /// Every signed ballot with its case.
    pub(crate) async fn entries(
        &self,
        owner: Owner,
        consumers: &[Address],
    ) -> Result<Vec<Entry>, JurorError> {
        let rows = sqlx::query(
            "SELECT * FROM cases JOIN ballots USING (case_id)
             WHERE signature IS NOT NULL ORDER BY case_id",
        )
        .fetch_all(&self.pool)
        .await?;
        rows.iter().map(|row| entry(row, owner, consumers)).collect()
    }

    /// Adds what the store lacks: all of it, or nothing when an answer contradicts ours, or when
    /// the ballot of a case in `on_chain` is missing afterwards.
    pub(crate) async fn merge(
        &self,
        document: &Document,
        on_chain: &BTreeSet<B256>,
    ) -> Result<Merged, JurorError> {
        let mut tx = self.pool.begin().await?;
        let mut merged = Merged { added: 0, known: 0 };
        for entry in document.ballots() {
            let case_id = document.owner().case_id(entry);
            match known(&mut tx, case_id).await? {
                Some(digest) if digest != entry.digest => {
                    let (ours, theirs) = (digest, entry.digest);
                    return Err(JurorError::TwoAnswers { case_id, ours, theirs });
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
                return Err(JurorError::StoreBehind { case_id });
            }
        }
        tx.commit().await?;
        Ok(merged)
    }
}

/// The digest of a case's committed answer.
async fn known(tx: &mut SqliteConnection, case_id: B256) -> Result<Option<B256>, JurorError> {
    let row = sqlx::query("SELECT digest FROM ballots WHERE case_id = ?")
        .bind(case_id.as_slice())
        .fetch_optional(tx)
        .await?;
    row.as_ref().map(|row| digest(row, "digest")).transpose()
}

/// A case as far as an entry knows it, and its ballot. The case has an answer, so nobody needs the
/// request that is left empty.
async fn add(tx: &mut SqliteConnection, case_id: B256, entry: &Entry) -> Result<(), JurorError> {
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
    .bind(integer(entry.seen_at)?)
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
    .execute(tx)
    .await?;
    Ok(())
}

fn entry(row: &SqliteRow, owner: Owner, consumers: &[Address]) -> Result<Entry, JurorError> {
    let (taken, cast) = (case_row(row)?, ballot_row(row)?);
    let damaged = JurorError::StoreDamaged { column: "signature" };
    let mut entry = Entry {
        consumer: Address::ZERO,
        deal_id: taken.deal_id,
        milestone: taken.milestone,
        round: taken.round,
        deliverable: taken.deliverable,
        seat: taken.seat,
        seen_at: taken.seen_at,
        met: cast.ballot.met,
        failed: cast.ballot.failed,
        reason: cast.ballot.reason,
        transcript: cast.ballot.transcript,
        digest: cast.digest,
        signature: cast.signature.map(FixedBytes).ok_or(damaged)?,
    };
    // The store does not name a case's consumer, but the case id holds it.
    for consumer in consumers {
        entry.consumer = *consumer;
        if owner.case_id(&entry) == taken.case_id {
            return Ok(entry);
        }
    }
    Err(JurorError::StoreForeign { case_id: taken.case_id })
}
