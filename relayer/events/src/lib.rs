//! What the escrow said about deals, kept for ever, and whether the chain agrees with it.
//!
//! Every log of a deal is a row, written in the transaction that moves the cursor. A reorganisation
//! marks rows; nothing is deleted, so what was once believed can be explained, and what other tables
//! say of a deal can be made again from the rows that stand.
//!
//! [`audit`] compares both with the chain: the rows with the logs, read a second time at a final
//! block, and what the rows amount to with the deal's own word there.

pub mod audit;

use alloy::primitives::{Address, B256, Bytes, Log, LogData};
use alloy::sol_types::SolEvent as _;
use sqlx::Row as _;
use sqlx::migrate::Migrator;
use surety_bindings::escrow::DealEscrow::{
    DealOpened, DealRevoked, MilestoneDelivered, MilestoneEnded, MilestoneMoved, MilestoneSettled,
};
use surety_chain::ChainError;
use surety_chain::follow::FollowedLog;
use surety_store::{Conn, DbRow};

type Result<T> = std::result::Result<T, ChainError>;

/// The events that say how a deal stands. All of them have the deal as their first indexed field.
const KEPT: [B256; 6] = [
    DealOpened::SIGNATURE_HASH,
    DealRevoked::SIGNATURE_HASH,
    MilestoneDelivered::SIGNATURE_HASH,
    MilestoneMoved::SIGNATURE_HASH,
    MilestoneSettled::SIGNATURE_HASH,
    MilestoneEnded::SIGNATURE_HASH,
];

/// The table. Run it as owner `events`, after the follower's: what an older version followed without
/// keeping it is followed again.
pub fn migrations() -> Migrator {
    sqlx::migrate!("./migrations")
}

/// What an event says that cases are worked on with.
#[derive(Debug)]
pub enum Fact {
    /// A deal is open.
    Opened(Box<DealOpened>),
    /// A delivery is on the chain.
    Delivered(Box<MilestoneDelivered>),
    /// A verdict stands, or the appeal panel is asked.
    Moved(Box<MilestoneMoved>),
    /// A milestone has ended.
    Ended(MilestoneEnded),
}

impl Fact {
    /// Reads a log. None for every other event, and for what does not decode: that is not from this
    /// escrow's code.
    pub fn read(log: &Log) -> Option<Self> {
        match log.data.topics().first().copied()? {
            DealOpened::SIGNATURE_HASH => {
                DealOpened::decode_log(log).ok().map(|e| Self::Opened(Box::new(e.data)))
            }
            MilestoneDelivered::SIGNATURE_HASH => {
                MilestoneDelivered::decode_log(log).ok().map(|e| Self::Delivered(Box::new(e.data)))
            }
            MilestoneMoved::SIGNATURE_HASH => {
                MilestoneMoved::decode_log(log).ok().map(|e| Self::Moved(Box::new(e.data)))
            }
            MilestoneEnded::SIGNATURE_HASH => {
                MilestoneEnded::decode_log(log).ok().map(|e| Self::Ended(e.data))
            }
            _ => None,
        }
    }
}

/// The deal that a log is about, if it says how one stands.
pub fn deal_of(log: &Log) -> Option<B256> {
    let topics = log.data.topics();
    topics.first().filter(|topic| KEPT.contains(topic))?;
    topics.get(1).copied()
}

/// Keeps a log, or takes its mark away. Logs that say nothing of a deal are not kept.
pub async fn record(conn: &mut Conn, found: &FollowedLog) -> Result<()> {
    let Some(deal) = deal_of(&found.log) else { return Ok(()) };
    sqlx::query(
        "INSERT INTO escrow_event
           (block_hash, position, block, at, tx, deal, emitter, topics, data)
         VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9)
         ON CONFLICT (block_hash, position) DO UPDATE SET orphaned = 0",
    )
    .bind(found.block_hash.as_slice())
    .bind(kept(found.index))
    .bind(kept(found.block))
    .bind(kept(found.timestamp))
    .bind(found.tx_hash.as_slice())
    .bind(deal.as_slice())
    .bind(found.log.address.as_slice())
    .bind(found.log.data.topics().concat())
    .bind(&found.log.data.data[..])
    .execute(conn)
    .await?;
    Ok(())
}

