//! The rows of previews: written before the provider is asked, and counted for ever.

use std::path::{Path, PathBuf};

use alloy::primitives::{Address, B128, B256, hex};
use sqlx::{
    Row as _, SqliteConnection, SqlitePool,
    sqlite::{
        SqliteConnectOptions, SqliteJournalMode, SqlitePoolOptions, SqliteRow, SqliteSynchronous,
    },
};
use surety_judge::{JudgeError, Records, make_private_dir};
use surety_jury::preview::Coarse;
use surety_privacy::Circle;
use surety_store::Blobs;

use crate::PreviewsConfig;

/// A day of the chain's time, by which previews are counted.
pub(crate) const DAY_SECS: u64 = 86_400;

/// The folder of a juror's previews.
#[derive(Debug)]
pub(crate) struct Rows {
    pool: SqlitePool,
    folder: PathBuf,
}

/// A preview as it was taken.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Taken {
    pub(crate) id: B256,
    pub(crate) deal_id: B256,
    pub(crate) milestone: u8,
    pub(crate) seller: Address,
    pub(crate) nonce: B128,
    pub(crate) answers_at: u64,
    /// Until the answer is known.
    pub(crate) request: Option<Vec<u8>>,
    /// What is answered, once it is known.
    pub(crate) answer: Option<Coarse>,
}

/// Why a preview is not taken.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Full {
    /// There are no more of this deal: a deliverable instructed the jurors.
    Deal,
    /// The milestone has had all of its previews.
    Milestone,
    /// The seller's key has had all of this day's.
    Key,
    /// Everybody together has.
    Day,
}

impl Rows {
    /// Opens the folder, or makes it. The juror's store is held by one process, and so is this.
    pub(crate) async fn open(folder: PathBuf) -> Result<Self, JudgeError> {
        make_private_dir(&folder).map_err(|err| JudgeError::file(&folder, &err))?;
        let options = SqliteConnectOptions::new()
            .filename(folder.join("previews.sqlite"))
            .create_if_missing(true)
            .foreign_keys(true)
            .journal_mode(SqliteJournalMode::Wal)
            .synchronous(SqliteSynchronous::Full)
            // What is deleted on schedule is gone from the file too.
            .pragma("secure_delete", "ON");
        // One connection, so that counting and taking are one.
        let pool = SqlitePoolOptions::new().max_connections(1).connect_with(options).await?;
        sqlx::migrate!().run(&pool).await.map_err(sqlx::Error::from)?;
        Ok(Self { pool, folder })
    }

    pub(crate) const fn pool(&self) -> &SqlitePool {
        &self.pool
    }

    /// What is written down of one preview, in a folder of its own, for a circle of readers.
    pub(crate) fn records(&self, id: B256, circle: Option<Circle>) -> Result<Records, JudgeError> {
        let folder = self.place(id);
        make_private_dir(&folder).map_err(|err| JudgeError::file(&folder, &err))?;
        Ok(Records::new(self.pool.clone(), Blobs::folder(&folder)?).of_case(id, circle))
    }

    fn place(&self, id: B256) -> PathBuf {
        self.folder.join(hex::encode(id))
    }

