//! Following the escrow: deals opened, deliveries pinned, milestones moved on and ended.
//!
//! Each step's rows and the cursor are one database transaction. What orphaned blocks said is marked
//! in the same way and never deleted, what is known of their deals is made again from what stands,
//! and cases that had ended in them are open again.

use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

use alloy::primitives::{B256, Bytes};
use alloy::sol_types::SolCall;
use surety_bindings::escrow::{DealEscrow, Delivery};
use surety_chain::follow::{FollowConfig, FollowedLog, Follower, Step};
use surety_chain::{BlockTag, Header};
use surety_events::Fact;
use surety_service::pulse::Beat;
use surety_store::{Conn, Role, Tx};
use surety_terms::digest;
use tokio::sync::watch;
use tokio_util::sync::CancellationToken;

use crate::RelayerError;
use crate::acts;
use crate::relayer::Relayer;
use crate::store::cases::CaseRow;
use crate::store::deals::{self, End, Pin, Place};
use crate::store::{cases, deliverables};

/// The widest range of blocks that is asked for at once.
pub(crate) const RANGE: u64 = 10_000;

/// The trail of what was followed.
pub(crate) const TRAIL: &str = "escrow";

/// The longest pause after a step that failed: readers hear soon that the chain is back.
const MOST_PAUSE: Duration = Duration::from_secs(5);

/// The shortest pause between two looks, however often a node tells of new blocks.
const LEAST_PAUSE: Duration = Duration::from_millis(50);

/// Follows the escrow until `stop`.
pub(crate) async fn run(relayer: Arc<Relayer>, beat: Beat, stop: CancellationToken) {
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
            beat.beat();
            match step(&relayer, &mut follower).await {
                Ok(true) => trouble = 0,
                Ok(false) => {
                    trouble = 0;
                    relayer.look_again();
                    rest(&relayer, &mut heads).await;
                }
                Err(error) => {
                    trouble = trouble.saturating_add(1).min(5);
                    relayer.following.lock().await.doubt();
                    report(&error);
                    tokio::time::sleep((relayer.poll() * 2_u32.pow(trouble)).min(MOST_PAUSE)).await;
                }
            }
        }
    })
    .await;
}

/// Waits until it is time to look again, or until a node tells of a block.
async fn rest(relayer: &Relayer, heads: &mut watch::Receiver<u64>) {
    let least = relayer.poll().min(LEAST_PAUSE);
    tokio::time::sleep(least).await;
    let rung = tokio::time::timeout(relayer.poll().saturating_sub(least), heads.changed()).await;
    if let Ok(Ok(())) = rung {
        relayer.sender.wake();
    }
}

fn report(error: &RelayerError) {
    tracing::warn!(%error, "the chain will be read again");
}

/// One step. Says whether there may be more right away. Of instances that share a database one
/// follows the chain; the others only keep their clocks.
async fn step(relayer: &Relayer, follower: &mut Follower) -> Result<bool, RelayerError> {
    let mut role = relayer.following.lock().await;
    if !role.is_held().await? {
        drop(role);
        return stand_by(relayer).await;
    }
    let step = follower.next(&mut *relayer.store.read().await?).await?;
    let facts = match &step {
        Step::CaughtUp { head } => {
            tick(relayer, *head).await?;
            relayer.health.caught_up.store(true, Ordering::Relaxed);
            return Ok(false);
        }
        Step::Batch(batch) => {
            tick(relayer, batch.head).await?;
            read(relayer, &batch.logs).await?
        }
        Step::Orphaned { from_block } => {
            standing(relayer, *from_block, |log| log.block < *from_block).await?
        }
    };
    save((role.begin().await?, follower.config()), relayer, &step, &facts).await?;
    announce(relayer, &step, facts.len());
    Ok(true)
}

/// Another instance follows the chain, and the rows are as good as if this one did.
async fn stand_by(relayer: &Relayer) -> Result<bool, RelayerError> {
    tick(relayer, relayer.escrow.rpc.head(BlockTag::Latest).await?).await?;
    relayer.health.caught_up.store(true, Ordering::Relaxed);
    Ok(false)
}

