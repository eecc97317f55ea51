//! The relayer's row per case: its state machine.

use alloy::primitives::{B256, Bytes};
use serde::{Deserialize, Serialize};
use surety_bindings::escrow::Delivery;
use surety_jury::Tally;
use surety_store::{Conn, DbRow, Lease};

use super::columns::{
    broken, bytes, kept, maybe_bytes, maybe_number, maybe_text, maybe_word, number, text, word,
};
use crate::RelayerError;
use crate::relayer::CASE;

type Result<T> = std::result::Result<T, RelayerError>;

/// How far a case is.
/// - Seen: a delivery that holds, or a second round; leaves to Asked, or to Final when its round ends
///   otherwise.
/// - Asked: its panel is being asked; leaves to Decided, Final or `GivenUp`.
/// - Decided: the ballots that decide are stored; leaves to Sent, Final or `GivenUp`.
/// - Sent: the settlement is with the sender; leaves to Final, and back to Decided when it failed.
/// - Final: the round is over at the configured depth, since the milestone has ended or has moved past
///   it; leaves to Sent, Decided or Asked only when that block is orphaned.
/// - `GivenUp`: no verdict can take effect any more; leaves to Asked or Decided only when an operator
///   has it taken up again.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum CaseState {
    /// A delivery arrived and holds.
    Seen,
    /// The panel is being asked.
    Asked,
    /// Enough ballots are stored.
    Decided,
    /// The settlement is being sent.
    Sent,
    /// The round is over: counted, or ended otherwise.
    Final,
    /// No verdict came, or it came too late.
    GivenUp,
}

impl CaseState {
    const ALL: [Self; 6] =
        [Self::Seen, Self::Asked, Self::Decided, Self::Sent, Self::Final, Self::GivenUp];

    /// The word that JSON and the store hold.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Seen => "seen",
            Self::Asked => "asked",
            Self::Decided => "decided",
            Self::Sent => "sent",
            Self::Final => "final",
            Self::GivenUp => "given-up",
        }
    }

    /// Whether there is nothing left to do.
    pub const fn is_over(self) -> bool {
        matches!(self, Self::Final | Self::GivenUp)
    }

    fn read(row: &DbRow) -> Result<Self> {
        Ok(match text(row, "state")?.as_str() {
            "seen" => Self::Seen,
            "asked" => Self::Asked,
            "decided" => Self::Decided,
            "sent" => Self::Sent,
            "final" => Self::Final,
            "given-up" => Self::GivenUp,
            _ => return Err(broken("state")),
        })
    }
}

/// A case.
#[derive(Debug, Clone)]
pub(crate) struct CaseRow {
    pub(crate) id: B256,
    pub(crate) delivery: Delivery,
    pub(crate) signature: Bytes,
    pub(crate) round: u8,
    pub(crate) state: CaseState,
    pub(crate) reason: Option<String>,
    /// The ballots that decided, packed, and what they say.
    pub(crate) verdict: Option<(Bytes, Tally)>,
    /// The sender's request that settles it.
    pub(crate) sending: Option<B256>,
    /// Chain time of the verdict.
    pub(crate) decided_at: Option<u64>,
    /// From the verdict to the end of the milestone.
    pub(crate) paid_ms: Option<u64>,
}

impl CaseRow {
    /// Deal and milestone.
    pub(crate) const fn place(&self) -> (B256, u8) {
        (self.delivery.dealId, self.delivery.milestone)
    }
}

/// Stores a new case as Seen; one that exists stays as it is.
pub(crate) async fn seen(
    conn: &mut Conn,
    id: B256,
    delivery: &Delivery,
    signature: &Bytes,
    round: u8,
) -> Result<()> {
    sqlx::query(
        "INSERT INTO case_file
           (id, deal, milestone, round, deliverable, uri, signature, state, position)
         VALUES ($1, $2, $3, $4, $5, $6, $7, 'seen',
           (SELECT COALESCE(MAX(position), 0) + 1 FROM case_file))
         ON CONFLICT (id) DO NOTHING",
    )
    .bind(id.as_slice())
    .bind(delivery.dealId.as_slice())
    .bind(i64::from(delivery.milestone))
    .bind(i64::from(round))
    .bind(delivery.deliverable.as_slice())
    .bind(&delivery.uri)
    .bind(&signature[..])
    .execute(conn)
    .await?;
    Ok(())
}