    /// Takes a preview within what `config` allows, or says what is full. On disk when it returns.
    pub(crate) async fn take(
        &self,
        mut row: Taken,
        now: u64,
        config: &PreviewsConfig,
    ) -> Result<Result<Taken, Full>, JudgeError> {
        let mut tx = self.pool.begin().await?;
        let day = now / DAY_SECS;
        if let Some(full) = full(&mut tx, &row, now, config).await? {
            return Ok(Err(full));
        }
        // An answer that is not shown yet must not be told by whether the next preview is taken.
        if refusals(&mut tx, &row).await?.is_some() {
            (row.request, row.answer) =
                (None, Some(Coarse { is_refused: true, ..Coarse::default() }));
        }
        let answer = row.answer;
        sqlx::query(
            "INSERT INTO previews (preview_id, deal_id, milestone, seller, nonce, day, answers_at,
             request, met, failed, is_refused) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
        )
        .bind(row.id.as_slice())
        .bind(row.deal_id.as_slice())
        .bind(i64::from(row.milestone))
        .bind(row.seller.as_slice())
        .bind(row.nonce.as_slice())
        .bind(integer(day))
        .bind(integer(row.answers_at))
        .bind(row.request.as_deref())
        .bind(answer.map(|answer| i64::from(answer.met)))
        .bind(answer.map(|answer| i64::from(answer.failed)))
        .bind(answer.is_some_and(|answer| answer.is_refused))
        .execute(&mut *tx)
        .await?;
        tx.commit().await?;
        Ok(Ok(row))
    }

    /// A preview, if it was taken.
    pub(crate) async fn get(&self, id: B256) -> Result<Option<Taken>, JudgeError> {
        let row = sqlx::query("SELECT * FROM previews WHERE preview_id = ?")
            .bind(id.as_slice())
            .fetch_optional(&self.pool)
            .await?;
        row.as_ref().map(taken).transpose()
    }

    /// The previews whose answer is not known.
    pub(crate) async fn open_ones(&self) -> Result<Vec<Taken>, JudgeError> {
        let rows = sqlx::query("SELECT * FROM previews WHERE met IS NULL ORDER BY answers_at")
            .fetch_all(&self.pool)
            .await?;
        rows.iter().map(taken).collect()
    }

    /// Writes down what is answered, and forgets the deliverable. A refusal ends the deal's other
    /// previews too.
    pub(crate) async fn end(&self, row: &Taken, answer: Coarse) -> Result<(), JudgeError> {
        sqlx::query(
            "UPDATE previews SET met = ?1, failed = ?2, is_refused = ?3, request = NULL
             WHERE met IS NULL AND (preview_id = ?4 OR (?3 AND deal_id = ?5 AND seller = ?6))",
        )
        .bind(i64::from(answer.met))
        .bind(i64::from(answer.failed))
        .bind(answer.is_refused)
        .bind(row.id.as_slice())
        .bind(row.deal_id.as_slice())
        .bind(row.seller.as_slice())
        .execute(&self.pool)
        .await?;
        Ok(())
    }

    /// Deletes the transcripts of previews that were answered so long ago; what was given stays
    /// counted.
    pub(crate) async fn forget(&self, now: u64, keep_days: u64) -> Result<(), JudgeError> {
        let before = now.saturating_sub(keep_days.saturating_mul(DAY_SECS));
        let rows = sqlx::query(
            "SELECT preview_id FROM previews
             WHERE is_kept AND met IS NOT NULL AND answers_at < ?",
        )
        .bind(integer(before))
        .fetch_all(&self.pool)
        .await?;
        for row in rows {
            let id = bytes::<32>(&row, "preview_id")?.into();
            remove(&self.place(id)).await?;
            let mut tx = self.pool.begin().await?;
            for statement in [
                "DELETE FROM lines WHERE case_id = ?",
                "UPDATE previews SET is_kept = 0 WHERE preview_id = ?",
            ] {
                sqlx::query(statement).bind(B256::as_slice(&id)).execute(&mut *tx).await?;
            }
            tx.commit().await?;
        }
        Ok(())
    }
}

async fn remove(folder: &Path) -> Result<(), JudgeError> {
    match tokio::fs::remove_dir_all(folder).await {
        Err(err) if err.kind() != std::io::ErrorKind::NotFound => {
            Err(JudgeError::file(folder, &err))
        }
        _ => Ok(()),
    }
}