/// Writes a step's rows and its cursor as one.
async fn save(
    (mut tx, config): (Tx, &FollowConfig),
    relayer: &Relayer,
    step: &Step,
    facts: &Facts,
) -> Result<(), RelayerError> {
    match step {
        Step::Orphaned { from_block } => orphan(&mut tx, *from_block).await?,
        Step::Batch(batch) => keep(&mut tx, &batch.logs).await?,
        Step::CaughtUp { .. } => {}
    }
    for fact in facts {
        write(relayer, &mut tx, fact).await?;
    }
    step.save(&mut tx, config).await?;
    surety_failpoint::here("watch.step.written");
    tx.commit().await?;
    surety_failpoint::here("watch.step.stored");
    Ok(())
}

/// Counts what a step brought, and rings for those who wait for it.
fn announce(relayer: &Relayer, step: &Step, facts: usize) {
    let orphaned = matches!(step, Step::Orphaned { .. });
    if orphaned {
        surety_failpoint::here("watch.orphaned.stored");
        relayer.metrics.reorgs.inc();
    } else {
        relayer.metrics.events.inc_by(u64::try_from(facts).unwrap_or(u64::MAX));
    }
    if facts > 0 || orphaned {
        relayer.changed();
        relayer.cases.notify_one();
    }
}

/// Keeps the logs themselves: they are what everything else can be made of again.
async fn keep(conn: &mut Conn, logs: &[FollowedLog]) -> Result<(), RelayerError> {
    for log in logs {
        surety_events::record(conn, log).await?;
    }
    Ok(())
}

/// What stands, of all that was said about the deals that a block or a later one speaks of.
async fn standing(
    relayer: &Relayer,
    from_block: u64,
    stands: impl Fn(&FollowedLog) -> bool,
) -> Result<Facts, RelayerError> {
    let mut logs = Vec::new();
    {
        let mut conn = relayer.store.read().await?;
        for deal in surety_events::touched(&mut conn, from_block).await? {
            logs.extend(surety_events::of_deal(&mut conn, deal).await?);
        }
    }
    logs.retain(stands);
    read(relayer, &logs).await
}

/// Marks what orphaned blocks said, and takes back what it amounted to.
async fn orphan(conn: &mut Conn, from_block: u64) -> Result<(), RelayerError> {
    tracing::warn!(from_block, "blocks were orphaned");
    surety_events::orphan(conn, from_block).await?;
    deals::orphan(conn, from_block).await?;
    cases::orphan(conn, from_block).await?;
    surety_failpoint::here("watch.orphaned.written");
    Ok(())
}

