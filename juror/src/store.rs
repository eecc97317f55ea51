//! What a juror remembers: cases, transcripts and, above all, its ballots.
//!
//! Of its ballots, `surety_seal` says what is written when. `SQLite` syncs every commit
//! (`synchronous = FULL`). One process owns a store: a second one is refused at start by a lock on a
//! file in the folder.

use std::{
    fs::{File, TryLockError},
    io,
    path::{Path, PathBuf},
};

use alloy::primitives::{B128, B256, hex, keccak256};
use sqlx::{
    Row, SqlitePool,
    sqlite::{
        SqliteConnectOptions, SqliteJournalMode, SqlitePoolOptions, SqliteRow, SqliteSynchronous,
    },
};
use surety_judge::{
    Budget, BudgetConfig, Case, JudgeError, Records, make_private_dir, write_whole,
};
use surety_privacy::{Circle, is_private};
use surety_seal::Ballots;
use surety_store::{Blobs, Bucket};
use surety_terms::{Reveal, limits::SHEET_BYTES};

use crate::JurorError;

/// The folder of one juror.
#[derive(Debug)]
pub(crate) struct Store {
    pool: SqlitePool,
    deliverables: PathBuf,
    records: Records,
    ballots: Ballots,
    /// Held as long as the store is open.
    lock: File,
}

/// A case as it was accepted.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct CaseRow {
    pub(crate) case_id: B256,
    pub(crate) deal_id: B256,
    pub(crate) milestone: u8,
    pub(crate) round: u8,
    pub(crate) deliverable: B256,
    pub(crate) seat: u8,
    /// Marks the deliverable's lines in prompts.
    pub(crate) nonce: B128,
    /// The request as canonical JSON.
    pub(crate) request: Vec<u8>,
    /// The chain's time when the case came in.
    pub(crate) seen_at: u64,
    /// Why the case ended without a ballot.
    pub(crate) closed: Option<String>,
}

impl CaseRow {
    /// What is judged, in the template that the sheet pins.
    pub(crate) const fn case(&self, template: Option<B256>) -> Case {
        let Self { case_id, deliverable, nonce, .. } = self;
        Case { case_id: *case_id, deliverable: *deliverable, nonce: *nonce, template }
    }
}

/// What became of a case that was offered to the store.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Taken {
    /// It is new.
    New,
    /// It was there.
    Known,
    /// The milestone's deliverables have been seen: this one is too many.
    Refused {
        /// The first digest this juror saw for the milestone.
        first: B256,
    },
}

impl Store {
    /// Opens a folder, or makes one; refuses a folder that another process holds. Transcripts go
    /// into the bucket, if there is one.
    pub(crate) async fn open(folder: &Path, bucket: Option<&Bucket>) -> Result<Self, JurorError> {
        let deliverables = folder.join("deliverables");
        let transcripts = folder.join("transcripts");
        let blobs = transcripts.join("blobs");
        for dir in [folder, &deliverables, &transcripts, &blobs] {
            make_private_dir(dir).map_err(|err| JurorError::file(dir, &err))?;
        }
        let lock_path = folder.join("lock");
        let lock = File::options()
            .create(true)
            .truncate(false)
            .write(true)
            .open(&lock_path)
            .map_err(|err| JurorError::file(&lock_path, &err))?;
        match lock.try_lock() {
            Ok(()) => {}
            Err(TryLockError::WouldBlock) => {
                return Err(JurorError::StoreHeld { folder: folder.to_owned() });
            }
            Err(TryLockError::Error(err)) => return Err(JurorError::file(&lock_path, &err)),
        }
        let options = SqliteConnectOptions::new()
            .filename(folder.join("juror.sqlite"))
            .create_if_missing(true)
            .foreign_keys(true)
            .journal_mode(SqliteJournalMode::Wal)
            .synchronous(SqliteSynchronous::Full)
            // What is deleted on schedule is gone from the file too.
            .pragma("secure_delete", "ON");
        // One connection: writes are rare and small, and a transaction then needs no retry.
        let pool = SqlitePoolOptions::new().max_connections(1).connect_with(options).await?;
        sqlx::migrate!().run(&pool).await?;
        let files = match bucket {
            None => Blobs::folder(&transcripts),
            Some(bucket) => Blobs::bucket(bucket),
        };
        let records = Records::new(pool.clone(), files.map_err(JudgeError::from)?);
        let ballots = Ballots::new(pool.clone());
        Ok(Self { pool, deliverables, records, ballots, lock })
    }

