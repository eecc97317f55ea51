//! The gatherer: waits for the moment, and sees each list through.

use std::sync::Arc;
use std::time::Duration;

use alloy::primitives::{B256, U256};
use surety_batches::{Entry, List, Load, decided};
use tokio::task::JoinSet;
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;

use super::{Fate, Offer, ask, send};
use crate::relayer::Relayer;
use crate::{RelayerError, talk};

/// How long the queue and the fee may take to be read: no verdict waits for them.
const LOOK: Duration = Duration::from_millis(250);
/// How often a list is proposed: the second time without the cases that the first did not decide.
const PROPOSALS: usize = 2;

/// Gathers until `stop`. What is cut off is a crash, and crashes are safe.
pub(crate) async fn run(relayer: Arc<Relayer>, stop: CancellationToken) {
    stop.run_until_cancelled(async {
        let mut lists = JoinSet::new();
        loop {
            full(&relayer).await;
            for offers in relayer.pool.take(relayer.config.batch.most()) {
                lists.spawn(settle(Arc::clone(&relayer), offers));
            }
            while lists.try_join_next().is_some() {}
        }
    })
    .await;
}

/// Waits until the oldest verdict has waited for its moment, or so many wait as may settle together.
async fn full(relayer: &Relayer) {
    let pool = &relayer.pool;
    let since = loop {
        match pool.oldest() {
            Some(since) => break since,
            None => pool.bell.notified().await,
        }
    };
    let due = since + moment(relayer).await;
    while pool.longest() < relayer.config.batch.most() && Instant::now() < due {
        // Whether it rang or the time is over, the answer is to look again.
        drop(tokio::time::timeout_at(due, pool.bell.notified()).await);
    }
}

async fn moment(relayer: &Relayer) -> Duration {
    let load = match tokio::time::timeout(LOOK, load(relayer)).await {
        Ok(Ok(load)) => load,
        // A relayer that cannot tell does not make verdicts wait.
        Ok(Err(_)) | Err(_) => Load { room: 1, max_fee_wei: 1, ..Load::default() },
    };
    relayer.config.batch.moment(load)
}

async fn load(relayer: &Relayer) -> Result<Load, RelayerError> {
    let waiting = relayer.sender.waiting().await?;
    let keys = u64::try_from(relayer.sender.each().count()).unwrap_or(u64::MAX);
    let room = u64::from(relayer.config.sending.max_in_flight).saturating_mul(keys);
    let fees = relayer.escrow.rpc.fee_history(1, 50.0).await?;
    let base = fees.base_fee_per_gas.last().copied().unwrap_or_default();
    let max_fee_wei = relayer.config.fees.max_fee_wei;
    Ok(Load { waiting, room, base_fee_wei: base.saturating_to(), max_fee_wei })
}

/// Sees a list through and tells each of its cases what became of it.
async fn settle(relayer: Arc<Relayer>, offers: Vec<Offer>) {
    let has_company = offers.len() > 1;
    let sent = if has_company { together(&relayer, &offers).await } else { Ok(Vec::new()) };
    let sent = sent.unwrap_or_else(|error| {
        tracing::warn!(%error, "verdicts that were gathered settle alone");
        Vec::new()
    });
    for offer in offers {
        let is_sent = sent.contains(&offer.entry.case);
        if has_company {
            relayer.metrics.batch_verdict(if is_sent { "together" } else { "alone" });
        }
        // A task that has gone meanwhile reads its row when it comes back.
        offer.tell.send(if is_sent { Fate::Sent } else { Fate::Alone }).ok();
    }
}

/// Proposes a list, without the cases that do not stand if need be, and queues its settlement.
/// Returns the cases that are in it.
async fn together(relayer: &Relayer, offers: &[Offer]) -> Result<Vec<B256>, RelayerError> {
    let Some(first) = offers.first() else { return Ok(Vec::new()) };
    let seats = talk::seats(relayer, &first.entry.terms, first.round).await?;
    let mut entries: Vec<Entry> = offers.iter().map(|offer| offer.entry.clone()).collect();
    // The escrow goes through them one by one, and a later milestone may need an earlier one's end.
    entries.sort_by_key(|entry| entry.milestone);
    let batch = relayer.config.batch;
    for _ in 0..PROPOSALS {
        let list = List::fitting(&entries, (batch.most(), batch.calldata_max_bytes), seats.len());
        if list.len() < 2 {
            break;
        }
        let rules = rules(&list);
        surety_failpoint::here("batch.proposing");
        let signed = ask::signatures(relayer, &seats, &list, &rules).await?;
        surety_failpoint::here("batch.proposed");
        let stand = decided(&rules, seats.len(), &signed);
        if stand.iter().all(|stands| *stands) {
            return send::send(relayer, first.round, (&list, &signed)).await;
        }
        let standing = list.entries().iter().zip(stand).filter(|(_, stands)| *stands);
        entries = standing.map(|(entry, _)| entry.clone()).collect();
    }
    relayer.metrics.batch("undecided");
    Ok(Vec::new())
}

/// The rules by which the cases of a list are counted.
fn rules(list: &List) -> Vec<U256> {
    let rule = |entry: &Entry| {
        let milestone = entry.terms.milestones.get(usize::from(entry.milestone));
        milestone.map(|milestone| milestone.rule).unwrap_or_default()
    };
    list.entries().iter().map(rule).collect()
}
