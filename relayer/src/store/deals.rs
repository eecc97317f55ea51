//! Deals and milestones, as the chain tells them, and the term sheets that parties showed.

use alloy::primitives::{B256, Bytes};
use alloy::sol_types::SolValue;
use surety_bindings::escrow::{SlowState, Terms};
use surety_store::{Conn, DbRow};
use surety_terms::TermSheet;

use super::columns::{
    broken, kept, maybe_bytes, maybe_number, maybe_text, maybe_word, number, word,
};
use crate::RelayerError;

type Result<T> = std::result::Result<T, RelayerError>;

/// Where an event stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Place {
    pub(crate) block: u64,
    pub(crate) at: u64,
    pub(crate) tx: B256,
}

/// A deal as far as it is known here.
#[derive(Debug, Clone, Default)]
pub(crate) struct DealRow {
    pub(crate) terms: Option<Terms>,
    pub(crate) sheet: Option<Bytes>,
    pub(crate) opened_at: Option<u64>,
    pub(crate) opened_tx: Option<B256>,
}

/// What the chain keeps of a milestone that is not Pending any more: what is judged, and how far it is.
#[derive(Debug, Clone)]
pub(crate) struct Pin {
    pub(crate) state: SlowState,
    /// Empty when the seller did not put it on the chain.
    pub(crate) uri: String,
    /// Empty when the seller called the escrow itself, or not at all.
    pub(crate) signature: Bytes,
    /// The block of the state.
    pub(crate) block: u64,
}

/// How a milestone ended.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct End {
    pub(crate) ending: u8,
    pub(crate) to_seller: String,
    pub(crate) to_buyer: String,
    pub(crate) place: Place,
}

/// A milestone as the chain tells it.
#[derive(Debug, Clone, Default)]
pub(crate) struct MilestoneRow {
    pub(crate) milestone: u8,
    pub(crate) pin: Option<Pin>,
    pub(crate) end: Option<End>,
}

/// Takes a deal for this transaction. Whoever decides by what it reads about a deal's deliveries and
/// cases takes it first: what another writer commits meanwhile is seen, or waited for.
pub(crate) async fn lock(conn: &mut Conn, deal: B256) -> Result<()> {
    sqlx::query(
        "INSERT INTO deal (id) VALUES ($1) ON CONFLICT (id) DO UPDATE SET id = excluded.id",
    )
    .bind(deal.as_slice())
    .execute(conn)
    .await?;
    Ok(())
}

pub(crate) async fn opened(conn: &mut Conn, deal: B256, terms: &Terms, place: Place) -> Result<()> {
    let due = |milestone| surety_acts::next(terms, milestone, None).map(|due| due.at);
    let milestones = (0_u8..).take(terms.milestones.len());
    let due = milestones.filter_map(due).min().unwrap_or_default();
    sqlx::query(
        "INSERT INTO deal (id, terms, opened_block, opened_at, opened_tx, opener_look)
         VALUES ($1, $2, $3, $4, $5, $6)
         ON CONFLICT (id) DO UPDATE SET terms = excluded.terms,
           opened_block = excluded.opened_block, opened_at = excluded.opened_at,
           opened_tx = excluded.opened_tx, opener_look = excluded.opener_look",
    )
    .bind(deal.as_slice())
    .bind(terms.abi_encode())
    .bind(kept(place.block))
    .bind(kept(place.at))
    .bind(place.tx.as_slice())
    .bind(kept(due))
    .execute(conn)
    .await?;
    Ok(())
}

/// The deals with which something is due and whose opener is not known, with the transactions that
/// opened them.
pub(crate) async fn unmet(conn: &mut Conn, now: u64, most: u32) -> Result<Vec<(B256, B256)>> {
    let rows = sqlx::query(
        "SELECT id, opened_tx FROM deal WHERE opener_look <= $1 ORDER BY opener_look LIMIT $2",
    )
    .bind(kept(now))
    .bind(i64::from(most))
    .fetch_all(conn)
    .await?;
    let opening = |row| Ok::<_, RelayerError>((word(row, "id")?, word(row, "opened_tx")?));
    rows.iter().map(opening).collect()
}