    /// Fails when nothing can be written, such as to a full disk.
    pub(crate) async fn expect_writable(&self) -> Result<(), JurorError> {
        // A number that nobody reads, in the file's head.
        sqlx::query("PRAGMA user_version = 1").execute(&self.pool).await?;
        Ok(())
    }

    /// What judging writes down.
    pub(crate) const fn records(&self) -> &Records {
        &self.records
    }

    /// The ballots.
    pub(crate) const fn ballots(&self) -> &Ballots {
        &self.ballots
    }

    /// What judging may spend.
    pub(crate) fn budget(&self, config: BudgetConfig) -> Budget {
        Budget::new(config, self.pool.clone())
    }

    /// The database, for the interchange of ballots.
    pub(crate) const fn pool(&self) -> &SqlitePool {
        &self.pool
    }

    /// Closes the database and lets go of the folder.
    pub(crate) async fn close(&self) {
        self.pool.close().await;
        if self.lock.unlock().is_err() {
            tracing::warn!("the store's lock goes with the process");
        }
    }

    /// Takes a case, unless its milestone's deliverables have been seen: the first one counts, then
    /// only the one that is `pinned` on the chain, never a third.
    pub(crate) async fn take(&self, row: &CaseRow, pinned: bool) -> Result<Taken, JurorError> {
        let mut tx = self.pool.begin().await?;
        let seen = sqlx::query(
            "SELECT case_id, deliverable FROM cases
             WHERE deal_id = ? AND milestone = ? AND round = ? ORDER BY seen_at, case_id",
        )
        .bind(row.deal_id.as_slice())
        .bind(i64::from(row.milestone))
        .bind(i64::from(row.round))
        .fetch_all(&mut *tx)
        .await?;
        let mut first = None;
        for earlier in &seen {
            if digest(earlier, "case_id")? == row.case_id {
                return Ok(Taken::Known);
            }
            first.get_or_insert(digest(earlier, "deliverable")?);
        }
        if let Some(first) = first
            && (!pinned || seen.len() > 1)
        {
            return Ok(Taken::Refused { first });
        }
        sqlx::query(
            "INSERT INTO cases (case_id, deal_id, milestone, round, deliverable, seat, nonce,
             request, seen_at) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)",
        )
        .bind(row.case_id.as_slice())
        .bind(row.deal_id.as_slice())
        .bind(i64::from(row.milestone))
        .bind(i64::from(row.round))
        .bind(row.deliverable.as_slice())
        .bind(i64::from(row.seat))
        .bind(row.nonce.as_slice())
        .bind(&row.request)
        .bind(integer(row.seen_at)?)
        .execute(&mut *tx)
        .await?;
        tx.commit().await?;
        Ok(Taken::New)
    }

    /// A case, if this juror took it.
    pub(crate) async fn case(&self, case_id: B256) -> Result<Option<CaseRow>, JurorError> {
        let row = sqlx::query("SELECT * FROM cases WHERE case_id = ?")
            .bind(case_id.as_slice())
            .fetch_optional(&self.pool)
            .await?;
        row.as_ref().map(case_row).transpose()
    }

    /// The cases that have neither a signed ballot that may be seen nor an end.
    pub(crate) async fn open_cases(&self) -> Result<Vec<CaseRow>, JurorError> {
        let rows = sqlx::query(
            "SELECT cases.* FROM cases LEFT JOIN ballots USING (case_id)
             LEFT JOIN seals USING (case_id) WHERE closed IS NULL
             AND (ballots.signature IS NULL OR seals.is_open = 0) ORDER BY seen_at",
        )
        .fetch_all(&self.pool)
        .await?;
        rows.iter().map(case_row).collect()
    }

    /// Ends a case without a ballot; `why` is a problem as JSON.
    pub(crate) async fn close_case(&self, case_id: B256, why: &str) -> Result<(), JurorError> {
        sqlx::query("UPDATE cases SET closed = ? WHERE case_id = ? AND closed IS NULL")
            .bind(why)
            .bind(case_id.as_slice())
            .execute(&self.pool)
            .await?;
        Ok(())
    }

    /// Opens a case again that ended without a ballot; `None` when it is open already.
    pub(crate) async fn reopen_case(
        &self,
        case_id: B256,
        request: &[u8],
    ) -> Result<Option<CaseRow>, JurorError> {
        let row = sqlx::query(
            "UPDATE cases SET closed = NULL, request = ?
             WHERE case_id = ? AND closed IS NOT NULL RETURNING *",
        )
        .bind(request)
        .bind(case_id.as_slice())
        .fetch_optional(&self.pool)
        .await?;
        row.as_ref().map(case_row).transpose()
    }

    /// Keeps a deliverable's bytes, which the caller has hashed.
    pub(crate) async fn keep_deliverable(
        &self,
        deliverable: B256,
        bytes: &[u8],
        circle: Option<&Circle>,
    ) -> Result<(), JurorError> {
        let path = self.shelf(deliverable, circle.is_some());
        let file = circle.map(|circle| circle.encrypt(bytes)).transpose()?;
        write_whole(&path, file.as_deref().unwrap_or(bytes))
            .await
            .map_err(|err| JurorError::file(&path, &err))
    }

    /// Whether a deliverable's bytes are here.
    pub(crate) async fn has_deliverable(&self, digest: B256) -> bool {
        let is_there = async |path| tokio::fs::try_exists(path).await.unwrap_or(false);
        is_there(self.shelf(digest, false)).await || is_there(self.shelf(digest, true)).await
    }

    /// Where a deliverable lies, encrypted or not.
    pub(crate) fn shelf(&self, digest: B256, private: bool) -> PathBuf {
        let end = if private { ".age" } else { "" };
        self.deliverables.join(format!("{}{end}", hex::encode(digest)))
    }

    /// A deliverable's bytes, if they are here.
    pub(crate) async fn deliverable(
        &self,
        digest: B256,
        circle: Option<&Circle>,
    ) -> Result<Option<Vec<u8>>, JurorError> {
        let path = self.shelf(digest, circle.is_some());
        let file = match tokio::fs::read(&path).await {
            Ok(file) => file,
            Err(err) if err.kind() == io::ErrorKind::NotFound => return Ok(None),
            Err(err) => return Err(JurorError::file(&path, &err)),
        };
        let plain = match circle {
            Some(circle) => circle.decrypt(&file, file.len()).map_err(|why| why.to_string()),
            None => Ok(file),
        };
        // Disks rot, and whoever replays the case starts from bytes with this digest.
        let whole = plain.and_then(|bytes| match keccak256(&bytes) {
            got if got == digest => Ok(bytes),
            got => Err(format!("it has the digest {got}")),
        });
        // Whoever has the bytes can bring them again.
        let told = |why: &String| tracing::error!(%digest, why, "a kept deliverable is damaged");
        Ok(whole.inspect_err(told).ok())
    }

    /// Keeps a revealed criterion of a case; the first one stays.
    pub(crate) async fn keep_reveal(
        &self,
        case_id: B256,
        reveal: &Reveal,
        circle: Option<&Circle>,
    ) -> Result<(), JurorError> {
        let text = serde_json::to_vec(&reveal.document).map_err(|_| JurorError::Reveal)?;
        let document = circle.map_or(Ok(text.clone()), |circle| circle.encrypt(&text))?;
        sqlx::query(
            "INSERT INTO reveals (case_id, criterion_id, document) VALUES (?, ?, ?)
             ON CONFLICT DO NOTHING",
        )
        .bind(case_id.as_slice())
        .bind(&reveal.criterion_id)
        .bind(document)
        .execute(&self.pool)
        .await?;
        Ok(())
    }

    /// What was revealed of a case, for those who may read it.
    pub(crate) async fn reveals(
        &self,
        case_id: B256,
        circle: Option<&Circle>,
    ) -> Result<Vec<Reveal>, JurorError> {
        let damaged = |_| JurorError::StoreDamaged { column: "document" };
        let read = |(criterion_id, document): (String, Vec<u8>)| {
            // A document is JSON, which does not begin as an age file does.
            let plain = match circle {
                Some(circle) if is_private(&document) => circle.decrypt(&document, SHEET_BYTES)?,
                Some(_) | None => document,
            };
            let document = serde_json::from_slice(&plain).map_err(damaged)?;
            Ok(Reveal { criterion_id, document })
        };
        self.kept_reveals(case_id).await?.into_iter().map(read).collect()
    }

    /// What was revealed of a case, as it is kept: the criterion's id, and the document.
    pub(crate) async fn kept_reveals(
        &self,
        case_id: B256,
    ) -> Result<Vec<(String, Vec<u8>)>, JurorError> {
        let sql = "SELECT criterion_id, document FROM reveals WHERE case_id = ?";
        Ok(sqlx::query_as(sql).bind(case_id.as_slice()).fetch_all(&self.pool).await?)
    }
}