pub(crate) async fn get(conn: &mut Conn, id: B256) -> Result<Option<CaseRow>> {
    let row = sqlx::query("SELECT * FROM case_file WHERE id = $1")
        .bind(id.as_slice())
        .fetch_optional(conn)
        .await?;
    row.as_ref().map(read).transpose()
}

/// The cases of a milestone, oldest first.
pub(crate) async fn of_milestone(
    conn: &mut Conn,
    (deal, milestone): (B256, u8),
) -> Result<Vec<CaseRow>> {
    let rows =
        sqlx::query("SELECT * FROM case_file WHERE deal = $1 AND milestone = $2 ORDER BY position")
            .bind(deal.as_slice())
            .bind(i64::from(milestone))
            .fetch_all(conn)
            .await?;
    rows.iter().map(read).collect()
}

/// The cases of a deal, oldest first.
pub(crate) async fn of_deal(conn: &mut Conn, deal: B256) -> Result<Vec<CaseRow>> {
    let rows = sqlx::query("SELECT * FROM case_file WHERE deal = $1 ORDER BY position")
        .bind(deal.as_slice())
        .fetch_all(conn)
        .await?;
    rows.iter().map(read).collect()
}

/// Whether there is a case of the deal: then it is served here.
pub(crate) async fn serves(conn: &mut Conn, deal: B256) -> Result<bool> {
    let row = sqlx::query("SELECT 1 FROM case_file WHERE deal = $1 LIMIT 1")
        .bind(deal.as_slice())
        .fetch_optional(conn)
        .await?;
    Ok(row.is_some())
}

/// Whether a delivery of the deal names a deliverable.
pub(crate) async fn names(conn: &mut Conn, (deal, deliverable): (B256, B256)) -> Result<bool> {
    let row = sqlx::query("SELECT 1 FROM case_file WHERE deal = $1 AND deliverable = $2")
        .bind(deal.as_slice())
        .bind(deliverable.as_slice())
        .fetch_optional(conn)
        .await?;
    Ok(row.is_some())
}

/// The cases that are not over and that an instance holds, oldest first. Whether it still lives does
/// not matter: until another one takes a case, it is this one's.
pub(crate) async fn held(conn: &mut Conn, instance: &str) -> Result<Vec<Lease>> {
    let rows = sqlx::query(
        "SELECT c.id AS subject, l.epoch FROM case_file c
         JOIN lease l ON l.kind = 'case' AND l.subject = c.id
         WHERE l.holder = $1 AND c.state IN ('seen', 'asked', 'decided', 'sent')
         ORDER BY c.position",
    )
    .bind(instance)
    .fetch_all(conn)
    .await?;
    rows.iter().map(lease).collect()
}

/// Takes cases that are not over and that no instance holds which lives: those that were set aside
/// least often, the oldest first. One statement: two instances that claim at the same time wait for
/// each other, and the second takes what is left.
pub(crate) async fn claim(
    conn: &mut Conn,
    instance: &str,
    now: i64,
    most: usize,
) -> Result<Vec<Lease>> {
    let rows = sqlx::query(
        "INSERT INTO lease (kind, subject, holder, epoch)
         SELECT 'case', c.id, $1, 1 FROM case_file c
         LEFT JOIN lease l ON l.kind = 'case' AND l.subject = c.id
         LEFT JOIN instance i ON i.id = l.holder AND i.until_ms > $2
         WHERE c.state IN ('seen', 'asked', 'decided', 'sent') AND i.id IS NULL
         ORDER BY c.set_aside, c.position LIMIT $3
         ON CONFLICT (kind, subject) DO UPDATE
         SET holder = excluded.holder, epoch = lease.epoch + 1
         WHERE NOT EXISTS (
           SELECT 1 FROM instance i WHERE i.id = lease.holder AND i.until_ms > $2)
         RETURNING subject, epoch",
    )
    .bind(instance)
    .bind(now)
    .bind(i64::try_from(most).unwrap_or(i64::MAX))
    .fetch_all(conn)
    .await?;
    rows.iter().map(lease).collect()
}