/// The deals of which something was said from a block on.
pub async fn touched(conn: &mut Conn, from_block: u64) -> Result<Vec<B256>> {
    let rows = sqlx::query(
        "SELECT DISTINCT deal FROM escrow_event WHERE block >= $1 AND orphaned = 0 ORDER BY deal",
    )
    .bind(kept(from_block))
    .fetch_all(conn)
    .await?;
    rows.iter().map(|row| word(row, "deal")).collect()
}

/// Marks what blocks from here on said.
pub async fn orphan(conn: &mut Conn, from_block: u64) -> Result<()> {
    sqlx::query("UPDATE escrow_event SET orphaned = 1 WHERE block >= $1 AND orphaned = 0")
        .bind(kept(from_block))
        .execute(conn)
        .await?;
    Ok(())
}

/// Marks one log that an audit did not find. Its deal is compared again.
pub async fn orphan_one(conn: &mut Conn, found: &FollowedLog) -> Result<()> {
    sqlx::query("UPDATE escrow_event SET orphaned = 1 WHERE block_hash = $1 AND position = $2")
        .bind(found.block_hash.as_slice())
        .bind(kept(found.index))
        .execute(&mut *conn)
        .await?;
    let Some(deal) = deal_of(&found.log) else { return Ok(()) };
    sqlx::query("INSERT INTO deal_to_audit (deal) VALUES ($1) ON CONFLICT (deal) DO NOTHING")
        .bind(deal.as_slice())
        .execute(conn)
        .await?;
    Ok(())
}

/// What stands of what was said about a deal, in the order of the chain.
pub async fn of_deal(conn: &mut Conn, deal: B256) -> Result<Vec<FollowedLog>> {
    let rows = sqlx::query(
        "SELECT * FROM escrow_event WHERE deal = $1 AND orphaned = 0 ORDER BY block, position",
    )
    .bind(deal.as_slice())
    .fetch_all(conn)
    .await?;
    rows.iter().map(read).collect()
}

/// What stands of what these blocks said, in the order of the chain.
pub async fn standing(conn: &mut Conn, (from, to): (u64, u64)) -> Result<Vec<FollowedLog>> {
    let rows = sqlx::query(
        "SELECT * FROM escrow_event WHERE block >= $1 AND block <= $2 AND orphaned = 0
         ORDER BY block, position",
    )
    .bind(kept(from))
    .bind(kept(to))
    .fetch_all(conn)
    .await?;
    rows.iter().map(read).collect()
}

/// How many rows stand and how many are marked.
pub async fn count(conn: &mut Conn) -> Result<(u64, u64)> {
    let row = sqlx::query(
        "SELECT COUNT(*) AS total, CAST(COALESCE(SUM(orphaned), 0) AS BIGINT) AS orphaned
         FROM escrow_event",
    )
    .fetch_one(conn)
    .await?;
    let (total, orphaned): (u64, u64) = (number(&row, "total")?, number(&row, "orphaned")?);
    Ok((total.saturating_sub(orphaned), orphaned))
}

/// The deals that something stands of, a page after `after` at a time.
pub async fn deals(conn: &mut Conn, after: B256, most: u32) -> Result<Vec<B256>> {
    let rows = sqlx::query(
        "SELECT DISTINCT deal FROM escrow_event WHERE deal > $1 AND orphaned = 0
         ORDER BY deal LIMIT $2",
    )
    .bind(after.as_slice())
    .bind(i64::from(most))
    .fetch_all(conn)
    .await?;
    rows.iter().map(|row| word(row, "deal")).collect()
}

/// The same of deals that an audit of what is new compares with the chain.
pub async fn to_audit(conn: &mut Conn, after: B256, most: u32) -> Result<Vec<B256>> {
    let rows = sqlx::query("SELECT deal FROM deal_to_audit WHERE deal > $1 ORDER BY deal LIMIT $2")
        .bind(after.as_slice())
        .bind(i64::from(most))
        .fetch_all(conn)
        .await?;
    rows.iter().map(|row| word(row, "deal")).collect()
}

