//! What time allows anybody to do, done for every deal that was opened or served here.
//!
//! What is due stands in a row that was written with the events it follows from. Once the chain's time
//! has come the act is simulated, and queued in the transaction that notes so. Whether it is done is the
//! escrow's word: the row goes when the milestone's end, or its next state, is seen. So somebody else may
//! do it first, this process may die anywhere, and a reorganisation brings the row back.

use std::sync::Arc;

use alloy::primitives::{Address, B256, Bytes, keccak256};
use futures::StreamExt as _;
use surety_acts::rows::{self, ActRow};
use surety_acts::{Act, Claim, Due, Told};
use surety_bindings::escrow::{SlowState, Terms};
use surety_bindings::revert;
use surety_chain::CallOutcome;
use surety_chain::send::{Request, SendState};
use surety_store::{Conn, Role};
use tokio_util::sync::CancellationToken;

use crate::RelayerError;
use crate::relayer::{OWN_ACTS, Relayer};
use crate::store::{cases, deals};

/// How many acts are looked at in one round.
const MOST: u32 = 64;
/// How many at once.
const AT_ONCE: usize = 8;
/// Chain time until an act that was sent, or that is not possible yet, is looked at again.
const AGAIN_SECS: u64 = 30;
/// Chain time until a node is asked again for an opening that it does not know.
const UNKNOWN_SECS: u64 = 3_600;

/// Whether a deal was opened or served here.
async fn is_ours(conn: &mut Conn, deal: B256) -> Result<bool, RelayerError> {
    Ok(rows::was_opened_here(conn, deal).await? || cases::serves(conn, deal).await?)
}

/// Whether what time allows with a deal is done here for nothing. Should the store have been lost,
/// the chain still knows whose key opened it. None while the watcher has not read the opening.
pub(crate) async fn owes(relayer: &Relayer, deal: B256) -> Result<Option<bool>, RelayerError> {
    let opened = {
        let mut conn = relayer.store.read().await?;
        if is_ours(&mut conn, deal).await? {
            return Ok(Some(true));
        }
        deals::get(&mut conn, deal).await?.and_then(|row| row.opened_tx)
    };
    let Some(opened) = opened else { return Ok(None) };
    let sent = relayer.escrow.rpc.transaction(opened).await?;
    if !sent.is_some_and(|sent| is_key(relayer, sent.from)) {
        return Ok(Some(false));
    }
    let mut tx = relayer.store.begin().await?;
    take(&mut tx, deal).await?;
    tx.commit().await?;
    Ok(Some(true))
}

fn is_key(relayer: &Relayer, from: Address) -> bool {
    relayer.sender.addresses().any(|key| key == from)
}

/// Notes that a deal was opened here, and what time allows with it.
async fn take(conn: &mut Conn, deal: B256) -> Result<(), RelayerError> {
    rows::opened_here(conn, deal).await?;
    plan(conn, deal).await
}

/// Finds out which deals were opened here, of those with which something is due.
async fn recognise(relayer: &Relayer, role: &Role, now: u64) -> Result<(), RelayerError> {
    let unmet = deals::unmet(&mut *relayer.store.read().await?, now, MOST).await?;
    futures::stream::iter(unmet)
        .for_each_concurrent(AT_ONCE, |opening| async move {
            if let Err(error) = meet(relayer, role, opening).await {
                tracing::warn!(deal = %opening.0, %error, "its opener will be looked at again");
            }
        })
        .await;
    Ok(())
}

/// Looks once at whose key opened a deal, when something is due with it: a store that was lost, or is
/// new, does not know. A node may have forgotten the transaction; it is asked again then.
async fn meet(
    relayer: &Relayer,
    role: &Role,
    (deal, opened): (B256, B256),
) -> Result<(), RelayerError> {
    let is_open = {
        let mut conn = relayer.store.read().await?;
        let due = allowed(&mut conn, deal).await?.unwrap_or_default();
        due.iter().any(Option::is_some) && !is_ours(&mut conn, deal).await?
    };
    let sent = if is_open { relayer.escrow.rpc.transaction(opened).await? } else { None };
    let again = (is_open && sent.is_none()).then(|| relayer.now().saturating_add(UNKNOWN_SECS));
    let mut tx = role.begin().await?;
    if sent.is_some_and(|sent| is_key(relayer, sent.from)) {
        take(&mut tx, deal).await?;
    }
    deals::met(&mut tx, (deal, opened), again).await?;
    Ok(tx.commit().await?)
}