/// Whether there is a case that is not over and that no instance holds which lives.
pub(crate) async fn is_one_left(conn: &mut Conn, now: i64) -> Result<bool> {
    let row = sqlx::query(
        "SELECT 1 FROM case_file c
         LEFT JOIN lease l ON l.kind = 'case' AND l.subject = c.id
         LEFT JOIN instance i ON i.id = l.holder AND i.until_ms > $1
         WHERE c.state IN ('seen', 'asked', 'decided', 'sent') AND i.id IS NULL LIMIT 1",
    )
    .bind(now)
    .fetch_optional(conn)
    .await?;
    Ok(row.is_some())
}

/// Leaves a case to any instance, behind those that were left so less often. Nothing more is written
/// under the lease that it was held by; the next one has a later epoch.
pub(crate) async fn set_aside(conn: &mut Conn, id: B256) -> Result<()> {
    sqlx::query("UPDATE case_file SET set_aside = set_aside + 1 WHERE id = $1")
        .bind(id.as_slice())
        .execute(&mut *conn)
        .await?;
    // No instance has this id.
    sqlx::query("UPDATE lease SET holder = '' WHERE kind = 'case' AND subject = $1")
        .bind(id.as_slice())
        .execute(conn)
        .await?;
    Ok(())
}

fn lease(row: &DbRow) -> Result<Lease> {
    Ok(Lease::new(CASE, bytes(row, "subject")?.to_vec(), number(row, "epoch")?))
}

/// The panel is about to be asked.
pub(crate) async fn asked(conn: &mut Conn, id: B256) -> Result<()> {
    sqlx::query(
        "UPDATE case_file SET state = 'asked' WHERE id = $1 AND state IN ('seen', 'decided')",
    )
    .bind(id.as_slice())
    .execute(conn)
    .await?;
    Ok(())
}

/// These ballots decide.
pub(crate) async fn decided(
    conn: &mut Conn,
    id: B256,
    (ballots, tally): (&Bytes, &Tally),
    now: u64,
) -> Result<()> {
    let tally = serde_json::to_string(tally).map_err(|_| broken("verdict"))?;
    sqlx::query(
        "UPDATE case_file SET state = 'decided', ballots = $2, verdict = $3, decided_at = $4
         WHERE id = $1 AND state = 'asked'",
    )
    .bind(id.as_slice())
    .bind(&ballots[..])
    .bind(tally)
    .bind(kept(now))
    .execute(conn)
    .await?;
    Ok(())
}

/// The settlement is with the sender; written in the transaction that queues it.
pub(crate) async fn sent(conn: &mut Conn, id: B256, sending: B256) -> Result<bool> {
    let found = sqlx::query(
        "UPDATE case_file SET state = 'sent', sending = $2 WHERE id = $1 AND state = 'decided'",
    )
    .bind(id.as_slice())
    .bind(sending.as_slice())
    .execute(conn)
    .await?;
    Ok(found.rows_affected() == 1)
}

/// The settlement failed; the ballots are still good.
pub(crate) async fn unsent(conn: &mut Conn, id: B256) -> Result<()> {
    sqlx::query("UPDATE case_file SET state = 'decided' WHERE id = $1 AND state = 'sent'")
        .bind(id.as_slice())
        .execute(conn)
        .await?;
    Ok(())
}

/// The milestone has ended, or moved past the case's round, at the configured depth.
pub(crate) async fn ended(
    conn: &mut Conn,
    id: B256,
    block: u64,
    paid_ms: Option<u64>,
) -> Result<()> {
    sqlx::query(
        "UPDATE case_file SET state = 'final', final_block = $2, paid_ms = COALESCE(paid_ms, $3)
         WHERE id = $1 AND state NOT IN ('final')",
    )
    .bind(id.as_slice())
    .bind(kept(block))
    .bind(paid_ms.map(kept))
    .execute(conn)
    .await?;
    Ok(())
}

