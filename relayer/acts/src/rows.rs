//! The row per live milestone, and which deals were opened here.

use alloy::primitives::B256;
use sqlx::Row as _;
use sqlx::migrate::Migrator;
use surety_store::{Conn, DbRow};

use crate::{Act, Due};

type Result<T> = std::result::Result<T, ActError>;

/// Why a row cannot be read or written.
#[derive(Debug, thiserror::Error)]
pub enum ActError {
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

/// The tables. Run them as owner `acts`.
pub fn migrations() -> Migrator {
    sqlx::migrate!("./migrations")
}

/// What time allows with a milestone.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ActRow {
    /// The deal.
    pub deal: B256,
    /// The milestone, from 0.
    pub milestone: u8,
    /// What and from when on.
    pub due: Due,
    /// The sender's request that does it, if one was made.
    pub sending: Option<B256>,
}

impl ActRow {
    /// Deal and milestone.
    pub const fn place(&self) -> (B256, u8) {
        (self.deal, self.milestone)
    }
}

/// Notes that a deal's opening was handed in here.
pub async fn opened_here(conn: &mut Conn, deal: B256) -> Result<()> {
    sqlx::query("INSERT INTO opened_deal (deal) VALUES ($1) ON CONFLICT (deal) DO NOTHING")
        .bind(deal.as_slice())
        .execute(conn)
        .await?;
    Ok(())
}

/// Whether a deal's opening was handed in here.
pub async fn was_opened_here(conn: &mut Conn, deal: B256) -> Result<bool> {
    let row = sqlx::query("SELECT 1 FROM opened_deal WHERE deal = $1")
        .bind(deal.as_slice())
        .fetch_optional(conn)
        .await?;
    Ok(row.is_some())
}

/// Writes what time allows with each milestone of a deal, in order. What did not change stays, with
/// the request that does it.
pub async fn plan(conn: &mut Conn, deal: B256, planned: &[Option<Due>]) -> Result<()> {
    for (milestone, due) in (0_i64..).zip(planned) {
        let Some(due) = due else {
            sqlx::query("DELETE FROM timed_act WHERE deal = $1 AND milestone = $2")
                .bind(deal.as_slice())
                .bind(milestone)
                .execute(&mut *conn)
                .await?;
            continue;
        };
        sqlx::query(
            "INSERT INTO timed_act (deal, milestone, act, due, look) VALUES ($1, $2, $3, $4, $5)
             ON CONFLICT (deal, milestone) DO UPDATE
             SET act = excluded.act, due = excluded.due, look = excluded.look, sending = NULL
             WHERE timed_act.act <> excluded.act OR timed_act.due <> excluded.due",
        )
        .bind(deal.as_slice())
        .bind(milestone)
        .bind(due.act.as_str())
        .bind(kept(due.at))
        .bind(kept(due.at))
        .execute(&mut *conn)
        .await?;
    }
    Ok(())
}

/// Nothing is known of the deal any more: its opening was orphaned.
pub async fn forget(conn: &mut Conn, deal: B256) -> Result<()> {
    sqlx::query("DELETE FROM timed_act WHERE deal = $1")
        .bind(deal.as_slice())
        .execute(conn)
        .await?;
    Ok(())
}

/// What is to be looked at now, longest overdue first.
pub async fn to_look_at(conn: &mut Conn, now: u64, most: u32) -> Result<Vec<ActRow>> {
    let rows = sqlx::query("SELECT * FROM timed_act WHERE look <= $1 ORDER BY look LIMIT $2")
        .bind(kept(now))
        .bind(i64::from(most))
        .fetch_all(conn)
        .await?;
    rows.iter().map(read).collect()
}

/// What time allows with the milestones of a deal, in order.
pub async fn of_deal(conn: &mut Conn, deal: B256) -> Result<Vec<ActRow>> {
    let rows = sqlx::query("SELECT * FROM timed_act WHERE deal = $1 ORDER BY milestone")
        .bind(deal.as_slice())
        .fetch_all(conn)
        .await?;
    rows.iter().map(read).collect()
}

/// How many acts have been possible since `now` or longer, and are not done.
pub async fn overdue(conn: &mut Conn, now: u64) -> Result<u64> {
    let count: i64 = sqlx::query_scalar("SELECT COUNT(*) FROM timed_act WHERE due <= $1")
        .bind(kept(now))
        .fetch_one(conn)
        .await?;
    u64::try_from(count).map_err(|_| ActError::Row { what: "count" })
}

/// Notes which request does it and when it is looked at again; written in the transaction that queues
/// the request. Says whether the row still stands as it was read.
pub async fn sending(conn: &mut Conn, row: &ActRow, id: B256, look: u64) -> Result<bool> {
    let found = sqlx::query(
        "UPDATE timed_act SET sending = $5, look = $6
         WHERE deal = $1 AND milestone = $2 AND act = $3 AND due = $4
           AND sending IS NOT DISTINCT FROM $7",
    )
    .bind(row.deal.as_slice())
    .bind(i64::from(row.milestone))
    .bind(row.due.act.as_str())
    .bind(kept(row.due.at))
    .bind(id.as_slice())
    .bind(kept(look))
    .bind(row.sending.as_ref().map(B256::as_slice))
    .execute(conn)
    .await?;
    Ok(found.rows_affected() == 1)
}