fn case_row(row: &SqliteRow) -> Result<CaseRow, JurorError> {
    Ok(CaseRow {
        case_id: digest(row, "case_id")?,
        deal_id: digest(row, "deal_id")?,
        milestone: number(row, "milestone")?,
        round: number(row, "round")?,
        deliverable: digest(row, "deliverable")?,
        seat: number(row, "seat")?,
        nonce: B128::try_from(row.try_get::<&[u8], _>("nonce")?)
            .map_err(|_| JurorError::StoreDamaged { column: "nonce" })?,
        request: row.try_get("request")?,
        seen_at: number(row, "seen_at")?,
        closed: row.try_get("closed")?,
    })
}

fn digest(row: &SqliteRow, column: &'static str) -> Result<B256, JurorError> {
    B256::try_from(row.try_get::<&[u8], _>(column)?)
        .map_err(|_| JurorError::StoreDamaged { column })
}

fn number<T: TryFrom<i64>>(row: &SqliteRow, column: &'static str) -> Result<T, JurorError> {
    T::try_from(row.try_get::<i64, _>(column)?).map_err(|_| JurorError::StoreDamaged { column })
}

fn integer<T>(value: T) -> Result<i64, JurorError>
where
    i64: TryFrom<T>,
{
    i64::try_from(value).map_err(|_| JurorError::StoreDamaged { column: "integer" })
}

