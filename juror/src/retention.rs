//! Deleting on schedule what is no longer needed: sheets, deliverables, reveals and transcripts.
//!
//! The rows of cases and ballots stay for ever, since they keep the key from signing twice. A crash
//! in the middle leaves a case that is not marked as deleted, and the next round deletes the rest.

use std::{sync::Arc, time::Duration};

use alloy::primitives::B256;
use sqlx::Row as _;

use crate::{
    JurorError,
    case::Desk,
    store::{CaseRow, Store},
};

/// How often the schedule is looked at, at least; the chain's clock may jump.
const EVERY: Duration = Duration::from_mins(10);
/// Seconds of a day.
const DAY_SECS: u64 = 86_400;
/// How many cases are deleted in one go.
const AT_ONCE: i64 = 100;

/// Deletes what is due, again and again, until the juror stops.
pub(crate) async fn run(desk: Arc<Desk>, days: u64) {
    let keep_secs = days.saturating_mul(DAY_SECS);
    let stop = desk.stop.clone();
    let mut moments = desk.moments.clone();
    stop.run_until_cancelled(async {
        let mut looked_at = 0;
        loop {
            let now = moments.borrow_and_update().head.timestamp;
            if now >= looked_at {
                report(desk.delete_due(now.saturating_sub(keep_secs)).await);
                looked_at = now.saturating_add(EVERY.as_secs());
            }
            if moments.changed().await.is_err() {
                return;
            }
        }
    })
    .await;
}

fn report(deleted: Result<usize, JurorError>) {
    if let Err(error) = deleted {
        tracing::error!(%error, "records cannot be deleted; it is tried again");
    }
}

impl Desk {
    /// Deletes the records of cases that could not be judged any more at `before`. An open one is
    /// left: its task still reads them.
    async fn delete_due(&self, before: u64) -> Result<usize, JurorError> {
        let mut deleted = 0;
        for case_id in self.store.due_to_delete(before).await? {
            let is_open = self.open_cases().contains_key(&case_id);
            if !is_open && let Some(row) = self.store.case(case_id).await? {
                self.store.delete_records(&row).await?;
                deleted = usize::saturating_add(deleted, 1);
            }
        }
        Ok(deleted)
    }
}

impl Store {
    /// Notes until when a case can be judged; the first note stays.
    pub(crate) async fn keep_until(&self, case_id: B256, judge_by: u64) -> Result<(), JurorError> {
        sqlx::query(
            "INSERT INTO retention (case_id, judge_by) VALUES (?, ?) ON CONFLICT DO NOTHING",
        )
        .bind(case_id.as_slice())
        .bind(i64::try_from(judge_by).unwrap_or(i64::MAX))
        .execute(self.pool())
        .await?;
        Ok(())
    }

    async fn due_to_delete(&self, before: u64) -> Result<Vec<B256>, JurorError> {
        let rows = sqlx::query(
            "SELECT case_id FROM retention WHERE deleted = 0 AND judge_by < ?
             ORDER BY judge_by LIMIT ?",
        )
        .bind(i64::try_from(before).unwrap_or(i64::MAX))
        .bind(AT_ONCE)
        .fetch_all(self.pool())
        .await?;
        let damaged = |_| JurorError::StoreDamaged { column: "case_id" };
        rows.iter()
            .map(|row| B256::try_from(row.try_get::<&[u8], _>("case_id")?).map_err(damaged))
            .collect()
    }

    /// Files first and rows last, so that a crash is noticed.
    async fn delete_records(&self, row: &CaseRow) -> Result<(), JurorError> {
        self.records().delete(row.case_id).await?;
        if !self.is_needed_elsewhere(row).await? {
            for private in [false, true] {
                let path = self.shelf(row.deliverable, private);
                match tokio::fs::remove_file(&path).await {
                    Err(err) if err.kind() != std::io::ErrorKind::NotFound => {
                        return Err(JurorError::file(&path, &err));
                    }
                    Ok(()) | Err(_) => {}
                }
            }
        }
        let mut tx = self.pool().begin().await?;
        for sql in [
            "DELETE FROM reveals WHERE case_id = ?",
            "UPDATE cases SET request = x'' WHERE case_id = ?",
            "UPDATE retention SET deleted = 1 WHERE case_id = ?",
        ] {
            sqlx::query(sql).bind(row.case_id.as_slice()).execute(&mut *tx).await?;
        }
        tx.commit().await?;
        Ok(())
    }

    /// Whether another case whose records are kept is about the same bytes.
    async fn is_needed_elsewhere(&self, row: &CaseRow) -> Result<bool, JurorError> {
        let count: i64 = sqlx::query_scalar(
            "SELECT COUNT(*) FROM cases JOIN retention USING (case_id)
             WHERE deliverable = ? AND case_id <> ? AND deleted = 0",
        )
        .bind(row.deliverable.as_slice())
        .bind(row.case_id.as_slice())
        .fetch_one(self.pool())
        .await?;
        Ok(count > 0)
    }
}