/// The opener has been looked at, and perhaps is again later.
pub(crate) async fn met(
    conn: &mut Conn,
    (deal, opened): (B256, B256),
    again: Option<u64>,
) -> Result<()> {
    sqlx::query("UPDATE deal SET opener_look = $3 WHERE id = $1 AND opened_tx = $2")
        .bind(deal.as_slice())
        .bind(opened.as_slice())
        .bind(again.map(kept))
        .execute(conn)
        .await?;
    Ok(())
}

/// A state is due earlier than its delivery was: so is the look at the opener, if there was none.
async fn look_by(conn: &mut Conn, deal: B256, state: &SlowState) -> Result<()> {
    sqlx::query("UPDATE deal SET opener_look = $2 WHERE id = $1 AND opener_look > $2")
        .bind(deal.as_slice())
        .bind(kept(state.until.to()))
        .execute(conn)
        .await?;
    Ok(())
}

/// Keeps a deal's term sheet. The caller has checked that it is this deal's.
pub(crate) async fn keep_sheet(conn: &mut Conn, deal: B256, sheet: &TermSheet) -> Result<()> {
    sqlx::query(
        "INSERT INTO deal (id, sheet) VALUES ($1, $2)
         ON CONFLICT (id) DO UPDATE SET sheet = excluded.sheet",
    )
    .bind(deal.as_slice())
    .bind(sheet.canonical())
    .execute(conn)
    .await?;
    Ok(())
}

pub(crate) async fn get(conn: &mut Conn, deal: B256) -> Result<Option<DealRow>> {
    let row = sqlx::query("SELECT terms, sheet, opened_at, opened_tx FROM deal WHERE id = $1")
        .bind(deal.as_slice())
        .fetch_optional(conn)
        .await?;
    row.map(|row| {
        let terms = maybe_bytes(&row, "terms")?;
        let terms = terms.map(|b| Terms::abi_decode(&b).map_err(|_| broken("terms")));
        Ok(DealRow {
            terms: terms.transpose()?,
            sheet: maybe_bytes(&row, "sheet")?,
            opened_at: maybe_number(&row, "opened_at")?,
            opened_tx: maybe_word(&row, "opened_tx")?,
        })
    })
    .transpose()
}

/// The terms of a deal whose sheet was shown, encrypted or not.
pub(crate) async fn terms(conn: &mut Conn, deal: B256) -> Result<Option<Terms>> {
    let row = sqlx::query("SELECT shown_terms FROM deal WHERE id = $1")
        .bind(deal.as_slice())
        .fetch_optional(&mut *conn)
        .await?;
    match row.map(|row| maybe_bytes(&row, "shown_terms")).transpose()?.flatten() {
        Some(terms) => Terms::abi_decode(&terms).map(Some).map_err(|_| broken("shown_terms")),
        None => Ok(sheet(conn, deal).await?.map(|sheet| sheet.terms())),
    }
}

/// The term sheet that was shown in the clear for a deal.
pub(crate) async fn sheet(conn: &mut Conn, deal: B256) -> Result<Option<TermSheet>> {
    let sheet = get(conn, deal).await?.and_then(|row| row.sheet);
    sheet.map(|bytes| TermSheet::parse(&bytes).map_err(|_| broken("sheet"))).transpose()
}

