//! Following the escrow: deals opened, deliveries pinned, milestones ended.
//!
//! Each step's rows and the cursor are one database transaction. What orphaned blocks said is marked
//! in the same way and never deleted, what is known of their deals is made again from what stands,
//! and cases that had ended in them are open again.

use std::sync::Arc;
use std::time::Instant;

use alloy::primitives::{B256, Bytes};
use alloy::sol_types::SolCall;
use sqlx::SqliteConnection;
use surety_bindings::escrow::{DealEscrow, Delivery};
use surety_chain::follow::{FollowConfig, FollowedLog, Follower, Step};
use surety_chain::{BlockTag, Header};
use surety_events::Fact;
use surety_terms::digest;
use tokio_util::sync::CancellationToken;

use crate::RelayerError;
use crate::relayer::{Clock, ROUND, Relayer};
use crate::store::deals::{self, End, Pin, Place};
use crate::store::{cases, deliverables};

/// The widest range of blocks that is asked for at once.
pub(crate) const RANGE: u64 = 10_000;

/// The trail of what was followed.
pub(crate) const TRAIL: &str = "escrow";

/// Follows the escrow until `stop`.
pub(crate) async fn run(relayer: Arc<Relayer>, stop: CancellationToken) {
    let config = FollowConfig {
        name: TRAIL,
        addresses: vec![relayer.escrow.address],
        tag: relayer.config.block_tag,
        start_block: relayer.config.start_block,
        max_range: RANGE,
    };
    let mut follower = Follower::new(relayer.escrow.rpc.clone(), config);
    let mut heads = relayer.heads.subscribe();
    stop.run_until_cancelled(async {
        let mut trouble: u32 = 0;
        loop {
            match step(&relayer, &mut follower).await {
                Ok(true) => trouble = 0,
                Ok(false) => {
                    trouble = 0;
                    // Whether a node told of a block or the time is over, the next step looks.
                    if let Ok(Ok(())) = tokio::time::timeout(relayer.poll(), heads.changed()).await
                    {
                        relayer.sender.wake();
                    }
                }
                Err(error) => {
                    trouble = trouble.saturating_add(1).min(5);
                    report(&error);
                    tokio::time::sleep(relayer.poll() * 2_u32.pow(trouble)).await;
                }
            }
        }
    })
    .await;
}

fn report(error: &RelayerError) {
    tracing::warn!(%error, "the chain will be read again");
}

/// One step. Says whether there may be more right away.
async fn step(relayer: &Relayer, follower: &mut Follower) -> Result<bool, RelayerError> {
    let step = follower.next(&mut *relayer.store.read().await?).await?;
    let facts = match &step {
        Step::CaughtUp { head } => {
            tick(relayer, *head).await?;
            return Ok(false);
        }
        Step::Batch(batch) => {
            tick(relayer, batch.head).await?;
            read(relayer, &batch.logs).await?
        }
        Step::Orphaned { from_block } => standing(relayer, *from_block).await?,
    };
    save(relayer, follower, &step, &facts).await?;
    if !facts.is_empty() || matches!(step, Step::Orphaned { .. }) {
        relayer.changed();
        relayer.cases.notify_one();
    }
    Ok(true)
}

/// Writes a step's rows and the cursor at once.
async fn save(
    relayer: &Relayer,
    follower: &Follower,
    step: &Step,
    facts: &[(Fact, Bytes, Place)],
) -> Result<(), RelayerError> {
    let mut tx = relayer.store.begin().await?;
    match step {
        Step::Orphaned { from_block } => orphan(&mut tx, *from_block).await?,
        Step::Batch(batch) => keep(&mut tx, &batch.logs).await?,
        Step::CaughtUp { .. } => {}
    }
    for fact in facts {
        write(relayer, &mut tx, fact).await?;
    }
    step.save(&mut tx, follower.config()).await?;
    Ok(tx.commit().await?)
}

/// Keeps the logs themselves: they are what everything else can be made of again.
async fn keep(conn: &mut SqliteConnection, logs: &[FollowedLog]) -> Result<(), RelayerError> {
    for log in logs {
        surety_events::record(conn, log).await?;
    }
    Ok(())
}

/// What still stands of the deals of which blocks from here on said something.
async fn standing(relayer: &Relayer, from_block: u64) -> Result<Facts, RelayerError> {
    let mut logs = Vec::new();
    {
        let mut conn = relayer.store.read().await?;
        for deal in surety_events::touched(&mut conn, from_block).await? {
            logs.extend(surety_events::of_deal(&mut conn, deal).await?);
        }
    }
    logs.retain(|log| log.block < from_block);
    read(relayer, &logs).await
}

/// Marks what orphaned blocks said, and takes back what it amounted to.
async fn orphan(conn: &mut SqliteConnection, from_block: u64) -> Result<(), RelayerError> {
    tracing::warn!(from_block, "blocks were orphaned");
    surety_events::orphan(conn, from_block).await?;
    deals::orphan(conn, from_block).await?;
    cases::orphan(conn, from_block).await
}