pub(crate) async fn given_up(conn: &mut Conn, id: B256, reason: &str) -> Result<()> {
    sqlx::query(
        "UPDATE case_file SET state = 'given-up', reason = $2
         WHERE id = $1 AND state NOT IN ('final', 'given-up')",
    )
    .bind(id.as_slice())
    .bind(reason)
    .execute(conn)
    .await?;
    Ok(())
}

/// An operator has a case taken up again, at the stage that it had reached.
pub(crate) async fn taken_up(conn: &mut Conn, id: B256) -> Result<()> {
    sqlx::query(
        "UPDATE case_file SET reason = NULL,
           state = CASE WHEN ballots IS NOT NULL THEN 'decided' ELSE 'asked' END
         WHERE id = $1 AND state = 'given-up'",
    )
    .bind(id.as_slice())
    .execute(conn)
    .await?;
    Ok(())
}

/// How many cases there are in each state, those with none included: a gauge that is not set says
/// what it said before.
pub(crate) async fn totals(conn: &mut Conn) -> Result<Vec<(CaseState, u64)>> {
    let rows = sqlx::query("SELECT state, COUNT(*) AS n FROM case_file GROUP BY state")
        .fetch_all(conn)
        .await?;
    let mut totals = CaseState::ALL.map(|state| (state, 0_u64));
    for row in &rows {
        let (state, count) = (CaseState::read(row)?, number::<u64>(row, "n")?);
        totals.iter_mut().filter(|total| total.0 == state).for_each(|total| total.1 = count);
    }
    Ok(totals.to_vec())
}

/// Opens cases again whose end stands in an orphaned block, at the stage that they had reached.
pub(crate) async fn orphan(conn: &mut Conn, from_block: u64) -> Result<()> {
    sqlx::query(
        "UPDATE case_file SET final_block = NULL, paid_ms = NULL,
           state = CASE WHEN sending IS NOT NULL THEN 'sent'
                        WHEN ballots IS NOT NULL THEN 'decided' ELSE 'asked' END
         WHERE state = 'final' AND final_block >= $1",
    )
    .bind(kept(from_block))
    .execute(conn)
    .await?;
    Ok(())
}

/// Opens a deal's ended cases again, at the stage that they had reached: if their end stands, they
/// find it.
pub(crate) async fn reopen(conn: &mut Conn, deal: B256) -> Result<()> {
    sqlx::query(
        "UPDATE case_file SET final_block = NULL, paid_ms = NULL,
           state = CASE WHEN sending IS NOT NULL THEN 'sent'
                        WHEN ballots IS NOT NULL THEN 'decided' ELSE 'asked' END
         WHERE state = 'final' AND deal = $1",
    )
    .bind(deal.as_slice())
    .execute(conn)
    .await?;
    Ok(())
}

fn read(row: &DbRow) -> Result<CaseRow> {
    let verdict = match (maybe_bytes(row, "ballots")?, maybe_text(row, "verdict")?) {
        (Some(ballots), Some(tally)) => {
            Some((ballots, serde_json::from_str(&tally).map_err(|_| broken("verdict"))?))
        }
        _ => None,
    };
    Ok(CaseRow {
        id: word(row, "id")?,
        delivery: Delivery {
            dealId: word(row, "deal")?,
            milestone: number(row, "milestone")?,
            deliverable: word(row, "deliverable")?,
            uri: text(row, "uri")?,
        },
        signature: bytes(row, "signature")?,
        round: number(row, "round")?,
        state: CaseState::read(row)?,
        reason: maybe_text(row, "reason")?,
        verdict,
        sending: maybe_word(row, "sending")?,
        decided_at: maybe_number(row, "decided_at")?,
        paid_ms: maybe_number(row, "paid_ms")?,
    })
}
