//! What became of each seat that was asked about a case: whether it committed, and what it showed.

use alloy::primitives::{Address, B256};
use sqlx::SqliteConnection;
use sqlx::sqlite::SqliteRow;
use surety_jury::SignedCommitment;
use surety_jury::wire::BallotBody;

use super::columns::{address, broken, fixed, kept, maybe_word, number, text, word};
use crate::RelayerError;
use crate::wire::JurorRecord;

type Conn = SqliteConnection;
type Result<T> = std::result::Result<T, RelayerError>;

/// How far a seat is. What follows `Committed` or is `Unsealed` is its end.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum SeatState {
    /// It is being asked.
    Asked,
    /// Its commitment is stored.
    Committed,
    /// It showed the ballot that it had committed to.
    Revealed,
    /// It showed a ballot without a commitment.
    Unsealed,
    /// It signed a ballot that is not the one that it had committed to.
    Mismatched,
    /// It had shown nothing when the panel's time was over.
    Silent,
}

impl SeatState {
    const ALL: [Self; 6] = [
        Self::Asked,
        Self::Committed,
        Self::Revealed,
        Self::Unsealed,
        Self::Mismatched,
        Self::Silent,
    ];

    const fn as_str(self) -> &'static str {
        match self {
            Self::Asked => "asked",
            Self::Committed => "committed",
            Self::Revealed => "revealed",
            Self::Unsealed => "unsealed",
            Self::Mismatched => "mismatched",
            Self::Silent => "silent",
        }
    }

    /// Whether the seat is to be asked for its ballot.
    pub(crate) const fn is_open(self) -> bool {
        matches!(self, Self::Asked | Self::Committed)
    }
}

/// A seat of a case.
#[derive(Debug, Clone, Copy)]
pub(crate) struct SeatRow {
    pub(crate) juror: Address,
    pub(crate) seat: u8,
    pub(crate) state: SeatState,
    pub(crate) commitment: Option<SignedCommitment>,
}

/// The seat is asked from now on; what is known of it stays.
pub(crate) async fn asked(
    conn: &mut Conn,
    case: B256,
    (seat, juror): (u8, Address),
    until: u64,
) -> Result<()> {
    sqlx::query(
        "INSERT INTO seat_file (case_id, juror, seat, until, state)
         VALUES ($1, $2, $3, $4, 'asked') ON CONFLICT (case_id, juror) DO NOTHING",
    )
    .bind(case.as_slice())
    .bind(juror.as_slice())
    .bind(i64::from(seat))
    .bind(kept(until))
    .execute(conn)
    .await?;
    Ok(())
}

/// Keeps a verified commitment; a juror's first one stays.
pub(crate) async fn committed(conn: &mut Conn, commitment: &SignedCommitment) -> Result<()> {
    sqlx::query(
        "UPDATE seat_file SET state = 'committed', commitment = $3, signature = $4
         WHERE case_id = $1 AND juror = $2 AND state = 'asked'",
    )
    .bind(commitment.case_id.as_slice())
    .bind(commitment.juror.as_slice())
    .bind(commitment.digest.as_slice())
    .bind(commitment.signature.as_slice())
    .execute(conn)
    .await?;
    Ok(())
}

/// What became of a seat, once.
pub(crate) async fn end(
    conn: &mut Conn,
    case: B256,
    juror: Address,
    state: SeatState,
) -> Result<()> {
    sqlx::query(
        "UPDATE seat_file SET state = $3
         WHERE case_id = $1 AND juror = $2 AND state IN ('asked', 'committed')",
    )
    .bind(case.as_slice())
    .bind(juror.as_slice())
    .bind(state.as_str())
    .execute(conn)
    .await?;
    Ok(())
}