#[cfg(test)]
mod tests {
    use surety_bindings::jury::Ballot;

    use super::*;

    fn row(case: u8, deliverable: u8) -> CaseRow {
        CaseRow {
            case_id: B256::repeat_byte(case),
            deal_id: B256::repeat_byte(0xd1),
            milestone: 0,
            round: 1,
            deliverable: B256::repeat_byte(deliverable),
            seat: 3,
            nonce: B128::repeat_byte(7),
            request: b"{}".to_vec(),
            seen_at: 1_800_000_000 + u64::from(case),
            closed: None,
        }
    }

    #[tokio::test]
    async fn a_second_process_on_the_same_store_is_refused() {
        let folder = tempfile::tempdir().unwrap();
        let first = Store::open(folder.path(), None).await.unwrap();
        let second = Store::open(folder.path(), None).await.unwrap_err();
        assert!(matches!(second, JurorError::StoreHeld { .. }), "{second}");
        first.close().await;
        Store::open(folder.path(), None).await.unwrap();
    }

    #[tokio::test]
    async fn a_case_comes_back_as_it_was_taken() {
        let folder = tempfile::tempdir().unwrap();
        let store = Store::open(folder.path(), None).await.unwrap();
        assert_eq!(store.take(&row(1, 1), false).await.unwrap(), Taken::New);
        assert_eq!(store.take(&row(1, 1), false).await.unwrap(), Taken::Known);
        assert_eq!(store.case(row(1, 1).case_id).await.unwrap(), Some(row(1, 1)));
        assert_eq!(store.open_cases().await.unwrap(), vec![row(1, 1)]);
        store.close_case(row(1, 1).case_id, "late").await.unwrap();
        assert_eq!(store.open_cases().await.unwrap(), vec![]);
        let again = CaseRow { request: b"again".to_vec(), ..row(1, 1) };
        assert_eq!(store.reopen_case(row(1, 1).case_id, b"again").await.unwrap(), Some(again));
        assert_eq!(store.reopen_case(row(1, 1).case_id, b"more").await.unwrap(), None);
    }