/// Looks at it again later.
pub async fn later(conn: &mut Conn, row: &ActRow, look: u64) -> Result<()> {
    sqlx::query(
        "UPDATE timed_act SET look = $5
         WHERE deal = $1 AND milestone = $2 AND act = $3 AND due = $4",
    )
    .bind(row.deal.as_slice())
    .bind(i64::from(row.milestone))
    .bind(row.due.act.as_str())
    .bind(kept(row.due.at))
    .bind(kept(look))
    .execute(conn)
    .await?;
    Ok(())
}

fn read(row: &DbRow) -> Result<ActRow> {
    let act: &str = row.try_get("act")?;
    let act = Act::ALL.into_iter().find(|known| known.as_str() == act);
    let sending: Option<&[u8]> = row.try_get("sending")?;
    Ok(ActRow {
        deal: word(row.try_get("deal")?, "deal")?,
        milestone: number(row, "milestone")?,
        due: Due { act: act.ok_or(ActError::Row { what: "act" })?, at: number(row, "due")? },
        sending: sending.map(|id| word(id, "sending")).transpose()?,
    })
}

pub(crate) fn word(bytes: &[u8], what: &'static str) -> Result<B256> {
    B256::try_from(bytes).map_err(|_| ActError::Row { what })
}

fn number<T: TryFrom<i64>>(row: &DbRow, what: &'static str) -> Result<T> {
    T::try_from(row.try_get::<i64, _>(what)?).map_err(|_| ActError::Row { what })
}

/// A number as the database keeps it. What does not fit was not a time.
fn kept(number: u64) -> i64 {
    i64::try_from(number).unwrap_or(i64::MAX)
}

#[cfg(test)]
mod tests {
    use surety_store::scratch::Scratch;

    use super::*;

    surety_store::on_both!(
        a_plan_replaces_what_changed_and_keeps_what_did_not,
        deals_are_known_as_opened_here_once_and_for_all,
    );

    #[expect(clippy::cognitive_complexity, reason = "one story, told in order")]
    async fn a_plan_replaces_what_changed_and_keeps_what_did_not(scratch: &Scratch) {
        let store = scratch.open().await;
        store.migrate("acts", migrations()).await.unwrap();
        let mut tx = store.begin().await.unwrap();
        let (deal, id) = (B256::repeat_byte(7), B256::repeat_byte(9));
        let reclaim = Due { act: Act::Reclaim, at: 100 };
        plan(&mut tx, deal, &[Some(reclaim), Some(Due { at: 200, ..reclaim })]).await.unwrap();
        assert!(to_look_at(&mut tx, 99, 9).await.unwrap().is_empty());
        let due = to_look_at(&mut tx, 100, 9).await.unwrap();
        let row = ActRow { deal, milestone: 0, due: reclaim, sending: None };
        assert_eq!(due, [row]);
        assert!(sending(&mut tx, &row, id, 160).await.unwrap());
        let other = B256::repeat_byte(10);
        assert!(!sending(&mut tx, &row, other, 160).await.unwrap(), "one is on its way");
        assert!(to_look_at(&mut tx, 159, 9).await.unwrap().is_empty());
        assert_eq!(overdue(&mut tx, 159).await.unwrap(), 1);

        // The same again keeps the request; another act forgets it, and an end takes the row away.
        plan(&mut tx, deal, &[Some(reclaim), None]).await.unwrap();
        assert_eq!(of_deal(&mut tx, deal).await.unwrap(), [ActRow { sending: Some(id), ..row }]);
        let finalize = Due { act: Act::Finalize, at: 150 };
        plan(&mut tx, deal, &[Some(finalize), None]).await.unwrap();
        assert!(!sending(&mut tx, &row, id, 300).await.unwrap());
        let row = ActRow { due: finalize, ..row };
        assert_eq!(to_look_at(&mut tx, 150, 9).await.unwrap(), [row]);
        later(&mut tx, &row, 500).await.unwrap();
        assert!(to_look_at(&mut tx, 499, 9).await.unwrap().is_empty());
        plan(&mut tx, deal, &[None, Some(reclaim)]).await.unwrap();
        assert_eq!(of_deal(&mut tx, deal).await.unwrap().len(), 1);
        forget(&mut tx, deal).await.unwrap();
        assert!(of_deal(&mut tx, deal).await.unwrap().is_empty());
    }

    async fn deals_are_known_as_opened_here_once_and_for_all(scratch: &Scratch) {
        let store = scratch.open().await;
        store.migrate("acts", migrations()).await.unwrap();
        let mut tx = store.begin().await.unwrap();
        let deal = B256::repeat_byte(7);
        assert!(!was_opened_here(&mut tx, deal).await.unwrap());
        opened_here(&mut tx, deal).await.unwrap();
        opened_here(&mut tx, deal).await.unwrap();
        assert!(was_opened_here(&mut tx, deal).await.unwrap());
    }
}
