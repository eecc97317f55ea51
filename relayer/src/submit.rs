//! Handing a verdict to the escrow, and seeing it through.
//!
//! The escrow ends a milestone once, so nothing here can pay twice; what is avoided is paying gas
//! for nothing. So every submission is simulated first, and the escrow's own word is read before
//! anything is sent again.

use alloy::primitives::{B256, Bytes, keccak256};
use alloy::sol_types::SolError;
use surety_acts::open_round;
use surety_batches::Entry;
use surety_bindings::escrow::DealEscrow::{
    DeadlinePassed, DeliverableMismatch, MilestoneAlreadyEnded, NoVerdict, StateMismatch,
    StatusMismatch,
};
use surety_chain::send::{Failure, Request, SendState};
use surety_chain::{BlockTag, CallOutcome};

use crate::case::{self, Next};
use crate::escrow::Escrow;
use crate::reason::Reason;
use crate::relayer::{ROUND, Relayer, VERDICTS};
use crate::store::cases::{self, CaseRow};
use crate::store::{batches, deals};
use crate::{RelayerError, batch};

/// Sends the settlement of a case in the state Decided.
pub(crate) async fn submit(relayer: &Relayer, row: &CaseRow) -> Result<Next, RelayerError> {
    let Some(calldata) = settlement(relayer, row).await? else { return Ok(Next::Later) };
    match relayer.escrow.simulate(relayer.sender.address(), &calldata).await? {
        CallOutcome::Returned(_) => queue(relayer, row, calldata).await,
        CallOutcome::Reverted(data) => refused(relayer, row, &data).await,
    }
}

/// The calldata, or none while the chain knows a state of the milestone that we do not know yet, or
/// has another round open: the escrow takes ballots as those of the round that its state names.
async fn settlement(relayer: &Relayer, row: &CaseRow) -> Result<Option<Bytes>, RelayerError> {
    let Some((ballots, _)) = row.verdict.clone() else {
        return Err(RelayerError::Row { what: "a decided case without ballots" });
    };
    let Some(Entry { terms, milestone, deliverable, state, .. }) = entry(relayer, row).await?
    else {
        return Ok(None);
    };
    Ok(Some(Escrow::settle(terms, milestone, state, (deliverable, ballots))))
}

/// What is settled, ballots aside, or none likewise.
pub(crate) async fn entry(relayer: &Relayer, row: &CaseRow) -> Result<Option<Entry>, RelayerError> {
    let (deal, milestone) = row.place();
    let (terms, pin) = {
        let mut conn = relayer.store.read().await?;
        let terms = deals::terms(&mut conn, deal).await?;
        (terms, deals::milestone(&mut conn, row.place()).await?.pin)
    };
    let Some(terms) = terms else {
        return Err(RelayerError::Row { what: "a case without a term sheet" });
    };
    let word = relayer.escrow.deal(deal, BlockTag::Latest).await?;
    let is_slow = word.is_slow(milestone);
    let open = pin.as_ref().map_or(Some(ROUND), |pin| open_round(&pin.state));
    let is_begun = row.round == ROUND || is_slow;
    if (is_slow && pin.is_none()) || open != Some(row.round) || !is_begun {
        return Ok(None);
    }
    let state = pin.filter(|_| is_slow).map(|pin| pin.state);
    let (case, deliverable) = (row.id, row.delivery.deliverable);
    let after = if terms.sequential { word.live_before(milestone) } else { 0 };
    Ok(Some(Entry { case, terms, milestone, deliverable, state, after }))
}

/// Writes the state and queues the transaction as one act.
async fn queue(relayer: &Relayer, row: &CaseRow, calldata: Bytes) -> Result<Next, RelayerError> {
    let id = keccak256(&calldata);
    let request = Request { id, to: relayer.escrow.address, calldata, rank: VERDICTS };
    let mut tx = relayer.begin(row.id).await?;
    if !cases::sent(&mut tx, row.id, id).await? {
        // It went with others, ended or was given up since it was read.
        tx.rollback().await?;
        return Ok(Next::Again);
    }
    relayer.sender.queue(&mut tx, &request).await?;
    surety_failpoint::here("case.sent.written");
    tx.commit().await?;
    surety_failpoint::here("case.sent.stored");
    relayer.sender.wake();
    relayer.changed();
    Ok(Next::Again)
}