pub(crate) async fn delivered(
    conn: &mut Conn,
    (deal, milestone): (B256, u8),
    pin: &Pin,
    place: Place,
) -> Result<()> {
    sqlx::query(
        "INSERT INTO milestone
           (deal, milestone, slow_state, deliverable, uri, signature, delivered_block)
         VALUES ($1, $2, $3, $4, $5, $6, $7)
         ON CONFLICT (deal, milestone) DO UPDATE SET slow_state = excluded.slow_state,
           deliverable = excluded.deliverable, uri = excluded.uri,
           signature = excluded.signature, delivered_block = excluded.delivered_block
         WHERE milestone.delivered_block IS NULL
           OR milestone.delivered_block <= excluded.delivered_block",
    )
    .bind(deal.as_slice())
    .bind(i64::from(milestone))
    .bind(pin.state.abi_encode())
    .bind(pin.state.deliverable.as_slice())
    .bind(&pin.uri)
    .bind(&pin.signature[..])
    .bind(kept(place.block))
    .execute(&mut *conn)
    .await?;
    look_by(conn, deal, &pin.state).await
}

/// A milestone moved on. What its delivery said stays, unless another one was judged. Events may come
/// again, and in repairs late: an older state never takes the place of a newer one.
pub(crate) async fn moved(
    conn: &mut Conn,
    (deal, milestone): (B256, u8),
    state: &SlowState,
    place: Place,
) -> Result<()> {
    sqlx::query(
        "INSERT INTO milestone (deal, milestone, slow_state, deliverable, delivered_block)
         VALUES ($1, $2, $3, $4, $5)
         ON CONFLICT (deal, milestone) DO UPDATE SET slow_state = excluded.slow_state,
           uri = CASE WHEN milestone.deliverable = excluded.deliverable THEN milestone.uri END,
           signature = CASE WHEN milestone.deliverable = excluded.deliverable
                       THEN milestone.signature END,
           deliverable = excluded.deliverable, delivered_block = excluded.delivered_block
         WHERE milestone.delivered_block IS NULL
           OR milestone.delivered_block <= excluded.delivered_block",
    )
    .bind(deal.as_slice())
    .bind(i64::from(milestone))
    .bind(state.abi_encode())
    .bind(state.deliverable.as_slice())
    .bind(kept(place.block))
    .execute(&mut *conn)
    .await?;
    look_by(conn, deal, state).await
}

pub(crate) async fn ended(conn: &mut Conn, (deal, milestone): (B256, u8), end: &End) -> Result<()> {
    sqlx::query(
        "INSERT INTO milestone
           (deal, milestone, ending, to_seller, to_buyer, ended_block, ended_at, ended_tx)
         VALUES ($1, $2, $3, $4, $5, $6, $7, $8)
         ON CONFLICT (deal, milestone) DO UPDATE SET ending = excluded.ending,
           to_seller = excluded.to_seller, to_buyer = excluded.to_buyer,
           ended_block = excluded.ended_block, ended_at = excluded.ended_at,
           ended_tx = excluded.ended_tx",
    )
    .bind(deal.as_slice())
    .bind(i64::from(milestone))
    .bind(i64::from(end.ending))
    .bind(&end.to_seller)
    .bind(&end.to_buyer)
    .bind(kept(end.place.block))
    .bind(kept(end.place.at))
    .bind(end.place.tx.as_slice())
    .execute(conn)
    .await?;
    Ok(())
}

pub(crate) async fn milestone(
    conn: &mut Conn,
    (deal, milestone): (B256, u8),
) -> Result<MilestoneRow> {
    let row = sqlx::query("SELECT * FROM milestone WHERE deal = $1 AND milestone = $2")
        .bind(deal.as_slice())
        .bind(i64::from(milestone))
        .fetch_optional(conn)
        .await?;
    match row {
        Some(row) => read(&row),
        None => Ok(MilestoneRow { milestone, ..MilestoneRow::default() }),
    }
}

/// What the chain said about a deal's milestones, in order; silent ones are missing.
pub(crate) async fn milestones(conn: &mut Conn, deal: B256) -> Result<Vec<MilestoneRow>> {
    let rows = sqlx::query("SELECT * FROM milestone WHERE deal = $1 ORDER BY milestone")
        .bind(deal.as_slice())
        .fetch_all(conn)
        .await?;
    rows.iter().map(read).collect()
}

