//! Sending other people's calls to the escrow: agents own no ether.

use std::sync::Arc;

use alloy::primitives::{B256, Bytes, keccak256};
use alloy::sol_types::SolCall as _;
use axum::Json;
use axum::extract::State;
use axum::http::StatusCode;
use surety_acts::{Act, call, rows};
use surety_bindings::escrow::DealEscrow as E;
use surety_chain::CallOutcome;
use surety_chain::send::{Failure, Request, SendState, SendStatus};
use surety_terms::wire::{TransactionRequest, TransactionState, TransactionStatus};
use surety_terms::{Problem, digest};

use super::body::{self, Body, Id, Waiting};
use super::problem::{self, Refusal};
use crate::acts;
use crate::relayer::{OWN_ACTS, Relayer, STRANGERS};

/// `POST /v1/transactions`. The calldata is the idempotency key; what failed may be asked again,
/// and so may a `withdraw` that the escrow would execute once more.
pub(super) async fn post(
    State(relayer): State<Arc<Relayer>>,
    body: Body,
) -> Result<(StatusCode, Json<TransactionStatus>), Refusal> {
    let request = TransactionRequest::parse(&body::bytes(body)?)?;
    let id = request.id();
    call::check(&request.calldata).map_err(|problem| Refusal::from(*problem))?;
    let (current, known) = newest(&relayer, id).await?;
    let repeats = request.calldata.starts_with(&E::withdrawCall::SELECTOR);
    match known.as_ref().map(|status| status.state) {
        None | Some(SendState::Failed) => {}
        Some(SendState::Mined) if repeats => {}
        Some(_) => return Ok(accepted(id, known)),
    }
    let is_act = Act::called(&request.calldata).is_some();
    if !is_act {
        has_room(&relayer).await?;
    }
    let from = relayer.sender.address();
    match relayer.escrow.simulate(from, &request.calldata).await? {
        CallOutcome::Returned(_) => {}
        CallOutcome::Reverted(_) if known.as_ref().is_some_and(is_mined) => {
            return Ok(accepted(id, known));
        }
        CallOutcome::Reverted(data) => return Err(problem::reverted(&data).into()),
    }
    is_owed(&relayer, &request.calldata).await?;
    let next = known.filter(is_mined).map_or(current, |mined| successor(&mined));
    // What time allows with a deal of ours would be done without this as well.
    let rank = if is_act { OWN_ACTS } else { STRANGERS };
    let (to, calldata) = (relayer.escrow.address, request.calldata);
    let request = Request { id: next, to, calldata, rank };
    let mut tx = relayer.store.begin().await?;
    if let Ok(open) = E::openCall::abi_decode(&request.calldata) {
        // Whatever time allows with this deal is this relayer's to do.
        let deal = digest::deal_id(&open.terms, &relayer.escrow.domain());
        rows::opened_here(&mut tx, deal).await.map_err(crate::RelayerError::from)?;
    }
    let status = relayer.sender.queue(&mut tx, &request).await?;
    surety_failpoint::here("transaction.queued.written");
    tx.commit().await.map_err(crate::RelayerError::from)?;
    surety_failpoint::here("transaction.queued.stored");
    relayer.sender.wake();
    Ok(accepted(id, Some(status)))
}

pub(super) fn accepted(
    id: B256,
    status: Option<SendStatus>,
) -> (StatusCode, Json<TransactionStatus>) {
    let state = TransactionState::Queued;
    let shown = status.map_or(TransactionStatus { id, state, tx_hash: None, error: None }, |s| {
        show_status(id, &s)
    });
    (StatusCode::ACCEPTED, Json(shown))
}

fn is_mined(status: &SendStatus) -> bool {
    status.state == SendState::Mined
}

/// The sender's id for calldata that has taken effect and may do so again: only `withdraw`, when
/// its owner was credited once more.
fn successor(mined: &SendStatus) -> B256 {
    keccak256([mined.id, mined.tx_hash.unwrap_or_default()].concat())
}