/// What keeps a preview from being taken.
async fn full(
    db: &mut SqliteConnection,
    row: &Taken,
    now: u64,
    config: &PreviewsConfig,
) -> Result<Option<Full>, JudgeError> {
    if refusals(db, row).await?.is_some_and(|shown_at| shown_at <= now) {
        return Ok(Some(Full::Deal));
    }
    let day = integer(now / DAY_SECS);
    let counts = sqlx::query(
        "SELECT (SELECT count(*) FROM previews WHERE deal_id = ?1 AND milestone = ?2) AS milestone,
                (SELECT count(*) FROM previews WHERE day = ?3 AND seller = ?4) AS \"key\",
                (SELECT count(*) FROM previews WHERE day = ?3) AS day",
    )
    .bind(row.deal_id.as_slice())
    .bind(i64::from(row.milestone))
    .bind(day)
    .bind(row.seller.as_slice())
    .fetch_one(db)
    .await?;
    for (column, most, full) in [
        ("milestone", config.per_milestone, Full::Milestone),
        ("key", config.per_key, Full::Key),
        ("day", config.per_day, Full::Day),
    ] {
        if counts.try_get::<i64, _>(column)? >= i64::from(most) {
            return Ok(Some(full));
        }
    }
    Ok(None)
}

/// When the first refusal of the deal's previews is shown, if there is one.
async fn refusals(db: &mut SqliteConnection, row: &Taken) -> Result<Option<u64>, JudgeError> {
    let found = sqlx::query(
        "SELECT min(answers_at) AS shown_at FROM previews
         WHERE deal_id = ? AND seller = ? AND is_refused",
    )
    .bind(row.deal_id.as_slice())
    .bind(row.seller.as_slice())
    .fetch_one(db)
    .await?;
    let shown_at: Option<i64> = found.try_get("shown_at")?;
    shown_at.map(|at| u64::try_from(at).map_err(|_| damaged("answers_at"))).transpose()
}

fn taken(row: &SqliteRow) -> Result<Taken, JudgeError> {
    let met: Option<i64> = row.try_get("met")?;
    let answer = match met {
        None => None,
        Some(_) => Some(Coarse {
            met: number(row, "met")?,
            failed: number(row, "failed")?,
            is_refused: row.try_get("is_refused")?,
        }),
    };
    Ok(Taken {
        id: bytes::<32>(row, "preview_id")?.into(),
        deal_id: bytes::<32>(row, "deal_id")?.into(),
        milestone: number(row, "milestone")?,
        seller: bytes::<20>(row, "seller")?.into(),
        nonce: bytes::<16>(row, "nonce")?.into(),
        answers_at: number(row, "answers_at")?,
        request: row.try_get("request")?,
        answer,
    })
}

fn bytes<const N: usize>(row: &SqliteRow, column: &'static str) -> Result<[u8; N], JudgeError> {
    row.try_get::<&[u8], _>(column)?.try_into().map_err(|_| damaged(column))
}

fn number<T: TryFrom<i64>>(row: &SqliteRow, column: &'static str) -> Result<T, JudgeError> {
    T::try_from(row.try_get::<i64, _>(column)?).map_err(|_| damaged(column))
}

const fn damaged(column: &'static str) -> JudgeError {
    JudgeError::StoreDamaged { column }
}

