//! Comparing what is known here with the chain at a final block, and repairing it.
//!
//! Every log is read a second time once its block is final, with a cursor of its own: what a node
//! left out, or made up, when its block was new is found then. And what the rows of a deal amount to
//! is compared with the deal's word, until all of the deal has ended. What differs is repaired from
//! the chain, and told.
//!
//! Of instances that share a database, the one that follows the chain audits too.

use std::sync::Arc;
use std::time::Duration;

use alloy::primitives::B256;
use surety_chain::follow::{Batch, FollowConfig, FollowedLog, Follower, Step};
use surety_chain::{BlockTag, Header};
use surety_events::audit::{Account, AuditReport, account, compare, contradictions};
use surety_relayer_metrics::whole as as_gauge;
use surety_store::{Role, StoreError};
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
                Ok(Some(report)) => tell(&relayer, &report),
                Ok(None) => {}
                Err(error) => unaudited(&error),
            }
        }
    })
    .await;
}

fn unaudited(error: &RelayerError) {
    tracing::warn!(%error, "the audit will be tried again");
}

fn tell(relayer: &Relayer, report: &AuditReport) {
    if report.is_clean() {
        clean(report);
    } else {
        wrong(report);
    }
    relayer.metrics.audit_block.set(as_gauge(report.until));
    let contradictions = u64::try_from(report.contradictions.len()).unwrap_or(u64::MAX);
    relayer.metrics.audit_found("missing", report.missing);
    relayer.metrics.audit_found("extra", report.extra);
    relayer.metrics.audit_found("remade", report.remade);
    relayer.metrics.audit_found("contradiction", contradictions);
}

fn clean(report: &AuditReport) {
    tracing::info!(until = report.until, deals = report.deals, "the audit found nothing");
}

fn wrong(report: &AuditReport) {
    tracing::error!(?report, "the audit found what the chain contradicts");
}

/// What became final since the last audit, and deals that can change; nothing where another instance
/// audits. A contradiction that a second reading of those blocks does not explain stands in older ones:
/// then all of them are read again.
async fn news(relayer: &Relayer) -> Result<Option<AuditReport>, RelayerError> {
    if !relayer.following.lock().await.is_held().await? {
        return Ok(None);
    }
    let mut report = AuditReport::default();
    read_again(relayer, &mut report).await?;
    compare_words((relayer, false), &mut report).await?;
    if report.contradictions.is_empty() {
        return Ok(Some(report));
    }
    let before = report;
    let mut report = whole(relayer).await?;
    report.missing = report.missing.saturating_add(before.missing);
    report.extra = report.extra.saturating_add(before.extra);
    report.remade = report.remade.saturating_add(before.remade);
    Ok(Some(report))
}

/// Everything, from the first block on.
pub(crate) async fn whole(relayer: &Relayer) -> Result<AuditReport, RelayerError> {
    if !relayer.following.lock().await.is_held().await? {
        return Err(StoreError::LeaseLost { kind: "chain" }.into());
    }
    save(relayer, &Step::Orphaned { from_block: relayer.config.start_block }).await?;
    let mut report = AuditReport::default();
    read_again(relayer, &mut report).await?;
    compare_words((relayer, true), &mut report).await?;
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
        save(relayer, &step).await?;
    }
}

/// Moves the audit's cursor. Deals that the blocks speak of are compared with their words.
async fn save(relayer: &Relayer, step: &Step) -> Result<(), RelayerError> {
    let mut tx = relayer.following.lock().await.begin().await?;
    if let Step::Batch(batch) = step {
        surety_events::audit_deals_of(&mut tx, (batch.from, batch.to.number)).await?;
    }
    step.save(&mut tx, &config(relayer)).await?;
    Ok(tx.commit().await?)
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
    let role = relayer.following.lock().await;
    let rows = surety_events::standing(&mut *relayer.store.read().await?, (from, to)).await?;
    let found = compare(rows, &batch.logs);
    report.until = to;
    report.blocks = report.blocks.saturating_add(to.saturating_sub(from).saturating_add(1));
    report.missing = report.missing.saturating_add(count(&found.missing));
    report.extra = report.extra.saturating_add(count(&found.extra));
    if !found.missing.is_empty() || !found.extra.is_empty() {
        watch::repair((relayer, &role), &found.missing, &found.extra).await?;
    }
    Ok(())
}

fn count(logs: &[FollowedLog]) -> u64 {
    u64::try_from(logs.len()).unwrap_or(u64::MAX)
}

/// Makes a deal's tables again where they say something else than its rows. Says whether they did.
async fn remade((relayer, role): (&Relayer, &Role), deal: B256) -> Result<bool, RelayerError> {
    let rows = surety_events::of_deal(&mut *relayer.store.read().await?, deal).await?;
    let told = is_told(relayer, deal, &account(&rows, u64::MAX)).await?;
    if !told {
        watch::remake((relayer, role), deal, &rows).await?;
    }
    Ok(!told)
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

/// Compares deals' rows with their words at the last block that was audited: of all deals, or of those
/// that were not over when they were compared last.
async fn compare_words(
    (relayer, all): (&Relayer, bool),
    report: &mut AuditReport,
) -> Result<(), RelayerError> {
    let reached = Follower::reached(&mut *relayer.store.read().await?, AUDIT).await?;
    let Some(until) = reached else { return Ok(()) };
    let Some(block) = relayer.escrow.rpc.header(until).await? else { return Ok(()) };
    report.until = until;
    let mut after = B256::ZERO;
    loop {
        let page = {
            let mut conn = relayer.store.read().await?;
            if all {
                surety_events::deals(&mut conn, after, PAGE).await?
            } else {
                surety_events::to_audit(&mut conn, after, PAGE).await?
            }
        };
        let Some(last) = page.last().copied() else { return Ok(()) };
        let mut over = Vec::new();
        for deal in page {
            over.extend(compare_word(relayer, (&block, deal), report).await?);
        }
        if !over.is_empty() {
            let mut tx = relayer.following.lock().await.begin().await?;
            for (deal, rows) in over {
                surety_events::audited(&mut tx, deal, rows).await?;
            }
            tx.commit().await?;
        }
        after = last;
    }
}

/// Compares one deal's. Returns it with the number of its rows if it is over, and all is well.
async fn compare_word(
    relayer: &Relayer,
    (block, deal): (&Header, B256),
    report: &mut AuditReport,
) -> Result<Option<(B256, usize)>, RelayerError> {
    let rows = surety_events::of_deal(&mut *relayer.store.read().await?, deal).await?;
    let account = account(&rows, block.number);
    let (rpc, escrow) = (&relayer.escrow.rpc, relayer.escrow.address);
    let found = contradictions(rpc, escrow, block, (deal, &account)).await?;
    report.deals = report.deals.saturating_add(1);
    // The watcher waits: rows and tables are compared as they are at one moment.
    let role = relayer.following.lock().await;
    let remade = remade((relayer, &role), deal).await?;
    report.remade = report.remade.saturating_add(remade.into());
    report.contradictions.extend(found.iter().map(|what| format!("{deal}: {what}")));
    let is_final = rows.iter().all(|row| row.block <= block.number);
    let over = account.is_over() && is_final && found.is_empty() && !remade;
    Ok(over.then_some((deal, rows.len())))
}
