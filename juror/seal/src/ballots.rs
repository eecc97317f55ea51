//! The rows: ballots, their seals, and the commitments of the other seats.

use alloy::primitives::{B256, FixedBytes};
use sqlx::{Row as _, SqliteConnection, SqlitePool, sqlite::SqliteRow};
use surety_bindings::jury::Ballot;
use surety_jury::{CompactSignature, SignedCommitment, commitment};

use crate::SealError;

/// A ballot as it was committed to disk, with its signature once it has one.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Row {
    /// The answer.
    pub ballot: Ballot,
    /// What the key signs.
    pub digest: B256,
    /// The key's signature.
    pub signature: Option<CompactSignature>,
    /// What keeps it from being seen; a ballot from before there were seals has none.
    pub seal: Option<Seal>,
}

/// The seal of a ballot.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Seal {
    /// What opens the commitment.
    pub salt: B256,
    /// The commitment.
    pub digest: B256,
    /// The key's signature of the commitment.
    pub signature: Option<CompactSignature>,
    /// Whether the ballot may be seen.
    pub is_open: bool,
}

impl Row {
    /// Whether the ballot must not be seen yet.
    pub fn is_sealed(&self) -> bool {
        self.seal.is_some_and(|seal| !seal.is_open)
    }
}

/// The part of a juror's store that holds its ballots.
#[derive(Debug, Clone)]
pub struct Ballots {
    pool: SqlitePool,
}

impl Ballots {
    /// Over the juror's database, whose migrations make the tables.
    pub const fn new(pool: SqlitePool) -> Self {
        Self { pool }
    }

    pub(crate) const fn pool(&self) -> &SqlitePool {
        &self.pool
    }

    /// Commits a case's answer with its seal. When there is an answer already, that one stands and
    /// is returned as it is: a second answer, or a second seal, is never written.
    pub async fn commit(
        &self,
        ballot: &Ballot,
        digest: B256,
        salt: B256,
    ) -> Result<Row, SealError> {
        let mut tx = self.pool.begin().await?;
        let added = sqlx::query(
            "INSERT INTO ballots (case_id, met, failed, reason, transcript, digest)
             VALUES (?, ?, ?, ?, ?, ?) ON CONFLICT (case_id) DO NOTHING",
        )
        .bind(ballot.caseId.as_slice())
        .bind(i64::from(ballot.met))
        .bind(i64::from(ballot.failed))
        .bind(i64::from(ballot.reason))
        .bind(ballot.transcript.as_slice())
        .bind(digest.as_slice())
        .execute(&mut *tx)
        .await?;
        if added.rows_affected() == 1 {
            sqlx::query("INSERT INTO seals (case_id, salt, commitment) VALUES (?, ?, ?)")
                .bind(ballot.caseId.as_slice())
                .bind(salt.as_slice())
                .bind(commitment::seal(digest, salt).as_slice())
                .execute(&mut *tx)
                .await?;
        }
        let row = find(&mut tx, ballot.caseId).await?;
        tx.commit().await?;
        row.ok_or(SealError::StoreDamaged { column: "case_id" })
    }

    /// Puts the signatures beside the ballot and its seal.
    pub(crate) async fn keep_signatures(
        &self,
        case_id: B256,
        ballot: CompactSignature,
        commitment: Option<CompactSignature>,
    ) -> Result<(), SealError> {
        let mut tx = self.pool.begin().await?;
        sqlx::query("UPDATE ballots SET signature = ? WHERE case_id = ?")
            .bind(ballot.as_slice())
            .bind(case_id.as_slice())
            .execute(&mut *tx)
            .await?;
        if let Some(commitment) = commitment {
            sqlx::query("UPDATE seals SET signature = ? WHERE case_id = ?")
                .bind(commitment.as_slice())
                .bind(case_id.as_slice())
                .execute(&mut *tx)
                .await?;
        }
        Ok(tx.commit().await?)
    }

    /// A case's ballot, if it was committed.
    pub async fn get(&self, case_id: B256) -> Result<Option<Row>, SealError> {
        find(&mut *self.pool.acquire().await?, case_id).await
    }