/// Times beyond what the database holds are never reached.
fn integer(value: u64) -> i64 {
    i64::try_from(value).unwrap_or(i64::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    const CONFIG: PreviewsConfig = PreviewsConfig {
        per_day: 5,
        per_key: 3,
        per_milestone: 2,
        deliverable_max_bytes: 100,
        answer_secs: 10,
        each_micro_usd: 0,
        day_micro_usd: 0,
        keep_days: 2,
    };

    /// The preview of this number, of a deal's milestone by a seller.
    fn row(id: u8, (deal, milestone): (u8, u8), seller: u8, now: u64) -> Taken {
        Taken {
            id: B256::repeat_byte(id),
            deal_id: B256::repeat_byte(deal),
            milestone,
            seller: Address::repeat_byte(seller),
            nonce: B128::ZERO,
            answers_at: now + CONFIG.answer_secs,
            request: Some(b"work".to_vec()),
            answer: None,
        }
    }

    async fn take(rows: &Rows, row: Taken) -> Result<Taken, Full> {
        let now = row.answers_at - CONFIG.answer_secs;
        rows.take(row, now, &CONFIG).await.unwrap()
    }

    #[tokio::test]
    async fn each_quota_holds_for_what_it_counts_and_survives_a_restart() {
        let folder = tempfile::tempdir().unwrap();
        let rows = Rows::open(folder.path().to_owned()).await.unwrap();
        for (id, place) in [(1, (1, 0)), (2, (1, 0)), (3, (1, 1))] {
            assert!(take(&rows, row(id, place, 7, 100)).await.is_ok(), "{id}");
        }
        rows.pool().close().await;
        let rows = Rows::open(folder.path().to_owned()).await.unwrap();
        assert_eq!(take(&rows, row(4, (1, 0), 7, 100)).await, Err(Full::Milestone));
        assert_eq!(take(&rows, row(4, (2, 0), 7, 100)).await, Err(Full::Key));
        assert!(take(&rows, row(4, (3, 0), 8, 100)).await.is_ok());
        assert!(take(&rows, row(5, (4, 0), 9, 100)).await.is_ok());
        assert_eq!(take(&rows, row(6, (5, 0), 10, 100)).await, Err(Full::Day));
        // The next day begins anew, but not for the milestone.
        assert!(take(&rows, row(6, (2, 0), 7, DAY_SECS)).await.is_ok());
        assert_eq!(take(&rows, row(7, (1, 0), 7, DAY_SECS)).await, Err(Full::Milestone));
        assert_eq!(rows.open_ones().await.unwrap().len(), 6);
    }

    #[tokio::test]
    async fn a_refusal_ends_the_deal_at_the_time_at_which_it_is_shown() {
        let folder = tempfile::tempdir().unwrap();
        let rows = Rows::open(folder.path().to_owned()).await.unwrap();
        let first = take(&rows, row(1, (1, 0), 7, 100)).await.unwrap();
        let other = take(&rows, row(2, (1, 1), 7, 100)).await.unwrap();
        let refused = Coarse { is_refused: true, ..Coarse::default() };
        rows.end(&first, refused).await.unwrap();
        let ended = rows.get(other.id).await.unwrap().unwrap();
        assert_eq!((ended.answer, ended.request), (Some(refused), None), "the other one too");
        // Before it is shown the next one is taken as any other, and nobody is asked.
        let early = take(&rows, row(3, (1, 1), 7, 109)).await.unwrap();
        assert_eq!((early.answer, early.request), (Some(refused), None));
        assert_eq!(take(&rows, row(4, (1, 2), 7, 110)).await, Err(Full::Deal));
        assert!(take(&rows, row(4, (2, 0), 8, 110)).await.is_ok(), "another deal");
    }

    #[tokio::test]
    async fn an_answer_is_final_and_a_row_stays_when_its_transcript_goes() {
        let folder = tempfile::tempdir().unwrap();
        let rows = Rows::open(folder.path().to_owned()).await.unwrap();
        let taken = take(&rows, row(1, (1, 0), 7, 100)).await.unwrap();
        let records = rows.records(taken.id, None).unwrap();
        records.add_lines(taken.id, 0, &[b"{}".to_vec()]).await.unwrap();
        records.keep_blob(b"question").await.unwrap();
        let answer = Coarse { met: 1, failed: 2, is_refused: false };
        rows.end(&taken, answer).await.unwrap();
        rows.end(&taken, Coarse { met: 3, ..answer }).await.unwrap();
        assert_eq!(rows.get(taken.id).await.unwrap().unwrap().answer, Some(answer));
        for statement in ["UPDATE previews SET met = 3", "DELETE FROM previews"] {
            assert!(sqlx::query(statement).execute(rows.pool()).await.is_err(), "{statement}");
        }
        let keep_until = taken.answers_at + 2 * DAY_SECS;
        rows.forget(keep_until, CONFIG.keep_days).await.unwrap();
        assert_eq!(records.lines(taken.id).await.unwrap().len(), 1);
        rows.forget(keep_until + 1, CONFIG.keep_days).await.unwrap();
        assert!(records.lines(taken.id).await.unwrap().is_empty());
        assert!(!rows.place(taken.id).exists());
        assert_eq!(rows.get(taken.id).await.unwrap().unwrap().answer, Some(answer));
    }
}
