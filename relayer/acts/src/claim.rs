//! By what an act may be on its way, so that two never do the same.

use alloy::primitives::B256;
use sqlx::Row as _;
use surety_store::Conn;

use crate::rows::{self, ActError, ActRow};

type Result<T> = std::result::Result<T, ActError>;

/// What is written down of the requests that do what time allows with a milestone.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Claim {
    place: (B256, u8),
    row: Option<ActRow>,
    paid: Option<B256>,
}

impl Claim {
    /// As it stands now.
    pub async fn read(conn: &mut Conn, place: (B256, u8)) -> Result<Self> {
        let mut all = rows::of_deal(conn, place.0).await?.into_iter();
        let row = all.find(|row| row.milestone == place.1);
        let paid = sqlx::query("SELECT sending FROM paid_act WHERE deal = $1 AND milestone = $2")
            .bind(place.0.as_slice())
            .bind(i64::from(place.1))
            .fetch_optional(conn)
            .await?;
        let paid = paid.map(|row| rows::word(row.try_get("sending")?, "sending")).transpose()?;
        Ok(Self { place, row, paid })
    }

    /// The request that does it for nothing. Once it is mined the act is done, whether or not its
    /// event was read yet.
    pub fn free(&self) -> Option<B256> {
        self.row.and_then(|row| row.sending)
    }

    /// The last request that somebody paid for. A mined one may have been for an earlier state.
    pub const fn paid(&self) -> Option<B256> {
        self.paid
    }

    /// Notes a request that somebody pays for, also where the act would have been done for nothing;
    /// written in the transaction that queues it. Says whether all is still as it was read: if not,
    /// the transaction has to be given up.
    pub async fn take(&self, conn: &mut Conn, id: B256, look: u64) -> Result<bool> {
        if let Some(row) = &self.row
            && !rows::sending(conn, row, id, look).await?
        {
            return Ok(false);
        }
        let found = sqlx::query(
            "INSERT INTO paid_act (deal, milestone, sending) VALUES ($1, $2, $3)
             ON CONFLICT (deal, milestone) DO UPDATE SET sending = excluded.sending
             WHERE paid_act.sending IS NOT DISTINCT FROM $4",
        )
        .bind(self.place.0.as_slice())
        .bind(i64::from(self.place.1))
        .bind(id.as_slice())
        .bind(self.paid.as_ref().map(B256::as_slice))
        .execute(conn)
        .await?;
        Ok(found.rows_affected() == 1)
    }
}

#[cfg(test)]
mod tests {
    use surety_store::scratch::Scratch;

    use super::*;
    use crate::{Act, Due, migrations};

    surety_store::on_both!(
        of_two_that_pay_for_one_act_at_once_one_is_noted,
        whoever_pays_takes_the_place_of_what_is_done_for_nothing,
    );

    const LOOK: u64 = 500;

    fn ids() -> [B256; 3] {
        [1, 2, 3].map(B256::repeat_byte)
    }

    #[expect(clippy::cognitive_complexity, reason = "one story, told in order")]
    async fn of_two_that_pay_for_one_act_at_once_one_is_noted(scratch: &Scratch) {
        let store = scratch.open().await;
        store.migrate("acts", migrations()).await.unwrap();
        let mut tx = store.begin().await.unwrap();
        let place = (B256::repeat_byte(7), 1);
        let [first, second, third] = ids();
        let none = Claim::read(&mut tx, place).await.unwrap();
        assert_eq!((none.free(), none.paid()), (None, None));
        assert!(none.take(&mut tx, first, LOOK).await.unwrap());
        assert!(!none.take(&mut tx, second, LOOK).await.unwrap(), "the first one is on its way");
        let one = Claim::read(&mut tx, place).await.unwrap();
        assert_eq!(one.paid(), Some(first));
        assert!(one.take(&mut tx, second, LOOK).await.unwrap());
        assert!(!one.take(&mut tx, third, LOOK).await.unwrap());
        assert_eq!(Claim::read(&mut tx, place).await.unwrap().paid(), Some(second));
        assert_eq!(Claim::read(&mut tx, (place.0, 0)).await.unwrap().paid(), None);
    }

    #[expect(clippy::cognitive_complexity, reason = "one story, told in order")]
    async fn whoever_pays_takes_the_place_of_what_is_done_for_nothing(scratch: &Scratch) {
        let store = scratch.open().await;
        store.migrate("acts", migrations()).await.unwrap();
        let mut tx = store.begin().await.unwrap();
        let (deal, [free, paid, _]) = (B256::repeat_byte(7), ids());
        let due = Due { act: Act::Reclaim, at: 100 };
        rows::plan(&mut tx, deal, &[Some(due)]).await.unwrap();
        let early = Claim::read(&mut tx, (deal, 0)).await.unwrap();
        let row = rows::of_deal(&mut tx, deal).await.unwrap()[0];
        assert!(rows::sending(&mut tx, &row, free, LOOK).await.unwrap());
        assert!(!early.take(&mut tx, paid, LOOK).await.unwrap(), "it is on its way for nothing");
        let claim = Claim::read(&mut tx, (deal, 0)).await.unwrap();
        assert_eq!((claim.free(), claim.paid()), (Some(free), None));
        assert!(claim.take(&mut tx, paid, LOOK).await.unwrap());
        let claim = Claim::read(&mut tx, (deal, 0)).await.unwrap();
        assert_eq!((claim.free(), claim.paid()), (Some(paid), Some(paid)));
    }
}