/// What time allows with a deal's milestones, in order; none while its opening is not known.
async fn allowed(conn: &mut Conn, deal: B256) -> Result<Option<Vec<Option<Due>>>, RelayerError> {
    let Some(terms) = deals::get(conn, deal).await?.and_then(|row| row.terms) else {
        return Ok(None);
    };
    let known = deals::milestones(conn, deal).await?;
    let told = |milestone: u8| match known.iter().find(|row| row.milestone == milestone) {
        Some(row) if row.end.is_some() => Told::Ended,
        Some(row) => Told::Live(row.pin.as_ref().map(|pin| &pin.state)),
        None => Told::Live(None),
    };
    Ok(Some(surety_acts::plan(&terms, told)))
}

/// Writes what time allows with a deal's milestones, if the deal was opened or served here.
pub(crate) async fn plan(conn: &mut Conn, deal: B256) -> Result<(), RelayerError> {
    if !is_ours(conn, deal).await? {
        return Ok(());
    }
    // Another writer may be about to say more of this deal.
    deals::lock(conn, deal).await?;
    match allowed(conn, deal).await? {
        Some(due) => rows::plan(conn, deal, &due).await?,
        None => rows::forget(conn, deal).await?,
    }
    Ok(())
}

/// Performs what is due until `stop`.
pub(crate) async fn run(relayer: Arc<Relayer>, stop: CancellationToken) {
    stop.run_until_cancelled(async {
        // Of instances that share a database one does this.
        let mut role = Role::new(relayer.store.clone(), "acts", &relayer.escrow.address[..]);
        loop {
            if let Err(error) = round(&relayer, &mut role).await {
                role.doubt();
                tracing::warn!(%error, "what is due will be looked at again");
            }
            tokio::time::sleep(relayer.poll() * 2).await;
        }
    })
    .await;
}

async fn round(relayer: &Relayer, role: &mut Role) -> Result<(), RelayerError> {
    if !role.is_held().await? {
        return Ok(());
    }
    let role = &*role;
    let now = relayer.now();
    recognise(relayer, role, now).await?;
    let due = rows::to_look_at(&mut *relayer.store.read().await?, now, MOST).await?;
    futures::stream::iter(due)
        .for_each_concurrent(AT_ONCE, |row| async move {
            if let Err(error) = look(relayer, role, &row).await {
                let (deal, act) = (row.deal, row.due.act.as_str());
                tracing::warn!(%deal, act, %error, "a timed act will be looked at again");
            }
        })
        .await;
    Ok(())
}

/// Queues one act, unless it is on its way or not possible now.
async fn look(relayer: &Relayer, role: &Role, row: &ActRow) -> Result<(), RelayerError> {
    let claim = Claim::read(&mut *relayer.store.read().await?, row.place()).await?;
    if is_under_way(relayer, &claim).await? {
        return wait(relayer, role, row).await;
    }
    let Some(calldata) = calldata(relayer, row).await? else {
        return wait(relayer, role, row).await;
    };
    match relayer.escrow.simulate(relayer.sender.address(), &calldata).await? {
        CallOutcome::Returned(_) => queue(relayer, role, row, calldata).await,
        CallOutcome::Reverted(data) => {
            refused(relayer, row, &data);
            wait(relayer, role, row).await
        }
    }
}

/// Whether a request that does it waits, is out, or stands in a block that the watcher has not read.
pub(crate) async fn is_under_way(relayer: &Relayer, claim: &Claim) -> Result<bool, RelayerError> {
    for (id, also_mined) in [(claim.free(), true), (claim.paid(), false)] {
        let Some(id) = id else { continue };
        let state = relayer.sender.status(id).await?.map(|status| status.state);
        match state {
            Some(SendState::Queued | SendState::Sent) => return Ok(true),
            Some(SendState::Mined) if also_mined => return Ok(true),
            Some(SendState::Mined | SendState::Failed) | None => {}
        }
    }
    Ok(false)
}

