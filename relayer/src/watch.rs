//! Following the escrow: deals opened, deliveries pinned, milestones ended.
//!
//! Each step's rows and the cursor are one database transaction. Orphaned blocks are forgotten in
//! the same way, and cases that had ended in them are open again.

use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

use alloy::primitives::{B256, Bytes, Log};
use alloy::sol_types::{SolCall, SolEvent};
use surety_bindings::escrow::DealEscrow::{self, DealOpened, MilestoneDelivered, MilestoneEnded};
use surety_bindings::escrow::Delivery;
use surety_chain::follow::{Batch, FollowConfig, FollowedLog, Follower, Step};
use surety_chain::{BlockTag, Header};
use surety_service::pulse::Beat;
use surety_store::{Conn, Role, Tx};
use surety_terms::digest;
use tokio_util::sync::CancellationToken;

use crate::RelayerError;
use crate::relayer::{ROUND, Relayer};
use crate::store::deals::{self, End, Pin, Place};
use crate::store::{cases, deliverables};

/// The widest range of blocks that is asked for at once.
const RANGE: u64 = 2_000;

/// The longest pause after a step that failed: readers hear soon that the chain is back.
const MOST_PAUSE: Duration = Duration::from_secs(5);

/// Follows the escrow until `stop`.
pub(crate) async fn run(relayer: Arc<Relayer>, beat: Beat, stop: CancellationToken) {
    let config = FollowConfig {
        name: "escrow",
        addresses: vec![relayer.escrow.address],
        tag: relayer.config.block_tag,
        start_block: relayer.config.start_block,
        max_range: RANGE,
    };
    let mut follower = Follower::new(relayer.escrow.rpc.clone(), config);
    let mut role = Role::new(relayer.store.clone(), "chain", relayer.escrow.address.as_slice());
    stop.run_until_cancelled(async {
        let mut trouble: u32 = 0;
        loop {
            beat.beat();
            match step(&relayer, &mut follower, &mut role).await {
                Ok(true) => trouble = 0,
                Ok(false) => {
                    trouble = 0;
                    relayer.look_again();
                    tokio::time::sleep(relayer.poll()).await;
                }
                Err(error) => {
                    trouble = trouble.saturating_add(1).min(5);
                    role.doubt();
                    report(&error);
                    tokio::time::sleep((relayer.poll() * 2_u32.pow(trouble)).min(MOST_PAUSE)).await;
                }
            }
        }
    })
    .await;
}

fn report(error: &RelayerError) {
    tracing::warn!(%error, "the chain will be read again");
}

/// One step. Says whether there may be more right away. Of instances that share a database one
/// follows the chain; the others only keep their clocks.
async fn step(
    relayer: &Relayer,
    follower: &mut Follower,
    role: &mut Role,
) -> Result<bool, RelayerError> {
    if !role.is_held().await? {
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
            read(relayer, batch).await?
        }
        Step::Orphaned { .. } => Vec::new(),
    };
    let tx = role.begin().await?;
    save((relayer, follower.config()), tx, &step, &facts).await?;
    announce(relayer, matches!(step, Step::Orphaned { .. }), facts.len());
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
    (relayer, config): (&Relayer, &FollowConfig),
    mut tx: Tx,
    step: &Step,
    facts: &[(Fact, Place)],
) -> Result<(), RelayerError> {
    if let Step::Orphaned { from_block } = step {
        orphan(&mut tx, *from_block).await?;
    }
    for (fact, place) in facts {
        write(relayer, &mut tx, fact, *place).await?;
    }
    step.save(&mut tx, config).await?;
    Ok(tx.commit().await?)
}

/// Counts what a step brought, and rings for those who wait for it.
fn announce(relayer: &Relayer, orphaned: bool, facts: usize) {
    relayer.metrics.events.inc_by(u64::try_from(facts).unwrap_or(u64::MAX));
    relayer.metrics.reorgs.inc_by(u64::from(orphaned));
    if facts > 0 || orphaned {
        relayer.changed();
        relayer.cases.notify_one();
    }
}

async fn orphan(conn: &mut Conn, from_block: u64) -> Result<(), RelayerError> {
    tracing::warn!(from_block, "blocks were orphaned");
    deals::orphan(conn, from_block).await?;
    cases::orphan(conn, from_block).await
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

/// What an event of the escrow says.
#[derive(Debug)]
enum Fact {
    Opened(Box<DealOpened>),
    Delivered(Box<MilestoneDelivered>, Bytes),
    Ended(MilestoneEnded),
}

/// Reads a batch's events. What does not decode is not from this escrow's code, and is skipped.
async fn read(relayer: &Relayer, batch: &Batch) -> Result<Vec<(Fact, Place)>, RelayerError> {
    let mut facts = Vec::new();
    for found in &batch.logs {
        let place = Place { block: found.block, at: found.timestamp, tx: found.tx_hash };
        let mut fact = decode(&found.log);
        if let Some(Fact::Delivered(_, signature)) = &mut fact {
            *signature = signed(relayer, found).await?;
        }
        facts.extend(fact.map(|fact| (fact, place)));
    }
    Ok(facts)
}

fn decode(log: &Log) -> Option<Fact> {
    let topic = log.data.topics().first().copied()?;
    let fact = match topic {
        DealOpened::SIGNATURE_HASH => {
            DealOpened::decode_log(log).map(|e| Fact::Opened(Box::new(e.data)))
        }
        MilestoneEnded::SIGNATURE_HASH => {
            MilestoneEnded::decode_log(log).map(|e| Fact::Ended(e.data))
        }
        MilestoneDelivered::SIGNATURE_HASH => MilestoneDelivered::decode_log(log)
            .map(|e| Fact::Delivered(Box::new(e.data), Bytes::new())),
        _ => return None,
    };
    if fact.is_err() {
        tracing::error!(%topic, "an event does not decode");
    }
    fact.ok()
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
    fact: &Fact,
    place: Place,
) -> Result<(), RelayerError> {
    match fact {
        Fact::Opened(event) => {
            if digest::deal_id(&event.terms, &relayer.escrow.domain()) == event.dealId {
                deals::opened(conn, event.dealId, &event.terms, place).await
            } else {
                Err(RelayerError::Contradiction { what: "a deal's id is not its terms' digest" })
            }
        }
        Fact::Delivered(event, signature) => {
            let pin = Pin {
                state: event.state.clone(),
                uri: event.uri.clone(),
                signature: signature.clone(),
            };
            deals::lock(conn, event.dealId).await?;
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
    conn: &mut Conn,
    deal: B256,
) -> Result<(), RelayerError> {
    if deals::terms(conn, deal).await?.is_none() {
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
