//! What the provider cost. A running juror's store is read beside it: that takes no part in its
//! lock.

use alloy::primitives::B256;
use sqlx::{
    ConnectOptions as _, Connection as _, Row as _,
    sqlite::{SqliteConnectOptions, SqliteRow},
};
use surety_judge::Trouble;

use crate::{
    Config, JurorError,
    case::{DAY_SECS, Desk},
};

/// What one case cost on one day: the case, the day since 1970 by the chain's time, and millionths
/// of a US dollar. A store that does not exist yet has none.
pub async fn spending(config: &Config) -> Result<Vec<(B256, u64, u64)>, JurorError> {
    let database = config.store.join("juror.sqlite");
    if !database.exists() {
        return Ok(Vec::new());
    }
    let options = SqliteConnectOptions::new().filename(database).read_only(true);
    let mut connection = options.connect().await?;
    let rows = sqlx::query(
        "SELECT case_id, day, sum(micro_usd) AS micro_usd FROM spending GROUP BY case_id, day",
    )
    .fetch_all(&mut connection)
    .await?;
    connection.close().await?;
    rows.iter().map(spent).collect()
}

impl Desk {
    /// The requests of the day, of cases and previews, for which the provider counted more than
    /// they can cost.
    pub(crate) async fn overcounts(&self) -> Result<u64, JurorError> {
        Ok(self.judge.overcounts(self.day()).await?)
    }

    /// All that keeps the provider from answering today.
    pub(crate) async fn troubles(&self) -> Result<Vec<Trouble>, JurorError> {
        Ok(self.judge.troubles(self.day()).await?)
    }

    /// What today's cases have cost, in millionths of a US dollar.
    pub(crate) async fn spent(&self) -> Result<u64, JurorError> {
        Ok(self.judge.spent(self.day()).await?)
    }

    fn day(&self) -> u64 {
        self.moments.borrow().head.timestamp / DAY_SECS
    }
}

fn spent(row: &SqliteRow) -> Result<(B256, u64, u64), JurorError> {
    let number = |column: &'static str| {
        let number = u64::try_from(row.try_get::<i64, _>(column)?);
        number.map_err(|_| JurorError::StoreDamaged { column })
    };
    let case_id = B256::try_from(row.try_get::<&[u8], _>("case_id")?)
        .map_err(|_| JurorError::StoreDamaged { column: "case_id" })?;
    Ok((case_id, number("day")?, number("micro_usd")?))
}