    #[tokio::test]
    async fn the_first_deliverable_counts_then_only_a_pinned_one_and_never_a_third() {
        let folder = tempfile::tempdir().unwrap();
        let store = Store::open(folder.path(), None).await.unwrap();
        let refused = Taken::Refused { first: B256::repeat_byte(0xa) };
        assert_eq!(store.take(&row(1, 0xa), false).await.unwrap(), Taken::New);
        assert_eq!(store.take(&row(2, 0xb), false).await.unwrap(), refused);
        assert_eq!(store.take(&row(3, 0xc), true).await.unwrap(), Taken::New);
        assert_eq!(store.take(&row(4, 0xd), true).await.unwrap(), refused);
        let other = CaseRow { milestone: 1, ..row(5, 0xe) };
        assert_eq!(store.take(&other, false).await.unwrap(), Taken::New);
    }

    #[tokio::test]
    async fn a_case_is_open_until_its_ballot_may_be_seen() {
        let folder = tempfile::tempdir().unwrap();
        let store = Store::open(folder.path(), None).await.unwrap();
        store.take(&row(1, 1), false).await.unwrap();
        let case_id = row(1, 1).case_id;
        let transcript = B256::repeat_byte(9);
        let ballot = Ballot { caseId: case_id, met: 1, failed: 0, reason: 0, transcript };
        store.ballots().commit(&ballot, B256::ZERO, B256::ZERO).await.unwrap();
        assert_eq!(store.open_cases().await.unwrap(), vec![row(1, 1)]);
        sqlx::query("UPDATE ballots SET signature = zeroblob(64)")
            .execute(&store.pool)
            .await
            .unwrap();
        assert_eq!(store.open_cases().await.unwrap(), vec![row(1, 1)], "it is sealed");
        store.ballots().open(case_id).await.unwrap();
        assert_eq!(store.open_cases().await.unwrap(), vec![]);
    }

    #[tokio::test]
    async fn bytes_are_kept_under_their_digest() {
        let folder = tempfile::tempdir().unwrap();
        let store = Store::open(folder.path(), None).await.unwrap();
        let digest = keccak256(b"work");
        assert_eq!(store.deliverable(digest, None).await.unwrap(), None);
        store.keep_deliverable(digest, b"work", None).await.unwrap();
        assert_eq!(store.deliverable(digest, None).await.unwrap(), Some(b"work".to_vec()));
    }

    #[tokio::test]
    async fn bytes_that_rotted_on_the_disk_are_not_there_until_they_come_again() {
        let folder = tempfile::tempdir().unwrap();
        let store = Store::open(folder.path(), None).await.unwrap();
        let digest = keccak256(b"work");
        store.keep_deliverable(digest, b"work", None).await.unwrap();
        std::fs::write(store.shelf(digest, false), b"worm").unwrap();
        assert_eq!(store.deliverable(digest, None).await.unwrap(), None);
        store.keep_deliverable(digest, b"work", None).await.unwrap();
        assert_eq!(store.deliverable(digest, None).await.unwrap(), Some(b"work".to_vec()));
    }
}