/// A live milestone as the chain told of it.
pub(crate) struct Live {
    pub(crate) terms: Terms,
    pub(crate) state: Option<SlowState>,
}

/// A milestone's terms and state, unless its deal is unknown, it has ended, or the terms have no such
/// milestone.
pub(crate) async fn live(
    conn: &mut Conn,
    (deal, milestone): (B256, u8),
) -> Result<Option<Live>, RelayerError> {
    let Some(terms) = deals::get(conn, deal).await?.and_then(|row| row.terms) else {
        return Ok(None);
    };
    let row = deals::milestone(conn, (deal, milestone)).await?;
    let is_live = usize::from(milestone) < terms.milestones.len() && row.end.is_none();
    Ok(is_live.then(|| Live { terms, state: row.pin.map(|pin| pin.state) }))
}

/// What time allows with a live milestone under its jury, and from when on.
pub(crate) async fn next(
    relayer: &Relayer,
    live: &Live,
    milestone: u8,
) -> Result<Option<Due>, RelayerError> {
    let Some(due) = surety_acts::next(&live.terms, milestone, live.state.as_ref()) else {
        return Ok(None);
    };
    let has_appeal_panel =
        due.act != Act::Escalate || !relayer.escrow.panel(live.terms.jury, 2).await?.is_empty();
    Ok(Some(Due { act: due.act.under(has_appeal_panel), ..due }))
}

/// The call, or none when what the row says is old.
async fn calldata(relayer: &Relayer, row: &ActRow) -> Result<Option<Bytes>, RelayerError> {
    let live = live(&mut *relayer.store.read().await?, row.place()).await?;
    let Some(live) = live else { return Ok(None) };
    let Some(due) = next(relayer, &live, row.milestone).await? else { return Ok(None) };
    if due.at != row.due.at {
        return Ok(None);
    }
    let Live { terms, state } = live;
    Ok(Some(due.act.calldata(terms, row.milestone, state, Vec::new())))
}

/// Notes the request and queues it as one act. The calldata names it, as it does when somebody hands
/// the same call in.
async fn queue(
    relayer: &Relayer,
    role: &Role,
    row: &ActRow,
    calldata: Bytes,
) -> Result<(), RelayerError> {
    let id = keccak256(&calldata);
    let request = Request { id, to: relayer.escrow.address, calldata, rank: OWN_ACTS };
    let mut tx = role.begin().await?;
    if !rows::sending(&mut tx, row, id, again(relayer)).await? {
        // The milestone has moved on since it was read.
        return Ok(tx.rollback().await?);
    }
    relayer.sender.queue(&mut tx, &request).await?;
    surety_failpoint::here("act.sent.written");
    tx.commit().await?;
    surety_failpoint::here("act.sent.stored");
    relayer.sender.wake();
    relayer.changed();
    relayer.metrics.act(row.due.act.as_str(), "sent");
    let act = row.due.act.as_str();
    tracing::info!(deal = %row.deal, milestone = row.milestone, act, "time allows it: sent");
    Ok(())
}

/// The escrow would refuse. Most likely somebody else did it and the watcher has not read so yet.
fn refused(relayer: &Relayer, row: &ActRow, data: &[u8]) {
    let named = revert::decode(data).map(|revert| revert.name);
    let revert = named.unwrap_or_else(|| "an unnamed revert".to_owned());
    let act = row.due.act.as_str();
    relayer.metrics.act(act, "refused");
    tracing::info!(deal = %row.deal, milestone = row.milestone, act, revert, "not possible now");
}

/// Writes again what time allows, and looks at it later.
async fn wait(relayer: &Relayer, role: &Role, row: &ActRow) -> Result<(), RelayerError> {
    let mut tx = role.begin().await?;
    plan(&mut tx, row.deal).await?;
    rows::later(&mut tx, row, again(relayer)).await?;
    surety_failpoint::here("act.put-off.written");
    tx.commit().await?;
    surety_failpoint::here("act.put-off.stored");
    Ok(())
}

/// The chain's time of the next look.
pub(crate) fn again(relayer: &Relayer) -> u64 {
    relayer.now().saturating_add(AGAIN_SECS)
}