fn read(row: &DbRow) -> Result<MilestoneRow> {
    let pin = maybe_bytes(row, "slow_state")?.map(|state| {
        Ok::<_, RelayerError>(Pin {
            state: SlowState::abi_decode(&state).map_err(|_| broken("slow_state"))?,
            uri: maybe_text(row, "uri")?.unwrap_or_default(),
            signature: maybe_bytes(row, "signature")?.unwrap_or_default(),
            block: number(row, "delivered_block")?,
        })
    });
    let end = maybe_number(row, "ending")?.map(|ending| {
        Ok::<_, RelayerError>(End {
            ending,
            to_seller: maybe_text(row, "to_seller")?.unwrap_or_default(),
            to_buyer: maybe_text(row, "to_buyer")?.unwrap_or_default(),
            place: Place {
                block: number(row, "ended_block")?,
                at: number(row, "ended_at")?,
                tx: word(row, "ended_tx")?,
            },
        })
    });
    Ok(MilestoneRow {
        milestone: number(row, "milestone")?,
        pin: pin.transpose()?,
        end: end.transpose()?,
    })
}

/// Whether a milestone's end still stands in a block. If it does, it stays until this transaction ends.
pub(crate) async fn has_ended_in(conn: &mut Conn, place: (B256, u8), block: u64) -> Result<bool> {
    let statement = "UPDATE milestone SET ended_block = ended_block
         WHERE deal = $1 AND milestone = $2 AND ended_block = $3";
    stands_in(conn, statement, place, block).await
}

/// Whether a milestone's state still stands in a block. If it does, it stays until this transaction
/// ends.
pub(crate) async fn has_moved_in(conn: &mut Conn, place: (B256, u8), block: u64) -> Result<bool> {
    let statement = "UPDATE milestone SET delivered_block = delivered_block
         WHERE deal = $1 AND milestone = $2 AND delivered_block = $3";
    stands_in(conn, statement, place, block).await
}

async fn stands_in(
    conn: &mut Conn,
    statement: &'static str,
    (deal, milestone): (B256, u8),
    block: u64,
) -> Result<bool> {
    let found = sqlx::query(statement)
        .bind(deal.as_slice())
        .bind(i64::from(milestone))
        .bind(kept(block))
        .execute(conn)
        .await?;
    Ok(found.rows_affected() == 1)
}

/// Takes back what orphaned blocks amounted to. What they said stays in `surety_events`.
pub(crate) async fn orphan(conn: &mut Conn, from_block: u64) -> Result<()> {
    for statement in [
        "UPDATE deal SET terms = NULL, opened_block = NULL, opened_at = NULL, opened_tx = NULL,
           opener_look = NULL WHERE opened_block >= $1",
        "UPDATE milestone SET slow_state = NULL, deliverable = NULL, uri = NULL,
           signature = NULL, delivered_block = NULL WHERE delivered_block >= $1",
        "UPDATE milestone SET ending = NULL, to_seller = NULL, to_buyer = NULL,
           ended_block = NULL, ended_at = NULL, ended_tx = NULL WHERE ended_block >= $1",
    ] {
        sqlx::query(statement).bind(kept(from_block)).execute(&mut *conn).await?;
    }
    Ok(())
}

/// Takes back all that the chain said about a deal.
pub(crate) async fn take_back(conn: &mut Conn, deal: B256) -> Result<()> {
    for statement in [
        "UPDATE deal SET terms = NULL, opened_block = NULL, opened_at = NULL, opened_tx = NULL,
           opener_look = NULL WHERE id = $1",
        "UPDATE milestone SET slow_state = NULL, deliverable = NULL, uri = NULL,
           signature = NULL, delivered_block = NULL, ending = NULL, to_seller = NULL,
           to_buyer = NULL, ended_block = NULL, ended_at = NULL, ended_tx = NULL
         WHERE deal = $1",
    ] {
        sqlx::query(statement).bind(deal.as_slice()).execute(&mut *conn).await?;
    }
    Ok(())
}