/// These blocks became final: the deals that they speak of are compared with the chain from now on.
pub async fn audit_deals_of(conn: &mut Conn, (from, to): (u64, u64)) -> Result<()> {
    sqlx::query(
        "INSERT INTO deal_to_audit (deal)
         SELECT DISTINCT deal FROM escrow_event WHERE block >= $1 AND block <= $2 AND orphaned = 0
         ON CONFLICT (deal) DO NOTHING",
    )
    .bind(kept(from))
    .bind(kept(to))
    .execute(conn)
    .await?;
    Ok(())
}

/// A deal is over, and so many rows were compared at a final block. Unless others stand by now, audits
/// of what is new leave it out.
pub async fn audited(conn: &mut Conn, deal: B256, rows: usize) -> Result<()> {
    sqlx::query(
        "DELETE FROM deal_to_audit WHERE deal = $1 AND $2 =
           (SELECT COUNT(*) FROM escrow_event WHERE escrow_event.deal = $3 AND orphaned = 0)",
    )
    .bind(deal.as_slice())
    .bind(kept(u64::try_from(rows).unwrap_or(u64::MAX)))
    .bind(deal.as_slice())
    .execute(conn)
    .await?;
    Ok(())
}

fn read(row: &DbRow) -> Result<FollowedLog> {
    let topics: &[u8] = row.try_get("topics")?;
    let topics: Vec<B256> = topics.chunks_exact(32).map(B256::from_slice).collect();
    let data = Bytes::copy_from_slice(row.try_get("data")?);
    let data = LogData::new(topics, data).ok_or(ChainError::Row { what: "topics" })?;
    let emitter: &[u8] = row.try_get("emitter")?;
    let address = Address::try_from(emitter).map_err(|_| ChainError::Row { what: "emitter" })?;
    Ok(FollowedLog {
        log: Log { address, data },
        block: number(row, "block")?,
        block_hash: word(row, "block_hash")?,
        timestamp: number(row, "at")?,
        tx_hash: word(row, "tx")?,
        index: number(row, "position")?,
    })
}

fn word(row: &DbRow, what: &'static str) -> Result<B256> {
    let bytes: &[u8] = row.try_get(what)?;
    B256::try_from(bytes).map_err(|_| ChainError::Row { what })
}

fn number(row: &DbRow, what: &'static str) -> Result<u64> {
    u64::try_from(row.try_get::<i64, _>(what)?).map_err(|_| ChainError::Row { what })
}

fn kept(number: u64) -> i64 {
    i64::try_from(number).unwrap_or(i64::MAX)
}

#[cfg(test)]
mod tests {
    use surety_chain::follow;
    use surety_store::Store;
    use surety_store::scratch::Scratch;

    use super::*;

    surety_store::on_both!(
        rows_are_marked_and_never_deleted,
        a_block_that_comes_back_stands_again,
        what_is_over_is_compared_once_and_again_when_more_is_said,
        what_was_read_before_it_was_kept_is_read_again,
    );

    fn event(block: u64, fork: u8, deal: u8) -> FollowedLog {
        let ended = MilestoneEnded {
            dealId: B256::repeat_byte(deal),
            milestone: 0,
            ending: 1,
            toSeller: 1,
            toBuyer: 2,
        };
        FollowedLog {
            log: Log { address: Address::repeat_byte(5), data: ended.encode_log_data() },
            block,
            block_hash: B256::repeat_byte(fork),
            timestamp: block * 2,
            tx_hash: B256::repeat_byte(9),
            index: 3,
        }
    }

    async fn rows_are_marked_and_never_deleted(scratch: &Scratch) {
        let store = followed(scratch).await;
        let mut tx = store.begin().await.unwrap();
        let mut foreign = event(3, 3, 8);
        foreign.log.data = LogData::new(vec![B256::repeat_byte(1)], Bytes::new()).unwrap();
        for log in [&event(1, 1, 7), &event(2, 2, 7), &foreign] {
            record(&mut tx, log).await.unwrap();
        }
        assert_eq!(touched(&mut tx, 2).await.unwrap(), [B256::repeat_byte(7)]);
        orphan(&mut tx, 2).await.unwrap();
        assert_eq!(of_deal(&mut tx, B256::repeat_byte(7)).await.unwrap().len(), 1);
        assert_eq!(count(&mut tx).await.unwrap(), (1, 1));
    }