    /// The ballots that lack a signature, their own or their commitment's: a crash came between, or
    /// the ballot came from another store.
    pub async fn unsigned(&self) -> Result<Vec<Row>, SealError> {
        let rows = sqlx::query(
            "SELECT ballots.*, salt, commitment, seals.signature AS sealed, is_open
             FROM ballots LEFT JOIN seals USING (case_id)
             WHERE ballots.signature IS NULL OR (salt IS NOT NULL AND seals.signature IS NULL)
             ORDER BY case_id",
        )
        .fetch_all(&self.pool)
        .await?;
        rows.iter().map(read).collect()
    }

    /// Lets a case's ballot be seen, for ever.
    pub async fn open(&self, case_id: B256) -> Result<(), SealError> {
        sqlx::query("UPDATE seals SET is_open = 1 WHERE case_id = ?")
            .bind(case_id.as_slice())
            .execute(&self.pool)
            .await?;
        Ok(())
    }

    /// Keeps commitments of a case by their seats, all or none; a seat's first one stays. The caller
    /// has verified them.
    pub async fn keep_commitments(
        &self,
        case_id: B256,
        commitments: &[(u8, SignedCommitment)],
    ) -> Result<(), SealError> {
        let mut tx = self.pool.begin().await?;
        for (seat, commitment) in commitments {
            sqlx::query(
                "INSERT INTO commitments (case_id, seat, digest, signature) VALUES (?, ?, ?, ?)
                 ON CONFLICT (case_id, seat) DO NOTHING",
            )
            .bind(case_id.as_slice())
            .bind(i64::from(*seat))
            .bind(commitment.digest.as_slice())
            .bind(commitment.signature.as_slice())
            .execute(&mut *tx)
            .await?;
        }
        Ok(tx.commit().await?)
    }

    /// How many seats other than `seat` have committed to a case.
    pub async fn others_bound(&self, case_id: B256, seat: u8) -> Result<usize, SealError> {
        let row =
            sqlx::query("SELECT count(*) AS n FROM commitments WHERE case_id = ? AND seat <> ?")
                .bind(case_id.as_slice())
                .bind(i64::from(seat))
                .fetch_one(&self.pool)
                .await?;
        number(&row, "n")
    }
}

pub(crate) async fn find(
    conn: &mut SqliteConnection,
    case_id: B256,
) -> Result<Option<Row>, SealError> {
    let row = sqlx::query(
        "SELECT ballots.*, salt, commitment, seals.signature AS sealed, is_open
         FROM ballots LEFT JOIN seals USING (case_id) WHERE case_id = ?",
    )
    .bind(case_id.as_slice())
    .fetch_optional(conn)
    .await?;
    row.as_ref().map(read).transpose()
}

fn read(row: &SqliteRow) -> Result<Row, SealError> {
    let seal = match row.try_get::<Option<&[u8]>, _>("salt")? {
        None => None,
        Some(_) => Some(Seal {
            salt: digest(row, "salt")?,
            digest: digest(row, "commitment")?,
            signature: signature(row, "sealed")?,
            is_open: row.try_get("is_open")?,
        }),
    };
    Ok(Row {
        ballot: Ballot {
            caseId: digest(row, "case_id")?,
            met: number(row, "met")?,
            failed: number(row, "failed")?,
            reason: number(row, "reason")?,
            transcript: digest(row, "transcript")?,
        },
        digest: digest(row, "digest")?,
        signature: signature(row, "signature")?,
        seal,
    })
}

pub(crate) fn digest(row: &SqliteRow, column: &'static str) -> Result<B256, SealError> {
    B256::try_from(row.try_get::<&[u8], _>(column)?).map_err(|_| SealError::StoreDamaged { column })
}

fn signature(row: &SqliteRow, column: &'static str) -> Result<Option<FixedBytes<64>>, SealError> {
    let bytes: Option<&[u8]> = row.try_get(column)?;
    let read = bytes.map(FixedBytes::try_from).transpose();
    read.map_err(|_| SealError::StoreDamaged { column })
}

fn number<T: TryFrom<i64>>(row: &SqliteRow, column: &'static str) -> Result<T, SealError> {
    T::try_from(row.try_get::<i64, _>(column)?).map_err(|_| SealError::StoreDamaged { column })
}