/// The last of the requests that were made for the same calldata, and where it stands.
async fn newest(
    relayer: &Relayer,
    id: B256,
) -> Result<(B256, Option<SendStatus>), surety_chain::ChainError> {
    let (mut current, mut known) = (id, relayer.sender.status(id).await?);
    while let Some(mined) = known.as_ref().filter(|s| is_mined(s)) {
        let next = successor(mined);
        let Some(status) = relayer.sender.status(next).await? else { break };
        (current, known) = (next, Some(status));
    }
    Ok((current, known))
}

/// `GET /v1/transactions/{id}?waitSecs=N`.
pub(super) async fn show(
    State(relayer): State<Arc<Relayer>>,
    id: Id,
    wait: Waiting,
) -> Result<Json<TransactionStatus>, Refusal> {
    let id: B256 = body::digest(id)?;
    let (patience, _place) = body::wait(wait)?.within(&relayer);
    let (current, _) = newest(&relayer, id).await?;
    let status = tokio::select! {
        status = relayer.sender.wait(current, patience) => status?,
        () = relayer.stop.cancelled() => relayer.sender.status(current).await?,
    };
    let detail = "No transaction with this id was handed in here.";
    let missing = || Problem::new("not-found", 404, "No such transaction", detail);
    status.map(|status| Json(show_status(id, &status))).ok_or_else(|| missing().into())
}

/// Refuses while as much waits as may, or while strangers' share of the day's budget is used up and
/// somebody waits for it already. Requests that are counted at the same moment all see room.
pub(super) async fn has_room(relayer: &Relayer) -> Result<(), Refusal> {
    let queued = relayer.sender.queued().await?;
    let strangers = queued.iter().filter(|(rank, _)| *rank >= STRANGERS);
    let waiting: u64 = strangers.map(|(_, count)| count).sum();
    let opens = relayer.sender.health().share_opens;
    let (slug, title, detail) = if waiting >= relayer.config.sending.strangers_queued {
        let detail = format!("{waiting} transactions of strangers wait; try again later.");
        ("queue-full", "The queue is full", detail)
    } else if waiting > 0 && relayer.now() < opens {
        let detail = format!("What strangers may cost today is spent; try again from {opens} on.");
        ("share-spent", "Strangers' share is spent", detail)
    } else {
        return Ok(());
    };
    Err(Problem::new(slug, 503, title, detail).into())
}

/// What time allows is done for nothing only with deals that were opened or served here, and only in
/// the words in which it is done by itself: other words would be another transaction.
async fn is_owed(relayer: &Relayer, calldata: &Bytes) -> Result<(), Refusal> {
    let Some(act) = Act::called(calldata) else { return Ok(()) };
    if let Some(terms) = act.plain(calldata) {
        let deal = digest::deal_id(&terms, &relayer.escrow.domain());
        match acts::owes(relayer, deal).await? {
            Some(true) => return Ok(()),
            Some(false) => {}
            None => return Err(problem::unread().into()),
        }
    }
    let act = act.as_str();
    let detail = format!(
        "Here {act} is free only for deals that were opened or served here, and without a request. \
         For any other, POST a party's signed request with a fee to /v1/acts."
    );
    let rule = "must be of a deal that was opened or served here, canonical and without a request; \
                else ask at /v1/acts";
    Err(Problem::new("act-not-owed", 422, "Not a deal of this relayer", detail)
        .with_field("calldata", rule)
        .into())
}

fn show_status(id: B256, status: &SendStatus) -> TransactionStatus {
    TransactionStatus {
        id,
        state: match status.state {
            SendState::Queued => TransactionState::Queued,
            SendState::Sent => TransactionState::Sent,
            SendState::Mined => TransactionState::Mined,
            SendState::Failed => TransactionState::Failed,
        },
        tx_hash: status.tx_hash,
        error: status.failure.as_ref().map(|failure| match failure {
            Failure::Reverted(data) => problem::reverted(data),
            Failure::Withdrawn => {
                let detail = "The call had become pointless before a block took it; ask again.";
                Problem::new("withdrawn", 409, "Withdrawn", detail)
            }
        }),
    }
}