/// Applies logs that the audit found, after marking those that the chain does not have.
pub(crate) async fn repair(
    (relayer, role): (&Relayer, &Role),
    missing: &[FollowedLog],
    extra: &[FollowedLog],
) -> Result<(), RelayerError> {
    let lowest = extra.iter().map(|log| log.block).min();
    let again = match lowest {
        Some(block) => standing(relayer, block, |log| !extra.contains(log)).await?,
        None => Vec::new(),
    };
    let facts = read(relayer, missing).await?;
    let mut tx = role.begin().await?;
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

/// Makes again what is known of a deal, from all that stands of what was said about it.
pub(crate) async fn remake(
    (relayer, role): (&Relayer, &Role),
    deal: B256,
    rows: &[FollowedLog],
) -> Result<(), RelayerError> {
    let facts = read(relayer, rows).await?;
    let mut tx = role.begin().await?;
    deals::take_back(&mut tx, deal).await?;
    cases::reopen(&mut tx, deal).await?;
    for fact in &facts {
        write(relayer, &mut tx, fact).await?;
    }
    tx.commit().await?;
    relayer.changed();
    relayer.cases.notify_one();
    Ok(())
}

/// Moves the clock: time is the newest block's, however deep we act.
async fn tick(relayer: &Relayer, tagged: Header) -> Result<(), RelayerError> {
    let head = match relayer.config.block_tag {
        BlockTag::Latest => tagged,
        BlockTag::Safe | BlockTag::Finalized => relayer.escrow.rpc.head(BlockTag::Latest).await?,
    };
    relayer.clock.send_modify(|clock| *clock = clock.looked(head, tagged));
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
            Fact::Opened(_) | Fact::Moved(_) | Fact::Ended(_) => Bytes::new(),
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
    conn: &mut Conn,
    (fact, signature, place): &(Fact, Bytes, Place),
) -> Result<(), RelayerError> {
    let place = *place;
    match fact {
        Fact::Opened(event) => {
            if digest::deal_id(&event.terms, &relayer.escrow.domain()) == event.dealId {
                deals::opened(conn, event.dealId, &event.terms, place).await?;
                acts::plan(conn, event.dealId).await
            } else {
                Err(RelayerError::Contradiction { what: "a deal's id is not its terms' digest" })
            }
        }
        Fact::Delivered(event) => {
            let pin = Pin {
                state: event.state.clone(),
                uri: event.uri.clone(),
                signature: signature.clone(),
                block: place.block,
            };
            deals::lock(conn, event.dealId).await?;
            deals::delivered(conn, (event.dealId, event.milestone), &pin, place).await?;
            deliverables::name(conn, pin.state.deliverable).await?;
            open_pinned(relayer, conn, event.dealId).await
        }
        Fact::Moved(event) => {
            deals::lock(conn, event.dealId).await?;
            deals::moved(conn, (event.dealId, event.milestone), &event.state, place).await?;
            deliverables::name(conn, event.state.deliverable).await?;
            open_pinned(relayer, conn, event.dealId).await
        }
        Fact::Ended(event) => {
            let end = End {
                ending: event.ending,
                to_seller: event.toSeller.to_string(),
                to_buyer: event.toBuyer.to_string(),
                place,
            };
            deals::ended(conn, (event.dealId, event.milestone), &end).await?;
            acts::plan(conn, event.dealId).await
        }
    }
}

/// Opens the cases of what is to be judged on the chain, as far as the deal's term sheet is known, and
/// writes what time allows from now on.
pub(crate) async fn open_pinned(
    relayer: &Relayer,
    conn: &mut Conn,
    deal: B256,
) -> Result<(), RelayerError> {
    if deals::terms(conn, deal).await?.is_some() {
        open_cases(relayer, conn, deal).await?;
    }
    acts::plan(conn, deal).await
}

/// Pinned deliveries are the panel's; what was escalated, appealed or not agreed on is the appeal
/// panel's.
async fn open_cases(relayer: &Relayer, conn: &mut Conn, deal: B256) -> Result<(), RelayerError> {
    for row in deals::milestones(conn, deal).await? {
        let (Some(pin), None) = (row.pin, row.end) else { continue };
        let Some(round) = surety_acts::open_round(&pin.state) else { continue };
        let place = (deal, row.milestone);
        let (delivery, signature) = delivery(conn, place, pin).await?;
        let id = relayer.case_in(round, place, delivery.deliverable);
        cases::seen(conn, id, &delivery, &signature, round).await?;
    }
    Ok(())
}

/// What the seller said of what the chain pins: there, or else when it handed it in here.
async fn delivery(
    conn: &mut Conn,
    place: (B256, u8),
    pin: Pin,
) -> Result<(Delivery, Bytes), RelayerError> {
    let deliverable = pin.state.deliverable;
    if pin.signature.is_empty() {
        let mut handed_in = cases::of_milestone(conn, place).await?.into_iter();
        let signed =
            |case: &CaseRow| case.delivery.deliverable == deliverable && !case.signature.is_empty();
        if let Some(case) = handed_in.find(signed) {
            return Ok((case.delivery, case.signature));
        }
    }
    let (deal, milestone) = place;
    let delivery = Delivery { dealId: deal, milestone, deliverable, uri: pin.uri };
    Ok((delivery, pin.signature))
}
