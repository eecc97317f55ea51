//! The rows of batches: lists of cases that the key signs at once.
//!
//! A list's votes are taken from the ballots and from nothing else, in the transaction that writes
//! them down. Ballots never change, so no list can contradict a ballot or another list. A list that
//! was written stays as it is, also when the juror has balloted more of its cases since.

use alloy::primitives::{B256, FixedBytes, keccak256};
use sqlx::{Row as _, SqliteConnection, sqlite::SqliteRow};
use surety_bindings::jury::BallotBatch;
use surety_jury::{CompactSignature, Leaf, ballot};

use crate::{Ballots, SealError, ballots};

/// How many lists may answer one case and all others of theirs, and how many more may answer it and
/// be absent on another: anybody may ask, and every list is kept for ever.
const MOST_LISTS: i64 = 64;

/// A list as it was committed to disk, with its signature once it has one.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct BatchRow {
    /// The answers.
    pub batch: BallotBatch,
    /// What the key signs.
    pub digest: B256,
    /// The key's signature.
    pub signature: Option<CompactSignature>,
}

/// What became of a list.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Batched {
    /// It is committed.
    Row(BatchRow),
    /// No case of it has a ballot that may be seen.
    Absent,
    /// One of its cases has been answered in too many lists.
    TooOften {
        /// The case.
        case_id: B256,
    },
}

impl Ballots {
    /// Commits the answers to a list of cases: what the ballots say that may be seen, absent
    /// elsewhere. When the list is there already, it stands and is returned as it is.
    pub(crate) async fn commit_batch(
        &self,
        cases: &[B256],
        digest: impl Fn(&BallotBatch) -> B256,
    ) -> Result<Batched, SealError> {
        let list = list(cases);
        let mut tx = self.pool().begin().await?;
        if let Some(row) = find(&mut tx, list, cases).await? {
            return Ok(Batched::Row(row));
        }
        let (mut leaves, mut roots, mut answered) = (Vec::new(), Vec::new(), Vec::new());
        for case in cases {
            let (leaf, root) = leaf(&mut tx, *case).await?;
            if leaf != Leaf::Absent {
                answered.push(*case);
            }
            leaves.push((*case, leaf));
            roots.push(root);
        }
        if answered.is_empty() {
            return Ok(Batched::Absent);
        }
        let is_whole = answered.len() == cases.len();
        for case_id in &answered {
            if lists(&mut tx, *case_id, is_whole).await? >= MOST_LISTS {
                return Ok(Batched::TooOften { case_id: *case_id });
            }
        }
        let damaged = |_| SealError::StoreDamaged { column: "met" };
        let transcript = ballot::batch_transcript(&roots);
        let batch = ballot::ballot_batch(&leaves, transcript).map_err(damaged)?;
        let row = BatchRow { digest: digest(&batch), batch, signature: None };
        insert(&mut tx, list, &row, &answered).await?;
        tx.commit().await?;
        Ok(Batched::Row(row))
    }

    /// Puts the signature beside the list.
    pub(crate) async fn keep_batch_signature(
        &self,
        cases: &[B256],
        signature: CompactSignature,
    ) -> Result<(), SealError> {
        sqlx::query("UPDATE batches SET signature = ? WHERE list = ?")
            .bind(signature.as_slice())
            .bind(list(cases).as_slice())
            .execute(self.pool())
            .await?;
        Ok(())
    }
}

/// What names a list.
fn list(cases: &[B256]) -> B256 {
    keccak256(cases.iter().flat_map(|case| case.0).collect::<Vec<u8>>())
}

/// What is said of a case in a list, and the root of its transcript.
async fn leaf(conn: &mut SqliteConnection, case: B256) -> Result<(Leaf, B256), SealError> {
    let row = ballots::find(conn, case).await?;
    // A ballot without its signature was never shown, and a sealed one must not be.
    let Some(row) = row.filter(|row| row.signature.is_some() && !row.is_sealed()) else {
        return Ok((Leaf::Absent, B256::ZERO));
    };
    let damaged = |_| SealError::StoreDamaged { column: "reason" };
    Ok((Leaf::of(&row.ballot).map_err(damaged)?, row.ballot.transcript))
}

/// How many lists answer a case and all others of theirs, or not all.
async fn lists(conn: &mut SqliteConnection, case: B256, is_whole: bool) -> Result<i64, SealError> {
    let row = sqlx::query(
        "SELECT count(*) AS n FROM batched JOIN batches USING (list)
         WHERE case_id = ? AND is_whole = ?",
    )
    .bind(case.as_slice())
    .bind(is_whole)
    .fetch_one(conn)
    .await?;
    Ok(row.try_get("n")?)
}

async fn insert(
    conn: &mut SqliteConnection,
    list: B256,
    row: &BatchRow,
    answered: &[B256],
) -> Result<(), SealError> {
    sqlx::query(
        "INSERT INTO batches (list, votes, transcript, digest, is_whole) VALUES (?, ?, ?, ?, ?)",
    )
    .bind(list.as_slice())
    .bind(&row.batch.votes[..])
    .bind(row.batch.transcript.as_slice())
    .bind(row.digest.as_slice())
    .bind(answered.len() == row.batch.cases.len())
    .execute(&mut *conn)
    .await?;
    for case in answered {
        sqlx::query("INSERT INTO batched (case_id, list) VALUES (?, ?)")
            .bind(case.as_slice())
            .bind(list.as_slice())
            .execute(&mut *conn)
            .await?;
    }
    Ok(())
}

async fn find(
    conn: &mut SqliteConnection,
    list: B256,
    cases: &[B256],
) -> Result<Option<BatchRow>, SealError> {
    let row = sqlx::query("SELECT * FROM batches WHERE list = ?")
        .bind(list.as_slice())
        .fetch_optional(conn)
        .await?;
    row.as_ref().map(|row| read(row, cases)).transpose()
}

fn read(row: &SqliteRow, cases: &[B256]) -> Result<BatchRow, SealError> {
    let votes: Vec<u8> = row.try_get("votes")?;
    let batch = BallotBatch {
        cases: cases.to_vec(),
        votes: votes.into(),
        transcript: ballots::digest(row, "transcript")?,
    };
    let bytes: Option<&[u8]> = row.try_get("signature")?;
    let signature = bytes.map(FixedBytes::try_from).transpose();
    let signature = signature.map_err(|_| SealError::StoreDamaged { column: "signature" })?;
    Ok(BatchRow { batch, digest: ballots::digest(row, "digest")?, signature })
}