    #[expect(clippy::cognitive_complexity, reason = "one story, told in order")]
    async fn a_block_that_comes_back_stands_again(scratch: &Scratch) {
        let store = followed(scratch).await;
        let mut tx = store.begin().await.unwrap();
        let (kept, lost, other) = (event(1, 1, 7), event(2, 2, 7), event(2, 4, 7));
        for log in [&kept, &lost] {
            record(&mut tx, log).await.unwrap();
        }
        orphan(&mut tx, 2).await.unwrap();
        record(&mut tx, &other).await.unwrap();
        assert_eq!(standing(&mut tx, (1, 9)).await.unwrap(), [kept.clone(), other]);
        orphan(&mut tx, 2).await.unwrap();
        record(&mut tx, &lost).await.unwrap();
        assert_eq!(standing(&mut tx, (1, 9)).await.unwrap(), [kept, lost]);
        assert_eq!(count(&mut tx).await.unwrap(), (2, 1));
        assert_eq!(deals(&mut tx, B256::ZERO, 5).await.unwrap(), [B256::repeat_byte(7)]);
    }

    #[expect(clippy::cognitive_complexity, reason = "one story, told in order")]
    async fn what_is_over_is_compared_once_and_again_when_more_is_said(scratch: &Scratch) {
        let store = followed(scratch).await;
        let mut tx = store.begin().await.unwrap();
        let deals = [7, 8].map(B256::repeat_byte);
        let (first, ended, other) = (event(1, 1, 7), event(2, 2, 7), event(2, 3, 8));
        for log in [&first, &ended, &other] {
            record(&mut tx, log).await.unwrap();
        }
        assert!(all(&mut tx).await.is_empty(), "nothing is final");
        audit_deals_of(&mut tx, (0, 1)).await.unwrap();
        assert_eq!(all(&mut tx).await, [deals[0]]);
        audit_deals_of(&mut tx, (2, 9)).await.unwrap();
        assert_eq!(all(&mut tx).await, deals);
        assert_eq!(to_audit(&mut tx, deals[0], 9).await.unwrap(), [deals[1]]);
        audited(&mut tx, deals[0], 1).await.unwrap();
        assert_eq!(all(&mut tx).await, deals, "another row came meanwhile");
        audited(&mut tx, deals[0], 2).await.unwrap();
        assert_eq!(all(&mut tx).await, [deals[1]]);
        // An audit of everything compares it still.
        assert_eq!(super::deals(&mut tx, B256::ZERO, 9).await.unwrap(), deals);

        orphan_one(&mut tx, &ended).await.unwrap();
        assert_eq!(all(&mut tx).await, deals);
        audited(&mut tx, deals[0], 1).await.unwrap();
        record(&mut tx, &ended).await.unwrap();
        audit_deals_of(&mut tx, (2, 2)).await.unwrap();
        assert_eq!(all(&mut tx).await, deals);
    }

    async fn all(tx: &mut Conn) -> Vec<B256> {
        to_audit(tx, B256::ZERO, 9).await.unwrap()
    }

    async fn followed(scratch: &Scratch) -> Store {
        let store = scratch.open().await;
        store.migrate("follow", follow::migrations()).await.unwrap();
        store.migrate("events", migrations()).await.unwrap();
        store
    }

    /// An older version's trail is gone, once.
    async fn what_was_read_before_it_was_kept_is_read_again(scratch: &Scratch) {
        let store = scratch.open().await;
        store.migrate("follow", follow::migrations()).await.unwrap();
        let marked = "INSERT INTO follow_mark (name, number, hash) VALUES ('escrow', 7, $1)";
        for left in [0_i64, 1] {
            let mut tx = store.begin().await.unwrap();
            sqlx::query(marked).bind(&[7_u8; 32][..]).execute(&mut *tx).await.unwrap();
            tx.commit().await.unwrap();
            store.migrate("events", migrations()).await.unwrap();
            let marks: i64 = sqlx::query_scalar("SELECT COUNT(*) FROM follow_mark")
                .fetch_one(&mut *store.read().await.unwrap())
                .await
                .unwrap();
            assert_eq!(marks, left);
        }
    }
}
