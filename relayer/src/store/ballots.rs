//! Ballots that verified, and the proof of those that contradict each other.

use alloy::primitives::{Address, B256};
use surety_bindings::jury::Ballot;
use surety_jury::{SignedBallot, Source};
use surety_store::{Conn, DbRow};

use super::columns::{address, fixed, number, text, word};
use crate::RelayerError;

type Result<T> = std::result::Result<T, RelayerError>;

/// A ballot and who gave it.
#[derive(Debug, Clone)]
pub(crate) struct BallotRow {
    pub(crate) juror: Address,
    pub(crate) family: String,
    pub(crate) operator: String,
    pub(crate) signed: SignedBallot,
    /// Whether it is counted: it is the juror's first in its case, and the one that it had committed
    /// to in time.
    pub(crate) counted: bool,
}

impl BallotRow {
    /// Where the opinion comes from. The family on the chain says it, never the juror's answer.
    pub(crate) fn source(&self) -> Source {
        Source::of_family(&self.family)
    }
}

/// What storing a ballot found.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Kept {
    /// The juror's first.
    First,
    /// The same masks again.
    Again,
    /// Other masks than its first: an equivocation, now on record.
    Equivocation,
}

impl Kept {
    /// The word for counting.
    pub(crate) const fn label(self) -> &'static str {
        match self {
            Self::First => "first",
            Self::Again => "again",
            Self::Equivocation => "equivocation",
        }
    }
}

/// Stores a verified ballot.
pub(crate) async fn keep(conn: &mut Conn, row: &BallotRow) -> Result<Kept> {
    let ballot = &row.signed.ballot;
    let case = ballot.caseId;
    let known = of_juror(conn, case, row.juror).await?;
    let kept = match known.first() {
        None => Kept::First,
        Some(_) if known.iter().any(|k| same_masks(k, row)) => return Ok(Kept::Again),
        Some(_) => Kept::Equivocation,
    };
    sqlx::query(
        "INSERT INTO ballot (case_id, juror, seat, met, failed, reason, transcript, signature,
           family, operator, counted)
         VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11)",
    )
    .bind(case.as_slice())
    .bind(row.juror.as_slice())
    .bind(i64::from(row.signed.seat))
    .bind(i64::from(ballot.met))
    .bind(i64::from(ballot.failed))
    .bind(i64::from(ballot.reason))
    .bind(ballot.transcript.as_slice())
    .bind(row.signed.signature.as_slice())
    .bind(&row.family)
    .bind(&row.operator)
    .bind(i64::from(row.counted && kept == Kept::First))
    .execute(&mut *conn)
    .await?;
    if kept == Kept::Equivocation {
        sqlx::query(
            "INSERT INTO equivocation (case_id, juror, met, failed) VALUES ($1, $2, $3, $4)",
        )
        .bind(case.as_slice())
        .bind(row.juror.as_slice())
        .bind(i64::from(ballot.met))
        .bind(i64::from(ballot.failed))
        .execute(conn)
        .await?;
    }
    Ok(kept)
}

fn same_masks(a: &BallotRow, b: &BallotRow) -> bool {
    a.signed.ballot.met == b.signed.ballot.met && a.signed.ballot.failed == b.signed.ballot.failed
}

async fn of_juror(conn: &mut Conn, case: B256, juror: Address) -> Result<Vec<BallotRow>> {
    let rows = sqlx::query("SELECT * FROM ballot WHERE case_id = $1 AND juror = $2")
        .bind(case.as_slice())
        .bind(juror.as_slice())
        .fetch_all(conn)
        .await?;
    rows.iter().map(read).collect()
}

/// Everything that was stored for a case, by seat.
pub(crate) async fn of_case(conn: &mut Conn, case: B256) -> Result<Vec<BallotRow>> {
    let rows = sqlx::query("SELECT * FROM ballot WHERE case_id = $1 ORDER BY seat, counted DESC")
        .bind(case.as_slice())
        .fetch_all(conn)
        .await?;
    rows.iter().map(read).collect()
}

/// The ballots of a case that count, by seat.
pub(crate) async fn counted(conn: &mut Conn, case: B256) -> Result<Vec<SignedBallot>> {
    let rows = of_case(conn, case).await?;
    Ok(rows.into_iter().filter(|r| r.counted).map(|r| r.signed).collect())
}

fn read(row: &DbRow) -> Result<BallotRow> {
    Ok(BallotRow {
        juror: address(row, "juror")?,
        family: text(row, "family")?,
        operator: text(row, "operator")?,
        signed: SignedBallot {
            seat: number(row, "seat")?,
            ballot: Ballot {
                caseId: word(row, "case_id")?,
                met: number(row, "met")?,
                failed: number(row, "failed")?,
                reason: number(row, "reason")?,
                transcript: word(row, "transcript")?,
            },
            signature: fixed(row, "signature")?,
        },
        counted: number::<i64>(row, "counted")? == 1,
    })
}

#[cfg(test)]
mod tests {
    use alloy::primitives::FixedBytes;
    use surety_store::scratch::Scratch;

    use super::*;

    fn row(met: u16, transcript: u8) -> BallotRow {
        let ballot = Ballot {
            caseId: B256::ZERO,
            met,
            failed: 0,
            reason: 0,
            transcript: B256::repeat_byte(transcript),
        };
        let signed = SignedBallot { seat: 2, ballot, signature: FixedBytes::ZERO };
        let (family, operator) = ("replay-a".to_owned(), "a.example".to_owned());
        BallotRow { juror: Address::ZERO, family, operator, signed, counted: true }
    }

    surety_store::on_both!(the_first_ballot_counts_and_a_contradiction_is_kept_as_evidence);

    async fn the_first_ballot_counts_and_a_contradiction_is_kept_as_evidence(scratch: &Scratch) {
        let store = scratch.open().await;
        store.migrate("relayer", crate::store::migrations()).await.unwrap();
        let mut tx = store.begin().await.unwrap();
        let tries =
            [(row(1, 1), Kept::First), (row(1, 2), Kept::Again), (row(3, 1), Kept::Equivocation)];
        for (row, needed) in tries {
            assert_eq!(keep(&mut tx, &row).await.unwrap(), needed);
        }
        let counted = counted(&mut tx, B256::ZERO).await.unwrap();
        assert_eq!(counted, [row(1, 1).signed]);
        let all = of_case(&mut tx, B256::ZERO).await.unwrap();
        assert_eq!(all.iter().map(|r| r.counted).collect::<Vec<_>>(), [true, false]);
        assert_eq!(all.first().unwrap().source(), Source::Replay);
        let evidence = sqlx::query("SELECT * FROM equivocation").fetch_all(&mut *tx).await.unwrap();
        assert_eq!(evidence.len(), 1);
    }
}
