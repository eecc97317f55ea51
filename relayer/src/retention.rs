//! Deleting on schedule what parties handed in: sheets and deliverables, encrypted or not; and bytes
//! that no delivery named for a day.
//!
//! A deal's files go first and its rows last, so that a crash in between is made up for by the next
//! round. Of relayers that share a database one does this; another that thaws in the middle deletes at
//! most files that are due, once more.

use std::sync::Arc;
use std::time::Duration;

use alloy::primitives::B256;
use surety_store::Role;
use tokio_util::sync::CancellationToken;

use crate::RelayerError;
use crate::relayer::Relayer;
use crate::store::{deliverables, private};

/// How much chain time passes between two looks at the schedule.
const EVERY_SECS: u64 = 600;
/// Seconds of a day.
const DAY_SECS: u64 = 86_400;

/// Deletes what is due, again and again, until `stop`.
pub(crate) async fn run(relayer: Arc<Relayer>, stop: CancellationToken) {
    let keep_secs = relayer.config.retention_days.saturating_mul(DAY_SECS);
    let mut clock = relayer.clock.subscribe();
    let rounds = async {
        let mut role = Role::new(relayer.store.clone(), "retention", &relayer.escrow.address[..]);
        let mut next = 0;
        loop {
            let now = clock.borrow_and_update().head.timestamp;
            if now >= next {
                report(delete_due(&relayer, &mut role, (now, keep_secs)).await);
                next = now.saturating_add(EVERY_SECS);
            }
            if clock.changed().await.is_err() {
                return;
            }
            // The clock is told of every look at the chain.
            tokio::time::sleep(relayer.poll().min(Duration::from_secs(1))).await;
        }
    };
    stop.run_until_cancelled(rounds).await;
}

fn report(deleted: Result<(), RelayerError>) {
    if let Err(error) = deleted {
        tracing::warn!(%error, "nothing can be deleted; it is tried again");
    }
}

async fn delete_due(
    relayer: &Relayer,
    role: &mut Role,
    (now, keep_secs): (u64, u64),
) -> Result<(), RelayerError> {
    if !role.is_held().await? {
        return Ok(());
    }
    let yesterday = now.saturating_sub(DAY_SECS);
    delete_unnamed(relayer, role, yesterday).await?;
    let (total, _) = deliverables::totals(&mut *relayer.store.read().await?).await?;
    let is_crowded = total > relayer.config.limits.deliverables_total_bytes / 4 * 3;
    let before = now.saturating_sub(if is_crowded { keep_secs.min(DAY_SECS) } else { keep_secs });
    loop {
        let due = private::due_to_delete(&mut *relayer.store.read().await?, before).await?;
        if due.is_empty() {
            return Ok(());
        }
        for deal in due {
            delete(relayer, role, deal).await?;
        }
    }
}

/// A row is held while its bytes go: a delivery that names them meanwhile finds neither, as if they had
/// never come, and a crash leaves the row to the next round.
async fn delete_unnamed(relayer: &Relayer, role: &Role, before: u64) -> Result<(), RelayerError> {
    loop {
        let due = deliverables::unnamed(&mut *relayer.store.read().await?, before).await?;
        if due.is_empty() {
            return Ok(());
        }
        for digest in due {
            let mut tx = role.begin().await?;
            if deliverables::remove(&mut tx, digest, false).await? {
                relayer.shelf.remove(digest).await?;
            }
            tx.commit().await?;
        }
    }
}

async fn delete(relayer: &Relayer, role: &Role, deal: B256) -> Result<(), RelayerError> {
    let files = private::files(&mut *relayer.store.read().await?, deal).await?;
    for file in &files {
        relayer.shelf.remove(*file).await?;
    }
    let mut tx = role.begin().await?;
    private::forget(&mut tx, deal, &files).await?;
    tx.commit().await?;
    Ok(())
}