/// What to do when the escrow would refuse the settlement.
async fn refused(relayer: &Relayer, row: &CaseRow, data: &[u8]) -> Result<Next, RelayerError> {
    let is = |selector: [u8; 4]| data.starts_with(&selector);
    let moved_on =
        [MilestoneAlreadyEnded::SELECTOR, StateMismatch::SELECTOR, StatusMismatch::SELECTOR];
    if moved_on.into_iter().any(is) {
        // The chain moved on; the next look finds where to.
        Ok(Next::Later)
    } else if is(DeadlinePassed::SELECTOR) {
        case::give_up(relayer, row.id, Reason::TooLate).await
    } else if is(DeliverableMismatch::SELECTOR) {
        case::give_up(relayer, row.id, Reason::OtherDeliverable).await
    } else if is(NoVerdict::SELECTOR) {
        ask_on(relayer, row.id).await
    } else {
        let named = surety_bindings::revert::decode(data).map(|r| r.name);
        retry(relayer, row, &named.unwrap_or_else(|| "an unnamed revert".to_owned())).await
    }
}

/// The contract counts fewer ballots than we do: ask on, and say so, since this is a bug.
async fn ask_on(relayer: &Relayer, id: B256) -> Result<Next, RelayerError> {
    tracing::error!(case = %id, "the contract does not see the verdict that we see");
    let mut tx = relayer.begin(id).await?;
    cases::asked(&mut tx, id).await?;
    tx.commit().await?;
    Ok(Next::Later)
}

/// The settlement would revert for a reason that may pass, such as a deal whose opening was
/// orphaned: try again until the panel's time is over.
async fn retry(relayer: &Relayer, row: &CaseRow, revert: &str) -> Result<Next, RelayerError> {
    tracing::warn!(case = %row.id, revert, "the settlement would revert now");
    let terms = deals::terms(&mut *relayer.store.read().await?, row.delivery.dealId).await?;
    let Some(terms) = terms else { return Ok(Next::Later) };
    if case::judging_is_over(relayer, row, &terms).await? {
        return case::give_up(relayer, row.id, Reason::Refused(revert.to_owned())).await;
    }
    Ok(Next::Later)
}

/// Waits for the settlement of a case in the state Sent. What ends it is the escrow's word, which
/// is read before every look: see [`crate::case`].
pub(crate) async fn confirm(relayer: &Relayer, row: &CaseRow) -> Result<Next, RelayerError> {
    let Some(sending) = row.sending else {
        return Err(RelayerError::Row { what: "a sent case without a transaction" });
    };
    // With a backlog each look at the escrow is one of thousands.
    let patience = relayer.poll() * 4 + relayer.sender.pace() * 4;
    let status = relayer.sender.wait(sending, patience).await?;
    let state = status.as_ref().map(|s| s.state);
    match state {
        Some(SendState::Queued | SendState::Sent) => Ok(Next::Again),
        // Mined, and yet not ended: the node that answered lags, or the block was orphaned.
        Some(SendState::Mined) if case::has_ended(relayer, row).await? => Ok(Next::Again),
        Some(SendState::Mined) if batch::skips(relayer, row, status.as_ref()).await? => {
            back(relayer, row.id, None).await
        }
        Some(SendState::Mined) => Ok(Next::Later),
        Some(SendState::Failed) | None => {
            let failure = status.and_then(|s| s.failure);
            back(relayer, row.id, failure).await
        }
    }
}

/// Back to where it was decided. What failed in company is tried alone.
async fn back(relayer: &Relayer, id: B256, failure: Option<Failure>) -> Result<Next, RelayerError> {
    tracing::warn!(case = %id, ?failure, "a settlement failed; the case is looked at again");
    let mut tx = relayer.begin(id).await?;
    cases::unsent(&mut tx, id).await?;
    surety_failpoint::here("case.unsent.written");
    batches::alone(&mut tx, id).await?;
    tx.commit().await?;
    surety_failpoint::here("case.unsent.stored");
    relayer.changed();
    Ok(Next::Later)
}