/// What stands from a block on, but for some.
async fn without(
    relayer: &Relayer,
    from_block: u64,
    extra: &[FollowedLog],
) -> Result<Vec<FollowedLog>, RelayerError> {
    let mut conn = relayer.store.read().await?;
    let mut stands = surety_events::standing(&mut conn, (from_block, u64::MAX)).await?;
    stands.retain(|log| !extra.contains(log));
    Ok(stands)
}

/// Applies logs that the audit found, after marking those that the chain does not have.
pub(crate) async fn repair(
    relayer: &Relayer,
    missing: &[FollowedLog],
    extra: &[FollowedLog],
) -> Result<(), RelayerError> {
    let facts = read(relayer, missing).await?;
    let lowest = extra.iter().map(|log| log.block).min();
    let again = match lowest {
        Some(block) => read(relayer, &without(relayer, block, extra).await?).await?,
        None => Vec::new(),
    };
    let mut tx = relayer.store.begin().await?;
    for log in extra {
        surety_events::orphan_one(&mut tx, log).await?;
    }
    if let Some(block) = lowest {
        deals::orphan(&mut tx, block).await?;
        cases::orphan(&mut tx, block).await?;
    }
    keep(&mut tx, missing).await?;
    for fact in again.iter().chain(&facts) {
        write(relayer, &mut tx, fact).await?;
    }
    tx.commit().await?;
    relayer.changed();
    relayer.cases.notify_one();
    Ok(())
}

/// Moves the clock: time is the newest block's, however deep we act.
async fn tick(relayer: &Relayer, head: Header) -> Result<(), RelayerError> {
    let head = match relayer.config.block_tag {
        BlockTag::Latest => head,
        BlockTag::Safe | BlockTag::Finalized => relayer.escrow.rpc.head(BlockTag::Latest).await?,
    };
    relayer.clock.send_replace(Clock { head, read: Instant::now() });
    Ok(())
}

/// What events say, the signatures of deliveries, and where they stand.
type Facts = Vec<(Fact, Bytes, Place)>;

/// Reads events. What does not decode is not from this escrow's code, and is skipped.
async fn read(relayer: &Relayer, logs: &[FollowedLog]) -> Result<Facts, RelayerError> {
    let mut facts = Vec::new();
    for found in logs {
        let place = Place { block: found.block, at: found.timestamp, tx: found.tx_hash };
        let Some(fact) = Fact::read(&found.log) else { continue };
        let signature = match &fact {
            Fact::Delivered(_) => signed(relayer, found).await?,
            Fact::Opened(_) | Fact::Ended(_) => Bytes::new(),
        };
        facts.push((fact, signature, place));
    }
    Ok(facts)
}

/// The seller's signature of a pinned delivery, from the calldata that pinned it. Empty when the
/// escrow was called by the seller itself or through another contract; the pin is proof enough.
async fn signed(relayer: &Relayer, found: &FollowedLog) -> Result<Bytes, RelayerError> {
    let Some(sent) = relayer.escrow.rpc.transaction(found.tx_hash).await? else {
        return Err(RelayerError::Contradiction { what: "an event without its transaction" });
    };
    let call = (sent.to == Some(relayer.escrow.address))
        .then(|| DealEscrow::deliverCall::abi_decode(&sent.input).ok())
        .flatten();
    Ok(call.map(|c| c.signature).unwrap_or_default())
}

async fn write(
    relayer: &Relayer,
    conn: &mut SqliteConnection,
    (fact, signature, place): &(Fact, Bytes, Place),
) -> Result<(), RelayerError> {
    let place = *place;
    match fact {
        Fact::Opened(event) => {
            if digest::deal_id(&event.terms, &relayer.escrow.domain()) == event.dealId {
                deals::opened(conn, event.dealId, &event.terms, place).await
            } else {
                Err(RelayerError::Contradiction { what: "a deal's id is not its terms' digest" })
            }
        }
        Fact::Delivered(event) => {
            let pin = Pin {
                state: event.state.clone(),
                uri: event.uri.clone(),
                signature: signature.clone(),
            };
            deals::delivered(conn, (event.dealId, event.milestone), &pin, place).await?;
            deliverables::name(conn, pin.state.deliverable).await?;
            open_pinned(relayer, conn, event.dealId).await
        }
        Fact::Ended(event) => {
            let end = End {
                ending: event.ending,
                to_seller: event.toSeller.to_string(),
                to_buyer: event.toBuyer.to_string(),
                place,
            };
            deals::ended(conn, (event.dealId, event.milestone), &end).await
        }
    }
}

/// Opens the cases of a deal's pinned deliveries, as far as the deal's term sheet is known.
pub(crate) async fn open_pinned(
    relayer: &Relayer,
    conn: &mut SqliteConnection,
    deal: B256,
) -> Result<(), RelayerError> {
    if deals::sheet(conn, deal).await?.is_none() {
        return Ok(());
    }
    for row in deals::milestones(conn, deal).await? {
        let (Some(pin), None) = (row.pin, row.end) else { continue };
        let deliverable = pin.state.deliverable;
        let delivery =
            Delivery { dealId: deal, milestone: row.milestone, deliverable, uri: pin.uri };
        let id = relayer.case_id((deal, row.milestone), deliverable);
        cases::seen(conn, id, &delivery, &pin.signature, ROUND).await?;
    }
    Ok(())
}
