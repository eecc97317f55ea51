#![doc = include_str!("../README.md")]

use alloy::primitives::{Address, B256, FixedBytes};
use serde::{Deserialize, Serialize};
use sqlx::Row as _;
use surety_jury::SignedCommitment;
use surety_jury::wire::BallotBody;
use surety_store::{Conn, DbRow};

type Result<T> = std::result::Result<T, RecordError>;

/// Why a row cannot be read or written.
#[derive(Debug, thiserror::Error)]
pub enum RecordError {
    /// The database failed.
    #[error("the store failed: {0}")]
    Store(#[from] sqlx::Error),
    /// A row holds what this program never writes.
    #[error("the store holds a broken row: {what}")]
    Row {
        /// Which column.
        what: &'static str,
    },
}

/// What a juror did with the cases about which this relayer asked it. A case whose time is not over
/// counts in the first two only.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct JurorRecord {
    /// The juror's key.
    pub juror: Address,
    /// Cases that it was asked about.
    pub asked: u64,
    /// Of these, cases to which it committed.
    pub committed: u64,
    /// Commitments that it opened by the ballot that it had committed to.
    pub revealed: u64,
    /// Commitments that it had not opened when the panel's time was over.
    pub silent: u64,
    /// Commitments that it contradicted by signing another ballot.
    pub mismatched: u64,
    /// Ballots to which it had not committed in time; they do not count.
    pub unsealed: u64,
}

/// How far a seat is. What follows `Committed` or is `Unsealed` is its end.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum SeatState {
    /// It is being asked.
    Asked,
    /// Its commitment is stored.
    Committed,
    /// It showed the ballot that it had committed to.
    Revealed,
    /// It showed a ballot to which it had not committed in time.
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
    pub const fn is_open(self) -> bool {
        matches!(self, Self::Asked | Self::Committed)
    }
}

/// A seat of a case.
#[derive(Debug, Clone, Copy)]
pub struct SeatRow {
    /// Its juror.
    pub juror: Address,
    /// Its place in the panel, from 0.
    pub seat: u8,
    /// How far it is.
    pub state: SeatState,
    /// What binds it, once it has committed.
    pub commitment: Option<SignedCommitment>,
}

/// The seat is asked from now on; what is known of it stays.
pub async fn asked(
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
pub async fn committed(conn: &mut Conn, commitment: &SignedCommitment) -> Result<()> {
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

/// Takes a seat's row for this transaction. Whoever decides by what a seat has shown takes it first:
/// the case's task and the look at overdue seats may hear from one juror in two processes at once.
pub async fn lock(conn: &mut Conn, case: B256, juror: Address) -> Result<()> {
    sqlx::query("UPDATE seat_file SET state = state WHERE case_id = $1 AND juror = $2")
        .bind(case.as_slice())
        .bind(juror.as_slice())
        .execute(conn)
        .await?;
    Ok(())
}

/// What became of a seat, once.
pub async fn end(conn: &mut Conn, case: B256, juror: Address, state: SeatState) -> Result<()> {
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
pub async fn mismatched(conn: &mut Conn, body: &BallotBody) -> Result<()> {
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
    .bind(body.salt.as_ref().map(FixedBytes::as_slice))
    .execute(&mut *conn)
    .await?;
    end(conn, body.case_id, body.juror, SeatState::Mismatched).await
}

/// One seat of a case.
pub async fn get(conn: &mut Conn, case: B256, juror: Address) -> Result<Option<SeatRow>> {
    Ok(of_case(conn, case).await?.into_iter().find(|row| row.juror == juror))
}

/// The seats of a case that were asked, in order.
pub async fn of_case(conn: &mut Conn, case: B256) -> Result<Vec<SeatRow>> {
    let rows = sqlx::query("SELECT * FROM seat_file WHERE case_id = $1 ORDER BY seat")
        .bind(case.as_slice())
        .fetch_all(conn)
        .await?;
    rows.iter().map(read).collect()
}

/// The commitments to a case, by seat.
pub async fn commitments(conn: &mut Conn, case: B256) -> Result<Vec<SignedCommitment>> {
    Ok(of_case(conn, case).await?.into_iter().filter_map(|row| row.commitment).collect())
}

/// Cases, with their seats, that committed and have shown nothing though the panel's time is over.
pub async fn overdue(conn: &mut Conn, now: u64, most: u32) -> Result<Vec<(B256, SeatRow)>> {
    let rows = sqlx::query(
        "SELECT * FROM seat_file WHERE state = 'committed' AND until <= $1
         ORDER BY until LIMIT $2",
    )
    .bind(kept(now))
    .bind(i64::from(most))
    .fetch_all(conn)
    .await?;
    rows.iter().map(|row| Ok((fixed(row, "case_id")?, read(row)?))).collect()
}

/// What a juror did over all cases; `None` when it was never asked.
pub async fn record(conn: &mut Conn, juror: Address) -> Result<Option<JurorRecord>> {
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

fn state(row: &DbRow) -> Result<SeatState> {
    let found: String = row.try_get("state")?;
    let state = SeatState::ALL.into_iter().find(|state| state.as_str() == found);
    state.ok_or_else(|| broken("state"))
}

fn broken(what: &'static str) -> RecordError {
    RecordError::Row { what }
}

fn fixed<const N: usize>(row: &DbRow, name: &'static str) -> Result<FixedBytes<N>> {
    FixedBytes::try_from(row.try_get::<&[u8], _>(name)?).map_err(|_| broken(name))
}

fn number<T: TryFrom<i64>>(row: &DbRow, name: &'static str) -> Result<T> {
    T::try_from(row.try_get::<i64, _>(name)?).map_err(|_| broken(name))
}

/// A time as the database keeps it.
fn kept(time: u64) -> i64 {
    i64::try_from(time).unwrap_or(i64::MAX)
}

fn read(row: &DbRow) -> Result<SeatRow> {
    let (juror, state) = (Address::from(fixed::<20>(row, "juror")?), state(row)?);
    let is_bound = row.try_get::<Option<&[u8]>, _>("commitment")?.is_some();
    let commitment = is_bound.then(|| {
        let digest = fixed(row, "commitment")?;
        let (case_id, signature) = (fixed(row, "case_id")?, fixed(row, "signature")?);
        Ok::<_, RecordError>(SignedCommitment { case_id, digest, juror, signature })
    });
    let commitment = commitment.transpose()?;
    Ok(SeatRow { juror, seat: number(row, "seat")?, state, commitment })
}