/// Keeps the evidence that a juror signed another ballot than the one it had committed to.
pub(crate) async fn mismatched(conn: &mut Conn, body: &BallotBody) -> Result<()> {
    sqlx::query(
        "INSERT INTO mismatch
           (case_id, juror, met, failed, reason, transcript, signature, salt)
         VALUES ($1, $2, $3, $4, $5, $6, $7, $8) ON CONFLICT (case_id, juror) DO NOTHING",
    )
    .bind(body.case_id.as_slice())
    .bind(body.juror.as_slice())
    .bind(i64::from(body.met))
    .bind(i64::from(body.failed))
    .bind(i64::from(body.reason))
    .bind(body.transcript.as_slice())
    .bind(body.signature.as_slice())
    .bind(body.salt.as_ref().map(|salt| salt.as_slice()))
    .execute(&mut *conn)
    .await?;
    end(conn, body.case_id, body.juror, SeatState::Mismatched).await
}

/// One seat of a case.
pub(crate) async fn get(conn: &mut Conn, case: B256, juror: Address) -> Result<Option<SeatRow>> {
    Ok(of_case(conn, case).await?.into_iter().find(|row| row.juror == juror))
}

/// The seats of a case that were asked, in order.
pub(crate) async fn of_case(conn: &mut Conn, case: B256) -> Result<Vec<SeatRow>> {
    let rows = sqlx::query("SELECT * FROM seat_file WHERE case_id = $1 ORDER BY seat")
        .bind(case.as_slice())
        .fetch_all(conn)
        .await?;
    rows.iter().map(read).collect()
}

/// The commitments to a case, by seat.
pub(crate) async fn commitments(conn: &mut Conn, case: B256) -> Result<Vec<SignedCommitment>> {
    Ok(of_case(conn, case).await?.into_iter().filter_map(|row| row.commitment).collect())
}

/// Cases, with their seats, that committed and have shown nothing though the panel's time is over.
pub(crate) async fn overdue(conn: &mut Conn, now: u64, most: u32) -> Result<Vec<(B256, SeatRow)>> {
    let rows = sqlx::query(
        "SELECT * FROM seat_file WHERE state = 'committed' AND until <= $1
         ORDER BY until LIMIT $2",
    )
    .bind(kept(now))
    .bind(i64::from(most))
    .fetch_all(conn)
    .await?;
    rows.iter().map(|row| Ok((word(row, "case_id")?, read(row)?))).collect()
}

/// What a juror did over all cases; `None` when it was never asked.
pub(crate) async fn record(conn: &mut Conn, juror: Address) -> Result<Option<JurorRecord>> {
    let rows = sqlx::query(
        "SELECT state, COUNT(*) AS cases, COUNT(commitment) AS committed
         FROM seat_file WHERE juror = $1 GROUP BY state",
    )
    .bind(juror.as_slice())
    .fetch_all(conn)
    .await?;
    let mut record = JurorRecord { juror, ..JurorRecord::default() };
    for row in &rows {
        let cases: u64 = number(row, "cases")?;
        match state(row)? {
            SeatState::Asked | SeatState::Committed => {}
            SeatState::Revealed => record.revealed = cases,
            SeatState::Unsealed => record.unsealed = cases,
            SeatState::Mismatched => record.mismatched = cases,
            SeatState::Silent => record.silent = cases,
        }
        record.asked = record.asked.saturating_add(cases);
        record.committed = record.committed.saturating_add(number(row, "committed")?);
    }
    Ok((!rows.is_empty()).then_some(record))
}

fn state(row: &SqliteRow) -> Result<SeatState> {
    let found = text(row, "state")?;
    let state = SeatState::ALL.into_iter().find(|state| state.as_str() == found);
    state.ok_or_else(|| broken("state"))
}

fn read(row: &SqliteRow) -> Result<SeatRow> {
    let (juror, state) = (address(row, "juror")?, state(row)?);
    let commitment = match maybe_word(row, "commitment")? {
        None => None,
        Some(digest) => {
            let (case_id, signature) = (word(row, "case_id")?, fixed(row, "signature")?);
            Some(SignedCommitment { case_id, digest, juror, signature })
        }
    };
    Ok(SeatRow { juror, seat: number(row, "seat")?, state, commitment })
}
