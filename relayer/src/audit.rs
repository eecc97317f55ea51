//! Comparing what is known here with the chain at a final block, and repairing it.
//!
//! Every log is read a second time once its block is final, with a cursor of its own: what a node
//! left out, or made up, when its block was new is found then. And what the rows of a deal amount to
//! is compared with the deal's word. What differs is repaired from the chain, and told.

use std::sync::Arc;
use std::time::Duration;

use alloy::primitives::B256;
use surety_chain::follow::{Batch, FollowConfig, FollowedLog, Follower, Step};
use surety_chain::{BlockTag, Header};
use surety_events::audit::{Account, AuditReport, account, compare, contradictions};
use tokio_util::sync::CancellationToken;

use crate::RelayerError;
use crate::relayer::Relayer;
use crate::store::deals;
use crate::watch::{self, RANGE, TRAIL};

/// The trail of what was audited.
const AUDIT: &str = "audit";

/// Deals that are looked up at once in the store.
const PAGE: u32 = 256;

/// Audits every so often until `stop`.
pub(crate) async fn run(relayer: Arc<Relayer>, stop: CancellationToken) {
    let pause = Duration::from_secs(relayer.config.audit_secs);
    stop.run_until_cancelled(async {
        loop {
            tokio::time::sleep(pause).await;
            match news(&relayer).await {
                Ok(report) => tell(&relayer, report),
                Err(error) => unaudited(&error),
            }
        }
    })
    .await;
}

fn unaudited(error: &RelayerError) {
    tracing::warn!(%error, "the audit will be tried again");
}

fn tell(relayer: &Relayer, report: AuditReport) {
    if report.is_clean() {
        clean(&report);
    } else {
        wrong(&report);
    }
    relayer.audited.send_replace(report);
}

fn clean(report: &AuditReport) {
    tracing::info!(until = report.until, deals = report.deals, "the audit found nothing");
}

fn wrong(report: &AuditReport) {
    tracing::error!(?report, "the audit found what the chain contradicts");
}

/// What became final since the last audit. A contradiction that a second reading of those blocks
/// does not explain stands in older ones: then all of them are read again.
async fn news(relayer: &Relayer) -> Result<AuditReport, RelayerError> {
    let mut report = AuditReport::default();
    read_again(relayer, &mut report).await?;
    compare_words(relayer, &mut report).await?;
    if report.contradictions.is_empty() {
        return Ok(report);
    }
    let before = report;
    let mut report = whole(relayer).await?;
    report.missing = report.missing.saturating_add(before.missing);
    report.extra = report.extra.saturating_add(before.extra);
    Ok(report)
}

/// Everything, from the first block on.
pub(crate) async fn whole(relayer: &Relayer) -> Result<AuditReport, RelayerError> {
    let start = Step::Orphaned { from_block: relayer.config.start_block };
    let mut tx = relayer.store.begin().await?;
    start.save(&mut tx, &config(relayer)).await?;
    tx.commit().await?;
    let mut report = AuditReport::default();
    read_again(relayer, &mut report).await?;
    compare_words(relayer, &mut report).await?;
    Ok(report)
}

fn config(relayer: &Relayer) -> FollowConfig {
    FollowConfig {
        name: AUDIT,
        addresses: vec![relayer.escrow.address],
        tag: BlockTag::Finalized,
        start_block: relayer.config.start_block,
        max_range: RANGE,
    }
}

/// Reads the logs of final blocks again and repairs what differs, as far as blocks were followed.
async fn read_again(relayer: &Relayer, report: &mut AuditReport) -> Result<(), RelayerError> {
    let mut follower = Follower::new(relayer.escrow.rpc.clone(), config(relayer));
    loop {
        let step = follower.next(&mut *relayer.store.read().await?).await?;
        match &step {
            Step::CaughtUp { .. } => return Ok(()),
            Step::Batch(batch) if !followed(relayer, batch.to).await? => return Ok(()),
            Step::Batch(batch) => check(relayer, batch, report).await?,
            Step::Orphaned { .. } => {}
        }
        let mut tx = relayer.store.begin().await?;
        step.save(&mut tx, follower.config()).await?;
        tx.commit().await?;
    }
}

/// Whether the watcher has been at a block: what it has not seen yet is not missing.
async fn followed(relayer: &Relayer, block: Header) -> Result<bool, RelayerError> {
    let reached = Follower::reached(&mut *relayer.store.read().await?, TRAIL).await?;
    Ok(reached.is_some_and(|reached| block.number <= reached))
}

async fn check(
    relayer: &Relayer,
    batch: &Batch,
    report: &mut AuditReport,
) -> Result<(), RelayerError> {
    let (from, to) = (batch.from, batch.to.number);
    let rows = surety_events::standing(&mut *relayer.store.read().await?, (from, to)).await?;
    let found = compare(rows, &batch.logs);
    report.until = to;
    report.blocks = report.blocks.saturating_add(to.saturating_sub(from).saturating_add(1));
    report.missing = report.missing.saturating_add(found.missing.len() as u64);
    report.extra = report.extra.saturating_add(found.extra.len() as u64);
    if !found.missing.is_empty() || !found.extra.is_empty() {
        watch::repair(relayer, &found.missing, &found.extra).await?;
    }
    Ok(())
}

fn account_now(rows: &[FollowedLog]) -> Account {
    account(rows, u64::MAX)
}

/// Whether the tables that cases are worked on with say of a deal what its rows say.
async fn is_told(relayer: &Relayer, deal: B256, account: &Account) -> Result<bool, RelayerError> {
    let mut conn = relayer.store.read().await?;
    let row = deals::get(&mut conn, deal).await?.unwrap_or_default();
    let milestones = deals::milestones(&mut conn, deal).await?;
    let ended = milestones.iter().filter(|m| m.end.is_some());
    let ended =
        ended.fold(0_u16, |mask, m| mask | 1_u16.checked_shl(m.milestone.into()).unwrap_or(0));
    Ok(row.terms.is_some() == account.is_open() && ended == account.ended())
}

/// Compares every deal's rows with its word at the last block that was audited.
async fn compare_words(relayer: &Relayer, report: &mut AuditReport) -> Result<(), RelayerError> {
    let reached = Follower::reached(&mut *relayer.store.read().await?, AUDIT).await?;
    let Some(until) = reached else { return Ok(()) };
    let Some(block) = relayer.escrow.rpc.header(until).await? else { return Ok(()) };
    report.until = until;
    let mut after = B256::ZERO;
    loop {
        let page = surety_events::deals(&mut *relayer.store.read().await?, after, PAGE).await?;
        let Some(last) = page.last().copied() else { return Ok(()) };
        for deal in page {
            let rows = surety_events::of_deal(&mut *relayer.store.read().await?, deal).await?;
            let account = account(&rows, until);
            let (rpc, escrow) = (&relayer.escrow.rpc, relayer.escrow.address);
            let found = contradictions(rpc, escrow, &block, (deal, &account)).await?;
            report.deals = report.deals.saturating_add(1);
            if !is_told(relayer, deal, &account_now(&rows)).await? {
                watch::repair(relayer, &rows, &[]).await?;
                report.remade = report.remade.saturating_add(1);
            }
            report.contradictions.extend(found.iter().map(|what| format!("{deal}: {what}")));
        }
        after = last;
    }
}
